/*
 * report/yaml.c: values as people write them: compact JSON in a line, YAML in a block.
 *
 * A string stands without quotes only where YAML would read the same string again, so "80" and 80
 * stay different on paper, and a blank at the end shows.
 */
#include "base/mem.h"
#include "base/str.h"
#include "report/show.h"
#include "value/json.h"

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
        tu_buf_add(out, (tu_str){text.p, tu_show_fit(text, limit - 1)});
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

bool tu_show_is_text(const tu_value *v) {
    return tu_value_is(v, TU_STRING) && v->string.n > 0 && memchr(v->string.p, '\n', v->string.n);
}

static void indent_by(tu_buf *out, size_t n) {
    while (n-- > 0)
        tu_buf_add_byte(out, ' ');
}

void tu_show_text(tu_buf *out, tu_str s, size_t indent) {
    for (size_t begin = 0; begin < s.n;) {
        const char *end = memchr(s.p + begin, '\n', s.n - begin);
        size_t n = end ? (size_t)(end - s.p) - begin : s.n - begin;
        indent_by(out, n > 0 ? indent : 0);
        tu_show_text_line(out, (tu_str){s.p + begin, n});
        tu_buf_add_byte(out, '\n');
        begin += n + 1;
    }
}

void tu_show_key(tu_buf *out, tu_str key) {
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

/* What follows "key:" or "-": a scalar on the same line, everything else below. */
static void add_member_value(tu_buf *out, const tu_value *v, size_t indent) {
    if (tu_value_count(v) > 0) {
        tu_buf_add_byte(out, '\n');
        tu_show_block(out, v, indent);
    } else if (tu_show_is_text(v)) {
        tu_buf_add_c(out, v->string.p[v->string.n - 1] == '\n' ? " |\n" : " |-\n");
        tu_show_text(out, v->string, indent);
    } else {
        tu_buf_add_byte(out, ' ');
        if (tu_value_is(v, TU_STRING) && is_plain(v->string))
            tu_buf_add(out, v->string);
        else
            tu_show_value(out, v, 0);
        tu_buf_add_byte(out, '\n');
    }
}

void tu_show_block(tu_buf *out, const tu_value *v, size_t indent) {
    for (size_t i = 0; tu_value_is(v, TU_MAP) && i < v->map.n; i++) {
        indent_by(out, indent);
        tu_show_key(out, v->map.members[i].key);
        add_member_value(out, &v->map.members[i].value, indent + 2);
    }
    for (size_t i = 0; tu_value_is(v, TU_LIST) && i < v->list.n; i++) {
        const tu_value *item = &v->list.items[i];
        indent_by(out, indent);
        tu_buf_add_byte(out, '-');
        if (tu_value_is(item, TU_MAP) && item->map.n > 0) { /* the first member beside the dash */
            tu_buf_add_byte(out, ' ');
            tu_show_key(out, item->map.members[0].key);
            add_member_value(out, &item->map.members[0].value, indent + 4);
            tu_value rest = *item;
            rest.map.members++;
            rest.map.n--;
            tu_show_block(out, &rest, indent + 2);
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

void tu_show_member(tu_buf *out, tu_str key, const tu_value *v, size_t indent) {
    tu_member member = {.key = key, .value = *v};
    const tu_value map = {.type = TU_MAP, .map = {&member, 1}};
    tu_show_block(out, &map, indent);
}

void tu_show_item(tu_buf *out, const tu_value *v, size_t indent) {
    tu_value item = *v;
    const tu_value list = {.type = TU_LIST, .list = {&item, 1}};
    tu_show_block(out, &list, indent);
}
