/*
 * config/times.c: spec.times of a Routing: named sets of windows.
 *
 *     office-hours:
 *       - {weekdays: [mon-fri], from: "09:00", to: "18:00", timeZone: Asia/Seoul}
 *       - {cron: "0 8 * * 6", duration: 4h}
 *
 * To add a key of the weekly form: the schema, a member of tu_weekly (config/window.h), a line in
 * read_weekly(), and what weekly_day_matches() says of it.
 */
#include "base/mem.h"
#include "config/read.h"
#include "config/window.h"
#include <stdio.h>

#define MINUTE_MS INT64_C(60000)

/* --- days and months -------------------------------------------------------------------------- */

typedef struct field {
    const char *what, *example;
    const char *const *names; /* their first three letters will do; NULL: none */
    int64_t first;            /* the number of the first name */
    int64_t low, high;
    bool from_end; /* negative numbers count from the end */
} field;

static const char *const weekday_names[] = {"sunday",   "monday", "tuesday",  "wednesday",
                                            "thursday", "friday", "saturday", NULL};
static const char *const month_names[] = {"january",  "february", "march",  "april",     "may",
                                          "june",     "july",     "august", "september", "october",
                                          "november", "december", NULL};
static const field weekdays = {"day of the week", "mon or mon-fri", weekday_names, 0, 1, 0, false};
static const field months = {"month", "jan, 1 or nov-feb", month_names, 1, 1, 12, false};
static const field days = {"day of the month", "1, 1-7 or -1 (the last)", NULL, 0, 1, 31, true};

static bool take_number(tu_str *s, bool negative, int64_t *ret) {
    size_t n = 0;
    int64_t value = 0;
    bool minus = negative && s->n > 0 && s->p[0] == '-';
    for (n = minus; n < s->n && n < 4 && s->p[n] >= '0' && s->p[n] <= '9'; n++)
        value = value * 10 + (s->p[n] - '0');
    bool found = n > (size_t)minus;
    *s = (tu_str){s->p + n, s->n - n};
    *ret = minus ? -value : value;
    return found;
}

static bool take_one(const field *f, tu_str *s, int64_t *ret) {
    for (size_t i = 0; f->names && f->names[i]; i++) {
        size_t whole = strlen(f->names[i]);
        size_t n = s->n >= whole && strncasecmp(s->p, f->names[i], whole) == 0 ? whole : 3;
        if (s->n >= n && strncasecmp(s->p, f->names[i], n) == 0) {
            *ret = f->first + (int64_t)i;
            *s = (tu_str){s->p + n, s->n - n};
            return true;
        }
    }
    return f->high > 0 && take_number(s, f->from_end, ret) && *ret >= -f->high && *ret <= f->high &&
           *ret != 0 && (*ret > 0 || f->from_end);
}

static bool take_range(const field *f, tu_str s, int64_t *from, int64_t *to) {
    if (!take_one(f, &s, from))
        return false;
    *to = *from;
    if (s.n == 0)
        return true;
    if (s.p[0] != '-')
        return false;
    s = (tu_str){s.p + 1, s.n - 1};
    return take_one(f, &s, to) && s.n == 0;
}

static void say_range(tu_reader *r, const field *f, const tu_value *item, tu_str s) {
    tu_error **e =
        tu_reader_error(r, item, "'%.*s' is no %s: write %s", TU_P(s), f->what, f->example);
    const char *near = f->names ? tu_suggest(s, f->names, f == &weekdays ? 7 : 12) : NULL;
    const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    if (near)
        tu_error_hint(e, "did you mean '%.3s'?", near);
    else if (colon) /* Alertmanager's ranges */
        tu_error_hint(e, "did you mean '%.*s-%.*s'?", (int)(colon - s.p), s.p,
                      (int)(s.n - (size_t)(colon - s.p) - 1), colon + 1);
}

/* Bits of all that the list names; those that count from the end are in *from_end. */
static uint32_t read_set(tu_reader *r, const field *f, const tu_value *list, uint32_t *from_end) {
    uint32_t bits = 0;
    for (size_t i = 0; tu_value_is(list, TU_LIST) && i < tu_value_count(list); i++) {
        const tu_value *item = tu_value_at(list, i);
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)tu_value_integer(item, 0));
        tu_str s = tu_value_is(item, TU_INTEGER) ? tu_str_c(number) : tu_value_string(item);
        if (!tu_value_is(item, TU_INTEGER) && !tu_value_is(item, TU_STRING))
            continue;
        int64_t from, to;
        if (!take_range(f, s, &from, &to)) {
            say_range(r, f, item, s);
        } else if (f->from_end && (from > to || (from < 0) != (to < 0))) {
            tu_reader_error(r, item, "the range '%.*s' goes backwards", TU_P(s));
        } else {
            int64_t size = f->names ? (f == &weekdays ? 7 : 12) : 32;
            for (int64_t v = from;;
                 v = f->first + (v - f->first + 1) % size) { /* fri-mon, nov-feb */
                if (v < 0)
                    *from_end |= 1u << -v;
                else
                    bits |= 1u << v;
                if (v == to)
                    break;
            }
        }
    }
    return bits;
}

/* --- times of day ----------------------------------------------------------------------------- */

static bool parse_time_of_day(tu_str s, int64_t *ret_s) {
    const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    tu_str hour = {s.p, colon ? (size_t)(colon - s.p) : 0};
    tu_str minute = {colon ? colon + 1 : NULL, colon ? s.n - hour.n - 1 : 0};
    int64_t h, m;
    if (!colon || hour.n > 2 || minute.n != 2 || !take_number(&hour, false, &h) ||
        !take_number(&minute, false, &m) || hour.n > 0 || minute.n > 0)
        return false;
    *ret_s = (h * 60 + m) * 60;
    return m < 60 && (h < 24 || (h == 24 && m == 0));
}

static int64_t read_time_of_day(tu_reader *r, const tu_value *v, int64_t otherwise) {
    int64_t seconds;
    if (!tu_value_is(v, TU_STRING))
        return otherwise;
    if (parse_time_of_day(v->string, &seconds))
        return seconds;
    tu_reader_error(r, v, "'%.*s' is no time of day: write 00:00 to 24:00", TU_P(v->string));
    return otherwise;
}

/* --- one window ------------------------------------------------------------------------------- */

static void read_weekly(tu_reader *r, const tu_value *v, tu_window *w) {
    const tu_value *on = tu_value_get(v, "weekdays"), *in = tu_value_get(v, "months");
    const tu_value *of = tu_value_get(v, "daysOfMonth");
    const tu_value *from = tu_value_get(v, "from"), *to = tu_value_get(v, "to");
    tu_weekly weekly = {.weekdays = 0x7f, .months = 0x1ffe};
    if (on)
        weekly.weekdays = read_set(r, &weekdays, on, NULL);
    if (in)
        weekly.months = read_set(r, &months, in, NULL);
    if (of)
        weekly.days = read_set(r, &days, of, &weekly.last_days);
    weekly.from_s = read_time_of_day(r, from, 0);
    weekly.to_s = read_time_of_day(r, to, 24 * 3600);
    if (weekly.from_s == weekly.to_s && to) {
        tu_error **e = tu_reader_error(r, to, "it ends when it begins");
        tu_error_hint(e, "leave out from and to for whole days");
    }
    tu_error *why = NULL;
    const tu_value *zone = tu_value_get(v, "timeZone");
    if (tu_value_is(zone, TU_STRING) && zone->string.n == 0)
        tu_reader_error(r, zone, "an empty time zone: leave the key out for UTC");
    else if (tu_window_prepare_weekly(r->arena, w, &weekly, &why) != TU_OK) {
        tu_error **e = tu_reader_error(r, zone, "%s", tu_error_text(why));
        if (why && why->hint)
            tu_error_hint(e, "%s", why->hint);
    }
    tu_error_free(why);
}

/* What belongs to one form and stands in the other. */
static void check_form(tu_reader *r, const tu_value *v, bool cron) {
    static const char *const weekly[] = {"weekdays", "months", "daysOfMonth", "from", "to"};
    for (size_t i = 0; cron && i < sizeof weekly / sizeof *weekly; i++) {
        const tu_value *key = tu_value_get(v, weekly[i]);
        if (key)
            tu_reader_error(r, key, "%s doesn't go with cron: write a time of its own", weekly[i]);
    }
    const tu_value *duration = tu_value_get(v, "duration");
    if (cron && !duration)
        tu_reader_error(r, v, "'duration' is missing: how long it lasts each time (4h)");
    if (!cron && duration)
        tu_reader_error(r, duration, "duration goes with cron: write when it ends in 'to'");
}

static void read_time(tu_reader *r, const tu_value *v, tu_time_set *set) {
    bool cron = tu_value_get(v, "cron") != NULL;
    check_form(r, v, cron);
    if (!cron) {
        tu_window *w = &set->windows[set->window_count++];
        w->time_zone = tu_value_get_string(v, "timeZone");
        read_weekly(r, v, w);
        return;
    }
    tu_value one = *v;
    size_t n = 0;
    const tu_window *read = tu_read_windows(r, &(tu_value){.type = TU_LIST, .list = {&one, 1}}, &n);
    if (read && n == 1)
        set->windows[set->window_count++] = read[0];
}

void tu_read_times(tu_reader *r, const tu_value *times) {
    tu_routing *routing = &r->config->routing;
    size_t n = tu_value_is(times, TU_MAP) ? tu_value_count(times) : 0;
    routing->times = n ? tu_reader_alloc(r, n * sizeof *routing->times) : NULL;
    for (size_t i = 0; routing->times && i < n; i++) {
        const tu_member *m = &times->map.members[i];
        const tu_value *list = &m->value;
        tu_time_set *set = &routing->times[routing->time_count++];
        *set = (tu_time_set){.name = m->key};
        set->place =
            (tu_place){r->file, m->key_line, (uint32_t)tu_text_column(r->text, m->key_begin)};
        size_t count = tu_value_is(list, TU_LIST) ? tu_value_count(list) : 0;
        set->windows = count ? tu_reader_alloc(r, count * sizeof *set->windows) : NULL;
        for (size_t k = 0; set->windows && k < count; k++) {
            if (tu_value_is(tu_value_at(list, k), TU_MAP))
                read_time(r, tu_value_at(list, k), set);
        }
    }
}
