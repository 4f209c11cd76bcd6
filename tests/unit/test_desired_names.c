/*
 * A desired set that is remembered by names: it knows of its objects what a loaded one knows, reads
 * the source only when one is opened, and is used for nothing but the very same revision.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desired.h"

#include "base/file.h"
#include "base/mem.h"

static const char objects[] =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: shop}\ndata: {colour: blue}\n"
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {colour: red}\n";

static tu_desired_set *load(const test_desired *t, const char *memory, uint64_t config) {
    const tu_desired_input in = {.rule = &t->config->rules[0],
                                 .source = t->source,
                                 .catalogue = t->catalogue,
                                 .memory = memory,
                                 .memory_config = config};
    tu_desired_set *set = NULL;
    tu_error *why = NULL;
    if (tu_desired_load(&in, &set, &why) != TU_OK)
        fail_msg("the set can't be loaded: %s", tu_error_text(why));
    return set;
}

static char *memory_of(const test_desired *t) {
    char path[600];
    snprintf(path, sizeof path, "%s/names", t->folder);
    return tu_xstrdup(path);
}

/* A remembered set has no trees: its objects are told from their names alone. */
static bool is_remembered(const tu_desired_set *s, const test_desired *t) {
    char hidden[600], shown[600];
    snprintf(shown, sizeof shown, "%s/m", t->folder);
    snprintf(hidden, sizeof hidden, "%s/hidden", t->folder);
    assert_int_equal(rename(shown, hidden), 0);
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_prepared p;
    bool opened = tu_desired_open(s, 0, &a, &p, NULL) == TU_OK;
    tu_arena_done(&a);
    assert_int_equal(rename(hidden, shown), 0);
    return !opened;
}

static void assert_same(const tu_desired_set *x, const tu_desired_set *y) {
    assert_int_equal(x->n, y->n);
    for (size_t i = 0; i < x->n; i++) {
        const tu_object_id p = tu_desired_id(x, i), q = tu_desired_id(y, i);
        assert_true(tu_object_id_equal(&p, &q));
        assert_true(tu_str_eq(p.version, q.version));
        assert_int_equal(tu_desired_hash(x, i), tu_desired_hash(y, i));
        assert_int_equal(tu_desired_find(x, &q), i);
        assert_ptr_equal(tu_desired_kind(x, i), tu_desired_kind(y, i));
        const tu_finding f = tu_desired_finding(x, i, TU_VERDICT_MISSING),
                         g = tu_desired_finding(y, i, TU_VERDICT_MISSING);
        assert_true(tu_str_eq(f.file, g.file));
        assert_int_equal(f.line, g.line);
        assert_int_equal(f.column, g.column);
    }
    assert_true(tu_str_eq(x->revision, y->revision));
    assert_int_equal(x->skipped_files, y->skipped_files);
}

static void the_same_revision_is_remembered_and_opened_when_it_is_wanted(void **state) {
    (void)state;
    test_desired t = test_desired_new(false);
    _cleanup_(tu_freep) char *memory = memory_of(&t);
    test_desired_write(&t, "m/a.yaml", objects);
    test_desired_write(&t, "m/notes.yaml", "just: notes\n");
    tu_desired_set *first = load(&t, memory, 7), *again = load(&t, memory, 7);
    assert_false(is_remembered(first, &t));
    assert_true(is_remembered(again, &t));
    assert_same(first, again);
    tu_arena a;
    tu_arena_init(&a, 0);
    for (size_t i = 0; i < first->n; i++) {
        tu_prepared p, q;
        assert_int_equal(tu_desired_open(first, i, &a, &p, NULL), TU_OK);
        assert_int_equal(tu_desired_open(again, i, &a, &q, NULL), TU_OK);
        assert_true(tu_value_equal(p.object, q.object));
        assert_int_equal(p.hash, q.hash);
    }
    tu_arena_done(&a);
    tu_desired_unref(first);
    tu_desired_unref(again);
    test_desired_done(&t);
}

static void another_revision_configuration_or_file_is_not(void **state) {
    (void)state;
    test_desired t = test_desired_new(false);
    _cleanup_(tu_freep) char *memory = memory_of(&t);
    test_desired_write(&t, "m/a.yaml", objects);
    tu_desired_unref(load(&t, memory, 7));
    tu_desired_set *set = load(&t, memory, 8);
    assert_false(is_remembered(set, &t));
    tu_desired_unref(set);
    test_desired_write(&t, "m/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n");
    set = load(&t, memory, 8);
    assert_false(is_remembered(set, &t));
    assert_int_equal(set->n, 1);
    tu_desired_unref(set);
    char *text = test_desired_read(&t, "names"); /* it holds NUL bytes, so this cuts it */
    test_desired_write(&t, "names", text);
    free(text);
    set = load(&t, memory, 8);
    assert_false(is_remembered(set, &t));
    tu_desired_unref(set);
    test_desired_done(&t);
}

/* Problems and notes are told at each check, so a set that has any is loaded each time. */
static void what_has_problems_is_not_kept(void **state) {
    (void)state;
    test_desired t = test_desired_new(false);
    _cleanup_(tu_freep) char *memory = memory_of(&t);
    test_desired_write(&t, "m/a.yaml", objects);
    test_desired_write(&t, "m/broken.yaml",
                       "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x\n");
    tu_desired_unref(load(&t, memory, 7));
    assert_false(tu_file_exists(memory));
    tu_desired_unref(load(&t, memory, 0));
    assert_false(tu_file_exists(memory));
    test_desired_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_revision_is_remembered_and_opened_when_it_is_wanted),
        cmocka_unit_test(another_revision_configuration_or_file_is_not),
        cmocka_unit_test(what_has_problems_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
