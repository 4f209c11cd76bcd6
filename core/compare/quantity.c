/*
 * compare/quantity.c: quantities as exact numbers.
 *
 *     quantity = [sign] digits ["." digits] [suffix]
 *     suffix   = n u m k M G T P E | Ki Mi Gi Ti Pi Ei | e|E [sign] digits
 *
 * Never by canonical text: the server keeps "1.500", "+1", "5.", "01" and "1E3" as written
 * (kubernetes-drift.md section 0, point 6). The number is built up limb by limb with carry;
 * whatever doesn't fit into 192 bits stops at the largest number, as nothing that big is told apart
 * by the server either (it caps at 2^63 - 1 in the finest unit that it needs).
 */
#include "compare/quantity.h"

#include <string.h>

#define LIMBS 6
#define EXPONENT_LIMIT 64 /* 10^64 nano is beyond 192 bits, 10^-64 is nothing but a rounding */

typedef struct {
    tu_str s;
    size_t at;
} scanner;

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static char peek(const scanner *s) {
    return s->at < s->s.n ? s->s.p[s->at] : '\0';
}

/* q = q * by + plus; false on overflow. */
static bool multiply_add(tu_quantity *q, uint32_t by, uint32_t plus) {
    uint64_t carry = plus;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)q->limbs[i] * by;
        q->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return carry == 0;
}

/* Returns the remainder. */
static uint32_t divide(tu_quantity *q, uint32_t by) {
    uint64_t rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        rest = rest << 32 | q->limbs[i];
        q->limbs[i] = (uint32_t)(rest / by);
        rest %= by;
    }
    return (uint32_t)rest;
}

static void saturate(tu_quantity *q) {
    for (int i = 0; i < LIMBS; i++)
        q->limbs[i] = UINT32_MAX;
}

/* The decimal exponent and the power of 1024 that a suffix stands for. */
static bool read_suffix(scanner *s, int *ret_exponent, int *ret_kibis) {
    static const char decimal[] = "numkMGTPE";
    static const int exponents[] = {-9, -6, -3, 3, 6, 9, 12, 15, 18};
    static const char binary[] = "KMGTPE";
    tu_str rest = {s->s.p + s->at, s->s.n - s->at};
    *ret_exponent = *ret_kibis = 0;
    if (rest.n == 0)
        return true;
    for (int i = 0; rest.n == 2 && rest.p[1] == 'i' && binary[i]; i++) {
        if (rest.p[0] == binary[i]) {
            *ret_kibis = i + 1;
            return true;
        }
    }
    for (int i = 0; rest.n == 1 && decimal[i]; i++) {
        if (rest.p[0] == decimal[i]) {
            *ret_exponent = exponents[i];
            return true;
        }
    }
    if (rest.p[0] != 'e' && rest.p[0] != 'E')
        return false;
    s->at++;
    bool negative = peek(s) == '-';
    if (negative || peek(s) == '+')
        s->at++;
    if (!is_digit(peek(s)))
        return false;
    int exponent = 0;
    for (; is_digit(peek(s)); s->at++)
        exponent = exponent > 1000 ? exponent : exponent * 10 + (peek(s) - '0');
    *ret_exponent = negative ? -exponent : exponent;
    return s->at == s->s.n;
}

/* Digits into q; sets how many of them stood behind the point. */
static bool read_digits(scanner *s, tu_quantity *q, int *ret_behind, bool *ret_rest) {
    bool point = false, fits = true;
    *ret_behind = 0;
    for (; s->at < s->s.n; s->at++) {
        char c = s->s.p[s->at];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(c))
            break;
        if (point && *ret_behind >=
                         EXPONENT_LIMIT / 2) { /* far below nano: only whether anything is there */
            *ret_rest = *ret_rest || c != '0';
            continue;
        }
        fits = fits && multiply_add(q, 10, (uint32_t)(c - '0'));
        *ret_behind += point;
    }
    return fits;
}

/* White space around it means nothing, and a sign, a point or a suffix without digits is zero: so the
 * server reads it (tests/corpus/vectors/quantities.json). */
static tu_str trim(tu_str s) {
    for (; s.n && strchr(" \t\r\n", s.p[0]); s.p++)
        s.n--;
    while (s.n && strchr(" \t\r\n", s.p[s.n - 1]))
        s.n--;
    return s;
}

bool tu_quantity_parse(tu_str s, tu_quantity *ret) {
    scanner in = {.s = trim(s)};
    tu_quantity q = {0};
    int behind = 0, exponent = 0, kibis = 0;
    bool rest = false;
    q.negative = peek(&in) == '-';
    if (q.negative || peek(&in) == '+')
        in.at++;
    bool fits = read_digits(&in, &q, &behind, &rest);
    if (in.s.n == 0 || !read_suffix(&in, &exponent, &kibis))
        return false;
    for (; fits && kibis > 0; kibis--)
        fits = multiply_add(&q, 1024, 0);
    bool zero = true;
    for (int i = 0; i < LIMBS; i++)
        zero = zero && q.limbs[i] == 0;
    exponent += 9 - behind; /* now in units of nano */
    if (exponent > EXPONENT_LIMIT)
        fits = fits && zero;
    for (; fits && !zero && exponent > 0; exponent--)
        fits = multiply_add(&q, 10, 0);
    for (int i = 0; fits && !zero && exponent < 0 && i < 2 * EXPONENT_LIMIT; exponent++, i++)
        rest = divide(&q, 10) != 0 || rest;
    if (fits && rest)
        fits = multiply_add(&q, 1, 1);
    if (!fits)
        saturate(&q);
    if (zero && !rest)
        q.negative = false;
    *ret = q;
    return true;
}

int tu_quantity_compare(const tu_quantity *a, const tu_quantity *b) {
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    for (int i = LIMBS - 1; i >= 0; i--) {
        if (a->limbs[i] != b->limbs[i])
            return (a->limbs[i] < b->limbs[i]) != a->negative ? -1 : 1;
    }
    return 0;
}
