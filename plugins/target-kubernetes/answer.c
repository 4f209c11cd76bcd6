/*
 * answer.c: what an answer that is no success means: a class for the core, a code for programs,
 * words for people.
 *
 *   transport     unreachable, certificate, cut off   UNAVAILABLE, INTEGRITY, TIMEOUT
 *   401 403       who may not do what                 DENIED
 *   404 409 410   what is gone, what has changed      NOTFOUND, CONFLICT
 *   429 5xx       later                               THROTTLED, UNAVAILABLE
 *   any           about the object that was sent      refusal.c, which is asked before
 *
 * An API server quotes values of the object in its messages, so a message passes
 * kube_strip_values(), and for kinds that hold secrets only field names pass. Source of the table:
 * reference/kubernetes-drift.md sections 2 and 9; to add a row: status_error().
 */
#include "answer.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

tu_rc kube_error_set(kube_error *e, tu_rc rc, const char *code, const char *format, ...) {
    e->rc = rc;
    e->retry_after_ms = 0;
    snprintf(e->code, sizeof(e->code), "%s", code);
    va_list args;
    va_start(args, format);
    vsnprintf(e->message, sizeof(e->message), format, args);
    va_end(args);
    return rc;
}

void kube_strip_values(const char *text, char *ret, size_t size) {
    const char *got = strstr(text, ", got ");
    size_t end = got ? (size_t)(got - text) : strlen(text), out = 0;
    static const char open[] = "\"`'{", close[] = "\"`'}";
    for (size_t i = 0; i < end && out + 5 < size; i++) {
        const char *bracket = strchr(open, text[i]);
        bool word_before = i > 0 && ((text[i - 1] >= 'a' && text[i - 1] <= 'z') ||
                                     (text[i - 1] >= 'A' && text[i - 1] <= 'Z'));
        if (!bracket || !text[i] ||
            (text[i] == '\'' && word_before)) { /* an apostrophe is no quote */
            ret[out++] = (unsigned char)text[i] < 0x20 ? ' ' : text[i];
            continue;
        }
        unsigned depth = 1;
        char shut = close[bracket - open];
        for (i++; i < end; i++) {
            if (text[i] == '\\' && i + 1 < end && shut == '"')
                i++;
            else if (text[i] == shut && --depth == 0)
                break;
            else if (text[i] == '{' && shut == '}')
                depth++;
        }
        memcpy(ret + out, "\xe2\x80\xa6",
               3); /* an ellipsis; what is never closed goes to the end */
        out += 3;
    }
    ret[out] = '\0';
}

/* --- transport ----------------------------------------------------------------------------- */

static tu_rc tls_error(const tu_instance *k, const kube_transfer *t, kube_error *error) {
    const kube_cluster *c = &k->cluster;
    const char *ca = c->ca_file ? c->ca_file : c->ca_pem ? "the kubeconfig's own" : "the system's";
    if (strstr(t->detail, "has expired"))
        return kube_error_set(error, TU_EINTEGRITY, "certificate-expired",
                              "the certificate of %s has expired (or this machine's clock is "
                              "wrong): renew it on the server",
                              k->endpoint);
    if (strstr(t->detail, "not yet valid"))
        return kube_error_set(error, TU_EINTEGRITY, "certificate-not-yet-valid",
                              "the certificate of %s is not valid yet: check this machine's clock",
                              k->endpoint);
    if (strstr(t->detail, "subject name") || strstr(t->detail, "subjectAltName"))
        return kube_error_set(error, TU_EINTEGRITY, "certificate-name",
                              "the certificate of %s is for another name: correct `server`, or set "
                              "tls-server-name, in context \"%s\"",
                              k->endpoint, c->context);
    if (t->result == CURLE_PEER_FAILED_VERIFICATION)
        return kube_error_set(
            error, TU_EINTEGRITY, "unknown-authority",
            "the certificate of %s is signed by an authority that is not among %s (%s)",
            k->endpoint, ca, t->detail);
    if (t->result == CURLE_SSL_CACERT_BADFILE)
        return kube_error_set(error, TU_EINVALID, "certificate-authority",
                              "can't use %s as certificate authority for %s", ca, k->endpoint);
    if (t->result == CURLE_SSL_CERTPROBLEM)
        return kube_error_set(error, TU_EINVALID, "client-certificate",
                              "can't use the client certificate or key of context \"%s\"",
                              c->context);
    return kube_error_set(error, TU_EUNAVAILABLE, "tls", "no TLS with %s: %s", k->endpoint,
                          t->detail[0] ? t->detail : curl_easy_strerror(t->result));
}

static tu_rc transport_error(const tu_instance *k, const kube_transfer *t, kube_error *error) {
    const char *why = t->detail[0] ? t->detail : curl_easy_strerror(t->result);
    switch (t->result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return kube_error_set(
            error, TU_EUNAVAILABLE, "unreachable",
            "can't find the host of %s: check `server` in context \"%s\", and DNS", k->endpoint,
            k->cluster.context);
    case CURLE_COULDNT_RESOLVE_PROXY:
        return kube_error_set(error, TU_EUNAVAILABLE, "unreachable", "can't find the proxy for %s",
                              k->endpoint);
    case CURLE_COULDNT_CONNECT:
        return kube_error_set(error, TU_EUNAVAILABLE, "unreachable",
                              "can't reach %s (context \"%s\"): is the API server running, and is "
                              "it reachable from here? (%s)",
                              k->endpoint, k->cluster.context, why);
    case CURLE_OPERATION_TIMEDOUT:
        if (t->method && strcmp(t->method, "GET") != 0 && t->status == 0)
            return kube_error_set(error, TU_ETIMEOUT, "timeout",
                                  "%s did not answer in time: whether the %s was done is not known",
                                  k->endpoint, t->topic.verb);
        return kube_error_set(error, TU_EUNAVAILABLE, "timeout", "%s did not answer in time (%s)",
                              k->endpoint, why);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return tls_error(k, t, error);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return kube_error_set(error, TU_EUNAVAILABLE, "cut-off", "%s broke the answer off (%s)",
                              k->endpoint, why);
    case CURLE_WRITE_ERROR:
        return kube_error_set(error, TU_EUNAVAILABLE, "answer-too-large",
                              "%s answered with more than is read of one answer", k->endpoint);
    default:
        return kube_error_set(error, TU_EUNAVAILABLE, "request", "the request to %s failed: %s",
                              k->endpoint, why);
    }
}

/* --- statuses ------------------------------------------------------------------------------ */

/* "list deployments.apps in namespace shop" */
static void topic_words(const kube_topic *t, char *ret, size_t size) {
    bool name = t->name && t->name[0], ns = t->namespace_ && t->namespace_[0];
    snprintf(ret, size, "%s %s%s%s%s%s", t->verb ? t->verb : "read",
             t->resource ? t->resource : "the API", name ? " " : "", name ? t->name : "",
             ns ? " in namespace " : "", ns ? t->namespace_ : "");
}

/* The user as the server knows him: 'User "auditor" cannot list ...'. */
static void user_of(const char *message, char *ret, size_t size) {
    const char *user = strstr(message, "User \"");
    size_t n = user ? strcspn(user + 6, "\"") : 0;
    snprintf(ret, size, "%.*s", (int)(n < 200 ? n : 0), user ? user + 6 : "");
}

/* When the client certificate of the cluster has expired, that is why a login was refused. */
static bool client_certificate_expired(const kube_cluster *c) {
    KUBE_TEXT pem = {0};
    if (c->cert_pem)
        kube_text_string(&pem, c->cert_pem);
    else if (!c->cert_file || kube_read_file(c->cert_file, &pem) != 0)
        return false;
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool expired = x && X509_cmp_current_time(X509_get0_notAfter(x)) < 0;
    X509_free(x);
    BIO_free(bio);
    return expired;
}

static tu_rc login_refused(const tu_instance *k, kube_error *error) {
    const kube_cluster *c = &k->cluster;
    const char *how = c->exec         ? c->exec->command
                      : c->token_file ? c->token_file
                      : c->token      ? "token"
                      : c->username   ? "username and password"
                                      : NULL;
    if (client_certificate_expired(c))
        return kube_error_set(
            error, TU_EDENIED, "client-certificate-expired",
            "%s refused the login of context \"%s\": its client certificate has expired",
            k->endpoint, c->context);
    if (!how)
        how = c->cert_pem || c->cert_file ? "client certificate" : "no login at all";
    return kube_error_set(error, TU_EDENIED, "login-refused",
                          "%s refused the login of context \"%s\" (401; it used: %s): log in again "
                          "or correct the kubeconfig",
                          k->endpoint, c->context, how);
}

static kube_status read_status(const kube_transfer *t) {
    kube_status s = {.root = cJSON_ParseWithLength(t->answer.p ? t->answer.p : "", t->answer.n)};
    const cJSON *details = cJSON_GetObjectItemCaseSensitive(s.root, "details");
    s.reason = kube_member_string(s.root, "reason");
    s.message = kube_member_string(s.root, "message");
    s.details_kind = kube_member_string(details, "kind");
    s.causes = cJSON_GetObjectItemCaseSensitive(details, "causes");
    return s;
}

static bool has_cause(const kube_status *s, const char *field, const char *words) {
    const cJSON *cause;
    cJSON_ArrayForEach(cause, s->causes) {
        if ((!field || strcmp(kube_member_string(cause, "field"), field) == 0) &&
            (!words || strstr(kube_member_string(cause, "message"), words)))
            return true;
    }
    return false;
}

/* The login is good, and its user may not do that. An answer without words is one of these, too. */
static bool is_denied(const kube_status *s) {
    return (strstr(s->message, "User \"") && strstr(s->message, "\" cannot ")) || !s->message[0];
}

static tu_rc denied(const tu_instance *k, const kube_status *s, const char *what,
                    kube_error *error) {
    char user[256];
    user_of(s->message, user, sizeof(user));
    return kube_error_set(error, TU_EDENIED, "denied",
                          "%s%snot allowed to %s on %s (403): give it a role with that verb", user,
                          user[0] ? " is " : "", what, k->endpoint);
}

/* A guard of ours that didn't hold: of an apply the uid, of a JSON patch its tests. */
static tu_rc guard_failed(const kube_transfer *t, const kube_status *s, const char *what,
                          kube_error *error) {
    bool patch = t->content_type && strcmp(t->content_type, "application/json-patch+json") == 0;
    if (has_cause(s, "metadata.uid", NULL))
        return kube_error_set(error, TU_ECONFLICT, "uid-mismatch",
                              "can't %s: it was deleted and made again since it was read", what);
    if (patch && !s->causes && !strstr(s->message, "denied"))
        return kube_error_set(error, TU_ECONFLICT, "patch-mismatch",
                              "can't %s: it has changed since it was read", what);
    return TU_OK;
}

static tu_rc server_error(const tu_instance *k, const kube_transfer *t, const char *what,
                          const char *clean, kube_error *error) {
    char code[32];
    snprintf(code, sizeof(code), "http-%ld", t->status);
    kube_error_set(error, TU_EUNAVAILABLE, code, "%s could not %s (%ld)%s%s", k->endpoint, what,
                   t->status, clean[0] && !t->topic.sealed ? ": " : "",
                   t->topic.sealed ? "" : clean);
    error->retry_after_ms = t->retry_after_ms;
    return error->rc;
}

static tu_rc not_found(const tu_instance *k, const kube_transfer *t, const kube_status *s,
                       const char *what, kube_error *error) {
    if (strcmp(s->details_kind, "namespaces") == 0 && t->topic.resource &&
        strcmp(t->topic.resource, "namespaces") != 0)
        return kube_error_set(error, TU_ENOTFOUND, "namespace-missing",
                              "can't %s: there is no such namespace", what);
    if (s->details_kind[0] && t->topic.name && t->topic.name[0])
        return kube_error_set(error, TU_ENOTFOUND, "not-found", "can't %s: it isn't there", what);
    return kube_error_set(error, TU_ENOTFOUND, "kind-not-served", "%s does not serve %s",
                          k->endpoint, t->topic.resource ? t->topic.resource : "that");
}

static tu_rc conflict(const kube_status *s, const char *what, kube_error *error) {
    if (strcmp(s->reason, "AlreadyExists") == 0)
        return kube_error_set(error, TU_ECONFLICT, "already-exists",
                              "can't %s: it is there already", what);
    if (has_cause(s, NULL, "conflict with")) {
        char causes[600];
        kube_status_causes(s, true, causes, sizeof(causes));
        return kube_error_set(error, TU_ECONFLICT, "field-conflict",
                              "can't %s without force: other managers own %s", what, causes);
    }
    return kube_error_set(error, TU_ECONFLICT, "conflict",
                          "can't %s: it has changed, or is gone, since it was read", what);
}

static tu_rc status_error(const tu_instance *k, const kube_transfer *t, const kube_status *s,
                          kube_error *error) {
    char what[700], clean[600];
    topic_words(&t->topic, what, sizeof(what));
    kube_strip_values(s->message, clean, sizeof(clean));
    if (t->status == 403 && is_denied(s))
        return denied(k, s, what, error);
    if (t->status == 422 && guard_failed(t, s, what, error) != TU_OK)
        return error->rc;
    if (kube_refusal(t, s, what, error) != TU_OK)
        return error->rc;
    switch (t->status) {
    case 401:
        return login_refused(k, error);
    case 404:
        return not_found(k, t, s, what, error);
    case 405:
    case 406:
    case 415:
        return kube_error_set(error, TU_EUNSUPPORTED, "unsupported", "%s does not support to %s",
                              k->endpoint, what);
    case 409:
        return conflict(s, what, error);
    case 410:
        return kube_error_set(error, TU_EUNAVAILABLE, "expired",
                              "%s no longer has what a listing or watch would have continued from",
                              k->endpoint);
    case 429:
        kube_error_set(error, TU_ETHROTTLED, "http-429", "%s asks to slow down (429)", k->endpoint);
        error->retry_after_ms = t->retry_after_ms ? t->retry_after_ms : 1000;
        return error->rc;
    default:
        break;
    }
    if (t->status >= 500)
        return server_error(k, t, what, clean, error);
    return kube_error_set(error, TU_EUNAVAILABLE, "unexpected-status",
                          "%s answered %ld where an API server would not (a proxy or a login "
                          "page?): check `server` in context \"%s\"",
                          k->endpoint, t->status, k->cluster.context);
}

tu_rc kube_answer_error(const tu_instance *k, const kube_transfer *t, kube_error *error) {
    bool whole = t->result == CURLE_OK || (t->status >= 300 && t->result == CURLE_WRITE_ERROR);
    if (!whole)
        return transport_error(k, t, error);
    kube_status s = read_status(t);
    tu_rc rc = status_error(k, t, &s, error);
    cJSON_Delete(s.root);
    return rc;
}

bool kube_answer_expired(const kube_transfer *t) {
    if (t->status == 410)
        return true;
    kube_status s = read_status(t);
    bool expired = strcmp(s.reason, "Expired") == 0 || strcmp(s.reason, "Gone") == 0;
    cJSON_Delete(s.root);
    return expired;
}
