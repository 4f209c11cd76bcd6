/*
 * config/rule.c: the document Rule to its struct: what is compared, what drift means, what healing
 * may do.
 *
 * Its entries stand in entry.c. To add a key: the schema (schemas/Rule.json), a member of tu_rule,
 * one line here, and its use.
 */
#include "base/file.h"
#include "base/mem.h"
#include "config/read.h"
#include <stdio.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)

/* --- scope ------------------------------------------------------------------------------------ */

static void check_namespace(tu_reader *r, const tu_value *item) {
    if (item->string.n == 0 || memchr(item->string.p, '/', item->string.n))
        tu_reader_error(r, item, "'%.*s' is no namespace", TU_P(item->string));
}

static void check_kind(tu_reader *r, const tu_value *item) {
    tu_str s = item->string;
    if (tu_str_is(s, "*"))
        return;
    bool good = s.n > 0 && s.p[0] != '.' && s.p[s.n - 1] != '.';
    for (size_t i = 0; good && i < s.n; i++) {
        char c = s.p[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '-';
    }
    if (!good)
        tu_reader_error(r, item,
                        "'%.*s' is no kind: write Kind or Kind.group, such as Deployment.apps, "
                        "or \"*\" for every kind (other patterns don't work here)",
                        TU_P(s));
}

/* --- the rule --------------------------------------------------------------------------------- */

/* "./a/b/" is "a/b", "." and "" are everything. */
static tu_str read_tree_path(tu_reader *r, const tu_value *v) {
    tu_str s = tu_value_string(v);
    while (tu_str_starts(s, "./"))
        s = (tu_str){s.p + 2, s.n - 2};
    while (s.n > 0 && s.p[s.n - 1] == '/' && s.n > 1)
        s.n--;
    if (tu_str_is(s, "."))
        s.n = 0;
    if (s.n == 0 || tu_path_is_clean(s))
        return s;
    tu_error **e = tu_reader_error(r, v, "'%.*s' is no path within the source", TU_P(s));
    tu_error_hint(
        e,
        "write it from the source's root, without '..' and a leading '/', such as overlays/prod");
    return TU_S("");
}

/* What is understood and kept for a later version, but does nothing in this one, is said at load:
 * promise 9. A section that gets its effect loses its line here. */
static void warn_without_effect(tu_reader *r, const tu_value *spec, const tu_rule *rule) {
    const tu_value *heal = tu_value_get(spec, "heal");
    if (rule->heal.prune)
        tu_reader_warn(r, tu_reader_place(r, tu_value_get(heal, "prune")),
                       "spec.heal.prune has no effect in this version: objects that left the "
                       "source are not deleted");
    if (rule->heal.approval_votes > 0)
        tu_reader_warn(r, tu_reader_place(r, tu_value_get(heal, "approval")),
                       "spec.heal.approval: approvals can't be given in this version, so "
                       "`trueup run` heals nothing of this rule; `trueup heal %.*s` does",
                       TU_P(rule->name));
}

static tu_str read_render(tu_reader *r, const tu_value *v) {
    static const char *const builtin[] = {"auto", "plain", "kustomize", "helm"};
    tu_str s = tu_value_string(v);
    if (s.n == 0)
        return TU_S("auto");
    size_t n = sizeof builtin / sizeof *builtin;
    for (size_t i = 0; i < n; i++) {
        if (tu_str_is(s, builtin[i]))
            return s;
    }
    const char *near = tu_suggest(s, builtin, n);
    if (near)
        tu_error_hint(tu_reader_error(r, v, "spec.render: there is no renderer '%.*s'", TU_P(s)),
                      "did you mean '%s'?", near);
    else
        tu_read_reference(r, "spec.render", "Plugin", v);
    return s;
}

static void read_heal(tu_reader *r, const tu_value *heal, tu_rule *rule) {
    const tu_value *prune = tu_value_get(heal, "prune"), *limit = tu_value_get(heal, "limit");
    const tu_value *approval = tu_value_get(heal, "approval");
    rule->heal.prune = tu_value_boolean(tu_value_get(prune, "enabled"), false);
    rule->heal.prune_max_objects = tu_value_integer(tu_value_get(prune, "maxObjects"), 10);
    rule->heal.prune_max_percent = tu_value_integer(tu_value_get(prune, "maxPercent"), 20);
    rule->heal.windows =
        tu_read_windows(r, tu_value_get(heal, "windows"), &rule->heal.window_count);
    rule->heal.approval_votes = tu_value_integer(tu_value_get(approval, "votes"), approval ? 1 : 0);
    rule->heal.approval_deadline_ms =
        tu_read_duration(r, tu_value_get(approval, "deadline"), 24 * HOUR_MS, MINUTE_MS);
    rule->heal.limit_objects = tu_value_integer(tu_value_get(limit, "objects"), 60);
    rule->heal.limit_per_ms = tu_read_duration(r, tu_value_get(limit, "per"), MINUTE_MS, 1000);
}

void tu_read_rule(tu_reader *r, tu_str name, const tu_value *spec, tu_place place) {
    tu_rule rule = {.name = name, .place = place, .mode = TU_MODE_AUDIT};
    rule.from = tu_value_get_string(spec, "from");
    rule.to = tu_value_get_string(spec, "to");
    tu_read_reference(r, "spec.from", "Source", tu_value_get(spec, "from"));
    tu_read_reference(r, "spec.to", "Target", tu_value_get(spec, "to"));
    rule.path = read_tree_path(r, tu_value_get(spec, "path"));
    rule.render = read_render(r, tu_value_get(spec, "render"));
    rule.render_place = tu_reader_place(r, tu_value_get(spec, "render"));
    rule.interval_ms = tu_read_duration(r, tu_value_get(spec, "interval"), 10 * MINUTE_MS, 1000);
    tu_str mode = tu_value_get_string(spec, "mode"), confirm = tu_value_get_string(spec, "confirm");
    if (tu_str_is(mode, "heal"))
        rule.mode = TU_MODE_HEAL;
    else if (tu_str_is(mode, "off"))
        rule.mode = TU_MODE_OFF;
    rule.confirm = confirm.n > 0 ? tu_str_is(confirm, "dry-run") : rule.mode == TU_MODE_HEAL;
    const tu_value *scope = tu_value_get(spec, "scope");
    rule.scope_namespaces = tu_read_words(r, tu_value_get(scope, "namespaces"), check_namespace);
    rule.scope_kinds = tu_read_words(r, tu_value_get(scope, "kinds"), check_kind);
    rule.unmanaged = tu_value_boolean(tu_value_get(scope, "unmanaged"), true);
    rule.entries = tu_read_entries(r, tu_value_get(spec, "drift"), &rule.entry_count);
    rule.own_entry_count = rule.entry_count;
    tu_read_use(r, tu_value_get(spec, "use"), &rule);
    read_heal(r, tu_value_get(spec, "heal"), &rule);
    warn_without_effect(r, spec, &rule);
    rule.labels =
        tu_read_labels(r, tu_value_path(spec, "alert", "labels", NULL), NULL, &rule.label_count);

    tu_config *c = r->config;
    tu_rule *grown = tu_reader_grow(r, c->rules, c->rule_count, sizeof rule);
    if (!grown)
        return;
    c->rules = grown;
    grown[c->rule_count++] = rule;
}

const char *tu_mode_name(tu_mode m) {
    static const char *const names[] = {"off", "audit", "heal"};
    return names[m];
}
