/*
 * cli/print.c: standard output for what a command reports, standard error for everything else.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "report/show.h"

#define ERROR_BYTES (64u * 1024u)

static void write_error(const tu_cli *cli, const tu_buf *text) {
    tu_terminal_progress_end(cli);
    tu_buf safe = TU_BUF_INIT(2 * ERROR_BYTES);
    tu_show_safe_lines(&safe, tu_buf_str(text)); /* it may have a server's words in it */
    const char *rest = tu_buf_c(&safe), *mark = cli->error_color ? strstr(rest, "error:") : NULL;
    if (mark) {
        fprintf(stderr, "%.*s\033[1;31merror:\033[0m", (int)(mark - rest), rest);
        rest = mark + strlen("error:");
    }
    fputs(rest, stderr);
    tu_buf_done(&safe);
}

static void print_error(const tu_cli *cli, const tu_error *e) {
    tu_buf text = TU_BUF_INIT(ERROR_BYTES);
    tu_error_print(e, &text);
    write_error(cli, &text);
    tu_buf_done(&text);
}

int tu_cli_fail(const tu_cli *cli, int code, const char *format, ...) {
    char message[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    tu_error *e = NULL;
    tu_error_set(&e, TU_EINVALID, "%s", message);
    print_error(cli, e);
    tu_error_free(e);
    return code;
}

static int exit_code_of(tu_rc rc) {
    switch (rc) {
    case TU_ECANCELLED:
        return TU_EXIT_CANCELLED;
    case TU_EINVALID:
    case TU_ENOTFOUND:
    case TU_EUNSUPPORTED:
    case TU_EINTEGRITY:
        return TU_EXIT_USAGE;
    default:
        return TU_EXIT_UNKNOWN;
    }
}

int tu_cli_fail_with(const tu_cli *cli, tu_error *e) {
    int code = e ? exit_code_of(e->rc) : TU_EXIT_UNKNOWN;
    if (e && code != TU_EXIT_CANCELLED)
        print_error(cli, e);
    tu_error_free(e);
    return code;
}

int tu_cli_fail_all(const tu_cli *cli, tu_errors *list, int code) {
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i]->rc == TU_ECANCELLED)
            code = TU_EXIT_CANCELLED;
        else
            print_error(cli, list->items[i]);
    tu_errors_done(list);
    return code;
}

void tu_cli_warn_all(const tu_cli *cli, const tu_config *c) {
    for (size_t i = 0; i < c->warning_count && !cli->quiet; i++) {
        const tu_warning *w = &c->warnings[i];
        tu_terminal_progress_end(cli);
        fputs(w->place.file, stderr);
        if (w->place.line)
            fprintf(stderr, ":%u:%u", w->place.line, w->place.column);
        fprintf(stderr, ": %swarning:%s %.*s\n", cli->error_color ? "\033[1;33m" : "",
                cli->error_color ? "\033[0m" : "", TU_P(w->text));
    }
}

void tu_cli_note(const tu_cli *cli, const char *format, ...) {
    if (cli->quiet)
        return;
    tu_terminal_progress_end(cli);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

int tu_cli_print(const tu_cli *cli, const tu_buf *out, int code) {
    tu_terminal_progress_end(cli);
    if (out->rc != TU_OK)
        return tu_cli_fail(cli, TU_EXIT_UNKNOWN, "the output is too large to be shown");
    const char *p = tu_buf_c(out);
    for (size_t done = 0; done < out->n;) {
        ssize_t n = write(STDOUT_FILENO, p + done, out->n - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EPIPE) /* whoever read has seen enough */
            return code;
        if (n < 0)
            return tu_cli_fail(cli, TU_EXIT_UNKNOWN, "can't write to standard output: %s",
                               strerror(errno));
        done += (size_t)n;
    }
    return code;
}
