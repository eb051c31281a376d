#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hard budgets as a client meets them: a key that stands under one which nobody knows is refused on
every node, over a restart too, and no provider is called for it."""
import re

import suite
from money import Money
from programs import chat, request, wait_for


class Budgets(Money):
    def metrics(self, node):
        text = request(node.admin, "GET", "/metrics")[1].decode()
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if line[:1] not in ("#", ""))

    def assert_unknown(self, node, key):
        status, body, headers = chat(node.port, key, max_tokens=20)
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

    def test_a_budget_is_one_for_the_whole_mesh_and_is_never_overspent(self):
        key, _ = self.mesh.create_key("under", budget="team-a", rpm=1000000)
        made = self.mesh.ctl("budget", "create", "team-a", "--limit", "0.01usd")
        self.assertEqual((made["limit_micro_usd"], made["left_micro_usd"]), (10000, 10000))
        for node in self.nodes:
            self.assertEqual(chat(node.port, key, max_tokens=20)[0], 200, "in force everywhere")
        served = self.spend_all(key, self.nodes)
        self.assertGreater(served, 10)
        wait_for(lambda: chat(self.nodes[1].port, key, max_tokens=20)[0] == 402, 20, "its end")
        self.assertLessEqual(self.billed(), 10000)
        self.assertGreaterEqual(self.billed(), 9800, "money is left")
        status, body, headers = chat(self.nodes[1].port, key, max_tokens=20)
        self.assertEqual((status, body["error"]["code"]), (402, "budget_exhausted"))
        self.assertEqual(headers["x-should-retry"], "false")
        for node in self.nodes:
            shown = self.mesh.ctl("budget", "show", "team-a", node=node)
            self.assertEqual(shown["limit_micro_usd"], 10000)
            self.assertLess(shown["left_micro_usd"], 200, "less than one request may cost")

        self.mesh.ctl("budget", "set", "team-a", "--limit", "0.02usd", node=self.nodes[2])
        for node in self.nodes:
            self.assertEqual(chat(node.port, key, max_tokens=20)[0], 200, "there is more at once")
        self.assertEqual([b["budget"] for b in self.mesh.ctl("budget", "list")["items"]],
                         ["team-a"])

    def test_the_owner_dies_and_what_it_did_not_spend_has_an_heir(self):
        key, _ = self.mesh.create_key("under", budget="team-a", rpm=1000000)
        self.mesh.ctl("budget", "create", "team-a", "--limit", "0.05usd")
        owner = self.moved_to_custodians()
        for node in self.nodes:
            self.assertEqual(chat(node.port, key, max_tokens=20)[0], 200)
        victim = next(node for node in self.nodes if node.id == owner)
        others = [node for node in self.nodes if node is not victim]
        victim.kill()
        for node in others:
            self.served_within(node, key, 30)
        shown = self.mesh.ctl("budget", "show", "team-a", node=others[0])
        self.assertIn(shown["owner"], [node.id for node in others])
        self.spend_all(key, others)
        self.assertLessEqual(self.billed(), 50000)

        victim.start()
        wait_for(lambda: request(victim.admin, "GET", "/readyz")[0] == 200, 30, "readiness")
        self.spend_all(key, self.nodes)
        self.assertLessEqual(self.billed(), 50000)
        self.assertGreaterEqual(self.billed(), 40000, "a crash strands an eighth at most")

    def test_an_emptied_journal_ends_its_nodes_part_and_others_take_it_over(self):
        key, _ = self.mesh.create_key("under", budget="team-a", rpm=1000000)
        self.mesh.ctl("budget", "create", "team-a", "--limit", "0.05usd")
        owner = self.moved_to_custodians()
        victim = next(node for node in self.nodes if node.id == owner)
        others = [node for node in self.nodes if node is not victim]
        victim.kill()
        (victim.folder / "data" / "ledger" / "journal").write_bytes(b"")
        victim.start()
        self.mesh.wait_alive(3)
        status, body, _ = chat(victim.port, key, max_tokens=20)
        self.assertEqual((status, body["error"].get("reason")), (503, "log_frozen"), body)
        asked = self.mesh.run_ctl("--server", victim.mesh_address, "budget", "list", check=False)
        self.assertEqual(asked.returncode, 4, asked)
        self.assertIn("ask another node", asked.stderr)
        self.assertIn("journal is damaged", asked.stderr)
        shown = self.mesh.run_ctl("--server", others[0].mesh_address, "budget", "show", "team-a",
                                  check=False)
        self.assertIn("nobody in reach owns", shown.stderr)

        def listed():
            told = self.mesh.run_ctl("--server", others[0].mesh_address, "budget", "list",
                                     check=False)
            self.assertNotIn("No budgets yet", told.stderr)
            self.assertEqual(told.returncode, 4, told)
            return re.search(r"Nobody in reach owns [1-9]\d* of 1024 parts", told.stderr)
        wait_for(listed, 10, "the list to tell what it lacks")
        for node in others:  # its node lives, and says nothing of money
            self.served_within(node, key, 40)
        self.assertEqual(chat(victim.port, key, max_tokens=20)[0], 503)
        shown = self.mesh.ctl("budget", "show", "team-a", node=others[0])
        self.assertIn(shown["owner"], [node.id for node in others])
        self.spend_all(key, others)
        self.assertLessEqual(self.billed(), 50000)
        self.assertGreaterEqual(self.billed(), 40000, "a crash strands an eighth at most")


if __name__ == "__main__":
    suite.main()
