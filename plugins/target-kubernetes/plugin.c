/*
 * plugin.c: the Kubernetes target: its descriptor, its instance, its table of functions.
 *
 * Every function of the table is the same few lines: call the function that does it, and hand its
 * error to the host.
 */
#include "kube.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DURATION "\"type\":\"string\",\"pattern\":\"^[0-9]{1,4}(ms|s|m)$\""

static const char config_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"kubeconfig\":{\"type\":\"string\",\"default\":\"\",\"description\":"
    "\"a kubeconfig file; default: KUBECONFIG, ~/.kube/config, then the pod's service account\"},"
    "\"context\":{\"type\":\"string\",\"default\":\"\",\"description\":"
    "\"a context of the kubeconfig; default: its current-context\"},"
    "\"requestTimeout\":{" DURATION ",\"default\":\"30s\",\"description\":"
    "\"how long one request may take, and a list stand still; watches are not limited\"},"
    "\"retryDelay\":{" DURATION ",\"default\":\"800ms\",\"description\":"
    "\"how long to wait before a failed list or watch is tried again; doubled up to 30s\"},"
    "\"pageSize\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":10000,\"default\":0,"
    "\"description\":\"objects that are asked for at once when listing; 0: whole lists where the "
    "server has them at hand (from 1.33), else 500\"}}}";

const char *kube_member_string(const cJSON *object, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(v) && v->valuestring ? v->valuestring : "";
}

bool kube_member_true(const cJSON *object, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static tu_rc hand_over(const tu_host *host, tu_call *call, tu_rc rc, const kube_error *e) {
    if (rc == TU_OK || e->rc != rc) /* a refusal of the host's own (emit) is returned as it is */
        return rc;
    return host->fail(call, rc, e->retry_after_ms, kube_str(e->code), kube_str(e->message));
}

/* "30s" as the schema admits it; 0 when it is something else. */
static long duration_ms(const char *text) {
    char *unit;
    long n = strtol(text, &unit, 10);
    if (n < 0 || n > 9999)
        return 0;
    return strcmp(unit, "ms") == 0  ? n
           : strcmp(unit, "s") == 0 ? n * 1000
           : strcmp(unit, "m") == 0 ? n * 60000
                                    : 0;
}

static void target_destroy(tu_instance *k) {
    if (!k)
        return;
    kube_sessions_free(k);
    kube_login_free(k->login);
    kube_discovery_free(k->discovery);
    kube_openapi_free(k->openapi);
    kube_cluster_done(&k->cluster);
    pthread_mutex_destroy(&k->sessions_lock);
    free(k);
}

/* scheme://host[:port], without a user's name or a path that a proxy may keep a secret in. */
static void set_endpoint(tu_instance *k) {
    const char *host = strstr(k->cluster.server, "://") + 3;
    size_t n = strcspn(host, "/?#");
    const char *at = memchr(host, '@', n);
    size_t skip = at ? (size_t)(at - host) + 1 : 0;
    snprintf(k->endpoint, sizeof(k->endpoint), "%.*s%.*s", (int)(host - k->cluster.server),
             k->cluster.server, (int)(n - skip), host + skip);
}

static tu_rc instance_fill(tu_instance *k, const cJSON *config, kube_error *error) {
    const cJSON *page = cJSON_GetObjectItemCaseSensitive(config, "pageSize");
    const char *timeout = kube_member_string(config, "requestTimeout");
    k->page_size = cJSON_IsNumber(page) ? page->valueint : 0;
    k->request_timeout_ms = timeout[0] ? duration_ms(timeout) : KUBE_REQUEST_TIMEOUT_MS;
    const char *delay = kube_member_string(config, "retryDelay");
    k->retry_delay_ms = delay[0] ? duration_ms(delay) : KUBE_RETRY_DELAY_MS;
    if (k->retry_delay_ms <= 0)
        return kube_error_set(error, TU_EINVALID, "config", "retryDelay is no time like 800ms");
    if (k->request_timeout_ms <= 0)
        return kube_error_set(error, TU_EINVALID, "config", "requestTimeout is no time like 30s");
    tu_rc rc =
        kube_cluster_load(kube_str(kube_member_string(config, "kubeconfig")),
                          kube_str(kube_member_string(config, "context")), &k->cluster, error);
    if (rc != TU_OK)
        return rc;
    set_endpoint(k);
    k->login = kube_login_new(&k->cluster);
    k->discovery = kube_discovery_new();
    k->openapi = kube_openapi_new();
    return k->login && k->discovery && k->openapi
               ? TU_OK
               : kube_error_set(error, TU_EINTERNAL, "memory", "out of memory");
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static void curl_begin(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static tu_rc target_create(const tu_host *host, tu_call *call, tu_str config, tu_instance **out) {
    kube_error error = {0};
    pthread_once(&curl_once, curl_begin);
    cJSON *root = cJSON_ParseWithLength(config.p, config.n);
    tu_instance *k = calloc(1, sizeof(*k));
    tu_rc rc = TU_OK;
    if (!root || !k)
        rc = kube_error_set(&error, root ? TU_EINTERNAL : TU_EINVALID, "config",
                            root ? "out of memory" : "the configuration is not JSON");
    if (rc == TU_OK) {
        k->host = host;
        pthread_mutex_init(&k->sessions_lock, NULL);
        rc = instance_fill(k, root, &error);
    }
    cJSON_Delete(root);
    if (rc == TU_OK) {
        *out = k;
        return TU_OK;
    }
    if (k && k->host)
        target_destroy(k);
    else
        free(k);
    return hand_over(host, call, rc, &error);
}

/* Are the server and the login all right? /version may be open to everybody; /api asks who we are.
 */
static tu_rc target_probe(tu_instance *k, tu_call *call) {
    kube_error error = {0};
    kube_transfer t = {.path = "/api", .topic = {.verb = "get", .resource = "the API"}};
    tu_rc rc = kube_request(k, call, &t, &error);
    kube_transfer_done(&t);
    return hand_over(k->host, call, rc, &error);
}

static tu_rc target_discover(tu_instance *k, tu_call *call) {
    kube_error error = {0};
    return hand_over(k->host, call, kube_discover(k, call, &error), &error);
}

static tu_rc target_describe(tu_instance *k, tu_call *call, tu_str kind) {
    kube_error error = {0};
    return hand_over(k->host, call, kube_describe(k, call, kind, &error), &error);
}

static tu_rc target_list(tu_instance *k, tu_call *call, tu_str selector) {
    kube_error error = {0};
    return hand_over(k->host, call, kube_collect(k, call, selector, false, &error), &error);
}

static tu_rc target_watch(tu_instance *k, tu_call *call, tu_str selector) {
    kube_error error = {0};
    return hand_over(k->host, call, kube_collect(k, call, selector, true, &error), &error);
}

static tu_rc target_get(tu_instance *k, tu_call *call, tu_str identity) {
    kube_error error = {0};
    return hand_over(k->host, call, kube_get(k, call, identity, &error), &error);
}

static tu_rc target_apply(tu_instance *k, tu_call *call, tu_str object, tu_str options) {
    kube_error error = {0};
    return hand_over(k->host, call, kube_apply(k, call, object, options, &error), &error);
}

static tu_rc target_patch(tu_instance *k, tu_call *call, tu_str identity, tu_str patch,
                          tu_str options) {
    kube_error error = {0};
    return hand_over(k->host, call, kube_patch(k, call, identity, patch, options, &error), &error);
}

static tu_rc target_remove(tu_instance *k, tu_call *call, tu_str identity, tu_str options) {
    kube_error error = {0};
    return hand_over(k->host, call, kube_remove(k, call, identity, options, &error), &error);
}

static tu_rc target_health(tu_instance *k, tu_call *call, tu_str object) {
    kube_error error = {0};
    return hand_over(k->host, call, kube_health(k, call, object, &error), &error);
}

static const tu_common common = {.size = sizeof(common),
                                 .create = target_create,
                                 .destroy = target_destroy,
                                 .probe = target_probe};
static const tu_target target = {.size = sizeof(target),
                                 .common = &common,
                                 .discover = target_discover,
                                 .describe = target_describe,
                                 .list = target_list,
                                 .watch = target_watch,
                                 .get = target_get,
                                 .apply = target_apply,
                                 .patch = target_patch,
                                 .remove = target_remove,
                                 .health = target_health};

static const void *vtable(const char *id) {
    return strcmp(id, "trueup.target/1") == 0 ? &target : NULL;
}

static const tu_plugin descriptor = {.size = sizeof(descriptor),
                                     .abi_minor = TU_ABI_MINOR,
                                     .min_host_minor = 0,
                                     .thread_model = TU_THREADS_PARALLEL,
                                     .traits = TU_NEEDS_NETWORK | TU_NEEDS_EXEC | TU_NEEDS_SCRATCH,
                                     .id = "dev.trueup.target-kubernetes",
                                     .version = TRUEUP_VERSION,
                                     .license = "Apache-2.0",
                                     .summary = "live state in a Kubernetes cluster",
                                     .url = "https://trueup.dev",
                                     .config_schema = config_schema,
                                     .vtable = vtable};

TU_PLUGIN_EXPORT const tu_plugin *trueup_plugin_v1(void) {
    return &descriptor;
}
