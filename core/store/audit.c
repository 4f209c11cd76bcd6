/*
 * store/audit.c: the audit trail's hash chain.
 *
 *     hash(n) = SHA-256("trueup-audit-v1" | n | hash(n-1) | record n)      n from 1, without gaps
 *
 * n is 8 bytes, big endian. A record is its fields in the order of the table, each with its length
 * in 4 bytes (big endian) in front, the time as decimal text; so no two different records have the
 * same bytes. hash(0) is SHA-256("trueup-audit-v1" | install id).
 *
 * The chain alone finds edits, insertions, deletions and reordering by someone who can't compute it
 * anew, and no truncation: for that, its head has to be kept elsewhere.
 */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/str.h"
#include "store/database.h"

static const char domain[] = "trueup-audit-v1";
enum { FIELDS = 11, FIRST_FIELD = 3 /* column of wall_ms */ };

typedef tu_store_chain chain;

static void add_number(tu_buf *b, uint64_t number, int bytes) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
        tu_buf_add_byte(b, (char)(number >> shift & 0xff));
}

static tu_rc hash_record(const chain *previous, const tu_str fields[FIELDS], uint8_t out[32]) {
    tu_buf b = TU_BUF_INIT(2u * TU_LIMIT_DOCUMENT_BYTES);
    tu_buf_add_c(&b, domain);
    add_number(&b, (uint64_t)previous->n + 1, 8);
    tu_buf_add(&b, (tu_str){(const char *)previous->hash, 32});
    for (size_t i = 0; i < FIELDS; i++) {
        add_number(&b, fields[i].n, 4);
        tu_buf_add(&b, fields[i]);
    }
    tu_rc rc = b.rc;
    if (rc == TU_OK)
        tu_sha256(tu_buf_str(&b), out);
    tu_buf_done(&b);
    return rc;
}

static void genesis(const tu_store *s, chain *ret) {
    char text[sizeof domain + sizeof s->install_id];
    int n = snprintf(text, sizeof text, "%s%s", domain, s->install_id);
    ret->n = 0;
    tu_sha256((tu_str){text, (size_t)n}, ret->hash);
}

static bool read_hash(sqlite3_stmt *statement, int column, uint8_t out[32]) {
    tu_str bytes = tu_column_text(statement, column);
    if (bytes.n == 32)
        memcpy(out, bytes.p, 32);
    return bytes.n == 32;
}

static tu_rc read_head(tu_store *s, chain *ret, tu_error **error) {
    bool row;
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_AUDIT_HEAD);
    tu_rc rc = tu_store_step(s, statement, "read the audit trail", &row, error);
    if (rc != TU_OK)
        return rc;
    genesis(s, ret);
    bool whole = true;
    if (row) {
        ret->n = sqlite3_column_int64(statement, 0);
        whole = read_hash(statement, 1, ret->hash);
    }
    tu_store_end(statement);
    if (!whole)
        return tu_error_set(error, TU_EINTEGRITY, "audit record %lld in %s has no valid hash",
                            (long long)ret->n, s->dir);
    return TU_OK;
}

static tu_rc append(tu_store *s, chain *head, int64_t wall_ms, const tu_audit *a,
                    tu_error **error) {
    char time[32];
    int n = snprintf(time, sizeof time, "%lld", (long long)wall_ms);
    const tu_str fields[FIELDS] = {{time, (size_t)n}, a->actor,       a->action,
                                   a->rule,           a->target,      a->object.group,
                                   a->object.version, a->object.kind, a->object.namespace_,
                                   a->object.name,    a->detail};
    uint8_t hash[32];
    tu_rc rc = hash_record(head, fields, hash);
    if (rc == TU_EINVALID)
        return tu_error_set(
            error, rc,
            "an audit record is larger than the limit of %u bytes (TU_LIMIT_DOCUMENT_BYTES)",
            2u * TU_LIMIT_DOCUMENT_BYTES);
    if (rc != TU_OK)
        return tu_error_memory(error);
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_AUDIT_INSERT);
    tu_bind_integer(statement, 1, head->n + 1);
    tu_bind_bytes(statement, 2, (tu_str){(const char *)head->hash, 32});
    tu_bind_bytes(statement, 3, (tu_str){(const char *)hash, 32});
    tu_bind_integer(statement, 4, wall_ms);
    for (int i = 1; i < FIELDS; i++)
        tu_bind_text(statement, 4 + i, fields[i]);
    rc = tu_store_run(s, statement, "write the audit trail", NULL, error);
    head->n++;
    memcpy(head->hash, hash, 32);
    return rc;
}

tu_rc tu_store_audit_append(tu_store *s, int64_t wall_ms, const tu_audit *audits, size_t n,
                            tu_error **error) {
    if (n == 0)
        return TU_OK;
    tu_rc rc = s->head_known ? TU_OK : read_head(s, &s->head, error);
    s->head_known = rc == TU_OK;
    for (size_t i = 0; i < n && rc == TU_OK; i++)
        rc = append(s, &s->head, wall_ms, &audits[i], error);
    return rc; /* on failure tu_store_finish() forgets the head */
}

/* Does the row at hand follow the record before it? Moves `last` on. */
static tu_rc follow(sqlite3_stmt *statement, chain *last, bool *ret_follows) {
    tu_str fields[FIELDS];
    char time[32];
    uint8_t previous[32], stored[32], computed[32];
    int n = snprintf(time, sizeof time, "%lld",
                     (long long)sqlite3_column_int64(statement, FIRST_FIELD));
    fields[0] = (tu_str){time, (size_t)n};
    for (int i = 1; i < FIELDS; i++)
        fields[i] = tu_column_text(statement, FIRST_FIELD + i);
    tu_rc rc = hash_record(last, fields, computed);
    *ret_follows = rc == TU_OK && sqlite3_column_int64(statement, 0) == last->n + 1 &&
                   read_hash(statement, 1, previous) && read_hash(statement, 2, stored) &&
                   memcmp(previous, last->hash, 32) == 0 && memcmp(stored, computed, 32) == 0;
    if (*ret_follows) {
        last->n++;
        memcpy(last->hash, stored, 32);
    }
    return rc == TU_EINVALID ? TU_OK : rc;
}

tu_rc tu_store_audit_verify(tu_store *s, int64_t *ret_count, char ret_head[65], tu_error **error) {
    chain last;
    genesis(s, &last);
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_AUDIT_ALL);
    bool row = true, follows = true;
    tu_rc rc = TU_OK;
    while (rc == TU_OK && follows) {
        rc = tu_store_step(s, statement, "read the audit trail", &row, error);
        if (rc != TU_OK || !row)
            break;
        rc = follow(statement, &last, &follows);
        if (rc != TU_OK)
            tu_error_memory(error);
    }
    tu_store_end(statement);
    if (rc == TU_OK && !follows)
        rc = tu_error_set(error, TU_EINTEGRITY,
                          "the audit trail in %s is broken behind record %lld: a record was "
                          "changed, removed, inserted or moved",
                          s->dir, (long long)last.n);
    if (rc != TU_OK)
        return rc;
    *ret_count = last.n;
    tu_hex(last.hash, 32, ret_head);
    return TU_OK;
}
