#!/bin/sh
# run.sh: everything that needs a real Kubernetes API server. KUBEBUILDER_ASSETS is a folder with kube-apiserver, etcd and kubectl; without it nothing
# is run (exit 77). To add a scenario: a function that begins with `check_`, and its name in the last lines. A scenario that fails says why and returns 1.
set -u
[ -n "${KUBEBUILDER_ASSETS:-}" ] || { echo "skipped: KUBEBUILDER_ASSETS is not set"; exit 77; }
[ -x "$KUBEBUILDER_ASSETS/kube-apiserver" ] && [ -x "$KUBEBUILDER_ASSETS/etcd" ] && [ -x "$KUBEBUILDER_ASSETS/kubectl" ] ||
    { echo "skipped: no kube-apiserver, etcd and kubectl in KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS"; exit 77; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
build=${TRUEUP_BUILD_DIR:-$here/../../build/dev}
TRUEUP_PLUGIN_PATH=${TRUEUP_PLUGIN_PATH:-$build/plugins}
TRUEUP_KUBE_DIR=$(mktemp -d)
export TRUEUP_PLUGIN_PATH TRUEUP_KUBE_DIR
trap 'sh "$here/control-plane.sh" stop "$TRUEUP_KUBE_DIR"; rm -rf "$TRUEUP_KUBE_DIR"' EXIT
trap 'exit 130' INT TERM
sh "$here/control-plane.sh" start "$TRUEUP_KUBE_DIR" || exit 1
kubectl() { "$KUBEBUILDER_ASSETS/kubectl" --kubeconfig "$TRUEUP_KUBE_DIR/kubeconfig" "$@"; }

check_plugin() { "$build/tests/test_kube_real"; }

# After check_plugin, which made them: kubectl counts what the plugin counts.
check_same_count_as_kubectl() {
    theirs=$(kubectl get configmaps -A -o name | wc -l)
    ours=$("$build/tests/bench_kubernetes" "{\"kubeconfig\":\"$TRUEUP_KUBE_DIR/kubeconfig\"}" list /v1/ConfigMap | sed -n '1s/objects=\([0-9]*\).*/\1/p')
    [ "$theirs" = "$ours" ] || { echo "kubectl counts $theirs, the plugin $ours"; return 1; }
}

# What the auditor's login did: the server's own record has no verb that writes, but for the one dry run that a test tries and is denied.
check_auditor_wrote_nothing() {
    python3 - "$TRUEUP_KUBE_DIR/audit.log" <<'PY'
import json, sys
written = [e for e in map(json.loads, open(sys.argv[1])) if e["user"]["username"] == "auditor" and e["verb"] not in ("get", "list", "watch")
           and e["responseStatus"]["code"] != 403]
for e in written:
    print("the auditor wrote:", e["verb"], e["requestURI"])
sys.exit(bool(written))
PY
}

failed=0
for check in check_plugin check_same_count_as_kubectl check_auditor_wrote_nothing; do
    if $check; then echo "ok   $check"; else echo "FAIL $check"; failed=1; fi
done
exit $failed
