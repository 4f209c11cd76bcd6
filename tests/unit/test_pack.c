/*
 * Packed values (value/pack.h): what goes in comes out, sealed bytes included; keys are shared;
 * broken bytes are an error. fuzz_pack.c tries much more of the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "value/json.h"
#include "value/pack.h"

typedef struct fixture {
    tu_arena arena;
    tu_map keys;
    tu_buf packed;
} fixture;

static void begin(fixture *f) {
    *f = (fixture){.packed = TU_BUF_INIT(TU_MIB)};
    tu_arena_init(&f->arena, 0);
}

static void end(fixture *f) {
    tu_buf_done(&f->packed);
    tu_map_done(&f->keys, NULL);
    tu_arena_done(&f->arena);
}

static tu_value *json(fixture *f, const char *text) {
    tu_value *v = NULL;
    assert_int_equal(tu_json_parse(&f->arena, tu_str_c(text), 0, NULL, &v, NULL, NULL), TU_OK);
    return v;
}

static tu_value *there_and_back(fixture *f, const tu_value *v) {
    tu_value *again = NULL;
    tu_buf_clear(&f->packed);
    tu_pack_write(&f->keys, &f->packed, v);
    assert_int_equal(f->packed.rc, TU_OK);
    assert_int_equal(tu_pack_read(&f->keys, tu_buf_str(&f->packed), &f->arena, &again), TU_OK);
    return again;
}

static void every_type_comes_back_with_its_line(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    tu_value *v = json(&f, "{\"a\": [null, true, false,\n-1, 9223372036854775807,\n\n 1.50],\n"
                           "\"b\": {\"\": \"text\"}, \"c\": [], \"d\": {}}");
    tu_value *again = there_and_back(&f, v);
    assert_true(tu_value_equal(v, again));
    assert_int_equal(tu_value_at(tu_value_get(again, "a"), 3)->line, 2);
    assert_int_equal(tu_value_at(tu_value_get(again, "a"), 5)->line, 4);
    assert_int_equal(tu_value_get(again, "b")->line, 5);
    end(&f);
}

static void a_sealed_value_keeps_its_digest_and_its_bytes(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    tu_value *v = json(&f, "{\"data\": {\"password\": \"aHVudGVyMg==\", \"n\": 7}}");
    assert_int_equal(tu_value_seal(&f.arena, v, (tu_str){0}, NULL), TU_OK);
    tu_value *again = there_and_back(&f, v);
    assert_true(tu_value_equal(v, again));
    tu_buf secrets = TU_BUF_INIT(TU_MIB), shown = TU_BUF_INIT(TU_MIB);
    tu_json_write_secrets(&secrets, again);
    tu_json_write(&shown, again, 0);
    assert_string_equal(tu_buf_c(&secrets), "{\"data\":{\"password\":\"aHVudGVyMg==\",\"n\":7}}");
    assert_null(strstr(tu_buf_c(&shown), "aHVudGVyMg"));
    tu_buf_done(&secrets);
    tu_buf_done(&shown);
    end(&f);
}

static void keys_that_repeat_are_shared_and_long_ones_are_not(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    char text[400], key[101];
    memset(key, 'k', 100);
    key[100] = '\0';
    snprintf(text, sizeof text, "[{\"name\": 1, \"%s\": 2}, {\"name\": 3}]", key);
    tu_value *v = json(&f, text), *again = there_and_back(&f, v);
    assert_true(tu_value_equal(v, again));
    assert_int_equal(f.keys.n, 1);
    assert_ptr_equal(tu_value_at(again, 0)->map.members[0].key.p,
                     tu_value_at(again, 1)->map.members[0].key.p);
    end(&f);
}

static void bytes_that_were_cut_are_an_error(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    there_and_back(&f, json(&f, "{\"a\": [1, \"two\", {\"b\": null}]}"));
    for (size_t n = 0; n < f.packed.n; n++) {
        tu_value *v = NULL;
        assert_int_equal(tu_pack_read(&f.keys, (tu_str){f.packed.p, n}, &f.arena, &v),
                         TU_EINTERNAL);
    }
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_comes_back_with_its_line),
        cmocka_unit_test(a_sealed_value_keeps_its_digest_and_its_bytes),
        cmocka_unit_test(keys_that_repeat_are_shared_and_long_ones_are_not),
        cmocka_unit_test(bytes_that_were_cut_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
