/*
 * common/tree_watch.c: one inotify descriptor, a watch on every folder below the root.
 *
 * Files are never watched alone: an editor's rename-over would leave the watch on the dead file. A
 * root that is a file is seen through its folder, with all other names in that folder ignored.
 */
#include "common/tree_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/walk.h"

#define QUIET_MS 20       /* a burst is over when nothing came for so long ... */
#define UNREST_MS 500     /* ... or has gone on for so long */
#define ROOT_POLL_MS 1000 /* how often to look for a root that vanished */
#define EVENTS                                                                                     \
    (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |            \
     IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF)

struct tree_watch {
    int fd;
    char *root;      /* as given */
    char *only_name; /* root is a file: its name, else NULL */
    bool rooted;     /* the root's folder is being watched */
};

static void watch_one(tree_watch *w, const char *path) {
    char full[PATH_MAX];
    int n = path[0] ? snprintf(full, sizeof full, "%s/%s", w->root, path)
                    : snprintf(full, sizeof full, "%s", w->root);
    if (n > 0 && (size_t)n < sizeof full)
        inotify_add_watch(w->fd, full, EVENTS | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK);
}

static int watch_folder(void *arg, const walk_entry *e) {
    if (S_ISDIR(e->at->st_mode))
        watch_one(arg, e->path);
    return 0;
}

/* Watching again what is watched already changes nothing, so this is all that new folders need. */
static void watch_all(tree_watch *w) {
    struct stat at;
    free(w->only_name);
    w->only_name = NULL;
    w->rooted = false;
    if (stat(w->root, &at) != 0)
        return;
    if (!S_ISDIR(at.st_mode)) {
        char *a = strdup(w->root), *b = strdup(w->root);
        if (a && b) {
            w->only_name = strdup(basename(a));
            w->rooted = inotify_add_watch(w->fd, dirname(b), EVENTS) >= 0;
        }
        free(a);
        free(b);
        return;
    }
    int fd = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    /* The root may be a link that the user gave; what is below may not be one. */
    w->rooted = inotify_add_watch(w->fd, w->root, EVENTS | IN_ONLYDIR) >= 0;
    walk_problem ignored;
    walk_tree(fd, &(walk_options){.hidden = true, .folders = true}, watch_folder, w, &ignored);
    close(fd);
}

tree_watch *tree_watch_new(const char *path) {
    tree_watch *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    w->root = strdup(path);
    if (w->fd < 0 || !w->root) {
        int error = errno;
        tree_watch_free(w);
        errno = error;
        return NULL;
    }
    watch_all(w);
    return w;
}

void tree_watch_free(tree_watch *w) {
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    free(w->root);
    free(w->only_name);
    free(w);
}

/* Reads all that is there. Returns true if any of it concerns us. */
static bool drain(tree_watch *w) {
    _Alignas(struct inotify_event) char bytes[16384];
    bool changed = false, folders = false;
    for (;;) {
        ssize_t n = read(w->fd, bytes, sizeof bytes);
        if (n <= 0)
            break;
        for (char *p = bytes; p < bytes + n;) {
            const struct inotify_event *e = (const struct inotify_event *)(void *)p;
            p += sizeof *e + e->len;
            if (e->mask & IN_IGNORED)
                continue;
            if (e->mask & (IN_Q_OVERFLOW | IN_ISDIR | IN_DELETE_SELF | IN_MOVE_SELF))
                folders = true;
            if (!w->only_name || e->len == 0 || strcmp(e->name, w->only_name) == 0)
                changed = true;
        }
    }
    if (folders)
        watch_all(w);
    return changed;
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

tree_watch_result tree_watch_wait(tree_watch *w, int cancel_fd, int timeout_ms) {
    int64_t began = now_ms(), unrest = 0;
    bool changed = false;
    for (;;) {
        int64_t left = timeout_ms < 0 ? -1 : began + timeout_ms - now_ms();
        int wait = left < 0 ? timeout_ms < 0 ? -1 : 0 : (int)left;
        if (!w->rooted && (wait < 0 || wait > ROOT_POLL_MS))
            wait = ROOT_POLL_MS;
        if (changed)
            wait = QUIET_MS;
        struct pollfd fds[2] = {{.fd = w->fd, .events = POLLIN},
                                {.fd = cancel_fd, .events = POLLIN}};
        int ready = poll(fds, cancel_fd < 0 ? 1 : 2, wait);
        if (ready < 0 && errno != EINTR)
            return TREE_WATCH_FAILED;
        if (cancel_fd >= 0 && fds[1].revents)
            return TREE_WATCH_CANCELLED;
        if (ready > 0 && fds[0].revents && drain(w) && !changed) {
            changed = true;
            unrest = now_ms();
        }
        if (changed && (ready == 0 || now_ms() - unrest >= UNREST_MS))
            return TREE_WATCH_CHANGED;
        if (!changed && !w->rooted) {
            watch_all(w);
            if (w->rooted)
                return TREE_WATCH_CHANGED;
        }
        if (!changed && timeout_ms >= 0 && now_ms() - began >= timeout_ms)
            return TREE_WATCH_TIMEOUT;
    }
}
