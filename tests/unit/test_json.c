/*
 * JSON: what is accepted and refused (data/json: y_ must be read, n_ must be refused, i_accept_
 * and i_refuse_ are our choice where the RFC leaves one), what is reported (data/json/errors.txt),
 * what is written (data/json/written.txt), numbers, spans, limits, memory, and where a value ends
 * in a stream.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cases.h"
#include "value/json.h"

static tu_value *parse(tu_arena *a, const char *text) {
    tu_value *v = NULL;
    tu_error *e = NULL;
    if (tu_json_parse(a, tu_str_c(text), 0, NULL, &v, NULL, &e) != TU_OK)
        fail_msg("%s: %s", text, tu_error_text(e));
    return v;
}

/* --- accepted and refused -------------------------------------------------------------------- */

static void check_round_trip(const char *name, const tu_value *v, unsigned flags) {
    tu_arena a;
    tu_buf text = TU_BUF_INIT(64u << 20);
    tu_value *again = NULL;
    tu_arena_init(&a, 0);
    tu_json_write(&text, v, flags);
    assert_int_equal(text.rc, TU_OK);
    if (tu_json_parse(&a, tu_buf_str(&text), 0, NULL, &again, NULL, NULL) != TU_OK ||
        !tu_value_equal(v, again))
        fail_msg("%s does not read the same once it is written: %s", name, tu_buf_c(&text));
    tu_buf_done(&text);
    tu_arena_done(&a);
}

static void check_file(const char *name, tu_str text) {
    bool accept = name[0] == 'y' || strncmp(name, "i_accept", 8) == 0;
    static const unsigned flags[] = {0, TU_JSON_COPY, TU_JSON_NO_LINES,
                                     TU_JSON_COPY | TU_JSON_NO_LINES};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        tu_arena a;
        tu_value *v = NULL;
        tu_error *e = NULL;
        tu_arena_init(&a, 0);
        tu_rc rc = tu_json_parse(&a, text, flags[i], name, &v, NULL, &e);
        if (accept != (rc == TU_OK))
            fail_msg("%s: %s", name, rc == TU_OK ? "accepted" : tu_error_text(e));
        if (rc == TU_OK) {
            check_round_trip(name, v, 0);
            check_round_trip(name, v, TU_JSON_PRETTY);
            check_round_trip(name, v, TU_JSON_SORTED);
        } else {
            assert_true(e->rc == TU_EINVALID && e->line >= 1 && e->column >= 1);
            assert_string_equal(e->file, name);
        }
        tu_error_free(e);
        tu_arena_done(&a);
    }
}

static void every_file_is_accepted_or_refused_as_its_name_says(void **state) {
    (void)state;
    char *folder = test_source_path("tests/unit/data/json");
    DIR *d = opendir(folder);
    size_t files = 0;
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        tu_buf text = TU_BUF_INIT(1u << 20);
        if (!tu_str_ends(tu_str_c(entry->d_name), ".json"))
            continue;
        char *path = tu_path_join(folder, entry->d_name);
        assert_int_equal(tu_file_read(path, 1u << 20, &text, NULL), TU_OK);
        check_file(entry->d_name, tu_buf_str(&text));
        tu_buf_done(&text);
        free(path);
        files++;
    }
    closedir(d);
    free(folder);
    assert_true(files >= 150);
}

static void errors_name_the_place_and_what_was_expected(void **state) {
    (void)state;
    test_cases c = test_cases_read("tests/unit/data/json/errors.txt");
    for (size_t i = 0; i < c.n; i++) {
        tu_arena a;
        tu_value *v = NULL;
        tu_error *e = NULL;
        tu_buf out = TU_BUF_INIT(1u << 20);
        tu_arena_init(&a, 0);
        tu_json_parse(&a, test_chomp(c.items[i].parts[0]), TU_JSON_NO_LINES, "f", &v, NULL, &e);
        tu_error_print(e, &out);
        if (!tu_str_eq(tu_buf_str(&out), c.items[i].parts[1]))
            fail_msg("case of line %u: %s", c.items[i].line, tu_buf_c(&out));
        tu_buf_done(&out);
        tu_error_free(e);
        tu_arena_done(&a);
    }
    assert_true(c.n >= 20);
    test_cases_done(&c);
}

/* --- values ---------------------------------------------------------------------------------- */

static void numbers_are_exact_integers_or_their_text(void **state) {
    (void)state;
    static const struct {
        const char *text;
        tu_type type;
        int64_t integer;
    } cases[] = {{"0", TU_INTEGER, 0},
                 {"-0", TU_INTEGER, 0},
                 {"-1", TU_INTEGER, -1},
                 {"9007199254740993", TU_INTEGER, INT64_C(9007199254740993)},
                 {"9223372036854775807", TU_INTEGER, INT64_MAX},
                 {"-9223372036854775808", TU_INTEGER, INT64_MIN},
                 {"9223372036854775808", TU_NUMBER, 0},
                 {"-9223372036854775809", TU_NUMBER, 0},
                 {"18446744073709551616", TU_NUMBER, 0},
                 {"99999999999999999999", TU_NUMBER, 0},
                 {"1.50", TU_NUMBER, 0},
                 {"3.0", TU_NUMBER, 0},
                 {"-0.0", TU_NUMBER, 0},
                 {"1E+2", TU_NUMBER, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tu_arena a;
        tu_arena_init(&a, 0);
        const tu_value *v = parse(&a, cases[i].text);
        assert_int_equal(v->type, cases[i].type);
        if (v->type == TU_INTEGER)
            assert_true(v->integer == cases[i].integer);
        else
            assert_true(tu_str_is(v->string, cases[i].text));
        tu_arena_done(&a);
    }
}

static void strings_without_escapes_point_into_the_text_unless_copied(void **state) {
    (void)state;
    char text[] = "{\"key\":\"value\",\"e\":\"\\u00e9\"}";
    tu_str s = tu_str_c(text);
    tu_arena a;
    tu_value *v = NULL;
    tu_arena_init(&a, 0);
    assert_int_equal(tu_json_parse(&a, s, 0, NULL, &v, NULL, NULL), TU_OK);
    assert_ptr_equal(tu_value_get_string(v, "key").p, text + 8);
    assert_int_equal(tu_json_parse(&a, s, TU_JSON_COPY, NULL, &v, NULL, NULL), TU_OK);
    memset(text, 'x', sizeof(text) - 1);
    assert_true(tu_str_is(tu_value_get_string(v, "key"), "value"));
    assert_true(tu_str_is(tu_value_get_string(v, "e"), "\xc3\xa9"));
    tu_arena_done(&a);
}

static void spans_and_lines_are_where_values_stand(void **state) {
    (void)state;
    static const char text[] = "{\n  \"a\": [1,\n    \"\\n\xc3\xa9\"],\n  \"b\": {\"c\": -1.5}\n}";
    tu_arena a;
    tu_arena_init(&a, 0);
    const tu_value *v = parse(&a, text), *list = tu_value_get(v, "a");
    const tu_value *string = tu_value_at(list, 1), *number = tu_value_path(v, "b", "c", NULL);
    const tu_member *b = tu_value_member(v, TU_S("b"));
    assert_int_equal(v->line, 1);
    assert_int_equal(v->end, sizeof(text) - 1);
    assert_int_equal(list->line, 2);
    assert_int_equal(string->line, 3);
    assert_memory_equal(text + string->begin, "\"\\n\xc3\xa9\"", string->end - string->begin);
    assert_int_equal(b->key_line, 4);
    assert_memory_equal(text + b->key_begin, "\"b\"", 3);
    assert_int_equal(number->line, 4);
    assert_memory_equal(text + number->begin, "-1.5", number->end - number->begin);
    tu_arena_done(&a);
}

static void a_prefix_ends_behind_its_value(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"{\"a\":1} trailing", 7}, {" [1]]", 4}, {"1 2", 1}, {"\"x\"\xff", 3}, {"true,", 4}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned copy = 0; copy <= TU_JSON_COPY; copy++) {
            tu_arena a;
            tu_value *v = NULL;
            size_t length = 0;
            tu_arena_init(&a, 0);
            assert_int_equal(tu_json_parse(&a, tu_str_c(cases[i].text), TU_JSON_PREFIX | copy, NULL,
                                           &v, &length, NULL),
                             TU_OK);
            assert_int_equal(length, cases[i].length);
            tu_arena_done(&a);
        }
    }
}

/* --- written --------------------------------------------------------------------------------- */

static void values_are_written_compact_pretty_and_sorted(void **state) {
    (void)state;
    static const unsigned flags[] = {0, TU_JSON_PRETTY, TU_JSON_SORTED};
    test_cases c = test_cases_read("tests/unit/data/json/written.txt");
    for (size_t i = 0; i < c.n; i++) {
        for (size_t f = 0; f < 3 && f + 1 < c.items[i].n; f++) {
            tu_arena a;
            tu_value *v = NULL;
            tu_buf out = TU_BUF_INIT(1u << 20);
            tu_arena_init(&a, 0);
            assert_int_equal(tu_json_parse(&a, c.items[i].parts[0], 0, NULL, &v, NULL, NULL),
                             TU_OK);
            tu_json_write(&out, v, flags[f]);
            if (!tu_str_eq(tu_buf_str(&out), test_chomp(c.items[i].parts[f + 1])))
                fail_msg("case of line %u: %s", c.items[i].line, tu_buf_c(&out));
            tu_buf_done(&out);
            tu_arena_done(&a);
        }
    }
    assert_true(c.n >= 8);
    test_cases_done(&c);
}

static void many_keys_are_sorted_too(void **state) {
    (void)state;
    tu_arena a;
    tu_buf text = TU_BUF_INIT(1u << 20), out = TU_BUF_INIT(1u << 20),
           expected = TU_BUF_INIT(1u << 20);
    tu_arena_init(&a, 0);
    for (int i = 0; i < 100; i++) {
        tu_buf_addf(&text, "%s\"k%02d\":%d", i ? "," : "{", 99 - i, 99 - i);
        tu_buf_addf(&expected, "%s\"k%02d\":%d", i ? "," : "{", i, i);
    }
    tu_buf_add_c(&text, "}");
    tu_buf_add_c(&expected, "}");
    tu_json_write(&out, parse(&a, tu_buf_c(&text)), TU_JSON_SORTED);
    assert_string_equal(tu_buf_c(&out), tu_buf_c(&expected));
    tu_buf_done(&text);
    tu_buf_done(&out);
    tu_buf_done(&expected);
    tu_arena_done(&a);
}

static void sealed_values_are_written_only_where_secrets_are_asked_for(void **state) {
    (void)state;
    tu_arena a;
    tu_buf shown = TU_BUF_INIT(1u << 20), secret = TU_BUF_INIT(1u << 20);
    tu_arena_init(&a, 0);
    tu_value *v = parse(&a, "{\"data\":{\"password\":\"hunter2\\n\"},\"n\":1}");
    assert_int_equal(tu_value_seal(&a, (tu_value *)tu_value_get(v, "data"), (tu_str){0}, NULL),
                     TU_OK);
    tu_json_write(&shown, v, 0);
    tu_json_write_secrets(&secret, v);
    assert_string_equal(tu_buf_c(&shown), "{\"data\":{\"password\":\"<sealed>\"},\"n\":1}");
    assert_string_equal(tu_buf_c(&secret), "{\"data\":{\"password\":\"hunter2\\n\"},\"n\":1}");
    tu_buf_done(&shown);
    tu_buf_done(&secret);
    tu_arena_done(&a);
}

/* --- limits and memory ----------------------------------------------------------------------- */

static char *refusal(tu_str text, unsigned flags) {
    tu_arena a;
    tu_value *v = NULL;
    tu_error *e = NULL;
    tu_arena_init(&a, 0);
    assert_int_equal(tu_json_parse(&a, text, flags, NULL, &v, NULL, &e), TU_EINVALID);
    char *message = strdup(tu_error_text(e));
    tu_error_free(e);
    tu_arena_done(&a);
    return message;
}

static void assert_names(char *message, const char *limit) {
    if (!strstr(message, limit))
        fail_msg("%s", message);
    free(message);
}

static void every_limit_is_named_when_it_refuses(void **state) {
    (void)state;
    size_t n = TU_LIMIT_DOCUMENT_BYTES + 10;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, ' ', n);
    assert_names(refusal((tu_str){text, n}, 0), "TU_LIMIT_DOCUMENT_BYTES");
    assert_names(refusal((tu_str){text, n}, TU_JSON_PREFIX), "TU_LIMIT_DOCUMENT_BYTES");
    memset(text, 'x', n);
    text[0] = '"';
    assert_names(refusal((tu_str){text, n}, TU_JSON_PREFIX), "TU_LIMIT_DOCUMENT_BYTES");
    text[0] = '[';
    for (size_t i = 1; i < n; i++)
        text[i] = i % 2 ? '1' : ',';
    assert_names(refusal((tu_str){text, TU_LIMIT_DOCUMENT_BYTES}, 0), "TU_LIMIT_NODES");
    memset(text, '[', n);
    assert_names(refusal((tu_str){text, 1000}, 0), "TU_LIMIT_DEPTH");
    free(text);
}

static void running_out_of_memory_is_an_error_and_nothing_else(void **state) {
    (void)state;
    tu_buf text = TU_BUF_INIT(4u << 20);
    tu_buf_add_c(&text, "{\"e\":\"\\n\",\"list\":[");
    for (int i = 0; i < 3000; i++)
        tu_buf_addf(&text, "%s{\"k\":\"\\u00e9%d\"}", i ? "," : "", i);
    tu_buf_add_c(&text, "],\"map\":{");
    for (int i = 0; i < 100; i++)
        tu_buf_addf(&text, "%s\"k%d\":%d.5", i ? "," : "", i, i);
    tu_buf_add_c(&text, "}}");
    for (size_t n = 1;; n++) {
        tu_arena a;
        tu_value *v = NULL;
        tu_error *e = NULL;
        tu_arena_init(&a, 0);
        tu_mem_fail_after(n);
        tu_rc rc =
            tu_json_parse(&a, tu_buf_str(&text), n % 2 ? TU_JSON_COPY : 0, NULL, &v, NULL, &e);
        size_t made = tu_mem_fail_after(0);
        assert_true(rc == (made < n ? TU_OK : TU_EINTERNAL));
        tu_error_free(e);
        tu_arena_done(&a);
        if (made < n)
            break;
    }
    tu_buf_done(&text);
}

/* --- the end of a value in a stream ---------------------------------------------------------- */

/* Cuts a stream into values, feeding it in pieces; the values are joined with "|". */
static char *cut(tu_str stream, size_t piece) {
    tu_json_scan s = {0};
    tu_buf out = TU_BUF_INIT(1u << 20);
    bool complete = false;
    for (size_t at = 0; at < stream.n;) {
        size_t n = stream.n - at < piece ? stream.n - at : piece;
        size_t taken = tu_json_scan_feed(&s, (tu_str){stream.p + at, n}, &complete);
        tu_buf_add(&out, (tu_str){stream.p + at, taken});
        if (complete)
            tu_buf_add_c(&out, "|");
        at += taken;
        if (!complete && taken < n) {
            tu_buf_addf(&out, "stopped at %c", stream.p[at]);
            break;
        }
    }
    return tu_buf_take(&out);
}

static void a_stream_is_cut_into_values_however_it_arrives(void **state) {
    (void)state;
    static const struct {
        const char *stream, *expected;
    } cases[] = {
        {"{}", "{}|"},
        {"{\"a\":1},{\"b\":[2]}\n,[3]", "{\"a\":1}|,{\"b\":[2]}|\n,[3]|"},
        {"{\"a\":\"}]\\\"}\"}{}", "{\"a\":\"}]\\\"}\"}|{}|"},
        {"{\"a\":\"\\\\\"}[]", "{\"a\":\"\\\\\"}|[]|"},
        {"[[[[]]]],{\"x\":{\"y\":{}}}]}", "[[[[]]]]|,{\"x\":{\"y\":{}}}|stopped at ]"},
        {" , 1", " , stopped at 1"},
        {"{\"a\":", "{\"a\":"},
        {"{\"long\":\"0123456789012345678901234567890123456789012345678901234567890123456789{["
         "\\\\\\\"\",\"n\":[{},{},{}]},{}",
         "{\"long\":\"0123456789012345678901234567890123456789012345678901234567890123456789{["
         "\\\\\\\"\",\"n\":[{},{},{}]}|,{}|"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t piece = 1; piece < 200; piece++) {
            char *got = cut(tu_str_c(cases[i].stream), piece);
            assert_string_equal(got, cases[i].expected);
            free(got);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_is_accepted_or_refused_as_its_name_says),
        cmocka_unit_test(errors_name_the_place_and_what_was_expected),
        cmocka_unit_test(numbers_are_exact_integers_or_their_text),
        cmocka_unit_test(strings_without_escapes_point_into_the_text_unless_copied),
        cmocka_unit_test(spans_and_lines_are_where_values_stand),
        cmocka_unit_test(a_prefix_ends_behind_its_value),
        cmocka_unit_test(values_are_written_compact_pretty_and_sorted),
        cmocka_unit_test(many_keys_are_sorted_too),
        cmocka_unit_test(sealed_values_are_written_only_where_secrets_are_asked_for),
        cmocka_unit_test(every_limit_is_named_when_it_refuses),
        cmocka_unit_test(running_out_of_memory_is_an_error_and_nothing_else),
        cmocka_unit_test(a_stream_is_cut_into_values_however_it_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
