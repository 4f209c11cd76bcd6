/*
 * plugin/cancel.c: cancelling calls, and waiting for one's turn.
 *
 * A canceller is an eventfd that is written once and never read: it stays readable, so any number
 * of calls can poll it, and writing it is allowed in a signal handler. A gate lets one call in at a
 * time; it is no plain mutex because a waiting call can be cancelled and has a deadline. A signal
 * handler can't wake a condition variable, so waiting looks up every now and then.
 */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/internal.h"

#define GATE_LOOK_MS 50

struct tu_cancel {
    atomic_bool fired;
    int fd;
};

static int new_event(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        /* As with memory (base/mem.h): a program that can't be stopped must not go on. */
        tu_log(TU_LOG_ERROR, "no file descriptor is left: raise the limit (ulimit -n)", NULL);
        abort();
    }
    return fd;
}

tu_cancel *tu_cancel_new(void) {
    tu_cancel *c = tu_xcalloc(1, sizeof *c);
    c->fd = new_event();
    return c;
}

void tu_cancel_fire(tu_cancel *c) {
    static const uint64_t one = 1;
    int saved = errno;
    atomic_store(&c->fired, true);
    /* It can fail only when the counter is full, and then it is readable already. */
    ssize_t written = write(c->fd, &one, sizeof one);
    (void)written;
    errno = saved;
}

bool tu_cancel_fired(const tu_cancel *c) {
    return c && atomic_load(&c->fired);
}

bool tu_cancel_wait(const tu_cancel *c, int64_t ms) {
    struct pollfd p = {.fd = tu_cancel_fd(c), .events = POLLIN};
    int64_t end = tu_clock_monotonic() + ms;
    for (int64_t left = ms; left > 0 && !tu_cancel_fired(c); left = end - tu_clock_monotonic())
        poll(&p, 1, left > 60000 ? 60000 : (int)left);
    return tu_cancel_fired(c);
}

void tu_cancel_free(tu_cancel *c) {
    if (!c)
        return;
    close(c->fd);
    free(c);
}

static int silent_fd;
static void open_silent_fd(void) {
    silent_fd = new_event();
}

int tu_cancel_fd(const tu_cancel *c) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (c)
        return c->fd;
    pthread_once(&once, open_silent_fd);
    return silent_fd;
}

struct tu_gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool busy;
};

tu_gate *tu_gate_new(void) {
    tu_gate *g = tu_xcalloc(1, sizeof *g);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->opened, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return g;
}

void tu_gate_free(tu_gate *g) {
    if (!g)
        return;
    pthread_cond_destroy(&g->opened);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static void wait_a_little(tu_gate *g) {
    int64_t until = tu_clock_monotonic() + GATE_LOOK_MS;
    struct timespec t = {.tv_sec = (time_t)(until / 1000), .tv_nsec = (until % 1000) * 1000000};
    pthread_cond_timedwait(&g->opened, &g->lock, &t);
}

tu_rc tu_gate_enter(tu_gate *g, const tu_cancel *cancel, int64_t deadline_ms) {
    tu_rc rc = TU_OK;
    if (!g)
        return TU_OK;
    pthread_mutex_lock(&g->lock);
    while (g->busy && rc == TU_OK) {
        if (tu_cancel_fired(cancel))
            rc = TU_ECANCELLED;
        else if (deadline_ms >= 0 && tu_clock_monotonic() >= deadline_ms)
            rc = TU_ETIMEOUT;
        else
            wait_a_little(g);
    }
    if (rc == TU_OK)
        g->busy = true;
    pthread_mutex_unlock(&g->lock);
    return rc;
}

void tu_gate_leave(tu_gate *g) {
    if (!g)
        return;
    pthread_mutex_lock(&g->lock);
    g->busy = false;
    pthread_cond_signal(&g->opened);
    pthread_mutex_unlock(&g->lock);
}
