/*
 * Schemas: every mistake at its place with a suggestion, defaults filled in, bad schemas refused.
 * The cases stand in data/schema/values.txt (schema, value, what is reported, what the value is
 * afterwards) and data/schema/schemas.txt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cases.h"
#include "value/json.h"
#include "value/schema.h"
#include "value/yaml.h"

static const tu_value *parse_schema(tu_arena *a, const test_case *t) {
    tu_value *schema = NULL;
    tu_error *e = NULL;
    if (tu_json_parse(a, t->parts[0], 0, "schema", &schema, NULL, &e) != TU_OK)
        fail_msg("case of line %u: %s", t->line, tu_error_text(e));
    return schema;
}

static tu_value *parse_value(tu_arena *a, const test_case *t) {
    tu_yaml_part part = {.text = t->parts[1], .line = 1};
    tu_value *v = NULL;
    tu_error *e = NULL;
    if (tu_yaml_parse(a, part, TU_YAML_STRICT, "f.yaml", &v, &e) != TU_OK)
        fail_msg("case of line %u: %s", t->line, tu_error_text(e));
    return v;
}

static void compare(const test_case *t, const char *what, const tu_buf *got, tu_str expected) {
    if (!tu_str_eq(tu_buf_str(got), expected))
        fail_msg("case of line %u: %s:\n%s\nexpected:\n%.*s", t->line, what, tu_buf_c(got),
                 TU_P(expected));
}

static void check_value_case(const test_case *t) {
    tu_arena a;
    tu_arena_init(&a, 0);
    const tu_value *schema = parse_schema(&a, t);
    tu_value *v = parse_value(&a, t);
    tu_error *e = NULL;
    tu_errors errors = {0};
    tu_buf out = TU_BUF_INIT(1u << 20);
    if (tu_schema_check(schema, &e) != TU_OK)
        fail_msg("case of line %u: the schema: %s", t->line, tu_error_text(e));
    tu_schema_validate(&a, schema, v, "f.yaml", t->parts[1], "", &errors);
    for (size_t i = 0; i < errors.n; i++)
        tu_error_print(errors.items[i], &out);
    compare(t, "errors", &out, t->parts[2]);
    if (t->n > 3) {
        tu_buf_clear(&out);
        tu_json_write(&out, v, 0);
        compare(t, "the value afterwards", &out, test_chomp(t->parts[3]));
    }
    tu_buf_done(&out);
    tu_errors_done(&errors);
    tu_arena_done(&a);
}

static void every_mistake_is_reported_at_its_place(void **state) {
    (void)state;
    test_cases c = test_cases_read("tests/unit/data/schema/values.txt");
    assert_true(c.n > 30);
    for (size_t i = 0; i < c.n; i++)
        check_value_case(&c.items[i]);
    test_cases_done(&c);
}

static void a_schema_that_is_not_understood_is_refused(void **state) {
    (void)state;
    test_cases c = test_cases_read("tests/unit/data/schema/schemas.txt");
    assert_true(c.n > 20);
    for (size_t i = 0; i < c.n; i++) {
        const test_case *t = &c.items[i];
        tu_arena a;
        tu_error *e = NULL;
        tu_buf out = TU_BUF_INIT(1u << 20);
        tu_arena_init(&a, 0);
        if (tu_schema_check(parse_schema(&a, t), &e) != TU_OK)
            tu_error_print(e, &out);
        compare(t, "error", &out, t->parts[1]);
        tu_error_free(e);
        tu_buf_done(&out);
        tu_arena_done(&a);
    }
    test_cases_done(&c);
}

static void mistakes_carry_the_prefix_of_the_caller(void **state) {
    (void)state;
    tu_arena a;
    tu_value *schema = NULL, *v = NULL;
    tu_errors errors = {0};
    tu_arena_init(&a, 0);
    assert_int_equal(tu_json_parse(&a, TU_S("{\"properties\":{\"n\":{\"type\":\"integer\"}}}"), 0,
                                   NULL, &schema, NULL, NULL),
                     TU_OK);
    assert_int_equal(tu_json_parse(&a, TU_S("{\"n\":\"x\"}"), 0, NULL, &v, NULL, NULL), TU_OK);
    tu_schema_validate(&a, schema, v, NULL, (tu_str){0}, "spec.config", &errors);
    assert_int_equal(errors.n, 1);
    assert_string_equal(errors.items[0]->message,
                        "spec.config.n: expected an integer, found a string");
    assert_int_equal(errors.items[0]->column, 0); /* there is no text to count columns in */
    tu_errors_done(&errors);
    tu_arena_done(&a);
}

static void columns_count_characters_and_not_bytes(void **state) {
    (void)state;
    assert_int_equal(tu_text_column(TU_S("abc"), 0), 1);
    assert_int_equal(tu_text_column(TU_S("abc"), 3), 4);
    assert_int_equal(tu_text_column(TU_S("abc"), 99), 4);
    assert_int_equal(tu_text_column(TU_S("x\n\xc3\xa4\xf0\x9f\x98\x80: 1"), 8), 3);
    assert_int_equal(tu_text_column((tu_str){0}, 0), 1);
}

static void running_out_of_memory_is_an_error_and_nothing_else(void **state) {
    (void)state;
    static const char schema_text[] =
        "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"a\":{\"default\":{"
        "\"b\":[1,2]}},\"c\":{\"enum\":[\"x\",\"y\"]},"
        "\"d\":{\"pattern\":\"^z\"}}}";
    for (size_t n = 1;; n++) {
        tu_arena a, b;
        tu_value *schema = NULL, *v = NULL;
        tu_errors errors = {0};
        tu_arena_init(&a, 0);
        tu_arena_init(&b, 0);
        assert_int_equal(tu_json_parse(&a, tu_str_c(schema_text), 0, NULL, &schema, NULL, NULL),
                         TU_OK);
        assert_int_equal(
            tu_json_parse(&a, TU_S("{\"c\":\"q\",\"d\":\"y\",\"e\":1}"), 0, NULL, &v, NULL, NULL),
            TU_OK);
        tu_mem_fail_after(n);
        tu_schema_validate(&b, schema, v, NULL, (tu_str){0}, "", &errors);
        size_t made = tu_mem_fail_after(0);
        assert_true(errors.n > 0);
        tu_errors_done(&errors);
        tu_arena_done(&a);
        tu_arena_done(&b);
        if (made < n)
            break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_is_reported_at_its_place),
        cmocka_unit_test(a_schema_that_is_not_understood_is_refused),
        cmocka_unit_test(mistakes_carry_the_prefix_of_the_caller),
        cmocka_unit_test(columns_count_characters_and_not_bytes),
        cmocka_unit_test(running_out_of_memory_is_an_error_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
