/*
 * base/arena.h: memory that lives and dies together.
 *
 * An arena hands out memory by moving a pointer through chunks, and frees everything at once.
 * Parsing and judging one object uses one arena that is reset for the next object; a desired set
 * owns one for as long as it lives. Not thread-safe: an arena belongs to one thread at a time.
 *
 *     chunk -> [ used ........ | free ...... ] -> older chunk -> NULL
 */
#ifndef TU_BASE_ARENA_H
#define TU_BASE_ARENA_H

#include <trueup/plugin.h>

typedef struct tu_arena_chunk tu_arena_chunk;
typedef struct tu_arena {
    tu_arena_chunk *chunks; /* newest first */
    char *next, *end;       /* free part of the newest chunk */
    size_t used, max;       /* bytes handed out in all; the limit (0: none) */
} tu_arena;

/* max: how many bytes may be handed out between two resets, 0 for no limit. Allocates nothing yet.
 */
void tu_arena_init(tu_arena *a, size_t max);
/* 16-byte aligned, not zeroed. NULL when memory or the limit is exhausted. n may be 0. */
void *tu_arena_alloc(tu_arena *a, size_t n);
void *tu_arena_zalloc(tu_arena *a, size_t n);
/* Copies with a NUL behind; .p is NULL only when memory is exhausted. */
tu_str tu_arena_copy(tu_arena *a, tu_str s);
/* NUL-terminated formatted text, NULL when memory is exhausted. */
char *tu_arena_printf(tu_arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Forgets everything handed out and keeps the largest chunk for the next round. */
void tu_arena_reset(tu_arena *a);
void tu_arena_done(tu_arena *a);

#endif
