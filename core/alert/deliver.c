/*
 * alert/deliver.c: what becomes of a delivery after an attempt; see deliver.h.
 *
 *                     +---- again (backoff) ----+
 *                     v                         |
 *     pending ---> attempt ---> TU_OK --------> delivered
 *                     |
 *                     +-------> refused for good, or past its deadline -> dead
 *
 * A class that isn't in is_passing is one that another attempt with the same bytes can't better:
 * dead at once, so that the fallback hears of it while it matters.
 */
#include "alert/deliver.h"
#include "alert/backoff.h"

enum {
    FIRST_BACKOFF_MS = 2000,
    SHORTEST_WAIT_MS = 100, /* full jitter may draw 0; a receiver that is down gets a breath */
    SHORTEST_RETRY_AFTER_MS = 1000,
    LONGEST_RETRY_AFTER_MS = 60 * 60 * 1000,
    LIFE_MS = 24 * 60 * 60 * 1000
};

bool tu_outcome_is_passing(tu_rc rc) {
    return rc == TU_EUNAVAILABLE || rc == TU_ETHROTTLED || rc == TU_ETIMEOUT || rc == TU_EINTERNAL;
}

int64_t tu_outcome_pause(const tu_outcome *o) {
    if (o->retry_after_ms <= 0 || !tu_outcome_is_passing(o->rc))
        return 0;
    if (o->retry_after_ms < SHORTEST_RETRY_AFTER_MS)
        return SHORTEST_RETRY_AFTER_MS;
    return o->retry_after_ms > LONGEST_RETRY_AFTER_MS ? LONGEST_RETRY_AFTER_MS : o->retry_after_ms;
}

int64_t tu_backoff(int64_t before, double random) {
    int64_t ceiling = FIRST_BACKOFF_MS;
    for (int64_t i = 0; i < before && ceiling < TU_BACKOFF_LONGEST_MS; i++)
        ceiling *= 2;
    if (ceiling > TU_BACKOFF_LONGEST_MS)
        ceiling = TU_BACKOFF_LONGEST_MS;
    int64_t wait = (int64_t)(random * (double)ceiling);
    return wait < SHORTEST_WAIT_MS ? SHORTEST_WAIT_MS : wait;
}

static tu_alert_next again(const tu_delivery *d, const tu_outcome *o, int64_t wall_ms,
                           double random) {
    int64_t expires_ms = d->expires_ms ? d->expires_ms : d->created_ms + LIFE_MS;
    int64_t wait = tu_backoff(d->attempts, random), asked = tu_outcome_pause(o);
    /* told to wait beyond the end of its life, it has no attempt left */
    if (wall_ms >= expires_ms || asked > expires_ms - wall_ms)
        return (tu_alert_next){.state = TU_DELIVERY_DEAD};
    int64_t next_ms = wall_ms + (wait > asked ? wait : asked);
    return (tu_alert_next){.state = TU_DELIVERY_PENDING,
                           .next_ms = next_ms < expires_ms ? next_ms : expires_ms};
}

tu_alert_next tu_alert_after(const tu_delivery *d, const tu_outcome *o, int64_t wall_ms,
                             double random) {
    tu_alert_next next = {.state = TU_DELIVERY_DEAD};
    if (o->rc == TU_OK)
        next.state = TU_DELIVERY_DELIVERED;
    else if (o->rc == TU_ECANCELLED) /* trueup itself stopped it, at its end or for a reload */
        next = (tu_alert_next){.state = TU_DELIVERY_PENDING, .next_ms = wall_ms};
    else if (o->rc == TU_EREFUSED && tu_str_is(o->code, "too-large") && !d->brief)
        next = (tu_alert_next){.state = TU_DELIVERY_PENDING, .next_ms = wall_ms, .brief = true};
    else if (tu_outcome_is_passing(o->rc))
        next = again(d, o, wall_ms, random);
    next.uncertain = o->rc == TU_ETIMEOUT;
    return next;
}
