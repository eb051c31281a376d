# SPDX-License-Identifier: Apache-2.0
"""What the suites about hard budgets share: a mesh whose provider is asked what it bills."""
import json
import time

import suite
from programs import chat, wait_for


class Money(suite.ThreeNodes):
    def billed(self):
        """What the provider charges for all calls so far, in micro-dollars: its own count."""
        return sum(row["input_tokens"] + row["output_tokens"] * 2
                   for row in self.mock.bill()["rows"])

    def spend_all(self, key, nodes):
        """Asks node after node until each has refused for want of money; how many were served."""
        served, dry = 0, set()
        for turn in range(2000):
            node = nodes[turn % len(nodes)]
            status, body, _ = chat(node.port, key, max_tokens=20)
            if status == 200:
                served += 1
                dry.clear()
                continue
            self.assertIn((status, body["error"]["code"]),
                          ((402, "budget_exhausted"), (429, "budget_busy")), body)
            dry.add(node.name)
            if len(dry) == len(nodes):
                return served
        self.fail("there was no end to it")

    def served_within(self, node, key, seconds):
        """Until it serves again; how long that took."""
        begin = time.monotonic()
        wait_for(lambda: chat(node.port, key, max_tokens=20)[0] == 200, seconds,
                 f"{node.name} to serve")
        return time.monotonic() - begin

    def owner_within(self, node, seconds, budget="team-a"):
        """Who owns it, as soon as anybody does: leases serve on before that."""
        def owner():
            told = self.mesh.run_ctl("--server", node.mesh_address, "-o", "json", "budget", "show",
                                     budget, check=False)
            return json.loads(told.stdout)["owner"] if told.returncode == 0 else None
        return wait_for(owner, seconds, f"{budget} to have an owner")

    def moved_to_custodians(self, budget="team-a"):
        """Waits until two others keep the log of every node; who owns the budget then."""
        def kept():
            text = "".join((node.folder / f"{node.id}.log").read_text() for node in self.nodes)
            return text.count("kept by 2 others") >= 3
        wait_for(kept, 30, "logs to have custodians")
        return self.mesh.ctl("budget", "show", budget)["owner"]
