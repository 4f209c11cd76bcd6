/*
 * common/http_inside.h: what the files of the HTTP client share; nobody else includes it.
 *
 *   http.c          the client and the exchange: sending, waiting, reading
 *   http_url.c      which URLs are allowed, and where a redirect may lead
 *   http_failure.c  what went wrong, as class, code and words
 */
#ifndef TU_PLUGINS_HTTP_INSIDE_H
#define TU_PLUGINS_HTTP_INSIDE_H

#include <curl/curl.h>

#include "common/http.h"

#define HEADER_BYTES_LIMIT ((size_t)64 * 1024) /* all header lines of one answer */

struct tu_http {
    CURLM *multi;
    char *ca_file, *cert_file, *key_file, *proxy, *user_agent;
    bool insecure_skip_verify, allow_http, fresh_connections, refuse_link_local;
    int64_t connect_timeout_ms, stall_timeout_ms, total_timeout_ms;
};

struct tu_http_exchange {
    tu_http *client;
    tu_http_request request;
    CURL *easy;
    struct curl_slist *headers;
    char *url;
    uint32_t redirects;
    bool body_dropped;   /* a redirect to GET */
    int64_t deadline_ms; /* CLOCK_MONOTONIC; below 0: none */

    int32_t status;
    bool head_done, headers_too_long;
    char *head; /* "name: value\0" one behind the other */
    size_t head_n;

    char *window; /* [at, n) is not read yet */
    size_t at, n, capacity;
    bool paused, no_memory, refused_address;

    bool done;
    CURLcode result;
    char detail[CURL_ERROR_SIZE];
};

/* Fills *e (may be NULL) and returns rc. */
tu_rc tu_http_refuse(tu_http_error *e, tu_rc rc, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
tu_rc tu_http_no_memory(tu_http_error *e);
/* What x->result means. */
tu_rc tu_http_transfer_failed(const tu_http_exchange *x, tu_http_error *error);

/* Link-local, or where clouds answer for a machine's own credentials; IPv4 in IPv6, too. */
bool tu_http_is_link_local(const struct sockaddr *address);
/* NULL when it isn't there; curl_free() it. */
char *tu_http_url_part(CURLU *u, CURLUPart part, unsigned flags);
/* Same host, and the same scheme and port or an upgrade from http to https. */
bool tu_http_may_follow(CURLU *from, CURLU *to);

#endif
