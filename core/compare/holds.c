/*
 * compare/holds.c: whether a set of paths holds a place that somebody named by its text.
 *
 * The judge keeps its place as a chain of steps; people write paths. A list's item is found by the
 * keys that are named, in any order, as patterns do (value/pattern.h).
 */
#include "base/mem.h"
#include "compare/inside.h"
#include "value/json.h"
#include "value/pattern.h"
#include "value/pointer.h"

#define STEP_BYTES (64u * 1024u)

static void add_scalar(tu_buf *b, const tu_value *v) {
    if (tu_value_is(v, TU_STRING))
        tu_buf_add(b, v->string);
    else if (v)
        tu_json_write(b, v, 0);
}

/* The node as a path of one step. */
static void print_step(tu_buf *b, const tu_path_set *node) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(STEP_BYTES);
    size_t n = node->kind == TU_STEP_KEY ? tu_value_count(node->value) : 1;
    tu_buf_clear(b);
    if (node->kind == TU_STEP_FIELD) {
        tu_pointer_add(b, node->name);
    } else if (node->kind == TU_STEP_INDEX) {
        tu_buf_addf(b, "/%lld", (long long)tu_value_integer(node->value, 0));
    } else if (node->kind == TU_STEP_VALUE) {
        add_scalar(&text, node->value);
        const tu_str none = {"", 0}, value = tu_buf_str(&text);
        tu_pointer_add_item(b, &none, &value, 1);
    } else {
        /* one pair at a time: the values share a buffer */
        for (size_t i = 0; i < n; i++) {
            const tu_member *m = &node->value->map.members[i];
            _cleanup_(tu_buf_done) tu_buf pair = TU_BUF_INIT(STEP_BYTES);
            tu_buf_clear(&text);
            add_scalar(&text, &m->value);
            const tu_str value = tu_buf_str(&text);
            tu_pointer_add_item(&pair, &m->key, &value, 1);
            tu_buf_add_c(b, i ? "," : "/[");
            tu_buf_add(b, (tu_str){pair.p + 2, pair.n > 3 ? pair.n - 3 : 0});
        }
        tu_buf_add_c(b, n ? "]" : "");
    }
}

static tu_str first_step(tu_str path) {
    size_t end = 1;
    while (end < path.n && path.p[end] != '/')
        end++;
    return (tu_str){path.p, end < path.n ? end : path.n};
}

static bool holds(tu_arena *a, const tu_path_set *set, tu_str path, tu_buf *room) {
    if (path.n == 0)
        return true;
    const tu_str step = first_step(path), rest = {path.p + step.n, path.n - step.n};
    tu_path_pattern wanted;
    bool memory = false;
    if (tu_path_pattern_compile(a, step, &wanted, &memory) || memory)
        return false;
    for (uint32_t i = 0; i < set->child_count; i++) {
        const tu_path_set *child = &set->children[i];
        print_step(room, child);
        if (tu_path_pattern_match(&wanted, tu_buf_str(room)) &&
            (child->child_count == 0 || holds(a, child, rest, room)))
            return true;
    }
    return false;
}

bool tu_path_set_holds(const tu_path_set *set, tu_str path) {
    _cleanup_(tu_arena_done) tu_arena a;
    _cleanup_(tu_buf_done) tu_buf room = TU_BUF_INIT(STEP_BYTES);
    tu_arena_init(&a, 0);
    return holds(&a, set, path, &room);
}
