/*
 * base/error.h: what went wrong, where, and why, as an object that is passed down.
 *
 * Functions that can fail return TU_OK or a negative tu_rc and take `tu_error **error` as their
 * last parameter. It may be NULL; it is set only on failure and only when it points to NULL. The
 * caller frees it.
 *
 *     return tu_error_set(error, TU_EINVALID, "branch '%s' is not in %s", branch, url);
 *
 * Messages start in lower case, have no full stop, say what to do next where that is known, and
 * never hold a secret. Running out of memory gives a static object that tu_error_free() leaves
 * alone.
 */
#ifndef TU_BASE_ERROR_H
#define TU_BASE_ERROR_H

#include <stdint.h>
#include <trueup/plugin.h>

typedef struct tu_error {
    tu_rc rc;
    char *message;          /* never NULL */
    char *code;             /* a stable word for programs, or NULL */
    char *file;             /* where in the user's input, or NULL */
    int64_t line, column;   /* 1-based; 0: unknown */
    char *hint;             /* "did you mean 'prune'?", or NULL */
    int64_t retry_after_ms; /* what the peer asked for; 0: nothing */
} tu_error;

/* All return rc, so that they can be returned. */
tu_rc tu_error_set(tu_error **error, tu_rc rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
tu_rc tu_error_set_at(tu_error **error, tu_rc rc, const char *file, int64_t line, int64_t column,
                      const char *format, ...) __attribute__((format(printf, 6, 7)));
tu_rc tu_error_memory(tu_error **error); /* TU_EINTERNAL, the static object */
/* Puts "text: " in front of the message. Takes an unset error too. Returns (*error)->rc, or TU_OK.
 */
tu_rc tu_error_context(tu_error **error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void tu_error_hint(tu_error **error, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tu_error_code(tu_error **error, const char *code);
void tu_error_free(tu_error *e);              /* takes NULL */
void tu_error_freep(tu_error **e);            /* for _cleanup_ */
const char *tu_error_text(const tu_error *e); /* the message, "unknown error" for NULL */
const char *
tu_rc_name(tu_rc rc); /* "invalid", "denied", "not-found", "conflict", "unavailable", "throttled",
                  "timeout", "cancelled", "unsupported", "integrity", "internal", "refused", "ok" */
/* "file:line:column: error: message" with the hint on a line of its own; for people, ends in a
 * newline. */
struct tu_buf;
void tu_error_print(const tu_error *e, struct tu_buf *out);

/* Several errors of one input, all found before any is reported. */
typedef struct tu_errors {
    tu_error **items;
    size_t n;
} tu_errors;
void tu_errors_add(tu_errors *list, tu_error *e); /* takes over e; NULL is ignored */
void tu_errors_done(tu_errors *list);

#endif
