# SPDX-License-Identifier: Apache-2.0
"""Says how many seeds of each tier have been run in all, by what seeds_total.json keeps: what each
long run printed with --json, its tier where that is 2, and for failures a note of what they were.
Fails when an entry does not add up."""
import json
import pathlib
import sys


def wrong(entry):
    ran = entry["clean"] + entry["failed"]
    if ran != entry["last"] - entry["first"] + 1:
        return f"{ran} seeds of {entry['first']}..{entry['last']}"
    if entry["failed"] > 0 and not entry.get("note"):
        return f"{entry['failed']} failures of {entry['first']}..{entry['last']} without a note"
    return None


def main():
    entries = json.loads((pathlib.Path(__file__).parent / "seeds_total.json").read_text())
    faults = [why for why in map(wrong, entries) if why]
    ranges = sorted((str(e.get("tier", 1)), e["first"], e["last"]) for e in entries)
    faults += [f"{b[1]}..{b[2]} of tier {b[0]} is counted twice in part"
               for a, b in zip(ranges, ranges[1:]) if a[0] == b[0] and b[1] <= a[2]]
    for tier in (1, 2, "money"):
        of = [e for e in entries if e.get("tier", 1) == tier]
        clean, failed = (sum(e[what] for e in of) for what in ("clean", "failed"))
        print(f"tier {tier}: {clean + failed} seeds, {failed} of them failed when they ran first")
    for why in faults:
        print(f"seeds_total.json: {why}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
