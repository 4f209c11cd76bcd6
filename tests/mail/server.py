"""A real SMTP server (aiosmtpd) that keeps what it takes, and refuses what a test tells it to."""
import asyncio
import os
import ssl
import subprocess
import threading

from aiosmtpd.smtp import SMTP, AuthResult, MISSING

PASSWORD = "pass-CANARY-word"
TOKEN = "token-CANARY"


def make_certificate(folder):
    """A key and a self-signed certificate for localhost; returns its file."""
    pem, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", pem], check=True, capture_output=True)
    return pem, key


class Handler:
    def __init__(self, server):
        self.s = server

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        self.s.commands.append("EHLO")
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        self.s.commands.append("MAIL")
        if "MAIL" in self.s.answers:
            return self.s.answers["MAIL"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.s.commands.append("RCPT " + address)
        answer = self.s.answers.get(address, self.s.answers.get("RCPT"))
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.s.commands.append("DATA")
        answer = self.s.answers.get("DATA")
        if answer == "drop":
            server.transport.abort()
            return "250 never read"
        if answer:
            return answer
        self.s.mails.append((envelope.mail_from, list(envelope.rcpt_tos), bytes(envelope.original_content), session.ssl is not None))
        if self.s.answers.get("AFTER") == "drop":  # taken, but the connection breaks behind the answer
            server.transport.write(b"250 taken\r\n")
            asyncio.get_running_loop().call_soon(server.transport.abort)
            return MISSING
        return "250 taken"

    async def auth_XOAUTH2(self, server, args):
        import base64
        text = base64.b64decode(args[1]).decode() if len(args) > 1 else (await server.challenge_auth("")).decode()
        self.s.logins.append(("XOAUTH2", text))
        return AuthResult(success=f"auth=Bearer {TOKEN}" in text)


class Server:
    """answers: {"MAIL"|"RCPT"|"DATA"|an address: "450 ...", or "drop"}"""

    def __init__(self, certificate=None, implicit=False, auth=False, mechanisms=("PLAIN", "LOGIN"), size=0, answers=None, greeting=None):
        self.mails, self.commands, self.logins, self.answers = [], [], [], answers or {}
        context = None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
        server = self

        def authenticate(smtp, session, envelope, mechanism, data):
            secure = session.ssl is not None or implicit
            server.logins.append((mechanism, data.password.decode(), secure))
            return AuthResult(success=data.login == b"trueup" and data.password == PASSWORD.encode(), handled=False)

        excluded = [m for m in ("PLAIN", "LOGIN", "XOAUTH2") if m not in mechanisms]

        def factory():
            return SMTP(Handler(self), hostname="mail.test", tls_context=None if implicit else context, require_starttls=bool(certificate) and not implicit,
                        auth_required=auth, auth_require_tls=not implicit and bool(certificate), authenticator=authenticate if auth else None,
                        auth_exclude_mechanism=excluded, data_size_limit=size or None, ident="test", loop=self.loop)

        self.loop = asyncio.new_event_loop()
        self.listening = self.loop.run_until_complete(
            self.loop.create_server(factory, "127.0.0.1", 0, ssl=context if implicit else None))
        self.port = self.listening.sockets[0].getsockname()[1]
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def close(self):
        self.loop.call_soon_threadsafe(self.listening.close)
