/* Alerts: the message's form and its limits, the line for people, what becomes of a delivery. */
#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/alert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define COUNT(t) (sizeof(t) / sizeof *(t))

static const char finding[] =
    "{\"group\":\"apps\",\"version\":\"v1\",\"kind\":\"Deployment\",\"namespace\":\"shop\","
    "\"name\":\"cart\",\"verdict\":\"drifted\","
    "\"file\":\"cart.yaml\",\"line\":3,\"big\":9007199254740993,\"changes\":[{\"path\":\"/spec/"
    "replicas\",\"change\":\"value\",\"desired\":3,\"live\":5,"
    "\"owner\":{\"manager\":\"kubectl-edit\"}}]}";

static tu_drift drift(void) {
    return (tu_drift){
        .id = 17,
        .rule = TU_S("shop"),
        .target = TU_S("prod"),
        .source_revision = TU_S("9f3c"),
        .object = {TU_S("apps"), TU_S("v1"), TU_S("Deployment"), TU_S("shop"), TU_S("cart")},
        .verdict = TU_VERDICT_DRIFTED,
        .severity = TU_SEVERITY_CRITICAL,
        .finding = tu_str_c(finding),
        .finding_hash = 5,
        .opened_ms = INT64_C(1767323045000),
        .updated_ms = INT64_C(1767323046000)};
}

static const char *text_of(const cJSON *json, const char *key) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));
    return text ? text : "(absent)";
}

static cJSON *message(const tu_drift *d, const char *kind, const tu_rule *rule, int64_t wall_ms) {
    tu_buf b = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_alert_message(&b, d, kind, rule, "0123abcd", wall_ms);
    assert_int_equal(b.rc, TU_OK);
    assert_true(tu_utf8_valid(tu_buf_str(&b)));
    cJSON *json = cJSON_ParseWithOpts(tu_buf_c(&b), NULL, 1);
    if (json == NULL)
        fail_msg("not JSON: %s", tu_buf_c(&b));
    tu_buf_done(&b);
    return json;
}

static void a_firing_message_has_everything(void **state) {
    (void)state;
    tu_label_match labels[] = {{TU_S("team"), TU_S("shop")}, {TU_S("a\"b"), TU_S("\n")}};
    tu_rule rule = {.name = TU_S("shop"), .labels = labels, .label_count = 2};
    tu_drift d = drift();
    cJSON *m = message(&d, "firing", &rule, d.updated_ms);
    static const char *const members[][2] = {
        {"apiVersion", "trueup.dev/v1"},
        {"kind", "Alert"},
        {"status", "firing"},
        {"event", "firing"},
        {"installation", "0123abcd"},
        {"rule", "shop"},
        {"target", "prod"},
        {"severity", "critical"},
        {"verdict", "drifted"},
        {"summary",
         "Deployment shop/cart drifted: /spec/replicas 3 -> 5 (field manager kubectl-edit)"},
        {"startsAt", "2026-01-02T03:04:05Z"},
        {"updatedAt", "2026-01-02T03:04:06Z"},
        {"endsAt", "(absent)"},
        {"resolvedBy", "(absent)"},
    };
    for (size_t i = 0; i < COUNT(members); i++)
        assert_string_equal(text_of(m, members[i][0]), members[i][1]);
    assert_string_equal(text_of(cJSON_GetObjectItem(m, "source"), "revision"), "9f3c");
    cJSON *given = cJSON_GetObjectItem(m, "labels");
    assert_string_equal(text_of(given, "team"), "shop");
    assert_string_equal(text_of(given, "a\"b"), "\n");
    assert_string_equal(text_of(cJSON_GetObjectItem(m, "object"), "name"), "cart");
    cJSON_Delete(m);
}

static void the_finding_is_passed_on_byte_by_byte(void **state) {
    (void)state;
    tu_drift d = drift();
    tu_buf b = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_alert_message(&b, &d, "firing", NULL, "x", 1);
    assert_non_null(strstr(tu_buf_c(&b), finding)); /* also numbers that a double can't hold */
    tu_buf_done(&b);
}

static void a_resolved_message_says_when_and_by_whom(void **state) {
    (void)state;
    tu_drift d = drift();
    d.state = TU_DRIFT_RESOLVED;
    d.resolved_ms = INT64_C(1767323050000);
    d.resolved_by = TU_S("trueup");
    cJSON *m = message(&d, "resolved", NULL, d.resolved_ms);
    assert_string_equal(text_of(m, "status"), "resolved");
    assert_string_equal(text_of(m, "event"), "resolved");
    assert_string_equal(text_of(m, "endsAt"), "2026-01-02T03:04:10Z");
    assert_string_equal(text_of(m, "resolvedBy"), "trueup");
    assert_string_equal(text_of(m, "summary"),
                        "Deployment shop/cart is in sync again: put right by trueup");
    cJSON_Delete(m);
}

static void the_incident_stays_and_each_event_is_new(void **state) {
    (void)state;
    tu_drift d = drift();
    d.id = 0; /* before the commit that gives it one */
    cJSON *firing = message(&d, "firing", NULL, d.updated_ms);
    cJSON *again = message(&d, "firing", NULL, d.updated_ms);
    d.id = 17;
    d.source_revision = TU_S("other");
    d.finding = TU_S("{}");
    cJSON *update = message(&d, "update", NULL, d.updated_ms + 1);
    cJSON *resolved = message(&d, "resolved", NULL, d.updated_ms + 1);
    d.opened_ms++;
    cJSON *next = message(&d, "firing", NULL, d.updated_ms);
    d = drift();
    d.object.name = TU_S("cart2");
    cJSON *other = message(&d, "firing", NULL, d.updated_ms);
    cJSON *all[] = {firing, update, resolved, next, other};
    assert_string_equal(text_of(firing, "id"), text_of(again, "id"));
    assert_string_equal(text_of(firing, "incident"), text_of(update, "incident"));
    assert_string_equal(text_of(firing, "incident"), text_of(resolved, "incident"));
    assert_string_not_equal(text_of(firing, "incident"), text_of(next, "incident"));
    assert_string_not_equal(text_of(firing, "incident"), text_of(other, "incident"));
    for (size_t i = 0; i < COUNT(all); i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(text_of(all[i], "id"), text_of(all[k], "id"));
    for (size_t i = 0; i < COUNT(all); i++)
        cJSON_Delete(all[i]);
    cJSON_Delete(again);
}

static void broken_manifests_are_told_apart_by_their_file(void **state) {
    (void)state;
    tu_drift d = drift();
    d.object = (tu_object_id){0};
    d.verdict = TU_VERDICT_INVALID;
    d.finding = TU_S("{\"file\":\"a.yaml\",\"line\":4,\"reason\":\"did not find expected key\"}");
    cJSON *a = message(&d, "firing", NULL, 1);
    d.finding = TU_S("{\"file\":\"b.yaml\",\"line\":4,\"reason\":\"did not find expected key\"}");
    cJSON *b = message(&d, "firing", NULL, 1);
    assert_string_equal(text_of(a, "summary"), "a.yaml:4 is invalid: did not find expected key");
    assert_string_not_equal(text_of(a, "incident"), text_of(b, "incident"));
    cJSON_Delete(a);
    cJSON_Delete(b);
}

static void the_summary_is_one_line_that_people_read(void **state) {
    (void)state;
    static const struct {
        tu_verdict verdict;
        const char *finding, *summary;
    } cases[] = {
        {TU_VERDICT_MISSING, "{}", "is missing"},
        {TU_VERDICT_UNMANAGED, "", "is live, but nobody wants it"},
        {TU_VERDICT_BLOCKED, "{\"reason\":\"immutable-field: spec.selector\"}",
         "can't be brought to the desired state: immutable-field: spec.selector"},
        {TU_VERDICT_DRIFTED, "not JSON", "drifted"},
        {TU_VERDICT_DRIFTED, "[]", "drifted"},
        {TU_VERDICT_DRIFTED, "{\"changes\":[]}", "drifted"},
        {TU_VERDICT_DRIFTED,
         "{\"changes\":[{\"path\":\"/a\",\"change\":\"removed\",\"desired\":1},{\"path\":\"/"
         "b\"},{\"path\":\"/c\"}]}",
         "drifted: /a removed, and 2 more"},
        {TU_VERDICT_DRIFTED,
         "{\"changes\":[{\"path\":\"/"
         "a\",\"change\":\"added\",\"live\":{\"x\":[1]},\"owner\":{\"manager\":\"\"}}]}",
         "drifted: /a added: {\"x\":[1]}"},
        {TU_VERDICT_DRIFTED,
         "{\"changes\":[{\"path\":\"/data/"
         "x\",\"change\":\"value\",\"desired\":\"<sealed>\",\"live\":\"<sealed>\"}]}",
         "drifted: /data/x <sealed> -> <sealed>"},
        {TU_VERDICT_DRIFTED,
         "{\"changes\":[{\"path\":\"/"
         "a\",\"change\":\"value\",\"desired\":\"\",\"live\":\"\\u001b[31m\\n\\u202e\"}]}",
         "drifted: /a \"\" -> ?[31m??"},
        {TU_VERDICT_DRIFTED, "{\"changes\":[5]}", "drifted:  "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char expected[200];
        snprintf(expected, sizeof expected, "Deployment shop/cart %s", cases[i].summary);
        tu_drift d = drift();
        d.verdict = cases[i].verdict;
        d.finding = tu_str_c(cases[i].finding);
        cJSON *m = message(&d, "update", NULL, 1);
        assert_string_equal(text_of(m, "summary"), expected);
        cJSON_Delete(m);
    }
}

/* A finding with n changes, each with a value of `size` bytes. */
static char *large_finding(size_t n, size_t size) {
    tu_buf b = TU_BUF_INIT(64u * TU_MIB);
    char *fill = tu_xmalloc(size + 1);
    memset(fill, 'x', size);
    fill[size] = '\0';
    tu_buf_add_c(&b, "{\"name\":\"cart\",\"changes\":[");
    for (size_t i = 0; i < n; i++)
        tu_buf_addf(&b, "%s{\"path\":\"/p%zu\",\"change\":\"added\",\"live\":\"%s\"}", i ? "," : "",
                    i, fill);
    tu_buf_add_c(&b, "]}");
    free(fill);
    return tu_buf_take(&b);
}

static void a_large_finding_loses_its_last_changes_only(void **state) {
    (void)state;
    _cleanup_(tu_freep) char *large = large_finding(1000, 1000);
    tu_drift d = drift();
    d.finding = tu_str_c(large);
    cJSON *m = message(&d, "firing", NULL, 1);
    const cJSON *object = cJSON_GetObjectItem(m, "object");
    int kept = cJSON_GetArraySize(cJSON_GetObjectItem(object, "changes"));
    assert_true(kept >= 60 && kept < 1000);
    assert_int_equal(cJSON_GetObjectItem(object, "truncated")->valueint, 1000);
    assert_non_null(strstr(text_of(m, "summary"), "and 999 more"));
    assert_true(strlen(text_of(m, "summary")) <= 403);
    cJSON_Delete(m);

    _cleanup_(tu_freep) char *one = large_finding(1, 500000);
    d.finding = tu_str_c(one);
    m = message(&d, "firing", NULL, 1);
    assert_int_equal(
        cJSON_GetArraySize(cJSON_GetObjectItem(cJSON_GetObjectItem(m, "object"), "changes")), 0);
    cJSON_Delete(m);
}

/* Whatever is too long: there is a message, and it says what is most needed. */
static void no_input_prevents_a_message(void **state) {
    (void)state;
    static char huge[1 << 20];
    memset(huge, '\x01', sizeof huge - 1); /* six bytes each, escaped */
    tu_str text = {huge, sizeof huge - 1};
    tu_label_match label = {text, text};
    tu_rule rule = {.labels = &label, .label_count = 1};
    tu_drift all = drift();
    all.object.name = all.object.kind = all.rule = all.target = all.source_revision =
        all.resolved_by = text;
    all.finding = text;
    tu_drift fine = drift();
    const struct {
        const tu_drift *d;
        const tu_rule *rule;
    } cases[] = {{&all, &rule}, {&all, NULL}, {&fine, &rule}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        cJSON *m = message(cases[i].d, "resolved", cases[i].rule, 1);
        assert_string_equal(text_of(m, "severity"), "critical");
        assert_int_equal(strlen(text_of(m, "incident")), 32);
        cJSON_Delete(m);
    }
}

static void without_memory_the_buffer_says_so(void **state) {
    (void)state;
    tu_drift d = drift();
    size_t failures = 0;
    for (size_t n = 1;; n++) {
        tu_buf b = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
        tu_mem_fail_after(n);
        tu_alert_message(&b, &d, "firing", NULL, "x", 1);
        size_t made = tu_mem_fail_after(0);
        if (b.rc == TU_OK) { /* then it is whole, if perhaps with less detail */
            cJSON *json = cJSON_ParseWithOpts(tu_buf_c(&b), NULL, 1);
            assert_non_null(json);
            cJSON_Delete(json);
        } else {
            assert_int_equal(b.rc, TU_EINTERNAL);
            failures++;
        }
        tu_buf_done(&b);
        if (made < n)
            break;
    }
    assert_true(failures > 0);
}

static void routing_names_the_receiver_or_nobody(void **state) {
    (void)state;
    tu_config c = {.routing = {.receiver = TU_S("hook")}};
    tu_drift d = drift();
    assert_true(tu_str_is(tu_alert_route(&c, NULL, &d), "hook"));
    c.routing.receiver = (tu_str){0};
    assert_int_equal(tu_alert_route(&c, NULL, &d).n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_firing_message_has_everything),
        cmocka_unit_test(the_finding_is_passed_on_byte_by_byte),
        cmocka_unit_test(a_resolved_message_says_when_and_by_whom),
        cmocka_unit_test(the_incident_stays_and_each_event_is_new),
        cmocka_unit_test(broken_manifests_are_told_apart_by_their_file),
        cmocka_unit_test(the_summary_is_one_line_that_people_read),
        cmocka_unit_test(a_large_finding_loses_its_last_changes_only),
        cmocka_unit_test(no_input_prevents_a_message),
        cmocka_unit_test(without_memory_the_buffer_says_so),
        cmocka_unit_test(routing_names_the_receiver_or_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
