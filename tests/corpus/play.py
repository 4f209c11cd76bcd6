"""play.py: plays the steps of one case on a server, and asks for what is recorded.

A step is a map with one of the words of WORDS below (README.md says what each means); to add one, write a method of that name. Every step must
succeed, but for one that says `status: 409` (an HTTP status) or, of a program, `fails: true`.
"""
import base64, copy, json, os, time

from server import NAMESPACE, Failed

OURS = "trueup"
PATCHES = {"strategic": "application/strategic-merge-patch+json", "merge": "application/merge-patch+json",
           "json": "application/json-patch+json", "apply": "application/apply-patch+yaml"}
NEVER_DESIRED = ("uid", "resourceVersion", "generation", "selfLink", "creationTimestamp", "managedFields", "deletionTimestamp",
                 "deletionGracePeriodSeconds")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def pointer(path):
    return [p.replace("~1", "/").replace("~0", "~") for p in path.split("/")[1:]]


def look(value, path):
    """What stands at a JSON pointer; None where nothing does."""
    for step in pointer(path):
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def put_at(value, path, new, remove=False):
    *way, last = pointer(path)
    for step in way:
        if isinstance(value, list):
            value = value[int(step)]
        else:
            value = value.setdefault(step, {})
    if isinstance(value, list):
        if remove:
            del value[int(last)]
        elif last == "-":
            value.append(new)
        else:
            value[int(last)] = new
    elif remove:
        value.pop(last, None)
    else:
        value[last] = new


def without_null_timestamps(o, depth):
    """Generators write "creationTimestamp: null" into the metadata of templates; no schema of a custom resource knows it (case 34)."""
    if isinstance(o, list):
        for item in o:
            without_null_timestamps(item, depth + 1)
    for name, value in o.items() if isinstance(o, dict) else ():
        if depth and name == "metadata" and isinstance(value, dict) and value.get("creationTimestamp", 0) is None:
            del value["creationTimestamp"]
        without_null_timestamps(value, depth + 1)


class Case:
    """One folder: what it says, and what is written into it."""

    def __init__(self, folder, said):
        self.folder, self.name, self.said = folder, os.path.basename(folder), said
        self.desired = said.get("desired", "desired.yaml")

    def text(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8", newline="") as f:
            return f.read()

    def write(self, name, value):
        path = os.path.join(self.folder, name)
        if value is None:
            if os.path.exists(path):
                os.remove(path)
            return
        with open(path, "w") as f:
            json.dump(value, f, indent=1, ensure_ascii=False)
            f.write("\n")


class Player:
    def __init__(self, server, case, webhook):
        self.server, self.case, self.webhook = server, case, webhook
        self.marked = self.marked_dry_run = None

    # --- documents and identities

    def fill(self, text):
        return self.webhook.replace(text) if self.webhook else text

    def documents(self, name):
        """The objects of a manifest as kubectl reads them (YAML 1.1 scalars, integers whole)."""
        text = self.server.run(self.server.kubectl, "create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-",
                               text=self.fill(self.case.text(name)))
        found, at = [], 0
        while text[at:].strip():
            at += len(text[at:]) - len(text[at:].lstrip())
            value, at = json.JSONDecoder().raw_decode(text, at)
            found += value["items"] if value["kind"].endswith("List") and "items" in value else [value]
        for o in found:
            r = self.server.resource(o["apiVersion"], o["kind"])
            if r and r["namespaced"]:
                o["metadata"].setdefault("namespace", NAMESPACE)
        return found

    def identity(self, of=None):
        """(apiVersion, kind, name, namespace) of the first object of a manifest; read line by line, so that a broken one has one too."""
        if isinstance(of, dict):
            return of["apiVersion"], of["kind"], of["name"], of.get("namespace")
        import yaml
        o = next(d for d in yaml.load_all(self.fill(self.case.text(of or self.case.desired)), yaml.BaseLoader) if d)
        m = o.get("metadata") or {}
        return o["apiVersion"], o["kind"], m.get("name", ""), m.get("namespace")

    def url(self, of=None):
        return self.server.path(*self.identity(of))

    def get(self, of=None):
        url = self.url(of)
        status, answer = self.server.http("GET", url) if url and self.identity(of)[2] else (404, None)
        return answer if status == 200 else None

    def prepared(self, o):
        """What an engine sends of a manifest: kubernetes-drift.md 1.10, steps 3 to 6."""
        o = copy.deepcopy(o)
        r = self.server.resource(o["apiVersion"], o["kind"])
        for name in NEVER_DESIRED:
            o["metadata"].pop(name, None)
        if r and r["has_status"]:
            o.pop("status", None)
        if LAST_APPLIED in (o["metadata"].get("annotations") or {}):
            del o["metadata"]["annotations"][LAST_APPLIED]
            if not o["metadata"]["annotations"]:
                del o["metadata"]["annotations"]
        group = o["apiVersion"].rpartition("/")[0]
        if "." not in group or group.endswith(".k8s.io"):
            builtin(o, o["kind"])
        else:
            without_null_timestamps(o, 0)
        return o

    # --- requests

    def send(self, method, url, body, step, content="application/json", query=""):
        manager = step.get("manager", OURS if "apply" in step or "try" in step else None)
        more = ["fieldManager=" + manager] if manager else []
        more += [query] if query else []
        url = url + ("/" + step["subresource"] if step.get("subresource") else "")
        full = url + ("?" + "&".join(more) if more else "")
        if "until" in step:  # tried as a dry run until what surrounds it (policies, hooks) has come into force
            dry = full + ("&" if "?" in full else "?") + "dryRun=All"
            self.server.until("%s %s to answer %s" % (method, url, step["until"]),
                              lambda: fits(self.server.http(method, dry, body, content, step.get("agent")), step["until"]))
        if "try" in step:
            return None
        status, answer = self.server.http(method, full, body, content, step.get("agent"))
        if status != step.get("status", status if status < 300 else 0):
            raise Failed("%s %s: %d %s" % (method, full, status, answer.get("message") if isinstance(answer, dict) else answer))
        return answer

    def play(self, step):
        words = [w for w in WORDS if w in step]
        if len(words) != 1:
            raise Failed("a step needs one of %s: %s" % (", ".join(WORDS), step))
        getattr(self, "do_" + words[0])(step[words[0]], step)

    # --- the steps

    def do_apply(self, name, step):
        """Server-side apply. By our own manager the manifest is prepared as ours are, unless `raw: true`; the others send it as it stands."""
        query = "force=true&fieldValidation=Strict" if step.get("force", True) else "fieldValidation=Strict"
        if step.get("raw") or (step.get("manager", OURS) != OURS and not step.get("prepared")):
            for text in self.fill(self.case.text(name)).split("\n---\n"):
                self.send("PATCH", self.url(name), text.encode(), step, PATCHES["apply"], query)
            return
        for o in self.documents(name):
            url = self.server.path(o["apiVersion"], o["kind"], o["metadata"]["name"], o["metadata"].get("namespace"))
            self.send("PATCH", url, self.prepared(o), step, PATCHES["apply"], query)

    do_try = do_apply

    def do_kubectl(self, args, step):
        env = {"KUBE_EDITOR": "sed -i '%s'" % step["editor"]} if "editor" in step else None
        files = [i + 1 for i, a in enumerate(args) if a == "-f"]
        text = self.fill(self.case.text(args[files[0]])) if files else None
        args = ["-" if i in files else a for i, a in enumerate(map(str, args))]
        self.server.run(self.server.kubectl, *args, text=text, cwd=self.case.folder, env=env, fails=step.get("fails", False))

    def do_helm(self, name, step):
        """helm upgrade --install of a chart that holds the manifest."""
        chart = os.path.join(self.server.dir, "chart-" + step.get("release", "cart"))
        os.makedirs(chart + "/templates", exist_ok=True)
        open(chart + "/Chart.yaml", "w").write("apiVersion: v2\nname: cart\nversion: 1.0.0\n")
        open(chart + "/templates/all.yaml", "w").write(self.case.text(name))
        self.server.run(os.path.join(self.server.assets, "helm"), "upgrade", "--install", step.get("release", "cart"), chart, "-n", NAMESPACE)

    def do_patch(self, kind, step):
        body = step["body"]
        if kind == "apply":
            api_version, k, name, namespace = self.identity(step.get("of"))
            body = dict({"apiVersion": api_version, "kind": k, "metadata": {"name": name}}, **body)
        self.send("PATCH", self.url(step.get("of")), body, step, PATCHES[kind], "force=true" if kind == "apply" and step.get("force", True) else "")

    def do_put(self, how, step):
        """Read, change, write, as a program does that knows the whole object."""
        url = self.url(step.get("of"))
        o = self.server.ask("GET", url + ("/" + step["subresource"] if step.get("subresource") else ""))
        for path, value in (how.get("set") or {}).items():
            put_at(o, path, value)
        for path in how.get("remove") or ():
            put_at(o, path, None, remove=True)
        self.send("PUT", url, o, step)

    def do_delete(self, options, step):
        url = self.url(step.get("of"))
        self.server.ask("DELETE", url, dict({"apiVersion": "v1", "kind": "DeleteOptions"}, **(options or {})))
        if not step.get("stays"):
            self.server.until("%s to be gone" % url, lambda: self.server.http("GET", url)[0] == 404)

    def do_wait(self, how, step):
        """Until the object has what is said: {path, equals}, or {path} for anything there, or {gone: true}. `next-second`: ownership has
        seconds, so this lets the clock reach the next one."""
        if how == "next-second":
            return time.sleep(1.01 - time.time() % 1)
        def there():
            o = self.get(step.get("of"))
            if how.get("gone"):
                return o is None
            value = look(o, how["path"])
            return value == how["equals"] if "equals" in how else value is not None
        self.server.until("%s" % how, there, how.get("seconds", 60))

    def do_etcd(self, name, step):
        """Puts an object into etcd as it stands, as an older API server had stored it that still allowed it."""
        import yaml
        for o in yaml.safe_load_all(self.fill(self.case.text(name))):  # kubectl would leave managedFields out
            r = self.server.resource(o["apiVersion"], o["kind"])
            group = o["apiVersion"].rpartition("/")[0]
            custom = group + "/" if "." in group and not group.endswith(".k8s.io") else ""
            key = "/registry/%s%s/%s" % (custom, r["name"], "/".join(p for p in (o["metadata"].get("namespace"), o["metadata"]["name"]) if p))
            self.server.put_into_etcd(key, json.dumps(o))

    def do_pause(self, seconds, step):
        time.sleep(seconds)

    def do_mark(self, word, step):
        self.marked, self.marked_dry_run = self.record()

    # --- what is recorded

    def still(self):
        """The object once nobody writes it any more (controllers write its status just after every change)."""
        if "controller-manager" not in self.server.surroundings:
            return self.get()
        last, since = self.get(), time.monotonic()
        end = since + 30
        while time.monotonic() < end and time.monotonic() - since < 1.0:
            time.sleep(0.05)
            now = self.get()
            if now != last:
                last, since = now, time.monotonic()
        return last

    def dry_run(self, live):
        """{status, body}: what the server answers to the forced dry-run apply that an engine makes of this manifest."""
        url = self.url()
        if not url:
            return None
        if self.case.said.get("dryRun") == "raw":
            body = self.fill(self.case.text(self.case.desired)).encode()
        else:
            body = self.prepared(self.documents(self.case.desired)[0])
            if live:
                body["metadata"]["uid"] = live["metadata"]["uid"]
        status, answer = self.server.http("PATCH", url + "?fieldManager=%s&force=true&dryRun=All&fieldValidation=Strict" % OURS, body, PATCHES["apply"])
        return {"status": status, "body": answer}

    def record(self):
        """(live, dry run), both of one moment."""
        for _ in range(20):
            live = self.still()
            predicted = self.dry_run(live)
            if self.get() == live:
                return live, predicted
        raise Failed("the object never stands still")


WORDS = [name[3:] for name in dir(Player) if name.startswith("do_")]


def fits(answer, expected):
    """expected: {status: 403}, or {/json/pointer: value ...}, or both."""
    status, body = answer
    return all(status == v if k == "status" else look(body, k) == v for k, v in expected.items())


def is_placeholder(text):
    """Base64 of nothing but blanks."""
    return isinstance(text, str) and not base64.b64decode(text).strip()


def builtin(o, kind):
    """What holds for the kinds of Kubernetes itself."""
    if kind == "Secret" and isinstance(o.get("stringData"), dict):
        texts = o.pop("stringData")
        o["data"] = dict(o.get("data") or {}, **{k: base64.b64encode(str(v).encode()).decode() for k, v in texts.items()})

    if kind == "ClusterRole" and o.get("aggregationRule"):
        o.pop("rules", None)  # the aggregating controller's (case 86)

    def walk(value, name):
        if isinstance(value, list):
            for item in value:
                if name == "ports" and isinstance(item, dict) and ("containerPort" in item or (kind == "Service" and "port" in item)):
                    item.setdefault("protocol", "TCP")
                walk(item, None)
        elif isinstance(value, dict):
            if name == "metadata" and value.get("creationTimestamp", "") is None:
                del value["creationTimestamp"]
            if is_placeholder(value.get("caBundle")):  # an injector's (case 88)
                del value["caBundle"]
            for k, v in value.items():
                walk(v, k)
    walk(o, None)
