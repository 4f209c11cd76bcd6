/*
 * target-directory/watch.c: list once, then tell what became different between two snapshots.
 *
 * inotify only says when to look; what changed is told by comparing. So no event can be lost that
 * matters, and a file saved without a change says nothing. A scope that can't be known (folder.c)
 * is LOST until it can, then listed anew. Where inotify tells nothing (network file systems),
 * looking every few seconds does.
 */
#include "inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/call.h"
#include "common/tree_watch.h"

#define LOOK_ANYWAY_MS 10000

typedef struct watcher {
    tu_instance *i;
    tu_call *c;
    scopes scopes;
    bool *lost;
    snapshot before;
} watcher;

static tu_rc emit_gone(watcher *w, uint32_t index, const object *o) {
    cJSON *meta = cJSON_CreateObject();
    cJSON_AddStringToObject(meta, "namespace", o->ns);
    cJSON_AddStringToObject(meta, "name", o->name);
    cJSON_AddStringToObject(
        meta, "uid",
        manifest_string(cJSON_GetObjectItemCaseSensitive(o->value, "metadata"), "uid"));
    return call_emit(w->i->host, w->c, TU_REC_GONE, index, meta, (tu_str){0});
}

/* Both lists are sorted by key. Where the scope isn't sure, what became readable or different is
 * told all the same: one broken file hides no change in another. */
static tu_rc emit_difference(watcher *w, uint32_t index, const snapshot *now, bool sure) {
    const scope *s = &w->scopes.items[index];
    tu_rc rc = TU_OK;
    size_t a = 0, b = 0;
    while (rc == TU_OK && (a < w->before.n || b < now->n)) {
        const object *was = a < w->before.n ? w->before.objects[a] : NULL,
                     *is = b < now->n ? now->objects[b] : NULL;
        int order = !was ? 1 : !is ? -1 : strcmp(was->key, is->key);
        if (order < 0 && sure && scope_covers(s, was))
            rc = emit_gone(w, index, was);
        else if (order >= 0 && scope_covers(s, is) && (sure || !stands_twice(now, b)) &&
                 (order > 0 || strcmp(was->hash, is->hash) != 0))
            rc = w->i->host->emit(w->c, TU_REC_OBJECT, index, (tu_str){0}, manifest_str(is->live));
        a += order <= 0;
        b += order >= 0;
    }
    return rc;
}

static tu_rc look_at_scope(watcher *w, uint32_t index, const snapshot *now, bool first) {
    const scope *s = &w->scopes.items[index];
    char text[1024];
    bool unsure = snapshot_is_unsure(now, w->i, s->group, s->kind, text, sizeof text);
    tu_rc rc = TU_OK;
    if (first || (w->lost[index] && !unsure)) {
        rc = scope_emit(w->i, w->c, s, index, now, &w->lost[index]);
    } else {
        if (unsure && !w->lost[index]) {
            rc = scope_emit_lost(w->i, w->c, index, TU_EUNAVAILABLE, "unsure", text);
            w->lost[index] = true;
        }
        if (rc == TU_OK)
            rc = emit_difference(w, index, now, !unsure);
    }
    if (rc == TU_OK && !w->lost[index])
        rc = call_emit(w->i->host, w->c, TU_REC_CURRENT, index, cJSON_CreateObject(), (tu_str){0});
    return rc;
}

static tu_rc look(watcher *w, bool first) {
    snapshot now = {0};
    tu_rc rc = folder_read(w->i, w->c, &now);
    if (rc != TU_OK)
        return rc;
    for (uint32_t k = 0; k < w->scopes.n && rc == TU_OK; k++)
        rc = look_at_scope(w, k, &now, first);
    snapshot_done(&w->before);
    w->before = now;
    return rc;
}

static tu_rc watch_until_cancelled(watcher *w, tree_watch *tree) {
    const tu_host *h = w->i->host;
    tu_rc rc = look(w, true);
    while (rc == TU_OK) {
        tree_watch_result result = tree_watch_wait(tree, h->cancel_fd(w->c), LOOK_ANYWAY_MS);
        if (result == TREE_WATCH_CANCELLED)
            return call_fail(h, w->c, TU_ECANCELLED, NULL, "stopped");
        if (result == TREE_WATCH_FAILED)
            return call_fail(h, w->c, TU_EUNAVAILABLE, "inotify", "watching %s broke: %s",
                             w->i->path, strerror(errno));
        rc = look(w, false);
    }
    return rc; /* a folder that vanished: the host lists and watches again, as after any failure */
}

tu_rc target_watch(tu_instance *i, tu_call *c, tu_str selector) {
    watcher w = {.i = i, .c = c};
    tu_rc rc = scopes_read(i, c, selector, &w.scopes);
    if (rc != TU_OK)
        return rc;
    w.lost = calloc(w.scopes.n + 1, sizeof *w.lost);
    tree_watch *tree = tree_watch_new(i->path); /* before the first look: nothing falls between */
    if (!w.lost || !tree)
        rc = call_fail(i->host, c, TU_EUNAVAILABLE, "inotify",
                       "can't watch %s: %s (fs.inotify.max_user_instances?)", i->path,
                       strerror(errno));
    else
        rc = watch_until_cancelled(&w, tree);
    tree_watch_free(tree);
    snapshot_done(&w.before);
    scopes_done(&w.scopes);
    free(w.lost);
    return rc;
}
