/*
 * engine/socket.c: the unix socket on which the running service answers.
 *
 * A client writes one line, {"command":"status"}, and reads one JSON document until the end; or
 * {"command":"events"}, and reads one JSON object a line from then on, for as long as it likes
 * (events.c says which). Only the user who runs the service may connect (the socket's mode).
 * Requests are bounded (TU_LIMIT_SOCKET_BYTES), and a client that is slow holds up nobody: a
 * follower that leaves FOLLOWER_BYTES unread is let go.
 */
#include <pwd.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "engine/answer.h"
#include "engine/evidence.h"
#include "engine/service.h"
#include "value/json.h"

#define STATUS_LIMIT (64u * TU_MIB)
#define FOLLOWER_BYTES (16u * TU_MIB)

struct status_client {
    uv_pipe_t pipe;
    uv_write_t write;
    status_server *server;
    tu_buf request, answer;
    bool follows;
    bool waits, gone;    /* for an answer that comes later; and is closed by now */
    status_client *next; /* among the server's followers */
    char room[4096];
};
typedef status_client client;

/* --- clients ---------------------------------------------------------------------------------- */

static void stop_following(client *c) {
    for (client **at = &c->server->followers; c->follows && *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    c->follows = false;
}

static void free_client(client *c) {
    tu_buf_done(&c->request);
    tu_buf_done(&c->answer);
    free(c);
}

/* Whoever still works on the answer has a pointer to it. */
static void on_client_closed(uv_handle_t *h) {
    client *c = h->data;
    c->gone = true;
    if (!c->waits)
        free_client(c);
}

static void close_client(client *c) {
    stop_following(c);
    if (!uv_is_closing((uv_handle_t *)&c->pipe))
        uv_close((uv_handle_t *)&c->pipe, on_client_closed);
}

static void on_written(uv_write_t *w, int status) {
    (void)status;
    close_client(w->data);
}

/* --- events ----------------------------------------------------------------------------------- */

/* One event on its way to one follower. */
typedef struct event_write {
    uv_write_t write;
    client *to;
    tu_buf text;
} event_write;

static void on_event_written(uv_write_t *w, int status) {
    event_write *e = w->data;
    if (status != 0 && status != UV_ECANCELED)
        close_client(e->to);
    tu_buf_done(&e->text);
    free(e);
}

/* Whoever doesn't read what he asked for is let go: he may ask for the status and follow again. */
static void send_event(client *c, tu_str line) {
    if (uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe) > FOLLOWER_BYTES) {
        close_client(c);
        return;
    }
    event_write *e = tu_xcalloc(1, sizeof *e);
    e->to = c;
    e->write.data = e;
    tu_buf_init(&e->text, STATUS_LIMIT);
    tu_buf_add(&e->text, line);
    uv_buf_t out = uv_buf_init(e->text.p, (unsigned)e->text.n);
    if (uv_write(&e->write, (uv_stream_t *)&c->pipe, &out, 1, on_event_written) != 0) {
        tu_buf_done(&e->text);
        free(e);
        close_client(c);
    }
}

bool status_is_followed(const service *s) {
    return s->status && s->status->followers;
}

void status_tell(const service *s, tu_str line) {
    for (client *c = s->status->followers, *next; c; c = next) {
        next = c->next;
        send_event(c, line);
    }
}

static void follow(client *c) {
    char time[32];
    tu_clock clock = tu_clock_real();
    tu_time_format(tu_clock_wall(&clock), time);
    _cleanup_(tu_buf_done) tu_buf hello = TU_BUF_INIT(4 * TU_KIB);
    tu_buf_addf(&hello, "{\"time\":\"%s\",\"event\":\"following\"}\n", time);
    c->follows = true;
    c->next = c->server->followers;
    c->server->followers = c;
    send_event(c, tu_buf_str(&hello));
}

/* --- requests --------------------------------------------------------------------------------- */

static void send_answer(client *c) {
    uv_buf_t out = uv_buf_init(c->answer.p, (unsigned)c->answer.n);
    c->write.data = c;
    if (uv_write(&c->write, (uv_stream_t *)&c->pipe, &out, 1, on_written) != 0)
        close_client(c);
}

/* What was asked for later is there. */
static void on_answer(void *arg, const tu_buf *text) {
    client *c = arg;
    c->waits = false;
    if (c->gone) {
        free_client(c);
        return;
    }
    if (uv_is_closing((uv_handle_t *)&c->pipe))
        return; /* on_client_closed frees it */
    tu_buf_add(&c->answer, tu_buf_str(text));
    if (c->answer.rc == TU_OK && c->answer.n)
        send_answer(c);
    else
        close_client(c);
}

/* "user:NAME (uid N)", as the kernel knows it: never what a client says. */
static bool who_asks(const client *c, char room[160]) {
    struct ucred peer;
    socklen_t n = sizeof peer;
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)&c->pipe, &fd) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
        return false;
    struct passwd entry, *found = NULL;
    char text[4096];
    const char *name = "?";
    if (getpwuid_r(peer.uid, &entry, text, sizeof text, &found) == 0 && found)
        name = entry.pw_name;
    snprintf(room, 160, "user:%.100s (uid %lu)", name, (unsigned long)peer.uid);
    return true;
}

/* Is it a question that is answered later, or is answered by now? */
static bool is_taken(client *c, const tu_value *request, tu_str command) {
    service *s = c->server->s;
    char who[160];
    c->waits = true;
    if (s && tu_str_is(command, "audit")) {
        evidence_answer(s, request, on_answer, c);
        return true;
    }
    if (s && who_asks(c, who) && answer_alerts(s, request, tu_str_c(who), on_answer, c))
        return true;
    c->waits = false;
    return false;
}

static void refuse(client *c, const tu_error *why, tu_str command) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(4 * TU_KIB);
    if (why)
        tu_buf_add_c(&text, tu_error_text(why));
    else
        tu_buf_addf(&text,
                    "unknown command '%.*s': this service answers \"status\", \"events\", "
                    "\"audit\", and questions about alerts",
                    TU_P(command));
    tu_buf_add_c(&c->answer, "{\"error\":");
    tu_buf_add_json_string(&c->answer, tu_buf_str(&text));
    tu_buf_add_c(&c->answer, "}\n");
}

static void answer(client *c) {
    tu_arena a;
    tu_arena_init(&a, TU_MIB);
    tu_value *request = NULL;
    tu_error *why = NULL;
    tu_rc rc = tu_json_parse(&a, tu_buf_str(&c->request), 0, NULL, &request, NULL, &why);
    tu_str command = tu_value_get_string(request, "command");
    bool follows = rc == TU_OK && tu_str_is(command, "events");
    if (follows) { /* it goes on reading, so that its end is noticed */
        follow(c);
        tu_arena_done(&a);
        return;
    }
    uv_read_stop((uv_stream_t *)&c->pipe);
    if (rc == TU_OK && tu_str_is(command, "status")) {
        status_write(&c->answer, c->server->s);
        if (c->answer.rc != TU_OK) {
            tu_buf_clear(&c->answer);
            tu_buf_add_c(&c->answer, "{\"error\":\"the status is too large to be told\"}\n");
        }
        send_answer(c);
    } else if (rc != TU_OK || !is_taken(c, request, command)) {
        refuse(c, why, command);
        send_answer(c);
    }
    tu_error_free(why);
    tu_arena_done(&a);
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
    } else if (!c->follows && memchr(c->request.p ? c->request.p : "", '\n', c->request.n)) {
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
