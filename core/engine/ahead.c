/* engine/ahead.c: see ahead.h. */
#include "engine/ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

typedef struct kept {
    struct kept *next;
    uint32_t record, index;
    tu_arena arena; /* of meta */
    tu_value *meta;
    tu_str body; /* behind this */
} kept;

struct tu_ahead {
    pthread_t thread;
    tu_plugin_use *target;
    char *selector;
    tu_call_options call;
    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t changed;
    kept *first, **last;
    size_t held; /* bytes of bodies that wait */
    bool stopped, ended;
    tu_rc rc;
    tu_error *why;
};

static void kept_free(kept *k) {
    tu_arena_done(&k->arena);
    free(k);
}

static kept *kept_new(uint32_t record, uint32_t index, const tu_value *meta, tu_str body) {
    kept *k = tu_malloc(sizeof *k + body.n);
    if (!k)
        return NULL;
    *k = (kept){.record = record, .index = index, .body = {(char *)(k + 1), body.n}};
    if (body.n)
        memcpy(k + 1, body.p, body.n);
    tu_arena_init(&k->arena, 0);
    k->meta = meta ? tu_value_copy(&k->arena, meta) : NULL;
    if (meta && !k->meta) {
        kept_free(k);
        return NULL;
    }
    return k;
}

/* On the listing's thread. */
static tu_rc keep(void *arg, uint32_t record, uint32_t index, const tu_value *meta, tu_str body) {
    tu_ahead *a = arg;
    kept *k = kept_new(record, index, meta, body);
    if (!k)
        return TU_EINTERNAL;
    pthread_mutex_lock(&a->lock);
    while (a->held > TU_LIMIT_AHEAD_BYTES && !a->stopped)
        pthread_cond_wait(&a->changed, &a->lock);
    bool stopped = a->stopped;
    if (!stopped) {
        *a->last = k;
        a->last = &k->next;
        a->held += body.n;
        pthread_cond_broadcast(&a->changed);
    }
    pthread_mutex_unlock(&a->lock);
    if (stopped)
        kept_free(k);
    return stopped ? TU_ECANCELLED : TU_OK;
}

static void *work(void *arg) {
    tu_ahead *a = arg;
    tu_error *why = NULL;
    tu_rc rc = tu_call_list(a->target, tu_str_c(a->selector), &a->call, &why);
    pthread_mutex_lock(&a->lock);
    a->rc = rc;
    a->why = why;
    a->ended = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

static void free_all(kept *k) {
    while (k) {
        kept *next = k->next;
        kept_free(k);
        k = next;
    }
}

static void ahead_free(tu_ahead *a) {
    free_all(a->first);
    tu_error_free(a->why);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->changed);
    free(a->selector);
    free(a);
}

tu_ahead *tu_ahead_start(tu_plugin_use *target, tu_str selector, const tu_call_options *o) {
    tu_ahead *a = tu_xcalloc(1, sizeof *a);
    a->target = target;
    a->selector = tu_xmalloc(selector.n + 1);
    memcpy(a->selector, selector.p, selector.n);
    a->selector[selector.n] = '\0';
    a->last = &a->first;
    a->call = (tu_call_options){
        .on_record = keep, .arg = a, .cancel = o->cancel, .timeout_ms = o->timeout_ms};
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    if (pthread_create(&a->thread, NULL, work, a) == 0)
        return a;
    ahead_free(a);
    return NULL;
}

bool tu_ahead_is(const tu_ahead *a, tu_str selector) {
    return a && tu_str_is(selector, a->selector);
}

/* Everything that waits, or NULL when the listing is over. */
static kept *take_all(tu_ahead *a) {
    pthread_mutex_lock(&a->lock);
    while (!a->first && !a->ended)
        pthread_cond_wait(&a->changed, &a->lock);
    kept *all = a->first;
    a->first = NULL;
    a->last = &a->first;
    a->held = 0;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    return all;
}

/* The listing ends with its next record. */
static void stop(tu_ahead *a) {
    pthread_mutex_lock(&a->lock);
    a->stopped = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

tu_rc tu_ahead_take(tu_ahead *a, const tu_call_options *o, tu_error **error) {
    tu_rc rc = TU_OK;
    for (kept *all; rc == TU_OK && (all = take_all(a));) {
        while (all && rc == TU_OK) {
            kept *k = all;
            all = k->next;
            rc = o->on_record(o->arg, k->record, k->index, k->meta, k->body);
            kept_free(k);
        }
        free_all(all);
    }
    if (rc != TU_OK)
        stop(a);
    pthread_join(a->thread, NULL);
    if (rc == TU_OK) {
        rc = a->rc;
        if (error && !*error)
            *error = TU_TAKE(a->why);
    } else if (error && !*error) {
        tu_error_set(error, rc, "the listing was stopped");
    }
    ahead_free(a);
    return rc;
}

void tu_ahead_drop(tu_ahead *a) {
    if (!a)
        return;
    stop(a);
    pthread_join(a->thread, NULL);
    ahead_free(a);
}
