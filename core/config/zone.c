/*
 * config/zone.c: time zones from TZif files (RFC 8536).
 *
 *     header, data with 32-bit times (skipped) | header, data with 64-bit times | "\n" rule "\n"
 *
 * The data is a list of moments at which the offset changed; the rule, written as POSIX writes TZ
 * ("CET-1CEST,M3.5.0,M10.5.0/3"), says how it goes on after the last of them. Both are needed: slim
 * files end their list where the rule begins.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/calendar.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY INT64_C(86400)
#define ZONE_FOLDER "/usr/share/zoneinfo"

/* A day of the year and the local time at which summer time begins or ends. */
typedef struct turn {
    char form; /* 'M': weekday of the n-th week of a month; 'J': day 1..365 without 29 February;
                  'n': day 0..365 */
    int month, week, day;
    int64_t seconds;
} turn;

struct tu_zone {
    const int64_t *times; /* ascending */
    const uint8_t *types; /* what holds from times[i] on */
    size_t n;
    const int64_t *offsets; /* by type; type 0 holds before the first time */
    bool has_rule, has_summer;
    int64_t standard, summer; /* offsets of the rule */
    turn begin, end;
};

/* --- the rule --------------------------------------------------------------------------------- */

static bool take(tu_str *s, char c) {
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = (tu_str){s->p + 1, s->n - 1};
    return true;
}

static bool take_number(tu_str *s, int64_t low, int64_t high, int64_t *ret) {
    size_t n = 0;
    int64_t value = 0;
    for (; n < s->n && n < 4 && s->p[n] >= '0' && s->p[n] <= '9'; n++)
        value = value * 10 + (s->p[n] - '0');
    *s = (tu_str){s->p + n, s->n - n};
    *ret = value;
    return n > 0 && value >= low && value <= high;
}

static bool take_name(tu_str *s) {
    size_t n = 0;
    if (take(s, '<')) {
        while (n < s->n && s->p[n] != '>')
            n++;
        if (n == s->n)
            return false;
        *s = (tu_str){s->p + n + 1, s->n - n - 1};
        return true;
    }
    while (n < s->n && ((s->p[n] | 0x20) >= 'a' && (s->p[n] | 0x20) <= 'z'))
        n++;
    *s = (tu_str){s->p + n, s->n - n};
    return n >= 3;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(tu_str *s, int64_t *ret) {
    bool negative = take(s, '-');
    if (!negative)
        take(s, '+');
    int64_t hours, minutes = 0, seconds = 0;
    if (!take_number(s, 0, 167, &hours) || (take(s, ':') && !take_number(s, 0, 59, &minutes)) ||
        (take(s, ':') && !take_number(s, 0, 59, &seconds)))
        return false;
    *ret = (hours * 60 + minutes) * 60 + seconds;
    if (negative)
        *ret = -*ret;
    return true;
}

static bool take_turn(tu_str *s, turn *ret) {
    int64_t month = 0, week = 0, day = 0;
    if (!take(s, ','))
        return false;
    if (take(s, 'M')) {
        ret->form = 'M';
        if (!take_number(s, 1, 12, &month) || !take(s, '.') || !take_number(s, 1, 5, &week) ||
            !take(s, '.') || !take_number(s, 0, 6, &day))
            return false;
    } else {
        ret->form = take(s, 'J') ? 'J' : 'n';
        if (!take_number(s, ret->form == 'J', 365, &day))
            return false;
    }
    ret->month = (int)month;
    ret->week = (int)week;
    ret->day = (int)day;
    ret->seconds = 2 * 3600;
    return !take(s, '/') || take_time(s, &ret->seconds);
}

static bool parse_rule(tu_str s, tu_zone *z) {
    int64_t west;
    if (!take_name(&s) || !take_time(&s, &west))
        return false;
    z->standard = -west;
    z->has_rule = true;
    if (s.n == 0)
        return true;
    z->has_summer = true;
    z->summer = z->standard + 3600;
    if (!take_name(&s))
        return false;
    if (s.n > 0 && s.p[0] != ',') {
        if (!take_time(&s, &west))
            return false;
        z->summer = -west;
    }
    return take_turn(&s, &z->begin) && take_turn(&s, &z->end) && s.n == 0;
}

/* Local seconds since 1970 of the turn in that year. */
static int64_t turn_in_year(const turn *t, int64_t year) {
    int64_t day;
    if (t->form == 'M') {
        int64_t first = tu_day_number(year, (unsigned)t->month, 1);
        int64_t next = t->month == 12 ? tu_day_number(year + 1, 1, 1)
                                      : tu_day_number(year, (unsigned)t->month + 1, 1);
        day = first + (t->day + 7 - (int)tu_weekday_of(first)) % 7 + 7 * (t->week - 1);
        while (day >= next)
            day -= 7; /* week 5 is the last */
    } else {
        day = tu_day_number(year, 1, 1) + t->day;
        if (t->form == 'J')
            day += (tu_is_leap_year(year) && t->day >= 60) - 1;
    }
    return day * DAY + t->seconds;
}

static int64_t day_of(int64_t seconds) {
    return seconds >= 0 ? seconds / DAY : -((DAY - 1 - seconds) / DAY);
}

static int64_t rule_offset(const tu_zone *z, int64_t utc) {
    if (!z->has_summer)
        return z->standard;
    int64_t year = tu_date_of(day_of(utc + z->standard)).year;
    int64_t begin = turn_in_year(&z->begin, year) - z->standard;
    int64_t end = turn_in_year(&z->end, year) - z->summer;
    bool summer = begin < end ? begin <= utc && utc < end : !(end <= utc && utc < begin);
    return summer ? z->summer : z->standard;
}

/* --- asking ----------------------------------------------------------------------------------- */

int64_t tu_zone_offset(const tu_zone *z, int64_t utc) {
    if (z->n == 0 || utc >= z->times[z->n - 1]) {
        if (z->has_rule)
            return rule_offset(z, utc);
        return z->offsets[z->n ? z->types[z->n - 1] : 0];
    }
    if (utc < z->times[0])
        return z->offsets[0];
    size_t low = 0, high = z->n - 1; /* times[low] <= utc < times[high] */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (z->times[middle] <= utc)
            low = middle;
        else
            high = middle;
    }
    return z->offsets[z->types[low]];
}

int64_t tu_zone_to_utc(const tu_zone *z, int64_t local) {
    int64_t before = tu_zone_offset(z, local - DAY), after = tu_zone_offset(z, local + DAY);
    if (tu_zone_offset(z, local - before) == before)
        return local - before;
    if (tu_zone_offset(z, local - after) == after)
        return local - after;
    return local - before; /* skipped: what the clock would have shown without the change */
}

/* --- reading ---------------------------------------------------------------------------------- */

static uint64_t big_endian(const char *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

typedef struct header {
    uint8_t version;
    uint32_t utc_marks, standard_marks, leaps, times, types, letters;
    size_t data; /* bytes behind the header */
} header;

#define HEADER_BYTES 44

static bool read_header(tu_str s, size_t time_bytes, header *h) {
    if (s.n < HEADER_BYTES || memcmp(s.p, "TZif", 4) != 0)
        return false;
    uint32_t counts[6];
    for (size_t i = 0; i < 6; i++) {
        counts[i] = (uint32_t)big_endian(s.p + 20 + 4 * i, 4);
        if (counts[i] > s.n)
            return false;
    }
    *h = (header){(uint8_t)s.p[4], counts[0], counts[1], counts[2],
                  counts[3],       counts[4], counts[5], 0};
    h->data = h->times * (time_bytes + 1) + h->types * 6u + h->letters +
              h->leaps * (time_bytes + 4) + h->standard_marks + h->utc_marks;
    return s.n - HEADER_BYTES >= h->data && h->types > 0 && h->types <= 256;
}

static bool read_data(tu_arena *a, tu_str s, const header *h, tu_zone *z) {
    int64_t *times = tu_arena_alloc(a, h->times * sizeof *times);
    uint8_t *types = tu_arena_alloc(a, h->times);
    int64_t *offsets = tu_arena_alloc(a, h->types * sizeof *offsets);
    if (!times || !types || !offsets)
        return false;
    const char *type_at = s.p + 8u * h->times, *offset_at = type_at + h->times;
    for (size_t i = 0; i < h->times; i++) {
        times[i] = (int64_t)big_endian(s.p + 8 * i, 8);
        types[i] = (uint8_t)type_at[i];
        if (types[i] >= h->types || (i > 0 && times[i] <= times[i - 1]))
            return false;
    }
    for (size_t i = 0; i < h->types; i++) {
        offsets[i] = (int32_t)(uint32_t)big_endian(offset_at + 6 * i, 4);
        if (offsets[i] < -DAY * 2 || offsets[i] > DAY * 2)
            return false;
    }
    z->times = times;
    z->types = types;
    z->n = h->times;
    z->offsets = offsets;
    return true;
}

tu_rc tu_zone_parse(tu_arena *a, tu_str bytes, const tu_zone **ret, tu_error **error) {
    tu_zone *z = tu_arena_zalloc(a, sizeof *z);
    if (!z)
        return tu_error_memory(error);
    header h;
    if (!read_header(bytes, 4, &h) || h.version < '2')
        return tu_error_set(error, TU_EINVALID, "not a time zone file of version 2 or later");
    size_t skip = HEADER_BYTES + h.data;
    bytes = (tu_str){bytes.p + skip, bytes.n - skip};
    if (!read_header(bytes, 8, &h) ||
        !read_data(a, (tu_str){bytes.p + HEADER_BYTES, h.data}, &h, z))
        return tu_error_set(error, TU_EINVALID, "the time zone file is damaged");
    skip = HEADER_BYTES + h.data;
    tu_str rule = {bytes.p + skip, bytes.n - skip};
    if (rule.n < 2 || rule.p[0] != '\n' || rule.p[rule.n - 1] != '\n')
        return tu_error_set(error, TU_EINVALID, "the time zone file is cut off");
    rule = (tu_str){rule.p + 1, rule.n - 2};
    if (rule.n > 0 && !parse_rule(rule, z))
        return tu_error_set(error, TU_EINVALID,
                            "the time zone file ends in a rule that isn't one: '%.*s'", TU_P(rule));
    *ret = z;
    return TU_OK;
}

/* --- finding ---------------------------------------------------------------------------------- */

static const char *zone_folder(void) {
    const char *folder = secure_getenv("TZDIR");
    return folder && *folder ? folder : ZONE_FOLDER;
}

/* Looks for the zone that was meant: the same letters in another case, the same city without its
 * continent, or a spelling near by. */
typedef struct search {
    tu_str wanted;
    char best[128];
    int rank; /* 0: nothing yet; higher is better */
} search;

static tu_str last_step(tu_str s) {
    size_t at = s.n;
    while (at > 0 && s.p[at - 1] != '/')
        at--;
    return (tu_str){s.p + at, s.n - at};
}

static bool same_letters(tu_str a, tu_str b) {
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* Nearer than the other, or as near and earlier in the alphabet: folders have no order of their
 * own. */
static bool is_nearer(tu_str word, const char *name, const char *other) {
    bool first = tu_suggest(word, (const char *const[]){name, other}, 2) == name;
    bool second = tu_suggest(word, (const char *const[]){other, name}, 2) == name;
    return first && (second || strcmp(name, other) < 0);
}

static void consider(search *s, const char *name) {
    tu_str candidate = tu_str_c(name), city = last_step(candidate), wanted = last_step(s->wanted);
    char folded[128];
    size_t n = s->wanted.n < sizeof folded ? s->wanted.n : sizeof folded - 1;
    for (size_t i = 0; i < n; i++)
        folded[i] = s->wanted.p[i] == ' ' ? '_' : s->wanted.p[i];
    tu_str spelled = {folded, n};
    int rank = 0;
    if (same_letters(candidate, spelled))
        rank = 4;
    else if (same_letters(city, last_step(spelled)))
        rank = 3;
    else if (tu_suggest(spelled, &name, 1))
        rank = 2;
    else if (city.n > 4 && tu_suggest(wanted, &(const char *){city.p}, 1))
        rank = 1;
    if (rank > s->rank || (rank == 2 && s->rank == 2 && is_nearer(spelled, name, s->best))) {
        s->rank = rank;
        snprintf(s->best, sizeof s->best, "%s", name);
    }
}

static void walk(search *s, const char *folder, const char *prefix, unsigned depth) {
    DIR *d = opendir(folder);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        /* zones begin with a capital; posix/ and right/ repeat them all */
        if (e->d_name[0] < 'A' || e->d_name[0] > 'Z')
            continue;
        char name[128], path[512];
        int n = snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "/" : "", e->d_name);
        int m = snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (n >= (int)sizeof name || m >= (int)sizeof path)
            continue;
        if (e->d_type == DT_DIR && depth > 0)
            walk(s, path, name, depth - 1);
        else if (e->d_type != DT_DIR)
            consider(s, name);
    }
    closedir(d);
}

static tu_rc unknown_zone(tu_str name, const char *folder, tu_error **error) {
    if (!tu_file_exists(folder)) {
        tu_error_set(error, TU_EINVALID,
                     "no time zones on this machine (%s isn't there), so only UTC is known",
                     folder);
        tu_error_hint(error, "install the package tzdata");
        return TU_EINVALID;
    }
    tu_error_set(error, TU_EINVALID, "unknown time zone '%.*s'", TU_P(name));
    search s = {.wanted = name};
    walk(&s, folder, "", 2);
    if (s.rank > 0)
        tu_error_hint(error, "did you mean '%s'?", s.best);
    else
        tu_error_hint(error, "write an IANA name such as Europe/Berlin or Asia/Seoul");
    return TU_EINVALID;
}

static bool looks_like_a_zone(tu_str name) {
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              strchr("/_+-", c)))
            return false;
    }
    return name.n > 0 && name.n < 100 && name.p[0] >= 'A' && name.p[0] <= 'Z' &&
           tu_path_is_clean(name);
}

tu_rc tu_zone_load(tu_arena *a, tu_str name, const tu_zone **ret, tu_error **error) {
    if (name.n == 0 || tu_str_is(name, "UTC") || tu_str_is(name, "Etc/UTC")) {
        tu_zone *z = tu_arena_zalloc(a, sizeof *z);
        if (!z)
            return tu_error_memory(error);
        z->has_rule = true;
        *ret = z;
        return TU_OK;
    }
    const char *folder = zone_folder();
    if (!looks_like_a_zone(name))
        return unknown_zone(name, folder, error);
    char relative[128], path[1024];
    snprintf(relative, sizeof relative, "%.*s", TU_P(name));
    if (snprintf(path, sizeof path, "%s/%s", folder, relative) >= (int)sizeof path)
        return unknown_zone(name, folder, error);
    _cleanup_(tu_buf_done) tu_buf bytes = TU_BUF_INIT(TU_LIMIT_ZONE_BYTES);
    tu_error *why = NULL;
    tu_rc rc = tu_file_read(path, TU_LIMIT_ZONE_BYTES, &bytes, &why);
    tu_error_free(why);
    if (rc != TU_OK)
        return unknown_zone(name, folder, error);
    rc = tu_zone_parse(a, tu_buf_str(&bytes), ret, error);
    if (rc != TU_OK)
        tu_error_context(error, "time zone '%.*s' (%s)", TU_P(name), path);
    return rc;
}
