/*
 * plugins/common/http.c: see http.h.
 *
 * Pull on top of curl's push: the body callback fills a window and pauses the transfer when the
 * window is full; tu_http_read() empties it and lets the transfer go on. Waiting is
 * curl_multi_poll() with the call's cancel descriptor among the sockets, so a cancelled call wakes
 * at once.
 *
 * Redirects are ours, not curl's: curl would take custom headers along to another host.
 */
#include "common/http_inside.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define WINDOW_BYTES ((size_t)256 * 1024) /* body bytes held before the transfer is paused */
#define POLL_MS 1000                      /* the longest nap between two looks at the clock */

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
        return tu_http_refuse(error, TU_EINVALID, "tls-certificate",
                              "a client certificate needs both certFile and keyFile");
    h = calloc(1, sizeof *h);
    if (!h)
        return tu_http_no_memory(error);
    h->multi = curl_multi_init();
    bool copied =
        copy_text(&h->ca_file, o->ca_file) && copy_text(&h->cert_file, o->cert_file) &&
        copy_text(&h->key_file, o->key_file) && copy_text(&h->proxy, o->proxy) &&
        copy_text(&h->user_agent, o->user_agent ? o->user_agent : "trueup/" TRUEUP_VERSION);
    if (!h->multi || !copied) {
        tu_http_free(h);
        return tu_http_no_memory(error);
    }
    h->insecure_skip_verify = o->insecure_skip_verify;
    h->allow_http = o->allow_http;
    h->fresh_connections = o->fresh_connections;
    h->refuse_link_local = o->refuse_link_local;
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

/* The address is the one that is connected to: a name that resolves to something else the next time gains nothing. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a) {
    tu_http_exchange *x = arg;
    (void)purpose;
    if (tu_http_is_link_local(&a->addr)) {
        x->refused_address = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
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
            return tu_http_refuse(error, TU_EINVALID, "header",
                                  "a request header has a line break in it");
        has_type |= !strncasecmp(given[i], "Content-Type:", 13);
    }
    for (size_t i = 0; i < 2 || (given && given[i - 2]); i++) {
        if (i == 1 && has_type)
            continue;
        struct curl_slist *list = curl_slist_append(x->headers, i < 2 ? unwanted[i] : given[i - 2]);
        if (!list)
            return tu_http_no_memory(error);
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
        return tu_http_no_memory(error);
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
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, (long)h->fresh_connections);
    if (h->refuse_link_local) {
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, x);
    }
    set_tls(h, easy);
    set_body(x, easy);
    set_login(&x->request, easy);
    rc = set_headers(x, easy, error);
    if (rc == TU_OK && curl_multi_add_handle(h->multi, easy) != CURLM_OK)
        rc = tu_http_no_memory(error);
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
        return tu_http_refuse(error, TU_ECANCELLED, "cancelled", "%s: the request was cancelled",
                              tu_http_origin(x->url, origin, sizeof origin));
    if (x->deadline_ms >= 0) {
        int64_t left = x->deadline_ms - now_ms();
        if (left <= 0)
            return tu_http_refuse(error, TU_ETIMEOUT, "timeout", "%s: no complete answer in time",
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
        return tu_http_refuse(error, TU_EINTERNAL, "transfer", "the HTTP library failed");
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
            return tu_http_transfer_failed(x, error);
        if (x->done) /* curl takes a head that ends early for an answer */
            return tu_http_refuse(error, TU_EUNAVAILABLE, "cut-off",
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
        return tu_http_refuse(error, TU_EINVALID, "redirect", "%s: more than %u redirects",
                              tu_http_origin(x->url, origin, sizeof origin),
                              x->request.max_redirects);
    CURLU *from = curl_url(), *to = curl_url();
    char *target = NULL;
    bool fits = from && to && curl_url_set(from, CURLUPART_URL, x->url, 0) == CURLUE_OK &&
                curl_url_set(to, CURLUPART_URL, x->url, 0) == CURLUE_OK &&
                curl_url_set(to, CURLUPART_URL, location, 0) == CURLUE_OK;
    bool follows = fits && tu_http_may_follow(from, to);
    if (fits)
        target = tu_http_url_part(to, CURLUPART_URL, 0);
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
            rc = tu_http_no_memory(error);
        }
    } else {
        char there[300];
        rc = tu_http_refuse(
            error, TU_EINVALID, "redirect",
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
        return tu_http_no_memory(error);
    x->client = h;
    x->request = *r;
    x->deadline_ms = first_deadline(h, r);
    x->url = strdup(r->url);
    rc = x->url ? TU_OK : tu_http_no_memory(error);
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
            return tu_http_transfer_failed(x, error);
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
