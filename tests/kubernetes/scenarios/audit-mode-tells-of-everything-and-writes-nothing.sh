. "$(dirname "$0")/lib.sh"
manifests shop
repository
before=$(wc -l < "$TRUEUP_KUBE_DIR/audit.log") # others, the plugin's own tests, try to write and are refused
kubectl apply -f manifests > kubectl 2>&1 || fail "kubectl apply"
start_receiver
configuration audit
serve auditor
await "in sync" in_sync
human set image deployment/cart app=example/cart:2
await "the edit" told status=firing kind=Deployment path='/spec/template/spec/containers/[name=app]/image' manager=kubectl-set text=shop.yaml
human set env deployment/cart -c app HAND=made
await "the added variable" told kind=Deployment change=added path='/spec/template/spec/containers/[name=app]/env/[name=HAND]'
human patch deployment cart -p '{"spec":{"template":{"spec":{"containers":[{"name":"spy","image":"example/spy:1"}]}}}}'
await "the added sidecar" told kind=Deployment change=added path='/spec/template/spec/containers/[name=spy]' manager=kubectl-patch
printf '#!/bin/sh\nsed -i "s/^metadata:/&\\n  labels: {hand: made}/" "$1"\n' > editor && chmod +x editor
KUBE_EDITOR=$work/editor human edit configmap cart
await "the added label" told kind=ConfigMap change=added path=/metadata/labels/hand manager=kubectl-edit
human delete role cart
await "the deletion" told status=firing kind=Role verdict=missing
await "the status" status 'summary["drifted"] == 2 and summary["missing"] == 1 and len(open) == 3'
trueup status --state state
[ "$code" = 1 ] || fail "status with drift should end with 1, not $code"
human label configmap cart hand-
await "the label's end" told status=resolved kind=ConfigMap resolvedBy=other
kubectl apply -f manifests > kubectl 2>&1 || fail "kubectl apply"
await "the role's end" told status=resolved kind=Role
human set env deployment/cart -c app HAND-
human patch deployment cart -p '{"spec":{"template":{"spec":{"containers":[{"name":"spy","$patch":"delete"}]}}}}'
await "the deployment's end" told status=resolved kind=Deployment
await "in sync again" in_sync
edit 's/replicas: 3/replicas: 4/' shop.yaml
commit "Grow"
await "a commit is drift in audit mode" told status=firing kind=Deployment path=/spec/replicas
await "the replicas in status" status 'summary["drifted"] == 1'
git -C manifests revert --no-edit HEAD > git
await "the revert resolves it" in_sync
end_service
python3 - "$TRUEUP_KUBE_DIR/audit.log" "$before" <<'PY' || fail "the auditor wrote"
import json, sys
mine = [e for e in map(json.loads, list(open(sys.argv[1]))[int(sys.argv[2]):]) if e["user"]["username"] == "auditor" and e.get("userAgent", "").startswith("trueup")]
assert mine, "no request of the auditor by trueup is in the log"
bad = [(e["verb"], e["requestURI"]) for e in mine if e["verb"] not in ("get", "list", "watch")]
assert not bad, bad
PY
