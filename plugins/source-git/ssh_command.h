/*
 * source-git/ssh_command.h: what `ssh` is told.
 *
 * The private key and the known_hosts lines are handed over as memory files (/proc/PID/fd/N,
 * readable only by this user): a key never lies on a disk, and nothing is left behind by a kill -9.
 */
#ifndef TU_GIT_SSH_COMMAND_H
#define TU_GIT_SSH_COMMAND_H

#include "work.h"

#define TU_SSH_WORDS 64u

typedef struct tu_ssh_words { /* ends with NULL, as execve wants it */
    char *items[TU_SSH_WORDS];
    size_t n;
    bool failed;
} tu_ssh_words;

typedef struct tu_ssh_command {
    tu_git_work *work;
    int key, known_hosts; /* memory files, -1: none */
    tu_ssh_words argv, environment;
} tu_ssh_command;

/* c begins as {.key = -1, .known_hosts = -1}. May be called again; the files must stay open while
 * ssh runs. */
tu_rc tu_ssh_command_prepare(tu_git_work *w, tu_ssh_command *c);
void tu_ssh_command_done(tu_ssh_command *c);

#endif
