/*
 * compare/attribute.c: whose hand a change shows, since when, and what else is to be said of it.
 *
 * What a target records is entries: a manager, the paths it holds, the second of its last change to
 * them. That proves little, and no more than it proves is said:
 *
 *   value, duplicate, added   the latest other entry that holds the path. Its time is when live came
 *                             to stand as it does there, at the latest
 *   removed                   whoever takes a field away holds nothing afterwards: no hand
 *   order                     moving items changes nobody's paths: no hand
 *   ours                      live holds what we applied, so Git moved on: no onset in the target
 *   legacy                    merged of several hands by the target: named so, no onset
 *   an applier's, nothing of  whoever writes the object whole may have written what Git said then:
 *   ours beside it            no onset; unless the object was made anew meanwhile (replaced)
 *
 * The onset is the earliest of these times. Where something was removed or moved and one other entry
 * is newer than ours, that one is the only hand that is known to have written since: its time
 * counts, its name is not put to the change.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "compare/inside.h"
#include "value/json.h"

/* ---- onset ----------------------------------------------------------------------------- */

static void began(tu_bench *b, tu_str time) {
    if (time.n && (b->onset.n == 0 || tu_str_compare(time, b->onset) < 0))
        b->onset = time;
}

static void began_with(tu_bench *b, const tu_manager_entry *e) {
    tu_manager_class class = e->owner.class_;
    if (class == TU_MANAGER_OURS || class == TU_MANAGER_LEGACY)
        return;
    bool replaced = b->in->replaced || (b->in->known_uid.n && !tu_str_eq(b->in->known_uid, b->uid));
    if (b->ours || replaced || !tu_wrote_whole(b, e))
        began(b, e->owner.time);
}

void tu_onset_without_hand(tu_bench *b) {
    const tu_manager_entry *newer = NULL;
    if (!b->handless || !b->ours)
        return;
    for (size_t i = 0; i < b->ownership.n; i++) {
        const tu_manager_entry *e = &b->ownership.entries[i];
        if (e->owner.class_ == TU_MANAGER_OURS || tu_str_is(e->owner.subresource, "status") ||
            tu_str_compare(e->owner.time, b->ours->owner.time) <= 0)
            continue;
        if (newer)
            return;
        newer = e;
    }
    if (newer && newer->owner.class_ != TU_MANAGER_LEGACY)
        began(b, newer->owner.time);
}

/* ---- notes ----------------------------------------------------------------------------- */

static tu_str with_text(tu_bench *b, const char *word, const tu_value *v) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_KIB);
    tu_buf_addf(&text, "%s: ", word);
    tu_json_write(&text, v, 0);
    tu_str note = text.rc ? tu_str_c(word) : tu_arena_copy(b->arena, tu_buf_str(&text));
    b->changes.failed = b->changes.failed || !note.p || text.rc == TU_EINTERNAL;
    return note;
}

/* A map of nothing but what the target fills in. */
static bool all_default(tu_bench *b, const tu_step *place, const tu_value *map) {
    for (uint32_t i = 0; i < map->map.n; i++) {
        const tu_member *m = &map->map.members[i];
        const tu_step step = {.up = place, .kind = TU_STEP_FIELD, .name = m->key};
        tu_str note = tu_note_unowned(b, &step, &m->value);
        if (!tu_str_is(note, "default") && !tu_str_is(note, "allocated") && !tu_is_zero(&m->value))
            return false;
    }
    return map->map.n > 0;
}

tu_str tu_note_unowned(tu_bench *b, const tu_step *place, const tu_value *live) {
    const tu_value *value = NULL;
    if (tu_places_cover(&b->kind->tables.allocated, b->in->live, place))
        return TU_S("allocated");
    switch (tu_default_at(b->kind, b->in->live, place, &value)) {
    case TU_DEFAULT_NONE:
        return live->type == TU_MAP && all_default(b, place, live) ? TU_S("default")
                                                                   : TU_S("admission");
    case TU_DEFAULT_ANY:
        return TU_S("default");
    case TU_DEFAULT_KNOWN:
        break;
    }
    return tu_typed_compare(tu_type_at(b->kind, place), value, live, false) != TU_DIFFERENT
               ? TU_S("default")
               : with_text(b, "stale-default", value);
}

tu_str tu_note_added(tu_bench *b, const tu_manager_entry *e, const tu_step *place,
                     const tu_value *live) {
    const tu_value *value = NULL;
    if (e->owner.class_ == TU_MANAGER_LEGACY)
        return e->owner.manager;
    if (tu_default_at(b->kind, b->in->live, place, &value) != TU_DEFAULT_KNOWN)
        return (tu_str){0};
    return tu_typed_compare(tu_type_at(b->kind, place), value, live, false) != TU_DIFFERENT
               ? TU_S("default")
               : with_text(b, "overrides-default", value);
}

static tu_str note_value(tu_bench *b, const tu_change *c, const tu_step *place) {
    const tu_tables *tables = &b->kind->tables;
    if (c->owner.class_ == TU_MANAGER_LEGACY)
        return c->owner.manager;
    if (tu_is_respelled(c->desired, c->live))
        return TU_S("representation");
    if (tu_places_cover(&tables->immutable, b->in->live, place))
        return TU_S("immutable");
    if (c->owner.manager.n == 0 && c->owner.operation.n == 0 && b->ownership.n && c->live) {
        tu_str note = tu_note_unowned(b, place, c->live);
        return tu_str_is(note, "admission") ? TU_S("unowned") : note;
    }
    return (tu_str){0};
}

void tu_attribute(tu_bench *b, tu_change *c, const tu_step *place) {
    const tu_manager_entry *e = NULL;
    switch (c->kind) {
    case TU_CHANGE_VALUE:
    case TU_CHANGE_DUPLICATE:
        e = tu_other_at(&b->ownership, place);
        c->owner = tu_owner_at(&b->ownership, place);
        if (e)
            began_with(b, e);
        break;
    case TU_CHANGE_REMOVED:
    case TU_CHANGE_ORDER:
        b->handless = true;
        break;
    default:
        break;
    }
    if (c->kind != TU_CHANGE_ORDER)
        c->note = note_value(b, c, place);
    else if (tu_places_cover(&b->kind->tables.cosmetic, b->in->live, place))
        c->note = TU_S("cosmetic");
}

void tu_attribute_added(tu_bench *b, tu_change *c, const tu_manager_entry *e) {
    c->owner = e->owner;
    began_with(b, e);
}
