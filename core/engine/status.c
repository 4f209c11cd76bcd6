/*
 * engine/status.c: what the running service knows, in words; how it is asked; and what systemd is
 * told. The socket itself is socket.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "engine/alerts.h"
#include "value/json.h"

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

/* How news of objects was answered: without a request, by reading the object, by a dry run. */
static void add_proofs(tu_buf *b, const rule_state *r) {
    if (!r->index)
        return;
    tu_index_counts c = tu_index_count(r->index);
    tu_buf_addf(b,
                ",\"proofs\":{\"baselines\":%llu,\"memos\":%llu,\"same\":%llu,\"proved\":%llu,"
                "\"looked\":%llu,\"read\":%llu,\"dryRuns\":%llu}",
                (unsigned long long)c.baselines, (unsigned long long)c.memos,
                (unsigned long long)c.same, (unsigned long long)c.proved,
                (unsigned long long)c.looked, (unsigned long long)c.read,
                (unsigned long long)c.predicted);
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

/* Entries that don't match any more: nobody asked for what happens instead. */
static void add_expired(tu_buf *b, const service *s, const tu_rule *rule) {
    int64_t now = tu_clock_wall(&s->clock);
    size_t n = 0;
    tu_buf_add_c(b, ",\"expired\":[");
    for (size_t i = 0; i < rule->entry_count; i++) {
        const tu_entry *e = &rule->entries[i];
        if (!e->expires_ms || e->expires_ms > now)
            continue;
        tu_buf_add_c(b, n++ ? "," : "");
        tu_buf_add_json_string(b, e->name);
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
        add_expired(b, s, r->rule);
        add_condition(b, &r->problem);
        add_summary(b, r);
        add_proofs(b, r);
        add_open(b, r);
        tu_buf_add_c(b, "}");
    }
    tu_buf_add_c(b, "]");
}

static void count_silenced(void *arg, const tu_incident_view *v) {
    *(size_t *)arg += v->quiet;
}

static void add_alerts(tu_buf *b, const service *s) {
    tu_dispatch_counts n = tu_dispatch_count(alerts_dispatch(s));
    size_t silenced = 0;
    tu_dispatch_each(alerts_dispatch(s), alerts_now(s), count_silenced, &silenced);
    tu_buf_addf(b,
                ",\"alerts\":{\"open\":%zu,\"alerts\":%zu,\"silenced\":%zu,\"pending\":%lld,"
                "\"dead\":%lld}",
                n.incidents, n.alerts, silenced, (long long)s->delivery_counts[0],
                (long long)s->delivery_counts[2]);
}

void status_write(tu_buf *b, const service *s) {
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
    add_alerts(b, s);
    tu_buf_addf(b, ",\"deliveries\":{\"pending\":%lld,\"delivered\":%lld,\"dead\":%lld}",
                (long long)s->delivery_counts[0], (long long)s->delivery_counts[1],
                (long long)s->delivery_counts[2]);
    deliver_status(b, s);
    tu_buf_add_c(b, ",\"store\":{\"writable\":");
    tu_buf_add_c(b, s->store_problem.text ? "false" : "true");
    add_condition(b, &s->store_problem);
    tu_buf_add_c(b, "}}\n");
}

/* --- the client ------------------------------------------------------------------------------- */

/* Small enough for one send. */
static bool send_request(int fd, const char *socket, tu_str request, tu_error **error) {
    _cleanup_(tu_buf_done) tu_buf line = TU_BUF_INIT(TU_LIMIT_SOCKET_BYTES);
    tu_buf_add(&line, request);
    tu_buf_add_byte(&line, '\n');
    if (line.rc != TU_OK) {
        tu_error_set(error, TU_EINVALID,
                     "a request to the service is larger than %u bytes (TU_LIMIT_SOCKET_BYTES)",
                     TU_LIMIT_SOCKET_BYTES);
        return false;
    }
    if (send(fd, line.p, line.n, MSG_NOSIGNAL) == (ssize_t)line.n)
        return true;
    tu_error_set(error, TU_EUNAVAILABLE, "%s: %s", socket, strerror(errno));
    return false;
}

static tu_rc take_answer(int fd, const char *socket, tu_buf *ret, tu_error **error) {
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

/* Connected, and asked; below 0: *error says why not. */
static int ask(const char *socket_path, tu_str request, int wait_s, tu_error **error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(socket_path) >= sizeof address.sun_path) {
        tu_error_set(error, TU_EINVALID, "%s: longer than a socket's path may be", socket_path);
        return -1;
    }
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval wait = {.tv_sec = wait_s};
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
        connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        send_request(fd, socket_path, request, error))
        return fd;
    if (error && !*error)
        cannot_connect(socket_path, errno, error);
    if (fd >= 0)
        close(fd);
    return -1;
}

tu_rc tu_service_ask(const char *socket_path, tu_str request, tu_buf *ret, tu_error **error) {
    tu_error *why = NULL;
    int fd = ask(socket_path, request, 10, &why);
    tu_rc rc = fd < 0 ? (why ? why->rc : TU_EINTERNAL) : take_answer(fd, socket_path, ret, &why);
    if (fd >= 0)
        close(fd);
    if (error && !*error)
        *error = TU_TAKE(why);
    tu_error_free(why);
    return rc;
}

tu_rc tu_status_ask(const char *socket_path, const char *command, tu_buf *ret, tu_error **error) {
    _cleanup_(tu_buf_done) tu_buf request = TU_BUF_INIT(TU_LIMIT_SOCKET_BYTES);
    tu_buf_add_c(&request, "{\"command\":");
    tu_buf_add_json_string(&request, tu_str_c(command));
    tu_buf_add_c(&request, "}");
    return tu_service_ask(socket_path, tu_buf_str(&request), ret, error);
}

/* A line that is longer than the limit ends it. */
static tu_rc take_lines(int fd, const char *socket, bool (*line)(void *arg, tu_str text), void *arg,
                        tu_error **error) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    for (;;) {
        char room[65536];
        ssize_t n = recv(fd, room, sizeof room, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? TU_OK
                          : tu_error_set(error, TU_EUNAVAILABLE, "%s: %s", socket, strerror(errno));
        tu_buf_add(&b, (tu_str){room, (size_t)n});
        if (b.rc != TU_OK)
            return tu_error_set(error, TU_EINVALID,
                                "%s: an event is larger than TU_LIMIT_DOCUMENT_BYTES", socket);
        const char *end;
        while (b.n && (end = memchr(b.p, '\n', b.n))) {
            size_t length = (size_t)(end - b.p);
            if (!line(arg, (tu_str){b.p, length}))
                return TU_OK;
            tu_buf_consume(&b, length + 1);
        }
    }
}

tu_rc tu_status_follow(const char *socket_path, bool (*line)(void *arg, tu_str text), void *arg,
                       tu_error **error) {
    tu_error *why = NULL;
    int fd = ask(socket_path, TU_S("{\"command\":\"events\"}"), 0, &why);
    tu_rc rc =
        fd < 0 ? (why ? why->rc : TU_EINTERNAL) : take_lines(fd, socket_path, line, arg, &why);
    if (fd >= 0)
        close(fd);
    if (error && !*error)
        *error = TU_TAKE(why);
    tu_error_free(why);
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
