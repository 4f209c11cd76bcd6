/* Globs, suggestions, durations, base64 and UTF-8 as tables: add a row to add a case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"

#define COUNT(t) (sizeof(t) / sizeof *(t))

static void globs_match_what_they_say(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "a/b", true},
        {"a*c", "abc", true},
        {"a*c", "ac", true},
        {"a*c", "abd", false},
        {"a*b*c", "aXbYbZc", true},
        {"*a", "aaab", false},
        {"**", "x", true},
        {"?", "a", true},
        {"?", "", false},
        {"?", "\xc3\xa9", true},
        {"??", "\xc3\xa9", false},
        {"*??", "\xe2\x82\xac", false},
        {"*?", "\xe2\x82\xac", true},
        {"[a-c]", "b", true},
        {"[a-c]", "d", false},
        {"[!a-c]", "d", true},
        {"[^a-c]", "b", false},
        {"[]x]", "]", true},
        {"[a-]", "-", true},
        {"[\\]]", "]", true},
        {"[\xc3\xa0-\xc3\xbc]", "\xc3\xa9", true},
        {"[abc", "[abc", true},
        {"[", "[", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"\\", "\\", true},
        {"kube-*-manager", "kube-controller-manager", true},
        {"class:human", "class:human", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (tu_glob(tu_str_c(cases[i].pattern), tu_str_c(cases[i].text)) != cases[i].matches)
            fail_msg("'%s' against '%s'", cases[i].pattern, cases[i].text);
}

static void path_globs_keep_stars_within_a_step(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool matches;
    } cases[] = {
        {"*", "a", true},
        {"*", "a/b", false},
        {"a/*", "a/b", true},
        {"a/*", "a/b/c", false},
        {"a/**", "a/b/c", true},
        {"a/**", "a", false},
        {"**", "a/b", true},
        {"**/b", "b", true},
        {"**/b", "a/b", true},
        {"**/b", "x/ab", false},
        {"a/**/b", "a/b", true},
        {"a/**/b", "a/x/y/b", true},
        {"a/**/b", "ab", false},
        {"a/**/*.yaml", "a/x/y.yaml", true},
        {"a/**/c/*/d", "a/c/x/c/y/d", true},
        {"a?b", "a/b", false},
        {"a[/]b", "a/b", false},
        {"a[!x]b", "a/b", false},
        {"*.yaml", ".yaml", true},
        {"x*/y", "xx/xx/y", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (tu_glob_path(tu_str_c(cases[i].pattern), tu_str_c(cases[i].path)) != cases[i].matches)
            fail_msg("'%s' against '%s'", cases[i].pattern, cases[i].path);
}

static void plain_globs_take_brackets_literally(void **state) {
    (void)state;
    assert_true(tu_glob_plain(TU_S("[name=*]"), TU_S("[name=app]")));
    assert_true(tu_glob_plain(TU_S("[name=a?p]"), TU_S("[name=app]")));
    assert_false(tu_glob_plain(TU_S("[name=app]"), TU_S("n")));
    assert_true(tu_glob_plain(TU_S("a\\]b"), TU_S("a\\]b")));
}

/* A pattern made to blow up a backtracking matcher: this would not end if it did. */
static void a_hostile_pattern_ends(void **state) {
    (void)state;
    char pattern[201], text[2001];
    for (size_t i = 0; i < sizeof pattern - 1; i++)
        pattern[i] = i % 2 ? '*' : 'a';
    pattern[200] = '\0';
    memset(text, 'a', sizeof text - 1);
    text[2000] = '\0';
    tu_str hostile = {text, 2000};
    assert_true(tu_glob(tu_str_c(pattern), hostile));
    text[1999] = 'b';
    pattern[199] = 'c';
    assert_false(tu_glob(tu_str_c(pattern), hostile));
    assert_false(tu_glob_path(tu_str_c(pattern), hostile));
}

static void suggestions_are_near_or_none(void **state) {
    (void)state;
    static const char *const words[] = {"prune",   "windows",    "approval",
                                        "confirm", "maxObjects", "on"};
    static const struct {
        const char *word, *suggestion;
    } cases[] = {
        {"prun", "prune"},
        {"purne", "prune"},
        {"pruen", "prune"},
        {"window", "windows"},
        {"conform", "confirm"},
        {"maxObjcets", "maxObjects"},
        {"xyz", NULL},
        {"", NULL},
        {"a", NULL},
        {"no", "on"},
        {"prune", "prune"},
        {"approvals2x", "approval"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *found = tu_suggest(tu_str_c(cases[i].word), words, COUNT(words));
        if ((found == NULL) != (cases[i].suggestion == NULL) ||
            (found && strcmp(found, cases[i].suggestion) != 0))
            fail_msg("'%s' suggests '%s'", cases[i].word, found ? found : "nothing");
    }
    char endless[500];
    memset(endless, 'p', sizeof endless);
    assert_null(tu_suggest((tu_str){endless, sizeof endless}, words, COUNT(words)));
}

static void durations_are_read_and_written(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
        const char *written; /* NULL: the same text */
    } good[] = {
        {"90s", 90000, "1m30s"}, {"1m30s", 90000, NULL},
        {"10m", 600000, NULL},   {"1h", 3600000, NULL},
        {"250ms", 250, NULL},    {"1d", 86400000, NULL},
        {"0s", 0, NULL},         {"1d2h3m4s5ms", 93784005, NULL},
        {"1m1ms", 60001, NULL},  {"24h", 86400000, "1d"},
        {"007s", 7000, "7s"},
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t ms = -1;
        char text[32];
        if (!tu_duration_parse(tu_str_c(good[i].text), &ms) || ms != good[i].ms)
            fail_msg("%s is %lld ms", good[i].text, (long long)ms);
        tu_duration_format(ms, text, sizeof text);
        assert_string_equal(text, good[i].written ? good[i].written : good[i].text);
    }
    static const char *const bad[] = {"",
                                      "5",
                                      "s",
                                      "1x",
                                      "1s1m",
                                      "1m1m",
                                      "-1s",
                                      "1.5h",
                                      "1 s",
                                      "1S",
                                      "99999999999999999999s",
                                      "9223372036854775807d"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t ms = 42;
        if (tu_duration_parse(tu_str_c(bad[i]), &ms))
            fail_msg("'%s' passed as %lld ms", bad[i], (long long)ms);
        assert_int_equal(ms, 42);
    }
    char text[32];
    tu_duration_format(INT64_MIN, text, sizeof text);
    assert_string_equal(text, "-106751991167d7h12m55s808ms");
}

static void base64_decodes_what_the_rfc_allows(void **state) {
    (void)state;
    static const struct {
        const char *text, *bytes; /* NULL: refused */
    } cases[] = {
        {"", ""},           {"Zg==", "f"},         {"Zm8=", "fo"},
        {"Zm9v", "foo"},    {"Zm9vYg==", "foob"},  {"Zm9v\nYmFy\n", "foobar"},
        {" Z g = = ", "f"}, {"Zg", NULL},          {"Zg=", NULL},
        {"Zg===", NULL},    {"Z", NULL},           {"=", NULL},
        {"Zg==Zg==", NULL}, {"Zm9v====", NULL},    {"Zm8_", NULL},
        {"Zm9v-", NULL},    {"Z\xc3\xa9==", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t out[64];
        int64_t n = tu_base64_decode(tu_str_c(cases[i].text), out);
        tu_str expected = tu_str_c(cases[i].bytes);
        if (n != (cases[i].bytes ? (int64_t)expected.n : -1) ||
            (n > 0 && memcmp(out, expected.p, expected.n) != 0))
            fail_msg("'%s' gives %lld bytes", cases[i].text, (long long)n);
    }
}

static void only_well_formed_utf8_is_valid(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"plain", true},
        {"\xc3\xa9", true},
        {"\xe2\x82\xac", true},
        {"\xf0\x9f\x90\x8d", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\xed\x9f\xbf", true},
        {"\x80", false},
        {"\xc3", false},
        {"\xc0\xaf", false},
        {"\xc1\xbf", false},
        {"\xe0\x80\xaf", false},
        {"\xf0\x80\x80\xaf", false},
        {"\xed\xa0\x80", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xff", false},
        {"a\xe2\x82", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (tu_utf8_valid(tu_str_c(cases[i].text)) != cases[i].valid)
            fail_msg("case %zu", i);
}

static void order_is_by_bytes(void **state) {
    (void)state;
    assert_true(tu_str_compare(TU_S("a"), TU_S("b")) < 0);
    assert_true(tu_str_compare(TU_S("ab"), TU_S("a")) > 0);
    assert_int_equal(tu_str_compare((tu_str){0}, TU_S("")), 0);
    assert_true(tu_str_compare(TU_S("z"), TU_S("\xc3\xa9")) < 0);
    assert_true(tu_str_starts(TU_S("kubectl-edit"), "kubectl"));
    assert_false(tu_str_starts(TU_S("ku"), "kubectl"));
    assert_true(tu_str_ends(TU_S("a.yaml"), ".yaml"));
    assert_false(tu_str_ends(TU_S("yaml"), ".yaml"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(globs_match_what_they_say),
        cmocka_unit_test(path_globs_keep_stars_within_a_step),
        cmocka_unit_test(plain_globs_take_brackets_literally),
        cmocka_unit_test(a_hostile_pattern_ends),
        cmocka_unit_test(suggestions_are_near_or_none),
        cmocka_unit_test(durations_are_read_and_written),
        cmocka_unit_test(base64_decodes_what_the_rfc_allows),
        cmocka_unit_test(only_well_formed_utf8_is_valid),
        cmocka_unit_test(order_is_by_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
