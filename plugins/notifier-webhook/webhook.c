/*
 * notifier-webhook: posts the message, as it is, to a URL.
 *
 *   POST <url>
 *   Content-Type: application/json
 *   Idempotency-Key: <key>            the same for every attempt of one message
 *   webhook-id: <key>                 the same again, as Standard Webhooks 1.0 call it
 *   X-Trueup-Signature: t=<unix>,v1=<hex>     with hmac: HMAC-SHA256 over "<unix>.<body>"
 *
 * A receiver checks a signature by computing the HMAC over the t that it got, a full stop and the
 * bytes of the body, comparing in constant time, and refusing a t that is more than five minutes
 * away from its clock.
 *
 * It tries once; the core retries. Any 2xx is success, and what the answer says beyond its status
 * is neither kept nor logged. Redirects are not followed: a message must not end where nobody has
 * looked.
 *
 * Secrets (the URL, header values) are copied for one attempt and wiped after it; the HMAC key
 * isn't copied at all.
 */
#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "settings.h"
#include "template.h"

#define ANSWER_LIMIT                                                                               \
    (64u * 1024u)      /* bytes of an answer read so that the connection can be used again */
#define OWN_HEADERS 5u /* Content-Type, Idempotency-Key, webhook-id, signature, timestamp */

struct tu_instance {
    const tu_host *host;
    settings settings;
    tu_http *http;
};

static tu_str str(const char *s) {
    return (tu_str){s, strlen(s)};
}

/* --- life ------------------------------------------------------------------------------------- */

static void destroy(tu_instance *i) {
    if (!i)
        return;
    tu_http_free(i->http);
    settings_done(&i->settings);
    free(i);
}

static tu_rc create(const tu_host *host, tu_call *call, tu_str config, tu_instance **out) {
    tu_http_error error = {.rc = TU_EINTERNAL, .code = "memory", .message = "out of memory"};
    tu_instance *i = calloc(1, sizeof *i);
    tu_rc rc;
    if (!i)
        return tu_http_fail(host, call, &error);
    i->host = host;
    rc = settings_read(config, &i->settings, &error);
    if (rc == TU_OK) {
        const settings *s = &i->settings;
        rc = tu_http_new(&(tu_http_options){.ca_file = s->ca_file,
                                            .cert_file = s->cert_file,
                                            .key_file = s->key_file,
                                            .insecure_skip_verify = s->insecure_skip_verify,
                                            .allow_http = s->allow_http,
                                            .stall_timeout_ms = s->timeout_ms,
                                            .total_timeout_ms = s->timeout_ms},
                         &i->http, &error);
    }
    if (rc == TU_OK) {
        if (i->settings.insecure_skip_verify)
            host->log(call, TU_LOG_WARN,
                      str("tls.insecureSkipVerify is set: anybody on the way can read and answer"),
                      str(""));
        *out = i;
        return TU_OK;
    }
    destroy(i);
    return tu_http_fail(host, call, &error);
}

/* --- secrets ---------------------------------------------------------------------------------- */

static void wipe(char *text) {
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

/* Receives "<prefix><value>"; NULL after failure. */
typedef struct opening {
    const char *prefix;
    char *text;
    bool is_one_line;
} opening;

static void copy_secret(void *arg, tu_str value) {
    opening *o = arg;
    size_t prefix = strlen(o->prefix);
    o->is_one_line = !memchr(value.p, '\n', value.n) && !memchr(value.p, '\r', value.n) &&
                     !memchr(value.p, '\0', value.n);
    o->text = malloc(prefix + value.n + 1);
    if (!o->text)
        return;
    memcpy(o->text, o->prefix, prefix);
    memcpy(o->text + prefix, value.p, value.n);
    o->text[prefix + value.n] = '\0';
}

/* *ret is to be wiped. `what` is for the message. */
static tu_rc open_secret(tu_instance *i, tu_call *call, const char *handle, const char *prefix,
                         const char *what, char **ret) {
    opening o = {.prefix = prefix};
    char message[200];
    tu_rc rc = i->host->secret(call, str(handle), copy_secret, &o);
    if (rc != TU_OK)
        return rc; /* the host has said why */
    if (!o.text)
        return i->host->fail(call, TU_EINTERNAL, 0, str("memory"), str("out of memory"));
    if (!o.is_one_line) {
        wipe(o.text);
        snprintf(message, sizeof message, "the secret for %s has more than one line", what);
        return i->host->fail(call, TU_EINVALID, 0, str("secret"), str(message));
    }
    *ret = o.text;
    return TU_OK;
}

/* --- the request's headers -------------------------------------------------------------------- */

typedef struct lines {
    char **items; /* each to be wiped; then NULL */
    size_t n;
} lines;

static void lines_done(lines *l) {
    for (size_t i = 0; l->items && i < l->n; i++)
        wipe(l->items[i]);
    free(l->items);
}

static bool add_line(lines *l, const char *name, const char *value) {
    size_t room = strlen(name) + strlen(value) + 3;
    char *line = malloc(room);
    if (!line)
        return false;
    snprintf(line, room, "%s: %s", name, value);
    l->items[l->n++] = line;
    return true;
}

static tu_rc add_secret_line(tu_instance *i, tu_call *call, const header *h, lines *l) {
    char prefix[256], what[200];
    snprintf(prefix, sizeof prefix, "%.250s: ", h->name);
    snprintf(what, sizeof what, "secretHeaders.%.180s", h->name);
    tu_rc rc = open_secret(i, call, h->value, prefix, what, &l->items[l->n]);
    l->n += rc == TU_OK;
    return rc;
}

typedef struct signing {
    const char *time; /* unix seconds */
    tu_str body;
    char hex[65]; /* empty after failure */
} signing;

/* HMAC-SHA256 over "<time>.<body>". */
static void sign(void *arg, tu_str key) {
    signing *s = arg;
    unsigned char digest[32];
    size_t n = sizeof digest;
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
    char name[] = "SHA256";
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", name, 0),
                               OSSL_PARAM_construct_end()};
    bool done = context && EVP_MAC_init(context, (const unsigned char *)key.p, key.n, parameters) &&
                EVP_MAC_update(context, (const unsigned char *)s->time, strlen(s->time)) &&
                EVP_MAC_update(context, (const unsigned char *)".", 1) &&
                EVP_MAC_update(context, (const unsigned char *)s->body.p, s->body.n) &&
                EVP_MAC_final(context, digest, &n, sizeof digest);
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
    for (size_t i = 0; done && i < sizeof digest; i++)
        snprintf(s->hex + 2 * i, 3, "%02x", digest[i]);
}

static tu_rc add_signature(tu_instance *i, tu_call *call, tu_str body, lines *l) {
    const settings *s = &i->settings;
    char now[24], value[128];
    signing work = {.time = now, .body = body};
    tu_rc rc;

    snprintf(now, sizeof now, "%lld", (long long)time(NULL));
    rc = i->host->secret(call, str(s->hmac_handle), sign, &work);
    if (rc != TU_OK)
        return rc;
    snprintf(value, sizeof value, "t=%s,v1=%s", now, work.hex);
    if (!work.hex[0] || !add_line(l, s->signature_header, value) ||
        (s->timestamp_header && !add_line(l, s->timestamp_header, now)))
        return i->host->fail(call, TU_EINTERNAL, 0, str("sign"),
                             str("the message can't be signed"));
    return TU_OK;
}

static bool add_template_line(const header *h, const cJSON *message, lines *l) {
    char *value = template_render(h->value, message);
    bool added = value && add_line(l, h->name, value);
    free(value);
    return added;
}

static tu_rc add_configured(tu_instance *i, tu_call *call, tu_str body, lines *l) {
    const settings *s = &i->settings;
    cJSON *message = cJSON_ParseWithLength(body.p, body.n);
    tu_rc rc = TU_OK;
    for (size_t h = 0; h < s->header_count && rc == TU_OK; h++) {
        const header *given = &s->headers[h];
        if (given->is_secret)
            rc = add_secret_line(i, call, given, l);
        else if (!add_template_line(given, message, l))
            rc = i->host->fail(call, TU_EINTERNAL, 0, str("memory"), str("out of memory"));
    }
    cJSON_Delete(message);
    return rc;
}

static tu_rc make_headers(tu_instance *i, tu_call *call, tu_str body, const char *key, lines *l) {
    const settings *s = &i->settings;
    bool has_type = false;
    tu_rc rc;

    l->items = calloc(s->header_count + OWN_HEADERS + 1, sizeof *l->items);
    for (size_t h = 0; h < s->header_count; h++)
        has_type |= !strcasecmp(s->headers[h].name, "Content-Type");
    if (!l->items || (!has_type && !add_line(l, "Content-Type", "application/json")) ||
        !add_line(l, "Idempotency-Key", key) || !add_line(l, "webhook-id", key))
        return i->host->fail(call, TU_EINTERNAL, 0, str("memory"), str("out of memory"));
    rc = add_configured(i, call, body, l);
    if (rc == TU_OK && s->hmac_handle)
        rc = add_signature(i, call, body, l);
    return rc;
}

/* --- sending ---------------------------------------------------------------------------------- */

/* An answer that was read to its end leaves the connection usable. What it says doesn't matter, nor
 * whether it ends well. */
static void drain(tu_http_exchange *x) {
    char bytes[4096];
    size_t n = 1, sum = 0;
    while (n && sum < ANSWER_LIMIT && tu_http_read(x, bytes, sizeof bytes, &n, NULL) == TU_OK)
        sum += n;
}

static tu_rc post(tu_instance *i, tu_call *call, const char *url, const lines *l, tu_str body) {
    tu_http_request request = {.method = "POST",
                               .url = url,
                               .headers = (const char *const *)l->items,
                               .body = body,
                               .host = i->host,
                               .call = call};
    tu_http_error error;
    tu_http_exchange *x = NULL;
    tu_rc rc = tu_http_begin(i->http, &request, &x, &error);
    if (rc == TU_OK) {
        rc = tu_http_classify(x, &error);
        /* To a sender of messages, an address that isn't there and a conflict are plain refusals.
         */
        if (rc == TU_ENOTFOUND || rc == TU_ECONFLICT)
            rc = error.rc = TU_EINVALID;
        drain(x);
    }
    tu_http_end(x);
    return rc == TU_OK ? TU_OK : tu_http_fail(i->host, call, &error);
}

/* The URL, from the configuration or a secret; *ret is to be wiped. */
static tu_rc get_url(tu_instance *i, tu_call *call, char **ret) {
    const settings *s = &i->settings;
    if (s->url_handle)
        return open_secret(i, call, s->url_handle, "", "urlFrom", ret);
    *ret = strdup(s->url);
    return *ret ? TU_OK : i->host->fail(call, TU_EINTERNAL, 0, str("memory"), str("out of memory"));
}

static tu_rc send_message(tu_instance *i, tu_call *call, tu_str message, tu_str key) {
    lines l = {NULL, 0};
    char *url = NULL, *id = strndup(key.n ? key.p : "", key.n);
    tu_rc rc = id ? get_url(i, call, &url)
                  : i->host->fail(call, TU_EINTERNAL, 0, str("memory"), str("out of memory"));
    if (rc == TU_OK)
        rc = make_headers(i, call, message, id, &l);
    if (rc == TU_OK)
        rc = post(i, call, url, &l, message);
    lines_done(&l);
    wipe(url);
    free(id);
    return rc;
}

/* There is no request that every receiver takes without effect, so only what is on our side is
 * looked at. */
static tu_rc probe(tu_instance *i, tu_call *call) {
    lines l = {NULL, 0};
    char *url = NULL;
    tu_http_error error;
    tu_rc rc = get_url(i, call, &url);
    if (rc == TU_OK && tu_http_check_url(url, i->settings.allow_http, &error) != TU_OK)
        rc = tu_http_fail(i->host, call, &error);
    if (rc == TU_OK)
        rc = make_headers(i, call, (tu_str){"{}", 2}, "probe", &l);
    lines_done(&l);
    wipe(url);
    return rc;
}

/* --- the descriptor --------------------------------------------------------------------------- */

static const tu_common common = {sizeof common, create, destroy, probe};
static const tu_notifier notifier = {
    .size = sizeof notifier, .common = &common, .send = send_message};

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
        .id = "dev.trueup.notifier-webhook",
        .version = TRUEUP_VERSION,
        .license = "Apache-2.0",
        .summary = "Posts messages as JSON to a URL, signed when a key is given",
        .url = "https://trueup.dev",
        .config_schema = webhook_config_schema,
        .vtable = vtable,
    };
    return &plugin;
}
