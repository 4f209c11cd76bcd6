/*
 * rules/lint.h: what is allowed in rules and hardly meant: entries that can't match, that never get
 * their turn, that have expired, that ignore more than anybody wants.
 *
 * What is wrong is config's business and stops loading; lint speaks of rules that load. Nothing is
 * claimed that may be wrong: an entry is called shadowed or dead only when no finding whatever could
 * reach it.
 *
 * To add a finding: a code in the table of lint.c, and a function that looks for it.
 */
#ifndef TU_RULES_LINT_H
#define TU_RULES_LINT_H

#include "compare/kind.h"
#include "rules/decide.h"

typedef enum { TU_LINT_NOTE, TU_LINT_WARNING, TU_LINT_ERROR } tu_lint_level;
const char *tu_lint_level_name(tu_lint_level l); /* "note", "warning", "error" */

typedef struct tu_lint_finding {
    tu_lint_level level;
    const char *code; /* a stable word: "shadowed", "never-matches", "expired" ... */
    tu_place place;
    tu_str entry; /* its name; empty: of the configuration */
    tu_str text, hint;
} tu_lint_finding;

typedef struct tu_lint_result {
    tu_arena *arena;
    tu_lint_finding *items;
    size_t n, capacity;
    bool out_of_memory;
} tu_lint_result;

/* A kind that a target serves or a table knows. */
typedef struct tu_lint_kind {
    tu_str group, kind;
    tu_kind *description; /* NULL: not known */
} tu_lint_kind;

typedef struct tu_lint_options {
    int64_t wall_ms;
    int64_t soon_ms;           /* how long before its end an entry is said to expire soon */
    const tu_lint_kind *kinds; /* those that are known; of a group that is in here all are */
    size_t kind_count;
} tu_lint_options;

/* Everything that can be said from the configuration alone. Findings are added in the order of rules and packs. */
tu_rc tu_lint(const tu_config *c, const tu_lint_options *o, tu_lint_result *ret, tu_error **error);
/* Entries that none of the objects of a report (the JSON of `check --all`) would meet: notes. */
tu_rc tu_lint_report(const tu_config *c, const tu_value *report, tu_lint_result *ret,
                     tu_error **error);
/* Entries for kinds, namespaces or names that none of a rule's objects has: warnings. ids: of all desired objects of the rule. */
tu_rc tu_lint_desired(const tu_rule *rule, const tu_object_id *ids, size_t n, tu_lint_result *ret,
                      tu_error **error);

/* Does `wide`, standing before, take everything that `narrow` could match? rules/cover.c */
bool tu_entry_covers(const tu_entry *wide, const tu_entry *narrow);
/* Can a change be told at a path of a kind that the pattern covers? On false *ret_why (in the arena) says why not. rules/reach.c */
bool tu_path_reaches(tu_arena *a, const tu_kind *k, const tu_path_pattern *p, tu_str *ret_why);

/* For the files of this folder. */
void tu_lint_add(tu_lint_result *r, tu_lint_level level, const char *code, const tu_entry *e,
                 const char *hint, const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
