/*
 * compare/inside.h: what the files of this folder share and nobody else needs.
 *
 * A walk through an object keeps its place as a chain of steps on the C stack: nothing is allocated
 * until there is a difference to tell.
 *
 *     root <- step "spec" <- step "containers" <- step [name=app] <- step "image"
 *
 * The chain serves for three things: printing a path, finding the same place in an ownership set,
 * matching a pattern.
 */
#ifndef TU_COMPARE_INSIDE_H
#define TU_COMPARE_INSIDE_H

#include "compare/judge.h"
#include "compare/tables.h"

/* ---- places ---------------------------------------------------------------------------- */

typedef struct tu_step {
    const struct tu_step *up; /* NULL: the object itself, which is no step */
    tu_step_kind kind;
    tu_str name;                /* FIELD */
    const tu_value *value;      /* KEY: a map that holds the keys (the item); VALUE: the scalar */
    const tu_schema_type *list; /* KEY: the list's type, for its keys and their order */
    uint32_t index;             /* INDEX */
} tu_step;

/* Prints the path in the form of value/pointer.h. */
void tu_step_print(tu_buf *b, const tu_step *place);
/* The path in the arena; .p is NULL when memory is exhausted. */
tu_str tu_step_path(tu_arena *a, const tu_step *place);
/* The child of a set's node that a step leads to; NULL when there is none. */
const tu_path_set *tu_step_child(const tu_path_set *set, const tu_step *step);
/* The type at that place. */
const tu_schema_type *tu_type_at(const tu_kind *k, const tu_step *place);
/* What stands at that place of an object; NULL when nothing does. */
const tu_value *tu_value_at_place(const tu_value *root, const tu_step *place);
/* The node of that place in a set; NULL when the set has nothing there. */
const tu_path_set *tu_step_find(const tu_path_set *set, const tu_step *place);

/* The value of key number i of a keyed list's item: what the item says, else the key's default,
 * else NULL. */
const tu_value *tu_key_value(const tu_schema_type *list, size_t i, const tu_value *item);
/* Do two items of a keyed list have the same key? Items without any key are equal to nothing. */
bool tu_key_equal(const tu_schema_type *list, const tu_value *x, const tu_value *y);
bool tu_key_has(const tu_schema_type *list, const tu_value *item);
uint64_t tu_key_hash(const tu_schema_type *list, const tu_value *item);

/* ---- descriptions ---------------------------------------------------------------------- */

typedef struct tu_fold {
    tu_pattern from, into;
    bool base64;
} tu_fold;

struct tu_kind {
    tu_arena arena;
    uint32_t references; /* atomic */
    bool immortal;       /* the untyped kind: never counted, never freed */
    bool verbatim;       /* the target keeps empty values: "" and absent differ */
    tu_schema_type *types;
    size_t type_count;
    tu_pattern *sensitive, *ignored;
    size_t sensitive_count, ignored_count;
    tu_fold *folds;
    size_t fold_count;
    tu_tables tables;
};

extern const tu_schema_type tu_type_untyped;

/* Is the place itself, or one above it, ignored by the description? */
bool tu_kind_ignores(const tu_kind *k, const tu_step *place);
/* Is it the place itself? For a walk that doesn't enter what is ignored. */
bool tu_kind_ignores_here(const tu_kind *k, const tu_step *place);
/* Names that the server never tracks and that identify the object, so nothing compares them:
 * apiVersion, kind, metadata.name ... `up` is the step of the map that holds the member. */
bool tu_is_identity(const tu_step *up, tu_str name);

/* Base64 of nothing but blanks: somebody else is to fill it in. */
bool tu_is_placeholder(const tu_value *v);

/* ---- looking up members of large maps -------------------------------------------------- */

/* Finds members of one map again and again. Remembers where the last one stood, since two maps
 * mostly have the same order, and sorts an index when the map is large, so that nothing from
 * outside makes it quadratic. */
typedef struct tu_lookup {
    const tu_value *map;
    uint32_t next;
    const tu_member **sorted; /* malloc'd; NULL for small maps */
} tu_lookup;
tu_lookup
tu_lookup_begin(const tu_value *map); /* takes NULL and anything that is no map: finds nothing */
const tu_value *tu_lookup_get(tu_lookup *l, tu_str key);
void tu_lookup_done(tu_lookup *l);

/* Finds items of one keyed list or set. A hash table when the list is long; in the arena, so
 * nothing is to be freed. */
typedef struct tu_item_index {
    const tu_schema_type *type; /* the list's */
    const tu_value *list;       /* NULL: finds nothing */
    uint32_t *slots;            /* item number + 1; NULL for short lists */
    uint32_t mask;
} tu_item_index;
/* list may be NULL or no list. False when memory is exhausted. */
bool tu_item_index_begin(tu_arena *a, const tu_schema_type *type, const tu_value *list,
                         tu_item_index *ret);
/* The number of the first item with the key of `item` (in a set: equal to it), or -1. *ret_twice:
 * there is another one. */
int64_t tu_item_index_find(const tu_item_index *x, const tu_value *item, bool *ret_twice);

/* Granular: applied part by part, as opposed to an atomic that is replaced whole. */
bool tu_is_granular(const tu_schema_type *t, const tu_value *v);
/* A map whose keys somebody chooses (labels, data), as opposed to a struct's fields and to what is
 * untyped. */
bool tu_is_free_form(const tu_schema_type *t);

/* ---- equality -------------------------------------------------------------------------- */

/* How near a live value is to a desired one. */
typedef enum {
    TU_EQUAL,  /* the same under the type */
    TU_WITHIN, /* what is desired is there, and what differs may be the server's doing: members that
                  it fills in, empty values that it leaves out, a quantity that it rounds up */
    TU_DIFFERENT
} tu_closeness;
/* Either may be NULL: not there. verbatim: see struct tu_kind. */
tu_closeness tu_typed_compare(const tu_schema_type *t, const tu_value *desired,
                              const tu_value *live, bool verbatim);
/* Allocates nothing. White space counts for nothing. */
bool tu_is_base64(tu_str s);
/* Two plain texts that mean the same quantity, duration or instant: "1000m" and "1". */
bool tu_is_respelled(const tu_value *x, const tu_value *y);
/* null, "", 0, false, [], {} and maps of nothing but these: what a server may leave out. */
bool tu_is_zero(const tu_value *v);
bool tu_is_scalar(const tu_value *v); /* null is one, a sealed value is one */

/* ---- the judge's list of changes ------------------------------------------------------- */

typedef struct tu_change_list {
    tu_arena *arena;
    tu_change *items;
    size_t n, capacity;
    bool failed; /* memory is exhausted */
} tu_change_list;
/* Appends a change of that kind at that place, zeroed but for the two. NULL when the list is full
 * or memory is exhausted. */
tu_change *tu_change_add(tu_change_list *list, const tu_step *place, tu_change_kind kind);

/* ---- one judgement --------------------------------------------------------------------- */

typedef struct tu_bench { /* the table on which the object lies while it is judged */
    tu_arena *arena;
    const tu_judge_input *in;
    const tu_kind *kind;
    tu_ownership ownership;
    const tu_manager_entry *ours;      /* our Apply entry in the desired version; NULL: none */
    const tu_manager_entry *elsewhere; /* our Apply entry in another version; NULL: none */
    bool exact;                        /* our entry holds what we desire, and nothing else */
    uint8_t *appliers;                 /* beside ownership.entries: TU_APPLIER_... */
    tu_change_list changes, quiet, doubts;
    bool suspect;   /* something was believed, or doubted, that a dry run would settle */
    bool rewritten; /* live differs from desired, and a dry run says that it always will */
    bool handless;  /* there is a change of which no hand is recorded */
    tu_str onset;   /* the earliest so far */
    tu_str uid;     /* of live */
} tu_bench;

/* judge.c: follows the desired object. */
void tu_walk(tu_bench *b);

/* attribute.c */
/* Fills in owner and note of a change at a place of the desired object, and looks at the onset. */
void tu_attribute(tu_bench *b, tu_change *c, const tu_step *place);
/* The same for an addition that this entry holds. */
void tu_attribute_added(tu_bench *b, tu_change *c, const tu_manager_entry *e);
/* What is to be said of an addition by somebody: "" mostly; "default" when it is what the target
 * would fill in. */
tu_str tu_note_added(tu_bench *b, const tu_manager_entry *e, const tu_step *place,
                     const tu_value *live);
/* Why something is there that nobody holds: default, stale-default, allocated or admission. */
tu_str tu_note_unowned(tu_bench *b, const tu_step *place, const tu_value *live);
/* When all is found: the onset of what has no recorded hand. */
void tu_onset_without_hand(tu_bench *b);

/* unowned.c: lists what stands in live and that nobody holds or desires. False when memory is
 * exhausted. */
bool tu_find_unowned(tu_bench *b);

/* dropped.c: what goes with our hold, where it is recorded in another version. */
void tu_find_dropped(tu_bench *b);

/* tracking.c */
typedef struct tu_tracking {
    tu_str tool, namespace_, name; /* what of the tool: the application, the release ... */
    const char *verb;
} tu_tracking;
/* Does another tool look after this object, by marks that don't stand in Git? */
bool tu_is_tracked(const tu_value *live, const tu_value *desired, tu_tracking *ret);
/* Is it one of the labels and annotations by which a tool marks what it manages? Then the object is
 * `foreign`, and the mark itself is nobody's addition. */
bool tu_is_tracking_place(const tu_step *place, const tu_value *live);

/* The most recent entry of another manager that holds the place, what contains it whole, or
 * something below it; NULL when there is none. */
const tu_manager_entry *tu_other_at(const tu_ownership *o, const tu_step *place);
/* That entry's owner; else ours, when we hold it; else an empty one. */
tu_owner tu_owner_at(const tu_ownership *o, const tu_step *place);
/* Somebody else who holds the place itself, so that it stays when we let go of it; NULL: nobody.
 * Holding only parts of a list's item keeps nothing: the item goes with all that others put into it
 * (kubernetes-drift.md section 0, point 9). */
const tu_manager_entry *tu_keeper_at(const tu_ownership *o, const tu_step *place);
/* Did this entry's manager write the object as a whole, defaults included, rather than edit it?
 * (additions.c) */
bool tu_is_applier(tu_bench *b, const tu_manager_entry *e);
/* An applier, or a server-side apply of all that we desire. */
bool tu_wrote_whole(tu_bench *b, const tu_manager_entry *e);
/* Finds what others added and what ours Git no longer has. False when memory is exhausted. */
bool tu_find_additions(tu_bench *b);

#endif
