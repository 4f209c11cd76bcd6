/*
 * source-git/remote.c: libgit2's remote on top of our own transports.
 *
 * libgit2 speaks the protocol (refs, negotiation, pack); how bytes travel, how long that may take
 * and whom to trust is ours (http.c, ssh.c). No configuration of the user or the machine is read:
 * libgit2's search paths are empty (source.c).
 */
#include "remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport.h"

static int on_transport(git_transport **ret, git_remote *owner, void *payload) {
    tu_git_connection *c = payload;
    return git_transport_smart(ret, owner, &c->transport);
}

/* The server's side band: progress for people; its last words explain a refusal. */
static int on_side_band(const char *text, int n, void *payload) {
    tu_git_work *w = ((tu_git_connection *)payload)->work;
    if (n > 0) {
        (void)tu_git_clean(text, (size_t)n, w->said, sizeof w->said);
    }
    return tu_git_stopped(w) ? GIT_EUSER : 0;
}

static int on_transfer(const git_indexer_progress *p, void *payload) {
    tu_git_work *w = ((tu_git_connection *)payload)->work;
    bool receiving = p->received_objects < p->total_objects || p->total_deltas == 0;
    tu_rc rc = receiving
                   ? tu_git_progress(w, "receiving objects", p->received_objects, p->total_objects)
                   : tu_git_progress(w, "resolving deltas", p->indexed_deltas, p->total_deltas);
    return rc != TU_OK || tu_git_stopped(w) ? GIT_EUSER : 0;
}

static void set_callbacks(tu_git_connection *c, git_remote_callbacks *callbacks) {
    callbacks->transport = on_transport;
    callbacks->sideband_progress = on_side_band;
    callbacks->transfer_progress = on_transfer;
    callbacks->payload = c;
}

static tu_rc list(tu_git_connection *c) {
    tu_git_work *w = c->work;
    const git_remote_head **heads = NULL;
    size_t n = 0;
    if (git_remote_ls(&heads, &n, c->remote) != 0) {
        return tu_git_fail_library(w, w->settings->address.url);
    }
    if (n > TU_GIT_LIMIT_REFS) {
        return tu_git_fail(w, TU_EINVALID, "too-many-refs",
                           "%s has more than %u branches and tags (TU_GIT_LIMIT_REFS)",
                           w->settings->address.url, TU_GIT_LIMIT_REFS);
    }
    c->refs.items = calloc(n + 1, sizeof *c->refs.items);
    if (c->refs.items == NULL) {
        return tu_git_fail(w, TU_EUNAVAILABLE, "memory", "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(heads[i]->name, "HEAD") == 0) {
            c->refs.has_head = true;
            c->refs.head_target = heads[i]->symref_target;
            git_oid_cpy(&c->refs.head, &heads[i]->oid);
        } else {
            tu_git_ref *r = &c->refs.items[c->refs.n++];
            r->name = heads[i]->name;
            git_oid_cpy(&r->id, &heads[i]->oid);
        }
    }
    return TU_OK;
}

tu_rc tu_git_connect(tu_git_work *w, git_repository *repository, tu_git_connection *ret) {
    const tu_git_address *a = &w->settings->address;
    bool http = a->scheme == TU_GIT_HTTP;
    *ret = (tu_git_connection){.work = w,
                               .transport = {http ? tu_git_http_new : tu_git_ssh_new, http, w}};
    if (tu_git_stopped(w)) {
        return w->rc;
    }
    w->listed = w->head_n = 0;
    /* insteadOf is nobody's wish here, and looking for it leaks 120 KiB in libgit2 1.5 (regexp.c
     * with PCRE2) */
    git_remote_create_options options;
    git_remote_create_options_init(&options, GIT_REMOTE_CREATE_OPTIONS_VERSION);
    options.repository = repository;
    options.flags = GIT_REMOTE_CREATE_SKIP_INSTEADOF | GIT_REMOTE_CREATE_SKIP_DEFAULT_FETCHSPEC;
    int error = git_remote_create_with_opts(&ret->remote, a->url, &options);
    git_remote_callbacks callbacks;
    git_remote_init_callbacks(&callbacks, GIT_REMOTE_CALLBACKS_VERSION);
    set_callbacks(ret, &callbacks);
    if (error == 0) {
        error = git_remote_connect(ret->remote, GIT_DIRECTION_FETCH, &callbacks, NULL, NULL);
    }
    return error == 0 ? list(ret) : tu_git_fail_library(w, a->url);
}

int tu_git_download(tu_git_connection *c, const char *const *refspecs, size_t n) {
    git_fetch_options options;
    git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
    set_callbacks(c, &options.callbacks);
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    char *names[4];
    git_strarray list = {names, n < 4 ? n : 4};
    for (size_t i = 0; i < list.count; i++) {
        names[i] = (char *)(uintptr_t)refspecs[i]; /* libgit2 only reads them */
    }
    return git_remote_download(c->remote, &list, &options);
}

void tu_git_disconnect(tu_git_connection *c) {
    c->work->closing = true;
    git_remote_free(c->remote);
    c->work->closing = false;
    free(c->refs.items);
    *c = (tu_git_connection){0};
}
