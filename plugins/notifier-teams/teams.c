/*
 * notifier-teams: tells a Microsoft Teams channel or chat through a workflow's webhook (Power
 * Automate: "Post to a channel when a webhook request is received").
 *
 *   POST <url>, {"type":"message","attachments":[Adaptive Card]}     -> 202
 *
 * What 202 means: the workflow was started. Whether it then posted the card nobody tells the sender,
 * so a test message should be looked at once (`trueup alert test`), and the workflow should have a
 * second owner: it stops when the account of its only one goes. A posted card can't be changed from
 * outside, so each event is a card of its own.
 *
 * Office 365 connectors (*.webhook.office.com) are retired and refused at load. They, and bridges
 * that imitate them, answer 200 with an error in the text; that is read, too.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "card.h"
#include "common/call.h"

struct tu_instance {
    const tu_host *host;
    char *url_handle;
    notifier_words words;
    tu_http *http;
};

/* clang-format off */
static const char config_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"urlFrom\"],"
    "\"x-trueup-rate\":{\"messages\":2,\"perMs\":1000},"
    "\"properties\":{"
    "\"urlFrom\":" NOTIFIER_SECRET("A reference to the URL of a workflow's webhook; its sig= is the credential") ","
    NOTIFIER_WORDS_SCHEMA "," NOTIFIER_HTTP_SCHEMA "}}";
/* clang-format on */

/* --- life --------------------------------------------------------------------------------------- */

static void destroy(tu_instance *i) {
    if (!i)
        return;
    tu_http_free(i->http);
    notifier_words_done(&i->words);
    free(i->url_handle);
    free(i);
}

static tu_rc check_host(const char *url, tu_http_error *error) {
    static const char retired[] = ".webhook.office.com";
    char origin[300];
    tu_http_origin(url, origin, sizeof origin);
    size_t host = strcspn(origin, ":") + 3, end = host + strcspn(origin + host, ":");
    if (end - host < sizeof retired - 1 ||
        strncasecmp(origin + end - (sizeof retired - 1), retired, sizeof retired - 1))
        return TU_OK;
    return notifier_refuse(error, TU_EINVALID, "/urlFrom",
                           "%s is an Office 365 connector, which Microsoft has retired: make a "
                           "workflow from the template \"Post to a channel when a webhook request "
                           "is received\" and use its URL",
                           origin);
}

static tu_rc create(const tu_host *host, tu_call *call, tu_str text, tu_instance **out) {
    tu_http_error error;
    char *url = NULL;
    cJSON *config = cJSON_ParseWithLength(text.p, text.n);
    tu_instance *i = calloc(1, sizeof *i);
    tu_rc rc = config && i && notifier_copy(&i->url_handle, config, "urlFrom") && i->url_handle
                   ? notifier_words_read(config, &i->words, &error)
                   : notifier_no_memory(&error);
    if (rc == TU_OK)
        rc = notifier_client(config, &i->http, &error);
    if (rc == TU_OK)
        rc = notifier_check_url(host, call, config, "urlFrom", &url, &error);
    if (rc == TU_OK && url)
        rc = check_host(url, &error);
    notifier_wipe(url);
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

/* A connector's 200 with an error in the text: "... Microsoft Teams endpoint returned HTTP error 413
 * with ContextId ...". */
static tu_rc connector_error(const notifier_answer *a, tu_http_error *error) {
    const char *at = strstr(a->text, "HTTP error ");
    long status = at ? strtol(at + 11, NULL, 10) : 0;
    tu_rc rc = status == 413                                    ? TU_EREFUSED
               : status == 429                                  ? TU_ETHROTTLED
               : status >= 400 && status < 500 && status != 408 ? TU_EINVALID
                                                                : TU_EUNAVAILABLE;
    notifier_refuse(error, rc, rc == TU_EREFUSED ? "too-large" : "teams-failed",
                    "%s took the message, but Teams answered %ld to it", a->origin, status);
    error->retry_after_ms = a->retry_after_ms;
    return rc;
}

/* Power Automate's {"error":{"code":WORD,"message":...}}. What it says may repeat what was sent, so
 * only codes that are known are told. */
static void add_code(const notifier_answer *a, tu_http_error *error) {
    static const struct {
        const char *code, *advice;
    } known[] = {
        {"WorkflowTriggerIsNotEnabled", ": the workflow is turned off"},
        {"WorkflowNotFound", ": the workflow was removed: make a new one"},
        {"DirectApiAuthorizationRequired", ": the URL lacks its signature, or has another's"},
        {"AuthorizationFailed", ": the signature in the URL is not valid any more"},
        {"TriggerInputSchemaMismatch", ": the workflow's trigger wants another form"},
        {"InvalidRequestContent", ""},
        {"TriggerConditionNotMet", ": the workflow's trigger has a condition"},
    };
    cJSON *json = cJSON_ParseWithLength(a->text, a->n);
    const char *code = notifier_string(cJSON_GetObjectItemCaseSensitive(json, "error"), "code");
    size_t n = strlen(error->message);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(code, known[i].code))
            snprintf(error->message + n, sizeof error->message - n, ": %s%s", known[i].code,
                     known[i].advice);
    cJSON_Delete(json);
}

static tu_rc read_answer(const notifier_answer *a, tu_rc rc, tu_http_error *error) {
    if (a->status == 0)
        return rc;
    if (rc != TU_OK) {
        if (a->text && !a->html)
            add_code(a, error);
        return rc;
    }
    if (a->html)
        return notifier_strange_answer(a, "a workflow", error);
    if (strstr(a->text, "delivery failed") || strstr(a->text, "HTTP error "))
        return connector_error(a, error);
    return TU_OK;
}

/* --- deliver ------------------------------------------------------------------------------------ */

static tu_rc send_body(tu_instance *i, tu_call *call, const char *body, tu_http_error *error) {
    notifier_answer answer = {0};
    char *url = NULL;
    tu_rc rc = notifier_secret(i->host, call, i->url_handle, "urlFrom", &url);
    if (rc != TU_OK)
        return rc;
    rc = check_host(url, error);
    if (rc == TU_OK) {
        notifier_request r = {.url = url, .what = "the workflow", .body = {body, strlen(body)}};
        rc = notifier_post(i->http, i->host, call, &r, &answer, error);
        rc = read_answer(&answer, rc, error);
    }
    notifier_answer_done(&answer);
    notifier_wipe(url);
    return rc == TU_OK ? TU_OK : tu_http_fail(i->host, call, error);
}

static tu_rc deliver(tu_instance *i, tu_call *call, tu_str message, tu_str key, tu_str context) {
    tu_http_error error;
    notifier_context c = {0};
    char *id = strndup(key.n ? key.p : "", key.n), *body = NULL;
    cJSON *json = notifier_message(i->host, call, message);
    tu_rc rc = json ? TU_OK : TU_EINVALID; /* and said */
    if (rc == TU_OK && id && notifier_context_read(context, &c))
        body = teams_body(&(teams_page){.words = &i->words,
                                        .message = json,
                                        .key = id,
                                        .uncertain = c.uncertain,
                                        .brief = c.brief});
    if (rc == TU_OK && !body) {
        notifier_no_memory(&error);
        rc = tu_http_fail(i->host, call, &error);
    }
    if (rc == TU_OK)
        rc = send_body(i, call, body, &error);
    cJSON_free(body);
    cJSON_Delete(json);
    notifier_context_done(&c);
    free(id);
    return rc;
}

static tu_rc send_message(tu_instance *i, tu_call *call, tu_str message, tu_str key) {
    return deliver(i, call, message, key, (tu_str){NULL, 0});
}

/* Whatever a workflow gets, it posts: so only the URL is looked at. */
static tu_rc probe(tu_instance *i, tu_call *call) {
    tu_http_error error;
    char *url = NULL;
    tu_rc rc = notifier_secret(i->host, call, i->url_handle, "urlFrom", &url);
    if (rc != TU_OK)
        return rc;
    rc = tu_http_check_url(url, true, &error);
    if (rc == TU_OK)
        rc = check_host(url, &error);
    notifier_wipe(url);
    return rc == TU_OK ? TU_OK : tu_http_fail(i->host, call, &error);
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
        .id = "dev.trueup.notifier-teams",
        .version = TRUEUP_VERSION,
        .license = "Apache-2.0",
        .summary = "Tells a Microsoft Teams channel through a workflow's webhook",
        .url = "https://trueup.dev",
        .config_schema = config_schema,
        .vtable = vtable,
    };
    return &plugin;
}
