/*
 * cli/cases.c: the results of cases (rules test, route test) as text, JSON or JUnit XML.
 */
#include "cli/cases.h"
#include "base/limits.h"
#include "base/mem.h"
#include <stdarg.h>
#include <stdio.h>

#define OUTPUT_BYTES (64u * TU_MIB)

static void add_place(tu_buf *out, tu_place p) {
    tu_buf_addf(out, "%s:%u:%u", p.file, p.line, p.column);
}

static void add_case_text(tu_cases *t, const tu_case_result *c) {
    const char *red = t->cli->color ? "\033[31m" : "", *plain = t->cli->color ? "\033[0m" : "";
    if (c->fault_count == 0 && t->cli->verbose)
        tu_buf_addf(&t->out, "ok    %.*s: %.*s\n", TU_P(c->test), TU_P(c->name));
    if (c->fault_count == 0)
        return;
    tu_buf_addf(&t->out, "%sFAIL%s  %.*s: %.*s\n", red, plain, TU_P(c->test), TU_P(c->name));
    for (size_t i = 0; i < c->fault_count; i++) {
        tu_buf_add_c(&t->out, "      ");
        add_place(&t->out, c->faults[i].place);
        tu_buf_addf(&t->out, ": %.*s\n", TU_P(c->faults[i].text));
    }
}

static void add_case_json(tu_cases *t, const tu_case_result *c) {
    tu_buf *b = &t->out;
    tu_buf_add_c(b, t->passed + t->failed ? ",{\"test\":" : "{\"test\":");
    tu_buf_add_json_string(b, c->test);
    tu_buf_add_c(b, ",\"name\":");
    tu_buf_add_json_string(b, c->name);
    tu_buf_add_c(b, ",\"file\":");
    tu_buf_add_json_string(b, tu_str_c(c->place.file));
    tu_buf_addf(b, ",\"line\":%u,\"result\":\"%s\",\"faults\":[", c->place.line,
                c->broken        ? "broken"
                : c->fault_count ? "failed"
                                 : "passed");
    for (size_t i = 0; i < c->fault_count; i++) {
        tu_buf_addf(b, "%s{\"line\":%u,\"column\":%u,\"text\":", i ? "," : "",
                    c->faults[i].place.line, c->faults[i].place.column);
        tu_buf_add_json_string(b, c->faults[i].text);
        tu_buf_add_byte(b, '}');
    }
    tu_buf_add_c(b, "]}");
}

static void add_xml(tu_buf *b, tu_str s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '&')
            tu_buf_add_c(b, "&amp;");
        else if (c == '<')
            tu_buf_add_c(b, "&lt;");
        else if (c == '>')
            tu_buf_add_c(b, "&gt;");
        else if (c == '"')
            tu_buf_add_c(b, "&quot;");
        else if (c >= 0x20 || c == '\n' || c == '\t')
            tu_buf_add_byte(b, (char)c);
        else /* XML 1.0 has no way to say it */
            tu_buf_add_byte(b, '?');
    }
}

static void add_case_junit(tu_cases *t, const tu_case_result *c) {
    tu_buf *b = &t->out;
    tu_buf_add_c(b, "  <testcase classname=\"");
    add_xml(b, c->test);
    tu_buf_add_c(b, "\" name=\"");
    add_xml(b, c->name);
    tu_buf_add_c(b, "\" file=\"");
    add_xml(b, tu_str_c(c->place.file));
    tu_buf_addf(b, "\" line=\"%u\"", c->place.line);
    if (c->fault_count == 0) {
        tu_buf_add_c(b, "/>\n");
        return;
    }
    tu_buf_add_c(b, "><failure message=\"");
    add_xml(b, c->faults[0].text);
    tu_buf_add_c(b, "\">");
    for (size_t i = 0; i < c->fault_count; i++) {
        tu_buf_addf(b, "%s:%u: ", c->faults[i].place.file, c->faults[i].place.line);
        add_xml(b, c->faults[i].text);
        tu_buf_add_byte(b, '\n');
    }
    tu_buf_add_c(b, "</failure></testcase>\n");
}

void tu_cases_add(tu_cases *t, const tu_case_result *c) {
    if (t->cli->json)
        add_case_json(t, c);
    else if (t->junit)
        add_case_junit(t, c);
    else
        add_case_text(t, c);
    t->failed += c->fault_count > 0;
    t->passed += c->fault_count == 0;
}

void tu_cases_note(tu_cases *t, tu_place place, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tu_buf_add_c(&t->notes, "note: ");
    add_place(&t->notes, place);
    tu_buf_addf(&t->notes, ": %s\n", text);
}

int tu_cases_begin(tu_cases *t, const tu_cli *cli, const char *suite) {
    *t = (tu_cases){.cli = cli, .suite = suite, .junit = cli->format == TU_REPORT_JUNIT};
    if (!t->junit && !cli->json && cli->format != TU_REPORT_TEXT)
        return tu_cli_fail(cli, TU_EXIT_USAGE,
                           "the cases' results are written as text, json or junit");
    tu_buf_init(&t->out, OUTPUT_BYTES);
    tu_buf_init(&t->notes, OUTPUT_BYTES);
    if (cli->json)
        tu_buf_add_c(&t->out, "{\"cases\":[");
    else if (t->junit)
        tu_buf_addf(&t->out,
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
                    " <testsuite name=\"%s\">\n",
                    suite);
    return -1;
}

void tu_cases_each(tu_cases *t, tu_each_config *each, void *arg) {
    const tu_cli *cli = t->cli;
    _cleanup_(tu_freep) char *found = cli->argument_count ? NULL : tu_cli_config_path(cli);
    t->unreadable |= !cli->argument_count && !found;
    if (found)
        each(arg, found);
    for (size_t i = 0; i < cli->argument_count; i++)
        tu_cli_each_config(cli->arguments[i], each, arg);
}

static void end(tu_cases *t) {
    size_t n = t->passed + t->failed;
    if (t->cli->json)
        tu_buf_addf(&t->out, "],\"passed\":%zu,\"failed\":%zu}\n", t->passed, t->failed);
    else if (t->junit)
        tu_buf_add_c(&t->out, " </testsuite>\n</testsuites>\n");
    else {
        tu_buf_add(&t->out, t->cli->quiet ? (tu_str){0} : tu_buf_str(&t->notes));
        tu_buf_addf(&t->out, "%s%zu case%s: %zu passed, %zu failed\n", t->failed ? "\n" : "", n,
                    n == 1 ? "" : "s", t->passed, t->failed);
    }
}

int tu_cases_end(tu_cases *t, const char *kind, const char *beside) {
    end(t);
    int code = tu_cli_print(t->cli, &t->out, t->failed ? TU_EXIT_DRIFT : TU_EXIT_OK);
    if (t->unreadable)
        code = TU_EXIT_USAGE;
    else if (t->documents == 0)
        code =
            tu_cli_fail(t->cli, TU_EXIT_USAGE,
                        "there are no cases: write documents of kind %s beside %s", kind, beside);
    tu_buf_done(&t->out);
    tu_buf_done(&t->notes);
    return code;
}
