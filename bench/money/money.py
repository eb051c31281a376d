#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what money, limits and keys are to reach, but for what ./dev storm measures: writes
build/reports/money.json. Goals that are missed are told, and no failure: the page tells of them."""
import argparse
import os
import pathlib
import signal
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests/harness"), str(ROOT / "tests/figures"),
                str(ROOT / "bench")]
sys.dont_write_bytecode = True

from admission import admission, bank  # noqa: E402  (found through the path above)
from books import MONEY  # noqa: E402
from load import load  # noqa: E402
from peers import machine  # noqa: E402
from programs import Failed  # noqa: E402
from recovery import recovery  # noqa: E402
from report import Report  # noqa: E402
from revoke import revoke  # noqa: E402
from soft import soft  # noqa: E402

# Each measures and leaves its rows: (build folder, report) -> None.
PARTS = {part.__name__: part for part in (admission, bank, load, soft, revoke, recovery)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release",
                        help="default: %(default)s")
    parser.add_argument("--reports", type=pathlib.Path, default=ROOT / "build/reports")
    parser.add_argument("parts", nargs="*", metavar="PART",
                        help="all when none is named: " + " ".join(PARTS))
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    machine.enter_namespace()
    report, failed = Report(options.reports / "money.json"), []
    for name in options.parts or PARTS:
        print(f"\n{name}: {PARTS[name].__doc__.splitlines()[0]}", flush=True)
        try:
            PARTS[name](options.build.resolve(), report)
        except (Failed, RuntimeError) as failure:  # the others are measured all the same
            print(f"{name}: FAILED: {failure}", file=sys.stderr, flush=True)
            failed.append(name)
    for other in MONEY.reports:
        if other != report.path.name:
            report.take(options.reports / other, MONEY.awaited)
    print(f"\nwritten: {os.path.relpath(report.path)}"
          + (f"; goals missed: {', '.join(report.missed)}" if report.missed else ""))
    if failed:
        sys.exit(f"money: not measured: {', '.join(failed)}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
