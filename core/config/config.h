/*
 * config/config.h: documents to typed configuration, with every mistake located.
 *
 * YAML documents (strict reading) of the kinds Source, Target, Notifier, Rule, Routing, Plugin, Pack
 * and RuleTest in a file or a folder (*.yaml, *.yml, not recursive, byte order of names). Everything is checked
 * before anything is used: shapes (JSON Schema, one for each kind, also printed by `config
 * schema`), references between documents, globs, durations, cron, duplicate names. A configuration
 * is immutable and reference-counted; a reload makes a new one or leaves the old one in place.
 *
 * What a plugin's `config` must look like is the plugin's business: core/plugin validates it
 * against the plugin's own schema, with the spans kept here.
 *
 * To add a kind of document: a schema in config/schemas.c, a struct here, a reader in
 * config/read.c, a test folder in tests/cli/.
 */
#ifndef TU_CONFIG_CONFIG_H
#define TU_CONFIG_CONFIG_H

#include "base/buf.h"
#include "base/words.h"
#include "value/pattern.h"
#include "value/value.h"

typedef struct tu_place { /* where a document or value stands, for messages */
    const char *file;
    uint32_t line, column;
} tu_place;

/* A use of a plugin: Source, Target and Notifier alike. */
typedef struct tu_use {
    tu_str name;
    tu_str plugin;    /* "git", "kubernetes", "webhook", or the name of a Plugin document */
    tu_value *config; /* a map, {} when left out */
    tu_place place, plugin_place, config_place;
    tu_str text;         /* the file's text that config's spans refer to */
    int64_t interval_ms; /* Source: how often to ask; Target: how often to list where it can't
                            watch. Default 1m. */
} tu_use;

typedef struct tu_warning { /* what is allowed and hardly meant, or has no effect in this version */
    tu_place place;         /* line 0: the file as a whole */
    tu_str text;
} tu_warning;

typedef struct tu_plugin_doc {
    tu_str name, path;
    tu_str sha256; /* lower-case hex, or empty */
    tu_place place;
} tu_plugin_doc;

typedef struct tu_strs {
    tu_str *items;
    size_t n;
} tu_strs;

typedef struct tu_schedule tu_schedule;
typedef struct tu_window {  /* open from each time the cron expression fires, for the duration */
    tu_str cron, time_zone; /* "" is UTC */
    int64_t duration_ms;
    const tu_schedule *schedule; /* parsed at load; NULL in a window made by hand, which is then
                                    parsed at each question */
} tu_window;

typedef struct tu_label_match {
    tu_str key, value; /* value is a glob */
} tu_label_match;

typedef struct tu_label_pattern {
    tu_str key;
    tu_word value;
} tu_label_pattern;

typedef struct tu_entry { /* one item of spec.drift; of each condition, nothing matches all */
    /* what is asked first stands together (rules/decide.c) */
    uint32_t verdicts; /* bit (1 << tu_verdict); 0: those that are drift */
    uint32_t changes;  /* bit (1 << tu_change_kind) */
    tu_words kinds, groups;
    tu_path_patterns paths;
    /* about the object and the moment, too */
    tu_words namespaces, names;
    tu_label_pattern *labels;
    size_t label_count;
    tu_words reasons; /* the stable word of tu_finding.reason */
    tu_window *within;
    size_t within_count;
    int64_t expires_ms; /* wall clock; 0: never */
    /* about a change, too */
    tu_words managers, subresources;
    uint32_t manager_classes; /* bit (1 << tu_manager_class); beside managers: either matches */
    tu_words notes;           /* the stable word of tu_change.note */

    tu_str name;
    tu_str pack; /* the Pack that it came from; empty: the rule's own */
    tu_action action;
    bool has_severity;
    tu_severity severity;
    tu_str reason;
    tu_place place;
} tu_entry;
bool tu_entry_has_managers(const tu_entry *e);
/* Brings what is derived from a rule's entries up to date. */
struct tu_rule;
void tu_rule_settle(struct tu_rule *rule);
/* Then it says nothing about a finding without changes. */
bool tu_entry_is_about_changes(const tu_entry *e);

/* Entries that rules share by name (spec.use). */
typedef struct tu_pack {
    tu_str name, description;
    tu_entry *entries;
    size_t entry_count;
    bool installed; /* found beside the program, not among the user's documents */
    tu_place place;
} tu_pack;

/* Cases for rules and packs, written beside them; rules/test.h reads them. */
typedef struct tu_rule_test {
    tu_str name;
    const tu_value *spec;
    tu_place place;
    tu_str text; /* the file's text that spec's spans refer to */
} tu_rule_test;

typedef enum { TU_MODE_OFF, TU_MODE_AUDIT, TU_MODE_HEAL } tu_mode;
const char *tu_mode_name(tu_mode m);

typedef struct tu_rule {
    tu_str name, from, to, path, render; /* render: "auto", "plain", ... */
    int64_t interval_ms;                 /* full pass; default 10m */
    tu_mode mode;                        /* default audit */
    bool confirm;                        /* by dry run; default: mode == heal */
    tu_strs scope_namespaces;            /* n = 0: those of the desired set */
    tu_strs scope_kinds; /* "Kind", "Kind.group" or "*"; n = 0: those of the desired set */
    bool unmanaged;      /* are objects that stand in no manifest looked for? default true */
    tu_entry *entries;   /* its own, then those of the packs in the order of `use` */
    size_t entry_count, own_entry_count;
    uint32_t asked_changes; /* bits of all that entries name under `changes` */
    tu_strs use;
    tu_place *use_places; /* beside use */
    struct {
        bool prune;
        int64_t prune_max_objects, prune_max_percent; /* defaults 10 and 20 */
        tu_window *windows;
        size_t window_count;
        int64_t approval_votes, approval_deadline_ms;
        int64_t limit_objects, limit_per_ms; /* default 60 per 1m */
    } heal;
    tu_label_match *labels; /* alert labels */
    size_t label_count;
    tu_place place, render_place;
} tu_rule;

typedef struct tu_routing {
    tu_str receiver; /* a Notifier's name; empty: nobody is told */
    tu_place place;
} tu_routing;

typedef struct tu_config tu_config;
struct tu_config {
    tu_arena arena;
    uint32_t references; /* atomic */
    tu_use *sources, *targets, *notifiers;
    size_t source_count, target_count, notifier_count;
    tu_plugin_doc *plugins;
    size_t plugin_count;
    tu_rule *rules;
    size_t rule_count;
    tu_pack *packs; /* of the documents, and installed ones that are used */
    size_t pack_count;
    tu_rule_test *tests;
    size_t test_count;
    tu_routing routing;
    tu_strs files;        /* what was read, for watching */
    tu_warning *warnings; /* for `config check`, `check` and the log */
    size_t warning_count;
};

/* Reads path (a file or a folder). On failure every mistake is in errors, in file order, and NULL
 * is returned. */
tu_config *tu_config_load(const char *path, tu_errors *errors);
/* As above, with what only others can find, asked even where documents have mistakes, so that all
 * are found at once: `more` sees the documents that could be read and adds its errors. */
typedef void tu_config_check(void *arg, tu_config *c, tu_errors *errors);
tu_config *tu_config_load_checked(const char *path, tu_config_check *more, void *arg,
                                  tu_errors *errors);
/* The same from a text, as if it were `file`. */
tu_config *tu_config_parse(const char *file, tu_str text, tu_errors *errors);
/* Without -c: ./trueup.yaml, ./trueup.d, /etc/trueup. malloc'd, NULL when none is there. */
char *tu_config_find(void);
/* For `trueup check PATH|URL --to TARGET`: one source, one target, one rule named "check". A
 * location that is a URL (https://, ssh://, file:// ...), git@host:path, or a folder that is a Git
 * repository without a work tree is read by the plugin "git", any other folder or file by
 * "directory". target is "kubernetes", "kubernetes:CONTEXT" or "directory:PATH"; NULL is
 * "kubernetes". Source and target have the names that were given, without a password. */
tu_config *tu_config_adhoc(const char *location, const char *target, bool heal, bool unmanaged,
                           tu_error **error);
tu_config *tu_config_ref(tu_config *c);
void tu_config_unref(tu_config *c); /* takes NULL */
const tu_use *tu_config_source(const tu_config *c, tu_str name);
const tu_use *tu_config_target(const tu_config *c, tu_str name);
const tu_use *tu_config_notifier(const tu_config *c, tu_str name);
const tu_rule *tu_config_rule(const tu_config *c, tu_str name);
const tu_pack *tu_config_pack(const tu_config *c, tu_str name);

/* What `trueup config init` finds: contexts of $KUBECONFIG or ~/.kube/config, the current one
 * first; the remote (origin, or else the first; never with a password) and the branch of the Git
 * work tree around `folder`. What isn't there is NULL or an empty list; files that can't be read
 * are in errors (which may be NULL) and don't hinder the rest. */
typedef struct tu_surroundings {
    char **contexts; /* NULL at the end; never NULL itself */
    char *remote, *branch;
} tu_surroundings;
void tu_surroundings_find(const char *folder, tu_surroundings *ret, tu_errors *errors);
void tu_surroundings_done(tu_surroundings *s);
/* A commented configuration to begin with, made of what was found. remote and branch may be NULL.
 * It loads as it is. */
void tu_config_starter(tu_buf *out, const char *const *contexts, const char *remote,
                       const char *branch);

/* The JSON Schema of a kind of document as static text; NULL when there is no such kind. kinds[]
 * ends with NULL. */
const char *tu_config_schema(const char *kind);
extern const char *const tu_config_kinds[];

/* Is the window open at wall_ms? Cron has five fields (minute hour day month weekday), names and
 * ranges and steps, in the window's time zone (IANA name). An unknown zone is refused at load. */
bool tu_window_open(const tu_window *w, int64_t wall_ms);
tu_rc tu_window_check(const tu_window *w, tu_error **error);
/* Checks as above and sets w->schedule, which lives in the arena and may be used from any thread.
 */
tu_rc tu_window_prepare(tu_arena *a, tu_window *w, tu_error **error);

#endif
