# SPDX-License-Identifier: Apache-2.0
"""What a row of a report says of its run: which tree was measured, and when. Python standard
library only."""
import os
import subprocess
import time


def revision():
    """Of the tree that is measured; with a + when it has changes that no revision has."""
    told = subprocess.run(["git", "describe", "--always", "--abbrev=12", "--dirty=+",
                           "--exclude=*"], cwd=os.path.dirname(__file__), capture_output=True,
                          text=True, check=False)
    return told.stdout.strip() or "unknown"


def stamp():
    """The fields of a row that are the same for a whole run: taken once, at its start."""
    return {"revision": revision(), "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime())}
