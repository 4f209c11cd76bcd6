/*
 * notifier-pagerduty/event.h: a message of trueup as an event of PagerDuty's Events API v2.
 */
#ifndef PAGERDUTY_EVENT_H
#define PAGERDUTY_EVENT_H

#include "common/notifier.h"

/* https://developer.pagerduty.com/docs/events-api-v2/trigger-events/, in characters and bytes */
#define PAGERDUTY_SUMMARY 1024u
#define PAGERDUTY_KEY 255u
#define PAGERDUTY_BODY_LIMIT ((size_t)512 * 1024)
#define PAGERDUTY_OWN_LIMIT ((size_t)480 * 1024) /* ours: some way below */

typedef struct pagerduty_link {
    tu_template *href;
    char *text; /* may be NULL */
} pagerduty_link;

typedef struct pagerduty_event {
    const notifier_words *words;
    const cJSON *message;
    const char *action;        /* "trigger", "acknowledge", "resolve" */
    const char *key;           /* dedup_key */
    const char *severities[3]; /* PagerDuty's words for info, warning, critical */
    const pagerduty_link *links;
    size_t link_count;
    bool brief;
} pagerduty_event;

/* The request's body without its routing key, which the sender adds. NULL without memory. */
cJSON *pagerduty_body(const pagerduty_event *e);

#endif
