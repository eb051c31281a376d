# SPDX-License-Identifier: Apache-2.0
"""A DNS server on loopback whose answers a test chooses while it runs: names that move, are empty,
lie, or never answer. RFC 1035 over UDP and TCP, A, AAAA and SRV. Standard library only."""
import ipaddress
import socket
import socketserver
import struct
import threading

A, AAAA, SRV = 1, 28, 33
NXDOMAIN = 3


def encode(name):
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def decode(query, at):
    labels = []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels).lower(), at + 1


class DnsServer:
    """A context manager. `names` maps a name to what is said of it:
    a list of addresses and (priority, weight, port, target); [] says that it exists and has
    nothing; "garbage" answers with noise, "silence" not at all. What is not in it does not exist.
    With `truncate` every answer over UDP is cut and has to be asked for again over TCP."""

    def __init__(self, address="127.0.0.1", port=53):
        self.names, self.truncate, self.asked = {}, False, []
        dns = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self):
                query, sock = self.request
                answer = dns.answer(query, dns.truncate)
                if answer is not None:
                    sock.sendto(answer, self.client_address)

        class Tcp(socketserver.StreamRequestHandler):
            def handle(self):
                while len(size := self.rfile.read(2)) == 2:  # several on one connection (RFC 7766)
                    answer = dns.answer(self.rfile.read(struct.unpack(">H", size)[0]), False)
                    if answer is not None:
                        self.wfile.write(struct.pack(">H", len(answer)) + answer)

        socketserver.TCPServer.allow_reuse_address = True
        self.servers = [socketserver.ThreadingUDPServer((address, port), Udp),
                        socketserver.ThreadingTCPServer((address, port), Tcp)]
        for server in self.servers:
            server.daemon_threads = True

    def answer(self, query, truncate):
        name, end = decode(query, 12)
        kind = struct.unpack(">H", query[end:end + 2])[0]
        self.asked.append((name, kind))
        question = query[12:end + 4]
        known = self.names.get(name)
        if known == "silence":
            return None
        if known == "garbage":
            return query[:2] + b"\x81\x80\0\1\0\7" + bytes(range(200))
        if truncate:
            return query[:2] + struct.pack(">5H", 0x8380, 1, 0, 0, 0) + question
        records = [self.record(kind, value) for value in known or []]
        records = [record for record in records if record]
        flags = 0x8180 | (NXDOMAIN if known is None else 0)
        header = query[:2] + struct.pack(">5H", flags, 1, len(records), 0, 0)
        return header + question + b"".join(records)

    @staticmethod
    def record(kind, value):
        if isinstance(value, tuple):
            data = struct.pack(">3H", *value[:3]) + encode(value[3]) if kind == SRV else None
        else:
            address = ipaddress.ip_address(value)
            data = address.packed if kind == (A if address.version == 4 else AAAA) else None
        return data and b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(data)) + data

    def __enter__(self):
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()
