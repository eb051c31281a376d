# SPDX-License-Identifier: Apache-2.0
"""What is done to a mesh, and what must be true of it. One function each, and a line in SCENARIOS.

Bounds are those of docs/operating/chaos.md: generous against a busy machine, far below what a mesh
that had forgotten the rule in question would need. As tests they are wider still (scene.bound)."""
import dataclasses
import time
import typing

DEAD_CRASH = 3.0    # a process gone whose port refuses: about half a second is usual
DEAD_SILENT = 8.0   # nobody answers: suspicion has to run out
DEAD_ALONE = 12.0   # the last of three doubts itself first
ALIVE = 5.0         # a node that is back is taken back
HEAL = 10.0         # the dead are dialled every few seconds, for ever
# What clients may see of a node that is away, and of one whose machine gets another address, too.
AWAY = ("cut", "refused")
MOVED = (*AWAY, "unreachable", "timeout")
# Who looked the name up before it changed, and is patient, is served by whoever is there now.
HEIR = (200, *MOVED)


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    claim: str
    play: typing.Callable
    nodes: int = 3
    needs: frozenset = frozenset()  # abilities of the lab
    links: tuple = ()               # nodes behind a user-space link
    seed: str | None = None         # a name for the seed that is no machine's own


def crash(s):
    victim, others = s.nodes[2], s.nodes[:2]
    s.wait(2, "all is well")
    gone = s.kill(victim)
    s.all_say(victim, "dead", gone, DEAD_CRASH)
    s.wait(2, "two are enough")
    back = s.start(victim, "on its volume")
    s.all_say(victim, "alive", back, ALIVE)
    whole = s.whole(back, ALIVE)
    s.wait(3, "three again")
    s.nobody_dead(0, but=[victim])
    s.served(*others)
    s.answered_with(victim, AWAY, gone + 0.1, back)
    s.served(victim, since=back + max(1, whole or 0))


def pause_short(s):
    began = s.timeline.began
    for node in s.nodes:
        s.pause(node)
        s.wait(1, "a pause that a busy machine may cause")
        s.resume(node)
        s.wait(4, "whoever was suspected refutes")
    s.whole(time.time(), ALIVE)
    s.nobody_dead(began)
    s.served(*s.nodes, slowest_ms=2000)


def pause_long(s):
    victim, others = s.nodes[2], s.nodes[:2]
    s.wait(2, "all is well")
    gone = s.pause(victim)
    s.all_say(victim, "dead", gone, DEAD_SILENT)
    s.wait(3, "two are enough")
    back = s.resume(victim)
    s.all_say(victim, "alive", back, ALIVE)
    whole = s.whole(back, ALIVE)
    s.wait(5, "it does not take its own absence for theirs")
    s.nobody_dead(0, but=[victim])
    s.served(*others)
    s.answered_with(victim, ("timeout", 200, "cut"), gone, back)
    s.served(victim, since=back + max(2.5, whole or 0))


def blackhole(s):
    victim, others = s.nodes[2], s.nodes[:2]
    s.wait(2, "all is well")
    gone = s.isolate(victim)
    s.all_say(victim, "dead", gone, DEAD_SILENT, others)
    _, key_id = s.create_key("made while one was away", [others[0], others[1]])
    s.wait(5, "two are enough")
    back = s.rejoin(victim)
    whole = s.whole(back, HEAL)
    s.knows(victim, key_id)
    s.wait(5, "three again")
    s.served(*others)
    s.answered_with(victim, (200, "timeout"), gone, back)
    s.served(victim, since=back + max(3, whole or 0))


def one_way(s):
    deaf, other = s.nodes[0], s.nodes[2]
    s.wait(2, "all is well")
    s.fault(f"{deaf.id} no longer hears {other.id}", s.lab.one_way, other.id, deaf.id)
    s.wait(20, f"{s.nodes[1].id} hears both and says so")
    back = s.heal()
    s.whole(back, HEAL)
    s.nobody_dead(0)
    s.served(*s.nodes)


def split(s):
    sides = ([n.id for n in s.nodes[:2]], [n.id for n in s.nodes[2:]])
    s.wait(2, "all is well")
    gone = s.fault(f"{' '.join(sides[0])} | {' '.join(sides[1])}", s.lab.split, *sides)
    for side, other in ((s.nodes[:2], s.nodes[2:]), (s.nodes[2:], s.nodes[:2])):
        for node in side:
            s.all_say(node, "dead", gone, 2 * DEAD_SILENT, other)
    keys = [s.create_key(f"of {side[0].id}", side)[1] for side in (s.nodes[:2], s.nodes[2:])]
    s.wait(600 if s.options.long else 20, "two meshes of two serve their clients")
    back = s.heal()
    s.whole(back, HEAL)
    for node in s.nodes:
        for key_id in keys:
            s.knows(node, key_id)
    s.served(*s.nodes)


def loss(percent):
    def play(s):
        s.wait(2, "all is well")
        s.fault(f"{percent} % of the packets between nodes are lost", s.lab.loss, percent)
        s.wait(60, "nobody is taken for dead")
        back = s.heal()
        s.whole(back, ALIVE)
        s.nobody_dead(s.timeline.began)
        s.create_key("afterwards", s.nodes)
        s.served(*s.nodes, until=back)
    return play


def slow_node(s):
    slow, others = s.nodes[2], s.nodes[:2]
    s.wait(2, "all is well")
    s.fault(f"{slow.id}: 150 to 250 ms each way, 512 kbit/s, 5 % of frames overtake",
            lambda: s.lab.shape(slow.id, delay_ms=150, jitter_ms=100, rate_kbit=512,
                                reorder_percent=5))
    s.wait(30, "a slow node accuses nobody and is not accused for long")
    s.lab.shape(slow.id)
    back = s.timeline.event("end", f"the link of {slow.id} is fast again")
    s.wait(2, "all is well")
    s.whole(back, ALIVE)
    s.nobody_dead(s.timeline.began)
    s.served(*others)
    s.served(slow, slowest_ms=2000)


def restarts(s):
    """Same volume, empty volume, new address: one after the other, under traffic."""
    node, others, away, whole = s.nodes[2], s.nodes[:2], [], []
    s.wait(1, "all is well")
    for how, prepare in (("on its volume", lambda: None),
                         ("on an empty volume", node.empty),
                         ("at a new address", lambda: s.lab.move(node.id, "10.77.0.99")),
                         ("at a new address, on an empty volume",
                          lambda: (node.empty(), s.lab.move(node.id, "10.77.0.98")))):
        gone = s.kill(node)
        s.all_say(node, "dead", gone, DEAD_CRASH)
        s.wait(1, "two are enough")
        prepare()
        back = s.start(node, how)
        s.all_say(node, "alive", back, ALIVE)
        s.whole(back, ALIVE)
        s.knows(node, s.key_id)
        away.append((gone, back))
        whole.append((s.wait(2, "three again"), time.time()))
    for since, until in away:
        s.answered_with(node, MOVED, since, until)
    for since, until in whole:
        s.served(node, since=since, until=until)
    s.nobody_dead(0, but=[node])
    s.served(*others)


def old_address(s):
    """A node comes back where another was, who is away and then comes back elsewhere."""
    watcher, gone, heir = s.nodes
    s.wait(1, "all is well")
    left = s.kill(gone)
    s.all_say(gone, "dead", left, DEAD_CRASH)
    s.wait(1, "two are enough")
    stopped = s.kill(heir)
    s.all_say(heir, "dead", stopped, DEAD_ALONE, [watcher])
    s.fault(f"{heir.id} gets the address that {gone.id} had", s.lab.inherit, heir.id, gone.id)
    back = s.start(heir, f"where {gone.id} was")
    s.all_say(heir, "alive", back, ALIVE, [watcher])
    two = s.wait(5, f"{gone.id} is dialled where {heir.id} is now, and not found there")
    s.known_at(heir, watcher)
    s.members_say(watcher, {watcher.id: "alive", heir.id: "alive", gone.id: "dead"})
    _, key_id = s.create_key("made while one was away", [watcher, heir])
    again = s.start(gone, f"at {gone.place.address}")
    s.whole(again, ALIVE)
    s.knows(gone, key_id)
    whole = s.wait(2, "three again")
    s.known_at(gone, watcher, heir)
    s.known_at(heir, watcher, gone)
    s.nobody_dead(0, but=[gone, heir])
    s.served(watcher)
    s.answered_with(gone, HEIR, left, again)
    s.answered_with(heir, MOVED, stopped, back)
    s.served(heir, since=two)
    s.served(gone, since=whole)


def swap(s):
    """A node comes back at the address that another node had, and the other at its own."""
    first, second = s.nodes[1], s.nodes[2]
    s.wait(1, "all is well")
    gone = s.kill(first)
    s.kill(second)
    for node in (first, second):
        s.all_say(node, "dead", gone, DEAD_ALONE, [s.nodes[0]])
    s.fault(f"{first.id} and {second.id} change addresses", s.lab.swap, first.id, second.id)
    back = s.start(first, f"where {second.id} was")
    s.wait(2, f"{second.id} is still away")
    s.start(second, f"where {first.id} was")
    s.whole(back, 2 + 2 * ALIVE)
    whole = s.wait(2, "three again")
    for node in (first, second):
        s.known_at(node, s.nodes[0])
        s.answered_with(node, HEIR, gone, back)
    s.served(s.nodes[0])
    s.served(first, second, since=whole)


def seed_moves(s):
    """All move at once; only the seed's name tells where anybody is now."""
    began = s.wait(1, "all is well")
    gone = time.time()
    for node in s.nodes:
        s.kill(node)
    for number, node in enumerate(s.nodes):
        s.lab.move(node.id, f"10.77.0.{50 + number}")
    s.lab.name("seed.mesh", None)
    s.timeline.event("fault", "all have new addresses; the seed's name means nobody")
    for node in s.nodes:
        s.start(node, f"at {node.place.address}")
    s.wait(5, "nobody can find anybody")
    alone = s.watch.said("alive", s.timeline.events[-2].t)
    s.timeline.check("nobody was found without the name", not alone, alone)
    s.lab.name("seed.mesh", s.nodes[1].place.address)
    named = s.timeline.event("end", f"the seed's name means {s.nodes[1].id}, where it is now")
    s.whole(named, 15)
    whole = s.wait(2, "three again")
    s.served(*s.nodes, since=began, until=gone)
    for node in s.nodes:  # alone it serves those whose keys it has on its disk
        s.knows(node, s.key_id)
        s.answered_with(node, (200, *MOVED), gone, whole)
    s.served(*s.nodes, since=whole)


def rolling(s):
    """Each node in turn is stopped and started from the other build."""
    turns = []
    s.wait(1, "all is well")
    for node in s.nodes:
        gone = s.stop(node)
        s.all_say(node, "left", gone, ALIVE)
        node.bin = s.options.other_bin or node.bin
        back = s.start(node, "from the other build" if s.options.other_bin else "again")
        s.whole(back, ALIVE)
        if s.options.other_bin:
            spoken = [s.wire_of(n) for n in s.nodes]
            mixed = node is not s.nodes[-1]
            s.timeline.check("they speak different wire versions until the last has followed",
                             len(set(spoken)) == (2 if mixed else 1), ", ".join(spoken))
        s.wait(1, "three again")
        turns.append((node, gone, back, time.time()))
    for node, gone, back, until in turns:
        s.served(*s.mesh.others(node), since=gone, until=until)
        s.answered_with(node, (200, *AWAY), gone, back)
    s.nobody_dead(0)
    for node in s.nodes:
        s.knows(node, s.key_id)


def clocks(s):
    """Wrong by minutes is a matter of windows, wrong by days of certificates."""
    turns = []
    s.wait(1, "all is well")
    for node, clock in zip(s.nodes, ("4m", "-4m")):
        gone = s.stop(node)
        node.clock = clock
        back = s.start(node, f"with its clock {clock} off")
        s.whole(back, ALIVE)
        turns.append((node, gone, back, time.time()))
    s.create_key("made by a wrong clock", s.nodes)
    minutes = s.wait(2, "minutes are forgiven")
    victim, others = s.nodes[2], s.nodes[:2]
    s.stop(victim)
    victim.clock = "192h"  # the certificate that it makes for itself is not valid yet for others
    wrong = s.start(victim, "with its clock 8 days ahead")
    s.wait(5, "nobody may believe it")
    s.timeline.check("nobody takes it for alive",
                     not [o for o, n in s.watch.said("alive", wrong) if n == victim.id],
                     s.said_of(victim))
    refused = "certificate_not_yet_valid" in others[0].log.read_text() or \
        "certificate_not_yet_valid" in others[1].log.read_text()
    s.timeline.check("the others' logs say why", refused, "certificate_not_yet_valid")
    right = s.stop(victim)
    victim.clock = None
    back = s.start(victim, "with a clock that is right")
    s.whole(back, ALIVE)
    whole = s.wait(1, "three again")
    s.nobody_dead(0, but=[victim])
    for node, gone, since, until in turns:
        s.served(*[n for n in s.nodes if n is not node], since=gone, until=until)
        s.answered_with(node, (200, *AWAY), gone, since)
    s.served(*s.nodes, since=minutes, until=minutes + 2)
    s.served(*others, since=wrong)
    s.answered_with(victim, (200, 503, *AWAY), wrong, right)
    s.served(victim, since=whole)


CUT, LOSS = frozenset({"cut"}), frozenset({"cut", "loss"})
MOVE, NAMES, LINK = frozenset({"move"}), frozenset({"move", "names"}), frozenset({"link"})

SCENARIOS = [
    Scenario("crash", "A crash is seen within seconds; clients of the others notice nothing.",
             crash),
    Scenario("pause_short", "A pause of a second kills nobody.", pause_short),
    Scenario("pause_long", "A process that hangs is dead to all, and back when it goes on.",
             pause_long),
    Scenario("blackhole", "A machine that vanishes is dead to all, and back when it reappears.",
             blackhole, needs=CUT),
    Scenario("one_way", "One who cannot hear another takes a third one's word for it.",
             one_way, needs=CUT),
    Scenario("split", "Two halves serve on their own, and are one mesh when the network is.",
             split, nodes=4, needs=CUT),
    Scenario("loss_10", "A tenth of the packets lost kills nobody.", loss(10), needs=LOSS),
    Scenario("loss_30", "Three tenths of the packets lost kill nobody.", loss(30), needs=LOSS),
    Scenario("slow_node", "A slow node does not make others slow, and accuses nobody.",
             slow_node, needs=LINK, links=("node-3",)),
    Scenario("restarts", "A node is taken back whatever it lost: volume, address or both.",
             restarts, needs=MOVE),
    Scenario("old_address", "A node at another's old address is not taken for it, nor it for lost.",
             old_address, needs=MOVE),
    Scenario("swap", "Two nodes that trade addresses are not taken for each other.",
             swap, needs=MOVE),
    Scenario("seed_moves", "A seed's name is asked again for ever.",
             seed_moves, needs=NAMES, seed="seed.mesh"),
    Scenario("clocks", "Minutes of clock error harm nobody; a clock wrong by days is not believed.",
             clocks),
    Scenario("rolling", "One build follows the other node by node; no request is lost elsewhere.",
             rolling),
]
