/*
 * cli/output.c: --output FORMAT[=FILE], as often as one likes: one run, several reports.
 *
 *     trueup check -o github -o junit=drift.xml -o sarif=drift.sarif
 *
 * One format goes to standard output (text when none was named), the others to files, each replaced
 * whole: whoever reads one sees the old report or the new one. What is no regular file (a device, a
 * pipe) is written to as it is. That a folder isn't there is said before anything is compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "report/evidence.h"

#define REPORT_BYTES (1024u * TU_MIB)

/* --- what the command line says ------------------------------------------------------------------ */

static int fail_format(const tu_cli *cli, const char *word, tu_str name) {
    const char *names[TU_REPORT_FORMAT_COUNT];
    char known[256] = "";
    size_t n = 0;
    for (; n < TU_REPORT_FORMAT_COUNT; n++) {
        names[n] = tu_report_format_name((tu_report_format)n);
        size_t at = strlen(known);
        snprintf(known + at, sizeof known - at, "%s%s", n > 0 ? " " : "", names[n]);
    }
    const char *near = tu_suggest(name, names, n);
    tu_error *e = NULL;
    tu_error_set(&e, TU_EINVALID, "option %s: '%.*s' is none of: %s", word, TU_P(name), known);
    if (near)
        tu_error_hint(&e, "did you mean '%s'?", near);
    return tu_cli_fail_with(cli, e);
}

static bool is_same_file(const char *path, int fd) {
    struct stat a, b;
    return stat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static bool is_standard_output(const char *file) {
    return !file || strcmp(file, "-") == 0 || strcmp(file, "/dev/stdout") == 0;
}

/* `audit export` has formats of its own. */
static int check_evidence(const tu_cli *cli, const char *word, const char *value) {
    tu_evidence e;
    if (tu_evidence_parse(tu_str_c(value), &e))
        return -1;
    return tu_cli_fail(cli, TU_EXIT_USAGE, "option %s: '%s' is none of: jsonl csv ocsf", word,
                       value);
}

/* Every other command prints text or JSON, and to standard output alone. */
static int check_simple(const tu_cli *cli, const char *word, const char *value,
                        tu_report_format format, bool known, bool file) {
    if (file && known)
        return tu_cli_fail(cli, TU_EXIT_USAGE,
                           "option %s: only check, diff and heal write their report to files",
                           word);
    if (!known || (format != TU_REPORT_TEXT && format != TU_REPORT_JSON))
        return tu_cli_fail(cli, TU_EXIT_USAGE, "option %s: '%s' is none of: text json", word,
                           value);
    return -1;
}

int tu_output_add(tu_cli *cli, const char *word, const char *value) {
    const char *equals = strchr(value, '=');
    if (cli->command && cli->command->run == tu_command_audit_export)
        return check_evidence(cli, word, value);
    tu_str name = {value, equals ? (size_t)(equals - value) : strlen(value)};
    tu_output o = {.file = equals ? equals + 1 : NULL};
    bool known = tu_report_format_parse(name, &o.format);
    bool reports = cli->command && (cli->command->options & TU_BIT(TU_OPTION_OUTPUT));
    int code = reports ? -1 : check_simple(cli, word, value, o.format, known, equals != NULL);
    if (code >= 0)
        return code;
    if (!known)
        return fail_format(cli, word, name);
    if (o.file && !*o.file)
        return tu_cli_fail(cli, TU_EXIT_USAGE, "option %s: there is no file behind '%s'", word,
                           value);
    if (is_standard_output(o.file)) {
        if (cli->format_given && cli->format != o.format)
            return tu_cli_fail(
                cli, TU_EXIT_USAGE,
                "%s and %s can't both go to standard output: write one to a file, as "
                "in --output %s=FILE",
                tu_report_format_name(cli->format), tu_report_format_name(o.format),
                tu_report_format_name(o.format));
        cli->format = o.format;
        cli->format_given = true;
        cli->json = o.format == TU_REPORT_JSON;
        return -1;
    }
    for (size_t i = 0; i < cli->output_count; i++)
        if (strcmp(cli->outputs[i].file, o.file) == 0)
            return tu_cli_fail(cli, TU_EXIT_USAGE, "option %s: two reports can't both be %s", word,
                               o.file);
    if (cli->output_count == TU_OUTPUTS)
        return tu_cli_fail(cli, TU_EXIT_USAGE, "more than %d reports", TU_OUTPUTS);
    cli->outputs[cli->output_count++] = o;
    return -1;
}

bool tu_output_is_document(const tu_cli *cli) {
    return cli->format != TU_REPORT_TEXT && cli->format != TU_REPORT_TABLE;
}

/* The folder that a file stands in; malloc'd. */
static char *folder_of(const char *file) {
    const char *slash = strrchr(file, '/');
    if (!slash)
        return tu_xstrdup(".");
    char *folder = tu_xstrdup(file);
    folder[slash == file ? 1 : slash - file] = '\0';
    return folder;
}

int tu_output_check(const tu_cli *cli) {
    for (size_t i = 0; i < cli->output_count; i++) {
        const char *file = cli->outputs[i].file;
        struct stat s;
        _cleanup_(tu_freep) char *folder = folder_of(file);
        if (stat(file, &s) == 0 && S_ISDIR(s.st_mode))
            return tu_cli_fail(cli, TU_EXIT_USAGE, "can't write the report: %s is a folder", file);
        if (stat(folder, &s) != 0)
            return tu_cli_fail(cli, TU_EXIT_USAGE, "can't write the report %s: %s: %s", file,
                               folder, strerror(errno));
        if (!S_ISDIR(s.st_mode))
            return tu_cli_fail(cli, TU_EXIT_USAGE, "can't write the report %s: %s is no folder",
                               file, folder);
    }
    return -1;
}

/* --- where sources lie, seen from here ------------------------------------------------------------ */

/* An absolute path relative to the working directory when it is in it; malloc'd, "" for itself. */
static char *seen_from_here(const char *path) {
    _cleanup_(tu_freep) char *here = realpath(".", NULL);
    size_t n = here ? strlen(here) : 0;
    if (n > 1 && strncmp(path, here, n) == 0 && (path[n] == '/' || path[n] == '\0'))
        return tu_xstrdup(path[n] ? path + n + 1 : "");
    return tu_xstrdup(path);
}

/* The folder of a source that is a folder or a file here; NULL for any other. malloc'd. */
static char *root_of(const tu_loaded *l, tu_str name) {
    const tu_use *source = tu_config_source(l->config, name);
    if (!source || !tu_str_is(source->plugin, "directory"))
        return NULL;
    tu_str path = tu_value_get_string(source->config, "path");
    struct stat s;
    _cleanup_(tu_freep) char *given = tu_xcalloc(path.n + 1, 1);
    memcpy(given, path.n ? path.p : "", path.n);
    _cleanup_(tu_freep) char *beside = !l->path ? tu_xstrdup(".")
                                       : stat(l->path, &s) == 0 && S_ISDIR(s.st_mode)
                                           ? tu_xstrdup(l->path)
                                           : folder_of(l->path);
    _cleanup_(tu_freep) char *joined = tu_path_join(beside, given);
    _cleanup_(tu_freep) char *whole = realpath(joined, NULL);
    if (!whole)
        return NULL;
    if (stat(whole, &s) == 0 && !S_ISDIR(s.st_mode)) {
        _cleanup_(tu_freep) char *folder = folder_of(whole);
        return seen_from_here(folder);
    }
    return seen_from_here(whole);
}

static void find_roots(tu_report *r, const tu_loaded *l) {
    for (size_t i = 0; i < r->rule_count; i++) {
        _cleanup_(tu_freep) char *root = root_of(l, r->rules[i].source);
        if (root)
            r->rules[i].root = tu_arena_copy(&r->arena, tu_str_c(root));
    }
}

/* --- writing -------------------------------------------------------------------------------------- */

static int fail_write(const tu_cli *cli, const char *file) {
    return tu_cli_fail(cli, TU_EXIT_UNKNOWN, "can't write the report %s: %s", file,
                       strerror(errno));
}

/* A device, a pipe, a file that nothing can be put in the place of: as it is. */
static int write_through(const tu_cli *cli, const char *file, const tu_buf *text) {
    int fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail_write(cli, file);
    int code = -1;
    for (size_t done = 0; done < text->n && code < 0;) {
        ssize_t n = write(fd, tu_buf_c(text) + done, text->n - done);
        if (n < 0 && errno != EINTR)
            code = errno == EPIPE ? TU_EXIT_OK : fail_write(cli, file);
        done += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    return code == TU_EXIT_OK ? -1 : code;
}

/* A folder where we may make no file, and a file that was mounted alone into a container, stay. */
static bool may_be_replaced(const char *file, const struct stat *s) {
    _cleanup_(tu_freep) char *whole = realpath(file, NULL);
    _cleanup_(tu_freep) char *folder = folder_of(whole ? whole : file);
    struct stat of_folder;
    return stat(folder, &of_folder) == 0 && of_folder.st_dev == s->st_dev &&
           access(folder, W_OK) == 0;
}

static int write_file(const tu_cli *cli, const char *file, const tu_buf *text) {
    struct stat s;
    bool there = stat(file, &s) == 0;
    if (text->rc != TU_OK)
        return tu_cli_fail(cli, TU_EXIT_UNKNOWN, "the report %s is too large to be written", file);
    if (there && (!S_ISREG(s.st_mode) || !may_be_replaced(file, &s)))
        return write_through(cli, file, text);
    mode_t mask = umask(0);
    umask(mask);
    /* What a link points to is replaced, not the link. */
    _cleanup_(tu_freep) char *whole = there ? realpath(file, NULL) : NULL;
    tu_error *e = NULL;
    if (tu_file_write(whole ? whole : file, tu_buf_str(text),
                      there ? s.st_mode & 0777 : 0666 & ~mask, &e) == TU_OK)
        return -1;
    tu_cli_fail_with(cli, e);
    return TU_EXIT_UNKNOWN;
}

static int write_one(const tu_cli *cli, const tu_report *r, tu_report_options how,
                     const char *file) {
    tu_buf out = TU_BUF_INIT(REPORT_BYTES);
    how.color = how.color && !file;
    how.width = file ? 0 : how.width;
    tu_report_write(r, &how, &out);
    int code = !file || is_same_file(file, STDOUT_FILENO) ? tu_cli_print(cli, &out, -1)
                                                          : write_file(cli, file, &out);
    tu_buf_done(&out);
    return code;
}

int tu_output_write_files(const tu_cli *cli, const tu_loaded *l, tu_report *r,
                          tu_report_options how, int code) {
    _cleanup_(tu_freep) char *config = l->path ? realpath(l->path, NULL) : NULL;
    _cleanup_(tu_freep) char *fallback = config ? seen_from_here(config) : NULL;
    how.fallback_file = tu_str_c(fallback);
    find_roots(r, l);
    for (size_t i = 0; i < cli->output_count; i++) {
        how.format = cli->outputs[i].format;
        int failure = write_one(cli, r, how, cli->outputs[i].file);
        code = failure >= 0 ? failure : code;
    }
    return code;
}

int tu_output_write(const tu_cli *cli, const tu_loaded *l, tu_report *r, tu_report_options how,
                    int code) {
    _cleanup_(tu_freep) char *config = l->path ? realpath(l->path, NULL) : NULL;
    _cleanup_(tu_freep) char *fallback = config ? seen_from_here(config) : NULL;
    code = tu_output_write_files(cli, l, r, how, code);
    how.fallback_file = tu_str_c(fallback);
    how.format = cli->format;
    int failure = write_one(cli, r, how, NULL);
    return failure >= 0 ? failure : code;
}
