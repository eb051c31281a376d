#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The budget storm: clients spend one hard budget through all nodes of a mesh while things go
wrong, and the provider's own bill says whether that was ever too much. Writes
build/reports/storm.json.

With --target it is another gateway's turn: one that has a key with a budget of --limit, and
vidai-mock as its provider."""
import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests/chaos"), str(ROOT / "tests/harness"),
                str(ROOT / "bench")]
sys.dont_write_bytecode = True

from clients import KINDS  # noqa: E402  (found through the path above)
import lab as laboratory  # noqa: E402  (found through the path above)
from cluster import LabMesh  # noqa: E402
from loopback import LoopbackLab  # noqa: E402
from programs import Failed, wait_for  # noqa: E402
from revision import stamp  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402
from verdict import Verdict, percentile  # noqa: E402

PRICE = "price: {{input: 1usd, output: 2usd}}"
MODELS = f"""providers:
  mock: {{{{base_url: "http://{{mock}}/v1"}}}}
models:
  plain:    [{{{{provider: mock, model: mock-model, {PRICE}}}}}]
  slow:     [{{{{provider: mock, model: fault-rate-200, {PRICE}}}}}]
  broken:   [{{{{provider: mock, model: fault-reset-after-3, {PRICE}}}}}]
  flaky:    [{{{{provider: mock, model: fault-503, {PRICE}}}}},
             {{{{provider: mock, model: mock-model, {PRICE}}}}}]
  unpriced: [{{{{provider: mock, model: another}}}}]
"""
FIGURES = {  # of scenarios: what it is, its unit and its goal
    "takeover_s": ("owner killed and its volume gone: its budgets are another's", "s", "<=", 10),
    "settled_lost": ("settled usage events that are gone with their node and its volume", "", "==",
                     0),
}
REST = 5.0          # seconds in which no budget has another owner
FIRST_CALLS = 60    # budgets whose first request is timed
ENDED_WITHIN = 120  # seconds that the clients may take to spend the rest


def clients_command(mesh, lab, key, out, *arguments):
    """The clients, on the lab's world machine."""
    world = lab.places[laboratory.WORLD]
    return [str(word) for word in world.argv(
        sys.executable, HERE / "clients.py", "--key", key, "--bill", world.listen("client"),
        "--out", out, *arguments, *[f"{n.id}={n.place.reach('client')}" for n in mesh.nodes])]


def wait_for_rest(mesh):
    """Until budgets go from node to node no more: a mesh that has just begun shares them out, and
    one on its way has no owner for up to a second."""
    known = {}

    def rests():
        owners = {b["budget"]: b["owner"] for b in mesh.ctl("budget", "list")["items"]}
        if owners != known.get("owners"):
            known.update(owners=owners, since=time.monotonic())
        shared = len(set(owners.values())) == len(mesh.nodes)
        return shared and time.monotonic() - known["since"] >= REST
    wait_for(rests, 90, "budgets to stay where they are")


def first_calls(mesh, lab, table):
    """How long the first request of a budget waits to be admitted, on whichever node."""
    keys, out = [], mesh.folder / "first.jsonl"
    for number in range(FIRST_CALLS):
        mesh.ctl("budget", "create", f"first-{number}", "--limit", "1usd")
        keys.append(mesh.create_key(f"first-{number}", budget=f"first-{number}")[0])
    wait_for_rest(mesh)
    subprocess.run(clients_command(mesh, lab, ",".join(keys), out, "--once"), check=True,
                   timeout=ENDED_WITHIN)
    with open(out, encoding="utf-8") as lines:
        answers = [json.loads(line) for line in lines]
    wrong = [a["status"] for a in answers if a["status"] != 200]
    if wrong:
        raise Failed(f"first requests of budgets were answered with {wrong}")
    waits = [a["admit"] for a in answers]
    print(f"first request of a budget, admitted after: p50 {percentile(waits, 0.5):.2f} ms, p99 "
          f"{percentile(waits, 0.99):.2f} ms ({len(waits)} budgets)", flush=True)
    table.row("admission_cold_ms", "first request of a budget until it is admitted, p99",
              round(percentile(waits, 0.99), 3), "ms", "<=", 30)


class Stage:
    """One scenario under way."""

    def __init__(self, mesh, lab, scenario):
        self.mesh, self.lab, self.scenario = mesh, lab, scenario
        self.nodes, self.budget = mesh.nodes, scenario.name.replace("_", "-")
        self.figures, self.out = {}, mesh.folder / f"{scenario.name}.jsonl"

    def __enter__(self):
        self.mesh.ctl("budget", "create", self.budget, "--limit", f"{self.scenario.limit / 1e6}usd")
        key, self.key_id = self.mesh.create_key(self.scenario.name, budget=self.budget,
                                                rpm=10_000_000)
        self.clients = subprocess.Popen(clients_command(
            self.mesh, self.lab, key, self.out, "--clients", self.scenario.clients,
            "--mix", self.scenario.mix, *(["--until-told"] if self.scenario.faults else [])))
        wait_for(lambda: self.out.exists() and self.out.stat().st_size > 0, 20,
                 f"the clients (status {self.clients.poll()})")
        return self

    def __exit__(self, kind, *_):
        if kind is not None or self.scenario.faults:
            self.clients.terminate()
        try:
            status = self.clients.wait(timeout=ENDED_WITHIN)
        except subprocess.TimeoutExpired:
            self.clients.kill()
            self.clients.wait(timeout=10)
            raise Failed(f"{self.scenario.name}: the clients did not end")
        if kind is None and status != 0:
            raise Failed(f"{self.scenario.name}: the clients ended with status {status}")

    def verdict(self):
        self.mesh.wait_alive(len(self.nodes))
        recorded = sum(event["key"] == self.key_id for event in self.recorded().values())
        with open(self.out, encoding="utf-8") as lines:
            return Verdict(self.scenario, [json.loads(line) for line in lines], self.figures,
                           recorded)

    def local(self, node, *arguments):
        """vidaictl by the node's own socket, which is for that node, and says so by its status."""
        socket = node.folder / "data/operator.sock"
        return self.mesh.run_ctl("--server", f"unix:{socket}", *arguments, check=False).stdout

    def recorded(self):
        """The calls that a running node has made or has copies of, each once, by its name."""
        return {(event["origin"], event["number"]): event
                for node in self.nodes if node.running()
                for event in map(json.loads, self.local(node, "usage", "export").splitlines())}

    def settled(self, node):
        """Whose calls those are that the node made, and up to which number others have all."""
        def told():
            source = json.loads(self.local(node, "-o", "json", "usage", "report"))["sources"][0]
            return (source["origin"], source["settled"]) if source["settled"] > 0 else None
        return wait_for(told, 30, f"calls that {node.id} made to be settled")

    def sleep(self, seconds):
        time.sleep(seconds)

    def figure(self, name, value):
        self.figures[name] = value

    def show(self, node):
        return self.mesh.ctl("budget", "show", self.budget, node=node)

    def owner(self):
        name = self.show(self.nodes[0])["owner"]
        return next(node for node in self.nodes if node.id == name)

    def owned_by_another(self, node, since):
        """Seconds until the others say that one of them owns the budget and knows what is left."""
        other = next(n for n in self.nodes if n is not node)

        def said():
            try:
                return self.show(other)["owner"] not in (node.id, None, "")
            except Failed:
                return False
        wait_for(said, 60, f"{self.budget} to have another owner than {node.id}")
        return time.monotonic() - since

    def kill(self, node):
        node.kill()
        return time.monotonic()

    def start(self, node):
        node.start()

    def split(self, *sides):
        self.lab.split(*sides)

    def heal(self):
        self.lab.heal()


class Table:
    """The rows for programs, and what a person reads."""

    def __init__(self, conditions, command):
        self.conditions, self.command, self.rows, self.missed = conditions, command, [], []
        self.stamp = stamp()

    def head(self):
        print(f"{'scenario':12} {'limit':>9} {'billed':>9} {'over':>6} {'unused':>7} {'served':>6} "
              f"{'402':>5} {'phantom':>7} {'429':>5} {'503':>5} {'calls':>6} {'unrec.':>6} "
              f"{'admit p50 p99 ms':>17} {'refusal p50 p99 ms':>19}")

    def tell(self, v):
        admit, refusal = v.admission_ms(), v.refusal_ms()
        print(f"{v.scenario.name:12} {v.scenario.limit / 1e6:>9.4f} {v.billed / 1e6:>9.4f} "
              f"{v.overspent:>6} {v.unused:>6.2f}% {v.served:>6} {v.exhausted:>5} {v.phantom:>7} "
              f"{v.statuses[429]:>5} {v.statuses[503]:>5} {v.calls:>6} "
              f"{'-' if v.unrecorded is None else v.unrecorded:>6} "
              f"{admit[0]:>8.3f} {admit[1]:>8.3f} "
              f"{refusal[0]:>9.2f} {refusal[1]:>9.2f}", flush=True)
        name, told = v.scenario.name, v.scenario.told
        self.row(f"storm_{name}_overspend", f"billed beyond the budget: {told}", v.overspent,
                 "micro-usd", "==", 0)
        self.row(f"storm_{name}_unused", f"left of the budget at the end: {told}",
                 round(v.unused, 3), "%", "<=", 100 / 8 if v.scenario.faults else None)
        self.row(f"storm_{name}_phantom", f"refused as exhausted with enough left: {told}",
                 v.phantom, "", "==", None if v.scenario.faults else 0)
        if v.unrecorded is not None:
            self.row(f"storm_{name}_unrecorded",
                     f"calls of the provider without a usage event: {told}", v.unrecorded, "",
                     "==", None if v.scenario.faults else 0)
        if v.scenario.usable:
            self.row(v.scenario.usable, f"of a budget of {told}, spent", round(100 - v.unused, 3),
                     "%", ">=", v.scenario.goal)
        for figure, value in v.figures.items():
            self.row(figure, FIGURES[figure][0], round(value, 3), *FIGURES[figure][1:])

    def row(self, name, figure, value, unit, op, goal, conditions=None):
        self.rows.append({"id": name, "figure": figure, "value": value, "unit": unit, "op": op,
                          "goal": goal, "anchor": "", "kind": "real", "command": self.command,
                          "conditions": conditions or self.conditions, **self.stamp})
        met = {"==": value == goal, "<=": goal is None or value <= goal,
               ">=": goal is None or value >= goal}[op]
        if goal is not None and not met:
            self.missed.append(f"{name} is {value} {unit}, goal {op} {goal}")

    def worst(self):
        """The most that any scenario has overspent."""
        over = [row["value"] for row in self.rows if row["id"].endswith("_overspend")]
        self.row("overspend", "spent beyond a hard budget, the worst of all scenarios", max(over),
                 "micro-usd", "==", 0, f"{self.conditions}, {len(over)} scenarios")

    def write(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.rows, indent=1) + "\n")


def play(options, scenarios):
    reason = laboratory.why_not()
    if reason and os.environ.get("VIDAI_CI"):
        raise Failed(reason)
    lab_class = LoopbackLab if reason else laboratory.Lab
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vidai-storm-"))
    command = "./dev storm" + (" --short" if options.short else "")
    table = Table(f"3 nodes of one worker, {lab_class.kind}, {os.cpu_count()} CPUs", command)
    with lab_class(folder) as lab:
        with LabMesh(lab, options.bin, folder, 3, models=MODELS) as mesh:
            first_calls(mesh, lab, table)
            table.head()
            for scenario in scenarios:
                if scenario.needs - lab_class.abilities:
                    print(f"{scenario.name:12} SKIPPED: {reason}", file=sys.stderr)
                    continue
                with Stage(mesh, lab, scenario) as stage:
                    scenario.play(stage)
                table.tell(stage.verdict())
                table.write(options.reports / "storm.json")
                mesh.wait_alive(len(mesh.nodes))
    if set(scenarios) == set(SCENARIOS):  # part of a storm says nothing of all
        table.worst()
        table.write(options.reports / "storm.json")
    if options.keep:
        print(f"answers and logs are in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return table


def aim(options):
    """Another gateway, once, without faults."""
    scenario = next(s for s in SCENARIOS if s.name == "mixed")
    scenario = dataclasses.replace(scenario, limit=round(options.limit * 1e6))
    with tempfile.TemporaryDirectory(prefix="vidai-storm-") as folder:
        out = pathlib.Path(folder, "answers.jsonl")
        clients = subprocess.Popen([
            sys.executable, str(HERE / "clients.py"), "--key", options.key, "--bill", options.bill,
            "--clients", str(options.clients), "--mix", options.mix or "plain",
            "--out", str(out), f"target={options.target}"])
        try:
            if clients.wait(timeout=ENDED_WITHIN) != 0:
                raise Failed("the clients could not work: see above")
        finally:
            if clients.poll() is None:
                clients.kill()
                clients.wait(timeout=10)
        with open(out, encoding="utf-8") as lines:
            verdict = Verdict(scenario, [json.loads(line) for line in lines], {})
    table = Table(f"{options.target}, {options.clients} clients", "./dev storm --target")
    table.head()
    table.tell(verdict)
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/dev/bin")
    parser.add_argument("--reports", type=pathlib.Path, default=ROOT / "build/reports")
    parser.add_argument("--short", action="store_true", help="what CI has time for")
    parser.add_argument("--keep", action="store_true", help="keep every answer and the logs")
    parser.add_argument("--target", metavar="HOST:PORT", help="another gateway")
    parser.add_argument("--key", help="a key of it that has a budget")
    parser.add_argument("--limit", type=float, help="of that budget, in dollars")
    parser.add_argument("--bill", metavar="HOST:PORT", help="the vidai-mock that is its provider")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--mix", help="what clients ask for, instead of what the scenario says: "
                        "mixed, or one kind of call: " + " ".join(KINDS))
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO",
                        help="all when none is named: " + " ".join(s.name for s in SCENARIOS))
    options = parser.parse_args()
    options.bin = options.bin.resolve()
    named = {s.name: s for s in SCENARIOS}
    unknown = [name for name in options.scenarios if name not in named]
    if unknown:
        parser.error(f"no such scenario: {', '.join(unknown)}; there are {', '.join(named)}")
    if options.target:
        if not (options.key and options.limit and options.bill):
            parser.error("--target needs --key, --limit and --bill")
        table = aim(options)
    else:
        wanted = [named[name] for name in options.scenarios or named]
        if options.mix:
            wanted = [dataclasses.replace(s, mix=options.mix) for s in wanted]
        table = play(options, [s for s in wanted if s.short or not options.short])
    if table.missed:
        sys.exit("storm: missed: " + "; ".join(table.missed))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except Failed as failure:
        sys.exit(f"storm: {failure}")
