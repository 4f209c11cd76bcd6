/*
 * store/sql.c: the schema and the statements.
 *
 *   installation   one row: the random name of this state directory
 *   drift          an open or resolved record of a non-clean verdict
 *   audit          the trail, a hash chain (store/audit.c); triggers keep SQL from changing it by
 * accident delivery       one message to one receiver; `attempt` has a row for each try inventory
 * what was applied for a rule
 *
 * Enums are stored as the words of model/model.h, so that the file can be read without this
 * program.
 */
#include "store/sql.h"

const char tu_store_pragmas[] = "PRAGMA trusted_schema = OFF;"
                                "PRAGMA foreign_keys = ON;"
                                "PRAGMA cell_size_check = ON;"
                                "PRAGMA mmap_size = 0;" /* an I/O error is an error, not a SIGBUS */
                                "PRAGMA temp_store = MEMORY;" /* a full /tmp is not our trouble */
                                "PRAGMA synchronous = FULL;"  /* a commit survives a power cut */
                                "PRAGMA journal_size_limit = 16777216;";

static const char version_1[] =
    "CREATE TABLE installation (id TEXT NOT NULL) STRICT;"

    "CREATE TABLE drift ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " rule TEXT NOT NULL, target TEXT NOT NULL, revision TEXT NOT NULL,"
    " api_group TEXT NOT NULL, version TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, "
    "name TEXT NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('open', 'healing', 'resolved')),"
    " verdict TEXT NOT NULL, severity TEXT NOT NULL, action TEXT NOT NULL,"
    " finding TEXT NOT NULL, finding_hash INTEGER NOT NULL,"
    " opened_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, resolved_ms INTEGER NOT NULL,"
    " resolved_by TEXT NOT NULL) STRICT;"
    "CREATE INDEX drift_open ON drift (id) WHERE state <> 'resolved';"

    "CREATE TABLE audit ("
    " n INTEGER PRIMARY KEY,"
    " wall_ms INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, rule TEXT NOT NULL, "
    "target TEXT NOT NULL,"
    " api_group TEXT NOT NULL, version TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, "
    "name TEXT NOT NULL,"
    " detail TEXT NOT NULL, prev_hash BLOB NOT NULL, hash BLOB NOT NULL) STRICT;"
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit "
    "records are not changed'); END;"
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit "
    "records are not deleted'); END;"

    "CREATE TABLE delivery ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " drift_id INTEGER REFERENCES drift (id),"
    " receiver TEXT NOT NULL, kind TEXT NOT NULL, idempotency_key TEXT NOT NULL UNIQUE, message "
    "BLOB NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " next_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
    " last_error TEXT NOT NULL DEFAULT '') STRICT;"
    "CREATE INDEX delivery_queue ON delivery (drift_id, receiver, id);"
    "CREATE INDEX delivery_pending ON delivery (next_ms) WHERE state = 'pending';"
    "CREATE INDEX delivery_dead ON delivery (id) WHERE state = 'dead';"

    "CREATE TABLE attempt ("
    " delivery_id INTEGER NOT NULL REFERENCES delivery (id), n INTEGER NOT NULL,"
    " wall_ms INTEGER NOT NULL, outcome TEXT NOT NULL, text TEXT NOT NULL,"
    " PRIMARY KEY (delivery_id, n)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE inventory ("
    " rule TEXT NOT NULL, target TEXT NOT NULL,"
    " api_group TEXT NOT NULL, version TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, "
    "name TEXT NOT NULL,"
    " uid TEXT NOT NULL,"
    " PRIMARY KEY (rule, target, api_group, kind, namespace, name)) STRICT, WITHOUT ROWID;";

const char *const tu_store_migrations[] = {version_1};
const size_t tu_store_schema_version = sizeof tu_store_migrations / sizeof *tu_store_migrations;

/* The oldest pending one of its drift and receiver: the others wait for it. */
#define FIRST_IN_QUEUE                                                                             \
    " d.state = 'pending' AND NOT EXISTS (SELECT 1 FROM delivery AS earlier"                       \
    " WHERE earlier.drift_id = d.drift_id AND earlier.receiver = d.receiver"                       \
    " AND earlier.id < d.id AND earlier.state = 'pending')"

const char *const tu_store_statements[TU_SQL_COUNT] = {
    [TU_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [TU_SQL_COMMIT] = "COMMIT",
    [TU_SQL_ROLLBACK] = "ROLLBACK",
    [TU_SQL_INSTALL_ID] = "SELECT id FROM installation",
    [TU_SQL_SET_INSTALL_ID] = "INSERT INTO installation (id) VALUES (?1)",
    [TU_SQL_DRIFT_INSERT] =
        "INSERT INTO drift (rule, target, api_group, kind, namespace, name, opened_ms, revision, "
        "version, state, verdict,"
        " severity, action, finding, finding_hash, updated_ms, resolved_ms, resolved_by)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    /* what a drift is about and when it was opened stays; the numbers are those of the insert */
    [TU_SQL_DRIFT_UPDATE] = "UPDATE drift SET revision = ?8, version = ?9, state = ?10, verdict = "
                            "?11, severity = ?12, action = ?13,"
                            " finding = ?14, finding_hash = ?15, updated_ms = ?16, resolved_ms = "
                            "?17, resolved_by = ?18 WHERE id = ?19",
    [TU_SQL_DRIFT_OPEN] = "SELECT id, rule, target, api_group, kind, namespace, name, opened_ms, "
                          "revision, version, state, verdict, severity,"
                          " action, finding, finding_hash, updated_ms, resolved_ms, resolved_by"
                          " FROM drift WHERE state <> 'resolved' ORDER BY id",
    [TU_SQL_AUDIT_HEAD] = "SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1",
    [TU_SQL_AUDIT_INSERT] =
        "INSERT INTO audit (n, prev_hash, hash, wall_ms, actor, action, rule, target, api_group, "
        "version, kind, namespace,"
        " name, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    [TU_SQL_AUDIT_ALL] = "SELECT n, prev_hash, hash, wall_ms, actor, action, rule, target, "
                         "api_group, version, kind, namespace, name, detail"
                         " FROM audit ORDER BY n",
    [TU_SQL_DELIVERY_SERIAL] =
        "SELECT count(*) FROM delivery WHERE drift_id IS ?1 AND receiver = ?2",
    [TU_SQL_DELIVERY_INSERT] = "INSERT INTO delivery (drift_id, receiver, kind, idempotency_key, "
                               "message, state, next_ms, created_ms, expires_ms)"
                               " VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6, ?7, ?8)",
    /* what is pending is little, what was delivered is much: never a scan of the table */
    [TU_SQL_DELIVERY_DUE] =
        "SELECT id, drift_id, receiver, kind, idempotency_key, message, attempts, next_ms, "
        "created_ms, expires_ms, last_error"
        " FROM delivery AS d INDEXED BY delivery_pending WHERE d.next_ms <= ?1 AND" FIRST_IN_QUEUE
        " ORDER BY id LIMIT ?2",
    [TU_SQL_DELIVERY_NEXT] =
        "SELECT min(next_ms) FROM delivery AS d INDEXED BY delivery_pending WHERE" FIRST_IN_QUEUE,
    /* rows are never deleted and ids have no gaps, so the rest is what was delivered */
    [TU_SQL_DELIVERY_COUNTS] =
        "SELECT pending, max_id - pending - dead, dead FROM (SELECT"
        " (SELECT count(*) FROM delivery WHERE state = 'pending') AS pending,"
        " (SELECT count(*) FROM delivery WHERE state = 'dead') AS dead,"
        " (SELECT coalesce(max(id), 0) FROM delivery) AS max_id)",
    [TU_SQL_DELIVERY_OUTCOME] =
        "UPDATE delivery SET state = ?2, next_ms = ?3, last_error = ?4, attempts = attempts + 1"
        " WHERE id = ?1 AND state = 'pending'",
    [TU_SQL_ATTEMPT_INSERT] = "INSERT INTO attempt (delivery_id, n, wall_ms, outcome, text)"
                              " SELECT id, attempts, ?2, ?3, ?4 FROM delivery WHERE id = ?1",
    /* an unchanged row isn't written again: no page, no sync */
    [TU_SQL_INVENTORY_PUT] =
        "INSERT INTO inventory (rule, target, api_group, kind, namespace, name, version, uid)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
        " ON CONFLICT DO UPDATE SET version = excluded.version, uid = excluded.uid"
        " WHERE version <> excluded.version OR uid <> excluded.uid",
    [TU_SQL_INVENTORY_REMOVE] =
        "DELETE FROM inventory WHERE rule = ?1 AND target = ?2 AND api_group = ?3 AND kind = ?4"
        " AND namespace = ?5 AND name = ?6",
    [TU_SQL_INVENTORY_LIST] =
        "SELECT rule, target, api_group, kind, namespace, name, version, uid FROM inventory"
        " ORDER BY rule, target, api_group, kind, namespace, name",
};
