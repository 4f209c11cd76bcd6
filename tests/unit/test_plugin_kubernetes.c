/*
 * Contract tests of target-kubernetes through the real host, against a scripted server that is as
 * old as servers get: plain discovery, no OpenAPI v3, one group whose API server is down.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "fault_server.h"
#include "folder.h"

#define VERBS "\"verbs\":[\"get\",\"list\",\"watch\"]"

static const fault_answer old_server[] = {
    {.path = "/version ", .body = "{\"gitVersion\":\"v1.20.0\"}"},
    {.path = "/api ", .body = "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}"},
    {.path = "/apis ",
     .body = "{\"kind\":\"APIGroupList\",\"groups\":[{\"name\":\"apps\",\"versions\":[{\"version\":"
             "\"v1\"}]},{\"name\":\"metrics.k8s.io\",\"versions\":[{\"version\":\"v1\"}]}]}"},
    {.path = "/api/v1 ",
     .body = "{\"resources\":[{\"name\":\"configmaps\",\"kind\":\"ConfigMap\",\"namespaced\":"
             "true," VERBS "},{\"name\":\"namespaces\",\"kind\":\"Namespace\"," VERBS "},"
             "{\"name\":\"namespaces/status\",\"kind\":\"Namespace\"," VERBS "}]}"},
    {.path = "/apis/apps/v1 ",
     .body = "{\"resources\":[{\"name\":\"deployments\",\"kind\":\"Deployment\",\"namespaced\":"
             "true," VERBS "}]}"},
    {.path = "/apis/metrics.k8s.io/v1 ", .status = 503, .body = "{}"},
    {.path = "/api/v1/configmaps?limit=7 ",
     .body =
         "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"metadata\":{\"name\":\"a\"}}]}"},
    {.path = "/api/v1/namespaces?", .body = "{", .fault = FAULT_HANG, .bytes = 1},
};

typedef struct fixture {
    test_folder folder;
    fault_server server;
    test_records records;
    tu_plugin_use *use;
    tu_error *error;
    tu_call_options call;
} fixture;

static int set_up(void **state) {
    fixture *f = tu_xcalloc(1, sizeof *f);
    char text[600];
    f->folder = test_folder_new();
    fault_server_start(&f->server, old_server, sizeof(old_server) / sizeof(*old_server));
    test_records_init(&f->records);
    f->call =
        (tu_call_options){.on_record = test_records_add, .arg = &f->records, .timeout_ms = 30000};
    snprintf(text, sizeof(text),
             "current-context: c\ncontexts: [{name: c, context: {cluster: k, namespace: "
             "shop}}]\nclusters: [{name: k, cluster: {server: \"http://127.0.0.1:%d/\"}}]\n",
             f->server.port);
    test_folder_write(&f->folder, "kubeconfig", text);
    snprintf(text, sizeof(text), "{kubeconfig: %s/kubeconfig, pageSize: 7, requestTimeout: 20s}",
             f->folder.path);
    f->use = test_use(TU_KIND_TARGET, "kubernetes", text);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    tu_plugin_use_free(f->use);
    fault_server_stop(&f->server);
    test_folder_remove(&f->folder);
    test_records_done(&f->records);
    tu_error_free(f->error);
    free(f);
    return 0;
}

static void expect(fixture *f, tu_rc got, tu_rc wanted) {
    if (got != wanted)
        fail_msg("rc %d, wanted %d: %s", (int)got, (int)wanted,
                 f->error ? tu_error_text(f->error) : "");
}

static void an_old_server_is_discovered_group_by_group(void **state) {
    fixture *f = *state;
    expect(f, tu_call_discover(f->use, &f->call, &f->error), TU_OK);
    assert_true(test_records_have(
        &f->records, "\"version\":\"v1.20.0\",\"defaultNamespace\":\"shop\",\"ownership\":true"));
    assert_true(test_records_have(&f->records,
                                  "{\"group\":\"apps\",\"version\":\"v1\",\"kind\":\"Deployment\","
                                  "\"resource\":\"deployments\",\"namespaced\":true,"));
    assert_true(test_records_have(
        &f->records, "\"kind\":\"Namespace\",\"resource\":\"namespaces\",\"namespaced\":false"));
    assert_true(test_records_have(&f->records,
                                  "{\"group\":\"metrics.k8s.io\",\"version\":\"v1\",\"message\":"));
    assert_false(test_records_have(&f->records, "namespaces/status"));
}

static void without_openapi_a_kind_is_untyped_and_its_server_fields_are_ignored(void **state) {
    fixture *f = *state;
    expect(f,
           tu_call_describe(f->use,
                            TU_S("{\"group\":\"apps\",\"version\":\"v1\",\"kind\":\"Deployment\"}"),
                            &f->call, &f->error),
           TU_OK);
    assert_true(test_records_have(&f->records, "\"/metadata/managedFields\""));
    assert_true(test_records_have(&f->records, "\"types\":[{\"type\":\"any\"}]"));
}

static void a_kind_of_a_group_that_is_down_is_lost_and_the_others_are_listed(void **state) {
    fixture *f = *state;
    expect(f,
           tu_call_list(
               f->use,
               TU_S("{\"scopes\":[{\"group\":\"metrics.k8s.io\",\"version\":\"v1\",\"kind\":"
                    "\"PodMetrics\"},{\"group\":\"\",\"version\":\"v1\",\"kind\":\"ConfigMap\"}]}"),
               &f->call, &f->error),
           TU_OK);
    assert_true(test_records_have(&f->records, "\"code\":\"http-503\""));
    assert_true(test_records_have(&f->records, "{\"metadata\":{\"name\":\"a\"}}"));
}

static void a_deadline_ends_a_list_that_stands_still(void **state) {
    fixture *f = *state;
    f->call.timeout_ms = 300;
    expect(f,
           tu_call_list(
               f->use,
               TU_S("{\"scopes\":[{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Namespace\"}]}"),
               &f->call, &f->error),
           TU_ETIMEOUT);
}

static void *cancel(void *arg) {
    fixture *f = arg;
    while (!fault_server_count(&f->server, "/api/v1/namespaces?"))
        usleep(1000);
    tu_cancel_fire(f->call.cancel);
    return NULL;
}

static void a_cancelled_list_stops(void **state) {
    fixture *f = *state;
    pthread_t thread;
    f->call.cancel = tu_cancel_new();
    assert_int_equal(pthread_create(&thread, NULL, cancel, f), 0);
    expect(f,
           tu_call_list(
               f->use,
               TU_S("{\"scopes\":[{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Namespace\"}]}"),
               &f->call, &f->error),
           TU_ECANCELLED);
    pthread_join(thread, NULL);
    tu_cancel_free(f->call.cancel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_old_server_is_discovered_group_by_group, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            without_openapi_a_kind_is_untyped_and_its_server_fields_are_ignored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_kind_of_a_group_that_is_down_is_lost_and_the_others_are_listed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deadline_ends_a_list_that_stands_still, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_list_stops, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
