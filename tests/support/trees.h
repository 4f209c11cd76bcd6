/*
 * support/trees.h: are two trees the same down to every mark? For tests and fuzzers that compare
 * two readers.
 */
#ifndef TESTS_SUPPORT_TREES_H
#define TESTS_SUPPORT_TREES_H

#include "value/value.h"

static inline bool test_trees_are_same(const tu_value *x, const tu_value *y) {
    if (x->type != y->type || x->flags != y->flags || x->line != y->line || x->begin != y->begin ||
        x->end != y->end || tu_value_count(x) != tu_value_count(y))
        return false;
    bool same = x->type == TU_MAP || x->type == TU_LIST || tu_value_equal(x, y);
    for (uint32_t i = 0; same && x->type == TU_LIST && i < x->list.n; i++)
        same = test_trees_are_same(&x->list.items[i], &y->list.items[i]);
    for (uint32_t i = 0; same && x->type == TU_MAP && i < x->map.n; i++) {
        const tu_member *m = &x->map.members[i], *n = &y->map.members[i];
        same = tu_str_eq(m->key, n->key) && m->key_line == n->key_line &&
               m->key_begin == n->key_begin && test_trees_are_same(&m->value, &n->value);
    }
    return same;
}

#endif
