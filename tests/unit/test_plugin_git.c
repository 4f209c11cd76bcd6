/*
 * Contract tests of source-git through the real host: its schema, its records, its words. What it
 * does with servers is proved by tests/git/run.sh.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "folder.h"
#include "value/yaml.h"

typedef struct fixture {
    test_folder folder;
    test_records records;
    tu_plugin_use *use;
    tu_error *error;
    tu_call_options call;
} fixture;

/* Runs git in the folder, without anybody's configuration. */
static void git(const fixture *f, const char *const *arguments) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const char *argv[20] = {"git",
                                "-c",
                                "user.name=Dee",
                                "-c",
                                "user.email=dee@example.org",
                                "-c",
                                "init.defaultBranch=main"};
        size_t n = 7;
        while (*arguments != NULL && n < 19) {
            argv[n++] = *arguments++;
        }
        setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
        setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
        int silent = open("/dev/null", O_WRONLY);
        if (chdir(f->folder.path) == 0 && dup2(silent, 1) == 1) {
            execvp("git", (char *const *)(uintptr_t)argv);
        }
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}
#define GIT(f, ...) git((f), (const char *const[]){__VA_ARGS__, NULL})

static int set_up(void **state) {
    fixture *f = tu_xcalloc(1, sizeof *f);
    f->folder = test_folder_new();
    test_records_init(&f->records);
    f->call =
        (tu_call_options){.on_record = test_records_add, .arg = &f->records, .timeout_ms = 30000};
    test_folder_write(&f->folder, "apps/cart.yaml", "kind: Service\n");
    test_folder_write(&f->folder, "top.yaml", "kind: Role\n");
    GIT(f, "init", "-q");
    GIT(f, "add", ".");
    GIT(f, "commit", "-q", "-m", "the subject");
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    tu_plugin_use_free(f->use);
    test_folder_remove(&f->folder);
    test_records_done(&f->records);
    tu_error_free(f->error);
    free(f);
    return 0;
}

static void use(fixture *f, const char *more) {
    char config[1000];
    (void)snprintf(config, sizeof config, "{url: \"%s\"%s}", f->folder.path, more);
    f->use = test_use(TU_KIND_SOURCE, "git", config);
}

static void expect(fixture *f, tu_rc got, tu_rc wanted, const char *words) {
    if (got != wanted || (words != NULL && strstr(tu_error_text(f->error), words) == NULL)) {
        fail_msg("rc %d, wanted %d with \"%s\": %s", (int)got, (int)wanted, words ? words : "",
                 tu_error_text(f->error));
    }
}

/* Copies the 40 digits out of the REVISION record. */
static void resolve(fixture *f, char revision[41]) {
    expect(f, tu_call_resolve(f->use, &f->call, &f->error), TU_OK, NULL);
    const char *at = strstr(tu_buf_c(&f->records.text), "\"revision\":\"");
    assert_non_null(at);
    memcpy(revision, at + strlen("\"revision\":\""), 40);
    revision[40] = '\0';
    test_records_clear(&f->records);
}

static void a_revision_and_its_files_reach_the_core(void **state) {
    fixture *f = *state;
    char revision[41];
    use(f, ", branch: main, interval: 1m");
    resolve(f, revision);
    expect(f, tu_call_fetch(f->use, tu_str_c(revision), TU_S("apps"), &f->call, &f->error), TU_OK,
           NULL);
    assert_true(test_records_have(&f->records, "\"subject\":\"the subject\""));
    assert_true(test_records_have(&f->records, "apps/cart.yaml"));
    assert_true(test_records_have(&f->records, "kind: Service"));
    assert_false(test_records_have(&f->records, "top.yaml"));
}

static void a_new_commit_is_a_new_revision_and_the_old_one_stays_readable(void **state) {
    fixture *f = *state;
    char before[41], after[41];
    use(f, "");
    resolve(f, before);
    test_folder_write(&f->folder, "top.yaml", "kind: ClusterRole\n");
    GIT(f, "commit", "-q", "-a", "-m", "change");
    resolve(f, after);
    assert_string_not_equal(before, after);
    expect(f, tu_call_fetch(f->use, tu_str_c(before), TU_S(""), &f->call, &f->error), TU_OK, NULL);
    assert_true(test_records_have(&f->records, "kind: Role"));
}

static void a_repository_may_be_repacked_and_replaced_between_calls(void **state) {
    fixture *f = *state;
    char first[41], second[41], third[41];
    use(f, "");
    resolve(f, first);
    GIT(f, "commit", "-q", "--allow-empty", "-m", "second");
    GIT(f, "gc", "-q", "--prune=now");
    resolve(f, second);
    assert_string_not_equal(first, second);
    expect(f, tu_call_fetch(f->use, tu_str_c(first), TU_S(""), &f->call, &f->error), TU_OK, NULL);
    test_records_clear(&f->records);
    char old[300], away[300];
    (void)snprintf(old, sizeof old, "%s/.git", f->folder.path);
    (void)snprintf(away, sizeof away, "%s/away", f->folder.path);
    assert_int_equal(rename(old, away), 0);
    expect(f, tu_call_resolve(f->use, &f->call, &f->error), TU_ENOTFOUND, "no Git repository");
    tu_error_free(f->error);
    f->error = NULL;
    GIT(f, "init", "-q");
    GIT(f, "add", "top.yaml");
    GIT(f, "commit", "-q", "-m", "another repository");
    resolve(f, third);
    expect(f, tu_call_fetch(f->use, tu_str_c(third), TU_S(""), &f->call, &f->error), TU_OK, NULL);
    assert_true(test_records_have(&f->records, "another repository"));
}

static void a_branch_that_is_gone_is_told_with_those_that_are_there(void **state) {
    fixture *f = *state;
    use(f, ", branch: mian");
    expect(f, tu_call_resolve(f->use, &f->call, &f->error), TU_ENOTFOUND, "there are: main");
}

static void a_cancelled_call_ends_as_cancelled(void **state) {
    fixture *f = *state;
    char revision[41];
    use(f, "");
    resolve(f, revision);
    f->call.cancel = tu_cancel_new();
    tu_cancel_fire(f->call.cancel);
    expect(f, tu_call_fetch(f->use, tu_str_c(revision), TU_S(""), &f->call, &f->error),
           TU_ECANCELLED, NULL);
    tu_cancel_free(f->call.cancel);
}

/* What the schema refuses, each with words of the error. */
static void the_schema_finds_mistakes(void **state) {
    (void)state;
    static const struct {
        const char *config, *words;
    } cases[] = {
        {"{branch: main}", "url"},
        {"{url: /x, brnach: main}", "brnach"},
        {"{url: /x, commit: abc}", "commit"},
        {"{url: /x, timeout: soon}", "timeout"},
        {"{url: /x, auth: {token: in-the-open}}", "token"},
    };
    const tu_library *library = NULL;
    tu_error *error = NULL;
    assert_int_equal(tu_library_open_builtin(TU_KIND_SOURCE, TU_S("git"), &library, &error), TU_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tu_arena a;
        tu_arena_init(&a, 0);
        tu_yaml_split split = tu_yaml_split_begin(tu_str_c(cases[i].config));
        tu_yaml_part part;
        tu_use use = {
            .name = TU_S("test"), .plugin = TU_S("git"), .text = tu_str_c(cases[i].config)};
        use.place.file = use.config_place.file = "test.yaml";
        assert_true(tu_yaml_split_next(&split, &part));
        assert_int_equal(tu_yaml_parse(&a, part, TU_YAML_STRICT, "test.yaml", &use.config, &error),
                         TU_OK);
        tu_errors errors = {0};
        tu_library_check_config(library, &use, &a, &errors);
        if (errors.n != 1 || strstr(tu_error_text(errors.items[0]), cases[i].words) == NULL) {
            fail_msg("%s: %zu errors, the first: %s", cases[i].config, errors.n,
                     errors.n ? tu_error_text(errors.items[0]) : "none");
        }
        tu_errors_done(&errors);
        tu_arena_done(&a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_revision_and_its_files_reach_the_core, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_new_commit_is_a_new_revision_and_the_old_one_stays_readable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_repository_may_be_repacked_and_replaced_between_calls,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_branch_that_is_gone_is_told_with_those_that_are_there,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_call_ends_as_cancelled, set_up, tear_down),
        cmocka_unit_test(the_schema_finds_mistakes),
    };
    return cmocka_run_group_tests_name("source-git", tests, NULL, NULL);
}
