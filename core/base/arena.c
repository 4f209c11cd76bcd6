/*
 * base/arena.c: chunks double from 4 KiB to 1 MiB; a larger request gets a chunk of its own size.
 *
 * Invariant: next and end point into the newest chunk, or are both NULL when there is none.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { ALIGNMENT = 16, FIRST_CHUNK = 4096, LARGEST_STEP = 1 << 20 };

struct tu_arena_chunk {
    tu_arena_chunk *older;
    size_t room; /* bytes behind this header */
};
_Static_assert(sizeof(tu_arena_chunk) % ALIGNMENT == 0, "memory behind the header must be aligned");

void tu_arena_init(tu_arena *a, size_t max) {
    *a = (tu_arena){.max = max};
}

static void use_chunk(tu_arena *a, tu_arena_chunk *chunk) {
    a->chunks = chunk;
    a->next = chunk ? (char *)(chunk + 1) : NULL;
    a->end = chunk ? a->next + chunk->room : NULL;
}

static bool add_chunk(tu_arena *a, size_t n) {
    size_t room = a->chunks ? a->chunks->room * 2 : FIRST_CHUNK;
    if (room > LARGEST_STEP)
        room = LARGEST_STEP;
    if (room < n)
        room = n;
    if (room > SIZE_MAX - sizeof(tu_arena_chunk))
        return false;
    tu_arena_chunk *chunk = tu_malloc(sizeof *chunk + room);
    if (chunk == NULL)
        return false;
    chunk->older = a->chunks;
    chunk->room = room;
    use_chunk(a, chunk);
    return true;
}

void *tu_arena_alloc(tu_arena *a, size_t n) {
    if (n == 0)
        n = 1;
    if (n > SIZE_MAX - ALIGNMENT)
        return NULL;
    n = (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (a->max != 0 && (n > a->max || a->used > a->max - n))
        return NULL;
    if ((size_t)(a->end - a->next) < n && !add_chunk(a, n))
        return NULL;
    void *p = a->next;
    a->next += n;
    a->used += n;
    return p;
}

void *tu_arena_zalloc(tu_arena *a, size_t n) {
    void *p = tu_arena_alloc(a, n);
    return p ? memset(p, 0, n) : NULL;
}

tu_str tu_arena_copy(tu_arena *a, tu_str s) {
    char *p = s.n < SIZE_MAX ? tu_arena_alloc(a, s.n + 1) : NULL;
    if (p == NULL)
        return (tu_str){NULL, 0};
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (tu_str){p, s.n};
}

char *tu_arena_printf(tu_arena *a, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *p = n < 0 ? NULL : tu_arena_alloc(a, (size_t)n + 1);
    if (p == NULL)
        return NULL;
    va_start(args, format);
    vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    return p;
}

void tu_arena_reset(tu_arena *a) {
    tu_arena_chunk *kept = a->chunks;
    for (tu_arena_chunk *c = a->chunks; c; c = c->older)
        if (c->room > kept->room)
            kept = c;
    for (tu_arena_chunk *c = a->chunks, *older; c; c = older) {
        older = c->older;
        if (c != kept)
            free(c);
    }
    if (kept)
        kept->older = NULL;
    use_chunk(a, kept);
    a->used = 0;
}

void tu_arena_done(tu_arena *a) {
    for (tu_arena_chunk *c = a->chunks, *older; c; c = older) {
        older = c->older;
        free(c);
    }
    *a = (tu_arena){.max = a->max};
}
