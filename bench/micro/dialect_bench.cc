// SPDX-License-Identifier: Apache-2.0
// What the OpenAI chat dialect costs for one request, one response and one streamed chunk, and
// beside it what simdjson costs for part of the same work: its DOM checks a body whole but knows
// no offsets; its On-Demand knows them but does not check the values that it skips.
#include <string>

#include <benchmark/benchmark.h>
#include <simdjson.h>

#include "node/dialect/openai_chat/request.h"
#include "node/dialect/openai_chat/response.h"
#include "node/dialect/openai_chat/splice.h"
#include "node/dialect/openai_chat/stream.h"

namespace vidai::node::dialect::openai_chat {
namespace {

const std::string kRequest =
    R"({"model":"gpt-4o-mini","messages":[{"role":"system","content":"You are a careful assistant )"
    R"(who answers in one short paragraph and names the source of every figure."},{"role":"user",)"
    R"("content":"Summarise the quarterly report for the board.\nKeep the revenue table, drop the )"
    R"(appendix, and mention that \"gross margin\" improved by two points compared with the same )"
    R"(quarter of the previous year, mostly because freight became cheaper in the second )"
    R"(month."}],)"
    R"("temperature":0.7,"top_p":1,"max_tokens":256,"stream":false,"user":"team-42","metadata":)"
    R"({"trace":"4bf92f3577b34da6"}})";

const std::string kResponse =
    R"({"id":"chatcmpl-9vNqYQy3ZJ0pJrD1m8kq","object":"chat.completion","created":1760000000,)"
    R"("model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":)"
    R"("Revenue )"
    R"(rose to 12.4 million, nine percent above the same quarter of last year. Gross )"
    R"(margin improved )"
    R"(by two points because freight became cheaper; operating costs stayed )"
    R"(flat."},"logprobs":null,)"
    R"("finish_reason":"stop"}],"usage":{"prompt_tokens":96,"completion_tokens":52,"total_t)"
    R"(okens":148,)"
    R"("prompt_tokens_details":{"cached_tokens":64,"audio_tokens":0},"completion_tokens_details":)"
    R"({"reasoning_tokens":0,"audio_tokens":0}},"system_fingerprint":"fp_3ddb0a1f2c"})";

const std::string kChunk =
    R"({"id":"chatcmpl-9vNqYQy3ZJ0pJrD1m8kq","object":"chat.completion.chunk","created":176)"
    R"(0000000,)"
    R"("model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":" revenue"},)"
    R"("finish_reason":null}],"usage":null})";

void request_read(benchmark::State& state) {
    RequestReader reader;
    for (auto _ : state) benchmark::DoNotOptimize(reader.read(kRequest));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kRequest.size()));
}
BENCHMARK(request_read);

void request_read_large(benchmark::State& state) {
    const std::string body = R"({"model":"m","messages":[{"role":"user","content":")" +
                             std::string(1 << 20, 'x') + R"("}]})";
    RequestReader reader;
    for (auto _ : state) benchmark::DoNotOptimize(reader.read(body));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(request_read_large);

void request_splice(benchmark::State& state) {
    RequestReader reader;
    const auto facts = reader.read(kRequest);
    std::string out;
    for (auto _ : state) {
        out.clear();
        append_spliced(out, kRequest, *facts, "gpt-4o-mini-2024-07-18");
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(request_splice);

void response_read(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(read_response(kResponse));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kResponse.size()));
}
BENCHMARK(response_read);

void stream_chunk(benchmark::State& state) {
    StreamReader reader(false);
    for (auto _ : state) benchmark::DoNotOptimize(reader.on_event(kChunk));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kChunk.size()));
}
BENCHMARK(stream_chunk);

void stream_first_chunk(benchmark::State& state) {
    for (auto _ : state) {
        StreamReader reader(false);
        benchmark::DoNotOptimize(reader.on_event(kChunk));
    }
}
BENCHMARK(stream_first_chunk);

void simdjson_dom(benchmark::State& state, const std::string& text) {
    const simdjson::padded_string padded(text);
    simdjson::dom::parser parser;
    for (auto _ : state) benchmark::DoNotOptimize(parser.parse(padded).error());
}
BENCHMARK_CAPTURE(simdjson_dom, request, kRequest);
BENCHMARK_CAPTURE(simdjson_dom, response, kResponse);
BENCHMARK_CAPTURE(simdjson_dom, chunk, kChunk);

// The outermost members only, as a reader that does not check would do it.
void simdjson_on_demand(benchmark::State& state, const std::string& text) {
    const simdjson::padded_string padded(text);
    simdjson::ondemand::parser parser;
    for (auto _ : state) {
        simdjson::ondemand::document document;
        simdjson::ondemand::object object;
        if (parser.iterate(padded).get(document) != simdjson::SUCCESS) std::abort();
        if (document.get_object().get(object) != simdjson::SUCCESS) std::abort();
        std::size_t keys = 0;
        for (auto field : object) {
            const auto key = field.key();
            keys += key.error() == simdjson::SUCCESS && key.value_unsafe() == "model";
        }
        benchmark::DoNotOptimize(keys);
    }
}
BENCHMARK_CAPTURE(simdjson_on_demand, request, kRequest);
BENCHMARK_CAPTURE(simdjson_on_demand, response, kResponse);
BENCHMARK_CAPTURE(simdjson_on_demand, chunk, kChunk);

}  // namespace
}  // namespace vidai::node::dialect::openai_chat
