#!/usr/bin/env python3
"""The differential run: random changes on a real API server, each found with the right path and hand, and none invented.

    run.py TRUEUP KUBE_DIR NAMESPACE WORK [COUNT [SEED]] [--verbose]

objects.yaml is applied by trueup. Then, COUNT times: one random field of one object is changed, added or taken away by one of five managers
(JSON patch), or a list is put into another order, or the object is deleted; `trueup check` must say exactly that; `trueup heal` puts it right,
and the next check must be clean.

What should be found is not computed here from what was changed: the server tells it. Its own comparison stands in managedFields: what our entry
lost was changed or removed, what the other manager's entry gained was changed or added. Order stands in no managedFields and is compared by the
keys that they name. So whatever the server makes of a change (defaults, normalising, nothing at all) is what trueup has to find.

Prints one line for each fault and a summary; the seed repeats a run.
"""
import base64, http.client, json, os, random, re, ssl, subprocess, sys, urllib.parse

import yaml

here = os.path.dirname(os.path.abspath(__file__))
trueup, kube_dir, NAMESPACE, work = sys.argv[1:5]
numbers = [int(a) for a in sys.argv[5:] if a.isdigit()] + [0, 0]
COUNT, SEED = numbers[0] or 500, numbers[1] or 20261123
# Five hands; what the human and the unknown one add is drift, what the others add is not.
MANAGERS = {"kubectl-edit": True, "node-fetch": True, "cart-operator": False, "argocd-controller": False, "some-tool": True}
RESOURCES = {"Deployment": "apis/apps/v1|deployments", "StatefulSet": "apis/apps/v1|statefulsets", "DaemonSet": "apis/apps/v1|daemonsets",
             "Service": "api/v1|services", "ConfigMap": "api/v1|configmaps", "Secret": "api/v1|secrets", "ServiceAccount": "api/v1|serviceaccounts",
             "LimitRange": "api/v1|limitranges", "ResourceQuota": "api/v1|resourcequotas", "Ingress": "apis/networking.k8s.io/v1|ingresses",
             "NetworkPolicy": "apis/networking.k8s.io/v1|networkpolicies", "PodDisruptionBudget": "apis/policy/v1|poddisruptionbudgets",
             "HorizontalPodAutoscaler": "apis/autoscaling/v2|horizontalpodautoscalers", "CronJob": "apis/batch/v1|cronjobs",
             "Role": "apis/rbac.authorization.k8s.io/v1|roles", "RoleBinding": "apis/rbac.authorization.k8s.io/v1|rolebindings",
             "Gadget": "apis/differential.example/v1|gadgets"}
OTHER_WORDS = {"RollingUpdate": ["Recreate", "OnDelete"], "Always": ["IfNotPresent", "Never"], "IfNotPresent": ["Always", "Never"],
               "TCP": ["UDP", "SCTP"], "UDP": ["TCP"], "ClientIP": ["None"], "None": ["ClientIP"], "Forbid": ["Allow", "Replace"],
               "NoSchedule": ["NoExecute", "PreferNoSchedule"], "Prefix": ["Exact"], "fast": ["slow", "lazy"], "File": ["FallbackToLogsOnError"],
               "ClusterFirst": ["Default"], "ScheduleAnyway": ["DoNotSchedule"], "ClusterIP": ["NodePort"], "Cluster": ["Local"],
               "Asia/Seoul": ["Etc/UTC"], "OnFailure": ["Never"], "Retain": ["Delete"], "Ingress": ["Egress"], "metadata.name": ["metadata.uid"]}
dice = random.Random(SEED)


# --- the API server ---------------------------------------------------------------------------------------------------------------------------
class Server:
    def __init__(self):
        address = urllib.parse.urlparse(open(os.path.join(kube_dir, "server")).read().strip())
        tls = ssl.create_default_context(cafile=os.path.join(kube_dir, "ca.crt"))
        tls.check_hostname = False
        self.connection = http.client.HTTPSConnection(address.hostname, address.port, context=tls, timeout=60)

    def ask(self, method, path, body=None, kind="application/json"):
        self.connection.request(method, path, json.dumps(body) if body is not None else None,
                                {"Authorization": "Bearer admin-token-of-this-test", "Content-Type": kind})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")


server = Server()


def path_of(o):
    root, plural = RESOURCES[o["kind"]].split("|")
    return f"/{root}/namespaces/{NAMESPACE}/{plural}/{o['metadata']['name']}"


def name_of(o):
    return f"{o['kind']}/{o['metadata']['name']}"


def live_of(o):
    status, body = server.ask("GET", path_of(o))
    return body if status == 200 else None


# --- paths, as trueup writes them -----------------------------------------------------------------------------------------------------------------
def pointer_escape(s):
    return s.replace("~", "~0").replace("/", "~1")


def item_escape(s):
    return re.sub(r"([\],\\])", r"\\\1", pointer_escape(s))


def scalar(v):
    return v if isinstance(v, str) else json.dumps(v)


def step_text(step):
    if step[0] == "f":
        return pointer_escape(step[1])
    if step[0] == "k":
        return "[" + ",".join(f"{item_escape(k)}={item_escape(scalar(v))}" for k, v in step[1]) + "]"
    return f"[={item_escape(scalar(step[1]))}]"


def text(steps):
    return "".join("/" + step_text(s) for s in steps)


def flatten(fields, steps=()):
    """The members of a FieldsV1 set, as tuples of steps."""
    for key, below in fields.items():
        if key == ".":
            yield steps
            continue
        kind, rest = key[0], key[2:]
        step = (kind, rest) if kind == "f" else (kind, tuple(json.loads(rest).items())) if kind == "k" else (kind, json.loads(rest))
        if not below:
            yield steps + (step,)
        else:
            yield from flatten(below, steps + (step,))


def entry(o, manager, operation):
    for e in o["metadata"].get("managedFields", []):
        if e["manager"] == manager and e["operation"] == operation and not e.get("subresource"):
            return set(flatten(e["fieldsV1"]))
    return set()


def matches(item, keys):
    return isinstance(item, dict) and all(item.get(k, "TCP" if k == "protocol" else None) == v for k, v in keys)


def value_at(o, steps):
    for kind, what in steps:
        if kind == "f":
            o = o.get(what) if isinstance(o, dict) else None
        elif kind == "k":
            o = next((i for i in o or [] if matches(i, what)), None)
        else:
            o = next((i for i in o or [] if i == what), None)
        if o is None:
            return None
    return o


# --- what should be found -------------------------------------------------------------------------------------------------------------------------
def orders(o, ours):
    """The keys in the order of each list of which our entry holds items."""
    lists = {}
    for steps in ours:
        for i, step in enumerate(steps):
            if step[0] == "k":
                lists.setdefault(steps[:i], set()).add(step)
    found = {}
    for steps, keys in lists.items():
        items = value_at(o, steps) or []
        found[steps] = [next((k for k in keys if matches(i, k[1])), None) for i in items]
        found[steps] = [k for k in found[steps] if k]
    return found


def duplicates(o, ours):
    """The lists of ours in which two items have one key now, and the items that have."""
    found = {}
    for steps in ours:
        for i, step in enumerate(steps):
            items = value_at(o, steps[:i]) if step[0] == "k" else None
            if items and sum(matches(x, step[1]) for x in items) > 1:
                found.setdefault(steps[:i], set()).add(steps[:i + 1])
    return found


def expected(before, after, manager, patch):
    """[(path, kinds, manager or None, required)]: what the server says has changed. What it did itself on the way (defaults of what was added)
    may be told or hidden."""
    if after is None:
        return None
    ours, still = entry(before, "trueup", "Apply"), entry(after, "trueup", "Apply")
    wanted = []
    for steps in ours - still:
        if value_at(after, steps) is None:
            wanted.append((text(steps), {"removed"}, None, True))
        elif not any(s[0] == "k" for s in steps[-1:]):  # an item's own mark goes with its fields
            wanted.append((text(steps), {"value"}, manager, True))
    if MANAGERS[manager]:
        gained = entry(after, manager, "Update") - entry(before, manager, "Update")
        for steps in gained:
            if any(len(g) > len(steps) and g[:len(steps)] == steps for g in gained):
                continue  # what holds it all together; its parts are told
            inside = any(ours_is == steps[:len(ours_is)] and ours_is[-1][0] != "k" for ours_is in ours if ours_is)
            above = any(steps == o[:len(steps)] for o in ours)
            value = value_at(after, steps)
            if not inside and not above and value is not None and value != {} and value != []:
                mirror = steps[-1] == ("f", "serviceAccount")  # of serviceAccountName, by the server
                asked = not mirror and any(str(s[1]) in json.dumps(patch) for s in steps[-1:]) or steps[-1][0] == "k"
                wanted.append((text(steps), {"added"}, manager, asked))
    was, now = orders(before, ours), orders(after, ours)
    for steps in was:
        kept = [k for k in was[steps] if k in now.get(steps, [])]
        if kept != [k for k in now.get(steps, []) if k in kept]:
            wanted.append((text(steps), {"order"}, None, True))
    for steps, items in duplicates(after, ours).items():
        # Which of two with one key is ours can't be said any more: that they are two is what is told.
        wanted = [w for w in wanted if not covers(text(steps), w[0])] + [(text(i), {"duplicate"}, None, True) for i in items]
        wanted.append((text(steps), {"removed", "value", "added", "order"}, None, False))
    return wanted


def covers(change, path):
    return path == change or path.startswith(change + "/")


def compare(finding, wanted):
    """The faults of one finding (None: in sync) against what the server said."""
    if wanted is None:
        return [] if finding and finding["verdict"] == "missing" else [f"deleted, but {finding['verdict'] if finding else 'in sync'}"]
    changes = finding["changes"] if finding else []
    faults = []
    refused = finding and finding["verdict"] == "blocked" and finding["reason"].startswith("duplicate")  # the changed item has our item's name
    if finding and finding["verdict"] != "drifted" and not refused:
        faults.append(f"verdict {finding['verdict']} {finding['reason']}")
    for path, kinds, manager, required in wanted:
        found = [c for c in changes if covers(c["path"], path) and c["change"] in kinds]
        if not found and not required:
            continue
        if not found:
            faults.append(f"not found: {'/'.join(kinds)} {path} by {manager}")
        elif manager and found[0]["owner"]["manager"] != manager:
            faults.append(f"wrong hand: {path} by {found[0]['owner']['manager']}, not {manager}")
    for c in changes:
        if not any((covers(c["path"], path) or not required and covers(path, c["path"])) and c["change"] in kinds for path, kinds, _, required in wanted):
            faults.append(f"invented: {c['change']} {c['path']} by {c['owner']['manager']}")
    return faults


# --- changing at random ---------------------------------------------------------------------------------------------------------------------------
def places(o):
    """(JSON pointer, value) of everything below spec, data, rules ... and of labels and annotations."""
    def below(v, pointer):
        yield pointer, v
        for k, x in v.items() if isinstance(v, dict) else enumerate(v) if isinstance(v, list) else ():
            yield from below(x, f"{pointer}/{pointer_escape(str(k))}")

    for k, v in o.items():
        if k not in ("apiVersion", "kind", "metadata", "status"):
            yield from below(v, "/" + k)
    for k in ("labels", "annotations"):
        if k in o["metadata"]:
            yield from below(o["metadata"][k], "/metadata/" + k)


def another(v):
    if isinstance(v, bool):
        return not v
    if isinstance(v, int):
        return v + dice.choice([1, 2, -1])
    if isinstance(v, float):
        return v + 0.25
    if v in OTHER_WORDS:
        return dice.choice(OTHER_WORDS[v])
    number = re.fullmatch(r"(\d+)([a-zA-Z%]*)", v)
    if number:
        return str(int(number[1]) + 1) + number[2]
    if re.fullmatch(r"[A-Za-z0-9+/]+=+", v):
        return base64.b64encode(dice.randbytes(6)).decode()
    return v + dice.choice(["x", "-2", "7", "/y"])


def random_word():
    return "".join(dice.choice("abcdefgh") for _ in range(6))


def addition(o, found):
    word = random_word()
    maps = [p for p, v in found if isinstance(v, dict) and re.search(r"/(labels|annotations|data|binaryData|settings|options|nodeSelector|matchLabels|whole|hard|limits|requests|free)$", p)]
    choices = [({"op": "add", "path": p + "/" + (dice.choice(["memory", "pods", "ephemeral-storage"]) if re.search("hard|limits|requests", p) else dice.choice([word, "shop.example~1" + word])),
                 "value": "5" if re.search("hard|limits|requests", p) else 5 if p.endswith("whole") else base64.b64encode(word.encode()).decode() if o["kind"] == "Secret" or "binary" in p else word}) for p in maps]
    for p, v in found:
        if isinstance(v, list):
            item = {"env": {"name": word.upper(), "value": word}, "args": word, "command": word, "tags": word, "steps": word,
                    "tolerations": {"key": word, "operator": "Exists"}, "volumes": {"name": word, "emptyDir": {}}, "parts": {"name": word, "count": 1},
                    "containers": {"name": word, "image": word + ":1"}, "initContainers": {"name": word, "image": word + ":1"},
                    "volumeMounts": {"name": "tmp", "mountPath": "/" + word}, "imagePullSecrets": {"name": word}, "subjects": {"kind": "ServiceAccount", "name": word, "namespace": NAMESPACE},
                    "hostAliases": {"ip": "10.0.0.9", "hostnames": [word]}, "rules": {"apiGroups": [""], "resources": [word], "verbs": ["get"]},
                    "verbs": "watch", "resources": word, "envFrom": {"secretRef": {"name": word}}}.get(p.rsplit("/", 1)[1])
            if item is not None:
                choices.append({"op": "add", "path": f"{p}/{dice.choice([0, '-'])}", "value": item})
            if p.endswith("/ports") and v and "containerPort" in v[0]:
                choices.append({"op": "add", "path": p + "/-", "value": {"containerPort": dice.randrange(10000, 20000)}})
            if p.endswith("/ports") and v and "targetPort" in v[0]:
                choices.append({"op": "add", "path": p + "/-", "value": {"name": word, "port": dice.randrange(10000, 20000)}})
    fields = {"Deployment": {"/spec/paused": True, "/spec/revisionHistoryLimit": 3, "/spec/template/spec/hostNetwork": False, "/spec/template/spec/dnsPolicy": "Default",
                             "/spec/template/spec/containers/0/workingDir": "/w", "/spec/template/spec/containers/0/livenessProbe": {"tcpSocket": {"port": 1}},
                             "/spec/template/spec/affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}]}},
                             "/spec/template/spec/containers/1/env": [{"name": "NEW", "value": "1"}], "/spec/template/spec/containers/1/securityContext": {"privileged": True},
                             "/spec/template/spec/securityContext": {"runAsUser": 5}, "/metadata/finalizers": ["shop.example/wait"]},
              "Service": {"/spec/externalName": "a.example", "/spec/externalIPs": ["10.1.1.1"], "/spec/publishNotReadyAddresses": True, "/spec/type": "NodePort"},
              "CronJob": {"/spec/suspend": True, "/spec/startingDeadlineSeconds": 7, "/spec/successfulJobsHistoryLimit": 9},
              "Gadget": {"/spec/speed": 9, "/spec/free/more": {"a": [1]}, "/spec/parts/0/note": word, "/spec/settings": {"c": "3"}},
              "ConfigMap": {"/immutable": False}, "Ingress": {"/spec/defaultBackend": {"service": {"name": "x", "port": {"number": 80}}}}}
    choices += [{"op": "add", "path": p, "value": v} for p, v in fields.get(o["kind"], {}).items()]
    return dice.choice(choices) if choices else None


def mutation(o):
    """A JSON patch, or None for a deletion."""
    found = list(places(o))
    what = dice.random()
    if what < 0.04:
        return None
    if what < 0.40:
        leaves = [(p, v) for p, v in found if not isinstance(v, (dict, list))]
        p, v = dice.choice(leaves)
        return [{"op": "replace", "path": p, "value": another(v)}]
    if what < 0.62:
        p, v = dice.choice(found[1:] or found)
        return [{"op": "remove", "path": p}]
    if what < 0.75:
        lists = [(p, v) for p, v in found if isinstance(v, list) and len(v) > 1]
        if lists:
            p, v = dice.choice(lists)
            shuffled = v[1:] + v[:1]
            return [{"op": "replace", "path": p, "value": shuffled}]
    one = addition(o, found)
    return [one] if one else [{"op": "add", "path": "/metadata/annotations", "value": dict(o["metadata"].get("annotations", {}), extra="1")}]


def mutate(desired):
    """Tries until the server takes one: (object, manager, patch, live before, live after)."""
    while True:
        o = dice.choice(desired)
        manager = dice.choice(list(MANAGERS))
        before = live_of(o)
        patch = mutation(before)
        if patch is None:
            server.ask("DELETE", path_of(o))
            return o, manager, "delete", before, live_of(o)
        status, after = server.ask("PATCH", f"{path_of(o)}?fieldManager={urllib.parse.quote(manager)}&fieldValidation=Strict", patch, "application/json-patch+json")
        if status == 200:
            return o, manager, patch, before, after


# --- trueup -------------------------------------------------------------------------------------------------------------------------------------------
def run(*arguments):
    done = subprocess.run([trueup, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=work,
                          env=dict(os.environ, KUBECONFIG=os.path.join(kube_dir, "kubeconfig")), stdin=subprocess.DEVNULL)
    if "Sanitizer" in done.stderr or "runtime error:" in done.stderr:
        sys.exit("a sanitizer's report:\n" + done.stderr)
    return done


def check(rule):
    done = run("check", "-c", "differential.yaml", "-o", "json", rule)
    if done.returncode not in (0, 1):
        return {"?": {"verdict": "?", "reason": f"exit {done.returncode}: {done.stderr[-300:]}", "changes": []}}
    return {f"{f['kind']}/{f['name']}": f for f in json.loads(done.stdout)["rules"][0]["objects"]}


def configure():
    rules = "".join(f"---\napiVersion: trueup.dev/v1\nkind: Rule\nmetadata: {{name: {name}}}\n"
                    f"spec: {{from: here, to: cluster, mode: {mode}, confirm: {confirm}, scope: {{unmanaged: false}}}}\n"
                    for name, mode, confirm in (("local", "audit", "never"), ("confirmed", "audit", "dry-run"), ("healed", "heal", "dry-run")))
    with open(os.path.join(work, "differential.yaml"), "w") as f:
        f.write("apiVersion: trueup.dev/v1\nkind: Source\nmetadata: {name: here}\nspec: {plugin: directory, config: {path: objects}}\n---\n"
                "apiVersion: trueup.dev/v1\nkind: Target\nmetadata: {name: cluster}\nspec: {plugin: kubernetes}\n" + rules)


def load():
    desired = [o for o in yaml.safe_load_all(open(os.path.join(here, "objects.yaml"))) if o]
    os.makedirs(os.path.join(work, "objects"), exist_ok=True)
    for o in desired:
        o["metadata"]["namespace"] = NAMESPACE
    source = open(os.path.join(here, "objects.yaml")).read()
    with open(os.path.join(work, "objects", "objects.yaml"), "w") as f:
        # The text stays as a person wrote it, but for the namespace.
        f.write(re.sub(r"(?m)^metadata: \{", f"metadata: {{namespace: {NAMESPACE}, ", source).replace("metadata:\n  name: cart\n", f"metadata:\n  name: cart\n  namespace: {NAMESPACE}\n"))
    return desired


def heal_until_clean():
    for _ in range(3):
        done = run("heal", "-c", "differential.yaml", "--yes", "-q", "healed")
        findings = check("local")
        if not findings:
            return None
    if done.returncode not in (0, 1):
        return f"heal ends with {done.returncode}: {done.stderr[-300:]}"
    return f"healing left {json.dumps(findings)[:600]} {done.stderr[-300:]}"


def main():
    desired = load()
    configure()
    first = heal_until_clean()
    if first:
        sys.exit("the beginning isn't clean: " + first)
    faults = found = quiet = stuck = 0
    for i in range(COUNT):
        o, manager, patch, before, after = mutate(desired)
        if after is not None and after["metadata"].get("deletionTimestamp"):
            server.ask("PATCH", path_of(o), [{"op": "remove", "path": "/metadata/finalizers"}], "application/json-patch+json")
            after = None
        wanted = expected(before, after, manager, patch)
        findings = check("local" if i % 2 else "confirmed")
        wrong = compare(findings.pop(name_of(o), None), wanted)
        wrong += [f"invented on {n}: {json.dumps(f)[:400]}" for n, f in findings.items()]
        left = heal_until_clean()
        if left:
            # The API server may refuse to take a change back (what a controller put there has our item's name): that is for heal's own tests.
            stuck += 1
            if "--verbose" in sys.argv:
                print(f"stuck {i} {name_of(o)} {manager} {json.dumps(patch)[:200]}: {left[:600]}", flush=True)
            server.ask("DELETE", path_of(o))
            heal_until_clean()
        for w in wrong:
            print(f"FAULT {i} ({'local' if i % 2 else 'confirmed'}) {name_of(o)} {manager} {json.dumps(patch)[:300]}: {w}", flush=True)
        faults += bool(wrong)
        found += wanted is None or bool(wanted)
        quiet += wanted == []
    print(f"{COUNT} changes (seed {SEED}): {found} were drift, {quiet} were none; {stuck} could only be put right by making the object anew; {faults} faults")
    sys.exit(faults > 0)


main()
