/*
 * compare/judge.c: what of the desired object is not as it should be.
 *
 * The desired object is walked once; the live one, and where a dry run was made the predicted one,
 * are followed beside it:
 *
 *     desired   map ---- member ---- list ---- item
 *     predicted map ---- member ---- list ---- item
 *     live      map ---- member ---- list ---- item
 *
 * Where there is a predicted object, live is compared with it and not with desired.
 *
 * What each node means is kubernetes-drift.md section 1.4: scalars and atomics are leaves; keyed
 * lists and sets are searched, not aligned; null and empty containers mostly ask for nothing. So
 * whatever live has beyond desired is not looked at here: that is additions.c.
 *
 * Belief. A local comparison can't know what the server does to a value by itself (leave out an
 * empty one, fill in a member of an atomic). Where a difference could be that (TU_WITHIN),
 * ownership decides: our own entry still holds the path, so nobody changed it: equal. Somebody who
 * edited the object holds it, or our entry lost it and nothing is there: changed. Otherwise equal,
 * but suspect: a dry run would tell. Nothing is called drift on suspicion.
 *
 * Whose hand a change shows is attribute.c; what all of it amounts to is verdict.c.
 *
 * To add a kind of change: model/model.h, then the place here that sees it.
 */
#include "base/limits.h"
#include "compare/inside.h"

#include <stdlib.h>

/* ---- the list of changes --------------------------------------------------------------- */

tu_change *tu_change_add(tu_change_list *list, const tu_step *place, tu_change_kind kind) {
    if (list->n >= TU_LIMIT_CHANGES)
        return NULL;
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 8;
        tu_change *items = tu_arena_alloc(list->arena, capacity * sizeof(*items));
        if (!items) {
            list->failed = true;
            return NULL;
        }
        if (list->n)
            memcpy(items, list->items, list->n * sizeof(*items));
        list->items = items;
        list->capacity = capacity;
    }
    tu_str path = tu_step_path(list->arena, place);
    if (!path.p) {
        list->failed = true;
        return NULL;
    }
    tu_change *c = &list->items[list->n++];
    *c = (tu_change){.path = path, .kind = kind};
    return c;
}

static void report(tu_bench *b, const tu_step *place, tu_change_kind kind, const tu_value *desired,
                   const tu_value *live) {
    b->suspect = b->suspect || !b->in->predicted;
    tu_change *c = tu_change_add(&b->changes, place, kind);
    if (!c)
        return;
    c->desired = desired;
    c->live = live;
    c->line = desired ? desired->line : 0;
    tu_attribute(b, c, place);
}

/* Applying what is desired would give what is there already: the target rewrites it. */
static void report_rewritten(tu_bench *b, const tu_step *place, const tu_value *desired,
                             const tu_value *live) {
    b->rewritten = true;
    tu_change *c = tu_change_add(&b->quiet, place, live ? TU_CHANGE_VALUE : TU_CHANGE_REMOVED);
    if (!c)
        return;
    c->desired = desired;
    c->live = live;
    c->line = desired ? desired->line : 0;
    c->owner = tu_owner_at(&b->ownership, place);
    c->note = TU_S("admission-rewritten");
}

static void report_difference(tu_bench *b, const tu_step *place, const tu_value *desired,
                              const tu_value *live) {
    bool gone = !live || live->type == TU_NULL;
    report(b, place, gone ? TU_CHANGE_REMOVED : TU_CHANGE_VALUE, desired, gone ? NULL : live);
}

/* ---- belief ---------------------------------------------------------------------------- */

static void note_doubt(tu_bench *b, const tu_step *place, const tu_value *desired,
                       const tu_value *live) {
    b->suspect = true;
    tu_change *c = tu_change_add(&b->doubts, place, live ? TU_CHANGE_VALUE : TU_CHANGE_REMOVED);
    if (!c)
        return;
    c->desired = desired;
    c->live = live;
    c->line = desired ? desired->line : 0;
}

static void doubt(tu_bench *b, const tu_step *place, const tu_value *desired,
                  const tu_value *live) {
    const tu_path_set *held = b->ours ? tu_step_find(b->ours->fields, place) : NULL;
    if (held && (held->member || !live))
        return; /* of a map that is left out whole, our entry holds what was in it */
    if (b->ours && !live && !tu_step_find(b->in->desired->fields, place))
        return; /* nothing but empty lists: nothing is asked for */
    const tu_manager_entry *other = live ? tu_other_at(&b->ownership, place) : NULL;
    /* What the target leaves out, our entry still holds; what somebody removed, it lost. */
    bool lost = b->ours && !live;
    if (lost || (other && !tu_is_applier(b, other)))
        report_difference(b, place, desired, live);
    else if (!b->in->predicted)
        note_doubt(b, place, desired, live);
}

/* ---- the walk -------------------------------------------------------------------------- */

/* The three objects at one place. */
typedef struct {
    const tu_schema_type *type;
    const tu_value *desired, *predicted, *live;
    bool chosen; /* a member of a free-form map: present or not, the server doesn't decide that */
} spot;

static void walk(tu_bench *b, spot at, const tu_step *place);

static bool is_there(const tu_value *v) {
    return v && v->type != TU_NULL;
}

/* Does the target keep what is empty here? Metadata, the object's own and that of templates inside,
 * has one form for all kinds, which leaves it out. */
static bool is_verbatim(const tu_bench *b, const tu_step *place) {
    for (; b->kind->verbatim && place; place = place->up) {
        if (place->kind == TU_STEP_FIELD && tu_str_is(place->name, "metadata"))
            return false;
    }
    return b->kind->verbatim;
}

static void judge_leaf(tu_bench *b, spot at, const tu_step *place) {
    bool verbatim = is_verbatim(b, place);
    if (b->in->predicted) {
        if (!tu_typed_equal(at.type, at.predicted, at.live))
            report_difference(b, place, at.desired, at.live);
        else if (at.desired->type != TU_NULL &&
                 tu_typed_compare(at.type, at.desired, at.live, verbatim) == TU_DIFFERENT)
            report_rewritten(b, place, at.desired, at.live);
        return;
    }
    bool strict = verbatim || (at.chosen && !is_there(at.live));
    switch (tu_typed_compare(at.type, at.desired, at.live, strict)) {
    case TU_EQUAL:
        return;
    case TU_WITHIN:
        doubt(b, place, at.desired, at.live);
        return;
    case TU_DIFFERENT:
        report_difference(b, place, at.desired, at.live);
    }
}

/* null clears atomics, asks for a scalar's default, and does nothing to what is granular and holds
 * something. An empty one that stands where null is wanted differs for a target that keeps both. */
static void judge_null(tu_bench *b, spot at, const tu_step *place) {
    if (at.type->no_null && !b->in->predicted)
        note_doubt(b, place, at.desired, at.live);
    if (!is_there(at.live) && !is_there(at.predicted))
        return;
    if (tu_is_granular(at.type, at.live)) {
        bool kept = is_verbatim(b, place) && is_there(at.live) && tu_value_count(at.live) == 0;
        if (kept && b->in->predicted)
            judge_leaf(b, at, place);
        else if (kept)
            note_doubt(b, place, at.desired, at.live);
        return;
    }
    if (b->in->predicted)
        judge_leaf(b, at, place);
    else if (tu_is_scalar(at.live))
        doubt(b, place, at.desired, at.live);
    else if (tu_value_count(at.live))
        report_difference(b, place, at.desired, at.live);
}

/* A map or list of which live has nothing: one change for the whole of it. */
static void judge_absent(tu_bench *b, spot at, const tu_step *place) {
    if (b->in->predicted && !is_there(at.predicted))
        return;
    if (!b->in->predicted && !at.chosen && !is_verbatim(b, place) && tu_is_zero(at.desired))
        doubt(b, place, at.desired, NULL);
    else
        report_difference(b, place, at.desired, NULL);
}

static void walk_members(tu_bench *b, spot at, const tu_step *place) {
    tu_lookup live = tu_lookup_begin(at.live), predicted = tu_lookup_begin(at.predicted);
    for (uint32_t i = 0; i < at.desired->map.n; i++) {
        const tu_member *m = &at.desired->map.members[i];
        const tu_step step = {.up = place, .kind = TU_STEP_FIELD, .name = m->key};
        if (tu_is_identity(place, m->key))
            continue;
        bool declared;
        spot child = {.type = tu_type_field(at.type, m->key, &declared), .desired = &m->value};
        child.chosen = !declared && tu_is_free_form(at.type);
        child.live = tu_lookup_get(&live, m->key);
        child.predicted = tu_lookup_get(&predicted, m->key);
        walk(b, child, &step);
    }
    tu_lookup_done(&live);
    tu_lookup_done(&predicted);
}

static void walk_map(tu_bench *b, spot at, const tu_step *place) {
    if (is_there(at.live) && at.live->type != TU_MAP)
        report_difference(b, place, at.desired, at.live);
    else if (is_there(at.live) || (tu_is_free_form(at.type) && at.desired->map.n))
        walk_members(b, at, place);
    else
        judge_absent(b, at, place);
}

/* Do our items stand in the order that is wanted? positions: pairs (wanted, live) of the items that
 * are there. */
typedef struct {
    int64_t wanted, live;
} position;

static int by_wanted(const void *x, const void *y) {
    const position *a = x, *b = y;
    return a->wanted < b->wanted ? -1 : a->wanted > b->wanted;
}

static bool in_order(position *p, size_t n) {
    bool sorted = true;
    for (size_t i = 1; sorted && i < n; i++)
        sorted = p[i - 1].wanted <= p[i].wanted;
    if (!sorted)
        qsort(p, n, sizeof(*p), by_wanted);
    for (size_t i = 1; i < n; i++) {
        if (p[i - 1].live > p[i].live)
            return false;
    }
    return true;
}

/* One item of a keyed list. Returns false when live doesn't have it. */
static bool walk_item(tu_bench *b, spot list, const tu_item_index *live,
                      const tu_item_index *predicted, uint32_t i, const tu_step *place,
                      position *ret) {
    const tu_value *item = &list.desired->list.items[i];
    const tu_step step = {.up = place, .kind = TU_STEP_KEY, .value = item, .list = list.type};
    bool twice, twice_foreseen;
    int64_t there = tu_item_index_find(live, item, &twice);
    int64_t foreseen = tu_item_index_find(predicted, item, &twice_foreseen);
    if (!tu_key_has(list.type, item))
        return false; /* invalid, and said so by tu_kind_validate() */
    if (there < 0) {
        if (!b->in->predicted || foreseen >= 0)
            report(b, &step, TU_CHANGE_REMOVED, item, NULL);
        else
            report_rewritten(b, &step, item, NULL);
        return false;
    }
    const tu_value *live_item = &list.live->list.items[there];
    if (twice)
        report(b, &step, TU_CHANGE_DUPLICATE, item, live_item);
    spot child = {.type = tu_type_items(list.type), .desired = item, .live = live_item};
    child.predicted = foreseen >= 0 ? &list.predicted->list.items[foreseen] : NULL;
    if (child.type->atomic)
        judge_leaf(b, child, &step);
    else
        walk_members(b, child, &step);
    *ret = (position){.wanted = b->in->predicted ? foreseen : i, .live = there};
    return true;
}

static void walk_keyed(tu_bench *b, spot at, const tu_step *place) {
    tu_item_index live, predicted;
    position *positions = tu_arena_alloc(b->arena, at.desired->list.n * sizeof(*positions));
    if (!positions || !tu_item_index_begin(b->arena, at.type, at.live, &live) ||
        !tu_item_index_begin(b->arena, at.type, at.predicted, &predicted)) {
        b->changes.failed = true;
        return;
    }
    size_t n = 0;
    for (uint32_t i = 0; i < at.desired->list.n; i++)
        n += walk_item(b, at, &live, &predicted, i, place, &positions[n]);
    if (!in_order(positions, n))
        report(b, place, TU_CHANGE_ORDER, at.desired, at.live);
}

static void walk_set(tu_bench *b, spot at, const tu_step *place) {
    tu_item_index live, predicted;
    if (!tu_item_index_begin(b->arena, at.type, at.live, &live) ||
        !tu_item_index_begin(b->arena, at.type, at.predicted, &predicted)) {
        b->changes.failed = true;
        return;
    }
    for (uint32_t i = 0; i < at.desired->list.n; i++) {
        const tu_value *item = &at.desired->list.items[i];
        const tu_step step = {.up = place, .kind = TU_STEP_VALUE, .value = item};
        bool twice;
        bool wanted = !b->in->predicted || tu_item_index_find(&predicted, item, &twice) >= 0;
        if (wanted && tu_item_index_find(&live, item, &twice) < 0)
            report(b, &step, TU_CHANGE_REMOVED, item, NULL);
    }
}

static void walk_list(tu_bench *b, spot at, const tu_step *place) {
    if (at.desired->list.n == 0)
        return; /* an empty one owns nothing and does nothing */
    if (at.type->list == TU_LIST_SET && tu_type_items(at.type)->type == TU_TYPE_MAP &&
        !b->in->predicted)
        note_doubt(b, place, at.desired, at.live); /* server-side apply takes no set of maps */
    if (!is_there(at.live))
        judge_absent(b, at, place);
    else if (at.live->type != TU_LIST)
        report_difference(b, place, at.desired, at.live);
    else if (at.type->list == TU_LIST_KEYED)
        walk_keyed(b, at, place);
    else
        walk_set(b, at, place);
}

static void walk(tu_bench *b, spot at, const tu_step *place) {
    if (at.desired->type == TU_NULL)
        judge_null(b, at, place);
    else if (!tu_is_granular(at.type, at.desired))
        judge_leaf(b, at, place);
    else if (at.desired->type == TU_MAP)
        walk_map(b, at, place);
    else
        walk_list(b, at, place);
}

void tu_walk(tu_bench *b) {
    spot root = {.type = tu_kind_root(b->kind), .desired = b->in->desired->object};
    root.live = b->in->live;
    root.predicted = b->in->predicted;
    walk(b, root, NULL);
}
