/*
 * alert/alert.h: from a drift to a message, and from a message to a receiver.
 *
 * Composing is pure: a drift row in, deliveries out, committed by the engine in the drift's own
 * transaction. Delivering takes what is due from the store, lets the notifier try once, and writes
 * the outcome back; the class of the outcome decides about the next attempt (UNAVAILABLE,
 * THROTTLED, TIMEOUT, INTERNAL: again, with full-jitter backoff from 2 s to 5 min and Retry-After;
 * CANCELLED: again at once, it was no attempt; everything else: dead). After 24 h a message is
 * dead.
 *
 * The message, one JSON object (its members are an interface: they are only ever added to):
 *
 *   apiVersion    "trueup.dev/v1"
 *   kind          "Alert"
 *   id            one event; the same in every attempt and to every receiver
 *   incident      one drift from its opening to its end: the same in firing, update, resolved
 *   status        "firing" | "resolved"
 *   event         "firing" | "update" | "resolved"
 *   installation  the state directory's name (tu_store_install_id)
 *   rule, target, source.revision, severity, verdict
 *   summary       one line for people
 *   startsAt, updatedAt, endsAt (resolved only): RFC 3339, UTC
 *   resolvedBy    resolved only: "trueup" | "git" | "other" | "configuration"
 *   labels        the rule's
 *   object        the finding as `check -o json` has it; null when it can't be had. Of a large one
 *                 the last changes are left out and "truncated" says how many it had
 */
#ifndef TU_ALERT_ALERT_H
#define TU_ALERT_ALERT_H

#include "config/config.h"
#include "store/store.h"

/* The message for one event in a drift's life ("firing", "update", "resolved"), at most
 * TU_LIMIT_MESSAGE_BYTES and always valid JSON, except when memory is exhausted (out->rc). rule may
 * be NULL (no labels). The drift needs no id yet: the incident is made of what it is about and when
 * it was opened. install_id makes ids unique among installations. */
void tu_alert_message(tu_buf *out, const tu_drift *d, const char *kind, const tu_rule *rule,
                      const char *install_id, int64_t wall_ms);
/* Which receiver gets it: the name, or empty for nobody. */
tu_str tu_alert_route(const tu_config *c, const tu_rule *rule, const tu_drift *d);

/* What becomes of a delivery after an attempt. d is as the store gave it: d->attempts were made
 * before this one. random is in [0, 1). retry_after_ms: what the receiver asked for, 0: nothing;
 * between 1 s and 1 h it is obeyed, beyond that clamped. */
typedef struct tu_alert_next {
    tu_delivery_state state;
    int64_t next_ms;
} tu_alert_next;
tu_alert_next tu_alert_after(const tu_delivery *d, tu_rc outcome, int64_t retry_after_ms,
                             int64_t wall_ms, double random);

#endif
