/*
 * cli/route.h: what `trueup route explain` found out, for those who write it down (route_text.c,
 * route_json.c).
 */
#ifndef TU_CLI_ROUTE_H
#define TU_CLI_ROUTE_H

#include "alert/route.h"
#include "cli/cli.h"

typedef enum {
    TU_STEP_TAKES,
    TU_STEP_PASSES,     /* it matches, and a route in it takes the alert */
    TU_STEP_DIFFERS,    /* a condition isn't met */
    TU_STEP_NOT_ASKED,  /* another took the alert before */
    TU_STEP_NOT_REACHED /* the route that it stands in isn't */
} tu_step_kind;

typedef struct tu_step { /* what became of one route; beside tu_routing.all */
    tu_step_kind kind;
    const tu_matcher *matcher; /* DIFFERS: the first that isn't met */
    const tu_route *by;        /* NOT_ASKED: who took it */
} tu_step;

typedef struct tu_route_answer {
    const tu_config *config;
    tu_labels labels;
    int64_t at;
    const tu_step *steps;
    const uint32_t *taken; /* numbers of routes */
    size_t taken_count;
} tu_route_answer;

/* "default > payments" */
void tu_route_path(const tu_route *route, const char *between, tu_buf *out);
void tu_route_write_text(const tu_cli *cli, const tu_route_answer *answer, tu_buf *out);
void tu_route_write_json(const tu_route_answer *answer, tu_buf *out);

#endif
