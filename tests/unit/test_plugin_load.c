/*
 * What the host loads, and what it refuses with which words.
 *
 * To add a bad plugin: a file in tests/plugin/ and a line in `refused`.
 */
#include "plugins.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"

static void assert_refused(const char *path, tu_str sha256, const char *const *parts) {
    tu_errors errors = {0};
    tu_buf text = TU_BUF_INIT(TU_MIB);
    assert_null(tu_library_open_file(path, sha256, &errors));
    assert_true(errors.n > 0);
    test_errors_text(&errors, &text);
    for (; *parts; parts++)
        assert_contains(tu_buf_c(&text), *parts);
    tu_buf_done(&text);
    tu_errors_done(&errors);
}

/* --- good ------------------------------------------------------------------------------------- */

static void a_good_plugin_is_loaded(void **state) {
    const tu_library *l = test_plugin_open("good");
    (void)state;
    assert_string_equal(tu_library_descriptor(l)->id, "dev.trueup.test-module");
    assert_string_equal(tu_library_path(l), test_plugin_path("good"));
    assert_true(tu_library_serves(l, TU_KIND_TARGET));
    assert_false(tu_library_serves(l, TU_KIND_SOURCE));
}

static void the_same_file_twice_is_the_same_library(void **state) {
    (void)state;
    assert_ptr_equal(test_plugin_open("good"), test_plugin_open("good"));
}

static void copy_file(const char *from, const char *to) {
    tu_buf b = TU_BUF_INIT(64 * TU_MIB);
    assert_int_equal(tu_file_read(from, 64 * TU_MIB, &b, NULL), TU_OK);
    assert_int_equal(tu_file_write(to, tu_buf_str(&b), 0755, NULL), TU_OK);
    tu_buf_done(&b);
}

static void two_files_are_two_libraries_even_in_the_same_place(void **state) {
    char *folder = test_scratch_new(), *path = tu_path_join(folder, "x.so");
    tu_errors errors = {0};
    (void)state;
    copy_file(test_plugin_path("good"), path);
    const tu_library *first = tu_library_open_file(path, TU_S(""), &errors);
    copy_file(test_plugin_path("older"), path);
    const tu_library *second = tu_library_open_file(path, TU_S(""), &errors);
    assert_int_equal(errors.n, 0);
    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    assert_ptr_not_equal(tu_library_descriptor(first), tu_library_descriptor(second));
    free(path);
    test_scratch_remove(folder);
}

static void an_older_plugin_lacks_what_its_tables_end_before(void **state) {
    tu_plugin_use *u = test_use_create(test_plugin_open("older"), TU_KIND_TARGET, "{}", NULL);
    tu_error *error = NULL;
    (void)state;
    assert_int_equal(tu_call_list(u, TU_S(""), NULL, &error), TU_OK);
    assert_int_equal(tu_call_health(u, TU_S("{}"), NULL, &error), TU_EUNSUPPORTED);
    assert_contains(tu_error_text(error), "target prod");
    tu_error_free(error);
    tu_plugin_use_free(u);
}

static void a_newer_plugin_that_asks_for_nothing_new_is_loaded(void **state) {
    tu_plugin_use *u = test_use_create(test_plugin_open("newer"), TU_KIND_TARGET, "{}", NULL);
    (void)state;
    assert_int_equal(tu_call_list(u, TU_S(""), NULL, NULL), TU_OK);
    tu_plugin_use_free(u);
}

/* --- refused ---------------------------------------------------------------------------------- */

static const struct {
    const char *plugin;
    const char *words[12];
} refused[] = {
    {"other-abi",
     {"another version", "trueup_plugin_v2", "trueup_plugin_v3", "looks for trueup_plugin_v1"}},
    {"no-entry", {"no trueup plugin", "doesn't export trueup_plugin_v1"}},
    {"entry-is-data", {"not as a function"}},
    {"undefined-symbol", {"can't be loaded", "nobody_has_this"}},
    {"null-descriptor", {"returned NULL"}},
    {"no-size", {"the descriptor has 0 bytes", "is size set?"}},
    {"no-table-size", {"its table has 0 bytes"}},
    {"no-vtable", {"has no vtable"}},
    {"serves-nothing", {"serves nothing that this trueup knows"}},
    {"no-common", {"trueup.target/1: common is missing"}},
    {"no-create", {"the function create is missing", "the function destroy is missing"}},
    {"half-table",
     {"the function describe is missing", "the function apply is missing", "patch without apply"}},
    {"notifier-without-send", {"trueup.notifier/1: neither deliver nor send is there"}},
    {"watch-without-list", {"the function list is missing", "watch without list"}},
    {"serial-with-watch", {"SERIAL can't offer watch"}},
    {"no-schema", {"no config_schema"}},
    {"schema-not-json", {"config_schema is not JSON: line 2, column 12"}},
    {"schema-unknown-word", {"not one that trueup understands", "patternProperties"}},
    {"newer-host", {"needs a trueup with plugin ABI 1.7, this one has 1."}},
    {"everything-wrong",
     {"ABI 1.7", "thread model 9", "the id \"My Plugin\"", "the version \"one\"", "no license",
      "config_schema is not a JSON object", "the function list is missing",
      "the function apply is missing"}},
};

static void a_bad_plugin_is_refused_with_every_reason(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        print_message("%s\n", refused[i].plugin);
        assert_refused(test_plugin_path(refused[i].plugin), TU_S(""), refused[i].words);
    }
}

static void a_bad_plugin_is_refused_with_the_same_words_again(void **state) {
    (void)state;
    a_bad_plugin_is_refused_with_every_reason(state);
}

static void a_refused_file_runs_none_of_its_code(void **state) {
    static const char *const wrong[] = {"its sha256 is", NULL};
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    (void)state;
    unsetenv("TEST_CONSTRUCTED");
    assert_refused(test_plugin_path("other-abi"), TU_S(""), (const char *[]){"v2", NULL});
    assert_refused(test_plugin_path("no-entry"), tu_str_c(zeros), wrong);
    assert_null(getenv("TEST_CONSTRUCTED"));
}

static void a_wrong_digest_is_refused_and_the_right_one_told(void **state) {
    static const char *const not_one[] = {"64 hex digits", NULL};
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    tu_buf b = TU_BUF_INIT(64 * TU_MIB);
    tu_errors errors = {0};
    uint8_t digest[32];
    char hex[65];
    (void)state;
    assert_int_equal(tu_file_read(test_plugin_path("good"), 64 * TU_MIB, &b, NULL), TU_OK);
    tu_sha256(tu_buf_str(&b), digest);
    tu_hex(digest, 32, hex);
    assert_refused(test_plugin_path("good"), tu_str_c(zeros), (const char *[]){hex, zeros, NULL});
    assert_refused(test_plugin_path("good"), TU_S("abc"), not_one);
    assert_non_null(tu_library_open_file(test_plugin_path("good"), tu_str_c(hex), &errors));
    assert_int_equal(errors.n, 0);
    tu_buf_done(&b);
}

/* --- files that are no plugins ---------------------------------------------------------------- */

static const struct {
    const char *bytes;
    size_t n;
    const char *words;
} other_files[] = {
    {"", 0, "is empty"},
    {"#!/bin/sh\nexit 0\n", 17, "no plugin but a script"},
    {"version https://git-lfs.github.com/spec/v1\n", 43, "a Git LFS pointer: run git lfs pull"},
    {"\0asm\1\0\0\0", 8, "a WebAssembly module"},
    {"MZ\x90\0", 4, "a Windows program"},
    {"!<arch>\nx.o/", 12, "a static library"},
    {"\x1f\x8b\x08\0", 4, "gzip archive: unpack it first"},
    {"apiVersion: v1\n", 15, "a text file"},
    {"\1\2\3\4\5", 5, "data of an unknown kind"},
    {"\177ELF\2\1\1", 7, "is cut off: 7 bytes are less than an ELF header"},
};

static void a_file_that_is_no_library_is_told_for_what_it_is(void **state) {
    char *folder = test_scratch_new(), *path = tu_path_join(folder, "x.so");
    (void)state;
    for (size_t i = 0; i < sizeof other_files / sizeof *other_files; i++) {
        tu_str bytes = {other_files[i].bytes, other_files[i].n};
        assert_int_equal(tu_file_write(path, bytes, 0644, NULL), TU_OK);
        assert_refused(path, TU_S(""), (const char *[]){path, other_files[i].words, NULL});
    }
    free(path);
    test_scratch_remove(folder);
}

static void what_is_no_file_is_refused_without_waiting(void **state) {
    char *folder = test_scratch_new(), *path = tu_path_join(folder, "pipe.so");
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(path, TU_S(""), (const char *[]){"is a pipe, not a file", NULL});
    assert_refused(folder, TU_S(""), (const char *[]){"is a directory, not a file", NULL});
    assert_refused("/no/such.so", TU_S(""), (const char *[]){"No such file", NULL});
    assert_refused("/dev/null", TU_S(""), (const char *[]){"is a device, not a file", NULL});
    free(path);
    test_scratch_remove(folder);
}

static void write_changed(const char *path, tu_str bytes, size_t at, const void *with, size_t n) {
    char *copy = tu_xmalloc(bytes.n);
    memcpy(copy, bytes.p, bytes.n);
    if (n)
        memcpy(copy + at, with, n);
    assert_int_equal(tu_file_write(path, (tu_str){copy, bytes.n}, 0755, NULL), TU_OK);
    free(copy);
}

static void a_library_for_another_machine_is_told_so(void **state) {
    char *folder = test_scratch_new(), *path = tu_path_join(folder, "x.so");
    tu_buf b = TU_BUF_INIT(64 * TU_MIB);
    Elf64_Half machine = EM_RISCV, object = ET_REL, program = ET_EXEC;
    (void)state;
#if defined(__riscv)
    machine = EM_X86_64;
#endif
    assert_int_equal(tu_file_read(test_plugin_path("good"), 64 * TU_MIB, &b, NULL), TU_OK);
    write_changed(path, tu_buf_str(&b), offsetof(Elf64_Ehdr, e_machine), &machine, 2);
    assert_refused(path, TU_S(""), (const char *[]){"is built for ", ", this is ", NULL});
    write_changed(path, tu_buf_str(&b), EI_CLASS, "\1", 1);
    assert_refused(path, TU_S(""), (const char *[]){"(32 bits)", NULL});
    write_changed(path, tu_buf_str(&b), offsetof(Elf64_Ehdr, e_type), &object, 2);
    assert_refused(path, TU_S(""), (const char *[]){"object file: link it with -shared", NULL});
    write_changed(path, tu_buf_str(&b), offsetof(Elf64_Ehdr, e_type), &program, 2);
    assert_refused(path, TU_S(""), (const char *[]){"is a program", NULL});
    tu_buf_done(&b);
    free(path);
    test_scratch_remove(folder);
}

static void a_program_is_no_plugin(void **state) {
    (void)state;
    assert_refused("/proc/self/exe", TU_S(""), (const char *[]){"is a program", NULL});
}

/* Wherever it is cut, the file is refused and nothing is read beyond its end (address sanitizer).
 */
static void a_library_that_is_cut_off_is_refused_wherever_the_cut_is(void **state) {
    char *folder = test_scratch_new(), *path = tu_path_join(folder, "x.so");
    tu_buf b = TU_BUF_INIT(64 * TU_MIB);
    (void)state;
    assert_int_equal(tu_file_read(test_plugin_path("good"), 64 * TU_MIB, &b, NULL), TU_OK);
    /* The loader needs no more than the segments; section headers come behind them. */
    for (size_t n = SELFMAG; n < b.n / 4; n += n < 2048 ? 61 : 997) {
        assert_int_equal(tu_file_write(path, (tu_str){b.p, n}, 0755, NULL), TU_OK);
        assert_refused(path, TU_S(""), (const char *[]){"cut off", NULL});
    }
    tu_buf_done(&b);
    free(path);
    test_scratch_remove(folder);
}

/* --- where memfds can't be executed ----------------------------------------------------------- */

#if defined(__x86_64__)
#define OUR_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_AUDIT_ARCH AUDIT_ARCH_AARCH64
#endif

static bool forbid_memfd(void) {
#if defined(OUR_AUDIT_ARCH)
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
#else
    return false;
#endif
}

/* In a child of its own: the filter can't be taken back. Exits 0, 1 (wrong) or 77 (can't be tried
 * here). */
static int load_without_memfd(const char *path, bool expected) {
    pid_t child = fork();
    int status = 0;
    assert_true(child >= 0);
    if (child == 0) {
        tu_errors errors = {0};
        if (!forbid_memfd())
            _exit(77);
        bool loaded = tu_library_open_file(path, TU_S(""), &errors) != NULL;
        bool said = errors.n == 1 && strstr(tu_error_text(errors.items[0]), "loaded safely");
        _exit(loaded == expected && said != expected ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void without_memfds_only_files_that_nobody_else_can_write_are_loaded(void **state) {
    char *folder = test_scratch_new(), *path = tu_path_join(folder, "x.so");
    int tried;
    (void)state;
    copy_file(test_plugin_path("good"), path);
    tried = load_without_memfd(path, true);
    if (tried == 77)
        skip();
    assert_int_equal(tried, 0);
    assert_int_equal(chmod(path, 0777), 0);
    assert_int_equal(load_without_memfd(path, false), 0);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(load_without_memfd(path, false), 0);
    free(path);
    test_scratch_remove(folder);
}

/* --- Plugin documents ------------------------------------------------------------------------- */

static void a_document_names_its_plugin_beside_itself_and_gets_the_blame(void **state) {
    char *folder = test_scratch_new(), *config = tu_path_join(folder, "trueup.yaml");
    char *path = tu_path_join(folder, "x.so");
    tu_plugin_doc doc = {.name = TU_S("mine"), .path = TU_S("x.so"), .place = {config, 7, 1}};
    tu_errors errors = {0};
    tu_buf text = TU_BUF_INIT(TU_MIB);
    (void)state;
    copy_file(test_plugin_path("good"), path);
    assert_non_null(tu_library_open_doc(&doc, &errors));
    assert_int_equal(errors.n, 0);
    copy_file(test_plugin_path("half-table"), path);
    assert_null(tu_library_open_doc(&doc, &errors));
    assert_int_equal(errors.n, 3);
    for (size_t i = 0; i < errors.n; i++)
        assert_string_equal(errors.items[i]->file, config);
    test_errors_text(&errors, &text);
    assert_contains(tu_buf_c(&text), ":7:1: plugin mine: ");
    tu_buf_done(&text);
    tu_errors_done(&errors);
    free(path);
    free(config);
    test_scratch_remove(folder);
}

/* --- built-ins -------------------------------------------------------------------------------- */

static void a_builtin_is_found_by_kind_and_name(void **state) {
    char *folder = test_scratch_new(), *path = tu_path_join(folder, "target-testing.so");
    const tu_library *l = NULL, *again = NULL;
    (void)state;
    copy_file(test_plugin_path("good"), path);
    setenv("TRUEUP_PLUGIN_PATH", folder, 1);
    assert_int_equal(tu_library_open_builtin(TU_KIND_TARGET, TU_S("testing"), &l, NULL), TU_OK);
    assert_int_equal(tu_library_open_builtin(TU_KIND_TARGET, TU_S("testing"), &again, NULL), TU_OK);
    assert_non_null(l);
    assert_ptr_equal(l, again);
    free(path);
    test_scratch_remove(folder);
}

static void a_builtin_that_is_not_there_is_named_with_the_nearest(void **state) {
    char *folder = test_scratch_new(), *path = tu_path_join(folder, "target-testing.so");
    static const char *const names[] = {"testin", "../testing", "", "TESTING"};
    (void)state;
    copy_file(test_plugin_path("good"), path);
    setenv("TRUEUP_PLUGIN_PATH", folder, 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const tu_library *l = NULL;
        tu_error *error = NULL;
        assert_int_equal(tu_library_open_builtin(TU_KIND_TARGET, tu_str_c(names[i]), &l, &error),
                         TU_ENOTFOUND);
        assert_null(l);
        assert_contains(tu_error_text(error), "there is no target plugin");
        assert_contains(tu_error_text(error), "testing");
        if (i == 0)
            assert_string_equal(error->hint, "did you mean 'testing'?");
        tu_error_free(error);
    }
    free(path);
    test_scratch_remove(folder);
}

static void a_builtin_of_the_wrong_kind_or_a_broken_one_says_why(void **state) {
    char *folder = test_scratch_new();
    char *wrong = tu_path_join(folder, "source-testing.so");
    char *broken = tu_path_join(folder, "target-broken.so");
    const tu_library *l = NULL, **list;
    tu_error *error = NULL;
    tu_errors errors = {0};
    size_t n;
    (void)state;
    copy_file(test_plugin_path("good"), wrong);
    copy_file(test_plugin_path("everything-wrong"), broken);
    setenv("TRUEUP_PLUGIN_PATH", folder, 1);
    assert_int_equal(tu_library_open_builtin(TU_KIND_SOURCE, TU_S("testing"), &l, &error),
                     TU_EINVALID);
    assert_contains(tu_error_text(error), "is no source plugin");
    tu_error_free(error);
    error = NULL;
    assert_int_equal(tu_library_open_builtin(TU_KIND_TARGET, TU_S("broken"), &l, &error),
                     TU_EINVALID);
    assert_contains(tu_error_text(error), "thread model 9");
    assert_contains(tu_error_text(error), "no license");
    tu_error_free(error);
    tu_library_list_builtin(&list, &n, &errors);
    assert_true(n >= 1);
    assert_true(errors.n >= 5);
    for (size_t i = 0; i < n; i++)
        assert_string_not_equal(tu_library_path(list[i]), broken);
    tu_errors_done(&errors);
    free(list);
    free(wrong);
    free(broken);
    test_scratch_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_plugin_is_loaded),
        cmocka_unit_test(the_same_file_twice_is_the_same_library),
        cmocka_unit_test(two_files_are_two_libraries_even_in_the_same_place),
        cmocka_unit_test(an_older_plugin_lacks_what_its_tables_end_before),
        cmocka_unit_test(a_newer_plugin_that_asks_for_nothing_new_is_loaded),
        cmocka_unit_test(a_refused_file_runs_none_of_its_code),
        cmocka_unit_test(a_bad_plugin_is_refused_with_every_reason),
        cmocka_unit_test(a_bad_plugin_is_refused_with_the_same_words_again),
        cmocka_unit_test(a_wrong_digest_is_refused_and_the_right_one_told),
        cmocka_unit_test(a_file_that_is_no_library_is_told_for_what_it_is),
        cmocka_unit_test(what_is_no_file_is_refused_without_waiting),
        cmocka_unit_test(a_library_for_another_machine_is_told_so),
        cmocka_unit_test(a_program_is_no_plugin),
        cmocka_unit_test(a_library_that_is_cut_off_is_refused_wherever_the_cut_is),
        cmocka_unit_test(without_memfds_only_files_that_nobody_else_can_write_are_loaded),
        cmocka_unit_test(a_document_names_its_plugin_beside_itself_and_gets_the_blame),
        cmocka_unit_test(a_builtin_is_found_by_kind_and_name),
        cmocka_unit_test(a_builtin_that_is_not_there_is_named_with_the_nearest),
        cmocka_unit_test(a_builtin_of_the_wrong_kind_or_a_broken_one_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
