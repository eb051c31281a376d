# SPDX-License-Identifier: Apache-2.0
"""One identity, one process: a second node with the same name is kept out, and of two processes
with one data directory's identity only one goes on."""
import json
import re
import shutil

import suite
from mesh import Node
from programs import chat, request, wait_for


class OneId(suite.ThreeNodes):
    def twin(self, of, folder):
        """A further process of the mesh that claims to be `of`; not started."""
        twin = Node(self.mesh, 99)
        twin.argv = [of.id if a == twin.id else a for a in twin.argv]
        twin.argv[twin.argv.index("--seed") + 1] = self.nodes[1].mesh_address
        if folder:
            shutil.copytree(folder, twin.folder / "data",
                            ignore=shutil.ignore_patterns("lock", "operator.sock"))
        self.addCleanup(lambda: twin.running() and twin.kill())
        return twin

    def log(self, node):
        return node.log.read_text()

    def test_a_second_node_with_the_same_name_does_not_push_the_first_one_out(self):
        key, _ = self.mesh.create_key("kept")
        first = self.nodes[0]
        twin = self.twin(first, None)
        twin.start()
        wait_for(lambda: "same_node_id" in self.log(self.nodes[1]), 20,
                 "node-2 to say that it refused the second node-1")
        for node in self.nodes:
            self.assertEqual(self.mesh.members(node)[first.id], "alive", node.id)
            self.assertEqual(chat(node.port, key)[0], 200, node.id)
        self.it_knows_that_it_is_kept_out(twin)
        self.assertIn(twin.mesh_address, self.log(self.nodes[1]), "where the second one is")
        first.kill()  # then there is one node of that name
        wait_for(lambda: request(twin.admin, "GET", "/readyz")[0] == 200, 30, "the twin to serve")
        for node in self.nodes[1:]:
            self.mesh.wait_status(node, first.id, ("alive",))
        wait_for(lambda: chat(twin.port, key)[0] == 200, 20, "the key to reach it")

    def it_knows_that_it_is_kept_out(self, twin):
        wait_for(lambda: "has the id node-1" in request(twin.admin, "GET", "/readyz")[1].decode(),
                 20, "the twin to say why it does not serve")
        self.assertEqual(request(twin.admin, "GET", "/readyz")[0], 503)
        self.assertIn('"what":"same_node_id"', self.log(twin))
        wait_for(lambda: re.search(r'refusals_total{reason="same_node_id"} [1-9]',
                                   request(twin.admin, "GET", "/metrics")[1].decode()), 20,
                 "its metric")
        done = self.mesh.run_ctl("--server", twin.mesh_address, "-o", "json", "mesh", "doctor",
                                 check=False)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertTrue([f for f in json.loads(done.stdout)["findings"]
                         if f["check"] == "health" and "node forget node-1" in f["what"]],
                        done.stdout)

    def test_of_two_processes_with_one_identity_one_ends_and_says_why(self):
        key, _ = self.mesh.create_key("kept")
        first = self.nodes[2]
        self.assertEqual(first.stop(), 0)
        twin = self.twin(first, first.folder / "data")
        first.start()
        twin.start()
        wait_for(lambda: first.running() + twin.running() == 1, 30, "one of the two to end")
        ended, goes_on = (first, twin) if twin.running() else (twin, first)
        self.assertEqual(ended.process.returncode, 1)
        self.assertIn("mesh.superseded", self.log(ended))
        self.assertIn("give each an id and a directory of its own", self.log(ended))
        for node in self.nodes[:2]:
            self.mesh.wait_status(node, first.id, ("alive",))
        wait_for(lambda: request(goes_on.admin, "GET", "/readyz")[0] == 200, 20, "readiness")
        self.assertEqual(chat(goes_on.port, key)[0], 200)

    def test_an_identity_that_was_put_back_is_noticed_and_goes_on_above_its_past(self):
        victim = self.nodes[2]
        identity, backup = victim.folder / "data" / "identity", self.folder / "backup"
        shutil.copytree(identity, backup)  # as it starts for the first time
        for _ in range(2):
            self.assertEqual(victim.stop(), 0)
            victim.start()
            self.mesh.wait_alive(3)
        self.assertEqual(victim.stop(), 0)
        shutil.rmtree(identity)
        shutil.copytree(backup, identity)
        victim.start()
        wait_for(lambda: '"what":"set_back"' in self.log(victim), 20, "the node to notice")
        self.assertIn("It goes on as start 4", self.log(victim))
        self.assertIn("started: 4", (identity / "generation").read_text())
        self.mesh.wait_alive(3)
        done = self.mesh.run_ctl("--server", self.nodes[0].mesh_address, "-o", "json", "mesh",
                                 "doctor", check=False)
        self.assertIn((victim.id, "health", "warning"),
                      [(f["where"], f["check"], f["severity"])
                       for f in json.loads(done.stdout)["findings"]], done.stdout)


if __name__ == "__main__":
    suite.main()
