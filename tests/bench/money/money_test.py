#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the measurements of money read and keep: metrics, callgrind's profiles, rows."""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "bench/money"), str(ROOT / "bench"), str(ROOT / "tests/harness"),
                str(ROOT / "tests/figures")]
sys.dont_write_bytecode = True

from admission import per_call  # noqa: E402  (found through the path above)
from books import MONEY  # noqa: E402
from nodes import parse, total  # noqa: E402
from page import check_rows  # noqa: E402
from programs import Failed  # noqa: E402
from report import Report  # noqa: E402
from revoke import quantile  # noqa: E402

METRICS = """# HELP sent Bytes.
# TYPE sent counter
sent{peer="n2",kind="money",direction="out"} 10
sent{peer="n3",kind="money",direction="out"} 2.5
sent{peer="n3",kind="money",direction="in"} 100
plain 7
"""
PROFILE = """version: 1
fn=(1) loop
5 100
cfn=(2) vidai::admitted_and_settled(int)
calls=3 9
6 300
7 1
fn=(2)
9 200
cfn=(3) helper
calls=3 20
10 100
fn=(4) another loop
cfn=(2)
calls=1 9
+3 60
totals: 700
"""


class Reading(unittest.TestCase):
    def test_adds_up_the_samples_with_those_labels(self):
        samples = parse(METRICS)
        self.assertEqual(total(samples, "sent", kind="money", direction="out"), 12.5)
        self.assertEqual(total(samples, "plain"), 7)

    def test_takes_what_is_not_there_for_no_zero(self):
        with self.assertRaisesRegex(Failed, "no node has a metric sent"):
            total(parse(METRICS), "sent", kind="registers")

    def test_counts_a_call_with_all_that_it_calls(self):
        self.assertEqual(per_call(PROFILE, "admitted_and_settled"), 90)
        with self.assertRaisesRegex(RuntimeError, "no call of nothing"):
            per_call(PROFILE, "nothing")

    def test_takes_the_nearest_rank(self):
        self.assertEqual(quantile(range(1, 101), 0.99), 100)
        self.assertEqual(quantile([3, 1, 2], 0.5), 2)


class Rows(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = pathlib.Path(made.name)
        self.path = self.folder / "money.json"

    def fill(self, report, name, value, op="<=", goal=10.0):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            report.row(name, "what it is", value, "ms", op, goal, "3 nodes, 9 trials", "revoke")
        return said.getvalue()

    def test_are_such_as_the_page_takes(self):
        report = Report(self.path)
        self.fill(report, "revoke_ms", 3)
        self.fill(report, "revoke_ms_p50", 2, goal=None)
        rows = json.loads(self.path.read_text())
        check_rows(MONEY, rows, "money.json")
        self.assertEqual([row["id"] for row in rows], ["revoke_ms", "revoke_ms_p50"])

    def test_tell_what_missed_its_goal(self):
        report = Report(self.path)
        self.assertIn("MISSED", self.fill(report, "revoke_ms", 11))
        self.assertIn("MISSED", self.fill(report, "settled_lost", 1, "==", 0))
        self.assertIn("MISSED", self.fill(report, "usable_20", 89, ">=", 90))
        self.assertIn("met", self.fill(report, "takeover_s", 10))
        self.assertNotIn("goal", self.fill(report, "revoke_ms_p50", 11, goal=None))
        self.assertEqual(report.missed, ["revoke_ms", "settled_lost", "usable_20"])

    def test_of_parts_that_are_not_measured_stay(self):
        self.fill(Report(self.path), "revoke_ms", 3)
        self.fill(Report(self.path), "soft_overshoot", 1)
        self.assertEqual([row["id"] for row in json.loads(self.path.read_text())],
                         ["revoke_ms", "soft_overshoot"])

    def test_of_another_report_are_taken_when_they_are_awaited_and_newer(self):
        report = Report(self.path)
        self.fill(report, "takeover_s", 3)
        known = report.rows["takeover_s"]
        other = self.folder / "storm.json"
        other.write_text(json.dumps([{**known, "value": 1, "date": "2000-01-01 00:00"},
                                     {**known, "id": "usable_20", "value": 95},
                                     {**known, "id": "storm_kill_unused"}]))
        report.take(other, MONEY.awaited)
        self.assertEqual({name: row["value"] for name, row in report.rows.items()},
                         {"takeover_s": 3, "usable_20": 95})
        report.take(self.folder / "not-there.json", MONEY.awaited)


if __name__ == "__main__":
    unittest.main()
