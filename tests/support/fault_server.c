/* fault_server.c: see fault_server.h. One thread a connection. */
#include "fault_server.h"

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

typedef struct connection {
    fault_server *server;
    int fd;
} connection;

static bool send_all(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Reads the head and the body of one request. */
static bool read_request(int fd, char *head, size_t size) {
    size_t n = 0;
    head[0] = '\0';
    while (n + 1 < size) {
        ssize_t got = recv(fd, head + n, size - 1 - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
        head[n] = '\0';
        const char *end = strstr(head, "\r\n\r\n"), *length = strcasestr(head, "content-length:");
        if (end && n >= (size_t)(end + 4 - head) +
                            (length && length < end ? strtoul(length + 15, NULL, 10) : 0))
            return true;
    }
    return false;
}

static void write_log(fault_server *s, const char *head) {
    size_t n = strlen(s->log), line = strcspn(head, "\r\n");
    snprintf(s->log + n, sizeof(s->log) - n, "%.*s\n", (int)line, head);
    const char *login = strcasestr(head, "\r\nauthorization:");
    n = strlen(s->authorization);
    snprintf(s->authorization + n, sizeof(s->authorization) - n, "%.*s\n",
             login ? (int)strcspn(login + 2, "\r\n") : 0, login ? login + 2 : "");
}

static const fault_answer *choose(fault_server *s, const char *head) {
    static const fault_answer none = {
        .status = 404, .body = "{\"kind\":\"Status\",\"code\":404,\"reason\":\"NotFound\"}"};
    const fault_answer *found = &none;
    const char *path = strchr(head, ' ');
    pthread_mutex_lock(&s->lock);
    write_log(s, head);
    for (size_t i = 0; path && i < s->n && found == &none; i++) {
        const fault_answer *a = &s->answers[i];
        if (strncmp(path + 1, a->path, strlen(a->path)) != 0 ||
            (a->times && s->given[i] >= a->times))
            continue;
        s->given[i]++;
        found = a;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static void wait_for_stop(fault_server *s) {
    struct pollfd p = {s->stop[0], POLLIN, 0};
    poll(&p, 1, -1);
}

static void send_body(fault_server *s, int fd, const fault_answer *a) {
    size_t n = strlen(a->body), part = a->bytes < n ? a->bytes : n;
    struct linger hard = {1, 0};
    char chunk[64];
    switch (a->fault) {
    case FAULT_NONE:
        send_all(fd, a->body, n);
        break;
    case FAULT_BYTE_BY_BYTE:
        for (size_t i = 0; i < n && send_all(fd, a->body + i, 1); i++) {
        }
        break;
    case FAULT_CUT:
        send_all(fd, a->body, part);
        break;
    case FAULT_RESET:
        send_all(fd, a->body, part);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        break;
    case FAULT_HANG:
        send_all(fd, a->body, part);
        wait_for_stop(s);
        break;
    case FAULT_CHUNKED_CUT:
        snprintf(chunk, sizeof(chunk), "%zx\r\n", n);
        send_all(fd, chunk, strlen(chunk));
        send_all(fd, a->body, n);
        send_all(fd, "\r\n", 2);
        break;
    case FAULT_ENDLESS:
        send_all(fd, a->body, n);
        char more[4096];
        memset(more, a->body[n - 1], sizeof(more));
        while (send_all(fd, more, sizeof(more))) {
        }
        break;
    }
}

static void *serve(void *arg) {
    connection c = *(connection *)arg;
    free(arg);
    char head[65536], text[1024];
    int one = 1;
    setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (read_request(c.fd, head, sizeof(head))) {
        const fault_answer *a = choose(c.server, head);
        size_t n = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\n%sConnection: close\r\n",
                                    a->status ? a->status : 200,
                                    a->headers ? a->headers : "Content-Type: application/json\r\n");
        if (a->fault == FAULT_CHUNKED_CUT)
            snprintf(text + n, sizeof(text) - n, "Transfer-Encoding: chunked\r\n\r\n");
        else if (a->fault == FAULT_ENDLESS)
            snprintf(text + n, sizeof(text) - n, "\r\n");
        else
            snprintf(text + n, sizeof(text) - n, "Content-Length: %zu\r\n\r\n",
                     strlen(a->body) + (a->fault == FAULT_HANG)); /* what hangs is never whole */
        if (send_all(c.fd, text, strlen(text)))
            send_body(c.server, c.fd, a);
    }
    close(c.fd);
    return NULL;
}

static void *listen_loop(void *arg) {
    fault_server *s = arg;
    pthread_t threads[512];
    size_t n = 0;
    for (;;) {
        struct pollfd p[2] = {{s->listener, POLLIN, 0}, {s->stop[0], POLLIN, 0}};
        if (poll(p, 2, -1) < 0)
            continue;
        if (p[1].revents || n == sizeof(threads) / sizeof(*threads))
            break;
        connection *c = malloc(sizeof(*c));
        if (!c)
            abort();
        *c = (connection){s, accept(s->listener, NULL, NULL)};
        if (c->fd < 0 || pthread_create(&threads[n], NULL, serve, c) != 0)
            free(c);
        else
            n++;
    }
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    return NULL;
}

void fault_server_start(fault_server *s, const fault_answer *answers, size_t n) {
    memset(s, 0, sizeof(*s));
    s->answers = answers;
    s->n = n;
    pthread_mutex_init(&s->lock, NULL);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(s->listener, 64) != 0 || pipe(s->stop) != 0 ||
        getsockname(s->listener, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&s->thread, NULL, listen_loop, s) != 0)
        abort();
    s->port = ntohs(address.sin_port);
}

void fault_server_stop(fault_server *s) {
    if (write(s->stop[1], "xx", 2) != 2)
        abort();
    pthread_join(s->thread, NULL);
    close(s->listener);
    close(s->stop[0]);
    close(s->stop[1]);
    pthread_mutex_destroy(&s->lock);
}

unsigned fault_server_count(fault_server *s, const char *needle) {
    unsigned n = 0;
    pthread_mutex_lock(&s->lock);
    for (const char *line = s->log; *line;) {
        size_t length = strcspn(line, "\n");
        n += memmem(line, length, needle, strlen(needle)) != NULL;
        line += length + (line[length] == '\n');
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}
