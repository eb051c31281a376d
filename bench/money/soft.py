# SPDX-License-Identifier: Apache-2.0
"""How far a limit in requests a minute is overshot by three nodes under more than it allows."""
import time

from nodes import NODES, Failed, Load, three_nodes, wait_for

TRIALS, LIMIT, RATE = 5, 12_000, 400   # of requests a minute; a second and node
SECONDS = 20                           # of one window: nodes cut time at whole minutes


def standing(mesh, node, name):
    """(used, bound) of the limit's one counter, as that node tells; nothing before its first."""
    counters = mesh.ctl("limit", "show", name, node=node)["counters"]
    return (counters[0]["own"] + counters[0]["known"], counters[0]["bound"]) if counters else (0, 0)


def published(mesh, name):
    """The bound that was told last before the limit was reached, while it is being reached."""
    end, last = time.monotonic() + SECONDS, None
    while time.monotonic() < end:
        used, bound = standing(mesh, mesh.nodes[0], name)
        if used >= LIMIT:
            if last is None:
                raise Failed(f"{name} was reached before a bound could be read")
            return last
        last = bound or last
    raise Failed(f"{name} was not reached: {used} of {LIMIT} used in {SECONDS} s")


def in_one_window():
    """Waits for the next minute where a trial would cross into it: what the one before had left
    would be weighed in, evenly spread, and the count be another than that of one window."""
    left = 60 - time.time() % 60
    if left < SECONDS + 10:
        time.sleep(left)


def trial(mesh, number):
    """(overshot by so many requests, the bound published, refused)"""
    name = f"limit-{number}"
    secret, _ = mesh.create_key(name, team=name)
    mesh.ctl("limit", "create", name, "--scope", f"team={name}", "--requests", f"{LIMIT}/1m",
             "--wait")
    in_one_window()
    with Load(mesh, RATE, SECONDS, 0, [secret]) as under_way:
        bound = published(mesh, name)
        said = under_way.reports()
    served = sum(one["requests"] for one in said)
    # Of these nobody knows whether they were let through.
    served += sum(one["errors"]["broken"] + one["errors"]["unfinished"] for one in said)
    refused = sum(one["errors"]["status"] for one in said)
    if not refused:
        raise Failed(f"nothing was refused, {served} requests were served: no limit was tried")
    wrong = {one["errors"]["first_status"] for one in said} - {429, 0}
    if wrong:
        raise Failed(f"requests were answered with {wrong}")
    wait_for(lambda: all(standing(mesh, node, name)[0] >= served for node in mesh.nodes), 20,
             "all nodes to know all that was served")
    return served - LIMIT, bound, refused


def soft(build, report):
    """overshoot of a limit in requests a minute on three nodes: two minutes"""
    with three_nodes(build / "bin") as mesh:
        trials = []
        for number in range(TRIALS):
            trials.append(trial(mesh, number))
            print("  trial {}: overshot by {}, bound {}, refused {}".format(number, *trials[-1]),
                  flush=True)
    how = (f"{NODES}, {TRIALS} trials, {LIMIT:,} requests/min, offered {RATE}/s and node for "
           f"{SECONDS} s from nothing; overshot by {', '.join(str(one[0]) for one in trials)}, "
           f"published bounds {', '.join(str(one[1]) for one in trials)}")
    report.row("soft_overshoot", "overshoot of a soft limit / the bound published in that run",
               max(max(0, over) / bound for over, bound, _ in trials), "", "<=", 1, how, "soft")
    report.row("soft_overshoot_share", "the same, of the limit",
               100 * max(max(0, over) for over, _, _ in trials) / LIMIT, "%", "<=", 1, how, "soft")
