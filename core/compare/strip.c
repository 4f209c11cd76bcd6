/*
 * compare/strip.c: leaves out of a manifest what is never desired, so that it is neither compared nor
 * owned nor sent (kubernetes-drift.md section 1.10). What people should hear of it, lint.c tells.
 *
 *   ignored       the description's: what only the target sets
 *   omitted       what the target fills in where something else is there (aggregated rules)
 *   placeholders  base64 of nothing but blanks, which somebody else fills in (caBundle)
 *   timestamps    "creationTimestamp: null" in the metadata of a template inside a custom resource:
 *                 generators write it, and the schema doesn't know it. Built-in kinds ignore it.
 */
#include "compare/inside.h"

#define PLACEHOLDER_BYTES 64 /* of base64: longer ones hold something */

bool tu_is_placeholder(const tu_value *v) {
    uint8_t bytes[PLACEHOLDER_BYTES];
    tu_str s = tu_value_string(v);
    if (!tu_value_is(v, TU_STRING) || s.n > PLACEHOLDER_BYTES)
        return false;
    int64_t n = tu_base64_decode(s, bytes);
    for (int64_t i = 0; i < n; i++) {
        if (bytes[i] > ' ')
            return false;
    }
    return n >= 0;
}

static void strip_along(const tu_pattern *p, size_t at, bool (*wanted)(const tu_value *),
                        tu_value *v) {
    tu_str step = p->steps[at];
    bool any_depth = tu_str_is(step, "**"), any = any_depth || tu_str_is(step, "*");
    bool last = at + 1 == p->n;
    if (any_depth && !last)
        strip_along(p, at + 1, wanted, v);
    size_t next = any_depth ? at : at + 1;
    if (tu_value_is(v, TU_LIST) && any && !last) {
        for (uint32_t i = 0; i < v->list.n; i++)
            strip_along(p, next, wanted, &v->list.items[i]);
    }
    if (!tu_value_is(v, TU_MAP))
        return;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < v->map.n; i++) {
        tu_member *m = &v->map.members[i];
        bool here = any || tu_str_eq(m->key, step);
        if (here && last && (!wanted || wanted(&m->value)))
            continue;
        if (here && !last)
            strip_along(p, next, wanted, &m->value);
        v->map.members[kept++] = *m;
    }
    v->map.n = kept;
}

static void strip_timestamps(const tu_schema_type *t, tu_value *v, unsigned depth) {
    static const tu_str timestamp = TU_S_INIT("creationTimestamp");
    for (uint32_t i = 0; v->type == TU_MAP && i < v->map.n; i++) {
        tu_member *m = &v->map.members[i];
        const tu_schema_type *type = tu_type_field(t, m->key, NULL);
        bool declared;
        if (depth && m->value.type == TU_MAP && tu_str_is(m->key, "metadata") && type->closed) {
            const tu_value *there = tu_value_get_str(&m->value, timestamp);
            tu_type_field(type, timestamp, &declared);
            if (there && there->type == TU_NULL && !declared)
                tu_value_remove(&m->value, timestamp);
        }
        if (!tu_is_scalar(&m->value))
            strip_timestamps(type, &m->value, depth + 1);
    }
    for (uint32_t i = 0; v->type == TU_LIST && i < v->list.n; i++)
        strip_timestamps(tu_type_items(t), &v->list.items[i], depth + 1);
}

void tu_kind_strip(const tu_kind *k, tu_value *object) {
    const tu_places *omitted = &k->tables.omitted, *placeholders = &k->tables.placeholders;
    for (size_t i = 0; i < k->ignored_count; i++)
        strip_along(&k->ignored[i], 0, NULL, object);
    for (size_t i = 0; i < omitted->n; i++) {
        if (tu_pattern_follow(&omitted->items[i].when, object))
            strip_along(&omitted->items[i].path, 0, NULL, object);
    }
    for (size_t i = 0; i < placeholders->n; i++)
        strip_along(&placeholders->items[i].path, 0, tu_is_placeholder, object);
    if (tu_value_is(object, TU_MAP))
        strip_timestamps(tu_kind_root(k), object, 0);
}
