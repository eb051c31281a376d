#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How late the kernel's TCP delivers under loss: many connections between two network namespaces,
small messages both ways, with the socket options of the mesh and without. Started by
`./dev chaos --tcp-delays`; run with a role it is one of the two ends. What it prints is what
tests/sim/network_test.cc holds the simulator's model against."""
import argparse
import json
import pathlib
import selectors
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "harness")]
sys.dont_write_bytecode = True

from programs import Failed  # noqa: E402  (found through the path above)

PORT = 7420
LOSS = 30             # percent of the packets, each way
CONNECTIONS = 60
MESSAGE = 150         # bytes, as a sealed probe has
USER_TIMEOUT = 10     # seconds, as mesh/transport/handshaking.cc sets it
LATER_THAN = (100, 500, 1000, 3000, 6000)  # milliseconds
# Options of Linux that Python has no names for: linux/tcp.h.
CONGESTION, THIN_LINEAR_TIMEOUTS, TCP_USER_TIMEOUT, RTO_MAX_MS = 13, 16, 18, 44
THIN = [(CONGESTION, b"reno"), (THIN_LINEAR_TIMEOUTS, 1)]
OPTIONS = {"none": [],                                       # as this machine is configured
           "thin": THIN,                                     # the mesh before Linux 6.15
           "thin+max": [*THIN, (RTO_MAX_MS, 1000)]}          # the mesh since


class End:
    """One side of all connections: sends the time on each, and notes how old what arrives is."""

    def __init__(self, options):
        self.options = options
        self.selector = selectors.DefaultSelector()
        self.delays, self.died, self.sent = [], 0, 0

    def tune(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 1000 * USER_TIMEOUT)
        for name, value in OPTIONS[self.options.variant]:
            sock.setsockopt(socket.IPPROTO_TCP, name, value)

    def add(self, sock):
        self.tune(sock)
        sock.setblocking(False)
        self.selector.register(sock, selectors.EVENT_READ, bytearray())

    def open(self):
        if self.options.role == "dial":
            for _ in range(self.options.connections):
                self.add(socket.create_connection((self.options.address, PORT), timeout=10))
            return
        with socket.create_server((self.options.address, PORT), backlog=256) as server:
            print("ready", flush=True)
            for _ in range(self.options.connections):
                self.add(server.accept()[0])

    def drop(self, sock):
        self.selector.unregister(sock)
        sock.close()
        self.died += 1

    def read(self, key):
        try:
            data = key.fileobj.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            return self.drop(key.fileobj)
        key.data.extend(data)
        now = time.monotonic_ns()
        while len(key.data) >= MESSAGE:
            self.delays.append((now - int(key.data[:20])) / 1e6)
            del key.data[:MESSAGE]

    def write(self):
        text = b"%020d" % time.monotonic_ns() + b"." * (MESSAGE - 20)
        for key in list(self.selector.get_map().values()):
            try:
                self.sent += key.fileobj.send(text) == MESSAGE
            except BlockingIOError:
                pass  # its buffer is full of older ones
            except OSError:
                self.drop(key.fileobj)

    def run(self):
        self.open()
        print("open", flush=True)
        sys.stdin.readline()
        end, turn = time.monotonic() + self.options.seconds, time.monotonic()
        while (now := time.monotonic()) < end and self.selector.get_map():
            if now >= turn:
                self.write()
                turn += self.options.every / 1000
            for key, _ in self.selector.select(max(0.0, min(turn, end) - time.monotonic())):
                self.read(key)
        print(json.dumps({"delays": self.delays, "died": self.died, "sent": self.sent}),
              flush=True)


def start(place, role, address, *more):
    """One end in its namespace."""
    argv = place.argv(sys.executable, str(pathlib.Path(__file__).resolve()), role, address, *more)
    return subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True)


def expect(process, word):
    line = process.stdout.readline().strip()
    if line != word:
        raise Failed(f"an end of the connections said '{line}' where '{word}' was due")


def trial(lab, variant, every, seconds):
    """The shares later than LATER_THAN of all that arrived, and how many connections died."""
    here, there = lab.places["a"], lab.places["b"]
    more = ["--variant", variant, "--every", every, "--seconds", seconds]
    ends = [start(here, "listen", here.address, *more)]
    try:
        expect(ends[0], "ready")
        ends.append(start(there, "dial", here.address, *more))
        for end in ends:
            expect(end, "open")
        lab.loss(LOSS)
        for end in ends:
            end.stdin.write("go\n")
            end.stdin.flush()
        found = [json.loads(end.communicate(timeout=seconds + 60)[0]) for end in ends]
    finally:
        lab.loss(0)
        for end in ends:
            end.kill()
            end.wait(timeout=10)
    delays = [delay for end in found for delay in end["delays"]]
    if not delays:
        raise Failed("nothing arrived at all")
    shares = [sum(delay > bound for delay in delays) / len(delays) for bound in LATER_THAN]
    return shares, max(end["died"] for end in found), len(delays)


def measure(lab_class, seconds):
    """Each variant of the options, with few messages and with many."""
    with tempfile.TemporaryDirectory() as folder, lab_class(folder) as lab:
        lab.add("a")
        lab.add("b")
        print(f"{CONNECTIONS} connections, {LOSS} % of packets lost each way, {seconds} s; shares "
              "of messages later than")
        print(f"{'options':>9} {'every':>7} " + "".join(f"{b:>7} ms" for b in LATER_THAN)
              + "   died   of messages")
        for every in (250, 50):
            for variant in OPTIONS:
                shares, died, count = trial(lab, variant, every, seconds)
                print(f"{variant:>9} {every:>4} ms " + "".join(f"{s:>10.4f}" for s in shares)
                      + f"{died:>7} {count:>13}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("listen", "dial"))
    parser.add_argument("address")
    parser.add_argument("--variant", choices=OPTIONS, default="thin+max")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--every", type=int, default=250, help="milliseconds between messages")
    parser.add_argument("--seconds", type=float, default=60)
    End(parser.parse_args()).run()
