#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The journal of hard budgets over a long time, made short by small logs: logs go on in next ones,
what nobody needs any more is left out of memory and disk, and nothing of it is spent twice, through
kill -9 of one node and of all."""
import json

import suite
from mesh import Mesh, Mock
from money import Money
from programs import chat, request, wait_for

BUDGETS = 60
LOG_KIB = 64


class BudgetJournal(Money):
    def setUp(self):
        suite.Suite.setUp(self)
        self.mock = self.use(Mock(suite.BIN, self.folder))
        models = suite.MODELS.format(mock=self.mock.port)
        self.mesh = self.use(Mesh(suite.BIN, self.folder, models,
                                  node_lines=f"budgets: {{log_bytes: {LOG_KIB}KiB}}\n"))
        self.nodes = self.mesh.nodes

    def metric(self, node, name):
        text = request(node.admin, "GET", "/metrics")[1].decode()
        return next(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                    if line.startswith(f"{name} "))

    def rewrites(self):
        return sum(self.metric(node, "vidai_budget_journal_rewrites_total") for node in self.nodes)

    def call_each(self, keys):
        """A request under each budget; what it does not need goes back to the owner."""
        for turn, key in enumerate(keys):
            node = self.nodes[turn % len(self.nodes)]
            wait_for(lambda n=node, k=key: chat(n.port, k, max_tokens=20)[0] == 200, 20, "a call")

    def ready(self, node):
        wait_for(lambda: request(node.admin, "GET", "/readyz")[0] == 200, 30, "readiness")

    def test_it_stays_small_and_loses_nothing(self):
        names = [f"team-{i}" for i in range(BUDGETS)]
        for name in names:
            self.mesh.ctl("budget", "create", name, "--limit", "1usd")
        keys = [self.mesh.create_key(name, budget=name, rpm=1000000)[0] for name in names]
        self.mesh.ctl("budget", "create", "small", "--limit", "0.02usd")
        small, _ = self.mesh.create_key("small", budget="small", rpm=1000000)
        self.moved_to_custodians("small")
        before = self.billed()
        for node in self.nodes:
            self.assertEqual(chat(node.port, small, max_tokens=20)[0], 200)
        spent = self.billed() - before

        def long_enough():
            self.call_each(keys)
            return self.rewrites() >= 2
        wait_for(long_enough, 150, "journals to be rewritten")
        self.nodes[0].kill()
        self.nodes[0].start()
        self.ready(self.nodes[0])
        self.call_each(keys)
        for node in self.nodes:
            node.kill()
        for node in self.nodes:
            node.start()
        self.mesh.wait_alive(3)
        self.call_each(keys)
        before = self.billed()
        self.spend_all(small, self.nodes)
        spent += self.billed() - before
        self.assertLessEqual(spent, 20_000)
        self.assertGreaterEqual(spent, 14_000, "two crashes strand an eighth each at most")

        for node in self.nodes:
            self.assertEqual(node.stop(), 0)
            told = json.loads(self.mesh.run_ctl("-o", "json", "log", "verify",
                                                str(node.folder / "data")))
            self.assertLessEqual(told["bytes"], 20 * LOG_KIB * 1024, told)
            self.assertFalse((node.folder / "data" / "ledger" / "journal.new").exists())


if __name__ == "__main__":
    suite.main()
