/*
 * bench_judge_growth: does the judge's time grow as the object does? Objects made to be hard, in three
 * sizes each; the last column is the time of ten times the size, divided by ten times the time. Around
 * one: as it grows; ten: its square.
 *
 *     bench_judge_growth
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "compare/judge.h"
#include "value/json.h"

static const char schema[] =
    "{\"types\":[{\"type\":\"map\",\"fields\":{\"apiVersion\":1,\"kind\":1,\"metadata\":2,"
    "\"spec\":3}},{\"type\":\"string\"},{\"type\":\"map\",\"fields\":{\"name\":1,\"labels\":6}},"
    "{\"type\":\"map\",\"fields\":{\"items\":4,\"tight\":7,\"names\":8}},"
    "{\"type\":\"list\",\"list\":\"keyed\",\"keys\":[\"name\"],\"items\":5},"
    "{\"type\":\"map\",\"fields\":{\"name\":1,\"value\":1}},{\"type\":\"map\",\"values\":1},"
    "{\"type\":\"list\",\"items\":1},{\"type\":\"list\",\"list\":\"set\",\"items\":1}]}";

typedef void (*writer)(tu_buf *b, size_t n);

static void items(tu_buf *b, size_t n, const char *value, bool backwards) {
    tu_buf_add_c(b, "\"items\":[");
    for (size_t i = 0; i < n; i++)
        tu_buf_addf(b, "%s{\"name\":\"item-%zu\",\"value\":\"%s\"}", i ? "," : "",
                    backwards ? n - 1 - i : i, value);
    tu_buf_add_c(b, "]");
}

static void keyed(tu_buf *b, size_t n) {
    items(b, n, "x", false);
}
static void keyed_backwards(tu_buf *b, size_t n) {
    items(b, n, "x", true);
}
static void keyed_other(tu_buf *b, size_t n) {
    items(b, n, "y", false);
}
static void keyed_twice(tu_buf *b, size_t n) {
    tu_buf_add_c(b, "\"items\":[");
    for (size_t i = 0; i < n; i++)
        tu_buf_addf(b, "%s{\"name\":\"item-%zu\",\"value\":\"x\"}", i ? "," : "", i / 2);
    tu_buf_add_c(b, "]");
}
static void names(tu_buf *b, size_t n) {
    tu_buf_add_c(b, "\"names\":[");
    for (size_t i = 0; i < n; i++)
        tu_buf_addf(b, "%s\"name-%zu\"", i ? "," : "", i);
    tu_buf_add_c(b, "]");
}
static void nothing(tu_buf *b, size_t n) {
    (void)n;
    tu_buf_add_c(b, "\"tight\":[\"a\"]");
}

/* managedFields: none, ours holding all items, or one entry an item, each somebody else's. */
typedef enum { NOBODY, OURS_OF_NOTHING, ONE_HUMAN, ONE_EACH, EACH_AND_OURS } hands;

static void entry(tu_buf *b, const char *manager, const char *operation, size_t from, size_t to) {
    tu_buf_addf(b,
                "{\"manager\":\"%s\",\"operation\":\"%s\",\"apiVersion\":\"acme.io/v1\",\"time\":"
                "\"2026-01-01T00:00:00Z\",\"fieldsV1\":{\"f:spec\":{\"f:items\":{",
                manager, operation);
    for (size_t i = from; i < to; i++)
        tu_buf_addf(b,
                    "%s\"k:{\\\"name\\\":\\\"item-%zu\\\"}\":{\".\":{},\"f:name\":{},\"f:value\":{}"
                    "}",
                    i > from ? "," : "", i);
    tu_buf_add_c(b, "}}}}");
}

static void own(tu_buf *b, size_t n, hands h) {
    char name[64];
    tu_buf_add_c(b, "\"managedFields\":[");
    if (h == OURS_OF_NOTHING)
        tu_buf_add_c(
            b, "{\"manager\":\"trueup\",\"operation\":\"Apply\",\"apiVersion\":\"acme.io/v1\","
               "\"fieldsV1\":{\"f:spec\":{\"f:tight\":{}}}}");
    if (h == ONE_HUMAN)
        entry(b, "kubectl-edit", "Update", 0, n);
    if (h == EACH_AND_OURS) {
        entry(b, "trueup", "Apply", 0, n);
        tu_buf_add_c(b, n ? "," : "");
    }
    for (size_t i = 0; (h == ONE_EACH || h == EACH_AND_OURS) && i < n; i++) {
        snprintf(name, sizeof(name), "manager-%zu", i);
        tu_buf_add_c(b, i ? "," : "");
        entry(b, name, "Apply", i, i + 1);
    }
    tu_buf_add_c(b, "]");
}

static tu_value *object(tu_arena *a, size_t n, writer spec, hands h) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(256 * TU_MIB);
    tu_value *v = NULL;
    tu_buf_add_c(&b, "{\"apiVersion\":\"acme.io/v1\",\"kind\":\"W\",\"metadata\":{\"name\":\"w\",");
    own(&b, n, h);
    tu_buf_add_c(&b, "},\"spec\":{");
    spec(&b, n);
    tu_buf_add_c(&b, "}}");
    if (tu_json_parse(a, tu_buf_str(&b), TU_JSON_COPY, NULL, &v, NULL, NULL) != TU_OK)
        abort();
    return v;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Milliseconds; the best of three. */
static double judge(tu_kind *kind, size_t n, writer desired, writer live, hands h, bool everything,
                    size_t *ret_changes) {
    tu_arena a, scratch;
    tu_prepared p;
    tu_arena_init(&a, 0);
    tu_arena_init(&scratch, 0);
    tu_value *manifest = object(&a, n, desired, NOBODY), *there = object(&a, n, live, h);
    tu_object_id id = tu_object_id_of(manifest);
    tu_value_remove((tu_value *)tu_value_get(manifest, "metadata"), TU_S("managedFields"));
    if (tu_prepare(&a, kind, manifest, &id, TU_S("m"), &p, NULL) != TU_OK)
        abort();
    double best = 1e9;
    for (int i = 0; i < 3; i++) {
        tu_judge_input in = {
            .desired = &p, .live = there, .our_manager = TU_S("trueup"), .everything = everything};
        tu_judgement j;
        double begin = now();
        if (tu_judge(&scratch, &in, &j, NULL) != TU_OK)
            abort();
        double elapsed = (now() - begin) * 1e3;
        best = elapsed < best ? elapsed : best;
        *ret_changes = j.change_count;
        tu_arena_reset(&scratch);
    }
    tu_arena_done(&scratch);
    tu_arena_done(&a);
    return best;
}

int main(void) {
    static const struct {
        const char *about;
        writer desired, live;
        hands hands;
        bool everything;
    } rows[] = {
        {"items in sync, nobody's", keyed, keyed, NOBODY, false},
        {"items in sync, a human's", keyed, keyed, ONE_HUMAN, false},
        {"items backwards", keyed, keyed_backwards, ONE_HUMAN, false},
        {"items all changed", keyed, keyed_other, ONE_HUMAN, false},
        {"items all there twice", keyed, keyed_twice, ONE_HUMAN, false},
        {"items all added by a human", nothing, keyed, ONE_HUMAN, false},
        {"items all nobody's, listed", nothing, keyed, OURS_OF_NOTHING, true},
        {"a manager each, all added", nothing, keyed, ONE_EACH, false},
        {"a manager each, all changed", keyed, keyed_other, ONE_EACH, false},
        {"a manager each, all dropped by us", nothing, keyed, EACH_AND_OURS, false},
        {"names of a set", names, names, NOBODY, false},
    };
    tu_kind *kind = NULL;
    if (tu_kind_compile(tu_str_c(schema), &kind, NULL) != TU_OK)
        abort();
    printf("%-36s %10s %10s %10s %8s %7s\n", "milliseconds for items:", "100", "1000", "10000",
           "changes", "growth");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double ms[3];
        size_t n = 100, changes = 0;
        for (int k = 0; k < 3; k++, n *= 10)
            ms[k] = judge(kind, n, rows[i].desired, rows[i].live, rows[i].hands, rows[i].everything,
                          &changes);
        printf("%-36s %10.3f %10.3f %10.3f %8zu %7.1f\n", rows[i].about, ms[0], ms[1], ms[2],
               changes, ms[2] / (ms[1] * 10));
    }
    tu_kind_unref(kind);
    return 0;
}
