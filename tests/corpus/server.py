"""server.py: a real API server for the recorder: started, asked over HTTP, swept clean between cases, stopped.

Nothing here knows what a case is. One Server is one control plane (tests/kubernetes/control-plane.sh) with the surroundings that were asked
for: controllers (kube-controller-manager), kwok (nodes and pods that pretend to run), flags of kube-apiserver.
"""
import base64, http.client, json, os, shutil, ssl, subprocess, tempfile, time, urllib.parse

here = os.path.dirname(os.path.abspath(__file__))
source = os.path.abspath(os.path.join(here, "../.."))
NAMESPACE = "shop"
# What the server itself makes and drops at any time, outside the namespace of the cases.
RESTLESS = {"events", "leases", "endpoints", "endpointslices", "ipaddresses", "componentstatuses"}
SYSTEM = {"kube-system", "kube-public", "kube-node-lease"}


class Failed(Exception):
    """Something the recorder relied on didn't happen; the text says what."""


class Server:
    def __init__(self, surroundings=(), flags=""):
        self.assets = os.environ.get("KUBEBUILDER_ASSETS") or exit("record: KUBEBUILDER_ASSETS is not set")
        self.kubectl = os.path.join(self.assets, "kubectl")
        self.surroundings = set(surroundings)
        self.dir = tempfile.mkdtemp(prefix="corpus-")
        self.kwok = None
        self._control("start", CONTROLLERS="1" if "controller-manager" in self.surroundings else "0", APISERVER_FLAGS=flags)
        try:
            self._open()
        except BaseException:
            self.stop()
            raise

    def _control(self, verb, **env):
        subprocess.run(["sh", os.path.join(source, "tests/kubernetes/control-plane.sh"), verb, self.dir], check=True,
                       env=dict(os.environ, **env))

    def _open(self):
        address = urllib.parse.urlparse(open(os.path.join(self.dir, "server")).read().strip())
        self.host, self.port = address.hostname, address.port
        self.tls = ssl.create_default_context(cafile=os.path.join(self.dir, "ca.crt"))
        self.tls.check_hostname = False
        self.connection = None
        self.kubeconfig = os.path.join(self.dir, "kubeconfig")
        self.env = dict(os.environ, KUBECONFIG=self.kubeconfig, HOME=self.dir, HELM_CACHE_HOME=self.dir + "/helm",
                        HELM_CONFIG_HOME=self.dir + "/helm", HELM_DATA_HOME=self.dir + "/helm")
        self.run(self.kubectl, "config", "set-context", "admin", "--namespace=" + NAMESPACE)
        self.version = self.ask("GET", "/version")["gitVersion"]
        self.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        if "controller-manager" in self.surroundings:
            self.until("the namespace's service account", lambda: self.http("GET", "/api/v1/namespaces/shop/serviceaccounts/default")[0] == 200)
            self.until("the namespace's CA", lambda: self.http("GET", "/api/v1/namespaces/shop/configmaps/kube-root-ca.crt")[0] == 200)
        if "kwok" in self.surroundings:
            self.kwok = subprocess.Popen([os.path.join(self.assets, "kwok"), "--kubeconfig", self.kubeconfig, "--manage-all-nodes=true",
                                          "--config", os.path.join(here, "stages.yaml"), "--server-address", ""], stdout=open(self.dir + "/kwok.log", "w"), stderr=subprocess.STDOUT)
        self.furniture = self.everything()

    def stop(self):
        if self.kwok:
            self.kwok.terminate()
            self.kwok.wait()
        self._control("stop")
        shutil.rmtree(self.dir)

    # --- asking

    def http(self, method, path, body=None, content="application/json", agent=None, token="admin"):
        """(status, answer): the answer parsed where it is JSON. body: bytes, or what becomes JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"Authorization": "Bearer %s-token-of-this-test" % token, "Accept": "application/json", "Content-Type": content,
                   "User-Agent": agent or "corpus"}
        for attempt in (1, 2):
            try:
                if not self.connection:
                    self.connection = http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=60)
                self.connection.request(method, path, body, headers)
                answer = self.connection.getresponse()
                text = answer.read()
                break
            except (http.client.HTTPException, ConnectionError):
                self.connection = None
                if attempt == 2:
                    raise
        return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else text.decode()

    def ask(self, *args, **more):
        status, answer = self.http(*args, **more)
        if status >= 300:
            raise Failed("%s %s: %d %s" % (args[0], args[1], status, answer.get("message") if isinstance(answer, dict) else answer))
        return answer

    def run(self, *args, text=None, cwd=None, env=None, fails=False):
        done = subprocess.run(args, input=text, text=True, capture_output=True, cwd=cwd, env=dict(self.env, **(env or {})))
        if bool(done.returncode) != fails:
            raise Failed("%s: %s" % (" ".join(args)[:300], done.stderr.strip() or "it succeeded, and was to fail"))
        return done.stdout

    def until(self, what, condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise Failed("waited %d s in vain for %s" % (seconds, what))
            time.sleep(0.05)

    def put_into_etcd(self, key, value):
        etcd = urllib.parse.urlparse(open(os.path.join(self.dir, "etcd")).read().strip())
        connection = http.client.HTTPConnection(etcd.hostname, etcd.port, timeout=10)
        connection.request("POST", "/v3/kv/put", json.dumps({name: base64.b64encode(text.encode()).decode()
                                                             for name, text in (("key", key), ("value", value))}))
        answer = connection.getresponse()
        if answer.status != 200:
            raise Failed("etcd: %d %s" % (answer.status, answer.read().decode()))

    # --- what it serves

    def resource(self, api_version, kind):
        """{name, namespaced, verbs, has_status} of a kind, or None when it isn't served."""
        status, answer = self.http("GET", ("/apis/" if "/" in api_version else "/api/") + api_version)
        if status != 200:
            return None
        names = {r["name"] for r in answer["resources"]}
        for r in answer["resources"]:
            if r["kind"] == kind and "/" not in r["name"]:
                return {"name": r["name"], "namespaced": r["namespaced"], "verbs": r["verbs"], "has_status": r["name"] + "/status" in names}
        return None

    def path(self, api_version, kind, name, namespace=None):
        """The URL of one object; None when its kind isn't served."""
        r = self.resource(api_version, kind)
        if not r:
            return None
        where = "/namespaces/%s" % (namespace or NAMESPACE) if r["namespaced"] else ""
        return "%s%s%s/%s/%s" % ("/apis/" if "/" in api_version else "/api/", api_version, where, r["name"], urllib.parse.quote(name))

    # --- sweeping: whatever isn't the server's own furniture goes

    def collections(self):
        versions = ["v1"] + [g["preferredVersion"]["groupVersion"] for g in self.ask("GET", "/apis")["groups"]]
        for version in versions:
            status, answer = self.http("GET", ("/apis/" if "/" in version else "/api/") + version)
            for r in answer.get("resources", []) if status == 200 else []:
                if "/" not in r["name"] and {"list", "delete"} <= set(r["verbs"]):
                    yield ("/apis/" if "/" in version else "/api/") + version, r

    def everything(self):
        """{url: metadata} of all objects there are, but for the restless ones of others."""
        found = {}
        for base, r in self.collections():
            status, answer = self.http("GET", "%s/%s" % (base, r["name"]))
            for item in answer.get("items") or [] if status == 200 else []:
                m = item["metadata"]
                space = m.get("namespace")
                if space in SYSTEM or (r["name"] in RESTLESS and space != NAMESPACE):
                    continue
                where = "/namespaces/%s" % space if space else ""
                found["%s%s/%s/%s" % (base, where, r["name"], urllib.parse.quote(m["name"]))] = m
        return found

    def sweep(self):
        """Leaves the server as it was at the start."""
        for attempt in range(100):
            left = {u: m for u, m in self.everything().items() if u not in self.furniture}
            if not left:
                return
            # Hooks and policies first, so that they don't stand in the way of the rest; namespaces last, when they are empty.
            for url in sorted(left, key=lambda u: ("admissionregistration" not in u, "/namespaces/" in u and u.count("/") == 4, u)):
                self._remove(url, left[url], attempt)
            if attempt:
                time.sleep(0.1)
        raise Failed("these can't be removed: " + " ".join(sorted(left)))

    def _remove(self, url, metadata, attempt):
        namespace = url.startswith("/api/v1/namespaces/") and url.count("/") == 4
        # A definition's own finalizer takes its objects away; the server sees to it.
        if metadata.get("finalizers") and not ("customresourcedefinitions" in url and attempt < 20):
            self.http("PATCH", url, {"metadata": {"finalizers": None}}, "application/merge-patch+json")
        self.http("DELETE", url, {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "propagationPolicy": "Background"})
        if namespace:
            self.http("PUT", url + "/finalize", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": metadata["name"]}, "spec": {}})
