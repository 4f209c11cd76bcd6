/*
 * engine/target-strangers.c: what lives in a rule's scope and stands in no set: from the watch to
 * drift.c.
 *
 * An observer knows the sets of its own view. Whether another rule of the target desires the object
 * is asked again on the engine thread, which knows all of them. What went away unseen (between two
 * listings) is found at the end of each: an open drift that the listing didn't tell is over.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "engine/target.h"

/* --- one object ------------------------------------------------------------------------------- */

typedef struct stranger_job {
    tu_job job;
    rule_state *r;
    tu_arena arena;
    tu_finding *finding; /* `unmanaged`, or `in-sync`: it is gone, or explained now */
} stranger_job;

static void stranger_done(tu_job *job) {
    stranger_job *j = (stranger_job *)job;
    if (!service_is_stopping(j->r->s) && j->r->set)
        drift_stranger(j->r, j->finding);
    tu_arena_done(&j->arena);
    free(j);
}

static bool is_cancelled(const void *cancel) {
    return cancel && tu_cancel_fired(cancel);
}

static tu_rc post(observing *o, size_t rule, const tu_finding *f) {
    stranger_job *j = tu_xcalloc(1, sizeof *j);
    j->job.done = stranger_done;
    j->r = o->rules[rule];
    tu_arena_init(&j->arena, 0);
    j->finding = tu_finding_copy(&j->arena, f);
    tu_rc rc = j->finding ? TU_OK : TU_EINTERNAL;
    if (rc == TU_OK && tu_inbox_post_bounded(o->t->s->inbox, &j->job, is_cancelled, o->cancel))
        return TU_OK;
    tu_arena_done(&j->arena);
    free(j);
    return rc == TU_OK ? TU_ECANCELLED : rc;
}

tu_rc target_on_stranger(void *arg, size_t rule, const tu_finding *f, bool known) {
    if (f->verdict != TU_VERDICT_UNMANAGED && !known)
        return TU_OK; /* there are many of them, and nothing is open about them */
    return post(arg, rule, f);
}

tu_rc target_on_stranger_gone(void *arg, size_t rule, const tu_object_id *id) {
    const tu_finding f = {.id = *id, .verdict = TU_VERDICT_IN_SYNC};
    return post(arg, rule, &f);
}

/* --- the end of a listing --------------------------------------------------------------------- */

typedef struct listed_job {
    tu_job job;
    target_state *t;
    tu_view *view;
    size_t scope;
    tu_map seen; /* names of the unmanaged objects (tu_stranger_key) */
} listed_job;

static bool is_in_scope(const tu_view_rule *r, size_t number, const tu_scope *s,
                        const tu_object_id *id) {
    return tu_str_eq(s->kind->kind, id->kind) && tu_str_eq(s->kind->group, id->group) &&
           (s->namespace_.n == 0 || tu_str_eq(s->namespace_, id->namespace_)) &&
           tu_view_looks_at(r, number, id->namespace_);
}

static void close_unseen(listed_job *j, const tu_view_rule *v, rule_state *r) {
    for (size_t i = r->open.n; i > 0; i--) {
        const open_drift *d = r->open.entries[i - 1].value;
        const tu_object_id *id = &d->finding.id;
        if (d->finding.verdict != TU_VERDICT_UNMANAGED ||
            !is_in_scope(v, j->scope, &j->view->scopes[j->scope], id))
            continue;
        _cleanup_(tu_buf_done) tu_buf key = TU_BUF_INIT(4 * TU_KIB);
        tu_stranger_key(&key, v->rule, id);
        if (tu_map_has(&j->seen, tu_buf_str(&key)))
            continue;
        const tu_finding gone = {.id = *id, .verdict = TU_VERDICT_IN_SYNC};
        drift_stranger(r, &gone);
    }
}

static void listed_done(tu_job *job) {
    listed_job *j = (listed_job *)job;
    service *s = j->t->s;
    for (size_t i = 0; !service_is_stopping(s) && i < j->view->rule_count; i++)
        for (size_t k = 0; k < s->rule_count; k++)
            if (s->rules[k].rule == j->view->rules[i].rule && s->rules[k].set)
                close_unseen(j, &j->view->rules[i], &s->rules[k]);
    tu_map_done(&j->seen, NULL);
    tu_view_unref(j->view);
    free(j);
}

void target_strangers_listed(observing *o, size_t scope) {
    bool looks = false;
    for (size_t i = 0; i < o->view->rule_count; i++)
        looks |= o->view->rules[i].looks[scope];
    if (!looks)
        return;
    listed_job *j = tu_xcalloc(1, sizeof *j);
    j->job.done = listed_done;
    j->t = o->t;
    j->view = tu_view_ref(o->view);
    j->scope = scope;
    const tu_map *seen = &o->observer.strangers[scope];
    for (size_t i = 0; i < seen->n; i++)
        tu_map_put(&j->seen, seen->entries[i].key, j);
    tu_inbox_post(o->t->s->inbox, &j->job);
}

/* --- a new view ------------------------------------------------------------------------------- */

static bool is_looked_for(const tu_view *v, const tu_rule *rule, const tu_object_id *id) {
    for (size_t i = 0; i < v->rule_count; i++)
        for (size_t k = 0; v->rules[i].rule == rule && k < v->scope_count; k++)
            if (is_in_scope(&v->rules[i], k, &v->scopes[k], id))
                return true;
    return false;
}

void target_strangers_review(target_state *t) {
    for (size_t i = 0; i < t->s->rule_count; i++) {
        rule_state *r = &t->s->rules[i];
        for (size_t k = r->target == t && r->set ? r->open.n : 0; k > 0; k--) {
            const open_drift *d = r->open.entries[k - 1].value;
            const tu_finding f = {.id = d->finding.id, .verdict = TU_VERDICT_IN_SYNC};
            if (d->finding.verdict == TU_VERDICT_UNMANAGED &&
                !is_looked_for(t->view, r->rule, &f.id))
                drift_stranger(r, &f);
        }
    }
}
