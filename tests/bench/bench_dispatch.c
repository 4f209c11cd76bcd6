/*
 * How long the dispatcher takes for 100,000 drifts that open at once, what it holds for each, what a tick without
 * anything due costs, and how long a restart takes.
 *
 *     bench_dispatch [ALERTS]
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alert/dispatch.h"
#include "base/buf.h"
#include "base/mem.h"

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t heap_bytes(void) {
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static tu_config *configuration(const char *group_by) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(1 << 20);
    tu_buf_addf(&text,
                "apiVersion: trueup.dev/v1\nkind: Notifier\nmetadata: {name: chat}\n"
                "spec: {plugin: webhook, config: {url: \"https://chat.example\"}}\n---\n"
                "apiVersion: trueup.dev/v1\nkind: Routing\nmetadata: {name: r}\n"
                "spec:\n  receiver: chat\n  groupBy: %s\n  routes:\n",
                group_by);
    for (int k = 0; k < 200; k++)
        tu_buf_addf(&text, "  - {name: r%d, match: ['team = t%d', 'severity = critical']}\n", k, k);
    tu_errors errors = {0};
    tu_config *c = tu_config_parse("bench.yaml", tu_buf_str(&text), &errors);
    for (size_t k = 0; k < errors.n; k++)
        fprintf(stderr, "%s\n", errors.items[k]->message);
    tu_errors_done(&errors);
    if (c == NULL)
        exit(1);
    return c;
}

enum { LABELS = 12 };

static void make_alert(size_t k, bool firing, char room[LABELS][40], tu_label labels[LABELS],
                       tu_alert *a) {
    static const char *const keys[LABELS] = {"about", "change",   "class",  "group",
                                             "kind",  "manager",  "name",   "namespace",
                                             "rule",  "severity", "target", "team"};
    snprintf(room[0], 40, "drift");
    snprintf(room[1], 40, k % 3 ? "value" : "added,value");
    snprintf(room[2], 40, "human");
    snprintf(room[3], 40, "apps");
    snprintf(room[4], 40, k % 2 ? "Deployment" : "ConfigMap");
    snprintf(room[5], 40, "kubectl-edit");
    snprintf(room[6], 40, "workload-%zu", k);
    snprintf(room[7], 40, "namespace-%zu", k % 1000);
    snprintf(room[8], 40, "rule-%zu", k % 20);
    snprintf(room[9], 40, k % 10 ? "warning" : "critical");
    snprintf(room[10], 40, "cluster");
    snprintf(room[11], 40, "t%zu", k % 400);
    for (size_t l = 0; l < LABELS; l++)
        labels[l] = (tu_label){tu_str_c(keys[l]), tu_str_c(room[l])};
    static char fingerprint[33];
    snprintf(fingerprint, sizeof fingerprint, "%032zx", k * 2654435761u);
    *a = (tu_alert){.fingerprint = {fingerprint, 32},
                    .labels = {labels, LABELS},
                    .severity = k % 10 ? TU_SEVERITY_WARNING : TU_SEVERITY_CRITICAL,
                    .firing = firing,
                    .started_ms = 1767225600000 + (int64_t)k,
                    .content = k + 1};
}

static void send_all(tu_dispatch *d, size_t n, bool firing, tu_moment now, size_t *rows) {
    char room[LABELS][40];
    tu_label labels[LABELS];
    tu_alert a;
    tu_arena arena;
    tu_arena_init(&arena, 0);
    for (size_t k = 0; k < n; k++) {
        tu_effects e;
        make_alert(k, firing, room, labels, &a);
        tu_effects_init(&e, &arena);
        tu_dispatch_alert(d, &a, now, &e);
        *rows += e.member_count + e.incident_count + e.audit_count;
        tu_arena_reset(&arena);
    }
    tu_arena_done(&arena);
}

static double tick(tu_dispatch *d, tu_moment now, size_t *deliveries, size_t *rows) {
    tu_arena arena;
    tu_arena_init(&arena, 0);
    tu_effects e;
    tu_effects_init(&e, &arena);
    double begin = seconds();
    tu_dispatch_tick(d, now, &e);
    double took = seconds() - begin;
    *deliveries = e.delivery_count;
    *rows = e.member_count;
    tu_arena_done(&arena);
    return took;
}

static void run(const char *group_by, size_t n) {
    tu_config *c = configuration(group_by);
    tu_moment now = {1767225600000, 1000000};
    size_t before = heap_bytes(), rows = 0, deliveries = 0;
    tu_dispatch *d = tu_dispatch_new(TU_S("0123456789abcdef0123456789abcdef"));
    tu_arena arena;
    tu_arena_init(&arena, 0);
    tu_effects e;
    tu_effects_init(&e, &arena);
    tu_dispatch_configure(d, c, now, &e, NULL);
    tu_dispatch_ready(d, now, &e);
    double begin = seconds();
    send_all(d, n, true, now, &rows);
    double took = seconds() - begin;
    size_t held = heap_bytes() - before;
    now.boot_ms += 1000;
    now.wall_ms += 1000;
    double flush = tick(d, now, &deliveries, &rows);
    printf(
        "groupBy %-18s %zu alerts grouped in %.3f s (%.2f us each), %zu incidents; told in %.3f s "
        "(%zu messages, %zu rows); %zu bytes for each alert\n",
        group_by, n, took, took / (double)n * 1e6, tu_dispatch_count(d).incidents, flush,
        deliveries, rows, held / n);
    begin = seconds();
    enum { TICKS = 1000000 };
    for (int k = 0; k < TICKS; k++)
        tu_dispatch_tick(d, now, &e);
    printf("  a tick without anything due: %.0f ns\n", (seconds() - begin) / TICKS * 1e9);
    begin = seconds();
    tu_dispatch_configure(d, c, now, &e, NULL);
    printf("  a reload with the same routes: %.3f s, %zu effects\n", seconds() - begin,
           e.delivery_count + e.incident_count + e.member_count);
    begin = seconds();
    send_all(d, n, false, now, &rows);
    printf("  all of them ended in %.3f s\n", seconds() - begin);
    now.boot_ms += 60000;
    now.wall_ms += 60000;
    flush = tick(d, now, &deliveries, &rows);
    printf("  told in %.3f s (%zu messages); left: %zu alerts, %zu incidents\n", flush, deliveries,
           tu_dispatch_count(d).alerts, tu_dispatch_count(d).incidents);
    tu_arena_done(&arena);
    tu_dispatch_free(d);
    tu_config_unref(c);
}

int main(int argc, char **argv) {
    size_t n = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 100000;
    run("[rule]", n);
    run("[rule, namespace]", n);
    run("[\"...\"]", n);
    return 0;
}
