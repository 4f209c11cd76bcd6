. "$(dirname "$0")/lib.sh"
manifests shop
kubectl apply -f manifests > kubectl 2>&1 || fail "kubectl apply"
kubectl -n "$ns" create role half --verb=get,list,watch --resource=configmaps,deployments.apps > kubectl
kubectl -n "$ns" create rolebinding half --role=half --user=nobody > kubectl
expect 4 check ./manifests --to kubernetes:nobody
shows "2 in sync, 11 unknown"
expect 4 check ./manifests --to kubernetes:nobody -o json
python3 - out <<'PY' || fail "a reason is another kind's"
import json, sys
objects = json.load(open(sys.argv[1]))["rules"][0]["objects"]
assert len(objects) == 11, len(objects)
for o in objects:
    plural = o["kind"].lower().replace("policy", "policie") + "s" if o["kind"] != "Ingress" else "ingresses"
    assert o["verdict"] == "unknown" and "list " + plural in o["reason"], (o["kind"], o["reason"])
PY
human scale deployment cart --replicas=4
expect 1 check ./manifests --to kubernetes:nobody
shows "/spec/replicas"
# The service says so too, and goes on saying it.
repository
start_receiver
printf 'apiVersion: gadgets.example/v1\nkind: Gadget\nmetadata: {name: one, namespace: %s}\n' "$ns" > manifests/gadget.yaml
commit "Name a kind that nobody serves, so that the kinds are asked for again"
configuration audit
questions() { grep -c '"requestURI":"/apis".*"username":"nobody"' "$TRUEUP_KUBE_DIR/audit.log"; }
before=$(questions)
launch nobody
denied() { status 'targets[0].get("problem") and summary["unknown"] == 12 and summary["drifted"] == 1 and summary["in-sync"] == 1 and not summary["pending"]'; }
await "it is unknown to the service" denied
asked() { [ "$(questions)" -ge $((before + 2)) ]; }
await "the kinds are asked for again" asked
denied || fail "what is denied should still be a problem"
end_service
