/*
 * value/collect.h: how a parser gathers the children of maps and lists. For json.c and yaml.c
 * only.
 *
 * How many children a map has is known when it closes. Until then they lie on one stack, above
 * those of the maps around it; then they are copied once into the arena, exactly as many as there
 * are:
 *
 *     {"a": 1, "b": {"c": 2, "d": 3      stack: a | c d          "}"  ->  arena: [c d], stack: a b
 *
 * A pushed place is valid until the next push: a child is parsed into a local variable first and
 * then pushed.
 */
#ifndef TU_VALUE_COLLECT_H
#define TU_VALUE_COLLECT_H

#include "base/mem.h"
#include "value/value.h"

typedef struct tu_collect {
    char *bytes;
    size_t used, capacity;
    _Alignas(16) char fixed[4096]; /* enough for most objects: no allocation */
} tu_collect;

void tu_collect_init(tu_collect *c);
void tu_collect_done(tu_collect *c);
/* Makes room for n more bytes; false when memory is exhausted. */
bool tu_collect_grow(tu_collect *c, size_t n);

/* n bytes on top of the stack; n is the size of a tu_value or a tu_member. NULL when memory is
 * exhausted. */
static inline void *tu_collect_push(tu_collect *c, size_t n) {
    if (c->capacity - c->used < n && !tu_collect_grow(c, n))
        return NULL;
    void *place = c->bytes + c->used;
    c->used += n;
    return place;
}

/* Moves everything above `base` into the arena and pops it. NULL when memory is exhausted; never
 * for an empty stack. */
void *tu_collect_take(tu_collect *c, size_t base, tu_arena *a);

/* Marks, in a member's value.flags, what came out of a merge key. Cleared again by
 * tu_members_unique(). */
#define TU_VALUE_MERGED 128u

typedef enum {
    TU_MERGE_EXPLICIT_WINS, /* YAML: what stands in the map beats what is merged into it; the first
                               merged one beats later ones */
    TU_MERGE_LAST_WINS /* go-yaml v2: merging is an assignment, at the place where `<<` stands */
} tu_merge_rule;

/*
 * Looks for keys that stand twice. Two members that were written out: TU_EINVALID, with their
 * indexes in ret_pair. Where one of them is merged, the rule decides which one stays. Cheap for
 * small maps, never quadratic. TU_EINTERNAL: memory is exhausted.
 */
tu_rc tu_members_unique(tu_member *members, uint32_t *n, tu_merge_rule rule, uint32_t ret_pair[2]);

#endif
