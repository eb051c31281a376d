#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A rate card on a real node: what it says is what a request costs, each kind of token at its rate;
SIGHUP takes a new one, a broken one is refused with its line, and no node starts with it."""
import json
import subprocess

import suite
from mesh import Mesh, Mock
from programs import chat, request, wait_for

MODELS = """pricing: {{card: {card}}}
providers:
  mock: {{base_url: "http://127.0.0.1:{mock}/v1", api_key: canary-provider-credential}}
models:
  demo: [{{provider: mock, model: mock-model}}]
  own: [{{provider: mock, model: mock-model, price: {{input: 7usd, output: 0usd}}}}]
  nobody: [{{provider: mock, model: unheard-of}}]
"""
CARD = ("card: ours\ndated: 2026-11-26\nprices:\n"
        "  - {provider: mock, model: 'mock-*', input: INPUT, cached_input: 1usd, output: 5usd}\n")
LOG = "log: {level: debug, requests: true, format: json}\n"


class Prices(suite.Suite):
    def setUp(self):
        super().setUp()
        self.card = self.folder / "rates.yaml"
        self.write_card("4usd")
        self.mock = self.use(Mock(suite.BIN, self.folder, "--behaviour",
                                  "input=100,cached=30,tokens=8"))
        config = MODELS.format(mock=self.mock.port, card=self.card)
        self.mesh = self.use(Mesh(suite.BIN, self.folder, config, count=1, node_lines=LOG))
        self.node = self.mesh.nodes[0]
        self.key, self.key_id = self.mesh.create_key("priced", rpm=100000)

    def write_card(self, price):
        self.card.write_text(CARD.replace("INPUT", price))

    def events(self, name):
        lines = [json.loads(l) for l in self.node.log.read_text().splitlines() if l[:1] == "{"]
        return [l for l in lines if l["event"] == name]

    def done(self, model):
        """What the log says of one more request of that model."""
        before = len(self.events("request.done"))
        self.assertEqual(chat(self.node.port, self.key, model)[0], 200)
        wait_for(lambda: len(self.events("request.done")) > before, 10, "its line of the log")
        return self.events("request.done")[-1]

    def reload(self, event):
        before = len(self.events(event))
        self.node.signal(1)
        wait_for(lambda: len(self.events(event)) > before, 10, event)
        return self.events(event)[-1]

    def test_a_card_prices_requests_and_is_taken_anew_or_refused(self):
        loaded = self.events("config.loaded")[0]
        self.assertEqual((loaded["card"], loaded["unpriced"]), ("ours, 2026-11-26", 1))
        self.assertEqual(self.done("demo")["cost_micro_usd"], 4 * 70 + 1 * 30 + 5 * 8)
        self.assertEqual(self.done("own")["cost_micro_usd"], 7 * 100)
        self.assertNotIn("cost_micro_usd", self.done("nobody"), "nobody knows, so nobody says")
        self.assertIn("vidai_unpriced_tokens_total",
                      request(self.node.admin, "GET", "/metrics")[1].decode())
        spend = self.mesh.ctl("limit", "show", self.key_id)["spend"]["own_micro_usd"]
        self.assertEqual(spend, 350 + 700)

        self.write_card("6usd")
        self.assertEqual(self.reload("config.reloaded")["changed"], "pricing.card")
        self.assertEqual(self.done("demo")["cost_micro_usd"], 6 * 70 + 1 * 30 + 5 * 8)

        self.write_card("-1usd")
        rejected = self.reload("config.rejected")
        self.assertEqual(rejected["option"], "pricing.card")
        self.assertIn(f"{self.card}:4: prices[0].input", rejected["error"])
        self.assertEqual(self.done("demo")["cost_micro_usd"], 6 * 70 + 1 * 30 + 5 * 8)

        checked = subprocess.run(
            [suite.BIN / "vidaid", "--check-config", "--config", self.mesh.config],
            capture_output=True, text=True, timeout=30)
        self.assertNotEqual(checked.returncode, 0)
        self.assertIn(f"{self.card}:4: prices[0].input", checked.stderr)


if __name__ == "__main__":
    suite.main()
