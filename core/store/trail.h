/*
 * store/trail.h: one record of the audit trail, and what it means that one follows another. Knows no
 * database, so that a trail can be followed wherever it comes from: the store, the running service's
 * socket, an exported file.
 *
 *     hash(n) = SHA-256("trueup-audit-v1" | n | hash(n-1) | record n)      n from 1, without gaps
 *
 * n is 8 bytes, big endian. A record is its fields in the order of the struct, each with its length
 * in 4 bytes (big endian) in front, the time as decimal text of milliseconds; so no two different
 * records have the same bytes. hash(0) is SHA-256("trueup-audit-v1" | install id).
 *
 * As JSON it is one object on one line, everything that the hash is made of and the hash itself:
 *   {"n","time","timeMs","actor","action","rule","target","object":{"group","version","kind",
 *    "namespace","name"},"detail","previous","hash"}
 * detail stands as it was hashed, byte for byte: a JSON object as it is, anything else as a string.
 */
#ifndef TU_STORE_TRAIL_H
#define TU_STORE_TRAIL_H

#include "store/store.h"
#include "value/value.h"

/* A record that another can follow: its number and its hash. */
typedef struct tu_trail {
    int64_t n;
    uint8_t hash[32];
} tu_trail;

typedef struct tu_trail_record {
    int64_t n, wall_ms;
    tu_audit audit; /* UTF-8, see tu_store_audit_append */
    uint8_t previous[32], hash[32];
} tu_trail_record;

/* Before the first record. */
void tu_trail_begin(tu_trail *t, tu_str install_id);
/* The hash of what would follow. TU_EINVALID: larger than two documents may be. */
tu_rc tu_trail_hash(const tu_trail *t, int64_t wall_ms, const tu_audit *a, uint8_t out[32]);

typedef enum {
    TU_TRAIL_FOLLOWS,
    TU_TRAIL_MISSING, /* its number is too high: those between are gone */
    TU_TRAIL_ORDER,   /* its number is too low */
    TU_TRAIL_STRANGE, /* it follows another record than the one before it */
    TU_TRAIL_CHANGED, /* its own hash is another */
    TU_TRAIL_NO_MEMORY
} tu_trail_verdict;
/* Moves t on to r when it follows. */
tu_trail_verdict tu_trail_follow(tu_trail *t, const tu_trail_record *r);
/* Says where and how the trail is broken, for a verdict of r after t. */
tu_rc tu_trail_broken(const tu_trail *t, const tu_trail_record *r, tu_trail_verdict v,
                      tu_error **error);

/* One line, without a newline. */
void tu_trail_write(tu_buf *out, const tu_trail_record *r);
/* From a parsed line; text is what it was parsed from. Strings live as long as both. */
tu_rc tu_trail_read(const tu_value *line, tu_str text, tu_trail_record *ret, tu_error **error);

/* 64 hex digits. */
bool tu_trail_hash_parse(tu_str s, uint8_t out[32]);

#endif
