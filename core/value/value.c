/*
 * value/value.c: lookups, equality, builders, copies and seals.
 *
 * Invariants
 *   Recursion is as deep as the value, and readers limit depth (base/limits.h).
 *   Members and items that the builders allocated have room up to the next power of two, which the
 * flag TU_VALUE_GROWING says. A shallow copy that goes into a map or list loses the flag: only one
 * owner may append in place.
 */
#include "value/value.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "value/number.h"

const char *tu_type_name(tu_type t) {
    static const char *const names[] = {"null",   "boolean", "integer", "number",
                                        "string", "list",    "map",     "sealed"};
    return (size_t)t < sizeof names / sizeof *names ? names[t] : "unknown";
}

/* --- lookups ---------------------------------------------------------------------------------- */

bool tu_value_is(const tu_value *v, tu_type t) {
    return v != NULL && v->type == t;
}

const tu_member *tu_value_member(const tu_value *map, tu_str key) {
    if (!tu_value_is(map, TU_MAP))
        return NULL;
    for (uint32_t i = 0; i < map->map.n; i++)
        if (tu_str_eq(map->map.members[i].key, key))
            return &map->map.members[i];
    return NULL;
}

const tu_value *tu_value_get_str(const tu_value *map, tu_str key) {
    const tu_member *member = tu_value_member(map, key);
    return member ? &member->value : NULL;
}

const tu_value *tu_value_get(const tu_value *map, const char *key) {
    return tu_value_get_str(map, tu_str_c(key));
}

const tu_value *tu_value_at(const tu_value *list, size_t i) {
    return tu_value_is(list, TU_LIST) && i < list->list.n ? &list->list.items[i] : NULL;
}

const tu_value *tu_value_path(const tu_value *v, ...) {
    va_list args;
    va_start(args, v);
    for (const char *key; v && (key = va_arg(args, const char *)) != NULL;)
        v = tu_value_get(v, key);
    va_end(args);
    return v;
}

size_t tu_value_count(const tu_value *v) {
    if (tu_value_is(v, TU_LIST))
        return v->list.n;
    return tu_value_is(v, TU_MAP) ? v->map.n : 0;
}

tu_str tu_value_string(const tu_value *v) {
    return tu_value_is(v, TU_STRING) ? v->string : (tu_str){0};
}

tu_str tu_value_get_string(const tu_value *map, const char *key) {
    return tu_value_string(tu_value_get(map, key));
}

int64_t tu_value_integer(const tu_value *v, int64_t otherwise) {
    return tu_value_is(v, TU_INTEGER) ? v->integer : otherwise;
}

bool tu_value_boolean(const tu_value *v, bool otherwise) {
    return tu_value_is(v, TU_BOOL) ? v->boolean : otherwise;
}

/* --- equality --------------------------------------------------------------------------------- */

static bool is_number(const tu_value *v) {
    return v->type == TU_INTEGER || v->type == TU_NUMBER;
}

static int compare_members(const void *a, const void *b) {
    const tu_member *x = *(const tu_member *const *)a, *y = *(const tu_member *const *)b;
    return tu_str_compare(x->key, y->key);
}

static const tu_member **sorted_members(const tu_value *map) {
    const tu_member **order = tu_malloc(map->map.n * sizeof(tu_member *));
    if (order == NULL)
        return NULL;
    for (uint32_t i = 0; i < map->map.n; i++)
        order[i] = &map->map.members[i];
    qsort(order, map->map.n, sizeof(tu_member *), compare_members);
    return order;
}

/* Large maps in another order: by sorting, so that no input makes the comparison quadratic. */
static bool equal_sorted(const tu_value *a, const tu_value *b, bool *ret_equal) {
    _cleanup_(tu_freep) const tu_member **x = sorted_members(a);
    _cleanup_(tu_freep) const tu_member **y = sorted_members(b);
    if (x == NULL || y == NULL)
        return false;
    *ret_equal = true;
    for (uint32_t i = 0; i < a->map.n && *ret_equal; i++)
        *ret_equal = tu_str_eq(x[i]->key, y[i]->key) && tu_value_equal(&x[i]->value, &y[i]->value);
    return true;
}

static bool equal_maps(const tu_value *a, const tu_value *b) {
    enum { SMALL = 32 };
    if (a->map.n != b->map.n)
        return false;
    uint32_t i = 0; /* usually the order is the same */
    for (; i < a->map.n && tu_str_eq(a->map.members[i].key, b->map.members[i].key); i++)
        if (!tu_value_equal(&a->map.members[i].value, &b->map.members[i].value))
            return false;
    bool equal;
    if (a->map.n - i > SMALL && equal_sorted(a, b, &equal))
        return equal;
    for (; i < a->map.n; i++) {
        const tu_value *other = tu_value_get_str(b, a->map.members[i].key);
        if (other == NULL || !tu_value_equal(&a->map.members[i].value, other))
            return false;
    }
    return true;
}

static bool equal_lists(const tu_value *a, const tu_value *b) {
    if (a->list.n != b->list.n)
        return false;
    for (uint32_t i = 0; i < a->list.n; i++)
        if (!tu_value_equal(&a->list.items[i], &b->list.items[i]))
            return false;
    return true;
}

bool tu_value_equal(const tu_value *a, const tu_value *b) {
    if (a == b)
        return true;
    if (a == NULL || b == NULL)
        return false;
    if (is_number(a) && is_number(b))
        return tu_number_compare(a, b) == 0;
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case TU_NULL:
        return true;
    case TU_BOOL:
        return a->boolean == b->boolean;
    case TU_STRING:
        return tu_str_eq(a->string, b->string);
    case TU_LIST:
        return equal_lists(a, b);
    case TU_MAP:
        return equal_maps(a, b);
    default: /* a keyed digest: whoever can measure the time of this learns nothing of the value */
        return memcmp(a->sealed->digest, b->sealed->digest, sizeof a->sealed->digest) == 0;
    }
}

static uint64_t mix(uint64_t hash, uint64_t next) {
    return tu_hash64_seed((tu_str){(const char *)&next, sizeof next}, hash);
}

uint64_t tu_value_hash(const tu_value *v) {
    if (v == NULL)
        return 0;
    uint64_t hash = is_number(v) ? TU_NUMBER : v->type;
    switch (v->type) {
    case TU_NULL:
        return mix(hash, 0);
    case TU_BOOL:
        return mix(hash, v->boolean);
    case TU_INTEGER:
    case TU_NUMBER:
        return tu_number_hash(v, hash);
    case TU_STRING:
        return tu_hash64_seed(v->string, hash);
    case TU_LIST:
        for (uint32_t i = 0; i < v->list.n; i++)
            hash = mix(hash, tu_value_hash(&v->list.items[i]));
        return mix(hash, v->list.n);
    case TU_MAP: {
        uint64_t sum = 0; /* of the members, so that order doesn't count */
        for (uint32_t i = 0; i < v->map.n; i++)
            sum += mix(tu_hash64(v->map.members[i].key), tu_value_hash(&v->map.members[i].value));
        return mix(hash, sum);
    }
    default:
        return tu_hash64_seed((tu_str){(const char *)v->sealed->digest, sizeof v->sealed->digest},
                              hash);
    }
}

/* --- builders --------------------------------------------------------------------------------- */

tu_value *tu_value_new(tu_arena *a, tu_type t) {
    tu_value *v = tu_arena_zalloc(a, sizeof *v);
    if (v)
        v->type = (uint8_t)t;
    return v;
}

tu_value *tu_value_new_string(tu_arena *a, tu_str s) {
    tu_value *v = tu_value_new(a, TU_STRING);
    if (v)
        v->string = s;
    return v;
}

tu_value *tu_value_new_integer(tu_arena *a, int64_t i) {
    tu_value *v = tu_value_new(a, TU_INTEGER);
    if (v)
        v->integer = i;
    return v;
}

tu_value *tu_value_new_boolean(tu_arena *a, bool b) {
    tu_value *v = tu_value_new(a, TU_BOOL);
    if (v)
        v->boolean = b;
    return v;
}

/* Room for one more than n elements. Returns the array to use, NULL when memory is exhausted. */
static void *make_room(tu_arena *a, tu_value *v, void *elements, uint32_t n, size_t size) {
    enum { FIRST = 4 };
    bool has_room = (v->flags & TU_VALUE_GROWING) && n >= 1 && (n < FIRST || (n & (n - 1)) != 0);
    if (has_room)
        return elements;
    if (n >= UINT32_MAX / 2)
        return NULL;
    size_t capacity = FIRST;
    while (capacity <= n)
        capacity *= 2;
    void *larger = tu_arena_alloc(a, capacity * size);
    if (larger == NULL)
        return NULL;
    if (n)
        memcpy(larger, elements, n * size);
    v->flags |= TU_VALUE_GROWING;
    return larger;
}

static tu_value shallow_copy(const tu_value *v) {
    tu_value copy = *v;
    copy.flags &= (uint8_t)~TU_VALUE_GROWING;
    return copy;
}

tu_value *tu_value_set(tu_arena *a, tu_value *map, tu_str key, const tu_value *v) {
    if (v == NULL || !tu_value_is(map, TU_MAP))
        return NULL;
    tu_value copy = shallow_copy(v); /* v may stand in this very map */
    tu_member *member = (tu_member *)tu_value_member(map, key);
    if (member == NULL) {
        tu_member *members = make_room(a, map, map->map.members, map->map.n, sizeof *members);
        if (members == NULL)
            return NULL;
        map->map.members = members;
        member = &members[map->map.n++];
        *member = (tu_member){.key = key};
    }
    member->value = copy;
    return &member->value;
}

tu_value *tu_value_set_string(tu_arena *a, tu_value *map, const char *key, tu_str s) {
    return tu_value_set(a, map, tu_str_c(key), &(tu_value){.type = TU_STRING, .string = s});
}

tu_value *tu_value_set_integer(tu_arena *a, tu_value *map, const char *key, int64_t i) {
    return tu_value_set(a, map, tu_str_c(key), &(tu_value){.type = TU_INTEGER, .integer = i});
}

tu_value *tu_value_set_boolean(tu_arena *a, tu_value *map, const char *key, bool b) {
    return tu_value_set(a, map, tu_str_c(key), &(tu_value){.type = TU_BOOL, .boolean = b});
}

tu_value *tu_value_push(tu_arena *a, tu_value *list, const tu_value *v) {
    if (v == NULL || !tu_value_is(list, TU_LIST))
        return NULL;
    tu_value copy = shallow_copy(v);
    tu_value *items = make_room(a, list, list->list.items, list->list.n, sizeof *items);
    if (items == NULL)
        return NULL;
    list->list.items = items;
    tu_value *place = &items[list->list.n++];
    *place = copy;
    return place;
}

bool tu_value_remove(tu_value *map, tu_str key) {
    tu_member *member = (tu_member *)tu_value_member(map, key);
    if (member == NULL)
        return false;
    size_t behind = (size_t)(map->map.members + map->map.n - (member + 1));
    memmove(member, member + 1, behind * sizeof *member);
    map->map.n--;
    return true;
}

/* --- copies ----------------------------------------------------------------------------------- */

static bool copy_into(tu_arena *a, tu_value *to, const tu_value *from);

static bool copy_list(tu_arena *a, tu_value *to, const tu_value *from) {
    to->list.items = tu_arena_alloc(a, from->list.n * sizeof *to->list.items);
    if (to->list.items == NULL)
        return false;
    for (uint32_t i = 0; i < from->list.n; i++)
        if (!copy_into(a, &to->list.items[i], &from->list.items[i]))
            return false;
    return true;
}

static bool copy_map(tu_arena *a, tu_value *to, const tu_value *from) {
    to->map.members = tu_arena_alloc(a, from->map.n * sizeof *to->map.members);
    if (to->map.members == NULL)
        return false;
    for (uint32_t i = 0; i < from->map.n; i++) {
        tu_member *member = &to->map.members[i];
        *member = from->map.members[i];
        member->key = tu_arena_copy(a, member->key);
        if (member->key.p == NULL || !copy_into(a, &member->value, &from->map.members[i].value))
            return false;
    }
    return true;
}

static bool copy_sealed(tu_arena *a, tu_value *to, const tu_value *from) {
    tu_sealed *sealed = tu_arena_alloc(a, sizeof *sealed);
    if (sealed == NULL)
        return false;
    *sealed = *from->sealed;
    sealed->bytes = tu_arena_copy(a, sealed->bytes);
    to->sealed = sealed;
    return sealed->bytes.p != NULL;
}

static bool copy_into(tu_arena *a, tu_value *to, const tu_value *from) {
    *to = shallow_copy(from);
    switch (from->type) {
    case TU_STRING:
    case TU_NUMBER:
        to->string = tu_arena_copy(a, from->string);
        return to->string.p != NULL;
    case TU_LIST:
        return copy_list(a, to, from);
    case TU_MAP:
        return copy_map(a, to, from);
    case TU_SEALED:
        return copy_sealed(a, to, from);
    default:
        return true;
    }
}

tu_value *tu_value_copy(tu_arena *a, const tu_value *v) {
    tu_value *copy = v ? tu_arena_alloc(a, sizeof *copy) : NULL;
    return copy && copy_into(a, copy, v) ? copy : NULL;
}

/* --- seals ------------------------------------------------------------------------------------ */

/* The key lives as long as the process and never leaves it: digests of two runs can't be compared,
 * nor guessed from a store. */
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static struct {
    tu_rc rc;
    uint8_t bytes[32];
} seal_key;

static void make_key(void) {
    seal_key.rc = tu_random(seal_key.bytes, sizeof seal_key.bytes);
}

/* The first byte keeps apart what the digest is taken of: 'c' canonical bytes, 'j' JSON text. */
static tu_rc seal_digest(char form, tu_str bytes, uint8_t out[16]) {
    uint8_t digest[32];
    tu_buf input = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES * 6u + 3u);
    tu_buf_add_byte(&input, form);
    tu_buf_add(&input, bytes);
    tu_rc rc = input.rc;
    if (rc == TU_OK) {
        tu_hmac_sha256((tu_str){(const char *)seal_key.bytes, sizeof seal_key.bytes},
                       tu_buf_str(&input), digest);
        memcpy(out, digest, 16);
    }
    if (input.p)
        OPENSSL_cleanse(input.p, input.capacity);
    tu_buf_done(&input);
    return rc;
}

static void write_scalar(tu_buf *b, const tu_value *v) {
    switch (v->type) {
    case TU_BOOL:
        tu_buf_add_c(b, v->boolean ? "true" : "false");
        return;
    case TU_INTEGER:
        tu_buf_addf(b, "%lld", (long long)v->integer);
        return;
    case TU_NUMBER:
        tu_buf_add(b, v->string);
        return;
    case TU_STRING:
        tu_buf_add_json_string(b, v->string);
        return;
    default:
        tu_buf_add_c(b, "null");
    }
}

static tu_rc seal_scalar(tu_arena *a, tu_value *v, tu_str canonical, tu_error **error) {
    tu_buf text = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES * 6u + 2u); /* every byte may be escaped */
    write_scalar(&text, v);
    tu_sealed *sealed = text.rc == TU_OK ? tu_arena_zalloc(a, sizeof *sealed) : NULL;
    bool done = false;
    if (sealed) {
        sealed->type = v->type;
        sealed->bytes = tu_arena_copy(a, tu_buf_str(&text));
        tu_rc rc = canonical.n ? seal_digest('c', canonical, sealed->digest)
                               : seal_digest('j', tu_buf_str(&text), sealed->digest);
        done = sealed->bytes.p != NULL && rc == TU_OK;
    }
    if (text.p)
        OPENSSL_cleanse(text.p, text.capacity);
    tu_buf_done(&text);
    if (!done)
        return tu_error_memory(error);
    v->type = TU_SEALED;
    v->sealed = sealed;
    return TU_OK;
}

static tu_rc seal(tu_arena *a, tu_value *v, tu_str canonical, tu_error **error) {
    tu_rc rc = TU_OK;
    switch (v->type) {
    case TU_SEALED:
        return TU_OK;
    case TU_LIST:
        for (uint32_t i = 0; i < v->list.n && rc == TU_OK; i++)
            rc = seal(a, &v->list.items[i], (tu_str){0}, error);
        return rc;
    case TU_MAP:
        for (uint32_t i = 0; i < v->map.n && rc == TU_OK; i++)
            rc = seal(a, &v->map.members[i].value, (tu_str){0}, error);
        return rc;
    default:
        return seal_scalar(a, v, canonical, error);
    }
}

tu_rc tu_value_seal(tu_arena *a, tu_value *v, tu_str canonical, tu_error **error) {
    pthread_once(&key_once, make_key);
    if (seal_key.rc != TU_OK)
        return tu_error_set(error, seal_key.rc,
                            "the system gives no random bytes for the key that seals secrets");
    return seal(a, v, canonical, error);
}
