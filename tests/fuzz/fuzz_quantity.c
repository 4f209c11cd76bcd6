/*
 * fuzz_quantity: two texts, a newline between them. What is read is ordered as numbers are, and a
 * sign or zeros that mean nothing change nothing.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "compare/quantity.h"

#define LONGEST 256

static void require(bool condition) {
    if (!condition)
        abort();
}

static void check_one(tu_str s) {
    char text[LONGEST + 8];
    tu_quantity q, again;
    if (!tu_quantity_parse(s, &q))
        return;
    require(tu_quantity_compare(&q, &q) == 0);
    if (s.n > LONGEST || s.p[0] == '-' || s.p[0] == '+')
        return;
    static const char *const prefixes[] = {"+", "000"};
    for (size_t i = 0; i < 2; i++) {
        int n = snprintf(text, sizeof(text), "%s%.*s", prefixes[i], (int)s.n, s.p);
        require(tu_quantity_parse((tu_str){text, (size_t)n}, &again));
        require(tu_quantity_compare(&q, &again) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    const char *newline = memchr(text, '\n', size);
    tu_str a = {text, newline ? (size_t)(newline - text) : size}, b = {text, 0};
    if (newline)
        b = (tu_str){newline + 1, size - a.n - 1};
    check_one(a);
    check_one(b);
    tu_quantity x, y;
    if (tu_quantity_parse(a, &x) && tu_quantity_parse(b, &y)) {
        int forth = tu_quantity_compare(&x, &y), back = tu_quantity_compare(&y, &x);
        require((forth > 0) == (back < 0) && (forth == 0) == (back == 0));
    }
    return 0;
}
