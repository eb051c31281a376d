# SPDX-License-Identifier: Apache-2.0
"""What budgets make a node sync, write and send while clients spend from them."""
import time

from nodes import (NODES, Load, metrics, side_by_side, three_nodes, total, wait_for,
                   written_bytes)

KEYS = 1_000              # each under one large budget, all keys', and two small ones of its own
RATES = (30, 300, 1_000)  # requests a second and node; the last is what goals are for
SERVED_MIN = 90           # percent of what was offered, or a rate says nothing of what it costs
SECONDS, WARM_UP = 20, 5
FIGURES = ("commits", "journal", "usage", "sent", "wire", "device")
SHARE = 1024 // 3 - 1     # buckets that each node owns at least, once they are shared out
REST = 5.0                # seconds in which no budget has another owner
SETTING = (f"{NODES}, the most of any node, {KEYS:,} keys in turn, each under one large budget and "
           "two small ones")


class Counts:
    """What a node has done for money so far, by its own metrics and the kernel's."""

    def __init__(self, node):
        samples = metrics(node)
        self.at = time.monotonic()
        self.commits = total(samples, "vidai_budget_journal_commits_total")
        self.journal = total(samples, "vidai_budget_journal_bytes_total")
        self.usage = total(samples, "vidai_usage_bytes")
        kinds = {dict(labels)["kind"] for (name, labels), _ in samples.items()
                 if name == "vidai_mesh_message_bytes_total"}
        self.sent = sum(total(samples, "vidai_mesh_message_bytes_total", kind=kind,
                              direction="out") for kind in kinds & {"money", "usage"})
        self.wire = total(samples, "vidai_mesh_wire_bytes_total", direction="out")
        self.device = written_bytes(node)

    def since(self, before):
        """Each of it, a second."""
        return {name: (getattr(self, name) - getattr(before, name)) / (self.at - before.at)
                for name in FIGURES}


def make_keys(mesh):
    """Their secrets. The budgets are with all three nodes when this ends."""
    began = time.monotonic()
    mesh.ctl("budget", "create", "organisation", "--limit", "1000000usd")
    wait_for(lambda: all(total(metrics(node), "vidai_budget_buckets", owner="self") >= SHARE
                         for node in mesh.nodes), 120, "every node to own its share of budgets")
    small = [f"{kind}-{number}" for number in range(KEYS) for kind in ("team", "app")]
    for done in range(0, len(small), 500):
        side_by_side(mesh, [("budget", "create", name, "--limit", "1000usd")
                            for name in small[done:done + 500]])
        print(f"  {min(done + 500, len(small)):,} of {len(small):,} small budgets, "
              f"{time.monotonic() - began:.0f} s", flush=True)
    made = side_by_side(mesh, [
        ("key", "create", "--name", f"key-{number}", "--budget", "organisation",
         "--budget", f"team-{number}", "--budget", f"app-{number}") for number in range(KEYS)])
    print(f"  {len(made)} keys, {time.monotonic() - began:.0f} s", flush=True)
    wait_for(lambda: all(len(mesh.ctl("key", "list", node=n)["items"]) == KEYS
                         for n in mesh.nodes), 60, "all nodes to know all keys")
    wait_for_rest(mesh)
    return [one["secret"] for one in made]


def wait_for_rest(mesh):
    """Until budgets go from node to node no more."""
    known = {}

    def rests():
        owners = {b["budget"]: b["owner"] for b in mesh.ctl("budget", "list")["items"]}
        if owners != known.get("owners"):
            known.update(owners=owners, since=time.monotonic())
        shared = len(set(owners.values())) == len(mesh.nodes)
        return shared and time.monotonic() - known["since"] >= REST
    wait_for(rests, 120, "budgets to stay where they are")


def measured(mesh, seconds):
    """{figure: the most of any node, a second} over that time from now on."""
    before = [Counts(node) for node in mesh.nodes]
    time.sleep(seconds)  # what is measured is a rate
    rates = [Counts(node).since(old) for node, old in zip(mesh.nodes, before)]
    return {name: max(rate[name] for rate in rates) for name in FIGURES}


def at_rate(mesh, rate, keys):
    """(figures, served a second and node, [status of those that were not]) of that load."""
    with Load(mesh, rate, SECONDS, WARM_UP, keys) as under_way:
        time.sleep(WARM_UP)  # connections join, leases are taken
        found = measured(mesh, SECONDS - 2)
        said = under_way.reports()
    served = sum(one["requests"] for one in said) / (len(said) * SECONDS)
    return found, served, sorted({one["errors"]["first_status"] for one in said} - {0})


def load(build, report):
    """syncs, bytes written and bytes sent of three nodes under load: some minutes"""
    with three_nodes(build / "bin") as mesh:
        keys = make_keys(mesh)
        syncs = {"no load": measured(mesh, 10)["commits"]}
        for rate in RATES:
            found, served, wrong = at_rate(mesh, rate, keys)
            syncs[f"{rate}/s"] = found["commits"]
            told = f"{served:.0f} of {rate:,} requests/s and node served"
            if wrong:
                told += f", others answered with {', '.join(map(str, wrong))}"
            print(f"  {told}; " + ", ".join(f"{name} {found[name]:,.0f}/s" for name in FIGURES),
                  flush=True)
            if served >= SERVED_MIN / 100 * rate:
                tell_bytes(report, rate, found, f"{SETTING}; {told}")
    report.row("log_bytes_served", f"of {RATES[-1]:,} requests/s and node under three budgets, "
               "served; with less their bytes say nothing", 100 * served / RATES[-1], "%", ">=",
               SERVED_MIN, f"{SETTING}; {told}", "load")
    report.row("fsync_per_s", "fdatasync of a node's journal of all budgets, the most of any load",
               max(syncs.values()), "1/s", "<=", 100,
               f"{SETTING}; commits, each one sync, at " + ", ".join(
                   f"{when}: {value:.1f}" for when, value in syncs.items()), "load")


def tell_bytes(report, rate, found, how):
    """Of a load that was served. Goals are for the greatest one."""
    end, greatest = f"_{rate}", rate == RATES[-1]
    kilo = {name: value / 1e3 for name, value in found.items()}
    for name, figure, value, goal, more in (
            ("log_bytes", "written by a node for money and usage", kilo["journal"] + kilo["usage"],
             400, f"{kilo['journal']:.0f} kB/s of the journal, which has two others' logs too, "
             f"{kilo['usage']:.0f} kB/s of usage"),
            ("log_bytes_device", "the same, as whole pages that the kernel wrote of the process",
             kilo["device"], None, ""),
            ("log_bytes_sent", "the same, sent by a node to others", kilo["sent"], 1000,
             "messages about money and usage"),
            ("log_bytes_wire", "all that a node sent to others, sealed", kilo["wire"], None, "")):
        report.row(name if greatest else name + end, f"{figure}, {rate:,} requests/s and node",
                   value, "kB/s", "<=", goal if greatest else None,
                   f"{how}; {more}" if more else how, "load")
