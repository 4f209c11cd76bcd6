/*
 * alert/labels.c: the labels by which routes, silences and inhibitions know an alert.
 *
 * Invariants: sorted by key, no key twice, none empty. A name that is taken keeps its first meaning:
 * trueup's own words, then the rule's (spec.alert.labels), then the object's labels and annotations
 * that the Routing allows. So nobody who may label an object can pass it off as another rule's.
 */
#include <stdlib.h>

#include "alert/body.h"
#include "base/limits.h"
#include "base/mem.h"
#include "value/json.h"

typedef struct collection {
    tu_arena *arena;
    tu_label *items;
    size_t n, room;
    bool failed;
} collection;

static bool has(const collection *c, tu_str key) {
    for (size_t i = 0; i < c->n; i++)
        if (tu_str_eq(c->items[i].key, key))
            return true;
    return false;
}

static bool make_room(collection *c) {
    if (c->n < c->room)
        return true;
    size_t room = c->room ? c->room * 2 : 24;
    tu_label *items = tu_arena_alloc(c->arena, room * sizeof *items);
    if (!items)
        return false;
    if (c->n)
        memcpy(items, c->items, c->n * sizeof *items);
    c->items = items;
    c->room = room;
    return true;
}

static void add(collection *c, tu_str key, tu_str value) {
    if (!value.n || !key.n || has(c, key))
        return;
    if (!make_room(c)) {
        c->failed = true;
        return;
    }
    tu_label *l = &c->items[c->n++];
    *l = (tu_label){tu_arena_copy(c->arena, key), tu_arena_copy(c->arena, value)};
    c->failed = c->failed || !l->key.p || !l->value.p;
}

static int by_key(const void *a, const void *b) {
    return tu_str_compare(((const tu_label *)a)->key, ((const tu_label *)b)->key);
}

static bool finish(collection *c, tu_labels *ret) {
    if (c->n)
        qsort(c->items, c->n, sizeof *c->items, by_key);
    *ret = (tu_labels){c->items, c->n};
    return !c->failed;
}

/* --- of a drift ------------------------------------------------------------------------------- */

/* The kinds of its changes, in the order of their names, each once: "added,value". */
static void add_change_kinds(collection *c, const tu_value *changes) {
    static const char *const sorted[TU_CHANGE_COUNT] = {"added",     "duplicate", "order",
                                                        "ownership", "removed",   "value"};
    _cleanup_(tu_buf_done) tu_buf kinds = TU_BUF_INIT(4 * TU_KIB);
    for (size_t k = 0; k < TU_CHANGE_COUNT; k++)
        for (size_t i = 0; i < tu_value_count(changes); i++)
            if (tu_str_is(tu_value_get_string(tu_value_at(changes, i), "change"), sorted[k])) {
                tu_buf_add_c(&kinds, kinds.n ? "," : "");
                tu_buf_add_c(&kinds, sorted[k]);
                break;
            }
    add(c, TU_S("change"), tu_buf_str(&kinds));
}

/* The one that matters most; of several the first. */
static const tu_value *strongest_change(const tu_value *changes) {
    const tu_value *best = NULL;
    int best_weight = -1;
    for (size_t i = 0; i < tu_value_count(changes); i++) {
        const tu_value *change = tu_value_at(changes, i);
        tu_action action = TU_ACTION_IGNORE;
        tu_severity severity = TU_SEVERITY_INFO;
        tu_action_parse(tu_value_get_string(change, "action"), &action);
        tu_severity_parse(tu_value_get_string(change, "severity"), &severity);
        int weight = (int)severity * 8 + (int)action;
        if (weight > best_weight) {
            best = change;
            best_weight = weight;
        }
    }
    return best;
}

/* Of the object's labels or annotations, those that are allowed. */
static void add_allowed(collection *c, const tu_value *map, const tu_words *allowed) {
    for (size_t i = 0; allowed->n && tu_value_is(map, TU_MAP) && i < tu_value_count(map); i++) {
        const tu_member *m = &map->map.members[i];
        if (m->value.type == TU_STRING && tu_words_match(allowed, m->key))
            add(c, m->key, m->value.string);
    }
}

bool tu_alert_labels(tu_arena *a, const tu_alert_about *about, tu_labels *ret) {
    const tu_drift *d = about->drift;
    const tu_value *changes = tu_value_get(about->finding, "changes");
    const tu_value *owner = tu_value_get(strongest_change(changes), "owner");
    collection c = {.arena = a};
    add(&c, TU_S("about"), TU_S("drift"));
    add(&c, TU_S("rule"), d->rule);
    add(&c, TU_S("target"), d->target);
    add(&c, TU_S("kind"), d->object.kind);
    add(&c, TU_S("group"), d->object.group);
    add(&c, TU_S("namespace"), d->object.namespace_);
    add(&c, TU_S("name"), d->object.name);
    add(&c, TU_S("verdict"), tu_str_c(tu_verdict_name(d->verdict)));
    add_change_kinds(&c, changes);
    add(&c, TU_S("severity"), tu_str_c(tu_severity_name(d->severity)));
    add(&c, TU_S("manager"), tu_value_get_string(owner, "manager"));
    if (tu_value_get_string(owner, "manager").n)
        add(&c, TU_S("class"), tu_value_get_string(owner, "class"));
    add(&c, TU_S("source"), about->source);
    for (size_t i = 0; about->rule && i < about->rule->label_count; i++)
        add(&c, about->rule->labels[i].key, about->rule->labels[i].value);
    if (about->object && about->routing) {
        const tu_value *metadata = tu_value_get(about->object, "metadata");
        add_allowed(&c, tu_value_get(metadata, "labels"), &about->routing->object_labels);
        add_allowed(&c, tu_value_get(metadata, "annotations"), &about->routing->object_annotations);
    }
    return finish(&c, ret);
}

/* --- of a trouble ----------------------------------------------------------------------------- */

bool tu_alert_trouble_labels(tu_arena *a, const tu_alert_trouble *t, tu_labels *ret) {
    collection c = {.arena = a};
    add(&c, TU_S("about"), TU_S("trueup"));
    add(&c, TU_S("problem"), t->problem);
    add(&c, TU_S("name"), t->name);
    add(&c, TU_S("severity"), tu_str_c(tu_severity_name(t->severity)));
    add(&c, TU_S("rule"), t->rule);
    add(&c, TU_S("target"), t->target);
    add(&c, TU_S("source"), t->source);
    add(&c, TU_S("receiver"), t->receiver);
    return finish(&c, ret);
}

/* --- as JSON ---------------------------------------------------------------------------------- */

void tu_alert_labels_json(tu_buf *out, const tu_labels *labels) {
    tu_buf_add_byte(out, '{');
    for (size_t i = 0; i < labels->n; i++) {
        tu_buf_add_c(out, i ? "," : "");
        tu_buf_add_json_string(out, labels->items[i].key);
        tu_buf_add_byte(out, ':');
        tu_buf_add_json_string(out, labels->items[i].value);
    }
    tu_buf_add_byte(out, '}');
}

bool tu_alert_labels_read(tu_arena *a, tu_str json, tu_labels *ret) {
    tu_value *v = NULL;
    *ret = (tu_labels){0};
    if (!json.n)
        return true;
    if (tu_json_parse(a, json, TU_JSON_COPY | TU_JSON_NO_LINES, NULL, &v, NULL, NULL) != TU_OK ||
        !tu_value_is(v, TU_MAP))
        return false;
    collection c = {.arena = a};
    for (size_t i = 0; i < tu_value_count(v); i++)
        if (v->map.members[i].value.type == TU_STRING)
            add(&c, v->map.members[i].key, v->map.members[i].value.string);
    return finish(&c, ret);
}
