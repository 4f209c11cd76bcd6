/*
 * value/json.h: JSON text to values and back (RFC 8259).
 *
 * The reader is strict: UTF-8 checked, no BOM, no comments, no trailing commas, lone surrogates refused, duplicate keys are errors that
 * name both lines, depth, size and node count limited (base/limits.h). A NUL in a string (\u0000) is kept. "-0" is the integer 0, as the
 * API server reads it; every other number that isn't an int64 keeps its text ("-0.0", "1.50", "1e3").
 */
#ifndef TU_VALUE_JSON_H
#define TU_VALUE_JSON_H

#include "base/buf.h"
#include "value/value.h"

#define TU_JSON_COPY                                                                               \
    1u /* copy strings into the arena: the text may go away. Otherwise strings without escapes point into it. */
#define TU_JSON_NO_LINES 2u /* don't count lines (live objects): a little faster */
#define TU_JSON_PREFIX 4u   /* stop after one value; the rest is not looked at */

/* file names the text in errors; NULL for none. On success *ret is in the arena. `ret_length` (may be NULL): bytes read, with PREFIX. */
tu_rc tu_json_parse(tu_arena *a, tu_str text, unsigned flags, const char *file, tu_value **ret,
                    size_t *ret_length, tu_error **error);

#define TU_JSON_PRETTY 1u /* two spaces of indentation */
#define TU_JSON_SORTED 2u /* keys in byte order: the canonical form that digests are taken of */
/* Sealed values come out as "<sealed>". Failure shows in b->rc. */
void tu_json_write(tu_buf *b, const tu_value *v, unsigned flags);
/* As above with the sealed bytes. For bodies of apply calls, and for nothing else. */
void tu_json_write_secrets(tu_buf *b, const tu_value *v);

/* Finds the end of one JSON value in a stream, without parsing it. Feed bytes as they come. */
typedef struct tu_json_scan {
    uint32_t depth;
    bool in_string, escaped, started;
} tu_json_scan;
/* Returns how many bytes of `bytes` belong to the value and sets *ret_complete when it ends there. Leading white
 * space and commas count. Objects and lists only: when
 * something else begins (the "]" behind the last one, say), it returns how many bytes stand before that, without *ret_complete. The state is
 * ready for the next value after a complete one. */
size_t tu_json_scan_feed(tu_json_scan *s, tu_str bytes, bool *ret_complete);

#endif
