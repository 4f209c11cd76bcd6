/*
 * report/order.c: the same items in another order.
 *
 * Items are named by what tells them apart: scalars by themselves, maps by the first member that
 * every item of both lists has, with a value of its own ("name" before others, else two members
 * together), anything else by its JSON. What is only in one of the lists is left out: that it is
 * missing or added is a change of its own.
 *
 * The longest run of items that stand in the same order in both stays; the others moved, which is
 * what a comparison line by line finds.
 */
#include "base/mem.h"
#include "base/str.h"
#include "report/show.h"
#include "value/json.h"

#include <stdlib.h>

#define LABEL_BYTES (64u * 1024u)
#define NAME_COLUMNS 60
#define CONTEXT_ITEMS 2
#define ALL_ITEMS 100000

typedef struct naming {
    tu_str first, second; /* members; empty: not used */
} naming;

typedef struct labels {
    char **items; /* malloc'd, and so are they */
    size_t n;
} labels;

/* --- what tells items apart -------------------------------------------------------------------- */

static void drop_newline(tu_buf *b) {
    if (b->n > 0 && b->p[b->n - 1] == '\n')
        b->n--;
}

static void add_label(tu_buf *out, const tu_value *item, const naming *by) {
    const tu_value *first = tu_value_get_str(item, by->first);
    const tu_value *second = tu_value_get_str(item, by->second);
    tu_buf text = TU_BUF_INIT(LABEL_BYTES);
    if (by->first.n > 0 && first) {
        tu_show_member(&text, by->first, first, 0);
        if (by->second.n > 0 && second) {
            drop_newline(&text);
            tu_buf_add_c(&text, ", ");
            tu_show_member(&text, by->second, second, 0);
        }
        drop_newline(&text);
    } else if (tu_value_count(item) > 0 || tu_show_is_text(item)) {
        tu_show_value(&text, item, NAME_COLUMNS);
    } else {
        tu_buf line = TU_BUF_INIT(LABEL_BYTES);
        tu_show_item(&line, item, 0); /* "- b" and a newline */
        if (line.n > 3)
            tu_buf_add(&text, (tu_str){line.p + 2, line.n - 3});
        tu_buf_done(&line);
    }
    tu_buf_add(out, tu_buf_str(&text));
    tu_buf_done(&text);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static labels label_all(const tu_value *list, const naming *by) {
    labels l = {tu_xcalloc(tu_value_count(list) + 1, sizeof *l.items), 0};
    for (size_t i = 0; i < tu_value_count(list); i++) {
        tu_buf text = TU_BUF_INIT(LABEL_BYTES);
        add_label(&text, tu_value_at(list, i), by);
        l.items[l.n++] = tu_xstrdup(tu_buf_c(&text));
        tu_buf_done(&text);
    }
    return l;
}

static void free_labels(labels *l) {
    for (size_t i = 0; i < l->n; i++)
        free(l->items[i]);
    free(l->items);
}

static char **sorted(const labels *l) {
    char **copy = tu_xcalloc(l->n + 1, sizeof *copy);
    for (size_t i = 0; i < l->n; i++)
        copy[i] = l->items[i];
    qsort(copy, l->n, sizeof *copy, by_text);
    return copy;
}

/* Does every item of the list have the members, and does no other have the same values? */
static bool tells_apart(const tu_value *list, const naming *by) {
    for (size_t i = 0; i < tu_value_count(list); i++) {
        const tu_value *first = tu_value_get_str(tu_value_at(list, i), by->first);
        const tu_value *second = tu_value_get_str(tu_value_at(list, i), by->second);
        if (!first || tu_value_count(first) > 0 || (by->second.n > 0 && !second) ||
            tu_value_count(second) > 0 || tu_show_is_text(first))
            return false;
    }
    labels l = label_all(list, by);
    char **s = sorted(&l);
    bool apart = true;
    for (size_t i = 1; i < l.n && apart; i++)
        apart = strcmp(s[i - 1], s[i]) != 0;
    free(s);
    free_labels(&l);
    return apart;
}

static naming choose(const tu_value *a, const tu_value *b) {
    const tu_value *item = tu_value_at(a, 0);
    naming by = {.first = TU_S("name")};
    if (!tu_value_is(item, TU_MAP))
        return (naming){{0}, {0}};
    if (tells_apart(a, &by) && tells_apart(b, &by))
        return by;
    for (uint32_t i = 0; i < item->map.n && i < 8; i++) {
        by = (naming){.first = item->map.members[i].key};
        if (tells_apart(a, &by) && tells_apart(b, &by))
            return by;
    }
    for (uint32_t i = 0; i + 1 < item->map.n && i < 4; i++) {
        by = (naming){item->map.members[i].key, item->map.members[i + 1].key};
        if (tells_apart(a, &by) && tells_apart(b, &by))
            return by;
    }
    return (naming){{0}, {0}};
}

/* --- both lists as lines ------------------------------------------------------------------------ */

static void add_common(tu_buf *out, const labels *of, const labels *other, size_t indent) {
    char **s = sorted(other);
    for (size_t i = 0; i < of->n; i++) {
        if (other->n > 0 && bsearch(&of->items[i], s, other->n, sizeof *s, by_text))
            tu_buf_addf(out, "%*s- %s\n", (int)indent, "", of->items[i]);
    }
    free(s);
}

typedef struct order {
    tu_diff_line *line;
    void *arg;
    size_t live, wanted; /* items passed */
    size_t most, moved;
    tu_buf *names;
} order;

static void compare(const tu_change *c, size_t indent, size_t context, tu_diff_line *line,
                    order *o) {
    naming by = choose(c->desired, c->live);
    labels wanted = label_all(c->desired, &by), live = label_all(c->live, &by);
    tu_buf texts[2] = {TU_BUF_INIT((size_t)1 << 30), TU_BUF_INIT((size_t)1 << 30)};
    add_common(&texts[0], &live, &wanted, indent);
    add_common(&texts[1], &wanted, &live, indent);
    tu_diff_lines(tu_buf_str(&texts[0]), tu_buf_str(&texts[1]), context, line, o);
    for (size_t i = 0; i < 2; i++)
        tu_buf_done(&texts[i]);
    free_labels(&wanted);
    free_labels(&live);
}

static const char *ordinal(size_t n) {
    static const char *const ends[] = {"th", "st", "nd", "rd"};
    return n % 10 > 3 || (n % 100 > 10 && n % 100 < 14) ? ends[0] : ends[n % 10];
}

static void show_line(void *arg, char mark, tu_str text) {
    order *o = arg;
    tu_buf line = TU_BUF_INIT(LABEL_BYTES * 2);
    if (mark == '.') { /* "12 lines unchanged": they count in both */
        size_t n = strtoul(text.p, NULL, 10);
        o->live += n;
        o->wanted += n;
        tu_buf_addf(&line, "%zu item%s in the same order", n, n == 1 ? "" : "s");
    } else {
        o->live += mark != '+';
        o->wanted += mark != '-';
        tu_buf_add(&line, text);
        if (mark == '-')
            tu_buf_addf(&line, "  # moved: is %zu%s", o->live, ordinal(o->live));
        else if (mark == '+')
            tu_buf_addf(&line, "  # should be %zu%s", o->wanted, ordinal(o->wanted));
    }
    o->line(o->arg, mark, tu_buf_str(&line));
    tu_buf_done(&line);
}

void tu_show_order(const tu_change *c, size_t indent, tu_diff_line *line, void *arg) {
    order o = {.line = line, .arg = arg};
    compare(c, indent, CONTEXT_ITEMS, show_line, &o);
}

/* "name: b" is told as "b". */
static void name_line(void *arg, char mark, tu_str text) {
    order *o = arg;
    if (mark != '-' || o->moved++ >= o->most)
        return;
    text = (tu_str){text.p + 2, text.n - 2}; /* "- " */
    if (tu_str_starts(text, "name: "))
        text = (tu_str){text.p + 6, text.n - 6};
    if (o->moved > 1)
        tu_buf_add_c(o->names, ", ");
    tu_show_cut(o->names, text, NAME_COLUMNS);
}

size_t tu_show_moved(const tu_change *c, size_t most, tu_buf *out) {
    order o = {.most = most, .names = out};
    compare(c, 0, ALL_ITEMS, name_line, &o);
    return o.moved;
}

/* --- the same items? ----------------------------------------------------------------------------- */

bool tu_show_is_reordered(const tu_value *a, const tu_value *b) {
    size_t n = tu_value_count(a);
    if (!tu_value_is(a, TU_LIST) || !tu_value_is(b, TU_LIST) || n != tu_value_count(b) || n < 2)
        return false;
    uint64_t sums[2] = {0}; /* of hashes: what is equal in any order; then one by one */
    for (size_t i = 0; i < n; i++) {
        sums[0] += tu_value_hash(tu_value_at(a, i));
        sums[1] += tu_value_hash(tu_value_at(b, i));
    }
    return sums[0] == sums[1] && !tu_value_equal(a, b);
}
