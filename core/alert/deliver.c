/*
 * alert/deliver.c: who gets a message, and what becomes of it after an attempt.
 *
 *                     +---- again (backoff) ----+
 *                     v                         |
 *     pending ---> attempt ---> TU_OK --------> delivered
 *                     |
 *                     +-------> refused for good, or too old -> dead
 */
#include "alert/alert.h"

enum {
    FIRST_BACKOFF_MS = 2000,
    LONGEST_BACKOFF_MS = 5 * 60 * 1000,
    SHORTEST_WAIT_MS = 100, /* full jitter may draw 0; a receiver that is down gets a breath */
    SHORTEST_RETRY_AFTER_MS = 1000,
    LONGEST_RETRY_AFTER_MS = 60 * 60 * 1000,
    LIFE_MS = 24 * 60 * 60 * 1000
};

tu_str tu_alert_route(const tu_config *c, const tu_rule *rule, const tu_drift *d) {
    (void)rule; /* one receiver for everything, so far; routes by label need both */
    (void)d;
    return c->routing.receiver;
}

/* Is the outcome one that may be better next time? */
static bool is_passing(tu_rc outcome) {
    return outcome == TU_EUNAVAILABLE || outcome == TU_ETHROTTLED || outcome == TU_ETIMEOUT ||
           outcome == TU_EINTERNAL;
}

/* Full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015): anywhere between 0
 * and a ceiling that doubles. */
static int64_t backoff(int32_t attempts, double random) {
    int64_t ceiling = FIRST_BACKOFF_MS;
    for (int32_t i = 0; i < attempts && ceiling < LONGEST_BACKOFF_MS; i++)
        ceiling *= 2;
    if (ceiling > LONGEST_BACKOFF_MS)
        ceiling = LONGEST_BACKOFF_MS;
    int64_t wait = (int64_t)(random * (double)ceiling);
    return wait < SHORTEST_WAIT_MS ? SHORTEST_WAIT_MS : wait;
}

static int64_t clamp_retry_after(int64_t ms) {
    if (ms <= 0)
        return 0;
    if (ms < SHORTEST_RETRY_AFTER_MS)
        return SHORTEST_RETRY_AFTER_MS;
    return ms > LONGEST_RETRY_AFTER_MS ? LONGEST_RETRY_AFTER_MS : ms;
}

tu_alert_next tu_alert_after(const tu_delivery *d, tu_rc outcome, int64_t retry_after_ms,
                             int64_t wall_ms, double random) {
    if (outcome == TU_OK)
        return (tu_alert_next){TU_DELIVERY_DELIVERED, 0};
    if (outcome == TU_ECANCELLED) /* trueup itself stopped it, at its end or for a reload */
        return (tu_alert_next){TU_DELIVERY_PENDING, wall_ms};
    int64_t expires_ms = d->expires_ms ? d->expires_ms : d->created_ms + LIFE_MS;
    int64_t wait = backoff(d->attempts, random), asked = clamp_retry_after(retry_after_ms);
    /* told to wait beyond the end of its life, it has no attempt left */
    if (!is_passing(outcome) || wall_ms >= expires_ms || asked > expires_ms - wall_ms)
        return (tu_alert_next){TU_DELIVERY_DEAD, 0};
    int64_t next_ms = wall_ms + (wait > asked ? wait : asked);
    return (tu_alert_next){TU_DELIVERY_PENDING, next_ms < expires_ms ? next_ms : expires_ms};
}
