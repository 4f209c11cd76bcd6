/*
 * engine/resolving.h: a source is asked for its revision on a thread of its own, while the target is
 * asked for its kinds: both wait for somebody else most of the time.
 */
#ifndef TU_ENGINE_RESOLVING_H
#define TU_ENGINE_RESOLVING_H

#include "plugin/host.h"

typedef struct tu_resolving tu_resolving;
/* NULL: no thread could be had; ask in turn then. */
tu_resolving *tu_resolving_start(tu_plugin_use *source, tu_cancel *cancel);
/* Waits for the answer and frees r. *ret_revision is malloc'd. */
tu_rc tu_resolving_end(tu_resolving *r, char **ret_revision, tu_error **error);

#endif
