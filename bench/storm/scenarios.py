# SPDX-License-Identifier: Apache-2.0
"""What a storm does to a mesh while its clients spend a budget. One function each, and a line in
SCENARIOS."""
import dataclasses
import typing

from clients import KINDS

BOUND = KINDS["plain"].bound


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    told: str
    play: typing.Callable    # (Stage) -> None, while clients are at work
    limit: int               # micro-dollars
    mix: str = "mixed"
    needs: frozenset = frozenset()
    short: bool = False      # part of the short form
    faults: bool = False     # may strand money, and refuse while an owner cannot be reached
    clients: int = 32
    usable: str | None = None  # the figure of what can be spent
    goal: float | None = None  # of it, in percent


def nothing(stage):
    """Clients spend until there is no more."""


def kill(stage):
    stage.sleep(2)
    owner = stage.owner()
    stage.kill(owner)
    stage.sleep(8)
    stage.start(owner)
    stage.sleep(2)


def kill_all(stage):
    stage.sleep(2)
    for node in stage.nodes:
        stage.kill(node)
    for node in stage.nodes:
        stage.start(node)
    stage.sleep(2)


def volume_lost(stage):
    stage.sleep(2)
    owner = stage.owner()
    origin, settled = stage.settled(owner)
    began = stage.kill(owner)
    owner.empty()
    stage.figure("takeover_s", stage.owned_by_another(owner, since=began))
    kept = sum(name[0] == origin and name[1] <= settled for name in stage.recorded())
    stage.figure("settled_lost", settled - kept)
    stage.start(owner)
    stage.sleep(2)


def split(stage):
    stage.sleep(2)
    lonely = stage.owner()
    others = [n.id for n in stage.nodes if n is not lonely]
    stage.split([lonely.id], others)
    stage.sleep(15)
    stage.heal()
    stage.sleep(5)


SCENARIOS = (
    Scenario("calm_1000", "1,000 dearest calls, and nothing else happens", nothing, 1000 * BOUND,
             mix="plain", usable="usable_1000", goal=99.5),
    Scenario("calm_100", "100 dearest calls", nothing, 100 * BOUND, mix="plain", clients=8,
             usable="usable_100", goal=98),
    Scenario("calm_20", "20 dearest calls", nothing, 20 * BOUND, mix="plain", clients=4,
             usable="usable_20", goal=90),
    Scenario("mixed", "streams, hang-ups, broken answers, retries, oversized and unpriced calls",
             nothing, 100_000, short=True),
    Scenario("kill", "kill -9 of the owner, which returns on its volume", kill, 400_000,
             mix="faulty", short=True, faults=True),
    Scenario("kill_all", "kill -9 of all nodes at once, which return on their volumes", kill_all,
             300_000, mix="faulty", faults=True),
    Scenario("volume_lost", "kill -9 of the owner, which returns on an empty volume", volume_lost,
             400_000, mix="faulty", faults=True),
    Scenario("split", "the owner is cut off from the others for 15 s", split, 600_000,
             mix="faulty", needs=frozenset({"cut"}), faults=True),
)
