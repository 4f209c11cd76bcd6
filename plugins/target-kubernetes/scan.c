/* scan.c: see scan.h. */
#include "scan.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <cjson/cJSON.h>
#include <stdlib.h>

enum {
    AT_ROOT,
    AT_KEY,
    IN_KEY,
    AT_COLON,
    AT_VALUE,
    IN_SCALAR,
    IN_SKIPPED,
    AT_ITEM,
    IN_CAPTURED,
    AT_END
};

static bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The first '"' or '\\' in a string. Strings are most of a body, so this is where the time goes. */
static const char *string_stop(const char *p, const char *end) {
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), escape = _mm_set1_epi8('\\');
    for (; end - p >= 16; p += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)p);
        unsigned hit = (unsigned)_mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, escape)));
        if (hit)
            return p + __builtin_ctz(hit);
    }
#endif
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* Goes on through a value that begins with a bracket. Returns the byte after its last one, or `end`
 * when the chunk is over first (then depth is not 0). *ret_result says when it is not JSON. */
static const char *nesting_walk(kube_nesting *s, const char *p, const char *end,
                                kube_scan_result *ret_result) {
    *ret_result = KUBE_SCAN_OK;
    while (p < end) {
        if (s->in_string) {
            if (s->escaped) {
                s->escaped = false;
                p++;
                continue;
            }
            p = string_stop(p, end);
            if (p < end) {
                s->escaped = *p == '\\';
                s->in_string = *p != '"';
                p++;
            }
            continue;
        }
        char c = *p++;
        if (c == '"') {
            s->in_string = true;
        } else if (c == '{' || c == '[') {
            if (s->depth == KUBE_LIMIT_DEPTH) {
                *ret_result = KUBE_SCAN_TOO_DEEP;
                return p;
            }
            uint64_t bit = UINT64_C(1) << (s->depth % 64), *word = &s->is_list[s->depth / 64];
            *word = c == '[' ? *word | bit : *word & ~bit;
            s->depth++;
        } else if (c == '}' || c == ']') {
            s->depth--; /* at least 1: the walk began at a bracket */
            bool list = s->is_list[s->depth / 64] >> (s->depth % 64) & 1;
            if (list != (c == ']')) {
                *ret_result = KUBE_SCAN_GARBAGE;
                return p;
            }
            if (s->depth == 0)
                return p;
        }
    }
    return p;
}

void kube_scan_begin(kube_scan *s, bool frames, int32_t (*on_value)(void *, kube_part, tu_str),
                     void *arg) {
    kube_text held = s->held;
    kube_text_clear(&held);
    *s = (kube_scan){
        .frames = frames, .on_value = on_value, .arg = arg, .held = held, .state = AT_ROOT};
    s->held.limit = KUBE_LIMIT_OBJECT_BYTES;
}

static kube_scan_result capture_end(kube_scan *s, const char *start, const char *end) {
    tu_str value = {start, (size_t)(end - start)};
    if (s->held.n) {
        kube_text_add(&s->held, value.p, value.n);
        value = kube_text_str(&s->held);
    }
    if (s->held.failed || value.n > KUBE_LIMIT_OBJECT_BYTES)
        return KUBE_SCAN_TOO_LARGE;
    int32_t stop = s->on_value(s->arg, s->part, value);
    if (s->held.capacity >
        KUBE_LIMIT_OBJECT_BYTES / 16) /* one huge object shall not be paid for ever */
        kube_text_done(&s->held);
    kube_text_clear(&s->held);
    return stop ? KUBE_SCAN_STOPPED : KUBE_SCAN_OK;
}

/* What may follow depends on where the value stands. */
static int state_after(const kube_scan *s) {
    if (s->part == KUBE_PART_FRAME)
        return AT_ROOT;
    return s->part == KUBE_PART_ITEM ? AT_ITEM : AT_KEY;
}

static kube_scan_result value_begin(kube_scan *s, char c) {
    bool items = s->key_n == 5 && memcmp(s->key, "items", 5) == 0;
    if (items && c == '[') {
        if (s->items_seen)
            return KUBE_SCAN_GARBAGE;
        s->items_seen = true;
        s->after_value = false;
        s->state = AT_ITEM;
    } else if (c == '{' || c == '[') {
        s->nesting = (kube_nesting){0};
        s->part = KUBE_PART_METADATA;
        s->state = c == '{' && s->key_n == 8 && memcmp(s->key, "metadata", 8) == 0 ? IN_CAPTURED
                                                                                   : IN_SKIPPED;
    } else {
        s->scalar_n = 0;
        s->scalar_string = c == '"';
        s->scalar_escaped = false;
        s->state = IN_SCALAR;
    }
    return KUBE_SCAN_OK;
}

/* One byte outside values that are captured or skipped. *ret_again: look at the same byte in the
 * new state. */
static kube_scan_result step(kube_scan *s, char c, bool *ret_again) {
    switch (s->state) {
    case AT_ROOT:
        if (is_space(c))
            return KUBE_SCAN_OK;
        if (c != '{')
            return KUBE_SCAN_GARBAGE;
        if (!s->frames) {
            s->state = AT_KEY;
            return KUBE_SCAN_OK;
        }
        s->nesting = (kube_nesting){0};
        s->part = KUBE_PART_FRAME;
        s->state = IN_CAPTURED;
        *ret_again = true;
        return KUBE_SCAN_OK;
    case AT_KEY:
    case AT_ITEM:
        if (is_space(c))
            return KUBE_SCAN_OK;
        if (c == ',' && s->after_value) {
            s->after_value = false;
            return KUBE_SCAN_OK;
        }
        if (s->state == AT_KEY && c == '}') {
            s->state = AT_END;
            return KUBE_SCAN_OK;
        }
        if (s->state == AT_ITEM && c == ']') {
            s->state = AT_KEY;
            s->after_value = true;
            return KUBE_SCAN_OK;
        }
        if (s->after_value || c != (s->state == AT_KEY ? '"' : '{'))
            return KUBE_SCAN_GARBAGE;
        if (s->state == AT_KEY) {
            s->key_n = 0;
            s->state = IN_KEY;
            return KUBE_SCAN_OK;
        }
        s->nesting = (kube_nesting){0};
        s->part = KUBE_PART_ITEM;
        s->state = IN_CAPTURED;
        *ret_again = true;
        return KUBE_SCAN_OK;
    case IN_KEY:
        if (c == '"')
            s->state = AT_COLON;
        else if (c == '\\') /* no member of a list's own level is written with escapes */
            return KUBE_SCAN_GARBAGE;
        else if (s->key_n < sizeof(s->key))
            s->key[s->key_n++] = c;
        return KUBE_SCAN_OK;
    case AT_COLON:
        if (c == ':')
            s->state = AT_VALUE;
        else if (!is_space(c))
            return KUBE_SCAN_GARBAGE;
        return KUBE_SCAN_OK;
    case AT_VALUE:
        if (is_space(c))
            return KUBE_SCAN_OK;
        kube_scan_result r = value_begin(s, c);
        *ret_again = s->state == IN_CAPTURED || s->state == IN_SKIPPED ||
                     (s->state == IN_SCALAR && !s->scalar_string);
        return r;
    case IN_SCALAR:
        if (s->scalar_string) {
            if (s->scalar_escaped)
                s->scalar_escaped = false;
            else if (c == '\\')
                s->scalar_escaped = true;
            else if (c == '"') {
                s->state = AT_KEY;
                s->after_value = true;
            }
            return KUBE_SCAN_OK;
        }
        if (c == ',' || c == '}' || is_space(c)) {
            if (s->scalar_n == 0)
                return KUBE_SCAN_GARBAGE;
            if (s->key_n == 5 && memcmp(s->key, "items", 5) == 0) {
                if (s->scalar_n != 4 || memcmp(s->scalar, "null", 4) != 0)
                    return KUBE_SCAN_GARBAGE;
                s->items_seen = true; /* Go writes an empty list of items as null */
            }
            s->state = AT_KEY;
            s->after_value = true;
            *ret_again = true;
        } else if (s->scalar_n < sizeof(s->scalar)) {
            s->scalar[s->scalar_n++] = c;
        }
        return KUBE_SCAN_OK;
    default: /* AT_END */
        return is_space(c) ? KUBE_SCAN_OK : KUBE_SCAN_GARBAGE;
    }
}

kube_scan_result kube_scan_feed(kube_scan *s, const char *p, size_t n) {
    const char *end = p + n;
    while (p < end) {
        if (s->state == IN_CAPTURED || s->state == IN_SKIPPED) {
            bool captured = s->state == IN_CAPTURED;
            kube_scan_result r;
            const char *start = p;
            p = nesting_walk(&s->nesting, p, end, &r);
            if (r != KUBE_SCAN_OK)
                return r;
            if (s->nesting.depth > 0) { /* the chunk is over */
                if (captured)
                    kube_text_add(&s->held, start, (size_t)(p - start));
                return s->held.failed ? KUBE_SCAN_TOO_LARGE : KUBE_SCAN_OK;
            }
            s->state = captured ? state_after(s) : AT_KEY;
            s->after_value = s->state != AT_ROOT;
            if (captured && (r = capture_end(s, start, p)) != KUBE_SCAN_OK)
                return r;
            continue;
        }
        bool again = false;
        kube_scan_result r = step(s, *p, &again);
        if (r != KUBE_SCAN_OK)
            return r;
        if (!again)
            p++;
    }
    return KUBE_SCAN_OK;
}

bool kube_scan_complete(const kube_scan *s) {
    return s->frames ? s->state == AT_ROOT : s->state == AT_END && s->items_seen;
}

void kube_scan_done(kube_scan *s) {
    kube_text_done(&s->held);
}

/* --- members of a complete object ---------------------------------------------------------- */

static const char *skip_space(const char *p, const char *end) {
    while (p < end && is_space(*p))
        p++;
    return p;
}

/* The byte after a string whose first quote is *p; NULL when it does not end. */
static const char *skip_string(const char *p, const char *end) {
    p = string_stop(p + 1, end);
    while (p < end && *p == '\\') {
        p += 2; /* the escaped byte too */
        p = p < end ? string_stop(p, end) : end;
    }
    return p < end ? p + 1 : NULL;
}

static const char *skip_value(const char *p, const char *end) {
    if (p >= end)
        return NULL;
    if (*p == '"')
        return skip_string(p, end);
    if (*p == '{' || *p == '[') {
        kube_nesting nesting = {0};
        kube_scan_result r;
        p = nesting_walk(&nesting, p, end, &r);
        return r == KUBE_SCAN_OK && nesting.depth == 0 ? p : NULL;
    }
    while (p < end && *p != ',' && *p != '}' && *p != ']' && !is_space(*p))
        p++;
    return p;
}

bool kube_json_member(tu_str object, const char *name, tu_str *ret) {
    const char *end = object.p + object.n, *p = skip_space(object.p, end);
    size_t name_n = strlen(name);
    if (p >= end || *p != '{')
        return false;
    p = skip_space(p + 1, end);
    while (p < end && *p == '"') {
        const char *key = p + 1;
        if (!(p = skip_string(p, end)))
            return false;
        bool match = (size_t)(p - 1 - key) == name_n && memcmp(key, name, name_n) == 0;
        p = skip_space(p, end);
        if (p >= end || *p != ':')
            return false;
        const char *value = skip_space(p + 1, end);
        if (!(p = skip_value(value, end)))
            return false;
        if (match) {
            *ret = (tu_str){value, (size_t)(p - value)};
            return true;
        }
        p = skip_space(p, end);
        if (p >= end || *p != ',')
            return false;
        p = skip_space(p + 1, end);
    }
    return false;
}

void kube_json_text(tu_str object, const char *name, char *ret, size_t size) {
    tu_str value;
    ret[0] = '\0';
    if (!kube_json_member(object, name, &value) || value.n < 2 || value.p[0] != '"')
        return;
    tu_str inner = {value.p + 1, value.n - 2};
    if (!memchr(inner.p, '\\', inner.n)) {
        if (inner.n < size) {
            memcpy(ret, inner.p, inner.n);
            ret[inner.n] = '\0';
        }
        return;
    }
    cJSON *decoded = cJSON_ParseWithLength(value.p, value.n);
    if (cJSON_IsString(decoded) && strlen(decoded->valuestring) < size)
        memcpy(ret, decoded->valuestring, strlen(decoded->valuestring) + 1);
    cJSON_Delete(decoded);
}
