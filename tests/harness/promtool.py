#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prometheus' own judgement of what this repository gives to Prometheus.

usage: promtool.py fetch              unpack promtool under build/peers, unless it is there
       promtool.py metrics PROGRAM    `promtool check metrics` of what PROGRAM prints
       promtool.py rules FILE...      `promtool check rules`
       promtool.py test FILE...       `promtool test rules`
       promtool.py dashboard FILE     `promtool check rules` of a Grafana dashboard's expressions

promtool is in Debian's package prometheus, which is unpacked and never installed: installing it
would start a service. Without it the status is 77 (skipped), with VIDAI_CI=1 it is 1."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = ROOT / "build/peers"

sys.path.insert(0, str(ROOT / "bench"))
from peers import fetch  # noqa: E402  (its folder is found above)


def found():
    """promtool and its environment; None when there is none."""
    if installed := shutil.which("promtool"):
        return installed, None
    unpacked = PEERS / "root" / fetch.PEERS["prometheus"]
    return (str(unpacked), fetch.environment(PEERS)) if unpacked.exists() else None


def fetch_it():
    if found():
        return 0
    try:
        fetch.fetch("prometheus", PEERS)
        return 0
    except (fetch.Missing, OSError) as problem:
        print(f"no promtool, so its tests will be skipped: {problem}", file=sys.stderr)
        return 1


def run(*arguments, text=None):
    tool = found()
    if tool is None:
        print("skipped: no promtool; `python3 tests/harness/promtool.py fetch` unpacks it under "
              "build/peers (needs the network once)")
        return 1 if os.environ.get("VIDAI_CI") else 77
    return subprocess.run([tool[0], *arguments], env=tool[1], input=text, text=True,
                          check=False).returncode


def check_dashboard(path):
    """As recording rules: the only thing whose PromQL promtool reads from a file."""
    panels = json.loads(pathlib.Path(path).read_text())["panels"]
    exprs = [t["expr"] for panel in panels for t in panel.get("targets", [])]
    rules = [{"record": f"panel:{i}", "expr": expr} for i, expr in enumerate(exprs)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:  # JSON is YAML
        json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        return run("check", "rules", file.name)


def main(verb, *arguments):
    if verb == "fetch":
        return fetch_it()
    if verb == "metrics":
        page = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True).stdout
        return run("check", "metrics", text=page)
    if verb == "rules":
        return run("check", "rules", "--lint-fatal", *arguments)
    if verb == "test":
        return run("test", "rules", *arguments)
    if verb == "dashboard":
        return check_dashboard(*arguments)
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) > 1 else __doc__)
