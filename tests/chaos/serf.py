# SPDX-License-Identifier: Apache-2.0
"""serf agents in a lab, as the anchor: the same machines, the same faults, the same stamps as
vidaid's. Debian's package, unpacked beside the build and never installed."""
import json
import re
import subprocess

from programs import Process, ensure_terminated, wait_for

EVENT = re.compile(rb"serf: EventMember(Join|Failed|Leave|Reap): (\S+)")
STATES = {b"Join": "alive", b"Failed": "failed", b"Leave": "left", b"Reap": "left"}


def parse(line):
    """(subject, state) of one line of an agent's log, or None. Suspicions are left out: an agent
    also tells of one when it has just declared the member failed."""
    found = EVENT.search(line)
    return (found.group(2).decode(), STATES[found.group(1)]) if found else None


class Agent(Process):
    def __init__(self, cluster, index):
        self.cluster, self.id = cluster, f"node-{index}"
        self.place = cluster.lab.places[self.id]
        super().__init__([], cluster.folder, self.id)

    def start(self, seconds=30):
        first = self.cluster.lab.places["node-1"]
        place = self.place
        # An agent that joins itself is none the wiser; so the first finds the rest again, too.
        seeds = [p.address for n, p in self.cluster.lab.places.items()
                 if n != "world" and p is not place] if place is first else [first.address]
        join = [word for seed in seeds for word in ("-retry-join", seed)]
        self.argv = [str(word) for word in place.argv(
            self.cluster.program, "agent", "-node", self.id, "-bind", place.address,
            "-rpc-addr", "127.0.0.1:7373", "-log-level", "info", "-profile",
            "lan", "-retry-interval", "1s", *join)]
        return super().start(seconds)


class SerfCluster:
    """Agents on the machines of a lab. A context manager with what figures.py asks of a cluster."""

    failed = "failed"

    def __init__(self, lab, program, folder, count=3, links=()):
        self.lab, self.program, self.folder, self.parse = lab, program, folder, parse
        for index in range(1, count + 1):
            lab.add(f"node-{index}", user_space_link=f"node-{index}" in links)
        self.nodes = [Agent(self, index) for index in range(1, count + 1)]

    def __enter__(self):
        try:
            for node in self.nodes:
                node.start()
            for node in self.nodes:
                wait_for(lambda n=node: list(self.members(n).values()).count("alive")
                         == len(self.nodes), 60, f"{node.id} to see all agents")
        except BaseException:
            ensure_terminated(self.nodes)
            raise
        return self

    def __exit__(self, *_):
        ensure_terminated(self.nodes)

    def members(self, node):
        """{name: status} as that agent says; none while it does not answer yet."""
        done = subprocess.run(
            ["ip", "netns", "exec", node.place.namespace, str(self.program), "members",
             "-format=json", "-rpc-addr=127.0.0.1:7373"],
            capture_output=True, text=True, timeout=30, check=False)
        if done.returncode != 0:
            return {}
        return {m["name"]: m["status"] for m in json.loads(done.stdout)["members"]}
