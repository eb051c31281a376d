// SPDX-License-Identifier: Apache-2.0
// What a person reads instead of CLI11's own message about a flag. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vidai {

// `message` ("... not expected: --outptu") with "; did you mean --output?" behind it, when one of
// `names` (with their dashes) is near to the flag that it speaks of.
std::string with_near_flag(const std::string& message, std::span<const std::string_view> names);

// "--rpm is given more than once" from "--rpm: At Most 1 required but received 2", and
// "--rpm needs a value" from "--rpm: 1 required TEXT missing".
std::string flag_miscounted(const std::string& message);

}  // namespace vidai
