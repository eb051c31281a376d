#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A tour of a three-node mesh on this machine. Started by ./dev demo."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import threading
import time

from mesh import Mesh
from programs import Failed, Mock, chat, chat_stream, wait_for

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
LIMIT = 40
REQUESTS = 70
PACE = 0.03  # seconds between two requests of the limit check


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def step(text):
    print(f"\n{paint('1;36', '==>')} {paint('1', text)}", flush=True)


def show(text):
    print("    " + text.rstrip().replace("\n", "\n    "), flush=True)


def provider_config(mock):
    """The providers and models of the demo, and what the alias stands for."""
    key, base = os.environ.get("OPENAI_API_KEY"), os.environ.get("OPENAI_BASE_URL")
    if not key and not base:
        return (f"providers:\n  mock:\n    base_url: http://127.0.0.1:{mock.port}/v1\n"
                "    api_key: demo-credential\n"
                "models:\n  demo:\n    - provider: mock\n      model: mock-model\n"
                "      price: {input: 0.15usd, output: 0.6usd}\n"
                # The mock reads its pace from the model's name.
                "  storyteller:\n    - provider: mock\n"
                "      model: fault-ttft-150+rate-25+tokens-24\n", "vidai-mock, on this machine")
    base = base or "https://api.openai.com/v1"
    model = os.environ.get("VIDAI_DEMO_MODEL", "gpt-4o-mini")
    credential = "    api_key_env: OPENAI_API_KEY\n" if key else ""
    return (f"providers:\n  upstream:\n    base_url: {json.dumps(base)}\n{credential}"
            + "models:\n" + "".join(f"  {alias}:\n    - provider: upstream\n"
                                   f"      model: {json.dumps(model)}\n"
                                   for alias in ("demo", "storyteller")), f"{model} at {base}")


def print_stream(port, key):
    tokens, started, first = 0, time.monotonic(), None
    sys.stdout.write("    " + paint("32", ""))
    for data in chat_stream(port, key, "storyteller",
                            "Introduce yourself in one sentence.", max_tokens=60):
        if data == "[DONE]":
            break
        event = json.loads(data)
        if "error" in event:
            raise Failed(f"the stream reports: {event['error']['message']}")
        for choice in event["choices"]:
            text = choice["delta"].get("content") or ""
            if text:
                first = first or time.monotonic()
                tokens += 1
                sys.stdout.write(paint("32", text))
                sys.stdout.flush()
    print()
    if not tokens:
        raise Failed("the stream brought no text")
    show(f"({tokens} pieces, first after {1000 * (first - started):.0f} ms)")


def check_limit(mesh):
    """One requests-per-minute limit is one limit, whichever node is asked."""
    secret, key_id = mesh.create_key("limited", rpm=LIMIT)
    left = 60 - time.time() % 60
    if left < REQUESTS * PACE + 5:
        show(f"waiting {left:.0f} s for the minute to turn, so that one window holds the run")
        time.sleep(left + 0.2)
    admitted, refused = 0, 0
    for i in range(REQUESTS):
        status, body, _ = chat(mesh.nodes[i % len(mesh.nodes)].port, secret, max_tokens=1)
        if status == 200:
            admitted += 1
        elif status == 429:
            refused += 1
        else:
            raise Failed(f"request {i}: unexpected status {status}: {body}")
        time.sleep(PACE)
    report = mesh.ctl("limit", "show", key_id)
    limit = next(l for l in report["limits"] if l["kind"] == "requests_per_minute")
    bound = limit["bound"]
    show(f"sent {REQUESTS} round robin, admitted {admitted}, refused {refused}; "
         f"limit {LIMIT}, published bound +{bound}")
    if not LIMIT <= admitted <= LIMIT + bound:
        raise Failed(f"admitted {admitted}, expected {LIMIT} to {LIMIT + bound}")
    show(paint("32", f"ok: {LIMIT} <= {admitted} <= {LIMIT + bound}"))


class Traffic:
    """Requests to the nodes that stay, one after the other, until told to stop."""

    def __init__(self, nodes, key):
        self.nodes, self.key = nodes, key
        self.sent, self.failed = 0, []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ending.is_set():
            try:
                status, body, _ = chat(self.nodes[self.sent % len(self.nodes)].port, self.key,
                                       max_tokens=1)
                if status != 200:
                    self.failed.append(f"{status} {body}")
            except OSError as error:
                self.failed.append(str(error))
            self.sent += 1
            self.ending.wait(0.02)

    def stop(self):
        self.ending.set()
        self.thread.join(timeout=60)
        return self.sent, self.failed


def kill_and_restart(mesh, key):
    victim, watchers = mesh.nodes[2], mesh.nodes[:2]
    traffic = Traffic(watchers, key)
    time.sleep(1)
    began = time.monotonic()
    victim.kill()
    for node in watchers:
        mesh.wait_status(node, victim.id, ("dead",), 20)
    noticed = time.monotonic() - began
    time.sleep(1)
    sent, failed = traffic.stop()
    show(mesh.run_ctl("--server", watchers[0].mesh_address, "mesh", "members"))
    show(f"both others agree after {noticed:.2f} s; {sent} requests through them meanwhile, "
         f"{len(failed)} failed")
    if failed:
        raise Failed(f"requests on living nodes failed: {failed[:3]}")
    step("starting it again, on its old data: it knows its keys and is taken back")
    victim.start()
    mesh.wait_alive(3)
    show(mesh.run_ctl("--server", watchers[0].mesh_address, "mesh", "members"))
    status = wait_for(lambda: chat(victim.port, key, max_tokens=1)[0], 10)
    if status != 200:
        raise Failed(f"the restarted node answers {status}")


def tour(mesh, served_by):
    step(f"three nodes, one mesh (models served by {served_by})")
    show(mesh.run_ctl("--server", mesh.nodes[0].mesh_address, "mesh", "members"))
    step("creating a key: vidaictl key create --name demo --rpm 600 --tpm 200000")
    key, key_id = mesh.create_key("demo", rpm=600, tpm=200000)
    show(f"{key_id} (known to all three nodes)")
    step("a streaming chat completion through node-1")
    print_stream(mesh.nodes[0].port, key)
    step(f"one limit of {LIMIT} requests per minute over three nodes")
    check_limit(mesh)
    step("kill -9 of node-3 while traffic goes on")
    kill_and_restart(mesh, key)
    return key


def farewell(mesh, key, args):
    """What to try while the mesh stays up."""
    step("the mesh is up")
    for node in mesh.nodes:
        show(f"{node.id}: http://127.0.0.1:{node.port}/v1   admin http://127.0.0.1:{node.admin}"
             f"/metrics   mesh {node.mesh_address}")
    show(f"key: {key}")
    print(f"""
  Try, from another terminal:

  curl -N http://127.0.0.1:{mesh.nodes[0].port}/v1/chat/completions \\
    -H 'authorization: Bearer {key}' -H 'content-type: application/json' \\
    -d '{{"model":"demo","stream":true,"messages":[{{"role":"user","content":"hi"}}]}}'

  VIDAICTL_CONFIG={mesh.ctl_config} {os.path.relpath(args.bin)}/vidaictl \\
    --server {mesh.nodes[0].mesh_address} mesh members

  curl -s http://127.0.0.1:{mesh.nodes[1].admin}/latency
""", flush=True)
    print("  Ctrl-C ends the demo.", flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="the folder of the programs")
    parser.add_argument("--exit", action="store_true", help="end after the tour, with a status")
    args = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, [] if args.exit else [signal.SIGTERM])
    # A short path: a Unix socket's name must fit in 107 bytes.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vidai-demo-"))
    began = time.monotonic()
    try:
        step("starting vidai-mock and three vidaid, which find each other through one seed")
        mock = Mock(args.bin, folder)
        with mock:
            config, served_by = provider_config(mock)
            with Mesh(args.bin, folder, config) as mesh:
                key = tour(mesh, served_by)
                print(f"\n{paint('1;32', 'demo passed')} in {time.monotonic() - began:.0f} s",
                      flush=True)
                if not args.exit:
                    farewell(mesh, key, args)
    except Failed as failure:
        print(f"\n{paint('1;31', 'demo failed')}: {failure}\n(logs are in {folder})",
              file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\nending the demo", flush=True)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
