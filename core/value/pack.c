/*
 * value/pack.c: see pack.h.
 *
 *     value   = head [line] payload
 *     head    = code in the low four bits, how the line differs from the value before in the next two
 *     payload = nothing (null, false, true) | integer | bytes (number, string)
 *             | count values (list) | count (key value)... (map) | digest type bytes (sealed)
 *     key     = number in the table + 1 | 0 bytes
 *     bytes   = length and that many
 *     line, integer: zigzag; they, counts, numbers and lengths are little-endian base 128
 *
 * The reader checks every length against what is left, so that broken bytes are an error and never a
 * read behind their end.
 */
#include "value/pack.h"

#include <string.h>

#include "base/limits.h"

/* Keys longer than this, or beyond this many, stand where they are used: they seldom repeat. */
#define LONGEST_SHARED_KEY 64u
#define MOST_SHARED_KEYS 4096u

typedef enum {
    CODE_NULL,
    CODE_FALSE,
    CODE_TRUE,
    CODE_INTEGER,
    CODE_NUMBER,
    CODE_STRING,
    CODE_LIST,
    CODE_MAP,
    CODE_SEALED
} code;

enum { SAME_LINE, NEXT_LINE, OTHER_LINE };

/* --- writing --------------------------------------------------------------------------------- */

typedef struct writer {
    tu_map *keys;
    tu_buf *out;
    uint32_t line; /* of the value before */
} writer;

static void write_unsigned(writer *w, uint64_t n) {
    char bytes[10];
    size_t used = 0;
    for (; n >= 0x80; n >>= 7)
        bytes[used++] = (char)(0x80 | (n & 0x7f));
    bytes[used++] = (char)n;
    tu_buf_add(w->out, (tu_str){bytes, used});
}

static void write_signed(writer *w, int64_t n) {
    write_unsigned(w, (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0));
}

static void write_bytes(writer *w, tu_str s) {
    write_unsigned(w, s.n);
    tu_buf_add(w->out, s);
}

static void write_key(writer *w, tu_str key) {
    uintptr_t number = 0;
    if (key.n <= LONGEST_SHARED_KEY) {
        number = (uintptr_t)tu_map_get(w->keys, key);
        if (!number && w->keys->n < MOST_SHARED_KEYS) {
            number = w->keys->n + 1;
            tu_map_put(w->keys, key, (void *)number);
        }
    }
    write_unsigned(w, number);
    if (!number)
        write_bytes(w, key);
}

static code code_of(const tu_value *v) {
    static const uint8_t codes[] = {
        [TU_NULL] = CODE_NULL,     [TU_BOOL] = CODE_FALSE,    [TU_INTEGER] = CODE_INTEGER,
        [TU_NUMBER] = CODE_NUMBER, [TU_STRING] = CODE_STRING, [TU_LIST] = CODE_LIST,
        [TU_MAP] = CODE_MAP,       [TU_SEALED] = CODE_SEALED};
    return v->type == TU_BOOL && v->boolean ? CODE_TRUE : (code)codes[v->type];
}

static void write_value(writer *w, const tu_value *v) {
    int64_t lines = (int64_t)v->line - w->line;
    unsigned how = lines == 0 ? SAME_LINE : lines == 1 ? NEXT_LINE : OTHER_LINE;
    tu_buf_add_byte(w->out, (char)(code_of(v) | how << 4));
    if (how == OTHER_LINE)
        write_signed(w, lines);
    w->line = v->line;
    switch ((tu_type)v->type) {
    case TU_NULL:
    case TU_BOOL:
        break;
    case TU_INTEGER:
        write_signed(w, v->integer);
        break;
    case TU_NUMBER:
    case TU_STRING:
        write_bytes(w, v->string);
        break;
    case TU_LIST:
        write_unsigned(w, v->list.n);
        for (uint32_t i = 0; i < v->list.n; i++)
            write_value(w, &v->list.items[i]);
        break;
    case TU_MAP:
        write_unsigned(w, v->map.n);
        for (uint32_t i = 0; i < v->map.n; i++) {
            write_key(w, v->map.members[i].key);
            write_value(w, &v->map.members[i].value);
        }
        break;
    case TU_SEALED:
        tu_buf_add(w->out, (tu_str){(const char *)v->sealed->digest, sizeof(v->sealed->digest)});
        tu_buf_add_byte(w->out, (char)v->sealed->type);
        write_bytes(w, v->sealed->bytes);
        break;
    }
}

void tu_pack_write(tu_map *keys, tu_buf *out, const tu_value *v) {
    writer w = {.keys = keys, .out = out};
    write_value(&w, v);
}

/* --- reading --------------------------------------------------------------------------------- */

typedef struct reader {
    const tu_map *keys;
    const char *p, *end;
    tu_arena *arena;
    uint32_t line;
    unsigned depth;
} reader;

static bool read_value(reader *r, tu_value *out);

static bool read_unsigned(reader *r, uint64_t *ret) {
    uint64_t n = 0;
    for (unsigned shift = 0; r->p < r->end && shift < 64; shift += 7) {
        uint8_t byte = (uint8_t)*r->p++;
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = n;
            return true;
        }
    }
    return false;
}

static bool read_signed(reader *r, int64_t *ret) {
    uint64_t n;
    if (!read_unsigned(r, &n))
        return false;
    *ret = (int64_t)(n >> 1 ^ (n & 1 ? UINT64_MAX : 0));
    return true;
}

static bool read_bytes(reader *r, tu_str *ret) {
    uint64_t n;
    if (!read_unsigned(r, &n) || n > (uint64_t)(r->end - r->p))
        return false;
    *ret = (tu_str){r->p, (size_t)n};
    r->p += n;
    return true;
}

static bool read_key(reader *r, tu_str *ret) {
    uint64_t number;
    if (!read_unsigned(r, &number) || number > r->keys->n)
        return false;
    if (!number)
        return read_bytes(r, ret);
    *ret = r->keys->entries[number - 1].key;
    return true;
}

/* How many children follow, and room for them; each takes a byte at least. */
static bool begin_children(reader *r, size_t size, uint32_t *ret_n, void *ret_room) {
    uint64_t n;
    if (!read_unsigned(r, &n) || n > (uint64_t)(r->end - r->p) || r->depth == TU_LIMIT_DEPTH)
        return false;
    void *room = n ? tu_arena_alloc(r->arena, (size_t)n * size) : NULL;
    memcpy(ret_room, &room, sizeof(room));
    *ret_n = (uint32_t)n;
    return !n || room;
}

static bool read_list(reader *r, tu_value *out) {
    if (!begin_children(r, sizeof(tu_value), &out->list.n, &out->list.items))
        return false;
    r->depth++;
    for (uint32_t i = 0; i < out->list.n; i++)
        if (!read_value(r, &out->list.items[i]))
            return false;
    r->depth--;
    return true;
}

static bool read_map(reader *r, tu_value *out) {
    if (!begin_children(r, sizeof(tu_member), &out->map.n, &out->map.members))
        return false;
    r->depth++;
    for (uint32_t i = 0; i < out->map.n; i++) {
        tu_member *m = &out->map.members[i];
        m->key_line = m->key_begin = 0;
        if (!read_key(r, &m->key) || !read_value(r, &m->value))
            return false;
    }
    r->depth--;
    return true;
}

static bool read_sealed(reader *r, tu_value *out) {
    tu_sealed *s = tu_arena_alloc(r->arena, sizeof(*s));
    if (!s || (size_t)(r->end - r->p) < sizeof(s->digest) + 1)
        return false;
    memcpy(s->digest, r->p, sizeof(s->digest));
    r->p += sizeof(s->digest);
    s->type = (uint8_t)*r->p++;
    out->sealed = s;
    return read_bytes(r, &s->bytes);
}

static bool read_payload(reader *r, code what, tu_value *out) {
    switch (what) {
    case CODE_NULL:
        out->type = TU_NULL;
        return true;
    case CODE_FALSE:
    case CODE_TRUE:
        out->type = TU_BOOL;
        out->boolean = what == CODE_TRUE;
        return true;
    case CODE_INTEGER:
        out->type = TU_INTEGER;
        return read_signed(r, &out->integer);
    case CODE_NUMBER:
    case CODE_STRING:
        out->type = what == CODE_NUMBER ? TU_NUMBER : TU_STRING;
        return read_bytes(r, &out->string);
    case CODE_LIST:
        out->type = TU_LIST;
        return read_list(r, out);
    case CODE_MAP:
        out->type = TU_MAP;
        return read_map(r, out);
    case CODE_SEALED:
        out->type = TU_SEALED;
        return read_sealed(r, out);
    }
    return false;
}

static bool read_value(reader *r, tu_value *out) {
    if (r->p == r->end)
        return false;
    uint8_t head = (uint8_t)*r->p++;
    int64_t lines = head >> 4 & 3;
    if (lines == OTHER_LINE && !read_signed(r, &lines))
        return false;
    r->line += (uint32_t)lines;
    memset(out, 0, sizeof(*out));
    out->line = r->line;
    return read_payload(r, (code)(head & 15), out);
}

tu_rc tu_pack_read(const tu_map *keys, tu_str packed, tu_arena *a, tu_value **ret) {
    reader r = {.keys = keys, .p = packed.p, .end = packed.p + packed.n, .arena = a};
    tu_value *v = tu_arena_alloc(a, sizeof(*v));
    if (!v || !read_value(&r, v) || r.p != r.end)
        return TU_EINTERNAL;
    *ret = v;
    return TU_OK;
}
