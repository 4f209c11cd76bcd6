/*
 * bench_store: what the evidence and the outbox cost, and that they don't grow with what is over.
 *
 *     bench_store [ROWS]      1,000,000
 *
 *   verify    the audit trail's chain is followed in the store. Budget: 100,000 records/s
 *   lines     the same from JSON lines, as `audit verify FILE` and beside a running service. Budget likewise
 *   commit    an alert's changes are written, 100 with one sync, fsync and all
 *   start     a store with ROWS delivered messages is opened and what is open is restored. Budget: 1 s
 *   due       the next message of that store is found
 *   forget    all of it is forgotten, in steps; the longest step is what somebody may have to wait
 *
 * In a folder of its own under TMPDIR. The last column says how often the budget is met.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/audit.h"
#include "store/database.h"
#include "value/json.h"

#define DAY INT64_C(86400000)
enum { BATCH = 10000, RECORDS = 300000, COMMITS = 5000, TOGETHER = 100 };

static char folder[256];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void require(tu_rc rc, const char *what, tu_error *error) {
    if (rc == TU_OK)
        return;
    fprintf(stderr, "bench_store: %s: %s\n", what, tu_error_text(error));
    exit(1);
}

static tu_store *open_store(void) {
    tu_store *s = NULL;
    tu_error *e = NULL;
    require(tu_store_open(folder, &s, &e), "open", e);
    return s;
}

static void rate(const char *what, double n, double seconds, double budget) {
    printf("%-8s %10.0f /s", what, n / seconds);
    if (budget > 0)
        printf("   %6.1f x", n / seconds / budget);
    printf("\n");
}

/* --- the audit trail -------------------------------------------------------------------------- */

static void write_trail(tu_store *s) {
    static const tu_audit one = {
        .actor = TU_S_INIT("trueup"),
        .action = TU_S_INIT("drift.opened"),
        .rule = TU_S_INIT("shop"),
        .target = TU_S_INIT("production"),
        .object = {TU_S_INIT("apps"), TU_S_INIT("v1"), TU_S_INIT("Deployment"), TU_S_INIT("shop"),
                   TU_S_INIT("cart-service")},
        .detail = TU_S_INIT("{\"drift\":12345,\"verdict\":\"drifted\",\"severity\":\"critical\","
                            "\"changes\":[\"/spec/replicas\"],\"revision\":\"9f3c0a77\"}")};
    tu_audit *many = tu_xcalloc(BATCH, sizeof *many);
    for (int i = 0; i < BATCH; i++)
        many[i] = one;
    for (int n = 0; n < RECORDS; n += BATCH) {
        tu_store_change c = {.wall_ms = DAY, .audits = many, .audit_count = BATCH};
        require(tu_store_commit(s, &c, NULL), "write the trail", NULL);
    }
    free(many);
}

static tu_rc add_line(void *arg, const tu_trail_record *r) {
    tu_trail_write(arg, r);
    tu_buf_add_byte(arg, '\n');
    return TU_OK;
}

static void follow_lines(tu_store *s, const tu_buf *lines) {
    tu_trail trail;
    tu_arena a;
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    tu_trail_begin(&trail, tu_str_c(tu_store_install_id(s)));
    for (const char *p = lines->p, *end; (end = strchr(p, '\n')) != NULL; p = end + 1) {
        tu_str line = {p, (size_t)(end - p)};
        tu_value *v = NULL;
        tu_trail_record r;
        require(tu_json_parse(&a, line, TU_JSON_NO_LINES, NULL, &v, NULL, NULL), "parse", NULL);
        require(tu_trail_read(v, line, &r, NULL), "read", NULL);
        if (tu_trail_follow(&trail, &r) != TU_TRAIL_FOLLOWS)
            require(TU_EINTEGRITY, "follow", NULL);
        tu_arena_reset(&a);
    }
    tu_arena_done(&a);
}

static void bench_trail(tu_store *s) {
    int64_t n;
    char head[65];
    double begin = now();
    require(tu_store_audit_verify(s, &n, head, NULL), "verify", NULL);
    rate("verify", (double)n, now() - begin, 100000);
    tu_buf lines = TU_BUF_INIT(1024u * TU_MIB);
    require(tu_store_audit_read(s, 0, SIZE_MAX, add_line, &lines, NULL), "export", NULL);
    begin = now();
    follow_lines(s, &lines);
    rate("lines", (double)n, now() - begin, 100000);
    tu_buf_done(&lines);
}

/* --- the outbox ------------------------------------------------------------------------------- */

static void bench_commits(tu_store *s) {
    tu_store_change changes[TOGETHER], *pointers[TOGETHER];
    tu_alert_row alerts[TOGETHER];
    tu_delivery deliveries[TOGETHER];
    char names[TOGETHER][32];
    double begin = now();
    for (int n = 0; n < COMMITS; n += TOGETHER) {
        for (int i = 0; i < TOGETHER; i++) {
            tu_str name = {names[i], (size_t)snprintf(names[i], sizeof names[i], "a%d", n + i)};
            alerts[i] =
                (tu_alert_row){.fingerprint = name,
                               .firing = true,
                               .labels = TU_S("{\"rule\":\"shop\",\"kind\":\"Deployment\"}"),
                               .body = TU_S("{\"summary\":\"spec.replicas is 5, not 3\"}")};
            deliveries[i] = (tu_delivery){.incident = name,
                                          .receiver = TU_S("chat"),
                                          .kind = TU_S("firing"),
                                          .message = TU_S("{\"frozen\":true}"),
                                          .next_ms = INT64_MAX};
            changes[i] = (tu_store_change){.wall_ms = DAY,
                                           .alerts = &alerts[i],
                                           .alert_count = 1,
                                           .deliveries = &deliveries[i],
                                           .delivery_count = 1};
            pointers[i] = &changes[i];
        }
        require(tu_store_commit_many(s, pointers, TOGETHER, NULL, NULL), "commit", NULL);
    }
    rate("commit", COMMITS, now() - begin, 0);
}

/* Behind the store's back: through it every one would be in the audit trail. */
static void write_delivered(tu_store *s, long rows) {
    char sql[1000];
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %ld)"
             " INSERT INTO delivery (incident, receiver, kind, idempotency_key, message, state,"
             " attempts, next_ms, created_ms, expires_ms) SELECT 'i' || (i / 4), 'chat', 'firing',"
             " 'k' || i, CAST(printf('{\"text\":\"%%0800d\"}', i) AS BLOB), 'delivered', 1, 0, "
             "86400000, 0 FROM n;"
             "INSERT INTO attempt (delivery_id, n, wall_ms, outcome, text)"
             " SELECT id, 1, 86400000, 'ok', '' FROM delivery WHERE state = 'delivered'",
             rows);
    char *why = NULL;
    if (sqlite3_exec(s->db, sql, NULL, NULL, &why) != SQLITE_OK) {
        fprintf(stderr, "bench_store: %s\n", why);
        exit(1);
    }
}

static tu_rc nothing(void *arg, const tu_delivery *d) {
    (void)arg;
    (void)d;
    return TU_OK;
}

static tu_store *bench_start(void) {
    const tu_store_alerting each = {0};
    int64_t counts[3], next;
    double begin = now();
    tu_store *s = open_store();
    require(tu_store_restore_alerting(s, &each, NULL), "restore", NULL);
    require(tu_store_delivery_counts(s, counts, NULL), "count", NULL);
    double took = now() - begin;
    printf("%-8s %10.3f s    %6.1f x   (%lld delivered)\n", "start", took, 1 / took,
           (long long)counts[TU_DELIVERY_DELIVERED]);
    begin = now();
    require(tu_store_due_deliveries(s, DAY, 64, nothing, NULL, NULL), "due", NULL);
    require(tu_store_next_due(s, &next, NULL), "due", NULL);
    printf("%-8s %10.6f s\n", "due", now() - begin);
    return s;
}

static void bench_forgetting(tu_store *s, long rows) {
    const tu_retention r = {
        .done_ms = 30 * DAY, .evidence_ms = 400 * DAY, .rows = 1000000, .audit_rows = 10000000};
    bool more = true;
    double begin = now(), longest = 0;
    for (double step = begin; more; step = now()) {
        require(tu_store_forget(s, &r, 100 * DAY, &more, NULL), "forget", NULL);
        longest = now() - step > longest ? now() - step : longest;
    }
    rate("forget", (double)rows, now() - begin, 0);
    printf("%-8s %10.3f s, the longest step\n", "", longest);
}

static void clean_up(void) {
    static const char *const names[] = {"trueup.db", "trueup.db-wal", "trueup.db-shm", "lock",
                                        "audit.key"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        _cleanup_(tu_freep) char *path = tu_path_join(folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

int main(int argc, char **argv) {
    const char *temporary = getenv("TMPDIR");
    long rows = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
    snprintf(folder, sizeof folder, "%s/trueup-bench-XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(folder))
        return 1;
    tu_store *s = open_store();
    write_trail(s);
    bench_trail(s);
    bench_commits(s);
    write_delivered(s, rows);
    tu_store_close(s);
    s = bench_start();
    bench_forgetting(s, rows);
    tu_store_close(s);
    clean_up();
    return 0;
}
