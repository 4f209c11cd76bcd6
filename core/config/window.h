/*
 * config/window.h: what a window is made of. Others ask through config.h: tu_window_open(), tu_window_next().
 */
#ifndef TU_CONFIG_WINDOW_H
#define TU_CONFIG_WINDOW_H

#include "config/config.h"
#include "config/cron.h"

/* Local days, and a time of day on each of them. A window begins on the days that are named; one
 * that ends past midnight ends on the day after. */
typedef struct tu_weekly {
    uint32_t weekdays, months; /* bits as in tu_cron: 0 is Sunday, 1 is January */
    uint32_t days,
        last_days; /* days of the month, from 1; counted from its end (bit 1: the last). Both 0: every day */
    int64_t from_s, to_s; /* seconds since midnight; to_s <= from_s: on the next day */
} tu_weekly;

/* As tu_window_prepare(), for a window without cron. w->time_zone is read. */
tu_rc tu_window_prepare_weekly(tu_arena *a, tu_window *w, const tu_weekly *weekly,
                               tu_error **error);

#endif
