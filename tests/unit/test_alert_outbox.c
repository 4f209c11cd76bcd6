/*
 * The outbox as a whole, under a virtual clock: random events, a receiver that fails in every way,
 * and a process that dies between sending and writing the outcome. Whatever happens:
 *
 *   every message is delivered at least once or is dead
 *   one drift's messages reach a receiver in their order
 *   a key always comes with the same bytes, and another message has another key
 *   nobody is asked again before the time that they asked for
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alert/alert.h"
#include "alert/deliver.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

enum { DRIFTS = 20, RECEIVERS = 2, EVENTS = 3 };
static const char *const receivers[RECEIVERS] = {"hook", "pager"};
static const char *const kinds[EVENTS] = {"firing", "update", "resolved"};

typedef struct world {
    char folder[32];
    tu_store *store;
    tu_clock clock;
    uint64_t random;
    bool reliable; /* the receivers answer well from now on */
    tu_drift drifts[DRIFTS];
    int told[DRIFTS]; /* events so far */
    int64_t delivery_ids[DRIFTS][RECEIVERS][EVENTS];
    int64_t last_seen[DRIFTS][RECEIVERS];  /* the newest delivery that arrived */
    int64_t not_before[DRIFTS][RECEIVERS]; /* what the receiver asked for */
    tu_map bytes_of_key;                   /* key -> malloc'd message */
    size_t arrived, crashes, dead;
} world;

static uint32_t draw(world *w, uint32_t below) {
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(w->random >> 33) % below;
}

static void open_store(world *w) {
    tu_error *e = NULL;
    if (tu_store_open(w->folder, &w->store, &e) != TU_OK)
        fail_msg("%s", tu_error_text(e));
}

static void crash(world *w) {
    tu_store_close(w->store);
    open_store(w);
    w->crashes++;
}

/* The next event in a drift's life, as the engine commits it. */
static void tell(world *w, int i) {
    static const char *const findings[EVENTS] = {"{\"name\":\"a\",\"changes\":[]}",
                                                 "{\"name\":\"a\",\"reason\":\"more\"}", "{}"};
    static char names[DRIFTS][8];
    int event = w->told[i]++;
    tu_drift *d = &w->drifts[i];
    int64_t now = tu_clock_wall(&w->clock);
    snprintf(names[i], sizeof names[i], "d%d", i);
    if (event == 0)
        *d = (tu_drift){.rule = TU_S("r"),
                        .object.name = tu_str_c(names[i]),
                        .verdict = TU_VERDICT_DRIFTED,
                        .opened_ms = now};
    d->updated_ms = now;
    d->finding = tu_str_c(findings[event]);
    if (event == EVENTS - 1) {
        d->state = TU_DRIFT_RESOLVED;
        d->resolved_ms = now;
    }
    _cleanup_(tu_buf_done) tu_buf message = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_buf_addf(&message, "{\"event\":\"%s\",\"name\":\"%.*s\",\"at\":%lld}", kinds[event],
                TU_P(d->object.name), (long long)now);
    tu_delivery deliveries[RECEIVERS];
    for (int r = 0; r < RECEIVERS; r++)
        deliveries[r] = (tu_delivery){.receiver = tu_str_c(receivers[r]),
                                      .kind = tu_str_c(kinds[event]),
                                      .message = tu_buf_str(&message),
                                      .next_ms = now,
                                      .created_ms = now,
                                      .expires_ms = now + 86400000};
    tu_store_change change = {
        .wall_ms = now, .drift = d, .deliveries = deliveries, .delivery_count = RECEIVERS};
    assert_int_equal(tu_store_commit(w->store, &change, NULL), TU_OK);
    for (int r = 0; r < RECEIVERS; r++)
        w->delivery_ids[i][r][event] = deliveries[r].id;
}

typedef struct batch {
    world *w;
    tu_arena arena;
    tu_delivery items[64];
    size_t n;
} batch;

static tu_rc take(void *arg, const tu_delivery *d) {
    batch *b = arg;
    tu_delivery *copy = &b->items[b->n++];
    *copy = *d;
    copy->receiver = tu_arena_copy(&b->arena, d->receiver);
    copy->key = tu_arena_copy(&b->arena, d->key);
    copy->message = tu_arena_copy(&b->arena, d->message);
    copy->kind = tu_arena_copy(&b->arena, d->kind);
    return TU_OK;
}

static int receiver_of(const tu_delivery *d) {
    return tu_str_is(d->receiver, "hook") ? 0 : 1;
}

static int drift_of(const world *w, const tu_delivery *d) {
    for (int i = 0; i < DRIFTS; i++)
        if (w->drifts[i].id == d->drift_id)
            return i;
    fail_msg("a delivery of no drift");
    return 0;
}

static void arrive(world *w, const tu_delivery *d) {
    int i = drift_of(w, d), r = receiver_of(d);
    assert_true(d->id >= w->last_seen[i][r]); /* again, or the next one: never one that is older */
    w->last_seen[i][r] = d->id;
    w->arrived++;
    const char *known = tu_map_get(&w->bytes_of_key, d->key);
    if (known)
        assert_true(tu_str_is(d->message, known));
    else
        tu_map_put(&w->bytes_of_key, d->key, tu_xstrdup(d->message.p));
}

/* One attempt. False when the process died before it could write the outcome. */
static bool attempt(world *w, const tu_delivery *d) {
    int i = drift_of(w, d), r = receiver_of(d);
    int64_t now = tu_clock_wall(&w->clock), retry_after = 0;
    assert_true(now >= w->not_before[i][r]);
    tu_rc outcome = TU_OK;
    uint32_t luck = w->reliable ? 0 : draw(w, 10);
    if (luck >= 4 && luck <= 6) {
        outcome = luck == 4 ? TU_ETIMEOUT : TU_EUNAVAILABLE;
    } else if (luck == 7) {
        outcome = TU_ETHROTTLED;
        retry_after = 1000 + draw(w, 100000);
        w->not_before[i][r] = now + retry_after;
    } else if (luck == 8 && draw(w, 4) == 0) {
        outcome = TU_EDENIED;
    }
    if (outcome == TU_OK || outcome == TU_ETIMEOUT) /* a timeout may have arrived */
        arrive(w, d);
    if (luck == 9) {
        crash(w);
        return false;
    }
    const tu_outcome ended = {.rc = outcome, .retry_after_ms = retry_after};
    tu_alert_next next = tu_alert_after(d, &ended, now, draw(w, 1000) / 1000.0);
    w->dead += next.state == TU_DELIVERY_DEAD;
    assert_int_equal(tu_store_attempted(w->store, d->id, now, outcome, TU_S("text"), next.state,
                                        next.next_ms, NULL),
                     TU_OK);
    return true;
}

static void deliver_due(world *w) {
    batch b = {.w = w};
    tu_arena_init(&b.arena, 0);
    assert_int_equal(
        tu_store_due_deliveries(w->store, tu_clock_wall(&w->clock), 64, take, &b, NULL), TU_OK);
    for (size_t k = 0; k < b.n; k++) {
        for (size_t other = 0; other < k; other++) /* one at a time for each drift and receiver */
            assert_false(b.items[k].drift_id == b.items[other].drift_id &&
                         tu_str_eq(b.items[k].receiver, b.items[other].receiver));
        if (!attempt(w, &b.items[k]))
            break;
    }
    tu_arena_done(&b.arena);
}

static void advance(world *w) {
    int64_t next;
    assert_int_equal(tu_store_next_due(w->store, &next, NULL), TU_OK);
    int64_t wait = next - tu_clock_wall(&w->clock);
    if (next >= 0 && wait > 0)
        tu_clock_advance(&w->clock, wait);
}

static void live(world *w) {
    int untold = DRIFTS * EVENTS;
    int64_t next = 0;
    while (untold > 0 || next >= 0) {
        int i = (int)draw(w, DRIFTS);
        if (w->told[i] < EVENTS && draw(w, 3) == 0) {
            tell(w, i);
            untold--;
        }
        deliver_due(w);
        tu_clock_advance(&w->clock, draw(w, 3000));
        assert_int_equal(tu_store_next_due(w->store, &next, NULL), TU_OK);
        if (untold == 0)
            advance(w);
    }
}

static void check_end(world *w) {
    int64_t counts[3];
    assert_int_equal(tu_store_delivery_counts(w->store, counts, NULL), TU_OK);
    assert_int_equal(counts[TU_DELIVERY_PENDING], 0);
    assert_int_equal(counts[TU_DELIVERY_DEAD], w->dead);
    assert_int_equal(counts[TU_DELIVERY_DELIVERED], DRIFTS * RECEIVERS * EVENTS - w->dead);
    assert_true(w->bytes_of_key.n >=
                (size_t)counts[TU_DELIVERY_DELIVERED]); /* as many keys as messages that arrived */
    assert_true(w->arrived >= (size_t)counts[TU_DELIVERY_DELIVERED]);
}

static void run_world(uint64_t seed, bool reliable) {
    world w = {.folder = "/tmp/trueup-outbox-XXXXXX",
               .random = seed,
               .reliable = reliable,
               .clock = tu_clock_virtual(INT64_C(1767323045000))};
    assert_non_null(mkdtemp(w.folder));
    open_store(&w);
    live(&w);
    check_end(&w);
    if (reliable) {
        assert_int_equal(w.arrived, DRIFTS * RECEIVERS * EVENTS); /* then nobody is told twice */
        assert_int_equal(w.dead, 0);
        for (int i = 0; i < DRIFTS; i++)
            for (int r = 0; r < RECEIVERS; r++)
                assert_int_equal(w.last_seen[i][r], w.delivery_ids[i][r][EVENTS - 1]);
    } else {
        assert_true(w.crashes > 0 && w.arrived > 0);
    }
    tu_store_close(w.store);
    tu_map_done(&w.bytes_of_key, free);
    static const char *const names[] = {"trueup.db", "lock"};
    for (size_t i = 0; i < 2; i++) {
        _cleanup_(tu_freep) char *path = tu_path_join(w.folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(w.folder), 0);
}

static void good_receivers_get_everything_once_and_in_order(void **state) {
    (void)state;
    run_world(1, true);
}

static void failures_and_crashes_lose_nothing_and_keep_the_order(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        run_world(seed, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_receivers_get_everything_once_and_in_order),
        cmocka_unit_test(failures_and_crashes_lose_nothing_and_keep_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
