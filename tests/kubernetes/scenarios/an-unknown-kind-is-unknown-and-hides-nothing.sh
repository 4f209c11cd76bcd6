. "$(dirname "$0")/lib.sh"
kubectl create namespace "$ns" > kubectl
cat > manifests/a.yaml <<YAML
apiVersion: gadgets.example/v1
kind: Gadget
metadata: {name: one, namespace: $ns}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: known, namespace: $ns}
YAML
expect 1 check ./manifests
shows "unknown  Gadget.gadgets.example/$ns/one"
shows "the target serves no Gadget in gadgets.example/v1"
shows "missing  ConfigMap/$ns/known"
kubectl create -f manifests > kubectl 2>&1 || true
expect 4 check ./manifests
shows "1 in sync, 1 unknown"
