#!/bin/sh
# list-10k.sh: how long target-kubernetes needs for the full lists of 10,050 objects, and `trueup check` to compare them all with their
# manifests, beside curl for the same lists, on a real API server.
#
#   KUBEBUILDER_ASSETS=... sh tests/bench/list-10k.sh BUILD_DIRECTORY [DIR]
#
# DIR: a control plane of tests/kubernetes/control-plane.sh that runs already; it is filled when it isn't yet (30 s). Without it one is started and ended.
# Objects: 1,500 Deployments, Services, ServiceAccounts and Secrets each, 3,000 ConfigMaps, 500 Ingresses and NetworkPolicies each, 50 Namespaces, applied
# server-side by "trueup", so that they carry managedFields as real ones do.
set -eu
build=${1:?usage: list-10k.sh BUILD_DIRECTORY [DIR]}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
plane=$here/../kubernetes/control-plane.sh
if [ $# -gt 1 ]; then
    dir=$2
else
    dir=$(mktemp -d)
    trap 'sh "$plane" stop "$dir"; rm -rf "$dir"' EXIT
    sh "$plane" start "$dir"
fi
server=$(cat "$dir/server")

[ -f "$dir/filled" ] || { python3 "$here/make-objects.py" "$dir/manifests" --server "$server" --token admin-token-of-this-test && touch "$dir/filled"; }

# The server writes indented JSON (twice the bytes) for curl's own user agent, so both are measured.
paths="/apis/apps/v1/deployments /api/v1/services /api/v1/serviceaccounts /api/v1/secrets /api/v1/configmaps /apis/networking.k8s.io/v1/ingresses
    /apis/networking.k8s.io/v1/networkpolicies /api/v1/namespaces"
for p in $paths; do printf 'url = "%s%s"\noutput = "/dev/null"\n' "$server" "$p"; done > "$dir/urls"
for agent in curl/8 bench; do
    echo "curl as $agent, one connection, the whole list of each kind (5 rounds):"
    python3 - "$dir/urls" "$dir/ca.crt" "$agent" <<'TIME'
import subprocess, sys, time
for _ in range(5):
    start = time.monotonic()
    out = subprocess.run(["curl", "-s", "-A", sys.argv[3], "--cacert", sys.argv[2], "-H", "Authorization: Bearer admin-token-of-this-test",
                          "-K", sys.argv[1], "-w", "%{size_download}\n"], check=True, capture_output=True, text=True).stdout
    print(f"bytes={sum(map(int, out.split()))} wall_ms={(time.monotonic() - start) * 1000:.1f}")
TIME
done
echo "target-kubernetes (5 rounds):"
TRUEUP_PLUGIN_PATH=$build/plugins "$build/tests/bench_kubernetes" "{\"kubeconfig\":\"$dir/kubeconfig\"}" list apps/v1/Deployment /v1/Service /v1/ServiceAccount \
    /v1/Secret /v1/ConfigMap networking.k8s.io/v1/Ingress networking.k8s.io/v1/NetworkPolicy /v1/Namespace
echo "trueup check of 10,050 objects in sync, state cached as on a second run (5 rounds):"
TRUEUP_PLUGIN_PATH=$build/plugins KUBECONFIG=$dir/kubeconfig python3 - "$build/trueup" "$dir" <<'TIME'
import os, subprocess, sys, time
for _ in range(6):
    start = time.monotonic()
    process = subprocess.Popen([sys.argv[1], "check", sys.argv[2] + "/manifests", "--to", "kubernetes", "--state", sys.argv[2] + "/state"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    last = process.stdout.read().strip().splitlines()[-1]
    _, status, used = os.wait4(process.pid, 0)
    if _:
        print(f"wall_ms={(time.monotonic() - start) * 1000:.1f} cpu_ms={(used.ru_utime + used.ru_stime) * 1000:.1f} "
              f"peak_mib={used.ru_maxrss / 1024:.1f} exit={os.waitstatus_to_exitcode(status)}: {last}")
TIME
