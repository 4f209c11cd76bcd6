/*
 * plugins/common/http.h: an HTTP request that blocks, over libcurl, with the rules that every
 * plugin keeps.
 *
 *     tu_http_new -> tu_http_begin ---> status, headers ---> tu_http_read ... 0 -> tu_http_end
 *                    sends everything,                       pulls the body as it
 *                    waits for the head                      comes, never more than a chunk in
 * memory
 *
 * The rules: http and https only, and plain http only to this machine or when the user said so;
 * redirects are not followed unless asked, and then only to the same scheme, host and port (or from
 * http to https of the same host), so no credential reaches another host; certificates are
 * verified; a connection that stalls, a deadline and a cancelled call end the wait at once. A
 * message names scheme, host and port of a URL and nothing more: paths and queries may be secrets
 * (chat webhooks).
 *
 * Threads: a client and its exchanges belong to one thread at a time. Several exchanges may be open
 * on one client.
 */
#ifndef TU_PLUGINS_HTTP_H
#define TU_PLUGINS_HTTP_H

#include <stdbool.h>
#include <trueup/plugin.h>

/* Why something failed. Lives on the caller's stack: nothing to free. Written only on failure. */
typedef struct tu_http_error {
    tu_rc rc;
    uint32_t retry_after_ms; /* what the peer asked for; 0: nothing */
    char code[80];           /* "http-503", "dns", "connect", "tls-verify", "stalled" ... */
    char message[480];       /* for people */
} tu_http_error;
/* Hands the error to the host and returns its class: `return tu_http_fail(host, call, &error);` */
tu_rc tu_http_fail(const tu_host *host, tu_call *call, const tu_http_error *e);

/* A client: options and the connections that are kept open. Strings are copied. */
typedef struct tu_http tu_http;
typedef struct tu_http_options {
    const char *ca_file;              /* PEM; NULL: the system's */
    const char *cert_file, *key_file; /* PEM client certificate; NULL: none */
    bool insecure_skip_verify;
    bool allow_http; /* plain http to other hosts than this machine */
    bool
        fresh_connections; /* one for each request: curl sends again, unseen, what it sent on a kept
                               connection that turns out to be dead */
    bool
        refuse_link_local; /* no connection to link-local addresses and metadata services of clouds, whatever names resolve to */
    const char *proxy;     /* NULL: as the environment says (https_proxy, no_proxy); "": none */
    const char *user_agent;     /* NULL: "trueup/VERSION" */
    int64_t connect_timeout_ms; /* 0: 10 s */
    int64_t stall_timeout_ms;   /* no byte for so long, whole seconds; 0: 60 s */
    int64_t total_timeout_ms;   /* one exchange from begin to end; 0: only the call's deadline */
} tu_http_options;
tu_rc tu_http_new(const tu_http_options *o, tu_http **ret, tu_http_error *error);
void tu_http_free(tu_http *h); /* no exchange may be open; takes NULL */

/* One request. Everything is borrowed until tu_http_end(). */
typedef struct tu_http_request {
    const char *method; /* NULL: GET, or POST with a body */
    const char *url;
    const char *const
        *headers; /* "Name: value", then NULL; may be NULL. Line breaks are refused. */
    tu_str body;  /* sent with its length */
    /* Instead of body: pulled while it is sent. Returns how many bytes it wrote, 0 at the end,
     * below 0 to give up (TU_ECANCELLED). Such a request can't be redirected. */
    int64_t (*read_body)(void *arg, char *out, size_t room);
    void *read_arg;
    int64_t body_length;             /* with read_body: its bytes, or below 0: unknown (chunked) */
    const char *username, *password; /* basic authentication; NULL: none */
    const char *bearer;              /* "Authorization: Bearer ..."; NULL: none */
    uint32_t max_redirects;          /* 0: a redirect is just a status */
    const tu_host *host;             /* with call: cancel and deadline. Both NULL: neither. */
    tu_call *call;
} tu_http_request;

typedef struct tu_http_exchange tu_http_exchange;
/* TU_OK as soon as a final head (not 1xx) is there, whatever its status. */
tu_rc tu_http_begin(tu_http *h, const tu_http_request *r, tu_http_exchange **ret,
                    tu_http_error *error);
int32_t tu_http_status(const tu_http_exchange *x);
/* The value of a response header (any case; the first of several), NULL when absent. Until
 * tu_http_end(). */
const char *tu_http_header(const tu_http_exchange *x, const char *name);
/* Where the answer came from, after redirects. Until tu_http_end(). Never print it whole. */
const char *tu_http_url(const tu_http_exchange *x);
/* Waits for body bytes and takes up to room of them. *ret_n is 0 only at the end of the body (room
 * must not be 0). An answer that was cut off is TU_EUNAVAILABLE. */
tu_rc tu_http_read(tu_http_exchange *x, char *out, size_t room, size_t *ret_n,
                   tu_http_error *error);
void tu_http_end(
    tu_http_exchange *x); /* takes NULL; before the body's end it closes the connection */

/* The class for a status: 2xx OK; 401, 403, 407 DENIED; 404, 410 NOTFOUND; 408, 425, 5xx
 * UNAVAILABLE; 409, 412 CONFLICT; 429 THROTTLED, and 503 too when it says Retry-After; 3xx and
 * other 4xx INVALID. Fills *error with class, Retry-After, code "http-<status>" and a message; for
 * 2xx it returns TU_OK and leaves it alone. */
tu_rc tu_http_classify(const tu_http_exchange *x, tu_http_error *error);
/* Retry-After (RFC 9110 section 10.2.3: seconds or a date) in milliseconds from now; at most one
 * day, 0 when absent or unreadable. */
uint32_t tu_http_retry_after_ms(const tu_http_exchange *x);

/* "https://host:port" of a URL, for messages. Returns out. */
const char *tu_http_origin(const char *url, char *out, size_t room);
/* Is it an http or https URL that these options allow? TU_EINVALID says what is wrong with it. */
tu_rc tu_http_check_url(const char *url, bool allow_http, tu_http_error *error);

#endif
