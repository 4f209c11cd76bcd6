/*
 * heal/heal.h: what is done to one object: ask the target what applying would do, or do it.
 *
 *   predict   a server-side dry run of the desired object; its answer goes back to the judge
 *   apply     server-side apply with our manager and the preconditions of the object that was
 * judged (uid, resourceVersion), then a JSON patch for additions that are to go. What the rule
 * leaves to others keeps its live value.
 *
 * All block, on the target's worker thread. None keeps state: when to heal, how often and whether
 * at all is the engine's.
 */
#ifndef TU_HEAL_HEAL_H
#define TU_HEAL_HEAL_H

#include "compare/baseline.h"
#include "plugin/host.h"

#define TU_FIELD_MANAGER "trueup"

/* Taken of an object that comes back, before it is sealed (compare/baseline.h). */
typedef struct tu_heal_note {
    uint64_t seed;
    tu_baseline baseline;
} tu_heal_note;

/* Asks for a dry run. On TU_OK *ret_predicted is the object as it would stand, sealed. Otherwise
 * the class: TU_EINVALID, TU_EREFUSED say something about the object, the rest about the target.
 * live may be NULL. */
tu_rc tu_heal_predict(tu_arena *a, tu_plugin_use *target, const tu_prepared *desired,
                      const tu_value *live, const tu_call_options *o,
                      const tu_value **ret_predicted, tu_error **error);

/* Makes live what is desired. note may be NULL. f: the decided finding; changes whose action is below at_least keep
 * their live value. *ret_after: the object as it stands now, sealed. */
tu_rc tu_heal_apply(tu_arena *a, tu_plugin_use *target, const tu_prepared *desired,
                    const tu_value *live, const tu_finding *f, tu_action at_least,
                    const tu_call_options *o, tu_heal_note *note, const tu_value **ret_after,
                    tu_error **error);

/* Would healing take something away that others added? */
bool tu_heal_takes_away(const tu_finding *f, tu_action at_least);

/* Reads one live object, sealed. TU_ENOTFOUND: *ret is NULL and *error stays unset. note may be
 * NULL. */
tu_rc tu_heal_read(tu_arena *a, tu_plugin_use *target, const tu_prepared *desired,
                   const tu_call_options *o, tu_heal_note *note, const tu_value **ret,
                   tu_error **error);

/* Where a kind stands in the order of applying: namespaces and definitions first, what refers to
 * others last. */
int tu_heal_stage(tu_str group, tu_str kind);

#endif
