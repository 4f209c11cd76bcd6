/*
 * cli/rules_test.c: `trueup rules test`: runs the cases written beside rules, offline.
 *
 * A file is a configuration, and so is every folder that holds documents: `rules test rules` finds
 * the packs below. What differs is told with the place of the expectation.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "engine/kinds.h"
#include "heal/heal.h"
#include "rules/test.h"

#define OUTPUT_BYTES (64u * TU_MIB)

typedef struct tester {
    const tu_cli *cli;
    tu_kinds *kinds; /* NULL: the table isn't there, and kinds are untyped */
    tu_arena arena;
    tu_buf out;
    tu_buf notes; /* text alone */
    bool junit;
    size_t passed, failed, documents;
    bool unreadable; /* a configuration has mistakes */
} tester;

static tu_kind *describe(void *arg, const tu_object_id *id) {
    tester *t = arg;
    return t->kinds ? tu_kinds_find(t->kinds, id) : NULL;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void add_place(tu_buf *out, tu_place p) {
    tu_buf_addf(out, "%s:%u:%u", p.file, p.line, p.column);
}

static void add_case_text(tester *t, const tu_case_result *c) {
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

static void add_case_json(tester *t, const tu_case_result *c) {
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

static void add_case_junit(tester *t, const tu_case_result *c) {
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

static void add_case(tester *t, const tu_case_result *c) {
    if (t->cli->json)
        add_case_json(t, c);
    else if (t->junit)
        add_case_junit(t, c);
    else
        add_case_text(t, c);
    t->failed += c->fault_count > 0;
    t->passed += c->fault_count == 0;
}

static void begin(tester *t) {
    if (t->cli->json)
        tu_buf_add_c(&t->out, "{\"cases\":[");
    else if (t->junit)
        tu_buf_add_c(&t->out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
                              " <testsuite name=\"trueup rules test\">\n");
}

static void end(tester *t) {
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

/* --- running ---------------------------------------------------------------------------------- */

static void run_config(void *arg, const char *path) {
    tester *t = arg;
    tu_errors errors = {0};
    tu_config *c = tu_config_load(path, &errors);
    if (!c) {
        tu_cli_fail_all(t->cli, &errors, TU_EXIT_USAGE);
        t->unreadable = true;
        return;
    }
    tu_errors_done(&errors);
    const tu_clock clock = tu_clock_real();
    const tu_test_options o = {.our_manager = TU_S(TU_FIELD_MANAGER),
                               .wall_ms = tu_clock_wall(&clock),
                               .describe = describe,
                               .arg = t};
    tu_test_results results;
    tu_error *why = NULL;
    t->documents += c->test_count;
    tu_arena_reset(&t->arena);
    if (tu_rule_test_run(&t->arena, c, &o, &results, &why) != TU_OK) {
        tu_cli_fail_with(t->cli, why);
        t->unreadable = true;
    } else {
        for (size_t i = 0; i < results.n; i++)
            add_case(t, &results.items[i]);
        for (size_t i = 0; i < results.untried_count; i++) {
            const tu_entry *e = results.untried[i];
            tu_buf_add_c(&t->notes, "note: ");
            add_place(&t->notes, e->place);
            tu_buf_addf(&t->notes, ": no case comes to '%.*s'\n", TU_P(e->name));
        }
    }
    tu_config_unref(c);
}

int tu_command_rules_test(tu_cli *cli) {
    tester t = {.cli = cli, .junit = cli->format == TU_REPORT_JUNIT};
    tu_errors errors = {0};
    if (!t.junit && !cli->json && cli->format != TU_REPORT_TEXT)
        return tu_cli_fail(cli, TU_EXIT_USAGE,
                           "the cases' results are written as text, json or junit");
    char *found = cli->argument_count ? NULL : tu_cli_config_path(cli);
    if (!cli->argument_count && !found)
        return TU_EXIT_USAGE;
    if (tu_kinds_open(&t.kinds, &errors) != TU_OK)
        tu_cli_note(cli, "note: no kind is known, so lists are compared whole: %s",
                    tu_error_text(errors.n ? errors.items[0] : NULL));
    tu_errors_done(&errors);
    tu_arena_init(&t.arena, 0);
    tu_buf_init(&t.out, OUTPUT_BYTES);
    tu_buf_init(&t.notes, OUTPUT_BYTES);
    begin(&t);
    if (found)
        run_config(&t, found);
    for (size_t i = 0; i < cli->argument_count; i++)
        tu_cli_each_config(cli->arguments[i], run_config, &t);
    end(&t);
    int code = tu_cli_print(cli, &t.out, t.failed ? TU_EXIT_DRIFT : TU_EXIT_OK);
    if (t.unreadable)
        code = TU_EXIT_USAGE;
    else if (t.documents == 0)
        code = tu_cli_fail(cli, TU_EXIT_USAGE,
                           "there are no cases: write documents of kind RuleTest beside the rules");
    tu_kinds_close(t.kinds);
    tu_arena_done(&t.arena);
    tu_buf_done(&t.out);
    tu_buf_done(&t.notes);
    free(found);
    return code;
}
