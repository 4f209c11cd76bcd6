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

/* One message to one receiver. The bytes are frozen: a retry sends the same with the same key. */
typedef enum { TU_DELIVERY_PENDING, TU_DELIVERY_DELIVERED, TU_DELIVERY_DEAD } tu_delivery_state;
typedef struct tu_delivery {
    int64_t id, drift_id;
    tu_str receiver, kind; /* "firing", "update", "resolved" */
    tu_str key, message;
    tu_delivery_state state;
    int32_t attempts;
    int64_t next_ms, created_ms, expires_ms; /* wall */
    tu_str last_error;
} tu_delivery;

typedef struct tu_audit {
    tu_str actor, action, rule, target; /* actor "trueup"; action "drift.opened", "drift.resolved",
                                           "heal.applied", "heal.failed", "config.loaded" ... */
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
} tu_store_change;
/* All or nothing. Fills drift->id and the deliveries' ids, on success only. On TU_EUNAVAILABLE
 * (disk full, locked) nothing happened and the same call may be made again. TU_ENOTFOUND: there is
 * no drift of that id. A message over TU_LIMIT_MESSAGE_BYTES: TU_EINVALID. */
tu_rc tu_store_commit(tu_store *s, tu_store_change *change, tu_error **error);

/* Rows come to each() in order of id; it returns TU_OK to go on, and what else it returns is
 * returned. Strings live until it returns. each() may not call the function that it was called
 * from. */
tu_rc tu_store_open_drifts(tu_store *s, tu_rc (*each)(void *arg, const tu_drift *d), void *arg,
                           tu_error **error);
/* Pending deliveries whose time has come, at most one per drift and receiver (order is kept),
 * oldest first. */
tu_rc tu_store_due_deliveries(tu_store *s, int64_t wall_ms, size_t limit,
                              tu_rc (*each)(void *arg, const tu_delivery *d), void *arg,
                              tu_error **error);
/* When is the next pending one due? -1: none pending. */
tu_rc tu_store_next_due(tu_store *s, int64_t *ret_wall_ms, tu_error **error);
/* Writes the outcome of an attempt: the attempt's row, and the delivery's new state. text is cut at
 * 512 bytes. TU_ENOTFOUND when no pending delivery has that id. */
tu_rc tu_store_attempted(tu_store *s, int64_t delivery_id, int64_t wall_ms, tu_rc outcome,
                         tu_str text, tu_delivery_state state, int64_t next_ms, tu_error **error);
/* Counts for status: pending, delivered, dead. */
tu_rc tu_store_delivery_counts(tu_store *s, int64_t ret[3], tu_error **error);

/* The inventory. Putting what is there already writes nothing; removing what isn't there is no
 * error. */
tu_rc tu_store_inventory_put(tu_store *s, const tu_inventory_item *item, tu_error **error);
tu_rc tu_store_inventory_remove(tu_store *s, const tu_inventory_item *item, tu_error **error);
tu_rc tu_store_inventory_list(tu_store *s, tu_rc (*each)(void *arg, const tu_inventory_item *item),
                              void *arg, tu_error **error);

/* Follows the audit trail's hash chain from its beginning: how many records, and the last one's
 * hash (hex). TU_EINTEGRITY names the record behind which it is broken. */
tu_rc tu_store_audit_verify(tu_store *s, int64_t *ret_count, char ret_head[65], tu_error **error);

#endif
