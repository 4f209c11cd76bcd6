/*
 * compare/prepare.c: makes a manifest ready to be judged again and again, and to be applied.
 *
 *     manifest -> strip -> fold -> fill key defaults -> seal -> set of fields, hash
 *
 * The order matters: folding reads values that sealing hides; the set must name what will be
 * applied. Folding (a write-only member into the one that is kept: stringData into data) has to
 * happen here and not on the server: applied as stringData, removed keys would linger
 * (kubernetes-drift.md section 9).
 */
#include "base/mem.h"
#include "compare/inside.h"

/* ---- folding --------------------------------------------------------------------------- */

/* The place that a pattern without wildcards names; NULL when it isn't there. */
static tu_value *follow(tu_value *v, const tu_pattern *p, size_t n) {
    for (size_t i = 0; v && i < n; i++)
        v = (tu_value *)tu_value_get_str(v, p->steps[i]);
    return v;
}

static tu_str encode_base64(tu_arena *a, tu_str bytes) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    char *out = tu_arena_alloc(a, (bytes.n + 2) / 3 * 4 + 1);
    if (!out)
        return (tu_str){NULL, 0};
    for (size_t i = 0; i < bytes.n; i += 3) {
        uint32_t group = 0, have = bytes.n - i < 3 ? (uint32_t)(bytes.n - i) : 3;
        for (uint32_t j = 0; j < 3; j++)
            group = group << 8 | (j < have ? (uint8_t)bytes.p[i + j] : 0);
        for (uint32_t j = 0; j < 4; j++)
            out[n++] = j <= have ? alphabet[group >> (18 - 6 * j) & 63] : '=';
    }
    out[n] = '\0';
    return (tu_str){out, n};
}

/* An empty value where there is null, so that both spellings of "nothing" are one (section 1.11,
 * case 18). */
static void fill_nulls(tu_value *map) {
    for (uint32_t i = 0; tu_value_is(map, TU_MAP) && i < map->map.n; i++) {
        tu_value *v = &map->map.members[i].value;
        if (v->type == TU_NULL) {
            v->type = TU_STRING;
            v->string = (tu_str){"", 0};
        }
    }
}

static tu_rc fold_member(tu_arena *a, const tu_fold *f, const tu_member *m, tu_value *into,
                         const char *file, tu_error **error) {
    if (m->value.type != TU_STRING)
        return tu_error_set_at(error, TU_EINVALID, file, m->value.line, 0,
                               "'%.*s': expected a string, got a %s: quote it", TU_P(m->key),
                               tu_type_name((tu_type)m->value.type));
    tu_value folded = m->value;
    if (f->base64) {
        folded.string = encode_base64(a, m->value.string);
        if (!folded.string.p)
            return tu_error_memory(error);
    }
    return tu_value_set(a, into, m->key, &folded) ? TU_OK : tu_error_memory(error);
}

static tu_rc fold(tu_arena *a, const tu_fold *f, tu_value *object, const char *file,
                  tu_error **error) {
    tu_str last_into = f->into.steps[f->into.n - 1], last_from = f->from.steps[f->from.n - 1];
    tu_value *into_parent = follow(object, &f->into, f->into.n - 1);
    tu_value *from_parent = follow(object, &f->from, f->from.n - 1);
    tu_value *into = into_parent ? follow(object, &f->into, f->into.n) : NULL;
    fill_nulls(into);
    tu_value *from = from_parent ? follow(object, &f->from, f->from.n) : NULL;
    if (!from || !into_parent)
        return TU_OK;
    if (from->type != TU_MAP && from->type != TU_NULL)
        return tu_error_set_at(error, TU_EINVALID, file, from->line, 0,
                               "'%.*s': expected a map, got a %s", TU_P(last_from),
                               tu_type_name((tu_type)from->type));
    fill_nulls(from);
    tu_value taken = *from; /* its members stay where they are when the map that names it changes */
    if (taken.type == TU_MAP && taken.map.n && !tu_value_is(into, TU_MAP)) {
        tu_value *made = tu_value_new(a, TU_MAP);
        if (!made)
            return tu_error_memory(error);
        made->line = taken.line;
        into = tu_value_set(a, into_parent, last_into, made);
        if (!into)
            return tu_error_memory(error);
    }
    tu_rc rc = TU_OK;
    for (uint32_t i = 0; !rc && taken.type == TU_MAP && i < taken.map.n; i++)
        rc = fold_member(a, f, &taken.map.members[i], into, file, error);
    if (!rc)
        tu_value_remove(follow(object, &f->from, f->from.n - 1), last_from);
    return rc;
}

/* ---- keys ------------------------------------------------------------------------------ */

/* Writes defaults of keys into items that leave them out, so that what is applied, owned and
 * compared is one thing. */
static tu_rc fill_keys(tu_arena *a, const tu_schema_type *t, tu_value *v, tu_error **error) {
    tu_rc rc = TU_OK;
    if (v->type == TU_MAP) {
        for (uint32_t i = 0; !rc && i < v->map.n; i++) {
            tu_member *m = &v->map.members[i];
            if (!tu_is_scalar(&m->value))
                rc = fill_keys(a, tu_type_field(t, m->key, NULL), &m->value, error);
        }
        return rc;
    }
    bool keyed = t->type == TU_TYPE_LIST && t->list == TU_LIST_KEYED;
    for (uint32_t i = 0; !rc && v->type == TU_LIST && i < v->list.n; i++) {
        tu_value *item = &v->list.items[i];
        for (size_t k = 0; keyed && item->type == TU_MAP && k < t->key_count; k++) {
            const tu_value *written = tu_value_get_str(item, t->keys[k]);
            if (!t->key_defaults[k] || (written && written->type != TU_NULL) ||
                !tu_key_has(t, item))
                continue;
            tu_value filled = *t->key_defaults[k];
            filled.line = item->line;
            if (!tu_value_set(a, item, t->keys[k], &filled))
                return tu_error_memory(error);
        }
        if (!tu_is_scalar(item))
            rc = fill_keys(a, tu_type_items(t), item, error);
    }
    return rc;
}

tu_rc tu_normalise(tu_arena *a, tu_kind *kind, tu_value *manifest, tu_str file, tu_error **error) {
    const char *name = tu_arena_copy(a, file).p; /* ends in NUL */
    if (!name)
        return tu_error_memory(error);
    tu_rc rc = TU_OK;
    tu_kind_strip(kind, manifest);
    for (size_t i = 0; !rc && i < kind->fold_count; i++)
        rc = fold(a, &kind->folds[i], manifest, file.n ? name : NULL, error);
    if (!rc)
        rc = fill_keys(a, tu_kind_root(kind), manifest, error);
    if (!rc)
        rc = tu_kind_seal(kind, a, manifest, error);
    return rc;
}

tu_rc tu_prepare(tu_arena *a, tu_kind *kind, tu_value *manifest, const tu_object_id *id,
                 tu_str file, tu_prepared *ret, tu_error **error) {
    tu_prepared p = {
        .id = *id, .object = manifest, .kind = kind, .file = file, .line = manifest->line};
    tu_rc rc = tu_normalise(a, kind, manifest, file, error);
    if (!rc)
        rc = tu_path_set_of(a, kind, manifest, &p.fields, error);
    if (rc)
        return rc;
    p.hash = tu_value_hash(manifest);
    *ret = p;
    return TU_OK;
}
