. "$(dirname "$0")/lib.sh"
manifests shop
kubectl apply -f manifests > kubectl 2>&1 || fail "kubectl apply"
human scale deployment cart --replicas=5
human set env deployment/cart -c app HAND=made
human label configmap cart hand=made
human patch service cart --type=json -p '[{"op":"replace","path":"/spec/ports/0/targetPort","value":81}]'
human patch secret cart -p '{"stringData":{"password":"edited-secret-of-this-test"}}'
EDITOR="sed -i s/green/red/" KUBE_EDITOR="sed -i s/green/red/" human edit configmap cart
human delete role cart
expect 1 check ./manifests --to kubernetes:auditor
shows "missing  Role.rbac.authorization.k8s.io/$ns/cart"
expect 1 diff ./manifests --to kubernetes:auditor
shows '-   colour: red'
shows "<sealed>"
expect 1 check ./manifests --to kubernetes:auditor -o json
python3 - out "$ns" <<'PY' || fail "the JSON report is not what it should be"
import json, sys
report, ns = json.load(open(sys.argv[1])), sys.argv[2]
assert report["apiVersion"] == "trueup.dev/v1" and report["kind"] == "Report"
assert report["summary"]["drifted"] == 4 and report["summary"]["missing"] == 1 and report["summary"]["unknown"] == 0, report["summary"]
objects = {(o["kind"], o["namespace"], o["name"]): o for o in report["rules"][0]["objects"]}
assert all(o["verdict"] != "in-sync" for o in objects.values())
changes = {(k[0], c["path"]): c for k, o in objects.items() for c in o.get("changes", [])}
def change(kind, path, what, desired, live, line, manager):
    c = changes.pop((kind, path))
    got = (c["change"], c.get("desired"), c.get("live"), c["line"], c["owner"]["manager"], c["owner"]["class"])
    assert got == (what, desired, live, line, manager, "human"), got
change("Deployment", "/spec/replicas", "value", 3, 5, 35, "kubectl")
change("Deployment", "/spec/template/spec/containers/[name=app]/env/[name=HAND]", "added", None, {"name": "HAND", "value": "made"}, 0, "kubectl-set")
change("ConfigMap", "/metadata/labels/hand", "added", None, "made", 0, "kubectl-label")
change("ConfigMap", "/data/colour", "value", "green", "red", 15, "kubectl-edit")
change("Secret", "/data/password", "value", "<sealed>", "<sealed>", 25, "kubectl-patch")
change("Service", "/spec/ports/[port=80,protocol=TCP]/targetPort", "value", 8080, 81, 67, "kubectl-patch")
assert not changes, changes
PY
# A port that is replaced takes the applier's hold of the list away; what it left to the defaults is still nobody's addition.
human patch service cart --type=json -p '[{"op":"replace","path":"/spec/ports/0/port","value":81}]'
expect 1 diff ./manifests --to kubernetes:auditor
shows "/spec/ports/[port=80,protocol=TCP]  removed"
hides "sessionAffinity"
