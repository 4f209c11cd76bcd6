/*
 * desired/desired.h: source -> tree -> render -> objects: the desired set.
 *
 * Loading calls the source and the renderer that it is given, on the caller's thread, and blocks.
 * What comes out is immutable and reference-counted, so that watch threads judge against it
 * while a newer one is being made.
 *
 * An object is named by its number in the set, 0..n-1 in the order of identities. What it is, where
 * it stands and its hash are at hand; the object itself is opened into an arena when it is needed.
 *
 * One file's mistake is that file's: its objects are `invalid` findings at file:line:column, the
 * others go on. The same object twice: both are invalid, each naming the other's place.
 */
#ifndef TU_DESIRED_DESIRED_H
#define TU_DESIRED_DESIRED_H

#include "compare/judge.h"
#include "plugin/host.h"

/* What a target serves: filled by discover, described on demand. Thread-safe. */
typedef struct tu_catalogue tu_catalogue;
typedef struct tu_catalogue_kind {
    tu_str group, version, kind, resource, hash;
    bool namespaced, listable, watchable, writable;
    const tu_value *explained; /* objects that nobody has to declare (plugin.h); NULL: none */
    bool any; /* stands for every kind that the target doesn't name (TU_REC_KIND with kind "*") */
} tu_catalogue_kind;
tu_rc tu_catalogue_discover(tu_plugin_use *target, const tu_call_options *o, tu_catalogue **ret,
                            tu_error **error);
tu_catalogue *tu_catalogue_ref(tu_catalogue *c);
void tu_catalogue_unref(tu_catalogue *c);
/* NULL when the target doesn't serve it. *ret_stale: its group couldn't be asked, so absence proves
 * nothing. */
const tu_catalogue_kind *tu_catalogue_find(tu_catalogue *c, tu_str group, tu_str version,
                                           tu_str kind, bool *ret_stale);
/* Described once and kept; the reference is the catalogue's. */
tu_rc tu_catalogue_describe(tu_catalogue *c, const tu_catalogue_kind *k, const tu_call_options *o,
                            tu_kind **ret, tu_error **error);
/* Calls each(arg, kind) for every kind that the target names, in its order, until that returns
 * false. */
void tu_catalogue_each(tu_catalogue *c, bool (*each)(void *arg, const tu_catalogue_kind *k),
                       void *arg);
tu_str tu_catalogue_default_namespace(const tu_catalogue *c);
tu_str tu_catalogue_endpoint(const tu_catalogue *c);
bool tu_catalogue_metadata(const tu_catalogue *c); /* can it list and watch metadata alone? */

/* A sort of thing that manifests ask for in vain (tu_kind_lint): the first place, and how often
 * besides. */
typedef struct tu_desired_note {
    tu_str code, text; /* "no-effect", "app/cart.yaml:12: /spec/... is empty, which asks ..." */
    size_t more;
} tu_desired_note;
#define TU_DESIRED_NOTES 6

typedef struct tu_desired_set {
    tu_arena arena;
    uint32_t references; /* atomic */
    tu_str rule, source, revision;
    tu_str author, subject, time; /* of the revision, as far as the source told; empty otherwise */
    size_t n;                     /* objects, sorted by id */
    struct tu_desired_objects *objects; /* theirs, see desired/set.h */
    tu_finding **problems; /* invalid and unknown ones: broken files, duplicates, unknown kinds */
    size_t problem_count;
    tu_desired_note notes[TU_DESIRED_NOTES];
    size_t note_count;
    size_t skipped_files;
    tu_catalogue *catalogue;
} tu_desired_set;

/* Loads one revision. revision empty: whatever resolve says. progress may be NULL. */
typedef struct tu_desired_input {
    const tu_rule *rule;
    tu_plugin_use *source;
    tu_plugin_use *renderer; /* NULL: chosen by rule->render among the built-ins */
    tu_catalogue *catalogue;
    tu_str revision;
    tu_cancel *cancel;
    void (*progress)(void *arg, const char *stage, int64_t done, int64_t total);
    void *progress_arg;
    /* Told before the manifests are parsed, where that can be guessed (desired/guess.c): a set with
     * one nameless object for each kind and namespace that they speak of. Its reference stays the
     * caller's. May be NULL. */
    void (*guessed)(void *arg, tu_desired_set *set);
    void *guessed_arg;
    /* A file in which the names of the last revision are kept (desired/names.c), so that the same
     * one needn't be read again before one of its objects is opened; NULL: none. memory_config
     * stands for the configuration; 0: it can't be told, so nothing is kept. */
    const char *memory;
    uint64_t memory_config;
} tu_desired_input;
tu_rc tu_desired_load(const tu_desired_input *in, tu_desired_set **ret, tu_error **error);
/* Asks the source for its revision now; malloc'd. */
tu_rc tu_desired_resolve(tu_plugin_use *source, tu_cancel *cancel, char **ret_revision,
                         tu_error **error);
tu_desired_set *tu_desired_ref(tu_desired_set *s);
void tu_desired_unref(tu_desired_set *s); /* takes NULL */

/* The number of an object, by its identity (without version). */
#define TU_DESIRED_NONE SIZE_MAX
size_t tu_desired_find(const tu_desired_set *s, const tu_object_id *id);
/* Does the set name it: as an object, or as one that is wrong or can't be determined? What is named
 * isn't unmanaged. */
bool tu_desired_names(const tu_desired_set *s, const tu_object_id *id);
/* Every document could be read. Otherwise what it doesn't name may stand in one that couldn't. */
bool tu_desired_is_whole(const tu_desired_set *s);
/* What is known of object i without opening it. Strings live as long as the set. */
tu_object_id tu_desired_id(const tu_desired_set *s, size_t i);
uint64_t tu_desired_hash(const tu_desired_set *s, size_t i); /* of its fields: tu_prepared.hash */
tu_kind *tu_desired_kind(const tu_desired_set *s, size_t i); /* borrowed from the catalogue */
/* A finding about it, with its place in the files and nothing else. */
tu_finding tu_desired_finding(const tu_desired_set *s, size_t i, tu_verdict verdict);
/* The object itself, to judge or to apply. It lives as long as both the arena and the set. */
tu_rc tu_desired_open(const tu_desired_set *s, size_t i, tu_arena *a, tu_prepared *ret,
                      tu_error **error);

#endif
