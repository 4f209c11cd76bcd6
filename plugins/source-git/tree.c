/*
 * source-git/tree.c: lists and emits the files of a commit.
 *
 * Invariants: a path is emitted once, in byte order, and is what a file system would call a plain
 * relative path; whoever wrote the tree object, no name in it can leave the tree, loop, or use more
 * than the limits.
 */
#include "tree.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "refs.h"

bool tu_git_is_damage(const tu_git_work *w) {
    return w->rc == TU_EINTEGRITY && strcmp(w->code, "damaged") == 0;
}

tu_rc tu_git_fail_store(tu_git_work *w, const char *what) {
    const git_error *e = git_error_last();
    bool host = e != NULL && e->message != NULL &&
                (e->klass == GIT_ERROR_NOMEMORY || strstr(e->message, strerror(ENOSPC)) != NULL ||
                 strstr(e->message, strerror(EDQUOT)) != NULL);
    if (w->rc != TU_OK || host || tu_git_stopped(w)) {
        return tu_git_fail_library(w, what);
    }
    return tu_git_fail(
        w, TU_EINTEGRITY, "damaged",
        "%s: objects of the repository %s are missing or damaged%s: %s", what,
        w->settings->address.url,
        w->settings->address.scheme == TU_GIT_LOCAL ? " (a partial clone? try `git fsck`)" : "",
        e != NULL && e->message != NULL ? e->message : "");
}

typedef struct walk {
    tu_git_work *work;
    git_repository *repository;
    git_odb *odb;
    tu_git_files *files;
    char path[TU_GIT_LIMIT_PATH_BYTES + 1];
} walk;

/* Adds a name to the path; false when it can't be the name of a file. */
static bool push_name(walk *w, size_t *used, const char *name) {
    size_t n = strlen(name);
    bool bad =
        n == 0 || strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    if (bad || *used + n + 2 > sizeof w->path) {
        (void)tu_git_fail(
            w->work, TU_EINVALID, "bad-path",
            "a folder has an entry named \"%.80s\" below \"%.*s\": %s", name, (int)*used, w->path,
            bad ? "no file can have that name" : "the path is too long (TU_GIT_LIMIT_PATH_BYTES)");
        return false;
    }
    if (*used > 0) {
        w->path[(*used)++] = '/';
    }
    memcpy(w->path + *used, name, n + 1);
    *used += n;
    return true;
}

static tu_rc check_size(walk *w, const git_oid *id) {
    size_t bytes = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    if (git_odb_read_header(&bytes, &type, w->odb, id) != 0 || type != GIT_OBJECT_BLOB) {
        return tu_git_fail_store(w->work, w->path);
    }
    if (bytes > TU_GIT_LIMIT_FILE_BYTES) {
        return tu_git_fail(w->work, TU_EINVALID, "file-too-large",
                           "the file %s has %zu bytes, more than %u MiB (TU_LIMIT_FILE_BYTES): set "
                           "the rule's path to the "
                           "folder of the manifests",
                           w->path, bytes, (unsigned)(TU_GIT_LIMIT_FILE_BYTES / TU_GIT_MIB));
    }
    w->files->bytes += bytes;
    if (w->files->bytes > TU_GIT_LIMIT_TREE_BYTES) {
        return tu_git_fail(w->work, TU_EINVALID, "tree-too-large",
                           "the files have more than %u MiB together (TU_LIMIT_TREE_BYTES): set "
                           "the rule's path to the "
                           "folder of the manifests",
                           (unsigned)(TU_GIT_LIMIT_TREE_BYTES / TU_GIT_MIB));
    }
    return TU_OK;
}

static tu_rc add_file(walk *w, const git_oid *id, git_filemode_t mode) {
    tu_git_files *f = w->files;
    if (f->n >= TU_GIT_LIMIT_TREE_FILES) {
        return tu_git_fail(w->work, TU_EINVALID, "too-many-files",
                           "there are more than %u files (TU_LIMIT_TREE_FILES): set the rule's "
                           "path to the folder of the "
                           "manifests",
                           TU_GIT_LIMIT_TREE_FILES);
    }
    char shown[TU_GIT_LIMIT_PATH_BYTES + 1];
    size_t n = strlen(w->path);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)w->path[i] >=
            0x80) { /* clean text must be the same text: then it is UTF-8 */
            if (strcmp(tu_git_clean(w->path, n, shown, sizeof shown), w->path) != 0) {
                return tu_git_fail(
                    w->work, TU_EINVALID, "bad-path",
                    "the name of the file %s isn't UTF-8, or has characters that hide what it is",
                    shown);
            }
            break;
        }
    }
    if (f->n > 0 && strcmp(f->items[f->n - 1].path, w->path) >= 0) {
        return tu_git_fail(w->work, TU_EINTEGRITY, "bad-tree",
                           "the tree is malformed: %s is there twice or out of order", w->path);
    }
    if (f->n == f->room) {
        size_t room = f->room == 0 ? 256 : f->room * 2;
        tu_git_file *bigger = realloc(f->items, room * sizeof *bigger);
        if (bigger == NULL) {
            return tu_git_fail(w->work, TU_EUNAVAILABLE, "memory", "out of memory");
        }
        f->items = bigger;
        f->room = room;
    }
    bool body = mode != GIT_FILEMODE_LINK && mode != GIT_FILEMODE_COMMIT;
    tu_rc rc = body ? check_size(w, id) : TU_OK;
    char *path = rc == TU_OK ? strdup(w->path) : NULL;
    if (path == NULL) {
        return tu_git_fail(w->work, TU_EUNAVAILABLE, "memory", "out of memory");
    }
    f->items[f->n++] = (tu_git_file){path, *id, mode};
    return TU_OK;
}

/* Git keeps a tree sorted as if folders ended with '/', which makes the walk's order the byte order
 * of whole paths. */
static tu_rc add_tree(walk *w, const git_oid *id, size_t used, unsigned depth) {
    if (depth > TU_GIT_LIMIT_TREE_DEPTH) {
        return tu_git_fail(w->work, TU_EINVALID, "too-deep",
                           "folders are nested more than %u deep (TU_GIT_LIMIT_TREE_DEPTH): %.200s",
                           TU_GIT_LIMIT_TREE_DEPTH, w->path);
    }
    if (w->files->folders++ >= TU_GIT_LIMIT_TREE_FOLDERS) {
        return tu_git_fail(
            w->work, TU_EINVALID, "too-many-folders",
            "there are more than %u folders (TU_GIT_LIMIT_TREE_FOLDERS): set the rule's "
            "path to the folder of the manifests",
            TU_GIT_LIMIT_TREE_FOLDERS);
    }
    if (tu_git_stopped(w->work)) {
        return w->work->rc;
    }
    git_tree *tree = NULL;
    if (git_tree_lookup(&tree, w->repository, id) != 0) {
        return tu_git_fail_store(w->work, w->path);
    }
    tu_rc rc = TU_OK;
    for (size_t i = 0; rc == TU_OK && i < git_tree_entrycount(tree); i++) {
        const git_tree_entry *e = git_tree_entry_byindex(tree, i);
        size_t longer = used;
        if (!push_name(w, &longer, git_tree_entry_name(e))) {
            rc = w->work->rc;
        } else if (git_tree_entry_filemode(e) == GIT_FILEMODE_TREE) {
            rc = add_tree(w, git_tree_entry_id(e), longer, depth + 1);
        } else {
            rc = add_file(w, git_tree_entry_id(e), git_tree_entry_filemode(e));
        }
        w->path[used] = '\0';
    }
    git_tree_free(tree);
    return rc;
}

static tu_rc fail_path(walk *w, git_tree *tree, const char *path, size_t known, const char *next) {
    size_t n = git_tree_entrycount(tree);
    const char **names = calloc(n + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < n; i++) {
        names[i] = git_tree_entry_name(git_tree_entry_byindex(tree, i));
    }
    char there[700] = "";
    if (names != NULL) {
        tu_git_suggest(next, names, n, there, sizeof there);
    }
    free(names);
    return tu_git_fail(w->work, TU_ENOTFOUND, "path-not-found",
                       "the path \"%s\" isn't in %s at this revision; %s%.*s%s: %s", path,
                       w->work->settings->address.url, known > 0 ? "in \"" : "at its top there are",
                       (int)known, path, known > 0 ? "\" there are" : "",
                       n > 0 ? there : "no files");
}

/* Goes down to `path` and adds what is there. */
static tu_rc add_path(walk *w, git_tree *root, const char *path) {
    git_tree *tree = root;
    tu_rc rc = TU_OK;
    size_t used = 0;
    for (const char *at = path; rc == TU_OK;) {
        char name[TU_GIT_LIMIT_PATH_BYTES + 1];
        size_t n = strcspn(at, "/");
        memcpy(name, at, n);
        name[n] = '\0';
        bool last = at[n] == '\0';
        size_t known = used;
        const git_tree_entry *e = git_tree_entry_byname(tree, name);
        if (e == NULL) {
            rc = fail_path(w, tree, path, known, name);
            break;
        }
        if (!push_name(w, &used, name)) {
            rc = w->work->rc;
            break;
        }
        git_filemode_t mode = git_tree_entry_filemode(e);
        git_oid id = *git_tree_entry_id(e);
        if (last && mode != GIT_FILEMODE_TREE) {
            rc = add_file(w, &id, mode);
            break;
        }
        if (last) {
            rc = add_tree(w, &id, used, 0);
            break;
        }
        if (mode != GIT_FILEMODE_TREE) {
            rc = tu_git_fail(w->work, TU_ENOTFOUND, "path-not-found",
                             "the path \"%s\" goes through %s, which is a %s", path, w->path,
                             mode == GIT_FILEMODE_LINK     ? "symbolic link"
                             : mode == GIT_FILEMODE_COMMIT ? "submodule (not followed)"
                                                           : "file");
            break;
        }
        git_tree *next = NULL;
        if (git_tree_lookup(&next, w->repository, &id) != 0) {
            rc = tu_git_fail_store(w->work, w->path);
        }
        if (tree != root) {
            git_tree_free(tree);
        }
        tree = next;
        at += n + 1;
    }
    if (tree != root) {
        git_tree_free(tree);
    }
    return rc;
}

tu_rc tu_git_files_list(tu_git_work *w, git_repository *repository, git_commit *commit,
                        const char *path, tu_git_files *ret) {
    tu_git_files_done(ret);
    walk state = {.work = w, .repository = repository, .files = ret};
    git_tree *root = NULL;
    tu_rc rc = TU_OK;
    if (git_repository_odb(&state.odb, repository) != 0 || git_commit_tree(&root, commit) != 0) {
        rc = tu_git_fail_store(w, "the commit's tree");
    } else {
        rc = path[0] == '\0' ? add_tree(&state, git_tree_id(root), 0, 0)
                             : add_path(&state, root, path);
    }
    git_tree_free(root);
    git_odb_free(state.odb);
    return rc;
}

static const char *mode_name(git_filemode_t mode) {
    return mode == GIT_FILEMODE_LINK              ? "symlink"
           : mode == GIT_FILEMODE_COMMIT          ? "submodule"
           : mode == GIT_FILEMODE_BLOB_EXECUTABLE ? "exec"
                                                  : "file";
}

static tu_rc emit_one(tu_git_work *w, git_repository *repository, const tu_git_file *f) {
    git_blob *blob = NULL;
    tu_str body = {0};
    if (f->mode != GIT_FILEMODE_LINK && f->mode != GIT_FILEMODE_COMMIT) {
        if (git_blob_lookup(&blob, repository, &f->id) != 0) {
            return tu_git_fail_store(w, f->path);
        }
        body = (tu_str){git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob)};
    }
    cJSON *meta = cJSON_CreateObject();
    cJSON_AddStringToObject(meta, "path", f->path);
    cJSON_AddStringToObject(meta, "mode", mode_name(f->mode));
    char *text = cJSON_PrintUnformatted(meta);
    tu_rc rc = TU_OK;
    if (text == NULL) {
        rc = tu_git_fail(w, TU_EUNAVAILABLE, "memory", "out of memory");
    } else {
        rc = w->host->emit(w->call, TU_REC_ENTRY, 0, (tu_str){text, strlen(text)}, body);
        if (rc != TU_OK) {
            (void)tu_git_fail(w, rc, "stopped", "the host took no more records");
        }
    }
    cJSON_free(text);
    cJSON_Delete(meta);
    git_blob_free(blob);
    return rc;
}

tu_rc tu_git_files_emit(tu_git_work *w, git_repository *repository, tu_git_files *files) {
    for (; files->emitted < files->n; files->emitted++) {
        if (tu_git_stopped(w) || emit_one(w, repository, &files->items[files->emitted]) != TU_OK) {
            return w->rc;
        }
    }
    return TU_OK;
}

void tu_git_files_done(tu_git_files *files) {
    for (size_t i = 0; i < files->n; i++) {
        free(files->items[i].path);
    }
    free(files->items);
    *files = (tu_git_files){0};
}
