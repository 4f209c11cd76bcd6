#!/usr/bin/env python3
"""record.py: records the cases of the corpus from a real API server.

    KUBEBUILDER_ASSETS=... python3 tests/corpus/record.py [CASE...]        all cases, or those whose folder's name begins so (025, 024a-empty ...)
    ...                    python3 tests/corpus/record.py --keep CASE      leaves the server running after the last case and says where

KUBEBUILDER_ASSETS: a folder with etcd, kube-apiserver, kubectl (and kube-controller-manager, kwok, helm for the cases that need them). What a
case is, README.md says. Cases with the same needs share one server, which is swept clean between them. Nothing is chosen by chance: the same steps
are played in the same order; only what the server chooses (uids, times, addresses) differs from recording to recording.
"""
import argparse, contextlib, hashlib, json, os, sys, time

import yaml

import check
from play import Case, Player
from server import Failed, Server
from webhook import Webhook

here = os.path.dirname(os.path.abspath(__file__))
SERVER_NEEDS = ("controller-manager", "kwok")  # the others are met within a running server


def reduced(document, group, version, kind):
    """Of an OpenAPI document what one kind needs: its schema and all that it refers to, without the prose. None when it isn't there."""
    schemas = document["components"]["schemas"]
    wanted, keep = [n for n, s in schemas.items() if {"group": group, "version": version, "kind": kind}
                    in s.get("x-kubernetes-group-version-kind", []) and "properties" in s], {}

    def walk(value):
        if isinstance(value, list):
            return [walk(v) for v in value]
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("$ref"), str):  # a property may be called $ref, too
            wanted.append(value["$ref"].rpartition("/")[2])
        # a property may be called so: then it is a schema, not a text
        return {k: walk(v) for k, v in value.items() if not (k == "description" and isinstance(v, str))}
    if not wanted:
        return None
    while wanted:
        name = wanted.pop()
        if name not in keep:
            keep[name] = walk(schemas[name])
    return {"components": {"schemas": dict(sorted(keep.items()))}}


def describe(server, api_version, kind):
    """What the server's OpenAPI says of a kind; None when the server doesn't serve it."""
    if not server.resource(api_version, kind):
        return None
    group, _, version = api_version.rpartition("/")

    def ask():
        status, document = server.http("GET", "/openapi/v3/" + ("apis/" if group else "api/") + api_version)
        return reduced(document, group, version, kind) if status == 200 else None
    server.until("the OpenAPI of " + kind, ask)
    if "." in group and not group.endswith(".k8s.io"):  # a definition that was changed a moment ago is published a little later
        time.sleep(1.2)
    return ask()


def discovery(server, api_version, kind):
    """What discovery says of the kind; None when it isn't served."""
    r, (group, _, version) = server.resource(api_version, kind), api_version.rpartition("/")
    return r and {"group": group, "version": version, "kind": kind, "resource": r["name"], "namespaced": r["namespaced"], "status": r["has_status"],
                  "verbs": r["verbs"]}


def instead(server, api_version, kind):
    """The version in which discovery has a kind that it doesn't have in this one; None when it has it here, or nowhere in the group."""
    group = api_version.rpartition("/")[0]
    status, answer = server.http("GET", "/apis/" + group) if group and not server.resource(api_version, kind) else (404, None)
    versions = [v["groupVersion"] for v in answer["versions"]] if status == 200 else []
    return next((discovery(server, v, kind) for v in versions if server.resource(v, kind)), None)


def file_of(api_version, kind, description):
    """The name of a description's file. Definitions of the same name differ from case to case, so theirs has a hash."""
    group, _, version = api_version.rpartition("/")
    name = ".".join(p for p in (kind.lower(), group, version) if p)
    text = json.dumps(description, separators=(",", ":")) + "\n"
    if "." in group and not group.endswith(".k8s.io"):
        name += "-" + hashlib.sha256(text.encode()).hexdigest()[:8]
    return name, text


def keep_kind(api_version, kind, description):
    name, text = file_of(api_version, kind, description)
    path = os.path.join(here, "kinds", name + ".json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path) and open(path).read() != text:
        print("  kinds/%s.json differs from before" % name)
    open(path, "w").write(text)
    return name


def set_up(player, files):
    """What an administrator had put there before: definitions, policies, hooks. Definitions are ready to use afterwards."""
    for name in files:
        player.server.run(player.server.kubectl, "apply", "--server-side", "--field-manager=setup", "-f", "-", text=player.fill(player.case.text(name)))
        for o in yaml.safe_load_all(player.case.text(name)):
            if o and o["kind"] == "CustomResourceDefinition":
                settle(player.server, o)


def settle(server, definition):
    spec = definition["spec"]
    for v in spec["versions"]:
        if v.get("served"):
            api_version = "%s/%s" % (spec["group"], v["name"])
            url = "/apis/%s/%s" % (api_version, spec["names"]["plural"])
            server.until(url, lambda: server.resource(api_version, spec["names"]["kind"]) and server.http("GET", url)[0] == 200)


def record(server, case):
    with Webhook(case.said.get("webhook")) if "webhook" in (case.said.get("needs") or []) else contextlib.nullcontext() as webhook:
        player = Player(server, case, webhook)
        set_up(player, case.said.get("setup") or [])
        for number, step in enumerate(case.said["steps"], 1):
            try:
                player.play(step)
            except Failed as why:
                raise Failed("step %d: %s" % (number, why))
        live, predicted = player.record()
        api_version, kind, *_ = player.identity()
        description = describe(server, api_version, kind)
        case.write("before.json", player.marked)
        case.write("before-dry-run.json", player.marked_dry_run)
        case.write("live.json", live)
        case.write("dry-run.json", predicted)
        case.write("recorded.json", {"server": server.version, "kind": keep_kind(api_version, kind, description) if description else None,
                                     "discovery": discovery(server, api_version, kind), "instead": instead(server, api_version, kind), "inputs": check.digest(case.folder)})


def chosen(names):
    for name in check.cases():
        if names and not any(name.startswith(n.rstrip("/").rpartition("/")[2]) for n in names):
            continue
        path = os.path.join(here, name, "case.yaml")
        if not os.path.exists(path):
            continue
        try:
            case = Case(os.path.join(here, name), yaml.safe_load(open(path, encoding="utf-8")))
        except yaml.YAMLError as why:
            print("%s: not recorded: its case.yaml can't be read: %s" % (name, why))
            continue
        if "unrecordable" in case.said:
            print("%s: not recorded: %s" % (name, case.said["unrecordable"]))
        else:
            yield case


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--keep", action="store_true")
    p.add_argument("case", nargs="*")
    options = p.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    by_server = {}
    for case in chosen(options.case):
        surroundings = tuple(n for n in SERVER_NEEDS if n in (case.said.get("needs") or []))
        by_server.setdefault((surroundings, case.said.get("apiserver", "")), []).append(case)
    failed = 0
    for (surroundings, flags), cases in sorted(by_server.items(), key=lambda i: i[0]):
        server = Server(surroundings, flags)
        try:
            for case in cases:
                try:
                    record(server, case)
                    print("%s: recorded" % case.name)
                except Failed as why:
                    failed += 1
                    print("%s: %s" % (case.name, why))
                if not (options.keep and case is cases[-1]):
                    server.sweep()
        finally:
            if options.keep:
                print("left running: KUBECONFIG=%s; stop it with: sh tests/kubernetes/control-plane.sh stop %s" % (server.kubeconfig, server.dir))
            else:
                server.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
