/*
 * rules/test.h: cases for rules and packs (documents of kind RuleTest), run offline.
 *
 * A case gives a manifest, the live object and a time, or says itself what was found; it says what
 * must come of it. It is judged and decided by the same functions as everything else, so what
 * passes here happens there. The shape of a case is the schema's business
 * (config/schemas/RuleTest.json).
 */
#ifndef TU_RULES_TEST_H
#define TU_RULES_TEST_H

#include "compare/kind.h"
#include "rules/decide.h"

typedef struct tu_test_options {
    tu_str our_manager; /* our field manager's name */
    int64_t wall_ms;    /* the moment of cases that name none */
    /* What is known of a kind; borrowed. NULL: nothing. */
    tu_kind *(*describe)(void *arg, const tu_object_id *id);
    void *arg;
} tu_test_options;

typedef struct tu_fault { /* what wasn't as expected */
    tu_place place;
    tu_str text;
} tu_fault;

typedef struct tu_case_result {
    tu_str test, name; /* of the document, of the case */
    tu_place place;
    tu_fault *faults; /* none: it passed */
    size_t fault_count;
    bool broken; /* the case itself is wrong: it couldn't be run */
} tu_case_result;

typedef struct tu_test_results {
    tu_case_result *items;
    size_t n;
    size_t failed;            /* broken ones too */
    const tu_entry **untried; /* entries that no case of their RuleTest comes to */
    size_t untried_count;
} tu_test_results;

/* Runs every case of every RuleTest of the configuration, in order. Everything returned is in the
 * arena or belongs to the configuration. Fails only for memory. */
tu_rc tu_rule_test_run(tu_arena *a, const tu_config *c, const tu_test_options *o,
                       tu_test_results *ret, tu_error **error);

#endif
