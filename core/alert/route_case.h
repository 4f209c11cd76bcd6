/*
 * alert/route_case.h: cases for the Routing (documents of kind RoutingTest), run offline by the router that
 * the service uses. The shape of a case is the schema's business (config/schemas/RoutingTest.json).
 */
#ifndef TU_ALERT_ROUTE_CASE_H
#define TU_ALERT_ROUTE_CASE_H

#include "alert/route.h"
#include "rules/test.h"

typedef struct tu_route_case_results {
    tu_case_result *items;
    size_t n;
    const tu_route **untried; /* routes that no case comes to; none where there are no cases */
    size_t untried_count;
} tu_route_case_results;

/* Runs every case of every RoutingTest of the configuration, in order. wall_ms: the moment of cases that name none.
 * Everything returned is in the arena or belongs to the configuration. Fails only for memory. */
tu_rc tu_route_cases_run(tu_arena *a, const tu_config *c, int64_t wall_ms,
                         tu_route_case_results *ret, tu_error **error);

#endif
