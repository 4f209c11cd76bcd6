/*
 * What the notifiers share (plugins/common/notifier.h), apart from the network: cutting, counting, words, contexts.
 * The notifiers themselves stand against contract servers in tests/notifiers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four first */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/notifier.h"

static void texts_are_cut_between_characters_entities_and_escapes(void **state) {
    static const struct {
        const char *text;
        size_t limit;
        const char *cut;
    } cases[] = {
        {"abcdef", 6, "abcdef"},
        {"abcdefg", 6, "abc..."},
        {"", 0, ""},
        {"ab", 2, "ab"},
        {"abc", 2, ""},
        {"abcd", 3, "..."},
        {"한국어이름", 4, "한..."},
        {"한국어이름", 5, "한국어이름"},
        {"a\xF0\x9F\x98\x80zzzz", 5, "a..."}, /* counts as two, and isn't torn */
        {"a\xF0\x9F\x98\x80zzzz", 6, "a\xF0\x9F\x98\x80..."},
        {"a&amp;bcdef", 8, "a..."}, /* not "a&amp" */
        {"a&amp;bcdef", 9, "a&amp;..."},
        {"a\\*\\*\\*bcd", 5, "a..."}, /* not "a\" */
        {"a\\*\\*\\*bcd", 6, "a\\*..."},
        {"&&&&&&&&&&&&&&&&", 10, "&&&&&&..."}, /* what is no entity may be cut anywhere */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = strdup(cases[i].text);
        size_t n = notifier_cut(text, cases[i].limit);
        assert_string_equal(text, cases[i].cut);
        assert_int_equal(n, notifier_length(text));
        assert_true(n <= cases[i].limit);
        free(text);
    }
}

static void a_value_is_one_visible_line(void **state) {
    char *text = notifier_value(tu_escape_slack, "a\nb\x1b[31m\xE2\x80\xAE<@U1>", 100);
    (void)state;
    assert_string_equal(text, "a\\nb\\u001b[31m\\u202e&lt;@\xE2\x80\x8BU1&gt;");
    free(text);
}

static void durations_are_read_and_nonsense_is_none(void **state) {
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"15s", 15000}, {"1m30s", 90000}, {"500ms", 500}, {"1h", 3600000},
                 {"0s", 0},      {"", 0},          {"15", 0},      {"s", 0},
                 {"-1s", 0},     {"nans", 0},      {"1e300d", 0},  {"3x", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(notifier_duration_ms(cases[i].text), cases[i].ms);
}

static void only_names_of_errors_are_words(void **state) {
    static const char *const words[] = {"invalid_auth", "ratelimited"};
    static const char *const none[] = {
        "",
        "ok",
        "xoxb-1234-abcd",
        "T0123/B0123/abc",
        "Invalid",
        "two words",
        "a\nb",
        "sig=",
        "R0123456789abcd",
        "<html>",
        "channel_not_found\n",
        "a_word_that_is_longer_than_any_service_would_ever_name_an_error_of_its_own"};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_true(notifier_is_word(words[i]));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(notifier_is_word(none[i]));
}

static void a_context_is_read_whatever_it_lacks(void **state) {
    static const struct {
        const char *json;
        unsigned attempt;
        bool uncertain, brief;
        const char *reference;
    } cases[] = {
        {"", 1, false, false, ""},
        {"{}", 1, false, false, ""},
        {"{\"attempt\":3,\"uncertain\":true,\"brief\":true,\"reference\":\"x\"}", 3, true, true,
         "x"},
        {"{\"attempt\":-1,\"uncertain\":\"yes\",\"reference\":7}", 1, false, false, ""},
        {"{\"attempt\":1e300}", 1, false, false, ""},
        {"no JSON", 1, false, false, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        notifier_context c;
        assert_true(notifier_context_read((tu_str){cases[i].json, strlen(cases[i].json)}, &c));
        assert_int_equal(c.attempt, cases[i].attempt);
        assert_int_equal(c.uncertain, cases[i].uncertain);
        assert_int_equal(c.brief, cases[i].brief);
        assert_string_equal(c.reference, cases[i].reference);
        notifier_context_done(&c);
    }
}

static void a_nul_in_a_value_does_not_lose_the_message(void **state) {
    static const char text[] = "{\"a\":\"x\\u0000y\",\"b\":\"\\\\u0000\",\"c\":9007199254740993}";
    cJSON *m = notifier_message(NULL, NULL, (tu_str){text, sizeof text - 1});
    (void)state;
    assert_non_null(m);
    assert_string_equal(notifier_string(m, "a"), "x\xEF\xBF\xBDy");
    assert_string_equal(notifier_string(m, "b"), "\\u0000"); /* a backslash, and five letters */
    assert_string_equal(cJSON_GetObjectItem(m, "c")->valuestring, "9007199254740993");
    assert_true(notifier_number(m, "c") > 9e15);
    assert_true(notifier_number(m, "a") == 0 && notifier_number(m, "none") == 0);
    cJSON_Delete(m);
}

static notifier_words words_of(const char *config) {
    notifier_words w;
    tu_http_error error;
    cJSON *json = cJSON_Parse(config);
    if (notifier_words_read(json, &w, &error) != TU_OK)
        fail_msg("%s: %s", error.code, error.message);
    cJSON_Delete(json);
    return w;
}

static void titles_are_one_line_and_fall_back_to_trueups_words(void **state) {
    static const struct {
        const char *config, *title;
    } cases[] = {
        {"{}", "[critical] it &lt;broke&gt;"},
        {"{\"language\":\"ko\"}", "[\xEC\x8B\xAC\xEA\xB0\x81] it &lt;broke&gt;"},
        {"{\"templates\":{\"title\":\"<b>\\n{{summary}}\"}}", "<b> it &lt;broke&gt;"},
        {"{\"templates\":{\"title\":\"{{note}}\"}}", "[critical] it &lt;broke&gt;"}, /* nothing */
    };
    cJSON *m = cJSON_Parse("{\"severity\":\"critical\",\"status\":\"firing\",\"event\":\"firing\","
                           "\"summary\":\"it <broke>\"}");
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        notifier_words w = words_of(cases[i].config);
        tu_out o;
        tu_out_init(&o, 1000);
        notifier_title(&w, m, tu_escape_slack, &o);
        assert_string_equal(o.text, cases[i].title);
        tu_out_done(&o);
        notifier_words_done(&w);
    }
    cJSON_Delete(m);
}

static void keep(void *arg, const char *name, const char *value) {
    cJSON_AddStringToObject(arg, name, value);
}

static void facts_of_several_alerts_lack_the_commands(void **state) {
    notifier_words w = words_of("{}");
    cJSON *m = cJSON_Parse("{\"commands\":{\"look\":\"l\",\"acknowledge\":\"a\"},\"alerts\":["
                           "{\"status\":\"firing\",\"verdict\":\"drifted\",\"rule\":\"shop\"}]}");
    const cJSON *alert = cJSON_GetObjectItem(m, "alerts")->child;
    (void)state;
    for (int commands = 0; commands < 2; commands++) {
        cJSON *facts = cJSON_CreateObject();
        notifier_facts(&w, m, alert, commands, keep, facts);
        assert_string_equal(notifier_string(facts, "Rule"), "shop");
        assert_int_equal(cJSON_HasObjectItem(facts, "Look"), commands);
        assert_int_equal(cJSON_HasObjectItem(facts, "Acknowledge"), commands);
        cJSON_Delete(facts);
    }
    char *more = notifier_more(&w, 980);
    assert_string_equal(more, "and 980 more");
    free(more);
    notifier_words_done(&w);
    cJSON_Delete(m);
}

static void counts_stand_only_where_there_are_several(void **state) {
    static const struct {
        const char *counts, *text;
    } cases[] = {{"{\"firing\":1,\"resolved\":0}", ""},
                 {"{\"firing\":3,\"resolved\":0}", "3 firing"},
                 {"{\"firing\":0,\"resolved\":1000}", "1000 resolved"},
                 {"{\"firing\":2,\"resolved\":1}", "2 firing, 1 resolved"},
                 {"null", ""}};
    notifier_words w = words_of("{}");
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *m = cJSON_CreateObject();
        tu_out o;
        cJSON_AddItemToObject(m, "counts", cJSON_Parse(cases[i].counts));
        tu_out_init(&o, 1000);
        notifier_counts(&w, m, &o);
        assert_string_equal(o.text, cases[i].text);
        tu_out_done(&o);
        cJSON_Delete(m);
    }
    notifier_words_done(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_cut_between_characters_entities_and_escapes),
        cmocka_unit_test(a_value_is_one_visible_line),
        cmocka_unit_test(durations_are_read_and_nonsense_is_none),
        cmocka_unit_test(only_names_of_errors_are_words),
        cmocka_unit_test(a_context_is_read_whatever_it_lacks),
        cmocka_unit_test(a_nul_in_a_value_does_not_lose_the_message),
        cmocka_unit_test(titles_are_one_line_and_fall_back_to_trueups_words),
        cmocka_unit_test(facts_of_several_alerts_lack_the_commands),
        cmocka_unit_test(counts_stand_only_where_there_are_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
