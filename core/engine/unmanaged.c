/* engine/unmanaged.c: see unmanaged.h. */
#include "engine/unmanaged.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"

tu_rc tu_strangers_add(tu_strangers *s, tu_arena *a, const tu_finding *f) {
    if (f->verdict == TU_VERDICT_IN_SYNC && f->change_count == 0) {
        s->explained++;
        return TU_OK;
    }
    if (s->n == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 32;
        s->items = tu_xrealloc(s->items, s->capacity * sizeof(*s->items));
    }
    s->items[s->n] = tu_finding_copy(a, f);
    return s->items[s->n++] ? TU_OK : TU_EINTERNAL;
}

void tu_strangers_subtract(tu_strangers *s, const tu_desired_set *set) {
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++)
        if (!tu_desired_names(set, &s->items[i]->id))
            s->items[kept++] = s->items[i];
    s->n = kept;
}

void tu_strangers_done(tu_strangers *s) {
    free(s->items);
    *s = (tu_strangers){0};
}

/* --- coverage --------------------------------------------------------------------------------- */

static tu_coverage_part *part(tu_map *parts, tu_arena *a, const char *name) {
    tu_coverage_part *p = tu_map_get(parts, tu_str_c(name));
    if (!p) {
        p = tu_xcalloc(1, sizeof *p);
        p->name = tu_arena_copy(a, tu_str_c(name));
        tu_map_put(parts, tu_str_c(name), p);
    }
    return p;
}

static int by_name(const void *x, const void *y) {
    return tu_str_compare(((const tu_coverage_part *)x)->name, ((const tu_coverage_part *)y)->name);
}

static tu_coverage_part *take_parts(tu_map *parts, tu_arena *a, size_t *ret_n) {
    tu_coverage_part *list = tu_arena_alloc(a, (parts->n + 1) * sizeof *list);
    *ret_n = list ? parts->n : 0;
    for (size_t i = 0; list && i < parts->n; i++)
        list[i] = *(tu_coverage_part *)parts->entries[i].value;
    if (*ret_n)
        qsort(list, *ret_n, sizeof *list, by_name);
    tu_map_done(parts, free);
    return list;
}

/* Is it one of the kinds and namespaces in which unmanaged objects are looked for? */
static bool is_looked_at(const tu_view *v, const tu_object_id *id) {
    for (size_t i = 0; i < v->scope_count; i++) {
        const tu_scope *s = &v->scopes[i];
        bool here = tu_str_eq(s->kind->kind, id->kind) && tu_str_eq(s->kind->group, id->group) &&
                    (s->namespace_.n == 0 || tu_str_eq(s->namespace_, id->namespace_));
        if (here && tu_view_looks_at(&v->rules[0], i, id->namespace_))
            return true;
    }
    return false;
}

/* Does the object live, as far as is known? Ignored drift lives, too; what is blocked or invalid
 * does when something was there to be judged. Not every target knows uids. */
static bool lives(const tu_finding *f) {
    bool refused = f->verdict == TU_VERDICT_BLOCKED || f->verdict == TU_VERDICT_INVALID;
    return f->verdict != TU_VERDICT_MISSING && f->verdict != TU_VERDICT_UNKNOWN &&
           (!refused || f->uid.n);
}

static bool stands_in_no_manifest(const tu_finding *f) {
    return f->file.n == 0 && f->change_count == 1 && f->changes[0].path.n == 0;
}

void tu_coverage_of(tu_arena *a, const tu_view *v, const tu_strangers *s,
                    tu_finding *const *findings, size_t n, tu_coverage *ret) {
    tu_map kinds = {0}, namespaces = {0};
    *ret = (tu_coverage){.known = true, .partly = ret->partly, .explained = s->explained};
    for (size_t i = 0; i < n; i++) {
        const tu_finding *f = findings[i];
        bool stranger = stands_in_no_manifest(f);
        if (stranger && f->verdict != TU_VERDICT_UNMANAGED) {
            ret->explained++; /* by an entry of the rule */
            continue;
        }
        if (!stranger && (!lives(f) || !is_looked_at(v, &f->id)))
            continue;
        char kind[512], namespace_[512];
        snprintf(kind, sizeof kind, "%.*s%s%.*s", TU_P(f->id.kind), f->id.group.n ? "." : "",
                 TU_P(f->id.group));
        snprintf(namespace_, sizeof namespace_, "%.*s", TU_P(f->id.namespace_));
        tu_coverage_part *k = part(&kinds, a, kind), *in = part(&namespaces, a, namespace_);
        *(stranger ? &ret->unmanaged : &ret->managed) += 1;
        *(stranger ? &k->unmanaged : &k->managed) += 1;
        *(stranger ? &in->unmanaged : &in->managed) += 1;
    }
    ret->kinds = take_parts(&kinds, a, &ret->kind_count);
    ret->namespaces = take_parts(&namespaces, a, &ret->namespace_count);
}
