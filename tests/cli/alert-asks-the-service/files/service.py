# A service of canned answers: answers one request after the other at ./s and prints what it was asked.
import datetime, json, os, socket

now = datetime.datetime.now(datetime.timezone.utc)


def at(seconds):
    return (now + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


silence = {"id": "9c01aa3200112233", "matchers": ["rule = shop", 'name =~ "cart.*"'], "starts": at(-60),
           "ends": at(7200), "created": at(-60), "author": "user:ann (uid 1001)", "comment": "deploying\033[2J",
           "state": "active"}
alert = {"fingerprint": "aa" * 16, "status": "firing", "severity": "critical", "rule": "shop", "labels": {},
         "summary": "Deployment shop/cart drifted: /spec/replicas 3 -> 5", "startsAt": at(-600), "quiet": "silence 9c01aa32"}
over = {"fingerprint": "bb" * 16, "status": "resolved", "severity": "warning", "rule": "shop", "labels": {},
        "summary": "ConfigMap shop/settings is in sync", "startsAt": at(-900), "endsAt": at(-30), "resolvedBy": "trueup",
        "quiet": ""}
incident = {"id": "3f2a9c01" + "0" * 24, "route": "payments", "labels": {"severity": "critical", "team": "pay"},
            "status": "firing", "severity": "critical", "firing": 1, "resolved": 1, "quiet": 1, "openedAt": at(-900),
            "toldAt": at(-890), "next": {"what": "repeat", "at": at(3600)}, "escalation": 1,
            "acknowledged": {"by": "user:bob (uid 1002)", "comment": "on it", "at": at(-100)},
            "receivers": ["pager", "boss"], "more": 3, "alerts": [alert, over]}
delivery = {"id": 17, "receiver": "pager", "event": "firing", "state": "dead", "key": "k", "createdAt": at(-890),
            "nextAt": at(60), "expiresAt": at(86400), "uncertain": True, "brief": False, "error": "404",
            "attempts": [{"at": at(-890), "tookMs": 12, "outcome": "timeout", "text": "the server answered nothing"},
                         {"at": at(-800), "tookMs": 9, "outcome": "not-found", "text": "HTTP 404"}]}
route = {"name": "payments", "path": ["default", "payments"], "receiver": "pager", "groupBy": ["severity", "team"],
         "groupWait": "1s", "groupInterval": "10s", "repeatInterval": "4h",
         "escalate": [{"after": "15m", "receiver": "boss"}], "file": "trueup.yaml", "line": 12, "quiet": True,
         "quietUntil": at(1800)}
answers = {
    "alerts": {"counts": {"incidents": 1, "alerts": 1, "silenced": 1, "silences": 1}, "incidents": [incident]},
    "alert": {"incident": incident, "route": route, "told": [{"receiver": "pager", "firing": True, "at": at(-890)}],
              "deliveries": [delivery], "silences": [silence]},
    "acknowledge": {"incident": incident["id"], "by": "user:bob (uid 1002)"},
    "silence": {"silence": silence}, "silences": {"silences": [silence]}, "end-silence": {"silence": silence["id"]},
    "dead": {"deliveries": [dict(delivery, incident=incident["id"])]}, "resend": {"resent": 2}}

listening = socket.socket(socket.AF_UNIX)
listening.bind("s")
listening.listen()
while True:
    client, _ = listening.accept()
    request = json.loads(client.makefile().readline())
    if request["command"] == "stop":
        break
    if "ends" in request:
        request["ends"] = "then"
    with open("asked", "a") as f:
        f.write(json.dumps(request) + "\n")
    answer = answers[request["command"]]
    if request.get("id") == "ffff":
        answer = {"error": "no incident's id begins with 'ffff'"}
    client.sendall((json.dumps(answer) + "\n").encode())
    client.close()
