/*
 * target-directory/folder.c: what the folder holds now.
 *
 * *.yaml, *.yml and *.json at any depth, but nothing whose name begins with a dot: that is also
 * where half-written files are (write.c). A document without apiVersion, kind and name is no object
 * and is left alone. A List's items are objects.
 *
 * A document that can't be read makes its kind unsure, never missing: as much of its text as looks
 * like "kind: X" at the left edge says which kind, otherwise it could be any. The same for an
 * object that stands twice: which of the two is live can't be told.
 *
 * Files whose stat didn't change are not read again, except when they changed within a second of
 * being read (racily clean).
 */
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "common/call.h"
#include "common/walk.h"

#define RACY_NS 1000000000ll

/* --- objects --------------------------------------------------------------------------------- */

char *object_key(const char *group, const char *kind, const char *ns, const char *name) {
    char *key = NULL;
    return asprintf(&key, "%s\n%s\n%s\n%s", group, kind, ns, name) < 0 ? NULL : key;
}

void object_done(object *o) {
    free(o->group);
    free(o->version);
    free(o->kind);
    free(o->ns);
    free(o->name);
    free(o->key);
    cJSON_free(o->live);
}

/* A Secret's stringData is write-only: what a server would hold of it is data. */
static void fold_string_data(cJSON *secret) {
    cJSON *texts = cJSON_DetachItemFromObjectCaseSensitive(secret, "stringData");
    cJSON *data = cJSON_GetObjectItemCaseSensitive(secret, "data");
    if (cJSON_IsObject(texts) && !cJSON_IsObject(data)) {
        cJSON_DeleteItemFromObjectCaseSensitive(secret, "data");
        data = cJSON_AddObjectToObject(secret, "data");
    }
    for (const cJSON *text = texts ? texts->child : NULL; text && data; text = text->next) {
        if (!cJSON_IsString(text))
            continue;
        size_t n = strlen(text->valuestring);
        unsigned char *encoded = malloc(4 * ((n + 2) / 3) + 1);
        if (!encoded)
            break;
        EVP_EncodeBlock(encoded, (const unsigned char *)text->valuestring, (int)n);
        cJSON_DeleteItemFromObjectCaseSensitive(data, text->string);
        cJSON_AddStringToObject(data, text->string, (const char *)encoded);
        free(encoded);
    }
    cJSON_Delete(texts);
}

static void hash_text(const char *text, char out[HASH_TEXT]) {
    uint8_t digest[32];
    EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
    for (size_t i = 0; i < (HASH_TEXT - 1) / 2; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* The object as a server would show it: namespace, resourceVersion and list keys filled in. */
static bool make_live(object *o, const kind_entry *known) {
    cJSON *copy = cJSON_Duplicate(o->value, true);
    if (!copy)
        return false;
    if (strcmp(o->kind, "Secret") == 0 && !*o->group)
        fold_string_data(copy);
    if (known)
        edit_fill_defaults(copy, known->types);
    cJSON *metadata = cJSON_GetObjectItemCaseSensitive(copy, "metadata");
    cJSON_DeleteItemFromObjectCaseSensitive(metadata, "resourceVersion");
    if (!o->own_namespace && *o->ns)
        cJSON_AddStringToObject(metadata, "namespace", o->ns);
    char *plain = cJSON_PrintUnformatted(copy);
    if (plain) {
        hash_text(plain, o->hash);
        cJSON_AddStringToObject(metadata, "resourceVersion", o->hash);
        o->live = cJSON_PrintUnformatted(copy);
    }
    cJSON_free(plain);
    cJSON_Delete(copy);
    return o->live != NULL;
}

bool object_make(const tu_instance *i, const cJSON *value, const file *f, size_t document_number,
                 object *ret) {
    const char *api = manifest_string(value, "apiVersion"), *kind = manifest_string(value, "kind");
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(value, "metadata");
    const char *name = manifest_string(metadata, "name"),
               *ns = manifest_string(metadata, "namespace");
    if (!*api || !*kind || !*name)
        return false;
    const char *slash = strchr(api, '/');
    object o = {
        .value = value, .file = f, .document = document_number, .own_namespace = *ns != '\0'};
    o.group = slash ? strndup(api, (size_t)(slash - api)) : strdup("");
    o.version = strdup(slash ? slash + 1 : api);
    o.kind = strdup(kind);
    o.name = strdup(name);
    const kind_entry *known = o.group ? kinds_find(&i->kinds, o.group, NULL, kind) : NULL;
    o.namespaced = known ? known->namespaced : *ns != '\0';
    o.ns = strdup(!o.namespaced ? "" : *ns ? ns : i->default_namespace);
    if (o.group && o.ns && o.name)
        o.key = object_key(o.group, kind, o.ns, name);
    if (!o.key || !o.version || !o.kind || !make_live(&o, known)) {
        object_done(&o);
        return false;
    }
    *ret = o;
    return true;
}

/* --- files ----------------------------------------------------------------------------------- */

void file_unref(file *f) {
    if (!f || __atomic_sub_fetch(&f->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < f->object_count; i++)
        object_done(&f->objects[i]);
    for (size_t i = 0; i < f->document_count; i++) {
        cJSON_Delete(f->documents[i].tree);
        free(f->documents[i].kind);
        free(f->documents[i].group);
    }
    free(f->objects);
    free(f->documents);
    free(f->text);
    free(f->path);
    free(f);
}

static file *file_ref(file *f) {
    __atomic_add_fetch(&f->references, 1, __ATOMIC_RELAXED);
    return f;
}

/* The value of "word: value" at the left edge of a line; malloc'd, NULL when there is none. */
static char *left_edge_value(tu_str text, const char *word) {
    size_t length = strlen(word);
    for (size_t at = 0; at < text.n;) {
        const char *line = text.p + at;
        const char *end = memchr(line, '\n', text.n - at);
        size_t n = end ? (size_t)(end - line) : text.n - at;
        at += n + 1;
        if (n <= length + 1 || memcmp(line, word, length) != 0 || line[length] != ':')
            continue;
        const char *value = line + length + 1, *stop = line + n;
        while (value < stop && strchr(" \t\"'", *value))
            value++;
        size_t size = 0;
        while (value + size < stop && !strchr(" \t\r\"'#", value[size]))
            size++;
        return size ? strndup(value, size) : NULL;
    }
    return NULL;
}

static void guess_kind(document *d, tu_str text) {
    d->kind = left_edge_value(text, "kind");
    char *api = left_edge_value(text, "apiVersion");
    if (api) {
        char *slash = strchr(api, '/');
        if (slash)
            *slash = '\0';
        d->group = strdup(slash ? api : "");
    }
    free(api);
    size_t n = d->kind ? strlen(d->kind) : 0;
    bool is_list = n >= 4 && strcmp(d->kind + n - 4, "List") == 0;
    if (!d->group || is_list) {
        free(d->kind);
        d->kind = NULL;
    }
}

static bool add_object(tu_instance *i, file *f, const cJSON *value, size_t document_number) {
    object *grown = realloc(f->objects, (f->object_count + 1) * sizeof *grown);
    if (!grown)
        return false;
    f->objects = grown;
    f->object_count += object_make(i, value, f, document_number, &f->objects[f->object_count]);
    return true;
}

/* A v1 List, or any "XyzList" with items and no name of its own: kubectl's output. */
static const cJSON *list_items(const cJSON *tree) {
    const char *kind = manifest_string(tree, "kind");
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(tree, "items");
    size_t n = strlen(kind);
    return n >= 4 && strcmp(kind + n - 4, "List") == 0 && cJSON_IsArray(items) ? items : NULL;
}

static bool add_document(tu_instance *i, file *f, manifest_part part) {
    document *grown = realloc(f->documents, (f->document_count + 1) * sizeof *grown);
    if (!grown)
        return false;
    f->documents = grown;
    document *d = &f->documents[f->document_count++];
    *d = (document){.part = part};
    tu_str all = {f->text, f->n}, text = {f->text + part.begin, part.end - part.begin};
    bool fine = f->json ? manifest_parse_json(all, &d->tree, &d->problem)
                        : manifest_parse_yaml(all, part, &d->tree, &d->problem);
    if (!fine) {
        d->broken = true;
        guess_kind(d, text);
        return true;
    }
    size_t number = f->document_count - 1;
    const cJSON *items = list_items(d->tree);
    if (!items)
        return add_object(i, f, d->tree, number);
    for (const cJSON *item = items->child; item; item = item->next)
        if (!add_object(i, f, item, number))
            return false;
    return true;
}

static bool add_unreadable(file *f, const char *why) {
    f->documents = calloc(1, sizeof *f->documents);
    if (!f->documents)
        return false;
    f->document_count = 1;
    f->documents[0] = (document){.part = {.line = 1}, .broken = true, .problem = {.line = 1}};
    snprintf(f->documents[0].problem.text, sizeof f->documents[0].problem.text, "can't be read: %s",
             why);
    return true;
}

static bool is_json(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot && strcasecmp(dot, ".json") == 0;
}

static file *read_file(tu_instance *i, const walk_entry *e) {
    file *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->references = 1;
    f->path = strdup(e->path);
    f->at = *e->at;
    f->json = is_json(e->path);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    f->read_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    int error = walk_read(e->folder, e->name, FILE_BYTES, &f->text, &f->n, &f->at);
    bool fine = f->path != NULL;
    if (error) {
        fine = fine && add_unreadable(f, error == EFBIG ? "larger than 16 MiB" : strerror(error));
    } else if (f->json) {
        fine = fine && add_document(i, f, (manifest_part){0, f->n, 1});
    } else {
        size_t at = 0;
        uint32_t line = 1;
        manifest_part part;
        while (fine && manifest_next_part((tu_str){f->text, f->n}, &at, &line, &part))
            fine = add_document(i, f, part);
    }
    /* Objects point to their file and values only, so growing the list moved nothing that matters.
     */
    if (!fine) {
        file_unref(f);
        return NULL;
    }
    return f;
}

/* --- snapshots ------------------------------------------------------------------------------- */

typedef struct reading {
    tu_instance *i;
    tu_call *c;
    file **files;
    size_t n, capacity, looked_up;
    tu_rc rc;
} reading;

static bool is_unchanged(const file *f, const struct stat *at) {
    int64_t changed = (int64_t)at->st_ctim.tv_sec * 1000000000 + at->st_ctim.tv_nsec;
    return f->at.st_ino == at->st_ino && f->at.st_dev == at->st_dev &&
           f->at.st_size == at->st_size && f->at.st_mode == at->st_mode &&
           memcmp(&f->at.st_ctim, &at->st_ctim, sizeof at->st_ctim) == 0 &&
           f->read_ns - changed > RACY_NS;
}

static bool is_manifest_name(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot && (strcasecmp(dot, ".yaml") == 0 || strcasecmp(dot, ".yml") == 0 ||
                   strcasecmp(dot, ".json") == 0);
}

static int stop(reading *r, tu_rc rc) {
    r->rc = rc;
    return 1;
}

static int visit(void *arg, const walk_entry *e) {
    reading *r = arg;
    tu_instance *i = r->i;
    if (i->host->cancelled(r->c))
        return stop(r, call_fail(i->host, r->c, TU_ECANCELLED, NULL, "stopped"));
    if (!S_ISREG(e->at->st_mode) || !is_manifest_name(e->name))
        return 0;
    if (r->n >= FOLDER_FILES)
        return stop(r, call_fail(i->host, r->c, TU_EINVALID, "too-many-files",
                                 "more than %u files in %s", FOLDER_FILES, i->path));
    while (r->looked_up < i->file_count && strcmp(i->files[r->looked_up]->path, e->path) < 0)
        r->looked_up++;
    file *known = r->looked_up < i->file_count ? i->files[r->looked_up] : NULL;
    file *f = NULL;
    if (known && strcmp(known->path, e->path) == 0 && is_unchanged(known, e->at))
        f = file_ref(known);
    else
        f = read_file(i, e);
    if (r->n == r->capacity) {
        size_t capacity = r->capacity ? r->capacity * 2 : 32;
        file **grown = realloc(r->files, capacity * sizeof *grown);
        if (!grown) {
            file_unref(f);
            f = NULL;
        } else {
            r->files = grown;
            r->capacity = capacity;
        }
    }
    if (!f)
        return stop(r, call_fail(i->host, r->c, TU_EINTERNAL, NULL, "out of memory"));
    r->files[r->n++] = f;
    return 0;
}

static int compare_objects(const void *a, const void *b) {
    const object *x = *(const object *const *)a, *y = *(const object *const *)b;
    int order = strcmp(x->key, y->key);
    return order ? order : strcmp(x->file->path, y->file->path);
}

static bool collect_objects(snapshot *s) {
    size_t n = 0;
    for (size_t k = 0; k < s->file_count; k++)
        n += s->files[k]->object_count;
    s->objects = malloc((n + 1) * sizeof *s->objects);
    if (!s->objects)
        return false;
    for (size_t k = 0; k < s->file_count; k++)
        for (size_t o = 0; o < s->files[k]->object_count; o++)
            s->objects[s->n++] = &s->files[k]->objects[o];
    qsort(s->objects, s->n, sizeof *s->objects, compare_objects);
    return true;
}

static tu_rc walk_folder(reading *r) {
    tu_instance *i = r->i;
    int fd = open(i->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return call_fail(i->host, r->c, errno == EACCES ? TU_EDENIED : TU_EUNAVAILABLE, "no-folder",
                         "can't open the folder %s: %s", i->path, strerror(errno));
    walk_problem problem;
    int stopped = walk_tree(fd, &(walk_options){.hidden = false}, visit, r, &problem);
    close(fd);
    if (stopped < 0)
        return call_fail(i->host, r->c, call_class_of_errno(problem.error), "unreadable",
                         "can't read %s/%s: %s", i->path, problem.path, strerror(problem.error));
    return stopped > 0 ? r->rc : TU_OK;
}

tu_rc folder_read(tu_instance *i, tu_call *c, snapshot *ret) {
    reading r = {.i = i, .c = c};
    pthread_mutex_lock(&i->lock);
    tu_rc rc = walk_folder(&r);
    snapshot s = {.files = r.files, .file_count = r.n};
    if (rc == TU_OK && !collect_objects(&s))
        rc = call_fail(i->host, c, TU_EINTERNAL, NULL, "out of memory");
    file **kept = rc == TU_OK ? malloc((r.n + 1) * sizeof *kept) : NULL;
    if (kept) {
        for (size_t k = 0; k < i->file_count; k++)
            file_unref(i->files[k]);
        free(i->files);
        for (size_t k = 0; k < r.n; k++)
            kept[k] = file_ref(r.files[k]);
        i->files = kept;
        i->file_count = r.n;
    }
    pthread_mutex_unlock(&i->lock);
    if (rc != TU_OK)
        snapshot_done(&s);
    else
        *ret = s;
    return rc;
}

void snapshot_done(snapshot *s) {
    for (size_t k = 0; k < s->file_count; k++)
        file_unref(s->files[k]);
    free(s->files);
    free(s->objects);
    *s = (snapshot){0};
}

const object *snapshot_find(const snapshot *s, const char *key) {
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(s->objects[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->n && strcmp(s->objects[low]->key, key) == 0 ? s->objects[low] : NULL;
}

bool snapshot_has_twice(const snapshot *s, const object *first) {
    for (size_t k = 0; k < s->n; k++)
        if (s->objects[k] != first && strcmp(s->objects[k]->key, first->key) == 0)
            return true;
    return false;
}

static uint32_t line_of(const object *o) {
    return o->file->documents[o->document].part.line;
}

bool snapshot_is_unsure(const snapshot *s, const tu_instance *i, const char *group,
                        const char *kind, char *text, size_t room) {
    for (size_t k = 0; k < s->file_count; k++)
        for (size_t d = 0; d < s->files[k]->document_count; d++) {
            const document *doc = &s->files[k]->documents[d];
            if (!doc->broken ||
                (doc->kind && (strcmp(doc->kind, kind) != 0 || strcmp(doc->group, group) != 0)))
                continue;
            snprintf(text, room, "%s/%s:%u: %s", i->path, s->files[k]->path, doc->problem.line,
                     doc->problem.text);
            return true;
        }
    for (size_t k = 1; k < s->n; k++) {
        const object *a = s->objects[k - 1], *b = s->objects[k];
        if (strcmp(a->key, b->key) != 0 || strcmp(a->kind, kind) != 0 ||
            strcmp(a->group, group) != 0)
            continue;
        snprintf(text, room, "%s %s%s%s stands twice in %s: %s:%u and %s:%u", kind, a->ns,
                 *a->ns ? "/" : "", a->name, i->path, a->file->path, line_of(a), b->file->path,
                 line_of(b));
        return true;
    }
    return false;
}

int folder_open(const tu_instance *i, const char *path, const char **ret_name) {
    int fd = open(i->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (const char *slash; fd >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
        char *step = strndup(path, (size_t)(slash - path));
        int below = step ? openat(fd, step, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        int error = errno;
        free(step);
        close(fd);
        errno = error;
        fd = below;
    }
    *ret_name = path;
    return fd;
}
