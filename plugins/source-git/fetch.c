/*
 * source-git/fetch.c: brings a commit here and emits its files.
 *
 *     has the mirror the commit?
 *        ├─ no ──> the configured ref ──> the commit by name ──> all branches and tags
 *        │         each only when the one before didn't bring it
 *        └─ yes ─> list and check the tree ──> REVISION, ENTRY, ENTRY ...
 *
 * Damage in the mirror, wherever it shows: the mirror is thrown away and all begins again, once;
 * emitting goes on behind the last ENTRY.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mirror.h"
#include "remote.h"
#include "source.h"
#include "tree.h"

/* What REVISION calls the configured reference when no server was asked. */
static void configured_ref(const tu_git_settings *s, char *out, size_t room) {
    static const char *const prefixes[] = {"HEAD", "refs/heads/", "refs/tags/", ""};
    (void)snprintf(out, room, "%s%s", prefixes[s->wanted], s->name != NULL ? s->name : "");
}

typedef struct order {
    git_oid revision;
    char hex[GIT_OID_HEXSZ + 1];
    char path[TU_GIT_LIMIT_PATH_BYTES + 1];
    bool announced; /* REVISION was emitted */
    tu_git_files files;
} order;

/* revision: 40 digits. path: slashes at the ends don't matter, ".." is refused. */
static tu_rc read_order(tu_git_work *w, tu_str revision, tu_str path, order *ret) {
    if (revision.n != GIT_OID_HEXSZ ||
        git_oid_fromstrn(&ret->revision, revision.p, revision.n) != 0) {
        return tu_git_fail(w, TU_EINVALID, "revision",
                           "a revision of a Git source has 40 hexadecimal digits");
    }
    git_oid_tostr(ret->hex, sizeof ret->hex, &ret->revision);
    if (path.n > TU_GIT_LIMIT_PATH_BYTES || (path.n > 0 && memchr(path.p, '\0', path.n) != NULL)) {
        return tu_git_fail(w, TU_EINVALID, "bad-path", "the path is too long or has a NUL byte");
    }
    size_t used = 0;
    for (size_t at = 0; at < path.n;) {
        const char *slash = memchr(path.p + at, '/', path.n - at);
        size_t n = slash == NULL ? path.n - at : (size_t)(slash - path.p) - at;
        const char *name = path.p + at;
        if (n == 2 && name[0] == '.' && name[1] == '.') {
            return tu_git_fail(w, TU_EINVALID, "bad-path", "the path \"%.*s\" has \"..\" in it",
                               (int)path.n, path.p);
        }
        if (n > 0 && !(n == 1 && name[0] == '.')) {
            if (used > 0) {
                ret->path[used++] = '/';
            }
            memcpy(ret->path + used, name, n);
            used += n;
        }
        at += n + 1;
    }
    ret->path[used] = '\0';
    return TU_OK;
}

/* Emits from a repository that has the commit. */
static tu_rc deliver(tu_git_work *w, git_repository *repository, git_commit *commit, order *o) {
    char ref[TU_GIT_LIMIT_REF_BYTES + 32];
    configured_ref(w->settings, ref, sizeof ref);
    tu_rc rc = TU_OK;
    if (o->files.emitted == 0) {
        rc = tu_git_files_list(w, repository, commit, o->path, &o->files);
    }
    if (rc == TU_OK && !o->announced) {
        rc = tu_git_emit_revision(w, &o->revision, ref, commit);
        o->announced = rc == TU_OK;
    }
    return rc != TU_OK ? rc : tu_git_files_emit(w, repository, &o->files);
}

static tu_rc fetch_local(tu_instance *i, tu_git_work *w, order *o) {
    git_repository *repository = NULL;
    git_commit *commit = NULL;
    tu_rc rc = tu_git_local_open(i, w, &repository);
    if (rc == TU_OK) {
        int error = git_commit_lookup(&commit, repository, &o->revision);
        rc = error == 0 ? deliver(w, repository, commit, o)
             : error == GIT_ENOTFOUND
                 ? tu_git_fail(w, TU_ENOTFOUND, "revision-not-found", "the commit %s isn't in %s",
                               o->hex, w->settings->address.url)
                 : tu_git_fail_store(w, o->hex);
    }
    git_commit_free(commit);
    return rc;
}

/* Remembers what was downloaded, so that the next negotiation builds on it. */
static tu_rc keep(tu_git_work *w, tu_git_mirror *m, const char *name, const git_oid *id) {
    char kept[TU_GIT_LIMIT_REF_BYTES + 64];
    git_reference *ref = NULL;
    (void)snprintf(kept, sizeof kept, "refs/trueup/%s",
                   strncmp(name, "refs/", 5) == 0 ? name + 5 : name);
    int error = git_reference_create(&ref, m->repository, kept, id, 1, NULL);
    git_reference_free(ref);
    return error == 0 ? TU_OK : tu_git_fail_store(w, kept);
}

static bool has(tu_git_mirror *m, const git_oid *id) {
    git_commit *commit = NULL;
    bool found = git_commit_lookup(&commit, m->repository, id) == 0;
    git_commit_free(commit);
    return found;
}

/* Downloads what `specs` name over an open connection. A transport's failure is final; libgit2's
 * own may mean damage in the mirror. */
static tu_rc download(tu_git_connection *c, const char *const *specs, size_t n) {
    tu_git_work *w = c->work;
    if (tu_git_download(c, specs, n) == 0) {
        return TU_OK;
    }
    const git_error *e = git_error_last();
    return e != NULL && e->klass == GIT_ERROR_NET ? tu_git_fail_library(w, w->settings->address.url)
                                                  : tu_git_fail_store(w, "receiving objects");
}

/* The configured branch, tag or HEAD. */
static tu_rc download_ref(tu_git_work *w, tu_git_mirror *m) {
    tu_git_connection connection;
    tu_git_choice choice;
    char spec[TU_GIT_LIMIT_REF_BYTES + 64];
    const char *specs[] = {spec};
    tu_rc rc = tu_git_connect(w, m->repository, &connection);
    rc = rc != TU_OK ? rc : tu_git_choose(w, &connection.refs, &choice);
    if (rc == TU_OK) {
        (void)snprintf(spec, sizeof spec, "+%s:refs/trueup/wanted", choice.name);
        rc = download(&connection, specs, 1);
    }
    tu_git_disconnect(&connection);
    if (rc == TU_OK) {
        rc = has(m, &choice.id) ? keep(w, m, choice.name, &choice.id)
                                : tu_git_fail_store(w, choice.name);
    }
    return rc;
}

/* A commit that is no branch's newest. `specs` name it, or everything that may lead to it. */
static tu_rc download_commit(tu_git_work *w, tu_git_mirror *m, const char *const *specs, size_t n,
                             const git_oid *id) {
    tu_git_connection connection;
    tu_rc rc = tu_git_connect(w, m->repository, &connection);
    rc = rc != TU_OK ? rc : download(&connection, specs, n);
    tu_git_disconnect(&connection);
    return rc == TU_OK && has(m, id) ? keep(w, m, "commit", id) : rc;
}

/* Brings the wanted commit into the mirror, by the cheapest way that works. */
static tu_rc bring(tu_git_work *w, tu_git_mirror *m, order *o) {
    tu_rc rc = TU_OK;
    if (!has(m, &o->revision) && w->settings->wanted != TU_GIT_COMMIT) {
        rc = download_ref(w, m);
    }
    if (rc != TU_OK || has(m, &o->revision)) {
        return rc;
    }
    /* A pinned commit, or one that a force push took off the branch: many servers give any commit
     * by its name ... */
    const char *exact[] = {o->hex};
    rc = download_commit(w, m, exact, 1, &o->revision);
    if (rc != TU_OK && !tu_git_is_damage(w) && strcmp(w->code, "git-protocol") != 0) {
        return rc;
    }
    if (rc == TU_OK && has(m, &o->revision)) {
        return TU_OK;
    }
    /* ... and where one doesn't, it may be in the history of any branch or tag. */
    w->rc = TU_OK;
    static const char *const everything[] = {"+refs/heads/*:refs/trueup/heads/*",
                                             "+refs/tags/*:refs/trueup/tags/*"};
    rc = download_commit(w, m, everything, 2, &o->revision);
    if (rc == TU_OK && !has(m, &o->revision)) {
        rc =
            tu_git_fail(w, TU_ENOTFOUND, "revision-not-found",
                        "the commit %s isn't in any branch or tag of %s: was it force-pushed away?",
                        o->hex, w->settings->address.url);
    }
    return rc;
}

static tu_rc fetch_once(tu_git_work *w, tu_git_mirror *m, order *o) {
    git_commit *commit = NULL;
    tu_rc rc = bring(w, m, o);
    if (rc == TU_OK && git_commit_lookup(&commit, m->repository, &o->revision) != 0) {
        rc = tu_git_fail_store(w, o->hex);
    }
    rc = rc != TU_OK ? rc : deliver(w, m->repository, commit, o);
    git_commit_free(commit);
    return rc;
}

/* The folder for mirrors: the host's, or a temporary one that goes with the instance. */
static tu_rc mirror_root(tu_instance *i, tu_git_work *w, char **ret) {
    tu_str scratch = w->host->scratch(w->call);
    if (scratch.n > 0) {
        *ret = strndup(scratch.p, scratch.n);
    } else {
        if (i->temporary == NULL) {
            const char *base = secure_getenv("TMPDIR");
            char *path = NULL;
            if (asprintf(&path, "%s/trueup-git-XXXXXX",
                         base != NULL && base[0] == '/' ? base : "/tmp") < 0) {
                path = NULL;
            }
            if (path == NULL || mkdtemp(path) == NULL) {
                free(path);
                return tu_git_fail(w, TU_EUNAVAILABLE, "cache",
                                   "no temporary folder can be made: %s", strerror(errno));
            }
            i->temporary = path;
        }
        *ret = strdup(i->temporary);
    }
    return *ret != NULL ? TU_OK : tu_git_fail(w, TU_EUNAVAILABLE, "memory", "out of memory");
}

static tu_rc fetch_remote(tu_instance *i, tu_git_work *w, order *o) {
    char *root = NULL;
    tu_git_mirror mirror = {.lock = -1};
    tu_rc rc = mirror_root(i, w, &root);
    rc = rc != TU_OK ? rc : tu_git_mirror_open(w, root, &mirror);
    if (rc == TU_OK) {
        w->disk = mirror.folder;
        rc = fetch_once(w, &mirror, o);
        if (tu_git_is_damage(w)) {
            static const char text[] = "the mirror is damaged and is fetched anew";
            w->host->log(w->call, TU_LOG_WARN, (tu_str){text, sizeof text - 1}, (tu_str){0});
            w->rc = TU_OK;
            rc = tu_git_mirror_renew(w, &mirror);
            rc = rc != TU_OK ? rc : fetch_once(w, &mirror, o);
        }
        tu_git_mirror_tidy(w, &mirror);
        rc = w->rc;
    }
    tu_git_mirror_close(&mirror);
    free(root);
    return rc;
}

tu_rc tu_git_fetch(tu_instance *i, tu_git_work *w, tu_str revision, tu_str path) {
    order *o = calloc(1, sizeof *o);
    if (o == NULL) {
        return tu_git_fail(w, TU_EUNAVAILABLE, "memory", "out of memory");
    }
    if (read_order(w, revision, path, o) == TU_OK) {
        (void)(i->settings.address.scheme == TU_GIT_LOCAL ? fetch_local(i, w, o)
                                                          : fetch_remote(i, w, o));
    }
    tu_git_files_done(&o->files);
    free(o);
    return w->rc;
}
