// SPDX-License-Identifier: Apache-2.0
#include "schema/base/time_text.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace vidai {

std::string time_text(WallTime time) {
    using namespace std::chrono;
    const sys_time<milliseconds> since{time.time_since_epoch()};
    const auto day = floor<days>(since);
    const year_month_day date(day);
    const hh_mm_ss clock(since - day);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()),
                  static_cast<int>(clock.subseconds().count()));
    return text.data();
}

}  // namespace vidai
