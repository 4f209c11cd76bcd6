/*
 * report/say.h: what a finding means in words, in classes and in identities; shared by the writers.
 *
 * Everything that is added is safe in a line (show.h), so a writer only adds its format's escaping.
 * A change reads "wanted -> there".
 */
#ifndef TU_REPORT_SAY_H
#define TU_REPORT_SAY_H

#include "report/report.h"

/* What a finding is to a program that knows passed, failed, error and skipped. Agrees with the exit
 * code. */
typedef enum {
    TU_OUTCOME_FINE,
    TU_OUTCOME_SKIPPED, /* delegated, or everything was ignored by the rule */
    TU_OUTCOME_DRIFT,
    TU_OUTCOME_UNKNOWN
} tu_outcome;
tu_outcome tu_say_outcome(const tu_finding *f);
/* How many findings have each. */
typedef struct tu_outcomes {
    size_t of[TU_OUTCOME_UNKNOWN + 1], total;
} tu_outcomes;
tu_outcomes tu_say_outcomes(const tu_rule_report *r);

/* The change that stands for the object itself (an unmanaged one's, with its maker): it has no path
 * and no values. NULL when there is none. */
const tu_change *tu_say_maker(const tu_finding *f);
/* Is the change one to be told: about a field, and not ignored (or `all`)? */
bool tu_say_is_told(const tu_change *c, bool all);
/* "Deployment.apps/shop/cart"; the file where there is no object. */
void tu_say_object(tu_buf *out, const tu_finding *f);
/* "overlays/prod/cart.yaml:3" */
void tu_say_place(tu_buf *out, const tu_finding *f);
/* `3 -> 5`, `added: true`, `order: b moved`; a value takes at most `limit` columns (0: whole). */
void tu_say_change(tu_buf *out, const tu_change *c, size_t limit);
/* "field manager kubectl-edit (human) by scale"; nothing when nobody is known. */
void tu_say_hand(tu_buf *out, const tu_owner *o);
/* The same for a narrow column: "kubectl-edit (human)". */
void tu_say_manager(tu_buf *out, const tu_owner *o);
/* "alert, warning: nobody edits by hand"; nothing when no entry of the rule decided. */
void tu_say_decision(tu_buf *out, tu_action action, tu_severity severity, tu_str entry);
/* "3h" from `since` to now_ms; nothing when either isn't known. */
void tu_say_age(tu_buf *out, tu_str since, int64_t now_ms);
/* When the finding began, as far as is known: its onset, else the latest time of its changes. */
tu_str tu_say_since(const tu_finding *f);
/* "is missing: ...", without the object: its reason, or its first change and how many more. */
void tu_say_finding(tu_buf *out, const tu_finding *f);
/* What the verdict means, as a half sentence: "is there, and in no source". */
const char *tu_say_verdict(tu_verdict v);
/* "9f3c1a2b70": a commit's first ten digits, a digest's algorithm and first twelve. */
tu_str tu_say_revision(tu_str revision);
/* "12 objects: 9 in sync, 1 drifted"; each part is handed to `part`, which may be NULL. */
void tu_say_counts(tu_buf *out, const size_t counts[TU_VERDICT_COUNT],
                   void (*part)(void *arg, tu_buf *out, tu_verdict v, tu_str text), void *arg);
/* "93.3 % of 120 objects in scope; 8 in no source; 34 more need no source" */
void tu_say_coverage(tu_buf *out, const tu_coverage *c);

/* The file for formats that link to it: the rule's root before the finding's file. */
void tu_say_file(tu_buf *out, const tu_rule_report *r, const tu_finding *f,
                 const tu_report_options *o);
/* 32 hex digits: the same for the same drift in every run, whatever its values and its line. path
 * may be empty. */
void tu_say_fingerprint(const tu_rule_report *r, const tu_finding *f, const char *kind, tu_str path,
                        char out[33]);

#endif
