# SPDX-License-Identifier: Apache-2.0
"""The dashboard and the alerts name metrics and labels that exist, and every alert has a test.

docs/reference/metrics.md is the catalogue; tidy.reference_metrics holds it to the code."""
import json
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPERATING = ROOT / "docs/operating"
SCRAPER = {"up": set()}  # what Prometheus adds by itself
ANY = {"job", "instance", "le"}


def catalogue():
    """{series name: its labels}"""
    series = dict(SCRAPER)
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*)\|",
                      (ROOT / "docs/reference/metrics.md").read_text(), re.M)
    for name, kind, labels in rows:
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        for end in ends:
            series[name + end] = set(re.findall(r"\w+", labels))
    return series


def expressions_of_rules():
    text = (OPERATING / "alerts.yaml").read_text()
    found = re.findall(r"^ +expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)", text, re.M)
    return [folded or plain for folded, plain in found]


def expressions_of_dashboard(name):
    panels = json.loads((OPERATING / "grafana" / name).read_text())["panels"]
    return [t["expr"] for p in panels for t in p.get("targets", [])]


def series_in(expression):
    """[(series name, labels matched)]"""
    bare = re.sub(r"\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", " ", expression)
    found = []
    for name, matchers in re.findall(r"\b((?:vidai|process|gen_ai)_\w+|up\b)\s*(\{[^}]*\})?", bare):
        found.append((name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))))
    return found


def grouped_in(expression):
    lists = re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", expression)
    return {label for labels in lists for label in re.findall(r"\w+", labels)}


class Names(unittest.TestCase):
    def check(self, expressions, least):
        self.assertGreaterEqual(len(expressions), least, "too few expressions were found")
        known = catalogue()
        for expression in expressions:
            used = series_in(expression)
            self.assertTrue(used, f"no series in: {expression}")
            labels = set()
            for name, matched in used:
                self.assertIn(name, known, expression)
                self.assertLessEqual(matched, known[name] | ANY, expression)
                labels |= known[name]
            self.assertLessEqual(grouped_in(expression), labels | ANY, expression)

    def test_the_catalogue_is_read(self):
        known = catalogue()
        self.assertGreater(len(known), 50)
        self.assertEqual(known["vidai_mesh_propagation_seconds_bucket"], {"kind"})

    def test_a_wrong_name_or_label_would_be_found(self):
        for wrong in ("rate(vidai_mesh_nonsense_total[5m])", 'vidai_mesh_members{state="dead"}',
                      "sum by (colour) (vidai_mesh_members)", "vidai_mesh_propagation_seconds"):
            with self.assertRaises(AssertionError, msg=wrong):
                self.check([wrong], 1)

    def test_alerts(self):
        self.check(expressions_of_rules(), 14)

    def test_dashboard(self):
        self.check(expressions_of_dashboard("vidai-mesh.json"), 30)

    def test_the_dashboard_shows_what_keeps_a_node_out_and_what_fails(self):
        shown = {name for expression in expressions_of_dashboard("vidai-mesh.json")
                 for name, _ in series_in(expression)}
        for name in ("vidai_mesh_refusals_total", "vidai_mesh_isolated",
                     "vidai_mesh_dials_failed_total", "vidai_mesh_state_saves_total"):
            self.assertIn(name, shown)

    def test_the_dashboards_panels_do_not_overlap(self):
        panels = json.loads((OPERATING / "grafana/vidai-mesh.json").read_text())["panels"]
        taken = {}
        for panel in panels:
            at = panel["gridPos"]
            for place in ((x, y) for x in range(at["x"], at["x"] + at["w"])
                          for y in range(at["y"], at["y"] + at["h"])):
                self.assertNotIn(place, taken, panel["title"])
                taken[place] = panel["title"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))

    def test_every_alert_is_raised_and_silent_in_a_test(self):
        alerts = re.findall(r"alert: (\w+)", (OPERATING / "alerts.yaml").read_text())
        tests = (ROOT / "tests/operating/alerts_test.yaml").read_text()
        for alert in alerts:
            self.assertRegex(tests, rf"alertname: {alert}\n\s+exp_alerts:\n", f"{alert} unraised")
            self.assertIn(f"alertname: {alert}, exp_alerts: []", tests, f"{alert} never silent")


if __name__ == "__main__":
    unittest.main()
