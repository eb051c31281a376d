// SPDX-License-Identifier: Apache-2.0
// What changes from one rate card to another, for a person who is to say yes to it: price by
// price, model by model. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mesh/pricing/rate_card.h"

namespace vidai::mesh::pricing {

struct Difference {
    enum class Kind : std::uint8_t { kAdded, kRemoved, kChanged };
    Kind kind;
    std::string provider;
    std::string model;
    std::string from;    // the day from which the price holds; empty: ever since
    std::string what;    // "input", "tiers", ...; empty when the whole price came or went
    std::string before;  // as written in a card; empty: there was none
    std::string after;
};

// In the order of `next`, then what only `old` has.
std::vector<Difference> differences(const RateCard& old, const RateCard& next);

// "input 0.15usd, output 0.6usd", for one line.
std::string brief(const Price& price);

}  // namespace vidai::mesh::pricing
