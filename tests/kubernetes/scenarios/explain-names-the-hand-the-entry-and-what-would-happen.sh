. "$(dirname "$0")/lib.sh"
manifests shop
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
  use: [autoscalers, rollout-restarts]
  drift:
  - name: nobody sets variables by hand
    match: {kinds: [Deployment], paths: ["/spec/template/**/env"], managers: ["class:human"]}
    action: heal
    severity: critical
YAML
expect 0 heal --yes
# The autoscaler writes the scale as kube-controller-manager does.
kubectl -n "$ns" patch deployment cart --subresource=scale --field-manager=kube-controller-manager --type=merge -p '{"spec":{"replicas":7}}' > kubectl 2>&1 || fail "kubectl patch"
expect 0 explain Deployment/cart
shows "verdict   delegated"
shows "by entry 2, replicas belong to the HorizontalPodAutoscaler  (pack autoscalers,"
human set env deployment/cart -c app HAND=made
human rollout restart deployment cart
expect 0 explain "Deployment.apps/$ns/cart"
shows "by entry 1, nobody sets variables by hand  (./trueup.yaml:"
shows "heal, critical: \`trueup run\` puts it right"
# One field: who holds it, since when, and why each entry before didn't match.
expect 0 explain Deployment/cart '/spec/template/spec/containers/[name=app]/env/[name=HAND]'
shows "field manager kubectl-set (human), Update, 20"
expect 0 explain Deployment/cart /spec/replicas
shows "field manager kube-controller-manager (controller), Update of subresource scale"
shows "doesn't match: paths: /spec/replicas is not /spec/template/**/env"
hides "HAND"
# What is no drift has its reason, too.
expect 0 explain Deployment/cart /spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt
shows "it is no drift by itself, and no entry asks for it"
expect 0 explain deployment/cart /spec/selector
shows "no difference"
shows "field manager trueup (ours), Apply"
# Sealed values stay sealed.
human patch secret cart -p '{"stringData":{"password":"edited-secret-of-this-test"}}'
expect 0 explain Secret/cart /data/password
shows "live      <sealed>"
expect 0 explain Secret/cart -o json
expect 2 explain Secret/carts
says "did you mean"
# Nothing of it was written.
[ "$(kubectl -n "$ns" get deployment cart -o 'jsonpath={.spec.replicas}')" = 7 ] || fail "explain changed the replicas"
