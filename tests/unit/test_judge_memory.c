/*
 * Every allocation of compiling a kind, preparing a manifest and judging fails once: nothing leaks
 * (the sanitizers look), nothing is half made, and no verdict is another one for want of memory.
 *
 * The cases of tests/unit/data/judge, judged with everything that can be asked for. An arena asks for
 * memory in large pieces, so its limit is moved too: then each of its own allocations is the last one.
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
#include <string.h>

#include <cmocka.h>

typedef struct {
    tu_arena arena;
    const tu_value *document;
    tu_buf kind; /* the description */
    char name[64];
} subject;

static bool read_file(const char *folder, const char *name, tu_buf *ret) {
    const char *source = getenv("TRUEUP_SOURCE_DIR");
    char path[1024];
    snprintf(path, sizeof(path), "%s/tests/unit/data/%s/%s.json", source ? source : ".", folder,
             name);
    return tu_file_read(path, TU_LIMIT_DESCRIPTION_BYTES, ret, NULL) == TU_OK;
}

static void open_case(subject *s, const char *name) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_value *document = NULL;
    assert_true(read_file("judge", name, &text));
    tu_arena_init(&s->arena, 0);
    assert_int_equal(
        tu_json_parse(&s->arena, tu_buf_str(&text), TU_JSON_COPY, NULL, &document, NULL, NULL),
        TU_OK);
    s->document = document;
    snprintf(s->name, sizeof(s->name), "%s", name);
    tu_buf_init(&s->kind, TU_LIMIT_DESCRIPTION_BYTES);
    const tu_value *kind = tu_value_get(document, "kind");
    char file[64];
    snprintf(file, sizeof(file), "%.*s", TU_P(tu_value_string(kind)));
    if (tu_value_is(kind, TU_STRING))
        assert_true(read_file("kinds", file, &s->kind));
    else if (kind)
        tu_json_write(&s->kind, kind, 0);
    else
        tu_buf_add_c(&s->kind, "{\"types\":[{\"type\":\"any\"}]}");
}

static void close_case(subject *s) {
    tu_buf_done(&s->kind);
    tu_arena_done(&s->arena);
}

static tu_value *manifest_of(const subject *s, tu_arena *a) {
    const tu_value *desired = tu_value_get(s->document, "desired");
    tu_value *v = NULL;
    if (!tu_value_is(desired, TU_STRING))
        return tu_value_copy(a, desired);
    tu_yaml_part part = {.text = desired->string, .line = 1};
    assert_int_equal(tu_yaml_parse(a, part, TU_YAML_KUBERNETES, "desired.yaml", &v, NULL), TU_OK);
    return v;
}

static void compile_without_memory(tu_str description) {
    size_t made = 1;
    for (size_t n = 1; made >= n; n++) {
        tu_kind *kind = NULL;
        _cleanup_(tu_error_freep) tu_error *error = NULL;
        tu_mem_fail_after(n);
        tu_rc rc = tu_kind_compile(description, &kind, &error);
        made = tu_mem_fail_after(0);
        assert_true(rc == TU_OK ? kind && !error : rc == TU_EINTERNAL && !kind && error);
        if (made >= n)
            assert_int_equal(rc, TU_EINTERNAL);
        tu_kind_unref(kind);
    }
}

/* One preparation, with so much room in the arena beyond the manifest and so many allocations. */
static tu_rc prepare_once(const subject *s, tu_kind *kind, size_t room, size_t allocations,
                          size_t *ret_made, uint64_t expected) {
    _cleanup_(tu_error_freep) tu_error *error = NULL;
    tu_prepared p = {0};
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_value *manifest = manifest_of(s, &a);
    tu_object_id id = tu_object_id_of(manifest);
    a.max = room ? a.used + room : 0;
    tu_mem_fail_after(allocations);
    tu_rc rc = tu_prepare(&a, kind, manifest, &id, TU_S("desired.yaml"), &p, &error);
    *ret_made = tu_mem_fail_after(0);
    if (rc == TU_OK)
        assert_true(p.hash == expected && p.fields);
    else
        assert_true(rc == TU_EINTERNAL && error && !p.fields);
    tu_arena_done(&a);
    return rc;
}

static void prepare_without_memory(const subject *s, tu_kind *kind, uint64_t hash) {
    size_t made = 1;
    tu_rc rc = TU_EINTERNAL;
    for (size_t n = 1; made >= n; n++)
        prepare_once(s, kind, 0, n, &made, hash);
    for (size_t room = 1; rc != TU_OK; room += 1 + room / 8)
        rc = prepare_once(s, kind, room, 0, &made, hash);
}

static bool same_judgement(const tu_judgement *x, const tu_judgement *y) {
    bool same = x->verdict == y->verdict && x->confidence == y->confidence &&
                x->change_count == y->change_count && x->quiet_count == y->quiet_count &&
                x->doubt_count == y->doubt_count && x->suspect == y->suspect &&
                tu_str_eq(x->reason, y->reason) && tu_str_eq(x->onset, y->onset);
    for (size_t i = 0; same && i < x->change_count; i++)
        same = tu_str_eq(x->changes[i].path, y->changes[i].path) &&
               tu_str_eq(x->changes[i].note, y->changes[i].note);
    return same;
}

static void judge_without_memory(const subject *s, const tu_judge_input *in) {
    tu_judgement expected, got;
    tu_arena whole;
    tu_arena_init(&whole, 0);
    assert_int_equal(tu_judge(&whole, in, &expected, NULL), TU_OK);
    tu_rc rc = TU_EINTERNAL;
    for (size_t room = 1; rc != TU_OK; room += 1 + room / 32) {
        tu_arena small;
        tu_arena_init(&small, room);
        rc = tu_judge(&small, in, &got, NULL);
        assert_true(rc == TU_EINTERNAL || rc == TU_OK);
        if (rc == TU_OK && !same_judgement(&expected, &got))
            fail_msg("%s: another judgement with %zu bytes", s->name, room);
        tu_arena_done(&small);
    }
    size_t made = 1;
    for (size_t n = 1; made >= n; n++) {
        tu_arena a;
        tu_arena_init(&a, 0);
        tu_mem_fail_after(n);
        rc = tu_judge(&a, in, &got, NULL);
        made = tu_mem_fail_after(0);
        assert_true(rc == TU_EINTERNAL || rc == TU_OK);
        if (rc == TU_OK && !same_judgement(&expected, &got))
            fail_msg("%s: another judgement when allocation %zu fails", s->name, n);
        tu_arena_done(&a);
    }
    tu_arena_done(&whole);
}

static void run_case(const subject *s) {
    tu_kind *kind = NULL;
    tu_prepared desired;
    tu_arena a;
    tu_arena_init(&a, 0);
    if (s->kind.n < 4 * TU_KIB) /* the large ones are tried once each, below */
        compile_without_memory(tu_buf_str(&s->kind));
    assert_int_equal(tu_kind_compile(tu_buf_str(&s->kind), &kind, NULL), TU_OK);
    tu_value *manifest = manifest_of(s, &a);
    tu_object_id id = tu_object_id_of(manifest);
    assert_int_equal(tu_prepare(&a, kind, manifest, &id, TU_S("desired.yaml"), &desired, NULL),
                     TU_OK);
    prepare_without_memory(s, kind, desired.hash);
    tu_value *live = (tu_value *)tu_value_get(s->document, "live");
    if (!tu_value_is(live, TU_MAP))
        live = tu_value_new(&a, TU_MAP);
    assert_int_equal(tu_kind_seal(kind, &a, live, NULL), TU_OK);
    tu_judge_input in = {.desired = &desired,
                         .live = live,
                         .our_manager = TU_S("trueup"),
                         .known_uid = TU_S("another"),
                         .everything = true};
    judge_without_memory(s, &in);
    in.known_uid = (tu_str){0};
    judge_without_memory(s, &in);
    in.predicted = live;
    judge_without_memory(s, &in);
    tu_kind_unref(kind);
    tu_arena_done(&a);
}

typedef void (*visitor)(const char *name);

static void each(const char *folder, visitor visit) {
    const char *source = getenv("TRUEUP_SOURCE_DIR");
    char path[512], name[256];
    snprintf(path, sizeof(path), "%s/tests/unit/data/%s", source ? source : ".", folder);
    DIR *d = opendir(path);
    assert_non_null(d);
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        const char *end = strstr(e->d_name, ".json");
        if (!end)
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)(end - e->d_name), e->d_name);
        visit(name);
        n++;
    }
    closedir(d);
    assert_true(n > 5);
}

static void visit_case(const char *name) {
    subject s = {0};
    open_case(&s, name);
    run_case(&s);
    close_case(&s);
}

static void visit_kind(const char *name) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_DESCRIPTION_BYTES);
    assert_true(read_file("kinds", name, &text));
    compile_without_memory(tu_buf_str(&text));
}

static void a_judgement_is_the_same_or_none_when_memory_runs_out(void **state) {
    (void)state;
    each("judge", visit_case);
}

static void a_kind_is_compiled_or_not_there_when_memory_runs_out(void **state) {
    (void)state;
    each("kinds", visit_kind);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_judgement_is_the_same_or_none_when_memory_runs_out),
        cmocka_unit_test(a_kind_is_compiled_or_not_there_when_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
