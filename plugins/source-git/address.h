/*
 * source-git/address.h: what a `url` means.
 *
 *     https://host[:port]/path   http://...          over libcurl (http.c)
 *     ssh://[user@]host[:port]/path   [user@]host:path   by the ssh program (ssh.c)
 *     /path   file:///path   ./path                  read in place (source.c)
 *
 * `url` and `host` are for messages: no password is ever in them.
 */
#ifndef TU_GIT_ADDRESS_H
#define TU_GIT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum { TU_GIT_LOCAL, TU_GIT_HTTP, TU_GIT_SSH } tu_git_scheme;

typedef struct tu_git_address {
    tu_git_scheme scheme;
    bool encrypted; /* https or ssh */
    char
        *url; /* as it may be printed; for http also what is asked: no login, no slash at the end */
    char *host;      /* "host" or "host:port"; NULL for local ones */
    char *host_name; /* the host alone, without the brackets of IPv6 */
    char *user;      /* from the URL; NULL when it has none */
    char *password;  /* from the URL; NULL when it has none. Secret. */
    char *port;      /* ssh: digits, NULL for the default */
    char *path;      /* local: a path of this machine; ssh: of the server */
} tu_git_address;

/* False: `problem` (of at least 256 bytes) says what is wrong. Free with tu_git_address_done in
 * both cases. */
bool tu_git_address_parse(const char *text, tu_git_address *ret, char *problem, size_t room);
void tu_git_address_done(tu_git_address *a);

/* Is `to` (absolute, or relative to `from`) where a redirect of `from` may lead? Only to the same
 * host, and never from https to http; the port may differ only on the way from http to https. *ret
 * is the absolute URL without login; free() it. NULL when it isn't one. */
bool tu_git_redirect_allowed(const char *from, const char *to, char **ret);

#endif
