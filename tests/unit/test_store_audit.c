/* The evidence: what a hand can do to the audit trail is found, and said where; what is forgotten
 * after its time leaves a signature; everything that is over goes, and nothing else. */
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
#include "report/evidence.h"
#include "store/audit.h"
#include "store/database.h"
#include "store/verify.h"
#include "value/json.h"

#define DAY INT64_C(86400000)

static char folder[] = "/tmp/trueup-evidence-XXXXXX";
static tu_store *store;
static tu_buf notes; /* checkpoints that were kept elsewhere */

static void open_store(void) {
    tu_error *e = NULL;
    if (tu_store_open(folder, &store, &e) != TU_OK)
        fail_msg("%s", tu_error_text(e));
    /* no power fails here, and there is much to write */
    assert_int_equal(sqlite3_exec(store->db, "PRAGMA synchronous = OFF", NULL, NULL, NULL),
                     SQLITE_OK);
}

static int setup(void **state) {
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    if (mkdtemp(folder) == NULL)
        return -1;
    tu_buf_init(&notes, TU_MIB);
    open_store();
    return 0;
}

static char *in_folder(const char *name) {
    return tu_path_join(folder, name);
}

static int teardown(void **state) {
    (void)state;
    tu_store_close(TU_TAKE(store));
    tu_buf_done(&notes);
    static const char *const names[] = {"trueup.db", "trueup.db-wal", "trueup.db-shm",
                                        "lock",      "audit.key",     "other.key"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        _cleanup_(tu_freep) char *path = in_folder(names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

/* Runs SQL behind the store's back; triggers are no hindrance. */
static void tamper(const char *sql) {
    tu_store_close(TU_TAKE(store));
    _cleanup_(tu_freep) char *path = in_folder("trueup.db");
    sqlite3 *db;
    char *why = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(
            db, "DROP TRIGGER IF EXISTS audit_no_update; DROP TRIGGER IF EXISTS audit_no_delete",
            NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why ? why : "the triggers stay");
    sqlite3_close(db);
    open_store();
}

static void record_at(int64_t wall_ms, int n) {
    for (int i = 0; i < n; i++) {
        const tu_audit a = {.actor = TU_S("trueup"),
                            .action = TU_S("drift.opened"),
                            .object = {.kind = TU_S("Deployment"), .name = TU_S("cart")},
                            .detail = TU_S("{\"severity\":\"critical\"}")};
        tu_store_change c = {.wall_ms = wall_ms, .audits = &a, .audit_count = 1};
        assert_int_equal(tu_store_commit(store, &c, NULL), TU_OK);
    }
}

static size_t sign_at(int64_t wall_ms) {
    size_t before = notes.n;
    assert_int_equal(tu_store_audit_sign(store, wall_ms, 3600000, 10, &notes, NULL), TU_OK);
    if (notes.n > before)
        tu_buf_add_c(&notes, "\n");
    return notes.n - before;
}

typedef struct adding {
    tu_verifier *v;
    tu_error **error;
} adding;

static tu_rc add(void *arg, const tu_trail_record *r) {
    adding *a = arg;
    return tu_verifier_add(a->v, r, a->error);
}

/* Verifies against the notes; the error's text, or "" (static). */
static const char *verified(tu_verified *ret) {
    static char text[1000];
    const tu_note_key *key = NULL;
    tu_trail start;
    tu_buf note = TU_BUF_INIT(TU_MIB);
    _cleanup_(tu_error_freep) tu_error *e = NULL;
    assert_int_equal(tu_store_audit_key(store, &key, NULL), TU_OK);
    assert_int_equal(tu_store_audit_start(store, &start, &note, NULL), TU_OK);
    adding a = {tu_verifier_new(key), &e};
    tu_rc rc = tu_verifier_checkpoints(a.v, tu_buf_str(&notes), &e);
    if (rc == TU_OK)
        rc = tu_verifier_begin(a.v, &start, tu_buf_str(&note), false, &e);
    if (rc == TU_OK)
        rc = tu_store_audit_read(store, start.n, SIZE_MAX, add, &a, &e);
    if (rc == TU_OK)
        rc = tu_verifier_end(a.v, ret, &e);
    tu_verifier_free(a.v);
    tu_buf_done(&note);
    assert_true(rc == TU_OK || rc == TU_EINTEGRITY);
    snprintf(text, sizeof text, "%s", rc == TU_OK ? "" : tu_error_text(e));
    return text;
}

/* --- what a hand can do ----------------------------------------------------------------------- */

static void a_trail_agrees_with_what_was_signed(void **state) {
    (void)state;
    record_at(1000, 3);
    assert_true(sign_at(2000) > 0);
    assert_int_equal(sign_at(3000), 0); /* nothing is new */
    record_at(4000, 1);
    assert_int_equal(sign_at(5000), 0); /* one record, and no hour */
    record_at(6000, 9);
    assert_true(sign_at(7000) > 0); /* ten */
    record_at(8000, 1);
    assert_true(sign_at(7000 + 3600000) > 0); /* an hour */
    tu_verified v;
    assert_string_equal(verified(&v), "");
    assert_int_equal(v.head.n, 14);
    assert_int_equal(v.agreed, 3);
}

static void every_kind_of_tampering_is_found_and_said_where(void **state) {
    (void)state;
    static const struct {
        const char *sql, *said;
    } cases[] = {
        {"UPDATE audit SET detail = 'x' WHERE n = 5", "record 5 was changed"},
        {"UPDATE audit SET wall_ms = 0 WHERE n = 1", "record 1 was changed"},
        {"DELETE FROM audit WHERE n = 7", "behind record 6: record 7 isn't there"},
        {"DELETE FROM audit WHERE n BETWEEN 3 AND 6", "records 3 to 6 aren't there"},
        {"DELETE FROM audit WHERE n <= 4", "records 1 to 4 aren't there"},
        {"UPDATE audit SET n = 100 WHERE n = 3; UPDATE audit SET n = 3 WHERE n = 4; UPDATE audit "
         "SET n "
         "= 4 WHERE n = 100",
         "record 3 doesn't follow it"},
        {"UPDATE audit SET n = -n WHERE n >= 5; UPDATE audit SET n = 1 - n WHERE n < 0; INSERT "
         "INTO audit"
         " SELECT 5, wall_ms, actor, action, rule, target, api_group, version, kind, namespace, "
         "name, "
         "detail, hash, hash FROM audit WHERE n = 4",
         "record 5 was changed"},
        {"DELETE FROM audit WHERE n > 8", "ends at record 8, but at"},
        {"DELETE FROM audit", "ends at record 0, but at"},
        /* the mark says that they were forgotten, but nobody signed it */
        {"DELETE FROM audit WHERE n <= 4; INSERT INTO audit_mark SELECT 'start', 4, prev_hash, 1, "
         "'' FROM"
         " audit WHERE n = 5",
         "begins behind record 4, and no valid signature"},
        {"INSERT INTO audit_mark SELECT 'start', n, hash, 1, (SELECT note FROM audit_mark WHERE "
         "kind ="
         " 'checkpoint') FROM audit WHERE n = 12; DELETE FROM audit WHERE n <= 12",
         "begins behind record 12, and no valid signature"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        teardown(NULL);
        assert_int_equal(setup(NULL), 0);
        record_at(1000, 12);
        assert_true(sign_at(2000) > 0);
        tamper(cases[i].sql);
        tu_verified v;
        const char *text = verified(&v);
        if (!strstr(text, cases[i].said))
            fail_msg("%s: %s", cases[i].sql, text);
    }
}

static void a_trail_that_was_written_anew_is_found_by_a_checkpoint(void **state) {
    (void)state;
    record_at(1000, 4);
    assert_true(sign_at(2000) > 0);
    record_at(1000, 12);
    assert_true(sign_at(3000) > 0);
    tamper("DELETE FROM audit WHERE n > 8"); /* and goes on as if nothing had been: a fork */
    record_at(1500, 12);
    tu_verified v;
    int64_t n;
    char head[65];
    assert_int_equal(tu_store_audit_verify(store, &n, head, NULL), TU_OK); /* the chain is whole */
    const char *text = verified(&v);
    assert_non_null(strstr(text, "written anew: record 16 isn't the one that was signed"));
    assert_non_null(strstr(text, "Up to record 4 it is what was signed"));
}

static void what_another_key_signed_is_refused(void **state) {
    (void)state;
    record_at(1000, 3);
    assert_true(sign_at(2000) > 0);
    _cleanup_(tu_freep) char *path = in_folder("other.key");
    _cleanup_(tu_error_freep) tu_error *e = NULL;
    tu_note_key *other = NULL;
    assert_int_equal(tu_note_key_open(path, tu_str_c(tu_store_install_id(store)), &other, NULL),
                     TU_OK);
    tu_str rest = tu_buf_str(&notes);
    tu_note note;
    bool none;
    assert_int_equal(tu_note_read(other, &rest, &note, &none, &e), TU_EINTEGRITY);
    assert_non_null(strstr(tu_error_text(e), "isn't signed by the key"));
    tu_note_key_free(other);

    /* a key that others can read is none, and one that is damaged says so */
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(tu_note_key_open(path, TU_S("x"), &other, NULL), TU_EDENIED);
    assert_int_equal(tu_file_write(path, TU_S("no key"), 0600, NULL), TU_OK);
    assert_int_equal(tu_note_key_open(path, TU_S("x"), &other, NULL), TU_EINTEGRITY);
}

static void every_changed_byte_of_a_note_is_found(void **state) {
    (void)state;
    record_at(1000, 3);
    assert_true(sign_at(2000) > 0);
    const tu_note_key *key = NULL;
    assert_int_equal(tu_store_audit_key(store, &key, NULL), TU_OK);
    tu_buf printed = TU_BUF_INIT(1000);
    tu_note_key_print(key, &printed);
    tu_note_key *public = NULL;
    assert_int_equal(tu_note_key_parse(tu_buf_str(&printed), &public, NULL), TU_OK);
    tu_note note;
    bool none;
    for (size_t i = 0; i + 2 < notes.n; i++) { /* but the last two newlines */
        notes.p[i] ^= 1;
        tu_str rest = tu_buf_str(&notes);
        tu_rc rc = tu_note_read(public, &rest, &note, &none, NULL);
        if (rc == TU_OK)
            fail_msg("byte %zu", i);
        notes.p[i] ^= 1;
    }
    for (size_t n = 1; n + 2 < notes.n; n++) { /* and every end that is cut off */
        tu_str rest = {notes.p, n};
        assert_int_not_equal(tu_note_read(public, &rest, &note, &none, NULL), TU_OK);
    }
    tu_str rest = tu_buf_str(&notes);
    assert_int_equal(tu_note_read(public, &rest, &note, &none, NULL), TU_OK);
    assert_int_equal(note.at.n, 3);
    assert_int_equal(note.wall_ms, 2000);
    for (size_t i = 0; i < printed.n; i++) {
        tu_note_key *wrong = NULL;
        printed.p[i] ^= 2;
        assert_int_equal(tu_note_key_parse(tu_buf_str(&printed), &wrong, NULL), TU_EINVALID);
        printed.p[i] ^= 2;
    }
    tu_note_key_free(public);
    tu_buf_done(&printed);
}

/* --- export ----------------------------------------------------------------------------------- */

typedef struct reading {
    tu_trail trail;
    size_t n;
} reading;

/* Written as a line and read again, a record follows as it did. */
static tu_rc write_and_read(void *arg, const tu_trail_record *r) {
    reading *x = arg;
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_buf line = TU_BUF_INIT(TU_MIB);
    tu_trail_write(&line, r);
    assert_null(memchr(line.p, '\n', line.n));
    tu_value *v = NULL;
    tu_trail_record again;
    assert_int_equal(tu_json_parse(&a, tu_buf_str(&line), 0, NULL, &v, NULL, NULL), TU_OK);
    assert_int_equal(tu_trail_read(v, tu_buf_str(&line), &again, NULL), TU_OK);
    assert_int_equal(tu_trail_follow(&x->trail, &again), TU_TRAIL_FOLLOWS);
    x->n++;
    tu_buf_clear(&line);
    for (int e = 0; e < TU_EVIDENCE_COUNT; e++)
        tu_evidence_write((tu_evidence)e, &line, r, TU_S("i"));
    assert_true(tu_utf8_valid(tu_buf_str(&line)));
    tu_buf_done(&line);
    tu_arena_done(&a);
    return TU_OK;
}

static void a_record_is_read_back_from_its_line_whatever_it_holds(void **state) {
    (void)state;
    static const char *const details[] = {"",
                                          "{}",
                                          "{ \"a\" : 1.50 }",
                                          "{\"a\":1,\"a\":2}",
                                          "{\"a\":\n1}",
                                          "[1]",
                                          "\"text\"",
                                          "{broken",
                                          "=cmd|' /C calc'!A0",
                                          "{\"a\":\"\xe2\x82\xac\"}",
                                          "\xff\xfe broken \x80",
                                          "tab\t quote\" back\\slash"};
    enum { DETAILS = sizeof details / sizeof *details };
    for (size_t i = 0; i < DETAILS; i++) {
        const tu_audit a = {.actor = TU_S("user:\"kim\", (uid 1)"),
                            .action = TU_S("silence.made"),
                            .object.name = {"a\0b", 3},
                            .detail = tu_str_c(details[i])};
        tu_store_change c = {.wall_ms = INT64_C(1795414638038), .audits = &a, .audit_count = 1};
        assert_int_equal(tu_store_commit(store, &c, NULL), TU_OK);
    }
    reading x = {0};
    tu_trail_begin(&x.trail, tu_str_c(tu_store_install_id(store)));
    assert_int_equal(tu_store_audit_read(store, 0, SIZE_MAX, write_and_read, &x, NULL), TU_OK);
    assert_int_equal(x.n, DETAILS);
}

static tu_rc write_line(void *arg, const tu_trail_record *r) {
    tu_buf *b = arg;
    tu_evidence_write(TU_EVIDENCE_CSV, b, r, TU_S("i"));
    return TU_OK;
}

static void a_spreadsheet_takes_no_cell_for_a_formula(void **state) {
    (void)state;
    const tu_audit a = {.action = TU_S("a.b"), .detail = TU_S("=1+1\"x")};
    tu_store_change c = {.wall_ms = 1, .audits = &a, .audit_count = 1};
    assert_int_equal(tu_store_commit(store, &c, NULL), TU_OK);
    tu_buf b = TU_BUF_INIT(TU_MIB);
    assert_int_equal(tu_store_audit_read(store, 0, 1, write_line, &b, NULL), TU_OK);
    assert_non_null(strstr(tu_buf_c(&b), ",\"'=1+1\"\"x\","));
    tu_buf_done(&b);
}

/* --- forgetting ------------------------------------------------------------------------------- */

static const tu_retention retention = {
    .done_ms = 30 * DAY, .evidence_ms = 400 * DAY, .rows = 1000000, .audit_rows = 1000000};

static int forget_all(const tu_retention *r, int64_t wall_ms) {
    bool more = true;
    int steps = 0;
    _cleanup_(tu_error_freep) tu_error *e = NULL;
    for (; more; steps++)
        if (tu_store_forget(store, r, wall_ms, &more, &e) != TU_OK)
            fail_msg("%s", tu_error_text(e));
    return steps;
}

static int64_t count(const char *table) {
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    sqlite3_stmt *row;
    assert_int_equal(sqlite3_prepare_v2(store->db, sql, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return n;
}

static void old_records_leave_a_signature(void **state) {
    (void)state;
    record_at(1 * DAY, 2500);
    record_at(300 * DAY, 5);
    assert_true(sign_at(300 * DAY) > 0);
    assert_true(forget_all(&retention, 402 * DAY) >= 3); /* in steps */
    tu_verified v;
    assert_string_equal(verified(&v), "");
    assert_int_equal(v.start.n, 2500);
    assert_true(count("audit") >= 6 && count("audit") < 12); /* and each step is a record */
    assert_true(sign_at(403 * DAY) > 0);
    tu_store_close(TU_TAKE(store));
    open_store();
    record_at(403 * DAY, 1);
    assert_string_equal(verified(&v), "");
    /* what is left can still not be removed by accident */
    assert_int_not_equal(sqlite3_exec(store->db, "DELETE FROM audit", NULL, NULL, NULL), SQLITE_OK);
    /* by number, too; the last record stays */
    tu_retention few = retention;
    few.audit_rows = 1;
    forget_all(&few, 403 * DAY);
    assert_string_equal(verified(&v), "");
    assert_true(count("audit") <= 2);
}

static void keep_one(int64_t wall_ms, bool over, int i) {
    char id[32];
    snprintf(id, sizeof id, "%lld-%d-%d", (long long)(wall_ms / DAY), over, i);
    tu_str name = tu_str_c(id);
    const tu_alert_row alert = {.fingerprint = name,
                                .firing = !over,
                                .started_ms = wall_ms,
                                .updated_ms = wall_ms,
                                .ended_ms = over ? wall_ms : 0,
                                .labels = TU_S("{}")};
    const tu_incident_row incident = {.id = name,
                                      .open = !over,
                                      .opened_ms = wall_ms,
                                      .updated_ms = wall_ms,
                                      .closed_ms = over ? wall_ms : 0};
    const tu_member_row member = {.incident = name,
                                  .fingerprint = name,
                                  .state = over ? TU_S("resolved") : TU_S("firing"),
                                  .left_ms = over ? wall_ms : 0};
    const tu_told_row told = {.incident = name, .receiver = TU_S("chat"), .firing = !over};
    const tu_silence_row silence = {.id = name, .ends_ms = over ? wall_ms : INT64_MAX};
    tu_drift drift = {.updated_ms = wall_ms,
                      .state = over ? TU_DRIFT_RESOLVED : TU_DRIFT_OPEN,
                      .resolved_ms = over ? wall_ms : 0};
    tu_delivery d[2] = {{.receiver = TU_S("chat"),
                         .kind = TU_S("firing"),
                         .message = TU_S("{}"),
                         .incident = name,
                         .created_ms = wall_ms},
                        {.receiver = TU_S("mail"),
                         .kind = TU_S("firing"),
                         .message = TU_S("{}"),
                         .incident = name,
                         .created_ms = wall_ms}};
    tu_store_change c = {.wall_ms = wall_ms,
                         .drift = &drift,
                         .alerts = &alert,
                         .alert_count = 1,
                         .incidents = &incident,
                         .incident_count = 1,
                         .members = &member,
                         .member_count = 1,
                         .told = &told,
                         .told_count = 1,
                         .silences = &silence,
                         .silence_count = 1,
                         .deliveries = d,
                         .delivery_count = 2};
    assert_int_equal(tu_store_commit(store, &c, NULL), TU_OK);
    const tu_attempt ends[] = {
        {.delivery_id = d[0].id, .state = TU_DELIVERY_DELIVERED},
        {.delivery_id = d[1].id, .outcome = TU_EDENIED, .state = TU_DELIVERY_DEAD}};
    if (over)
        assert_int_equal(tu_store_attempted_many(store, ends, 2, NULL), TU_OK);
}

static const char *const tables[] = {"alert",   "incident", "member",  "told",
                                     "silence", "delivery", "attempt", "drift"};
enum { TABLES = sizeof tables / sizeof *tables };

static void expect_counts(const int64_t expected[TABLES]) {
    for (size_t i = 0; i < TABLES; i++)
        if (count(tables[i]) != expected[i])
            fail_msg("%s: %lld, not %lld", tables[i], (long long)count(tables[i]),
                     (long long)expected[i]);
}

static void what_is_over_is_forgotten_after_its_time_and_nothing_else(void **state) {
    (void)state;
    keep_one(1 * DAY, true, 0);
    keep_one(1 * DAY, false, 0);
    keep_one(100 * DAY, true, 0);
    forget_all(&retention, 30 * DAY);
    expect_counts((int64_t[]){3, 3, 3, 3, 3, 6, 4, 3}); /* nothing's time has come */
    forget_all(&retention, 32 * DAY);                   /* a dead one and the drift are evidence */
    expect_counts((int64_t[]){2, 2, 2, 2, 2, 5, 3, 3});
    forget_all(&retention, 402 * DAY);
    expect_counts((int64_t[]){1, 1, 1, 1, 1, 3, 1, 2});
    forget_all(&retention, 10000 * DAY); /* what is open stays for ever */
    expect_counts((int64_t[]){1, 1, 1, 1, 1, 2, 0, 1});
    int64_t counts[3];
    assert_int_equal(tu_store_delivery_counts(store, counts, NULL), TU_OK);
    assert_int_equal(counts[TU_DELIVERY_PENDING], 2);
    assert_int_equal(counts[TU_DELIVERY_DELIVERED], 2); /* ever */
    assert_int_equal(counts[TU_DELIVERY_DEAD], 0);
}

static void many_are_forgotten_by_number_in_small_steps(void **state) {
    (void)state;
    for (int i = 0; i < 700; i++)
        keep_one(i * DAY / 1000, true, i);
    tu_retention few = retention;
    few.rows = 50;
    assert_true(forget_all(&few, DAY) >= 2);
    assert_true(count("alert") <= 51);
    assert_true(count("incident") <= 51);
    int64_t n;
    char head[65];
    assert_int_equal(tu_store_audit_verify(store, &n, head, NULL), TU_OK);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_trail_agrees_with_what_was_signed),
        TEST(every_kind_of_tampering_is_found_and_said_where),
        TEST(a_trail_that_was_written_anew_is_found_by_a_checkpoint),
        TEST(what_another_key_signed_is_refused),
        TEST(every_changed_byte_of_a_note_is_found),
        TEST(a_record_is_read_back_from_its_line_whatever_it_holds),
        TEST(a_spreadsheet_takes_no_cell_for_a_formula),
        TEST(old_records_leave_a_signature),
        TEST(what_is_over_is_forgotten_after_its_time_and_nothing_else),
        TEST(many_are_forgotten_by_number_in_small_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
