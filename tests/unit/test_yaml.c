/*
 * YAML: what scalars, keys and merges mean in the kubernetes reading (data/yaml/kubernetes.txt,
 * answered by the Go modules that kubectl is made of, see tests/support/yaml-oracle) and in the
 * strict one (data/yaml/strict.txt), what is reported and where (data/yaml/errors.txt), how
 * streams are cut, spans, budgets, memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cases.h"
#include "value/json.h"
#include "value/yaml.h"
#include "vectors.h"

static tu_rc parse(tu_arena *a, tu_str text, tu_yaml_reading reading, tu_value **ret,
                   tu_error **error) {
    tu_yaml_split s = tu_yaml_split_begin(text);
    tu_yaml_part part = {.line = 1};
    *ret = NULL;
    tu_yaml_split_next(&s, &part);
    return tu_yaml_parse(a, part, reading, "f.yaml", ret, error);
}

static tu_value *must_parse(tu_arena *a, const char *text, tu_yaml_reading reading) {
    tu_value *v = NULL;
    tu_error *e = NULL;
    if (parse(a, tu_str_c(text), reading, &v, &e) != TU_OK)
        fail_msg("%s: %s", text, tu_error_text(e));
    return v;
}

/* --- what it means --------------------------------------------------------------------------- */

/* `expected` is JSON, or begins with "error". Nothing in the document is JSON's null. */
static void check_meaning(const test_case *t, tu_str expected, tu_yaml_reading reading) {
    tu_arena a;
    tu_value *v = NULL, *wanted = NULL;
    tu_error *e = NULL;
    tu_arena_init(&a, 0);
    tu_rc rc = parse(&a, t->parts[0], reading, &v, &e);
    bool refuse = tu_str_starts(expected, "error");
    if (refuse != (rc != TU_OK))
        fail_msg("case of line %u: %s", t->line, rc == TU_OK ? "accepted" : tu_error_text(e));
    if (!refuse) {
        if (tu_str_is(expected, "nothing"))
            expected = TU_S("null");
        if (tu_json_parse(&a, expected, 0, NULL, &wanted, NULL, NULL) != TU_OK)
            fail_msg("case of line %u: the expectation is not JSON", t->line);
        if (v ? !tu_value_equal(v, wanted) : wanted->type != TU_NULL)
            fail_msg("case of line %u is not %.*s", t->line, TU_P(expected));
    }
    tu_error_free(e);
    tu_arena_done(&a);
}

static void kubernetes_manifests_mean_what_kubectl_makes_of_them(void **state) {
    (void)state;
    test_cases c = test_cases_read("tests/unit/data/yaml/kubernetes.txt");
    for (size_t i = 0; i < c.n; i++) {
        const test_case *t = &c.items[i];
        check_meaning(t, test_chomp(t->parts[t->n > 2 ? 2 : 1]), TU_YAML_KUBERNETES);
    }
    assert_true(c.n >= 400);
    test_cases_done(&c);
}

static double number(const tu_value *v) {
    char text[400];
    snprintf(text, sizeof text, "%.*s", TU_P(v->string));
    return v->type == TU_INTEGER ? (double)v->integer : strtod(text, NULL);
}

/* Beyond int64 the server has a double, and prints its shortest form. */
static bool same_scalar(const tu_value *ours, const tu_value *server) {
    bool numbers = tu_value_is(ours, TU_NUMBER) &&
                   (tu_value_is(server, TU_NUMBER) || tu_value_is(server, TU_INTEGER));
    if (numbers)
        return number(ours) <= number(server) && number(ours) >= number(server);
    return ours ? tu_value_equal(ours, server) : tu_value_is(server, TU_NULL);
}

static void scalars_mean_what_the_server_recorded(void **state) {
    (void)state;
    tu_arena a;
    tu_arena_init(&a, 0);
    const tu_value *cases = tu_value_get(test_vectors_read(&a, "yaml11.json"), "cases");
    assert_true(tu_value_count(cases) >= 90);
    for (size_t i = 0; i < tu_value_count(cases); i++) {
        tu_str text = tu_value_get_string(tu_value_at(cases, i), "text");
        const tu_value *recorded = tu_value_get(tu_value_at(cases, i), "recorded");
        tu_value *v = NULL;
        tu_error *e = NULL;
        bool refused = parse(&a, text, TU_YAML_KUBERNETES, &v, &e) != TU_OK;
        tu_error_free(e);
        if (refused != (tu_value_get(recorded, "error") != NULL) ||
            (!refused && !same_scalar(v, tu_value_get(recorded, "value"))))
            fail_msg("%.*s", TU_P(text));
    }
    tu_arena_done(&a);
}

static void our_own_files_are_read_by_the_core_schema(void **state) {
    (void)state;
    test_cases c = test_cases_read("tests/unit/data/yaml/strict.txt");
    for (size_t i = 0; i < c.n; i++)
        check_meaning(&c.items[i], test_chomp(c.items[i].parts[1]), TU_YAML_STRICT);
    assert_true(c.n >= 80);
    test_cases_done(&c);
}

static void strict_numbers_keep_their_digits(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"1.50", "1.50"}, {"+.5", "0.5"},         {"1.", "1.0"},
                                           {"1E+3", "1E+3"}, {"007.50e3", "7.50e3"}, {"3.0", "3.0"},
                                           {"-.5", "-0.5"},  {"0.10000", "0.10000"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tu_arena a;
        tu_arena_init(&a, 0);
        const tu_value *v = must_parse(&a, cases[i][0], TU_YAML_STRICT);
        assert_int_equal(v->type, TU_NUMBER);
        assert_true(tu_str_is(v->string, cases[i][1]));
        tu_arena_done(&a);
    }
}

static void scalars_that_the_versions_of_yaml_read_differently_are_marked(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool marked;
    } cases[] = {{"yes", true},    {"on", true},    {"n", true},     {"0777", true},
                 {"0b1", true},    {"1_000", true}, {"-0x1F", true}, {"0o17", false},
                 {"true", false},  {"3.0", false},  {"08", false},   {"text", false},
                 {"'yes'", false}, {"~", false},    {"12", false},   {"00", false},
                 {"1e400", true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tu_arena a;
        tu_arena_init(&a, 0);
        for (int reading = TU_YAML_KUBERNETES; reading <= TU_YAML_STRICT; reading++) {
            const tu_value *v = must_parse(&a, cases[i].text, (tu_yaml_reading)reading);
            if (((v->flags & TU_VALUE_YAML11) != 0) != cases[i].marked)
                fail_msg("%s", cases[i].text);
        }
        tu_arena_done(&a);
    }
}

static void quoted_text_is_marked(void **state) {
    (void)state;
    tu_arena a;
    tu_arena_init(&a, 0);
    const tu_value *v = must_parse(&a, "a: 'x'\nb: \"y\"\nc: |\n  z\nd: w\n", TU_YAML_STRICT);
    assert_true(tu_value_get(v, "a")->flags & TU_VALUE_QUOTED);
    assert_true(tu_value_get(v, "b")->flags & TU_VALUE_QUOTED);
    assert_true(tu_value_get(v, "c")->flags & TU_VALUE_QUOTED);
    assert_false(tu_value_get(v, "d")->flags & TU_VALUE_QUOTED);
    tu_arena_done(&a);
}

/* --- errors ---------------------------------------------------------------------------------- */

static void errors_say_where_and_what_to_do(void **state) {
    (void)state;
    test_cases c = test_cases_read("tests/unit/data/yaml/errors.txt");
    for (size_t i = 0; i < c.n; i++) {
        tu_arena a;
        tu_buf out = TU_BUF_INIT(1u << 20);
        tu_yaml_split s = tu_yaml_split_begin(c.items[i].parts[0]);
        tu_arena_init(&a, 0);
        for (tu_yaml_part part; tu_yaml_split_next(&s, &part);) {
            tu_value *v = NULL;
            tu_error *e = NULL;
            if (tu_yaml_parse(&a, part, TU_YAML_KUBERNETES, "f.yaml", &v, &e) != TU_OK)
                tu_error_print(e, &out);
            tu_error_free(e);
        }
        if (!tu_str_eq(tu_buf_str(&out), c.items[i].parts[1]))
            fail_msg("case of line %u: %s", c.items[i].line, tu_buf_c(&out));
        tu_buf_done(&out);
        tu_arena_done(&a);
    }
    assert_true(c.n >= 50);
    test_cases_done(&c);
}

static void a_file_that_is_json_by_name_gets_the_error_of_json(void **state) {
    (void)state;
    tu_arena a;
    tu_value *v = NULL;
    tu_error *e = NULL;
    tu_yaml_part part = {.text = TU_S("{\"a\": 1,\n \"b\": 2,}"), .line = 10};
    tu_arena_init(&a, 0);
    assert_int_equal(tu_yaml_parse(&a, part, TU_YAML_KUBERNETES, "x.yaml", &v, NULL), TU_OK);
    assert_int_equal(tu_yaml_parse(&a, part, TU_YAML_KUBERNETES, "x.json", &v, &e), TU_EINVALID);
    assert_int_equal(e->line, 11);
    assert_int_equal(e->column, 9);
    tu_error_free(e);
    tu_arena_done(&a);
}

/* --- streams --------------------------------------------------------------------------------- */

static void a_stream_is_cut_at_its_document_markers_only(void **state) {
    (void)state;
    static const struct {
        const char *stream;
        const char *parts[5];
    } cases[] = {
        {"", {NULL}},
        {"a: 1", {"a: 1"}},
        {"a: 1\n---\nb: 2\n", {"a: 1\n", "---\nb: 2\n"}},
        {"---\na: 1\n---\n---\nb: 2\n", {"---\na: 1\n", "---\n", "---\nb: 2\n"}},
        {"# license\n---\na: 1\n", {"# license\n---\na: 1\n"}},
        {"\xef\xbb\xbf---\na: 1\n", {"---\na: 1\n"}},
        {"--- # first\na: 1\n--- text\n", {"--- # first\na: 1\n", "--- text\n"}},
        {"a: |\n  ---\n  x\nb: '---'\n ---\n", {"a: |\n  ---\n  x\nb: '---'\n ---\n"}},
        {"----\n---x\n", {"----\n---x\n"}},
        {"a: 1\r\n---\r\nb: 2\r\n", {"a: 1\r\n", "---\r\nb: 2\r\n"}},
        {"a: 1\n...\n# c\n%YAML 1.1\n---\nb: 2\n...\n",
         {"a: 1\n...\n", "# c\n%YAML 1.1\n---\nb: 2\n...\n"}},
        {"a: 1\n...\nb: 2\n", {"a: 1\n...\n", "b: 2\n"}},
        {"---\ta\n---", {"---\ta\n", "---"}},
        {"a: 1\n# end\n", {"a: 1\n# end\n"}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tu_yaml_split s = tu_yaml_split_begin(tu_str_c(cases[i].stream));
        tu_yaml_part part;
        size_t n = 0;
        for (; tu_yaml_split_next(&s, &part); n++) {
            uint32_t line = 1;
            for (size_t k = 0; k < part.offset; k++)
                line += cases[i].stream[k] == '\n';
            assert_non_null(cases[i].parts[n]);
            assert_true(tu_str_is(part.text, cases[i].parts[n]));
            assert_ptr_equal(part.text.p, cases[i].stream + part.offset);
            assert_int_equal(part.line, line);
        }
        assert_null(cases[i].parts[n]);
    }
}

static void a_part_without_a_value_is_nothing_and_null_is_something(void **state) {
    (void)state;
    static const char *const nothing[] = {
        "",     "\n\n", "# comment\n", "---\n", "--- # c\n", "---\n# c\n...\n", "%YAML 1.1\n---\n",
        "...\n"};
    static const char *const null[] = {"null\n", "~\n", "--- ~\n", "!!null\n"};
    tu_arena a;
    tu_arena_init(&a, 0);
    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
        assert_null(must_parse(&a, nothing[i], TU_YAML_STRICT));
    for (size_t i = 0; i < sizeof(null) / sizeof(null[0]); i++)
        assert_int_equal(must_parse(&a, null[i], TU_YAML_STRICT)->type, TU_NULL);
    tu_arena_done(&a);
}

static void a_broken_document_hides_no_other(void **state) {
    (void)state;
    tu_yaml_split s = tu_yaml_split_begin(TU_S("a: 1\n---\nb: [\n---\nc: 'x\n---\nd: 4\n"));
    tu_arena a;
    tu_arena_init(&a, 0);
    static const bool good[] = {true, false, false, true};
    size_t n = 0;
    for (tu_yaml_part part; tu_yaml_split_next(&s, &part); n++) {
        tu_value *v = NULL;
        assert_true((tu_yaml_parse(&a, part, TU_YAML_KUBERNETES, NULL, &v, NULL) == TU_OK) ==
                    good[n]);
    }
    assert_int_equal(n, 4);
    tu_arena_done(&a);
}

/* --- spans ----------------------------------------------------------------------------------- */

/* Marks every scalar's span in the stream with <>, keys with {}. */
static void mark(const tu_value *v, char *begins, char *ends) {
    for (uint32_t i = 0; v->type == TU_MAP && i < v->map.n; i++) {
        begins[v->map.members[i].key_begin] = '{';
        mark(&v->map.members[i].value, begins, ends);
    }
    for (uint32_t i = 0; v->type == TU_LIST && i < v->list.n; i++)
        mark(&v->list.items[i], begins, ends);
    if ((v->type != TU_MAP && v->type != TU_LIST) && !(v->flags & TU_VALUE_EXPANDED)) {
        begins[v->begin] = '<';
        ends[v->end] = '>';
    }
}

static void spans_are_bytes_of_the_whole_stream(void **state) {
    (void)state;
    test_cases c = test_cases_read("tests/unit/data/yaml/spans.txt");
    for (size_t i = 0; i < c.n; i++) {
        tu_str stream = c.items[i].parts[0];
        char *begins = calloc(stream.n + 2, 1), *ends = calloc(stream.n + 2, 1);
        tu_yaml_split s = tu_yaml_split_begin(stream);
        tu_buf out = TU_BUF_INIT(1u << 20);
        tu_arena a;
        tu_arena_init(&a, 0);
        for (tu_yaml_part part; tu_yaml_split_next(&s, &part);) {
            tu_value *v = NULL;
            assert_int_equal(tu_yaml_parse(&a, part, TU_YAML_KUBERNETES, NULL, &v, NULL), TU_OK);
            if (v)
                mark(v, begins, ends);
        }
        for (size_t k = 0; k <= stream.n; k++) {
            if (ends[k])
                tu_buf_add_byte(&out, ends[k]);
            if (begins[k])
                tu_buf_add_byte(&out, begins[k]);
            if (k < stream.n)
                tu_buf_add_byte(&out, stream.p[k]);
        }
        if (!tu_str_eq(tu_buf_str(&out), c.items[i].parts[1]))
            fail_msg("case of line %u:\n%s", c.items[i].line, tu_buf_c(&out));
        free(begins);
        free(ends);
        tu_buf_done(&out);
        tu_arena_done(&a);
    }
    assert_true(c.n >= 10);
    test_cases_done(&c);
}

static void lines_are_those_of_the_stream(void **state) {
    (void)state;
    static const char stream[] =
        "# \xc3\xa4\r\na: 1\r\n---\r\nb: |\r\n  x\r\n  y\r\nc:\r\n  d: [1,\r\n    2]\r\n";
    tu_yaml_split s = tu_yaml_split_begin(TU_S(stream));
    tu_yaml_part part;
    tu_value *v = NULL;
    tu_arena a;
    tu_arena_init(&a, 0);
    assert_true(tu_yaml_split_next(&s, &part) && tu_yaml_split_next(&s, &part));
    assert_int_equal(tu_yaml_parse(&a, part, TU_YAML_KUBERNETES, NULL, &v, NULL), TU_OK);
    assert_int_equal(tu_value_get(v, "b")->line, 4);
    assert_int_equal(tu_value_member(v, TU_S("c"))->key_line, 7);
    const tu_value *list = tu_value_path(v, "c", "d", NULL);
    assert_int_equal(list->line, 8);
    assert_int_equal(tu_value_at(list, 1)->line, 9);
    assert_memory_equal(stream + list->begin, "[1,\r\n    2]", list->end - list->begin);
    assert_int_equal(v->line, 4);
    assert_int_equal(v->end, list->end);
    tu_arena_done(&a);
}

static void what_an_alias_brings_is_marked_and_has_the_span_of_the_anchor(void **state) {
    (void)state;
    static const char text[] = "x: &x {a: 1}\nz: *x\nm:\n  <<: *x\n  b: 2\n";
    tu_arena a;
    tu_arena_init(&a, 0);
    const tu_value *v = must_parse(&a, text, TU_YAML_STRICT);
    const tu_value *original = tu_value_path(v, "x", "a", NULL),
                   *copy = tu_value_path(v, "z", "a", NULL),
                   *merged = tu_value_path(v, "m", "a", NULL);
    assert_false(original->flags & TU_VALUE_EXPANDED);
    assert_true(copy->flags & TU_VALUE_EXPANDED);
    assert_true(merged->flags & TU_VALUE_EXPANDED);
    assert_false(tu_value_path(v, "m", "b", NULL)->flags & TU_VALUE_EXPANDED);
    assert_int_equal(copy->begin, original->begin);
    assert_int_equal(merged->line, 1);
    assert_ptr_not_equal(copy,
                         original); /* a copy: sealing or filling in one leaves the other alone */
    tu_arena_done(&a);
}

/* --- budgets --------------------------------------------------------------------------------- */

static void assert_refused(const tu_buf *text, const char *reason) {
    tu_arena a;
    tu_value *v = NULL;
    tu_error *e = NULL;
    tu_arena_init(&a, 0);
    assert_int_equal(parse(&a, tu_buf_str(text), TU_YAML_KUBERNETES, &v, &e), TU_EINVALID);
    if (!strstr(e->message, reason))
        fail_msg("%s", e->message);
    assert_true(a.used < 64u << 20);
    tu_error_free(e);
    tu_arena_done(&a);
}

static void an_alias_bomb_costs_no_more_than_the_budget(void **state) {
    (void)state;
    tu_buf lists = TU_BUF_INIT(1u << 20), merges = TU_BUF_INIT(1u << 20);
    tu_buf_add_c(&lists, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    tu_buf_add_c(&merges, "a0: &a0 {b: {c: x}}\n");
    for (int i = 1; i < 30; i++) {
        tu_buf_addf(&lists, "a%d: &a%d [", i, i);
        tu_buf_addf(&merges, "a%d: &a%d {", i, i);
        for (int k = 0; k < 10; k++) {
            tu_buf_addf(&lists, "%s*a%d", k ? "," : "", i - 1);
            tu_buf_addf(&merges, "%sk%d: {<<: *a%d}", k ? ", " : "", k, i - 1);
        }
        tu_buf_add_c(&lists, "]\n");
        tu_buf_add_c(&merges, "}\n");
    }
    assert_refused(&lists, "TU_LIMIT_YAML_ALIAS_NODES");
    assert_refused(&merges, "TU_LIMIT_YAML_ALIAS_NODES");
    tu_buf_done(&lists);
    tu_buf_done(&merges);
}

static void every_limit_is_named_when_it_refuses(void **state) {
    (void)state;
    tu_buf text = TU_BUF_INIT(64u << 20);
    for (unsigned i = 0; i < TU_LIMIT_DEPTH + 1; i++)
        tu_buf_add_c(&text, "[x, ");
    assert_refused(&text, "TU_LIMIT_DEPTH");
    tu_buf_clear(&text);
    for (unsigned i = 0; i < TU_LIMIT_DEPTH + 1; i++)
        tu_buf_addf(&text, "%*sa:\n", (int)i, "");
    assert_refused(&text, "TU_LIMIT_DEPTH");
    tu_buf_clear(&text);
    /* no deeper than 70 as it is written, far deeper once expanded */
    tu_buf_add_c(&text, "a0: &a0 x\n");
    for (unsigned i = 1; i < 5; i++)
        tu_buf_addf(&text,
                    "a%u: &a%u "
                    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[*a%u]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
                    "]]]]]]\n",
                    i, i, i - 1);
    assert_refused(&text, "TU_LIMIT_DEPTH");
    tu_buf_clear(&text);
    for (unsigned i = 0; i < TU_LIMIT_YAML_ANCHORS + 1; i++)
        tu_buf_addf(&text, "- &a%u 1\n", i);
    assert_refused(&text, "TU_LIMIT_YAML_ANCHORS");
    tu_buf_clear(&text);
    for (unsigned i = 0; i < TU_LIMIT_DOCUMENT_BYTES / 16 + 1; i++)
        tu_buf_add_c(&text, "# 3456789012345\n");
    assert_refused(&text, "TU_LIMIT_DOCUMENT_BYTES");
    tu_buf_done(&text);
}

static void running_out_of_memory_is_an_error_and_nothing_else(void **state) {
    (void)state;
    tu_buf text = TU_BUF_INIT(1u << 20);
    tu_buf_add_c(
        &text,
        "x: &x {a: 1, b: [1.5, 0x1F, yes]}\ny:\n  <<: *x\n  \xc3\xa4: !!binary aGVsbG8=\nz:\n");
    for (int i = 0; i < 300; i++)
        tu_buf_addf(&text, "  k%d: {v: 'it''s %d'}\n", i, i);
    for (size_t n = 1;; n++) {
        tu_arena a;
        tu_value *v = NULL;
        tu_error *e = NULL;
        tu_arena_init(&a, 0);
        tu_mem_fail_after(n);
        tu_rc rc = parse(&a, tu_buf_str(&text), TU_YAML_KUBERNETES, &v, &e);
        size_t made = tu_mem_fail_after(0);
        assert_true(rc == (made < n ? TU_OK : TU_EINTERNAL));
        tu_error_free(e);
        tu_arena_done(&a);
        if (made < n)
            break;
    }
    tu_buf_done(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kubernetes_manifests_mean_what_kubectl_makes_of_them),
        cmocka_unit_test(scalars_mean_what_the_server_recorded),
        cmocka_unit_test(our_own_files_are_read_by_the_core_schema),
        cmocka_unit_test(strict_numbers_keep_their_digits),
        cmocka_unit_test(scalars_that_the_versions_of_yaml_read_differently_are_marked),
        cmocka_unit_test(quoted_text_is_marked),
        cmocka_unit_test(errors_say_where_and_what_to_do),
        cmocka_unit_test(a_file_that_is_json_by_name_gets_the_error_of_json),
        cmocka_unit_test(a_stream_is_cut_at_its_document_markers_only),
        cmocka_unit_test(a_part_without_a_value_is_nothing_and_null_is_something),
        cmocka_unit_test(a_broken_document_hides_no_other),
        cmocka_unit_test(spans_are_bytes_of_the_whole_stream),
        cmocka_unit_test(lines_are_those_of_the_stream),
        cmocka_unit_test(what_an_alias_brings_is_marked_and_has_the_span_of_the_anchor),
        cmocka_unit_test(an_alias_bomb_costs_no_more_than_the_budget),
        cmocka_unit_test(every_limit_is_named_when_it_refuses),
        cmocka_unit_test(running_out_of_memory_is_an_error_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
