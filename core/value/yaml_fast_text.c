/*
 * value/yaml_fast_text.c: the scalars of value/yaml_fast.h.
 *
 * What a scalar's text is follows libyaml's scanner.c (yaml_parser_scan_plain_scalar and its
 * siblings), what it means is yaml_scalar.c's. A shortcut stands in front of that: text that begins
 * neither as a number nor as a word of YAML is a string in both readings, and digits are digits.
 *
 * Every comparison with libyaml is tests/fuzz/fuzz_yaml.c's: what this file reads, libyaml reads as
 * the same tree.
 */
#include <string.h>

#include "value/yaml_fast_internal.h"
#include "value/yaml_scalar.h"

/* A simple key has to end within 1024 characters (YAML 1.2.2 section 7.4); libyaml counts them. */
#define LONGEST_KEY 1000

static bool scratch(tu_fast *f) {
    if (!f->scratch)
        f->scratch = tu_malloc((size_t)(f->end - f->begin) + 1);
    return f->scratch ? true : tu_fast_fail_memory(f);
}

static bool set_string(tu_fast *f, tu_value *v, tu_str text) {
    v->type = TU_STRING;
    v->string = tu_arena_copy(f->arena, text);
    return v->string.p ? true : tu_fast_fail_memory(f);
}

/* --- what plain text means ------------------------------------------------------------------- */

/* Is it a string in both readings, by its first byte alone? All words and numbers begin with one of
 * these; words have five letters at most. */
static bool is_text(tu_str text) {
    switch (text.p[0]) {
    case 't':
    case 'T':
    case 'f':
    case 'F':
    case 'n':
    case 'N':
    case 'y':
    case 'Y':
    case 'o':
    case 'O':
        return text.n > 5;
    case '~':
    case '+':
    case '-':
    case '.':
        return false;
    default:
        return text.p[0] < '0' || text.p[0] > '9';
    }
}

/* A decimal integer that is the same in both readings. */
static bool is_digits(tu_str text, int64_t *ret) {
    if (text.n > 18 || (text.p[0] == '0' && text.n > 1))
        return false;
    int64_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        n = n * 10 + (text.p[i] - '0');
    }
    *ret = n;
    return true;
}

/* A mistake (.nan) declines; so does what runs out of memory, and libyaml's way finds that again. */
static bool set_plain(tu_fast *f, tu_value *v, tu_str text) {
    if (is_text(text))
        return set_string(f, v, text);
    if (is_digits(text, &v->integer)) {
        v->type = TU_INTEGER;
        return true;
    }
    tu_error *e = NULL;
    tu_rc rc = tu_yaml_scalar(f->arena, text, TU_TAG_NONE, true, f->reading, v, &e);
    tu_error_free(e);
    return rc == TU_OK || (rc == TU_EINTERNAL && tu_fast_fail_memory(f));
}

/* --- quoted ---------------------------------------------------------------------------------- */

static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* \uXXXX that is neither a control character nor half of a pair; *out moves on. */
static bool unicode_escape(const char *digits, const char *end, char **out) {
    unsigned code = 0;
    if (end - digits < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        int d = hex(digits[i]);
        if (d < 0)
            return false;
        code = code << 4 | (unsigned)d;
    }
    if (code < 0x20 || (code >= 0xD800 && code < 0xE000))
        return false;
    char *o = *out;
    if (code < 0x80) {
        *o++ = (char)code;
    } else if (code < 0x800) {
        *o++ = (char)(0xC0 | code >> 6);
        *o++ = (char)(0x80 | (code & 0x3F));
    } else {
        *o++ = (char)(0xE0 | code >> 12);
        *o++ = (char)(0x80 | (code >> 6 & 0x3F));
        *o++ = (char)(0x80 | (code & 0x3F));
    }
    *out = o;
    return true;
}

/* The text between double quotes with its escapes resolved, in scratch. */
static bool unescape(tu_fast *f, const char *p, const char *end, tu_str *ret) {
    if (!scratch(f))
        return false;
    char *out = f->scratch;
    while (p < end) {
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        switch (p[1]) { /* a quote stands at end, so there is one */
        case '"':
        case '\\':
        case '/':
            *out++ = p[1];
            break;
        case 'n':
            *out++ = '\n';
            break;
        case 't':
            *out++ = '\t';
            break;
        case 'r':
            *out++ = '\r';
            break;
        case 'u':
            if (!unicode_escape(p + 2, end, &out))
                return false;
            p += 4;
            break;
        default:
            return false;
        }
        p += 2;
    }
    *ret = (tu_str){f->scratch, (size_t)(out - f->scratch)};
    return true;
}

/* Between single quotes, where '' is one. */
static bool undouble(tu_fast *f, const char *p, const char *end, tu_str *ret) {
    if (!scratch(f))
        return false;
    char *out = f->scratch;
    while (p < end) {
        p += *p == '\'';
        *out++ = *p++;
    }
    *ret = (tu_str){f->scratch, (size_t)(out - f->scratch)};
    return true;
}

/* Where the quoted scalar at p ends (its closing quote); NULL when it doesn't on this line.
 * *ret_plain: its text is what stands there. */
static const char *closing_quote(const tu_fast *f, bool *ret_plain) {
    char quote = *f->p;
    *ret_plain = true;
    for (const char *p = f->p + 1; p < f->end && *p != '\n'; p++) {
        if (*p == quote && quote == '\'' && p + 1 < f->end && p[1] == quote) {
            *ret_plain = false;
            p++;
        } else if (*p == quote) {
            return p;
        } else if (*p == '\\' && quote == '"') {
            *ret_plain = false;
            if (++p < f->end && *p == '\n')
                return NULL;
        }
    }
    return NULL;
}

/* The text of a quoted scalar at p, in scratch or where it stands; *ret_end: behind its quote. */
static bool quoted_text(tu_fast *f, tu_str *ret, const char **ret_end) {
    bool plain;
    const char *begin = f->p + 1, *end = closing_quote(f, &plain);
    if (!end)
        return false;
    *ret = (tu_str){begin, (size_t)(end - begin)};
    *ret_end = end + 1;
    if (plain)
        return true;
    return *f->p == '"' ? unescape(f, begin, end, ret) : undouble(f, begin, end, ret);
}

bool tu_fast_quoted(tu_fast *f, tu_value *out) {
    tu_str text;
    const char *end;
    tu_fast_place(f, out);
    if (!quoted_text(f, &text, &end) || !set_string(f, out, text))
        return false;
    out->flags = TU_VALUE_QUOTED;
    tu_fast_end(f, out, end);
    f->p = end;
    return true;
}

/* --- plain ----------------------------------------------------------------------------------- */

/* May a plain scalar begin with what stands at p? `- `, `? ` and `: ` are declined with the
 * indicators. */
static bool may_begin(const tu_fast *f, const char *p) {
    if (p >= f->end || strchr("?:,[]{}#&*!|>'\"%@`\t\n ", *p)) /* and the NUL, which isn't there */
        return false;
    return *p != '-' || !tu_fast_ends(f, p + 1);
}

/* Plain text of one line in a block: up to a line's end, a comment, or a ':' that makes a key of
 * it. Returns what stopped it; *ret_end is behind its last character. */
typedef enum { BY_LINE, BY_COMMENT, BY_COLON, BY_TAB } stopped;

static stopped plain_line(const tu_fast *f, const char *p, const char **ret_end) {
    const char *last = p;
    for (; p < f->end && *p != '\n'; p++) {
        if (*p == ' ')
            continue;
        *ret_end = last;
        if (*p == '#' && p > f->line_begin && p[-1] == ' ')
            return BY_COMMENT;
        if (*p == ':' && tu_fast_ends(f, p + 1))
            return BY_COLON;
        if (*p == '\t')
            return BY_TAB;
        last = p + 1;
    }
    *ret_end = last;
    return BY_LINE;
}

/* The next line that goes on with a plain scalar, or NULL: it is deeper than `parent` and no
 * comment. p: at the end of a line. *ret_breaks: how many lines end before it. */
static const char *next_plain_line(const tu_fast *f, const char *p, int parent,
                                   uint32_t *ret_breaks) {
    uint32_t breaks = 0;
    while (p < f->end && *p == '\n') {
        const char *begin = ++p;
        breaks++;
        while (p < f->end && *p == ' ')
            p++;
        if (p < f->end && *p == '\n')
            continue;
        *ret_breaks = breaks;
        return p < f->end && *p != '#' && p - begin > parent ? p : NULL;
    }
    return NULL;
}

/* Lines are joined by a space; empty lines between them stand for themselves. */
static bool folded(tu_fast *f, tu_str first, const char *next, uint32_t breaks, int parent,
                   tu_str *ret, const char **ret_end) {
    if (!scratch(f))
        return false;
    char *out = mempcpy(f->scratch, first.p, first.n);
    stopped by = BY_LINE;
    while (next && by == BY_LINE) {
        if (breaks == 1)
            *out++ = ' ';
        for (uint32_t i = 1; i < breaks; i++)
            *out++ = '\n';
        f->line += breaks;
        for (f->line_begin = next; f->line_begin[-1] != '\n'; f->line_begin--)
            ;
        by = plain_line(f, next, ret_end);
        if (by == BY_COLON || by == BY_TAB)
            return false;
        out = mempcpy(out, next, (size_t)(*ret_end - next));
        const char *p = *ret_end;
        while (p < f->end && *p == ' ')
            p++;
        next = next_plain_line(f, p, parent, &breaks);
    }
    *ret = (tu_str){f->scratch, (size_t)(out - f->scratch)};
    return true;
}

bool tu_fast_plain(tu_fast *f, int parent, tu_value *out) {
    const char *end;
    uint32_t breaks = 0;
    tu_fast_place(f, out);
    if (!may_begin(f, f->p))
        return false;
    stopped by = plain_line(f, f->p, &end);
    if (by == BY_COLON || by == BY_TAB)
        return false;
    tu_str text = {f->p, (size_t)(end - f->p)};
    if (by == BY_LINE) {
        const char *p = end;
        while (p < f->end && *p == ' ')
            p++;
        const char *next = next_plain_line(f, p, parent, &breaks);
        if (next && !folded(f, text, next, breaks, parent, &text, &end))
            return false;
    }
    if (!set_plain(f, out, text))
        return false;
    tu_fast_end(f, out, end);
    f->p = end;
    return true;
}

/* Inside { } and [ ] on one line: up to a ',' or a closing bracket; a ':' is for keys. */
static bool flow_line(const tu_fast *f, const char *p, const char **ret_end, bool *ret_colon) {
    const char *last = p;
    *ret_colon = false;
    if (!may_begin(f, p) || (*p == '-' && strchr(",?[]{}", p[1])))
        return false;
    for (; p < f->end && *p != ',' && *p != ']' && *p != '}'; p++) {
        if (*p == ' ')
            continue;
        if (*p == '\n' || *p == '\t' || *p == '[' || *p == '{' || *p == '?')
            return false;
        if (*p == '#' && p[-1] == ' ')
            return false;
        if (*p == ':') {
            *ret_colon = tu_fast_ends(f, p + 1);
            if (*ret_colon)
                break;
            if (strchr(",?[]{}", p[1]))
                return false;
        }
        last = p + 1;
    }
    *ret_end = last;
    return p < f->end;
}

bool tu_fast_flow_plain(tu_fast *f, tu_value *out) {
    const char *end;
    bool colon;
    tu_fast_place(f, out);
    if (!flow_line(f, f->p, &end, &colon) || colon)
        return false;
    if (!set_plain(f, out, (tu_str){f->p, (size_t)(end - f->p)}))
        return false;
    tu_fast_end(f, out, end);
    f->p = end;
    return true;
}

/* --- block scalars --------------------------------------------------------------------------- */

/* Over empty lines, up to content or less indentation; libyaml's scan_block_scalar_breaks(). *indent
 * 0: it is found here. Leaves p behind the indentation and *column there. */
static bool skip_breaks(tu_fast *f, int parent, int *indent, int *column, size_t *breaks) {
    int widest = 0;
    for (;;) {
        const char *q = f->p;
        while (q < f->end && *q == ' ' && (!*indent || q - f->p < *indent))
            q++;
        *column = (int)(q - f->p);
        widest = *column > widest ? *column : widest;
        if ((!*indent || *column < *indent) && q < f->end && *q == '\t')
            return false;
        f->last = f->p;
        if (q < f->end && *q == '\n') {
            f->p = f->line_begin = q + 1;
            f->line++;
            ++*breaks;
            continue;
        }
        f->p = q;
        if (!*indent)
            *indent = widest > parent + 1 ? widest : parent + 1;
        if (*indent < 1)
            *indent = 1;
        return true;
    }
}

static char *add_breaks(char *out, size_t *n) {
    memset(out, '\n', *n);
    out += *n;
    *n = 0;
    return out;
}

/* The lines of a block scalar, in scratch. p: at the line behind its header. */
static bool block_lines(tu_fast *f, int parent, bool literal, char chomping, tu_str *ret) {
    int indent = 0, column = 0;
    size_t leading = 0,
           trailing = 0; /* the last line's break, and those of empty lines behind it */
    bool leading_blank = false;
    if (!scratch(f) || !skip_breaks(f, parent, &indent, &column, &trailing))
        return false;
    char *out = f->scratch;
    while (column == indent && f->p < f->end) {
        bool blank = *f->p == ' ' || *f->p == '\t';
        if (!literal && leading && !leading_blank && !blank) {
            if (!trailing)
                *out++ = ' ';
            leading = 0;
        }
        out = add_breaks(out, &leading);
        out = add_breaks(out, &trailing);
        leading_blank = blank;
        const char *newline = memchr(f->p, '\n', (size_t)(f->end - f->p)),
                   *end = newline ? newline : f->end;
        out = mempcpy(out, f->p, (size_t)(end - f->p));
        f->p = f->line_begin = newline ? newline + 1 : f->end;
        f->line += newline ? 1 : 0;
        leading = newline ? 1 : 0;
        if (!skip_breaks(f, parent, &indent, &column, &trailing))
            return false;
    }
    if (chomping != '-')
        out = add_breaks(out, &leading);
    if (chomping == '+')
        out = add_breaks(out, &trailing);
    *ret = (tu_str){f->scratch, (size_t)(out - f->scratch)};
    return true;
}

bool tu_fast_block(tu_fast *f, int parent, tu_value *out) {
    tu_fast_place(f, out);
    bool literal = *f->p++ == '|';
    char chomping = f->p < f->end ? *f->p : 0;
    if (chomping == '-' || chomping == '+')
        f->p++;
    while (f->p < f->end && *f->p == ' ')
        f->p++;
    if (f->p < f->end && *f->p == '#' && f->p[-1] == ' ')
        f->p = memchr(f->p, '\n', (size_t)(f->end - f->p));
    if (!f->p || f->p >= f->end || *f->p != '\n')
        return false; /* with an indentation of its own, or at the end of the text */
    f->line_begin = ++f->p;
    f->line++;
    tu_str text;
    if (!block_lines(f, parent, literal, chomping, &text) || !set_string(f, out, text))
        return false;
    out->flags = TU_VALUE_QUOTED;
    tu_fast_end(f, out, f->last);
    f->p = f->line_begin;
    return tu_fast_next_line(f);
}

/* --- keys ------------------------------------------------------------------------------------ */

static bool key_text(tu_fast *f, bool quoted, tu_str text, tu_member *m) {
    if (!quoted && tu_str_is(text, "<<"))
        return false;
    if (quoted || is_text(text)) {
        m->key = tu_arena_copy(f->arena, text);
        return m->key.p ? true : tu_fast_fail_memory(f);
    }
    tu_error *e = NULL;
    tu_rc rc = tu_yaml_key(f->arena, text, TU_TAG_NONE, true, f->reading, &m->key, &e);
    tu_error_free(e);
    return rc == TU_OK || (rc == TU_EINTERNAL && tu_fast_fail_memory(f));
}

bool tu_fast_key(tu_fast *f, bool flow, tu_member *m, bool *ret_key) {
    const char *end, *colon;
    tu_str text;
    bool quoted = *f->p == '"' || *f->p == '\'';
    *ret_key = false;
    if (quoted) {
        bool plain;
        end = closing_quote(f, &plain);
        if (!end)
            return false;
        end++;
    } else if (flow) {
        if (!flow_line(f, f->p, &end, ret_key))
            return false;
    } else if (!may_begin(f, f->p) || plain_line(f, f->p, &end) == BY_TAB) {
        return false;
    }
    for (colon = end; colon < f->end && *colon == ' '; colon++)
        ;
    *ret_key = colon < f->end && *colon == ':' && ((flow && quoted) || tu_fast_ends(f, colon + 1));
    if (!*ret_key)
        return true;
    if (colon - f->p > LONGEST_KEY)
        return false;
    m->key_line = f->line;
    m->key_begin = f->offset + (uint32_t)(f->p - f->begin);
    text = (tu_str){f->p, (size_t)(end - f->p)};
    if (quoted && !quoted_text(f, &text, &end))
        return false;
    f->last = end;
    f->p = colon + 1;
    return key_text(f, quoted, text, m);
}
