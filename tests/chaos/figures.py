# SPDX-License-Identifier: Apache-2.0
"""What the mesh's figures are on real processes, and serf's beside them: same lab, same faults,
same stamps, same run. Written as rows to build/reports/chaos.json."""
import concurrent.futures
import dataclasses
import itertools
import json
import os
import statistics
import sys
import time
import typing

from cluster import LabMesh
from peers import fetch
from programs import Failed
from revision import stamp
from serf import SerfCluster
from trials import Trials

COMMAND = "./dev chaos --figures"
# Meshes at a time: waiting for timers costs next to nothing, and minutes of waiting less than that;
# starting ten processes takes all of two cores.
MESHES = {"long": 24, "usual": 4, "alone": 1}
FEW = 3     # clusters where a trial takes a minute or more and the goal is never near
MOVES = 4   # trials of what takes serf half a minute each
SPLIT, SPLIT_LONG = 20, 600
COUNTED_FOR, COUNTED_FOR_LONG = 60, 300  # seconds under a fault that kills nobody


@dataclasses.dataclass(frozen=True)
class Figure:
    """One thing that is measured: on each of so many clusters, so many times in turn."""
    name: str
    label: str
    goals: tuple           # of the median and of the maximum, for vidaid at its defaults
    clusters: int
    trials: int            # on each of them
    do: typing.Callable    # (Trials, number of the trial) -> value
    unit: str = "s"
    count: int = 3         # nodes
    links: tuple = ()      # those behind a user-space link
    pace: str = "usual"    # of MESHES
    note: str = ""
    subjects: tuple = ("vidaid", "vidaid_1s", "serf")


def catalogue(options):
    """All figures of such a run."""
    half = max(1, options.trials // 2)
    span = COUNTED_FOR_LONG if options.long else COUNTED_FOR

    def timed(name, label, goals, do, **more):
        return Figure(name, label, goals, 2, half, do, **more)

    def counted(name, what, clusters, do, **more):
        return Figure(name, f"false deaths, {what}", (0, 0), clusters, 1, lambda t, _: do(t),
                      unit="", note=f", {span} s each", pace="long" if options.long else "usual",
                      **more)

    def healed(seconds, clusters, trials, **more):
        return Figure(f"heal_{seconds}", f"heal of a split of {seconds} s", (None, 5), clusters,
                      trials, lambda t, _: t.heal(seconds), **more)

    def started(count):
        return Figure(f"bootstrap_n{count}", f"{count} nodes started until all agree",
                      (None, None), options.trials, 1, lambda t, _: t.bootstrap, count=count,
                      pace="alone", subjects=("vidaid", "serf"))
    # Hours of meshes: so many only where long runs are asked for.
    many = options.trials if options.long else FEW
    figures = [
        timed("crash", "process crash seen by all", (0.5, 1.5), Trials.crash),
        timed("silent", "silent death (SIGSTOP) seen by all", (3, 4.5), Trials.silent),
        timed("blackhole", "machine cut off seen by all", (3, 4.5), Trials.blackhole),
        timed("move", "rejoin, same identity, new address", (1, 1), Trials.move,
              subjects=("vidaid", "serf")),
        healed(SPLIT, 2, half),
        counted("loss_10", "10 % loss", FEW, lambda t: t.lossy(10, span)),
        counted("loss_30", "30 % loss", many, lambda t: t.lossy(30, span)),
        counted("slow_node", "one slow node", FEW, lambda t: t.slow(span), links=("node-3",)),
        started(3), started(10),
    ]
    if not options.long:
        return figures
    return [healed(SPLIT_LONG, many, 1, pace="long", subjects=("vidaid", "serf")), *figures]


class Subject:
    """One kind of cluster under measurement."""

    def __init__(self, name, conditions, make):
        self.name, self.conditions, self.make = name, conditions, make
        self.results = {}  # figure -> list of values
        self.busiest = {}  # figure -> the highest load average meanwhile
        self.failed = {}   # figure -> clusters that ended with an error

    def work(self, figure, trials):
        """The values of so many trials on a cluster of their own."""
        with Trials(f"{self.name} {figure.name}", self.make, figure.count, figure.links) as t:
            values = []
            for trial in range(trials):
                values.append(figure.do(t, trial))
                load = max(os.getloadavg()[0], self.busiest.get(figure.name, 0.0))
                self.busiest[figure.name] = load
            return values


def plan(subjects, figures, only):
    """(subject, figure, trials) to be done, serf's first, which take longer."""
    jobs = []
    for s in subjects:
        for figure in figures:
            if s.name not in figure.subjects:
                continue
            trials = figure.trials
            if figure.name == "move" and s.name == "serf":
                trials = min(MOVES // figure.clusters, trials)
            jobs += [(s, figure, trials)] * figure.clusters
    if only:
        jobs = [job for job in jobs if f"{job[0].name}_{job[1].name}".startswith(tuple(only))]
    return sorted(jobs, key=lambda job: job[0].name != "serf")


class Table:
    """The rows of a run, written anew with each that comes, so that a run cut short leaves some."""

    def __init__(self, path, command):
        self.path, self.command = path, command
        self.rows, self.missed = {}, []
        self.stamp = stamp()

    def row(self, name, figure, value, unit, goal, anchor, conditions):
        self.rows[name] = {"id": name, "figure": figure, "value": round(value, 3), "unit": unit,
                           "op": "<=", "goal": goal, "anchor": anchor, "kind": "real",
                           "command": self.command, "conditions": conditions, **self.stamp}

    def add(self, subject, figure, anchor):
        """The two rows of what was measured."""
        values = subject.results[figure.name]
        goals = {"vidaid": figure.goals, "vidaid_1s": (None, None), "serf": (None, None)}
        how = (f"N={figure.count}, {len(values)} trials{figure.note}{subject.conditions}, load "
               f"average up to {subject.busiest[figure.name]:.1f} on {os.cpu_count()} CPUs")
        if figure.name in subject.failed:
            how += f", {subject.failed[figure.name]} of {figure.clusters} meshes failed"
        for suffix, word, value, goal in zip(
                ("p50", "max"), ("median", "maximum"), (statistics.median(values), max(values)),
                goals[subject.name]):
            self.row(f"{subject.name}_{figure.name}_{suffix}", f"{figure.label}, {word}", value,
                     figure.unit, goal, anchor, how)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(list(self.rows.values()), indent=1) + "\n")

    def print(self):
        for row in self.rows.values():
            verdict = "" if row["goal"] is None else f"goal <= {row['goal']:g}"
            if row["goal"] is not None and row["value"] > row["goal"]:
                self.missed.append(row["id"])
                verdict += " MISSED"
            print(f"{row['id']:28} {row['value']:8.3f} {row['unit']:2} {verdict:20} "
                  f"{row['anchor']:26} {row['conditions']}", flush=True)


def tell(table, subjects, figures):
    """Every subject's rows, each of vidaid with what serf did in this run beside it."""
    beside = next((s.results for s in subjects if s.name == "serf"), {})
    for s in subjects:
        for figure in figures:
            if figure.name not in s.results:
                continue
            anchor, theirs = "", beside.get(figure.name)
            if theirs and s.name != "serf":
                anchor = f"serf here {statistics.median(theirs):.2f}/{max(theirs):.2f}"
                anchor += f" {figure.unit}" if figure.unit else ""
            table.add(s, figure, anchor)


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


def perform(jobs, meshes, done):
    """Does them, so many at a time; done(subject, figure, values or an error) is told of each."""
    with concurrent.futures.ThreadPoolExecutor(meshes) as pool:
        running = {pool.submit(subject.work, figure, trials): (subject, figure)
                   for subject, figure, trials in jobs}
        for future in concurrent.futures.as_completed(running):
            done(*running[future], future.exception() or future.result())


def measure(options):
    """Measures, prints and writes all figures; the ids of those that missed their goals, and the
    names of those of which a mesh failed: the rest is measured all the same."""
    subjects, figures, failed = subjects_of(options), catalogue(options), []
    jobs = plan(subjects, figures, options.figure)
    if not jobs:
        raise Failed(f"no figure begins with {' or '.join(options.figure)}")
    command = COMMAND + (" --long" if options.long else "")
    table, began = Table(options.reports.parent / "chaos.json", command), time.time()
    number = itertools.count(1)

    def done(subject, figure, result):
        what = f"{subject.name} {figure.name}"
        if isinstance(result, BaseException):
            failed.append(what)
            subject.failed[figure.name] = subject.failed.get(figure.name, 0) + 1
            said = f"FAILED: {type(result).__name__}: {result}"
        else:
            subject.results.setdefault(figure.name, []).extend(result)
            said = " ".join(f"{value:.2f}" for value in result)
        tell(table, subjects, figures)
        print(f"({next(number)}/{len(jobs)}, {time.time() - began:.0f} s) {what}: {said}",
              file=sys.stderr, flush=True)
    for pace, meshes in MESHES.items():
        perform([job for job in jobs if job[1].pace == pace], meshes, done)
    table.print()
    return table.missed + failed
