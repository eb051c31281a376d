#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The house rules that a program can check. Each check is one ctest (label tidy).

usage: tidy.py CHECK|all     run from anywhere in the repository
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CODE = (".h", ".cc")
SPDX = "SPDX-License-Identifier: Apache-2.0"
# Formats without comments, prose, and bytes.
NO_SPDX = re.compile(r"(\.json|\.md|\.txt|\.golden|\.svg|\.pem|\.hex|\.bin|^LICENSE|\.gitignore|"
                     r"package-lock\.json|\.npmrc)$|/corpus/|/golden/")


def files():
    out = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT,
                         capture_output=True, check=False)
    if out.returncode == 0:
        names = [n for n in out.stdout.decode().split("\0") if n]
    else:  # a source archive without .git
        names = [os.path.relpath(os.path.join(d, f), ROOT) for d, dirs, fs in os.walk(ROOT)
                 for f in fs if "/build" not in d]
    return sorted(n for n in names if os.path.isfile(os.path.join(ROOT, n)))


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="replace") as f:
        return f.read()


def load_arrows():
    rules = {}
    for line in read("tests/tidy/arrows.txt").splitlines():
        line = line.split("#")[0].strip()
        if line:
            left, right = line.split("->")
            rules[left.strip()] = right.split()
    return rules


def under(path, folder):
    return path == folder or path.startswith(folder + "/")


def check_arrows():
    """Includes follow tests/tidy/arrows.txt."""
    rules = load_arrows()
    for name in files():
        if not name.endswith(CODE):
            continue
        home = max((f for f in rules if under(name, f)), key=len, default=None)
        if home is None:
            yield f"{name}: its folder has no line in tests/tidy/arrows.txt"
            continue
        for number, line in enumerate(read(name).splitlines(), 1):
            found = re.match(r'\s*#include "([^"]+)"', line)
            if not found:
                continue
            target = found.group(1)
            if "/" not in target:
                yield f'{name}:{number}: "{target}": includes are written from the repository root'
                continue
            if under(target, home) or any(under(target, t) for t in rules[home]):
                continue
            yield (f'{name}:{number}: {home} may not include "{target}" '
                   f"(tests/tidy/arrows.txt says what it may)")


def check_heavy():
    """Heavy libraries stay in the rooms that own them."""
    owners = {
        r"<boost/": ("node/net",),
        r"<kj/|<capnp/": ("mesh/wire", "mesh/transport", "mesh/seeds", "mesh/admission", "mesh/rpc",
                            "schema/compat", "tests/sim/tier2"),
        r"<prometheus/": ("node/observe",), r"<yaml-cpp/": ("schema/yaml", "cli"),
        r"<CLI/": ("node/config", "cli", "tests/sim", "bench"),
        r"<sodium": ("mesh/seal", "mesh/state", "node/auth", "tests/sim/tier2"),
        r"<openssl/": ("node/net", "bench/mock"),
    }
    for name in files():
        if not name.endswith(CODE) or (name.startswith("tests/") and "/sim/" not in name):
            continue
        for number, line in enumerate(read(name).splitlines(), 1):
            for pattern, rooms in owners.items():
                if re.match(r"\s*#include (" + pattern + ")", line) and not any(
                        under(name, room) for room in rooms):
                    yield f"{name}:{number}: {line.strip()} belongs to {', '.join(rooms)}"


def check_columns():
    """Code is at most 100 columns wide, without tabs or trailing blanks."""
    for name in files():
        if not name.endswith(CODE + (".py", ".cmake", ".sh")) and os.path.basename(name) not in (
                "dev", "CMakeLists.txt"):
            continue
        for number, line in enumerate(read(name).splitlines(), 1):
            if len(line) > 100 and "http" not in line:
                yield f"{name}:{number}: {len(line)} columns"
            if line != line.rstrip() or "\t" in line:
                yield f"{name}:{number}: trailing blank or tab"


def check_length():
    """No source file over 500 lines: there is a second noun in it."""
    for name in files():
        if name.endswith(CODE + (".py",)):
            count = read(name).count("\n")
            if count > 500:
                yield f"{name}: {count} lines"


def check_spdx():
    """Each file says its licence in its first three lines."""
    for name in files():
        if NO_SPDX.search(name):
            continue
        if SPDX not in "\n".join(read(name).splitlines()[:3]):
            yield f"{name}: no '{SPDX}' at the top"


def check_events():
    """Every event of the catalogue is written somewhere."""
    catalogue = read("node/observe/events.h").split("enum class Event")[1].split("};")[0]
    code = "".join(read(n) for n in files() if n.startswith("node/") and n.endswith(".cc")
                   and n != "node/observe/events.cc")
    for name in re.findall(r"^    (k\w+),$", catalogue, re.M):
        if not re.search(rf"Event::{name}\b", code):
            yield f"node/observe/events.h: nobody writes Event::{name}"


def check_headers():
    """A header opens with why it exists, and guards itself."""
    for name in files():
        if not name.endswith(".h"):
            continue
        lines = read(name).splitlines()
        if "#pragma once" not in lines:
            yield f"{name}: no #pragma once"
        if len(lines) < 2 or not lines[1].startswith("// "):
            yield f"{name}: line 2 should begin to say why this header exists"


def check_dead():
    """Every source file is built, every script is called."""
    lists = "\n".join(read(n) for n in files() if n.endswith(("CMakeLists.txt", ".cmake")))
    sources = {n: read(n) for n in files() if n.endswith(CODE)}
    for name in sources:
        base = os.path.basename(name)
        # A list of targets may name its sources by their stem only.
        own = os.path.join(os.path.dirname(name), "CMakeLists.txt")
        stem = re.sub(r"(_fuzz)?\.cc$", "", base)
        near = read(own) if os.path.isfile(os.path.join(ROOT, own)) else ""
        if name.endswith(".cc") and not re.search(rf"(?<![\w]){re.escape(base)}\b", lists) and (
                "foreach" not in near or not re.search(rf"\b{re.escape(stem)}\b", near)):
            yield f"{name}: in no CMakeLists.txt"
        if name.endswith(".h") and "capnp_clang" not in name:
            if not any(f'"{name}"' in text for n, text in sources.items() if n != name):
                yield f"{name}: included by nobody"


def check_links():
    """Relative links in the docs lead somewhere."""
    for name in files():
        if not name.endswith(".md"):
            continue
        text = re.sub(r"```.*?```", "", read(name), flags=re.S)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            if not os.path.exists(os.path.join(ROOT, os.path.dirname(name), target)):
                yield f"{name}: link to {target}, which is not there"


def check_adr():
    """ADRs are numbered without gaps and have the four sections."""
    folder = os.path.join(ROOT, "docs/adr")
    listed = os.listdir(folder) if os.path.isdir(folder) else []
    names = sorted(n for n in listed if re.match(r"\d{4}-", n))
    for index, name in enumerate(names, 1):
        if not name.startswith(f"{index:04d}-"):
            yield f"docs/adr/{name}: expected number {index:04d}"
        text = read("docs/adr/" + name)
        for section in ("## Context", "## Decision", "## Consequences", "Status:"):
            if section not in text:
                yield f"docs/adr/{name}: no '{section}'"


def check_todo():
    """A TODO says its kind; nothing is left half-done."""
    for name in files():
        if not name.endswith(CODE + (".py",)) or name.startswith("tests/tidy/"):
            continue
        for number, line in enumerate(read(name).splitlines(), 1):
            kindless = re.sub(r"TODO\((perf|security|cleanup)\):", "", line)
            if re.search(r"\b(FIXME|XXX|HACK|TODO)\b", kindless):
                yield f"{name}:{number}: {line.strip()}"


def check_reports():
    """Figure reports carry the agreed fields, where a run left any."""
    import json
    fields = set("id figure value unit op goal anchor kind command conditions".split())
    folder = os.path.join(ROOT, "build/reports")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not name.endswith(".json"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            rows = json.load(f)
        for row in rows:
            if (set(row) - {"revision", "date"} != fields or row["op"] not in ("<=", ">=", "==")
                    or row["kind"] not in ("real", "simulated")):
                yield f"build/reports/{name}: bad row {row.get('id', row)}"


CHECKS = {n[6:]: f for n, f in sorted(globals().items()) if n.startswith("check_")}


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in (*CHECKS, "all", "list"):
        sys.exit(f"{__doc__}\nchecks: {' '.join(CHECKS)}")
    if sys.argv[1] == "list":
        print("\n".join(CHECKS))
        return
    bad = 0
    for name, check in CHECKS.items():
        if sys.argv[1] in (name, "all"):
            for complaint in check():
                print(f"{name}: {complaint}")
                bad += 1
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
