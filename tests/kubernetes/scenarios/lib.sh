# scenarios/lib.sh: what every scenario begins with. A scenario is a script of its own that run.sh starts with `sh -eu`, on the control plane of
# TRUEUP_KUBE_DIR; its name is the sentence that it proves. It drives `trueup` as a user does, in a namespace ($ns) and a folder ($work) of its own.
#
#   expect CODE ARGUMENT...   runs trueup, which must end with that code; its words are in $work/out and $work/err
#   shows TEXT / hides TEXT   standard output has, or hasn't, the text      says TEXT   the same for standard error
#   await WORDS COMMAND...    until the command succeeds; after the deadline the scenario fails with those words
#   serve [AS]                starts `trueup run` with $work/trueup.yaml as that kubeconfig context (admin), and waits until everything is judged
#   told KEY=VALUE...         succeeds when the receiver got such a message: status, event, kind, name, manager, change, resolvedBy, text
#   fail WORDS                ends the scenario
# Everything that trueup prints, logs, stores or sends stays under $work, where run.sh searches it for secrets afterwards.
name=$(basename "$0" .sh)
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
build=${TRUEUP_BUILD_DIR:-$here/../../../build/dev}
ns=$(printf %s "s-$name" | cut -c1-50 | sed 's/-*$//')
work=$TRUEUP_KUBE_DIR/scenarios/$name
mkdir -p "$work/home" "$work/tmp" "$work/said" "$work/manifests"
cd "$work"
HOME=$work/home XDG_CACHE_HOME=$work/cache XDG_STATE_HOME=$work/state-home TMPDIR=$work/tmp KUBECONFIG=$TRUEUP_KUBE_DIR/kubeconfig
export HOME XDG_CACHE_HOME XDG_STATE_HOME TMPDIR KUBECONFIG
export GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@shop.example GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@shop.example
export TSAN_OPTIONS="suppressions=$here/tsan.supp ${TSAN_OPTIONS:-}"
deadline=${TRUEUP_TEST_DEADLINE:-60}
service= receiver= calls=0

kubectl() { "$KUBEBUILDER_ASSETS/kubectl" "$@"; }
human() { kubectl --context human -n "$ns" "$@" > "$work/kubectl" 2>&1 || fail "kubectl $*"; }

fail() {
    echo "  $*"
    for f in kubectl out err run.out run.err; do
        [ -s "$work/$f" ] && { echo "  the end of $f:"; tail -n 15 "$work/$f" | cut -c1-400 | sed 's/^/    /'; }
    done
    exit 1
}

on_exit() {
    [ -z "$service" ] || kill "$service" 2>/dev/null || true
    [ -z "$receiver" ] || kill "$receiver" 2>/dev/null || true
    wait
}
trap on_exit EXIT
trap 'exit 130' INT TERM

# A sanitizer's report, where trueup was built with one, fails the scenario.
sound() { ! grep -qE 'Sanitizer|runtime error:' "$1" || { cp "$1" "$work/report"; fail "a sanitizer's report is in $work/report: $(grep -E 'SUMMARY|runtime error:' "$1" | head -3)"; }; }
trueup() {
    calls=$((calls + 1))
    code=0
    "$build/trueup" "$@" > "$work/out" 2> "$work/err" < /dev/null || code=$?
    cp "$work/out" "$work/said/$calls.out"
    cp "$work/err" "$work/said/$calls.err"
    sound "$work/err"
}
expect() {
    want=$1; shift
    trueup "$@"
    [ "$code" = "$want" ] || fail "trueup $*: wanted exit code $want, got $code"
}
shows() { grep -qF -e "$1" "$work/out" || fail "standard output does not show: $1"; }
hides() { ! grep -qF -e "$1" "$work/out" || fail "standard output must not show: $1"; }
says() { grep -qF -e "$1" "$work/err" || fail "standard error does not say: $1"; }

await() {
    words=$1; shift
    end=$(($(date +%s) + deadline))
    until "$@"; do
        [ "$(date +%s)" -lt $end ] || fail "waited $deadline s in vain: $words"
        [ -z "$service" ] || kill -0 "$service" 2>/dev/null || fail "the service is gone while waiting: $words"
        sleep 0.05
    done
}

# The manifests of shop.yaml (and others) for this namespace.
manifests() { for f; do sed "s/NAMESPACE/$ns/" "$here/$f.yaml" > "$work/manifests/$f.yaml"; done; }

# A Git repository of the manifests; `commit WORDS` makes a revision of what was edited.
repository() {
    git -C "$work" init -q -b main manifests && commit "Open the shop"
}
commit() { git -C "$work/manifests" add -A && git -C "$work/manifests" commit -q -m "$1"; }
edit() { sed "$1" "$work/manifests/$2" > "$work/edited" && mv "$work/edited" "$work/manifests/$2"; }

start_receiver() {
    python3 "$here/receiver.py" "$work" & receiver=$!
    await "the receiver's port" test -s "$work/receiver.port"
}
told() { python3 "$here/told.py" "$work/told" "$@"; }
not_told() { ! told "$@"; }
forget() { # what was told so far, and what is on its way
    [ -z "$service" ] || await "what is to be told has arrived" status 's["deliveries"]["pending"] == 0'
    : > "$work/told"
}

# configuration MODE [LINES OF THE RULE'S SPEC]: Git -> cluster, told to the receiver
configuration() {
    cat > "$work/trueup.yaml.new" <<YAML
apiVersion: trueup.dev/v1
kind: Source
metadata: {name: shop-config}
spec: {plugin: git, config: {url: $work/manifests, branch: main, interval: 1s}}
---
apiVersion: trueup.dev/v1
kind: Target
metadata: {name: cluster}
spec: {plugin: kubernetes, config: {retryDelay: 100ms}}
---
apiVersion: trueup.dev/v1
kind: Notifier
metadata: {name: hook}
spec: {plugin: webhook, config: {url: "http://127.0.0.1:$(cat "$work/receiver.port")/alerts"}}
---
apiVersion: trueup.dev/v1
kind: Routing
metadata: {name: all}
spec: {receiver: hook, groupBy: ["..."], groupWait: 0s, groupInterval: 0s} # an incident for each drift, told at once
---
apiVersion: trueup.dev/v1
kind: Rule
metadata: {name: shop}
spec:
  from: shop-config
  to: cluster
  mode: $1
${2:-}
YAML
    mv "$work/trueup.yaml.new" "$work/trueup.yaml"
}

# status QUESTION: a Python expression over the answer of `trueup status -o json`; rules, targets and summary (of the first rule) are at hand.
status() {
    trueup status --state "$work/state" -o json
    python3 - "$work/out" "$1" <<'PY'
import json, sys
try:
    s = json.load(open(sys.argv[1]))
except ValueError:
    sys.exit(1)
if "rules" not in s:
    sys.exit(1)
names = {"s": s, "rules": s["rules"], "targets": s["targets"], "sources": s["sources"], "summary": s["rules"][0]["summary"], "open": s["rules"][0]["open"]}
sys.exit(not eval(sys.argv[2], names))
PY
}
launch() {
    "$KUBEBUILDER_ASSETS/kubectl" config view --raw --flatten > "$work/kubeconfig"
    "$KUBEBUILDER_ASSETS/kubectl" --kubeconfig "$work/kubeconfig" config use-context "${1:-admin}" > /dev/null
    KUBECONFIG=$work/kubeconfig "$build/trueup" run -c "$work/trueup.yaml" --state "$work/state" >> "$work/run.out" 2>> "$work/run.err" < /dev/null &
    service=$!
}
serve() {
    launch "$@"
    await "everything is judged" status 'all(r["summary"]["objects"] > 0 and r["summary"]["pending"] == 0 for r in rules)'
}
end_service() {
    kill "$service"
    code=0
    wait "$service" || code=$?
    service=
    sound "$work/run.err"
    [ $code = 0 ] || fail "trueup run ended with $code"
}
in_sync() { status 'all(r["summary"]["objects"] == r["summary"]["in-sync"] for r in rules) and not any(r["open"] for r in rules)'; }
