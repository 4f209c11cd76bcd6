/*
 * notifier-pagerduty: hands incidents over to PagerDuty by its Events API v2, which then pages, rotates
 * and escalates.
 *
 *     firing, update, escalation   trigger      with the incident as dedup_key: the first one opens an
 *                                               incident, later ones are added to it
 *     acknowledged                 acknowledge
 *     resolved                     resolve
 *     repeat                       nothing, unless `repeat: true`: PagerDuty repeats by itself
 *     test                         trigger, then resolve: pages as an alert would, and leaves nothing open
 *
 * The dedup_key makes every event harmless when it comes twice. 202 means that PagerDuty queued the
 * event. A heartbeat is no incident: it is refused, so that nobody relies on it.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/call.h"
#include "event.h"

#define LINKS 10u

struct tu_instance {
    const tu_host *host;
    char *key_handle, *url;
    notifier_words words;
    char *severities[3];
    pagerduty_link links[LINKS];
    size_t link_count;
    bool repeats;
    tu_http *http;
};

#define SEVERITY(name, otherwise)                                                                  \
    "\"" name "\":{\"type\":\"string\",\"enum\":[\"info\",\"warning\",\"error\",\"critical\"],"    \
    "\"default\":\"" otherwise "\",\"description\":\"What " name " is to PagerDuty\"}"

/* clang-format off */
static const char config_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"routingKeyFrom\"],"
    "\"x-trueup-rate\":{\"messages\":100,\"perMs\":60000},"
    "\"properties\":{"
    "\"routingKeyFrom\":" NOTIFIER_SECRET("A reference to the integration key of a service (Events API v2), 32 characters") ","
    "\"url\":{\"type\":\"string\",\"x-trueup-format\":\"url\",\"default\":\"https://events.pagerduty.com/v2/enqueue\","
        "\"description\":\"Where events are sent; in the EU https://events.eu.pagerduty.com/v2/enqueue\"},"
    "\"severities\":{\"type\":\"object\",\"additionalProperties\":false,\"description\":\"Severities that PagerDuty is told\","
        "\"properties\":{"
        SEVERITY("info", "info") "," SEVERITY("warning", "warning") "," SEVERITY("critical", "critical") "}},"
    "\"repeat\":{\"type\":\"boolean\",\"default\":false,\"description\":\"Triggers again at each repeat interval\"},"
    "\"links\":{\"type\":\"array\",\"maxItems\":10,\"description\":\"Links in the incident\",\"items\":{\"type\":\"object\","
        "\"required\":[\"href\"],\"additionalProperties\":false,\"properties\":{"
        "\"href\":{\"type\":\"string\",\"minLength\":1,\"description\":\"A template of an https URL, as "
            "https://runbooks.example.com/{{rule}}\"},"
        "\"text\":{\"type\":\"string\",\"description\":\"What is shown for it\"}}}},"
    NOTIFIER_LANGUAGE_SCHEMA "," NOTIFIER_HTTP_SCHEMA "}}";
/* clang-format on */

/* --- life --------------------------------------------------------------------------------------- */

static void destroy(tu_instance *i) {
    if (!i)
        return;
    tu_http_free(i->http);
    notifier_words_done(&i->words);
    for (size_t k = 0; k < 3; k++)
        free(i->severities[k]);
    for (size_t k = 0; k < i->link_count; k++) {
        tu_template_free(i->links[k].href);
        free(i->links[k].text);
    }
    free(i->key_handle);
    free(i->url);
    free(i);
}

/* The scheme and the host must be the template's own: a value is no place for them. */
static bool is_link(const char *href) {
    size_t scheme = !strncasecmp(href, "https://", 8)  ? 8
                    : !strncasecmp(href, "http://", 7) ? 7
                                                       : 0;
    size_t host = scheme ? strcspn(href + scheme, "/?#{") : 0;
    return host && href[scheme + host] != '{';
}

static tu_rc read_links(tu_instance *i, const cJSON *config, tu_http_error *error) {
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(config, "links")) {
        const char *href = notifier_string(item, "href");
        tu_template_error wrong;
        char pointer[32];
        if (i->link_count == LINKS)
            break;
        pagerduty_link *l = &i->links[i->link_count];
        snprintf(pointer, sizeof pointer, "/links/%zu/href", i->link_count);
        if (!is_link(href))
            return notifier_refuse(error, TU_EINVALID, pointer,
                                   "links: an href begins with https:// and a host of its own");
        *l = (pagerduty_link){.href = tu_template_parse(href, strlen(href), NULL, &wrong)};
        if (!l->href)
            return notifier_refuse(error, TU_EINVALID, pointer, "links: column %u of an href: %s",
                                   wrong.column, wrong.message);
        i->link_count++;
        if (!notifier_copy(&l->text, item, "text"))
            return notifier_no_memory(error);
    }
    return TU_OK;
}

static tu_rc read_settings(tu_instance *i, const cJSON *config, tu_http_error *error) {
    static const char *const names[] = {"info", "warning", "critical"};
    const cJSON *severities = cJSON_GetObjectItemCaseSensitive(config, "severities");
    for (size_t k = 0; k < 3; k++) {
        const char *given = notifier_string(severities, names[k]);
        i->severities[k] = strdup(*given ? given : names[k]);
        if (!i->severities[k])
            return notifier_no_memory(error);
    }
    if (!notifier_copy(&i->key_handle, config, "routingKeyFrom") ||
        !notifier_copy(&i->url, config, "url") ||
        (!i->url && !(i->url = strdup("https://events.pagerduty.com/v2/enqueue"))))
        return notifier_no_memory(error);
    i->repeats = notifier_flag(config, "repeat");
    tu_rc rc = tu_http_check_url(i->url, notifier_flag(config, "allowHttp"), error);
    if (rc != TU_OK)
        snprintf(error->code, sizeof error->code, "/url");
    if (rc == TU_OK)
        rc = read_links(i, config, error);
    if (rc == TU_OK)
        rc = notifier_words_read(config, &i->words, error);
    return rc;
}

static tu_rc create(const tu_host *host, tu_call *call, tu_str text, tu_instance **out) {
    tu_http_error error;
    cJSON *config = cJSON_ParseWithLength(text.p, text.n);
    tu_instance *i = calloc(1, sizeof *i);
    tu_rc rc = config && i ? read_settings(i, config, &error) : notifier_no_memory(&error);
    if (rc == TU_OK)
        rc = notifier_client(config, &i->http, &error);
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

/* --- the answer --------------------------------------------------------------------------------- */

/* {"status":"success","message":"Event processed","dedup_key":KEY} with 202; {"status":"invalid
 * event","message":...,"errors":[...]} with 400. The errors name fields and limits; only those that
 * are known are repeated, because an answer may quote what was sent. */
static const char *known_error(const cJSON *json) {
    static const char *const known[] = {"routing_key", "payload",      "summary",   "severity",
                                        "source",      "event_action", "dedup_key", "timestamp"};
    const cJSON *item;
    cJSON_ArrayForEach(
        item,
        cJSON_GetObjectItemCaseSensitive(
            json, "errors")) for (size_t i = 0;
                                  cJSON_IsString(item) && i < sizeof known / sizeof *known;
                                  i++) if (strstr(item->valuestring, known[i])) return known[i];
    return NULL;
}

static tu_rc read_answer(const notifier_answer *a, tu_rc rc, tu_http_error *error) {
    if (a->status == 0)
        return rc;
    cJSON *json = cJSON_ParseWithLength(a->text ? a->text : "", a->n);
    size_t n = strlen(error->message);
    const char *field = rc == TU_EINVALID ? known_error(json) : NULL;
    if (rc == TU_OK && strcmp(notifier_string(json, "status"), "success"))
        rc = notifier_strange_answer(a, "PagerDuty", error);
    else if (field)
        snprintf(error->message + n, sizeof error->message - n,
                 !strcmp(field, "routing_key")
                     ? ": PagerDuty doesn't take the %s: check routingKeyFrom"
                     : ": PagerDuty doesn't take the event's %s",
                 field);
    cJSON_Delete(json);
    return rc;
}

/* --- deliver ------------------------------------------------------------------------------------ */

/* The action for an event; NULL: there is nothing to tell. */
static const char *action_of(const tu_instance *i, const char *event) {
    if (!strcmp(event, "resolved"))
        return "resolve";
    if (!strcmp(event, "acknowledged"))
        return "acknowledge";
    return strcmp(event, "repeat") || i->repeats ? "trigger" : NULL;
}

/* Takes body (NULL: no memory). */
static tu_rc post(tu_instance *i, tu_call *call, cJSON *body) {
    tu_http_error error;
    notifier_answer answer = {0};
    char *key = NULL;
    tu_rc rc = notifier_secret(i->host, call, i->key_handle, "routingKeyFrom", &key);
    if (rc != TU_OK) {
        cJSON_Delete(body);
        return rc;
    }
    cJSON_AddStringToObject(body, "routing_key", key);
    char *text = body ? cJSON_PrintUnformatted(body) : NULL;
    cJSON *own = cJSON_GetObjectItemCaseSensitive(body, "routing_key");
    if (own)
        explicit_bzero(own->valuestring, strlen(own->valuestring));
    cJSON_Delete(body);
    notifier_wipe(key);
    if (!text) {
        rc = notifier_no_memory(&error);
    } else {
        notifier_request r = {.url = i->url, .what = "PagerDuty", .body = {text, strlen(text)}};
        rc = notifier_post(i->http, i->host, call, &r, &answer, &error);
        rc = read_answer(&answer, rc, &error);
    }
    notifier_answer_done(&answer);
    notifier_wipe(text);
    return rc == TU_OK ? TU_OK : tu_http_fail(i->host, call, &error);
}

static tu_rc emit_reference(tu_instance *i, tu_call *call, const char *key) {
    cJSON *meta = cJSON_CreateObject();
    cJSON_AddStringToObject(meta, "reference", key);
    return call_emit(i->host, call, TU_REC_DELIVERED, 0, meta, (tu_str){NULL, 0});
}

static tu_rc tell(tu_instance *i, tu_call *call, const cJSON *message, const char *id, bool brief) {
    const char *event = notifier_string(message, "event"),
               *incident = notifier_string(message, "incident");
    const char *action = action_of(i, event);
    char *key = strdup(*incident ? incident : id);
    if (key)
        notifier_cut(key, PAGERDUTY_KEY);
    pagerduty_event e = {.words = &i->words,
                         .message = message,
                         .action = action,
                         .key = key ? key : id,
                         .severities = {i->severities[0], i->severities[1], i->severities[2]},
                         .links = i->links,
                         .link_count = i->link_count,
                         .brief = brief};
    tu_rc rc = action ? post(i, call, pagerduty_body(&e)) : TU_OK;
    if (rc == TU_OK && !strcmp(event, "test")) {
        e.action = "resolve";
        rc = post(i, call, pagerduty_body(&e));
    }
    if (rc == TU_OK && action)
        rc = emit_reference(i, call, e.key);
    free(key);
    return rc;
}

static tu_rc deliver(tu_instance *i, tu_call *call, tu_str message, tu_str key, tu_str context) {
    notifier_context c = {0};
    char *id = strndup(key.n ? key.p : "", key.n);
    cJSON *json = notifier_message(i->host, call, message);
    tu_rc rc = json ? TU_OK : TU_EINVALID; /* and said */
    if (rc == TU_OK && (!id || !notifier_context_read(context, &c)))
        rc = call_fail(i->host, call, TU_EINTERNAL, "memory", "out of memory");
    else if (rc == TU_OK && !strcmp(notifier_string(json, "kind"), "Heartbeat"))
        rc = call_fail(i->host, call, TU_EUNSUPPORTED, "heartbeat",
                       "a heartbeat is no incident of PagerDuty's: send it to a service that "
                       "watches for its absence, by the notifier webhook");
    else if (rc == TU_OK)
        rc = tell(i, call, json, id, c.brief);
    cJSON_Delete(json);
    notifier_context_done(&c);
    free(id);
    return rc;
}

static tu_rc send_message(tu_instance *i, tu_call *call, tu_str message, tu_str key) {
    return deliver(i, call, message, key, (tu_str){NULL, 0});
}

/* Every event that PagerDuty takes has an effect, so only what is on our side is looked at. */
static tu_rc probe(tu_instance *i, tu_call *call) {
    char *key = NULL;
    tu_rc rc = notifier_secret(i->host, call, i->key_handle, "routingKeyFrom", &key);
    if (rc == TU_OK && strlen(key) != 32)
        rc = call_fail(i->host, call, TU_EINVALID, "routing-key",
                       "routingKeyFrom: an integration key has 32 characters, this one %zu",
                       strlen(key));
    notifier_wipe(key);
    return rc;
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
        .id = "dev.trueup.notifier-pagerduty",
        .version = TRUEUP_VERSION,
        .license = "Apache-2.0",
        .summary = "Triggers, acknowledges and resolves incidents of PagerDuty",
        .url = "https://trueup.dev",
        .config_schema = config_schema,
        .vtable = vtable,
    };
    return &plugin;
}
