/* The outbox as the engine takes from it: turns, what is under way, the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "plugins.h"
#include "store/store.h"

static char *folder;
static tu_store *store;

static int set_up(void **state) {
    (void)state;
    folder = test_scratch_new();
    assert_int_equal(tu_store_open(folder, &store, NULL), TU_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tu_store_close(store);
    test_scratch_remove(folder);
    return 0;
}

static int64_t put(const char *incident, const char *receiver, const char *severity,
                   int64_t next_ms) {
    char message[100];
    snprintf(message, sizeof message, *severity ? "{\"severity\":\"%s\"}" : "no JSON%s", severity);
    tu_delivery d = {.incident = tu_str_c(incident),
                     .receiver = tu_str_c(receiver),
                     .kind = TU_S("firing"),
                     .message = tu_str_c(message),
                     .next_ms = next_ms,
                     .created_ms = next_ms,
                     .expires_ms = next_ms + 1000};
    tu_store_change c = {.wall_ms = next_ms, .deliveries = &d, .delivery_count = 1};
    assert_int_equal(tu_store_commit(store, &c, NULL), TU_OK);
    return d.id;
}

/* "1 2 " : the ids that were handed out, uncertain ones with a question mark */
typedef struct taken {
    char text[200];
    tu_rc answer;
} taken;

static tu_rc take(void *arg, const tu_delivery *d) {
    taken *t = arg;
    size_t n = strlen(t->text);
    snprintf(t->text + n, sizeof t->text - n, "%lld%s ", (long long)d->id, d->uncertain ? "?" : "");
    return t->answer;
}

static const char *turn(int64_t wall_ms, const tu_attempt *attempts, size_t n, tu_due due) {
    static taken t;
    t = (taken){0};
    assert_int_equal(
        tu_store_take_turn(store, wall_ms, attempts, n, &due, due.receiver.n != 0, take, &t, NULL),
        TU_OK);
    return t.text;
}

static const tu_due hook = {.receiver = {"hook", 4}, .limit = 10};

static void what_is_under_way_is_handed_out_once_and_holds_back_its_incident(void **state) {
    (void)state;
    put("a", "hook", "info", 0);
    put("a", "hook", "info", 0);
    put("b", "hook", "info", 5);
    put("a", "pager", "info", 0);
    put("", "hook", "info", 6); /* of no incident: in no order */
    put("", "hook", "info", 6);
    assert_string_equal(turn(5, NULL, 0, hook), "1 3 ");
    assert_string_equal(turn(6, NULL, 0, hook), "5 6 ");
    assert_string_equal(turn(9, NULL, 0, hook), "");
    const tu_attempt ended[] = {
        {.delivery_id = 1, .outcome = TU_OK, .state = TU_DELIVERY_DELIVERED},
        {.delivery_id = 3, .outcome = TU_EUNAVAILABLE, .state = TU_DELIVERY_PENDING, .next_ms = 50},
    };
    assert_string_equal(turn(9, ended, 2, hook), "2 "); /* in the same turn */
    assert_string_equal(turn(50, NULL, 0, hook), "3 ");
}

static void a_turn_that_fails_hands_out_nothing_and_records_nothing(void **state) {
    const tu_attempt ended = {.delivery_id = 1, .outcome = TU_OK, .state = TU_DELIVERY_DELIVERED};
    (void)state;
    put("a", "hook", "info", 0);
    put("b", "hook", "info", 0);
    put("c", "hook", "info", 0);
    assert_string_equal(turn(1, NULL, 0, (tu_due){.receiver = TU_S("hook"), .limit = 1}), "1 ");
    tu_due due = hook;
    taken t = {.answer = TU_ECANCELLED};
    assert_int_equal(tu_store_take_turn(store, 1, &ended, 1, &due, 1, take, &t, NULL),
                     TU_ECANCELLED);
    assert_string_equal(turn(1, &ended, 1, hook), "2 3 ");
    int64_t counts[3];
    assert_int_equal(tu_store_delivery_counts(store, counts, NULL), TU_OK);
    assert_int_equal(counts[TU_DELIVERY_DELIVERED], 1);
}

static void a_turn_survives_running_out_of_memory(void **state) {
    (void)state;
    put("a", "hook", "info", 0);
    tu_due due = hook;
    for (size_t n = 1; n < 10; n++) {
        taken t = {0};
        tu_mem_fail_after(n);
        tu_rc rc = tu_store_take_turn(store, 1, NULL, 0, &due, 1, take, &t, NULL);
        tu_mem_fail_after(0);
        if (rc == TU_OK) {
            assert_string_equal(t.text, "1 ");
            return;
        }
    }
    fail_msg("memory was never enough");
}

static void it_says_when_the_next_one_is_due(void **state) {
    tu_due due = hook;
    taken t = {0};
    (void)state;
    assert_int_equal(tu_store_take_turn(store, 1, NULL, 0, &due, 1, take, &t, NULL), TU_OK);
    assert_int_equal(due.ret_next_ms, -1);
    put("a", "hook", "info", 0);
    put("a", "hook", "info", 3); /* behind the first: not before that has ended */
    put("b", "hook", "info", 70);
    assert_int_equal(tu_store_take_turn(store, 1, NULL, 0, &due, 1, take, &t, NULL), TU_OK);
    assert_int_equal(due.ret_next_ms, 70);
}

static void the_probe_is_the_severest_and_of_these_the_oldest(void **state) {
    const tu_due probe = {.receiver = TU_S("hook"), .limit = 1, .probe = true};
    (void)state;
    put("a", "hook", "", 0);
    put("b", "hook", "info", 0);
    put("c", "hook", "critical", 9); /* not due yet */
    put("d", "hook", "warning", 0);
    put("e", "hook", "critical", 0);
    put("f", "hook", "critical", 0);
    assert_string_equal(turn(1, NULL, 0, probe), "5 ");
    assert_string_equal(turn(1, NULL, 0, probe), "6 ");
    assert_string_equal(turn(1, NULL, 0, probe), "4 ");
    assert_string_equal(turn(1, NULL, 0, probe), "1 "); /* what says nothing is like info */
    assert_string_equal(turn(1, NULL, 0, probe), "2 ");
    assert_string_equal(turn(1, NULL, 0, probe), "");
    assert_string_equal(turn(9, NULL, 0, probe), "3 ");
}

static void what_is_past_its_deadline_is_found_whether_it_is_due_or_not(void **state) {
    (void)state;
    put("a", "hook", "info", 0); /* until 1000 */
    put("b", "hook", "info", 500);
    const tu_attempt later = {.delivery_id = 1,
                              .outcome = TU_EUNAVAILABLE,
                              .state = TU_DELIVERY_PENDING,
                              .next_ms = 90000};
    turn(0, NULL, 0, hook);
    turn(0, &later, 1, (tu_due){0});
    tu_due expired = {.receiver = TU_S("hook"), .limit = 10, .expired_ms = 999};
    assert_string_equal(turn(999, NULL, 0, expired), "");
    expired.expired_ms = 1000;
    assert_string_equal(turn(1000, NULL, 0, expired), "1 ");
}

static void what_was_given_back_was_no_attempt(void **state) {
    const tu_attempt back[] = {{.delivery_id = 1, .outcome = TU_ECANCELLED},
                               {.delivery_id = 2, .outcome = TU_ECANCELLED, .uncertain = true}};
    (void)state;
    put("a", "hook", "info", 0);
    put("b", "hook", "info", 0);
    assert_string_equal(turn(1, NULL, 0, hook), "1 2 ");
    assert_string_equal(turn(1, back, 2, hook), "1 2? ");
}

static void after_a_crash_what_was_under_way_is_uncertain(void **state) {
    (void)state;
    put("a", "hook", "info", 0);
    put("b", "hook", "info", 7);
    assert_string_equal(turn(1, NULL, 0, hook), "1 ");
    tu_store_close(store);
    assert_int_equal(tu_store_open(folder, &store, NULL), TU_OK);
    assert_int_equal(tu_store_recover_queue(store, 1, 3600000, NULL), TU_OK);
    assert_string_equal(turn(1, NULL, 0, hook), "1? 2 "); /* 2: the clock was put back, perhaps */
}

static void a_clock_put_forward_moves_deadlines_of_what_is_older(void **state) {
    const tu_due expired = {.receiver = TU_S("hook"), .limit = 10, .expired_ms = 3602000};
    (void)state;
    put("a", "hook", "info", 0);       /* until 1000 of the old clock */
    put("b", "hook", "info", 3600100); /* made after it was put forward: until 3601100 */
    assert_int_equal(tu_store_clock_jumped(store, 3600200, 3600000, NULL), TU_OK);
    assert_string_equal(
        turn(3600999, NULL, 0,
             (tu_due){.receiver = TU_S("hook"), .limit = 10, .expired_ms = 3600999}),
        "");
    assert_string_equal(turn(3602000, NULL, 0, expired), "1 2 ");
}

static void a_clock_put_back_keeps_nobody_waiting(void **state) {
    (void)state;
    put("a", "hook", "info", 3600000);
    assert_string_equal(turn(1, NULL, 0, hook), "");
    assert_int_equal(tu_store_clock_jumped(store, 1, -3600000, NULL), TU_OK);
    assert_string_equal(turn(1, NULL, 0, hook), "1 ");
}

static tu_rc see_backlog(void *arg, const tu_backlog *b) {
    char *text = arg;
    size_t n = strlen(text);
    snprintf(text + n, 200 - n, "%.*s:%lld:%lld:%lld ", TU_P(b->receiver), (long long)b->pending,
             (long long)b->oldest_ms, (long long)b->retry_ms);
    return TU_OK;
}

static void the_backlog_is_counted_by_receiver(void **state) {
    const tu_attempt ended[] = {
        {.delivery_id = 2, .outcome = TU_ETHROTTLED, .state = TU_DELIVERY_PENDING, .next_ms = 9000},
        {.delivery_id = 3, .outcome = TU_OK, .state = TU_DELIVERY_DELIVERED},
    };
    char text[200] = "";
    (void)state;
    put("a", "pager", "info", 4);
    put("a", "hook", "info", 5);
    put("b", "hook", "info", 6);
    put("c", "hook", "info", 7);
    turn(9, NULL, 0, hook);
    turn(9, ended, 2, (tu_due){0});
    assert_int_equal(tu_store_backlog(store, see_backlog, text, NULL), TU_OK);
    assert_string_equal(text, "hook:2:5:9000 pager:1:4:0 ");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_under_way_is_handed_out_once_and_holds_back_its_incident),
        TEST(a_turn_that_fails_hands_out_nothing_and_records_nothing),
        TEST(a_turn_survives_running_out_of_memory),
        TEST(it_says_when_the_next_one_is_due),
        TEST(the_probe_is_the_severest_and_of_these_the_oldest),
        TEST(what_is_past_its_deadline_is_found_whether_it_is_due_or_not),
        TEST(what_was_given_back_was_no_attempt),
        TEST(after_a_crash_what_was_under_way_is_uncertain),
        TEST(a_clock_put_forward_moves_deadlines_of_what_is_older),
        TEST(a_clock_put_back_keeps_nobody_waiting),
        TEST(the_backlog_is_counted_by_receiver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
