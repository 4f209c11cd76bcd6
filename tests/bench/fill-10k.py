"""fill-10k.py SERVER TOKEN FOLDER: applies the 10,050 objects of list-10k.sh, over eight connections, and writes their manifests into FOLDER, a file
for each namespace."""
import collections, http.client, json, pathlib, ssl, sys, threading, urllib.parse

server, token = urllib.parse.urlparse(sys.argv[1]), sys.argv[2]


def objects():
    for n in range(50):
        yield "/api/v1/namespaces", "", f"bench-{n:02}", {"apiVersion": "v1", "kind": "Namespace"}
    for i in range(3000):
        ns, labels = f"bench-{i % 50:02}", {"app.kubernetes.io/name": f"app-{i}", "app.kubernetes.io/part-of": "bench"}

        def make(path, api, kind, **rest):
            return path, ns, f"app-{i}", {"apiVersion": api, "kind": kind, "labels": labels, **rest}
        yield make("/api/v1", "v1", "ConfigMap", data={f"key-{k}": f"value {k} of app {i}" for k in range(8)})
        if i >= 1500:
            continue
        pod = {"containers": [{"name": c, "image": f"registry.example/{c}:v1.{i}", "ports": [{"containerPort": 8080, "name": "http"}],
                               "env": [{"name": f"VAR_{k}", "value": str(k)} for k in range(6)],
                               "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                               "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}}} for c in ("app", "proxy")],
               "serviceAccountName": f"app-{i}"}
        yield make("/apis/apps/v1", "apps/v1", "Deployment", spec={"replicas": 2, "selector": {"matchLabels": {"app": f"app-{i}"}},
                   "template": {"metadata": {"labels": {"app": f"app-{i}"}}, "spec": pod}})
        yield make("/api/v1", "v1", "Service", spec={"selector": {"app": f"app-{i}"}, "clusterIP": "None", "ports": [{"name": "http", "port": 80, "targetPort": "http"}]})
        yield make("/api/v1", "v1", "ServiceAccount")
        yield make("/api/v1", "v1", "Secret", data={"password": "aHVudGVyMg==", "user": "YXBw"})
        if i < 500:
            yield make("/apis/networking.k8s.io/v1", "networking.k8s.io/v1", "Ingress", spec={"rules": [{"host": f"app-{i}.example", "http": {"paths": [
                {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": f"app-{i}", "port": {"name": "http"}}}}]}}]})
            yield make("/apis/networking.k8s.io/v1", "networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {"matchLabels": {"app": f"app-{i}"}},
                       "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]})


PLURAL = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses"}


def apply(todo):
    c = http.client.HTTPSConnection(server.hostname, server.port, context=ssl._create_unverified_context())
    for path, ns, name, o in todo:
        kind, labels = o["kind"], o.pop("labels", {})
        o["metadata"] = {"name": name, "labels": labels} | ({"namespace": ns} if ns else {})
        url = f"{path}/{name}" if not ns else f"{path}/namespaces/{ns}/{PLURAL.get(kind, kind.lower() + 's')}/{name}"
        c.request("PATCH", url + "?fieldManager=trueup&force=true", json.dumps(o),
                  {"Authorization": "Bearer " + token, "Content-Type": "application/apply-patch+yaml"})
        r = c.getresponse()
        body = r.read()
        if r.status not in (200, 201):
            sys.exit(f"{url}: {r.status} {body[:300]}")


everything = list(objects())
files = collections.defaultdict(list)
for path, ns, name, o in everything:
    metadata = {"name": name, "labels": o.get("labels", {})} | ({"namespace": ns} if ns else {})
    files[ns or "namespaces"].append({"apiVersion": o["apiVersion"], "kind": o["kind"], "metadata": metadata,
                                      **{k: v for k, v in o.items() if k not in ("apiVersion", "kind", "labels")}})
folder = pathlib.Path(sys.argv[3])
folder.mkdir(exist_ok=True)
for name, manifests in files.items():
    (folder / f"{name}.yaml").write_text("---\n".join(json.dumps(m) + "\n" for m in manifests))
apply(everything[:50])
threads = [threading.Thread(target=apply, args=(everything[50 + i::8],)) for i in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
