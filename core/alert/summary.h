/*
 * alert/summary.h: a drift in one line, for people.
 */
#ifndef TU_ALERT_SUMMARY_H
#define TU_ALERT_SUMMARY_H

#include "store/store.h"

/* "Deployment shop/cart drifted: /spec/replicas 3 -> 5 (field manager kubectl-edit), and 2 more".
 * At most 400 bytes, without control characters. finding: the object's entry in a report; NULL when
 * there is none. */
void tu_alert_summary(tu_buf *out, const tu_drift *d, const char *kind, const tu_value *finding);

#define TU_ALERT_SUMMARY_BYTES 400
/* Appends what people can read of s, at most `limit` bytes of it. */
void tu_alert_add_visible(tu_buf *b, tu_str s, size_t limit);

#endif
