/* Errors: first one counts, places, hints, context, and what happens without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

static void the_first_error_counts(void **state) {
    (void)state;
    tu_error *e = NULL;
    assert_int_equal(tu_error_set(&e, TU_EDENIED, "no entry for %s", "bob"), TU_EDENIED);
    assert_int_equal(tu_error_set(&e, TU_EINVALID, "later"), TU_EINVALID);
    assert_int_equal(e->rc, TU_EDENIED);
    assert_string_equal(tu_error_text(e), "no entry for bob");
    tu_error_freep(&e);
    assert_null(e);
    assert_int_equal(tu_error_set(NULL, TU_EINVALID, "nobody asks"), TU_EINVALID);
    assert_string_equal(tu_error_text(NULL), "unknown error");
    tu_error_free(NULL);
}

static void an_error_is_printed_with_place_and_hint(void **state) {
    (void)state;
    static const struct {
        const char *file;
        int64_t line, column;
        const char *hint, *printed;
    } cases[] = {
        {"a.yaml", 3, 7, "did you mean 'prune'?",
         "a.yaml:3:7: error: unknown key\n  hint: did you mean 'prune'?\n"},
        {"a.yaml", 3, 0, NULL, "a.yaml:3: error: unknown key\n"},
        {"a.yaml", 0, 0, NULL, "a.yaml: error: unknown key\n"},
        {NULL, 3, 7, NULL, "error: unknown key\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tu_error *e = NULL;
        tu_error_set_at(&e, TU_EINVALID, cases[i].file, cases[i].line, cases[i].column,
                        "unknown key");
        if (cases[i].hint)
            tu_error_hint(&e, "%s", cases[i].hint);
        tu_buf b = TU_BUF_INIT(1000);
        tu_error_print(e, &b);
        assert_string_equal(tu_buf_c(&b), cases[i].printed);
        tu_buf_done(&b);
        tu_error_free(e);
    }
}

static void context_is_put_in_front(void **state) {
    (void)state;
    tu_error *e = NULL;
    assert_int_equal(tu_error_context(&e, "nothing"), TU_OK);
    assert_int_equal(tu_error_context(NULL, "nothing"), TU_OK);
    tu_error_set(&e, TU_EUNAVAILABLE, "connection refused");
    tu_error_code(&e, "http-0");
    assert_int_equal(tu_error_context(&e, "source '%s'", "shop"), TU_EUNAVAILABLE);
    tu_error_context(&e, "rule 'r'");
    assert_string_equal(e->message, "rule 'r': source 'shop': connection refused");
    assert_string_equal(e->code, "http-0");
    tu_error_free(e);
}

static void without_memory_there_is_still_an_error(void **state) {
    (void)state;
    for (size_t n = 1;; n++) {
        tu_error *e = NULL;
        tu_mem_fail_after(n);
        tu_error_set_at(&e, TU_EINVALID, "a.yaml", 1, 2, "wrong");
        tu_error_context(&e, "reading");
        tu_error_hint(&e, "a hint");
        tu_error_code(&e, "code");
        size_t made = tu_mem_fail_after(0);
        assert_non_null(e);
        assert_non_null(tu_error_text(e));
        tu_error_freep(&e);
        if (made < n)
            break;
    }
    tu_error *e = NULL;
    assert_int_equal(tu_error_memory(&e), TU_EINTERNAL);
    tu_error_context(&e, "reading"); /* the static one stays as it is */
    tu_error_hint(&e, "a hint");
    tu_error_code(&e, "code");
    assert_string_equal(e->message, "out of memory");
    tu_error_free(e);
    tu_error_free(e);
}

static void classes_have_names(void **state) {
    (void)state;
    assert_string_equal(tu_rc_name(TU_OK), "ok");
    assert_string_equal(tu_rc_name(TU_EINVALID), "invalid");
    assert_string_equal(tu_rc_name(TU_ETHROTTLED), "throttled");
    assert_string_equal(tu_rc_name(TU_EREFUSED), "refused");
    assert_string_equal(tu_rc_name(-99), "internal");
    assert_string_equal(tu_rc_name(INT32_MIN), "internal");
    assert_string_equal(tu_rc_name(5), "internal");
}

static void a_list_keeps_all_errors_in_order(void **state) {
    (void)state;
    tu_errors list = {0};
    tu_errors_add(&list, NULL);
    for (int i = 0; i < 100; i++) {
        tu_error *e = NULL;
        tu_error_set(&e, TU_EINVALID, "number %d", i);
        tu_errors_add(&list, e);
    }
    assert_int_equal(list.n, 100);
    assert_string_equal(list.items[0]->message, "number 0");
    assert_string_equal(list.items[99]->message, "number 99");
    tu_errors_done(&list);
    assert_int_equal(list.n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_error_counts),
        cmocka_unit_test(an_error_is_printed_with_place_and_hint),
        cmocka_unit_test(context_is_put_in_front),
        cmocka_unit_test(without_memory_there_is_still_an_error),
        cmocka_unit_test(classes_have_names),
        cmocka_unit_test(a_list_keeps_all_errors_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
