/* Files: reading within limits, atomic replacement, the lock between processes, clean paths. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

static char folder[] = "/tmp/trueup-file-XXXXXX";

static char *at(const char *name) {
    static char path[4][256];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, 256, "%s/%s", folder, name);
    return p;
}

static int make_folder(void **state) {
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    return mkdtemp(folder) ? 0 : -1;
}

static void remove_tree(const char *path) {
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        if (tu_str_is(tu_str_c(e->d_name), ".") || tu_str_is(tu_str_c(e->d_name), ".."))
            continue;
        _cleanup_(tu_freep) char *inner = tu_path_join(path, e->d_name);
        if (unlink(inner) != 0)
            remove_tree(inner);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static int remove_folder(void **state) {
    (void)state;
    remove_tree(folder);
    return 0;
}

static void files_are_read_up_to_the_limit(void **state) {
    (void)state;
    tu_error *e = NULL;
    tu_buf b = {0};
    assert_int_equal(tu_file_write(at("a"), TU_S("12345"), 0600, NULL), TU_OK);
    assert_int_equal(tu_file_read(at("a"), 5, &b, &e), TU_OK);
    assert_string_equal(tu_buf_c(&b), "12345");
    assert_int_equal(tu_file_read(at("a"), 4, &b, &e), TU_EINVALID);
    assert_non_null(strstr(tu_error_text(e), "limit of 4 bytes"));
    tu_error_freep(&e);
    assert_int_equal(tu_file_read(at("none"), 10, &b, &e), TU_ENOTFOUND);
    assert_non_null(strstr(tu_error_text(e), "none"));
    tu_error_freep(&e);
    assert_int_equal(tu_file_read(folder, 10, &b, &e), TU_EINVALID);
    assert_non_null(strstr(tu_error_text(e), "a directory"));
    tu_error_freep(&e);
    assert_int_equal(tu_file_read("/dev/zero", 10, &b, &e), TU_EINVALID);
    tu_error_freep(&e);
    tu_mem_fail_after(1);
    tu_buf fresh = {0};
    assert_int_equal(tu_file_read(at("a"), 5, &fresh, &e), TU_EINTERNAL);
    tu_mem_fail_after(0);
    tu_error_freep(&e);
    tu_buf_done(&b);
}

static void pipes_are_read_to_their_end(void **state) {
    (void)state;
    int ends[2];
    char path[64];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "through a pipe", 14), 14);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    tu_buf b = {0};
    assert_int_equal(tu_file_read(path, 100, &b, NULL), TU_OK);
    assert_string_equal(tu_buf_c(&b), "through a pipe");
    tu_buf_done(&b);
    close(ends[0]);
}

static size_t files_in_folder(void) {
    size_t n = 0;
    DIR *d = opendir(folder);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static void a_write_replaces_whole_and_leaves_nothing_beside(void **state) {
    (void)state;
    tu_error *e = NULL;
    struct stat status;
    tu_buf b = {0};
    assert_int_equal(tu_file_write(at("a"), TU_S("old"), 0640, NULL), TU_OK);
    assert_int_equal(stat(at("a"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    int reader = open(at("a"), O_RDONLY);
    assert_int_equal(tu_file_write(at("a"), TU_S("new and longer"), 0600, NULL), TU_OK);
    char still[10] = "";
    assert_int_equal(read(reader, still, sizeof still - 1),
                     3); /* who has it open keeps the old bytes */
    assert_string_equal(still, "old");
    close(reader);
    assert_int_equal(tu_file_read(at("a"), 100, &b, NULL), TU_OK);
    assert_string_equal(tu_buf_c(&b), "new and longer");
    assert_int_equal(mkdir(at("folder"), 0700), 0);
    assert_int_not_equal(tu_file_write(at("folder"), TU_S("x"), 0600, &e), TU_OK);
    assert_non_null(strstr(tu_error_text(e), "folder"));
    tu_error_freep(&e);
    assert_int_equal(tu_file_write(at("none/a"), TU_S("x"), 0600, &e), TU_ENOTFOUND);
    tu_error_freep(&e);
    assert_int_equal(files_in_folder(), 2);
    tu_buf_done(&b);
}

static void a_full_disk_leaves_the_old_file(void **state) {
    (void)state;
    assert_int_equal(tu_file_write(at("a"), TU_S("old"), 0600, NULL), TU_OK);
    pid_t child = fork();
    if (child == 0) {
        /* a limit on file size fails writes as a full disk does */
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096});
        static char big[100000];
        memset(big, 'x', sizeof big);
        tu_error *e = NULL;
        tu_rc rc = tu_file_write(at("a"), (tu_str){big, sizeof big}, 0600, &e);
        tu_error_free(e);
        _exit(rc == TU_EUNAVAILABLE ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    tu_buf b = {0};
    assert_int_equal(tu_file_read(at("a"), 200000, &b, NULL), TU_OK);
    assert_string_equal(tu_buf_c(&b), "old");
    assert_int_equal(files_in_folder(), 1);
    tu_buf_done(&b);
}

/* Readers in another process see the old bytes or the new ones, never a part. */
static void readers_never_see_half_a_file(void **state) {
    (void)state;
    enum { SIZE = 60000, ROUNDS = 50 };
    static char bytes[SIZE];
    memset(bytes, '0', SIZE);
    assert_int_equal(tu_file_write(at("a"), (tu_str){bytes, SIZE}, 0600, NULL), TU_OK);
    pid_t child = fork();
    if (child == 0) {
        for (int round = 0; round < ROUNDS; round++) {
            memset(bytes, '0' + round % 10, SIZE);
            if (tu_file_write(at("a"), (tu_str){bytes, SIZE}, 0600, NULL) != TU_OK)
                _exit(1);
        }
        _exit(0);
    }
    int status = -1;
    bool whole = true;
    while (whole && waitpid(child, &status, WNOHANG) == 0) {
        tu_buf b = {0};
        whole = tu_file_read(at("a"), SIZE, &b, NULL) == TU_OK && b.n == SIZE;
        for (size_t i = 1; whole && i < SIZE; i++)
            whole = b.p[i] == b.p[0];
        tu_buf_done(&b);
    }
    if (!whole)
        waitpid(child, &status, 0);
    assert_true(whole);
    assert_int_equal(status, 0);
}

static void a_second_process_is_refused_with_the_pid_of_the_first(void **state) {
    (void)state;
    int ready[2], go[2];
    assert_int_equal(pipe(ready) | pipe(go), 0);
    pid_t child = fork();
    if (child == 0) {
        int fd;
        char byte = tu_file_lock(at("lock"), &fd, NULL) == TU_OK ? 'y' : 'n';
        close(go[1]);
        if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) < 0)
            _exit(1);
        _exit(0);
    }
    char byte = 0;
    close(go[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    tu_error *e = NULL;
    int fd = -1;
    assert_int_equal(tu_file_lock(at("lock"), &fd, &e), TU_ECONFLICT);
    char pid[32];
    snprintf(pid, sizeof pid, "pid %ld", (long)child);
    assert_non_null(strstr(tu_error_text(e), pid));
    tu_error_freep(&e);
    kill(child, SIGKILL); /* even a killed holder gives it back */
    waitpid(child, NULL, 0);
    assert_int_equal(tu_file_lock(at("lock"), &fd, &e), TU_OK);
    int again;
    assert_int_equal(tu_file_lock(at("lock"), &again, &e), TU_ECONFLICT); /* in this process too */
    tu_error_freep(&e);
    close(fd);
    close(go[1]);
    close(ready[0]);
    close(ready[1]);
}

static void folders_are_made_with_their_parents(void **state) {
    (void)state;
    tu_error *e = NULL;
    struct stat status;
    assert_int_equal(tu_mkdirs(at("a/b//c/"), 0700, &e), TU_OK);
    assert_int_equal(stat(at("a/b/c"), &status), 0);
    assert_int_equal(tu_mkdirs(at("a/b/c"), 0700, &e), TU_OK);
    assert_int_equal(tu_file_write(at("file"), TU_S(""), 0600, NULL), TU_OK);
    assert_int_equal(tu_mkdirs(at("file"), 0700, &e), TU_EINVALID);
    assert_non_null(strstr(tu_error_text(e), "a file has that name"));
    tu_error_freep(&e);
    assert_int_not_equal(tu_mkdirs(at("file/x"), 0700, &e), TU_OK);
    tu_error_freep(&e);
    assert_true(tu_file_exists(at("file")));
    assert_false(tu_file_exists(at("nothing")));
}

static void paths_join_and_are_checked(void **state) {
    (void)state;
    static const char *const joins[][3] = {{"a/b", "c", "a/b/c"}, {"a/", "c", "a/c"},
                                           {"", "c", "c"},        {"a", "/c", "/c"},
                                           {"a", "", "a"},        {"/", "c", "/c"}};
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++) {
        _cleanup_(tu_freep) char *joined = tu_path_join(joins[i][0], joins[i][1]);
        assert_string_equal(joined, joins[i][2]);
    }
    static const struct {
        tu_str path;
        bool clean;
    } cases[] = {
        {{"a", 1}, true},     {{"a/b.yaml", 8}, true}, {{"...", 3}, true},
        {{"a/.b", 4}, true},  {{"\xc3\xa9", 2}, true}, {{"", 0}, false},
        {{"/a", 2}, false},   {{"a/", 2}, false},      {{"a//b", 4}, false},
        {{".", 1}, false},    {{"a/..", 4}, false},    {{"../a", 4}, false},
        {{"a\0b", 3}, false}, {{"a\nb", 3}, false},    {{"\x7f", 1}, false},
        {{"./a", 3}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (tu_path_is_clean(cases[i].path) != cases[i].clean)
            fail_msg("case %zu", i);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(files_are_read_up_to_the_limit),
        TEST(pipes_are_read_to_their_end),
        TEST(a_write_replaces_whole_and_leaves_nothing_beside),
        TEST(a_full_disk_leaves_the_old_file),
        TEST(readers_never_see_half_a_file),
        TEST(a_second_process_is_refused_with_the_pid_of_the_first),
        TEST(folders_are_made_with_their_parents),
        TEST(paths_join_and_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
