# SPDX-License-Identifier: Apache-2.0
"""The lab of those who may not make namespaces: every node on loopback, and between any two of them
a proxy that can go silent. It can cut, and nothing else; and a cut connection is held instead of
lost, so that healing is easier than it is on a network."""
import asyncio
import os
import pathlib
import shutil
import threading

from lab import WORLD
from mesh import free_ports
from programs import Failed

STALL = 0.02  # seconds between two looks at whether a cut has healed


class Place:
    def __init__(self, lab, name):
        self.lab, self.name, self.process = lab, name, None
        client, mesh, admin, self.front = free_ports(4)
        self.ports = {"client": client, "mesh": mesh, "admin": admin}

    def argv(self, *command):
        return [*(["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []), *command]

    def listen(self, role):
        return f"127.0.0.1:{self.ports[role]}"

    def reach(self, role):
        return self.advertise if role == "mesh" else self.listen(role)

    @property
    def advertise(self):
        """Others come through the proxy."""
        return f"127.0.0.1:{self.front}"

    def opened(self, process):
        self.process = process
        self.lab.call(self.lab.open_front(self))

    def closed(self):
        """Nobody listens any more, so the proxy must not either."""
        self.lab.call(self.lab.close_front(self))


class LoopbackLab:
    """The same faults as Lab's, as far as a proxy can. A context manager."""

    abilities = frozenset({"cut"})
    kind = "one loopback and a proxy in user space"

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.places, self.fronts, self.blocked = {}, {}, set()
        self.held = 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        self.places[WORLD] = Place(self, WORLD)
        return self

    def __exit__(self, *_):
        async def end():
            for front in self.fronts.values():
                front.close()
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.call(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=10)
        self.loop.close()

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=10)

    def add(self, name, user_space_link=False):
        if user_space_link:
            raise Failed("a link of its own needs network namespaces")
        self.places[name] = Place(self, name)

    # --- faults

    def one_way(self, source, target):
        self.blocked.add((source, target))

    def isolate(self, name):
        self.split([name], [n for n in self.places if n != name])

    def split(self, *sides):
        for side in sides:
            for other in sides:
                if side is not other:
                    self.blocked |= {(a, b) for a in side for b in other}

    def heal(self):
        self.blocked.clear()
        self.held = 0

    def dropped(self):
        """Pieces that had to wait, in place of packets lost."""
        return self.held

    # --- the proxy, on its own thread

    async def open_front(self, place):
        if place.name not in self.fronts:
            self.fronts[place.name] = await asyncio.start_server(
                lambda reader, writer: self.relay(place, reader, writer), "127.0.0.1",
                place.front)

    async def close_front(self, place):
        front = self.fronts.pop(place.name, None)
        if front:
            front.close()

    async def relay(self, place, reader, writer):
        caller = self.owner_of(writer.get_extra_info("peername")[1])
        far = None
        try:
            await self.passage(caller, place.name)
            await self.passage(place.name, caller)
            there, far = await asyncio.open_connection("127.0.0.1", place.ports["mesh"])
            ways = [asyncio.ensure_future(self.carry(reader, far, caller, place.name)),
                    asyncio.ensure_future(self.carry(there, writer, place.name, caller))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
        except OSError:
            pass  # nobody listens there; the caller is told so below
        finally:
            for side in (writer, far):
                if side:
                    side.transport.abort()

    async def carry(self, reader, writer, source, target):
        try:
            while data := await reader.read(65536):
                await self.passage(source, target)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # a reset ends it as an end does

    async def passage(self, source, target):
        if (source, target) in self.blocked:
            self.held += 1
            while (source, target) in self.blocked:
                await asyncio.sleep(STALL)

    def owner_of(self, port):
        """Whose socket is on that port: the kernel's tables say, root or not."""
        wanted = f"0100007F:{port:04X}"
        inode = next((fields[9] for fields in map(str.split, open("/proc/net/tcp"))
                      if fields[1] == wanted), None)
        for place in self.places.values():
            if place.process is None or not place.process.running():
                continue
            folder = f"/proc/{place.process.pid}/fd"
            try:
                if any(os.readlink(f"{folder}/{fd}") == f"socket:[{inode}]"
                       for fd in os.listdir(folder)):
                    return place.name
            except OSError:
                continue  # it has just ended, or closed one
        return WORLD
