/*
 * value/yaml_split.c: cuts a YAML stream into documents by its lines, without parsing it, so that
 * a broken document hides no other.
 *
 * It can be told from the lines alone: a line that is `---`, or begins with it and a blank, is a
 * document's beginning wherever it stands; it may occur neither in a block scalar nor in a quoted
 * one (YAML 1.2.2 section 9.1.2, c-forbidden). The same goes for `...`.
 *
 *     # comment        prefix: comments, blank lines and %directives belong to the document that
 * they stand before %YAML 1.1
 *     --- text         begins the document; text may follow
 *     a: 1             content: after it, the next `---` begins another document
 *     ...              ends it, and belongs to it
 */
#include "value/yaml.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* Is the line `marker` alone or followed by a blank? */
static bool is_marker(tu_str line, const char *marker) {
    return tu_str_starts(line, marker) && (line.n == 3 || line.p[3] == ' ' || line.p[3] == '\t' ||
                                           line.p[3] == '\r' || line.p[3] == '\n');
}

/* May it stand before a document: blank, a comment, a directive? */
static bool is_prefix(tu_str line) {
    size_t i = 0;
    while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'))
        i++;
    return i == line.n || line.p[i] == '\r' || line.p[i] == '\n' || line.p[i] == '#' ||
           line.p[0] == '%';
}

tu_yaml_split tu_yaml_split_begin(tu_str stream) {
    tu_yaml_split s = {.rest = stream, .line = 1};
    if (tu_str_starts(stream, BYTE_ORDER_MARK)) {
        s.rest = (tu_str){stream.p + 3, stream.n - 3};
        s.offset = 3;
    }
    return s;
}

bool tu_yaml_split_next(tu_yaml_split *s, tu_yaml_part *ret) {
    if (s->rest.n == 0)
        return false;
    const char *begin = s->rest.p, *end = begin + s->rest.n, *p = begin;
    uint32_t lines = 0;
    s->started = false; /* was there a `---` or content in this part? */
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *next = newline ? newline + 1 : end;
        tu_str line = {p, (size_t)(next - p)};
        if (is_marker(line, "---")) {
            if (s->started)
                break;
            s->started = true;
        } else if (!s->started && !is_prefix(line)) {
            s->started = true;
        }
        p = next;
        lines += newline ? 1 : 0;
        if (is_marker(line, "..."))
            break;
    }
    *ret =
        (tu_yaml_part){.text = {begin, (size_t)(p - begin)}, .line = s->line, .offset = s->offset};
    s->rest = (tu_str){p, (size_t)(end - p)};
    s->line += lines;
    s->offset += ret->text.n;
    return true;
}
