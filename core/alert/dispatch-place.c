/*
 * alert/dispatch-place.c: where alerts belong: they join the incidents of their routes' groups, and leave those
 * that other routes, other groups, or other labels took them from.
 *
 * Invariant: after tu_alert_place() an alert that fires is a member of exactly one incident of each route that
 * takes it. Placing it again changes nothing, so that a reload with the same routes has no effects.
 */
#include <stdlib.h>

#include "alert/dispatch-inside.h"
#include "base/limits.h"

/* --- alerts ------------------------------------------------------------------------------------------- */

tu_entry_alert *tu_alert_find(const tu_dispatch *d, tu_str fingerprint) {
    for (tu_node *n = tu_table_first(&d->alerts, tu_hash64(fingerprint)); n; n = tu_table_after(n))
        if (tu_str_is(fingerprint, ((tu_entry_alert *)n)->fingerprint))
            return (tu_entry_alert *)n;
    return NULL;
}

tu_entry_alert *tu_alert_make(tu_dispatch *d, tu_str fingerprint) {
    tu_entry_alert *a = tu_xcalloc(1, sizeof *a);
    memcpy(a->fingerprint, fingerprint.p,
           fingerprint.n < TU_INCIDENT_ID ? fingerprint.n : TU_INCIDENT_ID);
    tu_table_add(&d->alerts, &a->node, tu_hash64(tu_str_c(a->fingerprint)));
    return a;
}

/* What it is about, whenever it began and whatever is wrong with it. */
static uint64_t object_of(const tu_labels *labels) {
    static const char *const keys[] = {"about",   "group",    "kind", "name",   "namespace",
                                       "problem", "receiver", "rule", "source", "target"};
    uint64_t hash = 0;
    for (size_t i = 0; i < labels->n; i++)
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            if (tu_str_is(labels->items[i].key, keys[k]))
                hash += tu_hash64_seed(labels->items[i].value, k + 1); /* in any order */
    return hash;
}

void tu_alert_label(tu_dispatch *d, tu_entry_alert *a, const tu_labels *labels) {
    tu_pairs old = a->labels;
    a->labels = tu_pairs_take(d, labels);
    a->object = object_of(labels);
    a->silence_version = 0;
    tu_pairs_drop(d, &old);
}

void tu_alert_forget(tu_dispatch *d, tu_entry_alert *a) {
    if (a->firing || a->parties)
        return;
    tu_alert_sources(d, a);
    tu_table_remove(&d->alerts, &a->node);
    tu_pairs_drop(d, &a->labels);
    tu_term_drop(d, a->ended_by);
    free(a->inhibited);
    free(a);
}

/* --- joining ----------------------------------------------------------------------------------------------- */

static tu_str make_id(const tu_dispatch *d, tu_str route, const tu_pairs *group,
                      const tu_entry_alert *a, int64_t wall_ms, char id[TU_INCIDENT_ID + 1],
                      tu_effects *out) {
    tu_buf parts = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_buf_addf(&parts, "%zu:%.*s%zu:%.*s", d->install_id.n, TU_P(d->install_id), route.n,
                TU_P(route));
    for (size_t k = 0; k < group->n; k++) {
        tu_str key = tu_term_text(d, group->items[k].key);
        tu_str value = tu_term_text(d, group->items[k].value);
        tu_buf_addf(&parts, "%zu:%.*s%zu:%.*s", key.n, TU_P(key), value.n, TU_P(value));
    }
    /* the alert that opened it: an incident may end and begin in one millisecond */
    tu_buf_addf(&parts, "%lld:%s", (long long)wall_ms, a->fingerprint);
    out->failed = out->failed || parts.rc != TU_OK;
    uint8_t digest[32];
    tu_sha256(tu_buf_str(&parts), digest);
    tu_hex(digest, TU_INCIDENT_ID / 2, id);
    tu_buf_done(&parts);
    return (tu_str){id, TU_INCIDENT_ID};
}

static bool is_of(const tu_dispatch *d, const tu_incident *i, tu_str route, tu_str single,
                  const tu_pairs *group) {
    if (!tu_str_eq(tu_term_text(d, i->route_name), route) ||
        !tu_str_eq(tu_term_text(d, i->single), single))
        return false;
    if (single.n)
        return true;
    if (i->group.n != group->n)
        return false;
    for (size_t k = 0; k < group->n; k++) /* the same texts have the same terms */
        if (i->group.items[k].key != group->items[k].key ||
            i->group.items[k].value != group->items[k].value)
            return false;
    return true;
}

/* The incident of the alert's group on a route; a new one where there is none. */
static tu_incident *incident_for(tu_dispatch *d, tu_entry_alert *a, const tu_route *route,
                                 const tu_labels *labels, tu_moment now, tu_effects *out) {
    tu_str single = route->group_by_all ? tu_str_c(a->fingerprint) : (tu_str){0};
    tu_labels view = tu_route_group(route, labels, d->grouped);
    tu_pairs group = tu_pairs_take(d, &view);
    uint64_t hash = tu_incident_hash(d, route->name, single, &group);
    for (tu_node *n = tu_table_first(&d->incidents, hash); n; n = tu_table_after(n))
        if (is_of(d, (tu_incident *)n, route->name, single, &group)) {
            tu_pairs_drop(d, &group);
            return (tu_incident *)n;
        }
    char id[TU_INCIDENT_ID + 1];
    tu_incident *i = tu_incident_new(d, make_id(d, route->name, &group, a, now.wall_ms, id, out),
                                     route->name, single, group);
    i->route = route;
    i->receiver = tu_term_take(d, route->receiver);
    i->opened_wall = i->updated_wall = now.wall_ms;
    tu_incident_touch(d, i);
    tu_put_audit(out, TU_S("trueup"), "incident.opened",
                 (tu_fact[]){{"incident", tu_str_c(i->id), false},
                             {"route", route->name, false},
                             {"alert", tu_str_c(a->fingerprint), false},
                             {0}});
    return i;
}

static tu_party *party_in(const tu_entry_alert *a, const tu_incident *i) {
    tu_party *p = a->parties;
    while (p && p->incident != i)
        p = p->next;
    return p;
}

static void join(tu_dispatch *d, tu_entry_alert *a, tu_incident *i, tu_moment now,
                 tu_effects *out) {
    tu_party *p = tu_party_new(d, i, a);
    p->joined_wall = now.wall_ms;
    p->hidden = tu_alert_is_hidden(d, a, now);
    tu_put_party(d, p, "firing", 0, out);
    int64_t calm = 0;
    size_t flaps = tu_flap_look(d, a, now.boot_ms, &calm);
    if (flaps >= TU_FLAP_COUNT) {
        i->flaps = flaps;
        i->calm_ms = calm > i->calm_ms ? calm : i->calm_ms;
        tu_incident_touch(d, i);
    }
    if (p->hidden)
        tu_incident_list(d, i, true);
    else
        tu_incident_stir(d, i, now);
}

/* --- leaving ------------------------------------------------------------------------------------------------ */

static bool has_others(const tu_incident *i, const tu_party *p) {
    for (size_t k = 0; k < i->party_count; k++)
        if (i->parties[k] != p && !i->parties[k]->told_end)
            return true;
    return false;
}

static void leave(tu_dispatch *d, tu_party *p, tu_str route, tu_moment now, tu_effects *out) {
    tu_incident *i = p->incident;
    tu_str note = tu_str_eq(route, tu_term_text(d, i->route_name))
                      ? TU_S("grouped anew")
                      : tu_put_text(out, "moved to route %.*s", TU_P(route));
    if (!has_others(i, p)) {
        tu_incident_end(d, i, note, now, out);
        return;
    }
    if (p->told) {
        free((void *)i->note.p);
        i->note = tu_text_keep(note);
    }
    tu_party_move(d, p, now, out);
    tu_incident_stir(d, i, now);
}

static bool is_wanted(const tu_dispatch *d, size_t n, const tu_incident *i) {
    for (size_t k = 0; k < n; k++)
        if (d->wanted[k] == i)
            return true;
    return false;
}

void tu_alert_place(tu_dispatch *d, tu_entry_alert *a, tu_moment now, tu_effects *out) {
    if (d->router == NULL || !a->firing)
        return;
    tu_labels labels = tu_pairs_see(d, &a->labels);
    size_t n = tu_router_take(d->router, &labels, d->taken);
    tu_str to = n ? d->config->routing.all[d->taken[0]]->name : (tu_str){0};
    for (size_t k = 0; k < n; k++)
        d->wanted[k] = incident_for(d, a, d->config->routing.all[d->taken[k]], &labels, now, out);
    for (size_t k = 0; k < n; k++) {
        if (party_in(a, d->wanted[k]))
            continue;
        join(d, a, d->wanted[k], now, out);
        to = tu_term_text(d, d->wanted[k]->route_name);
    }
    for (tu_party *p = a->parties, *next; p; p = next) {
        next = p->next;
        if (!is_wanted(d, n, p->incident))
            leave(d, p, to, now, out);
    }
}

/* --- configurations --------------------------------------------------------------------------------------------- */

static const tu_route *route_named(const tu_routing *r, tu_str name) {
    for (size_t k = 0; k < r->route_count; k++)
        if (tu_str_eq(r->all[k]->name, name))
            return r->all[k];
    return NULL;
}

/* The route is the same, but somebody else is told. */
static void change_receiver(tu_dispatch *d, tu_incident *i, tu_moment now, tu_effects *out) {
    if (tu_str_eq(tu_term_text(d, i->receiver), i->route->receiver))
        return;
    tu_term old = i->receiver;
    i->receiver = tu_term_take(d, i->route->receiver);
    tu_incident_touch(d, i);
    tu_told *told = old ? tu_incident_told(i, old) : NULL;
    if (i->begun && told && told->firing) {
        tu_telling t = {.event = "resolved",
                        .only = old,
                        .over = true,
                        .note =
                            tu_put_text(out, "moved to receiver %.*s", TU_P(i->route->receiver))};
        tu_tell(d, i, &t, now, out);
    }
    tu_term_drop(d, old);
    told = i->begun && i->receiver ? tu_incident_invite(d, i, i->receiver) : NULL;
    if (told && !told->firing)
        tu_tell(d, i, &(tu_telling){.event = "firing", .only = i->receiver}, now, out);
}

static tu_incident **all_incidents(const tu_dispatch *d, size_t *ret) {
    tu_incident **all = tu_xmalloc(d->incidents.n * sizeof *all);
    *ret = 0;
    for (tu_node *n = tu_table_any(&d->incidents, NULL); n; n = tu_table_any(&d->incidents, n))
        all[(*ret)++] = (tu_incident *)n;
    return all;
}

static int by_age(const void *a, const void *b) {
    const tu_entry_alert *x = *(tu_entry_alert *const *)a, *y = *(tu_entry_alert *const *)b;
    if (x->started_wall != y->started_wall)
        return x->started_wall < y->started_wall ? -1 : 1;
    return strcmp(x->fingerprint, y->fingerprint);
}

/* The store gives alerts of open incidents whose part in it is over, too. */
static void forget_idle(tu_dispatch *d) {
    for (tu_node *n = tu_table_any(&d->alerts, NULL), *next; n; n = next) {
        next = tu_table_any(&d->alerts, n);
        tu_alert_forget(d, (tu_entry_alert *)n);
    }
}

static void place_all(tu_dispatch *d, tu_moment now, tu_effects *out) {
    tu_entry_alert **all = tu_xmalloc(d->alerts.n * sizeof *all);
    size_t n = 0;
    for (tu_node *at = tu_table_any(&d->alerts, NULL); at; at = tu_table_any(&d->alerts, at))
        if (((tu_entry_alert *)at)->firing)
            all[n++] = (tu_entry_alert *)at;
    qsort(all, n, sizeof *all, by_age); /* the same input gives the same effects */
    for (size_t k = 0; k < n; k++)
        tu_alert_place(d, all[k], now, out);
    free(all);
}

/* Its route is gone, and nobody is left who could have moved: what ended is told, and it ends. */
static void end_orphans(tu_dispatch *d, tu_moment now, tu_effects *out) {
    size_t n;
    tu_incident **all = all_incidents(d, &n);
    for (size_t k = 0; k < n; k++)
        if (all[k]->route == NULL)
            tu_incident_end(d, all[k], all[k]->shell ? (tu_str){0} : TU_S("its route was removed"),
                            now, out);
    free(all);
}

void tu_place_configure(tu_dispatch *d, tu_moment now, tu_effects *out) {
    const tu_routing *r = &d->config->routing;
    size_t n;
    tu_incident **all = all_incidents(d, &n);
    for (size_t k = 0; k < n; k++) {
        all[k]->route = route_named(r, tu_term_text(d, all[k]->route_name));
        if (!d->restored)
            tu_incident_wake(d, all[k], now);
        if (!all[k]->held)
            tu_incident_bound(all[k], now);
    }
    if (!d->restored)
        forget_idle(d);
    tu_quiet_configure(d, r, now);
    place_all(d, now, out);
    free(all);
    end_orphans(d, now, out);
    all = all_incidents(d, &n);
    for (size_t k = 0; k < n; k++) {
        change_receiver(d, all[k], now, out);
        tu_incident_schedule(d, all[k]);
    }
    free(all);
}
