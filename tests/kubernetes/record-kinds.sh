#!/bin/sh
# record-kinds.sh: writes plugins/target-directory/kinds.json anew: what target-kubernetes says of the common kinds of a real API server, so that a
# directory is compared by the same rules as a cluster.
#
#   KUBEBUILDER_ASSETS=... sh tests/kubernetes/record-kinds.sh BUILD_DIRECTORY
#
# To add a kind: a line in `kinds`.
set -eu
build=${1:?usage: record-kinds.sh BUILD_DIRECTORY}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'sh "$here/control-plane.sh" stop "$work"; rm -rf "$work"' EXIT
sh "$here/control-plane.sh" start "$work"
TRUEUP_PLUGIN_PATH=$build/plugins; export TRUEUP_PLUGIN_PATH
bench=$build/tests/bench_kubernetes config="{\"kubeconfig\":\"$work/kubeconfig\"}"
kinds="/v1/ConfigMap /v1/Endpoints /v1/LimitRange /v1/Namespace /v1/PersistentVolume /v1/PersistentVolumeClaim /v1/Pod /v1/PodTemplate
    /v1/ReplicationController /v1/ResourceQuota /v1/Secret /v1/Service /v1/ServiceAccount
    admissionregistration.k8s.io/v1/MutatingWebhookConfiguration admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy
    admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration
    apiextensions.k8s.io/v1/CustomResourceDefinition apiregistration.k8s.io/v1/APIService apps/v1/DaemonSet apps/v1/Deployment apps/v1/ReplicaSet
    apps/v1/StatefulSet autoscaling/v2/HorizontalPodAutoscaler batch/v1/CronJob batch/v1/Job coordination.k8s.io/v1/Lease
    discovery.k8s.io/v1/EndpointSlice networking.k8s.io/v1/Ingress networking.k8s.io/v1/IngressClass networking.k8s.io/v1/NetworkPolicy
    policy/v1/PodDisruptionBudget rbac.authorization.k8s.io/v1/ClusterRole rbac.authorization.k8s.io/v1/ClusterRoleBinding
    rbac.authorization.k8s.io/v1/Role rbac.authorization.k8s.io/v1/RoleBinding scheduling.k8s.io/v1/PriorityClass storage.k8s.io/v1/CSIDriver
    storage.k8s.io/v1/StorageClass"
"$bench" "$config" show discover > "$work/discovered"
{
    echo '{"kinds":['
    first=1
    for k in $kinds; do
        kind=${k##*/}; rest=${k%/*}; version=${rest##*/}; group=${rest%/*}
        id="{\"group\":\"$group\",\"version\":\"$version\",\"kind\":\"$kind\","
        entry=$(grep -F "$id" "$work/discovered" | sed 's/^21 0 //; s/,"verbs":.*//')
        [ -n "$entry" ] || { echo "record-kinds: the server does not serve $k" >&2; exit 1; }
        description=$("$bench" "$config" show describe "$id\"x\":0}" | sed 's/^23 0 {} //')
        [ $first = 1 ] || echo ,
        first=0
        printf '%s,"description":%s}' "$entry" "$description"
    done
    printf '\n]}\n'
} > "$work/kinds.json"
python3 -m json.tool "$work/kinds.json" >/dev/null
mv "$work/kinds.json" "$here/../../plugins/target-directory/kinds.json"
