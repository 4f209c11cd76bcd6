/*
 * compare/kind.c: compiles a kind description (include/trueup/plugin.h) to types that comparing can
 * follow.
 *
 * A description comes from a plugin, so every number and name in it is checked here once; after
 * compiling nothing needs checking again. Types refer to each other by number, in circles too (a
 * JSONSchemaProps holds JSONSchemaProps); compiled they are pointers.
 *
 * To add a semantic: a name in semantic_names, a value in tu_semantic, its equality in equal.c, and
 * the plugin header's list.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "compare/inside.h"
#include "value/json.h"

#include <stdlib.h>

const tu_schema_type tu_type_untyped = {.type = TU_TYPE_ANY};

static const char *const type_names[] = {"any",     "map",    "list",   "string",
                                         "integer", "number", "boolean"};
static const char *const list_names[] = {"atomic", "set", "keyed"};
static const char *const semantic_names[] = {"plain",    "quantity", "instant",      "microtime",
                                             "duration", "base64",   "int-or-string"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- reading --------------------------------------------------------------------------- */

typedef struct {
    tu_kind *kind;
    tu_error **error;
    size_t number; /* of the type that is being read, for messages */
} reader;

static tu_rc wrong(reader *r, const char *member, const char *what) {
    return tu_error_set(r->error, TU_EINVALID, "kind description: types[%zu].%s %s", r->number,
                        member, what);
}

static tu_rc read_word(reader *r, const tu_value *type, const char *member,
                       const char *const *names, size_t count, int *ret) {
    const tu_value *v = tu_value_get(type, member);
    if (!v)
        return TU_OK;
    for (size_t i = 0; i < count; i++) {
        if (tu_value_is(v, TU_STRING) && tu_str_is(v->string, names[i])) {
            *ret = (int)i;
            return TU_OK;
        }
    }
    return wrong(r, member, "is no word that this version knows");
}

static tu_rc read_reference(reader *r, const tu_value *v, const char *member,
                            const tu_schema_type **ret) {
    if (!v)
        return TU_OK;
    int64_t number = tu_value_is(v, TU_INTEGER) ? v->integer : -1;
    if (number < 0 || (uint64_t)number >= r->kind->type_count)
        return wrong(r, member, "refers to a type that is not there");
    *ret = &r->kind->types[number];
    return TU_OK;
}

static tu_rc read_strings(reader *r, const tu_value *v, const char *member, tu_str **ret,
                          size_t *ret_count) {
    size_t n = tu_value_count(v);
    if (!v)
        return TU_OK;
    if (!tu_value_is(v, TU_LIST))
        return wrong(r, member, "is not a list");
    tu_str *items = tu_arena_alloc(&r->kind->arena, n * sizeof(*items));
    if (!items)
        return tu_error_memory(r->error);
    for (size_t i = 0; i < n; i++) {
        if (!tu_value_is(tu_value_at(v, i), TU_STRING))
            return wrong(r, member, "holds something that is no string");
        items[i] = tu_arena_copy(&r->kind->arena, tu_value_at(v, i)->string);
        if (!items[i].p)
            return tu_error_memory(r->error);
    }
    *ret = items;
    *ret_count = n;
    return TU_OK;
}

static int by_name(const void *x, const void *y) {
    return tu_str_compare(((const tu_schema_field *)x)->name, ((const tu_schema_field *)y)->name);
}

static tu_rc read_fields(reader *r, const tu_value *fields, tu_schema_type *t) {
    if (!fields)
        return TU_OK;
    if (!tu_value_is(fields, TU_MAP))
        return wrong(r, "fields", "is not a map");
    t->fields = tu_arena_zalloc(&r->kind->arena, fields->map.n * sizeof(*t->fields));
    if (!t->fields)
        return tu_error_memory(r->error);
    for (uint32_t i = 0; i < fields->map.n; i++) {
        t->fields[i].name = tu_arena_copy(&r->kind->arena, fields->map.members[i].key);
        if (!t->fields[i].name.p)
            return tu_error_memory(r->error);
        tu_rc rc = read_reference(r, &fields->map.members[i].value, "fields", &t->fields[i].type);
        if (rc)
            return rc;
    }
    t->field_count = fields->map.n;
    qsort(t->fields, t->field_count, sizeof(*t->fields), by_name);
    return TU_OK;
}

static tu_rc read_keys(reader *r, const tu_value *type, tu_schema_type *t) {
    tu_rc rc = read_strings(r, tu_value_get(type, "keys"), "keys", &t->keys, &t->key_count);
    if (rc)
        return rc;
    if (t->list != TU_LIST_KEYED)
        return TU_OK;
    if (t->key_count == 0)
        return wrong(r, "keys", "is empty, but the list is keyed");
    t->key_defaults = tu_arena_zalloc(&r->kind->arena, t->key_count * sizeof(*t->key_defaults));
    if (!t->key_defaults)
        return tu_error_memory(r->error);
    const tu_value *defaults = tu_value_get(type, "defaults");
    for (size_t i = 0; i < t->key_count; i++)
        t->key_defaults[i] = tu_value_get_str(defaults, t->keys[i]);
    return TU_OK;
}

static tu_rc read_type(reader *r, const tu_value *type, tu_schema_type *t) {
    int word = -1;
    tu_rc rc = tu_value_is(type, TU_MAP) ? TU_OK : wrong(r, "type", "is missing");
    if (!rc)
        rc = read_word(r, type, "type", type_names, COUNT(type_names), &word);
    if (!rc && word < 0)
        rc = wrong(r, "type", "is missing");
    if (rc)
        return rc;
    t->type = (tu_kind_type)word;
    word = TU_LIST_ATOMIC;
    rc = read_word(r, type, "list", list_names, COUNT(list_names), &word);
    t->list = (tu_list_type)word;
    word = TU_SEMANTIC_PLAIN;
    if (!rc)
        rc = read_word(r, type, "semantic", semantic_names, COUNT(semantic_names), &word);
    t->semantic = (tu_semantic)word;
    t->atomic = tu_value_boolean(tu_value_get(type, "atomic"), false);
    t->closed = tu_value_boolean(tu_value_get(type, "closed"), false);
    t->no_null = !tu_value_boolean(tu_value_get(type, "null"), true);
    if (t->type == TU_TYPE_MAP) {
        t->defaults = tu_value_get(type, "defaults");
        if (t->defaults && t->defaults->type != TU_MAP)
            return wrong(r, "defaults", "is not a map");
    }
    if (!rc)
        rc = read_fields(r, tu_value_get(type, "fields"), t);
    if (!rc)
        rc = read_reference(r, tu_value_get(type, "values"), "values", &t->values);
    if (!rc)
        rc = read_reference(r, tu_value_get(type, "items"), "items", &t->items);
    if (!rc)
        rc = read_keys(r, type, t);
    if (!rc)
        rc = read_strings(r, tu_value_get(type, "required"), "required", &t->required,
                          &t->required_count);
    return rc;
}

/* ---- patterns -------------------------------------------------------------------------- */

static tu_rc read_patterns(reader *r, const tu_value *description, const char *member,
                           tu_pattern **ret, size_t *ret_count) {
    const tu_value *list = tu_value_get(description, member);
    if (!list)
        return TU_OK;
    if (!tu_value_is(list, TU_LIST))
        return tu_error_set(r->error, TU_EINVALID, "kind description: %s is not a list", member);
    *ret = tu_arena_zalloc(&r->kind->arena, list->list.n * sizeof(**ret));
    if (!*ret)
        return tu_error_memory(r->error);
    for (uint32_t i = 0; i < list->list.n; i++) {
        tu_rc rc =
            tu_pattern_read(&r->kind->arena, &list->list.items[i], member, &(*ret)[i], r->error);
        if (rc)
            return rc;
    }
    *ret_count = list->list.n;
    return TU_OK;
}

static tu_rc read_folds(reader *r, const tu_value *description) {
    const tu_value *list = tu_value_get(description, "fold");
    size_t n = tu_value_count(list);
    tu_kind *k = r->kind;
    k->folds = tu_arena_zalloc(&k->arena, n * sizeof(*k->folds));
    if (!k->folds)
        return tu_error_memory(r->error);
    for (size_t i = 0; i < n; i++) {
        const tu_value *fold = tu_value_at(list, i);
        tu_rc rc = tu_pattern_read(&k->arena, tu_value_get(fold, "from"), "fold.from",
                                   &k->folds[i].from, r->error);
        if (!rc)
            rc = tu_pattern_read(&k->arena, tu_value_get(fold, "into"), "fold.into",
                                 &k->folds[i].into, r->error);
        if (rc)
            return rc;
        tu_str encode = tu_value_get_string(fold, "encode");
        k->folds[i].base64 = tu_str_is(encode, "base64");
        if (encode.n && !k->folds[i].base64)
            return tu_error_set(r->error, TU_EINVALID,
                                "kind description: fold[%zu].encode is not \"base64\"", i);
        k->fold_count = i + 1;
    }
    return TU_OK;
}

static tu_rc read_description(reader *r, tu_str text) {
    tu_kind *k = r->kind;
    tu_value *description = NULL;
    if (text.n > TU_LIMIT_DESCRIPTION_BYTES)
        return tu_error_set(r->error, TU_EINVALID,
                            "kind description: larger than TU_LIMIT_DESCRIPTION_BYTES");
    /* Kept in the arena: key defaults point into it. */
    tu_rc rc = tu_json_parse(&k->arena, text, TU_JSON_COPY | TU_JSON_NO_LINES, NULL, &description,
                             NULL, r->error);
    if (rc) {
        tu_error_context(r->error, "kind description");
        return rc;
    }
    const tu_value *types = tu_value_get(description, "types");
    if (tu_value_count(types) == 0 || !tu_value_is(types, TU_LIST))
        return tu_error_set(r->error, TU_EINVALID, "kind description: types is missing or empty");
    k->types = tu_arena_zalloc(&k->arena, types->list.n * sizeof(*k->types));
    if (!k->types)
        return tu_error_memory(r->error);
    k->type_count = types->list.n;
    k->verbatim = tu_value_boolean(tu_value_get(description, "verbatim"), false);
    for (r->number = 0; !rc && r->number < k->type_count; r->number++)
        rc = read_type(r, &types->list.items[r->number], &k->types[r->number]);
    if (!rc)
        rc = read_patterns(r, description, "sensitive", &k->sensitive, &k->sensitive_count);
    if (!rc)
        rc = read_patterns(r, description, "ignored", &k->ignored, &k->ignored_count);
    if (!rc)
        rc = read_folds(r, description);
    if (!rc)
        rc = tu_tables_read(&k->arena, description, &k->tables, r->error);
    return rc;
}

/* ---- life ------------------------------------------------------------------------------ */

tu_rc tu_kind_compile(tu_str description, tu_kind **ret, tu_error **error) {
    tu_kind *k = tu_calloc(1, sizeof(*k));
    if (!k)
        return tu_error_memory(error);
    tu_arena_init(&k->arena, 0); /* the description's size is limited, and so is what comes of it */
    k->references = 1;
    reader r = {.kind = k, .error = error};
    tu_rc rc = read_description(&r, description);
    if (rc) {
        tu_kind_unref(k);
        return rc;
    }
    *ret = k;
    return TU_OK;
}

tu_kind *tu_kind_untyped(void) {
    static tu_schema_type type = {.type = TU_TYPE_ANY};
    static tu_kind kind = {.immortal = true, .types = &type, .type_count = 1};
    return &kind;
}

tu_kind *tu_kind_ref(tu_kind *k) {
    if (k && !k->immortal)
        __atomic_add_fetch(&k->references, 1, __ATOMIC_RELAXED);
    return k;
}

void tu_kind_unref(tu_kind *k) {
    if (!k || k->immortal || __atomic_sub_fetch(&k->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    tu_arena_done(&k->arena);
    free(k);
}

/* ---- following types ------------------------------------------------------------------- */

const tu_schema_type *tu_kind_root(const tu_kind *k) {
    return &k->types[0];
}

const tu_schema_type *tu_type_field(const tu_schema_type *t, tu_str name, bool *ret_declared) {
    size_t low = 0, high = t->field_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = tu_str_compare(name, t->fields[middle].name);
        if (order == 0) {
            if (ret_declared)
                *ret_declared = true;
            return t->fields[middle].type;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    if (ret_declared)
        *ret_declared = false;
    return t->values ? t->values : &tu_type_untyped;
}

const tu_schema_type *tu_type_items(const tu_schema_type *t) {
    return t->items ? t->items : &tu_type_untyped;
}

bool tu_is_identity(const tu_step *up, tu_str name) {
    static const char *const in_metadata[] = {
        "name",       "namespace", "uid",           "resourceVersion",
        "generation", "selfLink",  "managedFields", "creationTimestamp",
        "clusterName"};
    if (!up)
        return tu_str_is(name, "apiVersion") || tu_str_is(name, "kind");
    if (up->up || up->kind != TU_STEP_FIELD || !tu_str_is(up->name, "metadata"))
        return false;
    for (size_t i = 0; i < COUNT(in_metadata); i++) {
        if (tu_str_is(name, in_metadata[i]))
            return true;
    }
    return false;
}
