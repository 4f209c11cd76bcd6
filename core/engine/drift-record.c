/*
 * engine/drift-record.c: what happened to a drift, into the store: drift, audit, and the message to
 * be delivered, in one transaction.
 *
 * Records go to the store in order, on its thread; a record that can't be written is tried until it
 * can.
 */
#include <stdlib.h>

#include "alert/alert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/drift.h"

#define DELIVERY_LIFE_MS (24LL * 3600 * 1000)

typedef struct record_job {
    tu_job job;
    service *s;
    rule_state *r;
    char *key;
    tu_arena arena;
    tu_drift drift;
    tu_audit audits[2];
    size_t audit_count;
    bool has_drift;
    const char *message_kind; /* NULL: nobody is told */
    tu_str receiver;
    int64_t *row;
    bool last; /* the drift is over: its row number is not needed any more */
    tu_rc rc;
    tu_error *error;
} record_job;

static void compose(record_job *j, tu_delivery *d, tu_buf *message) {
    tu_alert_message(message, &j->drift, j->message_kind, j->r->rule,
                     tu_store_install_id(j->s->store), j->drift.updated_ms);
    *d = (tu_delivery){.receiver = j->receiver,
                       .kind = tu_str_c(j->message_kind),
                       .message = tu_buf_str(message),
                       .next_ms = j->drift.updated_ms,
                       .created_ms = j->drift.updated_ms,
                       .expires_ms = j->drift.updated_ms + DELIVERY_LIFE_MS};
}

static tu_rc write_record(record_job *j) {
    _cleanup_(tu_buf_done) tu_buf message = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_delivery delivery = {0};
    if (j->row)
        j->drift.id = *j->row;
    if (j->message_kind)
        compose(j, &delivery, &message);
    tu_store_change change = {.wall_ms = j->drift.updated_ms,
                              .drift = j->has_drift ? &j->drift : NULL,
                              .audits = j->audits,
                              .audit_count = j->audit_count,
                              .deliveries = &delivery,
                              .delivery_count = j->message_kind != NULL};
    tu_error_free(TU_TAKE(j->error));
    tu_rc rc = tu_store_commit(j->s->store, &change, &j->error);
    if (rc == TU_OK && j->row)
        *j->row = j->drift.id;
    return rc;
}

/* A full disk is waited out: detection goes on, and everything behind this record keeps its order.
 */
static void record_work(tu_job *job) {
    record_job *j = (record_job *)job;
    do {
        j->rc = write_record(j);
    } while (store_try_again(j->s, j->rc, tu_error_text(j->error)));
}

static void record_done(tu_job *job) {
    record_job *j = (record_job *)job;
    service *s = j->s;
    if (j->rc != TU_OK)
        tu_log(TU_LOG_ERROR, "a record was not written", "drift", j->key, "error",
               tu_error_text(j->error), NULL);
    if (!service_is_stopping(s)) {
        condition_set(s, &s->store_problem, "store", "trueup.db",
                      j->rc == TU_OK ? NULL : tu_error_text(j->error));
        open_drift *d = j->r && j->key ? tu_map_get(&j->r->open, tu_str_c(j->key)) : NULL;
        if (d && d->row == j->row && j->rc == TU_OK && !d->recorded) {
            d->recorded = true;
            target_heal_soon(j->r->target, 0);
        }
        if (j->message_kind)
            deliver_kick(s);
    }
    if (j->last) /* here and not earlier: as long as it lives, no other drift has its address */
        free(j->row);
    tu_arena_done(&j->arena);
    tu_error_free(j->error);
    free(j->key);
    free(j);
}

static tu_str severity_text(const tu_finding *f) {
    return tu_str_c(tu_severity_name(f->severity));
}

static record_job *record_new(service *s, rule_state *r) {
    record_job *j = tu_xcalloc(1, sizeof *j);
    j->job = (tu_job){.work = record_work, .done = record_done};
    j->s = s;
    j->r = r;
    tu_arena_init(&j->arena, 0);
    return j;
}

static tu_str detail_json(tu_arena *a, const tu_finding *f, const char *text) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_buf_add_c(&b, "{");
    if (text) {
        tu_buf_add_c(&b, "\"text\":");
        tu_buf_add_json_string(&b, tu_str_c(text));
    }
    if (f) {
        tu_buf_add_c(&b, text ? ",\"severity\":" : "\"severity\":");
        tu_buf_add_json_string(&b, severity_text(f));
        tu_buf_add_c(&b, ",\"finding\":");
        tu_report_finding_json(&b, f);
    }
    tu_buf_add_c(&b, "}");
    return tu_arena_copy(a, tu_buf_str(&b));
}

static const tu_object_id nothing;

/* action: a literal; the store's thread reads it. */
static void add_audit(record_job *j, const char *action, const tu_finding *f, const char *text) {
    j->audits[j->audit_count++] =
        (tu_audit){.actor = TU_S("trueup"),
                   .action = tu_str_c(action),
                   .rule = j->r->rule->name,
                   .target = j->r->rule->to,
                   .object = tu_object_id_copy(&j->arena, f ? &f->id : &nothing),
                   .detail = detail_json(&j->arena, f, text)};
}

void drift_record_event(rule_state *r, const char *action, const tu_finding *f, const char *text) {
    record_job *j = record_new(r->s, r);
    j->drift.updated_ms = tu_clock_wall(&r->s->clock);
    add_audit(j, action, f, text);
    tu_worker_submit(r->s->store_worker, &j->job);
}

/* kind: "firing", "update" or "resolved"; tell: is a message made of it? */
void drift_record(open_drift *d, const char *kind, bool tell, const char *by) {
    rule_state *r = d->rule;
    service *s = r->s;
    const tu_finding *f = &d->finding;
    int64_t now = tu_clock_wall(&s->clock);
    bool resolved = strcmp(kind, "resolved") == 0;
    record_job *j = record_new(s, r);
    j->key = tu_xstrdup(d->key);
    j->has_drift = true;
    j->row = d->row;
    j->last = resolved;
    _cleanup_(tu_buf_done) tu_buf json = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_report_finding_json(&json, f);
    j->drift = (tu_drift){.rule = r->rule->name,
                          .target = r->rule->to,
                          .source_revision =
                              tu_arena_copy(&j->arena, r->set ? r->set->revision : (tu_str){0}),
                          .object = tu_object_id_copy(&j->arena, &f->id),
                          .state = resolved  ? TU_DRIFT_RESOLVED
                                   : d->told ? TU_DRIFT_OPEN
                                             : TU_DRIFT_HEALING,
                          .verdict = f->verdict,
                          .severity = f->severity,
                          .action = f->action,
                          .finding = json.rc == TU_OK ? tu_arena_copy(&j->arena, tu_buf_str(&json))
                                                      : (tu_str){0}, /* too large to be kept */
                          .finding_hash = d->hash,
                          .opened_ms = d->opened_ms,
                          .updated_ms = now,
                          .resolved_ms = resolved ? now : 0,
                          .resolved_by = by ? tu_str_c(by) : (tu_str){0}};
    const char *action = resolved                      ? "drift.resolved"
                         : strcmp(kind, "firing") == 0 ? "drift.opened"
                                                       : "drift.updated";
    add_audit(j, action, f, by);
    if (resolved && by && strcmp(by, "trueup") == 0)
        add_audit(j, "heal.applied", f, NULL);
    tu_str receiver = tell ? tu_alert_route(s->config, r->rule, &j->drift) : (tu_str){0};
    if (receiver.n) {
        j->message_kind = kind;
        j->receiver = receiver;
    }
    tu_worker_submit(s->store_worker, &j->job);
}
