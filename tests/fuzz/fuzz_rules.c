/*
 * fuzz_rules: whatever rules and findings come, deciding, explaining and linting stay within their
 * memory and agree with each other.
 *
 * The first byte chooses: a configuration as text (what the loader takes is decided, explained and
 * linted), or rules and findings made of the bytes (tests/support/rule_properties.h).
 */
#include "../support/rule_properties.h"

static void require(bool condition) {
    if (!condition)
        abort();
}

static void try_rule(tu_arena *a, const tu_rule *rule, maker *m) {
    maker_finding f;
    tu_change room[MAKER_CHANGES];
    make_finding(m, &f);
    tu_finding d = fresh(&f, room);
    require(tu_decide(a, rule, &f.object, NULL, &f.quiet, f.has_quiet, PROPERTY_NOON, &d, NULL) ==
            TU_OK);
    for (size_t i = 0; i < d.change_count; i++) {
        tu_trials t;
        tu_buf text = TU_BUF_INIT(1 << 20);
        require(tu_decide_explain(a, rule, &f.object, NULL, PROPERTY_NOON, &d, &d.changes[i], false,
                                  &t, NULL) == TU_OK);
        for (size_t k = 0; k < t.n; k++)
            tu_miss_print(&text, t.items[k].entry, t.items[k].miss, &d, &d.changes[i]);
        tu_buf_done(&text);
    }
}

static void try_text(tu_str text, maker *m) {
    tu_errors errors = {0};
    tu_config *c = tu_config_parse("fuzz.yaml", text, &errors);
    tu_errors_done(&errors);
    if (!c)
        return;
    tu_arena a;
    tu_arena_init(&a, 0);
    for (size_t i = 0; i < c->rule_count; i++)
        try_rule(&a, &c->rules[i], m);
    const tu_lint_options o = {.wall_ms = PROPERTY_NOON, .soon_ms = 1000};
    tu_lint_result result = {.arena = &a};
    require(tu_lint(c, &o, &result, NULL) == TU_OK);
    tu_arena_done(&a);
    tu_config_unref(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > 65536)
        return 0;
    maker m = {data + 1, size - 1, 0};
    if (data[0] % 2) {
        const char *fault = check_properties(&m);
        if (fault) {
            fprintf(stderr, "%s\n", fault);
            abort();
        }
    } else {
        try_text((tu_str){(const char *)data + 1, size - 1}, &m);
    }
    return 0;
}
