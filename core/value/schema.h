/*
 * value/schema.h: checks a value against the subset of JSON Schema that plugins' config_schema and our own documents use.
 *
 * Known: type (name or list of names), properties, required, additionalProperties (false, true or a schema), items, enum, const, pattern (PCRE2, with
 * match limits), default, minimum, maximum, minItems, maxItems, minLength, oneOf, description, "x-trueup-secret", "x-trueup-format" (duration, cron, timezone, url,
 * path, glob, pointer, rfc3339), "x-trueup-rate" (for the plugin host: nothing is checked by it), "$ref": "#/$defs/NAME" with the root's
 * "$defs" (not in plugins' schemas); title and $schema are passed over. Types are JSON Schema's (object, array, ...); "integer" takes what is written as
 * one (3, not 3.0). What stands under "x-trueup-secret" is neither checked nor shown here: the plugin host does that. cron and timezone check the
 * form only. Anything else in a schema is an error of the schema. Every mistake is reported, each at its line and
 * column, with "did you mean" for unknown keys and enum values.
 */
#ifndef TU_VALUE_SCHEMA_H
#define TU_VALUE_SCHEMA_H

#include "value/value.h"

/* Is the schema itself one that we understand? */
tu_rc tu_schema_check(const tu_value *schema, tu_error **error);
/* Appends one error for each mistake in v. `text` is the source that spans refer to, for columns (may be empty: no columns). Fills defaults into v (from the
 * arena) where properties are absent. where: "spec.config" or "", put in front of messages. */
void tu_schema_validate(tu_arena *a, const tu_value *schema, tu_value *v, const char *file,
                        tu_str text, const char *where, tu_errors *errors);
/* The column (1-based, in characters) of byte offset `at`. */
int64_t tu_text_column(tu_str text, size_t at);

#endif
