/*
 * store/read.c: everything that only reads. Rows are handed out one at a time and live until each()
 * returns.
 */
#include <stdio.h>

#include "base/str.h"
#include "store/database.h"
#include "store/words.h"

static tu_rc strange_word(tu_store *s, const char *what, int64_t id, tu_error **error) {
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
        rc = read_drift(statement, &d) ? each(arg, &d) : strange_word(s, "drift", d.id, error);
        if (rc == TU_OK)
            rc = tu_store_step(s, statement, "read the drifts", &row, error);
    }
    tu_store_end(statement);
    return rc;
}

tu_rc tu_store_due_deliveries(tu_store *s, int64_t wall_ms, size_t limit,
                              tu_rc (*each)(void *arg, const tu_delivery *d), void *arg,
                              tu_error **error) {
    sqlite3_stmt *row = tu_store_use(s, TU_SQL_DELIVERY_DUE);
    tu_bind_integer(row, 1, wall_ms);
    tu_bind_integer(row, 2, limit > INT32_MAX ? INT32_MAX : (int64_t)limit);
    bool more = false;
    tu_rc rc = tu_store_step(s, row, "read the deliveries", &more, error);
    while (rc == TU_OK && more) {
        tu_delivery d = {
            .id = sqlite3_column_int64(row, 0),
            .drift_id = sqlite3_column_int64(row, 1),
            .receiver = tu_column_text(row, 2),
            .kind = tu_column_text(row, 3),
            .key = tu_column_text(row, 4),
            .message = tu_column_text(row, 5),
            .state = TU_DELIVERY_PENDING,
            .attempts = sqlite3_column_int(row, 6),
            .next_ms = sqlite3_column_int64(row, 7),
            .created_ms = sqlite3_column_int64(row, 8),
            .expires_ms = sqlite3_column_int64(row, 9),
            .last_error = tu_column_text(row, 10),
        };
        rc = each(arg, &d);
        if (rc == TU_OK)
            rc = tu_store_step(s, row, "read the deliveries", &more, error);
    }
    tu_store_end(row);
    return rc;
}

tu_rc tu_store_next_due(tu_store *s, int64_t *ret_wall_ms, tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_DELIVERY_NEXT);
    bool row;
    tu_rc rc = tu_store_step(s, statement, "read the deliveries", &row, error);
    if (rc != TU_OK)
        return rc;
    bool none = !row || sqlite3_column_type(statement, 0) == SQLITE_NULL;
    *ret_wall_ms = none ? -1 : sqlite3_column_int64(statement, 0);
    tu_store_end(statement);
    return TU_OK;
}

tu_rc tu_store_delivery_counts(tu_store *s, int64_t ret[3], tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_DELIVERY_COUNTS);
    bool row;
    tu_rc rc = tu_store_step(s, statement, "count the deliveries", &row, error);
    if (rc != TU_OK)
        return rc;
    for (int state = TU_DELIVERY_PENDING; state <= TU_DELIVERY_DEAD; state++)
        ret[state] = sqlite3_column_int64(statement, state);
    tu_store_end(statement);
    return TU_OK;
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
