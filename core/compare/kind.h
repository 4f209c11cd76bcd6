/*
 * compare/kind.h: a kind description (include/trueup/plugin.h, "kind description") compiled for comparing.
 *
 * A graph of types: following a field or an item gives the type below. Immutable after compiling, so any thread may read it.
 */
#ifndef TU_COMPARE_KIND_H
#define TU_COMPARE_KIND_H

#include "value/value.h"

typedef enum {
    TU_TYPE_ANY,
    TU_TYPE_MAP,
    TU_TYPE_LIST,
    TU_TYPE_STRING,
    TU_TYPE_INTEGER,
    TU_TYPE_NUMBER,
    TU_TYPE_BOOLEAN
} tu_kind_type;
typedef enum { TU_LIST_ATOMIC, TU_LIST_SET, TU_LIST_KEYED } tu_list_type;
typedef enum {
    TU_SEMANTIC_PLAIN,
    TU_SEMANTIC_QUANTITY,
    TU_SEMANTIC_INSTANT,   /* RFC 3339, compared to the second */
    TU_SEMANTIC_MICROTIME, /* ... to the microsecond */
    TU_SEMANTIC_DURATION,  /* Go duration text */
    TU_SEMANTIC_BASE64,
    TU_SEMANTIC_INT_OR_STRING
} tu_semantic;

typedef struct tu_schema_type tu_schema_type;
typedef struct tu_schema_field {
    tu_str name;
    const tu_schema_type *type;
} tu_schema_field;
struct tu_schema_type {
    tu_kind_type type;
    tu_semantic semantic;
    tu_list_type list;
    bool atomic;             /* map: replaced whole */
    bool closed;             /* map: undeclared members are an error */
    bool no_null;            /* the target may refuse null here, where others take it for nothing */
    tu_schema_field *fields; /* sorted by name */
    size_t field_count;
    const tu_schema_type *values, *items; /* NULL: none, untyped */
    const tu_value *defaults; /* map: what the target fills in, by name; NULL: nothing is known */
    tu_str *keys;             /* keyed list, in declared order */
    const tu_value **key_defaults; /* beside keys; NULL where a key has none */
    size_t key_count;
    tu_str *required;
    size_t required_count;
};

typedef struct tu_kind tu_kind;

/* Compiles the JSON text of a description. The kind holds a reference count of one. */
tu_rc tu_kind_compile(tu_str description, tu_kind **ret, tu_error **error);
/* A kind of which nothing is known: every map granular, every list atomic, nothing sensitive. */
tu_kind *tu_kind_untyped(void);
tu_kind *tu_kind_ref(tu_kind *k);
void tu_kind_unref(tu_kind *k); /* takes NULL */

const tu_schema_type *tu_kind_root(const tu_kind *k);
/* The type below a map's member (never NULL: untyped where nothing is declared), and of a list's items. */
const tu_schema_type *tu_type_field(const tu_schema_type *t, tu_str name, bool *ret_declared);
const tu_schema_type *tu_type_items(const tu_schema_type *t);

/* Seals every sensitive value of the object in place (value/value.h). Must run before anything is printed, hashed or stored. */
tu_rc tu_kind_seal(const tu_kind *k, tu_arena *a, tu_value *object, tu_error **error);
/* Removes what is never desired from a manifest: the description's "ignored", "omitted" and
 * "placeholders", and what generators write and no schema knows (strip.c). */
void tu_kind_strip(const tu_kind *k, tu_value *object);
/* Checks the manifest against the types: unknown members of closed maps, wrong types, missing required members, duplicate keys in keyed
 * lists, bad base64. Every mistake is one error at its line. */
void tu_kind_validate(const tu_kind *k, const tu_value *object, const char *file,
                      tu_errors *errors);

/* What of a manifest has no effect, or is going to be left out by tu_kind_strip(): remarks for people,
 * as errors with a line and a stable code (lint.c). Before stripping. */
void tu_kind_lint(const tu_kind *k, const tu_value *manifest, const char *file, tu_errors *remarks);

#endif
