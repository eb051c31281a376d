# SPDX-License-Identifier: Apache-2.0
"""The bench driver: what counts, what is left out, what is written.

Usage: peers_test.py FOLDER_OF_BENCH BUILD_FOLDER [unittest arguments]
"""
import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest

BENCH, BUILD = pathlib.Path(sys.argv.pop(1)).resolve(), pathlib.Path(sys.argv.pop(1)).resolve()
sys.path.insert(0, str(BENCH))
sys.dont_write_bytecode = True

import callgrind_gate  # noqa: E402  (found through the path above)
import run  # noqa: E402
from peers import fetch, measure, proxies  # noqa: E402


def named(name):
    return types.SimpleNamespace(name=name)


class Server:
    """Stands in the place of a server in the reports, where only its name is read."""

    def __init__(self, name):
        self.name = name


class Rounds(unittest.TestCase):
    def test_are_taken_in_turn(self):
        seen = []

        def run_once(server):
            seen.append(server.name)
            return {}
        reports = measure.interleaved([Server("a"), Server("b")], 3, run_once, lambda _: None,
                                      print)
        self.assertEqual(seen, ["a", "b"] * 3)
        self.assertEqual([len(taken) for taken in reports.values()], [3, 3])

    def test_that_are_faulty_are_repeated_a_bounded_number_of_times_and_said(self):
        uses = iter([0.5, 0.99] + [0.5] * measure.ATTEMPTS)
        said = []
        server = Server("a")
        reports = measure.interleaved(
            [server], 2, lambda _: next(uses), lambda use: "slow" if use < 0.95 else None,
            said.append)
        self.assertEqual(reports[server], [0.99])
        self.assertEqual(len(said), 1 + measure.ATTEMPTS)
        self.assertIn("left out", said[-1])

    @unittest.skipIf((os.cpu_count() or 1) < 2, "needs two CPUs")
    def test_measure_real_processes(self):
        proxies.prepare(BUILD, [], print)
        with tempfile.TemporaryDirectory() as folder, proxies.Mock(folder) as mock:
            taken = measure.throughput(BUILD / "bin/vidai-load", [mock], 1, 0.2, 0.0, print)
            self.assertGreater(taken[mock][0]["watched_cpu_us_per_request"], 0)
            with self.assertRaisesRegex(RuntimeError, "wrong answers"):
                measure.load(BUILD / "bin/vidai-load", mock, 0.1, "--expect-bytes", "1")


class Rows(unittest.TestCase):
    def bench(self):
        bench = object.__new__(run.Bench)
        bench.rows, bench.missed, bench.conditions = [], [], "here"
        return bench

    def test_say_figure_goal_and_verdict(self):
        bench = self.bench()
        with contextlib.redirect_stdout(io.StringIO()) as out:
            bench.row("met", "a thing", 0.8, "x", 1.0, "nginx")
            bench.row("missed", "a thing", 1.2, "x", 1.0)
            bench.row("unmeasured", "a thing", None, "x", 1.0)
        self.assertEqual(bench.missed, ["missed"])
        self.assertEqual([row["id"] for row in bench.rows], ["met", "missed"])
        self.assertEqual(set(bench.rows[0]), {"id", "figure", "value", "unit", "op", "goal",
                                              "anchor", "kind", "command", "conditions"})
        self.assertIn("unmeasured: not measured", out.getvalue())

    def test_compare_medians(self):
        reports = {Server("nginx"): [{"x": 10}, {"x": 12}, {"x": 90}], Server("vidaid"): [{"x": 9}]}
        self.assertEqual(self.bench().ratio(reports, "vidaid", "x"), 0.75)
        self.assertIsNone(self.bench().ratio({Server("nginx"): []}, "vidaid", "x"))


class TheGate(unittest.TestCase):
    def test_closes_two_percent_above_the_baseline(self):
        self.assertEqual([callgrind_gate.verdict(measured, 10_000)[0]
                          for measured in (9_000, 10_000, 10_199, 10_201)],
                         [True, True, True, False])
        self.assertIn("better", callgrind_gate.verdict(9_000, 10_000)[1])


class Programs(unittest.TestCase):
    def test_that_are_missing_are_named(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(fetch.Missing, "vidai-mock missing"):
                proxies.prepare(folder, [], print)

    def test_are_weighed_without_the_platform(self):
        weight = measure.program_mib(BUILD / "bin/vidai-load")
        self.assertTrue(0.01 < weight < 64, weight)  # a sanitizer weighs most of that


if __name__ == "__main__":
    unittest.main()
