/* model/model.c: identities and copies. See model.h. */
#include "model/model.h"

#include "base/hash.h"
#include "base/str.h"

/* --- identities ------------------------------------------------------------------------------- */

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

/* --- changes ----------------------------------------------------------------------------------- */

bool tu_change_is_the_targets(const tu_change *c) {
    static const char *const words[] = {"default", "stale-default", "allocated", "admission"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (tu_str_starts(c->note, words[i])) /* admission-rewritten, too */
            return true;
    return false;
}

/* --- findings --------------------------------------------------------------------------------- */

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
           keep(a, &c->owner.subresource) && keep(a, &c->owner.time) && keep(a, &c->note) &&
           keep(a, &c->entry);
}

static bool keep_changes(tu_arena *a, tu_change **changes, size_t n) {
    tu_change *copy = tu_arena_alloc(a, n * sizeof *copy);
    if (copy == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        copy[i] = (*changes)[i];
        if (!keep_change(a, &copy[i]))
            return false;
    }
    *changes = copy;
    return true;
}

tu_finding *tu_finding_copy(tu_arena *a, const tu_finding *f) {
    tu_finding *copy = tu_arena_alloc(a, sizeof *copy);
    if (copy == NULL)
        return NULL;
    *copy = *f;
    copy->quiet = NULL;
    copy->quiet_count = 0;
    if (!keep_changes(a, &copy->changes, f->change_count) || !keep_id(a, &copy->id) ||
        !keep(a, &copy->reason) || !keep(a, &copy->onset) || !keep(a, &copy->file) ||
        !keep(a, &copy->entry) || !keep(a, &copy->uid) || !keep(a, &copy->resource_version))
        return NULL;
    return copy;
}

static bool is_among(const tu_change *c, const tu_change *changes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (changes[i].kind == c->kind && tu_str_eq(changes[i].path, c->path))
            return true;
    }
    return false;
}

tu_finding *tu_finding_copy_whole(tu_arena *a, const tu_finding *f) {
    tu_finding *copy = tu_finding_copy(a, f);
    if (copy == NULL || f->quiet_count == 0)
        return copy;
    copy->quiet = tu_arena_alloc(a, f->quiet_count * sizeof *copy->quiet);
    if (copy->quiet == NULL)
        return NULL;
    for (size_t i = 0; i < f->quiet_count; i++) {
        if (is_among(&f->quiet[i], f->changes, f->change_count))
            continue;
        tu_change *c = &copy->quiet[copy->quiet_count++];
        *c = f->quiet[i];
        if (!keep_change(a, c))
            return NULL;
    }
    return copy;
}
