/*
 * The dispatcher under random histories: alerts that begin, change and end, silences, acknowledgements, lost
 * deliveries, reloads, restarts, clocks that jump. Whatever happens, its invariants (alert/dispatch.h) hold; they
 * are checked on the messages, with a model that knows only what was done.
 *
 * SEED=N in the environment plays one history, SEEDS=N that many.
 */
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

enum { OBJECTS = 8, STEPS = 60, MOST_LIVES = 400, SECOND = 1000, MINUTE = 60 * SECOND };

static const char *const routings[] = {
    "  receiver: chat\n  alertsPerMessage: 500\n  repeatInterval: 1h\n",
    "  receiver: chat\n  alertsPerMessage: 500\n  groupBy: [namespace]\n"
    "  inhibit:\n  - {name: i, source: ['severity = critical'], target: ['severity = warning'], "
    "equal: [namespace]}\n"
    "  routes:\n  - {name: pay, match: ['namespace = shop'], receiver: pager, escalate: [{after: "
    "20m, receiver: boss}]}\n",
    "  receiver: mail\n  alertsPerMessage: 500\n"
    "  times: {night: [{cron: \"30 * * * *\", duration: 20m}]}\n"
    "  routes:\n  - {name: pay, match: ['namespace =~ \"shop|blog\"'], receiver: chat, continue: "
    "true}\n"
    "  - {name: all, match: ['rule = web'], receiver: pager, muteDuring: [night], groupBy: "
    "[\"...\"]}\n",
    "  receiver: boss\n  alertsPerMessage: 500\n  groupWait: 3s\n  groupInterval: 30s\n"
    "  routes:\n  - {name: pay, match: ['namespace = shop'], receiver: boss, groupBy: [namespace, "
    "severity]}\n"};
enum { ROUTINGS = sizeof routings / sizeof *routings };

typedef struct life { /* of one alert */
    char name[33];
    size_t object;
    bool fires, named, excused;
} life;

typedef struct history {
    world w;
    tu_config *configs[ROUTINGS], *again[ROUTINGS];
    size_t config;
    uint64_t random, seed;
    life lives[MOST_LIVES];
    size_t life_count;
    size_t living[OBJECTS]; /* 0: none, else its life + 1 */
    uint64_t content[OBJECTS];
    bool critical[OBJECTS], silenced[OBJECTS];
    size_t objects;
    bool turned;   /* the clock, while nobody looked: what waits may be overdue */
    bool muted;    /* a routing inhibited or muted */
    bool plain;    /* no clock jumps, no inhibition: for comparing */
    bool restarts; /* false: they are left out */
} history;

static uint32_t dice(history *h, uint32_t sides) {
    h->random = h->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(h->random >> 33) % sides;
}

/* --- what is done ------------------------------------------------------------------------------------------ */

static const char *const namespaces[] = {"shop", "blog", "docs"};

static void send_alert(history *h, size_t object, bool fires) {
    char name[16];
    snprintf(name, sizeof name, "o%zu", object);
    tu_label labels[] = {
        {TU_S("name"), tu_str_c(name)},
        {TU_S("namespace"), tu_str_c(namespaces[object % 3])},
        {TU_S("rule"), TU_S("web")},
        {TU_S("severity"), h->critical[object] ? TU_S("critical") : TU_S("warning")}};
    world_alert(&h->w, h->lives[h->living[object] - 1].name, fires,
                h->critical[object] ? TU_SEVERITY_CRITICAL : TU_SEVERITY_WARNING, labels, 4,
                h->content[object]);
}

static void begin_alert(history *h, size_t object) {
    if (h->life_count == MOST_LIVES)
        return;
    life *l = &h->lives[h->life_count++];
    h->living[object] = h->life_count;
    *l = (life){.object = object, .fires = true};
    snprintf(l->name, sizeof l->name, "%s%zu-%zu", "a", object, h->life_count);
    h->content[object] = 1;
    h->critical[object] = !h->plain && dice(h, 3) == 0;
    send_alert(h, object, true);
}

static void end_alert(history *h, size_t object) {
    h->lives[h->living[object] - 1].fires = false;
    send_alert(h, object, false);
    h->living[object] = 0;
}

static void change_alert(history *h, size_t object) {
    if (dice(h, 3))
        h->content[object]++;
    else
        h->critical[object] = !h->plain && !h->critical[object];
    send_alert(h, object, true);
}

static void toggle_silence(history *h) {
    size_t object = dice(h, OBJECTS);
    char id[16], matchers[64];
    snprintf(id, sizeof id, "s%zu", object);
    snprintf(matchers, sizeof matchers, "[\"name = o%zu\"]", object);
    static const int64_t lengths[] = {20 * SECOND, 5 * MINUTE, 60 * MINUTE};
    if (dice(h, 3) == 0)
        world_silence(&h->w, id, 0, NULL); /* refused where there is none */
    else
        assert_int_equal(world_silence(&h->w, id, lengths[dice(h, 3)], matchers), TU_OK);
    h->silenced[object] = true;
}

static void announce_all(history *h) { /* as the engine does after a restart */
    for (size_t o = 0; o < OBJECTS; o++)
        if (h->living[o])
            send_alert(h, o, true);
}

static void restart(history *h) {
    bool ready = dice(h, 2) || h->plain;
    if (h->restarts)
        world_restart(&h->w, h->configs[h->config], ready);
    announce_all(h);
}

static void reload(history *h, size_t to) {
    size_t before = h->w.effects;
    bool same = to == h->config;
    tu_config *c = same && dice(h, 2) ? h->again[to] : h->configs[to];
    world_configure(&h->w, c);
    h->config = to;
    h->muted = h->muted || to == 1 || to == 2;
    if (same)
        assert_int_equal(h->w.effects, before);
}

static void step(history *h) {
    static const int64_t waits[] = {0,           300,         SECOND,      4 * SECOND,
                                    12 * SECOND, 40 * SECOND, 11 * MINUTE, 70 * MINUTE};
    static const char *const receivers[] = {"chat", "pager", "mail", "boss"};
    size_t object = dice(h, (uint32_t)h->objects);
    switch (dice(h, h->plain ? 13 : 20)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        if (h->living[object] == 0)
            begin_alert(h, object);
        else
            end_alert(h, object);
        break;
    case 5:
    case 6:
        if (h->living[object])
            change_alert(h, object);
        break;
    case 7:
    case 8:
    case 9:
        world_advance(&h->w, waits[dice(h, h->objects == 1 ? 6 : 8)]);
        break;
    case 10:
        world_acknowledge(&h->w, "kim", dice(h, 3) == 0);
        break;
    case 11:
        world_advance(&h->w, 0);
        reload(h, dice(h, 3) ? h->config : dice(h, ROUTINGS));
        break;
    case 12:
        restart(h);
        break;
    case 13:
    case 14:
    case 15:
        toggle_silence(h);
        break;
    case 16:
        world_jump(&h->w, dice(h, 2) ? 60 * MINUTE : -60 * MINUTE);
        break;
    case 17:
        world_undeliverable(&h->w, receivers[dice(h, 4)], receivers[dice(h, 4)]);
        break;
    case 18:
        world_sleep(&h->w, waits[dice(h, 8)]);
        if (dice(h, 2)) {
            h->w.now.wall_ms += dice(h, 2) ? 60 * MINUTE : -60 * MINUTE;
            h->turned = true;
        }
        restart(h);
        break;
    default:
        world_ready(&h->w);
    }
}

/* --- what must hold ------------------------------------------------------------------------------------------- */

static void show(const world_message *m) {
    print_message("%9lld %.6s %s > %s %s %zu/%zu (%s)", (long long)m->boot_ms, m->incident,
                  m->route, m->receiver, m->event, m->firing_count, m->resolved_count, m->note);
    for (size_t s = 0; s < m->shown_count; s++)
        print_message(" %s%s", m->fires[s] ? "" : "-", m->shown[s]);
    print_message("\n");
}

/* Excused: an audit record says that it was quiet until it ended. */
static void on_audit(void *arg, const world *w, tu_str action, tu_str detail) {
    history *h = arg;
    (void)w;
    if (!tu_str_is(action, "alert.untold"))
        return;
    for (size_t k = 0; k < h->life_count; k++) {
        char member[64];
        snprintf(member, sizeof member, "\"alert\":\"%s\"", h->lives[k].name);
        if (memmem(detail.p, detail.n, member, strlen(member)))
            h->lives[k].excused = true;
    }
}

static void check_receivers(const history *h) {
    tu_map told = {0}; /* incident and receiver: was told that it fires */
    static int yes;
    char key[128];
    for (size_t k = 0; k < h->w.message_count; k++) {
        const world_message *m = &h->w.messages[k];
        if (m->forwarded)
            continue;
        snprintf(key, sizeof key, "%s/%s", m->incident, m->receiver);
        bool knows = tu_map_get(&told, tu_str_c(key)) != NULL;
        bool begins = strcmp(m->event, "firing") == 0 || strcmp(m->event, "escalation") == 0;
        if (!begins && !knows)
            fail_msg("seed %llu: %s of %s to %s, who wasn't told of it",
                     (unsigned long long)h->seed, m->event, m->incident, m->receiver);
        if (strcmp(m->event, "firing") == 0 && knows)
            fail_msg("seed %llu: %s was told twice that %s fires", (unsigned long long)h->seed,
                     m->receiver, m->incident);
        assert_int_equal(m->firing, strcmp(m->event, "resolved") != 0);
        tu_map_put(&told, tu_str_c(key), m->firing ? &yes : NULL);
    }
    for (size_t k = 0; k < told.n; k++)
        if (told.entries[k].value)
            fail_msg("seed %llu: %s was never told that it is over", (unsigned long long)h->seed,
                     told.entries[k].key.p);
    tu_map_done(&told, NULL);
}

static void check_counts(const history *h) {
    for (size_t k = 0; k < h->w.message_count; k++) {
        const world_message *m = &h->w.messages[k];
        size_t fires = 0;
        for (size_t s = 0; s < m->shown_count; s++)
            fires += m->fires[s];
        if (m->firing_count != fires || m->resolved_count < m->shown_count - fires)
            fail_msg("seed %llu: %s counts %zu/%zu and shows %zu of %zu",
                     (unsigned long long)h->seed, m->event, m->firing_count, m->resolved_count,
                     fires, m->shown_count);
    }
}

static void check_alerts(history *h) {
    for (size_t k = 0; k < h->w.message_count; k++)
        for (size_t s = 0; s < h->w.messages[k].shown_count; s++)
            for (size_t l = 0; l < h->life_count; l++)
                if (strcmp(h->lives[l].name, h->w.messages[k].shown[s]) == 0)
                    h->lives[l].named = true;
    for (size_t l = 0; l < h->life_count; l++)
        if (!h->lives[l].named && !h->lives[l].excused)
            fail_msg("seed %llu: nobody was told of %s", (unsigned long long)h->seed,
                     h->lives[l].name);
}

/* Nothing is excused that was never silenced, and never under a routing that inhibits or mutes. */
static void check_excuses(const history *h) {
    for (size_t l = 0; l < h->life_count && !h->muted; l++)
        if (h->lives[l].excused && !h->silenced[h->lives[l].object])
            fail_msg("seed %llu: %s was kept quiet", (unsigned long long)h->seed, h->lives[l].name);
}

/* Updates come not sooner than the shortest interval of all routings after what was told before; who takes an
 * acknowledgement back, or loses a message, is told at once. */
static void check_pace(const history *h) {
    for (size_t k = 0; k < h->w.message_count && !h->turned && !h->w.has_failed; k++) {
        const world_message *m = &h->w.messages[k], *e = NULL;
        if (strcmp(m->event, "update") != 0 || strstr(m->note, "taken back") ||
            strstr(m->note, "undeliverable"))
            continue;
        for (size_t b = k; b-- > 0 && e == NULL;)
            if (strcmp(h->w.messages[b].incident, m->incident) == 0 &&
                strcmp(h->w.messages[b].receiver, m->receiver) == 0 &&
                strcmp(h->w.messages[b].event, "update") == 0)
                e = &h->w.messages[b];
        if (e && m->boot_ms - e->boot_ms < 10 * SECOND) {
            for (size_t b = 0; b <= k; b++)
                if (strcmp(h->w.messages[b].incident, m->incident) == 0)
                    show(&h->w.messages[b]);
            fail_msg("seed %llu: updates of %s %lld ms apart", (unsigned long long)h->seed,
                     m->incident, (long long)(m->boot_ms - e->boot_ms));
        }
    }
}

/* --- histories --------------------------------------------------------------------------------------------------- */

static tu_config *configs[ROUTINGS], *again[ROUTINGS];

static void start(history *h, uint64_t seed, bool plain) {
    *h = (history){.random = seed * 7919 + 17,
                   .seed = seed,
                   .plain = plain,
                   .restarts = true,
                   .objects = seed % 10 == 0 ? 1 : OBJECTS};
    for (size_t k = 0; k < ROUTINGS; k++) {
        h->configs[k] = configs[k];
        h->again[k] = again[k];
    }
    h->config = plain && seed % ROUTINGS == 1 ? 0 : seed % ROUTINGS;
    h->muted = h->config == 1 || h->config == 2;
    world_init(&h->w, h->configs[h->config], true);
    h->w.audit = on_audit;
    h->w.audit_arg = h;
}

static void settle(history *h) {
    for (size_t o = 0; o < OBJECTS; o++)
        if (h->living[o] && dice(h, 2))
            end_alert(h, o);
    world_advance(&h->w, 3 * 60 * MINUTE);
    for (size_t o = 0; o < OBJECTS; o++)
        if (h->living[o])
            end_alert(h, o);
    world_advance(&h->w, 3 * 60 * MINUTE);
    tu_dispatch_counts left = tu_dispatch_count(h->w.dispatch);
    int64_t next = tu_dispatch_next(h->w.dispatch, h->w.now);
    if (left.alerts || left.incidents || (next != INT64_MAX && left.silences == 0))
        fail_msg("seed %llu: %zu alerts and %zu incidents are left", (unsigned long long)h->seed,
                 left.alerts, left.incidents);
}

static void play_and_check(history *h, size_t steps) {
    for (size_t k = 0; k < steps; k++)
        step(h);
    settle(h);
    check_receivers(h);
    check_counts(h);
    check_alerts(h);
    check_excuses(h);
    check_pace(h);
}

enum { KINDS = 10 };
static void count(const history *h, size_t kinds[KINDS]) {
    static const char *const events[] = {"firing", "update",     "resolved",
                                         "repeat", "escalation", "acknowledged"};
    for (size_t k = 0; k < h->w.message_count; k++) {
        const world_message *m = &h->w.messages[k];
        for (size_t e = 0; e < 6; e++)
            kinds[e] += strcmp(m->event, events[e]) == 0;
        kinds[6] += m->forwarded;
        kinds[7] += strstr(m->note, "flapping") != NULL;
        kinds[8] += strstr(m->note, "moved") != NULL;
    }
    for (size_t l = 0; l < h->life_count; l++)
        kinds[9] += h->lives[l].excused;
}

static void whatever_happens_the_invariants_hold(void **state) {
    (void)state;
    history *h = tu_xcalloc(1, sizeof *h);
    const char *one = getenv("SEED"), *many = getenv("SEEDS");
    uint64_t first = one ? strtoull(one, NULL, 10) : 1;
    size_t kinds[KINDS] = {0};
    uint64_t last = one ? first : many ? strtoull(many, NULL, 10) : 3000;
    for (uint64_t seed = first; seed <= last; seed++) {
        start(h, seed, false);
        play_and_check(h, STEPS);
        count(h, kinds);
        world_done(&h->w);
    }
    print_message(
        "%zu firing, %zu update, %zu resolved, %zu repeat, %zu escalation, %zu acknowledged, "
        "%zu forwarded, %zu flapping, %zu moved, %zu untold\n",
        kinds[0], kinds[1], kinds[2], kinds[3], kinds[4], kinds[5], kinds[6], kinds[7], kinds[8],
        kinds[9]);
    for (size_t k = 0; k < KINDS && last > 100; k++)
        assert_true(kinds[k] > 0); /* the histories are worth something */
    free(h);
}

static int by_time(const void *a, const void *b) {
    const world_message *x = a, *y = b;
    if (x->boot_ms != y->boot_ms)
        return x->boot_ms < y->boot_ms ? -1 : 1;
    int order = strcmp(x->incident, y->incident);
    order = order ? order : strcmp(x->receiver, y->receiver);
    return order ? order : (int)x->number - (int)y->number;
}

static bool are_same(const world_message *x, const world_message *y) {
    bool same = x->boot_ms == y->boot_ms && x->wall_ms == y->wall_ms &&
                strcmp(x->incident, y->incident) == 0 && strcmp(x->receiver, y->receiver) == 0 &&
                strcmp(x->event, y->event) == 0 && strcmp(x->note, y->note) == 0 &&
                strcmp(x->acknowledged_by, y->acknowledged_by) == 0 && x->step == y->step &&
                x->severity == y->severity && x->firing_count == y->firing_count &&
                x->resolved_count == y->resolved_count && x->shown_count == y->shown_count;
    for (size_t k = 0; same && k < x->shown_count; k++)
        same = strcmp(x->shown[k], y->shown[k]) == 0 && x->fires[k] == y->fires[k];
    return same;
}

/* How often an object began is forgotten by a restart, so that it flaps later. */
static bool flaps(const world *w) {
    for (size_t k = 0; k < w->message_count; k++)
        if (strstr(w->messages[k].note, "flapping"))
            return true;
    return false;
}

static void a_restart_at_any_time_changes_no_message(void **state) {
    (void)state;
    history *with = tu_xcalloc(1, sizeof *with), *without = tu_xcalloc(1, sizeof *without);
    const char *one = getenv("SEED");
    uint64_t first = one ? strtoull(one, NULL, 10) : 1, last = one ? first : 1500;
    for (uint64_t seed = first; seed <= last; seed++) {
        start(with, seed, true);
        start(without, seed, true);
        without->restarts = false;
        play_and_check(with, STEPS);
        play_and_check(without, STEPS);
        world *w = &with->w, *v = &without->w;
        qsort(w->messages, w->message_count, sizeof *w->messages, by_time);
        qsort(v->messages, v->message_count, sizeof *v->messages, by_time);
        for (size_t k = 0; (k < w->message_count || k < v->message_count) && !flaps(v); k++)
            if (k >= w->message_count || k >= v->message_count ||
                !are_same(&w->messages[k], &v->messages[k])) {
                for (size_t b = k > 3 ? k - 3 : 0; b <= k; b++) {
                    if (b < w->message_count)
                        show(&w->messages[b]);
                    if (b < v->message_count)
                        show(&v->messages[b]);
                }
                fail_msg("seed %llu: message %zu differs", (unsigned long long)seed, k);
            }
        world_done(w);
        world_done(v);
    }
    free(with);
    free(without);
}

static void when_memory_is_exhausted_nothing_is_half_done(void **state) {
    (void)state;
    history *h = tu_xcalloc(1, sizeof *h);
    for (uint64_t seed = 2; seed < 6; seed++) { /* each of the routings */
        size_t n = 1;
        for (size_t k = 1; k <= n; k++) {
            start(h, seed, false);
            h->w.made = 0;
            h->w.fail_in = k;
            play_and_check(h, 40);
            n = h->w.made;
            world_done(&h->w);
        }
        assert_true(n > 50);
    }
    free(h);
}

static int prepare(void **state) {
    (void)state;
    for (size_t k = 0; k < ROUTINGS; k++) {
        configs[k] = world_config(tu_str_c(routings[k]));
        again[k] = world_config(tu_str_c(routings[k]));
    }
    return 0;
}

static int clean(void **state) {
    (void)state;
    for (size_t k = 0; k < ROUTINGS; k++) {
        tu_config_unref(configs[k]);
        tu_config_unref(again[k]);
    }
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_the_invariants_hold),
        cmocka_unit_test(a_restart_at_any_time_changes_no_message),
        cmocka_unit_test(when_memory_is_exhausted_nothing_is_half_done),
    };
    return cmocka_run_group_tests(tests, prepare, clean);
}
