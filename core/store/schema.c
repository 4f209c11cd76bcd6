/*
 * store/schema.c: the tables, one script for each version of the schema.
 *
 *   installation   one row: the random name of this state directory
 *   drift          an open or resolved record of a non-clean verdict
 *   audit          the trail, a hash chain (store/audit.c); triggers keep SQL from changing it by
 *                  accident. audit_mark: what was signed of it
 *   alert          one life of something that can be told
 *   incident       a group of alerts that is told as one; member: its alerts; told: what each
 *                  receiver was told of it
 *   delivery       one message to one receiver; attempt has a row for each try; tally counts them
 *   silence        what is not told for a while
 *   inventory      what was applied for a rule
 *
 * Enums are stored as their words, so that the file can be read without this program. A script that
 * was released never changes: append another.
 */
#include "store/sql.h"

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

/* Alerts. A delivery is an incident's now; those of version 1 are a drift's and keep their order.
 * Tables are written anew under another name, because the check on state can't be changed. */
static const char version_2_deliveries[] =
    "CREATE TABLE delivery_2 ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " drift_id INTEGER REFERENCES drift (id), incident TEXT NOT NULL DEFAULT '',"
    " receiver TEXT NOT NULL, kind TEXT NOT NULL, idempotency_key TEXT NOT NULL UNIQUE,"
    " message BLOB NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead', 'superseded')),"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " uncertain INTEGER NOT NULL DEFAULT 0, brief INTEGER NOT NULL DEFAULT 0,"
    " introduces INTEGER NOT NULL DEFAULT 0," /* of an update: never superseded */
    " begun INTEGER NOT NULL DEFAULT 0," /* an attempt is under way, or was when the process died */
    " next_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
    " last_error TEXT NOT NULL DEFAULT '',"
    /* what has the same queue and receiver is delivered in order; NULL: in no order */
    " queue TEXT AS (CASE WHEN incident <> '' THEN incident"
    " WHEN drift_id IS NOT NULL THEN 'drift ' || drift_id END)) STRICT;"
    "CREATE TABLE attempt_2 ("
    " delivery_id INTEGER NOT NULL REFERENCES delivery_2 (id), n INTEGER NOT NULL,"
    " wall_ms INTEGER NOT NULL, took_ms INTEGER NOT NULL DEFAULT 0, outcome TEXT NOT NULL,"
    " text TEXT NOT NULL, reference TEXT NOT NULL DEFAULT '',"
    " PRIMARY KEY (delivery_id, n)) STRICT, WITHOUT ROWID;"
    "INSERT INTO delivery_2 (id, drift_id, receiver, kind, idempotency_key, message, state,"
    " attempts, next_ms, created_ms, expires_ms, last_error)"
    " SELECT id, drift_id, receiver, kind, idempotency_key, message, state, attempts, next_ms,"
    " created_ms, expires_ms, last_error FROM delivery;"
    "INSERT INTO attempt_2 (delivery_id, n, wall_ms, outcome, text)"
    " SELECT delivery_id, n, wall_ms, outcome, text FROM attempt;"
    "DROP TABLE attempt; DROP TABLE delivery;" /* in this order: rows refer to rows */
    "ALTER TABLE delivery_2 RENAME TO delivery; ALTER TABLE attempt_2 RENAME TO attempt;"
    "CREATE INDEX delivery_pending ON delivery (next_ms) WHERE state = 'pending';"
    "CREATE INDEX delivery_due ON delivery (receiver, next_ms) WHERE state = 'pending';"
    "CREATE INDEX delivery_queue ON delivery (queue, receiver, id) WHERE state = 'pending';"
    "CREATE INDEX delivery_dead ON delivery (id) WHERE state = 'dead';"
    "CREATE INDEX delivery_over ON delivery (state, created_ms) WHERE state <> 'pending';"
    "CREATE INDEX delivery_incident ON delivery (incident, id) WHERE incident <> '';"
    "CREATE INDEX delivery_drift ON delivery (drift_id) WHERE drift_id IS NOT NULL;"

    /* how many there are of each state, and how many ever were delivered: counting a million rows
     * takes too long */
    "CREATE TABLE tally (state TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO tally VALUES ('pending', 0), ('delivered', 0), ('dead', 0), ('superseded', 0);"
    "UPDATE tally SET n = (SELECT count(*) FROM delivery AS d WHERE d.state = tally.state);"
    "CREATE TRIGGER delivery_made AFTER INSERT ON delivery BEGIN"
    " UPDATE tally SET n = n + 1 WHERE state = new.state; END;"
    "CREATE TRIGGER delivery_moved AFTER UPDATE OF state ON delivery WHEN old.state <> new.state"
    " BEGIN UPDATE tally SET n = n - 1 WHERE state = old.state;"
    " UPDATE tally SET n = n + 1 WHERE state = new.state; END;"
    "CREATE TRIGGER delivery_forgotten AFTER DELETE ON delivery WHEN old.state <> 'delivered'"
    " BEGIN UPDATE tally SET n = n - 1 WHERE state = old.state; END;";

static const char version_2_alerts[] =
    "CREATE TABLE alert ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint TEXT NOT NULL UNIQUE,"
    " firing INTEGER NOT NULL, severity TEXT NOT NULL,"
    " started_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"
    " labels TEXT NOT NULL, body TEXT NOT NULL) STRICT;"
    "CREATE INDEX alert_firing ON alert (id) WHERE firing;"
    "CREATE INDEX alert_ended ON alert (ended_ms) WHERE NOT firing;"

    "CREATE TABLE incident ("
    " n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, route TEXT NOT NULL,"
    " labels TEXT NOT NULL, is_open INTEGER NOT NULL,"
    " opened_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, closed_ms INTEGER NOT NULL,"
    " state TEXT NOT NULL) STRICT;"
    "CREATE INDEX incident_open ON incident (n) WHERE is_open;"
    "CREATE INDEX incident_closed ON incident (closed_ms) WHERE NOT is_open;"
    "CREATE TABLE member ("
    " incident TEXT NOT NULL, fingerprint TEXT NOT NULL, state TEXT NOT NULL,"
    " told INTEGER NOT NULL, joined_ms INTEGER NOT NULL, left_ms INTEGER NOT NULL,"
    " PRIMARY KEY (incident, fingerprint)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX member_alert ON member (fingerprint);"
    "CREATE INDEX member_left ON member (left_ms) WHERE left_ms > 0;"
    "CREATE TABLE told ("
    " incident TEXT NOT NULL, receiver TEXT NOT NULL, firing INTEGER NOT NULL,"
    " reference TEXT NOT NULL, wall_ms INTEGER NOT NULL,"
    " PRIMARY KEY (incident, receiver)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX told_firing ON told (incident) WHERE firing;"
    "CREATE TABLE silence ("
    " id TEXT PRIMARY KEY, matchers TEXT NOT NULL, starts_ms INTEGER NOT NULL,"
    " ends_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL, author TEXT NOT NULL,"
    " comment TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX silence_ends ON silence (ends_ms);"

    "CREATE INDEX drift_resolved ON drift (resolved_ms) WHERE state = 'resolved';"

    /* What was signed last of the trail: 'checkpoint' its head, 'start' the record behind which it
     * begins since older ones were forgotten, which is what allows them to be deleted. */
    "CREATE TABLE audit_mark ("
    " kind TEXT PRIMARY KEY CHECK (kind IN ('start', 'checkpoint')),"
    " n INTEGER NOT NULL, hash BLOB NOT NULL, wall_ms INTEGER NOT NULL, note TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "DROP TRIGGER audit_no_delete;"
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit"
    " WHEN old.n > coalesce((SELECT n FROM audit_mark WHERE kind = 'start'), 0)"
    " BEGIN SELECT RAISE(ABORT, 'audit records are not deleted'); END;";

const char *const tu_store_migrations[][TU_STORE_PARTS] = {
    {version_1},
    {version_2_deliveries, version_2_alerts},
};
const size_t tu_store_schema_version = sizeof tu_store_migrations / sizeof *tu_store_migrations;
