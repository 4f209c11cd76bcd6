/*
 * compare/step.c: places in an object, and the members of its maps and keyed lists, found fast.
 *
 * A place is a chain of steps on the C stack (inside.h). Here it is printed, matched against
 * patterns and looked up in sets.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "compare/inside.h"
#include "value/pointer.h"

#include <inttypes.h>
#include <stdlib.h>

#define SMALL_MAP 24u           /* members up to which a scan beats an index */
#define SMALL_LIST 12u          /* items, likewise */
#define PATH_BYTES (64u * 1024) /* a printed path; longer ones are cut */

/* ---- keys of list items ---------------------------------------------------------------- */

const tu_value *tu_key_value(const tu_schema_type *list, size_t i, const tu_value *item) {
    const tu_value *v = tu_value_get_str(item, list->keys[i]);
    return v && v->type != TU_NULL ? v : list->key_defaults[i];
}

bool tu_key_has(const tu_schema_type *list, const tu_value *item) {
    if (!tu_value_is(item, TU_MAP))
        return false;
    for (size_t i = 0; i < list->key_count; i++) {
        if (tu_key_value(list, i, item))
            return true;
    }
    return false;
}

bool tu_key_equal(const tu_schema_type *list, const tu_value *x, const tu_value *y) {
    if (!tu_key_has(list, x) || !tu_key_has(list, y))
        return false;
    for (size_t i = 0; i < list->key_count; i++) {
        const tu_value *a = tu_key_value(list, i, x), *b = tu_key_value(list, i, y);
        if (a != b && !(a && b && tu_value_equal(a, b)))
            return false;
    }
    return true;
}

uint64_t tu_key_hash(const tu_schema_type *list, const tu_value *item) {
    uint64_t hash = 0;
    for (size_t i = 0; i < list->key_count; i++) {
        const tu_value *v = tu_key_value(list, i, item);
        hash = hash * UINT64_C(0x9E3779B97F4A7C15) + (v ? tu_value_hash(v) : 1);
    }
    return hash;
}

/* ---- printing -------------------------------------------------------------------------- */

/* Inside [..], "]", "," and "\" would be read as syntax (value/pointer.h). */
static void print_escaped(tu_buf *b, tu_str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ']' || s.p[i] == ',' || s.p[i] == '\\')
            tu_buf_add_byte(b, '\\');
        tu_buf_add_byte(b, s.p[i]);
    }
}

static void print_scalar(tu_buf *b, const tu_value *v) {
    switch (v ? v->type : TU_NULL) {
    case TU_STRING:
    case TU_NUMBER:
        print_escaped(b, v->string);
        break;
    case TU_INTEGER:
        tu_buf_addf(b, "%" PRId64, v->integer);
        break;
    case TU_BOOL:
        tu_buf_add_c(b, v->boolean ? "true" : "false");
        break;
    case TU_SEALED:
        tu_buf_add_c(b, "<sealed>");
        break;
    default:
        tu_buf_add_c(b, "null");
    }
}

static void print_key(tu_buf *b, tu_str name, const tu_value *v, bool *first) {
    if (!*first)
        tu_buf_add_byte(b, ',');
    *first = false;
    print_escaped(b, name);
    tu_buf_add_byte(b, '=');
    print_scalar(b, v);
}

static void print_keys(tu_buf *b, const tu_step *s) {
    bool first = true;
    tu_buf_add_byte(b, '[');
    if (s->list && s->list->key_count) {
        for (size_t i = 0; i < s->list->key_count; i++) {
            const tu_value *v = tu_key_value(s->list, i, s->value);
            if (v)
                print_key(b, s->list->keys[i], v, &first);
        }
    } else if (tu_value_is(s->value, TU_MAP)) {
        for (uint32_t i = 0; i < s->value->map.n; i++)
            print_key(b, s->value->map.members[i].key, &s->value->map.members[i].value, &first);
    }
    tu_buf_add_byte(b, ']');
}

static void print_step(tu_buf *b, const tu_step *s) {
    _cleanup_(tu_buf_done) tu_buf step = TU_BUF_INIT(PATH_BYTES);
    switch (s->kind) {
    case TU_STEP_FIELD:
        tu_pointer_add(b, s->name);
        return;
    case TU_STEP_KEY:
        print_keys(&step, s);
        break;
    case TU_STEP_VALUE:
        tu_buf_add_c(&step, "[=");
        print_scalar(&step, s->value);
        tu_buf_add_byte(&step, ']');
        break;
    case TU_STEP_INDEX:
        tu_buf_addf(&step, "%" PRIu32, s->index);
        break;
    }
    tu_pointer_add(b, tu_buf_str(&step));
}

void tu_step_print(tu_buf *b, const tu_step *place) {
    if (!place)
        return;
    tu_step_print(b, place->up);
    print_step(b, place);
}

tu_str tu_step_path(tu_arena *a, const tu_step *place) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(PATH_BYTES);
    tu_step_print(&b, place);
    if (b.rc == TU_EINTERNAL)
        return (tu_str){NULL, 0};
    return tu_arena_copy(a, tu_buf_str(&b));
}

/* ---- in an object ---------------------------------------------------------------------- */

/* Does the item have the keys of a set's node? For lists that the description doesn't know as
 * keyed. */
static bool has_keys(const tu_value *item, const tu_value *keys) {
    if (!tu_value_is(item, TU_MAP) || !tu_value_is(keys, TU_MAP) || keys->map.n == 0)
        return false;
    for (uint32_t i = 0; i < keys->map.n; i++) {
        const tu_value *v = tu_value_get_str(item, keys->map.members[i].key);
        if (!v || !tu_value_equal(v, &keys->map.members[i].value))
            return false;
    }
    return true;
}

/* Searches a list without an index: once for each change, not for each node. */
static const tu_value *find_item(const tu_value *list, const tu_step *s) {
    for (uint32_t i = 0; tu_value_is(list, TU_LIST) && i < list->list.n; i++) {
        const tu_value *item = &list->list.items[i];
        if (s->kind == TU_STEP_VALUE ? tu_value_equal(item, s->value)
            : s->list                ? tu_key_equal(s->list, item, s->value)
                                     : has_keys(item, s->value))
            return item;
    }
    return NULL;
}

const tu_value *tu_value_at_place(const tu_value *root, const tu_step *place) {
    if (!place)
        return root;
    const tu_value *up = tu_value_at_place(root, place->up);
    if (place->kind == TU_STEP_FIELD)
        return tu_value_get_str(up, place->name);
    if (place->kind == TU_STEP_INDEX)
        return tu_value_at(up, place->index);
    return find_item(up, place);
}

/* ---- in a set -------------------------------------------------------------------------- */

#define MOST_KEYS 8 /* of a keyed list, for which no memory is needed to look an item up */

/* Sets hold an item's keys as a map sorted by name, defaults included, absent ones left out: make
 * the same and bisect. */
static const tu_path_set *find_key(const tu_path_set *set, const tu_step *s) {
    if (!s->list || s->list->key_count == 0 || s->list->key_count > MOST_KEYS)
        return tu_path_set_child(set, TU_STEP_KEY, (tu_str){NULL, 0}, s->value);
    tu_member members[MOST_KEYS];
    uint32_t n = 0;
    for (size_t i = 0; i < s->list->key_count; i++) {
        const tu_value *v = tu_key_value(s->list, i, s->value);
        if (!v)
            continue;
        uint32_t at = n++;
        for (; at > 0 && tu_str_compare(members[at - 1].key, s->list->keys[i]) > 0; at--)
            members[at] = members[at - 1];
        members[at] = (tu_member){.key = s->list->keys[i], .value = *v};
    }
    const tu_value key = {.type = TU_MAP, .map = {members, n}};
    return tu_path_set_child(set, TU_STEP_KEY, (tu_str){NULL, 0}, &key);
}

const tu_path_set *tu_step_child(const tu_path_set *set, const tu_step *step) {
    return step->kind == TU_STEP_KEY ? find_key(set, step)
                                     : tu_path_set_child(set, step->kind, step->name, step->value);
}

const tu_path_set *tu_step_find(const tu_path_set *set, const tu_step *place) {
    if (!set || !place)
        return set;
    const tu_path_set *up = tu_step_find(set, place->up);
    if (!up)
        return NULL;
    return tu_step_child(up, place);
}

/* ---- patterns -------------------------------------------------------------------------- */

bool tu_kind_ignores_here(const tu_kind *k, const tu_step *place) {
    for (size_t i = 0; i < k->ignored_count; i++)
        if (tu_pattern_matches(&k->ignored[i], place))
            return true;
    return false;
}

bool tu_kind_ignores(const tu_kind *k, const tu_step *place) {
    for (size_t i = 0; i < k->ignored_count; i++) {
        const tu_pattern *p = &k->ignored[i];
        for (const tu_step *s = place; s; s = s->up) {
            if (tu_pattern_matches(p, s))
                return true;
        }
    }
    return false;
}

/* ---- members --------------------------------------------------------------------------- */

static int by_key(const void *x, const void *y) {
    const tu_member *a = *(const tu_member *const *)x, *b = *(const tu_member *const *)y;
    return tu_str_compare(a->key, b->key);
}

tu_lookup tu_lookup_begin(const tu_value *map) {
    tu_lookup l = {.map = tu_value_is(map, TU_MAP) ? map : NULL};
    if (!l.map || map->map.n <= SMALL_MAP)
        return l;
    /* Without memory for an index, looking up is slower and as right. */
    l.sorted = tu_malloc(map->map.n * sizeof(const tu_member *));
    if (!l.sorted)
        return l;
    for (uint32_t i = 0; i < map->map.n; i++)
        l.sorted[i] = &map->map.members[i];
    qsort(l.sorted, map->map.n, sizeof(const tu_member *), by_key);
    return l;
}

const tu_value *tu_lookup_get(tu_lookup *l, tu_str key) {
    if (!l->map)
        return NULL;
    uint32_t n = l->map->map.n;
    if (l->sorted) {
        tu_member wanted = {.key = key};
        const tu_member *pointer = &wanted;
        const tu_member **found =
            bsearch(&pointer, l->sorted, n, sizeof(const tu_member *), by_key);
        return found ? &(*found)->value : NULL;
    }
    const tu_member *members = l->map->map.members;
    for (uint32_t i = 0, at = l->next; i < n; i++, at++) {
        if (at >= n)
            at = 0;
        if (tu_str_eq(members[at].key, key)) {
            l->next = at + 1;
            return &members[at].value;
        }
    }
    return NULL;
}

void tu_lookup_done(tu_lookup *l) {
    free(l->sorted);
    l->sorted = NULL;
}

/* ---- items ----------------------------------------------------------------------------- */

static uint64_t item_hash(const tu_schema_type *type, const tu_value *item) {
    return type->list == TU_LIST_KEYED ? tu_key_hash(type, item) : tu_value_hash(item);
}

static bool same_item(const tu_schema_type *type, const tu_value *x, const tu_value *y) {
    return type->list == TU_LIST_KEYED ? tu_key_equal(type, x, y)
                                       : tu_typed_equal(tu_type_items(type), x, y);
}

#define TWICE 0x80000000u /* in a slot: a later item has the same key */

static void insert_item(tu_item_index *x, uint32_t i) {
    const tu_value *item = &x->list->list.items[i];
    if (x->type->list == TU_LIST_KEYED && !tu_key_has(x->type, item))
        return;
    uint32_t at = (uint32_t)item_hash(x->type, item) & x->mask;
    for (; x->slots[at]; at = (at + 1) & x->mask) {
        if (same_item(x->type, item, &x->list->list.items[(x->slots[at] & ~TWICE) - 1])) {
            x->slots[at] |= TWICE;
            return;
        }
    }
    x->slots[at] = i + 1;
}

bool tu_item_index_begin(tu_arena *a, const tu_schema_type *type, const tu_value *list,
                         tu_item_index *ret) {
    *ret = (tu_item_index){.type = type, .list = tu_value_is(list, TU_LIST) ? list : NULL};
    if (!ret->list || list->list.n <= SMALL_LIST)
        return true;
    uint32_t size = 64;
    while (size < list->list.n * 2)
        size *= 2;
    ret->mask = size - 1;
    ret->slots = tu_arena_zalloc(a, size * sizeof(*ret->slots));
    if (!ret->slots)
        return false;
    for (uint32_t i = 0; i < list->list.n; i++)
        insert_item(ret, i);
    return true;
}

static int64_t scan(const tu_item_index *x, const tu_value *item, bool *ret_twice) {
    int64_t found = -1;
    for (uint32_t i = 0; i < x->list->list.n; i++) {
        if (!same_item(x->type, item, &x->list->list.items[i]))
            continue;
        if (found >= 0) {
            *ret_twice = true;
            break;
        }
        found = i;
    }
    return found;
}

int64_t tu_item_index_find(const tu_item_index *x, const tu_value *item, bool *ret_twice) {
    *ret_twice = false;
    if (!x->list || (x->type->list == TU_LIST_KEYED && !tu_key_has(x->type, item)))
        return -1;
    if (!x->slots)
        return scan(x, item, ret_twice);
    for (uint32_t at = (uint32_t)item_hash(x->type, item) & x->mask; x->slots[at];
         at = (at + 1) & x->mask) {
        uint32_t i = (x->slots[at] & ~TWICE) - 1;
        if (same_item(x->type, item, &x->list->list.items[i])) {
            *ret_twice = x->slots[at] & TWICE;
            return i;
        }
    }
    return -1;
}

bool tu_is_granular(const tu_schema_type *t, const tu_value *v) {
    if (tu_value_is(v, TU_MAP))
        return !t->atomic && (t->type == TU_TYPE_MAP || t->type == TU_TYPE_ANY);
    return tu_value_is(v, TU_LIST) && t->type == TU_TYPE_LIST && t->list != TU_LIST_ATOMIC;
}

bool tu_is_free_form(const tu_schema_type *t) {
    return t->type == TU_TYPE_MAP && t->field_count == 0;
}
