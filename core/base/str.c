/*
 * base/str.c: globs, suggestions, durations, base64, UTF-8.
 */
#include "base/str.h"

#include <stdint.h>
#include <stdio.h>

int tu_str_compare(tu_str a, tu_str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    if (n && a.p[0] != b.p[0])
        return (unsigned char)a.p[0] < (unsigned char)b.p[0] ? -1 : 1;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool tu_str_starts(tu_str s, const char *prefix) {
    size_t n = strlen(prefix);
    return s.n >= n && (n == 0 || memcmp(s.p, prefix, n) == 0);
}

bool tu_str_ends(tu_str s, const char *suffix) {
    size_t n = strlen(suffix);
    return s.n >= n && (n == 0 || memcmp(s.p + s.n - n, suffix, n) == 0);
}

/* --- UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) --------------- */

size_t tu_utf8_length(tu_str s) {
    if (s.n == 0)
        return 0;
    const uint8_t *p = (const uint8_t *)s.p;
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
               : (p[0] & 0xf0) == 0xe0        ? 3
               : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                              : 0;
    if (n == 0 || s.n < n)
        return 0;
    /* the second byte's range depends on the first */
    uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool tu_utf8_valid(tu_str s) {
    for (size_t i = 0; i < s.n;) {
        if ((uint8_t)s.p[i] < 0x80) {
            i++;
            continue;
        }
        size_t n = tu_utf8_length((tu_str){s.p + i, s.n - i});
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

bool tu_str_is_control(tu_str s, size_t *ret_n) {
    const uint8_t *p = (const uint8_t *)s.p;
    size_t n = tu_utf8_length(s);
    *ret_n = n ? n : 1;
    if (n <= 1)
        return n == 0 || p[0] < 0x20 || p[0] == 0x7f;
    if (n == 2)
        return p[0] == 0xc2 && p[1] < 0xa0; /* U+0080 to U+009F */
    if (n == 3 && p[0] == 0xe2) {
        bool overrides = p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae; /* U+2028 to U+202E */
        bool isolates = p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9;  /* U+2066 to U+2069 */
        return overrides || isolates;
    }
    return false;
}

/* One character's number; a broken byte counts as a character of its own. */
static uint32_t decode(tu_str s, size_t *ret_n) {
    size_t n = tu_utf8_length(s);
    const uint8_t *p = (const uint8_t *)s.p;
    *ret_n = n ? n : 1;
    switch (n) {
    case 2:
        return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    case 3:
        return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    case 4:
        return (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
    default:
        return p[0];
    }
}

/* --- globs ------------------------------------------------------------------------------------ */

#define GLOB_PATH 1u  /* '/' separates steps */
#define GLOB_PLAIN 2u /* no classes, no escapes */

static tu_str from(tu_str s, size_t i) {
    return (tu_str){s.p + i, s.n - i};
}

/* The length of the class at the start of p, 0 when it has no end. *ret_in: is c in it? */
static size_t match_class(tu_str p, uint32_t c, bool *ret_in) {
    size_t i = 1, n;
    bool negated = i < p.n && (p.p[i] == '!' || p.p[i] == '^');
    bool in = false;
    if (negated)
        i++;
    for (bool first = true; i < p.n && (first || p.p[i] != ']'); first = false) {
        if (p.p[i] == '\\' && i + 1 < p.n)
            i++;
        uint32_t low = decode(from(p, i), &n), high = low;
        i += n;
        if (i + 1 < p.n && p.p[i] == '-' && p.p[i + 1] != ']') {
            i++;
            if (p.p[i] == '\\' && i + 1 < p.n)
                i++;
            high = decode(from(p, i), &n);
            i += n;
        }
        in = in || (c >= low && c <= high);
    }
    *ret_in = in != negated;
    return i < p.n ? i + 1 : 0;
}

/* Does the pattern's first element, which isn't a star, match the text's first character? Sets how
 * long both are. */
static bool match_one(tu_str pattern, tu_str text, unsigned flags, size_t *ret_p, size_t *ret_t) {
    uint32_t c = decode(text, ret_t);
    bool step_end = (flags & GLOB_PATH) && c == '/';
    if (pattern.p[0] == '?') {
        *ret_p = 1;
        return !step_end;
    }
    if (!(flags & GLOB_PLAIN) && pattern.p[0] == '[') {
        bool in = false;
        size_t n = match_class(pattern, c, &in);
        if (n) {
            *ret_p = n;
            return in && !step_end;
        }
    }
    size_t skip = !(flags & GLOB_PLAIN) && pattern.p[0] == '\\' && pattern.n > 1;
    *ret_p = skip + 1;
    *ret_t = 1; /* plain characters are compared byte by byte */
    return pattern.p[skip] == text.p[0];
}

/* Where to go on after a mismatch: the pattern behind the last star, and the text that it has not
 * swallowed yet. */
typedef struct restart {
    bool set;
    bool whole_steps; /* a `**` that is a whole step restarts behind a '/' only */
    size_t p, t;
} restart;

static size_t character(tu_str text, size_t t) {
    size_t n = tu_utf8_length(from(text, t));
    return n ? n : 1;
}

static bool restart_star(restart *r, tu_str text, bool within_step) {
    if (!r->set || r->t >= text.n || (within_step && text.p[r->t] == '/'))
        return false;
    r->t += character(text, r->t);
    return true;
}

static bool restart_steps(restart *r, tu_str text) {
    if (!r->set)
        return false;
    do {
        if (r->t >= text.n)
            return false;
        r->t += character(text, r->t);
    } while (r->whole_steps && text.p[r->t - 1] != '/');
    return true;
}

/* A mismatch needs only the last star: what an earlier one could swallow, the later one can as
 * well. A `*` in a path can't swallow a '/', so there the last `**` is the second place to go back
 * to. */
static bool glob(tu_str pattern, tu_str text, unsigned flags) {
    restart star = {0}, steps = {0};
    size_t p = 0, t = 0, np = 0, nt = 0;
    for (;;) {
        if (p < pattern.n && pattern.p[p] == '*') {
            size_t stars = 1;
            while (p + stars < pattern.n && pattern.p[p + stars] == '*')
                stars++;
            bool crossing = (flags & GLOB_PATH) && stars > 1;
            bool begins_step = p == 0 || pattern.p[p - 1] == '/';
            p += stars;
            if (!crossing) {
                star = (restart){true, false, p, t};
                continue;
            }
            bool whole = begins_step && p < pattern.n && pattern.p[p] == '/';
            p += whole;
            steps = (restart){true, whole, p, t};
            star.set = false;
            continue;
        }
        if (p == pattern.n && t == text.n)
            return true;
        if (p < pattern.n && t < text.n &&
            match_one(from(pattern, p), from(text, t), flags, &np, &nt)) {
            p += np;
            t += nt;
        } else if (restart_star(&star, text, flags & GLOB_PATH)) {
            p = star.p;
            t = star.t;
        } else if (restart_steps(&steps, text)) {
            star.set = false;
            p = steps.p;
            t = steps.t;
        } else {
            return false;
        }
    }
}

bool tu_glob(tu_str pattern, tu_str text) {
    return glob(pattern, text, 0);
}

bool tu_glob_path(tu_str pattern, tu_str path) {
    return glob(pattern, path, GLOB_PATH);
}

bool tu_glob_plain(tu_str pattern, tu_str text) {
    return glob(pattern, text, GLOB_PLAIN);
}

/* --- suggestions ------------------------------------------------------------------------------ */

enum { LONGEST_WORD = 64 };

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap of neighbours) between two words of at most LONGEST_WORD
 * bytes. */
static size_t edit_distance(tu_str a, tu_str b) {
    size_t rows[3][LONGEST_WORD + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.n; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t replace = last[j - 1] + (a.p[i - 1] != b.p[j - 1]);
            now[j] = least(replace, least(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b.n];
}

const char *tu_suggest(tu_str word, const char *const *candidates, size_t n) {
    if (word.n == 0 || word.n > LONGEST_WORD)
        return NULL;
    size_t limit = word.n > 8 ? 3 : 2;
    if (limit >= word.n) /* replacing every letter is no suggestion */
        limit = word.n - 1;
    const char *nearest = NULL;
    size_t nearest_distance = limit + 1;
    for (size_t i = 0; i < n; i++) {
        tu_str candidate = tu_str_c(candidates[i]);
        if (candidate.n > LONGEST_WORD)
            continue;
        size_t distance = edit_distance(word, candidate);
        if (distance < nearest_distance) {
            nearest = candidates[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}

/* --- durations -------------------------------------------------------------------------------- */

static const struct unit {
    const char *name;
    int64_t ms;
} units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}}; /* largest first */
enum { UNITS = sizeof units / sizeof *units };

bool tu_duration_parse(tu_str s, int64_t *ret_ms) {
    int64_t total = 0;
    size_t i = 0, next_unit = 0; /* units come in falling order, each once */
    while (i < s.n) {
        int64_t number = 0;
        size_t digits = i;
        for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
            if (__builtin_mul_overflow(number, 10, &number) ||
                __builtin_add_overflow(number, s.p[i] - '0', &number))
                return false;
        size_t letters = i;
        while (i < s.n && s.p[i] >= 'a' && s.p[i] <= 'z')
            i++;
        tu_str name = {s.p + letters, i - letters};
        size_t u = next_unit;
        while (u < UNITS && !tu_str_is(name, units[u].name))
            u++;
        int64_t part;
        if (digits == letters || u == UNITS || __builtin_mul_overflow(number, units[u].ms, &part) ||
            __builtin_add_overflow(total, part, &total))
            return false;
        next_unit = u + 1;
    }
    if (s.n == 0)
        return false;
    *ret_ms = total;
    return true;
}

void tu_duration_format(int64_t ms, char *out, size_t room) {
    uint64_t rest = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    size_t n = (size_t)snprintf(out, room, "%s%s", ms < 0 ? "-" : "", ms == 0 ? "0s" : "");
    for (size_t u = 0; u < UNITS && n < room; u++) {
        uint64_t count = rest / (uint64_t)units[u].ms;
        rest %= (uint64_t)units[u].ms;
        if (count)
            n += (size_t)snprintf(out + n, room - n, "%llu%s", (unsigned long long)count,
                                  units[u].name);
    }
}

/* --- base64 ----------------------------------------------------------------------------------- */

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int64_t tu_base64_decode(tu_str s, uint8_t *out) {
    uint32_t bits = 0;
    int digits = 0, padding = 0;
    int64_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (c == '=') {
            padding++;
            continue;
        }
        int digit = base64_digit(c);
        if (digit < 0 || padding > 0)
            return -1;
        bits = bits << 6 | (uint32_t)digit;
        if (++digits == 4) {
            out[n++] = (uint8_t)(bits >> 16);
            out[n++] = (uint8_t)(bits >> 8);
            out[n++] = (uint8_t)bits;
            digits = 0;
            bits = 0;
        }
    }
    if (digits == 1 || padding != (4 - digits) % 4)
        return -1;
    if (digits >= 2)
        out[n++] = (uint8_t)(bits >> (digits == 3 ? 10 : 4));
    if (digits == 3)
        out[n++] = (uint8_t)(bits >> 2);
    return n;
}
