. "$(dirname "$0")/lib.sh"
# TRUEUP_CHANGES: how many (500); TRUEUP_SEED: which.
kubectl create namespace "$ns" > kubectl
kubectl apply -f "$here/../differential/definition.yaml" > kubectl
kubectl wait --for=condition=Established crd/gadgets.differential.example > kubectl
python3 "$here/../differential/run.py" "$build/trueup" "$TRUEUP_KUBE_DIR" "$ns" "$work" "${TRUEUP_CHANGES:-500}" ${TRUEUP_SEED:-} ${TRUEUP_DIFFERENTIAL_OPTIONS:-} || fail "see above"
