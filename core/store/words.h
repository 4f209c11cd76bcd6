/*
 * store/words.h: the store's own enums as the words that stand in the database.
 */
#ifndef TU_STORE_WORDS_H
#define TU_STORE_WORDS_H

#include <stdbool.h>

#include "store/store.h"

const char *tu_drift_state_name(tu_drift_state s); /* "open", "healing", "resolved" */
bool tu_drift_state_parse(tu_str s, tu_drift_state *ret);
/* "pending", "delivered", "dead", "superseded" */
const char *tu_delivery_state_name(tu_delivery_state s);
bool tu_delivery_state_parse(tu_str s, tu_delivery_state *ret);
tu_rc tu_outcome_parse(tu_str s); /* of tu_rc_name(); TU_EINTERNAL when it is none */

#endif
