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
#include "alert/body.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "value/json.h"

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

/* What the engine does: the drift's row to an alert's row, and that to a message. */
typedef struct composed {
    tu_arena arena;
    tu_alert_row row;
    tu_labels labels;
    tu_buf body, json;
    char fingerprint[33];
} composed;

static void compose_row(composed *c, const tu_drift *d, const tu_rule *rule) {
    tu_value *found = NULL;
    tu_arena_init(&c->arena, 0);
    tu_json_parse(&c->arena, d->finding, TU_JSON_NO_LINES, NULL, &found, NULL, NULL);
    const tu_alert_about about = {.drift = d,
                                  .finding = tu_value_is(found, TU_MAP) ? found : NULL,
                                  .rule = rule,
                                  .source = TU_S("shop-config"),
                                  .commits = true,
                                  .plan = "alert"};
    tu_buf_init(&c->body, TU_ALERT_BODY_BYTES);
    tu_buf_init(&c->json, 64u * TU_MIB);
    tu_alert_fingerprint(d, found, "0123abcd", c->fingerprint);
    if (!tu_alert_labels(&c->arena, &about, &c->labels))
        c->body.rc = TU_EINTERNAL;
    tu_alert_body(&c->body, &about);
    tu_alert_labels_json(&c->json, &c->labels);
    c->row = (tu_alert_row){.fingerprint = {c->fingerprint, 32},
                            .firing = d->state != TU_DRIFT_RESOLVED,
                            .severity = d->severity,
                            .started_ms = d->opened_ms,
                            .updated_ms = d->updated_ms,
                            .ended_ms = d->resolved_ms,
                            .labels = tu_buf_str(&c->json),
                            .body = tu_buf_str(&c->body)};
}

static void composed_done(composed *c) {
    tu_arena_done(&c->arena);
    tu_buf_done(&c->body);
    tu_buf_done(&c->json);
}

typedef struct rows {
    const tu_alert_row *items;
    size_t n;
} rows;

static tu_rc read_row(void *arg, tu_str fingerprint,
                      tu_rc (*each)(void *arg, const tu_alert_row *row), void *each_arg,
                      tu_error **error) {
    const rows *r = arg;
    for (size_t i = 0; i < r->n; i++)
        if (tu_str_eq(r->items[i].fingerprint, fingerprint))
            return each(each_arg, &r->items[i]);
    return tu_error_set(error, TU_ENOTFOUND, "no such alert");
}

static tu_rc write_one(tu_buf *b, const tu_drift *d, const char *kind, const tu_rule *rule,
                       int64_t wall_ms) {
    composed c;
    compose_row(&c, d, rule);
    tu_rc rc = c.body.rc ? c.body.rc : c.json.rc;
    bool fires = strcmp(kind, "resolved") != 0;
    char incident[33];
    snprintf(incident, sizeof incident, "%.32s", c.fingerprint);
    tu_label label = {TU_S("rule"), d->rule};
    const tu_snapshot s = {.incident = tu_str_c(incident),
                           .route = TU_S("default"),
                           .group = {&label, 1},
                           .event = tu_str_c(kind),
                           .firing = fires,
                           .severity = d->severity,
                           .opened_ms = d->opened_ms,
                           .updated_ms = wall_ms,
                           .closed_ms = fires ? 0 : wall_ms,
                           .firing_count = fires,
                           .resolved_count = !fires,
                           .shown = &c.row.fingerprint,
                           .fires = &fires,
                           .shown_count = 1};
    rows r = {&c.row, 1};
    if (rc == TU_OK)
        rc = tu_alert_compose(b, &s, "0123abcd", read_row, &r, NULL);
    composed_done(&c);
    return rc;
}

static cJSON *parsed(tu_buf *b) {
    assert_int_equal(b->rc, TU_OK);
    assert_true(b->n <= TU_LIMIT_MESSAGE_BYTES);
    assert_true(tu_utf8_valid(tu_buf_str(b)));
    cJSON *json = cJSON_ParseWithOpts(tu_buf_c(b), NULL, 1);
    if (json == NULL)
        fail_msg("not JSON: %s", tu_buf_c(b));
    tu_buf_done(b);
    return json;
}

static cJSON *message(const tu_drift *d, const char *kind, const tu_rule *rule, int64_t wall_ms) {
    tu_buf b = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    assert_int_equal(write_one(&b, d, kind, rule, wall_ms), TU_OK);
    return parsed(&b);
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
    assert_int_equal(write_one(&b, &d, "firing", NULL, 1), TU_OK);
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
    const cJSON *changes = cJSON_GetObjectItem(cJSON_GetObjectItem(m, "object"), "changes");
    assert_int_equal(cJSON_GetArraySize(changes), 1);
    const char *live = text_of(cJSON_GetArrayItem(changes, 0), "live");
    assert_true(strlen(live) < 2100);
    assert_non_null(strstr(live, "xxx... (500000 bytes)"));
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
        b.rc = write_one(&b, &d, "firing", NULL, 1);
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

/* --- an incident of many -------------------------------------------------------------------------- */

enum { MANY = 40 };

static cJSON *message_of_many(size_t change_count, size_t change_size) {
    static composed c[MANY];
    static tu_alert_row items[MANY];
    static char names[MANY][16];
    tu_str shown[MANY];
    bool fires[MANY];
    _cleanup_(tu_freep) char *large = large_finding(change_count, change_size);
    for (size_t i = 0; i < MANY; i++) {
        tu_drift d = drift();
        snprintf(names[i], sizeof names[i], "cart-%zu", i);
        d.object.name = tu_str_c(names[i]);
        d.finding = tu_str_c(large);
        compose_row(&c[i], &d, NULL);
        items[i] = c[i].row;
        shown[i] = c[i].row.fingerprint;
        fires[i] = i < 30;
    }
    const tu_snapshot s = {.incident = TU_S("3f2a9c0188776655443322110011aabb"),
                           .event = TU_S("update"),
                           .firing = true,
                           .severity = TU_SEVERITY_CRITICAL,
                           .firing_count = 990,
                           .resolved_count = 10,
                           .verdicts = {[TU_VERDICT_DRIFTED] = 940, [TU_VERDICT_MISSING] = 50},
                           .shown = shown,
                           .fires = fires,
                           .shown_count = MANY};
    rows r = {items, MANY};
    tu_buf b = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    assert_int_equal(tu_alert_compose(&b, &s, "0123abcd", read_row, &r, NULL), TU_OK);
    for (size_t i = 0; i < MANY; i++)
        composed_done(&c[i]);
    return parsed(&b);
}

static void of_many_alerts_the_number_is_told_and_the_first_are_named(void **state) {
    (void)state;
    static const struct {
        size_t changes, size;
        bool all;
    } cases[] = {{1, 10, true}, {20, 200, true}, {1000, 100, false}, {1, 90000, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        cJSON *m = message_of_many(cases[i].changes, cases[i].size);
        const cJSON *counts = cJSON_GetObjectItem(m, "counts"),
                    *alerts = cJSON_GetObjectItem(m, "alerts");
        assert_int_equal(cJSON_GetObjectItem(counts, "firing")->valueint, 990);
        assert_int_equal(cJSON_GetObjectItem(counts, "resolved")->valueint, 10);
        const cJSON *verdicts = cJSON_GetObjectItem(counts, "verdicts");
        assert_int_equal(cJSON_GetArraySize(verdicts), 2);
        assert_int_equal(cJSON_GetObjectItem(verdicts, "drifted")->valueint, 940);
        assert_int_equal(cJSON_GetObjectItem(verdicts, "missing")->valueint, 50);
        assert_int_equal(cJSON_GetObjectItem(counts, "shown")->valueint,
                         cJSON_GetArraySize(alerts));
        if (cases[i].all)
            assert_int_equal(cJSON_GetArraySize(alerts), MANY);
        assert_true(cJSON_GetArraySize(alerts) >= 1);
        assert_non_null(strstr(text_of(m, "summary"), "990 alerts fire, 10 are over: "));
        assert_string_equal(text_of(cJSON_GetObjectItem(m, "commands"), "acknowledge"),
                            "trueup alert ack 3f2a9c018877");
        cJSON_Delete(m);
    }
}

static void an_alert_that_was_forgotten_is_counted_and_hinders_nothing(void **state) {
    (void)state;
    tu_str shown = TU_S("00112233445566778899aabbccddeeff");
    bool fires = false;
    const tu_snapshot s = {.incident = TU_S("3f2a"),
                           .event = TU_S("resolved"),
                           .resolved_count = 1,
                           .shown = &shown,
                           .fires = &fires,
                           .shown_count = 1};
    rows r = {0};
    tu_buf b = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    assert_int_equal(tu_alert_compose(&b, &s, "x", read_row, &r, NULL), TU_OK);
    cJSON *m = parsed(&b);
    assert_string_equal(text_of(m, "status"), "resolved");
    cJSON_Delete(m);
}

static void command_lines_can_be_pasted_into_a_shell(void **state) {
    (void)state;
    tu_drift d = drift();
    d.rule = TU_S("it's $(rm -rf) \n`x`");
    d.finding = TU_S("{\"kind\":\"A;b\",\"name\":\"-x\"}");
    cJSON *m = message(&d, "firing", NULL, 1);
    const cJSON *commands = cJSON_GetObjectItem(m, "commands");
    assert_string_equal(text_of(commands, "look"), "trueup diff 'it'\\''s $(rm -rf) ?`x`'");
    assert_string_equal(text_of(commands, "explain"), "trueup explain 'A;b/-x'");
    cJSON_Delete(m);
}

/* --- labels ----------------------------------------------------------------------------------------- */

static tu_str label_of(const tu_labels *l, const char *key) {
    for (size_t i = 0; i < l->n; i++)
        if (tu_str_is(l->items[i].key, key))
            return l->items[i].value;
    return (tu_str){0};
}

static void labels_say_what_routes_ask_and_keep_their_first_meaning(void **state) {
    (void)state;
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_value *found = NULL, *object = NULL;
    const char *text =
        "{\"changes\":[{\"change\":\"value\",\"severity\":\"info\",\"owner\":{\"manager\":\"x\"}},"
        "{\"change\":\"added\",\"severity\":\"critical\",\"owner\":{\"manager\":\"kubectl-edit\","
        "\"class\":\"human\"}},{\"change\":\"value\"}]}";
    const char *live =
        "{\"metadata\":{\"labels\":{\"team\":\"evil\",\"rule\":\"other\",\"app\":\"cart\","
        "\"secret\":\"no\"},\"annotations\":{\"oncall\":\"bob\",\"n\":5}}}";
    assert_int_equal(tu_json_parse(&a, tu_str_c(text), 0, NULL, &found, NULL, NULL), TU_OK);
    assert_int_equal(tu_json_parse(&a, tu_str_c(live), 0, NULL, &object, NULL, NULL), TU_OK);
    tu_label_match team = {TU_S("team"), TU_S("pay")};
    tu_rule rule = {.labels = &team, .label_count = 1};
    tu_word labels[] = {tu_word_compile(TU_S("team")), tu_word_compile(TU_S("a*")),
                        tu_word_compile(TU_S("rule"))},
            annotations[] = {tu_word_compile(TU_S("*"))};
    tu_routing routing = {.object_labels = {labels, 3}, .object_annotations = {annotations, 1}};
    tu_drift d = drift();
    const tu_alert_about about = {.drift = &d,
                                  .finding = found,
                                  .rule = &rule,
                                  .routing = &routing,
                                  .object = object,
                                  .source = TU_S("git")};
    tu_labels l;
    assert_true(tu_alert_labels(&a, &about, &l));
    static const char *const expected[][2] = {
        {"about", "drift"},
        {"rule", "shop"},
        {"target", "prod"},
        {"kind", "Deployment"},
        {"group", "apps"},
        {"namespace", "shop"},
        {"name", "cart"},
        {"verdict", "drifted"},
        {"change", "added,value"},
        {"severity", "critical"},
        {"manager", "kubectl-edit"},
        {"class", "human"},
        {"source", "git"},
        {"team", "pay"},
        {"app", "cart"},
        {"oncall", "bob"},
    };
    assert_int_equal(l.n, COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++)
        if (!tu_str_is(label_of(&l, expected[i][0]), expected[i][1]))
            fail_msg("%s", expected[i][0]);
    for (size_t i = 1; i < l.n; i++)
        assert_true(tu_str_compare(l.items[i - 1].key, l.items[i].key) < 0);
    tu_buf json = TU_BUF_INIT(64 * TU_KIB);
    tu_labels again;
    tu_alert_labels_json(&json, &l);
    assert_true(tu_alert_labels_read(&a, tu_buf_str(&json), &again));
    assert_int_equal(again.n, l.n);
    assert_false(tu_alert_labels_read(&a, TU_S("[1]"), &again));
    tu_buf_done(&json);
    tu_arena_done(&a);
}

static void a_trouble_says_what_and_what_to_do(void **state) {
    (void)state;
    tu_arena a;
    tu_arena_init(&a, 0);
    const tu_alert_trouble t = {.problem = TU_S("source-unreadable"),
                                .name = TU_S("git"),
                                .source = TU_S("git"),
                                .text = TU_S("no route to host"),
                                .hint = TU_S("see `trueup status`"),
                                .severity = TU_SEVERITY_WARNING};
    tu_labels l;
    tu_buf body = TU_BUF_INIT(TU_ALERT_BODY_BYTES);
    assert_true(tu_alert_trouble_labels(&a, &t, &l));
    assert_int_equal(l.n, 5);
    tu_alert_trouble_body(&body, &t);
    cJSON *json = parsed(&body);
    assert_string_equal(text_of(json, "summary"),
                        "trueup: source-unreadable (git): no route to host");
    assert_string_equal(text_of(cJSON_GetObjectItem(json, "problem"), "hint"),
                        "see `trueup status`");
    cJSON_Delete(json);
    tu_arena_done(&a);
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
        cmocka_unit_test(of_many_alerts_the_number_is_told_and_the_first_are_named),
        cmocka_unit_test(an_alert_that_was_forgotten_is_counted_and_hinders_nothing),
        cmocka_unit_test(command_lines_can_be_pasted_into_a_shell),
        cmocka_unit_test(labels_say_what_routes_ask_and_keep_their_first_meaning),
        cmocka_unit_test(a_trouble_says_what_and_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
