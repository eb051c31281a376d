// SPDX-License-Identifier: Apache-2.0
#include "schema/vocabulary/usd.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace vidai {
namespace {

constexpr int kDecimals = 6;
constexpr std::int64_t kMicro = 1'000'000;
constexpr std::int64_t kWholeMax = 1'000'000'000;

std::optional<std::int64_t> digits(std::string_view text) {
    const bool all =
        std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || !all || error != std::errc{}) return {};
    return value;
}

}  // namespace

std::optional<MicroUsd> parse_usd(std::string_view text) {
    if (!text.ends_with("usd")) return {};
    text.remove_suffix(3);
    const std::size_t point = text.find('.');
    std::string decimals(point == text.npos ? std::string_view("0") : text.substr(point + 1));
    if (decimals.empty() || decimals.size() > kDecimals) return {};
    decimals.append(kDecimals - decimals.size(), '0');
    const auto whole = digits(text.substr(0, std::min(point, text.size())));
    const auto micro = digits(decimals);
    if (!whole || !micro || *whole > kWholeMax) return {};
    return MicroUsd{*whole * kMicro + *micro};
}

std::string print_usd(MicroUsd amount) {
    std::string text = std::to_string(amount.value / kMicro);
    std::string decimals = std::to_string(kMicro + amount.value % kMicro).substr(1);
    while (!decimals.empty() && decimals.back() == '0') decimals.pop_back();
    if (!decimals.empty()) text += "." + decimals;
    return text + "usd";
}

}  // namespace vidai
