# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured: nginx, haproxy and vidaid, and the mock behind them. Each is a
context manager with .port, .key (or None) and .pids()."""
import json
import os
import pathlib
import subprocess

from . import fetch
from .machine import LOAD_CORE, TESTED_CORE, Process, free_port, read_ports

HERE = pathlib.Path(__file__).parent


class Server:
    name = ""
    key = None
    beside = None  # the pid of what shares the load generator's core

    def __init__(self, folder, upstream, stream=False, wrapper=()):
        self.folder = pathlib.Path(folder) / (self.name + ("-stream" if stream else ""))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.upstream = upstream
        self.stream = stream
        self.wrapper = list(wrapper)  # e.g. valgrind and its arguments

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.process.__exit__()

    def pids(self):
        return self.process.pids()

    def run(self, command, core=TESTED_CORE, **options):
        self.process = Process(core, [*self.wrapper, *command], self.folder / "log", **options)
        self.process.__enter__()

    def fill(self, template, **words):
        text = (HERE / template).read_text()
        for word, value in {"DIR": self.folder, "PORT": self.port, "UPSTREAM": self.upstream,
                            **words}.items():
            text = text.replace(f"@{word}@", str(value))
        path = self.folder / template
        path.write_text(text)
        return path


class Nginx(Server):
    name = "nginx"
    program = packages = None

    def start(self):
        self.port = free_port()
        config = self.fill("nginx.conf", BUFFERING="off" if self.stream else "on",
                           USER="user root;" if os.geteuid() == 0 else "")
        single = ["-g", "master_process off;"] if self.wrapper else []
        self.run([self.program, "-e", self.folder / "error.log", "-p", self.folder, "-c", config,
                  *single], env=fetch.environment(self.packages))
        self.process.accepts(self.port)


class Haproxy(Server):
    name = "haproxy"
    program = packages = None

    def start(self):
        self.port = free_port()
        config = self.fill("haproxy.cfg", NODELAY="option http-no-delay" if self.stream else "")
        self.run([self.program, "-db", "-f", config], env=fetch.environment(self.packages))
        self.process.accepts(self.port)


class Mock(Server):
    """vidai-mock in its canned mode, on the load generator's core."""
    name = "mock"
    program = None

    def __init__(self, folder, behaviour=None):
        super().__init__(folder, 0, stream=behaviour is not None)
        self.behaviour = behaviour

    def start(self):
        ports = self.folder / "ports.json"
        ports.unlink(missing_ok=True)
        pace = ["--behaviour", self.behaviour] if self.behaviour else []
        self.run([self.program, "--fast", "--listen", "127.0.0.1:0", "--ports-file", ports, *pace],
                 core=LOAD_CORE)
        self.port = read_ports(self.process, ports)["mock"]


class Vidaid(Server):
    """One node with everything on: keys, limits, routing, metering, Server-Timing, the mesh."""
    name = "vidaid"
    program = operator = None

    def start(self):
        ports = self.folder / "ports.json"
        ports.unlink(missing_ok=True)
        mesh = self.folder / "mesh"
        if not mesh.exists():
            self.vidaictl("mesh", "init", mesh)
        config = self.folder / "vidai.yaml"
        config.write_text(f"""\
listen: {{address: "127.0.0.1:0", workers: 1}}
admin: {{address: "127.0.0.1:0"}}
mesh:
  node_id: bench
  address: 127.0.0.1:0
  root_file: {json.dumps(str(mesh / 'mesh.pub'))}
  issuer_file: {json.dumps(str(mesh / 'issuer.key'))}
providers:
  mock: {{base_url: "http://127.0.0.1:{self.upstream}/v1", idle_connections_max: 4096}}
models:
  mock-small:
    - {{provider: mock, model: mock-small, price: {{input: 0.15usd, output: 0.6usd}}}}
""")
        self.run([self.program, "--config", config, "--ports-file", ports,
                  "--data-dir", self.folder / "data"])
        bound = read_ports(self.process, ports)
        self.port = bound["client"]
        self.process.accepts(self.port)
        self.key = self.create_key(f"127.0.0.1:{bound['mesh']}")

    def create_key(self, address):
        """A key with a limit of each kind, none of which the load can reach."""
        created = self.vidaictl(
            "key", "create", "--name", "bench", "--rpm", "1000000000", "--tpm", "1000000000000",
            "--concurrency", "100000", "--models", "mock-small", "--server", address, "-o", "json")
        return json.loads(created)["secret"]

    def vidaictl(self, *arguments):
        ended = subprocess.run([self.operator, *map(str, arguments)], capture_output=True,
                               text=True, timeout=60,
                               env={**os.environ, "XDG_CONFIG_HOME": str(self.folder / "config")})
        if ended.returncode != 0:
            raise RuntimeError(f"vidaictl {' '.join(map(str, arguments))}: {ended.stderr.strip()}")
        return ended.stdout


def prepare(build, wanted, say):
    """Finds or fetches the programs of `wanted` names; the classes that can be measured, and their
    versions. What is missing is said and left out, but for the mock and the load generator."""
    programs = pathlib.Path(build) / "bin"
    packages = pathlib.Path(build).parent / "peers"
    for program in ("vidai-mock", "vidai-load"):
        if not (programs / program).exists():
            raise fetch.Missing(f"{program} missing in {programs}: build it with "
                                f"`cmake --build {build} --target {program}`")
    Mock.program = programs / "vidai-mock"
    found = {}
    for server in (Nginx, Haproxy):
        if server.name not in wanted:
            continue
        try:
            server.packages = packages
            server.program = fetch.fetch(server.name, packages)
            found[server] = fetch.version(server.program, packages)
        except fetch.Missing as missing:
            say(str(missing))
    if Vidaid.name in wanted:
        Vidaid.program, Vidaid.operator = programs / "vidaid", programs / "vidaictl"
        lacking = [path.name for path in (Vidaid.program, Vidaid.operator) if not path.exists()]
        if lacking:
            say(f"vidaid missing: no {' and no '.join(lacking)} in {programs}")
        else:
            found[Vidaid] = "this build"
    return found
