/*
 * source-git/transport.h: our ways to a server, in the form that libgit2's smart protocol takes.
 *
 * Each gets the tu_git_work as its parameter, asks it to stop, and records failures there: libgit2
 * only sees GIT_EUSER. To add one: a file like ssh.c, its function here, a row in remote.c.
 */
#ifndef TU_GIT_TRANSPORT_H
#define TU_GIT_TRANSPORT_H

#include <git2.h>
#include <git2/sys/transport.h>

#include "work.h"

int tu_git_http_new(git_smart_subtransport **ret, git_transport *owner, void *work); /* stateless */
int tu_git_ssh_new(git_smart_subtransport **ret, git_transport *owner, void *work);

#endif
