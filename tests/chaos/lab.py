# SPDX-License-Identifier: Apache-2.0
"""A network of our own: one namespace per machine, all on one bridge in a namespace of its own, and
faults between them. Nothing of it is in the host's namespace and nothing of it leads out.

Faults are packets dropped where they arrive, so that the sender is told nothing, as when a cable is
pulled. All rules of a machine are replaced at once whenever a fault comes or goes."""
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys

from programs import Failed

PREFIX = "vidai-chaos-"  # then the run that made it: what a dead run has left is swept away
WORLD = "world"          # the machine of clients and provider
PORTS = {"client": 8080, "mesh": 7420, "admin": 9420}
HERE = pathlib.Path(__file__).resolve().parent


def run(*argv, text=None, check=True):
    done = subprocess.run([str(a) for a in argv], input=text, capture_output=True, text=True,
                          timeout=60, check=False)
    if check and done.returncode != 0:
        raise Failed(f"`{' '.join(str(a) for a in argv)}` ended with {done.returncode}: "
                     f"{done.stderr.strip() or done.stdout.strip()}")
    return done


def why_not():
    """Why this machine cannot give us namespaces with packet filters; None when it can."""
    for tool, package in (("ip", "iproute2"), ("iptables-restore", "iptables"),
                          ("setpriv", "util-linux")):
        if not shutil.which(tool):
            return f"{tool} is missing: install {package}"
    probe = f"{PREFIX}{run_of(os.getpid())}-probe"
    try:
        run("ip", "netns", "add", probe)
        run("ip", "netns", "exec", probe, "iptables-restore",
            text="*filter\n-A INPUT -m statistic --mode random --probability 0.5 -j DROP\nCOMMIT\n")
    except Failed as failure:
        return f"network namespaces with packet filters are not permitted: {failure}"
    finally:
        run("ip", "netns", "del", probe, check=False)
    return None


def sweep():
    """Removes what runs that were killed have left behind, processes in it included."""
    for line in run("ip", "netns", "list").stdout.splitlines():
        name = line.split()[0] if line.strip() else ""
        owner = name.removeprefix(PREFIX).split("-")[0]
        if not name.startswith(PREFIX) or owner == run_of(owner.split(".")[0]):
            continue
        for pid in run("ip", "netns", "pids", name, check=False).stdout.split():
            run("kill", "-KILL", pid, check=False)
        run("ip", "netns", "del", name, check=False)


def run_of(pid):
    """That process among all that ever have its pid: when it started is part of the name. None when
    there is no such process."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return f"{pid}.{stat.rsplit(')', 1)[1].split()[19]}"


class Place:
    """One machine of the lab."""

    def __init__(self, lab, name, address):
        self.lab, self.name, self.address = lab, name, address
        self.namespace = f"{lab.prefix}-{name}"
        self.hosts = lab.folder / f"hosts-{name}"
        self.link = None  # the process of a user-space link

    def argv(self, *command):
        """That command on this machine; it dies with us, and keeps the pid it is started with."""
        dress = 'mount --bind "$0" /etc/hosts; mount --bind /dev/null /etc/resolv.conf; exec "$@"'
        return ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", self.namespace,
                "sh", "-c", dress, self.hosts, *command]

    def listen(self, role):
        return f"{self.address}:{PORTS[role]}"

    def reach(self, role):
        """Where others find it, by name: names follow a machine that moves."""
        return f"{self.name}:{PORTS[role]}"

    @property
    def advertise(self):
        return self.listen("mesh")

    def opened(self, process):
        """Its process is about to start."""

    def closed(self):
        """Its process has ended."""


class Lab:
    """Machines and the faults between them. A context manager."""

    abilities = frozenset({"cut", "loss", "move", "names", "link"})
    kind = "network namespaces"
    count = itertools.count(1)  # several labs may stand at a time

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.places, self.names, self.made = {}, {}, []
        self.blocked, self.lossy = set(), {}
        self.prefix = f"{PREFIX}{run_of(os.getpid())}-{next(self.count)}"
        self.switch = f"{self.prefix}-switch"

    def __enter__(self):
        sweep()
        try:
            self.namespace(self.switch)
            run("ip", "-n", self.switch, "link", "add", "bridge", "type", "bridge")
            run("ip", "-n", self.switch, "link", "set", "bridge", "up")
            self.add(WORLD, "10.77.0.1")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for place in self.places.values():
            if place.link:
                place.link.kill()
                place.link.wait(timeout=10)
        for name in reversed(self.made):
            run("ip", "netns", "del", name, check=False)

    def namespace(self, name):
        run("ip", "netns", "add", name)
        self.made.append(name)
        run("ip", "-n", name, "link", "set", "lo", "up")

    def add(self, name, address=None, user_space_link=False):
        """A new machine on the bridge."""
        number = len(self.places)
        place = Place(self, name, address or f"10.77.0.{10 + number}")
        self.places[name] = place
        self.namespace(place.namespace)
        if user_space_link:
            self.join_by_program(place, number)
        else:
            run("ip", "-n", self.switch, "link", "add", f"port{number}", "type", "veth",
                "peer", "name", "eth0", "netns", place.namespace)
        run("ip", "-n", self.switch, "link", "set", f"port{number}", "master", "bridge", "up")
        run("ip", "-n", place.namespace, "addr", "add", f"{place.address}/24", "dev", "eth0")
        run("ip", "-n", place.namespace, "link", "set", "eth0", "up")
        self.name(name, place.address)
        return place

    # --- names

    def name(self, name, address):
        """What every machine's resolver says of `name` from now on; None: there is none."""
        self.names[name] = address
        lines = [f"{a} {n}\n" for n, a in self.names.items() if a] + ["127.0.0.1 localhost\n"]
        for place in self.places.values():  # in place: a bind mount follows the inode
            place.hosts.write_text("".join(lines))

    # --- faults

    def cut(self, a, b):
        """No packet passes between a and b."""
        self.blocked |= {(a, b), (b, a)}
        self.apply()

    def one_way(self, source, target):
        """What source sends never arrives at target; the other way is fine."""
        self.blocked.add((source, target))
        self.apply()

    def isolate(self, name):
        """The machine is gone: from the others, from its clients and from the provider."""
        for other in self.places:
            if other != name:
                self.blocked |= {(name, other), (other, name)}
        self.apply()

    def split(self, *sides):
        """Machines of different sides do not hear each other; all reach clients and provider."""
        for side in sides:
            for other in sides:
                if side is not other:
                    self.blocked |= {(a, b) for a in side for b in other}
        self.apply()

    def loss(self, percent):
        """That share of the packets between any two nodes is lost, each way."""
        self.lossy = {n: percent for n in self.places if n != WORLD} if percent else {}
        self.apply()

    def heal(self):
        self.blocked.clear()
        self.lossy.clear()
        self.apply()

    def dropped(self):
        """Packets that the faults have cost since they were last changed."""
        total = 0
        for place in self.places.values():
            listed = run("ip", "netns", "exec", place.namespace, "iptables", "-nvxL", "INPUT")
            total += sum(int(line.split()[0]) for line in listed.stdout.splitlines()
                         if " DROP " in line and "policy" not in line)
        return total

    def apply(self):
        for place in self.places.values():
            rules = [f"-A INPUT -s {self.places[source].address} -j DROP\n"
                     for source, target in sorted(self.blocked) if target == place.name]
            percent = self.lossy.get(place.name)
            for other in self.lossy if percent else ():
                if other != place.name:
                    rules.append(f"-A INPUT -s {self.places[other].address} -m statistic "
                                 f"--mode random --probability {percent / 100} -j DROP\n")
            run("ip", "netns", "exec", place.namespace, "iptables-restore",
                text=f"*filter\n{''.join(rules)}COMMIT\n")

    def move(self, name, address):
        """Gives the machine another address; its process must not run."""
        place = self.places[name]
        run("ip", "-n", place.namespace, "addr", "flush", "dev", "eth0")
        place.address = address
        run("ip", "-n", place.namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        for other in self.places.values():  # as the newcomer's gratuitous ARP would
            run("ip", "-n", other.namespace, "neigh", "flush", "dev", "eth0")
        self.name(name, address)
        self.apply()

    def swap(self, a, b):
        """Each gets the other's address."""
        first, second = self.places[a].address, self.places[b].address
        self.move(a, "10.77.0.250")  # two machines with one address would quarrel
        self.move(b, first)
        self.move(a, second)

    def inherit(self, heir, gone):
        """The heir gets the address that the other had, and that one another."""
        address, number = self.places[gone].address, len(self.places)
        self.move(gone, f"10.77.0.{200 + number}")
        self.move(heir, address)

    # --- a link as a program, where the kernel has no netem

    def join_by_program(self, place, number):
        argv = [sys.executable, HERE / "link.py", f"port{number}", "chaoslink"]
        place.link = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", self.switch,
             *map(str, argv)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if place.link.stdout.readline() != "ready\n":
            raise Failed("the user-space link did not start: is /dev/net/tun there?")
        run("ip", "-n", self.switch, "link", "set", "chaoslink", "netns", place.namespace,
            "name", "eth0")

    def shape(self, name, **shape):
        """delay_ms, jitter_ms, rate_kbit, reorder_percent of that machine's user-space link, each
        way; none: as fast as it goes."""
        link = self.places[name].link
        link.stdin.write(json.dumps(shape) + "\n")
        link.stdin.flush()
