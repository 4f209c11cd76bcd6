. "$(dirname "$0")/lib.sh"
looked() { [ "$(grep -c 'everything is looked at again' run.err)" -ge "$1" ]; }
widgets() { status "summary['objects'] - summary['in-sync'] == $1"; }
proof() { status "rules[0]['proofs']['$1'] $2"; }
clean() { kubectl delete mutatingadmissionpolicybinding,mutatingadmissionpolicy "$ns" --ignore-not-found > kubectl 2>&1 || true; }
manifests shop widgets
repository
expect 0 heal ./manifests --to kubernetes --yes
start_receiver
configuration audit '  confirm: dry-run'
serve
await "in sync" in_sync

# Admission that rewrites what is written: everything is looked at again, and what it changed is explained by one dry run.
kubectl apply -f - > kubectl 2>&1 <<YAML || fail "the policy"
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: $ns}
spec:
  reinvocationPolicy: Never
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{apiGroups: [batch], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [cronjobs]}]
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration: {expression: 'Object{spec: Object.spec{schedule: "0 2 * * *"}}'}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: $ns}
spec:
  policyName: $ns
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $ns}}}
YAML
trap 'clean; on_exit' EXIT
await "the policy is noticed" looked 1
await "still in sync" in_sync
# It takes a moment until the policy holds.
rewritten() { human annotate cronjob report touched="$(date +%N)" --overwrite && [ "$(kubectl -n "$ns" get cronjob report -o 'jsonpath={.spec.schedule}')" = "0 2 * * *" ]; }
await "the policy rewrites" rewritten
human annotate cronjob report touched-
await "what admission rewrote is no drift" in_sync
await "a dry run explained it, and that is remembered" proof memos '>= 1'
python3 - out > before <<'PY'
import json, sys
print(json.load(open(sys.argv[1]))["rules"][0]["proofs"]["dryRuns"])
PY
# Another applier takes a value that is the same: it must be read, but no dry run is needed.
read=$(python3 -c 'import json; print(json.load(open("out"))["rules"][0]["proofs"]["read"])')
kubectl apply --server-side --field-manager other -f - > kubectl 2>&1 <<YAML || fail "another applier"
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: $ns}
spec: {concurrencyPolicy: Allow}
YAML
await "it is read" proof read "> $read"
await "in sync" in_sync
proof dryRuns "== $(cat before)" || fail "a dry run was made again for what one had explained"

# A definition changes what an object is, without any write to it.
kubectl patch crd widgets.shop.example --type json -p '[{"op":"remove","path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/colour"}]' > kubectl 2>&1 || fail "the definition"
await "the widget isn't what it was" widgets 1
kubectl patch crd widgets.shop.example --type json -p '[{"op":"add","path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/colour","value":{"type":"string"}}]' > kubectl 2>&1 || fail "the definition"
await "and is again" widgets 0
end_service
