/*
 * store/store.c: opening, refusing, closing; the connection's manners.
 *
 *     lock -> open -> is it ours, of a version that we know, and whole? -> WAL -> migrate ->
 * prepare all statements
 *
 * Nothing is written before the file is known to be ours and not newer than this program.
 */
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/database.h"

enum { BUSY_TIMEOUT_MS = 5000, CHECKED_BYTES = 64 * TU_MIB };

/* --- results ---------------------------------------------------------------------------------- */

tu_rc tu_store_fail(tu_store *s, int code, const char *doing, tu_error **error) {
    const char *text = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(code);
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return tu_error_memory(error);
    case SQLITE_FULL:
        return tu_error_set(
            error, TU_EUNAVAILABLE,
            "disk is full: can't %s in %s; free some space, trueup goes on by itself", doing,
            s->dir);
    case SQLITE_IOERR:
        return tu_error_set(
            error, TU_EUNAVAILABLE,
            "disk is full or failing: can't %s in %s (%s); free some space or check the disk",
            doing, s->dir, text);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return tu_error_set(error, TU_EUNAVAILABLE,
                            "can't %s in %s: %s; is the directory writable for this user?", doing,
                            s->dir, text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return tu_error_set(error, TU_EUNAVAILABLE,
                            "can't %s in %s: another program has the database locked", doing,
                            s->dir);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return tu_error_set(
            error, TU_EINTEGRITY,
            "%s/trueup.db is damaged (%s): restore it from a backup, or move it away to begin anew",
            s->dir, text);
    case SQLITE_CONSTRAINT:
        return tu_error_set(error, TU_EINVALID, "can't %s in %s: %s", doing, s->dir, text);
    default:
        return tu_error_set(error, TU_EINTERNAL, "can't %s in %s: %s", doing, s->dir, text);
    }
}

/* --- statements ------------------------------------------------------------------------------- */

sqlite3_stmt *tu_store_use(tu_store *s, tu_sql which) {
    sqlite3_stmt *statement = s->statements[which];
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return statement;
}

/* Binding fails only for want of memory or a wrong number; the value is NULL then and the step
 * fails on NOT NULL. */
void tu_bind_text(sqlite3_stmt *statement, int i, tu_str s) {
    sqlite3_bind_text64(statement, i, s.n ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8);
}

void tu_bind_bytes(sqlite3_stmt *statement, int i, tu_str s) {
    sqlite3_bind_blob64(statement, i, s.n ? s.p : "", s.n, SQLITE_STATIC);
}

void tu_bind_integer(sqlite3_stmt *statement, int i, int64_t n) {
    sqlite3_bind_int64(statement, i, n);
}

void tu_bind_id(sqlite3_stmt *statement, int i, int64_t id) {
    if (id)
        sqlite3_bind_int64(statement, i, id);
    else
        sqlite3_bind_null(statement, i);
}

tu_str tu_column_text(sqlite3_stmt *statement, int i) {
    const char *p = sqlite3_column_blob(statement, i);
    return (tu_str){p, p ? (size_t)sqlite3_column_bytes(statement, i) : 0};
}

void tu_store_end(sqlite3_stmt *statement) {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

tu_rc tu_store_step(tu_store *s, sqlite3_stmt *statement, const char *doing, bool *ret_row,
                    tu_error **error) {
    int code = sqlite3_step(statement);
    *ret_row = code == SQLITE_ROW;
    if (code == SQLITE_ROW || code == SQLITE_DONE)
        return TU_OK;
    tu_rc rc = tu_store_fail(s, code, doing, error);
    tu_store_end(statement);
    return rc;
}

tu_rc tu_store_run(tu_store *s, sqlite3_stmt *statement, const char *doing, int64_t *ret_changed,
                   tu_error **error) {
    bool row = true;
    tu_rc rc = TU_OK;
    while (rc == TU_OK && row)
        rc = tu_store_step(s, statement, doing, &row, error);
    if (rc == TU_OK && ret_changed)
        *ret_changed = sqlite3_changes64(s->db);
    tu_store_end(statement);
    return rc;
}

tu_rc tu_store_begin(tu_store *s, tu_error **error) {
    return tu_store_run(s, tu_store_use(s, TU_SQL_BEGIN), "begin a transaction", NULL, error);
}

tu_rc tu_store_finish(tu_store *s, tu_rc rc, tu_error **error) {
    if (rc == TU_OK)
        rc = tu_store_run(s, tu_store_use(s, TU_SQL_COMMIT), "commit", NULL, error);
    /* SQLite has rolled back by itself after some errors; a failed rollback leaves nothing behind
     * either */
    if (rc != TU_OK)
        s->head_known = false;
    if (rc != TU_OK && !sqlite3_get_autocommit(s->db))
        tu_store_run(s, tu_store_use(s, TU_SQL_ROLLBACK), "roll back", NULL, NULL);
    return rc;
}

/* --- opening ---------------------------------------------------------------------------------- */

static tu_rc execute(tu_store *s, const char *sql, const char *doing, tu_error **error) {
    int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? TU_OK : tu_store_fail(s, code, doing, error);
}

/* The one value of a query, as text of at most room - 1 bytes. */
static tu_rc query(tu_store *s, const char *sql, char *out, size_t room, tu_error **error) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);
    out[0] = '\0';
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    const unsigned char *text = code == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
    if (text)
        snprintf(out, room, "%s", (const char *)text);
    tu_rc rc = code == SQLITE_ROW || code == SQLITE_DONE
                   ? TU_OK
                   : tu_store_fail(s, code, "read the state", error);
    sqlite3_finalize(statement);
    return rc;
}

static tu_rc query_integer(tu_store *s, const char *sql, int64_t *ret, tu_error **error) {
    char text[32];
    tu_rc rc = query(s, sql, text, sizeof text, error);
    *ret = rc == TU_OK ? strtoll(text, NULL, 10) : 0;
    return rc;
}

static tu_rc check_with(tu_store *s, const char *sql, tu_error **error) {
    char check[256];
    tu_rc rc = query(s, sql, check, sizeof check, error);
    if (rc == TU_OK && strcmp(check, "ok") != 0)
        rc = tu_error_set(
            error, TU_EINTEGRITY,
            "%s/trueup.db is damaged (%s): restore it from a backup, or move it away to begin anew",
            s->dir, check);
    return rc;
}

/* All pages of a file that is read in a moment. Of a larger one the tables that stay small; what is
 * open, pending or firing is read at every start anyway, and the rest may take no time. */
static tu_rc check_pages(tu_store *s, int64_t version, tu_error **error) {
    static const char *const small[] = {
        "PRAGMA quick_check('installation')", "PRAGMA quick_check('inventory')",
        "PRAGMA quick_check('tally')",        "PRAGMA quick_check('told')",
        "PRAGMA quick_check('silence')",      "PRAGMA quick_check('audit_mark')"};
    int64_t pages, page_bytes;
    tu_rc rc = query_integer(s, "PRAGMA page_count", &pages, error);
    if (rc == TU_OK)
        rc = query_integer(s, "PRAGMA page_size", &page_bytes, error);
    if (rc == TU_OK && pages * page_bytes <= CHECKED_BYTES)
        return check_with(s, "PRAGMA quick_check(1)", error);
    size_t n = version < 2 ? 2 : sizeof small / sizeof *small;
    for (size_t i = 0; i < n && rc == TU_OK; i++)
        rc = check_with(s, small[i], error);
    return rc;
}

/* Is it an empty file or one of ours, whole, and of a version that we know? Only reads. */
static tu_rc examine(tu_store *s, int64_t *ret_version, tu_error **error) {
    int64_t application, tables;
    tu_rc rc = query_integer(s, "PRAGMA application_id", &application, error);
    if (rc == TU_OK)
        rc = query_integer(s, "PRAGMA user_version", ret_version, error);
    if (rc == TU_OK)
        rc = query_integer(s, "SELECT count(*) FROM sqlite_schema", &tables, error);
    if (rc != TU_OK)
        return rc;
    if (application != TU_STORE_APPLICATION_ID &&
        (application != 0 || *ret_version != 0 || tables != 0))
        return tu_error_set(error, TU_EINTEGRITY,
                            "%s/trueup.db is not a trueup database: use another state directory",
                            s->dir);
    if (*ret_version < 0 || (size_t)*ret_version > tu_store_schema_version)
        return tu_error_set(error, TU_EUNSUPPORTED,
                            "the state in %s was written by a newer trueup (schema %lld, this one "
                            "knows %zu): upgrade trueup, or use "
                            "another state directory",
                            s->dir, (long long)*ret_version, tu_store_schema_version);
    return check_pages(s, *ret_version, error);
}

static tu_rc use_write_ahead_log(tu_store *s, tu_error **error) {
    char mode[16];
    tu_rc rc = query(s, "PRAGMA journal_mode = WAL", mode, sizeof mode, error);
    if (rc == TU_OK && strcmp(mode, "wal") != 0)
        rc = tu_error_set(error, TU_EUNAVAILABLE,
                          "the file system of %s can't hold a write-ahead log (a network file "
                          "system?): use a local disk",
                          s->dir);
    return rc;
}

static tu_rc prepare(tu_store *s, tu_sql first, tu_sql last, tu_error **error) {
    for (tu_sql i = first; i <= last; i++) {
        int code = sqlite3_prepare_v3(s->db, tu_store_statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &s->statements[i], NULL);
        if (code != SQLITE_OK)
            return tu_store_fail(s, code, "read the state", error);
    }
    return TU_OK;
}

/* Runs the scripts that the database has not seen, all or none. */
static tu_rc migrate(tu_store *s, int64_t version, tu_error **error) {
    if ((size_t)version == tu_store_schema_version)
        return TU_OK;
    char head[128];
    snprintf(head, sizeof head, "PRAGMA application_id = %d; PRAGMA user_version = %zu;",
             TU_STORE_APPLICATION_ID, tu_store_schema_version);
    tu_rc rc = tu_store_begin(s, error);
    if (rc != TU_OK)
        return rc;
    for (size_t i = (size_t)version; i < tu_store_schema_version; i++)
        for (int part = 0; part < TU_STORE_PARTS && rc == TU_OK; part++)
            if (tu_store_migrations[i][part])
                rc = execute(s, tu_store_migrations[i][part], "bring the state to this version",
                             error);
    if (rc == TU_OK)
        rc = execute(s, head, "bring the state to this version", error);
    return tu_store_finish(s, rc, error);
}

static tu_rc read_install_id(tu_store *s, tu_error **error) {
    bool row;
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_INSTALL_ID);
    tu_rc rc = tu_store_step(s, statement, "read the state", &row, error);
    if (rc != TU_OK)
        return rc;
    if (row)
        snprintf(s->install_id, sizeof s->install_id, "%.*s", TU_P(tu_column_text(statement, 0)));
    tu_store_end(statement);
    if (row)
        return TU_OK;
    uint8_t random[16];
    if (tu_random(random, sizeof random) != TU_OK)
        return tu_error_set(error, TU_EINTERNAL,
                            "the system gives no random bytes for the installation's id");
    tu_hex(random, sizeof random, s->install_id);
    statement = tu_store_use(s, TU_SQL_SET_INSTALL_ID);
    tu_bind_text(statement, 1, tu_str_c(s->install_id));
    return tu_store_run(s, statement, "name the installation", NULL, error);
}

static tu_rc open_database(tu_store *s, tu_error **error) {
    _cleanup_(tu_freep) char *path = tu_path_join(s->dir, "trueup.db");
    /* SQLite would make it readable for everybody; the log and its index take over the file's mode
     */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(path, &s->db, flags, NULL);
    if (code != SQLITE_OK)
        return tu_store_fail(s, code, "open trueup.db", error);
    sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    int64_t version;
    tu_rc rc = execute(s, tu_store_pragmas, "open trueup.db", error);
    if (rc == TU_OK)
        rc = examine(s, &version, error);
    if (rc == TU_OK)
        rc = use_write_ahead_log(s, error);
    if (rc == TU_OK)
        rc = prepare(s, TU_SQL_BEGIN, TU_SQL_ROLLBACK, error);
    if (rc == TU_OK)
        rc = migrate(s, version, error);
    if (rc == TU_OK)
        rc = prepare(s, TU_SQL_ROLLBACK + 1, TU_SQL_COUNT - 1, error);
    return rc == TU_OK ? read_install_id(s, error) : rc;
}

/* A lock that isn't one, and a shared memory that isn't shared, damage a database in silence. */
const char *tu_store_unfit_file_system(int64_t type) {
    switch (type) {
    case 0x6969:
        return "NFS";
    case 0x517b:
    case 0xff534d42:
    case 0xfe534d42:
        return "SMB";
    case 0x5346414f:
        return "AFS";
    default:
        return NULL;
    }
}

static tu_rc check_file_system(const tu_store *s, tu_error **error) {
    struct statfs fs;
    const char *unfit =
        statfs(s->dir, &fs) == 0 ? tu_store_unfit_file_system((uint32_t)fs.f_type) : NULL;
    if (!unfit)
        return TU_OK;
    return tu_error_set(
        error, TU_EUNSUPPORTED,
        "%s is on %s, where a database can't be kept safely: name a state directory "
        "on a local disk with --state",
        s->dir, unfit);
}

static tu_rc take_lock(tu_store *s, tu_error **error) {
    _cleanup_(tu_freep) char *path = tu_path_join(s->dir, "lock");
    tu_rc rc = tu_file_lock(path, &s->lock_fd, error);
    if (rc == TU_ECONFLICT)
        tu_error_context(error, "another trueup uses the state directory %s", s->dir);
    return rc;
}

tu_rc tu_store_open(const char *dir, tu_store **ret, tu_error **error) {
    tu_store *s = tu_xcalloc(1, sizeof *s);
    s->lock_fd = -1;
    s->dir = tu_xstrdup(dir);
    tu_rc rc = tu_mkdirs(dir, 0700, error);
    if (rc == TU_OK)
        rc = check_file_system(s, error);
    if (rc == TU_OK)
        rc = take_lock(s, error);
    if (rc == TU_OK)
        rc = open_database(s, error);
    if (rc != TU_OK) {
        tu_store_close(s);
        return rc;
    }
    *ret = s;
    return TU_OK;
}

void tu_store_close(tu_store *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < TU_SQL_COUNT; i++)
        sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->db);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    tu_note_key_free(s->key);
    free(s->dir);
    free(s);
}

const char *tu_store_install_id(const tu_store *s) {
    return s->install_id;
}
