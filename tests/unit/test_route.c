/* Which routes an alert takes: as a plain walk of the tree says, for trees and labels of all kinds; its group; its quiet times,
 * across changes of clocks. */
#include "alert/route.h"
#include "base/clock.h"
#include "base/mem.h"
#include "config/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static tu_config *parse(const char *routing) {
    tu_buf text = TU_BUF_INIT(1 << 22);
    tu_buf_addf(
        &text,
        "{apiVersion: trueup.dev/v1, kind: Notifier, metadata: {name: chat}, spec: {plugin: "
        "webhook}}\n---\napiVersion: trueup.dev/v1\nkind: Routing\n%s",
        routing);
    tu_errors errors = {0};
    tu_config *c = tu_config_parse("r.yaml", tu_buf_str(&text), &errors);
    if (!c)
        fail_msg("%s\n%s", routing, tu_error_text(errors.items[0]));
    tu_errors_done(&errors);
    tu_buf_done(&text);
    return c;
}

static int64_t at(const char *time) {
    int64_t us = 0;
    if (!tu_time_parse(tu_str_c(time), &us))
        fail_msg("the test's own time is wrong: %s", time);
    return us / 1000;
}

/* --- the tree --------------------------------------------------------------------------------- */

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

static uint64_t random_state;
static unsigned dice(unsigned sides) { /* xorshift: the same on every machine */
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state % sides);
}

static const char *const label_names[] = {"a", "b", "kind", "zz"};
static const char *const label_values[] = {"", "x", "y", "xy", "yx", "z"};
static const char *const expressions[] = {"x|y", ".*", ".+", "x.*", ".*y", "[xy]+", "|z", "x|x|zz"};

static tu_matcher random_matcher(tu_arena *a) {
    static const char *const operators[] = {"=", "=", "=", "!=", "=~", "!~"};
    const char *operator= operators[dice(6)];
    const char *value = strchr(operator, '~') ? expressions[dice(8)] : label_values[dice(6)];
    tu_matcher m;
    char *text = tu_arena_printf(a, "%s %s \"%s\"", label_names[dice(4)], operator, value);
    assert_int_equal(tu_matcher_parse(a, tu_str_c(text), &m, NULL, NULL), TU_OK);
    return m;
}

/* By hand: a tree that is loaded has no routes that nothing reaches. */
static void random_routes(tu_arena *a, tu_routing *routing, tu_route *route, unsigned depth) {
    route->number = routing->route_count;
    routing->all[routing->route_count++] = route;
    if (depth == 4)
        return;
    route->route_count = dice(depth == 0 ? 30 : 5);
    route->routes = tu_arena_zalloc(a, 30 * sizeof *route->routes);
    for (size_t i = 0; i < route->route_count; i++) {
        tu_route *child = &route->routes[i];
        child->parent = route;
        child->go_on = dice(2);
        child->match.n = dice(4);
        child->match.items = tu_arena_alloc(a, 4 * sizeof *child->match.items);
        for (size_t k = 0; k < child->match.n; k++)
            child->match.items[k] = random_matcher(a);
        random_routes(a, routing, child, depth + 1);
    }
}

static void the_router_takes_what_a_plain_walk_takes(void **state) {
    (void)state;
    random_state = 20261123;
    size_t several = 0, all = 0;
    for (int tree = 0; tree < 300; tree++) {
        _cleanup_(tu_arena_done) tu_arena a;
        tu_arena_init(&a, 0);
        tu_routing routing = {.all = tu_arena_alloc(&a, 30000 * sizeof *routing.all)};
        routing.root = tu_arena_zalloc(&a, sizeof *routing.root);
        random_routes(&a, &routing, routing.root, 0);
        tu_router *router = NULL;
        assert_int_equal(tu_router_new(&routing, &router, NULL), TU_OK);
        uint32_t *wanted = tu_arena_alloc(&a, routing.route_count * sizeof *wanted);
        uint32_t *got = tu_arena_alloc(&a, routing.route_count * sizeof *got);
        all += routing.route_count;
        for (int set = 0; set < 100; set++) {
            tu_label items[4];
            tu_labels labels = {items, 0};
            for (unsigned i = 0; i < 4; i++) {
                if (dice(4))
                    items[labels.n++] =
                        (tu_label){tu_str_c(label_names[i]), tu_str_c(label_values[dice(6)])};
            }
            size_t n = walk(routing.root, &labels, wanted, 0);
            assert_int_equal(tu_router_take(router, &labels, got), n);
            assert_memory_equal(got, wanted, n * sizeof *got);
            several += n > 1;
        }
        tu_router_free(router);
    }
    if (several < 10000 || all < 10000)
        fail_msg("the trees aren't worth it: %zu routes, %zu sets with several", all, several);
}

static void take(const char *routes, const char *key, const char *value, const char *wanted) {
    tu_buf text = TU_BUF_INIT(10000), got = TU_BUF_INIT(10000);
    tu_buf_addf(&text, "spec: {receiver: chat, routes: %s}\n", routes);
    tu_config *c = parse(tu_buf_c(&text));
    tu_router *router = NULL;
    assert_int_equal(tu_router_new(&c->routing, &router, NULL), TU_OK);
    tu_label label = {tu_str_c(key), tu_str_c(value)};
    uint32_t taken[32];
    assert_true(c->routing.route_count <= 32);
    size_t n = tu_router_take(router, &(tu_labels){&label, 1}, taken);
    for (size_t i = 0; i < n; i++)
        tu_buf_addf(&got, "%s%.*s", i ? " " : "", TU_P(c->routing.all[taken[i]]->name));
    assert_string_equal(tu_buf_c(&got), wanted);
    tu_router_free(router);
    tu_config_unref(c);
    tu_buf_done(&text);
    tu_buf_done(&got);
}

static void the_first_that_matches_takes_it_unless_it_says_continue(void **state) {
    (void)state;
    static const char routes[] = "[{name: log, match: ['a =~ \".+\"'], continue: true}, {name: x, "
                                 "match: [a = x], routes: [{name: xx, match: [b = "
                                 "1]}]}, {name: y, match: [a = y]}, {name: y2, match: ['a =~ "
                                 "\"y|z\"']}, {name: rest, match: ['a != q']}]";
    take(routes, "a", "x", "log x");
    take(routes, "a", "y", "log y");
    take(routes, "a", "z", "log y2");
    take(routes, "a", "w", "log rest");
    take(routes, "a", "q", "log");
    take(routes, "b", "1", "rest");
    take("[]", "a", "x", "default");
}

static void many_routes_and_labels_are_no_other_than_few(void **state) {
    (void)state;
    tu_buf text = TU_BUF_INIT(1 << 22);
    tu_buf_add_c(&text, "spec:\n  receiver: chat\n  routes:\n");
    for (int i = 0; i < 2000; i++)
        tu_buf_addf(&text, "  - {name: r%d, match: ['l%d = \"%d\"', 'm =~ \"(%d)+\"']}\n", i,
                    i % 100, i, i);
    tu_config *c = parse(tu_buf_c(&text));
    tu_router *router = NULL;
    uint32_t *taken = tu_xcalloc(c->routing.route_count, sizeof *taken);
    assert_int_equal(tu_router_new(&c->routing, &router, NULL), TU_OK);
    for (int i = 0; i < 2000; i += 7) {
        char label[16], value[16];
        snprintf(label, sizeof label, "l%d", i % 100);
        snprintf(value, sizeof value, "%d", i);
        tu_label items[] = {{tu_str_c(label), tu_str_c(value)}, {TU_S("m"), tu_str_c(value)}};
        assert_int_equal(tu_router_take(router, &(tu_labels){items, 2}, taken), 1);
        assert_int_equal(taken[0], (uint32_t)i + 1);
    }
    tu_router_free(router);
    free(taken);
    tu_config_unref(c);
    tu_buf_done(&text);
}

static void without_memory_there_is_no_router(void **state) {
    (void)state;
    tu_config *c = parse("spec: {receiver: chat, routes: [{name: a, match: [x = y]}, {name: b, "
                         "match: [x = z]}, {name: c, "
                         "match: ['x =~ \"a.c\"']}]}\n");
    for (size_t i = 1; i < 20; i++) {
        tu_router *router = NULL;
        tu_mem_fail_after(i);
        tu_rc rc = tu_router_new(&c->routing, &router, NULL);
        tu_mem_fail_after(0);
        assert_true((rc == TU_OK) == (router != NULL));
        tu_router_free(router);
    }
    tu_config_unref(c);
}

/* --- the group -------------------------------------------------------------------------------- */

static void a_group_has_every_label_that_was_asked_for(void **state) {
    (void)state;
    tu_config *c = parse("spec: {receiver: chat, groupBy: [team, kind, aa], routes: [{name: all, "
                         "match: [x = y], groupBy: "
                         "[\"...\"]}, {name: one, match: [x = z], groupBy: []}]}\n");
    tu_label items[] = {{TU_S("kind"), TU_S("Job")},
                        {TU_S("team"), TU_S("pay")},
                        {TU_S("x"), TU_S("y")}},
             room[3];
    const tu_labels labels = {items, 3};
    tu_labels group = tu_route_group(c->routing.root, &labels, room);
    assert_int_equal(group.n, 3);
    assert_true(tu_str_is(group.items[0].key, "aa") && group.items[0].value.n == 0);
    assert_true(tu_str_is(group.items[1].key, "kind") && tu_str_is(group.items[1].value, "Job"));
    assert_true(tu_str_is(group.items[2].key, "team") && tu_str_is(group.items[2].value, "pay"));
    group = tu_route_group(c->routing.all[1], &labels, room);
    assert_ptr_equal(group.items, items);
    assert_int_equal(tu_route_group(c->routing.all[2], &labels, room).n, 0);
    tu_config_unref(c);
}

/* --- quiet times ------------------------------------------------------------------------------ */

static const struct {
    const char *what, *times, *route, *now;
    bool quiet;
    const char *until; /* NULL: for ever */
} moments[] = {
    {"nothing is said", "{}", "", "2026-01-05T10:00:00Z", false, NULL},
    {"muted in the night", "{night: [{from: '22:00', to: '06:00'}]}", "muteDuring: [night]",
     "2026-01-05T23:00:00Z", true, "2026-01-06T06:00:00Z"},
    {"and heard by day", "{night: [{from: '22:00', to: '06:00'}]}", "muteDuring: [night]",
     "2026-01-05T06:00:00Z", false, "2026-01-05T22:00:00Z"},
    {"active in office hours",
     "{office: [{weekdays: [mon-fri], from: '09:00', to: '18:00', timeZone: Asia/Seoul}]}",
     "activeDuring: [office]", "2026-11-23T00:00:00Z", false, "2026-11-23T09:00:00Z"},
    {"quiet over the weekend",
     "{office: [{weekdays: [mon-fri], from: '09:00', to: '18:00', timeZone: Asia/Seoul}]}",
     "activeDuring: [office]", "2026-11-20T09:00:00Z", true, "2026-11-23T00:00:00Z"},
    {"two times that touch are one",
     "{a: [{from: '08:00', to: '12:00'}], b: [{from: '12:00', to: '16:00'}]}", "muteDuring: [a, b]",
     "2026-01-05T09:00:00Z", true, "2026-01-05T16:00:00Z"},
    {"muted wins over active",
     "{a: [{from: '08:00', to: '20:00'}], b: [{from: '12:00', to: '13:00'}]}",
     "muteDuring: [b], activeDuring: [a]", "2026-01-05T12:30:00Z", true, "2026-01-05T13:00:00Z"},
    {"a set without an end is for ever", "{always: [{weekdays: [mon-sun]}]}",
     "muteDuring: [always]", "2026-01-05T12:30:00Z", true, NULL},
    {"what never comes is never heard", "{never: [{months: [feb], daysOfMonth: [30]}]}",
     "activeDuring: [never]", "2026-01-05T12:30:00Z", true, NULL},
    /* Berlin, 29 March 2026: 02:00 becomes 03:00; 25 October: 03:00 becomes 02:00 */
    {"a night of seven hours", "{night: [{from: '22:00', to: '06:00', timeZone: Europe/Berlin}]}",
     "muteDuring: [night]", "2026-03-28T21:00:00Z", true, "2026-03-29T04:00:00Z"},
    {"a night of nine hours", "{night: [{from: '22:00', to: '06:00', timeZone: Europe/Berlin}]}",
     "muteDuring: [night]", "2026-10-24T20:00:00Z", true, "2026-10-25T05:00:00Z"},
    {"an hour that is skipped moves on",
     "{h: [{from: '02:30', to: '04:00', timeZone: Europe/Berlin}]}", "muteDuring: [h]",
     "2026-03-29T01:45:00Z", true, "2026-03-29T02:00:00Z"},
    {"one that is skipped whole is as long",
     "{h: [{from: '02:10', to: '02:40', timeZone: Europe/Berlin}]}", "muteDuring: [h]",
     "2026-03-29T01:20:00Z", true, "2026-03-29T01:40:00Z"},
    {"an hour that comes twice is its first",
     "{h: [{from: '02:00', to: '02:30', timeZone: Europe/Berlin}]}", "muteDuring: [h]",
     "2026-10-25T01:10:00Z", false, "2026-10-26T01:00:00Z"},
    /* New York, 8 March 2026 and 1 November 2026 */
    {"New York in spring", "{n: [{from: '00:00', to: '05:00', timeZone: America/New_York}]}",
     "muteDuring: [n]", "2026-03-08T05:00:00Z", true, "2026-03-08T09:00:00Z"},
    {"New York in autumn", "{n: [{from: '00:00', to: '05:00', timeZone: America/New_York}]}",
     "muteDuring: [n]", "2026-11-01T04:00:00Z", true, "2026-11-01T10:00:00Z"},
    /* Lord Howe turns its clocks by half an hour, on 5 April 2026 at 02:00 back to 01:30 */
    {"half an hour", "{n: [{from: '01:00', to: '03:00', timeZone: Australia/Lord_Howe}]}",
     "muteDuring: [n]", "2026-04-04T14:00:00Z", true, "2026-04-04T16:30:00Z"},
    /* Santiago turns at midnight: 6 September 2026 has no 00:00 */
    {"a day that begins at one", "{d: [{weekdays: [sun], timeZone: America/Santiago}]}",
     "muteDuring: [d]", "2026-09-06T04:00:00Z", true, "2026-09-07T03:00:00Z"},
    {"and the day before it is whole", "{d: [{weekdays: [sat], timeZone: America/Santiago}]}",
     "muteDuring: [d]", "2026-09-06T03:59:00Z", true, "2026-09-06T04:00:00Z"},
    {"cron over a change of clocks",
     "{c: [{cron: '30 1 * * *', duration: 3h, timeZone: Europe/Berlin}]}", "muteDuring: [c]",
     "2026-03-29T00:30:00Z", true, "2026-03-29T03:30:00Z"},
    {"the last day of the month", "{m: [{daysOfMonth: [-1]}]}", "muteDuring: [m]",
     "2028-02-29T10:00:00Z", true, "2028-03-01T00:00:00Z"},
    {"a range of months over the year's end", "{w: [{months: [nov-feb]}]}", "muteDuring: [w]",
     "2026-12-05T10:00:00Z", true, "2027-03-01T00:00:00Z"},
};

static void a_route_is_quiet_by_its_times(void **state) {
    (void)state;
    _cleanup_(tu_arena_done) tu_arena a;
    tu_arena_init(&a, 0);
    const tu_zone *zone;
    if (tu_zone_load(&a, TU_S("Europe/Berlin"), &zone, NULL) != TU_OK) {
        print_message("skipped: this machine has no time zones (tzdata)\n");
        skip();
    }
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        tu_buf text = TU_BUF_INIT(10000);
        tu_buf_addf(&text,
                    "spec: {receiver: chat, times: %s, routes: [{name: r, match: [a = b], %s}]}\n",
                    moments[i].times, moments[i].route);
        tu_config *c = parse(tu_buf_c(&text));
        int64_t until, now = at(moments[i].now);
        int64_t wanted = moments[i].until ? at(moments[i].until) : INT64_MAX;
        bool quiet = tu_route_is_quiet(c->routing.all[1], now, &until);
        char got[32] = "never";
        if (until != INT64_MAX)
            tu_time_format(until, got);
        if (quiet != moments[i].quiet || until != wanted)
            fail_msg("%s: quiet %d until %s", moments[i].what, quiet, got);
        assert_int_equal(tu_route_is_quiet(c->routing.all[1], now, NULL), quiet);
        if (until != INT64_MAX)
            assert_int_equal(tu_route_is_quiet(c->routing.all[1], until, NULL), !quiet);
        tu_config_unref(c);
        tu_buf_done(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_router_takes_what_a_plain_walk_takes),
        cmocka_unit_test(the_first_that_matches_takes_it_unless_it_says_continue),
        cmocka_unit_test(many_routes_and_labels_are_no_other_than_few),
        cmocka_unit_test(without_memory_there_is_no_router),
        cmocka_unit_test(a_group_has_every_label_that_was_asked_for),
        cmocka_unit_test(a_route_is_quiet_by_its_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
