#!/usr/bin/env python3
"""An admission webhook server: what the corpus needs to show webhooks that rewrite, refuse, hang, break, or are down.

    with Webhook() as w: ... w.url, w.ca, w.down ...           (record.py does)
    python3 tests/corpus/webhook.py                            prints them and serves until it is interrupted

TLS with a certificate that is made for the run by the openssl program; nothing but Python's standard library. What it does is said by the
address in the webhook configuration (WEBHOOK_URL/allow), or, where that takes parameters (an API server permits none in addresses), under a
name by the case (`webhook: {mirror: 'patch?op=add&path=/a/b&value="x"'}` for WEBHOOK_URL/mirror), so that a case is complete in its own files:

    allow                                 allows
    deny?code=403&message=no              refuses with that code and message
    patch?op=add&path=/a/b&value="json"   answers with a JSON patch; several: repeat the three. `only=real` skips dry runs;
                                          `unless=/a/b` skips objects that have that member
    stamp                                 adds an annotation that is another one at every write
    hang                                  never answers (the caller's timeoutSeconds ends it)
    break?code=500                        answers with that HTTP status and no review
    garbage                               answers with something else than a review
    WEBHOOK_DOWN/...                      nobody listens at this port, and nobody else can take it

In setup files WEBHOOK_URL, WEBHOOK_DOWN and WEBHOOK_CA (base64, for clientConfig.caBundle) are replaced before they are applied.
To add a behaviour: a method behave_NAME.
"""
import base64, http.server, json, os, shutil, socket, ssl, subprocess, tempfile, threading, urllib.parse


def member(value, path):
    for step in path.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(step)] if step.isdigit() and int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = urllib.parse.urlsplit(self.path).path.strip("/")
        address = urllib.parse.urlsplit(self.server.names.get(name, name))
        behave = getattr(self, "behave_" + address.path.strip("/"), None)
        if behave:
            behave(review["request"], urllib.parse.parse_qs(address.query, keep_blank_values=True))
        else:
            self.send(404, b"no such behaviour: see webhook.py")

    def send(self, code, body, content="application/json"):
        self.send_response(code)
        self.send_header("Content-Type", content)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, request, **response):
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": dict(response, uid=request["uid"])}
        self.send(200, json.dumps(review).encode())

    def behave_allow(self, request, _):
        self.answer(request, allowed=True)

    def behave_deny(self, request, query):
        self.answer(request, allowed=False, status={"code": int(query.get("code", ["403"])[0]), "message": query["message"][0]})

    def behave_patch(self, request, query):
        skipped = "only" in query and request.get("dryRun") or any(member(request["object"], p) is not None for p in query.get("unless", []))
        if skipped or request["operation"] == "DELETE":
            return self.answer(request, allowed=True)
        operations = [{"op": op, "path": path, "value": json.loads(value)}
                      for op, path, value in zip(query["op"], query["path"], query["value"])]
        self.answer(request, allowed=True, patchType="JSONPatch", patch=base64.b64encode(json.dumps(operations).encode()).decode())

    def behave_stamp(self, request, _):
        """An annotation that is another one at every write."""
        has = member(request["object"], "/metadata/annotations") is not None
        stamp = {"op": "add", "path": "/metadata/annotations/stamp", "value": request["uid"]} if has else \
                {"op": "add", "path": "/metadata/annotations", "value": {"stamp": request["uid"]}}
        self.answer(request, allowed=True, patchType="JSONPatch", patch=base64.b64encode(json.dumps([stamp]).encode()).decode())

    def behave_hang(self, *_):
        self.connection.settimeout(60)
        try:
            self.connection.recv(1)  # returns when the caller has given up
        except OSError:
            pass
        self.close_connection = True

    def behave_break(self, _, query):
        self.send(int(query.get("code", ["500"])[0]), b"this webhook is broken on purpose", "text/plain")

    def behave_garbage(self, *_):
        self.send(200, b"[]")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    names = {}

    def handle_error(self, *_):
        pass  # callers that hang up are what some cases are about


class Webhook:
    def __init__(self, names=None):
        self.names = names or {}

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="webhook-")
        key, certificate = os.path.join(self.dir, "key"), os.path.join(self.dir, "certificate")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=corpus-webhook",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.names = self.names
        # the handshake belongs to the connection's own thread: a caller that is slow must not keep others waiting
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.nobody = socket.socket()  # bound, never listening: connections are refused
        self.nobody.bind(("127.0.0.1", 0))
        self.url = "https://127.0.0.1:%d" % self.server.server_address[1]
        self.down = "https://127.0.0.1:%d" % self.nobody.getsockname()[1]
        with open(certificate, "rb") as f:
            self.ca = base64.b64encode(f.read()).decode()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.nobody.close()
        shutil.rmtree(self.dir)

    def replace(self, text):
        return text.replace("WEBHOOK_URL", self.url).replace("WEBHOOK_DOWN", self.down).replace("WEBHOOK_CA", self.ca)


if __name__ == "__main__":
    with Webhook() as w:
        print("WEBHOOK_URL=%s\nWEBHOOK_DOWN=%s\nWEBHOOK_CA=%s" % (w.url, w.down, w.ca), flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass
