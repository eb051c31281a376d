# SPDX-License-Identifier: Apache-2.0
"""One scenario under way: a mesh in a lab, clients at work, and everything that is done or required
written to its timeline."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from cluster import LabMesh
from lab import HERE, WORLD
from programs import Failed
from timeline import Timeline
from watch import Watch

RATE = 20          # requests a second to each node
KNOWN = 10         # seconds in which a key is known everywhere
SLOWEST_MS = 1000  # what a client of a node without a fault may have to wait
# Under ctest, where a sanitizer and other tests may have the machine, too: there it matters that
# something comes to be true, and ./dev chaos and its figures judge how soon.
PATIENCE, PATIENT_LEAST = 4, 30.0


class Scene:
    """What the plays of scenarios.py are written in."""

    def __init__(self, scenario, lab, mesh, watch, timeline, options):
        self.scenario, self.lab, self.mesh = scenario, lab, mesh
        self.watch, self.timeline, self.options = watch, timeline, options
        self.nodes = mesh.nodes
        self.traffic = None
        self.judged = set()  # of "clients" and "mesh"

    def bound(self, seconds):
        """The time in which something that usually takes less than `seconds` must come true."""
        if not self.options.patient:
            return seconds
        return max(PATIENT_LEAST, PATIENCE * seconds)

    # --- clients

    def start_traffic(self):
        self.secret, self.key_id = self.mesh.create_key("traffic")
        world, self.results = self.lab.places[WORLD], self.mesh.folder / "traffic.jsonl"
        targets = [f"{n.id}={n.place.reach('client')}" for n in self.nodes]
        self.traffic = subprocess.Popen([str(word) for word in world.argv(
            sys.executable, HERE / "traffic.py", "--key", self.secret, "--rate", RATE,
            "--out", self.results, *targets)])

    def end_traffic(self):
        if self.traffic is None or self.traffic.poll() is not None:
            return
        self.traffic.terminate()
        try:
            self.traffic.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.traffic.kill()
            self.traffic.wait(timeout=10)
            raise Failed("the clients did not end within 10 s")
        with open(self.results, encoding="utf-8") as lines:
            self.timeline.clients = [json.loads(line) for line in lines]

    def answers(self, node, since=0.0, until=float("inf")):
        self.end_traffic()
        return [c for c in self.timeline.clients
                if c["node"] == node.id and since <= c["t"] and c["t"] + c["ms"] / 1e3 < until]

    def served(self, *nodes, since=0.0, until=float("inf"), slowest_ms=SLOWEST_MS):
        """Requires that clients of these nodes got nothing but 200, and in time: the clients' own
        patience is a bound, too."""
        if self.options.patient:
            slowest_ms *= PATIENCE
        self.judged.add("clients")
        for node in nodes:
            got = self.answers(node, since, until)
            wrong = sorted({str(c["status"]) for c in got if c["status"] != 200})
            late = max((c["ms"] for c in got), default=0)
            self.timeline.check(f"clients of {node.id} were served",
                                got and not wrong and late <= slowest_ms,
                                f"{len(got)} requests, other answers: {', '.join(wrong) or 'none'}"
                                f", slowest {late:.0f} ms of {slowest_ms}")

    def answered_with(self, node, allowed, since, until):
        """Requires that clients of a node with a fault saw only these outcomes."""
        got = self.answers(node, since, until)
        seen = sorted({str(c["status"]) for c in got})
        self.timeline.check(f"clients of {node.id} saw only {', '.join(map(str, allowed))}",
                            got and set(seen) <= set(map(str, allowed)),
                            f"{len(got)} requests: {', '.join(seen)}")

    # --- what is done

    def create_key(self, name, nodes):
        """(secret, id) of a key made on the first of these nodes and known to all of them."""
        made = self.mesh.ctl("key", "create", "--name", name, node=nodes[0])
        self.timeline.event("note", f"key {made['id']} is made on {nodes[0].id}")
        for node in nodes[1:]:
            self.knows(node, made["id"], KNOWN)
        return made["secret"], made["id"]

    def wait(self, seconds, why):
        now = self.timeline.event("note", f"{why} ({seconds:g} s)")
        time.sleep(seconds)
        return now

    def fault(self, text, act, *arguments):
        act(*arguments)
        return self.timeline.event("fault", text)

    def heal(self, text="the network is whole again", **bar):
        """Ends all faults of the network, and requires that they were felt."""
        dropped = self.lab.dropped()
        self.lab.heal()
        now = self.timeline.event("end", text, **bar)
        self.timeline.check("the fault was real", dropped > 0, f"{dropped} packets dropped")
        return now

    def isolate(self, node):
        self.lab.isolate(node.id)
        return self.timeline.event("fault", f"{node.id} is cut off from everybody", node.id,
                                   "cut off")

    def rejoin(self, node):
        return self.heal(f"{node.id} is reachable again", node=node.id, condition="running")

    def kill(self, node):
        now = self.timeline.event("fault", f"kill -9 of {node.id}", node.id, "stopped")
        node.kill()
        self.watch.forget(node.id)
        return now

    def stop(self, node):
        now = self.timeline.event("fault", f"SIGTERM to {node.id}", node.id, "stopped")
        status = node.stop()
        self.watch.forget(node.id)
        self.timeline.check(f"{node.id} ends well when asked to", status == 0, f"status {status}")
        return now

    def start(self, node, how):
        now = self.timeline.event("end", f"{node.id} starts {how}", node.id, "running")
        node.start()
        return now

    def pause(self, node):
        now = self.timeline.event("fault", f"SIGSTOP of {node.id}", node.id, "paused")
        node.signal(signal.SIGSTOP)
        return now

    def resume(self, node):
        now = self.timeline.event("end", f"SIGCONT of {node.id}", node.id, "running")
        node.signal(signal.SIGCONT)
        return now

    # --- what is required

    def all_say(self, node, state, since, within, observers=None):
        """Requires that all others say so within that time; the seconds it took, or None."""
        observers, within = observers or self.mesh.others(node), self.bound(within)
        self.judged.add("mesh")
        took = self.watch.wait([(o.id, node.id) for o in observers], state, since, within)
        names = ", ".join(o.id for o in observers)
        self.timeline.check(f"{names}: {node.id} is {state} within {within:g} s", took is not None,
                            f"{took:.3f} s" if took is not None else self.said_of(node))
        return took

    def said_of(self, node):
        latest = self.watch.latest()
        return "they say " + ", ".join(f"{o}: {v.state}" for (o, s), v in sorted(latest.items())
                                       if s == node.id)

    def whole(self, since, within, nodes=None):
        """Requires that each running node comes to say of each other that it is alive, and that an
        operator who asks is told the same."""
        nodes, within = nodes or [n for n in self.nodes if n.running()], self.bound(within)
        took = self.watch.wait([(a.id, b.id) for a in nodes for b in nodes if a is not b], "alive",
                               since, within)
        wanted = {n.id: "alive" for n in nodes}
        said, same = self.mesh.wait_agreed(wanted, self.bound(5) if took is not None else 0)
        agreed = took is not None and same
        self.judged.add("mesh")
        self.timeline.check(f"all agree on {len(nodes)} alive within {within:g} s", agreed,
                            f"{took:.3f} s" if agreed else f"they say {said}")
        return took

    def nobody_dead(self, since, but=()):
        """Requires that nobody was declared dead but those who were, by anybody."""
        names = {n.id for n in but}
        wrong = [f"{o} of {s}" for o, s in self.watch.said("dead", since) if s not in names]
        self.timeline.check("nobody else is declared dead" if but else "nobody is declared dead",
                            not wrong, ", ".join(wrong))

    def known_at(self, node, *observers):
        """Requires that these know that node where it is."""
        for observer in observers:
            listed = self.mesh.ctl("mesh", "members", node=observer)["items"]
            address = next((m["address"] for m in listed if m["id"] == node.id), None)
            self.timeline.check(f"{observer.id} knows {node.id} where it now is",
                                address == node.place.advertise, address)

    def members_say(self, node, wanted):
        """Requires that an operator who asks that node is told exactly {member: status}."""
        said = self.mesh.members(node)
        self.timeline.check(f"{node.id} says {wanted}", said == wanted, said)

    def wire_of(self, node):
        """The wire versions that a node says it speaks."""
        status = self.mesh.ctl("mesh", "status", node=node)
        return f"{status['wire_min']}-{status['wire_max']}"

    def knows(self, node, key_id, within=KNOWN):
        """Requires that the node comes to know a key."""
        within = self.bound(within)
        asked = time.time()
        while True:
            known = [k["id"] for k in self.mesh.ctl("key", "list", node=node)["items"]]
            if key_id in known or time.time() > asked + within:
                break
            time.sleep(0.1)
        took = time.time() - asked
        self.timeline.check(f"{node.id} knows key {key_id} within {within:g} s", key_id in known,
                            f"{took:.3f} s, it knows {len(known)} keys")


def perform(scenario, lab_class, options):
    """Plays a scenario; its timeline and the path of the picture."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vidai-chaos-"))
    timeline = Timeline(scenario.name, scenario.claim, "")
    watch = None
    try:
        with lab_class(folder) as lab:
            mesh = LabMesh(lab, options.bin, folder, scenario.nodes, links=scenario.links,
                           seed=scenario.seed)
            watch = Watch(mesh.parse)
            for node in mesh.nodes:
                watch.follow(node.id, node.log)
            timeline.nodes = [n.id for n in mesh.nodes]
            programs = os.path.relpath(options.bin, HERE.parents[1])
            timeline.conditions = (f"{scenario.nodes} vidaid of {programs}, {lab.kind}, "
                                   f"{RATE} requests/s to each")
            with mesh:
                scene = Scene(scenario, lab, mesh, watch, timeline, options)
                timeline.began = time.time()
                try:
                    scene.start_traffic()
                    scenario.play(scene)
                    timeline.check("what clients got and what the mesh agreed on was judged",
                                   scene.judged == {"clients", "mesh"}, sorted(scene.judged))
                finally:
                    scene.end_traffic()
                    timeline.end()
    except (Failed, OSError, subprocess.SubprocessError) as failure:
        timeline.check("the scenario runs to its end", False, failure)
    if watch:
        watch.stop()
        timeline.views = watch.views
    picture = timeline.write(options.reports)
    if timeline.passed and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"logs of {scenario.name} are in {folder}", file=sys.stderr)
    return timeline, picture
