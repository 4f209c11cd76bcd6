/* compare/ownership: sets of paths in the form of FieldsV1 (kubernetes-drift.md sections 1.2
 * and 1.4). */
#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "compare/judge.h"
#include "value/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cases.h"
#include "vectors.h"

static tu_arena arena;

static int set_up(void **state) {
    (void)state;
    tu_arena_init(&arena, 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tu_arena_done(&arena);
    return 0;
}

static tu_value *json(const char *text) {
    tu_value *v = NULL;
    if (tu_json_parse(&arena, tu_str_c(text), 0, NULL, &v, NULL, NULL))
        fail_msg("not JSON: %s", text);
    return v;
}

static tu_path_set *parse(const char *fields) {
    tu_path_set *set = NULL;
    if (tu_path_set_parse(&arena, json(fields), &set, NULL))
        fail_msg("no set: %s", fields);
    return set;
}

/* One way to write a set: f(name), k{...}, v(...), i(...), "!" behind a member, children in <...>.
 */
static void print(tu_buf *b, const tu_path_set *s) {
    static const char kinds[] = "fkvi";
    for (uint32_t i = 0; i < s->child_count; i++) {
        const tu_path_set *c = &s->children[i];
        tu_buf_addf(b, "%s%c:", i ? " " : "", kinds[c->kind]);
        if (c->kind == TU_STEP_FIELD)
            tu_buf_add(b, c->name);
        else
            tu_json_write(b, c->value, 0);
        if (c->member)
            tu_buf_add_c(b, "!");
        if (c->child_count) {
            tu_buf_add_c(b, "<");
            print(b, c);
            tu_buf_add_c(b, ">");
        }
    }
}

static void assert_set(const tu_path_set *s, const char *expected) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(64 * 1024);
    if (s)
        print(&b, s);
    assert_string_equal(tu_buf_c(&b), expected);
}

/* "f:name", "k:{...}", "v:1", "i:3": a step as FieldsV1 writes it. */
static void print_step(tu_buf *b, const tu_path_set *s) {
    static const char kinds[] = "fkvi";
    tu_buf_addf(b, "%c:", kinds[s->kind]);
    if (s->kind == TU_STEP_FIELD)
        tu_buf_add(b, s->name);
    else
        tu_json_write(b, s->value, 0);
}

/* Is the path (a list of steps) a member of the set? */
static bool is_member(const tu_path_set *s, const tu_value *path, size_t at) {
    if (at == tu_value_count(path))
        return s->member;
    for (uint32_t i = 0; i < s->child_count; i++) {
        _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(64 * 1024);
        print_step(&b, &s->children[i]);
        if (tu_str_eq(tu_buf_str(&b), tu_value_string(tu_value_at(path, at))))
            return is_member(&s->children[i], path, at + 1);
    }
    return false;
}

/* tests/corpus/vectors/fieldsv1.json; `differs` is where we knowingly refuse what the server reads. */
static void fields_v1_is_read_as_the_server_reads_it(void **state) {
    (void)state;
    const tu_value *cases = tu_value_get(test_vectors_read(&arena, "fieldsv1.json"), "cases");
    assert_true(tu_value_count(cases) >= 30);
    for (size_t i = 0; i < tu_value_count(cases); i++) {
        const tu_value *c = tu_value_at(cases, i), *members = tu_value_get(c, "members");
        const tu_value *written = tu_value_path(c, "recorded", "written", NULL);
        tu_str text = tu_value_get_string(c, "text");
        tu_path_set *set = NULL, *again = NULL;
        tu_value *v = NULL;
        assert_int_equal(tu_json_parse(&arena, text, 0, NULL, &v, NULL, NULL), TU_OK);
        tu_rc rc = tu_path_set_parse(&arena, v, &set, NULL);
        if (rc != (members->type == TU_NULL ? TU_EINVALID : TU_OK))
            fail_msg("%.*s is %s", TU_P(text), rc ? "a set" : "none");
        if (rc != TU_OK) {
            assert_true(tu_value_is(written, TU_NULL) || tu_value_get(c, "differs"));
            continue;
        }
        if (tu_path_set_size(set) != tu_value_count(members))
            fail_msg("%.*s has %zu members", TU_P(text), tu_path_set_size(set));
        for (size_t k = 0; k < tu_value_count(members); k++)
            if (!is_member(set, tu_value_at(members, k), 0))
                fail_msg("%.*s: member %zu is not in it", TU_P(text), k);
        if (written->type != TU_STRING) /* an empty set is not written at all */
            continue;
        assert_int_equal(tu_json_parse(&arena, written->string, 0, NULL, &v, NULL, NULL), TU_OK);
        assert_int_equal(tu_path_set_parse(&arena, v, &again, NULL), TU_OK);
        if (!tu_path_set_equal(set, again))
            fail_msg("%.*s is what the server writes as %.*s", TU_P(text), TU_P(written->string));
    }
}

/* --- null and empty values (tests/corpus/vectors/null-empty.json) ------------------------------ */

static tu_kind *deployment(void) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_DESCRIPTION_BYTES);
    char *path = test_source_path("tests/unit/data/kinds/deployment.json");
    tu_kind *kind = NULL;
    assert_int_equal(tu_file_read(path, TU_LIMIT_DESCRIPTION_BYTES, &text, NULL), TU_OK);
    assert_int_equal(tu_kind_compile(tu_buf_str(&text), &kind, NULL), TU_OK);
    free(path);
    return kind;
}

/* The set of the manifest is the set that the server gave us, and what the server made of it is in
 * sync. */
static void assert_applied(const tu_prepared *desired, const tu_value *live, const char *words) {
    const tu_judge_input in = {.desired = desired, .live = live, .our_manager = TU_S("trueup")};
    tu_ownership o;
    tu_judgement j;
    bool broken = true;
    assert_int_equal(tu_ownership_of(&arena, live, TU_S("trueup"), &o, &broken, NULL), TU_OK);
    assert_false(broken);
    for (size_t i = 0; i < o.n; i++)
        if (o.entries[i].owner.class_ == TU_MANAGER_OURS &&
            !tu_path_set_equal(o.entries[i].fields, desired->fields))
            fail_msg("%s: the server says that we own something else", words);
    assert_int_equal(tu_judge(&arena, &in, &j, NULL), TU_OK);
    if (j.verdict != TU_VERDICT_IN_SYNC)
        fail_msg("%s: %s, with %zu changes, the first at %.*s", words, tu_verdict_name(j.verdict),
                 j.change_count, TU_P(j.change_count ? j.changes[0].path : (tu_str){0}));
}

static void null_and_empty_values_own_and_do_what_the_server_recorded(void **state) {
    (void)state;
    tu_kind *kind = deployment();
    const tu_value *cases = tu_value_get(test_vectors_read(&arena, "null-empty.json"), "cases");
    assert_true(tu_value_count(cases) >= 28);
    for (size_t i = 0; i < tu_value_count(cases); i++) {
        const tu_value *c = tu_value_at(cases, i), *recorded = tu_value_get(c, "recorded");
        tu_value *manifest = (tu_value *)(uintptr_t)tu_value_get(recorded, "desired");
        tu_object_id id = tu_object_id_of(manifest);
        tu_prepared desired;
        _cleanup_(tu_buf_done) tu_buf words = TU_BUF_INIT(1024);
        tu_buf_addf(&words, "%.*s ", TU_P(tu_value_get_string(c, "field")));
        tu_json_write(&words, tu_value_get(c, "desired"), 0);
        assert_int_equal(tu_prepare(&arena, kind, manifest, &id, TU_S("f.yaml"), &desired, NULL),
                         TU_OK);
        assert_applied(&desired, tu_value_path(recorded, "over", "live", NULL), tu_buf_c(&words));
        assert_applied(&desired, tu_value_path(recorded, "alone", "live", NULL), tu_buf_c(&words));
    }
    tu_kind_unref(kind);
}

static const char *const description =
    "{\"ignored\":[],\"types\":["
    "{\"type\":\"map\",\"fields\":{\"metadata\":1,\"spec\":2}},"
    "{\"type\":\"map\",\"fields\":{\"labels\":3,\"finalizers\":4,\"name\":5}},"
    "{\"type\":\"map\",\"fields\":{\"ports\":6,\"args\":7,\"selector\":8,\"replicas\":9,\"dir\":10,"
    "\"loose\":11}},"
    "{\"type\":\"map\",\"values\":5},"
    "{\"type\":\"list\",\"list\":\"set\",\"items\":5},"
    "{\"type\":\"string\"},"
    "{\"type\":\"list\",\"list\":\"keyed\",\"keys\":[\"port\",\"protocol\"],\"defaults\":{"
    "\"protocol\":\"TCP\"},\"items\":12},"
    "{\"type\":\"list\",\"items\":5},"
    "{\"type\":\"map\",\"atomic\":true,\"values\":5},"
    "{\"type\":\"integer\"},"
    "{\"type\":\"map\",\"fields\":{\"medium\":5}},"
    "{\"type\":\"any\"},"
    "{\"type\":\"map\",\"fields\":{\"port\":9,\"protocol\":5,\"name\":5}}"
    "]}";

static void an_object_owns_what_applying_it_would_own(void **state) {
    (void)state;
    static const char *const table[][2] = {
        {"{\"apiVersion\":\"v1\",\"kind\":\"X\",\"metadata\":{\"name\":\"n\",\"namespace\":\"m\"}}",
         ""},
        {"{\"metadata\":{\"labels\":{\"a/b\":\"c\"}}}", "f:metadata<f:labels<f:a/b!>>"},
        {"{\"metadata\":{\"labels\":null}}", "f:metadata<f:labels!>"},
        {"{\"metadata\":{\"labels\":{}}}", "f:metadata<f:labels!>"},
        {"{\"metadata\":{\"finalizers\":[\"b\",\"a\"]}}",
         "f:metadata<f:finalizers<v:\"a\"! v:\"b\"!>>"},
        {"{\"metadata\":{\"finalizers\":[]}}", ""},
        {"{\"spec\":{\"replicas\":null}}", "f:spec<f:replicas!>"},
        {"{\"spec\":{\"args\":[]}}", "f:spec<f:args!>"},
        {"{\"spec\":{\"args\":[\"a\"]}}", "f:spec<f:args!>"},
        {"{\"spec\":{\"selector\":{\"a\":\"b\"}}}", "f:spec<f:selector!>"},
        {"{\"spec\":{\"dir\":{}}}", "f:spec<f:dir!>"},
        {"{\"spec\":{\"dir\":{\"medium\":\"\"}}}", "f:spec<f:dir<f:medium!>>"},
        {"{\"spec\":{\"ports\":[]}}", ""},
        {"{\"spec\":{\"ports\":null}}", "f:spec<f:ports!>"},
        {"{\"spec\":{\"ports\":[{\"port\":80}]}}",
         "f:spec<f:ports<k:{\"port\":80,\"protocol\":\"TCP\"}!<f:port!>>>"},
        {"{\"spec\":{\"ports\":[{\"port\":80,\"protocol\":\"UDP\",\"name\":\"x\"}]}}",
         "f:spec<f:ports<k:{\"port\":80,\"protocol\":\"UDP\"}!<f:name! f:port! f:protocol!>>>"},
        {"{\"spec\":{\"ports\":[{\"port\":80,\"name\":\"x\"},{\"port\":80}]}}",
         "f:spec<f:ports<k:{\"port\":80,\"protocol\":\"TCP\"}!<f:port!>>>"},
        {"{\"spec\":{\"loose\":{\"a\":{\"b\":[1]},\"c\":1}}}", "f:spec<f:loose<f:a!<f:b!> f:c!>>"},
    };
    tu_kind *kind = NULL;
    assert_int_equal(tu_kind_compile(tu_str_c(description), &kind, NULL), TU_OK);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        tu_path_set *set = NULL;
        assert_int_equal(tu_path_set_of(&arena, kind, json(table[i][0]), &set, NULL), TU_OK);
        assert_set(set, table[i][1]);
    }
    tu_kind_unref(kind);
}

static void sets_are_subtracted_member_by_member(void **state) {
    (void)state;
    static const char *const table[][3] = {
        {"{\"f:a\":{},\"f:b\":{}}", "{\"f:b\":{}}", "f:a!"},
        {"{\"f:a\":{\"f:b\":{}}}", "{\"f:a\":{\"f:b\":{}}}", ""},
        {"{\"f:a\":{\".\":{},\"f:b\":{}}}", "{\"f:a\":{\"f:b\":{}}}", "f:a!"},
        {"{\"f:a\":{\"f:b\":{},\"f:c\":{}}}", "{\"f:a\":{\"f:c\":{}}}", "f:a<f:b!>"},
        {"{\"f:a\":{\"f:b\":{}}}", "{\"f:a\":{}}", "f:a<f:b!>"},
        {"{\"f:a\":{},\"v:1\":{}}", "{\"v:1.0\":{},\"f:z\":{}}", "f:a!"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        tu_path_set *rest = NULL;
        assert_int_equal(
            tu_path_set_difference(&arena, parse(table[i][0]), parse(table[i][1]), &rest), TU_OK);
        assert_set(rest, table[i][2]);
    }
}

static void equal_sets_are_equal_however_they_were_written(void **state) {
    (void)state;
    const tu_path_set *a =
        parse("{\"f:b\":{},\"f:a\":{\"k:{\\\"x\\\":1,\\\"w\\\":\\\"2\\\"}\":{}}}");
    assert_true(tu_path_set_equal(
        a, parse("{\"f:a\":{\"k:{\\\"w\\\":\\\"2\\\",\\\"x\\\":1.0}\":{\".\":{}}},\"f:b\":{}}")));
    assert_false(tu_path_set_equal(a, parse("{\"f:a\":{},\"f:b\":{}}")));
    assert_int_equal(tu_path_set_size(a), 2);
    assert_non_null(tu_path_set_child(a, TU_STEP_FIELD, TU_S("b"), NULL));
    assert_null(tu_path_set_child(a, TU_STEP_FIELD, TU_S("c"), NULL));
    assert_null(tu_path_set_child(a, TU_STEP_KEY, TU_S("c"), NULL));
}

static void a_broken_entry_does_not_hide_the_others(void **state) {
    (void)state;
    tu_ownership o;
    bool broken = false;
    const char *text =
        "{\"metadata\":{\"managedFields\":[1,{\"manager\":\"x\",\"operation\":\"Update\","
        "\"fieldsV1\":{\"?\":{}}},"
        "{\"manager\":\"kubectl-edit\",\"operation\":\"Update\",\"time\":\"2026-01-01T00:00:00Z\","
        "\"fieldsV1\":{\"f:spec\":{}}},"
        "{\"manager\":\"trueup\",\"operation\":\"Apply\",\"subresource\":\"status\",\"fieldsV1\":{"
        "\"?\":1}}]}}";
    assert_int_equal(tu_ownership_of(&arena, json(text), TU_S("trueup"), &o, &broken, NULL), TU_OK);
    assert_true(broken);
    assert_int_equal(o.n, 2);
    assert_int_equal(o.entries[0].owner.class_, TU_MANAGER_HUMAN);
    assert_int_equal(o.entries[1].owner.class_, TU_MANAGER_OURS);
    assert_int_equal(tu_ownership_of(&arena, json("{}"), TU_S("trueup"), &o, &broken, NULL), TU_OK);
    assert_false(broken);
    assert_int_equal(o.n, 0);
}

static void managers_are_classed_by_their_names(void **state) {
    (void)state;
    static const struct {
        const char *manager;
        tu_manager_class expected;
    } table[] = {
        {"trueup", TU_MANAGER_OURS},
        {"trueup-2", TU_MANAGER_UNKNOWN},
        {"kubectl-edit", TU_MANAGER_HUMAN},
        {"kubectl-client-side-apply", TU_MANAGER_HUMAN},
        {"kubectl", TU_MANAGER_HUMAN},
        {"node-fetch", TU_MANAGER_HUMAN},
        {"kube-controller-manager", TU_MANAGER_CONTROLLER},
        {"kubelet", TU_MANAGER_CONTROLLER},
        {"cainjector", TU_MANAGER_CONTROLLER},
        {"cert-manager-operator", TU_MANAGER_CONTROLLER},
        {"my-controller", TU_MANAGER_CONTROLLER},
        {"argocd-controller", TU_MANAGER_GITOPS},
        {"kustomize-controller", TU_MANAGER_GITOPS},
        {"helm-controller", TU_MANAGER_GITOPS},
        {"configsync.gke.io", TU_MANAGER_GITOPS},
        {"helm", TU_MANAGER_GITOPS},
        {"before-first-apply", TU_MANAGER_LEGACY},
        {"ancient-changes", TU_MANAGER_LEGACY},
        {"my-script", TU_MANAGER_UNKNOWN},
        {"", TU_MANAGER_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        tu_manager_class got =
            tu_manager_classify(tu_str_c(table[i].manager), TU_S("Update"), TU_S("trueup"));
        if (got != table[i].expected)
            fail_msg("%s is %s", table[i].manager, tu_manager_class_name(got));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(fields_v1_is_read_as_the_server_reads_it),
        TEST(null_and_empty_values_own_and_do_what_the_server_recorded),
        TEST(an_object_owns_what_applying_it_would_own),
        TEST(sets_are_subtracted_member_by_member),
        TEST(equal_sets_are_equal_however_they_were_written),
        TEST(a_broken_entry_does_not_hide_the_others),
        TEST(managers_are_classed_by_their_names),
    };
    return cmocka_run_group_tests_name("ownership", tests, NULL, NULL);
}
