/* RFC 3339 times and the virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/str.h"

#define COUNT(t) (sizeof(t) / sizeof *(t))

static void rfc_3339_times_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"2026-01-02T03:04:05Z", INT64_C(1767323045000000)},
        {"2026-01-02T03:04:05.5Z", INT64_C(1767323045500000)},
        {"2026-01-02T03:04:05.000001Z", INT64_C(1767323045000001)},
        {"2026-01-02T03:04:05.123456789Z", INT64_C(1767323045123456)},
        {"2026-01-02T12:04:05+09:00", INT64_C(1767323045000000)},
        {"2026-01-01T21:34:05-05:30", INT64_C(1767323045000000)},
        {"2026-01-02T03:04:05-00:00", INT64_C(1767323045000000)},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000000)},
        {"2000-02-29T23:59:59Z", INT64_C(951868799000000)},
        {"1969-12-31T23:59:59.75Z", -250000},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000000)},
        {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000000)},
        {"2017-01-01T08:59:60+09:00", INT64_C(1483228800000000)},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t us = -1;
        if (!tu_time_parse(tu_str_c(cases[i].text), &us) || us != cases[i].us)
            fail_msg("%s is %lld", cases[i].text, (long long)us);
    }
}

static void what_is_no_time_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "2026",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02 03:04:05Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:00Z",
        "2026-01-02T03:04:61Z",
        "2026-01-02T03:04:60Z",
        "2026-01-02T23:59:60Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05,5Z",
        "2026-01-02T03:04:05+0900",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+09:60",
        "2026-01-02T03:04:05Zx",
        "2026-1-2T03:04:05Z",
        "+2026-01-02T03:04:05Z",
        "02026-01-02T03:04:05Z",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t us = 42;
        if (tu_time_parse(tu_str_c(bad[i]), &us))
            fail_msg("'%s' passed", bad[i]);
        assert_int_equal(us, 42);
    }
}

static void times_are_written_and_read_back(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {INT64_C(1767323045000), "2026-01-02T03:04:05Z"},
        {INT64_C(1767323045007), "2026-01-02T03:04:05.007Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {INT64_C(1709164800000), "2024-02-29T00:00:00Z"},
        {INT64_C(1709251199999), "2024-02-29T23:59:59.999Z"},
        {INT64_C(4107542400000), "2100-03-01T00:00:00Z"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[32];
        tu_time_format(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
    }
    /* every day of 400 years and a bit, at an odd second */
    for (int64_t day = -146097; day < 2 * 146097; day += 1) {
        char text[32];
        int64_t us, ms = day * 86400000 + 45296789;
        tu_time_format(ms, text);
        if (!tu_time_parse(tu_str_c(text), &us) || us != ms * 1000)
            fail_msg("%s came back as %lld", text, (long long)us);
    }
    char text[32]; /* the ends of the number still fit */
    tu_time_format(INT64_MAX, text);
    assert_string_equal(text, "292278994-08-17T07:12:55.807Z");
    tu_time_format(INT64_MIN, text);
    assert_true(strlen(text) < sizeof text);
}

static void a_virtual_clock_moves_only_when_told(void **state) {
    (void)state;
    tu_clock c = tu_clock_virtual(1000);
    assert_int_equal(tu_clock_wall(&c), 1000);
    assert_int_equal(tu_clock_boot(&c), 0);
    tu_clock_advance(&c, 250);
    assert_int_equal(tu_clock_wall(&c), 1250);
    assert_int_equal(tu_clock_boot(&c), 250);
    tu_clock real = tu_clock_real();
    tu_clock_advance(&real, 1000000);
    int64_t before = tu_clock_boot(&real), monotonic = tu_clock_monotonic();
    assert_true(tu_clock_wall(&real) > INT64_C(1577836800000)); /* after 2020 */
    assert_true(tu_clock_boot(&real) >= before);
    assert_true(tu_clock_monotonic() >= monotonic);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_3339_times_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(times_are_written_and_read_back),
        cmocka_unit_test(a_virtual_clock_moves_only_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
