/*
 * value/pack.h: a value tree as few bytes, for what is kept long and looked at seldom: the desired
 * set of a service. About a sixth of the tree's memory; reading it back costs less than parsing.
 *
 * Kept are types, values, order, lines and sealed values with their secret bytes; spans, key lines
 * and flags are not. So packed bytes live in memory only: they are no format of a file, and nothing
 * reads them but this. Keys that repeat are numbers in a table that many packed values share.
 */
#ifndef TU_VALUE_PACK_H
#define TU_VALUE_PACK_H

#include "base/buf.h"
#include "base/map.h"
#include "value/value.h"

/* Appends v to out; failure shows in out->rc. New keys are added to the table, which nobody else may
 * change. */
void tu_pack_write(tu_map *keys, tu_buf *out, const tu_value *v);
/* The tree in the arena. Its strings point into `packed` and its keys into the table: both have to
 * stay. TU_EINTERNAL: memory is exhausted, or the bytes aren't what tu_pack_write() made. */
tu_rc tu_pack_read(const tu_map *keys, tu_str packed, tu_arena *a, tu_value **ret);

#endif
