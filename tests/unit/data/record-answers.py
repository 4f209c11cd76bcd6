#!/usr/bin/env python3
"""Records tests/unit/data/answers: what a real API server says when it refuses an object, each with the class and the code that it must be given.

    KUBEBUILDER_ASSETS=... python3 tests/unit/data/record-answers.py [NAME...]

Each answer is that of one server-side apply (a dry run, unless `real`) by the manager trueup, with the uid of the object that is there. What it must
become (plugins/target-kubernetes/answer.c, refusal.c) is written here by hand. To add one: a row in ANSWERS, run this with its name, look at the file.
"""
import json, os, re, sys

import yaml

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../../corpus"))
from server import Failed, Server  # noqa: E402
from webhook import Webhook  # noqa: E402

INVALID, DENIED, NOTFOUND, CONFLICT = "invalid", "denied", "notfound", "conflict"
UNAVAILABLE, UNSUPPORTED, REFUSED = "unavailable", "unsupported", "refused"


def config(data="{a: '1'}", more="", name="settings"):
    return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: shop}\ndata: %s\n%s" % (name, data, more)


def deployment(spec="replicas: 1", pod="", app="cart", template="{app: cart}"):
    return """apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  %s
  selector: {matchLabels: {app: %s}}
  template:
    metadata: {labels: %s}
    spec: {containers: [{name: app, image: "cart:1"}]%s}
""" % (spec, app, template, pod)


def webhook(behaviour, sort="Validating", side="None", url="WEBHOOK_URL", fail="Fail"):
    return """apiVersion: admissionregistration.k8s.io/v1
kind: %sWebhookConfiguration
metadata: {name: answers}
webhooks:
- name: answers.example.com
  admissionReviewVersions: [v1]
  sideEffects: %s
  failurePolicy: %s
  timeoutSeconds: 1
  clientConfig: {url: "%s/%s", caBundle: WEBHOOK_CA}
  rules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [UPDATE]}]
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}
""" % (sort, side, fail, url, behaviour)


def policy(reason, expression="false", kind="Validating", more=""):
    body = "validations: [{expression: '%s', message: not here, reason: %s}]" % (expression, reason)
    if kind == "Mutating":
        body = "reinvocationPolicy: Never\n  mutations: [{patchType: JSONPatch, jsonPatch: {expression: '[JSONPatch{op: \"remove\", path: \"/data/nowhere\"}]'}}]"
    return """apiVersion: admissionregistration.k8s.io/v1
kind: %sAdmissionPolicy
metadata: {name: answers}
spec:
  failurePolicy: Fail
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [configmaps]}]}
  %s
---
apiVersion: admissionregistration.k8s.io/v1
kind: %sAdmissionPolicyBinding
metadata: {name: answers}
spec: {policyName: answers%s}
""" % (kind, body, kind, ", validationActions: [Deny]" if kind == "Validating" else "")


def definition(schema, versions="v1", conversion=""):
    text = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: carts.answers.dev}\nspec:\n  group: answers.dev\n  scope: Namespaced\n"
    text += "  names: {plural: carts, kind: Cart}\n%s  versions:\n" % conversion
    for i, v in enumerate(versions.split()):
        text += "  - {name: %s, served: true, storage: %s, schema: {openAPIV3Schema: {type: object, properties: {spec: %s}}}}\n" % (v, "true" if not i else "false", schema)
    return text


def cart(spec, version="v1"):
    return "apiVersion: answers.dev/%s\nkind: Cart\nmetadata: {name: cart, namespace: shop}\nspec: %s\n" % (version, spec)


CART = "{type: object, required: [size], properties: {size: {type: integer, maximum: 9, x-kubernetes-validations: [{rule: self == oldSelf, message: a size is for ever}]}, color: {type: string, enum: [red, blue]}}}"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: shop}\nspec: {%s}\n"
CLAIM = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: cart, namespace: shop}\nspec: {accessModes: [%s], storageClassName: '', resources: {requests: {storage: %s}}}\n"
STATEFUL = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: shop}\nspec: {serviceName: %s, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: 'db:1'}]}}}\n"
ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: all, namespace: shop}\nrules: [{apiGroups: ['*'], resources: ['*'], verbs: ['%s']}]\n"
BINDING = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: cart, namespace: shop}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: %s}\n"
RIGHTS = """apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: granters, namespace: shop}
rules: [{apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [get, create, patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: granters, namespace: shop}
subjects: [{kind: User, name: nobody, apiGroup: rbac.authorization.k8s.io}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: granters}
"""
QUOTA = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few, namespace: shop}\nspec: {hard: {%s}}\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: cart, namespace: shop}\nspec: {containers: [{name: app, image: 'cart:1'%s}]%s}\n"
LIMITS = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: small, namespace: shop}\nspec: {limits: [{type: Container, max: {cpu: '1'}}]}\n"
SECURE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: restricted}}\n"
VOLUME = "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: cart}\nspec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: %s}}\n"
PRIORITY = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: cart}\nvalue: %d\n"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: cart, namespace: shop}\ntype: %s\ndata: {a: %s}\n"
SERVICE_DOWN = "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.down.answers.dev}\nspec: {group: down.answers.dev, version: v1, groupPriorityMinimum: 10, versionPriority: 10, insecureSkipTLSVerify: true, service: {name: nobody, namespace: shop}}\n"

# name: what is there (or None), what is applied, (class, code), more: setup, webhook, user, real, until (the status when the surroundings are in force)
ANSWERS = {
    "webhook-denies": (config(), config("{a: '2'}"), (REFUSED, "policy"), {"setup": webhook("deny"), "webhook": {"deny": "deny?code=403&message=no"}, "until": 403}),
    "webhook-denies-with-400": (config(), config("{a: '2'}"), (REFUSED, "policy"), {"setup": webhook("deny"), "webhook": {"deny": "deny?code=400&message=no"}, "until": 400}),
    "webhook-denies-with-401": (config(), config("{a: '2'}"), (REFUSED, "policy"), {"setup": webhook("deny"), "webhook": {"deny": "deny?code=401&message=no"}, "until": 401}),
    "webhook-denies-with-404": (config(), config("{a: '2'}"), (REFUSED, "policy"), {"setup": webhook("deny"), "webhook": {"deny": "deny?code=404&message=no"}, "until": 404}),
    "webhook-denies-with-409": (config(), config("{a: '2'}"), (REFUSED, "policy"), {"setup": webhook("deny"), "webhook": {"deny": "deny?code=409&message=no"}, "until": 409}),
    "webhook-denies-with-422": (config(), config("{a: '2'}"), (REFUSED, "policy"), {"setup": webhook("deny"), "webhook": {"deny": "deny?code=422&message=immutable, he says"}, "until": 422}),
    "webhook-denies-with-429": (config(), config("{a: '2'}"), (REFUSED, "policy"), {"setup": webhook("deny"), "webhook": {"deny": "deny?code=429&message=no"}, "until": 429}),
    "webhook-denies-with-500": (config(), config("{a: '2'}"), (REFUSED, "policy"), {"setup": webhook("deny"), "webhook": {"deny": "deny?code=500&message=no"}, "until": 500}),
    "webhook-hangs": (config(), config("{a: '2'}"), (UNAVAILABLE, "webhook-down"), {"setup": webhook("hang"), "webhook": {}, "until": 500}),
    "webhook-is-down": (config(), config("{a: '2'}"), (UNAVAILABLE, "webhook-down"), {"setup": webhook("x", url="WEBHOOK_DOWN"), "webhook": {}, "until": 500}),
    "webhook-answers-500": (config(), config("{a: '2'}"), (UNAVAILABLE, "webhook-down"), {"setup": webhook("break"), "webhook": {}, "until": 500}),
    "webhook-answers-garbage": (config(), config("{a: '2'}"), (UNAVAILABLE, "webhook-down"), {"setup": webhook("garbage"), "webhook": {}, "until": 500}),
    "webhook-patches-wrongly": (config(), config("{a: '2'}"), (UNAVAILABLE, "http-500"), {"setup": webhook("patch", "Mutating"), "webhook": {"patch": 'patch?op=replace&path=/nowhere/at/all&value="x"'}, "until": 500}),
    "policy": (config(), config("{a: '2'}"), (REFUSED, "policy"), {"setup": policy("Invalid"), "until": 422}),
    "policy-forbidden": (config(), config("{a: '2'}"), (REFUSED, "policy"), {"setup": policy("Forbidden"), "until": 403}),
    "policy-too-large": (config(), config("{a: '2'}"), (REFUSED, "policy"), {"setup": policy("RequestEntityTooLarge"), "until": 413}),
    "policy-that-fails": (config(), config("{a: '2'}"), (REFUSED, "policy"), {"setup": policy("Invalid", "object.data.nowhere == \"x\""), "until": 422}),
    "mutating-policy-that-fails": (config(), config("{a: '2'}"), (REFUSED, "policy"), {"setup": policy("", kind="Mutating")}),
    "quota": (None, config(), (REFUSED, "quota"), {"setup": QUOTA % "count/configmaps: '1'", "until": 403}),
    "quota-asks-for-more": (None, POD % ("", ""), (REFUSED, "quota"), {"setup": QUOTA % "limits.cpu: '1'", "until": 403}),
    "limit-range": (None, POD % (", resources: {limits: {cpu: '2'}}", ""), (REFUSED, "policy"), {"setup": LIMITS, "until": 403}),
    "pod-security": (None, POD % ("", ""), (REFUSED, "policy"), {"setup": SECURE, "until": 403}),
    "rights": (config(), config("{a: '2'}"), (DENIED, "denied"), {"user": "auditor"}),
    "rights-to-grant": (None, ROLE % "*", (DENIED, "denied"), {"user": "nobody", "setup": RIGHTS}),
    "namespace-missing": (None, config().replace("shop", "nowhere"), (NOTFOUND, "namespace-missing"), {}),
    "kind-missing": (None, cart("{size: 1}"), (NOTFOUND, "kind-not-served"), {}),
    "immutable-selector": (deployment(template="{app: cart, tier: web}"), deployment(app="cart, tier: web", template="{app: cart, tier: web}"), (REFUSED, "immutable"), {}),
    "immutable-stateful": (STATEFUL % "db", STATEFUL % "other", (REFUSED, "immutable"), {}),
    "immutable-reference": (BINDING % "a", BINDING % "b", (REFUSED, "immutable"), {}),
    "immutable-cluster-ip": (SERVICE % ("cart", "ports: [{port: 80}]"), SERVICE % ("cart", "clusterIP: None, ports: [{port: 80}]"), (REFUSED, "immutable"), {}),
    "immutable-claim": (CLAIM % ("ReadWriteOnce", "2Gi"), CLAIM % ("ReadWriteMany", "2Gi"), (REFUSED, "immutable"), {}),
    "immutable-config": (config(more="immutable: true\n"), config("{a: '2'}", "immutable: true\n"), (REFUSED, "immutable"), {}),
    "immutable-volume": (VOLUME % "/a", VOLUME % "/b", (REFUSED, "immutable"), {}),
    "immutable-priority": (PRIORITY % 5, PRIORITY % 6, (REFUSED, "immutable"), {}),
    "immutable-secret-type": (SECRET % ("a", "YQ=="), SECRET % ("b", "YQ=="), (REFUSED, "immutable"), {}),
    "immutable-pod": (POD % ("", ""), POD % (", command: [x]", ""), (REFUSED, "immutable"), {}),
    "immutable-scope": (definition(CART), definition(CART).replace("Namespaced", "Cluster"), (REFUSED, "immutable"), {}),
    "immutable-by-a-rule-of-the-definition": (cart("{size: 1}"), cart("{size: 2}"), (INVALID, "invalid"), {"setup": definition(CART)}),
    "port-taken": (None, SERVICE % ("cart", "type: NodePort, ports: [{port: 80, nodePort: 30080}]"), (REFUSED, "taken"), {"setup": SERVICE % ("other", "type: NodePort, ports: [{port: 80, nodePort: 30080}]"), "until": 422}),
    "address-taken": (None, SERVICE % ("cart", "clusterIP: 10.96.7.7, ports: [{port: 80}]"), (REFUSED, "taken"), {"setup": SERVICE % ("other", "clusterIP: 10.96.7.7, ports: [{port: 80}]"), "real": True}),
    "union-volume": (deployment(pod=", volumes: [{name: v, emptyDir: {}}]"), deployment(pod=", volumes: [{name: v, configMap: {name: c}}]"), (REFUSED, "union"), {"manager": "somebody"}),
    "union-strategy": (deployment(), deployment("strategy: {type: Recreate}"), (REFUSED, "union"), {}),
    "union-of-the-manifest": (deployment(), deployment("strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}"), (INVALID, "invalid"), {}),
    "union-volume-of-the-manifest": (deployment(), deployment(pod=", volumes: [{name: v, emptyDir: {}, configMap: {name: c}}]"), (INVALID, "invalid"), {}),
    "duplicate-port": (SERVICE % ("cart", "ports: [{name: http, port: 80}]"), SERVICE % ("cart", "ports: [{name: http, port: 8080}]"), (REFUSED, "duplicate"), {"manager": "somebody"}),
    "duplicate-port-of-the-manifest": (SERVICE % ("cart", "ports: [{name: http, port: 80}]"), SERVICE % ("cart", "ports: [{name: x, port: 80}, {name: x, port: 81}]"), (INVALID, "invalid"), {}),
    "invalid-name": (None, config(name="No_Name"), (INVALID, "invalid"), {}),
    "invalid-label": (config(), config().replace("namespace: shop", "namespace: shop, labels: {a: 'b c'}"), (INVALID, "invalid"), {}),
    "invalid-label-that-says-immutable": (config(), config().replace("namespace: shop", "namespace: shop, labels: {a: 'is immutable: denied request:'}"), (INVALID, "invalid"), {}),
    "webhook-denies-and-speaks-of-dry-runs": (config(), config("{a: '2'}"), (REFUSED, "policy"), {"setup": webhook("deny"), "webhook": {"deny": "deny?code=400&message=this does not support dry run, failed calling webhook"}, "until": 400}),
    "invalid-custom": (cart("{size: 1}"), cart("{size: 1, color: green}"), (INVALID, "invalid"), {"setup": definition(CART)}),
    "invalid-custom-required": (None, cart("{color: red}"), (INVALID, "invalid"), {"setup": definition(CART)}),
    "too-long-annotations": (config(), config().replace("namespace: shop", "namespace: shop, annotations: {a: %s}" % ("x" * 263000)), (INVALID, "invalid"), {"without-body": True}),
    "unknown-field": (config(), config(more="dta: {}\n"), (INVALID, "unknown-field"), {}),
    "wrong-type": (deployment(), deployment("replicas: many"), (INVALID, "wrong-type"), {}),
    "duplicate-key": (None, deployment(pod=", volumes: [{name: v, emptyDir: {}}, {name: v, emptyDir: {}}]"), (INVALID, "duplicate-key"), {}),
    "bad-base64": (None, SECRET % ("Opaque", "'%%%'"), (INVALID, "bad-base64"), {}),
    "too-large": (None, config("{a: %s}" % ("x" * 3200000)), (REFUSED, "too-large"), {"without-body": True}),
    "too-large-for-etcd": (None, config("{a: %s, b: %s}" % ("x" * 1000000, "y" * 1000000)), (INVALID, "invalid"), {"without-body": True, "real": True}),
    "too-large-custom-for-etcd": (None, cart("{size: 1, color: red, note: %s}" % ("x" * 2000000)), (REFUSED, "too-large"), {"setup": definition(CART.replace("color:", "note: {type: string}, color:")), "without-body": True, "real": True}),
    "conversion-webhook-down": (cart("{size: 1}"), cart("{size: 1, color: red}", "v2"), (UNAVAILABLE, "webhook-down"), {"webhook": {}, "setup": definition(CART, "v1 v2", '  conversion: {strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: {url: "WEBHOOK_DOWN/c", caBundle: WEBHOOK_CA}}}\n'), "until": 500}),
    "api-server-extension-down": (None, cart("{size: 1}").replace("answers.dev", "down.answers.dev"), (UNAVAILABLE, "http-503"), {"setup": SERVICE_DOWN, "url": "/apis/down.answers.dev/v1/namespaces/shop/carts/cart", "until": 503}),
    "stale-version": (config(), config("{a: '2'}").replace("namespace: shop", "namespace: shop, resourceVersion: '1'"), (CONFLICT, "conflict"), {}),
    "other-uid": (config(), config("{a: '2'}"), (CONFLICT, "uid-mismatch"), {"uid": "00000000-0000-0000-0000-000000000000"}),
    "gone": (None, config("{a: '2'}"), (CONFLICT, "conflict"), {"uid": "00000000-0000-0000-0000-000000000000"}),
    "others-own-it": (config(), config("{a: '2'}"), (CONFLICT, "field-conflict"), {"manager": "somebody", "unforced": True}),
    "finalizer-while-terminating": (config().replace("namespace: shop", "namespace: shop, finalizers: [a.dev/x]"), config().replace("namespace: shop", "namespace: shop, finalizers: [a.dev/x, b.dev/y]"), (REFUSED, "terminating"), {"delete": True}),
}


def documents(text):
    return [d for d in yaml.safe_load_all(text) if d]


def apply(server, o, query, token="admin", url=None):
    url = url or server.path(o["apiVersion"], o["kind"], o["metadata"]["name"], o["metadata"].get("namespace"))
    if not url:
        url = "/apis/%s/namespaces/shop/%ss/%s" % (o["apiVersion"], o["kind"].lower(), o["metadata"]["name"])
    return server.http("PATCH", url + "?" + query, o, "application/apply-patch+yaml", token=token)


def record(server, name):
    before, desired, (cls, code), more = ANSWERS[name]
    with Webhook(more.get("webhook")) as w:
        for o in documents(w.replace(before or "")) if "setup" not in more or "Definition" not in more["setup"] else []:
            must(apply(server, o, "force=true&fieldManager=" + more.get("manager", "trueup")))
        for o in documents(w.replace(more.get("setup", ""))):
            must(apply(server, o, "force=true&fieldManager=setup"))
            if o["kind"] == "CustomResourceDefinition":
                server.until("the kind", lambda: server.http("GET", "/apis/answers.dev/v1/namespaces/shop/carts")[0] == 200)
        live = None
        if before:
            o = documents(before)[0]
            if more.get("setup") and "Definition" in more["setup"]:
                must(apply(server, o, "force=true&fieldManager=trueup"))
            live = must(server.http("GET", server.path(o["apiVersion"], o["kind"], o["metadata"]["name"], o["metadata"].get("namespace"))))
            if more.get("delete"):
                server.http("DELETE", server.path(o["apiVersion"], o["kind"], o["metadata"]["name"], o["metadata"].get("namespace")))
        o = documents(desired)[0]
        uid = more.get("uid") or (live and live["metadata"]["uid"])
        if uid:
            o["metadata"]["uid"] = uid
        query = "fieldManager=trueup&fieldValidation=Strict" + ("" if more.get("unforced") else "&force=true") + ("" if more.get("real") else "&dryRun=All")
        answer = [None]

        def refused():
            answer[0] = apply(server, o, query, more.get("user", "admin"), more.get("url"))
            return answer[0][0] >= 300 and answer[0][0] == more.get("until", answer[0][0])
        server.until("the answer", refused, 15)
        status, body = answer[0]
    found = {"about": name.replace("-", " "), "kind": o["kind"], "exists": bool(uid), "dryRun": not more.get("real"),
             "object": None if more.get("without-body") else o, "status": status, "body": body, "class": cls, "code": code}
    text = json.dumps(found, indent=1)
    text = re.sub(r"https://127.0.0.1:\d+", "https://127.0.0.1:1", re.sub(r"127.0.0.1:\d+", "127.0.0.1:1", text))
    os.makedirs(os.path.join(here, "answers"), exist_ok=True)
    with open(os.path.join(here, "answers", name + ".json"), "w") as f:
        f.write(text + "\n")


def must(answer):
    status, body = answer
    if status >= 300:
        raise Failed("%d %s" % (status, body.get("message") if isinstance(body, dict) else body))
    return body


def main():
    server = Server(("controller-manager",))
    failed = 0
    try:
        for name in ANSWERS:
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            try:
                record(server, name)
                print("%s: recorded" % name, flush=True)
            except Failed as why:
                failed += 1
                print("%s: %s" % (name, why), flush=True)
            server.http("PATCH", "/api/v1/namespaces/shop", {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}}, "application/merge-patch+json")
            server.sweep()
    finally:
        server.stop()
    return 1 if failed else 0


sys.exit(main())
