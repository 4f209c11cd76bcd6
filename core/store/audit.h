/*
 * store/audit.h: the audit trail in the store: reading it, signing its head, forgetting its beginning.
 * What the trail is: store/trail.h. It is written by tu_store_commit() and with deliveries' outcomes.
 */
#ifndef TU_STORE_AUDIT_H
#define TU_STORE_AUDIT_H

#include "store/note.h"
#include "store/trail.h"

/* Records behind number `after`, in order, at most limit. Strings live until each() returns. */
tu_rc tu_store_audit_read(tu_store *s, int64_t after, size_t limit,
                          tu_rc (*each)(void *arg, const tu_trail_record *r), void *arg,
                          tu_error **error);

/* Where the trail begins: n 0, or the last record that was forgotten, with the note that says so
 * (room for it in note, which may be NULL; empty with n 0). */
tu_rc tu_store_audit_start(tu_store *s, tu_trail *ret, tu_buf *note, tu_error **error);
/* The last signed head; empty: none yet. */
tu_rc tu_store_audit_checkpoint(tu_store *s, tu_buf *note, tu_error **error);

/* DIR/audit.key, made at first use. Belongs to the store. */
tu_rc tu_store_audit_key(tu_store *s, const tu_note_key **ret, tu_error **error);

/* Signs the head when `records` or more were written since the last time, or some were and every_ms
 * have passed. *note stays empty when nothing was due. */
tu_rc tu_store_audit_sign(tu_store *s, int64_t wall_ms, int64_t every_ms, int64_t records,
                          tu_buf *note, tu_error **error);

/* Forgets, in one small step, records that are older than `before_ms` or of which there are more than
 * `rows` newer ones; the last record stays. What was forgotten is signed, and said in the trail. */
tu_rc tu_store_audit_forget(tu_store *s, int64_t wall_ms, int64_t before_ms, int64_t rows,
                            bool *ret_more, tu_error **error);

#endif
