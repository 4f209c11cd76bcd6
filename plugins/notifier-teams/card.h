/*
 * notifier-teams/card.h: a message of trueup as an Adaptive Card 1.4 in the envelope that workflow
 * webhooks take.
 */
#ifndef TEAMS_CARD_H
#define TEAMS_CARD_H

#include "common/notifier.h"

/* Of the whole body. Teams refuses messages beyond about 28 KB, and does so after the webhook has
 * said 202, where nobody sees it: so ours stay well below. */
#define TEAMS_BODY_LIMIT ((size_t)20 * 1024)

typedef struct teams_page {
    const notifier_words *words;
    const cJSON *message;
    const char *key; /* the delivery's idempotency key */
    bool uncertain;  /* an earlier attempt may have arrived */
    bool brief;      /* the title and where to look */
} teams_page;

/* The request's body, malloc'd by cJSON (cJSON_free), at most TEAMS_BODY_LIMIT; NULL without memory. */
char *teams_body(const teams_page *p);

#endif
