/*
 * base/mem.c: the heap behind every allocation of the core.
 *
 * The failure switch is for tests alone; it is atomic because plugins' worker threads allocate too.
 */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_size_t allocations; /* since the last tu_mem_fail_after() */
static atomic_size_t fail_at;     /* number of the allocation that fails; 0: none */

static bool must_fail(void) {
    size_t number = atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed) + 1;
    size_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    return at != 0 && number == at;
}

void *tu_malloc(size_t n) {
    return must_fail() ? NULL : malloc(n ? n : 1);
}

void *tu_calloc(size_t count, size_t size) {
    if (must_fail())
        return NULL;
    return count == 0 || size == 0 ? calloc(1, 1) : calloc(count, size);
}

void *tu_realloc(void *p, size_t n) {
    return must_fail() ? NULL : realloc(p, n ? n : 1);
}

size_t tu_mem_fail_after(size_t n) {
    atomic_store(&fail_at, n);
    return atomic_exchange(&allocations, 0);
}

static void *or_die(void *p) {
    if (p == NULL) {
        fputs("trueup: out of memory; ending, everything accepted is in the store\n", stderr);
        abort();
    }
    return p;
}

void *tu_xmalloc(size_t n) {
    return or_die(malloc(n ? n : 1));
}

void *tu_xcalloc(size_t count, size_t size) {
    return or_die(count == 0 || size == 0 ? calloc(1, 1) : calloc(count, size));
}

void *tu_xrealloc(void *p, size_t n) {
    return or_die(realloc(p, n ? n : 1));
}

char *tu_xstrdup(const char *s) {
    return s == NULL ? NULL : or_die(strdup(s));
}

void tu_freep(void *pp) {
    free(*(void **)pp);
}
