/*
 * source-git/source.h: what source.c, local.c and fetch.c share.
 */
#ifndef TU_GIT_SOURCE_H
#define TU_GIT_SOURCE_H

#include <sys/types.h>

#include "work.h"

/* A repository on this machine that stays open between calls: libgit2 1.5 leaks 160 KiB each time
 * it opens one that has extensions (regexp.c with PCRE2). It sees new refs and packs by itself. */
typedef struct tu_git_local {
    git_repository *repository; /* NULL: not open */
    dev_t device;
    ino_t inode; /* of its folder, to notice that it was replaced */
} tu_git_local;

struct tu_instance {
    const tu_host *host;
    tu_git_settings settings;
    tu_git_local local;
    char *temporary; /* where the mirror is when the host gives no scratch folder; removed with the
                        instance */
};

/* Emits REVISION. commit may be NULL: then only what a list of refs tells. */
tu_rc tu_git_emit_revision(tu_git_work *w, const git_oid *id, const char *ref, git_commit *commit);

/* Opens a repository where it is; *ret is the instance's. */
tu_rc tu_git_local_open(tu_instance *i, tu_git_work *w, git_repository **ret);
void tu_git_local_close(tu_git_local *l);
tu_rc tu_git_local_resolve(tu_instance *i, tu_git_work *w);

/* Emits the files of `revision` under `path`, from the local repository or by way of the mirror. */
tu_rc tu_git_fetch(tu_instance *i, tu_git_work *w, tu_str revision, tu_str path);

#endif
