/*
 * cli/rules_lint.c: `trueup rules lint`: what is hardly meant in rules, for people or as JSON.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "engine/kinds.h"
#include "engine/survey.h"
#include "rules/lint.h"
#include "value/json.h"

#define OUTPUT_BYTES (64u * TU_MIB)
#define REPORT_BYTES (1024u * TU_MIB)
#define SOON_MS (INT64_C(30) * 24 * 3600 * 1000)

typedef struct linter {
    tu_cli *cli;
    tu_arena arena;
    tu_lint_options o;
    tu_lint_kind *kinds;
    const tu_value *report; /* NULL: none was given */
    tu_buf out;
    size_t counts[TU_LINT_ERROR + 1], configs;
    bool unreadable, unreachable;
} linter;

/* --- writing ----------------------------------------------------------------------------------- */

static void add_text(linter *l, const tu_lint_finding *f) {
    static const char *const colours[] = {"\033[36m", "\033[1;33m", "\033[1;31m"};
    const char *colour = l->cli->color ? colours[f->level] : "";
    tu_buf_addf(&l->out, "%s:%u:%u: %s%s:%s ", f->place.file, f->place.line, f->place.column,
                colour, tu_lint_level_name(f->level), *colour ? "\033[0m" : "");
    if (f->entry.n)
        tu_buf_addf(&l->out, "'%.*s': ", TU_P(f->entry));
    tu_buf_addf(&l->out, "%.*s [%s]\n", TU_P(f->text), f->code);
    if (f->hint.n)
        tu_buf_addf(&l->out, "  hint: %.*s\n", TU_P(f->hint));
}

static void add_json(linter *l, const tu_lint_finding *f, bool first) {
    tu_buf *b = &l->out;
    tu_buf_addf(b, "%s{\"level\":\"%s\",\"code\":\"%s\",\"file\":", first ? "" : ",",
                tu_lint_level_name(f->level), f->code);
    tu_buf_add_json_string(b, tu_str_c(f->place.file));
    tu_buf_addf(b, ",\"line\":%u,\"column\":%u,\"entry\":", f->place.line, f->place.column);
    tu_buf_add_json_string(b, f->entry);
    tu_buf_add_c(b, ",\"message\":");
    tu_buf_add_json_string(b, f->text);
    tu_buf_add_c(b, ",\"hint\":");
    tu_buf_add_json_string(b, f->hint);
    tu_buf_add_c(b, "}");
}

static void add_findings(linter *l, const tu_lint_result *result) {
    for (size_t i = 0; i < result->n; i++) {
        const tu_lint_finding *f = &result->items[i];
        bool first = l->counts[0] + l->counts[1] + l->counts[2] == 0;
        if (l->cli->json)
            add_json(l, f, first);
        else
            add_text(l, f);
        l->counts[f->level]++;
    }
}

static void add_counts(linter *l) {
    const size_t *n = l->counts;
    if (l->cli->json)
        tu_buf_addf(&l->out, "],\"errors\":%zu,\"warnings\":%zu,\"notes\":%zu}\n", n[TU_LINT_ERROR],
                    n[TU_LINT_WARNING], n[TU_LINT_NOTE]);
    else if (n[0] + n[1] + n[2])
        tu_buf_addf(&l->out, "\n%zu error%s, %zu warning%s, %zu note%s\n", n[TU_LINT_ERROR],
                    n[TU_LINT_ERROR] == 1 ? "" : "s", n[TU_LINT_WARNING],
                    n[TU_LINT_WARNING] == 1 ? "" : "s", n[TU_LINT_NOTE],
                    n[TU_LINT_NOTE] == 1 ? "" : "s");
    else
        tu_buf_addf(&l->out, "nothing found in %zu configuration%s\n", l->configs,
                    l->configs == 1 ? "" : "s");
}

/* --- looking ----------------------------------------------------------------------------------- */

static tu_rc look_at_sources(linter *l, tu_config *c, const char *path, tu_lint_result *result,
                             tu_error **error) {
    const tu_pass_options options = {.config = c,
                                     .config_path = path,
                                     .state = l->cli->values[TU_OPTION_STATE],
                                     .cancel = l->cli->cancel,
                                     .progress = tu_terminal_progress,
                                     .progress_arg = l->cli};
    tu_survey *survey = NULL;
    tu_errors errors = {0};
    if (tu_survey_open(&options, &survey, &errors) != TU_OK) {
        tu_cli_fail_all(l->cli, &errors, TU_EXIT_USAGE);
        l->unreadable = true;
        return TU_OK;
    }
    tu_errors_done(&errors);
    tu_terminal_progress_end(l->cli);
    tu_rc rc = TU_OK;
    for (size_t i = 0; i < c->rule_count && rc == TU_OK; i++) {
        const tu_desired_set *set = survey->sets[i];
        if (!set) {
            tu_cli_fail(l->cli, TU_EXIT_UNKNOWN, "rule %.*s: %s", TU_P(c->rules[i].name),
                        survey->problems[i] ? survey->problems[i] : "not read");
            l->unreachable = true;
            continue;
        }
        tu_object_id *ids = tu_xcalloc(set->n + 1, sizeof *ids);
        for (size_t k = 0; k < set->n; k++)
            ids[k] = tu_desired_id(set, k);
        rc = tu_lint_desired(&c->rules[i], ids, set->n, result, error);
        free(ids);
    }
    tu_survey_close(survey);
    return rc;
}

static void look(void *arg, const char *path) {
    linter *l = arg;
    tu_errors errors = {0};
    bool sources = tu_cli_has(l->cli, TU_OPTION_SOURCE);
    tu_config *c = sources ? tu_engine_load_config(path, &errors) : tu_config_load(path, &errors);
    if (!c) {
        tu_cli_fail_all(l->cli, &errors, TU_EXIT_USAGE);
        l->unreadable = true;
        return;
    }
    tu_errors_done(&errors);
    tu_lint_result result = {.arena = &l->arena};
    tu_error *why = NULL;
    tu_rc rc = tu_lint(c, &l->o, &result, &why);
    if (rc == TU_OK && l->report)
        rc = tu_lint_report(c, l->report, &result, &why);
    if (rc == TU_OK && sources)
        rc = look_at_sources(l, c, path, &result, &why);
    if (rc != TU_OK) {
        tu_cli_fail_with(l->cli, why);
        l->unreadable = true;
    }
    l->configs++;
    add_findings(l, &result);
    tu_config_unref(c);
}

/* --- what it is tried on ----------------------------------------------------------------------- */

static bool note_kind(void *arg, const tu_catalogue_kind *k) {
    linter *l = arg;
    if (k->any || l->o.kind_count == TU_LIMIT_KINDS)
        return true;
    l->kinds = tu_xrealloc(l->kinds, (l->o.kind_count + 1) * sizeof *l->kinds);
    l->kinds[l->o.kind_count++] = (tu_lint_kind){.group = k->group, .kind = k->kind};
    return true;
}

/* Without the table the rest is still worth saying. */
static tu_kinds *open_kinds(linter *l) {
    tu_kinds *kinds = NULL;
    tu_errors errors = {0};
    if (tu_kinds_open(&kinds, &errors) == TU_OK) {
        tu_catalogue_each(tu_kinds_catalogue(kinds), note_kind, l);
        for (size_t i = 0; i < l->o.kind_count; i++) {
            const tu_object_id id = {.group = l->kinds[i].group, .kind = l->kinds[i].kind};
            l->kinds[i].description = tu_kinds_find(kinds, &id);
        }
    } else {
        tu_cli_note(l->cli, "note: no kind is known, so paths are not looked at: %s",
                    tu_error_text(errors.n ? errors.items[0] : NULL));
    }
    tu_errors_done(&errors);
    l->o.kinds = l->kinds;
    return kinds;
}

static bool read_report(linter *l, tu_buf *text) {
    const char *file = l->cli->values[TU_OPTION_REPORT];
    tu_error *why = NULL;
    tu_value *v = NULL;
    if (!file)
        return true;
    if (tu_file_read(file, REPORT_BYTES, text, &why) != TU_OK ||
        tu_json_parse(&l->arena, tu_buf_str(text), 0, file, &v, NULL, &why) != TU_OK) {
        tu_cli_fail_with(l->cli, why);
        return false;
    }
    l->report = v;
    if (tu_str_is(tu_value_get_string(v, "kind"), "Report"))
        return true;
    tu_cli_fail(l->cli, TU_EXIT_USAGE, "%s is no report: `trueup check --all -o json` writes one",
                file);
    return false;
}

static int run(linter *l) {
    tu_cli *cli = l->cli;
    char *found = cli->argument_count ? NULL : tu_cli_config_path(cli);
    if (!cli->argument_count && !found)
        return TU_EXIT_USAGE;
    tu_kinds *kinds = open_kinds(l);
    tu_buf_add_c(&l->out, cli->json ? "{\"findings\":[" : "");
    if (found)
        look(l, found);
    for (size_t i = 0; i < cli->argument_count; i++)
        tu_cli_each_config(cli->arguments[i], look, l);
    add_counts(l);
    int code = tu_cli_print(cli, &l->out,
                            l->counts[TU_LINT_WARNING] + l->counts[TU_LINT_ERROR] ? TU_EXIT_DRIFT
                                                                                  : TU_EXIT_OK);
    if (l->unreadable)
        code = TU_EXIT_USAGE;
    else if (l->unreachable)
        code = TU_EXIT_UNKNOWN;
    else if (l->configs == 0)
        code = tu_cli_fail(cli, TU_EXIT_USAGE, "there are no documents");
    tu_kinds_close(kinds);
    free(found);
    return code;
}

int tu_command_rules_lint(tu_cli *cli) {
    const tu_clock clock = tu_clock_real();
    linter l = {.cli = cli, .o = {.wall_ms = tu_clock_wall(&clock), .soon_ms = SOON_MS}};
    _cleanup_(tu_buf_done) tu_buf report = TU_BUF_INIT(REPORT_BYTES);
    tu_arena_init(&l.arena, 0);
    tu_buf_init(&l.out, OUTPUT_BYTES);
    tu_terminal_catch_signals(cli);
    int code = read_report(&l, &report) ? run(&l) : TU_EXIT_USAGE;
    tu_terminal_release_signals();
    tu_arena_done(&l.arena);
    tu_buf_done(&l.out);
    free(l.kinds);
    return code;
}
