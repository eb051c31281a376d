#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hard budgets as a client meets them: a key that stands under one which nobody knows is refused on
every node, over a restart too, and no provider is called for it."""
import http.server
import json
import re
import threading

import suite
from money import Money
from programs import chat, request, wait_for


class Hook:
    """Somebody who is told of thresholds: what was posted, and where."""

    def __enter__(self):
        said = self.said = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["content-length"])
                said.append((self.path, json.loads(self.rfile.read(length))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


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

    def audit(self, node):
        return self.mesh.run_ctl("--server", node.mesh_address, "budget", "audit", check=False)

    def assert_conserved(self, budget):
        """By the nodes' own books, which agree with the provider's bill."""
        audit = self.mesh.ctl("budget", "audit", budget)
        self.assertEqual(audit["worst"], "ok", audit)
        (found,) = [item for item in audit["items"] if item["budget"] == budget]
        in_use = found["activated_micro_usd"] - found["returned_micro_usd"]
        self.assertLessEqual(found["spent_micro_usd"], self.billed())
        self.assertLessEqual(self.billed(), in_use, "money was spent that no log has")
        self.assertLessEqual(in_use, found["limit_micro_usd"])

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
        self.assert_conserved("team-a")
        for node in self.nodes:
            shown = self.mesh.ctl("budget", "show", "team-a", node=node)
            self.assertEqual(shown["limit_micro_usd"], 10000)
            self.assertLess(shown["left_micro_usd"], 200, "less than one request may cost")

        self.mesh.ctl("budget", "set", "team-a", "--limit", "0.02usd", node=self.nodes[2])
        for node in self.nodes:
            self.assertEqual(chat(node.port, key, max_tokens=20)[0], 200, "there is more at once")
        self.assertEqual([b["budget"] for b in self.mesh.ctl("budget", "list")["items"]],
                         ["team-a"])

    def test_a_budget_is_observed_before_it_is_enforced(self):
        key, _ = self.mesh.create_key("under", budget="team-a", rpm=1000000)
        made = self.mesh.ctl("budget", "create", "team-a", "--limit", "0.002usd", "--observe")
        self.assertFalse(made["enforced"])
        for node in self.nodes:  # that has not heard of it from its owner cannot know
            self.served_within(node, key, 20)
        while self.billed() < 4000:
            for node in self.nodes:
                status, body, _ = chat(node.port, key, max_tokens=20)
                self.assertEqual(status, 200, body)
        self.assertEqual(self.mesh.ctl("budget", "list")["items"][0]["enforced"], False)

        def counted():
            return sum(float(value) for node in self.nodes
                       for name, value in self.metrics(node).items()
                       if name.startswith("vidai_budget_would_refuse_total"))
        self.assertGreater(counted(), 5)
        wait_for(lambda: self.mesh.ctl("budget", "show", "team-a")["would_refuse"] == counted(),
                 20, "the owner to hear of all")

        self.mesh.ctl("budget", "set", "team-a", "--enforce", node=self.nodes[1])
        for node in self.nodes:
            wait_for(lambda n=node: chat(n.port, key, max_tokens=20)[0] == 402, 10, "its refusal")
        before = self.billed()
        self.spend_all(key, self.nodes)
        self.assertEqual(self.billed(), before)
        self.mesh.ctl("budget", "set", "team-a", "--observe")
        for node in self.nodes:
            self.served_within(node, key, 10)

    def test_a_top_up_is_there_for_a_while(self):
        key, _ = self.mesh.create_key("under", budget="team-a", rpm=1000000)
        self.mesh.ctl("budget", "create", "team-a", "--limit", "0.002usd")
        self.spend_all(key, self.nodes)
        wait_for(lambda: chat(self.nodes[1].port, key, max_tokens=20)[0] == 402, 20, "its end")
        def refused(*words):
            told = self.mesh.run_ctl("--server", self.nodes[0].mesh_address, "budget", "top-up",
                                     "team-a", *words, check=False)
            self.assertNotEqual(told.returncode, 0, told)
            return told.stderr
        self.assertIn("it has no windows, so say how long", refused("0.002usd"))
        made = self.mesh.ctl("budget", "top-up", "team-a", "0.002usd", "--until", "1h",
                             "--note", "the fair", "--id", "fair", node=self.nodes[2])
        self.assertEqual((made["limit_micro_usd"], made["in_force_micro_usd"]), (2000, 4000))
        self.assertEqual([(t["id"], t["note"]) for t in made["top_ups"]], [("fair", "the fair")])
        self.assertIn("fair", refused("0.002usd", "--until", "1h", "--id", "fair"), "once")
        for node in self.nodes:
            self.assertEqual(chat(node.port, key, max_tokens=20)[0], 200, "there is more at once")
        self.spend_all(key, self.nodes)
        wait_for(lambda: chat(self.nodes[1].port, key, max_tokens=20)[0] == 402, 20, "its end")
        self.assertLessEqual(self.billed(), 4000)
        self.assertGreaterEqual(self.billed(), 3800, "money is left")
        self.assert_conserved("team-a")
        exported = self.mesh.run_ctl("--server", self.nodes[0].mesh_address, "budget",
                                     "export")
        self.assertIn("limit: 0.002usd", exported)

        ended = self.mesh.ctl("budget", "top-up", "team-a", "--end", "fair")
        self.assertEqual((ended["in_force_micro_usd"], ended["top_ups"]), (2000, []))
        self.mesh.ctl("budget", "set", "team-a", "--limit", "0.003usd")
        self.assertEqual(chat(self.nodes[0].port, key, max_tokens=20)[0], 402,
                         "what was spent of it stays spent")
        soon = self.mesh.ctl("budget", "top-up", "team-a", "0.01usd", "--until", "3s")
        self.assertEqual(len(soon["top_ups"][0]["id"]), 8)
        wait_for(lambda: not self.mesh.ctl("budget", "show", "team-a")["top_ups"], 20, "its end")
        wait_for(lambda: chat(self.nodes[1].port, key, max_tokens=20)[0] == 402, 20, "its end")

    def test_a_threshold_is_told_of_once_in_the_whole_mesh(self):
        with Hook() as hook:
            for node in self.nodes:
                node.stop()
                node.env["VIDAI_BUDGETS_WEBHOOK"] = f"http://127.0.0.1:{hook.port}/t0ken?x=1"
            for node in self.nodes:
                node.start()
            self.mesh.wait_alive(3)
            key, _ = self.mesh.create_key("under", budget="team-a", rpm=1000000)
            self.mesh.ctl("budget", "create", "team-a", "--limit", "0.01usd",
                          "--alert", "50%,100%")
            self.spend_all(key, self.nodes)
            wait_for(lambda: len(hook.said) >= 2, 30, "both thresholds")
            owner = self.mesh.ctl("budget", "show", "team-a")
            self.assertEqual(owner["alerted_percent"], 100)
            self.spend_all(key, self.nodes)
            said = [(path, body["event"], body["budget"], body["percent"])
                    for path, body in hook.said]
            self.assertEqual(said, [("/t0ken?x=1", "budget.threshold", "team-a", percent)
                                    for percent in (50, 100)])
        logs = [(node.folder / f"{node.id}.log").read_text() for node in self.nodes]
        self.assertEqual(sum(log.count('"budget.threshold"') for log in logs), 2)
        self.assertFalse(any("t0ken" in log for log in logs), "it is a secret")

    def test_definitions_are_a_file(self):
        for name, *flags in (("team-a", "--window", "month"), ("team-b", "--observe")):
            self.mesh.ctl("budget", "create", name, "--limit", "0.01usd", *flags)
        key, _ = self.mesh.create_key("under", budget="team-a")
        self.assertEqual(chat(self.nodes[0].port, key, max_tokens=20)[0], 200)
        text = self.mesh.run_ctl("--server", self.nodes[1].mesh_address, "budget", "export")
        path = self.folder / "budgets.yaml"
        path.write_text(text)
        self.assertEqual(self.mesh.ctl("budget", "import", str(path))["items"], [])

        path.write_text(text.replace("limit: 0.01usd", "limit: 0.02usd", 1)
                        + '  - name: "team-c"\n    limit: 1usd\n')
        wanted = [("set", "team-a", "limit"), ("create", "team-c", "limit")]
        for flags in (["--dry-run"], []):
            done = self.mesh.ctl("budget", "import", str(path), *flags, node=self.nodes[2])
            self.assertEqual([(i["change"], i["budget"], i["what"]) for i in done["items"]], wanted)
        self.assertEqual(self.mesh.ctl("budget", "import", str(path))["items"], [])
        shown = self.mesh.ctl("budget", "show", "team-a")
        self.assertEqual(shown["limit_micro_usd"], 20000)
        self.assertGreaterEqual(shown["in_use_micro_usd"], self.billed(), "spent stays spent")

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
        self.assertIn(self.owner_within(others[0], 30), [node.id for node in others])
        self.spend_all(key, others)
        self.assertLessEqual(self.billed(), 50000)
        audit = self.audit(others[0])
        self.assertEqual(audit.returncode, 6, audit.stdout + audit.stderr)
        self.assertIn("in doubt  team-a", audit.stdout)
        self.assertIn(f"team-a: {victim.id} was not heard (dead for ", audit.stderr)

        victim.start()
        wait_for(lambda: request(victim.admin, "GET", "/readyz")[0] == 200, 30, "readiness")
        self.spend_all(key, self.nodes)
        wait_for(lambda: self.audit(victim).returncode == 0, 20, "the money to be beyond doubt")
        self.assert_conserved("team-a")
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
