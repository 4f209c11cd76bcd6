/*
 * main.c: runs the conformance corpus.
 *
 *     test_corpus [--way confirmed|local|engine] [CASE...]        CASE: the beginning of a folder's name (025, 024a)
 *
 * Prints what differs, one table for all, and what can't be recorded with its reason. Cases that are known to fail stand in known-failures,
 * one "CASE WAY" a line: they don't fail the run as long as they fail, and do when they pass. Ends with 1 when something is not as it should be.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "corpus.h"
#include "engine/engine.h"

typedef struct run {
    corpus c;
    tu_buf *differences[WAY_COUNT]; /* of each case */
    tu_buf known;                   /* known-failures */
    size_t passed, failed, excused, repaired;
} run;

static bool is_known(const run *r, const char *name, corpus_way way) {
    char line[400];
    snprintf(line, sizeof line, "\n%s %s", name, corpus_way_names[way]);
    for (const char *p = tu_buf_c(&r->known); (p = strstr(p, line)); p++)
        if (strchr(" \n", p[strlen(line)]))
            return true;
    return false;
}

static void count(run *r, size_t i, corpus_way way) {
    const char *name = r->c.cases[i].name, *text = tu_buf_c(&r->differences[way][i]);
    bool known = is_known(r, name, way);
    if (!*text && !known) {
        r->passed++;
    } else if (!*text) {
        printf("%s  %s: it passes: take it out of known-failures\n", name, corpus_way_names[way]);
        r->repaired++;
    } else {
        printf("%s  %s%s  (%.*s)\n", name, corpus_way_names[way], known ? "  (known)" : "",
               TU_P(tu_value_get_string(r->c.cases[i].said, "about")));
        for (const char *end; *text; text = *end ? end + 1 : end) {
            end = strchrnul(text, '\n');
            printf("    %.*s\n", (int)(end - text), text);
        }
        if (known)
            r->excused++;
        else
            r->failed++;
    }
}

/* For the judge everything has happened; the engine begins before. */
static void set_stage(const run *r, bool happened) {
    char path[600];
    snprintf(path, sizeof path, "%s/stage/go", r->c.scratch);
    if (happened)
        tu_file_write(path, TU_S("go\n"), 0644, NULL);
    else
        unlink(path);
}

static bool judge(run *r, const bool *ways) {
    tu_errors errors = {0};
    tu_config *config = tu_engine_load_config(r->c.judge_config, &errors);
    tu_session *s = NULL;
    if (!config || tu_session_open(config, NULL, true, &s, &errors) != TU_OK) {
        for (size_t i = 0; i < errors.n; i++)
            fprintf(stderr, "%s:%lld: %s\n", errors.items[i]->file ? errors.items[i]->file : "",
                    (long long)errors.items[i]->line, tu_error_text(errors.items[i]));
        tu_errors_done(&errors);
        tu_config_unref(config);
        return false;
    }
    set_stage(r, true);
    for (size_t i = 0; i < r->c.n; i++) {
        if (corpus_has_run(&r->c.cases[i]) && ways[WAY_CONFIRMED])
            corpus_run_confirmed(&r->c, s, i, &r->differences[WAY_CONFIRMED][i]);
        if (corpus_has_run(&r->c.cases[i]) && ways[WAY_LOCAL])
            corpus_run_local(&r->c, s, i, &r->differences[WAY_LOCAL][i]);
    }
    set_stage(r, false);
    tu_session_close(s);
    tu_config_unref(config);
    tu_errors_done(&errors);
    return true;
}

static bool run_all(run *r, const bool *ways) {
    char program[600];
    const char *build = getenv("TRUEUP_BUILD_DIR");
    snprintf(program, sizeof program, "%s/trueup", build ? build : "build/dev");
    for (int way = 0; way < WAY_COUNT; way++) {
        r->differences[way] = calloc(r->c.n, sizeof(tu_buf));
        for (size_t i = 0; i < r->c.n; i++)
            tu_buf_init(&r->differences[way][i], TU_MIB);
    }
    bool fine = (!ways[WAY_CONFIRMED] && !ways[WAY_LOCAL]) || judge(r, ways);
    for (size_t i = 0; i < r->c.n; i++)
        r->c.cases[i].excused = is_known(r, r->c.cases[i].name, WAY_ENGINE);
    if (ways[WAY_ENGINE])
        fine = corpus_run_engine(&r->c, program, r->differences[WAY_ENGINE]) && fine;
    return fine;
}

static int report(run *r, const bool *ways, bool fine) {
    size_t recorded = 0, missing = 0;
    for (size_t i = 0; i < r->c.n; i++) {
        const corpus_case *k = &r->c.cases[i];
        recorded += corpus_has_run(k);
        missing += !k->unrecordable && !corpus_has_run(k);
        if (k->unrecordable)
            printf("%s  not recorded: %.*s\n", k->name,
                   TU_P(tu_value_get_string(k->said, "unrecordable")));
        for (int way = 0; way < WAY_COUNT; way++)
            if (corpus_has_run(k) && ways[way])
                count(r, i, (corpus_way)way);
    }
    printf("%zu cases, %zu not recorded: %zu passed, %zu failed, %zu known to fail, %zu to take "
           "out of known-failures\n",
           r->c.n, r->c.n - recorded, r->passed, r->failed, r->excused, r->repaired);
    return fine && r->failed == 0 && r->repaired == 0 && missing == 0 && recorded > 0 ? 0 : 1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static bool read_options(int argc, char **argv, bool *ways, const char **names, size_t *n) {
    for (int i = 0; i < WAY_COUNT; i++)
        ways[i] = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--way") != 0) {
            names[(*n)++] = argv[i];
            continue;
        }
        bool found = false;
        for (int way = 0; i + 1 < argc && way < WAY_COUNT; way++)
            found |= ways[way] = strcmp(argv[i + 1], corpus_way_names[way]) == 0;
        if (!found) {
            fprintf(stderr, "usage: test_corpus [--way confirmed|local|engine] [CASE...]\n");
            return false;
        }
        i++;
    }
    return true;
}

int main(int argc, char **argv) {
    bool ways[WAY_COUNT];
    const char **names = calloc((size_t)argc, sizeof *names);
    size_t n = 0;
    const char *source = getenv("TRUEUP_SOURCE_DIR");
    char scratch[] = "/tmp/trueup-corpus-XXXXXX";
    if (!read_options(argc, argv, ways, names, &n) || !mkdtemp(scratch))
        return 2;
    tu_log_setup(TU_LOG_TEXT, TU_LOG_ERROR, false);
    run r = {.known = TU_BUF_INIT(TU_MIB)};
    char *root = tu_path_join(source ? source : ".", "tests/corpus"),
         *known = tu_path_join(root, "known-failures");
    tu_buf_add_c(&r.known, "\n");
    if (tu_file_exists(known))
        tu_file_read(known, TU_MIB, &r.known, NULL);
    int code = 2;
    if (corpus_load(&r.c, root, scratch, names, n))
        code = report(&r, ways, run_all(&r, ways));
    for (int way = 0; way < WAY_COUNT; way++) {
        for (size_t i = 0; r.differences[way] && i < r.c.n; i++)
            tu_buf_done(&r.differences[way][i]);
        free(r.differences[way]);
    }
    if (!getenv("CORPUS_KEEP")) /* to look at the service's log and what it asked of its targets */
        nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    else
        printf("kept: %s\n", scratch);
    tu_buf_done(&r.known);
    tu_arena_done(&r.c.arena);
    free(r.c.cases);
    free(root);
    free(known);
    free(names);
    return code;
}
