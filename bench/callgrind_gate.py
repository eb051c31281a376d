#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a governed request needs more user instructions than the committed baseline allows.

Instructions counted by callgrind repeat within 0.3 % on any machine, so unlike a time they can
guard a merge. The baseline is bench/baseline.json; --update writes what was measured there.
"""
import argparse
import json
import pathlib
import sys
import tempfile

from peers import fetch, machine, measure, proxies

BASELINE = pathlib.Path(__file__).resolve().parent / "baseline.json"
FIGURE = "governed_instructions"
TOLERANCE = 0.02


def verdict(measured, baseline):
    """(passed, what to tell)"""
    change = measured / baseline - 1
    told = f"{FIGURE}: {measured:,.0f}, baseline {baseline:,.0f} ({change:+.2%})"
    if change > TOLERANCE:
        return False, told + (f"; more than {TOLERANCE:+.0%}: make it cheaper, or commit a new "
                              "baseline with --update and say why")
    if change < -TOLERANCE:
        return True, told + "; better: commit the new baseline with --update"
    return True, told


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    root = BASELINE.parent.parent
    parser.add_argument("--build", type=pathlib.Path, default=root / "build/release",
                        help="default: %(default)s; a baseline holds for one kind of build")
    parser.add_argument("--update", action="store_true", help="write the baseline")
    options = parser.parse_args()
    if proxies.Vidaid not in proxies.prepare(options.build.resolve(), ["vidaid"], print):
        return 1
    machine.enter_namespace()
    with tempfile.TemporaryDirectory(prefix="vidai-gate-") as folder, \
            proxies.Mock(folder) as mock:
        measured = measure.instructions(
            options.build / "bin/vidai-load",
            lambda wrapper: proxies.Vidaid(folder, mock.port, wrapper=wrapper))
    if options.update:
        row = {FIGURE: round(measured), "build": options.build.name}
        BASELINE.write_text(json.dumps(row) + "\n")
        print(f"{BASELINE.name}: {FIGURE} = {measured:,.0f}")
        return 0
    if not BASELINE.exists():
        raise RuntimeError(f"{BASELINE} missing: make it with --update and commit it")
    passed, told = verdict(measured, json.loads(BASELINE.read_text())[FIGURE])
    print(told)
    return 0 if passed else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (fetch.Missing, RuntimeError) as problem:
        sys.exit(f"callgrind_gate: {problem}")
