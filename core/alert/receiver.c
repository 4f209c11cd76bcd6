/*
 * alert/receiver.c: one receiver's rate, pause and breaker; see deliver.h.
 *
 * The bucket counts in whole units (a message costs rate_per_ms, a millisecond gives rate_messages),
 * so nothing is lost to rounding, however long it runs.
 */
#include <string.h>

#include "alert/backoff.h"
#include "alert/deliver.h"

enum {
    FAILURES_IN_A_ROW = 5,
    FEWEST_ATTEMPTS = 20, /* below which half of them says nothing */
    WINDOW_MS = 2 * 60 * 1000,
    SLOT_MS = WINDOW_MS / TU_RECEIVER_SLOTS,
    FIRST_COOL_MS = 30 * 1000,
    LONGEST_COOL_MS = 10 * 60 * 1000,
    MOST_MESSAGES = 1000000, /* so that the bucket's units fit */
    LONGEST_PER_MS = 24 * 60 * 60 * 1000
};

const char *tu_breaker_name(tu_breaker b) {
    static const char *const names[] = {"closed", "open", "half-open"};
    return names[b];
}

void tu_receiver_init(tu_receiver *r, int64_t messages, int64_t per_ms, int64_t boot_ms) {
    messages = messages < MOST_MESSAGES ? messages : MOST_MESSAGES;
    per_ms = per_ms < 1 ? 1 : per_ms < LONGEST_PER_MS ? per_ms : LONGEST_PER_MS;
    *r = (tu_receiver){.rate_messages = messages,
                       .rate_per_ms = per_ms,
                       .allowance = messages * per_ms,
                       .filled_ms = boot_ms};
}

/* --- the bucket ------------------------------------------------------------------------------- */

static void fill(tu_receiver *r, int64_t boot_ms) {
    int64_t full = r->rate_messages * r->rate_per_ms, passed = boot_ms - r->filled_ms;
    if (passed <= 0)
        return;
    r->filled_ms = boot_ms;
    /* a whole period fills it, whatever was in it: no product can overflow */
    r->allowance = passed >= r->rate_per_ms ? full : r->allowance + passed * r->rate_messages;
    if (r->allowance > full)
        r->allowance = full;
}

/* --- the breaker ------------------------------------------------------------------------------ */

static void count(tu_receiver *r, bool failed, int64_t boot_ms) {
    int64_t number = boot_ms / SLOT_MS;
    size_t i = (size_t)(number % TU_RECEIVER_SLOTS);
    if (r->slots[i].number != number) {
        r->slots[i].number = number;
        r->slots[i].attempts = r->slots[i].failures = 0;
    }
    r->slots[i].attempts++;
    r->slots[i].failures += failed;
    r->failures = failed ? r->failures + 1 : 0;
}

static bool fails_too_often(const tu_receiver *r, int64_t boot_ms) {
    unsigned attempts = 0, failures = 0;
    for (size_t i = 0; i < TU_RECEIVER_SLOTS; i++)
        if (r->slots[i].number > boot_ms / SLOT_MS - TU_RECEIVER_SLOTS) {
            attempts += r->slots[i].attempts;
            failures += r->slots[i].failures;
        }
    return r->failures >= FAILURES_IN_A_ROW ||
           (attempts >= FEWEST_ATTEMPTS && failures * 2 >= attempts);
}

static void open_breaker(tu_receiver *r, int64_t boot_ms) {
    r->cool_ms = r->cool_ms == 0                     ? FIRST_COOL_MS
                 : r->cool_ms >= LONGEST_COOL_MS / 2 ? LONGEST_COOL_MS
                                                     : r->cool_ms * 2;
    r->breaker = TU_BREAKER_OPEN;
    r->open_until_ms = boot_ms + r->cool_ms;
    r->probing = false;
}

static void close_breaker(tu_receiver *r) {
    r->breaker = TU_BREAKER_CLOSED;
    r->cool_ms = 0;
    r->failures = 0;
    r->probing = false;
    memset(r->slots, 0, sizeof r->slots); /* what was before it came back counts no more */
}

/* --- asking and telling ----------------------------------------------------------------------- */

static size_t none(int64_t when, int64_t *ret_when) {
    if (ret_when)
        *ret_when = when;
    return 0;
}

size_t tu_receiver_may(tu_receiver *r, int64_t boot_ms, int64_t *ret_when) {
    if (r->paused_until_ms > boot_ms)
        return none(r->paused_until_ms, ret_when);
    if (r->breaker == TU_BREAKER_OPEN) {
        if (r->open_until_ms > boot_ms)
            return none(r->open_until_ms, ret_when);
        r->breaker = TU_BREAKER_HALF_OPEN;
    }
    if (r->probing)
        return none(INT64_MAX, ret_when);
    size_t tokens = SIZE_MAX;
    if (r->rate_messages) {
        fill(r, boot_ms);
        tokens = (size_t)(r->allowance / r->rate_per_ms);
        int64_t lacking = r->rate_per_ms - r->allowance;
        if (tokens == 0)
            return none(boot_ms + (lacking + r->rate_messages - 1) / r->rate_messages, ret_when);
    }
    return r->breaker == TU_BREAKER_HALF_OPEN ? 1 : tokens;
}

bool tu_receiver_sent(tu_receiver *r, int64_t boot_ms) {
    if (r->rate_messages) {
        fill(r, boot_ms);
        r->allowance -= r->rate_per_ms;
    }
    r->probing = r->breaker == TU_BREAKER_HALF_OPEN;
    return r->probing;
}

void tu_receiver_pause(tu_receiver *r, int64_t until_ms) {
    if (until_ms > r->paused_until_ms)
        r->paused_until_ms = until_ms;
}

/* Told to slow down without a word for how long, it finds out for itself. */
static void slow_down(tu_receiver *r, const tu_outcome *o, double random, int64_t boot_ms) {
    int64_t pause = tu_outcome_pause(o);
    if (o->rc == TU_ETHROTTLED && pause == 0)
        pause = tu_backoff(r->throttles, random);
    r->throttles = o->rc == TU_ETHROTTLED ? r->throttles + 1 : 0;
    if (pause)
        tu_receiver_pause(r, boot_ms + pause);
}

void tu_receiver_answered(tu_receiver *r, const tu_outcome *o, bool probe, double random,
                          int64_t boot_ms) {
    if (o->rc == TU_ECANCELLED) { /* it was no attempt */
        if (probe)
            r->probing = false;
        return;
    }
    slow_down(r, o, random, boot_ms);
    if (!tu_outcome_is_passing(o->rc) || o->rc == TU_ETHROTTLED) {
        if (r->breaker != TU_BREAKER_CLOSED)
            close_breaker(r);
        count(r, false, boot_ms);
        return;
    }
    /* what was sent before it opened says nothing new */
    if (r->breaker == TU_BREAKER_CLOSED) {
        count(r, true, boot_ms);
        if (fails_too_often(r, boot_ms))
            open_breaker(r, boot_ms);
    } else if (probe) {
        open_breaker(r, boot_ms);
    }
}
