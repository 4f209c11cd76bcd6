/*
 * cli/terminal.c: who is looking? Colours, width, progress, questions and Ctrl-C.
 *
 * Progress is one line on standard error that rewrites itself on a terminal; elsewhere (CI logs) a
 * line every ten seconds, so that a long run shows life without filling the log.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

#define REWRITE_MS 80
#define LINE_MS 10000

static bool is_terminal(int fd) {
    const char *term = getenv("TERM");
    return isatty(fd) && term && strcmp(term, "dumb") != 0;
}

static bool wants_color(const tu_cli *cli, int fd) {
    const char *when = cli->values[TU_OPTION_COLOR], *no_color = getenv("NO_COLOR");
    if (when && strcmp(when, "auto") != 0)
        return strcmp(when, "always") == 0;
    return is_terminal(fd) && !(no_color && *no_color);
}

void tu_terminal_setup(tu_cli *cli) {
    const char *output = cli->values[TU_OPTION_OUTPUT];
    cli->json = output && strcmp(output, "json") == 0;
    cli->quiet = tu_cli_has(cli, TU_OPTION_QUIET);
    cli->verbose = tu_cli_has(cli, TU_OPTION_VERBOSE);
    cli->color = wants_color(cli, STDOUT_FILENO);
    cli->error_color = wants_color(cli, STDERR_FILENO);
    struct winsize size;
    cli->width =
        isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* --- Ctrl-C
 * -----------------------------------------------------------------------------------------------------------
 */

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

/* --- progress
 * ---------------------------------------------------------------------------------------------------------
 */

static struct {
    pthread_mutex_t lock;
    bool shown; /* a line stands on the terminal */
    int64_t last_ms, began_ms;
    char stage[96];
} line = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void format_progress(const char *stage, int64_t done, int64_t total, char *out,
                            size_t room) {
    if (total > 0)
        snprintf(out, room, "%s: %lld of %lld", stage, (long long)done, (long long)total);
    else if (done > 0)
        snprintf(out, room, "%s: %lld", stage, (long long)done);
    else
        snprintf(out, room, "%s", stage);
}

static int error_width(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

void tu_terminal_progress(void *arg, const char *stage, int64_t done, int64_t total) {
    const tu_cli *cli = arg;
    if (cli->quiet)
        return;
    bool rewrite = is_terminal(STDERR_FILENO);
    pthread_mutex_lock(&line.lock);
    int64_t now = tu_clock_monotonic();
    if (!line.began_ms)
        line.began_ms = line.last_ms = now;
    bool new_stage = strncmp(line.stage, stage, sizeof line.stage - 1) != 0;
    bool due = now - line.last_ms >= (rewrite ? REWRITE_MS : LINE_MS) ||
               (rewrite && (new_stage || !line.shown));
    if (due) {
        char text[256];
        format_progress(stage, done, total, text, sizeof text);
        if (rewrite)
            fprintf(stderr, "\r\033[K%.*s", error_width(), text);
        else
            fprintf(stderr, "trueup: %s (%llds)\n", text,
                    (long long)((now - line.began_ms) / 1000));
        fflush(stderr);
        line.last_ms = now;
        line.shown = rewrite;
        snprintf(line.stage, sizeof line.stage, "%s", stage);
    }
    pthread_mutex_unlock(&line.lock);
}

void tu_terminal_progress_end(const tu_cli *cli) {
    (void)cli;
    pthread_mutex_lock(&line.lock);
    if (line.shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        line.shown = false;
    }
    pthread_mutex_unlock(&line.lock);
}

/* --- questions
 * --------------------------------------------------------------------------------------------------------
 */

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
