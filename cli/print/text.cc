// SPDX-License-Identifier: Apache-2.0
#include "cli/print/text.h"

#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>

namespace vidai::cli::print {
namespace {

template <class... Args>
std::string formatted(const char* format, Args... args) {
    std::array<char, 64> buffer{};
    std::snprintf(buffer.data(), buffer.size(), format, args...);
    return buffer.data();
}

}  // namespace

std::size_t utf8_bytes(std::string_view text) {
    const auto at = [&](std::size_t i) -> unsigned {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto tail = [&](std::size_t i) { return (at(i) & 0xc0U) == 0x80U; };
    if (text.empty()) return 0;
    const unsigned first = at(0);
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf && tail(1)) return 2;
    if (first >= 0xe0 && first <= 0xef && tail(1) && tail(2)) {
        const bool overlong = first == 0xe0 && at(1) < 0xa0;
        const bool surrogate = first == 0xed && at(1) >= 0xa0;
        return overlong || surrogate ? 0 : 3;
    }
    if (first >= 0xf0 && first <= 0xf4 && tail(1) && tail(2) && tail(3)) {
        const bool overlong = first == 0xf0 && at(1) < 0x90;
        const bool beyond = first == 0xf4 && at(1) >= 0x90;
        return overlong || beyond ? 0 : 4;
    }
    return 0;
}

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t bytes = utf8_bytes(text);
        const auto first = static_cast<unsigned char>(text.front());
        const auto second = static_cast<unsigned char>(text.size() > 1 ? text[1] : '\0');
        const bool control = first < 0x20 || first == 0x7f || (first == 0xc2 && second < 0xa0);
        const std::size_t taken = bytes == 0 ? 1 : bytes;
        for (std::size_t i = 0; i < taken; ++i) {
            if (bytes == 0 || control) {
                out += formatted("\\x%02x",
                                 static_cast<unsigned>(static_cast<unsigned char>(text[i])));
            } else {
                out += text[i];
            }
        }
        text.remove_prefix(taken);
    }
    return out;
}

std::size_t columns(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text) {
        if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80U) ++count;
    }
    return count;
}

std::string age_text(WallTime now, WallTime then) {
    using namespace std::chrono;
    if (then == WallTime{}) return "-";
    const std::int64_t age = then < now ? duration_cast<seconds>(now - then).count() : 0;
    if (age < 60) return std::to_string(age) + "s";
    if (age < 60 * 60) return std::to_string(age / 60) + "m";
    if (age < 48 * 60 * 60) return std::to_string(age / (60 * 60)) + "h";
    return std::to_string(age / (24 * 60 * 60)) + "d";
}

std::string rtt_text(std::optional<std::chrono::microseconds> rtt) {
    if (!rtt) return "-";
    const auto us = rtt->count();
    if (us < 1'000) return std::to_string(us) + "us";
    const double value = static_cast<double>(us);
    return us < 1'000'000 ? formatted("%.1fms", value / 1e3) : formatted("%.1fs", value / 1e6);
}

std::string usd_text(MicroUsd amount) {
    const bool negative = amount.value < 0;
    const auto bits = static_cast<std::uint64_t>(amount.value);
    const std::uint64_t micro = negative ? 0 - bits : bits;
    return formatted("%s$%" PRIu64 ".%06" PRIu64, negative ? "-" : "", micro / 1'000'000,
                     micro % 1'000'000);
}

std::string joined(const std::vector<std::string>& items, std::string_view between) {
    std::string out;
    for (const std::string& item : items) {
        if (!out.empty()) out += between;
        out += item;
    }
    return out;
}

}  // namespace vidai::cli::print
