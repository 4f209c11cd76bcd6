/*
 * report/markdown.c: Markdown for a pull request's comment, a job's summary, a merge request's note.
 *
 * GitHub and GitLab read the same here; what differs is how much they take. A finding is a piece that
 * is added whole or not at all, and what is left out is counted at the end, so the text ends where the
 * limit is and never in the middle of something.
 *
 * Nothing breaks out of its place: outside text stands either in an HTML block (no blank line within,
 * so no Markdown is read there), escaped and inside <code>, where neither of them makes mentions,
 * references or emoji, or in a fence that is longer than any run of backticks within.
 *
 * The first line marks the comment, for whoever wants to replace it instead of adding another one.
 */
#include "base/clock.h"
#include "base/str.h"
#include "report/say.h"
#include "report/show.h"

#define ROOM ((size_t)1 << 30)
#define FOOT_BYTES 600 /* kept for the end */
#define NAME_COLUMNS 300
#define PIECE_SHARE 8 /* one object takes at most this part of the whole */
#define MARKER "<!-- trueup:report -->\n"

static size_t limit_of(tu_report_format f) {
    switch (f) {
    case TU_REPORT_MARKDOWN_SUMMARY: /* 1 MiB a step */
        return 1024u * 1024 - 1024;
    case TU_REPORT_MARKDOWN_GITLAB: /* 1,000,000 characters */
        return 999000;
    default: /* 65,536 characters; bytes are never fewer */
        return 65500;
    }
}

/* --- text from outside --------------------------------------------------------------------------- */

static void add_html(tu_buf *out, tu_str safe) {
    for (size_t i = 0; i < safe.n; i++) {
        char c = safe.p[i];
        tu_buf_add_c(out, c == '&'   ? "&amp;"
                          : c == '<' ? "&lt;"
                          : c == '>' ? "&gt;"
                          : c == '"' ? "&quot;"
                                     : "");
        if (!strchr("&<>\"", c) || c == '\0')
            tu_buf_add_byte(out, c);
    }
}

/* <code>text</code>, of safe text */
static void add_code(tu_buf *out, tu_str safe) {
    tu_buf cut = TU_BUF_INIT(ROOM);
    tu_show_cut(&cut, safe, NAME_COLUMNS);
    tu_buf_add_c(out, "<code>");
    add_html(out, tu_buf_str(&cut));
    tu_buf_add_c(out, "</code>");
    tu_buf_done(&cut);
}

static void add_outside(tu_buf *out, tu_str text) {
    tu_buf safe = TU_BUF_INIT(ROOM);
    tu_show_safe(&safe, text);
    add_code(out, tu_buf_str(&safe));
    tu_buf_done(&safe);
}

/* --- the fence ----------------------------------------------------------------------------------- */

typedef struct fence {
    tu_buf *out;
    size_t most, left_out;
} fence;

static void add_line(void *arg, char mark, tu_str text) {
    fence *f = arg;
    if (f->out->n + text.n + 2 > f->most) {
        f->left_out++;
        return;
    }
    if (mark == '#')
        tu_buf_add_c(f->out, "  # ");
    else
        tu_buf_addf(f->out, "%s",
                    mark == '.'   ? "  ... "
                    : mark == '-' ? "- "
                    : mark == '+' ? "+ "
                                  : "  ");
    tu_buf_add(f->out, text);
    tu_buf_add_byte(f->out, '\n');
}

static void add_change(fence *f, const tu_change *c, int64_t now_ms) {
    tu_buf head = TU_BUF_INIT(ROOM), age = TU_BUF_INIT(64);
    tu_buf_add_c(&head, "@@ ");
    tu_show_safe(&head, c->path);
    tu_buf_add_c(&head, " @@");
    if (c->kind != TU_CHANGE_VALUE)
        tu_buf_addf(&head, " %s", tu_change_name(c->kind));
    if (c->line > 0)
        tu_buf_addf(&head, " line %u", c->line);
    tu_buf_add_byte(&head, '\n');
    size_t begin = head.n;
    tu_say_hand(&head, &c->owner);
    if (c->owner.manager.n > 0 && c->owner.time.n > 0) {
        tu_buf_add_c(&head, ", since ");
        tu_show_safe(&head, c->owner.time);
        tu_say_age(&age, c->owner.time, now_ms);
        if (age.n > 0)
            tu_buf_addf(&head, " (%s)", tu_buf_c(&age));
    }
    if (c->entry.n > 0) {
        tu_buf_add_c(&head, head.n > begin ? "  [" : "[");
        tu_say_decision(&head, c->action, c->severity, c->entry);
        tu_buf_add_byte(&head, ']');
    }
    if (c->note.n > 0) {
        tu_buf_add_c(&head, head.n > begin ? "  " : "");
        tu_show_safe(&head, c->note);
    }
    tu_str text = tu_buf_str(&head);
    if (f->out->n + text.n + 4 <= f->most) {
        tu_buf_add(f->out, (tu_str){text.p, begin});
        if (head.n > begin)
            tu_buf_addf(f->out, "# %.*s\n", (int)(text.n - begin), text.p + begin);
        tu_show_hunk(c, add_line, f);
    } else {
        f->left_out++;
    }
    tu_buf_done(&head);
    tu_buf_done(&age);
}

static size_t longest_run(tu_str s, char c) {
    size_t longest = 0, run = 0;
    for (size_t i = 0; i < s.n; i++) {
        run = s.p[i] == c ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static void add_fence(tu_buf *out, tu_str text) {
    size_t ticks = longest_run(text, '`') + 1;
    ticks = ticks < 3 ? 3 : ticks;
    for (size_t i = 0; i < ticks; i++)
        tu_buf_add_byte(out, '`');
    tu_buf_add_c(out, "diff\n");
    tu_buf_add(out, text);
    for (size_t i = 0; i < ticks; i++)
        tu_buf_add_byte(out, '`');
    tu_buf_add_byte(out, '\n');
}

/* --- one object ---------------------------------------------------------------------------------- */

static size_t count_told(const tu_finding *f, bool all) {
    size_t n = 0;
    for (size_t i = 0; i < f->change_count; i++)
        n += tu_say_is_told(&f->changes[i], all);
    return n;
}

/* "drifted Deployment.apps/shop/cart: 2 changes, 4m ago" */
static void add_title(tu_buf *out, const tu_finding *f, size_t changes, int64_t now_ms) {
    tu_buf text = TU_BUF_INIT(ROOM), age = TU_BUF_INIT(64);
    tu_say_object(&text, f);
    tu_buf_addf(out, "<b>%s</b> ", tu_verdict_name(f->verdict));
    add_code(out, tu_buf_str(&text));
    if (changes > 0)
        tu_buf_addf(out, ": %zu change%s", changes, changes == 1 ? "" : "s");
    tu_say_age(&age, tu_say_since(f), now_ms);
    if (age.n > 0)
        tu_buf_addf(out, ", for %s", tu_buf_c(&age));
    tu_buf_done(&text);
    tu_buf_done(&age);
}

static void add_fact(tu_buf *out, const char *before, tu_str safe) {
    if (safe.n == 0)
        return;
    tu_buf_add_c(out, before);
    add_code(out, safe);
    tu_buf_add_c(out, "</p>\n");
}

static void add_facts(tu_buf *out, const tu_finding *f) {
    tu_buf text = TU_BUF_INIT(ROOM);
    tu_say_place(&text, f);
    add_fact(out, "<p>", tu_buf_str(&text));
    tu_buf_clear(&text);
    tu_show_safe(&text, f->reason);
    add_fact(out, "<p>reason: ", tu_buf_str(&text));
    tu_buf_clear(&text);
    const tu_change *maker = tu_say_maker(f);
    if (maker)
        tu_say_manager(&text, &maker->owner);
    add_fact(out, "<p>field manager: ", tu_buf_str(&text));
    tu_buf_clear(&text);
    if (maker || f->change_count == 0)
        tu_say_decision(&text, f->action, f->severity, f->entry);
    add_fact(out, "<p>rule: ", tu_buf_str(&text));
    tu_buf_done(&text);
}

static void add_finding(tu_buf *out, const tu_finding *f, const tu_report_options *o,
                        int64_t now_ms, size_t most) {
    size_t told = count_told(f, o->all);
    tu_buf_add_c(out, "<details><summary>");
    add_title(out, f, told, now_ms);
    tu_buf_add_c(out, "</summary>\n");
    add_facts(out, f);
    tu_buf_add_byte(out, '\n');
    if (told > 0) {
        tu_buf text = TU_BUF_INIT(ROOM);
        fence lines = {.out = &text, .most = most};
        for (size_t i = 0; i < f->change_count; i++) {
            if (tu_say_is_told(&f->changes[i], o->all))
                add_change(&lines, &f->changes[i], now_ms);
        }
        if (lines.left_out > 0)
            tu_buf_addf(&text, "# ... %zu more lines are left out\n", lines.left_out);
        add_fence(out, tu_buf_str(&text));
        tu_buf_add_byte(out, '\n');
        tu_buf_done(&text);
    }
    tu_buf_add_c(out, "</details>\n\n");
}

/* --- the whole ----------------------------------------------------------------------------------- */

typedef struct page {
    const tu_report *r;
    const tu_report_options *o;
    tu_buf *out, piece;
    size_t limit, left_out;
    bool full;
} page;

/* The piece goes out when there is room for it. */
static bool end_piece(page *p) {
    bool fits = p->piece.rc == TU_OK && p->out->n + p->piece.n + FOOT_BYTES <= p->limit;
    if (fits)
        tu_buf_add(p->out, tu_buf_str(&p->piece));
    tu_buf_clear(&p->piece);
    return fits;
}

static void add_title_line(page *p) {
    size_t counts[TU_VERDICT_COUNT], drift = 0, unknown = 0, total = 0, problems = 0;
    tu_report_count(p->r, counts);
    for (size_t i = 0; i < p->r->rule_count; i++) {
        tu_outcomes n = tu_say_outcomes(&p->r->rules[i]);
        drift += n.of[TU_OUTCOME_DRIFT];
        unknown += n.of[TU_OUTCOME_UNKNOWN];
        total += n.total;
        problems += p->r->rules[i].problem.n > 0;
    }
    tu_buf_add_c(p->out, MARKER "### trueup: ");
    if (drift > 0)
        tu_buf_addf(p->out, "drift in %zu of %zu object%s", drift, total, total == 1 ? "" : "s");
    else if (unknown + problems == 0)
        tu_buf_add_c(p->out, "in sync");
    if (unknown + problems > 0)
        tu_buf_add_c(p->out, drift > 0 ? ", not everything could be determined"
                                       : "not everything could be determined");
    tu_buf_add_c(p->out, "\n\n");
    tu_say_counts(p->out, counts, NULL, NULL);
    if (problems > 0)
        tu_buf_addf(p->out, "; %zu rule%s could not be determined", problems,
                    problems == 1 ? "" : "s");
    tu_buf_add_c(p->out, "\n\n");
}

static void add_rule_head(page *p, const tu_rule_report *r) {
    tu_buf *out = &p->piece, from = TU_BUF_INIT(ROOM);
    tu_buf_add_c(out, "<h4>");
    add_outside(out, r->name);
    tu_buf_add_c(out, ": ");
    tu_buf_add(&from, r->source);
    if (r->revision.n > 0)
        tu_buf_addf(&from, "@%.*s", TU_P(tu_say_revision(r->revision)));
    add_outside(out, tu_buf_str(&from));
    tu_buf_add_c(out, " → ");
    add_outside(out, r->target);
    tu_buf_addf(out, " (%s)</h4>\n", tu_mode_name(r->mode));
    if (r->problem.n > 0) {
        tu_buf_add_c(out, "<p><b>could not be determined:</b> ");
        add_outside(out, r->problem);
        tu_buf_add_c(out, "</p>\n");
    }
    for (size_t i = 0; i < r->note_count; i++) {
        tu_buf_add_c(out, "<p>note: ");
        add_outside(out, r->notes[i]);
        tu_buf_add_c(out, "</p>\n");
    }
    if (r->coverage.known) {
        tu_buf_add_c(out, "<p>coverage: ");
        tu_say_coverage(out, &r->coverage);
        tu_buf_add_c(out, "</p>\n");
    }
    tu_buf_add_byte(out, '\n');
    tu_buf_done(&from);
    end_piece(p);
}

static void add_rule(page *p, const tu_rule_report *r) {
    size_t listed = 0;
    add_rule_head(p, r);
    for (size_t i = 0; i < r->finding_count; i++) {
        const tu_finding *f = r->findings[i];
        tu_outcome outcome = tu_say_outcome(f);
        if (!p->o->all && (outcome == TU_OUTCOME_FINE || outcome == TU_OUTCOME_SKIPPED))
            continue;
        listed++;
        if (!p->full)
            add_finding(&p->piece, f, p->o, p->r->finished_ms, p->limit / PIECE_SHARE);
        if (p->full || !end_piece(p)) {
            p->full = true;
            p->left_out++;
        }
    }
    if (listed == 0 && r->problem.n == 0) {
        tu_buf_add_c(&p->piece,
                     r->finding_count > 0 ? "<p>in sync</p>\n\n" : "<p>no objects</p>\n\n");
        end_piece(p);
    }
}

static void add_foot(page *p) {
    char finished[32];
    tu_time_format(p->r->finished_ms, finished);
    if (p->left_out > 0)
        tu_buf_addf(
            p->out,
            "**%zu more object%s left out**, since no more text fits here: run `trueup diff`, "
            "or have them all with `-o json=FILE`.\n\n",
            p->left_out, p->left_out == 1 ? " is" : "s are");
    tu_buf_addf(p->out, "<sub>trueup " TRUEUP_VERSION ", %s</sub>\n", finished);
}

void tu_report_write_markdown(const tu_report *r, const tu_report_options *o, tu_buf *out) {
    page p = {.r = r, .o = o, .out = out, .piece = TU_BUF_INIT(ROOM), .limit = limit_of(o->format)};
    add_title_line(&p);
    for (size_t i = 0; i < r->rule_count; i++)
        add_rule(&p, &r->rules[i]);
    add_foot(&p);
    tu_buf_done(&p.piece);
}
