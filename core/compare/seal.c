/*
 * compare/seal.c: seals what a description calls sensitive.
 *
 * Sealing must leave nothing readable, whatever shape the object has. So a pattern also seals
 *   - everything below the place that it names: a map where a string was expected,
 *   - a scalar on the way, where a map should be: {"data": "hunter2"} under "/data/<star>",
 *   - for every kind with sensitive values, the annotation that client-side apply writes: a copy of
 *     the whole manifest.
 *
 * Base64 text is digested by the bytes that it stands for, so that two spellings of one secret are
 * equal.
 */
#include "base/mem.h"
#include "compare/inside.h"

#include <stdlib.h>

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

typedef struct {
    tu_arena *arena;
    tu_error **error;
} sealer;

static tu_rc seal_scalar(sealer *s, const tu_schema_type *t, tu_value *v) {
    tu_str canonical = {NULL, 0};
    _cleanup_(tu_freep) uint8_t *bytes = NULL;
    if (t->semantic == TU_SEMANTIC_BASE64 && v->type == TU_STRING) {
        bytes = tu_malloc(v->string.n * 3 / 4 + 3);
        if (!bytes)
            return tu_error_memory(s->error);
        int64_t n = tu_base64_decode(v->string, bytes);
        if (n == 0)
            v->string =
                (tu_str){NULL, 0}; /* white space alone is the empty value, spelt otherwise */
        else if (n > 0)
            canonical = (tu_str){(const char *)bytes, (size_t)n};
    }
    tu_rc rc = tu_value_seal(s->arena, v, canonical, s->error);
    if (bytes)
        explicit_bzero(bytes, canonical.n);
    return rc;
}

static tu_rc seal_below(sealer *s, const tu_schema_type *t, tu_value *v) {
    tu_rc rc = TU_OK;
    switch (v->type) {
    case TU_NULL:   /* says nothing, and is told from "" in comparing */
    case TU_SEALED: /* two patterns may cover one value */
        return TU_OK;
    case TU_MAP:
        for (uint32_t i = 0; !rc && i < v->map.n; i++) {
            tu_member *m = &v->map.members[i];
            rc = seal_below(s, tu_type_field(t, m->key, NULL), &m->value);
        }
        return rc;
    case TU_LIST:
        for (uint32_t i = 0; !rc && i < v->list.n; i++)
            rc = seal_below(s, tu_type_items(t), &v->list.items[i]);
        return rc;
    default:
        return seal_scalar(s, t, v);
    }
}

/* Follows steps[at...] from v. */
static tu_rc seal_along(sealer *s, const tu_pattern *p, size_t at, const tu_schema_type *t,
                        tu_value *v) {
    if (at == p->n || tu_is_scalar(v))
        return seal_below(s, t, v);
    tu_str step = p->steps[at];
    bool any_depth = tu_str_is(step, "**"), any = any_depth || tu_str_is(step, "*");
    tu_rc rc = any_depth ? seal_along(s, p, at + 1, t, v) : TU_OK;
    size_t next = any_depth ? at : at + 1;
    if (v->type == TU_LIST) {
        /* a named step can't be in a list, but what stands there instead must not be readable
         * either */
        for (uint32_t i = 0; !rc && i < v->list.n; i++)
            rc = seal_along(s, p, any ? next : at, tu_type_items(t), &v->list.items[i]);
        return rc;
    }
    for (uint32_t i = 0; !rc && i < v->map.n; i++) {
        tu_member *m = &v->map.members[i];
        if (any || tu_str_eq(m->key, step))
            rc = seal_along(s, p, next, tu_type_field(t, m->key, NULL), &m->value);
    }
    return rc;
}

tu_rc tu_kind_seal(const tu_kind *k, tu_arena *a, tu_value *object, tu_error **error) {
    static tu_str copy_steps[] = {
        {"metadata", 8}, {"annotations", 11}, {LAST_APPLIED, sizeof(LAST_APPLIED) - 1}};
    const tu_pattern copy = {copy_steps, 3};
    if (k->sensitive_count == 0 || !tu_value_is(object, TU_MAP))
        return TU_OK;
    sealer s = {.arena = a, .error = error};
    const tu_schema_type *root = tu_kind_root(k);
    tu_rc rc = seal_along(&s, &copy, 0, root, object);
    for (size_t i = 0; !rc && i < k->sensitive_count; i++)
        rc = seal_along(&s, &k->sensitive[i], 0, root, object);
    return rc;
}
