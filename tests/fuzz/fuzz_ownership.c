/*
 * fuzz_ownership: a text as FieldsV1. What is read is written and read again as the same set; a set
 * less itself is nothing.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "compare/ownership.h"
#include "value/json.h"

static void require(bool condition) {
    if (!condition)
        abort();
}

static void write_name(tu_buf *b, const tu_path_set *s) {
    static const char prefixes[] = "fkvi";
    _cleanup_(tu_buf_done) tu_buf name = TU_BUF_INIT(TU_MIB);
    tu_buf_add_byte(&name, prefixes[s->kind]);
    tu_buf_add_byte(&name, ':');
    if (s->kind == TU_STEP_FIELD)
        tu_buf_add(&name, s->name);
    else
        tu_json_write(&name, s->value, 0);
    tu_buf_add_json_string(b, tu_buf_str(&name));
}

static void write_set(tu_buf *b, const tu_path_set *s) {
    tu_buf_add_c(b, s->member ? "{\".\":{}" : "{");
    for (uint32_t i = 0; i < s->child_count; i++) {
        if (i || s->member)
            tu_buf_add_byte(b, ',');
        write_name(b, &s->children[i]);
        tu_buf_add_byte(b, ':');
        write_set(b, &s->children[i]);
    }
    tu_buf_add_byte(b, '}');
}

static bool parse(tu_arena *a, tu_str text, tu_path_set **ret) {
    tu_value *v = NULL;
    return tu_json_parse(a, text, TU_JSON_COPY, NULL, &v, NULL, NULL) == TU_OK &&
           tu_path_set_parse(a, v, ret, NULL) == TU_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(16 * TU_MIB);
    tu_path_set *set = NULL, *again = NULL, *rest = NULL;
    tu_arena a;
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    if (parse(&a, (tu_str){(const char *)data, size}, &set)) {
        write_set(&b, set);
        require(b.rc == TU_OK && parse(&a, tu_buf_str(&b), &again));
        require(tu_path_set_equal(set, again) && tu_path_set_size(set) == tu_path_set_size(again));
        require(tu_path_set_difference(&a, set, again, &rest) == TU_OK && !rest);
    }
    tu_arena_done(&a);
    return 0;
}
