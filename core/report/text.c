/*
 * report/text.c: the report for people.
 *
 *     shop  shop-config@9f3c1a2b70 -> prod  (audit)
 *       ~ drifted  Deployment.apps/shop/cart  overlays/prod/cart.yaml:3
 *           /spec/replicas  3 -> 5  field manager kubectl-edit (human), 4m ago
 *       x missing  Service/shop/cart          overlays/prod/cart.yaml:20
 *     12 objects: 9 in sync, 1 drifted, 1 missing, 1 unknown
 *
 * Few objects are a list with every change; many are a table with a line each (text_table.c); with
 * `diff` each change follows in full (text_diff.c), where "-" is what is live and "+" what the source
 * says. A manager is named as what it is, the name of a field manager: it proves no person. Colours
 * stand for the marks and never alone carry a meaning. Without --all long reports end early, and say
 * how much is left and how to see it.
 */
#include "report/text.h"
#include "base/str.h"

#define VALUE_COLUMNS 60  /* of one value in a list of changes */
#define PATH_COLUMNS 48   /* of paths that others are aligned to */
#define OBJECT_COLUMNS 64 /* of object names that others are aligned to */
#define VALUES_COLUMNS 48 /* of "3 -> 5" that others are aligned to */
#define INDENT 6
#define OUTSIDE_BYTES 16384 /* of a name, a path, a reason: nobody reads more */
#define TABLE_FROM 20       /* more objects than this are a table */
#define TABLE_ROWS 500
#define DIFF_OBJECTS 200
#define CHANGES_SHOWN 50 /* of one object, in a list */

/* No "+" and "-" here: they are the diff's. */
const tu_look tu_looks[TU_VERDICT_COUNT] = {
    [TU_VERDICT_IN_SYNC] = {"=", TU_PAINT_GREEN},
    [TU_VERDICT_DRIFTED] = {"~", TU_PAINT_YELLOW},
    [TU_VERDICT_MISSING] = {"x", TU_PAINT_RED},
    [TU_VERDICT_UNMANAGED] = {"*", TU_PAINT_YELLOW},
    [TU_VERDICT_BLOCKED] = {"!", TU_PAINT_RED},
    [TU_VERDICT_INVALID] = {"!", TU_PAINT_RED},
    [TU_VERDICT_UNKNOWN] = {"?", TU_PAINT_CYAN},
    [TU_VERDICT_TERMINATING] = {".", TU_PAINT_YELLOW},
    [TU_VERDICT_DELEGATED] = {"=", TU_PAINT_GREEN},
};

/* --- a line ------------------------------------------------------------------------------------- */

static tu_printer begin(const tu_report_options *o, tu_buf *out, int64_t now_ms) {
    return (tu_printer){o, out, TU_BUF_INIT(TU_LINE_BYTES), now_ms};
}

static void end(tu_printer *p) {
    tu_buf_done(&p->line);
}

void tu_print_end(tu_printer *p, size_t width) {
    tu_show_line(p->out, tu_buf_str(&p->line), width);
    if (p->line.rc != TU_OK && p->out->rc == TU_OK)
        p->out->rc = p->line.rc;
    tu_buf_clear(&p->line);
}

void tu_print(tu_printer *p, const char *ours) {
    tu_buf_add_c(&p->line, ours);
}

void tu_print_paint(tu_printer *p, tu_paint paint, const char *ours) {
    tu_show_paint(&p->line, p->o->color, paint, tu_str_c(ours));
}

void tu_print_safe(tu_printer *p, tu_paint paint, tu_str safe) {
    tu_show_paint(&p->line, p->o->color, paint, safe);
}

void tu_print_outside(tu_printer *p, tu_paint paint, tu_str text) {
    tu_buf safe = TU_BUF_INIT(TU_LINE_BYTES);
    bool long_ = text.n > OUTSIDE_BYTES;
    tu_show_safe(&safe, long_ ? (tu_str){text.p, OUTSIDE_BYTES} : text);
    tu_buf_add_c(&safe, long_ ? "…" : "");
    tu_print_safe(p, paint, tu_buf_str(&safe));
    tu_buf_done(&safe);
}

static size_t at_most(size_t n, size_t most) {
    return n > most ? 0 : n;
}

static size_t max(size_t a, size_t b) {
    return a > b ? a : b;
}

bool tu_text_is_shown(const tu_printer *p, const tu_change *c) {
    return tu_say_is_told(c, p->o->all);
}

bool tu_text_is_listed(const tu_printer *p, const tu_finding *f) {
    return p->o->all || !(tu_report_is_quiet(f) || f->verdict == TU_VERDICT_DELEGATED);
}

/* --- one object: its line ----------------------------------------------------------------------- */

static void print_name(tu_buf *out, const tu_finding *f) {
    if (f->id.kind.n > 0) /* a file that can't be read has no object, only a place */
        tu_say_object(out, f);
}

static size_t name_columns(const tu_finding *f) {
    tu_buf name = TU_BUF_INIT(TU_LINE_BYTES);
    print_name(&name, f);
    size_t n = tu_show_columns(tu_buf_str(&name));
    tu_buf_done(&name);
    return n;
}

static void print_decision(tu_printer *p, tu_action action, tu_severity severity, tu_str entry) {
    tu_buf text = TU_BUF_INIT(TU_LINE_BYTES);
    tu_buf_add_byte(&text, '[');
    tu_say_decision(&text, action, severity, entry);
    tu_buf_add_byte(&text, ']');
    if (entry.n > 0)
        tu_print_safe(p, TU_PAINT_DIM, tu_buf_str(&text));
    tu_buf_done(&text);
}

/* ", 4m ago", or with the time as it was recorded: ", since 2026-01-02T03:00:00Z (4m)" */
static void add_time(tu_buf *out, tu_str time, int64_t now_ms, bool exact) {
    if (time.n == 0)
        return;
    tu_buf age = TU_BUF_INIT(64);
    tu_say_age(&age, time, now_ms);
    if (exact || age.n == 0) {
        tu_buf_add_c(out, exact ? ", since " : ", ");
        tu_show_safe(out, time);
        if (age.n > 0)
            tu_buf_addf(out, " (%s)", tu_buf_c(&age));
    } else {
        tu_buf_addf(out, ", %s ago", tu_buf_c(&age));
    }
    tu_buf_done(&age);
}

void tu_print_hand_and_decision(tu_printer *p, const tu_change *c, bool exact_time) {
    size_t start = p->line.n;
    tu_buf text = TU_BUF_INIT(TU_LINE_BYTES);
    tu_say_hand(&text, &c->owner);
    if (text.n > 0)
        add_time(&text, c->owner.time, p->now_ms, exact_time);
    tu_print_safe(p, TU_PAINT_DIM, tu_buf_str(&text));
    tu_buf_done(&text);
    if (c->entry.n > 0) {
        tu_print(p, p->line.n > start ? "  " : "");
        print_decision(p, c->action, c->severity, c->entry);
    }
    if (c->note.n > 0) {
        tu_print(p, p->line.n > start ? "  " : "");
        tu_print_outside(p, TU_PAINT_CYAN, c->note);
    }
}

/* Is there room for `columns` more in this line? */
static bool fits(const tu_printer *p, size_t columns) {
    return p->o->width == 0 || tu_show_columns(tu_buf_str(&p->line)) + columns <= p->o->width;
}

static void print_place(tu_printer *p, const tu_finding *f) {
    tu_buf place = TU_BUF_INIT(TU_LINE_BYTES);
    tu_say_place(&place, f);
    tu_print_safe(p, TU_PAINT_DIM, tu_buf_str(&place));
    tu_buf_done(&place);
}

/* What stands behind the name: the place; when it began, where no change says so; the decision about
 * the object itself. */
static void print_rest(tu_printer *p, const tu_finding *f) {
    const tu_change *maker = tu_say_maker(f);
    bool itself = maker || f->change_count == 0; /* otherwise its changes say all that */
    print_place(p, f);
    if (maker && maker->owner.manager.n > 0) {
        tu_buf hand = TU_BUF_INIT(TU_LINE_BYTES);
        tu_say_hand(&hand, &maker->owner);
        tu_print(p, p->line.n > 0 ? "  " : "");
        tu_print_safe(p, TU_PAINT_DIM, tu_buf_str(&hand));
        tu_buf_done(&hand);
    }
    if (itself && f->onset.n > 0) {
        tu_buf since = TU_BUF_INIT(TU_LINE_BYTES);
        tu_say_age(&since, f->onset, p->now_ms);
        tu_print(p, p->line.n == 0 ? "" : maker ? ", " : "  ");
        if (p->o->diff || since.n == 0) {
            tu_print(p, "since ");
            tu_print_outside(p, TU_PAINT_DIM, f->onset);
            if (since.n > 0)
                tu_buf_addf(&p->line, " (%s)", tu_buf_c(&since));
        } else {
            tu_buf_addf(&p->line, "for %s", tu_buf_c(&since));
        }
        tu_buf_done(&since);
    }
    if (itself && f->entry.n > 0) {
        tu_print(p, p->line.n > 0 ? "  " : "");
        print_decision(p, f->action, f->severity, f->entry);
    }
}

static void write_head(tu_printer *p, const tu_finding *f, size_t verdict_columns, size_t columns) {
    tu_print(p, "  ");
    tu_print_paint(p, tu_looks[f->verdict].paint, tu_looks[f->verdict].mark);
    tu_print(p, " ");
    size_t at = p->line.n;
    tu_print_paint(p, tu_looks[f->verdict].paint, tu_verdict_name(f->verdict));
    tu_show_pad(&p->line, at, verdict_columns, 0);
    tu_print(p, "  ");
    at = p->line.n;
    tu_buf name = TU_BUF_INIT(TU_LINE_BYTES);
    print_name(&name, f);
    tu_print_safe(p, TU_PAINT_BOLD, tu_buf_str(&name));
    if (name.n > 0)
        tu_show_pad(&p->line, at, columns, 2);
    tu_buf_done(&name);

    tu_printer rest = begin(p->o, p->out, p->now_ms);
    print_rest(&rest, f);
    if (rest.line.n > 0 && !fits(p, tu_show_columns(tu_buf_str(&rest.line)))) {
        tu_print_end(p, p->o->width);
        tu_print(p, "      ");
    }
    tu_buf_add(&p->line, tu_buf_str(&rest.line));
    end(&rest);
    tu_print_end(p, p->o->width);
}

/* --- one change in a line ----------------------------------------------------------------------- */

/* What the changes of an object are aligned to; longer ones stick out. */
typedef struct alignment {
    size_t path, values;
} alignment;

static alignment measure(const tu_printer *p, const tu_change *changes, size_t n) {
    size_t width = p->o->width;
    size_t most_path = width > 0 && width / 2 < PATH_COLUMNS ? width / 2 : PATH_COLUMNS;
    alignment a = {0};
    tu_printer scratch = begin(p->o, p->out, p->now_ms);
    for (size_t i = 0; i < n; i++) {
        if (!tu_text_is_shown(p, &changes[i]))
            continue;
        tu_buf_clear(&scratch.line);
        tu_print_outside(&scratch, TU_PAINT_NONE, changes[i].path);
        a.path = max(a.path, at_most(tu_show_columns(tu_buf_str(&scratch.line)), most_path));
        tu_buf_clear(&scratch.line);
        tu_say_change(&scratch.line, &changes[i], VALUE_COLUMNS);
        a.values =
            max(a.values, at_most(tu_show_columns(tu_buf_str(&scratch.line)), VALUES_COLUMNS));
    }
    end(&scratch);
    return a;
}

/* Adds the text at the column where others stand, or, where there is no room, in a line below. */
static void place(tu_printer *p, tu_str text, size_t column) {
    size_t now = tu_show_columns(tu_buf_str(&p->line)) + 2, width = p->o->width;
    size_t at = now > column ? now : column, columns = tu_show_columns(text);
    if (columns == 0)
        return;
    if (width > 0 && at + columns > width && now + columns <= width)
        at = now; /* out of line is better than below */
    if (width > 0 && at + columns > width) {
        tu_print_end(p, width);
        at = INDENT + 2;
    }
    tu_show_pad(&p->line, 0, at, 0);
    tu_buf_add(&p->line, text);
}

static void write_change_line(tu_printer *p, const tu_change *c, const alignment *a) {
    tu_printer cell = begin(p->o, p->out, p->now_ms);
    tu_show_pad(&p->line, 0, INDENT, 0);
    tu_print_outside(p, TU_PAINT_NONE, c->path);
    tu_say_change(&cell.line, c, VALUE_COLUMNS);
    place(p, tu_buf_str(&cell.line), INDENT + a->path + 2);
    tu_buf_clear(&cell.line);
    tu_print_hand_and_decision(&cell, c, false);
    place(p, tu_buf_str(&cell.line), INDENT + a->path + 2 + a->values + 2);
    tu_print_end(p, p->o->width);
    end(&cell);
}

/* --- one object --------------------------------------------------------------------------------- */

/* "(3 more changes: --all lists them)" */
static void write_aside(tu_printer *p, size_t n, const char *before, const char *behind) {
    char text[160];
    snprintf(text, sizeof text, "(%zu %schange%s%s)", n, before, n == 1 ? "" : "s", behind);
    tu_print(p, "      ");
    tu_print_paint(p, TU_PAINT_DIM, text);
    tu_print_end(p, p->o->width);
}

static void write_changes(tu_printer *p, const tu_finding *f) {
    alignment a = measure(p, f->changes, f->change_count);
    size_t ignored = 0, shown = 0, more = 0;
    for (size_t i = 0; i < f->change_count; i++) {
        const tu_change *c = &f->changes[i];
        if (!tu_text_is_shown(p, c))
            ignored += c->path.n > 0;
        else if (p->o->diff)
            tu_text_change_in_full(p, f, c);
        else if (p->o->all || shown++ < CHANGES_SHOWN)
            write_change_line(p, c, &a);
        else
            more++;
    }
    if (more > 0)
        write_aside(p, more, "more ", ": --all lists them");
    if (ignored > 0)
        write_aside(p, ignored, "", " ignored by the rule");
}

/* What is there beside, and no drift: with its owner and the reason why it isn't. */
static void write_quiet(tu_printer *p, const tu_finding *f) {
    if (!p->o->all || f->quiet_count == 0)
        return;
    tu_print(p, "      ");
    tu_print_paint(p, TU_PAINT_DIM, "(beside, and no drift:)");
    tu_print_end(p, p->o->width);
    alignment a = measure(p, f->quiet, f->quiet_count);
    for (size_t i = 0; i < f->quiet_count; i++)
        write_change_line(p, &f->quiet[i], &a);
}

static void write_finding(tu_printer *p, const tu_finding *f, size_t verdict_columns,
                          size_t columns) {
    write_head(p, f, verdict_columns, columns);
    if (f->reason.n > 0) {
        tu_print(p, "      ");
        tu_print_outside(p, TU_PAINT_NONE, f->reason);
        tu_print_end(p, p->o->diff ? 0 : p->o->width);
    }
    write_changes(p, f);
    write_quiet(p, f);
}

void tu_report_finding_text(tu_buf *out, const tu_finding *f, const tu_report_options *o) {
    tu_printer p = begin(o, out, o->now_ms);
    write_finding(&p, f, 0, 0);
    end(&p);
}

/* --- one rule ------------------------------------------------------------------------------------ */

static void write_rule_head(tu_printer *p, const tu_rule_report *r) {
    tu_print_outside(p, TU_PAINT_BOLD, r->name);
    tu_print(p, "  ");
    tu_print_outside(p, TU_PAINT_NONE, r->source);
    if (r->revision.n > 0) {
        tu_print(p, "@");
        tu_print_outside(p, TU_PAINT_NONE, tu_say_revision(r->revision));
    }
    tu_print(p, " -> ");
    tu_print_outside(p, TU_PAINT_NONE, r->target);
    tu_buf_addf(&p->line, "  (%s)", tu_mode_name(r->mode));
    tu_print_end(p, p->o->width);
}

static void write_remark(tu_printer *p, tu_paint colour, const char *mark, tu_str text) {
    tu_print(p, "  ");
    tu_print_paint(p, colour, mark);
    tu_print(p, " ");
    tu_print_outside(p, TU_PAINT_NONE, text);
    tu_print_end(p, p->o->diff ? 0 : p->o->width);
}

static size_t count_listed(const tu_printer *p, const tu_rule_report *r) {
    size_t n = 0;
    for (size_t i = 0; i < r->finding_count; i++)
        n += tu_text_is_listed(p, r->findings[i]);
    return n;
}

static void write_list(tu_printer *p, const tu_rule_report *r, size_t limit) {
    size_t verdict_columns = 0, columns = 0, n = 0;
    for (size_t i = 0; i < r->finding_count; i++) {
        const tu_finding *f = r->findings[i];
        if (!tu_text_is_listed(p, f))
            continue;
        verdict_columns = max(verdict_columns, strlen(tu_verdict_name(f->verdict)));
        columns = max(columns, at_most(name_columns(f) + 2, OBJECT_COLUMNS));
    }
    for (size_t i = 0; i < r->finding_count && n < limit; i++) {
        if (!tu_text_is_listed(p, r->findings[i]))
            continue;
        if (p->o->diff && n > 0)
            tu_buf_add_byte(p->out, '\n');
        write_finding(p, r->findings[i], verdict_columns, columns);
        n++;
    }
}

static void write_objects(tu_printer *p, const tu_rule_report *r) {
    size_t listed = count_listed(p, r), limit = p->o->diff ? DIFF_OBJECTS : TABLE_ROWS;
    if (listed == 0) {
        if (r->problem.n == 0)
            write_remark(p, TU_PAINT_GREEN, "=",
                         r->finding_count > 0 ? TU_S("in sync") : TU_S("no objects"));
        return;
    }
    if (p->o->all)
        limit = listed;
    if (!p->o->diff && (p->o->format == TU_REPORT_TABLE || listed > TABLE_FROM))
        tu_text_table(p, r, limit);
    else
        write_list(p, r, limit);
    if (listed > limit) {
        tu_buf_addf(&p->line, "  ... and %zu more: --all lists them, -o json=FILE has them all",
                    listed - limit);
        tu_print_end(p, 0);
    }
}

static void write_parts(tu_printer *p, const char *what, const tu_coverage_part *parts, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!p->o->all && (parts[i].unmanaged == 0 || n == 1)) /* one alone is the whole */
            continue;
        tu_print(p, "      ");
        size_t at = p->line.n;
        tu_buf_addf(&p->line, "%s ", what);
        tu_print_outside(p, TU_PAINT_NONE, parts[i].name.n > 0 ? parts[i].name : TU_S("(none)"));
        tu_show_pad(&p->line, at, 40, 2);
        tu_buf_addf(&p->line, "%5.1f %%  %zu of %zu",
                    tu_coverage_percent(parts[i].managed, parts[i].unmanaged), parts[i].managed,
                    parts[i].managed + parts[i].unmanaged);
        tu_print_end(p, p->o->width);
    }
}

static void write_coverage(tu_printer *p, const tu_coverage *c) {
    if (!c->known || c->managed + c->unmanaged == 0)
        return;
    tu_print(p, "  coverage: ");
    tu_say_coverage(&p->line, c);
    tu_print_end(p, p->o->width);
    write_parts(p, "kind", c->kinds, c->kind_count);
    write_parts(p, "namespace", c->namespaces, c->namespace_count);
}

static void write_rule(tu_printer *p, const tu_rule_report *r) {
    write_rule_head(p, r);
    if (r->problem.n > 0)
        write_remark(p, TU_PAINT_CYAN, "? could not be determined:", r->problem);
    for (size_t i = 0; i < r->note_count; i++)
        write_remark(p, TU_PAINT_DIM, "note:", r->notes[i]);
    write_objects(p, r);
    write_coverage(p, &r->coverage);
    if (r->skipped_files > 0) {
        tu_buf_addf(&p->line, "  note: %zu file%s skipped, being no manifest%s", r->skipped_files,
                    r->skipped_files == 1 ? "" : "s", r->skipped_files == 1 ? "" : "s");
        tu_print_end(p, p->o->width);
    }
}

/* --- the end ------------------------------------------------------------------------------------- */

static void paint_count(void *arg, tu_buf *out, tu_verdict v, tu_str text) {
    const tu_printer *p = arg;
    tu_show_paint(out, p->o->color, tu_looks[v].paint, text);
}

static void write_summary(tu_printer *p, const tu_report *r) {
    size_t counts[TU_VERDICT_COUNT], problems = 0;
    tu_report_count(r, counts);
    for (size_t i = 0; i < r->rule_count; i++)
        problems += r->rules[i].problem.n > 0;
    tu_say_counts(&p->line, counts, paint_count, p);
    if (problems > 0)
        tu_buf_addf(&p->line, "; %zu rule%s could not be determined", problems,
                    problems == 1 ? "" : "s");
    tu_print_end(p, 0);
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

void tu_report_write_text(const tu_report *r, const tu_report_options *given, tu_buf *out) {
    tu_report_options how = *given, *o = &how;
    how.diff = how.diff && how.format != TU_REPORT_TABLE;
    tu_printer p = begin(o, out, o->now_ms ? o->now_ms : r->finished_ms);
    if (o->diff && has_changes(r)) {
        tu_print_paint(&p, TU_PAINT_RED, "- what is live");
        tu_print(&p, "   ");
        tu_print_paint(&p, TU_PAINT_GREEN, "+ what the source says");
        tu_print_end(&p, 0);
        tu_buf_add_byte(out, '\n');
    }
    for (size_t i = 0; i < r->rule_count; i++) {
        write_rule(&p, &r->rules[i]);
        tu_buf_add_byte(out, '\n');
    }
    write_summary(&p, r);
    end(&p);
}
