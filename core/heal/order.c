/*
 * heal/order.c: the order in which kinds are applied, where nothing else is known of their
 * dependencies.
 *
 * The stages follow what Flux and Helm have found to work (kubernetes-drift.md section 4.1). Kinds
 * that aren't named come after what they could refer to and before what routes traffic to them. To
 * add one: a line in its stage.
 */
#include "heal/heal.h"

typedef struct stage {
    int stage;
    const char *kinds[16];
} stage;

static const stage stages[] = {
    {0, {"Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass", "RuntimeClass"}},
    {1, {"ResourceQuota", "LimitRange", "ServiceAccount", "ClusterRole", "Role"}},
    {2, {"ClusterRoleBinding", "RoleBinding", "NetworkPolicy", "PersistentVolume"}},
    {3, {"ConfigMap", "Secret", "PersistentVolumeClaim", "PodDisruptionBudget"}},
    {4, {"Service"}},
    {5, {"DaemonSet", "Deployment", "StatefulSet", "ReplicaSet", "Pod", "Job", "CronJob"}},
    {7, {"HorizontalPodAutoscaler", "Ingress", "IngressClass", "APIService"}},
    {8,
     {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "ValidatingAdmissionPolicy",
      "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy",
      "MutatingAdmissionPolicyBinding"}},
};

int tu_heal_stage(tu_str group, tu_str kind) {
    (void)group;
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        for (const char *const *k = stages[i].kinds; *k; k++)
            if (tu_str_is(kind, *k))
                return stages[i].stage;
    return 6;
}
