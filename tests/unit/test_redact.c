/* Words from outside that may repeat a secret. */
#include "base/arena.h"
#include "base/str.h"
#include "compare/redact.h"
#include "value/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *secret, *said, *left;
} cases[] = {
    {"aHVudGVyMg==", "data[password]: Invalid value: \"aHVudGVyMg==\"",
     "data[password]: Invalid value: \"<sealed>\""},
    {"aHVudGVyMg==", "hunter2 is no password, hunter2!", "<sealed> is no password, <sealed>!"},
    {"hunter2", "hunter2", "<sealed>"},
    {"hunter2", "hunter3 is fine", "hunter3 is fine"},
    {"Zmlyc3QgbGluZQpzZWNvbmQ=", "begins with 'first line'", "begins with '<sealed>'"},
    {"abc", "abc", "abc"}, /* too short to be told from any word */
    {"", "nothing to hide", "nothing to hide"},
    {"with \"quotes\"", "with \"quotes\" inside", "<sealed> inside"},
};

static void a_secret_that_is_repeated_is_taken_out(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tu_arena a;
        tu_arena_init(&a, 0);
        tu_value *object = tu_value_new(&a, TU_MAP), *data = tu_value_new(&a, TU_MAP);
        tu_value *secret = tu_value_new_string(&a, tu_str_c(cases[i].secret));
        assert_int_equal(tu_value_seal(&a, secret, TU_S(""), NULL), TU_OK);
        tu_value_set(&a, data, TU_S("password"), secret);
        tu_value_set(&a, object, TU_S("data"), data);
        tu_error *e = NULL;
        tu_error_set(&e, TU_EREFUSED, "%s", cases[i].said);
        tu_error_hint(&e, "%s", cases[i].said);
        tu_redact_error(e, object);
        assert_string_equal(e->message, cases[i].left);
        assert_string_equal(e->hint, cases[i].left);
        tu_error_free(e);
        tu_arena_done(&a);
    }
}

static void nothing_to_redact_is_no_trouble(void **state) {
    (void)state;
    tu_error *e = NULL;
    tu_redact_error(NULL, NULL);
    tu_error_set(&e, TU_EREFUSED, "no");
    tu_redact_error(e, NULL);
    assert_string_equal(e->message, "no");
    tu_error_free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_that_is_repeated_is_taken_out),
        cmocka_unit_test(nothing_to_redact_is_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
