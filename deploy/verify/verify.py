#!/usr/bin/env python3
"""Checks the signature of a message from trueup's notifier-webhook. Copy trueup_is_right() or standard_is_right() into your receiver.

    KEY=... python3 verify.py trueup|standard HEADERS BODY      exit 0: signed with KEY, and no older than five minutes
"""
import base64
import hashlib
import hmac
import os
import sys
import time

TOLERANCE = 300  # seconds; also remember the webhook-ids of that time, and refuse one that comes again


def trueup_is_right(key: bytes, headers: dict, body: bytes) -> bool:
    """X-Trueup-Signature: t=<unix>,v1=<hex>[,v1=<hex>]"""
    parts = [part.partition("=") for part in headers.get("x-trueup-signature", "").split(",")]
    when = next((value for name, _, value in parts if name == "t"), "")
    if not when.isdigit() or abs(time.time() - int(when)) > TOLERANCE:
        return False
    expected = hmac.new(key, when.encode() + b"." + body, hashlib.sha256).hexdigest()
    return any(name == "v1" and hmac.compare_digest(value, expected) for name, _, value in parts)


def standard_is_right(secret: str, headers: dict, body: bytes) -> bool:
    """Standard Webhooks 1.0: webhook-signature: v1,<base64>[ v1,<base64>]"""
    message, when = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message or not when.isdigit() or abs(time.time() - int(when)) > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, f"{message}.{when}.".encode() + body, hashlib.sha256).digest()).decode()
    given = (entry.partition(",") for entry in headers.get("webhook-signature", "").split(" "))
    return any(version == "v1" and hmac.compare_digest(value, expected) for version, _, value in given)


if __name__ == "__main__":
    kind, header_file, body_file = sys.argv[1:]
    with open(header_file, encoding="utf-8") as lines:
        received = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    with open(body_file, "rb") as content:
        raw = content.read()  # the bytes as they came: never JSON that was read and written again
    secret_key = os.environ["KEY"]
    right = standard_is_right(secret_key, received, raw) if kind == "standard" else trueup_is_right(secret_key.encode(), received, raw)
    print("signed" if right else "not signed with this key, or too old")
    sys.exit(0 if right else 1)
