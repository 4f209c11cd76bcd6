/*
 * notifier-webhook/settings.c: the schema of the configuration, and its reader.
 *
 * To add an option: a property in the schema, a member in settings.h, a line in settings_read().
 */
#include "settings.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "template.h"

#define SECRET(description)                                                                        \
    "{\"type\":\"string\",\"x-trueup-secret\":true,\"description\":\"" description "\"}"
#define HEADER_NAME(description)                                                                   \
    "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9-]+$\",\"description\":\"" description "\""

const char webhook_config_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,"
    "\"oneOf\":[{\"required\":[\"url\"]},{\"required\":[\"urlFrom\"]}],"
    "\"properties\":{"
    "\"url\":{\"type\":\"string\",\"minLength\":1,\"x-trueup-format\":\"url\",\"description\":"
    "\"Where messages are "
    "sent with POST. If the URL itself is a secret (chat webhooks), write urlFrom instead\"},"
    "\"urlFrom\":" SECRET(
        "A reference to the URL, when it is a secret: {env: NAME} or {file: "
        "PATH}") ","
                 "\"headers\":{\"type\":\"object\",\"additionalProperties\":{"
                 "\"type\":\"string\"},\"description\":\"Headers to "
                 "add. {{/pointer}} is replaced by a value of the message, as in "
                 "{{/severity}}\"},"
                 "\"secretHeaders\":{\"type\":\"object\","
                 "\"additionalProperties\":" SECRET(
                     "A reference to the header's value") ",\"description\":"
                                                          "\"Headers whose "
                                                          "values are secrets, "
                                                          "as Authorization\"},"
                                                          "\"hmac\":{\"type\":"
                                                          "\"object\","
                                                          "\"required\":["
                                                          "\"secret\"],"
                                                          "\"additionalProperties"
                                                          "\":false,"
                                                          "\"description\":"
                                                          "\"Signs the message: "
                                                          "t=<unix "
                                                          "seconds>,v1=<hex "
                                                          "HMAC-SHA256 of "
                                                          "'<t>.<body>'>\","
                                                          "\"properties\":{"
                                                          "\"secret\":" SECRET(
                                                              "A reference to "
                                                              "the key") ","
                                                                         "\"heade"
                                                                         "r\""
                                                                         ":" HEADER_NAME(
                                                                             "The"
                                                                             " he"
                                                                             "ade"
                                                                             "r "
                                                                             "of "
                                                                             "the"
                                                                             " si"
                                                                             "gna"
                                                                             "tur"
                                                                             "e") ",\"default\":"
                                                                                  "\"X-Trueup-"
                                                                                  "Signature\"},"
                                                                                  "\"timestampHeade"
                                                                                  "r\""
                                                                                  ":" HEADER_NAME(
                                                                                      "A header "
                                                                                      "that "
                                                                                      "repeats the "
                                                                                      "signature's "
                                                                                      "time, for "
                                                                                      "receivers "
                                                                                      "that want "
                                                                                      "it apart") "}}},"
                                                                                                  "\"timeout\":{\"type\":\"string\",\"x-trueup-format\":\"duration\",\"default\":\"15s\",\"description\":\"How "
                                                                                                  "long one attempt may take\"},"
                                                                                                  "\"tls\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                                                                                                  "\"caFile\":{\"type\":\"string\",\"x-trueup-format\":\"path\",\"description\":\"PEM file of the certificates to trust instead of the system's\"},"
                                                                                                  "\"certFile\":{\"type\":\"string\",\"x-trueup-format\":\"path\",\"description\":\"PEM file of the client certificate\"},"
                                                                                                  "\"keyFile\":{\"type\":\"string\",\"x-trueup-format\":\"path\",\"description\":\"PEM file of its key\"},"
                                                                                                  "\"insecureSkipVerify\":{\"type\":\"boolean\",\"default\":false,\"description\":\"Takes any certificate. For "
                                                                                                  "tests only\"}}},"
                                                                                                  "\"allowHttp\":{\"type\":\"boolean\",\"default\":false,\"description\":\"Allows plain http to other machines\"}"
                                                                                                  "}}";

static tu_rc refuse(tu_http_error *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static tu_rc refuse(tu_http_error *e, const char *format, ...) {
    va_list list;
    *e = (tu_http_error){.rc = TU_EINVALID, .code = "config"};
    va_start(list, format);
    vsnprintf(e->message, sizeof e->message, format, list);
    va_end(list);
    return TU_EINVALID;
}

static tu_rc out_of_memory(tu_http_error *e) {
    *e = (tu_http_error){.rc = TU_EINTERNAL, .code = "memory", .message = "out of memory"};
    return TU_EINTERNAL;
}

/* Copies a string member; a member that isn't there leaves NULL. False: no memory. */
static bool copy_member(char **to, const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsString(item))
        return true;
    *to = strdup(item->valuestring);
    return *to != NULL;
}

static bool flag(const cJSON *object, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* "1m30s", "500ms"; the host has checked the form. 0 when it is none. */
static int64_t read_duration(const char *text) {
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    int64_t sum = 0;
    while (*text) {
        char *end;
        double number = strtod(text, &end);
        size_t length = strspn(end, "mshd"), i = 0;
        while (i < 5 && (strlen(units[i].unit) != length || strncmp(end, units[i].unit, length)))
            i++;
        if (end == text || i == 5 || number < 0 || number > 1e9)
            return 0;
        sum += (int64_t)(number * (double)units[i].ms);
        text = end + length;
    }
    return sum;
}

/* What the transfer itself or this plugin sets. */
static bool is_ours(const settings *s, const char *name) {
    static const char *const ours[] = {
        "Content-Length", "Host",  "Transfer-Encoding", "Connection", "Idempotency-Key",
        "webhook-id",     "Expect"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!strcasecmp(name, ours[i]))
            return true;
    return (s->signature_header && !strcasecmp(name, s->signature_header)) ||
           (s->timestamp_header && !strcasecmp(name, s->timestamp_header));
}

static bool is_given(const settings *s, const char *name) {
    for (size_t i = 0; i < s->header_count; i++)
        if (!strcasecmp(s->headers[i].name, name))
            return true;
    return false;
}

static tu_rc read_headers(settings *s, const cJSON *map, bool secret, tu_http_error *e) {
    const char *where = secret ? "secretHeaders" : "headers";
    const cJSON *item;
    cJSON_ArrayForEach(item, map) {
        const char *wrong = secret ? NULL : template_check(item->valuestring);
        if (!header_name_is_valid(item->string))
            return refuse(e, "%s: \"%s\" is no name for a header", where, item->string);
        if (is_ours(s, item->string))
            return refuse(e, "%s: %s is set by trueup itself", where, item->string);
        if (is_given(s, item->string))
            return refuse(e, "%s: %s is there already", where, item->string);
        if (wrong)
            return refuse(e, "headers.%s: %s", item->string, wrong);
        header *grown = realloc(s->headers, (s->header_count + 1) * sizeof *grown);
        if (!grown)
            return out_of_memory(e);
        s->headers = grown;
        header *h = &s->headers[s->header_count++];
        *h = (header){strdup(item->string), strdup(item->valuestring), secret};
        if (!h->name || !h->value)
            return out_of_memory(e);
    }
    return TU_OK;
}

static tu_rc read_parts(const cJSON *config, settings *s, tu_http_error *e) {
    const cJSON *hmac = cJSON_GetObjectItemCaseSensitive(config, "hmac");
    const cJSON *tls = cJSON_GetObjectItemCaseSensitive(config, "tls");
    const cJSON *timeout = cJSON_GetObjectItemCaseSensitive(config, "timeout");
    tu_rc rc;

    if (!copy_member(&s->url, config, "url") || !copy_member(&s->url_handle, config, "urlFrom") ||
        !copy_member(&s->hmac_handle, hmac, "secret") ||
        !copy_member(&s->signature_header, hmac, "header") ||
        !copy_member(&s->timestamp_header, hmac, "timestampHeader") ||
        !copy_member(&s->ca_file, tls, "caFile") || !copy_member(&s->cert_file, tls, "certFile") ||
        !copy_member(&s->key_file, tls, "keyFile"))
        return out_of_memory(e);
    s->insecure_skip_verify = flag(tls, "insecureSkipVerify");
    s->allow_http = flag(config, "allowHttp");
    s->timeout_ms = cJSON_IsString(timeout) ? read_duration(timeout->valuestring) : 15000;
    if (s->timeout_ms <= 0)
        return refuse(e, "timeout: it must be longer than nothing, as in 15s");
    if (!s->url == !s->url_handle)
        return refuse(e, "exactly one of url and urlFrom is needed");
    if (hmac && !s->signature_header)
        return refuse(e, "hmac.header is missing");
    if (s->timestamp_header && !strcasecmp(s->timestamp_header, s->signature_header))
        return refuse(e, "hmac.timestampHeader: it must not be the signature's own header");
    rc = s->url ? tu_http_check_url(s->url, s->allow_http, e) : TU_OK;
    if (rc == TU_OK)
        rc = read_headers(s, cJSON_GetObjectItemCaseSensitive(config, "headers"), false, e);
    if (rc == TU_OK)
        rc = read_headers(s, cJSON_GetObjectItemCaseSensitive(config, "secretHeaders"), true, e);
    return rc;
}

tu_rc settings_read(tu_str config, settings *ret, tu_http_error *error) {
    cJSON *json = cJSON_ParseWithLength(config.p, config.n);
    tu_rc rc;
    *ret = (settings){0};
    rc = json ? read_parts(json, ret, error) : out_of_memory(error);
    cJSON_Delete(json);
    if (rc != TU_OK)
        settings_done(ret);
    return rc;
}

void settings_done(settings *s) {
    for (size_t i = 0; i < s->header_count; i++) {
        free(s->headers[i].name);
        free(s->headers[i].value);
    }
    free(s->headers);
    free(s->url);
    free(s->url_handle);
    free(s->hmac_handle);
    free(s->signature_header);
    free(s->timestamp_header);
    free(s->ca_file);
    free(s->cert_file);
    free(s->key_file);
    *s = (settings){0};
}
