/*
 * bench/bench_route.c: label sets a second through trees of routes, on one core.
 *
 *     bench_route [SECONDS]
 *
 * Four trees of 200 routes: by team (an equality on one label each, some of them with routes below them), by lists of
 * words ("a|b|c"), by team where every tenth is a regular expression, and one where every condition is a regular
 * expression that no shortcut takes. The
 * label sets are 1,024 of 14 labels each, as drifts have them. The limit, 1,000,000 a second, is for the first three.
 * A plain walk of the tree (tu_matchers_match) stands beside each, for comparison.
 */
#include <stdio.h>
#include <stdlib.h>

#include "alert/route.h"
#include "base/clock.h"
#include "base/mem.h"

enum { ROUTES = 200, SETS = 1024, LABELS = 14, LIMIT_A_SECOND = 1000000 };

typedef struct bench {
    tu_config *config;
    tu_router *router;
    tu_label labels[SETS][LABELS];
    char values[SETS][3][24];
    uint32_t ret[ROUTES + 1];
    size_t taken; /* so that nothing is optimised away */
} bench;

/* --- the tree --------------------------------------------------------------------------------- */

typedef enum { TEAMS, WORDS, MIXED, EXPRESSIONS } shape;

static void add_match(tu_buf *b, shape form, int i) {
    if (form == EXPRESSIONS)
        tu_buf_addf(b, "['team =~ \"(te|squ)am-%d[a-z]?\"']", i);
    else if (form == WORDS)
        tu_buf_addf(b, "['team =~ \"team-%d|squad-%d|t%d\"']", i, i, i);
    else if (form == MIXED && i % 10 == 0)
        tu_buf_addf(b, "['team =~ \"team-%d.*\"', 'severity != info']", i);
    else
        tu_buf_addf(b, "['team = team-%d']", i);
}

static tu_config *make_tree(shape form) {
    tu_buf b = TU_BUF_INIT(1 << 20);
    tu_buf_add_c(&b, "{apiVersion: trueup.dev/v1, kind: Notifier, metadata: {name: chat}, spec: "
                     "{plugin: webhook}}\n"
                     "---\n{apiVersion: trueup.dev/v1, kind: Routing, spec: {receiver: chat, "
                     "labels: {object: [team]}, routes: [\n");
    int routes = 1, team = 0;
    for (; routes < ROUTES; team++) {
        tu_buf_addf(&b, "{name: r%d, match: ", team);
        add_match(&b, form, team);
        routes++;
        if (team % 15 == 0 && routes + 3 < ROUTES) {
            tu_buf_addf(&b,
                        ", routes: [{name: r%dc, match: [severity = critical]}, {name: r%ds, "
                        "match: ['kind =~ "
                        "\"Secret|ConfigMap\"']}]",
                        team, team);
            routes += 2;
        }
        tu_buf_add_c(&b, "},\n");
    }
    tu_buf_add_c(&b, "]}}\n");
    tu_errors errors = {0};
    tu_config *c = tu_config_parse("bench.yaml", tu_buf_str(&b), &errors);
    for (size_t i = 0; i < errors.n; i++)
        fprintf(stderr, "bench_route: %s\n", tu_error_text(errors.items[i]));
    tu_errors_done(&errors);
    tu_buf_done(&b);
    if (!c)
        exit(1);
    return c;
}

/* --- the alerts ------------------------------------------------------------------------------- */

static void make_labels(bench *b) {
    static const char *const kinds[] = {"Deployment", "Service", "Secret", "ConfigMap"};
    static const char *const severities[] = {"critical", "warning", "info"};
    for (int i = 0; i < SETS; i++) {
        snprintf(b->values[i][0], sizeof b->values[i][0], "cart-%d", i);
        snprintf(b->values[i][1], sizeof b->values[i][1], "namespace-%d", i % 37);
        snprintf(b->values[i][2], sizeof b->values[i][2], "team-%d",
                 i * 7 % 230); /* some have no route */
        const tu_label set[LABELS] = {
            {TU_S("about"), TU_S("drift")},
            {TU_S("change"), TU_S("value")},
            {TU_S("class"), TU_S("human")},
            {TU_S("group"), TU_S("apps")},
            {TU_S("kind"), tu_str_c(kinds[i % 4])},
            {TU_S("manager"), TU_S("kubectl-edit")},
            {TU_S("name"), tu_str_c(b->values[i][0])},
            {TU_S("namespace"), tu_str_c(b->values[i][1])},
            {TU_S("rule"), TU_S("shop")},
            {TU_S("severity"), tu_str_c(severities[i % 3])},
            {TU_S("source"), TU_S("shop-config")},
            {TU_S("target"), TU_S("production")},
            {TU_S("team"), tu_str_c(b->values[i][2])},
            {TU_S("verdict"), TU_S("drifted")},
        };
        memcpy(b->labels[i], set, sizeof set);
    }
}

/* --- measuring -------------------------------------------------------------------------------- */

static size_t walk(const tu_route *route, const tu_labels *labels, uint32_t *ret, size_t n) {
    size_t before = n;
    for (size_t i = 0; i < route->route_count; i++) {
        const tu_route *child = &route->routes[i];
        if (!tu_matchers_match(&child->match, labels))
            continue;
        n = walk(child, labels, ret, n);
        if (!child->go_on)
            break;
    }
    if (n == before)
        ret[n++] = (uint32_t)route->number;
    return n;
}

static double measure(bench *b, bool plain, int64_t ms) {
    int64_t begin = tu_clock_monotonic(), end;
    double sets = 0;
    do {
        for (int i = 0; i < SETS; i++) {
            const tu_labels labels = {b->labels[i], LABELS};
            b->taken += plain ? walk(b->config->routing.root, &labels, b->ret, 0)
                              : tu_router_take(b->router, &labels, b->ret);
        }
        sets += SETS;
        end = tu_clock_monotonic();
    } while (end - begin < ms);
    return sets * 1000 / (double)(end - begin);
}

int main(int argc, char **argv) {
    static const struct {
        shape form;
        const char *name;
        bool limited;
    } trees[] = {{TEAMS, "200 routes by equality", true},
                 {WORDS, "200 routes by lists of words", true},
                 {MIXED, "200 routes, a tenth by expression", true},
                 {EXPRESSIONS, "200 routes by expressions alone", false}};
    int64_t ms = (argc > 1 ? atoi(argv[1]) : 1) * 1000;
    static bench b;
    make_labels(&b);
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        b.config = make_tree(trees[i].form);
        if (tu_router_new(&b.config->routing, &b.router, NULL) != TU_OK)
            return 1;
        double fast = measure(&b, false, ms), plain = measure(&b, true, ms / 2);
        printf("%-36s %10.0f label sets/s", trees[i].name, fast);
        if (trees[i].limited)
            printf(" (%.1f x the limit)", fast / LIMIT_A_SECOND);
        printf(", %.1f x a plain walk (%.0f)\n", fast / plain, plain);
        tu_router_free(b.router);
        tu_config_unref(b.config);
    }
    return b.taken == 0;
}
