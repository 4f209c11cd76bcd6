/*
 * engine/drift-brake.c: healing: when, how often, and when it has become a fight.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/alerts.h"
#include "engine/drift.h"

/* The brake: an object that is changed back again and again is healed at once this often, then with
 * growing pauses. */
#define HEALS_AT_ONCE 3
#define HEAL_FIRST_PAUSE_MS 2000
#define HEAL_LONGEST_PAUSE_MS 300000
#define HEAL_FORGOTTEN_MS 600000

heal_history *brake_history(rule_state *r, const char *key) {
    heal_history *h = tu_map_get(&r->heals, tu_str_c(key));
    if (!h) {
        h = tu_xcalloc(1, sizeof *h);
        tu_map_put(&r->heals, tu_str_c(key), h);
    }
    return h;
}

static int64_t pause_after(unsigned count) {
    if (count < HEALS_AT_ONCE)
        return 0;
    unsigned doublings = count - HEALS_AT_ONCE;
    int64_t pause = HEAL_FIRST_PAUSE_MS;
    while (doublings-- && pause < HEAL_LONGEST_PAUSE_MS)
        pause *= 2;
    return pause < HEAL_LONGEST_PAUSE_MS ? pause : HEAL_LONGEST_PAUSE_MS;
}

/* After an attempt that came to nothing the first pause is due at once. */
int64_t brake_pause_failed(unsigned count) {
    return pause_after(count + HEALS_AT_ONCE);
}

void brake_count(rule_state *r, const char *key) {
    heal_history *h = brake_history(r, key);
    int64_t now = tu_clock_boot(&r->s->clock);
    if (now - h->last_ms > HEAL_FORGOTTEN_MS)
        h->count = 0;
    h->count++;
    h->last_ms = now;
}

/* What was healed once and long ago needs no brake; without this the books would only grow. */
void brake_forget_old(rule_state *r) {
    int64_t now = tu_clock_boot(&r->s->clock);
    for (size_t i = r->heals.n; i > 0; i--) {
        const heal_history *h = r->heals.entries[i - 1].value;
        if (now - h->last_ms > HEAL_FORGOTTEN_MS)
            free(tu_map_remove(&r->heals, r->heals.entries[i - 1].key));
    }
}

static bool window_is_open(const rule_state *r) {
    int64_t now = tu_clock_wall(&r->s->clock);
    for (size_t i = 0; i < r->rule->heal.window_count; i++)
        if (tu_window_open(&r->rule->heal.windows[i], now))
            return true;
    return r->rule->heal.window_count == 0;
}

/* spec.heal.limit: how many objects in a period. */
static bool within_limit(rule_state *r, int64_t *ret_wait_ms) {
    int64_t now = tu_clock_boot(&r->s->clock);
    int64_t per = r->rule->heal.limit_per_ms, most = r->rule->heal.limit_objects;
    if (per <= 0 || most <= 0)
        return true;
    if (now - r->period_start_ms >= per) {
        r->period_start_ms = now;
        r->period_heals = 0;
    }
    *ret_wait_ms = r->period_start_ms + per - now;
    return r->period_heals < most;
}

bool drift_may_heal(const open_drift *d, int64_t *ret_wait_ms) {
    rule_state *r = d->rule;
    const tu_finding *f = &d->finding;
    bool wanted = f->action == TU_ACTION_HEAL &&
                  (f->verdict == TU_VERDICT_DRIFTED || f->verdict == TU_VERDICT_MISSING ||
                   f->verdict == TU_VERDICT_BLOCKED);
    *ret_wait_ms = -1;
    if (!wanted || !d->recorded || d->healing || r->rule->heal.approval_votes > 0)
        return false;
    if (!window_is_open(r)) {
        *ret_wait_ms = 30000; /* cron windows open on the minute */
        return false;
    }
    int64_t now = tu_clock_boot(&r->s->clock);
    const heal_history *h = tu_map_get(&r->heals, tu_str_c(d->key));
    int64_t at =
        h && now - h->last_ms <= HEAL_FORGOTTEN_MS ? h->last_ms + pause_after(h->count) : 0;
    if (d->heal_at_ms > at)
        at = d->heal_at_ms;
    if (now < at) {
        *ret_wait_ms = at - now;
        return false;
    }
    if (!within_limit(r, ret_wait_ms))
        return false;
    r->period_heals++;
    return true;
}

/* An attempt that failed: told once, tried again with growing pauses. */
void brake_heal_failed(open_drift *d, const char *why) {
    rule_state *r = d->rule;
    brake_count(r, d->key);
    const heal_history *h = brake_history(r, d->key);
    d->heal_at_ms = h->last_ms + brake_pause_failed(h->count);
    tu_finding f = d->finding;
    char *reason = tu_arena_printf(&d->arena, "healing failed: %s", why);
    if (reason)
        f.reason = tu_str_c(reason);
    service_tell(r->s, "failed", r, &f, why);
    drift_record_event(r, "heal.failed", &f, why);
    trouble_heal(r, "heal-failed", d->key, why, 0);
    if (!tu_str_eq(f.reason, d->finding.reason))
        drift_update(d, &f, d->hash);
    target_heal_soon(r->target, d->heal_at_ms - tu_clock_boot(&r->s->clock));
}

/* Somebody changes it back again and again: the finding says so, in the message too. malloc'd; NULL
 * where nobody does. */
char *brake_fight_words(rule_state *r, const char *key, const tu_finding *f) {
    const heal_history *h = tu_map_get(&r->heals, tu_str_c(key));
    int64_t now = tu_clock_boot(&r->s->clock);
    if (!h || h->count < HEALS_AT_ONCE || now - h->last_ms > HEAL_FORGOTTEN_MS ||
        f->action != TU_ACTION_HEAL)
        return NULL;
    tu_str manager = f->change_count ? f->changes[0].owner.manager : (tu_str){0};
    char pause[32];
    tu_duration_format(pause_after(h->count), pause, sizeof pause);
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(4 * TU_KIB);
    tu_buf_addf(&b, "fight: changed back after being healed %u times", h->count);
    if (manager.n)
        tu_buf_addf(&b, ", now by field manager %.*s", TU_P(manager));
    tu_buf_addf(&b, "; healing pauses for %s: find out who changes it", pause);
    tu_log(TU_LOG_WARN, "an object is changed back again and again: healing slows down", "rule",
           r->rule->name.p, "object", key, "pause", pause, NULL);
    trouble_heal(r, "heal-fought", key, tu_buf_c(&b), TROUBLE_FOUGHT_MS);
    return tu_buf_take(&b);
}
