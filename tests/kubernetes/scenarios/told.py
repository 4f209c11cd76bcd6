"""told.py FILE KEY=VALUE...: exit code 0 when a message in the file has all of these. `text` is looked for anywhere in the message."""
import json
import sys


def matches(line, want):
    m = json.loads(line)
    o = m.get("object") or {}
    changes = o.get("changes", [])
    seen = {
        "status": [m["status"]],
        "event": [m["event"]],
        "resolvedBy": [m.get("resolvedBy", "")],
        "kind": [o.get("kind")],
        "name": [o.get("name")],
        "verdict": [o.get("verdict")],
        "line": [str(c.get("line")) for c in changes],
        "path": [c["path"] for c in changes],
        "change": [c["change"] for c in changes],
        "manager": [c["owner"]["manager"] for c in changes if c.get("owner")],
    }
    return all(v in line if k == "text" else v in seen[k] for k, v in want)


want = [w.split("=", 1) for w in sys.argv[2:]]
with open(sys.argv[1]) as f:
    sys.exit(not any(matches(line, want) for line in f if line.endswith("\n")))
