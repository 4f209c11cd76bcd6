/*
 * compare/dropped.c: what Git dropped while it moved to another version of the kind.
 *
 * Our entry of managedFields speaks of the version that was applied last. In another one its paths mean
 * nothing (a field may have become an annotation), and only the target can convert them. A dry run
 * does: what live has, what it lacks, what nobody else holds and what isn't desired is going to be
 * taken away with our hold (kubernetes-drift.md section 1.6, prune).
 */
#include "compare/inside.h"

static void compare(tu_bench *b, const tu_schema_type *t, const tu_value *live,
                    const tu_value *predicted, const tu_step *place);

static void compare_child(tu_bench *b, const tu_schema_type *t, const tu_value *live,
                          const tu_value *predicted, const tu_step *step) {
    bool there = predicted && predicted->type != TU_NULL;
    if (tu_is_zero(live) || tu_kind_ignores(b->kind, step))
        return;
    bool parts = tu_is_granular(t, live);
    if (there ? parts && live->type == predicted->type : parts && tu_is_free_form(t)) {
        compare(b, t, live, there ? predicted : NULL, step); /* labels are told key by key */
        return;
    }
    if (there)
        return;
    if (tu_step_find(b->in->desired->fields, step) || tu_keeper_at(&b->ownership, step))
        return; /* judged already, or it stays */
    tu_change *c = tu_change_add(&b->changes, step, TU_CHANGE_ADDED);
    if (!c)
        return;
    c->live = live;
    c->owner = b->elsewhere->owner;
    c->note = TU_S("removal-pending");
}

static void compare(tu_bench *b, const tu_schema_type *t, const tu_value *live,
                    const tu_value *predicted, const tu_step *place) {
    tu_lookup members = tu_lookup_begin(predicted);
    tu_item_index items = {0};
    for (uint32_t i = 0; live->type == TU_MAP && i < live->map.n; i++) {
        const tu_member *m = &live->map.members[i];
        const tu_step step = {.up = place, .kind = TU_STEP_FIELD, .name = m->key};
        if (!tu_is_identity(place, m->key))
            compare_child(b, tu_type_field(t, m->key, NULL), &m->value,
                          tu_lookup_get(&members, m->key), &step);
    }
    tu_lookup_done(&members);
    bool keyed = live->type == TU_LIST && t->list == TU_LIST_KEYED;
    if (keyed && !tu_item_index_begin(b->arena, t, predicted, &items))
        b->changes.failed = true;
    for (uint32_t i = 0; keyed && !b->changes.failed && i < live->list.n; i++) {
        const tu_value *item = &live->list.items[i];
        const tu_step step = {.up = place, .kind = TU_STEP_KEY, .value = item, .list = t};
        bool twice;
        int64_t at = tu_item_index_find(&items, item, &twice);
        if (tu_key_has(t, item))
            compare_child(b, tu_type_items(t), item, at >= 0 ? &predicted->list.items[at] : NULL,
                          &step);
    }
}

void tu_find_dropped(tu_bench *b) {
    if (b->elsewhere && !b->ours && tu_value_is(b->in->predicted, TU_MAP))
        compare(b, tu_kind_root(b->kind), b->in->live, b->in->predicted, NULL);
}
