/*
 * notifier-webhook/settings.c: the schema of the configuration, and its reader. Everything that can be found wrong without
 * sending is found here; the code of an error is the pointer to the property, which the host turns into a line.
 *
 * To add an option: a property in the schema, a member in settings.h, a line in one of the readers, a word in the README.
 */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sample.h"

#define HEADER_NAME "\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9-]+$\""

/* Longer than C promises to hold (4095); gcc and clang hold it. */
#pragma GCC diagnostic ignored "-Woverlength-strings"
/* clang-format off */
const char webhook_config_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,"
    "\"oneOf\":[{\"required\":[\"url\"]},{\"required\":[\"urlFrom\"]}],"
    "\"properties\":{"
    "\"url\":{\"type\":\"string\",\"minLength\":1,\"x-trueup-format\":\"url\",\"description\":\"Where messages are sent. If the URL "
        "itself is a secret (chat webhooks), write urlFrom instead\"},"
    "\"urlFrom\":" NOTIFIER_SECRET("A reference to the URL, when it is a secret") ","
    "\"method\":{\"type\":\"string\",\"enum\":[\"POST\",\"PUT\",\"PATCH\"],\"default\":\"POST\",\"description\":\"The method of "
        "the request\"},"
    "\"headers\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"},\"description\":\"Headers to add; each value "
        "is a template, as in {{severity}}\"},"
    "\"secretHeaders\":{\"type\":\"object\",\"additionalProperties\":" NOTIFIER_SECRET("A reference to the header's value")
        ",\"description\":\"Headers whose values are secrets, as Authorization\"},"
    "\"body\":{\"type\":\"string\",\"description\":\"A template of what is sent, instead of the message as it is\"},"
    "\"contentType\":{\"type\":\"string\",\"default\":\"application/json\",\"description\":\"The type of body. In JSON and in "
        "forms every value is escaped for it\"},"
    "\"escape\":{\"type\":\"string\",\"enum\":[\"none\",\"html\",\"markdown\",\"slack\"],\"default\":\"none\",\"description\":\"The "
        "markup that the receiver reads in texts: values lose their meaning in it\"},"
    NOTIFIER_WORDS_SCHEMA ","
    "\"hmac\":{\"type\":\"object\",\"required\":[\"secret\"],\"additionalProperties\":false,\"description\":\"Signs the body: "
        "t=<unix seconds>,v1=<hex HMAC-SHA256 of '<t>.<body>'>\",\"properties\":{"
        "\"secret\":" NOTIFIER_SECRET("A reference to the key") ","
        "\"otherSecret\":" NOTIFIER_SECRET("A second key that signs, too, while receivers change from one to the other") ","
        "\"header\":{" HEADER_NAME ",\"default\":\"X-Trueup-Signature\",\"description\":\"The header of the signature\"},"
        "\"timestampHeader\":{" HEADER_NAME ",\"description\":\"A header that repeats the signature's time, for receivers that want "
        "it apart\"}}},"
    "\"standardWebhooks\":{\"type\":\"object\",\"required\":[\"secret\"],\"additionalProperties\":false,\"description\":\"Signs as "
        "Standard Webhooks 1.0 do: webhook-id, webhook-timestamp, webhook-signature\",\"properties\":{"
        "\"secret\":" NOTIFIER_SECRET("A reference to the key, whsec_ and base64") ","
        "\"otherSecret\":" NOTIFIER_SECRET("A second key that signs, too, while receivers change from one to the other") "}},"
    "\"cloudEvents\":{\"type\":\"object\",\"additionalProperties\":false,\"description\":\"Sends CloudEvents 1.0\",\"properties\":{"
        "\"mode\":{\"type\":\"string\",\"enum\":[\"structured\",\"binary\"],\"default\":\"structured\",\"description\":\"structured: "
        "one JSON document; binary: ce- headers\"},"
        "\"source\":{\"type\":\"string\",\"minLength\":1,\"description\":\"The event's source, a URI reference; default: "
        "/trueup/<installation>\"}}},"
    "\"expect\":{\"type\":\"object\",\"additionalProperties\":false,\"description\":\"What an answer must be to count as "
        "delivered\",\"properties\":{"
        "\"status\":{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":200,\"maximum\":599},\"description\":\"Status codes; "
        "default: any 2xx\"},"
        "\"json\":{\"type\":\"object\",\"description\":\"JSON pointers into the answer, and the values that must stand there\"},"
        "\"page\":{\"type\":\"boolean\",\"default\":false,\"description\":\"Is a web page an answer? By default it is taken for a "
        "proxy's, and the message is sent again\"}}},"
    NOTIFIER_HTTP_SCHEMA ","
    "\"allowLinkLocal\":{\"type\":\"boolean\",\"default\":false,\"description\":\"Allows link-local addresses and those of cloud "
        "metadata services\"}"
    "}}";
/* clang-format on */

const char *const webhook_fields[] = {"title",     "text",  "diff", "sentence",
                                      "uncertain", "brief", "key",  NULL};

enum { MAX_HEADERS = 64 };

/* --- templates ------------------------------------------------------------------------------------- */

/* "/headers/X~1Y" */
static void pointer_to(const char *first, const char *second, char *out, size_t room) {
    size_t n = (size_t)snprintf(out, room, "/%s%s", first, second ? "/" : "");
    for (; second && *second && n + 3 < room; second++) {
        if (*second == '/' || *second == '~')
            out[n++] = '~';
        out[n++] = *second == '/' ? '1' : *second == '~' ? '0' : *second;
    }
    out[n < room ? n : room - 1] = '\0';
}

static tu_rc read_template(const char *text, const char *first, const char *second,
                           tu_template **ret, tu_http_error *e) {
    tu_template_error wrong;
    char pointer[sizeof e->code];
    pointer_to(first, second, pointer, sizeof pointer);
    *ret = tu_template_parse(text, strlen(text), webhook_fields, &wrong);
    if (*ret)
        return TU_OK;
    return notifier_refuse(e, TU_EINVALID, pointer, "%s%s%s: line %u, column %u of it: %s", first,
                           second ? "." : "", second ? second : "", wrong.line, wrong.column,
                           wrong.message);
}

bool settings_is_json(const settings *s) {
    size_t n = strcspn(s->content_type, "; ");
    return (n == 16 && !strncasecmp(s->content_type, "application/json", 16)) ||
           (n > 5 && !strncasecmp(s->content_type + n - 5, "+json", 5));
}

static bool is_form(const settings *s) {
    return !strncasecmp(s->content_type, "application/x-www-form-urlencoded", 33);
}

static tu_escape *escape_of(const settings *s, const char *name) {
    static const struct {
        const char *name;
        tu_escape *plain, *json;
    } escapes[] = {{"none", tu_escape_none, tu_escape_json},
                   {"html", tu_escape_html, tu_escape_html_json},
                   {"markdown", tu_escape_markdown, tu_escape_markdown_json},
                   {"slack", tu_escape_slack, tu_escape_slack_json}};
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
        if (!strcmp(escapes[i].name, name))
            return settings_is_json(s) ? escapes[i].json
                   : is_form(s)        ? tu_escape_url
                                       : escapes[i].plain;
    return settings_is_json(s) ? tu_escape_json : is_form(s) ? tu_escape_url : tu_escape_none;
}

static bool is_header_text(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return false;
    return true;
}

static tu_rc read_body(const cJSON *config, settings *s, tu_http_error *e) {
    const cJSON *body = cJSON_GetObjectItemCaseSensitive(config, "body");
    const char *type = notifier_string(config, "contentType");
    s->content_type = strdup(*type ? type : "application/json");
    if (!s->content_type)
        return notifier_no_memory(e);
    if (!is_header_text(s->content_type))
        return notifier_refuse(e, TU_EINVALID, "/contentType",
                               "contentType: it has a control character in it");
    s->escape = escape_of(s, notifier_string(config, "escape"));
    if (!cJSON_IsString(body)) {
        if (settings_is_json(s))
            return TU_OK;
        return notifier_refuse(e, TU_EINVALID, "/contentType",
                               "contentType: without a body of your own the message is JSON");
    }
    tu_rc rc = read_template(body->valuestring, "body", NULL, &s->body, e);
    return rc == TU_OK && settings_is_json(s) ? sample_check(s, e) : rc;
}

/* --- headers ----------------------------------------------------------------------------------------- */

/* May a header have this name (RFC 9110 section 5.6.2)? */
static bool is_header_name(const char *name) {
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (const char *c = name; *c; c++) {
        bool alphanumeric =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!alphanumeric && !strchr(others, *c))
            return false;
    }
    return *name != '\0' && strlen(name) < 200;
}

/* What the transfer itself or this plugin sets. */
static bool is_ours(const settings *s, const char *name) {
    static const char *const ours[] = {"Content-Length",
                                       "Host",
                                       "Transfer-Encoding",
                                       "Connection",
                                       "Idempotency-Key",
                                       "webhook-id",
                                       "webhook-timestamp",
                                       "webhook-signature",
                                       "Expect",
                                       "X-Trueup-Uncertain"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!strcasecmp(name, ours[i]))
            return true;
    return (s->signature_header && !strcasecmp(name, s->signature_header)) ||
           (s->timestamp_header && !strcasecmp(name, s->timestamp_header)) ||
           (s->cloud == CLOUD_BINARY && !strncasecmp(name, "ce-", 3)) ||
           (s->cloud == CLOUD_STRUCTURED && !strcasecmp(name, "Content-Type"));
}

static bool is_given(const settings *s, const char *name) {
    for (size_t i = 0; i < s->header_count; i++)
        if (!strcasecmp(s->headers[i].name, name))
            return true;
    return false;
}

static tu_rc read_header(settings *s, const cJSON *item, const char *where, tu_http_error *e) {
    header *h = &s->headers[s->header_count];
    bool secret = !strcmp(where, "secretHeaders");
    char pointer[sizeof e->code];
    const char *wrong = !is_header_name(item->string)    ? "is no name for a header"
                        : is_ours(s, item->string)       ? "is set by trueup itself"
                        : is_given(s, item->string)      ? "is there already"
                        : s->header_count == MAX_HEADERS ? "is one header too many"
                        : !is_header_text(item->valuestring)
                            ? "has a line break or another control "
                              "character in its value"
                            : NULL;
    pointer_to(where, item->string, pointer, sizeof pointer);
    if (wrong)
        return notifier_refuse(e, TU_EINVALID, pointer, "%s: \"%.100s\" %s", where, item->string,
                               wrong);
    h->name = strdup(item->string);
    s->header_count++;
    if (h->name && !secret)
        return read_template(item->valuestring, where, item->string, &h->value, e);
    h->handle = strdup(item->valuestring);
    return h->name && h->handle ? TU_OK : notifier_no_memory(e);
}

static tu_rc read_headers(settings *s, const cJSON *config, tu_http_error *e) {
    static const char *const where[] = {"headers", "secretHeaders"};
    s->headers = calloc(MAX_HEADERS + 1, sizeof *s->headers);
    if (!s->headers)
        return notifier_no_memory(e);
    for (size_t i = 0; i < 2; i++) {
        const cJSON *item;
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(config, where[i])) {
            tu_rc rc = read_header(s, item, where[i], e);
            if (rc != TU_OK)
                return rc;
        }
    }
    return TU_OK;
}

/* --- the rest ----------------------------------------------------------------------------------------- */

static tu_rc read_signing(const cJSON *config, settings *s, tu_http_error *e) {
    const cJSON *hmac = cJSON_GetObjectItemCaseSensitive(config, "hmac");
    const cJSON *standard = cJSON_GetObjectItemCaseSensitive(config, "standardWebhooks");
    if (!notifier_copy(&s->hmac.now, hmac, "secret") ||
        !notifier_copy(&s->hmac.other, hmac, "otherSecret") ||
        !notifier_copy(&s->signature_header, hmac, "header") ||
        !notifier_copy(&s->timestamp_header, hmac, "timestampHeader") ||
        !notifier_copy(&s->standard.now, standard, "secret") ||
        !notifier_copy(&s->standard.other, standard, "otherSecret"))
        return notifier_no_memory(e);
    if (hmac && !s->signature_header)
        return notifier_refuse(e, TU_EINVALID, "/hmac", "hmac.header is missing");
    if (s->timestamp_header && !strcasecmp(s->timestamp_header, s->signature_header))
        return notifier_refuse(e, TU_EINVALID, "/hmac/timestampHeader",
                               "hmac.timestampHeader: it must not be the signature's own header");
    return TU_OK;
}

static tu_rc read_cloud(const cJSON *config, settings *s, tu_http_error *e) {
    const cJSON *cloud = cJSON_GetObjectItemCaseSensitive(config, "cloudEvents");
    if (!cloud)
        return TU_OK;
    s->cloud = strcmp(notifier_string(cloud, "mode"), "binary") ? CLOUD_STRUCTURED : CLOUD_BINARY;
    if (!notifier_copy(&s->cloud_source, cloud, "source"))
        return notifier_no_memory(e);
    for (const char *c = s->cloud_source; c && *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7F)
            return notifier_refuse(e, TU_EINVALID, "/cloudEvents/source",
                                   "cloudEvents.source: a URI reference has no blanks");
    return TU_OK;
}

static tu_rc read_expected(const cJSON *config, settings *s, tu_http_error *e) {
    const cJSON *expect = cJSON_GetObjectItemCaseSensitive(config, "expect"), *item;
    const cJSON *json = cJSON_GetObjectItemCaseSensitive(expect, "json");
    s->page_is_answer = notifier_flag(expect, "page");
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(expect, "status")) {
        if (s->expected_count == sizeof s->expected / sizeof *s->expected)
            return notifier_refuse(e, TU_EINVALID, "/expect/status",
                                   "expect.status: at most 32 status codes");
        s->expected[s->expected_count++] = item->valueint;
    }
    cJSON_ArrayForEach(item, json) {
        if (item->string[0] != '/' || cJSON_IsArray(item) || cJSON_IsObject(item))
            return notifier_refuse(e, TU_EINVALID, "/expect/json",
                                   "expect.json: write JSON pointers and what stands there, as in "
                                   "{/ok: true}");
    }
    s->expected_json = json ? cJSON_Duplicate(json, true) : NULL;
    return json && !s->expected_json ? notifier_no_memory(e) : TU_OK;
}

static tu_rc read_parts(const cJSON *config, settings *s, tu_http_error *e) {
    const char *method = notifier_string(config, "method");
    s->allow_link_local = notifier_flag(config, "allowLinkLocal");
    s->method = strdup(*method ? method : "POST");
    if (!s->method || !notifier_copy(&s->url, config, "url") ||
        !notifier_copy(&s->url_handle, config, "urlFrom"))
        return notifier_no_memory(e);
    if (!s->url == !s->url_handle)
        return notifier_refuse(e, TU_EINVALID, "config",
                               "exactly one of url and urlFrom is needed");
    tu_rc rc = s->url ? tu_http_check_url(s->url, notifier_flag(config, "allowHttp"), e) : TU_OK;
    if (rc == TU_OK)
        rc = notifier_words_read(config, &s->words, e);
    if (rc == TU_OK)
        rc = read_signing(config, s, e);
    if (rc == TU_OK)
        rc = read_cloud(config, s, e);
    if (rc == TU_OK)
        rc = read_headers(s, config, e);
    if (rc == TU_OK)
        rc = read_expected(config, s, e);
    return rc == TU_OK ? read_body(config, s, e) : rc;
}

tu_rc settings_read(tu_str config, settings *ret, tu_http_error *error) {
    *ret = (settings){.config = cJSON_ParseWithLength(config.p, config.n)};
    tu_rc rc = ret->config ? read_parts(ret->config, ret, error) : notifier_no_memory(error);
    if (rc != TU_OK)
        settings_done(ret);
    return rc;
}

void settings_done(settings *s) {
    for (size_t i = 0; i < s->header_count; i++) {
        free(s->headers[i].name);
        free(s->headers[i].handle);
        tu_template_free(s->headers[i].value);
    }
    free(s->headers);
    free(s->url);
    free(s->url_handle);
    free(s->method);
    free(s->content_type);
    free(s->hmac.now);
    free(s->hmac.other);
    free(s->standard.now);
    free(s->standard.other);
    free(s->signature_header);
    free(s->timestamp_header);
    free(s->cloud_source);
    tu_template_free(s->body);
    notifier_words_done(&s->words);
    cJSON_Delete(s->expected_json);
    cJSON_Delete(s->config);
    *s = (settings){0};
}
