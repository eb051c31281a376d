#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The clients of a budget storm: so many at once, each with one call after the other, until the
money is gone; a line of JSON for each call, and one each time that the provider was asked for its
bill. For any OpenAI-compatible gateway. With --until-told they end no sooner than SIGTERM, which
comes when all gateways are well.

usage: clients.py --key KEY --bill HOST:PORT --out FILE NAME=HOST:PORT..."""
import argparse
import http.client
import json
import random
import signal
import socket
import threading
import time

TIMEOUT = 8.0        # seconds that a client waits for an answer
DRY = 10             # so many refusals for want of money in a row, and a gateway has none left
QUIET = 1.0          # seconds without a change, and the bill is final
ENDING_MAX = 60.0    # seconds that spending the rest may take
PAUSE = {402: 0.02, 429: 0.1, 503: 0.1}  # seconds before the next call
MIXES = {
    "plain": {"plain": 1},
    "mixed": {"plain": 50, "stream": 25, "hang_up": 10, "flaky": 6, "broken": 3, "oversized": 3,
              "unpriced": 3},
    "faulty": {"plain": 55, "stream": 25, "hang_up": 10, "flaky": 10},
}


class Kind:
    """What is asked for, and what is done with the answer."""

    def __init__(self, model, max_tokens=20, stream=False, hang_up_after=None):
        self.stream, self.hang_up_after, self.max_tokens = stream, hang_up_after, max_tokens
        fields = {"model": model, "max_tokens": max_tokens,
                  "messages": [{"role": "user", "content": "Say hello."}]}
        if stream:
            fields["stream"] = True
        self.body = json.dumps(fields).encode()

    @property
    def bound(self):
        """What no provider can bill more than, in micro-dollars: 1 USD a million tokens of input,
        of which a byte makes one at most, and 2 USD a million of output. What a gateway adds to a
        request (a longer name of the model, options of a stream) is not in it."""
        return len(self.body) + 2 * self.max_tokens


KINDS = {
    "plain": Kind("plain"),
    "stream": Kind("plain", max_tokens=40, stream=True),
    "hang_up": Kind("slow", max_tokens=200, stream=True, hang_up_after=5),
    "flaky": Kind("flaky"),
    "broken": Kind("broken", max_tokens=40, stream=True),
    "oversized": Kind("plain", max_tokens=100_000_000),
    "unpriced": Kind("unpriced"),
}


MIXES.update({name: {name: 1} for name in KINDS})


class Gateway:
    """One address that clients send to."""

    def __init__(self, name, address):
        self.name = name
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.refused = 0  # in a row, for want of money

    def tell(self, answer):
        if answer["status"] == 402 and answer["kind"] == "plain":
            self.refused += 1
        elif answer["status"] == 200:
            self.refused = 0


def code_of(body):
    try:
        return json.loads(body)["error"]["code"]
    except (ValueError, LookupError, TypeError):
        return None


def admitted(header):
    """Milliseconds that the gateway took to admit the request, as its Server-Timing says."""
    for part in (header or "").split(","):
        name, _, value = part.strip().partition(";dur=")
        if name == "admit":
            return float(value)
    return None


class Client(threading.Thread):
    def __init__(self, number, storm):
        super().__init__(daemon=True)
        self.storm, self.random = storm, random.Random(f"{storm.args.seed}.{number}")
        self.connections, self.key = {}, storm.args.key

    def run(self):
        kinds, weights = zip(*MIXES[self.storm.args.mix].items())
        while not self.storm.over.is_set():
            status = self.turn(self.random.choices(kinds, weights)[0])
            self.storm.over.wait(0.1 if isinstance(status, str) else PAUSE.get(status, 0))

    def turn(self, name):
        """One call of that kind, to one of the gateways."""
        gateway = self.random.choice(self.storm.gateways)
        answer = {"t": time.time(), "node": gateway.name, "kind": name, "code": None,
                  "admit": None}
        began = time.monotonic()
        answer["status"] = self.call(gateway, KINDS[name], answer)
        answer["ms"] = round(1e3 * (time.monotonic() - began), 2)
        gateway.tell(answer)
        self.storm.write(answer)
        return answer["status"]

    def first_calls(self):
        """One call with each key, one after the other."""
        for self.key in self.storm.args.key.split(","):
            self.turn("plain")

    def call(self, gateway, kind, answer):
        """The status, or in one word what happened instead."""
        try:
            connection = self.connections.pop(gateway.name, None) or http.client.HTTPConnection(
                gateway.host, gateway.port, timeout=TIMEOUT)
            connection.request("POST", "/v1/chat/completions", kind.body, {
                "content-type": "application/json",
                "authorization": f"Bearer {self.key}"})
            response = connection.getresponse()
            answer["admit"] = admitted(response.getheader("server-timing"))
            if response.status == 200 and kind.hang_up_after:
                for _ in range(2 * kind.hang_up_after):
                    response.readline()
                connection.close()
                return 200
            body = response.read()
            if response.status != 200:
                answer["code"] = code_of(body)
            broken_off = kind is KINDS["broken"]  # its end is the connection's, too
            if broken_off or response.getheader("connection", "").lower() == "close":
                connection.close()
            else:
                self.connections[gateway.name] = connection
            return response.status
        except socket.timeout:
            return "timeout"
        except ConnectionRefusedError:
            return "refused"
        except (http.client.HTTPException, OSError) as error:
            answer["code"] = type(error).__name__
            return "cut"


class Storm:
    def __init__(self, args, out):
        self.args, self.out, self.lock = args, out, threading.Lock()
        self.over, self.told = threading.Event(), None if args.until_told else time.monotonic()
        self.gateways = [Gateway(*target.split("=", 1)) for target in args.targets]
        self.bill_host, port = args.bill.rsplit(":", 1)
        self.bill_port = int(port)
        signal.signal(signal.SIGTERM, lambda *_: self.tell())

    def tell(self):
        self.told = self.told or time.monotonic()

    def write(self, line):
        with self.lock:
            self.out.write(json.dumps(line) + "\n")

    def provider(self, method):
        connection = http.client.HTTPConnection(self.bill_host, self.bill_port, timeout=10)
        connection.request(method, "/mock/bill")
        body = connection.getresponse().read()
        connection.close()
        return json.loads(body) if method == "GET" else None

    def billed(self):
        """What the provider charges for all calls so far, in micro-dollars, by its own count: what
        it has produced, sent or not."""
        said = self.provider("GET")
        total = sum(row["input_tokens"] + 2 * row["output_tokens"] for row in said["rows"])
        calls = sum(row["started"] - row["rejected"] for row in said["rows"])
        self.write({"t": time.time(), "billed": total, "calls": calls})
        return total

    def dry(self):
        """Whether every gateway that answers has refused long enough."""
        return all(gateway.refused >= DRY for gateway in self.gateways)

    def run(self):
        self.provider("DELETE")
        self.billed()
        clients = [Client(number, self) for number in range(self.args.clients)]
        for client in clients:
            client.start()
        while True:
            time.sleep(0.05)
            self.billed()
            now = time.monotonic()
            if self.told and (self.dry() or now - self.told > ENDING_MAX):
                break
        self.over.set()
        for client in clients:
            client.join(2 * TIMEOUT)
        last, since = self.billed(), time.monotonic()
        while time.monotonic() - since < QUIET:
            time.sleep(0.1)
            billed = self.billed()
            if billed != last:
                last, since = billed, time.monotonic()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--key", required=True)
    parser.add_argument("--once", action="store_true",
                        help="--key is many, with commas; one call with each, and no bill")
    parser.add_argument("--bill", required=True, help="the provider's mock, HOST:PORT")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--mix", choices=sorted(MIXES), default="plain")
    parser.add_argument("--until-told", action="store_true")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--out", required=True)
    parser.add_argument("targets", nargs="+", metavar="NAME=HOST:PORT")
    args = parser.parse_args()
    with open(args.out, "w", encoding="utf-8", buffering=1) as out:
        storm = Storm(args, out)
        if args.once:
            Client(0, storm).first_calls()
        else:
            storm.run()


if __name__ == "__main__":
    main()
