/*
 * engine/record.c: see record.h.
 *
 *   record_submit -> the service's queue, and a job for the store's thread
 *   the job       -> takes all that waits there, at most BATCH, commits it; the jobs of the others
 *                    find theirs written
 */
#include "engine/record.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

#define BATCH 256
#define ANEW_MS 60000

record *record_new(service *s) {
    record *r = tu_xcalloc(1, sizeof *r);
    r->s = s;
    r->wall_ms = tu_clock_wall(&s->clock);
    tu_arena_init(&r->arena, 0);
    tu_effects_init(&r->effects, &r->arena);
    return r;
}

void record_free(record *r) {
    tu_arena_done(&r->arena);
    tu_error_free(r->error);
    free(r->key);
    free(r);
}

static bool has_effects(const tu_effects *e) {
    return e->incident_count || e->member_count || e->told_count || e->delivery_count ||
           e->audit_count;
}

bool record_is_empty(const record *r) {
    return !r->has_drift && !r->audit_count && !r->has_alert && !r->has_silence &&
           !r->has_delivery && !has_effects(&r->effects);
}

/* --- writing, on the store's thread ----------------------------------------------------------- */

static tu_rc read_alert(void *arg, tu_str fingerprint,
                        tu_rc (*each)(void *arg, const tu_alert_row *row), void *each_arg,
                        tu_error **error) {
    return tu_store_alert(arg, fingerprint, each, each_arg, error);
}

static tu_rc compose(void *arg, tu_store *store, const tu_delivery *d, tu_buf *out,
                     tu_error **error) {
    (void)arg;
    return tu_alert_compose(out, d->snapshot, tu_store_install_id(store), read_alert, store, error);
}

/* Its own audits come before the dispatcher's: what caused something stands before it. */
static bool gather_audits(record *r, tu_store_change *change) {
    const tu_effects *e = &r->effects;
    size_t n = r->audit_count + e->audit_count;
    tu_audit *all = tu_arena_alloc(&r->arena, n * sizeof *all);
    if (!all)
        return false;
    memcpy(all, r->audits, r->audit_count * sizeof *all);
    if (e->audit_count)
        memcpy(all + r->audit_count, e->audits, e->audit_count * sizeof *all);
    change->audits = all;
    change->audit_count = n;
    return true;
}

static tu_rc prepare(record *r, tu_store_change *change) {
    const tu_effects *e = &r->effects;
    if (r->row)
        r->drift.id = *r->row;
    *change = (tu_store_change){.wall_ms = r->wall_ms,
                                .drift = r->has_drift ? &r->drift : NULL,
                                .alerts = &r->alert,
                                .alert_count = r->has_alert,
                                .incidents = e->incidents,
                                .incident_count = e->incident_count,
                                .members = e->members,
                                .member_count = e->member_count,
                                .told = e->told,
                                .told_count = e->told_count,
                                .silences = &r->silence,
                                .silence_count = r->has_silence,
                                .deliveries = r->has_delivery ? &r->delivery : e->deliveries,
                                .delivery_count = r->has_delivery ? 1 : e->delivery_count,
                                .compose = compose};
    return gather_audits(r, change) ? TU_OK : TU_EINTERNAL;
}

static void written(record *r, tu_rc rc) {
    r->written = true;
    r->rc = rc;
    if (rc == TU_OK && r->row)
        *r->row = r->drift.id;
}

/* Until it is written, or can't be. */
static void write_alone(record *r) {
    tu_store_change change;
    tu_rc rc = prepare(r, &change);
    if (rc != TU_OK)
        tu_error_memory(&r->error);
    else
        do {
            tu_error_free(TU_TAKE(r->error));
            rc = tu_store_commit(r->s->store, &change, &r->error);
        } while (store_try_again(r->s, rc, tu_error_text(r->error)));
    written(r, rc);
}

static bool write_together(service *s, record *const *batch, size_t n) {
    tu_store_change changes[BATCH], *pointers[BATCH];
    for (size_t i = 0; i < n; i++) {
        if (prepare(batch[i], &changes[i]) != TU_OK)
            return false;
        pointers[i] = &changes[i];
    }
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    tu_rc rc;
    do {
        tu_error_free(TU_TAKE(why));
        rc = tu_store_commit_many(s->store, pointers, n, NULL, &why);
    } while (store_try_again(s, rc, tu_error_text(why)));
    for (size_t i = 0; rc == TU_OK && i < n; i++)
        written(batch[i], rc);
    return rc == TU_OK;
}

/* A drift that another record of the batch opens has no number yet: it has to wait for it. */
static bool waits_for(record *const *batch, size_t n, const record *r) {
    if (!r->row || *r->row)
        return false;
    for (size_t i = 0; i < n; i++)
        if (batch[i]->row == r->row)
            return true;
    return false;
}

static size_t take_batch(service *s, record **batch) {
    size_t n = 0;
    pthread_mutex_lock(&s->records_lock);
    while (s->records && n < BATCH && !waits_for(batch, n, s->records)) {
        batch[n++] = s->records;
        s->records = s->records->next;
    }
    if (!s->records)
        s->records_last = NULL;
    pthread_mutex_unlock(&s->records_lock);
    return n;
}

static void record_work(tu_job *job) {
    record *r = (record *)job, *batch[BATCH];
    while (!r->written) { /* it is in one of the next batches */
        size_t n = take_batch(r->s, batch);
        if (n > 1 && write_together(r->s, batch, n))
            continue;
        for (size_t i = 0; i < n; i++)
            write_alone(batch[i]);
    }
}

/* --- on the engine's thread ------------------------------------------------------------------- */

/* What the dispatcher decided isn't in the store: all is restored from there, as a reload does. Not
 * again and again: what fails at once each time wouldn't get better by it. */
static void start_anew(service *s) {
    if (s->reload && tu_clock_boot(&s->clock) - s->turned_ms > ANEW_MS)
        *s->reload = true;
}

static void record_done(tu_job *job) {
    record *r = (record *)job;
    service *s = r->s;
    if (r->rc != TU_OK) {
        tu_log(TU_LOG_ERROR, "a record was not written", "about", r->key ? r->key : "alerts",
               "error", tu_error_text(r->error), NULL);
        start_anew(s);
    }
    if (!service_is_stopping(s)) {
        condition_set(s, &s->store_problem, "store", "trueup.db",
                      r->rc == TU_OK ? NULL : tu_error_text(r->error));
        if (r->rc == TU_OK && (r->has_delivery || r->effects.delivery_count))
            deliver_kick(s);
    }
    if (r->done)
        r->done(r);
    record_free(r);
}

void record_submit(record *r) {
    service *s = r->s;
    if (r->effects.failed) { /* the dispatcher is ahead of the store now */
        tu_log(TU_LOG_ERROR, "memory is exhausted: alerts are taken up anew from the store",
               "about", r->key ? r->key : "alerts", NULL);
        tu_effects_init(&r->effects, &r->arena);
        start_anew(s);
    }
    r->job = (tu_job){.work = record_work, .done = record_done};
    pthread_mutex_lock(&s->records_lock);
    if (s->records_last)
        s->records_last->next = r;
    else
        s->records = r;
    s->records_last = r;
    pthread_mutex_unlock(&s->records_lock);
    tu_worker_submit(s->store_worker, &r->job);
}
