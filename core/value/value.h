/*
 * value/value.h: the tree that JSON and YAML land in.
 *
 * It exists because comparing needs what no C library keeps together: insertion order, exact int64,
 * other numbers as they were written, the byte span and line of every value, duplicate keys
 * refused, depth and size bounded. Values live in an arena and point into memory of that arena or
 * of the parsed text, so the text must live as long as the tree unless the parser was told to copy.
 * A tree is immutable once it is shared; the builders below are for whoever makes it.
 *
 *     {"spec": {"replicas": 3}}     map -> member "spec" -> map -> member "replicas" -> integer 3
 *
 * A sealed value is a sensitive scalar: the tree holds a keyed digest for comparing. The bytes
 * stand behind `sealed->bytes`, which only value/json.h's tu_json_write_secrets() reads, for apply
 * bodies. Everything else prints "<sealed>".
 */
#ifndef TU_VALUE_VALUE_H
#define TU_VALUE_VALUE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include <stdbool.h>

typedef enum {
    TU_NULL,
    TU_BOOL,
    TU_INTEGER, /* fits int64 exactly */
    TU_NUMBER,  /* any other number: its text, as written (YAML: as JSON writes it) */
    TU_STRING,
    TU_LIST,
    TU_MAP,
    TU_SEALED
} tu_type;

typedef struct tu_value tu_value;
typedef struct tu_member tu_member;

typedef struct tu_sealed {
    uint8_t digest[16]; /* HMAC-SHA-256 under the process's key, of the canonical bytes, cut */
    uint8_t type;       /* what it was: TU_STRING, TU_INTEGER, ... */
    tu_str bytes;       /* the value as JSON text. Only for apply bodies. */
} tu_sealed;

struct tu_value {
    uint8_t type;   /* tu_type */
    uint8_t flags;  /* TU_VALUE_... */
    uint32_t line;  /* 1-based line in the source file; 0: not from a file */
    uint32_t begin; /* span in the parsed text, bytes: [begin, end) */
    uint32_t end;
    union {
        bool boolean;
        int64_t integer;
        tu_str string; /* TU_STRING, and the text of a TU_NUMBER */
        struct {
            tu_value *items;
            uint32_t n;
        } list;
        struct {
            tu_member *members;
            uint32_t n;
        } map;
        const tu_sealed *sealed;
    };
};

/* Flags */
#define TU_VALUE_QUOTED 1u /* a YAML scalar written in quotes or as a block */
#define TU_VALUE_YAML11                                                                            \
    2u /* a plain YAML scalar whose meaning differs from YAML 1.2: yes, on, 0777 ... */
#define TU_VALUE_EXPANDED 4u /* came out of an alias or a merge key: its span is the anchor's */
#define TU_VALUE_GROWING                                                                           \
    8u /* the builders' own: the array has room up to the next power of two. Leave it 0 */

struct tu_member {
    tu_str key;
    uint32_t key_line, key_begin; /* where the key stands */
    tu_value value;
};

const char *tu_type_name(
    tu_type t); /* "null", "boolean", "integer", "number", "string", "list", "map", "sealed" */

/* Lookups. All take NULL and values of another type, and answer NULL / false / the default. */
const tu_value *tu_value_get(const tu_value *map, const char *key);
const tu_value *tu_value_get_str(const tu_value *map, tu_str key);
const tu_member *tu_value_member(const tu_value *map, tu_str key);
const tu_value *tu_value_at(const tu_value *list, size_t i);
/* Steps through maps: tu_value_path(v, "metadata", "labels", NULL). */
const tu_value *tu_value_path(const tu_value *v, ...) __attribute__((sentinel));
size_t tu_value_count(const tu_value *v); /* members or items; 0 for scalars */
bool tu_value_is(const tu_value *v, tu_type t);
tu_str tu_value_string(const tu_value *v); /* empty unless TU_STRING */
tu_str tu_value_get_string(const tu_value *map, const char *key);
int64_t tu_value_integer(const tu_value *v, int64_t otherwise);
bool tu_value_boolean(const tu_value *v, bool otherwise);

/* JSON equality: maps without order, lists in order, numbers by value (1 == 1.0, exact for integers
 * and decimals), sealed values by digest. NULL equals only NULL. */
bool tu_value_equal(const tu_value *a, const tu_value *b);
/* Exact comparison of two JSON numbers (TU_INTEGER or TU_NUMBER) as decimals: <0, 0, >0. */
int tu_number_compare(const tu_value *a, const tu_value *b);
/* A hash that is equal for tu_value_equal() values. */
uint64_t tu_value_hash(const tu_value *v);

/* Builders. They return NULL (or false) only when memory is exhausted. Keys and strings are
 * borrowed, not copied. */
tu_value *tu_value_new(tu_arena *a, tu_type t);
tu_value *tu_value_new_string(tu_arena *a, tu_str s);
tu_value *tu_value_new_integer(tu_arena *a, int64_t i);
tu_value *tu_value_new_boolean(tu_arena *a, bool b);
/* Adds or replaces; *v is copied shallowly into the map. Returns the place, valid until the next
 * set. */
tu_value *tu_value_set(tu_arena *a, tu_value *map, tu_str key, const tu_value *v);
tu_value *tu_value_set_string(tu_arena *a, tu_value *map, const char *key, tu_str s);
tu_value *tu_value_set_integer(tu_arena *a, tu_value *map, const char *key, int64_t i);
tu_value *tu_value_set_boolean(tu_arena *a, tu_value *map, const char *key, bool b);
tu_value *tu_value_push(tu_arena *a, tu_value *list, const tu_value *v);
bool tu_value_remove(tu_value *map,
                     tu_str key); /* keeps the order of the others; false when absent */
/* A deep copy into another arena, strings included; sealed bytes too. NULL when memory is
 * exhausted. */
tu_value *tu_value_copy(tu_arena *a, const tu_value *v);

/* Replaces the scalar (or, for maps and lists, every scalar below) with sealed values. canonical,
 * when it isn't empty, is what the digest is taken of instead of the JSON text (decoded base64, so
 * that two spellings are equal). */
tu_rc tu_value_seal(tu_arena *a, tu_value *v, tu_str canonical, tu_error **error);

#endif
