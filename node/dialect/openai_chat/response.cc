// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/response.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>

#include "node/dialect/json/scanner.h"
#include "node/dialect/openai_chat/choices.h"
#include "node/dialect/openai_chat/usage.h"

namespace vidai::node::dialect::openai_chat {

namespace {

// Usage comes last or nearly so, and takes a third of the work of reading the whole body.
constexpr std::size_t kTailBytes = 1'024;

// The offset of the value of the last field in the tail that is named "usage"; 0 if there is none.
// What a model writes cannot pass for one: within a string a quote has a backslash before it.
std::size_t find_last_usage(std::string_view body) {
    static constexpr std::string_view kName = "\"usage\"";
    static const std::boyer_moore_horspool_searcher searcher(kName.rbegin(), kName.rend());
    const auto first = static_cast<std::ptrdiff_t>(std::min(body.size(), kTailBytes));
    const auto found = std::search(body.rbegin(), body.rbegin() + first, searcher);
    if (found == body.rbegin() + first) return 0;
    const auto end = static_cast<std::size_t>(body.rend() - found);
    if (end <= kName.size() || body[end - kName.size() - 1] != ',') return 0;
    return end < body.size() && body[end] == ':' ? end + 1 : 0;
}

// True when a field of the outermost object was found. A "usage" within another object is told
// from it by what follows: only the outermost object is closed by the end of the body.
bool read_tail(std::string_view body, ResponseFacts& facts) {
    const std::size_t value = find_last_usage(body);
    if (value == 0 || !body.starts_with('{')) return false;
    json::Scanner in = json::Scanner::within_object(body, value);
    facts.usage = read_usage(in);
    std::optional<mesh::pricing::ServiceTier> served;
    std::string_view key;
    while (in.next_member(key)) {
        if (key == "service_tier") {
            served = read_served(in);
        } else {
            in.skip();
        }
    }
    if (facts.usage) facts.usage->served = served;
    return in.finish() && facts.usage.has_value();
}

}  // namespace

Result<ResponseFacts> read_response(std::string_view body) {
    ResponseFacts facts;
    if (read_tail(body, facts)) return facts;
    facts = {};
    json::Scanner in(body);
    Choices choices;
    std::optional<mesh::pricing::ServiceTier> served;
    std::string_view key;
    in.begin_object();
    while (in.next_member(key)) {
        if (key == "choices") {
            read_choices(in, choices);
        } else if (key == "usage") {
            facts.usage = read_usage(in);
        } else if (key == "service_tier") {
            served = read_served(in);
        } else {
            in.skip();
        }
    }
    if (!in.finish()) {
        return fail(ErrorCode::kUpstreamInvalid,
                    "The provider's answer is not a JSON object: " + std::string(in.problem()) +
                        " at byte " + std::to_string(in.offset()) + ".");
    }
    if (facts.usage) facts.usage->served = served;
    if (!facts.usage) facts.content_bytes = choices.content_bytes;
    return facts;
}

}  // namespace vidai::node::dialect::openai_chat
