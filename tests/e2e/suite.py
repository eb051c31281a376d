# SPDX-License-Identifier: Apache-2.0
"""What every e2e file begins with: where the programs are, and a folder of its own."""
import argparse
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "harness"))

from mesh import Mesh, Mock  # noqa: E402: the path to it is above

BIN = None

MODELS = """providers:
  mock: {{base_url: "http://127.0.0.1:{mock}/v1", api_key: canary-provider-credential}}
models:
  demo:
    - {{provider: mock, model: mock-model, price: {{input: 1usd, output: 2usd}}}}
"""


class Suite(unittest.TestCase):
    """Each test has a fresh folder, removed after it."""

    def setUp(self):
        # Short: the name of a Unix socket in it must fit in 107 bytes.
        folder = tempfile.TemporaryDirectory(prefix="vidai-e2e-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def use(self, context):
        """Enters a context manager for the rest of the test."""
        return self.enterContext(context)


class ThreeNodes(Suite):
    """A mesh of three in front of a fake provider, whose behaviour a suite may choose."""

    BEHAVIOUR = ()

    def setUp(self):
        super().setUp()
        self.mock = self.use(Mock(BIN, self.folder, *self.BEHAVIOUR))
        self.mesh = self.use(Mesh(BIN, self.folder, MODELS.format(mock=self.mock.port)))
        self.nodes = self.mesh.nodes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    args, rest = parser.parse_known_args()
    sys.modules["suite"].BIN = pathlib.Path(args.bin).resolve()
    unittest.main(module="__main__", argv=[sys.argv[0], *rest], verbosity=2)
