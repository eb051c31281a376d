# SPDX-License-Identifier: Apache-2.0
"""The tools of the chaos suite: what they read, wait for, delay and draw."""
import pathlib
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "harness")]
sys.dont_write_bytecode = True

import cluster  # noqa: E402  (found through the path above)
import link  # noqa: E402
import serf  # noqa: E402
from timeline import Timeline  # noqa: E402
from watch import View, Watch  # noqa: E402


class Logs(unittest.TestCase):
    def test_of_vidaid_tell_of_members_and_of_nothing_else(self):
        line = b'{"ts":"x","event":"mesh.member","node":"node-2","state":"%s"}'
        self.assertEqual(cluster.parse(line % b"joined"), ("node-2", "alive"))
        self.assertEqual(cluster.parse(line % b"dead"), ("node-2", "dead"))
        self.assertIsNone(cluster.parse(line % b"self_refuted"))
        self.assertIsNone(cluster.parse(b'{"event":"node.started","node":"node-2"}'))

    def test_of_serf_tell_of_events_and_not_of_what_comes_too_late(self):
        self.assertEqual(serf.parse(b"x [INFO] serf: EventMemberFailed: node-2 10.77.0.12"),
                         ("node-2", "failed"))
        self.assertEqual(serf.parse(b"x [INFO] serf: EventMemberJoin: node-2 10.77.0.12"),
                         ("node-2", "alive"))
        self.assertIsNone(serf.parse(b"x [INFO] memberlist: Suspect node-2 has failed, no acks"))


class Watching(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = pathlib.Path(folder.name) / "log"
        self.watch = Watch(lambda line: tuple(line.decode().split()) if line else None)
        self.addCleanup(self.watch.stop)
        self.watch.follow("a", self.log)

    def test_sees_whole_lines_of_a_log_that_comes_later(self):
        self.log.write_text("b alive\nc al")
        began = time.time()
        self.assertIsNotNone(self.watch.wait([("a", "b")], "alive", began, 10))
        self.assertIsNone(self.watch.wait([("a", "c")], "alive", began, 0.05))
        with self.log.open("a") as log:
            log.write("ive\n")
        self.assertIsNotNone(self.watch.wait([("a", "b"), ("a", "c")], "alive", began, 10))

    def test_takes_the_last_word_and_forgets_that_of_a_node_that_starts_anew(self):
        self.watch.views = [View(1.0, "a", "b", "dead"), View(3.5, "a", "b", "alive")]
        self.assertEqual(self.watch.wait([("a", "b")], "alive", 1.5, 0), 2.0)
        self.assertIsNone(self.watch.wait([("a", "b")], "dead", 1.5, 0))
        self.assertEqual(self.watch.said("dead", 0.5), [("a", "b")])
        self.watch.forget("a")
        self.assertIsNone(self.watch.wait([("a", "b")], "alive", 1.5, 0))


class Cable(unittest.TestCase):
    def due(self, frames, **shape):
        way = link.Direction(out=None)
        for frame in frames:
            way.put(frame, 100.0, shape)
        return [(round(due - 100.0, 3), frame) for due, _, frame in sorted(way.queue)]

    def test_holds_frames_as_long_as_its_delay_and_its_rate_ask_for(self):
        self.assertEqual(self.due([b"a" * 125, b"b" * 125], delay_ms=50, rate_kbit=10),
                         [(0.15, b"a" * 125), (0.25, b"b" * 125)])

    def test_keeps_the_order_unless_told_otherwise(self):
        frames = [bytes([i]) for i in range(100)]
        kept = self.due(frames, delay_ms=10, jitter_ms=50)
        self.assertEqual([frame for _, frame in kept], frames)
        mixed = self.due(frames, delay_ms=10, jitter_ms=50, reorder_percent=50)
        self.assertNotEqual([frame for _, frame in mixed], frames)

    def test_loses_what_does_not_fit(self):
        self.assertEqual(len(self.due([b"x"] * (link.FRAMES_MAX + 5), delay_ms=1)),
                         link.FRAMES_MAX)


class Pictures(unittest.TestCase):
    def test_show_each_node_event_and_verdict_and_stand_alone(self):
        timeline = Timeline("try <it>", "A claim & more.", "here")
        timeline.nodes = ["node-1", "node-2"]
        now = timeline.event("fault", "kill -9 of node-1", "node-1", "stopped")
        timeline.views = [View(now, "node-2", "node-1", "dead"),
                          View(now + 99, "node-2", "node-1", "left")]
        timeline.clients = [{"t": now, "node": "node-1", "status": "refused", "ms": 0.5}]
        timeline.check("it is dead", False, "it is <not>")
        self.assertFalse(timeline.passed)
        timeline.end()
        with tempfile.TemporaryDirectory() as folder:
            drawn = timeline.write(folder).read_text()
        words = " ".join(e.text or "" for e in xml.etree.ElementTree.fromstring(drawn).iter())
        for word in ("try <it>: FAILED", "A claim & more.", "node-2 says", "kill -9 of node-1",
                     "0 of 1 ok", "it is dead (it is <not>)"):
            self.assertIn(word, words)
        self.assertNotIn("href", drawn)
        self.assertEqual([v["state"] for v in timeline.as_json()["views"]], ["dead"])

    def test_of_nothing_required_are_not_passed(self):
        self.assertFalse(Timeline("empty", "", "").passed)


if __name__ == "__main__":
    unittest.main()
