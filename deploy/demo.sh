#!/bin/sh
# demo.sh: trueup from clone to a detected and healed drift, with one command and without a cluster.
#   sh deploy/demo.sh                a Git repository and a directory that stands for a cluster, both thrown away at the end
#   sh deploy/demo.sh --kubernetes   the same in a namespace of its own on the current kubeconfig context (kubectl is needed)
# Each step waits until what it promises was seen, at most 20 seconds. Exit code 0 only when every step happened.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
case ${1:-} in
'') where=directory ;;
--kubernetes) where=kubernetes ;;
*) echo "usage: demo.sh [--kubernetes]" >&2; exit 2 ;;
esac

# --- words ----------------------------------------------------------------------------------------------------------------
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$(printf '\033[1m') dim=$(printf '\033[2m') off=$(printf '\033[0m'); else bold= dim= off=; fi
steps=0 failed=0 summary=
say() { printf '%s\n' "$*"; }
title() { printf '\n%s%s%s\n' "$bold" "$*" "$off"; }
quote() { sed "s/^/  $dim|$off /"; }
result() { # status text
    steps=$((steps + 1))
    if [ "$1" = 0 ]; then mark=ok; else mark=FAILED; failed=$((failed + 1)); fi
    summary="$summary
  $mark  $2"
    say "  -> $mark: $2"
    [ "$1" = 0 ] || { say "  the service's last words:"; tail -5 "$work/run.err" | quote; }
}
now() { date +%s%N; }
wait_for() { # text, command...: until the command succeeds
    text=$1; shift
    began=$(now)
    until "$@" >/dev/null 2>&1; do
        [ $((($(now) - began) / 1000000000)) -lt 20 ] && kill -0 "$service" 2>/dev/null || { result 1 "$text"; return 1; }
        sleep 0.02
    done
    took=$((($(now) - began) / 1000000))
    result 0 "$text ${dim}(after $took ms)$off"
}

# --- build ----------------------------------------------------------------------------------------------------------------
title "Building trueup"
sh "$root/deploy/setup.sh" || exit 1
build=$root/build/release
cd "$root" || exit 1
if ! { cmake --preset release -DTRUEUP_TESTS=OFF && cmake --build --preset release --parallel "$(nproc)"; } >/tmp/trueup-demo-build.$$ 2>&1; then
    cat /tmp/trueup-demo-build.$$ >&2; rm -f /tmp/trueup-demo-build.$$; exit 1
fi
rm -f /tmp/trueup-demo-build.$$
trueup=$build/trueup
say "  $("$trueup" version | head -1)"

# --- a place of its own ------------------------------------------------------------------------------------------------------
work=$(mktemp -d) || exit 1
pids=
ns=shop
cleanup() {
    for p in $pids; do kill "$p" 2>/dev/null; done
    wait 2>/dev/null
    [ "$where" = kubernetes ] && kubectl delete namespace "$ns" --wait=false >/dev/null 2>&1
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
mkdir "$work/live" "$work/config"
if [ "$where" = kubernetes ]; then
    command -v kubectl >/dev/null || { say "demo.sh: kubectl is needed for --kubernetes" >&2; exit 1; }
    context=$(kubectl config current-context) || exit 1
    ns=trueup-demo-$$
    kubectl create namespace "$ns" >/dev/null || exit 1
    say "  working in namespace $ns of context $context"
    target="{plugin: kubernetes, config: {context: \"$context\"}}"
    to=kubernetes:$context
else
    target='{plugin: directory, config: {path: ./live}}'
    to=directory:$work/live
fi

# What a hand does to the live objects, and what an eye sees of them.
deployment=$work/live/deployment-$ns-cart.yaml
if [ "$where" = kubernetes ]; then
    live_replicas() { kubectl -n "$ns" get deployment cart -o 'jsonpath={.spec.replicas}'; }
    edit_replicas() { kubectl -n "$ns" patch deployment cart --field-manager=kubectl-edit --type merge -p "{\"spec\":{\"replicas\":$1}}" >/dev/null; }
    delete_service() { kubectl -n "$ns" delete service cart >/dev/null; }
    service_lives() { kubectl -n "$ns" get service cart >/dev/null 2>&1; }
    hand="kubectl edit deployment cart"
else
    live_replicas() { sed -n 's/^  replicas: //p' "$deployment"; }
    edit_replicas() { sed "s/^  replicas: .*/  replicas: $1/" "$deployment" >"$deployment.new" && mv "$deployment.new" "$deployment"; }
    delete_service() { rm "$work/live/service-$ns-cart.yaml"; }
    service_lives() { [ -e "$work/live/service-$ns-cart.yaml" ]; }
    hand="an editor on the live Deployment's file"
fi
replicas_are() { [ "$(live_replicas)" = "$1" ]; }

# --- the shop, in Git -----------------------------------------------------------------------------------------------------------
git_() { git -C "$work/shop" -c user.name=demo -c user.email=demo@example.com -c commit.gpgsign=false "$@"; }
git init -q -b main "$work/shop"
cat >"$work/shop/cart.yaml" <<YAML
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
  namespace: $ns
spec:
  replicas: 3
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
        - name: app
          image: registry.k8s.io/pause:3.9
          ports: [{containerPort: 8080}]
          resources: {requests: {cpu: 100m, memory: 64Mi}}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: $ns}
spec:
  selector: {app: cart}
  ports: [{port: 80, targetPort: 8080}]
YAML
cat >"$work/shop/settings.yaml" <<YAML
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: $ns}
data: {currency: EUR}
---
apiVersion: v1
kind: Secret
metadata: {name: payment, namespace: $ns}
stringData: {key: not-to-be-shown}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: $ns}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]
YAML
git_ add -A && git_ commit -qm "Open the shop"

# --- the first look -----------------------------------------------------------------------------------------------------------------
title "1. A repository and an empty target: what differs?"
"$trueup" check "$work/shop" --to "$to" >"$work/out" 2>&1
code=$?
quote <"$work/out"
[ "$code" = 1 ]; result $? "trueup check finds five missing objects (exit code $code)"
"$trueup" heal "$work/shop" --to "$to" --yes >"$work/out" 2>&1
quote <"$work/out"
"$trueup" check "$work/shop" --to "$to" >"$work/out" 2>&1
code=$?
[ "$code" = 0 ]; result $? "trueup heal creates them; trueup check says in sync (exit code $code)"

# --- the service -------------------------------------------------------------------------------------------------------------------------
title "2. The service, in audit mode"
perl "$root/deploy/receiver.pl" "$work/messages" & pids="$pids $!"
tries=0
until [ -s "$work/messages.port" ]; do tries=$((tries + 1)); [ $tries -lt 250 ] || { say "demo.sh: the receiver did not start" >&2; exit 1; }; sleep 0.02; done
cat >"$work/config/trueup.yaml" <<YAML
apiVersion: trueup.dev/v1
kind: Source
metadata: {name: shop-config}
spec: {plugin: git, config: {url: "$work/shop", branch: main, interval: 1s}}
---
apiVersion: trueup.dev/v1
kind: Target
metadata: {name: prod}
spec: $target
---
apiVersion: trueup.dev/v1
kind: Notifier
metadata: {name: on-call}
spec: {plugin: webhook, config: {url: "http://127.0.0.1:$(cat "$work/messages.port")/alerts"}}
---
apiVersion: trueup.dev/v1
kind: Rule
metadata: {name: shop}
spec:
  from: shop-config
  to: prod
  mode: audit
YAML
# Paths in a configuration are relative to its file.
[ "$where" = kubernetes ] || sed -i 's#path: ./live#path: ../live#' "$work/config/trueup.yaml"
"$trueup" run -c "$work/config/trueup.yaml" --state "$work/state" >"$work/run.out" 2>"$work/run.err" & service=$!
pids="$pids $service"
status() { "$trueup" status --state "$work/state" -o json; }
status_has() { status | grep -q "$1"; }
wait_for "trueup run watches, and all five objects are in sync" status_has '"objects":5,"in-sync":5'

told() { grep -q "^$1.*$2" "$work/messages"; }
no_message_beyond() { [ "$(wc -l <"$work/messages")" -le "$1" ]; }
: >>"$work/messages"

title "3. Somebody edits the live Deployment ($hand)"
edit_replicas 5
wait_for "noticed" grep -q "Deployment.*cart" "$work/run.out"
say "  what the service printed:"
quote <"$work/run.out"
say "  and trueup diff, asked by a person:"
"$trueup" diff -c "$work/config/trueup.yaml" --state "$work/look" 2>&1 | quote
wait_for "told to the webhook receiver" told firing "Deployment.*cart"
tail -1 "$work/messages" | quote

title "4. The rule is switched from audit to heal"
sed "s/mode: audit/mode: heal/" "$work/config/trueup.yaml" >"$work/config/new" && mv "$work/config/new" "$work/config/trueup.yaml"
wait_for "the Deployment has 3 replicas again" replicas_are 3
wait_for "the receiver is told that it is resolved" told resolved "Deployment.*cart"
tail -1 "$work/messages" | quote

title "5. A commit changes replicas from 3 to 4"
sed -i 's/replicas: 3/replicas: 4/' "$work/shop/cart.yaml" && git_ commit -qam "Four carts"
wait_for "applied: 4 replicas live" replicas_are 4
git_ log --oneline -1 | quote

title "6. git revert"
git_ revert --no-edit HEAD >/dev/null
wait_for "rolled back: 3 replicas live" replicas_are 3
git_ log --oneline -1 | quote

title "7. Somebody deletes the Service by hand"
wait_for "everything is in sync before it" status_has '"objects":5,"in-sync":5'
delete_service
wait_for "noticed and told" told firing "Service.*cart"
wait_for "restored" service_lives
wait_for "told as resolved" told resolved "Service.*cart"
tail -2 "$work/messages" | quote

title "8. A broken manifest is committed"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: broken\n data: {}\n' >"$work/shop/broken.yaml"
git_ add -A && git_ commit -qm "A slip of the indentation"
wait_for "reported as invalid with its line" told firing "broken.yaml:5"
tail -1 "$work/messages" | quote
edit_replicas 7
wait_for "the good objects stay managed: another edit is put right" replicas_are 3

title "9. No secret in any of it"
! grep -rqE 'not-to-be-shown|bm90LXRvLWJlLXNob3du' "$work/state" "$work/run.out" "$work/run.err" "$work/messages" "$work/out"
result $? "the Secret's value stands in no output, no log, no message, not in the store"

title "The service's own account"
"$trueup" status --state "$work/state" 2>&1 | quote
kill "$service" 2>/dev/null
wait "$service"
result $? "the service stops cleanly"

title "Summary"
printf '%s\n' "$summary" | sed 1d
say ""
if [ "$failed" = 0 ]; then say "$steps steps, all as promised. Next: trueup config init, and the README."; else say "$steps steps, $failed failed."; fi
[ "$failed" = 0 ]
