/*
 * bench_parse: how fast JSON and YAML are read, beside other readers on the same bytes.
 *
 *     bench_parse [MEGABYTES]      default 10
 *
 * The input is a list of Deployments as a cluster returns them: managedFields, a last-applied
 * annotation full of escapes, status. The same objects stand in a second text as YAML documents.
 * Best of five rounds; the ratio is to the first row of a table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <yaml.h>

#include <cJSON.h>
#ifdef HAVE_JANSSON
#include <jansson.h>
#endif

#include "base/limits.h"
#include "value/json.h"
#include "value/yaml.h"

#define ROUNDS 5

/* --- the input ------------------------------------------------------------------------------- */

static const char deployment[] =
    "{\"apiVersion\":\"apps/"
    "v1\",\"kind\":\"Deployment\",\"metadata\":{\"annotations\":{\"deployment.kubernetes.io/"
    "revision\":\"7\","
    "\"kubectl.kubernetes.io/last-applied-configuration\":\"{\\\"apiVersion\\\":\\\"apps/"
    "v1\\\",\\\"kind\\\":\\\"Deployment\\\",\\\"metadata\\\":{\\\"annotations\\\":{},"
    "\\\"labels\\\":{\\\"app\\\":\\\"shop\\\"},\\\"name\\\":\\\"shop-%d\\\",\\\"namespace\\\":"
    "\\\"team-%d\\\"},\\\"spec\\\":{\\\"replicas\\\":3,\\\"selector\\\":{\\\"matchLabels\\\":{"
    "\\\"app\\\":\\\"shop\\\"}},"
    "\\\"template\\\":{\\\"metadata\\\":{\\\"labels\\\":{\\\"app\\\":\\\"shop\\\"}},\\\"spec\\\":{"
    "\\\"containers\\\":[{\\\"image\\\":\\\"registry.example.com/"
    "shop:v1.2.3\\\",\\\"name\\\":\\\"app\\\"}]}}}}\\n\"},"
    "\"creationTimestamp\":\"2026-01-02T03:04:05Z\",\"generation\":12,\"labels\":{\"app\":\"shop\","
    "\"app.kubernetes.io/managed-by\":\"kustomize\",\"tier\":\"backend\"},"
    "\"managedFields\":[{\"apiVersion\":\"apps/"
    "v1\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:metadata\":{\"f:annotations\":{\".\":{},"
    "\"f:kubectl.kubernetes.io/last-applied-configuration\":{}},"
    "\"f:labels\":{\".\":{},\"f:app\":{},\"f:tier\":{}}},\"f:spec\":{\"f:progressDeadlineSeconds\":"
    "{},\"f:replicas\":{},\"f:revisionHistoryLimit\":{},\"f:selector\":{},"
    "\"f:strategy\":{\"f:rollingUpdate\":{\".\":{},\"f:maxSurge\":{},\"f:maxUnavailable\":{}},\"f:"
    "type\":{}},\"f:template\":{\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app\":{}}},"
    "\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"app\\\"}\":{\".\":{},\"f:env\":{\".\":{},"
    "\"k:{\\\"name\\\":\\\"MODE\\\"}\":{\".\":{},\"f:name\":{},\"f:value\":{}}},\"f:image\":{},\"f:"
    "imagePullPolicy\":{},"
    "\"f:name\":{},\"f:ports\":{\".\":{},\"k:{\\\"containerPort\\\":8080,\\\"protocol\\\":"
    "\\\"TCP\\\"}\":{\".\":{},\"f:containerPort\":{},\"f:protocol\":{}}},\"f:resources\":{\".\":{},"
    "\"f:limits\":{\".\":{},\"f:cpu\":{},\"f:memory\":{}}},"
    "\"f:terminationMessagePath\":{},\"f:terminationMessagePolicy\":{}}},\"f:dnsPolicy\":{},\"f:"
    "restartPolicy\":{},\"f:schedulerName\":{},\"f:securityContext\":{},\"f:"
    "terminationGracePeriodSeconds\":{}}}}},"
    "\"manager\":\"kubectl-client-side-apply\",\"operation\":\"Update\",\"time\":\"2026-01-02T03:"
    "04:05Z\"},{\"apiVersion\":\"apps/"
    "v1\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:status\":{\"f:availableReplicas\":{},"
    "\"f:conditions\":{\".\":{},\"k:{\\\"type\\\":\\\"Available\\\"}\":{\".\":{},\"f:"
    "lastTransitionTime\":{},\"f:lastUpdateTime\":{},\"f:message\":{},\"f:reason\":{},\"f:status\":"
    "{},\"f:type\":{}}},\"f:observedGeneration\":{},"
    "\"f:readyReplicas\":{},\"f:replicas\":{},\"f:updatedReplicas\":{}}},\"manager\":\"kube-"
    "controller-manager\",\"operation\":\"Update\",\"subresource\":\"status\",\"time\":\"2026-01-"
    "02T03:05:00Z\"}],"
    "\"name\":\"shop-%d\",\"namespace\":\"team-%d\",\"resourceVersion\":\"%d\",\"uid\":\"0f3c1a52-"
    "6b7e-4c9d-8a1b-%012d\"},\"spec\":{\"progressDeadlineSeconds\":600,\"replicas\":3,"
    "\"revisionHistoryLimit\":10,"
    "\"selector\":{\"matchLabels\":{\"app\":\"shop\"}},\"strategy\":{\"rollingUpdate\":{"
    "\"maxSurge\":\"25%%\",\"maxUnavailable\":\"25%%\"},\"type\":\"RollingUpdate\"},\"template\":{"
    "\"metadata\":{\"labels\":{\"app\":\"shop\"}},"
    "\"spec\":{\"containers\":[{\"env\":[{\"name\":\"MODE\",\"value\":\"production\"}],\"image\":"
    "\"registry.example.com/"
    "shop:v1.2.3\",\"imagePullPolicy\":\"IfNotPresent\",\"name\":\"app\",\"ports\":[{"
    "\"containerPort\":8080,"
    "\"protocol\":\"TCP\"}],\"resources\":{\"limits\":{\"cpu\":\"500m\",\"memory\":\"128Mi\"}},"
    "\"terminationMessagePath\":\"/dev/"
    "termination-log\",\"terminationMessagePolicy\":\"File\"}],\"dnsPolicy\":\"ClusterFirst\","
    "\"restartPolicy\":\"Always\",\"schedulerName\":\"default-scheduler\",\"securityContext\":{},"
    "\"terminationGracePeriodSeconds\":30}}},\"status\":{\"availableReplicas\":3,\"conditions\":[{"
    "\"lastTransitionTime\":\"2026-01-02T03:05:00Z\","
    "\"lastUpdateTime\":\"2026-01-02T03:05:00Z\",\"message\":\"Deployment has minimum "
    "availability.\",\"reason\":\"MinimumReplicasAvailable\",\"status\":\"True\",\"type\":"
    "\"Available\"}],\"observedGeneration\":12,\"readyReplicas\":3,"
    "\"replicas\":3,\"updatedReplicas\":3}}";

/* The objects' values as block YAML: what people keep in Git looks like this. */
static void write_yaml(tu_buf *b, const tu_value *v, int indent, bool in_list) {
    if ((v->type != TU_MAP && v->type != TU_LIST) || tu_value_count(v) == 0) {
        tu_json_write(b, v, 0);
        tu_buf_add_byte(b, '\n');
        return;
    }
    for (uint32_t i = 0; i < tu_value_count(v); i++) {
        const tu_value *child = v->type == TU_MAP ? &v->map.members[i].value : &v->list.items[i];
        bool block = (child->type == TU_MAP || child->type == TU_LIST) && tu_value_count(child);
        if (i || !in_list)
            tu_buf_addf(b, "%*s", indent, "");
        if (v->type == TU_LIST) {
            tu_buf_add_c(b, "- ");
            write_yaml(b, child, indent + 2, true);
            continue;
        }
        if (tu_str_eq(v->map.members[i].key, TU_S(".")) ||
            memchr(v->map.members[i].key.p, '{', v->map.members[i].key.n))
            tu_buf_add_json_string(b, v->map.members[i].key);
        else
            tu_buf_add(b, v->map.members[i].key);
        tu_buf_add_c(b, block ? ":\n" : ": ");
        write_yaml(b, child, indent + 2, false);
    }
}

static void make_object(tu_buf *json, int i) {
    char text[8192];
    snprintf(text, sizeof(text), deployment, i, i % 40, i, i % 40, 100000 + i, i);
    tu_buf_add_c(json, text);
}

static void make_input(size_t bytes, tu_buf *json, tu_buf *yaml) {
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_buf_add_c(json, "{\"apiVersion\":\"apps/v1\",\"kind\":\"DeploymentList\",\"items\":[");
    for (int i = 0; json->n < bytes; i++) {
        tu_buf one = TU_BUF_INIT(1u << 20);
        tu_value *v = NULL;
        tu_error *e = NULL;
        make_object(&one, i);
        if (tu_json_parse(&a, tu_buf_str(&one), 0, "object", &v, NULL, &e) != TU_OK) {
            fprintf(stderr, "%s at column %lld\n", tu_error_text(e), (long long)e->column);
            exit(1);
        }
        tu_buf_add_c(json, i ? "," : "");
        tu_buf_add(json, tu_buf_str(&one));
        tu_buf_add_c(yaml, "---\n");
        write_yaml(yaml, v, 0, false);
        tu_buf_done(&one);
        tu_arena_reset(&a);
    }
    tu_buf_add_c(json, "]}\n");
    tu_arena_done(&a);
}

/* --- what is measured ------------------------------------------------------------------------ */

/* Each returns whether the text was read. */
typedef bool reader(tu_str text);

static bool read_ours(tu_str text) {
    tu_arena a;
    tu_value *v = NULL;
    tu_arena_init(&a, 0);
    bool ok = tu_json_parse(&a, text, TU_JSON_NO_LINES, NULL, &v, NULL, NULL) == TU_OK;
    tu_arena_done(&a);
    return ok;
}

static bool read_ours_lines(tu_str text) {
    tu_arena a;
    tu_value *v = NULL;
    tu_arena_init(&a, 0);
    bool ok = tu_json_parse(&a, text, 0, NULL, &v, NULL, NULL) == TU_OK;
    tu_arena_done(&a);
    return ok;
}

/* As live objects come: the list is cut into objects, each is read into an arena that is used
 * again. */
static bool read_ours_streamed(tu_str text) {
    tu_arena a;
    tu_json_scan scan = {0};
    const char *items = memchr(text.p, '[', text.n);
    tu_str rest = {items + 1, text.n - (size_t)(items + 1 - text.p)};
    tu_arena_init(&a, 0);
    for (;;) {
        bool complete;
        tu_value *v = NULL;
        size_t n = tu_json_scan_feed(&scan, rest, &complete), skip = 0;
        if (!complete)
            break;
        while (rest.p[skip] == ',')
            skip++;
        if (tu_json_parse(&a, (tu_str){rest.p + skip, n - skip}, TU_JSON_NO_LINES, NULL, &v, NULL,
                          NULL) != TU_OK)
            return false;
        tu_arena_reset(&a);
        rest = (tu_str){rest.p + n, rest.n - n};
    }
    tu_arena_done(&a);
    return rest.n < 8;
}

static bool scan_only(tu_str text) {
    tu_json_scan scan = {0};
    bool complete;
    tu_json_scan_feed(&scan, text, &complete);
    return complete;
}

static bool read_cjson(tu_str text) {
    cJSON *root = cJSON_ParseWithLength(text.p, text.n);
    bool ok = root != NULL;
    cJSON_Delete(root);
    return ok;
}

#ifdef HAVE_JANSSON
static bool read_jansson(tu_str text) {
    json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    bool ok = root != NULL;
    json_decref(root);
    return ok;
}
#endif

static bool yaml_events(tu_str text) {
    yaml_parser_t parser;
    yaml_event_t event;
    bool end = false, ok = true;
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.n);
    while (ok && !end) {
        ok = yaml_parser_parse(&parser, &event);
        end = ok && event.type == YAML_STREAM_END_EVENT;
        if (ok)
            yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return ok;
}

static bool read_our_yaml(tu_str text) {
    tu_arena a;
    tu_yaml_split s = tu_yaml_split_begin(text);
    tu_arena_init(&a, 0);
    for (tu_yaml_part part; tu_yaml_split_next(&s, &part);) {
        tu_value *v = NULL;
        if (tu_yaml_parse(&a, part, TU_YAML_KUBERNETES, NULL, &v, NULL) != TU_OK)
            return false;
        tu_arena_reset(&a);
    }
    tu_arena_done(&a);
    return true;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* MB/s of the best round. */
static double measure(reader *read, tu_str text) {
    double best = 0;
    for (int i = 0; i < ROUNDS; i++) {
        double begin = now();
        if (!read(text))
            return 0;
        double speed = (double)text.n / 1e6 / (now() - begin);
        best = speed > best ? speed : best;
    }
    return best;
}

typedef struct row {
    const char *name;
    reader *read;
} row;

static void print_table(const char *title, tu_str text, const row *rows, size_t n) {
    double first = 0;
    printf("%s, %.1f MB\n", title, (double)text.n / 1e6);
    for (size_t i = 0; i < n; i++) {
        double speed = measure(rows[i].read, text);
        first = i ? first : speed;
        if (speed > 0)
            printf("  %-44s %8.1f MB/s %8.2fx\n", rows[i].name, speed, speed / first);
        else
            printf("  %-44s refused\n", rows[i].name);
    }
}

int main(int argc, char **argv) {
    size_t megabytes = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 10;
    tu_buf json = TU_BUF_INIT(256u << 20), yaml = TU_BUF_INIT(256u << 20);
    make_input(megabytes * 1000 * 1000, &json, &yaml);
    static const row json_rows[] = {
        {"trueup, one tree", read_ours},
        {"trueup, one tree, with lines", read_ours_lines},
        {"trueup, cut and read object by object", read_ours_streamed},
        {"trueup, cut only (tu_json_scan_feed)", scan_only},
        {"cJSON", read_cjson},
#ifdef HAVE_JANSSON
        {"jansson, duplicates refused", read_jansson},
#endif
    };
    static const row yaml_rows[] = {{"libyaml, events alone", yaml_events},
                                    {"trueup, values", read_our_yaml}};
    print_table("JSON: a DeploymentList", tu_buf_str(&json), json_rows,
                sizeof(json_rows) / sizeof(json_rows[0]));
    print_table("YAML: the same objects", tu_buf_str(&yaml), yaml_rows,
                sizeof(yaml_rows) / sizeof(yaml_rows[0]));
    tu_buf_done(&json);
    tu_buf_done(&yaml);
    return 0;
}
