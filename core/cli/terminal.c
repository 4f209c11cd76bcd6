/*
 * cli/terminal.c: who is looking? Colours, width, questions and Ctrl-C.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"

bool tu_terminal_can_rewrite(int fd) {
    const char *term = getenv("TERM");
    return isatty(fd) && term && strcmp(term, "dumb") != 0;
}

static bool wants_color(const tu_cli *cli, int fd) {
    const char *when = cli->values[TU_OPTION_COLOR], *no_color = getenv("NO_COLOR");
    if (when && strcmp(when, "auto") != 0)
        return strcmp(when, "always") == 0;
    return tu_terminal_can_rewrite(fd) && !(no_color && *no_color);
}

/* $COLUMNS is for whoever says so: shells know it, too, but don't export it. 0: no limit. */
static size_t width_of(int fd) {
    const char *columns = getenv("COLUMNS");
    long n = columns ? strtol(columns, NULL, 10) : 0;
    struct winsize size;
    if (n >= 20 && n <= 10000)
        return (size_t)n;
    return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void tu_terminal_setup(tu_cli *cli) {
    cli->quiet = tu_cli_has(cli, TU_OPTION_QUIET);
    cli->verbose = tu_cli_has(cli, TU_OPTION_VERBOSE);
    cli->color = wants_color(cli, STDOUT_FILENO);
    cli->error_color = wants_color(cli, STDERR_FILENO);
    cli->width = width_of(STDOUT_FILENO);
}

/* --- Ctrl-C ---------------------------------------------------------------------------------- */

static tu_cancel *volatile to_cancel;
static volatile sig_atomic_t signals_seen;

static void on_signal(int number) {
    (void)number;
    if (signals_seen++ || !to_cancel)
        _exit(TU_EXIT_CANCELLED);
    tu_cancel_fire(to_cancel);
}

void tu_terminal_catch_signals(tu_cli *cli) {
    to_cancel = cli->cancel;
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void tu_terminal_release_signals(void) {
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    to_cancel = NULL;
}

/* --- questions ------------------------------------------------------------------------------- */

bool tu_terminal_can_ask(void) {
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool tu_terminal_ask(const char *question) {
    if (!tu_terminal_can_ask())
        return false;
    fprintf(stderr, "%s [y/N] ", question);
    fflush(stderr);
    char answer[16];
    if (!fgets(answer, sizeof answer, stdin))
        return false;
    return answer[0] == 'y' || answer[0] == 'Y';
}
