/*
 * alert/dispatch-quiet.c: what keeps an alert quiet: silences, alerts that inhibit it, and mute times of its
 * route.
 *
 * Invariants
 *   - A silence that ended stays ended, whatever the clock says afterwards.
 *   - An alert doesn't inhibit itself, nor one that inhibits it, directly or through others: alerts in a circle are
 *     all told. While the search for a circle costs too much, alerts are told, too.
 *   - An inhibition needs all labels of `equal` on both sides.
 *   - What an alert inhibits is found by a hash of the rule and the `equal` labels: there is no scan over alerts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "alert/dispatch-inside.h"
#include "base/limits.h"

/* --- silences -------------------------------------------------------------------------------------------- */

static bool is_in_force(const tu_silence *s) {
    return s->begun && !s->ended;
}

static const tu_silence *silenced(tu_dispatch *d, tu_entry_alert *a) {
    if (d->silence_count == 0)
        return NULL;
    if (a->silence_version == d->silence_version)
        return a->silence;
    a->silence = NULL;
    a->silence_version = d->silence_version;
    tu_labels labels = tu_pairs_see(d, &a->labels);
    for (size_t k = 0; k < d->silence_count && a->silence == NULL; k++)
        if (is_in_force(d->silences[k]) && tu_matchers_match(&d->silences[k]->matchers, &labels))
            a->silence = d->silences[k];
    return a->silence;
}

static void silence_free(tu_silence *s) {
    tu_arena_done(&s->arena);
    free(s);
}

static void renumber(tu_dispatch *d) {
    d->silence_version += d->silence_version == UINT32_MAX ? 2 : 1; /* 0: never asked */
}

/* The matchers of a silence: all are needed, and something must be said. */
static tu_rc parse_matchers(tu_silence *s, tu_str text, tu_error **error) {
    tu_value *list = NULL;
    tu_rc rc = tu_json_parse(&s->arena, text, TU_JSON_COPY, NULL, &list, NULL, error);
    if (rc != TU_OK)
        return rc;
    size_t n = tu_value_is(list, TU_LIST) ? tu_value_count(list) : 0;
    bool says_something = false;
    s->matchers.items = tu_arena_zalloc(&s->arena, (n + 1) * sizeof *s->matchers.items);
    if (s->matchers.items == NULL)
        return tu_error_memory(error);
    for (size_t k = 0; k < n; k++) {
        tu_matcher *m = &s->matchers.items[s->matchers.n++];
        rc = tu_matcher_parse(&s->arena, tu_value_string(tu_value_at(list, k)), m, NULL, error);
        if (rc != TU_OK) {
            tu_error_context(error, "matcher %zu of the silence", k + 1);
            return rc; /* error may be NULL */
        }
        says_something = says_something || !tu_matcher_match(m, (tu_str){0});
    }
    if (!says_something)
        return tu_error_set(error, TU_EINVALID,
                            "the silence would match every alert; name a label with a value, as in "
                            "namespace = shop");
    return TU_OK;
}

static tu_rc silence_new(const tu_silence_row *row, tu_silence **ret, tu_error **error) {
    tu_silence *s = tu_xcalloc(1, sizeof *s);
    tu_arena_init(&s->arena, TU_LIMIT_CONFIG_BYTES);
    snprintf(s->id, sizeof s->id, "%.*s", TU_P(row->id));
    s->starts_wall = row->starts_ms;
    s->ends_wall = row->ends_ms;
    s->created_wall = row->created_ms;
    s->text = tu_arena_copy(&s->arena, row->matchers);
    s->author = tu_arena_copy(&s->arena, row->author);
    s->comment = tu_arena_copy(&s->arena, row->comment);
    tu_rc rc = s->text.p && s->author.p && s->comment.p ? parse_matchers(s, s->text, error)
                                                        : tu_error_memory(error);
    if (rc == TU_OK)
        *ret = s;
    else
        silence_free(s);
    return rc;
}

static void add_silence(tu_dispatch *d, tu_silence *s) {
    if (d->silence_count == d->silence_room) {
        d->silence_room = d->silence_room ? d->silence_room * 2 : 8;
        d->silences = tu_xrealloc(d->silences, d->silence_room * sizeof(tu_silence *));
    }
    d->silences[d->silence_count++] = s;
    d->silence_next_wall = INT64_MIN;
}

tu_rc tu_dispatch_restore_silence(void *arg, const tu_silence_row *row) {
    tu_silence *s = NULL;
    tu_rc rc = silence_new(row, &s, NULL);
    if (rc == TU_OK)
        add_silence(arg, s);
    return rc;
}

static void audit_silence(const tu_silence *s, tu_str actor, const char *action, tu_effects *out) {
    char starts[32], ends[32];
    tu_time_format(s->starts_wall, starts);
    tu_time_format(s->ends_wall, ends);
    tu_put_audit(out, actor, action,
                 (tu_fact[]){{"silence", tu_str_c(s->id), false},
                             {"matchers", s->text, true},
                             {"starts", tu_str_c(starts), false},
                             {"ends", tu_str_c(ends), false},
                             {"author", s->author, false},
                             {"comment", s->comment, false},
                             {0}});
}

/* Begins and ends what is due. */
void tu_silences_tick(tu_dispatch *d, tu_moment now, tu_effects *out) {
    if (d->silence_count == 0 || now.wall_ms < d->silence_next_wall)
        return;
    d->silence_next_wall = INT64_MAX;
    for (size_t k = 0; k < d->silence_count;) {
        tu_silence *s = d->silences[k];
        if (s->ends_wall <= now.wall_ms || s->ended) {
            if (!s->ended)
                audit_silence(s, TU_S("trueup"), "silence.ended", out);
            d->silences[k] = d->silences[--d->silence_count];
            silence_free(s);
            renumber(d);
            d->reveal_ms = now.boot_ms;
            continue;
        }
        if (!s->begun && s->starts_wall <= now.wall_ms) {
            s->begun = true;
            renumber(d);
        }
        int64_t next = s->begun ? s->ends_wall : s->starts_wall;
        d->silence_next_wall = next < d->silence_next_wall ? next : d->silence_next_wall;
        k++;
    }
}

tu_rc tu_dispatch_silence(tu_dispatch *d, const tu_silence_row *row, tu_moment now, tu_effects *out,
                          tu_error **error) {
    tu_dispatch_tick(d, now, out);
    for (size_t k = 0; k < d->silence_count; k++) {
        tu_silence *s = d->silences[k];
        if (!tu_str_is(row->id, s->id))
            continue;
        if (row->ends_ms > now.wall_ms) {
            s->ends_wall = row->ends_ms;
            audit_silence(s, row->author, "silence.changed", out);
        } else {
            s->ends_wall = row->ends_ms;
            audit_silence(s, row->author, "silence.ended", out);
            s->ended = true;
        }
        d->silence_next_wall = INT64_MIN;
        tu_dispatch_tick(d, now, out);
        return TU_OK;
    }
    if (row->ends_ms <= now.wall_ms)
        return tu_error_set(error, TU_ENOTFOUND, "there is no silence '%.*s' in force",
                            TU_P(row->id));
    if (row->ends_ms <= row->starts_ms)
        return tu_error_set(error, TU_EINVALID, "the silence would end before it starts");
    if (d->silence_count >= TU_LIMIT_SILENCES)
        return tu_error_set(error, TU_EREFUSED,
                            "there are %u silences (TU_LIMIT_SILENCES); end some first",
                            TU_LIMIT_SILENCES);
    tu_silence *s = NULL;
    tu_rc rc = silence_new(row, &s, error);
    if (rc != TU_OK)
        return rc;
    add_silence(d, s);
    audit_silence(s, row->author, "silence.made", out);
    tu_dispatch_tick(d, now, out);
    return TU_OK;
}

void tu_dispatch_silences(const tu_dispatch *d, void (*each)(void *arg, const tu_silence_row *s),
                          void *arg) {
    for (size_t k = 0; k < d->silence_count; k++) {
        const tu_silence *s = d->silences[k];
        tu_silence_row row = {.id = tu_str_c(s->id),
                              .matchers = s->text,
                              .starts_ms = s->starts_wall,
                              .ends_ms = s->ends_wall,
                              .created_ms = s->created_wall,
                              .author = s->author,
                              .comment = s->comment};
        each(arg, &row);
    }
}

/* --- inhibition --------------------------------------------------------------------------------------------- */

/* False: a label is missing. */
static bool equal_hash(const tu_dispatch *d, size_t rule, const tu_entry_alert *a, uint64_t *ret) {
    uint64_t hash = rule + 1;
    for (size_t k = 0; k < d->rules[rule].rule->equal_count; k++) {
        tu_term value = tu_pairs_get(&a->labels, d->rules[rule].equal[k]);
        if (value == 0)
            return false;
        hash = tu_hash64_seed((tu_str){(const char *)&value, sizeof value}, hash);
    }
    *ret = hash;
    return true;
}

static bool are_equal(const tu_dispatch *d, size_t rule, const tu_entry_alert *a,
                      const tu_entry_alert *b) {
    for (size_t k = 0; k < d->rules[rule].rule->equal_count; k++) {
        tu_term key = d->rules[rule].equal[k];
        if (tu_pairs_get(&a->labels, key) != tu_pairs_get(&b->labels, key))
            return false;
    }
    return true;
}

static tu_bucket *bucket_of(const tu_dispatch *d, size_t rule, uint64_t hash) {
    for (tu_node *n = tu_table_first(&d->buckets, hash); n; n = tu_table_after(n))
        if (((tu_bucket *)n)->rule == rule)
            return (tu_bucket *)n;
    return NULL;
}

static void add_source(tu_dispatch *d, size_t rule, uint64_t hash, tu_entry_alert *a) {
    tu_bucket *b = bucket_of(d, rule, hash);
    if (b == NULL) {
        b = tu_xcalloc(1, sizeof *b);
        b->rule = rule;
        tu_table_add(&d->buckets, &b->node, hash);
    }
    tu_source_node *n = tu_xcalloc(1, sizeof *n);
    *n = (tu_source_node){.alert = a, .bucket = b, .next = b->first, .more = a->sources};
    if (b->first)
        b->first->previous = n;
    b->first = n;
    a->sources = n;
}

static void drop_sources(tu_dispatch *d, tu_entry_alert *a) {
    while (a->sources) {
        tu_source_node *n = a->sources;
        a->sources = n->more;
        if (n->next)
            n->next->previous = n->previous;
        if (n->previous)
            n->previous->next = n->next;
        else
            n->bucket->first = n->next;
        if (n->bucket->first == NULL) {
            tu_table_remove(&d->buckets, &n->bucket->node);
            free(n->bucket);
        }
        free(n);
    }
}

static bool is_target(const tu_entry_alert *a, size_t rule) {
    return a->inhibited && (a->inhibited[rule / 64] >> (rule % 64) & 1);
}

static bool is_source(const tu_entry_alert *a, size_t rule) {
    for (const tu_source_node *n = a->sources; n; n = n->more)
        if (n->bucket->rule == rule)
            return true;
    return false;
}

void tu_alert_sources(tu_dispatch *d, tu_entry_alert *a) {
    bool was_source = a->sources != NULL;
    drop_sources(d, a);
    free(a->inhibited);
    a->inhibited = NULL;
    tu_labels labels = a->firing && d->rule_count ? tu_pairs_see(d, &a->labels) : (tu_labels){0};
    for (size_t k = 0; a->firing && k < d->rule_count; k++) {
        uint64_t hash;
        if (!equal_hash(d, k, a, &hash))
            continue;
        if (tu_matchers_match(&d->rules[k].rule->source, &labels))
            add_source(d, k, hash, a);
        if (!tu_matchers_match(&d->rules[k].rule->target, &labels))
            continue;
        if (a->inhibited == NULL)
            a->inhibited = tu_xcalloc((d->rule_count + 63) / 64, sizeof *a->inhibited);
        a->inhibited[k / 64] |= (uint64_t)1 << (k % 64);
    }
    /* an end may reveal others; so may a beginning that closes a circle */
    if ((was_source || (a->sources && a->inhibited)) && d->hidden &&
        d->last.boot_ms + TU_REVEAL_MS < d->reveal_ms)
        d->reveal_ms = d->last.boot_ms + TU_REVEAL_MS;
}

/* Does t inhibit s, directly or through others? */
static bool leads_to(tu_dispatch *d, const tu_entry_alert *t, tu_entry_alert *s, size_t *steps) {
    s->mark = d->mark;
    for (size_t k = 0; s->inhibited && k < d->rule_count; k++) {
        uint64_t hash;
        if (!is_target(s, k) || !equal_hash(d, k, s, &hash))
            continue;
        tu_bucket *b = bucket_of(d, k, hash);
        for (tu_source_node *n = b ? b->first : NULL; n; n = n->next) {
            if (n->alert == t || (*steps)-- == 0) {
                *steps = *steps == SIZE_MAX ? 0 : *steps;
                return true;
            }
            if (n->alert->mark != d->mark && leads_to(d, t, n->alert, steps))
                return true;
        }
    }
    return false;
}

/* The rule that keeps it quiet, or NULL. */
static const tu_inhibition *inhibited(tu_dispatch *d, tu_entry_alert *t) {
    size_t steps = TU_CIRCLE_STEPS;
    for (size_t k = 0; t->inhibited && k < d->rule_count; k++) {
        uint64_t hash;
        if (!is_target(t, k) || !equal_hash(d, k, t, &hash))
            continue;
        bool both = is_source(t, k);
        tu_bucket *b = bucket_of(d, k, hash);
        for (tu_source_node *n = b ? b->first : NULL; n && steps; n = n->next) {
            tu_entry_alert *s = n->alert;
            steps--;
            if (s == t || (both && is_target(s, k)) || !are_equal(d, k, s, t))
                continue;
            d->mark++;
            if (t->sources == NULL || !leads_to(d, t, s, &steps))
                return d->rules[k].rule;
        }
    }
    return NULL;
}

bool tu_alert_is_hidden(tu_dispatch *d, tu_entry_alert *a, tu_moment now) {
    (void)now;
    return silenced(d, a) || inhibited(d, a);
}

static void drop_rules(tu_dispatch *d) {
    for (size_t k = 0; k < d->rule_count; k++) {
        for (size_t l = 0; l < d->rules[k].rule_equal_count; l++)
            tu_term_drop(d, d->rules[k].equal[l]);
        free(d->rules[k].equal);
    }
    free(d->rules);
    d->rules = NULL;
    d->rule_count = 0;
}

void tu_quiet_configure(tu_dispatch *d, const tu_routing *r, tu_moment now) {
    for (tu_node *n = tu_table_any(&d->alerts, NULL); n; n = tu_table_any(&d->alerts, n))
        drop_sources(d, (tu_entry_alert *)n);
    drop_rules(d);
    d->rules = tu_xcalloc(r->inhibition_count, sizeof *d->rules);
    d->rule_count = r->inhibition_count;
    for (size_t k = 0; k < d->rule_count; k++) {
        const tu_inhibition *rule = &r->inhibitions[k];
        d->rules[k].rule = rule;
        d->rules[k].rule_equal_count = rule->equal_count;
        d->rules[k].equal = tu_xcalloc(rule->equal_count, sizeof(tu_term));
        for (size_t l = 0; l < rule->equal_count; l++)
            d->rules[k].equal[l] = tu_term_take(d, rule->equal[l]);
    }
    for (tu_node *n = tu_table_any(&d->alerts, NULL); n; n = tu_table_any(&d->alerts, n))
        tu_alert_sources(d, (tu_entry_alert *)n);
    for (tu_node *n = tu_table_any(&d->alerts, NULL); n && !d->restored;
         n = tu_table_any(&d->alerts, n)) {
        tu_entry_alert *a = (tu_entry_alert *)n;
        for (tu_party *p = a->parties; p; p = p->next) {
            p->hidden = p->hidden || (a->firing && tu_alert_is_hidden(d, a, now));
            if (p->hidden)
                tu_incident_list(d, p->incident, true);
        }
    }
    if (d->hidden && d->restored)
        d->reveal_ms = now.boot_ms;
}

void tu_quiet_done(tu_dispatch *d) {
    for (tu_node *n = tu_table_any(&d->alerts, NULL); n; n = tu_table_any(&d->alerts, n))
        drop_sources(d, (tu_entry_alert *)n);
    free(d->buckets.heads);
    drop_rules(d);
    for (size_t k = 0; k < d->silence_count; k++)
        silence_free(d->silences[k]);
    free(d->silences);
    tu_flap_done(d);
}

/* --- what was hidden ------------------------------------------------------------------------------------------- */

void tu_incident_list(tu_dispatch *d, tu_incident *i, bool hidden) {
    if (i->listed == hidden)
        return;
    i->listed = hidden;
    if (hidden) {
        i->hidden_previous = NULL;
        i->hidden_next = d->hidden;
        if (d->hidden)
            d->hidden->hidden_previous = i;
        d->hidden = i;
        return;
    }
    if (i->hidden_next)
        i->hidden_next->hidden_previous = i->hidden_previous;
    if (i->hidden_previous)
        i->hidden_previous->hidden_next = i->hidden_next;
    else
        d->hidden = i->hidden_next;
}

void tu_reveal(tu_dispatch *d, tu_moment now, tu_effects *out) {
    (void)out;
    d->reveal_ms = TU_NEVER;
    for (tu_incident *i = d->hidden, *next; i; i = next) {
        next = i->hidden_next;
        bool news = false, hidden = false, visible = false;
        for (size_t k = 0; k < i->party_count; k++) {
            tu_party *p = i->parties[k];
            if (!p->alert->firing)
                continue;
            p->hidden = p->hidden && tu_alert_is_hidden(d, p->alert, now);
            visible = visible || !p->hidden;
            hidden = hidden || p->hidden;
            news = news || (!p->hidden && !p->told);
        }
        i->waits = i->waits && !visible;
        tu_incident_list(d, i, hidden || i->waits);
        if (news)
            tu_incident_stir(d, i, now);
        tu_incident_schedule(d, i);
    }
}

/* --- mute times -------------------------------------------------------------------------------------------------- */

bool tu_incident_is_muted(const tu_incident *i, tu_moment now, int64_t *ret_until_ms) {
    if (i->route == NULL || i->route->muted_count + i->route->active_count == 0)
        return false;
    int64_t until = INT64_MAX;
    if (!tu_route_is_quiet(i->route, now.wall_ms, &until))
        return false;
    int64_t left = until == INT64_MAX ? TU_NEVER - now.boot_ms : until - now.wall_ms;
    *ret_until_ms = now.boot_ms + (left > 0 ? left : 1);
    return true;
}

void tu_dispatch_why_quiet(const tu_dispatch *dispatch, tu_str fingerprint, tu_moment now,
                           tu_buf *out) {
    tu_dispatch *d = (tu_dispatch *)dispatch; /* what was asked before is remembered, no more */
    tu_entry_alert *a = tu_alert_find(d, fingerprint);
    if (a == NULL || !a->firing)
        return;
    const tu_silence *s = silenced(d, a);
    if (s) {
        tu_buf_addf(out, "silence %s", s->id);
        return;
    }
    const tu_inhibition *rule = inhibited(d, a);
    if (rule) {
        tu_buf_add_c(out, "inhibited by ");
        tu_buf_add(out, rule->name);
        return;
    }
    for (const tu_party *p = a->parties; p; p = p->next) {
        int64_t until = 0;
        if (!tu_incident_is_muted(p->incident, now, &until))
            continue;
        char text[32];
        tu_time_format(now.wall_ms + (until - now.boot_ms), text);
        tu_buf_add_c(out, "muted by the times of route ");
        tu_buf_add(out, p->incident->route->name);
        if (until != TU_NEVER)
            tu_buf_addf(out, " until %s", text);
        return;
    }
}
