/*
 * notifier-slack: tells a Slack channel, by an incoming webhook or as a bot.
 *
 *   webhook   POST <url>: each event is a message of its own; the answer is "ok"
 *   bot       chat.postMessage for the first event of an incident; its channel and ts are the reference
 *             chat.update of that message for every later one: it always shows how things stand,
 *             and is green at the end; then a reply in its thread says what happened
 *
 * Order makes a delivery that is tried again harmless: the update comes first and can be repeated,
 * the reply, which can't, is last. A reply that is refused for good doesn't undo the update: that is
 * logged, and the delivery done. A message that can't be updated any more (deleted, too old, its
 * channel gone) is posted anew, and so is one after the channel in the configuration changed.
 *
 * A firing is always posted: an edited message notifies nobody.
 *
 * Slack has no idempotency keys: what may have arrived before says so in a post.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "common/call.h"
#include "layout.h"
#include "settings.h"

struct tu_instance {
    const tu_host *host;
    settings settings;
    tu_http *http;
};

/* One attempt. */
typedef struct attempt {
    tu_instance *i;
    tu_call *call;
    cJSON *message;
    char *key;
    notifier_context context;
    char *secret; /* the webhook's URL or the token */
    tu_http_error error;
} attempt;

/* --- life --------------------------------------------------------------------------------------- */

static void destroy(tu_instance *i) {
    if (!i)
        return;
    tu_http_free(i->http);
    settings_done(&i->settings);
    free(i);
}

static tu_rc create(const tu_host *host, tu_call *call, tu_str text, tu_instance **out) {
    tu_http_error error;
    cJSON *config = cJSON_ParseWithLength(text.p, text.n);
    tu_instance *i = calloc(1, sizeof *i);
    tu_rc rc =
        config && i ? settings_read(config, &i->settings, &error) : notifier_no_memory(&error);
    if (rc == TU_OK)
        rc = notifier_client(config, &i->http, &error);
    if (rc == TU_OK)
        rc = notifier_check_url(host, call, config, "urlFrom", NULL, &error);
    if (rc == TU_OK)
        notifier_warn_unchecked(host, call, config);
    cJSON_Delete(config);
    if (rc != TU_OK) {
        destroy(i);
        return tu_http_fail(host, call, &error);
    }
    i->host = host;
    *out = i;
    return TU_OK;
}

/* --- requests ----------------------------------------------------------------------------------- */

/* Takes body (NULL: no memory). *ret is the answer of a method; webhooks have none. */
static tu_rc post(attempt *a, const char *method, cJSON *body, cJSON **ret) {
    const settings *s = &a->i->settings;
    char url[1024];
    notifier_answer answer = {0};
    char *text = body ? cJSON_PrintUnformatted(body) : NULL;
    cJSON_Delete(body);
    *ret = NULL;
    if (!text)
        return notifier_no_memory(&a->error);
    snprintf(url, sizeof url, "%s/%s", s->api_url, method ? method : "");
    notifier_request r = {.url = method ? url : a->secret,
                          .bearer = method ? a->secret : NULL,
                          .what = "Slack",
                          .body = {text, strlen(text)}};
    tu_rc rc = notifier_post(a->i->http, a->i->host, a->call, &r, &answer, &a->error);
    if (method)
        rc = slack_api_answer(&answer, rc, method, ret, &a->error);
    else
        rc = slack_webhook_answer(&answer, rc, &a->error);
    notifier_answer_done(&answer);
    free(text);
    return rc;
}

/* --- what is posted ----------------------------------------------------------------------------- */

static slack_page page_of(const attempt *a, bool mentions) {
    const settings *s = &a->i->settings;
    const char *event = notifier_string(a->message, "event");
    bool calls =
        !strcmp(event, "firing") || !strcmp(event, "escalation") || !strcmp(event, "repeat");
    return (slack_page){
        .words = &s->words,
        .message = a->message,
        .key = a->key,
        .mention =
            mentions && calls ? settings_mention(s, notifier_string(a->message, "severity")) : NULL,
        .uncertain = a->context.uncertain,
        .brief = a->context.brief,
    };
}

/* What a program can find the message by; Slack takes it from bots only. */
static void add_metadata(const attempt *a, cJSON *body) {
    cJSON *metadata = cJSON_AddObjectToObject(body, "metadata");
    cJSON_AddStringToObject(metadata, "event_type", "trueup_alert");
    cJSON *payload = cJSON_AddObjectToObject(metadata, "event_payload");
    cJSON_AddStringToObject(payload, "idempotency_key", a->key);
    cJSON_AddStringToObject(payload, "message", notifier_string(a->message, "id"));
    cJSON_AddStringToObject(payload, "incident", notifier_string(a->message, "incident"));
    cJSON_AddStringToObject(payload, "event", notifier_string(a->message, "event"));
}

static void add_quiet(cJSON *body) {
    cJSON_AddFalseToObject(body, "unfurl_links");
    cJSON_AddFalseToObject(body, "unfurl_media");
}

static void add_bot(const attempt *a, cJSON *body, const char *channel) {
    cJSON_AddStringToObject(body, "channel", channel);
    cJSON_AddStringToObject(body, "parse", "none"); /* chat.update's own default is another */
    cJSON_AddFalseToObject(body, "link_names");
    add_metadata(a, body);
}

static tu_rc by_webhook(attempt *a) {
    slack_page p = page_of(a, true);
    cJSON *nothing, *body = slack_message(&p);
    add_quiet(body);
    return post(a, NULL, body, &nothing);
}

/* --- the incident's message --------------------------------------------------------------------- */

/* The reference: {"channel": its ID, "ts", "to": the channel as it was configured}. */
static tu_rc emit_reference(attempt *a, const cJSON *answer) {
    const char *channel = notifier_string(answer, "channel"), *ts = notifier_string(answer, "ts");
    cJSON *reference = cJSON_CreateObject(), *meta = cJSON_CreateObject();
    cJSON_AddStringToObject(reference, "channel", channel);
    cJSON_AddStringToObject(reference, "ts", ts);
    cJSON_AddStringToObject(reference, "to", a->i->settings.channel);
    char *text = cJSON_PrintUnformatted(reference);
    cJSON_Delete(reference);
    cJSON_AddStringToObject(meta, "reference", text ? text : "");
    cJSON_free(text);
    return call_emit(a->i->host, a->call, TU_REC_DELIVERED, 0, meta, (tu_str){NULL, 0});
}

static tu_rc post_new(attempt *a) {
    slack_page p = page_of(a, true);
    cJSON *answer, *body = slack_message(&p);
    add_bot(a, body, a->i->settings.channel);
    add_quiet(body);
    tu_rc rc = post(a, "chat.postMessage", body, &answer);
    if (rc != TU_OK)
        return rc;
    if (*notifier_string(answer, "ts") && *notifier_string(answer, "channel"))
        rc = emit_reference(a, answer);
    cJSON_Delete(answer);
    return rc;
}

static tu_rc update(attempt *a, const char *channel, const char *ts) {
    slack_page p = page_of(a, false);
    p.uncertain = false; /* however often it is made, there is one */
    cJSON *answer, *body = slack_message(&p);
    add_bot(a, body, channel);
    cJSON_AddStringToObject(body, "ts", ts);
    tu_rc rc = post(a, "chat.update", body, &answer);
    cJSON_Delete(answer);
    return rc;
}

static tu_rc reply(attempt *a, const char *channel, const char *ts, bool broadcast) {
    slack_page p = page_of(a, true);
    cJSON *answer, *body = slack_reply(&p);
    add_bot(a, body, channel);
    add_quiet(body);
    cJSON_AddStringToObject(body, "thread_ts", ts);
    if (broadcast)
        cJSON_AddTrueToObject(body, "reply_broadcast");
    tu_rc rc = post(a, "chat.postMessage", body, &answer);
    cJSON_Delete(answer);
    return rc;
}

static bool is_passing(tu_rc rc) {
    return rc == TU_EUNAVAILABLE || rc == TU_ETHROTTLED || rc == TU_ETIMEOUT ||
           rc == TU_EINTERNAL || rc == TU_ECANCELLED;
}

static tu_rc follow_up(attempt *a, const char *channel, const char *ts) {
    const settings *s = &a->i->settings;
    unsigned event = settings_event(notifier_string(a->message, "event"));
    tu_rc rc = update(a, channel, ts);
    if (rc != TU_OK && slack_is_gone(&a->error))
        return post_new(a);
    if (rc != TU_OK || !(event & s->replies))
        return rc;
    rc = reply(a, channel, ts, event & s->broadcasts);
    if (rc == TU_OK || is_passing(rc) || !strcmp(a->error.code, "too-large"))
        return rc;
    a->i->host->log(a->call, TU_LOG_WARN, (tu_str){a->error.message, strlen(a->error.message)},
                    (tu_str){"{\"thread\":\"the message is updated, the reply is lost\"}", 55});
    return TU_OK;
}

static tu_rc by_bot(attempt *a) {
    cJSON *reference = cJSON_Parse(a->context.reference);
    const char *channel = notifier_string(reference, "channel"),
               *ts = notifier_string(reference, "ts");
    bool known = !notifier_event_is(a->message, "firing") && *channel && *ts &&
                 !strcmp(notifier_string(reference, "to"), a->i->settings.channel);
    tu_rc rc = known ? follow_up(a, channel, ts) : post_new(a);
    cJSON_Delete(reference);
    return rc;
}

/* --- deliver ------------------------------------------------------------------------------------ */

static tu_rc open_secret(attempt *a) {
    const settings *s = &a->i->settings;
    return s->url_handle
               ? notifier_secret(a->i->host, a->call, s->url_handle, "urlFrom", &a->secret)
               : notifier_secret(a->i->host, a->call, s->token_handle, "tokenFrom", &a->secret);
}

static tu_rc deliver(tu_instance *i, tu_call *call, tu_str message, tu_str key, tu_str context) {
    attempt a = {.i = i, .call = call, .key = strndup(key.n ? key.p : "", key.n)};
    bool made = notifier_context_read(context, &a.context) && a.key;
    tu_rc rc = TU_OK;
    a.message = notifier_message(i->host, call, message);
    if (!a.message) {
        rc = TU_EINVALID; /* and said */
    } else if (!made) {
        notifier_no_memory(&a.error);
        rc = tu_http_fail(i->host, call, &a.error);
    } else {
        rc = open_secret(&a);
        if (rc == TU_OK) {
            rc = i->settings.url_handle ? by_webhook(&a) : by_bot(&a);
            if (rc != TU_OK)
                rc = tu_http_fail(i->host, call, &a.error);
        }
    }
    cJSON_Delete(a.message);
    notifier_context_done(&a.context);
    notifier_wipe(a.secret);
    free(a.key);
    return rc;
}

static tu_rc send_message(tu_instance *i, tu_call *call, tu_str message, tu_str key) {
    return deliver(i, call, message, key, (tu_str){NULL, 0});
}

/* A bot's token can be tried without effect; of a webhook only the URL can be looked at. */
static tu_rc probe(tu_instance *i, tu_call *call) {
    attempt a = {.i = i, .call = call};
    tu_rc rc = open_secret(&a);
    if (rc != TU_OK)
        return rc;
    if (i->settings.url_handle) {
        rc = tu_http_check_url(a.secret, true, &a.error);
    } else {
        cJSON *answer;
        rc = post(&a, "auth.test", cJSON_CreateObject(), &answer);
        cJSON_Delete(answer);
    }
    notifier_wipe(a.secret);
    return rc == TU_OK ? TU_OK : tu_http_fail(i->host, call, &a.error);
}

/* --- the descriptor ----------------------------------------------------------------------------- */

static const tu_common common = {sizeof common, create, destroy, probe};
static const tu_notifier notifier = {
    .size = sizeof notifier, .common = &common, .send = send_message, .deliver = deliver};

static const void *vtable(const char *id) {
    return strcmp(id, "trueup.notifier/1") == 0 ? &notifier : NULL;
}

const tu_plugin *trueup_plugin_v1(void) {
    static const tu_plugin plugin = {
        .size = sizeof plugin,
        .abi_minor = TU_ABI_MINOR,
        .min_host_minor = 0,
        .thread_model = TU_THREADS_INSTANCE,
        .traits = TU_NEEDS_NETWORK,
        .id = "dev.trueup.notifier-slack",
        .version = TRUEUP_VERSION,
        .license = "Apache-2.0",
        .summary =
            "Tells a Slack channel: one message for each incident, updated until it is green",
        .url = "https://trueup.dev",
        .config_schema = slack_config_schema,
        .vtable = vtable,
    };
    return &plugin;
}
