#!/bin/sh
# control-plane.sh: a real Kubernetes control plane for tests, from the binaries in KUBEBUILDER_ASSETS.
#
#   control-plane.sh start DIR    etcd and kube-apiserver (and kube-controller-manager when CONTROLLERS=1) with all their files in DIR, on free ports
#   control-plane.sh stop DIR     ends them; DIR stays (its logs), and can be removed then
#   control-plane.sh crash DIR    kills the API server (-9); etcd stays
#   control-plane.sh revive DIR [compact]   starts it again at the same address; `compact` forgets etcd's history first, so that watches get 410
#
# In DIR afterwards:
#   kubeconfig    contexts admin, auditor (reads everything but may write nothing), human (edits; its field manager is kubectl's), nobody (no rights)
#   audit.log     one JSON line a request (level Metadata, stage ResponseComplete): the proof of who wrote what
#   client.crt, client.key: a client certificate of the administrator "certified"
#   server, etcd, ca.crt, etcd.log, apiserver.log
# Ports are chosen by asking the kernel for a free one; when somebody else takes it in between, the start is tried again.
set -eu

assets=${KUBEBUILDER_ASSETS:?KUBEBUILDER_ASSETS is not set}

free_port() { python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

stop() {
    for name in manager apiserver etcd; do
        [ -f "$1/$name.pid" ] || continue
        pid=$(cat "$1/$name.pid")
        kill "$pid" 2>/dev/null || true
        n=0
        while kill -0 "$pid" 2>/dev/null; do
            n=$((n + 1))
            [ $n -lt 100 ] || kill -9 "$pid" 2>/dev/null || true
            sleep 0.05
        done
        rm -f "$1/$name.pid"
    done
}

files() { # DIR: keys, tokens, audit policy; once
    [ -f "$1/tokens.csv" ] && return 0
    openssl genrsa -out "$1/service-account.key" 2048 2>/dev/null
    cat > "$1/tokens.csv" <<TOKENS
admin-token-of-this-test,admin,admin-uid,"system:masters"
auditor-token-of-this-test,auditor,auditor-uid,"auditors"
human-token-of-this-test,human,human-uid,"editors"
nobody-token-of-this-test,nobody,nobody-uid,"strangers"
TOKENS
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=test-client-ca -keyout "$1/client-ca.key" -out "$1/client-ca.crt" 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj "/O=system:masters/CN=certified" -keyout "$1/client.key" -out "$1/client.csr" 2>/dev/null
    openssl x509 -req -in "$1/client.csr" -CA "$1/client-ca.crt" -CAkey "$1/client-ca.key" -CAcreateserial -days 30 -out "$1/client.crt" 2>/dev/null
    cat > "$1/audit-policy.yaml" <<POLICY
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted, Panic]
rules: [{level: Metadata}]
POLICY
}

kubeconfig() { # DIR PORT
    {
        echo "apiVersion: v1
kind: Config
current-context: admin
clusters:
- name: test
  cluster: {server: \"https://127.0.0.1:$2\", certificate-authority: certs/apiserver.crt}
users:"
        for u in admin auditor human nobody; do
            echo "- {name: $u, user: {token: $u-token-of-this-test}}"
        done
        echo "contexts:"
        for u in admin auditor human nobody; do
            echo "- {name: $u, context: {cluster: test, user: $u, namespace: default}}"
        done
    } > "$1/kubeconfig"
    echo "https://127.0.0.1:$2" > "$1/server"
    cp "$1/certs/apiserver.crt" "$1/ca.crt"
}

alive() { kill -0 "$(cat "$1")" 2>/dev/null; }

launch_apiserver() { # DIR
    # shellcheck disable=SC2086
    "$assets/kube-apiserver" --etcd-servers "$(cat "$1/etcd")" --secure-port "$(cat "$1/port")" \
        --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --endpoint-reconciler-type=none \
        --cert-dir "$1/certs" --service-account-key-file "$1/service-account.key" \
        --service-account-signing-key-file "$1/service-account.key" \
        --service-account-issuer https://kubernetes.default.svc --service-cluster-ip-range 10.96.0.0/16 \
        --authorization-mode RBAC --token-auth-file "$1/tokens.csv" --client-ca-file "$1/client-ca.crt" --disable-admission-plugins ServiceAccount \
        --audit-log-path "$1/audit.log" --audit-policy-file "$1/audit-policy.yaml" \
        ${APISERVER_FLAGS:-} >> "$1/apiserver.log" 2>&1 &
    echo $! > "$1/apiserver.pid"
}

is_ready() { # DIR
    n=0
    until [ -f "$1/certs/apiserver.crt" ] && curl -fsk --max-time 2 -H "Authorization: Bearer admin-token-of-this-test" \
            "https://127.0.0.1:$(cat "$1/port")/readyz" >/dev/null 2>&1; do
        alive "$1/etcd.pid" && alive "$1/apiserver.pid" || return 1
        n=$((n + 1))
        [ $n -lt 600 ] || return 1
        sleep 0.1
    done
}

try_start() { # DIR
    d=$1
    client=$(free_port); peer=$(free_port); port=$(free_port)
    "$assets/etcd" --unsafe-no-fsync --data-dir "$d/etcd-data" --log-level warn \
        --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
        --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
        --initial-cluster "default=http://127.0.0.1:$peer" > "$d/etcd.log" 2>&1 &
    echo $! > "$d/etcd.pid"
    echo "http://127.0.0.1:$client" > "$d/etcd"
    echo "$port" > "$d/port"
    launch_apiserver "$d"
    is_ready "$d" || return 1
    kubeconfig "$d" "$port"
}

rights() { # DIR: what auditor and human may do
    "$assets/kubectl" --kubeconfig "$1/kubeconfig" apply -f - >/dev/null <<'RBAC'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: test-auditor}
rules:
- {apiGroups: ["*"], resources: ["*"], verbs: [get, list, watch]}
- {nonResourceURLs: ["*"], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: test-editor}
rules:
- {apiGroups: ["*"], resources: ["*"], verbs: ["*"]}
- {nonResourceURLs: ["*"], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: test-auditor}
subjects: [{kind: Group, name: auditors, apiGroup: rbac.authorization.k8s.io}]
roleRef: {kind: ClusterRole, name: test-auditor, apiGroup: rbac.authorization.k8s.io}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: test-editor}
subjects: [{kind: Group, name: editors, apiGroup: rbac.authorization.k8s.io}]
roleRef: {kind: ClusterRole, name: test-editor, apiGroup: rbac.authorization.k8s.io}
RBAC
}

controllers() { # DIR
    [ "${CONTROLLERS:-0}" = 1 ] || return 0
    "$assets/kube-controller-manager" --kubeconfig "$1/kubeconfig" --service-account-private-key-file "$1/service-account.key" \
        --leader-elect=false --secure-port=0 --kube-api-qps=200 --kube-api-burst=400 > "$1/manager.log" 2>&1 &
    echo $! > "$1/manager.pid"
}

start() {
    mkdir -p "$1"
    d=$(cd "$1" && pwd)
    files "$d"
    for attempt in 1 2 3; do
        if try_start "$d"; then
            rights "$d"
            controllers "$d"
            return 0
        fi
        stop "$d"
        rm -rf "$d/etcd-data"
    done
    echo "control-plane: it did not start after $attempt attempts; the end of its logs:" >&2
    tail -n 5 "$d/etcd.log" "$d/apiserver.log" >&2
    return 1
}

crash() { # DIR: kill -9; the port is left to nobody
    pid=$(cat "$1/apiserver.pid")
    kill -9 "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

# Forgets everything but the present, as the API server itself does every five minutes.
compact() { # DIR
    revision=$(curl -fs "$(cat "$1/etcd")/v3/kv/range" -d '{"key":"AA=="}' | sed 's/.*"revision":"\([0-9]*\)".*/\1/')
    curl -fs "$(cat "$1/etcd")/v3/kv/compaction" -d "{\"revision\":\"$revision\",\"physical\":true}" >/dev/null
}

revive() { # DIR [compact]
    if [ "${2:-}" = compact ]; then
        # The history that is forgotten must be longer than what the watches have seen.
        for i in 1 2 3; do curl -fs "$(cat "$1/etcd")/v3/kv/put" -d '{"key":"L3Rlc3QvYQ==","value":"YQ=="}' >/dev/null; done
        compact "$1"
    fi
    launch_apiserver "$1"
    is_ready "$1"
}

[ $# -ge 2 ] || { echo "usage: control-plane.sh start|stop|crash|revive DIR" >&2; exit 2; }
case $1 in
start) start "$2" ;;
stop) stop "$2" ;;
crash) crash "$2" ;;
revive) revive "$2" "${3:-}" ;;
*) echo "control-plane: no such command: $1" >&2; exit 2 ;;
esac
