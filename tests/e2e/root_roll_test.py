# SPDX-License-Identifier: Apache-2.0
"""The root of a running mesh rolls over by vidaictl, under traffic, with one node off: no request
fails, the old root is worth nothing in the end, and the node that was off comes back by itself."""
import json
import shutil
import threading

import suite
from identity_test import JoiningNode
from mesh import Mesh, Mock
from programs import chat, ensure_terminated, wait_for


class Traffic(threading.Thread):
    """One call after the other through each of some nodes; what failed is kept."""

    def __init__(self, nodes, key):
        super().__init__(daemon=True)
        self.nodes, self.key = nodes, key
        self.done, self.failed = 0, []
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            for node in self.nodes:
                status, body, _ = chat(node.port, self.key)
                self.done += 1
                if status != 200:
                    self.failed.append((node.id, status, body))
            self.over.wait(0.02)

    def stop(self):
        self.over.set()
        self.join(timeout=60)


class RootRoll(suite.Suite):
    def setUp(self):
        super().setUp()
        mock = self.use(Mock(suite.BIN, self.folder))
        models = suite.MODELS.format(mock=mock.port)
        self.mesh = self.use(Mesh(suite.BIN, self.folder, models, count=2))
        (self.folder / "joiner.yaml").write_text(models)
        self.first, self.second = self.mesh.nodes
        token = self.mesh.ctl("mesh", "token", "create", "--node", "node-*", node=self.first)
        self.third = JoiningNode(self.mesh, 3, token["token"])
        self.mesh.nodes.append(self.third)
        self.addCleanup(ensure_terminated, [self.third])
        self.third.start()
        self.mesh.wait_alive(3)
        self.live, self.next = self.folder / "mesh", self.folder / "next"
        self.old = self.folder / "old"
        shutil.copytree(self.live, self.old)

    def as_new(self, *arguments, node):
        return self.mesh.ctl("--identity", str(self.next / "operator.key"),
                             "--root", str(self.next / "mesh.pub"), *arguments, node=node)

    def as_old(self, node):
        return self.mesh.run_ctl("--identity", str(self.old / "operator.key"), "--root",
                                 str(self.old / "mesh.pub"), "--server", node.mesh_address,
                                 "mesh", "status", check=False)

    def replace_files(self):
        """As a mounted secret changes: each file by one rename."""
        for name in ("issuer.key", "mesh.pub"):
            fresh = self.live / f"{name}.new"
            shutil.copy2(self.next / name, fresh)
            fresh.rename(self.live / name)

    def test_a_root_rolls_over_under_traffic_with_a_node_off(self):
        key, _ = self.mesh.create_key("shared")
        self.assertEqual(self.third.stop(), 0)
        self.third.give(None)
        traffic = Traffic([self.first, self.second], key)
        traffic.start()
        self.addCleanup(traffic.stop)

        rolled = self.mesh.ctl("mesh", "rotate", "root", str(self.old), str(self.next),
                               node=self.first)
        self.assertNotEqual(rolled["root_fingerprint"], rolled["old_root_fingerprint"])
        contexts = json.loads(self.mesh.run_ctl("config", "get-contexts", "-o", "json"))["items"]
        self.assertEqual([(c["identity"], c["root"]) for c in contexts],
                         [(str(self.next / "operator.key"), str(self.next / "mesh.pub"))])
        early = self.mesh.run_ctl("--server", self.first.mesh_address, "mesh", "rotate", "root",
                                  str(self.old), str(self.next), "--retire", check=False)
        self.assertNotEqual(early.returncode, 0, "nodes would be cut off")
        self.assertIn("not certified under the new root yet", early.stderr)
        self.assertEqual(self.as_old(self.second).returncode, 0, "both are believed")
        self.replace_files()
        for node in (self.first, self.second):
            wait_for(lambda n=node: self.as_new("node", "show", n.id, node=n)["root"]
                     == rolled["root_fingerprint"], 60, f"{node.id} to be certified anew")

        mixed = self.mesh.run_ctl("--identity", str(self.old / "operator.key"), "--root",
                                  str(self.next / "mesh.pub"), "mesh", "status", check=False)
        self.assertIn("vidaictl config set-context NAME", mixed.stderr)
        self.mesh.ctl("mesh", "rotate", "root", str(self.old), str(self.next), "--retire",
                      node=self.first)  # by the context
        for node in (self.first, self.second):
            wait_for(lambda n=node: self.as_old(n).returncode != 0, 30,
                     f"{node.id} to refuse the old root")
        before = traffic.done
        wait_for(lambda: traffic.done > before + 20, 60, "calls after it")
        traffic.stop()
        self.assertEqual(traffic.failed, [])

        self.third.start()
        wait_for(lambda: self.as_new("node", "show", self.third.id, node=self.first)["root"]
                 == rolled["root_fingerprint"], 60, "the node that was off to be certified")
        wait_for(lambda: chat(self.third.port, key)[0] == 200, 60, "it to serve")
        self.assertEqual(self.third.stop(), 0)
        self.third.start()  # with what it has kept
        wait_for(lambda: chat(self.third.port, key)[0] == 200, 60, "it to come back as any other")


if __name__ == "__main__":
    suite.main()
