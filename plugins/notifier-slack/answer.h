/*
 * notifier-slack/answer.h: what Slack's answers mean.
 */
#ifndef SLACK_ANSWER_H
#define SLACK_ANSWER_H

#include "common/notifier.h"

/* A webhook's: the text "ok", or a word that says what is wrong. rc and *error as notifier_post()
 * left them. */
tu_rc slack_webhook_answer(const notifier_answer *a, tu_rc rc, tu_http_error *error);
/* A method's: JSON with "ok". *ret_json (to be deleted; NULL after failure) is the answer. */
tu_rc slack_api_answer(const notifier_answer *a, tu_rc rc, const char *method, cJSON **ret_json,
                       tu_http_error *error);
/* Did an update fail because there is no message any more that it could change? */
bool slack_is_gone(const tu_http_error *error);

#endif
