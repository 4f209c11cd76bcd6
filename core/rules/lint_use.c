/*
 * rules/lint_use.c: entries against what there is: the objects of a report, the desired objects of a
 * rule.
 *
 * A report is decided once more, by the entries as they are now; that is what tells an entry that has
 * its turn from one that never does. Labels don't stand in reports, so entries that ask for them are
 * not judged.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "rules/lint.h"

#include <stdlib.h>

/* --- reports ----------------------------------------------------------------------------------- */

static tu_change read_change(const tu_value *v) {
    const tu_value *owner = tu_value_get(v, "owner");
    tu_change c = {.path = tu_value_get_string(v, "path"),
                   .note = tu_value_get_string(v, "note"),
                   .owner = {.manager = tu_value_get_string(owner, "manager"),
                             .operation = tu_value_get_string(owner, "operation"),
                             .subresource = tu_value_get_string(owner, "subresource"),
                             .time = tu_value_get_string(owner, "time")}};
    tu_change_parse(tu_value_get_string(v, "change"), &c.kind);
    for (int i = 0; i < TU_MANAGER_COUNT; i++)
        if (tu_str_is(tu_value_get_string(owner, "class"),
                      tu_manager_class_name((tu_manager_class)i)))
            c.owner.class_ = (tu_manager_class)i;
    return c;
}

static tu_rc note_decision(tu_arena *a, const tu_rule *rule, const tu_finding *f,
                           const tu_change *c, int64_t wall_ms, bool *met, tu_error **error) {
    tu_trials t;
    tu_rc rc = tu_decide_explain(a, rule, NULL, NULL, wall_ms, f, c, false, &t, error);
    if (rc == TU_OK && t.matched)
        met[t.n - 1] = true;
    return rc;
}

static tu_rc decide_again(tu_arena *a, const tu_rule *rule, const tu_value *object, int64_t wall_ms,
                          bool *met, tu_error **error) {
    const tu_value *changes = tu_value_get(object, "changes");
    tu_finding f = {.id = {.group = tu_value_get_string(object, "group"),
                           .version = tu_value_get_string(object, "version"),
                           .kind = tu_value_get_string(object, "kind"),
                           .namespace_ = tu_value_get_string(object, "namespace"),
                           .name = tu_value_get_string(object, "name")},
                    .reason = tu_value_get_string(object, "reason")};
    tu_verdict_parse(tu_value_get_string(object, "verdict"), &f.verdict);
    if (tu_value_count(changes) == 0)
        return note_decision(a, rule, &f, NULL, wall_ms, met, error);
    tu_rc rc = TU_OK;
    for (size_t i = 0; rc == TU_OK && i < tu_value_count(changes); i++) {
        const tu_change c = read_change(tu_value_at(changes, i));
        rc = note_decision(a, rule, &f, &c, wall_ms, met, error);
    }
    return rc;
}

static void tell_unmet(const tu_rule *rule, const bool *met, size_t objects, tu_lint_result *ret) {
    for (size_t i = 0; i < rule->entry_count; i++)
        if (!met[i] && !rule->entries[i].label_count)
            tu_lint_add(ret, TU_LINT_NOTE, "never-met", &rule->entries[i], NULL,
                        "none of the %zu objects of the report came to it in rule %.*s", objects,
                        TU_P(rule->name));
}

tu_rc tu_lint_report(const tu_config *c, const tu_value *report, tu_lint_result *ret,
                     tu_error **error) {
    const tu_value *rules = tu_value_get(report, "rules");
    int64_t us = 0;
    tu_arena a;
    tu_rc rc = TU_OK;
    tu_arena_init(&a, 0);
    tu_time_parse(tu_value_get_string(report, "started"), &us);
    for (size_t i = 0; rc == TU_OK && i < tu_value_count(rules); i++) {
        const tu_value *r = tu_value_at(rules, i), *objects = tu_value_get(r, "objects");
        const tu_rule *rule = tu_config_rule(c, tu_value_get_string(r, "name"));
        if (!rule)
            continue;
        bool *met = tu_xcalloc(rule->entry_count + 1, sizeof *met);
        for (size_t k = 0; rc == TU_OK && k < tu_value_count(objects); k++) {
            rc = decide_again(&a, rule, tu_value_at(objects, k), us / 1000, met, error);
            tu_arena_reset(&a);
        }
        tell_unmet(rule, met, tu_value_count(objects), ret);
        free(met);
    }
    tu_arena_done(&a);
    return rc == TU_OK && ret->out_of_memory ? tu_error_memory(error) : rc;
}

/* --- desired objects --------------------------------------------------------------------------- */

typedef tu_str part_of(const tu_object_id *id);

static tu_str kind_of(const tu_object_id *id) {
    return id->kind;
}
static tu_str group_of(const tu_object_id *id) {
    return id->group;
}
static tu_str namespace_of(const tu_object_id *id) {
    return id->namespace_;
}
static tu_str name_of(const tu_object_id *id) {
    return id->name;
}

static void look_for_part(const tu_entry *e, const char *what, const tu_words *words, part_of *part,
                          const tu_object_id *ids, size_t n, tu_lint_result *ret) {
    for (size_t w = 0; w < words->n; w++) {
        bool met = false;
        for (size_t i = 0; i < n && !met; i++)
            met = tu_word_match(&words->items[w], part(&ids[i]));
        if (!met)
            tu_lint_add(ret, TU_LINT_WARNING, "nothing-desired", e, NULL,
                        "no desired object has the %s '%.*s'", what, TU_P(words->items[w].text));
    }
}

tu_rc tu_lint_desired(const tu_rule *rule, const tu_object_id *ids, size_t n, tu_lint_result *ret,
                      tu_error **error) {
    for (size_t i = 0; i < rule->own_entry_count; i++) {
        const tu_entry *e = &rule->entries[i];
        if (e->verdicts & 1u << TU_VERDICT_UNMANAGED) /* about what nobody desires */
            continue;
        look_for_part(e, "kind", &e->kinds, kind_of, ids, n, ret);
        look_for_part(e, "group", &e->groups, group_of, ids, n, ret);
        look_for_part(e, "namespace", &e->namespaces, namespace_of, ids, n, ret);
        look_for_part(e, "name", &e->names, name_of, ids, n, ret);
    }
    return ret->out_of_memory ? tu_error_memory(error) : TU_OK;
}
