# SPDX-License-Identifier: Apache-2.0
"""The pages of figures that there are: where each row stands, what it stands beside, what is
awaited and who measures it. Whoever adds a figure gives it a family here."""
import dataclasses
import re

QUANTILES = r"_(p50|p99|max)"


@dataclasses.dataclass(frozen=True)
class Awaited:
    """A figure that is promised: told as not measured for as long as it is not."""
    figure: str
    op: str
    goal: float


@dataclasses.dataclass(frozen=True)
class Book:
    """One page: NAME.json, the rows that were measured last, and NAME.template.md, what people say
    of them, make NAME.md. `./dev NAME` measures."""
    name: str
    families: tuple   # patterns of ids, in the page's order; within one, by the numbers in the id
    beside: dict      # simulated id: that of the real one in the same line
    reports: tuple    # of build/reports
    measure: tuple    # the commands that leave those
    measure_long: tuple = ()  # more of them, which take an hour
    awaited: dict = dataclasses.field(default_factory=dict)

    @property
    def data(self):
        return f"{self.name}.json"

    @property
    def template(self):
        return f"{self.name}.template.md"

    @property
    def page(self):
        return f"{self.name}.md"

    def place(self, name):
        """Where an id belongs on the page; None: nowhere."""
        for number, family in enumerate(self.families):
            if re.fullmatch(family, name):
                return number, [int(n) for n in re.findall(r"\d+", name)], name
        return None


# The simulated figures that real ones stand beside: the same fault, N and options.
_REAL = {"crash_n3": "vidaid_crash", "cut_in_turn_n3": "vidaid_blackhole",
         "stop_in_turn_n3": "vidaid_silent", "silent_1s_n3": "vidaid_1s_silent",
         "rejoin_new_address_n3": "vidaid_move"}

MESH = Book(
    name="mesh-figures",
    families=(
        r"crash_n\d+" + QUANTILES, r"vidaid_1s_crash" + QUANTILES,
        r"silent_n\d+" + QUANTILES, r"cut_in_turn_n\d+" + QUANTILES,
        r"vidaid_1s_blackhole" + QUANTILES, r"stop_in_turn_n\d+" + QUANTILES,
        r"silent_1s_n\d+" + QUANTILES, r"event_n\d+" + QUANTILES,
        r"rejoin_new_address_n\d+" + QUANTILES, r"vidaid_bootstrap_n\d+" + QUANTILES,
        r"heal_split_n\d+" + QUANTILES, r"vidaid_heal_\d+" + QUANTILES,
        r"vidaid_1s_heal_\d+" + QUANTILES, r"heal_aged_n\d+" + QUANTILES,
        r"counter_n\d+" + QUANTILES, r"register_n\d+" + QUANTILES,
        r"idle_(bytes|messages|counted_bytes)_n\d+", r"slow_\d+_of_100",
        r"false_deaths_n\d+_loss\d+(_linux_6_15)?(_refuted|_suspicions)?",
        r"vidaid_loss_\d+" + QUANTILES, r"vidaid_1s_loss_\d+" + QUANTILES,
        r"vidaid_slow_node" + QUANTILES, r"vidaid_1s_slow_node" + QUANTILES,
        r"sim_(speed|join|memory)_n\d+"),
    beside={f"{sim}_{a}": f"{real}_{b}" for sim, real in _REAL.items()
            for a, b in (("p50", "p50"), ("p99", "max"))},
    reports=("mesh.json", "chaos.json"),
    measure=(("./dev", "mesh-figures"), ("./dev", "chaos", "--figures")),
    measure_long=(("./dev", "mesh-figures", "--long"), ("./dev", "chaos", "--figures", "--long")))

_MONEY = {
    "overspend": Awaited("spent beyond a hard budget, the worst of all scenarios", "==", 0),
    "usable_1000": Awaited("of a budget of 1,000 dearest calls, spent", ">=", 99.5),
    "usable_100": Awaited("of a budget of 100 dearest calls, spent", ">=", 98),
    "usable_20": Awaited("of a budget of 20 dearest calls, spent", ">=", 90),
    "takeover_s": Awaited("owner killed and its volume gone: its budgets grant again", "<=", 10),
    "admission_hot_us": Awaited("all limits and three nested budgets, in process, p99", "<=", 1),
    "admission_cpu_share": Awaited("the same, of the CPU of a request", "<=", 5),
    "admission_cold_ms": Awaited("first request of a budget until it is admitted, p99", "<=", 30),
    "fsync_per_s": Awaited("fdatasync of a node's journal of all budgets, the most of any load",
                           "<=", 100),
    "bytes_per_budget": Awaited("memory of a node for each budget, own and kept copies", "<=", 400),
    "log_bytes": Awaited("written by a node for money and usage", "<=", 400),
    "log_bytes_sent": Awaited("the same, sent by a node to others", "<=", 1000),
    "soft_overshoot": Awaited("overshoot of a soft limit / the bound published in that run", "<=",
                              1),
    "soft_overshoot_share": Awaited("the same, of the limit", "<=", 1),
    "settled_lost": Awaited("settled usage events lost with a node and its volume", "==", 0),
    "revoke_ms": Awaited("`key revoke --wait` until every live node has acknowledged, p99", "<=",
                         500),
    "recovery_s": Awaited("start with a log of 1 GB", "<=", 10),
}

MONEY = Book(
    name="money-figures",
    families=(
        r"overspend(_simulated)?", r"storm_\w+_overspend", r"refusals_outside_law(_simulated)?",
        r"usable_1000(_simulated)?", r"usable_100(_simulated)?", r"usable_20(_simulated)?",
        r"takeover(_simulated)?_s(_p50|_p99)?", r"admission_hot_us(_p50|_p999)?",
        r"admission_(cpu|instructions)_share", r"admission_cold_ms", r"fsync_per_s(_\w+)?",
        r"bytes_per_budget(_\w+)?", r"log_bytes(_\w+)?", r"soft_overshoot(_\w+)?",
        r"settled_lost(_simulated)?", r"revoke_ms(_p50)?", r"recovery_s",
        r"storm_\w+_unused", r"storm_\w+_phantom", r"storm_\w+_unrecorded"),
    beside={**{f"{name}_simulated": name for name in
               ("overspend", "usable_1000", "usable_100", "usable_20", "settled_lost")},
            "takeover_simulated_s": "takeover_s", "takeover_simulated_s_p99": "takeover_s"},
    reports=("money.json", "storm.json", "money-simulated.json"),
    measure=(("./dev", "sim", "--tier", "money", "--figures"), ("./dev", "storm"),
             ("./dev", "money-figures")),
    awaited=_MONEY)

BOOKS = {"mesh": MESH, "money": MONEY}
