#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The record of calls: what a report of the whole mesh says is what the provider has billed, over
kill -9 too."""
import csv
import io
import json

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


if __name__ == "__main__":
    suite.main()
