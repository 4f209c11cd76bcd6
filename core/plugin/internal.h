/*
 * plugin/internal.h: what the files of core/plugin share; nobody else includes it.
 *
 *   elf.c         is this file a plugin at all? Looked at before a byte of it runs
 *   descriptor.c  is what it says of itself whole and coherent?
 *   search.c      where built-in plugins are
 *   library.c     hashes, maps, remembers
 *   settings.c    a use's config against the plugin's schema; which values are secrets
 *   secret.c      opens secrets, wipes them, and scrubs them out of texts
 *   instance.c    one configured use: create, destroy, what it can do
 *   call.c        one call in flight and the functions that the host offers during it
 *   functions.c   the calls by name
 *   notify.c      the call that sends: what the notifier is told, and what it gives back
 *   cancel.c      cancelling and waiting for one's turn
 */
#ifndef TU_PLUGIN_INTERNAL_H
#define TU_PLUGIN_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "plugin/host.h"

/* --- functions.c: every function a plugin can have, in one table ------------------------------ */

typedef enum tu_function {
    TU_FN_CREATE,
    TU_FN_PROBE,
    TU_FN_RESOLVE,
    TU_FN_FETCH,
    TU_FN_SOURCE_WATCH,
    TU_FN_ACCEPTS,
    TU_FN_RENDER,
    TU_FN_DISCOVER,
    TU_FN_DESCRIBE,
    TU_FN_LIST,
    TU_FN_TARGET_WATCH,
    TU_FN_GET,
    TU_FN_APPLY,
    TU_FN_PATCH,
    TU_FN_REMOVE,
    TU_FN_HEALTH,
    TU_FN_SEND,
    TU_FN_DELIVER,
    TU_FN_COUNT
} tu_function;

typedef struct tu_function_info {
    const char *name;
    tu_plugin_kind kind; /* not meant for CREATE and PROBE, which stand in tu_common */
    size_t offset;       /* in the kind's table */
    bool common, required, watches;
    uint64_t records; /* bit (1 << TU_REC_...): what it may emit */
} tu_function_info;
extern const tu_function_info tu_function_table[TU_FN_COUNT];

#define TU_KIND_COUNT 4
/* Is the function inside the table (which may be older and shorter than ours) and set? */
bool tu_table_has(const void *table, size_t offset);
const tu_common *tu_table_common(const void *table);

/* --- secret.c --------------------------------------------------------------------------------- */

/* What was opened lately, as keyed hashes: enough to find a value in a text, not enough to read it.
 */
typedef struct tu_needle {
    size_t n;
    uint64_t rolling;
    uint8_t digest[32];
} tu_needle;
#define TU_NEEDLES 256u
typedef struct tu_needles {
    pthread_mutex_t lock;
    uint8_t key[32];
    uint64_t base; /* of the rolling hash */
    tu_needle items[TU_NEEDLES];
    size_t n, next;
} tu_needles;
void tu_needles_init(tu_needles *k);
void tu_needles_done(tu_needles *k);
/* Remembers the value, and how JSON and URLs would spell it. */
void tu_needles_add(tu_needles *k, tu_str value);
/* Appends text to out with every known value replaced by "<redacted>". */
void tu_needles_scrub(tu_needles *k, tu_str text, tu_buf *out);

typedef struct tu_secret {
    char *property; /* "spec.config.hmac.secret", for messages */
    char *env;      /* one of the two */
    char *file;     /* absolute, or relative to the working directory */
    atomic_bool warned;
} tu_secret;
/* Reads the value, remembers it in k, hands it to use() and wipes it. TU_EDENIED when it isn't
 * there. *ret_loose: its file can be read by everybody. */
tu_rc tu_secret_open(const tu_secret *s, tu_needles *k, void (*use)(void *arg, tu_str value),
                     void *arg, bool *ret_loose, tu_error **error);
void tu_secret_done(tu_secret *s);

/* --- instance.c: a NUL-terminated copy; ends the process when memory is exhausted (base/mem.h) ---
 */

char *tu_text_copy(tu_str s);

/* --- settings.c ------------------------------------------------------------------------------- */

/* A copy of the schema in which secrets may be anything: their shape is checked here. */
tu_value *tu_settings_open_schema(tu_arena *a, const tu_value *schema);
/* The use's config as the plugin gets it: each secret is a handle, "secret-<index in *ret>". */
tu_rc tu_settings_for_plugin(const tu_value *schema, const tu_use *use, tu_buf *ret_json,
                             tu_secret **ret, size_t *ret_n, tu_error **error);

/* A path in the configuration is relative to the file that it stands in (NULL: to the working
 * directory). malloc'd. */
char *tu_beside_config(const char *config, tu_str path);

/* --- elf.c and descriptor.c ------------------------------------------------------------------- */

/* One error for each reason why these bytes are no plugin for this machine. path is for messages.
 */
void tu_elf_check(tu_str bytes, const char *path, tu_errors *errors);

struct tu_library {
    char *path; /* where the user or the search found it */
    char *key;  /* of the registry: the real path, or "sha256:..." for third parties */
    void *handle;
    bool verified;
    const tu_plugin *plugin;
    const void *tables[TU_KIND_COUNT]; /* NULL: not served */
    tu_arena arena;                    /* of the schemas */
    tu_value *schema, *open_schema;
    struct tu_gate *gate; /* TU_THREADS_SERIAL */
    tu_needles *needles;
};
/* Fills in plugin, tables and schemas, or adds every reason to refuse. */
void tu_descriptor_check(tu_library *l, const tu_plugin *p, tu_errors *errors);

/* --- search.c --------------------------------------------------------------------------------- */

typedef struct tu_builtin {
    char *file, *path; /* "target-directory.so", and where it is */
} tu_builtin;
typedef struct tu_builtins {
    tu_builtin *items; /* each file once, in byte order */
    size_t n;
} tu_builtins;
tu_builtins tu_search_all(void);
void tu_builtins_done(tu_builtins *b);
/* The path of a built-in, malloc'd; NULL when there is none. */
char *tu_search_one(tu_plugin_kind kind, tu_str name);
/* TU_ENOTFOUND, with what there is and "did you mean". */
tu_rc tu_search_unknown(tu_plugin_kind kind, tu_str name, tu_error **error);

/* --- cancel.c --------------------------------------------------------------------------------- */

int tu_cancel_fd(const tu_cancel *c); /* NULL: one that is never readable */
/* One at a time. */
typedef struct tu_gate tu_gate;
tu_gate *tu_gate_new(void);
void tu_gate_free(tu_gate *g);
/* NULL gates are open. TU_ECANCELLED or TU_ETIMEOUT when the turn didn't come in time. */
tu_rc tu_gate_enter(tu_gate *g, const tu_cancel *cancel, int64_t deadline_ms);
void tu_gate_leave(tu_gate *g);

/* --- instance.c and call.c -------------------------------------------------------------------- */

struct tu_plugin_use {
    const tu_library *library;
    tu_needles *needles; /* the library's */
    tu_plugin_kind kind;
    const void *table;
    const tu_common *common;
    tu_instance *instance;
    char *name;    /* "prod" */
    char *title;   /* "target prod" */
    char *scratch; /* absolute, or NULL */
    tu_secret *secrets;
    size_t secret_count;
    tu_gate *gate;              /* TU_THREADS_INSTANCE */
    pthread_mutex_t calls_lock; /* of the calls that ended and wait to be used again */
    tu_call *ended_first, *ended_last;
    size_t ended_count;
    atomic_uint misuses;
};

/* Runs one function with its arguments: waits for its turn, calls, and turns what came of it into a
 * class and an error. */
tu_rc tu_call_run(tu_plugin_use *u, tu_function f, const tu_str *arguments,
                  const tu_call_options *o, tu_error **error);
/* The switch over all functions (functions.c). */
tu_rc tu_function_invoke(tu_plugin_use *u, tu_function f, tu_call *c, const tu_str *s);
void tu_call_free_ended(tu_plugin_use *u);
extern const tu_host tu_host_functions;

#endif
