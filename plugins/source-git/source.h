/*
 * source-git/source.h: what source.c, local.c and fetch.c share.
 */
#ifndef TU_GIT_SOURCE_H
#define TU_GIT_SOURCE_H

#include "work.h"

struct tu_instance {
    const tu_host *host;
    tu_git_settings settings;
    char *temporary; /* where the mirror is when the host gives no scratch folder; removed with the
                        instance */
};

/* Emits REVISION. commit may be NULL: then only what a list of refs tells. */
tu_rc tu_git_emit_revision(tu_git_work *w, const git_oid *id, const char *ref, git_commit *commit);

/* A repository on this machine is opened where it is. */
tu_rc tu_git_local_open(tu_git_work *w, git_repository **ret);
tu_rc tu_git_local_resolve(tu_git_work *w);

/* Emits the files of `revision` under `path`, from the local repository or by way of the mirror. */
tu_rc tu_git_fetch(tu_instance *i, tu_git_work *w, tu_str revision, tu_str path);

#endif
