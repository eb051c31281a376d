#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A network cable as a program, where the kernel has no netem: frames between two TAP devices are
held, paced and reordered. Started by lab.py; reads one JSON object of shape() a line on standard
input and ends with it.

usage: link.py DEVICE OTHER_DEVICE"""
import fcntl
import heapq
import itertools
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
FRAMES_MAX = 1000  # held in one direction; more are lost, as in a router


def tap(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return device


class Direction:
    """One way of the cable: a queue ordered by the time at which a frame comes out."""

    def __init__(self, out):
        self.out, self.queue, self.order = out, [], itertools.count()
        self.wire_free, self.last_due = 0.0, 0.0

    def put(self, frame, now, shape):
        if len(self.queue) >= FRAMES_MAX:
            return
        delay = shape.get("delay_ms", 0) / 1e3
        delay += random.uniform(0, shape.get("jitter_ms", 0)) / 1e3
        rate = shape.get("rate_kbit", 0) * 1e3 / 8
        self.wire_free = max(now, self.wire_free) + (len(frame) / rate if rate else 0)
        due = self.wire_free + delay
        if random.uniform(0, 100) < shape.get("reorder_percent", 0):
            due = self.wire_free  # overtakes what waits, as netem has it
        else:
            due = self.last_due = max(due, self.last_due)
        heapq.heappush(self.queue, (due, next(self.order), frame))

    def send_due(self, now):
        while self.queue and self.queue[0][0] <= now:
            try:
                os.write(self.out, heapq.heappop(self.queue)[2])
            except OSError:  # the device is down, or its queue is full: frames are lost there too
                pass

    def wait(self, now):
        return max(0.0, self.queue[0][0] - now) if self.queue else 60.0


def main():
    near, far = tap(sys.argv[1]), tap(sys.argv[2])
    print("ready", flush=True)
    ways = {near: Direction(far), far: Direction(near)}
    shape = {}
    while True:
        now = time.monotonic()
        readable, _, _ = select.select([near, far, sys.stdin], [], [],
                                       min(way.wait(now) for way in ways.values()))
        now = time.monotonic()
        for source in readable:
            if source is sys.stdin:
                line = sys.stdin.readline()
                if not line:
                    return
                shape = json.loads(line)
                continue
            try:
                ways[source].put(os.read(source, 65536), now, shape)
            except OSError:
                pass
        for way in ways.values():
            way.send_due(now)


if __name__ == "__main__":
    main()
