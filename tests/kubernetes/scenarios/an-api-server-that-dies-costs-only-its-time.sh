. "$(dirname "$0")/lib.sh"
manifests shop
repository
kubectl apply -f manifests > kubectl 2>&1 || fail "kubectl apply"
start_receiver
configuration heal
serve
await "in sync" in_sync
sh "$here/../control-plane.sh" crash "$TRUEUP_KUBE_DIR"
await "status says what is wrong" status 'targets[0].get("problem") and targets[0].get("current")'
trueup status --state state
[ "$code" = 4 ] || fail "status without a target should end with 4, not $code"
shows "known "
expect 3 check ./manifests
edit 's/replicas: 3/replicas: 6/' shop.yaml
commit "Grow while nobody listens"
sh "$here/../control-plane.sh" revive "$TRUEUP_KUBE_DIR" || fail "the API server did not come again"
replicas() { [ "$(kubectl -n "$ns" get deployment cart -o 'jsonpath={.spec.replicas}' 2>/dev/null)" = "$1" ]; }
await "the commit is applied when it is there again" replicas 6
await "all is well again" status 'not targets[0].get("problem") and summary["objects"] == summary["in-sync"]'
forget
human delete role cart
await "the watch goes on" told status=firing kind=Role verdict=missing
await "and healing" told status=resolved kind=Role resolvedBy=trueup
expect 0 status --state state
# While it is down the history is compacted: the watch's place is gone (410), and what happened meanwhile is found all the same.
end_service
configuration audit
serve auditor
await "in sync" in_sync
sh "$here/../control-plane.sh" crash "$TRUEUP_KUBE_DIR"
await "it is missed" status 'targets[0].get("problem")'
sh "$here/../control-plane.sh" revive "$TRUEUP_KUBE_DIR" compact || fail "the API server did not come again"
human patch configmap cart -p '{"data":{"colour":"red"}}'
await "a change after the compaction is found" told status=firing kind=ConfigMap path=/data/colour
end_service
