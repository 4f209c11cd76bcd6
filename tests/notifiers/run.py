"""The cases of run.sh. Each is a function whose name reads as a sentence; `check` says what must hold."""
import json
import os
import subprocess
import sys
import tempfile
import time

import contract
import messages
from contract import DROP, PagerDuty, Slack, Teams, PAGERDUTY_KEY, SLACK_HOOK, SLACK_TOKEN, TEAMS_PATH

BUILD = os.environ["TRUEUP_BUILD_DIR"]
HERE = os.path.dirname(os.path.abspath(__file__))
CANARIES = ("CANARY", "Xcanary", "sig=")


CASES = []


def case(f):
    CASES.append(f)
    return f


SERVERS = contract.Contract.made


class Failed(Exception):
    pass


def check(ok, why):
    if not ok:
        raise Failed(why)


class Use:
    """One instance of a plugin under the real host."""

    def __init__(self, plugin, config, **environment):
        self.p = subprocess.Popen([f"{BUILD}/tests/notifiers_driver", plugin, json.dumps(config)], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=dict(os.environ, **environment))

    def result(self):
        line = self.p.stdout.readline()
        check(line, f"the driver died: {self.p.poll()} {self.p.stderr.read()[-2000:] if self.p.poll() is not None else ''}")
        r = json.loads(line)
        for canary in CANARIES:
            check(canary not in line, f"a secret is told: {line}")
        return r

    def ask(self, request):
        self.p.stdin.write(json.dumps(request) + "\n")
        self.p.stdin.flush()
        return self.result()

    def send(self, message, key="key-1", **context):
        return self.ask(dict(message=message, key=key, **context))

    def close(self):
        self.p.stdin.close()
        code = self.p.wait(30)
        errors = self.p.stderr.read()
        self.p.stdout.close()
        self.p.stderr.close()
        check(code == 0, f"the driver ended with {code}: {errors[-2000:]}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        else:
            self.p.kill()
            self.p.wait()


def slack_bot(server, **more):
    return Use("slack", {"tokenFrom": {"env": "SLACK"}, "channel": "#alerts", "apiUrl": server.url + "/api"} | more, SLACK=SLACK_TOKEN)


def slack_hook(server, **more):
    return Use("slack", {"urlFrom": {"env": "SLACK"}} | more, SLACK=server.url + SLACK_HOOK)


def teams(server, **more):
    return Use("teams", {"urlFrom": {"env": "TEAMS"}} | more, TEAMS=server.url + TEAMS_PATH)


def pagerduty(server, **more):
    return Use("pagerduty", {"routingKeyFrom": {"env": "PD"}, "url": server.url + "/v2/enqueue"} | more, PD=PAGERDUTY_KEY)


CHANNELS = {"slack-bot": (Slack, slack_bot), "slack-webhook": (Slack, slack_hook), "teams": (Teams, teams), "pagerduty": (PagerDuty, pagerduty)}


def clean(server):
    check(not server.mistakes, f"the contract was broken: {server.mistakes[:3]}")


def delivered(r):
    check(r["rc"] == "ok", f"not delivered: {r['rc']} {r['error']}{''.join(str(s.mistakes[:2]) for s in SERVERS[-1:])}")
    return r


def dump(body):
    return json.dumps(body, ensure_ascii=False)


# --- every channel ------------------------------------------------------------------------------------------------------

@case
def every_event_fits_the_contract():
    for name, (Server, use) in CHANNELS.items():
        for language in ("en", "ko"):
            server = Server()
            with use(server, language=language) as u:
                for event in messages.EVENTS:
                    reference = ""
                    for e in ("firing", event):
                        m = messages.test_message() if e == "test" else messages.message(e)
                        reference = delivered(u.send(m, reference=reference))["reference"] or reference
            clean(server)
            check(len(server.requests) >= len(messages.EVENTS), name)


@case
def a_thousand_alerts_are_one_message_with_a_count():
    for name, (Server, use) in CHANNELS.items():
        server = Server()
        with use(server) as u:
            for event in ("firing", "resolved"):
                for shown in (2, 5, 20, 100):
                    before = len(server.requests)
                    delivered(u.send(messages.storm(event, shown=shown)))
                    check(len(server.requests) == before + 1, f"{name}: {len(server.requests) - before} requests")
                    told = dump(server.requests[-1]["body"])
                    check("1000" in told or "1,000" in told or server.requests[-1]["body"].get("event_action") == "resolve", f"{name} tells no count: {told[:300]}")
        clean(server)


@case
def hostile_names_neither_mention_nor_link_nor_break_out():
    for name, (Server, use) in CHANNELS.items():
        server = Server()
        with use(server) as u:
            for event in ("firing", "update", "resolved"):
                for count in (1, 2, 3, 8, 13, 26):
                    delivered(u.send(messages.hostile(event, count)))
            for evil in messages.HOSTILE:
                a = messages.alert(name=evil, kind="ConfigMap", changes=[messages.change(path=evil, desired=evil, live=evil, manager=evil)])
                a["summary"] = evil
                delivered(u.send(messages.message(alerts=[a])))
        clean(server)
        for r in server.requests:
            for text in texts_of(r["body"]):
                check(not contract.SLACK_CONTROL.search(text) or Server is not Slack, f"{name}: live control sequence in {text!r:.300}")


def texts_of(value):
    if isinstance(value, str):
        yield value
    for v in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts_of(v)


@case
def a_megabyte_of_changes_fits():
    for name, (Server, use) in CHANNELS.items():
        server = Server()
        with use(server) as u:
            delivered(u.send(messages.large()))
        clean(server)


@case
def the_brief_form_is_short_and_says_where_to_look():
    for name, (Server, use) in CHANNELS.items():
        server = Server()
        with use(server) as u:
            for m in (messages.large(), messages.hostile(), messages.storm(), messages.message("resolved"), messages.test_message()):
                delivered(u.send(m, brief=True))
                check(len(server.requests[-1]["raw"]) < 16000, f"{name}: {len(server.requests[-1]['raw'])} bytes")
        clean(server)
        if name != "pagerduty":
            check("trueup alert list" in dump(server.requests[0]["body"]), name)


@case
def what_may_have_arrived_before_says_so():
    for name, (Server, use) in CHANNELS.items():
        server = Server()
        with use(server) as u:
            delivered(u.send(messages.message()))
            check("may be a duplicate" not in dump(server.requests[-1]["body"]), name)
            delivered(u.send(messages.message(), uncertain=True, attempt=2))
            said = "may be a duplicate" in dump(server.requests[-1]["body"])
            check(said == (name != "pagerduty"), name)  # there the dedup_key makes it one
            if name == "slack-webhook":
                delivered(u.send(messages.message(), uncertain=True, brief=True))
                check("may be a duplicate" in server.requests[-1]["body"]["text"], "brief")
        clean(server)


@case
def a_note_is_told_in_the_users_language():
    known = {"moved to route night": "다음 경로로 이동: night", "undeliverable to pager": "전달하지 못한 수신처: pager", "flapping: 7 times": "반복 발생: 7 times"}
    for name, (Server, use) in CHANNELS.items():
        for note, korean in known.items():
            for language, told in (("en", note), ("ko", korean)):
                server = Server()
                with use(server, language=language) as u:
                    delivered(u.send(messages.message("firing", note=note)))
                bodies = dump([r["body"] for r in server.requests])
                check(told in bodies, f"{name} {language}: {told} isn't told: {bodies}")
                check(language == "en" or note not in bodies, f"{name}: {note} in English")


@case
def a_heartbeat_is_told_or_refused_but_never_an_incident():
    for name, (Server, use) in CHANNELS.items():
        server = Server()
        with use(server) as u:
            r = u.send(messages.heartbeat())
        check(r["rc"] == ("unsupported" if name == "pagerduty" else "ok"), f"{name}: {r}")
        check(len(server.requests) == (name != "pagerduty"), name)
        clean(server)


@case
def own_templates_are_used_and_wrong_ones_found_at_load():
    for name in ("slack-bot", "slack-webhook", "teams"):
        Server, use = CHANNELS[name]
        server = Server()
        evil = messages.message(alerts=[messages.alert(name=messages.HOSTILE[0])])
        text = "{{#each alerts}}{{@number}}) {{summary}} ```{{object.name}}\n{{/each}}"
        with use(server, templates={"title": "OWN {{severity | upper}} {{labels.name}}", "text": text}) as u:
            delivered(u.send(evil))
            delivered(u.send(messages.storm(shown=100)))
            delivered(u.send(messages.hostile()))
        check("OWN CRITICAL" in dump(server.requests[0]["body"]), dump(server.requests[0]["body"]))
        check("1) " in dump(server.requests[0]["body"]), "the text")
        clean(server)
        for templates in ({"title": "{{no such field"}, {"text": "{{nosuchfield}}"}, {"title": "{{summary | nosuchfilter}}"}):
            with use(server, templates=templates) as u:
                r = u.result()
                check(r["rc"] == "invalid" and r["line"] == 1 and r["code"].startswith("/templates/"), f"{name}: {r}")


@case
def a_failing_answer_has_its_class():
    """Answers as the vendors document or are known to write them (answers.json says where)."""
    with open(os.path.join(HERE, "answers.json"), encoding="utf-8") as f:
        for known in json.load(f):
            for name in known["channels"]:
                Server, use = CHANNELS[name]
                server = Server()
                server.script = [DROP if known["answer"] == DROP else (known["answer"][0], known["answer"][1], known["answer"][2])]
                with use(server) as u:
                    r = u.send(messages.message())
                what = f"{name}, {known['what']}: {r['rc']} {r['code']} {r['error']}"
                check(r["rc"] == known["rc"], what)
                check(r["code"] == known.get("code", r["code"]), what)
                check(known.get("says", "") in r["error"], what)
                check(r["retryAfterMs"] == known.get("retryAfterMs", 0), what)
                clean(server)


@case
def nothing_listens_and_secrets_are_missing():
    server = Slack()
    server.shutdown()
    server.server_close()
    for name, (_, use) in CHANNELS.items():
        with use(server) as u:
            check(u.send(messages.message())["rc"] == "unavailable", name)
    server = Slack()
    for plugin, config in (("slack", {"urlFrom": {"env": "NOT_SET"}}), ("teams", {"urlFrom": {"env": "NOT_SET"}}),
                           ("slack", {"tokenFrom": {"env": "NOT_SET"}, "channel": "C0123456789"}), ("pagerduty", {"routingKeyFrom": {"env": "NOT_SET"}})):
        with Use(plugin, config) as u:
            check(u.ask({"probe": True})["rc"] == "denied", plugin)
            r = u.send(messages.message())
            check(r["rc"] == "denied" and "NOT_SET is not set" in r["error"], f"{plugin}: {r}")


@case
def each_channel_says_how_fast_it_may_be_told():
    for name, rate in (("slack-bot", "1/1000"), ("slack-webhook", "1/1000"), ("teams", "2/1000"), ("pagerduty", "100/60000")):
        Server, use = CHANNELS[name]
        with use(Server()) as u:
            check(u.ask({"rate": True})["reference"] == rate, name)


@case
def a_certificate_that_is_not_checked_is_warned_of_once():
    for name, (Server, use) in CHANNELS.items():
        with use(Server(), tls={"insecureSkipVerify": True}) as u:
            u.send(messages.message())
            log = u.send(messages.message(), key="key-2")["log"]
            check(log.count("insecureSkipVerify is set") == 1, f"{name}: {log}")


@case
def wrong_settings_are_found_at_load():
    url = {"env": "HOOK"}
    wrong = [
        ("slack", {}, ""), ("slack", {"tokenFrom": url}, ""), ("slack", {"urlFrom": "https://hooks.slack.com/services/T/B/CANARY"}, ""),
        ("slack", {"urlFrom": url, "broadcast": ["firing"]}, "firing"), ("slack", {"urlFrom": url, "language": "fr"}, "fr"),
        ("slack", {"urlFrom": url, "mentions": {"critical": "all of you"}}, ""), ("slack", {"urlFrom": url, "timeout": "0s"}, "timeout"),
        ("slack", {"tokenFrom": url, "channel": "#a", "apiUrl": "http://slack.example.com/api"}, "plain http"),
        ("teams", {}, "urlFrom"), ("teams", {"urlFrom": url, "nosuch": 1}, "nosuch"),
        ("pagerduty", {}, "routingKeyFrom"), ("pagerduty", {"routingKeyFrom": url, "severities": {"info": "low"}}, "low"),
        ("pagerduty", {"routingKeyFrom": url, "links": [{"href": "javascript:alert(1)"}]}, "https://"),
        ("pagerduty", {"routingKeyFrom": url, "links": [{"href": "https://{{rule}}/x"}]}, "https://"),
        ("pagerduty", {"routingKeyFrom": url, "links": [{"href": "https://a.example/{{nosuch}}"}]}, "nosuch"),
        ("pagerduty", {"routingKeyFrom": url, "url": "http://events.example.com/"}, "plain http"),
    ]
    for plugin, config, says in wrong:
        with Use(plugin, config, HOOK="https://hooks.example.com/services/T/B/X") as u:
            r = u.result()
            check(r["rc"] == "invalid" and r["line"] == 1 and says in r["error"], f"{plugin} {config}: {r}")
    retired = "https://contoso.webhook.office.com/webhookb2/CANARY@CANARY/IncomingWebhook/CANARY"
    with Use("teams", {"urlFrom": url}, HOOK=retired) as u:
        r = u.result()
        check(r["rc"] == "invalid" and "retired" in r["error"] and "contoso.webhook.office.com" in r["error"], r)
    for bad in ("ftp://x.example/CANARY", "http://x.example/CANARY", "CANARY"):
        for plugin in ("slack", "teams"):
            with Use(plugin, {"urlFrom": url}, HOOK=bad) as u:
                check(u.result()["rc"] == "invalid", f"{plugin} {bad}")


# --- Slack --------------------------------------------------------------------------------------------------------------

@case
def slack_has_one_message_for_an_incident_that_turns_green():
    server = Slack()
    with slack_bot(server) as u:
        check(delivered(u.ask({"probe": True})) and server.requests.pop()["path"] == "/api/auth.test", "probe")
        first = delivered(u.send(messages.message("firing")))
        reference = json.loads(first["reference"])
        check(reference["channel"] == "C0123456789" and reference["ts"], first)
        red = server.messages[reference["channel"], reference["ts"]]
        check(red["attachments"][0]["color"] == "#d00000", red["attachments"][0]["color"])
        for event in ("update", "acknowledged", "escalation", "repeat", "resolved"):
            check(delivered(u.send(messages.message(event), key=event, reference=first["reference"]))["reference"] == "", event)
    paths = [r["path"] for r in server.requests]
    check(paths == ["/api/chat.postMessage"] + ["/api/chat.update", "/api/chat.postMessage"] * 5, paths)
    for r in server.requests[2::2]:
        check(r["body"]["thread_ts"] == reference["ts"], "the reply isn't in the thread")
        key = r["body"]["metadata"]["event_payload"]["idempotency_key"]
        check(("reply_broadcast" in r["body"]) == (key in ("escalation", "repeat")), key)
    green = server.messages[reference["channel"], reference["ts"]]
    check(green["attachments"][0]["color"] == "#2eb67d", "it isn't green")
    clean(server)


@case
def slack_replies_only_to_what_is_asked_for():
    server = Slack()
    with slack_bot(server, threadReplies=["resolved"], broadcast=["resolved"]) as u:
        reference = delivered(u.send(messages.message()))["reference"]
        delivered(u.send(messages.message("update"), reference=reference))
        delivered(u.send(messages.message("resolved"), reference=reference))
    check([r["path"][5:] for r in server.requests] == ["chat.postMessage", "chat.update", "chat.update", "chat.postMessage"], "calls")
    check(server.requests[-1]["body"]["reply_broadcast"] is True, "broadcast")
    clean(server)


@case
def slack_posts_anew_where_the_message_is_gone_or_the_channel_another():
    server = Slack()
    with slack_bot(server) as u:
        for reference in ('{"channel":"C0123456789","ts":"1.000100","to":"#alerts"}', '{"channel":"C0999999999","ts":"1.000100","to":"#old"}',
                          "garbage", "[]", '{"channel":7}'):
            r = delivered(u.send(messages.message("update"), reference=reference))
            check(json.loads(r["reference"])["channel"] == "C0123456789", r)
        posted = len(server.messages)
        delivered(u.send(messages.message("firing"), reference=r["reference"]))
        check(len(server.messages) == posted + 1, "a firing must be seen")
    clean(server)


@case
def slack_tries_the_update_again_before_the_reply():
    server = Slack()
    with slack_bot(server) as u:
        reference = delivered(u.send(messages.message()))["reference"]
        server.script = [None, (429, {"Retry-After": "30"}, "")]
        r = u.send(messages.message("update"), reference=reference)
        check(r["rc"] == "throttled" and r["retryAfterMs"] == 30000, r)
        delivered(u.send(messages.message("update"), reference=reference, attempt=2))
        server.script = [None, DROP]
        check(u.send(messages.message("update"), reference=reference)["rc"] == "timeout", "a reply that may have arrived")
        delivered(u.send(messages.message("update"), reference=reference, attempt=2, uncertain=True))
        check("may be a duplicate" in dump(server.requests[-1]["body"]), "the reply doesn't say so")
        check("may be a duplicate" not in dump(server.requests[-2]["body"]), "the update says so")
        server.script = [None, (200, {}, '{"ok":false,"error":"restricted_action_thread_locked"}')]
        r = delivered(u.send(messages.message("update"), reference=reference))
        check("thread_locked" in r["log"], "a lost reply isn't logged")
    clean(server)


@case
def slack_mentions_whom_the_configuration_names_and_nobody_else():
    for who, written in (("here", "<!here>"), ("U012AB3CD", "<@U012AB3CD>"), ("S0123456", "<!subteam^S0123456>")):
        for use in (slack_bot, slack_hook):
            server = Slack()
            with use(server, mentions={"critical": who}) as u:
                reference = delivered(u.send(messages.message()))["reference"]
                controls = [c for t in texts_of(server.requests[0]["body"]) for c in contract.SLACK_CONTROL.findall(t)]
                check(controls == [written[1:-1]] * 2, controls)
                if use is slack_bot:
                    delivered(u.send(messages.message("resolved"), reference=reference))
                    check(all("<" not in t for r in server.requests[1:] for t in texts_of(r["body"])), "resolved mentions")
            clean(server)


# --- PagerDuty ----------------------------------------------------------------------------------------------------------

@case
def pagerduty_incidents_open_and_close():
    server = PagerDuty()
    with pagerduty(server) as u:
        delivered(u.ask({"probe": True}))
        for event in ("firing", "update", "repeat", "escalation", "acknowledged", "resolved"):
            delivered(u.send(messages.message(event), key=event))
        incident = messages.message()["incident"]
        check(server.log == [(a, incident) for a in ("trigger", "trigger", "trigger", "acknowledge", "resolve")], server.log)
        check(not server.open, "it stays open")
        delivered(u.send(messages.test_message()))
        check([a for a, _ in server.log[-2:]] == ["trigger", "resolve"] and not server.open, "a test")
    with pagerduty(server, repeat=True, severities={"critical": "error"}, links=[{"href": "https://runbooks.example.com/{{labels.name}}?x=1", "text": "Runbook"}]) as u:
        m = messages.message("repeat", [messages.alert(name="a b/../<x>&")])
        delivered(u.send(m))
        body = server.requests[-1]["body"]
        check(body["payload"]["severity"] == "error", "severity")
        check(body["links"] == [{"href": "https://runbooks.example.com/a%20b%2F..%2F%3Cx%3E%26?x=1", "text": "Runbook"}], body["links"])
    with Use("pagerduty", {"routingKeyFrom": {"env": "PD"}}, PD="short") as u:
        check(u.ask({"probe": True})["rc"] == "invalid", "a short key")
    clean(server)


# --- a whole service ----------------------------------------------------------------------------------------------------

CONFIG = """
{apiVersion: trueup.dev/v1, kind: Source, metadata: {name: src}, spec: {plugin: directory, config: {path: WORK/src}}}
---
{apiVersion: trueup.dev/v1, kind: Target, metadata: {name: prod}, spec: {plugin: directory, config: {path: WORK/live}}}
---
{apiVersion: trueup.dev/v1, kind: Rule, metadata: {name: shop}, spec: {from: src, to: prod, mode: audit}}
---
{apiVersion: trueup.dev/v1, kind: Notifier, metadata: {name: bot}, spec: {plugin: slack, config: {tokenFrom: {env: SLACK}, channel: "#alerts", apiUrl: "API"}}}
---
{apiVersion: trueup.dev/v1, kind: Notifier, metadata: {name: hook}, spec: {plugin: slack, config: {urlFrom: {env: HOOK}, language: ko}}}
---
{apiVersion: trueup.dev/v1, kind: Notifier, metadata: {name: teams}, spec: {plugin: teams, config: {urlFrom: {env: TEAMS}}}}
---
{apiVersion: trueup.dev/v1, kind: Notifier, metadata: {name: pager}, spec: {plugin: pagerduty, config: {routingKeyFrom: {env: PD}, url: "PAGER"}}}
---
apiVersion: trueup.dev/v1
kind: Routing
metadata: {name: all}
spec:
  receiver: bot
  groupWait: 100ms
  groupInterval: 100ms
  routes:
  - {name: hook, match: ["about = drift"], receiver: hook, continue: true}
  - {name: teams, match: ["about = drift"], receiver: teams, continue: true}
  - {name: pager, match: ["about = drift"], receiver: pager, continue: true}
  - {name: bot, match: ["about = drift"], receiver: bot}
"""


def wait_for(what, condition):
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    raise Failed(f"waited in vain: {what}")


def write(path, text):
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(path + ".new", path)


def has_looked(work):
    r = subprocess.run([f"{BUILD}/trueup", "status", "--state", "state", "-o", "json"], cwd=work, capture_output=True, text=True)
    try:
        rule = json.loads(r.stdout)["rules"][0]
        return rule["summary"]["pending"] == 0 and rule.get("revision")
    except (ValueError, KeyError, IndexError):
        return False


def titles_of(server):
    return [r["body"]["attachments"][0]["content"]["body"][0]["text"] for r in server.requests]


@case
def a_service_tells_every_channel_and_ends_what_it_began_after_a_crash():
    if not os.path.exists(f"{BUILD}/trueup"):
        return
    slack, teams_server, pager = Slack(), Teams(), PagerDuty()
    with tempfile.TemporaryDirectory() as work:
        environment = dict(os.environ, SLACK=SLACK_TOKEN, HOOK=slack.url + SLACK_HOOK, TEAMS=teams_server.url + TEAMS_PATH, PD=PAGERDUTY_KEY)
        write(f"{work}/trueup.yaml", CONFIG.replace("WORK", work).replace("API", slack.url + "/api").replace("PAGER", pager.url + "/v2/enqueue"))
        thing = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}\ndata: {colour: COLOUR}\n"
        for folder in ("src", "live"):
            os.mkdir(f"{work}/{folder}")
            write(f"{work}/{folder}/web.yaml", thing.replace("COLOUR", "blue"))
        for receiver in ("bot", "hook", "teams", "pager"):
            tried = subprocess.run([f"{BUILD}/trueup", "alert", "test", receiver, "-c", "trueup.yaml"], cwd=work, env=environment, capture_output=True, text=True)
            check(tried.returncode == 0 and "delivered" in tried.stdout and not tried.stderr, f"alert test {receiver}: {tried}")
        check(not pager.open and [a for a, _ in pager.log] == ["trigger", "resolve"], pager.log)
        log = open(f"{work}/log", "w+", encoding="utf-8")

        def run():
            return subprocess.Popen([f"{BUILD}/trueup", "run", "-c", "trueup.yaml", "--state", "state", "-o", "json"], cwd=work, env=environment, stdout=log, stderr=log)
        service = run()
        try:
            wait_for("the first look", lambda: has_looked(work))
            write(f"{work}/live/web.yaml", thing.replace("COLOUR", "red"))
            wait_for("everybody is told", lambda: len(slack.messages) == 2 and len(teams_server.requests) == 2 and len(pager.open) == 1
                     and sum(r["path"] == SLACK_HOOK for r in slack.requests) == 2)
            service.kill()
            service.wait()
            service = run()
            write(f"{work}/live/web.yaml", thing.replace("COLOUR", "green"))
            wait_for("the update of the same message", lambda: any(r["path"].endswith("update") and "green" in r["body"]["text"] for r in slack.requests))
            incident = next(iter(pager.open))
            acknowledged = subprocess.run([f"{BUILD}/trueup", "alert", "ack", incident, "--comment", "on it", "--state", "state"], cwd=work, capture_output=True, text=True)
            check(acknowledged.returncode == 0, acknowledged)
            wait_for("the acknowledgement", lambda: ("acknowledge", incident) in pager.log)
            write(f"{work}/live/web.yaml", thing.replace("COLOUR", "blue"))
            wait_for("all is green", lambda: any(m.get("attachments", [{}])[0].get("color") == "#2eb67d" for m in slack.messages.values() if m.get("attachments"))
                     and not pager.open and "resolved" in titles_of(teams_server)[-1] and "해결" in [r["body"]["text"] for r in slack.requests if r["path"] == SLACK_HOOK][-1])
            service.terminate()
            check(service.wait(30) == 0, "the service didn't end well")
        except Failed as e:
            log.seek(0)
            raise Failed(f"{e}\n{[(r['path'][5:20], r['body']['text']) for r in slack.requests]}\n{log.read()[-3000:]}") from e
        finally:
            service.kill()
            service.wait()
            log.close()
        for folder, _, names in os.walk(work):
            for name in names:
                with open(os.path.join(folder, name), "rb") as f:
                    held = f.read()
                for canary in CANARIES:
                    check(canary.encode() not in held, f"a secret is in {name}")
    for server in (slack, teams_server, pager):
        clean(server)


# --- golden files -------------------------------------------------------------------------------------------------------

@case
def shapes_are_as_they_were():
    cases = {"firing": [messages.message()], "storm": [messages.storm()], "hostile": [messages.hostile(count=2)],
             "resolved": [messages.message(), messages.message("resolved")]}
    for name, (Server, use) in CHANNELS.items():
        for shape, sequence in cases.items():
            for language in ("en", "ko") if shape == "firing" else ("en",):
                server = Server()
                with use(server, language=language) as u:
                    reference = ""
                    for m in sequence:
                        reference = delivered(u.send(m, reference=reference))["reference"]
                for r in server.requests:
                    r["body"].pop("routing_key", None)
                text = json.dumps([{"path": r["path"].split("?")[0] if name == "slack-bot" else "", "body": r["body"]} for r in server.requests],
                                  indent=1, ensure_ascii=False) + "\n"
                check("CANARY" not in text, "a secret in the golden file")
                path = os.path.join(HERE, "golden", f"{name}-{shape}{'-ko' if language == 'ko' else ''}.json")
                if os.environ.get("UPDATE"):
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    with open(path, "w", encoding="utf-8") as f:
                        f.write(text)
                with open(path, encoding="utf-8") as f:
                    check(f.read() == text, f"{os.path.basename(path)} differs; look with UPDATE=1 and git diff")


def main():
    wanted = sys.argv[1:]
    cases = [c for c in CASES if not wanted or c.__name__ in wanted]
    print(f"1..{len(cases)}")
    bad = 0
    for n, f in enumerate(cases, 1):
        try:
            f()
            print(f"ok {n} - {f.__name__}")
        except Failed as e:
            bad += 1
            print(f"not ok {n} - {f.__name__}\n# " + str(e).replace("\n", "\n# "))
        sys.stdout.flush()
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
