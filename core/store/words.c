/*
 * store/words.c: one table for each enum, in the enum's order.
 */
#include "store/words.h"

#include "base/str.h"

static const char *const drift_states[] = {"open", "healing", "resolved"};
static const char *const delivery_states[] = {"pending", "delivered", "dead", "superseded"};

static bool find(tu_str s, const char *const *words, int n, int *ret) {
    for (int i = 0; i < n; i++)
        if (tu_str_is(s, words[i])) {
            *ret = i;
            return true;
        }
    return false;
}

const char *tu_drift_state_name(tu_drift_state s) {
    return drift_states[s];
}

bool tu_drift_state_parse(tu_str s, tu_drift_state *ret) {
    int i = 0;
    bool found = find(s, drift_states, TU_DRIFT_RESOLVED + 1, &i);
    *ret = (tu_drift_state)i;
    return found;
}

const char *tu_delivery_state_name(tu_delivery_state s) {
    return delivery_states[s];
}

bool tu_delivery_state_parse(tu_str s, tu_delivery_state *ret) {
    int i = 0;
    bool found = find(s, delivery_states, TU_DELIVERY_STATES, &i);
    *ret = (tu_delivery_state)i;
    return found;
}

tu_rc tu_outcome_parse(tu_str s) {
    tu_rc rc = TU_OK;
    while (rc > TU_EREFUSED && !tu_str_is(s, tu_rc_name(rc)))
        rc--;
    return rc == TU_EREFUSED && !tu_str_is(s, tu_rc_name(rc)) ? TU_EINTERNAL : rc;
}
