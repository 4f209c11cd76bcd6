/*
 * store/read.c: reading the drifts and the inventory. Rows are handed out one at a time and live
 * until each() returns.
 */
#include <stdio.h>

#include "base/str.h"
#include "store/database.h"
#include "store/words.h"

tu_rc tu_store_strange(tu_store *s, const char *what, int64_t id, tu_error **error) {
    return tu_error_set(error, TU_EINTEGRITY,
                        "%s %lld in %s/trueup.db holds a word that this trueup doesn't know", what,
                        (long long)id, s->dir);
}

static bool read_drift(sqlite3_stmt *row, tu_drift *d) {
    *d = (tu_drift){
        .id = sqlite3_column_int64(row, 0),
        .rule = tu_column_text(row, 1),
        .target = tu_column_text(row, 2),
        .object = {.group = tu_column_text(row, 3),
                   .kind = tu_column_text(row, 4),
                   .namespace_ = tu_column_text(row, 5),
                   .name = tu_column_text(row, 6),
                   .version = tu_column_text(row, 9)},
        .opened_ms = sqlite3_column_int64(row, 7),
        .source_revision = tu_column_text(row, 8),
        .finding = tu_column_text(row, 14),
        .finding_hash = (uint64_t)sqlite3_column_int64(row, 15),
        .updated_ms = sqlite3_column_int64(row, 16),
        .resolved_ms = sqlite3_column_int64(row, 17),
        .resolved_by = tu_column_text(row, 18),
    };
    return tu_drift_state_parse(tu_column_text(row, 10), &d->state) &&
           tu_verdict_parse(tu_column_text(row, 11), &d->verdict) &&
           tu_severity_parse(tu_column_text(row, 12), &d->severity) &&
           tu_action_parse(tu_column_text(row, 13), &d->action);
}

tu_rc tu_store_open_drifts(tu_store *s, tu_rc (*each)(void *arg, const tu_drift *d), void *arg,
                           tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_DRIFT_OPEN);
    bool row = false;
    tu_rc rc = tu_store_step(s, statement, "read the drifts", &row, error);
    while (rc == TU_OK && row) {
        tu_drift d;
        rc = read_drift(statement, &d) ? each(arg, &d) : tu_store_strange(s, "drift", d.id, error);
        if (rc == TU_OK)
            rc = tu_store_step(s, statement, "read the drifts", &row, error);
    }
    tu_store_end(statement);
    return rc;
}

tu_rc tu_store_inventory_list(tu_store *s, tu_rc (*each)(void *arg, const tu_inventory_item *item),
                              void *arg, tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_INVENTORY_LIST);
    bool row = false;
    tu_rc rc = tu_store_step(s, statement, "read the inventory", &row, error);
    while (rc == TU_OK && row) {
        tu_inventory_item item = {
            .rule = tu_column_text(statement, 0),
            .target = tu_column_text(statement, 1),
            .object = {.group = tu_column_text(statement, 2),
                       .kind = tu_column_text(statement, 3),
                       .namespace_ = tu_column_text(statement, 4),
                       .name = tu_column_text(statement, 5),
                       .version = tu_column_text(statement, 6)},
            .uid = tu_column_text(statement, 7),
        };
        rc = each(arg, &item);
        if (rc == TU_OK)
            rc = tu_store_step(s, statement, "read the inventory", &row, error);
    }
    tu_store_end(statement);
    return rc;
}
