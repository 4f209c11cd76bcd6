/*
 * cli/route_json.c: `trueup route explain -o json`. Members are only ever added:
 *
 *   at, labels
 *   routes       every route, depth first: {"name","path":[],"file","line","result":
 *                "takes|matches|differs|not-asked|not-reached", "matcher","label","value" (differs), "by" (not-asked)}
 *   taken        {"name","receiver","fallback","escalate":[{"after","receiver"}],"escalateRepeat","groupBy":[],
 *                "group":{},"groupWait","groupInterval","repeatInterval","muteDuring":[],"activeDuring":[],
 *                "quiet":bool,"until"}; until: when `quiet` changes, absent: never
 *   inhibitions  those whose target it is: {"name","source":[],"equal":{}}
 *   silences     null: only the running service knows them
 */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/route.h"

static void add_text(tu_buf *out, const char *key, tu_str text) {
    tu_buf_addf(out, "\"%s\":", key);
    tu_buf_add_json_string(out, text);
}

static void add_labels(tu_buf *out, const char *key, const tu_labels *labels) {
    tu_buf_addf(out, "\"%s\":{", key);
    for (size_t i = 0; i < labels->n; i++) {
        tu_buf_add_c(out, i ? "," : "");
        tu_buf_add_json_string(out, labels->items[i].key);
        tu_buf_add_byte(out, ':');
        tu_buf_add_json_string(out, labels->items[i].value);
    }
    tu_buf_add_byte(out, '}');
}

static void add_moment(tu_buf *out, const char *key, int64_t ms) {
    char time[32];
    tu_time_format(ms, time);
    tu_buf_addf(out, "\"%s\":\"%s\"", key, time);
}

static void add_duration(tu_buf *out, const char *key, int64_t ms) {
    char text[32];
    tu_duration_format(ms, text, sizeof text);
    tu_buf_addf(out, "\"%s\":\"%s\",", key, text);
}

static void add_path(tu_buf *out, const tu_route *route) {
    if (route->parent) {
        add_path(out, route->parent);
        tu_buf_add_byte(out, ',');
    }
    tu_buf_add_json_string(out, route->name);
}

/* --- the tree --------------------------------------------------------------------------------- */

static void add_step(tu_buf *out, const tu_route_answer *answer, const tu_route *route) {
    static const char *const names[] = {"takes", "matches", "differs", "not-asked", "not-reached"};
    const tu_step *step = &answer->steps[route->number];
    tu_buf_add_byte(out, '{');
    add_text(out, "name", route->name);
    tu_buf_add_c(out, ",\"path\":[");
    add_path(out, route);
    tu_buf_add_c(out, "],");
    if (route->place.line) {
        add_text(out, "file", tu_str_c(route->place.file));
        tu_buf_addf(out, ",\"line\":%u,", route->place.line);
    }
    tu_buf_addf(out, "\"result\":\"%s\"", names[step->kind]);
    if (step->matcher) {
        tu_buf_add_byte(out, ',');
        add_text(out, "matcher", step->matcher->text);
        tu_buf_add_byte(out, ',');
        add_text(out, "label", step->matcher->label);
        tu_buf_add_byte(out, ',');
        add_text(out, "value", tu_labels_get(&answer->labels, step->matcher->label));
    }
    if (step->by) {
        tu_buf_add_byte(out, ',');
        add_text(out, "by", step->by->name);
    }
    tu_buf_add_byte(out, '}');
}

/* --- a route that takes it -------------------------------------------------------------------- */

static void add_sets(tu_buf *out, const char *key, const tu_time_set *const *sets, size_t n) {
    tu_buf_addf(out, "\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        tu_buf_add_c(out, i ? "," : "");
        tu_buf_add_json_string(out, sets[i]->name);
    }
    tu_buf_add_c(out, "],");
}

static void add_escalation(tu_buf *out, const tu_route *route) {
    tu_buf_add_c(out, "\"escalate\":[");
    for (size_t i = 0; i < route->escalation_count; i++) {
        tu_buf_add_c(out, i ? ",{" : "{");
        add_duration(out, "after", route->escalation[i].after_ms);
        add_text(out, "receiver", route->escalation[i].receiver);
        tu_buf_add_byte(out, '}');
    }
    tu_buf_addf(out, "],\"escalateRepeat\":%lld,", (long long)route->escalation_repeat);
}

static void add_group(tu_buf *out, const tu_route_answer *answer, const tu_route *route) {
    tu_label *room = tu_xmalloc((route->group_by_count + 1) * sizeof *room);
    const tu_labels group = tu_route_group(route, &answer->labels, room);
    tu_buf_add_c(out, "\"groupBy\":[");
    if (route->group_by_all)
        tu_buf_add_c(out, "\"...\"");
    for (size_t i = 0; i < route->group_by_count; i++) {
        tu_buf_add_c(out, i ? "," : "");
        tu_buf_add_json_string(out, route->group_by[i]);
    }
    tu_buf_add_c(out, "],");
    add_labels(out, "group", &group);
    tu_buf_add_byte(out, ',');
    tu_freep(&room);
}

static void add_taken(tu_buf *out, const tu_route_answer *answer, const tu_route *route) {
    int64_t until;
    bool quiet = tu_route_is_quiet(route, answer->at, &until);
    tu_buf_add_byte(out, '{');
    add_text(out, "name", route->name);
    tu_buf_add_byte(out, ',');
    add_text(out, "receiver", route->receiver);
    tu_buf_add_byte(out, ',');
    add_text(out, "fallback", tu_config_fallback(answer->config, route->receiver));
    tu_buf_add_byte(out, ',');
    add_escalation(out, route);
    add_group(out, answer, route);
    add_duration(out, "groupWait", route->group_wait_ms);
    add_duration(out, "groupInterval", route->group_interval_ms);
    add_duration(out, "repeatInterval", route->repeat_interval_ms);
    add_sets(out, "muteDuring", route->muted, route->muted_count);
    add_sets(out, "activeDuring", route->active, route->active_count);
    tu_buf_addf(out, "\"quiet\":%s", quiet ? "true" : "false");
    if (until != INT64_MAX) {
        tu_buf_add_byte(out, ',');
        add_moment(out, "until", until);
    }
    tu_buf_add_byte(out, '}');
}

/* --- inhibitions ------------------------------------------------------------------------------ */

static bool could_inhibit(const tu_inhibition *one, const tu_labels *labels) {
    bool could =
        tu_matchers_match(&one->target, labels) && !tu_matchers_match(&one->source, labels);
    for (size_t i = 0; i < one->equal_count && could; i++)
        could = tu_labels_get(labels, one->equal[i]).n > 0;
    return could;
}

static void add_inhibition(tu_buf *out, const tu_inhibition *one, const tu_labels *labels) {
    tu_buf_add_byte(out, '{');
    add_text(out, "name", one->name);
    tu_buf_add_c(out, ",\"source\":[");
    for (size_t i = 0; i < one->source.n; i++) {
        tu_buf_add_c(out, i ? "," : "");
        tu_buf_add_json_string(out, one->source.items[i].text);
    }
    tu_buf_add_c(out, "],\"equal\":{");
    for (size_t i = 0; i < one->equal_count; i++) {
        tu_buf_add_c(out, i ? "," : "");
        tu_buf_add_json_string(out, one->equal[i]);
        tu_buf_add_byte(out, ':');
        tu_buf_add_json_string(out, tu_labels_get(labels, one->equal[i]));
    }
    tu_buf_add_c(out, "}}");
}

void tu_route_write_json(const tu_route_answer *answer, tu_buf *out) {
    const tu_routing *routing = &answer->config->routing;
    tu_buf_add_byte(out, '{');
    add_moment(out, "at", answer->at);
    tu_buf_add_byte(out, ',');
    add_labels(out, "labels", &answer->labels);
    tu_buf_add_c(out, ",\"routes\":[");
    for (size_t i = 0; i < routing->route_count; i++) {
        tu_buf_add_c(out, i ? "," : "");
        add_step(out, answer, routing->all[i]);
    }
    tu_buf_add_c(out, "],\"taken\":[");
    for (size_t i = 0; i < answer->taken_count; i++) {
        tu_buf_add_c(out, i ? "," : "");
        add_taken(out, answer, routing->all[answer->taken[i]]);
    }
    tu_buf_add_c(out, "],\"inhibitions\":[");
    const char *before = "";
    for (size_t i = 0; i < routing->inhibition_count; i++) {
        if (!could_inhibit(&routing->inhibitions[i], &answer->labels))
            continue;
        tu_buf_add_c(out, before);
        add_inhibition(out, &routing->inhibitions[i], &answer->labels);
        before = ",";
    }
    tu_buf_add_c(out, "],\"silences\":null}\n");
}
