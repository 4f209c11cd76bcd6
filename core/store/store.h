/*
 * store/store.h: what must survive: drifts, the audit trail, alerts to deliver, what was applied.
 *
 * One SQLite file in the state directory, one connection, used by one thread at a time (the
 * engine's store thread). WAL, synchronous=FULL. The interface speaks in operations, never in SQL;
 * all statements stand in store/sql.c. What belongs together goes in one transaction:
 * tu_store_commit().
 *
 * No secret ever comes here: findings are redacted before (sealed values print as "<sealed>").
 */
#ifndef TU_STORE_STORE_H
#define TU_STORE_STORE_H

#include "model/model.h"

typedef struct tu_store tu_store;

/* Opens or creates DIR/trueup.db and takes DIR/lock: TU_ECONFLICT when another process has it (its
 * pid is named), TU_EUNSUPPORTED when a newer version wrote it, TU_EINTEGRITY when it is damaged,
 * TU_EUNAVAILABLE when the disk is full or read-only. */
tu_rc tu_store_open(const char *dir, tu_store **ret, tu_error **error);
void tu_store_close(tu_store *s);                   /* takes NULL */
const char *tu_store_install_id(const tu_store *s); /* random, made once, 32 hex digits */

/* An open record of a non-clean verdict. */
typedef enum { TU_DRIFT_OPEN, TU_DRIFT_HEALING, TU_DRIFT_RESOLVED } tu_drift_state;
typedef struct tu_drift {
    int64_t id;
    tu_str rule, target, source_revision;
    tu_object_id object;
    tu_drift_state state;
    tu_verdict verdict;
    tu_severity severity;
    tu_action action;
    tu_str finding; /* the object's entry in a report, as JSON */
    uint64_t finding_hash;
    int64_t opened_ms, updated_ms, resolved_ms; /* wall; resolved 0: open */
    tu_str resolved_by;                         /* "trueup", "other", "git" */
} tu_drift;

/* One message to one receiver. The bytes are frozen: a retry sends the same with the same key.
 * SUPERSEDED: a later one of the same incident and receiver says all that it would have said. */
typedef enum {
    TU_DELIVERY_PENDING,
    TU_DELIVERY_DELIVERED,
    TU_DELIVERY_DEAD,
    TU_DELIVERY_SUPERSEDED,
    TU_DELIVERY_STATES
} tu_delivery_state;
typedef struct tu_delivery {
    int64_t id, drift_id; /* drift_id: of version 1; 0 where incident is given */
    tu_str incident;      /* tu_incident_row.id; empty: of no incident (a heartbeat, a test) */
    tu_str receiver;
    tu_str
        kind; /* "firing", "update", "resolved", "repeat", "escalation", "acknowledged", "heartbeat", "test" */
    tu_str key, message;
    tu_delivery_state state;
    int32_t attempts;
    bool uncertain;   /* an attempt's outcome isn't known: it may have arrived */
    bool brief;       /* the receiver found it too large once */
    bool introduces;  /* names an alert for the first time: no later message takes its place */
    tu_str reference; /* of the incident at this receiver (tu_told_row), as of now; read only */
    int64_t next_ms, created_ms, expires_ms; /* wall */
    tu_str last_error;
    const void *snapshot; /* for tu_store_change.compose; the store doesn't look at it */
} tu_delivery;

/* One life of something that can be told: of a drift, or of a trouble of trueup's own. fingerprint:
 * 32 hex digits, made of what it is about and when it began. body: its members in a message, JSON
 * (alert/alert.h), which is read again when a message is composed. */
typedef struct tu_alert_row {
    tu_str fingerprint;
    bool firing;
    tu_severity severity;
    int64_t started_ms, updated_ms, ended_ms; /* wall; ended 0: firing */
    tu_str labels; /* JSON object of strings; empty: leave what is there */
    tu_str body;   /* empty: leave what is there */
} tu_alert_row;

/* A group of alerts that is told as one, from its first alert to the end of its last. state: what
 * alert/dispatch keeps of it (timers, acknowledgement, escalation), JSON. */
typedef struct tu_incident_row {
    tu_str id;     /* 32 hex digits */
    tu_str route;  /* name */
    tu_str labels; /* those that it is grouped by, JSON object of strings */
    bool open;
    int64_t opened_ms, updated_ms, closed_ms; /* wall */
    tu_str state;
} tu_incident_row;
typedef struct tu_member_row {
    tu_str incident, fingerprint;
    tu_str state; /* "firing", "resolved", "moved" */
    bool told;    /* a message has named it */
    int64_t joined_ms, left_ms;
} tu_member_row;
/* What a receiver was told last of an incident, and what it calls the message. */
typedef struct tu_told_row {
    tu_str incident, receiver;
    bool firing;
    tu_str reference; /* empty: leave what is there */
    int64_t wall_ms;
} tu_told_row;
typedef struct tu_silence_row {
    tu_str id;                              /* 8 hex digits */
    tu_str matchers;                        /* JSON array of strings, as in a Routing */
    int64_t starts_ms, ends_ms, created_ms; /* wall; ended early: ends_ms is moved */
    tu_str author, comment;
} tu_silence_row;

typedef struct tu_audit {
    tu_str actor, action, rule,
        target; /* actor "trueup", or "user:NAME (uid N)" who asked over the socket; action
                                           "drift.opened", "drift.resolved", "heal.applied", "heal.failed",
                                           "config.loaded", "incident.opened", "incident.closed",
                                           "delivery.made", "delivery.delivered", "delivery.dead",
                                           "delivery.superseded", "delivery.resent", "alert.acknowledged",
                                           "alert.escalated", "silence.made", "silence.ended", "clock.jumped" ...
                                           The store itself writes those that begin with "delivery.",
                                           with what they tell of */
    tu_object_id object;
    tu_str detail; /* JSON */
} tu_audit;

/* What was applied for a rule, so that an object that leaves Git is known as ours (inventory). */
typedef struct tu_inventory_item {
    tu_str rule, target, uid;
    tu_object_id object;
} tu_inventory_item;

/* One transaction. Any part may be empty. drift.id 0 opens a new one; otherwise that row is
 * updated. */
typedef struct tu_store_change {
    int64_t wall_ms;
    tu_drift *drift;
    const tu_audit *audits;
    size_t audit_count;
    tu_delivery *deliveries; /* new ones; drift_id and id are filled in, key is made here when empty
                                (and stands in the store only) */
    size_t delivery_count;
    const tu_inventory_item *applied; /* for the inventory */
    size_t applied_count;
    /* Written in this order, each insert-or-update by its key, before the deliveries: */
    const tu_alert_row *alerts;
    size_t alert_count;
    const tu_incident_row *incidents;
    size_t incident_count;
    const tu_member_row *members;
    size_t member_count;
    const tu_told_row *told;
    size_t told_count;
    const tu_silence_row *silences;
    size_t silence_count;
    /* Called inside the transaction, after the rows above are written, for each delivery without a
     * message: writes it to out; d has its key by then. It may read with tu_store_alert(). Not TU_OK:
     * nothing is written. */
    tu_rc (*compose)(void *arg, tu_store *s, const tu_delivery *d, tu_buf *out, tu_error **error);
    void *compose_arg;
} tu_store_change;
/* All or nothing. Fills drift->id and the deliveries' ids, on success only. On TU_EUNAVAILABLE
 * (disk full, locked) nothing happened and the same call may be made again. TU_ENOTFOUND: there is
 * no drift of that id. A message over TU_LIMIT_MESSAGE_BYTES: TU_EINVALID. */
tu_rc tu_store_commit(tu_store *s, tu_store_change *change, tu_error **error);

/* Several changes in one transaction and with one sync: all or nothing; ret_bad (may be NULL) is the index of the
 * one that failed. */
tu_rc tu_store_commit_many(tu_store *s, tu_store_change *const *changes, size_t n, size_t *ret_bad,
                           tu_error **error);

/* One alert by its fingerprint; TU_ENOTFOUND. Strings live until each() returns. */
tu_rc tu_store_alert(tu_store *s, tu_str fingerprint,
                     tu_rc (*each)(void *arg, const tu_alert_row *row), void *arg,
                     tu_error **error);
/* All that alert/dispatch needs to go on after a restart: alerts that fire or are members of open
 * incidents (without body), open incidents, their members, what receivers were told of them, and of
 * closed ones where the last word was "firing"; silences, ended ones too as long as they are kept (what
 * has ended is for the reader's clock to say). each() of a kind may be NULL. */
typedef struct tu_store_alerting {
    tu_rc (*alert)(void *arg, const tu_alert_row *row);
    tu_rc (*incident)(void *arg, const tu_incident_row *row);
    tu_rc (*member)(void *arg, const tu_member_row *row);
    tu_rc (*told)(void *arg, const tu_told_row *row);
    tu_rc (*silence)(void *arg, const tu_silence_row *row);
    void *arg;
} tu_store_alerting;
tu_rc tu_store_restore_alerting(tu_store *s, const tu_store_alerting *each, tu_error **error);

/* Rows come to each() in order of id; it returns TU_OK to go on, and what else it returns is
 * returned. Strings live until it returns. each() may not call the function that it was called
 * from. */
tu_rc tu_store_open_drifts(tu_store *s, tu_rc (*each)(void *arg, const tu_drift *d), void *arg,
                           tu_error **error);
/* Pending deliveries whose time has come, at most one per incident (of version 1: drift) and receiver
 * (order is kept), the one that has waited longest first. */
tu_rc tu_store_due_deliveries(tu_store *s, int64_t wall_ms, size_t limit,
                              tu_rc (*each)(void *arg, const tu_delivery *d), void *arg,
                              tu_error **error);
/* When is the next pending one due? -1: none pending. */
tu_rc tu_store_next_due(tu_store *s, int64_t *ret_wall_ms, tu_error **error);
/* Writes the outcome of an attempt: the attempt's row, and the delivery's new state. text is cut at
 * 512 bytes. TU_ENOTFOUND when no pending delivery has that id. */
tu_rc tu_store_attempted(tu_store *s, int64_t delivery_id, int64_t wall_ms, tu_rc outcome,
                         tu_str text, tu_delivery_state state, int64_t next_ms, tu_error **error);
/* The same for many attempts in one transaction; a delivery that isn't pending any more is skipped.
 * One that was superseded while it was on its way stays so, unless it has arrived. */
typedef struct tu_attempt {
    int64_t delivery_id, wall_ms, took_ms;
    tu_rc outcome;
    tu_str text;      /* what went wrong; "" */
    tu_str reference; /* what the receiver calls it; "" */
    tu_delivery_state state;
    int64_t next_ms;
    bool uncertain, brief; /* from now on; once true they stay */
} tu_attempt;
tu_rc tu_store_attempted_many(tu_store *s, const tu_attempt *attempts, size_t n, tu_error **error);
/* --- the queue: what is to be sent now (engine/deliver.c) ------------------------------------- */

/* What is wanted for one receiver: at most one delivery per incident (the first of it, for the order is
 * kept), none that is under way, those that have waited longest first. */
typedef struct tu_due {
    tu_str receiver;
    size_t limit;
    bool probe;          /* one: the severest that is due, the oldest of these */
    int64_t expired_ms;  /* not 0: only those whose deadline is over by then, due or not */
    int64_t ret_next_ms; /* wall: when the first that isn't handed out is due; -1: there is none */
} tu_due;
/* Records attempts, then hands out what is due and marks it as under way: one transaction, one sync. All
 * or nothing: when it fails, what each() was given must not be sent. What is under way is handed out
 * again when its attempt was recorded. An attempt with the outcome TU_ECANCELLED is none: the delivery
 * just is no longer under way (and uncertain, if the attempt says so). */
tu_rc tu_store_take_turn(tu_store *s, int64_t wall_ms, const tu_attempt *attempts, size_t n,
                         tu_due *due, size_t due_count,
                         tu_rc (*each)(void *arg, const tu_delivery *d), void *arg,
                         tu_error **error);
/* Once, before the first turn: what was under way when the process died may have arrived (uncertain), and
 * nothing waits longer than longest_ms from now, in case the clock was put back meanwhile. */
tu_rc tu_store_recover_queue(tu_store *s, int64_t wall_ms, int64_t longest_ms, tu_error **error);
/* The wall clock was put forward (back: by_ms < 0) to wall_ms: deadlines come no earlier for that, and
 * nothing waits longer. */
tu_rc tu_store_clock_jumped(tu_store *s, int64_t wall_ms, int64_t by_ms, tu_error **error);
/* What is pending, by receiver. retry_ms: when the last of those that were tried is tried again. */
typedef struct tu_backlog {
    tu_str receiver;
    int64_t pending, oldest_ms, retry_ms; /* wall */
} tu_backlog;
tu_rc tu_store_backlog(tu_store *s, tu_rc (*each)(void *arg, const tu_backlog *b), void *arg,
                       tu_error **error);

/* Counts for status: pending, delivered (ever), dead. Takes no time, however many there are. */
tu_rc tu_store_delivery_counts(tu_store *s, int64_t ret[3], tu_error **error);
/* Deliveries, newest first, at most limit: those of an incident, or (incident empty) those in `state`.
 * With their attempts (state, next_ms, uncertain and brief aren't kept of one), oldest first, through
 * attempt() (may be NULL) behind each. */
tu_rc tu_store_deliveries(tu_store *s, tu_str incident, tu_delivery_state state, size_t limit,
                          tu_rc (*each)(void *arg, const tu_delivery *d),
                          tu_rc (*attempt)(void *arg, const tu_attempt *a), void *arg,
                          tu_error **error);
/* Makes a dead delivery pending again, with the same bytes and key. actor: who asked, for the audit
 * trail. TU_ENOTFOUND: none is dead under that id. */
tu_rc tu_store_resend(tu_store *s, int64_t delivery_id, tu_str actor, int64_t wall_ms,
                      int64_t expires_ms, tu_error **error);
/* Incidents, newest first: open ones, or all (at most limit). And the members of one; alert is NULL
 * when it was forgotten. */
tu_rc tu_store_incidents(tu_store *s, bool open_only, size_t limit,
                         tu_rc (*each)(void *arg, const tu_incident_row *row), void *arg,
                         tu_error **error);
tu_rc tu_store_members(tu_store *s, tu_str incident,
                       tu_rc (*each)(void *arg, const tu_member_row *row,
                                     const tu_alert_row *alert),
                       void *arg, tu_error **error);
/* What its receivers were told last of an incident, also of one that is over. */
tu_rc tu_store_told(tu_store *s, tu_str incident, tu_rc (*each)(void *arg, const tu_told_row *row),
                    void *arg, tu_error **error);

/* The inventory. Putting what is there already writes nothing; removing what isn't there is no
 * error. */
tu_rc tu_store_inventory_put(tu_store *s, const tu_inventory_item *item, tu_error **error);
tu_rc tu_store_inventory_remove(tu_store *s, const tu_inventory_item *item, tu_error **error);
tu_rc tu_store_inventory_list(tu_store *s, tu_rc (*each)(void *arg, const tu_inventory_item *item),
                              void *arg, tu_error **error);

/* What is forgotten, by age and (of what happened, not of what is) by number. */
typedef struct tu_retention {
    int64_t done_ms; /* deliveries that were made, closed incidents, ended alerts and silences */
    int64_t evidence_ms; /* resolved drifts, the audit trail, what could not be delivered */
    int64_t rows, audit_rows;
} tu_retention;
/* One small step; *ret_more: there is more to forget. */
tu_rc tu_store_forget(tu_store *s, const tu_retention *r, int64_t wall_ms, bool *ret_more,
                      tu_error **error);

/* Follows the audit trail's hash chain from its beginning (store/audit.h has more): the number of the
 * last record, and its hash (hex). TU_EINTEGRITY names the record behind which it is broken. */
tu_rc tu_store_audit_verify(tu_store *s, int64_t *ret_count, char ret_head[65], tu_error **error);

#endif
