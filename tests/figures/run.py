#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pages of figures: measured by others, kept in docs/reference/*-figures.json and shown in
*-figures.md. Started by ./dev mesh-figures and ./dev money-figures and, with --check, by ctest.

  --write   takes what reports there are into the data, and writes the page
  --all     measures first
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

from books import BOOKS  # noqa: E402  (found through the path above)
from page import Page, Wrong, dump, merge  # noqa: E402


def load(path):
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise Wrong(f"{path.name} is no JSON: {error}") from error


def write(book, reports, folder):
    """Takes the reports into the data of that folder and writes its page."""
    data, taken = load(folder / book.data), 0
    for name in book.reports:
        if not (reports / name).exists():
            print(f"figures: no {name}: its rows keep their former values", file=sys.stderr)
            continue
        report = load(reports / name)
        data, older = merge(book, data, report, name)
        taken += len(report) - len(older)
        if older:
            print(f"figures: {len(older)} rows of {name} are older than what is known, and left "
                  f"out: {' '.join(older)}", file=sys.stderr)
    template, page = (folder / book.template).read_text(), Page(book, data)
    text = page.render(template)
    (folder / book.data).write_text(dump(data))
    (folder / book.page).write_text(text)
    for name in page.untold(template):
        print(f"figures: {name} missed its goal, and {book.template} says nothing of it",
              file=sys.stderr)
    print(f"figures: {taken} rows taken, {len(data)} known, {len(page.missed())} missed: "
          f"{book.page} is written", file=sys.stderr)


def check(book, folder):
    data = load(folder / book.data)
    if (folder / book.data).read_text() != dump(merge(book, data, [], "")[0]):
        raise Wrong(f"{book.data} is not as it is written; run: ./dev {book.name} --write")
    text = Page(book, data).render((folder / book.template).read_text())
    if (folder / book.page).read_text() != text:
        raise Wrong(f"{book.page} is not current; run: ./dev {book.name} --write")


def measure_all(commands):
    """Each run whatever those before it came to; the commands that did not end well. Goals that
    were missed are no failure of the run, but of the mesh: the page tells of them."""
    failed = []
    for command in commands:
        print(f"figures: {' '.join(command)}", file=sys.stderr, flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
            failed.append(" ".join(command))
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("books", nargs="*", help=" ".join(BOOKS) + "; none: all")
    what = parser.add_mutually_exclusive_group(required=True)
    for flag in ("write", "all", "check"):
        what.add_argument(f"--{flag}", action="store_true")
    parser.add_argument("--long", action="store_true", help="with --all: what takes an hour, too")
    parser.add_argument("--reports", type=pathlib.Path, default=ROOT / "build/reports")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "docs/reference")
    options = parser.parse_args()
    if set(options.books) - set(BOOKS):
        parser.error(f"no such page: {' '.join(set(options.books) - set(BOOKS))}")
    failed = []
    for book in (BOOKS[name] for name in options.books or BOOKS):
        if options.check:
            check(book, options.folder)
            continue
        if options.all:
            failed += measure_all(options.long and book.measure_long or book.measure)
        write(book, options.reports, options.folder)
    if failed:
        sys.exit(f"figures: written, but not all went well in: {'; '.join(failed)}")


if __name__ == "__main__":
    try:
        main()
    except (Wrong, OSError) as wrong:
        sys.exit(f"figures: {wrong}")
