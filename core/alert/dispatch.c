/*
 * alert/dispatch.c: the dispatcher's interface: what happens, and when. What it is and what holds of it stands in
 * dispatch.h; how it hangs together in dispatch-inside.h.
 *
 * Every function begins with enter(), which notices that the clock jumped, and ends with leave(), which writes
 * the rows of the incidents that changed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "alert/dispatch-inside.h"
#include "base/limits.h"

/* --- life --------------------------------------------------------------------------------------------------- */

tu_dispatch *tu_dispatch_new(tu_str install_id) {
    tu_dispatch *d = tu_xcalloc(1, sizeof *d);
    d->install_id = tu_text_keep(install_id);
    d->reveal_ms = d->sweep_ms = d->ready_ms = TU_NEVER;
    d->silence_version = 1;
    return d;
}

static void free_terms(tu_dispatch *d) {
    for (size_t k = 0; k < d->term_count; k++)
        free(d->terms[k]);
    free(d->terms);
    free(d->term_table.heads);
    free(d->free_terms);
}

void tu_dispatch_free(tu_dispatch *d) {
    if (d == NULL)
        return;
    for (tu_node *n = tu_table_any(&d->incidents, NULL), *next; n; n = next) {
        next = tu_table_any(&d->incidents, n);
        tu_incident_free(d, (tu_incident *)n);
    }
    tu_quiet_done(d);
    for (tu_node *n = tu_table_any(&d->alerts, NULL), *next; n; n = next) {
        next = tu_table_any(&d->alerts, n);
        ((tu_entry_alert *)n)->firing = false;
        tu_alert_forget(d, (tu_entry_alert *)n);
    }
    tu_router_free(d->router);
    free_terms(d);
    free(d->alerts.heads);
    free(d->incidents.heads);
    free(d->incident_ids.heads);
    free(d->heap);
    free(d->dirty);
    free(d->homeless);
    free(d->taken);
    free(d->wanted);
    free(d->seen);
    free(d->grouped);
    free((void *)d->install_id.p);
    free(d);
}

/* --- time ----------------------------------------------------------------------------------------------------- */

/* Mute times stand on the clock's face: who waits for their end looks again. */
static void look_at_the_clock(tu_dispatch *d, tu_moment now) {
    for (tu_node *n = tu_table_any(&d->incidents, NULL); n; n = tu_table_any(&d->incidents, n)) {
        tu_incident *i = (tu_incident *)n;
        tu_incident_touch(d, i); /* its times stand in the store as wall times */
        if (i->route == NULL || i->route->muted_count + i->route->active_count == 0)
            continue;
        i->quiet_until = 0;
        if (i->flush_ms != TU_NEVER && !i->held) {
            int64_t at =
                i->last_ms == INT64_MIN ? now.boot_ms : i->last_ms + i->route->group_interval_ms;
            at = at > now.boot_ms ? at : now.boot_ms;
            i->flush_ms = at < i->flush_ms ? at : i->flush_ms;
        }
        tu_incident_schedule(d, i);
    }
}

static void enter(tu_dispatch *d, tu_moment now, tu_effects *out) {
    int64_t jump =
        d->has_time ? (now.wall_ms - d->last.wall_ms) - (now.boot_ms - d->last.boot_ms) : 0;
    d->last = now;
    d->has_time = true;
    if (jump > TU_JUMP_MS || jump < -TU_JUMP_MS) {
        tu_put_audit(
            out, TU_S("trueup"), "clock.jumped",
            (tu_fact[]){{"milliseconds", tu_put_text(out, "%lld", (long long)jump), true}, {0}});
        look_at_the_clock(d, now);
    }
    tu_silences_tick(d, now, out);
}

static void leave(tu_dispatch *d, tu_moment now, tu_effects *out) {
    while (d->homeless_count) /* what was hidden in an incident that ended begins another */
        tu_alert_place(d, d->homeless[--d->homeless_count], now, out);
    tu_put_dirty(d, out);
}

static void set_ready(tu_dispatch *d, tu_moment now) {
    d->ready = true;
    d->ready_ms = TU_NEVER;
    for (tu_node *n = tu_table_any(&d->incidents, NULL); n; n = tu_table_any(&d->incidents, n)) {
        tu_incident *i = (tu_incident *)n;
        if (!i->held)
            continue;
        tu_incident_release(d, i, now);
    }
}

static void run_due(tu_dispatch *d, tu_moment now, tu_effects *out) {
    if (d->reveal_ms <= now.boot_ms)
        tu_reveal(d, now, out);
    if (d->sweep_ms <= now.boot_ms)
        tu_flap_sweep(d, now.boot_ms);
    if (!d->ready && d->ready_ms <= now.boot_ms)
        set_ready(d, now);
    for (tu_incident *i; (i = tu_heap_first(d)) && i->due <= now.boot_ms;)
        tu_incident_run(d, i, now, out);
}

void tu_dispatch_tick(tu_dispatch *d, tu_moment now, tu_effects *out) {
    enter(d, now, out);
    run_due(d, now, out);
    leave(d, now, out);
}

void tu_dispatch_ready(tu_dispatch *d, tu_moment now, tu_effects *out) {
    enter(d, now, out);
    if (!d->ready)
        set_ready(d, now);
    run_due(d, now, out);
    leave(d, now, out);
}

int64_t tu_dispatch_next(const tu_dispatch *d, tu_moment now) {
    int64_t next = d->heap_count ? d->heap[0]->due : TU_NEVER;
    next = d->reveal_ms < next ? d->reveal_ms : next;
    next = d->sweep_ms < next ? d->sweep_ms : next;
    next = !d->ready && d->ready_ms < next ? d->ready_ms : next;
    if (d->silence_count && d->silence_next_wall != INT64_MAX) {
        int64_t left = d->silence_next_wall <= now.wall_ms ? 0 : d->silence_next_wall - now.wall_ms;
        next = now.boot_ms + left < next ? now.boot_ms + left : next;
    }
    return next;
}

/* --- configurations -------------------------------------------------------------------------------------------- */

tu_rc tu_dispatch_configure(tu_dispatch *d, const tu_config *c, tu_moment now, tu_effects *out,
                            tu_error **error) {
    tu_router *router = NULL;
    tu_rc rc = tu_router_new(&c->routing, &router, error);
    if (rc != TU_OK)
        return rc;
    enter(d, now, out);
    tu_router_free(d->router);
    d->router = router;
    d->config = c;
    size_t routes = c->routing.route_count, labels = 1;
    for (size_t k = 0; k < routes; k++)
        if (c->routing.all[k]->group_by_count > labels)
            labels = c->routing.all[k]->group_by_count;
    d->taken = tu_xrealloc(d->taken, (routes + 1) * sizeof *d->taken);
    d->wanted = tu_xrealloc(d->wanted, (routes + 1) * sizeof(tu_incident *));
    d->grouped = tu_xrealloc(d->grouped, labels * sizeof(tu_label));
    if (!d->restored)
        d->ready_ms = now.boot_ms + TU_READY_MS;
    tu_place_configure(d, now, out);
    d->restored = true;
    leave(d, now, out);
    return TU_OK;
}

/* --- alerts --------------------------------------------------------------------------------------------------------- */

static void audit_untold(tu_dispatch *d, const tu_party *p, tu_moment now, tu_effects *out) {
    _cleanup_(tu_buf_done) tu_buf why = TU_BUF_INIT(TU_LIMIT_LOG_BYTES);
    tu_dispatch_why_quiet(d, tu_str_c(p->alert->fingerprint), now, &why);
    if (why.n == 0) /* what kept it quiet ended just before it, and it hadn't been told yet */
        tu_buf_add_c(&why, "silenced or inhibited until it ended");
    out->failed = out->failed || why.rc != TU_OK;
    tu_put_audit(out, TU_S("trueup"), "alert.untold",
                 (tu_fact[]){{"alert", tu_str_c(p->alert->fingerprint), false},
                             {"incident", tu_str_c(p->incident->id), false},
                             {"why", tu_buf_str(&why), false},
                             {0}});
}

/* It ended without having been told. If it is quiet, that was all of its life that could have been told. */
static void end_quietly(tu_dispatch *d, tu_party *p, tu_moment now, tu_effects *out) {
    tu_incident *i = p->incident;
    audit_untold(d, p, now, out);
    tu_put_party(d, p, "resolved", now.wall_ms, out);
    tu_party_free(d, p);
    if (i->party_count == 0)
        tu_incident_end(d, i, (tu_str){0}, now, out);
}

static void end_alert(tu_dispatch *d, tu_entry_alert *e, const tu_alert *a, tu_moment now,
                      tu_effects *out) {
    for (tu_party *p = e->parties, *next; p; p = next) {
        next = p->next;
        int64_t until = 0;
        p->hidden = p->hidden || tu_alert_is_hidden(d, e, now);
        if (!p->told && (p->hidden || tu_incident_is_muted(p->incident, now, &until)))
            end_quietly(d, p, now, out);
    }
    e->firing = false;
    e->ended_wall = a->ended_ms ? a->ended_ms : now.wall_ms;
    tu_term_drop(d, e->ended_by);
    e->ended_by = tu_term_take(d, a->ended_by);
    e->content = a->content;
    tu_alert_sources(d, e);
    for (tu_party *p = e->parties; p; p = p->next) {
        p->hidden = false;
        tu_incident_stir(d, p->incident, now);
    }
    tu_alert_forget(d, e);
}

static void change_alert(tu_dispatch *d, tu_entry_alert *e, const tu_alert *a, tu_moment now,
                         tu_effects *out) {
    bool again = !e->firing, relabelled = !tu_pairs_are(d, &e->labels, &a->labels);
    bool changed = e->severity != a->severity || (e->content && e->content != a->content);
    e->content = a->content;
    e->severity = (uint8_t)a->severity;
    e->firing = true;
    if (relabelled)
        tu_alert_label(d, e, &a->labels);
    if (relabelled || again)
        tu_alert_sources(d, e);
    for (tu_party *p = e->parties; p; p = p->next) {
        p->told_end = false;
        if (again)
            tu_put_party(d, p, "firing", 0, out);
        if ((changed || again || relabelled) && (p->told || !p->hidden)) {
            p->incident->changed = true;
            tu_incident_touch(d, p->incident);
            tu_incident_stir(d, p->incident, now);
        }
    }
    if (relabelled || again)
        tu_alert_place(d, e, now, out);
}

void tu_dispatch_alert(tu_dispatch *d, const tu_alert *a, tu_moment now, tu_effects *out) {
    enter(d, now, out);
    tu_entry_alert *e = tu_alert_find(d, a->fingerprint);
    if (e == NULL && a->firing) {
        e = tu_alert_make(d, a->fingerprint);
        e->firing = true;
        e->severity = (uint8_t)a->severity;
        e->content = a->content;
        e->started_wall = a->started_ms;
        tu_alert_label(d, e, &a->labels);
        tu_alert_sources(d, e);
        tu_flap_count(d, e, now.boot_ms);
        tu_alert_place(d, e, now, out);
    } else if (e && a->firing) {
        change_alert(d, e, a, now, out);
    } else if (e && e->firing) {
        end_alert(d, e, a, now, out);
    }
    leave(d, now, out);
}

/* --- people ---------------------------------------------------------------------------------------------------------- */

static tu_rc find_incident(tu_dispatch *d, tu_str id, tu_incident **ret, tu_error **error) {
    size_t n = 0;
    for (tu_node *at = tu_table_any(&d->incidents, NULL); at;
         at = tu_table_any(&d->incidents, at)) {
        tu_incident *i = (tu_incident *)at;
        if (i->shell || id.n == 0 || id.n > TU_INCIDENT_ID || memcmp(i->id, id.p, id.n) != 0)
            continue;
        *ret = i;
        n++;
    }
    if (n == 1)
        return TU_OK;
    if (n > 1)
        return tu_error_set(error, TU_ECONFLICT,
                            "%zu incidents begin with '%.*s'; give more digits", n, TU_P(id));
    return tu_error_set(error, TU_ENOTFOUND,
                        "no open incident has the id '%.*s'; `trueup alert list` shows them",
                        TU_P(id));
}

static void acknowledge(tu_incident *i, tu_str who, tu_str comment, tu_moment now) {
    free((void *)i->by.p);
    free((void *)i->comment.p);
    i->by = tu_text_keep(who);
    i->comment = tu_text_keep(comment);
    if (!i->acknowledged)
        i->acknowledged_ms = now.boot_ms;
    i->acknowledged_wall = now.wall_ms;
    i->acknowledged = true;
}

tu_rc tu_dispatch_acknowledge(tu_dispatch *d, tu_str id, tu_str who, tu_str comment, bool undo,
                              tu_moment now, tu_effects *out, tu_error **error) {
    tu_incident *i = NULL;
    tu_rc rc = find_incident(d, id, &i, error);
    if (rc != TU_OK)
        return rc;
    if (undo && !i->acknowledged)
        return tu_error_set(error, TU_ENOTFOUND, "incident %s is not acknowledged", i->id);
    enter(d, now, out);
    tu_telling t = {.event = undo ? "update" : "acknowledged"};
    if (undo) {
        i->acknowledged = false;
        i->escalate_from += now.boot_ms - i->acknowledged_ms; /* that time didn't count */
        tu_incident_defer(d, i, now);
        t.note = tu_put_text(out, "the acknowledgement was taken back by %.*s", TU_P(who));
    } else {
        acknowledge(i, who, comment, now);
    }
    tu_put_audit(
        out, who, undo ? "alert.unacknowledged" : "alert.acknowledged",
        (tu_fact[]){{"incident", tu_str_c(i->id), false}, {"comment", comment, false}, {0}});
    if (i->begun)
        tu_tell(d, i, &t, now, out);
    i->updated_wall = now.wall_ms;
    tu_incident_touch(d, i);
    tu_incident_schedule(d, i);
    leave(d, now, out);
    return TU_OK;
}

/* --- what could not be delivered ----------------------------------------------------------------------------------------- */

void tu_dispatch_undeliverable(tu_dispatch *d, const tu_delivery *dead, tu_str fallback,
                               tu_moment now, tu_effects *out) {
    enter(d, now, out);
    tu_incident *i = dead->incident.n ? tu_incident_find(d, dead->incident) : NULL;
    if (i == NULL || tu_str_is(dead->kind, "resolved")) {
        tu_term t = tu_term_find(d, fallback);
        tu_told *to = i && t ? tu_incident_told(i, t) : NULL;
        if (to == NULL || !to->firing)
            tu_tell_forward(d, dead, fallback, now, out);
        leave(d, now, out);
        return;
    }
    tu_term lost = tu_term_take(d, dead->receiver), other = tu_term_take(d, fallback);
    tu_incident_invite(d, i, lost)->dead = true;
    tu_told *to = other && other != lost ? tu_incident_told(i, other) : NULL;
    /* who takes part has heard all that was lost; who is out of reach itself, too, would only play ball */
    if (other && other != lost && !(to && (to->dead || to->firing))) {
        tu_incident_invite(d, i, other);
        tu_telling t = {.event = "firing",
                        .only = other,
                        .note = tu_put_text(out, "undeliverable to %.*s", TU_P(dead->receiver))};
        tu_tell(d, i, &t, now, out);
    }
    tu_term_drop(d, lost);
    tu_term_drop(d, other);
    tu_incident_touch(d, i);
    leave(d, now, out);
}
