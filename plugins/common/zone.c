/*
 * common/zone.c: time zones from TZif files, version 2 and later (RFC 9636).
 *
 *     header, data with 32-bit times (skipped) | header, data with 64-bit times | "\n" rule "\n"
 *
 * The data lists moments at which the offset changed; the rule, as POSIX writes TZ ("CET-1CEST,M3.5.0,M10.5.0/3"), says how it
 * goes on after the last of them. Nothing of a file is trusted: every count is checked against the bytes that are there.
 */
#include "common/zone.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ZONE_BYTES = 256 * 1024, NAME_BYTES = 16, DAY = 86400, HEADER_BYTES = 44 };

/* When summer time begins or ends: the weekday of the n-th week of a month, or a day of the year. */
typedef struct turn {
    int month, week, day; /* month 0: day of the year, from 0 */
    bool without_leap;    /* 29 February isn't counted */
    int64_t seconds;
} turn;

typedef struct period {
    int32_t offset;
    char name[NAME_BYTES];
} period;

struct zone {
    zone *next;
    int64_t *times; /* ascending */
    uint8_t *types; /* what holds from times[i] on */
    size_t n;
    period *periods; /* number 0 holds before the first time */
    bool has_rule, has_summer;
    period standard, summer;
    turn begin, end;
};

/* --- the calendar --------------------------------------------------------------------------------------- */

static int64_t floor_divide(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

static bool is_leap(int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant). */
static int64_t day_number(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = floor_divide(year, 400), of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void zone_date_of(int64_t seconds, zone_date *ret) {
    int64_t days = floor_divide(seconds, DAY), rest = seconds - days * DAY;
    int64_t shifted = days + 719468, era = floor_divide(shifted, 146097);
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100),
            month = (5 * of_year + 2) / 153;
    *ret = (zone_date){.month = (int)(month < 10 ? month + 3 : month - 9),
                       .day = (int)(of_year - (153 * month + 2) / 5 + 1),
                       .hour = (int)(rest / 3600),
                       .minute = (int)(rest / 60 % 60),
                       .second = (int)(rest % 60),
                       .weekday = (int)(((days + 4) % 7 + 7) % 7)};
    ret->year = era * 400 + year + (ret->month <= 2);
    ret->year_day = (int)(days - day_number(ret->year, 1, 1));
}

static bool read_digits(const char **s, int n, int *ret) {
    for (*ret = 0; n > 0; n--, (*s)++) {
        if (!isdigit((unsigned char)**s))
            return false;
        *ret = *ret * 10 + (**s - '0');
    }
    return true;
}

/* "Z", "+09:00" */
static bool read_offset(const char *s, int64_t *ret) {
    int hours, minutes;
    bool negative = *s == '-';
    if ((*s == 'Z' || *s == 'z') && !s[1]) {
        *ret = 0;
        return true;
    }
    if ((*s != '+' && *s != '-') || (s++, !read_digits(&s, 2, &hours)) || *s++ != ':' ||
        !read_digits(&s, 2, &minutes) || *s)
        return false;
    *ret = (hours * 60 + minutes) * 60 * (negative ? -1 : 1);
    return true;
}

bool zone_read_time(const char *s, int64_t *ret) {
    int year, month, day, hour, minute, second;
    int64_t offset;
    if (!read_digits(&s, 4, &year) || *s++ != '-' || !read_digits(&s, 2, &month) || *s++ != '-' ||
        !read_digits(&s, 2, &day) || (*s != 'T' && *s != 't' && *s != ' '))
        return false;
    s++;
    if (!read_digits(&s, 2, &hour) || *s++ != ':' || !read_digits(&s, 2, &minute) || *s++ != ':' ||
        !read_digits(&s, 2, &second))
        return false;
    if (*s == '.')
        for (s++; isdigit((unsigned char)*s);)
            s++;
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 ||
        !read_offset(s, &offset))
        return false;
    *ret = day_number(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    return true;
}

/* --- the rule -------------------------------------------------------------------------------------------- */

static bool take_number(const char **s, int64_t most, int64_t *ret) {
    if (!isdigit((unsigned char)**s))
        return false;
    for (*ret = 0; isdigit((unsigned char)**s) && *ret <= most; (*s)++)
        *ret = *ret * 10 + (**s - '0');
    return *ret <= most;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(const char **s, int64_t *ret) {
    bool negative = **s == '-';
    int64_t hours, minutes = 0, seconds = 0;
    *s += **s == '-' || **s == '+';
    if (!take_number(s, 167, &hours) || (**s == ':' && (++*s, !take_number(s, 59, &minutes))) ||
        (**s == ':' && (++*s, !take_number(s, 59, &seconds))))
        return false;
    *ret = (hours * 3600 + minutes * 60 + seconds) * (negative ? -1 : 1);
    return true;
}

/* "CET", "<+09>" */
static bool take_name(const char **s, char name[NAME_BYTES]) {
    bool quoted = **s == '<';
    *s += quoted;
    size_t n = 0;
    while (**s && (quoted ? **s != '>' : isalpha((unsigned char)**s))) {
        if (n + 1 < NAME_BYTES)
            name[n++] = **s;
        (*s)++;
    }
    name[n] = '\0';
    if (quoted && **s != '>')
        return false;
    *s += quoted;
    return n >= 3;
}

static bool take_turn(const char **s, turn *ret) {
    int64_t month = 0, week = 0, day = 0;
    if (*(*s)++ != ',')
        return false;
    if (**s == 'M') {
        ++*s;
        if (!take_number(s, 12, &month) || *(*s)++ != '.' || !take_number(s, 5, &week) ||
            *(*s)++ != '.' || !take_number(s, 6, &day) || month == 0 || week == 0)
            return false;
    } else {
        ret->without_leap = **s == 'J';
        *s += ret->without_leap;
        if (!take_number(s, 365, &day) || (ret->without_leap && day == 0))
            return false;
        day -= ret->without_leap;
    }
    ret->month = (int)month;
    ret->week = (int)week;
    ret->day = (int)day;
    ret->seconds = 2 * 3600;
    return **s != '/' || (++*s, take_time(s, &ret->seconds));
}

static bool read_rule(const char *s, zone *z) {
    int64_t west;
    if (!take_name(&s, z->standard.name) || !take_time(&s, &west))
        return false;
    z->standard.offset = (int32_t)-west;
    z->has_rule = true;
    z->has_summer = *s != '\0';
    if (!z->has_summer)
        return true;
    if (!take_name(&s, z->summer.name))
        return false;
    z->summer.offset = z->standard.offset + 3600;
    if (*s != ',') {
        if (!take_time(&s, &west))
            return false;
        z->summer.offset = (int32_t)-west;
    }
    return take_turn(&s, &z->begin) && take_turn(&s, &z->end) && !*s;
}

/* Local seconds since 1970 of the turn in that year. */
static int64_t turn_in(const turn *t, int64_t year) {
    int64_t day;
    if (t->month) {
        int64_t first = day_number(year, t->month, 1);
        int64_t next =
            t->month == 12 ? day_number(year + 1, 1, 1) : day_number(year, t->month + 1, 1);
        int weekday = (int)(((first + 4) % 7 + 7) % 7);
        day = first + (t->day - weekday + 7) % 7 + 7 * (t->week - 1);
        while (day >= next)
            day -= 7; /* week 5 is the last */
    } else {
        day = day_number(year, 1, 1) + t->day + (t->without_leap && is_leap(year) && t->day >= 59);
    }
    return day * DAY + t->seconds;
}

static const period *by_rule(const zone *z, int64_t utc) {
    zone_date d;
    if (!z->has_summer)
        return &z->standard;
    zone_date_of(utc + z->standard.offset, &d);
    int64_t begin = turn_in(&z->begin, d.year) - z->standard.offset;
    int64_t end = turn_in(&z->end, d.year) - z->summer.offset;
    bool summer = begin < end ? utc >= begin && utc < end : utc >= begin || utc < end;
    return summer ? &z->summer : &z->standard;
}

/* --- asking ---------------------------------------------------------------------------------------------- */

static const period *period_at(const zone *z, int64_t utc) {
    if (z->n == 0 || utc >= z->times[z->n - 1])
        return z->has_rule ? by_rule(z, utc) : &z->periods[z->n ? z->types[z->n - 1] : 0];
    if (utc < z->times[0])
        return &z->periods[0];
    size_t low = 0, high = z->n - 1; /* times[low] <= utc < times[high] */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (z->times[middle] <= utc)
            low = middle;
        else
            high = middle;
    }
    return &z->periods[z->types[low]];
}

int32_t zone_offset(const zone *z, int64_t utc, const char **ret_name) {
    static const period utc_period = {0, "UTC"};
    const period *p = z ? period_at(z, utc) : &utc_period;
    if (ret_name)
        *ret_name = p->name;
    return p->offset;
}

/* --- reading --------------------------------------------------------------------------------------------- */

static uint64_t big_endian(const unsigned char *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

typedef struct header {
    uint32_t times, types, letters;
    size_t data; /* bytes behind the header */
} header;

static bool read_header(const unsigned char *p, size_t n, size_t time_bytes, header *h) {
    uint32_t counts[6]; /* UTC marks, standard marks, leap seconds, times, types, letters */
    if (n < HEADER_BYTES || memcmp(p, "TZif", 4) || p[4] < '2')
        return false;
    for (size_t i = 0; i < 6; i++) {
        counts[i] = (uint32_t)big_endian(p + 20 + 4 * i, 4);
        if (counts[i] > n)
            return false;
    }
    *h = (header){.times = counts[3], .types = counts[4], .letters = counts[5]};
    h->data = counts[3] * (time_bytes + 1) + counts[4] * (size_t)6 + counts[5] +
              counts[2] * (time_bytes + 4) + counts[1] + counts[0];
    return n - HEADER_BYTES >= h->data && h->types > 0 && h->types <= 256;
}

static bool read_periods(const unsigned char *p, const header *h, zone *z) {
    const unsigned char *letters = p + 6 * (size_t)h->types;
    for (size_t i = 0; i < h->types; i++, p += 6) {
        period *to = &z->periods[i];
        to->offset = (int32_t)(uint32_t)big_endian(p, 4);
        if (p[5] >= h->letters || to->offset < -2 * DAY || to->offset > 2 * DAY)
            return false;
        for (size_t k = 0, at = p[5]; at < h->letters && letters[at] && k + 1 < NAME_BYTES; k++)
            to->name[k] = (char)letters[at++];
    }
    return true;
}

static bool read_data(const unsigned char *p, const header *h, zone *z) {
    z->times = calloc(h->times + 1u, sizeof *z->times);
    z->types = calloc(h->times + 1u, sizeof *z->types);
    z->periods = calloc(h->types, sizeof *z->periods);
    if (!z->times || !z->types || !z->periods)
        return false;
    const unsigned char *types = p + 8 * (size_t)h->times;
    z->n = h->times;
    for (size_t i = 0; i < z->n; i++) {
        z->times[i] = (int64_t)big_endian(p + 8 * i, 8);
        z->types[i] = types[i];
        if (types[i] >= h->types || (i && z->times[i] <= z->times[i - 1]))
            return false;
    }
    return read_periods(types + h->times, h, z);
}

static bool read_file(const unsigned char *p, size_t n, zone *z) {
    header h;
    char rule[128];
    if (!read_header(p, n, 4, &h))
        return false;
    p += HEADER_BYTES + h.data;
    n -= HEADER_BYTES + h.data;
    if (!read_header(p, n, 8, &h) || !read_data(p + HEADER_BYTES, &h, z))
        return false;
    p += HEADER_BYTES + h.data;
    n -= HEADER_BYTES + h.data;
    if (n < 2 || n > sizeof rule || p[0] != '\n' || p[n - 1] != '\n' || memchr(p, '\0', n))
        return false;
    memcpy(rule, p + 1, n - 2);
    rule[n - 2] = '\0';
    return !*rule || read_rule(rule, z);
}

zone *zone_parse(const void *bytes, size_t n) {
    zone *z = calloc(1, sizeof *z);
    if (z && read_file(bytes, n, z))
        return z;
    zone_free(z);
    return NULL;
}

/* Letters, digits and single slashes: no way out of the folder. */
static bool is_zone_name(const char *name) {
    size_t n = strlen(name);
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("/_+-", *c))
            return false;
    return n > 0 && n < 100 && isupper((unsigned char)*name) && !strstr(name, "//") &&
           name[n - 1] != '/';
}

static zone *new_utc(void) {
    zone *z = calloc(1, sizeof *z);
    if (z) {
        z->has_rule = true;
        memcpy(z->standard.name, "UTC", 4);
    }
    return z;
}

zone *zone_open(const char *name) {
    const char *folder = secure_getenv("TZDIR");
    char path[1024];
    if (!strcmp(name, "UTC") || !strcmp(name, "Etc/UTC"))
        return new_utc();
    if (!is_zone_name(name) ||
        snprintf(path, sizeof path, "%s/%s", folder && *folder ? folder : "/usr/share/zoneinfo",
                 name) >= (int)sizeof path)
        return NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    unsigned char *bytes = fd >= 0 ? malloc(ZONE_BYTES) : NULL;
    ssize_t n = 0, got = bytes ? 1 : 0;
    while (got > 0 && n < ZONE_BYTES) {
        got = read(fd, bytes + n, (size_t)(ZONE_BYTES - n));
        n += got > 0 ? got : 0;
    }
    zone *z = bytes && got == 0 ? zone_parse(bytes, (size_t)n) : NULL;
    free(bytes);
    if (fd >= 0)
        close(fd);
    return z;
}

void zone_free(zone *z) {
    if (!z)
        return;
    free(z->times);
    free(z->types);
    free(z->periods);
    free(z);
}

zone *zone_next(const zone *z) {
    return z->next;
}

void zone_set_next(zone *z, zone *next) {
    z->next = next;
}
