/*
 * plugin/secret.c: opens secrets, and scrubs them out of what plugins say.
 *
 * A value exists in one private mapping, kept out of core dumps and wiped before it goes. What
 * stays is a needle: the length, a rolling hash under a random base and an HMAC under a random key.
 * A text is searched by rolling the hash over it and confirming hits with the HMAC, so the process
 * can recognise a secret that it no longer knows.
 *
 * To add another spelling that must be found (as JSON and URLs escape values): one more call in
 * tu_needles_add().
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "plugin/internal.h"

#define MODULUS ((UINT64_C(1) << 61) - 1) /* a Mersenne prime: reducing is two additions */
#define TMPFS 0x01021994                  /* TMPFS_MAGIC, linux/magic.h */

/* --- needles ---------------------------------------------------------------------------------- */

__extension__ typedef unsigned __int128 wide;

static uint64_t times(uint64_t a, uint64_t b) {
    wide product = (wide)a * b;
    uint64_t sum = (uint64_t)(product & MODULUS) + (uint64_t)(product >> 61);
    return sum >= MODULUS ? sum - MODULUS : sum;
}

static uint64_t plus(uint64_t a, uint64_t b) {
    uint64_t sum = a + b;
    return sum >= MODULUS ? sum - MODULUS : sum;
}

static uint64_t rolling_hash(uint64_t base, tu_str s) {
    uint64_t h = 0;
    for (size_t i = 0; i < s.n; i++)
        h = plus(times(h, base), (unsigned char)s.p[i] + 1u);
    return h;
}

void tu_needles_init(tu_needles *k) {
    memset(k, 0, sizeof *k);
    pthread_mutex_init(&k->lock, NULL);
    if (tu_random(k->key, sizeof k->key) != TU_OK || tu_random(&k->base, sizeof k->base) != TU_OK)
        abort(); /* no kernel that we run on is without getrandom() */
    k->base = k->base % (MODULUS - 1024) + 512;
}

void tu_needles_done(tu_needles *k) {
    pthread_mutex_destroy(&k->lock);
    explicit_bzero(k->key, sizeof k->key);
}

static bool is_needle(const tu_needles *k, const tu_needle *needle, tu_str s) {
    uint8_t digest[32];
    if (needle->n != s.n)
        return false;
    tu_hmac_sha256((tu_str){(const char *)k->key, sizeof k->key}, s, digest);
    return memcmp(digest, needle->digest, sizeof digest) == 0;
}

static void remember(tu_needles *k, tu_str value) {
    tu_needle needle = {.n = value.n};
    if (!value.n)
        return;
    needle.rolling = rolling_hash(k->base, value);
    for (size_t i = 0; i < k->n; i++)
        if (k->items[i].rolling == needle.rolling && is_needle(k, &k->items[i], value))
            return;
    tu_hmac_sha256((tu_str){(const char *)k->key, sizeof k->key}, value, needle.digest);
    k->items[k->next] = needle; /* the oldest gives way: tokens that rotate must not pile up */
    k->next = (k->next + 1) % TU_NEEDLES;
    k->n += k->n < TU_NEEDLES;
}

/* Spellings are as secret as the value: wiped like it. */
static void remember_spelling(tu_needles *k, tu_buf *b, size_t skip) {
    if (b->rc == TU_OK && b->n > 2 * skip)
        remember(k, (tu_str){b->p + skip, b->n - 2 * skip});
    if (b->p)
        explicit_bzero(b->p, b->capacity);
    tu_buf_done(b);
}

static bool is_unreserved(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_' || c == '~'; /* RFC 3986 section 2.3 */
}

void tu_needles_add(tu_needles *k, tu_str value) {
    /* Room from the start, so that growing leaves no copies behind. */
    tu_buf json = {
        .p = tu_xmalloc(value.n * 6 + 64), .capacity = value.n * 6 + 64, .max = value.n * 6 + 64};
    tu_buf url = {
        .p = tu_xmalloc(value.n * 3 + 64), .capacity = value.n * 3 + 64, .max = value.n * 3 + 64};
    tu_buf_add_json_string(&json, value);
    for (size_t i = 0; i < value.n; i++) {
        unsigned char byte = (unsigned char)value.p[i];
        if (is_unreserved(byte))
            tu_buf_add_byte(&url, (char)byte);
        else
            tu_buf_addf(&url, "%%%02X", byte);
    }
    pthread_mutex_lock(&k->lock);
    remember(k, value);
    remember_spelling(k, &json, 1); /* without the quotes */
    remember_spelling(k, &url, 0);
    pthread_mutex_unlock(&k->lock);
}

/* Marks every place where the needle stands. */
static void mark(const tu_needles *k, const tu_needle *needle, tu_str text, char *marks) {
    uint64_t h, highest = 1;
    if (needle->n > text.n)
        return;
    for (size_t i = 1; i < needle->n; i++)
        highest = times(highest, k->base);
    h = rolling_hash(k->base, (tu_str){text.p, needle->n});
    for (size_t at = 0;; at++) {
        tu_str window = {text.p + at, needle->n};
        if (h == needle->rolling && is_needle(k, needle, window))
            memset(marks + at, 1, needle->n);
        if (at + needle->n == text.n)
            return;
        uint64_t leaving = times(highest, (unsigned char)text.p[at] + 1u);
        h = plus(h, MODULUS - leaving);
        h = plus(times(h, k->base), (unsigned char)text.p[at + needle->n] + 1u);
    }
}

void tu_needles_scrub(tu_needles *k, tu_str text, tu_buf *out) {
    _cleanup_(tu_freep) char *marks = NULL;
    pthread_mutex_lock(&k->lock);
    if (k->n && text.n) {
        marks = tu_xcalloc(text.n, 1);
        for (size_t i = 0; i < k->n; i++)
            mark(k, &k->items[i], text, marks);
    }
    pthread_mutex_unlock(&k->lock);
    if (!marks) {
        tu_buf_add(out, text);
        return;
    }
    for (size_t i = 0, end; i < text.n; i = end) {
        for (end = i; end < text.n && marks[end] == marks[i];)
            end++;
        if (marks[i])
            tu_buf_add_c(out, "<redacted>");
        else
            tu_buf_add(out, (tu_str){text.p + i, end - i});
    }
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Not in a Kubernetes Secret volume, which is a tmpfs with mode 0644 behind the pod's own fence. */
static bool is_loose(int fd, const struct stat *status) {
    struct statfs fs;
    return (status->st_mode & S_IROTH) && !(fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS);
}

static tu_rc read_file(const tu_secret *s, char *room, size_t *ret_n, bool *ret_loose,
                       tu_error **error) {
    struct stat status;
    size_t n = 0;
    ssize_t got = 1;
    int fd = open(s->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return tu_error_set(error, TU_EDENIED, "%s: the secret's file %s can't be read: %s",
                            s->property, s->file, strerrordesc_np(errno));
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        close(fd);
        return tu_error_set(error, TU_EDENIED, "%s: the secret's file %s is a directory",
                            s->property, s->file);
    }
    *ret_loose = is_loose(fd, &status);
    /* Two bytes more than allowed: a line break, and one to notice that there is more. */
    while (n < TU_LIMIT_SECRET_BYTES + 2 && got > 0) {
        got = read(fd, room + n, TU_LIMIT_SECRET_BYTES + 2 - n);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            n += (size_t)got;
    }
    close(fd);
    if (got < 0)
        return tu_error_set(error, TU_EDENIED, "%s: the secret's file %s can't be read: %s",
                            s->property, s->file, strerrordesc_np(errno));
    if (n && room[n - 1] == '\n')
        n--;
    *ret_n = n;
    return TU_OK;
}

static tu_rc read_env(const tu_secret *s, char *room, size_t *ret_n, tu_error **error) {
    const char *value = getenv(s->env);
    size_t n;
    if (!value)
        return tu_error_set(error, TU_EDENIED, "%s: the environment variable %s is not set",
                            s->property, s->env);
    n = strlen(value);
    *ret_n = n > TU_LIMIT_SECRET_BYTES ? TU_LIMIT_SECRET_BYTES + 1 : n;
    memcpy(room, value, *ret_n);
    return TU_OK;
}

tu_rc tu_secret_open(const tu_secret *s, tu_needles *k, void (*use)(void *arg, tu_str value),
                     void *arg, bool *ret_loose, tu_error **error) {
    const size_t room_bytes = TU_LIMIT_SECRET_BYTES + 4096;
    char *room = mmap(NULL, room_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t n = 0;
    tu_rc rc;

    if (room == MAP_FAILED)
        return tu_error_memory(error);
    madvise(room, room_bytes, MADV_DONTDUMP);
    rc = s->env ? read_env(s, room, &n, error) : read_file(s, room, &n, ret_loose, error);
    if (rc == TU_OK && n == 0)
        rc = tu_error_set(error, TU_EDENIED, "%s: the secret in %s is empty", s->property,
                          s->env ? s->env : s->file);
    if (rc == TU_OK && n > TU_LIMIT_SECRET_BYTES)
        rc = tu_error_set(error, TU_EDENIED,
                          "%s: the secret in %s exceeds TU_LIMIT_SECRET_BYTES (%u bytes)",
                          s->property, s->env ? s->env : s->file, TU_LIMIT_SECRET_BYTES);
    if (rc == TU_OK) {
        tu_needles_add(k, (tu_str){room, n}); /* first, so that even use() can't say it */
        use(arg, (tu_str){room, n});
    }
    explicit_bzero(room, room_bytes);
    munmap(room, room_bytes);
    return rc;
}

void tu_secret_done(tu_secret *s) {
    free(s->property);
    free(s->env);
    free(s->file);
}
