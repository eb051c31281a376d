# SPDX-License-Identifier: Apache-2.0
"""One cluster in one lab, and what is timed on it: the same faults and the same stamps whether it
is of vidaid or of serf. Each trial begins and ends with a cluster that is whole."""
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

from lab import Lab
from programs import Failed
from watch import Watch

LIMIT = 120  # seconds that anything timed may take
SLOW = {"delay_ms": 150, "jitter_ms": 100, "rate_kbit": 512, "reorder_percent": 5}


class Trials:
    """A cluster that runs. A context manager.

    make: (lab, folder, count, links) -> cluster, a context manager with .nodes, .parse and .failed,
    its word for a member that is gone."""

    def __init__(self, what, make, count=3, links=()):
        self.what, self.make, self.count, self.links = what, make, count, links

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vidai-chaos-"))
        self.lab = Lab(self.folder).__enter__()
        try:
            self.cluster = self.make(self.lab, self.folder, self.count, self.links)
            self.nodes = self.cluster.nodes
            self.watch = Watch(self.cluster.parse)
            for node in self.nodes:
                self.watch.follow(node.id, node.log)
            began = time.time()
            self.cluster.__enter__()
            self.bootstrap = self.whole(began)
        except BaseException:
            self.lab.__exit__()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            self.cluster.__exit__(None, None, None)
        finally:
            self.watch.stop()
            self.lab.__exit__()
            if kind is None:
                shutil.rmtree(self.folder, ignore_errors=True)
            else:
                print(f"logs of {self.what} are in {self.folder}", file=sys.stderr)

    def whole(self, since):
        """Seconds from `since` until each says of each other that it is alive."""
        return self.took([(a, b) for a in self.nodes for b in self.nodes if a is not b], "alive",
                         since)

    def took(self, pairs, state, since):
        took = self.watch.wait([(a.id, b.id) for a, b in pairs], state, since, LIMIT)
        if took is None:
            raise Failed(f"{self.what}: not all said {state} within {LIMIT} s: "
                         f"{sorted((o, s, v.state) for (o, s), v in self.watch.latest().items())}")
        return took

    def gone(self, victim, since):
        """Seconds until all others have said that `victim` is gone."""
        return self.took([(n, victim) for n in self.nodes if n is not victim],
                         self.cluster.failed, since)

    def settle(self):
        """A moment of chance, so that a fault hits the probes at any point of their round."""
        time.sleep(1 + random.random() * 2)

    def crash(self, trial):
        victim = self.nodes[trial % len(self.nodes)]
        self.settle()
        now = time.time()
        victim.kill()
        self.watch.forget(victim.id)
        seconds = self.gone(victim, now)
        back = time.time()
        victim.start()
        self.whole(back)
        return seconds

    def silent(self, trial):
        victim = self.nodes[trial % len(self.nodes)]
        self.settle()
        now = time.time()
        victim.signal(signal.SIGSTOP)
        seconds = self.gone(victim, now)
        back = time.time()
        victim.signal(signal.SIGCONT)
        self.whole(back)
        return seconds

    def blackhole(self, trial):
        victim = self.nodes[trial % len(self.nodes)]
        self.settle()
        self.lab.isolate(victim.id)
        now = time.time()
        seconds = self.gone(victim, now)
        self.lab.heal()
        self.whole(time.time())
        return seconds

    def heal(self, seconds):
        """From the end of a split, the last node against the rest, until all agree again."""
        self.settle()
        self.lab.split([self.nodes[-1].id], [n.id for n in self.nodes[:-1]])
        now = time.time()
        self.gone(self.nodes[-1], now)
        time.sleep(max(0.0, now + seconds - time.time()))
        self.lab.heal()
        return self.whole(time.time())

    def move(self, trial):
        """The same identity at a new address, from its start until all others take it back."""
        victim = self.nodes[-1]
        victim.kill()
        self.watch.forget(victim.id)
        self.gone(victim, time.time())
        self.lab.move(victim.id, f"10.77.0.{100 + trial}")
        now = time.time()
        victim.start()
        seconds = self.took([(n, victim) for n in self.nodes if n is not victim], "alive", now)
        self.whole(now)
        return seconds

    def lossy(self, percent, seconds):
        """Deaths declared in that time under that loss, though nobody has died."""
        self.lab.loss(percent)
        return self.deaths(seconds)

    def slow(self, seconds):
        """Deaths declared in that time while the last node is behind a slow link."""
        self.lab.shape(self.nodes[-1].id, **SLOW)
        return self.deaths(seconds)

    def deaths(self, seconds):
        since = time.time()
        time.sleep(seconds)
        return self.watch.count(self.cluster.failed, since)
