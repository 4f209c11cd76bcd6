/*
 * plugin/host.h: loads plugins, holds instances, makes calls.
 *
 *   file -> checked bytes -> dlopen -> descriptor -> checked descriptor -> instance -> call, call
 * ...
 *
 * A plugin is refused with every reason at once. Libraries are never unloaded. Calls block, so the
 * caller is a worker thread; cancel and deadline reach the plugin through the call. A call never
 * lets a plugin's record out unchecked: meta is parsed and limited first.
 */
#ifndef TU_PLUGIN_HOST_H
#define TU_PLUGIN_HOST_H

#include "config/config.h"

typedef struct tu_library tu_library; /* a loaded plugin; lives as long as the process */
typedef struct tu_plugin_use
    tu_plugin_use; /* an instance of it for one Source, Target or Notifier */

typedef enum { TU_KIND_SOURCE, TU_KIND_RENDER, TU_KIND_TARGET, TU_KIND_NOTIFIER } tu_plugin_kind;
const char *tu_plugin_kind_name(tu_plugin_kind k); /* "source", "render", "target", "notifier" */

/* Where built-in plugins are: TRUEUP_PLUGIN_PATH (secure_getenv; ':'-separated), the folder
 * "plugins" beside the program's own (a build tree), then the installed one. */
/* Loads the built-in `<kind>-<name>.so`, or the one that a Plugin document names. Loading twice
 * gives the same library. */
tu_rc tu_library_open_builtin(tu_plugin_kind kind, tu_str name, const tu_library **ret,
                              tu_error **error);
/* Third parties: path is absolute, or relative to the working directory. sha256 is checked when
 * not empty; the bytes that were hashed are the bytes that are mapped (sealed memfd). All reasons
 * for refusal are in *errors. */
const tu_library *tu_library_open_file(const char *path, tu_str sha256, tu_errors *errors);
/* The same for a Plugin document: its path is relative to the file that it stands in, and errors
 * are located there. */
const tu_library *tu_library_open_doc(const tu_plugin_doc *doc, tu_errors *errors);
/* For `plugin list`: every built-in that is there. Broken ones are reported in errors and left out.
 */
void tu_library_list_builtin(const tu_library ***ret, size_t *ret_n, tu_errors *errors);
const tu_plugin *tu_library_descriptor(const tu_library *l);
const char *tu_library_path(const tu_library *l);
bool tu_library_serves(const tu_library *l, tu_plugin_kind kind);
/* How fast its receivers may be sent to, as the schema says ("x-trueup-rate"). False: it says nothing. */
bool tu_library_rate(const tu_library *l, int64_t *ret_messages, int64_t *ret_per_ms);

/* Checks a use's config against the plugin's schema: one error per mistake, at the user's line.
 * Fills defaults in. */
void tu_library_check_config(const tu_library *l, tu_use *use, tu_arena *a, tu_errors *errors);

/* Creates an instance. use->config must have passed tu_library_check_config. scratch: a directory
 * of its own, or NULL. */
tu_rc tu_plugin_use_new(const tu_library *l, tu_plugin_kind kind, const tu_use *use,
                        const char *scratch, tu_plugin_use **ret, tu_error **error);
void tu_plugin_use_free(tu_plugin_use *u); /* no call may be in flight; takes NULL */
const char *tu_plugin_use_name(const tu_plugin_use *u);
const tu_library *tu_plugin_use_library(const tu_plugin_use *u);
bool tu_plugin_use_can_watch(const tu_plugin_use *u); /* source or target */
bool tu_plugin_use_can_patch(const tu_plugin_use *u);
/* Are list, watch, apply allowed beside each other in this instance? */
bool tu_plugin_use_parallel(const tu_plugin_use *u);

/* Stops calls from another thread. One canceller may serve many calls. */
typedef struct tu_cancel tu_cancel;
tu_cancel *tu_cancel_new(void);
void tu_cancel_fire(tu_cancel *c); /* thread-safe, async-signal-safe */
bool tu_cancel_fired(const tu_cancel *c);
/* Sleeps until it is fired, at most ms. True when it is. */
bool tu_cancel_wait(const tu_cancel *c, int64_t ms);
void tu_cancel_free(tu_cancel *c);

/* A file tree that renderers read (core/desired makes it). */
typedef struct tu_tree_file {
    tu_str path;
    tu_str bytes;
} tu_tree_file;
typedef struct tu_tree {
    tu_arena arena;
    tu_tree_file *files; /* byte order of paths */
    size_t n;
    size_t bytes;
} tu_tree;

/* What a call hands back. on_record runs on the plugin's thread, in the order of emit; returning
 * other than TU_OK stops the call. meta is parsed (NULL when empty) and lives until the function
 * returns. */
typedef struct tu_call_options {
    tu_rc (*on_record)(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                       tu_str body);
    void *arg;
    tu_cancel *cancel;   /* may be NULL */
    int64_t timeout_ms;  /* 0: none */
    const tu_tree *tree; /* render only */
} tu_call_options;

/* Each returns the plugin's class, with its words in *error ("target prod: ..."). retry_after is in
 * the error. They may be called from any thread; the host serialises as the plugin's thread model
 * asks. */
tu_rc tu_call_probe(tu_plugin_use *u, const tu_call_options *o, tu_error **error);
tu_rc tu_call_resolve(tu_plugin_use *u, const tu_call_options *o, tu_error **error);
tu_rc tu_call_fetch(tu_plugin_use *u, tu_str revision, tu_str path, const tu_call_options *o,
                    tu_error **error);
tu_rc tu_call_source_watch(tu_plugin_use *u, const tu_call_options *o, tu_error **error);
tu_rc tu_call_accepts(tu_plugin_use *u, const tu_call_options *o, tu_error **error);
tu_rc tu_call_render(tu_plugin_use *u, tu_str params, const tu_call_options *o, tu_error **error);
tu_rc tu_call_discover(tu_plugin_use *u, const tu_call_options *o, tu_error **error);
tu_rc tu_call_describe(tu_plugin_use *u, tu_str kind, const tu_call_options *o, tu_error **error);
tu_rc tu_call_list(tu_plugin_use *u, tu_str selector, const tu_call_options *o, tu_error **error);
tu_rc tu_call_target_watch(tu_plugin_use *u, tu_str selector, const tu_call_options *o,
                           tu_error **error);
tu_rc tu_call_get(tu_plugin_use *u, tu_str identity, const tu_call_options *o, tu_error **error);
tu_rc tu_call_apply(tu_plugin_use *u, tu_str object, tu_str options, const tu_call_options *o,
                    tu_error **error);
tu_rc tu_call_patch(tu_plugin_use *u, tu_str identity, tu_str patch, tu_str options,
                    const tu_call_options *o, tu_error **error);
tu_rc tu_call_remove(tu_plugin_use *u, tu_str identity, tu_str options, const tu_call_options *o,
                     tu_error **error);
tu_rc tu_call_health(tu_plugin_use *u, tu_str object, const tu_call_options *o, tu_error **error);
/* What a notifier is told of a delivery beside its message (tu_notifier.deliver). */
typedef struct tu_sending {
    int32_t attempt; /* from 1 */
    bool uncertain, brief;
    tu_str reference; /* of the incident at this receiver; empty: none yet */
} tu_sending;
/* Asks deliver(), or send() of a plugin that has nothing else. sending may be NULL: a first attempt.
 * ret_reference (may be NULL) gets what the receiver calls the message, where it says so. */
tu_rc tu_call_send(tu_plugin_use *u, tu_str message, tu_str key, const tu_sending *sending,
                   tu_buf *ret_reference, const tu_call_options *o, tu_error **error);

#endif
