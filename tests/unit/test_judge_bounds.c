/*
 * What nobody should send, and somebody will: more managers than anyone has, an ownership that can't
 * be read, thousands of items, keys made of syntax, an object as large as a server stores. Each gets a
 * verdict, and what wasn't looked at is said. Whether time grows with size alone: bench_judge_growth.
 */
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "compare/judge.h"
#include "value/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define APPLY "\",\"operation\":\"Apply\",\"apiVersion\":\"v1\",\"time\":\"2026-01-01T00:00:00Z\","
static const char schema[] =
    "{\"types\":[{\"type\":\"map\",\"fields\":{\"apiVersion\":1,\"kind\":1,\"metadata\":2,\"data\":"
    "3,"
    "\"items\":4}},{\"type\":\"string\"},{\"type\":\"map\",\"fields\":{\"name\":1,\"labels\":3}},"
    "{\"type\":\"map\",\"values\":1},{\"type\":\"list\",\"list\":\"keyed\",\"keys\":[\"name\"],"
    "\"items\":5},{\"type\":\"map\",\"fields\":{\"name\":1,\"value\":1}}]}";
static const char manifest_text[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"C\",\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"1\"}}";

typedef struct {
    tu_arena arena;
    tu_kind *kind;
    tu_prepared desired;
    tu_buf text; /* the live object */
} fixture;

static int begin(void **state) {
    fixture *f = calloc(1, sizeof(*f));
    tu_value *manifest = NULL;
    tu_arena_init(&f->arena, TU_LIMIT_OBJECT_ARENA);
    tu_buf_init(&f->text, TU_LIMIT_DOCUMENT_BYTES);
    assert_int_equal(tu_kind_compile(tu_str_c(schema), &f->kind, NULL), TU_OK);
    assert_int_equal(tu_json_parse(&f->arena, tu_str_c(manifest_text), TU_JSON_COPY, NULL,
                                   &manifest, NULL, NULL),
                     TU_OK);
    tu_object_id id = tu_object_id_of(manifest);
    assert_int_equal(
        tu_prepare(&f->arena, f->kind, manifest, &id, TU_S("c.yaml"), &f->desired, NULL), TU_OK);
    *state = f;
    return 0;
}

static int end(void **state) {
    fixture *f = *state;
    tu_kind_unref(f->kind);
    tu_arena_done(&f->arena);
    tu_buf_done(&f->text);
    free(f);
    return 0;
}

static tu_judgement judge(fixture *f) {
    tu_value *live = NULL;
    tu_judgement j;
    assert_int_equal(f->text.rc, TU_OK);
    assert_int_equal(
        tu_json_parse(&f->arena, tu_buf_str(&f->text), TU_JSON_COPY, NULL, &live, NULL, NULL),
        TU_OK);
    tu_judge_input in = {
        .desired = &f->desired, .live = live, .our_manager = TU_S("trueup"), .everything = true};
    assert_int_equal(tu_judge(&f->arena, &in, &j, NULL), TU_OK);
    return j;
}

static void assert_reason(const tu_judgement *j, const char *word) {
    if (!tu_str_starts(j->reason, word))
        fail_msg("reason: %.*s", TU_P(j->reason));
}

static void of_too_many_managers_ours_and_the_latest_are_read_and_it_is_said(void **state) {
    fixture *f = *state;
    tu_buf_add_c(&f->text, "{\"metadata\":{\"name\":\"c\",\"uid\":\"u\",\"labels\":{\"x\":\"y\"},"
                           "\"managedFields\":[{\"manager\":\"trueup" APPLY
                           "\"fieldsV1\":{\"f:data\":{\"f:a\":{}}}}");
    for (int i = 0; i < 5000; i++)
        tu_buf_addf(&f->text,
                    ",{\"manager\":\"m-%d" APPLY "\"fieldsV1\":{\"f:data\":{\"f:m-%d\":{}}}}", i,
                    i);
    tu_buf_add_c(&f->text, ",{\"manager\":\"kubectl-edit\",\"operation\":\"Update\",\"apiVersion\":"
                           "\"v1\",\"time\":\"2026-01-02T00:00:00Z\",\"fieldsV1\":{\"f:metadata\":"
                           "{\"f:labels\":{\"f:x\":{}}}}}]},\"data\":{\"a\":\"1\"}}");
    tu_judgement j = judge(f);
    assert_int_equal(j.verdict, TU_VERDICT_DRIFTED);
    assert_int_equal(j.change_count, 1);
    assert_true(tu_str_is(j.changes[0].owner.manager, "kubectl-edit"));
    assert_reason(&j, "ownership-unreadable:");
    assert_true(tu_str_is(j.onset, "2026-01-02T00:00:00Z"));
}

static void an_ownership_that_cannot_be_read_proves_nothing_and_is_said(void **state) {
    static const char *const broken[] = {
        "{\"f\":{}}",  "{\"k:[1]\":{}}", "{\"k:{\":{}}",       "[]",   "7",
        "{\"f:a\":1}", "{\"v:{\":{}}",   "{\"i:\\u0000\":{}}", "\"x\""};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        tu_buf_clear(&f->text);
        tu_buf_addf(&f->text,
                    "{\"metadata\":{\"name\":\"c\",\"uid\":\"u\",\"managedFields\":[{\"manager\":"
                    "\"trueup" APPLY
                    "\"fieldsV1\":{\"f:data\":{\"f:a\":{}}}},{\"manager\":\"x" APPLY
                    "\"fieldsV1\":%s}]},\"data\":{\"a\":\"1\"}}",
                    broken[i]);
        tu_judgement j = judge(f);
        assert_int_equal(j.verdict, TU_VERDICT_IN_SYNC);
        assert_int_equal(j.confidence, TU_CONFIDENCE_OBSERVED);
        assert_reason(&j, "ownership-unreadable:");
    }
}

static void more_changes_than_are_listed_are_said_to_be_more(void **state) {
    fixture *f = *state;
    tu_buf_add_c(&f->text, "{\"metadata\":{\"name\":\"c\",\"uid\":\"u\",\"managedFields\":[{"
                           "\"manager\":\"kubectl-edit\",\"operation\":\"Update\",\"apiVersion\":"
                           "\"v1\",\"fieldsV1\":{\"f:data\":{");
    for (int i = 0; i < 5000; i++)
        tu_buf_addf(&f->text, "%s\"f:k-%d\":{}", i ? "," : "", i);
    tu_buf_add_c(&f->text, "}}}]},\"data\":{\"a\":\"1\"");
    for (int i = 0; i < 5000; i++)
        tu_buf_addf(&f->text, ",\"k-%d\":\"x\"", i);
    tu_buf_add_c(&f->text, "}}");
    tu_judgement j = judge(f);
    assert_int_equal(j.verdict, TU_VERDICT_DRIFTED);
    assert_int_equal(j.change_count, TU_LIMIT_CHANGES);
    assert_reason(&j, "many-changes:");
}

static void keys_made_of_syntax_are_told_as_what_they_are(void **state) {
    static const struct {
        const char *json, *path;
    } keys[] = {{"a/b", "/data/a~1b"},
                {"a~b", "/data/a~0b"},
                {"", "/data/"},
                {"[name=x]", "/data/[name=x]"},
                {"**", "/data/**"},
                {"\\u0000", NULL},
                {"\\u202e", "/data/\u202e"},
                {"<sealed>", "/data/<sealed>"},
                {"f:x", "/data/f:x"}};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        tu_buf_clear(&f->text);
        tu_buf_addf(&f->text,
                    "{\"metadata\":{\"name\":\"c\",\"uid\":\"u\",\"managedFields\":[{\"manager\":"
                    "\"kubectl-edit\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"fieldsV1\":{"
                    "\"f:data\":{\"f:%s\":{}}}}]},\"data\":{\"a\":\"1\",\"%s\":\"x\"}}",
                    keys[i].json, keys[i].json);
        tu_judgement j = judge(f);
        assert_int_equal(j.verdict, TU_VERDICT_DRIFTED);
        assert_int_equal(j.change_count, 1);
        if (keys[i].path && !tu_str_is(j.changes[0].path, keys[i].path))
            fail_msg("%s: %.*s", keys[i].json, TU_P(j.changes[0].path));
    }
}

static void an_object_as_large_as_servers_store_is_judged(void **state) {
    fixture *f = *state;
    tu_buf_add_c(&f->text, "{\"metadata\":{\"name\":\"c\",\"uid\":\"u\"},\"items\":[");
    for (int i = 0; f->text.n < 3u * TU_MIB / 2; i++)
        tu_buf_addf(&f->text, "%s{\"name\":\"item-%d\",\"value\":\"%0200d\"}", i ? "," : "", i, i);
    tu_buf_add_c(&f->text, "],\"data\":{\"a\":\"2\"}}");
    tu_judgement j = judge(f);
    assert_int_equal(j.verdict, TU_VERDICT_DRIFTED);
    assert_true(tu_str_is(j.changes[0].path, "/data/a"));
}

static void a_description_larger_than_the_limit_is_refused_by_name(void **state) {
    (void)state;
    tu_buf text = TU_BUF_INIT(2 * TU_LIMIT_DESCRIPTION_BYTES);
    tu_error *error = NULL;
    tu_kind *kind = NULL;
    tu_buf_add_c(&text, "{\"types\":[{\"type\":\"any\"}]");
    while (text.n <= TU_LIMIT_DESCRIPTION_BYTES)
        tu_buf_add_c(&text, "                                                                ");
    tu_buf_add_c(&text, "}");
    assert_int_equal(tu_kind_compile(tu_buf_str(&text), &kind, &error), TU_EINVALID);
    assert_non_null(strstr(tu_error_text(error), "TU_LIMIT_DESCRIPTION_BYTES"));
    tu_error_free(error);
    tu_buf_done(&text);
}

static void a_description_of_ten_megabytes_in_circles_is_compiled_and_followed(void **state) {
    (void)state;
    tu_buf text = TU_BUF_INIT(TU_LIMIT_DESCRIPTION_BYTES);
    tu_kind *kind = NULL;
    size_t n = 0;
    tu_buf_add_c(&text, "{\"types\":[");
    for (; text.n < 10u * TU_MIB;
         n++) /* each type leads to the next two, the last ones to the first */
        tu_buf_addf(&text, "%s{\"type\":\"map\",\"fields\":{\"left\":%zu,\"right\":%zu}}",
                    n ? "," : "", (2 * n + 1) % 10000, (2 * n + 2) % 10000);
    tu_buf_add_c(&text, "]}");
    assert_int_equal(tu_kind_compile(tu_buf_str(&text), &kind, NULL), TU_OK);
    const tu_schema_type *t = tu_kind_root(kind);
    for (int i = 0; i < 1000000; i++)
        t = tu_type_field(t, i % 3 ? TU_S("left") : TU_S("right"), NULL);
    assert_int_equal(t->type, TU_TYPE_MAP);
    tu_kind_unref(kind);
    tu_buf_done(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            of_too_many_managers_ours_and_the_latest_are_read_and_it_is_said, begin, end),
        cmocka_unit_test_setup_teardown(an_ownership_that_cannot_be_read_proves_nothing_and_is_said,
                                        begin, end),
        cmocka_unit_test_setup_teardown(more_changes_than_are_listed_are_said_to_be_more, begin,
                                        end),
        cmocka_unit_test_setup_teardown(keys_made_of_syntax_are_told_as_what_they_are, begin, end),
        cmocka_unit_test_setup_teardown(an_object_as_large_as_servers_store_is_judged, begin, end),
        cmocka_unit_test(a_description_larger_than_the_limit_is_refused_by_name),
        cmocka_unit_test(a_description_of_ten_megabytes_in_circles_is_compiled_and_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
