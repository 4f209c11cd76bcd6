/*
 * bench_rules: what deciding costs: a thousand entries asked about ten thousand changes, none of which
 * matches before the last, which is the worst that can be.
 */
#include "base/mem.h"
#include "rules/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ENTRIES 1000
#define CHANGES 10000

/* "#" in the match is the entry's number. */
static tu_config *make_rule(const char *match) {
    tu_buf b = TU_BUF_INIT(64 << 20);
    tu_errors errors = {0};
    tu_buf_add_c(&b, "{apiVersion: trueup.dev/v1, kind: Source, metadata: {name: s}, "
                     "spec: {plugin: git}}\n---\n"
                     "{apiVersion: trueup.dev/v1, kind: Target, metadata: {name: t}, "
                     "spec: {plugin: git}}\n---\n"
                     "apiVersion: trueup.dev/v1\nkind: Rule\nmetadata: {name: r}\n"
                     "spec:\n  from: s\n  to: t\n  drift:\n");
    for (int i = 0; i < ENTRIES; i++) {
        const char *number = strchr(match, '#');
        tu_buf_addf(&b, "    - {name: \"%d\", action: ignore, reason: x, match: {%.*s%d%s}}\n", i,
                    (int)(number - match), match, i, number + 1);
    }
    tu_config *c = tu_config_parse("bench.yaml", tu_buf_str(&b), &errors);
    if (!c) {
        fprintf(stderr, "%s\n", tu_error_text(errors.items[0]));
        exit(1);
    }
    tu_errors_done(&errors);
    tu_buf_done(&b);
    return c;
}

static void run(const char *what, const char *match, size_t changes_each) {
    tu_config *c = make_rule(match);
    tu_change *changes = tu_xcalloc(changes_each, sizeof *changes);
    tu_arena a;
    tu_arena_init(&a, 0);
    for (size_t i = 0; i < changes_each; i++) {
        changes[i].path = TU_S("/spec/template/spec/containers/[name=app]/env/[name=LEVEL]/value");
        changes[i].owner = (tu_owner){.manager = TU_S("kubectl-edit"), .class_ = TU_MANAGER_HUMAN};
    }
    clock_t begin = clock(); /* the CPU's time: the machine may have other work */
    for (size_t i = 0; i < CHANGES / changes_each; i++) {
        tu_finding f = {
            .verdict = TU_VERDICT_DRIFTED,
            .changes = changes,
            .change_count = changes_each,
            .id = {TU_S("apps"), TU_S("v1"), TU_S("Deployment"), TU_S("shop"), TU_S("cart")}};
        if (tu_decide(&a, &c->rules[0], NULL, NULL, NULL, 0, 1767355200000, &f, NULL))
            exit(1);
        tu_arena_reset(&a);
    }
    double ms = (double)(clock() - begin) * 1000 / CLOCKS_PER_SEC;
    printf("%-44s %6.0f ms, %5.1f ns a question\n", what, ms,
           ms * 1e6 / ((double)ENTRIES * CHANGES));
    tu_arena_done(&a);
    tu_config_unref(c);
    free(changes);
}

int main(void) {
    printf("%d entries, %d changes\n", ENTRIES, CHANGES);
    run("another kind", "kinds: [Kind#]", 1);
    run("another name, by pattern", "names: [\"*-#\"]", 1);
    run("another path, plain", "kinds: [Deployment], paths: [/spec/template/spec/volumes/#]", 1);
    run("another path, with ** and an item", "paths: [\"/spec/**/containers/[name=app-#]/image\"]",
        1);
    run("another manager", "paths: [/spec], managers: [manager-#]", 1);
    run("another manager, 1000 changes an object", "paths: [/spec], managers: [manager-#]", 1000);
    return 0;
}
