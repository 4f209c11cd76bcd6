/* The model: names, identities, copies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/model.h"

static void every_name_is_read_back(void **state) {
    (void)state;
    for (int i = 0; i < TU_VERDICT_COUNT; i++) {
        tu_verdict v = TU_VERDICT_COUNT;
        assert_true(tu_verdict_parse(tu_str_c(tu_verdict_name((tu_verdict)i)), &v));
        assert_int_equal(v, i);
    }
    for (int i = 0; i < TU_CHANGE_COUNT; i++) {
        tu_change_kind k = TU_CHANGE_COUNT;
        assert_true(tu_change_parse(tu_str_c(tu_change_name((tu_change_kind)i)), &k));
        assert_int_equal(k, i);
    }
    for (int i = TU_ACTION_IGNORE; i <= TU_ACTION_HEAL; i++) {
        tu_action a = TU_ACTION_IGNORE;
        assert_true(tu_action_parse(tu_str_c(tu_action_name((tu_action)i)), &a));
        assert_int_equal(a, i);
    }
    for (int i = TU_SEVERITY_INFO; i <= TU_SEVERITY_CRITICAL; i++) {
        tu_severity s = TU_SEVERITY_INFO;
        assert_true(tu_severity_parse(tu_str_c(tu_severity_name((tu_severity)i)), &s));
        assert_int_equal(s, i);
    }
    assert_string_equal(tu_verdict_name(TU_VERDICT_IN_SYNC), "in-sync");
    assert_string_equal(tu_verdict_name(TU_VERDICT_DELEGATED), "delegated");
    assert_string_equal(tu_confidence_name(TU_CONFIDENCE_NONE), "");
    assert_string_equal(tu_confidence_name(TU_CONFIDENCE_CONFIRMED), "confirmed");
    assert_string_equal(tu_manager_class_name(TU_MANAGER_OURS), "ours");
    assert_string_equal(tu_change_name(TU_CHANGE_OWNERSHIP), "ownership");
    assert_string_equal(tu_severity_name(TU_SEVERITY_CRITICAL), "critical");
    tu_verdict v;
    tu_severity s;
    tu_action a;
    tu_change_kind k;
    assert_false(tu_verdict_parse(TU_S("Drifted"), &v));
    assert_false(tu_severity_parse(TU_S(""), &s));
    assert_false(tu_action_parse(TU_S("heal "), &a));
    assert_false(tu_change_parse(TU_S("changed"), &k));
}

static void drift_is_what_must_be_told_or_done(void **state) {
    (void)state;
    static const bool drift[TU_VERDICT_COUNT] = {
        [TU_VERDICT_DRIFTED] = true, [TU_VERDICT_MISSING] = true, [TU_VERDICT_UNMANAGED] = true,
        [TU_VERDICT_BLOCKED] = true, [TU_VERDICT_INVALID] = true,
    };
    for (int i = 0; i < TU_VERDICT_COUNT; i++)
        assert_int_equal(tu_verdict_is_drift((tu_verdict)i), drift[i]);
}

static void identities_are_parsed_and_printed(void **state) {
    (void)state;
    static const struct {
        const char *text, *group, *kind, *namespace_, *name;
    } good[] = {
        {"Namespace/shop", "", "Namespace", "", "shop"},
        {"Deployment/shop/cart", "", "Deployment", "shop", "cart"},
        {"Deployment.apps/shop/cart", "apps", "Deployment", "shop", "cart"},
        {"ClusterRole.rbac.authorization.k8s.io/a:b", "rbac.authorization.k8s.io", "ClusterRole",
         "", "a:b"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        tu_object_id id;
        bool any_group;
        assert_int_equal(tu_object_id_parse(tu_str_c(good[i].text), &id, &any_group, NULL), TU_OK);
        assert_true(tu_str_is(id.group, good[i].group));
        assert_true(tu_str_is(id.kind, good[i].kind));
        assert_true(tu_str_is(id.namespace_, good[i].namespace_));
        assert_true(tu_str_is(id.name, good[i].name));
        assert_int_equal(any_group, good[i].group[0] == '\0');
        tu_buf b = TU_BUF_INIT(1000);
        tu_object_id_print(&b, &id);
        assert_string_equal(tu_buf_c(&b), good[i].text);
        tu_buf_done(&b);
    }
    static const char *const bad[] = {"",        "Deployment", "/",          "Deployment/", "/cart",
                                      "a/b/c/d", "a//c",       ".apps/cart", "a/b/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tu_object_id id = {0};
        bool any_group = false;
        tu_error *e = NULL;
        if (tu_object_id_parse(tu_str_c(bad[i]), &id, &any_group, &e) != TU_EINVALID)
            fail_msg("'%s' passed", bad[i]);
        assert_non_null(strstr(tu_error_text(e), "Kind/name"));
        tu_error_free(e);
    }
}

static void an_identity_has_no_version(void **state) {
    (void)state;
    tu_object_id a = {TU_S("apps"), TU_S("v1"), TU_S("Deployment"), TU_S("shop"), TU_S("cart")},
                 b = a;
    b.version = TU_S("v1beta1");
    assert_true(tu_object_id_equal(&a, &b));
    assert_int_equal(tu_object_id_hash(&a), tu_object_id_hash(&b));
    tu_str *parts[] = {&b.group, &b.kind, &b.namespace_, &b.name};
    for (size_t i = 0; i < 4; i++) {
        tu_str kept = *parts[i];
        *parts[i] = TU_S("other");
        assert_false(tu_object_id_equal(&a, &b));
        assert_int_not_equal(tu_object_id_hash(&a), tu_object_id_hash(&b));
        *parts[i] = kept;
    }
    /* what moves from one part to the next is another identity */
    tu_object_id x = {.namespace_ = TU_S("ab"), .name = TU_S("c")},
                 y = {.namespace_ = TU_S("a"), .name = TU_S("bc")};
    assert_false(tu_object_id_equal(&x, &y));
    assert_int_not_equal(tu_object_id_hash(&x), tu_object_id_hash(&y));
}

static void an_identity_is_read_from_an_object(void **state) {
    (void)state;
    tu_arena arena;
    tu_arena_init(&arena, 0);
    tu_value *object = tu_value_new(&arena, TU_MAP), *metadata = tu_value_new(&arena, TU_MAP);
    tu_value_set_string(&arena, object, "apiVersion", TU_S("apps/v1"));
    tu_value_set_string(&arena, object, "kind", TU_S("Deployment"));
    tu_value_set_string(&arena, metadata, "name", TU_S("cart"));
    tu_value_set(&arena, object, TU_S("metadata"), metadata);
    tu_object_id id = tu_object_id_of(object);
    assert_true(tu_str_is(id.group, "apps"));
    assert_true(tu_str_is(id.version, "v1"));
    assert_true(tu_str_is(id.kind, "Deployment"));
    assert_true(tu_str_is(id.name, "cart"));
    assert_int_equal(id.namespace_.n, 0);
    tu_value_set_string(&arena, object, "apiVersion", TU_S("v1"));
    id = tu_object_id_of(object);
    assert_int_equal(id.group.n, 0);
    assert_true(tu_str_is(id.version, "v1"));
    tu_value_set_integer(&arena, object, "metadata", 5);
    assert_int_equal(tu_object_id_of(object).name.n, 0);
    assert_int_equal(tu_object_id_of(NULL).kind.n, 0);
    tu_arena_done(&arena);
}

static tu_finding *sample(tu_arena *a) {
    tu_finding *f = tu_arena_zalloc(a, sizeof *f);
    tu_change *c = tu_arena_zalloc(a, 2 * sizeof *c);
    *f = (tu_finding){
        .id = {TU_S("apps"), TU_S("v1"), TU_S("Deployment"), TU_S("shop"), TU_S("cart")},
        .verdict = TU_VERDICT_DRIFTED,
        .reason = tu_arena_copy(a, TU_S("because")),
        .file = tu_arena_copy(a, TU_S("cart.yaml")),
        .line = 3,
        .changes = c,
        .change_count = 2,
        .uid = tu_arena_copy(a, TU_S("u-1"))};
    c[0] = (tu_change){.path = tu_arena_copy(a, TU_S("/spec/replicas")),
                       .desired = tu_value_new_integer(a, 3),
                       .live = tu_value_new_integer(a, 5),
                       .owner.manager = tu_arena_copy(a, TU_S("kubectl-edit"))};
    c[1] = (tu_change){.path = tu_arena_copy(a, TU_S("/spec/x")),
                       .kind = TU_CHANGE_ADDED,
                       .live = tu_value_new_string(a, tu_arena_copy(a, TU_S("hello")))};
    return f;
}

static void a_copied_finding_survives_its_arena(void **state) {
    (void)state;
    tu_arena first, second;
    tu_arena_init(&first, 0);
    tu_arena_init(&second, 0);
    tu_finding *copy = tu_finding_copy(&second, sample(&first));
    tu_arena_done(&first);
    assert_non_null(copy);
    assert_true(tu_str_is(copy->reason, "because"));
    assert_true(tu_str_is(copy->uid, "u-1"));
    assert_int_equal(copy->change_count, 2);
    assert_true(tu_str_is(copy->changes[0].owner.manager, "kubectl-edit"));
    assert_int_equal(tu_value_integer(copy->changes[0].live, 0), 5);
    assert_null(copy->changes[1].desired);
    assert_true(tu_str_is(tu_value_string(copy->changes[1].live), "hello"));
    tu_arena_done(&second);
}

static void a_copied_finding_is_whole_or_nothing(void **state) {
    (void)state;
    tu_arena first;
    tu_arena_init(&first, 0);
    tu_finding *f = sample(&first);
    size_t limit = 16;
    for (tu_finding *copy = NULL; copy == NULL;
         limit += 16) { /* every place where the arena can run out */
        tu_arena second;
        tu_arena_init(&second, limit);
        copy = tu_finding_copy(&second, f);
        tu_arena_done(&second);
    }
    assert_true(limit > 500);
    tu_arena_done(&first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_read_back),
        cmocka_unit_test(drift_is_what_must_be_told_or_done),
        cmocka_unit_test(identities_are_parsed_and_printed),
        cmocka_unit_test(an_identity_has_no_version),
        cmocka_unit_test(an_identity_is_read_from_an_object),
        cmocka_unit_test(a_copied_finding_survives_its_arena),
        cmocka_unit_test(a_copied_finding_is_whole_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
