/*
 * engine/confirm.h: what follows when a local comparison isn't enough: read again, ask for a dry
 * run, judge again; and heal.
 *
 * All of it blocks on one target's worker thread and works on one object. The words for what a
 * target answers stand here, so that check, heal and the service say the same.
 */
#ifndef TU_ENGINE_CONFIRM_H
#define TU_ENGINE_CONFIRM_H

#include "engine/index.h"

/* More objects than this are found by one listing instead of one read each. */
#define TU_READ_SINGLY 100u
/* Is reading that many of n, after a listing of their metadata, cheaper than a full listing? */
bool tu_reading_pays(size_t unknown, size_t n);

/* Where what is learned of one object is kept. */
typedef struct tu_slot {
    tu_index *index; /* NULL: nowhere */
    size_t object;
    bool whole;      /* ask for a dry run also where the comparison finds nothing (the scrub) */
    uint32_t serial; /* out: of the judgement, for tu_index_take */
    bool replaced;   /* out: it isn't the object that it was */
} tu_slot;

/* Reads the object afresh and judges it, by dry run where it is suspect and the rule allows one. A
 * target that can't be asked now is an `unknown` finding, or the observed one with the reason. slot may be NULL. */
tu_rc tu_verify(tu_arena *a, const tu_rule *rule, tu_plugin_use *target, const tu_prepared *desired,
                const tu_call_options *o, tu_slot *slot, const tu_value **ret_live, tu_finding *ret,
                tu_error **error);

/* The dry run alone: asks for one and judges live again with its answer. *f is what was found without
 * it, and stays, with the reason beside it, where the target can't be asked. A refusal is the
 * verdict: blocked or invalid. */
tu_rc tu_confirm(tu_arena *a, const tu_rule *rule, tu_plugin_use *target,
                 const tu_prepared *desired, const tu_value *live, const tu_call_options *o,
                 tu_finding *f, tu_error **error);

/* Verifies and, where the finding still asks for it, heals. at_least: the weakest action that is
 * healed: TU_ACTION_HEAL by the service, TU_ACTION_ALERT when a person asked. *ret is the finding
 * afterwards; *ret_healed: something was written. A refusal is a finding (blocked, invalid) and
 * TU_OK; an error means that it wasn't healed now. */
tu_rc tu_heal_one(tu_arena *a, const tu_rule *rule, tu_plugin_use *target,
                  const tu_prepared *desired, tu_action at_least, const tu_call_options *o,
                  tu_slot *slot, tu_finding *ret, bool *ret_healed, tu_error **error);

/* Would healing do something about it? */
bool tu_finding_is_healable(const tu_finding *f, tu_action at_least);

#endif
