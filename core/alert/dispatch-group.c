/*
 * alert/dispatch-group.c: the life of an incident: alerts join, it is told, told again, and ends.
 *
 * Invariants
 *   - `flush_ms` is set while it has something to tell that nothing but time holds back.
 *   - An incident whose first message was made ends by tu_incident_end() only, which tells everybody who was told.
 *   - What is due is worked off in one call: afterwards its time lies in the future, or it waits for an event.
 *
 * To add something that happens by itself: its time in due_of(), what is done in tu_incident_run(), its name
 * in dispatch-view.c, and what of it must survive in dispatch-restore.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "alert/dispatch-inside.h"

/* --- making and forgetting --------------------------------------------------------------------------- */

static uint64_t chain(uint64_t seed, tu_str s) {
    return tu_hash64_seed(s, seed * 31 + s.n);
}

uint64_t tu_incident_hash(const tu_dispatch *d, tu_str route, tu_str single,
                          const tu_pairs *group) {
    uint64_t hash = chain(1, route);
    if (single.n)
        return chain(hash, single);
    for (size_t i = 0; i < group->n; i++)
        hash = chain(chain(hash, tu_term_text(d, group->items[i].key)),
                     tu_term_text(d, group->items[i].value));
    return hash;
}

typedef struct id_node { /* from an id to its incident */
    tu_node node;
    tu_incident *incident;
} id_node;

tu_incident *tu_incident_find(const tu_dispatch *d, tu_str id) {
    for (tu_node *n = tu_table_first(&d->incident_ids, tu_hash64(id)); n; n = tu_table_after(n))
        if (tu_str_is(id, ((id_node *)n)->incident->id))
            return ((id_node *)n)->incident;
    return NULL;
}

/* Takes over group. */
tu_incident *tu_incident_new(tu_dispatch *d, tu_str id, tu_str route, tu_str single,
                             tu_pairs group) {
    tu_incident *i = tu_xcalloc(1, sizeof *i);
    snprintf(i->id, sizeof i->id, "%.*s", TU_P(id));
    i->route_name = tu_term_take(d, route);
    i->single = tu_term_take(d, single);
    i->group = group;
    i->flush_ms = i->due = TU_NEVER;
    i->last_ms = i->calm_ms = INT64_MIN;
    tu_table_add(&d->incidents, &i->node, tu_incident_hash(d, route, single, &group));
    id_node *n = tu_xcalloc(1, sizeof *n);
    n->incident = i;
    tu_table_add(&d->incident_ids, &n->node, tu_hash64(tu_str_c(i->id)));
    return i;
}

static void forget_id(tu_dispatch *d, const tu_incident *i) {
    for (tu_node *n = tu_table_first(&d->incident_ids, tu_hash64(tu_str_c(i->id))); n;
         n = tu_table_after(n))
        if (((id_node *)n)->incident == i) {
            tu_table_remove(&d->incident_ids, n);
            free(n);
            return;
        }
}

void tu_incident_free(tu_dispatch *d, tu_incident *i) {
    while (i->party_count)
        tu_party_free(d, i->parties[i->party_count - 1]);
    tu_heap_put(d, i, TU_NEVER);
    tu_incident_list(d, i, false);
    for (size_t k = d->dirty_count; i->dirty && k > 0; k--) /* mostly the last one */
        if (d->dirty[k - 1] == i) {
            d->dirty[k - 1] = d->dirty[--d->dirty_count];
            break;
        }
    tu_table_remove(&d->incidents, &i->node);
    forget_id(d, i);
    tu_pairs_drop(d, &i->group);
    for (size_t k = 0; k < i->told_count; k++)
        tu_term_drop(d, i->told[k].receiver);
    tu_term_drop(d, i->route_name);
    tu_term_drop(d, i->single);
    tu_term_drop(d, i->receiver);
    free((void *)i->by.p);
    free((void *)i->comment.p);
    free((void *)i->note.p);
    free(i->told);
    free(i->parties);
    free(i);
}

tu_party *tu_party_new(tu_dispatch *d, tu_incident *i, tu_entry_alert *a) {
    (void)d;
    tu_party *p = tu_xcalloc(1, sizeof *p);
    *p = (tu_party){.alert = a, .incident = i, .next = a->parties};
    a->parties = p;
    if (i->party_count == i->party_room) {
        i->party_room = i->party_room ? i->party_room * 2 : 1;
        i->parties = tu_xrealloc(i->parties, i->party_room * sizeof(tu_party *));
    }
    p->index = (uint32_t)i->party_count;
    i->parties[i->party_count++] = p;
    return p;
}

void tu_party_free(tu_dispatch *d, tu_party *p) {
    (void)d;
    tu_party **at = &p->alert->parties;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    tu_incident *i = p->incident;
    i->parties[p->index] = i->parties[--i->party_count];
    i->parties[p->index]->index = p->index;
    free(p);
}

/* --- times ------------------------------------------------------------------------------------------------- */

void tu_incident_touch(tu_dispatch *d, tu_incident *i) {
    if (i->dirty || i->shell)
        return;
    i->dirty = true;
    if (d->dirty_count == d->dirty_room) {
        d->dirty_room = d->dirty_room ? d->dirty_room * 2 : 16;
        d->dirty = tu_xrealloc(d->dirty, d->dirty_room * sizeof(tu_incident *));
    }
    d->dirty[d->dirty_count++] = i;
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t sooner(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static size_t step_count(const tu_incident *i) {
    return i->route->escalation_count * (size_t)(1 + later(0, i->route->escalation_repeat));
}

/* When the next step is due, counted from escalate_from. */
static int64_t step_after(const tu_incident *i) {
    const tu_route *r = i->route;
    size_t round = i->escalated / r->escalation_count;
    return r->escalation[i->escalated % r->escalation_count].after_ms +
           (int64_t)round * r->escalation[r->escalation_count - 1].after_ms;
}

static bool is_going_on(const tu_incident *i) {
    return i->begun && i->route && !i->acknowledged && !i->waits;
}

static int64_t repeat_due(const tu_incident *i) {
    return is_going_on(i) && i->route->repeat_interval_ms > 0
               ? later(i->last_ms + i->route->repeat_interval_ms, i->quiet_until)
               : TU_NEVER;
}

static int64_t escalation_due(const tu_incident *i) {
    return is_going_on(i) && i->escalated < step_count(i)
               ? later(i->escalate_from + step_after(i), i->quiet_until)
               : TU_NEVER;
}

void tu_incident_schedule(tu_dispatch *d, tu_incident *i) {
    if (i->route)
        tu_heap_put(d, i, sooner(i->flush_ms, sooner(repeat_due(i), escalation_due(i))));
}

/* Not before it: the group interval, longer while something flaps. */
static int64_t may_tell_from(const tu_incident *i, tu_moment now) {
    if (i->last_ms == INT64_MIN)
        return INT64_MIN;
    int64_t interval = i->route->group_interval_ms;
    if (i->calm_ms > now.boot_ms)
        interval *= TU_FLAP_FACTOR;
    return i->last_ms + interval;
}

void tu_incident_stir(tu_dispatch *d, tu_incident *i, tu_moment now) {
    if (i->route == NULL)
        return; /* the next configuration looks after it */
    int64_t at = later(now.boot_ms + i->route->group_wait_ms, may_tell_from(i, now));
    if (at < i->flush_ms) {
        i->flush_ms = at;
        i->held = false;
        tu_incident_touch(d, i);
    }
    tu_incident_schedule(d, i);
}

/* A message went out because somebody asked for it: the next ones keep their distance from it. */
void tu_incident_defer(tu_dispatch *d, tu_incident *i, tu_moment now) {
    if (!i->begun || i->route == NULL)
        return;
    i->last_ms = now.boot_ms;
    if (i->flush_ms != TU_NEVER)
        i->flush_ms = later(i->flush_ms, may_tell_from(i, now));
    tu_incident_touch(d, i);
    tu_incident_schedule(d, i);
}

void tu_incident_release(tu_dispatch *d, tu_incident *i, tu_moment now) {
    i->held = false;
    i->flush_ms = i->route ? later(now.boot_ms, may_tell_from(i, now)) : now.boot_ms;
    tu_incident_touch(d, i);
    tu_incident_schedule(d, i);
}

/* --- telling ------------------------------------------------------------------------------------------------- */

/* What else is to say: that something flaps, or what was noted. */
static tu_str note_of(const tu_incident *i, tu_moment now, tu_effects *out) {
    if (i->calm_ms <= now.boot_ms)
        return i->note;
    return tu_put_text(out, "flapping: %zu times in 10 minutes%s", i->flaps,
                       i->flaps >= TU_FLAP_KEPT ? " or more often" : "");
}

/* What a message names counts as told; what ended is kept as long as it fits into a message. */
static void mark_told(tu_dispatch *d, tu_incident *i, bool also_ends, tu_effects *out) {
    for (size_t k = 0; k < i->party_count; k++) {
        tu_party *p = i->parties[k];
        bool fires = p->alert->firing;
        if (fires && p->hidden && !p->told)
            continue;
        bool news = !p->told || (!fires && also_ends && !p->told_end);
        p->told = true;
        p->told_end = p->told_end || (!fires && also_ends);
        if (news)
            tu_put_party(d, p, p->told_end ? "resolved" : "firing",
                         p->told_end ? p->alert->ended_wall : 0, out);
    }
}

static int newest_end_first(const void *a, const void *b) {
    const tu_entry_alert *x = (*(tu_party *const *)a)->alert, *y = (*(tu_party *const *)b)->alert;
    if (x->ended_wall != y->ended_wall)
        return x->ended_wall > y->ended_wall ? -1 : 1;
    return strcmp(x->fingerprint, y->fingerprint);
}

static void trim(tu_dispatch *d, tu_incident *i) {
    size_t keep = d->config ? (size_t)later(1, d->config->routing.alerts_per_message) : 20, n = 0;
    for (size_t k = 0; k < i->party_count; k++)
        n += i->parties[k]->told_end;
    if (n <= keep)
        return;
    tu_party **ended = tu_xmalloc(n * sizeof *ended);
    n = 0;
    for (size_t k = 0; k < i->party_count; k++)
        if (i->parties[k]->told_end)
            ended[n++] = i->parties[k];
    qsort(ended, n, sizeof *ended, newest_end_first);
    for (size_t k = keep; k < n; k++) {
        tu_entry_alert *a = ended[k]->alert;
        tu_party_free(d, ended[k]);
        tu_alert_forget(d, a);
        i->resolved++;
    }
    free(ended);
}

static void told_now(tu_dispatch *d, tu_incident *i, tu_moment now) {
    i->last_ms = now.boot_ms;
    i->updated_wall = now.wall_ms;
    i->changed = false;
    i->held = false;
    i->flush_ms = TU_NEVER;
    free((void *)i->note.p);
    i->note = (tu_str){0};
    tu_incident_touch(d, i);
}

void tu_incident_begin(tu_dispatch *d, tu_incident *i, const tu_look *look, tu_moment now,
                       tu_effects *out) {
    if (i->receiver)
        tu_incident_invite(d, i, i->receiver);
    tu_telling t = {.event = "firing",
                    .news = true,
                    .as_firing = look->firing == 0,
                    .note = note_of(i, now, out)};
    tu_tell(d, i, &t, now, out);
    mark_told(d, i, look->firing > 0, out);
    i->begun = true;
    i->escalate_from = now.boot_ms;
    told_now(d, i, now);
    trim(d, i);
}

static void update(tu_dispatch *d, tu_incident *i, const tu_look *look, tu_moment now,
                   tu_effects *out) {
    if (i->acknowledged && look->fresh) { /* who acknowledged it didn't know of this one */
        i->acknowledged = false;
        i->escalated = 0;
        i->escalate_from = now.boot_ms;
        tu_put_audit(out, TU_S("trueup"), "alert.unacknowledged",
                     (tu_fact[]){{"incident", tu_str_c(i->id), false},
                                 {"why", TU_S("an alert joined"), false},
                                 {0}});
    }
    tu_telling t = {.event = "update", .news = true, .note = note_of(i, now, out)};
    tu_tell(d, i, &t, now, out);
    mark_told(d, i, true, out);
    told_now(d, i, now);
    trim(d, i);
}

/* Changes are due. True: the incident is gone. */
static bool flush(tu_dispatch *d, tu_incident *i, tu_moment now, tu_effects *out) {
    tu_look look = tu_incident_look(d, i, now);
    i->flush_ms = TU_NEVER;
    i->held = false;
    tu_incident_touch(d, i);
    i->waits = i->waits && look.visible == 0;
    bool over = i->begun && look.firing == 0;
    if (!i->begun && look.fresh + look.untold == 0) {
        if (look.hidden == 0) {
            tu_incident_end(d, i, (tu_str){0}, now, out);
            return true;
        }
        return false;
    }
    if (i->begun && !over && look.fresh + look.ended == 0 && !i->changed)
        return false;
    if (over && i->calm_ms <= now.boot_ms) {
        tu_incident_end(d, i, (tu_str){0}, now, out);
        return true;
    }
    int64_t until = TU_NEVER;
    if (tu_incident_is_muted(i, now, &until)) {
        i->flush_ms = until;
        return false;
    }
    if (!d->ready && (look.fresh || !i->begun)) {
        i->flush_ms = d->ready_ms;
        i->held = true;
        return false;
    }
    if (!i->begun) {
        tu_incident_begin(d, i, &look, now, out);
        if (look.firing == 0) {
            tu_incident_end(d, i, (tu_str){0}, now, out);
            return true;
        }
        return false;
    }
    if (look.ended + look.fresh > 0 || i->changed)
        update(d, i, &look, now, out);
    if (over) /* nothing fires, but it flaps: its end waits until it is calm */
        i->flush_ms = i->calm_ms;
    return false;
}

/* Repeats and steps wait while all of it is hidden, or while it is muted. */
static bool is_quiet(tu_dispatch *d, tu_incident *i, tu_moment now) {
    tu_look look = tu_incident_look(d, i, now);
    if (look.visible == 0) {
        i->waits = true;
        tu_incident_list(d, i, true);
        return true;
    }
    int64_t until = 0;
    if (!tu_incident_is_muted(i, now, &until))
        return false;
    i->quiet_until = until;
    return true;
}

static void escalate(tu_dispatch *d, tu_incident *i, tu_moment now, tu_effects *out) {
    const tu_route *r = i->route;
    size_t step = i->escalated++ % r->escalation_count;
    tu_term receiver = tu_term_take(d, r->escalation[step].receiver);
    tu_incident_invite(d, i, receiver);
    tu_telling t = {.event = "escalation", .only = receiver, .step = step + 1};
    tu_tell(d, i, &t, now, out);
    tu_put_audit(out, TU_S("trueup"), "alert.escalated",
                 (tu_fact[]){{"incident", tu_str_c(i->id), false},
                             {"step", tu_put_text(out, "%zu", step + 1), true},
                             {"receiver", r->escalation[step].receiver, false},
                             {0}});
    tu_term_drop(d, receiver);
    i->updated_wall = now.wall_ms;
    tu_incident_touch(d, i);
}

void tu_incident_run(tu_dispatch *d, tu_incident *i, tu_moment now, tu_effects *out) {
    if (i->flush_ms <= now.boot_ms && flush(d, i, now, out))
        return;
    if (repeat_due(i) <= now.boot_ms && !is_quiet(d, i, now)) {
        tu_telling t = {.event = "repeat", .note = note_of(i, now, out)};
        tu_tell(d, i, &t, now, out);
        i->last_ms = now.boot_ms;
        i->updated_wall = now.wall_ms;
        tu_incident_touch(d, i);
    }
    while (escalation_due(i) <= now.boot_ms && !is_quiet(d, i, now))
        escalate(d, i, now, out);
    tu_incident_schedule(d, i);
}

/* --- leaving and ending ---------------------------------------------------------------------------------------- */

static void add_homeless(tu_dispatch *d, tu_entry_alert *a) {
    if (d->homeless_count == d->homeless_room) {
        d->homeless_room = d->homeless_room ? d->homeless_room * 2 : 16;
        d->homeless = tu_xrealloc(d->homeless, d->homeless_room * sizeof(tu_entry_alert *));
    }
    d->homeless[d->homeless_count++] = a;
}

void tu_incident_end(tu_dispatch *d, tu_incident *i, tu_str note, tu_moment now, tu_effects *out) {
    tu_look look = tu_incident_look(d, i, now);
    if (!i->begun && look.untold) /* what began and ended is told, even if its route is gone */
        tu_incident_begin(d, i, &(tu_look){.untold = look.untold}, now, out);
    tu_telling t = {.event = "resolved", .over = true, .note = note};
    if (i->begun)
        tu_tell(d, i, &t, now, out);
    for (size_t k = 0; k < i->party_count; k++) {
        tu_party *p = i->parties[k];
        if (p->told_end)
            continue;
        bool fires = p->alert->firing;
        p->told = p->told || (!fires && i->begun);
        tu_put_party(d, p, fires ? "moved" : "resolved", fires ? now.wall_ms : p->alert->ended_wall,
                     out);
    }
    i->closed_wall = now.wall_ms;
    i->updated_wall = now.wall_ms;
    i->flush_ms = TU_NEVER;
    tu_put_incident(d, i, out);
    if (!i->shell)
        tu_put_audit(out, TU_S("trueup"), "incident.closed",
                     (tu_fact[]){{"incident", tu_str_c(i->id), false},
                                 {"told", i->begun ? TU_S("true") : TU_S("false"), true},
                                 {"note", note, false},
                                 {0}});
    while (i->party_count) {
        tu_entry_alert *a = i->parties[i->party_count - 1]->alert;
        tu_party_free(d, i->parties[i->party_count - 1]);
        if (a->firing)
            add_homeless(d, a);
        else
            tu_alert_forget(d, a);
    }
    tu_incident_free(d, i);
}

void tu_party_move(tu_dispatch *d, tu_party *p, tu_moment now, tu_effects *out) {
    tu_incident *i = p->incident;
    tu_put_party(d, p, "moved", now.wall_ms, out);
    i->changed = i->changed || p->told;
    tu_party_free(d, p);
    tu_incident_touch(d, i);
}
