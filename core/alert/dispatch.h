/*
 * alert/dispatch.h: alerts to incidents, and incidents to messages: groups, timers, silences,
 * inhibition, acknowledgement, escalation, repetition. A state machine without I/O and without a
 * clock: time is passed in, and what is to be written and sent comes out as effects, which the
 * engine commits in one transaction with what caused them (DESIGN section 4). After a crash the same
 * state is built again from the store's rows.
 *
 * An incident is one route's group of alerts from the first alert to the end of its last. Its id is made of the
 * installation, the route's name, the group's labels and when it was opened; no receiver is in it.
 *
 * Invariants
 *   - A receiver that was told "firing" of an incident is told "resolved" once, after it: through silences, inhibition, mute
 *     times, reloads and restarts; whatever the routes say by then.
 *   - An alert that was taken in is told by a message, unless it was silenced, inhibited or muted whenever its group
 *     could be told, and at its end; then an effect (audit) says so. One that begins and ends before its group was first told is told: "firing", then "resolved".
 *   - The same input gives the same effects: no randomness.
 *   - A clock that jumps makes no storm: durations run on boot time, and wall times that were restored are bounded by now + their interval.
 *   - A reload with unchanged routes has no effects.
 */
#ifndef TU_ALERT_DISPATCH_H
#define TU_ALERT_DISPATCH_H

#include "alert/alert.h"
#include "alert/route.h"
#include "base/clock.h"

typedef struct tu_dispatch tu_dispatch;

typedef struct tu_moment {
    int64_t wall_ms, boot_ms;
} tu_moment;

/* Rows to write and messages to make. Everything lives in the arena. */
typedef struct tu_effects {
    tu_arena *arena;
    tu_incident_row *incidents;
    tu_member_row *members;
    tu_told_row *told;
    tu_delivery *deliveries; /* without message: snapshot is a tu_snapshot */
    tu_audit *audits;
    size_t incident_count, member_count, told_count, delivery_count, audit_count;
    bool
        failed; /* memory is exhausted: what is here must not be written, and the dispatcher, which is ahead
                    of the store now, must be restored anew */
} tu_effects;
void tu_effects_init(tu_effects *e, tu_arena *a);

tu_dispatch *tu_dispatch_new(tu_str install_id);
void tu_dispatch_free(tu_dispatch *d); /* takes NULL */

/* From the store, before the first tu_dispatch_configure(). Fits tu_store_alerting; arg is the dispatch. */
tu_rc tu_dispatch_restore_alert(void *arg, const tu_alert_row *row);
tu_rc tu_dispatch_restore_incident(void *arg, const tu_incident_row *row);
tu_rc tu_dispatch_restore_member(void *arg, const tu_member_row *row);
tu_rc tu_dispatch_restore_told(void *arg, const tu_told_row *row);
tu_rc tu_dispatch_restore_silence(void *arg, const tu_silence_row *row);

/* What a restored alert said last (tu_alert.content), which its row doesn't hold: without it the first
 * change after a restart would be none. */
void tu_dispatch_recall(tu_dispatch *d, tu_str fingerprint, uint64_t content);

/* The configuration in force (borrowed until the next call or the end). Alerts whose routes are others
 * now move: the old incident's receivers are told that it ended there, the new one's that it fires. */
tu_rc tu_dispatch_configure(tu_dispatch *d, const tu_config *c, tu_moment now, tu_effects *out,
                            tu_error **error);

/* An alert began, changed (the same fingerprint again), or ended (firing false). Copies what it keeps.
 * What is new is quiet until `ready`: after a start, until everything was looked at once. */
void tu_dispatch_alert(tu_dispatch *d, const tu_alert *a, tu_moment now, tu_effects *out);
/* Everything was looked at once since the start: what was held is told now. Without it after a minute. */
void tu_dispatch_ready(tu_dispatch *d, tu_moment now, tu_effects *out);
/* Timers that are due. tu_dispatch_next(): when the next one is, on boot time; INT64_MAX: never. */
void tu_dispatch_tick(tu_dispatch *d, tu_moment now, tu_effects *out);
int64_t tu_dispatch_next(const tu_dispatch *d, tu_moment now);

/* Makes a silence, or ends one early (the same id with ends_ms <= now). */
tu_rc tu_dispatch_silence(tu_dispatch *d, const tu_silence_row *s, tu_moment now, tu_effects *out,
                          tu_error **error);
/* id: an incident's, or the first digits of it (TU_ECONFLICT: several begin so). Stops repeats and
 * escalation until an alert joins. undo: takes it back. */
tu_rc tu_dispatch_acknowledge(tu_dispatch *d, tu_str id, tu_str who, tu_str comment, bool undo,
                              tu_moment now, tu_effects *out, tu_error **error);
/* A delivery of an incident could not be made for good: its fallback (a Notifier's name, may be empty)
 * takes part in the incident from now on and gets what was lost. */
void tu_dispatch_undeliverable(tu_dispatch *d, const tu_delivery *dead, tu_str fallback,
                               tu_moment now, tu_effects *out);

/* What it knows, for `trueup alert list` and `why`. Strings live until each() returns. */
typedef struct tu_incident_view {
    tu_str id, route;
    tu_labels labels;
    size_t firing, resolved, quiet; /* alerts; quiet: silenced or inhibited ones among the firing */
    tu_severity severity;           /* the worst that fires */
    int64_t opened_ms, told_ms;     /* wall; told 0: not yet */
    int64_t next_ms;                /* wall: when the next thing happens by itself; 0: nothing */
    const char *
        next; /* "first message", "update", "its end", "repeat", "escalation", "end of a mute time"; or "" */
    tu_str acknowledged_by, acknowledged_comment;
    int64_t acknowledged_ms;
    size_t escalation_step;
    const char *const *receivers; /* told so far; NULL at the end */
} tu_incident_view;
void tu_dispatch_each(const tu_dispatch *d, tu_moment now,
                      void (*each)(void *arg, const tu_incident_view *v), void *arg);
/* Why an alert is quiet now: "silence 3f2a9c01", "inhibited by NAME", "muted by TIMES until ..."; empty: it isn't. */
void tu_dispatch_why_quiet(const tu_dispatch *d, tu_str fingerprint, tu_moment now, tu_buf *out);
void tu_dispatch_silences(const tu_dispatch *d, void (*each)(void *arg, const tu_silence_row *s),
                          void *arg);
typedef struct tu_dispatch_counts {
    size_t alerts, incidents, silences;
} tu_dispatch_counts;
tu_dispatch_counts tu_dispatch_count(const tu_dispatch *d);

#endif
