// SPDX-License-Identifier: Apache-2.0
#include "schema/base/flag_advice.h"

#include <vector>

#include "schema/base/near.h"

namespace vidai {

std::string with_near_flag(const std::string& message, std::span<const std::string_view> names) {
    const std::size_t dashes = message.find("--");
    if (dashes == std::string::npos) return message;
    const std::size_t end = message.find_first_of(" =:,", dashes);
    const std::string_view typed = std::string_view(message).substr(dashes, end - dashes);
    // Compared without the dashes, which all have and which would make every short name look near.
    std::vector<std::string_view> bare(names.begin(), names.end());
    for (std::string_view& name : bare) name.remove_prefix(2);
    const std::string_view near = nearest(typed.substr(2), bare);
    return near.empty() ? message : message + "; did you mean --" + std::string(near) + "?";
}

std::string flag_miscounted(const std::string& message) {
    const std::string name = message.substr(0, message.find(':'));
    const bool twice = message.find("received") != std::string::npos;
    return name + (twice ? " is given more than once" : " needs a value");
}

}  // namespace vidai
