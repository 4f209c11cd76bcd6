/*
 * alert/route_case.c: runs cases for the Routing and says what came out otherwise, at the place of the
 * expectation.
 *
 * To add an expectation: the schema (schemas/RoutingTest.json), a function here, a line in compare().
 */
#include "alert/route_case.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "value/schema.h"
#include <stdlib.h>

#define FAULTS 8u /* of one case; there are fewer expectations */

typedef struct runner {
    tu_arena *arena;
    const tu_routing *routing;
    tu_router *router;
    const tu_route_test *test;
    tu_case_result *result;
    tu_labels labels;
    int64_t at;
    uint32_t *taken;
    size_t taken_count;
    bool *tried; /* beside routing->all */
    bool out_of_memory;
} runner;

static tu_place place_of(const runner *r, const tu_value *v) {
    tu_place p = r->test->place;
    if (v && v->line > 0) {
        p.line = v->line;
        p.column = (uint32_t)tu_text_column(r->test->text, v->begin);
    }
    return p;
}

/* Takes the text's content. */
static void add_fault(runner *r, const tu_value *at, const tu_buf *text) {
    tu_case_result *c = r->result;
    tu_str copy = tu_arena_copy(r->arena, tu_buf_str(text));
    r->out_of_memory |= !copy.p || text->rc != TU_OK;
    if (copy.p && c->fault_count < FAULTS)
        c->faults[c->fault_count++] = (tu_fault){place_of(r, at), copy};
}

/* --- reading a case --------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b) {
    return tu_str_compare(((const tu_label *)a)->key, ((const tu_label *)b)->key);
}

/* A case's own labels come before those of all. */
static void read_labels(runner *r, const tu_value *own, const tu_value *common) {
    size_t n = tu_value_count(own) + tu_value_count(common);
    r->labels = (tu_labels){tu_arena_alloc(r->arena, (n + 1) * sizeof *r->labels.items), 0};
    r->out_of_memory |= !r->labels.items;
    for (size_t i = 0; i < n && r->labels.items; i++) {
        bool is_own = i < tu_value_count(own);
        const tu_member *m =
            is_own ? &own->map.members[i] : &common->map.members[i - tu_value_count(own)];
        if (is_own || !tu_value_get_str(own, m->key))
            r->labels.items[r->labels.n++] = (tu_label){m->key, tu_value_string(&m->value)};
    }
    if (r->labels.items)
        qsort(r->labels.items, r->labels.n, sizeof *r->labels.items, by_key);
}

static bool read_moment(runner *r, const tu_value *v, int64_t *at) {
    int64_t us;
    if (!v)
        return true;
    if (tu_time_parse(tu_value_string(v), &us)) {
        *at = us / 1000;
        return true;
    }
    tu_buf text = TU_BUF_INIT(TU_KIB);
    tu_buf_addf(&text, "'%.*s' is no time: write 2026-12-31T18:00:00+09:00",
                TU_P(tu_value_string(v)));
    add_fault(r, v, &text);
    tu_buf_done(&text);
    r->result->broken = true;
    return false;
}

/* --- comparing -------------------------------------------------------------------------------- */

static void add_names(tu_buf *out, const tu_str *names, size_t n) {
    tu_buf_add_byte(out, '[');
    for (size_t i = 0; i < n; i++)
        tu_buf_addf(out, "%s%.*s", i ? ", " : "", TU_P(names[i]));
    tu_buf_add_byte(out, ']');
}

static void compare_names(runner *r, const tu_value *wanted, const char *what, const tu_str *names,
                          size_t n) {
    bool same = tu_value_count(wanted) == n;
    for (size_t i = 0; i < n && same; i++)
        same = tu_str_eq(tu_value_string(tu_value_at(wanted, i)), names[i]);
    if (!wanted || same)
        return;
    tu_buf text = TU_BUF_INIT(TU_MIB);
    tu_buf_addf(&text, "%s: ", what);
    add_names(&text, names, n);
    add_fault(r, wanted, &text);
    tu_buf_done(&text);
}

static void compare_routes(runner *r, const tu_value *wanted) {
    tu_str *names = tu_arena_alloc(r->arena, r->taken_count * sizeof *names);
    r->out_of_memory |= !names;
    for (size_t i = 0; names && i < r->taken_count; i++)
        names[i] = r->routing->all[r->taken[i]]->name;
    if (names)
        compare_names(r, wanted, "the routes are", names, r->taken_count);
}

static void compare_receivers(runner *r, const tu_value *wanted) {
    tu_str *names = tu_arena_alloc(r->arena, r->taken_count * sizeof *names);
    size_t n = 0;
    r->out_of_memory |= !names;
    for (size_t i = 0; names && i < r->taken_count; i++) {
        const tu_route *route = r->routing->all[r->taken[i]];
        bool told = route->receiver.n > 0 && !tu_route_is_quiet(route, r->at, NULL);
        for (size_t k = 0; k < n && told; k++)
            told = !tu_str_eq(names[k], route->receiver);
        if (told)
            names[n++] = route->receiver;
    }
    if (names)
        compare_names(r, wanted, "told are", names, n);
}

static void compare_group(runner *r, const tu_value *wanted) {
    const tu_route *route = r->routing->all[r->taken[0]];
    tu_label *room = tu_arena_alloc(r->arena, (route->group_by_count + 1) * sizeof *room);
    r->out_of_memory |= !room;
    if (!room || !wanted)
        return;
    const tu_labels group = tu_route_group(route, &r->labels, room);
    bool same = group.n == tu_value_count(wanted);
    tu_buf text = TU_BUF_INIT(TU_MIB);
    tu_buf_addf(&text, "the group of '%.*s' is {", TU_P(route->name));
    for (size_t i = 0; i < group.n; i++) {
        const tu_value *value = tu_value_get_str(wanted, group.items[i].key);
        same &= value && tu_str_eq(tu_value_string(value), group.items[i].value);
        tu_buf_addf(&text, "%s%.*s: %s%.*s%s", i ? ", " : "", TU_P(group.items[i].key),
                    group.items[i].value.n ? "" : "\"", TU_P(group.items[i].value),
                    group.items[i].value.n ? "" : "\"");
    }
    tu_buf_add_byte(&text, '}');
    if (!same)
        add_fault(r, wanted, &text);
    tu_buf_done(&text);
}

static void compare_quiet(runner *r, const tu_value *wanted) {
    bool quiet = true;
    for (size_t i = 0; i < r->taken_count; i++)
        quiet &= tu_route_is_quiet(r->routing->all[r->taken[i]], r->at, NULL);
    if (!wanted || tu_value_boolean(wanted, quiet) == quiet)
        return;
    tu_buf text = TU_BUF_INIT(TU_KIB);
    char time[32];
    tu_time_format(r->at, time);
    tu_buf_addf(&text, "quiet at %s: %s", time, quiet ? "true" : "false");
    add_fault(r, wanted, &text);
    tu_buf_done(&text);
}

/* --- running ---------------------------------------------------------------------------------- */

static void run_case(runner *r, const tu_value *spec, const tu_value *v) {
    const tu_value *expect = tu_value_get(v, "expect"), *at = tu_value_get(v, "at");
    read_labels(r, tu_value_get(v, "labels"), tu_value_get(spec, "labels"));
    if (r->out_of_memory || !read_moment(r, at ? at : tu_value_get(spec, "at"), &r->at))
        return;
    r->taken_count = tu_router_take(r->router, &r->labels, r->taken);
    for (size_t i = 0; i < r->taken_count; i++)
        r->tried[r->taken[i]] = true;
    compare_routes(r, tu_value_get(expect, "routes"));
    compare_receivers(r, tu_value_get(expect, "receivers"));
    compare_group(r, tu_value_get(expect, "group"));
    compare_quiet(r, tu_value_get(expect, "quiet"));
}

static void run_test(runner *r, int64_t wall_ms, tu_route_case_results *ret) {
    const tu_value *spec = r->test->spec, *cases = tu_value_get(spec, "cases");
    for (size_t i = 0; i < tu_value_count(cases) && !r->out_of_memory; i++) {
        const tu_value *v = tu_value_at(cases, i);
        r->result = &ret->items[ret->n++];
        *r->result = (tu_case_result){
            .test = r->test->name, .name = tu_value_get_string(v, "name"), .place = place_of(r, v)};
        r->result->faults = tu_arena_alloc(r->arena, FAULTS * sizeof *r->result->faults);
        r->out_of_memory |= !r->result->faults;
        r->at = wall_ms;
        if (!r->out_of_memory)
            run_case(r, spec, v);
    }
}

tu_rc tu_route_cases_run(tu_arena *a, const tu_config *c, int64_t wall_ms,
                         tu_route_case_results *ret, tu_error **error) {
    const tu_routing *routing = &c->routing;
    runner r = {.arena = a, .routing = routing};
    size_t n = 0;
    for (size_t i = 0; i < c->route_test_count; i++)
        n += tu_value_count(tu_value_get(c->route_tests[i].spec, "cases"));
    *ret = (tu_route_case_results){.items = tu_arena_alloc(a, (n + 1) * sizeof *ret->items)};
    ret->untried = tu_arena_alloc(a, routing->route_count * sizeof *ret->untried);
    r.taken = tu_arena_alloc(a, routing->route_count * sizeof *r.taken);
    r.tried = tu_arena_zalloc(a, routing->route_count * sizeof *r.tried);
    if (!ret->items || !ret->untried || !r.taken || !r.tried)
        return tu_error_memory(error);
    tu_rc rc = tu_router_new(routing, &r.router, error);
    if (rc != TU_OK)
        return rc;
    for (size_t i = 0; i < c->route_test_count; i++) {
        r.test = &c->route_tests[i];
        run_test(&r, wall_ms, ret);
    }
    for (size_t i = 0; i < routing->route_count && n > 0; i++) {
        if (!r.tried[i])
            ret->untried[ret->untried_count++] = routing->all[i];
    }
    tu_router_free(r.router);
    return r.out_of_memory ? tu_error_memory(error) : TU_OK;
}
