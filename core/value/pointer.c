/*
 * value/pointer.c: writing and following paths. Patterns of paths: value/pattern.h.
 *
 * A '/' never stands inside a step ("~1" does), so a path is cut at every '/'. What a step means
 * depends on the value it meets: a name in a map, an index, [key=value] or [=value] in a list.
 */
#include "value/pointer.h"

#include <stdio.h>

#include "base/str.h"

/* --- writing ---------------------------------------------------------------------------------- */

/* Puts a backslash before each of `special`, as well as the escapes of RFC 6901. */
static void add_escaped(tu_buf *b, tu_str s, const char *special) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '~')
            tu_buf_add(b, TU_S("~0"));
        else if (c == '/')
            tu_buf_add(b, TU_S("~1"));
        else {
            if (c != '\0' && strchr(special, c))
                tu_buf_add_byte(b, '\\');
            tu_buf_add_byte(b, c);
        }
    }
}

void tu_pointer_add(tu_buf *b, tu_str step) {
    tu_buf_add_byte(b, '/');
    add_escaped(b, step, "");
}

void tu_pointer_add_item(tu_buf *b, const tu_str *names, const tu_str *values, size_t n) {
    tu_buf_add_c(b, "/[");
    for (size_t i = 0; i < n; i++) {
        if (i)
            tu_buf_add_byte(b, ',');
        add_escaped(b, names[i], "],\\=");
        tu_buf_add_byte(b, '=');
        add_escaped(b, values[i], "],\\");
    }
    tu_buf_add_byte(b, ']');
}

/* --- steps ------------------------------------------------------------------------------------ */

/* Takes the next step off a path that begins with '/'. */
static tu_str take_step(tu_str *path) {
    size_t end = 1;
    while (end < path->n && path->p[end] != '/')
        end++;
    tu_str step = {path->p + 1, end - 1};
    *path = (tu_str){path->p + end, path->n - end};
    return step;
}

/* The next character of an escaped text; moves *i on. */
static char unescape(tu_str s, size_t *i, bool in_brackets) {
    char c = s.p[(*i)++];
    if (in_brackets && c == '\\' && *i < s.n)
        return s.p[(*i)++];
    if (c == '~' && *i < s.n && (s.p[*i] == '0' || s.p[*i] == '1'))
        return s.p[(*i)++] == '0' ? '~' : '/';
    return c;
}

static bool equals_escaped(tu_str plain, tu_str escaped, bool in_brackets) {
    size_t n = 0;
    for (size_t i = 0; i < escaped.n; n++) {
        char c = unescape(escaped, &i, in_brackets);
        if (n >= plain.n || plain.p[n] != c)
            return false;
    }
    return n == plain.n;
}

static const tu_value *get_member(const tu_value *map, tu_str step, bool in_brackets) {
    for (uint32_t i = 0; i < map->map.n; i++)
        if (equals_escaped(map->map.members[i].key, step, in_brackets))
            return &map->map.members[i].value;
    return NULL;
}

static const tu_value *get_index(const tu_value *list, tu_str step) {
    uint64_t index = 0;
    if (step.n == 0 || step.n > 9 || (step.n > 1 && step.p[0] == '0'))
        return NULL;
    for (size_t i = 0; i < step.n; i++) {
        if (step.p[i] < '0' || step.p[i] > '9')
            return NULL;
        index = index * 10 + (uint64_t)(step.p[i] - '0');
    }
    return tu_value_at(list, index);
}

/* Is the scalar, as people write it, this text? */
static bool scalar_is(const tu_value *v, tu_str escaped) {
    char room[32];
    if (v == NULL)
        return false;
    switch (v->type) {
    case TU_STRING:
    case TU_NUMBER:
        return equals_escaped(v->string, escaped, true);
    case TU_INTEGER:
        snprintf(room, sizeof room, "%lld", (long long)v->integer);
        return equals_escaped(tu_str_c(room), escaped, true);
    case TU_BOOL:
        return equals_escaped(tu_str_c(v->boolean ? "true" : "false"), escaped, true);
    case TU_NULL:
        return equals_escaped(TU_S("null"), escaped, true);
    default:
        return false;
    }
}

/* Up to the first of the bytes that isn't escaped. */
static tu_str take_unescaped(tu_str *s, char end) {
    size_t i = 0;
    while (i < s->n && s->p[i] != end)
        i += s->p[i] == '\\' && i + 1 < s->n ? 2 : 1;
    tu_str part = {s->p, i};
    size_t skip = i < s->n ? i + 1 : i;
    *s = (tu_str){s->p + skip, s->n - skip};
    return part;
}

/* inner: what stands between the brackets, "name=app,protocol=TCP" or "=value" */
static bool item_is(const tu_value *item, tu_str inner) {
    if (inner.n == 0)
        return false;
    while (inner.n) {
        tu_str value = take_unescaped(&inner, ',');
        if (memchr(value.p, '=', value.n) == NULL)
            return false;
        tu_str key = take_unescaped(&value, '=');
        const tu_value *field = item;
        if (key.n)
            field = tu_value_is(item, TU_MAP) ? get_member(item, key, true) : NULL;
        if (!scalar_is(field, value))
            return false;
    }
    return true;
}

static const tu_value *get_item(const tu_value *list, tu_str step) {
    if (step.n < 2 || step.p[0] != '[' || step.p[step.n - 1] != ']')
        return get_index(list, step);
    tu_str inner = {step.p + 1, step.n - 2};
    for (uint32_t i = 0; i < list->list.n; i++)
        if (item_is(&list->list.items[i], inner))
            return &list->list.items[i];
    return NULL;
}

const tu_value *tu_pointer_get(const tu_value *v, tu_str pointer) {
    while (v && pointer.n) {
        if (pointer.p[0] != '/')
            return NULL;
        tu_str step = take_step(&pointer);
        if (v->type == TU_MAP)
            v = get_member(v, step, false);
        else
            v = v->type == TU_LIST ? get_item(v, step) : NULL;
    }
    return v;
}
