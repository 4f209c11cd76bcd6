/* The store's alerts: what is written together is read together, a later message supersedes what it
 * says all of, order is kept per incident and receiver, and what version 1 left behind goes on. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cases.h"
#include "store/store.h"

static char folder[] = "/tmp/trueup-alerting-XXXXXX";
static tu_store *store;
static tu_buf seen; /* what each() was called with, as text */

static void open_store(void) {
    tu_error *e = NULL;
    if (tu_store_open(folder, &store, &e) != TU_OK)
        fail_msg("%s", tu_error_text(e));
}

static void reopen(void) {
    tu_store_close(TU_TAKE(store));
    open_store();
}

static int setup(void **state) {
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    if (mkdtemp(folder) == NULL)
        return -1;
    tu_buf_init(&seen, 1u << 20);
    open_store();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    tu_store_close(TU_TAKE(store));
    tu_buf_done(&seen);
    static const char *const names[] = {"trueup.db", "trueup.db-wal", "trueup.db-shm", "lock"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        _cleanup_(tu_freep) char *path = tu_path_join(folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void commit(tu_store_change *c) {
    _cleanup_(tu_error_freep) tu_error *e = NULL;
    if (tu_store_commit(store, c, &e) != TU_OK)
        fail_msg("%s", tu_error_text(e));
}

/* --- what was seen ---------------------------------------------------------------------------- */

static tu_rc see_delivery(void *arg, const tu_delivery *d) {
    (void)arg;
    tu_buf_addf(&seen, "%.*s/%.*s/%.*s%s%s%.*s;", TU_P(d->incident), TU_P(d->receiver),
                TU_P(d->kind), d->uncertain ? " uncertain" : "", d->brief ? " brief" : "",
                TU_P(d->reference));
    return TU_OK;
}

static tu_rc see_attempt(void *arg, const tu_attempt *a) {
    (void)arg;
    tu_buf_addf(&seen, "  %lld +%lld %s '%.*s' '%.*s';", (long long)a->wall_ms,
                (long long)a->took_ms, tu_rc_name(a->outcome), TU_P(a->text), TU_P(a->reference));
    return TU_OK;
}

static tu_rc see_alert(void *arg, const tu_alert_row *a) {
    (void)arg;
    tu_buf_addf(&seen, "alert %.*s %s %s %lld-%lld %.*s '%.*s';", TU_P(a->fingerprint),
                a->firing ? "firing" : "ended", tu_severity_name(a->severity),
                (long long)a->started_ms, (long long)a->ended_ms, TU_P(a->labels), TU_P(a->body));
    return TU_OK;
}

static tu_rc see_incident(void *arg, const tu_incident_row *i) {
    (void)arg;
    tu_buf_addf(&seen, "incident %.*s %.*s %s %.*s;", TU_P(i->id), TU_P(i->route),
                i->open ? "open" : "closed", TU_P(i->state));
    return TU_OK;
}

static tu_rc see_member(void *arg, const tu_member_row *m) {
    (void)arg;
    tu_buf_addf(&seen, "member %.*s/%.*s %.*s%s;", TU_P(m->incident), TU_P(m->fingerprint),
                TU_P(m->state), m->told ? " told" : "");
    return TU_OK;
}

static tu_rc see_member_and_alert(void *arg, const tu_member_row *m, const tu_alert_row *a) {
    see_member(arg, m);
    return a ? see_alert(arg, a) : TU_OK;
}

static tu_rc see_told(void *arg, const tu_told_row *t) {
    (void)arg;
    tu_buf_addf(&seen, "told %.*s/%.*s %s '%.*s';", TU_P(t->incident), TU_P(t->receiver),
                t->firing ? "firing" : "resolved", TU_P(t->reference));
    return TU_OK;
}

static tu_rc see_silence(void *arg, const tu_silence_row *x) {
    (void)arg;
    tu_buf_addf(&seen, "silence %.*s %lld-%lld %.*s;", TU_P(x->id), (long long)x->starts_ms,
                (long long)x->ends_ms, TU_P(x->comment));
    return TU_OK;
}

static const tu_store_alerting everything = {.alert = see_alert,
                                             .incident = see_incident,
                                             .member = see_member,
                                             .told = see_told,
                                             .silence = see_silence};

static const char *restored(void) {
    tu_buf_clear(&seen);
    assert_int_equal(tu_store_restore_alerting(store, &everything, NULL), TU_OK);
    return tu_buf_c(&seen);
}

static const char *due(int64_t wall_ms) {
    tu_buf_clear(&seen);
    assert_int_equal(tu_store_due_deliveries(store, wall_ms, 100, see_delivery, NULL, NULL), TU_OK);
    return tu_buf_c(&seen);
}

static const char *in_state(tu_delivery_state state) {
    tu_buf_clear(&seen);
    assert_int_equal(
        tu_store_deliveries(store, (tu_str){0}, state, 100, see_delivery, NULL, NULL, NULL), TU_OK);
    return tu_buf_c(&seen);
}

/* --- rows ------------------------------------------------------------------------------------- */

static tu_alert_row alert(const char *fingerprint, bool firing) {
    return (tu_alert_row){.fingerprint = tu_str_c(fingerprint),
                          .firing = firing,
                          .severity = TU_SEVERITY_CRITICAL,
                          .started_ms = 1000,
                          .ended_ms = firing ? 0 : 2000,
                          .labels = TU_S("{\"rule\":\"shop\"}"),
                          .body = TU_S("{\"summary\":\"x\"}")};
}

static tu_incident_row incident(const char *id, bool open) {
    return (tu_incident_row){.id = tu_str_c(id),
                             .route = TU_S("payments"),
                             .labels = TU_S("{}"),
                             .open = open,
                             .opened_ms = 1000,
                             .closed_ms = open ? 0 : 3000,
                             .state = TU_S("{\"n\":1}")};
}

static tu_delivery delivery(const char *of, const char *receiver, const char *kind) {
    return (tu_delivery){.incident = tu_str_c(of),
                         .receiver = tu_str_c(receiver),
                         .kind = tu_str_c(kind),
                         .message = TU_S("{\"frozen\":true}"),
                         .created_ms = 1000,
                         .expires_ms = 90000000};
}

/* Enqueues one; its id. */
static int64_t enqueue(const char *of, const char *receiver, const char *kind) {
    tu_delivery d = delivery(of, receiver, kind);
    tu_store_change c = {.wall_ms = 1000, .deliveries = &d, .delivery_count = 1};
    commit(&c);
    return d.id;
}

static void attempted(tu_attempt a) {
    assert_int_equal(tu_store_attempted_many(store, &a, 1, NULL), TU_OK);
}

static void arrived(int64_t id, const char *reference) {
    attempted((tu_attempt){.delivery_id = id,
                           .wall_ms = 5000,
                           .took_ms = 12,
                           .reference = tu_str_c(reference),
                           .state = TU_DELIVERY_DELIVERED});
}

/* One open incident "i1" with a firing and an ended alert, a closed one "i2" that somebody still has
 * to be told the end of, and a silence. */
static void fill(void) {
    const tu_alert_row alerts[] = {alert("a1", true), alert("a2", false), alert("a3", false)};
    const tu_incident_row incidents[] = {incident("i1", true), incident("i2", false)};
    const tu_member_row members[] = {
        {.incident = TU_S("i1"), .fingerprint = TU_S("a1"), .state = TU_S("firing"), .told = true},
        {.incident = TU_S("i1"), .fingerprint = TU_S("a2"), .state = TU_S("resolved")},
        {.incident = TU_S("i2"), .fingerprint = TU_S("a3"), .state = TU_S("resolved")}};
    const tu_told_row told[] = {
        {.incident = TU_S("i1"), .receiver = TU_S("chat"), .firing = true},
        {.incident = TU_S("i2"), .receiver = TU_S("chat"), .firing = false},
        {.incident = TU_S("i2"), .receiver = TU_S("pager"), .firing = true}};
    const tu_silence_row silence = {.id = TU_S("51"),
                                    .matchers = TU_S("[]"),
                                    .starts_ms = 1,
                                    .ends_ms = 2,
                                    .comment = TU_S("upgrade")};
    tu_store_change c = {.wall_ms = 1000,
                         .alerts = alerts,
                         .alert_count = 3,
                         .incidents = incidents,
                         .incident_count = 2,
                         .members = members,
                         .member_count = 3,
                         .told = told,
                         .told_count = 3,
                         .silences = &silence,
                         .silence_count = 1};
    commit(&c);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void what_is_open_is_restored_after_a_restart(void **state) {
    (void)state;
    assert_string_equal(restored(), "");
    fill();
    reopen();
    assert_string_equal(restored(), "alert a1 firing critical 1000-0 {\"rule\":\"shop\"} '';"
                                    "alert a2 ended critical 1000-2000 {\"rule\":\"shop\"} '';"
                                    "incident i1 payments open {\"n\":1};"
                                    "member i1/a1 firing told;member i1/a2 resolved;"
                                    "told i1/chat firing '';told i2/pager firing '';"
                                    "silence 51 1-2 upgrade;");
}

static void rows_are_updated_by_their_keys(void **state) {
    (void)state;
    fill();
    tu_alert_row a = alert("a1", false);
    a.labels = a.body = (tu_str){0}; /* not given: stay */
    a.started_ms = 7;                /* stays, too */
    tu_incident_row i = incident("i1", false);
    tu_member_row m = {
        .incident = TU_S("i1"), .fingerprint = TU_S("a1"), .state = TU_S("resolved"), .told = true};
    tu_told_row t = {.incident = TU_S("i2"), .receiver = TU_S("pager"), .firing = false};
    tu_told_row u = {.incident = TU_S("i1"), .receiver = TU_S("chat"), .firing = false};
    tu_told_row both[] = {t, u};
    tu_silence_row x = {.id = TU_S("51"), .matchers = TU_S("[]"), .starts_ms = 1, .ends_ms = 9};
    tu_store_change c = {.wall_ms = 2000,
                         .alerts = &a,
                         .alert_count = 1,
                         .incidents = &i,
                         .incident_count = 1,
                         .members = &m,
                         .member_count = 1,
                         .told = both,
                         .told_count = 2,
                         .silences = &x,
                         .silence_count = 1};
    commit(&c);
    assert_string_equal(restored(), "silence 51 1-9 ;");
    tu_buf_clear(&seen);
    assert_int_equal(tu_store_told(store, TU_S("i1"), see_told, NULL, NULL), TU_OK);
    assert_string_equal(tu_buf_c(&seen),
                        "told i1/chat resolved '';"); /* known also when it is over */
    tu_buf_clear(&seen);
    assert_int_equal(tu_store_alert(store, TU_S("a1"), see_alert, NULL, NULL), TU_OK);
    assert_string_equal(tu_buf_c(&seen), "alert a1 ended critical 1000-2000 {\"rule\":\"shop\"} "
                                         "'{\"summary\":\"x\"}';");
    assert_int_equal(tu_store_alert(store, TU_S("a9"), see_alert, NULL, NULL), TU_ENOTFOUND);
}

static void incidents_are_listed_newest_first_with_their_alerts(void **state) {
    (void)state;
    fill();
    assert_int_equal(tu_store_incidents(store, false, 10, see_incident, NULL, NULL), TU_OK);
    assert_string_equal(tu_buf_c(&seen), "incident i2 payments closed {\"n\":1};"
                                         "incident i1 payments open {\"n\":1};");
    tu_buf_clear(&seen);
    assert_int_equal(tu_store_incidents(store, true, 10, see_incident, NULL, NULL), TU_OK);
    assert_string_equal(tu_buf_c(&seen), "incident i1 payments open {\"n\":1};");
    tu_buf_clear(&seen);
    assert_int_equal(tu_store_members(store, TU_S("i2"), see_member_and_alert, NULL, NULL), TU_OK);
    assert_string_equal(tu_buf_c(&seen), "member i2/a3 resolved;"
                                         "alert a3 ended critical 1000-2000 {\"rule\":\"shop\"} "
                                         "'{\"summary\":\"x\"}';");
}

static tu_rc quote_alert(void *arg, const tu_alert_row *a) {
    tu_buf_add(arg, a->body);
    return TU_OK;
}

/* A message of the alert that the snapshot names, as it stands in this transaction. */
static tu_rc compose(void *arg, tu_store *s, const tu_delivery *d, tu_buf *out, tu_error **error) {
    (void)arg;
    assert_int_equal(d->key.n, 32);
    return tu_store_alert(s, tu_str_c(d->snapshot), quote_alert, out, error);
}

static tu_rc see_message(void *arg, const tu_delivery *d) {
    (void)arg;
    tu_buf_addf(&seen, "%.*s;", TU_P(d->message));
    return TU_OK;
}

static void a_message_is_composed_of_what_its_transaction_wrote(void **state) {
    (void)state;
    tu_alert_row a = alert("a1", true);
    tu_delivery d[2] = {delivery("i1", "chat", "firing"), delivery("i1", "pager", "firing")};
    d[0].message = (tu_str){0};
    d[0].snapshot = "a1";
    tu_store_change c = {.wall_ms = 1,
                         .alerts = &a,
                         .alert_count = 1,
                         .deliveries = d,
                         .delivery_count = 2,
                         .compose = compose};
    commit(&c);
    assert_int_equal(tu_store_due_deliveries(store, 1, 9, see_message, NULL, NULL), TU_OK);
    assert_string_equal(tu_buf_c(&seen), "{\"summary\":\"x\"};{\"frozen\":true};");

    d[0].snapshot = "a9"; /* which isn't there: nothing at all is written */
    d[0].id = d[1].id = 0;
    a.body = TU_S("other");
    assert_int_equal(tu_store_commit(store, &c, NULL), TU_ENOTFOUND);
    assert_int_equal(d[1].id, 0);
    tu_buf_clear(&seen);
    assert_int_equal(tu_store_alert(store, TU_S("a1"), see_alert, NULL, NULL), TU_OK);
    assert_non_null(strstr(tu_buf_c(&seen), "{\"summary\":\"x\"}"));
}

static void many_changes_are_one_transaction(void **state) {
    (void)state;
    tu_drift one = {.rule = TU_S("shop")}, two = {.rule = TU_S("till")};
    tu_delivery of_one = delivery("", "chat", "firing"), of_two[2];
    of_two[0] = delivery("i1", "chat", "firing");
    of_two[1] = delivery("i1", "pager", "firing");
    tu_store_change a = {.wall_ms = 1, .drift = &one, .deliveries = &of_one, .delivery_count = 1};
    tu_store_change b = {.wall_ms = 1, .drift = &two, .deliveries = of_two, .delivery_count = 2};
    tu_store_change *both[] = {&a, &b};
    assert_int_equal(tu_store_commit_many(store, both, 2, NULL, NULL), TU_OK);
    assert_true(one.id && two.id && one.id != two.id);
    assert_int_equal(of_one.drift_id, one.id);
    assert_int_equal(of_two[1].id, of_one.id + 2);

    tu_drift gone = {.id = 999, .rule = TU_S("none")}, third = {.rule = TU_S("third")};
    size_t bad = 99;
    a = (tu_store_change){.wall_ms = 2, .drift = &third};
    b = (tu_store_change){.wall_ms = 2, .drift = &gone};
    assert_int_equal(tu_store_commit_many(store, both, 2, &bad, NULL), TU_ENOTFOUND);
    assert_int_equal(bad, 1);
    assert_int_equal(third.id, 0);
}

static void order_is_kept_within_an_incident_and_receiver_only(void **state) {
    (void)state;
    int64_t first = enqueue("i1", "chat", "firing");
    enqueue("i1", "chat", "resolved");
    enqueue("i1", "pager", "firing");
    enqueue("i2", "chat", "firing");
    enqueue("", "dms", "heartbeat");
    enqueue("", "dms", "heartbeat");
    assert_string_equal(due(1000), "i1/chat/firing;i1/pager/firing;i2/chat/firing;"
                                   "/dms/heartbeat;/dms/heartbeat;");
    attempted((tu_attempt){.delivery_id = first,
                           .outcome = TU_ETIMEOUT,
                           .state = TU_DELIVERY_PENDING,
                           .next_ms = 60000,
                           .uncertain = true});
    assert_null(strstr(due(1000), "i1/chat"));
    assert_non_null(strstr(due(60000), "i1/chat/firing uncertain;"));
    arrived(first, "");
    assert_non_null(strstr(due(1000), "i1/chat/resolved;"));
}

static void a_later_message_supersedes_what_it_says_all_of(void **state) {
    (void)state;
    enqueue("i1", "chat", "firing");
    enqueue("i1", "chat", "update");
    enqueue("i1", "pager", "update"); /* another receiver */
    enqueue("i2", "chat", "update");  /* another incident */
    enqueue("i1", "chat", "escalation");
    enqueue("i1", "chat", "update");
    assert_string_equal(in_state(TU_DELIVERY_SUPERSEDED), "i1/chat/update;");
    enqueue("i1", "chat", "repeat");
    enqueue("i1", "chat", "resolved");
    assert_string_equal(in_state(TU_DELIVERY_SUPERSEDED),
                        "i1/chat/repeat;i1/chat/update;i1/chat/update;");
    assert_string_equal(in_state(TU_DELIVERY_PENDING),
                        "i1/chat/resolved;i1/chat/escalation;i2/chat/update;i1/pager/update;"
                        "i1/chat/firing;");
    int64_t counts[3];
    assert_int_equal(tu_store_delivery_counts(store, counts, NULL), TU_OK);
    assert_int_equal(counts[TU_DELIVERY_PENDING], 5);
}

static void what_names_an_alert_for_the_first_time_is_never_superseded(void **state) {
    (void)state;
    tu_delivery d = {.incident = TU_S("i1"),
                     .receiver = TU_S("chat"),
                     .kind = TU_S("update"),
                     .message = TU_S("{}"),
                     .introduces = true};
    tu_store_change change = {.wall_ms = 1, .deliveries = &d, .delivery_count = 1};
    assert_int_equal(tu_store_commit(store, &change, NULL), TU_OK);
    enqueue("i1", "chat", "update");
    enqueue("i1", "chat", "resolved");
    assert_string_equal(in_state(TU_DELIVERY_SUPERSEDED), "i1/chat/update;");
    assert_string_equal(in_state(TU_DELIVERY_PENDING), "i1/chat/resolved;i1/chat/update;");
}

static void what_was_superseded_on_its_way_may_still_arrive(void **state) {
    (void)state;
    int64_t failed = enqueue("i1", "chat", "update"), went = enqueue("i2", "chat", "update");
    enqueue("i1", "chat", "resolved");
    enqueue("i2", "chat", "resolved");
    attempted((tu_attempt){
        .delivery_id = failed, .outcome = TU_EUNAVAILABLE, .state = TU_DELIVERY_PENDING});
    arrived(went, "");
    assert_string_equal(in_state(TU_DELIVERY_SUPERSEDED), "i1/chat/update;");
    assert_string_equal(in_state(TU_DELIVERY_DELIVERED), "i2/chat/update;");
}

static void a_receivers_reference_comes_with_the_next_message(void **state) {
    (void)state;
    fill();
    int64_t first = enqueue("i1", "chat", "firing");
    enqueue("i1", "chat", "update");
    arrived(first, " C1/17.5");
    assert_string_equal(due(1000), "i1/chat/update C1/17.5;");
    /* what the dispatcher writes of it later leaves the reference */
    tu_told_row t = {.incident = TU_S("i1"), .receiver = TU_S("chat"), .firing = false};
    tu_store_change c = {.wall_ms = 1, .told = &t, .told_count = 1};
    commit(&c);
    assert_string_equal(due(1000), "i1/chat/update C1/17.5;");
}

static void a_dead_delivery_is_listed_with_its_attempts_and_sent_again(void **state) {
    (void)state;
    int64_t id = enqueue("i1", "chat", "firing");
    attempted((tu_attempt){.delivery_id = id,
                           .wall_ms = 10,
                           .took_ms = 3,
                           .outcome = TU_EREFUSED,
                           .text = TU_S("413"),
                           .state = TU_DELIVERY_PENDING,
                           .brief = true});
    attempted((tu_attempt){.delivery_id = id,
                           .wall_ms = 20,
                           .took_ms = 4,
                           .outcome = TU_EDENIED,
                           .text = TU_S("403"),
                           .state = TU_DELIVERY_DEAD});
    tu_buf_clear(&seen);
    assert_int_equal(tu_store_deliveries(store, TU_S("i1"), TU_DELIVERY_PENDING, 10, see_delivery,
                                         see_attempt, NULL, NULL),
                     TU_OK);
    assert_string_equal(tu_buf_c(&seen), "i1/chat/firing brief;  10 +3 refused '413' '';"
                                         "  20 +4 denied '403' '';");
    assert_string_equal(in_state(TU_DELIVERY_DEAD), "i1/chat/firing brief;");
    assert_int_equal(tu_store_resend(store, id, TU_S("user:kim (uid 1000)"), 30, 99, NULL), TU_OK);
    assert_string_equal(due(30), "i1/chat/firing brief;");
    assert_int_equal(tu_store_resend(store, id, TU_S("user:kim (uid 1000)"), 30, 99, NULL),
                     TU_ENOTFOUND);
    arrived(id, "");
    int64_t counts[3], n;
    char head[65];
    assert_int_equal(tu_store_delivery_counts(store, counts, NULL), TU_OK);
    assert_int_equal(counts[TU_DELIVERY_DELIVERED], 1);
    assert_int_equal(counts[TU_DELIVERY_DEAD], 0);
    /* made, dead, resent, delivered */
    assert_int_equal(tu_store_audit_verify(store, &n, head, NULL), TU_OK);
    assert_int_equal(n, 4);
}

/* --- what version 1 left behind --------------------------------------------------------------- */

static void load_version_1(void) {
    tu_store_close(TU_TAKE(store));
    _cleanup_(tu_freep) char *path = tu_path_join(folder, "trueup.db");
    unlink(path);
    _cleanup_(tu_freep) char *script = test_source_path("tests/unit/data/store/version-1.sql");
    tu_buf sql = TU_BUF_INIT(1u << 20);
    assert_int_equal(tu_file_read(script, 1u << 20, &sql, NULL), TU_OK);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *why = NULL;
    if (sqlite3_exec(db, tu_buf_c(&sql), NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
    sqlite3_close(db);
    tu_buf_done(&sql);
}

static tu_rc count_drift(void *arg, const tu_drift *d) {
    assert_true(tu_str_is(d->rule, "shop"));
    ++*(int *)arg;
    return TU_OK;
}

static void a_store_of_version_1_goes_on(void **state) {
    (void)state;
    load_version_1();
    open_store();
    int drifts = 0;
    assert_int_equal(tu_store_open_drifts(store, count_drift, &drifts, NULL), TU_OK);
    assert_int_equal(drifts, 2);
    int64_t counts[3], n;
    char head[65];
    assert_int_equal(tu_store_delivery_counts(store, counts, NULL), TU_OK);
    assert_int_equal(counts[TU_DELIVERY_PENDING], 8);
    assert_int_equal(counts[TU_DELIVERY_DELIVERED], 1);
    assert_int_equal(counts[TU_DELIVERY_DEAD], 1);
    assert_int_equal(tu_store_audit_verify(store, &n, head, NULL), TU_OK);
    assert_string_equal(head, "63a303c6017cdbc19c0f33ba7cc8510db69e1c67fda66d21b0cdf59a6bb44ac7");
    /* its order is kept: an update waits behind the first message of its drift */
    assert_string_equal(due(2000), "/hook/test;/pager/firing;/hook/firing;/pager/firing;"
                                   "/hook/update;");
    assert_int_equal(
        tu_store_attempted(store, 1, 3000, TU_OK, (tu_str){0}, TU_DELIVERY_DELIVERED, 0, NULL),
        TU_OK);
    fill();
    int64_t id = enqueue("i1", "chat", "firing");
    assert_true(id > 10); /* ids go on where they were */
    reopen();
    assert_non_null(strstr(due(2000), "i1/chat/firing;"));
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_open_is_restored_after_a_restart),
        TEST(rows_are_updated_by_their_keys),
        TEST(incidents_are_listed_newest_first_with_their_alerts),
        TEST(a_message_is_composed_of_what_its_transaction_wrote),
        TEST(many_changes_are_one_transaction),
        TEST(order_is_kept_within_an_incident_and_receiver_only),
        TEST(a_later_message_supersedes_what_it_says_all_of),
        TEST(what_names_an_alert_for_the_first_time_is_never_superseded),
        TEST(what_was_superseded_on_its_way_may_still_arrive),
        TEST(a_receivers_reference_comes_with_the_next_message),
        TEST(a_dead_delivery_is_listed_with_its_attempts_and_sent_again),
        TEST(a_store_of_version_1_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
