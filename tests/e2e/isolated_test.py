# SPDX-License-Identifier: Apache-2.0
"""A node that finds nobody says so in its log, its readiness, its metrics and to the doctor, and
serves all the same, because a partition must not stop it."""
import json

import suite
from mesh import Mesh, Mock, free_ports
from programs import chat, request, wait_for


class Isolated(suite.Suite):
    def setUp(self):
        super().setUp()
        self.mock = self.use(Mock(suite.BIN, self.folder))

    def mesh(self, count):
        return self.use(Mesh(suite.BIN, self.folder, suite.MODELS.format(mock=self.mock.port),
                             count=count))

    def doctor(self, mesh, node, at=None):
        done = mesh.run_ctl("--server", at or node.mesh_address, "-o", "json", "mesh", "doctor",
                            check=False)
        return done.returncode, json.loads(done.stdout)["findings"]

    def is_told(self, mesh, node, where, at=None):
        wait_for(lambda: '"what":"isolated"' in node.log.read_text(), 30, "a warning in the log")
        line = next(json.loads(text) for text in node.log.read_text().splitlines()
                    if '"what":"isolated"' in text)
        self.assertEqual((line["event"], line["level"]), ("mesh.trouble", "warn"))
        self.assertIn(where, line["error"])
        wait_for(lambda: "vidai_mesh_isolated 1\n" in
                 request(node.admin, "GET", "/metrics")[1].decode(), 10, "the gauge")
        status, findings = self.doctor(mesh, node, at)
        self.assertEqual(status, 6)
        self.assertTrue([f for f in findings if f["check"] == "links" and
                         f["severity"] == "error" and where in f["what"]], findings)
        wait_for(lambda: request(node.admin, "GET", "/readyz")[0] == 200, 30, "it to serve")

    def test_a_node_whose_only_seed_is_dead_says_so_and_serves(self):
        mesh = self.mesh(1)
        dead = f"127.0.0.1:{free_ports(1)[0]}"
        late = mesh.make_node(2)
        late.argv[late.argv.index("--seed") + 1] = dead
        self.use(late)
        wait_for(lambda: dead in request(late.admin, "GET", "/readyz")[1].decode(), 20,
                 "readiness to say whom it tries")
        self.is_told(mesh, late, dead)
        self.assertNotIn('"what":"isolated"', mesh.nodes[0].log.read_text())

    def test_a_node_whose_clock_is_far_ahead_says_that_all_shut_it_out(self):
        mesh = self.mesh(1)
        early = mesh.make_node(2)
        early.argv += ["--clock-offset", "11m"]
        self.use(early)
        # No operator's certificate is valid for it, either.
        self.is_told(mesh, early, "its log says why",
                     at=f"unix:{early.folder / 'data' / 'operator.sock'}")
        self.assertIn("certificate_not_yet_valid", mesh.nodes[0].log.read_text())

    def test_a_node_that_comes_back_to_nobody_says_so_until_they_are_there(self):
        mesh = self.mesh(2)
        first, second = mesh.nodes
        # Asked there, it is on that disk when the answer comes.
        key = mesh.ctl("key", "create", "--name", "kept", node=second)["secret"]
        second.kill()
        first.kill()
        second.start()
        self.is_told(mesh, second, first.mesh_address)
        self.assertEqual(chat(second.port, key)[0], 200, "it knows the keys of its last life")
        first.start()
        mesh.wait_alive(2)
        wait_for(lambda: "vidai_mesh_isolated 0\n" in
                 request(second.admin, "GET", "/metrics")[1].decode(), 20, "the gauge to fall")
        wait_for(lambda: self.doctor(mesh, second)[0] == 0, 30, "the doctor to be content")


if __name__ == "__main__":
    suite.main()
