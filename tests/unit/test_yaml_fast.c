/*
 * The reader of plain YAML (value/yaml_fast.h): what manifests look like is read by it
 * (data/yaml/fast.txt), what isn't plain or isn't right is left to libyaml (declined.txt), and
 * whatever it reads, of all the cases that there are, libyaml reads as the same tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cases.h"
#include "trees.h"
#include "value/yaml.h"
#include "value/yaml_compose.h"
#include "value/yaml_fast.h"

/* Whether the fast reader took it; fails the test where libyaml reads something else. */
static bool is_fast(const char *file, const test_case *c, tu_yaml_part part,
                    tu_yaml_reading reading) {
    tu_arena a;
    tu_value *fast = NULL, *slow = NULL;
    tu_arena_init(&a, 0);
    bool taken = tu_yaml_fast(&a, part, reading, &fast) == TU_YAML_FAST_READ;
    if (taken) {
        if (tu_yaml_compose(&a, part, reading, NULL, &slow, NULL) != TU_OK)
            fail_msg("%s:%u: libyaml refuses it", file, c->line);
        if (!fast != !slow || (fast && !test_trees_are_same(fast, slow)))
            fail_msg("%s:%u: libyaml reads something else", file, c->line);
    }
    tu_arena_done(&a);
    return taken;
}

/* How many of the documents in the first parts of a file's cases were taken, of how many. */
static size_t count_fast(const char *file, size_t *ret_documents) {
    char path[128];
    snprintf(path, sizeof path, "tests/unit/data/yaml/%s", file);
    test_cases all = test_cases_read(path);
    size_t fast = 0;
    *ret_documents = 0;
    for (size_t i = 0; i < all.n; i++) {
        tu_yaml_split s = tu_yaml_split_begin(all.items[i].parts[0]);
        for (tu_yaml_part part; tu_yaml_split_next(&s, &part); ++*ret_documents) {
            fast += is_fast(file, &all.items[i], part, TU_YAML_KUBERNETES);
            is_fast(file, &all.items[i], part, TU_YAML_STRICT);
        }
    }
    test_cases_done(&all);
    return fast;
}

static void manifests_are_read_without_libyaml(void **state) {
    (void)state;
    size_t documents;
    size_t fast = count_fast("fast.txt", &documents);
    assert_true(documents >= 9);
    assert_int_equal(fast, documents);
}

static void what_is_not_plain_or_not_right_is_left_to_libyaml(void **state) {
    (void)state;
    test_cases all = test_cases_read("tests/unit/data/yaml/declined.txt");
    for (size_t i = 0; i < all.n; i++) {
        tu_yaml_part part = {.text = all.items[i].parts[0], .line = 1};
        if (is_fast("declined.txt", &all.items[i], part, TU_YAML_KUBERNETES))
            fail_msg("declined.txt:%u was taken", all.items[i].line);
    }
    test_cases_done(&all);
}

static void whatever_it_reads_is_what_libyaml_reads(void **state) {
    (void)state;
    static const char *const files[] = {"kubernetes.txt", "strict.txt", "spans.txt", "errors.txt"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t documents;
        assert_true(count_fast(files[i], &documents) <= documents);
    }
}

static void nesting_beyond_the_limit_is_left_to_libyaml(void **state) {
    (void)state;
    const test_case deep = {.line = 1};
    for (unsigned depth = TU_LIMIT_DEPTH; depth <= TU_LIMIT_DEPTH + 1; depth++) {
        _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_MIB);
        for (unsigned i = 0; i < depth; i++)
            tu_buf_addf(&text, "%*sa:\n", (int)i, "");
        const tu_yaml_part part = {.text = tu_buf_str(&text), .line = 1};
        assert_int_equal(is_fast("deep", &deep, part, TU_YAML_STRICT), depth == TU_LIMIT_DEPTH);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manifests_are_read_without_libyaml),
        cmocka_unit_test(what_is_not_plain_or_not_right_is_left_to_libyaml),
        cmocka_unit_test(whatever_it_reads_is_what_libyaml_reads),
        cmocka_unit_test(nesting_beyond_the_limit_is_left_to_libyaml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
