#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs sdk.test.mjs against one vidaid in front of vidai-mock.

usage: sdk_test.py --bin FOLDER --work FOLDER
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "harness"))
from mesh import Mesh, Mock, free_ports  # noqa: E402

CONFIG = """providers:
  mock: {{base_url: "http://127.0.0.1:{mock}/v1", api_key: one}}
  twin: {{base_url: "http://127.0.0.1:{mock}/v1", api_key: two}}
  gone: {{base_url: "http://127.0.0.1:{closed}/v1"}}
models:
  demo: [{{provider: mock, model: mock-model}}]
  other: [{{provider: mock, model: mock-model}}]
  pair: [{{provider: mock, model: mock-model}}, {{provider: twin, model: mock-model}}]
  down: [{{provider: gone, model: none}}]
"""


def install(work):
    """The pinned SDK, once: a marker file remembers which lock file was installed."""
    lock = (HERE / "package-lock.json").read_bytes()
    marker = work / "installed-lock.json"
    work.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc", "sdk.test.mjs"):
        shutil.copy(HERE / name, work / name)
    if not marker.exists() or marker.read_bytes() != lock:
        subprocess.run(["npm", "ci", "--no-progress"], cwd=work, check=True)
        marker.write_bytes(lock)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    args = parser.parse_args()
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            print(f"{tool} is missing: apt-get install nodejs npm (./dev test does that)")
            sys.exit(1 if os.environ.get("VIDAI_CI") else 77)
    install(args.work)
    with tempfile.TemporaryDirectory(prefix="vidai-sdk-") as folder, \
            Mock(args.bin, folder) as mock:
        config = CONFIG.format(mock=mock.port, closed=free_ports(1)[0])
        with Mesh(args.bin, folder, config, count=1) as mesh:
            node = mesh.nodes[0]
            env = {**os.environ, "VIDAI_URL": f"http://127.0.0.1:{node.port}",
                   "MOCK_URL": f"http://127.0.0.1:{mock.port}",
                   "VIDAI_KEY": mesh.create_key("sdk", rpm=10000)[0],
                   "VIDAI_LIMITED_KEY": mesh.create_key("limited", rpm=2)[0],
                   "VIDAI_NARROW_KEY": mesh.create_key("narrow", models="other")[0]}
            done = subprocess.run(["node", "--test", "sdk.test.mjs"], cwd=args.work, env=env,
                                  timeout=120, check=False)
            if done.returncode != 0:
                print(node.tail(40))
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
