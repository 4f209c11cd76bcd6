/*
 * The store when things break: kill -9 at any moment, a full disk, a read-only disk, a database
 * that another program holds.
 *
 * What breaks runs in a child process that reports with its exit code: 0 is good, 77 means that the
 * machine does not allow the experiment.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/audit.h"
#include "store/database.h"
#include "store/store.h"

static char folder[] = "/tmp/trueup-faults-XXXXXX";

static int setup(void **state) {
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    static const char *const names[] = {"trueup.db", "trueup.db-wal", "trueup.db-shm", "lock"};
    for (size_t i = 0; i < 4; i++) {
        char *path = tu_path_join(folder, names[i]);
        unlink(path);
        free(path);
    }
    return rmdir(folder);
}

/* In a child: says what is wrong and ends it. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)
enum { NOT_POSSIBLE_HERE = 77 };

static int outcome_of(pid_t child) {
    int status;
    while (waitpid(child, &status, 0) < 0)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* One drift, two audit records, one delivery: everything that one transaction can hold. */
static tu_rc commit_one(tu_store *s, int64_t number, tu_error **error) {
    char name[32], detail[4096];
    snprintf(name, sizeof name, "n%lld", (long long)number);
    memset(detail, 'd', sizeof detail);
    tu_drift d = {.rule = TU_S("shop"),
                  .object.name = tu_str_c(name),
                  .finding = {detail, sizeof detail},
                  .updated_ms = number};
    const tu_audit audits[] = {{.action = TU_S("drift.opened"), .detail = {detail, sizeof detail}},
                               {.action = TU_S("alert.decided")}};
    tu_delivery delivery = {
        .receiver = TU_S("hook"), .kind = TU_S("firing"), .message = tu_str_c(name)};
    tu_store_change change = {.wall_ms = number,
                              .drift = &d,
                              .audits = audits,
                              .audit_count = 2,
                              .deliveries = &delivery,
                              .delivery_count = 1};
    return tu_store_commit(s, &change, error);
}

typedef struct contents {
    int64_t drifts, deliveries, audits;
    bool *present; /* by number; room for `room` */
    int64_t room;
} contents;

static tu_rc count_drift(void *arg, const tu_drift *d) {
    contents *c = arg;
    int64_t number = strtoll(d->object.name.p + 1, NULL, 10);
    c->drifts++;
    if (c->present && number < c->room)
        c->present[number] = true;
    return TU_OK;
}

/* Everything belongs together: as many drifts as deliveries, three audit records for each (the third is
 * the store's own, of the delivery), and an unbroken chain. */
static bool is_consistent(tu_store *s, contents *c) {
    int64_t counts[3];
    char head[65];
    c->drifts = 0;
    if (tu_store_open_drifts(s, count_drift, c, NULL) != TU_OK ||
        tu_store_delivery_counts(s, counts, NULL) != TU_OK ||
        tu_store_audit_verify(s, &c->audits, head, NULL) != TU_OK)
        return false;
    c->deliveries = counts[TU_DELIVERY_PENDING];
    return c->drifts == c->deliveries && c->audits == 3 * c->drifts;
}

/* --- kill -9 ---------------------------------------------------------------------------------- */

/* Commits from `first` on and says each number once it is committed. */
static void commit_for_ever(int say, int64_t first) {
    tu_store *s = NULL;
    CHECK(tu_store_open(folder, &s, NULL) == TU_OK);
    for (int64_t number = first;; number++) {
        CHECK(commit_one(s, number, NULL) == TU_OK);
        CHECK(write(say, &number, sizeof number) == sizeof number);
    }
}

static void what_was_acknowledged_survives_kill_9(void **state) {
    (void)state;
    enum { ROUNDS = 25, MOST = 5000 };
    static bool acknowledged[MOST], present[MOST];
    uint32_t random = 20261122;
    int64_t next = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            commit_for_ever(ends[1], next);
        }
        close(ends[1]);
        random = random * 1664525u + 1013904223u;
        int64_t number;
        for (uint32_t acks = (random >> 16) % 12;
             acks > 0 && read(ends[0], &number, sizeof number) == sizeof number; acks--)
            acknowledged[number] = true;
        /* a moment of no meaning, so that the blow falls anywhere */
        nanosleep(&(struct timespec){.tv_nsec = (random >> 8) % 3000000}, NULL);
        kill(child, SIGKILL);
        while (read(ends[0], &number, sizeof number) == sizeof number)
            acknowledged[number] = true;
        close(ends[0]);
        assert_int_equal(outcome_of(child), 128 + SIGKILL);

        tu_store *s = NULL;
        tu_error *e = NULL;
        if (tu_store_open(folder, &s, &e) != TU_OK)
            fail_msg("round %d: %s", round, tu_error_text(e));
        contents c = {.present = present, .room = MOST};
        assert_true(is_consistent(s, &c));
        tu_store_close(s);
        int64_t told = 0;
        for (int64_t i = 0; i < MOST; i++) {
            told += acknowledged[i];
            if (acknowledged[i] && !present[i])
                fail_msg("round %d: number %lld was acknowledged and is gone", round, (long long)i);
        }
        assert_in_range(c.drifts, told,
                        told + round +
                            1); /* at most one of each round was committed and not told */
        for (next = 0; next < MOST && present[next]; next++)
            ;
        assert_int_equal(next, c.drifts);
    }
}

/* --- a full disk ------------------------------------------------------------------------------ */

/* Commits until it fails for want of space; how many there are then. */
static int64_t fill(tu_store *s, int64_t number) {
    for (;; number++) {
        _cleanup_(tu_error_freep) tu_error *e = NULL;
        tu_rc rc = commit_one(s, number, &e);
        CHECK(number < 10000);
        if (rc == TU_OK)
            continue;
        CHECK(rc == TU_EUNAVAILABLE);
        CHECK(strstr(tu_error_text(e), "disk is full") != NULL);
        CHECK(strstr(tu_error_text(e), folder) != NULL);
        return number;
    }
}

/* Full: nothing is torn, reading works, a next try fails the same way. make_space: and then
 * everything goes on. */
static void a_full_disk_passes(void (*make_space)(void)) {
    tu_store *s = NULL;
    contents c = {0};
    CHECK(tu_store_open(folder, &s, NULL) == TU_OK);
    int64_t n = fill(s, 0);
    CHECK(n > 0);
    CHECK(is_consistent(s, &c) && c.drifts == n);
    CHECK(fill(s, n) == n);
    CHECK(is_consistent(s, &c) && c.drifts == n);
    make_space();
    for (int i = 0; i < 20; i++)
        CHECK(commit_one(s, n++, NULL) == TU_OK);
    CHECK(is_consistent(s, &c) && c.drifts == n);
    tu_store_close(s);
    s = NULL;
    CHECK(tu_store_open(folder, &s, NULL) == TU_OK);
    CHECK(is_consistent(s, &c) && c.drifts == n);
    tu_store_close(s);
}

static void lift_limit(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void a_write_error_loses_nothing_and_passes(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit;
        signal(SIGXFSZ, SIG_IGN);
        CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
        limit.rlim_cur = 300000;
        CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        a_full_disk_passes(lift_limit);
        _exit(0);
    }
    assert_int_equal(outcome_of(child), 0);
}

static const char *filler(void) {
    static char path[64];
    snprintf(path, sizeof path, "%s/filler", folder);
    return path;
}

static void remove_filler(void) {
    CHECK(unlink(filler()) == 0);
}

/* A file system of our own over the folder, that nobody else sees. */
static void mount_small_disk(const char *options) {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("trueup-test", folder, "tmpfs", 0, options) != 0)
        _exit(NOT_POSSIBLE_HERE);
}

static void write_filler(size_t bytes) {
    static char block[4096];
    int fd = open(filler(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    CHECK(fd >= 0);
    for (size_t written = 0; written < bytes; written += sizeof block)
        if (write(fd, block, sizeof block) != sizeof block)
            break;
    close(fd);
}

static void expect_or_skip(pid_t child, const char *what) {
    int outcome = outcome_of(child);
    if (outcome == NOT_POSSIBLE_HERE) {
        print_message("skipped: %s needs the right to mount\n", what);
        skip();
    }
    assert_int_equal(outcome, 0);
}

static void a_full_disk_loses_nothing_and_passes(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        mount_small_disk("size=2m");
        write_filler(1500000);
        a_full_disk_passes(remove_filler);
        _exit(0);
    }
    expect_or_skip(child, "a small disk");
}

static void starting_on_a_full_disk_says_so_and_works_later(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        mount_small_disk("size=1m");
        write_filler(2u << 20);
        tu_store *s = NULL;
        _cleanup_(tu_error_freep) tu_error *e = NULL;
        CHECK(tu_store_open(folder, &s, &e) == TU_EUNAVAILABLE);
        CHECK(s == NULL);
        CHECK(strstr(tu_error_text(e), folder) != NULL);
        remove_filler();
        CHECK(tu_store_open(folder, &s, NULL) == TU_OK);
        CHECK(commit_one(s, 0, NULL) == TU_OK);
        tu_store_close(s);
        _exit(0);
    }
    expect_or_skip(child, "a small disk");
}

static void a_read_only_disk_is_refused(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        mount_small_disk("size=1m,ro");
        tu_store *s = NULL;
        _cleanup_(tu_error_freep) tu_error *e = NULL;
        CHECK(tu_store_open(folder, &s, &e) == TU_EUNAVAILABLE);
        CHECK(strstr(tu_error_text(e), folder) != NULL);
        _exit(0);
    }
    expect_or_skip(child, "a read-only disk");
}

/* --- any step of any operation ---------------------------------------------------------------- */

/* Everything that alerts write, in one transaction: an incident with its alert, a message that
 * supersedes another, and the outcome of an attempt. */
static tu_rc write_alerts(tu_store *s, int64_t number, tu_error **error) {
    char id[32];
    snprintf(id, sizeof id, "i%lld", (long long)number);
    const tu_str name = tu_str_c(id);
    const tu_alert_row alert = {
        .fingerprint = name, .firing = true, .labels = TU_S("{}"), .body = TU_S("{}")};
    const tu_incident_row incident = {.id = name, .open = true, .state = TU_S("{}")};
    const tu_member_row member = {.incident = name, .fingerprint = name, .state = TU_S("firing")};
    const tu_told_row told = {.incident = name, .receiver = TU_S("chat"), .firing = true};
    const tu_silence_row silence = {.id = name, .matchers = TU_S("[]")};
    tu_drift d = {.rule = TU_S("shop"), .object.name = name, .updated_ms = number};
    tu_delivery two[] = {
        {.incident = name, .receiver = TU_S("chat"), .kind = TU_S("update"), .message = name},
        {.incident = name, .receiver = TU_S("chat"), .kind = TU_S("resolved"), .message = name}};
    tu_store_change c = {.wall_ms = number,
                         .drift = &d,
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
                         .deliveries = two,
                         .delivery_count = 2};
    tu_rc rc = tu_store_commit(s, &c, error);
    const tu_attempt a = {.delivery_id = two[1].id,
                          .wall_ms = number,
                          .reference = TU_S("r"),
                          .state = TU_DELIVERY_DELIVERED};
    return rc == TU_OK ? tu_store_attempted_many(s, &a, 1, error) : rc;
}

/* made, made, superseded; and delivered, once it is */
enum { RECORDS_OF_COMMIT = 3 };

static tu_rc count_incident(void *arg, const tu_incident_row *row) {
    (void)row;
    ++*(int64_t *)arg;
    return TU_OK;
}

/* Rows of alerts, deliveries and evidence fit together: as many incidents as drifts, two deliveries
 * and three records for each, and a fourth for what has arrived. */
static bool fits_together(tu_store *s, int64_t *ret_incidents) {
    contents c = {0};
    int64_t counts[3], incidents = 0;
    char head[65];
    if (tu_store_open_drifts(s, count_drift, &c, NULL) != TU_OK ||
        tu_store_incidents(s, true, 1000000, count_incident, &incidents, NULL) != TU_OK ||
        tu_store_delivery_counts(s, counts, NULL) != TU_OK ||
        tu_store_audit_verify(s, &c.audits, head, NULL) != TU_OK)
        return false;
    *ret_incidents = incidents;
    return c.drifts == incidents &&
           counts[TU_DELIVERY_PENDING] + counts[TU_DELIVERY_DELIVERED] == incidents &&
           c.audits == RECORDS_OF_COMMIT * incidents + counts[TU_DELIVERY_DELIVERED];
}

/* SQLite calls this every few of its machine's instructions. */
typedef struct blow {
    int64_t left;
    bool deadly;
} blow;
enum { INSTRUCTIONS = 25 };

static int strike(void *arg) {
    blow *b = arg;
    if (--b->left != 0)
        return 0;
    if (b->deadly)
        _exit(0);
    return 1;
}

static void a_step_that_fails_leaves_all_or_nothing(void **state) {
    (void)state;
    tu_store *s = NULL;
    assert_int_equal(tu_store_open(folder, &s, NULL), TU_OK);
    assert_int_equal(write_alerts(s, 0, NULL), TU_OK);
    bool all = false;
    for (int64_t at = 1; !all; at++) {
        blow b = {.left = at};
        sqlite3_progress_handler(s->db, INSTRUCTIONS, strike, &b);
        tu_rc rc = write_alerts(s, at, NULL);
        sqlite3_progress_handler(s->db, 0, NULL, NULL);
        all = b.left > 0; /* it was over before the blow fell */
        assert_int_equal(rc == TU_OK, all);
        int64_t incidents;
        if (!fits_together(s, &incidents))
            fail_msg("after a failure at %lld", (long long)at);
        assert_int_equal(write_alerts(s, 100000 + at, NULL), TU_OK); /* and it goes on */
    }
    tu_store_close(s);
}

static void a_death_at_any_step_leaves_all_or_nothing(void **state) {
    (void)state;
    bool all = false;
    for (int64_t at = 1; !all; at += 3) {
        pid_t child = fork();
        if (child == 0) {
            tu_store *s = NULL;
            blow b = {.left = at, .deadly = true};
            CHECK(tu_store_open(folder, &s, NULL) == TU_OK);
            sqlite3_progress_handler(s->db, INSTRUCTIONS, strike, &b);
            CHECK(write_alerts(s, at, NULL) == TU_OK);
            _exit(2); /* lived */
        }
        int outcome = outcome_of(child);
        assert_true(outcome == 0 || outcome == 2);
        all = outcome == 2;
        tu_store *s = NULL;
        int64_t incidents;
        assert_int_equal(tu_store_open(folder, &s, NULL), TU_OK);
        if (!fits_together(s, &incidents))
            fail_msg("after a death at %lld", (long long)at);
        assert_int_equal(incidents > 0 && all, all);
        tu_store_close(s);
    }
}

/* Fills the disk with what alerts write; the number that failed. */
static int64_t fill_with_alerts(tu_store *s, int64_t number) {
    for (;; number++) {
        _cleanup_(tu_error_freep) tu_error *e = NULL;
        tu_rc rc = write_alerts(s, number, &e);
        CHECK(number < 100000);
        if (rc == TU_OK)
            continue;
        CHECK(rc == TU_EUNAVAILABLE);
        CHECK(strstr(tu_error_text(e), "disk is full") != NULL);
        return number;
    }
}

static void alerts_and_evidence_survive_a_full_disk(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        static const tu_retention retention = {.rows = 10, .audit_rows = 1000000};
        tu_store *s = NULL;
        int64_t incidents, before;
        bool more = true;
        tu_buf note = TU_BUF_INIT(10000);
        mount_small_disk("size=2m");
        CHECK(tu_store_open(folder, &s, NULL) == TU_OK);
        write_filler(1500000);
        int64_t number = fill_with_alerts(s, 1);
        CHECK(fits_together(s, &before));
        number = fill_with_alerts(s, number + 1);
        CHECK(fits_together(s, &incidents) && incidents >= before);
        /* small things may still find room; what finds none says so and leaves nothing half done */
        tu_rc rc = tu_store_audit_sign(s, 1, 1, 1, &note, NULL);
        CHECK(rc == TU_OK || rc == TU_EUNAVAILABLE);
        rc = tu_store_forget(s, &retention, 1, &more, NULL);
        CHECK(rc == TU_OK || rc == TU_EUNAVAILABLE);
        CHECK(fits_together(s, &incidents));
        remove_filler();
        tu_buf_clear(&note);
        CHECK(write_alerts(s, number + 1, NULL) == TU_OK);
        CHECK(tu_store_audit_sign(s, 2, 1, 1, &note, NULL) == TU_OK && note.n > 0);
        CHECK(fits_together(s, &before) && before == incidents + 1);
        tu_store_close(s);
        tu_buf_done(&note);
        _exit(0);
    }
    expect_or_skip(child, "a small disk");
}

static void a_locked_database_is_said_and_passes(void **state) {
    (void)state;
    tu_store *s = NULL;
    assert_int_equal(tu_store_open(folder, &s, NULL), TU_OK);
    sqlite3_busy_timeout(s->db, 1);
    char *path = tu_path_join(folder, "trueup.db");
    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    free(path);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    _cleanup_(tu_error_freep) tu_error *e = NULL;
    assert_int_equal(write_alerts(s, 1, &e), TU_EUNAVAILABLE);
    assert_non_null(strstr(tu_error_text(e), "another program has the database locked"));
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    int64_t incidents;
    assert_int_equal(write_alerts(s, 1, NULL), TU_OK);
    assert_true(fits_together(s, &incidents) && incidents == 1);
    tu_store_close(s);
}

static void a_network_file_system_is_no_place_for_a_state(void **state) {
    (void)state;
    assert_string_equal(tu_store_unfit_file_system(0x6969), "NFS");
    assert_string_equal(tu_store_unfit_file_system(0xff534d42), "SMB");
    assert_null(tu_store_unfit_file_system(0xef53)); /* ext4 */
}

/* --- others ----------------------------------------------------------------------------------- */

static void a_second_process_is_refused(void **state) {
    (void)state;
    tu_store *s = NULL;
    assert_int_equal(tu_store_open(folder, &s, NULL), TU_OK);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        tu_store *mine = NULL;
        char pid[32];
        _cleanup_(tu_error_freep) tu_error *e = NULL;
        CHECK(tu_store_open(folder, &mine, &e) == TU_ECONFLICT);
        snprintf(pid, sizeof pid, "pid %ld", (long)parent);
        CHECK(strstr(tu_error_text(e), pid) != NULL);
        _exit(0);
    }
    assert_int_equal(outcome_of(child), 0);
    assert_int_equal(commit_one(s, 0, NULL), TU_OK); /* the first one goes on */
    tu_store_close(s);
}

static void reading_by_another_program_disturbs_nobody(void **state) {
    (void)state;
    tu_store *s = NULL;
    assert_int_equal(tu_store_open(folder, &s, NULL), TU_OK);
    assert_int_equal(commit_one(s, 0, NULL), TU_OK);
    char *path = tu_path_join(folder, "trueup.db");
    sqlite3 *reader;
    assert_int_equal(sqlite3_open_v2(path, &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    free(path);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM drift", NULL, NULL, NULL),
                     SQLITE_OK);
    for (int i = 1; i < 10; i++)
        assert_int_equal(commit_one(s, i, NULL), TU_OK);
    sqlite3_close(reader);
    contents c = {0};
    assert_true(is_consistent(s, &c));
    assert_int_equal(c.drifts, 10);
    tu_store_close(s);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_was_acknowledged_survives_kill_9),
        TEST(a_write_error_loses_nothing_and_passes),
        TEST(a_full_disk_loses_nothing_and_passes),
        TEST(starting_on_a_full_disk_says_so_and_works_later),
        TEST(a_read_only_disk_is_refused),
        TEST(a_step_that_fails_leaves_all_or_nothing),
        TEST(a_death_at_any_step_leaves_all_or_nothing),
        TEST(alerts_and_evidence_survive_a_full_disk),
        TEST(a_locked_database_is_said_and_passes),
        TEST(a_network_file_system_is_no_place_for_a_state),
        TEST(a_second_process_is_refused),
        TEST(reading_by_another_program_disturbs_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
