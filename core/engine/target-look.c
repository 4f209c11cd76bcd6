/*
 * engine/target-look.c: looking at a target without its watch: full listings, and single objects
 * that are read afresh.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "engine/confirm.h"
#include "engine/target.h"

/* What couldn't be determined is looked at again after this long, then with growing pauses. */
#define FIRST_LOOK_MS 5000

/* --- a full listing --------------------------------------------------------------------------- */

typedef struct list_job {
    tu_job job;
    target_state *t;
    tu_view *view;
    tu_error *error;
    tu_rc rc;
} list_job;

static void list_work(tu_job *job) {
    list_job *j = (list_job *)job;
    if (service_is_stopping(j->t->s))
        return;
    observing o;
    target_observing_init(&o, j->t, j->view);
    tu_call_options call = target_call(j->t, LIST_TIMEOUT_MS);
    call.on_record = tu_observer_record;
    call.arg = &o.observer;
    j->rc = tu_call_list(j->t->plugin, j->view->selector, &call, &j->error);
    target_observing_done(&o);
}

static void list_done(tu_job *job) {
    list_job *j = (list_job *)job;
    if (!service_is_stopping(j->t->s) && j->rc != TU_OK && j->rc != TU_ECANCELLED)
        condition_set(j->t->s, &j->t->problem, "target", j->t->use->name.p,
                      tu_error_text(j->error));
    tu_view_unref(j->view);
    tu_error_free(j->error);
    free(j);
}

void target_list(target_state *t, tu_view *view) {
    list_job *j = tu_xcalloc(1, sizeof *j);
    j->job = (tu_job){.work = list_work, .done = list_done};
    j->t = t;
    j->view = view;
    tu_worker_submit(t->worker, &j->job);
}

void target_list_now(target_state *t) {
    if (t->view && t->view->scope_count)
        target_list(t, tu_view_ref(t->view));
}

static void on_pass(uv_timer_t *timer) {
    rule_state *r = timer->data;
    if (!r->set || r->set->n == 0)
        return;
    target_list(r->target, tu_view_new(r->s->config, &r->rule, &r->set, 1, r->target->narrow));
}

void target_pass_now(rule_state *r) {
    on_pass(&r->pass_timer);
}

void target_start_passes(rule_state *r) {
    uint64_t interval = (uint64_t)r->rule->interval_ms;
    if (!uv_is_active((uv_handle_t *)&r->pass_timer))
        uv_timer_start(&r->pass_timer, on_pass, interval, interval);
}

void target_look_later(rule_state *r) {
    uint64_t interval = (uint64_t)r->rule->interval_ms, wait = FIRST_LOOK_MS;
    for (unsigned i = 0; i < r->looks && wait < interval; i++)
        wait *= 2;
    if (wait >= uv_timer_get_due_in(&r->pass_timer))
        return;
    r->looks++;
    uv_timer_start(&r->pass_timer, on_pass, wait, interval);
}

/* --- verifying single objects ----------------------------------------------------------------- */

typedef struct verify_job {
    tu_job job;
    rule_state *r;
    tu_desired_set *set;
    uint32_t *objects;
    size_t n;
} verify_job;

static void verify_one(verify_job *j, uint32_t object) {
    target_state *t = j->r->target;
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_finding f;
    const tu_value *live = NULL;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    const tu_call_options call = target_call(t, CALL_TIMEOUT_MS);
    tu_prepared p;
    tu_rc rc = tu_desired_open(j->set, object, &a, &p, &why);
    if (rc == TU_OK)
        rc = tu_verify(&a, j->r->rule, t->plugin, &p, &call, NULL, &live, &f, &why);
    if (rc != TU_OK) {
        f = tu_desired_finding(j->set, object, TU_VERDICT_UNKNOWN);
        f.reason = tu_str_c(tu_error_text(why));
    }
    uint64_t hash = tu_desired_hash(j->set, object);
    sighting_job *sighting =
        rc == TU_ECANCELLED ? NULL : target_sighting_new(j->r, hash, &f, BY_VERIFY);
    if (sighting)
        tu_inbox_post(t->s->inbox, &sighting->job);
    tu_arena_done(&a);
}

static void verify_work(tu_job *job) {
    verify_job *j = (verify_job *)job;
    for (size_t i = 0; i < j->n && !service_is_stopping(j->r->s); i++)
        verify_one(j, j->objects[i]);
}

static void verify_done(tu_job *job) {
    verify_job *j = (verify_job *)job;
    tu_desired_unref(j->set);
    free(j->objects);
    free(j);
}

void target_verify(target_state *t, rule_state *r, const uint32_t *objects, size_t n) {
    if (n == 0)
        return;
    verify_job *j = tu_xcalloc(1, sizeof *j);
    j->job = (tu_job){.work = verify_work, .done = verify_done};
    j->r = r;
    j->set = tu_desired_ref(r->set);
    j->objects = tu_xmalloc(n * sizeof *objects);
    memcpy(j->objects, objects, n * sizeof *objects);
    j->n = n;
    tu_worker_submit(t->worker, &j->job);
}
