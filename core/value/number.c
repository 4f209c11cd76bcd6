/*
 * value/number.c: exact comparison of JSON numbers, without computing them.
 *
 * A number is read as 0.DIGITS x 10^power with a first and a last digit that aren't 0. Two such
 * numbers are compared by sign, power, digits; no number is ever expanded, so 1e999999999 costs as
 * much as 1. Powers saturate at about 4 x 10^18; beyond that only numbers whose exponents are
 * written the same can be equal, which errs on the side of a difference.
 */
#include "value/number.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/str.h"

#define POWER_LIMIT (INT64_MAX / 2)

typedef struct decimal {
    bool negative, zero;
    tu_str digits;   /* from the first to the last digit that isn't 0; may hold one '.' */
    int64_t power;   /* of the place before the first digit */
    tu_str exponent; /* as written, when power is saturated */
} decimal;

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* "e+123" to 123, saturated. */
static int64_t read_exponent(tu_str s) {
    bool negative = s.n && s.p[0] == '-';
    int64_t exponent = 0;
    for (size_t i = 0; i < s.n; i++)
        if (is_digit(s.p[i]) && exponent < POWER_LIMIT)
            exponent =
                exponent > POWER_LIMIT / 10 - 1 ? POWER_LIMIT : exponent * 10 + (s.p[i] - '0');
    return negative ? -exponent : exponent;
}

static decimal read_decimal(tu_str s) {
    decimal d = {.zero = true};
    size_t i = 0, first = 0, last = 0, before_point = 0;
    bool point = false;
    if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
        d.negative = s.p[i++] == '-';
    size_t digits = 0, first_digit = 0;
    for (; i < s.n && (is_digit(s.p[i]) || s.p[i] == '.'); i++) {
        if (s.p[i] == '.') {
            point = true;
            before_point = digits;
            continue;
        }
        if (s.p[i] != '0') {
            if (d.zero) {
                first = i;
                first_digit = digits;
            }
            d.zero = false;
            last = i;
        }
        digits++;
    }
    if (!point)
        before_point = digits;
    if (d.zero) {
        d.negative = false; /* -0 is 0 */
        return d;
    }
    d.digits = (tu_str){s.p + first, last - first + 1};
    tu_str exponent = i + 1 < s.n ? (tu_str){s.p + i + 1, s.n - i - 1} : (tu_str){0};
    d.power = read_exponent(exponent);
    if (d.power >= POWER_LIMIT || d.power <= -POWER_LIMIT)
        d.exponent = exponent;
    else
        d.power += (int64_t)before_point - (int64_t)first_digit;
    return d;
}

static decimal decimal_of(const tu_value *v, char room[32]) {
    if (v->type == TU_NUMBER)
        return read_decimal(v->string);
    int n = snprintf(room, 32, "%lld", (long long)v->integer);
    return read_decimal((tu_str){room, (size_t)n});
}

static int sign_of(const decimal *d) {
    return d->zero ? 0 : d->negative ? -1 : 1;
}

/* Digits behind the end count as 0; since the last digit isn't 0, a longer run is larger. */
static int compare_digits(tu_str a, tu_str b) {
    for (size_t i = 0, j = 0;;) {
        i += i < a.n && a.p[i] == '.';
        j += j < b.n && b.p[j] == '.';
        if (i == a.n || j == b.n)
            return (i < a.n) - (j < b.n);
        if (a.p[i] != b.p[j])
            return a.p[i] < b.p[j] ? -1 : 1;
        i++;
        j++;
    }
}

static int compare_magnitude(const decimal *a, const decimal *b) {
    if (a->power != b->power)
        return a->power < b->power ? -1 : 1;
    int order = tu_str_compare(a->exponent, b->exponent);
    return order ? order : compare_digits(a->digits, b->digits);
}

int tu_number_compare(const tu_value *a, const tu_value *b) {
    if (a->type == TU_INTEGER && b->type == TU_INTEGER)
        return (a->integer > b->integer) - (a->integer < b->integer);
    char room_a[32], room_b[32];
    decimal x = decimal_of(a, room_a), y = decimal_of(b, room_b);
    int sign = sign_of(&x);
    if (sign != sign_of(&y))
        return sign < sign_of(&y) ? -1 : 1;
    return sign == 0 ? 0 : sign * compare_magnitude(&x, &y);
}

uint64_t tu_number_hash(const tu_value *v, uint64_t seed) {
    char room[32];
    decimal d = decimal_of(v, room);
    int64_t head[2] = {sign_of(&d), d.power};
    uint64_t hash = tu_hash64_seed((tu_str){(const char *)head, sizeof head}, seed);
    for (size_t i = 0; i < d.digits.n; i++) /* the point isn't part of the value */
        if (d.digits.p[i] != '.')
            hash = hash * 1099511628211u + (uint64_t)(d.digits.p[i] - '0');
    return hash;
}
