/*
 * store/delivery.c: the outbox: messages to receivers, and the attempts at them.
 *
 *     make -> pending -> (attempt)* -> delivered | dead (-> resend -> pending)
 *                    -> superseded, when a later message of the incident says all that it would have
 *
 * Invariants
 *   - The bytes and the key of a delivery never change.
 *   - What is pending for the same incident (of version 1: drift) and receiver is handed out in the
 *     order in which it was made, one at a time.
 *   - Every way through the picture is in the audit trail, in the same transaction. Heartbeats
 *     aren't: they say nothing but that trueup lives. Nor are checkpoints: there would always be
 *     something new to sign.
 */
#include <stdio.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/str.h"
#include "store/database.h"
#include "store/words.h"

enum { ATTEMPT_TEXT_BYTES = 512 };

/* --- evidence --------------------------------------------------------------------------------- */

static void add_member(tu_buf *b, const char *name, tu_str value) {
    if (value.n == 0)
        return;
    tu_buf_addf(b, ",\"%s\":", name);
    tu_buf_add_json_string(b, value);
}

/* more: further members of the detail, each with a comma in front; or "". */
static tu_rc record(tu_store *s, int64_t wall_ms, tu_str actor, const char *action, int64_t id,
                    const tu_delivery *d, const char *more, tu_error **error) {
    if (tu_str_is(d->kind, "heartbeat") || tu_str_is(d->kind, "checkpoint"))
        return TU_OK;
    tu_buf b = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_buf_addf(&b, "{\"delivery\":%lld", (long long)id);
    add_member(&b, "incident", d->incident);
    add_member(&b, "receiver", d->receiver);
    add_member(&b, "kind", d->kind);
    tu_buf_add_c(&b, more);
    tu_buf_add_c(&b, "}");
    const tu_audit audit = {.actor = actor, .action = tu_str_c(action), .detail = tu_buf_str(&b)};
    tu_rc rc = b.rc == TU_OK ? tu_store_audit_append(s, wall_ms, &audit, 1, error)
                             : tu_error_memory(error);
    tu_buf_done(&b);
    return rc;
}

/* --- making one ------------------------------------------------------------------------------- */

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

/* The same for every attempt, different for every delivery: the serial tells apart what one
 * incident says to one receiver within a millisecond, and is never used again. */
static tu_rc make_key(tu_store *s, const tu_delivery *d, int64_t updated_ms, char out[33],
                      tu_error **error) {
    bool row;
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_DELIVERY_SERIAL);
    tu_rc rc = tu_store_step(s, statement, "number a delivery", &row, error);
    if (rc != TU_OK)
        return rc;
    int64_t serial = sqlite3_column_int64(statement, 0);
    tu_store_end(statement);
    tu_buf b = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    add_field(&b, tu_str_c(s->install_id));
    add_field(&b, d->receiver);
    add_field(&b, d->kind);
    add_field(&b, d->incident);
    tu_buf_addf(&b, "%lld:%lld:%lld", (long long)d->drift_id, (long long)updated_ms,
                (long long)serial);
    rc = b.rc;
    uint8_t digest[32];
    tu_sha256(tu_buf_str(&b), digest);
    tu_buf_done(&b);
    base32(digest, out);
    return rc == TU_OK ? TU_OK : tu_error_memory(error);
}

static tu_rc insert(tu_store *s, const tu_delivery *d, int64_t *ret_id, tu_error **error) {
    if (d->message.n > TU_LIMIT_MESSAGE_BYTES)
        return tu_error_set(
            error, TU_EINVALID,
            "a message of %zu bytes is over the limit of %u (TU_LIMIT_MESSAGE_BYTES)", d->message.n,
            TU_LIMIT_MESSAGE_BYTES);
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_DELIVERY_INSERT);
    tu_bind_id(statement, 1, d->drift_id);
    tu_bind_text(statement, 2, d->incident);
    tu_bind_text(statement, 3, d->receiver);
    tu_bind_text(statement, 4, d->kind);
    tu_bind_text(statement, 5, d->key);
    tu_bind_bytes(statement, 6, d->message);
    tu_bind_integer(statement, 7, d->next_ms);
    tu_bind_integer(statement, 8, d->created_ms);
    tu_bind_integer(statement, 9, d->expires_ms);
    tu_bind_integer(statement, 10, d->introduces);
    tu_rc rc = tu_store_run(s, statement, "record a delivery", NULL, error);
    *ret_id = sqlite3_last_insert_rowid(s->db);
    return rc;
}

/* The oldest update or repeat that waits before delivery `id`; 0: none. */
static tu_rc find_older(tu_store *s, const tu_delivery *d, int64_t id, int64_t *ret_id,
                        bool *ret_repeat, tu_error **error) {
    bool row;
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_DELIVERY_OLDER);
    tu_bind_text(statement, 1, d->incident);
    tu_bind_text(statement, 2, d->receiver);
    tu_bind_integer(statement, 3, id);
    tu_rc rc = tu_store_step(s, statement, "read the deliveries", &row, error);
    if (rc != TU_OK)
        return rc;
    *ret_id = row ? sqlite3_column_int64(statement, 0) : 0;
    *ret_repeat = row && tu_str_is(tu_column_text(statement, 1), "repeat");
    tu_store_end(statement);
    return TU_OK;
}

/* Delivery `id` says all that older updates and repeats would have said: a receiver that was away
 * hears the present state once. What began, ended or escalated is told each time, and so is an update
 * that names an alert for the first time, which may be over before the receiver is back. */
static tu_rc supersede(tu_store *s, int64_t wall_ms, const tu_delivery *d, int64_t id,
                       tu_error **error) {
    if (d->incident.n == 0 || !(tu_str_is(d->kind, "update") || tu_str_is(d->kind, "repeat") ||
                                tu_str_is(d->kind, "resolved")))
        return TU_OK;
    char more[48];
    snprintf(more, sizeof more, ",\"by\":%lld", (long long)id);
    for (;;) {
        int64_t older;
        bool repeat;
        tu_rc rc = find_older(s, d, id, &older, &repeat, error);
        if (rc != TU_OK || older == 0)
            return rc;
        sqlite3_stmt *statement = tu_store_use(s, TU_SQL_DELIVERY_SUPERSEDE);
        tu_bind_integer(statement, 1, older);
        rc = tu_store_run(s, statement, "supersede a delivery", NULL, error);
        tu_delivery was = {.incident = d->incident,
                           .receiver = d->receiver,
                           .kind = repeat ? TU_S("repeat") : TU_S("update")};
        if (rc == TU_OK)
            rc =
                record(s, wall_ms, TU_S("trueup"), "delivery.superseded", older, &was, more, error);
        if (rc != TU_OK)
            return rc;
    }
}

static tu_rc compose(tu_store *s, const tu_store_change *c, const tu_delivery *d, tu_buf *out,
                     tu_error **error) {
    tu_rc rc = c->compose(c->compose_arg, s, d, out, error);
    if (rc == TU_OK && out->rc == TU_EINVALID)
        return tu_error_set(error, TU_EINVALID,
                            "a message is over the limit of %u bytes (TU_LIMIT_MESSAGE_BYTES)",
                            TU_LIMIT_MESSAGE_BYTES);
    return rc == TU_OK && out->rc != TU_OK ? tu_error_memory(error) : rc;
}

tu_rc tu_store_delivery_make(tu_store *s, const tu_store_change *c, const tu_delivery *d,
                             int64_t drift_id, int64_t *ret_id, tu_error **error) {
    char key[33];
    tu_delivery made = *d;
    tu_rc rc = TU_OK;
    if (c->drift)
        made.drift_id = drift_id;
    if (made.key.n == 0) {
        rc = make_key(s, &made, c->drift ? c->drift->updated_ms : c->wall_ms, key, error);
        made.key = (tu_str){key, 32};
    }
    tu_buf message = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    if (rc == TU_OK && made.message.n == 0 && c->compose) {
        rc = compose(s, c, &made, &message, error);
        made.message = tu_buf_str(&message);
    }
    if (rc == TU_OK)
        rc = insert(s, &made, ret_id, error);
    tu_buf_done(&message);
    if (rc == TU_OK)
        rc = record(s, c->wall_ms, TU_S("trueup"), "delivery.made", *ret_id, &made, "", error);
    return rc == TU_OK ? supersede(s, c->wall_ms, &made, *ret_id, error) : rc;
}

/* --- attempts --------------------------------------------------------------------------------- */

static tu_str cut(tu_str s, size_t limit) {
    if (s.n <= limit)
        return s;
    while (limit > 0 && ((unsigned char)s.p[limit] & 0xc0) == 0x80)
        limit--;
    return (tu_str){s.p, limit};
}

static tu_rc insert_attempt(tu_store *s, const tu_attempt *a, int32_t n, tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_ATTEMPT_INSERT);
    tu_bind_integer(statement, 1, a->delivery_id);
    tu_bind_integer(statement, 2, n);
    tu_bind_integer(statement, 3, a->wall_ms);
    tu_bind_integer(statement, 4, a->took_ms);
    tu_bind_text(statement, 5, tu_str_c(tu_rc_name(a->outcome)));
    tu_bind_text(statement, 6, cut(a->text, ATTEMPT_TEXT_BYTES));
    tu_bind_text(statement, 7, a->reference);
    return tu_store_run(s, statement, "record an attempt", NULL, error);
}

/* What the receiver calls the incident from now on. */
static tu_rc keep_reference(tu_store *s, const tu_delivery *d, tu_str reference, tu_error **error) {
    if (d->incident.n == 0 || reference.n == 0)
        return TU_OK;
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_TOLD_REFERENCE);
    tu_bind_text(statement, 1, d->incident);
    tu_bind_text(statement, 2, d->receiver);
    tu_bind_text(statement, 3, reference);
    return tu_store_run(s, statement, "record a receiver's reference", NULL, error);
}

/* Only an end is evidence; the attempts before it are rows of their own. */
static tu_rc record_outcome(tu_store *s, const tu_attempt *a, const tu_delivery *d,
                            tu_error **error) {
    if (d->state != TU_DELIVERY_DELIVERED && d->state != TU_DELIVERY_DEAD)
        return TU_OK;
    tu_buf more = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_buf_addf(&more, ",\"attempts\":%d", d->attempts);
    if (a->outcome != TU_OK) {
        add_member(&more, "outcome", tu_str_c(tu_rc_name(a->outcome)));
        add_member(&more, "error", cut(a->text, ATTEMPT_TEXT_BYTES));
    }
    add_member(&more, "reference", a->reference);
    const char *action = d->state == TU_DELIVERY_DELIVERED ? "delivery.delivered" : "delivery.dead";
    tu_rc rc = more.rc == TU_OK ? record(s, a->wall_ms, TU_S("trueup"), action, a->delivery_id, d,
                                         tu_buf_c(&more), error)
                                : tu_error_memory(error);
    tu_buf_done(&more);
    return rc;
}

/* The row of a statement that moved a delivery to another state. */
static bool read_moved(sqlite3_stmt *row, tu_delivery *d) {
    *d = (tu_delivery){.incident = tu_column_text(row, 1),
                       .receiver = tu_column_text(row, 2),
                       .kind = tu_column_text(row, 3),
                       .attempts = sqlite3_column_int(row, 4)};
    return tu_delivery_state_parse(tu_column_text(row, 0), &d->state);
}

tu_rc tu_store_attempt_write(tu_store *s, const tu_attempt *a, bool *ret_pending,
                             tu_error **error) {
    sqlite3_stmt *row = tu_store_use(s, TU_SQL_DELIVERY_OUTCOME);
    tu_bind_integer(row, 1, a->delivery_id);
    tu_bind_text(row, 2, tu_str_c(tu_delivery_state_name(a->state)));
    tu_bind_integer(row, 3, a->next_ms);
    tu_bind_text(row, 4, a->outcome == TU_OK ? (tu_str){0} : cut(a->text, ATTEMPT_TEXT_BYTES));
    tu_bind_integer(row, 5, a->uncertain);
    tu_bind_integer(row, 6, a->brief);
    tu_rc rc = tu_store_step(s, row, "record an attempt", ret_pending, error);
    if (rc != TU_OK)
        return rc;
    tu_delivery d;
    if (*ret_pending) {
        rc = read_moved(row, &d) ? TU_OK : tu_store_strange(s, "delivery", a->delivery_id, error);
        if (rc == TU_OK)
            rc = insert_attempt(s, a, d.attempts, error);
        if (rc == TU_OK && a->outcome == TU_OK)
            rc = keep_reference(s, &d, a->reference, error);
        if (rc == TU_OK)
            rc = record_outcome(s, a, &d, error);
    }
    tu_store_end(row);
    return rc;
}

tu_rc tu_store_attempted_many(tu_store *s, const tu_attempt *attempts, size_t n, tu_error **error) {
    tu_rc rc = tu_store_begin(s, error);
    if (rc != TU_OK)
        return rc;
    for (size_t i = 0; i < n && rc == TU_OK; i++) {
        bool pending;
        rc = tu_store_attempt_write(s, &attempts[i], &pending, error);
    }
    return tu_store_finish(s, rc, error);
}

tu_rc tu_store_attempted(tu_store *s, int64_t delivery_id, int64_t wall_ms, tu_rc outcome,
                         tu_str text, tu_delivery_state state, int64_t next_ms, tu_error **error) {
    const tu_attempt a = {.delivery_id = delivery_id,
                          .wall_ms = wall_ms,
                          .outcome = outcome,
                          .text = text,
                          .state = state,
                          .next_ms = next_ms};
    tu_rc rc = tu_store_begin(s, error);
    if (rc != TU_OK)
        return rc;
    bool pending = true;
    rc = tu_store_attempt_write(s, &a, &pending, error);
    if (rc == TU_OK && !pending)
        rc = tu_error_set(error, TU_ENOTFOUND, "there is no pending delivery %lld in %s",
                          (long long)delivery_id, s->dir);
    return tu_store_finish(s, rc, error);
}

tu_rc tu_store_resend(tu_store *s, int64_t delivery_id, tu_str actor, int64_t wall_ms,
                      int64_t expires_ms, tu_error **error) {
    tu_rc rc = tu_store_begin(s, error);
    if (rc != TU_OK)
        return rc;
    sqlite3_stmt *row = tu_store_use(s, TU_SQL_DELIVERY_RESEND);
    tu_bind_integer(row, 1, delivery_id);
    tu_bind_integer(row, 2, wall_ms);
    tu_bind_integer(row, 3, expires_ms);
    bool dead;
    tu_delivery d;
    rc = tu_store_step(s, row, "send a delivery again", &dead, error);
    if (rc == TU_OK && !dead)
        rc = tu_error_set(error, TU_ENOTFOUND,
                          "there is no dead delivery %lld: `trueup alert dead` lists them",
                          (long long)delivery_id);
    else if (rc == TU_OK)
        rc = read_moved(row, &d)
                 ? record(s, wall_ms, actor, "delivery.resent", delivery_id, &d, "", error)
                 : tu_store_strange(s, "delivery", delivery_id, error);
    tu_store_end(row);
    return tu_store_finish(s, rc, error);
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool read_delivery(sqlite3_stmt *row, tu_delivery *d) {
    *d = (tu_delivery){
        .id = sqlite3_column_int64(row, 0),
        .drift_id = sqlite3_column_int64(row, 1),
        .incident = tu_column_text(row, 2),
        .receiver = tu_column_text(row, 3),
        .kind = tu_column_text(row, 4),
        .key = tu_column_text(row, 5),
        .message = tu_column_text(row, 6),
        .attempts = sqlite3_column_int(row, 8),
        .uncertain = sqlite3_column_int(row, 9) != 0,
        .brief = sqlite3_column_int(row, 10) != 0,
        .next_ms = sqlite3_column_int64(row, 11),
        .created_ms = sqlite3_column_int64(row, 12),
        .expires_ms = sqlite3_column_int64(row, 13),
        .last_error = tu_column_text(row, 14),
        .reference = tu_column_text(row, 15),
    };
    return tu_delivery_state_parse(tu_column_text(row, 7), &d->state);
}

static int64_t bounded(size_t limit) {
    return limit > INT32_MAX ? INT32_MAX : (int64_t)limit;
}

static tu_rc each_attempt(tu_store *s, int64_t delivery_id,
                          tu_rc (*attempt)(void *arg, const tu_attempt *a), void *arg,
                          tu_error **error) {
    sqlite3_stmt *row = tu_store_use(s, TU_SQL_ATTEMPT_LIST);
    tu_bind_integer(row, 1, delivery_id);
    bool more = false;
    tu_rc rc = tu_store_step(s, row, "read the attempts", &more, error);
    while (rc == TU_OK && more) {
        const tu_attempt a = {.delivery_id = sqlite3_column_int64(row, 0),
                              .wall_ms = sqlite3_column_int64(row, 1),
                              .took_ms = sqlite3_column_int64(row, 2),
                              .outcome = tu_outcome_parse(tu_column_text(row, 3)),
                              .text = tu_column_text(row, 4),
                              .reference = tu_column_text(row, 5)};
        rc = attempt(arg, &a);
        if (rc == TU_OK)
            rc = tu_store_step(s, row, "read the attempts", &more, error);
    }
    tu_store_end(row);
    return rc;
}

/* Hands out the rows of a statement that is bound, and gives it back. */
tu_rc tu_store_each_delivery(tu_store *s, sqlite3_stmt *row,
                             tu_rc (*each)(void *arg, const tu_delivery *d),
                             tu_rc (*attempt)(void *arg, const tu_attempt *a), void *arg,
                             tu_error **error) {
    bool more = false;
    tu_rc rc = tu_store_step(s, row, "read the deliveries", &more, error);
    while (rc == TU_OK && more) {
        tu_delivery d;
        rc = read_delivery(row, &d) ? each(arg, &d) : tu_store_strange(s, "delivery", d.id, error);
        if (rc == TU_OK && attempt)
            rc = each_attempt(s, d.id, attempt, arg, error);
        if (rc == TU_OK)
            rc = tu_store_step(s, row, "read the deliveries", &more, error);
    }
    tu_store_end(row);
    return rc;
}

tu_rc tu_store_due_deliveries(tu_store *s, int64_t wall_ms, size_t limit,
                              tu_rc (*each)(void *arg, const tu_delivery *d), void *arg,
                              tu_error **error) {
    sqlite3_stmt *row = tu_store_use(s, TU_SQL_DELIVERY_DUE);
    tu_bind_integer(row, 1, wall_ms);
    tu_bind_integer(row, 2, bounded(limit));
    return tu_store_each_delivery(s, row, each, NULL, arg, error);
}

tu_rc tu_store_deliveries(tu_store *s, tu_str incident, tu_delivery_state state, size_t limit,
                          tu_rc (*each)(void *arg, const tu_delivery *d),
                          tu_rc (*attempt)(void *arg, const tu_attempt *a), void *arg,
                          tu_error **error) {
    sqlite3_stmt *row;
    if (incident.n) {
        row = tu_store_use(s, TU_SQL_DELIVERY_OF_INCIDENT);
        tu_bind_text(row, 1, incident);
        tu_bind_integer(row, 2, bounded(limit));
    } else if (state == TU_DELIVERY_PENDING || state == TU_DELIVERY_DEAD) {
        row = tu_store_use(s, state == TU_DELIVERY_DEAD ? TU_SQL_DELIVERY_DEAD
                                                        : TU_SQL_DELIVERY_PENDING);
        tu_bind_integer(row, 1, bounded(limit));
    } else {
        row = tu_store_use(s, TU_SQL_DELIVERY_DONE);
        tu_bind_integer(row, 1, bounded(limit));
        tu_bind_text(row, 2, tu_str_c(tu_delivery_state_name(state)));
    }
    return tu_store_each_delivery(s, row, each, attempt, arg, error);
}

tu_rc tu_store_next_due(tu_store *s, int64_t *ret_wall_ms, tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_DELIVERY_NEXT);
    bool row;
    tu_rc rc = tu_store_step(s, statement, "read the deliveries", &row, error);
    if (rc != TU_OK)
        return rc;
    *ret_wall_ms = row ? sqlite3_column_int64(statement, 0) : -1;
    tu_store_end(statement);
    return TU_OK;
}

tu_rc tu_store_delivery_counts(tu_store *s, int64_t ret[3], tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_DELIVERY_COUNTS);
    bool row;
    tu_rc rc = tu_store_step(s, statement, "count the deliveries", &row, error);
    if (rc != TU_OK)
        return rc;
    for (int state = TU_DELIVERY_PENDING; state <= TU_DELIVERY_DEAD; state++)
        ret[state] = sqlite3_column_int64(statement, state);
    tu_store_end(statement);
    return TU_OK;
}
