/*
 * bench_judge: how many objects a second are judged on one core.
 *
 *     TRUEUP_SOURCE_DIR=. bench_judge [CASE...]      folders of tests/corpus, default: typical
 * objects
 *
 * Each case is a live object as a real API server gave it, ownership and all.
 *
 *   T1      its metadata alone is parsed and proved against the baseline of the whole object, whose
 *           status was written since: what a watch or a list of metadata costs. Budget: 100,000/s
 *   judge   judging alone (the object is parsed)
 *   T2      parsing, sealing and judging the whole object, as a list does it. Budget: 20,000/s
 *
 * Columns t1x and t2x say how often the budget (DESIGN section 13) is met.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "compare/baseline.h"
#include "compare/judge.h"
#include "value/json.h"
#include "value/yaml.h"

#define BUDGET_T1 100000.0
#define BUDGET_T2 20000.0
#define ROUND_SECONDS 0.5
#define ROUNDS 3

typedef struct {
    tu_arena arena;
    tu_kind *kind;
    tu_prepared desired;
    tu_buf live;     /* the text */
    tu_buf metadata; /* the text of its metadata alone, with another resourceVersion */
    tu_baseline before;
    tu_judgement judgement;
} subject;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* of one core, whoever else uses the machine */
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

/* As the server sends it when it is asked for PartialObjectMetadata, after a status was written. */
static void load_metadata(subject *s) {
    tu_value *live = NULL, *partial = tu_value_new(&s->arena, TU_MAP);
    require(tu_json_parse(&s->arena, tu_buf_str(&s->live), TU_JSON_COPY, NULL, &live, NULL, NULL),
            "live.json", NULL);
    tu_value *metadata = (tu_value *)tu_value_get(live, "metadata");
    s->before = tu_baseline_of(live, TU_S("trueup"), 1);
    tu_value_set_string(&s->arena, partial, "kind", TU_S("PartialObjectMetadata"));
    tu_value_set_string(&s->arena, partial, "apiVersion", TU_S("meta.k8s.io/v1"));
    tu_value_set_string(&s->arena, metadata, "resourceVersion", TU_S("99999999"));
    tu_value_set(&s->arena, partial, TU_S("metadata"), metadata);
    tu_buf_init(&s->metadata, TU_LIMIT_DOCUMENT_BYTES);
    tu_json_write(&s->metadata, partial, 0);
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
    load_metadata(s);
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

static tu_proof prove(tu_arena *a, subject *s) {
    tu_value *partial = NULL;
    tu_look_reason why;
    require(
        tu_json_parse(a, tu_buf_str(&s->metadata), TU_JSON_NO_LINES, NULL, &partial, NULL, NULL),
        "parse", NULL);
    tu_baseline now = tu_baseline_of(partial, TU_S("trueup"), 1);
    return tu_baseline_compare(&s->before, &now, true, &why);
}

typedef enum { BY_METADATA, BY_JUDGING, BY_ALL } way;

/* Objects a second, the best of some rounds. */
static double measure(subject *s, way w) {
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
                if (w == BY_METADATA)
                    prove(&a, s);
                else
                    judge(&a, s, w == BY_ALL ? parse(&a, s) : live);
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
    static const char *const proofs[] = {"same", "proved", "older", "look"};
    subject s = {0};
    load(&s, name);
    double t1 = measure(&s, BY_METADATA), alone = measure(&s, BY_JUDGING), t2 = measure(&s, BY_ALL);
    tu_arena a;
    tu_arena_init(&a, 0);
    judge(&a, &s, parse(&a, &s));
    printf("%-28s %6zu %-8s %-9s %3zu %5zu %-6s %9.0f %5.1fx %9.0f %9.0f %5.1fx\n", name, s.live.n,
           tu_verdict_name(s.judgement.verdict), tu_confidence_name(s.judgement.confidence),
           s.judgement.change_count, s.judgement.quiet_count, proofs[prove(&a, &s)], t1,
           t1 / BUDGET_T1, alone, t2, t2 / BUDGET_T2);
    tu_arena_done(&a);
    tu_buf_done(&s.live);
    tu_buf_done(&s.metadata);
    tu_kind_unref(s.kind);
    tu_arena_done(&s.arena);
}

int main(int argc, char **argv) {
    static const char *const typical[] = {
        "301-apply-ours", "303-create",           "304-apply-client-side",  "315-edit-sidecar",
        "324-scale",      "042-service-defaults", "015a-string-data-by-us", "335-config-create"};
    printf("%-28s %6s %-8s %-9s %3s %5s %-6s %9s %6s %9s %9s %6s\n", "case", "bytes", "verdict", "",
           "chg", "quiet", "T1", "T1/s", "t1x", "judge/s", "T2/s", "t2x");
    for (int i = 1; i < argc; i++)
        run(argv[i]);
    for (size_t i = 0; argc == 1 && i < sizeof(typical) / sizeof(typical[0]); i++)
        run(typical[i]);
    return 0;
}
