/*
 * base/error.c: error objects.
 *
 * Invariant: message is never NULL. Where an error can't be made for want of memory, the static one
 * stands in, and nothing is ever written to it.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

static tu_error out_of_memory = {.rc = TU_EINTERNAL, .message = (char[]){"out of memory"}};

static bool is_static(const tu_error *e) {
    return e == &out_of_memory;
}

__attribute__((format(printf, 1, 0))) static char *format_text(const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *text = n < 0 ? NULL : tu_malloc((size_t)n + 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

static char *copy_text(const char *s) {
    size_t n = strlen(s) + 1;
    char *copy = tu_malloc(n);
    return copy ? memcpy(copy, s, n) : NULL;
}

__attribute__((format(printf, 5, 0))) static tu_error *
make(tu_rc rc, const char *file, int64_t line, int64_t column, const char *format, va_list args) {
    tu_error *e = tu_calloc(1, sizeof *e);
    if (e == NULL)
        return &out_of_memory;
    e->rc = rc;
    e->line = line;
    e->column = column;
    e->message = format_text(format, args);
    e->file = file ? copy_text(file) : NULL;
    if (e->message == NULL || (file && e->file == NULL)) {
        tu_error_free(e);
        return &out_of_memory;
    }
    return e;
}

tu_rc tu_error_set(tu_error **error, tu_rc rc, const char *format, ...) {
    if (error && *error == NULL) {
        va_list args;
        va_start(args, format);
        *error = make(rc, NULL, 0, 0, format, args);
        va_end(args);
    }
    return rc;
}

tu_rc tu_error_set_at(tu_error **error, tu_rc rc, const char *file, int64_t line, int64_t column,
                      const char *format, ...) {
    if (error && *error == NULL) {
        va_list args;
        va_start(args, format);
        *error = make(rc, file, line, column, format, args);
        va_end(args);
    }
    return rc;
}

tu_rc tu_error_memory(tu_error **error) {
    if (error && *error == NULL)
        *error = &out_of_memory;
    return TU_EINTERNAL;
}

tu_rc tu_error_context(tu_error **error, const char *format, ...) {
    if (error == NULL || *error == NULL)
        return TU_OK;
    tu_error *e = *error;
    if (is_static(e))
        return e->rc;
    va_list args;
    va_start(args, format);
    char *context = format_text(format, args);
    va_end(args);
    size_t n = context ? strlen(context) + strlen(e->message) + 3 : 0;
    char *message = context ? tu_malloc(n) : NULL;
    if (message) {
        snprintf(message, n, "%s: %s", context, e->message);
        free(e->message);
        e->message = message;
    } /* otherwise the error stays as it was: less context, the same cause */
    free(context);
    return e->rc;
}

static void replace(char **place, char *text) {
    if (text == NULL)
        return; /* no memory: the error is told without it */
    free(*place);
    *place = text;
}

void tu_error_hint(tu_error **error, const char *format, ...) {
    if (error == NULL || *error == NULL || is_static(*error))
        return;
    va_list args;
    va_start(args, format);
    replace(&(*error)->hint, format_text(format, args));
    va_end(args);
}

void tu_error_code(tu_error **error, const char *code) {
    if (error == NULL || *error == NULL || is_static(*error) || code == NULL)
        return;
    replace(&(*error)->code, copy_text(code));
}

void tu_error_free(tu_error *e) {
    if (e == NULL || is_static(e))
        return;
    free(e->message);
    free(e->code);
    free(e->file);
    free(e->hint);
    free(e);
}

void tu_error_freep(tu_error **e) {
    tu_error_free(*e);
    *e = NULL;
}

const char *tu_error_text(const tu_error *e) {
    return e ? e->message : "unknown error";
}

const char *tu_rc_name(tu_rc rc) {
    static const char *const names[] = {
        "ok",      "invalid",   "denied",      "not-found", "conflict", "unavailable", "throttled",
        "timeout", "cancelled", "unsupported", "integrity", "internal", "refused",
    };
    int64_t i = -(int64_t)rc;
    return i >= 0 && i < (int64_t)(sizeof names / sizeof *names) ? names[i] : "internal";
}

void tu_error_print(const tu_error *e, tu_buf *out) {
    if (e && e->file) {
        tu_buf_add_c(out, e->file);
        if (e->line > 0)
            tu_buf_addf(out, ":%lld", (long long)e->line);
        if (e->line > 0 && e->column > 0)
            tu_buf_addf(out, ":%lld", (long long)e->column);
        tu_buf_add_c(out, ": ");
    }
    tu_buf_addf(out, "error: %s\n", tu_error_text(e));
    if (e && e->hint)
        tu_buf_addf(out, "  hint: %s\n", e->hint);
}

void tu_errors_add(tu_errors *list, tu_error *e) {
    if (e == NULL)
        return;
    bool full = (list->n & (list->n - 1)) == 0; /* capacity is the next power of two */
    if (full)
        list->items = tu_xrealloc(list->items, (list->n ? list->n * 2 : 1) * sizeof *list->items);
    list->items[list->n++] = e;
}

void tu_errors_done(tu_errors *list) {
    for (size_t i = 0; i < list->n; i++)
        tu_error_free(list->items[i]);
    free(list->items);
    *list = (tu_errors){0};
}
