/*
 * store/audit.c: the audit trail in the database.
 *
 * The chain alone finds edits, insertions, deletions and reordering by someone who can't compute it
 * anew, and no truncation: for that, a signed head (store/note.h) has to be kept elsewhere.
 *
 * Invariants
 *   - A record is written in the transaction of what it tells of.
 *   - Its strings are UTF-8: what an export shows is what was hashed.
 *   - Only a beginning is ever deleted, and only behind a signed note about its last record; a trigger
 *     keeps everything else from being deleted by accident.
 */
#include "store/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/database.h"

enum { FIRST_FIELD = 4, FORGET_STEP = 1000, PAGE = 10000 };

/* --- marks: where it begins, what was signed -------------------------------------------------- */

static bool read_hash(sqlite3_stmt *statement, int column, uint8_t out[32]) {
    tu_str bytes = tu_column_text(statement, column);
    if (bytes.n == 32)
        memcpy(out, bytes.p, 32);
    return bytes.n == 32;
}

/* n 0: there is none. */
static tu_rc read_mark(tu_store *s, const char *kind, tu_trail *ret, int64_t *ret_wall_ms,
                       tu_buf *note, tu_error **error) {
    bool row;
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_AUDIT_MARK);
    tu_bind_text(statement, 1, tu_str_c(kind));
    tu_rc rc = tu_store_step(s, statement, "read the audit trail", &row, error);
    if (rc != TU_OK)
        return rc;
    *ret = (tu_trail){0};
    if (row) {
        ret->n = sqlite3_column_int64(statement, 0);
        if (!read_hash(statement, 1, ret->hash))
            rc = tu_error_set(error, TU_EINTEGRITY, "the audit trail's %s in %s has no valid hash",
                              kind, s->dir);
        *ret_wall_ms = sqlite3_column_int64(statement, 2);
        if (note)
            tu_buf_add(note, tu_column_text(statement, 3));
    }
    tu_store_end(statement);
    return rc;
}

static tu_rc put_mark(tu_store *s, const char *kind, const tu_note *note, tu_str text,
                      tu_error **error) {
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_AUDIT_MARK_PUT);
    tu_bind_text(statement, 1, tu_str_c(kind));
    tu_bind_integer(statement, 2, note->at.n);
    tu_bind_bytes(statement, 3, (tu_str){(const char *)note->at.hash, 32});
    tu_bind_integer(statement, 4, note->wall_ms);
    tu_bind_text(statement, 5, text);
    return tu_store_run(s, statement, "sign the audit trail", NULL, error);
}

tu_rc tu_store_audit_start(tu_store *s, tu_trail *ret, tu_buf *note, tu_error **error) {
    int64_t wall_ms;
    tu_rc rc = read_mark(s, "start", ret, &wall_ms, note, error);
    if (rc == TU_OK && ret->n == 0)
        tu_trail_begin(ret, tu_str_c(s->install_id));
    return rc;
}

tu_rc tu_store_audit_checkpoint(tu_store *s, tu_buf *note, tu_error **error) {
    tu_trail at;
    int64_t wall_ms;
    return read_mark(s, "checkpoint", &at, &wall_ms, note, error);
}

tu_rc tu_store_audit_key(tu_store *s, const tu_note_key **ret, tu_error **error) {
    tu_rc rc = TU_OK;
    if (!s->key) {
        _cleanup_(tu_freep) char *path = tu_path_join(s->dir, "audit.key");
        rc = tu_note_key_open(path, tu_str_c(s->install_id), &s->key, error);
    }
    *ret = s->key;
    return rc;
}

/* --- appending -------------------------------------------------------------------------------- */

static tu_rc read_head(tu_store *s, tu_trail *ret, tu_error **error) {
    bool row;
    tu_rc rc = tu_store_audit_start(s, ret, NULL, error);
    if (rc != TU_OK)
        return rc;
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_AUDIT_HEAD);
    rc = tu_store_step(s, statement, "read the audit trail", &row, error);
    if (rc != TU_OK)
        return rc;
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

static tu_rc know_head(tu_store *s, tu_error **error) {
    tu_rc rc = s->head_known ? TU_OK : read_head(s, &s->head, error);
    s->head_known = rc == TU_OK;
    return rc;
}

static tu_rc insert(tu_store *s, int64_t wall_ms, const tu_audit *a, tu_error **error) {
    uint8_t hash[32];
    tu_trail *head = &s->head;
    tu_rc rc = tu_trail_hash(head, wall_ms, a, hash);
    if (rc == TU_EINVALID)
        return tu_error_set(
            error, rc,
            "an audit record is larger than the limit of %u bytes (TU_LIMIT_DOCUMENT_BYTES)",
            2u * TU_LIMIT_DOCUMENT_BYTES);
    if (rc != TU_OK)
        return tu_error_memory(error);
    const tu_str fields[] = {
        a->actor,        a->action,         a->rule,        a->target,
        a->object.group, a->object.version, a->object.kind, a->object.namespace_,
        a->object.name,  a->detail};
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_AUDIT_INSERT);
    tu_bind_integer(statement, 1, head->n + 1);
    tu_bind_bytes(statement, 2, (tu_str){(const char *)head->hash, 32});
    tu_bind_bytes(statement, 3, (tu_str){(const char *)hash, 32});
    tu_bind_integer(statement, 4, wall_ms);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        tu_bind_text(statement, 5 + (int)i, fields[i]);
    rc = tu_store_run(s, statement, "write the audit trail", NULL, error);
    head->n++;
    memcpy(head->hash, hash, 32);
    return rc;
}

/* In place of a string that isn't UTF-8 a copy, with '?' for every byte that isn't ASCII. */
static tu_rc repair(tu_str *s, char **ret_copy) {
    *ret_copy = NULL;
    if (tu_utf8_valid(*s))
        return TU_OK;
    char *copy = *ret_copy = tu_malloc(s->n);
    if (!copy)
        return TU_EINTERNAL;
    for (size_t i = 0; i < s->n; i++)
        copy[i] = (unsigned char)s->p[i] < 0x80 ? s->p[i] : '?';
    s->p = copy;
    return TU_OK;
}

static tu_rc append(tu_store *s, int64_t wall_ms, tu_audit a, tu_error **error) {
    tu_str *fields[] = {&a.actor,        &a.action,         &a.rule,        &a.target,
                        &a.object.group, &a.object.version, &a.object.kind, &a.object.namespace_,
                        &a.object.name,  &a.detail};
    enum { FIELDS = sizeof fields / sizeof *fields };
    char *copies[FIELDS] = {0};
    tu_rc rc = TU_OK;
    for (int i = 0; i < FIELDS && rc == TU_OK; i++)
        rc = repair(fields[i], &copies[i]);
    rc = rc == TU_OK ? insert(s, wall_ms, &a, error) : tu_error_memory(error);
    for (int i = 0; i < FIELDS; i++)
        free(copies[i]);
    return rc;
}

tu_rc tu_store_audit_append(tu_store *s, int64_t wall_ms, const tu_audit *audits, size_t n,
                            tu_error **error) {
    if (n == 0)
        return TU_OK;
    tu_rc rc = know_head(s, error);
    for (size_t i = 0; i < n && rc == TU_OK; i++)
        rc = append(s, wall_ms, audits[i], error);
    return rc; /* on failure tu_store_finish() forgets the head */
}

/* --- reading ---------------------------------------------------------------------------------- */

/* A hash of another length than 32 is read as zeros, which follow nothing. */
static tu_trail_record read_record(sqlite3_stmt *row) {
    tu_trail_record r = {.n = sqlite3_column_int64(row, 0),
                         .wall_ms = sqlite3_column_int64(row, 3)};
    read_hash(row, 1, r.previous);
    read_hash(row, 2, r.hash);
    tu_str *fields[] = {&r.audit.actor,        &r.audit.action,
                        &r.audit.rule,         &r.audit.target,
                        &r.audit.object.group, &r.audit.object.version,
                        &r.audit.object.kind,  &r.audit.object.namespace_,
                        &r.audit.object.name,  &r.audit.detail};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        *fields[i] = tu_column_text(row, FIRST_FIELD + (int)i);
    return r;
}

tu_rc tu_store_audit_read(tu_store *s, int64_t after, size_t limit,
                          tu_rc (*each)(void *arg, const tu_trail_record *r), void *arg,
                          tu_error **error) {
    sqlite3_stmt *row = tu_store_use(s, TU_SQL_AUDIT_PAGE);
    tu_bind_integer(row, 1, after);
    tu_bind_integer(row, 2, limit > INT32_MAX ? INT32_MAX : (int64_t)limit);
    bool more = false;
    tu_rc rc = tu_store_step(s, row, "read the audit trail", &more, error);
    while (rc == TU_OK && more) {
        const tu_trail_record r = read_record(row);
        rc = each(arg, &r);
        if (rc == TU_OK)
            rc = tu_store_step(s, row, "read the audit trail", &more, error);
    }
    tu_store_end(row);
    return rc;
}

typedef struct follower {
    tu_trail last;
    tu_error **error;
} follower;

static tu_rc follow(void *arg, const tu_trail_record *r) {
    follower *f = arg;
    return tu_trail_broken(&f->last, r, tu_trail_follow(&f->last, r), f->error);
}

tu_rc tu_store_audit_verify(tu_store *s, int64_t *ret_count, char ret_head[65], tu_error **error) {
    follower f = {.error = error};
    tu_rc rc = tu_store_audit_start(s, &f.last, NULL, error);
    if (rc == TU_OK)
        rc = tu_store_audit_read(s, f.last.n, SIZE_MAX, follow, &f, error);
    if (rc != TU_OK) {
        tu_error_context(error, "%s", s->dir);
        return rc;
    }
    *ret_count = f.last.n;
    tu_hex(f.last.hash, 32, ret_head);
    return TU_OK;
}

/* --- signing ---------------------------------------------------------------------------------- */

static tu_rc sign(tu_store *s, const char *kind, const tu_note *note, tu_buf *text,
                  tu_error **error) {
    const tu_note_key *key = NULL;
    tu_rc rc = tu_store_audit_key(s, &key, error);
    if (rc == TU_OK)
        rc = tu_note_sign(key, note, text, error);
    return rc == TU_OK ? put_mark(s, kind, note, tu_buf_str(text), error) : rc;
}

tu_rc tu_store_audit_sign(tu_store *s, int64_t wall_ms, int64_t every_ms, int64_t records,
                          tu_buf *note, tu_error **error) {
    tu_trail last;
    int64_t last_ms = 0;
    tu_rc rc = know_head(s, error);
    if (rc == TU_OK)
        rc = read_mark(s, "checkpoint", &last, &last_ms, NULL, error);
    if (rc != TU_OK)
        return rc;
    int64_t written = s->head.n - last.n, passed = wall_ms - last_ms;
    bool due = written >= records || passed >= every_ms || passed < 0 || last.n == 0;
    if (written == 0 || !due)
        return TU_OK;
    const tu_note now = {.at = s->head, .wall_ms = wall_ms};
    return sign(s, "checkpoint", &now, note, error);
}

/* --- forgetting ------------------------------------------------------------------------------- */

typedef struct forgetter {
    int64_t before_ms, newest; /* newest: the first number that stays, whatever its age */
    int64_t least;             /* numbers below it go, whatever their age */
    tu_trail last;             /* that goes */
    size_t n;
} forgetter;

static tu_rc find_last(void *arg, const tu_trail_record *r) {
    forgetter *f = arg;
    if (r->n >= f->newest || (r->wall_ms >= f->before_ms && r->n >= f->least))
        return TU_ECANCELLED;
    f->last.n = r->n;
    memcpy(f->last.hash, r->hash, 32);
    f->n++;
    return TU_OK;
}

static tu_rc forget(tu_store *s, int64_t wall_ms, const forgetter *f, tu_error **error) {
    tu_buf text = TU_BUF_INIT(4 * TU_KIB);
    const tu_note note = {.start = true, .at = f->last, .wall_ms = wall_ms};
    tu_rc rc = sign(s, "start", &note, &text, error);
    tu_buf_done(&text);
    if (rc != TU_OK)
        return rc;
    sqlite3_stmt *statement = tu_store_use(s, TU_SQL_AUDIT_DELETE);
    tu_bind_integer(statement, 1, f->last.n);
    rc = tu_store_run(s, statement, "forget old audit records", NULL, error);
    if (rc != TU_OK)
        return rc;
    char detail[64];
    int n = snprintf(detail, sizeof detail, "{\"upTo\":%lld}", (long long)f->last.n);
    const tu_audit audit = {
        .actor = TU_S("trueup"), .action = TU_S("audit.forgotten"), .detail = {detail, (size_t)n}};
    return tu_store_audit_append(s, wall_ms, &audit, 1, error);
}

tu_rc tu_store_audit_forget(tu_store *s, int64_t wall_ms, int64_t before_ms, int64_t rows,
                            bool *ret_more, tu_error **error) {
    tu_trail start;
    tu_rc rc = know_head(s, error);
    if (rc == TU_OK)
        rc = tu_store_audit_start(s, &start, NULL, error);
    forgetter f = {.before_ms = before_ms, .newest = s->head.n, .least = s->head.n - rows + 1};
    *ret_more = false;
    if (rc == TU_OK)
        rc = tu_store_audit_read(s, start.n, FORGET_STEP, find_last, &f, error);
    if (rc == TU_ECANCELLED)
        rc = TU_OK;
    if (rc != TU_OK || f.n == 0)
        return rc;
    rc = tu_store_begin(s, error);
    if (rc != TU_OK)
        return rc;
    rc = tu_store_finish(s, forget(s, wall_ms, &f, error), error);
    *ret_more = rc == TU_OK && f.n == FORGET_STEP;
    return rc;
}
