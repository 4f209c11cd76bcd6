/*
 * report/text.c: the report for people.
 *
 *     shop  shop-config@9f3c1a2b70 -> prod  (audit)
 *       ~ drifted  Deployment.apps/shop/cart  overlays/prod/cart.yaml:3
 *           /spec/replicas  3 -> 5  field manager kubectl-edit (human), 2026-01-02T03:00:00Z
 *       x missing  Service/shop/cart          overlays/prod/cart.yaml:20
 *     12 objects: 9 in sync, 1 drifted, 1 missing, 1 unknown
 *
 * With `diff` each change follows in full: "-" is what is live, "+" what the source says. A manager
 * is named as what it is, the name of a field manager: it proves no person. Colours stand for the
 * marks and never alone carry a meaning.
 */
#include "base/str.h"
#include "report/show.h"

#define VALUE_COLUMNS 60  /* of one value in a list of changes */
#define PATH_COLUMNS 48   /* of paths that others are aligned to */
#define OBJECT_COLUMNS 64 /* of object names that others are aligned to */
#define VALUES_COLUMNS 48 /* of "3 -> 5" that others are aligned to */
#define CONTEXT_LINES 3   /* around a changed line */
#define INDENT 6
#define LINE_BYTES (1024u * 1024)

/* No "+" and "-" here: they are the diff's. */
static const struct {
    const char *mark;
    tu_paint paint;
    const char *summary; /* as the last line says it */
} looks[TU_VERDICT_COUNT] = {
    [TU_VERDICT_IN_SYNC] = {"=", TU_PAINT_GREEN, "in sync"},
    [TU_VERDICT_DRIFTED] = {"~", TU_PAINT_YELLOW, "drifted"},
    [TU_VERDICT_MISSING] = {"x", TU_PAINT_RED, "missing"},
    [TU_VERDICT_UNMANAGED] = {"*", TU_PAINT_YELLOW, "unmanaged"},
    [TU_VERDICT_BLOCKED] = {"!", TU_PAINT_RED, "blocked"},
    [TU_VERDICT_INVALID] = {"!", TU_PAINT_RED, "invalid"},
    [TU_VERDICT_UNKNOWN] = {"?", TU_PAINT_CYAN, "unknown"},
    [TU_VERDICT_TERMINATING] = {".", TU_PAINT_YELLOW, "terminating"},
    [TU_VERDICT_DELEGATED] = {"=", TU_PAINT_GREEN, "delegated"},
};

typedef struct printer {
    const tu_report_options *o;
    tu_buf *out;
    tu_buf line;
} printer;

static printer begin(const tu_report_options *o, tu_buf *out) {
    return (printer){o, out, TU_BUF_INIT(LINE_BYTES)};
}

static void end(printer *p) {
    tu_buf_done(&p->line);
}

/* width 0: whole, for lines of a diff */
static void flush(printer *p, size_t width) {
    tu_show_line(p->out, tu_buf_str(&p->line), width);
    if (p->line.rc != TU_OK && p->out->rc == TU_OK)
        p->out->rc = p->line.rc;
    tu_buf_clear(&p->line);
}

static void add(printer *p, const char *text) {
    tu_buf_add_c(&p->line, text);
}

static void paint(printer *p, tu_paint paint, const char *text) {
    tu_show_paint(&p->line, p->o->color, paint, tu_str_c(text));
}

/* Text from outside. */
static void paint_safe(printer *p, tu_paint paint, tu_str text) {
    tu_buf safe = TU_BUF_INIT(LINE_BYTES);
    tu_show_safe(&safe, text);
    tu_show_paint(&p->line, p->o->color, paint, tu_buf_str(&safe));
    tu_buf_done(&safe);
}

/* --- one object: its line --------------------------------------------------------------------- */

static void add_place(printer *p, const tu_finding *f) {
    if (f->file.n == 0)
        return;
    tu_buf place = TU_BUF_INIT(LINE_BYTES);
    tu_buf_add(&place, f->file);
    if (f->line > 0)
        tu_buf_addf(&place, ":%u", f->line);
    if (f->column > 0 && f->verdict == TU_VERDICT_INVALID)
        tu_buf_addf(&place, ":%u", f->column);
    paint_safe(p, TU_PAINT_DIM, tu_buf_str(&place));
    tu_buf_done(&place);
}

static void print_name(tu_buf *out, const tu_finding *f) {
    if (f->id.kind.n == 0)
        return; /* a file that can't be read has no object, only a place */
    tu_buf name = TU_BUF_INIT(LINE_BYTES);
    tu_object_id_print(&name, &f->id);
    tu_show_safe(out, tu_buf_str(&name));
    tu_buf_done(&name);
}

static size_t name_columns(const tu_finding *f) {
    tu_buf name = TU_BUF_INIT(LINE_BYTES);
    print_name(&name, f);
    size_t n = tu_show_columns(tu_buf_str(&name));
    tu_buf_done(&name);
    return n;
}

/* "alert, warning: nobody edits by hand", where an entry of the rule decided */
static void add_decision(printer *p, tu_action action, tu_severity severity, tu_str entry) {
    if (entry.n == 0)
        return;
    if (p->line.n > 0)
        add(p, "  ");
    tu_buf text = TU_BUF_INIT(LINE_BYTES);
    tu_buf_addf(&text, "[%s", tu_action_name(action));
    if (action != TU_ACTION_IGNORE)
        tu_buf_addf(&text, ", %s", tu_severity_name(severity));
    tu_buf_addf(&text, ": %.*s]", TU_P(entry));
    paint_safe(p, TU_PAINT_DIM, tu_buf_str(&text));
    tu_buf_done(&text);
}

/* Is there room for `columns` more in this line? */
static bool fits(const printer *p, size_t columns) {
    return p->o->width == 0 || tu_show_columns(tu_buf_str(&p->line)) + columns <= p->o->width;
}

static void write_head(printer *p, const tu_finding *f, size_t verdict_columns, size_t columns) {
    add(p, "  ");
    paint(p, looks[f->verdict].paint, looks[f->verdict].mark);
    add(p, " ");
    size_t at = p->line.n;
    paint(p, looks[f->verdict].paint, tu_verdict_name(f->verdict));
    tu_show_pad(&p->line, at, verdict_columns, 0);
    add(p, "  ");
    at = p->line.n;
    tu_buf name = TU_BUF_INIT(LINE_BYTES);
    print_name(&name, f);
    tu_show_paint(&p->line, p->o->color, TU_PAINT_BOLD, tu_buf_str(&name));
    if (name.n > 0)
        tu_show_pad(&p->line, at, columns, 2);
    tu_buf_done(&name);

    printer rest = begin(p->o, p->out);
    add_place(&rest, f);
    if (f->change_count == 0)
        add_decision(&rest, f->action, f->severity, f->entry);
    if (rest.line.n > 0 && !fits(p, tu_show_columns(tu_buf_str(&rest.line)))) {
        flush(p, p->o->width);
        add(p, "      ");
    }
    tu_buf_add(&p->line, tu_buf_str(&rest.line));
    end(&rest);
    flush(p, p->o->width);
}

/* --- one change in a line --------------------------------------------------------------------- */

static void add_hand(printer *p, const tu_owner *o) {
    if (o->manager.n == 0)
        return;
    tu_buf text = TU_BUF_INIT(LINE_BYTES);
    tu_buf_addf(&text, "field manager %.*s", TU_P(o->manager));
    if (o->class_ != TU_MANAGER_UNKNOWN)
        tu_buf_addf(&text, " (%s)", tu_manager_class_name(o->class_));
    if (o->subresource.n > 0)
        tu_buf_addf(&text, " by %.*s", TU_P(o->subresource));
    if (o->time.n > 0)
        tu_buf_addf(&text, ", %.*s", TU_P(o->time));
    paint_safe(p, TU_PAINT_DIM, tu_buf_str(&text));
    tu_buf_done(&text);
}

static bool is_multi_line(const tu_value *v) {
    return tu_value_is(v, TU_STRING) && v->string.n > 0 && memchr(v->string.p, '\n', v->string.n);
}

typedef struct line_counts {
    size_t removed, added;
} line_counts;

static void count_line(void *arg, char mark, tu_str text) {
    (void)text;
    line_counts *c = arg;
    c->removed += mark == '-';
    c->added += mark == '+';
}

static void add_values(tu_buf *out, const tu_change *c) {
    if (c->kind == TU_CHANGE_ADDED) {
        tu_buf_add_c(out, "added: ");
        tu_show_value(out, c->live, VALUE_COLUMNS);
    } else if (c->kind == TU_CHANGE_REMOVED) {
        tu_buf_add_c(out, "removed: ");
        tu_show_value(out, c->desired, VALUE_COLUMNS);
    } else if (is_multi_line(c->desired) && is_multi_line(c->live)) {
        line_counts n = {0};
        tu_diff_lines(c->live->string, c->desired->string, 0, count_line, &n);
        if (n.removed + n.added == 0)
            tu_buf_add_c(out, "text: only the newline at its end differs");
        else
            tu_buf_addf(out, "text: %zu line%s only live, %zu only desired", n.removed,
                        n.removed == 1 ? "" : "s", n.added);
    } else {
        if (c->kind != TU_CHANGE_VALUE)
            tu_buf_addf(out, "%s%s", tu_change_name(c->kind), c->desired || c->live ? ": " : "");
        if (c->desired || c->live) {
            tu_show_value(out, c->desired, VALUE_COLUMNS);
            tu_buf_add_c(out, " -> ");
            tu_show_value(out, c->live, VALUE_COLUMNS);
        }
        if (tu_value_is(c->desired, TU_SEALED) && tu_value_is(c->live, TU_SEALED))
            tu_buf_add_c(out, " (they differ)");
    }
}

/* What the changes of an object are aligned to (longer ones stick out), and whether that leaves
 * room on a line. */
typedef struct alignment {
    size_t path, values, hand;
    bool one_line, two_lines; /* everything beside each other; the hand below */
} alignment;

static size_t at_most(size_t n, size_t most) {
    return n > most ? 0 : n;
}

static size_t max(size_t a, size_t b) {
    return a > b ? a : b;
}

static bool is_shown(const printer *p, const tu_change *c) {
    return p->o->all || c->action != TU_ACTION_IGNORE;
}

static void add_hand_and_decision(printer *p, const tu_change *c) {
    add_hand(p, &c->owner);
    add_decision(p, c->action, c->severity, c->entry);
}

static alignment measure(const printer *p, const tu_finding *f) {
    alignment a = {0};
    size_t widest = 0, widest_hand = 0;
    for (size_t i = 0; i < f->change_count; i++) {
        if (!is_shown(p, &f->changes[i]))
            continue;
        printer scratch = begin(p->o, p->out);
        paint_safe(&scratch, TU_PAINT_NONE, f->changes[i].path);
        size_t path = tu_show_columns(tu_buf_str(&scratch.line));
        tu_buf_clear(&scratch.line);
        add_values(&scratch.line, &f->changes[i]);
        size_t values = tu_show_columns(tu_buf_str(&scratch.line));
        tu_buf_clear(&scratch.line);
        add_hand_and_decision(&scratch, &f->changes[i]);
        widest_hand = max(widest_hand, tu_show_columns(tu_buf_str(&scratch.line)));
        end(&scratch);
        a.path = max(a.path, at_most(path, PATH_COLUMNS));
        a.values = max(a.values, at_most(values, VALUES_COLUMNS));
        widest = max(widest, max(path, a.path) + 2 + max(values, a.values));
    }
    size_t width = p->o->width;
    a.two_lines = width == 0 || INDENT + widest <= width;
    a.one_line = width == 0 || INDENT + widest + 2 + widest_hand <= width;
    return a;
}

static void write_change_line(printer *p, const tu_change *c, const alignment *a) {
    tu_show_pad(&p->line, 0, INDENT, 0);
    paint_safe(p, TU_PAINT_NONE, c->path);
    if (a->two_lines) {
        tu_show_pad(&p->line, 0, INDENT + a->path + 2, 2);
    } else {
        flush(p, p->o->width);
        tu_show_pad(&p->line, 0, INDENT + 2, 0);
    }
    add_values(&p->line, c);
    printer hand = begin(p->o, p->out);
    add_hand_and_decision(&hand, c);
    if (a->one_line) {
        tu_show_pad(&p->line, 0, INDENT + a->path + 2 + a->values + 2, 2);
    } else if (hand.line.n > 0) {
        flush(p, p->o->width);
        tu_show_pad(&p->line, 0, INDENT + 2, 0);
    }
    tu_buf_add(&p->line, tu_buf_str(&hand.line));
    end(&hand);
    flush(p, p->o->width);
}

/* --- one change in full ----------------------------------------------------------------------- */

typedef struct diff_state {
    printer *p;
    size_t shown;
} diff_state;

static void write_diff_line(void *arg, char mark, tu_str text) {
    diff_state *d = arg;
    printer *p = d->p;
    add(p, "      ");
    tu_paint colour = mark == '-' ? TU_PAINT_RED : mark == '+' ? TU_PAINT_GREEN : TU_PAINT_DIM;
    tu_buf line = TU_BUF_INIT(LINE_BYTES);
    if (mark == '.') {
        tu_buf_addf(&line, "  ... %.*s", TU_P(text));
    } else {
        tu_buf_add_byte(&line, mark);
        tu_buf_add_byte(&line, ' ');
        tu_buf_add(&line, text);
    }
    tu_show_paint(&p->line, p->o->color, colour, tu_buf_str(&line));
    tu_buf_done(&line);
    d->shown += mark == '-' || mark == '+';
    flush(p, 0);
}

static void write_note(printer *p, const char *text) {
    add(p, "        ");
    paint(p, TU_PAINT_DIM, text);
    flush(p, 0);
}

static void write_change_in_full(printer *p, const tu_finding *f, const tu_change *c) {
    add(p, "    ");
    paint(p, TU_PAINT_BOLD, "@ ");
    paint_safe(p, TU_PAINT_BOLD, c->path);
    if (c->kind != TU_CHANGE_VALUE)
        tu_buf_addf(&p->line, "  %s", tu_change_name(c->kind));
    if (c->line > 0 && f->file.n > 0) {
        add(p, "  ");
        paint_safe(p, TU_PAINT_DIM, f->file);
        tu_buf_addf(&p->line, ":%u", c->line);
    }
    if (c->owner.manager.n > 0)
        add(p, "  ");
    add_hand_and_decision(p, c);
    flush(p, 0);

    tu_buf live = TU_BUF_INIT(p->out->max), desired = TU_BUF_INIT(p->out->max);
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_show_block(
        &live, c->kind == TU_CHANGE_REMOVED ? NULL : tu_show_in_order_of(&a, c->live, c->desired));
    tu_arena_done(&a);
    tu_show_block(&desired, c->kind == TU_CHANGE_ADDED ? NULL : c->desired);
    diff_state d = {p, 0};
    bool sealed = tu_value_is(c->live, TU_SEALED) && tu_value_is(c->desired, TU_SEALED);
    if (sealed) { /* equal on paper */
        write_diff_line(&d, '-', TU_S("<sealed>"));
        write_diff_line(&d, '+', TU_S("<sealed>"));
        write_note(p, "(the values differ and are kept secret)");
    } else {
        tu_diff_lines(tu_buf_str(&live), tu_buf_str(&desired), CONTEXT_LINES, write_diff_line, &d);
        if (d.shown == 0 && (live.n > 0 || desired.n > 0))
            write_note(
                p, "(they read the same: only the newline at the end or something sealed differs)");
    }
    tu_buf_done(&live);
    tu_buf_done(&desired);
}

/* --- one object ------------------------------------------------------------------------------- */

static void write_changes(printer *p, const tu_finding *f) {
    alignment n = measure(p, f);
    size_t ignored = 0;
    for (size_t i = 0; i < f->change_count; i++) {
        const tu_change *c = &f->changes[i];
        if (!is_shown(p, c))
            ignored++;
        else if (p->o->diff)
            write_change_in_full(p, f, c);
        else
            write_change_line(p, c, &n);
    }
    if (ignored > 0) {
        add(p, "      ");
        tu_buf text = TU_BUF_INIT(128);
        tu_buf_addf(&text, "(%zu change%s ignored by the rule)", ignored, ignored == 1 ? "" : "s");
        paint(p, TU_PAINT_DIM, tu_buf_c(&text));
        tu_buf_done(&text);
        flush(p, p->o->width);
    }
}

static void write_finding(printer *p, const tu_finding *f, size_t verdict_columns, size_t columns) {
    write_head(p, f, verdict_columns, columns);
    if (f->reason.n > 0) {
        add(p, "      ");
        paint_safe(p, TU_PAINT_NONE, f->reason);
        flush(p, p->o->diff ? 0 : p->o->width);
    }
    write_changes(p, f);
}

void tu_report_finding_text(tu_buf *out, const tu_finding *f, const tu_report_options *o) {
    printer p = begin(o, out);
    write_finding(&p, f, 0, 0);
    end(&p);
}

/* --- one rule --------------------------------------------------------------------------------- */

/* A commit's first ten digits, a digest's algorithm and first twelve, anything else whole. */
static tu_str short_revision(tu_str s) {
    size_t digits = 0;
    const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    size_t from = colon ? (size_t)(colon - s.p) + 1 : 0;
    while (from + digits < s.n && strchr("0123456789abcdef", s.p[from + digits]) &&
           s.p[from + digits])
        digits++;
    if (from + digits != s.n || digits < 20)
        return s;
    return (tu_str){s.p, colon ? from + 12 : 10};
}

static void write_rule_head(printer *p, const tu_rule_report *r) {
    paint_safe(p, TU_PAINT_BOLD, r->name);
    add(p, "  ");
    paint_safe(p, TU_PAINT_NONE, r->source);
    if (r->revision.n > 0) {
        add(p, "@");
        paint_safe(p, TU_PAINT_NONE, short_revision(r->revision));
    }
    add(p, " -> ");
    paint_safe(p, TU_PAINT_NONE, r->target);
    tu_buf_addf(&p->line, "  (%s)", tu_mode_name(r->mode));
    flush(p, p->o->width);
}

static void write_remark(printer *p, tu_paint colour, const char *mark, tu_str text) {
    add(p, "  ");
    paint(p, colour, mark);
    add(p, " ");
    paint_safe(p, TU_PAINT_NONE, text);
    flush(p, p->o->diff ? 0 : p->o->width);
}

static bool is_listed(const printer *p, const tu_finding *f) {
    return p->o->all || !(tu_report_is_quiet(f) || f->verdict == TU_VERDICT_DELEGATED);
}

static void write_rule(printer *p, const tu_rule_report *r) {
    write_rule_head(p, r);
    if (r->problem.n > 0)
        write_remark(p, TU_PAINT_CYAN, "? could not be determined:", r->problem);
    for (size_t i = 0; i < r->note_count; i++)
        write_remark(p, TU_PAINT_DIM, "note:", r->notes[i]);
    size_t verdict_columns = 0, columns = 0, listed = 0;
    for (size_t i = 0; i < r->finding_count; i++) {
        if (!is_listed(p, r->findings[i]))
            continue;
        listed++;
        verdict_columns = max(verdict_columns, strlen(tu_verdict_name(r->findings[i]->verdict)));
        columns = max(columns, at_most(name_columns(r->findings[i]) + 2, OBJECT_COLUMNS));
    }
    for (size_t i = 0; i < r->finding_count; i++) {
        if (is_listed(p, r->findings[i]))
            write_finding(p, r->findings[i], verdict_columns, columns);
    }
    if (listed == 0 && r->problem.n == 0)
        write_remark(p, TU_PAINT_GREEN, "=",
                     r->finding_count > 0 ? TU_S("in sync") : TU_S("no objects"));
    if (r->skipped_files > 0) {
        tu_buf_addf(&p->line, "  note: %zu file%s skipped, being no manifest%s", r->skipped_files,
                    r->skipped_files == 1 ? "" : "s", r->skipped_files == 1 ? "" : "s");
        flush(p, p->o->width);
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

static void write_summary(printer *p, const tu_report *r) {
    size_t counts[TU_VERDICT_COUNT], total = 0, problems = 0;
    tu_report_count(r, counts);
    for (size_t i = 0; i < TU_VERDICT_COUNT; i++)
        total += counts[i];
    for (size_t i = 0; i < r->rule_count; i++)
        problems += r->rules[i].problem.n > 0;
    tu_buf_addf(&p->line, "%zu object%s", total, total == 1 ? "" : "s");
    const char *separator = ": ";
    for (size_t i = 0; i < TU_VERDICT_COUNT; i++) {
        if (counts[i] == 0)
            continue;
        add(p, separator);
        char text[64];
        snprintf(text, sizeof text, "%zu %s", counts[i], looks[i].summary);
        paint(p, looks[i].paint, text);
        separator = ", ";
    }
    if (problems > 0)
        tu_buf_addf(&p->line, "; %zu rule%s could not be determined", problems,
                    problems == 1 ? "" : "s");
    flush(p, 0);
}

static bool has_changes(const tu_report *r) {
    for (size_t i = 0; i < r->rule_count; i++) {
        for (size_t k = 0; k < r->rules[i].finding_count; k++) {
            if (r->rules[i].findings[k]->change_count > 0)
                return true;
        }
    }
    return false;
}

void tu_report_write_text(const tu_report *r, const tu_report_options *o, tu_buf *out) {
    printer p = begin(o, out);
    if (o->diff && has_changes(r)) {
        paint(&p, TU_PAINT_RED, "- what is live");
        add(&p, "   ");
        paint(&p, TU_PAINT_GREEN, "+ what the source says");
        flush(&p, 0);
        tu_buf_add_byte(out, '\n');
    }
    for (size_t i = 0; i < r->rule_count; i++) {
        write_rule(&p, &r->rules[i]);
        tu_buf_add_byte(out, '\n');
    }
    write_summary(&p, r);
    end(&p);
}
