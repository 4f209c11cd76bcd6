/*
 * bench_report: every format with 1,000 and with 10,000 drifted objects of four changes each (a number,
 * an image, a text of twenty lines, an order of eight). Prints milliseconds of CPU and how much longer ten
 * times as many take: 10 is linear.
 */
#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/str.h"
#include "report/report.h"
#include "value/json.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* others may keep the machine busy */
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static const tu_value *parse(tu_arena *a, const char *json) {
    tu_value *v = NULL;
    tu_json_parse(a, tu_str_c(json), TU_JSON_COPY, NULL, &v, NULL, NULL);
    return v;
}

#define TEXT                                                                                       \
    "l1\\nl2\\nl3\\nl4\\nl5\\nl6\\nl7\\nl8\\nl9\\nl10\\nl11\\nl12\\nl13\\nl14\\nl15\\nl16\\nl17\\" \
    "n"
#define ITEM(x) "{\"name\":\"" x "\",\"value\":\"" x "\"}"
#define ITEMS ITEM("b") "," ITEM("c") "," ITEM("d") "," ITEM("e") "," ITEM("f") "," ITEM("g")

static void fill_changes(tu_arena *a, tu_change *c) {
    static const char *const values[4][3] = {
        {"/spec/replicas", "3", "5"},
        {"/spec/template/spec/containers/[name=app]/image", "\"acme/cart:1\"", "\"acme/cart:2\""},
        {"/data/app.conf", "\"" TEXT "workers = 4\\nlast\\n\"",
         "\"" TEXT "workers = 8\\nlast\\n\""},
        {"/spec/template/spec/containers/[name=app]/env", "[" ITEM("a") "," ITEMS "]",
         "[" ITEMS "," ITEM("a") "]"},
    };
    for (size_t i = 0; i < 4; i++)
        c[i] = (tu_change){.path = tu_str_c(values[i][0]),
                           .kind = i == 3 ? TU_CHANGE_ORDER : TU_CHANGE_VALUE,
                           .desired = parse(a, values[i][1]),
                           .live = parse(a, values[i][2]),
                           .line = 8,
                           .owner = {.manager = TU_S("kubectl-edit"),
                                     .time = TU_S("2026-01-02T03:00:00Z"),
                                     .class_ = TU_MANAGER_HUMAN},
                           .action = TU_ACTION_ALERT,
                           .severity = TU_SEVERITY_WARNING};
}

static tu_report make(size_t n) {
    tu_report r = {.started_ms = 1767323045000, .finished_ms = 1767323046000, .rule_count = 1};
    tu_arena_init(&r.arena, 0);
    r.rules = tu_arena_zalloc(&r.arena, sizeof *r.rules);
    r.rules[0] =
        (tu_rule_report){.name = TU_S("shop"), .source = TU_S("config"), .target = TU_S("prod")};
    r.rules[0].findings = tu_arena_zalloc(&r.arena, n * sizeof *r.rules[0].findings);
    r.rules[0].finding_count = n;
    for (size_t i = 0; i < n; i++) {
        tu_finding *f = tu_arena_zalloc(&r.arena, sizeof *f);
        *f = (tu_finding){.id = {TU_S("apps"), TU_S("v1"), TU_S("Deployment"), TU_S("shop"),
                                 tu_str_c(tu_arena_printf(&r.arena, "cart-%zu", i))},
                          .verdict = TU_VERDICT_DRIFTED,
                          .file = TU_S("overlays/prod/cart.yaml"),
                          .line = 3,
                          .action = TU_ACTION_ALERT,
                          .severity = TU_SEVERITY_WARNING,
                          .change_count = 4};
        f->changes = tu_arena_zalloc(&r.arena, 4 * sizeof *f->changes);
        fill_changes(&r.arena, f->changes);
        r.rules[0].findings[i] = f;
    }
    return r;
}

static double write_once(const tu_report *r, tu_report_options o, size_t *ret_bytes) {
    tu_buf out = TU_BUF_INIT((size_t)1 << 31);
    double begin = now();
    tu_report_write(r, &o, &out);
    double took = now() - begin;
    *ret_bytes = out.n;
    tu_buf_done(&out);
    return took;
}

int main(void) {
    tu_report small = make(1000), large = make(10000);
    printf("%-18s %10s %10s %8s %12s\n", "format", "1,000 ms", "10,000 ms", "ratio", "bytes");
    for (int f = 0; f < TU_REPORT_FORMAT_COUNT; f++) {
        for (int all = 0; all < 2; all++) {
            size_t bytes;
            const tu_report_options o = {.format = (tu_report_format)f, .all = all, .diff = all};
            double a = write_once(&small, o, &bytes), b = write_once(&large, o, &bytes);
            printf("%-18s %10.1f %10.1f %8.1f %12zu\n", tu_report_format_name((tu_report_format)f),
                   a, b, b / a, bytes);
            if (f > TU_REPORT_TABLE)
                break;
        }
    }
    tu_arena_done(&small.arena);
    tu_arena_done(&large.arena);
    return 0;
}
