/*
 * engine/explain.h: one object, looked at now, with everything that its decision rests on: what is
 * desired and what is live, who holds what, and what each rule that has the object makes of it.
 *
 * The desired sets of the rules are loaded; of the target one object is read (and, where the rule
 * allows it, one dry run asked for). Nothing is written.
 */
#ifndef TU_ENGINE_EXPLAIN_H
#define TU_ENGINE_EXPLAIN_H

#include "desired/desired.h"
#include "engine/engine.h"

typedef struct tu_explained { /* the object in one rule */
    const tu_rule *rule;
    tu_str revision;
    tu_finding finding;      /* decided; its quiet changes are those that no entry raised */
    const tu_value *desired; /* normalised; NULL: the manifest couldn't be used */
    const tu_value *live;    /* sealed; NULL: not there, or not to be read */
    tu_ownership ownership;
    tu_str problem; /* why it couldn't be looked at; empty otherwise */
} tu_explained;

typedef struct tu_explanation {
    tu_arena arena;
    tu_object_id id; /* the one that was meant; name empty: none, or several */
    int64_t wall_ms;
    tu_explained *items;
    size_t n;
    tu_str *nearest; /* where it isn't known or not clear: objects, as arguments */
    size_t nearest_count;
    bool ambiguous;
    struct tu_survey *survey; /* of all rules, with what couldn't be read; keeps the rest alive */
} tu_explanation;

/* object: Kind/name, Kind/namespace/name, Kind.group/namespace/name; Kind in any case. Of the pass
 * options, config, rules, state and cancel are used. */
tu_rc tu_explain_run(const tu_pass_options *o, const char *object, tu_explanation **ret,
                     tu_errors *errors);
void tu_explanation_free(tu_explanation *e); /* takes NULL */

#endif
