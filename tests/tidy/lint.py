#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev lint: format, house rules, then clang-tidy over the files that changed.

usage: lint.py [--all] [--most N] [FILE...]

clang-tidy takes about ten seconds a file, so it takes the N files changed last and says how many
it left. --all takes every source file."""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build/lint")


def lines(*argv):
    out = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    return [line for line in out.stdout.splitlines() if line]


def sources():
    return [f for f in lines("git", "ls-files", "-co", "--exclude-standard", "*.cc", "*.h")
            if os.path.isfile(os.path.join(ROOT, f))]


def changed():
    """Uncommitted files, then those of the last three days' commits, newest first. No tests, whose
    idioms (a push_back in a loop, a copy for clarity) several checks would mend for the worse."""
    seen = [line[3:] for line in lines("git", "status", "--porcelain")]
    seen += lines("git", "log", "--since=3 days ago", "--name-only", "--format=")
    return list(dict.fromkeys(
        f for f in seen if f.endswith(".cc") and not f.startswith("tests/")
        and os.path.isfile(os.path.join(ROOT, f))))


def check_format():
    bad = []
    files = sources()
    for at in range(0, len(files), 100):
        done = subprocess.run(["clang-format-19", "--dry-run", "-Werror", *files[at:at + 100]],
                              cwd=ROOT, capture_output=True, text=True, check=False)
        bad += re.findall(r"^(\S+?):\d+:\d+: error", done.stderr, re.M)
    for name in dict.fromkeys(bad):
        print(f"format: {name} (./dev format mends it)")
    return not bad


def check_house():
    tidy = os.path.join(ROOT, "tests/tidy/tidy.py")
    return subprocess.run([sys.executable, tidy, "all"], cwd=ROOT, check=False).returncode == 0


def configure():
    subprocess.run(["cmake", "--preset", "lint"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    # Generated headers must be there before a file can be parsed.
    targets = lines("ninja", "-C", BUILD, "-t", "targets", "all")
    made = [t.split(":")[0] for t in targets if re.search(r"(capnp\.h|_generated\.h):", t)]
    if made:
        subprocess.run(["ninja", "-C", BUILD, *made], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)


def tidy_one(name):
    done = subprocess.run(["clang-tidy-19", "-p", BUILD, "--quiet", name], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    return name, done.returncode, done.stdout


def check_tidy(files, most):
    configure()
    good = True
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, status, text in pool.map(tidy_one, files[:most]):
            if status != 0:
                good = False
                print(f"clang-tidy: {name}\n{text}", flush=True)
    print(f"clang-tidy: {min(most, len(files))} of {len(files)} changed files checked")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every source file")
    parser.add_argument("--most", type=int, default=24, help="files for clang-tidy")
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    files = args.files or ([f for f in sources() if f.endswith(".cc")] if args.all else changed())
    results = [check_format(), check_house(),
               check_tidy(files, len(files) if args.all or args.files else args.most)]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
