// SPDX-License-Identifier: Apache-2.0
// What the HTTP codecs cost per head, chunk and event. Run bin/http_bench from the release preset.
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "node/http/body.h"
#include "node/http/head.h"
#include "node/http/sse.h"
#include "node/http/write.h"

namespace vidai::node::http {
namespace {

constexpr std::string_view kRequest =
    "POST /v1/chat/completions HTTP/1.1\r\n"
    "Host: 127.0.0.1:8080\r\n"
    "Authorization: Bearer vk_2c9f1e_0123456789abcdef0123456789abcdef\r\n"
    "Content-Type: application/json\r\n"
    "Accept: application/json\r\n"
    "User-Agent: OpenAI/JS 6.49.0\r\n"
    "X-Stainless-Lang: js\r\n"
    "X-Stainless-Retry-Count: 0\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Connection: keep-alive\r\n"
    "Content-Length: 412\r\n"
    "\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Date: Mon, 02 Nov 2026 10:00:00 GMT\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 700\r\n"
    "X-Request-Id: req_0123456789abcdef\r\n"
    "Openai-Processing-Ms: 41\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

// One event of 200 bytes.
std::string sse_event() {
    std::string event =
        "data: "
        "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,"
        "\"delta\":{\"content\":\"";
    event.append(200 - 6 - event.size(), 'x');
    return event + "\"}}]\n\n";
}

// With its body behind it, as it arrives in one recv.
void request_head(benchmark::State& state) {
    const std::string received = std::string(kRequest) + std::string(412, 'x');
    RequestHead head;
    for (auto _ : state) {
        head.reset();
        const HeadStatus status = parse_request_head(received, {}, head);
        benchmark::DoNotOptimize(status.consumed);
        benchmark::DoNotOptimize(head);
    }
}
BENCHMARK(request_head);

// The head arrives in two pieces, cut in its middle.
void request_head_in_two_pieces(benchmark::State& state) {
    RequestHead head;
    for (auto _ : state) {
        head.reset();
        HeadStatus status = parse_request_head(kRequest.substr(0, kRequest.size() / 2), {}, head);
        status = parse_request_head(kRequest, {}, head);
        benchmark::DoNotOptimize(status.consumed);
        benchmark::DoNotOptimize(head);
    }
}
BENCHMARK(request_head_in_two_pieces);

void response_head(benchmark::State& state) {
    ResponseHead head;
    for (auto _ : state) {
        head.reset();
        const HeadStatus status = parse_response_head(kResponse, {}, Method::kPost, head);
        benchmark::DoNotOptimize(status.consumed);
        benchmark::DoNotOptimize(head);
    }
}
BENCHMARK(response_head);

void write_response_head(benchmark::State& state) {
    std::string out;
    for (auto _ : state) {
        out.clear();
        append_status_line(out, 200);
        append_field(out, "content-type", "application/json");
        append_field(out, "content-length", std::uint64_t{700});
        append_field(out, "x-request-id", "req_0123456789abcdef");
        append_field(out, "server-timing", "total;dur=0.041, upstream;dur=12.1");
        append_field(out, "x-ratelimit-limit-requests", std::uint64_t{600});
        append_field(out, "x-ratelimit-remaining-requests", std::uint64_t{599});
        end_head(out);
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(write_response_head);

// Per chunk of 200 bytes, 20 to a read.
void chunk_decoded(benchmark::State& state) {
    std::string wire;
    for (int i = 0; i < 20; ++i) append_chunk(wire, sse_event());
    ChunkedDecoder decoder;
    for (auto _ : state) {
        std::string_view bytes = wire;
        std::string_view payload;
        while (decoder.next(bytes, payload) == BodyProgress::kData) {
            benchmark::DoNotOptimize(payload);
        }
    }
    state.SetItemsProcessed(state.iterations() * 20);
}
BENCHMARK(chunk_decoded);

void chunk_encoded(benchmark::State& state) {
    const std::string data = sse_event();
    std::string out;
    for (auto _ : state) {
        out.clear();
        append_chunk(out, data);
        benchmark::DoNotOptimize(out.data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(chunk_encoded);

// Per event of 200 bytes, `range` to a read; 1 is the usual live stream.
void sse_scanned(benchmark::State& state) {
    std::string wire;
    for (int i = 0; i < state.range(0); ++i) wire += sse_event();
    SseScanner scanner;
    SseEvent event;
    for (auto _ : state) {
        std::string_view bytes = wire;
        while (scanner.next(bytes, event) == SseProgress::kEvent) benchmark::DoNotOptimize(event);
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(sse_scanned)->Arg(1)->Arg(20);

// Per event of 200 bytes that arrives in two pieces.
void sse_scanned_in_two_pieces(benchmark::State& state) {
    const std::string wire = sse_event();
    SseScanner scanner;
    SseEvent event;
    for (auto _ : state) {
        std::string_view first = std::string_view(wire).substr(0, 90);
        std::string_view second = std::string_view(wire).substr(90);
        (void)scanner.next(first, event);
        (void)scanner.next(second, event);
        benchmark::DoNotOptimize(event);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(sse_scanned_in_two_pieces);

}  // namespace
}  // namespace vidai::node::http

BENCHMARK_MAIN();
