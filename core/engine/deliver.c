/*
 * engine/deliver.c: the outbox and the receivers take turns.
 *
 *   kick, timer, an attempt's end --> turn (store's thread): records the attempts that ended, takes what
 *                                     is due for receivers that may be sent to
 *                                 --> senders (deliver-send.c), each receiver's own --> attempts that ended
 *
 * One turn at a time, and each is one transaction with one sync: what ends while one is written goes into
 * the next, so the faster the receivers, the more attempts share a sync.
 *
 * Invariants
 *   - The core decides about the next attempt (alert/deliver.h), so that all notifiers behave alike.
 *   - A delivery is under way once, and stays pending until its attempt is recorded. After a crash in
 *     between it is sent again, the same bytes with the same key, and marked as uncertain.
 *   - What is given up is told (alerts, fallback) before that is recorded: a crash in between tells it
 *     again, and never loses it.
 *   - A wall clock that jumps moves no deadline and starts no storm: it is compared with boot time
 *     before every turn.
 */
#include <stdlib.h>

#include "alert/backoff.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/deliver.h"

enum {
    SURVEY_MS = 5000, /* how often the whole backlog is looked at, while there is one */
    READ_AGAIN_MS = 5000,
    JUMP_MS = 2000,
    LAST_MOMENT_MS = 1000,            /* for attempts under way at a reload or the end */
    LONGEST_WAIT_MS = 60 * 60 * 1000, /* what a receiver can ask for */
    GIVEN_UP_AT_ONCE = 256
};

typedef struct backlog_row {
    tu_backlog row;
    struct backlog_row *next;
} backlog_row;

typedef struct turn_job {
    tu_job job;
    service *s;
    send_job *ended; /* attempts to record */
    size_t ended_count;
    tu_due *due;
    size_t due_count;
    tu_arena arena; /* of the names in due, and the survey */
    bool recover, survey;
    int64_t jumped_ms;
    send_job *taken, **taken_end;
    backlog_row *backlog;
    int64_t counts[3];
    tu_rc rc;
} turn_job;

/* --- on the store's thread -------------------------------------------------------------------- */

static tu_rc on_taken(void *arg, const tu_delivery *d) {
    turn_job *t = arg;
    send_job *j = send_new(tu_map_get(&t->s->notifiers, d->receiver), d);
    *t->taken_end = j;
    t->taken_end = &j->next;
    return TU_OK;
}

static void forget_taken(turn_job *t) {
    for (send_job *j = t->taken, *next; j; j = next) {
        next = j->next;
        send_free(j);
    }
    t->taken = NULL;
    t->taken_end = &t->taken;
}

static tu_rc on_backlog(void *arg, const tu_backlog *b) {
    turn_job *t = arg;
    backlog_row *row = tu_arena_alloc(&t->arena, sizeof *row);
    tu_str name = tu_arena_copy(&t->arena, b->receiver);
    if (!row || (name.n && !name.p))
        return TU_EINTERNAL;
    *row = (backlog_row){*b, t->backlog};
    row->row.receiver = name;
    t->backlog = row;
    return TU_OK;
}

static tu_rc take_turn(turn_job *t, int64_t wall_ms, tu_error **error) {
    tu_attempt *attempts = tu_xcalloc(t->ended_count ? t->ended_count : 1, sizeof *attempts);
    size_t n = 0;
    for (const send_job *j = t->ended; j; j = j->next)
        attempts[n++] = j->attempt;
    size_t due_count = service_is_stopping(t->s) ? 0 : t->due_count;
    tu_rc rc = tu_store_take_turn(t->s->store, wall_ms, attempts, n, t->due, due_count, on_taken, t,
                                  error);
    free(attempts);
    return rc;
}

static tu_rc turn(turn_job *t, tu_error **error) {
    tu_store *store = t->s->store;
    int64_t wall_ms = tu_clock_wall(&t->s->clock);
    tu_rc rc = TU_OK;
    forget_taken(t);
    t->backlog = NULL;
    if (t->recover)
        rc = tu_store_recover_queue(store, wall_ms, LONGEST_WAIT_MS, error);
    if (rc == TU_OK && t->jumped_ms)
        rc = tu_store_clock_jumped(store, wall_ms, t->jumped_ms, error);
    if (rc == TU_OK)
        rc = take_turn(t, wall_ms, error);
    if (rc == TU_OK && t->survey)
        rc = tu_store_backlog(store, on_backlog, t, error);
    if (rc == TU_OK)
        rc = tu_store_delivery_counts(store, t->counts, error);
    return rc;
}

static void turn_work(tu_job *job) {
    turn_job *t = (turn_job *)job;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    do {
        tu_error_free(TU_TAKE(why));
        t->rc = turn(t, &why);
    } while (store_try_again(t->s, t->rc, tu_error_text(why)));
    if (t->rc != TU_OK)
        tu_log(TU_LOG_ERROR, "the outbox can't be read or written; deliveries wait", "error",
               tu_error_text(why), NULL);
}

/* --- asking for a turn ------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *t) {
    deliver_kick(t->data);
}

/* Sleeps until a receiver may be sent to again, or the backlog is to be looked at. */
static void sleep_until_due(service *s) {
    int64_t boot_ms = tu_clock_boot(&s->clock), when = INT64_MAX;
    if (s->delivery_counts[0] > 0)
        when = s->surveyed_ms + SURVEY_MS;
    for (size_t i = 0; i < s->notifiers.n; i++) {
        int64_t wakes = receiver_wakes(s->notifiers.entries[i].value);
        when = wakes < when ? wakes : when;
    }
    if (when == INT64_MAX)
        uv_timer_stop(&s->deliver_timer);
    else
        uv_timer_start(&s->deliver_timer, on_timer, when > boot_ms ? (uint64_t)(when - boot_ms) : 1,
                       0);
}

static void ask(turn_job *t, receiver_state *r, size_t limit) {
    t->due[t->due_count++] = (tu_due){.receiver = r->use->name,
                                      .limit = limit,
                                      .probe = r->policy.breaker == TU_BREAKER_HALF_OPEN};
}

/* What may be sent; and where nothing may be, what has waited for that until its deadline. */
static void ask_for_due(turn_job *t) {
    service *s = t->s;
    t->due = tu_xcalloc(2 * s->notifiers.n + 1, sizeof *t->due);
    if (t->recover) /* first what is there, for the pauses that were asked for */
        return;
    for (size_t i = 0; i < s->notifiers.n; i++) {
        receiver_state *r = s->notifiers.entries[i].value;
        size_t wants = receiver_wants(r);
        if (t->survey && r->pending && !tu_receiver_may(&r->policy, tu_clock_boot(&s->clock), NULL))
            t->due[t->due_count++] = (tu_due){.receiver = r->use->name,
                                              .limit = GIVEN_UP_AT_ONCE,
                                              .expired_ms = tu_clock_wall(&s->clock)};
        if (wants)
            ask(t, r, wants);
    }
    if (s->orphan) { /* a receiver that isn't configured any more */
        tu_str name = tu_arena_copy(&t->arena, tu_str_c(s->orphan));
        if (name.p)
            t->due[t->due_count++] =
                (tu_due){.receiver = name, .limit = GIVEN_UP_AT_ONCE, .expired_ms = INT64_MAX};
    }
}

/* How far the wall clock was put since it was looked at last. */
static int64_t look_at_clock(service *s) {
    int64_t wall_ms = tu_clock_wall(&s->clock), boot_ms = tu_clock_boot(&s->clock);
    int64_t by_ms =
        s->clock_wall_ms ? (wall_ms - s->clock_wall_ms) - (boot_ms - s->clock_boot_ms) : 0;
    s->clock_wall_ms = wall_ms;
    s->clock_boot_ms = boot_ms;
    if (by_ms > -JUMP_MS && by_ms < JUMP_MS)
        return 0;
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)by_ms);
    tu_log(TU_LOG_WARN, "the clock was set; deadlines and waits of deliveries follow it", "by_ms",
           text, NULL);
    return by_ms;
}

static void give_up_taken(turn_job *t, send_job *j) {
    service *s = t->s;
    char text[1200];
    if (!j->receiver) {
        snprintf(
            text, sizeof text,
            "there is no Notifier '%.*s' in the configuration any more; to send it again, add one "
            "of that name and run `trueup alert resend`",
            TU_P(j->delivery.receiver));
        deliver_give_up(s, j, TU_ENOTFOUND, text);
        return;
    }
    snprintf(text, sizeof text, "not delivered before its deadline: %.1000s",
             j->receiver->error ? j->receiver->error
                                : "the receiver can't take messages as fast as they come");
    deliver_give_up(s, j, TU_EUNAVAILABLE, text);
}

/* Was it taken to be given up? */
static bool is_given_up(const turn_job *t, const send_job *j) {
    if (!j->receiver)
        return true;
    for (size_t i = 0; i < t->due_count; i++)
        if (t->due[i].expired_ms && tu_str_eq(t->due[i].receiver, j->delivery.receiver) &&
            j->delivery.expires_ms <= t->due[i].expired_ms)
            return true;
    return false;
}

static void hand_out(turn_job *t) {
    for (send_job *j = t->taken, *next; j; j = next) {
        next = j->next;
        j->next = NULL;
        if (service_is_stopping(t->s)) { /* taken in the last moment: uncertain in the next run */
            send_free(j);
            continue;
        }
        if (j->receiver) {
            j->receiver->taken++;
            t->s->taken_bytes += j->delivery.message.n;
            j->counted = true;
        }
        if (is_given_up(t, j))
            give_up_taken(t, j);
        else
            receiver_ready(j->receiver, j);
    }
    t->taken = NULL;
}

static void take_over_survey(turn_job *t) {
    service *s = t->s;
    int64_t wall_ms = tu_clock_wall(&s->clock), boot_ms = tu_clock_boot(&s->clock);
    free(s->orphan);
    s->orphan = NULL;
    for (size_t i = 0; i < s->notifiers.n; i++)
        ((receiver_state *)s->notifiers.entries[i].value)->pending = 0;
    for (const backlog_row *b = t->backlog; b; b = b->next) {
        receiver_state *r = tu_map_get(&s->notifiers, b->row.receiver);
        if (!r) {
            free(s->orphan);
            s->orphan = tu_xstrdup(b->row.receiver.p);
            continue;
        }
        r->pending = b->row.pending;
        r->oldest_ms = b->row.oldest_ms;
        /* no wait of our own is that long: the receiver had asked for it before the restart */
        int64_t wait = b->row.retry_ms - wall_ms;
        if (t->recover && wait > TU_BACKOFF_LONGEST_MS && wait <= LONGEST_WAIT_MS)
            tu_receiver_pause(&r->policy, boot_ms + wait);
    }
    s->surveyed_ms = boot_ms;
}

/* A turn that failed for good: the same attempts go into the next one. */
static void take_back(turn_job *t) {
    service *s = t->s;
    if (!t->ended)
        return;
    send_job **end = &t->ended;
    while (*end)
        end = &(*end)->next;
    *end = s->ended;
    s->ended_end = s->ended ? s->ended_end : end;
    s->ended = t->ended;
    s->ended_count += t->ended_count;
    t->ended = NULL;
}

static void turn_free(turn_job *t) {
    for (send_job *j = t->ended, *next; j; j = next) {
        next = j->next;
        send_free(j);
    }
    forget_taken(t);
    free(t->due);
    tu_arena_done(&t->arena);
    free(t);
}

static void turn_ended(turn_job *t) {
    service *s = t->s;
    memcpy(s->delivery_counts, t->counts, sizeof t->counts);
    condition_set(s, &s->store_problem, "store", "trueup.db", NULL);
    s->queue_recovered |= t->recover;
    if (t->survey)
        take_over_survey(t);
    for (size_t i = 0; i < t->due_count; i++) {
        receiver_state *r = tu_map_get(&s->notifiers, t->due[i].receiver);
        if (r && !t->due[i].expired_ms)
            r->next_ms = t->due[i].ret_next_ms;
    }
    hand_out(t);
    for (size_t i = 0; i < s->notifiers.n; i++)
        receiver_pump(s->notifiers.entries[i].value);
}

static void turn_done(tu_job *job) {
    turn_job *t = (turn_job *)job;
    service *s = t->s;
    s->delivering = false;
    bool again = s->deliver_again || t->recover || (t->survey && s->orphan);
    if (service_is_stopping(s)) {
        turn_free(t);
        return;
    }
    if (t->rc == TU_OK) {
        turn_ended(t);
        again |= s->orphan != NULL;
    } else {
        take_back(t);
    }
    bool failed = t->rc != TU_OK;
    turn_free(t);
    if (failed)
        uv_timer_start(&s->deliver_timer, on_timer, READ_AGAIN_MS, 0);
    else if (again || s->ended)
        deliver_kick(s);
    else
        sleep_until_due(s);
}

static void submit_turn(service *s, bool record_only) {
    turn_job *t = tu_xcalloc(1, sizeof *t);
    t->job = (tu_job){.work = turn_work, .done = turn_done};
    t->s = s;
    tu_arena_init(&t->arena, 0);
    t->taken_end = &t->taken;
    t->ended = s->ended;
    t->ended_count = s->ended_count;
    s->ended = NULL;
    s->ended_count = 0;
    if (!record_only) {
        t->recover = !s->queue_recovered;
        t->survey =
            t->recover || s->orphan || (tu_clock_boot(&s->clock) - s->surveyed_ms >= SURVEY_MS);
        t->jumped_ms = look_at_clock(s);
        ask_for_due(t);
    }
    s->delivering = true;
    s->deliver_again = false;
    tu_worker_submit(s->store_worker, &t->job);
}

void deliver_kick(service *s) {
    if (s->delivering)
        s->deliver_again = true;
    else if (!service_is_stopping(s))
        submit_turn(s, false);
}

/* --- attempts that ended ---------------------------------------------------------------------- */

void deliver_ended(service *s, send_job *j) {
    const tu_attempt *a = &j->attempt;
    if (a->outcome != TU_ECANCELLED && a->state == TU_DELIVERY_DEAD)
        s->undeliverable(s, &j->delivery, a->text.n ? a->text.p : "");
    else if (a->outcome != TU_ECANCELLED && a->state == TU_DELIVERY_DELIVERED)
        s->delivered(s, &j->delivery);
    j->next = NULL;
    if (!s->ended)
        s->ended_end = &s->ended;
    *s->ended_end = j;
    s->ended_end = &j->next;
    s->ended_count++;
    if (service_is_stopping(s))
        submit_turn(s, true); /* no turn comes after this one */
    else if (!s->delivering)
        submit_turn(s, false);
}

void deliver_give_up(service *s, send_job *j, tu_rc rc, const char *text) {
    tu_error_set(&j->error, rc, "%s", text);
    tu_log(TU_LOG_ERROR, "an alert could not be delivered and is given up", "receiver",
           j->delivery.receiver.p, "error", text, NULL);
    j->attempt = (tu_attempt){.delivery_id = j->delivery.id,
                              .wall_ms = tu_clock_wall(&s->clock),
                              .outcome = rc,
                              .text = tu_str_c(tu_error_text(j->error)),
                              .state = TU_DELIVERY_DEAD};
    deliver_ended(s, j);
}

/* --- start and stop --------------------------------------------------------------------------- */

void deliver_start(service *s) {
    service_timer(s, &s->deliver_timer, s);
    s->send_cancel = tu_cancel_new();
    for (size_t i = 0; i < s->config->notifier_count; i++)
        receiver_open(s, &s->config->notifiers[i]);
    deliver_kick(s);
}

static bool is_sending(const service *s) {
    for (size_t i = 0; i < s->notifiers.n; i++)
        if (receiver_is_sending(s->notifiers.entries[i].value))
            return true;
    return false;
}

/* An attempt that is cut off may have arrived and is made again; one that ends is known. So those that
 * are under way get a moment. */
void deliver_stop(service *s) {
    int64_t end_ms = tu_clock_monotonic() + LAST_MOMENT_MS;
    tu_inbox_drain(s->inbox);
    while (is_sending(s) && tu_clock_monotonic() < end_ms) {
        tu_cancel_wait(s->send_cancel, 2);
        tu_inbox_drain(s->inbox);
    }
    tu_cancel_fire(s->send_cancel);
    for (size_t i = 0; i < s->notifiers.n; i++)
        receiver_close(s->notifiers.entries[i].value);
    tu_inbox_drain(s->inbox);
    tu_cancel_free(s->send_cancel);
    if (s->ended)
        submit_turn(s, true);
}
