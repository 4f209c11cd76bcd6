/*
 * engine/kinds.h: what is known of kinds without a cluster: the table of common kinds that the
 * directory target brings. For whoever works offline: `rules test`, `rules lint`.
 */
#ifndef TU_ENGINE_KINDS_H
#define TU_ENGINE_KINDS_H

#include "desired/desired.h"

typedef struct tu_kinds tu_kinds;

/* Fails where the directory target isn't installed. */
tu_rc tu_kinds_open(tu_kinds **ret, tu_errors *errors);
void tu_kinds_close(tu_kinds *k); /* takes NULL */
/* Borrowed; NULL: not among the common ones. version empty: any. */
tu_kind *tu_kinds_find(tu_kinds *k, const tu_object_id *id);
tu_catalogue *tu_kinds_catalogue(tu_kinds *k); /* borrowed */

#endif
