# SPDX-License-Identifier: Apache-2.0
"""One node as a gateway: what goes upstream byte for byte, TLS on both sides, reload, and what the
operator's pages say of it."""
import base64
import http.client
import json
import ssl
import subprocess

import suite
from mesh import Mesh, Mock
from programs import chat, chat_stream, request, wait_for

TLS_MODELS = """providers:
  trusted:
    base_url: "https://localhost:{mock}/v1"
    ca_file: "{ca}"
  untrusted: {{base_url: "https://localhost:{mock}/v1"}}
models:
  good: [{{provider: trusted, model: m}}]
  bad: [{{provider: untrusted, model: m}}]
"""


def make_certificate(folder, name):
    """A self-signed certificate for localhost and 127.0.0.1: (certificate file, key file)."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "2", "-subj", f"/CN={name}", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    return cert, key


class Gateway(suite.Suite):
    def one_node(self, models=suite.MODELS, node_lines="", mock_arguments=(), **places):
        self.mock = self.use(Mock(suite.BIN, self.folder, *mock_arguments))
        config = models.format(mock=self.mock.port, **places)
        self.mesh = self.use(Mesh(suite.BIN, self.folder, config, count=1, node_lines=node_lines))
        self.node = self.mesh.nodes[0]
        self.key, self.key_id = self.mesh.create_key("e2e", rpm=100000)

    def upstream_request(self):
        last = self.mock.call("GET", "/mock/requests?last=1")["requests"][-1]
        return base64.b64decode(last["body_base64"]), base64.b64decode(last["head_base64"])

    def test_bodies_go_upstream_byte_for_byte_but_for_the_splices(self):
        self.one_node()
        body = ('{"x":[1.50,"\\u00e9"],\n "messages" : [{"role":"user","content":"caf\u00e9"}],'
                '"model":"demo"}').encode()
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json",
                   "x-internal-note": "stay"}
        self.assertEqual(request(self.node.port, "POST", "/v1/chat/completions", body,
                                 headers)[0], 200)
        sent, head = self.upstream_request()
        self.assertEqual(sent, body.replace(b'"demo"', b'"mock-model"'))
        self.assertIn(b"Bearer canary-provider-credential", head)
        self.assertNotIn(self.key.encode(), head)
        self.assertNotIn(b"x-internal-note", head.lower())

    def test_the_bill_of_the_provider_is_the_spend_of_the_key(self):
        self.one_node()
        for i in range(5):
            status, _, _ = chat(self.node.port, self.key, content="word " * (i + 1), max_tokens=7)
            self.assertEqual(status, 200)
        list(chat_stream(self.node.port, self.key, max_tokens=9))
        rows = [r for r in self.mock.bill()["rows"]
                if "canary-provider-credential" in r["credential"]]
        cost = sum(r["input_tokens"] + 2 * r["output_tokens"] for r in rows)
        self.assertGreater(cost, 0)
        report = self.mesh.ctl("limit", "show", self.key_id)
        self.assertEqual(report["spend"]["own_micro_usd"], cost)
        self.assertTrue(report["spend"]["soft"])

    def ask_over_tls(self, context, model):
        connection = http.client.HTTPSConnection("localhost", self.node.port, context=context,
                                                 timeout=20)
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(
                {"model": model, "messages": [{"role": "user", "content": "x"}]}),
                {"authorization": f"Bearer {self.key}"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def test_tls_to_the_client_and_to_the_provider_is_verified(self):
        cert, key = make_certificate(self.folder, "gateway")
        provider_cert, provider_key = make_certificate(self.folder, "provider")
        self.one_node(TLS_MODELS, f"listen:\n  tls_cert_file: {cert}\n  tls_key_file: {key}\n",
                      ("--tls-cert", provider_cert, "--tls-key", provider_key), ca=provider_cert)
        context = ssl.create_default_context(cafile=cert)
        for _ in range(3):
            self.assertEqual(self.ask_over_tls(context, "good")[0], 200)
        status, body = self.ask_over_tls(context, "bad")
        self.assertEqual((status, body["error"]["code"]), (502, "upstream_unreachable"))

    def listed_models(self):
        headers = {"authorization": f"Bearer {self.key}"}
        body = json.loads(request(self.node.port, "GET", "/v1/models", None, headers)[1])
        return [m["id"] for m in body["data"]]

    def test_sighup_takes_new_models_without_dropping_requests(self):
        self.one_node(mock_arguments=("--behaviour", "rate=20,tokens=30"))
        stream = chat_stream(self.node.port, self.key, max_tokens=30)
        next(stream)
        text = self.mesh.config.read_text()
        self.mesh.config.write_text(text + "  second: [{provider: mock, model: other}]\n")
        self.node.signal(1)
        wait_for(lambda: "second" in self.listed_models(), 10, "the new model")
        self.assertEqual(list(stream)[-1], "[DONE]")
        self.mesh.config.write_text("nonsense: [")
        self.node.signal(1)
        wait_for(lambda: "config.rejected" in self.node.log.read_text(), 10, "the rejection")
        self.assertIn("second", self.listed_models())

    def test_metrics_latency_and_health_tell_of_it(self):
        self.one_node()
        chat(self.node.port, self.key)
        for path in ("/healthz", "/readyz"):
            self.assertEqual(request(self.node.port, "GET", path)[0], 200)
            self.assertEqual(request(self.node.admin, "GET", path)[0], 200)
        status, text, _ = request(self.node.admin, "GET", "/metrics")
        self.assertEqual(status, 200)
        self.assertIn("vidai_build_info", text.decode())
        self.assertIn("chat_completions", text.decode())
        latency = json.loads(request(self.node.admin, "GET", "/latency")[1])
        self.assertIn("p99", json.dumps(latency))
        # A web page that rebinds its name to this address reads nothing.
        self.assertNotEqual(request(self.node.admin, "GET", "/metrics",
                                    headers={"host": "evil.example"})[0], 200)

    def test_no_secret_reaches_a_log_a_metric_or_an_error(self):
        self.one_node(node_lines="log: {level: debug, requests: true}\n")
        answers = [chat(self.node.port, self.key)[1],
                   chat(self.node.port, self.key + "x")[1],
                   chat(self.node.port, self.key, "none")[1]]
        metrics = request(self.node.admin, "GET", "/metrics")[1].decode()
        self.node.stop()
        seen = json.dumps(answers) + metrics + self.node.log.read_text()
        self.assertIn("request.done", seen)
        # "sk-vidai-ID-SECRET"; the secret itself may have hyphens.
        for secret in (self.key, self.key.split("-", 3)[3], "canary-provider-credential"):
            self.assertFalse(secret in seen, "a secret was shown")


if __name__ == "__main__":
    suite.main()
