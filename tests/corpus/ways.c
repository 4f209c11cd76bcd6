/*
 * ways.c: one case judged with the dry run's answer, and by its live object alone. See corpus.h.
 *
 * The manifest is loaded as for any rule (core/desired); the judgement is core/engine's own: tu_view_judge, and tu_confirm for the dry run.
 */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "corpus.h"
#include "desired/desired.h"
#include "engine/confirm.h"
#include "engine/view.h"
#include "heal/heal.h"

/* A case opened: its manifest prepared, its live object read and sealed. */
typedef struct opened {
    tu_arena arena;
    const tu_rule *rule;
    tu_plugin_use *target;
    tu_catalogue *catalogue;
    tu_desired_set *set;
    tu_prepared desired;
    const tu_value *live, *predicted;
    tu_finding finding; /* by the live object alone, or what is wrong with the manifest */
    bool suspect, broken;
} opened;

static const tu_call_options plain = {.timeout_ms = 10000};

static void close_case(opened *o) {
    tu_desired_unref(o->set);
    tu_catalogue_unref(o->catalogue);
    tu_arena_done(&o->arena);
}

static tu_rc load(opened *o, tu_session *s, tu_error **error) {
    tu_rc rc = tu_catalogue_discover(o->target, &plain, &o->catalogue, error);
    const tu_desired_input in = {.rule = o->rule,
                                 .source = tu_session_use(s, TU_KIND_SOURCE, o->rule->from),
                                 .catalogue = o->catalogue};
    return rc == TU_OK ? tu_desired_load(&in, &o->set, error) : rc;
}

static tu_rc open_case(opened *o, tu_session *s, const char *name, tu_error **error) {
    memset(o, 0, sizeof *o);
    tu_arena_init(&o->arena, TU_LIMIT_OBJECT_ARENA);
    char rule[300];
    int n = snprintf(rule, sizeof rule, "case-%s", name);
    o->rule = tu_config_rule(s->config, (tu_str){rule, (size_t)n});
    o->target = tu_session_use(s, TU_KIND_TARGET, o->rule->to);
    tu_rc rc = load(o, s, error);
    if (rc != TU_OK)
        return rc;
    if (o->set->problem_count) {
        o->finding = *o->set->problems[0];
        o->broken = true;
        return TU_OK;
    }
    if (o->set->n != 1)
        return tu_error_set(error, TU_EINVALID,
                            "the manifest holds %zu objects: a case is about one", o->set->n);
    rc = tu_desired_open(o->set, 0, &o->arena, &o->desired, error);
    if (rc == TU_OK)
        rc = tu_heal_read(&o->arena, o->target, &o->desired, &plain, NULL, &o->live, error);
    if (rc != TU_OK && rc != TU_ENOTFOUND)
        return rc;
    return tu_view_judge(&o->arena, o->rule, &o->desired, o->live, NULL, &o->finding, &o->suspect,
                         error);
}

/* What the judge lists apart, in the report's words. */
static const tu_value *quiet_of(opened *o, const tu_value *predicted, bool everything,
                                tu_error **error) {
    const tu_judge_input in = {.desired = &o->desired,
                               .live = o->live,
                               .predicted = predicted,
                               .everything = everything,
                               .our_manager = TU_S(TU_FIELD_MANAGER)};
    tu_judgement j = {0};
    if (o->broken || tu_judge(&o->arena, &in, &j, error) != TU_OK)
        return NULL;
    const tu_finding f = {.changes = j.quiet, .change_count = j.quiet_count};
    return tu_value_get(corpus_json_of_finding(&o->arena, &f), "changes");
}

/* What stands in live and nobody holds, each with the note that explains it: default, allocated, admission ... */
static void compare_unowned(const corpus_case *k, opened *o, const tu_value *predicted,
                            tu_buf *differences, tu_error **error) {
    const tu_value *expected = tu_value_path(k->said, "expect", "unowned", NULL);
    const tu_value *all = expected ? quiet_of(o, predicted, true, error) : NULL;
    tu_value *unowned = tu_value_new(&o->arena, TU_LIST);
    for (uint32_t i = 0; unowned && i < tu_value_count(all); i++) {
        const tu_value *c = tu_value_at(all, i);
        if (tu_value_get_string(tu_value_get(c, "owner"), "manager").n == 0 &&
            tu_str_is(tu_value_get_string(c, "change"), "added"))
            tu_value_push(&o->arena, unowned, c);
    }
    if (expected)
        corpus_compare_changes("unowned", expected, unowned, differences);
}

static void confirm(const corpus_case *k, opened *o, tu_buf *differences, tu_error **error) {
    tu_rc rc = TU_OK;
    const tu_value *predicted = NULL;
    if (!o->broken && o->live) {
        if (tu_heal_predict(&o->arena, o->target, &o->desired, o->live, &plain, &predicted, NULL) !=
            TU_OK)
            predicted = NULL;
        rc = tu_confirm(&o->arena, o->rule, o->target, &o->desired, o->live, &plain, &o->finding,
                        error);
    }
    const tu_value *quiet = rc == TU_OK ? quiet_of(o, predicted, false, error) : NULL;
    if (rc == TU_OK)
        corpus_compare(k, tu_value_get(k->said, "expect"),
                       corpus_json_of_finding(&o->arena, &o->finding), quiet, true, differences);
    if (rc == TU_OK)
        compare_unowned(k, o, predicted, differences, error);
}

void corpus_run_confirmed(corpus *c, tu_session *s, size_t i, tu_buf *differences) {
    opened o;
    _cleanup_(tu_error_freep) tu_error *error = NULL;
    if (open_case(&o, s, c->cases[i].name, &error) == TU_OK)
        confirm(&c->cases[i], &o, differences, &error);
    if (error)
        tu_buf_addf(differences, "%s\n", tu_error_text(error));
    close_case(&o);
}

/* Does a dry run leave the object as it is? What moves with every write isn't compared: managedFields, resourceVersion, generation. */
static bool is_left_alone(opened *o, const tu_value *predicted) {
    static const char *const moving[] = {"managedFields", "resourceVersion", "generation"};
    const tu_value *const objects[] = {o->live, predicted};
    tu_value *still[2];
    for (size_t i = 0; i < 2; i++) {
        still[i] = tu_value_copy(&o->arena, objects[i]);
        tu_value *metadata = (tu_value *)(uintptr_t)tu_value_get(still[i], "metadata");
        for (size_t k = 0; k < sizeof moving / sizeof *moving; k++)
            tu_value_remove(metadata, tu_str_c(moving[k]));
    }
    return tu_value_equal(still[0], still[1]);
}

/* The server's own word against what was said for good, whatever the case expects. */
static void ask_the_server(const corpus_case *k, opened *o, tu_buf *differences) {
    const tu_value *predicted = NULL;
    if (o->broken || !o->live || o->suspect ||
        tu_heal_predict(&o->arena, o->target, &o->desired, o->live, &plain, &predicted, NULL) !=
            TU_OK)
        return;
    bool alone = is_left_alone(o, predicted);
    bool harmless = tu_value_get(tu_value_get(k->said, "expect"), "harmless") != NULL;
    if (!alone && !harmless && o->finding.verdict == TU_VERDICT_IN_SYNC)
        tu_buf_add_c(differences, "in sync for good, and the server would change it\n");
    for (size_t i = 0; alone && i < o->finding.change_count; i++) {
        tu_change_kind kind = o->finding.changes[i].kind;
        if (kind == TU_CHANGE_VALUE || kind == TU_CHANGE_REMOVED || kind == TU_CHANGE_ORDER)
            tu_buf_addf(differences,
                        "drifted for good at %.*s, and the server would change nothing\n",
                        TU_P(o->finding.changes[i].path));
    }
}

/* Without a dry run nothing may be said that the dry run takes back, unless it is called suspect; and what isn't suspect is final, so it must
 * have the same changes. */
static void judge_alone(const corpus_case *k, opened *o, tu_buf *differences) {
    const tu_value *expect = tu_value_get(k->said, "expect"),
                   *local = tu_value_get(expect, "local");
    const tu_value *finding = corpus_json_of_finding(&o->arena, &o->finding);
    if (local) {
        const tu_value *suspect = tu_value_get(local, "suspect");
        corpus_compare(k, local, finding, NULL, true, differences);
        if (suspect && tu_value_boolean(suspect, false) != o->suspect)
            tu_buf_addf(differences, "suspect: expected %d, got %d\n", !o->suspect, o->suspect);
        return;
    }
    tu_verdict verdict = o->finding.verdict, expected = TU_VERDICT_UNKNOWN;
    tu_verdict_parse(tu_value_get_string(expect, "verdict"), &expected);
    if (o->finding.confidence == TU_CONFIDENCE_CONFIRMED)
        tu_buf_add_c(differences, "confidence: confirmed, where nobody was asked\n");
    /* A refusal is known only to whom was refused; what can't be determined at all may look like anything. */
    bool refused = expected == TU_VERDICT_BLOCKED || expected == TU_VERDICT_INVALID;
    bool excused =
        o->suspect || expected == TU_VERDICT_UNKNOWN || (refused && verdict == TU_VERDICT_DRIFTED);
    if (verdict != expected && !excused)
        tu_buf_addf(differences, "verdict: expected %s or suspect, got %s for good\n",
                    tu_verdict_name(expected), tu_verdict_name(verdict));
    if (verdict == expected && !o->suspect && tu_value_get(expect, "changes"))
        corpus_compare_changes("changes", tu_value_get(expect, "changes"),
                               tu_value_get(finding, "changes"), differences);
}

void corpus_run_local(corpus *c, tu_session *s, size_t i, tu_buf *differences) {
    opened o;
    _cleanup_(tu_error_freep) tu_error *error = NULL;
    if (open_case(&o, s, c->cases[i].name, &error) == TU_OK) {
        judge_alone(&c->cases[i], &o, differences);
        ask_the_server(&c->cases[i], &o, differences);
    }
    if (error)
        tu_buf_addf(differences, "%s\n", tu_error_text(error));
    close_case(&o);
}
