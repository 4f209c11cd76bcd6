/*
 * store/retention.c: forgetting what is over, so that the file stays bounded: by age, and by number
 * where much happens. In small steps: nobody waits for more than one.
 *
 * What is pending, open, firing or dead (within the evidence's time) is never forgotten. Space is used
 * again by SQLite; the file doesn't shrink.
 */
#include "base/str.h"
#include "store/audit.h"
#include "store/database.h"
#include "store/words.h"

enum { STEP = 500 };

typedef struct step {
    tu_store *s;
    bool more; /* a statement found as many as it may take at once */
    tu_error **error;
} step;

static tu_rc run(step *x, sqlite3_stmt *statement) {
    int64_t changed = 0;
    tu_rc rc = tu_store_run(x->s, statement, "forget what is over", &changed, x->error);
    x->more = x->more || (rc == TU_OK && changed >= STEP);
    return rc;
}

static tu_rc forget(step *x, tu_sql which, int64_t before_ms) {
    sqlite3_stmt *statement = tu_store_use(x->s, which);
    tu_bind_integer(statement, 1, before_ms);
    tu_bind_integer(statement, 2, STEP);
    return run(x, statement);
}

/* before_ms, or the time of the row that stands `rows` rows from the end, whichever is later. */
static tu_rc bound(step *x, tu_sql which, int64_t rows, int64_t *before_ms) {
    bool row;
    sqlite3_stmt *statement = tu_store_use(x->s, which);
    tu_bind_integer(statement, 1, rows);
    tu_rc rc = tu_store_step(x->s, statement, "forget what is over", &row, x->error);
    if (rc != TU_OK)
        return rc;
    if (row && sqlite3_column_int64(statement, 0) > *before_ms)
        *before_ms = sqlite3_column_int64(statement, 0);
    tu_store_end(statement);
    return TU_OK;
}

/* The attempts first: they refer to their delivery. */
static tu_rc forget_deliveries(step *x, tu_delivery_state state, int64_t before_ms) {
    static const tu_sql parts[] = {TU_SQL_FORGET_ATTEMPTS, TU_SQL_FORGET_DELIVERIES};
    tu_rc rc = TU_OK;
    for (size_t i = 0; i < 2 && rc == TU_OK; i++) {
        sqlite3_stmt *statement = tu_store_use(x->s, parts[i]);
        tu_bind_integer(statement, 1, before_ms);
        tu_bind_integer(statement, 2, STEP);
        tu_bind_text(statement, 3, tu_str_c(tu_delivery_state_name(state)));
        rc = run(x, statement);
    }
    return rc;
}

static tu_rc forget_alerting(step *x, int64_t before_ms) {
    static const tu_sql order[] = {TU_SQL_FORGET_LEFT,   TU_SQL_FORGET_MEMBERS,
                                   TU_SQL_FORGET_TOLD,   TU_SQL_FORGET_INCIDENTS,
                                   TU_SQL_FORGET_ALERTS, TU_SQL_FORGET_SILENCES};
    tu_rc rc = TU_OK;
    for (size_t i = 0; i < sizeof order / sizeof *order && rc == TU_OK; i++)
        rc = forget(x, order[i], before_ms);
    return rc;
}

static tu_rc forget_all(step *x, const tu_retention *r, int64_t wall_ms) {
    int64_t done = wall_ms - r->done_ms, evidence = wall_ms - r->evidence_ms;
    int64_t deliveries = done, alerts = done, drifts = evidence;
    tu_rc rc = bound(x, TU_SQL_DELIVERY_BOUND, r->rows, &deliveries);
    if (rc == TU_OK)
        rc = bound(x, TU_SQL_ALERT_BOUND, r->rows, &alerts);
    if (rc == TU_OK)
        rc = bound(x, TU_SQL_DRIFT_BOUND, r->rows, &drifts);
    if (rc == TU_OK)
        rc = forget_deliveries(x, TU_DELIVERY_DELIVERED, deliveries);
    if (rc == TU_OK)
        rc = forget_deliveries(x, TU_DELIVERY_SUPERSEDED, deliveries);
    if (rc == TU_OK)
        rc = forget_deliveries(x, TU_DELIVERY_DEAD, evidence);
    if (rc == TU_OK)
        rc = forget_alerting(x, alerts);
    return rc == TU_OK ? forget(x, TU_SQL_FORGET_DRIFTS, drifts) : rc;
}

tu_rc tu_store_forget(tu_store *s, const tu_retention *r, int64_t wall_ms, bool *ret_more,
                      tu_error **error) {
    step x = {.s = s, .error = error};
    *ret_more = false;
    tu_rc rc = tu_store_begin(s, error);
    if (rc != TU_OK)
        return rc;
    rc = tu_store_finish(s, forget_all(&x, r, wall_ms), error);
    bool more = false;
    if (rc == TU_OK)
        rc = tu_store_audit_forget(s, wall_ms, wall_ms - r->evidence_ms, r->audit_rows, &more,
                                   error);
    *ret_more = rc == TU_OK && (x.more || more);
    return rc;
}
