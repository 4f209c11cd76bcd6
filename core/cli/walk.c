/*
 * cli/walk.c: the configurations that an argument means: a file is one, and so is every folder that
 * holds documents, with all below it.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"

#define FOLDERS_DEEP 8

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_document(const char *name) {
    tu_str s = tu_str_c(name);
    return tu_str_ends(s, ".yaml") || tu_str_ends(s, ".yml");
}

/* The folder itself where it holds documents, then the folders in it. */
static void each_below(const char *path, int deep, tu_each_config *each, void *arg) {
    DIR *d = deep < FOLDERS_DEEP ? opendir(path) : NULL;
    char **names = NULL;
    size_t n = 0;
    bool documents = false;
    for (struct dirent *e; d && (e = readdir(d));) {
        documents |= e->d_name[0] != '.' && is_document(e->d_name);
        if (e->d_name[0] == '.' || n >= TU_LIMIT_CONFIG_FILES)
            continue;
        names = tu_xrealloc(names, (n + 1) * sizeof *names);
        names[n++] = tu_xstrdup(e->d_name);
    }
    if (d)
        closedir(d);
    if (documents)
        each(arg, path);
    if (n)
        qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++) {
        _cleanup_(tu_freep) char *inside = tu_path_join(path, names[i]);
        struct stat s;
        if (lstat(inside, &s) == 0 && S_ISDIR(s.st_mode))
            each_below(inside, deep + 1, each, arg);
        free(names[i]);
    }
    free(names);
}

void tu_cli_each_config(const char *path, tu_each_config *each, void *arg) {
    struct stat s;
    if (stat(path, &s) == 0 && S_ISDIR(s.st_mode))
        each_below(path, 0, each, arg);
    else
        each(arg, path);
}
