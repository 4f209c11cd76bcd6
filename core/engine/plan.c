/*
 * engine/plan.c: what trueup will do about a drift, and when, in words for people who are told of it.
 */
#include "base/limits.h"
#include "engine/alerts.h"

static bool is_healable(tu_verdict v) {
    return v == TU_VERDICT_DRIFTED || v == TU_VERDICT_MISSING || v == TU_VERDICT_BLOCKED;
}

/* When does the first of the rule's windows open? 0: one is open, or there are none. */
static int64_t next_opening(const tu_rule *rule, int64_t now) {
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < rule->heal.window_count; i++) {
        if (tu_window_open(&rule->heal.windows[i], now))
            return 0;
        int64_t next = tu_window_next(&rule->heal.windows[i], now);
        first = next < first ? next : first;
    }
    return rule->heal.window_count ? first : 0;
}

static void say_heal(const open_drift *d, tu_buf *out) {
    const rule_state *r = d->rule;
    int64_t opens = next_opening(r->rule, tu_clock_wall(&r->s->clock));
    int64_t wait = d->heal_at_ms - tu_clock_boot(&r->s->clock);
    if (opens == INT64_MAX) {
        tu_buf_add_c(out, "none of the rule's windows opens again: it is not healed");
    } else if (opens) {
        char at[32];
        tu_time_format(opens, at);
        tu_buf_addf(out, "is healed when the rule's window opens, at %s", at);
    } else if (wait > 0) {
        char pause[32];
        tu_duration_format(wait, pause, sizeof pause);
        tu_buf_addf(out, "is healed again in %s", pause);
    } else {
        tu_buf_add_c(out, "is healed now");
    }
}

const char *alerts_plan(const open_drift *d, tu_buf *out) {
    const tu_rule *rule = d->rule->rule;
    tu_action action = d->finding.action;
    if (action == TU_ACTION_HEAL && rule->heal.approval_votes > 0)
        action = TU_ACTION_APPROVE;
    if (action == TU_ACTION_HEAL && !is_healable(d->finding.verdict))
        action = TU_ACTION_ALERT;
    switch (action) {
    case TU_ACTION_HEAL:
        say_heal(d, out);
        break;
    case TU_ACTION_APPROVE:
        tu_buf_addf(out, "is healed once %lld %s approved it",
                    (long long)(rule->heal.approval_votes ? rule->heal.approval_votes : 1),
                    rule->heal.approval_votes > 1 ? "people have" : "person has");
        break;
    default:
        tu_buf_addf(out, "nothing: rule %.*s only tells of it", TU_P(rule->name));
        break;
    }
    return tu_action_name(action);
}
