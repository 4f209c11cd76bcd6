"""The cases of run.sh. Each is a function whose name reads as a sentence."""
import json
import os
import re
import subprocess
import sys
import textwrap

import receivers
from receivers import Discord, Ntfy, Telegram
import messages  # of tests/notifiers, which receivers.py put into the path

BUILD = os.environ["TRUEUP_BUILD_DIR"]
HERE = os.path.dirname(os.path.abspath(__file__))
DEPLOY = os.path.join(HERE, "..", "..", "deploy")
CASES = []


def case(f):
    CASES.append(f)
    return f


def check(ok, why):
    if not ok:
        raise AssertionError(why)


def config_of(server, language):
    """spec.config of the ready-made document, with nothing changed but addresses and the language."""
    with open(os.path.join(DEPLOY, "notifiers", server.FILE), encoding="utf-8") as f:
        text = f.read()
    config = textwrap.dedent(re.search(r"^  config:\n((?:    .*\n|\n)+)", text, re.M).group(1))
    config = re.sub(r"^url: .*$", f"url: {server.url}", config, flags=re.M)
    return re.sub("^language: en", f"language: {language}", config, flags=re.M)


class Use:
    """One webhook under the real host."""

    def __init__(self, server, language="en", config=None, **environment):
        if not environment and server.VARIABLE:
            environment = {server.VARIABLE: "CANARY-token" if server.VARIABLE.endswith("TOKEN") else server.url}
        self.p = subprocess.Popen([f"{BUILD}/tests/notifiers_driver", "webhook", config or config_of(server, language)], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ, **environment))

    def send(self, message, key="key-0123456789", **context):
        self.p.stdin.write(json.dumps(dict(message=message, key=key, **context)) + "\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        check(line, "the driver died")
        check("CANARY" not in line, f"a secret is told: {line}")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.p.stdin.close()
        code, errors = self.p.wait(30), self.p.stderr.read()
        self.p.stdout.close()
        self.p.stderr.close()
        check(kind or code == 0, f"the driver ended with {code}: {errors[-2000:]}")


def delivered(server, r):
    check(r["rc"] == "ok" and not server.mistakes, f"{server.FILE}: {r['rc']} {r['error']} {server.mistakes[:2]}")


def all_messages():
    for event in messages.EVENTS:
        yield messages.test_message() if event == "test" else messages.message(event)
    for event in ("firing", "resolved"):
        yield messages.storm(event)
        for count in (1, 3, 13):
            yield messages.hostile(event, count)
    for evil in messages.HOSTILE:
        yield messages.message(alerts=[messages.alert(name=evil, kind=evil, changes=[messages.change(evil, evil, evil, evil)])])
    yield messages.large()
    yield messages.heartbeat()


@case
def every_document_loads():
    for receiver in receivers.ALL:
        r = subprocess.run([f"{BUILD}/trueup", "config", "check", "-c", os.path.join(DEPLOY, "notifiers", receiver.FILE)], capture_output=True, text=True)
        check(r.returncode == 0 and ": ok" in r.stdout, f"{receiver.FILE}: {r.stdout}{r.stderr}")
    there = sorted(f for f in os.listdir(os.path.join(DEPLOY, "notifiers")) if f.endswith(".yaml"))
    check(there == sorted(r.FILE for r in receivers.ALL), f"there is a document without a contract: {there}")


@case
def every_message_fits_the_contract_in_both_languages():
    for receiver in receivers.ALL:
        for language in ("en", "ko"):
            server = receiver()
            with Use(server, language) as u:
                for m in all_messages():
                    for context in ({}, {"brief": True}, {"uncertain": True, "attempt": 2}):
                        delivered(server, u.send(m, **context))


@case
def the_text_says_what_drifted():
    for receiver in receivers.ALL:
        server = receiver()
        with Use(server) as u:
            delivered(server, u.send(messages.message()))
            text = server.requests[0]["raw"].decode()
            for part in ("cart", "/spec/replicas: 3", "/spec/replicas: 5", "trueup alert list 3f2a6c1d"):
                check(part in text, f"{receiver.FILE} lacks {part}: {text}")
            delivered(server, u.send(messages.storm()))
            check("1,000" in server.requests[1]["raw"].decode(), f"{receiver.FILE} tells no count")


@case
def a_message_that_may_come_twice_says_so():
    for receiver in receivers.ALL:
        server = receiver()
        with Use(server) as u:
            delivered(server, u.send(messages.message(), uncertain=True, attempt=2))
            check("may be a duplicate" in server.requests[0]["raw"].decode(), receiver.FILE)
            check(server.requests[0]["headers"]["x-trueup-uncertain"] == "true", "the header")


@case
def the_page_of_a_proxy_is_no_answer():
    for receiver in receivers.ALL:
        server = receiver()
        server.script = [(200, "text/html", "<!DOCTYPE html><html><body>Please log in</body></html>")]
        with Use(server) as u:
            r = u.send(messages.message())
            check(r["rc"] == "unavailable" and "web page" in r["error"], f"{receiver.FILE}: {r}")
            delivered(server, u.send(messages.message()))


@case
def an_answer_that_says_no_is_no_delivery():
    for receiver, answer in ((Telegram, '{"ok":false,"description":"Bad Request"}'), (Ntfy, '{"event":"keepalive"}'), (Telegram, "[]"), (Ntfy, "OK")):
        server = receiver()
        server.script = [(200, "application/json", answer)]
        with Use(server) as u:
            r = u.send(messages.message())
            check(r["rc"] == "unavailable", f"{receiver.FILE}: {r}")
    server = Discord()
    server.script = [(202, "application/json", "{}")]
    with Use(server) as u:
        check(u.send(messages.message())["code"] == "not-expected", "a status that isn't expected")


# --- signatures ------------------------------------------------------------------------------------------------------------

class Plain(receivers.Receiver):
    FILE, VARIABLE, PATH = "", "", "/hook"

    def check(self, headers, body):
        pass


KEYS = {"HMAC_NEW": "new signing key", "HMAC_OLD": "old signing key",
        "STANDARD_NEW": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "STANDARD_OLD": "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"}
SIGNED = ("hmac: {secret: {env: HMAC_NEW}, otherSecret: {env: HMAC_OLD}}, standardWebhooks: {secret: {env: STANDARD_NEW}, "
          "otherSecret: {env: STANDARD_OLD}}")


def signed_request(folder, more=""):
    server = Plain()
    with Use(server, config="{url: '%s', %s%s}" % (server.url, SIGNED, more), **KEYS) as u:
        delivered(server, u.send(messages.message()))
    r = server.requests[0]
    with open(os.path.join(folder, "body"), "wb") as f:
        f.write(r["raw"])
    with open(os.path.join(folder, "headers"), "w", encoding="utf-8") as f:
        f.writelines(f"{k}: {v}\n" for k, v in r["headers"].items())
    return r


def verifiers(folder):
    """Command lines that take: kind, file of headers, file of the body; the key stands in KEY."""
    import shutil
    yield "python", [sys.executable, os.path.join(DEPLOY, "verify", "verify.py")]
    if shutil.which("openssl"):
        yield "sh", ["sh", os.path.join(DEPLOY, "verify", "verify.sh")]
    else:
        print("# the verifier in sh is skipped: openssl isn't installed")
    program = os.path.join(folder, "verify-go")
    go = shutil.which("go")
    if go and subprocess.run([go, "build", "-o", program, os.path.join(DEPLOY, "verify", "verify.go")],
                             env=dict(os.environ, GOFLAGS="-mod=mod", GO111MODULE="off", CGO_ENABLED="0", GOTOOLCHAIN="local")).returncode == 0:
        yield "go", [program]
    else:
        print("# the verifier in Go is skipped: go isn't installed")


@case
def the_verifiers_take_what_is_signed_and_nothing_else():
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        signed_request(folder)
        body, headers = os.path.join(folder, "body"), os.path.join(folder, "headers")

        def ask(command, kind, key):
            return subprocess.run(command + [kind, headers, body], env=dict(os.environ, KEY=key), capture_output=True, text=True)

        found = list(verifiers(folder))
        for name, command in found:
            for key in KEYS:
                r = ask(command, "standard" if key.startswith("STANDARD") else "trueup", KEYS[key])
                check(r.returncode == 0, f"{name} refuses {key}: {r.stdout}{r.stderr}")
            check(ask(command, "trueup", "another key").returncode == 1, f"{name} takes any key")
            check(ask(command, "standard", "whsec_" + "QUJD" * 8).returncode == 1, f"{name} takes any whsec_")
        good = open(headers, encoding="utf-8").read()
        stale = re.sub(r"(webhook-timestamp: |t=)(\d+)", lambda m: f"{m[1]}{int(m[2]) - 301}", good)
        for changed in (stale, re.sub("webhook-id: .*", "webhook-id: other", good), re.sub("v1[=,]", "v9=", good), "", re.sub("x-trueup-signature.*\n|webhook-signature.*\n", "", good)):
            with open(headers, "w", encoding="utf-8") as f:
                f.write(changed)
            for name, command in found:
                check(ask(command, "standard", KEYS["STANDARD_NEW"]).returncode == 1, f"{name} takes {changed[-300:]!r}")
                if changed == stale or "v9" in changed or not changed:
                    check(ask(command, "trueup", KEYS["HMAC_NEW"]).returncode == 1, f"{name} takes {changed[-300:]!r}")
        with open(headers, "w", encoding="utf-8") as f:
            f.write(good)
        with open(body, "ab") as f:
            f.write(b" ")
        for name, command in found:
            for key in KEYS:
                check(ask(command, "standard" if key.startswith("STANDARD") else "trueup", KEYS[key]).returncode == 1, f"{name} takes a changed body")


def main():
    print(f"1..{len(CASES)}")
    failed = 0
    for number, f in enumerate(CASES, 1):
        try:
            f()
            print(f"ok {number} {f.__name__}", flush=True)
        except Exception as e:  # noqa: BLE001: whatever it is, the case failed
            failed += 1
            print(f"not ok {number} {f.__name__}\n# {type(e).__name__}: {str(e)[:3000]}", flush=True)
    return failed > 0


sys.exit(main())
