"""What the benches share: a measured process, tables, verdicts."""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SERVERS = ROOT / "tests" / "servers"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RELEASE = pathlib.Path(os.environ.get("CRMSYNC_RELEASE") or TARGET / "release")
CRMSYNC = RELEASE / "crmsync"
TOKEN = "bench"
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(root):
    """CPU seconds of a process, its descendants, and those of them that have ended."""
    spent, children = {}, {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            spent[int(entry.name)] = sum(map(int, fields[11:15])) / TICKS
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    total, left = 0.0, [root]
    while left:
        process = left.pop()
        total += spent.get(process, 0.0)
        left += children.get(process, [])
    return total


class Run:
    """One measured process, and what it cost the two servers."""

    def __init__(self, command, bench, env=None):
        with tempfile.NamedTemporaryFile("r") as usage:
            command = ["/usr/bin/time", "-f", "%U %S %M", "-o", usage.name, *map(str, command)]
            server, crm = bench.server_cpu(), bench.crm_cpu()
            start = time.monotonic()
            done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.seconds = time.monotonic() - start
            if done.returncode != 0:
                sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
            user, system, memory = usage.read().split()[-3:]
        time.sleep(0.2)  # until the session has ended at the server and is counted there
        self.server, self.crm = bench.server_cpu() - server, bench.crm_cpu() - crm
        self.cpu = float(user) + float(system)
        self.memory = int(memory) / 1024
        self.output = done.stdout

    def json(self):
        return json.loads(self.output)


def median(runs, what=lambda run: run.seconds):
    return statistics.median(map(what, runs))


def ratio(runs, base, what=lambda run: run.seconds):
    return statistics.median(what(run) / max(what(other), 0.001) for run, other in zip(runs, base))


def head():
    print(f"{'':36} {'time':>9} {'ratio':>6} {'own CPU':>9} {'server':>9} {'CRM':>9} {'peak':>8}")


def row(name, runs, base=None):
    beside = f"{ratio(runs, base):5.2f}x" if base else ""
    own, server, crm = (median(runs, what) for what in (lambda r: r.cpu, lambda r: r.server, lambda r: r.crm))
    seconds = " ".join(f"{run.seconds:.1f}" for run in runs)
    memory = max(run.memory for run in runs)
    print(f"{name:36} {median(runs):7.2f} s {beside:>6} {own:7.2f} s {server:7.2f} s {crm:7.2f} s {memory:4.0f} MiB  ({seconds})", flush=True)


def verdict(text, value, bound):
    print(f"{'met   ' if value < bound else 'MISSED'} {text}: {value:.2f}, bound {bound}")
