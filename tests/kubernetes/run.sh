#!/bin/sh
# run.sh: everything that needs a real Kubernetes API server. KUBEBUILDER_ASSETS is a folder with kube-apiserver, etcd and kubectl; without it nothing
# is run (exit 77).
#   run.sh               all of it          run.sh SCENARIO...   only those of scenarios/ (without .sh)
# To add something that drives trueup as a user does: a script in scenarios/, whose name is what it proves (scenarios/lib.sh tells how).
# To add a check of the plugin alone: a function that begins with `check_`, and its name in the last lines; one that fails says why and returns 1.
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
CONTROLLERS=${CONTROLLERS:-1} sh "$here/control-plane.sh" start "$TRUEUP_KUBE_DIR" || exit 1
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

# Every way to log in, and what is said when one fails: one line a case, "CLUSTER ; USER ; what the answer must have".
check_logins() {
    d=$TRUEUP_KUBE_DIR
    ca="certificate-authority: $d/ca.crt"
    data() { base64 -w0 < "$1"; }
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=another -keyout "$d/other.key" -out "$d/other.crt" 2>/dev/null
    echo admin-token-of-this-test > "$d/token"
    cat > "$d/login" <<'SH'
#!/bin/sh
echo '{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"token":"'$GIVEN'","expirationTimestamp":"2020-01-01T00:00:00Z"}}'
SH
    chmod +x "$d/login"
    n=0
    while IFS=';' read -r cluster user want; do
        n=$((n + 1))
        cat > "$d/login.yaml" <<YAML
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: k, user: u, namespace: shop}}]
clusters: [{name: k, cluster: {server: "$(cat "$d/server")", $cluster}}]
users: [{name: u, user: {$user}}]
YAML
        got=$("$build/tests/bench_kubernetes" "{\"kubeconfig\":\"$d/login.yaml\",\"retryDelay\":\"5ms\"}" show \
            list '{"scopes":[{"group":"","version":"v1","kind":"Namespace"}]}' 2>&1)
        case $got in *$want*) ;; *) echo "login $n ($cluster; $user): wanted $want, got: $(echo "$got" | head -c 600)"; return 1 ;; esac
        case $got in *of-this-test*) echo "login $n: a token was printed"; return 1 ;; esac
    done <<CASES
$ca; token: admin-token-of-this-test;"name":"kube-system"
certificate-authority-data: $(data "$d/ca.crt"); token: admin-token-of-this-test;"name":"kube-system"
insecure-skip-tls-verify: true; token: admin-token-of-this-test;"name":"kube-system"
$ca, tls-server-name: kubernetes.default.svc; token: admin-token-of-this-test;"name":"kube-system"
$ca, disable-compression: true; tokenFile: token;"name":"kube-system"
$ca; client-certificate: client.crt, client-key: $d/client.key;"name":"kube-system"
$ca; client-certificate-data: $(data "$d/client.crt"), client-key-data: $(data "$d/client.key");"name":"kube-system"
$ca; exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./login, env: [{name: GIVEN, value: admin-token-of-this-test}]};"name":"kube-system"
$ca; exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./login, env: [{name: GIVEN, value: wrong}]};login-refused
$ca; exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: no-such-login, installHint: get it from the shop};get it from the shop
$ca; token: admin-token-of-this-test, act-as: nobody;nobody is not allowed to list namespaces
$ca; token: admin-token-of-this-test, act-as: nobody, act-as-groups: [auditors], act-as-user-extra: {why: [test]};"name":"kube-system"
$ca; token: wrong;login-refused
$ca; ;system:anonymous is not allowed
$ca; tokenFile: nowhere;can't read the token file
token: x; token: admin-token-of-this-test;unknown-authority
$ca, tls-server-name: other.example; token: admin-token-of-this-test;certificate-name
certificate-authority: other.crt; token: admin-token-of-this-test;unknown-authority
certificate-authority: nowhere.crt; token: admin-token-of-this-test;certificate-authority
certificate-authority-data: "%%%"; token: admin-token-of-this-test;is not base64
$ca, proxy-url: "http://127.0.0.1:1"; token: admin-token-of-this-test;unreachable
$ca; client-certificate: client.crt, client-key: other.key;client-certificate
CASES
}

# One after the other: some of them stop the API server.
run_scenarios() {
    for scenario; do
        if sh -eu "$here/scenarios/$scenario.sh"; then echo "ok   $scenario"; else echo "FAIL $scenario"; failed=1; fi
    done
}

# What all scenarios have printed, logged, stored and sent.
check_no_secret_anywhere() { python3 "$here/scenarios/secrets.py" "$TRUEUP_KUBE_DIR/scenarios"; }

failed=0
if [ $# -eq 0 ]; then
    for check in check_plugin check_same_count_as_kubectl check_logins; do
        if $check; then echo "ok   $check"; else echo "FAIL $check"; failed=1; fi
    done
    # shellcheck disable=SC2046
    run_scenarios $(cd "$here/scenarios" && ls ./*.sh | sed 's#^\./##; s/\.sh$//' | grep -v '^lib$')
    set -- check_no_secret_anywhere check_auditor_wrote_nothing
else
    run_scenarios "$@"
    set -- check_no_secret_anywhere
fi
for check; do
    if $check; then echo "ok   $check"; else echo "FAIL $check"; failed=1; fi
done
exit $failed
