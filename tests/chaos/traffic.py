#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The clients: a chat completion to each node so many times a second, on connections that are kept
while they work, and one line for each result. Run on the lab's world machine until SIGTERM.

usage: traffic.py --key KEY --rate PER_SECOND --out FILE NODE=HOST:PORT..."""
import argparse
import http.client
import json
import signal
import socket
import threading
import time

TIMEOUT = 2.0  # seconds: what a client of these tests is willing to wait
BODY = json.dumps({"model": "demo", "max_tokens": 4,
                   "messages": [{"role": "user", "content": "Say hello."}]})


class Client(threading.Thread):
    """One request after the other to one node. It is late by design when the node is slow: its
    results say what one patient client saw."""

    def __init__(self, node, address, args, write, ending):
        super().__init__(daemon=True)
        self.node, self.key, self.period = node, args.key, 1 / args.rate
        self.host, port = address.rsplit(":", 1)
        self.port, self.write, self.ending = int(port), write, ending
        self.connection = None

    def run(self):
        due = time.time()
        while not self.ending.is_set():
            began = time.time()
            status = self.call()
            ended = time.time()
            self.write({"t": round(began, 4), "node": self.node, "status": status,
                        "ms": round(1e3 * (ended - began), 2)})
            due = max(due + self.period, ended - self.period)
            self.ending.wait(max(0.0, due - time.time()))

    def call(self):
        """The status, or in one word what happened instead."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)
            self.connection.request("POST", "/v1/chat/completions", BODY, {
                "content-type": "application/json", "authorization": f"Bearer {self.key}"})
            response = self.connection.getresponse()
            response.read()
            if response.getheader("connection", "").lower() == "close":
                self.hang_up()
            return response.status
        except socket.timeout:
            fault = "timeout"
        except ConnectionRefusedError:
            fault = "refused"
        except (http.client.HTTPException, OSError) as error:
            unreachable = isinstance(error, OSError) and not isinstance(error, ConnectionError)
            fault = "unreachable" if unreachable else "cut"
        self.hang_up()
        return fault

    def hang_up(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--key", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("targets", nargs="+", metavar="NODE=HOST:PORT")
    args = parser.parse_args()
    ending, lock = threading.Event(), threading.Lock()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    with open(args.out, "w", encoding="utf-8", buffering=1) as out:
        def write(result):
            with lock:
                out.write(json.dumps(result) + "\n")
        clients = [Client(*target.split("=", 1), args, write, ending) for target in args.targets]
        for client in clients:
            client.start()
        for client in clients:
            client.join()


if __name__ == "__main__":
    main()
