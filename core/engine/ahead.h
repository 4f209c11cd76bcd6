/*
 * engine/ahead.h: a listing that begins before there is anything to judge it with.
 *
 *     tu_ahead_start(selector)      a thread lists and keeps the records, up to a bound
 *       ... the manifests are read ...
 *     tu_ahead_take(on_record)      the caller's thread is given what came, and then what comes
 *
 * The selector is a guess: whoever knows better drops the listing and makes another.
 */
#ifndef TU_ENGINE_AHEAD_H
#define TU_ENGINE_AHEAD_H

#include "plugin/host.h"

typedef struct tu_ahead tu_ahead;

/* o: cancel and timeout. NULL when no thread can be started. */
tu_ahead *tu_ahead_start(tu_plugin_use *target, tu_str selector, const tu_call_options *o);
/* Is it the listing of that selector? Takes NULL. */
bool tu_ahead_is(const tu_ahead *a, tu_str selector);
/* Gives every record to o->on_record, in order, as tu_call_list() would, and frees it. */
tu_rc tu_ahead_take(tu_ahead *a, const tu_call_options *o, tu_error **error);
void tu_ahead_drop(tu_ahead *a); /* takes NULL */

#endif
