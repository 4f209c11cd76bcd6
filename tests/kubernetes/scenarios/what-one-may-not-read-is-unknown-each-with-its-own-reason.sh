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
