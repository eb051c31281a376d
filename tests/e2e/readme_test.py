# SPDX-License-Identifier: Apache-2.0
"""README.md, "A node of your own": its commands as they stand there, one terminal for each block,
typed into an interactive shell. Only the ports are other ones, so that two runs do not meet."""
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import time

import suite
from mesh import free_ports
from programs import Failed, request, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = pathlib.Path("docs/examples/two-nodes.yaml")
BUILD = "./dev build"
PROMPT = "vidai-readme> "
PORTS = ("8080", "8081", "7420", "9420", "8090", "7430", "9430")
CTRL_C = "\x03"


def blocks():
    """The shell blocks of the section, each as its lines without the comments behind them."""
    text = (ROOT / "README.md").read_text()
    section = text.split("\n## A node of your own\n")[1].split("\n## ")[0]
    found = re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S)
    return ["\n".join(re.sub(r"\s+# .*", "", line) for line in block.splitlines())
            for block in found]


class Terminal:
    """An interactive bash on a terminal of its own, in `folder`. A context manager."""

    def __init__(self, folder, env):
        self.folder, self.env = folder, env
        self.seen = ""

    def __enter__(self):
        self.master, slave = pty.openpty()
        self.shell = subprocess.Popen(
            ["setsid", "--ctty", "bash", "--norc", "--noprofile", "-i"], stdin=slave, stdout=slave,
            stderr=slave, cwd=self.folder, env={**os.environ, **self.env, "PS1": PROMPT})
        os.close(slave)
        self.expect(PROMPT)
        return self

    def __exit__(self, *_):
        """Ends the shell and what it started: all of them are in its session, and no other."""
        listed = subprocess.run(["ps", "-o", "pid=", "-s", str(self.shell.pid)], check=False,
                                capture_output=True, text=True)
        for pid in map(int, listed.stdout.split()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.shell.wait(timeout=10)
        os.close(self.master)

    def type(self, text):
        self.seen = ""
        os.write(self.master, text.encode())

    def expect(self, text, seconds=40):
        """Everything shown since the last type(), once `text` is part of it."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
                raise Failed(f"waited {seconds} s in vain for {text!r}; shown was:\n{self.seen}")
            self.seen += os.read(self.master, 65536).decode(errors="replace")
        return self.seen

    def run(self, command):
        """Types one command, waits for its end and demands that it went well: what it showed."""
        self.type(f"{command}\n")
        self.expect(PROMPT)
        shown = self.seen
        if self.status() != 0:
            raise Failed(f"'{command}' failed:\n{shown}")
        return shown

    def status(self):
        """Of the last command."""
        self.type("echo status=$?\n")
        return int(re.search(r"\nstatus=(\d+)", self.expect(PROMPT))[1])


def commands(block):
    """A block's commands; one that goes on behind a backslash is one."""
    return block.replace("\\\n", " ").splitlines()


class Readme(suite.Suite):
    def setUp(self):
        super().setUp()
        self.ports = dict(zip(PORTS, map(str, free_ports(len(PORTS)))))
        (self.folder / "build/dev").mkdir(parents=True)
        (self.folder / "build/dev/bin").symlink_to(suite.BIN)
        example = self.folder / EXAMPLE
        example.parent.mkdir(parents=True)
        example.write_text(self.moved((ROOT / EXAMPLE).read_text()))
        # Nothing of the person who runs the tests: neither contexts, nor settings of vidaid.
        self.env = {"HOME": str(self.folder), "XDG_CONFIG_HOME": "", "VIDAICTL_CONFIG": "",
                    "VIDAI_CONFIG": "", "TERM": "dumb"}

    def moved(self, text):
        """`text` with the ports of this run."""
        return re.sub(r"(?<=:)\d{4}\b", lambda found: self.ports[found[0]], text)

    def terminal(self):
        return self.use(Terminal(self.folder, self.env))

    def start(self, block, but=()):
        """Runs a block, without its lines `but`, whose last command is a node that stays: its
        terminal."""
        terminal = self.terminal()
        *before, node = [command for command in commands(block) if command not in but]
        for command in before:
            if command != BUILD:
                terminal.run(command)
        terminal.type(f"{node}\n")
        terminal.expect("node.started")
        return terminal

    def ready(self, port):
        def answers():
            try:
                return request(int(self.ports[port]), "GET", "/readyz")[0] == 200
            except OSError:
                return False
        wait_for(answers, 30, f"the node on {port} to be ready")

    def test_a_node_of_your_own_is_what_the_page_says(self):
        first, second, client, removal = map(self.moved, blocks())
        self.assertEqual(commands(first)[0], BUILD)
        one = self.start(first)
        two = self.start(second)
        for port in ("8080", "8090"):
            self.ready(port)
        hands = self.terminal()
        shown = {command.split(" -")[0]: hands.run(command) for command in commands(client)}
        self.assertRegex(shown["vidaictl mesh members"], r"n1 +alive .*\n.*n2 +alive ")
        stream = next(text for name, text in shown.items() if name.startswith("curl"))
        self.assertGreater(stream.count("chat.completion.chunk"), 10, stream)
        self.assertIn("data: [DONE]", stream)
        self.assertIn("2 of 2 nodes answered", shown["vidaictl mesh doctor"])
        two = self.replaced(two, second)
        self.removed(hands, two, commands(removal))
        self.end(one)
        one.run("kill %1")

    def replaced(self, node, block):
        """The node that `block` starts, started again without its token: another process of the
        same name and data directory."""
        self.end(node)
        token = next(line for line in commands(block) if "token create" in line)
        again = self.start(re.sub(r"VIDAI_MESH_JOIN_FILE=\S+ ", "", block), but=(token,))
        self.ready("8090")
        return again

    def removed(self, hands, node, lines):
        drain, forget = lines
        self.assertRegex(hands.run(drain), r"Status: +left")
        self.end(node)
        self.assertRegex(hands.run(forget), r"Forgotten: +n2")
        self.assertNotIn("n2", hands.run("vidaictl mesh members"))

    def end(self, node):
        node.type(CTRL_C)
        node.expect("node.stopped")
        node.expect("\n" + PROMPT)
        self.assertEqual(node.status(), 0)


if __name__ == "__main__":
    suite.main()
