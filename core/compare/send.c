/*
 * compare/send.c: the desired object as it is sent to the target: said as live says it, where both
 * mean the same.
 *
 *     desired  cpu: 1000m     live  cpu: "1"      sent  cpu: "1"
 *
 * Server-side apply compares texts. "1000m" over "1" is a modification to it: of somebody else's field
 * a conflict, and forced, a field taken from somebody who said the same (kubernetes-drift.md section
 * 0, point 7). The target's own canonical form can't be foretold (it echoes "1.500" and rewrites
 * "1000m"), but it stands in the live object. Custom resources have no semantics, so theirs go as
 * they were written.
 *
 * What live doesn't have, or has with another value, goes as Git says it. Nothing else is touched:
 * the paths, and so the ownership, stay the same. Without a difference in spelling nothing is copied.
 */
#include "compare/inside.h"

typedef struct {
    tu_arena *arena;
    bool failed;
} speaker;

/* The value as live says it; `desired` itself where nothing changes. */
static const tu_value *say(speaker *s, const tu_schema_type *t, const tu_value *desired,
                           const tu_value *live);

static bool same_text(const tu_value *x, const tu_value *y) {
    return x->type == TU_SEALED ? tu_str_eq(x->sealed->bytes, y->sealed->bytes)
                                : tu_str_eq(x->string, y->string);
}

static const tu_value *say_scalar(const tu_schema_type *t, const tu_value *desired,
                                  const tu_value *live) {
    bool texts =
        desired->type == live->type && (desired->type == TU_STRING || desired->type == TU_SEALED);
    bool number = t->semantic == TU_SEMANTIC_QUANTITY && live->type == TU_STRING &&
                  (desired->type == TU_INTEGER || desired->type == TU_NUMBER);
    if (t->semantic == TU_SEMANTIC_PLAIN || t->semantic == TU_SEMANTIC_INT_OR_STRING ||
        (!texts && !number) || (texts && same_text(desired, live)))
        return desired;
    /* TU_WITHIN: a quantity that the target rounded up */
    return tu_typed_compare(t, desired, live, false) != TU_DIFFERENT ? live : desired;
}

/* A shallow copy of a container, before its first child is replaced. */
static tu_value *copy_of(speaker *s, const tu_value *v) {
    bool map = v->type == TU_MAP;
    size_t n = map ? v->map.n * sizeof(*v->map.members) : v->list.n * sizeof(*v->list.items);
    tu_value *copy = tu_arena_alloc(s->arena, sizeof(*copy));
    void *children = tu_arena_alloc(s->arena, n);
    if (!copy || !children) {
        s->failed = true;
        return NULL;
    }
    *copy = *v;
    copy->flags &= (uint8_t)~TU_VALUE_GROWING;
    if (map)
        copy->map.members = memcpy(children, v->map.members, n);
    else
        copy->list.items = memcpy(children, v->list.items, n);
    return copy;
}

static const tu_value *say_map(speaker *s, const tu_schema_type *t, const tu_value *desired,
                               const tu_value *live) {
    tu_value *copy = NULL;
    tu_lookup members = tu_lookup_begin(live);
    for (uint32_t i = 0; i < desired->map.n && !s->failed; i++) {
        const tu_member *m = &desired->map.members[i];
        const tu_value *there = tu_lookup_get(&members, m->key);
        const tu_value *said =
            there ? say(s, tu_type_field(t, m->key, NULL), &m->value, there) : &m->value;
        if (said == &m->value)
            continue;
        copy = copy ? copy : copy_of(s, desired);
        if (copy)
            copy->map.members[i].value = *said;
    }
    tu_lookup_done(&members);
    return copy ? copy : desired;
}

static const tu_value *say_list(speaker *s, const tu_schema_type *t, const tu_value *desired,
                                const tu_value *live) {
    tu_value *copy = NULL;
    tu_item_index items = {0};
    bool keyed = t->type == TU_TYPE_LIST && t->list == TU_LIST_KEYED;
    bool atomic = t->type != TU_TYPE_LIST || t->list == TU_LIST_ATOMIC;
    if (!keyed && !(atomic && desired->list.n == live->list.n))
        return desired; /* of a set, the texts are the items' names */
    if (keyed && !tu_item_index_begin(s->arena, t, live, &items))
        s->failed = true;
    for (uint32_t i = 0; i < desired->list.n && !s->failed; i++) {
        const tu_value *item = &desired->list.items[i];
        bool twice;
        int64_t at = keyed ? tu_item_index_find(&items, item, &twice) : i;
        const tu_value *said =
            at >= 0 ? say(s, tu_type_items(t), item, &live->list.items[at]) : item;
        if (said == item)
            continue;
        copy = copy ? copy : copy_of(s, desired);
        if (copy)
            copy->list.items[i] = *said;
    }
    return copy ? copy : desired;
}

static const tu_value *say(speaker *s, const tu_schema_type *t, const tu_value *desired,
                           const tu_value *live) {
    if (desired->type == TU_MAP && live->type == TU_MAP)
        return say_map(s, t, desired, live);
    if (desired->type == TU_LIST && live->type == TU_LIST)
        return say_list(s, t, desired, live);
    return tu_is_scalar(desired) && tu_is_scalar(live) ? say_scalar(t, desired, live) : desired;
}

tu_rc tu_say_as_live(tu_arena *a, const tu_kind *kind, const tu_value *desired,
                     const tu_value *live, const tu_value **ret, tu_error **error) {
    speaker s = {.arena = a};
    const tu_value *said =
        tu_value_is(live, TU_MAP) ? say(&s, tu_kind_root(kind), desired, live) : desired;
    if (s.failed)
        return tu_error_memory(error);
    *ret = said;
    return TU_OK;
}
