/*
 * The engine's deliveries, with the real store and the real webhook notifier, to receivers that fail in
 * every way: what arrives, and what the store says of it. Time is virtual: it stands still until a test
 * turns the hands.
 *
 * To add a fault: a row in `faults`.
 */
#include "http_server.h"
#include "plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/deliver.h"

#define COUNT(t) (sizeof(t) / sizeof *(t))
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define EMPTY(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"

/* --- a service with nothing but an outbox ----------------------------------------------------- */

typedef struct world {
    service s;
    uv_loop_t loop;
    uv_timer_t patience;
    tu_map policies;
    char *folder;
    tu_buf yaml;
    size_t given_up, arrived; /* deliveries that the alerts were told of */
} world;

static void undeliverable(service *s, const tu_delivery *d, const char *why) {
    world *w = (world *)s;
    assert_true(d->receiver.n > 0);
    assert_true(*why != '\0');
    w->given_up++;
}

static void delivered(service *s, const tu_delivery *d) {
    (void)d;
    ((world *)s)->arrived++;
}

static void give_up(uv_timer_t *t) {
    (void)t;
    fail_msg("waited in vain");
}

static void notifier(world *w, const char *name, const char *url, const char *more,
                     const char *spec) {
    if (w->yaml.n == 0)
        tu_buf_addf(&w->yaml,
                    "apiVersion: trueup.dev/v1\nkind: Routing\nmetadata: {name: all}\n"
                    "spec: {receiver: %s}\n",
                    name);
    tu_buf_addf(&w->yaml,
                "---\napiVersion: trueup.dev/v1\nkind: Notifier\nmetadata: {name: %s}\n"
                "spec: {plugin: webhook, config: {url: '%s'%s}%s}\n",
                name, url, more, spec);
}

static void world_begin(world *w) {
    *w = (world){.yaml = TU_BUF_INIT(TU_MIB), .folder = test_scratch_new()};
    uv_loop_init(&w->loop);
    uv_timer_init(&w->loop, &w->patience);
    w->s.clock = tu_clock_virtual(INT64_C(1767323045000));
}

/* With the configuration as it is written now. */
static void world_start(world *w) {
    _cleanup_(tu_freep) char *path = tu_path_join(w->folder, "trueup.yaml");
    tu_errors errors = {0};
    tu_error *error = NULL;
    service *s = &w->s;
    assert_int_equal(tu_file_write(path, tu_buf_str(&w->yaml), 0600, NULL), TU_OK);
    s->config = tu_engine_load_config(path, &errors);
    if (!s->config || tu_session_open(s->config, NULL, true, &s->session, &errors) != TU_OK)
        fail_msg("%s", tu_error_text(errors.items[0]));
    if (!s->store && tu_store_open(w->folder, &s->store, &error) != TU_OK)
        fail_msg("%s", tu_error_text(error));
    tu_errors_done(&errors);
    s->loop = &w->loop;
    s->stopping = false;
    s->policies = &w->policies;
    s->undeliverable = undeliverable;
    s->delivered = delivered;
    s->cancel = tu_cancel_new();
    s->inbox = tu_inbox_new(s->loop);
    s->store_worker = tu_worker_new(s->inbox, "store");
    s->delivering = s->deliver_again = s->queue_recovered = false;
    s->surveyed_ms = s->clock_wall_ms = 0;
    uv_timer_start(&w->patience, give_up, 20000, 0);
    deliver_start(s);
}

/* As the engine tears everything down: at its end, and for a reload. */
static void world_stop(world *w) {
    service *s = &w->s;
    __atomic_store_n(&s->stopping, true, __ATOMIC_RELEASE);
    tu_cancel_fire(s->cancel);
    tu_inbox_close(s->inbox);
    deliver_stop(s);
    tu_inbox_drain(s->inbox);
    tu_worker_free(s->store_worker);
    tu_inbox_drain(s->inbox);
    tu_inbox_free(s->inbox, NULL, NULL);
    uv_close((uv_handle_t *)&s->deliver_timer, NULL);
    uv_timer_stop(&w->patience);
    uv_run(s->loop, UV_RUN_DEFAULT);
    tu_map_done(&s->notifiers, receiver_free);
    tu_cancel_free(s->cancel);
    tu_session_close(s->session);
    tu_config_unref(s->config);
    assert_int_equal(s->taken_bytes, 0);
    assert_null(s->ended);
}

static void free_policy(void *p) {
    free(p);
}

static void world_end(world *w) {
    world_stop(w);
    tu_store_close(w->s.store);
    uv_close((uv_handle_t *)&w->patience, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    tu_map_done(&w->policies, free_policy);
    free(w->s.orphan);
    free(w->s.store_problem.text);
    tu_buf_done(&w->yaml);
    test_scratch_remove(w->folder);
}

static bool is_idle(const world *w) {
    bool idle = !w->s.delivering && !w->s.ended;
    for (size_t i = 0; i < w->s.notifiers.n; i++)
        idle &= ((receiver_state *)w->s.notifiers.entries[i].value)->taken == 0;
    return idle;
}

/* Until nothing is under way. Only then may the test read the store or turn the clock. */
static void settle(world *w) {
    while (!is_idle(w))
        uv_run(&w->loop, UV_RUN_ONCE);
}

static void look(world *w) {
    deliver_kick(&w->s);
    settle(w);
}

static void later(world *w, int64_t ms) {
    tu_clock_advance(&w->s.clock, ms);
    look(w);
}

/* --- messages --------------------------------------------------------------------------------- */

static void assert_status(const world *w, const char *part) {
    tu_buf b = TU_BUF_INIT(TU_MIB);
    deliver_status(&b, &w->s);
    assert_contains(tu_buf_c(&b), part);
    tu_buf_done(&b);
}

static int64_t put(world *w, const char *receiver, const char *incident, const char *kind,
                   const char *severity, int64_t life_ms) {
    int64_t now = tu_clock_wall(&w->s.clock);
    char message[512];
    snprintf(
        message, sizeof message,
        "{\"apiVersion\":\"trueup.dev/v1\",\"kind\":\"Alert\",\"incident\":\"%s\",\"event\":\"%s\","
        "\"severity\":\"%s\",\"status\":\"firing\",\"summary\":\"cart drifted\"}",
        incident, kind, severity);
    tu_delivery d = {.incident = tu_str_c(incident),
                     .receiver = tu_str_c(receiver),
                     .kind = tu_str_c(kind),
                     .message = tu_str_c(message),
                     .next_ms = now,
                     .created_ms = now,
                     .expires_ms = now + life_ms};
    tu_store_change c = {.wall_ms = now, .deliveries = &d, .delivery_count = 1};
    assert_int_equal(tu_store_commit(w->s.store, &c, NULL), TU_OK);
    return d.id;
}

typedef struct seen {
    int64_t id;
    tu_delivery d;
    char error[600];
} seen;

static tu_rc see(void *arg, const tu_delivery *d) {
    seen *x = arg;
    if (d->id != x->id)
        return TU_OK;
    x->d = *d;
    snprintf(x->error, sizeof x->error, "%.*s", TU_P(d->last_error));
    return TU_OK;
}

static seen row(world *w, int64_t id) {
    seen x = {.id = id};
    for (int state = 0; state < TU_DELIVERY_STATES; state++)
        assert_int_equal(tu_store_deliveries(w->s.store, TU_S(""), (tu_delivery_state)state, 10000,
                                             see, NULL, &x, NULL),
                         TU_OK);
    assert_int_equal(x.d.id, id);
    return x;
}

/* --- the table of faults ---------------------------------------------------------------------- */

typedef enum { NO_SERVER, NO_NAME, PLAIN, EXPIRED } place;
static const struct {
    const char *name;
    place place;
    const char *config; /* beside url */
    http_answer answers[3];
    size_t answer_count;
    size_t requests; /* that come at once */
    tu_delivery_state state;
    bool uncertain;
    const char *error; /* in what the store keeps of it */
} faults[] = {
    {"a receiver that is down",
     NO_SERVER,
     "",
     {{0}},
     0,
     0,
     TU_DELIVERY_PENDING,
     false,
     "127.0.0.1"},
    {"a name that is gone",
     NO_NAME,
     ", allowHttp: true",
     {{0}},
     0,
     0,
     TU_DELIVERY_PENDING,
     false,
     "no-such-host.invalid"},
    {"a certificate that ran out",
     EXPIRED,
     "",
     {{.bytes = OK_ANSWER}},
     1,
     0,
     TU_DELIVERY_DEAD,
     false,
     "certificate"},
    {"400", PLAIN, "", {{.bytes = EMPTY("400 Bad Request")}}, 1, 1, TU_DELIVERY_DEAD, false, "400"},
    {"401",
     PLAIN,
     "",
     {{.bytes = EMPTY("401 Unauthorized")}},
     1,
     1,
     TU_DELIVERY_DEAD,
     false,
     "401"},
    {"403", PLAIN, "", {{.bytes = EMPTY("403 Forbidden")}}, 1, 1, TU_DELIVERY_DEAD, false, "403"},
    {"404", PLAIN, "", {{.bytes = EMPTY("404 Not Found")}}, 1, 1, TU_DELIVERY_DEAD, false, "404"},
    {"410", PLAIN, "", {{.bytes = EMPTY("410 Gone")}}, 1, 1, TU_DELIVERY_DEAD, false, "410"},
    {"413 once",
     PLAIN,
     "",
     {{.bytes = EMPTY("413 Too Large")}, {.bytes = OK_ANSWER}},
     2,
     2,
     TU_DELIVERY_DELIVERED,
     false,
     ""},
    {"413 again",
     PLAIN,
     "",
     {{.bytes = EMPTY("413 Too Large")}},
     1,
     2,
     TU_DELIVERY_DEAD,
     false,
     "413"},
    {"408", PLAIN, "", {{.bytes = EMPTY("408 Timeout")}}, 1, 1, TU_DELIVERY_PENDING, false, "408"},
    {"425",
     PLAIN,
     "",
     {{.bytes = EMPTY("425 Too Early")}},
     1,
     1,
     TU_DELIVERY_PENDING,
     false,
     "425"},
    {"429",
     PLAIN,
     "",
     {{.bytes = EMPTY("429 Slow\r\nRetry-After: 5")}},
     1,
     1,
     TU_DELIVERY_PENDING,
     false,
     "429"},
    {"500", PLAIN, "", {{.bytes = EMPTY("500 Oops")}}, 1, 1, TU_DELIVERY_PENDING, false, "500"},
    {"502", PLAIN, "", {{.bytes = EMPTY("502 Oops")}}, 1, 1, TU_DELIVERY_PENDING, false, "502"},
    {"503", PLAIN, "", {{.bytes = EMPTY("503 Oops")}}, 1, 1, TU_DELIVERY_PENDING, false, "503"},
    {"silence after the body",
     PLAIN,
     ", timeout: 1s",
     {{.bytes = ""}},
     1,
     1,
     TU_DELIVERY_PENDING,
     true,
     ""},
    {"an answer that is cut off",
     PLAIN,
     "",
     {{.bytes = "HTTP/1.1 200 OK\r\nContent-", .after = HTTP_CLOSE}},
     1,
     1,
     TU_DELIVERY_PENDING,
     true,
     ""},
    {"a connection that breaks after the body",
     PLAIN,
     "",
     {{.bytes = "", .after = HTTP_RESET}},
     1,
     1,
     TU_DELIVERY_PENDING,
     true,
     ""},
    {"a proxy's page with status 200",
     PLAIN,
     "",
     {{.bytes = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 34\r\n\r\n"
                "<html><body>Please log in</body>\r\n"}},
     1,
     1,
     TU_DELIVERY_PENDING,
     false,
     "proxy"},
    {"an answer that never ends",
     PLAIN,
     "",
     {{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n",
       .filler = 300000,
       .after = HTTP_CLOSE}},
     1,
     1,
     TU_DELIVERY_DELIVERED,
     false,
     ""},
};

static void every_fault_ends_as_it_should(void **state) {
    size_t wrong = 0;
    (void)state;
    setenv("HOOK_LOGIN", "Bearer canary-5c1f", 1);
    for (size_t i = 0; i < COUNT(faults); i++) {
        world w;
        char more[400];
        world_begin(&w);
        http_server *server = http_server_start(
            &(http_script){.answers = faults[i].answers,
                           .n = faults[i].answer_count,
                           .tls_folder = faults[i].place == EXPIRED ? w.folder : NULL,
                           .expired = true});
        snprintf(more, sizeof more, ", secretHeaders: {Authorization: {env: HOOK_LOGIN}}%s%s",
                 faults[i].config, faults[i].place == EXPIRED ? ", tls: {caFile: cert.pem}" : "");
        notifier(&w, "hook",
                 faults[i].place == NO_NAME ? "http://no-such-host.invalid/T0KEN"
                                            : http_server_url(server, "/T0KEN"),
                 more, "");
        if (faults[i].place == NO_SERVER)
            http_server_stop(server);
        world_start(&w);
        settle(&w);
        int64_t id = put(&w, "hook", "i1", "firing", "critical", 24 * HOUR);
        look(&w);
        seen x = row(&w, id);
        size_t requests = faults[i].place == NO_SERVER ? 0 : http_server_count(server);
        bool right = x.d.state == faults[i].state && x.d.uncertain == faults[i].uncertain &&
                     requests == faults[i].requests && strstr(x.error, faults[i].error) &&
                     w.given_up == (x.d.state == TU_DELIVERY_DEAD) &&
                     w.arrived == (x.d.state == TU_DELIVERY_DELIVERED);
        wrong += !right;
        if (!right)
            print_error("%s: state %d, uncertain %d, %zu requests, %zu given up: %s\n",
                        faults[i].name, x.d.state, x.d.uncertain, requests, w.given_up, x.error);
        assert_lacks(x.error, "T0KEN"); /* URLs are secrets */
        assert_lacks(x.error, "canary");
        if (x.d.state == TU_DELIVERY_PENDING)
            assert_true(x.d.next_ms > tu_clock_wall(&w.s.clock));
        if (faults[i].place != NO_SERVER)
            http_server_stop(server);
        world_end(&w);
    }
    assert_int_equal(wrong, 0);
}

static void a_redirect_elsewhere_is_never_followed_with_credentials(void **state) {
    static const http_answer ok = {.bytes = OK_ANSWER};
    char bytes[600];
    world w;
    (void)state;
    setenv("HOOK_LOGIN", "Bearer canary-5c1f", 1);
    http_server *elsewhere = http_server_start(&(http_script){.answers = &ok, .n = 1});
    snprintf(bytes, sizeof bytes,
             "HTTP/1.1 307 Elsewhere\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             http_server_url(elsewhere, "/stolen"));
    http_server *server =
        http_server_start(&(http_script){.answers = (http_answer[]){{.bytes = bytes}}, .n = 1});
    world_begin(&w);
    notifier(&w, "hook", http_server_url(server, "/"),
             ", secretHeaders: {Authorization: {env: HOOK_LOGIN}}", "");
    world_start(&w);
    settle(&w);
    int64_t id = put(&w, "hook", "i1", "firing", "critical", 24 * HOUR);
    look(&w);
    assert_int_equal(row(&w, id).d.state, TU_DELIVERY_DEAD);
    assert_int_equal(w.given_up, 1);
    assert_int_equal(http_server_count(server), 1);
    assert_int_equal(http_server_count(elsewhere), 0);
    world_end(&w);
    http_server_stop(server);
    http_server_stop(elsewhere);
}

/* --- pauses, breaker, deadline ---------------------------------------------------------------- */

static http_server *serve(const http_answer *answers, size_t n) {
    return http_server_start(&(http_script){.answers = answers, .n = n, .many = true});
}

static void nothing_is_sent_before_retry_after_not_even_after_a_reload(void **state) {
    static const http_answer answers[] = {{.bytes = EMPTY("429 Slow\r\nRetry-After: 600")},
                                          {.bytes = OK_ANSWER}};
    world w;
    (void)state;
    http_server *server = serve(answers, 2);
    world_begin(&w);
    notifier(&w, "hook", http_server_url(server, "/"), "", "");
    world_start(&w);
    settle(&w);
    int64_t first = put(&w, "hook", "i1", "firing", "warning", 24 * HOUR);
    look(&w);
    int64_t second = put(&w, "hook", "i2", "firing", "critical", 24 * HOUR);
    assert_status(&w, "\"state\":\"paused\"");
    later(&w, 300 * SECOND);
    world_stop(&w); /* a reload */
    world_start(&w);
    settle(&w);
    later(&w, 299 * SECOND);
    assert_int_equal(http_server_count(server), 1);
    world_stop(&w); /* another process: what it knew is gone, the store isn't */
    tu_map_done(&w.policies, free_policy);
    world_start(&w);
    settle(&w);
    assert_int_equal(http_server_count(server), 1 + 1); /* 1 s early is no long wait any more */
    later(&w, 2 * SECOND);
    assert_int_equal(http_server_count(server), 3);
    assert_int_equal(row(&w, first).d.state, TU_DELIVERY_DELIVERED);
    assert_int_equal(row(&w, second).d.state, TU_DELIVERY_DELIVERED);
    world_end(&w);
    http_server_stop(server);
}

static void a_pause_that_was_asked_for_survives_the_process(void **state) {
    static const http_answer answers[] = {{.bytes = EMPTY("429 Slow\r\nRetry-After: 3000")},
                                          {.bytes = OK_ANSWER}};
    world w;
    (void)state;
    http_server *server = serve(answers, 2);
    world_begin(&w);
    notifier(&w, "hook", http_server_url(server, "/"), "", "");
    world_start(&w);
    settle(&w);
    put(&w, "hook", "i1", "firing", "warning", 24 * HOUR);
    look(&w);
    world_stop(&w);
    tu_map_done(&w.policies, free_policy);
    world_start(&w);
    settle(&w);
    put(&w, "hook", "i2", "firing", "critical", 24 * HOUR);
    later(&w, 2999 * SECOND);
    assert_int_equal(http_server_count(server), 1);
    later(&w, 2 * SECOND);
    assert_int_equal(http_server_count(server), 3);
    world_end(&w);
    http_server_stop(server);
}

static void a_receiver_that_is_down_is_probed_with_the_severest_of_the_oldest(void **state) {
    static const http_answer answers[] = {{.bytes = EMPTY("500 A")}, {.bytes = EMPTY("500 B")},
                                          {.bytes = EMPTY("500 C")}, {.bytes = EMPTY("500 D")},
                                          {.bytes = EMPTY("500 E")}, {.bytes = EMPTY("500 Probe")},
                                          {.bytes = OK_ANSWER}};
    static const char *const severities[] = {"info", "warning", "critical", "info", "critical"};
    char incident[8];
    world w;
    (void)state;
    http_server *server = serve(answers, COUNT(answers));
    world_begin(&w);
    notifier(&w, "hook", http_server_url(server, "/"), "", "");
    world_start(&w);
    settle(&w);
    for (int i = 0; i < 5; i++) {
        snprintf(incident, sizeof incident, "i%d", i);
        put(&w, "hook", incident, "firing", severities[i], 24 * HOUR);
    }
    look(&w);
    receiver_state *r = tu_map_get(&w.s.notifiers, TU_S("hook"));
    assert_int_equal(r->policy.breaker, TU_BREAKER_OPEN);
    assert_int_equal(http_server_count(server), 5);
    assert_contains(test_log_text(), "a receiver doesn't answer");
    assert_status(&w, "\"state\":\"down\"");
    assert_status(&w, "\"until\":\"2026-01-02T03:04:35Z\"");
    assert_status(&w, "answered 500");
    later(&w, 29 * SECOND);
    assert_int_equal(http_server_count(server), 5);
    later(&w, 2 * SECOND); /* all are due by now, one goes */
    assert_int_equal(http_server_count(server), 6);
    assert_contains(http_server_body(server, 5), "\"incident\":\"i2\"");
    assert_int_equal(r->policy.breaker, TU_BREAKER_OPEN);
    later(&w, 59 * SECOND); /* twice as long */
    assert_int_equal(http_server_count(server), 6);
    later(&w, 2 * SECOND);
    assert_int_equal(r->policy.breaker, TU_BREAKER_CLOSED);
    assert_status(&w, "\"state\":\"ready\"");
    assert_contains(test_log_text(), "a receiver answers again");
    assert_int_equal(http_server_count(server), 11);
    int64_t counts[3];
    tu_store_delivery_counts(w.s.store, counts, NULL);
    assert_int_equal(counts[TU_DELIVERY_DELIVERED], 5);
    world_end(&w);
    http_server_stop(server);
}

static void what_waits_for_a_receiver_that_is_down_is_given_up_at_its_deadline(void **state) {
    world w;
    char incident[8];
    (void)state;
    http_server *server = serve((http_answer[]){{.bytes = EMPTY("503 Down")}}, 1);
    world_begin(&w);
    notifier(&w, "hook", http_server_url(server, "/"), "", "");
    world_start(&w);
    settle(&w);
    for (int i = 0; i < 5; i++) {
        snprintf(incident, sizeof incident, "i%d", i);
        put(&w, "hook", incident, "firing", "info", 24 * HOUR);
    }
    look(&w);
    int64_t id = put(&w, "hook", "short", "firing", "info", 10 * SECOND);
    later(&w, 9 * SECOND);
    assert_int_equal(row(&w, id).d.state, TU_DELIVERY_PENDING);
    later(&w, 6 * SECOND);
    settle(&w);
    later(&w, 6 * SECOND);
    seen x = row(&w, id);
    assert_int_equal(x.d.state, TU_DELIVERY_DEAD);
    assert_contains(x.error, "not delivered before its deadline");
    assert_contains(x.error, "503");
    assert_int_equal(w.given_up, 1);
    assert_int_equal(http_server_count(server), 5); /* it was never tried */
    world_end(&w);
    http_server_stop(server);
}

static void the_users_rate_is_kept(void **state) {
    world w;
    char incident[8];
    (void)state;
    http_server *server = serve((http_answer[]){{.bytes = OK_ANSWER}}, 1);
    world_begin(&w);
    notifier(&w, "hook", http_server_url(server, "/"), "", ", rate: {messages: 2, per: 10s}");
    world_start(&w);
    settle(&w);
    for (int i = 0; i < 6; i++) {
        snprintf(incident, sizeof incident, "i%d", i);
        put(&w, "hook", incident, "firing", "info", 24 * HOUR);
    }
    look(&w);
    static const size_t after_5s[] = {2, 3, 4, 5, 6, 6};
    for (size_t i = 0; i < COUNT(after_5s); i++) {
        assert_int_equal(http_server_count(server), after_5s[i]);
        later(&w, 5 * SECOND);
    }
    world_end(&w);
    http_server_stop(server);
}

/* --- order, and one beside the other ---------------------------------------------------------- */

static void one_incident_is_told_in_order_whatever_fails(void **state) {
    static const http_answer answers[] = {{.bytes = EMPTY("500 A")}, {.bytes = OK_ANSWER}};
    world w;
    (void)state;
    http_server *server = serve(answers, 2);
    world_begin(&w);
    notifier(&w, "hook", http_server_url(server, "/"), "", "");
    world_start(&w);
    settle(&w);
    put(&w, "hook", "i1", "firing", "info", 24 * HOUR);
    put(&w, "hook", "i1", "escalation", "info", 24 * HOUR);
    put(&w, "hook", "i1", "resolved", "info", 24 * HOUR);
    look(&w);
    assert_int_equal(http_server_count(server), 1);
    later(&w, 10 * SECOND);
    assert_int_equal(http_server_count(server), 4);
    static const char *const kinds[] = {"firing", "firing", "escalation", "resolved"};
    for (size_t i = 0; i < 4; i++)
        assert_contains(http_server_body(server, i), kinds[i]);
    assert_string_equal(http_server_header(server, 0, "webhook-id"),
                        http_server_header(server, 1, "webhook-id"));
    world_end(&w);
    http_server_stop(server);
}

static void one_slow_receiver_delays_no_other(void **state) {
    enum { FAST = 10, EACH = 5 };
    http_server *fast[FAST];
    char name[16], incident[16];
    world w;
    (void)state;
    http_server *slow = serve((http_answer[]){{.bytes = ""}}, 1);
    world_begin(&w);
    notifier(&w, "slow", http_server_url(slow, "/"), ", timeout: 50s", "");
    for (int i = 0; i < FAST; i++) {
        fast[i] = serve((http_answer[]){{.bytes = OK_ANSWER}}, 1);
        snprintf(name, sizeof name, "fast%d", i);
        notifier(&w, name, http_server_url(fast[i], "/"), "", "");
    }
    world_start(&w);
    settle(&w);
    for (int k = 0; k < EACH; k++)
        for (int i = -1; i < FAST; i++) {
            snprintf(incident, sizeof incident, "i%d", k);
            snprintf(name, sizeof name, i < 0 ? "slow" : "fast%d", i);
            put(&w, name, incident, "firing", "info", 24 * HOUR);
        }
    deliver_kick(&w.s);
    size_t arrived = 0;
    while (arrived < (size_t)FAST * EACH) { /* while the slow one keeps its first request open */
        uv_run(&w.loop, UV_RUN_ONCE);
        arrived = 0;
        for (int i = 0; i < FAST; i++)
            arrived += http_server_count(fast[i]);
    }
    receiver_state *r = tu_map_get(&w.s.notifiers, TU_S("slow"));
    assert_true(r->taken > 0);
    world_end(&w);
    for (int i = 0; i < FAST; i++)
        http_server_stop(fast[i]);
    http_server_stop(slow);
}

/* --- the end of things ------------------------------------------------------------------------ */

static void a_receiver_that_is_gone_from_the_configuration_gives_its_messages_up(void **state) {
    world w;
    (void)state;
    http_server *server = serve((http_answer[]){{.bytes = OK_ANSWER}}, 1);
    world_begin(&w);
    notifier(&w, "hook", http_server_url(server, "/"), "", "");
    world_start(&w);
    settle(&w);
    int64_t ids[4];
    ids[0] = put(&w, "gone", "i1", "firing", "info", 24 * HOUR);
    ids[1] = put(&w, "gone", "i1", "resolved", "info", 24 * HOUR);
    ids[2] = put(&w, "gone-too", "i1", "firing", "info", 24 * HOUR);
    ids[3] = put(&w, "hook", "i1", "firing", "info", 24 * HOUR);
    later(&w, 6 * SECOND);
    for (int i = 0; i < 4; i++)
        settle(&w), look(&w);
    for (int i = 0; i < 3; i++) {
        seen x = row(&w, ids[i]);
        assert_int_equal(x.d.state, TU_DELIVERY_DEAD);
        assert_contains(x.error, "there is no Notifier 'gone");
    }
    assert_int_equal(row(&w, ids[3]).d.state, TU_DELIVERY_DELIVERED);
    assert_int_equal(w.given_up, 3);
    world_end(&w);
    http_server_stop(server);
}

static tu_rc ignore_row(void *arg, const tu_delivery *d) {
    (void)d;
    ++*(int *)arg;
    return TU_OK;
}

static void what_was_under_way_when_the_process_died_is_sent_again_and_marked(void **state) {
    world w;
    int taken = 0;
    (void)state;
    http_server *server = serve((http_answer[]){{.bytes = OK_ANSWER}}, 1);
    world_begin(&w);
    notifier(&w, "hook", http_server_url(server, "/"), "", "");
    world_start(&w);
    settle(&w);
    int64_t id = put(&w, "hook", "i1", "firing", "info", 24 * HOUR);
    int64_t other = put(&w, "hook", "i2", "firing", "info", 24 * HOUR);
    tu_due due = {.receiver = TU_S("hook"), .limit = 1};
    assert_int_equal(tu_store_take_turn(w.s.store, tu_clock_wall(&w.s.clock), NULL, 0, &due, 1,
                                        ignore_row, &taken, NULL),
                     TU_OK);
    assert_int_equal(taken, 1);
    look(&w); /* what is under way isn't taken twice */
    assert_int_equal(row(&w, id).d.state, TU_DELIVERY_PENDING);
    assert_int_equal(row(&w, other).d.state, TU_DELIVERY_DELIVERED);
    assert_int_equal(http_server_count(server), 1);
    world_stop(&w);
    world_start(&w);
    settle(&w);
    assert_int_equal(http_server_count(server), 2);
    assert_true(row(&w, id).d.uncertain);
    assert_false(row(&w, other).d.uncertain);
    assert_int_equal(row(&w, id).d.state, TU_DELIVERY_DELIVERED);
    world_end(&w);
    http_server_stop(server);
}

static void a_stop_leaves_what_was_not_sent_as_it_was(void **state) {
    world w;
    char incident[8];
    int64_t ids[8];
    (void)state;
    http_server *slow = serve((http_answer[]){{.bytes = ""}}, 1);
    world_begin(&w);
    notifier(&w, "hook", http_server_url(slow, "/"), ", timeout: 50s", "");
    world_start(&w);
    settle(&w);
    for (int i = 0; i < 8; i++) {
        snprintf(incident, sizeof incident, "i%d", i);
        ids[i] = put(&w, "hook", incident, "firing", "info", 24 * HOUR);
    }
    deliver_kick(&w.s);
    while (http_server_count(slow) == 0)
        uv_run(&w.loop, UV_RUN_NOWAIT);
    world_stop(&w);
    size_t uncertain = 0, requests = http_server_count(slow);
    for (int i = 0; i < 8; i++) {
        seen x = row(&w, ids[i]);
        assert_int_equal(x.d.state, TU_DELIVERY_PENDING);
        assert_int_equal(x.d.attempts, 0);
        uncertain += x.d.uncertain;
    }
    assert_true(uncertain >= 1 && uncertain <= SENDERS); /* those whose request was under way */
    assert_true(requests >= 1);
    world_start(&w);
    world_end(&w);
    http_server_stop(slow);
}

/* --- the clock -------------------------------------------------------------------------------- */

static void put_clock(world *w, int64_t by_ms) {
    w->s.clock.wall_ms += by_ms;
}

static void a_clock_that_is_put_forward_ends_no_life_and_sends_nothing_twice(void **state) {
    static const http_answer answers[] = {
        {.bytes = EMPTY("500 A")}, {.bytes = EMPTY("500 B")}, {.bytes = OK_ANSWER}};
    world w;
    (void)state;
    http_server *server = serve(answers, 3);
    world_begin(&w);
    notifier(&w, "hook", http_server_url(server, "/"), "", "");
    world_start(&w);
    settle(&w);
    int64_t id = put(&w, "hook", "i1", "firing", "info", 30 * MINUTE);
    look(&w);
    assert_int_equal(http_server_count(server), 1);
    put_clock(&w, HOUR);
    look(&w);
    look(&w);
    assert_int_equal(http_server_count(server), 2);             /* once, early */
    assert_int_equal(row(&w, id).d.state, TU_DELIVERY_PENDING); /* not past its deadline */
    int64_t fresh = put(&w, "hook", "i2", "firing", "info", 30 * MINUTE);
    look(&w);
    assert_int_equal(row(&w, fresh).d.state, TU_DELIVERY_DELIVERED);
    later(&w, 10 * SECOND);
    assert_int_equal(row(&w, id).d.state, TU_DELIVERY_DELIVERED);
    assert_int_equal(http_server_count(server), 4);
    world_end(&w);
    http_server_stop(server);
}

static void a_clock_that_is_put_back_keeps_nobody_waiting(void **state) {
    static const http_answer answers[] = {{.bytes = EMPTY("500 A")}, {.bytes = OK_ANSWER}};
    world w;
    (void)state;
    http_server *server = serve(answers, 2);
    world_begin(&w);
    notifier(&w, "hook", http_server_url(server, "/"), "", "");
    world_start(&w);
    settle(&w);
    int64_t id = put(&w, "hook", "i1", "firing", "info", 30 * MINUTE);
    look(&w);
    put_clock(&w, -HOUR);
    later(&w, 10 * SECOND);
    look(&w);
    assert_int_equal(row(&w, id).d.state, TU_DELIVERY_DELIVERED);
    assert_int_equal(http_server_count(server), 2);
    put(&w, "hook", "i2", "firing", "info", 30 * MINUTE); /* and while nothing runs */
    world_stop(&w);
    put_clock(&w, -HOUR);
    world_start(&w);
    settle(&w);
    look(&w);
    assert_int_equal(http_server_count(server), 3);
    world_end(&w);
    http_server_stop(server);
}

static void a_pause_lasts_as_long_as_asked_whatever_the_clock_does(void **state) {
    static const http_answer answers[] = {{.bytes = EMPTY("429 Slow\r\nRetry-After: 60")},
                                          {.bytes = OK_ANSWER}};
    world w;
    (void)state;
    http_server *server = serve(answers, 2);
    world_begin(&w);
    notifier(&w, "hook", http_server_url(server, "/"), "", "");
    world_start(&w);
    settle(&w);
    put(&w, "hook", "i1", "firing", "info", 24 * HOUR);
    look(&w);
    put_clock(&w, HOUR);
    later(&w, 59 * SECOND);
    put_clock(&w, -2 * HOUR);
    look(&w);
    assert_int_equal(http_server_count(server), 1);
    later(&w, 2 * SECOND);
    assert_int_equal(http_server_count(server), 2);
    world_end(&w);
    http_server_stop(server);
}

/* --- what is sent ----------------------------------------------------------------------------- */

static void the_largest_message_with_every_control_character_arrives_byte_for_byte(void **state) {
    world w;
    tu_buf message = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    (void)state;
    http_server *server = serve((http_answer[]){{.bytes = OK_ANSWER}}, 1);
    world_begin(&w);
    notifier(&w, "hook", http_server_url(server, "/"), "", "");
    world_start(&w);
    settle(&w);
    char controls[] = "\x01\x02\x1b[31m\r\nX-Evil: 1\x7f\xe2\x80\xae<!channel>";
    tu_buf_add_c(&message, "{\"kind\":\"Alert\",\"severity\":\"critical\",\"summary\":");
    tu_buf_add_json_string(&message, tu_str_c(controls));
    tu_buf_add_c(&message, ",\"filler\":\"");
    while (message.n < TU_LIMIT_MESSAGE_BYTES - 2)
        tu_buf_add_byte(&message, 'x');
    tu_buf_add_c(&message, "\"}");
    tu_delivery d = {.incident = TU_S("i1"),
                     .receiver = TU_S("hook"),
                     .kind = TU_S("firing"),
                     .message = tu_buf_str(&message),
                     .expires_ms = INT64_MAX};
    tu_store_change c = {.wall_ms = 1, .deliveries = &d, .delivery_count = 1};
    assert_int_equal(tu_store_commit(w.s.store, &c, NULL), TU_OK);
    look(&w);
    assert_int_equal(row(&w, d.id).d.state, TU_DELIVERY_DELIVERED);
    assert_string_equal(http_server_body(server, 0), tu_buf_c(&message));
    assert_string_equal(http_server_header(server, 0, "X-Evil"), "");
    tu_buf_done(&message);
    world_end(&w);
    http_server_stop(server);
}

static int begin_log(void **state) {
    (void)state;
    test_log_begin();
    return 0;
}
static int end_log(void **state) {
    (void)state;
    test_log_end();
    return 0;
}
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_log, end_log)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_fault_ends_as_it_should),
        TEST(a_redirect_elsewhere_is_never_followed_with_credentials),
        TEST(nothing_is_sent_before_retry_after_not_even_after_a_reload),
        TEST(a_pause_that_was_asked_for_survives_the_process),
        TEST(a_receiver_that_is_down_is_probed_with_the_severest_of_the_oldest),
        TEST(what_waits_for_a_receiver_that_is_down_is_given_up_at_its_deadline),
        TEST(the_users_rate_is_kept),
        TEST(one_incident_is_told_in_order_whatever_fails),
        TEST(one_slow_receiver_delays_no_other),
        TEST(a_receiver_that_is_gone_from_the_configuration_gives_its_messages_up),
        TEST(what_was_under_way_when_the_process_died_is_sent_again_and_marked),
        TEST(a_stop_leaves_what_was_not_sent_as_it_was),
        TEST(a_clock_that_is_put_forward_ends_no_life_and_sends_nothing_twice),
        TEST(a_clock_that_is_put_back_keeps_nobody_waiting),
        TEST(a_pause_lasts_as_long_as_asked_whatever_the_clock_does),
        TEST(the_largest_message_with_every_control_character_arrives_byte_for_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
