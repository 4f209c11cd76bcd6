/*
 * store/write.c: the transaction: a drift, the audit trail, the inventory, alerts and their
 * deliveries (store/alerting.c, store/delivery.c), all or nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/database.h"
#include "store/words.h"

/* --- drifts ----------------------------------------------------------------------------------- */

static tu_rc write_drift(tu_store *s, const tu_drift *d, int64_t *ret_id, tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, d->id ? TU_SQL_DRIFT_UPDATE : TU_SQL_DRIFT_INSERT);
    if (d->id) {
        tu_bind_integer(statement, 19, d->id);
    } else {
        tu_bind_text(statement, 1, d->rule);
        tu_bind_text(statement, 2, d->target);
        tu_bind_text(statement, 3, d->object.group);
        tu_bind_text(statement, 4, d->object.kind);
        tu_bind_text(statement, 5, d->object.namespace_);
        tu_bind_text(statement, 6, d->object.name);
        tu_bind_integer(statement, 7, d->opened_ms);
    }
    tu_bind_text(statement, 8, d->source_revision);
    tu_bind_text(statement, 9, d->object.version);
    tu_bind_text(statement, 10, tu_str_c(tu_drift_state_name(d->state)));
    tu_bind_text(statement, 11, tu_str_c(tu_verdict_name(d->verdict)));
    tu_bind_text(statement, 12, tu_str_c(tu_severity_name(d->severity)));
    tu_bind_text(statement, 13, tu_str_c(tu_action_name(d->action)));
    tu_bind_text(statement, 14, d->finding);
    tu_bind_integer(statement, 15, (int64_t)d->finding_hash);
    tu_bind_integer(statement, 16, d->updated_ms);
    tu_bind_integer(statement, 17, d->resolved_ms);
    tu_bind_text(statement, 18, d->resolved_by);
    int64_t changed = 0;
    tu_rc rc = tu_store_run(s, statement, "record a drift", &changed, error);
    if (rc == TU_OK && changed != 1)
        return tu_error_set(error, TU_ENOTFOUND, "there is no drift %lld in %s", (long long)d->id,
                            s->dir);
    *ret_id = d->id ? d->id : sqlite3_last_insert_rowid(s->db);
    return rc;
}

/* --- inventory -------------------------------------------------------------------------------- */

static void bind_item(sqlite3_stmt *statement, const tu_inventory_item *item) {
    tu_bind_text(statement, 1, item->rule);
    tu_bind_text(statement, 2, item->target);
    tu_bind_text(statement, 3, item->object.group);
    tu_bind_text(statement, 4, item->object.kind);
    tu_bind_text(statement, 5, item->object.namespace_);
    tu_bind_text(statement, 6, item->object.name);
}

tu_rc tu_store_inventory_put(tu_store *s, const tu_inventory_item *item, tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_INVENTORY_PUT);
    bind_item(statement, item);
    tu_bind_text(statement, 7, item->object.version);
    tu_bind_text(statement, 8, item->uid);
    return tu_store_run(s, statement, "record what was applied", NULL, error);
}

tu_rc tu_store_inventory_remove(tu_store *s, const tu_inventory_item *item, tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_INVENTORY_REMOVE);
    bind_item(statement, item);
    return tu_store_run(s, statement, "record what was removed", NULL, error);
}

/* --- transactions ----------------------------------------------------------------------------- */

static size_t id_count(const tu_store_change *c) {
    return 1 + c->delivery_count;
}

/* ids: room for the drift's and each delivery's */
static tu_rc write_change(tu_store *s, const tu_store_change *c, int64_t *ids, tu_error **error) {
    tu_rc rc = TU_OK;
    if (c->drift)
        rc = write_drift(s, c->drift, &ids[0], error);
    if (rc == TU_OK)
        rc = tu_store_audit_append(s, c->wall_ms, c->audits, c->audit_count, error);
    for (size_t i = 0; i < c->applied_count && rc == TU_OK; i++)
        rc = tu_store_inventory_put(s, &c->applied[i], error);
    if (rc == TU_OK)
        rc = tu_store_alerting_put(s, c, error);
    for (size_t i = 0; i < c->delivery_count && rc == TU_OK; i++)
        rc = tu_store_delivery_make(s, c, &c->deliveries[i], ids[0], &ids[i + 1], error);
    return rc;
}

/* Only after the commit: before, there is nothing of that id. */
static void give_ids(tu_store_change *c, const int64_t *ids) {
    if (c->drift)
        c->drift->id = ids[0];
    for (size_t i = 0; i < c->delivery_count; i++) {
        c->deliveries[i].id = ids[i + 1];
        if (c->drift)
            c->deliveries[i].drift_id = ids[0];
    }
}

tu_rc tu_store_commit_many(tu_store *s, tu_store_change *const *changes, size_t n, size_t *ret_bad,
                           tu_error **error) {
    size_t total = 0, bad = 0;
    for (size_t i = 0; i < n; i++)
        total += id_count(changes[i]);
    _cleanup_(tu_freep) int64_t *ids = tu_calloc(total + 1, sizeof *ids);
    tu_rc rc = ids ? tu_store_begin(s, error) : tu_error_memory(error);
    if (rc == TU_OK) {
        int64_t *mine = ids;
        for (size_t i = 0; i < n && rc == TU_OK; i++) {
            bad = i;
            rc = write_change(s, changes[i], mine, error);
            mine += id_count(changes[i]);
        }
        rc = tu_store_finish(s, rc, error);
    }
    if (rc != TU_OK && ret_bad)
        *ret_bad = bad;
    const int64_t *mine = ids;
    for (size_t i = 0; i < n && rc == TU_OK; i++) {
        give_ids(changes[i], mine);
        mine += id_count(changes[i]);
    }
    return rc;
}

tu_rc tu_store_commit(tu_store *s, tu_store_change *change, tu_error **error) {
    return tu_store_commit_many(s, &change, 1, NULL, error);
}
