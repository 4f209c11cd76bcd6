/*
 * config/cron.c: reads cron expressions (cron.h has the grammar).
 *
 * A field becomes a bit set; the five fields stand in one table with their ranges and names. To add
 * a macro: one line in `macros`.
 */
#include "config/cron.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/calendar.h"

static const char *const month_names[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                          "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
static const char *const weekday_names[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

typedef struct field {
    const char *name;
    unsigned low, high;
    const char *const *names; /* names[0] means low */
    size_t name_count;
} field;

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELD_COUNT };
static const field fields[FIELD_COUNT] = {
    [MINUTE] = {"minute", 0, 59, NULL, 0},
    [HOUR] = {"hour", 0, 23, NULL, 0},
    [DAY] = {"day of month", 1, 31, NULL, 0},
    [MONTH] = {"month", 1, 12, month_names, 12},
    [WEEKDAY] = {"day of week", 0, 7, weekday_names, 7},
};

static const struct {
    const char *name, *expression;
} macros[] = {
    {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};

static bool is_space(char c) {
    return c == ' ' || c == '\t';
}

/* Takes a number or a name from the front of *rest. */
static bool take_value(const field *f, tu_str *rest, unsigned *ret) {
    for (size_t i = 0; i < f->name_count; i++) {
        if (rest->n >= 3 && strncasecmp(rest->p, f->names[i], 3) == 0) {
            *ret = f->low + (unsigned)i;
            *rest = (tu_str){rest->p + 3, rest->n - 3};
            return true;
        }
    }
    size_t n = 0;
    unsigned value = 0;
    for (; n < rest->n && n < 4 && rest->p[n] >= '0' && rest->p[n] <= '9'; n++)
        value = value * 10 + (unsigned)(rest->p[n] - '0');
    *rest = (tu_str){rest->p + n, rest->n - n};
    *ret = value;
    return n > 0;
}

static bool take_byte(tu_str *rest, char byte) {
    if (rest->n == 0 || rest->p[0] != byte)
        return false;
    *rest = (tu_str){rest->p + 1, rest->n - 1};
    return true;
}

/* One item of a list: `*`, `a`, `a-b`, each with `/step`. */
static tu_rc parse_item(const field *f, tu_str item, uint64_t *bits, tu_error **error) {
    tu_str rest = item;
    unsigned from = f->low, to = f->high, step = 1;
    bool single = false;
    if (!take_byte(&rest, '*')) {
        if (!take_value(f, &rest, &from))
            goto wrong;
        to = from;
        single = true;
        if (take_byte(&rest, '-')) {
            single = false;
            if (!take_value(f, &rest, &to))
                goto wrong;
        }
    } else if (f->high == 7) {
        to = 6; /* Sunday once */
    }
    if (take_byte(&rest, '/')) {
        if (!take_value(&(field){.name = "step"}, &rest, &step) || step == 0)
            return tu_error_set(error, TU_EINVALID,
                                "%s: the step in '%.*s' must be a number from 1", f->name,
                                TU_P(item));
        if (single)
            to = f->high == 7 ? 6 : f->high;
    }
    if (rest.n > 0)
        goto wrong;
    if (from < f->low || from > f->high || to > f->high)
        return tu_error_set(error, TU_EINVALID, "%s: '%.*s' is outside %u to %u", f->name,
                            TU_P(item), f->low, f->high);
    if (to < from && f->high == 7 && to == 0)
        to = 7; /* FRI-SUN */
    if (to < from)
        return tu_error_set(error, TU_EINVALID, "%s: the range '%.*s' goes backwards", f->name,
                            TU_P(item));
    for (unsigned i = from; i <= to; i += step)
        *bits |= UINT64_C(1) << i;
    return TU_OK;
wrong:
    return tu_error_set(error, TU_EINVALID, "%s: '%.*s' is neither '*', a number%s nor a range",
                        f->name, TU_P(item), f->names ? ", a name such as MON or JAN" : "");
}

static tu_rc parse_field(const field *f, tu_str text, uint64_t *bits, tu_error **error) {
    *bits = 0;
    for (size_t begin = 0;;) {
        size_t end = begin;
        while (end < text.n && text.p[end] != ',')
            end++;
        tu_rc rc = parse_item(f, (tu_str){text.p + begin, end - begin}, bits, error);
        if (rc != TU_OK || end == text.n)
            return rc;
        begin = end + 1;
    }
}

tu_rc tu_cron_parse(tu_str text, tu_cron *ret, tu_error **error) {
    for (size_t i = 0; i < sizeof macros / sizeof *macros; i++) {
        if (tu_str_is(text, macros[i].name)) {
            text = tu_str_c(macros[i].expression);
            break;
        }
    }
    tu_str words[FIELD_COUNT];
    size_t n = 0;
    for (size_t at = 0; at < text.n;) {
        while (at < text.n && is_space(text.p[at]))
            at++;
        size_t begin = at;
        while (at < text.n && !is_space(text.p[at]))
            at++;
        if (at > begin && n++ < FIELD_COUNT)
            words[n - 1] = (tu_str){text.p + begin, at - begin};
    }
    if (n != FIELD_COUNT)
        return tu_error_set(error, TU_EINVALID,
                            "a cron expression has five fields (minute hour day month weekday), "
                            "'%.*s' has %zu",
                            TU_P(text), n);
    uint64_t bits[FIELD_COUNT];
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        tu_rc rc = parse_field(&fields[i], words[i], &bits[i], error);
        if (rc != TU_OK)
            return rc;
    }
    if (bits[WEEKDAY] & (1u << 7))
        bits[WEEKDAY] = (bits[WEEKDAY] | 1u) & 0x7f;
    *ret = (tu_cron){.minutes = bits[MINUTE],
                     .hours = (uint32_t)bits[HOUR],
                     .days = (uint32_t)bits[DAY],
                     .months = (uint32_t)bits[MONTH],
                     .weekdays = (uint32_t)bits[WEEKDAY],
                     .either_day = words[DAY].p[0] != '*' && words[WEEKDAY].p[0] != '*'};
    return TU_OK;
}

bool tu_cron_matches_day(const tu_cron *c, int64_t day_number) {
    tu_date d = tu_date_of(day_number);
    if (!(c->months & (1u << d.month)))
        return false;
    bool day = c->days & (1u << d.day), weekday = c->weekdays & (1u << tu_weekday_of(day_number));
    return c->either_day ? day || weekday : day && weekday;
}
