/*
 * bench/bench_deliver.c: deliveries a second to a webhook on this machine, with durability on: every
 * outcome is on the disk (synchronous=FULL), each message is a row of its own, with its attempt and its
 * records in the audit chain.
 *
 *     TRUEUP_PLUGIN_PATH=BUILD/plugins bench_deliver [MESSAGES] [BYTES] [STATE-DIR]
 *
 * The messages are of as many incidents as there are messages. The limit is 1,000 a second.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/deliver.h"

enum { CONNECTIONS = 64, REQUEST_BYTES = 1 << 20, BATCH = 500, LIMIT_A_SECOND = 1000 };

static void die(const char *what) {
    fprintf(stderr, "bench_deliver: %s\n", what);
    exit(1);
}

/* --- the receiver ----------------------------------------------------------------------------- */

typedef struct receiver {
    int listener, port;
    size_t requests, connections;
} receiver;

typedef struct link {
    int fd;
    char *bytes;
    size_t n;
} link_;

/* Bytes of the first whole request; 0: not whole yet. */
static size_t whole(link_ *l) {
    l->bytes[l->n] = '\0';
    const char *end = strstr(l->bytes, "\r\n\r\n"),
               *length = strcasestr(l->bytes, "content-length:");
    if (!end)
        return 0;
    size_t n = (size_t)(end + 4 - l->bytes) + (length ? strtoul(length + 15, NULL, 10) : 0);
    return l->n >= n ? n : 0;
}

static void take(receiver *r, link_ *l) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    ssize_t got = recv(l->fd, l->bytes + l->n, REQUEST_BYTES - 1 - l->n, 0);
    if (got <= 0) {
        close(l->fd);
        l->fd = -1;
        l->n = 0;
        return;
    }
    l->n += (size_t)got;
    for (size_t n = whole(l); n; n = whole(l)) {
        memmove(l->bytes, l->bytes + n, l->n - n);
        l->n -= n;
        r->requests++;
        if (send(l->fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0)
            return;
    }
}

static void *serve(void *arg) {
    receiver *r = arg;
    static link_ links[CONNECTIONS];
    struct pollfd fds[CONNECTIONS + 1];
    for (size_t i = 0; i < CONNECTIONS; i++)
        links[i] = (link_){-1, malloc(REQUEST_BYTES), 0};
    for (;;) {
        fds[CONNECTIONS] = (struct pollfd){r->listener, POLLIN, 0};
        for (size_t i = 0; i < CONNECTIONS; i++)
            fds[i] = (struct pollfd){links[i].fd, POLLIN, 0};
        if (poll(fds, CONNECTIONS + 1, -1) < 0)
            return NULL;
        for (size_t i = 0; i < CONNECTIONS; i++)
            if (fds[i].revents)
                take(r, &links[i]);
        for (size_t i = 0; fds[CONNECTIONS].revents && i < CONNECTIONS; i++)
            if (links[i].fd < 0) {
                int on = 1;
                links[i].fd = accept(r->listener, NULL, NULL);
                setsockopt(links[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                r->connections++;
                break;
            }
    }
}

static void receiver_begin(receiver *r) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    pthread_t thread;
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(r->listener, (struct sockaddr *)&a, sizeof a) || listen(r->listener, 128) ||
        getsockname(r->listener, (struct sockaddr *)&a, &n) ||
        pthread_create(&thread, NULL, serve, r))
        die("no receiver");
    r->port = ntohs(a.sin_port);
}

/* --- the outbox ------------------------------------------------------------------------------- */

static void fill(tu_store *store, long messages, size_t bytes) {
    tu_delivery *d = tu_xcalloc(BATCH, sizeof *d);
    char *message = tu_xmalloc(bytes + 200), (*incidents)[33] = tu_xcalloc(BATCH, 33);
    tu_error *error = NULL;
    int n = snprintf(message, 200, "{\"kind\":\"Alert\",\"severity\":\"warning\",\"filler\":\"");
    memset(message + n, 'x', bytes);
    memcpy(message + n + bytes, "\"}", 3);
    for (long made = 0; made < messages;) {
        tu_store_change c = {.wall_ms = 1, .deliveries = d};
        for (; c.delivery_count < BATCH && made < messages; c.delivery_count++, made++) {
            snprintf(incidents[c.delivery_count], 33, "%032lx", made);
            d[c.delivery_count] = (tu_delivery){.incident = tu_str_c(incidents[c.delivery_count]),
                                                .receiver = TU_S("hook"),
                                                .kind = TU_S("firing"),
                                                .message = tu_str_c(message),
                                                .expires_ms = INT64_MAX};
        }
        if (tu_store_commit(store, &c, &error) != TU_OK)
            die(tu_error_text(error));
    }
    free(d);
    free(message);
    free(incidents);
}

static void load(service *s, const char *folder, int port) {
    tu_errors errors = {0};
    tu_buf yaml = TU_BUF_INIT(TU_MIB);
    char *path = tu_path_join(folder, "bench.yaml");
    tu_buf_addf(&yaml,
                "apiVersion: trueup.dev/v1\nkind: Notifier\nmetadata: {name: hook}\n"
                "spec: {plugin: webhook, config: {url: 'http://127.0.0.1:%d/'}}\n",
                port);
    if (tu_file_write(path, tu_buf_str(&yaml), 0600, NULL) != TU_OK)
        die("the folder can't be written to");
    s->config = tu_engine_load_config(path, &errors);
    if (!s->config || tu_session_open(s->config, NULL, true, &s->session, &errors) != TU_OK)
        die(tu_error_text(errors.items[0]));
    tu_buf_done(&yaml);
    free(path);
}

static void on_delivered(service *s, const tu_delivery *d) {
    (void)s, (void)d;
}

static void on_undeliverable(service *s, const tu_delivery *d, const char *why) {
    (void)s, (void)d;
    die(why);
}

int main(int argc, char **argv) {
    long messages = argc > 1 ? strtol(argv[1], NULL, 10) : 20000;
    size_t bytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000;
    char scratch[] = "/var/tmp/trueup-bench-XXXXXX";
    const char *folder = argc > 3 ? argv[3] : mkdtemp(scratch);
    receiver r = {0};
    uv_loop_t loop;
    tu_map policies = {0};
    service s = {.loop = &loop,
                 .clock = tu_clock_real(),
                 .policies = &policies,
                 .delivered = on_delivered,
                 .undeliverable = on_undeliverable};
    tu_error *error = NULL;
    receiver_begin(&r);
    uv_loop_init(&loop);
    load(&s, folder, r.port);
    if (tu_store_open(folder, &s.store, &error) != TU_OK)
        die(tu_error_text(error));
    int64_t begin = tu_clock_monotonic();
    fill(s.store, messages, bytes);
    int64_t filled = tu_clock_monotonic();
    s.cancel = tu_cancel_new();
    s.inbox = tu_inbox_new(&loop);
    s.store_worker = tu_worker_new(s.inbox, "store");
    deliver_start(&s);
    while (s.delivery_counts[TU_DELIVERY_DELIVERED] < messages)
        uv_run(&loop, UV_RUN_ONCE);
    int64_t ms = tu_clock_monotonic() - filled;
    double rate = (double)messages * 1000 / (double)(ms ? ms : 1);
    printf("deliver: %ld messages of %zu bytes in %lld ms (made in %lld ms), %.0f a second, %zu "
           "connections, %.1f times the limit of %d\n",
           messages, bytes, (long long)ms, (long long)(filled - begin), rate, r.connections,
           rate / LIMIT_A_SECOND, LIMIT_A_SECOND);
    if (r.requests != (size_t)messages)
        printf("deliver: %zu requests arrived for %ld messages\n", r.requests, messages);
    exit(0); /* the process's end frees everything */
}
