/*
 * engine/deliver.c: what is due in the outbox goes to its notifier, one attempt at a time, and the
 * outcome goes back.
 *
 *   kick or timer -> due deliveries (store thread) -> send (the notifier's worker) -> outcome
 * (store thread) -> kick
 *
 * The core decides about the next attempt (alert/alert.h), so that all notifiers behave alike. A
 * delivery stays pending until its outcome is recorded: a crash in between sends the same bytes
 * with the same key again.
 */
#include <stdlib.h>

#include "alert/deliver.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/service.h"

#define DUE_AT_ONCE 64
#define SEND_TIMEOUT_MS 60000
#define READ_AGAIN_MS 5000

typedef struct notifier_state {
    tu_plugin_use *plugin; /* NULL: the receiver isn't configured any more */
    tu_worker *worker;
} notifier_state;

typedef struct send_job {
    tu_job job;
    service *s;
    notifier_state *n;
    tu_arena arena;
    tu_delivery delivery;
    tu_rc rc;
    tu_error *error;
    tu_alert_next next;
    bool recorded;
    struct send_job *sibling;
} send_job;

static void send_free(send_job *j) {
    tu_arena_done(&j->arena);
    tu_error_free(j->error);
    free(j);
}

static void key_of(const tu_delivery *d, char room[32]) {
    snprintf(room, 32, "%lld", (long long)d->id);
}

/* --- the outcome ------------------------------------------------------------------------------ */

static void outcome_work(tu_job *job) {
    send_job *j = (send_job *)job;
    tu_clock clock = tu_clock_real();
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    tu_rc rc;
    do { /* a delivery whose outcome isn't known would be sent again at once, and again */
        tu_error_free(TU_TAKE(why));
        rc = tu_store_attempted(j->s->store, j->delivery.id, tu_clock_wall(&clock), j->rc,
                                tu_str_c(j->rc == TU_OK ? "" : tu_error_text(j->error)),
                                j->next.state, j->next.next_ms, &why);
    } while (store_try_again(j->s, rc, tu_error_text(why)));
    j->recorded = rc == TU_OK;
    if (rc != TU_OK)
        tu_log(TU_LOG_ERROR, "the outcome of a delivery was not recorded; it will be sent again",
               "error", tu_error_text(why), NULL);
}

static void outcome_done(tu_job *job) {
    send_job *j = (send_job *)job;
    service *s = j->s;
    char key[32];
    key_of(&j->delivery, key);
    tu_map_remove(&s->in_flight, tu_str_c(key));
    if (!service_is_stopping(s)) {
        if (j->recorded)
            condition_set(s, &s->store_problem, "store", "trueup.db", NULL);
        deliver_kick(s);
    }
    send_free(j);
}

static void send_done(tu_job *job) {
    send_job *j = (send_job *)job;
    service *s = j->s;
    if (service_is_stopping(s) && j->rc != TU_OK) { /* it stays pending for the next run */
        send_free(j);
        return;
    }
    if (j->rc == TU_ECANCELLED) /* nobody cancelled it: the notifier's own idea */
        j->rc = TU_EUNAVAILABLE;
    uint64_t random = 0;
    tu_random(&random, sizeof random);
    tu_clock clock = tu_clock_real();
    const tu_outcome outcome = {.rc = j->rc,
                                .code = tu_str_c(j->error && j->error->code ? j->error->code : ""),
                                .retry_after_ms = j->error ? j->error->retry_after_ms : 0};
    j->next = tu_alert_after(&j->delivery, &outcome, tu_clock_wall(&clock),
                             (double)(random >> 11) / 9007199254740992.0);
    if (j->rc != TU_OK)
        tu_log(j->next.state == TU_DELIVERY_DEAD ? TU_LOG_ERROR : TU_LOG_WARN,
               j->next.state == TU_DELIVERY_DEAD ? "an alert could not be delivered and is given up"
                                                 : "an alert could not be delivered, trying again",
               "receiver", j->delivery.receiver.p, "error", tu_error_text(j->error), NULL);
    j->job = (tu_job){.work = outcome_work, .done = outcome_done};
    tu_worker_submit(s->store_worker, &j->job);
}

static void send_work(tu_job *job) {
    send_job *j = (send_job *)job;
    if (service_is_stopping(j->s)) {
        j->rc = TU_ECANCELLED;
        return;
    }
    const tu_call_options call = {.cancel = j->s->cancel, .timeout_ms = SEND_TIMEOUT_MS};
    j->rc = tu_call_send(j->n->plugin, j->delivery.message, j->delivery.key, NULL, NULL, &call,
                         &j->error);
}

/* --- what is due ------------------------------------------------------------------------------ */

typedef struct due_job {
    tu_job job;
    service *s;
    send_job *first, **last;
    int64_t next_ms;
    int64_t counts[3];
} due_job;

static tu_rc on_due(void *arg, const tu_delivery *d) {
    due_job *j = arg;
    send_job *n = tu_xcalloc(1, sizeof *n);
    n->job = (tu_job){.work = send_work, .done = send_done};
    n->s = j->s;
    tu_arena_init(&n->arena, 0);
    n->delivery = *d;
    n->delivery.receiver = tu_arena_copy(&n->arena, d->receiver);
    n->delivery.kind = tu_arena_copy(&n->arena, d->kind);
    n->delivery.key = tu_arena_copy(&n->arena, d->key);
    n->delivery.message = tu_arena_copy(&n->arena, d->message);
    n->delivery.last_error = (tu_str){0};
    *j->last = n;
    j->last = &n->sibling;
    return TU_OK;
}

static void due_work(tu_job *job) {
    due_job *j = (due_job *)job;
    tu_clock clock = tu_clock_real();
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    j->next_ms = -1;
    tu_rc rc =
        tu_store_due_deliveries(j->s->store, tu_clock_wall(&clock), DUE_AT_ONCE, on_due, j, &why);
    if (rc == TU_OK)
        rc = tu_store_next_due(j->s->store, &j->next_ms, &why);
    if (rc == TU_OK)
        rc = tu_store_delivery_counts(j->s->store, j->counts, &why);
    if (rc != TU_OK) {
        tu_log(TU_LOG_ERROR, "the outbox can't be read", "error", tu_error_text(why), NULL);
        j->next_ms = tu_clock_wall(&clock) + READ_AGAIN_MS;
    }
}

static void on_timer(uv_timer_t *t) {
    deliver_kick(t->data);
}

static void send_one(service *s, send_job *n) {
    char key[32];
    key_of(&n->delivery, key);
    if (tu_map_has(&s->in_flight, tu_str_c(key))) {
        send_free(n);
        return;
    }
    tu_map_put(&s->in_flight, tu_str_c(key), n);
    n->n = tu_map_get(&s->notifiers, n->delivery.receiver);
    if (n->n) {
        tu_worker_submit(n->n->worker, &n->job);
        return;
    }
    n->rc = tu_error_set(&n->error, TU_EINVALID, "there is no notifier '%.*s' any more",
                         TU_P(n->delivery.receiver));
    send_done(&n->job);
}

static void due_done(tu_job *job) {
    due_job *j = (due_job *)job;
    service *s = j->s;
    s->delivering = false;
    bool again = s->deliver_again;
    memcpy(s->delivery_counts, j->counts, sizeof j->counts);
    for (send_job *n = j->first, *next; n; n = next) {
        next = n->sibling;
        n->sibling = NULL;
        if (service_is_stopping(s))
            send_free(n);
        else
            send_one(s, n);
    }
    if (!service_is_stopping(s) && j->next_ms >= 0) {
        int64_t wait = j->next_ms - tu_clock_wall(&s->clock);
        /* What is due now is in flight; its outcome kicks again. The timer is for what has to wait.
         */
        uv_timer_start(&s->deliver_timer, on_timer, wait > 0 ? (uint64_t)wait : 1000, 0);
    }
    if (!service_is_stopping(s) && again)
        deliver_kick(s);
    free(j);
}

void deliver_kick(service *s) {
    s->deliver_again = s->delivering;
    if (s->delivering)
        return;
    s->delivering = true;
    due_job *j = tu_xcalloc(1, sizeof *j);
    j->job = (tu_job){.work = due_work, .done = due_done};
    j->s = s;
    j->last = &j->first;
    tu_worker_submit(s->store_worker, &j->job);
}

/* --- start and stop --------------------------------------------------------------------------- */

void deliver_start(service *s) {
    service_timer(s, &s->deliver_timer, s);
    for (size_t i = 0; i < s->config->notifier_count; i++) {
        const tu_use *use = &s->config->notifiers[i];
        notifier_state *n = tu_xcalloc(1, sizeof *n);
        n->plugin = tu_session_use(s->session, TU_KIND_NOTIFIER, use->name);
        n->worker = tu_worker_new(s->inbox, use->name.p);
        tu_map_put(&s->notifiers, use->name, n);
    }
    deliver_kick(s);
}

void deliver_stop(service *s) {
    for (size_t i = 0; i < s->notifiers.n; i++)
        tu_worker_free(((notifier_state *)s->notifiers.entries[i].value)->worker);
}
