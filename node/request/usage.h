// SPDX-License-Identifier: Apache-2.0
// The canonical account of one provider call, from which every dialect's own arithmetic is
// derived: no field contains another. A value; any thread.
#pragma once

#include <optional>

#include "mesh/pricing/price.h"
#include "schema/vocabulary/units.h"

namespace vidai::node::request {

struct Usage {
    Tokens input_uncached;
    Tokens cache_read;
    Tokens cache_write;
    Tokens output_visible;
    Tokens reasoning;
    Tokens audio_input;  // not from the cache
    Tokens audio_output;
    bool estimated = false;  // the provider did not say; counted from bytes
    // The service tier that the answer says it was served in; nothing: it does not say.
    std::optional<mesh::pricing::ServiceTier> served{};

    Tokens input() const { return input_uncached + cache_read + cache_write + audio_input; }
    Tokens output() const { return output_visible + reasoning + audio_output; }
    Tokens total() const { return input() + output(); }
    friend bool operator==(const Usage&, const Usage&) = default;
};

}  // namespace vidai::node::request
