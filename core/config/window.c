/*
 * config/window.c: is a window open, and when does that change?
 *
 *     begins                begins
 *        |=== span ===|        |=== span ===|
 *   -----+------------+--------+------------+-----> time
 *             open       shut
 *
 * A schedule is a set of spans, each of which begins on a local day: with cron at every moment at which
 * it fires, for the duration; in the weekly form from one time of day to another. Everything
 * is asked of the spans of some days, so that both forms are one here.
 *
 * Clocks that change: a local time that is skipped is the moment that would have been it (02:30
 * becomes 03:30), one that happens twice is its first. Durations are real time; the weekly form's
 * ends are local times, so a span over a change is an hour shorter or longer.
 *
 * To add a form: a member of tu_schedule, what day_matches() says of it, a function beside
 * spans_of_weekly().
 */
#include "config/window.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/calendar.h"

#define DAY_SECONDS INT64_C(86400)
#define HORIZON_MS (TU_LIMIT_WINDOW_DAYS * DAY_SECONDS * 1000)

struct tu_schedule {
    const tu_zone *zone;
    tu_cron cron; /* without a weekly form */
    int64_t duration_ms;
    bool is_weekly;
    tu_weekly weekly;
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
    if (w->duration_ms <= 0 || w->duration_ms > HORIZON_MS)
        return tu_error_set(error, TU_EINVALID,
                            "a window must stay open for more than 0s and at most %ud",
                            TU_LIMIT_WINDOW_DAYS);
    s->duration_ms = w->duration_ms;
    w->schedule = s;
    return TU_OK;
}

tu_rc tu_window_prepare_weekly(tu_arena *a, tu_window *w, const tu_weekly *weekly,
                               tu_error **error) {
    tu_schedule *s = tu_arena_zalloc(a, sizeof *s);
    if (!s)
        return tu_error_memory(error);
    tu_rc rc = tu_zone_load(a, w->time_zone, &s->zone, error);
    if (rc != TU_OK)
        return rc;
    s->is_weekly = true;
    s->weekly = *weekly;
    if (s->weekly.to_s <= s->weekly.from_s)
        s->weekly.to_s += DAY_SECONDS;
    s->duration_ms = (s->weekly.to_s - s->weekly.from_s) * 1000;
    w->schedule = s;
    return TU_OK;
}

tu_rc tu_window_check(const tu_window *w, tu_error **error) {
    _cleanup_(tu_arena_done) tu_arena scratch;
    tu_arena_init(&scratch, TU_MIB);
    tu_window copy = *w;
    return tu_window_prepare(&scratch, &copy, error);
}

/* --- the spans of a local day ----------------------------------------------------------------- */

typedef struct question {
    int64_t at;   /* the moment that is asked about */
    int64_t end;  /* the latest end of the spans that cover it; at itself: none does */
    int64_t next; /* the first beginning after it; INT64_MAX: none was seen */
} question;

static void see_span(question *q, int64_t begin, int64_t end) {
    if (begin <= q->at && end > q->end)
        q->end = end;
    if (begin > q->at && begin < q->next && end > begin)
        q->next = begin;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

static int64_t local_day(const tu_schedule *s, int64_t wall_ms) {
    int64_t utc = floor_div(wall_ms, 1000);
    return floor_div(utc + tu_zone_offset(s->zone, utc), DAY_SECONDS);
}

static bool weekly_day_matches(const tu_weekly *w, int64_t day) {
    tu_date d = tu_date_of(day);
    int64_t next =
        d.month == 12 ? tu_day_number(d.year + 1, 1, 1) : tu_day_number(d.year, d.month + 1, 1);
    bool of_month = (w->days | w->last_days) == 0 || (w->days & (1u << d.day)) ||
                    (w->last_days & (1u << (next - day)));
    return of_month && (w->months & (1u << d.month)) && (w->weekdays & (1u << tu_weekday_of(day)));
}

static void see_weekly_day(const tu_schedule *s, int64_t day, question *q) {
    const tu_weekly *w = &s->weekly;
    see_span(q, tu_zone_to_utc(s->zone, day * DAY_SECONDS + w->from_s) * 1000,
             tu_zone_to_utc(s->zone, day * DAY_SECONDS + w->to_s) * 1000);
}

/* A cron expression may fire 1,440 times a day: spans that touch are seen as one. */
static void see_cron_day(const tu_schedule *s, int64_t day, question *q) {
    int64_t midnight = day * DAY_SECONDS;
    int64_t offset = tu_zone_offset(s->zone, midnight - DAY_SECONDS);
    bool changes = offset != tu_zone_offset(s->zone, midnight + 2 * DAY_SECONDS);
    int64_t begin = INT64_MIN, last = INT64_MIN;
    for (uint32_t hours = s->cron.hours; hours; hours &= hours - 1) {
        for (uint64_t minutes = s->cron.minutes; minutes; minutes &= minutes - 1) {
            int64_t local = midnight + __builtin_ctz(hours) * 3600 + __builtin_ctzll(minutes) * 60;
            int64_t fires = (changes ? tu_zone_to_utc(s->zone, local) : local - offset) * 1000;
            bool touches = last != INT64_MIN && fires >= begin && fires <= last + s->duration_ms;
            if (touches) {
                last = fires > last ? fires : last;
                continue;
            }
            if (last != INT64_MIN)
                see_span(q, begin, last + s->duration_ms);
            begin = last = fires;
        }
    }
    if (last != INT64_MIN)
        see_span(q, begin, last + s->duration_ms);
}

static void see_day(const tu_schedule *s, int64_t day, question *q) {
    if (s->is_weekly ? weekly_day_matches(&s->weekly, day) : tu_cron_matches_day(&s->cron, day)) {
        if (s->is_weekly)
            see_weekly_day(s, day, q);
        else
            see_cron_day(s, day, q);
    }
}

/* The latest end of the spans that cover the moment, or with `any` that of the first that is found; the
 * moment itself when none does. */
static int64_t end_of(const tu_schedule *s, int64_t at, bool any) {
    question q = {.at = at, .end = at, .next = INT64_MAX};
    /* one day more on both sides: a change of clocks can move a time across midnight */
    int64_t first = local_day(s, at - s->duration_ms) - 1, last = local_day(s, at) + 1;
    for (int64_t day = last; day >= first && (!any || q.end == at); day--)
        see_day(s, day, &q);
    return q.end;
}

static int64_t first_after(const tu_schedule *s, int64_t at) {
    question q = {.at = at, .end = at, .next = INT64_MAX};
    int64_t first = local_day(s, at) - 1, last = first + TU_LIMIT_WINDOW_DAYS + 1;
    for (int64_t day = first; day <= last; day++) {
        see_day(s, day, &q);
        if (q.next != INT64_MAX && last > day + 1)
            last = day + 1; /* the next day may begin earlier, by a change of clocks */
    }
    return q.next;
}

static int64_t next_change(const tu_schedule *s, int64_t at) {
    int64_t end = end_of(s, at, false);
    if (end == at)
        return first_after(s, at);
    for (int64_t further; (further = end_of(s, end, false)) > end; end = further) {
        if (further - at > HORIZON_MS)
            return INT64_MAX;
    }
    return end;
}

/* --- asking ----------------------------------------------------------------------------------- */

/* A window that was made by hand is parsed for the one question. */
static const tu_schedule *schedule_of(const tu_window *w, tu_arena *scratch) {
    if (w->schedule)
        return w->schedule;
    tu_window copy = *w;
    return tu_window_prepare(scratch, &copy, NULL) == TU_OK ? copy.schedule : NULL;
}

bool tu_window_open(const tu_window *w, int64_t wall_ms) {
    _cleanup_(tu_arena_done) tu_arena scratch;
    tu_arena_init(&scratch, TU_MIB);
    const tu_schedule *s = schedule_of(w, &scratch);
    return s && end_of(s, wall_ms, true) > wall_ms;
}

int64_t tu_window_next(const tu_window *w, int64_t wall_ms) {
    _cleanup_(tu_arena_done) tu_arena scratch;
    tu_arena_init(&scratch, TU_MIB);
    const tu_schedule *s = schedule_of(w, &scratch);
    return s ? next_change(s, wall_ms) : INT64_MAX;
}
