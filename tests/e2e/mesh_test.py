# SPDX-License-Identifier: Apache-2.0
"""Three nodes: they find each other, share keys and limits, notice a death, let one leave, and
keep their keys when all of them were down."""
import time

import suite
from programs import chat, request, wait_for


class ThreeNodes(suite.ThreeNodes):
    def test_a_key_made_on_one_works_on_all_and_its_revocation_too(self):
        key, key_id = self.mesh.create_key("shared")
        for node in self.nodes:
            self.assertEqual(chat(node.port, key)[0], 200, node.id)
        self.mesh.ctl("key", "revoke", key_id, node=self.nodes[2])
        for node in self.nodes:
            wait_for(lambda n=node: chat(n.port, key)[0] == 401, 10, f"{node.id} to refuse it")

    def test_a_limit_is_one_limit_within_its_published_bound(self):
        limit, pace = 30, 0.02
        key, key_id = self.mesh.create_key("limited", rpm=limit)
        left = 60 - time.time() % 60
        if left < 12:
            time.sleep(left + 0.2)  # one window must hold the run
        statuses = []
        for i in range(60):
            statuses.append(chat(self.nodes[i % 3].port, key, max_tokens=1)[0])
            time.sleep(pace)  # the pace is part of the bound
        self.assertEqual(set(statuses), {200, 429})
        report = self.mesh.ctl("limit", "show", key_id)["limits"][0]
        self.assertEqual(report["nodes"], 3)
        self.assertGreaterEqual(statuses.count(200), limit)
        self.assertLessEqual(statuses.count(200), limit + report["bound"])
        self.assertLess(report["bound"], 2 * limit, "a bound that says nothing")

    def test_a_node_gets_a_new_key_and_the_old_one_is_revoked(self):
        key, _ = self.mesh.create_key("rotation")
        node = self.nodes[1]
        before = self.mesh.ctl("node", "show", node.id)
        done = self.mesh.ctl("mesh", "rotate", "node", node.id)
        self.assertEqual(done["old_key_fingerprint"], before["key_fingerprint"])

        def known_to(other):
            shown = self.mesh.ctl("node", "show", node.id, node=other)
            return shown["key_fingerprint"] == done["key_fingerprint"]
        for other in self.nodes:
            wait_for(lambda n=other: known_to(n), 10, f"{other.id} to know the new key")
            refused = request(other.admin, "GET", "/metrics")[1].decode()
            for taken in ("same_node_id", "key_conflict"):
                self.assertIn(f'vidai_mesh_refusals_total{{reason="{taken}"}} 0\n', refused)
        self.mesh.ctl("mesh", "revoke", "--key", done["old_key"], "--wait")
        self.mesh.wait_alive(3)
        node.kill()
        node.start()
        self.mesh.wait_alive(3)
        self.assertTrue(known_to(self.nodes[0]))
        for other in self.nodes:
            self.assertEqual(chat(other.port, key)[0], 200, other.id)

    def test_a_crash_is_seen_by_the_others_whose_requests_go_on(self):
        key, _ = self.mesh.create_key("crash")
        victim, watchers = self.nodes[2], self.nodes[:2]
        victim.kill()
        began = time.monotonic()
        seen = {}
        while len(seen) < 2 and time.monotonic() - began < 20:
            for node in watchers:
                self.assertEqual(chat(node.port, key, max_tokens=1)[0], 200)
                if self.mesh.members(node).get(victim.id) == "dead":
                    seen.setdefault(node.id, time.monotonic() - began)
        self.assertEqual(len(seen), 2, "the death was not seen within 20 s")
        print(f"kill -9 seen by both after {max(seen.values()):.2f} s")
        victim.start()
        self.mesh.wait_alive(3)
        self.assertEqual(chat(victim.port, key)[0], 200)
        member = next(m for m in self.mesh.ctl("mesh", "members")["items"] if m["id"] == victim.id)
        self.assertEqual(member["generation"], 2)

    def test_a_node_that_is_stopped_has_left_and_is_not_dead(self):
        leaver = self.nodes[1]
        self.assertEqual(leaver.stop(), 0)
        for node in (self.nodes[0], self.nodes[2]):
            self.mesh.wait_status(node, leaver.id, ("left",))

    def test_keys_survive_the_restart_of_all_nodes(self):
        key, key_id = self.mesh.create_key("kept", rpm=50, models="demo")
        gone, gone_id = self.mesh.create_key("gone")
        self.mesh.ctl("key", "revoke", gone_id)
        for node in self.nodes:
            wait_for(lambda n=node: chat(n.port, gone)[0] == 401, 10, "the revocation")
        for node in self.nodes:
            self.assertEqual(node.stop(), 0)
        for node in self.nodes:
            node.start()
        self.mesh.wait_alive(3)
        for node in self.nodes:
            self.assertEqual(chat(node.port, key)[0], 200, node.id)
            self.assertEqual(chat(node.port, gone)[0], 401, node.id)
        listed = {k["id"]: k for k in self.mesh.ctl("key", "list")["items"]}
        self.assertEqual(listed[key_id]["limits"]["requests_per_minute"], 50)

    def test_keys_survive_even_kill_9_of_all_nodes(self):
        key, key_id = self.mesh.create_key("kept")
        for node in self.nodes:
            state = node.folder / "data"
            wait_for(lambda s=state: any(key_id.encode() in f.read_bytes()
                                         for f in s.iterdir() if f.is_file()),
                     10, f"{node.id} to save the key")
        for node in self.nodes:
            node.kill()
        for node in self.nodes:
            node.start()
        self.mesh.wait_alive(3)
        for node in self.nodes:
            self.assertEqual(chat(node.port, key)[0], 200, node.id)

    def test_each_node_tells_of_the_mesh_in_its_metrics(self):
        def told(node):
            text = request(node.admin, "GET", "/metrics")[1].decode()
            return 'vidai_mesh_members{status="alive"} 3\n' in text
        for node in self.nodes:  # mesh metrics are gathered once a second
            wait_for(lambda n=node: told(n), 10, f"{node.id} to count three members")


if __name__ == "__main__":
    suite.main()
