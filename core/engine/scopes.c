/*
 * engine/scopes.c: the view: which kinds are listed and watched in which namespaces, for which rules.
 *
 *     desired objects, and where rules look for unmanaged ones
 *        -> wants:  kind -> the namespaces in which it is wanted
 *        -> scopes: kind x namespace; or the kind everywhere where that is cheaper
 *
 * A scope is one kind in one namespace, so that a namespace that may not be read hides nothing of
 * the others.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/view.h"

/* Up to this many namespaces a kind is listed namespace by namespace; beyond it one list of
 * everything is cheaper. */
#define NAMESPACES_NAMED 4

/* --- what is wanted --------------------------------------------------------------------------- */

typedef struct want {
    const tu_catalogue_kind *kind;
    tu_map namespaces;    /* a set */
    bool namespaced;      /* by its objects too: a target that names no kinds doesn't say */
    tu_kind *description; /* NULL where nothing is desired */
    bool everywhere;
} want;

typedef struct builder {
    tu_view *view;
    bool narrow;
    tu_map wants;      /* "group/version/kind" -> want, in the order of first mention */
    tu_map *strangers; /* beside the rules: a set of the wants in which unmanaged objects are looked
                          for; a rule's own kinds, or those that its scope names */
    tu_map scopes;     /* "group/version/kind namespace" -> number + 1 */
} builder;

static const char *kind_key(const tu_catalogue_kind *k, char *room, size_t n) {
    snprintf(room, n, "%.*s/%.*s/%.*s", TU_P(k->group), TU_P(k->version), TU_P(k->kind));
    return room;
}

static want *want_kind(builder *b, const tu_catalogue_kind *k) {
    char key[1024];
    want *w = tu_map_get(&b->wants, tu_str_c(kind_key(k, key, sizeof key)));
    if (!w) {
        w = tu_xcalloc(1, sizeof *w);
        w->kind = k;
        w->namespaced = k->namespaced;
        tu_map_put(&b->wants, tu_str_c(key), w);
    }
    return w;
}

static void want_free(void *p) {
    want *w = p;
    tu_map_done(&w->namespaces, NULL);
    free(w);
}

static bool is_kind_of(const tu_object_id *id, const tu_catalogue_kind *k) {
    return tu_str_eq(id->kind, k->kind) && tu_str_eq(id->group, k->group) &&
           tu_str_eq(id->version, k->version);
}

static void add_stranger(builder *b, size_t rule, const tu_catalogue_kind *k, want *w) {
    char key[1024];
    tu_map_put(&b->strangers[rule], tu_str_c(kind_key(k, key, sizeof key)), w);
}

/* The set is sorted by kind, so the catalogue is asked once for each. */
static void want_objects(builder *b, size_t rule) {
    tu_view_rule *r = &b->view->rules[rule];
    want *w = NULL;
    bool told = false;
    tu_str last = {0};
    for (size_t i = 0; i < r->set->n; i++) {
        const tu_object_id id = tu_desired_id(r->set, i);
        if (!w || !is_kind_of(&id, w->kind)) {
            /* The set holds only what is served. */
            w = want_kind(
                b, tu_catalogue_find(r->set->catalogue, id.group, id.version, id.kind, NULL));
            w->description = tu_desired_kind(r->set, i);
            told = r->rule->scope_kinds.n > 0;
        }
        if (!id.namespace_.n)
            continue;
        w->namespaced = true;
        if (w->namespaces.n == 0 || !tu_str_eq(id.namespace_, last)) {
            tu_map_put(&w->namespaces, id.namespace_, w);
            if (r->rule->scope_namespaces.n == 0)
                tu_map_put(&r->namespaces, id.namespace_, r);
        }
        last = id.namespace_;
        if (!told)
            add_stranger(b, rule, w->kind, w);
        told = true;
    }
}

/* --- where unmanaged objects are looked for --------------------------------------------------- */

static bool is_pattern(tu_str s) {
    return memchr(s.p, '*', s.n) || memchr(s.p, '?', s.n) || memchr(s.p, '[', s.n);
}

/* "Kind", "Kind.group", or "*". */
static bool is_named(const tu_strs *kinds, const tu_catalogue_kind *k) {
    char full[512];
    snprintf(full, sizeof full, "%.*s.%.*s", TU_P(k->kind), TU_P(k->group));
    for (size_t i = 0; i < kinds->n; i++) {
        tu_str s = kinds->items[i];
        if (tu_str_is(s, "*") || tu_str_eq(s, k->kind) || tu_str_is(s, full))
            return true;
    }
    return false;
}

/* Kinds that spec.scope names. Of several versions the one that is in use, else the first that the
 * target tells. */
typedef struct naming {
    const tu_rule *rule;
    tu_map found; /* "Kind.group" -> kind */
} naming;

static bool name_kind(void *arg, const tu_catalogue_kind *k) {
    naming *n = arg;
    char key[512];
    snprintf(key, sizeof key, "%.*s.%.*s", TU_P(k->kind), TU_P(k->group));
    if (k->listable && is_named(&n->rule->scope_kinds, k) && !tu_map_has(&n->found, tu_str_c(key)))
        tu_map_put(&n->found, tu_str_c(key), (void *)(uintptr_t)k);
    return true;
}

static void name_kinds(builder *b, size_t rule) {
    const tu_view_rule *r = &b->view->rules[rule];
    naming n = {.rule = r->rule};
    for (size_t i = 0; i < b->wants.n; i++)
        name_kind(&n, ((want *)b->wants.entries[i].value)->kind);
    tu_catalogue_each(r->set->catalogue, name_kind, &n);
    for (size_t i = 0; i < n.found.n; i++) {
        const tu_catalogue_kind *k = n.found.entries[i].value;
        add_stranger(b, rule, k, want_kind(b, k));
    }
    tu_map_done(&n.found, NULL);
}

static void want_strangers(builder *b, size_t rule) {
    tu_view_rule *r = &b->view->rules[rule];
    const tu_strs *named = &r->rule->scope_namespaces;
    for (size_t i = 0; i < named->n; i++) {
        r->patterns |= is_pattern(named->items[i]);
        if (!is_pattern(named->items[i]))
            tu_map_put(&r->namespaces, named->items[i], r);
    }
    if (r->rule->scope_kinds.n)
        name_kinds(b, rule);
    for (size_t i = 0; i < b->strangers[rule].n; i++) {
        want *w = b->strangers[rule].entries[i].value;
        for (size_t k = 0; w->namespaced && k < r->namespaces.n; k++)
            tu_map_put(&w->namespaces, r->namespaces.entries[k].key, w);
        w->everywhere |= r->patterns;
    }
}

bool tu_view_looks_at(const tu_view_rule *r, size_t scope, tu_str namespace_) {
    if (!r->looks[scope])
        return false;
    if (namespace_.n == 0 || tu_map_has(&r->namespaces, namespace_))
        return true;
    for (size_t i = 0; r->patterns && i < r->rule->scope_namespaces.n; i++)
        if (tu_glob(r->rule->scope_namespaces.items[i], namespace_))
            return true;
    return false;
}

/* --- scopes ----------------------------------------------------------------------------------- */

static void scope_key(const want *w, tu_str namespace_, char *room, size_t n) {
    char kind[1024];
    snprintf(room, n, "%s %.*s", kind_key(w->kind, kind, sizeof kind), TU_P(namespace_));
}

static void add_scope(builder *b, const want *w, tu_str namespace_) {
    tu_view *v = b->view;
    char key[1400];
    scope_key(w, namespace_, key, sizeof key);
    v->scopes = tu_xrealloc(v->scopes, (v->scope_count + 1) * sizeof *v->scopes);
    v->scopes[v->scope_count++] = (tu_scope){.kind = w->kind,
                                             .namespace_ = tu_arena_copy(&v->arena, namespace_),
                                             .description = w->description,
                                             .namespaced = w->namespaced};
    tu_map_put(&b->scopes, tu_str_c(key), (void *)(uintptr_t)v->scope_count);
}

static bool is_by_namespace(const builder *b, const want *w) {
    return w->namespaced && w->namespaces.n > 0 && !w->everywhere &&
           (b->narrow || w->namespaces.n <= NAMESPACES_NAMED);
}

static void make_scopes(builder *b) {
    for (size_t i = 0; i < b->wants.n; i++) {
        const want *w = b->wants.entries[i].value;
        if (!is_by_namespace(b, w)) {
            if (w->description || !w->namespaced || w->everywhere)
                add_scope(b, w, (tu_str){0});
            continue;
        }
        for (size_t k = 0; k < w->namespaces.n; k++)
            add_scope(b, w, w->namespaces.entries[k].key);
    }
}

/* The number of the scope in which objects of that namespace are; SIZE_MAX when there is none. */
static size_t find_scope(const builder *b, const want *w, tu_str namespace_) {
    char key[1400];
    scope_key(w, is_by_namespace(b, w) ? namespace_ : (tu_str){0}, key, sizeof key);
    return (size_t)(uintptr_t)tu_map_get(&b->scopes, tu_str_c(key)) - 1;
}

static void point_objects(builder *b, tu_view_rule *r) {
    r->scope_of = tu_xcalloc(r->set->n, sizeof *r->scope_of);
    char key[1024];
    const want *w = NULL;
    tu_str last = {0};
    for (size_t i = 0; i < r->set->n; i++) {
        const tu_object_id id = tu_desired_id(r->set, i);
        bool same = w && is_kind_of(&id, w->kind);
        if (!same) {
            const tu_catalogue_kind k = {.group = id.group, .version = id.version, .kind = id.kind};
            w = tu_map_get(&b->wants, tu_str_c(kind_key(&k, key, sizeof key)));
        }
        r->scope_of[i] = same && tu_str_eq(id.namespace_, last)
                             ? r->scope_of[i - 1]
                             : (uint32_t)find_scope(b, w, id.namespace_);
        last = id.namespace_;
    }
}

/* A kind that is desired in two versions is looked at in one of them. */
static bool looks_already(const tu_view *v, const tu_view_rule *r, size_t scope) {
    const tu_scope *s = &v->scopes[scope];
    for (size_t i = 0; i < scope; i++)
        if (r->looks[i] && tu_str_eq(v->scopes[i].kind->kind, s->kind->kind) &&
            tu_str_eq(v->scopes[i].kind->group, s->kind->group) &&
            tu_str_eq(v->scopes[i].namespace_, s->namespace_))
            return true;
    return false;
}

static void point_strangers(builder *b, size_t rule) {
    tu_view *v = b->view;
    tu_view_rule *r = &v->rules[rule];
    r->looks = tu_xcalloc(v->scope_count + 1, sizeof *r->looks);
    for (size_t i = 0; i < b->strangers[rule].n; i++) {
        const want *w = b->strangers[rule].entries[i].value;
        for (size_t k = 0; k < v->scope_count; k++) {
            const tu_scope *s = &v->scopes[k];
            if (s->kind == w->kind && !looks_already(v, r, k) &&
                (!s->namespace_.n || tu_map_has(&r->namespaces, s->namespace_)))
                r->looks[k] = true;
        }
    }
}

#define FULL ",\"detail\":\"full\"}" /* how a view's selector ends */

static void write_selector(tu_view *v) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_buf_add_c(&b, "{\"scopes\":[");
    for (size_t i = 0; i < v->scope_count; i++) {
        const tu_scope *s = &v->scopes[i];
        tu_buf_add_c(&b, i ? ",{\"group\":" : "{\"group\":");
        tu_buf_add_json_string(&b, s->kind->group);
        tu_buf_add_c(&b, ",\"version\":");
        tu_buf_add_json_string(&b, s->kind->version);
        tu_buf_add_c(&b, ",\"kind\":");
        tu_buf_add_json_string(&b, s->kind->kind);
        tu_buf_add_c(&b, ",\"namespaces\":[");
        if (s->namespace_.n)
            tu_buf_add_json_string(&b, s->namespace_);
        tu_buf_add_c(&b, "]}");
    }
    tu_buf_add_c(&b, "]" FULL);
    v->selector = tu_arena_copy(&v->arena, tu_buf_str(&b));
}

char *tu_view_ask(const tu_view *v, tu_view_wish wish) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES + 256);
    tu_buf_add(&b, (tu_str){v->selector.p, v->selector.n - (sizeof FULL - 1)});
    tu_buf_addf(&b, ",\"detail\":\"%s\",\"watchDetail\":\"%s\",\"environment\":%s}",
                wish.list_metadata ? "metadata" : "full", wish.watch_metadata ? "metadata" : "full",
                wish.environment ? "true" : "false");
    return tu_xstrdup(tu_buf_c(&b));
}

bool tu_view_is_timed(const tu_view *v) {
    for (size_t i = 0; i < v->rule_count; i++)
        for (size_t k = 0; k < v->rules[i].rule->entry_count; k++) {
            const tu_entry *e = &v->rules[i].rule->entries[k];
            if (e->expires_ms || e->within_count)
                return true;
        }
    return false;
}

void tu_view_keep(tu_view *v, size_t rule, tu_index *x) {
    v->rules[rule].index = tu_index_ref(x);
}

/* --- the view --------------------------------------------------------------------------------- */

tu_view *tu_view_new(tu_config *config, const tu_rule *const *rules, tu_desired_set *const *sets,
                     size_t n, bool narrow) {
    tu_view *v = tu_xcalloc(1, sizeof *v);
    v->references = 1;
    v->config = tu_config_ref(config);
    tu_arena_init(&v->arena, 0);
    v->rules = tu_xcalloc(n, sizeof *v->rules);
    v->rule_count = n;
    builder b = {.view = v, .narrow = narrow, .strangers = tu_xcalloc(n, sizeof *b.strangers)};
    for (size_t i = 0; i < n; i++) {
        v->rules[i].rule = rules[i];
        v->rules[i].set = tu_desired_ref(sets[i]);
        want_objects(&b, i);
    }
    for (size_t i = 0; i < n; i++) {
        if (!rules[i]->unmanaged || rules[i]->mode == TU_MODE_OFF)
            tu_map_done(&b.strangers[i], NULL);
        else
            want_strangers(&b, i);
    }
    make_scopes(&b);
    for (size_t i = 0; i < n; i++) {
        point_objects(&b, &v->rules[i]);
        point_strangers(&b, i);
        tu_map_done(&b.strangers[i], NULL);
    }
    free(b.strangers);
    tu_map_done(&b.wants, want_free);
    tu_map_done(&b.scopes, NULL);
    write_selector(v);
    return v;
}

tu_view *tu_view_ref(tu_view *v) {
    __atomic_add_fetch(&v->references, 1, __ATOMIC_RELAXED);
    return v;
}

void tu_view_unref(tu_view *v) {
    if (!v || __atomic_sub_fetch(&v->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < v->rule_count; i++) {
        tu_desired_unref(v->rules[i].set);
        tu_index_unref(v->rules[i].index);
        tu_map_done(&v->rules[i].namespaces, NULL);
        free(v->rules[i].scope_of);
        free(v->rules[i].looks);
    }
    free(v->rules);
    free(v->scopes);
    tu_config_unref(v->config);
    tu_arena_done(&v->arena);
    free(v);
}
