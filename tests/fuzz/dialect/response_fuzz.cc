// SPDX-License-Identifier: Apache-2.0
// Responses: of a well-formed body, reading from the tail must give what a whole parse gives.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <simdjson.h>

#include "node/dialect/openai_chat/response.h"
#include "node/dialect/openai_chat/usage.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::dialect::openai_chat {
namespace {

// The last readable usage of the outermost object, told by simdjson where the members are.
std::optional<request::Usage> whole_usage(const simdjson::dom::object& object) {
    std::optional<request::Usage> usage;
    for (const auto field : object) {
        if (field.key != "usage") continue;
        const std::string value = simdjson::minify(field.value);
        json::Scanner in(value);
        usage = read_usage(in);
    }
    return usage;
}

void run(std::string_view body) {
    const Result<ResponseFacts> facts = read_response(body);
    if (facts) {
        CHECK(facts->content_bytes >= 0);
        CHECK(!facts->usage || facts->content_bytes == 0);
    }
    simdjson::dom::parser parser;
    simdjson::dom::object object;
    if (parser.parse(simdjson::padded_string(body)).get(object) != simdjson::SUCCESS) return;
    // An escaped name is another matter: only a whole parse resolves it, and no provider sends it.
    if (body.find('\\') != std::string_view::npos) return;
    // simdjson writes a fraction as it understood it (1.0e2 may become 100.0), never as a whole
    // number, so what counts as one is the same on both sides.
    const Result<ResponseFacts> again = read_response(body);
    CHECK(again.has_value());
    CHECK(again->usage == whole_usage(object));
}

}  // namespace
}  // namespace vidai::node::dialect::openai_chat

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::vector<char> body(data, data + size);
    vidai::node::dialect::openai_chat::run({body.data(), body.size()});
    return 0;
}
