/*
 * config/adhoc.c: a configuration from two words of the command line: `trueup check ./manifests
 * --to kubernetes:prod`.
 *
 * The words become documents, and the documents go the way of every other, so that defaults and
 * checks are the same. Only the names are put in afterwards: reports name the source and the target
 * as they were given (without a password in the URL).
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/config.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char *const schemes[] = {"https://", "http://", "ssh://", "git://", "file://"};

static bool is_folder(const char *path) {
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* git@host:path, as ssh and Git read it: a colon before the first slash. */
static bool is_scp_address(const char *s) {
    const char *colon = strchr(s, ':'), *at = strchr(s, '@'), *slash = strchr(s, '/');
    return colon && at && at > s && at < colon && colon > at + 1 && colon[1] &&
           (!slash || colon < slash);
}

/* A folder without a work tree: HEAD, objects and refs beside each other. */
static bool is_bare_repository(const char *path) {
    static const char *const parts[] = {"HEAD", "objects", "refs"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        _cleanup_(tu_freep) char *part = tu_path_join(path, parts[i]);
        if (!tu_file_exists(part))
            return false;
    }
    return true;
}

/* --- paths that aren't there ------------------------------------------------------------------ */

static const char *last_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The nearest name in the folder where the path should be, written as the path was; malloc'd or
 * NULL. */
static char *near_path(const char *path) {
    const char *name = last_name(path);
    _cleanup_(tu_freep) char *folder = tu_xstrdup(path);
    folder[name - path] = '\0';
    DIR *d = opendir(*folder ? folder : ".");
    if (!d)
        return NULL;
    char best[256] = "";
    size_t looked_at = 0;
    for (struct dirent *e; (e = readdir(d)) && looked_at < TU_LIMIT_CONFIG_FILES; looked_at++) {
        const char *candidates[] = {e->d_name, best};
        if (e->d_name[0] == '.')
            continue;
        const char *near = tu_suggest(tu_str_c(name), candidates, *best ? 2 : 1);
        if (near && near != best)
            snprintf(best, sizeof best, "%s", near);
    }
    closedir(d);
    if (!*best)
        return NULL;
    char *whole = tu_xmalloc(strlen(folder) + strlen(best) + 1);
    memcpy(whole, folder, strlen(folder));
    memcpy(whole + strlen(folder), best, strlen(best) + 1);
    return whole;
}

/* The absolute path of what is there; malloc'd. */
static tu_rc find_path(const char *path, char **ret, tu_error **error) {
    *ret = realpath(path, NULL);
    if (*ret)
        return TU_OK;
    if (errno != ENOENT && errno != ENOTDIR)
        return tu_error_set(error, TU_EINVALID, "%s: %s", path, strerror(errno));
    tu_error_set(error, TU_EINVALID, "no such file or directory: %s", path);
    _cleanup_(tu_freep) char *near = near_path(path);
    if (near)
        tu_error_hint(error, "did you mean %s?", near);
    return TU_EINVALID;
}

/* --- the source ------------------------------------------------------------------------------- */

typedef struct place_in_use { /* a plugin with its only setting */
    const char *plugin, *key;
    char *value; /* malloc'd; NULL: no setting */
} place_in_use;

static tu_rc read_location(const char *location, place_in_use *ret, tu_error **error) {
    if (!*location)
        return tu_error_set(error, TU_EINVALID, "name a folder, a file or a repository's URL");
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strncmp(location, schemes[i], strlen(schemes[i])) == 0) {
            *ret = (place_in_use){"git", "url", tu_xstrdup(location)};
            return TU_OK;
        }
    }
    const char *scheme = strstr(location, "://");
    if (scheme && !tu_file_exists(location)) {
        tu_error_set(error, TU_EINVALID,
                     "%.*s:// is no kind of source that can be named on the command line",
                     (int)(scheme - location), location);
        tu_error_hint(
            error,
            "name a folder, or a Git repository by https://, ssh://, git@host:path or file://");
        return TU_EINVALID;
    }
    if (!tu_file_exists(location) && is_scp_address(location)) {
        *ret = (place_in_use){"git", "url", tu_xstrdup(location)};
        return TU_OK;
    }
    char *path = NULL;
    tu_rc rc = find_path(location, &path, error);
    if (rc != TU_OK)
        return rc;
    bool git = is_folder(path) && (tu_str_ends(tu_str_c(path), ".git") || is_bare_repository(path));
    *ret = git ? (place_in_use){"git", "url", path} : (place_in_use){"directory", "path", path};
    return TU_OK;
}

/* --- the target ------------------------------------------------------------------------------- */

static tu_rc unknown_target(const char *target, tu_error **error) {
    static const char *const known[] = {"kubernetes", "directory"};
    tu_error_set(error, TU_EINVALID,
                 "unknown target '%s': write kubernetes, kubernetes:CONTEXT or directory:PATH",
                 target);
    size_t n = strcspn(target, ":");
    const char *near = tu_suggest((tu_str){target, n}, known, sizeof known / sizeof *known);
    if (near && strcmp(target, near) == 0)
        tu_error_hint(error, "name the folder: '%s:PATH'", near);
    else if (near)
        tu_error_hint(error, "did you mean '%s%s'?", near, target + n);
    else if (is_folder(target))
        tu_error_hint(error, "did you mean 'directory:%s'?", target);
    return TU_EINVALID;
}

static tu_rc read_target(const char *target, place_in_use *ret, tu_error **error) {
    if (strcmp(target, "kubernetes") == 0) {
        *ret = (place_in_use){"kubernetes", NULL, NULL};
        return TU_OK;
    }
    const char *rest = strchr(target, ':');
    size_t n = rest ? (size_t)(rest++ - target) : 0;
    if (n == strlen("kubernetes") && strncmp(target, "kubernetes", n) == 0) {
        if (!*rest)
            return tu_error_set(
                error, TU_EINVALID,
                "'kubernetes:' names no context: write one behind it, or leave the colon out for "
                "the current context");
        *ret = (place_in_use){"kubernetes", "context", tu_xstrdup(rest)};
        return TU_OK;
    }
    if (n == strlen("directory") && strncmp(target, "directory", n) == 0) {
        char *path = NULL;
        tu_rc rc = *rest ? find_path(rest, &path, error)
                         : tu_error_set(error, TU_EINVALID,
                                        "'directory:' names no folder: write directory:PATH");
        if (rc == TU_OK)
            *ret = (place_in_use){"directory", "path", path};
        return rc;
    }
    return unknown_target(target, error);
}

/* --- both ------------------------------------------------------------------------------------- */

static void add_use(tu_buf *b, const char *kind, const place_in_use *use) {
    tu_buf_addf(
        b,
        "---\n{\"apiVersion\":\"trueup.dev/v1\",\"kind\":\"%s\",\"metadata\":{\"name\":\"given\"},"
        "\"spec\":{\"plugin\":\"%s\",\"config\":{",
        kind, use->plugin);
    if (use->value) {
        tu_buf_addf(b, "\"%s\":", use->key);
        tu_buf_add_json_string(b, tu_str_c(use->value));
    }
    tu_buf_add_c(b, "}}}\n");
}

/* The location without user and password; a name for reports. */
static tu_str name_location(tu_arena *a, const char *location) {
    const char *scheme_end = strstr(location, "://");
    const char *host = scheme_end ? scheme_end + 3 : location;
    size_t n = scheme_end ? strcspn(host, "/?#") : 0, login = 0;
    for (size_t i = 0; i < n; i++) {
        if (host[i] == '@')
            login = i + 1;
    }
    char *name = tu_arena_printf(a, "%.*s%s", (int)(host - location), location, host + login);
    return tu_str_c(name);
}

/* Nobody wrote the text, so nobody could find a place in it. */
static void forget_places(tu_use *use) {
    use->place = use->plugin_place = use->config_place = (tu_place){0};
    use->text = (tu_str){0};
}

static tu_config *build(const place_in_use *from, const place_in_use *to, const char *location,
                        const char *target, bool heal, bool unmanaged, tu_error **error) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_CONFIG_BYTES);
    add_use(&text, "Source", from);
    add_use(&text, "Target", to);
    tu_buf_addf(&text,
                "---\n{\"apiVersion\":\"trueup.dev/"
                "v1\",\"kind\":\"Rule\",\"metadata\":{\"name\":\"check\"},"
                "\"spec\":{\"from\":\"given\",\"to\":\"given\",\"mode\":\"%s\"}}\n",
                heal ? "heal" : "audit");
    tu_errors errors = {0};
    tu_config *c = NULL;
    if (text.rc == TU_OK && tu_utf8_valid(tu_buf_str(&text)))
        c = tu_config_parse("the command line", tu_buf_str(&text), &errors);
    if (!c) {
        tu_error_set(error, TU_EINVALID, "'%s' and '%s' can't be made into a configuration: %s",
                     location, target, errors.n ? tu_error_text(errors.items[0]) : "too long");
    } else {
        c->sources[0].name = c->rules[0].from = name_location(&c->arena, location);
        c->targets[0].name = c->rules[0].to = tu_arena_copy(&c->arena, tu_str_c(target));
        c->rules[0].unmanaged = unmanaged;
        c->files.n = 0; /* there is nothing to watch */
        forget_places(&c->sources[0]);
        forget_places(&c->targets[0]);
    }
    tu_errors_done(&errors);
    return c;
}

tu_config *tu_config_adhoc(const char *location, const char *target, bool heal, bool unmanaged,
                           tu_error **error) {
    if (!target)
        target = "kubernetes";
    if (!tu_utf8_valid(tu_str_c(location)) || !tu_utf8_valid(tu_str_c(target))) {
        tu_error_set(error, TU_EINVALID, "the source and the target must be UTF-8");
        return NULL;
    }
    place_in_use from = {0}, to = {0};
    tu_config *c = NULL;
    if (read_location(location, &from, error) == TU_OK && read_target(target, &to, error) == TU_OK)
        c = build(&from, &to, location, target, heal, unmanaged, error);
    free(from.value);
    free(to.value);
    return c;
}
