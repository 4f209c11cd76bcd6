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
 *   target-strangers.c what stands in no set          target-baselines.c  environment, scrub, files
 */
#include "engine/target.h"

#include <stdlib.h>

#include "base/mem.h"

tu_call_options target_call(const target_state *t, int64_t timeout_ms) {
    return (tu_call_options){.cancel = t->s->cancel, .timeout_ms = timeout_ms};
}

/* --- a rule has a new set --------------------------------------------------------------------- */

/* Which objects are desired as before, of kinds described as before? Beside the new set's. */
static uint8_t *unchanged(const rule_state *r, tu_desired_set *old, tu_index *old_index) {
    const tu_desired_set *set = r->set;
    uint8_t *same = tu_xcalloc(set->n, 1);
    if (old_index && r->index) {
        tu_index_carry(r->index, old_index, same);
        return same;
    }
    for (size_t i = 0; old && i < set->n; i++) {
        const tu_object_id id = tu_desired_id(set, i);
        size_t before = tu_desired_find(old, &id);
        same[i] =
            before != TU_DESIRED_NONE && tu_desired_hash(old, before) == tu_desired_hash(set, i);
    }
    return same;
}

/* Verdicts of what didn't change go over; what left is forgotten; the rest is to be looked at.
 * Returns those. *ret_left: something left Git; if it lives on, it is unmanaged now. */
static uint32_t *carry_over(rule_state *r, tu_desired_set *old, tu_index *old_index,
                            uint8_t *old_verdicts, size_t *ret_n, bool *ret_left) {
    tu_desired_set *set = r->set;
    uint32_t *changed = tu_xcalloc(set->n + 1, sizeof *changed);
    uint8_t *same = unchanged(r, old, old_index);
    size_t n = 0;
    r->verdicts = tu_xmalloc(set->n + 1);
    for (size_t i = 0; i < set->n; i++) {
        const tu_object_id id = tu_desired_id(set, i);
        size_t before = same[i] ? tu_desired_find(old, &id) : TU_DESIRED_NONE;
        if (before != TU_DESIRED_NONE) {
            r->verdicts[i] = old_verdicts[before];
        } else {
            r->verdicts[i] = VERDICT_PENDING;
            changed[n++] = (uint32_t)i;
        }
    }
    free(same);
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

void target_set_changed(target_state *t, rule_state *r, tu_desired_set *old, tu_index *old_index) {
    uint8_t *old_verdicts = r->verdicts;
    size_t n = 0;
    bool left = false;
    uint32_t *changed = carry_over(r, old, old_index, old_verdicts, &n, &left);
    if (r->index && t->environment)
        tu_index_set_environment(r->index, tu_str_c(t->environment));
    free(old_verdicts);
    drift_problems(r);
    r->looks = 0;
    target_start_passes(r);
    tu_view *view = target_build_view(t);
    if (t->view && tu_str_eq(view->selector, t->view->selector)) {
        target_put_view(t, view);
        bool known = r->index && tu_reading_pays(tu_index_unknown(r->index), r->set->n);
        if (n > TU_READ_SINGLY) /* known: an earlier run left what metadata can prove */
            target_pass_now(r, known ? LISTING_METADATA : LISTING_FULL);
        else if (old && !tu_desired_is_whole(old) && tu_desired_is_whole(r->set))
            target_list_now(t); /* what could not be called unmanaged before */
        else if (left && r->rule->unmanaged)
            target_pass_now(r, LISTING_METADATA);
        for (size_t i = 0; n <= TU_READ_SINGLY && i < n; i++)
            target_look(t, r, changed[i], NULL);
    } else { /* the listing that a watch begins with sees everything anew */
        tu_view_unref(view);
        target_start_watch(t);
    }
    free(changed);
    target_environment_known(t);
    if (!target_has_unknown_kinds(t))
        t->searches = 0;
    else
        target_search_again(t);
}

/* --- start and stop --------------------------------------------------------------------------- */

void target_start(target_state *t) {
    pthread_mutex_init(&t->view_lock, NULL);
    t->worker = tu_worker_new(t->s->inbox, t->use->name.p);
    t->reader = tu_worker_new(t->s->inbox, t->use->name.p);
    t->lister = tu_worker_new(t->s->inbox, t->use->name.p);
    service_timer(t->s, &t->discover_timer, t);
    service_timer(t->s, &t->heal_timer, t);
    service_timer(t->s, &t->poll_timer, t);
    target_baselines_start(t);
    target_discover(t);
}

void target_stop(target_state *t) {
    target_stop_watch(t);
    tu_worker_free(t->worker);
    tu_worker_free(t->reader);
    tu_worker_free(t->lister);
    t->worker = t->reader = t->lister = NULL;
    target_baselines_save(t);
}
