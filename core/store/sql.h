/*
 * store/sql.h: every SQL text of the store, and nothing else.
 *
 * To add a statement: a name here, its text in sql.c at the same place. To change the schema:
 * append a script to tu_store_migrations in schema.c; scripts that were released never change. A
 * database carries the number of scripts that it has seen in user_version.
 */
#ifndef TU_STORE_SQL_H
#define TU_STORE_SQL_H

#include <stddef.h>

#define TU_STORE_APPLICATION_ID 0x74727570 /* "trup" */

typedef enum {
    TU_SQL_BEGIN,
    TU_SQL_COMMIT,
    TU_SQL_ROLLBACK,
    TU_SQL_INSTALL_ID,
    TU_SQL_SET_INSTALL_ID,
    TU_SQL_DRIFT_INSERT,
    TU_SQL_DRIFT_UPDATE,
    TU_SQL_DRIFT_OPEN,
    TU_SQL_AUDIT_HEAD,
    TU_SQL_AUDIT_INSERT,
    TU_SQL_AUDIT_PAGE,
    TU_SQL_AUDIT_MARK,
    TU_SQL_AUDIT_MARK_PUT,
    TU_SQL_AUDIT_DELETE,
    TU_SQL_DELIVERY_SERIAL,
    TU_SQL_DELIVERY_INSERT,
    TU_SQL_DELIVERY_OLDER,
    TU_SQL_DELIVERY_SUPERSEDE,
    TU_SQL_DELIVERY_DUE,
    TU_SQL_DELIVERY_NEXT,
    TU_SQL_QUEUE_DUE,
    TU_SQL_QUEUE_PROBE,
    TU_SQL_QUEUE_NEXT,
    TU_SQL_QUEUE_BEGIN,
    TU_SQL_QUEUE_RELEASE,
    TU_SQL_QUEUE_BACKLOG,
    TU_SQL_QUEUE_RECOVER,
    TU_SQL_QUEUE_FORWARD,
    TU_SQL_QUEUE_BACK,
    TU_SQL_DELIVERY_COUNTS,
    TU_SQL_DELIVERY_OF_INCIDENT,
    TU_SQL_DELIVERY_PENDING,
    TU_SQL_DELIVERY_DEAD,
    TU_SQL_DELIVERY_DONE,
    TU_SQL_DELIVERY_OUTCOME,
    TU_SQL_DELIVERY_RESEND,
    TU_SQL_ATTEMPT_INSERT,
    TU_SQL_ATTEMPT_LIST,
    TU_SQL_ALERT_PUT,
    TU_SQL_ALERT_GET,
    TU_SQL_ALERT_RESTORE,
    TU_SQL_INCIDENT_PUT,
    TU_SQL_INCIDENT_OPEN,
    TU_SQL_INCIDENT_NEWEST_OPEN,
    TU_SQL_INCIDENT_NEWEST,
    TU_SQL_MEMBER_PUT,
    TU_SQL_MEMBER_RESTORE,
    TU_SQL_MEMBER_LIST,
    TU_SQL_TOLD_PUT,
    TU_SQL_TOLD_REFERENCE,
    TU_SQL_TOLD_RESTORE,
    TU_SQL_TOLD_LIST,
    TU_SQL_SILENCE_PUT,
    TU_SQL_SILENCE_LIST,
    TU_SQL_DELIVERY_BOUND,
    TU_SQL_ALERT_BOUND,
    TU_SQL_DRIFT_BOUND,
    TU_SQL_FORGET_ATTEMPTS,
    TU_SQL_FORGET_DELIVERIES,
    TU_SQL_FORGET_LEFT,
    TU_SQL_FORGET_MEMBERS,
    TU_SQL_FORGET_TOLD,
    TU_SQL_FORGET_INCIDENTS,
    TU_SQL_FORGET_ALERTS,
    TU_SQL_FORGET_SILENCES,
    TU_SQL_FORGET_DRIFTS,
    TU_SQL_INVENTORY_PUT,
    TU_SQL_INVENTORY_REMOVE,
    TU_SQL_INVENTORY_LIST,
    TU_SQL_COUNT
} tu_sql;

extern const char *const tu_store_statements[TU_SQL_COUNT];

/* What every connection begins with. */
extern const char tu_store_pragmas[];

/* Script i brings a database from version i to i + 1. It has one or more parts: compilers need not
 * take strings of any length. */
enum { TU_STORE_PARTS = 2 };
extern const char *const tu_store_migrations[][TU_STORE_PARTS];
extern const size_t tu_store_schema_version;

#endif
