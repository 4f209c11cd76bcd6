"""Messages as core/alert/alert.h documents them: every kind of event, storms, and names that nobody means well with."""
import copy

EVENTS = ("firing", "update", "resolved", "repeat", "escalation", "acknowledged", "test")


def change(path="/spec/replicas", desired=3, live=5, manager="kubectl-edit"):
    return {"path": path, "change": "value", "desired": desired, "live": live, "line": 12,
            "owner": {"manager": manager, "operation": "Update", "time": "2026-11-23T04:05:06Z", "class": "human"},
            "action": "alert", "severity": "critical"}


def alert(name="cart", firing=True, changes=None, severity="critical", kind="Deployment", namespace="shop", number=0):
    a = {"fingerprint": f"{number:032x}", "status": "firing" if firing else "resolved", "severity": severity, "verdict": "drifted",
         "rule": "shop", "target": "prod", "summary": f"{kind} {namespace}/{name} drifted: /spec/replicas 3 -> 5 (field manager kubectl-edit)",
         "startsAt": "2026-11-23T04:05:06Z", "updatedAt": "2026-11-23T04:05:16Z",
         "source": {"name": "git", "revision": "9f3c1a2b4d5e6f708192a3b4c5d6e7f801234567", "author": "Jane Doe", "subject": "Raise replicas"},
         "labels": {"about": "drift", "rule": "shop", "target": "prod", "kind": kind, "namespace": namespace, "name": name, "severity": severity},
         "plan": {"action": "heal", "text": "heals it in 5m"}, "accept": "edit shop.yaml:12 and commit",
         "object": {"group": "apps", "version": "v1", "kind": kind, "namespace": namespace, "name": name, "verdict": "drifted",
                    "confidence": "proved", "file": "shop.yaml", "line": 5, "changes": changes if changes is not None else [change()]}}
    if not firing:
        a |= {"endsAt": "2026-11-23T04:30:00Z", "resolvedBy": "trueup", "lastedSeconds": 1494}
    return a


def message(event="firing", alerts=None, shown=20, incident="3f2a6c1de0b94f7788aa00112233445566"[:32], note="", group=None, **more):
    alerts = alerts if alerts is not None else [alert(firing=event != "resolved")]
    firing = sum(a["status"] == "firing" for a in alerts)
    worst = alerts[0] if alerts else {}
    m = {"apiVersion": "trueup.dev/v1", "kind": "Alert", "id": "0123456789abcdef0123456789abcdef", "incident": incident,
         "route": "payments", "group": group or {"rule": "shop"}, "status": "firing" if firing else "resolved", "event": event,
         "installation": "inst-1", "severity": worst.get("severity", "info"), "summary": worst.get("summary", "a test"),
         "counts": {"firing": firing, "resolved": len(alerts) - firing, "shown": min(len(alerts), shown)},
         "startsAt": "2026-11-23T04:05:06Z", "updatedAt": "2026-11-23T04:05:16Z", "note": note,
         "commands": {"look": "trueup alert list 3f2a6c1d", "explain": "trueup explain Deployment shop/cart",
                      "acknowledge": "trueup alert ack 3f2a6c1d", "silence": "trueup alert silence rule=shop"},
         "alerts": alerts[:shown]}
    if event == "resolved":
        m["endsAt"] = "2026-11-23T04:30:00Z"
    if event == "acknowledged":
        m["acknowledged"] = {"by": "alice (uid 1000)", "comment": "looking"}
    if event == "escalation":
        m["escalation"] = 1
    for name in ("rule", "target", "source", "verdict", "resolvedBy", "labels", "object"):
        if name in worst:
            m[name] = worst[name]
    return m | more


def test_message():
    m = message("test", [])
    m |= {"status": "firing", "severity": "info", "summary": "a test of trueup", "incident": "test-0123"}
    return m


def heartbeat():
    return {"apiVersion": "trueup.dev/v1", "kind": "Heartbeat", "id": "hb-1", "installation": "inst-1",
            "time": "2026-11-23T04:05:06Z", "version": "0.5.0"}


HOSTILE = [
    "<!channel> <@U012AB3CD> <#C012AB3CD|general> <https://evil.example|click> <!subteam^S0123456|@ops>",
    "@here @channel @everyone &lt;!here&gt; &amp;",
    "*bold* _italic_ ~strike~ `code` ```fence``` > quote",
    "[click](https://evil.example) ![i](https://evil.example/i.png) <at>Everyone</at> # heading",
    "\u202egnp.exe\u202c \u2066x\u2069 \u200bzero\ufeff \x1b[31mred\x1b[0m \x00\x07\x7f\x9b",
    "line\r\nX-Evil: 1\r\n\r\n{\"ok\":true}\nsecond\tline",
    "한국어 이름 배포본 " * 40 + "😀" * 200,
    "&" * 5000, "<" * 5000, "\\" * 5000, "`" * 5000, "😀" * 5000, "A" * 60000,
]


def hostile(event="firing", count=None):
    alerts = []
    for i in range(count or len(HOSTILE)):
        evil = HOSTILE[i % len(HOSTILE)]
        a = alert(name=evil, kind=evil[:200], namespace=evil[:100], number=i, firing=event != "resolved",
                  changes=[change(path="/" + evil, desired=evil, live=evil[::-1], manager=evil) for _ in range(4 if len(evil) > 1000 else 30)])
        a |= {"summary": evil, "rule": evil[:300], "target": evil[:300], "accept": evil}
        a["source"] |= {"author": evil, "subject": evil, "revision": evil}
        a["plan"]["text"] = evil
        alerts.append(a)
    m = message(event, alerts, note=HOSTILE[0] + HOSTILE[4], group={"team": HOSTILE[3]})
    m["acknowledged"] = {"by": HOSTILE[1] + HOSTILE[4], "comment": HOSTILE[0]}
    m["route"], m["installation"] = HOSTILE[2], HOSTILE[3]
    m["commands"] = {k: HOSTILE[i] for i, k in enumerate(("look", "explain", "acknowledge", "silence"))}
    return m


def storm(event="firing", count=1000, shown=20):
    alerts = [alert(name=f"cart-{i}", number=i, firing=event != "resolved", changes=[change(path=f"/spec/template/spec/containers/{k}/image")
              for k in range(25)]) for i in range(shown)]
    m = message(event, alerts, shown)
    m["counts"] = {"firing": 0 if event == "resolved" else count, "resolved": count if event == "resolved" else 0, "shown": shown}
    return m


def large():
    """A megabyte of changes."""
    return message(alerts=[alert(number=i, changes=[change(path=f"/data/{k}", desired="x" * 1000, live="y" * 1000) for k in range(40)]) for i in range(20)])


def copy_of(m):
    return copy.deepcopy(m)
