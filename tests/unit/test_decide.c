/*
 * rules/decide: rules are written as people write them and read by config, so what is tested is
 * what a user gets.
 */
#include "base/mem.h"
#include "rules/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOON 1767355200000 /* 2026-01-02T12:00:00Z, a Friday */

static const char *const head = "apiVersion: trueup.dev/v1\n"
                                "kind: Source\n"
                                "metadata: {name: config}\n"
                                "spec: {plugin: directory, config: {path: /tmp}}\n"
                                "---\n"
                                "apiVersion: trueup.dev/v1\n"
                                "kind: Target\n"
                                "metadata: {name: prod}\n"
                                "spec: {plugin: directory, config: {path: /tmp}}\n"
                                "---\n"
                                "apiVersion: trueup.dev/v1\n"
                                "kind: Rule\n"
                                "metadata: {name: shop}\n"
                                "spec:\n"
                                "  from: config\n"
                                "  to: prod\n";

typedef struct {
    tu_arena arena;
    tu_config *config;
    tu_finding finding;
} fixture;

static int set_up(void **state) {
    fixture *f = tu_xcalloc(1, sizeof(*f));
    tu_arena_init(&f->arena, 0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    tu_config_unref(f->config);
    tu_arena_done(&f->arena);
    free(f);
    return 0;
}

static const tu_rule *rule_of(fixture *f, const char *rest) {
    _cleanup_(tu_errors_done) tu_errors errors = {0};
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(64 * 1024);
    tu_buf_addf(&text, "%s%s", head, rest);
    tu_config_unref(f->config);
    f->config = tu_config_parse("rules.yaml", tu_buf_str(&text), &errors);
    if (!f->config)
        fail_msg("line %lld: %s", (long long)errors.items[0]->line, tu_error_text(errors.items[0]));
    return tu_config_rule(f->config, TU_S("shop"));
}

static tu_change change(tu_change_kind kind, const char *path, const char *manager,
                        tu_manager_class class_) {
    tu_change c = {.path = tu_str_c(path), .kind = kind};
    c.owner.manager = tu_str_c(manager);
    c.owner.class_ = class_;
    return c;
}

static tu_change by_hand(const char *path) {
    return change(TU_CHANGE_VALUE, path, "kubectl-edit", TU_MANAGER_HUMAN);
}

static tu_change by_autoscaler(const char *path) {
    return change(TU_CHANGE_VALUE, path, "kube-controller-manager", TU_MANAGER_CONTROLLER);
}

/* A drifted Deployment.apps/shop/cart with these changes. */
static void found(fixture *f, tu_verdict verdict, const tu_change *changes, size_t n) {
    f->finding = (tu_finding){.verdict = verdict, .confidence = TU_CONFIDENCE_PROVED};
    f->finding.id =
        (tu_object_id){TU_S("apps"), TU_S("v1"), TU_S("Deployment"), TU_S("shop"), TU_S("cart")};
    f->finding.changes = tu_arena_zalloc(&f->arena, (n + 1) * sizeof(*changes));
    if (n)
        memcpy(f->finding.changes, changes, n * sizeof(*changes));
    f->finding.change_count = n;
}

static void decide(fixture *f, const char *rule, int64_t wall_ms) {
    assert_int_equal(
        tu_decide(&f->arena, rule_of(f, rule), NULL, NULL, NULL, 0, wall_ms, &f->finding, NULL),
        TU_OK);
}

static void assert_decided(const fixture *f, tu_verdict v, tu_action a, tu_severity s,
                           const char *entry) {
    assert_string_equal(tu_verdict_name(f->finding.verdict), tu_verdict_name(v));
    assert_string_equal(tu_action_name(f->finding.action), tu_action_name(a));
    assert_string_equal(tu_severity_name(f->finding.severity), tu_severity_name(s));
    assert_true(tu_str_is(f->finding.entry, entry));
}

static void decide_one(fixture *f, const char *rule, tu_change c) {
    found(f, TU_VERDICT_DRIFTED, &c, 1);
    decide(f, rule, NOON);
}

/* ---- defaults -------------------------------------------------------------------------- */

static void where_no_entry_matches_the_mode_decides(void **state) {
    fixture *f = *state;
    decide_one(f, "  mode: audit\n", by_hand("/spec/replicas"));
    assert_decided(f, TU_VERDICT_DRIFTED, TU_ACTION_ALERT, TU_SEVERITY_WARNING, "");
    decide_one(f, "  mode: heal\n", by_hand("/spec/replicas"));
    assert_decided(f, TU_VERDICT_DRIFTED, TU_ACTION_HEAL, TU_SEVERITY_WARNING, "");
    decide_one(f, "  mode: off\n", by_hand("/spec/replicas"));
    assert_decided(f, TU_VERDICT_DRIFTED, TU_ACTION_IGNORE, TU_SEVERITY_INFO, "");
}

static void what_cannot_be_healed_is_told_even_in_heal_mode(void **state) {
    fixture *f = *state;
    static const struct {
        tu_verdict verdict;
        tu_action action;
    } table[] = {{TU_VERDICT_MISSING, TU_ACTION_HEAL},      {TU_VERDICT_INVALID, TU_ACTION_ALERT},
                 {TU_VERDICT_BLOCKED, TU_ACTION_ALERT},     {TU_VERDICT_UNMANAGED, TU_ACTION_ALERT},
                 {TU_VERDICT_IN_SYNC, TU_ACTION_IGNORE},    {TU_VERDICT_UNKNOWN, TU_ACTION_IGNORE},
                 {TU_VERDICT_TERMINATING, TU_ACTION_IGNORE}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        found(f, table[i].verdict, NULL, 0);
        decide(f, "  mode: heal\n", NOON);
        assert_int_equal(f->finding.verdict, table[i].verdict);
        assert_int_equal(f->finding.action, table[i].action);
    }
}

static void unmanaged_objects_are_told_and_not_removed(void **state) {
    fixture *f = *state;
    found(f, TU_VERDICT_UNMANAGED, NULL, 0);
    decide(f, "  mode: heal\n  heal: {prune: {enabled: true}}\n", NOON);
    assert_decided(f, TU_VERDICT_UNMANAGED, TU_ACTION_ALERT, TU_SEVERITY_WARNING, "");
}

/* ---- matching -------------------------------------------------------------------------- */

static void the_first_entry_that_matches_wins(void **state) {
    fixture *f = *state;
    decide_one(f,
               "  drift:\n"
               "  - {name: other kind, match: {kinds: [Service]}, action: heal}\n"
               "  - {name: first, match: {kinds: [Deploy*]}, action: approve, severity: critical}\n"
               "  - {name: second, match: {kinds: [Deployment]}, action: ignore}\n",
               by_hand("/spec/replicas"));
    assert_decided(f, TU_VERDICT_DRIFTED, TU_ACTION_APPROVE, TU_SEVERITY_CRITICAL, "first");
}

static void every_condition_must_hold(void **state) {
    fixture *f = *state;
    static const struct {
        const char *match;
        bool holds;
    } table[] = {
        {"groups: [apps]", true},
        {"groups: ['']", false},
        {"kinds: [Service, Deployment]", true},
        {"namespaces: ['sh*']", true},
        {"namespaces: [prod]", false},
        {"names: [cart], namespaces: [prod]", false},
        {"names: ['c?rt']", true},
        {"changes: [value]", true},
        {"changes: [added, removed]", false},
        {"verdicts: [drifted]", true},
        {"verdicts: [missing]", false},
        {"paths: [/spec/replicas]", true},
        {"paths: [/spec]", true},
        {"paths: [/spec/*]", true},
        {"paths: ['/**/replicas']", true},
        {"paths: [/metadata]", false},
        {"managers: ['kubectl-*']", true},
        {"managers: ['class:human']", true},
        {"managers: ['class:controller']", false},
        {"managers: [argocd, 'class:human']", true},
        {"paths: [/spec/replicas], managers: [argocd]", false},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char rule[256];
        snprintf(rule, sizeof(rule), "  drift:\n  - {name: it, match: {%s}, action: heal}\n",
                 table[i].match);
        decide_one(f, rule, by_hand("/spec/replicas"));
        if ((f->finding.action == TU_ACTION_HEAL) != table[i].holds)
            fail_msg("%s", table[i].match);
    }
}

static void labels_are_those_of_the_live_object_else_of_the_desired_one(void **state) {
    fixture *f = *state;
    tu_value *live = tu_value_new(&f->arena, TU_MAP), *empty = tu_value_new(&f->arena, TU_MAP);
    tu_value *metadata = tu_value_set(&f->arena, live, TU_S("metadata"), empty);
    tu_value *labels = tu_value_set(&f->arena, metadata, TU_S("labels"), empty);
    tu_value_set_string(&f->arena, labels, "team", TU_S("shop"));
    const tu_rule *rule =
        rule_of(f, "  drift:\n  - {name: it, match: {labels: {team: 'sh*'}}, action: heal}\n");
    const struct {
        const tu_value *live, *desired;
        tu_action action;
    } table[] = {{live, NULL, TU_ACTION_HEAL},
                 {NULL, live, TU_ACTION_HEAL},
                 {empty, live, TU_ACTION_ALERT},
                 {NULL, NULL, TU_ACTION_ALERT}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        tu_change c = by_hand("/spec/replicas");
        found(f, TU_VERDICT_DRIFTED, &c, 1);
        tu_decide(&f->arena, rule, table[i].live, table[i].desired, NULL, 0, NOON, &f->finding,
                  NULL);
        assert_int_equal(f->finding.action, table[i].action);
    }
}

static void an_expired_entry_no_longer_matches(void **state) {
    fixture *f = *state;
    tu_change c = by_hand("/spec/replicas");
    const char *rule =
        "  drift:\n  - {name: it, match: {}, action: ignore, expires: 2026-01-02T12:00:00Z}\n";
    found(f, TU_VERDICT_DRIFTED, &c, 1);
    decide(f, rule, NOON - 1);
    assert_int_equal(f->finding.action, TU_ACTION_IGNORE);
    found(f, TU_VERDICT_DRIFTED, &c, 1);
    decide(f, rule, NOON);
    assert_int_equal(f->finding.action, TU_ACTION_ALERT);
}

static void an_entry_with_windows_matches_only_within_one(void **state) {
    fixture *f = *state;
    tu_change c = by_hand("/spec/replicas");
    const char *rule = "  drift:\n"
                       "  - name: it\n"
                       "    match: {within: [{cron: '0 8 * * 1-5', duration: 10h}]}\n"
                       "    action: heal\n";
    found(f, TU_VERDICT_DRIFTED, &c, 1);
    decide(f, rule, NOON);
    assert_int_equal(f->finding.action, TU_ACTION_HEAL);
    found(f, TU_VERDICT_DRIFTED, &c, 1);
    decide(f, rule, NOON + 8 * 3600 * INT64_C(1000));
    assert_int_equal(f->finding.action, TU_ACTION_ALERT);
}

static void an_entry_about_changes_says_nothing_of_a_missing_object(void **state) {
    fixture *f = *state;
    static const char *const about[] = {"changes: [value]", "paths: ['/**']", "managers: ['*']"};
    for (size_t i = 0; i < sizeof(about) / sizeof(about[0]); i++) {
        char rule[256];
        snprintf(rule, sizeof(rule), "  drift:\n  - {name: it, match: {%s}, action: ignore}\n",
                 about[i]);
        found(f, TU_VERDICT_MISSING, NULL, 0);
        decide(f, rule, NOON);
        assert_decided(f, TU_VERDICT_MISSING, TU_ACTION_ALERT, TU_SEVERITY_WARNING, "");
    }
}

static void what_is_no_drift_is_decided_only_by_an_entry_that_names_it(void **state) {
    fixture *f = *state;
    found(f, TU_VERDICT_UNKNOWN, NULL, 0);
    decide(f, "  drift:\n  - {name: all, match: {kinds: [Deployment]}, action: heal}\n", NOON);
    assert_decided(f, TU_VERDICT_UNKNOWN, TU_ACTION_IGNORE, TU_SEVERITY_INFO, "");
    found(f, TU_VERDICT_UNKNOWN, NULL, 0);
    decide(f,
           "  drift:\n  - {name: blind, match: {verdicts: [unknown]}, action: alert, severity: "
           "critical}\n",
           NOON);
    assert_decided(f, TU_VERDICT_UNKNOWN, TU_ACTION_ALERT, TU_SEVERITY_CRITICAL, "blind");
}

/* ---- folding --------------------------------------------------------------------------- */

static void the_strongest_change_speaks_for_the_object(void **state) {
    fixture *f = *state;
    const tu_change changes[] = {by_autoscaler("/spec/replicas"), by_hand("/spec/paused"),
                                 by_hand("/metadata/labels/a")};
    found(f, TU_VERDICT_DRIFTED, changes, 3);
    decide(f,
           "  drift:\n"
           "  - {name: scaling, match: {managers: ['class:controller']}, action: ignore, severity: "
           "critical}\n"
           "  - {name: pause, match: {paths: [/spec/paused]}, action: heal}\n"
           "  - {name: labels, match: {paths: [/metadata/labels]}, action: alert, severity: "
           "critical}\n",
           NOON);
    assert_decided(f, TU_VERDICT_DRIFTED, TU_ACTION_HEAL, TU_SEVERITY_CRITICAL, "pause");
    assert_int_equal(f->finding.change_count, 3);
    assert_int_equal(f->finding.changes[0].action, TU_ACTION_IGNORE);
    assert_true(tu_str_is(f->finding.changes[0].entry, "scaling"));
    assert_int_equal(f->finding.changes[2].action, TU_ACTION_ALERT);
}

static void when_named_managers_own_every_change_the_object_is_delegated(void **state) {
    fixture *f = *state;
    decide_one(
        f,
        "  drift:\n  - {name: hpa, match: {managers: [kube-controller-manager]}, action: ignore}\n",
        by_autoscaler("/spec/replicas"));
    assert_decided(f, TU_VERDICT_DELEGATED, TU_ACTION_IGNORE, TU_SEVERITY_INFO, "hpa");
    assert_int_equal(f->finding.change_count, 1);
}

static void when_every_change_is_ignored_the_object_is_in_sync(void **state) {
    fixture *f = *state;
    decide_one(f,
               "  drift:\n  - {name: replicas, match: {paths: [/spec/replicas]}, action: ignore}\n",
               by_hand("/spec/replicas"));
    assert_decided(f, TU_VERDICT_IN_SYNC, TU_ACTION_IGNORE, TU_SEVERITY_INFO, "replicas");
}

/* ---- quiet changes --------------------------------------------------------------------- */

static void quiet_changes_count_only_where_an_entry_asks_for_them(void **state) {
    fixture *f = *state;
    static const struct {
        const char *match;
        bool asked;
    } table[] = {{"kinds: [Deployment]", false},
                 {"changes: [added]", false},
                 {"managers: ['class:controller']", false},
                 {"changes: [value], managers: ['class:controller']", false},
                 {"changes: [added], managers: [argocd]", false},
                 {"changes: [added], managers: ['class:controller']", true},
                 {"changes: [added], managers: ['class:controller'], verdicts: [drifted]", true}};
    const tu_change quiet =
        change(TU_CHANGE_ADDED, "/spec/x", "some-operator", TU_MANAGER_CONTROLLER);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "  drift:\n  - {name: it, match: {%s}, action: alert}\n",
                 table[i].match);
        const tu_rule *rule = rule_of(f, text);
        found(f, TU_VERDICT_IN_SYNC, NULL, 0);
        tu_decide(&f->arena, rule, NULL, NULL, &quiet, 1, NOON, &f->finding, NULL);
        if ((f->finding.change_count == 1) != table[i].asked)
            fail_msg("%s", table[i].match);
        assert_int_equal(f->finding.verdict,
                         table[i].asked ? TU_VERDICT_DRIFTED : TU_VERDICT_IN_SYNC);
        assert_int_equal(f->finding.action, table[i].asked ? TU_ACTION_ALERT : TU_ACTION_IGNORE);
        assert_int_equal(f->finding.confidence,
                         table[i].asked ? TU_CONFIDENCE_OBSERVED : TU_CONFIDENCE_PROVED);
    }
}

static void a_quiet_change_that_an_entry_ignores_stays_quiet(void **state) {
    fixture *f = *state;
    const tu_change quiet =
        change(TU_CHANGE_ADDED, "/spec/x", "some-operator", TU_MANAGER_CONTROLLER);
    const tu_rule *rule = rule_of(
        f,
        "  drift:\n"
        "  - {name: fine, match: {changes: [added], managers: [some-operator]}, action: ignore}\n"
        "  - {name: others, match: {changes: [added], managers: ['class:controller']}, action: "
        "heal}\n");
    found(f, TU_VERDICT_IN_SYNC, NULL, 0);
    tu_decide(&f->arena, rule, NULL, NULL, &quiet, 1, NOON, &f->finding, NULL);
    assert_decided(f, TU_VERDICT_IN_SYNC, TU_ACTION_IGNORE, TU_SEVERITY_INFO, "");
}

static void the_condition_that_fails_is_named(void **state) {
    fixture *f = *state;
    static const struct {
        const char *match;
        tu_miss miss;
        const char *says;
    } table[] = {
        {"kinds: [StatefulSet, DaemonSet]", TU_MISS_KIND,
         "kinds: Deployment is none of StatefulSet or DaemonSet"},
        {"groups: ['']", TU_MISS_GROUP, "groups: apps is not \"\""},
        {"namespaces: [prod]", TU_MISS_NAMESPACE, "namespaces: shop is not prod"},
        {"names: ['c[xy]*']", TU_MISS_NAME, "names: cart is not c[xy]*"},
        {"labels: {app: x}", TU_MISS_LABEL, "labels: the object hasn't app=x"},
        {"reasons: [policy]", TU_MISS_REASON, "reasons: immutable: spec.selector is not policy"},
        {"verdicts: [missing]", TU_MISS_VERDICT, "verdicts: drifted is not missing"},
        {"changes: [added, order]", TU_MISS_CHANGE, "changes: value is none of added or order"},
        {"paths: [/spec/paused]", TU_MISS_PATH, "paths: /spec/replicas is not /spec/paused"},
        {"managers: [argocd, 'class:controller']", TU_MISS_MANAGER,
         "managers: kubectl-scale (human) is none of argocd or class:controller"},
        {"subresources: ['']", TU_MISS_SUBRESOURCE, "subresources: scale is not \"\""},
        {"notes: [default]", TU_MISS_NOTE, "notes: unowned is not default"},
        {"within: [{cron: '0 20 * * *', duration: 1h}]", TU_MISS_WINDOW,
         "within: none of its windows is open now"},
        {"subresources: [scale], notes: ['un*'], reasons: [immutable], managers: ['class:human']",
         TU_MISS_NONE, "it matches"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "  drift:\n  - {name: it, match: {%s}, action: alert}\n",
                 table[i].match);
        tu_change c = change(TU_CHANGE_VALUE, "/spec/replicas", "kubectl-scale", TU_MANAGER_HUMAN);
        c.owner.subresource = TU_S("scale");
        c.note = TU_S("unowned");
        const tu_rule *rule = rule_of(f, text);
        found(f, TU_VERDICT_DRIFTED, &c, 1);
        f->finding.reason = TU_S("immutable: spec.selector");
        tu_trials t;
        assert_int_equal(tu_decide_explain(&f->arena, rule, NULL, NULL, NOON, &f->finding,
                                           &f->finding.changes[0], false, &t, NULL),
                         TU_OK);
        _cleanup_(tu_buf_done) tu_buf says = TU_BUF_INIT(64 * 1024);
        tu_miss_print(&says, t.items[0].entry, t.items[0].miss, &f->finding,
                      &f->finding.changes[0]);
        if (t.items[0].miss != table[i].miss || strcmp(tu_buf_c(&says), table[i].says) != 0)
            fail_msg("%s: %s", table[i].match, tu_buf_c(&says));
    }
}

static void what_the_target_does_is_asked_for_by_its_note(void **state) {
    fixture *f = *state;
    tu_change quiet = change(TU_CHANGE_ADDED, "/spec/x", "kubectl-create", TU_MANAGER_HUMAN);
    quiet.note = TU_S("default");
    for (int named = 0; named < 2; named++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "  drift:\n  - {name: it, match: {changes: [added], managers: ['*']%s}, action: "
                 "alert}\n",
                 named ? ", notes: [default]" : "");
        const tu_rule *rule = rule_of(f, text);
        found(f, TU_VERDICT_IN_SYNC, NULL, 0);
        tu_decide(&f->arena, rule, NULL, NULL, &quiet, 1, NOON, &f->finding, NULL);
        assert_int_equal(f->finding.change_count, named);
    }
}

static void a_rules_own_entries_come_before_those_of_its_packs(void **state) {
    fixture *f = *state;
    const tu_rule *rule = rule_of(f, "  use: [b, a]\n"
                                     "  drift:\n"
                                     "  - {name: own, match: {names: [other]}, action: alert}\n"
                                     "---\n"
                                     "apiVersion: trueup.dev/v1\n"
                                     "kind: Pack\n"
                                     "metadata: {name: a}\n"
                                     "spec: {drift: [{name: of a, action: heal}]}\n"
                                     "---\n"
                                     "apiVersion: trueup.dev/v1\n"
                                     "kind: Pack\n"
                                     "metadata: {name: b}\n"
                                     "spec: {drift: [{name: of b, action: ignore}]}\n");
    assert_int_equal(rule->entry_count, 3);
    assert_int_equal(rule->own_entry_count, 1);
    assert_true(tu_str_is(rule->entries[1].name, "of b") && tu_str_is(rule->entries[1].pack, "b"));
    assert_true(tu_str_is(rule->entries[2].name, "of a") && tu_str_is(rule->entries[2].pack, "a"));
    tu_change c = by_hand("/spec/replicas");
    found(f, TU_VERDICT_DRIFTED, &c, 1);
    tu_decide(&f->arena, rule, NULL, NULL, NULL, 0, NOON, &f->finding, NULL);
    assert_true(tu_str_is(f->finding.entry, "of b"));
}

static void the_next_expiry_is_the_first_that_is_to_come(void **state) {
    fixture *f = *state;
    const tu_rule *rule = rule_of(f, "  drift:\n"
                                     "  - {name: a, action: ignore, expires: 2026-01-01}\n"
                                     "  - {name: b, action: ignore, expires: 2026-03-01}\n"
                                     "  - {name: c, action: ignore, expires: 2026-02-01}\n"
                                     "  - {name: d, action: ignore}\n");
    assert_int_equal(tu_rule_next_expiry(rule, NOON), rule->entries[2].expires_ms);
    assert_int_equal(tu_rule_next_expiry(rule, rule->entries[1].expires_ms), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(where_no_entry_matches_the_mode_decides),
        TEST(what_cannot_be_healed_is_told_even_in_heal_mode),
        TEST(unmanaged_objects_are_told_and_not_removed),
        TEST(the_first_entry_that_matches_wins),
        TEST(every_condition_must_hold),
        TEST(labels_are_those_of_the_live_object_else_of_the_desired_one),
        TEST(an_expired_entry_no_longer_matches),
        TEST(an_entry_with_windows_matches_only_within_one),
        TEST(an_entry_about_changes_says_nothing_of_a_missing_object),
        TEST(what_is_no_drift_is_decided_only_by_an_entry_that_names_it),
        TEST(the_strongest_change_speaks_for_the_object),
        TEST(when_named_managers_own_every_change_the_object_is_delegated),
        TEST(when_every_change_is_ignored_the_object_is_in_sync),
        TEST(quiet_changes_count_only_where_an_entry_asks_for_them),
        TEST(a_quiet_change_that_an_entry_ignores_stays_quiet),
        TEST(the_condition_that_fails_is_named),
        TEST(what_the_target_does_is_asked_for_by_its_note),
        TEST(a_rules_own_entries_come_before_those_of_its_packs),
        TEST(the_next_expiry_is_the_first_that_is_to_come),
    };
    return cmocka_run_group_tests_name("what a drift means", tests, NULL, NULL);
}
