/*
 * target-kubernetes without a server: kubeconfigs that are found, merged and refused, and the
 * health of objects.
 */
#include "kube_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/kube-local.XXXXXX";

static void write_file(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int enter(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    unsetenv("KUBECONFIG");
    unsetenv("KUBERNETES_SERVICE_HOST");
    return chdir(folder);
}

static int leave(void **state) {
    (void)state;
    static const char *const names[] = {"one", "two", "bad"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        unlink(names[i]);
    return chdir("/") || rmdir(folder);
}

#define CLUSTER(name, port) "{name: " name ", cluster: {server: \"http://127.0.0.1:" port "\"}}"
#define CONTEXT(name, cluster, user, more)                                                         \
    "{name: " name ", context: {cluster: " cluster ", user: " user more "}}"

typedef struct refusal {
    const char *name, *environment, *file, *config,
        *words; /* the message has the words; {} in it stands for the folder */
} refusal;

static const refusal refusals[] = {
    {"no kubeconfig at all", "", NULL, "{}",
     "found no kubeconfig (looked at /nowhere/.kube/config"},
    {"a list of files that are not there", "KUBECONFIG=/nowhere/a:/nowhere/b", NULL, "{}",
     "looked at /nowhere/a, /nowhere/b"},
    {"the file of the configuration is not there", "", NULL, "{\"kubeconfig\":\"/nowhere/c\"}",
     "there is no kubeconfig at /nowhere/c"},
    {"a folder", "", NULL, "{\"kubeconfig\":\"/tmp\"}",
     "can't read the kubeconfig /tmp: Is a directory"},
    {"broken YAML", "", "a: [", "{\"kubeconfig\":\"bad\"}", "bad is not valid YAML: line"},
    {"a list", "", "[1]", "{\"kubeconfig\":\"bad\"}", "bad is not a map"},
    {"no current context", "", "clusters: []", "{\"kubeconfig\":\"bad\"}",
     "has no current-context"},
    {"no contexts", "", "current-context: x", "{\"kubeconfig\":\"bad\"}",
     "the kubeconfig has no contexts"},
    {"a context that is nearly there", "",
     "contexts: [" CONTEXT("production", "k", "u", "") ", " CONTEXT("test", "k", "u", "") "]",
     "{\"kubeconfig\":\"bad\",\"context\":\"prodution\"}",
     "did you mean \"production\"? there are: production, test"},
    {"a context that is not there", "", "contexts: [" CONTEXT("a", "k", "u", "") "]",
     "{\"kubeconfig\":\"bad\",\"context\":\"something\"}",
     "no context \"something\" in the kubeconfig (bad): there are: a"},
    {"a cluster that is not there", "", "contexts: [" CONTEXT("a", "k", "u", "") "]",
     "{\"kubeconfig\":\"bad\",\"context\":\"a\"}",
     "names the cluster \"k\", which the kubeconfig does not have"},
    {"a user that is not there", "",
     "contexts: [" CONTEXT("a", "k", "u", "") "]\nclusters: [" CLUSTER("k", "1") "]",
     "{\"kubeconfig\":\"bad\",\"context\":\"a\"}",
     "names the user \"u\", which the kubeconfig does not have"},
    {"a cluster without a server", "",
     "contexts: [" CONTEXT("a", "k", "u", "") "]\nclusters: [{name: k, cluster: {}}]",
     "{\"kubeconfig\":\"bad\",\"context\":\"a\"}", "names no server"},
    {"a server that is no URL", "",
     "contexts: [{name: a, context: {cluster: k}}]\nclusters: [{name: k, cluster: {server: "
     "\"ftp://x\"}}]",
     "{\"kubeconfig\":\"bad\",\"context\":\"a\"}", "no http or https URL"},
    {"an exec without a command", "",
     "contexts: [" CONTEXT("a", "k", "u", "") "]\nclusters: [" CLUSTER(
         "k", "1") "]\nusers: [{name: u, user: {exec: {}}}]",
     "{\"kubeconfig\":\"bad\",\"context\":\"a\"}", "exec without a command"},
    {"an exec of another version", "",
     "contexts: [" CONTEXT("a", "k", "u", "") "]\nclusters: [" CLUSTER(
         "k", "1") "]\nusers: [{name: u, user: {exec: {command: x, apiVersion: "
                   "client.authentication.k8s.io/v1alpha1}}}]",
     "{\"kubeconfig\":\"bad\",\"context\":\"a\"}", "v1alpha1: supported are"},
    {"an exec that needs a terminal", "",
     "contexts: [" CONTEXT("a", "k", "u", "") "]\nclusters: [" CLUSTER(
         "k", "1") "]\nusers: [{name: u, user: {exec: {command: x, apiVersion: "
                   "client.authentication.k8s.io/v1, interactiveMode: Always}}}]",
     "{\"kubeconfig\":\"bad\",\"context\":\"a\"}", "wants a terminal"},
    {"an auth-provider", "",
     "contexts: [" CONTEXT("a", "k", "u", "") "]\nclusters: [" CLUSTER(
         "k", "1") "]\nusers: [{name: u, user: {auth-provider: {name: gcp}}}]",
     "{\"kubeconfig\":\"bad\",\"context\":\"a\"}", "removed in 1.26"},
    {"a token with a line break", "",
     "contexts: [" CONTEXT("a", "k", "u", "") "]\nclusters: [" CLUSTER(
         "k", "1") "]\nusers: [{name: u, user: {token: \"a\\nb\"}}]",
     "{\"kubeconfig\":\"bad\",\"context\":\"a\"}", "has a line break"},
    {"a header smuggled into act-as", "",
     "contexts: [" CONTEXT("a", "k", "u", "") "]\nclusters: [" CLUSTER(
         "k", "1") "]\nusers: [{name: u, user: {act-as: \"a\\nX: y\"}}]",
     "{\"kubeconfig\":\"bad\",\"context\":\"a\"}", "has a line break"},
};

static void a_kubeconfig_that_can_not_serve_is_refused_with_the_reason(void **state) {
    (void)state;
    setenv("HOME", "/nowhere", 1);
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        const refusal *t = &refusals[i];
        unsetenv("KUBECONFIG");
        if (t->environment[0])
            setenv("KUBECONFIG", strchr(t->environment, '=') + 1, 1);
        if (t->file)
            write_file("bad", t->file);
        kube_plugin p;
        tu_call c;
        kube_call_init(&c);
        assert_false(kube_plugin_open(&p, &c, t->config));
        if (c.rc != TU_EINVALID || !strstr(c.message, t->words))
            fail_msg("%s: %d %s", t->name, (int)c.rc, c.message);
        kube_call_done(&c);
    }
    unsetenv("KUBECONFIG");
}

/* Which server an instance would talk to: nothing listens there, and the message names it. */
static void assert_endpoint(const char *config, const char *endpoint) {
    kube_plugin p;
    tu_call c;
    kube_call_init(&c);
    if (!kube_plugin_open(&p, &c, config))
        fail_msg("%s", c.message);
    c.rc = p.target->common->probe(p.instance, &c);
    if (c.rc != TU_EUNAVAILABLE || !strstr(c.message, endpoint))
        fail_msg("%d %s", (int)c.rc, c.message);
    kube_plugin_close(&p);
    kube_call_done(&c);
}

static void of_several_files_the_first_that_says_something_wins(void **state) {
    (void)state;
    write_file("one", "contexts: [" CONTEXT("a", "k", "u",
                                            "") "]\nusers: [{name: u, user: {token: t}}]\n");
    write_file("two", "current-context: a\nclusters: [" CLUSTER("k", "1") ", " CLUSTER(
                          "l", "2") "]\n"
                                    "contexts: [" CONTEXT("a", "l", "u", "") ", " CONTEXT(
                                        "b", "l", "u", "") "]\n");
    setenv("KUBECONFIG", "one:/nowhere/x:two", 1);
    assert_endpoint("{}", "http://127.0.0.1:1 ");
    assert_endpoint("{\"context\":\"b\"}", "http://127.0.0.1:2 ");
    unsetenv("KUBECONFIG");
}

static void a_pod_without_a_token_is_told_so(void **state) {
    (void)state;
    if (access("/var/run/secrets/kubernetes.io/serviceaccount/token", F_OK) == 0)
        skip();
    setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
    kube_plugin p;
    tu_call c;
    kube_call_init(&c);
    assert_false(kube_plugin_open(&p, &c, "{}"));
    assert_non_null(
        strstr(c.message,
               "this is a pod (KUBERNETES_SERVICE_HOST is set) without a service account token"));
    kube_call_done(&c);
    unsetenv("KUBERNETES_SERVICE_HOST");
}

#define DEPLOYMENT(generation, spec, status)                                                       \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"generation\":" generation \
    "},\"spec\":{" spec "},\"status\":{\"observedGeneration\":2," status "}}"
#define ROLLED                                                                                     \
    "\"conditions\":[{\"type\":\"Available\",\"status\":\"True\"},{\"type\":\"Progressing\","      \
    "\"status\":\"True\",\"reason\":\"NewReplicaSetAvailable\"}]"
#define OBJECT(api, kind, rest)                                                                    \
    "{\"apiVersion\":\"" api "\",\"kind\":\"" kind "\",\"metadata\":{}," rest "}"

static const struct {
    const char *object, *status, *reason;
} healths[] = {
    {DEPLOYMENT("2", "\"replicas\":2,\"progressDeadlineSeconds\":600",
                "\"replicas\":2,\"updatedReplicas\":2,\"readyReplicas\":2,\"availableReplicas\":"
                "2," ROLLED),
     "current", ""},
    {DEPLOYMENT("3", "\"replicas\":2",
                "\"replicas\":2,\"updatedReplicas\":2,\"readyReplicas\":2,\"availableReplicas\":"
                "2," ROLLED),
     "progressing", "LatestGenerationNotObserved"},
    {DEPLOYMENT("2", "\"replicas\":3",
                "\"replicas\":3,\"updatedReplicas\":2,\"readyReplicas\":3,\"availableReplicas\":"
                "3," ROLLED),
     "progressing", "Waiting"},
    {DEPLOYMENT("2", "\"replicas\":2",
                "\"replicas\":3,\"updatedReplicas\":2,\"readyReplicas\":3,\"availableReplicas\":"
                "3," ROLLED),
     "progressing", "Waiting"},
    {DEPLOYMENT("2", "\"replicas\":1",
                "\"replicas\":1,\"conditions\":[{\"type\":\"Progressing\",\"status\":\"False\","
                "\"reason\":\"ProgressDeadlineExceeded\"}]"),
     "failed", "ProgressDeadlineExceeded"},
    {DEPLOYMENT("2", "\"replicas\":0",
                "\"conditions\":[{\"type\":\"Available\",\"status\":\"True\"}]"),
     "current", ""},
    {OBJECT("apps/v1", "StatefulSet",
            "\"spec\":{\"replicas\":2},\"status\":{\"replicas\":2,\"readyReplicas\":2,"
            "\"currentReplicas\":2,\"currentRevision\":\"a\",\"updateRevision\":\"a\"}"),
     "current", ""},
    {OBJECT("apps/v1", "StatefulSet",
            "\"spec\":{\"replicas\":2},\"status\":{\"replicas\":2,\"readyReplicas\":2,"
            "\"currentReplicas\":2,\"currentRevision\":\"a\",\"updateRevision\":\"b\"}"),
     "progressing", "RollingOut"},
    {OBJECT("apps/v1", "StatefulSet",
            "\"spec\":{\"updateStrategy\":{\"type\":\"OnDelete\"}},\"status\":{}"),
     "current", "OnDelete"},
    {OBJECT("apps/v1", "DaemonSet", "\"spec\":{},\"status\":{}"), "progressing", "NotObserved"},
    {OBJECT("apps/v1", "ReplicaSet",
            "\"spec\":{\"replicas\":1},\"status\":{\"replicas\":1,\"fullyLabeledReplicas\":1,"
            "\"availableReplicas\":1,\"readyReplicas\":1}"),
     "current", ""},
    {OBJECT("v1", "Pod",
            "\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":"
            "\"True\"}]}"),
     "current", ""},
    {OBJECT("v1", "Pod",
            "\"status\":{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"c\",\"state\":{"
            "\"waiting\":{\"reason\":\"CrashLoopBackOff\"}}}]}"),
     "failed", "CrashLoopBackOff"},
    {"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"creationTimestamp\":\"2020-01-01T00:"
     "00:00Z\"},\"status\":{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\","
     "\"status\":\"False\",\"reason\":\"Unschedulable\"}]}}",
     "failed", "Unschedulable"},
    {OBJECT("v1", "Pod", "\"status\":{\"phase\":\"Succeeded\"}"), "current", "Succeeded"},
    {OBJECT("batch/v1", "Job", "\"status\":{}"), "progressing", "NotStarted"},
    {OBJECT("batch/v1", "Job", "\"status\":{\"startTime\":\"x\"}"), "current", "Running"},
    {OBJECT("batch/v1", "Job",
            "\"status\":{\"conditions\":[{\"type\":\"Failed\",\"status\":\"True\",\"reason\":"
            "\"BackoffLimitExceeded\"}]}"),
     "failed", "BackoffLimitExceeded"},
    {OBJECT("v1", "PersistentVolumeClaim", "\"status\":{\"phase\":\"Pending\"}"), "progressing",
     "NotBound"},
    {OBJECT("v1", "Service", "\"spec\":{\"type\":\"LoadBalancer\"}"), "progressing", "NoAddress"},
    {OBJECT("v1", "ConfigMap", "\"data\":{}"), "current", ""},
    {OBJECT("apiextensions.k8s.io/v1", "CustomResourceDefinition",
            "\"status\":{\"conditions\":[{\"type\":\"Established\",\"status\":\"True\"}]}"),
     "current", "Established"},
    {OBJECT("apiextensions.k8s.io/v1", "CustomResourceDefinition",
            "\"status\":{\"conditions\":[{\"type\":\"NamesAccepted\",\"status\":\"False\","
            "\"reason\":\"ListKindConflict\"}]}"),
     "failed", "ListKindConflict"},
    {OBJECT("x.example/v1", "Anything",
            "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\",\"reason\":"
            "\"Soon\",\"message\":\"value \\\"hush\\\" is not there\"}]}"),
     "progressing", "Soon"},
    {OBJECT("x.example/v1", "Anything",
            "\"status\":{\"conditions\":[{\"type\":\"Stalled\",\"status\":\"True\",\"reason\":"
            "\"Stuck\"}]}"),
     "failed", "Stuck"},
    {OBJECT("x.example/v1", "Deployment", "\"spec\":{\"replicas\":3}"), "current", ""},
    {"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"deletionTimestamp\":\"x\"}}",
     "progressing", "Terminating"},
};

static void health_follows_the_rules_of_kstatus(void **state) {
    (void)state;
    write_file(
        "one",
        "current-context: a\ncontexts: [{name: a, context: {cluster: k}}]\nclusters: [" CLUSTER(
            "k", "1") "]\n");
    kube_plugin p;
    tu_call c;
    kube_call_init(&c);
    assert_true(kube_plugin_open(&p, &c, "{\"kubeconfig\":\"one\"}"));
    for (size_t i = 0; i < sizeof(healths) / sizeof(*healths); i++) {
        char want[256];
        snprintf(want, sizeof(want), "{\"status\":\"%s\",\"reason\":\"%s\",", healths[i].status,
                 healths[i].reason);
        kube_call_clear(&c);
        assert_int_equal(p.target->health(p.instance, &c, KUBE_S(healths[i].object)), TU_OK);
        if (!kube_call_find(&c, TU_REC_HEALTH, want) || strstr(c.records[0].meta, "hush"))
            fail_msg("%s: %s (wanted %s)", healths[i].object, c.records[0].meta, want);
    }
    assert_int_equal(p.target->health(p.instance, &c, KUBE_S("[")), TU_EINVALID);
    kube_plugin_close(&p);
    kube_call_done(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kubeconfig_that_can_not_serve_is_refused_with_the_reason),
        cmocka_unit_test(of_several_files_the_first_that_says_something_wins),
        cmocka_unit_test(a_pod_without_a_token_is_told_so),
        cmocka_unit_test(health_follows_the_rules_of_kstatus),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
