/*
 * connection.c: requests over curl's multi interface.
 *
 *     kube_session   one curl multi handle: its connections, and the transfers that run beside each
 * other in it. Used by one call at a time; an idle one waits in the instance with its connections
 * open, so that a next call pays for no handshake. kube_transfer  one request and its answer; the
 * caller owns it
 *
 * Over TLS everything runs as HTTP/2 streams of few connections (at most
 * KUBE_STREAMS_PER_CONNECTION each); a server without HTTP/2 gets HTTP/1.1 connections. Dead peers
 * are found by TCP: keepalive for what waits, TCP_USER_TIMEOUT for what was sent.
 */
#include "kube.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define IDLE_SESSIONS 4
#define LOCK_POLL_MS 5 /* only while another call reads a document or runs a login program */
#define CONNECT_TIMEOUT_MS 10000L
#define CONNECTION_LIFE_S 3600L /* certificates and load balancers change */
#define PEER_TIMEOUT_MS 30000u

struct kube_session {
    tu_instance *k;
    CURLM *multi;
    kube_transfer *active;
    kube_session *next;
};

int64_t kube_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

tu_rc kube_lock(pthread_mutex_t *lock, const tu_host *host, tu_call *call, kube_error *error) {
    while (pthread_mutex_trylock(lock) != 0) {
        int64_t deadline = host->deadline_ms(call);
        struct pollfd cancel = {host->cancel_fd(call), POLLIN, 0};
        if (host->cancelled(call))
            return kube_error_set(error, TU_ECANCELLED, "cancelled",
                                  "cancelled while another call was at work");
        if (deadline >= 0 && kube_now_ms() >= deadline)
            return kube_error_set(error, TU_ETIMEOUT, "timeout",
                                  "another call was at work for too long");
        poll(&cancel, 1, LOCK_POLL_MS);
    }
    return TU_OK;
}

kube_session *kube_session_open(tu_instance *k) {
    pthread_mutex_lock(&k->sessions_lock);
    kube_session *s = k->idle;
    if (s) {
        k->idle = s->next;
        k->idle_count--;
    }
    pthread_mutex_unlock(&k->sessions_lock);
    if (s)
        return s;
    if (!(s = calloc(1, sizeof(*s))))
        return NULL;
    s->k = k;
    if (!(s->multi = curl_multi_init())) {
        free(s);
        return NULL;
    }
    curl_multi_setopt(s->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(s->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)KUBE_STREAMS_PER_CONNECTION);
    return s;
}

void kube_session_close(kube_session *s) {
    if (!s)
        return;
    while (s->active)
        kube_session_stop(s, s->active);
    tu_instance *k = s->k;
    pthread_mutex_lock(&k->sessions_lock);
    bool keep = k->idle_count < IDLE_SESSIONS;
    if (keep) {
        s->next = k->idle;
        k->idle = s;
        k->idle_count++;
    }
    pthread_mutex_unlock(&k->sessions_lock);
    if (keep)
        return;
    curl_multi_cleanup(s->multi);
    free(s);
}

void kube_sessions_free(tu_instance *k) {
    while (k->idle) {
        kube_session *s = k->idle;
        k->idle = s->next;
        curl_multi_cleanup(s->multi);
        free(s);
    }
}

/* --- one transfer -------------------------------------------------------------------------- */

static size_t on_body(char *p, size_t size, size_t n, void *arg) {
    kube_transfer *t = arg;
    n *= size;
    if (t->status == 0)
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
    t->received += n;
    if (t->on_body && t->status == 200 && strcmp(t->content, "application/json") == 0) {
        t->stopped = t->on_body(t, p, n) != 0;
        return t->stopped ? 0 : n; /* anything but n ends the transfer */
    }
    t->answer.limit = t->status >= 200 && t->status < 300 ? t->limit : KUBE_LIMIT_ERROR_BYTES;
    kube_text_add(&t->answer, p, n);
    return t->answer.failed ? 0 : n;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg) {
    kube_transfer *t = arg;
    n *= size;
    static const char type[] = "content-type:", retry[] = "retry-after:";
    if (n > sizeof(type) && strncasecmp(p, type, sizeof(type) - 1) == 0) {
        size_t at = sizeof(type) - 1, out = 0;
        while (at < n && p[at] == ' ')
            at++;
        for (; at < n && p[at] > ' ' && p[at] != ';' && out + 1 < sizeof(t->content); at++)
            t->content[out++] = p[at];
        t->content[out] = '\0';
    } else if (n > sizeof(retry) && strncasecmp(p, retry, sizeof(retry) - 1) == 0) {
        unsigned long seconds = 0;
        for (size_t at = sizeof(retry) - 1;
             at < n && (p[at] == ' ' || (p[at] >= '0' && p[at] <= '9')); at++)
            seconds = p[at] == ' ' ? seconds : seconds * 10 + (unsigned long)(p[at] - '0');
        t->retry_after_ms = (uint32_t)(seconds > 3600 ? 3600 : seconds) * 1000;
    }
    return n;
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose) {
    (void)arg;
    (void)purpose;
    unsigned ms = PEER_TIMEOUT_MS;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms,
               sizeof(ms)); /* best effort: a unix socket or proxy may refuse */
    return CURL_SOCKOPT_OK;
}

static bool header(kube_transfer *t, const char *name, const char *value) {
    KUBE_TEXT line = {.secret = true};
    kube_text_print(&line, "%s: %s", name, value);
    struct curl_slist *grown = line.failed ? NULL : curl_slist_append(t->headers, line.p);
    if (grown)
        t->headers = grown;
    return grown != NULL;
}

/* The authority of a URL, "host:port", with the scheme's port when none is written. */
static void authority(const char *server, char *ret, size_t size) {
    const char *p = strstr(server, "://") + 3;
    size_t n = strcspn(p, "/?#");
    const char *close = memchr(p, ']', n),
               *colon = memchr(close ? close : p, ':', n - (size_t)((close ? close : p) - p));
    snprintf(ret, size, "%.*s%s", (int)n, p,
             colon                               ? ""
             : strncmp(server, "https:", 6) == 0 ? ":443"
                                                 : ":80");
}

/* A certificate is checked against tls-server-name: the URL says that name, and the connection
 * still goes to the server. */
static void set_url(kube_transfer *t, const kube_cluster *c) {
    KUBE_TEXT url = {0};
    if (!c->tls_server_name || strncmp(c->server, "https://", 8) != 0) {
        kube_text_print(&url, "%s%s", c->server, t->path);
        curl_easy_setopt(t->easy, CURLOPT_URL, url.p);
        return;
    }
    char real[512];
    authority(c->server, real, sizeof(real));
    const char *port = strrchr(real, ':'), *rest = strchr(c->server + 8, '/');
    kube_text_print(&url, "https://%s%s%s%s", c->tls_server_name, port, rest ? rest : "", t->path);
    curl_easy_setopt(t->easy, CURLOPT_URL, url.p);
    KUBE_TEXT to = {0};
    kube_text_print(&to, "%s%s:%s", c->tls_server_name, port, real);
    t->connect_to = curl_slist_append(NULL, to.p);
    curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to);
    header(t, "Host", real);
}

static void set_blob(CURL *easy, CURLoption option, const char *pem) {
    struct curl_blob blob = {(void *)(uintptr_t)pem, strlen(pem), CURL_BLOB_COPY};
    curl_easy_setopt(easy, option, &blob);
}

static void set_tls(kube_transfer *t, const kube_cluster *c) {
    CURL *easy = t->easy;
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, c->insecure ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, c->insecure ? 0L : 2L);
    if (c->ca_pem || c->ca_file) /* that authority and no other */
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (c->ca_pem)
        set_blob(easy, CURLOPT_CAINFO_BLOB, c->ca_pem);
    else if (c->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, c->ca_file);
    const char *cert = t->credentials.cert_pem ? t->credentials.cert_pem : c->cert_pem;
    const char *key = t->credentials.key_pem ? t->credentials.key_pem : c->key_pem;
    if (cert)
        set_blob(easy, CURLOPT_SSLCERT_BLOB, cert);
    else if (c->cert_file)
        curl_easy_setopt(easy, CURLOPT_SSLCERT, c->cert_file);
    if (key)
        set_blob(easy, CURLOPT_SSLKEY_BLOB, key);
    else if (c->key_file)
        curl_easy_setopt(easy, CURLOPT_SSLKEY, c->key_file);
}

static bool set_headers(kube_transfer *t, const kube_cluster *c) {
    bool good =
        header(t, "Accept", t->accept ? t->accept : "application/json") && header(t, "Expect", "");
    if (t->content_type)
        good = good && header(t, "Content-Type", t->content_type);
    if (t->credentials.token) {
        KUBE_TEXT bearer = {.secret = true};
        kube_text_print(&bearer, "Bearer %s", t->credentials.token);
        good = good && !bearer.failed && header(t, "Authorization", bearer.p);
    }
    if (c->act_as)
        good = good && header(t, "Impersonate-User", c->act_as);
    if (c->act_as_uid)
        good = good && header(t, "Impersonate-Uid", c->act_as_uid);
    for (char **g = c->act_as_groups; g && *g; g++)
        good = good && header(t, "Impersonate-Group", *g);
    for (char **e = c->act_as_extra; good && e && *e; e++) {
        struct curl_slist *grown = curl_slist_append(t->headers, *e);
        good = grown != NULL;
        if (grown)
            t->headers = grown;
    }
    return good;
}

static bool is_loopback(const char *server) {
    const char *host = strstr(server, "://") + 3;
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 ||
           strncmp(host, "[::1]", 5) == 0;
}

static bool prepare(kube_transfer *t, const tu_instance *k) {
    const kube_cluster *c = &k->cluster;
    CURL *easy = t->easy;
    set_url(t, c);
    set_tls(t, c);
    if (!set_headers(t, c))
        return false;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); /* a credential goes to no other host */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 20L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFE_S);
    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 300L); /* a pod's ca.crt is rotated in place */
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L * 1024);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "trueup/" TRUEUP_VERSION);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->detail);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
    /* gzip costs the server more than the wire does, unless the wire is long */
    if (!c->disable_compression && !is_loopback(c->server))
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    if (c->proxy_url)
        curl_easy_setopt(easy, CURLOPT_PROXY, c->proxy_url);
    if (c->username && !t->credentials.token) {
        curl_easy_setopt(easy, CURLOPT_USERNAME, c->username);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, c->password ? c->password : "");
    }
    if (t->timeout_ms > 0)
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, t->timeout_ms);
    else if (!t->on_body || strcmp(t->topic.verb ? t->topic.verb : "", "watch") != 0) {
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (k->request_timeout_ms + 999) / 1000);
    }
    if (t->method)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, t->method);
    if (t->body.n) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.n);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, t->body.p);
    }
    return true;
}

static void request_free(kube_transfer *t) {
    if (t->easy)
        curl_easy_cleanup(t->easy);
    t->easy = NULL;
    for (struct curl_slist *h = t->headers; h; h = h->next) /* one of them is the token */
        explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->connect_to);
    t->headers = t->connect_to = NULL;
    kube_credentials_done(&t->credentials);
}

void kube_transfer_done(kube_transfer *t) {
    request_free(t);
    kube_text_done(&t->answer);
}

tu_rc kube_session_start(kube_session *s, tu_call *call, kube_transfer *t, kube_error *error) {
    tu_rc rc = kube_login_get(s->k->login, s->k->host, call, &t->credentials, error);
    if (rc != TU_OK)
        return rc;
    kube_text_clear(&t->answer);
    t->status = 0;
    t->result = CURLE_OK;
    t->received = 0;
    t->stopped = false;
    t->retry_after_ms = 0;
    t->content[0] = t->detail[0] = '\0';
    t->login_serial = t->credentials.serial;
    t->easy = curl_easy_init();
    if (!t->easy || !prepare(t, s->k) || curl_multi_add_handle(s->multi, t->easy) != CURLM_OK) {
        request_free(t);
        return kube_error_set(error, TU_EINTERNAL, "memory", "out of memory for a request to %s",
                              s->k->endpoint);
    }
    t->active = true;
    t->next = s->active;
    s->active = t;
    return TU_OK;
}

void kube_session_stop(kube_session *s, kube_transfer *t) {
    if (!t->active)
        return;
    for (kube_transfer **at = &s->active; *at; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            break;
        }
    t->active = false;
    curl_multi_remove_handle(s->multi, t->easy);
    request_free(t);
}

static bool finish_one(kube_session *s) {
    int left;
    CURLMsg *m = curl_multi_info_read(s->multi, &left);
    if (!m)
        return false;
    if (m->msg != CURLMSG_DONE)
        return true;
    kube_transfer *t = NULL;
    CURL *easy = m->easy_handle;
    CURLcode result = m->data.result;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
    t->result = result;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &t->status);
    kube_session_stop(s, t);
    if (t->on_done)
        t->on_done(t);
    return true;
}

tu_rc kube_session_step(kube_session *s, tu_call *call, int64_t until_ms, kube_error *error) {
    const tu_host *host = s->k->host;
    int running;
    bool done = false;
    curl_multi_perform(s->multi, &running);
    while (finish_one(s))
        done = true;
    if (host->cancelled(call))
        return kube_error_set(error, TU_ECANCELLED, "cancelled", "cancelled while waiting for %s",
                              s->k->endpoint);
    int64_t now = kube_now_ms(), deadline = host->deadline_ms(call);
    if (deadline >= 0 && now >= deadline)
        return kube_error_set(error, TU_ETIMEOUT, "timeout", "%s did not answer in time",
                              s->k->endpoint);
    if (done || (until_ms >= 0 && now >= until_ms))
        return TU_OK;
    if (deadline >= 0 && (until_ms < 0 || deadline < until_ms))
        until_ms = deadline;
    int64_t wait = until_ms < 0 ? 60000 : until_ms - now;
    struct curl_waitfd extra = {host->cancel_fd(call), CURL_WAIT_POLLIN, 0};
    curl_multi_poll(s->multi, &extra, extra.fd >= 0 ? 1 : 0, (int)(wait > 60000 ? 60000 : wait),
                    NULL);
    return TU_OK;
}

tu_rc kube_request(tu_instance *k, tu_call *call, kube_transfer *t, kube_error *error) {
    kube_session *s = kube_session_open(k);
    if (!s)
        return kube_error_set(error, TU_EINTERNAL, "memory", "out of memory for a connection to %s",
                              k->endpoint);
    if (!t->timeout_ms)
        t->timeout_ms = k->request_timeout_ms;
    tu_rc rc = TU_OK;
    for (int attempt = 0; attempt < 2; attempt++) {
        rc = kube_session_start(s, call, t, error);
        while (rc == TU_OK && t->active)
            rc = kube_session_step(s, call, -1, error);
        if (rc != TU_OK || t->status != 401 || !kube_login_refused(k->login, t->login_serial))
            break;
    }
    kube_session_close(s);
    if (rc != TU_OK)
        return rc;
    if (t->result == CURLE_OK && t->status >= 200 && t->status < 300)
        return TU_OK;
    return kube_answer_error(k, t, error);
}
