# SPDX-License-Identifier: Apache-2.0
"""How long it takes until every live node refuses a key."""
import time

from nodes import NODES, Failed, three_nodes
from programs import chat

TRIALS = 40


def quantile(values, share):
    """The nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def revoke(build, report):
    """`vidaictl key revoke --wait` on three nodes: half a minute"""
    took = []
    with three_nodes(build / "bin") as mesh:
        for number in range(TRIALS):
            secret, key = mesh.create_key(f"key-{number}")
            asked = mesh.nodes[number % len(mesh.nodes)]
            began = time.monotonic()
            said = mesh.ctl("key", "revoke", key, "--wait", node=asked)
            took.append(1e3 * (time.monotonic() - began))
            if len(said["acknowledged"]) != len(mesh.nodes):
                raise Failed(f"acknowledged by {said['acknowledged']} alone")
            for node in mesh.nodes:
                status = chat(node.port, secret, model="mock-small")[0]
                if status != 401:
                    raise Failed(f"{node.id} has acknowledged a revoked key and answers {status}")
    how = (f"{NODES}, {TRIALS} trials, the whole command with its start and its handshake; each "
           "node then refused the key")
    report.row("revoke_ms_p50", "`key revoke --wait` until every live node has acknowledged, p50",
               quantile(took, 0.5), "ms", "<=", None, how, "revoke")
    report.row("revoke_ms", "`key revoke --wait` until every live node has acknowledged, p99",
               quantile(took, 0.99), "ms", "<=", 500, how, "revoke")
