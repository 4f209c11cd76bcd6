/*
 * compare/validate.c: checks a manifest against its kind's types, so that a mistake is told at its
 * line before any server sees it.
 *
 * Every mistake is one error; the walk goes on past it. Messages name the path and the types, never
 * a value: it may be a secret that stands in the wrong place.
 *
 * Null is allowed everywhere (it asks for the default), and what the description ignores isn't
 * looked at: manifests are often exported, status and all.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "compare/inside.h"
#include "compare/quantity.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
    const tu_kind *kind;
    const char *file;
    tu_errors *errors;
} checker;

static void check(checker *c, const tu_schema_type *t, const tu_value *v, const tu_step *place);

/* Adds "path: text" at the value's line. The error belongs to the list; it is returned for a hint.
 */
static tu_error *complain(checker *c, const tu_step *place, uint32_t line, const char *text) {
    _cleanup_(tu_buf_done) tu_buf path = TU_BUF_INIT(TU_LIMIT_LOG_BYTES);
    tu_error *e = NULL;
    tu_step_print(&path, place);
    tu_error_set_at(&e, TU_EINVALID, c->file, line, 0, "%s: %s", path.n ? tu_buf_c(&path) : "/",
                    text);
    tu_errors_add(c->errors, e);
    return e;
}

static const char *with_article(tu_type type) {
    static const char *const names[] = {"null",     "a boolean", "an integer", "a number",
                                        "a string", "a list",    "a map",      "a string"};
    return names[type];
}

static void wrong_type(checker *c, const tu_step *place, const tu_value *v, const char *expected) {
    char text[160];
    bool quote = strcmp(expected, "a string") == 0 && tu_is_scalar(v);
    snprintf(text, sizeof(text), "expected %s, got %s%s", expected, with_article((tu_type)v->type),
             quote ? ": quote it" : "");
    complain(c, place, v->line, text);
}

/* ---- maps ------------------------------------------------------------------------------ */

static void unknown_member(checker *c, const tu_schema_type *t, const tu_member *m,
                           const tu_step *place) {
    tu_error *e = complain(c, place, m->key_line, "there is no such field");
    const char **names = tu_malloc((t->field_count + 1) * sizeof(*names));
    for (size_t i = 0; names && i < t->field_count; i++)
        names[i] = t->fields[i].name.p; /* the arena's copies end in NUL */
    const char *nearest = names ? tu_suggest(m->key, names, t->field_count) : NULL;
    if (nearest && e)
        tu_error_hint(&e, "did you mean '%s'?", nearest);
    free(names);
}

static void check_map(checker *c, const tu_schema_type *t, const tu_value *v,
                      const tu_step *place) {
    for (uint32_t i = 0; i < v->map.n; i++) {
        const tu_member *m = &v->map.members[i];
        const tu_step step = {.up = place, .kind = TU_STEP_FIELD, .name = m->key};
        bool declared;
        const tu_schema_type *type = tu_type_field(t, m->key, &declared);
        if (tu_kind_ignores_here(c->kind, &step))
            continue;
        bool identity = tu_is_identity(place, m->key) || (!place && tu_str_is(m->key, "metadata"));
        if (!declared && t->closed && !t->values && !identity)
            unknown_member(c, t, m, &step);
        else
            check(c, type, &m->value, &step);
    }
    for (size_t i = 0; i < t->required_count; i++) {
        const tu_step step = {.up = place, .kind = TU_STEP_FIELD, .name = t->required[i]};
        if (!tu_value_get_str(v, t->required[i]) && !tu_kind_ignores_here(c->kind, &step))
            complain(c, &step, v->line, "required, but missing");
    }
}

/* ---- lists ----------------------------------------------------------------------------- */

typedef struct {
    const tu_schema_type *type;
    const tu_value *item;
    uint32_t number;
    uint64_t hash;
} entry;

static int by_hash(const void *x, const void *y) {
    const entry *a = x, *b = y;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

static int by_number(const void *x, const void *y) {
    const entry *a = x, *b = y;
    return a->number < b->number ? -1 : 1;
}

static bool same(const entry *x, const entry *y) {
    if (x->type->list == TU_LIST_KEYED)
        return tu_key_equal(x->type, x->item, y->item);
    return tu_value_equal(x->item, y->item);
}

/* Items that are there twice, in the order of the file. Sorted by hash first, so a long list costs
 * no square. */
static void check_duplicates(checker *c, const tu_schema_type *t, const tu_value *v,
                             const tu_step *place) {
    _cleanup_(tu_freep) entry *entries = tu_malloc(v->list.n * sizeof(*entries) + 1);
    uint32_t n = 0, twice = 0;
    if (!entries)
        complain(c, place, v->line, "no memory left to look for duplicates");
    for (uint32_t i = 0; entries && i < v->list.n; i++) {
        const tu_value *item = &v->list.items[i];
        if (t->list == TU_LIST_KEYED && !tu_key_has(t, item))
            continue;
        uint64_t hash = t->list == TU_LIST_KEYED ? tu_key_hash(t, item) : tu_value_hash(item);
        entries[n++] = (entry){.type = t, .item = item, .number = i, .hash = hash};
    }
    if (n < 2)
        return;
    qsort(entries, n, sizeof(*entries), by_hash);
    const tu_value *first = entries[0].item; /* of the run of equal ones */
    for (uint32_t i = 1; i < n; i++) {
        const entry run = {.type = t, .item = first};
        if (entries[i].hash == entries[i - 1].hash && same(&run, &entries[i]))
            entries[twice++] = (entry){.type = t,
                                       .item = entries[i].item,
                                       .number = entries[i].number,
                                       .hash = first->line};
        else
            first = entries[i].item;
    }
    qsort(entries, twice, sizeof(*entries), by_number);
    for (uint32_t i = 0; i < twice; i++) {
        char text[64];
        snprintf(text, sizeof(text), "there twice: first at line %llu",
                 (unsigned long long)entries[i].hash);
        bool keyed = t->list == TU_LIST_KEYED;
        const tu_step step = {.up = place,
                              .kind = keyed ? TU_STEP_KEY : TU_STEP_VALUE,
                              .value = entries[i].item,
                              .list = keyed ? t : NULL};
        tu_error *e = complain(c, &step, entries[i].item->line, text);
        tu_error_code(&e, "duplicate");
    }
}

static void check_keys(checker *c, const tu_schema_type *t, const tu_value *item,
                       const tu_step *place) {
    for (size_t i = 0; i < t->key_count; i++) {
        const tu_step step = {.up = place, .kind = TU_STEP_FIELD, .name = t->keys[i]};
        const tu_value *v = tu_key_value(t, i, item);
        /* Several keys: the server leaves absent ones out of the identity. */
        if (!v && !tu_key_has(t, item) && i == 0)
            complain(c, &step, item->line,
                     "required, but missing: it tells the list's items apart");
        else if (v && !tu_is_scalar(v))
            complain(c, &step, v->line,
                     "it tells the list's items apart, so it can't be a map or a list");
    }
}

static void check_list(checker *c, const tu_schema_type *t, const tu_value *v,
                       const tu_step *place) {
    bool keyed = t->list == TU_LIST_KEYED;
    for (uint32_t i = 0; i < v->list.n; i++) {
        const tu_value *item = &v->list.items[i];
        bool by_key = keyed && tu_key_has(t, item);
        const tu_step step = {.up = place,
                              .kind = by_key ? TU_STEP_KEY : TU_STEP_INDEX,
                              .value = item,
                              .list = by_key ? t : NULL,
                              .index = i};
        if (keyed && !tu_value_is(item, TU_MAP))
            wrong_type(c, &step, item, "a map");
        else if (keyed)
            check_keys(c, t, item, &step);
        if (!keyed || tu_value_is(item, TU_MAP))
            check(c, tu_type_items(t), item, &step);
    }
    if (t->list != TU_LIST_ATOMIC)
        check_duplicates(c, t, v, place);
}

/* ---- scalars --------------------------------------------------------------------------- */

static bool is_number(const tu_value *v) {
    return v->type == TU_INTEGER || v->type == TU_NUMBER;
}

/* 3.0 is an integer that was written otherwise. */
static bool is_integral(const tu_value *v) {
    if (v->type == TU_INTEGER)
        return true;
    const char *point = v->type == TU_NUMBER ? memchr(v->string.p, '.', v->string.n) : NULL;
    for (const char *p = point ? point + 1 : NULL; p && p < v->string.p + v->string.n; p++) {
        if (*p == 'e' || *p == 'E')
            return true;
        if (*p != '0')
            return false;
    }
    return v->type == TU_NUMBER;
}

static void check_quantity(checker *c, const tu_value *v, const tu_step *place) {
    tu_quantity q;
    if (v->type != TU_STRING && !is_number(v))
        wrong_type(c, place, v, "a quantity");
    else if (v->type == TU_STRING && !tu_quantity_parse(v->string, &q))
        complain(c, place, v->line, "not a quantity such as 500m, 2 or 1.5Gi");
}

static void check_base64(checker *c, const tu_value *v, const tu_step *place) {
    if (!tu_is_base64(v->string))
        complain(c, place, v->line, "not base64");
}

static void check_string(checker *c, const tu_schema_type *t, const tu_value *v,
                         const tu_step *place) {
    if (t->semantic == TU_SEMANTIC_QUANTITY)
        check_quantity(c, v, place);
    else if (t->semantic == TU_SEMANTIC_INT_OR_STRING && v->type != TU_STRING && !is_number(v))
        wrong_type(c, place, v, "an integer or a string");
    else if (t->semantic != TU_SEMANTIC_INT_OR_STRING && v->type != TU_STRING)
        wrong_type(c, place, v, "a string");
    else if (t->semantic == TU_SEMANTIC_BASE64)
        check_base64(c, v, place);
}

static void check(checker *c, const tu_schema_type *t, const tu_value *v, const tu_step *place) {
    if (v->type == TU_NULL || v->type == TU_SEALED)
        return;
    switch (t->type) {
    case TU_TYPE_ANY:
        return;
    case TU_TYPE_MAP:
        if (v->type == TU_MAP)
            check_map(c, t, v, place);
        else
            wrong_type(c, place, v, "a map");
        return;
    case TU_TYPE_LIST:
        if (v->type == TU_LIST)
            check_list(c, t, v, place);
        else
            wrong_type(c, place, v, "a list");
        return;
    case TU_TYPE_STRING:
        check_string(c, t, v, place);
        return;
    case TU_TYPE_INTEGER:
        if (!is_number(v) || !is_integral(v))
            wrong_type(c, place, v, "an integer");
        return;
    case TU_TYPE_NUMBER:
        if (!is_number(v))
            wrong_type(c, place, v, "a number");
        return;
    case TU_TYPE_BOOLEAN:
        if (v->type != TU_BOOL)
            wrong_type(c, place, v, "true or false");
        return;
    }
}

void tu_kind_validate(const tu_kind *k, const tu_value *object, const char *file,
                      tu_errors *errors) {
    checker c = {.kind = k, .file = file, .errors = errors};
    check(&c, tu_kind_root(k), object, NULL);
}
