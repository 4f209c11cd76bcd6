"""Servers that take what Slack, Microsoft Teams' workflows and PagerDuty take, and refuse the rest.

Each is a real HTTP server on a port of the system's choice. A request is checked against the vendor's published
contract (required fields, types, limits, unknown fields, escaping): one that the real service would refuse, cut or
show wrongly is answered as the service answers it, and its mistakes are kept in `.mistakes`. `.script` holds
answers (status, headers, body) to give instead, one for each request; DROP closes the connection without one.
Limits: https://docs.slack.dev/reference/block-kit, https://docs.slack.dev/reference/methods/chat.postMessage,
https://adaptivecards.io/explorer (1.4), https://learn.microsoft.com/connectors/teams,
https://developer.pagerduty.com/docs/events-api-v2/trigger-events.
"""
import http.server
import json
import re
import struct
import threading
import socket

DROP = "drop"


def units(text):
    """Characters as the strictest service counts them: UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


# What turns, hides or breaks text: never in what a service gets to show. U+200B may stand behind an "@" (so that it mentions nobody).
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|(?<!@)\u200b")


class Refused(Exception):
    pass


def need(ok, why):
    if not ok:
        raise Refused(why)


def only(value, allowed, where):
    need(isinstance(value, dict), f"{where} is no object")
    unknown = set(value) - set(allowed)
    need(not unknown, f"{where} has unknown members {sorted(unknown)}")


def text_of(value, where, limit, least=1):
    need(isinstance(value, str), f"{where} is no text")
    need(least <= units(value) <= limit, f"{where} has {units(value)} characters of {limit}")
    need(not HIDDEN.search(value), f"{where} has a control or bidi character: {HIDDEN.search(value)}")
    return value


def unique(pairs):
    keys = [k for k, _ in pairs]
    need(len(keys) == len(set(keys)), f"a member comes twice in {keys}")
    return dict(pairs)


class Contract(http.server.ThreadingHTTPServer):
    daemon_threads = True
    made = []

    def __init__(self):
        Contract.made.append(self)
        self.requests, self.mistakes, self.script = [], [], []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a):
        pass

    def answer(self, status, headers, body):
        body = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        s = self.server
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            need(self.headers.get("Content-Type", "").startswith("application/json"), "the content type isn't JSON")
            need("chunked" not in self.headers.get("Transfer-Encoding", ""), "the body is chunked")
            body = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
            problem = None
        except (Refused, ValueError) as e:
            body, problem = None, str(e)
        s.requests.append({"path": self.path, "headers": dict(self.headers), "body": body, "raw": raw})
        checked = s.check(self.path, self.headers, body, raw, problem)
        if s.script:
            scripted = s.script.pop(0)
            if scripted == DROP:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                return
            if scripted:
                return self.answer(*scripted)
        self.answer(*checked)


# --- Slack ----------------------------------------------------------------------------------------------------------

SLACK_TOKEN = "xoxb-CANARY-token-0123456789"
SLACK_HOOK = "/services/T0CANARY/B0CANARY/XcanaryXcanaryX"
SLACK_CONTROL = re.compile(r"<([^<>]*)>")


class Slack(Contract):
    def __init__(self):
        self.messages, self.clock = {}, 1700000000
        super().__init__()

    def mrkdwn(self, text, where, limit):
        text_of(text, where, limit)
        need(not re.search(r"&(?!amp;|lt;|gt;)", text), f"{where} has a bare &: {text!r}")
        bare = SLACK_CONTROL.sub("", text)
        need("<" not in bare and ">" not in bare, f"{where} has a bare < or >: {text!r}")
        need(text.count("```") % 2 == 0, f"{where} has an open fence: {text!r}")
        return text

    def text_object(self, o, where, limit, types=("mrkdwn", "plain_text")):
        need(isinstance(o, dict) and o.get("type") in types, f"{where}: type is not one of {types}")
        only(o, ("type", "text", "verbatim") if o["type"] == "mrkdwn" else ("type", "text", "emoji"), where)
        need(o["type"] != "mrkdwn" or o.get("verbatim") is True, f"{where}: links and names are made of plain text")
        self.mrkdwn(o.get("text"), where, limit)
        return units(o["text"])

    def block(self, b, where):
        need(isinstance(b, dict), f"{where} is no block")
        if b.get("type") == "header":
            only(b, ("type", "text"), where)
            return self.text_object(b.get("text"), where, 150, ("plain_text",))
        if b.get("type") == "section":
            only(b, ("type", "text"), where)
            return self.text_object(b.get("text"), where, 3000)
        if b.get("type") == "context":
            only(b, ("type", "elements"), where)
            need(isinstance(b.get("elements"), list) and 1 <= len(b["elements"]) <= 10, f"{where}: 1 to 10 elements")
            return sum(self.text_object(e, where, 2000) for e in b["elements"])
        raise Refused(f"{where}: a block of type {b.get('type')!r}")

    def layout(self, body):
        self.mrkdwn(body.get("text"), "text", 4000)
        blocks = body.get("blocks", [])
        attachments = body.get("attachments", [])
        need(isinstance(blocks, list) and isinstance(attachments, list), "blocks or attachments are no list")
        count, total = len(blocks), sum(self.block(b, f"blocks[{i}]") for i, b in enumerate(blocks))
        for i, a in enumerate(attachments):
            only(a, ("color", "blocks", "fallback"), f"attachments[{i}]")
            need(re.fullmatch(r"#[0-9a-f]{6}", a.get("color", "")), "color isn't one")
            need(isinstance(a.get("blocks"), list) and a["blocks"], "an attachment without blocks")
            count += len(a["blocks"])
            total += sum(self.block(b, f"attachments[{i}].blocks[{k}]") for k, b in enumerate(a["blocks"]))
        need(count <= 50, "more than 50 blocks")
        need(total <= 13000, f"msg_blocks_too_long: {total}")

    def arguments(self, body, names):
        only(body, names, "the call")
        need(re.fullmatch(r"#?[\w-]+", body.get("channel") or ""), "channel is missing")
        need(body.get("parse") == "none" and body.get("link_names") is False, "names would be linked")
        metadata = body.get("metadata")
        only(metadata, ("event_type", "event_payload"), "metadata")
        need(re.fullmatch(r"[a-z0-9_]+", metadata["event_type"]), "metadata.event_type")
        need(all(isinstance(v, str) for v in metadata["event_payload"].values()), "metadata.event_payload")
        need(metadata["event_payload"]["idempotency_key"], "no idempotency key")

    def api(self, method, body):
        common = ("channel", "text", "blocks", "attachments", "parse", "link_names", "metadata")
        if method == "auth.test":
            only(body, (), "the call")
            return {"ok": True, "url": "https://example.slack.com/", "team": "T", "user": "trueup", "bot_id": "B1"}
        self.arguments(body, common + (("ts",) if method == "chat.update" else
                                       ("unfurl_links", "unfurl_media", "thread_ts", "reply_broadcast")))
        self.layout(body)
        if method == "chat.update":
            need(re.fullmatch(r"[CGD][A-Z0-9]{8,}", body["channel"]), "chat.update wants the channel's ID")
            if (body["channel"], body.get("ts")) not in self.messages:
                return {"ok": False, "error": "message_not_found"}
            self.messages[body["channel"], body["ts"]] = body
            return {"ok": True, "channel": body["channel"], "ts": body["ts"], "text": body["text"], "message": {"text": body["text"]}}
        channel = "C0123456789"
        if body["channel"] not in ("#alerts", "C0123456789"):
            return {"ok": False, "error": "channel_not_found"}
        need(body.get("unfurl_links") is False and body.get("unfurl_media") is False, "links are unfurled")
        thread = body.get("thread_ts")
        need(thread is None or (channel, thread) in self.messages, "thread_ts is no message")
        need("reply_broadcast" not in body or thread, "reply_broadcast without thread_ts")
        self.clock += 1
        ts = f"{self.clock}.000100"
        self.messages[channel, ts] = body
        return {"ok": True, "channel": channel, "ts": ts, "message": {"type": "message", "text": body["text"]}}

    def check(self, path, headers, body, raw, problem):
        try:
            need(problem is None, problem)
            if path == SLACK_HOOK:
                need("Authorization" not in headers, "a webhook gets a token")
                only(body, ("text", "blocks", "attachments", "unfurl_links", "unfurl_media"), "the message")
                self.layout(body)
                return 200, {"Content-Type": "text/html"}, "ok"
            need(path.startswith("/api/"), f"path {path}")
            if headers.get("Authorization") != f"Bearer {SLACK_TOKEN}":
                return 200, {"Content-Type": "application/json"}, '{"ok":false,"error":"invalid_auth"}'
            return 200, {"Content-Type": "application/json; charset=utf-8"}, json.dumps(self.api(path[5:], body))
        except Refused as e:
            self.mistakes.append(str(e))
            if path == SLACK_HOOK:
                return 400, {}, "invalid_payload"
            return 200, {}, '{"ok":false,"error":"invalid_arguments"}'


# --- Microsoft Teams ------------------------------------------------------------------------------------------------

TEAMS_PATH = "/workflows/0123/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers&sv=1.0&sig=CANARYsig0123"
MARK = r"\\.|"  # an escaped character is none
LIVE_MARKDOWN = re.compile(r"(?<!\\)(?:\\\\)*(\[[^\]]*\]\(|<at>)")


class Teams(Contract):
    ELEMENTS = {
        "TextBlock": {"text": str, "wrap": bool, "size": ("Small", "Default", "Medium", "Large", "ExtraLarge"),
                      "weight": ("Lighter", "Default", "Bolder"),
                      "color": ("Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"),
                      "isSubtle": bool, "spacing": ("None", "Small", "Default", "Medium"), "separator": bool},
        "Container": {"items": list, "separator": bool},
        "FactSet": {"facts": list},
        "RichTextBlock": {"inlines": list, "spacing": ("None", "Small", "Default", "Medium")},
        "TextRun": {"text": str, "fontType": ("Default", "Monospace")},
    }
    REQUIRED = {"TextBlock": "text", "Container": "items", "FactSet": "facts", "RichTextBlock": "inlines", "TextRun": "text"}

    def element(self, e, where):
        need(isinstance(e, dict) and e.get("type") in self.ELEMENTS, f"{where}: an element {e!r:.80}")
        known = self.ELEMENTS[e["type"]]
        only(e, ("type",) + tuple(known), where)
        need(self.REQUIRED[e["type"]] in e, f"{where}: {e['type']} lacks {self.REQUIRED[e['type']]}")
        for name, kind in known.items():
            if name in e:
                need(e[name] in kind if isinstance(kind, tuple) else isinstance(e[name], kind), f"{where}.{name}: {e[name]!r:.80}")
        if e["type"] in ("TextBlock", "TextRun"):
            text_of(e["text"], where, 20000)
        if e["type"] == "TextBlock":
            need(not LIVE_MARKDOWN.search(e["text"]), f"{where}: a live link or mention: {e['text']!r}")
        for i, item in enumerate(e.get("items", []) + e.get("inlines", [])):
            self.element(item, f"{where}[{i}]")
        need(e["type"] not in ("Container", "FactSet", "RichTextBlock") or e[self.REQUIRED[e["type"]]], f"{where}: it is empty")
        for fact in e.get("facts", []):
            only(fact, ("title", "value"), where)
            for name in ("title", "value"):
                need(not LIVE_MARKDOWN.search(text_of(fact.get(name), where, 2000)), f"{where}: a live link: {fact!r}")

    def card(self, body, raw):
        only(body, ("type", "attachments"), "the message")
        need(body.get("type") == "message" and len(body.get("attachments", ())) == 1, "type or attachments")
        a = body["attachments"][0]
        only(a, ("contentType", "contentUrl", "content"), "the attachment")
        need(a["contentType"] == "application/vnd.microsoft.card.adaptive" and a["contentUrl"] is None, "the content's type")
        card = a["content"]
        only(card, ("$schema", "type", "version", "body", "msteams"), "the card")
        need(card["type"] == "AdaptiveCard" and card["version"] == "1.4" and card["msteams"] == {"width": "Full"}, "the card's head")
        need(isinstance(card["body"], list) and card["body"], "a card without body")
        for i, e in enumerate(card["body"]):
            self.element(e, f"body[{i}]")
        need(len(raw) <= 20 * 1024, f"{len(raw)} bytes: Teams would drop it after the 202")

    def check(self, path, headers, body, raw, problem):
        try:
            need(problem is None, problem)
            if path != TEAMS_PATH:
                return 401, {}, '{"error":{"code":"DirectApiAuthorizationRequired","message":"The request must be authenticated only by Shared Access scheme."}}'
            self.card(body, raw)
            return 202, {}, ""
        except Refused as e:
            self.mistakes.append(str(e))
            return 400, {}, '{"error":{"code":"TriggerInputSchemaMismatch","message":"The input body for trigger manual did not match its schema definition."}}'


# --- PagerDuty ------------------------------------------------------------------------------------------------------

PAGERDUTY_KEY = "CANARY0123456789abcdef0123456789"[:32]


class PagerDuty(Contract):
    def __init__(self):
        self.open, self.log = {}, []
        super().__init__()

    def event(self, e, raw):
        need(len(raw) <= 512 * 1024, "the event is larger than 512 KB")
        need(isinstance(e, dict) and e.get("event_action") in ("trigger", "acknowledge", "resolve"), "event_action is missing or not supported")
        action = e["event_action"]
        triggers = ("payload", "client", "client_url", "links", "images") if action == "trigger" else ()
        only(e, ("routing_key", "event_action", "dedup_key") + triggers, "the event")
        need(isinstance(e.get("routing_key"), str) and len(e["routing_key"]) == 32, "Length of 'routing_key' is incorrect (should be 32 characters)")
        text_of(e.get("dedup_key"), "dedup_key", 255)
        if action == "trigger":
            self.payload(e.get("payload"))
            for link in e.get("links", []):
                only(link, ("href", "text"), "a link")
                need(re.match(r"https?://[^\s]+$", link.get("href", "")), "a link's href")
        return action

    def payload(self, p):
        only(p, ("summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"), "payload")
        text_of(p.get("summary"), "payload.summary", 1024)
        text_of(p.get("source"), "payload.source", 1024)
        need(p.get("severity") in ("critical", "error", "warning", "info"), "payload.severity")
        need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", p.get("timestamp", "")), "payload.timestamp")
        for name in ("component", "group", "class"):
            need(name not in p or text_of(p[name], name, 1024), name)
        need(isinstance(p.get("custom_details", {}), dict), "payload.custom_details")
        self.details(p.get("custom_details", {}))

    def details(self, value):
        if isinstance(value, str):
            text_of(value, "custom_details", 512 * 1024, 0)
        for v in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self.details(v)

    def check(self, path, headers, body, raw, problem):
        try:
            need(problem is None and path == "/v2/enqueue", problem or path)
            action = self.event(body, raw)
            need(body["routing_key"] == PAGERDUTY_KEY, "'routing_key' is invalid")
            key = body["dedup_key"]
            self.log.append((action, key))
            if action == "trigger":
                self.open[key] = body
            elif action == "resolve":
                self.open.pop(key, None)
            return 202, {"Content-Type": "application/json"}, json.dumps({"status": "success", "message": "Event processed", "dedup_key": key})
        except Refused as e:
            self.mistakes.append(str(e))
            return 400, {}, json.dumps({"status": "invalid event", "message": "Event object is invalid", "errors": [str(e)]})
