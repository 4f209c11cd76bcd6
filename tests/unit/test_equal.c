/* compare/equal: when two values are the same under a type (kubernetes-drift.md sections 1.11 A and
 * 2). */
#include "base/mem.h"
#include "compare/judge.h"
#include "value/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const types = "{\"types\":["
                                 "{\"type\":\"any\"},"
                                 "{\"type\":\"string\"},"
                                 "{\"type\":\"string\",\"semantic\":\"quantity\"},"
                                 "{\"type\":\"string\",\"semantic\":\"instant\"},"
                                 "{\"type\":\"string\",\"semantic\":\"microtime\"},"
                                 "{\"type\":\"string\",\"semantic\":\"duration\"},"
                                 "{\"type\":\"string\",\"semantic\":\"base64\"},"
                                 "{\"type\":\"string\",\"semantic\":\"int-or-string\"},"
                                 "{\"type\":\"integer\"},"
                                 "{\"type\":\"list\",\"items\":2},"
                                 "{\"type\":\"map\",\"atomic\":true,\"values\":1},"
                                 "{\"type\":\"map\",\"atomic\":true,\"fields\":{\"a\":1,\"q\":2}}"
                                 "]}";
enum {
    ANY,
    TEXT,
    QUANTITY,
    INSTANT,
    MICROTIME,
    DURATION,
    BASE64,
    INT_OR_STRING,
    INTEGER,
    QUANTITIES,
    LABELS,
    STRUCT
};

static const struct {
    int type;
    const char *a, *b;
    bool equal;
} table[] = {
    {TEXT, "\"a\"", "\"a\"", true},
    {TEXT, "\"\\u003c\"", "\"<\"", true},
    {TEXT, "\"a\\n\"", "\"a\"", false},
    {TEXT, "\"\\u00e9\"", "\"e\\u0301\"", false},
    {TEXT, "\"\"", "null", false},
    {INTEGER, "3", "3.0", true},
    {INTEGER, "3", "3e0", true},
    {INTEGER, "9007199254740993", "9007199254740993", true},
    {INTEGER, "9007199254740993", "9007199254740992", false},
    {INTEGER, "1", "\"1\"", false},
    {INTEGER, "0", "false", false},
    {QUANTITY, "\"1000m\"", "\"1\"", true},
    {QUANTITY, "1", "\"1\"", true},
    {QUANTITY, "0.5", "\"500m\"", true},
    {QUANTITY, "\"0.1m\"", "\"1m\"", false},
    {QUANTITY, "\"1Gi\"", "\"1G\"", false},
    {QUANTITY, "\"x\"", "\"y\"", false},
    {QUANTITY, "\"x\"", "\"x\"", true},
    {TEXT, "\"1000m\"", "\"1\"", false},
    {INSTANT, "\"2024-01-01T01:00:00+01:00\"", "\"2024-01-01T00:00:00Z\"", true},
    {INSTANT, "\"2024-01-01T00:00:00.9Z\"", "\"2024-01-01T00:00:00Z\"", true},
    {INSTANT, "\"2024-01-01T00:00:01Z\"", "\"2024-01-01T00:00:00Z\"", false},
    {INSTANT, "\"1969-12-31T23:59:59.5Z\"", "\"1969-12-31T23:59:59Z\"", true},
    {MICROTIME, "\"2024-01-01T00:00:00.1Z\"", "\"2024-01-01T00:00:00.100000Z\"", true},
    {MICROTIME, "\"2024-01-01T00:00:00.1Z\"", "\"2024-01-01T00:00:00.100001Z\"", false},
    {TEXT, "\"2024-01-01T01:00:00+01:00\"", "\"2024-01-01T00:00:00Z\"", false},
    {DURATION, "\"60s\"", "\"1m0s\"", true},
    {DURATION, "\"1.5h\"", "\"1h30m0s\"", true},
    {DURATION, "\"1us\"", "\"1\\u00b5s\"", true},
    {DURATION, "\"0\"", "\"0s\"", true},
    {DURATION, "\"-1m\"", "\"-60s\"", true},
    {DURATION, "\"1m\"", "\"61s\"", false},
    {DURATION, "\"99999999999999999999h\"", "\"99999999999999999998h\"", false},
    {BASE64, "\"aHVudGVyMg==\"", "\"aHVu\\ndGVyMg==\\n\"", true},
    {BASE64, "\"aHVudGVyMg==\"", "\"aHVudGVyMw==\"", false},
    {BASE64, "\"!\"", "\"?\"", false},
    {INT_OR_STRING, "\"80\"", "80", false},
    {INT_OR_STRING, "80", "80.0", true},
    {QUANTITIES, "[\"1000m\", 2]", "[\"1\", \"2\"]", true},
    {QUANTITIES, "[\"1\", \"2\"]", "[\"2\", \"1\"]", false},
    {QUANTITIES, "[\"1\"]", "[\"1\", \"1\"]", false},
    {LABELS, "{\"a\": \"x\", \"b\": \"y\"}", "{\"b\": \"y\", \"a\": \"x\"}", true},
    {LABELS, "{\"a\": \"x\"}", "{\"a\": \"x\", \"b\": \"y\"}", false},
    {LABELS, "{\"a\": \"x\", \"b\": null}", "{\"a\": \"x\"}", true},
    {STRUCT, "{\"q\": \"1000m\"}", "{\"q\": \"1\"}", true},
    {STRUCT, "{\"q\": \"1\"}", "{\"q\": \"1\", \"a\": \"x\"}", false},
    {ANY, "{\"a\": [1, {\"b\": 2.0}]}", "{\"a\": [1.0, {\"b\": 2}]}", true},
    {ANY, "{\"a\": [1, 2]}", "{\"a\": [2, 1]}", false},
    {ANY, "[]", "{}", false},
    {ANY, "null", "null", true},
};

static void values_are_compared_by_their_type(void **state) {
    (void)state;
    tu_kind *kind = NULL;
    tu_arena arena;
    tu_arena_init(&arena, 0);
    assert_int_equal(tu_kind_compile(tu_str_c(types), &kind, NULL), TU_OK);
    /* the types are one array, so that the table can count them from the root */
    const tu_schema_type *root = tu_kind_root(kind);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        tu_value *a = NULL, *b = NULL;
        assert_int_equal(tu_json_parse(&arena, tu_str_c(table[i].a), 0, NULL, &a, NULL, NULL),
                         TU_OK);
        assert_int_equal(tu_json_parse(&arena, tu_str_c(table[i].b), 0, NULL, &b, NULL, NULL),
                         TU_OK);
        const tu_schema_type *t = root + table[i].type;
        if (tu_typed_equal(t, a, b) != table[i].equal || tu_typed_equal(t, b, a) != table[i].equal)
            fail_msg("%s and %s are %s", table[i].a, table[i].b,
                     table[i].equal ? "equal" : "different");
    }
    tu_kind_unref(kind);
    tu_arena_done(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_are_compared_by_their_type)};
    return cmocka_run_group_tests_name("typed equality", tests, NULL, NULL);
}
