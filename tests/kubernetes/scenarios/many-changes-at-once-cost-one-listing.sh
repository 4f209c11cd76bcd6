. "$(dirname "$0")/lib.sh"
mark() { wc -l < "$TRUEUP_KUBE_DIR/audit.log"; }
# asked VERB LINE: how many such requests for ConfigMaps of this namespace (or of all) trueup made since that line of the server's log
asked() {
    python3 - "$TRUEUP_KUBE_DIR/audit.log" "$1" "$2" "$ns" <<'PY'
import json, sys
log, verb, since, ns = sys.argv[1:]
mine = [e for e in map(json.loads, list(open(log))[int(since):]) if e["user"]["username"] == "auditor" and e.get("userAgent", "").startswith("trueup")]
print(sum(e["verb"] == verb and e["objectRef"].get("resource") == "configmaps" and e["objectRef"].get("namespace", ns) == ns for e in mine if "objectRef" in e))
PY
}
python3 - "$ns" > manifests/many.yaml <<'PY'
import sys
print("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}" % sys.argv[1])
for i in range(300):
    print("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: many-%d, namespace: %s}\ndata: {colour: green}" % (i, sys.argv[1]))
PY
repository
kubectl apply -f manifests > kubectl 2>&1 || fail "kubectl apply"
start_receiver
configuration audit
serve auditor
await "in sync" in_sync

# A service that was stopped for a while hears of all at once.
before=$(mark)
kill -STOP "$service"
human label configmaps --all hand=made
kill -CONT "$service"
await "each is found" status 'summary["drifted"] == 300'
[ "$(asked get "$before")" -lt 250 ] || fail "$(asked get "$before") objects were read one by one"
[ "$(asked list "$before")" -ge 1 ] || fail "nothing was listed"
human label configmaps --all hand-
await "in sync again" in_sync
await "all of it proved" status 'rules[0]["proofs"]["baselines"] == summary["objects"]'

# The watch's place is gone (410): a listing of metadata proves that nothing happened, but for what did.
before=$(mark)
sh "$here/../control-plane.sh" crash "$TRUEUP_KUBE_DIR"
await "it is missed" status 'targets[0].get("problem")'
sh "$here/../control-plane.sh" revive "$TRUEUP_KUBE_DIR" compact || fail "the API server did not come again"
human patch configmap many-7 -p '{"data":{"colour":"red"}}'
await "a change is found" told status=firing kind=ConfigMap name=many-7 path=/data/colour
await "all is well again" status 'not targets[0].get("problem")'
[ "$(asked list "$before")" -ge 1 ] || fail "nothing was listed after the gap"
[ "$(asked get "$before")" -le 2 ] || fail "$(asked get "$before") objects were read after the gap"
end_service

# An object that was deleted and made anew while nobody looked is another one, whatever it says.
human delete configmap many-8
kubectl apply -f manifests > kubectl 2>&1 || fail "kubectl apply"
serve auditor
await "in sync" in_sync
await "it is said to be another one" grep -q "replaced .*many-8" run.out
end_service
