/*
 * store/queue.c: what is to be sent now: the outbox as the engine takes from it.
 *
 *     due --take_turn--> under way --attempt recorded--> delivered, dead, or due again later
 *                            |
 *                            +--the process dies, recover_queue--> due, and uncertain
 *
 * The mark "under way" is written in the transaction that hands a delivery out, which is the one that
 * records the attempts before it: it costs no sync of its own, and tells after a crash which
 * messages may have arrived.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "store/database.h"

/* Rows on their way to the engine, and which they are. */
typedef struct handing {
    tu_rc (*each)(void *arg, const tu_delivery *d);
    void *arg;
    int64_t *ids;
    size_t n, room;
} handing;

static tu_rc hand_out(void *arg, const tu_delivery *d) {
    handing *h = arg;
    if (h->n == h->room) {
        size_t room = h->room ? h->room * 2 : 64;
        int64_t *grown = tu_realloc(h->ids, room * sizeof *grown);
        if (!grown)
            return TU_EINTERNAL;
        h->ids = grown;
        h->room = room;
    }
    h->ids[h->n++] = d->id;
    return h->each(h->arg, d);
}

static tu_rc find_due(tu_store *s, int64_t wall_ms, const tu_due *due, handing *h,
                      tu_error **error) {
    sqlite3_stmt *row = tu_store_use(s, due->probe ? TU_SQL_QUEUE_PROBE : TU_SQL_QUEUE_DUE);
    tu_bind_text(row, 1, due->receiver);
    tu_bind_integer(row, 2, due->expired_ms ? INT64_MAX : wall_ms);
    if (!due->probe) {
        tu_bind_integer(row, 3, due->expired_ms ? due->expired_ms : INT64_MAX);
        tu_bind_integer(row, 4, due->limit > INT32_MAX ? INT32_MAX : (int64_t)due->limit);
    }
    return tu_store_each_delivery(s, row, hand_out, NULL, h, error);
}

static tu_rc begin_all(tu_store *s, const handing *h, size_t from, tu_error **error) {
    tu_rc rc = TU_OK;
    for (size_t i = from; i < h->n && rc == TU_OK; i++) {
        sqlite3_stmt *statement = tu_store_use(s, TU_SQL_QUEUE_BEGIN);
        tu_bind_integer(statement, 1, h->ids[i]);
        rc = tu_store_run(s, statement, "begin a delivery", NULL, error);
    }
    return rc;
}

static tu_rc find_next(tu_store *s, tu_due *due, tu_error **error) {
    sqlite3_stmt *row = tu_store_use(s, TU_SQL_QUEUE_NEXT);
    bool found;
    tu_bind_text(row, 1, due->receiver);
    tu_rc rc = tu_store_step(s, row, "read the deliveries", &found, error);
    if (rc != TU_OK)
        return rc;
    due->ret_next_ms = found ? sqlite3_column_int64(row, 0) : -1;
    tu_store_end(row);
    return TU_OK;
}

static tu_rc hand_out_due(tu_store *s, int64_t wall_ms, tu_due *due, handing *h, tu_error **error) {
    size_t before = h->n;
    tu_rc rc = due->limit ? find_due(s, wall_ms, due, h, error) : TU_OK;
    if (rc == TU_OK)
        rc = begin_all(s, h, before, error);
    return rc == TU_OK ? find_next(s, due, error) : rc;
}

static tu_rc release(tu_store *s, const tu_attempt *a, tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_QUEUE_RELEASE);
    tu_bind_integer(statement, 1, a->delivery_id);
    tu_bind_integer(statement, 2, a->uncertain);
    return tu_store_run(s, statement, "release a delivery", NULL, error);
}

tu_rc tu_store_take_turn(tu_store *s, int64_t wall_ms, const tu_attempt *attempts, size_t n,
                         tu_due *due, size_t due_count,
                         tu_rc (*each)(void *arg, const tu_delivery *d), void *arg,
                         tu_error **error) {
    handing h = {.each = each, .arg = arg};
    bool ignored;
    tu_rc rc = tu_store_begin(s, error);
    if (rc != TU_OK)
        return rc;
    for (size_t i = 0; i < n && rc == TU_OK; i++)
        rc = attempts[i].outcome == TU_ECANCELLED
                 ? release(s, &attempts[i], error)
                 : tu_store_attempt_write(s, &attempts[i], &ignored, error);
    for (size_t i = 0; i < due_count && rc == TU_OK; i++)
        rc = hand_out_due(s, wall_ms, &due[i], &h, error);
    free(h.ids);
    return tu_store_finish(s, rc, error);
}

/* One statement with numbers alone, which is a transaction of its own. */
static tu_rc run(tu_store *s, tu_sql which, int64_t first, int64_t second, const char *doing,
                 tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, which);
    tu_bind_integer(statement, 1, first);
    if (sqlite3_bind_parameter_count(statement) > 1)
        tu_bind_integer(statement, 2, second);
    return tu_store_run(s, statement, doing, NULL, error);
}

tu_rc tu_store_recover_queue(tu_store *s, int64_t wall_ms, int64_t longest_ms, tu_error **error) {
    return run(s, TU_SQL_QUEUE_RECOVER, wall_ms, longest_ms, "recover the deliveries", error);
}

tu_rc tu_store_clock_jumped(tu_store *s, int64_t wall_ms, int64_t by_ms, tu_error **error) {
    return run(s, by_ms > 0 ? TU_SQL_QUEUE_FORWARD : TU_SQL_QUEUE_BACK, wall_ms, by_ms,
               "follow the clock", error);
}

tu_rc tu_store_backlog(tu_store *s, tu_rc (*each)(void *arg, const tu_backlog *b), void *arg,
                       tu_error **error) {
    sqlite3_stmt *row = tu_store_use(s, TU_SQL_QUEUE_BACKLOG);
    bool more = false;
    tu_rc rc = tu_store_step(s, row, "count the deliveries", &more, error);
    while (rc == TU_OK && more) {
        const tu_backlog b = {.receiver = tu_column_text(row, 0),
                              .pending = sqlite3_column_int64(row, 1),
                              .oldest_ms = sqlite3_column_int64(row, 2),
                              .retry_ms = sqlite3_column_int64(row, 3)};
        rc = each(arg, &b);
        if (rc == TU_OK)
            rc = tu_store_step(s, row, "count the deliveries", &more, error);
    }
    tu_store_end(row);
    return rc;
}
