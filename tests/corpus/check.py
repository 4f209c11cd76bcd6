#!/usr/bin/env python3
"""check.py: the shape of the corpus, without a server and without a library.

    python3 tests/corpus/check.py [--count]

Every number from 1 to 106 has a folder; every folder has a case.yaml and what was recorded for it, or the reason why it can't be recorded; what
was recorded was recorded from the inputs as they stand now. Exits 1 with one line for each fault. --count prints how many there are of each.
"""
import hashlib, json, os, re, sys

here = os.path.dirname(os.path.abspath(__file__))
RECORDED = {"before.json", "before-dry-run.json", "live.json", "dry-run.json", "recorded.json"}
PLAYED = ("needs", "setup", "webhook", "apiserver", "steps", "desired", "dryRun")  # the parts of a case.yaml that make the recording
LAST = 106


def sections(text):
    """{name: text} of the members of a case.yaml: a member begins at the first column and goes on to the next."""
    found, name = {}, None
    for line in text.split("\n"):
        member = re.match(r"([A-Za-z]+):", line)
        if member:
            name = member.group(1)
            found[name] = ""
        if name and not line.lstrip().startswith("#"):
            found[name] += line.rstrip() + "\n"
    return found


def digest(folder):
    """Of everything that a recording was made from: the played parts of case.yaml, and all other files that weren't recorded."""
    h = hashlib.sha256()
    said = sections(open(os.path.join(folder, "case.yaml"), encoding="utf-8").read())
    for name in PLAYED:
        h.update((said.get(name, "").rstrip() + "\n").encode())
    for name in sorted(os.listdir(folder)):
        if name not in RECORDED and name != "case.yaml":
            h.update(name.encode() + b"\0")
            h.update(open(os.path.join(folder, name), "rb").read())
    return h.hexdigest()


def cases():
    return sorted(n for n in os.listdir(here) if re.match(r"\d{3}[a-z]?-", n))


def faults(name):
    folder = os.path.join(here, name)
    if not os.path.exists(os.path.join(folder, "case.yaml")):
        yield "there is no case.yaml"
        return
    said = sections(open(os.path.join(folder, "case.yaml"), encoding="utf-8").read())
    for member in ("about", "spec"):
        if member not in said:
            yield "case.yaml has no `%s`" % member
    if "spec" in said and int(name[:3]) != int(said["spec"].split(":")[1].split("#")[0]):
        yield "case.yaml says another number than its folder"
    there = set(os.listdir(folder)) & RECORDED
    if "unrecordable" in said:
        if len(said["unrecordable"].split(":", 1)[1].strip()) < 10:
            yield "`unrecordable` gives no reason"
        if there:
            yield "it is called unrecordable and has %s" % ", ".join(sorted(there))
        return
    for member in ("steps", "expect"):
        if member not in said:
            yield "case.yaml has no `%s`" % member
    if "recorded.json" not in there:
        yield "it was never recorded (record.py %s)" % name
        return
    recorded = json.load(open(os.path.join(folder, "recorded.json")))
    if recorded["inputs"] != digest(folder):
        yield "its inputs have changed since it was recorded (record.py %s)" % name
    if recorded["kind"] and not os.path.exists(os.path.join(here, "kinds", recorded["kind"] + ".json")):
        yield "kinds/%s.json isn't there" % recorded["kind"]


def main():
    names, bad = cases(), 0
    for name in names:
        for fault in faults(name):
            print("%s: %s" % (name, fault))
            bad += 1
    for number in range(1, LAST + 1):
        if not any(int(n[:3]) == number for n in names):
            print("%03d: no folder has this number" % number)
            bad += 1
    used = {json.load(open(os.path.join(here, n, "recorded.json")))["kind"] for n in names if os.path.exists(os.path.join(here, n, "recorded.json"))}
    for kind in sorted(os.listdir(os.path.join(here, "kinds"))):
        if kind[:-len(".json")] not in used:
            print("kinds/%s: no case uses it" % kind)
            bad += 1
    if "--count" in sys.argv[1:]:
        recorded = [n for n in names if os.path.exists(os.path.join(here, n, "recorded.json"))]
        print("%d folders for %d numbers, %d recorded, %d unrecordable" % (len(names), len({int(n[:3]) for n in names}), len(recorded), len(names) - len(recorded)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
