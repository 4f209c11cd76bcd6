/*
 * Blocking work on threads of its own, and its outcome on the loop's thread: nothing lost, in order,
 * bounded, and nobody waits for ever when all is torn down.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four first */
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "engine/worker.h"

typedef struct counted {
    tu_job job;
    size_t number, *done_so_far;
    pthread_t worked_on;
    bool worked;
} counted;

static void work(tu_job *job) {
    counted *c = (counted *)job;
    c->worked = true;
    c->worked_on = pthread_self();
}

static void done_in_order(tu_job *job) {
    counted *c = (counted *)job;
    assert_int_equal(c->number, *c->done_so_far);
    ++*c->done_so_far;
    if (c->worked)
        assert_false(pthread_equal(c->worked_on, pthread_self()));
    free(c);
}

static counted *job_new(size_t number, size_t *done_so_far) {
    counted *c = tu_xcalloc(1, sizeof *c);
    c->job = (tu_job){.work = work, .done = done_in_order};
    c->number = number;
    c->done_so_far = done_so_far;
    return c;
}

static void close_loop(uv_loop_t *loop, tu_inbox *inbox) {
    tu_inbox_free(inbox, NULL, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void jobs_are_worked_off_elsewhere_and_done_here_in_order(void **state) {
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    tu_inbox *inbox = tu_inbox_new(&loop);
    tu_worker *w = tu_worker_new(inbox, "a name that is longer than a thread's");
    size_t n = 0;
    for (size_t i = 0; i < 1000; i++)
        tu_worker_submit(w, &job_new(i, &n)->job);
    while (n < 1000)
        uv_run(&loop, UV_RUN_ONCE);
    while (tu_worker_pending(w)) /* it counts down just behind the post */
        sched_yield();
    tu_worker_free(w);
    close_loop(&loop, inbox);
}

static void what_was_submitted_is_done_after_the_worker_is_freed(void **state) {
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    tu_inbox *inbox = tu_inbox_new(&loop);
    tu_worker *w = tu_worker_new(inbox, "w");
    size_t n = 0;
    for (size_t i = 0; i < 500; i++)
        tu_worker_submit(w, &job_new(i, &n)->job);
    tu_inbox_close(inbox);
    tu_worker_free(w);
    tu_inbox_drain(inbox);
    assert_int_equal(n, 500);
    tu_worker_free(NULL);
    close_loop(&loop, inbox);
}

/* --- a poster that is faster than the loop ---------------------------------------------------- */

typedef struct poster {
    tu_inbox *inbox;
    size_t done_so_far, posted; /* posted: atomic */
    bool stop;                  /* atomic */
} poster;

static bool given_up(const void *arg) {
    return __atomic_load_n(&((const poster *)arg)->stop, __ATOMIC_ACQUIRE);
}

static void *post_many(void *arg) {
    poster *p = arg;
    for (size_t i = 0;; i++) {
        counted *c = job_new(i, &p->done_so_far);
        if (!tu_inbox_post_bounded(p->inbox, &c->job, given_up, p)) {
            free(c);
            return NULL;
        }
        __atomic_add_fetch(&p->posted, 1, __ATOMIC_ACQ_REL);
    }
}

static void await_full(poster *p) {
    while (__atomic_load_n(&p->posted, __ATOMIC_ACQUIRE) < TU_LIMIT_QUEUE)
        sched_yield();
}

static void a_poster_waits_while_the_inbox_is_full_and_until_it_is_closed(void **state) {
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    poster p = {.inbox = tu_inbox_new(&loop)};
    pthread_t thread;
    pthread_create(&thread, NULL, post_many, &p);
    await_full(&p);
    assert_int_equal(__atomic_load_n(&p.posted, __ATOMIC_ACQUIRE), TU_LIMIT_QUEUE);
    tu_inbox_drain(p.inbox);
    assert_true(p.done_so_far >= TU_LIMIT_QUEUE);
    tu_inbox_close(p.inbox);
    pthread_join(thread, NULL);
    tu_inbox_drain(p.inbox);
    assert_int_equal(p.done_so_far, p.posted);
    close_loop(&loop, p.inbox);
}

/* A watch is joined by the very thread that would make room for it. */
static void a_poster_that_is_joined_on_the_loops_thread_gives_up(void **state) {
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    poster p = {.inbox = tu_inbox_new(&loop)};
    pthread_t thread;
    pthread_create(&thread, NULL, post_many, &p);
    await_full(&p);
    __atomic_store_n(&p.stop, true, __ATOMIC_RELEASE);
    tu_inbox_nudge(p.inbox);
    pthread_join(thread, NULL);
    tu_inbox_drain(p.inbox);
    assert_int_equal(p.done_so_far, p.posted);
    close_loop(&loop, p.inbox);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_are_worked_off_elsewhere_and_done_here_in_order),
        cmocka_unit_test(what_was_submitted_is_done_after_the_worker_is_freed),
        cmocka_unit_test(a_poster_waits_while_the_inbox_is_full_and_until_it_is_closed),
        cmocka_unit_test(a_poster_that_is_joined_on_the_loops_thread_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
