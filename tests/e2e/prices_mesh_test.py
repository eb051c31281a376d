#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prices of a whole mesh: a rate card that is applied at one node is what requests cost on all of
them from then on, and says who applied it; it is withdrawn, refused and kept over a restart. Past
calls are priced anew by it, and by what the provider billed."""
import suite
from mesh import Mesh, Mock
from programs import chat, chat_stream, request, wait_for

MODELS = """pricing: {{card: {card}}}
providers:
  mock: {{base_url: "http://127.0.0.1:{mock}/v1", api_key: canary-provider-credential}}
models:
  demo: [{{provider: mock, model: mock-model}}]
  own: [{{provider: mock, model: mock-model, price: {{input: 7usd, output: 7usd}}}}]
  nobody: [{{provider: mock, model: unheard-of}}]
"""
OWN = "card: theirs\nprices:\n  - {provider: mock, model: mock-model, input: 1usd, output: 2usd}\n"
ROW = "  - {{provider: mock, model: mock-model, input: {}, output: {}}}\n"


class PricesOfTheMesh(suite.Suite):
    def setUp(self):
        super().setUp()
        card = self.folder / "own.yaml"
        card.write_text(OWN)
        self.mock = self.use(Mock(suite.BIN, self.folder, "--behaviour", "input=100,tokens=10"))
        self.mesh = self.use(Mesh(suite.BIN, self.folder,
                                  MODELS.format(mock=self.mock.port, card=card)))
        self.nodes = self.mesh.nodes
        self.key, self.key_id = self.mesh.create_key("k")

    def card(self, *rows):
        path = self.folder / "rates.yaml"
        path.write_text("card: ours\nprices:\n" + "".join(rows))
        return path

    def apply(self, *args, node=None):
        return self.mesh.ctl("price", "apply", *args, "--wait", node=node)

    def cost(self, node, model="demo"):
        """What one more request there costs, by the record of calls."""
        status, body, headers = chat(node.port, self.key, model)
        self.assertEqual(status, 200, body)
        shown = self.mesh.ctl("budget", "explain", headers["x-request-id"])
        return shown["calls"][0]["cost_micro_usd"]

    def test_a_card_applied_at_one_node_holds_on_all_and_is_withdrawn(self):
        self.assertEqual([self.cost(n) for n in self.nodes], [120] * 3)
        self.assertIsNone(self.cost(self.nodes[0], "nobody"))

        card = self.card(ROW.format("3usd", "5usd"))
        dry = self.mesh.ctl("price", "apply", str(card), "--dry-run")
        self.assertIn(("input", "1usd", "3usd"),
                      [(i["what"], i["before"], i["after"]) for i in dry["items"]])
        self.assertEqual(self.mesh.ctl("price", "history")["items"], [], "nothing was applied")

        done = self.apply(str(card), node=self.nodes[1])
        self.assertEqual((done["version"], done["by"]), (1, "admin"))
        self.assertEqual(len(done["acknowledged"]), 3)
        self.assertEqual([self.cost(n) for n in self.nodes], [350] * 3, "at once, on all")
        self.assertEqual(self.cost(self.nodes[2], "own"), 770, "a target's own price stays")
        shown = self.mesh.ctl("price", "show", "mock-model", node=self.nodes[2])["items"]
        self.assertEqual([(i["source"], i["input"]) for i in shown], [("applied 1", 3_000_000)])

        nobody = "  - {provider: '*', model: '*', ceiling: true, input: 100usd, output: 100usd}\n"
        self.apply(str(self.card(nobody)))
        self.assertEqual(self.cost(self.nodes[1]), 120, "the nodes' own card has it")
        self.assertEqual(self.cost(self.nodes[1], "nobody"), 11_000, "by the ceiling")

        withdrawn = self.apply("--none")
        self.assertEqual(withdrawn["version"], 3)
        self.assertEqual([self.cost(n) for n in self.nodes], [120] * 3)
        versions = self.mesh.ctl("price", "history", node=self.nodes[2])["items"]
        self.assertEqual([(v["version"], v["in_force"], v["prices"]) for v in versions],
                         [(3, True, 0), (2, False, 1), (1, False, 1)])
        said = self.mesh.ctl("price", "history", "mock-model")["items"]
        self.assertEqual([(s["version"], s["input"]) for s in said],
                         [(2, 100_000_000), (1, 3_000_000)])

    def test_a_wrong_card_is_refused_and_nothing_changes(self):
        off = self.card(ROW.format("300000usd", "5usd"))
        for args in (("price", "check", str(off)), ("price", "apply", str(off))):
            refused = self.mesh.run_ctl("--server", self.nodes[0].mesh_address, *args, check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("rates.yaml:3: prices[0]: input is 300000usd per million",
                          refused.stderr)
        self.assertEqual(self.mesh.ctl("price", "history")["items"], [])
        self.assertEqual(self.cost(self.nodes[0]), 120)

    def test_a_card_outlives_kill_9_and_reaches_who_was_away(self):
        away, other = self.nodes[1], self.nodes[2]
        away.stop()
        self.mesh.wait_status(self.nodes[0], away.id, ("left",))
        self.apply(str(self.card(ROW.format("3usd", "5usd"))))
        other.kill()
        for node in (away, other):
            node.start()
            wait_for(lambda n=node: request(n.admin, "GET", "/readyz")[0] == 200, 30, "readiness")
        self.assertEqual([self.cost(n) for n in self.nodes], [350] * 3)
        other.signal(1)
        wait_for(lambda: '"config.reloaded"' in other.log.read_text()
                 or "config.reloaded" in other.log.read_text(), 10, "the reload")
        self.assertEqual(self.cost(other), 350, "a reload takes nothing back")


    def test_what_was_charged_under_a_budget_is_what_it_would_be_charged_again(self):
        self.apply(str(self.card("  - {provider: mock, model: mock-model, input: 3usd, "
            "output: 5usd, context_window: 1000, output_max: 500, flex: 50%, priority: 175%}\n")))
        self.mesh.ctl("budget", "create", "team", "--limit", "5usd")
        key = self.mesh.ctl("key", "create", "--name", "b", "--budget", "team")["secret"]
        port = self.nodes[0].port
        for tier in ("auto", "flex", "priority"):
            self.assertEqual(chat(port, key, max_tokens=20, service_tier=tier)[0], 200)
            self.assertTrue(list(chat_stream(port, key, max_tokens=20, service_tier=tier)))
        self.assertEqual(self.total()["events"], 6)
        self.assertEqual(self.mesh.ctl("price", "heal", "--since", "1h")["items"], [])

        status, body, _ = chat(port, key, "nobody", max_tokens=20)
        self.assertEqual((status, body["error"]["code"]), (402, "price_unknown"))
        self.apply(str(self.card("  - {provider: '*', model: '*', ceiling: true, input: 50usd, "
                                 "output: 200usd, context_window: 1000, output_max: 500}\n")))
        status, _, headers = chat(port, key, "nobody", max_tokens=20)
        self.assertEqual(status, 200)
        call, = self.mesh.ctl("budget", "explain", headers["x-request-id"])["calls"]
        self.assertEqual((call["priced_by"], call["cost_micro_usd"], call["charged_micro_usd"]),
                         ("ceiling", 7_000, 7_000))
        self.assertEqual(self.total()["estimated_micro_usd"], 7_000)

    def total(self, *args):
        return self.mesh.ctl("usage", "report", *args)["total"]

    def test_past_calls_are_priced_anew_once_and_by_bills(self):
        for node in self.nodes:
            self.assertEqual(self.cost(node), 120)
        status, _, headers = chat(self.nodes[0].port, self.key, "nobody")
        self.assertEqual(status, 200)
        before = self.total()
        self.assertEqual((before["events"], before["cost_micro_usd"], before["unpriced"]),
                         (4, 360, 1))
        heal = ("price", "heal", "--since", "1h")
        self.assertEqual(self.mesh.ctl(*heal)["items"], [], "at the same prices")

        self.apply(str(self.card(
            ROW.format("3usd", "5usd"),
            "  - {provider: mock, model: unheard-of, input: 1usd, output: 1usd}\n")))
        dry = self.mesh.ctl(*heal, "--dry-run")["items"]
        self.assertEqual(sum(i["corrected"] for i in dry), 4)
        self.assertEqual(self.total(), before, "nothing was changed")
        healed = self.mesh.ctl(*heal)["items"]
        self.assertEqual(sum(i["after_micro_usd"] for i in healed), 3 * 350 + 110)
        for _ in range(2):
            after = self.total()
            self.assertEqual((after["events"], after["cost_micro_usd"], after["unpriced"],
                              after["input_tokens"]), (4, 1160, 0, before["input_tokens"]))
            self.assertEqual(after["corrected_micro_usd"], 800)
            self.assertEqual(self.mesh.ctl(*heal)["items"], [], "twice does nothing more")
        self.assertEqual(self.total("--until", "1h")["cost_micro_usd"], 0)

        request_id = headers["x-request-id"]
        bill = self.folder / "bill.csv"
        bill.write_text(f"request,cost_usd\n{request_id},0.00005\n")
        reconcile = ("budget", "reconcile", str(bill), "--provider", "mock")
        run = self.mesh.run_ctl("--server", self.nodes[1].mesh_address, *reconcile, check=False)
        self.assertEqual(run.returncode, 6, run.stderr)
        self.assertIn("billed less", run.stdout)
        self.assertEqual(run.stdout.count("not billed"), 3)
        run = self.mesh.run_ctl("--server", self.nodes[1].mesh_address, *reconcile, "--apply",
                                check=False)
        self.assertEqual(run.returncode, 6, "the other three are left")
        self.assertEqual(self.total()["cost_micro_usd"], 3 * 350 + 50)
        self.assertEqual(self.mesh.ctl(*heal)["items"], [], "a bill has the last word")
        shown = self.mesh.ctl("budget", "explain", request_id)
        self.assertEqual(shown["cost_micro_usd"], 50)
        self.assertEqual([c["cost_micro_usd"] for c in shown["calls"]], [None, 110, -60])
        self.assertEqual(self.mesh.ctl(*reconcile, "--apply", "--complete")["corrected"], 3)
        self.assertEqual(self.total()["cost_micro_usd"], 50)

        victim = self.nodes[0]
        victim.kill()
        victim.start()
        wait_for(lambda: request(victim.admin, "GET", "/readyz")[0] == 200, 30, "readiness")
        self.mesh.wait_alive(3)
        self.assertEqual(self.total()["cost_micro_usd"], 50, "corrections outlive kill -9")


if __name__ == "__main__":
    suite.main()
