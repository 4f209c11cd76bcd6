/*
 * compare/unowned.c: what stands in live and nobody holds: defaults, allocated values, what admission
 * put there (kubernetes-drift.md section 2: U = S(live) minus all sets).
 *
 *     live      map ---- member ---- list ---- item
 *     set 1     node --- node ------ node                 every entry of managedFields, and what we
 *     set 2     node                                      desire, followed beside it
 *
 * Only for showing: it never makes a drift. Empty values are left out, as servers write them or not
 * as they please; an item of a keyed list that nobody holds is one, everything else is told leaf by
 * leaf, so that each can be explained.
 */
#include "base/limits.h"
#include "compare/inside.h"

typedef struct {
    tu_bench *bench;
    bool failed;
} search;

/* The sets' nodes at one place. */
typedef struct {
    const tu_path_set **nodes;
    size_t n;
} hands;

static void visit(search *s, const tu_schema_type *t, const tu_value *v, hands at,
                  const tu_step *place);

/* The nodes one step further down; room has at.n. True when somebody holds all of it. */
static bool follow(hands at, const tu_step *step, const tu_path_set **room, hands *ret) {
    *ret = (hands){.nodes = room};
    for (size_t i = 0; i < at.n; i++) {
        const tu_path_set *child = tu_step_child(at.nodes[i], step);
        if (!child)
            continue;
        if (child->child_count == 0)
            return true;
        ret->nodes[ret->n++] = child;
    }
    return false;
}

static void tell(search *s, const tu_value *v, const tu_step *place) {
    tu_bench *b = s->bench;
    tu_change *c = tu_change_add(&b->quiet, place, TU_CHANGE_ADDED);
    if (!c)
        return;
    c->live = v;
    c->note = tu_note_unowned(b, place, v);
}

static void visit_child(search *s, const tu_schema_type *t, const tu_value *v, hands up,
                        const tu_step *step) {
    if (tu_is_zero(v) || s->bench->quiet.n >= TU_LIMIT_CHANGES ||
        tu_kind_ignores(s->bench->kind, step))
        return;
    const tu_path_set **room = tu_arena_alloc(s->bench->arena, up.n * sizeof(*room));
    if (!room) {
        s->failed = true;
        return;
    }
    hands at;
    if (follow(up, step, room, &at))
        return;
    bool part = tu_is_granular(t, v);
    if (part && !(step->kind == TU_STEP_KEY && at.n == 0))
        visit(s, t, v, at, step);
    else if (at.n == 0)
        tell(s, v, step);
}

static void visit(search *s, const tu_schema_type *t, const tu_value *v, hands at,
                  const tu_step *place) {
    if (v->type == TU_MAP) {
        for (uint32_t i = 0; i < v->map.n && !s->failed; i++) {
            const tu_member *m = &v->map.members[i];
            const tu_step step = {.up = place, .kind = TU_STEP_FIELD, .name = m->key};
            if (!tu_is_identity(place, m->key))
                visit_child(s, tu_type_field(t, m->key, NULL), &m->value, at, &step);
        }
        return;
    }
    bool keyed = t->list == TU_LIST_KEYED;
    for (uint32_t i = 0; i < v->list.n && !s->failed; i++) {
        const tu_value *item = &v->list.items[i];
        const tu_step step = {.up = place,
                              .kind = keyed ? TU_STEP_KEY : TU_STEP_VALUE,
                              .value = item,
                              .list = keyed ? t : NULL};
        if (!keyed || tu_key_has(t, item))
            visit_child(s, tu_type_items(t), item, at, &step);
    }
}

bool tu_find_unowned(tu_bench *b) {
    search s = {.bench = b};
    size_t n = b->ownership.n;
    if (n == 0)
        return true; /* nobody is recorded, so that nobody holds something says nothing */
    const tu_path_set **nodes = tu_arena_alloc(b->arena, (n + 1) * sizeof(*nodes));
    if (!nodes)
        return false;
    for (size_t i = 0; i < n; i++)
        nodes[i] = b->ownership.entries[i].fields;
    nodes[n] = b->in->desired->fields;
    visit(&s, tu_kind_root(b->kind), b->in->live, (hands){nodes, n + 1}, NULL);
    return !s.failed;
}
