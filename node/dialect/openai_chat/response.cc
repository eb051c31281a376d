// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/response.h"

#include <string>

#include "node/dialect/json/scanner.h"
#include "node/dialect/openai_chat/choices.h"
#include "node/dialect/openai_chat/usage.h"

namespace vidai::node::dialect::openai_chat {

Result<ResponseFacts> read_response(std::string_view body) {
    json::Scanner in(body);
    ResponseFacts facts;
    Choices choices;
    std::string_view key;
    in.begin_object();
    while (in.next_member(key)) {
        if (key == "choices") {
            read_choices(in, choices);
        } else if (key == "usage") {
            facts.usage = read_usage(in);
        } else {
            in.skip();
        }
    }
    if (!in.finish()) {
        return fail(ErrorCode::kUpstreamInvalid,
                    "The provider's answer is not a JSON object: " + std::string(in.problem()) +
                        " at byte " + std::to_string(in.offset()) + ".");
    }
    facts.content_bytes = choices.content_bytes;
    return facts;
}

}  // namespace vidai::node::dialect::openai_chat
