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
 * To add a condition: its list in config.h's tu_entry, a tu_miss with its sentence (miss.c), and one
 * line in ask_object() or ask_change().
 */
#include "rules/decide.h"
#include "base/mem.h"

typedef struct {
    const tu_rule *rule;
    const tu_value *labels;
    int64_t wall_ms;
    const tu_finding *finding;
    tu_str reason; /* its stable word */
    uint8_t *miss; /* beside rule->entries: a tu_miss, of what is about the object and the moment */
} decider;

/* ---- conditions ------------------------------------------------------------------------ */

/* "immutable: spec.selector ..." is "immutable". */
static tu_str stable_word(tu_str text) {
    const char *colon = text.n ? memchr(text.p, ':', text.n) : NULL;
    return colon ? (tu_str){text.p, (size_t)(colon - text.p)} : text;
}

static bool matches_labels(const tu_entry *e, const tu_value *labels) {
    for (size_t i = 0; i < e->label_count; i++) {
        const tu_value *v = tu_value_get_str(labels, e->labels[i].key);
        if (!tu_value_is(v, TU_STRING) || !tu_word_match(&e->labels[i].value, v->string))
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

static bool has_expired(const tu_entry *e, int64_t wall_ms) {
    return e->expires_ms != 0 && wall_ms >= e->expires_ms;
}

/* Cheap questions first: there may be a thousand entries. */
static tu_miss ask_object(const decider *d, const tu_entry *e) {
    const tu_finding *f = d->finding;
    if (e->verdicts ? !(e->verdicts & 1u << f->verdict) : !tu_verdict_is_drift(f->verdict))
        return TU_MISS_VERDICT;
    if (!tu_words_match(&e->kinds, f->id.kind))
        return TU_MISS_KIND;
    if (!tu_words_match(&e->groups, f->id.group))
        return TU_MISS_GROUP;
    if (!tu_words_match(&e->namespaces, f->id.namespace_))
        return TU_MISS_NAMESPACE;
    if (!tu_words_match(&e->names, f->id.name))
        return TU_MISS_NAME;
    if (!matches_labels(e, d->labels))
        return TU_MISS_LABEL;
    if (!tu_words_match(&e->reasons, d->reason))
        return TU_MISS_REASON;
    if (has_expired(e, d->wall_ms))
        return TU_MISS_EXPIRED;
    return is_open(e, d->wall_ms) ? TU_MISS_NONE : TU_MISS_WINDOW;
}

static bool matches_managers(const tu_entry *e, const tu_owner *owner) {
    if (!tu_entry_has_managers(e) || (e->manager_classes & 1u << owner->class_))
        return true;
    return e->managers.n && tu_words_match(&e->managers, owner->manager);
}

static tu_miss ask_change(const tu_entry *e, const tu_change *c, const tu_path_cut *path) {
    if (e->changes && !(e->changes & 1u << c->kind))
        return TU_MISS_CHANGE;
    if (!tu_path_patterns_match(&e->paths, path))
        return TU_MISS_PATH;
    if (!matches_managers(e, &c->owner))
        return TU_MISS_MANAGER;
    if (!tu_words_match(&e->subresources, c->owner.subresource))
        return TU_MISS_SUBRESOURCE;
    return tu_words_match(&e->notes, stable_word(c->note)) ? TU_MISS_NONE : TU_MISS_NOTE;
}

/* Quiet changes are nobody's concern until an entry asks for that kind by name; for additions also
 * whose, and for what the target does by itself (a default, an allocation) also for the note. */
static bool asks_for(const tu_entry *e, const tu_change *c) {
    if (!(e->changes & 1u << c->kind) || (tu_change_is_the_targets(c) && !e->notes.n))
        return false;
    return c->kind != TU_CHANGE_ADDED || tu_entry_has_managers(e);
}

static bool asks_for_any(const tu_rule *rule, const tu_change *quiet, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (rule->asked_changes & 1u << quiet[i].kind)
            return true;
    return false;
}

/* The one place where an entry meets a change, or (NULL) a finding without changes. path: the
 * change's. */
static tu_miss ask(const decider *d, size_t entry, const tu_change *c, const tu_path_cut *path,
                   bool quiet) {
    const tu_entry *e = &d->rule->entries[entry];
    if (d->miss[entry] != TU_MISS_NONE)
        return (tu_miss)d->miss[entry];
    if (!c)
        return tu_entry_is_about_changes(e) ? TU_MISS_NO_CHANGE : TU_MISS_NONE;
    return quiet && !asks_for(e, c) ? TU_MISS_QUIET : ask_change(e, c, path);
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
    tu_path_cut path;
    if (c)
        tu_path_cut_make(&path, c->path);
    for (size_t i = 0; i < d->rule->entry_count; i++) {
        if (ask(d, i, c, &path, quiet) == TU_MISS_NONE)
            return &d->rule->entries[i];
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
        tu_str since = quiet[i].kind == TU_CHANGE_ADDED ? quiet[i].owner.time : (tu_str){0};
        if (since.n && (f->onset.n == 0 || tu_str_compare(since, f->onset) < 0))
            f->onset = since; /* it is drift now, and began then */
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
        delegated = delegated && tu_entry_has_managers(e);
    }
    f->verdict = delegated ? TU_VERDICT_DELEGATED : TU_VERDICT_IN_SYNC;
}

static void ask_entries(decider *d) {
    for (size_t i = 0; i < d->rule->entry_count; i++)
        d->miss[i] = (uint8_t)ask_object(d, &d->rule->entries[i]);
}

static tu_rc begin(tu_arena *a, const tu_rule *rule, const tu_value *live, const tu_value *desired,
                   int64_t wall_ms, const tu_finding *f, decider *ret, tu_error **error) {
    *ret = (decider){.rule = rule, .wall_ms = wall_ms, .finding = f};
    ret->labels = tu_value_path(live ? live : desired, "metadata", "labels", NULL);
    ret->reason = stable_word(f->reason);
    ret->miss = tu_arena_alloc(a, rule->entry_count * sizeof(*ret->miss));
    return ret->miss ? TU_OK : tu_error_memory(error);
}

tu_rc tu_decide(tu_arena *a, const tu_rule *rule, const tu_value *live, const tu_value *desired,
                const tu_change *quiet, size_t quiet_count, int64_t wall_ms, tu_finding *f,
                tu_error **error) {
    decider d;
    /* Most objects are in sync, and no entry can be about that. */
    if (f->verdict == TU_VERDICT_IN_SYNC && f->change_count == 0 &&
        !asks_for_any(rule, quiet, quiet_count)) {
        f->action = TU_ACTION_IGNORE;
        f->severity = TU_SEVERITY_INFO;
        f->entry = (tu_str){NULL, 0};
        return TU_OK;
    }
    tu_rc rc = begin(a, rule, live, desired, wall_ms, f, &d, error);
    if (rc)
        return rc;
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
        rc = raise_quiet(a, &d, quiet, quiet_count, f, error);
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

/* ---- explaining ------------------------------------------------------------------------ */

tu_rc tu_decide_explain(tu_arena *a, const tu_rule *rule, const tu_value *live,
                        const tu_value *desired, int64_t wall_ms, const tu_finding *f,
                        const tu_change *c, bool quiet, tu_trials *ret, tu_error **error) {
    tu_finding asked = *f;
    /* A decided finding whose changes were all ignored is called something else by now. */
    if (c && (f->verdict == TU_VERDICT_IN_SYNC || f->verdict == TU_VERDICT_DELEGATED))
        asked.verdict = c->path.n ? TU_VERDICT_DRIFTED : TU_VERDICT_UNMANAGED;
    decider d;
    tu_rc rc = begin(a, rule, live, desired, wall_ms, &asked, &d, error);
    tu_trials trials = {.items = tu_arena_alloc(a, rule->entry_count * sizeof(*trials.items))};
    if (rc || !trials.items)
        return rc ? rc : tu_error_memory(error);
    ask_entries(&d);
    tu_path_cut path;
    if (c)
        tu_path_cut_make(&path, c->path);
    while (trials.n < rule->entry_count && !trials.matched) {
        tu_trial *t = &trials.items[trials.n];
        *t = (tu_trial){&rule->entries[trials.n], ask(&d, trials.n, c, &path, quiet)};
        trials.matched = t->miss == TU_MISS_NONE;
        trials.n++;
    }
    *ret = trials;
    return TU_OK;
}

int64_t tu_rule_next_expiry(const tu_rule *rule, int64_t wall_ms) {
    int64_t next = 0;
    for (size_t i = 0; i < rule->entry_count; i++) {
        int64_t at = rule->entries[i].expires_ms;
        if (at > wall_ms && (next == 0 || at < next))
            next = at;
    }
    return next;
}
