/*
 * engine/target-look.c: looking at a target without its watch: listings, and single objects that are
 * read afresh.
 *
 *   metadata that proves nothing --look--> read (the reader, urgent) --more than TU_READ_SINGLY--> sweep
 *   suspect, or the scrub       --read--> read (the reader, when there is nothing else to do)
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/target.h"
#include "rules/decide.h"

/* What couldn't be determined is looked at again after this long, then with growing pauses. */
#define FIRST_LOOK_MS 5000

/* --- listings --------------------------------------------------------------------------------- */

typedef struct list_job {
    tu_job job;
    target_state *t;
    tu_view *view;
    listing_kind kind;
    bool sweep, lost;
    tu_error *error;
    tu_rc rc;
} list_job;

static bool is_kept(const tu_view *v) {
    for (size_t i = 0; i < v->rule_count; i++)
        if (!v->rules[i].index)
            return false;
    return true;
}

static void list_work(tu_job *job) {
    list_job *j = (list_job *)job;
    if (j->sweep) { /* of what is desired now: whoever relied on it did so until here */
        __atomic_store_n(&j->t->sweep_queued, false, __ATOMIC_RELEASE);
        pthread_mutex_lock(&j->t->view_lock);
        j->view = tu_view_ref(j->t->view);
        pthread_mutex_unlock(&j->t->view_lock);
    }
    if (service_is_stopping(j->t->s))
        return;
    observing o;
    target_observing_init(&o, j->t, j->view);
    o.observer.doubt_ruled = j->kind == LISTING_PASS && tu_view_is_timed(j->view);
    tu_call_options call = target_call(j->t, LIST_TIMEOUT_MS);
    call.on_record = tu_observer_record;
    call.arg = &o.observer;
    bool metadata = j->kind != LISTING_FULL && is_kept(j->view);
    char *selector = tu_view_ask(j->view, (tu_view_wish){.list_metadata = metadata});
    j->rc = tu_call_list(j->t->plugin, tu_str_c(selector), &call, &j->error);
    free(selector);
    j->lost = o.lost;
    target_observing_done(&o);
}

static void list_done(tu_job *job) {
    list_job *j = (list_job *)job;
    service *s = j->t->s;
    /* Reads were left to it: they are made up for sooner than at the next pass. */
    for (size_t i = 0; j->sweep && (j->lost || j->rc != TU_OK) && i < s->rule_count; i++)
        if (!service_is_stopping(s) && s->rules[i].target == j->t && s->rules[i].set)
            target_look_later(&s->rules[i]);
    if (!service_is_stopping(j->t->s) && j->rc != TU_OK && j->rc != TU_ECANCELLED)
        condition_set(j->t->s, &j->t->problem, "target", j->t->use->name.p,
                      tu_error_text(j->error));
    tu_view_unref(j->view);
    tu_error_free(j->error);
    free(j);
}

static list_job *list_new(target_state *t, tu_view *view, listing_kind kind) {
    list_job *j = tu_xcalloc(1, sizeof *j);
    j->job = (tu_job){.work = list_work, .done = list_done};
    j->t = t;
    j->view = view;
    j->kind = kind;
    return j;
}

void target_list(target_state *t, tu_view *view, listing_kind kind) {
    tu_worker_submit(t->lister, &list_new(t, view, kind)->job);
}

void target_list_now(target_state *t) {
    if (t->view && t->view->scope_count)
        target_list(t, tu_view_ref(t->view), LISTING_PASS);
}

void target_sweep(target_state *t) {
    if (!t->view || !t->view->scope_count ||
        __atomic_exchange_n(&t->sweep_queued, true, __ATOMIC_ACQ_REL))
        return;
    list_job *j = list_new(t, NULL, LISTING_FULL);
    j->sweep = true;
    tu_worker_submit(t->lister, &j->job);
}

void target_keep(target_state *t, tu_view *view) {
    for (size_t i = 0; i < view->rule_count; i++)
        for (size_t k = 0; k < t->s->rule_count; k++)
            if (t->s->rules[k].rule == view->rules[i].rule)
                tu_view_keep(view, i, t->s->rules[k].index);
}

void target_pass_now(rule_state *r, listing_kind kind) {
    if (!r->set || r->set->n == 0)
        return;
    tu_view *view = tu_view_new(r->s->config, &r->rule, &r->set, 1, r->target->narrow);
    target_keep(r->target, view);
    target_list(r->target, view, kind);
}

/* What an entry decided until now is decided anew by the pass. */
static void tell_expired(rule_state *r) {
    int64_t now = tu_clock_wall(&r->s->clock);
    for (size_t i = 0; i < r->rule->entry_count; i++) {
        const tu_entry *e = &r->rule->entries[i];
        char at[32], place[1024];
        if (e->expires_ms <= r->expiry_seen_ms || e->expires_ms > now)
            continue;
        tu_time_format(e->expires_ms, at);
        snprintf(place, sizeof place, "%s:%u", e->place.file, e->place.line);
        tu_log(TU_LOG_WARN, "an entry has expired and doesn't match any more", "rule",
               r->rule->name.p, "entry", e->name.p, "expired", at, "at", place, NULL);
    }
    r->expiry_seen_ms = now;
}

static void on_pass(uv_timer_t *timer);

/* The next pass is at the latest when an entry expires. */
static void come_at_expiry(rule_state *r) {
    int64_t next = tu_rule_next_expiry(r->rule, r->expiry_seen_ms);
    uint64_t wait = next > r->expiry_seen_ms ? (uint64_t)(next - r->expiry_seen_ms) : 0;
    if (wait && wait < uv_timer_get_due_in(&r->pass_timer))
        uv_timer_start(&r->pass_timer, on_pass, wait, (uint64_t)r->rule->interval_ms);
}

static void on_pass(uv_timer_t *timer) {
    rule_state *r = timer->data;
    tell_expired(r);
    target_pass_now(r, LISTING_PASS);
    come_at_expiry(r);
}

void target_start_passes(rule_state *r) {
    uint64_t interval = (uint64_t)r->rule->interval_ms;
    if (uv_is_active((uv_handle_t *)&r->pass_timer))
        return;
    uv_timer_start(&r->pass_timer, on_pass, interval, interval);
    r->expiry_seen_ms = tu_clock_wall(&r->s->clock); /* those before it were told at load */
    come_at_expiry(r);
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

/* --- reading single objects ------------------------------------------------------------------- */

typedef struct read_job {
    tu_job job;
    rule_state *r;
    tu_desired_set *set;
    tu_index *index;
    size_t object;
    bool later;
} read_job;

static void read_work(tu_job *job) {
    read_job *j = (read_job *)job;
    target_state *t = j->r->target;
    if (service_is_stopping(t->s))
        return;
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_finding f;
    const tu_value *live = NULL;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    const tu_call_options call = target_call(t, CALL_TIMEOUT_MS);
    tu_slot slot = {.index = j->index, .object = j->object, .whole = j->later};
    tu_prepared p;
    tu_rc rc = tu_desired_open(j->set, j->object, &a, &p, &why);
    if (rc == TU_OK)
        rc = tu_verify(&a, j->r->rule, t->plugin, &p, &call, &slot, &live, &f, &why);
    if (rc != TU_OK) {
        f = tu_desired_finding(j->set, j->object, TU_VERDICT_UNKNOWN);
        f.reason = tu_str_c(tu_error_text(why));
        slot.serial = j->index ? tu_index_forget(j->index, j->object, 0) : 0;
    }
    sighting_job *sighting =
        rc == TU_ECANCELLED ? NULL
                            : target_sighting_new(j->r, j->set, j->index, j->object, &f, BY_VERIFY);
    if (sighting) {
        sighting->serial = slot.serial;
        sighting->replaced = slot.replaced;
        tu_inbox_post(t->s->inbox, &sighting->job);
    }
    tu_arena_done(&a);
}

static void read_done(tu_job *job) {
    read_job *j = (read_job *)job;
    tu_desired_unref(j->set);
    tu_index_unref(j->index);
    free(j);
}

void target_read(target_state *t, rule_state *r, size_t object, bool later) {
    read_job *j = tu_xcalloc(1, sizeof *j);
    *j = (read_job){.job = {.work = read_work, .done = read_done},
                    .r = r,
                    .set = tu_desired_ref(r->set),
                    .index = tu_index_ref(r->index),
                    .object = object,
                    .later = later};
    if (later)
        tu_worker_submit_later(t->reader, &j->job);
    else
        tu_worker_submit(t->reader, &j->job);
}

void target_look(target_state *t, rule_state *r, size_t object, const tu_baseline *now) {
    if (now && r->index && tu_index_is_past(r->index, object, now))
        return;
    if (now && drift_is_healing(r, object, now))
        return;
    if (__atomic_load_n(&t->sweep_queued, __ATOMIC_ACQUIRE))
        return;
    if (tu_worker_pending(t->reader) >= TU_READ_SINGLY)
        target_sweep(t);
    else if (!r->index || tu_index_want(r->index, object))
        target_read(t, r, object, false);
}
