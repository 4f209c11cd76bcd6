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

#include "engine/service.h"

/* On the engine's thread. close: its timer, once the store's worker is gone; what was written since the
 * last time is signed, so that nothing can be cut off while no service runs; free: once the loop has let
 * go of it. */
void evidence_start(service *s);
void evidence_close(service *s);
void evidence_free(service *s);
/* done(arg, answer) is called once, later, on the engine's thread; answer lives until it returns. */
void evidence_answer(service *s, const tu_value *request,
                     void (*done)(void *arg, const tu_buf *answer), void *arg);

/* The answer for one page; on the store's thread. */
tu_rc tu_evidence_page(tu_store *s, int64_t after, tu_buf *out, tu_error **error);

#endif
