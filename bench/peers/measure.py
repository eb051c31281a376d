# SPDX-License-Identifier: Apache-2.0
"""The measurements: interleaved rounds on warm servers, judged before they count."""
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile

from .machine import LOAD_CORE, Process

CORE_USE_MIN = 0.95  # of its core by the process under test, or saturation was not reached
ATTEMPTS = 4         # per round
BODY_BYTES = 600
CONNECTIONS = 64

# Of the platform, not of the product: what `vidaid_mib` leaves out.
PLATFORM = re.compile(r"(linux-vdso|ld-linux|libc\.so|libm\.so|libpthread|libdl|librt|libresolv"
                      r"|libstdc\+\+|libgcc_s)")


def load(program, server, seconds, *arguments, connections=CONNECTIONS):
    """One run of vidai-load against the server: its report."""
    command = [program, "--to", f"127.0.0.1:{server.port}", "--connections", connections,
               "--body-bytes", BODY_BYTES, *arguments]
    if "--requests" not in arguments:
        command += ["--duration", seconds]
    if not server.wrapper:
        command += [part for pid in server.pids() for part in ("--watch", pid)]
        command += ["--beside", server.beside] if server.beside else []
    if server.key:
        command += ["--key", server.key]
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder, "load")
        with Process(LOAD_CORE, command, log) as process:
            status = process.child.wait(timeout=900)
        text = log.read_text()
    if status != 0:
        raise RuntimeError(f"load on {server.name}: {text.strip()}")
    report = json.loads(text)
    wrong = {name: count for name, count in report["errors"].items() if count}
    if wrong and set(wrong) != {"unfinished"}:
        raise RuntimeError(f"load on {server.name}: wrong answers {wrong}")
    return report


def interleaved(servers, rounds, run, judge, progress):
    """{server: [report]}: each round measures every server once, in turn, so that what disturbs the
    machine disturbs all. A report that judge(report) finds fault with is taken again, ATTEMPTS
    times at most; what is faulty then is left out and said."""
    reports = {server: [] for server in servers}
    for number in range(rounds):
        for server in servers:
            for attempt in range(ATTEMPTS):
                report = run(server)
                fault = judge(report)
                if not fault:
                    reports[server].append(report)
                    break
                progress(f"  round {number + 1}, {server.name}: {fault}"
                         + ("; again" if attempt + 1 < ATTEMPTS else "; left out"))
    return reports


def throughput(program, servers, rounds, seconds, core_use_min, progress):
    """Closed loop, as fast as each server can."""
    def judge(report):
        use = report["watched_core_use"]
        load_use = report["generator_core_use"]
        return (f"used {use:.0%} of its core, the load {load_use:.0%} of its own"
                if use < core_use_min else None)
    for server in servers:
        load(program, server, 0.5)
    return interleaved(servers, rounds, lambda server: load(program, server, seconds), judge,
                       progress)


def latency(program, servers, rate, rounds, seconds, progress):
    """Open loop, the same arrivals for all."""
    return interleaved(
        servers, rounds,
        lambda server: load(program, server, seconds, "--rate", f"{rate:.0f}", "--seed", 7),
        lambda report: None, progress)


def streams(program, servers, count, rounds, seconds, progress):
    return interleaved(
        servers, rounds,
        lambda server: load(program, server, seconds, "--stream", "--warm-up", 1,
                            connections=count),
        lambda report: None if report["events"] else "saw no event", progress)


def instructions(program, start, few=2_000, many=22_000, rounds=2):
    """User instructions per request by callgrind: a long run less a short one, so that starting and
    stopping cancel out. What ticks by the clock only ever adds, and adds more on a busy machine, so
    each run counts by the least of its rounds. start(wrapper) gives the server, not yet entered."""
    def total(requests):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder, "callgrind.out")
            wrapper = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
            with start(wrapper) as server:
                load(program, server, 0, "--requests", requests, connections=8)
            return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M).group(1))
    if not shutil.which("valgrind"):
        raise RuntimeError("valgrind missing: `apt-get install valgrind`")
    short, long = zip(*((total(few), total(many)) for _ in range(rounds)))
    return (min(long) - min(short)) / (many - few)


def program_mib(program):
    """A stripped program and every shared library it loads outside the platform's own."""
    with tempfile.TemporaryDirectory() as folder:
        stripped = pathlib.Path(folder, "stripped")
        subprocess.run(["strip", "-o", stripped, program], check=True)
        size = stripped.stat().st_size
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for name, path in re.findall(r"(\S+) => (/\S+)", listing):
        if not PLATFORM.match(name):
            size += pathlib.Path(path).resolve().stat().st_size
    return size / 2**20


def figures(reports, *path):
    """The value at that path of each report, e.g. figures(r, "latency_us", "p99")."""
    values = []
    for report in reports:
        for name in path:
            report = report[name]
        values.append(report)
    return values


def median(values):
    return statistics.median(values) if values else None
