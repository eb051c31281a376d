# SPDX-License-Identifier: Apache-2.0
"""What happened in one scenario: what was done, what each node said of each, what clients got and
what was required of it; as JSON for programs and, by picture.py, for people."""
import collections
import json
import pathlib
import time

import picture

Event = collections.namedtuple("Event", "t node kind text")  # kind: fault, end, note
Check = collections.namedtuple("Check", "what ok detail")



class Timeline:
    def __init__(self, scenario, claim, conditions):
        self.scenario, self.claim, self.conditions = scenario, claim, conditions
        self.began, self.ended = time.time(), None
        self.nodes, self.events, self.checks = [], [], []
        self.bars = []     # (t, node, condition)
        self.views = []    # watch.View
        self.clients = []  # {"t", "node", "status", "ms"}

    def event(self, kind, text, node=None, condition=None):
        """Something that was done just now; `condition` is what `node` is from here on."""
        now = time.time()
        self.events.append(Event(now, node, kind, text))
        if condition:
            self.bars.append((now, node, condition))
        return now

    def check(self, what, ok, detail=""):
        self.checks.append(Check(what, bool(ok), str(detail)))
        return bool(ok)

    def end(self):
        """What is said from here on belongs to taking the mesh down."""
        self.ended = time.time()

    @property
    def passed(self):
        return bool(self.checks) and all(check.ok for check in self.checks)

    def failures(self):
        return [f"{check.what}: {check.detail}" for check in self.checks if not check.ok]

    def at(self, t):
        return round(t - self.began, 3)

    def as_json(self):
        return {
            "scenario": self.scenario, "claim": self.claim, "passed": self.passed,
            "conditions": self.conditions, "began_unix": round(self.began, 3),
            "seconds": self.at(self.ended), "nodes": self.nodes,
            "checks": [check._asdict() for check in self.checks],
            "events": [{**e._asdict(), "t": self.at(e.t)} for e in self.events],
            "bars": [{"t": self.at(t), "node": n, "condition": c} for t, n, c in self.bars],
            "views": [{**v._asdict(), "t": self.at(v.t)} for v in self.views
                      if v.t <= self.ended],
            "clients": [{**c, "t": self.at(c["t"])} for c in self.clients],
        }

    def write(self, folder):
        """<scenario>.json and <scenario>.svg; the path of the picture."""
        if self.ended is None:
            self.end()
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        told = self.as_json()
        (folder / f"{self.scenario}.json").write_text(json.dumps(told, indent=1) + "\n")
        drawn = folder / f"{self.scenario}.svg"
        drawn.write_text(picture.draw(told))
        return drawn
