/*
 * base/hash.h: digests. XXH3 for tables and change detection (never for trust), SHA-256 and
 * HMAC-SHA-256 from OpenSSL for what must not be forged or guessed.
 */
#ifndef TU_BASE_HASH_H
#define TU_BASE_HASH_H

#include <trueup/plugin.h>

uint64_t tu_hash64(tu_str s);
uint64_t tu_hash64_seed(tu_str s, uint64_t seed); /* to chain several strings */
void tu_sha256(tu_str s, uint8_t out[32]);
void tu_hmac_sha256(tu_str key, tu_str s, uint8_t out[32]);
void tu_hex(const uint8_t *bytes, size_t n, char *out); /* 2n + 1 bytes of room */
tu_rc tu_random(void *out, size_t n);                   /* getrandom */

#endif
