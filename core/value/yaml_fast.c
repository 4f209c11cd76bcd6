/*
 * value/yaml_fast.c: the structure of the plain subset, see yaml_fast.h.
 *
 * A recursive descent over lines. The column of a map's first key or a list's first dash is its
 * indentation; whoever ends there stands at the next content, and whether that belongs to it is told
 * by its column alone:
 *
 *     spec:                 map at 0
 *       ports:              map at 2
 *       - name: http        list at 2 (as deep as its key, or deeper), its item a map at 4
 *         port: 80          goes on with the map at 4
 *       replicas: 2         ends map 4 and list 2, goes on with map 2
 *
 * A column that fits nothing that is open is a mistake, and declined like all mistakes.
 */
#include "value/yaml_fast.h"

#include <string.h>

#include "base/limits.h"
#include "value/yaml_fast_internal.h"

static bool read_node(tu_fast *f, int parent, tu_value *out);

/* --- lines ----------------------------------------------------------------------------------- */

bool tu_fast_next_line(tu_fast *f) {
    const char *p = f->p, *end = f->end;
    for (;;) {
        f->line_begin = p;
        while (p < end && *p == ' ')
            p++;
        if (p < end && *p == '#') {
            const char *newline = memchr(p, '\n', (size_t)(end - p));
            p = newline ? newline : end;
        }
        if (p == end || *p != '\n')
            break;
        p++;
        f->line++;
    }
    f->p = p;
    f->column = p == end ? -1 : (int)(p - f->line_begin);
    if (f->column == 0 && end - p >= 3 && (memcmp(p, "---", 3) == 0 || memcmp(p, "...", 3) == 0))
        return false;
    return true;
}

bool tu_fast_finish_line(tu_fast *f) {
    const char *p = f->p;
    while (p < f->end && *p == ' ')
        p++;
    if (p < f->end && *p == '#' && p > f->begin && p[-1] == ' ') {
        const char *newline = memchr(p, '\n', (size_t)(f->end - p));
        p = newline ? newline : f->end;
    }
    if (p < f->end) {
        if (*p != '\n')
            return false;
        p++;
        f->line++;
    }
    f->p = p;
    return tu_fast_next_line(f);
}

static void skip_spaces(tu_fast *f) {
    while (f->p < f->end && *f->p == ' ')
        f->p++;
}

static bool at(const tu_fast *f, char c) {
    return f->p < f->end && *f->p == c;
}

/* --- maps and lists -------------------------------------------------------------------------- */

static bool enter(tu_fast *f, tu_value *out, tu_type type) {
    if (f->depth == TU_LIMIT_DEPTH)
        return false;
    f->depth++;
    tu_fast_place(f, out);
    out->type = (uint8_t)type;
    return true;
}

static bool push(tu_fast *f, const void *child, size_t n) {
    void *place = tu_collect_push(&f->children, n);
    if (!place || ++f->nodes >= TU_LIMIT_NODES)
        return place ? false : tu_fast_fail_memory(f);
    memcpy(place, child, n);
    return true;
}

static bool close_list(tu_fast *f, size_t base, tu_value *out) {
    f->depth--;
    out->end = f->offset + (uint32_t)(f->last - f->begin);
    out->list.n = (uint32_t)((f->children.used - base) / sizeof(tu_value));
    out->list.items = out->list.n ? tu_collect_take(&f->children, base, f->arena) : NULL;
    return !out->list.n || out->list.items ? true : tu_fast_fail_memory(f);
}

static bool close_map(tu_fast *f, size_t base, tu_value *out) {
    uint32_t n = (uint32_t)((f->children.used - base) / sizeof(tu_member)), pair[2];
    tu_member *members = (tu_member *)(void *)(f->children.bytes + base);
    tu_rc rc = tu_members_unique(members, &n, TU_MERGE_EXPLICIT_WINS, pair);
    if (rc != TU_OK)
        return rc == TU_EINTERNAL ? tu_fast_fail_memory(f) : false;
    f->depth--;
    out->end = f->offset + (uint32_t)(f->last - f->begin);
    out->map.n = n;
    out->map.members = n ? tu_collect_take(&f->children, base, f->arena) : NULL;
    return !n || out->map.members ? true : tu_fast_fail_memory(f);
}

/* --- flow collections, on one line ----------------------------------------------------------- */

static bool read_flow(tu_fast *f, tu_value *out);

static bool read_flow_value(tu_fast *f, tu_value *out) {
    skip_spaces(f);
    if (at(f, '{') || at(f, '['))
        return read_flow(f, out);
    return at(f, '"') || at(f, '\'') ? tu_fast_quoted(f, out) : tu_fast_flow_plain(f, out);
}

static bool read_flow_child(tu_fast *f, bool map) {
    tu_member m = {0};
    bool key = true;
    if (map && (f->p == f->end || !tu_fast_key(f, true, &m, &key) || !key))
        return false;
    if (!read_flow_value(f, &m.value))
        return false;
    return map ? push(f, &m, sizeof(m)) : push(f, &m.value, sizeof(m.value));
}

static bool read_flow(tu_fast *f, tu_value *out) {
    bool map = *f->p == '{';
    char closing = map ? '}' : ']';
    if (!enter(f, out, map ? TU_MAP : TU_LIST))
        return false;
    size_t base = f->children.used;
    f->p++;
    skip_spaces(f);
    while (!at(f, closing)) {
        if (!read_flow_child(f, map))
            return false;
        skip_spaces(f);
        if (at(f, closing))
            break;
        if (!at(f, ','))
            return false;
        f->p++;
        skip_spaces(f);
        if (at(f, closing)) /* a comma behind the last one */
            return false;
    }
    f->last = ++f->p;
    return map ? close_map(f, base, out) : close_list(f, base, out);
}

/* --- values ---------------------------------------------------------------------------------- */

/* A scalar or flow collection that begins at p, and the rest of its lines. */
static bool read_inline(tu_fast *f, int parent, tu_value *out) {
    bool ok;
    switch (*f->p) {
    case '|':
    case '>':
        return tu_fast_block(f, parent, out);
    case '{':
    case '[':
        ok = read_flow(f, out);
        break;
    case '"':
    case '\'':
        ok = tu_fast_quoted(f, out);
        break;
    default:
        ok = tu_fast_plain(f, parent, out);
    }
    return ok && tu_fast_finish_line(f);
}

/* Nothing behind a ':' or a '-': null, whose place is there. `line` is that one's. */
static void set_null(tu_fast *f, const char *place, uint32_t line, tu_value *out) {
    memset(out, 0, sizeof(*out));
    out->type = TU_NULL;
    out->line = line;
    out->begin = f->offset + (uint32_t)(place - f->begin);
    tu_fast_end(f, out, place);
}

static bool at_dash(const tu_fast *f) {
    return at(f, '-') && tu_fast_ends(f, f->p + 1);
}

/* Is there something behind the ':' or '-' on its line? */
static bool has_inline(tu_fast *f) {
    const char *before = f->p;
    skip_spaces(f);
    return f->p < f->end && *f->p != '\n' && (*f->p != '#' || f->p == before);
}

static bool read_list(tu_fast *f, int column, tu_value *out) {
    if (!enter(f, out, TU_LIST))
        return false;
    size_t base = f->children.used;
    do {
        tu_value item;
        const char *behind = ++f->p;
        uint32_t line = f->line;
        if (has_inline(f)) {
            f->column = (int)(f->p - f->line_begin);
            if (!read_node(f, column, &item))
                return false;
        } else {
            if (!tu_fast_finish_line(f))
                return false;
            if (f->column <= column)
                set_null(f, behind, line, &item);
            else if (!read_node(f, column, &item))
                return false;
        }
        if (!push(f, &item, sizeof(item)))
            return false;
    } while (f->column == column && at_dash(f));
    return close_list(f, base, out);
}

/* What stands behind a key's ':', in a map at `column`. */
static bool read_member_value(tu_fast *f, int column, tu_value *out) {
    const char *behind = f->p;
    uint32_t line = f->line;
    if (has_inline(f))
        return !at_dash(f) && read_inline(f, column, out);
    if (!tu_fast_finish_line(f))
        return false;
    if (f->column > column)
        return read_node(f, column, out);
    if (f->column == column && at_dash(f))
        return read_list(f, column, out);
    set_null(f, behind, line, out);
    return true;
}

/* A map whose first key was read already; begin is that key's place. */
static bool read_map(tu_fast *f, int column, tu_member *first, tu_value *out) {
    size_t base = f->children.used;
    tu_member m = *first;
    for (;;) {
        if (!read_member_value(f, column, &m.value) || !push(f, &m, sizeof(m)))
            return false;
        if (f->column != column)
            break;
        bool key;
        if (!tu_fast_key(f, false, &m, &key) || !key)
            return false;
    }
    return f->column < column && close_map(f, base, out);
}

/* A value at f->column, which is deeper than that of what it belongs to. */
static bool read_node(tu_fast *f, int parent, tu_value *out) {
    int column = f->column;
    if (at_dash(f))
        return read_list(f, column, out) && f->column < column;
    if (strchr("|>{[", *f->p))
        return read_inline(f, parent, out);
    tu_member first = {0};
    bool key;
    tu_value place;
    if (!enter(f, &place, TU_MAP) || !tu_fast_key(f, false, &first, &key))
        return false;
    if (key) {
        *out = place;
        return read_map(f, column, &first, out);
    }
    f->depth--;
    return read_inline(f, parent, out);
}

/* --- the whole ------------------------------------------------------------------------------- */

/* libyaml refuses some characters and takes others for line ends: those, and what isn't UTF-8. */
static bool has_odd_characters(tu_str text) {
    unsigned odd = 0, high = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        odd |= (unsigned)((c < 0x20) & (c != '\n') & (c != '\t')) | (unsigned)(c == 0x7f);
        high |= c & 0x80u;
    }
    if (odd || !high)
        return odd != 0;
    if (!tu_utf8_valid(text))
        return true;
    for (size_t i = 0; i + 1 < text.n; i++) {
        const unsigned char *c = (const unsigned char *)text.p + i;
        if ((c[0] == 0xC2 && c[1] < 0xA0) ||                          /* U+0080 to U+009F */
            (c[0] == 0xE2 && c[1] == 0x80 && c[2] / 2 == 0xA8 / 2) || /* U+2028, U+2029 */
            (c[0] == 0xEF && c[1] == 0xBB && c[2] == 0xBF) ||         /* the byte order mark */
            (c[0] == 0xEF && c[1] == 0xBF && c[2] >= 0xBE))           /* U+FFFE, U+FFFF */
            return true;
    }
    return false;
}

/* To the first content; a `---` may stand before it. */
static bool begin_document(tu_fast *f) {
    if (tu_fast_next_line(f))
        return true;
    if (*f->p != '-' || !tu_fast_ends(f, f->p + 3))
        return false;
    f->p += 3;
    if (!has_inline(f))
        return tu_fast_finish_line(f);
    f->column = (int)(f->p - f->line_begin);
    return at(f, '{') || at(f, '[');
}

static bool read_document(tu_fast *f, tu_value **ret) {
    *ret = NULL;
    if (!begin_document(f))
        return false;
    if (f->column < 0)
        return true;
    tu_value *root = tu_arena_alloc(f->arena, sizeof(*root));
    if (!root)
        return tu_fast_fail_memory(f);
    *ret = root;
    return read_node(f, -1, root) && (root->type == TU_MAP || root->type == TU_LIST) &&
           f->column < 0;
}

tu_yaml_fast_result tu_yaml_fast(tu_arena *a, tu_yaml_part part, tu_yaml_reading reading,
                                 tu_value **ret) {
    if (has_odd_characters(part.text))
        return TU_YAML_FAST_DECLINED;
    const char *text = part.text.p ? part.text.p : "";
    tu_fast f = {.begin = text,
                 .end = text + part.text.n,
                 .p = text,
                 .line_begin = text,
                 .line = part.line,
                 .offset = (uint32_t)part.offset,
                 .last = text,
                 .arena = a,
                 .reading = reading};
    tu_collect_init(&f.children);
    tu_value *root = NULL;
    bool ok = read_document(&f, &root);
    tu_collect_done(&f.children);
    free(f.scratch);
    if (ok)
        *ret = root;
    return ok ? TU_YAML_FAST_READ : f.no_memory ? TU_YAML_FAST_NO_MEMORY : TU_YAML_FAST_DECLINED;
}
