/*
 * store/sql.c: the statements. The tables are in store/schema.c.
 *
 * What is pending, open or firing is little, what was delivered or has ended is much: no statement
 * that runs all the time may read what is much. Partial indexes see to that, and INDEXED BY makes a
 * statement fail to prepare when its index is gone, where it would be slow without a word.
 */
#include "store/sql.h"

const char tu_store_pragmas[] = "PRAGMA trusted_schema = OFF;"
                                "PRAGMA foreign_keys = ON;"
                                "PRAGMA cell_size_check = ON;"
                                "PRAGMA mmap_size = 0;" /* an I/O error is an error, not a SIGBUS */
                                "PRAGMA temp_store = MEMORY;" /* a full /tmp is not our trouble */
                                "PRAGMA synchronous = FULL;"  /* a commit survives a power cut */
                                "PRAGMA journal_size_limit = 16777216;";

/* The oldest pending one of its incident (or drift) and receiver: the others wait for it. */
#define FIRST_IN_QUEUE                                                                             \
    " d.state = 'pending' AND NOT EXISTS (SELECT 1 FROM delivery AS earlier"                       \
    " INDEXED BY delivery_queue WHERE earlier.state = 'pending'"                                   \
    " AND earlier.queue = d.queue AND earlier.receiver = d.receiver AND earlier.id < d.id)"

/* read.c knows them by number */
#define DELIVERY_COLUMNS                                                                           \
    " d.id, d.drift_id, d.incident, d.receiver, d.kind, d.idempotency_key, d.message, d.state,"    \
    " d.attempts, d.uncertain, d.brief, d.next_ms, d.created_ms, d.expires_ms, d.last_error,"      \
    " coalesce((SELECT reference FROM told WHERE told.incident = d.incident"                       \
    " AND told.receiver = d.receiver), '')"
#define ALERT_COLUMNS                                                                              \
    " a.fingerprint, a.firing, a.severity, a.started_ms, a.updated_ms, a.ended_ms, a.labels,"      \
    " a.body"
/* those that are over, the oldest first; the same rows until they are deleted */
#define OVER                                                                                       \
    "SELECT id FROM delivery INDEXED BY delivery_over WHERE state <> 'pending' AND state = ?3"     \
    " AND created_ms < ?1 ORDER BY created_ms, id LIMIT ?2"
#define INCIDENT_COLUMNS " id, route, labels, is_open, opened_ms, updated_ms, closed_ms, state"
#define MEMBER_COLUMNS " m.incident, m.fingerprint, m.state, m.told, m.joined_ms, m.left_ms"

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
    [TU_SQL_AUDIT_PAGE] = "SELECT n, prev_hash, hash, wall_ms, actor, action, rule, target, "
                          "api_group, version, kind, namespace, name, detail"
                          " FROM audit WHERE n > ?1 ORDER BY n LIMIT ?2",
    [TU_SQL_AUDIT_MARK] = "SELECT n, hash, wall_ms, note FROM audit_mark WHERE kind = ?1",
    [TU_SQL_AUDIT_MARK_PUT] =
        "INSERT INTO audit_mark (kind, n, hash, wall_ms, note) VALUES (?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT (kind) DO UPDATE SET n = excluded.n, hash = excluded.hash,"
        " wall_ms = excluded.wall_ms, note = excluded.note",
    [TU_SQL_AUDIT_DELETE] = "DELETE FROM audit WHERE n <= ?1",

    /* --- deliveries --- */
    [TU_SQL_DELIVERY_SERIAL] =
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'delivery'), 0)",
    [TU_SQL_DELIVERY_INSERT] =
        "INSERT INTO delivery (drift_id, incident, receiver, kind, idempotency_key, message, state,"
        " next_ms, created_ms, expires_ms, introduces)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', ?7, ?8, ?9, ?10)",
    /* those that ?3, a later one, says all of */
    [TU_SQL_DELIVERY_OLDER] =
        "SELECT id, kind FROM delivery INDEXED BY delivery_queue WHERE state = 'pending'"
        " AND queue = ?1 AND receiver = ?2 AND id < ?3 AND kind IN ('update', 'repeat')"
        " AND NOT introduces"
        " ORDER BY id LIMIT 1",
    [TU_SQL_DELIVERY_SUPERSEDE] =
        "UPDATE delivery SET state = 'superseded' WHERE id = ?1 AND state = 'pending'",
    /* in the order of their times, which is the index's: a long queue isn't read to its end */
    [TU_SQL_DELIVERY_DUE] =
        "SELECT" DELIVERY_COLUMNS
        " FROM delivery AS d INDEXED BY delivery_pending WHERE d.next_ms <= ?1 AND" FIRST_IN_QUEUE
        " ORDER BY d.next_ms, d.id LIMIT ?2",
    [TU_SQL_DELIVERY_NEXT] =
        "SELECT next_ms FROM delivery AS d INDEXED BY delivery_pending WHERE" FIRST_IN_QUEUE
        " ORDER BY next_ms LIMIT 1",

    /* --- the queue: what is under way isn't handed out again --- */
    [TU_SQL_QUEUE_DUE] =
        "SELECT" DELIVERY_COLUMNS " FROM delivery AS d INDEXED BY delivery_due"
        " WHERE d.receiver = ?1 AND d.next_ms <= ?2 AND d.expires_ms <= ?3 AND d.begun = 0 "
        "AND" FIRST_IN_QUEUE " ORDER BY d.next_ms, d.id LIMIT ?4",
    /* the severest of the oldest 256; a message that is no JSON is of none */
    [TU_SQL_QUEUE_PROBE] =
        "SELECT" DELIVERY_COLUMNS " FROM delivery AS d WHERE d.id = (SELECT id FROM (SELECT d.id,"
        " CAST(d.message AS TEXT) AS text FROM delivery AS d INDEXED BY delivery_due"
        " WHERE d.receiver = ?1 AND d.next_ms <= ?2 AND d.begun = 0 AND" FIRST_IN_QUEUE
        " ORDER BY d.next_ms, d.id LIMIT 256) ORDER BY"
        " CASE iif(json_valid(text), json_extract(text, '$.severity'), '') WHEN 'critical' THEN 0 "
        "WHEN 'warning' THEN 1 ELSE 2 END, id LIMIT 1)",
    [TU_SQL_QUEUE_NEXT] =
        "SELECT next_ms FROM delivery AS d INDEXED BY delivery_due"
        " WHERE d.receiver = ?1 AND d.begun = 0 AND" FIRST_IN_QUEUE " ORDER BY next_ms LIMIT 1",
    [TU_SQL_QUEUE_BEGIN] = "UPDATE delivery SET begun = 1 WHERE id = ?1",
    [TU_SQL_QUEUE_RELEASE] =
        "UPDATE delivery SET begun = 0, uncertain = max(uncertain, ?2) WHERE id = ?1",
    [TU_SQL_QUEUE_BACKLOG] =
        "SELECT receiver, count(*), min(created_ms), max(iif(attempts, next_ms, 0)) FROM delivery"
        " WHERE state = 'pending' GROUP BY receiver ORDER BY receiver",
    [TU_SQL_QUEUE_RECOVER] = "UPDATE delivery SET uncertain = max(uncertain, begun), begun = 0,"
                             " next_ms = iif(next_ms > ?1 + iif(attempts, ?2, 0), ?1, next_ms)"
                             " WHERE state = 'pending' AND (begun OR next_ms > ?1)",
    [TU_SQL_QUEUE_FORWARD] = "UPDATE delivery SET expires_ms = expires_ms + ?2"
                             " WHERE state = 'pending' AND created_ms <= ?1 - ?2",
    [TU_SQL_QUEUE_BACK] =
        "UPDATE delivery SET next_ms = ?1 WHERE state = 'pending' AND next_ms > ?1",

    [TU_SQL_DELIVERY_COUNTS] = "SELECT (SELECT n FROM tally WHERE state = 'pending'),"
                               " (SELECT n FROM tally WHERE state = 'delivered'),"
                               " (SELECT n FROM tally WHERE state = 'dead')",
    [TU_SQL_DELIVERY_OF_INCIDENT] =
        "SELECT" DELIVERY_COLUMNS " FROM delivery AS d WHERE d.incident = ?1 AND d.incident <> ''"
        " ORDER BY d.id DESC LIMIT ?2",
    [TU_SQL_DELIVERY_PENDING] =
        "SELECT" DELIVERY_COLUMNS " FROM delivery AS d INDEXED BY delivery_pending"
        " WHERE d.state = 'pending' ORDER BY d.id DESC LIMIT ?1",
    [TU_SQL_DELIVERY_DEAD] =
        "SELECT" DELIVERY_COLUMNS " FROM delivery AS d INDEXED BY delivery_dead"
        " WHERE d.state = 'dead' ORDER BY d.id DESC LIMIT ?1",
    [TU_SQL_DELIVERY_DONE] =
        "SELECT" DELIVERY_COLUMNS " FROM delivery AS d INDEXED BY delivery_over"
        " WHERE d.state <> 'pending' AND d.state = ?2"
        " ORDER BY d.created_ms DESC, d.id DESC LIMIT ?1",
    /* What was superseded while it was on its way may still have arrived, or be told as uncertain */
    [TU_SQL_DELIVERY_OUTCOME] =
        "UPDATE delivery SET state = CASE WHEN state = 'superseded' AND ?2 <> 'delivered' THEN"
        " state ELSE ?2 END, next_ms = ?3, last_error = ?4, attempts = attempts + 1,"
        " uncertain = max(uncertain, ?5), brief = max(brief, ?6), begun = 0"
        " WHERE id = ?1 AND state IN ('pending', 'superseded')"
        " RETURNING state, incident, receiver, kind, attempts",
    [TU_SQL_DELIVERY_RESEND] =
        "UPDATE delivery SET state = 'pending', next_ms = ?2, expires_ms = ?3"
        " WHERE id = ?1 AND state = 'dead' RETURNING state, incident, receiver, kind, attempts",
    [TU_SQL_ATTEMPT_INSERT] =
        "INSERT INTO attempt (delivery_id, n, wall_ms, took_ms, outcome, text, reference)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [TU_SQL_ATTEMPT_LIST] = "SELECT delivery_id, wall_ms, took_ms, outcome, text, reference"
                            " FROM attempt WHERE delivery_id = ?1 ORDER BY n",

    /* --- alerts and incidents --- */
    /* when it began stays; what isn't given stays */
    [TU_SQL_ALERT_PUT] =
        "INSERT INTO alert (fingerprint, firing, severity, started_ms, updated_ms, ended_ms,"
        " labels, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (fingerprint) DO UPDATE"
        " SET firing = excluded.firing, severity = excluded.severity,"
        " updated_ms = excluded.updated_ms, ended_ms = excluded.ended_ms,"
        " labels = iif(excluded.labels = '', labels, excluded.labels),"
        " body = iif(excluded.body = '', body, excluded.body)",
    [TU_SQL_ALERT_GET] = "SELECT" ALERT_COLUMNS " FROM alert AS a WHERE a.fingerprint = ?1",
    [TU_SQL_ALERT_RESTORE] =
        "SELECT a.fingerprint, a.firing, a.severity, a.started_ms, a.updated_ms, a.ended_ms,"
        " a.labels, '' FROM alert AS a WHERE a.id IN (SELECT id FROM alert WHERE firing"
        " UNION SELECT of.id FROM incident AS i CROSS JOIN member AS m ON m.incident = i.id"
        " CROSS JOIN alert AS of ON of.fingerprint = m.fingerprint WHERE i.is_open)"
        " ORDER BY a.id",
    [TU_SQL_INCIDENT_PUT] =
        "INSERT INTO incident (id, route, labels, is_open, opened_ms, updated_ms, closed_ms, state)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO UPDATE"
        " SET route = excluded.route, labels = excluded.labels, is_open = excluded.is_open,"
        " updated_ms = excluded.updated_ms, closed_ms = excluded.closed_ms, state = excluded.state",
    [TU_SQL_INCIDENT_OPEN] = "SELECT" INCIDENT_COLUMNS " FROM incident WHERE is_open ORDER BY n",
    [TU_SQL_INCIDENT_NEWEST_OPEN] =
        "SELECT" INCIDENT_COLUMNS " FROM incident WHERE is_open ORDER BY n DESC LIMIT ?1",
    [TU_SQL_INCIDENT_NEWEST] = "SELECT" INCIDENT_COLUMNS " FROM incident ORDER BY n DESC LIMIT ?1",
    [TU_SQL_MEMBER_PUT] =
        "INSERT INTO member (incident, fingerprint, state, told, joined_ms, left_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (incident, fingerprint) DO UPDATE"
        " SET state = excluded.state, told = excluded.told, joined_ms = excluded.joined_ms,"
        " left_ms = excluded.left_ms",
    [TU_SQL_MEMBER_RESTORE] =
        "SELECT" MEMBER_COLUMNS " FROM incident AS i CROSS JOIN member AS m ON m.incident = i.id"
        " WHERE i.is_open ORDER BY i.n, m.joined_ms, m.fingerprint",
    [TU_SQL_MEMBER_LIST] = "SELECT" MEMBER_COLUMNS "," ALERT_COLUMNS
                           " FROM member AS m LEFT JOIN alert AS a ON a.fingerprint = m.fingerprint"
                           " WHERE m.incident = ?1 ORDER BY m.joined_ms, m.fingerprint",
    [TU_SQL_TOLD_PUT] = "INSERT INTO told (incident, receiver, firing, reference, wall_ms)"
                        " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (incident, receiver) DO UPDATE"
                        " SET firing = excluded.firing, wall_ms = excluded.wall_ms,"
                        " reference = iif(excluded.reference = '', reference, excluded.reference)",
    /* what it calls the message is known when the message has arrived */
    [TU_SQL_TOLD_REFERENCE] =
        "UPDATE told SET reference = ?3 WHERE incident = ?1 AND receiver = ?2",
    [TU_SQL_TOLD_RESTORE] =
        "SELECT t.incident, t.receiver, t.firing, t.reference, t.wall_ms FROM incident AS i"
        " CROSS JOIN told AS t ON t.incident = i.id WHERE i.is_open"
        " UNION SELECT incident, receiver, firing, reference, wall_ms FROM told WHERE firing"
        " ORDER BY 1, 2",
    [TU_SQL_TOLD_LIST] = "SELECT incident, receiver, firing, reference, wall_ms FROM told"
                         " WHERE incident = ?1 ORDER BY receiver",
    [TU_SQL_SILENCE_PUT] =
        "INSERT INTO silence (id, matchers, starts_ms, ends_ms, created_ms, author, comment)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE"
        " SET matchers = excluded.matchers, starts_ms = excluded.starts_ms,"
        " ends_ms = excluded.ends_ms, comment = excluded.comment",
    [TU_SQL_SILENCE_LIST] = "SELECT id, matchers, starts_ms, ends_ms, created_ms, author, comment"
                            " FROM silence ORDER BY created_ms, id",

    /* --- forgetting, at most ?2 at a time --- */
    [TU_SQL_DELIVERY_BOUND] = "SELECT created_ms FROM delivery WHERE id <= (SELECT seq FROM"
                              " sqlite_sequence WHERE name = 'delivery') - ?1"
                              " ORDER BY id DESC LIMIT 1",
    [TU_SQL_ALERT_BOUND] = "SELECT updated_ms FROM alert WHERE id <= (SELECT seq FROM"
                           " sqlite_sequence WHERE name = 'alert') - ?1 ORDER BY id DESC LIMIT 1",
    [TU_SQL_DRIFT_BOUND] = "SELECT updated_ms FROM drift WHERE id <= (SELECT seq FROM"
                           " sqlite_sequence WHERE name = 'drift') - ?1 ORDER BY id DESC LIMIT 1",
    [TU_SQL_FORGET_ATTEMPTS] = "DELETE FROM attempt WHERE delivery_id IN (" OVER ")",
    [TU_SQL_FORGET_DELIVERIES] = "DELETE FROM delivery WHERE id IN (" OVER ")",
    [TU_SQL_FORGET_LEFT] =
        "DELETE FROM member WHERE (incident, fingerprint) IN (SELECT incident, fingerprint"
        " FROM member INDEXED BY member_left WHERE left_ms > 0 AND left_ms < ?1"
        " AND state <> 'firing' LIMIT ?2)",
    [TU_SQL_FORGET_MEMBERS] =
        "DELETE FROM member WHERE (incident, fingerprint) IN (SELECT m.incident, m.fingerprint"
        " FROM incident AS i CROSS JOIN member AS m ON m.incident = i.id"
        " WHERE NOT i.is_open AND i.closed_ms < ?1 LIMIT ?2)",
    [TU_SQL_FORGET_TOLD] =
        "DELETE FROM told WHERE (incident, receiver) IN (SELECT t.incident, t.receiver"
        " FROM incident AS i CROSS JOIN told AS t ON t.incident = i.id"
        " WHERE NOT i.is_open AND i.closed_ms < ?1 LIMIT ?2)",
    [TU_SQL_FORGET_INCIDENTS] =
        "DELETE FROM incident WHERE n IN (SELECT i.n FROM incident AS i WHERE NOT i.is_open"
        " AND i.closed_ms < ?1 AND NOT EXISTS (SELECT 1 FROM member WHERE incident = i.id)"
        " AND NOT EXISTS (SELECT 1 FROM told WHERE incident = i.id) LIMIT ?2)",
    [TU_SQL_FORGET_ALERTS] =
        "DELETE FROM alert WHERE id IN (SELECT a.id FROM alert AS a INDEXED BY alert_ended"
        " WHERE NOT a.firing AND a.ended_ms < ?1"
        " AND NOT EXISTS (SELECT 1 FROM member WHERE fingerprint = a.fingerprint) LIMIT ?2)",
    [TU_SQL_FORGET_SILENCES] =
        "DELETE FROM silence WHERE id IN (SELECT id FROM silence WHERE ends_ms < ?1 LIMIT ?2)",
    [TU_SQL_FORGET_DRIFTS] =
        "DELETE FROM drift WHERE id IN (SELECT d.id FROM drift AS d INDEXED BY drift_resolved"
        " WHERE d.state = 'resolved' AND d.resolved_ms < ?1"
        " AND NOT EXISTS (SELECT 1 FROM delivery WHERE drift_id = d.id) LIMIT ?2)",

    /* --- inventory --- */
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
