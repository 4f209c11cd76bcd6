/*
 * report/gitlab.c: GitLab Code Quality, a JSON list that merge requests show at the lines of their
 * files. One entry an object, since the widget counts entries.
 *
 * https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
 */
#include "base/str.h"
#include "report/say.h"
#include "report/show.h"

#define ROOM ((size_t)1 << 30)
#define DESCRIPTION_COLUMNS 500

static const char *const severities[] = {[TU_SEVERITY_INFO] = "info",
                                         [TU_SEVERITY_WARNING] = "major",
                                         [TU_SEVERITY_CRITICAL] = "critical"};

static void add_text(tu_buf *out, const char *before, const char *key, tu_str text) {
    tu_buf raw = TU_BUF_INIT(ROOM);
    tu_buf_add_json_string(&raw, text);
    tu_buf_addf(out, "%s\"%s\":", before, key);
    tu_show_safe(out, tu_buf_str(&raw));
    tu_buf_done(&raw);
}

static uint32_t line_of(const tu_finding *f) {
    for (size_t i = 0; i < f->change_count; i++) {
        if (f->changes[i].action != TU_ACTION_IGNORE && f->changes[i].line > 0)
            return f->changes[i].line;
    }
    return f->line > 0 ? f->line : 1;
}

static void add_entry(tu_buf *out, const char *separator, const tu_rule_report *r,
                      const tu_finding *f, const tu_report_options *o) {
    tu_buf text = TU_BUF_INIT(ROOM), cut = TU_BUF_INIT(ROOM);
    char fingerprint[33], check[64];
    tu_say_fingerprint(r, f, "object", (tu_str){NULL, 0}, fingerprint);
    snprintf(check, sizeof check, "trueup/%s", tu_verdict_name(f->verdict));
    tu_say_object(&text, f);
    tu_buf_add_byte(&text, ' ');
    tu_say_finding(&text, f);
    tu_show_cut(&cut, tu_buf_str(&text), DESCRIPTION_COLUMNS);
    tu_buf_addf(out, "%s\n{", separator);
    add_text(out, "", "description", tu_buf_str(&cut));
    add_text(out, ",", "check_name", tu_str_c(check));
    add_text(out, ",", "fingerprint", tu_str_c(fingerprint));
    add_text(out, ",", "severity", tu_str_c(severities[f->severity]));
    tu_buf_clear(&text);
    tu_say_file(&text, r, f, o);
    add_text(out, ",\"location\":{", "path", tu_buf_str(&text));
    tu_buf_addf(out, ",\"lines\":{\"begin\":%u}}}", line_of(f));
    tu_buf_done(&text);
    tu_buf_done(&cut);
}

void tu_report_write_gitlab(const tu_report *r, const tu_report_options *o, tu_buf *out) {
    const char *separator = "";
    tu_buf_add_byte(out, '[');
    for (size_t i = 0; i < r->rule_count; i++) {
        const tu_rule_report *rule = &r->rules[i];
        for (size_t k = 0; k < rule->finding_count; k++) {
            tu_outcome outcome = tu_say_outcome(rule->findings[k]);
            if (outcome != TU_OUTCOME_DRIFT && outcome != TU_OUTCOME_UNKNOWN)
                continue;
            add_entry(out, separator, rule, rule->findings[k], o);
            separator = ",";
        }
    }
    tu_buf_add_c(out, "\n]\n");
}
