/*
 * engine/worker.h: how blocking work leaves the engine thread and how its outcome comes back.
 *
 *   engine thread --- submit(job) ---> worker thread: job->work()
 *                 <--- inbox post ---  then, on the engine thread: job->done()
 *
 * Every plugin instance and the store have a worker; its jobs run one after the other. Watches have
 * threads of their own and post to the same inbox. The inbox is bounded: a poster waits until the
 * engine has caught up, or until the inbox is closed.
 */
#ifndef TU_ENGINE_WORKER_H
#define TU_ENGINE_WORKER_H

#include <stdbool.h>
#include <uv.h>

typedef struct tu_job tu_job;
struct tu_job {
    void (*work)(tu_job *j); /* on the worker; may be NULL */
    void (*done)(tu_job *j); /* on the engine thread; frees the job */
    tu_job *next;
};

typedef struct tu_inbox tu_inbox;
/* Jobs posted to it have their done() called on the loop's thread. */
tu_inbox *tu_inbox_new(uv_loop_t *loop);
/* From any thread. */
void tu_inbox_post(tu_inbox *i, tu_job *j);
/* As post, but waits while the inbox is full. False when the inbox was closed, or when given_up(arg)
 * (may be NULL) came true and tu_inbox_nudge was called; the job is the caller's then. */
bool tu_inbox_post_bounded(tu_inbox *i, tu_job *j, bool (*given_up)(const void *arg),
                           const void *arg);
/* Whoever waits asks again whether to give up. Before a thread that posts is joined on the loop's
 * thread: it may be waiting for room that only the joiner can make. */
void tu_inbox_nudge(tu_inbox *i);
void tu_inbox_close(tu_inbox *i); /* nobody waits any more */
/* Runs done() of everything that is there. */
void tu_inbox_drain(tu_inbox *i);
void tu_inbox_free(tu_inbox *i, void (*closed)(void *arg), void *arg);

typedef struct tu_worker tu_worker;
tu_worker *tu_worker_new(tu_inbox *inbox, const char *name);
void tu_worker_submit(tu_worker *w, tu_job *j);
/* Done when there is nothing else to do. */
void tu_worker_submit_later(tu_worker *w, tu_job *j);
size_t tu_worker_pending(const tu_worker *w); /* submitted and not done yet */
/* Waits for everything submitted, then ends the thread. done() of what finished is still to be
 * drained. Takes NULL. */
void tu_worker_free(tu_worker *w);

#endif
