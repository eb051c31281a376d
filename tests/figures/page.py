# SPDX-License-Identifier: Apache-2.0
"""A page of figures: made of the rows that were measured last and of a template, what people say of
them; books.py has which pages there are. Pure: data and text in, text out.

A row is that of a report (tests/tidy checks its fields) with the revision and the date of its run.
Its id must belong to a family of its book, which gives it its place.
"""
import json
import math
import re

FIELDS = ("id", "figure", "value", "unit", "op", "goal", "anchor", "kind", "command", "conditions",
          "revision", "date")
HEAD = ("row", "figure", "goal", "simulated", "real", "anchor", "against the goal",
        "seeds or trials", "conditions", "command")

NOT_MEASURED = "not measured"


class Wrong(Exception):
    """What is wrong with the data, a report or the template, and what to do."""


def serf_of(name):
    """The id of what serf did under the same fault."""
    return re.sub(r"^vidaid(_1s)?_", "serf_", name)


def check_rows(book, rows, where):
    """Raises Wrong unless these are rows that the page has a place for, each once."""
    seen, others = set(), set(book.beside.values())
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Wrong(f"{where} is no list of rows")
    for row in rows:
        name = row.get("id", "?")
        missing = [field for field in FIELDS if field not in row]
        if missing or set(row) - set(FIELDS):
            raise Wrong(f"{where}: {name} has not the fields of a row (missing: "
                        f"{', '.join(missing) or 'none'}); measure with a build of this tree")
        if name in seen:
            raise Wrong(f"{where}: {name} is there twice")
        seen.add(name)
        theirs = re.sub(r"^serf_", "vidaid_", name)
        if not any(book.place(n) or n in others for n in (name, theirs)):
            raise Wrong(f"{where}: nobody knows {name}: give it a family in tests/figures/books.py")
        if row["op"] not in ("<=", ">=", "==") or row["kind"] not in ("real", "simulated"):
            raise Wrong(f"{where}: {name} is {row['kind']} and to be {row['op']} its goal")
        if not isinstance(row["value"], (int, float)) or not math.isfinite(row["value"]):
            raise Wrong(f"{where}: the value of {name} is no number: {row['value']}")


def sort_key(book, name):
    """Rows of the data file: as on the page, each real one after what it stands beside."""
    simulated = {real: sim for sim, real in book.beside.items()}
    ours = re.sub(r"^serf_", "vidaid_", name)
    return book.place(simulated.get(ours, ours)) or book.place(ours), name


def merge(book, data, report, where):
    """The data with a report's rows in it, and the ids of those that were older than what is there.
    Rows that the report has not are kept as they are."""
    check_rows(book, data, book.data)
    check_rows(book, report, where)
    rows, older = {row["id"]: row for row in data}, []
    for row in report:
        if row["id"] in rows and rows[row["id"]]["date"] > row["date"]:
            older.append(row["id"])
        else:
            rows[row["id"]] = {field: row[field] for field in FIELDS}
    return sorted(rows.values(), key=lambda row: sort_key(book, row["id"])), older


def dump(rows):
    """The text of a data file: a row a line, so that a change shows as such."""
    return "[\n" + ",\n".join(" " + json.dumps(row) for row in rows) + "\n]\n"


def short(number, digits=2):
    """So many digits of it, and no exponent."""
    return f"{float(f'{number:.{digits}g}'):.10g}"


def met(row):
    """A negative value is a trial that never ended."""
    if row["op"] == ">=":
        return row["value"] >= row["goal"]
    if row["op"] == "==":
        return row["value"] == row["goal"]
    return 0 <= row["value"] <= row["goal"]


def gap(row):
    """How a value stands to its goal, in words; nothing where there is none."""
    if row["goal"] is None or row["value"] is None:
        return ""
    told = row["goal"] and row["value"] >= 0
    share = f" {short(row['value'] / row['goal'])} of it" if told else ""
    return row["kind"] + (share or " met" if met(row) else share + " **missed**")


def amount(row):
    if row["value"] < 0:
        return "never"
    unit = {"1": "", "": "", "1/s": " /s"}.get(row["unit"], f" {row['unit']}")
    return short(row["value"], 4) + unit


def split(conditions):
    """(how often it was tried, all else)."""
    parts = conditions.split(", ")
    often = [p for p in parts if re.match(r"\d+ (trials|starts|meshes)\b", p)]
    return ", ".join(often), ", ".join(p for p in parts if p not in often)


def both_told(rows, text_of):
    """What text_of says of each of these rows; once where it is the same of all."""
    texts = {row["kind"]: text_of(row) for row in rows}
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{kind}: {text}" for kind, text in texts.items() if text)


def cell(text):
    """That text in a table, whose lines cannot be broken otherwise."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return text.replace("\n", "<br>")


class Page:
    """The page of a book with such rows."""

    def __init__(self, book, rows):
        check_rows(book, rows, book.data)
        self.book = book
        self.rows = {row["id"]: row
                     for row in sorted(rows, key=lambda row: sort_key(book, row["id"]))}
        # What is awaited and was not measured: rows too, without a value.
        self.lacking = {
            name: {"id": name, "figure": what.figure, "value": None, "op": what.op, "unit": "",
                   "goal": what.goal, "anchor": "", "kind": "real", "conditions": "",
                   "command": ""}
            for name, what in book.awaited.items() if name not in self.rows}
        # Each kind has a last run of its own; what is of another revision is marked.
        self.last = {kind: max((row["date"], row["revision"]) for row in rows
                               if row["kind"] == kind)[1]
                     for kind in ("simulated", "real") if any(r["kind"] == kind for r in rows)}
        older = sorted({self.run_of(row) for row in rows
                        if row["revision"] != self.last[row["kind"]]})
        self.marks = {run: f"[{number}]" for number, run in enumerate(older, 1)}

    @staticmethod
    def run_of(row):
        return row["date"].split()[0], row["revision"]

    def value(self, row):
        """As it is shown, with the mark of its run when that was not the last."""
        if row is None:
            return ""
        if row["value"] is None:
            return NOT_MEASURED
        stale = row["revision"] != self.last[row["kind"]]
        return amount(row) + (f" {self.marks[self.run_of(row)]}" if stale else "")

    def lines(self):
        """(simulated, real) of each line of the table; one of them may be None."""
        beside, every = self.book.beside, {**self.rows, **self.lacking}
        stand_beside = {beside[name] for name in self.rows if name in beside}
        for name in sorted(every, key=lambda name: sort_key(self.book, name)):
            if name.startswith("serf_") or name in stand_beside:
                continue
            if every[name]["kind"] == "real":
                yield None, every[name]
            else:
                yield every[name], every.get(beside.get(name))

    def anchor(self, first, real):
        """serf beside ours where it was measured, or else what others are said to reach."""
        serf = self.rows.get(serf_of(real["id"])) if real else None
        if serf is None or serf is real:
            return first["anchor"]
        ratio = serf["value"] / real["value"] if real["value"] > 0 else 0
        return f"serf {self.value(serf)}" + (f", {short(ratio)} times ours" if ratio else "")

    def line(self, simulated, real):
        rows = [row for row in (simulated, real) if row]
        goals = {(row["op"], row["goal"]) for row in rows if row["goal"] is not None}
        if len(goals) > 1:
            raise Wrong(f"{' and '.join(row['id'] for row in rows)} have different goals: "
                        f"{sorted(goals)}; they stand in one line")
        goal = "".join(f"{op} {value:g}" for op, value in goals)
        return ["\n".join(f"`{row['id']}`" for row in rows), rows[0]["figure"], goal,
                self.value(simulated), self.value(real), self.anchor(rows[0], real),
                ", ".join(filter(None, map(gap, rows))),
                both_told(rows, lambda row: split(row["conditions"])[0]),
                both_told(rows, lambda row: split(row["conditions"])[1]),
                "\n".join(dict.fromkeys(f"`{row['command']}`" for row in rows if row["command"]))]

    def table(self):
        head = [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
        return "\n".join(head + [f"| {' | '.join(map(cell, self.line(*rows)))} |"
                                 for rows in self.lines()])

    def runs(self):
        """Which runs the values are of."""
        lines = [f"- {kind}, where there is no mark: revision `{revision}`"
                 for kind, revision in self.last.items()]
        lines += [f"- {mark}: kept from {day}, revision `{revision}`"
                  for (day, revision), mark in self.marks.items()]
        return "\n".join(lines)

    def missed(self):
        return [row for row in self.rows.values()
                if row["goal"] is not None and not row["id"].startswith("serf_") and not met(row)]

    def misses(self):
        return "\n".join(f"- `{row['id']}`, {row['figure']}: {self.value(row)}, goal "
                         f"{cell(row['op'])} {row['goal']:g}" for row in self.missed()) or "- none"

    def render(self, template):
        """The page of that template: {{table}}, {{runs}}, {{missed}}, and {{ID}} for a value."""
        parts = {"table": self.table, "runs": self.runs, "missed": self.misses}

        def fill(found):
            name = found.group(1)
            if name in parts:
                return parts[name]()
            row = self.rows.get(name) or self.lacking.get(name)
            if row is None:
                raise Wrong(f"{self.book.template}: no figure is called {name}")
            return self.value(row)
        lacking = [name for name in parts if f"{{{{{name}}}}}" not in template]
        if lacking:
            raise Wrong(f"{self.book.template}: no place for {', '.join(lacking)}")
        note = (f"<!-- Made by `./dev {self.book.name} --write` of {self.book.data} and "
                f"{self.book.template}: edit the template. -->\n")
        return note + re.sub(r"\{\{([^{}]*)\}\}", fill, template)

    def untold(self, template):
        """The ids of those that missed and of which the template says nothing."""
        return [row["id"] for row in self.missed() if row["id"] not in template]
