/*
 * engine/drift-record.c: what happened to a drift, into the store: drift, audit, alert and what the
 * dispatcher decides because of it, in one transaction (record.h).
 */
#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/alerts.h"
#include "engine/drift.h"

static void on_recorded(record *r) {
    if (!service_is_stopping(r->s) && r->rc == TU_OK) {
        open_drift *d = tu_map_get(&r->rule->open, tu_str_c(r->key));
        if (d && d->row == r->row && !d->recorded) {
            d->recorded = true;
            target_heal_soon(r->rule->target, 0);
        }
    }
    if (r->drift.state == TU_DRIFT_RESOLVED) /* here and not earlier: as long as it lives, no other
                                                drift has its address */
        free(r->row);
}

static tu_str severity_text(const tu_finding *f) {
    return tu_str_c(tu_severity_name(f->severity));
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
static void add_audit(record *r, const char *action, const tu_finding *f, const char *text) {
    r->audits[r->audit_count++] =
        (tu_audit){.actor = TU_S("trueup"),
                   .action = tu_str_c(action),
                   .rule = r->rule->rule->name,
                   .target = r->rule->rule->to,
                   .object = tu_object_id_copy(&r->arena, f ? &f->id : &nothing),
                   .detail = detail_json(&r->arena, f, text)};
}

void drift_record_event(rule_state *rule, const char *action, const tu_finding *f,
                        const char *text) {
    record *r = record_new(rule->s);
    r->rule = rule;
    add_audit(r, action, f, text);
    record_submit(r);
}

static void fill_row(record *r, const open_drift *d, bool resolved, const char *by) {
    const rule_state *rule = r->rule;
    const tu_finding *f = &d->finding;
    _cleanup_(tu_buf_done) tu_buf json = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_report_finding_json(&json, f);
    r->drift = (tu_drift){
        .rule = rule->rule->name,
        .target = rule->rule->to,
        .source_revision = tu_arena_copy(&r->arena, rule->set ? rule->set->revision : (tu_str){0}),
        .object = tu_object_id_copy(&r->arena, &f->id),
        .state = resolved  ? TU_DRIFT_RESOLVED
                 : d->told ? TU_DRIFT_OPEN
                           : TU_DRIFT_HEALING,
        .verdict = f->verdict,
        .severity = f->severity,
        .action = f->action,
        .finding = json.rc == TU_OK ? tu_arena_copy(&r->arena, tu_buf_str(&json))
                                    : (tu_str){0}, /* too large to be kept */
        .finding_hash = d->hash,
        .opened_ms = d->opened_ms,
        .updated_ms = r->wall_ms,
        .resolved_ms = resolved ? r->wall_ms : 0,
        .resolved_by = by ? tu_str_c(by) : (tu_str){0}};
    r->has_drift = true;
}

void drift_record(open_drift *d, const char *kind, bool tell, const char *by) {
    bool resolved = strcmp(kind, "resolved") == 0;
    record *r = record_new(d->rule->s);
    r->rule = d->rule;
    r->key = tu_xstrdup(d->key);
    r->row = d->row;
    r->done = on_recorded;
    fill_row(r, d, resolved, by);
    const char *action = resolved                      ? "drift.resolved"
                         : strcmp(kind, "firing") == 0 ? "drift.opened"
                                                       : "drift.updated";
    add_audit(r, action, &d->finding, by);
    if (resolved && by && strcmp(by, "trueup") == 0)
        add_audit(r, "heal.applied", &d->finding, NULL);
    if (tell)
        alerts_drift(r, d, resolved ? by : NULL);
    alerts_submit(r);
}

/* What an earlier version told is taken over: it fires, and will be told to be over. */
void drift_restored(service *s) {
    for (size_t i = 0; i < s->rule_count; i++)
        for (size_t k = 0; k < s->rules[i].open.n; k++) {
            open_drift *d = s->rules[i].open.entries[k].value;
            if (d->told && !d->alerted)
                drift_record(d, "update", true, NULL);
        }
}
