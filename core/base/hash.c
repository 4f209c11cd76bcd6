/*
 * base/hash.c: thin covers over xxHash and OpenSSL.
 *
 * The one-shot functions of OpenSSL can fail only for want of memory or a broken installation;
 * there is no safe answer then (a wrong digest would be a wrong verdict), so the process ends.
 */
#include "base/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
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

static void must(const void *result) {
    if (result == NULL) {
        fputs("trueup: OpenSSL can't compute SHA-256; check the installation of libcrypto\n",
              stderr);
        abort();
    }
}

void tu_sha256(tu_str s, uint8_t out[32]) {
    must(SHA256((const unsigned char *)bytes_of(s), s.n, out));
}

void tu_hmac_sha256(tu_str key, tu_str s, uint8_t out[32]) {
    unsigned length = 32;
    must(HMAC(EVP_sha256(), bytes_of(key), (int)key.n, (const unsigned char *)bytes_of(s), s.n, out,
              &length));
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
