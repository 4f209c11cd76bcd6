. "$(dirname "$0")/lib.sh"
# Another team applies the same limits as we do, written otherwise. Healing the image must leave the limits shared (kubernetes-drift.md, case 6).
human create namespace "$ns"
cat > limits.yaml <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: app, image: "example/cart:1", resources: {limits: {cpu: "1", memory: 1Gi}}}]}
YAML
human apply --server-side --field-manager=platform-controller -f limits.yaml
sed -e 's/cpu: "1"/cpu: 1000m/; s/memory: 1Gi/memory: 1024Mi/; s#example/cart:1#example/cart:2#' -e "s/name: cart}/name: cart, namespace: $ns}/" limits.yaml > manifests/cart.yaml
owners() {
    kubectl -n "$ns" get deployment cart --show-managed-fields -o json | python3 -c '
import json, sys
for e in json.load(sys.stdin)["metadata"]["managedFields"]:
    c = e["fieldsV1"].get("f:spec", {}).get("f:template", {}).get("f:spec", {}).get("f:containers", {}).get("k:{\"name\":\"app\"}", {})
    print(e["manager"], " ".join(sorted(c.get("f:resources", {}).get("f:limits", {}))))'
}
expect 1 check ./manifests
shows "/spec/template/spec/containers/[name=app]/image"
hides "/spec/template/spec/containers/[name=app]/resources"
expect 0 heal ./manifests --yes
expect 0 check ./manifests
owners > owners
for manager in platform-controller trueup; do
    grep -qx "$manager f:cpu f:memory" owners || fail "$manager should hold both limits: $(cat owners)"
done
[ "$(kubectl -n "$ns" get deployment cart -o 'jsonpath={.spec.template.spec.containers[0].image}')" = example/cart:2 ] || fail "the image was not healed"
