/* Windows: cron expressions, time zones with their changes of clocks, and when a window is open. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/calendar.h"
#include "config/config.h"
#include "config/cron.h"
#include "config/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static int64_t at(const char *time) {
    int64_t us = 0;
    if (!tu_time_parse(tu_str_c(time), &us))
        fail_msg("the test's own time is wrong: %s", time);
    return us / 1000;
}

static bool have_zones(void) {
    tu_window w = {
        .cron = TU_S("0 0 * * *"), .time_zone = TU_S("Europe/Berlin"), .duration_ms = 60000};
    return tu_window_check(&w, NULL) == TU_OK;
}

static const struct {
    const char *what, *cron, *zone, *duration, *time;
    bool open;
} questions[] = {
    {"it opens at the minute", "0 8 * * 1-5", "", "10h", "2026-01-05T08:00:00Z", true},
    {"a millisecond earlier it is shut", "0 8 * * 1-5", "", "10h", "2026-01-05T07:59:59.999Z",
     false},
    {"it is open to the last moment", "0 8 * * 1-5", "", "10h", "2026-01-05T17:59:59.999Z", true},
    {"it shuts when the duration is over", "0 8 * * 1-5", "", "10h", "2026-01-05T18:00:00Z", false},
    {"Saturday is no weekday", "0 8 * * 1-5", "", "10h", "2026-01-10T12:00:00Z", false},
    {"names of days work", "0 8 * * MON-FRI", "", "10h", "2026-01-09T12:00:00Z", true},
    {"small letters work", "0 8 * jan mon", "", "1h", "2026-01-05T08:30:00Z", true},
    {"Sunday is 0", "0 8 * * 0", "", "1h", "2026-01-04T08:30:00Z", true},
    {"Sunday is 7", "0 8 * * 7", "", "1h", "2026-01-04T08:30:00Z", true},
    {"a range may end in Sunday", "0 8 * * FRI-SUN", "", "1h", "2026-01-04T08:30:00Z", true},
    {"and has its other days", "0 8 * * 5-7", "", "1h", "2026-01-02T08:30:00Z", true},
    {"but not the day before", "0 8 * * FRI-SUN", "", "1h", "2026-01-01T08:30:00Z", false},
    {"steps count from the range's start", "5-59/20 * * * *", "", "1m", "2026-01-01T03:25:30Z",
     true},
    {"and miss what lies between", "5-59/20 * * * *", "", "1m", "2026-01-01T03:20:30Z", false},
    {"a step from one value goes to the end", "50/5 * * * *", "", "1m", "2026-01-01T03:55:30Z",
     true},
    {"lists work", "0 6,18,22 * * *", "", "1h", "2026-01-01T18:30:00Z", true},
    {"it crosses midnight", "0 22 * * *", "", "4h", "2026-01-02T01:30:00Z", true},
    {"it crosses midnight from a weekday into Saturday", "0 22 * * FRI", "", "4h",
     "2026-01-10T01:00:00Z", true},
    {"it crosses the year's end", "0 22 31 12 *", "", "4h", "2026-01-01T01:00:00Z", true},
    {"longer than its period it is always open", "0 * * * *", "", "90m", "2026-01-01T03:59:59Z",
     true},
    {"even for days", "0 0 * * *", "", "3d", "2026-01-01T23:59:59Z", true},
    {"a weekend is one window", "0 18 * * FRI", "", "62h", "2026-01-11T12:00:00Z", true},
    {"a window of days shuts", "0 18 * * FRI", "", "62h", "2026-01-12T08:00:00Z", false},
    {"both days restricted: the date alone is enough", "0 8 13 * FRI", "", "1h",
     "2026-01-13T08:30:00Z", true},
    {"both days restricted: the weekday alone is enough", "0 8 13 * FRI", "", "1h",
     "2026-01-09T08:30:00Z", true},
    {"both days restricted: neither is not", "0 8 13 * FRI", "", "1h", "2026-01-14T08:30:00Z",
     false},
    {"with a star the other day decides alone", "0 8 * * FRI", "", "1h", "2026-01-13T08:30:00Z",
     false},
    {"29 February exists in leap years", "0 0 29 2 *", "", "1d", "2028-02-29T12:00:00Z", true},
    {"30 February never comes", "0 0 30 2 *", "", "1d", "2026-03-02T12:00:00Z", false},
    {"@daily works", "@daily", "", "1h", "2026-01-13T00:30:00Z", true},
    {"before 1970 too", "0 8 * * *", "", "1h", "1965-06-01T08:30:00Z", true},

    {"Seoul has no summer time: winter", "0 8 * * 1-5", "Asia/Seoul", "10h", "2026-01-04T23:00:00Z",
     true},
    {"Seoul has no summer time: a minute before", "0 8 * * 1-5", "Asia/Seoul", "10h",
     "2026-01-04T22:59:00Z", false},
    {"Seoul has no summer time: summer", "0 8 * * 1-5", "Asia/Seoul", "10h", "2026-07-05T23:00:00Z",
     true},
    {"the weekday is Seoul's", "0 8 * * SUN", "Asia/Seoul", "1h", "2026-01-03T23:30:00Z", true},
    {"Berlin's winter is UTC+1", "0 8 * * *", "Europe/Berlin", "1h", "2026-01-15T07:30:00Z", true},
    {"Berlin's summer is UTC+2", "0 8 * * *", "Europe/Berlin", "1h", "2026-07-15T06:30:00Z", true},
    {"Berlin's summer is not UTC+1", "0 8 * * *", "Europe/Berlin", "1h", "2026-07-15T07:30:00Z",
     false},
    {"a skipped time moves on by the hour", "30 2 * * *", "Europe/Berlin", "10m",
     "2026-03-29T01:30:00Z", true},
    {"and not at the hour of the change", "30 2 * * *", "Europe/Berlin", "10m",
     "2026-03-29T01:05:00Z", false},
    {"the next day is ordinary again", "30 2 * * *", "Europe/Berlin", "10m", "2026-03-30T00:30:00Z",
     true},
    {"a repeated time opens the first time", "30 2 * * *", "Europe/Berlin", "10m",
     "2026-10-25T00:35:00Z", true},
    {"and not the second time", "30 2 * * *", "Europe/Berlin", "10m", "2026-10-25T01:35:00Z",
     false},
    {"a duration is real time in the long night", "0 22 * * SAT", "Europe/Berlin", "8h",
     "2026-10-25T03:59:00Z", true},
    {"and over when real time is", "0 22 * * SAT", "Europe/Berlin", "8h", "2026-10-25T04:00:00Z",
     false},
    {"a duration is real time in the short night", "0 22 * * SAT", "Europe/Berlin", "8h",
     "2026-03-29T04:59:00Z", true},
    {"and over then, too", "0 22 * * SAT", "Europe/Berlin", "8h", "2026-03-29T05:00:00Z", false},
    {"New York's change is another week's", "0 9 * * *", "America/New_York", "1h",
     "2026-03-09T13:30:00Z", true},
    {"New York before its change", "0 9 * * *", "America/New_York", "1h", "2026-03-07T14:30:00Z",
     true},
    {"New York's skipped time", "30 2 * * *", "America/New_York", "10m", "2026-03-08T07:35:00Z",
     true},
    {"New York's repeated time", "30 1 * * *", "America/New_York", "10m", "2026-11-01T05:35:00Z",
     true},
    {"New York's repeated time, again", "30 1 * * *", "America/New_York", "10m",
     "2026-11-01T06:35:00Z", false},
    {"rules go on behind the last listed change", "0 8 * * *", "Europe/Berlin", "1h",
     "2061-07-15T06:30:00Z", true},
    {"the south has summer at new year", "0 8 * * *", "Australia/Sydney", "1h",
     "2060-12-31T21:30:00Z", true},
    {"half hours exist", "0 8 * * *", "Asia/Kolkata", "10m", "2026-01-15T02:35:00Z", true},
    {"a change that crosses midnight", "0 0 * * *", "America/Havana", "10m", "2026-03-08T05:05:00Z",
     true},
    {"Dublin's winter is the exception by its rule", "0 8 * * *", "Europe/Dublin", "1h",
     "2060-01-15T08:30:00Z", true},
};

static void a_window_is_open_when_it_should_be(void **state) {
    (void)state;
    bool zones = have_zones();
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        if (questions[i].zone[0] && !zones)
            continue;
        tu_window w = {.cron = tu_str_c(questions[i].cron),
                       .time_zone = tu_str_c(questions[i].zone)};
        assert_true(tu_duration_parse(tu_str_c(questions[i].duration), &w.duration_ms));
        if (tu_window_open(&w, at(questions[i].time)) != questions[i].open)
            fail_msg("%s: %s %s for %s should be %s at %s", questions[i].what, questions[i].cron,
                     questions[i].zone, questions[i].duration, questions[i].open ? "open" : "shut",
                     questions[i].time);
        _cleanup_(tu_arena_done) tu_arena a;
        tu_arena_init(&a, 0);
        assert_int_equal(tu_window_prepare(&a, &w, NULL), TU_OK);
        assert_int_equal(tu_window_open(&w, at(questions[i].time)), questions[i].open);
    }
    if (!zones)
        print_message("no tzdata here: zones were left out\n");
}

static const struct {
    const char *cron, *zone;
    int64_t duration_ms;
    const char *message, *hint;
} refusals[] = {
    {"0 8 * *", "", 1, "five fields", NULL},
    {"", "", 1, "five fields", NULL},
    {"0 8 * * * *", "", 1, "five fields", NULL},
    {"60 8 * * *", "", 1, "minute: '60' is outside 0 to 59", NULL},
    {"0 24 * * *", "", 1, "hour: '24' is outside 0 to 23", NULL},
    {"0 8 0 * *", "", 1, "day of month: '0' is outside 1 to 31", NULL},
    {"0 8 * 13 *", "", 1, "month: '13' is outside 1 to 12", NULL},
    {"0 8 * * 8", "", 1, "day of week: '8' is outside 0 to 7", NULL},
    {"0 8 * * FRY", "", 1, "day of week: 'FRY' is neither", NULL},
    {"0 8 * * MON-", "", 1, "'MON-' is neither", NULL},
    {"0 8 * * 1,,2", "", 1, "'' is neither", NULL},
    {"0 8 20-10 * *", "", 1, "the range '20-10' goes backwards", NULL},
    {"*/0 * * * *", "", 1, "the step in '*/0' must be a number from 1", NULL},
    {"99999 * * * *", "", 1, "minute: '99999'", NULL},
    {"0 8 * * *", "", 0, "more than 0s", NULL},
    {"0 8 * * *", "", INT64_C(367) * 86400000, "at most 366d", NULL},
    {"0 8 * * *", "Europe/Belrin", 1, "unknown time zone 'Europe/Belrin'",
     "did you mean 'Europe/Berlin'?"},
    {"0 8 * * *", "europe/berlin", 1, "unknown time zone", "did you mean 'Europe/Berlin'?"},
    {"0 8 * * *", "Seoul", 1, "unknown time zone", "did you mean 'Asia/Seoul'?"},
    {"0 8 * * *", "America/New York", 1, "unknown time zone", "did you mean 'America/New_York'?"},
    {"0 8 * * *", "../../../etc/passwd", 1, "unknown time zone", NULL},
    {"0 8 * * *", "/etc/localtime", 1, "unknown time zone", NULL},
    {"0 8 * * *", "Europe", 1, "unknown time zone", NULL},
    {"0 8 * * *", "Mars/Olympus_Mons", 1, "unknown time zone", "write an IANA name"},
};

static void a_wrong_window_is_refused_with_the_reason(void **state) {
    (void)state;
    bool zones = have_zones();
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (refusals[i].zone[0] && !zones)
            continue;
        tu_window w = {.cron = tu_str_c(refusals[i].cron),
                       .time_zone = tu_str_c(refusals[i].zone),
                       .duration_ms = refusals[i].duration_ms};
        tu_error *e = NULL;
        assert_int_equal(tu_window_check(&w, &e), TU_EINVALID);
        assert_non_null(e);
        if (!strstr(e->message, refusals[i].message))
            fail_msg("'%s': expected '%s' in '%s'", refusals[i].cron, refusals[i].message,
                     e->message);
        if (refusals[i].hint && (!e->hint || !strstr(e->hint, refusals[i].hint)))
            fail_msg("'%s': expected the hint '%s', got '%s'", refusals[i].zone, refusals[i].hint,
                     e->hint ? e->hint : "none");
        tu_error_free(e);
        assert_false(tu_window_open(&w, 0));
    }
}

static void without_tzdata_only_utc_is_known_and_the_package_is_named(void **state) {
    (void)state;
    setenv("TZDIR", "/nowhere/zoneinfo", 1);
    tu_window w = {.cron = TU_S("0 8 * * *"), .duration_ms = 3600000};
    assert_int_equal(tu_window_check(&w, NULL), TU_OK);
    w.time_zone = TU_S("UTC");
    assert_int_equal(tu_window_check(&w, NULL), TU_OK);
    w.time_zone = TU_S("Europe/Berlin");
    tu_error *e = NULL;
    assert_int_equal(tu_window_check(&w, &e), TU_EINVALID);
    assert_non_null(strstr(e->message, "/nowhere/zoneinfo"));
    assert_non_null(strstr(e->hint, "tzdata"));
    tu_error_free(e);
    unsetenv("TZDIR");
}

/* The C library knows the same zones: every hour and a half of ninety years must agree. TZ is set
 * here, where there are no threads. */
static void offsets_agree_with_the_c_library(void **state) {
    (void)state;
    if (!have_zones())
        skip();
    static const char *const zones[] = {
        "Europe/Berlin",    "America/New_York",  "Asia/Seoul",      "Europe/Dublin",
        "Australia/Sydney", "America/Havana",    "Asia/Kathmandu",  "Africa/Casablanca",
        "Pacific/Apia",     "America/Sao_Paulo", "Europe/Istanbul", "Asia/Tehran",
        "Antarctica/Troll", "Pacific/Chatham",   "Etc/GMT+5",       "Australia/Lord_Howe",
    };
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        _cleanup_(tu_arena_done) tu_arena a;
        tu_arena_init(&a, 0);
        const tu_zone *z;
        assert_int_equal(tu_zone_load(&a, tu_str_c(zones[i]), &z, NULL), TU_OK);
        setenv("TZ", zones[i], 1);
        tzset();
        for (int64_t t = at("1975-01-01T00:00:00Z") / 1000; t < at("2065-01-01T00:00:00Z") / 1000;
             t += 5400) {
            struct tm tm;
            time_t moment = (time_t)t;
            localtime_r(&moment, &tm);
            if (tu_zone_offset(z, t) != tm.tm_gmtoff)
                fail_msg("%s at %lld: %lld, the C library says %ld", zones[i], (long long)t,
                         (long long)tu_zone_offset(z, t), tm.tm_gmtoff);
        }
    }
    unsetenv("TZ");
    tzset();
}

static void dates_and_day_numbers_are_inverse(void **state) {
    (void)state;
    assert_int_equal(tu_day_number(1970, 1, 1), 0);
    assert_int_equal(tu_day_number(2000, 3, 1), 11017);
    assert_int_equal(tu_weekday_of(tu_day_number(2026, 11, 22)), 0);
    for (int64_t day = -800000; day < 800000; day += 13) {
        tu_date d = tu_date_of(day);
        assert_true(d.month >= 1 && d.month <= 12 && d.day >= 1 && d.day <= 31);
        assert_int_equal(tu_day_number(d.year, d.month, d.day), day);
    }
}

static void a_damaged_zone_file_is_refused_at_every_length(void **state) {
    (void)state;
    FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "rb");
    if (!f)
        skip();
    char bytes[8192];
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (size_t cut = 0; cut < n; cut++) {
        _cleanup_(tu_arena_done) tu_arena a;
        tu_arena_init(&a, 0);
        const tu_zone *z = NULL;
        char *copy = malloc(cut ? cut : 1); /* so that reading past the end is seen */
        memcpy(copy, bytes, cut);
        assert_int_equal(tu_zone_parse(&a, (tu_str){copy, cut}, &z, NULL), TU_EINVALID);
        free(copy);
    }
    for (size_t at_byte = 0; at_byte < n; at_byte++) {
        _cleanup_(tu_arena_done) tu_arena a;
        tu_arena_init(&a, 0);
        const tu_zone *z = NULL;
        char byte = bytes[at_byte];
        bytes[at_byte] = (char)(byte ^ 0xff);
        if (tu_zone_parse(&a, (tu_str){bytes, n}, &z, NULL) == TU_OK)
            (void)tu_zone_to_utc(z, 1790000000);
        bytes[at_byte] = byte;
    }
}

/* --- when it changes next ------------------------------------------------------------------------ */

static const struct {
    const char *cron; /* NULL: weekly */
    tu_weekly weekly;
    int64_t duration_ms;
    const char *zone;
} changing[] = {
    {"0 8 * * 1-5", {0}, 10 * 3600000, "Europe/Berlin"},
    {"30 2 * * *", {0}, 45 * 60000, "Europe/Berlin"},
    {"*/20 1-3 * * *", {0}, 10 * 60000, "America/New_York"},
    {"*/20 * * * *", {0}, 20 * 60000, "America/New_York"},
    {"0 0 * * SUN", {0}, 50 * 3600000, "America/Santiago"},
    {"15 1 * 3,4,9,10,11 *", {0}, 2 * 3600000, "Australia/Lord_Howe"},
    {NULL, {0x3e, 0x1ffe, 0, 0, 9 * 3600, 18 * 3600}, 0, "Asia/Seoul"},
    {NULL, {0x7f, 0x1ffe, 0, 0, 22 * 3600, 6 * 3600}, 0, "Europe/Berlin"},
    {NULL, {0x7f, 0x1ffe, 0, 0, 2 * 3600, 3 * 3600}, 0, "Europe/Berlin"},
    {NULL, {0x41, 0x1ffe, 0, 0, 0, 24 * 3600}, 0, "America/Santiago"},
    {NULL, {0x7f, 0x1ffe, 0, 1u << 1, 3600, 5400}, 0, "Australia/Lord_Howe"},
};

/* When clocks change somewhere, and when they don't. */
static const struct {
    const char *from, *to;
} seasons[] = {
    {"2026-03-04T00:00:00Z", "2026-03-12T00:00:00Z"},
    {"2026-03-27T00:00:00Z", "2026-04-08T00:00:00Z"},
    {"2026-06-27T00:00:00Z", "2026-07-03T00:00:00Z"},
    {"2026-09-03T00:00:00Z", "2026-09-09T00:00:00Z"},
    {"2026-10-01T00:00:00Z", "2026-10-06T00:00:00Z"},
    {"2026-10-23T00:00:00Z", "2026-11-04T00:00:00Z"},
};

/* In steps of ten minutes: what `next` says is what happens, and nothing happens before it. */
static void follow(const tu_window *w, size_t number, int64_t now, int64_t end) {
    const int64_t step = 10 * 60000;
    bool open = tu_window_open(w, now);
    int64_t next = tu_window_next(w, now);
    for (; now < end; now += step) {
        bool opens = tu_window_open(w, now);
        char time[32];
        tu_time_format(now, time);
        if (opens != open && (next > now || next <= now - step))
            fail_msg("%zu: a change at %s was not foretold", number, time);
        if (opens == open && next <= now)
            fail_msg("%zu: no change at %s", number, time);
        if (opens == open)
            continue;
        assert_true(tu_window_open(w, next) == opens);
        assert_true(tu_window_open(w, next - 1) == open);
        assert_int_equal(tu_window_next(w, next - 1), next);
        open = opens;
        next = tu_window_next(w, now);
    }
}

static void the_next_change_is_the_next_change(void **state) {
    (void)state;
    if (!have_zones())
        skip();
    for (size_t i = 0; i < sizeof changing / sizeof *changing; i++) {
        _cleanup_(tu_arena_done) tu_arena a;
        tu_arena_init(&a, 0);
        tu_window w = {.cron = tu_str_c(changing[i].cron),
                       .time_zone = tu_str_c(changing[i].zone),
                       .duration_ms = changing[i].duration_ms};
        tu_rc rc = changing[i].cron ? tu_window_prepare(&a, &w, NULL)
                                    : tu_window_prepare_weekly(&a, &w, &changing[i].weekly, NULL);
        assert_int_equal(rc, TU_OK);
        for (size_t k = 0; k < sizeof seasons / sizeof *seasons; k++)
            follow(&w, i, at(seasons[k].from), at(seasons[k].to));
    }
}

static void what_never_changes_is_told_soon(void **state) {
    (void)state;
    _cleanup_(tu_arena_done) tu_arena a;
    tu_arena_init(&a, 0);
    tu_window always = {.cron = TU_S("* * * * *"), .duration_ms = 60000};
    tu_window never = {.cron = TU_S("0 0 30 2 *"), .duration_ms = 60000};
    assert_int_equal(tu_window_prepare(&a, &always, NULL), TU_OK);
    assert_int_equal(tu_window_prepare(&a, &never, NULL), TU_OK);
    int64_t now = at("2026-07-01T12:00:30Z");
    assert_true(tu_window_open(&always, now));
    assert_int_equal(tu_window_next(&always, now), INT64_MAX);
    assert_false(tu_window_open(&never, now));
    assert_int_equal(tu_window_next(&never, now), INT64_MAX);
    tu_window by_hand = {.cron = TU_S("0 13 * * *"), .duration_ms = 60000};
    assert_int_equal(tu_window_next(&by_hand, now), at("2026-07-01T13:00:00Z"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_change_is_the_next_change),
        cmocka_unit_test(what_never_changes_is_told_soon),
        cmocka_unit_test(a_window_is_open_when_it_should_be),
        cmocka_unit_test(a_wrong_window_is_refused_with_the_reason),
        cmocka_unit_test(without_tzdata_only_utc_is_known_and_the_package_is_named),
        cmocka_unit_test(offsets_agree_with_the_c_library),
        cmocka_unit_test(dates_and_day_numbers_are_inverse),
        cmocka_unit_test(a_damaged_zone_file_is_refused_at_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
