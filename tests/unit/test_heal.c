/*
 * What is written to a target for one finding: the body, the patch and the preconditions, as the
 * fake target saw them; and what becomes of its refusals.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desired.h"

#include "base/limits.h"
#include "base/mem.h"
#include "engine/confirm.h"
#include "heal/heal.h"
#include "value/json.h"
#include "value/pointer.h"

#define META "\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\""
#define LIVE_META META ",\"uid\":\"u-1\",\"resourceVersion\":\"7\"}"
#define DEPLOYMENT "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\","

static const char manifest[] = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n"
                               "  replicas: 3\n  paused: false\n  containers:\n"
                               "  - {name: app, image: one}\n  - {name: side, image: two}\n";

typedef struct fixture {
    test_desired t;
    tu_prepared desired;
    tu_arena arena;
    tu_call_options call;
} fixture;

static void begin(fixture *x, const char *live, bool heal) {
    *x = (fixture){.t = test_desired_new(heal)};
    test_desired_write(&x->t, "m/a.yaml", manifest);
    test_desired_load(&x->t);
    assert_int_equal(x->t.set->n, 1);
    tu_arena_init(&x->arena, 0);
    assert_int_equal(tu_desired_open(x->t.set, 0, &x->arena, &x->desired, NULL), TU_OK);
    if (live)
        test_desired_write(&x->t, "live.json", live);
}

static void end(fixture *x) {
    tu_arena_done(&x->arena);
    test_desired_done(&x->t);
}

static tu_value *json(fixture *x, const char *text) {
    tu_value *v = NULL;
    assert_int_equal(tu_json_parse(&x->arena, tu_str_c(text), TU_JSON_COPY, NULL, &v, NULL, NULL),
                     TU_OK);
    return v;
}

/* Lines of `calls` that begin with word; malloc'd. */
static char *calls(const fixture *x, const char *word) {
    char *all = test_desired_read(&x->t, "calls"), *out = calloc(1, 1 << 16), *rest = all;
    for (char *line; all && (line = strsep(&rest, "\n"));)
        if (strncmp(line, word, strlen(word)) == 0) {
            strncat(out, line, 60000);
            strcat(out, "\n");
        }
    free(all);
    return out;
}

static tu_rc heal(fixture *x, const char *live, tu_change *changes, size_t n, tu_error **error) {
    tu_finding f = {.id = x->desired.id,
                    .verdict = live ? TU_VERDICT_DRIFTED : TU_VERDICT_MISSING,
                    .changes = changes,
                    .change_count = n,
                    .action = TU_ACTION_HEAL};
    const tu_value *after = NULL;
    return tu_heal_apply(&x->arena, x->t.target, &x->desired, live ? json(x, live) : NULL, &f,
                         TU_ACTION_HEAL, &x->call, NULL, &after, error);
}

static void what_is_missing_is_created_as_it_is_desired(void **state) {
    (void)state;
    fixture x;
    begin(&x, NULL, true);
    assert_int_equal(heal(&x, NULL, NULL, 0, NULL), TU_OK);
    char *asked = calls(&x, "apply");
    assert_contains(asked, "\"mustExist\":false");
    assert_contains(asked, "\"uid\":\"\",\"resourceVersion\":\"\"");
    assert_contains(asked, "\"manager\":\"trueup\"");
    assert_contains(asked, "\"replicas\":3");
    free(asked);
    end(&x);
}

static void a_change_that_is_left_alone_keeps_its_live_value(void **state) {
    (void)state;
    fixture x;
    const char *live = DEPLOYMENT LIVE_META ",\"spec\":{\"replicas\":9,\"containers\":["
                                            "{\"name\":\"side\",\"image\":\"tampered\"}]}}";
    begin(&x, live, true);
    tu_value *nine = json(&x, "9"), *tampered = json(&x, "\"tampered\"");
    tu_change changes[] = {
        {.path = TU_S("/spec/replicas"),
         .kind = TU_CHANGE_VALUE,
         .live = nine,
         .desired = nine,
         .action = TU_ACTION_IGNORE},
        {.path = TU_S("/spec/paused"), .kind = TU_CHANGE_REMOVED, .action = TU_ACTION_ALERT},
        {.path = TU_S("/spec/containers/[name=app]"),
         .kind = TU_CHANGE_REMOVED,
         .action = TU_ACTION_ALERT},
        {.path = TU_S("/spec/containers/[name=side]/image"),
         .kind = TU_CHANGE_VALUE,
         .live = tampered,
         .action = TU_ACTION_HEAL}};
    assert_int_equal(heal(&x, live, changes, 4, NULL), TU_OK);
    char *asked = calls(&x, "apply");
    assert_contains(asked, "\"uid\":\"u-1\",\"resourceVersion\":\"7\",\"mustExist\":true");
    assert_contains(asked, "\"replicas\":9");
    assert_lacks(asked, "paused");
    assert_lacks(asked, "\"app\"");
    assert_contains(asked, "{\"name\":\"side\",\"image\":\"two\"}");
    const tu_value *replicas = tu_pointer_get(x.desired.object, TU_S("/spec/replicas"));
    assert_int_equal(tu_value_integer(replicas, 0), 3); /* the desired set is as it was */
    free(asked);
    end(&x);
}

static void additions_are_patched_away_last_first_and_nothing_else_is_applied(void **state) {
    (void)state;
    fixture x;
    const char *live = DEPLOYMENT META
        ",\"uid\":\"u-1\",\"resourceVersion\":\"7\",\"annotations\":{\"x/y\":\"z\"}}"
        ",\"spec\":{\"containers\":[{\"name\":\"spy\"},{\"name\":\"app\"},"
        "{\"name\":\"mole\"},{\"name\":\"side\"}]}}";
    begin(&x, live, true);
    const tu_owner human = {.manager = TU_S("kubectl-edit"), .class_ = TU_MANAGER_HUMAN};
    tu_change changes[] = {{.path = TU_S("/metadata/annotations/x~1y"),
                            .kind = TU_CHANGE_ADDED,
                            .owner = human,
                            .action = TU_ACTION_HEAL},
                           {.path = TU_S("/spec/containers/[name=spy]"),
                            .kind = TU_CHANGE_ADDED,
                            .owner = human,
                            .action = TU_ACTION_HEAL},
                           {.path = TU_S("/spec/containers/[name=mole]"),
                            .kind = TU_CHANGE_ADDED,
                            .owner = human,
                            .action = TU_ACTION_HEAL},
                           {.path = TU_S("/spec/containers/[name=left]"),
                            .kind = TU_CHANGE_ADDED,
                            .owner = human,
                            .action = TU_ACTION_HEAL}};
    assert_int_equal(heal(&x, live, changes, 4, NULL), TU_OK);
    char *asked = calls(&x, "patch"), *applied = calls(&x, "apply");
    assert_contains(asked, "[{\"op\":\"remove\",\"path\":\"/spec/containers/2\"},"
                           "{\"op\":\"remove\",\"path\":\"/spec/containers/0\"},"
                           "{\"op\":\"remove\",\"path\":\"/metadata/annotations/x~1y\"}]");
    assert_contains(asked, "\"resourceVersion\":\"7\"");
    assert_string_equal(applied, "");
    free(asked);
    free(applied);
    end(&x);
}

static void additions_that_are_left_alone_are_not_touched(void **state) {
    (void)state;
    fixture x;
    const char *live = DEPLOYMENT LIVE_META ",\"spec\":{\"extra\":1}}";
    begin(&x, live, true);
    tu_change change = {.path = TU_S("/spec/extra"),
                        .kind = TU_CHANGE_ADDED,
                        .owner = {.class_ = TU_MANAGER_HUMAN},
                        .action = TU_ACTION_ALERT};
    assert_int_equal(heal(&x, live, &change, 1, NULL), TU_OK);
    assert_null(test_desired_read(&x.t, "calls"));
    end(&x);
}

static void the_patch_carries_the_version_that_the_apply_answered(void **state) {
    (void)state;
    fixture x;
    const char *live = DEPLOYMENT LIVE_META ",\"spec\":{\"replicas\":9,\"extra\":1}}";
    begin(&x, live, true);
    test_desired_write(&x.t, "after.json",
                       DEPLOYMENT META ",\"uid\":\"u-1\",\"resourceVersion\":\"8\"}"
                                       ",\"spec\":{\"replicas\":3,\"extra\":1}}");
    tu_change changes[] = {
        {.path = TU_S("/spec/replicas"), .kind = TU_CHANGE_VALUE, .action = TU_ACTION_HEAL},
        {.path = TU_S("/spec/extra"),
         .kind = TU_CHANGE_ADDED,
         .owner = {.class_ = TU_MANAGER_HUMAN},
         .action = TU_ACTION_HEAL}};
    assert_int_equal(heal(&x, live, changes, 2, NULL), TU_OK);
    char *applied = calls(&x, "apply"), *patched = calls(&x, "patch");
    assert_contains(applied, "\"resourceVersion\":\"7\"");
    assert_contains(patched, "\"resourceVersion\":\"8\"");
    free(applied);
    free(patched);
    end(&x);
}

/* --- one object's whole healing --------------------------------------------------------------- */

static const char drifted[] = DEPLOYMENT LIVE_META
    ",\"spec\":{\"replicas\":9,\"paused\":false,\"containers\":["
    "{\"name\":\"app\",\"image\":\"one\"},{\"name\":\"side\",\"image\":\"two\"}]}}";

static tu_rc heal_one(fixture *x, tu_finding *f, bool *healed, tu_error **error) {
    return tu_heal_one(&x->arena, &x->t.config->rules[0], x->t.target, &x->desired, TU_ACTION_HEAL,
                       &x->call, NULL, f, healed, error);
}

/* The rule may not ask for a dry run here, so that each apply is a write. */
static void without_dry_run(fixture *x) {
    x->t.config->rules[0].confirm = false;
}

static size_t count(const char *text, const char *part) {
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, part)); p++)
        n++;
    return n;
}

static void what_drifted_is_healed_and_judged_by_the_answer(void **state) {
    (void)state;
    fixture x;
    begin(&x, drifted, true);
    without_dry_run(&x);
    tu_finding f;
    bool healed = false;
    assert_int_equal(heal_one(&x, &f, &healed, NULL), TU_OK);
    assert_true(healed);
    assert_int_equal(f.verdict, TU_VERDICT_IN_SYNC);
    end(&x);
}

static void a_conflict_is_read_again_and_tried_again(void **state) {
    (void)state;
    fixture x;
    char text[32];
    begin(&x, drifted, true);
    without_dry_run(&x);
    snprintf(text, sizeof text, "%d 1", TU_ECONFLICT);
    test_desired_write(&x.t, "fail", text);
    tu_finding f;
    bool healed = false;
    assert_int_equal(heal_one(&x, &f, &healed, NULL), TU_OK);
    assert_true(healed);
    char *asked = calls(&x, "");
    assert_int_equal(count(asked, "get "), 2);
    assert_int_equal(count(asked, "apply "), 2);
    free(asked);
    end(&x);
}

static void a_conflict_without_end_ends_as_an_error(void **state) {
    (void)state;
    fixture x;
    char text[32];
    begin(&x, drifted, true);
    without_dry_run(&x);
    snprintf(text, sizeof text, "%d 1000", TU_ECONFLICT);
    test_desired_write(&x.t, "fail", text);
    tu_finding f;
    bool healed = false;
    tu_error *why = NULL;
    assert_int_equal(heal_one(&x, &f, &healed, &why), TU_ECONFLICT);
    assert_false(healed);
    assert_non_null(why);
    tu_error_free(why);
    end(&x);
}

static void what_the_target_refuses_is_blocked_or_invalid_with_its_word(void **state) {
    (void)state;
    static const struct {
        tu_rc class_;
        tu_verdict verdict;
    } refusals[] = {{TU_EREFUSED, TU_VERDICT_BLOCKED}, {TU_EINVALID, TU_VERDICT_INVALID}};
    for (size_t i = 0; i < 2; i++) {
        for (int dry = 0; dry < 2; dry++) {
            fixture x;
            char text[32];
            begin(&x, drifted, true);
            x.t.config->rules[0].confirm = dry;
            snprintf(text, sizeof text, "%d 1000", refusals[i].class_);
            test_desired_write(&x.t, "fail", text);
            tu_finding f;
            bool healed = false;
            assert_int_equal(heal_one(&x, &f, &healed, NULL), TU_OK);
            assert_false(healed);
            assert_int_equal(f.verdict, refusals[i].verdict);
            assert_contains(f.reason.p, "told-so: ");
            assert_contains(f.reason.p, "as it was told");
            end(&x);
        }
    }
}

static void an_unreachable_target_is_an_error_and_no_verdict(void **state) {
    (void)state;
    fixture x;
    char text[32];
    begin(&x, drifted, true);
    without_dry_run(&x);
    snprintf(text, sizeof text, "%d 1000", TU_EUNAVAILABLE);
    test_desired_write(&x.t, "fail", text);
    tu_finding f;
    bool healed = true;
    tu_error *why = NULL;
    assert_int_equal(heal_one(&x, &f, &healed, &why), TU_EUNAVAILABLE);
    assert_false(healed);
    tu_error_free(why);
    end(&x);
}

static void in_audit_mode_nothing_is_asked_but_the_object(void **state) {
    (void)state;
    fixture x;
    begin(&x, drifted, false);
    tu_finding f;
    const tu_value *live = NULL;
    assert_int_equal(tu_verify(&x.arena, &x.t.config->rules[0], x.t.target, &x.desired, &x.call,
                               NULL, &live, &f, NULL),
                     TU_OK);
    assert_int_equal(f.verdict, TU_VERDICT_DRIFTED);
    char *asked = calls(&x, "");
    assert_lacks(asked, "apply");
    free(asked);
    end(&x);
}

static void definitions_come_before_what_needs_them(void **state) {
    (void)state;
    static const char *const order[] = {
        "Namespace", "ServiceAccount", "RoleBinding",
        "ConfigMap", "Service",        "Deployment",
        "Thing",     "Ingress",        "ValidatingWebhookConfiguration"};
    for (size_t i = 1; i < sizeof order / sizeof *order; i++)
        assert_true(tu_heal_stage((tu_str){0}, tu_str_c(order[i - 1])) <
                    tu_heal_stage((tu_str){0}, tu_str_c(order[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_is_created_as_it_is_desired),
        cmocka_unit_test(a_change_that_is_left_alone_keeps_its_live_value),
        cmocka_unit_test(additions_are_patched_away_last_first_and_nothing_else_is_applied),
        cmocka_unit_test(additions_that_are_left_alone_are_not_touched),
        cmocka_unit_test(the_patch_carries_the_version_that_the_apply_answered),
        cmocka_unit_test(what_drifted_is_healed_and_judged_by_the_answer),
        cmocka_unit_test(a_conflict_is_read_again_and_tried_again),
        cmocka_unit_test(a_conflict_without_end_ends_as_an_error),
        cmocka_unit_test(what_the_target_refuses_is_blocked_or_invalid_with_its_word),
        cmocka_unit_test(an_unreachable_target_is_an_error_and_no_verdict),
        cmocka_unit_test(in_audit_mode_nothing_is_asked_but_the_object),
        cmocka_unit_test(definitions_come_before_what_needs_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
