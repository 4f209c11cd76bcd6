/*
 * source-git: desired state from a Git repository.
 *
 *     resolve   asks the server for its refs, nothing more          -> REVISION
 *     fetch     mirror has the commit? else download; then the tree -> REVISION, ENTRY, ENTRY ...
 *
 *     source.c ─┬─ settings.c, address.c     what the user wrote
 *               ├─ local.c                   a repository on this machine
 *               ├─ remote.c ─┬─ http.c       libgit2's protocol over transports of our own
 *               │            └─ ssh.c, ssh_command.c
 *               ├─ refs.c                    branch, tag or HEAD to a commit
 *               └─ fetch.c ──┬─ mirror.c     the bare repository in the instance's scratch folder
 *                            └─ tree.c       the commit's files, read from the object store
 *
 * A repository on this machine is opened where it is and only read. There is never a work tree, so
 * no link and no name in a repository can touch a file of this machine; no hook, filter or
 * configuration of anyone is run or read.
 *
 * Threads: one call at a time in an instance; instances share nothing but libgit2's caches and,
 * where they have the same scratch folder, the mirror, which is locked.
 */
#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mirror.h"
#include "remote.h"
#include "source.h"

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

/* libgit2's global state: set up once, never torn down (the plugin is never unloaded). */
static void start_library(void) {
    git_libgit2_init();
    static const int levels[] = {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_GLOBAL,
                                 GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_PROGRAMDATA};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
    }
    /* these change nothing for one who reads objects; `git sparse-checkout` and others set them */
    static const char *const harmless[] = {"worktreeconfig", "partialclone", "preciousobjects",
                                           "relativeworktrees"};
    git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, harmless, sizeof harmless / sizeof harmless[0]);
    /* only objects are read: another user's repository can do no harm */
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, (size_t)TU_GIT_LIMIT_OBJECTS);
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

tu_rc tu_git_emit_revision(tu_git_work *w, const git_oid *id, const char *ref, git_commit *commit) {
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

/* --- resolve ---------------------------------------------------------------------------------- */

static tu_rc list_remote(tu_git_work *w, bool emit) {
    tu_git_connection connection;
    tu_git_choice choice;
    tu_rc rc = tu_git_connect(w, NULL, &connection);
    if (rc == TU_OK && w->settings->wanted != TU_GIT_COMMIT) {
        rc = tu_git_choose(w, &connection.refs, &choice);
        if (rc == TU_OK && emit) {
            rc = tu_git_emit_revision(w, &choice.id, choice.name, NULL);
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
            (void)tu_git_emit_revision(&w, &id, i->settings.name, NULL);
        }
    } else if (i->settings.address.scheme == TU_GIT_LOCAL) {
        (void)tu_git_local_resolve(i, &w);
    } else {
        (void)list_remote(&w, true);
    }
    return tu_git_report(&w);
}

static tu_rc source_probe(tu_instance *i, tu_call *c) {
    tu_git_work w = work_for(i, c);
    git_repository *repository = NULL;
    if (i->settings.address.scheme == TU_GIT_LOCAL) {
        (void)tu_git_local_open(i, &w, &repository);
    } else {
        (void)list_remote(&w, false);
    }
    return tu_git_report(&w);
}

static tu_rc source_fetch(tu_instance *i, tu_call *c, tu_str revision, tu_str path) {
    tu_git_work w = work_for(i, c);
    (void)tu_git_fetch(i, &w, revision, path);
    return tu_git_report(&w);
}

/* --- the plugin ------------------------------------------------------------------------------- */

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
    tu_git_local_close(&i->local);
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
