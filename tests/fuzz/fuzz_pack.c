/*
 * fuzz_pack: what is packed comes back as the same tree with the same lines; bytes that nobody
 * packed, and packed ones that were cut, are a tree or an error and never more.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "value/json.h"
#include "value/pack.h"
#include "value/yaml.h"

static void require(bool condition) {
    if (!condition)
        abort();
}

static void same(const tu_value *x, const tu_value *y) {
    require(x->type == y->type && x->line == y->line && tu_value_count(x) == tu_value_count(y));
    for (uint32_t i = 0; x->type == TU_LIST && i < x->list.n; i++)
        same(&x->list.items[i], &y->list.items[i]);
    for (uint32_t i = 0; x->type == TU_MAP && i < x->map.n; i++) {
        require(tu_str_eq(x->map.members[i].key, y->map.members[i].key));
        same(&x->map.members[i].value, &y->map.members[i].value);
    }
    require(x->type == TU_LIST || x->type == TU_MAP || tu_value_equal(x, y));
}

static void check_tree(tu_arena *a, const tu_value *v) {
    tu_map keys = {0};
    tu_buf packed = TU_BUF_INIT(256u << 20);
    tu_value *again = NULL;
    tu_pack_write(&keys, &packed, v);
    require(packed.rc == TU_OK && tu_pack_read(&keys, tu_buf_str(&packed), a, &again) == TU_OK);
    same(v, again);
    size_t step = packed.n / 64 + 1;
    for (size_t n = 0; n < packed.n; n += step)
        require(tu_pack_read(&keys, (tu_str){packed.p, n}, a, &again) == TU_EINTERNAL);
    tu_buf_done(&packed);
    tu_map_done(&keys, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const tu_str text = {(const char *)data, size};
    const tu_yaml_part part = {.text = text, .line = 1};
    tu_arena a;
    tu_value *v = NULL;
    tu_map keys = {0};
    tu_error *e = NULL;
    tu_arena_init(&a, 64u << 20);
    tu_map_put(&keys, TU_S("key"), &keys);
    tu_pack_read(&keys, text, &a, &v);
    tu_arena_reset(&a);
    v = NULL;
    if (tu_yaml_parse(&a, part, TU_YAML_KUBERNETES, NULL, &v, &e) == TU_OK && v)
        check_tree(&a, v);
    tu_error_free(e);
    tu_map_done(&keys, NULL);
    tu_arena_done(&a);
    return 0;
}
