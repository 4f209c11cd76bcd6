/* What the dispatcher says of itself: incidents, what comes next, why an alert is quiet, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dispatch_world.h"

enum { MINUTE = 60 * 1000 };

static const char routing[] =
    "  receiver: chat\n  repeatInterval: 1h\n"
    "  times: {night: [{weekdays: [mon-sun], from: \"00:10\", to: \"06:00\"}]}\n"
    "  inhibit:\n  - {name: down, source: ['name = cluster'], target: ['team = shop'], equal: "
    "[rule]}\n"
    "  routes:\n"
    "  - {name: muted, match: ['team = night'], muteDuring: [night]}\n"
    "  - {name: pay, match: ['team = pay'], groupBy: [team], escalate: [{after: 10m, receiver: "
    "boss}]}\n";

static void send_alert(world *w, const char *name, const char *team, bool firing) {
    tu_label labels[] = {{TU_S("name"), tu_str_c(name)},
                         {TU_S("rule"), TU_S("web")},
                         {TU_S("team"), tu_str_c(team)}};
    world_alert(w, name, firing, TU_SEVERITY_WARNING, labels, 3, 1);
}

static world *new_world(void) {
    static world w;
    tu_config *c = world_config(tu_str_c(routing));
    world_init(&w, c, true);
    tu_config_unref(c);
    return &w;
}

typedef struct seen {
    char text[2048];
    size_t n;
    char ids[8][33];
    size_t count;
} seen;

static void see(void *arg, const tu_incident_view *v) {
    seen *s = arg;
    s->n += (size_t)snprintf(
        s->text + s->n, sizeof s->text - s->n, "%.*s %zu/%zu quiet %zu next %s%s%.*s step %zu to",
        TU_P(v->route), v->firing, v->resolved, v->quiet, v->next,
        v->acknowledged_by.n ? " by " : "", TU_P(v->acknowledged_by), v->escalation_step);
    for (size_t k = 0; v->receivers[k]; k++)
        s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, " %s", v->receivers[k]);
    s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, "\n");
    snprintf(s->ids[s->count++], 33, "%.*s", TU_P(v->id));
}

static seen look(const world *w) {
    seen s = {0};
    tu_dispatch_each(w->dispatch, w->now, see, &s);
    return s;
}

static void an_incident_is_shown_with_what_comes_next(void **state) {
    (void)state;
    world *w = new_world();
    send_alert(w, "a", "pay", true);
    assert_string_equal(look(w).text, "pay 1/0 quiet 0 next first message step 0 to\n");
    world_advance(w, 2000);
    assert_string_equal(look(w).text, "pay 1/0 quiet 0 next escalation step 0 to chat\n");
    world_advance(w, 20 * MINUTE);
    assert_string_equal(look(w).text, "pay 1/0 quiet 0 next repeat step 1 to chat boss\n");
    send_alert(w, "b", "pay", true);
    assert_string_equal(look(w).text, "pay 2/0 quiet 0 next update step 1 to chat boss\n");
    world_advance(w, MINUTE);
    assert_int_equal(world_acknowledge(w, "kim", false), TU_OK);
    assert_string_equal(look(w).text, "pay 2/0 quiet 0 next  by kim step 1 to chat boss\n");
    send_alert(w, "a", "pay", false);
    world_advance(w, MINUTE);
    assert_string_equal(look(w).text, "pay 1/1 quiet 0 next  by kim step 1 to chat boss\n");
    tu_dispatch_counts n = tu_dispatch_count(w->dispatch);
    assert_int_equal(n.alerts, 2);
    assert_int_equal(n.incidents, 1);
    world_done(w);
}

static void expect_why(const world *w, const char *alert, const char *why) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(4096);
    tu_dispatch_why_quiet(w->dispatch, tu_str_c(alert), w->now, &b);
    assert_string_equal(tu_buf_c(&b), why);
}

static void why_an_alert_is_quiet_is_said(void **state) {
    (void)state;
    world *w = new_world();
    world_advance(w, 20 * MINUTE);
    send_alert(w, "cluster", "ops", true);
    send_alert(w, "a", "shop", true);
    send_alert(w, "b", "night", true);
    send_alert(w, "c", "ops", true);
    expect_why(w, "cluster", "");
    expect_why(w, "a", "inhibited by down");
    expect_why(w, "b", "muted by the times of route muted until 2026-01-01T06:00:00Z");
    expect_why(w, "c", "");
    expect_why(w, "unknown", "");
    assert_int_equal(world_silence(w, "3f2a9c01", MINUTE, "[\"team =~ \\\"o.*\\\"\"]"), TU_OK);
    expect_why(w, "c", "silence 3f2a9c01");
    world_advance(w, 2 * MINUTE);
    expect_why(w, "c", "");
    world_done(w);
}

static void a_mute_time_is_what_comes_next(void **state) {
    (void)state;
    world *w = new_world();
    world_advance(w, 20 * MINUTE);
    send_alert(w, "b", "night", true);
    world_advance(w, MINUTE);
    assert_string_equal(look(w).text, "muted 1/0 quiet 0 next end of a mute time step 0 to\n");
    world_done(w);
}

static void expect_refusal(tu_rc rc, tu_rc wanted, tu_error *e, const char *text) {
    assert_int_equal(rc, wanted);
    assert_non_null(e);
    if (strstr(e->message, text) == NULL)
        fail_msg("'%s' doesn't say '%s'", e->message, text);
    tu_error_free(e);
}

static void what_cant_be_acknowledged_is_said(void **state) {
    (void)state;
    world *w = new_world();
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_effects out;
    tu_effects_init(&out, &a);
    tu_error *e = NULL;
    tu_rc rc = tu_dispatch_acknowledge(w->dispatch, TU_S("12"), TU_S("kim"), (tu_str){0}, false,
                                       w->now, &out, &e);
    expect_refusal(rc, TU_ENOTFOUND, e, "no open incident has the id '12'");
    for (int k = 0; k < 17; k++) { /* two of them begin with the same digit */
        char team[8];
        snprintf(team, sizeof team, "%d", k);
        tu_label labels[] = {{TU_S("name"), tu_str_c(team)}, {TU_S("rule"), tu_str_c(team)}};
        world_alert(w, team, true, TU_SEVERITY_INFO, labels, 2, 1);
    }
    bool found = false;
    for (int digit = 0; digit < 16 && !found; digit++) {
        char id[2] = {"0123456789abcdef"[digit], 0};
        e = NULL;
        rc = tu_dispatch_acknowledge(w->dispatch, tu_str_c(id), TU_S("kim"), (tu_str){0}, false,
                                     w->now, &out, &e);
        found = rc == TU_ECONFLICT;
        if (found)
            expect_refusal(rc, TU_ECONFLICT, e, "give more digits");
        else
            tu_error_free(e);
    }
    assert_true(found);
    tu_arena_done(&a);
    world_done(w);
}

static void undoing_what_was_never_acknowledged_is_refused(void **state) {
    (void)state;
    world *w = new_world();
    send_alert(w, "a", "pay", true);
    assert_int_equal(world_acknowledge(w, "kim", true), TU_ENOTFOUND);
    world_done(w);
}

static void a_silence_of_everything_is_refused(void **state) {
    (void)state;
    world *w = new_world();
    static const char *const wrong[] = {
        "[]", "[\"name =~ \\\".*\\\"\"]", "[\"name != x\"]", "{}", "[1]", "[\"name\"]", "not json"};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
        if (world_silence(w, "s", MINUTE, wrong[k]) != TU_EINVALID)
            fail_msg("%s was taken", wrong[k]);
    assert_int_equal(world_silence(w, "nothing", 0, "[\"name = x\"]"), TU_ENOTFOUND);
    assert_int_equal(tu_dispatch_count(w->dispatch).silences, 0);
    world_done(w);
}

static void count_silences(void *arg, const tu_silence_row *s) {
    assert_string_equal(s->author.p, "user:kim (uid 1000)");
    assert_string_equal(s->matchers.p, "[\"name = a\"]");
    ++*(int *)arg;
}

static void silences_are_listed_until_they_end(void **state) {
    (void)state;
    world *w = new_world();
    assert_int_equal(world_silence(w, "s1", MINUTE, "[\"name = a\"]"), TU_OK);
    assert_int_equal(world_silence(w, "s2", 2 * MINUTE, "[\"name = a\"]"), TU_OK);
    int n = 0;
    tu_dispatch_silences(w->dispatch, count_silences, &n);
    assert_int_equal(n, 2);
    world_advance(w, MINUTE);
    n = 0;
    tu_dispatch_silences(w->dispatch, count_silences, &n);
    assert_int_equal(n, 1);
    world_advance(w, MINUTE);
    assert_int_equal(tu_dispatch_next(w->dispatch, w->now), INT64_MAX);
    world_done(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_incident_is_shown_with_what_comes_next),
        cmocka_unit_test(why_an_alert_is_quiet_is_said),
        cmocka_unit_test(a_mute_time_is_what_comes_next),
        cmocka_unit_test(what_cant_be_acknowledged_is_said),
        cmocka_unit_test(undoing_what_was_never_acknowledged_is_refused),
        cmocka_unit_test(a_silence_of_everything_is_refused),
        cmocka_unit_test(silences_are_listed_until_they_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
