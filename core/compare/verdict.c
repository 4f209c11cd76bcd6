/*
 * compare/verdict.c: what all that was found on one object amounts to.
 *
 *     walk (judge.c) -> ownership (here) -> additions -> verdict, confidence, reason, onset
 *
 * The reason is one sentence behind one stable word, so the most telling one is chosen: the order of
 * give_reason() is the order of judge.h. What it leaves out stands at the changes, as their kind and
 * their note.
 *
 * To add a reason: its word in judge.h, its place in give_reason().
 */
#include "base/limits.h"
#include "base/mem.h"
#include "compare/inside.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- ownership ------------------------------------------------------------------------- */

/* A node of a set as a step; the list's type is needed for its keys' order. */
static tu_step step_of(const tu_path_set *node, const tu_schema_type *list, const tu_step *up) {
    return (tu_step){.up = up,
                     .kind = node->kind,
                     .name = node->name,
                     .value = node->value,
                     .list = node->kind == TU_STEP_KEY && list->type == TU_TYPE_LIST ? list : NULL,
                     .index = (uint32_t)tu_value_integer(node->value, 0)};
}

/* Is the path, or one above it, among the changes already? */
static bool is_told(const tu_change_list *list, tu_str path) {
    for (size_t i = 0; i < list->n; i++) {
        tu_str p = list->items[i].path;
        if (p.n <= path.n && memcmp(p.p, path.p, p.n) == 0 && (p.n == path.n || path.p[p.n] == '/'))
            return true;
    }
    return false;
}

/* A kind's definition may make an atomic of what was granular: entries then hold the parts until
 * the next write, and the target takes them for the whole (kubernetes-drift.md, case 70). */
static bool holds_parts(const tu_bench *b, const tu_schema_type *t, const tu_step *place) {
    bool atomic = (t->type == TU_TYPE_MAP && t->atomic) ||
                  (t->type == TU_TYPE_LIST && t->list == TU_LIST_ATOMIC);
    const tu_path_set *node = atomic ? tu_step_find(b->ours->fields, place) : NULL;
    return node && node->child_count;
}

/* Paths that we desire and our entry doesn't hold, although the values are right: somebody changed
 * them and back, or they are new in Git and were there before. Quiet: an apply sets it right and
 * changes no value. Returns whether there was any. */
static bool tell_lost(tu_bench *b, const tu_path_set *lost, const tu_schema_type *t,
                      const tu_step *up) {
    bool any = false;
    for (uint32_t i = 0; i < lost->child_count && b->quiet.n < TU_LIMIT_CHANGES; i++) {
        const tu_path_set *child = &lost->children[i];
        const tu_step step = step_of(child, t, up);
        const tu_schema_type *type =
            child->kind == TU_STEP_FIELD ? tu_type_field(t, child->name, NULL) : tu_type_items(t);
        if (!child->member) {
            any = tell_lost(b, child, type, &step) || any;
            continue;
        }
        if (holds_parts(b, type, &step))
            continue;
        any = true;
        tu_change *c = tu_change_add(&b->quiet, &step, TU_CHANGE_OWNERSHIP);
        if (!c)
            return true;
        if (is_told(&b->changes, c->path))
            b->quiet.n--;
        else
            c->owner = tu_owner_at(&b->ownership, &step);
    }
    return any;
}

/* True when our entry holds all that we desire. */
static bool compare_ownership(tu_bench *b) {
    tu_path_set *lost = NULL;
    const tu_prepared *desired = b->in->desired;
    if (!b->ours)
        return false;
    b->exact = tu_path_set_equal(desired->fields, b->ours->fields);
    if (b->exact)
        return true;
    if (tu_path_set_difference(b->arena, desired->fields, b->ours->fields, &lost) != TU_OK) {
        b->changes.failed = true;
        return false;
    }
    return !lost || !tell_lost(b, lost, tu_kind_root(b->kind), NULL);
}

/* Our Apply entry in the version of the manifest. One in another version only the target can
 * convert, and it may fail at that: a dry run would tell (kubernetes-drift.md, case 47). */
static void find_ours(tu_bench *b, tu_str api_version) {
    for (size_t i = 0; i < b->ownership.n; i++) {
        const tu_manager_entry *e = &b->ownership.entries[i];
        if (e->owner.class_ != TU_MANAGER_OURS || !tu_str_is(e->owner.operation, "Apply") ||
            e->owner.subresource.n)
            continue;
        if (tu_str_eq(e->api_version, api_version))
            b->ours = e;
        else
            b->elsewhere = e;
    }
    b->suspect = b->suspect || (b->elsewhere && !b->in->predicted);
}

/* ---- reasons --------------------------------------------------------------------------- */

static tu_str print_reason(tu_bench *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static tu_str print_reason(tu_bench *b, const char *format, ...) {
    char text[1024]; /* names are cut rather than left out */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    tu_str reason = tu_arena_copy(b->arena, tu_str_c(text));
    b->changes.failed = b->changes.failed || !reason.p;
    return reason;
}

static bool has_note(const tu_change *c, const char *word) {
    return tu_str_starts(c->note, word);
}

static const tu_change *first_of(const tu_change_list *list, tu_change_kind kind) {
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].kind == kind)
            return &list->items[i];
    }
    return NULL;
}

static const tu_change *first_noted(const tu_change_list *list, const char *word) {
    for (size_t i = 0; i < list->n; i++) {
        if (has_note(&list->items[i], word))
            return &list->items[i];
    }
    return NULL;
}

static bool all_are(const tu_change_list *list, tu_change_kind kind, const char *note) {
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].kind != kind || (note && !has_note(&list->items[i], note)))
            return false;
    }
    return list->n > 0;
}

/* Of the object as a whole, drifted or not. */
static tu_str reason_of_object(tu_bench *b) {
    tu_str known = b->in->known_uid;
    tu_tracking t;
    if (b->changes.n >= TU_LIMIT_CHANGES)
        return TU_S("many-changes: only the first 1000 are listed");
    if (b->in->replaced)
        return TU_S("replaced: it was deleted and made anew since it was judged last");
    if (known.n && b->uid.n && !tu_str_eq(known, b->uid))
        return print_reason(b,
                            "replaced: another object has its name since it was judged last (uid "
                            "%.*s then, %.*s now)",
                            TU_P(known), TU_P(b->uid));
    if (tu_is_tracked(b->in->live, b->in->desired->object, &t))
        return print_reason(b, "foreign: %.*s %.*s%s%.*s %s it", TU_P(t.tool), TU_P(t.namespace_),
                            t.namespace_.n ? "/" : "", TU_P(t.name), t.verb);
    return (tu_str){0};
}

static tu_str reason_of_drift(tu_bench *b) {
    const tu_change_list *changes = &b->changes;
    const tu_change *immutable = first_noted(changes, "immutable"),
                    *twice = first_of(changes, TU_CHANGE_DUPLICATE);
    if (immutable)
        return print_reason(b,
                            "immutable: %.*s can't be changed in place: the object has to be "
                            "deleted and made anew",
                            TU_P(immutable->path));
    if (twice)
        return print_reason(b, "duplicate: %.*s stands there more than once", TU_P(twice->path));
    if (all_are(changes, TU_CHANGE_ORDER, NULL))
        return print_reason(b, "order: the items of %.*s stand in another order%s",
                            TU_P(changes->items[0].path),
                            changes->n > 1 ? ", and those of other lists too" : "");
    if (all_are(changes, TU_CHANGE_ADDED, "removal-pending"))
        return print_reason(b,
                            "removal-pending: %.*s isn't desired any more, and not taken away yet",
                            TU_P(changes->items[0].path));
    return (tu_str){0};
}

static tu_str reason_of_sync(tu_bench *b) {
    const tu_change *c = first_of(&b->quiet, TU_CHANGE_OWNERSHIP);
    if (b->rewritten)
        return TU_S("admission-rewritten: the target makes of what is desired what is there");
    if (!c)
        return (tu_str){0};
    if (c->owner.manager.n && c->owner.class_ != TU_MANAGER_OURS)
        return print_reason(b,
                            "ownership: the values are right, but %.*s is recorded as the field "
                            "manager \"%.*s\"'s",
                            TU_P(c->path), TU_P(c->owner.manager));
    return print_reason(b, "ownership: the values are right, but %.*s isn't recorded as applied",
                        TU_P(c->path));
}

static tu_str give_reason(tu_bench *b, bool drifted, bool broken) {
    tu_str reason = reason_of_object(b);
    if (reason.n == 0)
        reason = drifted ? reason_of_drift(b) : reason_of_sync(b);
    if (reason.n)
        return reason;
    if (broken)
        return TU_S("ownership-unreadable: managedFields can't be read whole, so a change may have "
                    "nobody's name, and additions may be missing");
    /* who desires nothing but the object itself owns nothing of it */
    if (b->ownership.n == 0 && b->uid.n && b->in->desired->fields->child_count)
        return TU_S("no-ownership: managedFields is empty (left out, or reset), so nobody's hand "
                    "can be told and additions can't be seen");
    return reason;
}

/* "terminating: since 2026-01-02T03:04:05Z, held by the finalizer a, b" */
static tu_str terminating_reason(tu_bench *b, const tu_value *metadata) {
    _cleanup_(tu_buf_done) tu_buf names = TU_BUF_INIT(512);
    const tu_value *finalizers = tu_value_get(metadata, "finalizers");
    size_t n = tu_value_is(finalizers, TU_LIST) ? finalizers->list.n : 0;
    for (size_t i = 0; i < n && i < 5; i++)
        tu_buf_addf(&names, "%s%.*s", i ? ", " : "",
                    TU_P(tu_value_string(tu_value_at(finalizers, i))));
    b->changes.failed = b->changes.failed || names.rc == TU_EINTERNAL;
    return print_reason(b, "terminating: since %.*s%s%s%s",
                        TU_P(tu_value_get_string(metadata, "deletionTimestamp")),
                        n ? ", held by the finalizer " : "", tu_buf_c(&names),
                        n > 5 ? " and more" : "");
}

/* ---- the verdict ----------------------------------------------------------------------- */

static tu_rc judge_present(tu_bench *b, tu_judgement *ret, tu_error **error) {
    const tu_prepared *desired = b->in->desired;
    bool broken;
    tu_rc rc =
        tu_ownership_of(b->arena, b->in->live, b->in->our_manager, &b->ownership, &broken, error);
    if (rc)
        return rc;
    b->appliers = tu_arena_zalloc(b->arena, b->ownership.n);
    if (!b->appliers)
        return tu_error_memory(error);
    find_ours(b, tu_value_get_string(desired->object, "apiVersion"));
    tu_walk(b);
    bool doubtful = b->suspect;
    bool held = compare_ownership(b);
    bool found = tu_find_additions(b) && (!b->in->everything || tu_find_unowned(b));
    tu_find_dropped(b);
    tu_onset_without_hand(b);
    bool drifted = b->changes.n > 0;
    ret->verdict = drifted ? TU_VERDICT_DRIFTED : TU_VERDICT_IN_SYNC;
    ret->confidence = b->in->predicted                           ? TU_CONFIDENCE_CONFIRMED
                      : !drifted && held && !doubtful && !broken ? TU_CONFIDENCE_PROVED
                                                                 : TU_CONFIDENCE_OBSERVED;
    ret->reason = give_reason(b, drifted, broken);
    ret->onset = drifted ? b->onset : (tu_str){0};
    bool failed = b->changes.failed || b->quiet.failed || b->doubts.failed;
    return found && !failed ? TU_OK : tu_error_memory(error);
}

static void judge_absent(const tu_judge_input *in, tu_judgement *ret) {
    ret->verdict = in->completed ? TU_VERDICT_IN_SYNC : TU_VERDICT_MISSING;
    if (in->completed)
        ret->reason = TU_S("completed: it had done its work, and the target takes such objects "
                           "away after a while");
}

tu_rc tu_judge(tu_arena *a, const tu_judge_input *in, tu_judgement *ret, tu_error **error) {
    tu_judgement j = {.confidence = TU_CONFIDENCE_OBSERVED};
    tu_bench b = {.arena = a, .in = in, .kind = in->desired->kind};
    b.changes.arena = b.quiet.arena = b.doubts.arena = a;
    if (!tu_value_is(in->live, TU_MAP)) {
        judge_absent(in, &j);
        *ret = j;
        return TU_OK;
    }
    const tu_value *metadata = tu_value_get(in->live, "metadata"),
                   *deleted = tu_value_get(metadata, "deletionTimestamp");
    j.uid = tu_value_get_string(metadata, "uid");
    j.resource_version = tu_value_get_string(metadata, "resourceVersion");
    b.uid = j.uid;
    j.finished = tu_is_finished(b.kind, in->live);
    tu_rc rc = TU_OK;
    if (deleted && deleted->type != TU_NULL) {
        j.verdict = TU_VERDICT_TERMINATING;
        j.reason = terminating_reason(&b, metadata);
        rc = b.changes.failed ? tu_error_memory(error) : TU_OK;
    } else {
        rc = judge_present(&b, &j, error);
    }
    if (rc)
        return rc;
    j.changes = b.changes.items;
    j.change_count = b.changes.n;
    j.quiet = b.quiet.items;
    j.quiet_count = b.quiet.n;
    j.doubts = b.doubts.items;
    j.doubt_count = b.doubts.n;
    j.suspect = b.suspect;
    *ret = j;
    return TU_OK;
}
