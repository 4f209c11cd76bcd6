/* When a receiver may be sent to, and what becomes of a delivery, on a virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/backoff.h"
#include "alert/deliver.h"

#define COUNT(t) (sizeof(t) / sizeof *(t))
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

static tu_outcome outcome(tu_rc rc) {
    return (tu_outcome){.rc = rc};
}

/* --- one delivery ----------------------------------------------------------------------------- */

static void the_class_of_the_outcome_decides(void **state) {
    (void)state;
    static const struct {
        tu_rc outcome;
        const char *code;
        bool brief_before;
        tu_delivery_state state;
        bool uncertain, brief;
    } cases[] = {
        {TU_OK, "", false, TU_DELIVERY_DELIVERED, false, false},
        {TU_EUNAVAILABLE, "dns", false, TU_DELIVERY_PENDING, false, false},
        {TU_EUNAVAILABLE, "http-503", false, TU_DELIVERY_PENDING, false, false},
        {TU_ETHROTTLED, "http-429", false, TU_DELIVERY_PENDING, false, false},
        {TU_ETIMEOUT, "stalled", false, TU_DELIVERY_PENDING, true, false},
        {TU_EINTERNAL, "", false, TU_DELIVERY_PENDING, false, false},
        {TU_ECANCELLED, "", false, TU_DELIVERY_PENDING, false, false},
        {TU_EREFUSED, "too-large", false, TU_DELIVERY_PENDING, false, true},
        {TU_EREFUSED, "too-large", true, TU_DELIVERY_DEAD, false, false},
        {TU_EREFUSED, "policy", false, TU_DELIVERY_DEAD, false, false},
        {TU_EINVALID, "http-400", false, TU_DELIVERY_DEAD, false, false},
        {TU_EINVALID, "too-large", false, TU_DELIVERY_DEAD, false, false},
        {TU_EDENIED, "http-401", false, TU_DELIVERY_DEAD, false, false},
        {TU_ENOTFOUND, "http-404", false, TU_DELIVERY_DEAD, false, false},
        {TU_ECONFLICT, "http-409", false, TU_DELIVERY_DEAD, false, false},
        {TU_EUNSUPPORTED, "", false, TU_DELIVERY_DEAD, false, false},
        {TU_EINTEGRITY, "tls-verify", false, TU_DELIVERY_DEAD, false, false},
        {-99, "", false, TU_DELIVERY_DEAD, false, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tu_delivery d = {
            .created_ms = 1000, .expires_ms = 86401000, .brief = cases[i].brief_before};
        const tu_outcome o = {.rc = cases[i].outcome, .code = tu_str_c(cases[i].code)};
        tu_alert_next next = tu_alert_after(&d, &o, 2000, 0.5);
        if (next.state != cases[i].state || next.uncertain != cases[i].uncertain ||
            next.brief != cases[i].brief)
            fail_msg("case %zu: outcome %d, code %s", i, cases[i].outcome, cases[i].code);
        if (cases[i].brief || cases[i].outcome == TU_ECANCELLED)
            assert_int_equal(next.next_ms, 2000); /* at once */
    }
}

static void waits_grow_and_obey_the_receiver(void **state) {
    (void)state;
    static const struct {
        int32_t attempts;
        double random;
        int64_t retry_after_ms, wait_ms;
    } cases[] = {
        {0, 0.0, 0, 100},
        {0, 0.5, 0, 1000},
        {0, 0.999999, 0, 1999},
        {1, 0.5, 0, 2000},
        {3, 0.5, 0, 8000},
        {7, 0.5, 0, 128000},
        {8, 0.5, 0, 150000},
        {1000, 0.5, 0, 150000},
        {INT32_MAX, 0.5, 0, 150000},
        {0, 0.5, 30000, 30000},
        {0, 0.5, 5, 1000},
        {8, 0.5, 1000, 150000},
        {0, 0.5, INT64_MAX, 3600000},
        {0, 0.5, -5, 1000},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tu_delivery d = {
            .created_ms = 1000, .expires_ms = 86401000, .attempts = cases[i].attempts};
        const tu_outcome o = {.rc = TU_ETHROTTLED, .retry_after_ms = cases[i].retry_after_ms};
        tu_alert_next next = tu_alert_after(&d, &o, 2000, cases[i].random);
        assert_int_equal(next.state, TU_DELIVERY_PENDING);
        if (next.next_ms != 2000 + cases[i].wait_ms)
            fail_msg("case %zu waits %lld ms", i, (long long)next.next_ms - 2000);
    }
}

static void a_message_that_is_too_old_is_dead(void **state) {
    static const tu_outcome down = {.rc = TU_EUNAVAILABLE}, ok = {.rc = TU_OK};
    static const tu_outcome later = {.rc = TU_ETHROTTLED, .retry_after_ms = 5000};
    tu_delivery d = {.created_ms = 0, .expires_ms = 86400000, .attempts = 50};
    (void)state;
    tu_alert_next next = tu_alert_after(&d, &down, 86399000, 0.5);
    assert_int_equal(next.state, TU_DELIVERY_PENDING);
    assert_int_equal(next.next_ms, 86400000); /* one more at the very end */
    assert_int_equal(tu_alert_after(&d, &down, 86400000, 0.5).state, TU_DELIVERY_DEAD);
    assert_int_equal(tu_alert_after(&d, &later, 86399000, 0.5).state,
                     TU_DELIVERY_DEAD); /* not before it may */
    assert_int_equal(tu_alert_after(&d, &ok, 99999999, 0.5).state, TU_DELIVERY_DELIVERED);
    d.expires_ms = 0; /* none given: 24 h after it was made */
    assert_int_equal(tu_alert_after(&d, &down, 86399999, 0.5).state, TU_DELIVERY_PENDING);
    assert_int_equal(tu_alert_after(&d, &down, 86400000, 0.5).state, TU_DELIVERY_DEAD);
}

static void an_unreachable_receiver_is_tried_for_a_day_and_not_without_end(void **state) {
    static const tu_outcome down = {.rc = TU_EUNAVAILABLE};
    tu_delivery d = {.created_ms = 0, .expires_ms = 86400000};
    int64_t now = 0;
    (void)state;
    for (;; d.attempts++) {
        tu_alert_next next = tu_alert_after(&d, &down, now, 0.5);
        if (next.state == TU_DELIVERY_DEAD)
            break;
        assert_true(next.next_ms > now);
        now = next.next_ms;
    }
    assert_int_equal(now, 86400000);
    assert_in_range(d.attempts, 500, 700);
}

/* --- the rate --------------------------------------------------------------------------------- */

/* Sends as fast as it may until the clock has gone so far; returns how many. */
static size_t send_for(tu_receiver *r, int64_t *boot_ms, int64_t ms) {
    int64_t end = *boot_ms + ms, when = 0;
    size_t sent = 0;
    for (;;) {
        size_t may = tu_receiver_may(r, *boot_ms, &when);
        assert_true(may != SIZE_MAX);
        for (; may; may--, sent++)
            tu_receiver_sent(r, *boot_ms);
        assert_int_equal(tu_receiver_may(r, *boot_ms, &when), 0);
        assert_true(when > *boot_ms);
        if (when >= end)
            break;
        *boot_ms = when;
    }
    *boot_ms = end;
    return sent;
}

static void a_bucket_lets_through_what_its_rate_says_and_no_more(void **state) {
    static const struct {
        int64_t messages, per_ms, ms;
        size_t sent; /* a full bucket, and what came in meanwhile */
    } cases[] = {
        {1, 1000, 10 * SECOND, 10}, {1, 1000, 10 * SECOND + 1, 11},  {100, MINUTE, HOUR, 6100 - 1},
        {3, 1000, SECOND, 5},       {7, 60 * MINUTE, 10 * HOUR, 76}, {2, SECOND, MINUTE, 121},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t boot = 123456;
        tu_receiver r;
        tu_receiver_init(&r, cases[i].messages, cases[i].per_ms, boot);
        size_t sent = send_for(&r, &boot, cases[i].ms);
        if (sent != cases[i].sent)
            fail_msg("case %zu: %zu", i, sent);
    }
}

static void a_bucket_that_rested_holds_no_more_than_one_period(void **state) {
    int64_t boot = 1000;
    tu_receiver r;
    (void)state;
    tu_receiver_init(&r, 3, SECOND, boot);
    send_for(&r, &boot, MINUTE);
    boot += 365 * 24 * HOUR;
    assert_int_equal(tu_receiver_may(&r, boot, NULL), 3);
}

static void without_a_rate_there_is_no_limit(void **state) {
    tu_receiver r;
    (void)state;
    tu_receiver_init(&r, 0, 0, 5);
    for (int i = 0; i < 10000; i++) {
        assert_true(tu_receiver_may(&r, 5, NULL) == SIZE_MAX);
        tu_receiver_sent(&r, 5);
    }
}

static void a_rate_out_of_all_bounds_does_no_harm(void **state) {
    tu_receiver r;
    (void)state;
    tu_receiver_init(&r, INT64_MAX, INT64_MAX, 0);
    assert_int_equal(tu_receiver_may(&r, INT64_MAX / 2, NULL), 1000000);
    tu_receiver_init(&r, 1, -5, 0);
    assert_int_equal(tu_receiver_may(&r, 10, NULL), 1);
}

/* --- the pause -------------------------------------------------------------------------------- */

static void retry_after_pauses_the_whole_receiver(void **state) {
    const tu_outcome slow = {.rc = TU_ETHROTTLED, .retry_after_ms = 30 * SECOND};
    const tu_outcome busy = {.rc = TU_EUNAVAILABLE, .retry_after_ms = 2 * HOUR};
    const tu_outcome refused = {.rc = TU_EINVALID, .retry_after_ms = HOUR};
    tu_receiver r;
    int64_t when = 0;
    (void)state;
    tu_receiver_init(&r, 0, 0, 0);
    tu_receiver_answered(&r, &slow, false, 0.5, 1000);
    assert_int_equal(tu_receiver_may(&r, 30999, &when), 0);
    assert_int_equal(when, 31000);
    assert_true(tu_receiver_may(&r, 31000, NULL) > 0);
    tu_receiver_answered(&r, &busy, false, 0.5, 40000); /* an hour at most */
    assert_int_equal(tu_receiver_may(&r, 40000 + HOUR - 1, &when), 0);
    assert_true(tu_receiver_may(&r, 40000 + HOUR, NULL) > 0);
    tu_receiver_answered(&r, &refused, false, 0.5, 40000 + HOUR); /* about one message */
    assert_true(tu_receiver_may(&r, 40000 + HOUR, NULL) > 0);
}

static void an_answer_on_the_way_does_not_shorten_a_pause(void **state) {
    const tu_outcome slow = {.rc = TU_ETHROTTLED, .retry_after_ms = MINUTE};
    const tu_outcome sooner = {.rc = TU_ETHROTTLED, .retry_after_ms = SECOND};
    const tu_outcome ok = {.rc = TU_OK};
    tu_receiver r;
    (void)state;
    tu_receiver_init(&r, 0, 0, 0);
    tu_receiver_answered(&r, &slow, false, 0.5, 0);
    tu_receiver_answered(&r, &ok, false, 0.5, 100);
    tu_receiver_answered(&r, &sooner, false, 0.5, 100);
    assert_int_equal(tu_receiver_may(&r, MINUTE - 1, NULL), 0);
}

static void slow_down_without_a_time_waits_longer_each_time(void **state) {
    const tu_outcome slow = {.rc = TU_ETHROTTLED}, ok = {.rc = TU_OK};
    int64_t boot = 0, waits[12], when;
    tu_receiver r;
    (void)state;
    tu_receiver_init(&r, 0, 0, 0);
    for (size_t i = 0; i < COUNT(waits); i++) {
        tu_receiver_answered(&r, &slow, false, 0.5, boot);
        assert_int_equal(tu_receiver_may(&r, boot, &when), 0);
        waits[i] = when - boot;
        assert_true(i == 0 || waits[i] >= waits[i - 1]);
        boot = when;
    }
    assert_int_equal(waits[0], 1000);
    assert_int_equal(waits[11], TU_BACKOFF_LONGEST_MS / 2);
    tu_receiver_answered(&r, &ok, false, 0.5, boot);
    tu_receiver_answered(&r, &slow, false, 0.5, boot);
    tu_receiver_may(&r, boot, &when);
    assert_int_equal(when - boot, 1000);
    assert_int_equal(r.breaker, TU_BREAKER_CLOSED); /* it is up, and says so */
}

/* --- the breaker ------------------------------------------------------------------------------ */

static void answer(tu_receiver *r, tu_rc rc, int64_t boot_ms) {
    const tu_outcome o = outcome(rc);
    tu_receiver_answered(r, &o, false, 0.5, boot_ms);
}

static void five_failures_in_a_row_open_the_breaker(void **state) {
    static const tu_rc failures[] = {TU_EUNAVAILABLE, TU_ETIMEOUT, TU_EINTERNAL};
    (void)state;
    for (size_t f = 0; f < COUNT(failures); f++) {
        tu_receiver r;
        int64_t when;
        tu_receiver_init(&r, 0, 0, 0);
        for (int i = 0; i < 4; i++)
            answer(&r, failures[f], i);
        answer(&r, TU_OK, 4);
        for (int i = 0; i < 4; i++)
            answer(&r, failures[f], 5 + i);
        assert_int_equal(r.breaker, TU_BREAKER_CLOSED);
        assert_true(tu_receiver_may(&r, 9, NULL) > 0);
        answer(&r, failures[f], 9);
        assert_int_equal(r.breaker, TU_BREAKER_OPEN);
        assert_int_equal(tu_receiver_may(&r, 9, &when), 0);
        assert_int_equal(when, 9 + 30 * SECOND);
    }
}

static void refusals_and_throttling_open_nothing(void **state) {
    static const tu_rc answers[] = {TU_EINVALID,   TU_EDENIED,  TU_ENOTFOUND,
                                    TU_EINTEGRITY, TU_EREFUSED, TU_ETHROTTLED};
    tu_receiver r;
    (void)state;
    tu_receiver_init(&r, 0, 0, 0);
    for (int i = 0; i < 1000; i++)
        answer(&r, answers[(size_t)i % COUNT(answers)], i);
    assert_int_equal(r.breaker, TU_BREAKER_CLOSED);
}

static void half_of_twenty_in_two_minutes_open_the_breaker(void **state) {
    tu_receiver r;
    (void)state;
    tu_receiver_init(&r, 0, 0, 0);
    for (int i = 0; i < 18; i++) /* every other one */
        answer(&r, i % 2 ? TU_OK : TU_EUNAVAILABLE, i * SECOND);
    assert_int_equal(r.breaker, TU_BREAKER_CLOSED);
    answer(&r, TU_EUNAVAILABLE, 18 * SECOND);
    assert_int_equal(r.breaker, TU_BREAKER_CLOSED);
    answer(&r, TU_EUNAVAILABLE, 19 * SECOND);
    assert_int_equal(r.breaker, TU_BREAKER_OPEN);

    tu_receiver_init(&r, 0, 0, 0);
    for (int i = 0; i < 200; i++) /* the same, over more than two minutes */
        answer(&r, i % 2 ? TU_OK : TU_EUNAVAILABLE, i * 15 * SECOND);
    assert_int_equal(r.breaker, TU_BREAKER_CLOSED);

    tu_receiver_init(&r, 0, 0, 0);
    for (int i = 0; i < 300; i++) /* every third one */
        answer(&r, i % 3 ? TU_OK : TU_EUNAVAILABLE, i * 100);
    assert_int_equal(r.breaker, TU_BREAKER_CLOSED);
}

static int64_t open_it(tu_receiver *r, int64_t boot_ms) {
    for (int i = 0; i < 5; i++)
        answer(r, TU_EUNAVAILABLE, boot_ms);
    assert_int_equal(r->breaker, TU_BREAKER_OPEN);
    return r->open_until_ms;
}

static void one_probe_at_a_time_until_one_arrives(void **state) {
    const tu_outcome down = outcome(TU_EUNAVAILABLE), ok = outcome(TU_OK);
    int64_t boot = 0, when, cools[8];
    tu_receiver r;
    (void)state;
    tu_receiver_init(&r, 0, 0, 0);
    when = open_it(&r, 0);
    for (size_t i = 0; i < COUNT(cools); i++) {
        cools[i] = when - boot;
        boot = when;
        assert_int_equal(tu_receiver_may(&r, boot, NULL), 1);
        assert_int_equal(r.breaker, TU_BREAKER_HALF_OPEN);
        assert_true(tu_receiver_sent(&r, boot));
        assert_int_equal(tu_receiver_may(&r, boot, &when), 0); /* the others wait for its answer */
        assert_true(when == INT64_MAX);
        tu_receiver_answered(&r, &down, true, 0.5, boot);
        assert_int_equal(tu_receiver_may(&r, boot, &when), 0);
    }
    static const int64_t expected[] = {30, 60, 120, 240, 480, 600, 600, 600};
    for (size_t i = 0; i < COUNT(cools); i++)
        assert_int_equal(cools[i], expected[i] * SECOND);
    assert_int_equal(tu_receiver_may(&r, when, NULL), 1);
    assert_true(tu_receiver_sent(&r, when));
    tu_receiver_answered(&r, &ok, true, 0.5, when);
    assert_int_equal(r.breaker, TU_BREAKER_CLOSED);
    assert_true(tu_receiver_may(&r, when, NULL) == SIZE_MAX);
    assert_int_equal(open_it(&r, when), when + 30 * SECOND); /* from the beginning again */
}

static void a_refusal_of_the_probe_closes_the_breaker(void **state) {
    const tu_outcome refused = outcome(TU_EINVALID);
    tu_receiver r;
    (void)state;
    tu_receiver_init(&r, 0, 0, 0);
    int64_t when = open_it(&r, 0);
    assert_int_equal(tu_receiver_may(&r, when, NULL), 1);
    tu_receiver_answered(&r, &refused, tu_receiver_sent(&r, when), 0.5, when);
    assert_int_equal(r.breaker, TU_BREAKER_CLOSED);
}

static void what_was_under_way_when_it_opened_says_nothing_new(void **state) {
    const tu_outcome down = outcome(TU_EUNAVAILABLE), stopped = outcome(TU_ECANCELLED);
    tu_receiver r;
    (void)state;
    tu_receiver_init(&r, 0, 0, 0);
    int64_t when = open_it(&r, 0);
    for (int i = 0; i < 20; i++)
        tu_receiver_answered(&r, &down, false, 0.5, 1000);
    assert_int_equal(r.open_until_ms, when);
    assert_int_equal(tu_receiver_may(&r, when, NULL), 1);
    assert_true(tu_receiver_sent(&r, when));
    tu_receiver_answered(&r, &down, false, 0.5, when); /* not the probe */
    assert_int_equal(r.breaker, TU_BREAKER_HALF_OPEN);
    tu_receiver_answered(&r, &stopped, true, 0.5, when); /* no attempt: another one may be it */
    assert_int_equal(tu_receiver_may(&r, when, NULL), 1);
}

static void a_late_answer_of_an_earlier_message_closes_it_too(void **state) {
    tu_receiver r;
    (void)state;
    tu_receiver_init(&r, 0, 0, 0);
    open_it(&r, 0);
    answer(&r, TU_OK, 1000);
    assert_int_equal(r.breaker, TU_BREAKER_CLOSED);
}

static void the_probe_obeys_pause_and_rate(void **state) {
    const tu_outcome slow = {.rc = TU_ETHROTTLED, .retry_after_ms = 10 * MINUTE};
    tu_receiver r;
    int64_t when = 0;
    (void)state;
    tu_receiver_init(&r, 1, HOUR, 0);
    tu_receiver_sent(&r, 0);
    open_it(&r, 0);
    assert_int_equal(tu_receiver_may(&r, MINUTE, &when), 0);
    assert_int_equal(when, HOUR);
    assert_int_equal(tu_receiver_may(&r, HOUR, NULL), 1);
    tu_receiver_answered(&r, &slow, tu_receiver_sent(&r, HOUR), 0.5, HOUR);
    assert_int_equal(r.breaker, TU_BREAKER_CLOSED); /* it answers */
    assert_int_equal(tu_receiver_may(&r, HOUR + 1, &when), 0);
    assert_int_equal(when, HOUR + 10 * MINUTE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_class_of_the_outcome_decides),
        cmocka_unit_test(waits_grow_and_obey_the_receiver),
        cmocka_unit_test(a_message_that_is_too_old_is_dead),
        cmocka_unit_test(an_unreachable_receiver_is_tried_for_a_day_and_not_without_end),
        cmocka_unit_test(a_bucket_lets_through_what_its_rate_says_and_no_more),
        cmocka_unit_test(a_bucket_that_rested_holds_no_more_than_one_period),
        cmocka_unit_test(without_a_rate_there_is_no_limit),
        cmocka_unit_test(a_rate_out_of_all_bounds_does_no_harm),
        cmocka_unit_test(retry_after_pauses_the_whole_receiver),
        cmocka_unit_test(an_answer_on_the_way_does_not_shorten_a_pause),
        cmocka_unit_test(slow_down_without_a_time_waits_longer_each_time),
        cmocka_unit_test(five_failures_in_a_row_open_the_breaker),
        cmocka_unit_test(refusals_and_throttling_open_nothing),
        cmocka_unit_test(half_of_twenty_in_two_minutes_open_the_breaker),
        cmocka_unit_test(one_probe_at_a_time_until_one_arrives),
        cmocka_unit_test(a_refusal_of_the_probe_closes_the_breaker),
        cmocka_unit_test(what_was_under_way_when_it_opened_says_nothing_new),
        cmocka_unit_test(a_late_answer_of_an_earlier_message_closes_it_too),
        cmocka_unit_test(the_probe_obeys_pause_and_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
