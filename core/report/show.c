/*
 * report/show.c: safe text, columns, colours, and values as people read them.
 */
#include "report/show.h"
#include "base/mem.h"
#include "base/str.h"
#include "value/json.h"

/* --- characters ------------------------------------------------------------------------------- */

typedef struct range {
    uint32_t first, last;
} range;

/* What may turn, hide or command text: C0, C1, direction marks (Unicode Technical Report 36),
 * invisible and tag characters. */
static const range unsafe_ranges[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},       {0x61c, 0x61c},
    {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
    {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
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

void tu_show_safe(tu_buf *out, tu_str s) {
    size_t plain = 0;
    for (size_t i = 0; i < s.n;) {
        if (s.p[i] >= 0x20 && s.p[i] < 0x7f) { /* nearly everything */
            i++;
            continue;
        }
        uint32_t c = 0;
        size_t n = decode((tu_str){s.p + i, s.n - i}, &c);
        if (n > 0 && !IN(c, unsafe_ranges)) {
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

/* How many bytes of s fit into width columns. */
static size_t fit(tu_str s, size_t width) {
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
    if (width > 0 && tu_show_columns(line) > width) {
        tu_buf_add(out, (tu_str){line.p, fit(line, width - 1)});
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

/* --- values ----------------------------------------------------------------------------------- */

void tu_show_value(tu_buf *out, const tu_value *v, size_t limit) {
    if (!v) {
        tu_buf_add_c(out, "(nothing)");
        return;
    }
    if (tu_value_is(v, TU_SEALED)) {
        tu_buf_add_c(out, "<sealed>");
        return;
    }
    tu_buf json = TU_BUF_INIT(out->max), safe = TU_BUF_INIT(out->max);
    tu_json_write(&json, v, 0);
    tu_show_safe(&safe, tu_buf_str(&json));
    tu_str text = tu_buf_str(&safe);
    if (limit > 0 && tu_show_columns(text) > limit) {
        tu_buf_add(out, (tu_str){text.p, fit(text, limit - 1)});
        tu_buf_add_c(out, "…");
    } else {
        tu_buf_add(out, text);
    }
    tu_buf_done(&json);
    tu_buf_done(&safe);
}

/* May it stand without quotes and still be read as this string? */
static bool is_plain(tu_str s) {
    static const char *const other_types[] = {"true", "false", "null", "yes", "no",
                                              "on",   "off",   "y",    "n"};
    if (s.n == 0 || s.n > 200)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : ' ';
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '/';
        bool inner = (c >= '0' && c <= '9') || (c != '\0' && strchr(".-+=@", c)) ||
                     ((c == ':' || c == ' ') && next != ' ' && next != '#');
        if (!letter && (i == 0 || !inner))
            return false;
    }
    for (size_t i = 0; i < sizeof other_types / sizeof *other_types; i++) {
        if (s.n == strlen(other_types[i]) && strncasecmp(s.p, other_types[i], s.n) == 0)
            return false;
    }
    return true;
}

static bool has_lines(const tu_value *v) {
    return tu_value_is(v, TU_STRING) && v->string.n > 0 && memchr(v->string.p, '\n', v->string.n);
}

static void indent_by(tu_buf *out, size_t n) {
    while (n-- > 0)
        tu_buf_add_byte(out, ' ');
}

static void add_lines(tu_buf *out, tu_str s, size_t indent) {
    for (size_t begin = 0; begin < s.n;) {
        const char *end = memchr(s.p + begin, '\n', s.n - begin);
        size_t n = end ? (size_t)(end - s.p) - begin : s.n - begin;
        indent_by(out, n > 0 ? indent : 0);
        tu_show_safe(out, (tu_str){s.p + begin, n});
        tu_buf_add_byte(out, '\n');
        begin += n + 1;
    }
}

static void add_key(tu_buf *out, tu_str key) {
    if (is_plain(key)) {
        tu_buf_add(out, key);
    } else {
        tu_buf quoted = TU_BUF_INIT(out->max);
        tu_buf_add_json_string(&quoted, key);
        tu_show_safe(out, tu_buf_str(&quoted));
        tu_buf_done(&quoted);
    }
    tu_buf_add_byte(out, ':');
}

static void add_block(tu_buf *out, const tu_value *v, size_t indent);

/* What follows "key:" or "-": a scalar on the same line, everything else below. first_inline: a map
 * begins beside the "-". */
static void add_member_value(tu_buf *out, const tu_value *v, size_t indent) {
    if (tu_value_count(v) > 0) {
        tu_buf_add_byte(out, '\n');
        add_block(out, v, indent);
    } else if (has_lines(v)) {
        tu_buf_add_c(out, v->string.p[v->string.n - 1] == '\n' ? " |\n" : " |-\n");
        add_lines(out, v->string, indent);
    } else {
        tu_buf_add_byte(out, ' ');
        if (tu_value_is(v, TU_STRING) && is_plain(v->string))
            tu_buf_add(out, v->string);
        else
            tu_show_value(out, v, 0);
        tu_buf_add_byte(out, '\n');
    }
}

static void add_block(tu_buf *out, const tu_value *v, size_t indent) {
    for (size_t i = 0; tu_value_is(v, TU_MAP) && i < v->map.n; i++) {
        indent_by(out, indent);
        add_key(out, v->map.members[i].key);
        add_member_value(out, &v->map.members[i].value, indent + 2);
    }
    for (size_t i = 0; tu_value_is(v, TU_LIST) && i < v->list.n; i++) {
        const tu_value *item = &v->list.items[i];
        indent_by(out, indent);
        tu_buf_add_byte(out, '-');
        if (tu_value_is(item, TU_MAP) && item->map.n > 0) { /* the first member beside the dash */
            tu_buf_add_byte(out, ' ');
            add_key(out, item->map.members[0].key);
            add_member_value(out, &item->map.members[0].value, indent + 4);
            tu_value rest = *item;
            rest.map.members++;
            rest.map.n--;
            add_block(out, &rest, indent + 2);
        } else {
            add_member_value(out, item, indent + 2);
        }
    }
}

static void order_members(tu_arena *a, tu_value *v, const tu_value *like, tu_member *ordered) {
    const tu_member *members = v->map.members;
    uint32_t n = 0;
    for (uint32_t i = 0; tu_value_is(like, TU_MAP) && i < like->map.n; i++)
        for (uint32_t k = 0; k < v->map.n; k++)
            if (tu_str_eq(members[k].key, like->map.members[i].key))
                ordered[n++] = members[k];
    for (uint32_t k = 0; k < v->map.n; k++)
        if (!tu_value_is(like, TU_MAP) || !tu_value_get_str(like, members[k].key))
            ordered[n++] = members[k];
    for (uint32_t i = 0; i < n; i++)
        ordered[i].value =
            *tu_show_in_order_of(a, &ordered[i].value, tu_value_get_str(like, ordered[i].key));
    v->map.members = ordered;
}

const tu_value *tu_show_in_order_of(tu_arena *a, const tu_value *v, const tu_value *like) {
    if (!like || tu_value_count(v) == 0)
        return v;
    tu_value *copy = tu_arena_alloc(a, sizeof *copy);
    void *room = tu_arena_alloc(
        a, tu_value_count(v) * (tu_value_is(v, TU_MAP) ? sizeof(tu_member) : sizeof(tu_value)));
    if (!copy || !room)
        return v;
    *copy = *v;
    if (tu_value_is(v, TU_MAP)) {
        order_members(a, copy, like, room);
        return copy;
    }
    tu_value *items = room;
    for (uint32_t i = 0; i < v->list.n; i++)
        items[i] = *tu_show_in_order_of(a, &v->list.items[i], tu_value_at(like, i));
    copy->list.items = items;
    return copy;
}

void tu_show_block(tu_buf *out, const tu_value *v) {
    if (!v)
        return;
    if (tu_value_count(v) > 0) {
        add_block(out, v, 0);
    } else if (has_lines(v)) {
        add_lines(out, v->string, 0);
    } else {
        tu_show_value(out, v, 0);
        tu_buf_add_byte(out, '\n');
    }
}
