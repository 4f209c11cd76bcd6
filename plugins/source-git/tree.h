/*
 * source-git/tree.h: the files of one commit, read straight from the object store.
 *
 * First everything is listed and checked (limits, names, order), then the files are emitted one by
 * one. The list doesn't depend on the store, so that emitting can go on where it stopped after a
 * damaged mirror was fetched anew.
 */
#ifndef TU_GIT_TREE_H
#define TU_GIT_TREE_H

#include "work.h"

typedef struct tu_git_file {
    char *path; /* from the root of the repository */
    git_oid id;
    git_filemode_t mode;
} tu_git_file;

typedef struct tu_git_files {
    tu_git_file *items; /* byte order of paths */
    size_t n, room;
    size_t emitted;
    size_t folders;
    uint64_t bytes;
} tu_git_files;

/* path: a folder, a file, or "" for everything. tu_git_files_done() in any case. */
tu_rc tu_git_files_list(tu_git_work *w, git_repository *repository, git_commit *commit,
                        const char *path, tu_git_files *ret);
/* Emits the rest of the list. */
tu_rc tu_git_files_emit(tu_git_work *w, git_repository *repository, tu_git_files *files);
void tu_git_files_done(tu_git_files *files);

/* Records that the object store can't give what must be there: class TU_EINTEGRITY, code "damaged",
 * unless there is a better reason. */
tu_rc tu_git_fail_store(tu_git_work *w, const char *what);
bool tu_git_is_damage(const tu_git_work *w);

#endif
