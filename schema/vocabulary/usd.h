// SPDX-License-Identifier: Apache-2.0
// How an amount of money is written and said again: "0.15usd", at most six decimals, no sign, no
// exponent. Exact: no floating point. One form for configuration, rate cards and commands. Pure;
// any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schema/vocabulary/units.h"

namespace vidai {

// Nothing for another form, a seventh decimal, or more than a thousand million dollars.
std::optional<MicroUsd> parse_usd(std::string_view text);

// "0.15usd"; `amount` is not negative.
std::string print_usd(MicroUsd amount);

}  // namespace vidai
