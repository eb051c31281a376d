// SPDX-License-Identifier: Apache-2.0
#include "node/config/value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "node/config/address.h"
#include "schema/vocabulary/usd.h"

namespace vidai::node::config {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
    using Fs::operator()...;
};

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};
// Largest first, the order in which print tries them.
constexpr std::array<Unit, 4> kSizeUnits = {
    {{"GiB", std::uint64_t{1} << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}};
constexpr std::array<Unit, 4> kTimeUnits = {
    {{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

template <class T>
struct Choice {
    std::string_view name;
    T value;
};
constexpr Choice<observe::LogLevel> kLevels[] = {{"debug", observe::LogLevel::kDebug},
                                                 {"info", observe::LogLevel::kInfo},
                                                 {"warn", observe::LogLevel::kWarn},
                                                 {"error", observe::LogLevel::kError}};
constexpr Choice<observe::LogFormat> kFormats[] = {{"auto", observe::LogFormat::kAuto},
                                                   {"json", observe::LogFormat::kJson},
                                                   {"text", observe::LogFormat::kText}};
constexpr Choice<providers::Dialect> kDialects[] = {
    {"openai_chat", providers::Dialect::kOpenAiChat}};

constexpr std::span<const Choice<observe::LogLevel>> choices(const observe::LogLevel*) {
    return kLevels;
}
constexpr std::span<const Choice<observe::LogFormat>> choices(const observe::LogFormat*) {
    return kFormats;
}
constexpr std::span<const Choice<providers::Dialect>> choices(const providers::Dialect*) {
    return kDialects;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
    return value;
}

std::optional<std::uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const std::optional<std::uint64_t> number = parse_number(text.substr(0, digits));
    if (!number) return {};
    for (const Unit& unit : units) {
        if (text.substr(digits) != unit.name) continue;
        if (*number > std::numeric_limits<std::uint64_t>::max() / unit.factor) return {};
        return *number * unit.factor;
    }
    return {};
}

std::string print_with_unit(std::uint64_t value, std::span<const Unit> units) {
    for (const Unit& unit : units) {
        if (value >= unit.factor && value % unit.factor == 0) {
            return std::to_string(value / unit.factor) + std::string(unit.name);
        }
    }
    return "0" + std::string(units.back().name);
}

std::string usd_of(std::uint64_t micro) {
    return print_usd({static_cast<std::int64_t>(micro)});
}

bool parse_bind(std::string_view text, const BindSlot& slot) {
    auto parts = split_address(text);
    if (!parts || !literal_address(parts->first)) return false;
    *slot.address = std::move(parts->first);
    *slot.port = parts->second;
    return true;
}

bool plain_text(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool within(std::uint64_t value, const Bounds& bounds) {
    return value >= bounds.min && value <= bounds.max;
}

// "a, b" in one text, as a variable says a list.
bool parse_list(std::string_view text, const Bounds& bounds, std::vector<std::string>& list) {
    std::vector<std::string> items;
    while (true) {
        const std::size_t comma = std::min(text.find(','), text.size());
        std::string_view item = text.substr(0, comma);
        while (item.starts_with(' ')) item.remove_prefix(1);
        while (item.ends_with(' ')) item.remove_suffix(1);
        if (item.empty() || !plain_text(item)) return false;
        items.emplace_back(item);
        if (comma == text.size()) break;
        text.remove_prefix(comma + 1);
    }
    if (!within(items.size(), bounds)) return false;
    list = std::move(items);
    return true;
}

template <class T>
bool parse_choice(std::string_view text, T* slot) {
    for (const Choice<T>& choice : choices(slot)) {
        if (choice.name != text) continue;
        *slot = choice.value;
        return true;
    }
    return false;
}

template <class T>
bool store(std::optional<std::uint64_t> value, const Bounds& bounds, T&& assign) {
    if (!value || !within(*value, bounds)) return false;
    assign(*value);
    return true;
}

std::string from_to(const std::string& what, const std::string& min, const std::string& max,
                    const std::string& such_as) {
    return what + " from " + min + " to " + max + (such_as.empty() ? "" : ", such as " + such_as);
}

}  // namespace

bool parse_value(std::string_view text, const Bounds& bounds, const Slot& slot) {
    return std::visit(
        Overloaded{
            [&](std::string* to) {
                if (!within(text.size(), bounds) || !plain_text(text)) return false;
                *to = std::string(text);
                return true;
            },
            [&](Secret* to) {
                if (!within(text.size(), bounds) || !plain_text(text)) return false;
                *to = Secret(std::string(text));
                return true;
            },
            [&](bool* to) {
                if (text != "true" && text != "false") return false;
                *to = text == "true";
                return true;
            },
            [&](std::uint32_t* to) {
                return store(parse_number(text), bounds,
                             [&](std::uint64_t v) { *to = static_cast<std::uint32_t>(v); });
            },
            [&](std::size_t* to) {
                return store(parse_with_unit(text, kSizeUnits), bounds,
                             [&](std::uint64_t v) { *to = v; });
            },
            [&](std::chrono::milliseconds* to) {
                return store(parse_with_unit(text, kTimeUnits), bounds, [&](std::uint64_t v) {
                    *to = std::chrono::milliseconds(static_cast<std::int64_t>(v));
                });
            },
            [&](MicroUsdPerMtok* to) {
                const std::optional<MicroUsd> usd = parse_usd(text);
                return usd &&
                       store(static_cast<std::uint64_t>(usd->value), bounds,
                             [&](std::uint64_t v) { to->value = static_cast<std::int64_t>(v); });
            },
            [&](std::vector<std::string>* to) { return parse_list(text, bounds, *to); },
            [&](const BindSlot& to) { return parse_bind(text, to); },
            [&](const BaseUrlSlot& to) { return parse_base_url(text, *to.provider); },
            [&](auto* choice) { return parse_choice(text, choice); },
        },
        slot);
}

std::string found(std::string_view path, const Slot& slot, const std::string& text) {
    constexpr std::size_t kShownMax = 80;
    if (std::holds_alternative<Secret*>(slot) || path == "mesh.join") return {};
    return ", found '" + text.substr(0, kShownMax) + "'";
}

std::string expected_value(const Bounds& bounds, const Slot& slot) {
    const auto text = [&](const std::string& what) {
        return what + " of " + std::to_string(bounds.min) + " to " + std::to_string(bounds.max);
    };
    return std::visit(
        Overloaded{
            [&](std::string*) { return text("text") + " characters"; },
            [&](Secret*) { return text("a secret") + " characters"; },
            [&](bool*) { return std::string("true or false"); },
            [&](std::uint32_t*) {
                return from_to("a whole number", std::to_string(bounds.min),
                               std::to_string(bounds.max), "");
            },
            [&](std::size_t*) {
                return from_to("a size", print_with_unit(bounds.min, kSizeUnits),
                               print_with_unit(bounds.max, kSizeUnits), "64KiB or 32MiB");
            },
            [&](std::chrono::milliseconds*) {
                return from_to("a duration", print_with_unit(bounds.min, kTimeUnits),
                               print_with_unit(bounds.max, kTimeUnits), "500ms, 10s or 5m");
            },
            [&](MicroUsdPerMtok*) {
                return from_to("a price per million tokens", usd_of(bounds.min), usd_of(bounds.max),
                               "0.15usd (six decimals at most)");
            },
            [&](std::vector<std::string>*) { return text("a list") + " texts"; },
            [&](const BindSlot&) {
                return std::string(
                    "ADDRESS:PORT with a literal address and a port from 0 to 65535, "
                    "such as 127.0.0.1:8080 or [::]:8080");
            },
            [&](const BaseUrlSlot&) {
                return std::string(
                    "http:// or https:// with a host, an optional port and path, "
                    "such as https://api.openai.com/v1");
            },
            [&](auto* choice) {
                std::string names = "one of";
                for (const auto& one : choices(choice)) names += " " + std::string(one.name);
                return names;
            },
        },
        slot);
}

std::string print_value(const Slot& slot) {
    return std::visit(
        Overloaded{
            [](const std::string* from) { return *from; },
            [](const Secret* from) { return std::string(from->empty() ? "" : "***"); },
            [](const bool* from) { return std::string(*from ? "true" : "false"); },
            [](const std::uint32_t* from) { return std::to_string(*from); },
            [](const std::size_t* from) { return print_with_unit(*from, kSizeUnits); },
            [](const std::chrono::milliseconds* from) {
                return print_with_unit(static_cast<std::uint64_t>(from->count()), kTimeUnits);
            },
            [](const MicroUsdPerMtok* from) { return print_usd({from->value}); },
            [](const std::vector<std::string>* from) {
                std::string text;
                for (const std::string& item : *from) text += (text.empty() ? "" : ",") + item;
                return text;
            },
            [](const BindSlot& from) { return join_address(*from.address, *from.port); },
            [](const BaseUrlSlot& from) { return print_base_url(*from.provider); },
            [](const auto* from) {
                for (const auto& choice : choices(from)) {
                    if (choice.value == *from) return std::string(choice.name);
                }
                return std::string();
            },
        },
        slot);
}

bool same_value(const Slot& a, const Slot& b) {
    if (const auto* secret = std::get_if<Secret*>(&a)) {
        const auto* other = std::get_if<Secret*>(&b);
        return other != nullptr && (*secret)->reveal() == (*other)->reveal();
    }
    return print_value(a) == print_value(b);
}

}  // namespace vidai::node::config
