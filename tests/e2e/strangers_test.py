# SPDX-License-Identifier: Apache-2.0
"""Connections to the mesh port that never become a handshake, in number and from several addresses:
the mesh and its clients do not feel them, and an operator sees where they come from."""
import contextlib
import json
import socket

import suite
from programs import chat, request, wait_for

# The beginning of a first message of 130 bytes; docs/security.md, section 5.
HALF = b"\x00\x80\x01\x01\x01\x00\x01"


class Strangers(suite.ThreeNodes):
    def setUp(self):
        super().setUp()
        self.key, _ = self.mesh.create_key("app")
        self.node = self.nodes[0]
        self.crowd = self.use(contextlib.ExitStack())

    def knock(self, source, count, says=b""):
        """Open connections from that loopback address to the node's mesh port."""
        host, port = self.node.mesh_address.split(":")
        for _ in range(count):
            knocking = self.crowd.enter_context(
                socket.create_connection((host, int(port)), 10, source_address=(source, 0)))
            with contextlib.suppress(ConnectionError):  # shed already
                knocking.sendall(says)
            yield knocking

    def refusals(self, reason):
        for line in request(self.node.admin, "GET", "/metrics")[1].decode().splitlines():
            if line.startswith(f'vidai_mesh_refusals_total{{reason="{reason}"}}'):
                return float(line.split()[-1])
        return self.fail(f"no refusal {reason} among the metrics")

    def told(self, reason):
        """Whom the log names for it."""
        lines = [json.loads(line) for line in self.node.log.read_text().splitlines()]
        return [line["peer"] for line in lines
                if line["event"] == "mesh.peer_refused" and line["what"] == reason]

    def test_half_open_connections_are_bounded_and_end_and_nobody_else_feels_them(self):
        mute = list(self.knock("127.0.0.9", 40))            # 32 of one address, 8 are shed
        half = list(self.knock("127.0.0.10", 40, HALF))     # 32 more fill the strangers' 64
        wait_for(lambda: self.refusals("address_slots") + self.refusals("slots") >= 16, 10,
                 "those beyond the bounds to be shed")
        self.assertGreaterEqual(self.refusals("address_slots"), 8)
        # All strangers' places are taken; an address at which members are has its own.
        self.assertEqual(list(self.mesh.members(self.node).values()), ["alive"] * 3)
        self.assertEqual(chat(self.node.port, self.key)[0], 200)
        first = "{}:{}".format(*mute[32].getsockname())
        self.assertEqual(self.told("address_slots"), [first], "one line, and who it was")
        for one in (*mute, *half):
            one.settimeout(20)
            with contextlib.suppress(ConnectionError):
                self.assertEqual(one.recv(1), b"", "they learn nothing")
        shed = self.refusals("address_slots") + self.refusals("slots")
        wait_for(lambda: self.refusals("late") + shed == len(mute) + len(half), 10,
                 "each place to end at its deadline")
        self.assertIn(self.told("late")[0].split(":")[0], ("127.0.0.9", "127.0.0.10"))
        # Their places are free again, for other strangers too.
        before = self.refusals("late")
        again = list(self.knock("127.0.0.9", 32))
        wait_for(lambda: self.refusals("late") == before + len(again), 20, "places to be reused")
        self.assertEqual(self.refusals("address_slots") + self.refusals("slots"), shed)
        for node in self.nodes:
            self.assertEqual(chat(node.port, self.key)[0], 200, node.id)
            self.assertNotIn('"state":"suspect"', node.log.read_text(), node.id)
        self.mesh.run_ctl("--server", self.node.mesh_address, "mesh", "doctor")


if __name__ == "__main__":
    suite.main()
