. "$(dirname "$0")/lib.sh"
cp "$KUBECONFIG" kubeconfig.own
cp -r "$TRUEUP_KUBE_DIR/certs" certs
KUBECONFIG=$work/kubeconfig.own
kubectl config set-context admin --namespace "$ns" > kubectl
kubectl create namespace "$ns" > kubectl
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: here}\ndata: {a: "1"}\n' > manifests/a.yaml
expect 1 check ./manifests --to kubernetes:admin
shows "ConfigMap/$ns/here"
expect 0 heal ./manifests --to kubernetes:admin --yes
kubectl -n "$ns" get configmap here > kubectl 2>&1 || fail "it is not in the context's namespace"
