/*
 * source-git/remote.h: talking to a server: list its refs, download objects into a mirror.
 *
 * A connection belongs to one call. The refs are borrowed from it.
 */
#ifndef TU_GIT_REMOTE_H
#define TU_GIT_REMOTE_H

#include <git2/sys/transport.h>

#include "refs.h"

typedef struct tu_git_connection {
    tu_git_work *work;
    git_remote *remote;
    git_smart_subtransport_definition transport;
    tu_git_refs refs;
} tu_git_connection;

/* Connects and lists. repository is NULL where nothing will be downloaded. tu_git_disconnect() in
 * any case. */
tu_rc tu_git_connect(tu_git_work *w, git_repository *repository, tu_git_connection *ret);
void tu_git_disconnect(tu_git_connection *c);
/* Downloads what the refspecs name and the mirror lacks. Refs of the mirror are not changed.
 * Returns libgit2's error code and records nothing but what stopped the transport: the caller may
 * know another way. */
int tu_git_download(tu_git_connection *c, const char *const *refspecs, size_t n);

#endif
