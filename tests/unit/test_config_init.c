/* The starter configuration and what it is made of. */
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/config.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOM (1u << 20)

static char folder[64];

static void write_file(const char *name, const char *text) {
    _cleanup_(tu_freep) char *path = tu_path_join(folder, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_int_equal(tu_mkdirs(path, 0755, NULL), TU_OK);
    *slash = '/';
    assert_int_equal(tu_file_write(path, tu_str_c(text), 0644, NULL), TU_OK);
}

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/trueup-init-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    setenv("HOME", folder, 1);
    unsetenv("KUBECONFIG");
    return 0;
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *f) {
    (void)s, (void)kind, (void)f;
    return remove(path);
}

static int tear_down(void **state) {
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static tu_surroundings find_in(const char *below, tu_errors *errors) {
    _cleanup_(tu_freep) char *path = tu_path_join(folder, below);
    tu_surroundings s;
    tu_surroundings_find(path, &s, errors);
    return s;
}

static void contexts_come_from_the_kubeconfig_the_current_one_first(void **state) {
    (void)state;
    write_file(".kube/config",
               "apiVersion: v1\nkind: Config\ncurrent-context: prod\n"
               "contexts:\n- name: dev\n  context: {}\n- {name: prod}\n- {name: test}\n");
    tu_surroundings s = find_in(".", NULL);
    assert_string_equal(s.contexts[0], "prod");
    assert_string_equal(s.contexts[1], "dev");
    assert_string_equal(s.contexts[2], "test");
    assert_null(s.contexts[3]);
    assert_null(s.remote);
    tu_surroundings_done(&s);
}

static void several_kubeconfigs_are_merged_and_a_broken_one_is_told(void **state) {
    (void)state;
    write_file("a", "{contexts: [{name: one}], current-context: two}");
    write_file("b", "contexts: [{name: two}");
    write_file("c", "{contexts: [{name: one}, {name: two}], current-context: one}");
    char list[512];
    snprintf(list, sizeof list, "%s/a:%s/b::%s/missing:%s/c", folder, folder, folder, folder);
    setenv("KUBECONFIG", list, 1);
    tu_errors errors = {0};
    tu_surroundings s = find_in(".", &errors);
    assert_string_equal(s.contexts[0], "two");
    assert_string_equal(s.contexts[1], "one");
    assert_null(s.contexts[2]);
    assert_int_equal(errors.n, 1);
    tu_errors_done(&errors);
    tu_surroundings_done(&s);
}

static const struct {
    const char *config, *remote;
} git_configs[] = {
    {"[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://example.com/a.git\n\tfetch = "
     "x\n",
     "https://example.com/a.git"},
    {"[remote \"up\"]\n url=git@example.com:up.git\n[remote \"origin\"]\n URL = "
     "ssh://git@example.com/o # here\n",
     "ssh://git@example.com/o"},
    {"[remote \"up\"]\n url = \"../up;stream\" ; there\n[remote \"other\"]\n url = no\n",
     "../up;stream"},
    {"[remote \"origin\"]\n\turl = https://me:hunter2@example.com:8443/a@b.git\n",
     "https://example.com:8443/a@b.git"},
    {"[branch \"main\"]\n\turl = no\n", NULL},
    {"[remote \"origin\"]\n\turl =\n", NULL},
    {"", NULL},
};

static void the_remote_is_found_from_below_and_without_its_password(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof git_configs / sizeof *git_configs; i++) {
        write_file(".git/config", git_configs[i].config);
        write_file(".git/HEAD", "ref: refs/heads/release/1.x\n");
        write_file("deep/down/file", "");
        tu_surroundings s = find_in("deep/down", NULL);
        if (git_configs[i].remote) {
            assert_non_null(s.remote);
            assert_string_equal(s.remote, git_configs[i].remote);
            assert_string_equal(s.branch, "release/1.x");
        } else {
            assert_null(s.remote);
            assert_null(s.branch);
        }
        tu_surroundings_done(&s);
    }
}

static void a_linked_work_tree_has_the_remote_of_its_repository(void **state) {
    (void)state;
    write_file("main/.git/config", "[remote \"origin\"]\nurl = /srv/a.git\n");
    write_file("main/.git/worktrees/b/commondir", "../..\n");
    write_file("main/.git/worktrees/b/HEAD", "ref: refs/heads/b\n");
    write_file("b/.git", "gitdir: ../main/.git/worktrees/b\n");
    tu_surroundings s = find_in("b", NULL);
    assert_string_equal(s.remote, "/srv/a.git");
    assert_string_equal(s.branch, "b");
    tu_surroundings_done(&s);
    write_file("main/.git/worktrees/b/HEAD",
               "9f3c1a2b705e66bb1d07c9f5a1de0f0f3c2a9b77\n"); /* detached */
    s = find_in("b", NULL);
    assert_null(s.branch);
    tu_surroundings_done(&s);
}

static const struct {
    const char *what, *contexts[4], *remote, *branch, *source, *target;
} starters[] = {
    {"nothing was found", {NULL}, NULL, NULL, "manifests", "cluster"},
    {"everything was found",
     {"prod", "dev", NULL},
     "https://example.com/acme/Shop_Config.git",
     "main",
     "shop-config",
     "prod"},
    {"names that aren't ours",
     {"arn:aws:eks:eu-1:123:cluster/Big One", "gke_a_b\n---\nkind: Evil", "\"", NULL},
     "git@example.com:acme/장바구니.git",
     "feature/#1: \"x\"",
     "manifests",
     "big-one"},
};

static void a_starter_loads_as_it_is(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof starters / sizeof *starters; i++) {
        tu_buf text = TU_BUF_INIT(ROOM), said = TU_BUF_INIT(ROOM);
        tu_config_starter(&text, starters[i].contexts, starters[i].remote, starters[i].branch);
        tu_errors errors = {0};
        tu_config *c = tu_config_parse("trueup.yaml", tu_buf_str(&text), &errors);
        for (size_t k = 0; k < errors.n; k++)
            tu_error_print(errors.items[k], &said);
        if (!c)
            fail_msg("%s:\n%s%s", starters[i].what, tu_buf_c(&said), tu_buf_c(&text));
        assert_int_equal(c->rule_count, 1);
        assert_int_equal(c->rules[0].mode, TU_MODE_AUDIT);
        assert_int_equal(c->warning_count, 0);
        assert_true(tu_str_is(c->sources[0].name, starters[i].source));
        assert_true(tu_str_is(c->targets[0].name, starters[i].target));
        if (starters[i].remote)
            assert_true(
                tu_str_is(tu_value_get_string(c->sources[0].config, "url"), starters[i].remote));
        if (starters[i].branch)
            assert_true(
                tu_str_is(tu_value_get_string(c->sources[0].config, "branch"), starters[i].branch));
        if (starters[i].contexts[0])
            assert_true(tu_str_is(tu_value_get_string(c->targets[0].config, "context"),
                                  starters[i].contexts[0]));
        tu_config_unref(c);
        tu_buf_done(&text);
        tu_buf_done(&said);
    }
}

/* What is in comments should work, too, once the "# " in front is taken away. */
static void what_is_commented_out_loads_when_it_is_not(void **state) {
    (void)state;
    tu_buf text = TU_BUF_INIT(ROOM), open = TU_BUF_INIT(ROOM);
    tu_config_starter(&text, (const char *const[]){"prod", NULL}, "https://example.com/a.git",
                      "main");
    for (const char *line = tu_buf_c(&text); *line;) {
        size_t n = strcspn(line, "\n"), indent = strspn(line, " ");
        tu_str s = {line, n};
        bool prose = indent == 0 && line[0] == '#' && line[2] >= 'A' && line[2] <= 'Z';
        bool example = line[indent] == '#' && !prose && !tu_str_starts(s, "#   {") &&
                       !tu_str_starts(s, "# trueup's") && !tu_str_starts(s, "# `") &&
                       !tu_str_starts(s, "  # What drift");
        tu_buf_addf(&open, "%.*s%.*s\n", (int)indent, line, (int)(n - indent - (example ? 2 : 0)),
                    line + indent + (example ? 2 : 0));
        line += n + (line[n] == '\n');
    }
    tu_errors errors = {0};
    tu_buf said = TU_BUF_INIT(ROOM);
    tu_config *c = tu_config_parse("trueup.yaml", tu_buf_str(&open), &errors);
    for (size_t k = 0; k < errors.n; k++)
        tu_error_print(errors.items[k], &said);
    if (!c)
        fail_msg("%s%s", tu_buf_c(&said), tu_buf_c(&open));
    assert_int_equal(c->rules[0].entry_count, 2);
    assert_int_equal(c->rules[0].heal.window_count, 1);
    assert_int_equal(c->notifier_count, 1);
    tu_config_unref(c);
    tu_errors_done(&errors);
    tu_buf_done(&said);
    tu_buf_done(&text);
    tu_buf_done(&open);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(contexts_come_from_the_kubeconfig_the_current_one_first,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_kubeconfigs_are_merged_and_a_broken_one_is_told,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_remote_is_found_from_below_and_without_its_password,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_linked_work_tree_has_the_remote_of_its_repository, set_up,
                                        tear_down),
        cmocka_unit_test(a_starter_loads_as_it_is),
        cmocka_unit_test(what_is_commented_out_loads_when_it_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
