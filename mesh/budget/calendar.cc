// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/calendar.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <utility>

#include <date/date.h>
#include <date/tz.h>

namespace vidai::mesh::budget {

namespace {

using std::chrono::milliseconds;
using LocalDays = date::local_days;

constexpr std::array<std::string_view, 5> kNames = {"none", "day", "week", "month", "year"};

// Null: UTC, or unknown here.
const date::time_zone* zone_of(const std::string& name) {
    if (name.empty()) return nullptr;
    try {
        return date::locate_zone(name);
    } catch (const std::exception&) {
        return nullptr;
    }
}

struct Span {
    std::int64_t ordinal = 0;
    LocalDays first, next;
};

Span span_of(Period period, LocalDays today) {
    const date::year_month_day date(today);
    const std::int64_t days = today.time_since_epoch().count();
    const std::int64_t year = static_cast<int>(date.year()) - 1970;
    switch (period) {
        case Period::kDay:
            return {days, today, today + date::days(1)};
        case Period::kWeek: {  // 1970 began on a Thursday
            const std::int64_t week = (days + 3) / 7;
            const LocalDays monday(date::days(7 * week - 3));
            return {week, monday, monday + date::days(7)};
        }
        case Period::kMonth: {
            const date::year_month month(date.year(), date.month());
            const date::year_month next = month + date::months(1);
            return {12 * year + static_cast<unsigned>(date.month()) - 1,
                    LocalDays(month / date::day(1)), LocalDays(next / date::day(1))};
        }
        default: {
            const date::year next = date.year() + date::years(1);
            return {year, LocalDays(date.year() / 1 / 1), LocalDays(next / 1 / 1)};
        }
    }
}

// The moment when that day begins there: where clocks leap over midnight, the first after it.
WallTime begin_of(const date::time_zone* zone, LocalDays day) {
    if (zone == nullptr) return WallTime(milliseconds(day.time_since_epoch()));
    const auto system = zone->to_sys(date::local_seconds(day), date::choose::earliest);
    return WallTime(milliseconds(system.time_since_epoch()));
}

}  // namespace

std::string_view period_name(Period period) {
    return kNames.at(static_cast<std::size_t>(period));
}

Result<Rule> parse_rule(std::string_view period, std::string_view zone) {
    const auto found = std::ranges::find(kNames, period);
    if (found == kNames.end()) {
        return fail(ErrorCode::kInvalidRequest,
                    "a budget's window is day, week, month, year or none, not '" +
                        std::string(period) + "'",
                    "window");
    }
    Rule rule{Period{static_cast<std::uint8_t>(found - kNames.begin())}, std::string(zone)};
    if (rule.zone == "UTC") rule.zone.clear();
    if (rule.period == Period::kNone && !rule.zone.empty()) {
        return fail(ErrorCode::kInvalidRequest,
                    "a time zone is of use only with a window of a day or longer", "tz");
    }
    if (rule.zone.size() > kZoneMax || !is_known(rule)) {
        return fail(ErrorCode::kInvalidRequest, why_unknown(rule), "tz");
    }
    return rule;
}

std::string why_unknown(const Rule& rule) {
    const std::string zone = rule.zone.substr(0, kZoneMax);
    if (zone_of("Etc/UTC") == nullptr) {
        return "the time zone " + zone +
               " is not known: this node has no time zone database. Install the package tzdata "
               "there and start it again, or use UTC";
    }
    return "no time zone is named '" + zone +
           "': names are those of the IANA database, such as Europe/Berlin or UTC";
}

bool is_known(const Rule& rule) {
    return rule.zone.empty() || zone_of(rule.zone) != nullptr;
}

Window window_at(const Rule& rule, WallTime now) {
    if (rule.period == Period::kNone) return {};
    const date::time_zone* zone = zone_of(rule.zone);
    const date::sys_time<milliseconds> system(std::max(milliseconds(0), now.time_since_epoch()));
    const date::local_time<milliseconds> local =
        zone == nullptr ? date::local_time<milliseconds>(system.time_since_epoch())
                        : zone->to_local(system);
    const LocalDays today = std::max(LocalDays(), date::floor<date::days>(local));
    const Span span = span_of(rule.period, today);
    return {static_cast<Ordinal>(std::min<std::int64_t>(span.ordinal, kOrdinalsOfOne - 1)),
            begin_of(zone, span.first), begin_of(zone, span.next)};
}

}  // namespace vidai::mesh::budget
