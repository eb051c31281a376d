# SPDX-License-Identifier: Apache-2.0
"""Where and how the measured processes run: namespace, cores, priority, ports, their end."""
import contextlib
import fcntl
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import time

TESTED_CORE, LOAD_CORE = 0, 1
INSIDE = "VIDAI_BENCH_NAMESPACE"


def enter_namespace():
    """Starts this program again in an empty network namespace, when allowed: old firewall rules
    cost time on every packet. Returns what was done, for the report."""
    if os.environ.get(INSIDE):
        raise_loopback()
        return "own network namespace"
    probe = subprocess.run(["unshare", "--net", "true"], stderr=subprocess.DEVNULL)
    if probe.returncode != 0:
        return "the machine's network namespace (no right to make another)"
    sys.stdout.flush()
    os.execvpe("unshare", ["unshare", "--net", sys.executable, *sys.argv],
               {**os.environ, INSIDE: "1"})


def raise_loopback():
    """`ip link set lo up`, for machines without ip."""
    read, write, up = 0x8913, 0x8914, 0x1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anything:
        request = fcntl.ioctl(anything, read, struct.pack("16sh22x", b"lo", 0))
        flags = struct.unpack("16sh22x", request)[1]
        fcntl.ioctl(anything, write, struct.pack("16sh22x", b"lo", flags | up))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def prefer(pid):
    """Lets a measured process go before whatever else the machine does, when allowed."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, -20)
    with contextlib.suppress(OSError):  # nice counts within a session's group only
        pathlib.Path(f"/proc/{pid}/autogroup").write_text("-20")


class Process:
    """A child pinned to one core; a context manager that ends it by its pid."""

    def __init__(self, core, command, log, **options):
        self.command = ["taskset", "-c", str(core), *map(str, command)]
        self.log = pathlib.Path(log)
        self.options = options

    def __enter__(self):
        with self.log.open("w") as log:
            self.child = subprocess.Popen(self.command, stdout=log, stderr=log,
                                          stdin=subprocess.DEVNULL, start_new_session=True,
                                          **self.options)
        self.pid = self.child.pid
        prefer(self.pid)
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def until(self, condition, what, seconds=60):
        """Polls until condition() is true and returns what it said."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise RuntimeError(f"{self.command[3]} ended with {self.child.returncode}: "
                                   + self.log.read_text()[-2000:])
            if value := condition():
                return value
            time.sleep(0.01)
        raise RuntimeError(f"{self.command[3]}: {what} did not happen within {seconds} s: "
                           + self.log.read_text()[-2000:])

    def accepts(self, port):
        def connected():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
        return self.until(connected, f"listening on port {port}")

    def pids(self):
        """Its own pid and its children's."""
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]


def read_ports(process, path):
    path = pathlib.Path(path)
    process.until(path.exists, f"writing {path.name}")
    return json.loads(path.read_text())
