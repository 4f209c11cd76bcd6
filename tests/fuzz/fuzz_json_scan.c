/*
 * fuzz_json_scan: the scanner agrees with the parser about where a value ends, and how the stream
 * is cut makes no difference. The first byte of the input chooses the size of the pieces.
 */
#include <stdint.h>
#include <stdlib.h>

#include "value/json.h"

static void require(bool condition) {
    if (!condition)
        abort();
}

/* Feeds the text in pieces. Returns how many bytes belong to the value. */
static size_t scan_in_pieces(tu_str text, size_t piece, bool *complete) {
    tu_json_scan s = {0};
    size_t at = 0;
    *complete = false;
    while (at < text.n && !*complete) {
        size_t n = text.n - at < piece ? text.n - at : piece;
        size_t taken = tu_json_scan_feed(&s, (tu_str){text.p + at, n}, complete);
        require(taken <= n);
        at += taken;
        if (taken < n)
            break; /* complete, or no value begins here */
    }
    return at;
}

static void check_against_parser(tu_str text, bool complete, size_t end) {
    tu_arena a;
    tu_value *v = NULL;
    size_t length = 0;
    tu_arena_init(&a, 0);
    if (tu_json_parse(&a, text, TU_JSON_PREFIX, NULL, &v, &length, NULL) == TU_OK &&
        (v->type == TU_MAP || v->type == TU_LIST))
        require(complete && end == length);
    tu_arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    tu_str text = {(const char *)data + 1, size - 1};
    bool complete, pieces_complete, bytes_complete;
    size_t end = scan_in_pieces(text, text.n, &complete);
    require(end == scan_in_pieces(text, (size_t)data[0] + 1, &pieces_complete));
    require(end == scan_in_pieces(text, 1, &bytes_complete));
    require(complete == pieces_complete && complete == bytes_complete);
    check_against_parser(text, complete, end);
    return 0;
}
