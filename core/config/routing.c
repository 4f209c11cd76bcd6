/*
 * config/routing.c: the document Routing to its struct: the tree of routes with what each inherits, named
 * times, inhibition; and RoutingTest.
 *
 * Inheritance is one rule: a route begins as a copy of its parent (inherit()), and what it gives takes the place of what it
 * had, lists as a whole. Only name, match and continue are its own. Other than in Alertmanager, times are
 * inherited, too.
 *
 * What needs other documents, or the whole tree, is routing_check.c's. To add a setting of routes: the schema
 * (schemas/Routing.json, twice: the root has its own text), a member of tu_route, a line in read_options(),
 * and one in cli/route.c that shows it.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "config/read.h"
#include <stdlib.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)

/* --- conditions ------------------------------------------------------------------------------- */

static bool read_matcher(tu_reader *r, const tu_value *item, tu_matcher *m) {
    tu_error *why = NULL;
    size_t column = 0;
    if (!tu_value_is(item, TU_STRING))
        return false;
    tu_rc rc = tu_matcher_parse(r->arena, item->string, m, &column, &why);
    if (rc == TU_EINTERNAL) {
        r->out_of_memory = true;
    } else if (rc != TU_OK) {
        tu_error **e =
            tu_reader_error_at(r, tu_reader_place_in(r, item, column), "%s", tu_error_text(why));
        if (why && why->hint)
            tu_error_hint(e, "%s", why->hint);
    }
    tu_error_free(why);
    return rc == TU_OK;
}

/* One with a mistake has no label, so that nobody takes its place for "everything". */
static tu_matchers read_matchers(tu_reader *r, const tu_value *list) {
    tu_matchers m = {0};
    size_t n = tu_value_is(list, TU_LIST) ? tu_value_count(list) : list != NULL;
    m.items = n ? tu_reader_alloc(r, n * sizeof *m.items) : NULL;
    for (size_t i = 0; m.items && i < n; i++) {
        tu_matcher *one = &m.items[m.n++];
        if (!read_matcher(r, tu_value_at(list, i), one))
            *one = (tu_matcher){.operator= TU_MATCH_EQUAL };
    }
    return m;
}

/* --- lists of labels -------------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b) {
    return tu_str_compare(*(const tu_str *)a, *(const tu_str *)b);
}

/* Sorted, none twice. */
static tu_str *read_label_names(tu_reader *r, const tu_value *list, size_t *ret_n) {
    size_t n = tu_value_count(list);
    tu_str *names = tu_reader_alloc(r, (n + 1) * sizeof *names);
    *ret_n = 0;
    for (size_t i = 0; names && i < n; i++) {
        const tu_value *item = tu_value_at(list, i);
        bool twice = false;
        for (size_t k = 0; k < *ret_n; k++)
            twice |= tu_str_eq(names[k], tu_value_string(item));
        if (twice)
            tu_reader_error(r, item, "the label '%.*s' stands here twice", TU_P(item->string));
        else if (tu_value_string(item).n > 0)
            names[(*ret_n)++] = item->string;
    }
    if (names)
        qsort(names, *ret_n, sizeof *names, by_bytes);
    return names;
}

static void read_group_by(tu_reader *r, const tu_value *list, tu_route *route) {
    if (!tu_value_is(list, TU_LIST))
        return;
    route->group_by_all = false;
    route->group_by = read_label_names(r, list, &route->group_by_count);
    for (size_t i = 0; i < tu_value_count(list); i++)
        route->group_by_all |= tu_str_is(tu_value_string(tu_value_at(list, i)), "...");
    if (!route->group_by_all)
        return;
    route->group_by_count = 0;
    if (tu_value_count(list) > 1)
        tu_reader_error(r, list, "\"...\" is an incident for each alert, and stands alone");
}

/* --- times and escalation --------------------------------------------------------------------- */

static const tu_time_set *find_times(const tu_routing *routing, tu_str name) {
    for (size_t i = 0; i < routing->time_count; i++) {
        if (tu_str_eq(routing->times[i].name, name))
            return &routing->times[i];
    }
    return NULL;
}

static void say_unknown_times(tu_reader *r, const tu_value *item) {
    const tu_routing *routing = &r->config->routing;
    const char **names = tu_reader_alloc(r, (routing->time_count + 1) * sizeof *names);
    tu_error **e = tu_reader_error(r, item, "spec.times has no '%.*s'", TU_P(item->string));
    for (size_t i = 0; names && i < routing->time_count; i++)
        names[i] = tu_arena_printf(r->arena, "%.*s", TU_P(routing->times[i].name));
    const char *near = names ? tu_suggest(item->string, names, routing->time_count) : NULL;
    if (near)
        tu_error_hint(e, "did you mean '%s'?", near);
    else if (names && routing->time_count == 1)
        tu_error_hint(e, "there is only '%s'", names[0]);
}

static void read_time_names(tu_reader *r, const tu_value *list, const tu_time_set ***ret,
                            size_t *ret_n) {
    if (!tu_value_is(list, TU_LIST))
        return;
    size_t n = tu_value_count(list);
    const tu_time_set **sets = tu_reader_alloc(r, (n + 1) * sizeof *sets);
    *ret_n = 0;
    for (size_t i = 0; sets && i < n; i++) {
        const tu_value *item = tu_value_at(list, i);
        if (tu_value_string(item).n == 0)
            continue;
        const tu_time_set *set = find_times(&r->config->routing, item->string);
        if (set)
            sets[(*ret_n)++] = set;
        else
            say_unknown_times(r, item);
    }
    *ret = sets;
}

static void read_escalation(tu_reader *r, const tu_value *list, tu_route *route) {
    if (!tu_value_is(list, TU_LIST))
        return;
    size_t n = tu_value_count(list);
    int64_t before = 0;
    route->escalation = tu_reader_alloc(r, (n + 1) * sizeof *route->escalation);
    route->escalation_count = 0;
    for (size_t i = 0; route->escalation && i < n; i++) {
        const tu_value *v = tu_value_at(list, i), *after = tu_value_get(v, "after");
        if (!tu_value_is(v, TU_MAP))
            continue;
        tu_escalation step = {.receiver = tu_value_get_string(v, "receiver"),
                              .place = tu_reader_place(r, v)};
        tu_read_reference(r, "escalate.receiver", "Notifier", tu_value_get(v, "receiver"));
        step.after_ms = tu_read_interval(r, after, before + SECOND_MS, SECOND_MS);
        if (step.after_ms <= before)
            tu_reader_error(r, after,
                            "'%.*s' is not after the step before it: steps stand in order, each "
                            "with its time since the incident was first told",
                            TU_P(tu_value_string(after)));
        before = step.after_ms > before ? step.after_ms : before;
        route->escalation[route->escalation_count++] = step;
    }
}

/* --- routes ----------------------------------------------------------------------------------- */

static void read_options(tu_reader *r, const tu_value *v, tu_route *route) {
    const tu_value *receiver = tu_value_get(v, "receiver");
    const tu_value *repeat = tu_value_get(v, "repeatInterval");
    const tu_value *interval = tu_value_get(v, "groupInterval");
    if (tu_value_string(receiver).n > 0)
        route->receiver = receiver->string;
    tu_read_reference(r, route->parent ? "receiver" : "spec.receiver", "Notifier", receiver);
    read_group_by(r, tu_value_get(v, "groupBy"), route);
    route->group_wait_ms =
        tu_read_interval(r, tu_value_get(v, "groupWait"), route->group_wait_ms, 0);
    route->group_interval_ms = tu_read_interval(r, interval, route->group_interval_ms, 0);
    route->repeat_interval_ms = tu_read_interval(r, repeat, route->repeat_interval_ms, 0);
    bool repeats_early =
        route->repeat_interval_ms > 0 && route->repeat_interval_ms < route->group_interval_ms;
    if (repeats_early && (repeat || interval))
        tu_reader_error(r, repeat ? repeat : interval,
                        "repeatInterval is shorter than groupInterval, which is the least time "
                        "between two messages of an incident");
    read_time_names(r, tu_value_get(v, "muteDuring"), &route->muted, &route->muted_count);
    read_time_names(r, tu_value_get(v, "activeDuring"), &route->active, &route->active_count);
    read_escalation(r, tu_value_get(v, "escalate"), route);
    route->escalation_repeat =
        tu_value_integer(tu_value_get(v, "escalateRepeat"), route->escalation_repeat);
}

/* The root is copied from this. */
static const tu_str rule_label[] = {TU_S_INIT("rule")};
static const tu_route standard = {
    .name = {"default", 7},
    .group_by_count = 1,
    .group_wait_ms = SECOND_MS,
    .group_interval_ms = 10 * SECOND_MS,
    .repeat_interval_ms = 4 * HOUR_MS,
};

static tu_route standard_route(void) {
    tu_route route = standard;
    route.group_by = (tu_str *)(uintptr_t)rule_label;
    return route;
}

static tu_route inherit(const tu_route *parent) {
    tu_route route = *parent;
    route.name = (tu_str){0};
    route.parent = parent;
    route.match = (tu_matchers){0};
    route.go_on = false;
    route.routes = NULL;
    route.route_count = 0;
    return route;
}

static bool number_route(tu_reader *r, tu_route *route) {
    tu_routing *routing = &r->config->routing;
    tu_route **grown = tu_reader_grow(r, routing->all, routing->route_count, sizeof *routing->all);
    if (!grown)
        return false;
    routing->all = grown;
    route->number = routing->route_count;
    grown[routing->route_count++] = route;
    return true;
}

static void read_routes(tu_reader *r, const tu_value *list, tu_route *parent, size_t depth);

static void read_route(tu_reader *r, const tu_value *v, const tu_route *parent, tu_route *route,
                       size_t depth) {
    *route = inherit(parent);
    route->name = tu_value_get_string(v, "name");
    route->place = tu_reader_place(r, v);
    tu_read_check_name(r, tu_value_get(v, "name"));
    route->match = read_matchers(r, tu_value_get(v, "match"));
    route->go_on = tu_value_boolean(tu_value_get(v, "continue"), false);
    read_options(r, v, route);
    if (number_route(r, route))
        read_routes(r, tu_value_get(v, "routes"), route, depth + 1);
}

static void read_routes(tu_reader *r, const tu_value *list, tu_route *parent, size_t depth) {
    size_t n = tu_value_is(list, TU_LIST) ? tu_value_count(list) : 0;
    if (n > 0 && depth > TU_LIMIT_ROUTE_DEPTH) {
        tu_reader_error(r, list,
                        "routes stand more than %u deep in each other "
                        "(TU_LIMIT_ROUTE_DEPTH)",
                        TU_LIMIT_ROUTE_DEPTH);
        return;
    }
    if (r->config->routing.route_count + n > TU_LIMIT_ROUTES) {
        tu_reader_error(r, list, "more than %u routes (TU_LIMIT_ROUTES)", TU_LIMIT_ROUTES);
        return;
    }
    parent->routes = n ? tu_reader_alloc(r, n * sizeof *parent->routes) : NULL;
    for (size_t i = 0; parent->routes && i < n; i++) {
        const tu_value *v = tu_value_at(list, i);
        if (tu_value_is(v, TU_MAP))
            read_route(r, v, parent, &parent->routes[parent->route_count++], depth);
    }
}

void tu_make_root_route(tu_reader *r) {
    tu_config *c = r->config;
    if (c->routing.root)
        return;
    if (c->notifier_count == 1)
        c->routing.receiver = c->notifiers[0].name; /* nobody wrote it */
    if (c->routing.alerts_per_message == 0)
        c->routing.alerts_per_message = 20;
    tu_route *root = tu_reader_alloc(r, sizeof *root);
    if (!root)
        return;
    *root = standard_route();
    root->receiver = c->routing.receiver;
    c->routing.root = root;
    number_route(r, root);
}

/* --- the rest of the document ----------------------------------------------------------------- */

static void read_inhibitions(tu_reader *r, const tu_value *list) {
    tu_routing *routing = &r->config->routing;
    size_t n = tu_value_is(list, TU_LIST) ? tu_value_count(list) : 0;
    routing->inhibitions = n ? tu_reader_alloc(r, n * sizeof *routing->inhibitions) : NULL;
    for (size_t i = 0; routing->inhibitions && i < n; i++) {
        const tu_value *v = tu_value_at(list, i);
        if (!tu_value_is(v, TU_MAP))
            continue;
        tu_inhibition *one = &routing->inhibitions[routing->inhibition_count++];
        one->name = tu_value_get_string(v, "name");
        one->place = tu_reader_place(r, v);
        tu_read_check_name(r, tu_value_get(v, "name"));
        one->source = read_matchers(r, tu_value_get(v, "source"));
        one->target = read_matchers(r, tu_value_get(v, "target"));
        const tu_value *equal = tu_value_get(v, "equal");
        if (tu_value_is(equal, TU_LIST))
            one->equal = read_label_names(r, equal, &one->equal_count);
    }
}

/* An annotation of kubectl's holds the whole manifest, Secrets too. */
static void check_annotation(tu_reader *r, const tu_value *item) {
    static const char last_applied[] = "kubectl.kubernetes.io/last-applied-configuration";
    if (!tu_glob(item->string, tu_str_c(last_applied)))
        return;
    tu_error **e = tu_reader_error(r, item, "'%.*s' names %s too, which holds the whole manifest",
                                   TU_P(item->string), last_applied);
    tu_error_hint(e, "name the annotations that routes need");
}

static tu_words read_globs(tu_reader *r, const tu_value *list, tu_word_check *check) {
    const tu_strs texts = tu_read_words(r, list, check);
    tu_words words = {.items = texts.n ? tu_reader_alloc(r, texts.n * sizeof *words.items) : NULL};
    for (size_t i = 0; words.items && i < texts.n; i++)
        words.items[words.n++] = tu_word_compile(texts.items[i]);
    return words;
}

static void read_heartbeat(tu_reader *r, const tu_value *v) {
    tu_routing *routing = &r->config->routing;
    routing->heartbeat.receiver = tu_value_get_string(v, "receiver");
    routing->heartbeat.every_ms =
        tu_read_interval(r, tu_value_get(v, "every"), 5 * MINUTE_MS, SECOND_MS);
    tu_read_reference(r, "spec.heartbeat.receiver", "Notifier", tu_value_get(v, "receiver"));
}

void tu_read_routing(tu_reader *r, tu_str name, const tu_value *spec, tu_place place) {
    (void)name;
    tu_routing *routing = &r->config->routing;
    if (r->has_routing) {
        tu_reader_error_at(r, place, "there can be one Routing, and the first is at %s:%u:%u",
                           routing->place.file, routing->place.line, routing->place.column);
        return;
    }
    r->has_routing = true;
    const tu_value *labels = tu_value_get(spec, "labels"), *own = tu_value_get(spec, "name");
    *routing = (tu_routing){.receiver = tu_value_get_string(spec, "receiver"), .place = place};
    routing->fallback = tu_value_get_string(spec, "fallback");
    tu_read_reference(r, "spec.fallback", "Notifier", tu_value_get(spec, "fallback"));
    routing->alerts_per_message = tu_value_integer(tu_value_get(spec, "alertsPerMessage"), 20);
    read_heartbeat(r, tu_value_get(spec, "heartbeat"));
    routing->object_labels = read_globs(r, tu_value_get(labels, "object"), NULL);
    routing->object_annotations =
        read_globs(r, tu_value_get(labels, "annotations"), check_annotation);
    tu_read_times(r, tu_value_get(spec, "times"));
    read_inhibitions(r, tu_value_get(spec, "inhibit"));
    tu_route *root = tu_reader_alloc(r, sizeof *root);
    if (!root)
        return;
    *root = standard_route();
    if (tu_value_string(own).n > 0)
        root->name = own->string;
    tu_read_check_name(r, own);
    root->place = place;
    read_options(r, spec, root);
    routing->root = root;
    if (number_route(r, root))
        read_routes(r, tu_value_get(spec, "routes"), root, 1);
}

void tu_read_routing_test(tu_reader *r, tu_str name, const tu_value *spec, tu_place place) {
    tu_config *c = r->config;
    tu_route_test *grown = tu_reader_grow(r, c->route_tests, c->route_test_count, sizeof *grown);
    if (!grown)
        return;
    c->route_tests = grown;
    grown[c->route_test_count++] =
        (tu_route_test){.name = name, .spec = spec, .place = place, .text = r->text};
}
