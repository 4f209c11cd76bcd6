/*
 * engine/events.c: what those hear who follow the service: every change of a verdict, one JSON
 * object a line.
 *
 *   {"time", "event": "verdict", "rule", "target", "revision", "previous", "object": {...}}
 *
 * object is the object's entry in a report (core/report/json.c): verdict, confidence, reason, onset,
 * changes with owner and action. previous is the verdict before, "pending" for the first. A drift
 * that becomes another drift is an event too.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "engine/service.h"

#define EVENT_BYTES (16u * TU_MIB)

static void member(tu_buf *b, const char *key, tu_str value) {
    tu_buf_addf(b, ",\"%s\":", key);
    tu_buf_add_json_string(b, value);
}

void events_verdict(const rule_state *r, uint8_t previous, const tu_finding *f, bool changed) {
    const service *s = r->s;
    if (!status_is_followed(s) || (previous == f->verdict && !changed))
        return;
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(EVENT_BYTES);
    char time[32];
    tu_time_format(tu_clock_wall(&s->clock), time);
    tu_buf_addf(&b, "{\"time\":\"%s\",\"event\":\"verdict\"", time);
    member(&b, "rule", r->rule->name);
    member(&b, "target", r->rule->to);
    member(&b, "revision", r->set ? r->set->revision : (tu_str){0});
    member(&b, "previous",
           previous == VERDICT_PENDING ? TU_S("pending")
                                       : tu_str_c(tu_verdict_name((tu_verdict)previous)));
    tu_buf_add_c(&b, ",\"object\":");
    tu_report_finding_json(&b, f);
    tu_buf_add_c(&b, "}\n");
    if (b.rc == TU_OK)
        status_tell(s, tu_buf_str(&b));
}
