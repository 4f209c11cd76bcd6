/*
 * fuzz_json: whatever bytes come, the reader gives a tree or one located error; what it reads, it
 * writes so that it reads the same again; spans lie within the text, and the text of a string's
 * span is that string.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "value/json.h"

static void require(bool condition) {
    if (!condition)
        abort();
}

static bool is_plain_ascii(tu_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\\' || s.p[i] & 0x80)
            return false;
    return true;
}

static void check_spans(const tu_value *v, tu_str text) {
    require(v->begin < v->end && v->end <= text.n && v->line >= 1);
    if (v->type == TU_STRING) {
        tu_str inside = {text.p + v->begin + 1, v->end - v->begin - 2u};
        require(text.p[v->begin] == '"' && text.p[v->end - 1] == '"');
        require(!is_plain_ascii(inside) || tu_str_eq(inside, v->string));
    }
    for (uint32_t i = 0; v->type == TU_LIST && i < v->list.n; i++)
        check_spans(&v->list.items[i], text);
    for (uint32_t i = 0; v->type == TU_MAP && i < v->map.n; i++)
        check_spans(&v->map.members[i].value, text);
}

static void check_round_trip(const tu_value *v, unsigned flags) {
    tu_arena a;
    tu_buf once = TU_BUF_INIT(64u << 20), twice = TU_BUF_INIT(64u << 20);
    tu_value *again = NULL;
    tu_arena_init(&a, 0);
    tu_json_write(&once, v, flags);
    require(once.rc == TU_OK);
    require(tu_json_parse(&a, tu_buf_str(&once), TU_JSON_NO_LINES, NULL, &again, NULL, NULL) ==
            TU_OK);
    require(tu_value_equal(v, again));
    tu_json_write(&twice, again, flags);
    require(tu_str_eq(tu_buf_str(&once), tu_buf_str(&twice)));
    tu_buf_done(&once);
    tu_buf_done(&twice);
    tu_arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tu_str text = {(const char *)data, size};
    tu_arena a;
    tu_value *v = NULL, *prefix = NULL;
    tu_error *e = NULL;
    size_t length = 0;
    tu_arena_init(&a, 0);
    tu_rc rc = tu_json_parse(&a, text, 0, "f.json", &v, NULL, &e);
    require((rc == TU_OK) == (e == NULL) && (rc == TU_OK) == (v != NULL));
    if (e)
        require(e->rc == TU_EINVALID && e->line >= 1 && e->column >= 1);
    tu_error_free(e);
    if (v) {
        check_spans(v, text);
        check_round_trip(v, 0);
        check_round_trip(v, TU_JSON_PRETTY);
        check_round_trip(v, TU_JSON_SORTED);
    }
    if (tu_json_parse(&a, text, TU_JSON_PREFIX | TU_JSON_COPY, NULL, &prefix, &length, NULL) ==
        TU_OK)
        require(length <= size && (!v || tu_value_equal(v, prefix)));
    else
        require(!v);
    tu_arena_done(&a);
    return 0;
}
