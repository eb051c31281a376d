#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The record of calls: what a report of the whole mesh says is what the provider has billed, over
kill -9 too."""
import csv
import io
import json
import shutil

import suite
from money import Money
from programs import chat, request, wait_for


class Usage(Money):
    def report(self, *args, node=None):
        return self.mesh.ctl("usage", "report", *args, node=node)

    def rows(self, field, *args):
        return {item["by"][field]: item for item in self.report("--by", field, *args)["items"]}

    def test_a_report_of_the_mesh_is_what_the_provider_billed(self):
        blue, blue_id = self.mesh.create_key("blue", team="blue", user="ann")
        red, _ = self.mesh.create_key("red", team="red")
        for count, node in enumerate(self.nodes, start=1):
            for _ in range(count):
                self.assertEqual(chat(node.port, blue, max_tokens=20)[0], 200)
        self.assertEqual(chat(self.nodes[0].port, red, max_tokens=20)[0], 200)
        self.assertEqual(chat(self.nodes[0].port, "sk-vidai-unknown", max_tokens=20)[0], 401)

        for node in self.nodes:
            report = self.report("--by", "team", node=node)
            self.assertEqual(report["total"]["events"], 7, "whoever is asked")
            self.assertEqual(len(report["sources"]), 3)
        teams = self.rows("team")
        self.assertEqual({name: row["events"] for name, row in teams.items()},
                         {"blue": 6, "red": 1})
        self.assertEqual(sum(row["cost_micro_usd"] for row in teams.values()), self.billed())
        self.assertEqual(teams["blue"]["unpriced"], 0)
        self.assertEqual(set(self.rows("user")), {"ann", ""})
        self.assertIn(blue_id, self.rows("key"))
        self.assertEqual(set(self.rows("model")), {"demo"})
        self.assertEqual(set(self.rows("target")), {"mock-model"})
        self.assertEqual(self.report("--until", "1h")["total"]["events"], 0)
        self.assertEqual(self.report("--since", "1h")["total"]["events"], 7)

        lines = self.mesh.run_ctl("--server", self.nodes[1].mesh_address, "usage", "export")
        events = [json.loads(line) for line in lines.splitlines()]
        self.assertEqual(len({(e["origin"], e["number"]) for e in events}), 7)
        self.assertEqual(sum(e["cost_micro_usd"] for e in events), self.billed())
        shown = self.mesh.ctl("budget", "explain", events[0]["request"])
        self.assertEqual(shown["calls"], [events[0]])

        text = self.mesh.run_ctl("--server", self.nodes[0].mesh_address, "-o", "csv", "usage",
                                 "report", "--by", "team,model")
        table = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual([(r["TEAM"], r["MODEL"], r["CALLS"]) for r in table],
                         [("blue", "demo", "6"), ("red", "demo", "1"), ("(total)", "", "7")])

    def test_what_was_reported_outlives_kill_9_and_what_comes_then_is_added(self):
        key, _ = self.mesh.create_key("k")
        victim = self.nodes[1]
        for _ in range(5):
            self.assertEqual(chat(victim.port, key, max_tokens=20)[0], 200)
        before = self.report()
        self.assertEqual(before["total"]["events"], 5)
        victim.kill()
        gone = self.mesh.run_ctl("--server", self.nodes[0].mesh_address, "usage", "report",
                                 check=False)
        self.assertEqual(gone.returncode, 4, "a node did not answer")
        self.assertIn(victim.id, gone.stderr)
        victim.start()
        wait_for(lambda: request(victim.admin, "GET", "/readyz")[0] == 200, 30, "readiness")
        after = self.report()
        self.assertEqual(after["total"], before["total"])
        self.assertEqual(chat(victim.port, key, max_tokens=20)[0], 200)
        self.assertEqual(self.report()["total"]["events"], 6)
        self.assertEqual(self.report()["total"]["cost_micro_usd"], self.billed())

    def total(self, node=None, status=0):
        """The totals of a report, which is to exit with that; and what it says beside them."""
        done = self.mesh.run_ctl("--server", (node or self.nodes[0]).mesh_address, "-o", "json",
                                 "usage", "report", check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(done.stdout), done.stderr

    def settled(self):
        """Waits until each node's calls lie at another one too; the report of then."""
        def done():
            report = self.total()[0]
            return report if all(s["in_doubt"] == 0 for s in report["sources"]) else None
        return wait_for(done, 60, "all calls to be settled")

    def test_settled_calls_outlive_a_node_and_its_volume(self):
        key, _ = self.mesh.create_key("k")
        victim = self.nodes[1]
        for _ in range(3):
            for node in self.nodes:
                for _ in range(10):
                    self.assertEqual(chat(node.port, key, max_tokens=20)[0], 200)
        before = self.settled()["total"]
        self.assertEqual(before["events"], 90)
        self.assertEqual(before["cost_micro_usd"], self.billed())

        victim.kill()
        shutil.rmtree(victim.folder / "data")
        for node in (self.nodes[0], self.nodes[2]):
            report, told = self.total(node, status=4)
            self.assertEqual(report["total"], before, "each once, whoever is asked")
            self.assertIn(f"{victim.id} made are not in it but for those that others have", told)
        lines = self.mesh.run_ctl("--server", self.nodes[0].mesh_address, "usage", "export",
                                  check=False).stdout.splitlines()
        events = [json.loads(line) for line in lines]
        self.assertEqual(len({(e["origin"], e["number"]) for e in events}), 90)
        self.assertEqual(len(events), 90)
        self.assertEqual(sum(e["node"] == victim.id for e in events), 30)

        self.mesh.wait_status(self.nodes[0], victim.id, ("dead",))
        self.mesh.ctl("node", "forget", victim.id)
        report, _ = self.total()
        self.assertEqual(report["total"], before, "what others have of it stays")

        # The other two settle what the dead one had kept for them.
        self.assertEqual(chat(self.nodes[0].port, key, max_tokens=20)[0], 200)
        after = self.settled()["total"]
        self.assertEqual(after["events"], 91)
        self.assertEqual(after["cost_micro_usd"], self.billed())

    def test_copies_are_not_counted_twice_when_nodes_come_back(self):
        key, _ = self.mesh.create_key("k")
        for node in self.nodes:
            for _ in range(5):
                self.assertEqual(chat(node.port, key, max_tokens=20)[0], 200)
        before = self.settled()["total"]
        for node in self.nodes:
            node.kill()
            node.start()
            wait_for(lambda n=node: request(n.admin, "GET", "/readyz")[0] == 200, 30, "readiness")
            self.assertEqual(chat(node.port, key, max_tokens=20)[0], 200)
        self.mesh.wait_alive(3)
        after = self.settled()["total"]
        self.assertEqual(after["events"], before["events"] + 3)
        self.assertEqual(after["cost_micro_usd"], self.billed())

    def test_a_volume_whose_ledger_was_moved_away_keeps_its_earlier_calls(self):
        key, _ = self.mesh.create_key("k")
        victim = self.nodes[2]
        for _ in range(5):
            self.assertEqual(chat(victim.port, key, max_tokens=20)[0], 200)
        before = self.settled()["total"]
        victim.stop()
        shutil.move(victim.folder / "data" / "ledger", self.folder / "ledger")
        for node in self.nodes[:2]:  # so that nobody has copies
            node.stop()
            for folder in (node.folder / "data" / "usage").iterdir():
                shutil.rmtree(folder)
        for node in self.nodes:
            node.start()
            wait_for(lambda n=node: request(n.admin, "GET", "/readyz")[0] == 200, 30, "readiness")
        self.mesh.wait_alive(3)
        self.assertEqual(self.total()[0]["total"], before)
        self.assertEqual(chat(victim.port, key, max_tokens=20)[0], 200)
        self.assertEqual(self.total()[0]["total"]["events"], 6)
        self.assertEqual(self.total()[0]["total"]["cost_micro_usd"], self.billed())

    def test_a_damaged_record_costs_itself_alone(self):
        key, _ = self.mesh.create_key("k")
        victim = self.nodes[0]
        for _ in range(5):
            self.assertEqual(chat(victim.port, key, max_tokens=20)[0], 200)
            self.settled()  # a record each
        victim.stop()
        file, = (f for folder in (victim.folder / "data" / "usage").iterdir()
                 for f in folder.glob("*1.usage") if not (folder / "about").exists())
        content = bytearray(file.read_bytes())
        content[(3 * 4096 + len(content)) // 2] ^= 1
        file.write_bytes(content)
        victim.start()
        wait_for(lambda: request(victim.admin, "GET", "/readyz")[0] == 200, 30, "readiness")
        self.mesh.wait_alive(3)
        report, told = self.total(status=4)
        self.assertEqual(report["total"]["events"], 4)
        self.assertIn("bytes of it are passed over", told)


if __name__ == "__main__":
    suite.main()
