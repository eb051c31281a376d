// SPDX-License-Identifier: Apache-2.0
// Which of the fields that we act on a JSON key names. Readers differ: some resolve escapes, some
// (Go's encoding/json) ignore case. Where they could differ about one of our fields, the key is
// reported, so that a gateway and a provider never read one body two ways. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace vidai::node::dialect::json {

struct Match {
    int index = -1;          // into `names`; -1: none of them
    bool disguised = false;  // only a reader that ignores case takes it for names[index]
};

// `raw_key` as the Scanner gives it; `names` of a-z and '_' alone.
Match match_name(std::string_view raw_key, std::span<const std::string_view> names);

}  // namespace vidai::node::dialect::json
