/*
 * engine/evidence.h: the audit trail while the service runs: its head is signed from time to time, what
 * is over is forgotten, and whoever asks on the socket is given it page by page. The trail only grows
 * at its end, so that pages fit together whatever is written in between.
 *
 *   {"command":"audit","after":N}
 *     {"installation","key","start":{"n","hash","note"},"checkpoint","records":[...]}
 *   key: the public one (store/note.h). start: what the first record that there is follows. checkpoint: the
 *   last signed head. records: those behind number N (store/trail.h says how), none at the end.
 */
#ifndef TU_ENGINE_EVIDENCE_H
#define TU_ENGINE_EVIDENCE_H

#include "base/buf.h"
#include "base/error.h"
#include "store/store.h"

/* The answer for one page; on the store's thread. */
tu_rc tu_evidence_page(tu_store *s, int64_t after, tu_buf *out, tu_error **error);

#endif
