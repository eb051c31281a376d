// SPDX-License-Identifier: Apache-2.0
// Quantities that must not be mixed up. Money is an integer number of micro-dollars, never a
// floating number; tokens are counted, prices are micro-dollars per million tokens. Any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace vidai {

template <class Tag>
struct Quantity {
    std::int64_t value = 0;

    friend constexpr auto operator<=>(Quantity, Quantity) = default;
    friend constexpr Quantity operator+(Quantity a, Quantity b) { return {a.value + b.value}; }
    friend constexpr Quantity operator-(Quantity a, Quantity b) { return {a.value - b.value}; }
    constexpr Quantity& operator+=(Quantity b) {
        value += b.value;
        return *this;
    }
    constexpr Quantity& operator-=(Quantity b) {
        value -= b.value;
        return *this;
    }
};

using Tokens = Quantity<struct TokensTag>;
using MicroUsd = Quantity<struct MicroUsdTag>;                // 1e-6 USD
using MicroUsdPerMtok = Quantity<struct MicroUsdPerMtokTag>;  // 1e-6 USD per 1e6 tokens

// Price x tokens in units of 1e-12 USD, saturating; sum these, then round once.
using PicoUsd = Quantity<struct PicoUsdTag>;
constexpr PicoUsd operator*(MicroUsdPerMtok price, Tokens tokens) {
    const __int128 product = static_cast<__int128>(price.value) * tokens.value;
    constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
    if (product > kMax) return {kMax};
    if (product < -kMax) return {-kMax};
    return {static_cast<std::int64_t>(product)};
}
// Rounds up: a charge is never less than the exact price.
constexpr MicroUsd round_up(PicoUsd pico) {
    return {pico.value / 1'000'000 + (pico.value % 1'000'000 > 0 ? 1 : 0)};
}

}  // namespace vidai
