/*
 * value/json.c: the JSON reader (RFC 8259).
 *
 * One pass, recursive descent, no look-back. Strings without escapes point into the text; those
 * with escapes are decoded into the arena. Live objects of a cluster all come through here, so the
 * hot paths (plain strings, white space, small integers) work on 16 or 8 bytes at once and
 * everything rare stands in functions of its own.
 *
 * Invariants:
 *   - `next` never passes `end`; nothing outside [begin, end) is read.
 *   - Newlines are only legal between tokens, so lines are counted in skip_space() alone. Errors
 *     count their line and column anew from the text, whether lines are counted or not.
 *   - Numbers: what fits int64 exactly is TU_INTEGER, -0 included (it becomes 0, as in the API
 *     server's own decoder). All else (fractions, exponents, larger integers) is a TU_NUMBER with
 *     its text.
 *   - depth is that of the open containers; the stack of unfinished children (collect.h) is empty
 *     again at the end.
 *
 * The writer stands in json_write.c, the search for the end of a value in a stream in json_scan.c.
 */
#include "value/json.h"

#include <stdarg.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/limits.h"
#include "base/str.h"
#include "value/collect.h"
#include "value/schema.h"

typedef struct reader {
    const char *begin, *next, *end;
    tu_arena *arena;
    uint32_t line, newline; /* newline: what a '\n' adds to line; 0 when lines aren't counted */
    uint32_t nodes, depth;
    bool cut; /* `end` is the size limit, not the end of the text */
    const char *file;
    tu_rc rc;
    tu_error **error;
    tu_collect children;
} reader;

static bool read_value(reader *r, tu_value *out);

/* --- errors --------------------------------------------------------------------------------- */

static int64_t line_of(const reader *r, const char *at) {
    int64_t line = 1;
    for (const char *p = r->begin; (p = memchr(p, '\n', (size_t)(at - p))) != NULL; p++)
        line++;
    return line;
}

static bool fail_memory(reader *r) {
    r->rc = tu_error_memory(r->error);
    return false;
}

static bool __attribute__((format(printf, 3, 4)))
fail(reader *r, const char *at, const char *format, ...) {
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    tu_str text = {r->begin, (size_t)(r->end - r->begin)};
    r->rc = tu_error_set_at(r->error, TU_EINVALID, r->file, line_of(r, at),
                            tu_text_column(text, (size_t)(at - r->begin)), "%s", message);
    return false;
}

/* What stands at a place, for messages: "end of the text", "'}'", "byte 0x07". */
static const char *found(const reader *r, const char *at, char room[24]) {
    if (at >= r->end)
        return "the end of the text";
    unsigned char c = (unsigned char)*at;
    if (c == '\'')
        return "a single quote";
    if (c <= ' ' || c >= 0x7f)
        snprintf(room, 24, "byte 0x%02x", c);
    else
        snprintf(room, 24, "'%c'", c);
    return room;
}

static bool fail_expected(reader *r, const char *expected) {
    if (r->next == r->end && r->cut)
        return fail(r, r->next, "the document is larger than %u bytes (TU_LIMIT_DOCUMENT_BYTES)",
                    TU_LIMIT_DOCUMENT_BYTES);
    char room[24];
    return fail(r, r->next, "expected %s, found %s", expected, found(r, r->next, room));
}

/* --- between tokens ------------------------------------------------------------------------- */

static inline void skip_space(reader *r) {
    const char *p = r->next;
    for (; p < r->end; p++) {
        if (*p == '\n')
            r->line += r->newline;
        else if (*p != ' ' && *p != '\t' && *p != '\r')
            break;
    }
    r->next = p;
}

static inline bool at_byte(const reader *r, char c) {
    return r->next < r->end && *r->next == c;
}

/* --- strings -------------------------------------------------------------------------------- */

/* The first byte in [p, end) that isn't plain text of a string: quote, backslash, control character
 * or not ASCII. */
static inline const char *skip_plain(const char *p, const char *end) {
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'),
                  space = _mm_set1_epi8(' ');
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* compared as signed bytes: what is below ' ' are the control characters and 0x80 to 0xff
         */
        __m128i special =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)),
                         _mm_cmplt_epi8(v, space));
        int mask = _mm_movemask_epi8(special);
        if (mask)
            return p + __builtin_ctz((unsigned)mask);
    }
#else
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80;
    for (; end - p >= 8; p += 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        uint64_t quote = v ^ (ones * '"'), backslash = v ^ (ones * '\\');
        if (((v - ones * ' ') | (quote - ones) | (backslash - ones) | v) & tops)
            break;
    }
#endif
    while (p < end && (unsigned char)*p >= ' ' && (unsigned char)*p < 0x80 && *p != '"' &&
           *p != '\\')
        p++;
    return p;
}

/* The length of the UTF-8 sequence at p (its lead byte is not ASCII); 0 when it is broken. RFC 3629
 * section 4. */
static unsigned utf8_length(const char *text, const char *end) {
    const unsigned char *p = (const unsigned char *)text;
    size_t room = (size_t)(end - text);
    unsigned char lead = p[0], low = 0x80, high = 0xbf; /* bounds of the second byte */
    unsigned n = lead >= 0xc2 && lead <= 0xdf   ? 2
                 : lead >= 0xe0 && lead <= 0xef ? 3
                 : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                : 0;
    if (n == 0 || room < n)
        return 0;
    if (lead == 0xe0)
        low = 0xa0; /* overlong */
    else if (lead == 0xed)
        high = 0x9f; /* surrogates */
    else if (lead == 0xf0)
        low = 0x90; /* overlong */
    else if (lead == 0xf4)
        high = 0x8f; /* beyond U+10FFFF */
    if (p[1] < low || p[1] > high)
        return 0;
    for (unsigned i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Four hex digits at p, or -1. */
static int hex_quad(const char *p, const char *end) {
    int value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

static char *put_utf8(char *out, unsigned code) {
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* One \uXXXX (or a surrogate pair of them) at p; returns what follows it, or NULL after an error.
 */
static const char *decode_unicode(reader *r, const char *p, const char *end, char **out) {
    int code = hex_quad(p + 2, end);
    if (code < 0) {
        fail(r, p, "\\u needs four hexadecimal digits");
        return NULL;
    }
    if (code < 0xd800 || code > 0xdfff) {
        *out = put_utf8(*out, (unsigned)code);
        return p + 6;
    }
    int low =
        code <= 0xdbff && end - p >= 8 && p[6] == '\\' && p[7] == 'u' ? hex_quad(p + 8, end) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        fail(r, p, "\\u%04x is half of a surrogate pair: the other half is missing",
             (unsigned)code);
        return NULL;
    }
    *out = put_utf8(*out, 0x10000u + ((unsigned)(code - 0xd800) << 10) + (unsigned)(low - 0xdc00));
    return p + 12;
}

/* Decodes the escapes of [p, end), the inside of a string, into the arena. Decoding never makes it
 * longer. */
static bool decode_escapes(reader *r, const char *p, const char *end, tu_str *ret) {
    char *start = tu_arena_alloc(r->arena, (size_t)(end - p)), *out = start;
    if (!start)
        return fail_memory(r);
    while (p < end) {
        while (p < end && *p != '\\')
            *out++ = *p++;
        if (p == end)
            break;
        static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
        const char *name = p[1] ? strchr(names, p[1]) : NULL;
        if (name) {
            *out++ = bytes[name - names];
            p += 2;
        } else if (p[1] == 'u') {
            p = decode_unicode(r, p, end, &out);
            if (!p)
                return false;
        } else {
            char room[24];
            return fail(r, p, "%s can't be escaped in a string (write \\\\ for a backslash)",
                        found(r, p + 1, room));
        }
    }
    *ret = (tu_str){start, (size_t)(out - start)};
    return true;
}

/* At the opening quote. Leaves next behind the closing one. */
static bool read_string(reader *r, tu_str *ret) {
    const char *start = ++r->next, *p = start;
    bool escapes = false;
    for (;;) {
        p = skip_plain(p, r->end);
        if (p == r->end)
            break;
        unsigned char c = (unsigned char)*p;
        if (c == '"') {
            r->next = p + 1;
            if (escapes)
                return decode_escapes(r, start, p, ret);
            *ret = (tu_str){start, (size_t)(p - start)};
            return true;
        }
        if (c == '\\') {
            escapes = true;
            p += r->end - p < 2 ? 1 : 2;
        } else if (c < ' ') {
            return fail(r, p, "byte 0x%02x in a string must be escaped (\\u%04x)%s", c, c,
                        c == '\n' ? ": is a closing quote missing?" : "");
        } else {
            unsigned n = utf8_length(p, r->end);
            if (n == 0)
                return fail(r, p, "byte 0x%02x is not valid UTF-8", c);
            p += n;
        }
    }
    r->next = r->end;
    return r->cut ? fail_expected(r, "'\"'")
                  : fail(r, start - 1, "the string that begins here has no closing quote");
}

/* --- numbers and words ---------------------------------------------------------------------- */

static inline const char *skip_digits(const char *p, const char *end) {
    while (p < end && (unsigned)(*p - '0') <= 9)
        p++;
    return p;
}

/* The digits as an int64, when they fit. */
static bool fits_int64(const char *digits, const char *end, bool negative, int64_t *ret) {
    if (end - digits > 19)
        return false;
    uint64_t value = 0; /* 19 digits can't overflow it */
    for (const char *p = digits; p < end; p++)
        value = value * 10 + (uint64_t)(*p - '0');
    if (value > (uint64_t)INT64_MAX + negative)
        return false;
    *ret = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static bool read_number(reader *r, tu_value *out) {
    const char *start = r->next, *end = r->end;
    bool negative = *start == '-';
    const char *digits = start + negative, *p = skip_digits(digits, end);
    if (p == digits) {
        r->next = p;
        return fail_expected(r, "a digit");
    }
    if (*digits == '0' && p - digits > 1)
        return fail(r, start, "a number can't begin with 0 (JSON has no octal numbers)");
    bool integer = true;
    if (p < end && *p == '.') {
        const char *fraction = p + 1;
        integer = false;
        p = skip_digits(fraction, end);
        if (p == fraction) {
            r->next = p;
            return fail_expected(r, "a digit behind the decimal point");
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        const char *exponent = p + 1;
        integer = false;
        if (exponent < end && (*exponent == '+' || *exponent == '-'))
            exponent++;
        p = skip_digits(exponent, end);
        if (p == exponent) {
            r->next = p;
            return fail_expected(r, "a digit in the exponent");
        }
    }
    r->next = p;
    out->type = TU_INTEGER;
    if (integer && fits_int64(digits, p, negative, &out->integer))
        return true;
    out->type = TU_NUMBER;
    out->string = (tu_str){start, (size_t)(p - start)};
    return true;
}

static bool read_word(reader *r, tu_value *out) {
    static const struct {
        const char *text;
        size_t n;
        tu_type type;
        bool boolean;
    } words[] = {
        {"true", 4, TU_BOOL, true}, {"false", 5, TU_BOOL, false}, {"null", 4, TU_NULL, false}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((size_t)(r->end - r->next) >= words[i].n &&
            memcmp(r->next, words[i].text, words[i].n) == 0) {
            out->type = (uint8_t)words[i].type;
            out->boolean = words[i].boolean;
            r->next += words[i].n;
            return true;
        }
    }
    return fail_expected(r, "a value");
}

/* --- maps and lists ------------------------------------------------------------------------- */

static bool fail_duplicate(reader *r, const tu_member *first, const tu_member *second) {
    return fail(r, r->begin + second->key_begin,
                "the key \"%.*s%s\" stands twice in this map: first in line %lld",
                (int)(second->key.n > 80 ? 80 : second->key.n), second->key.p,
                second->key.n > 80 ? "..." : "",
                (long long)line_of(r, r->begin + first->key_begin));
}

static bool close_map(reader *r, size_t base, tu_value *out) {
    uint32_t n = (uint32_t)((r->children.used - base) / sizeof(tu_member)), pair[2];
    tu_member *members = (tu_member *)(void *)(r->children.bytes + base);
    tu_rc rc = tu_members_unique(members, &n, TU_MERGE_EXPLICIT_WINS, pair);
    if (rc == TU_EINVALID)
        return fail_duplicate(r, &members[pair[0]], &members[pair[1]]);
    out->map.members = rc == TU_OK ? tu_collect_take(&r->children, base, r->arena) : NULL;
    out->map.n = n;
    return out->map.members ? true : fail_memory(r);
}

static bool read_member(reader *r, tu_member *m) {
    skip_space(r);
    if (!at_byte(r, '"'))
        return fail_expected(r, at_byte(r, '}')
                                    ? "a key behind the comma (trailing commas are not JSON)"
                                    : "a key in quotes");
    m->key_line = r->line;
    m->key_begin = (uint32_t)(r->next - r->begin);
    if (!read_string(r, &m->key))
        return false;
    skip_space(r);
    if (!at_byte(r, ':'))
        return fail_expected(r, "':' behind the key");
    r->next++;
    return read_value(r, &m->value);
}

static bool read_map(reader *r, tu_value *out) {
    out->type = TU_MAP;
    out->map.members = NULL;
    out->map.n = 0;
    r->next++;
    skip_space(r);
    if (at_byte(r, '}')) {
        r->next++;
        return true;
    }
    size_t base = r->children.used;
    for (;;) {
        tu_member m;
        if (!read_member(r, &m))
            return false;
        tu_member *place = tu_collect_push(&r->children, sizeof(m));
        if (!place)
            return fail_memory(r);
        *place = m;
        skip_space(r);
        if (at_byte(r, '}'))
            break;
        if (!at_byte(r, ','))
            return fail_expected(r, "',' or '}'");
        r->next++;
    }
    r->next++;
    return close_map(r, base, out);
}

static bool read_list(reader *r, tu_value *out) {
    out->type = TU_LIST;
    out->list.items = NULL;
    out->list.n = 0;
    r->next++;
    skip_space(r);
    if (at_byte(r, ']')) {
        r->next++;
        return true;
    }
    size_t base = r->children.used;
    for (;;) {
        tu_value v;
        if (!read_value(r, &v))
            return false;
        tu_value *place = tu_collect_push(&r->children, sizeof(v));
        if (!place)
            return fail_memory(r);
        *place = v;
        skip_space(r);
        if (at_byte(r, ']'))
            break;
        if (!at_byte(r, ','))
            return fail_expected(r, "',' or ']'");
        r->next++;
    }
    r->next++;
    out->list.n = (uint32_t)((r->children.used - base) / sizeof(tu_value));
    out->list.items = tu_collect_take(&r->children, base, r->arena);
    return out->list.items ? true : fail_memory(r);
}

static bool read_container(reader *r, tu_value *out) {
    if (r->depth == TU_LIMIT_DEPTH)
        return fail(r, r->next, "nested deeper than %u levels (TU_LIMIT_DEPTH)", TU_LIMIT_DEPTH);
    r->depth++;
    bool ok = *r->next == '{' ? read_map(r, out) : read_list(r, out);
    r->depth--;
    return ok;
}

static bool read_value(reader *r, tu_value *out) {
    skip_space(r);
    if (r->next == r->end)
        return fail_expected(r, "a value");
    if (++r->nodes > TU_LIMIT_NODES)
        return fail(r, r->next, "more than %u values (TU_LIMIT_NODES)", TU_LIMIT_NODES);
    out->flags = 0;
    out->line = r->line;
    out->begin = (uint32_t)(r->next - r->begin);
    bool ok;
    switch (*r->next) {
    case '"':
        out->type = TU_STRING;
        ok = read_string(r, &out->string);
        break;
    case '{':
    case '[':
        ok = read_container(r, out);
        break;
    default:
        ok = *r->next == '-' || (*r->next >= '0' && *r->next <= '9') ? read_number(r, out)
                                                                     : read_word(r, out);
    }
    out->end = (uint32_t)(r->next - r->begin);
    return ok;
}

/* --- the whole ------------------------------------------------------------------------------ */

/* How much of the text a copy has to hold: with PREFIX not what stands behind the value. */
static size_t needed(tu_str text, unsigned flags) {
    tu_json_scan scan = {0};
    bool complete = false;
    size_t n = flags & TU_JSON_PREFIX ? tu_json_scan_feed(&scan, text, &complete) : 0;
    return complete ? n : text.n;
}

tu_rc tu_json_parse(tu_arena *a, tu_str text, unsigned flags, const char *file, tu_value **ret,
                    size_t *ret_length, tu_error **error) {
    reader r = {.arena = a, .file = file, .error = error};
    if (text.n > TU_LIMIT_DOCUMENT_BYTES) {
        if (!(flags & TU_JSON_PREFIX))
            return tu_error_set_at(
                error, TU_EINVALID, file, 0, 0,
                "the document has %zu bytes, more than %u (TU_LIMIT_DOCUMENT_BYTES)", text.n,
                TU_LIMIT_DOCUMENT_BYTES);
        text.n = TU_LIMIT_DOCUMENT_BYTES;
        r.cut = true;
    }
    if (flags & TU_JSON_COPY) {
        size_t n = needed(text, flags);
        r.cut = r.cut && n == text.n;
        text = tu_arena_copy(a, (tu_str){text.p, n});
        if (!text.p)
            return tu_error_memory(error);
    }
    r.begin = r.next = text.p ? text.p : "";
    r.end = r.begin + text.n;
    r.newline = flags & TU_JSON_NO_LINES ? 0 : 1;
    r.line = r.newline;
    tu_collect_init(&r.children);
    tu_value *root = tu_arena_alloc(a, sizeof(*root));
    if (!root)
        fail_memory(&r);
    else if (text.n >= 3 && memcmp(r.begin, "\xef\xbb\xbf", 3) == 0)
        fail(&r, r.begin,
             "the text begins with a byte order mark, which JSON does not allow: save it as UTF-8 "
             "without BOM");
    else if (read_value(&r, root) && !(flags & TU_JSON_PREFIX)) {
        skip_space(&r);
        if (r.next < r.end)
            fail_expected(&r, "nothing behind the value");
    }
    tu_collect_done(&r.children);
    if (r.rc != TU_OK)
        return r.rc;
    *ret = root;
    if (ret_length)
        *ret_length = (size_t)(r.next - r.begin);
    return TU_OK;
}
