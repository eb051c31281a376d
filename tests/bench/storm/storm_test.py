#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The storm's arithmetic: what counts as overspent, as left and as refused without cause."""
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "bench/storm")]
sys.dont_write_bytecode = True

from clients import KINDS, admitted, code_of  # noqa: E402  (found through the path above)
from scenarios import Scenario, nothing  # noqa: E402
from verdict import Verdict, percentile  # noqa: E402

PLAIN, BROKEN = KINDS["plain"].bound, KINDS["broken"].bound


def bill(t, micro_usd):
    return {"t": t, "billed": micro_usd, "calls": 0}


def answer(t, status, code=None, kind="plain", ms=1, admit=0.5):
    return {"t": t, "status": status, "code": code, "kind": kind, "ms": ms, "admit": admit,
            "node": "node-1"}


def verdict(limit, *lines):
    return Verdict(Scenario("test", "", nothing, limit), lines, {})


class Verdicts(unittest.TestCase):
    def test_what_is_billed_beyond_the_limit_is_overspent(self):
        self.assertEqual(verdict(1000, bill(0, 0), bill(1, 1001)).overspent, 1)
        told = verdict(1000, bill(0, 0), bill(1, 900))
        self.assertEqual((told.overspent, told.unused), (0, 10))

    def test_a_refusal_is_a_phantom_while_two_such_calls_could_be_paid(self):
        refused = answer(1, 402, "budget_exhausted")
        for left, phantoms in ((2 * PLAIN - 1, 0), (2 * PLAIN, 1)):
            told = verdict(10_000, bill(0, 0), refused, bill(2, 10_000 - left))
            self.assertEqual((told.exhausted, told.phantom), (1, phantoms), left)

    def test_other_refusals_are_none(self):
        told = verdict(10_000, bill(0, 0), answer(1, 402, "price_unknown"),
                       answer(1, 429, "budget_busy"), bill(2, 0))
        self.assertEqual((told.exhausted, told.phantom, told.statuses[429]), (0, 0, 1))

    def test_what_a_broken_stream_may_yet_cost_is_not_left(self):
        broken, refused = answer(1, 200, kind="broken"), answer(2, 402, "budget_exhausted")
        left = bill(3, 10_000 - 2 * PLAIN - BROKEN + 1)
        self.assertEqual(verdict(10_000, bill(0, 0), broken, refused, left).phantom, 0)
        self.assertEqual(verdict(10_000, bill(0, 0), refused, left).phantom, 1)
        late = answer(4, 200, kind="broken")
        self.assertEqual(verdict(10_000, bill(0, 0), refused, late, left).phantom, 1)

    def test_the_bill_counts_that_was_asked_for_after_the_refusal(self):
        refused = answer(1, 402, "budget_exhausted", ms=500)
        told = verdict(10_000, bill(1.2, 0), refused, bill(1.6, 9_999))
        self.assertEqual(told.phantom, 0)

    def test_what_was_called_and_not_recorded(self):
        lines = [bill(0, 0), {"t": 1, "billed": 5, "calls": 7}]
        scenario = Scenario("test", "", nothing, 10)
        self.assertEqual(Verdict(scenario, lines, {}, recorded=5).unrecorded, 2)
        self.assertIsNone(Verdict(scenario, lines, {}).unrecorded)

    def test_only_who_was_served_was_admitted(self):
        told = verdict(10_000, bill(0, 0), answer(1, 200, admit=3), answer(2, 429, admit=250))
        self.assertEqual(told.admission_ms(), (3, 3))


class Reading(unittest.TestCase):
    def test_of_what_a_gateway_says(self):
        self.assertEqual(admitted("total;dur=1.2, auth;dur=0.1, admit;dur=0.25"), 0.25)
        self.assertIsNone(admitted("total;dur=1.2"))
        self.assertIsNone(admitted(None))
        self.assertEqual(code_of(b'{"error": {"code": "budget_busy"}}'), "budget_busy")
        for other in (b"", b"busy", b"[]", b'{"error": "busy"}'):
            self.assertIsNone(code_of(other))

    def test_percentiles_are_values_that_were_measured(self):
        self.assertEqual(percentile([], 0.5), 0)
        self.assertEqual(percentile([3, 1, 2], 0.5), 2)
        self.assertEqual(percentile(list(range(100)), 0.99), 99)


if __name__ == "__main__":
    unittest.main()
