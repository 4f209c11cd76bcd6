/*
 * report/github.c: GitHub workflow commands, which become annotations at the lines of a pull request.
 *
 *     ::error file=overlays/prod/cart.yaml,line=8,title=Deployment.apps/shop/cart drifted::/spec/...
 *
 * GitHub shows ten errors, ten warnings and ten notices a step and drops the rest without a word. So
 * an object is one annotation, the first nine of a level stand there, and when there are more than
 * ten, the tenth says how many. Data escapes % CR LF; a property also : and , (actions/toolkit,
 * command.ts), so a value can't begin a command of its own.
 */
#include "base/str.h"
#include "report/say.h"
#include "report/show.h"

#define ROOM ((size_t)1 << 30)
#define SHOWN_MOST 10
#define CHANGES_TOLD 10
#define VALUE_COLUMNS 120
#define MESSAGE_BYTES 4000 /* GitHub cuts at 64 KiB; nobody reads so far */

static const char *const levels[] = {[TU_SEVERITY_INFO] = "notice",
                                     [TU_SEVERITY_WARNING] = "warning",
                                     [TU_SEVERITY_CRITICAL] = "error"};

static void add_escaped(tu_buf *out, tu_str s, bool property) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ',')))
            tu_buf_addf(out, "%%%02X", c);
        else
            tu_buf_add_byte(out, (char)c);
    }
}

typedef struct annotations {
    const tu_report_options *o;
    tu_buf *out;
    size_t of[TU_SEVERITY_CRITICAL + 1]; /* how many there are */
    size_t shown[TU_SEVERITY_CRITICAL + 1];
} annotations;

static bool is_told(const tu_finding *f) {
    tu_outcome outcome = tu_say_outcome(f);
    return outcome == TU_OUTCOME_DRIFT || outcome == TU_OUTCOME_UNKNOWN;
}

static tu_severity severity_of(const tu_finding *f) {
    return f->verdict == TU_VERDICT_UNKNOWN && f->severity == TU_SEVERITY_INFO ? TU_SEVERITY_WARNING
                                                                               : f->severity;
}

/* Every change in a line of its own. */
static void add_message(tu_buf *out, const tu_finding *f) {
    size_t told = 0, more = 0;
    for (size_t i = 0; i < f->change_count; i++) {
        const tu_change *c = &f->changes[i];
        if (!tu_say_is_told(c, false))
            continue;
        if (told >= CHANGES_TOLD || out->n > MESSAGE_BYTES) {
            more++;
            continue;
        }
        tu_buf_add_c(out, told++ > 0 ? "\n" : "");
        tu_show_safe(out, c->path);
        tu_buf_add_byte(out, ' ');
        tu_say_change(out, c, VALUE_COLUMNS);
        if (c->owner.manager.n > 0) {
            tu_buf_add_c(out, " (");
            tu_say_hand(out, &c->owner);
            tu_buf_add_byte(out, ')');
        }
    }
    if (told == 0)
        tu_say_finding(out, f);
    if (more > 0)
        tu_buf_addf(out, "\nand %zu more", more);
}

static void annotate(annotations *a, const tu_rule_report *r, const tu_finding *f) {
    tu_buf file = TU_BUF_INIT(ROOM), title = TU_BUF_INIT(ROOM), message = TU_BUF_INIT(ROOM);
    uint32_t line = f->line;
    for (size_t i = 0; i < f->change_count; i++) {
        if (f->changes[i].action != TU_ACTION_IGNORE && f->changes[i].line > 0) {
            line = f->changes[i].line;
            break;
        }
    }
    tu_buf_addf(a->out, "::%s ", levels[severity_of(f)]);
    if (f->file.n > 0) {
        tu_buf raw = TU_BUF_INIT(ROOM);
        tu_say_file(&raw, r, f, a->o);
        tu_show_safe(&file, tu_buf_str(&raw));
        tu_buf_done(&raw);
        tu_buf_add_c(a->out, "file=");
        add_escaped(a->out, tu_buf_str(&file), true);
        tu_buf_addf(a->out, ",line=%u,", line > 0 ? line : 1);
    }
    tu_say_object(&title, f);
    tu_buf_addf(&title, " %s", tu_verdict_name(f->verdict));
    add_message(&message, f);
    tu_buf_add_c(a->out, "title=");
    add_escaped(a->out, tu_buf_str(&title), true);
    tu_buf_add_c(a->out, "::");
    add_escaped(a->out, tu_buf_str(&message), false);
    tu_buf_add_byte(a->out, '\n');
    tu_buf_done(&file);
    tu_buf_done(&title);
    tu_buf_done(&message);
}

/* May one more of this level be shown? The tenth place is kept for the count when there are more. */
static bool has_room(annotations *a, tu_severity severity) {
    size_t most = a->of[severity] > SHOWN_MOST ? SHOWN_MOST - 1 : SHOWN_MOST;
    return a->shown[severity] < most && a->shown[severity]++ < most;
}

static void add_problem(annotations *a, const tu_rule_report *r) {
    tu_buf safe = TU_BUF_INIT(ROOM);
    tu_buf_add_c(&safe, "rule ");
    tu_show_safe(&safe, r->name);
    tu_buf_add_c(a->out, "::error title=");
    add_escaped(a->out, tu_buf_str(&safe), true);
    tu_buf_add_c(a->out, " could not be compared::");
    tu_buf_clear(&safe);
    tu_show_safe(&safe, r->problem);
    add_escaped(a->out, tu_buf_str(&safe), false);
    tu_buf_add_byte(a->out, '\n');
    tu_buf_done(&safe);
}

static void count(annotations *a, const tu_report *r) {
    for (size_t i = 0; i < r->rule_count; i++) {
        a->of[TU_SEVERITY_CRITICAL] += r->rules[i].problem.n > 0;
        for (size_t k = 0; k < r->rules[i].finding_count; k++) {
            const tu_finding *f = r->rules[i].findings[k];
            a->of[severity_of(f)] += is_told(f);
        }
    }
}

void tu_report_write_github(const tu_report *r, const tu_report_options *o, tu_buf *out) {
    annotations a = {.o = o, .out = out};
    count(&a, r);
    for (size_t i = 0; i < r->rule_count; i++) {
        const tu_rule_report *rule = &r->rules[i];
        if (rule->problem.n > 0 && has_room(&a, TU_SEVERITY_CRITICAL))
            add_problem(&a, rule);
        for (size_t k = 0; k < rule->finding_count; k++) {
            const tu_finding *f = rule->findings[k];
            if (is_told(f) && has_room(&a, severity_of(f)))
                annotate(&a, rule, f);
        }
    }
    for (int s = TU_SEVERITY_CRITICAL; s >= TU_SEVERITY_INFO; s--) {
        if (a.of[s] > a.shown[s])
            tu_buf_addf(out,
                        "::%s title=trueup::%zu more objects: GitHub shows ten annotations of "
                        "a kind; the job summary (-o markdown-summary=FILE) has them\n",
                        levels[s], a.of[s] - a.shown[s]);
    }
    size_t counts[TU_VERDICT_COUNT];
    tu_report_count(r, counts);
    tu_say_counts(out, counts, NULL, NULL);
    tu_buf_add_byte(out, '\n');
}
