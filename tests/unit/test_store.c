/* The store: what is committed is there, whole, in order, and a chain; what is refused says why.
 * Crashes and full disks are in test_store_faults.c. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/store.h"

static char folder[] = "/tmp/trueup-store-XXXXXX";
static tu_store *store;

static tu_store *open_store(void) {
    tu_store *s = NULL;
    tu_error *e = NULL;
    if (tu_store_open(folder, &s, &e) != TU_OK)
        fail_msg("%s", tu_error_text(e));
    return s;
}

static void reopen(void) {
    tu_store_close(store);
    store = open_store();
}

static int setup(void **state) {
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    if (mkdtemp(folder) == NULL)
        return -1;
    store = open_store();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    tu_store_close(store);
    store = NULL;
    static const char *const names[] = {"trueup.db", "trueup.db-wal", "trueup.db-shm", "lock"};
    for (size_t i = 0; i < 4; i++) {
        char *path = tu_path_join(folder, names[i]);
        unlink(path);
        free(path);
    }
    return rmdir(folder);
}

/* Runs SQL behind the store's back. */
static int tamper(const char *sql) {
    char *path = tu_path_join(folder, "trueup.db");
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    free(path);
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
    return code;
}

static tu_drift drift(const char *name) {
    return (tu_drift){
        .rule = TU_S("shop"),
        .target = TU_S("prod"),
        .source_revision = TU_S("9f3c"),
        .object = {TU_S("apps"), TU_S("v1"), TU_S("Deployment"), TU_S("shop"), tu_str_c(name)},
        .verdict = TU_VERDICT_DRIFTED,
        .severity = TU_SEVERITY_CRITICAL,
        .action = TU_ACTION_HEAL,
        .finding = TU_S("{\"kind\":\"Deployment\"}"),
        .finding_hash = UINT64_MAX - 5,
        .opened_ms = 1000,
        .updated_ms = 1000};
}

static tu_delivery delivery(const char *receiver, const char *kind, int64_t next_ms) {
    return (tu_delivery){.receiver = tu_str_c(receiver),
                         .kind = tu_str_c(kind),
                         .message = TU_S("{\"frozen\":true}"),
                         .next_ms = next_ms,
                         .created_ms = 1000,
                         .expires_ms = 90000000};
}

static const tu_audit opened = {
    .actor = TU_S_INIT("trueup"),
    .action = TU_S_INIT("drift.opened"),
    .rule = TU_S_INIT("shop"),
    .target = TU_S_INIT("prod"),
    .object = {.kind = TU_S_INIT("Deployment"), .name = TU_S_INIT("cart")},
    .detail = TU_S_INIT("{}")};

/* Opens a drift with one delivery to each of n receivers. */
static int64_t commit_drift(const char *name, tu_delivery *deliveries, size_t n) {
    tu_drift d = drift(name);
    tu_store_change change = {.wall_ms = 1000,
                              .drift = &d,
                              .audits = &opened,
                              .audit_count = 1,
                              .deliveries = deliveries,
                              .delivery_count = n};
    tu_error *e = NULL;
    if (tu_store_commit(store, &change, &e) != TU_OK)
        fail_msg("%s", tu_error_text(e));
    assert_true(d.id > 0);
    return d.id;
}

typedef struct seen {
    size_t n;
    int64_t ids[64];
    char text[2000]; /* every row's words, for comparing */
    size_t stop_at;  /* 0: never */
} seen;

static void note(seen *s, int64_t id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void note(seen *s, int64_t id, const char *format, ...) {
    va_list args;
    va_start(args, format);
    size_t at = strlen(s->text);
    vsnprintf(s->text + at, sizeof s->text - at, format, args);
    va_end(args);
    s->ids[s->n++ % 64] = id;
}

static tu_rc see_drift(void *arg, const tu_drift *d) {
    seen *s = arg;
    tu_buf b = TU_BUF_INIT(1000);
    tu_object_id_print(&b, &d->object);
    note(s, d->id, "%s %.*s %.*s %.*s %s %s %s %.*s %d %lld %lld %lld;", tu_buf_c(&b),
         TU_P(d->rule), TU_P(d->target), TU_P(d->source_revision), tu_verdict_name(d->verdict),
         tu_severity_name(d->severity), tu_action_name(d->action), TU_P(d->finding),
         d->finding_hash == UINT64_MAX - 5, (long long)d->opened_ms, (long long)d->updated_ms,
         (long long)d->state);
    tu_buf_done(&b);
    return s->stop_at && s->n >= s->stop_at ? TU_ECANCELLED : TU_OK;
}

static tu_rc see_delivery(void *arg, const tu_delivery *d) {
    note(arg, d->id, "%.*s/%.*s ", TU_P(d->receiver), TU_P(d->kind));
    assert_int_equal(d->key.n, 32);
    assert_true(tu_str_is(d->message, "{\"frozen\":true}"));
    return TU_OK;
}

static tu_rc see_item(void *arg, const tu_inventory_item *i) {
    note(arg, 1, "%.*s %.*s %.*s/%.*s %.*s;", TU_P(i->rule), TU_P(i->target), TU_P(i->object.kind),
         TU_P(i->object.name), TU_P(i->uid));
    return TU_OK;
}

static const char *due(seen *s, int64_t wall_ms, size_t limit) {
    *s = (seen){0};
    assert_int_equal(tu_store_due_deliveries(store, wall_ms, limit, see_delivery, s, NULL), TU_OK);
    return s->text;
}

static void a_fresh_store_is_empty_private_and_named(void **state) {
    (void)state;
    char id[33];
    snprintf(id, sizeof id, "%s", tu_store_install_id(store));
    assert_int_equal(strlen(id), 32);
    seen s = {0};
    int64_t next = 7, counts[3] = {7, 7, 7}, records;
    char head[65];
    assert_int_equal(tu_store_open_drifts(store, see_drift, &s, NULL), TU_OK);
    assert_int_equal(s.n, 0);
    assert_int_equal(tu_store_next_due(store, &next, NULL), TU_OK);
    assert_int_equal(next, -1);
    assert_int_equal(tu_store_delivery_counts(store, counts, NULL), TU_OK);
    assert_int_equal(counts[0] + counts[1] + counts[2], 0);
    assert_int_equal(tu_store_audit_verify(store, &records, head, NULL), TU_OK);
    assert_int_equal(records, 0);
    static const char *const names[] = {"trueup.db", "trueup.db-wal", "lock"};
    for (size_t i = 0; i < 3; i++) {
        char *path = tu_path_join(folder, names[i]);
        struct stat status;
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        free(path);
    }
    reopen();
    assert_string_equal(tu_store_install_id(store), id);
}

static void a_drift_is_read_back_as_it_was_written(void **state) {
    (void)state;
    int64_t id = commit_drift("cart", NULL, 0);
    reopen();
    seen s = {0};
    assert_int_equal(tu_store_open_drifts(store, see_drift, &s, NULL), TU_OK);
    assert_int_equal(s.ids[0], id);
    assert_string_equal(s.text, "Deployment.apps/shop/cart shop prod 9f3c drifted critical heal "
                                "{\"kind\":\"Deployment\"} 1 1000 1000 0;");
}

static void a_drift_lives_from_open_to_resolved(void **state) {
    (void)state;
    tu_drift d = drift("cart");
    d.id = commit_drift("cart", NULL, 0);
    commit_drift("other", NULL, 0);
    d.state = TU_DRIFT_HEALING;
    d.verdict = TU_VERDICT_MISSING;
    d.updated_ms = 2000;
    d.opened_ms = 5; /* when it was opened doesn't change any more */
    tu_store_change change = {.wall_ms = 2000, .drift = &d};
    assert_int_equal(tu_store_commit(store, &change, NULL), TU_OK);
    seen s = {.stop_at = 1};
    assert_int_equal(tu_store_open_drifts(store, see_drift, &s, NULL), TU_ECANCELLED);
    assert_int_equal(s.n, 1);
    assert_non_null(
        strstr(s.text, " missing critical heal {\"kind\":\"Deployment\"} 1 1000 2000 1;"));
    d.state = TU_DRIFT_RESOLVED;
    d.resolved_ms = 3000;
    d.resolved_by = TU_S("git");
    assert_int_equal(tu_store_commit(store, &change, NULL), TU_OK);
    s = (seen){0};
    assert_int_equal(tu_store_open_drifts(store, see_drift, &s, NULL), TU_OK);
    assert_int_equal(s.n, 1);
    assert_non_null(strstr(s.text, "/other"));
}

static void a_commit_is_all_or_nothing(void **state) {
    (void)state;
    tu_drift d = drift("cart");
    tu_delivery twice[2] = {delivery("hook", "firing", 0), delivery("hook", "firing", 0)};
    twice[0].key = twice[1].key = TU_S("the same key");
    tu_store_change change = {.wall_ms = 1,
                              .drift = &d,
                              .audits = &opened,
                              .audit_count = 1,
                              .deliveries = twice,
                              .delivery_count = 2};
    tu_error *e = NULL;
    assert_int_equal(tu_store_commit(store, &change, &e), TU_EINVALID);
    tu_error_freep(&e);
    assert_int_equal(d.id, 0);
    assert_int_equal(twice[0].id, 0);

    static char big[TU_LIMIT_MESSAGE_BYTES + 1];
    twice[1] = delivery("hook", "firing", 0);
    twice[1].message = (tu_str){big, sizeof big};
    assert_int_equal(tu_store_commit(store, &change, &e), TU_EINVALID);
    assert_non_null(strstr(tu_error_text(e), "TU_LIMIT_MESSAGE_BYTES"));
    tu_error_freep(&e);

    tu_drift gone = drift("gone");
    gone.id = 4711;
    change = (tu_store_change){.wall_ms = 1, .drift = &gone, .audits = &opened, .audit_count = 1};
    assert_int_equal(tu_store_commit(store, &change, &e), TU_ENOTFOUND);
    tu_error_freep(&e);

    int64_t records, counts[3];
    char head[65];
    seen s = {0};
    assert_int_equal(tu_store_open_drifts(store, see_drift, &s, NULL), TU_OK);
    assert_int_equal(s.n, 0);
    assert_int_equal(tu_store_audit_verify(store, &records, head, NULL), TU_OK);
    assert_int_equal(records, 0);
    assert_int_equal(tu_store_delivery_counts(store, counts, NULL), TU_OK);
    assert_int_equal(counts[0], 0);
    commit_drift("cart", NULL, 0); /* and it goes on */
}

static void a_commit_fails_whole_at_every_allocation(void **state) {
    (void)state;
    for (size_t n = 1;; n++) {
        tu_drift d = drift("cart");
        tu_delivery one = delivery("hook", "firing", 0);
        tu_store_change change = {.wall_ms = 1,
                                  .drift = &d,
                                  .audits = &opened,
                                  .audit_count = 1,
                                  .deliveries = &one,
                                  .delivery_count = 1};
        tu_error *e = NULL;
        tu_mem_fail_after(n);
        tu_rc rc = tu_store_commit(store, &change, &e);
        size_t made = tu_mem_fail_after(0);
        tu_error_free(e);
        int64_t counts[3];
        assert_int_equal(tu_store_delivery_counts(store, counts, NULL), TU_OK);
        assert_int_equal(counts[0], rc == TU_OK);
        assert_int_equal(d.id != 0, rc == TU_OK);
        if (made < n)
            break;
        assert_int_equal(rc, TU_EINTERNAL);
    }
}

static void messages_of_one_drift_reach_a_receiver_in_order(void **state) {
    (void)state;
    tu_delivery a[] = {delivery("hook", "firing", 0), delivery("pager", "firing", 0),
                       delivery("hook", "update", 0), delivery("hook", "resolved", 0)};
    tu_delivery b[] = {delivery("hook", "firing", 500)};
    commit_drift("cart", a, 4);
    commit_drift("other", b, 1);
    seen s;
    assert_string_equal(due(&s, 100, 10), "hook/firing pager/firing ");
    assert_string_equal(due(&s, 500, 10), "hook/firing pager/firing hook/firing ");
    assert_string_equal(due(&s, 500, 1), "hook/firing ");
    /* the first one has to wait: those behind it wait too, although their time has come */
    assert_int_equal(tu_store_attempted(store, a[0].id, 100, TU_EUNAVAILABLE, TU_S("refused"),
                                        TU_DELIVERY_PENDING, 9000, NULL),
                     TU_OK);
    assert_string_equal(due(&s, 100, 10), "pager/firing ");
    int64_t next;
    assert_int_equal(tu_store_next_due(store, &next, NULL), TU_OK);
    assert_int_equal(next, 0);
    assert_int_equal(
        tu_store_attempted(store, a[1].id, 100, TU_OK, TU_S(""), TU_DELIVERY_DELIVERED, 0, NULL),
        TU_OK);
    assert_int_equal(tu_store_next_due(store, &next, NULL), TU_OK);
    assert_int_equal(next, 500);
    assert_int_equal(
        tu_store_attempted(store, a[0].id, 9000, TU_OK, TU_S(""), TU_DELIVERY_DELIVERED, 0, NULL),
        TU_OK);
    assert_string_equal(due(&s, 9000, 10), "hook/update hook/firing ");
    assert_int_equal(tu_store_attempted(store, a[2].id, 9000, TU_EDENIED, TU_S("403"),
                                        TU_DELIVERY_DEAD, 0, NULL),
                     TU_OK);
    assert_string_equal(due(&s, 9000, 10),
                        "hook/resolved hook/firing "); /* a dead one blocks nobody */
    int64_t counts[3];
    reopen();
    assert_int_equal(tu_store_delivery_counts(store, counts, NULL), TU_OK);
    assert_int_equal(counts[TU_DELIVERY_PENDING], 2);
    assert_int_equal(counts[TU_DELIVERY_DELIVERED], 2);
    assert_int_equal(counts[TU_DELIVERY_DEAD], 1);
}

static void an_outcome_is_written_once(void **state) {
    (void)state;
    tu_delivery d = delivery("hook", "firing", 0);
    commit_drift("cart", &d, 1);
    char text[2000];
    memset(text, 'x', sizeof text);
    memcpy(text + 511, "\xe2\x82\xac", 3); /* the cut would fall into this character */
    assert_int_equal(tu_store_attempted(store, d.id, 5, TU_ETIMEOUT, (tu_str){text, sizeof text},
                                        TU_DELIVERY_PENDING, 10, NULL),
                     TU_OK);
    assert_int_equal(
        tu_store_attempted(store, d.id, 10, TU_OK, TU_S("ref-1"), TU_DELIVERY_DELIVERED, 0, NULL),
        TU_OK);
    tu_error *e = NULL;
    assert_int_equal(
        tu_store_attempted(store, d.id, 11, TU_OK, TU_S(""), TU_DELIVERY_DELIVERED, 0, &e),
        TU_ENOTFOUND);
    tu_error_freep(&e);
    assert_int_equal(
        tu_store_attempted(store, 999, 11, TU_OK, TU_S(""), TU_DELIVERY_DELIVERED, 0, NULL),
        TU_ENOTFOUND);
    /* two rows, numbered, with class and text; a wrong one makes this constraint fail */
    assert_int_equal(tamper("CREATE TEMP TABLE t (ok CHECK (ok)); INSERT INTO t SELECT"
                            " (SELECT group_concat(n || outcome || length(CAST(text AS BLOB))) "
                            "FROM attempt) = '1timeout511,2ok5'"),
                     SQLITE_OK);
}

/* The key and the bytes of the first row, into text. */
static tu_rc copy_key(void *arg, const tu_delivery *d) {
    snprintf(arg, 100, "%.*s %.*s", TU_P(d->key), TU_P(d->message));
    return TU_OK;
}

static void a_key_is_one_events_and_stays(void **state) {
    (void)state;
    tu_delivery d[] = {delivery("hook", "firing", 0), delivery("hook", "firing", 0),
                       delivery("pager", "firing", 0)};
    commit_drift("cart", d,
                 3); /* the same kind at the same millisecond: still two keys, or this would fail */
    char before[100] = "", after[100] = "";
    assert_int_equal(tu_store_due_deliveries(store, 0, 1, copy_key, before, NULL), TU_OK);
    assert_int_equal(strspn(before, "abcdefghijklmnopqrstuvwxyz234567"), 32);
    assert_int_equal(
        tu_store_attempted(store, d[0].id, 5, TU_ETIMEOUT, TU_S(""), TU_DELIVERY_PENDING, 0, NULL),
        TU_OK);
    reopen();
    assert_int_equal(tu_store_due_deliveries(store, 0, 1, copy_key, after, NULL), TU_OK);
    assert_string_equal(before, after);
}

static void a_message_needs_no_drift(void **state) {
    (void)state;
    tu_delivery d[] = {delivery("hook", "test", 0), delivery("hook", "test", 0)};
    tu_store_change change = {.wall_ms = 1, .deliveries = d, .delivery_count = 2};
    assert_int_equal(tu_store_commit(store, &change, NULL), TU_OK);
    seen s;
    assert_string_equal(due(&s, 1, 10), "hook/test hook/test ");
    d[0] = delivery("hook", "update", 0);
    d[0].drift_id = 12345; /* one that isn't there */
    change.delivery_count = 1;
    assert_int_equal(tu_store_commit(store, &change, NULL), TU_EINVALID);
}

static void the_inventory_keeps_what_was_applied(void **state) {
    (void)state;
    tu_inventory_item a = {
        TU_S("shop"),
        TU_S("prod"),
        TU_S("u1"),
        {TU_S("apps"), TU_S("v1"), TU_S("Deployment"), TU_S("shop"), TU_S("cart")}};
    tu_inventory_item b = a, many[2];
    b.object.name = TU_S("basket");
    many[0] = a;
    many[0].uid = TU_S("u2");
    many[1] = b;
    assert_int_equal(tu_store_inventory_put(store, &a, NULL), TU_OK);
    assert_int_equal(tu_store_inventory_put(store, &a, NULL), TU_OK);
    tu_store_change change = {.wall_ms = 1, .applied = many, .applied_count = 2};
    assert_int_equal(tu_store_commit(store, &change, NULL), TU_OK);
    seen s = {0};
    assert_int_equal(tu_store_inventory_list(store, see_item, &s, NULL), TU_OK);
    assert_string_equal(s.text, "shop prod Deployment/basket u1;shop prod Deployment/cart u2;");
    assert_int_equal(tu_store_inventory_remove(store, &b, NULL), TU_OK);
    assert_int_equal(tu_store_inventory_remove(store, &b, NULL), TU_OK);
    reopen();
    s = (seen){0};
    assert_int_equal(tu_store_inventory_list(store, see_item, &s, NULL), TU_OK);
    assert_string_equal(s.text, "shop prod Deployment/cart u2;");
}

static void the_audit_trail_is_a_chain_across_restarts(void **state) {
    (void)state;
    int64_t n;
    char head[65], later[65];
    for (int i = 0; i < 5; i++)
        commit_drift("cart", NULL, 0);
    assert_int_equal(tu_store_audit_verify(store, &n, head, NULL), TU_OK);
    assert_int_equal(n, 5);
    reopen();
    tu_audit three[] = {opened, opened, opened};
    three[1].detail = TU_S("{\"b\":\xc3\xa9}");
    tu_store_change change = {.wall_ms = 3, .audits = three, .audit_count = 3};
    assert_int_equal(tu_store_commit(store, &change, NULL), TU_OK);
    assert_int_equal(tu_store_audit_verify(store, &n, later, NULL), TU_OK);
    assert_int_equal(n, 8);
    assert_string_not_equal(head, later);
}

static void tampering_with_the_audit_trail_is_found(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++)
        commit_drift("cart", NULL, 0);
    assert_int_not_equal(tamper("UPDATE audit SET detail = 'x' WHERE n = 2"),
                         SQLITE_OK); /* not by accident */
    assert_int_not_equal(tamper("DELETE FROM audit WHERE n = 2"), SQLITE_OK);
    static const struct {
        const char *sql, *behind;
    } cases[] = {
        {"UPDATE audit SET detail = 'x' WHERE n = 2", "behind record 1"},
        {"UPDATE audit SET wall_ms = wall_ms + 1 WHERE n = 4", "behind record 3"},
        {"UPDATE audit SET actor = 'trueu', action = 'pdrift.opened' WHERE n = 1",
         "behind record 0"}, /* the same bytes, cut elsewhere */
        {"DELETE FROM audit WHERE n = 1", "behind record 0"},
        {"DELETE FROM audit WHERE n = 3", "behind record 2"},
        {"UPDATE audit SET n = n + 10 WHERE n = 2; UPDATE audit SET n = 2 WHERE n = 3; UPDATE "
         "audit SET n = 3 WHERE n = 12",
         "behind record 1"},
        {"UPDATE audit SET hash = zeroblob(32) WHERE n = 4", "behind record 3"},
        {"UPDATE audit SET hash = x'00' WHERE n = 4", "behind record 3"},
        {"UPDATE installation SET id = 'ffffffffffffffffffffffffffffffff'",
         "behind record 0"}, /* another's trail */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tu_store_close(store);
        store = NULL;
        assert_int_equal(
            tamper(
                "CREATE TABLE kept AS SELECT * FROM audit; CREATE TABLE name AS SELECT * FROM "
                "installation;"
                "DROP TRIGGER IF EXISTS audit_no_update; DROP TRIGGER IF EXISTS audit_no_delete"),
            SQLITE_OK);
        assert_int_equal(tamper(cases[i].sql), SQLITE_OK);
        store = open_store();
        int64_t n = 42;
        char head[65];
        tu_error *e = NULL;
        assert_int_equal(tu_store_audit_verify(store, &n, head, &e), TU_EINTEGRITY);
        if (strstr(tu_error_text(e), cases[i].behind) == NULL)
            fail_msg("%s: %s", cases[i].sql, tu_error_text(e));
        tu_error_free(e);
        assert_int_equal(n, 42);
        assert_int_equal(
            tamper("DELETE FROM audit; INSERT INTO audit SELECT * FROM kept; DROP TABLE kept;"
                   "DELETE FROM installation; INSERT INTO installation SELECT * FROM name; DROP "
                   "TABLE name"),
            SQLITE_OK);
    }
    int64_t n;
    char head[65];
    reopen();
    assert_int_equal(tu_store_audit_verify(store, &n, head, NULL), TU_OK);
    assert_int_equal(n, 4);
}

static tu_rc refused(char **ret_text) {
    tu_store *s = NULL;
    tu_error *e = NULL;
    tu_rc rc = tu_store_open(folder, &s, &e);
    assert_null(s);
    *ret_text = tu_xstrdup(tu_error_text(e));
    tu_error_free(e);
    return rc;
}

static void a_store_of_a_newer_version_is_refused_untouched(void **state) {
    (void)state;
    commit_drift("cart", NULL, 0);
    tu_store_close(store);
    store = NULL;
    assert_int_equal(tamper("PRAGMA user_version = 1000"), SQLITE_OK);
    _cleanup_(tu_freep) char *text = NULL;
    assert_int_equal(refused(&text), TU_EUNSUPPORTED);
    assert_non_null(strstr(text, "newer trueup (schema 1000, this one knows 2)"));
    assert_int_equal(tamper("PRAGMA user_version = 2"), SQLITE_OK);
    store = open_store();
    seen s = {0};
    assert_int_equal(tu_store_open_drifts(store, see_drift, &s, NULL), TU_OK);
    assert_int_equal(s.n, 1);
}

static void a_second_store_on_the_same_directory_is_refused(void **state) {
    (void)state;
    _cleanup_(tu_freep) char *text = NULL;
    assert_int_equal(refused(&text), TU_ECONFLICT);
    char pid[32];
    snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
    assert_non_null(strstr(text, pid));
    assert_non_null(strstr(text, "another trueup"));
}

static void a_foreign_or_damaged_file_is_refused(void **state) {
    (void)state;
    _cleanup_(tu_freep) char *path = tu_path_join(folder, "trueup.db");
    _cleanup_(tu_freep) char *text = NULL;
    for (int i = 0; i < 50; i++)
        commit_drift("cart", NULL, 0);
    tu_store_close(store);
    store = NULL;
    tu_buf whole = {0};
    assert_int_equal(tu_file_read(path, 1 << 24, &whole, NULL), TU_OK);

    memset(whole.p + 4096 * 2, 0xa5, whole.n - 4096 * 2); /* pages of content */
    assert_int_equal(tu_file_write(path, tu_buf_str(&whole), 0600, NULL), TU_OK);
    assert_int_equal(refused(&text), TU_EINTEGRITY);
    assert_non_null(strstr(text, "damaged"));
    tu_buf_done(&whole);

    free(TU_TAKE(text));
    assert_int_equal(
        tu_file_write(
            path,
            TU_S("this is no database, but a text of some length that nobody should overwrite"),
            0600, NULL),
        TU_OK);
    assert_int_equal(refused(&text), TU_EINTEGRITY);

    free(TU_TAKE(text));
    unlink(path);
    assert_int_equal(tamper("CREATE TABLE cookies (a); INSERT INTO cookies VALUES (1)"), SQLITE_OK);
    assert_int_equal(refused(&text), TU_EINTEGRITY);
    assert_non_null(strstr(text, "not a trueup database"));
}

static void a_state_directory_may_stand_behind_a_link(void **state) {
    (void)state;
    commit_drift("cart", NULL, 0);
    tu_store_close(store);
    store = NULL;
    char link[64];
    snprintf(link, sizeof link, "%s-link", folder);
    assert_int_equal(symlink(folder, link), 0);
    tu_store *s = NULL;
    tu_error *e = NULL;
    tu_rc rc = tu_store_open(link, &s, &e);
    unlink(link);
    if (rc != TU_OK)
        fail_msg("%s", tu_error_text(e));
    seen found = {0};
    assert_int_equal(tu_store_open_drifts(s, see_drift, &found, NULL), TU_OK);
    assert_int_equal(found.n, 1);
    tu_store_close(s);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_fresh_store_is_empty_private_and_named),
        TEST(a_drift_is_read_back_as_it_was_written),
        TEST(a_drift_lives_from_open_to_resolved),
        TEST(a_commit_is_all_or_nothing),
        TEST(a_commit_fails_whole_at_every_allocation),
        TEST(messages_of_one_drift_reach_a_receiver_in_order),
        TEST(an_outcome_is_written_once),
        TEST(a_key_is_one_events_and_stays),
        TEST(a_message_needs_no_drift),
        TEST(the_inventory_keeps_what_was_applied),
        TEST(the_audit_trail_is_a_chain_across_restarts),
        TEST(tampering_with_the_audit_trail_is_found),
        TEST(a_store_of_a_newer_version_is_refused_untouched),
        TEST(a_second_store_on_the_same_directory_is_refused),
        TEST(a_state_directory_may_stand_behind_a_link),
        TEST(a_foreign_or_damaged_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
