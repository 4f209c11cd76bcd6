/* The document Routing as it is understood: defaults, what routes inherit, who falls back to whom, and what is only strange. */
#include "base/mem.h"
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define NOTIFIER(name, more)                                                                       \
    "{apiVersion: trueup.dev/v1, kind: Notifier, metadata: {name: " name "}, spec: {plugin: "      \
    "webhook" more "}}\n---\n"
#define ROUTING "apiVersion: trueup.dev/v1\nkind: Routing\n"

static tu_config *load(const char *text) {
    tu_errors errors = {0};
    tu_config *c = tu_config_parse("r.yaml", tu_str_c(text), &errors);
    if (!c)
        fail_msg("%s: %s", text, tu_error_text(errors.items[0]));
    tu_errors_done(&errors);
    return c;
}

#define ASSERT_STR(s, text) assert_true(tu_str_is((s), (text)))

static void without_a_routing_the_only_notifier_is_told(void **state) {
    (void)state;
    tu_config *c = load(NOTIFIER("chat", ""));
    const tu_route *root = c->routing.root;
    assert_non_null(root);
    assert_int_equal(c->routing.route_count, 1);
    assert_ptr_equal(c->routing.all[0], root);
    ASSERT_STR(root->name, "default");
    ASSERT_STR(root->receiver, "chat");
    assert_int_equal(root->group_by_count, 1);
    ASSERT_STR(root->group_by[0], "rule");
    assert_int_equal(root->group_wait_ms, 1000);
    assert_int_equal(root->group_interval_ms, 10000);
    assert_int_equal(root->repeat_interval_ms, 4 * 3600000);
    assert_int_equal(c->routing.alerts_per_message, 20);
    assert_int_equal(c->routing.fallback.n + c->routing.heartbeat.receiver.n, 0);
    assert_int_equal(c->notifiers[0].deadline_ms, 24 * 3600000);
    assert_int_equal(c->notifiers[0].rate_messages, 0);
    tu_config_unref(c);
    c = load(
        "{apiVersion: trueup.dev/v1, kind: Plugin, metadata: {name: p}, spec: {path: /p.so}}\n");
    assert_non_null(c->routing.root);
    assert_int_equal(c->routing.root->receiver.n, 0); /* nobody */
    tu_config_unref(c);
}

static void a_route_inherits_what_it_does_not_give(void **state) {
    (void)state;
    tu_config *c = load(
        NOTIFIER("chat", "") NOTIFIER("pager", "") ROUTING
        "spec:\n"
        "  receiver: chat\n"
        "  groupBy: [name, kind]\n"
        "  repeatInterval: 1h\n"
        "  times: {night: [{from: '22:00', to: '06:00'}], day: [{from: '08:00', to: '18:00'}]}\n"
        "  muteDuring: [night]\n"
        "  escalate: [{after: 5m, receiver: pager}]\n"
        "  escalateRepeat: 2\n"
        "  routes:\n"
        "  - name: a\n"
        "    match: [rule = x]\n"
        "    continue: true\n"
        "    receiver: pager\n"
        "    groupWait: 5s\n"
        "    routes:\n"
        "    - {name: aa, match: [kind = Job], repeatInterval: 0s}\n"
        "  - {name: b, match: [rule = y], muteDuring: [], activeDuring: [day, night], escalate: "
        "[], groupBy: "
        "[\"...\"]}\n");
    assert_int_equal(c->routing.route_count, 4);
    const tu_route *a = c->routing.all[1], *aa = c->routing.all[2], *b = c->routing.all[3];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(c->routing.all[i]->number, i);
    ASSERT_STR(a->name, "a");
    ASSERT_STR(aa->name, "aa");
    ASSERT_STR(b->name, "b");
    assert_ptr_equal(aa->parent, a);
    assert_true(a->go_on);
    assert_false(aa->go_on);
    ASSERT_STR(aa->receiver, "pager");
    assert_int_equal(aa->group_wait_ms, 5000);
    assert_int_equal(aa->repeat_interval_ms, 0);
    assert_int_equal(a->repeat_interval_ms, 3600000);
    assert_int_equal(aa->match.n, 1); /* its own alone */
    assert_int_equal(aa->group_by_count, 2);
    ASSERT_STR(aa->group_by[0], "kind"); /* sorted */
    assert_int_equal(aa->muted_count, 1);
    ASSERT_STR(aa->muted[0]->name, "night");
    assert_int_equal(aa->escalation_count, 1);
    assert_int_equal(aa->escalation_repeat, 2);
    ASSERT_STR(b->receiver, "chat");
    assert_int_equal(b->muted_count, 0);
    assert_int_equal(b->active_count, 2);
    assert_int_equal(b->escalation_count, 0);
    assert_true(b->group_by_all);
    assert_int_equal(c->warning_count, 1); /* there is no Rule */
    tu_config_unref(c);
}

static void what_is_given_up_goes_to_the_fallback_and_never_round(void **state) {
    (void)state;
    tu_config *c =
        load(NOTIFIER("chat", "") NOTIFIER("mail", ", fallback: pager") NOTIFIER("pager", "")
                 NOTIFIER("other", ", fallback: chat, deadline: 2h, rate: {messages: 5}") ROUTING
             "spec: {receiver: chat, fallback: mail}\n");
    ASSERT_STR(tu_config_fallback(c, TU_S("chat")), "mail");
    ASSERT_STR(tu_config_fallback(c, TU_S("other")), "chat");
    ASSERT_STR(tu_config_fallback(c, TU_S("mail")), "pager");
    ASSERT_STR(tu_config_fallback(c, TU_S("pager")), ""); /* the Routing's leads back to it */
    ASSERT_STR(tu_config_fallback(c, TU_S("gone")), "mail");
    const tu_use *other = tu_config_notifier(c, TU_S("other"));
    assert_int_equal(other->deadline_ms, 2 * 3600000);
    assert_int_equal(other->rate_messages, 5);
    assert_int_equal(other->rate_per_ms, 1000);
    tu_config_unref(c);
}

static const struct {
    const char *spec, *warning; /* NULL: none */
} strange[] = {
    {"{receiver: chat, routes: [{name: a, match: [serverity = critical]}]}",
     "no alert has a label 'serverity': did you mean 'severity'?"},
    {"{receiver: chat, labels: {object: [team]}, routes: [{name: a, match: [teem = x]}]}",
     "no alert has a label 'teem': did you mean 'team'?"},
    {"{receiver: chat, labels: {object: ['app.*']}, routes: [{name: a, match: "
     "[app.kubernetes.io/name = x]}]}",
     NULL},
    {"{receiver: chat, groupBy: [quite-another]}",
     "no alert has a label 'quite-another': name it in"},
    {"{receiver: chat, times: {night: [{from: '22:00'}]}}", "no route uses the times 'night'"},
    {"{receiver: chat, inhibit: [{name: i, source: ['severity =~ \"c.*\"'], target: ['severity =~ "
     "\".*g\"']}]}",
     "an alert can match source and target of the inhibition 'i' at once"},
    {"{receiver: chat, inhibit: [{name: i, source: [severity = critical], target: [severity = "
     "warning]}]}",
     NULL},
    {"{receiver: chat, inhibit: [{name: i, source: [problem = source-unreadable], target: [about = "
     "drift]}]}",
     NULL},
};

static void what_is_hardly_meant_is_a_warning(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        char text[2000];
        snprintf(text, sizeof text, NOTIFIER("chat", "") ROUTING "spec: %s\n", strange[i].spec);
        tu_config *c = load(text);
        assert_int_equal(c->warning_count, 1 + (strange[i].warning != NULL)); /* there is no Rule */
        if (strange[i].warning && !tu_str_starts(c->warnings[0].text, strange[i].warning))
            fail_msg("%s: %.*s", strange[i].spec, TU_P(c->warnings[0].text));
        tu_config_unref(c);
    }
}

static void running_out_of_memory_gives_no_half_routing(void **state) {
    (void)state;
    static const char text[] = NOTIFIER("chat", ", fallback: mail") NOTIFIER("mail", "") ROUTING
        "spec: {receiver: chat, times: {n: [{weekdays: [mon-fri], from: '09:00', to: '17:00'}]}, "
        "labels: {object: "
        "[team]}, inhibit: [{name: i, source: [severity = critical], target: [severity = info], "
        "equal: [rule]}], "
        "routes: [{name: a, match: ['team =~ \"(x|y)+\"', 'kind =~ \"a|b\"'], muteDuring: [n], "
        "escalate: [{after: 5m, "
        "receiver: mail}], routes: [{name: b, match: [kind = a]}]}]}\n";
    tu_config_unref(load(text));
    tu_mem_fail_after(0);
    tu_config_unref(load(text));
    size_t allocations = tu_mem_fail_after(0);
    for (size_t i = 1; i <= allocations; i++) {
        tu_errors errors = {0};
        tu_mem_fail_after(i);
        tu_config *c = tu_config_parse("r.yaml", tu_str_c(text), &errors);
        tu_mem_fail_after(0);
        assert_true((c == NULL) == (errors.n > 0));
        if (c) {
            assert_int_equal(c->routing.route_count, 3);
            assert_int_equal(c->routing.all[1]->match.n, 2);
            assert_int_equal(c->routing.inhibition_count, 1);
        }
        tu_config_unref(c);
        tu_errors_done(&errors);
    }
}

static void too_deep_and_too_many_are_refused_by_their_limits(void **state) {
    (void)state;
    tu_buf text = TU_BUF_INIT(1 << 22);
    tu_buf_add_c(&text, NOTIFIER("chat", "") ROUTING "spec: {receiver: chat, routes: ");
    for (int i = 0; i < 40; i++)
        tu_buf_addf(&text, "[{name: r%d, match: [l%d = x], routes: ", i, i);
    tu_buf_add_c(&text, "[]");
    for (int i = 0; i < 40; i++)
        tu_buf_add_c(&text, "}]");
    tu_buf_add_c(&text, "}\n");
    tu_errors errors = {0};
    assert_null(tu_config_parse("r.yaml", tu_buf_str(&text), &errors));
    assert_int_equal(errors.n, 1);
    assert_non_null(strstr(tu_error_text(errors.items[0]), "TU_LIMIT_ROUTE_DEPTH"));
    tu_errors_done(&errors);
    tu_buf_clear(&text);
    errors = (tu_errors){0};
    tu_buf_add_c(&text, NOTIFIER("chat", "") ROUTING "spec:\n  receiver: chat\n  routes:\n");
    for (int i = 0; i < 10001; i++)
        tu_buf_addf(&text, "  - {name: r%d}\n", i);
    assert_null(tu_config_parse("r.yaml", tu_buf_str(&text), &errors));
    assert_non_null(strstr(tu_error_text(errors.items[0]), "TU_LIMIT_ROUTES"));
    tu_errors_done(&errors);
    tu_buf_done(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_routing_the_only_notifier_is_told),
        cmocka_unit_test(a_route_inherits_what_it_does_not_give),
        cmocka_unit_test(what_is_given_up_goes_to_the_fallback_and_never_round),
        cmocka_unit_test(what_is_hardly_meant_is_a_warning),
        cmocka_unit_test(running_out_of_memory_gives_no_half_routing),
        cmocka_unit_test(too_deep_and_too_many_are_refused_by_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
