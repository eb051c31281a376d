# SPDX-License-Identifier: Apache-2.0
"""A mesh of real vidaid processes on loopback: what the demo shows and the e2e tests shake."""
import json
import os
import pathlib
import random
import socket
import subprocess

from programs import Failed, Mock, Process, ensure_terminated, wait_for


_OUTSIDE_EPHEMERAL = (12000, 32000)
_claims = []  # the ports this process has handed out, claimed until it ends


def free_ports(count):
    """Ports that nobody takes before we bind them: a node must know its own to come back to it.

    They lie below the range from which the kernel gives ports to outgoing connections, which could
    otherwise occupy one between the choice and the bind. Each is claimed by an abstract socket name
    for as long as this process lives, so that tests beside it never choose the same."""
    ports = []
    for port in random.sample(range(*_OUTSIDE_EPHEMERAL), 1000):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0vidai-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        ports.append(port)
        if len(ports) == count:
            return ports
    raise Failed(f"found only {len(ports)} of {count} free ports on 127.0.0.1")


class Node(Process):
    """One vidaid. Keeps its ports and data folder over restarts."""

    def __init__(self, mesh, index):
        self.mesh = mesh
        self.id = f"node-{index}"
        home = mesh.folder / self.id
        home.mkdir(exist_ok=True)
        client, peer, admin = free_ports(3)
        self.mesh_address = f"127.0.0.1:{peer}"
        ports = home / "ports.json"
        argv = [mesh.bin / "vidaid", "--config", mesh.config, "--node-id", self.id,
                "--data-dir", home / "data", "--listen", f"127.0.0.1:{client}",
                "--mesh-listen", self.mesh_address, "--admin-listen", f"127.0.0.1:{admin}",
                "--ports-file", ports]
        if index > 1:
            argv += ["--seed", mesh.nodes[0].mesh_address]
        super().__init__(argv, home, self.id, ports, env=mesh.env)

    @property
    def port(self):
        return self.ports["client"]

    @property
    def admin(self):
        return self.ports["admin"]


class Mesh:
    """`count` nodes that find each other through the first one. A context manager.

    config: the providers and models part of the configuration, as YAML text."""

    def __init__(self, bin_folder, folder, config, count=3, env=None, node_lines=""):
        self.bin = pathlib.Path(bin_folder).resolve()
        self.folder = pathlib.Path(folder).resolve()
        self.env = env or {}
        self.nodes = []
        secrets = self.folder / "mesh"
        self.ctl_config = self.folder / "vidaictl.yaml"
        self.run_ctl("mesh", "init", str(secrets))
        self.config = self.folder / "vidai.yaml"
        self.config.write_text(f"mesh:\n  root_file: {json.dumps(str(secrets / 'mesh.pub'))}\n"
                               f"  issuer_file: {json.dumps(str(secrets / 'issuer.key'))}\n"
                               f"{node_lines}{config}")
        for index in range(1, count + 1):
            self.nodes.append(self.make_node(index))

    def make_node(self, index):
        return Node(self, index)

    def start(self):
        for node in self.nodes:
            node.start()
        self.wait_alive(len(self.nodes))
        return self

    def stop(self):
        for node in reversed(self.nodes):
            if node.running():
                node.stop()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            ensure_terminated(self.nodes)
            raise

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        ensure_terminated(self.nodes)

    def run_ctl(self, *arguments, check=True):
        """vidaictl with this mesh's context: standard output as text."""
        env = {**os.environ, "VIDAICTL_CONFIG": str(self.ctl_config), "NO_COLOR": "1"}
        done = subprocess.run([str(self.bin / "vidaictl"), *arguments], env=env, text=True,
                              capture_output=True, timeout=30, check=False)
        if check and done.returncode != 0:
            raise Failed(f"vidaictl {' '.join(arguments)} ended with {done.returncode}: "
                         f"{done.stderr.strip() or done.stdout.strip()}")
        return done.stdout if check else done

    def ctl(self, *arguments, node=None):
        """The same, asking one node, decoded from JSON."""
        node = node or next(n for n in self.nodes if n.running())
        return json.loads(self.run_ctl("--server", node.mesh_address, "-o", "json", *arguments))

    def members(self, node):
        """{node id: status} as `node` sees it."""
        return {m["id"]: m["status"] for m in self.ctl("mesh", "members", node=node)["items"]}

    def wait_alive(self, count, seconds=30):
        for node in self.nodes:
            if node.running():
                wait_for(lambda n=node: list(self.members(n).values()).count("alive") == count,
                         seconds, f"{node.name} to see {count} nodes alive")

    def wait_status(self, observer, node_id, statuses, seconds=30):
        wait_for(lambda: self.members(observer).get(node_id) in statuses, seconds,
                 f"{observer.name} to see {node_id} {' or '.join(statuses)}")

    def create_key(self, name, **limits):
        """(secret, id) of a new key, known to every running node on return."""
        flags = [f"--{flag.replace('_', '-')}={value}" for flag, value in limits.items()]
        made = self.ctl("key", "create", "--name", name, *flags)
        for node in self.nodes:
            if node.running():
                wait_for(lambda n=node: made["id"] in
                         [k["id"] for k in self.ctl("key", "list", node=n)["items"]],
                         20, f"{node.name} to know key {made['id']}")
        return made["secret"], made["id"]


__all__ = ["Mesh", "Mock", "Node"]
