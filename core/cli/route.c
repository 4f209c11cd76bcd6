/*
 * cli/route.c: `trueup route explain` and `trueup route test`: which way an alert takes, offline, from the
 * configuration alone.
 *
 * What is explained is found by walking the tree as it is written; the routes that take the alert come from the
 * router that the service uses, so that they are what happens there.
 */
#include "cli/route.h"
#include "alert/route_case.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cases.h"
#include <stdlib.h>

#define OUTPUT_BYTES (16u * TU_MIB)
#define LABELS_MOST 1000u

/* --- labels and the moment -------------------------------------------------------------------- */

static int by_key(const void *a, const void *b) {
    return tu_str_compare(((const tu_label *)a)->key, ((const tu_label *)b)->key);
}

static int fail_label(const tu_cli *cli, tu_str text) {
    tu_error *e = NULL;
    tu_error_set(&e, TU_EINVALID, "'%.*s' is no label", TU_P(text));
    tu_error_hint(&e, "write name=value, such as severity=critical");
    return tu_cli_fail_with(cli, e);
}

/* "name=value" or name="a, b"; rest: what stands behind it. Labels of which one has a ',' are written in quotes. */
static int take_label(const tu_cli *cli, tu_str *rest, bool list, tu_labels *labels) {
    const char *equals = rest->n ? memchr(rest->p, '=', rest->n) : NULL;
    size_t n = equals ? (size_t)(equals - rest->p) : 0;
    if (n == 0 || labels->n == LABELS_MOST)
        return fail_label(cli, *rest);
    tu_label label = {.key = {rest->p, n}};
    tu_str value = {equals + 1, rest->n - n - 1};
    size_t end = value.n;
    if (value.n > 0 && value.p[0] == '"') {
        const char *close = memchr(value.p + 1, '"', value.n - 1);
        if (!close)
            return fail_label(cli, *rest);
        end = (size_t)(close - value.p) + 1;
        label.value = (tu_str){value.p + 1, end - 2};
        if (end < value.n && (!list || value.p[end] != ','))
            return fail_label(cli, *rest);
    } else {
        const char *comma = list && value.n ? memchr(value.p, ',', value.n) : NULL;
        end = comma ? (size_t)(comma - value.p) : value.n;
        label.value = (tu_str){value.p, end};
    }
    end += end < value.n; /* the comma */
    *rest = (tu_str){value.p + end, value.n - end};
    for (size_t i = 0; i < labels->n; i++) {
        if (tu_str_eq(labels->items[i].key, label.key))
            return tu_cli_fail(cli, TU_EXIT_USAGE, "the label '%.*s' is given twice",
                               TU_P(label.key));
    }
    labels->items[labels->n++] = label;
    return -1;
}

/* Those of --labels, and the arguments. */
static int read_labels(const tu_cli *cli, tu_arena *a, tu_labels *labels) {
    tu_str rest = tu_str_c(cli->values[TU_OPTION_LABELS]);
    int code = -1;
    labels->items = tu_arena_alloc(a, LABELS_MOST * sizeof *labels->items);
    if (!labels->items)
        return tu_cli_fail(cli, TU_EXIT_UNKNOWN, "out of memory");
    while (rest.n > 0 && code < 0)
        code = take_label(cli, &rest, true, labels);
    for (size_t i = 0; i < cli->argument_count && code < 0; i++) {
        rest = tu_str_c(cli->arguments[i]);
        code = take_label(cli, &rest, false, labels);
    }
    qsort(labels->items, labels->n, sizeof *labels->items, by_key);
    return code;
}

static int read_moment(const tu_cli *cli, int64_t *at) {
    const char *given = cli->values[TU_OPTION_AT];
    const tu_clock clock = tu_clock_real();
    int64_t us;
    *at = tu_clock_wall(&clock);
    if (!given)
        return -1;
    if (!tu_time_parse(tu_str_c(given), &us))
        return tu_cli_fail(cli, TU_EXIT_USAGE,
                           "option --at: '%s' is no time: write 2026-12-31T18:00:00+09:00", given);
    *at = us / 1000;
    return -1;
}

/* --- the way ---------------------------------------------------------------------------------- */

static const tu_matcher *first_unmet(const tu_matchers *m, const tu_labels *labels) {
    for (size_t i = 0; i < m->n; i++) {
        if (!tu_matcher_match(&m->items[i], tu_labels_get(labels, m->items[i].label)))
            return &m->items[i];
    }
    return NULL;
}

/* The route matches. What isn't reached keeps TU_STEP_NOT_REACHED. */
static void walk(const tu_route *route, const tu_labels *labels, tu_step *steps) {
    const tu_route *taken = NULL; /* by a child that doesn't say `continue` */
    bool any = false;
    for (size_t i = 0; i < route->route_count; i++) {
        const tu_route *child = &route->routes[i];
        tu_step *step = &steps[child->number];
        if (taken) {
            *step = (tu_step){.kind = TU_STEP_NOT_ASKED, .by = taken};
            continue;
        }
        const tu_matcher *unmet = first_unmet(&child->match, labels);
        if (unmet) {
            *step = (tu_step){.kind = TU_STEP_DIFFERS, .matcher = unmet};
            continue;
        }
        any = true;
        walk(child, labels, steps);
        taken = child->go_on ? NULL : child;
    }
    steps[route->number].kind = any ? TU_STEP_PASSES : TU_STEP_TAKES;
}

void tu_route_path(const tu_route *route, const char *between, tu_buf *out) {
    if (route->parent) {
        tu_route_path(route->parent, between, out);
        tu_buf_add_c(out, between);
    }
    tu_buf_add(out, route->name);
}

/* --- explain ---------------------------------------------------------------------------------- */

static tu_rc find_way(tu_arena *a, tu_route_answer *answer, tu_error **error) {
    const tu_routing *routing = &answer->config->routing;
    tu_step *steps = tu_arena_alloc(a, routing->route_count * sizeof *steps);
    uint32_t *taken = tu_arena_alloc(a, routing->route_count * sizeof *taken);
    tu_router *router = NULL;
    if (!steps || !taken)
        return tu_error_memory(error);
    tu_rc rc = tu_router_new(routing, &router, error);
    if (rc != TU_OK)
        return rc;
    for (size_t i = 0; i < routing->route_count; i++)
        steps[i] = (tu_step){.kind = TU_STEP_NOT_REACHED};
    walk(routing->root, &answer->labels, steps);
    answer->steps = steps;
    answer->taken = taken;
    answer->taken_count = tu_router_take(router, &answer->labels, taken);
    tu_router_free(router);
    return TU_OK;
}

static int explain(const tu_cli *cli, tu_arena *a, const tu_config *c, tu_route_answer *answer) {
    tu_error *why = NULL;
    answer->config = c;
    if (find_way(a, answer, &why) != TU_OK)
        return tu_cli_fail_with(cli, why);
    tu_buf out = TU_BUF_INIT(OUTPUT_BYTES);
    if (cli->json)
        tu_route_write_json(answer, &out);
    else
        tu_route_write_text(cli, answer, &out);
    int code = tu_cli_print(cli, &out, TU_EXIT_OK);
    tu_buf_done(&out);
    return code;
}

int tu_command_route_explain(tu_cli *cli) {
    _cleanup_(tu_arena_done) tu_arena a;
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    tu_route_answer answer = {0};
    int code = read_labels(cli, &a, &answer.labels);
    if (code < 0)
        code = read_moment(cli, &answer.at);
    if (code >= 0)
        return code;
    _cleanup_(tu_freep) char *path = tu_cli_config_path(cli);
    if (!path)
        return TU_EXIT_USAGE;
    tu_errors errors = {0};
    tu_config *c = tu_config_load(path, &errors);
    if (!c)
        return tu_cli_fail_all(cli, &errors, TU_EXIT_USAGE);
    tu_errors_done(&errors);
    code = explain(cli, &a, c, &answer);
    tu_config_unref(c);
    return code;
}

/* --- test ------------------------------------------------------------------------------------- */

typedef struct tester {
    tu_cases cases;
    tu_arena arena;
} tester;

static void run_cases(tester *t, const tu_config *c) {
    const tu_clock clock = tu_clock_real();
    tu_route_case_results results;
    tu_error *why = NULL;
    t->cases.documents += c->route_test_count;
    tu_arena_reset(&t->arena);
    if (tu_route_cases_run(&t->arena, c, tu_clock_wall(&clock), &results, &why) != TU_OK) {
        tu_cli_fail_with(t->cases.cli, why);
        t->cases.unreadable = true;
        return;
    }
    for (size_t i = 0; i < results.n; i++)
        tu_cases_add(&t->cases, &results.items[i]);
    for (size_t i = 0; i < results.untried_count; i++) {
        const tu_route *route = results.untried[i];
        tu_cases_note(&t->cases, route->place, "no case is taken by the route '%.*s'",
                      TU_P(route->name));
    }
}

static void run_config(void *arg, const char *path) {
    tester *t = arg;
    tu_errors errors = {0};
    tu_config *c = tu_config_load(path, &errors);
    if (c)
        run_cases(t, c);
    else
        tu_cli_fail_all(t->cases.cli, &errors, TU_EXIT_USAGE);
    t->cases.unreadable |= !c;
    tu_errors_done(&errors);
    tu_config_unref(c);
}

int tu_command_route_test(tu_cli *cli) {
    tester t = {0};
    int code = tu_cases_begin(&t.cases, cli, "trueup route test");
    if (code >= 0)
        return code;
    tu_arena_init(&t.arena, 0);
    tu_cases_each(&t.cases, run_config, &t);
    code = tu_cases_end(&t.cases, "RoutingTest", "the Routing");
    tu_arena_done(&t.arena);
    return code;
}
