# SPDX-License-Identifier: Apache-2.0
"""build/reports/money.json: rows of figures, of this run and of earlier ones, each with its run's
revision and date. What other reports say of the same figures is taken in at the end."""
import json
import os

from revision import stamp


def met(row):
    value, goal = row["value"], row["goal"]
    return {"==": value == goal, "<=": value <= goal, ">=": value >= goal}[row["op"]]


def machine():
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs"


class Report:
    def __init__(self, path):
        self.path, self.stamp, self.missed = path, stamp(), []
        self.rows = {row["id"]: row for row in self.read(path)}

    @staticmethod
    def read(path):
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []

    def row(self, name, figure, value, unit, op, goal, conditions, part, anchor=""):
        """goal: None where there is none."""
        row = {"id": name, "figure": figure, "value": round(value, 4), "unit": unit, "op": op,
               "goal": goal, "anchor": anchor, "kind": "real",
               "command": f"./dev money-figures {part}",
               "conditions": f"{conditions}, {machine()}", **self.stamp}
        self.rows[name] = row
        told = ""
        if goal is not None:
            told = f"  goal {op} {goal:g}: {'met' if met(row) else 'MISSED'}"
            if not met(row):
                self.missed.append(name)
        print(f"{name:24} {row['value']:12,.4g} {unit:6}{told}\n    {row['conditions']}",
              flush=True)
        self.write()

    def take(self, path, wanted):
        """Of another report the rows of those ids, unless they are older than what is known."""
        for row in self.read(path):
            name = row["id"]
            if name in wanted and "date" in row and (
                    name not in self.rows or self.rows[name]["date"] <= row["date"]):
                self.rows[name] = row
        self.write()

    def write(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(list(self.rows.values()), indent=1) + "\n",
                             encoding="utf-8")
