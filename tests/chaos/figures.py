# SPDX-License-Identifier: Apache-2.0
"""What the mesh's figures are on real processes, and serf's beside them: same lab, same faults,
same stamps, same run. Written as rows to build/reports/chaos.json."""
import concurrent.futures
import json
import os
import statistics
import sys

from cluster import LabMesh
from peers import fetch
from programs import Failed
from serf import SerfCluster
from trials import Trials

COMMAND = "./dev chaos --figures"
MESHES = 4         # at a time: waiting for timers costs next to nothing, and four times as long
UNDER_FAULT = 60   # seconds of loss or of a slow node
SPLIT, SPLIT_LONG = 20, 600

# id: what is timed, goal of the median and of the maximum; trials are those of --trials.
TIMED = {
    "crash": ("process crash seen by all", 0.5, 1.5),
    "silent": ("silent death (SIGSTOP) seen by all", 3, 4.5),
    "blackhole": ("machine cut off seen by all", 3, 4.5),
    "move": ("rejoin, same identity, new address", 1, 1),
}
COUNTED = {
    "loss_10": ("false deaths in a minute, 10 % loss", lambda t: t.lossy(10, UNDER_FAULT)),
    "loss_30": ("false deaths in a minute, 30 % loss", lambda t: t.lossy(30, UNDER_FAULT)),
    "slow_node": ("deaths declared in a minute, one slow node", lambda t: t.slow(UNDER_FAULT)),
}


class Subject:
    """One kind of cluster under measurement."""

    def __init__(self, name, conditions, make):
        self.name, self.conditions, self.make = name, conditions, make
        self.results = {}  # figure -> list of values

    def work(self, figure, trials):
        """The values of so many trials on a cluster of their own."""
        what = f"{self.name} {figure}"
        if figure.startswith("bootstrap"):
            with Trials(what, self.make, int(figure.split("_n")[1])) as t:
                return [t.bootstrap]
        with Trials(what, self.make, links=("node-3",) if figure == "slow_node" else ()) as t:
            if figure in COUNTED:
                return [COUNTED[figure][1](t)]
            if figure.startswith("heal"):
                return [t.heal(int(figure.split("_")[1])) for _ in range(trials)]
            return [getattr(t, figure)(trial) for trial in range(trials)]


def plan(subjects, options):
    """(subject, figure, trials) to be done, the longest first."""
    jobs = []
    for s in subjects:
        equal = s.name == "vidaid_1s"
        for figure in ("silent", "crash") if equal else TIMED:
            few = figure == "move" and s.name == "serf"  # half a minute each
            trials = min(4, options.trials) if few else options.trials
            halves = [trials // 2, trials - trials // 2]
            jobs += [(s, figure, half) for half in halves if half]
        if equal:
            continue
        jobs += [(s, f"heal_{SPLIT}", max(1, options.trials // 4)) for _ in range(2)]
        if options.long:
            jobs += [(s, f"heal_{SPLIT_LONG}", 1) for _ in range(3)]
        jobs += [(s, figure, 1) for figure in COUNTED]
        jobs += [(s, f"bootstrap_n{n}", 1) for n in (3, 10) for _ in range(3)]
    if options.figure:
        jobs = [job for job in jobs
                if f"{job[0].name}_{job[1]}".startswith(tuple(options.figure))]
    return sorted(jobs, key=lambda job: (f"heal_{SPLIT_LONG}" not in job, job[0].name != "serf"))


class Table:
    def __init__(self):
        self.rows, self.missed = [], []

    def row(self, name, figure, value, unit, goal, anchor, conditions):
        self.rows.append({"id": name, "figure": figure, "value": round(value, 3), "unit": unit,
                          "op": "<=", "goal": goal, "anchor": anchor, "kind": "real",
                          "command": COMMAND, "conditions": conditions})
        verdict = "" if goal is None else f"goal <= {goal:g}"
        if goal is not None and value > goal:
            self.missed.append(name)
            verdict += " MISSED"
        print(f"{name:28} {value:8.3f} {unit:2} {verdict:20} {anchor:26} {conditions}",
              flush=True)

    def times(self, subject, figure, label, goals, anchor, values):
        how = f"N=3, {len(values)} trials{subject.conditions}"
        for suffix, word, value, goal in (("p50", "median", statistics.median(values), goals[0]),
                                          ("max", "maximum", max(values), goals[1])):
            self.row(f"{subject.name}_{figure}_{suffix}", f"{label}, {word}", value, "s", goal,
                     anchor, how)

    def write(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.rows, indent=1) + "\n")


def tell(table, subjects):
    """Every subject's rows, each of vidaid with what serf did in this run beside it."""
    beside = next((s.results for s in subjects if s.name == "serf"), {})

    def anchor(subject, figure):
        if subject.name == "serf":
            return ""
        measured = beside.get(figure)
        return (f"serf here {statistics.median(measured):.2f}/{max(measured):.2f} s"
                if measured else "")

    for s in subjects:
        ours = s.name != "serf"
        for figure, values in sorted(s.results.items()):
            if figure in TIMED:
                label, *goals = TIMED[figure]
                judged = goals if s.name == "vidaid" else (None, None)
                table.times(s, figure, label, judged, anchor(s, figure), values)
            elif figure in COUNTED:
                measured = beside.get(figure)
                table.row(f"{s.name}_{figure}", COUNTED[figure][0], sum(values), "",
                          0 if ours else None,
                          f"serf here {sum(measured)}" if ours and measured else "",
                          f"N=3, {UNDER_FAULT} s{s.conditions}")
            elif figure.startswith("heal"):
                table.times(s, figure, f"heal of a split of {figure.split('_')[1]} s",
                            (None, 5 if ours else None), anchor(s, figure), values)
            else:
                table.row(f"{s.name}_{figure}",
                          f"{figure.split('_n')[1]} nodes started until all agree, maximum",
                          max(values), "s", None, anchor(s, figure),
                          f"{len(values)} starts{s.conditions}")


def subjects_of(options):
    def vidaid(lines=""):
        return lambda lab, folder, count, links: LabMesh(lab, options.bin, folder, count,
                                                         node_lines=lines, links=links)
    subjects = [Subject("vidaid", ", probe interval 0.5 s (default)", vidaid()),
                Subject("vidaid_1s", ", probe interval 1 s", vidaid("  probe_interval: 1s\n"))]
    try:
        program = fetch.fetch("serf", options.peers)
    except fetch.Missing as missing:
        if os.environ.get("VIDAI_CI"):
            raise Failed(str(missing)) from missing
        print(f"chaos: {missing}", file=sys.stderr)
        return subjects
    version = fetch.version(program, options.peers)
    serf = Subject("serf", f", serf {version}, profile lan (probe interval 1 s)",
                   lambda lab, folder, count, links: SerfCluster(lab, program, folder, count,
                                                                 links))
    return [*subjects, serf]


def measure(options):
    """Measures, prints and writes all figures; the ids of those that missed their goals."""
    subjects, table, failed = subjects_of(options), Table(), []
    jobs = plan(subjects, options)
    with concurrent.futures.ThreadPoolExecutor(MESHES) as pool:
        running = {pool.submit(subject.work, figure, trials): (subject, figure)
                   for subject, figure, trials in jobs}
        for number, done in enumerate(concurrent.futures.as_completed(running), 1):
            subject, figure = running[done]
            try:
                subject.results.setdefault(figure, []).extend(done.result())
                print(f"({number}/{len(jobs)}) {subject.name} {figure}", file=sys.stderr)
            except Failed as failure:
                failed.append(f"{subject.name} {figure}")
                print(f"chaos: {failure}", file=sys.stderr)
    tell(table, subjects)
    table.write(options.reports.parent / "chaos.json")
    return table.missed + failed
