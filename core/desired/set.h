/*
 * desired/set.h: how a desired set keeps its objects. For core/desired.
 *
 * A service holds its sets as long as it runs, so an object is an entry of 48 bytes and its name and
 * packed tree (value/pack.h) behind one pointer. What many objects have in common (kind, namespace,
 * file, keys of maps) stands once, and the entry has its number.
 *
 *     entry -> bytes: "app-1" packed tree (none: names.c)
 *           -> kinds[3]: apps, v1, Deployment, its description    namespaces[7]    files[12]
 *
 * Filled by one thread: tu_desired_put() for each object, tu_desired_sort(), tu_desired_index();
 * then nothing changes any more.
 */
#ifndef TU_DESIRED_SET_H
#define TU_DESIRED_SET_H

#include "base/map.h"
#include "desired/desired.h"

typedef struct tu_desired_entry {
    uint64_t hash;
    const char *bytes; /* in the set's arena */
    uint32_t name_n, packed_n;
    uint32_t kind, namespace_, file; /* numbers in the tables */
    uint32_t line, column;
} tu_desired_entry;

/* What the entries point to by number. */
typedef struct tu_desired_kind_row {
    tu_str group, version, kind;
    tu_kind *description; /* borrowed from the catalogue */
} tu_desired_kind_row;

struct tu_desired_objects {
    tu_desired_entry *entries;
    size_t capacity;
    tu_desired_kind_row *kinds;
    size_t kind_count;
    tu_map namespaces; /* an entry's number is the place in here */
    tu_str *files;     /* in the order in which they came */
    size_t file_count, file_capacity;
    tu_map keys;         /* of the packed trees */
    tu_map kind_numbers; /* "group/version/kind" -> number + 1 */
    tu_buf packed;       /* of the object that is being put */
    uint32_t *slots;     /* hash index by identity; entry + 1 */
    size_t slot_count;
    struct tu_desired_lazy *lazy; /* NULL: every object has its tree */
};

tu_desired_set *tu_desired_new(tu_catalogue *catalogue);
/* Takes an object in: everything is copied but its description. */
tu_rc tu_desired_put(tu_desired_set *s, const tu_prepared *p, tu_error **error);
/* Sorts the objects by identity, then by place. */
void tu_desired_sort(tu_desired_set *s);
/* Builds the index; before that nothing is found. */
void tu_desired_index(tu_desired_set *s);
/* Moves object `from` to place `to` <= from: for dropping objects from a sorted set. */
void tu_desired_move(tu_desired_set *s, size_t from, size_t to);

/* names.c: keeps the names of a loaded set; a set made of kept ones, or NULL. */
void tu_desired_remember(const tu_desired_input *in, const tu_desired_set *s);
tu_desired_set *tu_desired_recall(const tu_desired_input *in, const tu_call_options *call,
                                  tu_str revision);
/* Objects without a tree are loaded when the first is opened. What `in` names must live as long as
 * the set. */
void tu_desired_be_lazy(tu_desired_set *s, const tu_desired_input *in);

#define TU_DESIRED_TIMEOUT_MS 600000

/* The set for tu_desired_input.guessed; NULL where nothing can be guessed. */
tu_desired_set *tu_desired_guess(const tu_desired_input *in, const tu_tree *tree);

#endif
