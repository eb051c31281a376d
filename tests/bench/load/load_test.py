# SPDX-License-Identifier: Apache-2.0
"""vidai-load measures the gateway, so it is measured here against a server whose pace is known.

Usage: load_test.py PATH_OF_VIDAI_LOAD PATH_OF_VIDAI_MOCK [unittest arguments]
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

LOAD = MOCK = ""


class Mock:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        ports = pathlib.Path(self.folder.name, "ports.json")
        self.process = subprocess.Popen(
            [MOCK, "--listen", "127.0.0.1:0", "--ports-file", ports, *self.arguments],
            stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not ports.exists():
            assert time.monotonic() < deadline, "the mock did not start"
            time.sleep(0.005)
        self.port = json.loads(ports.read_text())["mock"]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.folder.cleanup()

    def load(self, *arguments):
        ended = subprocess.run([LOAD, "--to", f"127.0.0.1:{self.port}", *map(str, arguments)],
                               capture_output=True, text=True, timeout=30)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)


def errors(report):
    return {name: count for name, count in report["errors"].items() if count}


class ClosedLoop(unittest.TestCase):
    def test_counts_exactly_the_requests_it_was_told_to_send(self):
        with Mock("--behaviour", "tokens=4") as mock:
            report = mock.load("--requests", 500, "--connections", 7)
            self.assertEqual((report["requests"], errors(report)), (500, {}))
            with urllib.request.urlopen(f"http://127.0.0.1:{mock.port}/mock/bill") as answer:
                rows = json.load(answer)["rows"]
        self.assertEqual([(row["started"], row["finished"]) for row in rows], [(500, 500)])

    def test_sees_the_servers_latency(self):
        with Mock("--behaviour", "latency=20") as mock:
            report = mock.load("--connections", 4, "--warm-up", 0.1, "--duration", 0.5)
        self.assertGreaterEqual(report["latency_us"]["p50"], 20_000)
        self.assertLess(report["requests"], 4 * 0.6 / 0.020)
        self.assertEqual(errors(report), {})

    def test_reports_the_cpu_of_watched_processes(self):
        with Mock("--fast") as mock:
            report = mock.load("--watch", mock.process.pid, "--warm-up", 0, "--duration", 0.3)
        self.assertGreater(report["watched_cpu_us_per_request"], 0)
        self.assertLessEqual(report["watched_core_use"], 1.1)

    def test_counts_what_went_wrong(self):
        with Mock() as mock:
            report = mock.load("--requests", 10, "--model", "fault-503")
            self.assertEqual(errors(report), {"status": 10, "first_status": 503})
            report = mock.load("--requests", 10, "--model", "fault-close-after-0")
            self.assertEqual(errors(report), {"broken": 10})
            report = mock.load("--requests", 10, "--expect-bytes", 1)
            self.assertEqual(errors(report), {"length": 10})

    def test_lets_keys_take_turns(self):
        with Mock("--require-key", "right") as mock, tempfile.NamedTemporaryFile("w") as keys:
            keys.write("right\nwrong\nright\n")
            keys.flush()
            report = mock.load("--requests", 30, "--connections", 1, "--keys-file", keys.name)
        self.assertEqual((report["requests"], errors(report)),
                         (20, {"status": 10, "first_status": 401}))

    def test_counts_events_and_reads_of_streams(self):
        with Mock("--fast", "--behaviour", "tokens=20,rate=200") as mock:
            report = mock.load("--stream", "--requests", 3, "--connections", 3)
        self.assertEqual((report["requests"], report["events"]), (3, 3 * (1 + 20 + 1 + 1)))
        self.assertGreater(report["reads_per_event"], 0.5)
        self.assertLessEqual(report["reads_per_event"], 1)
        self.assertGreaterEqual(report["latency_us"]["p50"], 100_000)


class OpenLoop(unittest.TestCase):
    def test_offers_the_rate_it_was_told(self):
        with Mock("--fast") as mock:
            report = mock.load("--rate", 500, "--arrivals", "uniform", "--warm-up", 0,
                               "--duration", 1)
        self.assertAlmostEqual(report["requests"], 500, delta=2)
        self.assertEqual(errors(report), {})

    def test_counts_latency_from_when_a_request_was_due(self):
        # One connection and 50 ms per answer, offered 100 in 1 s: the server takes 20 of them, and
        # the others must be seen to wait, not be left out.
        with Mock("--behaviour", "latency=50") as mock:
            report = mock.load("--rate", 100, "--arrivals", "uniform", "--connections", 1,
                               "--warm-up", 0, "--duration", 1)
        self.assertAlmostEqual(report["latency_us"]["count"], 100, delta=1)
        self.assertGreater(report["errors"]["unfinished"], 20)
        self.assertGreater(report["late_sends"], 90)
        self.assertGreater(report["latency_us"]["p50"], 1_000_000)


class TheProgram(unittest.TestCase):
    def test_explains_what_is_wrong(self):
        here = ["--to", "127.0.0.1:1"]
        for status, arguments in ((2, []), (2, ["--to", "nowhere"]), (1, here),
                                  (2, [*here, "--keys-file", "/dev/null"])):
            ended = subprocess.run([LOAD, *arguments], capture_output=True, text=True, timeout=10)
            self.assertEqual(ended.returncode, status, arguments)
            self.assertIn("vidai-load: ", ended.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    LOAD, MOCK = os.path.abspath(sys.argv.pop(1)), os.path.abspath(sys.argv.pop(1))
    unittest.main()
