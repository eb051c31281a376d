#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Chaos with real processes: vidaid in network namespaces, faults between them, clients throughout.
Started by ./dev chaos and by ctest."""
import argparse
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "harness"), str(ROOT / "bench")]
sys.dont_write_bytecode = True

import figures  # noqa: E402  (found through the path above)
import lab as laboratory  # noqa: E402
import scene  # noqa: E402
import tcp_delays  # noqa: E402
from loopback import LoopbackLab  # noqa: E402
from programs import Failed  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402


def choose_lab(options):
    """The lab that this machine permits. A lesser one is a failure where all must be there."""
    if options.userspace:
        return LoopbackLab
    reason = laboratory.why_not()
    if reason is None:
        return laboratory.Lab
    if options.figures or options.tcp_delays or os.environ.get("VIDAI_CI"):
        raise Failed(reason)
    stars = "*" * 98
    print(f"{stars}\nchaos: {reason}\nchaos: running with a proxy in user space INSTEAD: no packet "
          f"loss, no other addresses, no slow link\n{stars}", file=sys.stderr, flush=True)
    return LoopbackLab


def report(name, timeline, picture):
    verdict = "ok" if timeline.passed else "FAILED"
    print(f"{name:16} {verdict:7} {timeline.ended - timeline.began:6.1f} s  "
          f"{os.path.relpath(picture)}")
    for check in timeline.checks:
        print(f"    {'ok    ' if check.ok else 'FAILED'} {check.what}"
              f"{f' ({check.detail})' if check.detail else ''}")
    sys.stdout.flush()


def play(options, scenarios):
    """Plays them one after the other; ends with 1 when one failed, 77 when none could be played."""
    lab_class, failed, played = choose_lab(options), [], 0
    for scenario in scenarios:
        lacking = sorted(scenario.needs - lab_class.abilities)
        if lacking:
            print(f"{scenario.name:16} SKIPPED: {lab_class.kind} cannot do: {', '.join(lacking)}",
                  file=sys.stderr, flush=True)
            continue
        played += 1
        timeline, picture = scene.perform(scenario, lab_class, options)
        report(scenario.name, timeline, picture)
        if not timeline.passed:
            failed.append(scenario.name)
    if failed:
        sys.exit(f"chaos: failed: {', '.join(failed)}")
    sys.exit(0 if played else 77)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--other-bin", type=pathlib.Path,
                        help="programs of another build, for the rolling upgrade")
    parser.add_argument("--reports", type=pathlib.Path, default=ROOT / "build/reports/chaos")
    parser.add_argument("--figures", action="store_true",
                        help="measure, beside serf, instead of playing scenarios")
    parser.add_argument("--figure", action="append", metavar="PREFIX",
                        help="only figures whose id begins so: vidaid_blackhole; may be repeated")
    parser.add_argument("--trials", type=int, default=20, help="of each figure")
    parser.add_argument("--tcp-delays", type=int, nargs="?", const=60, metavar="SECONDS",
                        help="how late TCP delivers under loss, with the mesh's socket options and "
                             "without; nothing else")
    parser.add_argument("--long", action="store_true", help="splits of ten minutes, too")
    parser.add_argument("--userspace", action="store_true",
                        help="the lab without namespaces, as where they are not permitted")
    parser.add_argument("--patient", action="store_true",
                        help="bounds for a machine that has other work: whether, not how soon")
    parser.add_argument("--keep", action="store_true", help="keep the folders with the logs")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO",
                        help="all when none is named: " + " ".join(s.name for s in SCENARIOS))
    options = parser.parse_args()
    options.bin = options.bin.resolve()
    options.peers = ROOT / "build/peers"
    named = {s.name: s for s in SCENARIOS}
    unknown = [name for name in options.scenarios if name not in named]
    if unknown:
        parser.error(f"no such scenario: {', '.join(unknown)}; there are {', '.join(named)}")
    if options.tcp_delays:
        tcp_delays.measure(choose_lab(options), options.tcp_delays)
        return
    if options.figures:
        choose_lab(options)
        missed = figures.measure(options)
        sys.exit(f"chaos: missed: {', '.join(missed)}" if missed else 0)
    play(options, [named[name] for name in options.scenarios or named])


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"chaos: {failure}")
