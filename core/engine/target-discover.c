/*
 * engine/target-discover.c: what does a target serve? Asked until it answers, and again for kinds
 * that were not served.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "engine/target.h"

typedef struct discover_job {
    tu_job job;
    target_state *t;
    tu_catalogue *catalogue;
    tu_error *error;
    tu_rc rc;
} discover_job;

static void discover_work(tu_job *job) {
    discover_job *j = (discover_job *)job;
    tu_call_options call = target_call(j->t, CALL_TIMEOUT_MS);
    j->rc = service_is_stopping(j->t->s)
                ? TU_ECANCELLED
                : tu_catalogue_discover(j->t->plugin, &call, &j->catalogue, &j->error);
}

bool target_has_unknown_kinds(const target_state *t) {
    for (size_t i = 0; i < t->s->rule_count; i++) {
        const rule_state *r = &t->s->rules[i];
        for (size_t k = 0; r->target == t && r->set && k < r->set->problem_count; k++)
            if (r->set->problems[k]->verdict == TU_VERDICT_UNKNOWN)
                return true;
    }
    return false;
}

/* Is one of the kinds that the rule's set misses served now? */
static bool has_found_kinds(const target_state *t, const rule_state *r) {
    for (size_t k = 0; k < r->set->problem_count; k++) {
        const tu_finding *f = r->set->problems[k];
        if (f->verdict == TU_VERDICT_UNKNOWN &&
            tu_catalogue_find(t->catalogue, f->id.group, f->id.version, f->id.kind, NULL))
            return true;
    }
    return false;
}

/* Is one of the kinds that the rule desires described in another way now? */
static bool has_changed_kinds(const target_state *t, const rule_state *r) {
    tu_str group = {0}, version = {0}, kind = {0};
    for (size_t i = 0; i < r->set->n; i++) {
        const tu_object_id id = tu_desired_id(r->set, i);
        if (tu_str_eq(id.kind, kind) && tu_str_eq(id.group, group) &&
            tu_str_eq(id.version, version))
            continue;
        group = id.group, version = id.version, kind = id.kind;
        const tu_catalogue_kind *before =
            tu_catalogue_find(r->set->catalogue, group, version, kind, NULL);
        const tu_catalogue_kind *now = tu_catalogue_find(t->catalogue, group, version, kind, NULL);
        if (!before || !now || !tu_str_eq(before->hash, now->hash))
            return true;
    }
    return false;
}

static void on_discover_timer(uv_timer_t *timer) {
    target_discover(timer->data);
}

void target_discover_again(target_state *t, uint64_t in_ms) {
    uv_timer_start(&t->discover_timer, on_discover_timer, in_ms, 0);
}

void target_search_again(target_state *t) {
    unsigned doublings = t->searches < 5 ? t->searches : 5;
    if (t->searches < 5)
        t->searches++;
    target_discover_again(t, doublings < 4 ? 2000u << doublings : 30000);
}

static void discovered(target_state *t, discover_job *j) {
    service *s = t->s;
    t->failures = 0;
    if (!target_is_any_lost(t))
        condition_set(s, &t->problem, "target", t->use->name.p, NULL);
    bool again = t->catalogue != NULL;
    tu_catalogue_unref(t->catalogue);
    t->catalogue = TU_TAKE(j->catalogue);
    for (size_t i = 0; i < s->rule_count; i++) {
        rule_state *r = &s->rules[i];
        if (r->target == t &&
            (!again || !r->set || has_found_kinds(t, r) || has_changed_kinds(t, r)))
            rule_load(r);
    }
    target_environment_known(t);
}

static void discover_done(tu_job *job) {
    discover_job *j = (discover_job *)job;
    target_state *t = j->t;
    t->discovering = false;
    if (!service_is_stopping(t->s)) {
        if (j->rc == TU_OK) {
            discovered(t, j);
            if (target_has_unknown_kinds(t))
                target_search_again(t);
        } else {
            condition_set(t->s, &t->problem, "target", t->use->name.p, tu_error_text(j->error));
            uint64_t wait = 1000u << (t->failures < 5 ? t->failures : 5);
            t->failures++;
            target_discover_again(t, wait < 30000 ? wait : 30000);
        }
    }
    tu_catalogue_unref(j->catalogue);
    tu_error_free(j->error);
    free(j);
}

void target_discover(target_state *t) {
    if (t->discovering)
        return;
    t->discovering = true;
    discover_job *j = tu_xcalloc(1, sizeof *j);
    j->job = (tu_job){.work = discover_work, .done = discover_done};
    j->t = t;
    tu_worker_submit(t->lister, &j->job);
}
