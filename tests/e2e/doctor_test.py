# SPDX-License-Identifier: Apache-2.0
"""`vidaictl mesh doctor` on three real nodes: well, one stopped, one killed, well again."""
import json
import shutil
import signal

import suite
from programs import Failed, chat, request, wait_for

WRONG = 6  # the exit status of "something is wrong"


class Doctor(suite.ThreeNodes):
    def doctor(self, *arguments, node=0):
        """(exit status, the answer)"""
        done = self.mesh.run_ctl("--server", self.nodes[node].mesh_address, "-o", "json", "mesh",
                                 "doctor", *arguments, check=False)
        self.assertIn(done.returncode, (0, WRONG), done.stderr)
        return done.returncode, json.loads(done.stdout)

    def wait_well(self):
        last = {}

        def well():
            status, last["answer"] = self.doctor()
            return status == 0
        try:
            wait_for(well, 30, "the doctor to find nothing wrong")
        except Exception as error:
            raise AssertionError(f"{error}: {json.dumps(last['answer']['findings'])}") from error
        return last["answer"]

    def wait_found(self, node_id, check, severities):
        """Findings about `node_id`, once there is one of that check and severity."""
        def found():
            status, answer = self.doctor()
            hits = [f for f in answer["findings"] if f["check"] == check
                    and f["severity"] in severities and node_id in f["where"]]
            return hits if status == WRONG else None
        hits = wait_for(found, 30, f"a finding of {check} about {node_id}")
        for hit in hits:
            self.assertTrue(hit["todo"], "a finding without what to do")
        return hits

    def test_it_proves_that_all_hold_the_same(self):
        self.mesh.create_key("one", rpm=5)
        answer = self.wait_well()
        nodes = {n["id"]: n for n in answer["nodes"]}
        self.assertEqual(sorted(nodes), [n.id for n in self.nodes])
        self.assertEqual({n["registers"] for n in nodes.values()}, {1})
        self.assertEqual(len({n["digest"] for n in nodes.values()}), 1)
        checks = {f["check"]: f for f in answer["findings"] if f["severity"] == "ok"}
        # Who was turned away while the nodes found each other is told, and no fault.
        self.assertEqual(set(checks) - {"refusals"},
                         {"reach", "members", "links", "registers", "counters", "clocks",
                          "certificates", "roots", "issuers", "versions", "usage", "health"})

        def links():
            found = [p for n in self.doctor()[1]["nodes"] for p in n["peers"]]
            return found if all(p["digest_match"] is not None for p in found) else None
        for peer in wait_for(links, 30, "every pair to have compared"):
            self.assertTrue(peer["connected"])
            self.assertLess(abs(peer["clock_offset_ms"]), 1000, "one machine, one clock")

    def test_it_finds_a_node_that_is_killed_and_its_return(self):
        self.wait_well()
        victim = self.nodes[2]
        victim.kill()
        for node in self.nodes[:2]:
            self.mesh.wait_status(node, victim.id, ("dead",))
        hits = self.wait_found(victim.id, "members", ("error",))
        self.assertIn("held dead by node-1 and node-2", hits[0]["what"])
        victim.start()
        self.mesh.wait_alive(3)
        self.wait_well()

    def test_it_finds_a_node_that_does_not_run_while_its_address_is_there(self):
        self.wait_well()
        key, _ = self.mesh.create_key("traffic")
        victim = self.nodes[2]
        victim.signal(signal.SIGSTOP)
        try:
            chat(self.nodes[0].port, key)  # counters that it cannot acknowledge
            status, answer = self.doctor("--timeout", "1s")
            self.assertEqual(status, WRONG, answer["findings"])
            wrong = [f for f in answer["findings"] if f["severity"] in ("warning", "error")]
            self.assertTrue(any(victim.id in f["where"] for f in wrong), wrong)
        finally:
            victim.signal(signal.SIGCONT)
        self.mesh.wait_alive(3)
        self.wait_well()

    def test_it_finds_a_clock_that_is_ahead(self):
        self.wait_well()
        victim = self.nodes[2]
        victim.stop()
        victim.argv += ["--clock-offset", "40s"]
        victim.start()
        self.mesh.wait_alive(3)
        hits = self.wait_found(victim.id, "clocks", ("warning", "error"))
        self.assertIn("ahead of", hits[0]["what"])
        clocks = {n["id"]: n["clock_offset_ms"] for n in self.doctor()[1]["nodes"]}
        ahead = clocks[victim.id] - clocks[self.nodes[0].id]
        self.assertAlmostEqual(ahead, 40_000, delta=5_000)
        self.assertIn("--clock-offset shifts", victim.log.read_text())

    def test_it_finds_a_disk_that_cannot_be_written_and_that_it_can_again(self):
        self.wait_well()
        victim = self.nodes[2]
        in_the_way = victim.folder / "data" / "registers.new"
        in_the_way.mkdir()
        (in_the_way / "something").touch()
        self.mesh.create_key("lost on one")
        hits = self.wait_found(victim.id, "health", ("error",))
        self.assertIn("cannot write what it knows", hits[0]["what"])
        shutil.rmtree(in_the_way)
        self.wait_well()

    def test_it_finds_a_data_directory_that_was_copied(self):
        self.wait_well()
        victim, copy = self.nodes[2], self.mesh.make_node(4)
        victim.stop()
        shutil.copytree(victim.folder / "data", copy.folder / "data",
                        ignore=shutil.ignore_patterns("*.sock"))
        victim.start()
        self.mesh.wait_alive(3)
        with self.assertRaises(Failed):
            copy.start()
        self.assertIn(f"belongs to node '{victim.id}'", copy.log.read_text())
        (copy.folder / "data" / "registers").unlink()  # by which it knew
        self.use(copy)
        hits = self.wait_found(f"{victim.id} and {copy.id}", "members", ("error",))
        self.assertIn("have one key", hits[0]["what"])

    def test_a_person_reads_what_is_wrong_and_what_to_do(self):
        self.nodes[2].kill()
        self.wait_found(self.nodes[2].id, "members", ("error",))
        done = self.mesh.run_ctl("--server", self.nodes[0].mesh_address, "-o", "wide", "mesh",
                                 "doctor", check=False)
        self.assertEqual(done.returncode, WRONG)
        self.assertIn("is held dead by", done.stdout)
        self.assertIn("See whether vidaid runs there", done.stdout)
        self.assertRegex(done.stdout, r"node-1 +node-2 +alive +up +\S+ +\d+ms +was equal")

    def money_of(self, node):
        text = request(node.admin, "GET", "/metrics")[1].decode()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in text.splitlines() if line.startswith("vidai_budget_")}

    def test_it_finds_money_that_is_frozen_and_what_mends_it(self):
        victim = self.nodes[1]
        names = [f"team-{i}" for i in range(12)]
        for name in names:
            self.mesh.ctl("budget", "create", name, "--limit", "50usd")

        def settled():
            _, answer = self.doctor()
            return any(f["check"] == "money" and f["severity"] == "ok" and
                       "kept by 2 others" in f["what"] for f in answer["findings"])
        wait_for(settled, 60, "each log of budgets to have custodians")

        def owned():
            owners = {b["budget"]: b["owner"] for b in self.mesh.ctl("budget", "list")["items"]}
            return next((b for b, owner in owners.items() if owner == victim.id), None)
        key, _ = self.mesh.create_key("under", budget=wait_for(owned, 60, "it to own a budget"),
                                      rpm=1000000)
        victim.stop()
        ledger, older = victim.folder / "data" / "ledger", self.folder / "older"
        shutil.copytree(ledger, older)
        before = ledger.joinpath("journal").read_bytes()
        victim.start()
        self.mesh.wait_alive(3)

        def went_on():
            for node in self.nodes:
                chat(node.port, key, max_tokens=20)
            return self.money_of(victim)["vidai_budget_journal_commits_total"] > 5
        wait_for(went_on, 60, "its log to go on")
        self.wait_well()
        victim.stop()
        self.assertNotEqual(ledger.joinpath("journal").read_bytes(), before)
        shutil.rmtree(ledger)
        shutil.copytree(older, ledger)  # as a restored backup
        victim.start()
        self.mesh.wait_alive(3)
        hits = self.wait_found(victim.id, "money", ("error",))
        self.assertIn("rolled back or copied", hits[0]["what"])
        self.assertIn("move that folder away", hits[0]["todo"])
        # Its metrics are published once a second.
        wait_for(lambda: self.money_of(victim)["vidai_budget_log_frozen"] == 1, 10, "its metric")
        victim.stop()
        shutil.rmtree(ledger)
        victim.start()
        self.mesh.wait_alive(3)
        self.wait_well()
        self.assertEqual(self.money_of(victim)["vidai_budget_log_frozen"], 0)
        wait_for(lambda: chat(victim.port, key, max_tokens=20)[0] == 200, 30, "it to serve")

    def test_it_finds_a_ledger_that_cannot_be_read(self):
        victim = self.nodes[2]
        victim.stop()
        ledger = victim.folder / "data" / "ledger"
        shutil.rmtree(ledger)
        ledger.write_text("no folder")
        victim.start()
        self.mesh.wait_alive(3)
        hits = self.wait_found(victim.id, "money", ("warning",))  # nobody has a budget yet
        self.assertIn("spends no money of any budget", hits[0]["what"])
        victim.stop()
        ledger.unlink()
        victim.start()
        self.mesh.wait_alive(3)
        self.wait_well()

    def test_over_the_local_socket_it_says_that_it_asked_one_node_only(self):
        socket = self.nodes[0].folder / "data" / "operator.sock"
        done = self.mesh.run_ctl("--server", f"unix:{socket}", "-o", "json", "mesh", "doctor")
        findings = json.loads(done)["findings"]
        self.assertTrue(any("only node-1 was asked" in f["what"] for f in findings), findings)


if __name__ == "__main__":
    suite.main()
