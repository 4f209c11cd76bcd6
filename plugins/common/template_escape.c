/* common/template_escape.c: texts that grow within a limit, and how values are made harmless.
 *
 * A text that reaches its limit is cut between two characters and takes nothing more; an escape is
 * never cut apart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/template_inside.h"

/* --- growing ----------------------------------------------------------------------------------- */

void tu_out_init(tu_out *o, size_t limit) {
    *o = (tu_out){.room = 256, .limit = limit};
    o->text = malloc(o->room);
    if (o->text)
        o->text[0] = '\0';
    o->failed = o->text == NULL;
}

void tu_out_done(tu_out *o) {
    free(o->text);
    *o = (tu_out){0};
}

static bool grow(tu_out *o, size_t n) {
    size_t room = o->room;
    while (room < n + 1)
        room *= 2;
    char *grown = room == o->room ? o->text : realloc(o->text, room);
    if (!grown) {
        tu_out_done(o);
        o->failed = true;
        return false;
    }
    o->text = grown;
    o->room = room;
    return true;
}

static void append(tu_out *o, const char *bytes, size_t n) {
    if (n == 0 || !grow(o, o->n + n))
        return;
    memcpy(o->text + o->n, bytes, n);
    o->n += n;
    o->text[o->n] = '\0';
}

void tu_out_add(tu_out *o, const char *bytes, size_t n) {
    if (o->failed)
        return;
    size_t fits = o->limit - o->n;
    if (n <= fits) {
        append(o, bytes, n);
        return;
    }
    while (fits > 0 && ((unsigned char)bytes[fits] & 0xC0) == 0x80)
        fits--;
    append(o, bytes, fits);
    o->failed = true;
}

void tu_out_add_c(tu_out *o, const char *text) {
    tu_out_add(o, text, strlen(text));
}

void template_add_whole(tu_out *o, const char *bytes, size_t n) {
    if (!o->failed && n > o->limit - o->n)
        o->failed = true;
    tu_out_add(o, bytes, n);
}

/* --- what people can see ------------------------------------------------------------------------- */

size_t template_character(const char *text, size_t n, uint32_t *ret_c) {
    const unsigned char *p = (const unsigned char *)text;
    *ret_c = n ? p[0] : 0;
    if (n == 0 || p[0] < 0x80)
        return n ? 1 : 0;
    size_t length = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || n < length)
        return 0;
    uint32_t c = p[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3Fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[length] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    *ret_c = c;
    return length;
}

/* Control characters, and those that turn, hide or tag what stands beside them. Joiners (U+200C, U+200D) are part of how
 * people write. */
static bool is_hidden(uint32_t c) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},     {0x061C, 0x061C},
                  {0x180E, 0x180E}, {0x200B, 0x200B}, {0x200E, 0x200F}, {0x2028, 0x202E},
                  {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE0FFF}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

static void add_hidden(tu_out *o, uint32_t c) {
    char text[16];
    const char *named = c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\r' ? "\\r" : NULL;
    if (!named)
        snprintf(text, sizeof text, c > 0xFFFF ? "\\U%08x" : "\\u%04x", (unsigned)c);
    template_add_whole(o, named ? named : text, strlen(named ? named : text));
}

void template_add_visible(tu_out *o, const char *text, size_t n, bool lines) {
    size_t begin = 0, i = 0, length;
    for (; i < n && !o->failed; i += length) {
        uint32_t c;
        length = template_character(text + i, n - i, &c);
        bool broken = length == 0;
        if (!broken && (!is_hidden(c) || (lines && (c == '\n' || c == '\t'))))
            continue;
        tu_out_add(o, text + begin, i - begin);
        if (broken)
            template_add_whole(o, "\xEF\xBF\xBD", 3);
        else
            add_hidden(o, c);
        length = broken ? 1 : length;
        begin = i + length;
    }
    if (!o->failed)
        tu_out_add(o, text + begin, i - begin);
}

void tu_out_add_visible(tu_out *o, const char *text, size_t n, bool lines) {
    template_add_visible(o, text, n, lines);
}

/* --- escapes --------------------------------------------------------------------------------------- */

void tu_escape_none(tu_out *o, const char *value, size_t n) {
    tu_out_add(o, value, n);
}

/* Copies what needs nothing in one piece: each byte of `special` becomes the text beside it. */
typedef struct swap {
    char from;
    const char *to;
} swap;

static void add_swapped(tu_out *o, const char *value, size_t n, const swap *swaps) {
    size_t begin = 0;
    for (size_t i = 0; i < n; i++) {
        const swap *s = swaps;
        while (s->to && s->from != value[i])
            s++;
        if (!s->to)
            continue;
        tu_out_add(o, value + begin, i - begin);
        template_add_whole(o, s->to, strlen(s->to));
        begin = i + 1;
    }
    tu_out_add(o, value + begin, n - begin);
}

void tu_escape_html(tu_out *o, const char *value, size_t n) {
    static const swap swaps[] = {{'&', "&amp;"},  {'<', "&lt;"},   {'>', "&gt;"},
                                 {'"', "&quot;"}, {'\'', "&#39;"}, {0, NULL}};
    add_swapped(o, value, n, swaps);
}

static bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (unsigned char)c >= 0x80;
}

/* "@all", "@alice" at the beginning of a word, where chats look for people; not the one in "nginx@sha256:..." */
static bool is_mention(const char *value, size_t n, size_t i) {
    return value[i] == '@' && (i == 0 || !is_word(value[i - 1])) && i + 1 < n;
}
#define MENTION "@\xE2\x80\x8B" /* followed by U+200B, which no name has */

void tu_escape_slack(tu_out *o, const char *value, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *to = value[i] == '&'           ? "&amp;"
                         : value[i] == '<'         ? "&lt;"
                         : value[i] == '>'         ? "&gt;"
                         : is_mention(value, n, i) ? MENTION
                                                   : NULL;
        if (to)
            template_add_whole(o, to, strlen(to));
        else
            template_add_whole(o, value + i, 1);
    }
}

/* Characters that Markdown reads anywhere, and those that it reads where a line begins: "# ", "- ", "12. ". */
void tu_escape_markdown(tu_out *o, const char *value, size_t n) {
    size_t blanks = 0, digits = 0, i = 0; /* what the line begins with */
    for (size_t begin = 0; i < n; i++) {
        char c = value[i], escaped[2] = {'\\', c};
        bool first = i == begin + blanks, number = digits && i == begin + blanks + digits;
        if (is_mention(value, n, i))
            template_add_whole(o, MENTION, strlen(MENTION));
        else if (memchr("\\`*_[]<>~|", c, 10) || (first && memchr("#+-=", c, 4)) ||
                 (number && memchr(".)", c, 2)))
            template_add_whole(o, escaped, 2);
        else
            tu_out_add(o, &c, 1);
        if (c == '\n') {
            begin = i + 1;
            blanks = digits = 0;
        } else if (first && (c == ' ' || c == '\t')) {
            blanks++;
        } else if ((first || number) && c >= '0' && c <= '9') {
            digits++;
        }
    }
}

void tu_escape_json(tu_out *o, const char *value, size_t n) {
    size_t begin = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)value[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F)
            continue;
        char text[8];
        const char *named = c == '"'    ? "\\\""
                            : c == '\\' ? "\\\\"
                            : c == '\n' ? "\\n"
                            : c == '\t' ? "\\t"
                            : c == '\r' ? "\\r"
                                        : NULL;
        if (!named)
            snprintf(text, sizeof text, "\\u%04x", c);
        tu_out_add(o, value + begin, i - begin);
        template_add_whole(o, named ? named : text, strlen(named ? named : text));
        begin = i + 1;
    }
    tu_out_add(o, value + begin, n - begin);
}

void tu_escape_header(tu_out *o, const char *value, size_t n) {
    for (size_t i = 0, length; i < n; i += length) {
        uint32_t c;
        length = template_character(value + i, n - i, &c);
        if (length == 0 || is_hidden(c))
            template_add_whole(o, " ", 1);
        else
            template_add_whole(o, value + i, length);
        length = length ? length : 1;
    }
}

void tu_escape_url(tu_out *o, const char *value, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)value[i];
        char text[4];
        bool plain = c < 0x80 && (is_word((char)c) || memchr("-._~", c, 4));
        snprintf(text, sizeof text, "%%%02X", c);
        template_add_whole(o, plain ? (const char *)&value[i] : text, plain ? 1 : 3);
    }
}

/* --- one after the other: what a chat reads, in a JSON text ------------------------------------------ */

static void add_twice(tu_out *o, const char *value, size_t n, tu_escape *first) {
    tu_out between;
    tu_out_init(&between, n * 8 + 16); /* no escape makes more of a byte */
    first(&between, value, n);
    if (between.text)
        tu_escape_json(o, between.text, between.n);
    else
        o->failed = true;
    tu_out_done(&between);
}

void tu_escape_html_json(tu_out *o, const char *value, size_t n) {
    add_twice(o, value, n, tu_escape_html);
}

void tu_escape_slack_json(tu_out *o, const char *value, size_t n) {
    add_twice(o, value, n, tu_escape_slack);
}

void tu_escape_markdown_json(tu_out *o, const char *value, size_t n) {
    add_twice(o, value, n, tu_escape_markdown);
}

tu_escape *template_escape_of_code(tu_escape *e) {
    return e == tu_escape_markdown        ? tu_escape_none
           : e == tu_escape_markdown_json ? tu_escape_json
                                          : e;
}

bool template_escape_is_json(tu_escape *e) {
    return e == tu_escape_json || e == tu_escape_html_json || e == tu_escape_slack_json ||
           e == tu_escape_markdown_json;
}
