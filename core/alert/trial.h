/*
 * alert/trial.h: the message of `trueup alert test`: like any other, with an alert that says that it is none.
 */
#ifndef TU_ALERT_TRIAL_H
#define TU_ALERT_TRIAL_H

#include "alert/alert.h"

/* Composed as those of incidents are (tu_alert_compose); event "test". install_id: of whom it is from. key (33 bytes)
 * gets an idempotency key of its own. */
tu_rc tu_alert_trial(tu_buf *out, tu_str receiver, const char *install_id, int64_t wall_ms,
                     char key[33], tu_error **error);

#endif
