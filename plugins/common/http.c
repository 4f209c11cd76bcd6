/*
 * plugins/common/http.c: see http.h.
 *
 * Pull on top of curl's push: the body callback fills a window and pauses the transfer when the
 * window is full; tu_http_read() empties it and lets the transfer go on. Waiting is
 * curl_multi_poll() with the call's cancel descriptor among the sockets, so a cancelled call wakes
 * at once.
 *
 * Redirects are ours, not curl's: curl would take custom headers along to another host.
 *
 * To add a cause of failure: one line in `causes`.
 */
#include "common/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define WINDOW_BYTES ((size_t)256 * 1024)      /* body bytes held before the transfer is paused */
#define HEADER_BYTES_LIMIT ((size_t)64 * 1024) /* all header lines of one answer */
#define RETRY_AFTER_LIMIT_MS (24u * 3600u * 1000u)
#define POLL_MS 1000 /* the longest nap between two looks at the clock */

struct tu_http {
    CURLM *multi;
    char *ca_file, *cert_file, *key_file, *proxy, *user_agent;
    bool insecure_skip_verify, allow_http;
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
    bool paused, no_memory;

    bool done;
    CURLcode result;
    char detail[CURL_ERROR_SIZE];
};

/* --- errors ----------------------------------------------------------------------------------- */

static tu_rc refuse(tu_http_error *e, tu_rc rc, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static tu_rc refuse(tu_http_error *e, tu_rc rc, const char *code, const char *format, ...) {
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

static tu_rc out_of_memory(tu_http_error *e) {
    return refuse(e, TU_EINTERNAL, "memory", "out of memory");
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
        return refuse(error, TU_EUNAVAILABLE, "connect-timeout", "%s: no connection in time",
                      origin);
    return refuse(error, TU_ETIMEOUT, "stalled", "%s: no byte came for %lld seconds", origin,
                  (long long)(x->client->stall_timeout_ms / 1000));
}

static tu_rc transfer_failed(const tu_http_exchange *x, tu_http_error *error) {
    const struct cause *cause = find_cause(x->result);
    char origin[300];
    const char *detail = "";
    long system_error = 0;

    if (x->result == CURLE_OPERATION_TIMEDOUT)
        return timed_out(x, error);
    tu_http_origin(x->url, origin, sizeof origin);
    if (x->headers_too_long)
        return refuse(error, TU_EINVALID, "headers", "%s: the answer's headers exceed %zu bytes",
                      origin, HEADER_BYTES_LIMIT);
    if (x->no_memory)
        return out_of_memory(error);
    /* TLS 1.3 tells a client that its certificate is missing or refused only after the handshake.
     */
    if (x->result == CURLE_RECV_ERROR && strstr(x->detail, "alert") &&
        strstr(x->detail, "certificate"))
        return refuse(error, TU_EDENIED, "tls-client-certificate",
                      "%s: the server refused the client certificate: %s", origin, x->detail);
    if (cause->detail == DETAIL_CURL) {
        detail = x->detail[0] ? x->detail : curl_easy_strerror(x->result);
    } else if (cause->detail == DETAIL_ERRNO) {
        curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &system_error);
        detail = system_error ? strerrordesc_np((int)system_error) : NULL;
    }
    return refuse(error, cause->rc, cause->code, "%s: %s%s%s", origin, cause->text,
                  detail && *detail ? ": " : "", detail ? detail : "");
}

/* --- URLs ------------------------------------------------------------------------------------- */

static char *url_part(CURLU *u, CURLUPart part, unsigned flags) {
    char *text = NULL;
    return curl_url_get(u, part, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool is_loopback(const char *host) {
    struct in_addr v4;
    size_t n = strlen(host);
    if (!strcasecmp(host, "localhost") || !strcmp(host, "[::1]"))
        return true;
    if (n > 10 && !strcasecmp(host + n - 10, ".localhost"))
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

const char *tu_http_origin(const char *url, char *out, size_t room) {
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    if (u && url && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
        scheme = url_part(u, CURLUPART_SCHEME, 0);
        host = url_part(u, CURLUPART_HOST, 0);
        port = url_part(u, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
    }
    snprintf(out, room, "%s://%s%s%s", scheme ? scheme : "http", host ? host : "?", port ? ":" : "",
             port ? port : "");
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return out;
}

static tu_rc check_parts(const char *scheme, const char *host, const char *password,
                         bool allow_http, tu_http_error *error) {
    if (strcmp(scheme, "http") && strcmp(scheme, "https"))
        return refuse(error, TU_EINVALID, "url",
                      "a URL with \"%s:\" can't be used here: write https", scheme);
    if (!host)
        return refuse(error, TU_EINVALID, "url", "the URL names no host");
    if (password)
        return refuse(error, TU_EINVALID, "url",
                      "the URL for %s has a password in it: give it as a secret instead", host);
    if (!strcmp(scheme, "http") && !allow_http && !is_loopback(host))
        return refuse(error, TU_EINVALID, "plain-http",
                      "plain http to %s would show everything to the network: write https, or set "
                      "allowHttp: true",
                      host);
    return TU_OK;
}

tu_rc tu_http_check_url(const char *url, bool allow_http, tu_http_error *error) {
    CURLU *u = curl_url();
    tu_rc rc;
    if (!u)
        return out_of_memory(error);
    /* Every scheme is parsed, so that the message can say that this one isn't spoken. */
    if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
        curl_url_cleanup(u);
        return refuse(error, TU_EINVALID, "url", "the URL is not one: write https://host/path");
    }
    char *scheme = url_part(u, CURLUPART_SCHEME, 0), *host = url_part(u, CURLUPART_HOST, 0);
    char *password = url_part(u, CURLUPART_PASSWORD, 0);
    rc = check_parts(scheme ? scheme : "", host, password, allow_http, error);
    curl_free(scheme);
    curl_free(host);
    curl_free(password);
    curl_url_cleanup(u);
    return rc;
}

/* Same host, and the same scheme and port or an upgrade from http to https. */
static bool may_follow(CURLU *from, CURLU *to) {
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    bool same[3] = {false};
    char *a[3], *b[3];
    for (int i = 0; i < 3; i++) {
        a[i] = url_part(from, parts[i], CURLU_DEFAULT_PORT);
        b[i] = url_part(to, parts[i], CURLU_DEFAULT_PORT);
        same[i] = a[i] && b[i] && !strcasecmp(a[i], b[i]);
    }
    bool upgrade = a[0] && b[0] && !strcmp(a[0], "http") && !strcmp(b[0], "https") && b[2] &&
                   !strcmp(b[2], "443");
    for (int i = 0; i < 3; i++) {
        curl_free(a[i]);
        curl_free(b[i]);
    }
    return same[1] && ((same[0] && same[2]) || upgrade);
}

/* --- SIGPIPE ---------------------------------------------------------------------------------- */

/*
 * Writing to a connection that the peer has closed raises SIGPIPE (OpenSSL writes with plain
 * write()), which ends a process that doesn't ignore it. Signals are the process's business and not
 * a plugin's, so it is kept from this thread only, and only while curl works.
 */
typedef struct quiet {
    sigset_t before;
    bool was_pending;
} quiet;

static void quiet_begin(quiet *q) {
    sigset_t pipe, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    q->was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &q->before);
}

static void quiet_end(const quiet *q) {
    static const struct timespec now = {0, 0};
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    while (!q->was_pending && sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR)
        ;
    pthread_sigmask(SIG_SETMASK, &q->before, NULL);
}

/* --- the client ------------------------------------------------------------------------------- */

static void init_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool copy_text(char **to, const char *from) {
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

tu_rc tu_http_new(const tu_http_options *o, tu_http **ret, tu_http_error *error) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    tu_http *h;

    pthread_once(&once, init_curl);
    if (!o->cert_file != !o->key_file)
        return refuse(error, TU_EINVALID, "tls-certificate",
                      "a client certificate needs both certFile and keyFile");
    h = calloc(1, sizeof *h);
    if (!h)
        return out_of_memory(error);
    h->multi = curl_multi_init();
    bool copied =
        copy_text(&h->ca_file, o->ca_file) && copy_text(&h->cert_file, o->cert_file) &&
        copy_text(&h->key_file, o->key_file) && copy_text(&h->proxy, o->proxy) &&
        copy_text(&h->user_agent, o->user_agent ? o->user_agent : "trueup/" TRUEUP_VERSION);
    if (!h->multi || !copied) {
        tu_http_free(h);
        return out_of_memory(error);
    }
    h->insecure_skip_verify = o->insecure_skip_verify;
    h->allow_http = o->allow_http;
    h->connect_timeout_ms = o->connect_timeout_ms ? o->connect_timeout_ms : 10000;
    h->stall_timeout_ms = o->stall_timeout_ms ? o->stall_timeout_ms : 60000;
    h->total_timeout_ms = o->total_timeout_ms;
    *ret = h;
    return TU_OK;
}

void tu_http_free(tu_http *h) {
    if (!h)
        return;
    quiet q;
    quiet_begin(&q);
    curl_multi_cleanup(h->multi); /* says goodbye to the connections that are kept open */
    quiet_end(&q);
    free(h->ca_file);
    free(h->cert_file);
    free(h->key_file);
    free(h->proxy);
    free(h->user_agent);
    free(h);
}

/* --- what curl calls -------------------------------------------------------------------------- */

static size_t on_header(char *line, size_t size, size_t count, void *arg) {
    tu_http_exchange *x = arg;
    size_t n = size * count;
    long status = 0;

    if (x->head_done) /* trailers */
        return n;
    if (n >= 5 && !memcmp(line, "HTTP/", 5)) { /* a new head; the one before was 1xx */
        x->head_n = 0;
        return n;
    }
    size_t length = n;
    while (length && (line[length - 1] == '\n' || line[length - 1] == '\r'))
        length--;
    if (length == 0) {
        curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
        x->status = (int32_t)status;
        x->head_done = status >= 200;
        return n;
    }
    if (x->head_n + length + 1 > HEADER_BYTES_LIMIT) {
        x->headers_too_long = true;
        return 0;
    }
    char *grown = realloc(x->head, x->head_n + length + 1);
    if (!grown) {
        x->no_memory = true;
        return 0;
    }
    x->head = grown;
    memcpy(x->head + x->head_n, line, length);
    x->head[x->head_n + length] = '\0';
    x->head_n += length + 1;
    return n;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg) {
    tu_http_exchange *x = arg;
    size_t n = size * count;

    if (x->at == x->n)
        x->at = x->n = 0;
    if (x->n && x->n + n > WINDOW_BYTES) {
        x->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (x->n + n > x->capacity) {
        size_t capacity = x->n + n < WINDOW_BYTES / 8 ? WINDOW_BYTES / 8 : WINDOW_BYTES;
        if (capacity < x->n + n)
            capacity = x->n + n;
        char *grown = realloc(x->window, capacity);
        if (!grown) {
            x->no_memory = true;
            return 0;
        }
        x->window = grown;
        x->capacity = capacity;
    }
    memcpy(x->window + x->n, bytes, n);
    x->n += n;
    return n;
}

static size_t on_send(char *out, size_t size, size_t count, void *arg) {
    tu_http_exchange *x = arg;
    int64_t n = x->request.read_body(x->request.read_arg, out, size * count);
    return n < 0 ? CURL_READFUNC_ABORT : (size_t)n;
}

/* --- one exchange ----------------------------------------------------------------------------- */

static void set_tls(const tu_http *h, CURL *easy) {
    long verify = !h->insecure_skip_verify;
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
    if (h->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, h->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* these and no others */
    }
    if (h->cert_file) {
        curl_easy_setopt(easy, CURLOPT_SSLCERT, h->cert_file);
        curl_easy_setopt(easy, CURLOPT_SSLKEY, h->key_file);
    }
}

static void set_body(tu_http_exchange *x, CURL *easy) {
    const tu_http_request *r = &x->request;
    bool has_body = !x->body_dropped && (r->body.n || r->read_body);
    const char *method = x->body_dropped ? "GET" : r->method;

    if (has_body && r->read_body) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send);
        curl_easy_setopt(easy, CURLOPT_READDATA, x);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(r->body_length < 0 ? -1 : r->body_length));
    } else if (has_body || (method && !strcmp(method, "POST"))) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body.n ? r->body.p : "");
    } else if (method && !strcmp(method, "HEAD")) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    if (method)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static tu_rc set_headers(tu_http_exchange *x, CURL *easy, tu_http_error *error) {
    /* curl's own additions that nobody asked for */
    static const char *const unwanted[] = {"Expect:", "Content-Type:"};
    const char *const *given = x->request.headers;
    bool has_type = false;

    for (size_t i = 0; given && given[i]; i++) {
        if (strpbrk(given[i], "\r\n"))
            return refuse(error, TU_EINVALID, "header", "a request header has a line break in it");
        has_type |= !strncasecmp(given[i], "Content-Type:", 13);
    }
    for (size_t i = 0; i < 2 || (given && given[i - 2]); i++) {
        if (i == 1 && has_type)
            continue;
        struct curl_slist *list = curl_slist_append(x->headers, i < 2 ? unwanted[i] : given[i - 2]);
        if (!list)
            return out_of_memory(error);
        x->headers = list;
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, x->headers);
    return TU_OK;
}

static void set_login(const tu_http_request *r, CURL *easy) {
    if (r->bearer) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, r->bearer);
    } else if (r->username || r->password) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERNAME, r->username ? r->username : "");
        curl_easy_setopt(easy, CURLOPT_PASSWORD, r->password ? r->password : "");
    }
}

/* A fresh handle for x->url, added to the client's set. */
static tu_rc start(tu_http_exchange *x, tu_http_error *error) {
    tu_http *h = x->client;
    CURL *easy = x->easy = curl_easy_init();
    tu_rc rc;
    if (!easy)
        return out_of_memory(error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, x);
    curl_easy_setopt(easy, CURLOPT_URL, x->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    /* A cancelled call must not wait for a resolver that hangs: its thread is left to end by
     * itself. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)h->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)((h->stall_timeout_ms + 999) / 1000));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->detail);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, h->user_agent);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    if (h->proxy)
        curl_easy_setopt(easy, CURLOPT_PROXY, h->proxy);
    set_tls(h, easy);
    set_body(x, easy);
    set_login(&x->request, easy);
    rc = set_headers(x, easy, error);
    if (rc == TU_OK && curl_multi_add_handle(h->multi, easy) != CURLM_OK)
        rc = out_of_memory(error);
    return rc;
}

static void stop(tu_http_exchange *x) {
    quiet q;
    quiet_begin(&q);
    if (x->easy) {
        curl_multi_remove_handle(x->client->multi, x->easy);
        curl_easy_cleanup(x->easy);
    }
    quiet_end(&q);
    curl_slist_free_all(x->headers);
    x->easy = NULL;
    x->headers = NULL;
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Results go to whichever exchange they belong to. */
static void collect_results(tu_http *h) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(h->multi, &left))) {
        tu_http_exchange *x = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&x);
        x->done = true;
        x->result = message->data.result;
    }
}

/* Lets the network work once, or says why it mustn't any more. */
static tu_rc step(tu_http_exchange *x, bool wait, tu_http_error *error) {
    const tu_http_request *r = &x->request;
    struct curl_waitfd cancel = {.fd = -1, .events = CURL_WAIT_POLLIN};
    int64_t nap = POLL_MS;
    int running;
    quiet q;
    char origin[300];

    if (r->call && r->host->cancelled(r->call))
        return refuse(error, TU_ECANCELLED, "cancelled", "%s: the request was cancelled",
                      tu_http_origin(x->url, origin, sizeof origin));
    if (x->deadline_ms >= 0) {
        int64_t left = x->deadline_ms - now_ms();
        if (left <= 0)
            return refuse(error, TU_ETIMEOUT, "timeout", "%s: no complete answer in time",
                          tu_http_origin(x->url, origin, sizeof origin));
        nap = left < nap ? left : nap;
    }
    if (wait) {
        if (r->call)
            cancel.fd = r->host->cancel_fd(r->call);
        curl_multi_poll(x->client->multi, &cancel, cancel.fd >= 0, (int)nap, NULL);
    }
    quiet_begin(&q);
    CURLMcode done = curl_multi_perform(x->client->multi, &running);
    quiet_end(&q);
    if (done != CURLM_OK)
        return refuse(error, TU_EINTERNAL, "transfer", "the HTTP library failed");
    collect_results(x->client);
    return TU_OK;
}

static tu_rc wait_for_head(tu_http_exchange *x, tu_http_error *error) {
    char origin[300];
    for (bool wait = false;; wait = true) {
        tu_rc rc = step(x, wait, error);
        if (rc != TU_OK || x->head_done)
            return rc;
        if (x->done && x->result != CURLE_OK)
            return transfer_failed(x, error);
        if (x->done) /* curl takes a head that ends early for an answer */
            return refuse(error, TU_EUNAVAILABLE, "cut-off",
                          "%s: the answer was cut off in its head",
                          tu_http_origin(x->url, origin, sizeof origin));
    }
}

/* Decides about a redirect. *ret_again: start over with the new URL. */
static tu_rc redirect(tu_http_exchange *x, bool *ret_again, tu_http_error *error) {
    const char *method = x->request.method, *location = tu_http_header(x, "location");
    bool has_body = !x->body_dropped && x->request.body.n;
    bool plain = !has_body && (!method || !strcmp(method, "GET") || !strcmp(method, "HEAD"));
    bool keeps = x->status == 307 || x->status == 308;
    bool moves = x->status == 301 || x->status == 302 || x->status == 303;
    char origin[300];

    *ret_again = false;
    if (!x->request.max_redirects || !location || !(moves || keeps) || x->request.read_body)
        return TU_OK;
    /* 301 and 302 would turn a POST into a GET, which is never what a plugin wants; 303 says so
     * itself. */
    if (!plain && !keeps && x->status != 303)
        return TU_OK;
    if (x->redirects++ >= x->request.max_redirects)
        return refuse(error, TU_EINVALID, "redirect", "%s: more than %u redirects",
                      tu_http_origin(x->url, origin, sizeof origin), x->request.max_redirects);
    CURLU *from = curl_url(), *to = curl_url();
    char *target = NULL;
    bool fits = from && to && curl_url_set(from, CURLUPART_URL, x->url, 0) == CURLUE_OK &&
                curl_url_set(to, CURLUPART_URL, x->url, 0) == CURLUE_OK &&
                curl_url_set(to, CURLUPART_URL, location, 0) == CURLUE_OK;
    bool follows = fits && may_follow(from, to);
    if (fits)
        target = url_part(to, CURLUPART_URL, 0);
    curl_url_cleanup(from);
    curl_url_cleanup(to);
    tu_rc rc = TU_OK;
    if (follows && target) {
        char *url = strdup(target);
        if (url) {
            free(x->url);
            x->url = url;
            x->body_dropped |= x->status == 303;
            *ret_again = true;
        } else {
            rc = out_of_memory(error);
        }
    } else {
        char there[300];
        rc =
            refuse(error, TU_EINVALID, "redirect",
                   "%s redirects to %s, which is another host: write that address instead if it is "
                   "right",
                   tu_http_origin(x->url, origin, sizeof origin),
                   tu_http_origin(target, there, sizeof there));
    }
    curl_free(target);
    return rc;
}

static void forget_answer(tu_http_exchange *x) {
    stop(x);
    x->head_done = x->done = x->paused = false;
    x->head_n = x->at = x->n = 0;
    x->detail[0] = '\0';
}

static int64_t first_deadline(const tu_http *h, const tu_http_request *r) {
    int64_t call = r->call ? r->host->deadline_ms(r->call) : -1;
    int64_t own = h->total_timeout_ms ? now_ms() + h->total_timeout_ms : -1;
    if (call < 0 || (own >= 0 && own < call))
        return own;
    return call;
}

tu_rc tu_http_begin(tu_http *h, const tu_http_request *r, tu_http_exchange **ret,
                    tu_http_error *error) {
    tu_http_exchange *x;
    bool again = true;
    tu_rc rc = tu_http_check_url(r->url, h->allow_http, error);

    if (rc != TU_OK)
        return rc;
    x = calloc(1, sizeof *x);
    if (!x)
        return out_of_memory(error);
    x->client = h;
    x->request = *r;
    x->deadline_ms = first_deadline(h, r);
    x->url = strdup(r->url);
    rc = x->url ? TU_OK : out_of_memory(error);
    while (rc == TU_OK && again) {
        forget_answer(x);
        rc = start(x, error);
        if (rc == TU_OK)
            rc = wait_for_head(x, error);
        if (rc == TU_OK)
            rc = redirect(x, &again, error);
    }
    if (rc == TU_OK)
        *ret = x;
    else
        tu_http_end(x);
    return rc;
}

tu_rc tu_http_read(tu_http_exchange *x, char *out, size_t room, size_t *ret_n,
                   tu_http_error *error) {
    for (bool wait = false; x->at == x->n; wait = true) {
        if (x->done && x->result != CURLE_OK)
            return transfer_failed(x, error);
        if (x->done) {
            *ret_n = 0;
            return TU_OK;
        }
        if (x->paused) {
            x->paused = false;
            wait = false;
            quiet q;
            quiet_begin(&q);
            curl_easy_pause(x->easy, CURLPAUSE_CONT); /* may call on_body at once */
            quiet_end(&q);
            if (x->at < x->n)
                break;
        }
        tu_rc rc = step(x, wait, error);
        if (rc != TU_OK)
            return rc;
    }
    size_t n = x->n - x->at < room ? x->n - x->at : room;
    memcpy(out, x->window + x->at, n);
    x->at += n;
    *ret_n = n;
    return TU_OK;
}

void tu_http_end(tu_http_exchange *x) {
    if (!x)
        return;
    stop(x);
    free(x->url);
    free(x->head);
    free(x->window);
    free(x);
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
    refuse(error, rc, code, "%s answered %d%s", tu_http_origin(x->url, origin, sizeof origin),
           (int)status, advice);
    if (error)
        error->retry_after_ms = retry_after;
    return rc;
}
