/*
 * base/clock.c: clocks and RFC 3339 times.
 *
 * Dates are computed in the proleptic Gregorian calendar with years that begin in March, so that
 * the leap day is the last day of a year (Howard Hinnant, "chrono-compatible low-level date
 * algorithms").
 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

tu_clock tu_clock_real(void) {
    return (tu_clock){.is_virtual = false};
}

tu_clock tu_clock_virtual(int64_t wall_ms) {
    return (tu_clock){.is_virtual = true, .wall_ms = wall_ms};
}

void tu_clock_advance(tu_clock *c, int64_t ms) {
    if (!c->is_virtual)
        return;
    c->wall_ms += ms;
    c->boot_ms += ms;
}

int64_t tu_clock_wall(const tu_clock *c) {
    return c->is_virtual ? c->wall_ms : read_clock(CLOCK_REALTIME);
}

int64_t tu_clock_boot(const tu_clock *c) {
    return c->is_virtual ? c->boot_ms : read_clock(CLOCK_BOOTTIME);
}

int64_t tu_clock_monotonic(void) {
    return read_clock(CLOCK_MONOTONIC);
}

enum { DAYS_OF_400_YEARS = 146097, DAYS_TO_1970 = 719468 /* since 0000-03-01 */ };
#define MS_OF_DAY INT64_C(86400000)

static int64_t divide_down(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

static void date_of_days(int64_t days, int64_t *year, int *month, int *day) {
    days += DAYS_TO_1970;
    int64_t era = divide_down(days, DAYS_OF_400_YEARS);
    int64_t day_of_era = days - era * DAYS_OF_400_YEARS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int from_march = (int)((5 * day_of_year + 2) / 153);
    *day = (int)(day_of_year - (153 * from_march + 2) / 5 + 1);
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

static int64_t days_of_date(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = divide_down(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_OF_400_YEARS + day_of_era - DAYS_TO_1970;
}

void tu_time_format(int64_t wall_ms, char out[32]) {
    int64_t year, days = divide_down(wall_ms, MS_OF_DAY);
    int month, day, ms = (int)(wall_ms % MS_OF_DAY);
    if (ms < 0)
        ms += (int)MS_OF_DAY;
    date_of_days(days, &year, &month, &day);
    int n = snprintf(out, 32, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)year, month, day,
                     ms / 3600000, ms / 60000 % 60, ms / 1000 % 60);
    if (ms % 1000)
        snprintf(out + n, 32 - (size_t)n, ".%03dZ", ms % 1000);
    else
        snprintf(out + n, 32 - (size_t)n, "Z");
}

/* --- parsing ---------------------------------------------------------------------------------- */

/* Reads exactly n digits. */
static bool take_digits(tu_str *s, int n, int *ret) {
    int number = 0;
    if (s->n < (size_t)n)
        return false;
    for (int i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        number = number * 10 + (s->p[i] - '0');
    }
    *s = (tu_str){s->p + n, s->n - (size_t)n};
    *ret = number;
    return true;
}

static bool take_one_of(tu_str *s, char a, char b, char *ret) {
    if (s->n == 0 || (s->p[0] != a && s->p[0] != b))
        return false;
    if (ret)
        *ret = s->p[0];
    *s = (tu_str){s->p + 1, s->n - 1};
    return true;
}

/* ".123456789": microseconds; finer digits are cut. */
static bool take_fraction(tu_str *s, int64_t *ret_us) {
    int64_t us = 0;
    int digits = 0;
    *ret_us = 0;
    if (!take_one_of(s, '.', '.', NULL))
        return true;
    for (int digit; take_digits(s, 1, &digit); digits++)
        if (digits < 6)
            us = us * 10 + digit;
    for (int i = digits; i < 6; i++)
        us *= 10;
    *ret_us = us;
    return digits > 0;
}

static bool take_offset(tu_str *s, int64_t *ret_s) {
    char sign;
    int hours, minutes;
    *ret_s = 0;
    if (take_one_of(s, 'Z', 'z', NULL))
        return true;
    if (!take_one_of(s, '+', '-', &sign) || !take_digits(s, 2, &hours) ||
        !take_one_of(s, ':', ':', NULL) || !take_digits(s, 2, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *ret_s = (hours * 60 + minutes) * 60 * (sign == '-' ? -1 : 1);
    return true;
}

static int days_of_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* A leap second (RFC 3339 section 5.7) is read as the second behind it, as POSIX counts; it stands
 * only at the end of a month in UTC. */
static bool is_leap_second(int64_t seconds) {
    int64_t year, days = divide_down(seconds, 86400);
    int month, day;
    date_of_days(days, &year, &month, &day);
    return seconds == days * 86400 && day == 1;
}

bool tu_time_parse(tu_str s, int64_t *ret_us) {
    int year, month, day, hour, minute, second;
    int64_t fraction, offset;
    if (!take_digits(&s, 4, &year) || !take_one_of(&s, '-', '-', NULL) ||
        !take_digits(&s, 2, &month) || !take_one_of(&s, '-', '-', NULL) ||
        !take_digits(&s, 2, &day) || !take_one_of(&s, 'T', 't', NULL) ||
        !take_digits(&s, 2, &hour) || !take_one_of(&s, ':', ':', NULL) ||
        !take_digits(&s, 2, &minute) || !take_one_of(&s, ':', ':', NULL) ||
        !take_digits(&s, 2, &second) || !take_fraction(&s, &fraction) ||
        !take_offset(&s, &offset) || s.n != 0)
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) || hour > 23 ||
        minute > 59 || second > 60)
        return false;
    int64_t seconds =
        days_of_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    if (second == 60 && !is_leap_second(seconds))
        return false;
    *ret_us = seconds * 1000000 + fraction;
    return true;
}
