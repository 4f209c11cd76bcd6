/*
 * notifier-email/partial.h: who has a mail already, when a server took it for some and put off others.
 *
 * Kept in a file of the instance's scratch folder, made of the mail's key, so that the next attempt, and one after a
 * restart too, goes only to the rest. Where there is no scratch folder (`trueup alert test`) nothing is kept.
 */
#ifndef NOTIFIER_EMAIL_PARTIAL_H
#define NOTIFIER_EMAIL_PARTIAL_H

#include "smtp.h"

typedef struct partial {
    int64_t since; /* unix seconds of the first attempt that went to some; 0: there was none */
} partial;

/* Clears `wanted` of those who have the mail or never will, and sets their fates. */
partial partial_load(tu_str scratch, const char *key, smtp_recipient *recipients, size_t count);
/* False: it can't be kept, and those who have the mail will get it again. */
bool partial_save(tu_str scratch, const char *key, const partial *p, const smtp_recipient *r,
                  size_t count);
void partial_remove(tu_str scratch, const char *key);

#endif
