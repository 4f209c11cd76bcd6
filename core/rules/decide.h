/*
 * rules/decide.h: what a drift means. The first entry of the rule that matches a change decides its action and severity; where none
 * matches, the rule's mode does. Pure: time comes in.
 */
#ifndef TU_RULES_DECIDE_H
#define TU_RULES_DECIDE_H

#include "config/config.h"
#include "model/model.h"

/* Decides every change of the finding (and the finding itself, when it has none: missing, blocked, invalid ...), fills in action, severity and entry, and folds the
 * strongest into the finding. Changes whose action is ignore stay in the list; when all are ignored the verdict becomes `delegated` if each entry that ignored names
 * managers, otherwise `in-sync`. live may be NULL; labels are matched on it, or on desired. quiet changes (compare/judge.h) take part only where an entry
 * that names `changes: [added]` and managers matches them (and notes, where the addition has one); those that are decided as drift are moved into the finding's changes. */
tu_rc tu_decide(tu_arena *a, const tu_rule *rule, const tu_value *live, const tu_value *desired,
                const tu_change *quiet, size_t quiet_count, int64_t wall_ms, tu_finding *f,
                tu_error **error);

/* Why an entry doesn't match, by the first of its conditions that fails. */
typedef enum {
    TU_MISS_NONE, /* it matches */
    TU_MISS_EXPIRED,
    TU_MISS_VERDICT,
    TU_MISS_KIND,
    TU_MISS_GROUP,
    TU_MISS_NAMESPACE,
    TU_MISS_NAME,
    TU_MISS_LABEL,
    TU_MISS_REASON,
    TU_MISS_WINDOW,
    TU_MISS_CHANGE,
    TU_MISS_PATH,
    TU_MISS_MANAGER,
    TU_MISS_SUBRESOURCE,
    TU_MISS_NOTE,
    TU_MISS_NO_CHANGE, /* it is about changes, and the finding has none */
    TU_MISS_QUIET,     /* the change is no drift by itself, and the entry doesn't ask for such */
} tu_miss;

/* One entry that was asked. */
typedef struct tu_trial {
    const tu_entry *entry;
    tu_miss miss;
} tu_trial;
typedef struct tu_trials {
    tu_trial *items; /* in order, the deciding one last; none of them matched: the mode decided */
    size_t n;
    bool matched;
} tu_trials;

/* How tu_decide comes to its decision on one change of the finding, or (NULL) on the finding itself: the same questions, each with its answer. f may
 * be decided already. quiet: the change is one of the quiet ones. */
tu_rc tu_decide_explain(tu_arena *a, const tu_rule *rule, const tu_value *live,
                        const tu_value *desired, int64_t wall_ms, const tu_finding *f,
                        const tu_change *c, bool quiet, tu_trials *ret, tu_error **error);
/* The miss as a sentence: "managers: kubectl-scale (human) is none of kube-controller-manager". c may be NULL. */
void tu_miss_print(tu_buf *out, const tu_entry *e, tu_miss miss, const tu_finding *f,
                   const tu_change *c);

/* The first moment after wall_ms at which an entry of the rule expires; 0: none does. What was decided before has to be decided again then. */
int64_t tu_rule_next_expiry(const tu_rule *rule, int64_t wall_ms);

#endif
