# SPDX-License-Identifier: Apache-2.0
"""What a budget costs a request and a node, without a network: admission in process, its share of a
whole request's instructions, and the memory of budgets."""
import json
import pathlib
import re
import statistics
import subprocess
import tempfile

from peers import measure, proxies

ROUNDS = 5
BUDGETS = ("organisation", "team", "app")
ALL_LIMITS = "all limits of a key and three nested budgets of 100,002, admitted and settled"


def benchmark(build, name, wrapper=(), *more):
    """The result of one benchmark of admit_bench."""
    done = subprocess.run([*wrapper, build / "bin/admit_bench", f"--benchmark_filter=^{name}$",
                           "--benchmark_format=json", *more], capture_output=True, text=True,
                          timeout=900, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"admit_bench ended with {done.returncode}: {done.stderr[-500:]}")
    return json.loads(done.stdout)["benchmarks"][0]


class Funded(proxies.Vidaid):
    """One node whose key stands under three budgets that the load cannot spend."""

    def create_key(self, address):
        there = json.loads(self.vidaictl("budget", "list", "--server", address, "-o", "json"))
        there = {budget["budget"] for budget in there["items"]}  # kept from an earlier start
        for budget in sorted(set(BUDGETS) - there):
            self.vidaictl("budget", "create", budget, "--limit", "1000000usd", "--server", address,
                          "--timeout", "60s")
        made = self.vidaictl(
            "key", "create", "--name", "bench", "--rpm", "1000000000", "--tpm", "1000000000000",
            "--concurrency", "100000", "--models", "mock-small",
            *[word for budget in BUDGETS for word in ("--budget", budget)],
            "--server", address, "-o", "json", "--timeout", "60s")
        return json.loads(made)["secret"]


def admission(build, report):
    """admission and settlement of a request, in process: a minute or two"""
    name = "admit_all_limits_three_budgets_each"
    rounds = [benchmark(build, name) for _ in range(ROUNDS)]
    how = (f"{ROUNDS} trials of {rounds[0]['iterations']:,} requests, {ALL_LIMITS}; two readings "
           "of the clock are in it")
    for end, counter, word, goal in (("_p50", "p50_ns", "p50", None), ("", "p99_ns", "p99", 1)):
        value = statistics.median(one[counter] for one in rounds) / 1e3
        report.row(f"admission_hot_us{end}", f"all limits and three nested budgets, in process, "
                   f"{word}", value, "us", "<=", goal, how, "admission")
    share(build, report, statistics.median(one["p50_ns"] for one in rounds) / 1e3)


def share(build, report, hot_us):
    """hot_us: what an admission takes in process, microseconds."""
    if proxies.Vidaid not in proxies.prepare(build, ["vidaid"], print):
        raise RuntimeError("vidaid is not built")
    with tempfile.TemporaryDirectory(prefix="vidai-money-") as folder, \
            proxies.Mock(folder) as mock:
        with Funded(folder, mock.port) as server:
            cpu_us = cpu_of_requests(build / "bin/vidai-load", server)
        print("  instructions of whole requests, by callgrind", flush=True)
        counted = admission_instructions(build)
        whole = measure.instructions(
            build / "bin/vidai-load",
            lambda wrapper: Funded(folder, mock.port, wrapper=wrapper))
    request = f"a request of {measure.BODY_BYTES} B through one node"
    report.row("admission_cpu_share", "the same, of the CPU of a request", 100 * hot_us / cpu_us,
               "%", "<=", 5, f"CPU time, the kernel's too: {hot_us:.2f} us in process, hot, of "
               f"{cpu_us:.1f} us of {request}, {ROUNDS} rounds", "admission")
    report.row("admission_instructions_share", "the same, of the user instructions of a request",
               100 * counted / whole, "%", "<=", None, f"by callgrind, the kernel's left out: "
               f"{counted:,.0f} in process, of {whole:,.0f} of {request}", "admission")


def cpu_of_requests(program, server):
    """Microseconds of CPU that a request takes, the median of some rounds at saturation."""
    taken, refused = [], []
    while len(taken) < ROUNDS:
        try:
            taken.append(measure.load(program, server, 2)["watched_cpu_us_per_request"])
        except RuntimeError as told:  # money for so sudden a load was not there in time
            refused.append(told)
            print(f"  {told}; again", flush=True)
            if len(refused) > 2 * ROUNDS:
                raise
    return statistics.median(taken)


def admission_instructions(build):
    """Instructions of admission and settlement, by callgrind, which counts its calls."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "callgrind.out")
        benchmark(build, "admit_all_limits_three_budgets/threads:1", [
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"],
            "--benchmark_min_time=0.05")
        return per_call(out.read_text(), "admitted_and_settled")


def per_call(profile, function):
    """Instructions of each call of the function whose name has that in it, with all that it calls:
    the lines after each `calls=`, of callers that name it, are inclusive."""
    names, calls, cost, called = {}, 0, 0, ""
    lines = iter(profile.splitlines())
    for line in lines:
        if found := re.match(r"cfn=\((\d+)\)(?: (.*))?$", line):
            names[found[1]] = found[2] or names.get(found[1], "")
            called = names[found[1]]
        elif found := re.match(r"fn=\((\d+)\)(?: (.*))?$", line):
            names[found[1]] = found[2] or names.get(found[1], "")
        elif found := re.match(r"calls=(\d+)", line):
            spent = int(next(lines).split()[1])
            if function in called:
                calls, cost = calls + int(found[1]), cost + spent
    if not calls:
        raise RuntimeError(f"callgrind saw no call of {function}")
    return cost / calls


def bank(build, report):
    """memory of 100,000 budgets, in process: a minute"""
    done = subprocess.run([build / "bin/bank_bench"], stdout=subprocess.PIPE, text=True,
                          timeout=1800, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"bank_bench ended with {done.returncode}")
    said = json.loads(done.stdout)
    how = (f"{said['budgets']:,} budgets, N={said['nodes']}, own third and two kept copies, three "
           "banks in one process over an encoded wire, what is allocated; ")
    for end, field, goal, when in (
            ("_defined", "bytes_defined", None, "defined and never used"),
            ("", "bytes_used", 400, "each used once on every node, leases given back")):
        report.row(f"bytes_per_budget{end}", "memory of a node for each budget, own and kept "
                   "copies", said[field], "B", "<=", goal, how + when, "bank")
