# SPDX-License-Identifier: Apache-2.0
"""One node as a gateway: what goes upstream byte for byte, TLS on both sides, reload, and what the
operator's pages say of it."""
import base64
import contextlib
import http.client
import http.server
import json
import socket
import ssl
import subprocess
import threading

import suite
from mesh import Mesh, Mock, free_ports
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


# Fault models of vidai-mock (vidai-mock --help), and places where no provider is.
FAULTS = """providers:
  mock: {{base_url: "http://127.0.0.1:{mock}/v1", api_key: canary-provider-credential,
         timeouts: {{first_byte: 1s, idle: 1s}}}}
  proxy: {{base_url: "http://127.0.0.1:{proxy}/v1"}}
  gone: {{base_url: "http://127.0.0.1:{closed}/v1"}}
  nowhere: {{base_url: "http://nosuch.invalid/v1"}}
models:
  garbage: [{{provider: mock, model: fault-garbage, price: {{input: 1usd, output: 2usd}}}}]
  malformed: [{{provider: mock, model: fault-malformed, price: {{input: 1usd, output: 2usd}}}}]
  drop: [{{provider: mock, model: fault-drop, price: {{input: 1usd, output: 2usd}}}}]
  stall: [{{provider: mock, model: fault-stall, price: {{input: 1usd, output: 2usd}}}}]
  status-401: [{{provider: mock, model: fault-status-401, price: {{input: 1usd, output: 2usd}}}}]
  status-429: [{{provider: mock, model: fault-status-429+retry-after-2}}]
  status-503: [{{provider: mock, model: fault-status-503, price: {{input: 1usd, output: 2usd}}}}]
  down: [{{provider: gone, model: m}}]
  unresolved: [{{provider: nowhere, model: m}}]
  saved: [{{provider: mock, model: fault-status-401}}, {{provider: mock, model: mock-model}}]
  lost: [{{provider: proxy, model: m}}]
  reset: [{{provider: mock, model: fault-reset-after-3, price: {{input: 1usd, output: 2usd}}}}]
  hushed: [{{provider: mock, model: fault-stall-after-3, price: {{input: 1usd, output: 2usd}}}}]
  told: [{{provider: mock, model: fault-error-after-3, price: {{input: 1usd, output: 2usd}}}}]
  slow: [{{provider: mock, model: fault-rate-2+tokens-40, price: {{input: 1usd, output: 2usd}}}}]
  late: [{{provider: mock, model: fault-latency-900, price: {{input: 1usd, output: 2usd}}}}]
"""


class BareProxy(http.server.BaseHTTPRequestHandler):
    """What stands before a provider and knows nothing of its errors."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(404)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


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
        self.one_node(TLS_MODELS, f"listen:\n  tls_cert_file: {cert}\n  tls_key_file: {key}\n"
                      "log: {level: debug, format: json}\n",
                      ("--tls-cert", provider_cert, "--tls-key", provider_key), ca=provider_cert)
        context = ssl.create_default_context(cafile=cert)
        for _ in range(3):
            self.assertEqual(self.ask_over_tls(context, "good")[0], 200)
        status, body = self.ask_over_tls(context, "bad")
        self.assertEqual((status, body["error"]["code"]), (502, "upstream_unreachable"))
        line = self.wait_event("upstream.failed", what="tls_failed", provider="untrusted")
        self.assertIn("certificate", line["error"])
        self.send_plainly(b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(self.wait_event("client.tls_failed")["error"])

    def send_plainly(self, text):
        with socket.create_connection(("127.0.0.1", self.node.port), timeout=20) as plain:
            plain.sendall(text)
            with contextlib.suppress(ConnectionResetError):  # a TLS listener reads no further
                plain.recv(4096)

    def test_what_is_no_request_is_a_line_for_who_looks(self):
        self.one_node(node_lines="log: {level: debug, format: json}\n")
        self.send_plainly(b"nonsense\r\n\r\n")
        line = self.wait_event("client.malformed", error="malformed_http")
        self.assertRegex(line["peer"], r"^127\.0\.0\.1:\d+$")
        self.node.stop()
        for name, fields in (("node.starting", {"version", "revision", "build_type", "pid"}),
                             ("config.loaded", {"file", "providers", "models", "card",
                                                "unpriced"}),
                             ("node.started", {"node", "client_port", "admin_port", "mesh_port",
                                               "workers", "tls"}),
                             ("node.draining", {"cause", "connections", "limit_ms"}),
                             ("node.stopped", {"uptime_seconds", "cut"})):
            self.assertEqual(set(self.events(name)[0]) - {"ts", "level", "event"}, fields, name)
        self.assertNotIn('""', self.node.log.read_text(), "an empty field was written")

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

    def faulty_node(self):
        proxy = http.server.HTTPServer(("127.0.0.1", 0), BareProxy)
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        self.addCleanup(proxy.server_close)
        self.addCleanup(proxy.shutdown)
        self.one_node(FAULTS, "log: {level: debug, requests: true, format: json}\n",
                      closed=free_ports(1)[0], proxy=proxy.server_port)

    def events(self, name, **wanted):
        """The lines of the log of that event with these values."""
        lines = [json.loads(l) for l in self.node.log.read_text().splitlines() if l[:1] == "{"]
        return [l for l in lines if l["event"] == name
                and all(l.get(k) == v for k, v in wanted.items())]

    def wait_event(self, name, **wanted):
        return wait_for(lambda: self.events(name, **wanted), 20, f"{name} {wanted}")[0]

    def test_every_failure_of_a_provider_is_a_line_of_the_log_with_the_request_id(self):
        self.faulty_node()
        for model, event, what, status, code in (
                ("garbage", "upstream.invalid", "malformed_http", 502, "upstream_invalid"),
                ("malformed", "upstream.invalid", "not_json", 502, "upstream_invalid"),
                ("drop", "upstream.failed", "closed_before_first_byte", 502,
                 "upstream_interrupted"),
                ("stall", "upstream.failed", "first_byte_timeout", 504, "upstream_timeout"),
                ("status-401", "upstream.credential_refused", "credential_refused", 502,
                 "upstream_credential_refused"),
                ("status-503", "upstream.failed", "status", 503, None),
                ("down", "upstream.failed", "connect_failed", 502, "upstream_unreachable"),
                ("unresolved", "upstream.failed", "resolve_failed", 502, "upstream_unreachable")):
            with self.subTest(model):
                got, body, headers = chat(self.node.port, self.key, model)
                self.assertEqual((got, body["error"]["code"]), (status, code))
                self.assertIn("x-should-retry", headers)
                line = self.wait_event(event, request_id=headers["x-request-id"])
                self.assertEqual((line["what"], line["model"], line["attempt"]), (what, model, 1))
                self.assertTrue(line["provider"] and line["target"], line)
                done = self.wait_event("request.done", request_id=headers["x-request-id"])
                self.assertEqual((done["status"], done["outcome"]), (status, "error"))
                self.assertTrue(done["error"] and done["duration_us"] > 0, done)
        self.wait_event("upstream.resolve_failed", host="nosuch.invalid")

    def test_a_stream_that_broke_is_told_from_a_good_one(self):
        self.faulty_node()
        for model, what in (("reset", "broken"), ("hushed", "idle_timeout"),
                            ("told", "error_event")):
            with self.subTest(model):
                seen = [json.loads(e) for e in chat_stream(self.node.port, self.key, model)
                        if e != "[DONE]"]
                self.assertEqual(["error" in e for e in seen], [False] * 3 + [True], seen)
                line = self.wait_event("upstream.failed", model=model)
                self.assertEqual((line["what"], line["status"]), (what, 200))
                done = self.wait_event("request.done", model=model)
                self.assertEqual((done["status"], done["outcome"], done["error"]),
                                 (200, "broken", "upstream_interrupted"))

    def spent(self):
        """(micro-dollars, tokens): of the key, of the metrics."""
        text = request(self.node.admin, "GET", "/metrics")[1].decode()

        def total(name):
            return sum(float(l.rsplit(" ", 1)[1]) for l in text.splitlines()
                       if l.startswith(name))
        report = self.mesh.ctl("limit", "show", self.key_id)
        return (report["spend"]["own_micro_usd"], round(total("vidai_cost_usd_total") * 1e6),
                total("vidai_tokens_total"))

    def test_the_spend_of_the_key_and_the_metrics_agree_whatever_happened(self):
        self.faulty_node()
        # A quarter token a byte of the messages, and what is reserved for the output.
        sent = -(-len(json.dumps([{"role": "user", "content": "x" * 30}])) // 4)
        whole = sent + 2 * 1024
        expected = 0
        for model, cost in (("garbage", whole), ("malformed", whole), ("drop", whole),
                            ("stall", whole), ("status-401", 0), ("status-503", 0), ("down", 0)):
            with self.subTest(model):
                chat(self.node.port, self.key, model, content="x" * 30)
                expected += cost
                self.assertEqual(self.spent()[:2], (expected, expected))
        # Hung up before the answer: in full when not streamed, else for what came.
        for model, stream, status, least, most in (("late", False, 499, whole, whole),
                                                   ("late", True, 499, sent, sent),
                                                   ("slow", True, 200, sent, sent + 80)):
            with self.subTest(model, stream=stream):
                before, ended = self.spent()[0], len(self.events("request.done"))
                self.hang_up(model, stream)
                wait_for(lambda n=ended: len(self.events("request.done")) > n, 20, "its end")
                done = self.events("request.done")[-1]
                self.assertEqual((done["outcome"], done["status"]), ("cancelled", status))
                spend, metric, tokens = self.spent()
                self.assertEqual(spend, metric)
                self.assertEqual(spend - before, done["cost_micro_usd"])
                self.assertTrue(least <= spend - before <= most, spend - before)
                self.assertGreater(tokens, 0)

    def started(self):
        return sum(row["started"] for row in self.mock.bill()["rows"])

    def hang_up(self, model, stream):
        body = json.dumps({"model": model, "stream": stream,
                           "messages": [{"role": "user", "content": "x" * 30}]})
        before = self.started()
        connection = http.client.HTTPConnection("127.0.0.1", self.node.port, timeout=20)
        connection.request("POST", "/v1/chat/completions", body,
                           {"authorization": f"Bearer {self.key}"})
        wait_for(lambda: self.started() > before, 10, "the provider to be asked")
        if model == "slow":
            connection.getresponse().readline()
        connection.close()

    def test_a_refused_credential_of_the_gateway_is_tried_elsewhere_and_never_quoted(self):
        self.faulty_node()
        self.assertEqual(chat(self.node.port, self.key, "saved")[0], 200)
        line = self.wait_event("upstream.credential_refused", model="saved")
        self.assertEqual((line["status"], line["retried"]), (401, True))
        status, body, headers = chat(self.node.port, self.key, "status-401")
        self.assertEqual((status, headers["x-should-retry"]), (502, "false"))
        self.assertIn("not yours", body["error"]["message"])
        self.assertNotIn("mock provider", json.dumps(body))

    def test_every_refusal_is_an_openai_error_that_says_whether_to_retry(self):
        self.faulty_node()
        status, body, headers = chat(self.node.port, self.key, "lost")
        self.assertEqual((status, body["error"]["code"]), (404, "upstream_error"))
        self.assertEqual(headers["x-should-retry"], "false")
        status, body, headers = chat(self.node.port, self.key, "status-429")
        self.assertEqual((status, body["error"]["code"]), (429, "rate_limit_exceeded"))
        self.assertEqual((headers["x-should-retry"], headers["retry-after"],
                          headers["retry-after-ms"]), ("true", "2", "2000"))

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
