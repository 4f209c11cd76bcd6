/*
 * value/json_write.c: values as JSON text: compact, for people, or canonical.
 *
 * Sealed values come out as "<sealed>". Only tu_json_write_secrets() writes what they hold, and it
 * is called only where the body of an apply call is made; keep it so.
 */
#include "base/mem.h"
#include "value/json.h"

typedef struct writer {
    tu_buf *out;
    unsigned flags;
    bool secrets;
} writer;

static void write_value(const writer *w, const tu_value *v, unsigned depth);

static void write_integer(tu_buf *out, int64_t i) {
    char digits[24], *p = digits + sizeof(digits);
    uint64_t rest = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    do
        *--p = (char)('0' + rest % 10);
    while (rest /= 10);
    if (i < 0)
        *--p = '-';
    tu_buf_add(out, (tu_str){p, (size_t)(digits + sizeof(digits) - p)});
}

static void write_break(const writer *w, unsigned depth) {
    if (!(w->flags & TU_JSON_PRETTY))
        return;
    tu_buf_add_byte(w->out, '\n');
    for (unsigned i = 0; i < depth; i++)
        tu_buf_add(w->out, TU_S("  "));
}

static void write_member(const writer *w, const tu_member *m, bool first, unsigned depth) {
    if (!first)
        tu_buf_add_byte(w->out, ',');
    write_break(w, depth + 1);
    tu_buf_add_json_string(w->out, m->key);
    tu_buf_add(w->out, w->flags & TU_JSON_PRETTY ? TU_S(": ") : TU_S(":"));
    write_value(w, &m->value, depth + 1);
}

static int by_key(const void *left, const void *right) {
    const tu_member *const *a = left, *const *b = right;
    return tu_str_compare((*a)->key, (*b)->key);
}

static void write_sorted(const writer *w, const tu_value *v, unsigned depth) {
    const tu_member *fixed[32], **order = fixed;
    if (v->map.n > sizeof(fixed) / sizeof(fixed[0]))
        order = tu_malloc(v->map.n * sizeof(*order));
    if (!order) {
        w->out->rc = TU_EINTERNAL;
        return;
    }
    for (uint32_t i = 0; i < v->map.n; i++)
        order[i] = &v->map.members[i];
    qsort(order, v->map.n, sizeof(*order), by_key);
    for (uint32_t i = 0; i < v->map.n; i++)
        write_member(w, order[i], i == 0, depth);
    if (order != fixed)
        free(order);
}

static void write_map(const writer *w, const tu_value *v, unsigned depth) {
    tu_buf_add_byte(w->out, '{');
    if (w->flags & TU_JSON_SORTED) {
        write_sorted(w, v, depth);
    } else {
        for (uint32_t i = 0; i < v->map.n; i++)
            write_member(w, &v->map.members[i], i == 0, depth);
    }
    if (v->map.n)
        write_break(w, depth);
    tu_buf_add_byte(w->out, '}');
}

static void write_list(const writer *w, const tu_value *v, unsigned depth) {
    tu_buf_add_byte(w->out, '[');
    for (uint32_t i = 0; i < v->list.n; i++) {
        if (i)
            tu_buf_add_byte(w->out, ',');
        write_break(w, depth + 1);
        write_value(w, &v->list.items[i], depth + 1);
    }
    if (v->list.n)
        write_break(w, depth);
    tu_buf_add_byte(w->out, ']');
}

static void write_value(const writer *w, const tu_value *v, unsigned depth) {
    switch ((tu_type)v->type) {
    case TU_NULL:
        tu_buf_add(w->out, TU_S("null"));
        break;
    case TU_BOOL:
        tu_buf_add(w->out, v->boolean ? TU_S("true") : TU_S("false"));
        break;
    case TU_INTEGER:
        write_integer(w->out, v->integer);
        break;
    case TU_NUMBER:
        tu_buf_add(w->out, v->string);
        break;
    case TU_STRING:
        tu_buf_add_json_string(w->out, v->string);
        break;
    case TU_LIST:
        write_list(w, v, depth);
        break;
    case TU_MAP:
        write_map(w, v, depth);
        break;
    case TU_SEALED:
        tu_buf_add(w->out, w->secrets ? v->sealed->bytes : TU_S("\"<sealed>\""));
        break;
    }
}

void tu_json_write(tu_buf *b, const tu_value *v, unsigned flags) {
    const writer w = {.out = b, .flags = flags};
    write_value(&w, v, 0);
}

void tu_json_write_secrets(tu_buf *b, const tu_value *v) {
    const writer w = {.out = b, .secrets = true};
    write_value(&w, v, 0);
}
