#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hard budgets that renew, over a real midnight: the nodes' clocks are put a few seconds before
that of a time zone in which it is near. vidaictl, whose clock is right, takes no certificates of
the future: so but for the first node they join by tokens, and keep those that they get before."""
import datetime
import time

import suite
from identity_test import JoiningNode
from mesh import Mesh, Mock
from money import Money
from programs import Failed, chat, ensure_terminated, request, wait_for

DAY = datetime.timedelta(days=1)


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc)


def next_midnight():
    """The next whole hour that is not at hand, and a zone where a day begins then."""
    at = (utc_now() + datetime.timedelta(minutes=3)).replace(minute=0, second=0, microsecond=0)
    at += datetime.timedelta(hours=1)
    west = at.hour  # a zone so many hours west of Greenwich, whose name has a plus
    zone = "UTC" if west == 0 else f"Etc/GMT+{west}" if west <= 12 else f"Etc/GMT-{24 - west}"
    return at, zone


class BudgetWindows(Money):
    def setUp(self):
        suite.Suite.setUp(self)
        self.mock = self.use(Mock(suite.BIN, self.folder))
        models = suite.MODELS.format(mock=self.mock.port)
        self.mesh = self.use(Mesh(suite.BIN, self.folder, models, count=1))
        (self.folder / "joiner.yaml").write_text(models)
        token = self.mesh.ctl("mesh", "token", "create", "--node", "node-*", "--ttl", "1h")["token"]
        for index in (2, 3):
            self.mesh.nodes.append(JoiningNode(self.mesh, index, token))
            self.addCleanup(ensure_terminated, self.mesh.nodes[-1:])
            self.mesh.nodes[-1].start()
        self.nodes = self.mesh.nodes
        self.mesh.wait_alive(3)
        self.midnight, self.zone = next_midnight()
        self.ahead = datetime.timedelta()

    def nodes_now(self):
        return utc_now() + self.ahead

    def spent_day(self):
        """A key under a budget of a day, of which all is spent."""
        key, _ = self.mesh.create_key("under", budget="team-a", rpm=1000000)
        made = self.mesh.ctl("budget", "create", "team-a", "--limit", "0.01usd", "--window", "day",
                             "--tz", self.zone)
        self.assertEqual((made["window"], made["tz"]), ("day", self.zone))
        self.assertEqual(made["renews"], self.midnight.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
        self.moved_to_custodians()
        self.spend_all(key, self.nodes)
        wait_for(lambda: all(chat(node.port, key, max_tokens=20)[0] == 402 for node in self.nodes),
                 20, "its end")
        self.assertLessEqual(self.billed(), 10000)
        self.assertGreaterEqual(self.billed(), 9800, "money is left")
        return key

    def restart_before_midnight(self, seconds):
        """All of them, so that it is that long before."""
        self.mesh.stop()
        self.ahead = self.midnight - datetime.timedelta(seconds=seconds) - utc_now()
        for node in self.nodes:
            self.set_clock(node, self.ahead)
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            wait_for(lambda n=node: request(n.admin, "GET", "/readyz")[0] == 200, 30, "readiness")

    @staticmethod
    def set_clock(node, ahead):
        if "--clock-offset" in node.argv:
            del node.argv[node.argv.index("--clock-offset"):]
        node.argv += ["--clock-offset", f"{int(ahead.total_seconds() * 1000)}ms"]

    def refusal(self, node, key):
        status, body, headers = chat(node.port, key, max_tokens=20)
        self.assertNotEqual(status, 200, "it is served")
        return status, body["error"], headers

    def test_a_day_is_over_and_the_next_one_has_the_whole_limit(self):
        key = self.spent_day()
        status, error, headers = self.refusal(self.nodes[1], key)
        self.assertEqual((status, error["code"]), (402, "budget_exhausted"))
        self.assertEqual(error["renews_at"], self.midnight.strftime("%Y-%m-%dT%H:%M:%SZ"))
        self.assertEqual(headers["x-should-retry"], "false")

        self.restart_before_midnight(20)
        before = self.billed()
        opened = None
        while opened is None:
            began = self.nodes_now()
            for node in self.nodes:
                if chat(node.port, key, max_tokens=20)[0] == 200:
                    opened = opened or self.nodes_now()
            if opened is None:
                self.assertEqual(self.billed(), before)
                self.assertLess(began, self.midnight + datetime.timedelta(seconds=5), "no renewal")
                time.sleep(0.1)
        self.assertGreaterEqual(opened, self.midnight - datetime.timedelta(seconds=0.5))
        self.spend_all(key, self.nodes)
        wait_for(lambda: all(chat(node.port, key, max_tokens=20)[0] == 402 for node in self.nodes),
                 20, "its end")
        self.assertLessEqual(self.billed() - before, 10000)
        self.assertGreaterEqual(self.billed() - before, 9800, "money is left")
        shown = self.mesh.ctl("budget", "list", node=self.nodes[1])["items"][0]
        self.assertEqual(shown["renews"], (self.midnight + DAY).strftime("%Y-%m-%dT%H:%M:%S.000Z"))
        self.change_and_delete(key)

    def change_and_delete(self, key):
        before = self.billed()
        monthly = self.mesh.ctl("budget", "set", "team-a", "--window", "month", "--tz",
                                "Europe/Berlin", node=self.nodes[2])
        self.assertEqual((monthly["window"], monthly["left_micro_usd"]), ("month", 10000))
        for node in self.nodes:
            self.served_within(node, key, 5)
        unknown = self.mesh.run_ctl("--server", self.nodes[1].mesh_address, "budget", "set",
                                    "team-a", "--window", "day", "--tz", "Mars/Olympus",
                                    check=False)
        self.assertNotEqual(unknown.returncode, 0)
        self.assertIn("Mars/Olympus", unknown.stderr)
        self.mesh.ctl("budget", "delete", "team-a", node=self.nodes[1])
        for node in self.nodes:
            wait_for(lambda n=node: chat(n.port, key, max_tokens=20)[0] == 402, 10, "its deletion")
            status, error, headers = self.refusal(node, key)
            self.assertEqual((status, error["code"]), (402, "budget_deleted"))
            self.assertEqual(headers["x-should-retry"], "false")
        self.assertEqual(self.mesh.ctl("budget", "list", node=self.nodes[1])["items"], [])
        with self.assertRaises(Failed):
            self.mesh.ctl("budget", "show", "team-a", node=self.nodes[1])
        self.assertLessEqual(self.billed() - before, 10000)

    def test_an_owner_whose_clock_is_ahead_does_not_open_the_next_day(self):
        key = self.spent_day()
        self.restart_before_midnight(60)
        wait_for(lambda: self.refusal(self.nodes[1], key)[1]["code"] == "budget_exhausted", 15,
                 "an owner")
        owner = self.mesh.ctl("budget", "show", "team-a", node=self.nodes[1])["owner"]
        before = self.billed()
        victim = next(node for node in self.nodes if node.id == owner)
        asked = next(node for node in self.nodes[1:] if node is not victim)
        victim.kill()  # and back before the others take over, if they do
        self.set_clock(victim, self.ahead + datetime.timedelta(minutes=5))
        victim.start()
        wait_for(lambda: self.refusal(asked, key)[1].get("reason") == "clock", 15,
                 "the clock to be found off")
        while self.nodes_now() < self.midnight - datetime.timedelta(seconds=12):
            for node in self.nodes:
                self.refusal(node, key)
            time.sleep(0.1)
        victim.stop()
        self.set_clock(victim, self.ahead)
        victim.start()
        while self.nodes_now() < self.midnight - datetime.timedelta(seconds=1):
            self.refusal(asked, key)
            time.sleep(0.1)
        self.assertEqual(self.billed(), before)
        for node in self.nodes:
            self.served_within(node, key, 30)


if __name__ == "__main__":
    suite.main()
