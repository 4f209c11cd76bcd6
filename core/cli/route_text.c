/*
 * cli/route_text.c: `trueup route explain` for people: the tree with what became of each route, then each
 * route that takes the alert, with what it means there.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/route.h"
#include "report/show.h"

#define KEY_COLUMNS 13

typedef struct page {
    const tu_route_answer *answer;
    tu_buf *out;
    bool color;
    size_t width; /* of the tree's names */
} page;

static void add_moment(page *p, int64_t ms) {
    char time[32];
    tu_time_format(ms - ms % 1000, time);
    tu_buf_add_c(p->out, time);
}

/* --- the tree --------------------------------------------------------------------------------- */

static void add_differs(page *p, const tu_matcher *m) {
    tu_str value = tu_labels_get(&p->answer->labels, m->label);
    tu_buf_add_c(p->out, "no: ");
    tu_show_safe(p->out, m->text);
    if (value.n == 0) {
        tu_buf_add_c(p->out, ", and it has no ");
        tu_show_safe(p->out, m->label);
    } else {
        tu_buf_add_c(p->out, ", and it is '");
        tu_show_safe(p->out, value);
        tu_buf_add_c(p->out, "'");
    }
}

static void add_step(page *p, const tu_step *step) {
    switch (step->kind) {
    case TU_STEP_TAKES:
        tu_show_paint(p->out, p->color, TU_PAINT_GREEN, TU_S("takes it"));
        break;
    case TU_STEP_PASSES:
        tu_buf_add_c(p->out, "matches");
        break;
    case TU_STEP_DIFFERS:
        add_differs(p, step->matcher);
        break;
    case TU_STEP_NOT_ASKED:
        tu_buf_addf(p->out, "not asked: %.*s is before it and doesn't say continue",
                    TU_P(step->by->name));
        break;
    case TU_STEP_NOT_REACHED:
        break;
    }
}

static void add_tree(page *p, const tu_route *route, size_t depth) {
    const tu_step *step = &p->answer->steps[route->number];
    if (step->kind == TU_STEP_NOT_REACHED)
        return; /* its parent has said why */
    size_t begin = p->out->n;
    tu_buf_addf(p->out, "%*s%.*s", (int)(2 * depth + 2), "", TU_P(route->name));
    tu_show_pad(p->out, begin, p->width, 2);
    add_step(p, step);
    tu_buf_add_byte(p->out, '\n');
    for (size_t i = 0; i < route->route_count; i++)
        add_tree(p, &route->routes[i], depth + 1);
}

/* How far the shown names reach. */
static size_t tree_width(const page *p, const tu_route *route, size_t depth) {
    if (p->answer->steps[route->number].kind == TU_STEP_NOT_REACHED)
        return 0;
    size_t width = 2 * depth + 2 + route->name.n + 2;
    for (size_t i = 0; i < route->route_count; i++) {
        size_t below = tree_width(p, &route->routes[i], depth + 1);
        width = below > width ? below : width;
    }
    return width;
}

/* --- a route that takes it -------------------------------------------------------------------- */

static void add_key(page *p, const char *key) {
    size_t begin = p->out->n;
    tu_buf_addf(p->out, "  %s", key);
    tu_show_pad(p->out, begin, KEY_COLUMNS, 2);
}

static void add_receiver(page *p, const tu_route *route) {
    char room[32];
    add_key(p, "tells");
    tu_buf_addf(p->out, "%.*s", TU_P(route->receiver.n ? route->receiver : TU_S("nobody")));
    const tu_str fallback = tu_config_fallback(p->answer->config, route->receiver);
    if (fallback.n)
        tu_buf_addf(p->out, " (what it can't be told: %.*s)", TU_P(fallback));
    tu_buf_add_byte(p->out, '\n');
    for (size_t i = 0; i < route->escalation_count; i++) {
        const tu_escalation *step = &route->escalation[i];
        add_key(p, i ? "" : "escalates");
        tu_duration_format(step->after_ms, room, sizeof room);
        tu_buf_addf(p->out, "after %s: %.*s\n", room, TU_P(step->receiver));
    }
    if (route->escalation_repeat > 0) {
        add_key(p, "");
        tu_buf_addf(p->out, "and the same again, %lld time%s\n",
                    (long long)route->escalation_repeat, route->escalation_repeat == 1 ? "" : "s");
    }
}

static void add_group(page *p, const tu_route *route) {
    tu_label room[64];
    add_key(p, "incident");
    if (route->group_by_all) {
        tu_buf_add_c(p->out, "one for each alert\n");
        return;
    }
    if (route->group_by_count == 0) {
        tu_buf_add_c(p->out, "one for all alerts of this route\n");
        return;
    }
    tu_label *labels = route->group_by_count <= sizeof room / sizeof *room
                           ? room
                           : tu_xmalloc(route->group_by_count * sizeof *labels);
    const tu_labels group = tu_route_group(route, &p->answer->labels, labels);
    for (size_t i = 0; i < group.n; i++) {
        tu_buf_addf(p->out, "%s%.*s=", i ? ", " : "", TU_P(group.items[i].key));
        tu_show_safe(p->out, group.items[i].value);
    }
    tu_buf_add_byte(p->out, '\n');
    if (labels != room)
        tu_freep(&labels);
}

static void add_intervals(page *p, const tu_route *route) {
    char wait[32], interval[32], repeat[32];
    tu_duration_format(route->group_wait_ms, wait, sizeof wait);
    tu_duration_format(route->group_interval_ms, interval, sizeof interval);
    add_key(p, "messages");
    tu_buf_addf(p->out, "the first after %s, then %s apart at least, ", wait, interval);
    tu_duration_format(route->repeat_interval_ms, repeat, sizeof repeat);
    if (route->repeat_interval_ms > 0)
        tu_buf_addf(p->out, "repeated every %s\n", repeat);
    else
        tu_buf_add_c(p->out, "never repeated\n");
}

static void add_set_names(page *p, const char *what, const tu_time_set *const *sets, size_t n) {
    for (size_t i = 0; i < n; i++)
        tu_buf_addf(p->out, "%s%.*s", i ? ", " : what, TU_P(sets[i]->name));
}

static void add_times(page *p, const tu_route *route) {
    if (route->muted_count + route->active_count == 0)
        return;
    int64_t until;
    bool quiet = tu_route_is_quiet(route, p->answer->at, &until);
    add_key(p, "times");
    tu_show_paint(p->out, p->color, quiet ? TU_PAINT_YELLOW : TU_PAINT_NONE,
                  quiet ? TU_S("quiet") : TU_S("heard"));
    if (until == INT64_MAX) {
        tu_buf_add_c(p->out, " for ever");
    } else {
        tu_buf_add_c(p->out, " until ");
        add_moment(p, until);
    }
    add_set_names(p, " (muted during ", route->muted, route->muted_count);
    add_set_names(p, route->muted_count ? "; active during " : " (active during ", route->active,
                  route->active_count);
    tu_buf_add_c(p->out, ")\n");
}

static void add_taken(page *p, const tu_route *route) {
    tu_buf_add_byte(p->out, '\n');
    _cleanup_(tu_buf_done) tu_buf path = TU_BUF_INIT(TU_MIB);
    tu_route_path(route, " > ", &path);
    tu_show_paint(p->out, p->color, TU_PAINT_BOLD, tu_buf_str(&path));
    if (route->place.line)
        tu_buf_addf(p->out, "  %s:%u", route->place.file, route->place.line);
    tu_buf_add_byte(p->out, '\n');
    add_receiver(p, route);
    add_group(p, route);
    add_intervals(p, route);
    add_times(p, route);
}

/* --- what else could make it quiet ------------------------------------------------------------ */

static void add_conditions(page *p, const tu_matchers *m) {
    for (size_t i = 0; i < m->n; i++) {
        tu_buf_add_c(p->out, i ? ", " : "");
        tu_show_safe(p->out, m->items[i].text);
    }
}

static bool add_inhibition(page *p, const tu_inhibition *one) {
    const tu_labels *labels = &p->answer->labels;
    if (!tu_matchers_match(&one->target, labels) || tu_matchers_match(&one->source, labels))
        return false;
    for (size_t i = 0; i < one->equal_count; i++) {
        if (tu_labels_get(labels, one->equal[i]).n == 0)
            return false; /* both must have it */
    }
    tu_buf_addf(p->out, "  %.*s: while an alert fires with ", TU_P(one->name));
    add_conditions(p, &one->source);
    for (size_t i = 0; i < one->equal_count; i++) {
        tu_buf_addf(p->out, "%s%.*s=", i ? ", " : " and ", TU_P(one->equal[i]));
        tu_show_safe(p->out, tu_labels_get(labels, one->equal[i]));
    }
    tu_buf_add_byte(p->out, '\n');
    return true;
}

static void add_inhibitions(page *p) {
    const tu_routing *routing = &p->answer->config->routing;
    size_t before = p->out->n;
    tu_buf_add_c(p->out, "\nCould be inhibited\n");
    bool any = false;
    for (size_t i = 0; i < routing->inhibition_count; i++)
        any |= add_inhibition(p, &routing->inhibitions[i]);
    if (!any)
        p->out->n = before;
}

void tu_route_write_text(const tu_cli *cli, const tu_route_answer *answer, tu_buf *out) {
    page p = {.answer = answer, .out = out, .color = cli->color};
    const tu_routing *routing = &answer->config->routing;
    tu_buf_add_c(out, "At ");
    add_moment(&p, answer->at);
    tu_buf_add_c(out, " an alert with ");
    for (size_t i = 0; i < answer->labels.n; i++) {
        tu_buf_add_c(out, i ? ", " : "");
        tu_show_safe(out, answer->labels.items[i].key);
        tu_buf_add_byte(out, '=');
        tu_show_safe(out, answer->labels.items[i].value);
    }
    tu_buf_add_c(out, answer->labels.n ? "\n\n" : "no labels\n\n");
    p.width = tree_width(&p, routing->root, 0);
    add_tree(&p, routing->root, 0);
    for (size_t i = 0; i < answer->taken_count; i++)
        add_taken(&p, routing->all[answer->taken[i]]);
    add_inhibitions(&p);
    if (!cli->quiet)
        tu_buf_add_c(out, "\nSilences aren't looked at here: only the running service knows them "
                          "(trueup alert list).\n");
}
