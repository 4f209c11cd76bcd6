/*
 * rule_properties.h: what must hold of any rule and any finding. Returns what doesn't, or NULL.
 */
#ifndef RULE_PROPERTIES_H
#define RULE_PROPERTIES_H

#include "rule_maker.h"

#define PROPERTY_NOON 1767355200000 /* 2026-01-02T12:00:00Z */

static inline bool same_decision(const tu_finding *a, const tu_finding *b) {
    bool same = a->verdict == b->verdict && a->action == b->action && a->severity == b->severity &&
                tu_str_eq(a->entry, b->entry) && a->change_count == b->change_count;
    for (size_t i = 0; same && i < a->change_count; i++)
        same = tu_str_eq(a->changes[i].entry, b->changes[i].entry) &&
               a->changes[i].action == b->changes[i].action;
    return same;
}

static inline tu_finding decided(tu_arena *a, const tu_config *c, const maker_finding *f,
                                 tu_change room[MAKER_CHANGES]) {
    tu_finding d = fresh(f, room);
    if (tu_decide(a, &c->rules[0], &f->object, NULL, &f->quiet, f->has_quiet, PROPERTY_NOON, &d,
                  NULL))
        abort();
    return d;
}

/* The entry that decides, by asking each entry as if it were alone; entry_count: none does. */
static inline size_t first_alone(tu_arena *a, const tu_config *c, const maker_finding *f,
                                 const tu_change *change, bool quiet) {
    tu_rule alone = c->rules[0];
    tu_finding asked = f->finding;
    asked.verdict = f->verdict;
    tu_trials t;
    alone.entry_count = 1;
    for (size_t i = 0; i < c->rules[0].entry_count; i++) {
        alone.entries = &c->rules[0].entries[i];
        if (tu_decide_explain(a, &alone, &f->object, NULL, PROPERTY_NOON, &asked, change, quiet, &t,
                              NULL))
            abort();
        if (t.matched)
            return i;
    }
    return c->rules[0].entry_count;
}

static inline bool is_entry(const tu_config *c, size_t i, tu_str name) {
    return i == c->rules[0].entry_count ? name.n == 0
                                        : tu_str_eq(c->rules[0].entries[i].name, name);
}

static inline const char *first_match_wins(tu_arena *a, const tu_config *c,
                                           const maker_finding *f) {
    tu_change room[MAKER_CHANGES];
    const tu_finding d = decided(a, c, f, room);
    for (size_t i = 0; i < f->change_count; i++)
        if (!is_entry(c, first_alone(a, c, f, &f->changes[i], false), d.changes[i].entry))
            return "a change isn't decided by the first entry that matches it";
    if (d.change_count == 0 && !is_entry(c, first_alone(a, c, f, NULL, false), d.entry))
        return "a finding isn't decided by the first entry that matches it";
    bool comparable = f->verdict == TU_VERDICT_IN_SYNC || f->verdict == TU_VERDICT_DRIFTED;
    if (f->has_quiet && comparable) {
        size_t first = first_alone(a, c, f, &f->quiet, true);
        bool raise = first < c->rules[0].entry_count &&
                     c->rules[0].entries[first].action != TU_ACTION_IGNORE;
        if (raise != (d.change_count > f->change_count))
            return "a quiet change is raised without an entry that asks for it, or not with one";
    }
    return NULL;
}

/* What is called shadowed is never reached, whatever the finding. */
static inline const char *cover_is_sound(tu_arena *a, const tu_config *c, const maker_finding *f) {
    const tu_rule *rule = &c->rules[0];
    for (size_t k = 1; k < rule->entry_count; k++) {
        bool covered = false;
        for (size_t i = 0; i < k && !covered; i++)
            covered = tu_entry_covers(&rule->entries[i], &rule->entries[k]) &&
                      !rule->entries[i].expires_ms;
        if (!covered)
            continue;
        for (size_t i = 0; i <= f->change_count + 1; i++) {
            bool quiet = i == f->change_count + 1, whole = i == f->change_count;
            if (whole && f->change_count)
                continue;
            const tu_change *change = quiet ? &f->quiet : whole ? NULL : &f->changes[i];
            if (first_alone(a, c, f, change, quiet) == k)
                return "an entry that is called shadowed decides";
        }
    }
    return NULL;
}

static inline const char *check_properties(maker *m) {
    maker_entry entries[MAKER_ENTRIES];
    maker_finding f;
    size_t n = pick(m, MAKER_ENTRIES) + 1;
    for (size_t i = 0; i < n; i++)
        make_entry(m, &entries[i]);
    make_finding(m, &f);
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_config *c = make_config(entries, 0, n, 0);
    tu_config *turned = make_config(entries, 0, n, 1 + pick(m, MAKER_CONDITIONS - 1));
    const char *fault = c && turned ? NULL : "a rule that is made right isn't taken";
    if (!fault)
        fault = first_match_wins(&a, c, &f);
    if (!fault)
        fault = cover_is_sound(&a, c, &f);
    if (!fault) {
        tu_change one[MAKER_CHANGES], other[MAKER_CHANGES];
        const tu_finding x = decided(&a, c, &f, one), y = decided(&a, turned, &f, other);
        if (!same_decision(&x, &y))
            fault = "the order of an entry's conditions matters";
    }
    tu_config_unref(c);
    tu_config_unref(turned);
    tu_arena_done(&a);
    return fault;
}

#endif
