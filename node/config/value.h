// SPDX-License-Identifier: Apache-2.0
// One value of a setting: how it is written, and how it is said again. The type of the member that
// a slot points to decides both, so that a duration, a size or a price reads the same in a flag, a
// variable and the file. Exact: no floating point. Pure; any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "node/observe/options.h"
#include "node/providers/provider.h"
#include "schema/base/secret.h"
#include "schema/vocabulary/units.h"

namespace vidai::node::config {

// An address to listen on, in two members: "127.0.0.1:8080", "[::]:8080".
struct BindSlot {
    std::string* address;
    std::uint16_t* port;
};

// "https://host[:port][/prefix]", into four members of a provider.
struct BaseUrlSlot {
    providers::Provider* provider;
};

using Slot = std::variant<std::string*, Secret*, bool*,
                          std::uint32_t*,              // a count
                          std::size_t*,                // bytes, "32MiB"
                          std::chrono::milliseconds*,  // "500ms", "10s", "5m", "2h"
                          MicroUsdPerMtok*,            // "0.15usd"
                          std::vector<std::string>*,   //
                          BindSlot, BaseUrlSlot, observe::LogLevel*, observe::LogFormat*,
                          providers::Dialect*>;

// Inclusive; of a count, bytes, milliseconds, micro-dollars, or the length of a text or list.
struct Bounds {
    std::uint64_t min = 0;
    std::uint64_t max = 4096;
};

// False, and the slot untouched, when `text` does not say such a value.
bool parse_value(std::string_view text, const Bounds& bounds, const Slot& slot);

// "a duration from 10ms to 10m, such as 500ms, 10s or 5m".
std::string expected_value(const Bounds& bounds, const Slot& slot);
// ", found 'text'", cut; empty where the option is a secret.
std::string found(std::string_view path, const Slot& slot, const std::string& text);

// As one would write it; a secret as "***", nothing as "".
std::string print_value(const Slot& slot);

bool same_value(const Slot& a, const Slot& b);

}  // namespace vidai::node::config
