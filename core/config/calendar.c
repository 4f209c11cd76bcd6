/*
 * config/calendar.c: days and dates, after Howard Hinnant's "chrono-compatible low-level date
 * algorithms": a year begins in March, so that the leap day is its last, and 400 years are one era
 * of 146,097 days.
 */
#include "config/calendar.h"

tu_date tu_date_of(int64_t day_number) {
    int64_t z = day_number + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0 is March */
    tu_date d = {.day = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1),
                 .month = (unsigned)(month < 10 ? month + 3 : month - 9)};
    d.year = year_of_era + era * 400 + (d.month <= 2);
    return d;
}

int64_t tu_day_number(int64_t year, unsigned month, unsigned day) {
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

unsigned tu_weekday_of(int64_t day_number) {
    int64_t w = (day_number + 4) % 7; /* 1970-01-01 was a Thursday */
    return (unsigned)(w < 0 ? w + 7 : w);
}

bool tu_is_leap_year(int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}
