/*
 * fuzz_matcher: a condition, a newline, a value. What is read can be asked, says the opposite of its opposite, and finds the
 * words that it names; what is refused has its place within the text. The label and the value, written down, are
 * read again as they were.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "config/config.h"

static void require(bool condition) {
    if (!condition)
        abort();
}

static void check_written(tu_arena *a, tu_str label, tu_str value) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_MIB);
    tu_matcher again;
    if (label.n == 0 || !tu_utf8_valid(label) || !tu_utf8_valid(value))
        return;
    tu_matcher_write(&text, label, value);
    if (text.n > TU_LIMIT_MATCHER_BYTES)
        return;
    require(tu_matcher_parse(a, tu_buf_str(&text), &again, NULL, NULL) == TU_OK);
    require(tu_str_eq(again.label, label) && tu_str_eq(again.value, value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data, *newline = size ? memchr(text, '\n', size) : NULL;
    tu_str condition = {text, newline ? (size_t)(newline - text) : size}, value = {0};
    if (newline)
        value = (tu_str){newline + 1, size - condition.n - 1};
    _cleanup_(tu_arena_done) tu_arena a;
    _cleanup_(tu_error_freep) tu_error *e = NULL;
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    tu_matcher m;
    size_t column = SIZE_MAX, n = 0;
    if (tu_matcher_parse(&a, condition, &m, &column, &e) != TU_OK) {
        require(e && column <= condition.n);
        return 0;
    }
    require(!e && m.label.n > 0);
    bool met = tu_matcher_match(&m, value);
    static const tu_match_operator opposites[] = {TU_MATCH_NOT_EQUAL, TU_MATCH_EQUAL,
                                                  TU_MATCH_NOT_REGEX, TU_MATCH_REGEX};
    tu_matcher opposite = m;
    opposite.operator= opposites[m.operator];
    require(tu_matcher_match(&opposite, value) == !met);
    const tu_str *words = tu_matcher_words(&m, &n);
    bool negated = m.operator== TU_MATCH_NOT_EQUAL || m.operator== TU_MATCH_NOT_REGEX;
    for (size_t i = 0; words && i < n; i++)
        require(tu_matcher_match(&m, words[i]) == !negated);
    check_written(&a, m.label, value);
    return 0;
}
