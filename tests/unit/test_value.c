/* The value tree: numbers, equality, builders, copies, seals, and every allocation made to fail
 * once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "value/value.h"

#define COUNT(t) (sizeof(t) / sizeof *(t))

static tu_arena arena;

static int setup(void **state) {
    (void)state;
    tu_arena_init(&arena, 0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    tu_arena_done(&arena);
    return 0;
}

static tu_value number(const char *text) {
    return (tu_value){.type = TU_NUMBER, .string = tu_str_c(text)};
}

static tu_value integer(int64_t i) {
    return (tu_value){.type = TU_INTEGER, .integer = i};
}

static tu_value string(const char *s) {
    return (tu_value){.type = TU_STRING, .string = tu_str_c(s)};
}

static void numbers_compare_as_decimals(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        int order;
    } cases[] = {
        {"1", "1.0", 0},
        {"1", "1e0", 0},
        {"1", "10e-1", 0},
        {"1", "0.1E+1", 0},
        {"100", "1e2", 0},
        {"1.50", "15e-1", 0},
        {"0", "-0", 0},
        {"0", "0.000", 0},
        {"0", "0e99", 0},
        {"-0.0e5", "0", 0},
        {"0.001", "1e-3", 0},
        {"0.0010", "0.001", 0},
        {"1", "2", -1},
        {"-1", "1", -1},
        {"-2", "-1", -1},
        {"10", "9", 1},
        {"0.1", "0.09", 1},
        {"1.25", "1.3", -1},
        {"12.3", "1.23", 1},
        {"123", "12.3", 1},
        {"12", "1.21", 1},
        {"1.2", "1.21", -1},
        {"9007199254740993", "9007199254740992", 1},
        {"9223372036854775808", "9223372036854775807", 1},
        {"9223372036854775807.0", "9223372036854775807", 0},
        {"0.1", "0.1000000000000000055511151231257827", -1},
        {"1e999999999", "2e999999999", -1},
        {"1e999999999", "1e1000000000", -1},
        {"1e-999999999", "0", 1},
        {"-1e999999999", "1e-999999999", -1},
        {"1e99999999999999999999", "1e99999999999999999999", 0},
        {"1e99999999999999999999", "1e5", 1},
        {"1e-99999999999999999999", "1e5", -1},
        {"10e999999998", "1e999999999", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        tu_value a = number(cases[i].a), b = number(cases[i].b);
        int order = tu_number_compare(&a, &b), back = tu_number_compare(&b, &a);
        if (order != cases[i].order || back != -cases[i].order)
            fail_msg("%s against %s gives %d and %d", cases[i].a, cases[i].b, order, back);
        if (order == 0 && tu_value_hash(&a) != tu_value_hash(&b))
            fail_msg("%s and %s have different hashes", cases[i].a, cases[i].b);
        assert_int_equal(tu_value_equal(&a, &b), order == 0);
    }
}

static void integers_equal_numbers_of_the_same_value(void **state) {
    (void)state;
    static const struct {
        int64_t i;
        const char *text;
    } cases[] = {{1, "1.0"},
                 {1, "1e0"},
                 {0, "-0.0"},
                 {-7, "-7.0"},
                 {1000000, "1e6"},
                 {INT64_MIN, "-9223372036854775808.0"},
                 {INT64_MAX, "9.223372036854775807e18"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        tu_value a = integer(cases[i].i), b = number(cases[i].text);
        if (!tu_value_equal(&a, &b) || tu_value_hash(&a) != tu_value_hash(&b))
            fail_msg("%lld and %s", (long long)cases[i].i, cases[i].text);
    }
    tu_value one = integer(1), text = string("1"), yes = {.type = TU_BOOL, .boolean = true};
    assert_false(tu_value_equal(&one, &text));
    assert_false(tu_value_equal(&one, &yes));
    assert_false(tu_value_equal(&one, NULL));
    assert_true(tu_value_equal(NULL, NULL));
}

/* {"k0": 0, "k1": 1, ...} from first, upwards or downwards */
static tu_value *numbered_map(size_t n, bool downwards) {
    tu_value *map = tu_value_new(&arena, TU_MAP);
    for (size_t i = 0; i < n; i++) {
        size_t k = downwards ? n - 1 - i : i;
        assert_non_null(
            tu_value_set_integer(&arena, map, tu_arena_printf(&arena, "k%zu", k), (int64_t)k));
    }
    return map;
}

static void maps_are_equal_in_any_order(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 31, 33, 1000};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        tu_value *a = numbered_map(sizes[i], false), *b = numbered_map(sizes[i], true);
        assert_int_equal(tu_value_count(a), sizes[i]);
        assert_true(tu_value_equal(a, b));
        assert_int_equal(tu_value_hash(a), tu_value_hash(b));
        if (sizes[i] == 0)
            continue;
        tu_value_set_integer(&arena, b, "k0", 99);
        assert_int_equal(tu_value_count(b), sizes[i]);
        assert_false(tu_value_equal(a, b));
        assert_int_not_equal(tu_value_hash(a), tu_value_hash(b));
        tu_value_remove(b, TU_S("k0"));
        tu_value_set_integer(&arena, b, "other", 0);
        assert_false(tu_value_equal(a, b));
    }
}

static void lists_are_equal_in_order_only(void **state) {
    (void)state;
    tu_value *a = tu_value_new(&arena, TU_LIST), *b = tu_value_new(&arena, TU_LIST);
    tu_value one = integer(1), two = integer(2);
    tu_value_push(&arena, a, &one);
    tu_value_push(&arena, a, &two);
    tu_value_push(&arena, b, &two);
    tu_value_push(&arena, b, &one);
    assert_false(tu_value_equal(a, b));
    assert_int_not_equal(tu_value_hash(a), tu_value_hash(b));
    tu_value_push(&arena, a, &one);
    assert_false(tu_value_equal(a, b));
}

static void lookups_take_what_is_not_there(void **state) {
    (void)state;
    tu_value text = string("x");
    assert_null(tu_value_get(NULL, "a"));
    assert_null(tu_value_get(&text, "a"));
    assert_null(tu_value_at(&text, 0));
    assert_null(tu_value_path(&text, "a", "b", NULL));
    assert_int_equal(tu_value_count(NULL), 0);
    assert_int_equal(tu_value_string(NULL).n, 0);
    assert_int_equal(tu_value_integer(&text, 7), 7);
    assert_true(tu_value_boolean(NULL, true));
    assert_string_equal(tu_type_name(TU_SEALED), "sealed");

    tu_value *outer = tu_value_new(&arena, TU_MAP), *inner = tu_value_new(&arena, TU_MAP);
    tu_value_set_string(&arena, inner, "name", TU_S("cart"));
    tu_value_set(&arena, outer, TU_S("metadata"), inner);
    assert_true(tu_str_is(tu_value_string(tu_value_path(outer, "metadata", "name", NULL)), "cart"));
    assert_null(tu_value_path(outer, "metadata", "labels", "a", NULL));
    assert_null(tu_value_set(&arena, outer, TU_S("x"), NULL));
    assert_null(tu_value_set(&arena, &text, TU_S("x"), outer));
}

static void removal_keeps_the_order_of_the_others(void **state) {
    (void)state;
    tu_value *map = numbered_map(4, false);
    assert_true(tu_value_remove(map, TU_S("k1")));
    assert_false(tu_value_remove(map, TU_S("k1")));
    assert_int_equal(map->map.n, 3);
    assert_true(tu_str_is(map->map.members[0].key, "k0"));
    assert_true(tu_str_is(map->map.members[1].key, "k2"));
    assert_true(tu_str_is(map->map.members[2].key, "k3"));
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%d", i);
        tu_value_set(&arena, map, tu_arena_copy(&arena, tu_str_c(key)),
                     map); /* shares what it points to */
        tu_value_remove(map, TU_S("k3"));
    }
    assert_int_equal(map->map.n, 102);
}

/* A parsed map has no spare room; what a shallow copy and its original append must not meet. */
static void builders_never_write_into_foreign_arrays(void **state) {
    (void)state;
    tu_member members[3] = {{.key = TU_S("a")}, {.key = TU_S("b")}, {.key = TU_S("guard")}};
    tu_value map = {.type = TU_MAP, .map = {members, 2}};
    tu_value_set_integer(&arena, &map, "c", 3);
    assert_true(tu_str_is(members[2].key, "guard"));

    tu_value *original = numbered_map(5, false), *holder = tu_value_new(&arena, TU_MAP);
    tu_value *copy = tu_value_set(&arena, holder, TU_S("copy"), original);
    tu_value_set_integer(&arena, copy, "of the copy", 1);
    tu_value_set_integer(&arena, original, "of the original", 2);
    assert_non_null(tu_value_get(copy, "of the copy"));
    assert_null(tu_value_get(copy, "of the original"));
    assert_non_null(tu_value_get(original, "of the original"));
    assert_null(tu_value_get(original, "of the copy"));
}

static tu_value *sample(void) {
    tu_value *map = tu_value_new(&arena, TU_MAP), *list = tu_value_new(&arena, TU_LIST);
    tu_value pi = number("3.14159265358979323846"), nothing = {.type = TU_NULL},
             secret = string("hunter2");
    assert_int_equal(tu_value_seal(&arena, &secret, (tu_str){0}, NULL), TU_OK);
    tu_value_push(&arena, list, &pi);
    tu_value_push(&arena, list, &nothing);
    tu_value_push(&arena, list, &secret);
    tu_value_set_string(&arena, map, "name", TU_S("cart"));
    tu_value_set_boolean(&arena, map, "on", true);
    tu_value_set_integer(&arena, map, "n", INT64_MIN);
    tu_value_set(&arena, map, TU_S("list"), list);
    tu_value_set(&arena, map, TU_S("empty"), tu_value_new(&arena, TU_LIST));
    return map;
}

static void a_deep_copy_survives_its_original(void **state) {
    (void)state;
    tu_arena other;
    tu_arena_init(&other, 0);
    tu_value *copy = tu_value_copy(&other, sample());
    tu_arena_reset(&arena);
    memset(tu_arena_alloc(&arena, 4000), 0x55, 4000);
    assert_non_null(copy);
    assert_true(tu_str_is(tu_value_get_string(copy, "name"), "cart"));
    assert_int_equal(tu_value_integer(tu_value_get(copy, "n"), 0), INT64_MIN);
    const tu_value *secret = tu_value_at(tu_value_get(copy, "list"), 2);
    assert_true(tu_value_is(secret, TU_SEALED));
    assert_true(tu_str_is(secret->sealed->bytes, "\"hunter2\""));
    tu_value_set_integer(&other, copy, "added", 1);
    assert_int_equal(tu_value_count(copy), 6);
    assert_null(tu_value_copy(&other, NULL));
    tu_arena_done(&other);
}

static void a_copy_fails_whole_at_every_allocation(void **state) {
    (void)state;
    tu_value *big = tu_value_new(&arena, TU_LIST);
    for (int i = 0; i < 400; i++)
        tu_value_push(&arena, big, sample());
    for (size_t n = 1;; n++) {
        tu_arena other;
        tu_arena_init(&other, 0);
        tu_mem_fail_after(n);
        tu_value *copy = tu_value_copy(&other, big);
        size_t made = tu_mem_fail_after(0);
        bool equal = copy && tu_value_equal(copy, big);
        tu_arena_done(&other);
        if (made < n) {
            assert_true(equal);
            assert_true(n > 3);
            break;
        }
        assert_null(copy);
    }
}

static void builders_fail_whole_at_every_allocation(void **state) {
    (void)state;
    for (size_t n = 1;; n++) {
        tu_arena other;
        tu_arena_init(&other, 0);
        tu_mem_fail_after(n);
        tu_value *map = tu_value_new(&other, TU_MAP);
        bool failed = map == NULL;
        for (int i = 0; map && i < 300 && !failed; i++) {
            char *key = tu_arena_printf(&other, "k%d", i);
            failed = key == NULL || tu_value_set(&other, map, tu_str_c(key),
                                                 tu_value_new_integer(&other, i)) == NULL;
            if (failed)
                assert_int_equal(map->map.n, i);
        }
        size_t made = tu_mem_fail_after(0);
        tu_arena_done(&other);
        assert_int_equal(failed, made >= n);
        if (!failed)
            break;
    }
}

static void equal_values_have_equal_seals(void **state) {
    (void)state;
    tu_value a = string("hunter2"), b = string("hunter2"), c = string("hunter3"), n = integer(3),
             s = string("3");
    tu_value *all[] = {&a, &b, &c, &n, &s};
    for (size_t i = 0; i < COUNT(all); i++)
        assert_int_equal(tu_value_seal(&arena, all[i], (tu_str){0}, NULL), TU_OK);
    assert_true(tu_value_equal(&a, &b));
    assert_int_equal(tu_value_hash(&a), tu_value_hash(&b));
    assert_false(tu_value_equal(&a, &c));
    assert_false(tu_value_equal(&n, &s));
    assert_int_equal(n.sealed->type, TU_INTEGER);
    assert_int_equal(tu_value_string(&a).n, 0); /* no ordinary lookup gives it away */
    assert_null(memmem(a.sealed->digest, sizeof a.sealed->digest, "hunter2", 7));
    uint8_t before[16];
    memcpy(before, a.sealed->digest, 16);
    assert_int_equal(tu_value_seal(&arena, &a, (tu_str){0}, NULL),
                     TU_OK); /* again changes nothing */
    assert_memory_equal(before, a.sealed->digest, 16);
    tu_value open = string("hunter2");
    assert_false(tu_value_equal(&a, &open));
}

static void canonical_bytes_make_two_spellings_equal(void **state) {
    (void)state;
    tu_value a = string("Zm9v"), b = string("Zm 9v"), c = string("foo");
    assert_int_equal(tu_value_seal(&arena, &a, TU_S("foo"), NULL), TU_OK);
    assert_int_equal(tu_value_seal(&arena, &b, TU_S("foo"), NULL), TU_OK);
    assert_int_equal(tu_value_seal(&arena, &c, (tu_str){0}, NULL), TU_OK);
    assert_true(tu_value_equal(&a, &b));
    assert_false(tu_value_equal(&a, &c));
    assert_true(tu_str_is(b.sealed->bytes, "\"Zm 9v\""));
}

static void sealing_a_map_seals_every_scalar_below(void **state) {
    (void)state;
    tu_value *map = sample();
    assert_int_equal(tu_value_seal(&arena, map, (tu_str){0}, NULL), TU_OK);
    assert_true(tu_value_is(map, TU_MAP));
    for (uint32_t i = 0; i < map->map.n; i++) {
        const tu_value *v = &map->map.members[i].value;
        for (size_t k = 0; k < tu_value_count(v); k++)
            assert_true(tu_value_is(tu_value_at(v, k), TU_SEALED));
        assert_true(v->type == TU_SEALED || v->type == TU_LIST);
    }
}

static void sealing_fails_closed_without_memory(void **state) {
    (void)state;
    for (size_t n = 1;; n++) {
        tu_arena small;
        tu_arena_init(&small, 0);
        tu_value v = string("hunter2");
        tu_error *error = NULL;
        tu_mem_fail_after(n);
        tu_rc rc = tu_value_seal(&small, &v, (tu_str){0}, &error);
        size_t made = tu_mem_fail_after(0);
        tu_arena_done(&small);
        tu_error_free(error);
        if (made < n) {
            assert_int_equal(rc, TU_OK);
            break;
        }
        assert_int_equal(rc, TU_EINTERNAL);
        assert_int_equal(v.type, TU_STRING);
    }
}

static void *seal_one(void *digest) {
    tu_arena own;
    tu_arena_init(&own, 0);
    tu_value v = string("hunter2");
    if (tu_value_seal(&own, &v, (tu_str){0}, NULL) == TU_OK)
        memcpy(digest, v.sealed->digest, 16);
    tu_arena_done(&own);
    return NULL;
}

static void all_threads_seal_with_one_key(void **state) {
    (void)state;
    pthread_t threads[8];
    uint8_t digests[8][16] = {{0}};
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, seal_one, digests[i]), 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < 8; i++)
        assert_memory_equal(digests[0], digests[i], 16);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_threads_seal_with_one_key), /* first: the key isn't made yet */
        TEST(numbers_compare_as_decimals),
        TEST(integers_equal_numbers_of_the_same_value),
        TEST(maps_are_equal_in_any_order),
        TEST(lists_are_equal_in_order_only),
        TEST(lookups_take_what_is_not_there),
        TEST(removal_keeps_the_order_of_the_others),
        TEST(builders_never_write_into_foreign_arrays),
        TEST(a_deep_copy_survives_its_original),
        TEST(a_copy_fails_whole_at_every_allocation),
        TEST(builders_fail_whole_at_every_allocation),
        TEST(equal_values_have_equal_seals),
        TEST(canonical_bytes_make_two_spellings_equal),
        TEST(sealing_a_map_seals_every_scalar_below),
        TEST(sealing_fails_closed_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
