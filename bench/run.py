#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures vidaid beside nginx and haproxy, in one run, and prints a table.

The process under test has CPU 0, the load generator and vidai-mock share CPU 1. Rounds are
interleaved; CPU per request counts at saturation only. Writes build/reports/bench.json.
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import sys
import tempfile
import time

from peers import fetch, machine, measure, proxies

ROOT = pathlib.Path(__file__).resolve().parent.parent
STREAMS, EVENTS_PER_SECOND = 900, 100


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    built = next((folder for folder in (ROOT / "build/release", ROOT / "build/dev")
                  if (folder / "bin/vidai-load").exists()), ROOT / "build/release")
    parser.add_argument("--build", type=pathlib.Path, default=built, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of each round")
    parser.add_argument("--only", default="nginx,haproxy,vidaid", help="default: %(default)s")
    parser.add_argument("--skip", default="", help="parts to leave out, of: throughput, latency, "
                        "overhead, streams, instructions, size")
    parser.add_argument("--core-use-min", type=float, default=measure.CORE_USE_MIN,
                        help="a round counts when the process under test used this share of its "
                        "core (default %(default)s); less is for trials on a busy machine")
    parser.add_argument("--check", action="store_true", help="end with 1 when a goal is missed")
    return parser.parse_args()


class Bench:
    def __init__(self, options, folder, conditions):
        self.options = options
        self.folder = folder
        self.rows = []
        self.load = options.build / "bin/vidai-load"
        self.skip = set(filter(None, options.skip.split(",")))
        self.versions = proxies.prepare(options.build, options.only.split(","), self.progress)
        self.conditions = conditions
        self.missed = []

    def wanted(self, part):
        if part in self.skip:
            return False
        print(f"\n{part}", flush=True)
        return True

    def progress(self, line):
        print(line, flush=True)

    def table(self, reports, columns):
        """min/median/max over the rounds of each column: (title, path in the report, digits)."""
        for server, taken in reports.items():
            for title, path, digits in columns:
                values = measure.figures(taken, *path)
                if values:
                    low, mid, high = min(values), measure.median(values), max(values)
                    print(f"  {server.name:8} {title:26} {low:12,.{digits}f} {mid:12,.{digits}f} "
                          f"{high:12,.{digits}f}   n={len(values)}", flush=True)
                else:
                    print(f"  {server.name:8} {title:26} no round counted", flush=True)

    def row(self, name, figure, value, unit, goal=None, anchor=""):
        if value is None:
            print(f"  {name}: not measured")
            return
        met = goal is None or value <= goal
        if not met:
            self.missed.append(name)
        verdict = "" if goal is None else f"  goal <= {goal}: {'met' if met else 'MISSED'}"
        print(f"  {name} = {value:.4g} {unit}{verdict}", flush=True)
        self.rows.append({
            "id": name, "figure": figure, "value": value, "unit": unit, "op": "<=", "goal": goal,
            "anchor": anchor, "kind": "real",
            "command": "./dev bench", "conditions": self.conditions})

    def by_name(self, reports, name, *path):
        """The median over the rounds of that server, or None."""
        for server, taken in reports.items():
            if server.name == name:
                return measure.median(measure.figures(taken, *path))
        return None

    def ratio(self, reports, name, *path):
        ours, theirs = self.by_name(reports, name, *path), self.by_name(reports, "nginx", *path)
        return ours / theirs if ours and theirs else None

    def entered(self, stack, stream=None):
        mock = stack.enter_context(proxies.Mock(self.folder, stream))
        servers = [stack.enter_context(server(self.folder, mock.port, stream is not None))
                   for server in self.versions]
        for server in servers:
            server.beside = mock.process.pid
        return servers

    def whole_answers(self):
        with contextlib.ExitStack() as stack:
            servers = self.entered(stack)
            if self.wanted("throughput"):
                self.throughput(servers)
            if self.wanted("overhead"):
                self.overhead(servers)

    def throughput(self, servers):
        options = self.options
        taken = measure.throughput(self.load, servers, options.rounds, options.seconds,
                                   options.core_use_min, self.progress)
        cpu = ("watched_cpu_us_per_request",)
        self.table(taken, [("CPU us per request", cpu, 2),
                           ("requests per second", ("requests_per_second",), 0)])
        anchor = f"nginx {self.by_name(taken, 'nginx', *cpu) or 0:.1f} us, same run"
        self.row("haproxy_cpu_vs_nginx", "CPU per request, haproxy / nginx",
                 self.ratio(taken, "haproxy", *cpu), "x", anchor=anchor)
        self.row("governed_cpu_vs_nginx", "CPU per governed request / nginx plain proxying",
                 self.ratio(taken, "vidaid", *cpu), "x", 1.0, anchor)
        if "latency" not in self.skip:
            self.latency(servers, taken)

    def latency(self, servers, taken):
        """Everyone is offered 80 % of what the slower of nginx and vidaid can do."""
        peaks = [peak for name in ("nginx", "vidaid")
                 if (peak := self.by_name(taken, name, "requests_per_second"))]
        if not peaks:
            return
        rate = 0.8 * min(peaks)
        print(f"\nlatency, open loop at {rate:,.0f} requests/s", flush=True)
        taken = measure.latency(self.load, servers, rate, self.options.rounds,
                                self.options.seconds, self.progress)
        self.table(taken, [(f"{q} us", ("latency_us", q), 0) for q in ("p50", "p99", "p99.9")])
        anchor = f"nginx p99 {self.by_name(taken, 'nginx', 'latency_us', 'p99') or 0:.0f} us"
        self.row("p99_vs_nginx", "p99 at 80 % of the slower one's peak / nginx",
                 self.ratio(taken, "vidaid", "latency_us", "p99"), "x", 1.1, anchor)

    def overhead(self, servers):
        for server in servers:
            if server.name != "vidaid":
                continue
            measure.load(self.load, server, 1)
            # Light is about 5 % of the peak. At 200 a second the processor sleeps between two
            # requests and what is measured is mostly its waking up; told beside it, not judged.
            for name, rate, goal in (("overhead_p50_us", 2000, 10),
                                     ("overhead_200_p50_us", 200, None)):
                p50s = []
                for _ in range(self.options.rounds):
                    report = measure.load(self.load, server, 2, "--rate", rate, connections=4)
                    if "gateway_overhead_us" not in report:
                        raise RuntimeError("vidaid's Server-Timing lacks total or upstream")
                    p50s.append(report["gateway_overhead_us"]["p50"])
                print(f"  {rate}/s: {min(p50s):.1f} / {measure.median(p50s):.1f} / {max(p50s):.1f}")
                self.row(name, f"Server-Timing total less upstream, warm, {rate} requests/s",
                         measure.median(p50s), "us", goal)

    def streams(self):
        with contextlib.ExitStack() as stack:
            servers = self.entered(stack, f"tokens=300,rate={EVENTS_PER_SECOND}")
            taken = measure.streams(self.load, servers, STREAMS, self.options.rounds,
                                    self.options.seconds, self.progress)
        cpu = ("watched_cpu_us_per_event",)
        self.table(taken, [("CPU us per event", cpu, 2),
                           ("reads per event", ("reads_per_event",), 3)])
        anchor = f"nginx, buffering off, {self.by_name(taken, 'nginx', *cpu) or 0:.1f} us, same run"
        self.row("sse_cpu_vs_nginx", "CPU per streamed event / nginx, buffering off",
                 self.ratio(taken, "vidaid", *cpu), "x", anchor=anchor)

    def instructions(self):
        mock = proxies.Mock(self.folder)
        with mock:
            for server in self.versions:
                if server.name == "haproxy":
                    continue
                value = measure.instructions(
                    self.load, lambda wrapper: server(self.folder, mock.port, wrapper=wrapper))
                if server.name == "vidaid":
                    self.row("governed_instructions", "user instructions per governed request",
                             value, "instructions", 26_000, "callgrind")
                else:
                    self.row("nginx_instructions", "user instructions per request, nginx plain",
                             value, "instructions", anchor="callgrind")

    def size(self):
        if proxies.Vidaid in self.versions:
            self.row("vidaid_mib", "stripped vidaid and its libraries beyond libc and libstdc++",
                     measure.program_mib(proxies.Vidaid.program), "MiB", 25)

            self.row("idle_rss_mib", "resident memory, 2 workers, 10 s after start, mesh of three",
                     self.idle_rss_mib(), "MiB", 30)

    def idle_rss_mib(self):
        """The largest of three nodes."""
        sys.path.insert(0, str(ROOT / "tests/harness"))
        from mesh import Mesh
        folder = pathlib.Path(self.folder) / "idle"
        folder.mkdir()
        with Mesh(self.options.build / "bin", folder, "",
                  node_lines="listen: {workers: 2}\n") as mesh:
            time.sleep(10)
            rss = []
            for node in mesh.nodes:
                status = pathlib.Path(f"/proc/{node.pid}/status").read_text(encoding="ascii")
                line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
                rss.append(int(line.split()[1]) / 1024)
            return max(rss)


def describe(options, space):
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                if line.startswith("model name")), platform.machine())
    return (f"{os.cpu_count()} CPUs ({cpu}), Linux {platform.release()}, "
            f"{options.build.name} build, {space}, {measure.CONNECTIONS} connections, "
            f"{measure.BODY_BYTES} B request, ~700 B response, {options.rounds} rounds of "
            f"{options.seconds:g} s, core use >= {options.core_use_min:.0%}")


def main():
    options = arguments()
    if (os.cpu_count() or 1) < 2:
        sys.exit("bench: two CPUs are needed, one for the process under test")
    options.build = options.build.resolve()
    # Fetched while there is a network: inside the namespace there is none.
    proxies.prepare(options.build, options.only.split(","), lambda _: None)
    space = machine.enter_namespace()
    reports = ROOT / "build/reports"
    reports.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vidai-bench-") as folder:
        os.chmod(folder, 0o755)  # nginx's worker may be another user
        bench = Bench(options, pathlib.Path(folder), describe(options, space))
        print(bench.conditions)
        for server, version in bench.versions.items():
            print(f"  {server.name} {version}")
        print(f"  {'':35} {'min':>12} {'median':>12} {'max':>12}")
        if {"throughput", "overhead"} - bench.skip:
            bench.whole_answers()
        for part in ("streams", "instructions", "size"):
            if bench.wanted(part):
                getattr(bench, part)()
    path = reports / "bench.json"
    path.write_text(json.dumps(bench.rows, indent=1) + "\n")
    print(f"\nwritten: {path.relative_to(ROOT)}"
          + (f"; goals missed: {', '.join(bench.missed)}" if bench.missed else ""))
    return 1 if options.check and bench.missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (fetch.Missing, RuntimeError) as problem:
        sys.exit(f"bench: {problem}")
