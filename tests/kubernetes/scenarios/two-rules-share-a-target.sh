. "$(dirname "$0")/lib.sh"
manifests shop
mkdir manifests/more
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more, namespace: %s}\ndata: {a: "1"}\n' "$ns" > manifests/more/more.yaml
mkdir manifests/base && mv manifests/shop.yaml manifests/base/
repository
kubectl apply -R -f manifests/base -f manifests/more > kubectl 2>&1 || fail "kubectl apply"
start_receiver
configuration audit "  path: base"
cat >> trueup.yaml <<YAML
---
apiVersion: trueup.dev/v1
kind: Rule
metadata: {name: more}
spec: {from: shop-config, to: cluster, path: more, mode: heal}
YAML
serve
await "in sync" in_sync
human patch configmap cart -p '{"data":{"colour":"red"}}'
human patch configmap more -p '{"data":{"a":"2"}}'
await "one is told" told status=firing name=cart text='"rule":"shop"'
await "the other, too" told status=firing name=more text='"rule":"more"'
await "and that is healed" told status=resolved name=more resolvedBy=trueup
await "the first stays" status 'len(rules[0]["open"]) == 1 and not rules[1]["open"]'
[ "$(kubectl -n "$ns" get configmap cart more -o 'jsonpath={.items[*].data.colour}{.items[*].data.a}')" = red1 ] || fail "the wrong one was healed"
# Switched to heal while it runs: what was only told of is put right.
configuration heal "  path: base"
await "the switch heals" told status=resolved name=cart resolvedBy=trueup
end_service
