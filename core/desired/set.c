/* desired/set.c: see set.h and desired.h. */
#include "desired/set.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "value/pack.h"

#define FIRST_CAPACITY 64

tu_desired_set *tu_desired_new(tu_catalogue *catalogue) {
    tu_desired_set *s = tu_xcalloc(1, sizeof *s);
    s->references = 1;
    tu_arena_init(&s->arena, 0);
    s->catalogue = tu_catalogue_ref(catalogue);
    s->objects = tu_xcalloc(1, sizeof *s->objects);
    tu_buf_init(&s->objects->packed, TU_LIMIT_OBJECT_ARENA);
    return s;
}

tu_desired_set *tu_desired_ref(tu_desired_set *s) {
    if (s)
        __atomic_add_fetch(&s->references, 1, __ATOMIC_RELAXED);
    return s;
}

/* --- sets of names --------------------------------------------------------------------------- */

typedef struct tu_desired_lazy {
    tu_desired_input in;
    pthread_mutex_t lock;
    tu_desired_set *whole; /* NULL until one is opened */
} tu_desired_lazy;

static void lazy_free(tu_desired_lazy *l) {
    if (!l)
        return;
    tu_desired_unref(l->whole);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void tu_desired_be_lazy(tu_desired_set *s, const tu_desired_input *in) {
    tu_desired_lazy *l = tu_xcalloc(1, sizeof *l);
    l->in = *in;
    l->in.revision = s->revision;
    l->in.memory = NULL;
    l->in.guessed = NULL;
    pthread_mutex_init(&l->lock, NULL);
    s->objects->lazy = l;
}

static tu_rc open_whole(const tu_desired_set *s, size_t i, tu_arena *a, tu_prepared *ret,
                        tu_error **error) {
    tu_desired_lazy *l = s->objects->lazy;
    pthread_mutex_lock(&l->lock);
    tu_rc rc = l->whole ? TU_OK : tu_desired_load(&l->in, &l->whole, error);
    pthread_mutex_unlock(&l->lock);
    if (rc != TU_OK)
        return rc;
    const tu_object_id id = tu_desired_id(s, i);
    size_t object = tu_desired_find(l->whole, &id);
    if (object == TU_DESIRED_NONE)
        return tu_error_set(error, TU_ECONFLICT,
                            "the source has changed while it was compared: compare again");
    return tu_desired_open(l->whole, object, a, ret, error);
}

void tu_desired_unref(tu_desired_set *s) {
    if (!s || __atomic_sub_fetch(&s->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    struct tu_desired_objects *o = s->objects;
    free(o->entries);
    free(o->kinds);
    free(o->slots);
    lazy_free(o->lazy);
    tu_map_done(&o->namespaces, NULL);
    free(o->files);
    tu_map_done(&o->keys, NULL);
    tu_map_done(&o->kind_numbers, NULL);
    tu_buf_done(&o->packed);
    free(o);
    free(s->problems);
    tu_catalogue_unref(s->catalogue);
    tu_arena_done(&s->arena);
    free(s);
}

/* --- filling --------------------------------------------------------------------------------- */

/* Nothing is removed from the table, so that a name's number is its place in it. */
static uint32_t namespace_number(tu_desired_set *s, tu_str name) {
    tu_map *names = &s->objects->namespaces;
    uintptr_t known = (uintptr_t)tu_map_get(names, name);
    if (!known) {
        known = names->n + 1;
        tu_map_put(names, name, (void *)known);
    }
    return (uint32_t)known - 1;
}

/* Objects come file by file, so the last one's name is mostly this one's. */
static uint32_t file_number(tu_desired_set *s, tu_str file) {
    struct tu_desired_objects *o = s->objects;
    if (o->file_count && tu_str_eq(o->files[o->file_count - 1], file))
        return (uint32_t)o->file_count - 1;
    if (o->file_count == o->file_capacity) {
        o->file_capacity = o->file_capacity ? 2 * o->file_capacity : FIRST_CAPACITY;
        o->files = tu_xrealloc(o->files, o->file_capacity * sizeof *o->files);
    }
    o->files[o->file_count] = tu_arena_copy(&s->arena, file);
    return (uint32_t)o->file_count++;
}

static uint32_t kind_number(tu_desired_set *s, const tu_prepared *p) {
    struct tu_desired_objects *o = s->objects;
    char text[1024];
    int n = snprintf(text, sizeof text, "%.*s/%.*s/%.*s", TU_P(p->id.group), TU_P(p->id.version),
                     TU_P(p->id.kind));
    const tu_str key = {text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1};
    uintptr_t known = (uintptr_t)tu_map_get(&o->kind_numbers, key);
    if (known)
        return (uint32_t)known - 1;
    o->kinds = tu_xrealloc(o->kinds, (o->kind_count + 1) * sizeof *o->kinds);
    o->kinds[o->kind_count] = (tu_desired_kind_row){
        .group = tu_arena_copy(&s->arena, p->id.group),
        .version = tu_arena_copy(&s->arena, p->id.version),
        .kind = tu_arena_copy(&s->arena, p->id.kind),
        .description = p->kind,
    };
    tu_map_put(&o->kind_numbers, key, (void *)(uintptr_t)(o->kind_count + 1));
    return (uint32_t)o->kind_count++;
}

tu_rc tu_desired_put(tu_desired_set *s, const tu_prepared *p, tu_error **error) {
    struct tu_desired_objects *o = s->objects;
    if (s->n == o->capacity) {
        o->capacity = o->capacity ? 2 * o->capacity : FIRST_CAPACITY;
        o->entries = tu_xrealloc(o->entries, o->capacity * sizeof *o->entries);
    }
    tu_buf_clear(&o->packed);
    tu_buf_add(&o->packed, p->id.name);
    if (p->object)
        tu_pack_write(&o->keys, &o->packed, p->object);
    if (o->packed.rc == TU_EINVALID)
        return tu_error_set(error, TU_EINVALID, "the object is larger than TU_LIMIT_OBJECT_ARENA");
    tu_str bytes =
        o->packed.rc == TU_OK ? tu_arena_copy(&s->arena, tu_buf_str(&o->packed)) : (tu_str){0};
    if (!bytes.p)
        return tu_error_memory(error);
    o->entries[s->n++] = (tu_desired_entry){
        .hash = p->hash,
        .bytes = bytes.p,
        .name_n = (uint32_t)p->id.name.n,
        .packed_n = (uint32_t)(bytes.n - p->id.name.n),
        .kind = kind_number(s, p),
        .namespace_ = namespace_number(s, p->id.namespace_),
        .file = file_number(s, p->file),
        .line = p->line,
        .column = p->column,
    };
    return TU_OK;
}

static tu_object_id id_of(const tu_desired_set *s, const tu_desired_entry *e) {
    const tu_desired_kind_row *k = &s->objects->kinds[e->kind];
    return (tu_object_id){.group = k->group,
                          .version = k->version,
                          .kind = k->kind,
                          .namespace_ = s->objects->namespaces.entries[e->namespace_].key,
                          .name = {e->bytes, e->name_n}};
}

static int by_id(const void *x, const void *y, void *arg) {
    const tu_desired_set *s = arg;
    const tu_desired_entry *p = x, *q = y;
    const tu_object_id a = id_of(s, p), b = id_of(s, q);
    int c = tu_str_compare(a.group, b.group);
    c = c ? c : tu_str_compare(a.kind, b.kind);
    c = c ? c : tu_str_compare(a.namespace_, b.namespace_);
    c = c ? c : tu_str_compare(a.name, b.name);
    c = c ? c : tu_str_compare(s->objects->files[p->file], s->objects->files[q->file]);
    return c ? c : (int)(p->line > q->line) - (int)(p->line < q->line);
}

void tu_desired_sort(tu_desired_set *s) {
    if (s->n)
        qsort_r(s->objects->entries, s->n, sizeof *s->objects->entries, by_id, s);
}

void tu_desired_move(tu_desired_set *s, size_t from, size_t to) {
    s->objects->entries[to] = s->objects->entries[from];
}

/* What only filling needs is given back. */
static void trim(tu_desired_set *s) {
    struct tu_desired_objects *o = s->objects;
    tu_buf_done(&o->packed);
    tu_map_done(&o->kind_numbers, NULL);
    o->kind_numbers = (tu_map){0};
    if (s->n && s->n < o->capacity) {
        o->entries = tu_xrealloc(o->entries, s->n * sizeof *o->entries);
        o->capacity = s->n;
    }
}

void tu_desired_index(tu_desired_set *s) {
    struct tu_desired_objects *o = s->objects;
    trim(s);
    o->slot_count = 16;
    while (o->slot_count < 2 * s->n)
        o->slot_count *= 2;
    o->slots = tu_xcalloc(o->slot_count, sizeof *o->slots);
    for (size_t i = 0; i < s->n; i++) {
        const tu_object_id id = tu_desired_id(s, i);
        size_t at = tu_object_id_hash(&id) & (o->slot_count - 1);
        while (o->slots[at])
            at = (at + 1) & (o->slot_count - 1);
        o->slots[at] = (uint32_t)i + 1;
    }
}

/* --- asking ---------------------------------------------------------------------------------- */

size_t tu_desired_find(const tu_desired_set *s, const tu_object_id *id) {
    const struct tu_desired_objects *o = s->objects;
    if (!s->n)
        return TU_DESIRED_NONE;
    size_t at = tu_object_id_hash(id) & (o->slot_count - 1);
    for (; o->slots[at]; at = (at + 1) & (o->slot_count - 1)) {
        const tu_object_id found = tu_desired_id(s, o->slots[at] - 1);
        if (tu_object_id_equal(&found, id))
            return o->slots[at] - 1;
    }
    return TU_DESIRED_NONE;
}

/* A problem's manifest may have left its namespace to the target. */
static bool is_named(const tu_finding *problem, const tu_object_id *id) {
    return tu_str_eq(problem->id.name, id->name) && tu_str_eq(problem->id.kind, id->kind) &&
           tu_str_eq(problem->id.group, id->group) &&
           (problem->id.namespace_.n == 0 || tu_str_eq(problem->id.namespace_, id->namespace_));
}

bool tu_desired_names(const tu_desired_set *s, const tu_object_id *id) {
    if (tu_desired_find(s, id) != TU_DESIRED_NONE)
        return true;
    for (size_t i = 0; i < s->problem_count; i++)
        if (is_named(s->problems[i], id))
            return true;
    return false;
}

bool tu_desired_is_whole(const tu_desired_set *s) {
    for (size_t i = 0; i < s->problem_count; i++)
        if (!s->problems[i]->id.name.n)
            return false;
    return true;
}

tu_object_id tu_desired_id(const tu_desired_set *s, size_t i) {
    return id_of(s, &s->objects->entries[i]);
}

uint64_t tu_desired_hash(const tu_desired_set *s, size_t i) {
    return s->objects->entries[i].hash;
}

tu_kind *tu_desired_kind(const tu_desired_set *s, size_t i) {
    return s->objects->kinds[s->objects->entries[i].kind].description;
}

tu_finding tu_desired_finding(const tu_desired_set *s, size_t i, tu_verdict verdict) {
    const tu_desired_entry *e = &s->objects->entries[i];
    return (tu_finding){.id = tu_desired_id(s, i),
                        .verdict = verdict,
                        .file = s->objects->files[e->file],
                        .line = e->line,
                        .column = e->column};
}

tu_rc tu_desired_open(const tu_desired_set *s, size_t i, tu_arena *a, tu_prepared *ret,
                      tu_error **error) {
    const tu_desired_entry *e = &s->objects->entries[i];
    if (!e->packed_n && s->objects->lazy)
        return open_whole(s, i, a, ret, error);
    tu_value *object = NULL;
    if (tu_pack_read(&s->objects->keys, (tu_str){e->bytes + e->name_n, e->packed_n}, a, &object))
        return tu_error_memory(error);
    tu_prepared p = {.id = tu_desired_id(s, i),
                     .object = object,
                     .kind = tu_desired_kind(s, i),
                     .hash = e->hash,
                     .file = s->objects->files[e->file],
                     .line = e->line,
                     .column = e->column};
    tu_rc rc = tu_path_set_of(a, p.kind, object, &p.fields, error);
    if (rc == TU_OK)
        *ret = p;
    return rc;
}
