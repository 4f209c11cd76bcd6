/*
 * notifier-slack/layout.h: a message of trueup as Slack's Block Kit, within every limit that Slack has.
 */
#ifndef SLACK_LAYOUT_H
#define SLACK_LAYOUT_H

#include "common/notifier.h"

/* Slack's limits, in characters: https://docs.slack.dev/reference/block-kit and bolt-js #2509 for
 * the sum, which no page names. Ours are a little below. */
#define SLACK_BLOCKS 50u      /* of one message, those of attachments too */
#define SLACK_HEADER 150u     /* a header's text */
#define SLACK_SECTION 3000u   /* a section's text */
#define SLACK_CONTEXT 2000u   /* a text in a context block */
#define SLACK_FALLBACK 3000u  /* "text": Slack cuts it at 40,000 and advises 4,000 */
#define SLACK_TEXT_SUM 13000u /* all texts of all blocks */

typedef struct slack_page {
    const notifier_words *words;
    const cJSON *message;
    const char *key;     /* the delivery's idempotency key */
    const char *mention; /* as Slack writes it, or NULL */
    bool uncertain;      /* an earlier attempt may have arrived */
    bool brief;          /* nothing but "text", and no blocks at all */
} slack_page;

/* {"text", "blocks", "attachments"}; NULL without memory. */
cJSON *slack_message(const slack_page *p);
/* {"text", "blocks"}: what happened, for the thread of the incident's message. */
cJSON *slack_reply(const slack_page *p);

#endif
