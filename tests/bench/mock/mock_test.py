# SPDX-License-Identifier: Apache-2.0
"""vidai-mock is the oracle of other tests, so its shapes, faults and bill are proved here first.

Usage: mock_test.py PATH_OF_VIDAI_MOCK [unittest arguments]
"""
import base64
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

import mock_client
from mock_client import Mock, chat, raw_chat, read_all, wait_for


class Shapes(unittest.TestCase):
    def test_a_whole_answer_is_a_chat_completion(self):
        with Mock("--behaviour", "tokens=7,cached=3") as mock:
            response, answer = mock.chat()
        self.assertEqual(response.status, 200)
        self.assertEqual(response.getheader("content-type"), "application/json")
        self.assertTrue(response.getheader("x-request-id"))
        self.assertEqual(answer["object"], "chat.completion")
        self.assertEqual(answer["model"], "mock-small")
        choice = answer["choices"][0]
        self.assertEqual((choice["index"], choice["finish_reason"]), (0, "stop"))
        self.assertEqual(choice["message"]["role"], "assistant")
        self.assertTrue(choice["message"]["content"])
        usage = answer["usage"]
        self.assertEqual(usage["completion_tokens"], 7)
        self.assertEqual(usage["prompt_tokens"], 3 + 4 + 4)  # 14 bytes of text
        self.assertEqual(usage["total_tokens"], 18)
        self.assertEqual(usage["prompt_tokens_details"]["cached_tokens"], 3)

    def test_a_stream_opens_with_the_role_and_ends_with_a_reason_and_done(self):
        with Mock("--behaviour", "tokens=3") as mock:
            events = mock.stream()
        self.assertEqual(events[-1], "[DONE]")
        chunks = [json.loads(event) for event in events[:-1]]
        self.assertEqual(len(chunks), 1 + 3 + 1)
        self.assertEqual(len({chunk["id"] for chunk in chunks}), 1)
        self.assertTrue(all(chunk["object"] == "chat.completion.chunk" for chunk in chunks))
        self.assertTrue(all("usage" not in chunk for chunk in chunks))
        self.assertEqual(chunks[0]["choices"][0]["delta"]["role"], "assistant")
        reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
        self.assertEqual(reasons, [None] * 4 + ["stop"])

    def test_a_stream_that_includes_usage_says_null_until_its_last_chunk(self):
        with Mock("--behaviour", "tokens=3") as mock:
            events = mock.stream(stream_options={"include_usage": True})
        chunks = [json.loads(event) for event in events[:-1]]
        self.assertTrue(all(chunk["usage"] is None for chunk in chunks[:-1]))
        self.assertEqual(chunks[-1]["choices"], [])
        self.assertEqual(chunks[-1]["usage"]["completion_tokens"], 3)

    def test_words_follow_from_the_seed_and_the_messages(self):
        def words(*arguments, **fields):
            with Mock(*arguments) as mock:
                return mock.chat(**fields)[1]["choices"][0]["message"]["content"]
        first = words()
        self.assertEqual(first, words())
        self.assertEqual(first, words(user="someone", temperature=1))
        self.assertNotEqual(first, words("--seed", "2"))
        self.assertNotEqual(first, words(messages=[{"role": "user", "content": "Other."}]))
        with Mock() as mock:
            deltas = [json.loads(event)["choices"][0]["delta"].get("content", "")
                      for event in mock.stream()[:-1]]
        self.assertEqual(first, "".join(deltas))

    def test_n_choices_are_each_complete(self):
        with Mock("--behaviour", "tokens=4") as mock:
            whole = mock.chat(n=3)[1]
            events = mock.stream(n=3)
        self.assertEqual([choice["index"] for choice in whole["choices"]], [0, 1, 2])
        self.assertEqual(whole["usage"]["completion_tokens"], 12)
        texts = ["", "", ""]
        for event in events[:-1]:
            choice = json.loads(event)["choices"][0]
            texts[choice["index"]] += choice["delta"].get("content", "")
        self.assertEqual(texts, [choice["message"]["content"] for choice in whole["choices"]])

    def test_the_callers_maximum_cuts_the_answer_short(self):
        with Mock() as mock:
            for field in ("max_tokens", "max_completion_tokens"):
                answer = mock.chat(**{field: 2})[1]
                self.assertEqual(answer["usage"]["completion_tokens"], 2)
                self.assertEqual(answer["choices"][0]["finish_reason"], "length")
            answer = mock.chat(max_tokens=2, max_completion_tokens=3)[1]
            self.assertEqual(answer["usage"]["completion_tokens"], 3)

    def test_models_are_listed(self):
        with Mock("--model", "one", "--model", "two") as mock:
            listing = json.loads(mock.call("GET", "/v1/models")[1])
        self.assertEqual(listing["object"], "list")
        self.assertEqual([model["id"] for model in listing["data"]], ["one", "two"])
        self.assertTrue(all(model["object"] == "model" for model in listing["data"]))

    def test_what_is_wrong_gets_the_error_shape(self):
        with Mock("--require-key", "sk-right") as mock:
            key = {"Authorization": "Bearer sk-right"}
            cases = [(401, mock.chat()),
                     (401, mock.chat({"Authorization": "Bearer sk-wrong"})),
                     (400, mock.chat(key, model=7)),
                     (400, mock.chat(key, messages=[])),
                     (400, mock.chat(key, n=0)),
                     (400, mock.chat({**key, "x-mock-fault": "no-such-thing"}))]
            for status, (response, answer) in cases:
                self.assertEqual(response.status, status)
                self.assertEqual(set(answer["error"]), {"message", "type", "param", "code"})
            self.assertEqual(mock.chat(key)[0].status, 200)
            self.assertEqual(mock.call("GET", "/v1/nothing", headers=key)[0].status, 404)


class Framing(unittest.TestCase):
    def test_pipelined_requests_are_answered_in_order_on_one_connection(self):
        with Mock("--behaviour", "tokens=1") as mock, mock.connect() as connection:
            connection.sendall(raw_chat(model="one") + raw_chat(model="two", stream=True) +
                               raw_chat(model="three"))
            received = b""
            while b'"model":"three"' not in received:
                received += connection.recv(65536)
            places = [received.index(b'"model":"%s"' % name) for name in (b"one", b"two", b"three")]
            self.assertEqual(places, sorted(places))
            stats = json.loads(mock.call("GET", "/mock/stats")[1])
            self.assertEqual(stats["requests"], 3)

    def test_a_chunked_request_is_understood(self):
        body = json.dumps(chat(model="chunky")).encode()
        with Mock() as mock, mock.connect() as connection:
            connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nConnection: close\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n"
                               b"5\r\n" + body[:5] + b"\r\n%x\r\n" % (len(body) - 5) + body[5:] +
                               b"\r\n0\r\n\r\n")
            received, _ = read_all(connection)
        self.assertTrue(received.startswith(b"HTTP/1.1 200 "))
        self.assertIn(b'"model":"chunky"', received)

    def test_bytes_that_are_no_request_get_400_and_the_end(self):
        for bad in (b"hello\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                    b"A" * 100_000):
            with Mock() as mock, mock.connect() as connection:
                connection.sendall(bad)
                received, _ = read_all(connection)
                self.assertTrue(received.startswith(b"HTTP/1.1 400 "), bad[:20])

    def test_tls_is_spoken_with_a_certificate(self):
        with tempfile.TemporaryDirectory() as folder:
            cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-days", "1", "-subj", "/CN=localhost", "-addext",
                 "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with Mock("--tls-cert", cert, "--tls-key", key) as mock:
                trust = ssl.create_default_context(cafile=cert)
                connection = http.client.HTTPSConnection("localhost", mock.port, timeout=10,
                                                         context=trust)
                connection.request("POST", "/v1/chat/completions",
                                   json.dumps(chat(stream=True, max_tokens=500)))
                self.assertIn(b"[DONE]", connection.getresponse().read())
                connection.close()


class Faults(unittest.TestCase):
    def ends(self, fault, stream):
        """What a client sees of a call with that fault: its bytes, and if the end was a reset."""
        with Mock() as mock, mock.connect() as connection:
            connection.sendall(raw_chat(model="fault-" + fault, stream=stream))
            return read_all(connection)

    def test_a_status_comes_with_its_headers(self):
        with Mock() as mock:
            fault = {"x-mock-fault":
                     "status=429, retry-after=2, retry-after-ms=1500, should-retry=0"}
            response, answer = mock.chat(fault)
            self.assertEqual(response.status, 429)
            self.assertEqual(response.getheader("retry-after"), "2")
            self.assertEqual(response.getheader("retry-after-ms"), "1500")
            self.assertEqual(response.getheader("x-should-retry"), "false")
            self.assertEqual(answer["error"]["code"], "rate_limit_exceeded")
            self.assertEqual(mock.chat(model="fault-503+retry-after-1")[0].status, 503)

    def test_drop_closes_without_a_word(self):
        self.assertEqual(self.ends("drop", False), (b"", False))

    def test_garbage_is_not_http(self):
        received, _ = self.ends("garbage", False)
        self.assertTrue(received)
        self.assertFalse(received.startswith(b"HTTP/"))

    def test_malformed_is_good_http_around_broken_json(self):
        with Mock() as mock:
            response, body = mock.call("POST", "/v1/chat/completions",
                                       chat(model="fault-malformed"))
            self.assertEqual(response.status, 200)
            self.assertRaises(json.JSONDecodeError, json.loads, body)
            events = mock.stream(model="fault-malformed")
            self.assertRaises(json.JSONDecodeError, json.loads, events[1])

    def test_a_stream_breaks_off_after_so_many_events(self):
        for fault, reset in (("reset-after-2", True), ("close-after-2", False)):
            received, was_reset = self.ends(fault, True)
            self.assertEqual(received.count(b"data: "), 2, fault)
            self.assertEqual(was_reset, reset, fault)
            self.assertNotIn(b"\r\n0\r\n", received)

    def test_a_whole_answer_breaks_off_in_its_body(self):
        received, was_reset = self.ends("reset-after-0", False)
        head, body = received.split(b"\r\n\r\n", 1)
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.assertTrue(was_reset)
        self.assertTrue(0 < len(body) < length)

    def test_an_error_event_ends_a_stream_in_good_framing(self):
        with Mock() as mock:
            events = mock.stream(model="fault-error-after-3")
        self.assertEqual(len(events), 4)
        self.assertIn("message", json.loads(events[-1])["error"])

    def test_stall_is_silence_until_the_client_leaves(self):
        with Mock() as mock:
            with mock.connect() as connection:
                connection.sendall(raw_chat(model="fault-stall"))
                row = lambda: mock.bill().get(("sk-raw", "fault-stall"))
                wait_for(row)
                connection.settimeout(0.1)
                self.assertRaises(TimeoutError, connection.recv, 1)
                self.assertEqual(row()["aborted"], 0)
            wait_for(lambda: row()["aborted"] == 1)

    def test_slow_trickles(self):
        with Mock() as mock:
            begin = time.monotonic()
            mock.chat(model="fault-slow-4000")  # about 1 kB
            self.assertGreater(time.monotonic() - begin, 0.1)

    def test_no_usage_and_no_done_leave_them_out(self):
        with Mock() as mock:
            self.assertNotIn("usage", mock.chat(model="fault-no-usage")[1])
            events = mock.stream(model="fault-no-usage+no-done",
                                 stream_options={"include_usage": True})
        self.assertNotIn("[DONE]", events)
        self.assertTrue(all("usage" not in json.loads(event) for event in events))

    def test_pace_holds_tokens_back(self):
        with Mock("--behaviour", "latency=20,ttft=30,rate=100,tokens=6") as mock:
            begin = time.monotonic()
            mock.stream()
            self.assertGreaterEqual(time.monotonic() - begin, 0.100)
            begin = time.monotonic()
            mock.chat()
            self.assertGreaterEqual(time.monotonic() - begin, 0.100)

    def test_rules_touch_the_calls_they_name_as_often_as_they_say(self):
        with Mock() as mock:
            def post(**rule):
                return mock.call("POST", "/mock/faults", rule)[0].status
            self.assertEqual(post(fault="status=503", model="m", count=2), 200)
            self.assertEqual([mock.chat(model="m")[0].status for _ in range(3)], [503, 503, 200])
            self.assertEqual(post(fault="status=500", credential="sk-1"), 200)
            self.assertEqual(mock.chat({"Authorization": "Bearer sk-1"})[0].status, 500)
            self.assertEqual(mock.chat({"Authorization": "Bearer sk-2"})[0].status, 200)
            listing = json.loads(mock.call("GET", "/mock/faults")[1])["faults"]
            self.assertEqual([(rule["left"], rule["hits"]) for rule in listing],
                             [(0, 2), (None, 1)])
            mock.call("DELETE", f"/mock/faults/{listing[1]['id']}")
            self.assertEqual(mock.chat({"Authorization": "Bearer sk-1"})[0].status, 200)
            post(fault="status=502", probability=0.5)
            seen = {mock.chat()[0].status for _ in range(40)}
            self.assertEqual(seen, {200, 502})
            mock.call("DELETE", "/mock/faults")
            self.assertEqual({mock.chat()[0].status for _ in range(10)}, {200})
            for bad in ({"fault": "nonsense"}, {"fault": "status"}, {"fault": "drop=1"}, {},
                        {"fault": "drop", "probability": 2}, {"fault": "drop", "modell": "m"}):
                self.assertEqual(post(**bad), 400, bad)


class TheBill(unittest.TestCase):
    def test_counts_every_call_once_per_credential_and_model(self):
        with Mock("--behaviour", "tokens=5,cached=2") as mock:
            for _ in range(3):
                mock.chat({"Authorization": "Bearer sk-a"})
            mock.stream({"Authorization": "Bearer sk-a"}, model="mock-large", max_tokens=2)
            mock.chat({"Authorization": "Bearer sk-b"}, n=2)
            mock.chat({"Authorization": "Bearer sk-b", "x-mock-fault": "status=503"})
            bill = mock.bill()
            expected = {"started": 3, "finished": 3, "rejected": 0, "broken": 0, "aborted": 0,
                        "input_tokens": 33, "cached_tokens": 6, "output_tokens": 15,
                        "output_tokens_sent": 15}
            row = bill["sk-a", "mock-small"]
            self.assertEqual({name: row[name] for name in expected}, expected)
            self.assertEqual(bill["sk-a", "mock-large"]["output_tokens_sent"], 2)
            self.assertEqual(bill["sk-b", "mock-small"]["started"], 2)
            self.assertEqual(bill["sk-b", "mock-small"]["rejected"], 1)
            self.assertEqual(bill["sk-b", "mock-small"]["output_tokens"], 10)
            self.assertEqual(len(bill), 3)
            mock.call("DELETE", "/mock/bill")
            self.assertEqual(mock.bill(), {})

    def abort_after(self, mock, text, **fields):
        """Leaves once `text` arrived; the tokens that had arrived by then."""
        with mock.connect() as connection:
            connection.sendall(raw_chat(**fields))
            received = b""
            while text not in received:
                received += connection.recv(65536)
        return received.count(b'"delta":{"content"')

    def test_bills_a_client_that_hangs_up_for_what_was_produced(self):
        with Mock("--behaviour", "rate=200,tokens=100000") as mock:
            read = self.abort_after(mock, b'"delta":{"content"', stream=True)
            row = wait_for(lambda: (r := mock.bill()["sk-raw", "mock-small"])["aborted"] and r)
        self.assertGreaterEqual(row["output_tokens"], read)
        self.assertLess(row["output_tokens"], 10_000)
        self.assertEqual(row["aborts"][0]["output_tokens"], row["output_tokens"])
        self.assertGreater(row["aborts"][0]["after_us"], 0)
        self.assertEqual((row["started"], row["finished"]), (1, 0))

    def test_bills_a_whole_answer_as_it_is_produced(self):
        with Mock("--behaviour", "rate=200,tokens=100000") as mock:
            with mock.connect() as connection:
                connection.sendall(raw_chat())
                row = lambda: mock.bill().get(("sk-raw", "mock-small"), {})
                wait_for(lambda: row().get("output_tokens", 0) >= 3)
            wait_for(lambda: row()["aborted"] == 1)
            self.assertEqual(row()["output_tokens_sent"], 0)
            self.assertLess(row()["output_tokens"], 10_000)

    def test_stops_producing_for_a_reader_that_does_not_read(self):
        with Mock("--behaviour", "tokens=1000000") as mock, mock.connect() as connection:
            connection.sendall(raw_chat(stream=True))
            row = lambda: mock.bill().get(("sk-raw", "mock-small"), {})
            seen = [None]

            def settled():
                """Tokens are held back, and no more are made from one look to the next."""
                seen.append((row().get("output_tokens", 0), row().get("output_tokens_sent", 0)))
                return seen[-1] == seen[-2] and seen[-1][0] > seen[-1][1]
            wait_for(settled)
            self.assertLess(row()["output_tokens"], 1_000_000)


class TheRecord(unittest.TestCase):
    def test_keeps_the_last_requests_byte_for_byte(self):
        sent = [raw_chat(model=f"m{i}") for i in range(5)]
        with Mock("--record", "3", "--behaviour", "tokens=1") as mock:
            with mock.connect() as connection:
                for i, request in enumerate(sent):
                    connection.sendall(request)
                    received = b""
                    while b'"model":"m%d"' % i not in received:
                        received += connection.recv(65536)
            def kept(query):
                entries = json.loads(mock.call("GET", "/mock/requests" + query)[1])["requests"]
                return [base64.b64decode(entry["head_base64"]) +
                        base64.b64decode(entry["body_base64"]) for entry in entries]
            self.assertEqual(kept(""), sent[2:])
            self.assertEqual(kept("?last=1"), sent[4:])
            mock.call("DELETE", "/mock/requests")
            self.assertEqual(kept(""), [])


class FastMode(unittest.TestCase):
    def test_answers_the_same_shapes(self):
        with Mock("--fast", "--behaviour", "tokens=4") as mock:
            answer = mock.chat()[1]
            self.assertEqual(answer["usage"]["completion_tokens"], 4)
            events = mock.stream(stream_options={"include_usage": True})
            self.assertEqual(events[-1], "[DONE]")
            self.assertEqual(json.loads(events[-2])["usage"]["completion_tokens"], 4)
            self.assertEqual(len(mock.stream()), 1 + 4 + 1 + 1)
            large = [{"role": "user", "content": "x" * 300_000}]
            self.assertEqual(mock.chat(messages=large)[1]["object"], "chat.completion")

    def test_keeps_connections_and_takes_pipelined_requests(self):
        with Mock("--fast") as mock, mock.connect() as connection:
            connection.sendall(raw_chat() * 10)
            received = b""
            while received.count(b"HTTP/1.1 200 OK") < 10:
                received += connection.recv(65536)
            stats = json.loads(mock.call("GET", "/mock/stats")[1])
            self.assertEqual(stats, {"connections_accepted": 2, "connections_open": 2,
                                     "requests": 10})

    def test_paces_streams(self):
        with Mock("--fast", "--behaviour", "tokens=10,rate=100") as mock:
            begin = time.monotonic()
            self.assertEqual(len(mock.stream()), 13)
            self.assertGreaterEqual(time.monotonic() - begin, 0.1)


class TheProgram(unittest.TestCase):
    def run_mock(self, *arguments):
        return subprocess.run([mock_client.MOCK, *arguments], capture_output=True, text=True,
                              timeout=10)

    def test_explains_a_wrong_command_line(self):
        for arguments in (["--listen", "nowhere"], ["--listen", "h:70000"], ["--tls-cert", "x"],
                          ["--behaviour", "rate=fast"], ["--nonsense"]):
            ended = self.run_mock(*arguments)
            self.assertEqual(ended.returncode, 2, arguments)
            self.assertIn("vidai-mock: ", ended.stderr)
        self.assertEqual(self.run_mock("--help").returncode, 0)
        self.assertIn("reset-after", self.run_mock("--help").stdout)

    def test_refuses_a_port_in_use(self):
        with Mock() as mock:
            ended = self.run_mock("--listen", f"127.0.0.1:{mock.port}")
            self.assertEqual(ended.returncode, 1)
            self.assertIn("in use", ended.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    mock_client.MOCK = os.path.abspath(sys.argv.pop(1))
    unittest.main()
