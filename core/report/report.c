/*
 * report/report.c: which writer writes, what is counted, and what the program's exit code says.
 */
#include "report/report.h"
#include "report/show.h"

static void (*const writers[])(const tu_report *r, const tu_report_options *o, tu_buf *out) = {
    [TU_REPORT_TEXT] = tu_report_write_text,
    [TU_REPORT_JSON] = tu_report_write_json,
};

double tu_coverage_percent(size_t managed, size_t unmanaged) {
    size_t all = managed + unmanaged;
    return all ? (double)(managed * 1000 / all) / 10 : 100;
}

void tu_report_write(const tu_report *r, const tu_report_options *o, tu_buf *out) {
    writers[o->format](r, o, out);
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

/* An object that is being deleted is drift when a manifest wants it; without one, its end is what
 * is desired. */
static bool is_drift(const tu_finding *f) {
    return tu_verdict_is_drift(f->verdict) ||
           (f->verdict == TU_VERDICT_TERMINATING && f->file.n > 0);
}

int tu_report_exit_code(const tu_report *r) {
    size_t drift = 0, determined = 0, undetermined = 0;
    for (size_t i = 0; i < r->rule_count; i++) {
        const tu_rule_report *rule = &r->rules[i];
        for (size_t k = 0; k < rule->finding_count; k++) {
            drift += is_drift(rule->findings[k]);
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
