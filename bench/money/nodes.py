# SPDX-License-Identifier: Apache-2.0
"""Three real nodes on loopback and a fast provider, and what a run under load is told by them."""
import concurrent.futures
import contextlib
import json
import pathlib
import re
import subprocess
import tempfile

from mesh import Mesh
from programs import Failed, Mock, request, wait_for

PROVIDERS = """listen: {{workers: 1}}
providers:
  mock: {{base_url: "http://127.0.0.1:{mock}/v1", idle_connections_max: 4096}}
models:
  mock-small:
    - {{provider: mock, model: mock-small, price: {{input: 0.15usd, output: 0.6usd}}}}
"""
NODES = "3 nodes of one worker on loopback"
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")


@contextlib.contextmanager
def three_nodes(bin_folder):
    """A mesh that is up, in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="vidai-money-") as folder, \
            Mock(bin_folder, folder, "--fast") as mock, \
            Mesh(bin_folder, folder, PROVIDERS.format(mock=mock.port)) as mesh:
        yield mesh


def side_by_side(mesh, commands):
    """Runs vidaictl with each of them, a few at a time, on the nodes' local sockets, where nobody
    has to prove who they are; what each printed, decoded."""
    def run(number, words):
        socket = mesh.nodes[number % len(mesh.nodes)].folder / "data/operator.sock"
        return json.loads(mesh.run_ctl("--server", f"unix:{socket}", "--timeout", "20s", "-o",
                                       "json", *words))
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        return list(pool.map(run, range(len(commands)), commands))


def metrics(node):
    """As parse(), of what a node tells."""
    status, body, _ = request(node.admin, "GET", "/metrics")
    if status != 200:
        raise Failed(f"{node.id}: /metrics answered {status}")
    return parse(body.decode())


def parse(text):
    """{(name, {(label, value)...}): value} of the text form of metrics."""
    found = (SAMPLE.match(line) for line in text.splitlines() if line[:1] != "#")
    return {(m[1], frozenset(re.findall(r'(\w+)="([^"]*)"', m[2] or ""))): float(m[3])
            for m in found if m}


def total(samples, name, **labels):
    """The sum of all samples of that name with those labels; Failed where there is none."""
    values = [value for (metric, has), value in samples.items()
              if metric == name and has >= frozenset(labels.items())]
    if not values:
        raise Failed(f"no node has a metric {name} {labels or ''}: this page counts by it")
    return sum(values)


def written_bytes(node):
    """What the kernel sent to disks for that process, in whole pages."""
    told = pathlib.Path(f"/proc/{node.pid}/io").read_text(encoding="ascii")
    return int(re.search(r"^write_bytes: (\d+)$", told, re.M)[1])


class Load:
    """vidai-load against every node at once, open loop. A context manager; reports() ends it."""

    def __init__(self, mesh, rate, duration, warm_up, keys, connections=512):
        """rate: requests per second and node. keys: secrets, which take turns."""
        self.mesh, self.processes = mesh, []
        self.keys = mesh.folder / "keys"
        self.keys.touch(mode=0o600)
        self.keys.write_text("\n".join(keys) + "\n", encoding="ascii")
        self.words = ["--rate", str(rate), "--duration", str(duration), "--warm-up", str(warm_up),
                      "--connections", str(connections), "--keys-file", str(self.keys)]
        self.within = duration + warm_up + 60

    def __enter__(self):
        for number, node in enumerate(self.mesh.nodes, 1):
            self.processes.append(subprocess.Popen(
                [self.mesh.bin / "vidai-load", "--to", f"127.0.0.1:{node.port}", *self.words,
                 "--seed", str(number)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def reports(self):
        said = []
        for process in self.processes:
            out, err = process.communicate(timeout=self.within)
            if process.returncode != 0:
                raise Failed(f"vidai-load ended with {process.returncode}: {err.strip()}")
            said.append(json.loads(out))
        return said


__all__ = ["Failed", "Load", "NODES", "metrics", "parse", "side_by_side", "three_nodes", "total",
           "wait_for", "written_bytes"]
