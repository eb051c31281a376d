# SPDX-License-Identifier: Apache-2.0
"""Real programs as tests, the demo and the benchmarks start them: on free ports, in a folder of
their own, ended by their own pid. Python standard library only."""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import time


class Failed(Exception):
    """Something a person should read, without a stack trace."""


def wait_for(condition, seconds=20, what="a condition"):
    """Polls until `condition()` is true and returns its value; raises Failed after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


class Process:
    """One program whose ports file tells when it serves. A context manager."""

    def __init__(self, argv, folder, name, ports_file=None, env=None):
        self.argv = [str(a) for a in argv]
        self.name = name
        self.folder = pathlib.Path(folder)
        self.log = self.folder / f"{name}.log"
        self.ports_file = pathlib.Path(ports_file) if ports_file else None
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.ports = {}

    def start(self, seconds=30):
        if self.ports_file and self.ports_file.exists():
            self.ports_file.unlink()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=self.env)
        if self.ports_file:
            def bound():
                if self.process.poll() is not None:
                    raise Failed(f"{self.name} ended with status {self.process.returncode} at its "
                                 f"start:\n{self.tail()}")
                return self.ports_file.exists()
            wait_for(bound, seconds, f"{self.name} to serve (see {self.log})")
            self.ports = json.loads(self.ports_file.read_text())
        return self

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """SIGKILL: what a crash looks like."""
        self.process.kill()
        self.process.wait(timeout=10)

    def stop(self, seconds=20):
        """SIGTERM, then the exit status; SIGKILL and Failed when it does not end in time."""
        if not self.running():
            return self.process.returncode if self.process else None
        self.process.terminate()
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=10)
            raise Failed(f"{self.name} did not end within {seconds} s of SIGTERM:\n{self.tail()}")

    def tail(self, lines=15):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.running():
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=10)


class Mock(Process):
    """vidai-mock, the provider of tests and demo."""

    def __init__(self, bin_folder, folder, *arguments, name="mock"):
        ports = pathlib.Path(folder) / f"{name}.ports.json"
        super().__init__([pathlib.Path(bin_folder) / "vidai-mock", "--listen", "127.0.0.1:0",
                          "--ports-file", ports, *arguments], folder, name, ports)

    @property
    def port(self):
        return self.ports["mock"]

    def call(self, method, path, body=None):
        return json.loads(request(self.port, method, path, body)[1] or b"null")

    def bill(self):
        return self.call("GET", "/mock/bill")


def request(port, method, path, body=None, headers=None, timeout=30, host="127.0.0.1"):
    """One HTTP request on a connection of its own: (status, body, headers)."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        payload = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        connection.request(method, path, payload, headers or {})
        response = connection.getresponse()
        return response.status, response.read(), response.headers
    finally:
        connection.close()


def chat(port, key, model="demo", content="Say hello.", timeout=30, **fields):
    """One chat completion: (status, decoded body, headers)."""
    body = {"model": model, "messages": [{"role": "user", "content": content}], **fields}
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    status, raw, headers = request(port, "POST", "/v1/chat/completions", body, headers, timeout)
    return status, json.loads(raw) if raw else None, headers


def chat_stream(port, key, model="demo", content="Say hello.", timeout=60, **fields):
    """Yields the data of each event of a streamed chat completion; raises Failed on an error."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        body = {"model": model, "stream": True,
                "messages": [{"role": "user", "content": content}], **fields}
        connection.request("POST", "/v1/chat/completions", json.dumps(body),
                           {"content-type": "application/json", "authorization": f"Bearer {key}"})
        response = connection.getresponse()
        if response.status != 200:
            raise Failed(f"streaming request: {response.status} {response.read().decode()}")
        for line in response:
            if line.startswith(b"data: "):
                yield line[6:].strip().decode()
    finally:
        connection.close()


def ensure_terminated(processes):
    for process in processes:
        if process.running():
            process.signal(signal.SIGKILL)
            process.process.wait(timeout=10)
