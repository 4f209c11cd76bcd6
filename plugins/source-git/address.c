/*
 * source-git/address.c: takes a `url` apart.
 *
 * Invariants: what isn't understood is refused with a reason; a host, user or port that a program
 * could take for an option is refused; a password never stays in `url` or `host`. To add a scheme:
 * a row in `schemes` and a transport beside http.c and ssh.c.
 */
#include "address.h"

#include <ctype.h>
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"

static const struct {
    const char *prefix;
    tu_git_scheme scheme;
    bool encrypted;
    const char *refused; /* why it isn't served */
} schemes[] = {
    {"https://", TU_GIT_HTTP, true, NULL},
    {"http://", TU_GIT_HTTP, false, NULL},
    {"ssh://", TU_GIT_SSH, true, NULL},
    {"git+ssh://", TU_GIT_SSH, true, NULL},
    {"ssh+git://", TU_GIT_SSH, true, NULL},
    {"file://", TU_GIT_LOCAL, true, NULL},
    {"git://", TU_GIT_LOCAL, false, "git:// proves neither who serves nor what: use https or ssh"},
    {"oci://", TU_GIT_LOCAL, false, "oci:// is no Git repository: use the plugin oci"},
};

__attribute__((format(printf, 3, 4))) static bool refuse(char *problem, size_t room,
                                                         const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(problem, room, format, arguments);
    va_end(arguments);
    return false;
}

/* One part of a parsed URL as malloc'd text; NULL when absent. */
static char *part(CURLU *u, CURLUPart which, unsigned flags) {
    char *text = NULL;
    if (curl_url_get(u, which, &text, flags) != CURLUE_OK || text == NULL) {
        return NULL;
    }
    char *copy = strdup(text);
    OPENSSL_cleanse(text, strlen(text));
    curl_free(text);
    return copy;
}

/* The URL without login, query and fragment. */
static char *plain_url(CURLU *u) {
    (void)curl_url_set(u, CURLUPART_USER, NULL, 0);
    (void)curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
    (void)curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
    return part(u, CURLUPART_URL, 0);
}

static bool plain_name(const char *s) {
    if (s == NULL || s[0] == '\0' || s[0] == '-') {
        return false;
    }
    for (; *s != '\0'; s++) {
        if (!isalnum((unsigned char)*s) && strchr(".-_:%", *s) == NULL) {
            return false;
        }
    }
    return true;
}

/* host_name, host: without the brackets, and as people write it with its port. */
static bool set_host(tu_git_address *a, const char *name, const char *port) {
    size_t n = strlen(name);
    bool brackets = n > 2 && name[0] == '[' && name[n - 1] == ']';
    a->host_name = brackets ? strndup(name + 1, n - 2) : strdup(name);
    if (a->host_name == NULL || !plain_name(a->host_name)) {
        return false;
    }
    bool colon = strchr(a->host_name, ':') != NULL;
    return asprintf(&a->host, "%s%s%s%s%s", colon ? "[" : "", a->host_name, colon ? "]" : "",
                    port != NULL ? ":" : "", port != NULL ? port : "") > 0;
}

static void strip_slashes(char *s) {
    for (size_t n = strlen(s); n > 1 && s[n - 1] == '/'; n--) {
        s[n - 1] = '\0';
    }
}

static bool parse_http(CURLU *u, tu_git_address *a, char *problem, size_t room) {
    char *query = part(u, CURLUPART_QUERY, 0);
    if (query != NULL) {
        free(query);
        return refuse(problem, room, "the address of a repository has no '?'");
    }
    a->url = plain_url(u);
    if (a->url == NULL) {
        return refuse(problem, room, "it can't be read");
    }
    strip_slashes(a->url);
    return true;
}

static bool parse_ssh(CURLU *u, tu_git_address *a, char *problem, size_t room) {
    char *path = part(u, CURLUPART_PATH, CURLU_URLDECODE);
    if (path == NULL || path[0] != '/' || path[1] == '\0') {
        free(path);
        return refuse(problem, room, "it names no path on the server");
    }
    a->path =
        strdup(path[1] == '~' ? path + 1 : path); /* ssh://host/~user/x is ~user/x, as git has it */
    free(path);
    (void)curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
    a->url = part(u, CURLUPART_URL, 0);
    return a->path != NULL && a->url != NULL;
}

static bool parse_url(const char *text, tu_git_address *a, char *problem, size_t room) {
    CURLU *u = curl_url();
    if (u == NULL) {
        return refuse(problem, room, "out of memory");
    }
    bool ok = curl_url_set(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
    char *name = ok ? part(u, CURLUPART_HOST, 0) : NULL;
    char *port = ok ? part(u, CURLUPART_PORT, 0) : NULL;
    if (!ok || name == NULL || !set_host(a, name, port)) {
        ok = refuse(problem, room,
                    "it can't be read: is there a host, and a port that is a number?");
    } else {
        a->user = part(u, CURLUPART_USER, CURLU_URLDECODE);
        a->password = part(u, CURLUPART_PASSWORD, CURLU_URLDECODE);
        ok = a->scheme == TU_GIT_HTTP ? parse_http(u, a, problem, room)
                                      : parse_ssh(u, a, problem, room);
    }
    if (ok && a->scheme == TU_GIT_SSH) {
        a->port = port;
        port = NULL;
    }
    free(name);
    free(port);
    curl_url_cleanup(u);
    return ok;
}

/* [user@]host:path. The colon comes before any slash; that is how git tells it from a local path.
 */
static bool parse_scp(const char *text, const char *colon, tu_git_address *a, char *problem,
                      size_t room) {
    const char *at = memchr(text, '@', (size_t)(colon - text));
    const char *host = at == NULL ? text : at + 1;
    char *name = strndup(host, (size_t)(colon - host));
    bool ok = name != NULL && set_host(a, name, NULL);
    free(name);
    if (!ok || colon[1] == '\0') {
        return refuse(problem, room, "it should read user@host:path");
    }
    a->scheme = TU_GIT_SSH;
    a->encrypted = true;
    a->user = at == NULL ? NULL : strndup(text, (size_t)(at - text));
    a->path = strdup(colon + 1);
    a->url = strdup(text);
    return a->path != NULL && a->url != NULL;
}

static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* file:///path, file://localhost/path, percent-decoded. */
static bool parse_file(const char *text, tu_git_address *a, char *problem, size_t room) {
    const char *rest = text + strlen("file://");
    if (strncmp(rest, "localhost/", 10) == 0) {
        rest += 9;
    }
    if (rest[0] != '/') {
        return refuse(problem, room, "a file:// address has three slashes: file:///path");
    }
    a->path = malloc(strlen(rest) + 1);
    a->url = strdup(text);
    if (a->path == NULL || a->url == NULL) {
        return refuse(problem, room, "out of memory");
    }
    char *out = a->path;
    for (const char *s = rest; *s != '\0'; s++) {
        int high = *s == '%' ? hex(s[1]) : -1;
        int low = high < 0 ? -1 : hex(s[2]);
        if (low >= 0 && (high | low) != 0) {
            *out++ = (char)(high * 16 + low);
            s += 2;
        } else {
            *out++ = *s;
        }
    }
    *out = '\0';
    return true;
}

static bool parse_path(const char *text, tu_git_address *a) {
    a->scheme = TU_GIT_LOCAL;
    a->encrypted = true;
    a->path = strdup(text);
    a->url = strdup(text);
    return a->path != NULL && a->url != NULL;
}

static bool parse_any(const char *text, tu_git_address *a, char *problem, size_t room) {
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strncasecmp(text, schemes[i].prefix, strlen(schemes[i].prefix)) != 0) {
            continue;
        }
        a->scheme = schemes[i].scheme;
        a->encrypted = schemes[i].encrypted;
        if (schemes[i].refused != NULL) {
            return refuse(problem, room, "%s", schemes[i].refused);
        }
        return a->scheme == TU_GIT_LOCAL ? parse_file(text, a, problem, room)
                                         : parse_url(text, a, problem, room);
    }
    if (strstr(text, "://") != NULL) {
        return refuse(problem, room, "unknown scheme: known are https, http, ssh, file");
    }
    const char *colon = strchr(text, ':'), *slash = strchr(text, '/');
    if (colon != NULL && (slash == NULL || colon < slash)) {
        return parse_scp(text, colon, a, problem, room);
    }
    return parse_path(text, a);
}

bool tu_git_address_parse(const char *text, tu_git_address *ret, char *problem, size_t room) {
    *ret = (tu_git_address){0};
    size_t n = strlen(text);
    if (n == 0 || n > TU_GIT_LIMIT_URL_BYTES) {
        return refuse(problem, room, "it is empty or longer than %u bytes", TU_GIT_LIMIT_URL_BYTES);
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return refuse(problem, room, "it has a control character");
        }
    }
    (void)snprintf(problem, room, "out of memory");
    if (!parse_any(text, ret, problem, room)) {
        return false;
    }
    if (ret->scheme == TU_GIT_SSH && ret->user != NULL && !plain_name(ret->user)) {
        return refuse(problem, room, "the user's name has characters that ssh could misread");
    }
    return true;
}

void tu_git_address_done(tu_git_address *a) {
    if (a->password != NULL) {
        OPENSSL_cleanse(a->password, strlen(a->password));
    }
    char *all[] = {a->url, a->host, a->host_name, a->user, a->password, a->port, a->path};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
    *a = (tu_git_address){0};
}

bool tu_git_redirect_allowed(const char *from, const char *to, char **ret) {
    *ret = NULL;
    CURLU *old = curl_url(), *new = curl_url();
    bool ok = old != NULL && new != NULL &&curl_url_set(old, CURLUPART_URL, from, 0) ==
                                 CURLUE_OK &&curl_url_set(new, CURLUPART_URL, from, 0) ==
                                 CURLUE_OK &&curl_url_set(new, CURLUPART_URL, to, 0) == CURLUE_OK;
    if (ok) {
        *ret = plain_url(new);
    }
    char *parts[6] = {0};
    static const CURLUPart which[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    for (size_t i = 0; ok && i < 3; i++) {
        parts[i] = part(old, which[i], CURLU_DEFAULT_PORT);
        parts[3 + i] = part(new, which[i], CURLU_DEFAULT_PORT);
        ok = parts[i] != NULL && parts[3 + i] != NULL;
    }
    if (ok) {
        bool same_scheme = strcasecmp(parts[0], parts[3]) == 0;
        bool upgrade = strcasecmp(parts[0], "http") == 0 && strcasecmp(parts[3], "https") == 0;
        ok = *ret != NULL && strcasecmp(parts[1], parts[4]) == 0 &&
             (upgrade || (same_scheme && strcmp(parts[2], parts[5]) == 0));
    }
    for (size_t i = 0; i < 6; i++) {
        free(parts[i]);
    }
    curl_url_cleanup(old);
    curl_url_cleanup(new);
    return ok;
}
