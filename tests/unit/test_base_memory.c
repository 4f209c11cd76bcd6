/* Arenas and buffers: alignment, limits, reuse, and every allocation made to fail once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

static void an_arena_gives_aligned_memory_that_does_not_overlap(void **state) {
    (void)state;
    tu_arena a;
    tu_arena_init(&a, 0);
    unsigned char *pieces[500];
    for (size_t i = 0; i < 500; i++) {
        pieces[i] = tu_arena_alloc(&a, i * 7);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)(i & 255), i * 7);
    }
    for (size_t i = 0; i < 500; i++)
        for (size_t k = 0; k < i * 7; k++)
            assert_int_equal(pieces[i][k], i & 255);
    tu_arena_done(&a);
}

static void an_arena_refuses_more_than_its_limit(void **state) {
    (void)state;
    tu_arena a;
    tu_arena_init(&a, 100);
    assert_non_null(tu_arena_alloc(&a, 64));
    assert_null(tu_arena_alloc(&a, 64));
    assert_non_null(tu_arena_alloc(&a, 32)); /* what still fits is given */
    assert_null(tu_arena_alloc(&a, SIZE_MAX));
    assert_null(tu_arena_alloc(&a, SIZE_MAX - 20));
    tu_arena_reset(&a);
    assert_non_null(tu_arena_alloc(&a, 64)); /* the limit is per round */
    tu_arena_done(&a);
    assert_non_null(tu_arena_alloc(&a, 1)); /* done leaves a usable, empty arena */
    tu_arena_done(&a);
}

static void a_reset_arena_reuses_its_largest_chunk(void **state) {
    (void)state;
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_arena_alloc(&a, 10);
    tu_arena_alloc(&a, 100000);
    tu_arena_alloc(&a, 5);
    tu_arena_reset(&a);
    tu_mem_fail_after(0);
    assert_non_null(tu_arena_alloc(&a, 90000));
    assert_int_equal(tu_mem_fail_after(0), 0); /* no allocation was made */
    tu_arena_done(&a);
}

static void an_arena_copies_and_formats(void **state) {
    (void)state;
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_str copy = tu_arena_copy(&a, TU_S("cart"));
    assert_string_equal(copy.p, "cart");
    tu_str empty = tu_arena_copy(&a, (tu_str){0});
    assert_non_null(empty.p);
    assert_int_equal(empty.n, 0);
    assert_string_equal(tu_arena_printf(&a, "%s has %d", "cart", 3), "cart has 3");
    char *zeroes = tu_arena_zalloc(&a, 33);
    for (int i = 0; i < 33; i++)
        assert_int_equal(zeroes[i], 0);
    tu_arena_done(&a);
}

static void an_arena_survives_a_failed_allocation(void **state) {
    (void)state;
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_mem_fail_after(1);
    assert_null(tu_arena_alloc(&a, 10));
    assert_int_equal(tu_mem_fail_after(0), 1);
    char *kept = tu_arena_alloc(&a, 4);
    memcpy(kept, "abc", 4);
    tu_mem_fail_after(1);
    assert_null(tu_arena_copy(&a, (tu_str){"", SIZE_MAX - 1}).p);
    assert_null(tu_arena_zalloc(&a, 1 << 20));
    tu_mem_fail_after(0);
    assert_string_equal(kept, "abc");
    assert_non_null(tu_arena_alloc(&a, 1 << 20));
    tu_arena_done(&a);
}

static void a_buffer_takes_text_in_pieces(void **state) {
    (void)state;
    tu_buf b = TU_BUF_INIT(100);
    assert_string_equal(tu_buf_c(&b), "");
    assert_int_equal(tu_buf_str(&b).n, 0);
    tu_buf_add(&b, TU_S("one"));
    tu_buf_add(&b, (tu_str){0});
    tu_buf_add_c(&b, " two");
    tu_buf_add_byte(&b, ' ');
    tu_buf_addf(&b, "%s %d", "three", 4);
    assert_string_equal(tu_buf_c(&b), "one two three 4");
    tu_buf_consume(&b, 4);
    assert_string_equal(tu_buf_c(&b), "two three 4");
    tu_buf_consume(&b, 1000);
    assert_string_equal(tu_buf_c(&b), "");
    tu_buf_add_c(&b, "x");
    char *taken = tu_buf_take(&b);
    assert_string_equal(taken, "x");
    free(taken);
    taken = tu_buf_take(&b); /* an empty one is a text too */
    assert_string_equal(taken, "");
    free(taken);
    tu_buf_done(&b);
}

static void a_buffer_remembers_its_first_failure(void **state) {
    (void)state;
    tu_buf b = TU_BUF_INIT(5);
    tu_buf_add_c(&b, "12345");
    assert_int_equal(b.rc, TU_OK);
    tu_buf_add_byte(&b, '6');
    assert_int_equal(b.rc, TU_EINVALID);
    tu_buf_consume(&b, 3);
    tu_buf_add_c(&b, "7");
    tu_buf_addf(&b, "%d", 8);
    assert_string_equal(tu_buf_c(&b), "45"); /* nothing is added behind a gap */
    assert_null(tu_buf_take(&b));
    assert_int_equal(b.rc, TU_OK);
    tu_buf_add_c(&b, "again");
    assert_string_equal(tu_buf_c(&b), "again");
    tu_buf_clear(&b);
    assert_int_equal(b.n, 0);
    tu_buf_done(&b);
    tu_buf none = {0}; /* without a maximum nothing fits */
    tu_buf_add_byte(&none, 'x');
    assert_int_equal(none.rc, TU_EINVALID);
}

static void a_buffer_keeps_its_content_when_memory_ends(void **state) {
    (void)state;
    for (size_t n = 1;; n++) {
        tu_buf b = TU_BUF_INIT(100000);
        tu_mem_fail_after(n);
        size_t added = 0;
        for (; added < 5000 && b.rc == TU_OK; added++)
            tu_buf_addf(&b, "%c", 'a' + (int)(added % 26));
        size_t made = tu_mem_fail_after(0);
        assert_int_equal(b.rc, made < n ? TU_OK : TU_EINTERNAL);
        assert_int_equal(b.n, made < n ? added : added - 1);
        for (size_t i = 0; i < b.n; i++)
            assert_int_equal(b.p[i], 'a' + (int)(i % 26));
        tu_buf_done(&b);
        if (made < n)
            break;
    }
    tu_buf b = TU_BUF_INIT(10);
    tu_mem_fail_after(1);
    assert_null(tu_buf_take(&b));
    tu_mem_fail_after(0);
}

static void json_strings_are_escaped(void **state) {
    (void)state;
    static const struct {
        tu_str text;
        const char *json;
    } cases[] = {
        {{"", 0}, "\"\""},
        {{"a\"b\\c", 5}, "\"a\\\"b\\\\c\""},
        {{"\n\r\t\b\x1b\x7f", 6}, "\"\\n\\r\\t\\u0008\\u001b\\u007f\""},
        {{"a\0b", 3}, "\"a\\u0000b\""},
        {{"\xc3\xa9\xf0\x9f\x90\x8d", 6}, "\"\xc3\xa9\xf0\x9f\x90\x8d\""},
        {{"a\xff\xc3", 3}, "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"\xed\xa0\x80x", 4}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tu_buf b = TU_BUF_INIT(100);
        tu_buf_add_json_string(&b, cases[i].text);
        assert_string_equal(tu_buf_c(&b), cases[i].json);
        tu_buf_done(&b);
    }
}

static void ownership_moves_with_take(void **state) {
    (void)state;
    _cleanup_(tu_freep) char *mine = tu_xstrdup("x");
    char *theirs = TU_TAKE(mine);
    assert_null(mine);
    assert_string_equal(theirs, "x");
    free(theirs);
    assert_null(tu_xstrdup(NULL));
    free(tu_xmalloc(0));
    free(tu_xcalloc(0, 5));
    free(tu_calloc(0, 5));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arena_gives_aligned_memory_that_does_not_overlap),
        cmocka_unit_test(an_arena_refuses_more_than_its_limit),
        cmocka_unit_test(a_reset_arena_reuses_its_largest_chunk),
        cmocka_unit_test(an_arena_copies_and_formats),
        cmocka_unit_test(an_arena_survives_a_failed_allocation),
        cmocka_unit_test(a_buffer_takes_text_in_pieces),
        cmocka_unit_test(a_buffer_remembers_its_first_failure),
        cmocka_unit_test(a_buffer_keeps_its_content_when_memory_ends),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(ownership_moves_with_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
