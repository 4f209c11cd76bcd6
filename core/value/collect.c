/*
 * value/collect.c: the parsers' stack of unfinished children, and the search for duplicate keys.
 */
#include "value/collect.h"

#include "base/hash.h"

/* Up to this many members a key is compared with the others directly; above, through a hash table.
 */
#define SMALL_MAP 32u
#define NOT_FOUND UINT32_MAX

void tu_collect_init(tu_collect *c) {
    c->bytes = c->fixed;
    c->used = 0;
    c->capacity = sizeof(c->fixed);
}

void tu_collect_done(tu_collect *c) {
    if (c->bytes != c->fixed)
        free(c->bytes);
    tu_collect_init(c);
}

bool tu_collect_grow(tu_collect *c, size_t n) {
    size_t capacity = c->capacity * 2 > c->used + n ? c->capacity * 2 : c->used + n;
    char *bytes = tu_realloc(c->bytes == c->fixed ? NULL : c->bytes, capacity);
    if (!bytes)
        return false;
    if (c->bytes == c->fixed)
        memcpy(bytes, c->fixed, c->used);
    c->bytes = bytes;
    c->capacity = capacity;
    return true;
}

void *tu_collect_take(tu_collect *c, size_t base, tu_arena *a) {
    size_t n = c->used - base;
    void *place = tu_arena_alloc(a, n);
    if (place && n)
        memcpy(place, c->bytes + base, n);
    c->used = base;
    return place;
}

/* The keys seen so far: a filter of 64 bits in front of plain comparison for small maps, a table
 * for large ones. */
typedef struct seen_keys {
    uint64_t filter;
    uint32_t *slots; /* index + 1, open addressing; NULL for small maps */
    size_t mask;
    uint64_t
        seed; /* differs from run to run, so that nobody can write a document of colliding keys */
} seen_keys;

static uint64_t filter_bit(tu_str key) {
    unsigned first = key.n ? (unsigned char)key.p[0] : 0,
             last = key.n ? (unsigned char)key.p[key.n - 1] : 0;
    return UINT64_C(1) << ((key.n * 7 + first + last * 3) & 63);
}

/* The index of the same key among members[0, count), or NOT_FOUND. Remembers the key at `count`
 * when it is new. */
static uint32_t seen_before(seen_keys *seen, const tu_member *members, uint32_t count, tu_str key) {
    if (!seen->slots) {
        uint64_t bit = filter_bit(key);
        if (seen->filter & bit) {
            for (uint32_t i = 0; i < count; i++)
                if (tu_str_eq(members[i].key, key))
                    return i;
        }
        seen->filter |= bit;
        return NOT_FOUND;
    }
    size_t slot = tu_hash64_seed(key, seen->seed) & seen->mask;
    for (; seen->slots[slot]; slot = (slot + 1) & seen->mask)
        if (tu_str_eq(members[seen->slots[slot] - 1].key, key))
            return seen->slots[slot] - 1;
    seen->slots[slot] = count + 1;
    return NOT_FOUND;
}

/* While the search runs: the key was written out in this map, whatever value it has in the end. */
#define WRITTEN_OUT 64u

/* The same key stands at `earlier` and in `later`. False when both were written out. */
static bool resolve_repeat(tu_member *earlier, const tu_member *later, tu_merge_rule rule) {
    bool later_merged = later->value.flags & TU_VALUE_MERGED;
    uint8_t written_out = earlier->value.flags & WRITTEN_OUT;
    if (written_out && !later_merged)
        return false;
    if (!later_merged || rule == TU_MERGE_LAST_WINS) {
        *earlier = *later;
        earlier->value.flags |= written_out | (later_merged ? 0 : WRITTEN_OUT);
    }
    return true;
}

tu_rc tu_members_unique(tu_member *members, uint32_t *n, tu_merge_rule rule, uint32_t ret_pair[2]) {
    seen_keys seen = {.seed = (uintptr_t)&seen ^ (uintptr_t)members};
    if (*n > SMALL_MAP) {
        size_t slot_count = 128;
        while (slot_count < (size_t)*n * 2)
            slot_count *= 2;
        seen.slots = tu_calloc(slot_count, sizeof(uint32_t));
        if (!seen.slots)
            return TU_EINTERNAL;
        seen.mask = slot_count - 1;
    }
    tu_rc rc = TU_OK;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *n && rc == TU_OK; i++) {
        uint32_t earlier = seen_before(&seen, members, kept, members[i].key);
        if (earlier == NOT_FOUND) {
            if (kept != i)
                members[kept] = members[i];
            if (!(members[i].value.flags & TU_VALUE_MERGED))
                members[kept].value.flags |= WRITTEN_OUT;
            kept++;
        } else if (!resolve_repeat(&members[earlier], &members[i], rule)) {
            ret_pair[0] = earlier;
            ret_pair[1] = i;
            rc = TU_EINVALID;
        }
    }
    for (uint32_t i = 0; i < kept; i++)
        members[i].value.flags &= (uint8_t) ~(TU_VALUE_MERGED | WRITTEN_OUT);
    if (rc == TU_OK)
        *n = kept;
    free(seen.slots);
    return rc;
}
