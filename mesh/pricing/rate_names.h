// SPDX-License-Identifier: Apache-2.0
// The rates by the names that cards, messages and differences use. Constant data; any thread.
#pragma once

#include <array>
#include <string_view>

#include "mesh/pricing/price.h"

namespace vidai::mesh::pricing {

struct RateName {
    std::string_view name;
    MicroUsdPerMtok Rates::* rate;
};
inline constexpr std::array<RateName, 7> kRateNames = {{{"input", &Rates::input},
                                                        {"cached_input", &Rates::cached_input},
                                                        {"cache_write", &Rates::cache_write},
                                                        {"output", &Rates::output},
                                                        {"reasoning", &Rates::reasoning},
                                                        {"audio_input", &Rates::audio_input},
                                                        {"audio_output", &Rates::audio_output}}};

struct LimitName {
    std::string_view name;
    Tokens ModelLimits::* limit;
};
inline constexpr std::array<LimitName, 4> kLimitNames = {
    {{"context_window", &ModelLimits::context_window},
     {"output_max", &ModelLimits::output_max},
     {"image_max", &ModelLimits::image_max},
     {"useful_output", &ModelLimits::useful_output}}};

struct PercentName {
    std::string_view name;
    std::uint16_t Price::* percent;
};
inline constexpr std::array<PercentName, 3> kPercentNames = {
    {{"batch", &Price::batch_percent},
     {"flex", &Price::flex_percent},
     {"priority", &Price::priority_percent}}};

}  // namespace vidai::mesh::pricing
