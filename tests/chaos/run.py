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
sys.path[:0] = [str(HERE), str(HERE.parent / "harness")]
sys.dont_write_bytecode = True

import lab as laboratory  # noqa: E402  (found through the path above)
import scene  # noqa: E402
from programs import Failed  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402


def choose_lab():
    reason = laboratory.why_not()
    if reason is None:
        return laboratory.Lab
    if os.environ.get("VIDAI_CI"):
        raise Failed(reason)
    print(f"chaos: SKIPPED, {reason}", file=sys.stderr)
    sys.exit(77)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--other-bin", type=pathlib.Path,
                        help="programs of another build, for the rolling upgrade")
    parser.add_argument("--reports", type=pathlib.Path, default=ROOT / "build/reports/chaos")
    parser.add_argument("--long", action="store_true", help="ten minutes of a split, not 45 s")
    parser.add_argument("--keep", action="store_true", help="keep the folders with the logs")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO",
                        help="all when none is named: " + " ".join(s.name for s in SCENARIOS))
    options = parser.parse_args()
    options.bin = options.bin.resolve()
    named = {s.name: s for s in SCENARIOS}
    unknown = [name for name in options.scenarios if name not in named]
    if unknown:
        parser.error(f"no such scenario: {', '.join(unknown)}; there are {', '.join(named)}")
    lab_class = choose_lab()
    failed = []
    for name in options.scenarios or named:
        timeline, picture = scene.perform(named[name], lab_class, options)
        verdict = "ok" if timeline.passed else "FAILED"
        print(f"{name:16} {verdict:7} {timeline.ended - timeline.began:6.1f} s  "
              f"{os.path.relpath(picture)}", flush=True)
        for check in timeline.checks:
            print(f"    {'ok    ' if check.ok else 'FAILED'} {check.what}"
                  f"{f' ({check.detail})' if check.detail else ''}", flush=True)
        if not timeline.passed:
            failed.append(name)
    if failed:
        sys.exit(f"chaos: failed: {', '.join(failed)}")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"chaos: {failure}")
