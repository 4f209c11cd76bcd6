/*
 * config/cron.h: cron expressions of five fields, and the days and times that they name.
 *
 *     minute  hour  day-of-month  month  day-of-week
 *     0       8     *             *      MON-FRI
 *
 * A field is `*`, a number, a range `a-b`, any of these with a step `/n`, or a list of them with
 * commas; `a/n` goes from a to the end. Months and weekdays have English three-letter names; Sunday
 * is 0 and 7. As in every cron since Vixie's: when both days are restricted (neither begins with
 * `*`), a day that matches either of them counts. The macros @hourly, @daily, @weekly, @monthly and
 * @yearly work too.
 */
#ifndef TU_CONFIG_CRON_H
#define TU_CONFIG_CRON_H

#include "base/error.h"
#include <stdbool.h>

typedef struct tu_cron {
    uint64_t minutes; /* bit n: minute n */
    uint32_t hours, days, months,
        weekdays;    /* bit n: hour n, day n (1..31), month n (1..12), weekday n (0 = Sunday) */
    bool either_day; /* days and weekdays are both restricted */
} tu_cron;

tu_rc tu_cron_parse(tu_str text, tu_cron *ret, tu_error **error);
/* Does it fire on this day? day_number counts days since 1970-01-01. */
bool tu_cron_matches_day(const tu_cron *c, int64_t day_number);

#endif
