/*
 * common/tree_watch.h: tells that something under a folder (or that one file) changed, by inotify.
 *
 * It says only *that*: readers look for themselves, so a lost or merged event can't mislead them.
 * New folders are watched as they appear; an overflow of the kernel's queue counts as a change.
 * Where the root itself vanishes it goes on asking until it is back.
 */
#ifndef COMMON_TREE_WATCH_H
#define COMMON_TREE_WATCH_H

#include <stdbool.h>
#include <trueup/plugin.h>

typedef struct tree_watch tree_watch;

/* path is absolute. NULL with errno set when the kernel refuses (no inotify instances left).
 * Changes after this are seen. */
tree_watch *tree_watch_new(const char *path);
void tree_watch_free(tree_watch *w); /* takes NULL */

typedef enum {
    TREE_WATCH_CHANGED,
    TREE_WATCH_TIMEOUT,
    TREE_WATCH_CANCELLED,
    TREE_WATCH_FAILED
} tree_watch_result;
/* Waits for the next change, for cancel_fd to become readable, or for timeout_ms (-1: none). A
 * burst of events is one change: it returns once nothing came for a moment, or after half a second
 * of unrest. */
tree_watch_result tree_watch_wait(tree_watch *w, int cancel_fd, int timeout_ms);

#endif
