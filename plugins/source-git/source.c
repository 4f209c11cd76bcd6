/*
 * source-git: desired state from a Git repository.
 *
 *     resolve   asks the server for its refs, nothing more          -> REVISION
 *     fetch     mirror has the commit? else download; then the tree -> REVISION, ENTRY, ENTRY ...
 *
 *     source.c ── settings.c, address.c      what the user wrote
 *        ├─────── remote.c ── http.c, ssh.c  libgit2's protocol over transports of our own
 *        │          └── refs.c               branch, tag or HEAD to a commit
 *        ├─────── mirror.c                   the bare repository in the instance's scratch folder
 *        └─────── tree.c                     the commit's files, read from the object store
 *
 * A repository on this machine is opened where it is and only read. There is never a work tree, so
 * no link and no name in a repository can touch a file of this machine; no hook, filter or
 * configuration of anyone is run or read.
 *
 * Threads: one call at a time in an instance; instances share nothing but libgit2's caches and,
 * where they have the same scratch folder, the mirror, which is locked.
 */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mirror.h"
#include "remote.h"
#include "tree.h"

struct tu_instance {
    const tu_host *host;
    tu_git_settings settings;
    char *temporary; /* where the mirror is when the host gives no scratch folder; removed with the
                        instance */
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

/* libgit2's global state: set up once, never torn down (the plugin is never unloaded). */
static void start_library(void) {
    git_libgit2_init();
    static const int levels[] = {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_GLOBAL,
                                 GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_PROGRAMDATA};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
    }
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION,
                     0); /* only objects are read: another user's repository can do no harm */
    git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)(8 * TU_GIT_MIB));
    git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)(8 * TU_GIT_MIB));
    git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, (size_t)(64 * TU_GIT_MIB));
}

static tu_git_work work_for(tu_instance *i, tu_call *c) {
    return (tu_git_work){.host = i->host, .call = c, .settings = &i->settings};
}

static void format_time(git_time_t when, char *out, size_t room) {
    time_t t = (time_t)when;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL || tm.tm_year < 0 || tm.tm_year > 8099 ||
        strftime(out, room, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        out[0] = '\0'; /* a time that nobody can mean */
    }
}

/* commit may be NULL: then only what a server's list of refs tells. */
static tu_rc emit_revision(tu_git_work *w, const git_oid *id, const char *ref, git_commit *commit) {
    char hex[GIT_OID_HEXSZ + 1], text[600], when[40] = "";
    git_oid_tostr(hex, sizeof hex, id);
    cJSON *meta = cJSON_CreateObject();
    cJSON_AddStringToObject(meta, "revision", hex);
    cJSON_AddStringToObject(meta, "ref", tu_git_clean(ref, strlen(ref), text, sizeof text));
    if (commit != NULL) {
        const git_signature *author = git_commit_author(commit);
        const char *subject = git_commit_summary(commit);
        char who[400];
        (void)snprintf(who, sizeof who, "%.180s <%.180s>", author != NULL ? author->name : "",
                       author != NULL ? author->email : "");
        format_time(git_commit_time(commit), when, sizeof when);
        if (when[0] != '\0') {
            cJSON_AddStringToObject(meta, "time", when);
        }
        cJSON_AddStringToObject(meta, "author", tu_git_clean(who, strlen(who), text, sizeof text));
        cJSON_AddStringToObject(
            meta, "subject",
            subject == NULL ? "" : tu_git_clean(subject, strlen(subject), text, sizeof text));
    }
    char *json = cJSON_PrintUnformatted(meta);
    cJSON_Delete(meta);
    if (json == NULL) {
        return tu_git_fail(w, TU_EUNAVAILABLE, "memory", "out of memory");
    }
    tu_rc rc =
        w->host->emit(w->call, TU_REC_REVISION, 0, (tu_str){json, strlen(json)}, (tu_str){0});
    cJSON_free(json);
    return rc == TU_OK ? TU_OK : tu_git_fail(w, rc, "stopped", "the host took no more records");
}

/* What REVISION calls the configured reference when no server was asked. */
static void configured_ref(const tu_git_settings *s, char *out, size_t room) {
    static const char *const prefixes[] = {"HEAD", "refs/heads/", "refs/tags/", ""};
    (void)snprintf(out, room, "%s%s", prefixes[s->wanted], s->name != NULL ? s->name : "");
}

/* --- a repository on this machine
 * ------------------------------------------------------------------ */

static tu_rc open_local(tu_git_work *w, git_repository **ret) {
    const char *path = w->settings->address.path;
    int error = git_repository_open_ext(ret, path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
    if (error == 0) {
        return TU_OK;
    }
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

/* All refs of a local repository, with tags followed as a server would list them. */
static tu_rc list_local(tu_git_work *w, git_repository *repository, tu_git_refs *ret) {
    git_reference_iterator *iterator = NULL;
    git_reference *ref = NULL;
    if (git_reference_iterator_new(&iterator, repository) != 0) {
        return tu_git_fail_library(w, w->settings->address.url);
    }
    size_t room = 0;
    while (w->rc == TU_OK && git_reference_next(&ref, iterator) == 0) {
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

static tu_rc resolve_local(tu_git_work *w) {
    git_repository *repository = NULL;
    git_reference *head = NULL;
    git_commit *commit = NULL;
    tu_git_refs refs = {0};
    tu_git_choice choice;
    tu_rc rc = open_local(w, &repository);
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
    rc = rc != TU_OK ? rc : emit_revision(w, &choice.id, choice.name, commit);
    for (size_t i = 0; i < refs.n; i++) {
        free((char *)(uintptr_t)refs.items[i].name);
    }
    free(refs.items);
    git_commit_free(commit);
    git_reference_free(head);
    git_repository_free(repository);
    return rc;
}

/* --- resolve
 * --------------------------------------------------------------------------------------- */

static tu_rc list_remote(tu_git_work *w, bool emit) {
    tu_git_connection connection;
    tu_git_choice choice;
    tu_rc rc = tu_git_connect(w, NULL, &connection);
    if (rc == TU_OK && w->settings->wanted != TU_GIT_COMMIT) {
        rc = tu_git_choose(w, &connection.refs, &choice);
        if (rc == TU_OK && emit) {
            rc = emit_revision(w, &choice.id, choice.name, NULL);
        }
    }
    tu_git_disconnect(&connection);
    return rc;
}

static tu_rc source_resolve(tu_instance *i, tu_call *c) {
    tu_git_work w = work_for(i, c);
    if (i->settings.wanted == TU_GIT_COMMIT) {
        git_oid id;
        if (git_oid_fromstr(&id, i->settings.name) == 0) {
            (void)emit_revision(&w, &id, i->settings.name, NULL);
        }
    } else if (i->settings.address.scheme == TU_GIT_LOCAL) {
        (void)resolve_local(&w);
    } else {
        (void)list_remote(&w, true);
    }
    return tu_git_report(&w);
}

static tu_rc source_probe(tu_instance *i, tu_call *c) {
    tu_git_work w = work_for(i, c);
    git_repository *repository = NULL;
    if (i->settings.address.scheme == TU_GIT_LOCAL) {
        (void)open_local(&w, &repository);
    } else {
        (void)list_remote(&w, false);
    }
    git_repository_free(repository);
    return tu_git_report(&w);
}

/* --- fetch
 * ----------------------------------------------------------------------------------------- */

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
        rc = emit_revision(w, &o->revision, ref, commit);
        o->announced = rc == TU_OK;
    }
    return rc != TU_OK ? rc : tu_git_files_emit(w, repository, &o->files);
}

static tu_rc fetch_local(tu_git_work *w, order *o) {
    git_repository *repository = NULL;
    git_commit *commit = NULL;
    tu_rc rc = open_local(w, &repository);
    if (rc == TU_OK) {
        int error = git_commit_lookup(&commit, repository, &o->revision);
        rc = error == 0 ? deliver(w, repository, commit, o)
             : error == GIT_ENOTFOUND
                 ? tu_git_fail(w, TU_ENOTFOUND, "revision-not-found", "the commit %s isn't in %s",
                               o->hex, w->settings->address.url)
                 : tu_git_fail_store(w, o->hex);
    }
    git_commit_free(commit);
    git_repository_free(repository);
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

/* One download. A transport's failure is final; libgit2's own may mean damage in the mirror. */
static tu_rc download(tu_git_work *w, tu_git_mirror *m, const char *const *specs, size_t n,
                      const char *name, const git_oid *id) {
    tu_git_connection connection;
    tu_rc rc = tu_git_connect(w, m->repository, &connection);
    if (rc == TU_OK && tu_git_download(&connection, specs, n) != 0) {
        const git_error *e = git_error_last();
        bool net = e != NULL && e->klass == GIT_ERROR_NET;
        rc = net ? tu_git_fail_library(w, w->settings->address.url)
                 : tu_git_fail_store(w, "receiving objects");
    }
    tu_git_disconnect(&connection);
    return rc != TU_OK || name == NULL || !has(m, id) ? rc : keep(w, m, name, id);
}

/* The configured branch, tag or HEAD. */
static tu_rc download_ref(tu_git_work *w, tu_git_mirror *m) {
    tu_git_connection connection;
    tu_git_choice choice;
    tu_rc rc = tu_git_connect(w, m->repository, &connection);
    rc = rc != TU_OK ? rc : tu_git_choose(w, &connection.refs, &choice);
    if (rc == TU_OK) {
        char spec[TU_GIT_LIMIT_REF_BYTES + 64];
        (void)snprintf(spec, sizeof spec, "+%s:refs/trueup/wanted", choice.name);
        const char *specs[] = {spec};
        if (tu_git_download(&connection, specs, 1) != 0) {
            const git_error *e = git_error_last();
            bool net = e != NULL && e->klass == GIT_ERROR_NET;
            rc = net ? tu_git_fail_library(w, w->settings->address.url)
                     : tu_git_fail_store(w, "receiving objects");
        } else if (!has(m, &choice.id)) {
            rc = tu_git_fail_store(w, choice.name);
        } else {
            rc = keep(w, m, choice.name, &choice.id);
        }
    }
    tu_git_disconnect(&connection);
    return rc;
}

/* Brings the wanted commit into the mirror, by the cheapest way that works. */
static tu_rc bring(tu_git_work *w, tu_git_mirror *m, order *o) {
    if (has(m, &o->revision)) {
        return TU_OK;
    }
    if (w->settings->wanted != TU_GIT_COMMIT) {
        tu_rc rc = download_ref(w, m);
        if (rc != TU_OK || has(m, &o->revision)) {
            return rc;
        }
    }
    /* A pinned commit, or one that a force push took off the branch: most servers give any commit
     * by its name ... */
    const char *exact[] = {o->hex};
    tu_git_work before = *w;
    tu_rc rc = download(w, m, exact, 1, "commit", &o->revision);
    if (rc == TU_OK && has(m, &o->revision)) {
        return TU_OK;
    }
    if (rc != TU_OK && !tu_git_is_damage(w) && strcmp(w->code, "git-protocol") != 0) {
        return rc;
    }
    /* ... and where one doesn't, it may be in the history of any branch or tag. */
    w->rc = before.rc;
    static const char *const everything[] = {"+refs/heads/*:refs/trueup/heads/*",
                                             "+refs/tags/*:refs/trueup/tags/*"};
    rc = download(w, m, everything, 2, "commit", &o->revision);
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

static tu_rc source_fetch(tu_instance *i, tu_call *c, tu_str revision, tu_str path) {
    tu_git_work w = work_for(i, c);
    order *o = calloc(1, sizeof *o);
    if (o == NULL) {
        (void)tu_git_fail(&w, TU_EUNAVAILABLE, "memory", "out of memory");
    } else if (read_order(&w, revision, path, o) == TU_OK) {
        (void)(i->settings.address.scheme == TU_GIT_LOCAL ? fetch_local(&w, o)
                                                          : fetch_remote(i, &w, o));
        tu_git_files_done(&o->files);
    }
    free(o);
    return tu_git_report(&w);
}

/* --- the plugin
 * ------------------------------------------------------------------------------------ */

static void warn_plain_login(const tu_host *h, tu_call *c, const tu_git_settings *s) {
    bool login = s->token != NULL || s->password != NULL || s->address.password != NULL;
    const char *host = s->address.host_name;
    bool here = host != NULL && (strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
                                 strcmp(host, "::1") == 0);
    if (login && !s->address.encrypted && !here) {
        char text[400];
        (void)snprintf(text, sizeof text,
                       "the login for %.200s goes over plain http, readable for everyone on the "
                       "way: use https",
                       s->address.host);
        h->log(c, TU_LOG_WARN, (tu_str){text, strlen(text)}, (tu_str){0});
    }
}

static void source_destroy(tu_instance *i) {
    if (i == NULL) {
        return;
    }
    if (i->temporary != NULL) {
        tu_git_remove_tree(i->temporary);
        free(i->temporary);
    }
    tu_git_settings_done(&i->settings);
    free(i);
}

static tu_rc source_create(const tu_host *h, tu_call *c, tu_str config, tu_instance **ret) {
    pthread_once(&library_once, start_library);
    tu_instance *i = calloc(1, sizeof *i);
    char problem[400] = "out of memory";
    if (i == NULL || !tu_git_settings_read(config, &i->settings, problem, sizeof problem)) {
        source_destroy(i);
        return h->fail(c, TU_EINVALID, 0, (tu_str){"config", 6},
                       (tu_str){problem, strlen(problem)});
    }
    i->host = h;
    warn_plain_login(h, c, &i->settings);
    *ret = i;
    return TU_OK;
}

static const tu_common common = {sizeof common, source_create, source_destroy, source_probe};
static const tu_source source = {sizeof source, &common, source_resolve, source_fetch, NULL, NULL};

static const void *vtable(const char *id) {
    return strcmp(id, "trueup.source/1") == 0 ? &source : NULL;
}

static const tu_plugin plugin = {
    .size = sizeof plugin,
    .abi_minor = TU_ABI_MINOR,
    .thread_model = TU_THREADS_INSTANCE,
    .traits = TU_NEEDS_NETWORK | TU_NEEDS_EXEC | TU_NEEDS_SCRATCH,
    .id = "dev.trueup.source-git",
    .version = TRUEUP_VERSION,
    .license = "Apache-2.0",
    .summary = "desired state from a Git repository over https, ssh or on this machine",
    .url = "https://trueup.dev",
    .config_schema = tu_git_schema,
    .vtable = vtable,
};

const tu_plugin *trueup_plugin_v1(void) {
    return &plugin;
}
