// SPDX-License-Identifier: Apache-2.0
// Text for terminals, and how people read times and amounts. Pure; any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/time_text.h"
#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::cli::print {

// Bytes of the well-formed UTF-8 character (RFC 3629) at the start of `text`; 0 when it is none.
std::size_t utf8_bytes(std::string_view text);

// `text` with control characters and broken UTF-8 shown as \xNN: what another machine sends must
// not steer this terminal.
std::string printable(std::string_view text);
std::size_t columns(std::string_view text);  // characters of printable text

using vidai::time_text;                             // 2026-11-22T07:16:06.123Z
std::string age_text(WallTime now, WallTime then);  // 42s 3m 5h 12d; "-" for the epoch
std::string rtt_text(std::optional<std::chrono::microseconds> rtt);  // 412us 3.1ms 2.0s -
std::string usd_text(MicroUsd amount);                               // $0.001234
std::string joined(const std::vector<std::string>& items, std::string_view between);

}  // namespace vidai::cli::print
