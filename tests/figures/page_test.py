# SPDX-License-Identifier: Apache-2.0
"""The writer of the figures' page: what it keeps, marks, orders and refuses."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
sys.dont_write_bytecode = True

import page  # noqa: E402  (found through the path above)
from books import MESH, MONEY  # noqa: E402
from page import Page, Wrong, dump, merge  # noqa: E402

BARE = "{{runs}}\n{{missed}}\n{{table}}\n"


def row(name, value, goal=None, date="2026-01-02 10:00", revision="bbb", **more):
    """A row of a report; real when its id says so."""
    kind = "real" if name.startswith(("vidaid", "serf")) else "simulated"
    return {"id": name, "figure": f"what {name} is", "value": value, "unit": "s", "op": "<=",
            "goal": goal, "anchor": "", "kind": kind, "command": f"./dev {kind}",
            "conditions": "N=3, 20 trials, no loss", "revision": revision, "date": date, **more}


def cells(rows, name, template=BARE, book=MESH):
    """{heading: cell} of the table's row that begins with that id."""
    lines = [line for line in Page(book, rows).render(template).splitlines()
             if line.startswith(f"| `{name}`")]
    assert len(lines) == 1, lines
    return dict(zip(page.HEAD, [c.strip() for c in lines[0].strip("|").split(" | ")]))


class Data(unittest.TestCase):
    def test_keep_what_a_run_has_not_measured_and_take_what_it_has(self):
        old = [row("crash_n3_p50", 1.0, date="2026-01-01 09:00", revision="aaa"),
               row("crash_n3_p99", 2.0, date="2026-01-01 09:00", revision="aaa")]
        data, older = merge(MESH, old, [row("crash_n3_p99", 3.0)], "mesh.json")
        self.assertEqual([(r["id"], r["value"], r["revision"]) for r in data],
                         [("crash_n3_p50", 1.0, "aaa"), ("crash_n3_p99", 3.0, "bbb")])
        self.assertEqual(older, [])

    def test_do_not_go_back_to_a_report_that_lies_about(self):
        data, older = merge(MESH, [row("crash_n3_p50", 1.0)],
                            [row("crash_n3_p50", 9.0, date="2026-01-02 09:59")], "mesh.json")
        self.assertEqual((data[0]["value"], older), (1.0, ["crash_n3_p50"]))

    def test_are_in_one_order_whatever_order_they_came_in(self):
        names = ["crash_n3_p50", "vidaid_crash_p50", "serf_crash_p50", "crash_n10_p50",
                 "silent_n3_p50", "vidaid_heal_600_max", "vidaid_loss_30_p50"]
        rows = [row(name, 1) for name in names]
        forth, back = merge(MESH, rows, [], "")[0], merge(MESH, rows[::-1], [], "")[0]
        self.assertEqual(dump(forth), dump(back))
        ours = [r["id"] for r in forth if not r["id"].startswith("serf")]
        self.assertEqual(ours, [n for n in names if not n.startswith("serf")])
        self.assertEqual(json.loads(dump(forth)), forth)

    def test_have_no_id_that_nobody_knows_and_none_twice(self):
        for bad in ("crash_n3", "crash_nx_p50", "serf_dance_p50", ""):
            with self.assertRaisesRegex(Wrong, "chaos.json: nobody knows .*tests/figures/books.py"):
                merge(MESH, [], [row(bad, 1)], "chaos.json")
        with self.assertRaisesRegex(Wrong, "crash_n3_p50 is there twice"):
            merge(MESH, [], [row("crash_n3_p50", 1), row("crash_n3_p50", 2)], "mesh.json")

    def test_have_all_fields_and_no_others(self):
        for change in ({"mood": "good"}, {"kind": "guessed"}, {"op": "="},
                       {"value": float("nan")}, {"value": "1"}):
            with self.assertRaises(Wrong):
                merge(MESH, [], [{**row("crash_n3_p50", 1), **change}], "mesh.json")
        bare = row("crash_n3_p50", 1)
        del bare["revision"]
        with self.assertRaisesRegex(Wrong, "missing: revision"):
            merge(MESH, [], [bare], "mesh.json")


class Table(unittest.TestCase):
    def test_has_simulated_real_and_serf_in_one_row(self):
        rows = [row("crash_n3_p99", 0.5, 1, conditions="N=3, 300 trials, no loss", anchor="x"),
                row("vidaid_crash_max", 0.75, 1, conditions="N=3, 20 trials, busy"),
                row("serf_crash_max", 6.0)]
        seen = cells(rows, "crash_n3_p99")
        self.assertEqual(seen["row"], "`crash_n3_p99`<br>`vidaid_crash_max`")
        self.assertEqual((seen["simulated"], seen["real"]), ("0.5 s", "0.75 s"))
        self.assertEqual(seen["goal"], "&lt;= 1")
        self.assertEqual(seen["anchor"], "serf 6 s, 8 times ours")
        self.assertEqual(seen["against the goal"], "simulated 0.5 of it, real 0.75 of it")
        self.assertEqual(seen["seeds or trials"], "simulated: 300 trials; real: 20 trials")
        self.assertEqual(seen["conditions"], "simulated: N=3, no loss; real: N=3, busy")
        self.assertEqual(seen["command"], "`./dev simulated`<br>`./dev real`")
        self.assertNotIn("| `vidaid", Page(MESH, rows).render(BARE))

    def test_has_no_anchor_of_a_figure_that_serf_has_not(self):
        seen = cells([row("sim_speed_n10", 1), row("vidaid_bootstrap_n3_p50", 2)],
                     "vidaid_bootstrap_n3_p50")
        self.assertEqual(seen["anchor"], "")
        real = row("takeover_s", 5.0, kind="real")
        self.assertEqual(Page(MONEY, [real]).anchor(real, real), "")

    def test_has_a_real_figure_alone_where_nothing_was_simulated(self):
        for rows in ([row("vidaid_crash_p50", 2)], [row("vidaid_heal_600_p50", 2)]):
            seen = cells(rows, rows[0]["id"])
            self.assertEqual((seen["simulated"], seen["real"]), ("", "2 s"))

    def test_marks_what_missed_and_what_never_ended(self):
        rows = [row("crash_n3_p50", 3, 2), row("silent_n3_p50", -1, 2),
                row("sim_speed_n10", 500, 1000, op=">=", unit="1"),
                row("slow_1_of_100", 0, 0, unit="1")]
        self.assertEqual(cells(rows, "crash_n3_p50")["against the goal"],
                         "simulated 1.5 of it **missed**")
        self.assertEqual(cells(rows, "silent_n3_p50")["simulated"], "never")
        self.assertEqual(cells(rows, "slow_1_of_100")["against the goal"], "simulated met")
        self.assertEqual([r["id"] for r in Page(MESH, rows).missed()],
                         ["crash_n3_p50", "silent_n3_p50", "sim_speed_n10"])
        self.assertIn("- `crash_n3_p50`, what crash_n3_p50 is: 3 s, goal &lt;= 2\n",
                      Page(MESH, rows).render(BARE))

    def test_does_not_blame_us_for_serf(self):
        self.assertEqual(Page(MESH, [row("serf_crash_p50", 9, 1)]).missed(), [])

    def test_marks_what_is_of_an_earlier_run_of_its_kind(self):
        rows = [row("crash_n3_p50", 1), row("silent_n3_p50", 2, date="2026-01-01 09:00",
                                            revision="aaa"),
                row("vidaid_move_max", 3, date="2026-01-01 09:00", revision="ccc")]
        text = Page(MESH, rows).render(BARE + "{{silent_n3_p50}}")
        self.assertEqual(cells(rows, "silent_n3_p50")["simulated"], "2 s [1]")
        self.assertEqual(cells(rows, "crash_n3_p50")["simulated"], "1 s")
        self.assertEqual(cells(rows, "vidaid_move_max")["real"], "3 s")
        self.assertIn("- [1]: kept from 2026-01-01, revision `aaa`\n", text)
        self.assertTrue(text.endswith("2 s [1]"))

    def test_refuses_two_goals_in_one_row(self):
        with self.assertRaisesRegex(Wrong, "different goals"):
            cells([row("crash_n3_p50", 1, 2), row("vidaid_crash_p50", 1, 3)], "crash_n3_p50")


class Awaited(unittest.TestCase):
    """Figures that the book of money promises."""

    def test_are_told_as_not_measured_until_they_are(self):
        seen = cells([], "takeover_s", book=MONEY)
        self.assertEqual((seen["goal"], seen["real"]), ("&lt;= 10", "not measured"))
        self.assertEqual(seen["against the goal"], "")
        self.assertIn("in not measured.", Page(MONEY, []).render(BARE + "in {{takeover_s}}."))
        took = row("takeover_s", 7, 10, kind="real")
        self.assertEqual(cells([took], "takeover_s", book=MONEY)["real"], "7 s")

    def test_are_not_measured_by_a_simulation(self):
        simulated = row("overspend_simulated", 0, 0, op="==", unit="")
        seen = cells([simulated], "overspend_simulated", book=MONEY)
        self.assertEqual((seen["simulated"], seen["real"]), ("0", "not measured"))
        real = row("overspend", 3, 0, op="==", unit="", kind="real")
        seen = cells([simulated, real], "overspend_simulated", book=MONEY)
        self.assertEqual((seen["real"], seen["against the goal"]),
                         ("3", "simulated met, real **missed**"))

    def test_are_no_misses(self):
        self.assertEqual(Page(MONEY, []).missed(), [])

    def test_have_each_a_place_on_the_page(self):
        for name in MONEY.awaited:
            self.assertIsNotNone(MONEY.place(name), name)


class Template(unittest.TestCase):
    def test_may_name_values_but_none_that_nobody_knows(self):
        self.assertIn("it is 1 s.", Page(MESH, [row("crash_n3_p50", 1)]).render(
            BARE + "it is {{crash_n3_p50}}."))
        with self.assertRaisesRegex(Wrong, "no figure is called crash_n4_p50"):
            Page(MESH, []).render(BARE + "{{crash_n4_p50}}")

    def test_has_a_place_for_everything(self):
        with self.assertRaisesRegex(Wrong, "no place for missed"):
            Page(MESH, []).render("{{table}} {{runs}}")

    def test_is_told_of_a_miss_that_it_says_nothing_of(self):
        rows = Page(MESH, [row("crash_n3_p50", 3, 2), row("silent_n3_p50", 3, 2)])
        self.assertEqual(rows.untold("Alas, `silent_n3_p50`."), ["crash_n3_p50"])


class Command(unittest.TestCase):
    """run.py on a folder of its own."""

    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = pathlib.Path(made.name)
        self.reports = self.folder / "reports"
        self.reports.mkdir()
        (self.folder / "mesh-figures.json").write_text(dump([row("crash_n3_p50", 1)]))
        (self.folder / "mesh-figures.template.md").write_text(BARE)

    def run_it(self, *flags):
        return subprocess.run([sys.executable, HERE / "run.py", "mesh", "--folder", self.folder,
                               "--reports", self.reports, *flags], capture_output=True, text=True,
                              timeout=30, check=False)

    def report(self, *rows):
        (self.reports / "mesh.json").write_text(json.dumps(rows))

    def test_writes_what_check_then_finds_current(self):
        self.assertEqual(self.run_it("--check").returncode, 1)  # there is no page yet
        self.report(row("crash_n3_p50", 5))
        written = self.run_it("--write")
        self.assertEqual(written.returncode, 0, written.stderr)
        self.assertIn("no chaos.json: its rows keep their former values", written.stderr)
        self.assertIn("| 5 s |", (self.folder / "mesh-figures.md").read_text())
        self.assertEqual(self.run_it("--check").returncode, 0)

    def test_finds_a_page_that_was_edited_by_hand(self):
        self.run_it("--write")
        with (self.folder / "mesh-figures.md").open("a") as edited:
            edited.write("better than that\n")
        found = self.run_it("--check")
        self.assertEqual(found.returncode, 1)
        self.assertIn("mesh-figures.md is not current; run: ./dev mesh-figures --write",
                      found.stderr)

    def test_finds_data_that_were_edited_by_hand(self):
        self.run_it("--write")
        data = self.folder / "mesh-figures.json"
        data.write_text(data.read_text() + "\n")
        self.assertIn("mesh-figures.json is not as it is written", self.run_it("--check").stderr)

    def test_changes_nothing_when_a_report_is_wrong(self):
        self.run_it("--write")
        before = (self.folder / "mesh-figures.json").read_text()
        for bad in (json.dumps([row("unheard_of", 1)]), "{", "[1]"):
            (self.reports / "mesh.json").write_text(bad)
            done = self.run_it("--write")
            self.assertEqual(done.returncode, 1)
            self.assertIn("figures: mesh.json", done.stderr)
            self.assertNotIn("Traceback", done.stderr)
        self.assertEqual((self.folder / "mesh-figures.json").read_text(), before)
        self.assertEqual(self.run_it("--check").returncode, 0)


if __name__ == "__main__":
    unittest.main()
