/*
 * alert/alert.h: from a drift to a message, and from a message to a receiver.
 *
 * alert/dispatch decides who is told and when; composing is pure: a snapshot and the alerts that it
 * names in, one message out (message.c), frozen in the transaction that decided it. What happens to
 * it then is in deliver.h's and deliver.c's hands.
 *
 * The message, one JSON object (its members are an interface: they are only ever added to). It is one
 * incident's, with its alerts; what stands at the top level about an object is that of the worst alert
 * that fires (or fired), so that a simple receiver of single drifts needs nothing else:
 *
 *   apiVersion    "trueup.dev/v1"
 *   kind          "Alert"
 *   id            one message; the same in every attempt and to every receiver
 *   incident      from the first alert to the end of the last: what to deduplicate and close by
 *   route, group  the route's name; the labels that it is grouped by
 *   status        "firing" | "resolved"
 *   event         "firing" | "update" | "resolved" | "repeat" | "escalation" | "acknowledged" | "test"
 *                 ("heartbeat" is a message of its own kind: apiVersion, kind "Heartbeat", id, installation, time, version)
 *   installation  the state directory's name (tu_store_install_id)
 *   severity      the worst
 *   summary       one line for people: of the only alert, or how many of what
 *   counts        {"firing","resolved","shown"}: alerts of the incident; "verdicts": how many of those that fire have
 *                 which verdict, as in {"drifted":950,"missing":50}; absent where none has one
 *   startsAt, updatedAt, endsAt (resolved only): RFC 3339, UTC
 *   acknowledged  {"by","comment"}, or absent
 *   escalation    its step, from 1; absent otherwise
 *   note          "", or what else is to say: "flapping: ...", "moved to route X", "undeliverable to X"
 *   commands      {"look","explain","acknowledge","silence"}: command lines
 *   alerts        the worst and newest first, at most alertsPerMessage:
 *     fingerprint, status, severity, verdict, rule, target, summary, startsAt, updatedAt, endsAt, resolvedBy
 *     lastedSeconds   of one that ended
 *     source        {"name","revision","author","subject","time"}, as far as it is known
 *     labels        all that routes see
 *     plan          {"action":"alert|heal|approve|ignore","text"}: what trueup will do, and when
 *     accept        how to make it the desired state: "edit shop.yaml:5 and commit"; "" where there is no way
 *     object        the finding as `check -o json` has it; null when it can't be had. Of a large one the
 *                   last changes are left out and "truncated" says how many it had
 *     problem       instead of object, of a trouble of trueup's own: {"what","name","text","hint"}
 *   rule, target, source, verdict, resolvedBy, labels, object: of alerts[0]
 */
#ifndef TU_ALERT_ALERT_H
#define TU_ALERT_ALERT_H

#include "config/config.h"
#include "store/store.h"

/* One life of something that can be told: of a drift, or of a trouble of trueup's own. */
typedef struct tu_alert {
    tu_str fingerprint; /* 32 hex digits, made of what it is about and when it began */
    tu_labels labels;
    tu_severity severity;
    bool firing;
    int64_t started_ms, ended_ms; /* wall */
    tu_str ended_by;              /* "trueup", "git", "other", "configuration" */
    uint64_t content; /* hash of what a message says of it: another one is worth an update */
} tu_alert;

/* What a message is made of, as of the moment when it was decided (tu_delivery.snapshot). */
typedef struct tu_snapshot {
    tu_str incident, route;
    tu_labels group;
    tu_str event;         /* tu_delivery.kind */
    bool firing;          /* does the incident fire? */
    tu_severity severity; /* the worst that fires, or fired */
    int64_t opened_ms, updated_ms, closed_ms;
    size_t firing_count, resolved_count;
    size_t verdicts[TU_VERDICT_COUNT]; /* of the firing ones; none: it isn't known */
    tu_str *
        shown; /* fingerprints of alerts to name, the worst and newest first; at most alerts_per_message */
    bool *fires; /* beside shown */
    size_t shown_count;
    tu_str acknowledged_by, acknowledged_comment;
    size_t escalation_step; /* of an escalation, from 1 */
    bool introduces;        /* names an alert that no message named before */
    /* "", or why: "moved to route X", "flapping: 12 times in 10 minutes", "undeliverable to X" */
    tu_str note;
} tu_snapshot;

/* Reads one alert's row (tu_store_alert fits); TU_ENOTFOUND: it isn't there any more. */
typedef tu_rc tu_alert_read(void *arg, tu_str fingerprint,
                            tu_rc (*each)(void *arg, const tu_alert_row *row), void *each_arg,
                            tu_error **error);
/* The message of a snapshot: at most TU_LIMIT_MESSAGE_BYTES and always valid JSON, as long as out has
 * that room; of what is too large the least needed is left out. Fails when an alert can't be read, and
 * without memory. */
tu_rc tu_alert_compose(tu_buf *out, const tu_snapshot *s, const char *install_id,
                       tu_alert_read *read, void *arg, tu_error **error);

#endif
