#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hard budgets as a client meets them: a key that stands under one which nobody knows is refused on
every node, over a restart too, and no provider is called for it."""
import suite
from programs import chat, request, wait_for


class Budgets(suite.ThreeNodes):
    def metrics(self, node):
        text = request(node.admin, "GET", "/metrics")[1].decode()
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if line[:1] not in ("#", ""))

    def assert_unknown(self, node, key):
        status, body, headers = chat(node.port, key)
        self.assertEqual(status, 402, body)
        error = body["error"]
        self.assertEqual((error["code"], error["type"]), ("budget_unknown", "budget"))
        self.assertEqual((error["budget"], error["reason"]), ("team-a", "unknown"))
        self.assertIn("team-a", error["message"])
        self.assertEqual(headers["x-should-retry"], "false")
        self.assertIsNone(headers["retry-after"])

    def test_absence_is_a_refusal(self):
        key, key_id = self.mesh.create_key("under", budget="team-a,org", rpm=100000)
        free, _ = self.mesh.create_key("free")
        listed = {k["id"]: k["budgets"] for k in self.mesh.ctl("key", "list")["items"]}
        self.assertEqual(listed[key_id], ["team-a", "org"])
        for node in self.nodes:
            self.assert_unknown(node, key)
        self.assertEqual(self.mock.bill()["rows"], [], "no provider was called")
        self.assertEqual(chat(self.nodes[0].port, free)[0], 200, "other keys are not concerned")
        refused = self.metrics(self.nodes[1])['vidai_refusals_total{reason="budget_unknown"}']
        self.assertEqual(float(refused), 1)

        victim = self.nodes[2]
        victim.kill()
        victim.start()
        wait_for(lambda: request(victim.admin, "GET", "/readyz")[0] == 200, 30, "readiness")
        self.assert_unknown(victim, key)


if __name__ == "__main__":
    suite.main()
