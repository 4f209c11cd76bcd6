/*
 * alert/alert.h: from a drift to a message, and from a message to a receiver.
 *
 * Composing is pure: a drift row in, deliveries out, committed by the engine in the drift's own transaction. Delivering takes what is due from the store, lets the notifier try once,
 * and writes the outcome back; the class of the outcome decides about the next attempt (UNAVAILABLE, THROTTLED, TIMEOUT, INTERNAL: again, with
 * full-jitter backoff from 2 s to 5 min and Retry-After; everything else: dead). After 24 h a message is dead.
 */
#ifndef TU_ALERT_ALERT_H
#define TU_ALERT_ALERT_H

#include "config/config.h"
#include "store/store.h"

/* The message for one event in a drift's life ("firing", "update", "resolved"): JSON in the form that the README documents. install_id makes ids unique among installations. */
void tu_alert_message(tu_buf *out, const tu_drift *d, const char *kind, const tu_rule *rule, const char *install_id, int64_t wall_ms);
/* Which receiver gets it: the name, or empty for nobody. */
tu_str tu_alert_route(const tu_config *c, const tu_rule *rule, const tu_drift *d);

/* What becomes of a delivery after an attempt. random is in [0, 1). */
typedef struct tu_alert_next {
    tu_delivery_state state;
    int64_t next_ms;
} tu_alert_next;
tu_alert_next tu_alert_after(const tu_delivery *d, tu_rc outcome, int64_t retry_after_ms, int64_t wall_ms, double random);

#endif
