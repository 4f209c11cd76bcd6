/*
 * explained.c: objects that nobody has to declare, because every cluster has them: they come with
 * the API server, a controller, or a tool's own books. What has an owner or was written by
 * controllers alone needs no line here (core/compare/unmanaged.h).
 *
 * To add one: a line with a JSON list entry as trueup/plugin.h describes it ("explained"), in the
 * order of group and kind. Two lines for one kind are both emitted.
 */
#include "kube.h"

#include <string.h>

static const struct {
    const char *group, *kind, *entry;
} table[] = {
    {"", "ComponentStatus", "{\"reason\":\"computed by the API server\"}"},
    {"", "ConfigMap",
     "{\"names\":[\"kube-root-ca.crt\",\"openshift-service-ca.crt\"],"
     "\"reason\":\"root certificates, put into every namespace\"}"},
    {"", "ConfigMap",
     "{\"namespaces\":[\"kube-system\"],\"names\":[\"extension-apiserver-authentication\","
     "\"kube-apiserver-legacy-service-account-token-tracking\"],"
     "\"reason\":\"kept by the API server\"}"},
    {"", "ConfigMap",
     "{\"annotations\":{\"control-plane.alpha.kubernetes.io/leader\":\"*\"},"
     "\"reason\":\"a lock of a leader election\"}"},
    {"", "Endpoints", "{\"reason\":\"kept by the endpoints controller or the API server\"}"},
    {"", "Event", "{\"reason\":\"events come and go by themselves\"}"},
    {"", "Namespace",
     "{\"names\":[\"default\",\"kube-system\",\"kube-public\",\"kube-node-lease\"],"
     "\"reason\":\"every cluster has it\"}"},
    {"", "Node", "{\"reason\":\"nodes register themselves\"}"},
    {"", "Secret",
     "{\"annotations\":{\"kubernetes.io/service-account.uid\":\"*\"},"
     "\"reason\":\"a token of a ServiceAccount\"}"},
    {"", "Secret",
     "{\"names\":[\"sh.helm.release.v1.*\"],\"labels\":{\"owner\":\"helm\"},"
     "\"reason\":\"Helm's record of a release\"}"},
    {"", "Secret",
     "{\"namespaces\":[\"kube-system\"],\"names\":[\"bootstrap-token-*\"],"
     "\"reason\":\"a token for joining nodes\"}"},
    {"", "Service",
     "{\"namespaces\":[\"default\"],\"names\":[\"kubernetes\"],"
     "\"reason\":\"the API server's own Service\"}"},
    {"", "ServiceAccount",
     "{\"names\":[\"default\",\"builder\",\"deployer\"],"
     "\"reason\":\"put into every namespace\"}"},
    {"apiregistration.k8s.io", "APIService",
     "{\"labels\":{\"kube-aggregator.kubernetes.io/automanaged\":\"*\"},"
     "\"reason\":\"kept by the API server\"}"},
    {"coordination.k8s.io", "Lease", "{\"reason\":\"a lock or heartbeat of a running program\"}"},
    {"discovery.k8s.io", "EndpointSlice",
     "{\"namespaces\":[\"default\"],\"names\":[\"kubernetes\"],"
     "\"reason\":\"the API server's own\"}"},
    {"events.k8s.io", "Event", "{\"reason\":\"events come and go by themselves\"}"},
    {"flowcontrol.apiserver.k8s.io", "FlowSchema",
     "{\"annotations\":{\"apf.kubernetes.io/autoupdate-spec\":\"*\"},"
     "\"reason\":\"comes with the API server\"}"},
    {"flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration",
     "{\"annotations\":{\"apf.kubernetes.io/autoupdate-spec\":\"*\"},"
     "\"reason\":\"comes with the API server\"}"},
    {"metrics.k8s.io", "NodeMetrics", "{\"reason\":\"measured, not stored\"}"},
    {"metrics.k8s.io", "PodMetrics", "{\"reason\":\"measured, not stored\"}"},
    {"networking.k8s.io", "IPAddress",
     "{\"labels\":{\"ipaddress.kubernetes.io/managed-by\":\"*\"},"
     "\"reason\":\"an address that the API server gave out\"}"},
    {"networking.k8s.io", "ServiceCIDR",
     "{\"names\":[\"kubernetes\"],\"reason\":\"the API server's own\"}"},
    {"rbac.authorization.k8s.io", "ClusterRole",
     "{\"labels\":{\"kubernetes.io/bootstrapping\":\"rbac-defaults\"},"
     "\"reason\":\"comes with the API server\"}"},
    {"rbac.authorization.k8s.io", "ClusterRoleBinding",
     "{\"labels\":{\"kubernetes.io/bootstrapping\":\"rbac-defaults\"},"
     "\"reason\":\"comes with the API server\"}"},
    {"rbac.authorization.k8s.io", "Role",
     "{\"labels\":{\"kubernetes.io/bootstrapping\":\"rbac-defaults\"},"
     "\"reason\":\"comes with the API server\"}"},
    {"rbac.authorization.k8s.io", "RoleBinding",
     "{\"labels\":{\"kubernetes.io/bootstrapping\":\"rbac-defaults\"},"
     "\"reason\":\"comes with the API server\"}"},
    {"scheduling.k8s.io", "PriorityClass",
     "{\"names\":[\"system-cluster-critical\",\"system-node-critical\"],"
     "\"reason\":\"comes with the API server\"}"},
};

void kube_explained(const kube_resource *r, kube_text *ret) {
    const char *separator = ",\"explained\":[";
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        if (strcmp(table[i].group, r->group) != 0 || strcmp(table[i].kind, r->kind) != 0)
            continue;
        kube_text_string(ret, separator);
        kube_text_string(ret, table[i].entry);
        separator = ",";
    }
    if (separator[1] == '\0')
        kube_text_string(ret, "]");
}
