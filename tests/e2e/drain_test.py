# SPDX-License-Identifier: Apache-2.0
"""`vidaictl node drain` under traffic: no request is lost, the others see the node leave, and its
process waits to be stopped."""
import os
import subprocess
import threading
import time

import suite
from programs import Failed, chat, chat_stream, request, wait_for


class Balancer:
    """Clients behind a load balancer that asks /readyz as real ones do, only more often."""

    def __init__(self, nodes, key):
        self.nodes, self.key = nodes, key
        self.ready = set(nodes)
        self.done, self.served = threading.Event(), 0
        self.lost = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.probe)]
        self.threads += [threading.Thread(target=self.client, args=(i,)) for i in range(4)]

    def probe(self):
        while not self.done.is_set():
            for node in self.nodes:
                try:
                    good = request(node.port, "GET", "/readyz", timeout=2)[0] == 200
                except OSError:
                    good = False
                with self.lock:
                    (self.ready.add if good else self.ready.discard)(node)
            self.done.wait(0.05)

    def client(self, number):
        at = number
        while not self.done.is_set():
            with self.lock:
                ready = sorted(self.ready, key=lambda n: n.id)
            node = ready[at % len(ready)]
            at += 1
            try:
                if number % 2:
                    data = list(chat_stream(node.port, self.key))
                    good = data[-1] == "[DONE]" and not any('"error"' in d for d in data)
                else:
                    good = chat(node.port, self.key)[0] == 200
            except (OSError, Failed, ValueError, IndexError) as error:
                good = False
                self.lost.append(f"{node.id}: {error!r}")
            with self.lock:
                self.served += good
                if not good:
                    self.lost.append(f"{node.id}: not whole")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join(timeout=60)


class Drain(suite.ThreeNodes):
    BEHAVIOUR = ("--behaviour", "rate=40,tokens=20")

    def setUp(self):
        super().setUp()
        self.key, _ = self.mesh.create_key("traffic")

    def test_a_drained_node_loses_no_request_and_has_left(self):
        asked, leaver, other = self.mesh.nodes
        with Balancer(self.mesh.nodes, self.key) as clients:
            wait_for(lambda: clients.served >= 8, 30, "traffic")
            done = self.mesh.ctl("node", "drain", leaver.id, "--grace", "1s", "--within", "25s",
                                 node=asked)
            before = clients.served
            wait_for(lambda: clients.served >= before + 8, 30, "traffic after the drain")
        self.assertEqual(clients.lost, [])
        self.assertEqual(done["status"], "left")
        for node in (asked, other):
            self.mesh.wait_status(node, leaver.id, ("left",))
        self.assertTrue(leaver.running(), "its process must stay until it is stopped")
        status, why, _ = request(leaver.admin, "GET", "/readyz")
        self.assertEqual((status, why), (503, b"this node has left the mesh\n"))
        with self.assertRaises(OSError):
            request(leaver.port, "GET", "/readyz", timeout=2)
        again = self.mesh.ctl("mesh", "leave", leaver.id, node=asked)
        self.assertEqual(again["status"], "left")
        self.assertEqual(leaver.stop(), 0)
        leaver.start()
        self.mesh.wait_alive(3)
        self.assertEqual(chat(leaver.port, self.key)[0], 200)

    def test_a_node_drains_itself_over_its_socket_and_ends_when_it_is_told_to(self):
        node = self.mesh.nodes[1]
        socket = node.folder / "data" / "operator.sock"
        stream = chat_stream(node.port, self.key)
        next(stream)
        self.mesh.run_ctl("--server", f"unix:{socket}", "node", "drain", node.id)
        wait_for(lambda: request(node.admin, "GET", "/readyz")[0] == 503, 5, "not ready")
        node.process.terminate()  # while it drains
        self.assertEqual(list(stream)[-1], "[DONE]", "a stream was cut")
        self.assertEqual(node.process.wait(timeout=20), 0)
        self.mesh.wait_status(self.mesh.nodes[0], node.id, ("left",))

    def test_members_watched_tell_of_the_leave(self):
        asked, leaver = self.mesh.nodes[0], self.mesh.nodes[2]
        env = {**os.environ, "VIDAICTL_CONFIG": str(self.mesh.ctl_config)}
        with subprocess.Popen([suite.BIN / "vidaictl", "--server", asked.mesh_address, "mesh",
                               "members", "-w"], env=env, stdout=subprocess.PIPE,
                              text=True) as watch:
            try:
                for _ in range(4):  # the head and three nodes
                    self.assertTrue(watch.stdout.readline())
                self.mesh.ctl("mesh", "leave", leaver.id, node=asked)
                end = time.monotonic() + 20
                line = ""
                while not (leaver.id in line and " left " in line):
                    self.assertLess(time.monotonic(), end, line)
                    line = watch.stdout.readline()
                    self.assertTrue(line, "it ended by itself")
            finally:
                watch.send_signal(2)
            self.assertEqual(watch.wait(timeout=10), -2, "Ctrl-C ends it")


if __name__ == "__main__":
    suite.main()
