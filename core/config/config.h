/*
 * config/config.h: documents to typed configuration, with every mistake located.
 *
 * YAML documents (strict reading) of the kinds Source, Target, Notifier, Rule, Routing, Plugin, Pack,
 * RuleTest, RoutingTest and Audit in a file or a folder (*.yaml, *.yml, not recursive, byte order of names). Everything is checked
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
    /* Notifier only: */
    tu_str fallback; /* another Notifier; empty: the Routing's. tu_config_fallback() answers both */
    tu_place fallback_place;
    int64_t deadline_ms;                /* how long delivering is tried; default 24h */
    int64_t rate_messages, rate_per_ms; /* spec.rate; 0: as the plugin's schema says */
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
typedef struct
    tu_window { /* open from each time the cron expression fires, for the duration; or (no
                               cron) from one time of day to another on some days */
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

/* Labels, sorted by key, no key twice. A label that isn't there and an empty one are the same. */
typedef struct tu_label {
    tu_str key, value;
} tu_label;
typedef struct tu_labels {
    tu_label *items;
    size_t n;
} tu_labels;

/* One condition on a label, as Alertmanager writes it: severity = critical, team =~ "pay.*", kind != Job,
 * name !~ "tmp-.+". Regular expressions are anchored at both ends (PCRE2 with match limits). */
typedef enum {
    TU_MATCH_EQUAL,
    TU_MATCH_NOT_EQUAL,
    TU_MATCH_REGEX,
    TU_MATCH_NOT_REGEX
} tu_match_operator;
typedef struct tu_matcher {
    tu_str label, value;
    tu_match_operator operator;
    const struct tu_regex
        *regex;  /* of the two with ~; compiled at load, may be used from any thread */
    tu_str text; /* as it was written */
} tu_matcher;
typedef struct tu_matchers { /* all must match; none: everything does */
    tu_matcher *items;
    size_t n;
} tu_matchers;
/* Parses one; *ret borrows the arena. column (may be NULL): where in text it is wrong, from 0. */
tu_rc tu_matcher_parse(tu_arena *a, tu_str text, tu_matcher *ret, size_t *column, tu_error **error);
/* The values that =, or a regular expression that is a list of words (a|b), means; for != and !~ those that it
 * doesn't. NULL: it isn't that simple. */
const tu_str *tu_matcher_words(const tu_matcher *m, size_t *ret_n);
/* A condition that this value meets alone, as it is parsed. */
void tu_matcher_write(tu_buf *out, tu_str label, tu_str value);
bool tu_matcher_match(const tu_matcher *m,
                      tu_str value); /* value: the label's, empty where it isn't there */
bool tu_matchers_match(const tu_matchers *m, const tu_labels *labels);
tu_str tu_labels_get(const tu_labels *labels, tu_str key); /* empty where it isn't there */

/* A named set of times; open while one of its windows is. */
typedef struct tu_time_set {
    tu_str name;
    tu_window *windows;
    size_t window_count;
    tu_place place;
} tu_time_set;

typedef struct tu_escalation {
    int64_t after_ms; /* since the incident was first told on the route */
    tu_str receiver;
    tu_place place;
} tu_escalation;

/* What isn't given is inherited from the parent, all of it: also muted and active. The effective
 * values stand here. */
typedef struct tu_route tu_route;
struct tu_route {
    tu_str name;   /* unique; the root's is "default" where it has none */
    size_t number; /* in tu_routing.all: depth first, the root is 0 */
    const tu_route *parent;
    tu_matchers match;
    tu_str receiver; /* a Notifier's name; empty (only without Notifier): nobody is told */
    bool go_on;      /* `continue` */
    tu_str *group_by;
    size_t group_by_count;
    bool group_by_all; /* "...": an incident for each alert */
    int64_t group_wait_ms, group_interval_ms;
    int64_t repeat_interval_ms; /* 0: never repeated */
    const tu_time_set **muted,
        **active; /* muted: quiet while one is open; active: quiet while none is */
    size_t muted_count, active_count;
    tu_escalation *escalation;
    size_t escalation_count;
    int64_t escalation_repeat; /* how often the steps begin again after the last; default 0 */
    tu_route
        *routes; /* asked in order; the first that matches decides, unless it says `continue` */
    size_t route_count;
    tu_place place;
};

/* While an alert that matches source fires, those that match target are quiet; one that matches both
 * isn't, by this inhibition. */
typedef struct tu_inhibition {
    tu_str name;
    tu_matchers source, target;
    tu_str *equal; /* labels that both must have, with the same value */
    size_t equal_count;
    tu_place place;
} tu_inhibition;

typedef struct tu_routing {
    tu_str receiver; /* the root's; empty: nobody is told */
    tu_route *
        root; /* never NULL after loading: without a Routing it is one route to the only Notifier */
    tu_route **all;
    size_t route_count;
    tu_time_set *times;
    size_t time_count;
    tu_inhibition *inhibitions;
    size_t inhibition_count;
    tu_words object_labels,
        object_annotations; /* keys that become labels of alerts; none: no label does */
    tu_str fallback;        /* a Notifier's name: gets what others could not be told; empty: none */
    struct {
        tu_str receiver; /* empty: none */
        int64_t every_ms;
    } heartbeat;
    int64_t alerts_per_message; /* named one by one; default 20 */
    tu_place place;
} tu_routing;

/* Cases for `trueup route test`, written beside the routes. */
typedef struct tu_route_test {
    tu_str name;
    const tu_value *spec;
    tu_place place;
    tu_str text;
} tu_route_test;

/* How the evidence is kept. */
typedef struct tu_audit_policy {
    int64_t every_ms, records; /* when the trail's head is signed */
    tu_str file;               /* absolute; empty: in the state directory */
    tu_str receiver;           /* a Notifier's name; empty: none */
    int64_t retention_ms;
    tu_place place; /* line 0: no document, these are the defaults */
} tu_audit_policy;
tu_audit_policy tu_audit_defaults(void);

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
    tu_route_test *route_tests;
    size_t route_test_count;
    tu_audit_policy audit;
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
/* Who gets what that Notifier could not be told: its own fallback, or else the Routing's, unless
 * that leads back to it; empty: nobody. Following it ends. */
tu_str tu_config_fallback(const tu_config *c, tu_str notifier);
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
/* When it opens or closes next, after wall_ms; INT64_MAX: never again (within TU_LIMIT_WINDOW_DAYS). */
int64_t tu_window_next(const tu_window *w, int64_t wall_ms);
tu_rc tu_window_check(const tu_window *w, tu_error **error);
/* Checks as above and sets w->schedule, which lives in the arena and may be used from any thread.
 */
tu_rc tu_window_prepare(tu_arena *a, tu_window *w, tu_error **error);

#endif
