# SPDX-License-Identifier: Apache-2.0
"""vidaid in a lab: nodes that run on machines of it, and how their logs are read."""
import json
import shutil
import signal

from lab import PORTS
from mesh import Mesh
from programs import Failed, Process, wait_for

STATES = {"joined": "alive", "alive": "alive", "suspect": "suspect", "dead": "dead",
          "left": "left"}
MODELS = """providers:
  mock: {{base_url: "http://{mock}/v1"}}
models:
  demo:
    - {{provider: mock, model: mock-model, price: {{input: 1usd, output: 2usd}}}}
"""


def parse(line):
    """(subject, state) of one line of vidaid's log, or None."""
    if b'"mesh.member"' not in line:
        return None
    event = json.loads(line)
    state = STATES.get(event["state"])
    return (event["node"], state) if state else None


class Node(Process):
    """One vidaid on a machine of its own. Seeds are names, which the lab can change."""

    def __init__(self, mesh, index, seeds=None):
        self.mesh = mesh
        self.id = f"node-{index}"
        self.place = mesh.lab.places[self.id]
        self.seeds = seeds if seeds is not None else [mesh.seed_of(self)]
        self.bin = mesh.bin
        self.clock = None  # a duration by which its time of day is wrong
        self.data = mesh.folder / self.id / "data"
        self.data.parent.mkdir(exist_ok=True)
        # Through the file system, so that an operator needs no way into the machine.
        self.mesh_address = f"unix:{self.data / 'operator.sock'}"
        super().__init__([], self.data.parent, self.id, self.data.parent / "ports.json")

    def start(self, seconds=30):
        place = self.place
        more = [word for seed in self.seeds if seed for word in ("--seed", seed)]
        more += ["--clock-offset", self.clock] if self.clock else []
        self.argv = [str(word) for word in place.argv(
            self.bin / "vidaid", "--config", self.mesh.config, "--node-id", self.id,
            "--data-dir", self.data, "--listen", place.listen("client"),
            "--mesh-listen", place.listen("mesh"), "--admin-listen", place.listen("admin"),
            "--advertise", place.advertise, "--log-format", "json", "--workers", "1",
            "--ports-file", self.ports_file, *more)]
        place.opened(self)
        return super().start(seconds)

    def kill(self):
        super().kill()
        self.place.closed()

    def stop(self, seconds=20):
        try:
            return super().stop(seconds)
        finally:
            self.place.closed()

    def empty(self):
        """What a lost volume leaves: nothing."""
        shutil.rmtree(self.data)


class LabMesh(Mesh):
    """A mesh on the machines of a lab, made there when they are missing, and the provider's mock on
    the world's."""

    failed = "dead"  # what its nodes call a member that is gone

    def __init__(self, lab, bin_folder, folder, count=3, node_lines="", links=(), seed=None,
                 models=MODELS):
        self.lab, self.parse, self.seed_name = lab, parse, seed
        for index in range(1, count + 1):
            lab.add(f"node-{index}", user_space_link=f"node-{index}" in links)
        world = lab.places["world"]
        self.mock = Process(world.argv(
            bin_folder / "vidai-mock", "--listen", world.listen("client"),
            "--ports-file", folder / "mock.json"), folder, "mock", folder / "mock.json")
        if seed:
            lab.name(seed, lab.places["node-1"].address)
        super().__init__(bin_folder, folder, models.format(mock=world.listen("client")), count,
                         node_lines=node_lines)

    def make_node(self, index):
        return Node(self, index)

    def seed_of(self, node):
        """The first node's name, unless the scenario has a name of its own for it."""
        if self.seed_name:
            return f"{self.seed_name}:{PORTS['mesh']}"
        first = self.lab.places["node-1"]
        return None if node.place is first else first.reach("mesh")

    def start(self):
        self.mock.start()
        return super().start()

    def __exit__(self, kind, *rest):
        try:
            for node in self.nodes:  # one that a scenario left paused would not hear SIGTERM
                if node.running():
                    node.signal(signal.SIGCONT)
            super().__exit__(kind, *rest)
        finally:
            self.mock.__exit__()

    def others(self, *nodes):
        return [n for n in self.nodes if n not in nodes and n.running()]

    def agreed(self):
        """{observer: {member: status}} of all that run."""
        return {node.id: self.members(node) for node in self.nodes if node.running()}

    def wait_agreed(self, status_of, seconds):
        """Until every running node says exactly {member: status}; the last word of all, and
        whether that was it."""
        said = {}

        def same():
            said.update(self.agreed())
            return all(view == status_of for view in said.values())
        try:
            wait_for(same, seconds)
        except Failed:
            return said, False
        return said, True
