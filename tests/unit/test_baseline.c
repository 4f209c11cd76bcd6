/*
 * What metadata alone proves, and every lie of kubernetes-drift.md section 1.9 that can be made with
 * it. A case is an object, what becomes of it, and what must be said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "compare/baseline.h"
#include "value/json.h"

#define SEED 42
#define OUR_ENTRY(time, fields)                                                                    \
    "{\"manager\":\"trueup\",\"operation\":\"Apply\",\"apiVersion\":\"apps/v1\",\"time\":\"" time  \
    "\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":" fields "}"
#define ENTRY(manager, sub, time, fields)                                                          \
    "{\"manager\":\"" manager                                                                      \
    "\",\"operation\":\"Update\",\"apiVersion\":\"apps/v1\",\"time\":\"" time                      \
    "\",\"subresource\":\"" sub "\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":" fields "}"
#define OBJECT(uid, version, generation, more, entries)                                            \
    "{\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\",\"uid\":\"" uid                          \
    "\",\"resourceVersion\":\"" version "\"," generation more "\"managedFields\":[" entries "]}}"
#define GENERATION(n) "\"generation\":" #n ","
#define SPEC "{\"f:spec\":{\"f:replicas\":{}}}"
#define T0 "2026-01-01T00:00:00Z"
#define T1 "2026-01-01T00:05:00Z"

typedef struct a_case {
    const char *name, *before, *now;
    bool moves;
    const char *says; /* "same", "proved", "older", or why it must be looked at */
} a_case;

#define BASE OBJECT("u", "10", GENERATION(2), "", OUR_ENTRY(T0, SPEC))
#define PLAIN OBJECT("u", "10", "", "", OUR_ENTRY(T0, SPEC))

static const a_case cases[] = {
    {"the same version is the same object", BASE, BASE, true, "same"},
    {"the same version needs no generation", PLAIN, PLAIN, false, "same"},
    {"a write of the status alone is proved", BASE,
     OBJECT("u", "11", GENERATION(2), "",
            OUR_ENTRY(T0, SPEC) "," ENTRY("kube-controller-manager", "status", T1,
                                          "{\"f:status\":{}}")),
     true, "proved"},
    {"a write of the status of a kind that isn't known to move is looked at", BASE,
     OBJECT("u", "11", GENERATION(2), "", OUR_ENTRY(T0, SPEC)), false, "no-proof"},
    {"a write to a kind without generation is looked at", PLAIN,
     OBJECT("u", "11", "", "", OUR_ENTRY(T0, SPEC)), true, "no-proof"},
    {"(a) admission rewrote our value on another's request: the generation tells", BASE,
     OBJECT("u", "11", GENERATION(3), "", OUR_ENTRY(T0, SPEC)), true, "generation"},
    {"(b) items in another order: the generation tells", BASE,
     OBJECT("u", "11", GENERATION(3), "", OUR_ENTRY(T0, SPEC)), true, "generation"},
    {"(c) managedFields were reset: our entry is gone", BASE,
     OBJECT("u", "11", GENERATION(2), "", ""), true, "ours"},
    {"(c) managedFields were dropped from an object that grew too large", BASE,
     "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":\"11\",\"generation\":2}}",
     true, "ours"},
    {"(d) other content under the same version isn't believed", BASE,
     OBJECT("u", "10", GENERATION(2), "\"labels\":{\"a\":\"b\"},", OUR_ENTRY(T0, SPEC)), true,
     "restored"},
    {"(e) another's entry in another version of the API", BASE,
     OBJECT("u", "11", GENERATION(2), "",
            OUR_ENTRY(T0, SPEC) "," ENTRY("other", "", T1, "{\"f:spec\":{}}")),
     true, "others"},
    {"(f) another program with our name, in the same second: the generation tells", BASE,
     OBJECT("u", "11", GENERATION(3), "", OUR_ENTRY(T0, SPEC)), true, "generation"},
    {"(f) another program with our name, later: our entry's time tells", BASE,
     OBJECT("u", "11", GENERATION(2), "", OUR_ENTRY(T1, SPEC)), true, "ours"},
    {"(g) an etcd that was restored: the version goes back", BASE,
     OBJECT("u", "9", GENERATION(2), "", OUR_ENTRY(T0, SPEC)), true, "older"},
    {"(g) an etcd that was restored: another object of that name", BASE,
     OBJECT("v", "9", GENERATION(2), "", OUR_ENTRY(T0, SPEC)), true, "replaced"},
    {"(h) managedFields that went stale: the generation tells", BASE,
     OBJECT("u", "12", GENERATION(4), "", OUR_ENTRY(T0, SPEC)), true, "generation"},
    {"changed and changed back: the generation tells", BASE,
     OBJECT("u", "12", GENERATION(4), "",
            OUR_ENTRY(T0, "{}") "," ENTRY("kubectl-edit", "", T1, SPEC)),
     true, "generation"},
    {"a label was edited", BASE,
     OBJECT("u", "11", GENERATION(2), "\"labels\":{\"a\":\"b\"},",
            OUR_ENTRY(T0, SPEC) "," ENTRY("kubectl-label", "", T1,
                                          "{\"f:metadata\":{\"f:labels\":{\"f:a\":{}}}}")),
     true, "others"},
    {"a label was rewritten and nobody was recorded", BASE,
     OBJECT("u", "11", GENERATION(2), "\"labels\":{\"a\":\"b\"},", OUR_ENTRY(T0, SPEC)), true,
     "metadata"},
    {"an annotation that a controller writes with the status", BASE,
     OBJECT("u", "11", GENERATION(2), "\"annotations\":{\"revision\":\"2\"},",
            OUR_ENTRY(T0, SPEC) "," ENTRY("kube-controller-manager", "status", T1, "{}")),
     true, "metadata"},
    {"a finalizer", BASE,
     OBJECT("u", "11", GENERATION(2), "\"finalizers\":[\"a/b\"],", OUR_ENTRY(T0, SPEC)), true,
     "metadata"},
    {"finalizers in another order",
     OBJECT("u", "10", GENERATION(2), "\"finalizers\":[\"a\",\"b\"],", OUR_ENTRY(T0, SPEC)),
     OBJECT("u", "11", GENERATION(2), "\"finalizers\":[\"b\",\"a\"],", OUR_ENTRY(T0, SPEC)), true,
     "metadata"},
    {"an owner", BASE,
     OBJECT("u", "11", GENERATION(2), "\"ownerReferences\":[{\"uid\":\"x\"}],",
            OUR_ENTRY(T0, SPEC)),
     true, "metadata"},
    {"another applier took the same values too", BASE,
     OBJECT("u", "11", GENERATION(2), "",
            OUR_ENTRY(T0, SPEC) "," ENTRY("argocd-controller", "", T1, SPEC)),
     true, "others"},
    {"an autoscaler's write through a subresource is no status", BASE,
     OBJECT("u", "11", GENERATION(2), "",
            OUR_ENTRY(T0, SPEC) "," ENTRY("kube-controller-manager", "scale", T1, SPEC)),
     true, "others"},
    {"being deleted", BASE,
     OBJECT("u", "11", GENERATION(3), "\"deletionTimestamp\":\"" T1 "\",", OUR_ENTRY(T0, SPEC)),
     true, "terminating"},
    {"news that is older than what was read meanwhile", BASE,
     OBJECT("u", "8", GENERATION(1), "", OUR_ENTRY(T0, SPEC)), true, "older"},
    {"versions that are no numbers are only equal or not",
     OBJECT("u", "b", GENERATION(2), "", OUR_ENTRY(T0, SPEC)),
     OBJECT("u", "a", GENERATION(2), "", OUR_ENTRY(T0, SPEC)), true, "proved"},
    {"members in another order are the same (a whole custom resource is sorted, its metadata "
     "isn't)",
     OBJECT(
         "u", "10", GENERATION(2), "\"labels\":{\"a\":\"1\",\"b\":\"2\"},",
         "{\"manager\":\"trueup\",\"operation\":\"Apply\",\"fieldsV1\":{\"f:a\":{},\"f:b\":{}}}"),
     OBJECT(
         "u", "10", GENERATION(2), "\"labels\":{\"b\":\"2\",\"a\":\"1\"},",
         "{\"fieldsV1\":{\"f:b\":{},\"f:a\":{}},\"operation\":\"Apply\",\"manager\":\"trueup\"}"),
     true, "same"},
    {"without a uid nothing is proved", "{\"metadata\":{\"resourceVersion\":\"10\"}}",
     "{\"metadata\":{\"resourceVersion\":\"10\"}}", true, "first"},
};

static tu_value *parse(tu_arena *a, const char *text) {
    tu_value *v = NULL;
    assert_int_equal(tu_json_parse(a, tu_str_c(text), 0, NULL, &v, NULL, NULL), TU_OK);
    return v;
}

static tu_baseline baseline_of(const char *text) {
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_baseline b = tu_baseline_of(parse(&a, text), TU_S("trueup"), SEED);
    tu_arena_done(&a);
    return b;
}

static const char *says(const a_case *c) {
    static const char *const proofs[] = {"same", "proved", "older"};
    tu_baseline before = baseline_of(c->before), now = baseline_of(c->now);
    tu_look_reason why = TU_LOOK_FIRST;
    tu_proof proof = tu_baseline_compare(&before, &now, c->moves, &why);
    return proof == TU_PROOF_LOOK ? tu_look_reason_name(why) : proofs[proof];
}

static void metadata_proves_what_the_cases_say(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(says(&cases[i]), cases[i].says) != 0)
            fail_msg("%s: says %s, not %s", cases[i].name, says(&cases[i]), cases[i].says);
}

static void a_baseline_is_64_bytes(void **state) {
    (void)state;
    assert_int_equal(sizeof(tu_baseline), 64);
}

static void the_seed_decides_what_it_hashes_to(void **state) {
    (void)state;
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_value *v = parse(&a, BASE);
    tu_baseline x = tu_baseline_of(v, TU_S("trueup"), 1), y = tu_baseline_of(v, TU_S("trueup"), 2);
    assert_true(x.ours != y.ours && x.uid[0] != y.uid[0] && x.metadata != y.metadata);
    tu_arena_done(&a);
}

static void a_generation_is_trusted_once_it_was_seen_to_move(void **state) {
    (void)state;
    tu_baseline first = baseline_of(OBJECT("u", "1", GENERATION(1), "", ""));
    tu_baseline second = baseline_of(OBJECT("u", "2", GENERATION(2), "", ""));
    tu_baseline other = baseline_of(OBJECT("v", "2", GENERATION(1), "", ""));
    tu_baseline none = baseline_of(OBJECT("u", "2", "", "", ""));
    tu_baseline dying =
        baseline_of(OBJECT("u", "2", GENERATION(2), "\"deletionTimestamp\":\"" T1 "\",", ""));
    assert_false(tu_baseline_teaches(NULL, &first));
    assert_false(tu_baseline_teaches(&first, &first));
    assert_false(tu_baseline_teaches(&first, &other));
    assert_false(tu_baseline_teaches(&first, &none));
    assert_false(tu_baseline_teaches(&first, &dying));
    assert_true(tu_baseline_teaches(&first, &second));
    assert_true(tu_baseline_teaches(NULL, &second));
}

static void whoever_wrote_since_is_named(void **state) {
    (void)state;
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_baseline before = baseline_of(BASE);
    _cleanup_(tu_buf_done) tu_buf hands = TU_BUF_INIT(1000);
    tu_baseline_hands(
        parse(&a, OBJECT("u", "11", GENERATION(3), "",
                         OUR_ENTRY(T0, SPEC) "," ENTRY("kubectl-edit", "", T1, SPEC) "," ENTRY(
                             "kubelet", "status", T1, SPEC) "," ENTRY("k9s", "", T1, SPEC))),
        &before, &hands);
    assert_string_equal(tu_buf_c(&hands), "kubectl-edit, k9s");
    tu_arena_done(&a);
}

static tu_value number(int64_t i) {
    return (tu_value){.type = TU_INTEGER, .integer = i};
}

static void a_memo_covers_the_same_differences_and_no_others(void **state) {
    (void)state;
    tu_value one = number(1), two = number(2);
    tu_change changes[] = {{.path = TU_S("/spec/image"), .live = &one},
                           {.path = TU_S("/spec/more"), .live = &two}};
    tu_change doubts[] = {{.path = TU_S("/spec/empty"), .live = NULL}};
    tu_judgement j = {.changes = changes, .change_count = 1, .doubts = doubts, .doubt_count = 1};
    tu_memo *m = tu_memo_of(&j, SEED);
    assert_non_null(m);
    assert_true(tu_memo_covers(m, &j, SEED));
    assert_false(tu_memo_covers(m, &j, SEED + 1));
    assert_false(tu_memo_covers(NULL, &j, SEED));
    j.doubt_count = 0; /* less to explain */
    assert_true(tu_memo_covers(m, &j, SEED));
    j.change_count = 2; /* more */
    assert_false(tu_memo_covers(m, &j, SEED));
    j.change_count = 1;
    changes[0].live = &two; /* another value */
    assert_false(tu_memo_covers(m, &j, SEED));
    changes[0].live = NULL; /* it is gone */
    assert_false(tu_memo_covers(m, &j, SEED));
    j.change_count = 0; /* nothing to explain is no matter for a memo */
    assert_false(tu_memo_covers(m, &j, SEED));
    free(m);
}

static void too_much_is_not_remembered(void **state) {
    (void)state;
    tu_change many[TU_LIMIT_MEMO_PLACES + 1] = {{.path = TU_S("/a")}};
    tu_judgement j = {.changes = many, .change_count = TU_LIMIT_MEMO_PLACES + 1};
    assert_null(tu_memo_of(&j, SEED));
    j.change_count = 0;
    assert_null(tu_memo_of(&j, SEED));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_proves_what_the_cases_say),
        cmocka_unit_test(a_baseline_is_64_bytes),
        cmocka_unit_test(the_seed_decides_what_it_hashes_to),
        cmocka_unit_test(a_generation_is_trusted_once_it_was_seen_to_move),
        cmocka_unit_test(whoever_wrote_since_is_named),
        cmocka_unit_test(a_memo_covers_the_same_differences_and_no_others),
        cmocka_unit_test(too_much_is_not_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
