"""Questions about what a case left behind. Usage: ask.py QUESTION FOLDER; prints what is wrong and exits 1, or exits 0.

  paired      every incident that was told as firing was told as resolved, last, and one key is one message
  status EXPR `trueup status -o json` is read from standard input as `s`; EXPR must be true
"""
import json
import sys


def paired(folder):
    state, bodies, wrong = {}, {}, []
    for line in open(folder + "/received"):
        key, code, body = line.rstrip("\n").split("\t", 2)
        if bodies.setdefault(key, body) != body:
            wrong.append("key %s came with two messages" % key)
        if code == "200":
            m = json.loads(body)
            state.setdefault(m["incident"], []).append((m["event"], m["summary"]))
    for incident, events in state.items():
        names = [e for e, _ in events]
        if names[0] != "firing" or names[-1] != "resolved":
            wrong.append("incident %s: %s (%s)" % (incident, names, events[-1][1]))
    return wrong


if sys.argv[1] == "paired":
    wrong = paired(sys.argv[2])
else:
    text = sys.stdin.read()
    s = json.loads(text) if text.strip() else {}
    try:
        wrong = [] if s and eval(sys.argv[2]) else ["not so: " + sys.argv[2]]
    except (KeyError, IndexError) as e:
        wrong = [repr(e)]
for w in wrong:
    print(w)
sys.exit(1 if wrong else 0)
