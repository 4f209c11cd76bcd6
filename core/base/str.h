/*
 * base/str.h: small things for borrowed strings: compare, glob, suggest, durations.
 */
#ifndef TU_BASE_STR_H
#define TU_BASE_STR_H

#include <stdbool.h>
#include <string.h>
#include <trueup/plugin.h>

#define TU_S(literal) ((tu_str){(literal), sizeof(literal) - 1})
/* The same to initialise static data: `static const tu_str words[] = {TU_S_INIT("a")};` */
#define TU_S_INIT(literal)                                                                         \
    { (literal), sizeof(literal) - 1 }
/* For printf: "%.*s" */
#define TU_P(s) (int)(s).n, (s).n ? (s).p : ""

static inline tu_str tu_str_c(const char *s) {
    return (tu_str){s, s ? strlen(s) : 0};
}
/* Strings that are compared are mostly names: of the same length they differ in the first byte, or
 * are the same. */
static inline bool tu_str_eq(tu_str a, tu_str b) {
    return a.n == b.n &&
           (a.n == 0 || (a.p[0] == b.p[0] && (a.p == b.p || memcmp(a.p, b.p, a.n) == 0)));
}
static inline bool tu_str_is(tu_str a, const char *b) {
    return tu_str_eq(a, tu_str_c(b));
}
int tu_str_compare(tu_str a, tu_str b); /* byte order */
bool tu_str_starts(tu_str s, const char *prefix);
bool tu_str_ends(tu_str s, const char *suffix);

/* `*` any run within the whole text, `?` one character, `[a-z]` a class (`[!a]` what isn't in it),
 * `\` escapes. A "[" without its "]" is a plain character. Never exponential: at most pattern times
 * text. */
bool tu_glob(tu_str pattern, tu_str text);
/* As tu_glob on a '/'-separated path: `*`, `?` and classes stay within one step, `**` crosses
 * steps (and may cost the text's length once more); a whole step `**` also stands for no step at
 * all, so "a/ ** /b" (without the blanks) matches "a/b". */
bool tu_glob_path(tu_str pattern, tu_str path);
/* As tu_glob with `*` and `?` only: brackets and backslashes are plain characters. */
bool tu_glob_plain(tu_str pattern, tu_str text);
/* The nearest of n words within an edit distance of 2 (3 for words over 8 letters), or NULL. */
const char *tu_suggest(tu_str word, const char *const *candidates, size_t n);

/* "90s", "1m30s", "10m", "250ms", "1d" to milliseconds. False when it isn't one or overflows. */
bool tu_duration_parse(tu_str s, int64_t *ret_ms);
/* The shortest such text, "1m30s"; at least 32 bytes of room. */
void tu_duration_format(int64_t ms, char *out, size_t room);

/* Base64 (RFC 4648 section 4; white space is skipped). Returns the decoded length, or -1 when it
 * isn't base64. out has room for s.n * 3 / 4 + 3 bytes. */
int64_t tu_base64_decode(tu_str s, uint8_t *out);
bool tu_utf8_valid(tu_str s);
/* Would a terminal obey the first character of s instead of showing it: C0 and C1 controls, delete,
 * line separators, marks that turn the direction of text, broken UTF-8? ret_n: its bytes, at least
 * 1. s may not be empty. */
bool tu_str_is_control(tu_str s, size_t *ret_n);
/* Bytes of the first character of s; 0 when s is empty or begins with broken UTF-8. */
size_t tu_utf8_length(tu_str s);

#endif
