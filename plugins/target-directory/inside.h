/*
 * target-directory/inside.h: how the parts of this plugin see each other.
 *
 *   folder.c   files -> documents -> objects: immutable snapshots of what the folder holds
 *   kinds.c    the table of known kinds (kinds.json, recorded from a real API server)
 *   edit.c     pure changes of one object's tree: merge what is desired, JSON Patch
 *   write.c    apply, patch, remove: one document replaced in one file, atomically
 *   watch.c    snapshots compared with the ones before
 *   plugin.c   the contract: configuration, discover, describe, list, get
 *
 * A snapshot refers to files, a file to documents, a document to objects. All three are immutable
 * once they are made and shared by reference count, so that a listing needs no lock while it is
 * emitted.
 */
#ifndef TARGET_DIRECTORY_INSIDE_H
#define TARGET_DIRECTORY_INSIDE_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <trueup/plugin.h>

#include "common/yaml_json.h"

#define FILE_BYTES (16u * 1024u * 1024u)
#define FOLDER_FILES 100000u
#define HASH_TEXT 41 /* hex digits of half a SHA-256 and some, and NUL */

/* --- kinds.c --------------------------------------------------------------------------------- */

typedef struct kind_entry {
    char *group, *version, *kind, *resource;
    bool namespaced;
    char *description; /* JSON text */
    cJSON *types;      /* its "types", parsed */
    char hash[HASH_TEXT];
} kind_entry;

typedef struct kind_table {
    kind_entry *items;
    size_t n;
} kind_table;

bool kinds_load(kind_table *ret);
void kinds_done(kind_table *t);
/* version NULL or "": any. NULL when it isn't known. */
const kind_entry *kinds_find(const kind_table *t, const char *group, const char *version,
                             const char *kind);
/* The description for a kind of which nothing is known. */
extern const char kinds_untyped[];

/* --- folder.c -------------------------------------------------------------------------------- */

typedef struct object {
    char *group, *version, *kind, *ns, *name; /* ns: the default where the file names none */
    char *key;                                /* of the identity; objects sort by it */
    bool namespaced, own_namespace;           /* own_namespace: the file names it */
    const cJSON *value;                       /* in its document's tree */
    char *live;                               /* JSON, as it is emitted */
    char hash[HASH_TEXT];                     /* its resourceVersion */
    const struct file *file;
    size_t document;
} object;

typedef struct document {
    manifest_part part;
    cJSON *tree; /* NULL: empty or broken */
    bool broken;
    manifest_problem problem; /* when broken */
    char *kind, *group; /* of a broken one, as far as its text says; kind NULL: could be anything */
} document;

typedef struct file {
    uint32_t references; /* atomic */
    char *path;          /* relative to the folder */
    struct stat at;
    int64_t read_ns;
    bool json;
    char *text;
    size_t n;
    document *documents;
    size_t document_count;
    object *objects;
    size_t object_count;
} file;

typedef struct snapshot {
    file **files;
    size_t file_count;
    const object **objects; /* sorted by key; one that stands twice is here twice */
    size_t n;
} snapshot;

struct tu_instance {
    const tu_host *host;
    char *path, *default_namespace;
    bool any_kind;
    kind_table kinds;
    pthread_mutex_t lock;  /* of `files` */
    pthread_mutex_t write; /* held through a read-modify-write */
    file **files;          /* what was read last, sorted by path */
    size_t file_count;
};

/* Reads what changed since the last time. */
tu_rc folder_read(tu_instance *i, tu_call *c, snapshot *ret);
void snapshot_done(snapshot *s);
void file_unref(file *f);
/* Does the object (the first of its key) stand in another place too? */
bool snapshot_has_twice(const snapshot *s, const object *first);
const object *snapshot_find(const snapshot *s, const char *key);
/* "group\nkind\nnamespace\nname", malloc'd */
char *object_key(const char *group, const char *kind, const char *ns, const char *name);
/* Makes an object of a tree, as if it stood in f. False when it is none (no apiVersion, kind or
 * name) or memory is out. */
bool object_make(const tu_instance *i, const cJSON *value, const file *f, size_t document,
                 object *ret);
void object_done(object *o);
/* Something that makes a kind's listing unsure: a broken document that could hold it, or an object
 * that stands twice. Fills text in. */
bool snapshot_is_unsure(const snapshot *s, const tu_instance *i, const char *group,
                        const char *kind, char *text, size_t room);
/* Opens the folder that holds path, step by step, never through a link. A descriptor, or -1 with
 * errno. */
int folder_open(const tu_instance *i, const char *path, const char **ret_name);

/* --- edit.c ---------------------------------------------------------------------------------- */

/* A new tree: live with what is desired put in. types: of the kind's description, or NULL. NULL
 * when memory is out. */
cJSON *edit_merge(const cJSON *live, const cJSON *desired, const cJSON *types);
/* Fills in what keys of list items default to, as a server does (protocol: TCP). In place. */
void edit_fill_defaults(cJSON *tree, const cJSON *types);
/* A new tree, or NULL with *rc and text filled in. hash: what "/metadata/resourceVersion" is
 * compared with. */
cJSON *edit_patch(const cJSON *live, const cJSON *patch, const char *hash, tu_rc *rc, char *text,
                  size_t room);

/* --- scopes (plugin.c) --------------------------------------------------------------------- */

typedef struct scope {
    const char *group, *kind;
    const cJSON *namespaces; /* an array or NULL */
} scope;

typedef struct scopes {
    cJSON *selector;
    scope *items;
    size_t n;
} scopes;

tu_rc scopes_read(tu_instance *i, tu_call *c, tu_str selector, scopes *ret);
void scopes_done(scopes *s);
bool scope_covers(const scope *s, const object *o);
bool stands_twice(const snapshot *s, size_t k); /* does object k stand in another place too? */
/* BEGIN, OBJECT..., END, or LOST. *ret_lost says which. */
tu_rc scope_emit(tu_instance *i, tu_call *c, const scope *s, uint32_t index, const snapshot *now,
                 bool *ret_lost);
tu_rc scope_emit_lost(tu_instance *i, tu_call *c, uint32_t index, tu_rc class_, const char *code,
                      const char *text);

/* --- watch.c, write.c ------------------------------------------------------------------------ */

tu_rc target_watch(tu_instance *i, tu_call *c, tu_str selector);
tu_rc target_apply(tu_instance *i, tu_call *c, tu_str object, tu_str options);
tu_rc target_patch(tu_instance *i, tu_call *c, tu_str identity, tu_str patch, tu_str options);
tu_rc target_remove(tu_instance *i, tu_call *c, tu_str identity, tu_str options);
/* Reads an identity into a key; malloc'd, NULL after fail(). */
char *target_identity(tu_instance *i, tu_call *c, const cJSON *identity);

#endif
