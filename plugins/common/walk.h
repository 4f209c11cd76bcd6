/*
 * common/walk.h: the files of a folder in byte order of their paths, without ever leaving it.
 *
 * Folders are opened step by step (openat, O_NOFOLLOW), so a link that appears in the middle of a
 * walk can't lead elsewhere. Links are reported as links. Sockets, devices and pipes are left out,
 * and so is ".git". Folders whose name begins with a dot are walked only when asked for.
 */
#ifndef COMMON_WALK_H
#define COMMON_WALK_H

#include <stdbool.h>
#include <sys/stat.h>
#include <trueup/plugin.h>

typedef struct walk_entry {
    const char *path;      /* relative to the root, '/' between steps */
    const char *name;      /* the last step */
    int folder;            /* descriptor of the folder that holds it; only during the visit */
    const struct stat *at; /* regular files and links; folders when asked for */
} walk_entry;

typedef struct walk_problem {
    char path[1024];
    int error; /* errno */
} walk_problem;

typedef struct walk_options {
    bool hidden;  /* visit what begins with a dot, too */
    bool folders; /* visit folders, before what is in them; the root as "" */
} walk_options;

/* visit returns 0 to go on. Returns what visit returned, or -1 with *problem filled in. A file that
 * vanished while walking is left out. root_fd is borrowed. */
int walk_tree(int root_fd, const walk_options *options,
              int (*visit)(void *arg, const walk_entry *e), void *arg, walk_problem *problem);

/* Reads a regular file of exactly that folder (never through a link), at most limit bytes. malloc'd
 * with a NUL behind. Returns 0 or errno: EFBIG when it is larger, ELOOP when it became a link. *at
 * is fstat's answer. */
int walk_read(int folder, const char *name, size_t limit, char **ret, size_t *ret_n,
              struct stat *at);

#endif
