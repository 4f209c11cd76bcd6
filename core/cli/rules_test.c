/*
 * cli/rules_test.c: `trueup rules test`: runs the cases written beside rules, offline.
 *
 * A file is a configuration, and so is every folder that holds documents: `rules test rules` finds
 * the packs below. What differs is told with the place of the expectation.
 */
#include "base/clock.h"
#include "cli/cases.h"
#include "engine/kinds.h"
#include "heal/heal.h"

typedef struct tester {
    tu_cases cases;
    tu_kinds *kinds; /* NULL: the table isn't there, and kinds are untyped */
    tu_arena arena;
} tester;

static tu_kind *describe(void *arg, const tu_object_id *id) {
    tester *t = arg;
    return t->kinds ? tu_kinds_find(t->kinds, id) : NULL;
}

static void run_cases(tester *t, const tu_config *c) {
    const tu_clock clock = tu_clock_real();
    const tu_test_options o = {.our_manager = TU_S(TU_FIELD_MANAGER),
                               .wall_ms = tu_clock_wall(&clock),
                               .describe = describe,
                               .arg = t};
    tu_test_results results;
    tu_error *why = NULL;
    t->cases.documents += c->test_count;
    tu_arena_reset(&t->arena);
    if (tu_rule_test_run(&t->arena, c, &o, &results, &why) != TU_OK) {
        tu_cli_fail_with(t->cases.cli, why);
        t->cases.unreadable = true;
        return;
    }
    for (size_t i = 0; i < results.n; i++)
        tu_cases_add(&t->cases, &results.items[i]);
    for (size_t i = 0; i < results.untried_count; i++) {
        const tu_entry *e = results.untried[i];
        tu_cases_note(&t->cases, e->place, "no case comes to '%.*s'", TU_P(e->name));
    }
}

static void run_config(void *arg, const char *path) {
    tester *t = arg;
    tu_errors errors = {0};
    tu_config *c = tu_config_load(path, &errors);
    if (c)
        run_cases(t, c);
    else
        tu_cli_fail_all(t->cases.cli, &errors, TU_EXIT_USAGE);
    t->cases.unreadable |= !c;
    tu_errors_done(&errors);
    tu_config_unref(c);
}

int tu_command_rules_test(tu_cli *cli) {
    tester t = {0};
    tu_errors errors = {0};
    int code = tu_cases_begin(&t.cases, cli, "trueup rules test");
    if (code >= 0)
        return code;
    if (tu_kinds_open(&t.kinds, &errors) != TU_OK)
        tu_cli_note(cli, "note: no kind is known, so lists are compared whole: %s",
                    tu_error_text(errors.n ? errors.items[0] : NULL));
    tu_errors_done(&errors);
    tu_arena_init(&t.arena, 0);
    tu_cases_each(&t.cases, run_config, &t);
    code = tu_cases_end(&t.cases, "RuleTest", "the rules");
    tu_kinds_close(t.kinds);
    tu_arena_done(&t.arena);
    return code;
}
