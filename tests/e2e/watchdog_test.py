# SPDX-License-Identifier: Apache-2.0
"""A thread that stands still while its process goes on, as a deadlock or an endless loop would have
it: one thread of a real vidaid is held by ptrace."""
import ctypes
import json
import os
import pathlib
import unittest

import suite
from mesh import Mesh, Mock
from programs import request, wait_for

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000  # waitpid: threads too


class Held:
    """One thread of a child process, stopped; the others run. A context manager."""

    def __init__(self, pid, name):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
        self.tid = next(int(task.name) for task in tasks
                        if (task / "comm").read_text().strip() == name)

    def ask(self, what):
        if self.libc.ptrace(what, self.tid, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        try:
            self.ask(SEIZE)
        except PermissionError as error:
            raise unittest.SkipTest("ptrace is not permitted here") from error
        self.ask(INTERRUPT)
        os.waitpid(self.tid, WALL)
        return self

    def __exit__(self, *_):
        self.ask(DETACH)


class Watchdog(suite.Suite):
    def hold(self, thread, loop):
        mock = self.use(Mock(suite.BIN, self.folder))
        options = "listen: {workers: 1}\nadmin: {stall_limit: 2s}\n"
        mesh = self.use(Mesh(suite.BIN, self.folder,
                             options + suite.MODELS.format(mock=mock.port), count=1))
        node = mesh.nodes[0]

        def health():
            status, body, _ = request(node.admin, "GET", "/healthz")
            return status, body.decode()

        self.assertEqual(health(), (200, "ok\n"))
        with Held(node.pid, thread):
            wait_for(lambda: health()[0] == 503, 20, f"/healthz to tell of {loop}")
            self.assertIn(f"{loop} has not come round", health()[1])
            metrics = request(node.admin, "GET", "/metrics")[1].decode()
            self.assertRegex(metrics, rf'vidai_loop_stalls_total{{loop="{loop}"}} 1')
        wait_for(lambda: health()[0] == 200, 20, f"/healthz to see {loop} run again")
        lines = [json.loads(line) for line in node.log.read_text().splitlines()]
        stalls = [line for line in lines if line["event"] == "loop.stalled"]
        self.assertEqual([(line["loop"], line["over"]) for line in stalls],
                         [(loop, False), (loop, True)])

    def test_a_worker_that_stands_still_is_told_of(self):
        self.hold("worker", "worker-0")

    def test_the_mesh_thread_that_stands_still_is_told_of(self):
        self.hold("mesh", "mesh")


if __name__ == "__main__":
    suite.main()
