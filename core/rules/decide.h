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
 * that names `changes: [added]` and managers matches them; those that are decided as drift are moved into the finding's changes. */
tu_rc tu_decide(tu_arena *a, const tu_rule *rule, const tu_value *live, const tu_value *desired,
                const tu_change *quiet, size_t quiet_count, int64_t wall_ms, tu_finding *f,
                tu_error **error);

#endif
