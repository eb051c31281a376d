#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The mesh's figures: measured by the simulator and by the chaos suite, kept in
docs/reference/mesh-figures.json and shown in mesh-figures.md. Started by ./dev mesh-figures and,
with --check, by ctest.

  --write   takes what reports there are into the data, and writes the page
  --all     measures both first: the simulated figures, then the real ones with serf beside them
  --check   ends with 1 when the page is not what --write would make of the data
"""
import argparse
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE)]
sys.dont_write_bytecode = True

from page import Page, Wrong, dump, merge  # noqa: E402  (found through the path above)

DATA, TEMPLATE, PAGE = (f"mesh-figures{end}" for end in (".json", ".template.md", ".md"))
REPORTS = ("mesh.json", "chaos.json")


def load(path):
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise Wrong(f"{path.name} is no JSON: {error}") from error


def write(reports, folder):
    """Takes the reports into the data of that folder and writes its page."""
    data, taken = load(folder / DATA), 0
    for name in REPORTS:
        if not (reports / name).exists():
            print(f"figures: no {name}: its rows keep their former values", file=sys.stderr)
            continue
        report = load(reports / name)
        data, older = merge(data, report, name)
        taken += len(report) - len(older)
        if older:
            print(f"figures: {len(older)} rows of {name} are older than what is known, and left "
                  f"out: {' '.join(older)}", file=sys.stderr)
    template, page = (folder / TEMPLATE).read_text(), Page(data)
    text = page.render(template)
    (folder / DATA).write_text(dump(data))
    (folder / PAGE).write_text(text)
    for name in page.untold(template):
        print(f"figures: {name} missed its goal, and {TEMPLATE} says nothing of it",
              file=sys.stderr)
    print(f"figures: {taken} rows taken, {len(data)} known, {len(page.missed())} missed: "
          f"{PAGE} is written", file=sys.stderr)


def check(folder):
    data = load(folder / DATA)
    if (folder / DATA).read_text() != dump(merge(data, [], "")[0]):
        raise Wrong(f"{DATA} is not as it is written; run: ./dev mesh-figures --write")
    if (folder / PAGE).read_text() != Page(data).render((folder / TEMPLATE).read_text()):
        raise Wrong(f"{PAGE} is not current; run: ./dev mesh-figures --write")


def measure_all(long):
    """Both runs, the second whatever the first comes to; the commands that did not end well. Goals
    that were missed are no failure of the run, but of the mesh: the page tells of them."""
    failed, more = [], ["--long"] if long else []
    for command in (["./dev", "mesh-figures", *more], ["./dev", "chaos", "--figures", *more]):
        print(f"figures: {' '.join(command)}", file=sys.stderr, flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
            failed.append(" ".join(command))
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    for flag in ("write", "all", "check"):
        what.add_argument(f"--{flag}", action="store_true")
    parser.add_argument("--long", action="store_true", help="with --all: what takes an hour, too")
    parser.add_argument("--reports", type=pathlib.Path, default=ROOT / "build/reports")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "docs/reference")
    options = parser.parse_args()
    if options.check:
        return check(options.folder)
    failed = measure_all(options.long) if options.all else []
    write(options.reports, options.folder)
    if failed:
        sys.exit(f"figures: written, but not all went well in: {'; '.join(failed)}")
    return None


if __name__ == "__main__":
    try:
        main()
    except (Wrong, OSError) as wrong:
        sys.exit(f"figures: {wrong}")
