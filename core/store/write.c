/*
 * store/write.c: everything that changes the store, each in one transaction.
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

enum { ATTEMPT_TEXT_BYTES = 512 };

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

/* --- deliveries ------------------------------------------------------------------------------- */

static void add_field(tu_buf *b, tu_str field) {
    tu_buf_addf(b, "%zu:", field.n);
    tu_buf_add(b, field);
}

/* RFC 4648 base32, lower case, of 20 bytes: 32 characters. */
static void base32(const uint8_t bytes[20], char out[33]) {
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint64_t bits = 0;
    int held = 0;
    for (size_t i = 0; i < 20; i++) {
        bits = (bits << 8 | bytes[i]) & 0xffff;
        for (held += 8; held >= 5; held -= 5)
            *out++ = digits[bits >> (held - 5) & 31];
    }
    *out = '\0';
}

/* The same for every attempt, different for every event: the serial tells apart what one drift says
 * to one receiver within a millisecond. */
static tu_rc make_key(tu_store *s, const tu_delivery *d, int64_t drift_id, int64_t updated_ms,
                      char out[33], tu_error **error) {
    bool row;
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_DELIVERY_SERIAL);
    tu_bind_id(statement, 1, drift_id);
    tu_bind_text(statement, 2, d->receiver);
    tu_rc rc = tu_store_step(s, statement, "number a delivery", &row, error);
    if (rc != TU_OK)
        return rc;
    int64_t serial = sqlite3_column_int64(statement, 0);
    tu_store_end(statement);
    tu_buf b = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    add_field(&b, tu_str_c(s->install_id));
    add_field(&b, d->receiver);
    add_field(&b, d->kind);
    tu_buf_addf(&b, "%lld:%lld:%lld", (long long)drift_id, (long long)updated_ms,
                (long long)serial);
    rc = b.rc;
    uint8_t digest[32];
    tu_sha256(tu_buf_str(&b), digest);
    tu_buf_done(&b);
    base32(digest, out);
    return rc == TU_OK ? TU_OK : tu_error_memory(error);
}

static tu_rc write_delivery(tu_store *s, const tu_delivery *d, int64_t drift_id, int64_t updated_ms,
                            int64_t *ret_id, tu_error **error) {
    char key[33];
    if (d->message.n > TU_LIMIT_MESSAGE_BYTES)
        return tu_error_set(
            error, TU_EINVALID,
            "a message of %zu bytes is over the limit of %u (TU_LIMIT_MESSAGE_BYTES)", d->message.n,
            TU_LIMIT_MESSAGE_BYTES);
    if (d->key.n == 0) {
        tu_rc rc = make_key(s, d, drift_id, updated_ms, key, error);
        if (rc != TU_OK)
            return rc;
    }
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_DELIVERY_INSERT);
    tu_bind_id(statement, 1, drift_id);
    tu_bind_text(statement, 2, d->receiver);
    tu_bind_text(statement, 3, d->kind);
    tu_bind_text(statement, 4, d->key.n ? d->key : tu_str_c(key));
    tu_bind_bytes(statement, 5, d->message);
    tu_bind_integer(statement, 6, d->next_ms);
    tu_bind_integer(statement, 7, d->created_ms);
    tu_bind_integer(statement, 8, d->expires_ms);
    tu_rc rc = tu_store_run(s, statement, "record a delivery", NULL, error);
    *ret_id = sqlite3_last_insert_rowid(s->db);
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

/* ids: room for the drift's and each delivery's */
static tu_rc write_change(tu_store *s, const tu_store_change *c, int64_t *ids, tu_error **error) {
    tu_rc rc = TU_OK;
    if (c->drift)
        rc = write_drift(s, c->drift, &ids[0], error);
    if (rc == TU_OK)
        rc = tu_store_audit_append(s, c->wall_ms, c->audits, c->audit_count, error);
    for (size_t i = 0; i < c->applied_count && rc == TU_OK; i++)
        rc = tu_store_inventory_put(s, &c->applied[i], error);
    for (size_t i = 0; i < c->delivery_count && rc == TU_OK; i++) {
        int64_t drift_id = c->drift ? ids[0] : c->deliveries[i].drift_id;
        int64_t updated_ms = c->drift ? c->drift->updated_ms : c->wall_ms;
        rc = write_delivery(s, &c->deliveries[i], drift_id, updated_ms, &ids[i + 1], error);
    }
    return rc;
}

tu_rc tu_store_commit(tu_store *s, tu_store_change *change, tu_error **error) {
    _cleanup_(tu_freep) int64_t *ids = tu_calloc(change->delivery_count + 1, sizeof *ids);
    if (ids == NULL)
        return tu_error_memory(error);
    tu_rc rc = tu_store_begin(s, error);
    if (rc != TU_OK)
        return rc;
    rc = tu_store_finish(s, write_change(s, change, ids, error), error);
    if (rc != TU_OK)
        return rc;
    if (change->drift)
        change->drift->id = ids[0];
    for (size_t i = 0; i < change->delivery_count; i++) {
        change->deliveries[i].id = ids[i + 1];
        if (change->drift)
            change->deliveries[i].drift_id = ids[0];
    }
    return TU_OK;
}

static tu_str cut(tu_str s, size_t limit) {
    if (s.n <= limit)
        return s;
    while (limit > 0 && ((unsigned char)s.p[limit] & 0xc0) == 0x80)
        limit--;
    return (tu_str){s.p, limit};
}

static tu_rc write_attempt(tu_store *s, int64_t delivery_id, int64_t wall_ms, tu_rc outcome,
                           tu_str text, tu_delivery_state state, int64_t next_ms,
                           tu_error **error) {
    int64_t changed = 0;
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_DELIVERY_OUTCOME);
    tu_bind_integer(statement, 1, delivery_id);
    tu_bind_text(statement, 2, tu_str_c(tu_delivery_state_name(state)));
    tu_bind_integer(statement, 3, next_ms);
    tu_bind_text(statement, 4, outcome == TU_OK ? (tu_str){0} : text);
    tu_rc rc = tu_store_run(s, statement, "record an attempt", &changed, error);
    if (rc != TU_OK)
        return rc;
    if (changed != 1)
        return tu_error_set(error, TU_ENOTFOUND, "there is no pending delivery %lld in %s",
                            (long long)delivery_id, s->dir);
    statement = tu_store_use(s, TU_SQL_ATTEMPT_INSERT);
    tu_bind_integer(statement, 1, delivery_id);
    tu_bind_integer(statement, 2, wall_ms);
    tu_bind_text(statement, 3, tu_str_c(tu_rc_name(outcome)));
    tu_bind_text(statement, 4, text);
    return tu_store_run(s, statement, "record an attempt", NULL, error);
}

tu_rc tu_store_attempted(tu_store *s, int64_t delivery_id, int64_t wall_ms, tu_rc outcome,
                         tu_str text, tu_delivery_state state, int64_t next_ms, tu_error **error) {
    tu_rc rc = tu_store_begin(s, error);
    if (rc != TU_OK)
        return rc;
    rc = write_attempt(s, delivery_id, wall_ms, outcome, cut(text, ATTEMPT_TEXT_BYTES), state,
                       next_ms, error);
    return tu_store_finish(s, rc, error);
}
