/*
 * config/routing_check.c: what is wrong with the Routing as a whole: routes that nothing reaches, names that
 * stand twice, inhibition of itself, fallbacks in a circle, labels that no alert has, notifiers that nobody
 * tells.
 *
 * What loses alerts is a mistake; what is only strange is a warning. "Nothing reaches it" is never said wrongly: it is
 * said where one condition is the other's, or an equality decides another condition.
 */
#include "base/mem.h"
#include "config/read.h"

/* --- conditions ------------------------------------------------------------------------------- */

/* Does every label set that meets `given` meet `asked`? */
static bool implies(const tu_matcher *given, const tu_matcher *asked) {
    if (!tu_str_eq(given->label, asked->label) || given->label.n == 0) /* it has a mistake */
        return false;
    if (given->operator== TU_MATCH_EQUAL)
        return tu_matcher_match(asked, given->value);
    return given->operator== asked->operator&& tu_str_eq(given->value, asked->value);
}

/* Is there no value that meets both? */
static bool excludes(const tu_matcher *a, const tu_matcher *b) {
    if (!tu_str_eq(a->label, b->label))
        return false;
    if (a->operator== TU_MATCH_EQUAL)
        return !tu_matcher_match(b, a->value);
    if (b->operator== TU_MATCH_EQUAL)
        return !tu_matcher_match(a, b->value);
    bool opposite = (a->operator== TU_MATCH_REGEX && b->operator== TU_MATCH_NOT_REGEX) ||
                    (a->operator== TU_MATCH_NOT_REGEX && b->operator== TU_MATCH_REGEX);
    return opposite && tu_str_eq(a->value, b->value);
}

static bool all_imply(const tu_matchers *given, const tu_matcher *asked) {
    for (size_t i = 0; i < given->n; i++) {
        if (implies(&given->items[i], asked))
            return true;
    }
    return false;
}

static const tu_matcher *find_excluded(const tu_matchers *a, const tu_matchers *b,
                                       const tu_matcher **other) {
    for (size_t i = 0; i < a->n; i++) {
        for (size_t k = 0; k < b->n; k++) {
            if (excludes(&a->items[i], &b->items[k])) {
                *other = &b->items[k];
                return &a->items[i];
            }
        }
    }
    return NULL;
}

/* --- routes that nothing reaches -------------------------------------------------------------- */

/* Does `earlier` take everything that would reach its sibling `later`? */
static bool takes_all_of(const tu_route *earlier, const tu_route *later) {
    for (size_t i = 0; i < earlier->match.n; i++) {
        bool met = false;
        for (const tu_route *route = later; route && !met; route = route->parent)
            met = all_imply(&route->match, &earlier->match.items[i]);
        if (!met)
            return false;
    }
    return true;
}

static void check_contradiction(tu_reader *r, const tu_route *route) {
    for (const tu_route *other = route; other; other = other->parent) {
        const tu_matcher *b = NULL, *a = find_excluded(&route->match, &other->match, &b);
        if (!a)
            continue;
        if (other == route)
            tu_reader_error_at(r, route->place,
                               "nothing can reach the route '%.*s': '%.*s' and '%.*s' are never "
                               "both true",
                               TU_P(route->name), TU_P(a->text), TU_P(b->text));
        else
            tu_reader_error_at(r, route->place,
                               "nothing can reach the route '%.*s': '%.*s' is never true where "
                               "the route '%.*s' around it has '%.*s'",
                               TU_P(route->name), TU_P(a->text), TU_P(other->name), TU_P(b->text));
        return;
    }
}

static void check_reach(tu_reader *r, const tu_route *parent) {
    for (size_t i = 0; i < parent->route_count; i++) {
        const tu_route *later = &parent->routes[i];
        check_contradiction(r, later);
        for (size_t k = 0; k < i; k++) {
            const tu_route *earlier = &parent->routes[k];
            if (earlier->go_on || !takes_all_of(earlier, later))
                continue;
            tu_error **e = tu_reader_error_at(
                r, later->place,
                "nothing can reach the route '%.*s': '%.*s' (line %u) takes everything before it",
                TU_P(later->name), TU_P(earlier->name), earlier->place.line);
            tu_error_hint(e, "put it before '%.*s', or write continue: true there",
                          TU_P(earlier->name));
            break;
        }
    }
}

/* --- names ------------------------------------------------------------------------------------ */

static void check_route_names(tu_reader *r, const tu_routing *routing) {
    tu_map names = {0};
    for (size_t i = 0; i < routing->route_count; i++) {
        const tu_route *route = routing->all[i];
        const tu_route *first =
            route->name.n ? tu_map_put(&names, route->name, (void *)(uintptr_t)route) : NULL;
        if (first)
            tu_reader_error_at(
                r, route->place, "two routes are called '%.*s'; the other is at %s:%u:%u",
                TU_P(route->name), first->place.file, first->place.line, first->place.column);
    }
    tu_map_done(&names, NULL);
}

/* --- inhibition ------------------------------------------------------------------------------- */

static bool share_a_label(const tu_matchers *a, const tu_matchers *b) {
    for (size_t i = 0; i < a->n; i++) {
        for (size_t k = 0; k < b->n; k++) {
            if (tu_str_eq(a->items[i].label, b->items[k].label))
                return true;
        }
    }
    return false;
}

static void check_inhibition(tu_reader *r, const tu_inhibition *one) {
    const tu_matcher *b;
    if (one->source.n == 0 || one->target.n == 0 ||
        find_excluded(&one->source, &one->target, &b)) /* it has mistakes; or it is well */
        return;
    bool all = true;
    for (size_t i = 0; i < one->source.n; i++)
        all &= all_imply(&one->target, &one->source.items[i]);
    if (all) {
        tu_error **e = tu_reader_error_at(
            r, one->place,
            "the inhibition '%.*s' never makes anything quiet: everything that matches its target "
            "matches its source too, and nothing inhibits itself",
            TU_P(one->name));
        tu_error_hint(e, "add to target what the source is not, such as severity != critical");
    } else if (share_a_label(&one->source, &one->target)) { /* others are meant so */
        tu_reader_warn(r, one->place,
                       "an alert can match source and target of the inhibition '%.*s' at once: "
                       "such a one is never made quiet by it",
                       TU_P(one->name));
    }
}

static void check_inhibitions(tu_reader *r, const tu_routing *routing) {
    tu_map names = {0};
    for (size_t i = 0; i < routing->inhibition_count; i++) {
        const tu_inhibition *one = &routing->inhibitions[i];
        const tu_inhibition *first =
            one->name.n ? tu_map_put(&names, one->name, (void *)(uintptr_t)one) : NULL;
        if (first)
            tu_reader_error_at(
                r, one->place, "two inhibitions are called '%.*s'; the other is at %s:%u:%u",
                TU_P(one->name), first->place.file, first->place.line, first->place.column);
        check_inhibition(r, one);
    }
    tu_map_done(&names, NULL);
}

/* --- fallbacks -------------------------------------------------------------------------------- */

static void check_fallbacks(tu_reader *r) {
    const tu_config *c = r->config;
    for (size_t i = 0; i < c->notifier_count; i++) {
        const tu_use *first = &c->notifiers[i], *use = first;
        _cleanup_(tu_buf_done) tu_buf circle = TU_BUF_INIT(4096);
        tu_buf_addf(&circle, "%.*s", TU_P(first->name));
        bool lowest = true; /* of a circle, one tells */
        for (size_t steps = 0; use && use->fallback.n > 0 && steps < c->notifier_count; steps++) {
            use = tu_config_notifier(c, use->fallback);
            lowest &= !use || use >= first;
            if (use)
                tu_buf_addf(&circle, " -> %.*s", TU_P(use->name));
            if (use == first)
                break;
        }
        if (use != first || first->fallback.n == 0 || !lowest)
            continue;
        tu_error **e = tu_reader_error_at(r, first->fallback_place,
                                          "spec.fallback: the fallbacks go in a circle: %s",
                                          tu_buf_c(&circle));
        tu_error_hint(e, "what nobody can be told of stays in the dead-letter list "
                         "(trueup alert dead)");
    }
}

/* --- labels that no alert has ----------------------------------------------------------------- */

static const char *const labels_of_alerts[] = {
    "about",   "change",   "class", "group",    "kind",   "manager", "name",    "namespace",
    "problem", "receiver", "rule",  "severity", "source", "target",  "verdict",
};
#define LABEL_COUNT (sizeof labels_of_alerts / sizeof *labels_of_alerts)

static bool is_known(const tu_config *c, tu_str label) {
    for (size_t i = 0; i < LABEL_COUNT; i++) {
        if (tu_str_is(label, labels_of_alerts[i]))
            return true;
    }
    for (size_t i = 0; i < c->rule_count; i++) {
        for (size_t k = 0; k < c->rules[i].label_count; k++) {
            if (tu_str_eq(c->rules[i].labels[k].key, label))
                return true;
        }
    }
    const tu_routing *routing = &c->routing;
    return (routing->object_labels.n && tu_words_match(&routing->object_labels, label)) ||
           (routing->object_annotations.n && tu_words_match(&routing->object_annotations, label));
}

/* All names that could be meant; NULL without memory. */
static const char **known_names(tu_reader *r, size_t *ret_n) {
    const tu_config *c = r->config;
    const tu_words *allowed[] = {&c->routing.object_labels, &c->routing.object_annotations};
    size_t n = LABEL_COUNT + allowed[0]->n + allowed[1]->n;
    for (size_t i = 0; i < c->rule_count; i++)
        n += c->rules[i].label_count;
    const char **names = tu_reader_alloc(r, n * sizeof *names);
    if (!names)
        return NULL;
    memcpy(names, labels_of_alerts, sizeof labels_of_alerts);
    n = LABEL_COUNT;
    for (size_t i = 0; i < c->rule_count; i++) {
        for (size_t k = 0; k < c->rules[i].label_count; k++)
            names[n++] = tu_arena_copy(r->arena, c->rules[i].labels[k].key).p;
    }
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < allowed[i]->n; k++)
            names[n++] = tu_arena_copy(r->arena, allowed[i]->items[k].text).p;
    }
    for (size_t i = 0; i < n; i++)
        r->out_of_memory |= !names[i];
    *ret_n = n;
    return r->out_of_memory ? NULL : names;
}

static void warn_unknown(tu_reader *r, tu_place place, tu_str label) {
    size_t n = 0;
    if (label.n == 0 || is_known(r->config, label))
        return;
    const char **names = known_names(r, &n), *near = names ? tu_suggest(label, names, n) : NULL;
    if (near)
        tu_reader_warn(r, place, "no alert has a label '%.*s': did you mean '%s'?", TU_P(label),
                       near);
    else
        tu_reader_warn(r, place,
                       "no alert has a label '%.*s': name it in spec.alert.labels of a Rule, or in "
                       "spec.labels of the Routing",
                       TU_P(label));
}

static void warn_labels(tu_reader *r, tu_place place, const tu_matchers *m) {
    for (size_t i = 0; i < m->n; i++)
        warn_unknown(r, place, m->items[i].label);
}

static void check_labels(tu_reader *r, const tu_routing *routing) {
    for (size_t i = 0; i < routing->route_count; i++) {
        const tu_route *route = routing->all[i];
        warn_labels(r, route->place, &route->match);
        bool own = !route->parent || route->parent->group_by != route->group_by;
        for (size_t k = 0; own && k < route->group_by_count; k++)
            warn_unknown(r, route->place, route->group_by[k]);
    }
    for (size_t i = 0; i < routing->inhibition_count; i++) {
        const tu_inhibition *one = &routing->inhibitions[i];
        warn_labels(r, one->place, &one->source);
        warn_labels(r, one->place, &one->target);
        for (size_t k = 0; k < one->equal_count; k++)
            warn_unknown(r, one->place, one->equal[k]);
    }
}

/* --- what nothing uses ------------------------------------------------------------------------ */

static bool is_told(const tu_config *c, tu_str name) {
    const tu_routing *routing = &c->routing;
    bool told = tu_str_eq(routing->fallback, name) || tu_str_eq(routing->heartbeat.receiver, name);
    for (size_t i = 0; i < routing->route_count && !told; i++) {
        const tu_route *route = routing->all[i];
        told = tu_str_eq(route->receiver, name);
        for (size_t k = 0; k < route->escalation_count && !told; k++)
            told = tu_str_eq(route->escalation[k].receiver, name);
    }
    for (size_t i = 0; i < c->notifier_count && !told; i++)
        told = tu_str_eq(c->notifiers[i].fallback, name);
    return told;
}

static bool is_used(const tu_routing *routing, const tu_time_set *set) {
    for (size_t i = 0; i < routing->route_count; i++) {
        const tu_route *route = routing->all[i];
        for (size_t k = 0; k < route->muted_count; k++) {
            if (route->muted[k] == set)
                return true;
        }
        for (size_t k = 0; k < route->active_count; k++) {
            if (route->active[k] == set)
                return true;
        }
    }
    return false;
}

static void check_use(tu_reader *r) {
    const tu_config *c = r->config;
    for (size_t i = 0; i < c->notifier_count; i++) {
        if (!is_told(c, c->notifiers[i].name))
            tu_reader_warn(r, c->notifiers[i].place, "the Routing never tells the Notifier '%.*s'",
                           TU_P(c->notifiers[i].name));
    }
    for (size_t i = 0; i < c->routing.time_count; i++) {
        if (!is_used(&c->routing, &c->routing.times[i]))
            tu_reader_warn(r, c->routing.times[i].place, "no route uses the times '%.*s'",
                           TU_P(c->routing.times[i].name));
    }
}

void tu_check_routing(tu_reader *r) {
    const tu_routing *routing = &r->config->routing;
    check_fallbacks(r);
    if (!r->has_routing || !routing->root)
        return;
    check_route_names(r, routing);
    for (size_t i = 0; i < routing->route_count; i++)
        check_reach(r, routing->all[i]);
    check_inhibitions(r, routing);
    check_labels(r, routing);
    check_use(r);
}
