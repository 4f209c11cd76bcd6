/*
 * base/words.h: the closed sets of words that everything else is said in (DESIGN section 2):
 * verdicts, confidences, kinds of change, classes of managers, actions, severities. Their names are
 * an interface: rules, reports and alerts use them.
 *
 * To add one: the enum here, its name in words.c, the report's summary, the README.
 */
#ifndef TU_BASE_WORDS_H
#define TU_BASE_WORDS_H

#include <stdbool.h>
#include <trueup/plugin.h>

typedef enum {
    TU_VERDICT_IN_SYNC,
    TU_VERDICT_DRIFTED,
    TU_VERDICT_MISSING,
    TU_VERDICT_UNMANAGED,
    TU_VERDICT_BLOCKED,
    TU_VERDICT_INVALID,
    TU_VERDICT_UNKNOWN,
    TU_VERDICT_TERMINATING,
    TU_VERDICT_DELEGATED,
    TU_VERDICT_COUNT
} tu_verdict;
const char *tu_verdict_name(tu_verdict v);
bool tu_verdict_parse(tu_str s, tu_verdict *ret);

typedef enum {
    TU_CONFIDENCE_NONE,
    TU_CONFIDENCE_OBSERVED,
    TU_CONFIDENCE_PROVED,
    TU_CONFIDENCE_CONFIRMED
} tu_confidence;
const char *tu_confidence_name(tu_confidence c); /* "", "observed", "proved", "confirmed" */

typedef enum {
    TU_CHANGE_VALUE,
    TU_CHANGE_REMOVED,
    TU_CHANGE_ADDED,
    TU_CHANGE_ORDER,
    TU_CHANGE_DUPLICATE,
    TU_CHANGE_OWNERSHIP,
    TU_CHANGE_COUNT
} tu_change_kind;
const char *tu_change_name(tu_change_kind k);
bool tu_change_parse(tu_str s, tu_change_kind *ret);

typedef enum {
    TU_MANAGER_UNKNOWN,
    TU_MANAGER_HUMAN,
    TU_MANAGER_CONTROLLER,
    TU_MANAGER_GITOPS,
    TU_MANAGER_OURS,
    TU_MANAGER_LEGACY, /* no hand but what the target merged of several: before-first-apply,
                          ancient-changes */
    TU_MANAGER_COUNT
} tu_manager_class;
/* "unknown", "human", "controller", "gitops", "ours", "legacy" */
const char *tu_manager_class_name(tu_manager_class c);

typedef enum {
    TU_ACTION_IGNORE,
    TU_ACTION_ALERT,
    TU_ACTION_APPROVE,
    TU_ACTION_HEAL
} tu_action; /* weakest first */
const char *tu_action_name(tu_action a);
bool tu_action_parse(tu_str s, tu_action *ret);

typedef enum { TU_SEVERITY_INFO, TU_SEVERITY_WARNING, TU_SEVERITY_CRITICAL } tu_severity;
const char *tu_severity_name(tu_severity s);
bool tu_severity_parse(tu_str s, tu_severity *ret);

/* Does the verdict mean that something must be told or done? (drifted, missing, unmanaged, blocked,
 * invalid) */
bool tu_verdict_is_drift(tu_verdict v);

#endif
