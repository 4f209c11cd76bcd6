/*
 * compare/ownership.c: sets of paths: parsed from FieldsV1, made from an object, compared and
 * subtracted.
 *
 * Invariants
 *   - The children of a node are sorted by compare_nodes() and no two are equal.
 *   - A KEY node's value is a map whose members are sorted by name.
 *   - A node without children is a member; the root alone may be neither.
 * Nodes point into the values that they were made of; those must live as long.
 */
#include "compare/inside.h"
#include "value/json.h"

#include <stdlib.h>

/* ---- order ----------------------------------------------------------------------------- */

static int compare_scalars(const tu_value *a, const tu_value *b) {
    bool a_number = a->type == TU_INTEGER || a->type == TU_NUMBER;
    bool b_number = b->type == TU_INTEGER || b->type == TU_NUMBER;
    if (a_number && b_number)
        return tu_number_compare(a, b);
    if (a_number != b_number)
        return a_number ? -1 : 1;
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    if (a->type == TU_STRING)
        return tu_str_compare(a->string, b->string);
    if (a->type == TU_BOOL)
        return (int)a->boolean - (int)b->boolean;
    if (a->type == TU_SEALED)
        return memcmp(a->sealed->digest, b->sealed->digest, sizeof(a->sealed->digest));
    /* null has one value; lists and maps are no set elements, but must not break the order */
    uint64_t x = tu_value_hash(a), y = tu_value_hash(b);
    return x == y ? 0 : x < y ? -1 : 1;
}

static int compare_keys(const tu_value *a, const tu_value *b) {
    for (uint32_t i = 0; i < a->map.n && i < b->map.n; i++) {
        int order = tu_str_compare(a->map.members[i].key, b->map.members[i].key);
        if (order == 0)
            order = compare_scalars(&a->map.members[i].value, &b->map.members[i].value);
        if (order)
            return order;
    }
    return a->map.n == b->map.n ? 0 : a->map.n < b->map.n ? -1 : 1;
}

static int compare_nodes(const tu_path_set *a, const tu_path_set *b) {
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->kind == TU_STEP_FIELD)
        return tu_str_compare(a->name, b->name);
    return a->kind == TU_STEP_KEY ? compare_keys(a->value, b->value)
                                  : compare_scalars(a->value, b->value);
}

static int compare_for_sort(const void *x, const void *y) {
    return compare_nodes(x, y);
}

static int compare_members(const void *x, const void *y) {
    return tu_str_compare(((const tu_member *)x)->key, ((const tu_member *)y)->key);
}

/* Puts the children in order and makes one of those that are equal: the server keeps the last one's
 * children, and the member of either. They nearly always are in order already. */
static void settle(tu_path_set *set) {
    bool sorted = true;
    for (uint32_t i = 1; sorted && i < set->child_count; i++)
        sorted = compare_nodes(&set->children[i - 1], &set->children[i]) < 0;
    if (sorted)
        return;
    qsort(set->children, set->child_count, sizeof(*set->children), compare_for_sort);
    uint32_t kept = 0;
    for (uint32_t i = 1; i < set->child_count; i++) {
        tu_path_set *last = &set->children[kept], *next = &set->children[i];
        if (compare_nodes(last, next) != 0) {
            set->children[++kept] = *next;
            continue;
        }
        bool member = last->member || next->member;
        if (next->child_count)
            *last = *next;
        last->member = member;
    }
    set->child_count = kept + 1;
}

/* ---- from FieldsV1 --------------------------------------------------------------------- */

static tu_rc not_fields(tu_error **error, tu_str name) {
    return tu_error_set(error, TU_EINVALID, "ownership: '%.*s' is no path element", TU_P(name));
}

/* Text of a JSON scalar or map, as it stands behind "k:", "v:" and "i:". */
static tu_rc parse_element(tu_arena *a, tu_str text, tu_path_set *node, tu_error **error) {
    tu_value *v = NULL;
    tu_rc rc = tu_json_parse(a, text, TU_JSON_NO_LINES, NULL, &v, NULL, NULL);
    if (rc)
        return rc == TU_EINTERNAL ? tu_error_memory(error) : not_fields(error, text);
    if (node->kind == TU_STEP_KEY) {
        if (v->type != TU_MAP)
            return not_fields(error, text);
        for (uint32_t i = 0; i < v->map.n; i++) {
            if (!tu_is_scalar(&v->map.members[i].value))
                return not_fields(error, text);
        }
        if (v->map.n > 1)
            qsort(v->map.members, v->map.n, sizeof(*v->map.members), compare_members);
    }
    if (node->kind == TU_STEP_INDEX && v->type != TU_INTEGER)
        return not_fields(error, text);
    node->value = v;
    return TU_OK;
}

static tu_rc parse_set(tu_arena *a, const tu_value *fields, tu_path_set *set, tu_error **error);

/* One member of a set other than ".". *ret_known false: a prefix of the future, skipped with all
 * below. */
static tu_rc parse_node(tu_arena *a, const tu_member *m, tu_path_set *node, bool *ret_known,
                        tu_error **error) {
    static const char prefixes[] = "fkvi"; /* in the order of tu_step_kind */
    if (m->key.n < 2 || m->key.p[1] != ':')
        return not_fields(error, m->key);
    const char *prefix = memchr(prefixes, m->key.p[0], 4);
    *ret_known = prefix != NULL;
    if (!prefix)
        return TU_OK;
    node->kind = (tu_step_kind)(prefix - prefixes);
    tu_str rest = {m->key.p + 2, m->key.n - 2};
    tu_rc rc = TU_OK;
    if (node->kind == TU_STEP_FIELD)
        node->name = rest;
    else
        rc = parse_element(a, rest, node, error);
    if (!rc)
        rc = parse_set(a, &m->value, node, error);
    node->member = node->member || node->child_count == 0;
    return rc;
}

static tu_rc parse_set(tu_arena *a, const tu_value *fields, tu_path_set *set, tu_error **error) {
    if (!tu_value_is(fields, TU_MAP) && !tu_value_is(fields, TU_NULL))
        return tu_error_set(error, TU_EINVALID,
                            "ownership: fieldsV1 holds a %s where a map belongs",
                            fields ? tu_type_name((tu_type)fields->type) : "missing value");
    size_t n = tu_value_count(fields);
    if (n == 0)
        return TU_OK;
    set->children = tu_arena_zalloc(a, n * sizeof(*set->children));
    if (!set->children)
        return tu_error_memory(error);
    for (size_t i = 0; i < n; i++) {
        const tu_member *m = &fields->map.members[i];
        if (tu_str_is(m->key, ".")) {
            set->member = true;
            continue;
        }
        bool known = false;
        tu_rc rc = parse_node(a, m, &set->children[set->child_count], &known, error);
        if (rc)
            return rc;
        set->child_count += known;
    }
    settle(set);
    return TU_OK;
}

tu_rc tu_path_set_parse(tu_arena *a, const tu_value *fields_v1, tu_path_set **ret,
                        tu_error **error) {
    tu_path_set *root = tu_arena_zalloc(a, sizeof(*root));
    if (!root)
        return tu_error_memory(error);
    tu_rc rc = parse_set(a, fields_v1, root, error);
    if (!rc)
        *ret = root;
    return rc;
}

/* ---- from an object (section 1.4) ------------------------------------------------------ */

typedef struct {
    tu_arena *arena;
    tu_error **error;
} maker;

static tu_rc make_node(maker *m, const tu_schema_type *t, const tu_value *v, const tu_step *place,
                       tu_path_set *node);

static tu_rc make_map(maker *m, const tu_schema_type *t, const tu_value *map, const tu_step *place,
                      tu_path_set *node) {
    node->children = tu_arena_zalloc(m->arena, map->map.n * sizeof(*node->children));
    if (!node->children)
        return tu_error_memory(m->error);
    for (uint32_t i = 0; i < map->map.n; i++) {
        const tu_member *member = &map->map.members[i];
        const tu_step step = {.up = place, .kind = TU_STEP_FIELD, .name = member->key};
        if (tu_is_identity(place, member->key))
            continue;
        bool declared;
        const tu_schema_type *type = tu_type_field(t, member->key, &declared);
        tu_path_set *child = &node->children[node->child_count];
        *child = (tu_path_set){.kind = TU_STEP_FIELD, .name = member->key};
        child->member = !declared; /* a key that somebody chose, not a field of a struct */
        tu_rc rc = make_node(m, type, &member->value, &step, child);
        if (rc)
            return rc;
        node->child_count += child->member || child->child_count;
    }
    settle(node);
    return TU_OK;
}

/* The keys of an item as a map sorted by name, defaults filled in. */
static tu_value *make_key(maker *m, const tu_schema_type *t, const tu_value *item) {
    tu_value *key = tu_value_new(m->arena, TU_MAP);
    for (size_t i = 0; key && i < t->key_count; i++) {
        const tu_value *v = tu_key_value(t, i, item);
        if (v && !tu_value_set(m->arena, key, t->keys[i], v))
            return NULL;
    }
    if (key && key->map.n > 1)
        qsort(key->map.members, key->map.n, sizeof(*key->map.members), compare_members);
    return key;
}

static tu_rc make_list(maker *m, const tu_schema_type *t, const tu_value *list,
                       const tu_step *place, tu_path_set *node) {
    node->children = tu_arena_zalloc(m->arena, list->list.n * sizeof(*node->children));
    if (!node->children)
        return tu_error_memory(m->error);
    for (uint32_t i = 0; i < list->list.n; i++) {
        const tu_value *item = &list->list.items[i];
        tu_path_set *child = &node->children[node->child_count];
        *child = (tu_path_set){.kind = t->list == TU_LIST_SET ? TU_STEP_VALUE : TU_STEP_KEY,
                               .member = true};
        child->value = item;
        if (t->list == TU_LIST_KEYED) {
            if (!tu_key_has(t, item))
                continue; /* invalid, and said so elsewhere */
            const tu_step step = {.up = place, .kind = TU_STEP_KEY, .value = item, .list = t};
            child->value = make_key(m, t, item);
            if (!child->value)
                return tu_error_memory(m->error);
            /* an item that is atomic itself is owned whole */
            tu_rc rc = tu_type_items(t)->atomic ? TU_OK
                                                : make_map(m, tu_type_items(t), item, &step, child);
            if (rc)
                return rc;
        }
        node->child_count++;
    }
    settle(node);
    return TU_OK;
}

static tu_rc make_node(maker *m, const tu_schema_type *t, const tu_value *v, const tu_step *place,
                       tu_path_set *node) {
    bool list = v->type == TU_LIST && t->type == TU_TYPE_LIST && t->list != TU_LIST_ATOMIC;
    bool map =
        v->type == TU_MAP && !t->atomic && (t->type == TU_TYPE_MAP || t->type == TU_TYPE_ANY);
    if (list)
        return v->list.n ? make_list(m, t, v, place, node) : TU_OK; /* an empty one owns nothing */
    if (map && v->map.n)
        return make_map(m, t, v, place, node);
    node->member = true;
    return TU_OK;
}

tu_rc tu_path_set_of(tu_arena *a, const tu_kind *k, const tu_value *object, tu_path_set **ret,
                     tu_error **error) {
    maker m = {.arena = a, .error = error};
    tu_path_set *root = tu_arena_zalloc(a, sizeof(*root));
    if (!root)
        return tu_error_memory(error);
    tu_rc rc = TU_OK;
    if (tu_value_is(object, TU_MAP) && object->map.n)
        rc = make_map(&m, tu_kind_root(k), object, NULL, root);
    if (!rc)
        *ret = root;
    return rc;
}

/* ---- using them ------------------------------------------------------------------------ */

size_t tu_path_set_size(const tu_path_set *s) {
    size_t n = s ? s->member : 0;
    for (uint32_t i = 0; s && i < s->child_count; i++)
        n += tu_path_set_size(&s->children[i]);
    return n;
}

const tu_path_set *tu_path_set_child(const tu_path_set *s, tu_step_kind kind, tu_str name,
                                     const tu_value *value) {
    const tu_path_set wanted = {.kind = kind, .name = name, .value = value};
    if (!s || (kind != TU_STEP_FIELD && !value) || (kind == TU_STEP_KEY && value->type != TU_MAP))
        return NULL;
    size_t low = 0, high = s->child_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_nodes(&wanted, &s->children[middle]);
        if (order == 0)
            return &s->children[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bool tu_path_set_equal(const tu_path_set *a, const tu_path_set *b) {
    if (a == b)
        return true;
    if (!a || !b || a->member != b->member || a->child_count != b->child_count)
        return false;
    for (uint32_t i = 0; i < a->child_count; i++) {
        if (compare_nodes(&a->children[i], &b->children[i]) != 0 ||
            !tu_path_set_equal(&a->children[i], &b->children[i]))
            return false;
    }
    return true;
}

/* Copies of x's nodes that hold members which y lacks, into node. */
static tu_rc subtract(tu_arena *a, const tu_path_set *x, const tu_path_set *y, tu_path_set *node) {
    *node = (tu_path_set){.kind = x->kind, .name = x->name, .value = x->value};
    node->member = x->member && !(y && y->member);
    if (x->child_count == 0)
        return TU_OK;
    node->children = tu_arena_alloc(a, x->child_count * sizeof(*node->children));
    if (!node->children)
        return TU_EINTERNAL;
    for (uint32_t i = 0, j = 0; i < x->child_count; i++) {
        const tu_path_set *other = NULL;
        for (; y && j < y->child_count; j++) {
            int order = compare_nodes(&y->children[j], &x->children[i]);
            if (order == 0)
                other = &y->children[j];
            if (order >= 0)
                break;
        }
        tu_path_set *child = &node->children[node->child_count];
        tu_rc rc = subtract(a, &x->children[i], other, child);
        if (rc)
            return rc;
        node->child_count += child->member || child->child_count;
    }
    return TU_OK;
}

tu_rc tu_path_set_difference(tu_arena *a, const tu_path_set *x, const tu_path_set *y,
                             tu_path_set **ret) {
    tu_path_set *root = tu_arena_alloc(a, sizeof(*root));
    tu_rc rc = root ? subtract(a, x, y, root) : TU_EINTERNAL;
    if (!rc)
        *ret = root->member || root->child_count ? root : NULL;
    return rc;
}
