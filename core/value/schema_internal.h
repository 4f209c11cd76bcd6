/*
 * value/schema_internal.h: what the two halves of the schema module share: schema.c checks values,
 * schema_check.c checks schemas.
 */
#ifndef TU_VALUE_SCHEMA_INTERNAL_H
#define TU_VALUE_SCHEMA_INTERNAL_H

#include "value/schema.h"

/* A type as schemas name it, and what people call it. */
typedef struct tu_schema_type_name {
    const char *name;  /* "object" */
    const char *shown; /* "a map" */
    tu_type type;
} tu_schema_type_name;
extern const tu_schema_type_name tu_schema_types[];
extern const size_t tu_schema_type_count;

/* One "x-trueup-format": does a string have it, and what should be written instead. */
typedef struct tu_schema_format {
    const char *name;
    bool (*fits)(tu_str s);
    const char *expected; /* "a duration such as 90s, 10m or 1h30m" */
} tu_schema_format;
extern const tu_schema_format tu_schema_formats[];
extern const size_t tu_schema_format_count;
const tu_schema_format *tu_schema_format_find(tu_str name); /* NULL: there is none */

/* Does a string match the pattern somewhere? With PCRE2's match limits, so that no pattern takes
 * for ever. TU_EINVALID: the pattern can't be compiled, or matching took too long. */
tu_rc tu_schema_match(tu_str pattern, tu_str s, bool *ret_matches, tu_error **error);

/* How many mistakes v has, without reporting them and without filling defaults in. */
size_t tu_schema_count_mistakes(tu_arena *a, const tu_value *root, const tu_value *schema,
                                const tu_value *v);

/* What stands where "$ref": "#/$defs/NAME" does; any other schema is itself. */
#define TU_SCHEMA_DEFS "#/$defs/"
const tu_value *tu_schema_resolve(const tu_value *root, const tu_value *schema);

#endif
