/*
 * notifier-file/journal.h: a file of lines that several threads and processes append to.
 *
 * Invariants
 *   - A line is there whole and on the disk, or not at all. Room is reserved before the first byte is
 *     written; what a crash tore is removed by the next one who appends.
 *   - A key that stands in the last TAIL_BYTES is not written again: a message whose outcome was lost
 *     (a crash between the disk and the outbox) is there once.
 *   - Whoever writes or rotates holds the lock of the file that stands at the path. Who got the lock
 *     of a file that was renamed meanwhile opens the path again.
 *   - Nothing but a regular file is written to, and never through a symbolic link.
 */
#ifndef NOTIFIER_FILE_JOURNAL_H
#define NOTIFIER_FILE_JOURNAL_H

#include <stdbool.h>
#include <sys/types.h>
#include <trueup/plugin.h>

typedef struct journal {
    char *path;
    int64_t max_bytes;
    unsigned keep; /* from 1 */
    mode_t mode;
} journal;

typedef struct journal_error {
    tu_rc rc;
    const char *code;
    char message[512];
} journal_error;

/* Who waits for the lock, so that it can be told to stop. host may be NULL. */
typedef struct journal_waiting {
    const tu_host *host;
    tu_call *call;
} journal_waiting;

/* message: a JSON object. Thread-safe. */
tu_rc journal_append(const journal *j, const journal_waiting *w, tu_str message, tu_str key,
                     journal_error *error);
/* Could it be written to? Changes nothing. */
tu_rc journal_probe(const journal *j, journal_error *error);

#endif
