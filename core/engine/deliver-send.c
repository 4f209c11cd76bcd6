/*
 * engine/deliver-send.c: receivers and their senders: one attempt at a time each.
 *
 * Every receiver has workers of its own, so that none waits for another's; as many as SENDERS where
 * its plugin may be called beside itself. What it may be sent is the policy's business
 * (alert/deliver.h). What was taken from the store and may not go out after all, because the breaker
 * opened meanwhile, goes back untried.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/deliver.h"

enum { SEND_TIMEOUT_MS = 60000 };

/* --- jobs ------------------------------------------------------------------------------------- */

send_job *send_new(receiver_state *r, const tu_delivery *d) {
    send_job *j = tu_xcalloc(1, sizeof *j);
    j->receiver = r;
    tu_arena_init(&j->arena, 0);
    tu_buf_init(&j->reference, TU_LIMIT_REFERENCE_BYTES);
    j->delivery = *d;
    j->delivery.incident = tu_arena_copy(&j->arena, d->incident);
    j->delivery.receiver = tu_arena_copy(&j->arena, d->receiver);
    j->delivery.kind = tu_arena_copy(&j->arena, d->kind);
    j->delivery.key = tu_arena_copy(&j->arena, d->key);
    j->delivery.message = tu_arena_copy(&j->arena, d->message);
    j->delivery.reference = tu_arena_copy(&j->arena, d->reference);
    j->delivery.last_error = tu_arena_copy(&j->arena, d->last_error);
    return j;
}

void send_free(send_job *j) {
    if (j->counted) {
        j->receiver->taken--;
        j->receiver->s->taken_bytes -= j->delivery.message.n;
    }
    tu_arena_done(&j->arena);
    tu_buf_done(&j->reference);
    tu_error_free(j->error);
    free(j);
}

/* --- one attempt ------------------------------------------------------------------------------ */

static double chance(void) {
    uint64_t random = 0;
    tu_random(&random, sizeof random);
    return (double)(random >> 11) / 9007199254740992.0;
}

static void send_work(tu_job *job) {
    send_job *j = (send_job *)job;
    service *s = j->receiver->s;
    const tu_call_options call = {.cancel = s->send_cancel, .timeout_ms = SEND_TIMEOUT_MS};
    const tu_sending sending = {.attempt = j->delivery.attempts + 1,
                                .uncertain = j->delivery.uncertain,
                                .brief = j->delivery.brief,
                                .reference = j->delivery.reference};
    j->rc = TU_ECANCELLED;
    if (service_is_stopping(s))
        return;
    int64_t begin = tu_clock_monotonic();
    j->begun = true;
    j->rc = tu_call_send(j->receiver->plugin, j->delivery.message, j->delivery.key, &sending,
                         &j->reference, &call, &j->error);
    j->attempt.took_ms = tu_clock_monotonic() - begin;
}

static void log_breaker(const receiver_state *r, tu_breaker before) {
    if (before == TU_BREAKER_CLOSED && r->policy.breaker == TU_BREAKER_OPEN)
        tu_log(TU_LOG_WARN, "a receiver doesn't answer; what is to be delivered waits", "receiver",
               r->use->name.p, "error", r->error ? r->error : "", NULL);
    else if (before != TU_BREAKER_CLOSED && r->policy.breaker == TU_BREAKER_CLOSED)
        tu_log(TU_LOG_INFO, "a receiver answers again", "receiver", r->use->name.p, NULL);
}

static void log_attempt(const send_job *j) {
    bool dead = j->attempt.state == TU_DELIVERY_DEAD;
    if (j->rc != TU_OK)
        tu_log(dead ? TU_LOG_ERROR : TU_LOG_WARN,
               dead ? "an alert could not be delivered and is given up"
                    : "an alert could not be delivered, trying again",
               "receiver", j->delivery.receiver.p, "error", tu_error_text(j->error), NULL);
}

static void conclude(send_job *j) {
    receiver_state *r = j->receiver;
    service *s = r->s;
    const tu_outcome outcome = {.rc = j->rc,
                                .code = tu_str_c(j->error && j->error->code ? j->error->code : ""),
                                .retry_after_ms = j->error ? j->error->retry_after_ms : 0};
    int64_t wall_ms = tu_clock_wall(&s->clock);
    tu_alert_next next = tu_alert_after(&j->delivery, &outcome, wall_ms, chance());
    tu_breaker before = r->policy.breaker;
    if (!r->error)
        r->error_since_ms = wall_ms;
    free(r->error);
    r->error = j->rc == TU_OK ? NULL : tu_xstrdup(tu_error_text(j->error));
    tu_receiver_answered(&r->policy, &outcome, j->probe, chance(), tu_clock_boot(&s->clock));
    log_breaker(r, before);
    j->attempt = (tu_attempt){.delivery_id = j->delivery.id,
                              .wall_ms = wall_ms,
                              .took_ms = j->attempt.took_ms,
                              .outcome = j->rc,
                              .text = tu_str_c(j->rc == TU_OK ? "" : tu_error_text(j->error)),
                              .reference = tu_buf_str(&j->reference),
                              .state = next.state,
                              .next_ms = next.next_ms,
                              .uncertain = next.uncertain,
                              .brief = next.brief};
    log_attempt(j);
}

/* It was no attempt, as far as is known: it is due as before. */
static void give_back(send_job *j) {
    j->attempt = (tu_attempt){
        .delivery_id = j->delivery.id, .outcome = TU_ECANCELLED, .uncertain = j->begun};
    deliver_ended(j->receiver->s, j);
}

static void send_done(tu_job *job) {
    send_job *j = (send_job *)job;
    receiver_state *r = j->receiver;
    r->busy[j->sender] = false;
    if (j->rc == TU_ECANCELLED && service_is_stopping(r->s)) {
        give_back(j);
        return;
    }
    if (j->rc == TU_ECANCELLED) /* nobody cancelled it: the notifier's own idea */
        j->rc = TU_EUNAVAILABLE;
    conclude(j);
    deliver_ended(r->s, j);
    receiver_pump(r);
}

/* --- receivers -------------------------------------------------------------------------------- */

void receiver_ready(receiver_state *r, send_job *j) {
    j->next = NULL;
    *r->ready_end = j;
    r->ready_end = &j->next;
    r->ready_count++;
}

static send_job *take_ready(receiver_state *r) {
    send_job *j = r->ready;
    r->ready = j->next;
    if (!r->ready)
        r->ready_end = &r->ready;
    r->ready_count--;
    return j;
}

static bool find_sender(receiver_state *r, size_t *ret) {
    for (size_t i = 0; i < r->sender_count; i++)
        if (!r->busy[i]) {
            *ret = i;
            return true;
        }
    return false;
}

bool receiver_is_sending(const receiver_state *r) {
    bool busy = false;
    for (size_t i = 0; i < r->sender_count; i++)
        busy |= r->busy[i];
    return busy;
}

static void send_one(receiver_state *r, send_job *j, size_t sender) {
    if (!r->workers[sender])
        r->workers[sender] = tu_worker_new(r->s->inbox, r->use->name.p);
    r->busy[sender] = true;
    j->sender = sender;
    j->probe = tu_receiver_sent(&r->policy, tu_clock_boot(&r->s->clock));
    j->job = (tu_job){.work = send_work, .done = send_done};
    tu_worker_submit(r->workers[sender], &j->job);
}

void receiver_pump(receiver_state *r) {
    size_t sender;
    while (r->ready && !service_is_stopping(r->s) && find_sender(r, &sender)) {
        if (tu_receiver_may(&r->policy, tu_clock_boot(&r->s->clock), NULL))
            send_one(r, take_ready(r), sender);
        else
            give_back(take_ready(r));
    }
    while (r->ready && service_is_stopping(r->s))
        give_back(take_ready(r));
}

static size_t room_of(const receiver_state *r) {
    size_t most = r->s->taken_bytes > TAKEN_BYTES ? 1 : TAKEN_AT_ONCE;
    return most > r->taken ? most - r->taken : 0;
}

size_t receiver_wants(receiver_state *r) {
    size_t may = tu_receiver_may(&r->policy, tu_clock_boot(&r->s->clock), NULL);
    size_t room = room_of(r);
    may = may > r->ready_count ? may - r->ready_count : 0;
    return may < room ? may : room;
}

int64_t receiver_wakes(receiver_state *r) {
    int64_t boot_ms = tu_clock_boot(&r->s->clock), when = INT64_MAX;
    if (r->next_ms < 0 || room_of(r) == 0) /* then an attempt's end asks for the next turn */
        return INT64_MAX;
    int64_t wait = r->next_ms - tu_clock_wall(&r->s->clock);
    int64_t due_ms = boot_ms + (wait > 0 ? wait : 0);
    if (tu_receiver_may(&r->policy, boot_ms, &when) > r->ready_count)
        return due_ms;
    return when > due_ms ? when : due_ms;
}

/* --- life ------------------------------------------------------------------------------------- */

/* What a receiver is known by across a reload: another address may answer where this one didn't. */
static uint64_t identity(const tu_use *use) {
    return tu_value_hash(use->config) ^ tu_hash64(use->plugin);
}

static void init_policy(receiver_state *r) {
    const tu_use *use = r->use;
    int64_t messages = use->rate_messages, per_ms = use->rate_per_ms;
    if (messages == 0)
        tu_library_rate(tu_plugin_use_library(r->plugin), &messages, &per_ms);
    r->identity = identity(use);
    tu_receiver_init(&r->policy, messages, per_ms, tu_clock_boot(&r->s->clock));
    kept_policy *kept = tu_map_get(r->s->policies, use->name);
    if (!kept || kept->identity != r->identity)
        return;
    kept->policy.rate_messages = r->policy.rate_messages;
    kept->policy.rate_per_ms = r->policy.rate_per_ms;
    if (kept->policy.allowance > r->policy.allowance)
        kept->policy.allowance = r->policy.allowance;
    kept->policy.probing = false;
    r->policy = kept->policy;
}

void receiver_open(service *s, const tu_use *use) {
    receiver_state *r = tu_xcalloc(1, sizeof *r);
    r->s = s;
    r->use = use;
    r->plugin = tu_session_use(s->session, TU_KIND_NOTIFIER, use->name);
    r->sender_count = tu_plugin_use_parallel(r->plugin) ? SENDERS : 1;
    r->ready_end = &r->ready;
    r->next_ms = -1;
    init_policy(r);
    tu_map_put(&s->notifiers, use->name, r);
}

void receiver_close(receiver_state *r) {
    receiver_pump(r);
    for (size_t i = 0; i < r->sender_count; i++)
        tu_worker_free(r->workers[i]);
    kept_policy *kept = tu_xcalloc(1, sizeof *kept);
    *kept = (kept_policy){.identity = r->identity, .policy = r->policy};
    free(tu_map_put(r->s->policies, r->use->name, kept));
}

void receiver_free(void *p) {
    receiver_state *r = p;
    free(r->error);
    free(r);
}

/* --- status ----------------------------------------------------------------------------------- */

/* "ready", or why nothing is sent now; *ret_until: boot, 0: not known. */
static const char *state_of(const receiver_state *r, int64_t boot_ms, int64_t *ret_until) {
    const tu_receiver *p = &r->policy;
    *ret_until = 0;
    if (p->breaker == TU_BREAKER_OPEN) {
        *ret_until = p->open_until_ms;
        return "down";
    }
    if (p->paused_until_ms > boot_ms) {
        *ret_until = p->paused_until_ms;
        return "paused";
    }
    return p->breaker == TU_BREAKER_HALF_OPEN ? "probing" : "ready";
}

static void add_time(tu_buf *b, const char *key, int64_t wall_ms) {
    char text[32];
    tu_time_format(wall_ms / 1000 * 1000, text);
    tu_buf_addf(b, ",\"%s\":\"%s\"", key, text);
}

void deliver_status(tu_buf *b, const service *s) {
    int64_t boot_ms = tu_clock_boot(&s->clock), wall_ms = tu_clock_wall(&s->clock), until_ms;
    tu_buf_add_c(b, ",\"notifiers\":[");
    for (size_t i = 0; i < s->notifiers.n; i++) {
        const receiver_state *r = s->notifiers.entries[i].value;
        tu_buf_add_c(b, i ? ",{\"name\":" : "{\"name\":");
        tu_buf_add_json_string(b, r->use->name);
        tu_buf_add_c(b, ",\"plugin\":");
        tu_buf_add_json_string(b, r->use->plugin);
        tu_buf_addf(b, ",\"state\":\"%s\",\"pending\":%lld", state_of(r, boot_ms, &until_ms),
                    (long long)r->pending);
        if (until_ms)
            add_time(b, "until", wall_ms + until_ms - boot_ms);
        if (r->pending)
            add_time(b, "oldest", r->oldest_ms);
        if (r->error) {
            tu_buf_add_c(b, ",\"problem\":");
            tu_buf_add_json_string(b, tu_str_c(r->error));
            add_time(b, "problemSince", r->error_since_ms);
        }
        tu_buf_add_c(b, "}");
    }
    tu_buf_add_c(b, "]");
}
