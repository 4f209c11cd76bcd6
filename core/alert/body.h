/*
 * alert/body.h: what is told of one alert: its labels, its fingerprint, and its body, the members that
 * it has in every message (alert/alert.h), made when it is recorded and kept in the store.
 *
 * A body is at most TU_ALERT_BODY_BYTES, whatever the finding holds; of a large finding the last
 * changes are left out. To add a member: write it in body.c, pass it on in message.c, say it in
 * alert/alert.h.
 */
#ifndef TU_ALERT_BODY_H
#define TU_ALERT_BODY_H

#include "alert/alert.h"

#define TU_ALERT_BODY_BYTES TU_LIMIT_MESSAGE_BYTES

/* What is known of a drift beside its row. finding may be NULL (too large to be kept, or of an older
 * version). object: the desired object, or the live one where nothing is desired; NULL: its labels
 * aren't known. */
typedef struct tu_alert_about {
    const tu_drift *drift;
    const tu_value *finding;
    const tu_rule *rule; /* NULL: it is gone */
    const tu_routing *routing;
    const tu_value *object;
    tu_str source, revision, author, subject, time; /* empty: not known */
    bool commits;                                   /* the source is one that is committed to */
    const char *plan;                               /* "alert", "heal", "approve", "ignore" */
    tu_str plan_text;
} tu_alert_about;

/* One trouble of trueup's own. */
typedef struct tu_alert_trouble {
    tu_str problem;                        /* "source-unreadable" ...: the label */
    tu_str name;                           /* of what has it */
    tu_str rule, target, source, receiver; /* empty where there is none */
    tu_severity severity;
    tu_str text, hint; /* what happened; what to do */
    int64_t started_ms;
    tu_str resolved_by;
} tu_alert_trouble;

/* 32 hex digits and a NUL: what it is about, and when it began. */
void tu_alert_fingerprint(const tu_drift *d, const tu_value *finding, const char *install_id,
                          char out[33]);
void tu_alert_trouble_fingerprint(const tu_alert_trouble *t, const char *install_id, char out[33]);

/* Sorted, without empty ones; in the arena. False: memory is exhausted. */
bool tu_alert_labels(tu_arena *a, const tu_alert_about *about, tu_labels *ret);
bool tu_alert_trouble_labels(tu_arena *a, const tu_alert_trouble *t, tu_labels *ret);
void tu_alert_labels_json(tu_buf *out, const tu_labels *labels);
/* Back from JSON; false when it isn't an object of strings, or without memory. */
bool tu_alert_labels_read(tu_arena *a, tu_str json, tu_labels *ret);

void tu_alert_body(tu_buf *out, const tu_alert_about *about);
void tu_alert_trouble_body(tu_buf *out, const tu_alert_trouble *t);

#endif
