// SPDX-License-Identifier: Apache-2.0
// What a provider says that it billed, as a file: CSV with a line of names first, or a JSON object
// on each line. Names: `request`, the x-request-id that the gateway sent along, and `cost_usd`, an
// amount such as 0.0123; whatever else there is may stay. Lines of one request are added up. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "schema/vocabulary/result.h"
#include "schema/vocabulary/units.h"

namespace vidai::cli::commands {

inline constexpr std::size_t kBillBytesMax = 64U << 20;
inline constexpr std::size_t kBilledMax = 500'000;  // requests

struct Billed {
    MicroUsd cost;  // of each line rounded up to a millionth
    int line = 0;   // the first of its lines
};
// By request. kConfigInvalid with "NAME:LINE: what".
Result<std::map<std::string, Billed>> read_bill(const std::string& text, const std::string& name);

}  // namespace vidai::cli::commands
