// SPDX-License-Identifier: Apache-2.0
// What a request says about the most that it can cost, whatever dialect it came in. A value; lives
// as long as one exchange, on its worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "mesh/pricing/price.h"
#include "node/request/chat_facts.h"
#include "schema/vocabulary/units.h"

namespace vidai::node::request {

struct CostFacts {
    std::int64_t text_bytes = 0;  // of the body, without the data of inline attachments
    std::int64_t images = 0;      // inline and by address
    bool documents = false;       // files and what else becomes tokens that no byte count bounds
    bool audio_input = false;
    bool audio_output = false;
    bool tools = false;                  // the provider writes a prompt of its own for them
    std::int64_t prediction_bytes = 0;   // what of it is rejected is billed as output
    std::int64_t choices = 1;            // n
    std::optional<Tokens> output_asked;  // for each choice; the larger, where two fields say it
    mesh::pricing::ServiceTier service = mesh::pricing::ServiceTier::kStandard;
    // A field by which the provider adds to the bill what nobody can bound before: a search, a
    // hosted tool, a stored conversation. Lives in the body or for ever; empty: none.
    std::string_view open_ended;
    // Where the gateway can bound the output of a request that does not: the bytes to replace.
    ByteRange limit_at;
    bool limit_is_null = false;  // a value that says nothing stands there; else nothing does
};

}  // namespace vidai::node::request
