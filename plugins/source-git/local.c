/*
 * source-git/local.c: a repository on this machine, read in place.
 *
 * No copy is made and nothing is written: the files of a revision come from its object store as
 * from a mirror's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "refs.h"
#include "source.h"
#include "tree.h"

void tu_git_local_close(tu_git_local *l) {
    git_repository_free(l->repository);
    *l = (tu_git_local){0};
}

static tu_rc fail_open(tu_git_work *w, int error) {
    const char *path = w->settings->address.path;
    struct stat s;
    if (stat(path, &s) != 0) {
        return tu_git_fail(w, errno == EACCES ? TU_EDENIED : TU_ENOTFOUND, "not-found",
                           "no repository at %s: %s", path, strerror(errno));
    }
    if (error != GIT_ENOTFOUND) {
        return tu_git_fail_library(w, path);
    }
    git_buf around = {0};
    bool inside = git_repository_discover(&around, path, 0, NULL) == 0;
    (void)tu_git_fail(w, TU_ENOTFOUND, "not-found", "no Git repository at %s%s%s%s", path,
                      inside ? ": it is a folder inside the one of " : "", inside ? around.ptr : "",
                      inside ? ", give that and set the rule's path" : "");
    git_buf_dispose(&around);
    return w->rc;
}

tu_rc tu_git_local_open(tu_instance *i, tu_git_work *w, git_repository **ret) {
    tu_git_local *l = &i->local;
    struct stat s;
    if (l->repository != NULL && (stat(git_repository_path(l->repository), &s) != 0 ||
                                  s.st_dev != l->device || s.st_ino != l->inode)) {
        tu_git_local_close(l);
    }
    if (l->repository == NULL) {
        int error = git_repository_open_ext(&l->repository, w->settings->address.path,
                                            GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
        if (error != 0) {
            return fail_open(w, error);
        }
        if (stat(git_repository_path(l->repository), &s) == 0) {
            l->device = s.st_dev;
            l->inode = s.st_ino;
        }
    }
    *ret = l->repository;
    return TU_OK;
}

/* Branches and tags of a local repository, tags followed as a server would list them. */
static tu_rc list_local(tu_git_work *w, git_repository *repository, tu_git_refs *ret) {
    git_reference_iterator *iterator = NULL;
    git_reference *ref = NULL;
    if (git_reference_iterator_new(&iterator, repository) != 0) {
        return tu_git_fail_library(w, w->settings->address.url);
    }
    size_t room = 0;
    while (w->rc == TU_OK && git_reference_next(&ref, iterator) == 0) {
        if (!git_reference_is_branch(ref) && !git_reference_is_tag(ref)) {
            git_reference_free(ref);
            continue;
        }
        if (ret->n == room) {
            room = room == 0 ? 64 : room * 2;
            tu_git_ref *bigger =
                room > TU_GIT_LIMIT_REFS ? NULL : realloc(ret->items, room * sizeof *bigger);
            if (bigger == NULL) {
                (void)tu_git_fail(w, TU_EINVALID, "too-many-refs",
                                  "%s has more branches and tags than fit (TU_GIT_LIMIT_REFS)",
                                  w->settings->address.url);
                git_reference_free(ref);
                break;
            }
            ret->items = bigger;
        }
        git_object *commit = NULL;
        if (git_reference_peel(&commit, ref, GIT_OBJECT_COMMIT) ==
            0) { /* what leads to no commit can't be meant */
            char *name = strdup(git_reference_name(ref));
            if (name != NULL) {
                ret->items[ret->n++] = (tu_git_ref){name, *git_object_id(commit)};
            }
        }
        git_object_free(commit);
        git_reference_free(ref);
    }
    git_reference_iterator_free(iterator);
    return w->rc;
}

tu_rc tu_git_local_resolve(tu_instance *i, tu_git_work *w) {
    git_repository *repository = NULL;
    git_reference *head = NULL;
    git_commit *commit = NULL;
    tu_git_refs refs = {0};
    tu_git_choice choice;
    tu_rc rc = tu_git_local_open(i, w, &repository);
    rc = rc != TU_OK ? rc : list_local(w, repository, &refs);
    if (rc == TU_OK) {
        if (git_repository_head(&head, repository) == 0) {
            refs.has_head = true;
            refs.head = *git_reference_target(head);
            refs.head_target =
                git_repository_head_detached(repository) == 1 ? NULL : git_reference_name(head);
        }
        rc = tu_git_choose(w, &refs, &choice);
    }
    if (rc == TU_OK && git_commit_lookup(&commit, repository, &choice.id) != 0) {
        rc = tu_git_fail_store(w, choice.name);
    }
    rc = rc != TU_OK ? rc : tu_git_emit_revision(w, &choice.id, choice.name, commit);
    for (size_t k = 0; k < refs.n; k++) {
        free((char *)(uintptr_t)refs.items[k].name);
    }
    free(refs.items);
    git_commit_free(commit);
    git_reference_free(head);
    return rc;
}
