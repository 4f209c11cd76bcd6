/*
 * bench_kubernetes.c: target-kubernetes against a real API server, without the core: how long a
 * full list takes, and a hand tool to look at what the plugin says.
 *
 *   bench_kubernetes CONFIG list GROUP/VERSION/KIND...          objects, bytes, milliseconds;
 * repeated 5 times bench_kubernetes CONFIG show CALL [ARGUMENT...]             discover | describe
 * KIND | list SELECTOR | get IDENTITY | apply OBJECT OPTIONS | patch IDENTITY PATCH OPTIONS |
 * remove IDENTITY OPTIONS | watch SELECTOR (BENCH_WATCH_S seconds, 10) CONFIG is the target's configuration as JSON.
 * tests/bench/make-objects.py fills a server; bench.py compares a whole check with curl.
 */
#include "../support/kube_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static int64_t now_us(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int fail(const tu_call *c) {
    fprintf(stderr, "%d %s: %s\n", (int)c->rc, c->code, c->message);
    return 1;
}

static int bench_list(kube_plugin *p, tu_call *c, int argc, char **argv) {
    char selector[16384] = "{\"detail\":\"full\",\"scopes\":[";
    size_t n = strlen(selector);
    for (int i = 0; i < argc; i++) {
        char *kind = strrchr(argv[i], '/'), *version;
        *kind++ = '\0';
        version = strrchr(argv[i], '/');
        *version++ = '\0';
        n += (size_t)snprintf(selector + n, sizeof(selector) - n,
                              "%s{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"}",
                              i ? "," : "", argv[i], version, kind);
    }
    snprintf(selector + n, sizeof(selector) - n, "]}");
    c->count_only = true;
    for (int round = 0; round < 5; round++) {
        kube_call_clear(c);
        int64_t wall = now_us(CLOCK_MONOTONIC), cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
        c->rc = p->target->list(p->instance, c, KUBE_S(selector));
        if (c->rc != TU_OK || kube_call_count(c, TU_REC_LOST) ||
            kube_call_count(c, TU_REC_END) != (size_t)argc)
            return fail(c);
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        printf("objects=%zu bytes=%zu wall_ms=%.1f cpu_ms=%.1f peak_kib=%ld\n", c->objects,
               c->bytes, (double)(now_us(CLOCK_MONOTONIC) - wall) / 1000,
               (double)(now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1000, usage.ru_maxrss);
    }
    return 0;
}

static void *cancel_soon(void *arg) {
    struct timespec t = {getenv("BENCH_WATCH_S") ? strtol(getenv("BENCH_WATCH_S"), NULL, 10) : 10,
                         0};
    nanosleep(&t, NULL);
    kube_call_cancel(arg);
    return NULL;
}

static int show(kube_plugin *p, tu_call *c, int argc, char **argv) {
    const tu_target *t = p->target;
    const char *call = argv[0], *a = argc > 1 ? argv[1] : "{}", *b = argc > 2 ? argv[2] : "{}",
               *d = argc > 3 ? argv[3] : "{}";
    pthread_t thread;
    if (strcmp(call, "discover") == 0)
        c->rc = t->discover(p->instance, c);
    else if (strcmp(call, "describe") == 0)
        c->rc = t->describe(p->instance, c, KUBE_S(a));
    else if (strcmp(call, "list") == 0)
        c->rc = t->list(p->instance, c, KUBE_S(a));
    else if (strcmp(call, "get") == 0)
        c->rc = t->get(p->instance, c, KUBE_S(a));
    else if (strcmp(call, "apply") == 0)
        c->rc = t->apply(p->instance, c, KUBE_S(a), KUBE_S(b));
    else if (strcmp(call, "patch") == 0)
        c->rc = t->patch(p->instance, c, KUBE_S(a), KUBE_S(b), KUBE_S(d));
    else if (strcmp(call, "remove") == 0)
        c->rc = t->remove(p->instance, c, KUBE_S(a), KUBE_S(b));
    else if (strcmp(call, "health") == 0)
        c->rc = t->health(p->instance, c, KUBE_S(a));
    else if (strcmp(call, "watch") == 0 && pthread_create(&thread, NULL, cancel_soon, c) == 0) {
        c->rc = t->watch(p->instance, c, KUBE_S(a));
        pthread_join(thread, NULL);
    }
    for (size_t i = 0; i < c->n; i++)
        printf("%u %u %s %s\n", c->records[i].record, c->records[i].index, c->records[i].meta,
               c->records[i].body);
    return c->rc == TU_OK ? 0 : fail(c);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: bench_kubernetes CONFIG list GROUP/VERSION/KIND... | CONFIG show "
                        "CALL [ARGUMENT...]\n");
        return 2;
    }
    tu_call c;
    kube_plugin p;
    kube_call_init(&c);
    const char *scratch = getenv("BENCH_SCRATCH");
    c.scratch = scratch ? scratch : "";
    if (!kube_plugin_open(&p, &c, argv[1]))
        return fail(&c);
    int result = strcmp(argv[2], "list") == 0 ? bench_list(&p, &c, argc - 3, argv + 3)
                                              : show(&p, &c, argc - 3, argv + 3);
    kube_plugin_close(&p);
    kube_call_done(&c);
    return result;
}
