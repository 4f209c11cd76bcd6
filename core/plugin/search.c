/*
 * plugin/search.c: where built-in plugins are: TRUEUP_PLUGIN_PATH, the folder "plugins" beside the
 * program (a build tree), the folder that was installed with the program wherever that was, the
 * folder that was meant when it was built. A file is named "<kind>-<name>.so"; the first folder
 * that has it wins.
 *
 * The variable is ignored when the program runs with more rights than its caller (secure_getenv).
 */
#include <dirent.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "plugin/internal.h"

#ifndef TRUEUP_PLUGIN_DIR
#define TRUEUP_PLUGIN_DIR "/usr/lib/trueup/plugins"
#endif
#ifndef TRUEUP_PLUGINS_FROM_PROGRAM
#define TRUEUP_PLUGINS_FROM_PROGRAM "../lib/trueup/plugins"
#endif
#define FOLDERS_LIMIT 32u

typedef struct folders {
    char *items[FOLDERS_LIMIT];
    size_t n;
} folders;

static void add_folder(folders *f, const char *path, size_t n) {
    if (n && f->n < FOLDERS_LIMIT)
        f->items[f->n++] = tu_text_copy((tu_str){path, n});
}

static void folders_done(folders *f) {
    for (size_t i = 0; i < f->n; i++)
        free(f->items[i]);
}

/* A folder named from the one that holds the program. */
static void add_beside(folders *f, const char *program, const char *relative) {
    const char *slash = strrchr(program, '/');
    _cleanup_(tu_freep) char *folder =
        tu_text_copy((tu_str){program, slash ? (size_t)(slash - program) : 0});
    _cleanup_(tu_freep) char *path = tu_path_join(folder, relative);
    add_folder(f, path, strlen(path));
}

static folders find_folders(void) {
    folders f = {.n = 0};
    const char *path = secure_getenv("TRUEUP_PLUGIN_PATH");
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

    while (path && *path) {
        size_t length = strcspn(path, ":");
        add_folder(&f, path, length);
        path += length + (path[length] == ':');
    }
    if (n > 0) {
        exe[n] = '\0';
        add_beside(&f, exe, "plugins");
        add_beside(&f, exe, TRUEUP_PLUGINS_FROM_PROGRAM);
    }
    add_folder(&f, TRUEUP_PLUGIN_DIR, sizeof TRUEUP_PLUGIN_DIR - 1);
    return f;
}

static bool is_builtin_name(const char *file) {
    size_t n = strlen(file);
    if (n < 4 || strcmp(file + n - 3, ".so") != 0)
        return false;
    for (int k = 0; k < TU_KIND_COUNT; k++) {
        const char *kind = tu_plugin_kind_name((tu_plugin_kind)k);
        size_t length = strlen(kind);
        if (!strncmp(file, kind, length) && file[length] == '-' && n > length + 4)
            return true;
    }
    return false;
}

static void add_builtin(tu_builtins *b, const char *folder, const char *file) {
    for (size_t i = 0; i < b->n; i++)
        if (!strcmp(b->items[i].file, file))
            return; /* the first folder wins */
    b->items = tu_xrealloc(b->items, (b->n + 1) * sizeof *b->items);
    b->items[b->n++] = (tu_builtin){tu_xstrdup(file), tu_path_join(folder, file)};
}

static int by_file(const void *a, const void *b) {
    return strcmp(((const tu_builtin *)a)->file, ((const tu_builtin *)b)->file);
}

tu_builtins tu_search_all(void) {
    tu_builtins b = {NULL, 0};
    folders f = find_folders();
    for (size_t i = 0; i < f.n; i++) {
        DIR *d = opendir(f.items[i]);
        struct dirent *entry;
        while (d && (entry = readdir(d)))
            if (is_builtin_name(entry->d_name))
                add_builtin(&b, f.items[i], entry->d_name);
        if (d)
            closedir(d);
    }
    folders_done(&f);
    if (b.n)
        qsort(b.items, b.n, sizeof *b.items, by_file);
    return b;
}

void tu_builtins_done(tu_builtins *b) {
    for (size_t i = 0; i < b->n; i++) {
        free(b->items[i].file);
        free(b->items[i].path);
    }
    free(b->items);
}

/* Names are listed without "<kind>-" and ".so", for "did you mean". */
tu_rc tu_search_unknown(tu_plugin_kind kind, tu_str name, tu_error **error) {
    tu_builtins b = tu_search_all();
    const char *word = tu_plugin_kind_name(kind);
    size_t n = 0, prefix = strlen(word) + 1;
    const char **names = tu_xcalloc(b.n ? b.n : 1, sizeof *names);
    _cleanup_(tu_buf_done) tu_buf list = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);

    for (size_t i = 0; i < b.n; i++) {
        char *file = b.items[i].file;
        if (strncmp(file, word, prefix - 1) != 0 || file[prefix - 1] != '-')
            continue;
        file[strlen(file) - 3] = '\0';
        names[n++] = file + prefix;
        tu_buf_addf(&list, "%s%s", n > 1 ? ", " : "", file + prefix);
    }
    const char *near = tu_suggest(name, names, n);
    tu_error_set(error, TU_ENOTFOUND, "there is no %s plugin '%.*s' (there %s %s)", word,
                 TU_P(name), n == 1 ? "is" : "are", n ? tu_buf_c(&list) : "none");
    if (near)
        tu_error_hint(error, "did you mean '%s'?", near);
    else if (!n)
        tu_error_hint(error, "built-in plugins are looked for in TRUEUP_PLUGIN_PATH, in 'plugins' "
                             "beside the program, and in " TRUEUP_PLUGIN_DIR);
    free(names);
    tu_builtins_done(&b);
    return TU_ENOTFOUND;
}

static bool is_plugin_name(tu_str name) {
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return name.n > 0 && name.n < 64;
}

char *tu_search_one(tu_plugin_kind kind, tu_str name) {
    folders f = find_folders();
    char file[128], *path = NULL;
    if (!is_plugin_name(name)) {
        folders_done(&f);
        return NULL;
    }
    snprintf(file, sizeof file, "%s-%.*s.so", tu_plugin_kind_name(kind), TU_P(name));
    for (size_t i = 0; i < f.n && !path; i++) {
        path = tu_path_join(f.items[i], file);
        if (!tu_file_exists(path)) {
            free(path);
            path = NULL;
        }
    }
    folders_done(&f);
    return path;
}
