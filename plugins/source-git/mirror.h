/*
 * source-git/mirror.h: a bare repository of ours that holds what was fetched.
 *
 *     ROOT/<digest of the url>/lock        held (flock) as long as a mirror is open
 *                             /repository  the bare repository; made under another name and renamed
 *
 * Nothing in it is precious: whatever looks damaged is thrown away and fetched again. Only the one
 * who holds the lock reads or writes it, so what an interrupted process left (temporary packs) can
 * be swept at the next opening.
 */
#ifndef TU_GIT_MIRROR_H
#define TU_GIT_MIRROR_H

#include "work.h"

typedef struct tu_git_mirror {
    int lock;
    char *folder; /* ROOT/<digest> */
    git_repository *repository;
} tu_git_mirror;

/* Waits for the lock as long as the call may last. tu_git_mirror_close() in any case. */
tu_rc tu_git_mirror_open(tu_git_work *w, const char *root, tu_git_mirror *ret);
/* Throws the repository away and makes an empty one. */
tu_rc tu_git_mirror_renew(tu_git_work *w, tu_git_mirror *m);
/* Joins small packs when there are many, so that years of polling don't slow down reading. Failing
 * is no failure: tried again next time. */
void tu_git_mirror_tidy(tu_git_work *w, tu_git_mirror *m);
void tu_git_mirror_close(tu_git_mirror *m);
/* Removes a folder and all in it, not following links. */
void tu_git_remove_tree(const char *path);

#endif
