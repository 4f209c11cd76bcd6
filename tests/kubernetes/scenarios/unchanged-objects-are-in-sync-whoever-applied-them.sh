. "$(dirname "$0")/lib.sh"
first=$ns
i=0
for how in "apply" "create" "apply --server-side" "create --save-config" "replace --force" "apply --server-side --field-manager=argocd-controller"; do
    i=$((i + 1))
    ns=$(echo "$first" | cut -c1-40)-$i
    manifests shop
    expect 1 check ./manifests --to kubernetes:auditor
    shows "missing  Deployment.apps/$ns/cart"
    shows "shop.yaml:29"
    kubectl $how -f manifests > kubectl 2>&1 || fail "kubectl $how"
    expect 0 check ./manifests --to kubernetes:auditor
    shows "in sync"
done
