/*
 * notifier-alertmanager: posts the alerts of an incident to every peer of a Prometheus Alertmanager (API v2).
 *
 * Alertmanager keeps alerts in memory and doesn't share them among its peers, so each peer must be told. The same
 * request again changes nothing there, so a peer that was missed is simply asked again, with the others. A peer that
 * still fails then is left out until it answers again: an incident's later messages wait for this one, and
 * the peers that live must hear of them. A peer that comes back hears of what still fires with the next `repeat`.
 *
 * plugin.c is the configuration, the peers and the call; alerts.c is what is told.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alerts.h"
#include "common/call.h"

#define PEERS_LIMIT 16u
#define URL_ROOM 2100u

typedef struct peer {
    char *url;       /* of the API's alerts */
    char *status;    /* and of its status, for probe() */
    bool is_failing; /* its last answer was none, or no */
} peer;

struct tu_instance {
    const tu_host *host;
    tu_http *http;
    cJSON *config;
    peer peers[PEERS_LIMIT];
    size_t count;
    const tu_language *language;
    int64_t ends_after_s;
};

/* --- life ------------------------------------------------------------------------------------- */

static void destroy(tu_instance *i) {
    if (!i)
        return;
    for (size_t p = 0; p < i->count; p++) {
        free(i->peers[p].url);
        free(i->peers[p].status);
    }
    tu_http_free(i->http);
    cJSON_Delete(i->config);
    free(i);
}

static tu_rc read_peer(tu_instance *i, const char *url, size_t number, tu_http_error *error) {
    char pointer[32], text[URL_ROOM];
    size_t n = strlen(url);
    peer *p = &i->peers[i->count];
    tu_rc rc = tu_http_check_url(url, notifier_flag(i->config, "allowHttp"), error);
    snprintf(pointer, sizeof pointer, "/peers/%zu", number);
    if (rc != TU_OK) {
        snprintf(error->code, sizeof error->code, "%s", pointer);
        return rc;
    }
    while (n && url[n - 1] == '/')
        n--;
    if (n > 2000 || strchr(url, '?') || strchr(url, '#') || strstr(url, "/api/"))
        return notifier_refuse(
            error, TU_EINVALID, pointer,
            "peers: write where Alertmanager is, as in http://alertmanager:9093; "
            "/api/v2/alerts is added");
    snprintf(text, sizeof text, "%.*s/api/v2/alerts", (int)n, url);
    p->url = strdup(text);
    snprintf(text, sizeof text, "%.*s/api/v2/status", (int)n, url);
    p->status = strdup(text);
    i->count++;
    return p->url && p->status ? TU_OK : notifier_no_memory(error);
}

static tu_rc read_config(tu_instance *i, tu_http_error *error) {
    const cJSON *item, *peers = cJSON_GetObjectItemCaseSensitive(i->config, "peers");
    const char *language = notifier_string(i->config, "language"),
               *ends = notifier_string(i->config, "endsAfter");
    size_t number = 0;
    tu_rc rc = notifier_client(i->config, &i->http, error);
    cJSON_ArrayForEach(item, peers) {
        const char *url = cJSON_GetStringValue(item);
        if (rc == TU_OK && number == PEERS_LIMIT)
            rc = notifier_refuse(error, TU_EINVALID, "/peers", "peers: at most %u", PEERS_LIMIT);
        if (rc == TU_OK)
            rc = read_peer(i, url ? url : "", number++, error);
    }
    if (rc != TU_OK)
        return rc;
    if (i->count == 0)
        return notifier_refuse(error, TU_EINVALID, "/peers", "peers: one at least");
    i->language = tu_language_named(*language ? language : "en");
    i->ends_after_s = notifier_duration_ms(*ends ? ends : "72h") / 1000;
    if (i->ends_after_s < 60)
        return notifier_refuse(error, TU_EINVALID, "/endsAfter", "endsAfter: 1m at least");
    bool has_user = *notifier_string(i->config, "username");
    if (has_user != (*notifier_string(i->config, "password") != '\0'))
        return notifier_refuse(error, TU_EINVALID, has_user ? "/username" : "/password",
                               "username and password: one is missing");
    if (has_user && *notifier_string(i->config, "token"))
        return notifier_refuse(error, TU_EINVALID, "/token", "token: there is a password already");
    return TU_OK;
}

static tu_rc create(const tu_host *host, tu_call *call, tu_str config, tu_instance **out) {
    tu_http_error error;
    tu_instance *i = calloc(1, sizeof *i);
    tu_rc rc = TU_EINTERNAL;
    if (i) {
        i->host = host;
        i->config = cJSON_ParseWithLength(config.p, config.n);
    }
    rc = i && i->config ? read_config(i, &error) : notifier_no_memory(&error);
    if (rc != TU_OK) {
        destroy(i);
        return tu_http_fail(host, call, &error);
    }
    notifier_warn_unchecked(host, call, i->config);
    *out = i;
    return TU_OK;
}

/* --- one request ------------------------------------------------------------------------------ */

typedef struct login {
    char *password, *token;
} login;

static void login_done(login *l) {
    notifier_wipe(l->password);
    notifier_wipe(l->token);
}

static tu_rc open_login(tu_instance *i, tu_call *call, login *l) {
    const char *password = notifier_string(i->config, "password"),
               *token = notifier_string(i->config, "token");
    tu_rc rc = TU_OK;
    *l = (login){NULL, NULL};
    if (*password)
        rc = notifier_secret(i->host, call, password, "password", &l->password);
    if (rc == TU_OK && *token)
        rc = notifier_secret(i->host, call, token, "token", &l->token);
    return rc;
}

static tu_rc ask(tu_instance *i, tu_call *call, const char *url, const login *l, const char *body,
                 tu_http_error *error) {
    const char *username = notifier_string(i->config, "username");
    notifier_request request = {.url = url,
                                .what = "Alertmanager",
                                .bearer = l->token,
                                .username = l->password ? username : NULL,
                                .password = l->password,
                                .method = body ? NULL : "GET",
                                .body = {body, body ? strlen(body) : 0}};
    notifier_answer answer;
    tu_rc rc = notifier_post(i->http, i->host, call, &request, &answer, error);
    if (rc == TU_OK && answer.html)
        rc = notifier_strange_answer(&answer, "Alertmanager", error);
    /* what it already knows it takes again: nothing is uncertain here */
    if (rc == TU_ETIMEOUT)
        rc = error->rc = TU_EUNAVAILABLE;
    notifier_answer_done(&answer);
    return rc;
}

/* Of several failures the one that another attempt may better, so that it is made. */
static bool is_passing(tu_rc rc) {
    return rc == TU_EUNAVAILABLE || rc == TU_ETHROTTLED || rc == TU_ETIMEOUT || rc == TU_EINTERNAL;
}

typedef struct round {
    size_t accepted, failed;
    bool newly; /* one that had answered before */
    tu_http_error error;
} round;

/* False: cancelled. */
static bool ask_one(tu_instance *i, tu_call *call, peer *p, const char *body, const login *l,
                    round *r) {
    tu_http_error error;
    tu_rc rc = ask(i, call, p->url, l, body, &error);
    if (rc == TU_ECANCELLED) {
        r->error = error;
        return false;
    }
    r->accepted += rc == TU_OK;
    r->failed += rc != TU_OK;
    if (rc != TU_OK && (r->failed == 1 || (is_passing(rc) && !is_passing(r->error.rc))))
        r->error = error;
    r->newly |= rc != TU_OK && !p->is_failing;
    p->is_failing = rc != TU_OK;
    return true;
}

/* Those that failed last time come last, so that they keep nobody waiting. */
static bool ask_all(tu_instance *i, tu_call *call, const char *body, const login *l, round *r) {
    bool late[PEERS_LIMIT];
    for (size_t p = 0; p < i->count; p++)
        late[p] = i->peers[p].is_failing;
    for (size_t p = 0; p < i->count; p++)
        if (!late[p] && !ask_one(i, call, &i->peers[p], body, l, r))
            return false;
    for (size_t p = 0; p < i->count; p++)
        if (late[p] && !ask_one(i, call, &i->peers[p], body, l, r))
            return false;
    return true;
}

static tu_rc tell_all(tu_instance *i, tu_call *call, const char *body) {
    round r = {0};
    login l;
    char message[700];
    tu_rc rc = open_login(i, call, &l);
    if (rc == TU_OK && !ask_all(i, call, body, &l, &r))
        rc = tu_http_fail(i->host, call, &r.error);
    login_done(&l);
    if (rc != TU_OK || r.failed == 0)
        return rc;
    snprintf(message, sizeof message, "%zu of %zu peers took the alerts; %s", r.accepted, i->count,
             r.error.message);
    if (r.accepted && !r.newly) {
        i->host->log(call, TU_LOG_WARN, (tu_str){message, strlen(message)}, (tu_str){NULL, 0});
        return TU_OK;
    }
    if (r.accepted) { /* the others have it: once more, whatever the answer was */
        r.error.rc = TU_EUNAVAILABLE;
        snprintf(r.error.code, sizeof r.error.code, "some-peers");
    }
    if (i->count > 1)
        snprintf(r.error.message, sizeof r.error.message, "%.470s", message);
    return tu_http_fail(i->host, call, &r.error);
}

/* --- the calls -------------------------------------------------------------------------------- */

static tu_rc deliver(tu_instance *i, tu_call *call, tu_str message, tu_str key, tu_str context) {
    notifier_context known = {0};
    char reference[REFERENCE_ROOM];
    cJSON *json = cJSON_ParseWithLength(message.p, message.n);
    char *body = NULL;
    tu_rc rc = TU_OK;
    (void)key;
    if (!notifier_context_read(context, &known))
        rc = call_fail(i->host, call, TU_EINTERNAL, "memory", "out of memory");
    else if (!cJSON_IsObject(json))
        rc = call_fail(i->host, call, TU_EINVALID, "message", "the message is no JSON object");
    if (rc == TU_OK) {
        body = alerts_make(
            json,
            &(alerts_options){.language = i->language,
                              .labels = cJSON_GetObjectItemCaseSensitive(i->config, "labels"),
                              .ends_after_s = i->ends_after_s,
                              .now_s = (int64_t)time(NULL),
                              .brief = known.brief,
                              .reference = known.reference},
            reference);
        rc = body ? tell_all(i, call, body)
                  : call_fail(i->host, call, TU_EINTERNAL, "memory", "out of memory");
    }
    if (rc == TU_OK) {
        cJSON *meta = cJSON_CreateObject();
        cJSON_AddStringToObject(meta, "reference", reference);
        rc = call_emit(i->host, call, TU_REC_DELIVERED, 0, meta, (tu_str){NULL, 0});
    }
    cJSON_free(body);
    cJSON_Delete(json);
    notifier_context_done(&known);
    return rc;
}

static tu_rc probe(tu_instance *i, tu_call *call) {
    login l;
    tu_http_error error;
    tu_rc rc = open_login(i, call, &l);
    for (size_t p = 0; p < i->count && rc == TU_OK; p++)
        if ((rc = ask(i, call, i->peers[p].status, &l, NULL, &error)) != TU_OK)
            rc = tu_http_fail(i->host, call, &error);
    login_done(&l);
    return rc;
}

/* --- the descriptor --------------------------------------------------------------------------- */

static const char config_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"peers\"],\"properties\":{"
    "\"peers\":{\"type\":\"array\",\"maxItems\":16,\"items\":{\"type\":\"string\",\"minLength\":1,"
    "\"x-trueup-format\":\"url\"},\"description\":\"All Alertmanagers of the cluster, as in "
    "http://alertmanager-0:9093: each must be told\"},"
    "\"username\":{\"type\":\"string\",\"minLength\":1,\"description\":\"For basic "
    "authentication\"},"
    "\"password\":" NOTIFIER_SECRET(
        "The password of username") ","
                                    "\"token\":" NOTIFIER_SECRET(
                                        "Instead of a password, a bearer "
                                        "token") ","
                                                 "\"labels\":{\"type\":"
                                                 "\"object\","
                                                 "\"additionalProperties\""
                                                 ":{\"type\":\"string\"},"
                                                 "\"description\":"
                                                 "\"Labels for every "
                                                 "alert, as cluster: "
                                                 "prod\"},"
                                                 "\"endsAfter\":{\"type\":"
                                                 "\"string\",\"x-trueup-"
                                                 "format\":\"duration\","
                                                 "\"default\":\"72h\","
                                                 "\"description\":\"A "
                                                 "firing alert that "
                                                 "trueup doesn't tell "
                                                 "again resolves there "
                                                 "after so long: "
                                                 "longer than "
                                                 "repeatInterval, and "
                                                 "than an incident stays "
                                                 "acknowledged\"}"
                                                 "," NOTIFIER_LANGUAGE_SCHEMA
                                                 "," NOTIFIER_HTTP_SCHEMA "}}";

static const tu_common common = {sizeof common, create, destroy, probe};
static const tu_notifier notifier = {
    .size = sizeof notifier, .common = &common, .deliver = deliver};

static const void *vtable(const char *id) {
    return strcmp(id, "trueup.notifier/1") == 0 ? &notifier : NULL;
}

const tu_plugin *trueup_plugin_v1(void) {
    static const tu_plugin plugin = {
        .size = sizeof plugin,
        .abi_minor = TU_ABI_MINOR,
        .min_host_minor = 1,
        .thread_model = TU_THREADS_INSTANCE,
        .traits = TU_NEEDS_NETWORK,
        .id = "dev.trueup.notifier-alertmanager",
        .version = TRUEUP_VERSION,
        .license = "Apache-2.0",
        .summary = "Posts alerts to every peer of a Prometheus Alertmanager",
        .url = "https://trueup.dev",
        .config_schema = config_schema,
        .vtable = vtable,
    };
    return &plugin;
}
