# SPDX-License-Identifier: Apache-2.0
"""How long a node takes to read its journal of budgets at its start."""
import json
import pathlib
import subprocess
import tempfile


def recovery(build, report):
    """a journal of 1 GB, made and read: some minutes, and 10 GB of memory"""
    with tempfile.TemporaryDirectory(prefix="vidai-journal-", dir=build) as folder:
        done = subprocess.run([build / "bin/recovery_bench", pathlib.Path(folder) / "journal"],
                              stdout=subprocess.PIPE, text=True, timeout=1800, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"recovery_bench ended with {done.returncode}")
    said = json.loads(done.stdout)
    report.row("recovery_s", "start with a log of 1 GB", said["seconds"], "s", "<=", 10,
               f"{said['bytes'] / 1e9:.2f} GB in {said['entries']:,} entries and "
               f"{said['commits']:,} commits, of {said['budgets']:,} budgets of one node, read "
               "from a file that is not in the page cache until money can be lent", "recovery")
