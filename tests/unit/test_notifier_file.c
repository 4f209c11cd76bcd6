/*
 * notifier-file: whole lines or none, each message once, however many write and rotate at a time.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those first */
#include <cmocka.h>

#include "folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "value/json.h"

#define MESSAGE "{\"kind\":\"Alert\",\"summary\":\"cart drifted\"}"

static tu_plugin_use *journal(const test_folder *f, const char *more) {
    char yaml[1024];
    snprintf(yaml, sizeof yaml, "{path: '%s/alerts.jsonl'%s}", f->path, more);
    return test_use(TU_KIND_NOTIFIER, "file", yaml);
}

static tu_rc send_it(tu_plugin_use *u, const char *message, const char *key, tu_error **error) {
    return tu_call_send(u, tu_str_c(message), tu_str_c(key), NULL, NULL, NULL, error);
}

static void assert_file(const test_folder *f, const char *name, const char *expected) {
    char *text = test_folder_read(f, name);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void assert_refused(tu_plugin_use *u, tu_rc rc, const char *words) {
    tu_error *error = NULL;
    assert_int_equal(send_it(u, MESSAGE, "k", &error), rc);
    assert_non_null(strstr(tu_error_text(error), words));
    tu_error_free(error);
}

/* --- lines -------------------------------------------------------------------------------------- */

static void a_message_is_one_line_with_its_key_in_front(void **state) {
    test_folder f = test_folder_new();
    tu_plugin_use *u = journal(&f, "");
    char path[300];
    struct stat s;
    (void)state;
    assert_int_equal(tu_call_probe(u, NULL, NULL), TU_OK);
    assert_int_equal(send_it(u, MESSAGE, "one", NULL), TU_OK);
    assert_int_equal(send_it(u, "{\n \"a\": \"x\\ny\",\r\n \"b\": 1}\n", "t\"wo\\\n", NULL), TU_OK);
    assert_int_equal(send_it(u, "{}", "three", NULL), TU_OK);
    assert_file(&f, "alerts.jsonl",
                "{\"idempotencyKey\":\"one\",\"kind\":\"Alert\",\"summary\":\"cart drifted\"}\n"
                "{\"idempotencyKey\":\"t\\u0022wo\\u005c\\u000a\",\"a\": \"x\\ny\",   \"b\": 1}\n"
                "{\"idempotencyKey\":\"three\"}\n");
    snprintf(path, sizeof path, "%s/alerts.jsonl", f.path);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 07777, 0600);
    tu_plugin_use_free(u);
    test_folder_remove(&f);
}

static void a_message_that_comes_again_is_there_once(void **state) {
    test_folder f = test_folder_new();
    tu_plugin_use *u = journal(&f, ", maxBytes: 4096, mode: '0640'");
    char path[300], *text, *rotated;
    struct stat s;
    (void)state;
    assert_int_equal(send_it(u, MESSAGE, "one", NULL), TU_OK);
    assert_int_equal(send_it(u, MESSAGE, "one", NULL), TU_OK);
    assert_int_equal(send_it(u, MESSAGE, "on", NULL), TU_OK);
    text = test_folder_read(&f, "alerts.jsonl");
    assert_string_equal(
        text, "{\"idempotencyKey\":\"one\",\"kind\":\"Alert\",\"summary\":\"cart drifted\"}\n"
              "{\"idempotencyKey\":\"on\",\"kind\":\"Alert\",\"summary\":\"cart drifted\"}\n");
    free(text);
    /* also when it is in the file before */
    for (int i = 0; !(rotated = test_folder_read(&f, "alerts.jsonl.1")); i++) {
        char key[24];
        snprintf(key, sizeof key, "more-%d", i);
        assert_int_equal(send_it(u, MESSAGE, key, NULL), TU_OK);
    }
    free(rotated);
    text = test_folder_read(&f, "alerts.jsonl");
    assert_int_equal(send_it(u, MESSAGE, "one", NULL), TU_OK);
    assert_file(&f, "alerts.jsonl", text);
    free(text);
    snprintf(path, sizeof path, "%s/alerts.jsonl", f.path);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 07777, 0640);
    tu_plugin_use_free(u);
    test_folder_remove(&f);
}

#define WHOLE "{\"idempotencyKey\":\"a\",\"x\":1}\n"
#define ADDED "{\"idempotencyKey\":\"k\",\"kind\":\"Alert\",\"summary\":\"cart drifted\"}\n"

static void what_a_crash_tore_is_repaired(void **state) {
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"", ADDED},
        {WHOLE, WHOLE ADDED},
        {WHOLE "{\"idempotencyKey\":\"b\",\"ki", WHOLE ADDED},
        {WHOLE "{\"idem", WHOLE ADDED},
        {WHOLE "{", WHOLE ADDED},
        {"{\"idempotencyKey\":\"b\"", ADDED},
        {"somebody else's line", "somebody else's line\n" ADDED},
        {WHOLE "{\"other\":1}", WHOLE "{\"other\":1}\n" ADDED},
        /* torn behind its key: it isn't taken for the message itself */
        {WHOLE "{\"idempotencyKey\":\"k\",\"kind\":", WHOLE ADDED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_folder f = test_folder_new();
        tu_plugin_use *u = journal(&f, "");
        test_folder_write(&f, "alerts.jsonl", cases[i].before);
        assert_int_equal(send_it(u, MESSAGE, "k", NULL), TU_OK);
        assert_file(&f, "alerts.jsonl", cases[i].after);
        tu_plugin_use_free(u);
        test_folder_remove(&f);
    }
}

static void zeros_at_the_end_are_removed(void **state) {
    test_folder f = test_folder_new();
    tu_plugin_use *u = journal(&f, "");
    char path[300];
    (void)state;
    test_folder_write(&f, "alerts.jsonl", WHOLE);
    snprintf(path, sizeof path, "%s/alerts.jsonl", f.path);
    assert_int_equal(truncate(path, 500), 0); /* grown, but its data never came to the disk */
    assert_int_equal(send_it(u, MESSAGE, "k", NULL), TU_OK);
    assert_file(&f, "alerts.jsonl", WHOLE ADDED);
    tu_plugin_use_free(u);
    test_folder_remove(&f);
}

/* --- a disk without room ------------------------------------------------------------------------ */

static void a_full_disk_leaves_nothing_half_written(void **state) {
    test_folder f = test_folder_new();
    tu_plugin_use *u = journal(&f, "");
    struct rlimit old, small;
    (void)state;
    assert_int_equal(send_it(u, "{\"x\":1}", "a", NULL), TU_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = sizeof WHOLE - 1 + 20; /* the next line fits in part */
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    tu_error *error = NULL;
    tu_rc rc = send_it(u, MESSAGE, "k", &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(rc, TU_EUNAVAILABLE); /* again later */
    assert_non_null(strstr(tu_error_text(error), "alerts.jsonl"));
    assert_file(&f, "alerts.jsonl", WHOLE);
    assert_int_equal(send_it(u, MESSAGE, "k", NULL), TU_OK);
    assert_file(&f, "alerts.jsonl", WHOLE ADDED);
    tu_error_free(error);
    tu_plugin_use_free(u);
    test_folder_remove(&f);
}

/* --- rotation and company ----------------------------------------------------------------------- */

static size_t count_lines(const char *text, bool *seen, size_t n) {
    size_t lines = 0;
    for (const char *at = text; at && *at; lines++) {
        const char *end = strchr(at, '\n');
        tu_arena a;
        tu_value *v = NULL;
        tu_error *error = NULL;
        assert_non_null(end);
        tu_arena_init(&a, 0);
        if (tu_json_parse(&a, (tu_str){at, (size_t)(end - at)}, 0, "", &v, NULL, &error) != TU_OK)
            fail_msg("a line is no JSON: %s", tu_error_text(error));
        tu_str key = tu_value_get_string(v, "idempotencyKey");
        unsigned long i = strtoul(key.p, NULL, 10);
        assert_true(i < n && !seen[i]);
        seen[i] = true;
        tu_arena_done(&a);
        at = end + 1;
    }
    return lines;
}

enum { WRITERS = 4, EACH = 60 };

static void many_processes_write_and_rotate_without_loss(void **state) {
    test_folder f = test_folder_new();
    pid_t writers[WRITERS];
    bool seen[WRITERS * EACH] = {false};
    size_t lines = 0, files = 0;
    (void)state;
    for (int w = 0; w < WRITERS; w++) {
        writers[w] = fork();
        assert_true(writers[w] >= 0);
        if (writers[w] == 0) {
            tu_plugin_use *u = journal(&f, ", maxBytes: 4096, keep: 1000");
            int failed = 0;
            for (int i = 0; i < EACH; i++) {
                char key[24];
                snprintf(key, sizeof key, "%d", w * EACH + i);
                failed |= send_it(u,
                                  "{\"text\":\"a text of some length, so that there is something "
                                  "to rotate\"}",
                                  key, NULL) != TU_OK;
            }
            _exit(failed);
        }
    }
    for (int w = 0; w < WRITERS; w++) {
        int status = 0;
        assert_int_equal(waitpid(writers[w], &status, 0), writers[w]);
        assert_int_equal(status, 0);
    }
    for (;; files++) {
        char name[64] = "alerts.jsonl", *text;
        struct stat s;
        char path[400];
        if (files)
            snprintf(name, sizeof name, "alerts.jsonl.%zu", files);
        if (!(text = test_folder_read(&f, name)))
            break;
        snprintf(path, sizeof path, "%s/%s", f.path, name);
        assert_int_equal(stat(path, &s), 0);
        assert_true(s.st_size <= 4096);
        lines += count_lines(text, seen, WRITERS * EACH);
        free(text);
    }
    assert_int_equal(lines, WRITERS * EACH);
    assert_true(files > 2);
    test_folder_remove(&f);
}

static void only_as_many_old_files_are_kept_as_was_said(void **state) {
    test_folder f = test_folder_new();
    tu_plugin_use *u = journal(&f, ", maxBytes: 4096, keep: 2");
    char message[3200], key[8], *text;
    (void)state;
    snprintf(message, sizeof message, "{\"text\":\"%03000d\"}", 0);
    for (int i = 0; i < 5; i++) {
        snprintf(key, sizeof key, "%d", i);
        assert_int_equal(send_it(u, message, key, NULL), TU_OK);
    }
    static const char *const kept[] = {"alerts.jsonl", "alerts.jsonl.1", "alerts.jsonl.2"};
    for (int i = 0; i < 3; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "{\"idempotencyKey\":\"%d\"", 4 - i);
        text = test_folder_read(&f, kept[i]);
        assert_memory_equal(text, expected, strlen(expected));
        free(text);
    }
    assert_null(test_folder_read(&f, "alerts.jsonl.3"));
    tu_plugin_use_free(u);
    test_folder_remove(&f);
}

static void a_line_longer_than_the_limit_has_a_file_of_its_own(void **state) {
    test_folder f = test_folder_new();
    tu_plugin_use *u = journal(&f, ", maxBytes: 4096");
    char *message = malloc(20010), *text;
    (void)state;
    snprintf(message, 20010, "{\"text\":\"%019000d\"}", 0);
    assert_int_equal(send_it(u, "{\"x\":1}", "a", NULL), TU_OK);
    assert_int_equal(send_it(u, message, "long", NULL), TU_OK);
    assert_int_equal(send_it(u, MESSAGE, "k", NULL), TU_OK);
    assert_file(&f, "alerts.jsonl", ADDED);
    assert_file(&f, "alerts.jsonl.2", WHOLE);
    text = test_folder_read(&f, "alerts.jsonl.1");
    assert_true(strlen(text) > 19000);
    free(text);
    free(message);
    tu_plugin_use_free(u);
    test_folder_remove(&f);
}

/* --- what isn't written to ---------------------------------------------------------------------- */

static void a_symbolic_link_is_not_followed(void **state) {
    test_folder f = test_folder_new();
    tu_plugin_use *u = journal(&f, "");
    char path[300], to[300];
    (void)state;
    snprintf(path, sizeof path, "%s/alerts.jsonl", f.path);
    snprintf(to, sizeof to, "%s/precious", f.path);
    test_folder_write(&f, "precious", "precious\n");
    assert_int_equal(symlink(to, path), 0);
    assert_refused(u, TU_EINVALID, "symbolic link, which is not followed");
    assert_int_equal(tu_call_probe(u, NULL, NULL), TU_EINVALID);
    assert_file(&f, "precious", "precious\n");
    tu_plugin_use_free(u);
    test_folder_remove(&f);
}

static void only_regular_files_are_written_to(void **state) {
    test_folder f = test_folder_new();
    tu_plugin_use *u = journal(&f, "");
    char path[300];
    (void)state;
    snprintf(path, sizeof path, "%s/alerts.jsonl", f.path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(u, TU_EINVALID, "no regular file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(u, TU_EINVALID, "no regular file");
    assert_int_equal(tu_call_probe(u, NULL, NULL), TU_EINVALID);
    tu_plugin_use_free(u);
    test_folder_remove(&f);
}

static void a_folder_that_is_not_there_may_come_back(void **state) {
    test_folder f = test_folder_new();
    char yaml[400];
    (void)state;
    snprintf(yaml, sizeof yaml, "{path: '%s/volume/alerts.jsonl'}", f.path);
    tu_plugin_use *u = test_use(TU_KIND_NOTIFIER, "file", yaml);
    assert_refused(u, TU_EUNAVAILABLE, "make the folder");
    assert_int_equal(tu_call_probe(u, NULL, NULL), TU_EUNAVAILABLE);
    test_folder_write(&f, "volume/other", "");
    assert_int_equal(send_it(u, MESSAGE, "k", NULL), TU_OK);
    tu_plugin_use_free(u);
    test_folder_remove(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_one_line_with_its_key_in_front),
        cmocka_unit_test(a_message_that_comes_again_is_there_once),
        cmocka_unit_test(what_a_crash_tore_is_repaired),
        cmocka_unit_test(zeros_at_the_end_are_removed),
        cmocka_unit_test(a_full_disk_leaves_nothing_half_written),
        cmocka_unit_test(many_processes_write_and_rotate_without_loss),
        cmocka_unit_test(only_as_many_old_files_are_kept_as_was_said),
        cmocka_unit_test(a_line_longer_than_the_limit_has_a_file_of_its_own),
        cmocka_unit_test(a_symbolic_link_is_not_followed),
        cmocka_unit_test(only_regular_files_are_written_to),
        cmocka_unit_test(a_folder_that_is_not_there_may_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
