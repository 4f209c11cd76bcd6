/*
 * base/buf.h: a growing byte buffer that remembers its first failure.
 *
 * Append as often as needed and look at `rc` once at the end. Every buffer has a maximum, so
 * nothing from outside can make it grow without bound. The content always has a NUL behind it that
 * isn't counted.
 */
#ifndef TU_BASE_BUF_H
#define TU_BASE_BUF_H

#include <trueup/plugin.h>

typedef struct tu_buf {
    char *p;
    size_t n, capacity, max;
    tu_rc rc; /* TU_OK, or why appending stopped: TU_EINVALID (max reached) or TU_EINTERNAL (memory)
               */
} tu_buf;

#define TU_BUF_INIT(limit)                                                                         \
    { .max = (limit) }

void tu_buf_init(tu_buf *b, size_t max);
void tu_buf_add(tu_buf *b, tu_str s);
void tu_buf_add_c(tu_buf *b, const char *s); /* NUL-terminated */
void tu_buf_add_byte(tu_buf *b, char byte);
void tu_buf_addf(tu_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tu_buf_add_json_string(tu_buf *b,
                            tu_str s);    /* quoted and escaped; broken UTF-8 becomes U+FFFD */
void tu_buf_consume(tu_buf *b, size_t n); /* drops n bytes from the front */
void tu_buf_clear(tu_buf *b);             /* empties, keeps the memory, forgets the failure */
void tu_buf_done(tu_buf *b);
tu_str tu_buf_str(const tu_buf *b);    /* valid until the next change */
const char *tu_buf_c(const tu_buf *b); /* never NULL */
char *
tu_buf_take(tu_buf *b); /* hands over the memory (free() it) and empties b; NULL after a failure */

#endif
