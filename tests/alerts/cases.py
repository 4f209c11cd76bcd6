"""The cases of tests/alerts/run.sh. Each is a function whose name reads as a sentence, in a folder of its own; it raises
Wrong when something isn't as it has to be. To add one: a function with @case.

What is waited for is asked for every 20 ms, PATIENCE seconds at most; no time is asserted.
"""
import hashlib
import hmac
import http.server
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

TRUEUP = sys.argv[1]
PATIENCE = float(os.environ.get("PATIENCE", "60"))
KILLS = int(os.environ.get("TRUEUP_KILLS", "50"))
SEED = int(os.environ.get("TRUEUP_SEED", str(random.SystemRandom().randrange(1 << 32))))
CANARY = "canary-7f3d9b51e2a84c60"


class Wrong(Exception):
    pass


def check(ok, words):
    if not ok:
        raise Wrong(words)


class Receiver:
    """Writes each request down, with fsync, before it answers. `answer` decides what it says."""

    def __init__(self, folder):
        self.file = open(folder + "/received", "ab", buffering=0)
        self.path = folder + "/received"
        self.lock = threading.Lock()
        self.answer = lambda receiver, message: 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:  # whoever sent it was killed
                    self.close_connection = True
                    return
                receiver = self.path.strip("/")
                with outer.lock:
                    code = outer.answer(receiver, body)
                    line = json.dumps([receiver, self.headers.get("Idempotency-Key"), code, body.decode(),
                                       str(self.headers)]) + "\n"
                    outer.file.write(line.encode())
                    os.fsync(outer.file.fileno())
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # connections of what was killed
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def requests(self):
        with open(self.path) as f:
            return [json.loads(line) for line in f]

    def messages(self, receiver=None):
        """What was taken, in order, each key once."""
        seen, all = set(), []
        for r, key, code, body, _ in self.requests():
            if code == 200 and key not in seen and (receiver is None or r == receiver):
                seen.add(key)
                m = json.loads(body)
                m["receiver"] = r
                if m["kind"] == "Alert":
                    all.append(m)
        return all

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.file.close()


class World:
    def __init__(self, name):
        self.folder = tempfile.mkdtemp(prefix="trueup-alerts-%s-" % name[:20])
        self.process = None
        for d in ("desired", "live"):
            os.mkdir(self.folder + "/" + d)
        self.receiver = Receiver(self.folder)
        self.log = open(self.folder + "/log", "ab")

    def write(self, path, text):
        whole = os.path.join(self.folder, path)
        with open(whole + "~", "w") as f:
            f.write(text)
        os.rename(whole + "~", whole)

    def desire(self, name, value="1", extra=""):
        self.write("desired/%s.yaml" % name, manifest(name, value, extra))

    def live(self, name, value="1", extra=""):
        self.write("live/%s.yaml" % name, manifest(name, value, extra))

    def configure(self, routing="", notifiers=("hook",), rule="", more=""):
        text = """apiVersion: trueup.dev/v1
kind: Source
metadata: {name: files}
spec: {plugin: directory, config: {path: %(f)s/desired}}
---
apiVersion: trueup.dev/v1
kind: Target
metadata: {name: prod}
spec: {plugin: directory, config: {path: %(f)s/live}}
---
apiVersion: trueup.dev/v1
kind: Rule
metadata: {name: shop}
spec:
  from: files
  to: prod
%(rule)s
---
apiVersion: trueup.dev/v1
kind: Routing
metadata: {name: all}
spec:
  receiver: hook
%(routing)s
""" % {"f": self.folder, "rule": rule, "routing": routing}
        for n in notifiers:
            text += """---
apiVersion: trueup.dev/v1
kind: Notifier
metadata: {name: %s}
spec: {plugin: webhook, rate: {messages: 1000, per: 1s}, config: {url: "http://127.0.0.1:%d/%s"}}
""" % (n, self.receiver.port, n)
        self.write("trueup.yaml", text + more)

    def start(self):
        self.process = subprocess.Popen([TRUEUP, "run", "-c", self.folder + "/trueup.yaml", "--state", self.folder + "/state",
                                         "-o", "json"], stdout=self.log, stderr=self.log)

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def stop(self):
        check(self.kill(signal.SIGTERM) == 0, "it did not end cleanly")

    def ask(self, **request):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        s.connect(self.folder + "/state/trueup.sock")
        s.sendall(json.dumps(request).encode() + b"\n")
        parts = []
        while True:
            part = s.recv(1 << 16)
            if not part:
                break
            parts.append(part)
        s.close()
        return json.loads(b"".join(parts))

    def status(self):
        try:
            return self.ask(command="status")
        except (OSError, ValueError):
            return None

    def ready(self):
        self.until(lambda: self.status(), "the service answers")

    def until(self, question, words):
        end = time.monotonic() + PATIENCE
        while True:
            answer = question()
            if answer:
                return answer
            check(self.process is None or self.process.poll() is None, "the service ended while: " + words)
            check(time.monotonic() < end, "waited in vain: " + words)
            time.sleep(0.02)

    def database(self, statement):
        d = sqlite3.connect("file:%s/state/trueup.db?mode=ro" % self.folder, uri=True)
        rows = d.execute(statement).fetchall()
        d.close()
        return rows

    def quiet(self):
        """Nothing fires and nothing waits to be delivered."""
        s = self.status()
        return s and s["rules"][0]["summary"]["pending"] == 0 and s["rules"][0]["summary"]["drifted"] == 0 and \
            self.ask(command="alerts")["incidents"] == [] and \
            self.database("select count(*) from delivery where state = 'pending'") == [(0,)] and \
            self.database("select count(*) from alert where firing") == [(0,)]

    def verify(self):
        p = subprocess.run([TRUEUP, "audit", "verify", "--state", self.folder + "/state"], capture_output=True, text=True)
        check(p.returncode == 0, "the audit trail: " + p.stdout + p.stderr)

    def close(self, keep):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.receiver.close()
        self.log.close()
        if not keep:
            shutil.rmtree(self.folder)


def manifest(name, value, extra=""):
    return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\n  namespace: shop\n%sdata:\n  value: \"%s\"\n" % (
        name, extra, value)


def check_told(world):
    """Per receiver and incident: firing first, resolved last and once; one key, one message."""
    bodies, told = {}, {}
    for receiver, key, code, body, _ in world.receiver.requests():
        check(key, "a request without key")
        check(bodies.setdefault((receiver, key), body) == body, "key %s came with two messages" % key)
    for m in world.receiver.messages():
        told.setdefault((m["receiver"], m["incident"]), []).append(m["event"])
    for (receiver, incident), events in told.items():
        check(events[0] in ("firing", "escalation"), "%s: incident %s begins with %s" % (receiver, incident, events))
        check(events[-1] == "resolved", "%s: incident %s ends with %s" % (receiver, incident, events))
        check(events.count("resolved") == 1, "%s: incident %s is resolved twice: %s" % (receiver, incident, events))
    return told


CASES = []


def case(f):
    CASES.append(f)
    return f


FAST = '  groupBy: ["..."]\n  groupWait: 20ms\n  groupInterval: 50ms\n'


@case
def nothing_is_lost_when_it_is_killed_again_and_again(w):
    chance = random.Random(SEED)
    names = ["o%d" % i for i in range(12)]
    for n in names:
        w.desire(n)
        w.live(n)
    w.configure('  groupBy: [rule, kind]\n  groupWait: 20ms\n  groupInterval: 50ms\n  routes:\n'
                '  - {name: each, match: [\'name =~ "o[0-5]"\'], receiver: pager, groupBy: ["..."], continue: true}\n',
                notifiers=("hook", "pager"))
    # a receiver that fails in all ways that are passing
    w.receiver.answer = lambda r, m: chance.choice((200, 200, 200, 200, 503))
    for n in range(KILLS):
        w.start()
        for _ in range(chance.randrange(1, 5)):
            w.live(chance.choice(names), chance.choice("1123"))
            time.sleep(chance.random() * 0.04)
        time.sleep(chance.random() * 0.25)
        w.kill()
    w.receiver.answer = lambda r, m: 200
    for n in names:
        w.live(n)
    w.start()
    w.until(w.quiet, "all is told and nothing fires")
    w.stop()
    told = check_told(w)
    # what was decided arrived or is dead: every delivery that the store has is known to the receiver, by its key
    keys = {(r, k) for r, k, code, _, _ in w.receiver.requests() if code == 200}
    for receiver, key, state in w.database("select receiver, idempotency_key, state from delivery"):
        check(state != "delivered" or (receiver, key) in keys, "%s says that it delivered %s and didn't" % (receiver, key))
    # every alert was named to the receiver, or stands in a dead letter
    named = {a["fingerprint"] for m in w.receiver.messages() for a in m["alerts"]}
    named |= {a["fingerprint"] for (m,) in w.database("select message from delivery where state = 'dead'")
              for a in json.loads(m).get("alerts", [])}
    for (fingerprint,) in w.database("select fingerprint from alert"):
        check(fingerprint in named, "alert %s was never told" % fingerprint)
    members = dict(w.database("select incident, count(*) from member group by incident"))
    for m in w.receiver.messages():
        if m["event"] == "resolved":
            check(m["counts"]["resolved"] == members[m["incident"]],
                  "incident %s ends with %s, and had %d alerts" % (m["incident"], m["counts"], members[m["incident"]]))
    check(told, "nothing was told at all")
    w.verify()


@case
def a_storm_of_a_thousand_drifts_is_one_message_with_a_count(w):
    for i in range(1000):
        w.desire("o%04d" % i)
        w.live("o%04d" % i, "2")
    w.configure("  groupWait: 3s\n  groupInterval: 1s\n")
    w.start()
    first = w.until(lambda: w.receiver.messages(), "the storm is told")[0]
    check(first["counts"]["firing"] == 1000, "the first message counts %s" % first["counts"])
    check(first["counts"]["shown"] == len(first["alerts"]) == 20, "it names %d" % len(first["alerts"]))
    check("1000 alerts (rule shop) fire" in first["summary"], first["summary"])
    for i in range(1000):
        w.live("o%04d" % i)
    w.until(w.quiet, "the storm is over")
    w.stop()
    told = check_told(w)
    check(len(told) == 1, "%d incidents" % len(told))
    check(len(w.receiver.messages()) < 15, "%d messages" % len(w.receiver.messages()))
    w.verify()


@case
def a_reload_with_unchanged_routes_tells_nothing_and_keeps_the_timers(w):
    w.desire("a")
    w.live("a", "2")
    w.configure("  groupWait: 20ms\n  groupInterval: 50ms\n")
    w.start()
    w.until(lambda: w.receiver.messages(), "it is told")
    before = w.ask(command="alerts")["incidents"][0]
    for _ in range(3):
        w.process.send_signal(signal.SIGHUP)
        started = w.status()
        w.until(lambda: w.status() and w.ask(command="alerts")["incidents"], "it answers again")
    w.stop()
    w.start()
    w.ready()
    after = w.ask(command="alerts")["incidents"][0]
    check(before["id"] == after["id"], "another incident")
    check(before["next"]["what"] == after["next"]["what"] == "repeat", "%s, %s" % (before["next"], after["next"]))
    w.live("a")
    w.until(w.quiet, "it is over")
    w.stop()
    events = [m["event"] for m in w.receiver.messages()]
    check(events == ["firing", "resolved"], str(events))


@case
def another_route_takes_over_and_both_receivers_hear_the_end(w):
    w.desire("a")
    w.live("a", "2")
    w.configure(FAST, notifiers=("hook", "pager"))
    w.start()
    w.until(lambda: w.receiver.messages("hook"), "the first receiver hears of it")
    w.configure(FAST + '  routes: [{name: pay, match: ["name = a"], receiver: pager}]\n', notifiers=("hook", "pager"))
    w.until(lambda: w.receiver.messages("pager"), "the second receiver hears of it")
    w.live("a")
    w.until(w.quiet, "it is over")
    w.stop()
    told = check_told(w)
    check({r for r, _ in told} == {"hook", "pager"}, str(told))


@case
def a_rule_that_is_gone_ends_what_it_told_by_the_configuration(w):
    w.desire("a")
    w.live("a", "2")
    w.configure(FAST)
    w.start()
    w.until(lambda: w.receiver.messages(), "it is told")
    w.configure(FAST, rule="  mode: off")
    w.until(lambda: len(w.receiver.messages()) > 1, "its end is told")
    w.stop()
    last = w.receiver.messages()[-1]
    check(last["event"] == "resolved" and last["resolvedBy"] == "configuration", json.dumps(last)[:300])
    check_told(w)


@case
def what_one_receiver_refuses_reaches_the_fallback_and_is_dead(w):
    w.receiver.answer = lambda r, m: 400 if r == "hook" else 200
    w.desire("a")
    w.live("a", "2")
    w.configure("  groupWait: 20ms\n  groupInterval: 50ms\n  fallback: pager\n", notifiers=("hook", "pager"))
    w.start()
    w.until(lambda: [m for m in w.receiver.messages("pager") if m["labels"].get("about") == "drift"],
            "the fallback hears of the drift")
    w.until(lambda: [m for m in w.receiver.messages("pager")
                     if any(a["labels"].get("problem") == "delivery-dead" for a in m["alerts"])],
            "the fallback hears of the receiver")
    check(not any("delivery-dead" in body for r, _, _, body, _ in w.receiver.requests() if r == "hook"),
          "the receiver was told of itself")
    check(w.ask(command="dead")["deliveries"], "no dead letter is listed")
    settled = len([1 for r, _, _, _, _ in w.receiver.requests() if r == "hook"])
    w.receiver.answer = lambda r, m: 200
    check(w.ask(command="resend", receiver="hook")["resent"] >= 1, "nothing was sent again")
    w.live("a")
    w.until(w.quiet, "all is over")
    w.stop()
    check(settled < 10, "%d attempts at a receiver that refuses: a loop" % settled)
    w.verify()


@case
def silences_and_acknowledgements_are_kept_and_name_who_made_them(w):
    w.desire("a")
    w.live("a")
    w.configure(FAST)
    w.start()
    w.ready()
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    made = w.ask(command="silence", matchers=["name = a"], ends=ends, comment="planned", author="somebody else")["silence"]
    check("uid %d" % os.getuid() in made["author"], made["author"])
    w.live("a", "2")
    w.until(lambda: w.ask(command="alerts")["incidents"], "the drift is known")
    w.stop()
    w.start()
    w.ready()
    why = w.ask(command="alert", id=w.ask(command="alerts")["incidents"][0]["id"][:8])
    check("silence " + made["id"] in why["incident"]["alerts"][0]["quiet"], json.dumps(why)[:400])
    check(why["silences"][0]["comment"] == "planned", str(why["silences"]))
    check(not w.receiver.messages(), "what is silenced was told")
    w.ask(command="end-silence", id=made["id"])
    w.until(lambda: w.receiver.messages(), "it is told once the silence ended")
    incident = w.receiver.messages()[0]["incident"]
    w.ask(command="acknowledge", id=incident[:8], comment="on it")
    w.until(lambda: len(w.receiver.messages()) > 1, "the acknowledgement is told")
    check(w.receiver.messages()[-1]["acknowledged"]["comment"] == "on it", "no comment")
    for wrong in ({"command": "acknowledge", "id": "zz"}, {"command": "acknowledge"}, {"command": "silence", "matchers": ["="]},
                  {"command": "silence", "matchers": ["a = b"], "ends": "soon"}, {"command": "end-silence"},
                  {"command": "alert"}, {"command": "resend"}, {"command": "resend", "id": 99}, {"command": "x"}):
        check("error" in w.ask(**wrong), "%s was not refused" % wrong)
    w.live("a")
    w.until(w.quiet, "all is over")
    w.stop()
    check_told(w)
    w.verify()


@case
def of_what_is_over_it_is_known_who_was_told(w):
    w.desire("a")
    w.live("a")
    w.configure(FAST)
    w.start()
    w.ready()
    w.live("a", "2")
    w.until(lambda: w.receiver.messages(), "the drift is told")
    w.live("a")
    w.until(w.quiet, "it is over")
    over = w.ask(command="alerts", all=True)["incidents"][0]
    check(over["status"] == "resolved" and over["receivers"] == ["hook"] and over["toldAt"] >= over["openedAt"], json.dumps(over))
    why = w.ask(command="alert", id=over["id"][:8])
    check([t["receiver"] for t in why["told"]] == ["hook"] and not why["told"][0]["firing"], json.dumps(why)[:600])
    listed = subprocess.run([TRUEUP, "alert", "list", "--all", "--state", w.folder + "/state"], capture_output=True, text=True)
    check("told" in listed.stdout and "ago: hook" in listed.stdout and "nobody" not in listed.stdout, listed.stdout + listed.stderr)
    w.stop()


@case
def a_heartbeat_comes_and_says_when_trueup_is_degraded(w):
    w.desire("a")
    w.live("a")
    w.configure(FAST + "  heartbeat: {receiver: hook, every: 1s}\n")
    w.start()

    def beats(status):
        return [1 for _, _, _, body, _ in w.receiver.requests() if '"Heartbeat"' in body and status in body]
    w.until(lambda: len(beats('"status":"ok"')) > 1, "heartbeats come")
    w.write("trueup.yaml", "kind: [")
    w.until(lambda: beats('"config-refused"'), "the heartbeat says that the configuration was refused")
    w.stop()


@case
def no_secret_leaves_stands_in_the_store_or_in_the_log(w):
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop%s}\nstringData: {password: \"%s\"}\n"
    w.write("desired/s.yaml", secret % ("", CANARY))
    w.write("live/s.yaml", secret % ("", CANARY + "-live"))
    w.configure(FAST + "  labels: {object: [\"*\"], annotations: [note]}\n")
    w.start()
    w.until(lambda: w.receiver.messages(), "it is told")
    w.write("live/s.yaml", secret % ("", CANARY))
    w.until(w.quiet, "it is over")
    answers = json.dumps([w.ask(command="alerts", all=True), w.status()])
    w.stop()
    places = {"an answer": answers.encode()}
    for path in ["received", "log"] + ["state/" + f for f in os.listdir(w.folder + "/state")]:
        if os.path.isfile(w.folder + "/" + path):
            places[path] = open(w.folder + "/" + path, "rb").read()
    import base64
    for place, text in places.items():
        for form in (CANARY.encode(), base64.b64encode(CANARY.encode())[:20]):
            check(form not in text, "the secret stands in %s" % place)
    check(any("sealed" in json.dumps(m) for m in w.receiver.messages()), "nothing was sealed")


@case
def a_locked_store_is_waited_for_and_nothing_is_lost(w):
    w.desire("a")
    w.live("a")
    w.configure(FAST)
    w.start()
    w.ready()
    lock = sqlite3.connect(w.folder + "/state/trueup.db", isolation_level=None)
    lock.execute("begin immediate")
    w.live("a", "2")
    w.until(lambda: w.status()["rules"][0]["summary"]["drifted"] == 1, "the drift is seen all the same")
    lock.execute("rollback")
    lock.close()
    w.until(lambda: w.receiver.messages(), "it is told once the store is free")
    w.live("a")
    w.until(w.quiet, "it is over")
    w.stop()
    check_told(w)
    w.verify()


def main():
    wanted = sys.argv[2:]
    cases = [c for c in CASES if not wanted or c.__name__ in wanted]
    failed = 0
    print("1..%d" % len(cases))
    for number, c in enumerate(cases, 1):
        world = World(c.__name__)
        wrong = None
        try:
            c(world)
        except (Wrong, OSError, sqlite3.Error, KeyError, IndexError, ValueError, subprocess.TimeoutExpired) as e:
            wrong = "%s: %s" % (type(e).__name__, e)
        name = c.__name__.replace("_", " ")
        print("%s %d - %s" % ("not ok" if wrong else "ok", number, name), flush=True)
        if wrong:
            failed += 1
            print("# %s\n# seed %d, folder %s" % (wrong, SEED, world.folder))
            with open(world.folder + "/log", errors="replace") as f:
                for line in f.readlines()[-15:]:
                    print("#   " + line.rstrip()[:300])
        world.close(keep=bool(wrong))
    sys.exit(1 if failed else 0)


main()
