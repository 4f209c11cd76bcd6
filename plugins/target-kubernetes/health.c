/*
 * health.c: is the object done? The rules of kstatus, by kind (reference/kubernetes-drift.md 4.2).
 *
 *   any kind   deletionTimestamp, observedGeneration behind, Reconciling, Stalled    then the
 * kind's own rule, then `Ready`
 *
 * Pure: nothing is asked of the server. A rule looks at the object and gives the first thing that
 * is not yet as it shall be. To add a kind: a rule, and a line in `rules`.
 */
#include "kube.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define UNSCHEDULABLE_AFTER_S 15

typedef struct health {
    const char *status; /* NULL: nothing found wrong yet */
    char reason[64];
    char message[256];
} health;

static const cJSON *at(const cJSON *o, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(o, name);
}

static double number(const cJSON *o, const char *name, double absent) {
    const cJSON *v = at(o, name);
    return cJSON_IsNumber(v) ? v->valuedouble : absent;
}

static const cJSON *condition(const cJSON *object, const char *type) {
    const cJSON *c;
    cJSON_ArrayForEach(c, at(at(object, "status"), "conditions")) {
        if (strcmp(kube_member_string(c, "type"), type) == 0)
            return c;
    }
    return NULL;
}

static bool condition_is(const cJSON *object, const char *type, const char *status) {
    return strcmp(kube_member_string(condition(object, type), "status"), status) == 0;
}

static void set(health *h, const char *status, const char *reason, const char *message) {
    if (h->status)
        return; /* the first finding counts */
    h->status = status;
    snprintf(h->reason, sizeof(h->reason), "%s", reason);
    snprintf(h->message, sizeof(h->message), "%s", message);
}

static void set_condition(health *h, const char *status, const cJSON *c) {
    char clean[256];
    kube_strip_values(kube_member_string(c, "message"), clean, sizeof(clean));
    set(h, status, kube_member_string(c, "reason"), clean);
}

/* have of want: progressing as long as there are fewer. */
static void need(health *h, double have, double want, const char *what) {
    if (h->status || have >= want)
        return;
    char message[128];
    snprintf(message, sizeof(message), "%.0f of %.0f %s", have, want, what);
    set(h, "progressing", "Waiting", message);
}

static void surplus(health *h, double have, double want, const char *what) {
    if (h->status || have <= want)
        return;
    char message[128];
    snprintf(message, sizeof(message), "%.0f %s still to go", have - want, what);
    set(h, "progressing", "Waiting", message);
}

static void deployment(const cJSON *object, health *h) {
    const cJSON *spec = at(object, "spec"), *status = at(object, "status"),
                *progressing = condition(object, "Progressing");
    double want = number(spec, "replicas", 1),
           deadline = number(spec, "progressDeadlineSeconds", 2147483647.0),
           updated = number(status, "updatedReplicas", 0);
    double have = number(status, "replicas", 0), available = number(status, "availableReplicas", 0);
    if (strcmp(kube_member_string(progressing, "reason"), "ProgressDeadlineExceeded") == 0)
        set_condition(h, "failed", progressing);
    need(h, have, want, "replicas made");
    need(h, updated, want, "replicas updated");
    surplus(h, have, want, "old replicas");
    need(h, available, updated, "replicas available");
    need(h, number(status, "readyReplicas", 0), want, "replicas ready");
    bool rolled_out = deadline >= 2147483647.0 || (condition_is(object, "Progressing", "True") &&
                                                   strcmp(kube_member_string(progressing, "reason"),
                                                          "NewReplicaSetAvailable") == 0);
    if (!rolled_out)
        set(h, "progressing", "RollingOut", "the new replica set is not complete");
    if (!condition_is(object, "Available", "True"))
        set(h, "progressing", "NotAvailable", "too few replicas are available");
}

static void stateful_set(const cJSON *object, health *h) {
    const cJSON *spec = at(object, "spec"), *status = at(object, "status"),
                *strategy = at(spec, "updateStrategy");
    double want = number(spec, "replicas", 1), have = number(status, "replicas", 0),
           partition = number(at(strategy, "rollingUpdate"), "partition", -1);
    if (strcmp(kube_member_string(strategy, "type"), "OnDelete") == 0) {
        set(h, "current", "OnDelete", "");
        return;
    }
    need(h, have, want, "replicas made");
    need(h, number(status, "readyReplicas", 0), want, "replicas ready");
    surplus(h, have, want, "replicas");
    if (partition > 0) { /* 0 is the server's default, and means no partition */
        need(h, number(status, "updatedReplicas", 0), want - partition,
             "replicas of the partition updated");
        return;
    }
    need(h, number(status, "currentReplicas", 0), want, "replicas current");
    if (strcmp(kube_member_string(status, "currentRevision"),
               kube_member_string(status, "updateRevision")) != 0)
        set(h, "progressing", "RollingOut", "not every replica has the new revision");
}

static void daemon_set(const cJSON *object, health *h) {
    const cJSON *status = at(object, "status");
    double want = number(status, "desiredNumberScheduled", -1);
    if (!at(at(object, "metadata"), "generation") || !at(status, "observedGeneration") || want < 0)
        set(h, "progressing", "NotObserved", "the controller has not looked at it yet");
    need(h, number(status, "currentNumberScheduled", 0), want, "pods scheduled");
    need(h, number(status, "updatedNumberScheduled", 0), want, "pods updated");
    need(h, number(status, "numberAvailable", 0), want, "pods available");
    need(h, number(status, "numberReady", 0), want, "pods ready");
}

static void replica_set(const cJSON *object, health *h) {
    const cJSON *status = at(object, "status");
    double want = number(at(object, "spec"), "replicas", 1);
    if (condition_is(object, "ReplicaFailure", "True"))
        set_condition(h, "progressing", condition(object, "ReplicaFailure"));
    need(h, number(status, "fullyLabeledReplicas", 0), want, "replicas labelled");
    need(h, number(status, "availableReplicas", 0), want, "replicas available");
    need(h, number(status, "readyReplicas", 0), want, "replicas ready");
    surplus(h, number(status, "replicas", 0), want, "replicas");
}

static void pod(const cJSON *object, health *h) {
    const cJSON *status = at(object, "status"), *container,
                *scheduled = condition(object, "PodScheduled");
    const char *phase = kube_member_string(status, "phase");
    if (strcmp(phase, "Succeeded") == 0)
        set(h, "current", "Succeeded", "");
    else if (strcmp(phase, "Failed") ==
             0) /* kstatus calls it current; whoever waits for it wants to know */
        set(h, "failed", "PodFailed", "the pod has failed");
    else if (strcmp(phase, "Running") == 0) {
        cJSON_ArrayForEach(container, at(status, "containerStatuses")) {
            if (!condition_is(object, "Ready", "True") &&
                strcmp(kube_member_string(at(at(container, "state"), "waiting"), "reason"),
                       "CrashLoopBackOff") == 0)
                set(h, "failed", "CrashLoopBackOff", kube_member_string(container, "name"));
        }
        if (!condition_is(object, "Ready", "True"))
            set(h, "progressing", "NotReady", "the pod is not ready");
    } else if (strcmp(phase, "Pending") == 0) {
        int64_t born =
            kube_time_parse(kube_member_string(at(object, "metadata"), "creationTimestamp"));
        if (condition_is(object, "PodScheduled", "False") &&
            strcmp(kube_member_string(scheduled, "reason"), "Unschedulable") == 0 && born >= 0 &&
            (int64_t)time(NULL) - born > UNSCHEDULABLE_AFTER_S)
            set_condition(h, "failed", scheduled);
        set(h, "progressing", "Pending", "the pod is pending");
    } else if (!phase[0]) {
        set(h, "progressing", "NotObserved", "the pod has no phase yet");
    } else {
        set(h, "unknown", "UnknownPhase", "the pod is in a phase that is not known");
    }
}

static void job(const cJSON *object, health *h) {
    if (condition_is(object, "Complete", "True"))
        set(h, "current", "Complete", "");
    else if (condition_is(object, "Failed", "True"))
        set_condition(h, "failed", condition(object, "Failed"));
    else if (condition_is(object, "Suspended", "True") &&
             kube_member_true(at(object, "spec"), "suspend"))
        set(h, "current", "Suspended", "");
    else if (!kube_member_string(at(object, "status"), "startTime")[0])
        set(h, "progressing", "NotStarted", "the job has not started");
    else
        set(h, "current", "Running", "");
}

static void volume_claim(const cJSON *object, health *h) {
    if (strcmp(kube_member_string(at(object, "status"), "phase"), "Bound") != 0)
        set(h, "progressing", "NotBound", "the claim is not bound");
}

static void service(const cJSON *object, health *h) {
    const cJSON *spec = at(object, "spec");
    if (strcmp(kube_member_string(spec, "type"), "LoadBalancer") == 0 &&
        !kube_member_string(spec, "clusterIP")[0])
        set(h, "progressing", "NoAddress", "the service has no cluster IP");
    set(h, "current", "", "");
}

static void disruption_budget(const cJSON *object, health *h) {
    if (!at(at(object, "status"), "observedGeneration"))
        set(h, "progressing", "NotObserved", "the controller has not looked at it yet");
    set(h, "current", "", "");
}

static void resource_definition(const cJSON *object, health *h) {
    const cJSON *established = condition(object, "Established");
    if (condition_is(object, "NamesAccepted", "False"))
        set_condition(h, "failed", condition(object, "NamesAccepted"));
    if (condition_is(object, "Established", "False") &&
        strcmp(kube_member_string(established, "reason"), "Installing") != 0)
        set_condition(h, "failed", established);
    if (!condition_is(object, "Established", "True"))
        set(h, "progressing", "Installing", "the new kind is not served yet");
    set(h, "current", "Established", "");
}

static void always(const cJSON *object, health *h) {
    (void)object;
    set(h, "current", "", "");
}

static const struct {
    const char *group, *kind;
    void (*rule)(const cJSON *object, health *h);
} rules[] = {
    {"apps", "Deployment", deployment},
    {"apps", "StatefulSet", stateful_set},
    {"apps", "DaemonSet", daemon_set},
    {"apps", "ReplicaSet", replica_set},
    {"", "Pod", pod},
    {"batch", "Job", job},
    {"batch", "CronJob", always},
    {"", "PersistentVolumeClaim", volume_claim},
    {"", "Service", service},
    {"", "ConfigMap", always},
    {"", "Secret", always},
    {"policy", "PodDisruptionBudget", disruption_budget},
    {"apiextensions.k8s.io", "CustomResourceDefinition", resource_definition},
};

static void any_kind(const cJSON *object, health *h) {
    const cJSON *metadata = at(object, "metadata"), *generation = at(metadata, "generation"),
                *observed = at(at(object, "status"), "observedGeneration");
    if (at(metadata, "deletionTimestamp"))
        set(h, "progressing", "Terminating", "it is being deleted");
    if (cJSON_IsNumber(generation) && cJSON_IsNumber(observed) &&
        fabs(generation->valuedouble - observed->valuedouble) > 0.5)
        set(h, "progressing", "LatestGenerationNotObserved",
            "the controller has not seen the newest version yet");
    if (condition_is(object, "Reconciling", "True"))
        set_condition(h, "progressing", condition(object, "Reconciling"));
    if (condition_is(object, "Stalled", "True"))
        set_condition(h, "failed", condition(object, "Stalled"));
}

static void judge(const cJSON *object, health *h) {
    const char *api_version = kube_member_string(object, "apiVersion"),
               *slash = strchr(api_version, '/'), *kind = kube_member_string(object, "kind");
    tu_str group = {api_version, slash ? (size_t)(slash - api_version) : 0};
    any_kind(object, h);
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules) && !h->status; i++) {
        if (strcmp(rules[i].kind, kind) != 0 || !kube_str_is(group, rules[i].group))
            continue;
        rules[i].rule(object, h);
        set(h, "current", "", "");
    }
    const cJSON *ready = condition(object, "Ready");
    if (ready && !condition_is(object, "Ready", "True"))
        set_condition(h, "progressing", ready);
    set(h, "current", "", "");
}

tu_rc kube_health(tu_instance *k, tu_call *call, tu_str text, kube_error *error) {
    cJSON *object = cJSON_ParseWithLength(text.p, text.n);
    if (!cJSON_IsObject(object)) {
        cJSON_Delete(object);
        return kube_error_set(error, TU_EINVALID, "object", "the object is not JSON");
    }
    health h = {0};
    judge(object, &h);
    cJSON_Delete(object);
    KUBE_TEXT meta = {0};
    kube_text_print(&meta, "{\"status\":\"%s\",\"reason\":", h.status);
    kube_text_quote(&meta, kube_str(h.reason));
    kube_text_string(&meta, ",\"message\":");
    kube_text_quote(&meta, kube_str(h.message));
    kube_text_string(&meta, "}");
    return k->host->emit(call, TU_REC_HEALTH, 0, kube_text_str(&meta), (tu_str){0});
}
