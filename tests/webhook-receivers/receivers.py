"""Servers that take what ntfy, Gotify, Discord, Mattermost, Google Chat and Telegram take, and refuse the rest.

Limits and rules: https://docs.ntfy.sh/publish, https://gotify.net/api-docs, https://discord.com/developers/docs/resources/webhook
and .../message#embed-object-embed-limits, https://developers.mattermost.com/integrate/webhooks/incoming,
https://developers.google.com/workspace/chat/api/reference/rest/v1/cards, https://core.telegram.org/bots/api#sendmessage.
A request that the real service would refuse, cut or show wrongly is kept in `.mistakes`.
"""
import html.parser
import http.server
import json
import re
import sys
import threading
import os

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "notifiers"))
from contract import HIDDEN, Refused, need, only, text_of, unique, units  # noqa: E402

MENTION = re.compile(r"(?<![A-Za-z0-9\u0080-\U0010ffff])@[A-Za-z]")
FENCE = re.compile(r"```.*?```|`[^`]*`", re.S)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a):
        pass

    def do_POST(self):
        s = self.server
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {k.lower(): v.encode("latin-1").decode("utf-8") for k, v in self.headers.items()}
        try:
            need("transfer-encoding" not in headers, "the body is chunked")
            for name, value in headers.items():
                need(not HIDDEN.search(value), f"{name} has a control character")
            body = raw.decode("utf-8")
            if s.JSON:
                need(headers.get("content-type", "").startswith("application/json"), "the content type isn't JSON")
                body = json.loads(body, object_pairs_hook=unique)
            need(self.path == s.PATH, f"the path is {self.path}")
            s.check(headers, body)
            status, kind, answer = s.ANSWER
        except (Refused, ValueError, KeyError, TypeError) as e:
            s.mistakes.append(f"{type(s).__name__}: {type(e).__name__}: {e}")
            status, kind, answer, body = 400, "application/json", '{"ok":false,"error":"refused"}', None
        s.requests.append({"headers": headers, "raw": raw, "body": body})
        if s.script:
            status, kind, answer = s.script.pop(0)
        data = answer.encode()
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data if status != 204 else b"")


class Receiver(http.server.ThreadingHTTPServer):
    daemon_threads = True
    JSON = True
    ANSWER = 200, "application/json", "{}"

    def __init__(self):
        self.requests, self.mistakes, self.script = [], [], []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}{self.PATH}"

    def handle_error(self, request, client_address):
        pass


def no_mention(text, where):
    need(not MENTION.search(FENCE.sub("", text)), f"{where} mentions somebody: {text!r:.300}")
    need(text.count("```") % 2 == 0, f"{where} has an open fence: {text!r:.300}")


class Ntfy(Receiver):
    FILE, VARIABLE, PATH, JSON = "ntfy.yaml", "NTFY_URL", "/CANARY-topic", False
    ANSWER = 200, "application/json", '{"id":"Xy","time":1,"event":"message","topic":"t"}'

    def check(self, headers, body):
        need(headers["content-type"].startswith("text/plain"), "the content type")
        need(1 <= len(body.encode()) <= 4096, f"a message of {len(body.encode())} bytes becomes an attachment")
        text_of(body, "the message", 4096)
        text_of(headers["x-title"], "X-Title", 250)
        need(re.fullmatch("[1-5]", headers["x-priority"]), f"X-Priority is {headers['x-priority']!r}")
        need(re.fullmatch("[a-z_]+(,[a-z_]+){0,4}", headers["x-tags"]), f"X-Tags is {headers['x-tags']!r}")


class Gotify(Receiver):
    FILE, VARIABLE, PATH = "gotify.yaml", "GOTIFY_TOKEN", "/message"
    ANSWER = 200, "application/json", '{"id":25,"appid":5,"message":"m"}'

    def check(self, headers, body):
        need(headers.get("x-gotify-key") == "CANARY-token", "the token")
        only(body, ("title", "message", "priority", "extras"), "the message")
        text_of(body["title"], "title", 1000)
        text_of(body["message"], "message", 20000)
        need(isinstance(body["priority"], int) and 0 <= body["priority"] <= 10, "priority")
        need(all(re.fullmatch(r"[a-z]+::[a-z]+", k) for k in body["extras"]), "extras are namespaced")


class Discord(Receiver):
    FILE, VARIABLE, PATH = "discord.yaml", "DISCORD_URL", "/api/webhooks/1/CANARY?wait=true"
    ANSWER = 200, "application/json", '{"id":"1","type":0,"content":""}'

    def check(self, headers, body):
        only(body, ("username", "content", "embeds", "allowed_mentions"), "the message")
        need(body["allowed_mentions"] == {"parse": []}, "mentions are possible")
        need("content" in body or body.get("embeds"), "an empty message")
        text_of(body["username"], "username", 80)
        need("discord" not in body["username"].lower(), "username")
        need(len(body["embeds"]) <= 10, "more than 10 embeds")
        total = 0
        for e in body["embeds"]:
            only(e, ("title", "description", "url", "timestamp", "color", "fields", "footer"), "an embed")
            total += units(text_of(e["title"], "title", 256)) + units(text_of(e["description"], "description", 4096))
            no_mention(e["title"], "title")
            no_mention(e["description"], "description")
            need(isinstance(e["color"], int) and 0 <= e["color"] <= 0xFFFFFF, "color")
            need("timestamp" not in e or re.match(r"\d{4}-\d\d-\d\dT", e["timestamp"]), "timestamp")
            need(len(e["fields"]) <= 25, "more than 25 fields")
            for f in e["fields"]:
                only(f, ("name", "value", "inline"), "a field")
                total += units(text_of(f["name"], "a field's name", 256)) + units(text_of(f["value"], "a field's value", 1024))
                need(f["value"].strip(), "a field without a value")
        need(total <= 6000, f"{total} characters in all embeds")


class Mattermost(Receiver):
    FILE, VARIABLE, PATH = "mattermost.yaml", "MATTERMOST_URL", "/hooks/CANARY"
    ANSWER = 200, "text/plain", "ok"

    def check(self, headers, body):
        only(body, ("text", "username", "channel", "icon_url", "attachments", "props", "type", "priority"), "the message")
        need(len(json.dumps(body)) < 65536, "too large")
        for a in body["attachments"]:
            only(a, ("fallback", "color", "pretext", "text", "title", "title_link", "fields", "footer"), "an attachment")
            need(re.fullmatch("#[0-9a-f]{6}", a["color"]), "color")
            for name, limit in (("fallback", 1000), ("title", 1000), ("text", 7600)):
                no_mention(text_of(a[name], name, limit), name)
            for f in a["fields"]:
                only(f, ("title", "value", "short"), "a field")
                need(isinstance(f["short"], bool), "short")
                no_mention(text_of(f["value"], "a field's value", 2000), "a field")


class Markup(html.parser.HTMLParser):
    """HTML as chats know it: few tags, closed in order; the entities that they know."""

    def __init__(self, tags):
        super().__init__(convert_charrefs=False)
        self.tags, self.open, self.text = tags, [], ""

    def handle_starttag(self, tag, attributes):
        need(tag in self.tags and not attributes, f"a tag <{tag}> {attributes}")
        self.open.append(tag)

    def handle_endtag(self, tag):
        need(self.open and self.open.pop() == tag, f"</{tag}> closes nothing")

    def handle_data(self, data):
        need("<" not in data and "&" not in data, f"a bare character in {data!r}")
        self.text += data

    def handle_entityref(self, name):
        need(name in ("lt", "gt", "amp", "quot"), f"an entity &{name};")
        self.text += "x"

    def handle_charref(self, name):
        self.text += "x"

    def handle_comment(self, data):
        raise Refused("a comment")

    handle_decl = handle_pi = unknown_decl = handle_comment

    @classmethod
    def read(cls, text, tags, where, limit):
        parser = cls(tags)
        parser.feed(text)
        parser.close()
        need(not parser.open, f"{where}: <{parser.open}> isn't closed")
        return text_of(parser.text, where, limit)


class GoogleChat(Receiver):
    FILE, VARIABLE, PATH = "google-chat.yaml", "GOOGLE_CHAT_URL", "/v1/spaces/A/messages?key=k&token=CANARY"
    ANSWER = 200, "application/json; charset=UTF-8", '{"name":"spaces/A/messages/1"}'

    def check(self, headers, body):
        only(body, ("text", "thread", "cardsV2"), "the message")
        need(len(json.dumps(body, ensure_ascii=False).encode()) <= 32000, "more than 32,000 bytes")
        need("thread" not in body or 0 < len(body["thread"]["threadKey"]) <= 4000, "threadKey")
        for c in body["cardsV2"]:
            only(c, ("cardId", "card"), "a card")
            need(c["cardId"], "cardId")
            for section in c["card"]["sections"]:
                only(section, ("header", "widgets"), "a section")
                need(1 <= len(section["widgets"]) <= 100, "widgets")
                for w in section["widgets"]:
                    only(w, ("textParagraph", "decoratedText"), "a widget")
                    for kind, content in w.items():
                        only(content, ("text", "topLabel", "wrapText"), kind)
                        Markup.read(content["text"], ("b",), kind, 4096)


class Telegram(Receiver):
    FILE, VARIABLE, PATH = "telegram.yaml", "TELEGRAM_URL", "/botCANARY/sendMessage"
    ANSWER = 200, "application/json", '{"ok":true,"result":{"message_id":7}}'

    def check(self, headers, body):
        only(body, ("chat_id", "text", "parse_mode", "disable_notification", "link_preview_options"), "the message")
        need(body["parse_mode"] == "HTML" and body["chat_id"], "parse_mode and chat_id")
        need(isinstance(body["disable_notification"], bool), "disable_notification")
        Markup.read(body["text"], ("b", "pre", "code"), "text", 4096)


ALL = (Ntfy, Gotify, Discord, Mattermost, GoogleChat, Telegram)
