/*
 * value/yaml_cursor.c: walks along a YAML text; see yaml_cursor.h.
 */
#include "value/yaml_cursor.h"

static size_t sequence_length(unsigned char lead) {
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* The byte under the cursor; 0 at the end of the text (libyaml refuses a text with a 0 in it). */
static char peek(const tu_yaml_cursor *c) {
    return c->bytes < c->text.n ? c->text.p[c->bytes] : '\0';
}

static void step(tu_yaml_cursor *c) {
    unsigned char byte = (unsigned char)peek(c);
    c->line += byte == '\n';
    c->bytes += sequence_length(byte);
    c->characters++;
    if (c->bytes > c->text.n)
        c->bytes = c->text.n;
}

static void step_back(tu_yaml_cursor *c) {
    do
        c->bytes--;
    while (((unsigned char)peek(c) & 0xc0) == 0x80 && c->bytes);
    c->line -= peek(c) == '\n';
    c->characters--;
}

void tu_yaml_cursor_move(tu_yaml_cursor *c, size_t character) {
    while (c->characters > character)
        step_back(c);
    while (c->characters < character && c->bytes < c->text.n)
        step(c);
}

void tu_yaml_cursor_skip_properties(tu_yaml_cursor *c) {
    while (peek(c) == '&' || peek(c) == '!') {
        while (peek(c) && !tu_yaml_is_blank(peek(c)))
            step(c);
        while (tu_yaml_is_blank(peek(c)) || peek(c) == '#') {
            bool comment = peek(c) == '#';
            step(c);
            while (comment && peek(c) && peek(c) != '\n')
                step(c);
        }
    }
}
