/*
 * tests/support/http_server.c: see http_server.h.
 *
 * One thread. One connection at a time: a new one takes the place of the one before; or many, where
 * the script says so. A pipe wakes it for the end.
 */
#include "http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUESTS_LIMIT 256
#define CONNECTIONS_LIMIT 16
#define REQUEST_BYTES_LIMIT (8u * 1024u * 1024u)

typedef struct connection {
    int fd; /* -1: it is closed */
    SSL *ssl;
    char *pending; /* what came of the next request */
    size_t pending_n;
} connection;

struct http_server {
    http_script script;
    SSL_CTX *tls;
    int listener, wake[2], port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    char *requests[REQUESTS_LIMIT];
    size_t n;

    connection connections[CONNECTIONS_LIMIT];
    size_t connection_count;
};

static void must(bool good, const char *what) {
    if (good)
        return;
    perror(what);
    abort();
}

/* --- TLS -------------------------------------------------------------------------------------- */

static X509 *make_certificate(EVP_PKEY *key, bool expired) {
    X509 *c = X509_new();
    X509_NAME *name = X509_get_subject_name(c);
    X509_EXTENSION *alternative;
    X509_set_version(c, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c), 1);
    X509_gmtime_adj(X509_getm_notBefore(c), -7200);
    X509_gmtime_adj(X509_getm_notAfter(c), expired ? -3600 : 3600);
    X509_set_pubkey(c, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(c, name);
    alternative = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(c, alternative, -1);
    X509_EXTENSION_free(alternative);
    must(X509_sign(c, key, EVP_sha256()) > 0, "X509_sign");
    return c;
}

static void set_up_tls(http_server *s) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key, s->script.expired);
    char path[4096];
    FILE *f;

    s->tls = SSL_CTX_new(TLS_server_method());
    must(SSL_CTX_use_certificate(s->tls, certificate) && SSL_CTX_use_PrivateKey(s->tls, key),
         "SSL_CTX");
    snprintf(path, sizeof path, "%s/key.pem", s->script.tls_folder);
    must((f = fopen(path, "w")) && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), path);
    fclose(f);
    snprintf(path, sizeof path, "%s/cert.pem", s->script.tls_folder);
    must((f = fopen(path, "w")) && PEM_write_X509(f, certificate), path);
    fclose(f);
    if (s->script.ask_certificate) {
        SSL_CTX_load_verify_file(s->tls, path);
        SSL_CTX_set_verify(s->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static long get_bytes(connection *c, char *out, size_t room) {
    if (!c->ssl)
        return recv(c->fd, out, room, 0);
    return SSL_read(c->ssl, out, (int)room);
}

static bool put_bytes(connection *c, const char *bytes, size_t n) {
    while (n) {
        long sent = c->ssl ? SSL_write(c->ssl, bytes, (int)n) : send(c->fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

static void hang_up(connection *c, bool reset) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (c->fd < 0)
        return;
    if (c->ssl && !reset)
        SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    c->ssl = NULL;
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(c->fd);
    c->fd = -1;
    c->pending_n = 0;
}

/* Where a new connection goes. */
static connection *make_room(http_server *s) {
    size_t i = 0;
    while (s->script.many && i < s->connection_count && s->connections[i].fd >= 0)
        i++;
    must(i < CONNECTIONS_LIMIT, "more connections than a test should make");
    connection *c = &s->connections[i];
    if (i < s->connection_count) {
        hang_up(c, false);
        return c;
    }
    s->connection_count++;
    *c = (connection){.fd = -1, .pending = calloc(1, REQUEST_BYTES_LIMIT)};
    return c;
}

static void take_connection(http_server *s) {
    connection *c = make_room(s);
    c->fd = accept(s->listener, NULL, NULL);
    if (c->fd < 0 || !s->tls)
        return;
    c->ssl = SSL_new(s->tls);
    SSL_set_fd(c->ssl, c->fd);
    if (SSL_accept(c->ssl) <= 0)
        hang_up(c, false);
}

/* --- requests --------------------------------------------------------------------------------- */

static const char *find_header(const char *request, const char *name) {
    size_t n = strlen(name);
    for (const char *line = strstr(request, "\r\n"); line && strncmp(line, "\r\n\r\n", 4);
         line = strstr(line + 2, "\r\n"))
        if (!strncasecmp(line + 2, name, n) && line[2 + n] == ':')
            return line + 3 + n + strspn(line + 3 + n, " ");
    return NULL;
}

/* Bytes of the first whole request in pending; 0: not whole yet. */
static size_t whole_request(const connection *c) {
    const char *end = strstr(c->pending, "\r\n\r\n"), *length;
    size_t head;
    if (!end)
        return 0;
    head = (size_t)(end - c->pending) + 4;
    if (find_header(c->pending, "Transfer-Encoding")) {
        const char *last = strstr(c->pending + head, "0\r\n\r\n");
        return last ? (size_t)(last - c->pending) + 5 : 0;
    }
    length = find_header(c->pending, "Content-Length");
    head += length ? strtoul(length, NULL, 10) : 0;
    return c->pending_n >= head ? head : 0;
}

static void answer(http_server *s, connection *c, size_t i) {
    const http_answer *a = &s->script.answers[i < s->script.n ? i : s->script.n - 1];
    char filler[4096];
    bool alive = !a->bytes || put_bytes(c, a->bytes, strlen(a->bytes));
    memset(filler, 'x', sizeof filler);
    for (size_t left = a->filler; left && alive;) {
        size_t n = left < sizeof filler ? left : sizeof filler;
        alive = put_bytes(c, filler, n);
        left -= n;
    }
    if (alive && a->tail)
        alive = put_bytes(c, a->tail, strlen(a->tail));
    if (!alive || a->after != HTTP_KEEP)
        hang_up(c, a->after == HTTP_RESET);
}

static void take_request(http_server *s, connection *c, size_t n) {
    size_t i;
    char *request = strndup(c->pending, n);
    memmove(c->pending, c->pending + n, c->pending_n - n);
    c->pending_n -= n;
    c->pending[c->pending_n] = '\0';
    pthread_mutex_lock(&s->lock);
    i = s->n;
    must(i < REQUESTS_LIMIT, "more requests than a test should make");
    s->requests[s->n++] = request;
    pthread_cond_broadcast(&s->arrived);
    pthread_mutex_unlock(&s->lock);
    answer(s, c, i);
}

static void take_bytes(http_server *s, connection *c) {
    long n;
    size_t whole;
    must(c->pending_n + 65536 < REQUEST_BYTES_LIMIT, "a request larger than a test should send");
    n = get_bytes(c, c->pending + c->pending_n, 65536);
    if (n <= 0) {
        hang_up(c, false);
        return;
    }
    c->pending_n += (size_t)n;
    c->pending[c->pending_n] = '\0';
    while (c->fd >= 0 && (whole = whole_request(c)))
        take_request(s, c, whole);
}

/* Takes what came. False: nothing had. */
static bool take_some(http_server *s, const struct pollfd *fds) {
    bool some = false;
    for (size_t i = 0, n = s->connection_count; i < n; i++) {
        connection *c = &s->connections[i];
        if (c->fd >= 0 && (fds[i].revents || (c->ssl && SSL_pending(c->ssl)))) {
            take_bytes(s, c);
            some = true;
        }
    }
    return some;
}

static void *serve(void *arg) {
    http_server *s = arg;
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE); /* SSL_write() to a client that has gone */
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    for (;;) {
        struct pollfd fds[2 + CONNECTIONS_LIMIT] = {{s->wake[0], POLLIN, 0},
                                                    {s->listener, POLLIN, 0}};
        bool buffered = false;
        for (size_t i = 0; i < s->connection_count; i++) {
            fds[2 + i] = (struct pollfd){s->connections[i].fd, POLLIN, 0};
            buffered |= s->connections[i].ssl && SSL_pending(s->connections[i].ssl);
        }
        if (poll(fds, 2 + s->connection_count, buffered ? 0 : -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents)
            break;
        if (!take_some(s, fds + 2) && fds[1].revents)
            take_connection(s);
    }
    for (size_t i = 0; i < s->connection_count; i++)
        hang_up(&s->connections[i], false);
    return NULL;
}

/* --- for the test ----------------------------------------------------------------------------- */

http_server *http_server_start(const http_script *script) {
    http_server *s = calloc(1, sizeof *s);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    s->script = *script;
    http_answer *copies = calloc(script->n + 1, sizeof *copies);
    memcpy(copies, script->answers, script->n * sizeof *copies);
    s->script.answers = copies; /* a compound literal is gone with its block */
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->arrived, NULL);
    if (script->tls_folder)
        set_up_tls(s);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(s->listener >= 0 && bind(s->listener, (struct sockaddr *)&a, sizeof a) == 0 &&
             listen(s->listener, 16) == 0 &&
             getsockname(s->listener, (struct sockaddr *)&a, &n) == 0 && pipe(s->wake) == 0,
         "http_server_start");
    s->port = ntohs(a.sin_port);
    must(pthread_create(&s->thread, NULL, serve, s) == 0, "pthread_create");
    return s;
}

void http_server_stop(http_server *s) {
    must(write(s->wake[1], "x", 1) == 1, "write");
    pthread_join(s->thread, NULL);
    close(s->wake[0]);
    close(s->wake[1]);
    close(s->listener);
    for (size_t i = 0; i < s->n; i++)
        free(s->requests[i]);
    free((void *)s->script.answers);
    SSL_CTX_free(s->tls);
    pthread_cond_destroy(&s->arrived);
    pthread_mutex_destroy(&s->lock);
    for (size_t i = 0; i < s->connection_count; i++)
        free(s->connections[i].pending);
    free(s);
}

const char *http_server_url(http_server *s, const char *path) {
    static char url[512];
    snprintf(url, sizeof url, "%s://127.0.0.1:%d%s", s->tls ? "https" : "http", s->port, path);
    return url;
}

void http_server_await(http_server *s, size_t requests) {
    pthread_mutex_lock(&s->lock);
    while (s->n < requests)
        pthread_cond_wait(&s->arrived, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

size_t http_server_count(http_server *s) {
    pthread_mutex_lock(&s->lock);
    size_t n = s->n;
    pthread_mutex_unlock(&s->lock);
    return n;
}

const char *http_server_request(http_server *s, size_t i) {
    http_server_await(s, i + 1);
    return s->requests[i];
}

const char *http_server_header(http_server *s, size_t i, const char *name) {
    static char value[8192];
    const char *found = find_header(http_server_request(s, i), name);
    snprintf(value, sizeof value, "%.*s", found ? (int)strcspn(found, "\r\n") : 0,
             found ? found : "");
    return value;
}

const char *http_server_body(http_server *s, size_t i) {
    const char *end = strstr(http_server_request(s, i), "\r\n\r\n");
    return end ? end + 4 : "";
}
