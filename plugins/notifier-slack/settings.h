/*
 * notifier-slack/settings.h: the plugin's configuration, as create() keeps it.
 */
#ifndef SLACK_SETTINGS_H
#define SLACK_SETTINGS_H

#include "common/notifier.h"

extern const char slack_config_schema[];

/* Events that come after an incident's first message, as bits. */
enum {
    SLACK_UPDATE = 1,
    SLACK_RESOLVED = 2,
    SLACK_ACKNOWLEDGED = 4,
    SLACK_ESCALATION = 8,
    SLACK_REPEAT = 16
};

typedef struct settings {
    char *url_handle;             /* an incoming webhook; NULL: */
    char *token_handle, *channel; /* a bot */
    char *api_url;                /* without a '/' at its end */
    unsigned replies, broadcasts; /* SLACK_... */
    char *mentions[3]; /* of info, warning, critical; as Slack writes them; may be NULL */
    notifier_words words;
} settings;

tu_rc settings_read(const cJSON *config, settings *ret, tu_http_error *error);
void settings_done(settings *s);
/* The bit of an event; 0: of none that is told in a thread. */
unsigned settings_event(const char *event);
/* The mention for a message of this severity, or NULL. */
const char *settings_mention(const settings *s, const char *severity);

#endif
