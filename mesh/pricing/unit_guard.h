// SPDX-License-Identifier: Apache-2.0
// Prices written in another unit than "per million tokens": per token or per thousand they are a
// factor of 10^6 or 10^3 off, in either direction, and would make a budget worthless. Refused when
// no price of that size makes sense, or when it is far from a price of the same model that is
// known. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mesh/pricing/price.h"
#include "mesh/pricing/rate_card.h"

namespace vidai::mesh::pricing {

inline constexpr MicroUsdPerMtok kRateMax{100'000'000'000};  // 0.1usd for one token
inline constexpr MicroUsdPerMtok kRateMin{1'000};            // of what is not free
inline constexpr MicroUsd kRequestFeeMax{100'000'000};       // 100usd
inline constexpr std::int64_t kFarOff = 300;                 // times a known price, or its part

// What is wrong with the units of `price`, each a sentence that names the rate; empty: nothing.
// `known`: what another card says of the same model, or nullptr.
std::vector<std::string> unit_problems(const Price& price, const Price* known);

struct RowProblem {
    std::size_t row;
    std::string what;
};
// The same of each row of `card`, beside the latest that `known` says of the row's models.
std::vector<RowProblem> unit_problems(const RateCard& card, const RateCard& known);

// read_card(), and the card refused with a line for each unit_problems() beside the card that
// ships: what a node and vidaictl read a card by.
Result<RateCard> read_guarded_card(const std::string& text, const std::string& name);

}  // namespace vidai::mesh::pricing
