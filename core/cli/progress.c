/*
 * cli/progress.c: what the program is busy with, for whoever waits.
 *
 * On a terminal one line on standard error that rewrites itself; elsewhere (CI logs) a line every
 * ten seconds, so that a long run shows life without filling the log. A thread of its own draws,
 * because what takes long is often one call that says nothing: a server that doesn't answer.
 *
 *     idle --progress()--> active, drawn at each stage and by the clock --end()--> idle, line wiped
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

#define REWRITE_MS 100
#define LINE_MS 10000
#define PATIENCE_MS 3000 /* from here on the seconds are shown */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t stop;
    pthread_t thread;
    bool started, stopping;
    bool active; /* something is going on */
    bool shown;  /* a line stands on the terminal */
    bool rewrite;
    int64_t began_ms, stage_ms, drawn_ms; /* CLOCK_MONOTONIC */
    int64_t done, total;
    char stage[96];
} line = {.lock = PTHREAD_MUTEX_INITIALIZER, .stop = PTHREAD_COND_INITIALIZER};

static int error_width(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

/* With the lock held. */
static void draw(int64_t now) {
    char text[256], count[64] = "", seconds[32] = "";
    if (line.total > 0)
        snprintf(count, sizeof count, ": %lld of %lld", (long long)line.done,
                 (long long)line.total);
    else if (line.done > 0)
        snprintf(count, sizeof count, ": %lld", (long long)line.done);
    int64_t since = now - (line.rewrite ? line.stage_ms : line.began_ms);
    if (!line.rewrite || since >= PATIENCE_MS)
        snprintf(seconds, sizeof seconds, " (%llds)", (long long)(since / 1000));
    snprintf(text, sizeof text, "%s%s%s", line.stage, count, seconds);
    if (line.rewrite)
        fprintf(stderr, "\r\033[K%.*s", error_width(), text);
    else
        fprintf(stderr, "trueup: %s\n", text);
    fflush(stderr);
    line.shown = line.rewrite;
    line.drawn_ms = now;
}

static void *tick(void *unused) {
    (void)unused;
    pthread_mutex_lock(&line.lock);
    while (!line.stopping) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 1;
        pthread_cond_timedwait(&line.stop, &line.lock, &until);
        int64_t now = tu_clock_monotonic();
        int64_t due = line.rewrite ? REWRITE_MS : LINE_MS;
        if (!line.stopping && line.active && now - line.drawn_ms >= due)
            draw(now);
    }
    pthread_mutex_unlock(&line.lock);
    return NULL;
}

void tu_terminal_progress(void *arg, const char *stage, int64_t done, int64_t total) {
    const tu_cli *cli = arg;
    if (cli->quiet)
        return;
    pthread_mutex_lock(&line.lock);
    int64_t now = tu_clock_monotonic();
    if (!line.started) {
        line.rewrite = tu_terminal_can_rewrite(STDERR_FILENO);
        line.began_ms = line.drawn_ms = now;
        line.started = pthread_create(&line.thread, NULL, tick, NULL) == 0;
    }
    bool fresh = !line.active || strncmp(line.stage, stage, sizeof line.stage - 1) != 0;
    if (fresh) {
        snprintf(line.stage, sizeof line.stage, "%s", stage);
        line.stage_ms = now;
    }
    line.active = true;
    line.done = done;
    line.total = total;
    if (line.rewrite && (fresh || now - line.drawn_ms >= REWRITE_MS))
        draw(now);
    pthread_mutex_unlock(&line.lock);
}

void tu_terminal_progress_end(const tu_cli *cli) {
    (void)cli;
    pthread_mutex_lock(&line.lock);
    line.active = false;
    if (line.shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        line.shown = false;
    }
    pthread_mutex_unlock(&line.lock);
}

void tu_terminal_progress_stop(const tu_cli *cli) {
    tu_terminal_progress_end(cli);
    pthread_mutex_lock(&line.lock);
    bool started = line.started;
    line.stopping = true;
    pthread_cond_signal(&line.stop);
    pthread_mutex_unlock(&line.lock);
    if (started)
        pthread_join(line.thread, NULL);
}
