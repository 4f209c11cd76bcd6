/*
 * The judge, told by data: every file of tests/unit/data/judge is one case.
 *
 *   {"about": "what must hold, as a sentence",
 *    "kind": "deployment",            a description in tests/unit/data/kinds, or a description
 *                                     itself; absent: untyped
 *    "desired": {...} | "yaml text",  as it stands in Git
 *    "live": {...} | null,            as the target answers
 *    "predicted": {...},              as a dry run answers; may be absent
 *    "input": {"known_uid", "completed", "everything"},         may be absent, as its members may
 *    "expect": {"verdict": "drifted", "confidence": "observed", "suspect": true,
 *               "reason": "its stable word", "onset": "2026-01-02T03:04:05Z",
 *               "changes": [{"path", "change", "desired", "live", "line", "manager", "class",
 *                            "note": "its stable word"}],
 *               "quiet": [the same], "doubts": [the same]}}
 *
 * Of a change only what the case names is compared; "changes" itself is exact in number and order,
 * as is "quiet" where it is named.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "compare/judge.h"
#include "value/json.h"
#include "value/yaml.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MOST_CASES 1000

typedef struct {
    tu_arena arena;
    tu_value *document; /* the case */
    tu_kind *kind;
    tu_prepared desired;
    tu_judgement judgement;
    char path[1024];
} test_case;

static const char *data_dir(void) {
    const char *source = getenv("TRUEUP_SOURCE_DIR");
    static char path[512];
    snprintf(path, sizeof(path), "%s/tests/unit/data", source ? source : ".");
    return path;
}

static tu_value *read_json(tu_arena *a, const char *path) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    _cleanup_(tu_error_freep) tu_error *error = NULL;
    tu_value *v = NULL;
    if (tu_file_read(path, TU_LIMIT_DOCUMENT_BYTES, &text, &error) ||
        tu_json_parse(a, tu_buf_str(&text), TU_JSON_COPY, path, &v, NULL, &error))
        fail_msg("%s: %s (line %lld)", path, tu_error_text(error),
                 (long long)(error ? error->line : 0));
    return v;
}

static tu_kind *read_kind(test_case *c, const tu_value *described) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_DESCRIPTION_BYTES);
    _cleanup_(tu_error_freep) tu_error *error = NULL;
    tu_kind *kind = NULL;
    if (!described)
        return tu_kind_untyped();
    if (described->type == TU_STRING) {
        char path[600];
        snprintf(path, sizeof(path), "%s/kinds/%.*s.json", data_dir(), TU_P(described->string));
        described = read_json(&c->arena, path);
    }
    tu_json_write(&text, described, 0);
    if (tu_kind_compile(tu_buf_str(&text), &kind, &error))
        fail_msg("%s: %s", c->path, tu_error_text(error));
    return kind;
}

/* The desired object: JSON as it stands in the case, or YAML in a string, which has lines of its
 * own. */
static tu_value *read_desired(test_case *c) {
    tu_value *v = (tu_value *)tu_value_get(c->document, "desired");
    _cleanup_(tu_error_freep) tu_error *error = NULL;
    if (!tu_value_is(v, TU_STRING))
        return v;
    tu_yaml_part part = {.text = v->string, .line = 1};
    if (tu_yaml_parse(&c->arena, part, TU_YAML_KUBERNETES, "desired.yaml", &v, &error))
        fail_msg("%s: %s", c->path, tu_error_text(error));
    return v;
}

static void read_input(test_case *c, tu_judge_input *ret) {
    const tu_value *input = tu_value_get(c->document, "input");
    ret->known_uid = tu_value_get_string(input, "known_uid");
    ret->completed = tu_value_boolean(tu_value_get(input, "completed"), false);
    ret->everything = tu_value_boolean(tu_value_get(input, "everything"), false);
}

static void judge(test_case *c) {
    _cleanup_(tu_error_freep) tu_error *error = NULL;
    c->kind = read_kind(c, tu_value_get(c->document, "kind"));
    tu_value *desired = read_desired(c);
    tu_object_id id = tu_object_id_of(desired);
    if (tu_prepare(&c->arena, c->kind, desired, &id, TU_S("desired.yaml"), &c->desired, &error))
        fail_msg("%s: %s", c->path, tu_error_text(error));
    tu_value *live = (tu_value *)tu_value_get(c->document, "live");
    tu_value *predicted = (tu_value *)tu_value_get(c->document, "predicted");
    if ((live && tu_kind_seal(c->kind, &c->arena, live, &error)) ||
        (predicted && tu_kind_seal(c->kind, &c->arena, predicted, &error)))
        fail_msg("%s: %s", c->path, tu_error_text(error));
    tu_judge_input in = {
        .desired = &c->desired, .predicted = predicted, .our_manager = TU_S("trueup")};
    read_input(c, &in);
    in.live = tu_value_is(live, TU_MAP) ? live : NULL;
    if (tu_judge(&c->arena, &in, &c->judgement, &error))
        fail_msg("%s: %s", c->path, tu_error_text(error));
}

static void print_value(tu_buf *b, const char *name, const tu_value *v) {
    if (v) {
        tu_buf_addf(b, " %s=", name);
        tu_json_write(b, v, TU_JSON_SORTED);
    }
}

static void print_changes(tu_buf *b, const char *title, const tu_change *changes, size_t n) {
    tu_buf_addf(b, "  %s:\n", title);
    for (size_t i = 0; i < n; i++) {
        const tu_change *c = &changes[i];
        tu_buf_addf(b, "    %s %.*s", tu_change_name(c->kind), TU_P(c->path));
        print_value(b, "desired", c->desired);
        print_value(b, "live", c->live);
        tu_buf_addf(b, " line=%u manager=%.*s class=%s\n", (unsigned)c->line,
                    TU_P(c->owner.manager), tu_manager_class_name(c->owner.class_));
    }
}

static void complain(test_case *c, const char *what) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_MIB);
    const tu_judgement *j = &c->judgement;
    tu_buf_addf(&b, "  verdict %s, confidence %s, suspect %d, reason %.*s\n",
                tu_verdict_name(j->verdict), tu_confidence_name(j->confidence), j->suspect,
                TU_P(j->reason));
    print_changes(&b, "changes", j->changes, j->change_count);
    print_changes(&b, "quiet", j->quiet, j->quiet_count);
    fail_msg("%s: %.*s: %s\n%s", c->path, TU_P(tu_value_get_string(c->document, "about")), what,
             tu_buf_c(&b));
}

static void expect_word(test_case *c, const tu_value *expect, const char *member, const char *got) {
    const tu_value *v = tu_value_get(expect, member);
    char what[128];
    snprintf(what, sizeof(what), "%s differs", member);
    if (v && !tu_str_is(tu_value_string(v), got))
        complain(c, what);
}

/* A sealed value is compared as it is printed. */
static bool shows(const tu_value *expected, const tu_value *got) {
    if (expected->type == TU_NULL)
        return got == NULL || got->type == TU_NULL;
    if (got && got->type == TU_SEALED)
        return tu_str_is(tu_value_string(expected), "<sealed>");
    _cleanup_(tu_buf_done) tu_buf a = TU_BUF_INIT(TU_MIB);
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_MIB);
    tu_json_write(&a, expected, TU_JSON_SORTED);
    if (got)
        tu_json_write(&b, got, TU_JSON_SORTED);
    return tu_str_eq(tu_buf_str(&a), tu_buf_str(&b));
}

/* The stable word before the colon, or all of it where the case says all of it. */
static void expect_said(test_case *c, const tu_value *expect, const char *member, tu_str got) {
    const tu_value *v = tu_value_get(expect, member);
    tu_str wanted = tu_value_string(v);
    char what[128];
    snprintf(what, sizeof(what), "%s differs: %.*s", member, TU_P(got));
    bool word = got.n > wanted.n && got.p[wanted.n] == ':' && wanted.n &&
                memcmp(got.p, wanted.p, wanted.n) == 0;
    if (v && !word && !tu_str_eq(wanted, got))
        complain(c, what);
}

static void expect_change(test_case *c, const tu_value *expected, const tu_change *got) {
    const tu_value *desired = tu_value_get(expected, "desired"),
                   *live = tu_value_get(expected, "live");
    expect_word(c, expected, "change", tu_change_name(got->kind));
    expect_word(c, expected, "class", tu_manager_class_name(got->owner.class_));
    if (!tu_str_eq(tu_value_get_string(expected, "path"), got->path))
        complain(c, "a path differs");
    if (tu_value_get(expected, "manager") &&
        !tu_str_eq(tu_value_get_string(expected, "manager"), got->owner.manager))
        complain(c, "a manager differs");
    if ((desired && !shows(desired, got->desired)) || (live && !shows(live, got->live)))
        complain(c, "a value differs");
    expect_said(c, expected, "note", got->note);
    int64_t line = tu_value_integer(tu_value_get(expected, "line"), -1);
    if (line >= 0 && line != got->line)
        complain(c, "a line differs");
}

static void expect_changes(test_case *c, const tu_value *expected, const tu_change *got, size_t n) {
    if (!expected)
        return;
    if (tu_value_count(expected) != n)
        complain(c, "the number of changes differs");
    for (size_t i = 0; i < n; i++)
        expect_change(c, tu_value_at(expected, i), &got[i]);
}

/* However little memory there is, judging ends, and says so or says the same as before. */
static void judge_without_memory(test_case *c) {
    tu_value *live = (tu_value *)tu_value_get(c->document, "live");
    tu_judge_input in = {.desired = &c->desired, .our_manager = TU_S("trueup")};
    in.live = tu_value_is(live, TU_MAP) ? live : NULL;
    in.predicted = tu_value_get(c->document, "predicted");
    read_input(c, &in);
    tu_rc rc = TU_EINTERNAL;
    for (size_t room = 16; rc != TU_OK && room < 64 * TU_MIB; room += room / 16 + 16) {
        tu_arena small;
        tu_judgement j;
        _cleanup_(tu_error_freep) tu_error *error = NULL;
        tu_arena_init(&small, room);
        rc = tu_judge(&small, &in, &j, &error);
        assert_true(rc == TU_EINTERNAL ? error != NULL
                                       : rc == TU_OK && j.verdict == c->judgement.verdict);
        tu_arena_done(&small);
    }
    assert_int_equal(rc, TU_OK);
    for (size_t n = 1; n < 40; n++) {
        tu_arena a;
        tu_judgement j;
        tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
        tu_mem_fail_after(n);
        rc = tu_judge(&a, &in, &j, NULL);
        tu_mem_fail_after(0);
        assert_true(rc == TU_EINTERNAL || (rc == TU_OK && j.verdict == c->judgement.verdict));
        tu_arena_done(&a);
    }
}

static void run_case(void **state) {
    test_case *c = *state;
    tu_arena_init(&c->arena, TU_LIMIT_OBJECT_ARENA);
    c->document = read_json(&c->arena, c->path);
    judge(c);
    const tu_value *expect = tu_value_get(c->document, "expect");
    const tu_judgement *j = &c->judgement;
    expect_word(c, expect, "verdict", tu_verdict_name(j->verdict));
    expect_word(c, expect, "confidence", tu_confidence_name(j->confidence));
    expect_said(c, expect, "reason", j->reason);
    expect_said(c, expect, "onset", j->onset);
    expect_changes(c, tu_value_get(expect, "doubts"), j->doubts, j->doubt_count);
    const tu_value *suspect = tu_value_get(expect, "suspect");
    if (suspect && tu_value_boolean(suspect, false) != j->suspect)
        complain(c, "suspect differs");
    expect_changes(c, tu_value_get(expect, "changes"), j->changes, j->change_count);
    expect_changes(c, tu_value_get(expect, "quiet"), j->quiet, j->quiet_count);
    judge_without_memory(c);
}

static int close_case(void **state) {
    test_case *c = *state;
    tu_kind_unref(c->kind);
    tu_arena_done(&c->arena);
    return 0;
}

static int only_json(const struct dirent *e) {
    size_t n = strlen(e->d_name);
    return n > 5 && strcmp(e->d_name + n - 5, ".json") == 0;
}

int main(void) {
    static struct CMUnitTest tests[MOST_CASES];
    static test_case cases[MOST_CASES];
    char folder[600];
    struct dirent **names = NULL;
    snprintf(folder, sizeof(folder), "%s/judge", data_dir());
    int n = scandir(folder, &names, only_json, alphasort);
    if (n <= 0 || n > MOST_CASES) {
        fprintf(stderr, "no cases in %s\n", folder);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        snprintf(cases[i].path, sizeof(cases[i].path), "%s/%s", folder, names[i]->d_name);
        tests[i] = (struct CMUnitTest){.name = strrchr(cases[i].path, '/') + 1,
                                       .test_func = run_case,
                                       .teardown_func = close_case,
                                       .initial_state = &cases[i]};
        free(names[i]);
    }
    free(names);
    return _cmocka_run_group_tests("the judge", tests, (size_t)n, NULL, NULL);
}
