"""The cases of run.sh."""
import email
import email.policy
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "mail"))
from server import PASSWORD, Server, make_certificate

TRUEUP = os.environ["TRUEUP_BUILD_DIR"] + "/trueup"
WORK = tempfile.mkdtemp(prefix="trueup-channels-")
CERTIFICATE = make_certificate(WORK)
CLEANUP = []


def check(ok, why):
    if not ok:
        raise AssertionError(why)


def await_that(what, why, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        check(time.monotonic() < end, f"didn't come: {why}")
        time.sleep(0.05)


def alertmanager():
    """A real one, and the list of what it tells its receiver."""
    told = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            told.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    folder = tempfile.mkdtemp(dir=WORK)
    with open(folder + "/config.yml", "w") as f:
        json.dump({"route": {"receiver": "hook", "group_by": ["..."], "group_wait": "1s", "group_interval": "1s", "repeat_interval": "24h"},
                   "receivers": [{"name": "hook", "webhook_configs": [{"url": f"http://127.0.0.1:{hook.server_address[1]}/"}]}]}, f)
    for _ in range(5):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        p = subprocess.Popen(["prometheus-alertmanager", f"--config.file={folder}/config.yml", f"--storage.path={folder}/data",
                              f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        CLEANUP.append(p.kill)
        end = time.monotonic() + 60
        while p.poll() is None and time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return f"http://127.0.0.1:{port}", told
            except OSError:
                time.sleep(0.05)
    raise AssertionError("Alertmanager doesn't start")


class Installation:
    """A folder with manifests, what is live, a configuration, and `trueup run` over it."""

    def __init__(self, notifiers, routing):
        self.folder = tempfile.mkdtemp(dir=WORK)
        os.mkdir(self.folder + "/m")
        os.mkdir(self.folder + "/live")
        for name in "abc":
            self.put("m", name, "blue")
            self.put("live", name, "blue")
        with open(self.folder + "/trueup.yaml", "w") as f:
            for kind, name, spec in (("Source", "shop", {"plugin": "directory", "config": {"path": "m"}}), ("Target", "prod", {"plugin": "directory", "config": {"path": "live"}}),
                                     ("Rule", "shop", {"from": "shop", "to": "prod"}), *(("Notifier", n, {"plugin": p, "config": c}) for n, p, c in notifiers),
                                     ("Routing", "routing", routing)):
                f.write(json.dumps({"apiVersion": "trueup.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}) + "\n---\n")
        self.log = open(self.folder + "/log", "w+")
        self.p = subprocess.Popen([TRUEUP, "run", "--state", "state"], cwd=self.folder, stdout=self.log, stderr=self.log, env=dict(os.environ, MAIL_PASSWORD=PASSWORD))
        CLEANUP.append(self.p.kill)
        await_that(lambda: "ready" in self.told(), "ready")

    def told(self):
        with open(self.folder + "/log") as f:
            return f.read()

    def put(self, where, name, colour):
        path = f"{self.folder}/{where}/{name}.yaml"
        with open(self.folder + "/new", "w") as f:
            json.dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": {"colour": colour}}, f)
        os.rename(self.folder + "/new", path)

    def stop(self):
        self.p.send_signal(signal.SIGTERM)
        check(self.p.wait(60) == 0, self.told())
        for folder, _, names in os.walk(self.folder):
            for name in names:
                with open(os.path.join(folder, name), "rb") as f:
                    check(b"CANARY" not in f.read(), f"a secret stands in {name}")


def mail_of(server):
    return ("mail", "email", {"server": f"smtp://localhost:{server.port}", "from": "trueup@example.com", "to": ["ops@example.com"], "username": "trueup",
                              "password": {"env": "MAIL_PASSWORD"}, "tls": {"caFile": CERTIFICATE[0]}})


def events(server):
    return [email.message_from_bytes(m[2], policy=email.policy.SMTP) for m in server.mails]


def a_drift_and_its_end_are_told_by_mail_alertmanager_and_file():
    smtp = Server(certificate=CERTIFICATE, auth=True)
    url, told = alertmanager()
    i = Installation([mail_of(smtp), ("am", "alertmanager", {"peers": [url]}), ("siem", "file", {"path": "alerts.jsonl"})],
                     {"receiver": "mail", "groupWait": "1s", "groupInterval": "1s", "routes": [
                         {"name": "am", "receiver": "am", "continue": True}, {"name": "siem", "receiver": "siem", "continue": True}, {"name": "mail", "receiver": "mail"}]})

    def lines():
        try:
            with open(i.folder + "/alerts.jsonl") as f:
                return [json.loads(line)["event"] for line in f]
        except FileNotFoundError:
            return []

    def all_told(*expected):
        await_that(lambda: [m["X-Trueup-Event"] for m in events(smtp)] == list(expected), f"mail: {[m['X-Trueup-Event'] for m in events(smtp)]}")
        await_that(lambda: [a["status"] for a in told] == list(expected), f"Alertmanager: {told}")
        await_that(lambda: lines() == list(expected), f"file: {lines()}")

    i.put("live", "a", "red")
    all_told("firing")
    i.put("live", "a", "blue")
    all_told("firing", "resolved")
    first, last = events(smtp)
    check(first["Subject"] == last["Subject"] and last["In-Reply-To"] == first["Message-ID"], "no thread")
    check("ConfigMap shop/a" in first.get_body(("plain",)).get_content() and "blue" in first.get_body(("html",)).get_content(), "the text")
    i.stop()


def a_digest_is_one_mail_of_all_that_began_meanwhile():
    smtp = Server(certificate=CERTIFICATE, auth=True)
    i = Installation([mail_of(smtp)], {"receiver": "mail", "groupBy": ["about"], "groupWait": "5s", "groupInterval": "5s"})
    for name in "abc":
        i.put("live", name, "red")
    await_that(lambda: smtp.mails, "the digest")
    mail = events(smtp)[0]
    text = mail.get_body(("plain",)).get_content()
    check(all(f"ConfigMap shop/{name}" in text for name in "abc"), text)
    check(len(smtp.mails) == 1, "more than one mail")
    i.stop()


def main():
    cases = [a_drift_and_its_end_are_told_by_mail_alertmanager_and_file, a_digest_is_one_mail_of_all_that_began_meanwhile]
    print(f"1..{len(cases)}")
    failed = 0
    for n, c in enumerate(cases, 1):
        try:
            c()
            print(f"ok {n} - {c.__name__}", flush=True)
        except Exception as e:
            failed += 1
            print(f"not ok {n} - {c.__name__}\n# {type(e).__name__}: {e}", flush=True)
    for kill in CLEANUP:
        kill()
    shutil.rmtree(WORK, ignore_errors=True)
    return failed > 0


sys.exit(main())
