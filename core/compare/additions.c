/*
 * compare/additions.c: what others added inside and beside what we desire, and what of ours Git no
 * longer has.
 *
 * An addition is a path that an entry of managedFields holds, that live has, and that the desired
 * set S has not. Whether it makes a drift depends on whose entry it is:
 *
 *   controller, GitOps tool    quiet: they are there to add things
 *   ours                       drift: Git dropped the field and an apply takes it away. Only the
 *                              hold changes, quietly, when somebody else holds it too or the dry run
 *                              says that the value stays
 *   human, unknown, legacy     drift, unless the entry is an applier's or the value is what the
 *                              target would have filled in
 *
 * An applier is whoever wrote the object as a whole, before or beside us: kubectl create, kubectl
 * apply, helm install, Argo CD. Such a write is an Update, and an Update's entry holds the defaults
 * too, which are nobody's addition. An editor's entry is an Update as well, under a name that
 * anybody may choose. An entry is an applier's when
 *
 *   - its name is none of kubectl's editing verbs (edit, patch, set, label, scale ...);
 *   - it holds at least half of S with the values of S: an editor holds only what it changed. Of a
 * small object one edit may leave an applier less than that, so the names that kubectl gives only to
 * writes of a whole object (writing_verbs) stand for themselves;
 *   - nothing shows that the object was there before. Where an Apply entry that covers S has the
 * time of the object's creation, every later Update is an edit, however small the object.
 *
 * Of what an applier holds beside S, an addition is what it wrote itself. That is known where it
 * left a copy of its manifest (the last-applied annotation of client-side apply): what stands in
 * the copy and not in Git is drift, what doesn't is a default. Without a copy all of it is taken
 * for defaults. Defaults aren't listed, not even among the quiet changes: a rule about human
 * additions would meet them there. So a field that was given to `kubectl create` and never stood in
 * Git isn't found: the price for inventing no drift.
 *
 * A server-side apply holds exactly what was written and no defaults: all that a human's Apply
 * entry has beside S is drift.
 *
 * Told is the topmost node that was added whole: a sidecar is one change, not ten. Free-form maps
 * (labels) are told key by key, since others may have keys beside. Empty containers are quiet; so
 * are marks that tools leave about their own work (tool_marks, and those of tracking.c).
 *
 * To add a mark or an editing verb: the tables below.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "compare/inside.h"
#include "value/json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

enum { APPLIER_UNASKED, APPLIER_YES, APPLIER_NO, APPLIED_WHOLE };

static const char *const editing_verbs[] = {"kubectl-edit",  "kubectl-patch",    "kubectl-set",
                                            "kubectl-label", "kubectl-annotate", "kubectl-rollout",
                                            "kubectl-scale", "kubectl-taint"};

static const char *const writing_verbs[] = {"kubectl-client-side-apply", "kubectl-create"};

/* Annotations about a tool's own work. Whoever has written them, they are no part of anybody's
 * design. */
static const struct {
    const char *annotation;
    bool listed; /* among the quiet changes; or not at all */
} tool_marks[] = {
    {LAST_APPLIED, false},
    {"kubectl.kubernetes.io/restartedAt", true}, /* kubectl rollout restart (case 80) */
    {"deployment.kubernetes.io/revision", true},
};

/* ---- appliers -------------------------------------------------------------------------- */

static const tu_value *item_of(const tu_item_index *x, const tu_value *key) {
    bool twice;
    int64_t found = tu_item_index_find(x, key, &twice);
    return found >= 0 ? &x->list->list.items[found] : NULL;
}

/* A type and the desired and the live value at one place. */
typedef struct {
    const tu_schema_type *type;
    const tu_value *desired, *live;
} pair;

/* The members of `desired` that `theirs` holds too and that have the desired value. */
static size_t count_same(tu_bench *b, const tu_path_set *desired, const tu_path_set *theirs,
                         pair at) {
    tu_item_index desired_items, live_items;
    tu_lookup desired_members = tu_lookup_begin(at.desired),
              live_members = tu_lookup_begin(at.live);
    size_t n = desired->child_count == 0
                   ? theirs->member &&
                         tu_typed_compare(at.type, at.desired, at.live, false) != TU_DIFFERENT
                   : desired->member && theirs->member;
    if (!tu_item_index_begin(b->arena, at.type, at.desired, &desired_items) ||
        !tu_item_index_begin(b->arena, at.type, at.live, &live_items))
        b->changes.failed = true;
    for (uint32_t i = 0; i < desired->child_count; i++) {
        const tu_path_set *child = &desired->children[i];
        const tu_path_set *other =
            tu_path_set_child(theirs, child->kind, child->name, child->value);
        if (!other)
            continue;
        pair next = {.type = tu_type_items(at.type)};
        if (child->kind == TU_STEP_FIELD) {
            next.type = tu_type_field(at.type, child->name, NULL);
            next.desired = tu_lookup_get(&desired_members, child->name);
            next.live = tu_lookup_get(&live_members, child->name);
        } else {
            next.desired = item_of(&desired_items, child->value);
            next.live = item_of(&live_items, child->value);
        }
        n += count_same(b, child, other, next);
    }
    tu_lookup_done(&desired_members);
    tu_lookup_done(&live_members);
    return n;
}

/* Does an entry hold at least half of what we desire, with the values that we desire? */
static bool covers(tu_bench *b, const tu_path_set *theirs) {
    const tu_prepared *desired = b->in->desired;
    const pair root = {tu_kind_root(b->kind), desired->object, b->in->live};
    return count_same(b, desired->fields, theirs, root) * 2 >= tu_path_set_size(desired->fields);
}

static bool was_created_by_apply(tu_bench *b, tu_str creation, const tu_manager_entry *before) {
    for (size_t i = 0; i < b->ownership.n; i++) {
        const tu_manager_entry *e = &b->ownership.entries[i];
        if (tu_str_is(e->owner.operation, "Apply") && tu_str_eq(e->owner.time, creation) &&
            !tu_str_eq(before->owner.time, creation) && covers(b, e->fields))
            return true;
    }
    return false;
}

static bool is_one_of(tu_str manager, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (tu_str_is(manager, names[i]))
            return true;
    }
    return false;
}

static bool applied(tu_bench *b, const tu_manager_entry *e) {
    if (!tu_str_is(e->owner.operation, "Update") || e->owner.subresource.n ||
        is_one_of(e->owner.manager, editing_verbs, COUNT(editing_verbs)))
        return false;
    bool whole = is_one_of(e->owner.manager, writing_verbs, COUNT(writing_verbs));
    tu_str creation =
        tu_value_get_string(tu_value_get(b->in->live, "metadata"), "creationTimestamp");
    return (whole || covers(b, e->fields)) && !(creation.n && was_created_by_apply(b, creation, e));
}

bool tu_wrote_whole(tu_bench *b, const tu_manager_entry *e) {
    uint8_t *answer = &b->appliers[e - b->ownership.entries];
    if (!tu_str_is(e->owner.operation, "Apply") || e->owner.subresource.n)
        return tu_is_applier(b, e);
    if (*answer == APPLIER_UNASKED) /* of an Apply entry, tu_is_applier() asks nothing costly */
        *answer = covers(b, e->fields) ? APPLIED_WHOLE : APPLIER_NO;
    return *answer == APPLIED_WHOLE;
}

bool tu_is_applier(tu_bench *b, const tu_manager_entry *e) {
    uint8_t *answer = &b->appliers[e - b->ownership.entries];
    if (!tu_str_is(e->owner.operation, "Update"))
        return false;
    if (*answer == APPLIER_UNASKED)
        *answer = applied(b, e) ? APPLIER_YES : APPLIER_NO;
    return *answer == APPLIER_YES;
}

/* ---- one entry ------------------------------------------------------------------------- */

typedef struct {
    tu_bench *bench;
    const tu_manager_entry *entry;
    bool applier;
    const tu_value *copy; /* the applier's manifest; NULL: it left none */
} search;

/* A type, a value and two sets at one place. */
typedef struct {
    const tu_path_set *theirs, *desired; /* desired NULL: nothing of ours from here on */
    const tu_schema_type *type;
    const tu_value *live;
} spot;

static void visit(search *s, spot at, const tu_step *place);

static bool is_mark(const tu_step *place, bool *ret_listed) {
    if (place->kind != TU_STEP_FIELD || !place->up || place->up->kind != TU_STEP_FIELD ||
        !tu_str_is(place->up->name, "annotations"))
        return false;
    for (size_t i = 0; i < COUNT(tool_marks); i++) {
        if (tu_str_is(place->name, tool_marks[i].annotation)) {
            *ret_listed = tool_marks[i].listed;
            return true;
        }
    }
    return false;
}

const tu_manager_entry *tu_keeper_at(const tu_ownership *o, const tu_step *place) {
    for (size_t i = o->n; i > 0; i--) {
        const tu_manager_entry *e = &o->entries[i - 1];
        const tu_path_set *node = tu_step_find(e->fields, place);
        if (e->owner.class_ != TU_MANAGER_OURS && node && node->member)
            return e;
    }
    return NULL;
}

/* "removal-pending: takes along what bob holds in it" */
static tu_str pending_note(search *s, const tu_step *place) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_KIB);
    tu_bench *b = s->bench;
    size_t n = 0;
    for (size_t i = 0; i < b->ownership.n; i++) {
        const tu_owner *o = &b->ownership.entries[i].owner;
        if (o->class_ == TU_MANAGER_OURS || !tu_step_find(b->ownership.entries[i].fields, place))
            continue;
        tu_buf_addf(&text, "%s%.*s", n++ ? ", " : "removal-pending: takes along what is held by ",
                    TU_P(o->manager));
    }
    b->changes.failed = b->changes.failed || text.rc == TU_EINTERNAL;
    if (n == 0 || text.rc)
        return TU_S("removal-pending");
    tu_str note = tu_arena_copy(b->arena, tu_buf_str(&text));
    b->changes.failed = b->changes.failed || !note.p;
    return note;
}

/* Git dropped a field of ours. An apply takes it away, unless somebody else holds it too: then only
 * our hold goes. With a prediction it is known what happens. */
static void tell_dropped(search *s, const tu_step *place, const tu_value *live) {
    tu_bench *b = s->bench;
    const tu_value *predicted = b->in->predicted;
    const tu_manager_entry *keeper = tu_keeper_at(&b->ownership, place);
    bool stays = predicted
                     ? tu_typed_equal(&tu_type_untyped, tu_value_at_place(predicted, place), live)
                     : keeper != NULL;
    if (stays && !keeper)
        return; /* a default takes its place, the same value even */
    tu_change *c = tu_change_add(stays ? &b->quiet : &b->changes, place,
                                 stays ? TU_CHANGE_OWNERSHIP : TU_CHANGE_ADDED);
    b->suspect = b->suspect || (!stays && !predicted);
    if (!c)
        return;
    c->live = live;
    c->owner = stays ? keeper->owner : s->entry->owner;
    if (!stays) {
        c->note = pending_note(s, place);
        return;
    }
    const char *note = tu_arena_printf(b->arena, "kept-by: %.*s", TU_P(keeper->owner.manager));
    b->quiet.failed = b->quiet.failed || !note;
    c->note = tu_str_c(note);
}

static bool is_drift(const search *s, const tu_value *live) {
    bool empty = !tu_is_scalar(live) && tu_value_count(live) == 0;
    switch (s->entry->owner.class_) {
    case TU_MANAGER_CONTROLLER:
    case TU_MANAGER_GITOPS:
        return false;
    default:
        return !empty;
    }
}

/* What an applier holds beside S is taken for defaults: nobody's addition, so no rule about anybody's
 * may meet it. Of what the target merged of several hands, all that isn't known to be a default is
 * listed: it is there, and whose it is can't be said. */
static void tell_beside_applied(search *s, const tu_step *place, const tu_value *live) {
    tu_bench *b = s->bench;
    if (s->entry->owner.class_ != TU_MANAGER_LEGACY || tu_is_zero(live) ||
        !tu_str_is(tu_note_unowned(b, place, live), "admission"))
        return;
    tu_change *c = tu_change_add(&b->quiet, place, TU_CHANGE_ADDED);
    if (!c)
        return;
    c->live = live;
    c->owner = s->entry->owner;
    c->note = s->entry->owner.manager;
}

static void tell(search *s, const tu_step *place, const tu_value *live) {
    tu_bench *b = s->bench;
    bool listed = true, mark = is_mark(place, &listed);
    if (!listed || tu_kind_ignores(b->kind, place))
        return;
    if (s->entry->owner.class_ == TU_MANAGER_OURS) {
        tell_dropped(s, place, live);
        return;
    }
    if (s->applier && !mark && !tu_value_at_place(s->copy, place)) {
        tell_beside_applied(s, place, live);
        return;
    }
    tu_str note = tu_note_added(b, s->entry, place, live);
    mark = mark || tu_is_tracking_place(place, live);
    bool drift = !mark && is_drift(s, live) && !tu_str_is(note, "default");
    tu_change_list *list = drift ? &b->changes : &b->quiet;
    tu_change *c = tu_change_add(list, place, TU_CHANGE_ADDED);
    if (!c)
        return;
    c->live = live;
    c->owner = s->entry->owner;
    c->note = note;
    if (drift)
        tu_attribute_added(b, c, s->entry);
    /* Two may hold the same addition: the later one is named. */
    for (size_t i = 0; i + 1 < list->n; i++) {
        tu_change *earlier = &list->items[i];
        if (earlier->kind != TU_CHANGE_ADDED || !tu_str_eq(earlier->path, c->path))
            continue;
        if (tu_str_compare(earlier->owner.time, c->owner.time) <= 0)
            earlier->owner = c->owner;
        list->n--;
        return;
    }
}

/* Is what they hold here told as one? Otherwise part by part. */
static bool is_whole(const tu_path_set *theirs, const tu_schema_type *type, const tu_value *live,
                     const tu_step *place) {
    if (theirs->child_count == 0 || !tu_is_granular(type, live))
        return true;
    bool of_metadata = type->type == TU_TYPE_ANY && place->up && !place->up->up &&
                       tu_str_is(place->up->name, "metadata");
    bool parts = tu_is_free_form(type) || live->type == TU_LIST || of_metadata;
    return theirs->member && (place->kind == TU_STEP_KEY || !parts);
}

static void visit_child(search *s, spot at, const tu_step *place) {
    if (!at.live || at.live->type == TU_NULL)
        return;
    bool ours = at.desired && (at.desired->member || at.desired->child_count);
    bool leaf_of_ours = ours && at.desired->child_count == 0;
    if (leaf_of_ours && !tu_is_granular(at.type, at.live))
        return; /* compared by value already */
    bool whole = !ours && is_whole(at.theirs, at.type, at.live, place);
    bool divided = whole && at.theirs->child_count && s->entry->owner.class_ == TU_MANAGER_OURS &&
                   tu_keeper_at(&s->bench->ownership, place);
    if (whole && !divided) /* an item that somebody keeps may lose what only we put into it */
        tell(s, place, at.live);
    else if (at.theirs->child_count)
        visit(s, at, place);
}

static void visit(search *s, spot at, const tu_step *place) {
    bool keyed = at.type->type == TU_TYPE_LIST && at.type->list == TU_LIST_KEYED;
    tu_item_index items = {0};
    tu_lookup members = tu_lookup_begin(at.live);
    if (tu_value_is(at.live, TU_LIST) &&
        !tu_item_index_begin(s->bench->arena, at.type, at.live, &items))
        s->bench->changes.failed = true;
    for (uint32_t i = 0; i < at.theirs->child_count; i++) {
        const tu_path_set *theirs = &at.theirs->children[i];
        tu_step step = {
            .up = place, .kind = theirs->kind, .name = theirs->name, .value = theirs->value};
        step.list = theirs->kind == TU_STEP_KEY && keyed ? at.type : NULL;
        step.index = (uint32_t)tu_value_integer(theirs->value, 0);
        spot child = {.theirs = theirs, .type = tu_type_items(at.type)};
        child.desired = tu_path_set_child(at.desired, theirs->kind, theirs->name, theirs->value);
        if (theirs->kind == TU_STEP_FIELD) {
            if (tu_is_identity(place, theirs->name))
                continue;
            child.type = tu_type_field(at.type, theirs->name, NULL);
            child.live = tu_lookup_get(&members, theirs->name);
        } else if (theirs->kind == (keyed ? TU_STEP_KEY : TU_STEP_VALUE)) {
            child.live = item_of(&items, theirs->value);
        }
        visit_child(s, child, &step);
    }
    tu_lookup_done(&members);
}

/* ---- all entries ----------------------------------------------------------------------- */

/* Parses text into *ret; what isn't JSON is no copy. Fails only for memory. */
static tu_rc parse_copy(tu_arena *a, tu_str text, const tu_value **ret) {
    tu_value *v = NULL;
    tu_rc rc =
        text.n ? tu_json_parse(a, text, TU_JSON_NO_LINES, NULL, &v, NULL, NULL) : TU_EINVALID;
    *ret = rc ? NULL : v;
    return rc == TU_EINTERNAL ? rc : TU_OK;
}

/* The annotation is sealed like the values that it repeats. What is asked of it is only whether a
 * path is there, so nothing of it gets out: it is never put into a change. */
static tu_rc read_copy(search *s) {
    static const tu_str annotation = {LAST_APPLIED, sizeof(LAST_APPLIED) - 1};
    const tu_step metadata = {.kind = TU_STEP_FIELD, .name = {"metadata", 8}};
    const tu_step annotations = {
        .up = &metadata, .kind = TU_STEP_FIELD, .name = {"annotations", 11}};
    const tu_step place = {.up = &annotations, .kind = TU_STEP_FIELD, .name = annotation};
    const tu_value *text = tu_value_at_place(s->bench->in->live, &place);
    if (!tu_step_find(s->entry->fields, &place))
        return TU_OK;
    tu_rc rc = TU_OK;
    if (tu_value_is(text, TU_SEALED))
        rc = parse_copy(s->bench->arena, text->sealed->bytes, &text);
    return rc ? rc : parse_copy(s->bench->arena, tu_value_string(text), &s->copy);
}

bool tu_find_additions(tu_bench *b) {
    for (size_t i = 0; i < b->ownership.n && !b->changes.failed && !b->quiet.failed; i++) {
        const tu_manager_entry *e = &b->ownership.entries[i];
        search s = {.bench = b, .entry = e};
        tu_manager_class class = e->owner.class_;
        if (class == TU_MANAGER_OURS && e != b->ours)
            continue; /* how we patched, or in another version: an apply doesn't take that away */
        if (e->fields->child_count == 0 || (e == b->ours && b->exact))
            continue;
        s.applier = class != TU_MANAGER_OURS && tu_is_applier(b, e);
        if (s.applier && read_copy(&s) != TU_OK)
            return false;
        spot root = {.theirs = e->fields, .desired = b->in->desired->fields};
        root.type = tu_kind_root(b->kind);
        root.live = b->in->live;
        visit(&s, root, NULL);
    }
    return !b->changes.failed && !b->quiet.failed;
}
