/*
 * store/database.h: what the files of this folder share: the connection, statements, and the way
 * from SQLite's results to ours.
 *
 * A statement is borrowed with tu_store_use(), bound, stepped, and always given back by
 * tu_store_end() or tu_store_run(); a statement that is left open would keep the write-ahead log
 * from being checkpointed.
 */
#ifndef TU_STORE_DATABASE_H
#define TU_STORE_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "store/note.h"
#include "store/sql.h"
#include "store/store.h"
#include "store/trail.h"

struct tu_store {
    sqlite3 *db;
    sqlite3_stmt *statements[TU_SQL_COUNT];
    char *dir;
    int lock_fd; /* -1: none */
    char install_id[33];
    tu_trail head; /* of the audit trail, when head_known */
    bool head_known;
    tu_note_key *key; /* of the audit trail; NULL: not used yet */
};

/* Says what went wrong with the last call on the connection. code: what SQLite returned. doing:
 * "record a drift". */
tu_rc tu_store_fail(tu_store *s, int code, const char *doing, tu_error **error);

sqlite3_stmt *tu_store_use(tu_store *s, tu_sql which);
void tu_bind_text(sqlite3_stmt *statement, int i, tu_str s);
void tu_bind_bytes(sqlite3_stmt *statement, int i, tu_str s);
void tu_bind_integer(sqlite3_stmt *statement, int i, int64_t n);
void tu_bind_id(sqlite3_stmt *statement, int i, int64_t id); /* 0 is NULL */
tu_str tu_column_text(sqlite3_stmt *statement, int i); /* of blobs too; valid until the next step */
/* Steps to the end. ret_changed (may be NULL): rows that were written. */
tu_rc tu_store_run(tu_store *s, sqlite3_stmt *statement, const char *doing, int64_t *ret_changed,
                   tu_error **error);
/* One row: TU_OK and *ret_row true, or false at the end. */
tu_rc tu_store_step(tu_store *s, sqlite3_stmt *statement, const char *doing, bool *ret_row,
                    tu_error **error);
void tu_store_end(sqlite3_stmt *statement);

/* The name of a file system on which no state may be kept, by its statfs(2) type; NULL: it may. */
const char *tu_store_unfit_file_system(int64_t type);

tu_rc tu_store_begin(tu_store *s, tu_error **error);
/* Commits when rc is TU_OK, rolls back otherwise. Returns rc, or why the commit failed. */
tu_rc tu_store_finish(tu_store *s, tu_rc rc, tu_error **error);

/* TU_EINTEGRITY: a row holds a word that no version ever wrote. */
tu_rc tu_store_strange(tu_store *s, const char *what, int64_t id, tu_error **error);

/* Parts of a transaction. */
tu_rc tu_store_alerting_put(tu_store *s, const tu_store_change *c, tu_error **error);
/* drift_id: the change's own, if it has a drift. */
tu_rc tu_store_delivery_make(tu_store *s, const tu_store_change *c, const tu_delivery *d,
                             int64_t drift_id, int64_t *ret_id, tu_error **error);
tu_rc tu_store_attempt_write(tu_store *s, const tu_attempt *a, bool *ret_pending, tu_error **error);
/* Hands out the rows of a statement that is bound (its columns are those of sql.c's DELIVERY_COLUMNS),
 * and gives it back. attempt may be NULL. */
tu_rc tu_store_each_delivery(tu_store *s, sqlite3_stmt *row,
                             tu_rc (*each)(void *arg, const tu_delivery *d),
                             tu_rc (*attempt)(void *arg, const tu_attempt *a), void *arg,
                             tu_error **error);
/* Appends to the chain; inside a transaction. */
tu_rc tu_store_audit_append(tu_store *s, int64_t wall_ms, const tu_audit *audits, size_t n,
                            tu_error **error);

#endif
