/*
 * Deciding, explaining, linting and the running of cases, with every allocation made to fail once: each
 * says so, or does without what failed. Nothing crashes, leaks or decides by half.
 */
#include "base/file.h"
#include "base/mem.h"
#include "rules/lint.h"
#include "rules/test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOON 1767355200000

static tu_config *load(const char *file) {
    const char *source = getenv("TRUEUP_SOURCE_DIR");
    char path[1024];
    tu_errors errors = {0};
    snprintf(path, sizeof path, "%s/%s", source ? source : ".", file);
    tu_config *c = tu_config_load(path, &errors);
    if (!c)
        fail_msg("%s: %s", path, tu_error_text(errors.items[0]));
    tu_errors_done(&errors);
    return c;
}

typedef tu_rc job(tu_arena *a, const tu_config *c, tu_error **error);

static void fail_each(const char *file, job *work) {
    tu_config *c = load(file);
    size_t allocations = 1;
    for (size_t i = 0; i <= allocations; i++) {
        tu_error *error = NULL;
        tu_arena a;
        tu_arena_init(&a, 0);
        tu_mem_fail_after(i); /* 0: none */
        tu_rc rc = work(&a, c, &error);
        size_t made = tu_mem_fail_after(0);
        if (i == 0)
            allocations = made;
        assert_int_equal(rc == TU_OK, error == NULL);
        tu_error_free(error);
        tu_arena_done(&a);
    }
    assert_true(allocations > 0);
    tu_config_unref(c);
}

static tu_rc decide(tu_arena *a, const tu_config *c, tu_error **error) {
    tu_change change = {.path = TU_S("/spec/template/spec/containers/[name=app]/image"),
                        .owner = {.manager = TU_S("kubectl-edit"), .class_ = TU_MANAGER_HUMAN}};
    tu_change quiet = {.path = TU_S("/metadata/labels/a"), .kind = TU_CHANGE_ADDED};
    tu_finding f = {
        .id = {TU_S("apps"), TU_S("v1"), TU_S("Deployment"), TU_S("shop"), TU_S("cart")},
        .verdict = TU_VERDICT_DRIFTED,
        .changes = &change,
        .change_count = 1};
    tu_trials t;
    tu_rc rc = tu_decide(a, &c->rules[0], NULL, NULL, &quiet, 1, NOON, &f, error);
    return rc ? rc
              : tu_decide_explain(a, &c->rules[0], NULL, NULL, NOON, &f, &f.changes[0], false, &t,
                                  error);
}

static tu_rc lint(tu_arena *a, const tu_config *c, tu_error **error) {
    const tu_lint_kind kind = {TU_S("apps"), TU_S("Deployment"), tu_kind_untyped()};
    const tu_lint_options o = {.wall_ms = NOON, .soon_ms = 1000, .kinds = &kind, .kind_count = 1};
    const tu_object_id id = {TU_S("apps"), TU_S("v1"), TU_S("Deployment"), TU_S("a"), TU_S("b")};
    tu_lint_result r = {.arena = a};
    tu_rc rc = tu_lint(c, &o, &r, error);
    return rc ? rc : tu_lint_desired(&c->rules[0], &id, 1, &r, error);
}

static tu_rc run_cases(tu_arena *a, const tu_config *c, tu_error **error) {
    const tu_test_options o = {.our_manager = TU_S("trueup"), .wall_ms = NOON};
    tu_test_results r;
    return tu_rule_test_run(a, c, &o, &r, error);
}

static void deciding_fails_as_a_whole(void **state) {
    (void)state;
    fail_each("tests/cli/rules-lint/files/trueup.yaml", decide);
}

static void linting_fails_as_a_whole(void **state) {
    (void)state;
    fail_each("tests/cli/rules-lint/files/trueup.yaml", lint);
}

static void running_cases_fails_as_a_whole(void **state) {
    (void)state;
    fail_each("rules/aggregated-roles", run_cases);
    fail_each("rules/autoscalers", run_cases);
}

/* TRUEUP_RULES_PATH, so that packs are found beside a test's program, too. */
static int find_packs(void **state) {
    (void)state;
    const char *source = getenv("TRUEUP_SOURCE_DIR");
    char path[1024];
    snprintf(path, sizeof path, "%s/rules", source ? source : ".");
    return setenv("TRUEUP_RULES_PATH", path, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deciding_fails_as_a_whole),
        cmocka_unit_test(linting_fails_as_a_whole),
        cmocka_unit_test(running_cases_fails_as_a_whole),
    };
    return cmocka_run_group_tests(tests, find_packs, NULL);
}
