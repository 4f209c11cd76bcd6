/* engine/worker.c: see worker.h. */
#include "engine/worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"

typedef struct queue {
    tu_job *first, **last;
    size_t n;
} queue;

static void push(queue *q, tu_job *j) {
    j->next = NULL;
    if (!q->first)
        q->last = &q->first;
    *q->last = j;
    q->last = &j->next;
    q->n++;
}

static tu_job *pop(queue *q) {
    tu_job *j = q->first;
    if (j) {
        q->first = j->next;
        q->n--;
    }
    return j;
}

/* --- the inbox -------------------------------------------------------------------------------- */

struct tu_inbox {
    uv_async_t wake;
    pthread_mutex_t lock;
    pthread_cond_t room;
    queue jobs;
    bool closed;
    void (*freed)(void *arg);
    void *freed_arg;
};

static void on_wake(uv_async_t *handle) {
    tu_inbox_drain(handle->data);
}

tu_inbox *tu_inbox_new(uv_loop_t *loop) {
    tu_inbox *i = tu_xcalloc(1, sizeof *i);
    pthread_mutex_init(&i->lock, NULL);
    pthread_cond_init(&i->room, NULL);
    uv_async_init(loop, &i->wake, on_wake);
    i->wake.data = i;
    return i;
}

void tu_inbox_post(tu_inbox *i, tu_job *j) {
    pthread_mutex_lock(&i->lock);
    push(&i->jobs, j);
    pthread_mutex_unlock(&i->lock);
    uv_async_send(&i->wake);
}

bool tu_inbox_post_bounded(tu_inbox *i, tu_job *j, bool (*given_up)(const void *arg),
                           const void *arg) {
    pthread_mutex_lock(&i->lock);
    while (i->jobs.n >= TU_LIMIT_QUEUE && !i->closed && !(given_up && given_up(arg)))
        pthread_cond_wait(&i->room, &i->lock);
    bool open = !i->closed && !(given_up && given_up(arg));
    if (open)
        push(&i->jobs, j);
    pthread_mutex_unlock(&i->lock);
    if (open)
        uv_async_send(&i->wake);
    return open;
}

void tu_inbox_nudge(tu_inbox *i) {
    pthread_mutex_lock(&i->lock);
    pthread_cond_broadcast(&i->room);
    pthread_mutex_unlock(&i->lock);
}

void tu_inbox_close(tu_inbox *i) {
    pthread_mutex_lock(&i->lock);
    i->closed = true;
    pthread_cond_broadcast(&i->room);
    pthread_mutex_unlock(&i->lock);
}

void tu_inbox_drain(tu_inbox *i) {
    pthread_mutex_lock(&i->lock);
    tu_job *j = i->jobs.first;
    i->jobs = (queue){0};
    pthread_cond_broadcast(&i->room);
    pthread_mutex_unlock(&i->lock);
    while (j) {
        tu_job *next = j->next;
        j->done(j);
        j = next;
    }
}

static void on_closed(uv_handle_t *handle) {
    tu_inbox *i = handle->data;
    void (*freed)(void *) = i->freed;
    void *arg = i->freed_arg;
    pthread_cond_destroy(&i->room);
    pthread_mutex_destroy(&i->lock);
    free(i);
    if (freed)
        freed(arg);
}

void tu_inbox_free(tu_inbox *i, void (*closed)(void *arg), void *arg) {
    i->freed = closed;
    i->freed_arg = arg;
    uv_close((uv_handle_t *)&i->wake, on_closed);
}

/* --- workers ---------------------------------------------------------------------------------- */

struct tu_worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    queue jobs, later;
    size_t pending; /* of jobs */
    bool stop;
    tu_inbox *inbox;
};

static void *run(void *arg) {
    tu_worker *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        tu_job *j = pop(&w->jobs);
        bool urgent = j != NULL;
        if (!j)
            j = pop(&w->later);
        if (!j && w->stop)
            break;
        if (!j) {
            pthread_cond_wait(&w->wake, &w->lock);
            continue;
        }
        pthread_mutex_unlock(&w->lock);
        if (j->work)
            j->work(j);
        tu_inbox_post(w->inbox, j);
        pthread_mutex_lock(&w->lock);
        w->pending -= urgent;
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

tu_worker *tu_worker_new(tu_inbox *inbox, const char *name) {
    tu_worker *w = tu_xcalloc(1, sizeof *w);
    w->inbox = inbox;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    if (pthread_create(&w->thread, NULL, run, w) != 0)
        abort();
    char short_name[16];
    snprintf(short_name, sizeof short_name, "%.15s", name);
    pthread_setname_np(w->thread, short_name);
    return w;
}

void tu_worker_submit(tu_worker *w, tu_job *j) {
    pthread_mutex_lock(&w->lock);
    push(&w->jobs, j);
    w->pending++;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void tu_worker_submit_later(tu_worker *w, tu_job *j) {
    pthread_mutex_lock(&w->lock);
    push(&w->later, j);
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

size_t tu_worker_pending(const tu_worker *w) {
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&w->lock;
    pthread_mutex_lock(lock);
    size_t n = w->pending;
    pthread_mutex_unlock(lock);
    return n;
}

void tu_worker_free(tu_worker *w) {
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
