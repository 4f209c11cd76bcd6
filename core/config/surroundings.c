/*
 * config/surroundings.c: what a starter configuration can be made of: the contexts of the
 * kubeconfig and the Git work tree around a folder.
 *
 * Only names are taken. Whatever else is in those files (keys, tokens, passwords in URLs) stays
 * there.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/config.h"
#include "value/yaml.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define PARENTS 64 /* folders looked at upwards */

static void note(tu_errors *errors, tu_error *e) {
    if (errors)
        tu_errors_add(errors, e);
    else
        tu_error_free(e);
}

static char *copy_text(tu_str s) {
    char *copy = tu_xmalloc(s.n + 1);
    memcpy(copy, s.n ? s.p : "", s.n);
    copy[s.n] = '\0';
    return copy;
}

/* --- the kubeconfig --------------------------------------------------------------------------- */

typedef struct contexts {
    char **names;
    size_t n;
    char *current;
} contexts;

static bool has_context(const contexts *c, tu_str name) {
    for (size_t i = 0; i < c->n; i++) {
        if (tu_str_is(name, c->names[i]))
            return true;
    }
    return false;
}

/* As kubectl merges files: the first that says something wins. */
static void take_contexts(const tu_value *kubeconfig, contexts *c) {
    const tu_value *list = tu_value_get(kubeconfig, "contexts");
    for (size_t i = 0; tu_value_is(list, TU_LIST) && i < tu_value_count(list); i++) {
        tu_str name = tu_value_get_string(tu_value_at(list, i), "name");
        if (name.n == 0 || has_context(c, name))
            continue;
        c->names = tu_xrealloc(c->names, (c->n + 2) * sizeof *c->names);
        c->names[c->n++] = copy_text(name);
        c->names[c->n] = NULL;
    }
    tu_str current = tu_value_get_string(kubeconfig, "current-context");
    if (!c->current && current.n > 0)
        c->current = copy_text(current);
}

static void read_kubeconfig(const char *path, contexts *c, tu_errors *errors) {
    if (!*path || !tu_file_exists(path))
        return;
    _cleanup_(tu_arena_done) tu_arena a;
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_CONFIG_BYTES);
    tu_error *e = NULL;
    tu_value *v = NULL;
    tu_yaml_part part;
    if (tu_file_read(path, TU_LIMIT_CONFIG_BYTES, &text, &e) == TU_OK) {
        tu_yaml_split split = tu_yaml_split_begin(tu_buf_str(&text));
        if (tu_yaml_split_next(&split, &part) &&
            tu_yaml_parse(&a, part, TU_YAML_KUBERNETES, path, &v, &e) == TU_OK)
            take_contexts(v, c);
    }
    note(errors, e);
}

static char **find_contexts(tu_errors *errors) {
    contexts c = {.names = tu_xcalloc(1, sizeof *c.names)};
    const char *list = secure_getenv("KUBECONFIG"), *home = secure_getenv("HOME");
    if (list && *list) {
        for (const char *at = list; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
            _cleanup_(tu_freep) char *path = copy_text((tu_str){at, strcspn(at, ":")});
            read_kubeconfig(path, &c, errors);
        }
    } else if (home && *home) {
        _cleanup_(tu_freep) char *path = tu_path_join(home, ".kube/config");
        read_kubeconfig(path, &c, errors);
    }
    for (size_t i = 1; c.current && i < c.n; i++) { /* the current one comes first */
        if (strcmp(c.names[i], c.current) == 0) {
            char *current = c.names[i];
            memmove(c.names + 1, c.names, i * sizeof *c.names);
            c.names[0] = current;
        }
    }
    free(c.current);
    return c.names;
}

/* --- the Git work tree ------------------------------------------------------------------------ */

/* A small file as a string without the white space at its end, or NULL. */
static char *read_small(const char *folder, const char *name) {
    _cleanup_(tu_freep) char *path = tu_path_join(folder, name);
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_CONFIG_BYTES);
    tu_error *e = NULL;
    tu_rc rc = tu_file_read(path, TU_LIMIT_CONFIG_BYTES, &text, &e);
    tu_error_free(e);
    if (rc != TU_OK)
        return NULL;
    tu_str s = tu_buf_str(&text);
    while (s.n > 0 && isspace((unsigned char)s.p[s.n - 1]))
        s.n--;
    return copy_text(s);
}

static tu_str trim(tu_str s) {
    while (s.n > 0 && isspace((unsigned char)s.p[0]))
        s = (tu_str){s.p + 1, s.n - 1};
    while (s.n > 0 && isspace((unsigned char)s.p[s.n - 1]))
        s.n--;
    return s;
}

/* What a git-config value says: a comment ends it, quotes go, backslashes escape. malloc'd */
static char *git_value(tu_str s) {
    char *out = tu_xmalloc(s.n + 1);
    size_t n = 0;
    bool quoted = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            quoted = !quoted;
        else if (s.p[i] == '\\' && i + 1 < s.n)
            out[n++] = s.p[++i];
        else if (!quoted && (s.p[i] == '#' || s.p[i] == ';'))
            break;
        else
            out[n++] = s.p[i];
    }
    while (n > 0 && isspace((unsigned char)out[n - 1]))
        n--;
    out[n] = '\0';
    return out;
}

/* The url of origin, or else of the first remote; malloc'd or NULL. */
static char *remote_of(const char *git_config) {
    char *first = NULL;
    bool in_remote = false, in_origin = false;
    for (const char *line = git_config; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        tu_str s = trim((tu_str){line, strcspn(line, "\n")});
        if (s.n > 0 && s.p[0] == '[') {
            in_remote = tu_str_starts(s, "[remote ");
            in_origin = tu_str_starts(s, "[remote \"origin\"");
            continue;
        }
        const char *equals = s.n ? memchr(s.p, '=', s.n) : NULL;
        tu_str key = equals ? trim((tu_str){s.p, (size_t)(equals - s.p)}) : s;
        if (!in_remote || !equals || key.n != 3 || strncasecmp(key.p, "url", 3) != 0 ||
            (first && !in_origin))
            continue;
        free(first);
        first = git_value(trim((tu_str){equals + 1, s.n - (size_t)(equals + 1 - s.p)}));
        if (in_origin)
            break;
    }
    if (first && !*first) {
        free(first);
        first = NULL;
    }
    return first;
}

/* Takes "user:password@" out of an http URL: it is a secret, and its place is a reference. */
static void drop_login(char *url) {
    char *host = strncmp(url, "http", 4) == 0 ? strstr(url, "://") : NULL;
    if (!host)
        return;
    host += 3;
    size_t n = strcspn(host, "/?#"), login = 0;
    for (size_t i = 0; i < n; i++) {
        if (host[i] == '@')
            login = i + 1;
    }
    memmove(host, host + login, strlen(host + login) + 1);
}

/* `.git` is a folder, or in a linked work tree a file that names one. malloc'd or NULL */
static char *git_folder(const char *folder) {
    _cleanup_(tu_freep) char *path = tu_path_join(folder, ".git");
    if (!tu_file_exists(path))
        return NULL;
    _cleanup_(tu_freep) char *link = read_small(folder, ".git");
    if (!link)
        return TU_TAKE(path);
    return strncmp(link, "gitdir: ", 8) == 0 ? tu_path_join(folder, link + 8) : NULL;
}

static char *find_git(const char *folder) {
    _cleanup_(tu_freep) char *at = realpath(folder, NULL);
    for (size_t i = 0; at && i < PARENTS; i++) {
        char *git = git_folder(at);
        char *slash = strrchr(at, '/');
        if (git || !slash || slash[1] == '\0')
            return git;
        slash[slash == at] = '\0'; /* the last parent is "/" */
    }
    return NULL;
}

static void find_remote(const char *folder, tu_surroundings *ret) {
    _cleanup_(tu_freep) char *git = find_git(folder);
    if (!git)
        return;
    _cleanup_(tu_freep) char *common = read_small(git, "commondir"); /* linked work trees */
    _cleanup_(tu_freep) char *shared = common ? tu_path_join(git, common) : tu_xstrdup(git);
    _cleanup_(tu_freep) char *config = read_small(shared, "config");
    _cleanup_(tu_freep) char *head = read_small(git, "HEAD");
    ret->remote = config ? remote_of(config) : NULL;
    if (ret->remote)
        drop_login(ret->remote);
    if (ret->remote && head && strncmp(head, "ref: refs/heads/", 16) == 0)
        ret->branch = tu_xstrdup(head + 16);
}

/* --- both ------------------------------------------------------------------------------------- */

void tu_surroundings_find(const char *folder, tu_surroundings *ret, tu_errors *errors) {
    *ret = (tu_surroundings){.contexts = find_contexts(errors)};
    find_remote(folder, ret);
}

void tu_surroundings_done(tu_surroundings *s) {
    for (size_t i = 0; s->contexts && s->contexts[i]; i++)
        free(s->contexts[i]);
    free(s->contexts);
    free(s->remote);
    free(s->branch);
    *s = (tu_surroundings){0};
}
