# SPDX-License-Identifier: Apache-2.0
"""Who may be in the mesh, with real programs: join tokens where only one node holds the issuer
key, keys revoked and members forgotten by vidaictl."""
import json
import shutil
import signal
import subprocess

import suite
from mesh import Mesh, Mock, Node, free_ports
from programs import Failed, chat, chat_stream, ensure_terminated, request, wait_for


class JoiningNode(Node):
    """A vidaid without root and issuer files; its token comes in a file that a variable names."""

    def __init__(self, mesh, index, token=None):
        super().__init__(mesh, index)
        self.argv[self.argv.index("--config") + 1] = str(mesh.folder / "joiner.yaml")
        self.give(token)

    def give(self, token):
        self.env.pop("VIDAI_MESH_JOIN_FILE", None)
        if token is not None:
            path = self.folder / "token"
            path.write_text(token + "\n")
            path.chmod(0o600)
            self.env["VIDAI_MESH_JOIN_FILE"] = str(path)


class OneIssuer(suite.Suite):
    def setUp(self):
        super().setUp()
        self.mock = self.use(Mock(suite.BIN, self.folder))
        models = suite.MODELS.format(mock=self.mock.port)
        self.mesh = self.use(Mesh(suite.BIN, self.folder, models, count=1))
        (self.folder / "joiner.yaml").write_text(models)
        self.first = self.mesh.nodes[0]

    def token(self, *flags):
        return self.mesh.ctl("mesh", "token", "create", *flags, node=self.first)["token"]

    def joiner(self, index, token):
        node = JoiningNode(self.mesh, index, token)
        self.mesh.nodes.append(node)
        self.addCleanup(ensure_terminated, [node])
        return node

    def refused(self, node):
        with self.assertRaises(Failed):
            node.start()
        return node.log.read_text()

    def metric(self, node, line):
        return line in request(node.admin, "GET", "/metrics")[1].decode()

    def test_a_mesh_grows_by_tokens_and_comes_back_without_them(self):
        token = self.token("--node", "node-*", "--ttl", "1h")
        joiners = [self.joiner(index, token).start() for index in (2, 3)]
        self.mesh.wait_alive(3)
        key, _ = self.mesh.create_key("shared")
        for node in self.mesh.nodes:
            self.assertEqual(chat(node.port, key)[0], 200, node.id)
            self.assertNotIn(token, node.log.read_text(), "a token is never logged")
        for node in joiners:
            self.assertEqual(node.stop(), 0)
            node.give(None)
            node.start()
        self.mesh.wait_alive(3)
        for node in self.mesh.nodes:
            self.assertEqual(chat(node.port, key)[0], 200, node.id)

    def test_who_cannot_make_a_token_says_who_can(self):
        node = self.joiner(2, self.token("--node", "node-*")).start()
        self.mesh.wait_alive(2)
        asked = self.mesh.run_ctl("--server", node.mesh_address, "mesh", "token", "create",
                                  "--node", "node-3", check=False)
        self.assertIn(f"These hold one: {self.first.id} (--server {self.first.mesh_address})",
                      asked.stderr)

    def test_a_node_that_joins_says_what_it_does_and_ends_when_it_is_told(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            nobody = f"127.0.0.1:{free_ports(1)[0]}"
            node = self.joiner(2, self.token("--node", "node-*", "--seed", nobody))
            with open(node.log, "wb") as log:
                node.process = subprocess.Popen(node.argv, stderr=log, stdin=subprocess.DEVNULL,
                                                env=node.env)
            wait_for(lambda: "in_vain" in node.log.read_text(), 20, "a line on how it goes")
            lines = [json.loads(line) for line in node.log.read_text().splitlines()]
            said = [line for line in lines if line["event"] == "mesh.joining"]
            self.assertEqual((said[0]["what"], said[0]["peer"]), ("asking", nobody))
            self.assertIn("refused", said[-1]["error"])
            node.signal(number)
            self.assertEqual(node.process.wait(timeout=20), 0)
            self.assertIn("node.stopped", node.log.read_text())

    def test_a_token_that_would_not_be_looked_at_is_refused_or_told(self):
        token = self.token("--node", "node-*")
        both = self.joiner(2, token)
        both.argv[both.argv.index("--config") + 1] = str(self.mesh.config)
        self.assertIn("exclude each other", self.refused(both))
        done = subprocess.run([*both.argv, "--check-config"], env=both.env, text=True,
                              capture_output=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 1, "before it is started, too")
        node = self.joiner(3, token).start()
        self.assertEqual(node.stop(), 0)
        node.start()
        self.assertIn("token_unused", node.log.read_text())

    def test_an_expired_token_and_another_name_are_refused(self):
        soon = self.mesh.ctl("mesh", "token", "create", "--node", "node-*", "--ttl", "1s")["token"]
        other = self.joiner(3, self.token("--node", "web-*"))
        self.assertIn("for nodes of the form 'web-*'", self.refused(other))
        late = self.joiner(2, soon)

        def expired():
            try:
                late.start()
            except Failed:
                lines = [line for line in late.log.read_text().splitlines() if line[0] == "{"]
                failed = [line for line in map(json.loads, lines)
                          if line["event"] == "node.failed"][-1]
                if "has expired" not in failed["error"]:
                    return False
                self.assertEqual(failed["what"], "token_expired", "that is no option")
                self.assertIn("vidaictl mesh token create", failed["error"])
                return True
            late.kill()  # joined within its second: a new identity for the next attempt
            shutil.rmtree(late.folder / "data")
            return False
        wait_for(expired, 30, "the token to expire")
        wait_for(lambda: self.metric(
            self.first, 'vidai_mesh_refusals_total{reason="token_expired"} '), 10, "the metric")

    def test_a_node_id_belongs_to_its_first_key_until_that_is_forgotten(self):
        token = self.token("--node", "node-2")
        node = self.joiner(2, token).start()
        self.mesh.wait_alive(2)
        node.kill()
        shutil.rmtree(node.folder / "data")  # the volume is lost, and the key with it
        self.assertIn("another key is known", self.refused(node))
        wait_for(lambda: self.metric(
            self.first, 'vidai_mesh_refusals_total{reason="key_conflict"} 1\n'), 10, "the alarm")
        self.mesh.wait_status(self.first, node.id, ("dead",))
        self.mesh.ctl("node", "forget", node.id, "--wait", node=self.first)
        self.assertNotIn(node.id, self.mesh.members(self.first))
        node.start()
        self.mesh.wait_alive(2)

    def finding_of(self, node):
        """The one thing that the doctor finds, asked at a node that is revoked."""
        done = self.mesh.run_ctl("--server", f"unix:{node.folder}/data/operator.sock", "-o", "json",
                                 "mesh", "doctor", check=False)
        found = [f for f in json.loads(done.stdout)["findings"]
                 if f["severity"] in ("warning", "error")]
        self.assertEqual([f["check"] for f in found], ["health"], found)
        self.assertIn(f"vidaictl mesh token create --node {node.id}", found[0]["todo"])
        self.assertNotIn("when that is mended", found[0]["todo"])

    def test_a_revoked_node_is_out_and_knows_it(self):
        node = self.joiner(2, self.token("--node", "node-*")).start()
        self.mesh.wait_alive(2)
        key, key_id = self.mesh.create_key("app")
        self.assertEqual(chat(node.port, key)[0], 200)
        done = self.mesh.run_ctl("--server", f"unix:{self.first.folder}/data/operator.sock", "mesh",
                                 "revoke", node.id, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("operator's key", done.stderr)
        said = self.mesh.ctl("mesh", "revoke", node.id, "--reason", "test", "--wait",
                             node=self.first)
        self.assertEqual(said["acknowledged"], [self.first.id])
        self.assertEqual(list(self.mesh.members(self.first)), [self.first.id])
        wait_for(lambda: request(node.admin, "GET", "/readyz")[0] == 503, 10, "it to be unready")
        self.assertIn("was revoked by an operator",
                      request(node.admin, "GET", "/readyz")[1].decode())
        self.assertEqual(request(node.port, "GET", "/readyz")[:2], (503, b'{"status":"revoked"}'))
        self.mesh.ctl("key", "revoke", key_id, node=self.first)
        for bearer in (key, "sk-vidai-none"):  # what it knows of keys is of before
            status, body, _ = chat(node.port, bearer)
            self.assertEqual((status, body["error"]["code"]), (503, "fenced"), body)
        self.assertEqual(request(node.port, "GET", "/healthz")[0], 200, "it is not to be restarted")
        self.finding_of(node)
        def turned_off():
            asked = self.mesh.run_ctl("--server", node.mesh_address, "mesh", "members", check=False)
            self.assertNotIn("read(", asked.stderr, "no system call in what a person reads")
            return "out of its mesh itself, revoked or forgotten" in asked.stderr
        wait_for(turned_off, 10, "it to close its mesh port")
        said_there = self.mesh.run_ctl("--server", f"unix:{node.folder}/data/operator.sock", "key",
                                       "create", "--name", "lost", check=False)
        self.assertNotEqual(said_there.returncode, 0)
        self.assertIn("nothing that is said at this node reaches the mesh", said_there.stderr)
        self.assertEqual(node.stop(), 0)
        (node.folder / "data" / "registers").unlink()  # as if it had been off meanwhile
        node.start()
        wait_for(lambda: "self_revoked" in node.log.read_text().rpartition("node.starting")[2], 20,
                 "a peer to show it the revocation")
        status, body, _ = request(node.admin, "GET", "/readyz")
        self.assertEqual((status, b"was revoked by an operator" in body), (503, True), body)
        self.assertEqual(node.stop(), 0)
        node.start()
        wait_for(lambda: b"was revoked" in request(node.admin, "GET", "/readyz")[1], 10,
                 "it to remember")
        self.assertEqual(chat(node.port, key)[1]["error"]["code"], "fenced")

    def test_a_stream_outlives_the_revocation_of_its_node_and_what_it_began_is_whole(self):
        node = self.joiner(2, self.token("--node", "node-*")).start()
        self.mesh.wait_alive(2)
        key, _ = self.mesh.create_key("app")
        self.mock.call("POST", "/mock/faults", {"fault": "rate=10,tokens=40"})
        stream = chat_stream(node.port, key)
        seen = [next(stream)]
        self.mesh.ctl("mesh", "revoke", node.id, "--wait", node=self.first)
        wait_for(lambda: request(node.port, "GET", "/readyz")[0] == 503, 10, "it to be fenced")
        status, body, headers = chat(node.port, key)
        self.assertEqual((status, body["error"]["code"]), (503, "fenced"))
        self.assertEqual(headers["x-should-retry"], "true", "at another node")
        seen += stream
        self.assertEqual(seen[-1], "[DONE]", "a stream was cut")
        events = [json.loads(data) for data in seen[:-1]]
        self.assertFalse([event for event in events if "error" in event], events)
        words = [c["delta"]["content"] for e in events for c in e["choices"]
                 if c["delta"].get("content")]
        self.assertEqual(len(words), 40, "not one token is missing")
        rows = self.mock.bill()["rows"]
        self.assertEqual([(r["started"], r["finished"]) for r in rows], [(1, 1)], rows)


if __name__ == "__main__":
    suite.main()
