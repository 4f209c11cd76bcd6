/*
 * report/junit.c: JUnit XML, as Jenkins, GitLab, CircleCI and Azure Pipelines read it.
 *
 * There is no standard, only readers: what stands here is valid against the schema of Jenkins'
 * xUnit plugin (junit-10.xsd), the strictest in use. A rule is a testsuite, an object a testcase
 * (in sync ones, too: a report without passes tells nothing). Drift is a failure, what is unknown an
 * error, what is delegated or ignored by the rule skipped. A rule that could not be compared has one
 * testcase more, with an error.
 *
 * Text goes through show.h first, so no character is left that XML 1.0 can't hold; then & < > " are
 * escaped, which leaves no way out of an attribute, a text or a comment (there are none, and no CDATA).
 */
#include "base/clock.h"
#include "base/str.h"
#include "report/say.h"
#include "report/show.h"

#define ROOM ((size_t)1 << 30)
#define MESSAGE_COLUMNS 300

static void add_escaped(tu_buf *out, tu_str safe) {
    for (size_t i = 0, plain = 0; i <= safe.n; i++) {
        const char *entity = i == safe.n         ? ""
                             : safe.p[i] == '&'  ? "&amp;"
                             : safe.p[i] == '<'  ? "&lt;"
                             : safe.p[i] == '>'  ? "&gt;"
                             : safe.p[i] == '"'  ? "&quot;"
                             : safe.p[i] == '\t' ? "&#9;"
                                                 : NULL;
        if (!entity)
            continue;
        tu_buf_add(out, (tu_str){safe.p + plain, i - plain});
        tu_buf_add_c(out, entity);
        plain = i + 1;
    }
}

/* ` name="value"`, of text that is safe already; cut where it is too long for a heading. */
static void add_attribute(tu_buf *out, const char *name, tu_str safe) {
    tu_buf_addf(out, " %s=\"", name);
    tu_buf cut = TU_BUF_INIT(ROOM);
    tu_show_cut(&cut, safe, MESSAGE_COLUMNS);
    add_escaped(out, tu_buf_str(&cut));
    tu_buf_done(&cut);
    tu_buf_add_byte(out, '"');
}

static void add_outside(tu_buf *out, const char *name, tu_str text) {
    tu_buf safe = TU_BUF_INIT(ROOM);
    tu_show_safe(&safe, text);
    add_attribute(out, name, tu_buf_str(&safe));
    tu_buf_done(&safe);
}

/* --- one object --------------------------------------------------------------------------------- */

/* The body of a failure: the place and every change in full, as `diff` shows it. */
static void add_body(tu_buf *out, const tu_report *r, const tu_finding *f) {
    tu_buf text = TU_BUF_INIT(ROOM);
    const tu_report_options how = {.diff = true, .now_ms = r->finished_ms};
    tu_report_finding_text(&text, f, &how);
    tu_buf_add_byte(out, '\n');
    add_escaped(out, tu_buf_str(&text));
    if (text.rc != TU_OK && out->rc == TU_OK)
        out->rc = text.rc;
    tu_buf_done(&text);
}

static void add_outcome(tu_buf *out, const tu_report *r, const tu_finding *f) {
    static const char *const elements[] = {[TU_OUTCOME_SKIPPED] = "skipped",
                                           [TU_OUTCOME_DRIFT] = "failure",
                                           [TU_OUTCOME_UNKNOWN] = "error"};
    tu_outcome outcome = tu_say_outcome(f);
    tu_buf message = TU_BUF_INIT(ROOM);
    if (outcome == TU_OUTCOME_SKIPPED && f->entry.n > 0) {
        tu_buf_add_c(&message, "left alone by the rule: ");
        tu_show_safe(&message, f->entry);
    } else {
        tu_say_finding(&message, f);
    }
    tu_buf_addf(out, "      <%s", elements[outcome]);
    tu_buf_addf(out, " type=\"%s\"", tu_verdict_name(f->verdict));
    add_attribute(out, "message", tu_buf_str(&message));
    tu_buf_done(&message);
    if (outcome == TU_OUTCOME_SKIPPED) {
        tu_buf_add_c(out, "/>\n");
        return;
    }
    tu_buf_add_byte(out, '>');
    add_body(out, r, f);
    tu_buf_addf(out, "      </%s>\n", elements[outcome]);
}

static void add_testcase(tu_buf *out, const tu_report *r, const tu_rule_report *rule,
                         const tu_finding *f) {
    tu_buf text = TU_BUF_INIT(ROOM);
    tu_buf_add_c(out, "    <testcase");
    tu_say_object(&text, f);
    add_attribute(out, "name", tu_buf_str(&text));
    tu_buf_clear(&text);
    /* Readers take what stands before the last dot for a package. */
    tu_show_safe(&text, rule->name);
    tu_buf_add_byte(&text, '.');
    tu_show_safe(&text, f->id.kind.n > 0 ? f->id.kind : TU_S("manifest"));
    add_attribute(out, "classname", tu_buf_str(&text));
    tu_buf_add_c(out, " time=\"0\"");
    tu_buf_done(&text);
    if (tu_say_outcome(f) == TU_OUTCOME_FINE) {
        tu_buf_add_c(out, "/>\n");
        return;
    }
    tu_buf_add_c(out, ">\n");
    add_outcome(out, r, f);
    tu_buf_add_c(out, "    </testcase>\n");
}

/* --- one rule ------------------------------------------------------------------------------------ */

static void add_problem(tu_buf *out, const tu_rule_report *rule) {
    tu_buf_add_c(out, "    <testcase name=\"the rule can be compared\"");
    add_outside(out, "classname", rule->name);
    tu_buf_add_c(out, " time=\"0\">\n      <error type=\"unknown\"");
    add_outside(out, "message", rule->problem);
    tu_buf_add_c(out, "/>\n    </testcase>\n");
}

static void add_counts(tu_buf *out, size_t tests, size_t failures, size_t errors) {
    tu_buf_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\"", tests, failures, errors);
}

static void add_property(tu_buf *out, const char *name, tu_str value) {
    tu_buf_addf(out, "      <property name=\"%s\"", name);
    add_outside(out, "value", value);
    tu_buf_add_c(out, "/>\n");
}

static void add_testsuite(tu_buf *out, const tu_report *r, const tu_rule_report *rule) {
    tu_outcomes n = tu_say_outcomes(rule);
    size_t problem = rule->problem.n > 0;
    char time[32];
    tu_time_format(r->started_ms / 1000 * 1000, time);
    tu_buf_add_c(out, "  <testsuite");
    add_outside(out, "name", rule->name);
    add_counts(out, n.total + problem, n.of[TU_OUTCOME_DRIFT], n.of[TU_OUTCOME_UNKNOWN] + problem);
    tu_buf_addf(out, " skipped=\"%zu\" timestamp=\"%.19s\" time=\"0\">\n", n.of[TU_OUTCOME_SKIPPED],
                time);
    tu_buf_add_c(out, "    <properties>\n");
    add_property(out, "source", rule->source);
    add_property(out, "revision", rule->revision);
    add_property(out, "target", rule->target);
    tu_buf_add_c(out, "    </properties>\n");
    if (problem)
        add_problem(out, rule);
    for (size_t i = 0; i < rule->finding_count; i++)
        add_testcase(out, r, rule, rule->findings[i]);
    tu_buf_add_c(out, "  </testsuite>\n");
}

void tu_report_write_junit(const tu_report *r, const tu_report_options *o, tu_buf *out) {
    (void)o;
    size_t tests = 0, failures = 0, errors = 0;
    for (size_t i = 0; i < r->rule_count; i++) {
        tu_outcomes n = tu_say_outcomes(&r->rules[i]);
        size_t problem = r->rules[i].problem.n > 0;
        tests += n.total + problem;
        failures += n.of[TU_OUTCOME_DRIFT];
        errors += n.of[TU_OUTCOME_UNKNOWN] + problem;
    }
    int64_t ms = r->finished_ms > r->started_ms ? r->finished_ms - r->started_ms : 0;
    tu_buf_add_c(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"trueup\"");
    add_counts(out, tests, failures, errors);
    tu_buf_addf(out, " time=\"%lld.%03lld\">\n", (long long)(ms / 1000), (long long)(ms % 1000));
    for (size_t i = 0; i < r->rule_count; i++)
        add_testsuite(out, r, &r->rules[i]);
    tu_buf_add_c(out, "</testsuites>\n");
}
