/*
 * common/http_failure.c: what went wrong, as class, code and words: curl's results and the peer's
 * statuses.
 *
 * To add a cause of failure: one line in `causes`.
 */
#include "common/http_inside.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define RETRY_AFTER_LIMIT_MS (24u * 3600u * 1000u)

/* --- errors ----------------------------------------------------------------------------------- */

tu_rc tu_http_refuse(tu_http_error *e, tu_rc rc, const char *code, const char *format, ...) {
    va_list list;
    if (!e)
        return rc;
    e->rc = rc;
    e->retry_after_ms = 0;
    snprintf(e->code, sizeof e->code, "%s", code);
    va_start(list, format);
    vsnprintf(e->message, sizeof e->message, format, list);
    va_end(list);
    return rc;
}

tu_rc tu_http_no_memory(tu_http_error *e) {
    return tu_http_refuse(e, TU_EINTERNAL, "memory", "out of memory");
}

tu_rc tu_http_fail(const tu_host *host, tu_call *call, const tu_http_error *e) {
    return host->fail(call, e->rc, e->retry_after_ms, (tu_str){e->code, strlen(e->code)},
                      (tu_str){e->message, strlen(e->message)});
}

/* What curl's results mean. The detail is curl's or the system's own words; they name hosts, never
 * paths. */
enum { DETAIL_NONE, DETAIL_CURL, DETAIL_ERRNO };
static const struct cause {
    CURLcode result;
    tu_rc rc;
    uint8_t detail;
    const char *code, *text;
} causes[] = {
    {CURLE_COULDNT_RESOLVE_HOST, TU_EUNAVAILABLE, DETAIL_NONE, "dns",
     "the host's name can't be resolved"},
    {CURLE_COULDNT_RESOLVE_PROXY, TU_EUNAVAILABLE, DETAIL_NONE, "proxy-dns",
     "the proxy's name can't be resolved"},
    {CURLE_PROXY, TU_EUNAVAILABLE, DETAIL_CURL, "proxy", "the proxy failed"},
    {CURLE_COULDNT_CONNECT, TU_EUNAVAILABLE, DETAIL_ERRNO, "connect", "can't connect"},
    {CURLE_PEER_FAILED_VERIFICATION, TU_EINTEGRITY, DETAIL_CURL, "tls-verify",
     "the server's certificate is not trusted"},
    {CURLE_SSL_ISSUER_ERROR, TU_EINTEGRITY, DETAIL_CURL, "tls-verify",
     "the server's certificate is not trusted"},
    {CURLE_SSL_CACERT_BADFILE, TU_EINVALID, DETAIL_CURL, "tls-ca-file",
     "the file of trusted certificates can't be used"},
    {CURLE_SSL_CERTPROBLEM, TU_EINVALID, DETAIL_CURL, "tls-certificate",
     "the client certificate or its key can't be used"},
    {CURLE_SSL_CONNECT_ERROR, TU_EUNAVAILABLE, DETAIL_CURL, "tls", "TLS could not be set up"},
    {CURLE_SEND_ERROR, TU_EUNAVAILABLE, DETAIL_ERRNO, "reset",
     "the connection broke while the request was sent"},
    {CURLE_SEND_FAIL_REWIND, TU_EUNAVAILABLE, DETAIL_NONE, "reset",
     "the connection broke while the request was sent"},
    {CURLE_RECV_ERROR, TU_EUNAVAILABLE, DETAIL_ERRNO, "reset",
     "the connection broke before the answer was complete"},
    {CURLE_GOT_NOTHING, TU_EUNAVAILABLE, DETAIL_NONE, "no-answer",
     "the connection was closed without an answer"},
    {CURLE_PARTIAL_FILE, TU_EUNAVAILABLE, DETAIL_NONE, "cut-off", "the answer was cut off"},
    {CURLE_HTTP2, TU_EUNAVAILABLE, DETAIL_CURL, "http2", "the HTTP/2 connection broke"},
    {CURLE_HTTP2_STREAM, TU_EUNAVAILABLE, DETAIL_CURL, "http2", "the HTTP/2 stream was reset"},
    {CURLE_WEIRD_SERVER_REPLY, TU_EUNAVAILABLE, DETAIL_NONE, "not-http", "the answer is not HTTP"},
    {CURLE_UNSUPPORTED_PROTOCOL, TU_EUNAVAILABLE, DETAIL_NONE, "not-http",
     "the answer is not HTTP"},
    {CURLE_URL_MALFORMAT, TU_EINVALID, DETAIL_NONE, "url", "the URL is not one"},
    {CURLE_OUT_OF_MEMORY, TU_EINTERNAL, DETAIL_NONE, "memory", "out of memory"},
    {CURLE_ABORTED_BY_CALLBACK, TU_ECANCELLED, DETAIL_NONE, "given-up", "the request was given up"},
};

static const struct cause *find_cause(CURLcode result) {
    static const struct cause other = {CURLE_OK, TU_EUNAVAILABLE, DETAIL_CURL, "transfer",
                                       "the request failed"};
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (causes[i].result == result)
            return &causes[i];
    return &other;
}

static tu_rc timed_out(const tu_http_exchange *x, tu_http_error *error) {
    curl_off_t connected_us = 0;
    char origin[300];
    curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    tu_http_origin(x->url, origin, sizeof origin);
    if (connected_us == 0)
        return tu_http_refuse(error, TU_EUNAVAILABLE, "connect-timeout",
                              "%s: no connection in time", origin);
    return tu_http_refuse(error, TU_ETIMEOUT, "stalled", "%s: no byte came for %lld seconds",
                          origin, (long long)(x->client->stall_timeout_ms / 1000));
}

tu_rc tu_http_transfer_failed(const tu_http_exchange *x, tu_http_error *error) {
    const struct cause *cause = find_cause(x->result);
    char origin[300];
    const char *detail = "";
    long system_error = 0;

    if (x->result == CURLE_OPERATION_TIMEDOUT)
        return timed_out(x, error);
    tu_http_origin(x->url, origin, sizeof origin);
    if (x->headers_too_long)
        return tu_http_refuse(error, TU_EINVALID, "headers",
                              "%s: the answer's headers exceed %zu bytes", origin,
                              HEADER_BYTES_LIMIT);
    if (x->no_memory)
        return tu_http_no_memory(error);
    if (x->refused_address && x->result == CURLE_COULDNT_CONNECT)
        return tu_http_refuse(
            error, TU_EREFUSED, "link-local",
            "%s is a link-local address or a cloud's metadata service: nothing is "
            "sent there; allowLinkLocal: true permits it where there is such a "
            "setting",
            origin);
    /* TLS 1.3 tells a client that its certificate is missing or refused only after the handshake.
     */
    if (x->result == CURLE_RECV_ERROR && strstr(x->detail, "alert") &&
        strstr(x->detail, "certificate"))
        return tu_http_refuse(error, TU_EDENIED, "tls-client-certificate",
                              "%s: the server refused the client certificate: %s", origin,
                              x->detail);
    if (cause->detail == DETAIL_CURL) {
        detail = x->detail[0] ? x->detail : curl_easy_strerror(x->result);
    } else if (cause->detail == DETAIL_ERRNO) {
        curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &system_error);
        detail = system_error ? strerrordesc_np((int)system_error) : NULL;
    }
    return tu_http_refuse(error, cause->rc, cause->code, "%s: %s%s%s", origin, cause->text,
                          detail && *detail ? ": " : "", detail ? detail : "");
}

/* --- the answer's head ------------------------------------------------------------------------ */

int32_t tu_http_status(const tu_http_exchange *x) {
    return x->status;
}
const char *tu_http_url(const tu_http_exchange *x) {
    return x->url;
}

const char *tu_http_header(const tu_http_exchange *x, const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i < x->head_n; i += strlen(x->head + i) + 1) {
        const char *line = x->head + i;
        if (!strncasecmp(line, name, n) && line[n] == ':')
            return line + n + 1 + strspn(line + n + 1, " \t");
    }
    return NULL;
}

uint32_t tu_http_retry_after_ms(const tu_http_exchange *x) {
    const char *text = tu_http_header(x, "retry-after");
    char *end;
    if (!text)
        return 0;
    errno = 0;
    long long seconds = strtoll(text, &end, 10);
    if (end == text || *end) { /* a date, then */
        time_t at = curl_getdate(text, NULL);
        if (at == (time_t)-1)
            return 0;
        seconds = (long long)at - (long long)time(NULL);
    } else if (errno) {
        seconds = RETRY_AFTER_LIMIT_MS / 1000;
    }
    if (seconds <= 0)
        return 0;
    return seconds > RETRY_AFTER_LIMIT_MS / 1000 ? RETRY_AFTER_LIMIT_MS : (uint32_t)seconds * 1000;
}

tu_rc tu_http_classify(const tu_http_exchange *x, tu_http_error *error) {
    int32_t status = x->status;
    uint32_t retry_after = tu_http_retry_after_ms(x);
    const char *advice = "";
    char code[32], origin[300];
    tu_rc rc;

    if (status >= 200 && status < 300)
        return TU_OK;
    if (status == 401 || status == 403 || status == 407) {
        rc = TU_EDENIED;
        advice = ": check the credentials and what they may do";
    } else if (status == 404 || status == 410) {
        rc = TU_ENOTFOUND;
        advice = ": check the address";
    } else if (status == 409 || status == 412) {
        rc = TU_ECONFLICT;
    } else if (status == 429 || (status == 503 && retry_after)) {
        rc = TU_ETHROTTLED;
    } else if (status == 408 || status == 425 || status >= 500) {
        rc = TU_EUNAVAILABLE;
    } else {
        rc = TU_EINVALID;
        if (status < 400)
            advice = ": redirects are not followed, write the final address";
    }
    snprintf(code, sizeof code, "http-%d", (int)status);
    tu_http_refuse(error, rc, code, "%s answered %d%s",
                   tu_http_origin(x->url, origin, sizeof origin), (int)status, advice);
    if (error)
        error->retry_after_ms = retry_after;
    return rc;
}
