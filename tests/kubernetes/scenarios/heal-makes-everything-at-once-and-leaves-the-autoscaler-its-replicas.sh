. "$(dirname "$0")/lib.sh"
manifests shop widgets
expect 1 check ./manifests
expect 2 heal ./manifests
expect 0 heal ./manifests --yes
shows "healed  Namespace/$ns"
shows "healed  Widget.shop.example/$ns/first"
expect 0 check ./manifests --to kubernetes:auditor
human patch widget first --type=merge -p '{"spec":{"size":3,"colour":"blue"}}'
human set env deployment/cart -c app HAND=made
human delete service cart
expect 1 diff ./manifests --to kubernetes:auditor
shows "/spec/colour"
shows "/spec/size"
expect 0 heal ./manifests --yes
expect 0 check ./manifests --to kubernetes:auditor
[ "$(kubectl -n "$ns" get widget first -o 'jsonpath={.spec.colour}{.spec.size}')" = red1 ] || fail "the widget was not put right"
[ -z "$(kubectl -n "$ns" get deployment cart -o 'jsonpath={.spec.template.spec.containers[0].env}')" ] || fail "HAND is still there"
# The rule of DESIGN section 7: the autoscaler writes the scale as kube-controller-manager does.
cat > trueup.yaml <<YAML
apiVersion: trueup.dev/v1
kind: Source
metadata: {name: shop-config}
spec: {plugin: directory, config: {path: $work/manifests}}
---
apiVersion: trueup.dev/v1
kind: Target
metadata: {name: cluster}
spec: {plugin: kubernetes}
---
apiVersion: trueup.dev/v1
kind: Rule
metadata: {name: shop}
spec:
  from: shop-config
  to: cluster
  mode: heal
  drift:
  - name: replicas belong to the autoscaler
    match: {kinds: [Deployment], paths: [/spec/replicas], managers: [kube-controller-manager]}
    action: ignore
    reason: HPA owns replicas
YAML
kubectl -n "$ns" scale deployment cart --replicas=7 > kubectl
kubectl -n "$ns" patch deployment cart --subresource=scale --type=merge --field-manager=kube-controller-manager -p '{"spec":{"replicas":8}}' > kubectl 2>&1 ||
    fail "the autoscaler's patch"
expect 0 check -c trueup.yaml
human set image deployment/cart app=example/cart:9
expect 1 check -c trueup.yaml
expect 0 heal -c trueup.yaml --yes
[ "$(kubectl -n "$ns" get deployment cart -o 'jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image}')" = "8 example/cart:1" ] ||
    fail "healing the image should have left the replicas alone: $(kubectl -n "$ns" get deployment cart -o 'jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image}')"
kubectl -n "$ns" scale deployment cart --replicas=2 > kubectl # by hand: no autoscaler
expect 0 heal -c trueup.yaml --yes
[ "$(kubectl -n "$ns" get deployment cart -o 'jsonpath={.spec.replicas}')" = 3 ] || fail "a hand's replicas should have been put right"
