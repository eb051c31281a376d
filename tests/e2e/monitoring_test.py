# SPDX-License-Identifier: Apache-2.0
"""What a live mesh tells Prometheus: every documented family, sound by promtool's judgement, and
true."""
import re
import unittest

import suite
import promtool
from programs import chat, request, wait_for

DOCUMENTED = suite.pathlib.Path(__file__).resolve().parents[2] / "docs/reference/metrics.md"


def scrape(node):
    """{series with its labels: value} and the text itself"""
    text = request(node.admin, "GET", "/metrics")[1].decode()
    series = dict(re.findall(r"^([^#\s][^\s]*(?:\{.*\})?) (\S+)$", text, re.M))
    return {name: float(value) for name, value in series.items()}, text


class Monitoring(suite.ThreeNodes):
    def wait_series(self, node, series, least):
        wait_for(lambda: scrape(node)[0].get(series, -1) >= least, 20, f"{series} >= {least}")

    def test_news_between_nodes_are_counted_by_peer_purpose_and_age(self):
        key, _ = self.mesh.create_key("traffic", rpm=600)
        for _ in range(5):
            self.assertEqual(chat(self.nodes[0].port, key)[0], 200)
        hearer = self.nodes[1]
        self.wait_series(hearer, 'vidai_mesh_propagation_seconds_count{kind="counters"}', 1)
        self.wait_series(hearer, 'vidai_mesh_propagation_seconds_count{kind="registers"}', 1)
        self.wait_series(hearer, 'vidai_mesh_sync_age_seconds{peer="node-3"}', 0)
        for kind in ("membership", "counters", "registers"):
            self.wait_series(hearer, "vidai_mesh_message_bytes_total"
                             f'{{peer="node-1",kind="{kind}",direction="in"}}', 8)
        self.wait_series(self.nodes[0], "vidai_mesh_message_bytes_total"
                         '{peer="operators",kind="operator",direction="in"}', 100)
        found, _ = scrape(hearer)
        for direction in ("in", "out"):
            by_kind = sum(found[f'vidai_mesh_message_bytes_total{{peer="node-1",kind="{kind}",'
                                f'direction="{direction}"}}']
                          for kind in ("membership", "counters", "registers"))
            wire = found[f'vidai_mesh_wire_bytes_total{{peer="node-1",direction="{direction}"}}']
            self.assertGreater(wire, by_kind / 2, "capnproto packs nothing, seals add some")
        self.assertEqual(found["vidai_mesh_digest_mismatches"], 0)
        self.assertLess(found["vidai_mesh_clock_skew_seconds"], 1)
        slow = found['vidai_mesh_propagation_seconds_count{kind="registers"}'] - found[
            'vidai_mesh_propagation_seconds_bucket{kind="registers",le="5"}']
        self.assertEqual(slow, 0, "a key took over 5 s on one machine")

    def test_a_suspicion_tells_its_cause(self):
        victim, watcher = self.nodes[2], self.nodes[0]
        victim.kill()
        self.mesh.wait_status(watcher, victim.id, ("dead",))

        def causes():
            found, _ = scrape(watcher)
            return sum(found[f'vidai_mesh_suspicions_total{{cause="{cause}"}}']
                       for cause in ("probe", "refused", "told"))
        wait_for(lambda: causes() >= 1, 10, "a suspicion with a cause")
        found, _ = scrape(watcher)
        self.assertEqual(causes(), found['vidai_mesh_verdicts_total{verdict="suspicion"}'])

    def test_every_documented_metric_of_mesh_and_money_is_there_and_promtool_finds_no_fault(self):
        self.mesh.create_key("one")
        self.wait_series(self.nodes[0], 'vidai_mesh_sync_age_seconds{peer="node-2"}', 0)
        _, text = scrape(self.nodes[0])
        families = r"^\| `(vidai_(?:mesh|budget_(?:log|buckets|journal))\w*)`"
        documented = re.findall(families, DOCUMENTED.read_text(), re.M)
        self.assertGreater(len(documented), 20)
        told = set(re.findall(r"^# TYPE (\S+)", text, re.M))
        self.assertEqual(set(documented) - told, set())
        ours = {name for name in told if name.startswith("vidai_mesh_")}
        undocumented = ours - set(documented)
        self.assertEqual(undocumented, set())
        status = promtool.run("check", "metrics", text=text)
        if status == 77:
            raise unittest.SkipTest("no promtool")
        self.assertEqual(status, 0)


if __name__ == "__main__":
    suite.main()
