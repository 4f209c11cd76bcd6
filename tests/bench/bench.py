#!/usr/bin/env python3
"""bench.py: the budgets of a check and of the service, each as figures and a ratio to its limit, on a real API server.

    bench.py BUILD_DIRECTORY PLANE check|recheck|steady|change|memory [--count 10000] [--small] [--rounds 7] [--seconds 60] [--changes 1000]

PLANE is a control plane of tests/kubernetes/control-plane.sh that runs; make-objects.py fills it when it isn't filled yet (tests/bench/all.sh does all of
that). A comparison goes in pairs, curl and trueup in turn, so that what else the machine does hits both; told are the medians of both and the median of
the pairs' ratios. curl calls itself "bench": for its own name the server indents JSON, which doubles the bytes.

To add a benchmark: a function bench_NAME(plane, build, args) that ends in report(...)."""
import argparse, json, os, pathlib, socket, statistics, subprocess, sys, tempfile, threading, time, urllib.parse, http.client, ssl

HERE = pathlib.Path(__file__).resolve().parent
TOKEN = "admin-token-of-this-test"
LISTS = ["/apis/apps/v1/deployments", "/api/v1/services", "/api/v1/serviceaccounts", "/api/v1/secrets", "/api/v1/configmaps",
         "/apis/networking.k8s.io/v1/ingresses", "/apis/networking.k8s.io/v1/networkpolicies", "/api/v1/namespaces"]
SMALL_LISTS = ["/api/v1/configmaps", "/api/v1/namespaces"]
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def report(what, figures, ratio, limit):
    print(f"{what}: {figures}; {ratio:.2f} of the limit ({limit}){'' if ratio <= 1 else ': MISSED'}", flush=True)


class Plane:
    def __init__(self, folder, args):
        self.folder, self.server = folder, (folder / "server").read_text().strip()
        self.manifests = folder / f"manifests-{args.count}{'-small' if args.small else ''}"
        self.lists = SMALL_LISTS if args.small else LISTS
        filled = folder / f"filled-{args.count}{'-small' if args.small else ''}"
        if not filled.exists():
            subprocess.run([sys.executable, HERE / "make-objects.py", self.manifests, "--count", str(args.count), *(["--small"] if args.small else []),
                            "--server", self.server, "--token", TOKEN], check=True)
            filled.touch()
        self.objects = args.count + 50

    def requests_of(self, agent, since):
        """Requests in the audit log whose user agent begins so, that ended after `since` (bytes of the log)."""
        with open(self.folder / "audit.log") as log:
            log.seek(since)
            return [r for r in map(json.loads, log) if r.get("userAgent", "").startswith(agent)]

    def audit_size(self):
        return (self.folder / "audit.log").stat().st_size


# --- pairs ---------------------------------------------------------------------------------------

def curl(plane, accept=None, parallel=False):
    """Seconds and bytes for the lists, over one connection in turn, or all at once."""
    config = "".join(f'url = "{plane.server}{p}"\noutput = "/dev/null"\n' for p in plane.lists)
    command = ["curl", "-s", "-A", "bench", "--cacert", plane.folder / "ca.crt", "-H", f"Authorization: Bearer {TOKEN}", "-w", "%{size_download}\n", "-K", "-"]
    command += ["-H", f"Accept: {accept}"] if accept else []
    command += ["--parallel"] if parallel else []
    begin = time.monotonic()
    out = subprocess.run(command, input=config, check=True, capture_output=True, text=True).stdout
    return time.monotonic() - begin, sum(map(int, out.split()))


def check(plane, build, state, baselines):
    """Seconds, CPU seconds and peak MiB of one `trueup check`; it has to find everything in sync. Descriptions of kinds are kept in `state`,
    and with `baselines` what was proved."""
    begin = time.monotonic()
    process = subprocess.Popen([build / "trueup", "check", plane.manifests, "--to", "kubernetes", *(["--state", state] if baselines else [])],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**environment(plane, build), "XDG_CACHE_HOME": state})
    out = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - begin
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"trueup check: {out[-2000:]}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def environment(plane, build):
    return {**os.environ, "TRUEUP_PLUGIN_PATH": str(build / "plugins"), "KUBECONFIG": str(plane.folder / "kubeconfig")}


def pairs(what, plane, build, args, accept, parallel):
    with tempfile.TemporaryDirectory() as state:
        check(plane, build, state, bool(accept))  # what a second run finds
        rounds = [(curl(plane, accept, parallel), check(plane, build, state, bool(accept))) for _ in range(args.rounds)]
    theirs, ours = statistics.median(c[0] for c, _ in rounds), statistics.median(t[0] for _, t in rounds)
    ratio = statistics.median(t[0] / c[0] for c, t in rounds)
    best = min(t[0] for _, t in rounds) / min(c[0] for c, _ in rounds)
    cores = statistics.median(t[1] / t[0] for _, t in rounds)
    report(f"{what}, curl {'--parallel' if parallel else 'in turn'}",
           f"{plane.objects} objects, {rounds[0][0][1] / 1e6:.1f} MB, curl {theirs * 1e3:.0f} ms, trueup {ours * 1e3:.0f} ms "
           f"(CPU {statistics.median(t[1] for _, t in rounds) * 1e3:.0f} ms, {cores:.2f} cores, peak {max(t[2] for _, t in rounds):.0f} MiB), "
           f"{ratio:.2f} x curl by pairs, {best:.2f} x best of each", ratio / 1.15, "1.15 x curl")


def bench_check(plane, build, args):
    for parallel in (False, True):
        pairs("full check", plane, build, args, None, parallel)


def bench_recheck(plane, build, args):
    for parallel in (False, True):
        pairs("re-check with baselines", plane, build, args, METADATA, parallel)


# --- the service ---------------------------------------------------------------------------------

CONFIG = """apiVersion: trueup.dev/v1
kind: Source
metadata: {name: bench}
spec: {plugin: directory, config: {path: %s}}
---
apiVersion: trueup.dev/v1
kind: Target
metadata: {name: bench}
spec: {plugin: kubernetes}
---
apiVersion: trueup.dev/v1
kind: Rule
metadata: {name: bench}
spec: {from: bench, to: bench, mode: audit, interval: 1h}
"""


class Service:
    """`trueup run` over the manifests, until every object was looked at. What it tells on its socket (the command "events") is in .events, each with
    the time at which it came."""

    def __init__(self, plane, build):
        self.folder = tempfile.TemporaryDirectory()
        self.build, self.env = build, environment(plane, build)
        folder = pathlib.Path(self.folder.name)
        (folder / "trueup.yaml").write_text(CONFIG % plane.manifests)
        self.command = ["--state", folder / "state"]
        self.process = subprocess.Popen([build / "trueup", "run", "-c", folder / "trueup.yaml", *self.command], env=self.env,
                                        stdout=subprocess.DEVNULL, stderr=open(folder / "log", "w"), text=True)
        self.events, self.came = [], threading.Condition()
        self.begin = time.monotonic()
        while self.pending() != 0:
            if self.process.poll() is not None or time.monotonic() - self.begin > 300:
                sys.exit("trueup run: " + (folder / "log").read_text()[-2000:])
            time.sleep(0.05)
        self.ready = time.monotonic() - self.begin
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(folder / "state" / "trueup.sock"))
        self.socket.sendall(b'{"command":"events"}\n')
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.socket.makefile():
            now = time.monotonic()
            with self.came:
                self.events.append((now, json.loads(line)))
                self.came.notify_all()

    def pending(self):
        answer = subprocess.run([self.build / "trueup", "status", *self.command, "-o", "json"], env=self.env, capture_output=True, text=True).stdout
        rules = json.loads(answer)["rules"] if answer.startswith("{") else [{}]
        return rules[0]["summary"]["pending"] if rules[0].get("revision") else None

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """MiB: resident, of which not mapped from files, and the peak."""
        lines = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        sizes = {k: int(v.split()[0]) / 1024 for k, v in (line.split(":", 1) for line in lines) if k in ("VmRSS", "RssAnon", "VmHWM")}
        return sizes["VmRSS"], sizes["RssAnon"], sizes["VmHWM"]

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def bench_memory(plane, build, args):
    service = Service(plane, build)
    time.sleep(3)  # what is given back after the first listing
    resident, own, peak = service.memory()
    report("resident memory", f"{plane.objects} watched objects, {resident:.1f} MiB resident ({own:.1f} of its own, peak {peak:.1f}), "
           f"ready after {service.ready:.1f} s, {own * 1048576 / plane.objects:.0f} bytes an object", resident / 64, "64 MiB at 100,000")
    service.stop()


def bench_steady(plane, build, args):
    service = Service(plane, build)
    time.sleep(3)
    size, cpu = plane.audit_size(), service.cpu()
    time.sleep(args.seconds)
    used, requests = service.cpu() - cpu, plane.requests_of("trueup", size)
    objects = [r for r in requests if r.get("objectRef", {}).get("name") and r["objectRef"].get("resource") not in ("leases",)]
    percent = 100 * used / args.seconds
    report("steady state", f"{plane.objects} objects, {args.seconds} s: {len(requests)} requests ({len(objects)} for single objects), "
           f"CPU {used * 1e3:.0f} ms = {percent:.3f} % of a core", max(percent / 0.5, 2.0 * bool(objects)), "0.5 % of a core, 0 requests an object")
    service.stop()


def bench_change(plane, build, args):
    service = Service(plane, build)
    url = urllib.parse.urlparse(plane.server)
    connection = http.client.HTTPSConnection(url.hostname, url.port, context=ssl._create_unverified_context())
    headers = {"Authorization": "Bearer human-token-of-this-test", "Content-Type": "application/merge-patch+json", "User-Agent": "bench"}
    took, key = [], "key" if args.small else "key-0"

    def patch(i, value):
        connection.request("PATCH", f"/api/v1/namespaces/bench-{i % 50:02}/configmaps/app-{i}?fieldManager=kubectl-edit", json.dumps({"data": {key: value}}), headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            sys.exit(f"the change of app-{i} was answered {answer.status}")
        return time.monotonic()

    def wait_for(in_sync, name, since):
        deadline = time.monotonic() + 10
        with service.came:
            while True:
                for at, e in service.events[since:]:
                    if e["event"] == "verdict" and e["object"]["name"] == name and (e["object"]["verdict"] == "in-sync") == in_sync:
                        return at
                if not service.came.wait(deadline - time.monotonic()):
                    sys.exit(f"no verdict on {name} within 10 s")
    for n in range(args.changes):
        i, since = n % (args.count * 30 // 100), len(service.events)
        original = f"value of app {i}" if args.small else f"value 0 of app {i}"
        answered = patch(i, "changed")
        took.append(max(0.0, wait_for(False, f"app-{i}", since) - answered))
        since = len(service.events)
        patch(i, original)
        wait_for(True, f"app-{i}", since)
    took.sort()
    at = lambda share: took[min(len(took) - 1, int(share * len(took)))] * 1e3
    report("change to verdict", f"{args.changes} changes at {plane.objects} objects: median {at(.5):.1f} ms, p99 {at(.99):.1f} ms, worst {took[-1] * 1e3:.1f} ms "
           "after the server's answer to the writer", at(.99) / 20, "20 ms at p99")
    service.stop()


def main():
    benches = {k[6:]: f for k, f in globals().items() if k.startswith("bench_")}
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("build", type=pathlib.Path)
    p.add_argument("plane", type=pathlib.Path)
    p.add_argument("which", choices=benches)
    p.add_argument("--count", type=int, default=10000)
    p.add_argument("--small", action="store_true")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--seconds", type=int, default=60)
    p.add_argument("--changes", type=int, default=1000)
    args = p.parse_args()
    args.build = args.build.resolve()
    benches[args.which](Plane(args.plane.resolve(), args), args.build, args)


if __name__ == "__main__":
    main()
