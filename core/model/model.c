/*
 * model/model.c: names of the enums, identities, copies.
 *
 * Each enum has one table of names, in the enum's order; parsing and printing both read it.
 */
#include "model/model.h"

#include "base/hash.h"
#include "base/str.h"

/* --- names
 * --------------------------------------------------------------------------------------------------------
 */

static const char *const verdict_names[] = {"in-sync",   "drifted",     "missing",
                                            "unmanaged", "blocked",     "invalid",
                                            "unknown",   "terminating", "delegated"};
_Static_assert(sizeof verdict_names / sizeof *verdict_names == TU_VERDICT_COUNT,
               "a name for every verdict");
static const char *const change_names[] = {"value", "removed",   "added",
                                           "order", "duplicate", "ownership"};
_Static_assert(sizeof change_names / sizeof *change_names == TU_CHANGE_COUNT,
               "a name for every kind of change");
static const char *const confidence_names[] = {"", "observed", "proved", "confirmed"};
static const char *const manager_class_names[] = {"unknown", "human", "controller", "gitops",
                                                  "ours"};
static const char *const action_names[] = {"ignore", "alert", "approve", "heal"};
static const char *const severity_names[] = {"info", "warning", "critical"};

#define COUNT(names) (sizeof(names) / sizeof *(names))
#define NAME_OF(names, i) ((size_t)(i) < COUNT(names) ? (names)[i] : "")

static bool find_name(const char *const *names, size_t n, tu_str s, size_t *ret) {
    for (size_t i = 0; i < n; i++)
        if (tu_str_is(s, names[i])) {
            *ret = i;
            return true;
        }
    return false;
}

const char *tu_verdict_name(tu_verdict v) {
    return NAME_OF(verdict_names, v);
}
const char *tu_confidence_name(tu_confidence c) {
    return NAME_OF(confidence_names, c);
}
const char *tu_change_name(tu_change_kind k) {
    return NAME_OF(change_names, k);
}
const char *tu_manager_class_name(tu_manager_class c) {
    return NAME_OF(manager_class_names, c);
}
const char *tu_action_name(tu_action a) {
    return NAME_OF(action_names, a);
}
const char *tu_severity_name(tu_severity s) {
    return NAME_OF(severity_names, s);
}

bool tu_verdict_parse(tu_str s, tu_verdict *ret) {
    size_t i;
    bool found = find_name(verdict_names, COUNT(verdict_names), s, &i);
    if (found)
        *ret = (tu_verdict)i;
    return found;
}

bool tu_change_parse(tu_str s, tu_change_kind *ret) {
    size_t i;
    bool found = find_name(change_names, COUNT(change_names), s, &i);
    if (found)
        *ret = (tu_change_kind)i;
    return found;
}

bool tu_action_parse(tu_str s, tu_action *ret) {
    size_t i;
    bool found = find_name(action_names, COUNT(action_names), s, &i);
    if (found)
        *ret = (tu_action)i;
    return found;
}

bool tu_severity_parse(tu_str s, tu_severity *ret) {
    size_t i;
    bool found = find_name(severity_names, COUNT(severity_names), s, &i);
    if (found)
        *ret = (tu_severity)i;
    return found;
}

bool tu_verdict_is_drift(tu_verdict v) {
    switch (v) {
    case TU_VERDICT_DRIFTED:
    case TU_VERDICT_MISSING:
    case TU_VERDICT_UNMANAGED:
    case TU_VERDICT_BLOCKED:
    case TU_VERDICT_INVALID:
        return true;
    default:
        return false;
    }
}

/* --- identities
 * ---------------------------------------------------------------------------------------------------
 */

bool tu_object_id_equal(const tu_object_id *a, const tu_object_id *b) {
    return tu_str_eq(a->name, b->name) && tu_str_eq(a->namespace_, b->namespace_) &&
           tu_str_eq(a->kind, b->kind) && tu_str_eq(a->group, b->group);
}

uint64_t tu_object_id_hash(const tu_object_id *id) {
    uint64_t hash = tu_hash64(id->group);
    hash = tu_hash64_seed(id->kind, hash);
    hash = tu_hash64_seed(id->namespace_, hash);
    return tu_hash64_seed(id->name, hash);
}

tu_object_id tu_object_id_copy(tu_arena *a, const tu_object_id *id) {
    return (tu_object_id){
        .group = tu_arena_copy(a, id->group),
        .version = tu_arena_copy(a, id->version),
        .kind = tu_arena_copy(a, id->kind),
        .namespace_ = tu_arena_copy(a, id->namespace_),
        .name = tu_arena_copy(a, id->name),
    };
}

static size_t find_byte(tu_str s, char byte) {
    const char *at = s.n ? memchr(s.p, byte, s.n) : NULL;
    return at ? (size_t)(at - s.p) : s.n;
}

/* Takes the part before the first byte off s; all of it where there is none. */
static tu_str take_until(tu_str *s, char byte) {
    size_t n = find_byte(*s, byte);
    tu_str part = {s->p, n};
    size_t skip = n < s->n ? n + 1 : n;
    *s = (tu_str){s->p + skip, s->n - skip};
    return part;
}

tu_object_id tu_object_id_of(const tu_value *object) {
    tu_str api_version = tu_value_get_string(object, "apiVersion");
    const tu_value *metadata = tu_value_get(object, "metadata");
    tu_object_id id = {
        .kind = tu_value_get_string(object, "kind"),
        .namespace_ = tu_value_get_string(metadata, "namespace"),
        .name = tu_value_get_string(metadata, "name"),
    };
    if (find_byte(api_version, '/') < api_version.n)
        id.group = take_until(&api_version, '/');
    id.version = api_version;
    return id;
}

void tu_object_id_print(tu_buf *b, const tu_object_id *id) {
    tu_buf_add(b, id->kind);
    if (id->group.n) {
        tu_buf_add_byte(b, '.');
        tu_buf_add(b, id->group);
    }
    tu_buf_add_byte(b, '/');
    if (id->namespace_.n) {
        tu_buf_add(b, id->namespace_);
        tu_buf_add_byte(b, '/');
    }
    tu_buf_add(b, id->name);
}

tu_rc tu_object_id_parse(tu_str text, tu_object_id *ret, bool *ret_any_group, tu_error **error) {
    tu_str parts[3], rest = text;
    size_t n = 0, slashes = 0;
    for (size_t i = 0; i < text.n; i++)
        slashes += text.p[i] == '/';
    if (slashes == 1 || slashes == 2)
        while (n <= slashes)
            parts[n++] = take_until(&rest, '/');
    bool complete = n > 0;
    for (size_t i = 0; i < n; i++)
        complete = complete && parts[i].n > 0;
    tu_object_id id = {0};
    if (complete) {
        id.group = parts[0];
        id.kind = take_until(&id.group, '.');
        id.namespace_ = n == 3 ? parts[1] : (tu_str){0};
        id.name = parts[n - 1];
    }
    if (!complete || id.kind.n == 0)
        return tu_error_set(
            error, TU_EINVALID,
            "'%.*s' doesn't name an object: write Kind/name, Kind/namespace/name or "
            "Kind.group/namespace/name",
            TU_P(text));
    *ret = id;
    *ret_any_group = id.group.n == 0;
    return TU_OK;
}

/* --- findings
 * -----------------------------------------------------------------------------------------------------
 */

/* Copies s in place; false when memory is exhausted. */
static bool keep(tu_arena *a, tu_str *s) {
    *s = tu_arena_copy(a, *s);
    return s->p != NULL;
}

static bool keep_id(tu_arena *a, tu_object_id *id) {
    return keep(a, &id->group) && keep(a, &id->version) && keep(a, &id->kind) &&
           keep(a, &id->namespace_) && keep(a, &id->name);
}

static bool keep_value(tu_arena *a, const tu_value **v) {
    if (*v == NULL)
        return true;
    *v = tu_value_copy(a, *v);
    return *v != NULL;
}

static bool keep_change(tu_arena *a, tu_change *c) {
    return keep(a, &c->path) && keep_value(a, &c->desired) && keep_value(a, &c->live) &&
           keep(a, &c->owner.manager) && keep(a, &c->owner.operation) &&
           keep(a, &c->owner.subresource) && keep(a, &c->owner.time) && keep(a, &c->entry);
}

tu_finding *tu_finding_copy(tu_arena *a, const tu_finding *f) {
    tu_finding *copy = tu_arena_alloc(a, sizeof *copy);
    if (copy == NULL)
        return NULL;
    *copy = *f;
    copy->changes = tu_arena_alloc(a, f->change_count * sizeof *copy->changes);
    if (copy->changes == NULL || !keep_id(a, &copy->id) || !keep(a, &copy->reason) ||
        !keep(a, &copy->file) || !keep(a, &copy->entry) || !keep(a, &copy->uid) ||
        !keep(a, &copy->resource_version))
        return NULL;
    for (size_t i = 0; i < f->change_count; i++) {
        copy->changes[i] = f->changes[i];
        if (!keep_change(a, &copy->changes[i]))
            return NULL;
    }
    return copy;
}
