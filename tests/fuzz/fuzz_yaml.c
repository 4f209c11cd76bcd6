/*
 * fuzz_yaml: whatever bytes come, the parts of a stream cover it without gaps; each part gives a
 * tree, nothing, or one located error, in both readings; spans lie within the part; what was read
 * can be written as JSON, and reads the same as YAML again. What the fast reader takes, libyaml
 * reads as the same tree, down to the last mark.
 */
#include <stdint.h>
#include <stdlib.h>

#include "../support/trees.h"
#include "base/limits.h"
#include "value/json.h"
#include "value/yaml.h"
#include "value/yaml_compose.h"
#include "value/yaml_fast.h"

static void require(bool condition) {
    if (!condition)
        abort();
}

static void check_spans(const tu_value *v, const tu_yaml_part *part) {
    size_t end = part->offset + part->text.n;
    require(v->begin >= part->offset && v->begin <= v->end && v->end <= end &&
            v->line >= part->line);
    for (uint32_t i = 0; v->type == TU_LIST && i < v->list.n; i++)
        check_spans(&v->list.items[i], part);
    for (uint32_t i = 0; v->type == TU_MAP && i < v->map.n; i++) {
        const tu_member *m = &v->map.members[i];
        require(m->key_begin >= part->offset && m->key_begin <= end && m->key_line >= part->line);
        check_spans(&m->value, part);
    }
}

static void check_as_json(const tu_value *v, tu_yaml_reading reading) {
    tu_arena a;
    tu_buf json = TU_BUF_INIT(256u << 20);
    tu_value *again = NULL;
    tu_arena_init(&a, 0);
    tu_json_write(&json, v, 0);
    require(json.rc == TU_OK);
    if (json.n <= TU_LIMIT_DOCUMENT_BYTES) {
        require(tu_json_parse(&a, tu_buf_str(&json), 0, NULL, &again, NULL, NULL) == TU_OK);
        require(tu_value_equal(v, again));
        tu_yaml_part part = {.text = tu_buf_str(&json), .line = 1};
        if (v->type == TU_MAP || v->type == TU_LIST)
            require(tu_yaml_parse(&a, part, reading, NULL, &again, NULL) == TU_OK &&
                    tu_value_equal(v, again));
    }
    tu_buf_done(&json);
    tu_arena_done(&a);
}

static void check_fast(tu_yaml_part part, tu_yaml_reading reading) {
    tu_arena a;
    tu_value *fast = NULL, *slow = NULL;
    tu_arena_init(&a, 0);
    if (tu_yaml_fast(&a, part, reading, &fast) == TU_YAML_FAST_READ) {
        require(tu_yaml_compose(&a, part, reading, "f.yaml", &slow, NULL) == TU_OK);
        require((fast == NULL) == (slow == NULL));
        if (fast)
            require(test_trees_are_same(fast, slow));
    }
    tu_arena_done(&a);
}

static void check_part(tu_yaml_part part, tu_yaml_reading reading) {
    tu_arena a;
    tu_value *v = NULL;
    tu_error *e = NULL;
    tu_arena_init(&a, 0);
    tu_rc rc = tu_yaml_parse(&a, part, reading, "f.yaml", &v, &e);
    require((rc == TU_OK) == (e == NULL));
    if (e)
        require(e->rc == TU_EINVALID && e->line >= part.line && e->column >= 1 && !v);
    tu_error_free(e);
    if (v) {
        check_spans(v, &part);
        check_as_json(v, reading);
    }
    tu_arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tu_str stream = {(const char *)data, size};
    tu_yaml_split s = tu_yaml_split_begin(stream);
    size_t at = s.offset;
    uint32_t line = 1;
    for (tu_yaml_part part; tu_yaml_split_next(&s, &part);) {
        require(part.text.n && part.offset == at && part.line == line &&
                part.text.p == stream.p + at);
        at += part.text.n;
        for (size_t i = 0; i < part.text.n; i++)
            line += part.text.p[i] == '\n';
        check_part(part, TU_YAML_KUBERNETES);
        check_part(part, TU_YAML_STRICT);
        check_fast(part, TU_YAML_KUBERNETES);
        check_fast(part, TU_YAML_STRICT);
    }
    require(at == size);
    return 0;
}
