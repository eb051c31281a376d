// SPDX-License-Identifier: Apache-2.0
// The one rule by which bytes are taken for tokens when a provider has not counted, or not yet.
// Limits are reserved with it before the call and settled with the provider's usage after it, so
// it leans high: English prose runs at 4 to 4.5 bytes a token, and JSON syntax counts as text.
// Beside it the one by which nobody's answer is taken for longer than it is.
// A constant and a function; any thread.
#pragma once

#include <cstdint>

#include "schema/vocabulary/units.h"

namespace vidai::node::request {

inline constexpr std::int64_t kBytesPerToken = 4;
// No vocabulary in use has tokens that are longer: those of runs of spaces, dashes and the like.
inline constexpr std::int64_t kTokenBytesMax = 128;
// An image or file carried inline (a data: URL): what a provider bills for a detailed image is of
// this order, whatever its base64 weighs.
inline constexpr Tokens kTokensPerAttachment{1'000};

// Rounds up; nothing for nothing.
constexpr Tokens tokens_of_bytes(std::int64_t bytes) {
    return {(bytes + kBytesPerToken - 1) / kBytesPerToken};
}

}  // namespace vidai::node::request
