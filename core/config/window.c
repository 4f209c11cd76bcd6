/*
 * config/window.c: is a window open?
 *
 *     cron fires            cron fires
 *        |== duration ==|      |== duration ==|
 *   -----+--------------+------+--------------+-----> time
 *                open      shut       open
 *
 * A window is open at t when the expression fired at some moment in (t - duration, t]. Local days
 * are walked backwards from t, so the cost is one step for each day of the duration and one for
 * each minute that matches on its edges. A local time that a change of clocks skips fires at the
 * moment that would have been it (02:30 becomes 03:30), one that happens twice fires the first
 * time; durations are real time.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/calendar.h"
#include "config/config.h"
#include "config/cron.h"

#define DAY_SECONDS INT64_C(86400)

struct tu_schedule {
    tu_cron cron;
    const tu_zone *zone;
};

tu_rc tu_window_prepare(tu_arena *a, tu_window *w, tu_error **error) {
    tu_schedule *s = tu_arena_zalloc(a, sizeof *s);
    if (!s)
        return tu_error_memory(error);
    tu_rc rc = tu_cron_parse(w->cron, &s->cron, error);
    if (rc != TU_OK)
        return rc;
    rc = tu_zone_load(a, w->time_zone, &s->zone, error);
    if (rc != TU_OK)
        return rc;
    if (w->duration_ms <= 0 || w->duration_ms > TU_LIMIT_WINDOW_DAYS * DAY_SECONDS * 1000)
        return tu_error_set(error, TU_EINVALID,
                            "a window must stay open for more than 0s and at most %ud",
                            TU_LIMIT_WINDOW_DAYS);
    w->schedule = s;
    return TU_OK;
}

tu_rc tu_window_check(const tu_window *w, tu_error **error) {
    _cleanup_(tu_arena_done) tu_arena scratch;
    tu_arena_init(&scratch, TU_MIB);
    tu_window copy = *w;
    return tu_window_prepare(&scratch, &copy, error);
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

/* Did the schedule fire on that local day within (after, until], in milliseconds? Latest first. */
static bool fired_on(const tu_schedule *s, int64_t day, int64_t after, int64_t until) {
    for (int hour = 23; hour >= 0; hour--) {
        if (!(s->cron.hours & (1u << hour)))
            continue;
        for (int minute = 59; minute >= 0; minute--) {
            if (!(s->cron.minutes & (UINT64_C(1) << minute)))
                continue;
            int64_t local = day * DAY_SECONDS + hour * 3600 + minute * 60;
            int64_t fires = tu_zone_to_utc(s->zone, local) * 1000;
            if (fires > after && fires <= until)
                return true;
        }
    }
    return false;
}

static bool is_open(const tu_schedule *s, int64_t duration_ms, int64_t wall_ms) {
    int64_t after = wall_ms - duration_ms;
    int64_t first = floor_div(after, 1000), last = floor_div(wall_ms, 1000);
    /* one day more on both sides: a change of clocks can move a time across midnight */
    int64_t first_day = floor_div(first + tu_zone_offset(s->zone, first), DAY_SECONDS) - 1;
    int64_t last_day = floor_div(last + tu_zone_offset(s->zone, last), DAY_SECONDS) + 1;
    for (int64_t day = last_day; day >= first_day; day--) {
        if (tu_cron_matches_day(&s->cron, day) && fired_on(s, day, after, wall_ms))
            return true;
    }
    return false;
}

bool tu_window_open(const tu_window *w, int64_t wall_ms) {
    if (w->schedule)
        return is_open(w->schedule, w->duration_ms, wall_ms);
    _cleanup_(tu_arena_done) tu_arena scratch;
    tu_arena_init(&scratch, TU_MIB);
    tu_window copy = *w;
    return tu_window_prepare(&scratch, &copy, NULL) == TU_OK &&
           is_open(copy.schedule, copy.duration_ms, wall_ms);
}
