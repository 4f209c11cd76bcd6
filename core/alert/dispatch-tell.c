/*
 * alert/dispatch-tell.c: effects: messages (what each shows, and who gets it), rows, and audit records.
 *
 * Invariants
 *   - A receiver is told "resolved" if and only if its last word was that the incident fires (tu_told.firing); that
 *     word changes here and nowhere else.
 *   - Everything in the effects is a copy in their arena; when that is exhausted, `failed` is set.
 *   - Counts are exact, however few alerts are shown.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "alert/dispatch-inside.h"
#include "base/limits.h"

enum { DEADLINE_MS = 24 * 60 * 60 * 1000 /* of a receiver that the configuration doesn't know */ };

/* --- rows ------------------------------------------------------------------------------------------------- */

void tu_effects_init(tu_effects *e, tu_arena *a) {
    *e = (tu_effects){.arena = a};
}

/* Room for one more of n items: when n reaches a power of two, twice as much. NULL: failed. */
static void *one_more(tu_effects *e, void *items, size_t *n, size_t size) {
    if (items == NULL || (*n & (*n - 1)) == 0) {
        void *more = tu_arena_alloc(e->arena, (*n ? *n * 2 : 1) * size);
        if (more == NULL) {
            e->failed = true;
            return NULL;
        }
        if (*n)
            memcpy(more, items, *n * size);
        items = more;
    }
    memset((char *)items + *n * size, 0, size);
    (*n)++;
    return items;
}

#define PUSH(e, list, count, ...)                                                                  \
    do {                                                                                           \
        void *items = one_more((e), (e)->list, &(e)->count, sizeof *(e)->list);                    \
        if (items) {                                                                               \
            (e)->list = items;                                                                     \
            (e)->list[(e)->count - 1] = (__VA_ARGS__);                                             \
        }                                                                                          \
    } while (0)

static tu_str copy(tu_effects *out, tu_str s) {
    tu_str c = tu_arena_copy(out->arena, s);
    if (c.p == NULL)
        out->failed = true;
    return c;
}

static tu_str copy_buf(tu_effects *out, const tu_buf *b) {
    if (b->rc != TU_OK)
        out->failed = true;
    return copy(out, tu_buf_str(b));
}

void tu_put_party(tu_dispatch *d, const tu_party *p, const char *state, int64_t left_wall,
                  tu_effects *out) {
    (void)d;
    tu_member_row row = {.incident = copy(out, tu_str_c(p->incident->id)),
                         .fingerprint = copy(out, tu_str_c(p->alert->fingerprint)),
                         .state = tu_str_c(state),
                         .told = p->told,
                         .joined_ms = p->joined_wall,
                         .left_ms = left_wall};
    PUSH(out, members, member_count, row);
}

void tu_put_told(tu_dispatch *d, const tu_incident *i, const tu_told *t, tu_effects *out) {
    tu_told_row row = {.incident = copy(out, tu_str_c(i->id)),
                       .receiver = copy(out, tu_term_text(d, t->receiver)),
                       .firing = t->firing,
                       .wall_ms = t->wall};
    PUSH(out, told, told_count, row);
}

tu_str tu_put_text(tu_effects *out, const char *format, ...) {
    _cleanup_(tu_freep) char *text = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) {
        text = NULL;
        out->failed = true;
        return (tu_str){0};
    }
    return copy(out, (tu_str){text, (size_t)n});
}

void tu_put_audit(tu_effects *out, tu_str actor, const char *action, const tu_fact *facts) {
    _cleanup_(tu_buf_done) tu_buf detail = TU_BUF_INIT(TU_LIMIT_CONFIG_BYTES);
    for (size_t k = 0; facts[k].key; k++) {
        tu_buf_addf(&detail, "%c\"%s\":", k ? ',' : '{', facts[k].key);
        if (facts[k].is_json)
            tu_buf_add(&detail, facts[k].text);
        else
            tu_buf_add_json_string(&detail, facts[k].text);
    }
    tu_buf_add_byte(&detail, '}');
    tu_audit a = {
        .actor = copy(out, actor), .action = tu_str_c(action), .detail = copy_buf(out, &detail)};
    PUSH(out, audits, audit_count, a);
}

void tu_put_incident(tu_dispatch *d, tu_incident *i, tu_effects *out) {
    if (i->shell)
        return;
    _cleanup_(tu_buf_done) tu_buf labels = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    _cleanup_(tu_buf_done) tu_buf state = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_pairs_write(d, &i->group, &labels);
    if (i->closed_wall == 0)
        tu_incident_write_state(d, i, &state);
    else
        tu_buf_add_c(&state, "{}");
    tu_incident_row row = {.id = copy(out, tu_str_c(i->id)),
                           .route = copy(out, tu_term_text(d, i->route_name)),
                           .labels = copy_buf(out, &labels),
                           .open = i->closed_wall == 0,
                           .opened_ms = i->opened_wall,
                           .updated_ms = i->updated_wall,
                           .closed_ms = i->closed_wall,
                           .state = copy_buf(out, &state)};
    PUSH(out, incidents, incident_count, row);
}

void tu_put_dirty(tu_dispatch *d, tu_effects *out) {
    for (size_t k = 0; k < d->dirty_count; k++) {
        tu_put_incident(d, d->dirty[k], out);
        d->dirty[k]->dirty = false;
    }
    d->dirty_count = 0;
}

/* --- who ------------------------------------------------------------------------------------------------------ */

tu_told *tu_incident_told(tu_incident *i, tu_term receiver) {
    for (size_t k = 0; k < i->told_count; k++)
        if (i->told[k].receiver == receiver)
            return &i->told[k];
    return NULL;
}

tu_told *tu_incident_invite(tu_dispatch *d, tu_incident *i, tu_term receiver) {
    tu_told *t = tu_incident_told(i, receiver);
    if (t)
        return t;
    i->told = tu_xrealloc(i->told, (i->told_count + 1) * sizeof *i->told);
    t = &i->told[i->told_count++];
    *t = (tu_told){.receiver = receiver};
    tu_term_again(d, receiver);
    return t;
}

/* --- what ------------------------------------------------------------------------------------------------------- */

tu_look tu_incident_look(tu_dispatch *d, tu_incident *i, tu_moment now) {
    tu_look l = {0};
    for (size_t k = 0; k < i->party_count; k++) {
        tu_party *p = i->parties[k];
        if (!p->alert->firing) {
            l.ended += !p->told_end;
            l.untold += !p->told;
            continue;
        }
        p->hidden = p->hidden || tu_alert_is_hidden(d, p->alert, now);
        if (p->hidden)
            tu_incident_list(d, i, true); /* until tu_reveal() finds otherwise */
        l.firing += p->told || !p->hidden;
        l.visible += !p->hidden;
        l.fresh += !p->told && !p->hidden;
        l.hidden += !p->told && p->hidden;
    }
    return l;
}

/* Does a message name it? What is new comes with "firing" and "update" only; hidden ones aren't there for who
 * wasn't told of them. */
static bool is_named(const tu_party *p, const tu_telling *t) {
    if (t->over)
        return p->told || !p->alert->firing || !p->hidden;
    if (p->alert->firing)
        return p->told || (t->news && !p->hidden);
    return !p->told_end && (p->told || t->news);
}

static bool fires(const tu_party *p, const tu_telling *t) {
    return !t->over && (p->alert->firing || t->as_firing);
}

/* Firing ones first, the worst of them, the newest. */
static bool is_before(const tu_party *p, const tu_party *q, const tu_telling *t) {
    const tu_entry_alert *a = p->alert, *b = q->alert;
    if (fires(p, t) != fires(q, t))
        return fires(p, t);
    if (a->severity != b->severity)
        return a->severity > b->severity;
    if (a->started_wall != b->started_wall)
        return a->started_wall > b->started_wall;
    return strcmp(a->fingerprint, b->fingerprint) < 0;
}

/* Keeps the first `room` of all, in order, in best. */
static size_t keep_best(tu_party **best, size_t n, size_t room, tu_party *p, const tu_telling *t) {
    if (n == room && !is_before(p, best[n - 1], t))
        return n;
    size_t at = n < room ? n : n - 1;
    for (; at > 0 && is_before(p, best[at - 1], t); at--)
        best[at] = best[at - 1];
    best[at] = p;
    return n < room ? n + 1 : n;
}

static tu_labels copy_pairs(const tu_dispatch *d, const tu_pairs *p, tu_effects *out) {
    tu_labels l = {tu_arena_alloc(out->arena, p->n * sizeof *l.items), p->n};
    if (l.items == NULL) {
        out->failed = true;
        return (tu_labels){0};
    }
    for (size_t k = 0; k < p->n; k++) {
        l.items[k].key = copy(out, tu_term_text(d, p->items[k].key));
        l.items[k].value = copy(out, tu_term_text(d, p->items[k].value));
    }
    return l;
}

/* The words of verdicts as terms, found once for many alerts. */
typedef struct verdict_terms {
    tu_term key, names[TU_VERDICT_COUNT];
} verdict_terms;

static verdict_terms find_verdicts(const tu_dispatch *d) {
    verdict_terms v = {.key = tu_term_find(d, TU_S("verdict"))};
    for (size_t i = 0; i < TU_VERDICT_COUNT; i++)
        v.names[i] = tu_term_find(d, tu_str_c(tu_verdict_name((tu_verdict)i)));
    return v;
}

static void count_verdict(const verdict_terms *v, const tu_party *p, tu_snapshot *s) {
    tu_term name = v->key ? tu_pairs_get(&p->alert->labels, v->key) : 0;
    for (size_t i = 0; name && i < TU_VERDICT_COUNT; i++)
        s->verdicts[i] += v->names[i] == name;
}

/* Counts, and the alerts to show. */
static void survey(tu_dispatch *d, tu_incident *i, const tu_telling *t, tu_snapshot *s,
                   tu_effects *out) {
    size_t room = 20, n = 0;
    if (d->config && d->config->routing.alerts_per_message > 0)
        room = (size_t)d->config->routing.alerts_per_message;
    if (room > i->party_count)
        room = i->party_count;
    _cleanup_(tu_freep) tu_party **best = tu_xmalloc((room + 1) * sizeof *best);
    tu_severity worst = TU_SEVERITY_INFO, worst_firing = TU_SEVERITY_INFO;
    const verdict_terms verdicts = find_verdicts(d);
    s->resolved_count = i->resolved;
    for (size_t k = 0; k < i->party_count; k++) {
        tu_party *p = i->parties[k];
        bool named = is_named(p, t);
        if (fires(p, t) && named) {
            s->firing_count++;
            count_verdict(&verdicts, p, s);
        } else if (named || p->told_end) {
            s->resolved_count++;
        }
        if (!named)
            continue;
        s->introduces |= !p->told;
        tu_severity severity = (tu_severity)p->alert->severity;
        worst = severity > worst ? severity : worst;
        if (fires(p, t) && severity > worst_firing)
            worst_firing = severity;
        n = room ? keep_best(best, n, room, p, t) : 0;
    }
    if (s->firing_count > 0)
        i->worst = worst_firing;
    s->severity = i->begun || s->firing_count > 0 ? i->worst : worst;
    s->shown = tu_arena_alloc(out->arena, n * sizeof *s->shown);
    s->fires = tu_arena_alloc(out->arena, n * sizeof *s->fires);
    if (s->shown == NULL || s->fires == NULL) {
        out->failed = true;
        return;
    }
    for (size_t k = 0; k < n; k++) {
        s->shown[k] = copy(out, tu_str_c(best[k]->alert->fingerprint));
        s->fires[k] = fires(best[k], t);
    }
    s->shown_count = n;
}

static tu_snapshot *snapshot(tu_dispatch *d, tu_incident *i, const tu_telling *t, tu_moment now,
                             tu_effects *out) {
    tu_snapshot *s = tu_arena_zalloc(out->arena, sizeof *s);
    if (s == NULL) {
        out->failed = true;
        return NULL;
    }
    s->incident = copy(out, tu_str_c(i->id));
    s->route = copy(out, tu_term_text(d, i->route_name));
    s->group = copy_pairs(d, &i->group, out);
    s->event = tu_str_c(t->event);
    s->firing = !t->over;
    s->opened_ms = i->opened_wall;
    s->updated_ms = now.wall_ms;
    s->closed_ms = t->over ? now.wall_ms : 0;
    s->escalation_step = t->step;
    s->note = copy(out, t->note);
    if (i->acknowledged) {
        s->acknowledged_by = copy(out, i->by);
        s->acknowledged_comment = copy(out, i->comment);
    }
    survey(d, i, t, s, out);
    return s;
}

static int64_t deadline_of(const tu_dispatch *d, tu_str receiver) {
    const tu_use *use = d->config ? tu_config_notifier(d->config, receiver) : NULL;
    return use && use->deadline_ms > 0 ? use->deadline_ms : DEADLINE_MS;
}

void tu_put_delivery(tu_dispatch *d, const tu_snapshot *s, tu_str receiver, tu_moment now,
                     tu_effects *out) {
    tu_delivery row = {.incident = s->incident,
                       .receiver = copy(out, receiver),
                       .kind = s->event,
                       .introduces = s->introduces && tu_str_is(s->event, "update"),
                       .next_ms = now.wall_ms,
                       .created_ms = now.wall_ms,
                       .expires_ms = now.wall_ms + deadline_of(d, receiver),
                       .snapshot = s};
    PUSH(out, deliveries, delivery_count, row);
}

static void deliver(tu_dispatch *d, tu_incident *i, tu_told *to, const tu_snapshot *s,
                    tu_moment now, tu_effects *out) {
    tu_put_delivery(d, s, tu_term_text(d, to->receiver), now, out);
    to->firing = s->firing;
    to->wall = now.wall_ms;
    tu_put_told(d, i, to, out);
}

void tu_tell(tu_dispatch *d, tu_incident *i, const tu_telling *t, tu_moment now, tu_effects *out) {
    tu_snapshot *s = NULL;
    for (size_t k = 0; k < i->told_count; k++) {
        tu_told *to = &i->told[k];
        bool addressed = t->only ? to->receiver == t->only : to->firing || !i->begun;
        if (!addressed || (t->over && !to->firing))
            continue;
        if (s == NULL && (s = snapshot(d, i, t, now, out)) == NULL)
            return;
        deliver(d, i, to, s, now, out);
    }
    if (s == NULL && !t->over) { /* nobody is told; what is known of it is kept all the same */
        tu_snapshot none = {0};
        survey(d, i, t, &none, out);
    }
}
