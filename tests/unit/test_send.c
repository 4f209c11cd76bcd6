/*
 * How the desired object is said to a target that says the same otherwise: desired, live and what is
 * sent, as JSON.
 */
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "compare/judge.h"
#include "value/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char kind_text[] =
    "{\"sensitive\":[\"/data\"],\"types\":[{\"type\":\"map\",\"fields\":{\"limits\":1,\"items\":3,"
    "\"at\":5,\"tight\":6,\"data\":7,\"text\":9,\"set\":10}},"
    "{\"type\":\"map\",\"values\":2},{\"type\":\"string\",\"semantic\":\"quantity\"},"
    "{\"type\":\"list\",\"list\":\"keyed\",\"keys\":[\"name\"],\"items\":4},"
    "{\"type\":\"map\",\"fields\":{\"name\":9,\"cpu\":2}},"
    "{\"type\":\"string\",\"semantic\":\"instant\"},"
    "{\"type\":\"list\",\"items\":2},"
    "{\"type\":\"map\",\"values\":8},{\"type\":\"string\",\"semantic\":\"base64\"},"
    "{\"type\":\"string\"},{\"type\":\"list\",\"list\":\"set\",\"items\":2}]}";

static tu_value *parse(tu_arena *a, const char *text) {
    tu_value *v = NULL;
    assert_int_equal(tu_json_parse(a, tu_str_c(text), TU_JSON_COPY, NULL, &v, NULL, NULL), TU_OK);
    return v;
}

static const struct {
    const char *about, *desired, *live, *sent;
} table[] = {
    {"equal quantities are said as live says them", "{\"limits\":{\"cpu\":\"1000m\",\"m\":1}}",
     "{\"limits\":{\"cpu\":\"1\",\"m\":\"1\"}}", "{\"limits\":{\"cpu\":\"1\",\"m\":\"1\"}}"},
    {"what the server rounded up is said as it rounded it", "{\"limits\":{\"cpu\":\"0.1m\"}}",
     "{\"limits\":{\"cpu\":\"1m\"}}", "{\"limits\":{\"cpu\":\"1m\"}}"},
    {"a real difference is said as Git says it", "{\"limits\":{\"cpu\":\"1000m\"}}",
     "{\"limits\":{\"cpu\":\"2\"}}", "{\"limits\":{\"cpu\":\"1000m\"}}"},
    {"null asks for nothing that live has", "{\"limits\":{\"cpu\":null}}",
     "{\"limits\":{\"cpu\":\"2\"}}", "{\"limits\":{\"cpu\":null}}"},
    {"items are found by their key", "{\"items\":[{\"name\":\"b\",\"cpu\":\"1000m\"}]}",
     "{\"items\":[{\"name\":\"a\",\"cpu\":\"3\"},{\"name\":\"b\",\"cpu\":\"1\"}]}",
     "{\"items\":[{\"name\":\"b\",\"cpu\":\"1\"}]}"},
    {"instants are said as live says them", "{\"at\":\"2024-01-01T01:00:00+01:00\"}",
     "{\"at\":\"2024-01-01T00:00:00Z\"}", "{\"at\":\"2024-01-01T00:00:00Z\"}"},
    {"inside an atomic list item by item", "{\"tight\":[\"1000m\",\"2\"]}",
     "{\"tight\":[\"1\",\"3\"]}", "{\"tight\":[\"1\",\"2\"]}"},
    {"an atomic list of another length stays", "{\"tight\":[\"1000m\"]}",
     "{\"tight\":[\"1\",\"3\"]}", "{\"tight\":[\"1000m\"]}"},
    {"a set's texts are its items' names", "{\"set\":[\"1000m\"]}", "{\"set\":[\"1\"]}",
     "{\"set\":[\"1000m\"]}"},
    {"plain text is nobody's number", "{\"text\":\"1000m\"}", "{\"text\":\"1\"}",
     "{\"text\":\"1000m\"}"},
    {"sealed base64 too", "{\"data\":{\"k\":\"c2Vj\\ncmV0\"}}", "{\"data\":{\"k\":\"c2VjcmV0\"}}",
     "{\"data\":{\"k\":\"c2VjcmV0\"}}"},
    {"without a live object everything is as in Git", "{\"limits\":{\"cpu\":\"1000m\"}}", NULL,
     "{\"limits\":{\"cpu\":\"1000m\"}}"},
};

static void values_are_sent_as_live_says_them_where_they_mean_the_same(void **state) {
    (void)state;
    tu_kind *kind = NULL;
    assert_int_equal(tu_kind_compile(tu_str_c(kind_text), &kind, NULL), TU_OK);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        tu_arena a;
        _cleanup_(tu_buf_done) tu_buf sent = TU_BUF_INIT(TU_MIB), before = TU_BUF_INIT(TU_MIB),
                                      after = TU_BUF_INIT(TU_MIB);
        tu_arena_init(&a, 0);
        tu_value *desired = parse(&a, table[i].desired);
        tu_value *live = table[i].live ? parse(&a, table[i].live) : NULL;
        assert_int_equal(tu_kind_seal(kind, &a, desired, NULL), TU_OK);
        if (live)
            assert_int_equal(tu_kind_seal(kind, &a, live, NULL), TU_OK);
        tu_json_write_secrets(&before, desired);
        const tu_value *said = NULL;
        assert_int_equal(tu_say_as_live(&a, kind, desired, live, &said, NULL), TU_OK);
        tu_json_write_secrets(&sent, said);
        tu_json_write_secrets(&after, desired);
        if (strcmp(tu_buf_c(&sent), table[i].sent) != 0)
            fail_msg("%s: %s", table[i].about, tu_buf_c(&sent));
        assert_string_equal(tu_buf_c(&before),
                            tu_buf_c(&after)); /* what is shared stays as it is */
        tu_arena_done(&a);
    }
    tu_kind_unref(kind);
}

static void nothing_is_copied_where_nothing_is_said_otherwise(void **state) {
    (void)state;
    tu_arena a;
    tu_kind *kind = NULL;
    const tu_value *said = NULL;
    tu_arena_init(&a, 0);
    assert_int_equal(tu_kind_compile(tu_str_c(kind_text), &kind, NULL), TU_OK);
    tu_value *desired = parse(&a, "{\"limits\":{\"cpu\":\"1\"}}");
    tu_value *live = parse(&a, "{\"limits\":{\"cpu\":\"1\",\"memory\":\"2\"}}");
    assert_int_equal(tu_say_as_live(&a, kind, desired, live, &said, NULL), TU_OK);
    assert_ptr_equal(said, desired);
    tu_kind_unref(kind);
    tu_arena_done(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_sent_as_live_says_them_where_they_mean_the_same),
        cmocka_unit_test(nothing_is_copied_where_nothing_is_said_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
