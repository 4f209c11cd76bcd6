/*
 * store/words.c: one table for each enum, in the enum's order.
 */
#include "store/words.h"

#include "base/str.h"

static const char *const drift_states[] = {"open", "healing", "resolved"};
static const char *const delivery_states[] = {"pending", "delivered", "dead"};
enum { STATES = 3 };

const char *tu_drift_state_name(tu_drift_state s) {
    return drift_states[s];
}

const char *tu_delivery_state_name(tu_delivery_state s) {
    return delivery_states[s];
}

bool tu_drift_state_parse(tu_str s, tu_drift_state *ret) {
    for (int i = 0; i < STATES; i++)
        if (tu_str_is(s, drift_states[i])) {
            *ret = (tu_drift_state)i;
            return true;
        }
    return false;
}
