/* text.c: see text.h. */
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool kube_str_is(tu_str s, const char *text) {
    return s.n == strlen(text) && (s.n == 0 || memcmp(s.p, text, s.n) == 0);
}

static bool reserve(kube_text *t, size_t more) {
    size_t limit = t->limit ? t->limit : KUBE_LIMIT_DOCUMENT_BYTES;
    if (t->failed || more > limit || t->n > limit - more) {
        t->failed = true;
        return false;
    }
    if (t->n + more + 1 <= t->capacity)
        return true;
    size_t capacity = t->capacity ? t->capacity * 2 : 256;
    while (capacity < t->n + more + 1)
        capacity *= 2;
    char *p = malloc(capacity);
    if (!p) {
        t->failed = true;
        return false;
    }
    if (t->n)
        memcpy(p, t->p, t->n);
    if (t->secret && t->p) /* realloc would leave a copy behind */
        explicit_bzero(t->p, t->capacity);
    free(t->p);
    t->p = p;
    t->capacity = capacity;
    return true;
}

void kube_text_add(kube_text *t, const char *p, size_t n) {
    if (!reserve(t, n))
        return;
    if (n)
        memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = '\0';
}

void kube_text_string(kube_text *t, const char *s) {
    kube_text_add(t, s, strlen(s));
}

void kube_text_print(kube_text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char small[512];
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(small, sizeof(small), format, args);
    if (n >= 0 && (size_t)n < sizeof(small))
        kube_text_add(t, small, (size_t)n);
    else if (n >= 0 && reserve(t, (size_t)n)) {
        vsnprintf(t->p + t->n, (size_t)n + 1, format, again);
        t->n += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void kube_text_quote(kube_text *t, tu_str s) {
    kube_text_add(t, "\"", 1);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            kube_text_print(t, "\\%c", c);
        else if (c < 0x20)
            kube_text_print(t, "\\u%04x", c);
        else
            kube_text_add(t, s.p + i, 1);
    }
    kube_text_add(t, "\"", 1);
}

void kube_text_segment(kube_text *t, tu_str s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain)
            kube_text_add(t, s.p + i, 1);
        else
            kube_text_print(t, "%%%02X", c);
    }
}

void kube_text_clear(kube_text *t) {
    if (t->secret && t->p)
        explicit_bzero(t->p, t->capacity);
    t->n = 0;
    t->failed = false;
    if (t->p)
        t->p[0] = '\0';
}

void kube_text_done(kube_text *t) {
    kube_text_clear(t);
    free(t->p);
    t->p = NULL;
    t->capacity = 0;
}

tu_str kube_text_str(const kube_text *t) {
    return (tu_str){t->p ? t->p : "", t->n};
}

char *kube_copy(tu_str s) {
    return strndup(s.p ? s.p : "", s.n);
}

void kube_free_secret(char *s) {
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

int kube_read_file(const char *path, kube_text *ret) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno;
    struct stat st;
    int error = 0;
    if (fstat(fd, &st) != 0)
        error = errno;
    else if (!S_ISREG(st.st_mode))
        error = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    ret->limit = KUBE_LIMIT_FILE_BYTES;
    char chunk[8192];
    while (!error) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            error = errno;
        if (n <= 0)
            break;
        kube_text_add(ret, chunk, (size_t)n);
        if (ret->failed)
            error = EFBIG;
    }
    if (ret->secret)
        explicit_bzero(chunk, sizeof(chunk));
    close(fd);
    if (!error)
        kube_text_add(ret, "", 0);
    return error;
}
