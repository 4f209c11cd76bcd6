/*
 * fuzz_judge: four lines of JSON: a kind description, a manifest, a live object, a dry run's answer
 * (the last two may be missing). Whatever they hold, there is a verdict; the same twice; and a
 * manifest without mistakes is in sync with itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "compare/judge.h"
#include "value/json.h"

static void require(bool condition) {
    if (!condition)
        abort();
}

static tu_str take_line(tu_str *rest) {
    const char *newline = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    tu_str line = {rest->p, newline ? (size_t)(newline - rest->p) : rest->n};
    size_t taken = line.n + (newline ? 1 : 0);
    *rest = (tu_str){rest->p + taken, rest->n - taken};
    return line;
}

static tu_value *take_json(tu_arena *a, tu_str *rest) {
    tu_value *v = NULL;
    return tu_json_parse(a, take_line(rest), TU_JSON_COPY, NULL, &v, NULL, NULL) == TU_OK ? v
                                                                                          : NULL;
}

static tu_judgement judge(tu_arena *a, const tu_prepared *desired, const tu_value *live,
                          const tu_value *predicted) {
    tu_judge_input in = {
        .desired = desired, .live = live, .predicted = predicted, .our_manager = TU_S("trueup")};
    tu_judgement j;
    require(tu_judge(a, &in, &j, NULL) == TU_OK);
    require(j.verdict == TU_VERDICT_IN_SYNC || j.change_count || j.verdict != TU_VERDICT_DRIFTED);
    require(j.change_count <= TU_LIMIT_CHANGES && j.quiet_count <= TU_LIMIT_CHANGES);
    for (size_t i = 0; i < j.change_count; i++)
        require(j.changes[i].path.p && (j.changes[i].path.n == 0 || j.changes[i].path.p[0] == '/'));
    return j;
}

static void judge_all(tu_arena *a, tu_kind *kind, tu_value *manifest, tu_value *live,
                      tu_value *predicted) {
    _cleanup_(tu_errors_done) tu_errors mistakes = {0};
    tu_object_id id = tu_object_id_of(manifest);
    tu_prepared desired;
    tu_kind_validate(kind, manifest, "fuzz", &mistakes);
    if (tu_prepare(a, kind, manifest, &id, TU_S("fuzz"), &desired, NULL) != TU_OK)
        return;
    if ((live && tu_kind_seal(kind, a, live, NULL)) ||
        (predicted && tu_kind_seal(kind, a, predicted, NULL)))
        return;
    tu_judgement first = judge(a, &desired, live, NULL), second = judge(a, &desired, live, NULL);
    require(first.verdict == second.verdict && first.change_count == second.change_count);
    judge(a, &desired, live, predicted);
    judge(a, &desired, live, live);
    tu_value *metadata = (tu_value *)tu_value_get(manifest, "metadata");
    tu_value_remove(metadata, TU_S("managedFields"));
    tu_value_remove(metadata, TU_S("deletionTimestamp"));
    tu_judgement self = judge(a, &desired, manifest, NULL);
    require(mistakes.n || manifest->type != TU_MAP || self.verdict == TU_VERDICT_IN_SYNC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tu_str rest = {(const char *)data, size};
    tu_kind *kind = NULL;
    tu_arena a;
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    if (tu_kind_compile(take_line(&rest), &kind, NULL) != TU_OK)
        kind = tu_kind_untyped();
    tu_value *manifest = take_json(&a, &rest);
    tu_value *live = take_json(&a, &rest), *predicted = take_json(&a, &rest);
    if (manifest)
        judge_all(&a, kind, manifest, live, predicted);
    tu_kind_unref(kind);
    tu_arena_done(&a);
    return 0;
}
