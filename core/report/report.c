/*
 * report/report.c: which writer writes, what is counted, and what the program's exit code says.
 */
#include "report/report.h"
#include "base/str.h"
#include "report/show.h"

static const struct {
    const char *name; /* as --output takes it */
    tu_report_writer *write;
} formats[TU_REPORT_FORMAT_COUNT] = {
    [TU_REPORT_TEXT] = {"text", tu_report_write_text},
    [TU_REPORT_TABLE] = {"table", tu_report_write_text},
    [TU_REPORT_JSON] = {"json", tu_report_write_json},
    [TU_REPORT_JUNIT] = {"junit", tu_report_write_junit},
    [TU_REPORT_SARIF] = {"sarif", tu_report_write_sarif},
    [TU_REPORT_MARKDOWN] = {"markdown", tu_report_write_markdown},
    [TU_REPORT_MARKDOWN_SUMMARY] = {"markdown-summary", tu_report_write_markdown},
    [TU_REPORT_MARKDOWN_GITLAB] = {"markdown-gitlab", tu_report_write_markdown},
    [TU_REPORT_GITHUB] = {"github", tu_report_write_github},
    [TU_REPORT_GITLAB] = {"gitlab", tu_report_write_gitlab},
};

double tu_coverage_percent(size_t managed, size_t unmanaged) {
    size_t all = managed + unmanaged;
    return all ? (double)(managed * 1000 / all) / 10 : 100;
}

const char *tu_report_format_name(tu_report_format f) {
    return formats[f].name;
}

bool tu_report_format_parse(tu_str s, tu_report_format *ret) {
    for (size_t i = 0; i < TU_REPORT_FORMAT_COUNT; i++) {
        if (tu_str_is(s, formats[i].name)) {
            *ret = (tu_report_format)i;
            return true;
        }
    }
    return false;
}

extern const char tu_config_schema_Report[]; /* made by config/schemas.cmake */

const char *tu_report_schema(void) {
    return tu_config_schema_Report;
}

void tu_report_write(const tu_report *r, const tu_report_options *o, tu_buf *out) {
    formats[o->format].write(r, o, out);
}

bool tu_report_is_quiet(const tu_finding *f) {
    return f->verdict == TU_VERDICT_IN_SYNC;
}

void tu_report_count(const tu_report *r, size_t ret[TU_VERDICT_COUNT]) {
    memset(ret, 0, TU_VERDICT_COUNT * sizeof *ret);
    for (size_t i = 0; i < r->rule_count; i++) {
        for (size_t k = 0; k < r->rules[i].finding_count; k++)
            ret[r->rules[i].findings[k]->verdict]++;
    }
}

bool tu_report_is_drift(const tu_finding *f) {
    return tu_verdict_is_drift(f->verdict) ||
           (f->verdict == TU_VERDICT_TERMINATING && f->file.n > 0);
}

int tu_report_exit_code(const tu_report *r) {
    size_t drift = 0, determined = 0, undetermined = 0;
    for (size_t i = 0; i < r->rule_count; i++) {
        const tu_rule_report *rule = &r->rules[i];
        for (size_t k = 0; k < rule->finding_count; k++) {
            drift += tu_report_is_drift(rule->findings[k]);
            bool unknown = rule->findings[k]->verdict == TU_VERDICT_UNKNOWN;
            undetermined += unknown;
            determined += !unknown;
        }
        undetermined += rule->problem.n > 0;
        determined += rule->problem.n == 0 &&
                      rule->finding_count == 0; /* there is nothing, and that is known */
    }
    if (drift > 0)
        return 1;
    if (undetermined == 0)
        return 0;
    return determined == 0 ? 3 : 4;
}
