/*
 * rules/decide.c: what a drift means: the first entry of spec.drift that matches decides.
 *
 *     finding --- verdict only (missing, blocked, invalid ...) ----> one decision for the finding
 *         \------ changes ----> one decision for each change ------> the strongest is the finding's
 *
 * An entry's conditions are of two sorts. Some are about the object and the moment (group, kind,
 * namespace, name, labels, verdict, window, expiry): these are asked once a finding. The others are
 * about a change (kind of change, path, manager): an entry that names one of those says nothing
 * about a finding without changes.
 *
 * What isn't a drift (in sync, unknown, terminating) is decided only by an entry that names that
 * verdict: "heal everything of kind X" must not touch what is in sync.
 *
 * To add a condition: its list in config.h's tu_entry, and one line in matches_object() or
 * matches_change().
 */
#include "rules/decide.h"
#include "value/pointer.h"

typedef struct {
    const tu_rule *rule;
    const tu_value *labels;
    int64_t wall_ms;
    const tu_finding *finding;
    bool *applicable; /* beside rule->entries: the object's part matches */
} decider;

/* ---- conditions ------------------------------------------------------------------------ */

static bool any_glob(const tu_strs *globs, tu_str text) {
    for (size_t i = 0; i < globs->n; i++) {
        if (tu_glob(globs->items[i], text))
            return true;
    }
    return globs->n == 0;
}

static bool matches_labels(const tu_entry *e, const tu_value *labels) {
    for (size_t i = 0; i < e->label_count; i++) {
        const tu_value *v = tu_value_get_str(labels, e->labels[i].key);
        if (!tu_value_is(v, TU_STRING) || !tu_glob(e->labels[i].value, v->string))
            return false;
    }
    return true;
}

static bool is_open(const tu_entry *e, int64_t wall_ms) {
    for (size_t i = 0; i < e->within_count; i++) {
        if (tu_window_open(&e->within[i], wall_ms))
            return true;
    }
    return e->within_count == 0;
}

static bool matches_object(const decider *d, const tu_entry *e) {
    const tu_finding *f = d->finding;
    if (e->expires_ms != 0 && d->wall_ms >= e->expires_ms)
        return false;
    if (e->verdicts ? !(e->verdicts & 1u << f->verdict) : !tu_verdict_is_drift(f->verdict))
        return false;
    return any_glob(&e->groups, f->id.group) && any_glob(&e->kinds, f->id.kind) &&
           any_glob(&e->namespaces, f->id.namespace_) && any_glob(&e->names, f->id.name) &&
           matches_labels(e, d->labels) && is_open(e, d->wall_ms);
}

static bool matches_managers(const tu_strs *managers, const tu_owner *owner) {
    for (size_t i = 0; i < managers->n; i++) {
        tu_str m = managers->items[i];
        if (!tu_str_starts(m, "class:")) {
            if (tu_glob(m, owner->manager))
                return true;
        } else if (tu_str_is((tu_str){m.p + 6, m.n - 6}, tu_manager_class_name(owner->class_))) {
            return true;
        }
    }
    return managers->n == 0;
}

static bool matches_change(const tu_entry *e, const tu_change *c) {
    if (e->changes && !(e->changes & 1u << c->kind))
        return false;
    bool covered = e->paths.n == 0;
    for (size_t i = 0; !covered && i < e->paths.n; i++)
        covered = tu_pointer_match(e->paths.items[i], c->path);
    return covered && matches_managers(&e->managers, &c->owner);
}

static bool is_about_changes(const tu_entry *e) {
    return e->changes || e->paths.n || e->managers.n;
}

/* Quiet changes are nobody's concern until an entry asks for that kind by name; for additions also
 * whose. */
static bool asks_for(const tu_entry *e, const tu_change *c) {
    return !tu_change_is_the_targets(c) && (e->changes & 1u << c->kind) && (c->kind != TU_CHANGE_ADDED || e->managers.n);
}

/* ---- decisions ------------------------------------------------------------------------- */

/* What happens where no entry says anything. Nothing can heal a manifest that is wrong or a target
 * that refuses, and what stands in no manifest is told, not removed. */
static tu_action default_action(const decider *d) {
    tu_verdict v = d->finding->verdict;
    if (d->rule->mode == TU_MODE_OFF || !tu_verdict_is_drift(v))
        return TU_ACTION_IGNORE;
    bool healable = v == TU_VERDICT_DRIFTED || v == TU_VERDICT_MISSING;
    return d->rule->mode == TU_MODE_HEAL && healable ? TU_ACTION_HEAL : TU_ACTION_ALERT;
}

static const tu_entry *first_match(const decider *d, const tu_change *c, bool quiet) {
    for (size_t i = 0; i < d->rule->entry_count; i++) {
        const tu_entry *e = &d->rule->entries[i];
        if (!d->applicable[i] || (quiet && !asks_for(e, c)))
            continue;
        if (c ? matches_change(e, c) : !is_about_changes(e))
            return e;
    }
    return NULL;
}

static tu_severity severity_of(const tu_entry *e) {
    return e && e->has_severity ? e->severity : TU_SEVERITY_WARNING;
}

static void decide_change(tu_change *c, const decider *d, const tu_entry *e) {
    c->action = e ? e->action : default_action(d);
    c->severity = severity_of(e);
    c->entry = e ? e->name : (tu_str){NULL, 0};
}

static void decide_verdict(tu_finding *f, const decider *d) {
    const tu_entry *e = first_match(d, NULL, false);
    f->action = e ? e->action : default_action(d);
    f->severity = e || tu_verdict_is_drift(f->verdict) ? severity_of(e) : TU_SEVERITY_INFO;
    f->entry = e ? e->name : (tu_str){NULL, 0};
}

/* The strongest action of all changes with the entry that gave it, and the highest severity of
 * those that aren't ignored. */
static void fold(tu_finding *f) {
    const tu_change *strongest = &f->changes[0];
    tu_severity severity = TU_SEVERITY_INFO;
    for (size_t i = 0; i < f->change_count; i++) {
        const tu_change *c = &f->changes[i];
        if (c->action > strongest->action)
            strongest = c;
        if (c->action != TU_ACTION_IGNORE && c->severity > severity)
            severity = c->severity;
    }
    f->action = strongest->action;
    f->severity = severity;
    f->entry = strongest->entry;
}

/* Appends the quiet changes that an entry makes a drift of. */
static tu_rc raise_quiet(tu_arena *a, const decider *d, const tu_change *quiet, size_t quiet_count,
                         tu_finding *f, tu_error **error) {
    tu_change *all = NULL;
    size_t n = f->change_count;
    for (size_t i = 0; i < quiet_count; i++) {
        const tu_entry *e = first_match(d, &quiet[i], true);
        if (!e || e->action == TU_ACTION_IGNORE)
            continue;
        if (!all) {
            all = tu_arena_alloc(a, (n + quiet_count) * sizeof(*all));
            if (!all)
                return tu_error_memory(error);
            if (n)
                memcpy(all, f->changes, n * sizeof(*all));
        }
        all[n] = quiet[i];
        decide_change(&all[n++], d, e);
    }
    if (all) {
        f->changes = all;
        f->change_count = n;
    }
    return TU_OK;
}

/* Everything was ignored, by entries: the object is as it should be, or somebody named looks after
 * it. */
static void settle_ignored(const decider *d, tu_finding *f) {
    bool delegated = true;
    for (size_t i = 0; i < f->change_count; i++) {
        const tu_entry *e = first_match(d, &f->changes[i], false);
        if (!e)
            return; /* a rule that is off ignores, and what was found stays what it is */
        delegated = delegated && e->managers.n;
    }
    f->verdict = delegated ? TU_VERDICT_DELEGATED : TU_VERDICT_IN_SYNC;
}

static void ask_entries(decider *d) {
    for (size_t i = 0; i < d->rule->entry_count; i++)
        d->applicable[i] = matches_object(d, &d->rule->entries[i]);
}

tu_rc tu_decide(tu_arena *a, const tu_rule *rule, const tu_value *live, const tu_value *desired,
                const tu_change *quiet, size_t quiet_count, int64_t wall_ms, tu_finding *f,
                tu_error **error) {
    const tu_value *labelled = live ? live : desired;
    decider d = {.rule = rule, .wall_ms = wall_ms, .finding = f};
    d.labels = tu_value_path(labelled, "metadata", "labels", NULL);
    d.applicable = tu_arena_alloc(a, rule->entry_count * sizeof(*d.applicable));
    if (!d.applicable)
        return tu_error_memory(error);
    ask_entries(&d);
    for (size_t i = 0; i < f->change_count; i++)
        decide_change(&f->changes[i], &d, first_match(&d, &f->changes[i], false));
    bool comparable = f->verdict == TU_VERDICT_IN_SYNC || f->verdict == TU_VERDICT_DRIFTED;
    if (comparable && quiet_count) {
        /* Whether an entry applies to a quiet change is asked as if it were a drift, since that is
         * what it would be. */
        tu_verdict found = f->verdict;
        size_t before = f->change_count;
        f->verdict = TU_VERDICT_DRIFTED;
        ask_entries(&d);
        tu_rc rc = raise_quiet(a, &d, quiet, quiet_count, f, error);
        if (rc)
            return rc;
        if (f->change_count == before)
            f->verdict = found;
        else if (found == TU_VERDICT_IN_SYNC)
            f->confidence = TU_CONFIDENCE_OBSERVED;
    }
    if (f->change_count == 0) {
        ask_entries(&d);
        decide_verdict(f, &d);
        return TU_OK;
    }
    fold(f);
    if (f->action == TU_ACTION_IGNORE &&
        (f->verdict == TU_VERDICT_DRIFTED || f->verdict == TU_VERDICT_UNMANAGED))
        settle_ignored(&d, f);
    return TU_OK;
}
