/* compare/quantity: numbers as the server reads them (kubernetes-drift.md section 7 has the table).
 */
#include "base/str.h"
#include "compare/quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static tu_quantity parse(const char *text) {
    tu_quantity q;
    if (!tu_quantity_parse(tu_str_c(text), &q))
        fail_msg("'%s' is a quantity", text);
    return q;
}

static void spellings_of_one_number_are_equal(void **state) {
    (void)state;
    static const char *const table[][2] = {
        {"1000m", "1"},
        {"1.0", "1"},
        {"1.500", "1500m"},
        {"+1", "1"},
        {"5.", "5"},
        {".5", "500m"},
        {"01", "1"},
        {"1E3", "1k"},
        {"1e2", "100"},
        {"1e+2", "100"},
        {"1e-3", "1m"},
        {"1000", "1k"},
        {"1024000", "1024k"},
        {"1000M", "1G"},
        {"0.5Gi", "512Mi"},
        {"0.5Ki", "512"},
        {"1023Ki", "1047552"},
        {"2048Ki", "2Mi"},
        {"8192Mi", "8Gi"},
        {"1.5Gi", "1536Mi"},
        {"0.1Gi", "107374182400m"},
        {"1.1Ki", "1126400m"},
        {"0m", "0"},
        {"00", "0"},
        {"-0", "0"},
        {"0.0000000001", "1n"},
        {"1000u", "1m"},
        {"1000000n", "1m"},
        {"-0.0000000001", "-1n"},
        {"0.0000000000000000000000000000000000000000000000000000000001", "1n"},
        {"1.0000000010000000000000000000000000000000000001", "1000000002n"},
        {"1E", "1000P"},
        {"9Ei", "10376293541461622784"},
        {"9223372036854775807", "9223372036854775807000m"},
        {"1e40", "10000000000000000000000e18"},
        {"0e999999999999", "0"},
        {"1e-999999999999", "1n"},
        {"65536Ki", "64Mi"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        tu_quantity a = parse(table[i][0]), b = parse(table[i][1]);
        if (tu_quantity_compare(&a, &b) != 0)
            fail_msg("%s is %s", table[i][0], table[i][1]);
    }
}

static void different_numbers_are_ordered(void **state) {
    (void)state;
    static const char *const ascending[] = {
        "-1Ei", "-2",          "-1",  "-999m", "-1n",
        "0",    "1n",          "1u",  "1m",    "999m",
        "1",    "1.000000001", "1k",  "1Ki",   "1M",
        "1Mi",  "1G",          "1Gi", "1T",    "1Ti",
        "1P",   "1Pi",         "1E",  "1Ei",   "9223372036854775807",
        "1e30", "1e40"};
    for (size_t i = 0; i < sizeof(ascending) / sizeof(ascending[0]); i++) {
        for (size_t j = 0; j < sizeof(ascending) / sizeof(ascending[0]); j++) {
            tu_quantity a = parse(ascending[i]), b = parse(ascending[j]);
            int order = tu_quantity_compare(&a, &b);
            if ((order > 0) - (order < 0) != (i > j) - (i < j))
                fail_msg("%s against %s", ascending[i], ascending[j]);
        }
    }
}

static void anything_else_is_no_quantity(void **state) {
    (void)state;
    static const char *const table[] = {"",    " ",   "m",   "+",   "-",    ".",    "1.2.3", "1 ",
                                        " 1",  "1gb", "1GB", "1ki", "1Kib", "0x10", "1e",    "1e+",
                                        "--1", "1,5", "e3",  "1m1", "1E3k", "NaN",  "1i"};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        tu_quantity q;
        if (tu_quantity_parse(tu_str_c(table[i]), &q))
            fail_msg("'%s' is no quantity", table[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_of_one_number_are_equal),
        cmocka_unit_test(different_numbers_are_ordered),
        cmocka_unit_test(anything_else_is_no_quantity),
    };
    return cmocka_run_group_tests_name("quantities", tests, NULL, NULL);
}
