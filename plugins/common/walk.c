/*
 * common/walk.c: see walk.h. The order: git's trick. A folder sorts as if its name ended in '/', so
 * that depth first gives the byte order of whole paths ("a.yaml" before "a/b.yaml", because '.' <
 * '/').
 */
#include "common/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WALK_DEPTH 64

typedef struct item {
    char *name; /* with '/' behind for folders */
    struct stat at;
} item;

typedef struct walker {
    const walk_options *options;
    int (*visit)(void *arg, const walk_entry *e);
    void *arg;
    walk_problem *problem;
    char path[4096];
} walker;

static int compare_items(const void *a, const void *b) {
    return strcmp(((const item *)a)->name, ((const item *)b)->name);
}

static int fail(walker *w, const char *name, int error) {
    snprintf(w->problem->path, sizeof w->problem->path, "%.*s%s", 700, w->path, name);
    w->problem->error = error;
    return -1;
}

static void free_items(item *items, size_t n) {
    for (size_t i = 0; i < n; i++)
        free(items[i].name);
    free(items);
}

static bool is_wanted(const walker *w, const char *name) {
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".git") == 0)
        return false;
    return w->options->hidden || name[0] != '.';
}

static int read_folder(walker *w, int fd, item **ret, size_t *ret_n) {
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) {
        int error = errno;
        if (copy >= 0)
            close(copy);
        return fail(w, "", error);
    }
    item *items = NULL;
    size_t n = 0, capacity = 0;
    int rc = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            rc = errno ? fail(w, "", errno) : 0;
            break;
        }
        struct stat at;
        if (!is_wanted(w, entry->d_name))
            continue;
        if (fstatat(fd, entry->d_name, &at, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT)
                continue;
            rc = fail(w, entry->d_name, errno);
            break;
        }
        if (!S_ISREG(at.st_mode) && !S_ISDIR(at.st_mode) && !S_ISLNK(at.st_mode))
            continue;
        if (n == capacity) {
            capacity = capacity ? capacity * 2 : 32;
            item *grown = realloc(items, capacity * sizeof *grown);
            if (!grown) {
                rc = fail(w, entry->d_name, ENOMEM);
                break;
            }
            items = grown;
        }
        items[n].at = at;
        if (asprintf(&items[n].name, "%s%s", entry->d_name, S_ISDIR(at.st_mode) ? "/" : "") < 0) {
            rc = fail(w, entry->d_name, ENOMEM);
            break;
        }
        n++;
    }
    closedir(dir);
    if (rc != 0) {
        free_items(items, n);
        return rc;
    }
    if (n)
        qsort(items, n, sizeof *items, compare_items);
    *ret = items;
    *ret_n = n;
    return 0;
}

static int walk_folder(walker *w, int fd, int depth);

static int walk_item(walker *w, int fd, const item *i, int depth) {
    size_t before = strlen(w->path);
    size_t length = strlen(i->name);
    if (before + length + 1 > sizeof w->path)
        return fail(w, i->name, ENAMETOOLONG);
    memcpy(w->path + before, i->name, length + 1);
    int rc = 0;
    if (!S_ISDIR(i->at.st_mode)) {
        rc = w->visit(w->arg, &(walk_entry){w->path, w->path + before, fd, &i->at});
    } else {
        w->path[before + length - 1] = '\0'; /* without the slash, for openat */
        int below = openat(fd, w->path + before, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int error = errno;
        if (below >= 0 && w->options->folders)
            rc = w->visit(w->arg, &(walk_entry){w->path, w->path + before, fd, &i->at});
        w->path[before + length - 1] = '/';
        if (below < 0) {
            rc = error == ENOENT || error == ENOTDIR || error == ELOOP
                     ? 0
                     : fail(w, "", error); /* it was replaced meanwhile */
        } else {
            rc = rc ? rc : walk_folder(w, below, depth + 1);
            close(below);
        }
    }
    w->path[before] = '\0';
    return rc;
}

static int walk_folder(walker *w, int fd, int depth) {
    if (depth > WALK_DEPTH)
        return fail(w, "", ELOOP);
    item *items = NULL;
    size_t n = 0;
    int rc = read_folder(w, fd, &items, &n);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = walk_item(w, fd, &items[i], depth);
    free_items(items, n);
    return rc;
}

int walk_tree(int root_fd, const walk_options *options,
              int (*visit)(void *arg, const walk_entry *e), void *arg, walk_problem *problem) {
    walker *w = calloc(1, sizeof *w);
    if (!w) {
        *problem = (walk_problem){.error = ENOMEM};
        return -1;
    }
    *w = (walker){.options = options, .visit = visit, .arg = arg, .problem = problem};
    int rc = 0;
    struct stat at;
    if (options->folders && fstat(root_fd, &at) == 0)
        rc = visit(arg, &(walk_entry){"", "", root_fd, &at});
    rc = rc ? rc : walk_folder(w, root_fd, 0);
    free(w);
    return rc;
}

int walk_read(int folder, const char *name, size_t limit, char **ret, size_t *ret_n,
              struct stat *at) {
    int fd = openat(folder, name,
                    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang us */
    if (fd < 0)
        return errno;
    int error = 0;
    char *bytes = NULL;
    size_t n = 0;
    if (fstat(fd, at) != 0)
        error = errno;
    else if (!S_ISREG(at->st_mode))
        error = EINVAL;
    else if ((uint64_t)at->st_size > limit)
        error = EFBIG;
    size_t room = error ? 0 : (size_t)at->st_size + 1;
    while (!error) {
        char *grown = realloc(bytes, room + 1);
        if (!grown) {
            error = ENOMEM;
            break;
        }
        bytes = grown;
        ssize_t got = read(fd, bytes + n, room - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            error = errno;
        if (got <= 0)
            break;
        n += (size_t)got;
        if (n > limit)
            error = EFBIG;
        if (n == room)
            room *= 2; /* it grew while it was read */
    }
    close(fd);
    if (error) {
        free(bytes);
        return error;
    }
    bytes[n] = '\0';
    *ret = bytes;
    *ret_n = n;
    return 0;
}
