// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/numbers.h"

#include <iterator>

namespace vidai::mesh::usage {

bool Numbers::contains(std::uint64_t number) const {
    const auto after = runs_.upper_bound(number);
    return after != runs_.begin() && std::prev(after)->second >= number;
}

bool Numbers::insert(std::uint64_t number) {
    if (contains(number)) return false;
    const auto after = runs_.upper_bound(number);
    auto run = after;
    // A run before it ends below `number`, and one after it begins above: neither sum overflows.
    if (after != runs_.begin() && std::prev(after)->second + 1 == number) {
        run = std::prev(after);
        run->second = number;
    } else {
        run = runs_.emplace_hint(after, number, number);
    }
    if (after != runs_.end() && number + 1 == after->first) {
        run->second = after->second;
        runs_.erase(after);
    }
    return true;
}

}  // namespace vidai::mesh::usage
