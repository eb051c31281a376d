# SPDX-License-Identifier: Apache-2.0
"""A vidai-mock under test, and how its tests talk to it."""
import http.client
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time

MOCK = ""  # the program's path, set by the test's main


class Mock:
    """A running vidai-mock on a free port; a context manager. SIGTERM must end it with status 0."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        ports = os.path.join(self.folder.name, "ports.json")
        self.process = subprocess.Popen(
            [MOCK, "--listen", "127.0.0.1:0", "--ports-file", ports, *self.arguments],
            stderr=subprocess.DEVNULL)
        self.port = wait_for(lambda: os.path.exists(ports) and
                             json.loads(pathlib.Path(ports).read_text()))["mock"]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.folder.cleanup()
        # Not 0: it crashed on the way, or a sanitizer found something.
        assert self.process.wait(timeout=10) == 0, self.process.returncode

    def call(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               headers or {})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def chat(self, headers=None, **fields):
        response, body = self.call("POST", "/v1/chat/completions", chat(**fields), headers)
        return response, json.loads(body)

    def stream(self, headers=None, **fields):
        """The data of each event of a streamed answer."""
        response, body = self.call("POST", "/v1/chat/completions", chat(stream=True, **fields),
                                   headers)
        assert response.getheader("content-type").startswith("text/event-stream")
        events = body.decode().split("\n\n")
        assert events.pop() == ""
        assert all(event.startswith("data: ") for event in events)
        return [event[len("data: "):] for event in events]

    def bill(self):
        """{(credential, model): row}"""
        rows = json.loads(self.call("GET", "/mock/bill")[1])["rows"]
        return {(row["credential"], row["model"]): row for row in rows}

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)


def wait_for(condition, seconds=10):
    """Polls until condition() is true and returns what it said."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"not within {seconds} s")


def chat(**fields):
    return {"model": "mock-small", "messages": [{"role": "user", "content": "Say something."}],
            **fields}


def raw_chat(**fields):
    body = json.dumps(chat(**fields)).encode()
    return (b"POST /v1/chat/completions HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer sk-raw\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)) + body


def read_all(connection):
    """All bytes until the end, and whether that end was a reset."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        return received, True
    return received, False
