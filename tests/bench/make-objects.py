#!/usr/bin/env python3
"""make-objects.py: the objects that the benchmarks look at, as manifests and, where a server is named, applied to it.

    make-objects.py FOLDER [--count 10000] [--small] [--format yaml|json] [--server URL --token TOKEN]

FOLDER gets one file a namespace, each with many documents. COUNT objects stand in 50 namespaces, which come on top: 15 % Deployments (two containers with
probes, env, resources and volumes), Services, ServiceAccounts and Secrets each, 30 % ConfigMaps, 5 % Ingresses and NetworkPolicies each; with --small
ConfigMaps of one key only. Format: block YAML as people write it, or a JSON document each.

With --server they are applied server-side by the field manager "trueup", as a healing would have, so that they are in sync and carry managedFields; eight
connections that are kept. Applying again changes nothing. The same arguments always make the same objects."""
import argparse, collections, http.client, json, pathlib, re, ssl, sys, threading, urllib.parse

NAMESPACES = 50
PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*\Z")  # what needs no quotes in block YAML, but for the words below
WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


# --- what is made -------------------------------------------------------------------------------

def container(name, i):
    return {
        "name": name, "image": f"registry.example/{name}:v1.{i}", "args": ["--listen=:8080", "--log-level=info"],
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": f"VAR_{k}", "value": str(k)} for k in range(6)] +
               [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": f"app-{i}", "key": "password"}}}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
        "livenessProbe": {"httpGet": {"path": "/alive", "port": "http"}, "initialDelaySeconds": 10},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/app", "readOnly": True}, {"name": "scratch", "mountPath": "/tmp"}],
    }


def deployment(i):
    pod = {"serviceAccountName": f"app-{i}", "containers": [container("app", i), container("proxy", i)],
           "volumes": [{"name": "config", "configMap": {"name": f"app-{i}"}}, {"name": "scratch", "emptyDir": {}}]}
    return {"spec": {"replicas": 2, "selector": {"matchLabels": {"app": f"app-{i}"}},
                     "template": {"metadata": {"labels": {"app": f"app-{i}"}}, "spec": pod}}}


def service(i):
    return {"spec": {"clusterIP": "None", "selector": {"app": f"app-{i}"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}}


def ingress(i):
    backend = {"service": {"name": f"app-{i}", "port": {"name": "http"}}}
    return {"spec": {"rules": [{"host": f"app-{i}.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]}}


def network_policy(i):
    return {"spec": {"podSelector": {"matchLabels": {"app": f"app-{i}"}}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]}}


# kind: (path of the API, plural, share of the objects in percent, what stands beside apiVersion, kind and metadata)
KINDS = {
    "Deployment": ("/apis/apps/v1", "deployments", 15, deployment),
    "Service": ("/api/v1", "services", 15, service),
    "ServiceAccount": ("/api/v1", "serviceaccounts", 15, lambda i: {}),
    "Secret": ("/api/v1", "secrets", 15, lambda i: {"data": {"password": "aHVudGVyMg==", "user": "YXBw"}}),
    "ConfigMap": ("/api/v1", "configmaps", 30, lambda i: {"data": {f"key-{k}": f"value {k} of app {i}" for k in range(8)}}),
    "Ingress": ("/apis/networking.k8s.io/v1", "ingresses", 5, ingress),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies", 5, network_policy),
}
SMALL = {"ConfigMap": ("/api/v1", "configmaps", 100, lambda i: {"data": {"key": f"value of app {i}"}})}


def objects(count, small):
    """(URL path, object), the namespaces first."""
    for n in range(NAMESPACES):
        yield f"/api/v1/namespaces/bench-{n:02}", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"bench-{n:02}"}}
    for kind, (api, plural, share, rest) in (SMALL if small else KINDS).items():
        for i in range(count * share // 100):
            namespace, name = f"bench-{i % NAMESPACES:02}", f"app-{i}"
            labels = {"app": name} if small else {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "bench"}
            yield f"{api}/namespaces/{namespace}/{plural}/{name}", {
                "apiVersion": api.split("/", 2)[2], "kind": kind, "metadata": {"name": name, "namespace": namespace, "labels": labels}, **rest(i)}


# --- manifests ----------------------------------------------------------------------------------

def scalar(v):
    if isinstance(v, str) and PLAIN.match(v) and v.lower() not in WORDS:
        return v
    return json.dumps(v)


def block(v, indent):
    """The lines of a map or list as block YAML; empty ones stand on their key's line."""
    out = []
    for key, child in v.items() if isinstance(v, dict) else ((None, child) for child in v):
        pad, head = " " * indent, "-" if key is None else scalar(key) + ":"
        if not isinstance(child, (dict, list)) or not child:
            out.append(f"{pad}{head} {scalar(child)}")
        elif key is None:
            first, *rest = block(child, indent + 2)
            out += [f"{pad}- {first[indent + 2:]}", *rest]
        else:
            out += [pad + head, *block(child, indent + (2 if isinstance(child, dict) else 0))]
    return out


def write(folder, everything, as_json):
    files = collections.defaultdict(list)
    for _, o in everything:
        files[o["metadata"].get("namespace", "namespaces")].append(json.dumps(o) if as_json else "\n".join(block(o, 0)))
    folder.mkdir(parents=True, exist_ok=True)
    for name, documents in files.items():
        (folder / f"{name}.yaml").write_text("".join(f"---\n{d}\n" for d in documents))


# --- the server ---------------------------------------------------------------------------------

def apply(server, token, todo):
    connection = http.client.HTTPSConnection(server.hostname, server.port, context=ssl._create_unverified_context())
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/apply-patch+yaml"}
    for path, o in todo:
        connection.request("PATCH", path + "?fieldManager=trueup&force=true", json.dumps(o), headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status not in (200, 201):
            raise SystemExit(f"{path}: {answer.status} {body[:300]}")


def fill(server, token, everything):
    failed = []

    def work(part):
        try:
            apply(server, token, part)
        except (SystemExit, OSError, http.client.HTTPException) as e:
            failed.append(str(e))
    apply(server, token, everything[:NAMESPACES])
    threads = [threading.Thread(target=work, args=(everything[NAMESPACES + i::8],)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        sys.exit(failed[0])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("--count", type=int, default=10000)
    p.add_argument("--small", action="store_true")
    p.add_argument("--format", choices=("yaml", "json"), default="yaml")
    p.add_argument("--server")
    p.add_argument("--token", default="")
    a = p.parse_args()
    everything = list(objects(a.count, a.small))
    write(a.folder, everything, a.format == "json")
    if a.server:
        fill(urllib.parse.urlparse(a.server), a.token, everything)


if __name__ == "__main__":
    main()
