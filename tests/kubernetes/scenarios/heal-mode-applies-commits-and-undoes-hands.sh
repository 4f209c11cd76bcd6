. "$(dirname "$0")/lib.sh"
manifests shop widgets
repository
start_receiver
configuration heal "  heal: {limit: {objects: 1000, per: 1m}}"
serve
await "the first revision is applied" in_sync
! grep " failed " run.out > failures || fail "everything should have come after its namespace: $(cat failures)"
await "what was missing is over" status 's["alerts"]["open"] == 0'
forget
replicas() { [ "$(kubectl -n "$ns" get deployment cart -o 'jsonpath={.spec.replicas}')" = "$1" ]; }
# Scenario 1
edit 's/replicas: 3/replicas: 4/' shop.yaml
commit "Grow"
await "the commit is applied" replicas 4
await "in sync after the commit" in_sync
git -C manifests revert --no-edit HEAD > git
await "the revert is applied" replicas 3
await "in sync after the revert" in_sync
[ ! -s told ] || fail "nobody should have been told of commits: $(cut -c1-300 told)"
# Scenario 3
human scale deployment cart --replicas=9
await "the scale is told" told status=firing kind=Deployment path=/spec/replicas
await "and its end" told status=resolved kind=Deployment resolvedBy=trueup
await "and healed" replicas 3
human delete service cart
await "the deletion is told" told status=firing kind=Service verdict=missing
await "and its end" told status=resolved kind=Service resolvedBy=trueup
kubectl -n "$ns" get service cart > kubectl 2>&1 || fail "the service was not restored"
KUBE_EDITOR="sed -i s/green/red/" human edit configmap cart
await "the edit is told" told status=firing kind=ConfigMap path=/data/colour manager=kubectl-edit line=15
await "and its end" told status=resolved kind=ConfigMap resolvedBy=trueup
[ "$(kubectl -n "$ns" get configmap cart -o 'jsonpath={.data.colour}')" = green ] || fail "the colour was not put right"
forget
human set env deployment/cart -c app HAND=made
await "the added variable is told" told kind=Deployment change=added
await "and its end" told status=resolved kind=Deployment resolvedBy=trueup
human patch deployment cart -p '{"spec":{"template":{"spec":{"containers":[{"name":"spy","image":"example/spy:1"}]}}}}'
no_spy() { [ "$(kubectl -n "$ns" get deployment cart -o 'jsonpath={.spec.template.spec.containers[*].name}')" = "app side" ]; }
await "the sidecar is removed" no_spy
human patch widget first --type=merge -p '{"spec":{"colour":"blue"}}'
await "the custom object's end" told status=resolved kind=Widget resolvedBy=trueup
await "in sync" in_sync
expect 0 status --state state
# A broken manifest hides nothing else.
printf 'apiVersion: v1\nkind: [\n' > manifests/broken.yaml
edit 's/colour: green/colour: yellow/' shop.yaml
commit "Break one, change another"
await "the broken file is told" told status=firing text=broken.yaml
await "the good one is applied" status 'summary["invalid"] == 1 and summary["objects"] == summary["in-sync"] + 1'
[ "$(kubectl -n "$ns" get configmap cart -o 'jsonpath={.data.colour}')" = yellow ] || fail "the commit was not applied"
git -C manifests rm -q broken.yaml
commit "Mend"
await "the broken file's end" told status=resolved text=broken.yaml
await "in sync at the end" in_sync
end_service
