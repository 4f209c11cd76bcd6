. "$(dirname "$0")/lib.sh"
manifests shop
repository
kubectl apply -R -f manifests > kubectl 2>&1 || fail "kubectl apply"
start_receiver
configuration audit
serve
await "in sync" in_sync

# Made by hand: told with the hand, and over when it is deleted.
human create configmap stray --from-literal=a=b
await "the stray is told" told status=firing name=stray manager=kubectl-create
await "and open" status 'summary["unmanaged"] == 1'
expect 1 check -c trueup.yaml
shows "unmanaged"
shows "ConfigMap/$ns/stray"
expect 1 check -c trueup.yaml -o json
python3 - out <<'PY' || fail "the coverage is wrong"
import json, sys
c = json.load(open(sys.argv[1]))["rules"][0]["coverage"]
assert c["unmanaged"] == 1 and c["managed"] > 1 and 50 <= c["percent"] < 100 and not c["partly"], c
assert sum(k["managed"] for k in c["kinds"]) == c["managed"] and sum(n["unmanaged"] for n in c["namespaces"]) == 1, c
PY
human delete configmap stray
await "it is over" told status=resolved name=stray resolvedBy=other

# What somebody else answers for is nobody's news: an owner, a controller, another rule.
uid=$(kubectl -n "$ns" get configmap cart -o 'jsonpath={.metadata.uid}')
kubectl -n "$ns" create -f - > kubectl 2>&1 <<YAML || fail "kubectl create"
apiVersion: v1
kind: ConfigMap
metadata: {name: owned, ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: cart, uid: $uid}]}
YAML
kubectl -n "$ns" create configmap controlled --from-literal=a=b --field-manager=cart-controller > kubectl 2>&1 || fail "kubectl create"
kubectl -n "$ns" get configmap kube-root-ca.crt > kubectl 2>&1 || kubectl -n "$ns" create configmap kube-root-ca.crt --from-literal=a=b > kubectl 2>&1 || fail "kubectl create"

# What leaves Git and lives on is unmanaged; back in Git it is managed again.
printf -- '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: late, namespace: %s}\ndata: {a: "1"}\n' "$ns" >> manifests/shop.yaml
kubectl apply -f manifests/shop.yaml > kubectl 2>&1 || fail "kubectl apply"
await "made before Git has it, it is told" told status=firing name=late
commit "Add what lives already"
await "Git has it: resolved" told status=resolved name=late
forget
git -C manifests revert --no-edit HEAD > kubectl
await "left behind, it is told" told status=firing name=late
await "one is open" status 'summary["unmanaged"] == 1 and len(open) == 1'
not_told name=owned || fail "what has an owner was told"
not_told name=controlled || fail "what a controller made was told"
not_told name=kube-root-ca.crt || fail "what every namespace has was told"

# Gone while nobody looked: the first listing of the next run finds it.
end_service
kubectl -n "$ns" delete configmap late > kubectl 2>&1 || fail "kubectl delete"
forget
serve
await "gone unseen, it is over" told status=resolved name=late
await "nothing is left open" status 'summary["unmanaged"] == 0 and not open'
end_service

# A rule may leave it be.
human create configmap stray --from-literal=a=b
configuration audit "  drift: [{name: strays are theirs, match: {verdicts: [unmanaged], kinds: [ConfigMap], names: [stray]}, action: ignore, reason: a test}]"
expect 0 check -c trueup.yaml
configuration audit "  scope: {unmanaged: false}"
expect 0 check -c trueup.yaml
configuration audit "  scope: {kinds: [Secret]}"
expect 0 check -c trueup.yaml
configuration audit "  scope: {kinds: ['*'], namespaces: ['$ns']}"
expect 1 check -c trueup.yaml
shows "ConfigMap/$ns/stray"
expect 0 check ./manifests
expect 1 check --unmanaged ./manifests
shows "ConfigMap/$ns/stray"
