/* The log: levels, escaping, JSON that is always JSON, long lines, many threads. */
#include <cjson/cJSON.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"

static char last[65536];
static size_t lines;

static void keep(void *arg, const char *line) {
    (void)arg;
    lines++;
    snprintf(last, sizeof last, "%s", line);
}

static int start(void **state) {
    (void)state;
    last[0] = '\0';
    lines = 0;
    tu_log_capture(keep, NULL);
    return 0;
}

static int stop(void **state) {
    (void)state;
    tu_log_capture(NULL, NULL);
    tu_log_setup(TU_LOG_TEXT, TU_LOG_INFO, false);
    return 0;
}

/* The line without its time, "hh:mm:ss ". */
static const char *untimed(void) {
    assert_true(strlen(last) > 9);
    assert_int_equal(last[2], ':');
    return last + 9;
}

static void a_text_line_has_message_and_fields(void **state) {
    (void)state;
    tu_log_setup(TU_LOG_TEXT, TU_LOG_INFO, false);
    tu_log(TU_LOG_WARN, "source can't be read", "source", "shop", "error", "no \"route\" to host",
           "at", NULL, NULL);
    assert_string_equal(
        untimed(),
        "warning  source can't be read  source=shop  error=\"no \\\"route\\\" to host\"  at=\"\"");
}

static void what_is_below_the_level_is_not_told(void **state) {
    (void)state;
    tu_log_setup(TU_LOG_TEXT, TU_LOG_WARN, false);
    tu_log(TU_LOG_INFO, "hello", NULL);
    tu_log_json(TU_LOG_DEBUG, "x", TU_S("hello"), TU_S(""));
    assert_int_equal(lines, 0);
    assert_false(tu_log_enabled(TU_LOG_INFO));
    assert_true(tu_log_enabled(TU_LOG_ERROR));
    tu_log(TU_LOG_ERROR, "hello", NULL);
    assert_int_equal(lines, 1);
}

static void nothing_that_a_terminal_obeys_gets_out(void **state) {
    (void)state;
    /* escape sequence, new line, bell, delete, C1 (CSI), a right-to-left override, broken UTF-8 */
    const char *evil = "\x1b[31m\n\a\x7f\xc2\x9b\xe2\x80\xae\xff\xc3\xa9";
    tu_log_setup(TU_LOG_TEXT, TU_LOG_INFO, false);
    tu_log(TU_LOG_INFO, evil, "k", evil, "quoted", "\x1b a", NULL);
    assert_string_equal(
        untimed(),
        "info     \\x1b[31m\\n\\x07\\x7f\\xc2\\x9b\\xe2\\x80\\xae\\xff\xc3\xa9"
        "  k=\\x1b[31m\\n\\x07\\x7f\\xc2\\x9b\\xe2\\x80\\xae\\xff\xc3\xa9  quoted=\"\\x1b a\"");
    tu_log_setup(TU_LOG_JSON, TU_LOG_INFO, false);
    tu_log(TU_LOG_INFO, evil, evil, evil, NULL);
    for (const char *p = last; *p; p++)
        assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static cJSON *parsed(void) {
    cJSON *json = cJSON_ParseWithOpts(last, NULL, 1);
    if (!cJSON_IsObject(json))
        fail_msg("not a JSON object: %s", last);
    return json;
}

static void a_json_line_is_one_document(void **state) {
    (void)state;
    tu_log_setup(TU_LOG_JSON, TU_LOG_DEBUG, true);
    tu_log(TU_LOG_DEBUG, "say \"hi\"\n", "na\"me", "a\\b\x01\xff", "nothing", NULL, NULL);
    cJSON *json = parsed();
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "level")), "debug");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "message")), "say \"hi\"\n");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "na\"me")),
                        "a\\b\x01\xef\xbf\xbd");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "nothing")), "");
    assert_non_null(cJSON_GetObjectItem(json, "time"));
    cJSON_Delete(json);
}

static void a_plugins_fields_can_not_break_the_line(void **state) {
    (void)state;
    static const char *const fields[] = {
        "{\"status\":503,\"host\":\"a b\",\"deep\":{\"x\":[1]}}",
        "{\"broken\":",
        "[1,2]",
        "}{",
        "\"text\"",
        "",
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        tu_log_setup(TU_LOG_JSON, TU_LOG_INFO, false);
        tu_log_json(TU_LOG_INFO, "webhook", TU_S("tried"), tu_str_c(fields[i]));
        cJSON *json = parsed();
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "component")),
                            "webhook");
        cJSON_Delete(json);
    }
    tu_log_setup(TU_LOG_TEXT, TU_LOG_INFO, false);
    tu_log_json(TU_LOG_INFO, "webhook", TU_S("tried"), tu_str_c(fields[0]));
    assert_string_equal(
        untimed(),
        "info     tried  component=webhook  status=503  host=\"a b\"  deep=\"{\\\"x\\\":[1]}\"");
}

static void a_long_line_is_cut_and_stays_whole(void **state) {
    (void)state;
    static const char *const fills[] = {"x", "\"", "\x01", "\xe2\x82\xac", "\xff"};
    for (size_t f = 0; f < sizeof fills / sizeof *fills; f++)
        for (size_t size = 1000; size <= 64000; size *= 2) {
            tu_buf value = TU_BUF_INIT(100000);
            while (value.n < size)
                tu_buf_add_c(&value, fills[f]);
            tu_log_setup(TU_LOG_JSON, TU_LOG_INFO, false);
            tu_log(TU_LOG_INFO, "long", "a", tu_buf_c(&value), "b", tu_buf_c(&value), NULL);
            assert_true(strlen(last) <= TU_LIMIT_LOG_BYTES);
            cJSON_Delete(parsed());
            tu_log(TU_LOG_INFO, tu_buf_c(&value), "a", "b", NULL);
            assert_true(strlen(last) <= TU_LIMIT_LOG_BYTES);
            cJSON_Delete(parsed());
            tu_log_setup(TU_LOG_TEXT, TU_LOG_INFO, false);
            tu_log(TU_LOG_INFO, tu_buf_c(&value), "a", tu_buf_c(&value), NULL);
            assert_true(strlen(last) <= TU_LIMIT_LOG_BYTES);
            tu_buf_done(&value);
        }
}

static void *talk(void *arg) {
    for (int i = 0; i < 500; i++)
        tu_log(TU_LOG_INFO, "hello", "from", (const char *)arg, NULL);
    return NULL;
}

static void threads_do_not_mix_their_lines(void **state) {
    (void)state;
    tu_log_setup(TU_LOG_JSON, TU_LOG_INFO, false);
    static char name[] = "a thread";
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, talk, name), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(lines, 2000);
    cJSON_Delete(parsed());
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_text_line_has_message_and_fields),      TEST(what_is_below_the_level_is_not_told),
        TEST(nothing_that_a_terminal_obeys_gets_out),  TEST(a_json_line_is_one_document),
        TEST(a_plugins_fields_can_not_break_the_line), TEST(a_long_line_is_cut_and_stays_whole),
        TEST(threads_do_not_mix_their_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
