# SPDX-License-Identifier: Apache-2.0
"""Limits as resources: made on one of three nodes, in force on all, for those that they are for."""
import time

import suite
from programs import chat, wait_for


class Limits(suite.ThreeNodes):
    def statuses(self, key, count, nodes=3):
        """Of requests to one node after the other, at a pace that is part of the bound."""
        statuses = []
        for i in range(count):
            statuses.append(chat(self.nodes[i % nodes].port, key, max_tokens=1)[0])
            time.sleep(0.02)
        return statuses

    def test_a_limit_of_a_team_is_one_limit_for_all_its_keys_on_all_nodes(self):
        first, first_id = self.mesh.create_key("first", team="ml", user="eve")
        second, _ = self.mesh.create_key("second", team="ml", user="bob")
        other, _ = self.mesh.create_key("other", team="web")
        made = self.mesh.ctl("limit", "create", "ml-day", "--scope", "team=ml,model=demo",
                             "--requests", "30/1d", "--wait")
        self.assertEqual(len(made["acknowledged"]), 3)
        statuses = self.statuses(first, 20) + self.statuses(second, 40)
        wait_for(lambda: self.used("ml-day") == statuses.count(200), 10, "all nodes to know all")
        shown = self.mesh.ctl("limit", "show", "ml-day", node=self.nodes[1])
        bound = shown["counters"][0]["bound"]
        self.assertGreaterEqual(statuses.count(200), 30)
        self.assertLessEqual(statuses.count(200), 30 + bound)
        self.assertLess(bound, 30, "a bound that says nothing")
        self.assertEqual(statuses[:20], [200] * 20)
        self.assertEqual(self.statuses(other, 3), [200] * 3)
        status, body, headers = chat(self.nodes[2].port, second, max_tokens=1)
        self.assertEqual(status, 429)
        self.assertIn("the limit 'ml-day' allows 30 requests per day", body["error"]["message"])
        self.assertEqual(headers["x-ratelimit-limit-requests"], "30")
        self.assertEqual(headers["x-ratelimit-remaining-requests"], "0")
        self.assertEqual(self.mesh.ctl("limit", "show", first_id)["limits"], [])

        self.mesh.ctl("limit", "set", "ml-day", "--requests", "1000/1d", "--wait",
                      node=self.nodes[2])
        self.assertEqual(self.statuses(second, 3), [200] * 3)
        self.mesh.ctl("limit", "set", "ml-day", "--requests", "0/1d", "--wait")
        self.assertEqual(self.statuses(first, 3), [429] * 3)
        self.mesh.ctl("limit", "delete", "ml-day", "--wait", node=self.nodes[1])
        self.assertEqual(self.statuses(first, 3), [200] * 3)
        self.assertEqual(self.mesh.ctl("limit", "list")["items"], [])

    def used(self, name, nodes=3):
        return min(sum(c["own"] + c["known"] for c in
                       self.mesh.ctl("limit", "show", name, node=node)["counters"])
                   for node in self.nodes[:nodes])

    def test_each_user_has_a_counter_of_its_own(self):
        keys = [self.mesh.create_key(f"key-{user}", user=user)[0] for user in ("eve", "bob")]
        self.mesh.ctl("limit", "create", "per-user", "--each", "user", "--requests", "5/1d",
                      "--window", "fixed", "--wait")
        for key in keys:
            self.assertEqual(self.statuses(key, 5), [200] * 5)
        wait_for(lambda: self.used("per-user") == 10, 10, "all nodes to know all")
        for key in keys:
            self.assertEqual(self.statuses(key, 3), [429] * 3)
        counters = self.mesh.ctl("limit", "show", "per-user")["counters"]
        self.assertEqual(sorted(c["for"] for c in counters), ["user=bob", "user=eve"])

    def test_limits_survive_kill_9_and_a_side_of_a_split_has_its_share(self):
        key, _ = self.mesh.create_key("kept", project="shop")
        self.mesh.ctl("limit", "create", "shared", "--scope", "project=shop", "--requests",
                      "30/1h", "--mode", "fair_share", "--wait")
        self.nodes[2].kill()

        def allowed(node, amount):
            return self.mesh.ctl("limit", "show", "shared", node=node)["allowed"] == amount
        for node in self.nodes[:2]:
            wait_for(lambda n=node: allowed(n, 20), 30, f"{node.id} to take two thirds")
        statuses = self.statuses(key, 60, nodes=2)
        self.assertGreaterEqual(statuses.count(200), 20)
        wait_for(lambda: self.used("shared", 2) == statuses.count(200), 10, "both to know all")
        bound = self.mesh.ctl("limit", "show", "shared")["counters"][0]["bound"]
        self.assertLessEqual(statuses.count(200), 20 + bound)
        for node in self.nodes[:2]:
            node.kill()
        for node in self.nodes:
            node.start()
        self.mesh.wait_alive(3)
        for node in self.nodes:
            wait_for(lambda n=node: allowed(n, 30), 30, f"{node.id} to have all of it again")

    def test_what_makes_no_sense_is_refused_with_what_to_do(self):
        done = self.mesh.run_ctl("--server", self.nodes[0].mesh_address, "limit", "create", "exact",
                                 "--requests", "5/1m", "--mode", "escrow", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("take optimistic or fair_share", done.stderr)
        self.mesh.ctl("limit", "create", "twice", "--requests", "5/1m")
        done = self.mesh.run_ctl("--server", self.nodes[0].mesh_address, "limit", "create", "twice",
                                 "--requests", "5/1m", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("`vidaictl limit set` changes it", done.stderr)


if __name__ == "__main__":
    suite.main()
