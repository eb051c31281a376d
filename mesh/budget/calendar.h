// SPDX-License-Identifier: Apache-2.0
// Calendar: the windows of budgets that renew: a day, week, month or year of some place's clocks.
// Windows are named by ordinals that only grow, counted from the one that has the first of January
// 1970 in it, so that all nodes name them alike whatever their log says; a budget whose rule is
// changed begins another row of them, above the last. Zones are the system's (IANA time zone
// database). Pure but for reading that, once each; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mesh/budget/names.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::budget {

enum class Period : std::uint8_t { kNone, kDay, kWeek, kMonth, kYear };  // weeks begin on Monday
inline constexpr Period kPeriodMax = Period::kYear;
inline constexpr std::size_t kZoneMax = 64;  // bytes of a zone's name

// When a budget begins anew. kNone: never, and its one window is 0.
struct Rule {
    Period period = Period::kNone;
    std::string zone;  // "Europe/Berlin"; empty: UTC
    friend auto operator<=>(const Rule&, const Rule&) = default;
};
// Ordinals of a calendar are below that, to the year 4840; those of a budget that has been given
// another rule so many times are counted on from so many times that.
inline constexpr Ordinal kOrdinalsOfOne = 1U << 20U;
inline constexpr std::uint16_t kCalendarMax = 4'095;
inline std::uint16_t calendar_of(Ordinal ordinal) {
    return static_cast<std::uint16_t>(ordinal / kOrdinalsOfOne);
}

struct Window {
    Ordinal ordinal = 0;  // of the first calendar
    WallTime start, end;  // zero: it has none
    friend bool operator==(const Window&, const Window&) = default;
};

// "day", "week", "month", "year"; "none".
std::string_view period_name(Period period);
// kInvalidRequest: no such period, or no such zone on this system.
Result<Rule> parse_rule(std::string_view period, std::string_view zone);
// Whether this system knows the zone.
bool is_known(const Rule& rule);
// And why it does not, with what to do.
std::string why_unknown(const Rule& rule);
// The one that `now` lies in. Of a zone that this system does not know, as in UTC. Times before
// 1970 count as 1970.
Window window_at(const Rule& rule, WallTime now);

}  // namespace vidai::mesh::budget
