/*
 * base/buf.c: growth by doubling, up to max.
 *
 * Invariant: p is NULL, or capacity bytes of which n are content and p[n] is NUL. After a failure
 * the content stays what it was before the append that failed.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { FIRST_CAPACITY = 64 };

void tu_buf_init(tu_buf *b, size_t max) {
    *b = (tu_buf){.max = max};
}

static bool fail(tu_buf *b, tu_rc rc) {
    b->rc = rc;
    return false;
}

/* Makes room for n more bytes and the NUL. */
static bool reserve(tu_buf *b, size_t n) {
    if (b->rc != TU_OK)
        return false;
    if (n > b->max || b->n > b->max - n)
        return fail(b, TU_EINVALID);
    if (b->n + n > SIZE_MAX / 2 - 1)
        return fail(b, TU_EINTERNAL);
    size_t needed = b->n + n + 1;
    if (needed <= b->capacity)
        return true;
    size_t capacity = b->capacity ? b->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > b->max && b->max >= needed - 1)
        capacity = b->max < SIZE_MAX ? b->max + 1 : b->max;
    char *p = tu_realloc(b->p, capacity);
    if (p == NULL)
        return fail(b, TU_EINTERNAL);
    b->p = p;
    b->capacity = capacity;
    return true;
}

void tu_buf_add(tu_buf *b, tu_str s) {
    if (!reserve(b, s.n))
        return;
    if (s.n)
        memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
    b->p[b->n] = '\0';
}

void tu_buf_add_c(tu_buf *b, const char *s) {
    tu_buf_add(b, tu_str_c(s));
}

void tu_buf_add_byte(tu_buf *b, char byte) {
    tu_buf_add(b, (tu_str){&byte, 1});
}

void tu_buf_addf(tu_buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        if (b->rc == TU_OK)
            b->rc = TU_EINTERNAL;
        return;
    }
    if (!reserve(b, (size_t)n))
        return;
    va_start(args, format);
    vsnprintf(b->p + b->n, (size_t)n + 1, format, args);
    va_end(args);
    b->n += (size_t)n;
}

/* The escape of a byte that can't stand in a JSON string as it is. */
static void add_json_escape(tu_buf *b, unsigned char byte) {
    switch (byte) {
    case '"':
        tu_buf_add(b, TU_S("\\\""));
        return;
    case '\\':
        tu_buf_add(b, TU_S("\\\\"));
        return;
    case '\n':
        tu_buf_add(b, TU_S("\\n"));
        return;
    case '\r':
        tu_buf_add(b, TU_S("\\r"));
        return;
    case '\t':
        tu_buf_add(b, TU_S("\\t"));
        return;
    default:
        tu_buf_addf(b, "\\u%04x", byte);
    }
}

void tu_buf_add_json_string(tu_buf *b, tu_str s) {
    tu_buf_add_byte(b, '"');
    size_t plain = 0; /* start of the run that is copied as it is */
    for (size_t i = 0; i < s.n;) {
        unsigned char byte = (unsigned char)s.p[i];
        if (byte < 0x80 && byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f) {
            i++;
            continue;
        }
        size_t length = byte < 0x80 ? 1 : tu_utf8_length((tu_str){s.p + i, s.n - i});
        if (byte >= 0x80 && length > 0) {
            i += length;
            continue;
        }
        tu_buf_add(b, (tu_str){s.p + plain, i - plain});
        if (byte >= 0x80)
            tu_buf_add(b, TU_S("\xef\xbf\xbd"));
        else
            add_json_escape(b, byte);
        plain = ++i;
    }
    if (s.n > plain)
        tu_buf_add(b, (tu_str){s.p + plain, s.n - plain});
    tu_buf_add_byte(b, '"');
}

void tu_buf_consume(tu_buf *b, size_t n) {
    if (n > b->n)
        n = b->n;
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->n - n + 1);
    b->n -= n;
}

void tu_buf_clear(tu_buf *b) {
    b->n = 0;
    b->rc = TU_OK;
    if (b->p)
        b->p[0] = '\0';
}

void tu_buf_done(tu_buf *b) {
    free(b->p);
    *b = (tu_buf){.max = b->max};
}

tu_str tu_buf_str(const tu_buf *b) {
    return (tu_str){b->p ? b->p : "", b->n};
}

const char *tu_buf_c(const tu_buf *b) {
    return b->p ? b->p : "";
}

char *tu_buf_take(tu_buf *b) {
    if (b->p == NULL)
        reserve(b, 0);
    char *p = NULL;
    if (b->rc == TU_OK) {
        p = b->p;
        p[b->n] = '\0';
        b->p = NULL;
    }
    tu_buf_done(b);
    return p;
}
