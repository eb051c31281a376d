# SPDX-License-Identifier: Apache-2.0
"""The programs as an operator meets them: help, versions, wrong configuration, ports in use."""
import os
import socket
import subprocess

import suite
from mesh import Mesh, Mock, Node
from programs import chat, chat_stream, request, wait_for


def run(*argv):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=30,
                          check=False)


class Programs(suite.Suite):
    def gateway(self, *mock_arguments):
        mock = self.use(Mock(suite.BIN, self.folder, *mock_arguments))
        mesh = self.use(Mesh(suite.BIN, self.folder, suite.MODELS.format(mock=mock.port), count=1))
        return mesh, mesh.create_key("process")[0]

    def test_help_and_version_answer_and_end(self):
        for program in ("vidaid", "vidaictl", "vidai-mock"):
            done = run(suite.BIN / program, "--help")
            self.assertEqual(done.returncode, 0, program)
            self.assertIn("usage", done.stdout.lower(), program)
        done = run(suite.BIN / "vidaid", "--version")
        self.assertRegex(done.stdout, r"^vidaid \d+\.\d+\.\d+ \(revision .+\), mesh wire 1 to 2\n$")

    def test_an_unknown_flag_is_a_usage_error(self):
        self.assertEqual(run(suite.BIN / "vidaid", "--nonsense").returncode, 2)
        self.assertEqual(run(suite.BIN / "vidaid", "--workers", "x").returncode, 2)
        self.assertEqual(run(suite.BIN / "vidaictl", "key", "nonsense").returncode, 2)

    def test_an_answer_that_cannot_be_written_is_a_failure_with_its_reason(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([suite.BIN / "vidaictl", "version"], stdout=full, text=True,
                                  stderr=subprocess.PIPE, timeout=30, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write the answer", done.stderr)
        self.assertIn("No space left", done.stderr)

    def test_a_client_port_given_for_the_mesh_port_is_named_as_such(self):
        mesh, _ = self.gateway()
        for port in (mesh.nodes[0].port, mesh.nodes[0].admin):
            done = mesh.run_ctl("--server", f"127.0.0.1:{port}", "mesh", "status", check=False)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("speaks HTTP", done.stderr)

    def test_a_wrong_configuration_names_file_line_and_key(self):
        config = self.folder / "bad.yaml"
        config.write_text("listen:\n  adress: 127.0.0.1:1\n")
        done = run(suite.BIN / "vidaid", "--config", config, "--check-config")
        self.assertEqual(done.returncode, 1)
        self.assertIn("bad.yaml:2", done.stderr)
        self.assertIn("address", done.stderr, "no suggestion")
        config.write_text("listen:\n  workers: 2\n")
        done = run(suite.BIN / "vidaid", "--config", config, "--check-config")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_second_node_on_the_same_folder_or_port_is_refused_with_a_reason(self):
        mesh = self.use(Mesh(suite.BIN, self.folder, "", count=1))
        first = mesh.nodes[0]
        done = run(*first.argv)
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(first.folder), done.stderr)
        other = list(first.argv)
        other[other.index("--data-dir") + 1] = str(self.folder / "other")
        done = run(*other)
        self.assertEqual(done.returncode, 1)
        self.assertIn(first.mesh_address.split(":")[1], done.stderr)

    def test_a_node_needs_no_configuration_at_all(self):
        ports = self.folder / "ports.json"
        with subprocess.Popen([suite.BIN / "vidaid", "--data-dir", self.folder / "data",
                               "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
                               "--ports-file", ports], stderr=subprocess.DEVNULL) as node:
            try:
                wait_for(ports.exists, 20, "a bare node")
            finally:
                node.terminate()
                self.assertEqual(node.wait(timeout=20), 0)

    def test_sigterm_lets_a_stream_end(self):
        mesh, key = self.gateway("--behaviour", "rate=40,tokens=40")
        stream = chat_stream(mesh.nodes[0].port, key)
        next(stream)
        mesh.nodes[0].process.terminate()
        self.assertEqual(list(stream)[-1], "[DONE]")
        self.assertEqual(mesh.nodes[0].process.wait(timeout=20), 0)

    def test_a_draining_node_says_so_from_the_first_moment(self):
        mesh, key = self.gateway("--behaviour", "rate=20,tokens=40")
        node = mesh.nodes[0]
        stream = chat_stream(node.port, key)
        next(stream)
        self.assertEqual(request(node.admin, "GET", "/readyz")[0], 200)
        node.process.terminate()
        wait_for(lambda: request(node.admin, "GET", "/readyz")[0] == 503, 5, "readiness to end")
        self.assertIn(b"draining", request(node.admin, "GET", "/readyz")[1])
        self.assertEqual(list(stream)[-1], "[DONE]")
        self.assertEqual(node.process.wait(timeout=20), 0)

    def test_check_config_reads_the_files_that_a_start_would_read(self):
        mesh = self.use(Mesh(suite.BIN, self.folder, "", count=1))
        secrets = self.folder / "mesh"
        for arguments, env, said in (
                ((), {"VIDAI_LISTEN_TLS_CERT_FILE": "/nope", "VIDAI_LISTEN_TLS_KEY_FILE": "/nope"},
                 "/nope"),
                (("--mesh-root", secrets / "issuer.key", "--mesh-issuer", secrets / "mesh.pub"), {},
                 "issuer.key"),
                (("--mesh-root", secrets / "gone"), {}, "gone")):
            done = subprocess.run(
                [suite.BIN / "vidaid", "--config", mesh.config, "--check-config",
                 *map(str, arguments)], env={**os.environ, **env}, capture_output=True, text=True,
                timeout=30, check=False)
            self.assertEqual(done.returncode, 1, said)
            self.assertIn(said, done.stderr)

    def test_a_node_that_cannot_serve_never_shows_up_in_the_mesh(self):
        mesh = self.use(Mesh(suite.BIN, self.folder, "", count=1))
        broken = Node(mesh, 2)
        broken.argv[broken.argv.index("--listen") + 1] = f"127.0.0.1:{mesh.nodes[0].port}"
        done = run(*broken.argv)
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(mesh.nodes[0].port), done.stderr)
        self.assertEqual(list(mesh.members(mesh.nodes[0])), [mesh.nodes[0].id])

    def test_garbage_on_the_mesh_port_is_refused_and_harms_nobody(self):
        mesh, key = self.gateway()
        host, port = mesh.nodes[0].mesh_address.split(":")
        for payload in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"\xff" * 64, b""):
            with socket.create_connection((host, int(port)), timeout=10) as stranger:
                try:
                    stranger.sendall(payload)
                    stranger.shutdown(socket.SHUT_WR)
                    self.assertEqual(stranger.recv(4096), b"", "a stranger was answered")
                except (ConnectionResetError, BrokenPipeError, OSError) as error:
                    self.assertNotIsInstance(error, TimeoutError)
        self.assertEqual(chat(mesh.nodes[0].port, key)[0], 200)


if __name__ == "__main__":
    suite.main()
