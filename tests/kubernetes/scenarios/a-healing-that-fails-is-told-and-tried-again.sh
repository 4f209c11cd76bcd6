. "$(dirname "$0")/lib.sh"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: lonely, namespace: %s}\ndata: {a: "1"}\n' "$ns" > manifests/a.yaml
repository
start_receiver
configuration heal
serve
await "the failure is told with its reason" told status=firing name=lonely text="there is no such namespace"
trueup status --state state
[ "$code" = 1 ] || fail "status with drift should end with 1, not $code"
kubectl create namespace "$ns" > kubectl
await "it is healed after all" told status=resolved name=lonely resolvedBy=trueup
end_service
