/*
 * alert/dispatch-forward.c: what could not be delivered of an incident that is over. The dispatcher has forgotten
 * it, so that what the fallback gets is made of the message that was lost.
 *
 * Invariants: who is told by this that the incident fired is told in the same breath that it is over; and what was
 * itself such a message isn't handed on again, so that two receivers that are both down don't play ball.
 */
#include "alert/dispatch-inside.h"
#include "base/limits.h"

static int64_t time_of(const tu_value *message, const char *key) {
    int64_t us = 0;
    return tu_time_parse(tu_value_get_string(message, key), &us) ? us / 1000 : 0;
}

static bool read_group(tu_arena *a, const tu_value *group, tu_labels *ret) {
    size_t n = tu_value_is(group, TU_MAP) ? group->map.n : 0;
    ret->items = tu_arena_alloc(a, n * sizeof *ret->items);
    for (ret->n = 0; ret->items && ret->n < n; ret->n++)
        ret->items[ret->n] = (tu_label){group->map.members[ret->n].key,
                                        tu_value_string(&group->map.members[ret->n].value)};
    return ret->items != NULL;
}

static bool read_alerts(tu_arena *a, const tu_value *alerts, bool fires, tu_snapshot *s) {
    size_t n = tu_value_count(alerts);
    s->shown = tu_arena_alloc(a, n * sizeof *s->shown);
    s->fires = tu_arena_alloc(a, n * sizeof *s->fires);
    if (s->shown == NULL || s->fires == NULL)
        return false;
    for (s->shown_count = 0; s->shown_count < n; s->shown_count++) {
        s->shown[s->shown_count] =
            tu_value_get_string(tu_value_at(alerts, s->shown_count), "fingerprint");
        s->fires[s->shown_count] = fires;
    }
    return true;
}

static tu_snapshot *snapshot_of(const tu_delivery *dead, const tu_value *message, bool fires,
                                tu_moment now, tu_effects *out) {
    tu_snapshot *s = tu_arena_zalloc(out->arena, sizeof *s);
    if (s == NULL)
        return NULL;
    const tu_value *counts = tu_value_get(message, "counts");
    size_t all = (size_t)(tu_value_integer(tu_value_get(counts, "firing"), 0) +
                          tu_value_integer(tu_value_get(counts, "resolved"), 0));
    s->incident = tu_arena_copy(out->arena, dead->incident);
    s->route = tu_value_get_string(message, "route");
    s->event = fires ? TU_S("firing") : TU_S("resolved");
    s->firing = fires;
    tu_severity_parse(tu_value_get_string(message, "severity"), &s->severity);
    s->opened_ms = time_of(message, "startsAt");
    s->updated_ms = now.wall_ms;
    s->closed_ms = fires ? 0 : now.wall_ms;
    s->firing_count = fires ? all : 0;
    s->resolved_count = fires ? 0 : all;
    const char *note = tu_arena_printf(out->arena, "undeliverable to %.*s", TU_P(dead->receiver));
    s->note = tu_str_c(note);
    bool whole = s->incident.p && note &&
                 read_group(out->arena, tu_value_get(message, "group"), &s->group) &&
                 read_alerts(out->arena, tu_value_get(message, "alerts"), fires, s);
    return whole ? s : NULL;
}

void tu_tell_forward(tu_dispatch *d, const tu_delivery *dead, tu_str fallback, tu_moment now,
                     tu_effects *out) {
    if (fallback.n == 0 || dead->incident.n == 0 || tu_str_eq(fallback, dead->receiver))
        return;
    tu_value *message = NULL;
    tu_rc rc = tu_json_parse(out->arena, dead->message, TU_JSON_COPY | TU_JSON_NO_LINES, NULL,
                             &message, NULL, NULL);
    if (rc == TU_EINTERNAL) {
        out->failed = true;
        return;
    }
    if (tu_str_starts(tu_value_get_string(message, "note"), "undeliverable to "))
        return;
    for (int fires = !tu_str_is(dead->kind, "resolved"); fires >= 0; fires--) {
        const tu_snapshot *s = snapshot_of(dead, message, fires, now, out);
        if (s == NULL) {
            out->failed = true;
            return;
        }
        tu_put_delivery(d, s, fallback, now, out);
    }
}
