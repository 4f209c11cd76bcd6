/*
 * compare/tables.h: what a kind description tells beside its types (include/trueup/plugin.h): tables
 * of places and what they mean. They explain; the verdict never rests on them.
 *
 * To add a table: a member here, its reading in tables.c, its form in the plugin header.
 */
#ifndef TU_COMPARE_TABLES_H
#define TU_COMPARE_TABLES_H

#include "compare/ownership.h"

struct tu_step;

/* A path pattern of a description: JSON pointer steps, "*" is any one step, "**" any number. */
typedef struct tu_pattern {
    tu_str *steps;
    size_t n;
} tu_pattern;

typedef struct tu_default {
    tu_pattern path;
    const tu_value *value;      /* NULL: any, or as `like` says */
    tu_str like;                /* a member beside it that it repeats; empty: none */
    tu_str beside, beside_glob; /* only where that member fits; empty: always */
} tu_default;

/* A place, and what must be there for it to count. */
typedef struct tu_condition {
    tu_pattern path, when; /* when.n = 0: always */
} tu_condition;

typedef struct tu_places {
    tu_condition *items;
    size_t n;
} tu_places;

typedef struct tu_tables {
    tu_default *defaults;
    size_t default_count;
    tu_places allocated, cosmetic, immutable, omitted, placeholders;
    tu_condition *mirrors; /* path and when are the two spellings */
    size_t mirror_count;
    tu_pattern finished_when, finished_list;
    const tu_value *finished_items; /* NULL: objects of the kind don't finish */
} tu_tables;

tu_rc tu_pattern_read(tu_arena *a, const tu_value *v, const char *member, tu_pattern *ret,
                      tu_error **error);
/* Does the pattern name the place itself? */
bool tu_pattern_matches(const tu_pattern *p, const struct tu_step *place);
/* What a pattern without wildcards names; NULL when it isn't there. */
const tu_value *tu_pattern_follow(const tu_pattern *p, const tu_value *root);

/* Reads all tables. They live in the arena; description must live as long. */
tu_rc tu_tables_read(tu_arena *a, const tu_value *description, tu_tables *ret, tu_error **error);
/* Is the place, or one above it, in the table? root answers `when`: what is there and isn't false. */
bool tu_places_cover(const tu_places *t, const tu_value *root, const struct tu_step *place);

typedef enum {
    TU_DEFAULT_NONE,  /* the target fills in nothing there, as far as is known */
    TU_DEFAULT_ANY,   /* it does, and what isn't known */
    TU_DEFAULT_KNOWN, /* it would fill in *ret_value */
} tu_default_kind;
/* What the target would fill in at a place of `live`, as things stand beside it. */
tu_default_kind tu_default_at(const tu_kind *k, const tu_value *live, const struct tu_step *place,
                              const tu_value **ret_value);
/* Will the target remove this object by itself, because its work is done? */
bool tu_is_finished(const tu_kind *k, const tu_value *live);

#endif
