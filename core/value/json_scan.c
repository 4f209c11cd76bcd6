/*
 * value/json_scan.c: where one JSON value ends in a stream of bytes, without parsing it.
 *
 * Lists of objects are cut into objects here while they arrive, so every byte of a cluster passes.
 * 64 bytes are looked at as four bit masks (quotes, backslashes, opening and closing brackets);
 * which bits lie inside strings comes from the running parity of the unescaped quotes. The
 * technique is that of simdjson (Langdale and Lemire, "Parsing gigabytes of JSON per second",
 * 2019, 3.1.1). Most blocks can't close the value (fewer closing brackets than levels are open):
 * they only move the depth.
 *
 * The scanner only counts brackets outside strings: it accepts texts that are not JSON, and the
 * parser refuses them afterwards. It agrees with the parser about the end of every text that is
 * JSON, however the text is cut (tests/fuzz/fuzz_json_scan.c).
 */
#include "value/json.h"

#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define BLOCK 64u

typedef struct masks {
    uint64_t quotes, backslashes, opening, closing; /* one bit a byte, the first byte lowest */
} masks;

static masks classify(const char *p) {
    masks m = {0};
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'),
                  lower = _mm_set1_epi8(0x20), open = _mm_set1_epi8('{'),
                  close = _mm_set1_epi8('}');
    for (unsigned i = 0; i < BLOCK; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i folded = _mm_or_si128(v, lower); /* '[' becomes '{' and ']' becomes '}' */
        m.quotes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, quote)) << i;
        m.backslashes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, backslash)) << i;
        m.opening |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(folded, open)) << i;
        m.closing |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(folded, close)) << i;
    }
#else
    for (unsigned i = 0; i < BLOCK; i++) {
        uint64_t bit = UINT64_C(1) << i;
        m.quotes |= p[i] == '"' ? bit : 0;
        m.backslashes |= p[i] == '\\' ? bit : 0;
        m.opening |= p[i] == '{' || p[i] == '[' ? bit : 0;
        m.closing |= p[i] == '}' || p[i] == ']' ? bit : 0;
    }
#endif
    return m;
}

/* Which bytes are escaped by the backslash before them. *carry: is the first one, and will the next
 * block's first be? */
static uint64_t escaped_bytes(uint64_t backslashes, bool *carry) {
    const uint64_t even = UINT64_C(0x5555555555555555);
    if (!backslashes) {
        uint64_t escaped = *carry;
        *carry = false;
        return escaped;
    }
    backslashes &= ~(uint64_t)*carry;
    uint64_t follows = backslashes << 1 | *carry;
    /* Adding the starts of runs at odd positions lets the carry run through each run: it comes out
     * at its end */
    uint64_t odd_starts = backslashes & ~even & ~follows, runs_end;
    *carry = __builtin_add_overflow(odd_starts, backslashes, &runs_end);
    return (even ^ runs_end << 1) & follows;
}

/* Bit i of the result: parity of the bits 0..i. Between an opening quote and its closing one it
 * is 1. */
static uint64_t running_parity(uint64_t bits) {
    for (unsigned shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

/* Goes through the brackets of a block one by one. Returns the length up to the end of the value,
 * or 0. */
static size_t walk_brackets(tu_json_scan *s, uint64_t opening, uint64_t closing) {
    for (uint64_t rest = opening | closing; rest; rest &= rest - 1) {
        unsigned at = (unsigned)__builtin_ctzll(rest);
        if (opening >> at & 1)
            s->depth++;
        else if (--s->depth == 0)
            return at + 1;
    }
    return 0;
}

/* One block inside a value. Returns the length up to its end, or 0 when it goes on. */
static size_t scan_block(tu_json_scan *s, const char *p) {
    masks m = classify(p);
    uint64_t quotes = m.quotes & ~escaped_bytes(m.backslashes, &s->escaped);
    uint64_t inside = running_parity(quotes) ^ (s->in_string ? ~UINT64_C(0) : 0);
    s->in_string = inside >> 63;
    uint64_t opening = m.opening & ~inside, closing = m.closing & ~inside;
    uint32_t closes = (uint32_t)__builtin_popcountll(closing);
    if (closes >= s->depth)
        return walk_brackets(s, opening, closing);
    s->depth += (uint32_t)__builtin_popcountll(opening) - closes;
    return 0;
}

/* The same for one byte. True when the value ends with it. */
static bool scan_byte(tu_json_scan *s, char c) {
    bool escaped = s->escaped;
    s->escaped = c == '\\' && !escaped;
    if (c == '"' && !escaped)
        s->in_string = !s->in_string;
    if (s->in_string)
        return false;
    if (c == '{' || c == '[')
        s->depth++;
    else if (c == '}' || c == ']')
        return --s->depth == 0;
    return false;
}

static bool is_gap(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == ',';
}

size_t tu_json_scan_feed(tu_json_scan *s, tu_str bytes, bool *ret_complete) {
    size_t at = 0;
    *ret_complete = false;
    if (!s->started) {
        while (at < bytes.n && is_gap(bytes.p[at]))
            at++;
        if (at == bytes.n || (bytes.p[at] != '{' && bytes.p[at] != '['))
            return at;
        s->started = true;
    }
    while (at < bytes.n) {
        size_t n = 0;
        if (bytes.n - at >= BLOCK) {
            n = scan_block(s, bytes.p + at);
            at += n ? n : BLOCK;
        } else {
            n = scan_byte(s, bytes.p[at++]);
        }
        if (n) {
            *s = (tu_json_scan){0};
            *ret_complete = true;
            return at;
        }
    }
    return at;
}
