/*
 * notifier-webhook: sends the message, as it is or as a template makes it, to a URL.
 *
 *   POST <url>
 *   Content-Type: application/json
 *   Idempotency-Key: <key>            the same for every attempt of one message
 *   webhook-id: <key>                 the same again, as Standard Webhooks 1.0 call it
 *   X-Trueup-Uncertain: true          an earlier attempt may have arrived
 *   X-Trueup-Signature, webhook-timestamp, webhook-signature      see sign.h
 *   ce-...                            CloudEvents 1.0, binary mode
 *
 *   settings.c  schema and reader      letter.c  the body      request.c, sign.c  the headers      sample.c  the check at load
 *
 * It tries once; the core retries. Redirects are not followed: a message must not end where nobody has looked. What the answer says
 * beyond its status matters only where `expect` says so, or where it is a web page; it is neither kept nor logged.
 *
 * Any number of calls run beside each other, each with a client of its own out of a pool, whose connections are kept.
 *
 * Secrets (the URL, header values) are copied for one attempt and wiped after it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "letter.h"
#include "request.h"

enum { POOL = 16 }; /* idle clients that are kept, with their connections */

struct tu_instance {
    const tu_host *host;
    settings settings;
    pthread_mutex_t lock;
    tu_http *idle[POOL];
    size_t idle_count;
};

static tu_str str(const char *s) {
    return (tu_str){s, strlen(s)};
}

/* --- life ------------------------------------------------------------------------------------------------ */

static void destroy(tu_instance *i) {
    if (!i)
        return;
    while (i->idle_count)
        tu_http_free(i->idle[--i->idle_count]);
    pthread_mutex_destroy(&i->lock);
    settings_done(&i->settings);
    free(i);
}

static tu_rc new_client(const settings *s, tu_http **ret, tu_http_error *error) {
    return notifier_client_that_keeps(s->config, s->allow_link_local, ret, error);
}

static tu_rc create(const tu_host *host, tu_call *call, tu_str config, tu_instance **out) {
    tu_http_error error;
    tu_instance *i = calloc(1, sizeof *i);
    tu_rc rc = i ? TU_OK : notifier_no_memory(&error);
    if (rc == TU_OK) {
        i->host = host;
        pthread_mutex_init(&i->lock, NULL);
        rc = settings_read(config, &i->settings, &error);
    }
    if (rc == TU_OK)
        rc = new_client(&i->settings, &i->idle[0], &error);
    if (rc != TU_OK) {
        destroy(i);
        return tu_http_fail(host, call, &error);
    }
    i->idle_count = 1;
    notifier_warn_unchecked(host, call, i->settings.config);
    *out = i;
    return TU_OK;
}

static tu_rc borrow(tu_instance *i, tu_http **ret, tu_http_error *error) {
    tu_http *h = NULL;
    pthread_mutex_lock(&i->lock);
    if (i->idle_count)
        h = i->idle[--i->idle_count];
    pthread_mutex_unlock(&i->lock);
    *ret = h;
    return h ? TU_OK : new_client(&i->settings, ret, error);
}

static void give_back(tu_instance *i, tu_http *h) {
    pthread_mutex_lock(&i->lock);
    if (i->idle_count < POOL) {
        i->idle[i->idle_count++] = h;
        h = NULL;
    }
    pthread_mutex_unlock(&i->lock);
    tu_http_free(h);
}

/* --- answers ----------------------------------------------------------------------------------------------- */

/* The value behind a JSON pointer, NULL where there is none. */
static const cJSON *look_up(const cJSON *value, const char *pointer) {
    while (value && *pointer == '/') {
        char step[256];
        size_t n = 0;
        for (pointer++; *pointer && *pointer != '/'; pointer++) {
            char c = *pointer;
            if (c == '~' && (pointer[1] == '0' || pointer[1] == '1'))
                c = *++pointer == '0' ? '~' : '/';
            if (n + 1 < sizeof step)
                step[n++] = c;
        }
        step[n] = '\0';
        if (cJSON_IsArray(value))
            value = n && n < 9 && strspn(step, "0123456789") == n
                        ? cJSON_GetArrayItem(value, (int)strtol(step, NULL, 10))
                        : NULL;
        else
            value = cJSON_GetObjectItemCaseSensitive(value, step);
    }
    return value;
}

static tu_rc check_json(const settings *s, const notifier_answer *a, tu_http_error *error) {
    cJSON *answer = cJSON_ParseWithLength(a->text ? a->text : "", a->n);
    const cJSON *wanted;
    tu_rc rc = TU_OK;
    if (!answer)
        return notifier_strange_answer(a, "this receiver", error);
    cJSON_ArrayForEach(wanted, s->expected_json) {
        const cJSON *there = look_up(answer, wanted->string);
        bool fits = there ? cJSON_Compare(there, wanted, true) : cJSON_IsNull(wanted);
        if (!fits && rc == TU_OK)
            rc = notifier_refuse(error, TU_EUNAVAILABLE, "not-expected",
                                 "%s answered %d, but its answer doesn't have the %.100s that "
                                 "expect.json asks for",
                                 a->origin, (int)a->status, wanted->string);
    }
    cJSON_Delete(answer);
    return rc;
}

static bool is_page(const notifier_answer *a) {
    const char *text = a->text ? a->text : "";
    text += strspn(text, " \t\r\n");
    return !strncasecmp(text, "<!doctype", 9) || !strncasecmp(text, "<html", 5);
}

/* rc: what became of the exchange. Where only the status matters, an answer whose body ends badly is one. */
static tu_rc judge(const settings *s, const notifier_answer *a, tu_rc rc, tu_http_error *error) {
    bool success = a->status / 100 == 2, listed = s->expected_count == 0 && success;
    for (size_t i = 0; i < s->expected_count && a->status; i++)
        listed |= s->expected[i] == a->status;
    if (!listed && success)
        return notifier_refuse(error, TU_EUNAVAILABLE, "not-expected",
                               "%s answered %d, which expect.status doesn't have", a->origin,
                               (int)a->status);
    if (!listed || (success && rc != TU_OK && s->expected_json))
        return rc;
    if (is_page(a) && !s->page_is_answer)
        return notifier_strange_answer(a, "a receiver of messages", error);
    return s->expected_json ? check_json(s, a, error) : TU_OK;
}

/* --- sending ------------------------------------------------------------------------------------------------- */

/* The URL, from the configuration or a secret; *ret is to be wiped. */
static tu_rc get_url(tu_instance *i, tu_call *call, char **ret) {
    const settings *s = &i->settings;
    tu_http_error error;
    if (s->url_handle)
        return notifier_secret(i->host, call, s->url_handle, "urlFrom", ret);
    *ret = strdup(s->url);
    if (*ret)
        return TU_OK;
    notifier_no_memory(&error);
    return tu_http_fail(i->host, call, &error);
}

static tu_rc post(tu_instance *i, tu_call *call, const char *url, const lines *headers,
                  const letter *l) {
    notifier_request request = {.url = url,
                                .what = "the receiver",
                                .body = l->body,
                                .method = i->settings.method,
                                .headers = (const char *const *)headers->items};
    notifier_answer answer = {0};
    tu_http_error error = {0};
    tu_http *http = NULL;
    tu_rc rc = borrow(i, &http, &error);
    if (rc == TU_OK) {
        rc = notifier_post(http, i->host, call, &request, &answer, &error);
        rc = judge(&i->settings, &answer, rc, &error);
        give_back(i, http);
    }
    notifier_answer_done(&answer);
    return rc == TU_OK ? TU_OK : tu_http_fail(i->host, call, &error);
}

static tu_rc attempt(tu_instance *i, tu_call *call, tu_str message, const char *key,
                     const notifier_context *c, bool sends) {
    tu_http_error error;
    letter l;
    lines headers = {0};
    char *url = NULL;
    if (!letter_write(&i->settings, message, key, c, &l)) {
        notifier_no_memory(&error);
        return tu_http_fail(i->host, call, &error);
    }
    tu_rc rc = get_url(i, call, &url);
    const cJSON *config = i->settings.config;
    if (rc == TU_OK && tu_http_check_url(url, notifier_flag(config, "allowHttp"), &error) != TU_OK)
        rc = tu_http_fail(i->host, call, &error);
    if (rc == TU_OK)
        rc = lines_make(&i->settings, i->host, call, &l, key, c, &headers);
    if (rc == TU_OK && sends)
        rc = post(i, call, url, &headers, &l);
    lines_done(&headers);
    letter_done(&l);
    notifier_wipe(url);
    return rc;
}

static tu_rc deliver(tu_instance *i, tu_call *call, tu_str message, tu_str key, tu_str context) {
    notifier_context c;
    tu_http_error error;
    char *id = strndup(key.n ? key.p : "", key.n);
    tu_rc rc = TU_OK;
    if (!id || !notifier_context_read(context, &c)) {
        notifier_no_memory(&error);
        rc = tu_http_fail(i->host, call, &error);
    } else {
        rc = attempt(i, call, message, id, &c, true);
        notifier_context_done(&c);
    }
    free(id);
    return rc;
}

static tu_rc send_message(tu_instance *i, tu_call *call, tu_str message, tu_str key) {
    return deliver(i, call, message, key, (tu_str){NULL, 0});
}

/* There is no request that every receiver takes without effect, so only what is on our side is looked at. */
static tu_rc probe(tu_instance *i, tu_call *call) {
    static const notifier_context first = {.attempt = 1};
    return attempt(i, call, str("{}"), "probe", &first, false);
}

/* --- the descriptor -------------------------------------------------------------------------------------------- */

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
        .thread_model = TU_THREADS_PARALLEL,
        .traits = TU_NEEDS_NETWORK,
        .id = "dev.trueup.notifier-webhook",
        .version = TRUEUP_VERSION,
        .license = "Apache-2.0",
        .summary = "Sends messages to a URL: as JSON or by a template, signed when a key is given",
        .url = "https://trueup.dev",
        .config_schema = webhook_config_schema,
        .vtable = vtable,
    };
    return &plugin;
}
