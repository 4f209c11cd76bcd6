/*
 * alert/dispatch-restore.c: the dispatcher's state as rows, and back.
 *
 * What must survive a crash stands in rows: members (told or not), receivers (what they were told last), and in an
 * incident's `state` its times, its acknowledgement and its steps:
 *
 *   {"receiver":"chat","single":"<fingerprint>","begun":true,"changed":true,"flush":<wall>,"last":<wall>,
 *    "escalateFrom":<wall>,"escalated":1,"calm":<wall>,"flaps":6,"worst":"critical","note":"...",
 *    "acknowledged":{"by":"...","comment":"...","at":<wall>},"dead":["chat"]}
 *
 * Invariant: a time that comes back lies at most its own interval ahead, however the clock was turned meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>

#include "alert/dispatch-inside.h"
#include "base/limits.h"

/* --- out --------------------------------------------------------------------------------------------------- */

void tu_pairs_write(const tu_dispatch *d, const tu_pairs *p, tu_buf *out) {
    tu_buf_add_byte(out, '{');
    for (size_t k = 0; k < p->n; k++) {
        if (k)
            tu_buf_add_byte(out, ',');
        tu_buf_add_json_string(out, tu_term_text(d, p->items[k].key));
        tu_buf_add_byte(out, ':');
        tu_buf_add_json_string(out, tu_term_text(d, p->items[k].value));
    }
    tu_buf_add_byte(out, '}');
}

static void add_text(tu_buf *out, const char *key, tu_str text) {
    if (text.n == 0)
        return;
    tu_buf_addf(out, ",\"%s\":", key);
    tu_buf_add_json_string(out, text);
}

/* A boot time as wall time. */
static void add_time(const tu_dispatch *d, tu_buf *out, const char *key, int64_t boot_ms) {
    if (boot_ms != TU_NEVER && boot_ms != INT64_MIN)
        tu_buf_addf(out, ",\"%s\":%lld", key,
                    (long long)(boot_ms - d->last.boot_ms + d->last.wall_ms));
}

/* Receivers that something could not be delivered to. */
static void add_dead(const tu_dispatch *d, const tu_incident *i, tu_buf *out) {
    size_t n = 0;
    for (size_t k = 0; k < i->told_count; k++) {
        if (!i->told[k].dead)
            continue;
        tu_buf_add_c(out, n++ ? "," : ",\"dead\":[");
        tu_buf_add_json_string(out, tu_term_text(d, i->told[k].receiver));
    }
    if (n)
        tu_buf_add_byte(out, ']');
}

void tu_incident_write_state(const tu_dispatch *d, const tu_incident *i, tu_buf *out) {
    tu_buf_addf(out, "{\"worst\":\"%s\"", tu_severity_name(i->worst));
    add_text(out, "receiver", tu_term_text(d, i->receiver));
    add_text(out, "single", tu_term_text(d, i->single));
    if (i->begun)
        tu_buf_add_c(out, ",\"begun\":true");
    if (i->changed)
        tu_buf_add_c(out, ",\"changed\":true");
    add_time(d, out, "flush", i->flush_ms);
    add_time(d, out, "last", i->last_ms);
    if (i->begun)
        add_time(d, out, "escalateFrom", i->escalate_from);
    if (i->escalated)
        tu_buf_addf(out, ",\"escalated\":%zu", i->escalated);
    if (i->calm_ms > d->last.boot_ms) {
        add_time(d, out, "calm", i->calm_ms);
        tu_buf_addf(out, ",\"flaps\":%zu", i->flaps);
    }
    add_text(out, "note", i->note);
    if (i->acknowledged) {
        tu_buf_addf(out, ",\"acknowledged\":{\"at\":%lld", (long long)i->acknowledged_wall);
        add_text(out, "by", i->by);
        add_text(out, "comment", i->comment);
        tu_buf_add_byte(out, '}');
    }
    add_dead(d, i, out);
    tu_buf_add_byte(out, '}');
}

/* --- back ----------------------------------------------------------------------------------------------------- */

static tu_rc read_labels(tu_arena *a, tu_str text, tu_labels *ret) {
    tu_value *v = NULL;
    tu_rc rc = tu_json_parse(a, text, TU_JSON_NO_LINES, NULL, &v, NULL, NULL);
    if (rc != TU_OK)
        return rc;
    size_t n = tu_value_is(v, TU_MAP) ? v->map.n : 0;
    ret->items = tu_arena_alloc(a, n * sizeof *ret->items);
    if (ret->items == NULL)
        return TU_EINTERNAL;
    for (ret->n = 0; ret->n < n; ret->n++)
        ret->items[ret->n] =
            (tu_label){v->map.members[ret->n].key, tu_value_string(&v->map.members[ret->n].value)};
    return TU_OK;
}

tu_rc tu_dispatch_restore_alert(void *arg, const tu_alert_row *row) {
    tu_dispatch *d = arg;
    _cleanup_(tu_arena_done) tu_arena a;
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    tu_labels labels = {0};
    tu_rc rc = read_labels(&a, row->labels, &labels);
    if (rc != TU_OK)
        return rc;
    if (tu_alert_find(d, row->fingerprint))
        return TU_OK;
    tu_entry_alert *e = tu_alert_make(d, row->fingerprint);
    e->firing = row->firing;
    e->severity = (uint8_t)row->severity;
    e->started_wall = row->started_ms;
    e->ended_wall = row->ended_ms;
    tu_alert_label(d, e, &labels);
    return TU_OK;
}

void tu_dispatch_recall(tu_dispatch *d, tu_str fingerprint, uint64_t content) {
    tu_entry_alert *e = tu_alert_find(d, fingerprint);
    if (e)
        e->content = content;
}

static tu_told *told_of(tu_dispatch *d, tu_incident *i, tu_str receiver) {
    tu_term t = tu_term_take(d, receiver);
    tu_told *told = tu_incident_invite(d, i, t);
    tu_term_drop(d, t);
    return told;
}

static int64_t number(const tu_value *v, const char *key) {
    return tu_value_integer(tu_value_get(v, key), 0);
}

static void read_state(tu_dispatch *d, tu_incident *i, const tu_value *v) {
    i->receiver = tu_term_take(d, tu_value_get_string(v, "receiver"));
    i->begun = tu_value_boolean(tu_value_get(v, "begun"), false);
    i->changed = tu_value_boolean(tu_value_get(v, "changed"), false);
    i->flush_wall = number(v, "flush");
    i->last_wall = number(v, "last");
    i->escalate_wall = number(v, "escalateFrom");
    i->escalated = (size_t)number(v, "escalated");
    i->calm_wall = number(v, "calm");
    i->flaps = (size_t)number(v, "flaps");
    tu_severity_parse(tu_value_get_string(v, "worst"), &i->worst);
    if (tu_value_get(v, "note"))
        i->note = tu_text_keep(tu_value_get_string(v, "note"));
    const tu_value *ack = tu_value_get(v, "acknowledged");
    if (ack) {
        i->acknowledged = true;
        i->acknowledged_wall = number(ack, "at");
        i->by = tu_text_keep(tu_value_get_string(ack, "by"));
        i->comment = tu_text_keep(tu_value_get_string(ack, "comment"));
    }
    const tu_value *dead = tu_value_get(v, "dead");
    for (size_t k = 0; k < tu_value_count(dead); k++)
        told_of(d, i, tu_value_string(tu_value_at(dead, k)))->dead = true;
}

tu_rc tu_dispatch_restore_incident(void *arg, const tu_incident_row *row) {
    tu_dispatch *d = arg;
    if (!row->open || tu_incident_find(d, row->id))
        return TU_OK;
    _cleanup_(tu_arena_done) tu_arena a;
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    tu_labels labels = {0};
    tu_value *state = NULL;
    tu_rc rc = read_labels(&a, row->labels, &labels);
    if (rc == TU_OK)
        rc = tu_json_parse(&a, row->state, TU_JSON_NO_LINES, NULL, &state, NULL, NULL);
    if (rc != TU_OK)
        return rc;
    tu_incident *i = tu_incident_new(d, row->id, row->route, tu_value_get_string(state, "single"),
                                     tu_pairs_take(d, &labels));
    i->opened_wall = row->opened_ms;
    i->updated_wall = row->updated_ms;
    read_state(d, i, state);
    return TU_OK;
}

tu_rc tu_dispatch_restore_member(void *arg, const tu_member_row *row) {
    tu_dispatch *d = arg;
    tu_incident *i = tu_incident_find(d, row->incident);
    tu_entry_alert *a = tu_alert_find(d, row->fingerprint);
    if (i == NULL)
        return TU_OK;
    bool ended = tu_str_is(row->state, "resolved");
    if (a == NULL || (ended && !row->told) || tu_str_is(row->state, "moved")) {
        i->resolved += ended && row->told; /* it is counted, and that is all */
        return TU_OK;
    }
    tu_party *p = tu_party_new(d, i, a);
    p->told = row->told;
    p->told_end = ended;
    p->joined_wall = row->joined_ms;
    return TU_OK;
}

tu_rc tu_dispatch_restore_told(void *arg, const tu_told_row *row) {
    tu_dispatch *d = arg;
    tu_incident *i = tu_incident_find(d, row->incident);
    if (i == NULL && !row->firing)
        return TU_OK;
    if (i ==
        NULL) { /* it is over, and this receiver doesn't know: the first configuration tells it */
        i = tu_incident_new(d, row->incident, (tu_str){0}, row->incident, (tu_pairs){0});
        i->shell = i->begun = true;
        i->opened_wall = row->wall_ms;
    }
    tu_told *t = told_of(d, i, row->receiver);
    t->firing = row->firing;
    t->wall = row->wall_ms;
    return TU_OK;
}

/* --- times ------------------------------------------------------------------------------------------------------ */

static int64_t ahead(int64_t wall, int64_t at_most, tu_moment now) {
    int64_t left = wall - now.wall_ms;
    return now.boot_ms + (left < 0 ? 0 : left > at_most ? at_most : left);
}

/* A time in the past; a clock that was turned back since makes it now. */
static int64_t past(int64_t wall, tu_moment now) {
    int64_t since = now.wall_ms - wall;
    return now.boot_ms - (since < 0 ? 0 : since);
}

/* What is on its way comes at the latest after what its route asks for now. */
void tu_incident_bound(tu_incident *i, tu_moment now) {
    if (i->flush_ms == TU_NEVER || i->route == NULL)
        return;
    int64_t most = i->route->group_interval_ms * (i->calm_ms > now.boot_ms ? TU_FLAP_FACTOR : 1);
    int64_t wait = i->route->group_wait_ms;
    int64_t latest = now.boot_ms + (most > wait ? most : wait);
    i->flush_ms = i->flush_ms < latest ? i->flush_ms : latest;
}

void tu_incident_wake(tu_dispatch *d, tu_incident *i, tu_moment now) {
    if (i->begun)
        i->last_ms = past(i->last_wall, now);
    if (i->begun)
        i->escalate_from = past(i->escalate_wall, now);
    if (i->acknowledged)
        i->acknowledged_ms = past(i->acknowledged_wall, now);
    if (i->calm_wall)
        i->calm_ms = ahead(i->calm_wall, TU_FLAP_WINDOW_MS, now);
    if (i->flush_wall && i->route)
        i->flush_ms = ahead(i->flush_wall, TU_NEVER / 2, now);
    /* Where no message was on its way, who wasn't told of was hidden, and is so until it is looked at again. */
    for (size_t k = 0; k < i->party_count && i->flush_ms == TU_NEVER; k++) {
        tu_party *p = i->parties[k];
        if (!p->alert->firing && !p->told_end)
            i->flush_ms = now.boot_ms;
        if (p->alert->firing && !p->told) {
            p->hidden = true;
            tu_incident_list(d, i, true);
            d->reveal_ms = now.boot_ms + TU_REVEAL_MS;
        }
    }
}
