/*
 * base/mem.h: the heap, with a place to make it fail.
 *
 * Two rules for running out of memory. Where outside input decides the size (parsing, comparing,
 * buffers), functions return TU_EINTERNAL with the static error of base/error.h and lose nothing
 * but that input. Where the program keeps its own small books, tu_x...() ends the process with a
 * message: everything accepted is in the store, and a restart takes it up again.
 */
#ifndef TU_BASE_MEM_H
#define TU_BASE_MEM_H

#include <stddef.h>

/* As malloc, calloc, realloc; NULL on failure. Free with free(). */
void *tu_malloc(size_t n);
void *tu_calloc(size_t count, size_t size);
void *tu_realloc(void *p, size_t n);
/* As above, but end the process when memory is exhausted: never NULL (also for n = 0). */
void *tu_xmalloc(size_t n);
void *tu_xcalloc(size_t count, size_t size);
void *tu_xrealloc(void *p, size_t n);
char *tu_xstrdup(const char *s); /* NULL gives NULL */
/* Tests only: the n-th tu_malloc/calloc/realloc from now (1 = the next) returns NULL, once; 0
 * switches it off. Returns how many allocations were made since the last call. Not for tu_x...().
 */
size_t tu_mem_fail_after(size_t n);

/* Ownership seen at the declaration: `_cleanup_(tu_buf_done) tu_buf b;` and `return TU_TAKE(p);` */
#define _cleanup_(f) __attribute__((cleanup(f)))
#define TU_TAKE(p)                                                                                 \
    __extension__({                                                                                \
        __typeof__(p) taken = (p);                                                                 \
        (p) = NULL;                                                                                \
        taken;                                                                                     \
    })
void tu_freep(void *pp); /* for _cleanup_(tu_freep) char *s; */

#endif
