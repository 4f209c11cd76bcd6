/*
 * alert/dispatch-view.c: what the dispatcher knows, for people: open incidents, what comes next, counts.
 */
#include <stdlib.h>

#include "alert/dispatch-inside.h"

/* What happens at i->due, and when, as wall time. */
static const char *next_of(const tu_incident *i, bool fires, tu_moment now, int64_t *ret_wall) {
    *ret_wall = 0;
    int64_t until = 0;
    if (i->due == TU_NEVER)
        return "";
    *ret_wall = now.wall_ms + (i->due - now.boot_ms);
    if (tu_incident_is_muted(i, now, &until) && i->due >= until)
        return "end of a mute time";
    if (i->due == i->flush_ms)
        return !i->begun ? "first message" : fires ? "update" : "its end";
    return i->route && i->route->repeat_interval_ms > 0 &&
                   i->due == i->last_ms + i->route->repeat_interval_ms
               ? "repeat"
               : "escalation";
}

static void view(const tu_dispatch *d, const tu_incident *i, tu_moment now,
                 void (*each)(void *arg, const tu_incident_view *v), void *arg) {
    _cleanup_(tu_freep) tu_label *labels = tu_xmalloc(i->group.n * sizeof *labels);
    _cleanup_(tu_freep) const char **receivers = tu_xcalloc(i->told_count + 1, sizeof *receivers);
    tu_incident_view v = {.id = tu_str_c(i->id),
                          .route = tu_term_text(d, i->route_name),
                          .labels = {labels, i->group.n},
                          .opened_ms = i->opened_wall,
                          .resolved = i->resolved,
                          .acknowledged_by = i->acknowledged ? i->by : (tu_str){0},
                          .acknowledged_comment = i->acknowledged ? i->comment : (tu_str){0},
                          .acknowledged_ms = i->acknowledged ? i->acknowledged_wall : 0,
                          .escalation_step = i->escalated,
                          .receivers = receivers};
    for (size_t k = 0; k < i->group.n; k++)
        labels[k] = (tu_label){tu_term_text(d, i->group.items[k].key),
                               tu_term_text(d, i->group.items[k].value)};
    for (size_t k = 0; k < i->party_count; k++) {
        const tu_party *p = i->parties[k];
        v.firing += p->alert->firing;
        v.resolved += !p->alert->firing;
        v.quiet += p->alert->firing && p->hidden;
        if (p->alert->firing && p->alert->severity > v.severity)
            v.severity = (tu_severity)p->alert->severity;
    }
    size_t n = 0;
    for (size_t k = 0; k < i->told_count; k++) {
        if (i->told[k].wall == 0)
            continue; /* invited, or known to be out of reach, and not told */
        receivers[n++] = tu_term_text(d, i->told[k].receiver).p;
        v.told_ms = i->told[k].wall > v.told_ms ? i->told[k].wall : v.told_ms;
    }
    v.next = next_of(i, v.firing > 0, now, &v.next_ms);
    each(arg, &v);
}

static int newest_first(const void *a, const void *b) {
    const tu_incident *x = *(tu_incident *const *)a, *y = *(tu_incident *const *)b;
    if (x->opened_wall != y->opened_wall)
        return x->opened_wall > y->opened_wall ? -1 : 1;
    return strcmp(x->id, y->id);
}

void tu_dispatch_each(const tu_dispatch *d, tu_moment now,
                      void (*each)(void *arg, const tu_incident_view *v), void *arg) {
    _cleanup_(tu_freep) tu_incident **all = tu_xmalloc(d->incidents.n * sizeof *all);
    size_t n = 0;
    for (tu_node *at = tu_table_any(&d->incidents, NULL); at; at = tu_table_any(&d->incidents, at))
        if (!((tu_incident *)at)->shell)
            all[n++] = (tu_incident *)at;
    qsort(all, n, sizeof *all, newest_first);
    for (size_t k = 0; k < n; k++)
        view(d, all[k], now, each, arg);
}

tu_dispatch_counts tu_dispatch_count(const tu_dispatch *d) {
    return (tu_dispatch_counts){d->alerts.n, d->incidents.n, d->silence_count};
}
