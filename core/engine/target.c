/*
 * engine/target.c: the targets of the running service: what do they serve, what lives there, and
 * writing to it.
 *
 *   discover (worker, again and again until it works) -> rules load their sets -> view -> watch
 *   a new set: scopes unchanged -> the watch goes on, objects that changed are verified one by one
 *              scopes changed   -> the watch is begun anew with the new selector
 *
 *   target-discover.c  its kinds       target-look.c  listings, single objects
 *   target-watch.c     its watch       target-heal.c  writing to it
 *   target-strangers.c what stands in no set
 */
#include "engine/target.h"

#include <stdlib.h>

#include "base/mem.h"

/* More changed objects than this are found by one listing instead of one read each. */
#define VERIFY_SINGLY 100

tu_call_options target_call(const target_state *t, int64_t timeout_ms) {
    return (tu_call_options){.cancel = t->s->cancel, .timeout_ms = timeout_ms};
}

/* --- a rule has a new set --------------------------------------------------------------------- */

/* Verdicts of what didn't change go over; what left is forgotten; the rest is to be looked at.
 * Returns those. *ret_left: something left Git; if it lives on, it is unmanaged now. */
static uint32_t *carry_over(rule_state *r, tu_desired_set *old, uint8_t *old_verdicts,
                            size_t *ret_n, bool *ret_left) {
    tu_desired_set *set = r->set;
    uint32_t *changed = tu_xcalloc(set->n + 1, sizeof *changed);
    size_t n = 0;
    r->verdicts = tu_xmalloc(set->n + 1);
    for (size_t i = 0; i < set->n; i++) {
        const tu_object_id id = tu_desired_id(set, i);
        size_t before = old ? tu_desired_find(old, &id) : TU_DESIRED_NONE;
        if (before != TU_DESIRED_NONE && tu_desired_hash(old, before) == tu_desired_hash(set, i)) {
            r->verdicts[i] = old_verdicts[before];
        } else {
            r->verdicts[i] = VERDICT_PENDING;
            changed[n++] = (uint32_t)i;
        }
    }
    for (size_t i = 0; old && i < old->n; i++) {
        const tu_object_id id = tu_desired_id(old, i);
        if (tu_desired_find(set, &id) != TU_DESIRED_NONE)
            continue;
        drift_left_git(r, &id);
        *ret_left = true;
    }
    *ret_n = n;
    return changed;
}

void target_set_changed(target_state *t, rule_state *r, tu_desired_set *old) {
    uint8_t *old_verdicts = r->verdicts;
    size_t n = 0;
    bool left = false;
    uint32_t *changed = carry_over(r, old, old_verdicts, &n, &left);
    free(old_verdicts);
    drift_problems(r);
    r->looks = 0;
    target_start_passes(r);
    tu_view *view = target_build_view(t);
    if (t->view && tu_str_eq(view->selector, t->view->selector)) {
        target_put_view(t, view);
        if (n <= VERIFY_SINGLY && !(left && r->rule->unmanaged))
            target_verify(t, r, changed, n);
        else
            target_pass_now(r);
    } else { /* the listing that a watch begins with sees everything anew */
        tu_view_unref(view);
        target_start_watch(t);
    }
    free(changed);
    if (!target_has_unknown_kinds(t))
        t->searches = 0;
    else
        target_search_again(t);
}

/* --- start and stop --------------------------------------------------------------------------- */

void target_start(target_state *t) {
    pthread_mutex_init(&t->view_lock, NULL);
    t->worker = tu_worker_new(t->s->inbox, t->use->name.p);
    service_timer(t->s, &t->discover_timer, t);
    service_timer(t->s, &t->heal_timer, t);
    service_timer(t->s, &t->poll_timer, t);
    target_discover(t);
}

void target_stop(target_state *t) {
    target_stop_watch(t);
    tu_worker_free(t->worker);
    t->worker = NULL;
}
