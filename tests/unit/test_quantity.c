/* compare/quantity: numbers as the server reads them (tests/corpus/vectors/quantities.json). */
#include "base/str.h"
#include "compare/quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "vectors.h"

static tu_quantity parse(const char *text) {
    tu_quantity q;
    if (!tu_quantity_parse(tu_str_c(text), &q))
        fail_msg("'%s' is a quantity", text);
    return q;
}

static tu_arena arena;
static const tu_value *vectors;

static int read_vectors(void **state) {
    (void)state;
    tu_arena_init(&arena, 0);
    vectors = test_vectors_read(&arena, "quantities.json");
    return 0;
}

static int forget_vectors(void **state) {
    (void)state;
    tu_arena_done(&arena);
    return 0;
}

static const char *text_at(const tu_value *list, size_t i) {
    static char texts[2][256];
    char *room = texts[i % 2];
    tu_str s = tu_value_string(tu_value_at(list, i));
    snprintf(room, sizeof texts[0], "%.*s", TU_P(s));
    return room;
}

/* What the server made of a quantity is the same number; what it refused is none. */
static void quantities_are_read_as_the_server_reads_them(void **state) {
    (void)state;
    const tu_value *cases = tu_value_get(vectors, "cases");
    assert_true(tu_value_count(cases) >= 60);
    for (size_t i = 0; i < tu_value_count(cases); i++) {
        tu_str text = tu_value_get_string(tu_value_at(cases, i), "text");
        const tu_value *field = tu_value_path(tu_value_at(cases, i), "recorded", "field", NULL);
        tu_quantity a, b;
        if (tu_quantity_parse(text, &a) != tu_value_is(field, TU_STRING))
            fail_msg("'%.*s' is %s", TU_P(text), field->type == TU_STRING ? "a quantity" : "none");
        if (field->type != TU_STRING)
            continue;
        assert_true(tu_quantity_parse(field->string, &b));
        if (tu_quantity_compare(&a, &b) != 0)
            fail_msg("%.*s is %.*s", TU_P(text), TU_P(field->string));
    }
}

/* In a list of resources the server rounds up to a thousandth, and no further. */
static void resources_are_never_rounded_by_a_thousandth_or_more(void **state) {
    (void)state;
    const tu_value *cases = tu_value_get(vectors, "cases");
    for (size_t i = 0; i < tu_value_count(cases); i++) {
        const tu_value *c = tu_value_at(cases, i);
        const tu_value *resource = tu_value_path(c, "recorded", "resource", NULL);
        tu_quantity a, b;
        if (!tu_value_is(resource, TU_STRING))
            continue;
        assert_true(tu_quantity_parse(tu_value_get_string(c, "text"), &a));
        assert_true(tu_quantity_parse(resource->string, &b));
        if (tu_quantity_compare(&a, &b) > 0)
            fail_msg("%.*s is not more than %.*s", TU_P(tu_value_get_string(c, "text")),
                     TU_P(resource->string));
    }
}

static void spellings_of_one_number_are_equal(void **state) {
    (void)state;
    const tu_value *equal = tu_value_get(vectors, "equal");
    assert_true(tu_value_count(equal) >= 20);
    for (size_t i = 0; i < tu_value_count(equal); i++) {
        const tu_value *pair = tu_value_at(equal, i);
        tu_quantity a = parse(text_at(pair, 0)), b = parse(text_at(pair, 1));
        if (tu_quantity_compare(&a, &b) != 0)
            fail_msg("%s is %s", text_at(pair, 0), text_at(pair, 1));
    }
}

static void different_numbers_are_ordered(void **state) {
    (void)state;
    const tu_value *ascending = tu_value_get(vectors, "ascending");
    assert_true(tu_value_count(ascending) >= 20);
    for (size_t i = 0; i < tu_value_count(ascending); i++) {
        for (size_t j = 0; j < tu_value_count(ascending); j++) {
            tu_quantity a = parse(text_at(ascending, i)), b = parse(text_at(ascending, j));
            int order = tu_quantity_compare(&a, &b);
            if ((order > 0) - (order < 0) != (i > j) - (i < j))
                fail_msg("number %zu against number %zu", i, j);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_are_read_as_the_server_reads_them),
        cmocka_unit_test(resources_are_never_rounded_by_a_thousandth_or_more),
        cmocka_unit_test(spellings_of_one_number_are_equal),
        cmocka_unit_test(different_numbers_are_ordered),
    };
    return cmocka_run_group_tests_name("quantities", tests, read_vectors, forget_vectors);
}
