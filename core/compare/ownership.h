/*
 * compare/ownership.h: sets of paths, and who owns them (the FieldsV1 form: kubernetes-drift.md section 1.2).
 *
 *     {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {".": {}, "f:image": {}}}}}
 *
 * is a trie: a node is a member of the set when it is a leaf or has "."; children are fields, keyed items, set values or indexes.
 *
 *     spec -> containers -> [name=app] (member) -> image (member)
 *
 * The root stands for the object itself. Children are one array, sorted (fields, keys, values, indexes; then by what they
 * hold), so that two sets are compared by walking side by side and a child is found by bisection. Immutable once made.
 */
#ifndef TU_COMPARE_OWNERSHIP_H
#define TU_COMPARE_OWNERSHIP_H

#include "compare/kind.h"
#include "model/model.h"

typedef enum { TU_STEP_FIELD, TU_STEP_KEY, TU_STEP_VALUE, TU_STEP_INDEX } tu_step_kind;

typedef struct tu_path_set tu_path_set;
struct tu_path_set {
    tu_step_kind kind;
    bool member;
    tu_str name;           /* TU_STEP_FIELD: raw field name */
    const tu_value *value; /* KEY: map of keys, sorted by name; VALUE: scalar; INDEX: integer */
    tu_path_set *children; /* sorted */
    uint32_t child_count;
};

/* Parses FieldsV1 JSON (a tu_value map). Unknown prefixes are skipped with their subtree. TU_EINVALID when it is something else. */
tu_rc tu_path_set_parse(tu_arena *a, const tu_value *fields_v1, tu_path_set **ret,
                        tu_error **error);
/* The set that applying this object would own (section 1.4). */
tu_rc tu_path_set_of(tu_arena *a, const tu_kind *k, const tu_value *object, tu_path_set **ret,
                     tu_error **error);
size_t tu_path_set_size(const tu_path_set *s);
const tu_path_set *tu_path_set_child(const tu_path_set *s, tu_step_kind kind, tu_str name,
                                     const tu_value *value);
bool tu_path_set_equal(const tu_path_set *a, const tu_path_set *b);
/* Members of x that are not in y; NULL when there are none. Fails only for memory. */
tu_rc tu_path_set_difference(tu_arena *a, const tu_path_set *x, const tu_path_set *y,
                             tu_path_set **ret);

/* Does the set hold that place (value/pointer.h), something that it lies in whole, or something below it? */
bool tu_path_set_holds(const tu_path_set *s, tu_str path);

/* One entry of managedFields. */
typedef struct tu_manager_entry {
    tu_owner owner;
    tu_str api_version;
    tu_path_set
        *fields; /* never NULL; left empty for the subresource "status", which nobody compares */
} tu_manager_entry;
typedef struct tu_ownership {
    tu_manager_entry *entries;
    size_t n;
} tu_ownership;
/* Reads metadata.managedFields of a live object. None there: n = 0. *ret_broken: an entry can't be
 * read and was skipped, or there are more than TU_LIMIT_MANAGERS and the oldest were. */
tu_rc tu_ownership_of(tu_arena *a, const tu_value *live, tu_str our_manager, tu_ownership *ret,
                      bool *ret_broken, tu_error **error);
/* Which class a manager's name belongs to (section 2, "Additions"). */
tu_manager_class tu_manager_classify(tu_str manager, tu_str operation, tu_str our_manager);

#endif
