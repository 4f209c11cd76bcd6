/*
 * common/template.c: reads a template. What is wrong with it is found here, with its place, so that rendering can't fail
 * for what the author wrote.
 *
 * A tag that stands alone on its line ({{#..}}, {{/..}}, {{else}}, {{! ..}}) takes the line with it: blocks can be laid out
 * without leaving empty lines in what is sent.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/template_inside.h"

/* --- memory --------------------------------------------------------------------------------------- */

struct piece {
    piece *next;
    size_t used, room;
    max_align_t bytes[];
};

enum { PIECE_BYTES = 4096 };

typedef struct reader {
    const char *text;
    size_t n, at;
    const char *const *extra;
    const shape *items[TEMPLATE_NESTING]; /* what the each around here goes over */
    unsigned depth, nesting, nodes;
    const char *opened[TEMPLATE_NESTING]; /* the blocks around here: "if", "each" */
    tu_template *made;
    tu_template_error *error;
    size_t text_end, tag_end; /* of the tag that was seen last, see look_around() */
    bool failed;
} reader;

__attribute__((format(printf, 3, 4))) static void *wrong(reader *r, size_t at, const char *format,
                                                         ...) {
    if (r->failed)
        return NULL;
    r->failed = true;
    r->error->line = r->error->column = 1;
    for (size_t i = 0; i < at && i < r->n; i++) {
        r->error->column += ((unsigned char)r->text[i] & 0xC0) != 0x80;
        if (r->text[i] == '\n') {
            r->error->line++;
            r->error->column = 1;
        }
    }
    va_list list;
    va_start(list, format);
    vsnprintf(r->error->message, sizeof r->error->message, format, list);
    va_end(list);
    return NULL;
}

/* Zeroed; lives as long as the template. */
static void *take(reader *r, size_t n) {
    size_t unit = sizeof(max_align_t);
    n = (n + unit - 1) / unit * unit;
    piece *p = r->made->pieces;
    if (!p || p->room - p->used < n) {
        size_t room = n > PIECE_BYTES ? n : PIECE_BYTES;
        p = calloc(1, sizeof *p + room);
        if (!p)
            return wrong(r, r->at, "out of memory");
        p->room = room;
        p->next = r->made->pieces;
        r->made->pieces = p;
    }
    void *taken = (char *)p->bytes + p->used;
    p->used += n;
    return taken;
}

static const char *keep(reader *r, const char *text, size_t n) {
    char *copy = take(r, n + 1);
    if (copy && n)
        memcpy(copy, text, n);
    return copy;
}

/* --- inside a tag ------------------------------------------------------------------------------------ */

static bool looking_at(const reader *r, const char *word) {
    size_t n = strlen(word);
    return r->n - r->at >= n && !memcmp(r->text + r->at, word, n);
}

static void skip_blanks(reader *r) {
    while (r->at < r->n && r->text[r->at] && strchr(" \t\r\n", r->text[r->at]))
        r->at++;
}

static bool skip(reader *r, const char *word) {
    if (!looking_at(r, word))
        return false;
    r->at += strlen(word);
    return true;
}

static bool end_tag(reader *r) {
    skip_blanks(r);
    if (!skip(r, "}}"))
        wrong(r, r->at, "expected \"}}\" here");
    return !r->failed;
}

/* A text in double quotes, \" \\ and \n undone. */
static const char *read_quoted(reader *r) {
    size_t begin = r->at++, n = 0;
    const char *line = memchr(r->text + begin, '\n', r->n - begin);
    char *text = take(r, line ? (size_t)(line - r->text) - begin : r->n - begin);
    while (text && r->at < r->n && r->text[r->at] != '"' && r->text[r->at] != '\n') {
        char c = r->text[r->at++];
        if (c == '\\' && r->at < r->n && r->text[r->at] != '\n') {
            c = r->text[r->at++];
            c = c == 'n' ? '\n' : c;
        }
        text[n++] = c;
    }
    if (text && !skip(r, "\""))
        return wrong(r, begin, "this text has no closing quote");
    return text;
}

static size_t name_length(const reader *r) {
    size_t i = r->at;
    while (i < r->n && r->text[i] && !strchr(" \t\r\n|}=!\"{", r->text[i]))
        i++;
    return i - r->at;
}

/* --- names ------------------------------------------------------------------------------------------- */

static bool is_extra(const reader *r, const char *name) {
    for (const char *const *e = r->extra; e && *e; e++)
        if (!strcmp(*e, name))
            return true;
    return false;
}

static void no_field(reader *r, size_t at, const char *name, const shape *below) {
    nearest n = {.wanted = name};
    if (below) {
        template_nearest_add_shape(&n, below);
    } else {
        for (unsigned i = r->depth; i-- > 0;)
            template_nearest_add_shape(&n, r->items[i]);
        for (const char *const *e = r->extra; e && *e; e++)
            template_nearest_add(&n, *e);
        template_nearest_add_shape(&n, &template_message_shape);
    }
    wrong(r, at, "no message has a field \"%.60s\"%s%s%s%s", name, below ? " here" : "",
          n.best ? "; did you mean \"" : "", n.best ? n.best : "", n.best ? "\"?" : "");
}

/* Splits at dots, or a pointer at slashes with ~1 and ~0 undone. */
static bool split(reader *r, size_t begin, size_t n, bool pointer, path *ret) {
    const char *from = r->text + begin + pointer, *end = r->text + begin + n;
    ret->steps = take(r, TEMPLATE_STEPS_OF_PATH * sizeof *ret->steps);
    while (!r->failed) {
        const char *next = memchr(from, pointer ? '/' : '.', (size_t)(end - from));
        size_t length = (size_t)((next ? next : end) - from), to = 0;
        if (ret->count == TEMPLATE_STEPS_OF_PATH)
            return wrong(r, begin, "a field of more than %d steps", TEMPLATE_STEPS_OF_PATH);
        char *step = take(r, length + 1);
        for (size_t i = 0; step && i < length; i++) {
            bool escaped = pointer && from[i] == '~' && i + 1 < length &&
                           (from[i + 1] == '0' || from[i + 1] == '1');
            step[to++] = !escaped ? from[i] : from[++i] == '0' ? '~' : '/';
        }
        ret->steps[ret->count++] = step;
        if (!next)
            break;
        from = next + 1;
    }
    return !r->failed;
}

/* Goes down from s; *ret is what stands there. */
static bool descend(reader *r, size_t at, const path *p, unsigned from, const shape *s,
                    const shape **ret) {
    for (unsigned i = from; i < p->count; i++) {
        const shape *below = template_shape_find(s, p->steps[i]);
        if (!below) {
            no_field(r, at, p->steps[i], i == 0 && p->from == FROM_MESSAGE ? NULL : s);
            return false;
        }
        s = below;
    }
    *ret = s;
    return true;
}

static const shape unknown_shape = {SHAPE_ANY, NULL, NULL};

/* "@number", "this" and its like: what an each offers. False: it is none of them, or wrong. */
static bool read_own_name(reader *r, size_t begin, path *p, const shape **ret) {
    static const struct {
        const char *name;
        path_from from;
    } names[] = {{"@number", FROM_NUMBER},
                 {"@key", FROM_KEY},
                 {"@first", FROM_FIRST},
                 {"@last", FROM_LAST},
                 {"this", FROM_ITEM}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (p->count != 1 || strcmp(p->steps[0], names[i].name))
            continue;
        if (r->depth == 0) {
            wrong(r, begin, "\"%s\" stands only inside {{#each}}", names[i].name);
            return false;
        }
        *p = (path){.from = names[i].from, .level = r->depth - 1};
        *ret = p->from == FROM_ITEM ? r->items[r->depth - 1] : &unknown_shape;
        return true;
    }
    return false;
}

/* Where does a name begin: in an item of the each around it, from the innermost; beside the message; in it? */
static bool find_name(reader *r, size_t begin, path *p, const shape **ret) {
    if (read_own_name(r, begin, p, ret) || r->failed)
        return !r->failed;
    if (is_extra(r, p->steps[0])) {
        p->from = FROM_EXTRA;
        p->level = r->depth;
        *ret = &unknown_shape;
        return true;
    }
    for (unsigned i = r->depth; i-- > 0;) {
        const shape *s = r->items[i];
        if (s->kind != SHAPE_OBJECT || !template_shape_find(s, p->steps[0]))
            continue;
        p->from = FROM_ITEM;
        p->level = i;
        return descend(r, begin, p, 0, s, ret);
    }
    p->from = FROM_MESSAGE;
    return descend(r, begin, p, 0, &template_message_shape, ret);
}

static bool read_path(reader *r, path *p, const shape **ret) {
    skip_blanks(r);
    size_t begin = r->at, n = name_length(r);
    bool pointer = n && r->text[begin] == '/';
    *p = (path){.from = FROM_MESSAGE};
    *ret = &template_message_shape;
    r->at += n;
    if (n == 0 && looking_at(r, "}}")) /* {{}}: the pointer to the whole message */
        return true;
    if (n == 0) {
        wrong(r, begin, "expected the name of a field; two braces are written \"{{{{\"");
        return false;
    }
    if (!split(r, begin, n, pointer, p))
        return false;
    return pointer ? descend(r, begin, p, 0, &template_message_shape, ret)
                   : find_name(r, begin, p, ret);
}

/* --- filters ------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    filter_kind kind;
} filters[] = {{"upper", FILTER_UPPER},     {"lower", FILTER_LOWER}, {"cut", FILTER_CUT},
               {"default", FILTER_DEFAULT}, {"date", FILTER_DATE},   {"duration", FILTER_DURATION},
               {"json", FILTER_JSON},       {"url", FILTER_URL},     {"count", FILTER_COUNT},
               {"code", FILTER_CODE}};

static bool find_filter(reader *r, filter *f) {
    char name[40];
    size_t begin = r->at, n = name_length(r);
    snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1),
             r->text + begin);
    r->at += n;
    nearest near = {.wanted = name};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        f->kind = filters[i].kind;
        if (!strcmp(filters[i].name, name))
            return true;
        template_nearest_add(&near, filters[i].name);
    }
    if (n == 0)
        return wrong(r, begin, "expected the name of a filter after \"|\"");
    return wrong(r, begin, "there is no filter \"%s\"%s%s%s", name,
                 near.best ? "; did you mean \"" : "", near.best ? near.best : "",
                 near.best ? "\"?" : "");
}

static bool read_number(reader *r, const char *what, unsigned most, unsigned *ret) {
    size_t begin = r->at;
    unsigned number = 0;
    while (r->at < r->n && r->text[r->at] >= '0' && r->text[r->at] <= '9' && number <= most)
        number = number * 10 + (unsigned)(r->text[r->at++] - '0');
    if (r->at == begin || number == 0 || number > most)
        return wrong(r, begin, "%s: expected a number from 1 to %u", what, most);
    *ret = number;
    return true;
}

static bool read_text(reader *r, const char *what, const char **ret) {
    if (r->at >= r->n || r->text[r->at] != '"')
        return wrong(r, r->at, "%s: expected a text in double quotes", what);
    *ret = read_quoted(r);
    return *ret != NULL;
}

/* Zones are kept for the template: a name that stands twice is read twice, it is small. */
static bool read_date(reader *r, filter *f) {
    const char *name;
    skip_blanks(r);
    if (r->at >= r->n || r->text[r->at] != '"')
        return true; /* as it is: RFC 3339 */
    size_t begin = r->at;
    if (!read_text(r, "date", &f->text))
        return false;
    for (const char *c = f->text; (c = strchr(c, '%')); c += 2)
        if (!c[1] || !strchr("YmdHMSzZabABeIpjFT%", c[1]))
            return wrong(
                r, begin,
                "date: \"%%%.1s\" means nothing; there are %%Y %%m %%d %%H %%M %%S %%F %%T %%z %%Z "
                "%%a %%A %%b %%B %%e %%I %%p %%j",
                c + 1);
    skip_blanks(r);
    if (r->at >= r->n || r->text[r->at] != '"')
        return true;
    begin = r->at;
    if (!read_text(r, "date", &name))
        return false;
    zone *z = zone_open(name);
    if (!z)
        return wrong(r, begin, "date: there is no time zone \"%.60s\"; names are as in Asia/Seoul",
                     name);
    zone_set_next(z, r->made->zones);
    r->made->zones = z;
    f->zone = z;
    return true;
}

static bool read_filter(reader *r, filter *f) {
    skip_blanks(r);
    if (!find_filter(r, f))
        return false;
    skip_blanks(r);
    switch (f->kind) {
    case FILTER_CUT:
        return read_number(r, "cut", 1000000, &f->number);
    case FILTER_DEFAULT:
        return read_text(r, "default", &f->text);
    case FILTER_DATE:
        return read_date(r, f);
    default:
        return true;
    }
}

static bool read_value(reader *r, expression *v, const shape **ret) {
    if (!read_path(r, &v->path, ret))
        return false;
    for (skip_blanks(r); skip(r, "|"); skip_blanks(r)) {
        if (v->filter_count == TEMPLATE_FILTERS)
            return wrong(r, r->at, "more than %d filters", TEMPLATE_FILTERS);
        if (!v->filters)
            v->filters = take(r, TEMPLATE_FILTERS * sizeof *v->filters);
        if (!v->filters || !read_filter(r, &v->filters[v->filter_count]))
            return false;
        v->filter_count++;
    }
    return true;
}

/* --- blocks ---------------------------------------------------------------------------------------------- */

static node *read_nodes(reader *r);

static bool is_number(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!memchr("-.0123456789", text[i], 12))
            return false;
    return true;
}

static bool read_comparison(reader *r, node *n) {
    skip_blanks(r);
    n->compare = skip(r, "==") ? COMPARE_EQUAL : skip(r, "!=") ? COMPARE_UNEQUAL : COMPARE_NOT;
    if (n->compare == COMPARE_NOT)
        return true;
    skip_blanks(r);
    size_t digits = name_length(r);
    if (r->at < r->n && r->text[r->at] == '"') {
        n->other = read_quoted(r);
    } else if (digits && is_number(r->text + r->at, digits)) {
        n->other = keep(r, r->text + r->at, digits);
        r->at += digits;
    } else {
        wrong(r, r->at, "expected a text in double quotes or a number to compare with");
    }
    return n->other != NULL;
}

/* Does the block's tag at `open` stand alone on its line? Then its line goes: text_end is where the text before it ends,
 * tag_end where the text after it begins. Otherwise they are the tag's own ends. */
static void look_around(reader *r, size_t text_begin, size_t open) {
    bool quoted = false;
    size_t before = open, after = open + 2;
    while (after < r->n && (quoted || r->text[after] != '}')) {
        quoted ^= r->text[after] == '"' && r->text[after - 1] != '\\' && r->text[open + 2] != '!';
        after++;
    }
    after = after + 2 < r->n ? after + 2 : r->n;
    r->text_end = open;
    r->tag_end = after;
    while (before > text_begin && (r->text[before - 1] == ' ' || r->text[before - 1] == '\t'))
        before--;
    while (after < r->n && (r->text[after] == ' ' || r->text[after] == '\t'))
        after++;
    after += after + 1 < r->n && r->text[after] == '\r' && r->text[after + 1] == '\n';
    bool begins = before == 0 || r->text[before - 1] == '\n';
    bool ends = after == r->n || r->text[after] == '\n';
    if (!begins || !ends)
        return;
    r->text_end = before;
    r->tag_end = after + (after < r->n);
}

/* A block's tag must end here, before what look_around() found. */
static bool end_block_tag(reader *r) {
    size_t next = r->tag_end;
    if (end_tag(r) && next > r->at)
        r->at = next;
    return !r->failed;
}

static node *new_node(reader *r, node_kind kind) {
    if (++r->nodes > TEMPLATE_NODES)
        return wrong(r, r->at, "a template of more than %d parts", TEMPLATE_NODES);
    node *n = take(r, sizeof *n);
    if (n)
        n->kind = kind;
    return n;
}

/* Comes after the block's own tag; reads up to and with its end. */
static bool read_block(reader *r, size_t open, node *n, const shape *over) {
    const char *word = n->kind == NODE_IF ? "if" : "each";
    if (r->nesting == TEMPLATE_NESTING)
        return wrong(r, open, "blocks nested deeper than %d", TEMPLATE_NESTING);
    r->opened[r->nesting++] = word;
    if (n->kind == NODE_EACH)
        r->items[r->depth++] = over;
    n->body = read_nodes(r);
    if (n->kind == NODE_EACH)
        r->depth--;
    if (!r->failed && looking_at(r, "else")) {
        r->at += strlen("else");
        if (!end_block_tag(r))
            return false;
        n->otherwise = read_nodes(r);
        if (!r->failed && looking_at(r, "else"))
            wrong(r, r->at, "{{#%s}} has an {{else}} already", word);
    }
    if (!r->failed && r->at >= r->n)
        wrong(r, open, "{{#%s}} has no {{/%s}}", word, word);
    r->nesting--;
    if (r->failed)
        return false;
    r->at++; /* the slash */
    size_t name = r->at, length = name_length(r);
    r->at += length;
    if (length != strlen(word) || memcmp(r->text + name, word, length))
        return wrong(r, name, "expected {{/%s}} here", word);
    return end_block_tag(r);
}

static node *read_opening(reader *r, size_t open) {
    const shape *s;
    bool is_if = skip(r, "if");
    if (!is_if && !skip(r, "each"))
        return wrong(r, r->at, "there is {{#if}} and {{#each}}, nothing else");
    node *n = new_node(r, is_if ? NODE_IF : NODE_EACH);
    if (!n || !read_value(r, &n->value, &s) || (is_if && !read_comparison(r, n)))
        return NULL;
    if (!is_if && s->kind != SHAPE_LIST && s->kind != SHAPE_FREE && s->kind != SHAPE_ANY)
        return wrong(r, open, "{{#each}} needs a list or labels");
    if (!is_if && n->value.filter_count)
        return wrong(r, open, "{{#each}} takes no filters");
    skip_blanks(r);
    if (!is_if && !looking_at(r, "}}") && !read_number(r, "each", 10000, &n->limit))
        return NULL;
    if (!end_block_tag(r))
        return NULL;
    s = s->kind == SHAPE_LIST ? s->item : &unknown_shape;
    return read_block(r, open, n, s) ? n : NULL;
}

static node *read_expression(reader *r) {
    const shape *s;
    node *n = new_node(r, NODE_VALUE);
    if (!n || !read_value(r, &n->value, &s) || !end_tag(r))
        return NULL;
    return n;
}

static bool skip_comment(reader *r, size_t open) {
    while (r->at < r->n && !looking_at(r, "}}"))
        r->at++;
    if (r->at >= r->n)
        wrong(r, open, "this comment has no \"}}\"");
    return end_block_tag(r);
}

static void append(reader *r, node ***last, node *n) {
    if (!n || r->failed)
        return;
    **last = n;
    *last = &n->next;
}

static void append_text(reader *r, node ***last, size_t begin, size_t end) {
    if (begin >= end)
        return;
    node *n = new_node(r, NODE_TEXT);
    if (n) {
        n->text = keep(r, r->text + begin, end - begin);
        n->n = end - begin;
    }
    append(r, last, n);
}

/* Does an {{else}} or the end of a block stand here? */
static bool is_end(reader *r) {
    size_t at = r->at;
    skip_blanks(r);
    bool is_else = looking_at(r, "else") && (r->at += 4, name_length(r) == 0);
    r->at = at;
    skip_blanks(r);
    if (is_else || looking_at(r, "/if") || looking_at(r, "/each")) {
        size_t begin = r->at, n = 0;
        r->at += !is_else;
        n = name_length(r);
        r->at = begin;
        /* "/if" is also how a pointer to a field "if" would begin; no message has one */
        if (is_else || n == 2 || n == 4)
            return true;
    }
    r->at = at;
    return false;
}

/* One tag, after its braces; NULL where it leaves nothing, or is wrong. */
static node *read_tag(reader *r, size_t open) {
    if (skip(r, "#"))
        return read_opening(r, open);
    if (skip(r, "!"))
        return skip_comment(r, open), NULL;
    return read_expression(r);
}

/* Up to the end of the text, or to the "else" or "/if" of a tag, where it stops inside that tag. */
static node *read_nodes(reader *r) {
    node *first = NULL, **last = &first;
    size_t begin = r->at;
    while (!r->failed) {
        const char *found = memmem(r->text + r->at, r->n - r->at, "{{", 2);
        size_t open = found ? (size_t)(found - r->text) : r->n;
        r->at = found ? open + 2 : r->n;
        if (!found) {
            append_text(r, &last, begin, r->n);
            break;
        }
        if (looking_at(r, "{{")) { /* {{{{ is {{ */
            append_text(r, &last, begin, open + 2);
            begin = r->at += 2;
            continue;
        }
        bool ends = is_end(r), is_block = ends || looking_at(r, "#") || looking_at(r, "!");
        if (is_block)
            look_around(r, begin, open);
        append_text(r, &last, begin, is_block ? r->text_end : open);
        if (ends && r->nesting == 0)
            return wrong(r, open, "this ends a block, but none is open");
        if (ends)
            return first;
        append(r, &last, read_tag(r, open));
        begin = r->at;
    }
    return first;
}

tu_template *tu_template_parse(const char *text, size_t n, const char *const *extra,
                               tu_template_error *error) {
    tu_template_error unused;
    reader r = {.text = text, .n = n, .extra = extra, .error = error ? error : &unused};
    r.made = calloc(1, sizeof *r.made);
    if (!r.made) {
        wrong(&r, 0, "out of memory");
        return NULL;
    }
    if (n > TEMPLATE_BYTES)
        wrong(&r, 0, "a template of more than %d KiB", TEMPLATE_BYTES / 1024);
    else if (n && memchr(text, '\0', n))
        wrong(&r, (size_t)((const char *)memchr(text, '\0', n) - text), "a NUL byte in a template");
    else
        r.made->first = read_nodes(&r);
    if (r.failed) {
        tu_template_free(r.made);
        return NULL;
    }
    return r.made;
}

void tu_template_free(tu_template *t) {
    if (!t)
        return;
    for (piece *p = t->pieces, *next; p; p = next) {
        next = p->next;
        free(p);
    }
    for (zone *z = t->zones, *next; z; z = next) {
        next = zone_next(z);
        zone_free(z);
    }
    free(t);
}
