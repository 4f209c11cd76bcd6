/*
 * fuzz_text: the small readers of base and value: times, durations, base64, globs, paths, numbers.
 * Whatever the input, they stay within it, and what they say agrees with itself or with a slow and
 * obvious twin.
 *
 * The first byte chooses the reader. Two texts are parted by the first NUL.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "value/pattern.h"
#include "value/pointer.h"

static void require(bool condition) {
    if (!condition)
        abort();
}

static tu_str rest(tu_str s, size_t n) {
    return (tu_str){s.p + n, s.n - n};
}

static void try_time(tu_str s) {
    int64_t us, again;
    char text[32];
    if (!tu_time_parse(s, &us))
        return;
    int64_t ms = us / 1000 - (us % 1000 < 0);
    tu_time_format(ms, text);
    bool four_digits = text[0] != '-' && text[4] == '-';
    require(!four_digits || (tu_time_parse(tu_str_c(text), &again) && again == ms * 1000));
}

static void try_duration(tu_str s) {
    int64_t ms, again;
    char text[64];
    if (!tu_duration_parse(s, &ms))
        return;
    require(ms >= 0);
    tu_duration_format(ms, text, sizeof text);
    require(tu_duration_parse(tu_str_c(text), &again) && again == ms);
}

static void try_base64(tu_str s) {
    size_t room = s.n * 3 / 4 + 3;
    uint8_t *out = tu_xmalloc(room);
    int64_t n = tu_base64_decode(s, out);
    require(n >= -1 && n <= (int64_t)room);
    free(out);
}

/* `*` and `?` by trying everything. */
static bool slow_glob(tu_str pattern, tu_str text) {
    if (pattern.n == 0)
        return text.n == 0;
    if (pattern.p[0] == '*')
        return slow_glob(rest(pattern, 1), text) || (text.n && slow_glob(pattern, rest(text, 1)));
    return text.n && (pattern.p[0] == '?' || pattern.p[0] == text.p[0]) &&
           slow_glob(rest(pattern, 1), rest(text, 1));
}

/* The same for paths: begins says whether a step of the pattern begins here. */
static bool slow_path(tu_str pattern, tu_str text, bool begins) {
    size_t stars = 0;
    while (stars < pattern.n && pattern.p[stars] == '*')
        stars++;
    if (pattern.n == 0)
        return text.n == 0;
    tu_str behind = rest(pattern, stars);
    if (stars > 1 && begins && behind.n && behind.p[0] == '/') {
        for (size_t i = 0; i <= text.n; i++) /* no step or any number of whole ones */
            if ((i == 0 || text.p[i - 1] == '/') && slow_path(rest(behind, 1), rest(text, i), true))
                return true;
        return false;
    }
    if (stars) {
        for (size_t i = 0; i <= text.n; i++) {
            if (slow_path(behind, rest(text, i), false))
                return true;
            if (stars == 1 && i < text.n && text.p[i] == '/')
                return false;
        }
        return false;
    }
    if (text.n == 0 || (pattern.p[0] == '?' ? text.p[0] == '/' : pattern.p[0] != text.p[0]))
        return false;
    return slow_path(rest(pattern, 1), rest(text, 1), pattern.p[0] == '/');
}

static bool is_plain(tu_str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80 || s.p[i] == '[' || s.p[i] == '\\')
            return false;
    return true;
}

/* What is compiled says the same as what isn't; a pattern covers itself, and a path that is written
 * without wildcards is a pattern for itself. */
static void try_pattern(tu_str pattern, tu_str text) {
    const tu_word word = tu_word_compile(pattern), other = tu_word_compile(text);
    require(tu_word_match(&word, text) == tu_glob(pattern, text));
    if (other.form == TU_WORD_EXACT && tu_word_covers(&word, &other))
        require(tu_word_match(&word, text));
    _cleanup_(tu_arena_done) tu_arena a;
    tu_arena_init(&a, 0);
    tu_path_pattern wide, narrow;
    bool memory = false;
    if (tu_path_pattern_compile(&a, pattern, &wide, &memory) ||
        tu_path_pattern_compile(&a, text, &narrow, &memory))
        return;
    require(!memory && tu_path_pattern_covers(&wide, &wide));
    if (narrow.n == 0)
        require(tu_path_pattern_match(&narrow, text));
    if (narrow.n == 0 && tu_path_pattern_covers(&wide, &narrow))
        require(tu_path_pattern_match(&wide, text));
}

static void try_globs(tu_str pattern, tu_str text) {
    bool fast = tu_glob(pattern, text), path = tu_glob_path(pattern, text);
    tu_glob_plain(pattern, text);
    try_pattern(pattern, text);
    if (pattern.n > 12 || text.n > 20 || !is_plain(pattern) || !is_plain(text))
        return;
    require(fast == slow_glob(pattern, text));
    require(path == slow_path(pattern, text, true));
}

/* A step that is written is found again. */
static void try_path(tu_str name, tu_str path) {
    tu_member member = {.key = name, .value = {.type = TU_STRING, .string = path}};
    tu_value map = {.type = TU_MAP, .map = {&member, 1}};
    tu_value list = {.type = TU_LIST, .list = {&map, 1}};
    tu_buf b = TU_BUF_INIT(1 << 20);
    tu_pointer_add(&b, name);
    require(tu_pointer_get(&map, tu_buf_str(&b)) == &member.value);
    tu_buf_clear(&b);
    tu_pointer_add_item(&b, &name, &path, 1);
    require(name.n == 0 || tu_pointer_get(&list, tu_buf_str(&b)) == &map);
    tu_buf_done(&b);
    tu_pointer_get(&list, path);
    tu_pointer_get(&map, path);
}

static bool is_number(tu_str s) {
    size_t i = 0, digits = 0;
    i += i < s.n && s.p[i] == '-';
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
        digits++;
    if (digits && i < s.n && s.p[i] == '.')
        for (i++, digits = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
            digits++;
    if (digits && i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        i += i < s.n && (s.p[i] == '-' || s.p[i] == '+');
        for (digits = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
            digits++;
    }
    return digits && i == s.n;
}

static void try_numbers(tu_str x, tu_str y) {
    if (!is_number(x) || !is_number(y))
        return;
    tu_value a = {.type = TU_NUMBER, .string = x}, b = {.type = TU_NUMBER, .string = y};
    int order = tu_number_compare(&a, &b);
    require(tu_number_compare(&b, &a) == -order && tu_number_compare(&a, &a) == 0);
    require(order != 0 || tu_value_hash(&a) == tu_value_hash(&b));
    if (x.n > 15 || y.n > 15)
        return;
    char text[2][16] = {{0}};
    memcpy(text[0], x.p, x.n);
    memcpy(text[1], y.p, y.n);
    double p = strtod(text[0], NULL), q = strtod(text[1], NULL);
    if (p < q) /* rounding keeps the order, but may make two numbers one */
        require(order < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    tu_str all = {(const char *)data + 1, size - 1}, first = all, second = {"", 0};
    const char *nul = memchr(all.p, '\0', all.n);
    if (nul) {
        first.n = (size_t)(nul - all.p);
        second = rest(all, first.n + 1);
    }
    switch (data[0] % 6) {
    case 0:
        try_time(all);
        break;
    case 1:
        try_duration(all);
        break;
    case 2:
        try_base64(all);
        break;
    case 3:
        try_globs(first, second);
        break;
    case 4:
        try_path(first, second);
        break;
    default:
        try_numbers(first, second);
    }
    return 0;
}
