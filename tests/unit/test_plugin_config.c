/*
 * A use's config: mistakes at their place, defaults, and secrets that are seen by nobody but the
 * plugin.
 */
#include "plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"

#define VALUE "hunter2-\"quoted\"/and more"

static const tu_library *puppet(void) {
    return test_plugin_open("puppet-parallel");
}

/* --- mistakes --------------------------------------------------------------------------------- */

static const struct {
    const char *yaml, *errors;
} mistakes[] = {
    {"level: 10\n", ":1:8: "},
    {"name: x\nlevl: 3\n", ":2:1: "},
    {"name: x\nlevl: 3\n", "did you mean 'level'?"},
    {"color: gren\n", "green"},
    {"level: two\n", ":1:8: "},
    {"name: x\ntoken: s3cret-in-git\n",
     ":2:8: spec.config.token: write a reference, so that the secret doesn't stand in Git // write "
     "{env: NAME} or {file: PATH}\n"},
    {"token: 12345\n", ":1:8: spec.config.token: write a reference"},
    {"token: [a]\n", "spec.config.token: write a reference"},
    {"token: {}\n", "spec.config.token: a reference has exactly one of env and file"},
    {"token: {env: A, file: /b}\n",
     "spec.config.token: a reference has exactly one of env and file"},
    {"token:\n  fiel: /a\n", "did you mean 'file'?"},
    {"token: {secret: shop/hook/key}\n", "are not in this version // mount the Secret"},
    {"token: {env: 'A B'}\n", "no name of an environment variable"},
    {"token: {env: ''}\n", "a text is needed here"},
    {"token: {file: 7}\n", "a text is needed here"},
    {"more: {a: {env: OK}, b: plain}\n", ":1:25: spec.config.more.b: write a reference"},
    {"list:\n  - key: {env: OK}\n  - key: plain\n",
     ":3:10: spec.config.list[1].key: write a reference"},
};

static void a_mistake_is_told_at_its_line_and_column(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        tu_errors errors = {0};
        tu_buf text = TU_BUF_INIT(TU_MIB);
        test_use t;
        test_use_read(&t, "test", mistakes[i].yaml);
        tu_library_check_config(puppet(), &t.use, &t.arena, &errors);
        test_errors_text(&errors, &text);
        assert_int_equal(errors.n, 1);
        assert_string_equal(errors.items[0]->file, "test.yaml");
        assert_contains(tu_buf_c(&text), mistakes[i].errors);
        assert_lacks(tu_buf_c(&text), "s3cret-in-git");
        tu_buf_done(&text);
        tu_errors_done(&errors);
        test_use_done(&t);
    }
}

static void all_mistakes_are_told_at_once(void **state) {
    tu_errors errors = {0};
    test_use t;
    (void)state;
    test_use_read(&t, "test",
                  "level: 0\ncolor: blue\nother: 1\ntoken: plain\nmore: {a: b, c: d}\n");
    tu_library_check_config(puppet(), &t.use, &t.arena, &errors);
    assert_int_equal(errors.n, 6);
    tu_errors_done(&errors);
    test_use_done(&t);
}

/* --- what the plugin sees --------------------------------------------------------------------- */

typedef struct body {
    char text[2 * 1024 * 1024];
} body;

static tu_rc keep_body(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                       tu_str bytes) {
    body *b = arg;
    (void)record, (void)index, (void)meta;
    snprintf(b->text, sizeof b->text, "%.*s", TU_P(bytes));
    return TU_OK;
}

static tu_rc list(tu_plugin_use *u, const char *words, body *b, tu_error **error) {
    tu_call_options o = {.on_record = keep_body, .arg = b};
    b->text[0] = '\0';
    return tu_call_list(u, tu_str_c(words), &o, error);
}

static void defaults_are_filled_in_and_secrets_are_handles(void **state) {
    tu_plugin_use *u =
        test_use_create(puppet(), TU_KIND_TARGET,
                        "{level: 3, token: {env: TEST_TOKEN}, more: {a: {file: /x}}}", NULL);
    body *b = tu_xmalloc(sizeof *b);
    (void)state;
    assert_int_equal(list(u, "config", b, NULL), TU_OK);
    assert_contains(b->text, "\"name\":\"nobody\"");
    assert_contains(b->text, "\"level\":3");
    assert_contains(b->text, "\"token\":\"secret-0\"");
    assert_contains(b->text, "\"a\":\"secret-1\"");
    assert_lacks(b->text, "TEST_TOKEN");
    free(b);
    tu_plugin_use_free(u);
}

static void paths_are_beside_the_file_that_they_stand_in(void **state) {
    body *b = tu_xmalloc(sizeof *b);
    tu_plugin_use *u = NULL;
    tu_errors errors = {0};
    test_use t;
    (void)state;
    test_use_read(&t, "test", "{where: a/b, token: {file: keys/t}}");
    t.use.place.file = "/etc/trueup.d/test.yaml";
    tu_library_check_config(puppet(), &t.use, &t.arena, &errors);
    assert_int_equal(errors.n, 0);
    assert_int_equal(tu_plugin_use_new(puppet(), TU_KIND_TARGET, &t.use, NULL, &u, NULL), TU_OK);
    assert_int_equal(list(u, "config", b, NULL), TU_OK);
    assert_contains(b->text, "\"where\":\"/etc/trueup.d/a/b\"");
    tu_error *error = NULL;
    assert_int_equal(list(u, "show secret-0", b, &error), TU_EDENIED);
    assert_contains(tu_error_text(error), "file /etc/trueup.d/keys/t can't be read");
    tu_error_free(error);
    tu_plugin_use_free(u);
    test_use_done(&t);
    free(b);
}

static void a_secret_is_read_from_the_environment_or_a_file(void **state) {
    char *folder = test_scratch_new(), *file = tu_path_join(folder, "token"), yaml[1024];
    body *b = tu_xmalloc(sizeof *b);
    (void)state;
    setenv("TEST_TOKEN", "from the environment", 1);
    assert_int_equal(tu_file_write(file, TU_S("from the file\n"), 0600, NULL), TU_OK);
    snprintf(yaml, sizeof yaml, "{token: {env: TEST_TOKEN}, more: {a: {file: %s}}}", file);
    tu_plugin_use *u = test_use_create(puppet(), TU_KIND_TARGET, yaml, NULL);
    assert_int_equal(list(u, "show secret-0", b, NULL), TU_OK);
    assert_string_equal(b->text, "from the environment");
    assert_int_equal(list(u, "show secret-1", b, NULL), TU_OK);
    assert_string_equal(b->text, "from the file"); /* without the line break at its end */
    assert_int_equal(tu_file_write(file, TU_S("rotated\n\n"), 0600, NULL), TU_OK);
    assert_int_equal(list(u, "show secret-1", b, NULL), TU_OK);
    assert_string_equal(b->text, "rotated\n"); /* only one is taken off */
    assert_lacks(test_log_text(), "can be read by every user");
    tu_plugin_use_free(u);
    free(b);
    free(file);
    test_scratch_remove(folder);
}

static void a_secret_that_is_not_there_denies_the_call_and_is_named(void **state) {
    char *folder = test_scratch_new(), *empty = tu_path_join(folder, "empty"), *big, yaml[2048];
    tu_buf bytes = TU_BUF_INIT(TU_MIB);
    body *b = tu_xmalloc(sizeof *b);
    static const char *const words[] = {
        "spec.config.token: the environment variable TEST_NO_SUCH is not set",
        "more.absent: the secret's file /no/such/file can't be read: No such file",
        "more.folder: the secret's file / is a directory",
        "more.empty: the secret in ",
        "more.big: the secret in ",
    };
    (void)state;
    big = tu_path_join(folder, "big");
    unsetenv("TEST_NO_SUCH");
    for (unsigned i = 0; i <= TU_LIMIT_SECRET_BYTES; i++)
        tu_buf_add_byte(&bytes, 'x');
    assert_int_equal(tu_file_write(big, tu_buf_str(&bytes), 0600, NULL), TU_OK);
    assert_int_equal(tu_file_write(empty, TU_S("\n"), 0600, NULL), TU_OK);
    snprintf(
        yaml, sizeof yaml,
        "{token: {env: TEST_NO_SUCH}, more: {absent: {file: /no/such/file}, folder: {file: /}, "
        "empty: {file: %s}, big: {file: %s}}}",
        empty, big);
    tu_plugin_use *u = test_use_create(puppet(), TU_KIND_TARGET, yaml, NULL);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        tu_error *error = NULL;
        char show[32];
        snprintf(show, sizeof show, "show secret-%zu", i);
        assert_int_equal(list(u, show, b, &error), TU_EDENIED);
        assert_contains(tu_error_text(error), words[i]);
        tu_error_free(error);
    }
    tu_plugin_use_free(u);
    tu_buf_done(&bytes);
    free(b);
    free(big);
    free(empty);
    test_scratch_remove(folder);
}

static void a_secret_file_that_everybody_can_read_is_told_once(void **state) {
    char *file = tu_path_join(getenv("TRUEUP_BUILD_DIR"), "test-loose-token"), yaml[1024];
    body *b = tu_xmalloc(sizeof *b);
    const char *first;
    (void)state;
    assert_int_equal(tu_file_write(file, TU_S("loose"), 0600, NULL), TU_OK);
    assert_int_equal(chmod(file, 0644), 0);
    snprintf(yaml, sizeof yaml, "{token: {file: %s}}", file);
    tu_plugin_use *u = test_use_create(puppet(), TU_KIND_TARGET, yaml, NULL);
    assert_int_equal(list(u, "show secret-0", b, NULL), TU_OK);
    assert_int_equal(list(u, "show secret-0", b, NULL), TU_OK);
    first = strstr(test_log_text(), "can be read by every user");
    if (first) /* not where the build tree is a tmpfs */
        assert_null(strstr(first + 1, "can be read by every user"));
    tu_plugin_use_free(u);
    remove(file);
    free(file);
    free(b);
}

static void a_handle_that_was_not_given_opens_nothing(void **state) {
    static const char *const handles[] = {"secret-1", "secret-", "TEST_TOKEN", "secret-00", ""};
    tu_plugin_use *u =
        test_use_create(puppet(), TU_KIND_TARGET, "{token: {env: TEST_TOKEN}}", NULL);
    body *b = tu_xmalloc(sizeof *b);
    (void)state;
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++) {
        char show[64];
        snprintf(show, sizeof show, "show %s", handles[i]);
        assert_int_equal(list(u, show, b, NULL), TU_EINVALID);
    }
    tu_plugin_use_free(u);
    free(b);
}

/* Every allocation fails once: mistakes are still told as mistakes, and nothing is lost but that
 * try. */
static void checking_and_creating_survive_running_out_of_memory(void **state) {
    static const char yaml[] = "{level: 3, token: {env: TEST_TOKEN}, list: [{key: {file: /x}}], "
                               "where: a, more: {a: plain}}";
    (void)state;
    for (size_t n = 1; n < 200; n++) {
        tu_errors errors = {0};
        tu_error *error = NULL;
        tu_plugin_use *u = NULL;
        test_use t;
        test_use_read(&t, "test", yaml);
        tu_mem_fail_after(n);
        tu_library_check_config(puppet(), &t.use, &t.arena, &errors);
        tu_mem_fail_after(0);
        assert_true(errors.n >= 1);
        tu_errors_done(&errors);
        test_use_done(&t);
        test_use_read(&t, "test", "{level: 3, token: {env: TEST_TOKEN}, where: a}");
        tu_mem_fail_after(n);
        tu_rc rc = tu_plugin_use_new(puppet(), TU_KIND_TARGET, &t.use, NULL, &u, &error);
        tu_mem_fail_after(0);
        assert_true(rc == TU_OK || rc == TU_EINTERNAL);
        assert_true((rc == TU_OK) == (u != NULL));
        tu_plugin_use_free(u);
        tu_error_free(error);
        test_use_done(&t);
    }
}

/* --- secrets stay secret ---------------------------------------------------------------------- */

static void a_plugin_that_tells_its_secret_is_not_heard(void **state) {
    /* as they are, and as JSON and URLs spell them */
    static const char *const values[] = {VALUE, "short", "x", "ends with \\", "\xc3\xa4\xc3\xb6"};
    body *b = tu_xmalloc(sizeof *b);
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        tu_error *error = NULL;
        tu_plugin_use *u =
            test_use_create(puppet(), TU_KIND_TARGET, "{token: {env: TEST_TOKEN}}", NULL);
        setenv("TEST_TOKEN", values[i], 1);
        test_log_end();
        test_log_begin();
        assert_int_equal(list(u, "leak secret-0", b, &error), TU_EDENIED);
        assert_contains(tu_error_text(error), "<redacted>");
        assert_string_equal(error->code, "<redacted>");
        if (strcmp(values[i], "x") != 0) { /* which "fields" and others rightly have */
            assert_contains(test_log_text(), "the token is <redacted>, I repeat: <redacted>!");
            assert_lacks(tu_error_text(error), values[i]);
            assert_lacks(test_log_text(), values[i]);
        }
        tu_error_free(error);
        tu_plugin_use_free(u);
    }
    free(b);
}

static void spellings_of_a_secret_are_found_too(void **state) {
    static const char *const spellings[] = {
        "say a hunter2-\"quoted\"/and more b",
        "say a hunter2-\\\"quoted\\\"/and more b",
        "say a hunter2-%22quoted%22%2Fand%20more b",
    };
    tu_plugin_use *u =
        test_use_create(puppet(), TU_KIND_TARGET, "{token: {env: TEST_TOKEN}}", NULL);
    body *b = tu_xmalloc(sizeof *b);
    (void)state;
    setenv("TEST_TOKEN", VALUE, 1);
    assert_int_equal(list(u, "show secret-0", b, NULL), TU_OK);
    for (size_t i = 0; i < 3; i++) {
        test_log_end();
        test_log_begin();
        assert_int_equal(list(u, spellings[i], b, NULL), TU_OK);
        assert_contains(test_log_text(), "a <redacted> b");
    }
    tu_plugin_use_free(u);
    free(b);
}

/* Another instance of the same library may have overheard it. */
static void a_secret_of_one_instance_is_scrubbed_from_another(void **state) {
    tu_plugin_use *one =
        test_use_create(puppet(), TU_KIND_TARGET, "{token: {env: TEST_TOKEN}}", NULL);
    tu_plugin_use *other = test_use_create(puppet(), TU_KIND_TARGET, "{}", NULL);
    body *b = tu_xmalloc(sizeof *b);
    (void)state;
    setenv("TEST_TOKEN", "overheard", 1);
    assert_int_equal(list(one, "show secret-0", b, NULL), TU_OK);
    tu_plugin_use_free(one);
    assert_int_equal(list(other, "say psst: overheard", b, NULL), TU_OK);
    assert_contains(test_log_text(), "psst: <redacted>");
    tu_plugin_use_free(other);
    free(b);
}

static int begin_log(void **state) {
    (void)state;
    test_log_begin();
    return 0;
}

static int end_log(void **state) {
    (void)state;
    test_log_end();
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_log, end_log)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_mistake_is_told_at_its_line_and_column),
        TEST(all_mistakes_are_told_at_once),
        TEST(defaults_are_filled_in_and_secrets_are_handles),
        TEST(paths_are_beside_the_file_that_they_stand_in),
        TEST(a_secret_is_read_from_the_environment_or_a_file),
        TEST(a_secret_that_is_not_there_denies_the_call_and_is_named),
        TEST(a_secret_file_that_everybody_can_read_is_told_once),
        TEST(a_handle_that_was_not_given_opens_nothing),
        TEST(checking_and_creating_survive_running_out_of_memory),
        TEST(spellings_of_a_secret_are_found_too),
        TEST(a_secret_of_one_instance_is_scrubbed_from_another),
        TEST(a_plugin_that_tells_its_secret_is_not_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
