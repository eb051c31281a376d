# SPDX-License-Identifier: Apache-2.0
"""Seeds by name: many addresses, SRV records, names that move, lie or do not answer. In a network
and a mount namespace of its own, so that the system's resolver asks a server of the test."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import suite
from dns_server import A, SRV, DnsServer
from mesh import Mesh, Mock
from programs import wait_for

INSIDE = "VIDAI_SEEDS_NAMESPACE"
MESH_PORT = 7420


class Seeds(suite.Suite):
    def setUp(self):
        super().setUp()
        self.dns = self.use(DnsServer())
        self.mock = self.use(Mock(suite.BIN, self.folder))

    def mesh(self, seed):
        """Nodes n on 127.0.0.10+n, each with `seed` as its only one, the first too."""
        mesh = Mesh(suite.BIN, self.folder, suite.MODELS.format(mock=self.mock.port), count=3)
        for index, node in enumerate(mesh.nodes, 1):
            argv = node.argv
            while "--seed" in argv:
                at = argv.index("--seed")
                del argv[at:at + 2]
            node.mesh_address = f"127.0.0.{10 + index}:{MESH_PORT}"
            argv[argv.index("--mesh-listen") + 1] = node.mesh_address
            argv += ["--seed", seed]
        for node in mesh.nodes:
            self.addCleanup(lambda node=node: node.running() and node.stop())
        return mesh

    def start(self, seed):
        mesh = self.mesh(seed)
        for node in mesh.nodes:
            node.start()
        return mesh

    def test_each_address_of_a_name_gets_its_turn(self):
        dead = [f"127.0.0.{n}" for n in range(100, 120)]  # nobody listens there
        self.dns.names["seed.test"] = [*dead, "127.0.0.12"]
        self.start(f"seed.test:{MESH_PORT}").wait_alive(3)

    def test_srv_records_name_hosts_and_ports(self):
        self.dns.names["_mesh._tcp.vidai.test"] = [
            (0, 10, MESH_PORT, "n1.test"), (0, 10, MESH_PORT, "n2.test"),
            (0, 0, 1, "gone.test")]
        self.dns.names["n1.test"] = ["127.0.0.11"]
        self.dns.names["n2.test"] = ["127.0.0.12", "::1"]
        self.start("dnssrv+_mesh._tcp.vidai.test").wait_alive(3)
        self.assertIn(("_mesh._tcp.vidai.test", SRV), self.dns.asked)

    def test_an_answer_too_long_for_a_datagram_comes_over_tcp(self):
        self.dns.truncate = True
        self.dns.names["_mesh._tcp.vidai.test"] = [
            (i % 3, i, MESH_PORT, f"node-with-a-long-name-{i}.test") for i in range(40)]
        for i in range(40):
            self.dns.names[f"node-with-a-long-name-{i}.test"] = [f"127.0.0.{11 + i}"]
        self.start("dnssrv+_mesh._tcp.vidai.test").wait_alive(3)

    def found_later(self, first):
        if first is not None:
            self.dns.names["seed.test"] = first
        mesh = self.start(f"seed.test:{MESH_PORT}")
        wait_for(lambda: ("seed.test", A) in self.dns.asked, 20, "somebody to ask for the seed")
        self.assertEqual(len(mesh.members(mesh.nodes[0])), 1)
        self.dns.names["seed.test"] = ["127.0.0.11"]
        mesh.wait_alive(3, seconds=60)

    def test_a_name_that_does_not_exist_yet_is_asked_again(self):
        self.found_later(None)

    def test_a_name_without_addresses_yet_is_asked_again(self):
        self.found_later([])

    def test_a_name_that_meant_somebody_else_is_asked_again(self):
        self.found_later(["127.0.0.99"])

    def test_garbage_from_the_server_is_no_answer(self):
        self.found_later("garbage")

    def test_silence_of_the_server_is_no_answer(self):
        self.found_later("silence")

    def test_a_seed_that_cannot_be_resolved_is_told_with_its_name(self):
        node = self.mesh("nobody.test:7420").nodes[0].start()
        wait_for(lambda: "seed_unresolved" in node.log.read_text(), 20, "a line about the seed")
        line = next(json.loads(text) for text in node.log.read_text().splitlines()
                    if "seed_unresolved" in text)
        self.assertEqual(line["event"], "mesh.trouble")
        self.assertIn("nobody.test", line["error"])

    def test_a_silent_server_holds_up_neither_the_node_nor_its_end(self):
        self.dns.names["silent.test"] = "silence"
        node = self.mesh("silent.test:7420").nodes[0].start()
        wait_for(lambda: ("silent.test", 1) in self.dns.asked, 20, "the question")
        node.stop(10)


def enter_namespaces():
    """Runs this file again, where 127.0.0.1 is the system's DNS server; skips where it may not."""
    probe = subprocess.run(["unshare", "--net", "--mount", "true"], stderr=subprocess.DEVNULL)
    if probe.returncode != 0:
        print("skipped: namespaces are not permitted here (run as root)", file=sys.stderr)
        sys.exit(77)
    os.execvpe("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv],
               {**os.environ, INSIDE: "1"})


def set_up_inside():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as conf:
        conf.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    os.chmod(conf.name, 0o644)
    subprocess.run(["mount", "--bind", conf.name, os.path.realpath("/etc/resolv.conf")],
                   check=True)
    pathlib.Path(conf.name).unlink()


if __name__ == "__main__":
    if not os.environ.get(INSIDE):
        enter_namespaces()
    set_up_inside()
    suite.main()
