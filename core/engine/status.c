/*
 * engine/status.c: what the running service knows, over its unix socket.
 *
 * A client writes one line, {"command":"status"}, and reads one JSON document until the end. Only
 * the user who runs the service may connect (the socket's mode). Requests are bounded
 * (TU_LIMIT_SOCKET_BYTES) and a client that is slow holds up nobody.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "engine/service.h"
#include "value/json.h"

#define STATUS_LIMIT (64u * TU_MIB)
#define LISTED_DRIFTS 1000

/* --- the answer ------------------------------------------------------------------------------- */

static void member(tu_buf *b, const char *before, const char *key, tu_str value) {
    tu_buf_addf(b, "%s\"%s\":", before, key);
    tu_buf_add_json_string(b, value);
}

static void time_member(tu_buf *b, const char *key, int64_t wall_ms) {
    char text[32];
    tu_time_format(wall_ms, text);
    if (wall_ms)
        member(b, ",", key, tu_str_c(text));
}

static void add_condition(tu_buf *b, const condition *c) {
    if (!c->text)
        return;
    member(b, ",", "problem", tu_str_c(c->text));
    time_member(b, "problemSince", c->since_ms);
}

static void add_sources(tu_buf *b, const service *s) {
    tu_buf_add_c(b, ",\"sources\":[");
    for (size_t i = 0; i < s->source_count; i++) {
        const source_state *x = &s->sources[i];
        member(b, i ? ",{" : "{", "name", x->use->name);
        member(b, ",", "plugin", x->use->plugin);
        member(b, ",", "revision", tu_str_c(x->revision));
        time_member(b, "checked", x->checked_ms);
        add_condition(b, &x->problem);
        tu_buf_add_c(b, "}");
    }
    tu_buf_add_c(b, "]");
}

static void add_targets(tu_buf *b, const service *s) {
    tu_buf_add_c(b, ",\"targets\":[");
    for (size_t i = 0; i < s->target_count; i++) {
        const target_state *t = &s->targets[i];
        member(b, i ? ",{" : "{", "name", t->use->name);
        member(b, ",", "plugin", t->use->plugin);
        if (t->catalogue)
            member(b, ",", "endpoint", tu_catalogue_endpoint(t->catalogue));
        tu_buf_addf(b, ",\"watching\":%s", t->watching ? "true" : "false");
        time_member(b, "current", t->current_ms);
        add_condition(b, &t->problem);
        tu_buf_add_c(b, "}");
    }
    tu_buf_add_c(b, "]");
}

static void add_summary(tu_buf *b, const rule_state *r) {
    size_t counts[TU_VERDICT_COUNT] = {0}, pending = 0;
    for (size_t i = 0; r->set && i < r->set->n; i++) {
        if (r->verdicts[i] == VERDICT_PENDING && target_has_lost(r->target, r, i))
            counts[TU_VERDICT_UNKNOWN]++;
        else if (r->verdicts[i] == VERDICT_PENDING)
            pending++;
        else
            counts[r->verdicts[i]]++;
    }
    for (size_t i = 0; r->set && i < r->set->problem_count; i++)
        counts[r->set->problems[i]->verdict]++;
    for (size_t i = 0; i < r->open.n; i++)
        counts[TU_VERDICT_UNMANAGED] +=
            ((const open_drift *)r->open.entries[i].value)->finding.verdict == TU_VERDICT_UNMANAGED;
    size_t own = r->set ? r->set->n + r->set->problem_count : 0;
    tu_buf_addf(b, ",\"summary\":{\"objects\":%zu", own + counts[TU_VERDICT_UNMANAGED]);
    for (int v = 0; v < TU_VERDICT_COUNT; v++)
        tu_buf_addf(b, ",\"%s\":%zu", tu_verdict_name((tu_verdict)v), counts[v]);
    tu_buf_addf(b, ",\"pending\":%zu}", pending);
}

static void add_open(tu_buf *b, const rule_state *r) {
    tu_buf_add_c(b, ",\"open\":[");
    for (size_t i = 0; i < r->open.n && i < LISTED_DRIFTS; i++) {
        const open_drift *d = r->open.entries[i].value;
        char since[32];
        tu_time_format(d->opened_ms, since);
        member(b, i ? ",{" : "{", "since", tu_str_c(since));
        tu_buf_addf(b, ",\"told\":%s,\"object\":", d->told ? "true" : "false");
        tu_report_finding_json(b, &d->finding);
        tu_buf_add_c(b, "}");
    }
    tu_buf_add_c(b, "]");
}

static void add_rules(tu_buf *b, const service *s) {
    tu_buf_add_c(b, ",\"rules\":[");
    for (size_t i = 0; i < s->rule_count; i++) {
        const rule_state *r = &s->rules[i];
        member(b, i ? ",{" : "{", "name", r->rule->name);
        member(b, ",", "mode", tu_str_c(tu_mode_name(r->rule->mode)));
        member(b, ",", "source", r->rule->from);
        member(b, ",", "target", r->rule->to);
        member(b, ",", "revision", r->set ? r->set->revision : (tu_str){0});
        add_condition(b, &r->problem);
        add_summary(b, r);
        add_open(b, r);
        tu_buf_add_c(b, "}");
    }
    tu_buf_add_c(b, "]");
}

static void write_status(tu_buf *b, const service *s) {
    member(b, "{", "apiVersion", TU_S("trueup.dev/v1"));
    member(b, ",", "kind", TU_S("Status"));
    member(b, ",", "version", TU_S(TRUEUP_VERSION));
    time_member(b, "started", s->started_ms);
    time_member(b, "now", tu_clock_wall(&s->clock));
    tu_buf_addf(b, ",\"pid\":%ld", (long)getpid());
    member(b, ",\"config\":{", "path", tu_str_c(s->options->config_path));
    add_condition(b, &s->config_problem);
    tu_buf_add_c(b, "}");
    add_sources(b, s);
    add_targets(b, s);
    add_rules(b, s);
    tu_buf_addf(b, ",\"deliveries\":{\"pending\":%lld,\"delivered\":%lld,\"dead\":%lld}",
                (long long)s->delivery_counts[0], (long long)s->delivery_counts[1],
                (long long)s->delivery_counts[2]);
    tu_buf_add_c(b, ",\"store\":{\"writable\":");
    tu_buf_add_c(b, s->store_problem.text ? "false" : "true");
    add_condition(b, &s->store_problem);
    tu_buf_add_c(b, "}}\n");
}

/* --- the server ------------------------------------------------------------------------------- */

typedef struct client {
    uv_pipe_t pipe;
    uv_write_t write;
    status_server *server;
    tu_buf request, answer;
    char room[4096];
} client;

static void on_client_closed(uv_handle_t *h) {
    client *c = h->data;
    tu_buf_done(&c->request);
    tu_buf_done(&c->answer);
    free(c);
}

static void close_client(client *c) {
    if (!uv_is_closing((uv_handle_t *)&c->pipe))
        uv_close((uv_handle_t *)&c->pipe, on_client_closed);
}

static void on_written(uv_write_t *w, int status) {
    (void)status;
    close_client(w->data);
}

static void answer(client *c) {
    tu_arena a;
    tu_arena_init(&a, TU_MIB);
    tu_value *request = NULL;
    tu_error *why = NULL;
    tu_rc rc = tu_json_parse(&a, tu_buf_str(&c->request), 0, NULL, &request, NULL, &why);
    tu_str command = tu_value_get_string(request, "command");
    if (rc == TU_OK && tu_str_is(command, "status")) {
        write_status(&c->answer, c->server->s);
        if (c->answer.rc != TU_OK) {
            tu_buf_clear(&c->answer);
            tu_buf_add_c(&c->answer, "{\"error\":\"the status is too large to be told\"}\n");
        }
    } else {
        _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(4 * TU_KIB);
        if (rc == TU_OK)
            tu_buf_addf(&text, "unknown command '%.*s': this service answers \"status\"",
                        TU_P(command));
        else
            tu_buf_add_c(&text, tu_error_text(why));
        tu_buf_add_c(&c->answer, "{\"error\":");
        tu_buf_add_json_string(&c->answer, tu_buf_str(&text));
        tu_buf_add_c(&c->answer, "}\n");
    }
    tu_error_free(why);
    tu_arena_done(&a);
    uv_buf_t out = uv_buf_init(c->answer.p, (unsigned)c->answer.n);
    c->write.data = c;
    if (uv_write(&c->write, (uv_stream_t *)&c->pipe, &out, 1, on_written) != 0)
        close_client(c);
}

static void give_room(uv_handle_t *h, size_t suggested, uv_buf_t *ret) {
    (void)suggested;
    client *c = h->data;
    *ret = uv_buf_init(c->room, sizeof c->room);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
    client *c = stream->data;
    if (n < 0) {
        close_client(c);
        return;
    }
    tu_buf_add(&c->request, (tu_str){buf->base, (size_t)n});
    if (c->request.rc != TU_OK) {
        close_client(c);
    } else if (memchr(c->request.p ? c->request.p : "", '\n', c->request.n)) {
        uv_read_stop(stream);
        answer(c);
    }
}

static void on_connection(uv_stream_t *server, int status) {
    if (status != 0)
        return;
    client *c = tu_xcalloc(1, sizeof *c);
    c->server = server->data;
    tu_buf_init(&c->request, TU_LIMIT_SOCKET_BYTES);
    tu_buf_init(&c->answer, STATUS_LIMIT);
    uv_pipe_init(server->loop, &c->pipe, 0);
    c->pipe.data = c;
    if (uv_accept(server, (uv_stream_t *)&c->pipe) != 0 ||
        uv_read_start((uv_stream_t *)&c->pipe, give_room, on_read) != 0)
        close_client(c);
}

/* True when somebody listens there. */
static bool is_answered(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answered = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    if (fd >= 0)
        close(fd);
    return answered;
}

/* Takes away the socket of a service that was killed, and nothing else. */
static tu_rc make_room(const char *path, tu_error **error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof address.sun_path)
        return tu_error_set(error, TU_EINVALID,
                            "the control socket %s: longer than a socket's path may be (%zu "
                            "bytes); name a shorter one with --socket",
                            path, sizeof address.sun_path - 1);
    if (lstat(path, &st) != 0)
        return TU_OK; /* if it is another failure than absence, binding will say which */
    if (!S_ISSOCK(st.st_mode))
        return tu_error_set(error, TU_EINVALID,
                            "the control socket %s: a file that is no socket stands there; move it "
                            "away, or name another with --socket",
                            path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (is_answered(&address))
        return tu_error_set(error, TU_ECONFLICT,
                            "the control socket %s: another service answers there; name another "
                            "with --socket",
                            path);
    unlink(path);
    return TU_OK;
}

tu_rc status_open(status_server *x, uv_loop_t *loop, const char *path, tu_error **error) {
    tu_rc room = make_room(path, error);
    if (room != TU_OK)
        return room;
    uv_pipe_init(loop, &x->pipe, 0);
    x->pipe.data = x;
    x->open = true;
    mode_t before = umask(0177);
    int rc = uv_pipe_bind(&x->pipe, path);
    umask(before);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&x->pipe, 8, on_connection);
    if (rc != 0)
        return tu_error_set(error, TU_EUNAVAILABLE, "the control socket %s: %s", path,
                            uv_strerror(rc));
    return TU_OK;
}

static void close_if_client(uv_handle_t *h, void *server) {
    if (h->type == UV_NAMED_PIPE && h != server)
        close_client(h->data);
}

void status_close(status_server *x, uv_loop_t *loop) {
    uv_walk(loop, close_if_client, &x->pipe); /* the loop has no other pipes */
    if (x->open)
        uv_close((uv_handle_t *)&x->pipe, NULL);
    x->open = false;
}

/* --- the client ------------------------------------------------------------------------------- */

static tu_rc exchange(int fd, const char *socket, const char *command, tu_buf *ret,
                      tu_error **error) {
    _cleanup_(tu_buf_done) tu_buf request = TU_BUF_INIT(TU_LIMIT_SOCKET_BYTES);
    tu_buf_add_c(&request, "{\"command\":");
    tu_buf_add_json_string(&request, tu_str_c(command));
    tu_buf_add_c(&request, "}\n");
    if (send(fd, request.p, request.n, MSG_NOSIGNAL) != (ssize_t)request.n)
        return tu_error_set(error, TU_EUNAVAILABLE, "%s: %s", socket, strerror(errno));
    for (;;) {
        char room[65536];
        ssize_t n = recv(fd, room, sizeof room, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tu_error_set(error, TU_EUNAVAILABLE, "%s: %s", socket, strerror(errno));
        if (n == 0)
            break;
        tu_buf_add(ret, (tu_str){room, (size_t)n});
    }
    if (ret->rc != TU_OK || ret->n == 0)
        return tu_error_set(error, TU_EUNAVAILABLE, "%s: the service gave no answer", socket);
    return TU_OK;
}

static tu_rc cannot_connect(const char *socket_path, int why, tu_error **error) {
    if (why == EACCES || why == EPERM)
        return tu_error_set(error, TU_EDENIED,
                            "%s: %s: only the user who runs the service may ask it", socket_path,
                            strerror(why));
    return tu_error_set(error, TU_EUNAVAILABLE,
                        "no service answers at %s (%s): start it with `trueup run`, or name its "
                        "state directory with --state",
                        socket_path, strerror(why));
}

tu_rc tu_status_ask(const char *socket_path, const char *command, tu_buf *ret, tu_error **error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(socket_path) >= sizeof address.sun_path)
        return tu_error_set(error, TU_EINVALID, "%s: longer than a socket's path may be",
                            socket_path);
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval wait = {.tv_sec = 10};
    tu_rc rc;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        rc = cannot_connect(socket_path, errno, error);
    else
        rc = exchange(fd, socket_path, command, ret, error);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* --- systemd ---------------------------------------------------------------------------------- */

/* sd_notify(3)'s protocol: one datagram to the socket that NOTIFY_SOCKET names. Without it,
 * nothing. */
void systemd_notify(const char *state) {
    const char *path = secure_getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (fd >= 0) {
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, length);
        close(fd);
    }
}

/* Type=notify-reload wants to know when the reload began. */
void systemd_notify_reloading(void) {
    char text[64];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)tu_clock_monotonic() * 1000);
    systemd_notify(text);
}
