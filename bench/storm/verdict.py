# SPDX-License-Identifier: Apache-2.0
"""What a storm came to: the clients' answers beside the provider's own bill."""
import bisect
import collections

from clients import KINDS


def percentile(values, share):
    """The nearest rank; 0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Verdict:
    """recorded: calls of the provider that the gateway has a record of; None: it keeps none."""

    def __init__(self, scenario, lines, figures, recorded=None):
        self.scenario, self.figures = scenario, figures
        self.calls = [line for line in lines if "billed" in line][-1]["calls"]
        self.unrecorded = None if recorded is None else self.calls - recorded
        self.bills = [(line["t"], line["billed"]) for line in lines if "billed" in line]
        self.answers = [line for line in lines if "status" in line]
        self.statuses = collections.Counter(a["status"] for a in self.answers)
        self.billed = self.bills[-1][1]
        self.overspent = max(0, self.billed - scenario.limit)
        self.unused = 100 * max(0, scenario.limit - self.billed) / scenario.limit
        self.served = self.statuses[200]
        self.broken = sorted(a["t"] for a in self.answers
                             if a["kind"] == "broken" and a["status"] in (200, "cut"))
        refused = [a for a in self.answers if a["code"] == "budget_exhausted"]
        self.exhausted = len(refused)
        self.phantom = sum(self.is_phantom(a) for a in refused)

    def billed_by(self, t):
        """What the first bill that was asked for after t said: never less than it was at t."""
        at = bisect.bisect_left(self.bills, (t, 0))
        return self.bills[min(at, len(self.bills) - 1)][1]

    def is_phantom(self, answer):
        """Whether the call was refused for good though there was money for two of its kind, beside
        what was billed and what may still be billed for streams that the provider broke off."""
        ended = answer["t"] + answer["ms"] / 1e3
        unknown = bisect.bisect_left(self.broken, ended) * KINDS["broken"].bound
        left = self.scenario.limit - self.billed_by(ended) - unknown
        return 2 * KINDS[answer["kind"]].bound <= left

    def admission_ms(self):
        values = [a["admit"] for a in self.answers
                  if a["status"] == 200 and a["admit"] is not None]
        return percentile(values, 0.5), percentile(values, 0.99)

    def refusal_ms(self):
        values = [a["ms"] for a in self.answers if a["status"] == 402]
        return percentile(values, 0.5), percentile(values, 0.99)
