/*
 * alert/deliver.h: when a receiver may be sent to, and what becomes of a delivery after an attempt.
 * All of it is pure: time and chance are passed in.
 *
 * A delivery is one message to one receiver. Its life is bounded by its own deadline; what it waits
 * for after an attempt is its own, too (full jitter). What the receiver can't take now holds for all
 * of its deliveries: the rate, the pause that it asked for, and the breaker:
 *
 *             5 failures in a row, or half of 20 and more in 2 minutes
 *     closed ----------------------------------------------------------> open, for 30 s
 *       ^                                                                  |  the time is over
 *       |  an answer                                                       v
 *       +-------------------------------------------------- half open: one probe at a time
 *                            the probe fails: open, twice as long, 10 min at most
 *
 * A receiver that refuses a message for good (400, 401) answers, so it is up: refusals break nothing.
 *
 * Durations run on boot time (base/clock.h), so a wall clock that is put forward or back neither opens
 * a pause early nor makes it last.
 */
#ifndef TU_ALERT_DELIVER_H
#define TU_ALERT_DELIVER_H

#include "store/store.h"

/* --- one delivery ----------------------------------------------------------------------------- */

/* How one attempt ended. */
typedef struct tu_outcome {
    tu_rc rc;
    tu_str code;            /* the plugin's word: "too-large" ...; may be empty */
    int64_t retry_after_ms; /* what the receiver asked for; 0: nothing */
} tu_outcome;

/* Is it one that may be better next time? */
bool tu_outcome_is_passing(tu_rc rc);
/* What the receiver asked for, within 1 s and 1 h; 0: nothing. */
int64_t tu_outcome_pause(const tu_outcome *o);

typedef struct tu_alert_next {
    tu_delivery_state state;
    int64_t next_ms; /* wall; 0 unless pending */
    bool uncertain;  /* the message may have arrived */
    bool brief;      /* the next attempt is to be in brief */
} tu_alert_next;
/* What becomes of a delivery after an attempt. d is as the store gave it: d->attempts were made before
 * this one. random is in [0, 1). */
tu_alert_next tu_alert_after(const tu_delivery *d, const tu_outcome *o, int64_t wall_ms,
                             double random);

/* --- one receiver ----------------------------------------------------------------------------- */

typedef enum { TU_BREAKER_CLOSED, TU_BREAKER_OPEN, TU_BREAKER_HALF_OPEN } tu_breaker;
const char *tu_breaker_name(tu_breaker b); /* "closed", "open", "half-open" */

#define TU_RECEIVER_SLOTS 8

typedef struct tu_receiver {
    /* the bucket: a message costs rate_per_ms, and each millisecond gives rate_messages */
    int64_t rate_messages, rate_per_ms; /* 0: no limit */
    int64_t allowance, filled_ms;       /* boot */

    int64_t paused_until_ms; /* boot; 0: it isn't */
    unsigned throttles;      /* one after the other */

    tu_breaker breaker;
    int64_t open_until_ms, cool_ms; /* boot; the last cool-down */
    unsigned failures;              /* one after the other */
    bool probing;                   /* half open: the probe is on its way */
    struct {
        int64_t number; /* of the slot: boot time / its length */
        unsigned attempts, failures;
    } slots[TU_RECEIVER_SLOTS]; /* of the last two minutes */
} tu_receiver;

/* Its bucket is full. messages 0: no limit. */
void tu_receiver_init(tu_receiver *r, int64_t messages, int64_t per_ms, int64_t boot_ms);
/* How many messages may be sent now; SIZE_MAX: any number. When none: *ret_when (may be NULL) is when
 * to ask again; INT64_MAX: once the probe has its answer. */
size_t tu_receiver_may(tu_receiver *r, int64_t boot_ms, int64_t *ret_when);
/* One goes out; to be asked for first. Is it the probe? */
bool tu_receiver_sent(tu_receiver *r, int64_t boot_ms);
/* One came back. probe: what tu_receiver_sent() said of it. */
void tu_receiver_answered(tu_receiver *r, const tu_outcome *o, bool probe, double random,
                          int64_t boot_ms);
/* Nothing is sent before that (boot). */
void tu_receiver_pause(tu_receiver *r, int64_t until_ms);

#endif
