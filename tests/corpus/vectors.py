#!/usr/bin/env python3
"""vectors.py: asks a real API server for the answers in vectors/*.json.

    KUBEBUILDER_ASSETS=... python3 tests/corpus/vectors.py

The inputs stand in the files; what the server makes of each is written beside it. Everything is asked by dry run, but for the matrix of null and
empty values, whose objects are swept away. To add a vector: its input in the file, then run this.
"""
import json, os, sys

from play import look, put_at
from server import Failed, Server

here = os.path.dirname(os.path.abspath(__file__))
CONFIGMAPS = "/api/v1/namespaces/shop/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
APPLY = "application/apply-patch+yaml"


def fieldsv1(server, case):
    """Written as another manager's entry; what the server read of it is what it writes back. A set that it can't read costs the whole entry."""
    server.http("DELETE", CONFIGMAPS + "/sets")
    o = server.ask("POST", CONFIGMAPS + "?fieldManager=maker", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "sets"}, "data": {"a": "b"}})
    entry = '{"manager":"vector","operation":"Update","apiVersion":"v1","time":"2024-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":%s}' % case["text"]
    entries = json.dumps(o["metadata"]["managedFields"])[:-1] + "," + entry + "]"
    text = json.dumps({"op": "replace", "path": "/metadata/managedFields", "value": "ENTRIES"}).replace('"ENTRIES"', entries)
    status, answer = server.http("PATCH", CONFIGMAPS + "/sets?fieldManager=editor", ("[" + text + "]").encode(), "application/json-patch+json")
    if status != 200:
        return {"error": answer["message"] if isinstance(answer, dict) else str(answer)}
    found = [e for e in answer["metadata"]["managedFields"] if e["manager"] == "vector"]
    return {"written": json.dumps(found[0]["fieldsV1"], separators=(",", ":")) if found else None}


def deployment(**spec):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "q"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": dict({"containers": [{"name": "c", "image": "i"}]}, **spec)}}}


def quantity(server, case):
    """How a field of the type prints it, and how a list of resources does (there it is rounded up to a thousandth)."""
    def ask(body):
        status, answer = server.http("PATCH", DEPLOYMENTS + "/q?dryRun=All&fieldManager=v&force=true", body, APPLY)
        if status == 201:
            return answer["spec"]["template"]["spec"]
        if "quantities must match" in answer["message"] or "unable to parse quantity" in answer["message"]:
            return None
        raise Failed("%s: %s" % (case["text"], answer["message"]))
    volume = ask(deployment(volumes=[{"name": "v", "emptyDir": {"sizeLimit": case["text"]}}]))
    if volume is None:
        return {"field": None, "resource": None}
    limits = ask(deployment(containers=[{"name": "c", "image": "i", "resources": {"limits": {"cpu": case["text"]}}}]))
    return {"field": volume["volumes"][0]["emptyDir"]["sizeLimit"], "resource": limits["containers"][0]["resources"]["limits"]["cpu"]}


DEFINITION = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "vectors.corpus.dev"}, "spec": {
    "group": "corpus.dev", "names": {"plural": "vectors", "singular": "vector", "kind": "Vector"}, "scope": "Namespaced", "versions": [
        {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object", "properties": {
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}}]}}
VECTORS = "/apis/corpus.dev/v1/namespaces/shop/vectors"


def scalar(server, case):
    """What the server's own YAML reader makes of a plain scalar."""
    text = "apiVersion: corpus.dev/v1\nkind: Vector\nmetadata: {name: vector}\nfree:\n  value: %s\n" % case["text"]
    status, answer = server.http("PATCH", VECTORS + "/vector?dryRun=All&fieldManager=v&force=true", text.encode(), APPLY)
    if status == 201:
        return {"value": answer["free"].get("value")}
    return {"error": answer["message"]}


def manifest(path, value):
    o = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "n", "namespace": "shop"}, "spec": {"selector": {"matchLabels": {"a": "b"}},
         "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "app", "image": "i"}]}}}}
    put_at(o, path, value)
    return o


def null_or_empty(server, case):
    """A controller has filled the field; we apply null, or nothing in it: what we own then, and what stands there. And where nobody had filled it."""
    found = {}
    for name, before in ("over", case["before"]), ("alone", None):
        url = DEPLOYMENTS + "/n"
        server.http("PATCH", url, {"metadata": {"finalizers": None}}, "application/merge-patch+json")
        server.http("DELETE", url)
        if before is not None:
            server.ask("PATCH", url + "?fieldManager=other-operator", manifest(case["field"], before), APPLY)
        live = server.ask("PATCH", url + "?fieldManager=trueup&force=true", manifest(case["field"], case["desired"]), APPLY)
        found[name] = {"value": look(live, case["field"]), "live": live}
    return dict(found, desired=manifest(case["field"], case["desired"]))


def record(server, name, ask):
    path = os.path.join(here, "vectors", name)
    document = json.load(open(path))
    document["server"] = server.version
    for case in document["cases"]:
        case["recorded"] = ask(server, case)
    with open(path, "w") as f:  # one case a line: a change shows as one
        f.write("{\n")
        for key, value in document.items():
            if key != "cases":
                f.write(" %s: %s,\n" % (json.dumps(key), json.dumps(value, ensure_ascii=False)))
        f.write(' "cases": [\n  ')
        f.write(",\n  ".join(json.dumps(c, ensure_ascii=False) for c in document["cases"]))
        f.write("\n ]\n}\n")
    print("%s: %d recorded" % (name, len(document["cases"])))


def main():
    server = Server()
    try:
        server.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION)
        server.until("the definition", lambda: server.http("GET", VECTORS)[0] == 200)
        record(server, "fieldsv1.json", fieldsv1)
        record(server, "quantities.json", quantity)
        record(server, "yaml11.json", scalar)
        record(server, "null-empty.json", null_or_empty)
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
