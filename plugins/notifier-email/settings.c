/*
 * notifier-email/settings.c: the schema of the configuration, and its reader.
 *
 * To add a setting: a property in the schema, a member in settings.h, a line in a reader here, its name in the README.
 */
#include "settings.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES(description)                                                                     \
    "{\"type\":\"array\",\"maxItems\":100,\"items\":{\"type\":\"string\",\"minLength\":3},"        \
    "\"description\":\"" description "\"}"
#define TEXT(description) "{\"type\":\"string\",\"description\":\"" description "\"}"

const char email_config_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,"
    "\"required\":[\"server\",\"from\",\"to\"],\"properties\":{"
    "\"server\":{\"type\":\"string\",\"minLength\":1,"
    "\"description\":\"smtp://host:587 "
    "(STARTTLS) or smtps://host:465\"},"
    "\"starttls\":{\"type\":\"string\",\"enum\":[\"required\","
    "\"never\"],\"default\":\"required\","
    "\"description\":\"never: plain text, for a server on this "
    "machine; with a password only "
    "there\"},"
    "\"username\":" TEXT(
        "Who logs in; without it nobody does") ","
                                               "\"p"
                                               "ass"
                                               "wor"
                                               "d\""
                                               ":" NOTIFIER_SECRET("The password of username") ","
                                                                                               "\"t"
                                                                                               "oke"
                                                                                               "n\""
                                                                                               ":" NOTIFIER_SECRET("Instead of a password, an OAuth 2 access token (XOAUTH2)") ","
                                                                                                                                                                               "\"from\":" TEXT("The sender, as in trueup <trueup@example.com>; bounces go there") ","
                                                                                                                                                                                                                                                                   "\"to\":" ADDRESSES("Who gets the mail") ","
                                                                                                                                                                                                                                                                                                            "\"cc\":" ADDRESSES("Who gets a copy") "," NOTIFIER_LANGUAGE_SCHEMA
                                                                                                                                                                                                                                                                                                                                                   ","
                                                                                                                                                                                                                                                                                                                                                   "\"templates\":{\"type\":\"object\",\"additionalProperties\":false,\"description\":\"Own words "
                                                                                                                                                                                                                                                                                                                                                   "instead of trueup's\",\"properties\":{"
                                                                                                                                                                                                                                                                                                                                                   "\"subject\":" TEXT("The subject; keep it the same over an incident, or mail programs don't "
                                                                                                                                                                                                                                                                                                                                                                       "thread it") ","
                                                                                                                                                                                                                                                                                                                                                                                    "\"text\":" TEXT("The text part") ","
                                                                                                                                                                                                                                                                                                                                                                                                                      "\"html\":" TEXT("The HTML part; values are escaped") "}},"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "\"timeout\":{\"type\":\"string\",\"x-trueup-format\":\"duration\",\"default\":\"30s\","
                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "\"description\":\"How long one attempt may take\"},"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "\"tls\":{\"type\":\"object\",\"additionalProperties\":false,\"description\":\"Certificates\","
                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "\"properties\":{"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "\"caFile\":{\"type\":\"string\",\"x-trueup-format\":\"path\",\"description\":\"PEM file of "
                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "the certificates to trust instead of the system's\"},"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "\"certFile\":{\"type\":\"string\",\"x-trueup-format\":\"path\",\"description\":\"PEM file of "
                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "the client certificate\"},"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "\"keyFile\":{\"type\":\"string\",\"x-trueup-format\":\"path\",\"description\":\"PEM file of "
                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "its key\"},"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "\"insecureSkipVerify\":{\"type\":\"boolean\",\"default\":false,\"description\":\"Takes any "
                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "certificate. For tests only\"}}}"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "}}";

/* --- the server ------------------------------------------------------------------------------- */

static bool is_this_machine(const char *host) {
    return !strcmp(host, "localhost") || !strcmp(host, "::1") || !strcmp(host, "[::1]") ||
           (!strncmp(host, "127.", 4) && strspn(host, "0123456789.") == strlen(host));
}

static tu_rc take_url(settings *s, CURLU *u, const char *server, tu_http_error *e) {
    char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL, *path = NULL, *query = NULL;
    char url[600];
    tu_rc rc = TU_OK;
    bool read = curl_url_set(u, CURLUPART_URL, server, 0) == CURLUE_OK &&
                curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK;
    (void)curl_url_get(u, CURLUPART_USER, &user, 0);
    (void)curl_url_get(u, CURLUPART_PATH, &path, 0);
    (void)curl_url_get(u, CURLUPART_QUERY, &query, 0);
    (void)curl_url_get(u, CURLUPART_PORT, &port, 0);
    bool implicit = read && !strcmp(scheme, "smtps");
    if (!read || (!implicit && strcmp(scheme, "smtp") != 0) || strlen(host) > 255)
        rc = notifier_refuse(e, TU_EINVALID, "/server",
                             "server: write smtp://host:587 or smtps://host:465");
    else if (user || query || (path && strcmp(path, "/") != 0 && *path))
        rc = notifier_refuse(e, TU_EINVALID, "/server",
                             "server: only scheme, host and port; who logs in goes into username "
                             "and password");
    if (rc == TU_OK) {
        snprintf(url, sizeof url, "%s://%s:%s", scheme, host,
                 port       ? port
                 : implicit ? "465"
                            : "587");
        s->url = strdup(url);
        s->host = strdup(host);
        s->needs_tls |= implicit;
        rc = s->url && s->host ? TU_OK : notifier_no_memory(e);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_free(path);
    curl_free(query);
    return rc;
}

static tu_rc read_server(const cJSON *config, settings *s, tu_http_error *e) {
    CURLU *u = curl_url();
    s->needs_tls = strcmp(notifier_string(config, "starttls"), "never") != 0;
    tu_rc rc = u ? take_url(s, u, notifier_string(config, "server"), e) : notifier_no_memory(e);
    curl_url_cleanup(u);
    return rc;
}

static tu_rc read_login(const cJSON *config, settings *s, tu_http_error *e) {
    if (!notifier_copy(&s->username, config, "username") ||
        !notifier_copy(&s->password_handle, config, "password") ||
        !notifier_copy(&s->token_handle, config, "token"))
        return notifier_no_memory(e);
    if (s->password_handle && s->token_handle)
        return notifier_refuse(e, TU_EINVALID, "/token", "token: there is a password already");
    bool has_secret = s->password_handle || s->token_handle;
    if (has_secret != (s->username != NULL))
        return notifier_refuse(e, TU_EINVALID, s->username ? "/username" : "/password",
                               s->username ? "username: its password or token is missing"
                                           : "password: its username is missing");
    if (s->username)
        for (const char *c = s->username; *c; c++)
            if ((unsigned char)*c < ' ' || *c == 0x7F)
                return notifier_refuse(e, TU_EINVALID, "/username",
                                       "username: it has a control character");
    if (has_secret && !s->needs_tls && !is_this_machine(s->host))
        return notifier_refuse(e, TU_EINVALID, "/starttls",
                               "starttls: never would send the password in clear to another "
                               "machine: leave it out, or use smtps://");
    return TU_OK;
}

/* --- addresses -------------------------------------------------------------------------------- */

static tu_rc read_address(const char *text, const char *pointer, mime_address *ret,
                          tu_http_error *e) {
    const char *wrong = mime_address_read(text, ret);
    return wrong ? notifier_refuse(e, TU_EINVALID, pointer, "%s: %s", pointer + 1, wrong) : TU_OK;
}

static bool is_there(const settings *s, size_t n, const char *address) {
    for (size_t i = 0; i < n; i++)
        if (!strcasecmp(s->to[i].address, address))
            return true;
    return false;
}

static tu_rc read_list(const cJSON *config, const char *name, settings *s, size_t *count,
                       tu_http_error *e) {
    const cJSON *item;
    size_t i = 0;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(config, name)) {
        char pointer[40];
        size_t n = s->to_count + s->cc_count;
        snprintf(pointer, sizeof pointer, "/%s/%zu", name, i++);
        if (n == RECIPIENTS_LIMIT)
            return notifier_refuse(e, TU_EINVALID, pointer,
                                   "more than %u recipients: use a mailing list", RECIPIENTS_LIMIT);
        const char *text = cJSON_GetStringValue(item);
        tu_rc rc = read_address(text ? text : "", pointer, &s->to[n], e);
        if (rc == TU_OK && is_there(s, n, s->to[n].address))
            rc = notifier_refuse(e, TU_EINVALID, pointer, "%s: %s is there already", pointer + 1,
                                 s->to[n].address);
        if (rc != TU_OK) {
            mime_address_done(&s->to[n]);
            return rc;
        }
        ++*count;
    }
    return TU_OK;
}

static tu_rc read_addresses(const cJSON *config, settings *s, tu_http_error *e) {
    tu_rc rc = read_address(notifier_string(config, "from"), "/from", &s->from, e);
    s->to = calloc(RECIPIENTS_LIMIT, sizeof *s->to);
    if (rc == TU_OK && !s->to)
        rc = notifier_no_memory(e);
    if (rc == TU_OK)
        rc = read_list(config, "to", s, &s->to_count, e);
    if (rc == TU_OK && s->to_count == 0)
        rc = notifier_refuse(e, TU_EINVALID, "/to", "to: nobody would get the mail");
    if (rc == TU_OK)
        rc = read_list(config, "cc", s, &s->cc_count, e);
    if (rc == TU_OK)
        s->domain = strrchr(s->from.address, '@') + 1;
    return rc;
}

/* --- words ------------------------------------------------------------------------------------ */

static tu_rc read_template(const cJSON *config, const char *name, tu_template **ret,
                           tu_http_error *e) {
    const cJSON *templates = cJSON_GetObjectItemCaseSensitive(config, "templates");
    const char *text = notifier_string(templates, name);
    tu_template_error wrong;
    char pointer[32];
    *ret = *text ? tu_template_parse(text, strlen(text), NULL, &wrong) : NULL;
    if (*ret || !*text)
        return TU_OK;
    snprintf(pointer, sizeof pointer, "/templates/%s", name);
    return notifier_refuse(e, TU_EINVALID, pointer, "templates.%s: line %u, column %u of it: %s",
                           name, wrong.line, wrong.column, wrong.message);
}

static tu_rc read_words(const cJSON *config, settings *s, tu_http_error *e) {
    const char *language = notifier_string(config, "language");
    s->words.language = tu_language_named(*language ? language : "en");
    if (!s->words.language)
        return notifier_refuse(e, TU_EINVALID, "/language", "language: en and ko are known");
    tu_rc rc = read_template(config, "subject", &s->words.title, e);
    if (rc == TU_OK)
        rc = read_template(config, "text", &s->words.text, e);
    return rc == TU_OK ? read_template(config, "html", &s->html, e) : rc;
}

/* --- all -------------------------------------------------------------------------------------- */

static tu_rc read_rest(const cJSON *config, settings *s, tu_http_error *e) {
    const cJSON *tls = cJSON_GetObjectItemCaseSensitive(config, "tls");
    const char *timeout = notifier_string(config, "timeout");
    if (!notifier_copy(&s->ca_file, tls, "caFile") ||
        !notifier_copy(&s->cert_file, tls, "certFile") ||
        !notifier_copy(&s->key_file, tls, "keyFile"))
        return notifier_no_memory(e);
    s->insecure_skip_verify = notifier_flag(tls, "insecureSkipVerify");
    s->timeout_ms = *timeout ? notifier_duration_ms(timeout) : 30000;
    if (s->timeout_ms <= 0)
        return notifier_refuse(e, TU_EINVALID, "/timeout",
                               "timeout: it must be longer than nothing, as in 30s");
    return TU_OK;
}

tu_rc settings_read(tu_str config, settings *ret, tu_http_error *error) {
    cJSON *json = cJSON_ParseWithLength(config.p, config.n);
    *ret = (settings){0};
    tu_rc rc = json ? read_server(json, ret, error) : notifier_no_memory(error);
    if (rc == TU_OK)
        rc = read_login(json, ret, error);
    if (rc == TU_OK)
        rc = read_addresses(json, ret, error);
    if (rc == TU_OK)
        rc = read_words(json, ret, error);
    if (rc == TU_OK)
        rc = read_rest(json, ret, error);
    cJSON_Delete(json);
    if (rc != TU_OK)
        settings_done(ret);
    return rc;
}

void settings_done(settings *s) {
    for (size_t i = 0; s->to && i < s->to_count + s->cc_count; i++)
        mime_address_done(&s->to[i]);
    free(s->to);
    mime_address_done(&s->from);
    notifier_words_done(&s->words);
    tu_template_free(s->html);
    free(s->url);
    free(s->host);
    free(s->username);
    free(s->password_handle);
    free(s->token_handle);
    free(s->ca_file);
    free(s->cert_file);
    free(s->key_file);
    *s = (settings){0};
}
