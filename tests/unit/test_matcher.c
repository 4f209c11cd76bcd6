/* Conditions on labels: what they mean, and how each mistake is told. */
#include "base/limits.h"
#include "base/mem.h"
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static const struct {
    const char *text, *label;
    tu_match_operator operator;
    const char *value;
} right[] = {
    {"severity = critical", "severity", TU_MATCH_EQUAL, "critical"},
    {"severity=critical", "severity", TU_MATCH_EQUAL, "critical"},
    {"  severity\t=  critical  ", "severity", TU_MATCH_EQUAL, "critical"},
    {"kind != Job", "kind", TU_MATCH_NOT_EQUAL, "Job"},
    {"team =~ pay.*", "team", TU_MATCH_REGEX, "pay.*"},
    {"team =~ \"pay.*|ops\"", "team", TU_MATCH_REGEX, "pay.*|ops"},
    {"name !~ \"tmp-.+\"", "name", TU_MATCH_NOT_REGEX, "tmp-.+"},
    {"team = \"\"", "team", TU_MATCH_EQUAL, ""},
    {"name = \"a \\\"b\\\" \\\\ c\\nd\"", "name", TU_MATCH_EQUAL, "a \"b\" \\ c\nd"},
    {"name =~ \"a\\.b\\\\d\"", "name", TU_MATCH_REGEX, "a\\.b\\d"},
    {"app.kubernetes.io/name = cart", "app.kubernetes.io/name", TU_MATCH_EQUAL, "cart"},
    {"\"a label\" = x", "a label", TU_MATCH_EQUAL, "x"},
    {"group = rbac.authorization.k8s.io/v1", "group", TU_MATCH_EQUAL,
     "rbac.authorization.k8s.io/v1"},
    {"name = \xed\x95\x9c\xea\xb8\x80", "name", TU_MATCH_EQUAL, "\xed\x95\x9c\xea\xb8\x80"},
};

static const struct {
    const char *text;
    size_t column;
    const char *message, *hint; /* the beginning; NULL: none */
} wrong[] = {
    {"", 0, "an empty condition", "write it like"},
    {"   ", 3, "an empty condition", "write it like"},
    {"severity", 8, "behind the label 'severity' must stand one of",
     "write it like severity = value"},
    {"severity critical", 9, "behind the label 'severity'", "write it like severity = value"},
    {"severity == critical", 9, "'==' is none of", "did you mean '='?"},
    {"team ~= pay", 5, "'~=' is none of", "did you mean '=~'?"},
    {"team ~ pay", 5, "'~' is none of", "did you mean '=~'?"},
    {"team =! pay", 5, "'=!' is none of", "did you mean '!='?"},
    {"team <> pay", 5, "'<>' is none of", "did you mean '!='?"},
    {"team =", 6, "the value is missing", "write \"\""},
    {"team =  ", 8, "the value is missing", "write \"\""},
    {"= critical", 0, "a condition begins with a label's name", "write it like"},
    {"{severity=critical}", 0, "a condition begins", "leave the braces out"},
    {"1st = x", 0, "a condition begins", "write it like"},
    {"\"\" = x", 0, "a label's name can't be empty", NULL},
    {"name = \"cart", 7, "a '\"' without its end", NULL},
    {"name = \"cart\\\"", 7, "a '\"' without its end", NULL},
    {"name = \"a\\d\"", 9, "'\\d' means nothing here", "write \\\\"},
    {"name = 'cart'", 7, "a value with ''' in it must stand in quotes",
     "put the value in double quotes: \"cart\""},
    {"name = my cart", 9, "a value with ' ' in it", "put the value in double quotes: \"my cart\""},
    {"name =~ pay[0-9]{2}", 16, "a value with '{' in it",
     "put the value in double quotes: \"pay[0-9]{2}\""},
    {"a=b=c", 3, "a value with '=' in it", "put the value in double quotes: \"b=c\""},
    {"severity = critical, team = pay", 19, "one condition ends here", "each condition is an item"},
    {"severity = \"critical\" and", 22, "something stands behind", NULL},
    {"team =~ \"pay(.*\"", 15, "the regular expression 'pay(.*' is wrong at its end: missing",
     NULL},
    {"team =~ \"a**+*\"", 11, "the regular expression 'a**+*' is wrong at '*+*'", NULL},
    {"team =~ \"\\\\C\"", 11, "the regular expression", NULL},
    {"team =~ *", 8, "the regular expression '*' is wrong", NULL},
    {"name = \xff", 0, "a condition must be valid UTF-8", NULL},
};

static void what_is_written_is_what_is_meant(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        _cleanup_(tu_arena_done) tu_arena a;
        tu_arena_init(&a, 0);
        tu_matcher m;
        tu_error *e = NULL;
        if (tu_matcher_parse(&a, tu_str_c(right[i].text), &m, NULL, &e) != TU_OK)
            fail_msg("%s: %s", right[i].text, tu_error_text(e));
        assert_true(tu_str_is(m.label, right[i].label));
        assert_int_equal(m.operator, right[i].operator);
        if (!tu_str_is(m.value, right[i].value))
            fail_msg("%s: the value is '%.*s'", right[i].text, TU_P(m.value));
        assert_true(tu_str_is(m.text, right[i].text));
    }
}

static void every_mistake_has_its_place_and_a_way_out(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        _cleanup_(tu_arena_done) tu_arena a;
        tu_arena_init(&a, 0);
        _cleanup_(tu_error_freep) tu_error *e = NULL;
        tu_matcher m;
        size_t column = 99;
        assert_int_equal(tu_matcher_parse(&a, tu_str_c(wrong[i].text), &m, &column, &e),
                         TU_EINVALID);
        if (column != wrong[i].column ||
            strncmp(tu_error_text(e), wrong[i].message, strlen(wrong[i].message)) != 0)
            fail_msg("%s: column %zu: %s", wrong[i].text, column, tu_error_text(e));
        if (wrong[i].hint ? !e->hint || strncmp(e->hint, wrong[i].hint, strlen(wrong[i].hint)) != 0
                          : e->hint != NULL)
            fail_msg("%s: the hint is: %s", wrong[i].text, e->hint ? e->hint : "none");
    }
}

static bool match(const char *text, const char *value) {
    _cleanup_(tu_arena_done) tu_arena a;
    tu_arena_init(&a, 0);
    tu_matcher m;
    tu_error *e = NULL;
    if (tu_matcher_parse(&a, tu_str_c(text), &m, NULL, &e) != TU_OK)
        fail_msg("%s: %s", text, tu_error_text(e));
    return tu_matcher_match(&m, tu_str_c(value));
}

static void a_label_that_is_not_there_is_empty(void **state) {
    (void)state;
    assert_true(match("team = \"\"", ""));
    assert_true(match("team != pay", ""));
    assert_false(match("team = pay", ""));
    assert_true(match("team =~ \".*\"", ""));
    assert_false(match("team =~ \".+\"", ""));
    assert_true(match("team =~ \"|pay\"", ""));
    assert_true(match("team !~ \"pay.*\"", ""));
}

static void expressions_match_the_whole_value(void **state) {
    (void)state;
    assert_true(match("team =~ pay", "pay"));
    assert_false(match("team =~ pay", "payments"));
    assert_false(match("team =~ pay", "repay"));
    assert_false(match("team =~ \"a|ab\"", "abc"));
    assert_true(match("team =~ \"a|ab\"", "ab"));
    assert_false(match("team =~ \"pay$\"", "pay\n"));
    assert_true(match("team =~ \"a.c\"", "a\nc"));
    assert_true(match("team =~ \"\xed\x95\x9c.\"", "\xed\x95\x9c\xea\xb8\x80"));
}

static void an_expression_that_takes_too_long_gives_up(void **state) {
    (void)state;
    char value[64] = "";
    memset(value, 'a', 40);
    assert_false(match("name =~ \"(a+)+b\"", value));
    assert_true(match("name !~ \"(a+)+b\"", value));
}

/* The forms that run no expression mean what PCRE2 does. */
static void shortcuts_mean_what_the_expressions_mean(void **state) {
    (void)state;
    static const char *const expressions[] = {
        "",        "pay",     "pay|ops",   "pay.*",  "pay.+",   ".*pay", ".+pay",   ".*pay.*",
        ".+pay.*", ".*",      ".+",        "a\\.b",  "a\\.b.*", "a.b",   "pay?",    "pay*",
        "pa|",     "|",       "pay.*|ops", "pay.*?", ".*?pay",  ".*.*",  ".*a|b",   "ops|pay.*",
        "a\\d",    "a\\d.*",  "(pay|ops)", "pay{2}", "x}",      "a\\-b", "a-b|a_b", "pay.*s",
        "^pay$",   "pay.*.*", ".*p?",      "\\.*",   "a\\",     ".",     "..*",     "a|b|c|d",
    };
    static const char *const values[] = {
        "",    "pay", "payy", "pa",  "paypay", "ops", "xpay",   "payx", "xpayx",
        "a.b", "axb", "a.bc", "a1",  "a12",    "x}",  "a-b",    "a_b",  "pays",
        "b",   "a",   ".",    "...", "paa",    "c",   "pay\nx", "\n",
    };
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
        int code;
        PCRE2_SIZE at;
        pcre2_code *compiled =
            pcre2_compile((PCRE2_SPTR)expressions[i], PCRE2_ZERO_TERMINATED,
                          PCRE2_DOTALL | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &code, &at, NULL);
        _cleanup_(tu_arena_done) tu_arena a;
        tu_arena_init(&a, 0);
        tu_buf text = TU_BUF_INIT(1000);
        tu_buf_addf(&text, "name =~ \"");
        for (const char *c = expressions[i]; *c; c++)
            tu_buf_addf(&text, *c == '\\' ? "\\%c" : "%c", *c);
        tu_buf_add_c(&text, "\"");
        tu_matcher m;
        assert_int_equal(tu_matcher_parse(&a, tu_buf_str(&text), &m, NULL, NULL) == TU_OK,
                         compiled != NULL);
        for (size_t k = 0; compiled && k < sizeof values / sizeof *values; k++) {
            pcre2_match_data *data = pcre2_match_data_create(1, NULL);
            bool wanted = pcre2_match(compiled, (PCRE2_SPTR)values[k], strlen(values[k]), 0, 0,
                                      data, NULL) >= 0;
            pcre2_match_data_free(data);
            if (tu_matcher_match(&m, tu_str_c(values[k])) != wanted)
                fail_msg("'%s' and '%s': should be %d", expressions[i], values[k], wanted);
        }
        pcre2_code_free(compiled);
        tu_buf_done(&text);
    }
}

static void what_is_written_down_is_read_as_it_was(void **state) {
    (void)state;
    static const struct {
        const char *label, *value, *text;
    } cases[] = {
        {"rule", "shop", "rule=shop"},
        {"team", "", "team=\"\""},
        {"a label", "a \"b\" \\ c\nd", "\"a label\"=\"a \\\"b\\\" \\\\ c\\nd\""},
        {"app.kubernetes.io/name", "a=b", "app.kubernetes.io/name=\"a=b\""},
        {"1st", "x", "\"1st\"=x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_(tu_arena_done) tu_arena a;
        tu_arena_init(&a, 0);
        tu_buf text = TU_BUF_INIT(1000);
        tu_matcher_write(&text, tu_str_c(cases[i].label), tu_str_c(cases[i].value));
        assert_string_equal(tu_buf_c(&text), cases[i].text);
        tu_matcher m;
        assert_int_equal(tu_matcher_parse(&a, tu_buf_str(&text), &m, NULL, NULL), TU_OK);
        assert_true(tu_str_is(m.label, cases[i].label) && tu_str_is(m.value, cases[i].value));
        tu_buf_done(&text);
    }
}

static void too_long_a_condition_is_refused(void **state) {
    (void)state;
    _cleanup_(tu_arena_done) tu_arena a;
    tu_arena_init(&a, 0);
    static char text[TU_LIMIT_MATCHER_BYTES + 2];
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "a=", 2);
    _cleanup_(tu_error_freep) tu_error *e = NULL;
    tu_matcher m;
    assert_int_equal(tu_matcher_parse(&a, tu_str_c(text), &m, NULL, &e), TU_EINVALID);
    assert_non_null(strstr(tu_error_text(e), "TU_LIMIT_MATCHER_BYTES"));
    text[sizeof text - 2] = '\0';
    assert_int_equal(tu_matcher_parse(&a, tu_str_c(text), &m, NULL, NULL), TU_OK);
}

static void without_memory_nothing_is_half_made(void **state) {
    (void)state;
    for (size_t room = 0; room < 4096; room += 16) {
        _cleanup_(tu_arena_done) tu_arena a;
        tu_arena_init(&a, room ? room : 1);
        tu_matcher m;
        tu_rc rc = tu_matcher_parse(&a, TU_S("name =~ \"(a|b)+c[0-9]\""), &m, NULL, NULL);
        assert_true(rc == TU_OK || rc == TU_EINTERNAL);
        if (rc == TU_OK)
            assert_true(tu_matcher_match(&m, TU_S("abc1")));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_what_is_meant),
        cmocka_unit_test(every_mistake_has_its_place_and_a_way_out),
        cmocka_unit_test(a_label_that_is_not_there_is_empty),
        cmocka_unit_test(expressions_match_the_whole_value),
        cmocka_unit_test(an_expression_that_takes_too_long_gives_up),
        cmocka_unit_test(shortcuts_mean_what_the_expressions_mean),
        cmocka_unit_test(what_is_written_down_is_read_as_it_was),
        cmocka_unit_test(too_long_a_condition_is_refused),
        cmocka_unit_test(without_memory_nothing_is_half_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
