. "$(dirname "$0")/lib.sh"
# Requests by trueup in the API server's own log since line $1: "VERB RESOURCE NAME".
requests() {
    python3 - "$TRUEUP_KUBE_DIR/audit.log" "$1" <<'PY'
import json, sys
for e in map(json.loads, list(open(sys.argv[1]))[int(sys.argv[2]):]):
    o = e.get("objectRef", {})
    if e["user"]["username"] == "auditor" and e.get("userAgent", "").startswith("trueup"):
        print(e["verb"], o.get("resource", "-"), o.get("name", "-"))
PY
}
mark() { wc -l < "$TRUEUP_KUBE_DIR/audit.log"; }
drifts() { status "summary['drifted'] == $1"; }

manifests shop
cat > manifests/class.yaml <<YAML
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: $ns}
value: 7
description: one
YAML
repository
kubectl apply -f manifests > kubectl 2>&1 || fail "kubectl apply"
# An ingress is seen to move its generation.
human patch ingress cart --type json -p '[{"op":"replace","path":"/spec/rules/0/host","value":"another.example"}]'
kubectl apply -f manifests > kubectl 2>&1 || fail "kubectl apply"
start_receiver
configuration audit
serve auditor
await "in sync" in_sync

# Writes of the status of a kind that moves its generation cost nothing.
await "the controllers have settled" status 'rules[0]["proofs"]["baselines"] == summary["objects"]'
before=$(mark)
for i in 1 2 3 4 5 6 7 8 9; do
    kubectl -n "$ns" patch ingress cart --subresource status --type merge \
        -p "{\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"10.0.0.$i\"}]}}}" > kubectl 2>&1 || fail "the status"
done
human patch configmap cart -p '{"data":{"colour":"red"}}'
await "an edit behind them is found" told status=firing kind=ConfigMap path=/data/colour
requests "$before" > asked
! grep -q ingresses asked || fail "the ingress was read because of its status: $(grep ingresses asked | head -1)"
grep -q "get configmaps cart" asked || fail "the ConfigMap was found without being read?"

# A generation that never moves proves nothing.
human patch priorityclass "$ns" -p '{"description":"two"}'
await "an edit that moves no generation" told status=firing kind=PriorityClass path=/description
human patch secret cart -p '{"stringData":{"password":"another-secret-of-this-test"}}'
await "an edit of a secret" told status=firing kind=Secret path=/data/password
human set image deployment/cart app=example/cart:9
await "an edit of a deployment" told status=firing kind=Deployment manager=kubectl-set
human delete service cart
await "a deletion" told status=firing kind=Service verdict=missing
kubectl apply -f manifests > kubectl 2>&1 || fail "kubectl apply"
await "in sync again" in_sync
await "all of it proved" status 'rules[0]["proofs"]["baselines"] == summary["objects"]'
end_service

# The next start reads no object, and knows what happened in between.
before=$(mark)
serve auditor
await "in sync after the restart" in_sync
status 'rules[0]["proofs"]["read"] == 0 and rules[0]["proofs"]["dryRuns"] == 0' || fail "objects were read after a restart"
end_service
human patch configmap cart -p '{"data":{"colour":"blue"}}'
human delete role cart
serve auditor
await "what was edited while it was away" told status=firing kind=ConfigMap path=/data/colour
await "what was deleted while it was away" told status=firing kind=Role verdict=missing
end_service
requests "$before" > asked
[ "$(grep -c '^get [a-z]* [a-z]' asked)" = "$(grep -c '^get configmaps cart' asked)" ] ||
    fail "more was read than what had changed: $(grep '^get [a-z]* [a-z]' asked | sort | uniq -c)"
! grep -vqE '^(get|list|watch) ' asked || fail "the auditor wrote"
kubectl apply -f manifests > kubectl 2>&1 || fail "kubectl apply"

# The same for one check after the other.
as_auditor() {
    want=$1; shift
    KUBECONFIG=$work/kubeconfig expect "$want" check -c trueup.yaml --state checked "$@"
}
as_auditor 0
before=$(mark)
as_auditor 0
requests "$before" > asked
! grep -qE '^get [a-z]+ (cart|report)' asked || fail "an object was read by the second check"
human patch configmap cart -p '{"data":{"colour":"blue"}}'
human label ingress cart hand=made
as_auditor 1
shows 'ConfigMap'
shows 'Ingress'
kubectl apply -f manifests > kubectl 2>&1 || fail "kubectl apply"
human label ingress cart hand-
as_auditor 0 --full
