/*
 * source-git/settings.h: an instance's configuration, checked and typed.
 *
 * Secrets are held as handles; their values are opened by a transport for one call (login.h has no
 * place else to come from than tu_host.secret).
 */
#ifndef TU_GIT_SETTINGS_H
#define TU_GIT_SETTINGS_H

#include <stdint.h>
#include <trueup/plugin.h>

#include "address.h"

extern const char tu_git_schema[]; /* JSON Schema of the configuration */

typedef enum { TU_GIT_HEAD, TU_GIT_BRANCH, TU_GIT_TAG, TU_GIT_COMMIT } tu_git_wanted;

typedef struct tu_git_settings {
    tu_git_address address;
    tu_git_wanted wanted;
    char *name; /* of the branch or tag ("main"), or the commit's 40 digits; NULL for HEAD */
    char *token, *username, *password; /* token and password: handles. NULL: none */
    char *private_key;                 /* handle; NULL: the user's own ssh setup */
    char *known_hosts;                 /* a path or the lines themselves; NULL: the user's */
    char *ca_file;
    int64_t timeout_ms; /* how long a server may be silent */
} tu_git_settings;

/* False: `problem` says what is wrong. Call tu_git_settings_done in both cases. */
bool tu_git_settings_read(tu_str config, tu_git_settings *ret, char *problem, size_t room);
void tu_git_settings_done(tu_git_settings *s);

#endif
