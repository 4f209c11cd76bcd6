/*
 * base/hash.c: thin covers over xxHash and OpenSSL.
 *
 * Digests can fail only for want of memory or a broken installation;
 * there is no safe answer then (a wrong digest would be a wrong verdict), so the process ends.
 */
#include "base/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "base/str.h"

static const char *bytes_of(tu_str s) {
    return s.n ? s.p : "";
}

uint64_t tu_hash64(tu_str s) {
    return XXH3_64bits(bytes_of(s), s.n);
}

uint64_t tu_hash64_seed(tu_str s, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes_of(s), s.n, seed);
}

static void must(bool done) {
    if (!done) {
        fputs("trueup: OpenSSL can't compute SHA-256; check the installation of libcrypto\n",
              stderr);
        abort();
    }
}

/* OpenSSL looks an algorithm up by its name, which costs more than a digest of a few bytes: once for the process. */
static const EVP_MD *sha256;
static void find_sha256(void) {
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    must(sha256 != NULL);
}

/* Of two texts, one behind the other. */
static void digest(tu_str first, tu_str second, uint8_t out[32]) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_sha256);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    must(c && EVP_DigestInit_ex2(c, sha256, NULL) &&
         EVP_DigestUpdate(c, bytes_of(first), first.n) &&
         EVP_DigestUpdate(c, bytes_of(second), second.n) && EVP_DigestFinal_ex(c, out, NULL));
    EVP_MD_CTX_free(c);
}

void tu_sha256(tu_str s, uint8_t out[32]) {
    digest((tu_str){NULL, 0}, s, out);
}

/* RFC 2104: H(key ^ opad | H(key ^ ipad | text)) */
void tu_hmac_sha256(tu_str key, tu_str s, uint8_t out[32]) {
    enum { BLOCK = 64 };
    uint8_t padded[BLOCK] = {0}, inner[BLOCK], outer[BLOCK];
    if (key.n > BLOCK)
        tu_sha256(key, padded);
    else
        memcpy(padded, bytes_of(key), key.n);
    for (size_t i = 0; i < BLOCK; i++) {
        inner[i] = padded[i] ^ 0x36;
        outer[i] = padded[i] ^ 0x5c;
    }
    digest((tu_str){(const char *)inner, BLOCK}, s, out);
    digest((tu_str){(const char *)outer, BLOCK}, (tu_str){(const char *)out, 32}, out);
    explicit_bzero(padded, sizeof padded);
    explicit_bzero(inner, sizeof inner);
    explicit_bzero(outer, sizeof outer);
}

void tu_hex(const uint8_t *bytes, size_t n, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

tu_rc tu_random(void *out, size_t n) {
    for (uint8_t *p = out; n > 0;) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return TU_EINTERNAL;
        p += got;
        n -= (size_t)got;
    }
    return TU_OK;
}
