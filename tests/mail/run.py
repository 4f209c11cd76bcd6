"""The cases of run.sh. Each is a function whose name reads as a sentence; `check` says what must hold."""
import email
import email.policy
import email.utils
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "notifiers"))
import messages
from server import PASSWORD, TOKEN, Server, make_certificate

BUILD = os.environ["TRUEUP_BUILD_DIR"]
WORK = tempfile.mkdtemp(prefix="trueup-mail-")
CERTIFICATE = make_certificate(WORK)
STRICT = email.policy.SMTP.clone(raise_on_defect=True)
CASES = []


def case(f):
    CASES.append(f)
    return f


class Failed(Exception):
    pass


def check(ok, why):
    if not ok:
        raise Failed(why)


class Use:
    """One instance of the plugin under the real host."""

    def __init__(self, at, scratch="", **more):
        port = at if isinstance(at, int) else at.port
        config = {"server": f"smtp://localhost:{port}", "from": "trueup <trueup@example.com>", "to": ["ops@example.com"],
                  "tls": {"caFile": CERTIFICATE[0]}} | more
        self.p = subprocess.Popen([f"{BUILD}/tests/notifiers_driver", "email", json.dumps(config)] + ([scratch] if scratch else []),
                                  text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  env=dict(os.environ, MAIL_PASSWORD=PASSWORD, MAIL_TOKEN=TOKEN, MAIL_WRONG="wrong-CANARY"))

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


def tls_server(**more):
    return Server(certificate=CERTIFICATE, **more)


HEADERS = ["Date", "From", "To", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "X-Auto-Response-Suppress", "List-Id",
           "X-Trueup-Event", "X-Trueup-Status", "X-Trueup-Severity", "MIME-Version", "Content-Type"]


def read(mail, headers=HEADERS):
    """The mail as a strict parser reads it; fails when it isn't what it should be."""
    content = mail[2]
    check(not re.search(rb"(?<!\r)\n|\r(?!\n)", content), "a line end is no CR LF")
    longest = max(content.split(b"\r\n"), key=len)
    check(len(longest) <= 78, f"a line is too long: {longest}")
    check(all(b < 128 for b in content), "a byte isn't ASCII")
    m = email.message_from_bytes(content, policy=STRICT)
    check(headers is None or m.keys() == headers, f"headers: {m.keys()}")
    check(not m.defects, f"defects: {m.defects}")
    for part in m.walk():
        check(not part.defects, f"defects: {part.defects}")
    for name in m.keys():
        check(not m[name].defects, f"{name}: {m[name].defects}")
    return m


def parts(m):
    check(m.get_content_type() == "multipart/alternative", m.get_content_type())
    text, html = m.iter_parts()
    check((text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html"), "the order of the parts")
    return text.get_content(), html.get_content()


# --- what arrives -------------------------------------------------------------------------------------------------------

@case
def every_event_is_a_correct_mail_in_both_languages_and_one_thread():
    for language in ("en", "ko"):
        s = tls_server()
        with Use(s, language=language) as u:
            reference = ""
            for n, event in enumerate(messages.EVENTS):
                if event == "test":
                    continue
                r = u.send(messages.message(event), key=f"key-{n}", reference=reference)
                check(r["rc"] == "ok", r)
                reference = r["reference"]
        seen = [read(m) for m in s.mails]
        check(len({m["Subject"] for m in seen}) == 1, "the subject changes over the incident")
        check(seen[0]["Subject"] == "[trueup] payments: rule shop", seen[0]["Subject"])
        check(len({m["Message-ID"] for m in seen}) == len(seen), "two mails have one id")
        roots = {m["References"].split()[0] for m in seen}
        check(len(roots) == 1, f"threads: {roots}")
        for before, m in zip(seen, seen[1:]):
            check(m["In-Reply-To"] == before["Message-ID"] and m["References"].split()[-1] == before["Message-ID"], "not an answer to the mail before it")
        check(seen[0]["In-Reply-To"] in roots, seen[0]["In-Reply-To"])
        m = seen[0]
        check(m["Auto-Submitted"] == "auto-generated" and m["X-Auto-Response-Suppress"] == "All", "auto")
        check(m["List-Id"] == "<payments.trueup.example.com>", m["List-Id"])
        check(m["Date"].datetime.isoformat() == "2026-11-23T04:05:16+00:00", m["Date"])
        text, html = parts(m)
        for word in ("shop/cart", "/spec/replicas", "kubectl-edit", "9f3c1a2b4d5e", "Jane Doe", "trueup alert ack 3f2a6c1d", "shop.yaml"):
            check(word in text and word in html, f"{word} isn't told: {text} {html}")
        check("<img" not in html and "http" not in html and "<script" not in html, "the HTML reaches out")
        check(all(mail[3] and mail[0] == "trueup@example.com" and mail[1] == ["ops@example.com"] for mail in s.mails), "envelope or TLS")


@case
def a_note_is_told_in_the_users_language():
    s = tls_server()
    for language, note in (("en", "moved to route night"), ("ko", "다음 경로로 이동: night")):
        with Use(s, language=language) as u:
            check(u.send(messages.message(note="moved to route night"))["rc"] == "ok", "not sent")
        check(all(note in part for part in parts(read(s.mails[-1]))), f"{note} isn't told")


@case
def an_attempt_again_is_the_same_mail_and_says_when_it_may_be_a_duplicate():
    s = tls_server()
    with Use(s) as u:
        for context in ({}, {"attempt": 2}, {"attempt": 3, "uncertain": True}):
            check(u.send(**context)["rc"] == "ok", "not sent")
    check(s.mails[0] == s.mails[1], "an attempt has other bytes")
    m = read(s.mails[2], HEADERS[:-2] + ["X-Trueup-Possible-Duplicate"] + HEADERS[-2:])
    check(m["Message-ID"] == read(s.mails[0])["Message-ID"], "an attempt has another id")


@case
def a_storm_a_test_and_a_heartbeat_can_be_read():
    s = tls_server()
    with Use(s) as u:
        check(u.send(messages.message(alerts=[messages.alert(f"c-{n}", number=n) for n in range(1000)]), "1")["rc"] == "ok", "storm")
        check(u.send(messages.test_message(), "2")["rc"] == "ok", "test")
        check(u.send(messages.heartbeat(), "3")["rc"] == "ok", "heartbeat")
    text, html = parts(read(s.mails[0]))
    check("1,000" in text and "c-19" in html and "c-20" not in html and "980" in html, text[:300])
    test = read(s.mails[1], [h for h in HEADERS if h not in ("In-Reply-To", "References")])
    check("test" in test["Subject"], test["Subject"])
    read(s.mails[2], None)


@case
def several_recipients_and_names_are_in_the_headers():
    s = tls_server()
    name = "김철수 운영팀 " * 5
    with Use(s, to=["ops@example.com", "\"Doe, Jane\" <jane@example.org>"], cc=[f"{name}<kim@example.net>"], **{"from": "Über Größe <trueup@example.com>"}) as u:
        check(u.send()["rc"] == "ok", "not sent")
    m = read(s.mails[0], HEADERS[:3] + ["Cc"] + HEADERS[3:])
    check([a.addr_spec for a in m["To"].addresses] == ["ops@example.com", "jane@example.org"], m["To"])
    check(m["To"].addresses[1].display_name == "Doe, Jane", m["To"])
    check(m["From"].addresses[0].display_name == "Über Größe", m["From"])
    # (Python 3.11 puts a blank between two encoded words of a name, RFC 2047 section 6.2 doesn't)
    check(m["Cc"].addresses[0].display_name.replace(" ", "") == name.replace(" ", ""), m["Cc"])
    check(s.mails[0][1] == ["ops@example.com", "jane@example.org", "kim@example.net"], s.mails[0][1])


PIECES = ["\r\n", "\n", "\r", "\0", "\x1b[31m", "\x85", "\u2028", "\u202e", "Bcc: evil@example.com", "=?UTF-8?B?Zm9v?=", "<script>alert(1)</script>",
          "\"", "\\", ".", "\r\n.\r\n", "--=_trueup", "한국어", "😀", "a" * 300, " ", "\t", ":", ";", "=", "=3D", "From ", "{{summary}}", "&", "<", ">", "@"]


@case
def no_text_of_an_object_becomes_a_header_or_ends_the_mail():
    rng = random.Random(5)
    s = tls_server()
    with Use(s, templates={"subject": "{{summary}} {{route}} {{note}}"}) as templated, Use(s) as u:
        for n in range(150):
            def hostile():
                return "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 8)))
            m = messages.message(rng.choice(messages.EVENTS[:6]), alerts=[messages.alert(hostile(), namespace=hostile(), kind=hostile(), changes=[
                messages.change(path="/" + hostile(), desired=hostile(), live=hostile(), manager=hostile())])], note=hostile(), group={"rule": hostile(), "team": hostile()})
            m |= {"route": hostile(), "summary": hostile(), "severity": hostile()}
            m["incident"] = hostile()
            r = (templated if n % 2 else u).send(m, key=hostile(), reference=hostile())
            check(r["rc"] == "ok", r)
    check(len(s.mails) == 150, f"{len(s.mails)} mails")
    for mail in s.mails:
        m = read(mail, None)
        check(set(m.keys()) <= set(HEADERS) and len(m.keys()) == len(set(m.keys())), f"headers: {m.keys()}")
        check(mail[1] == ["ops@example.com"], f"recipients: {mail[1]}")
        check(not re.search("[\x00-\x1f\x7f-\x9f\u2028\u202e]", m["Subject"]), f"subject: {m['Subject']!r}")
        text, html = parts(m)
        check("<script" not in html, "mark-up gets through")
        check(not re.search("[\x00\x1b\x85\u2028\u202e]", text + html), f"control characters get through: {text!r}")


@case
def templates_are_checked_at_load_and_used():
    s = tls_server()
    with Use(s, templates={"subject": "드리프트 {{rule}}", "text": "T {{summary}}", "html": "<b>{{summary}}</b>"}) as u:
        check(u.send(messages.message(alerts=[messages.alert("<i>&")]))["rc"] == "ok", "not sent")
    m = read(s.mails[0])
    text, html = parts(m)
    check(m["Subject"] == "드리프트 shop", m["Subject"])
    check(text.startswith("T Deployment shop/<i>& drifted") and html.startswith("<b>Deployment shop/&lt;i&gt;&amp; drifted"), text + html)
    for name in ("subject", "text", "html"):
        with Use(s, templates={name: "{{sumary}}"}) as u:
            r = u.result()
            check(r["rc"] == "invalid" and r["code"] == f"/templates/{name}" and "sumary" in r["error"], r)


# --- recipients ---------------------------------------------------------------------------------------------------------

@case
def one_refused_recipient_does_not_keep_the_others_from_the_mail():
    s = tls_server(answers={"gone@example.com": "550 5.1.1 no such user"})
    with Use(s, to=["gone@example.com", "ops@example.com", "dev@example.com"]) as u:
        r = u.send()
        check(r["rc"] == "ok" and "gone@example.com (550 5.1.1 no such user)" in r["log"], r)
    check(s.mails[0][1] == ["ops@example.com", "dev@example.com"] and len(s.mails) == 1, s.mails[0][1])


@case
def who_was_put_off_is_tried_again_alone_also_after_a_restart():
    s = tls_server(answers={"slow@example.com": "450 4.2.1 greylisted", "gone@example.com": "550 gone"})
    scratch = os.path.join(WORK, "scratch")
    to = ["ops@example.com", "slow@example.com", "gone@example.com"]
    with Use(s, scratch, to=to) as u:
        for attempt in (1, 2):
            r = u.send(attempt=attempt)
            check(r["rc"] == "unavailable" and r["code"] == "recipients-later" and "slow@example.com (450 4.2.1 greylisted)" in r["error"], r)
            check("ops@" not in r["error"], r)
    check([m[1] for m in s.mails] == [["ops@example.com"]], [m[1] for m in s.mails])
    with Use(s, scratch, to=to) as u:
        check(u.send(attempt=3)["rc"] == "unavailable", "after a restart")
        check(len(s.mails) == 1 and s.commands.count("RCPT gone@example.com") == 1, s.commands)
        s.answers.clear()
        r = u.send(attempt=4)
        check(r["rc"] == "ok" and r["reference"], r)
        check([m[1] for m in s.mails] == [["ops@example.com"], ["slow@example.com"]], [m[1] for m in s.mails])
        check(s.mails[0][2] == s.mails[1][2], "the second has other bytes")
    check(not [f for f in os.listdir(scratch) if f.startswith("partial-")], os.listdir(scratch))


@case
def who_is_put_off_for_long_is_given_up_so_that_the_incident_goes_on():
    s = tls_server(answers={"slow@example.com": "450 4.2.1 later"})
    with Use(s, to=["ops@example.com", "slow@example.com"]) as u:
        r = u.send(attempt=9)
        check(r["rc"] == "ok" and "put off too long" in r["log"] and "slow@example.com" in r["log"], r)


@case
def when_nobody_is_accepted_the_worst_answer_decides():
    for answers, rc in (({"RCPT": "550 no"}, "refused"), ({"RCPT": "450 later"}, "unavailable"), ({"RCPT": "552 mailbox full"}, "unavailable"),
                        ({"a@example.com": "550 no", "b@example.com": "451 later"}, "unavailable"), ({"RCPT": "421 closing"}, "unavailable")):
        s = tls_server(answers=answers)
        with Use(s, to=["a@example.com", "b@example.com"]) as u:
            r = u.send()
            check(r["rc"] == rc and not s.mails, (answers, r))


# --- what the server says -----------------------------------------------------------------------------------------------

@case
def replies_are_classified():
    for where in ("MAIL", "DATA"):
        for reply, rc, code in (("421 4.3.2 shutting down", "unavailable", "smtp-421"), ("451 4.3.0 later", "unavailable", "smtp-451"),
                                ("452 4.3.1 no room", "unavailable", "smtp-452"), ("550 5.7.1 refused", "refused", "smtp-550"),
                                ("554 5.7.1 spam", "refused", "smtp-554"), ("552 5.3.4 too big", "refused", "too-large"),
                                ("554 5.3.4 message size exceeds limit", "refused", "too-large"), ("530 5.7.0 log in first", "denied", "smtp-530")):
            s = tls_server(answers={where: reply})
            with Use(s) as u:
                r = u.send()
                check((r["rc"], r["code"]) == (rc, code), (where, reply, r))
                check(f"smtp://localhost:{s.port} answered {reply[:3]}" in r["error"], r)


@case
def a_mail_that_is_too_large_is_told_so_before_it_is_sent_and_the_brief_one_fits():
    s = tls_server(size=20000)
    big = messages.message(alerts=[messages.alert(f"c-{n}", number=n) for n in range(20)])
    with Use(s) as u:
        r = u.send(big)
        check(r["rc"] == "refused" and r["code"] == "too-large" and "DATA" not in s.commands, (r, s.commands))
        check(u.send(big, attempt=2, brief=True)["rc"] == "ok", "brief")
    m = email.message_from_bytes(s.mails[0][2], policy=STRICT)
    check(m.get_content_type() == "text/plain" and len(s.mails[0][2]) < 20000 and "20 drifts" in m.get_content(), m.get_content())


@case
def no_answer_to_the_mail_is_a_timeout_and_an_answer_counts_however_the_connection_ends():
    s = tls_server(answers={"DATA": "drop"})
    with Use(s) as u:
        r = u.send()
        check((r["rc"], r["code"]) == ("timeout", "no-answer") and "may have been taken" in r["error"], r)
    s = tls_server(answers={"AFTER": "drop"})
    with Use(s) as u:
        check(u.send()["rc"] == "ok" and len(s.mails) == 1, "taken, but not counted")


@case
def what_is_not_there_is_tried_again():
    gone = socket.socket()
    gone.bind(("127.0.0.1", 0))
    port = gone.getsockname()[1]
    with Use(port) as u:
        r = u.send()
        check((r["rc"], r["code"]) == ("unavailable", "connect"), r)
    with Use(port, server="smtp://no-such-host.invalid") as u:
        r = u.send()
        check((r["rc"], r["code"]) == ("unavailable", "dns"), r)
    gone.listen(1)  # takes the connection and never says a word
    with Use(port, timeout="1s") as u:
        r = u.send()
        check((r["rc"], r["code"]) == ("unavailable", "timeout"), r)
    gone.close()


# --- TLS and logging in -------------------------------------------------------------------------------------------------

@case
def nothing_is_sent_without_tls_unless_the_user_says_so():
    s = Server(auth=True)
    s2 = Server()
    with Use(s, username="trueup", password={"env": "MAIL_PASSWORD"}) as u:
        r = u.send()
        check((r["rc"], r["code"]) == ("integrity", "starttls"), r)
        check(not s.logins and s.commands == ["EHLO"], (s.logins, s.commands))
    with Use(s2, starttls="never") as u:
        check(u.send()["rc"] == "ok" and not s2.mails[0][3], "plain")


@case
def a_certificate_that_nobody_vouches_for_is_refused():
    s = tls_server(auth=True)
    other = make_certificate(tempfile.mkdtemp(dir=WORK))
    with Use(s, tls={"caFile": other[0]}, username="trueup", password={"env": "MAIL_PASSWORD"}) as u:
        r = u.send()
        check((r["rc"], r["code"]) == ("integrity", "tls-verify") and not s.logins, r)


@case
def logging_in_by_password_and_token_happens_inside_tls():
    for mechanisms in (("PLAIN",), ("LOGIN",), ("PLAIN", "LOGIN")):
        s = tls_server(auth=True, mechanisms=mechanisms)
        with Use(s, username="trueup", password={"env": "MAIL_PASSWORD"}) as u:
            check(u.ask(probe=True)["rc"] == "ok" and not s.mails, "probe")
            check(u.send()["rc"] == "ok", mechanisms)
            check(len(s.mails) == 1 and all(secure for *_, secure in s.logins), s.logins)
    s = tls_server(auth=True, mechanisms=("XOAUTH2", "PLAIN"))
    with Use(s, username="trueup", token={"env": "MAIL_TOKEN"}) as u:
        r = u.send()
        check(r["rc"] == "ok" and s.logins[0][0] == "XOAUTH2" and "user=trueup" in s.logins[0][1], (r, s.logins))


@case
def a_wrong_password_is_denied_and_never_told():
    s = tls_server(auth=True)
    with Use(s, username="trueup", password={"env": "MAIL_WRONG"}) as u:
        for r in (u.send(), u.ask(probe=True)):
            check((r["rc"], r["code"]) == ("denied", "smtp-535") and "check username and password" in r["error"], r)
    s = tls_server(auth=True, mechanisms=("XOAUTH2",))
    with Use(s, username="trueup", password={"env": "MAIL_PASSWORD"}) as u:
        check(u.send()["rc"] == "denied", "no mechanism")


@case
def implicit_tls_is_spoken_to_smtps():
    s = Server(certificate=CERTIFICATE, implicit=True, auth=False)
    with Use(s, server=f"smtps://localhost:{s.port}") as u:
        check(u.send()["rc"] == "ok" and u.ask(probe=True)["rc"] == "ok", "smtps")
    check(len(s.mails) == 1, "no mail")


# --- mistakes in the configuration --------------------------------------------------------------------------------------

@case
def mistakes_are_found_at_load_where_they_stand():
    for more, where, words in (
            ({"server": "http://mail"}, "/server", "write smtp://host:587"), ({"server": "smtp://a:b@mail"}, "/server", "only scheme, host and port"),
            ({"server": "smtp://mail/x"}, "/server", "only scheme"), ({"from": "nobody"}, "/from", "no address"), ({"from": "a@b\r\nBcc: x@y"}, "/from", "control character"),
            ({"to": []}, "/to", "nobody would get"), ({"to": ["a@b.c", "A@B.C"]}, "/to/1", "there already"), ({"cc": ["a b@c.d"]}, "/cc/0", "no address"),
            ({"to": ["müller@example.com"]}, "/to/0", "ASCII"), ({"to": ["a@b>\n"]}, "/to/0", "control"), ({"to": ["a@b..c"]}, "/to/0", "domain"),
            ({"to": ["a@" + "b" * 300]}, "/to/0", "longer"), ({"username": "u"}, "/username", "missing"), ({"password": {"env": "X"}}, "/password", "username is missing"),
            ({"username": "u", "password": {"env": "X"}, "token": {"env": "Y"}}, "/token", "a password already"),
            ({"starttls": "never", "server": "smtp://mail.example.com", "username": "u", "password": {"env": "X"}}, "/starttls", "in clear"),
            ({"timeout": "0s"}, "/timeout", "longer than nothing")):
        with Use(1, **more) as u:
            r = u.result()
            check(r["rc"] == "invalid" and words in r["error"] and r["code"] == where, (more, r))


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
    shutil.rmtree(WORK, ignore_errors=True)
    return failed > 0


sys.exit(main())
