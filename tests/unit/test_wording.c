/*
 * What messages say to people, in English and Korean: every case is a message in tests/unit/data/wording/NAME.json and the texts
 * beside it, NAME.en.txt and NAME.ko.txt. UPDATE=1 writes the texts: read them.
 */
#include "common/wording.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
/* cmocka needs those first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES = 4 * 1024 * 1024, ALERTS = 3 };

static char *path_of(const char *name, const char *ending) {
    static char path[1024];
    snprintf(path, sizeof path, "%s/tests/unit/data/wording/%s%s", getenv("TRUEUP_SOURCE_DIR"),
             name, ending);
    return path;
}

static char *read_file(const char *path) {
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, FILE_BYTES);
    assert_non_null(text);
    if (f) {
        assert_true(fread(text, 1, FILE_BYTES - 1, f) < FILE_BYTES - 1);
        fclose(f);
    }
    return text;
}

static void write_file(const char *path, const char *text) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static cJSON *read_message(const char *name) {
    char *text = read_file(path_of(name, ".json"));
    cJSON *m = cJSON_Parse(text);
    free(text);
    if (!m)
        fail_msg("%s.json isn't JSON", name);
    return m;
}

static void each_case(void (*check)(const char *name, const cJSON *m, const char *language)) {
    static const char *const names[] = {"en", "ko"};
    DIR *folder = opendir(path_of("", ""));
    size_t count = 0;
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder));) {
        char name[256];
        size_t n = strlen(e->d_name);
        if (n < 6 || strcmp(e->d_name + n - 5, ".json") != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(n - 5), e->d_name);
        cJSON *m = read_message(name);
        for (size_t i = 0; i < 2; i++)
            check(name, m, names[i]);
        cJSON_Delete(m);
        count++;
    }
    closedir(folder);
    assert_true(count > 10);
}

static void compare(const char *name, const cJSON *m, const char *language) {
    char ending[16];
    tu_out out;
    tu_out_init(&out, 65536);
    tu_wording_text(tu_language_named(language), m, ALERTS, &out);
    assert_false(out.failed);
    snprintf(ending, sizeof ending, ".%s.txt", language);
    if (getenv("UPDATE"))
        write_file(path_of(name, ending), out.text);
    char *wanted = read_file(path_of(name, ending));
    if (strcmp(wanted, out.text) != 0)
        print_error("%s%s says otherwise; UPDATE=1 writes it\n", name, ending);
    assert_string_equal(out.text, wanted);
    free(wanted);
    tu_out_done(&out);
}

static void every_message_says_what_it_said(void **state) {
    (void)state;
    each_case(compare);
}

static void look_for_control(const char *name, const cJSON *m, const char *language) {
    tu_out out;
    tu_out_init(&out, 65536);
    tu_wording_title(tu_language_named(language), m, &out);
    for (size_t i = 0; i < out.n; i++)
        if ((unsigned char)out.text[i] < 0x20)
            fail_msg("%s: the title has a control character", name);
    tu_wording_text(tu_language_named(language), m, ALERTS, &out);
    for (size_t i = 0; i < out.n; i++)
        if (((unsigned char)out.text[i] < 0x20 && out.text[i] != '\n') || out.text[i] == 0x7F)
            fail_msg("%s: a control character", name);
    assert_null(strstr(out.text, "\xE2\x80\xAE"));
    assert_null(strstr(out.text, "\n+ /spec: fake"));
    tu_out_done(&out);
}

static void a_title_is_one_line_and_no_control_character_comes_through(void **state) {
    (void)state;
    each_case(look_for_control);
}

static void try_limits(const char *name, const cJSON *m, const char *language) {
    (void)name;
    for (size_t limit = 0; limit < 200; limit += 7) {
        tu_out out;
        tu_out_init(&out, limit);
        tu_wording_text(tu_language_named(language), m, ALERTS, &out);
        assert_true(out.n <= limit && strlen(out.text) == out.n);
        tu_out_done(&out);
    }
}

static void a_text_that_has_no_room_is_cut(void **state) {
    (void)state;
    each_case(try_limits);
}

static void a_diff_has_as_many_lines_as_asked_for_and_counts_the_rest(void **state) {
    static const struct {
        size_t lines;
        const char *text;
    } cases[] = {
        {0, "... and 5,000 more\n"},
        {1, "... and 5,000 more\n"}, /* a change isn't cut in half */
        {2, "- /spec/a0: 0\n+ /spec/a0: 1\n... and 4,999 more\n"},
        {5, "- /spec/a0: 0\n+ /spec/a0: 1\n- /spec/a1: 1\n+ /spec/a1: 2\n... and 4,998 more\n"},
    };
    cJSON *m = read_message("many-changes");
    const cJSON *alert = cJSON_GetArrayItem(cJSON_GetObjectItem(m, "alerts"), 0);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tu_out out;
        tu_out_init(&out, 4096);
        tu_wording_diff(tu_language_named("en"), alert, cases[i].lines, &out);
        assert_string_equal(out.text, cases[i].text);
        tu_out_done(&out);
    }
    cJSON_Delete(m);
}

static void a_message_that_is_empty_or_strange_still_says_something(void **state) {
    static const char *const strange[] = {
        "{}",
        "{\"alerts\":[]}",
        "{\"alerts\":[null,3,[]]}",
        "{\"alerts\":3,\"counts\":[]}",
        "{\"counts\":{\"firing\":-5,\"resolved\":1e300},\"alerts\":[{\"verdict\":\"drifted\"}]}",
        "{\"status\":\"resolved\",\"alerts\":[{\"status\":\"resolved\",\"lastedSeconds\":-1}]}",
        "{\"verdict\":\"drifted\",\"object\":{\"name\":\"a\",\"changes\":[{},null,{\"path\":3}]}}"};
    (void)state;
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        for (size_t k = 0; k < 2; k++) {
            cJSON *m = cJSON_Parse(strange[i]);
            tu_out out;
            assert_non_null(m);
            tu_out_init(&out, 4096);
            tu_wording_text(tu_language_named(k ? "ko" : "en"), m, 5, &out);
            assert_true(out.n > 2);
            tu_out_done(&out);
            cJSON_Delete(m);
        }
}

static void languages_are_named(void **state) {
    (void)state;
    assert_non_null(tu_language_named("en"));
    assert_non_null(tu_language_named("ko"));
    assert_null(tu_language_named("fr"));
    assert_null(tu_language_named(NULL));
    assert_string_equal(tu_wording_word(tu_language_named("en"), "resolved"), "resolved");
    assert_null(tu_wording_word(tu_language_named("en"), "no such word"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_says_what_it_said),
        cmocka_unit_test(a_title_is_one_line_and_no_control_character_comes_through),
        cmocka_unit_test(a_text_that_has_no_room_is_cut),
        cmocka_unit_test(a_diff_has_as_many_lines_as_asked_for_and_counts_the_rest),
        cmocka_unit_test(a_message_that_is_empty_or_strange_still_says_something),
        cmocka_unit_test(languages_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
