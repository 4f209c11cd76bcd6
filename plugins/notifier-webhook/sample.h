/*
 * notifier-webhook/sample.h: tries a JSON body with messages as they come, when the configuration is read: a template that
 * makes no JSON is found then, not with the first alert.
 */
#ifndef WEBHOOK_SAMPLE_H
#define WEBHOOK_SAMPLE_H

#include "settings.h"

tu_rc sample_check(const settings *s, tu_http_error *error);

#endif
