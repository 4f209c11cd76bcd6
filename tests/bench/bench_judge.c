/*
 * bench_judge: how many objects a second are judged on one core.
 *
 *     TRUEUP_SOURCE_DIR=. bench_judge [CASE...]      folders of tests/corpus, default: typical
 * objects
 *
 * Each case is a live object as a real API server gave it, ownership and all. Rows: judging alone
 * (the objects are parsed); parsing, sealing and judging, as a list does it; and how much of the
 * budget of 20,000 objects a second that is (DESIGN section 13).
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "compare/judge.h"
#include "value/json.h"
#include "value/yaml.h"

#define BUDGET 20000.0
#define ROUND_SECONDS 0.5
#define ROUNDS 3

typedef struct {
    tu_arena arena;
    tu_kind *kind;
    tu_prepared desired;
    tu_buf live; /* the text */
    tu_judgement judgement;
} subject;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void require(tu_rc rc, const char *what, tu_error *error) {
    if (rc == TU_OK)
        return;
    fprintf(stderr, "bench_judge: %s: %s\n", what, tu_error_text(error));
    exit(1);
}

/* tests/FOLDER/NAME SUFFIX, as text. */
static void read_text(tu_buf *text, const char *folder, const char *name, const char *suffix) {
    const char *source = getenv("TRUEUP_SOURCE_DIR");
    char path[1024];
    tu_error *error = NULL;
    snprintf(path, sizeof(path), "%s/tests/%s/%s%s", source ? source : ".", folder, name, suffix);
    tu_buf_init(text, TU_LIMIT_DOCUMENT_BYTES);
    require(tu_file_read(path, TU_LIMIT_DOCUMENT_BYTES, text, &error), path, error);
}

static void load(subject *s, const char *name) {
    tu_error *error = NULL;
    tu_value *manifest = NULL;
    _cleanup_(tu_buf_done) tu_buf desired, description;
    tu_arena_init(&s->arena, 0);
    read_text(&desired, "corpus", name, "/desired.yaml");
    read_text(&s->live, "corpus", name, "/live.json");
    tu_yaml_part part = {.text = tu_arena_copy(&s->arena, tu_buf_str(&desired)), .line = 1};
    require(tu_yaml_parse(&s->arena, part, TU_YAML_KUBERNETES, name, &manifest, &error), name,
            error);
    tu_object_id id = tu_object_id_of(manifest);
    char kind[128];
    snprintf(kind, sizeof(kind), "%.*s", TU_P(id.kind));
    for (char *p = kind; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    read_text(&description, "unit/data/kinds", kind, ".json");
    require(tu_kind_compile(tu_buf_str(&description), &s->kind, &error), kind, error);
    require(tu_prepare(&s->arena, s->kind, manifest, &id, TU_S("x"), &s->desired, &error), name,
            error);
}

static void judge(tu_arena *a, subject *s, const tu_value *live) {
    tu_judge_input in = {.desired = &s->desired, .live = live, .our_manager = TU_S("trueup")};
    require(tu_judge(a, &in, &s->judgement, NULL), "judge", NULL);
}

static tu_value *parse(tu_arena *a, subject *s) {
    tu_value *live = NULL;
    require(tu_json_parse(a, tu_buf_str(&s->live), TU_JSON_NO_LINES, NULL, &live, NULL, NULL),
            "parse", NULL);
    require(tu_kind_seal(s->kind, a, live, NULL), "seal", NULL);
    return live;
}

/* Objects a second, the best of some rounds. */
static double measure(subject *s, bool parsing) {
    tu_arena kept, a;
    double best = 0;
    tu_arena_init(&kept, 0);
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    const tu_value *live = parse(&kept, s);
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = 0;
        double begin = now(), elapsed = 0;
        while (elapsed < ROUND_SECONDS) {
            for (int i = 0; i < 100; i++, n++) {
                judge(&a, s, parsing ? parse(&a, s) : live);
                tu_arena_reset(&a);
            }
            elapsed = now() - begin;
        }
        best = (double)n / elapsed > best ? (double)n / elapsed : best;
    }
    tu_arena_done(&a);
    tu_arena_done(&kept);
    return best;
}

static void run(const char *name) {
    subject s = {0};
    load(&s, name);
    double alone = measure(&s, false), whole = measure(&s, true);
    tu_arena a;
    tu_arena_init(&a, 0);
    judge(&a, &s, parse(&a, &s));
    printf("%-36s %6zu %-10s %-9s %3zu %5zu %11.0f %14.0f %9.1f %7.1fx\n", name, s.live.n,
           tu_verdict_name(s.judgement.verdict), tu_confidence_name(s.judgement.confidence),
           s.judgement.change_count, s.judgement.quiet_count, alone, whole,
           whole * (double)s.live.n / 1e6, whole / BUDGET);
    tu_arena_done(&a);
    tu_buf_done(&s.live);
    tu_kind_unref(s.kind);
    tu_arena_done(&s.arena);
}

int main(int argc, char **argv) {
    static const char *const typical[] = {
        "301-apply-ours", "303-create",           "304-apply-client-side",  "315-edit-sidecar",
        "324-scale",      "042-service-defaults", "015a-string-data-by-us", "335-config-create"};
    printf("%-36s %6s %-10s %-9s %3s %5s %11s %14s %9s %8s\n", "case", "bytes", "verdict", "",
           "chg", "quiet", "judge/s", "parse+judge/s", "MB/s", "budget");
    for (int i = 1; i < argc; i++)
        run(argv[i]);
    for (size_t i = 0; argc == 1 && i < sizeof(typical) / sizeof(typical[0]); i++)
        run(typical[i]);
    return 0;
}
