/*
 * source-git/work.h: one call in flight: the host's functions, why it failed, when it has to end.
 *
 * A failure may arise deep below libgit2 (in a transport that it calls), which then wraps it in
 * words of its own. So whoever knows the reason records it here first, and the first one counts;
 * the caller of libgit2 asks tu_git_fail_library(), which prefers what was recorded.
 */
#ifndef TU_GIT_WORK_H
#define TU_GIT_WORK_H

#include <git2.h>
#include <stdbool.h>
#include <trueup/plugin.h>

#include "limits.h"
#include "settings.h"

typedef struct tu_git_work {
    const tu_host *host;
    tu_call *call;
    const tu_git_settings *settings;
    tu_rc rc; /* TU_OK until something failed */
    uint32_t retry_after_ms;
    char code[32];
    char message[1200];
    int64_t progress_at_ms;     /* when progress was last told */
    const char *progress_ended; /* the stage whose end was told last */
    uint64_t received;          /* bytes from the server in this call */
    uint64_t listed;            /* those of the present list of refs */
    char head[2048];            /* how the server's first answer begins, for tu_git_fail_library */
    size_t head_n;
    char said[512];           /* the last words of the server's side band */
    bool closing;             /* nothing that fails now matters */
    const char *disk;         /* a folder on the disk that is being filled, or NULL */
    uint64_t disk_checked_at; /* `received` when its free space was last looked at */
} tu_git_work;

/* Records why the work failed (unless something was recorded before) and returns the recorded
 * class. */
tu_rc tu_git_fail(tu_git_work *w, tu_rc rc, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same after a libgit2 function returned an error. what: "fetch from https://..." */
tu_rc tu_git_fail_library(tu_git_work *w, const char *what);
/* Hands the recorded failure to the host. */
tu_rc tu_git_report(tu_git_work *w);

/* Was the call cancelled, or is its deadline over? Records which. */
bool tu_git_stopped(tu_git_work *w);
/* Milliseconds until the deadline, at most `most`; at least 0. */
int64_t tu_git_time_left(const tu_git_work *w, int64_t most);
int64_t tu_git_now_ms(void); /* CLOCK_MONOTONIC */

/* Emits PROGRESS, at most ten times a second; the end of a stage (done == total) always and once.
 * stage: a literal. */
tu_rc tu_git_progress(tu_git_work *w, const char *stage, uint64_t done, uint64_t total);
/* Counts bytes from the server: limits, free disk, cancel. head: they belong to the first answer.
 */
tu_rc tu_git_received(tu_git_work *w, const char *bytes, size_t n, bool head);

/* Copies text that others wrote so that it can be shown: valid UTF-8, no control characters, one
 * line. Returns out. */
char *tu_git_clean(const char *text, size_t n, char *out, size_t room);

#endif
