/*
 * report/text_table.c: many objects, a line each.
 *
 *     VERDICT    OBJECT                     WHAT                          BY                    SINCE  WHERE
 *     ~ drifted  Deployment.apps/shop/cart  /spec/replicas 3 -> 5, +2     kubectl-edit (human)  4m     prod/cart.yaml:3
 *     x missing  Service/shop/cart                                                                     prod/cart.yaml:20
 *
 * Columns are as wide as what they hold. Where the terminal is narrower, those that may shrink give
 * way, the widest by its weight first, down to a least width; objects and places lose their
 * beginning, since their end tells more. No column stands there that has nothing in it.
 */
#include "base/mem.h"
#include "base/str.h"
#include "report/text.h"

#include <stdlib.h>

#define VALUE_COLUMNS 40 /* of one value */
#define WHAT_COLUMNS 90  /* where there is no terminal */
#define GAP 2

enum { VERDICT, OBJECT, WHAT, BY, SINCE, WHERE, COLUMNS };

static const struct {
    const char *title;
    size_t least, weight; /* least 0: may not shrink */
    bool keep_end;
} columns[COLUMNS] = {
    [VERDICT] = {"VERDICT", 0, 0, false}, [OBJECT] = {"OBJECT", 16, 12, true},
    [WHAT] = {"WHAT", 12, 22, false},     [BY] = {"BY", 8, 10, false},
    [SINCE] = {"SINCE", 0, 0, false},     [WHERE] = {"WHERE", 12, 10, true},
};

typedef struct row {
    const tu_finding *f;
    tu_str cells[COLUMNS]; /* safe text, in the table's arena */
} row;

typedef struct table {
    tu_arena arena;
    row *rows;
    size_t n;
    size_t widths[COLUMNS];
} table;

/* --- cells -------------------------------------------------------------------------------------- */

static void say_what(tu_buf *out, const tu_printer *p, const tu_finding *f) {
    const tu_change *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < f->change_count; i++) {
        if (!tu_text_is_shown(p, &f->changes[i]))
            continue;
        first = first ? first : &f->changes[i];
        n++;
    }
    if (first) {
        tu_show_safe(out, first->path);
        tu_buf_add_byte(out, ' ');
        tu_say_change(out, first, VALUE_COLUMNS);
        if (n > 1)
            tu_buf_addf(out, ", and %zu more", n - 1);
    } else {
        tu_show_safe(out, f->reason);
    }
}

/* Whose hand; with several, the first and how many more. */
static void say_by(tu_buf *out, const tu_printer *p, const tu_finding *f) {
    const tu_owner *first = NULL;
    size_t others = 0;
    for (size_t i = 0; i < f->change_count; i++) {
        const tu_owner *o = &f->changes[i].owner;
        bool counts = tu_text_is_shown(p, &f->changes[i]) || &f->changes[i] == tu_say_maker(f);
        if (!counts || o->manager.n == 0)
            continue;
        if (!first)
            first = o;
        else
            others += !tu_str_eq(first->manager, o->manager);
    }
    if (first)
        tu_say_manager(out, first);
    if (others > 0)
        tu_buf_add_c(out, ", others");
}

static void fill_cell(tu_buf *out, const tu_printer *p, const tu_finding *f, size_t column) {
    switch (column) {
    case VERDICT:
        tu_buf_addf(out, "%s %s", tu_looks[f->verdict].mark, tu_verdict_name(f->verdict));
        break;
    case OBJECT:
        tu_say_object(out, f);
        break;
    case WHAT:
        say_what(out, p, f);
        break;
    case BY:
        say_by(out, p, f);
        break;
    case SINCE:
        tu_say_age(out, tu_say_since(f), p->now_ms);
        break;
    default:
        tu_say_place(out, f);
    }
}

static void fill(table *t, const tu_printer *p, const tu_rule_report *r, size_t limit) {
    tu_buf cell = TU_BUF_INIT(TU_LINE_BYTES);
    for (size_t i = 0; i < r->finding_count && t->n < limit; i++) {
        if (!tu_text_is_listed(p, r->findings[i]))
            continue;
        row *new_row = &t->rows[t->n++];
        new_row->f = r->findings[i];
        for (size_t c = 0; c < COLUMNS; c++) {
            tu_buf_clear(&cell);
            fill_cell(&cell, p, new_row->f, c);
            new_row->cells[c] = tu_arena_copy(&t->arena, tu_buf_str(&cell));
            size_t width = tu_show_columns(new_row->cells[c]);
            t->widths[c] = width > t->widths[c] ? width : t->widths[c];
        }
    }
    tu_buf_done(&cell);
}

/* --- widths -------------------------------------------------------------------------------------- */

static size_t whole_width(const table *t) {
    size_t sum = 0;
    for (size_t c = 0; c < COLUMNS; c++)
        sum += t->widths[c] > 0 ? t->widths[c] + (sum > 0 ? GAP : 0) : 0;
    return sum + GAP;
}

static void shrink(table *t, size_t width) {
    if (width == 0) {
        if (t->widths[WHAT] > WHAT_COLUMNS)
            t->widths[WHAT] = WHAT_COLUMNS;
        return;
    }
    for (size_t sum = whole_width(t); sum > width; sum = whole_width(t)) {
        size_t widest = COLUMNS;
        for (size_t c = 0; c < COLUMNS; c++) {
            bool may = columns[c].least > 0 && t->widths[c] > columns[c].least;
            if (may && (widest == COLUMNS || t->widths[c] * columns[widest].weight >
                                                 t->widths[widest] * columns[c].weight))
                widest = c;
        }
        if (widest == COLUMNS)
            return; /* the line is cut at its end */
        t->widths[widest]--;
    }
}

/* --- lines --------------------------------------------------------------------------------------- */

static void write_row(tu_printer *p, const table *t, const row *r) {
    tu_print(p, "  ");
    size_t at = p->line.n, position = 0;
    for (size_t c = 0; c < COLUMNS; c++) {
        if (t->widths[c] == 0)
            continue;
        tu_show_pad(&p->line, at, position, 0);
        tu_buf cell = TU_BUF_INIT(TU_LINE_BYTES);
        tu_str text = r ? r->cells[c] : tu_str_c(columns[c].title);
        if (columns[c].keep_end)
            tu_show_cut_front(&cell, text, t->widths[c]);
        else
            tu_show_cut(&cell, text, t->widths[c]);
        tu_paint paint = !r             ? TU_PAINT_DIM
                         : c == VERDICT ? tu_looks[r->f->verdict].paint
                         : c == OBJECT  ? TU_PAINT_BOLD
                         : c == WHAT    ? TU_PAINT_NONE
                                        : TU_PAINT_DIM;
        tu_print_safe(p, paint, tu_buf_str(&cell));
        tu_buf_done(&cell);
        position += t->widths[c] + GAP;
    }
    tu_print_end(p, p->o->width);
}

void tu_text_table(tu_printer *p, const tu_rule_report *r, size_t limit) {
    table t = {0};
    tu_arena_init(&t.arena, 0);
    t.rows = tu_xcalloc((limit < r->finding_count ? limit : r->finding_count) + 1, sizeof *t.rows);
    fill(&t, p, r, limit);
    for (size_t c = 0; c < COLUMNS; c++) {
        size_t title = strlen(columns[c].title);
        t.widths[c] = t.widths[c] == 0 ? 0 : t.widths[c] > title ? t.widths[c] : title;
    }
    shrink(&t, p->o->width);
    if (t.n > 0)
        write_row(p, &t, NULL);
    for (size_t i = 0; i < t.n; i++)
        write_row(p, &t, &t.rows[i]);
    free(t.rows);
    tu_arena_done(&t.arena);
}
