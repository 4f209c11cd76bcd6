/*
 * compare/equal.c: are two values the same under a type? (kubernetes-drift.md section 2, "Typed
 * equality")
 *
 *     number          by value, int == float     quantity    by exact number
 *     instant         to the second              microtime   to the microsecond
 *     duration        by nanoseconds             base64      by the bytes
 *     int-or-string   "80" is not 80             map         by members, null is as good as absent
 *     atomic list     by items, in order         the rest    as JSON
 *
 * The answer has three grades. TU_WITHIN is for what a server does to a value without anybody's
 * hand: a declared member filled in, an empty value left out, a quantity below milli rounded up.
 * Whether that is believed is the judge's business: the ownership tells. Members of free-form maps
 * (labels, node selectors) are never filled in or left out by a server, so they make a difference.
 *
 * To add a semantic: one function here, one case in compare_scalar().
 */
#include "base/clock.h"
#include "base/mem.h"
#include "compare/inside.h"
#include "compare/quantity.h"

#include <stdio.h>
#include <stdlib.h>

#define MICROS_PER_SECOND 1000000

bool tu_is_scalar(const tu_value *v) {
    return v && v->type != TU_LIST && v->type != TU_MAP;
}

bool tu_is_zero(const tu_value *v) {
    switch (v ? v->type : TU_NULL) {
    case TU_NULL:
        return true;
    case TU_BOOL:
        return !v->boolean;
    case TU_INTEGER:
        return v->integer == 0;
    case TU_NUMBER: {
        tu_value zero = {.type = TU_INTEGER};
        return tu_number_compare(v, &zero) == 0;
    }
    case TU_STRING:
        return v->string.n == 0;
    case TU_LIST:
        return v->list.n == 0;
    case TU_MAP:
        for (uint32_t i = 0; i < v->map.n; i++) {
            if (!tu_is_zero(&v->map.members[i].value))
                return false;
        }
        return true;
    default:
        return false; /* sealed: nobody can look */
    }
}

/* ---- semantics ------------------------------------------------------------------------- */

static bool quantity_of(const tu_value *v, tu_quantity *ret) {
    char text[24];
    if (v->type == TU_STRING || v->type == TU_NUMBER)
        return tu_quantity_parse(v->string, ret);
    if (v->type != TU_INTEGER)
        return false;
    int n = snprintf(text, sizeof(text), "%lld", (long long)v->integer);
    return tu_quantity_parse((tu_str){text, (size_t)n}, ret);
}

/* Is live what the server makes of a desired quantity finer than milli? (ResourceList values are
 * rounded up to milli.) */
static bool is_rounded_up(const tu_quantity *desired, const tu_quantity *live) {
    static const uint32_t milli = 1000000; /* nano */
    if (desired->negative || live->negative)
        return false;
    uint64_t carry = milli - 1, rest = 0;
    tu_quantity up = *desired;
    for (int i = 0; i < 6; i++) {
        carry += up.limbs[i];
        up.limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    for (int i = 5; i >= 0; i--)
        rest = (rest << 32 | up.limbs[i]) % milli;
    uint64_t borrow = rest;
    for (int i = 0; i < 6 && borrow; i++) {
        uint64_t before = up.limbs[i];
        up.limbs[i] = (uint32_t)(before - borrow);
        borrow = before < borrow ? 1 : 0;
    }
    return carry == 0 && tu_quantity_compare(&up, live) == 0;
}

static tu_closeness compare_quantity(const tu_value *desired, const tu_value *live) {
    tu_quantity d, l;
    if (!quantity_of(desired, &d) || !quantity_of(live, &l))
        return TU_DIFFERENT;
    if (tu_quantity_compare(&d, &l) == 0)
        return TU_EQUAL;
    return is_rounded_up(&d, &l) ? TU_WITHIN : TU_DIFFERENT;
}

static int64_t floor_divide(int64_t a, int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static bool same_instant(tu_str x, tu_str y, int64_t granularity_us) {
    int64_t a, b;
    return tu_time_parse(x, &a) && tu_time_parse(y, &b) &&
           floor_divide(a, granularity_us) == floor_divide(b, granularity_us);
}

static int64_t unit_ns(tu_str s, size_t *ret_length) {
    static const struct {
        const char *text;
        int64_t ns;
    } units[] = {{"ns", 1},
                 {"us", 1000},
                 {"\xC2\xB5s", 1000},
                 {"\xCE\xBCs", 1000},
                 {"ms", 1000000},
                 {"s", 1000000000},
                 {"m", INT64_C(60000000000)},
                 {"h", INT64_C(3600000000000)}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (tu_str_starts(s, units[i].text)) {
            *ret_length = strlen(units[i].text);
            return units[i].ns;
        }
    }
    return 0;
}

__extension__ typedef __int128 wide; /* an hour with fifteen digits behind the point */

/* Go's time.ParseDuration: [-+]?([0-9]*(\.[0-9]*)?[a-z]+)+ or "0". */
static bool duration_of(tu_str s, wide *ret_ns) {
    wide total = 0;
    bool negative = s.n && s.p[0] == '-';
    size_t at = negative || (s.n && s.p[0] == '+') ? 1 : 0;
    if (s.n == at + 1 && s.p[at] == '0') {
        *ret_ns = 0;
        return true;
    }
    if (at == s.n)
        return false;
    while (at < s.n) {
        wide whole = 0, part = 0, scale = 1;
        bool any = false, point = false;
        for (; at < s.n && ((s.p[at] >= '0' && s.p[at] <= '9') || (s.p[at] == '.' && !point));
             at++) {
            if (s.p[at] == '.') {
                point = true;
                continue;
            }
            any = true;
            if (!point)
                whole = whole * 10 + (s.p[at] - '0');
            else if (scale < INT64_C(1000000000000000))
                part = part * 10 + (s.p[at] - '0'), scale *= 10;
            if (whole > INT64_MAX)
                return false;
        }
        size_t length = 0;
        int64_t unit = unit_ns((tu_str){s.p + at, s.n - at}, &length);
        if (!any || unit == 0)
            return false;
        at += length;
        total += whole * unit + part * unit / scale;
        if (total > INT64_MAX)
            return false;
    }
    *ret_ns = negative ? -total : total;
    return true;
}

static bool same_duration(tu_str x, tu_str y) {
    wide a, b;
    return duration_of(x, &a) && duration_of(y, &b) && a == b;
}

/* Takes the next four characters of base64, white space skipped. Returns how many bytes they are: 0
 * at the end, -1 when they are no base64. */
static int take_group(tu_str *s, uint8_t bytes[6]) {
    char group[4];
    size_t n = 0, at = 0;
    for (; at < s->n && n < 4; at++) {
        if (!memchr(" \t\r\n", s->p[at], 4))
            group[n++] = s->p[at];
    }
    *s = (tu_str){s->p + at, s->n - at};
    if (n == 0)
        return 0;
    int64_t decoded = n == 4 ? tu_base64_decode((tu_str){group, 4}, bytes) : -1;
    if (decoded < 3 && decoded >= 0) { /* padded: nothing may follow */
        for (size_t i = 0; i < s->n; i++) {
            if (!memchr(" \t\r\n", s->p[i], 4))
                return -1;
        }
    }
    return (int)decoded;
}

bool tu_is_base64(tu_str s) {
    uint8_t bytes[6];
    int n = 1;
    while (n > 0)
        n = take_group(&s, bytes);
    explicit_bzero(bytes, sizeof(bytes));
    return n == 0;
}

/* Group by group, so that comparing needs no memory and can't fail. */
static bool same_bytes(tu_str x, tu_str y) {
    uint8_t a[6], b[6];
    for (;;) {
        int n = take_group(&x, a), m = take_group(&y, b);
        if (n != m || n < 0 || memcmp(a, b, (size_t)n) != 0)
            return false;
        if (n == 0)
            return true;
    }
}

/* A quantity with a unit: "1.10" and "1.1" may be anything. */
static bool has_unit(tu_str s) {
    return s.n && (s.p[s.n - 1] < '0' || s.p[s.n - 1] > '9') && s.p[s.n - 1] != '.';
}

bool tu_is_respelled(const tu_value *x, const tu_value *y) {
    tu_quantity a, b;
    if (!x || !y || x->type != TU_STRING || y->type != TU_STRING)
        return false;
    if (has_unit(x->string) || has_unit(y->string)) {
        if (tu_quantity_parse(x->string, &a) && tu_quantity_parse(y->string, &b) &&
            tu_quantity_compare(&a, &b) == 0)
            return true;
    }
    return same_duration(x->string, y->string) || same_instant(x->string, y->string, 1);
}

/* ---- values ---------------------------------------------------------------------------- */

static tu_closeness compare_scalar(const tu_schema_type *t, const tu_value *desired,
                                   const tu_value *live) {
    if (tu_value_equal(desired, live))
        return TU_EQUAL;
    if (t->semantic == TU_SEMANTIC_QUANTITY)
        return compare_quantity(desired, live);
    if (desired->type != TU_STRING || live->type != TU_STRING)
        return TU_DIFFERENT;
    bool same = false;
    switch (t->semantic) {
    case TU_SEMANTIC_INSTANT:
        same = same_instant(desired->string, live->string, MICROS_PER_SECOND);
        break;
    case TU_SEMANTIC_MICROTIME:
        same = same_instant(desired->string, live->string, 1);
        break;
    case TU_SEMANTIC_DURATION:
        same = same_duration(desired->string, live->string);
        break;
    case TU_SEMANTIC_BASE64:
        same = same_bytes(desired->string, live->string);
        break;
    default:
        break;
    }
    return same ? TU_EQUAL : TU_DIFFERENT;
}

static tu_closeness worse(tu_closeness a, tu_closeness b) {
    return a > b ? a : b;
}

static bool is_declared(const tu_schema_type *t, tu_str name) {
    bool declared;
    tu_type_field(t, name, &declared);
    return declared;
}

/* Quantities by name: a server adds those that follow from others (a LimitRange's default requests
 * from its limits), although the names are free. */
static bool is_resource_list(const tu_schema_type *t) {
    return tu_is_free_form(t) && t->values && t->values->semantic == TU_SEMANTIC_QUANTITY;
}

/* Does the value stand there because the target fills it in where nothing is said? */
static bool is_filled_in(const tu_schema_type *t, tu_str name, const tu_value *live) {
    const tu_value *value = tu_value_get_str(t->defaults, name);
    return value && tu_typed_compare(tu_type_field(t, name, NULL), value, live, true) !=
                        TU_DIFFERENT; /* a default may have defaults inside */
}

static tu_closeness compare_maps(const tu_schema_type *t, const tu_value *desired,
                                 const tu_value *live, bool verbatim) {
    tu_closeness result = TU_EQUAL;
    uint32_t found = 0;
    tu_lookup in_live = tu_lookup_begin(live);
    for (uint32_t i = 0; result != TU_DIFFERENT && i < desired->map.n; i++) {
        const tu_member *m = &desired->map.members[i];
        bool declared;
        const tu_schema_type *type = tu_type_field(t, m->key, &declared);
        const tu_value *other = tu_lookup_get(&in_live, m->key);
        found += other != NULL;
        if (other && m->value.type == TU_NULL && is_filled_in(t, m->key, other)) {
            result = worse(result, TU_WITHIN);
            continue;
        }
        bool strict = verbatim || (!declared && !other &&
                                   tu_is_free_form(t)); /* no server leaves out a label */
        result = worse(result, tu_typed_compare(type, &m->value, other, strict));
    }
    tu_lookup_done(&in_live);
    if (result == TU_DIFFERENT || found == live->map.n)
        return result;
    /* What live has beyond that: the server's if it is declared, somebody's if it is not. */
    tu_lookup in_desired = tu_lookup_begin(desired);
    for (uint32_t i = 0; result != TU_DIFFERENT && i < live->map.n; i++) {
        const tu_member *m = &live->map.members[i];
        if (m->value.type == TU_NULL || tu_lookup_get(&in_desired, m->key))
            continue;
        bool of_server = verbatim ? is_filled_in(t, m->key, &m->value)
                                  : is_declared(t, m->key) || is_resource_list(t);
        result = of_server ? TU_WITHIN : TU_DIFFERENT;
    }
    tu_lookup_done(&in_desired);
    return result;
}

/* A set is the same in any order; within atomics they are short, and the rest are lists in order.
 */
static tu_closeness compare_lists(const tu_schema_type *t, const tu_value *desired,
                                  const tu_value *live, bool verbatim) {
    tu_closeness result = TU_EQUAL;
    if (desired->list.n != live->list.n)
        return TU_DIFFERENT;
    const tu_schema_type *items = tu_type_items(t);
    for (uint32_t i = 0; result != TU_DIFFERENT && i < desired->list.n; i++) {
        const tu_value *d = &desired->list.items[i], *l = &live->list.items[i];
        result = worse(result, tu_typed_compare(items, d, l, verbatim));
    }
    return result;
}

tu_closeness tu_typed_compare(const tu_schema_type *t, const tu_value *desired,
                              const tu_value *live, bool verbatim) {
    bool no_desired = !desired || desired->type == TU_NULL,
         no_live = !live || live->type == TU_NULL;
    if (desired == live || (no_desired && no_live))
        return TU_EQUAL;
    if (no_live)
        return !verbatim && tu_is_zero(desired) ? TU_WITHIN : TU_DIFFERENT;
    if (no_desired)
        return !verbatim ? TU_WITHIN
                         : TU_DIFFERENT; /* null asks for the default, whatever that is */
    if (desired->type == TU_MAP && live->type == TU_MAP)
        return compare_maps(t, desired, live, verbatim);
    if (desired->type == TU_LIST && live->type == TU_LIST)
        return compare_lists(t, desired, live, verbatim);
    if (!tu_is_scalar(desired) || !tu_is_scalar(live))
        return TU_DIFFERENT;
    return compare_scalar(t, desired, live);
}

bool tu_typed_equal(const tu_schema_type *t, const tu_value *a, const tu_value *b) {
    return tu_typed_compare(t, a, b, true) == TU_EQUAL;
}
