/*
 * text.h: growing text with a mandatory limit, and the few ways this plugin writes into one.
 *
 * A text remembers its first failure (out of memory, or the limit was passed) and ignores
 * everything after it, so that writers check once, at the end. A text that holds a credential is
 * wiped before its memory is freed: mark it `secret`.
 */
#ifndef KUBE_TEXT_H
#define KUBE_TEXT_H

#include <stdbool.h>
#include <trueup/plugin.h>

#define KUBE_LIMIT_OBJECT_BYTES                                                                    \
    (16u * 1024u * 1024u) /* one live object, one watch frame (TU_LIMIT_DOCUMENT_BYTES) */
#define KUBE_LIMIT_DOCUMENT_BYTES (64u * 1024u * 1024u) /* one discovery or OpenAPI answer */
#define KUBE_LIMIT_ERROR_BYTES (256u * 1024u)           /* the body of an error answer */
#define KUBE_LIMIT_FILE_BYTES                                                                      \
    (4u * 1024u * 1024u)      /* a kubeconfig, a certificate, a token file, an ExecCredential */
#define KUBE_LIMIT_DEPTH 256u /* nesting of JSON */

typedef struct kube_text {
    char *p;
    size_t n, capacity;
    size_t limit; /* 0: KUBE_LIMIT_DOCUMENT_BYTES */
    bool failed;
    bool secret;
} kube_text;

#define KUBE_STR(literal) ((tu_str){literal, sizeof(literal) - 1})
static inline tu_str kube_str(const char *s) {
    tu_str r = {s ? s : "", 0};
    while (r.p[r.n])
        r.n++;
    return r;
}
bool kube_str_is(tu_str s, const char *text);

void kube_text_add(kube_text *t, const char *p, size_t n);
void kube_text_string(kube_text *t, const char *s);
void kube_text_print(kube_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void kube_text_quote(kube_text *t, tu_str s); /* as a JSON string, with its quotes */
void kube_text_segment(
    kube_text *t, tu_str s); /* percent-encoded (RFC 3986), for a path segment or a query value */
void kube_text_clear(kube_text *t); /* empty, memory kept */
void kube_text_done(kube_text *t);  /* frees; the text is empty and usable again */
tu_str kube_text_str(const kube_text *t);

/* A copy that free() frees; NULL when out of memory. */
char *kube_copy(tu_str s);
/* Wipes and frees; takes NULL. */
void kube_free_secret(char *s);
/* Reads a whole regular file, at most KUBE_LIMIT_FILE_BYTES. 0 or an errno; the text is
 * NUL-terminated beyond its end. */
int kube_read_file(const char *path, kube_text *ret);

__attribute__((unused)) static inline void kube_text_cleanup(kube_text *t) {
    kube_text_done(t);
}
#define KUBE_TEXT __attribute__((cleanup(kube_text_cleanup))) kube_text

#endif
