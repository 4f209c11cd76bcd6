/*
 * report/show.c: safe text, columns, colours.
 *
 * What is unsafe: whatever a terminal obeys instead of showing it, whatever hides or turns text, and
 * what the log of a CI system takes for a command: "::" at the beginning of a line (GitHub), "##["
 * and "##vso[" anywhere in it (GitHub's old form, Azure Pipelines).
 */
#include "report/show.h"
#include "base/mem.h"
#include "base/str.h"

/* --- characters ------------------------------------------------------------------------------- */

typedef struct range {
    uint32_t first, last;
} range;

/* What may turn, hide or command text: C0, C1, direction marks (Unicode Technical Report 36),
 * invisible and tag characters, blanks that look like a space and are none. */
static const range unsafe_ranges[] = {
    {0x00, 0x1f},     {0x7f, 0xa0},     {0xad, 0xad},     {0x34f, 0x34f},   {0x61c, 0x61c},
    {0x115f, 0x1160}, {0x1680, 0x1680}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x2000, 0x200f},
    {0x2028, 0x202f}, {0x205f, 0x206f}, {0x2800, 0x2800}, {0x3164, 0x3164}, {0xfeff, 0xfeff},
    {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe000, 0xf8ff}, {0xe0000, 0x10ffff},
};
/* Wide ones after Unicode's EastAsianWidth.txt, by block. */
static const range wide_ranges[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xa960, 0xa97f},
    {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},
    {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
    {0x20000, 0x3fffd},
};
static const range combining_ranges[] = {
    {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},   {0x64b, 0x65f},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
};
#define IN(c, ranges) in_ranges((c), (ranges), sizeof(ranges) / sizeof *(ranges))

static bool in_ranges(uint32_t c, const range *ranges, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    }
    return false;
}

/* The character at the front and its bytes; 0 bytes when it is no UTF-8. */
static size_t decode(tu_str s, uint32_t *ret) {
    unsigned char first = (unsigned char)s.p[0];
    size_t n = first < 0x80                    ? 1
               : first >= 0xc2 && first < 0xe0 ? 2
               : (first & 0xf0) == 0xe0        ? 3
               : first >= 0xf0 && first < 0xf5 ? 4
                                               : 0;
    if (n == 0 || n > s.n || !tu_utf8_valid((tu_str){s.p, n}))
        return 0;
    uint32_t c = n == 1 ? first : first & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)s.p[i] & 0x3f);
    *ret = c;
    return n;
}

static void add_escaped(tu_buf *out, uint32_t c) {
    if (c == '\n')
        tu_buf_add_c(out, "\\n");
    else if (c == '\t')
        tu_buf_add_c(out, "\\t");
    else if (c == '\r')
        tu_buf_add_c(out, "\\r");
    else if (c < 0x10000)
        tu_buf_addf(out, "\\u%04x", c);
    else
        tu_buf_addf(out, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
}

/* Does s[at], a '[', end "##[" or "##word["? */
static bool ends_command(tu_str s, size_t at) {
    while (at > 0 && s.p[at - 1] >= 'a' && s.p[at - 1] <= 'z')
        at--;
    return at >= 2 && s.p[at - 1] == '#' && s.p[at - 2] == '#';
}

void tu_show_safe(tu_buf *out, tu_str s) {
    size_t plain = 0;
    for (size_t i = 0; i < s.n;) {
        if (s.p[i] >= 0x20 && s.p[i] < 0x7f && s.p[i] != '[') { /* nearly everything */
            i++;
            continue;
        }
        uint32_t c = 0;
        size_t n = decode((tu_str){s.p + i, s.n - i}, &c);
        bool safe = n > 0 && (c == '[' ? !ends_command(s, i) : !IN(c, unsafe_ranges));
        if (safe) {
            i += n;
            continue;
        }
        if (i > plain)
            tu_buf_add(out, (tu_str){s.p + plain, i - plain});
        if (n > 0)
            add_escaped(out, c);
        else
            tu_buf_add_c(out, "\xef\xbf\xbd");
        i += n > 0 ? n : 1;
        plain = i;
    }
    if (s.n > plain)
        tu_buf_add(out, (tu_str){s.p + plain, s.n - plain});
}

void tu_show_safe_lines(tu_buf *out, tu_str s) {
    while (s.n > 0) {
        const char *end = memchr(s.p, '\n', s.n);
        size_t n = end ? (size_t)(end - s.p) : s.n;
        tu_show_safe(out, (tu_str){s.p, n});
        if (end)
            tu_buf_add_byte(out, '\n');
        n += end != NULL;
        s = (tu_str){s.p + n, s.n - n};
    }
}

/* One visible character for each that has none; "<U+202E>" for what has no picture. */
static void add_picture(tu_buf *out, uint32_t c) {
    if (c == '\t')
        tu_buf_add_c(out, "→");
    else if (c < 0x20)
        tu_buf_addf(out, "\xe2\x90%c", (char)(0x80 + c)); /* U+2400: control pictures */
    else if (c == 0x7f)
        tu_buf_add_c(out, "␡");
    else
        tu_buf_addf(out, "<U+%04X>", c);
}

bool tu_show_text_line(tu_buf *out, tu_str s) {
    size_t end = s.n, begin = 0, marks = 0;
    while (end > 0 && (s.p[end - 1] == ' ' || s.p[end - 1] == '\r'))
        end--;
    while (begin < s.n && (s.p[begin] == ' ' || s.p[begin] == '\t'))
        begin++;
    if (s.n - begin >= 2 && s.p[begin] == ':' && s.p[begin + 1] == ':') { /* no command to a log */
        tu_buf_add(out, (tu_str){s.p, begin});
        tu_buf_add_byte(out, '\\');
    } else {
        begin = 0;
    }
    for (size_t i = begin; i < s.n;) {
        uint32_t c = 0;
        size_t n = decode((tu_str){s.p + i, s.n - i}, &c);
        if (n == 0)
            tu_buf_add_c(out, "\xef\xbf\xbd");
        else if (c == '[' && ends_command(s, i))
            tu_buf_add_c(out, "<U+005B>");
        else if (c == ' ' && i >= end)
            tu_buf_add_c(out, "·");
        else if (IN(c, unsafe_ranges))
            add_picture(out, c);
        else
            tu_buf_add(out, (tu_str){s.p + i, n});
        marks += n == 0 || (c == ' ' && i >= end) || IN(c, unsafe_ranges);
        i += n > 0 ? n : 1;
    }
    return marks > 0;
}

/* --- columns and colours ---------------------------------------------------------------------- */

/* One of our colours at the front: ESC [ digits m. */
static size_t paint_length(tu_str s) {
    if (s.n < 3 || s.p[0] != '\x1b')
        return 0;
    size_t n = 2;
    while (n < s.n && s.p[n] != 'm')
        n++;
    return n < s.n ? n + 1 : s.n;
}

/* The step at the front and how many columns it takes. */
static size_t step(tu_str s, size_t *ret_columns) {
    *ret_columns = 0;
    size_t n = paint_length(s);
    if (n > 0)
        return n;
    if (s.p[0] >= 0x20 && s.p[0] < 0x7f) {
        *ret_columns = 1;
        return 1;
    }
    uint32_t c = 0;
    n = decode(s, &c);
    *ret_columns = n == 0 ? 1 : IN(c, combining_ranges) ? 0 : IN(c, wide_ranges) ? 2 : 1;
    return n > 0 ? n : 1;
}

size_t tu_show_columns(tu_str s) {
    size_t total = 0, columns;
    for (size_t i = 0; i < s.n; total += columns)
        i += step((tu_str){s.p + i, s.n - i}, &columns);
    return total;
}

size_t tu_show_fit(tu_str s, size_t width) {
    size_t i = 0, total = 0, columns;
    while (i < s.n) {
        size_t n = step((tu_str){s.p + i, s.n - i}, &columns);
        if (total + columns > width)
            break;
        total += columns;
        i += n;
    }
    return i;
}

void tu_show_line(tu_buf *out, tu_str line, size_t width) {
    size_t blanks = 0;
    while (blanks < line.n && line.p[blanks] == ' ')
        blanks++;
    if (tu_str_starts((tu_str){line.p + blanks, line.n - blanks}, "::")) { /* see the top */
        tu_buf_add(out, (tu_str){line.p, blanks});
        tu_buf_add_byte(out, '\\');
        line = (tu_str){line.p + blanks, line.n - blanks};
    }
    if (width > 0 && tu_show_columns(line) > width) {
        tu_buf_add(out, (tu_str){line.p, tu_show_fit(line, width - 1)});
        tu_buf_add_c(out, "…");
        if (memchr(line.p, '\x1b', line.n))
            tu_buf_add_c(out, "\x1b[0m");
    } else {
        while (line.n > 0 && line.p[line.n - 1] == ' ')
            line.n--;
        tu_buf_add(out, line);
    }
    tu_buf_add_byte(out, '\n');
}

void tu_show_cut(tu_buf *out, tu_str safe, size_t width) {
    size_t columns = tu_show_columns(safe);
    if (columns <= width) {
        tu_buf_add(out, safe);
    } else if (width > 0) {
        tu_buf_add(out, (tu_str){safe.p, tu_show_fit(safe, width - 1)});
        tu_buf_add_c(out, "…");
    }
}

void tu_show_cut_front(tu_buf *out, tu_str safe, size_t width) {
    size_t columns = tu_show_columns(safe), i = 0, taken;
    if (columns <= width) {
        tu_buf_add(out, safe);
        return;
    }
    while (i < safe.n && columns + 1 > width) {
        i += step((tu_str){safe.p + i, safe.n - i}, &taken);
        columns -= taken;
    }
    if (width > 0)
        tu_buf_add_c(out, "…");
    tu_buf_add(out, (tu_str){safe.p + i, safe.n - i});
}

void tu_show_pad(tu_buf *line, size_t begin, size_t width, size_t least) {
    if (line->n < begin)
        return;
    size_t columns = tu_show_columns((tu_str){line->p + begin, line->n - begin});
    size_t spaces = columns + least > width ? least : width - columns;
    while (spaces-- > 0)
        tu_buf_add_byte(line, ' ');
}

void tu_show_paint(tu_buf *line, bool color, tu_paint paint, tu_str safe) {
    static const char *const codes[] = {"",         "\x1b[1m",  "\x1b[2m", "\x1b[31m",
                                        "\x1b[32m", "\x1b[33m", "\x1b[36m"};
    if (!color || paint == TU_PAINT_NONE || safe.n == 0) {
        tu_buf_add(line, safe);
        return;
    }
    tu_buf_add_c(line, codes[paint]);
    tu_buf_add(line, safe);
    tu_buf_add_c(line, "\x1b[0m");
}
