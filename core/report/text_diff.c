/*
 * report/text_diff.c: one change in full.
 *
 *     ~ /spec/template/spec/containers/[name=app]/image  overlays/prod/cart.yaml:17
 *       field manager kubectl-edit (human), since 2026-01-02T03:00:00Z (4m)  [alert, warning: by hand]
 *           - name: app
 *       -     image: acme/cart:latest
 *       +     image: acme/cart:1.4.2
 *
 * The sign in front: ~ another value, x removed (desired, and not there), * added (there, and not
 * desired), ⇆ order, ×2 duplicate, @ ownership. The first three are the marks of objects, too.
 */
#include "base/str.h"
#include "report/text.h"

#define LINES_SHOWN 200

static const struct {
    const char *sign, *word;
    tu_paint paint;
} kinds[TU_CHANGE_COUNT] = {
    [TU_CHANGE_VALUE] = {"~", "", TU_PAINT_YELLOW},
    [TU_CHANGE_REMOVED] = {"x", "removed", TU_PAINT_RED},
    [TU_CHANGE_ADDED] = {"*", "added", TU_PAINT_YELLOW},
    [TU_CHANGE_ORDER] = {"⇆", "order", TU_PAINT_YELLOW},
    [TU_CHANGE_DUPLICATE] = {"×2", "duplicate", TU_PAINT_YELLOW},
    [TU_CHANGE_OWNERSHIP] = {"@", "ownership", TU_PAINT_CYAN},
};

typedef struct lines {
    tu_printer *p;
    size_t shown, left_out;
} lines;

static void write_line(void *arg, char mark, tu_str text) {
    lines *l = arg;
    tu_printer *p = l->p;
    if (!p->o->all && l->shown >= LINES_SHOWN) {
        l->left_out++;
        return;
    }
    l->shown++;
    tu_buf line = TU_BUF_INIT(TU_LINE_BYTES);
    if (mark == '.') {
        tu_buf_addf(&line, "  ... %.*s", TU_P(text));
    } else {
        tu_buf_add_byte(&line, mark == '#' ? ' ' : mark);
        tu_buf_add_c(&line, mark == '#' ? "     " : " ");
        tu_buf_add(&line, text);
    }
    tu_print(p, "      ");
    tu_print_safe(p,
                  mark == '-'   ? TU_PAINT_RED
                  : mark == '+' ? TU_PAINT_GREEN
                                : TU_PAINT_DIM,
                  tu_buf_str(&line));
    tu_buf_done(&line);
    tu_print_end(p, 0);
}

/* "integer" where the source says a string: told, since 80 and "80" are easily read as one. */
static void print_type(tu_printer *p, const tu_change *c) {
    if (c->kind != TU_CHANGE_VALUE || !c->desired || !c->live ||
        c->desired->type == c->live->type || tu_value_is(c->desired, TU_SEALED) ||
        tu_value_is(c->live, TU_SEALED))
        return;
    tu_buf_addf(&p->line, "  %s instead of %s", tu_type_name((tu_type)c->live->type),
                tu_type_name((tu_type)c->desired->type));
}

void tu_text_change_in_full(tu_printer *p, const tu_finding *f, const tu_change *c) {
    tu_print(p, "    ");
    tu_print_paint(p, kinds[c->kind].paint, kinds[c->kind].sign);
    tu_print(p, " ");
    tu_print_outside(p, TU_PAINT_BOLD, c->path.n > 0 ? c->path : TU_S("/"));
    if (*kinds[c->kind].word)
        tu_buf_addf(&p->line, "  %s", kinds[c->kind].word);
    print_type(p, c);
    if (c->line > 0 && f->file.n > 0) {
        tu_print(p, "  ");
        tu_print_outside(p, TU_PAINT_DIM, f->file);
        tu_buf_addf(&p->line, ":%u", c->line);
    }
    tu_print_end(p, 0);
    size_t before = p->line.n;
    tu_print(p, "      ");
    size_t begin = p->line.n;
    tu_print_hand_and_decision(p, c, true);
    if (p->line.n > begin)
        tu_print_end(p, 0);
    else
        p->line.n = before;
    lines l = {.p = p};
    tu_show_hunk(c, write_line, &l);
    if (l.left_out > 0) {
        tu_buf_addf(&p->line, "        ... %zu more line%s: --all shows them", l.left_out,
                    l.left_out == 1 ? "" : "s");
        tu_print_end(p, 0);
    }
}
