"""The cases of run.sh. Each is a function whose name reads as a sentence; `check` says what must hold."""
import base64
import datetime
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "notifiers"))
import messages

warnings.simplefilter("ignore")
BUILD = os.environ["TRUEUP_BUILD_DIR"]
WORK = tempfile.mkdtemp(prefix="trueup-alertmanager-")
CASES = []


def case(f):
    CASES.append(f)
    return f


class Failed(Exception):
    pass


def check(ok, why):
    if not ok:
        raise Failed(why)


def await_that(what, why, seconds=60):
    """Polls until it holds; a deadline, not a time that is expected."""
    end = time.monotonic() + seconds
    while not what():
        check(time.monotonic() < end, f"didn't come: {why}")
        time.sleep(0.05)


class Recorder:
    """The receiver that Alertmanager tells."""

    def __init__(self):
        told = self.told = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def statuses(self, name="cart"):
        return [a["status"] for t in self.told for a in t["alerts"] if a["labels"].get("name") == name]


class Alertmanager:
    made = []

    def __init__(self, recorder, web=None, port=0):
        self.folder = tempfile.mkdtemp(dir=WORK)
        self.web, self.recorder = web, recorder
        self.made.append(self)
        self.scheme = "https" if web and "tls_server_config" in web else "http"
        for _ in range(5):  # the port may be taken between looking and using
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
                self.port = s.getsockname()[1]
            if self.start():
                return
        raise Failed(f"Alertmanager doesn't start: {open(self.folder + '/log').read()[-2000:]}")

    def start(self):
        with open(self.folder + "/config.yml", "w") as f:
            json.dump({"route": {"receiver": "hook", "group_by": ["..."], "group_wait": "1s", "group_interval": "1s", "repeat_interval": "24h"},
                       "receivers": [{"name": "hook", "webhook_configs": [{"url": self.recorder.url, "send_resolved": True}]}]}, f)
        arguments = ["prometheus-alertmanager", f"--config.file={self.folder}/config.yml", f"--storage.path={self.folder}/data",
                     f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="]
        if self.web:
            with open(self.folder + "/web.yml", "w") as f:
                json.dump(self.web, f)
            arguments.append(f"--web.config.file={self.folder}/web.yml")
        self.p = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=open(self.folder + "/log", "w"))
        end = time.monotonic() + 60
        while self.p.poll() is None and time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                time.sleep(0.05)
        return False

    @property
    def url(self):
        return f"{self.scheme}://localhost:{self.port}"

    def alerts(self, active=True):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v2/alerts?active={str(active).lower()}") as r:
            return json.load(r)

    def stop(self):
        self.p.kill()
        self.p.wait()


class Use:
    """One instance of the plugin under the real host."""

    def __init__(self, *peers, **more):
        config = {"peers": [p if isinstance(p, str) else p.url for p in peers]} | more
        self.p = subprocess.Popen([f"{BUILD}/tests/notifiers_driver", "alertmanager", json.dumps(config)], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ, AM_PASSWORD="CANARY", AM_WRONG="CANARY2"))

    def result(self):
        line = self.p.stdout.readline()
        check(line, "the driver died")
        check("CANARY" not in line, f"a secret is told: {line}")
        return json.loads(line)

    def ask(self, **request):
        self.p.stdin.write(json.dumps(request) + "\n")
        self.p.stdin.flush()
        return self.result()

    def send(self, message=None, key="key-1", **context):
        return self.ask(message=message or messages.message(), key=key, **context)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.p.stdin.close()
        code = self.p.wait(60)
        self.p.stdout.close()
        check(kind or code == 0, f"the driver ended with {code}")


def seconds_from_now(text):
    return (datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


@case
def firing_and_resolved_arrive_at_every_peer_and_behind_it():
    recorders = [Recorder(), Recorder()]
    peers = [Alertmanager(r) for r in recorders]
    with Use(*peers, labels={"cluster": "prod"}) as u:
        check(u.ask(probe=True)["rc"] == "ok", "probe")
        check(u.send()["rc"] == "ok", "firing")
        for peer in peers:
            a, = peer.alerts()
            check(a["labels"] | {"alertname": "TrueupDrift", "cluster": "prod", "kind": "Deployment", "name": "cart", "namespace": "shop", "rule": "shop",
                                 "severity": "critical", "target": "prod", "about": "drift"} == a["labels"], a["labels"])
            check(a["startsAt"].startswith("2026-11-23T04:05:06"), a["startsAt"])
            check(71.5 * 3600 < seconds_from_now(a["endsAt"]) <= 72 * 3600, f"it ends by itself: {a['endsAt']}")
            check("/spec/replicas" in a["annotations"]["diff"] and "kubectl-edit" in a["annotations"]["description"], a["annotations"])
        for r in recorders:
            await_that(lambda: r.statuses() == ["firing"], "firing")
        check(u.send(messages.message("resolved"), "key-2")["rc"] == "ok", "resolved")
        for r in recorders:
            await_that(lambda: r.statuses() == ["firing", "resolved"], f"resolved: {r.statuses()}")
        for peer in peers:
            check(peer.alerts() == [], "it still fires")
            peer.stop()


@case
def what_changes_over_time_makes_no_other_alert():
    peer = Alertmanager(Recorder())
    with Use(peer) as u:
        reference = ""
        for n, severity in enumerate(("warning", "warning", "critical", "info")):
            a = messages.alert(severity=severity, changes=[messages.change(live=n, manager=f"m{n}")])
            a["source"]["revision"] = f"{n:040x}"
            a["verdict"] = "drifted" if n % 2 else "missing"
            a["labels"] |= {"severity": severity, "manager": f"m{n}", "class": "human", "verdict": a["verdict"], "change": f"value{n}"}
            r = u.send(messages.message("update" if n else "firing", [a]), f"k{n}", reference=reference)
            check(r["rc"] == "ok", r)
            reference = r["reference"]
            told, = peer.alerts()
            check(told["labels"]["severity"] == severity and told["annotations"]["revision"] == f"{n:040x}", told)
        # it ends as what it was told last, whatever the last message says
        u.send(messages.message("resolved", [messages.alert(firing=False, severity="critical")]), "end", reference=reference)
        check(peer.alerts() == [], f"it still fires: {peer.alerts()}")
    peer.stop()


@case
def a_peer_that_is_down_is_tried_again_and_then_left_out_until_it_answers():
    recorder = Recorder()
    up, down = Alertmanager(recorder), Alertmanager(recorder)
    down.stop()
    with Use(up, down) as u:
        r = u.send()
        check((r["rc"], r["code"]) == ("unavailable", "some-peers") and "1 of 2 peers" in r["error"] and str(down.port) in r["error"], r)
        r = u.send(attempt=2)
        check(r["rc"] == "ok" and "1 of 2 peers took the alerts" in r["log"], r)
        check(u.send(messages.message("update"), "k2")["rc"] == "ok", "the incident waits for the peer that is down")
        check(len(up.alerts()) == 1, up.alerts())
        check(down.start(), "doesn't start again")
        log = u.send(messages.message("repeat"), "k3")["log"]
        check(len(down.alerts()) == 1, "the peer that came back wasn't told")
        check(u.send(messages.message("repeat"), "k4")["log"] == log, "a warning without a reason")
        down.stop()
        up.stop()
        r = u.send(messages.message("update"), "k5")
        check((r["rc"], r["code"]) == ("unavailable", "connect"), r)
        check(u.send(messages.message("update"), "k5", attempt=2)["rc"] == "unavailable", "delivered to nobody")


@case
def a_storm_hostile_names_a_test_and_a_heartbeat_are_taken():
    peer = Alertmanager(Recorder())
    names = ["a\r\nb", "\x01\x1b[31m", "한국어 😀", "\"{}\\", "x" * 5000, "\u2028\u202e", "{{ .Labels }}", "<script>"]
    with Use(peer) as u:
        alerts = [messages.alert(n, number=i) for i, n in enumerate(names)]
        for a, n in zip(alerts, names):
            a["labels"] |= {"app.kubernetes.io/name": n, "1st": "x", n: "y", "__reserved": "z", "empty": "", "name": n}
        r = u.send(messages.message(alerts=alerts))
        check(r["rc"] == "ok", r)
        told = peer.alerts()
        check(len(told) == len(names), f"{len(told)} of {len(names)}")
        for a in told:
            check("app_kubernetes_io_name" in a["labels"] and "_1st" in a["labels"] and "__reserved" not in a["labels"], a["labels"])
        check(u.send(messages.message(alerts=[messages.alert(f"c-{n}", number=n) for n in range(1000)], shown=1000), "k2")["rc"] == "ok", "storm")
        check(len(peer.alerts()) == len(names) + 1000, len(peer.alerts()))
        test = messages.message("test")  # has an alert, as `trueup alert test` makes one
        check(u.send(test, "k3")["rc"] == "ok" and u.send(messages.heartbeat(), "k4")["rc"] == "ok", "test, heartbeat")
        own = {a["labels"]["alertname"]: a for a in peer.alerts()}
        check({"TrueupTest", "TrueupHeartbeat"} <= set(own), own.keys())
        check(seconds_from_now(own["TrueupTest"]["endsAt"]) <= 900, "a test goes on")
        check(600 < seconds_from_now(own["TrueupHeartbeat"]["endsAt"]) <= 900, "a heartbeat that stops must be noticed")
    peer.stop()


def make_certificate(name):
    folder = tempfile.mkdtemp(dir=WORK)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
                    "subjectAltName=DNS:localhost", "-keyout", folder + "/key.pem", "-out", folder + "/cert.pem"], check=True, capture_output=True)
    return folder


@case
def passwords_certificates_and_wrong_addresses():
    try:
        import crypt
        hashed = crypt.crypt("CANARY", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))
    except (ImportError, OSError, AttributeError):
        hashed = None
    server, client = make_certificate("server"), make_certificate("client")
    tls = {"tls_server_config": {"cert_file": server + "/cert.pem", "key_file": server + "/key.pem", "client_auth_type": "RequireAndVerifyClientCert",
                                 "client_ca_file": client + "/cert.pem"}}
    if hashed:
        tls["basic_auth_users"] = {"trueup": hashed}
    peer = Alertmanager(Recorder(), tls)
    good = {"tls": {"caFile": server + "/cert.pem", "certFile": client + "/cert.pem", "keyFile": client + "/key.pem"}}
    if hashed:
        good |= {"username": "trueup", "password": {"env": "AM_PASSWORD"}}
    with Use(peer, **good) as u:
        r = u.send()
        check(r["rc"] == "ok" and u.ask(probe=True)["rc"] == "ok", r)
    if hashed:
        with Use(peer, **(good | {"password": {"env": "AM_WRONG"}})) as u:
            check(u.send()["rc"] == "denied" and u.ask(probe=True)["rc"] == "denied", "a wrong password")
    with Use(peer, **(good | {"tls": {"caFile": server + "/cert.pem"}})) as u:
        check(u.send()["rc"] in ("denied", "unavailable"), "without the client's certificate")
    with Use(peer, **(good | {"tls": {"caFile": client + "/cert.pem"}})) as u:
        check(u.send()["rc"] == "integrity", "a certificate that nobody vouches for")
    peer.stop()
    plain = Alertmanager(Recorder())
    with Use(plain.url + "/elsewhere") as u:
        check(u.send()["rc"] == "invalid" and u.ask(probe=True)["rc"] == "invalid", "a wrong address")
    plain.stop()


@case
def mistakes_are_found_at_load_where_they_stand():
    for peers, more, where, words in (
            ([], {}, "/peers", "one at least"), (["http://am.example.com:9093"], {}, "/peers/0", "http"),
            (["http://localhost:1/api/v2/alerts"], {}, "/peers/0", "is added"), (["http://localhost:1?x=y"], {}, "/peers/0", "is added"),
            (["http://localhost:1"], {"username": "u"}, "/username", "one is missing"), (["http://localhost:1"], {"password": {"env": "X"}}, "/password", "one is missing"),
            (["http://localhost:1"], {"endsAfter": "5s"}, "/endsAfter", "1m at least"),
            (["http://localhost:1"], {"username": "u", "password": {"env": "X"}, "token": {"env": "X"}}, "/token", "already")):
        with Use(*peers, **more) as u:
            r = u.result()
            check(r["rc"] == "invalid" and r["code"] == where and words in r["error"], (peers, more, r))


def main():
    names = sys.argv[1:]
    cases = [c for c in CASES if not names or c.__name__ in names]
    print(f"1..{len(cases)}")
    failed = 0
    for n, c in enumerate(cases, 1):
        try:
            c()
            print(f"ok {n} - {c.__name__}", flush=True)
        except Exception as e:
            failed += 1
            print(f"not ok {n} - {c.__name__}\n# {type(e).__name__}: {e}", flush=True)
    for peer in Alertmanager.made:
        peer.stop()
    shutil.rmtree(WORK, ignore_errors=True)
    return failed > 0


sys.exit(main())
