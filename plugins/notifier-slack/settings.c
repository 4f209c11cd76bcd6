/*
 * notifier-slack/settings.c: the schema of the configuration, and its reader.
 *
 * To add an option: a property in the schema, a member in settings.h, a line in settings_read().
 */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS                                                                                     \
    "\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"update\",\"resolved\","         \
    "\"acknowledged\",\"escalation\",\"repeat\"]}"
#define MENTION(severity)                                                                          \
    "\"" severity "\":{\"type\":\"string\",\"pattern\":"                                           \
    "\"^(here|channel|everyone|[UWS][A-Z0-9]{5,30})$\",\"description\":\"here, channel, everyone," \
    " or the ID of a user or user group\"}"

/* clang-format off */
const char slack_config_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,"
    "\"x-trueup-rate\":{\"messages\":1,\"perMs\":1000},"
    "\"oneOf\":[{\"required\":[\"urlFrom\"]},{\"required\":[\"tokenFrom\",\"channel\"]}],"
    "\"properties\":{"
    "\"urlFrom\":" NOTIFIER_SECRET("A reference to the URL of an incoming webhook. Each event is a message of its own: a webhook "
        "can't update") ","
    "\"tokenFrom\":" NOTIFIER_SECRET("A reference to a bot's token with the scope chat:write, instead of urlFrom: one message for "
        "each incident, updated, with a thread") ","
    "\"channel\":{\"type\":\"string\",\"minLength\":1,\"description\":\"The channel's ID (or #name) for the bot, which must be a "
        "member of it\"},"
    "\"apiUrl\":{\"type\":\"string\",\"x-trueup-format\":\"url\",\"default\":\"https://slack.com/api\",\"description\":\"Where the "
        "bot's API is, as https://slack-gov.com/api\"},"
    "\"threadReplies\":{" EVENTS ",\"description\":\"Events that are told in the thread of an incident's message, too, after it "
        "was updated; without it all of them\"},"
    "\"broadcast\":{" EVENTS ",\"description\":\"Those whose reply is shown in the channel as well; without it escalation and "
        "repeat\"},"
    "\"mentions\":{\"type\":\"object\",\"additionalProperties\":false,\"description\":\"Who is mentioned when an incident of a "
        "severity begins, repeats or is escalated\",\"properties\":{"
        MENTION("info") "," MENTION("warning") "," MENTION("critical") "}},"
    NOTIFIER_WORDS_SCHEMA "," NOTIFIER_HTTP_SCHEMA "}}";
/* clang-format on */

static const char *const severities[] = {"info", "warning", "critical"};

unsigned settings_event(const char *event) {
    static const struct {
        const char *name;
        unsigned bit;
    } events[] = {{"update", SLACK_UPDATE},
                  {"resolved", SLACK_RESOLVED},
                  {"acknowledged", SLACK_ACKNOWLEDGED},
                  {"escalation", SLACK_ESCALATION},
                  {"repeat", SLACK_REPEAT}};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (!strcmp(event, events[i].name))
            return events[i].bit;
    return 0;
}

static unsigned read_events(const cJSON *config, const char *name, unsigned otherwise) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(config, name), *item;
    unsigned bits = 0;
    if (!cJSON_IsArray(list))
        return otherwise;
    cJSON_ArrayForEach(item, list) bits |=
        cJSON_IsString(item) ? settings_event(item->valuestring) : 0;
    return bits;
}

static bool read_mentions(settings *s, const cJSON *mentions) {
    for (size_t i = 0; i < 3; i++) {
        const char *who = notifier_string(mentions, severities[i]);
        char text[64];
        if (!*who)
            continue;
        const char *open = *who >= 'a' ? "<!" : *who == 'S' ? "<!subteam^" : "<@";
        snprintf(text, sizeof text, "%s%s>", open, who);
        s->mentions[i] = strdup(text);
        if (!s->mentions[i])
            return false;
    }
    return true;
}

const char *settings_mention(const settings *s, const char *severity) {
    for (size_t i = 0; i < 3; i++)
        if (!strcmp(severity, severities[i]))
            return s->mentions[i];
    return NULL;
}

tu_rc settings_read(const cJSON *config, settings *ret, tu_http_error *error) {
    *ret =
        (settings){.replies = read_events(config, "threadReplies", ~0u),
                   .broadcasts = read_events(config, "broadcast", SLACK_ESCALATION | SLACK_REPEAT)};
    if (!notifier_copy(&ret->url_handle, config, "urlFrom") ||
        !notifier_copy(&ret->token_handle, config, "tokenFrom") ||
        !notifier_copy(&ret->channel, config, "channel") ||
        !notifier_copy(&ret->api_url, config, "apiUrl") ||
        !read_mentions(ret, cJSON_GetObjectItemCaseSensitive(config, "mentions")))
        return notifier_no_memory(error);
    if (!ret->url_handle && (!ret->token_handle || !ret->channel))
        return notifier_refuse(error, TU_EINVALID, "config",
                               "urlFrom, or tokenFrom and channel, is needed");
    if (!ret->api_url && !(ret->api_url = strdup("https://slack.com/api")))
        return notifier_no_memory(error);
    for (size_t n = strlen(ret->api_url); n && ret->api_url[n - 1] == '/'; n--)
        ret->api_url[n - 1] = '\0';
    tu_rc rc = tu_http_check_url(ret->api_url, notifier_flag(config, "allowHttp"), error);
    if (rc != TU_OK) {
        snprintf(error->code, sizeof error->code, "/apiUrl");
        return rc;
    }
    return notifier_words_read(config, &ret->words, error);
}

void settings_done(settings *s) {
    free(s->url_handle);
    free(s->token_handle);
    free(s->channel);
    free(s->api_url);
    for (size_t i = 0; i < 3; i++)
        free(s->mentions[i]);
    notifier_words_done(&s->words);
    *s = (settings){0};
}
