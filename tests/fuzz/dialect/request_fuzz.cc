// SPDX-License-Identifier: Apache-2.0
// Requests: what the reader accepts is JSON to simdjson too and has the model it says; the spliced
// body is accepted again, with the new model and with usage asked for.
#include <cstdint>
#include <string>
#include <vector>

#include <simdjson.h>

#include "node/dialect/openai_chat/cost.h"
#include "node/dialect/openai_chat/request.h"
#include "node/dialect/openai_chat/splice.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::dialect::openai_chat {
namespace {

// A number can be JSON and yet be too large for simdjson, and its strings may not hold half of a
// surrogate pair, which RFC 8259 section 8.2 leaves open.
bool refused_for_its_limits(simdjson::error_code error) {
    return error == simdjson::NUMBER_ERROR || error == simdjson::STRING_ERROR;
}

void run(std::string_view body) {
    RequestReader reader;
    const Result<request::ChatFacts> facts = reader.read(body);
    if (!facts) {
        CHECK(!facts.error().message.empty());
        return;
    }
    simdjson::dom::parser parser;
    simdjson::dom::element document;
    const simdjson::error_code error = parser.parse(simdjson::padded_string(body)).get(document);
    CHECK(error == simdjson::SUCCESS || refused_for_its_limits(error));
    std::string_view model;
    if (error == simdjson::SUCCESS && document["model"].get(model) == simdjson::SUCCESS) {
        CHECK(model == facts->model);
    }

    const request::CostFacts cost = read_cost_facts(body);
    CHECK(cost.text_bytes >= 0 && cost.text_bytes <= static_cast<std::int64_t>(body.size()));
    CHECK(cost.choices == facts->choices);
    CHECK(cost.output_asked.has_value() == facts->max_output_tokens.has_value());
    CHECK(!cost.output_asked || cost.output_asked->value >= *facts->max_output_tokens);

    constexpr std::string_view kUpstream = "up/\"stream\"";
    std::string spliced;
    append_spliced(spliced, body, *facts, kUpstream);
    CHECK(spliced.size() == spliced_length(body, *facts, kUpstream));
    RequestReader again_reader;
    const Result<request::ChatFacts> again = again_reader.read(spliced);
    CHECK(again.has_value());
    CHECK(again->model == kUpstream);
    CHECK(again->stream == facts->stream);
    CHECK(again->client_wants_usage == facts->stream);
    CHECK(again->usage_splice == request::UsageSplice::kNone);
    CHECK(again->max_output_tokens == facts->max_output_tokens);
    CHECK(again->choices == facts->choices);
}

}  // namespace
}  // namespace vidai::node::dialect::openai_chat

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // A copy of exactly this size, so that a sanitizer sees any step beyond it.
    const std::vector<char> body(data, data + size);
    vidai::node::dialect::openai_chat::run({body.data(), body.size()});
    return 0;
}
