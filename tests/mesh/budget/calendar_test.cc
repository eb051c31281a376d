// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/calendar.h"

#include <chrono>

#include <gtest/gtest.h>

namespace vidai::mesh::budget {
namespace {

using namespace std::chrono;

WallTime utc(int y, unsigned m, unsigned d, int hour = 0, int minute = 0) {
    const sys_days day = year(y) / month(m) / std::chrono::day(d);
    return WallTime(milliseconds((day + hours(hour) + minutes(minute)).time_since_epoch()));
}

Rule rule(const char* period, const char* zone = "") {
    return parse_rule(period, zone).value();
}

TEST(Calendar, WindowsOfUtcBeginAtMidnight) {
    const WallTime now = utc(2026, 11, 26, 16, 30);
    EXPECT_EQ(window_at(rule("day"), now), (Window{20783, utc(2026, 11, 26), utc(2026, 11, 27)}));
    EXPECT_EQ(window_at(rule("week"), now), (Window{2969, utc(2026, 11, 23), utc(2026, 11, 30)}));
    EXPECT_EQ(window_at(rule("month"), now), (Window{682, utc(2026, 11, 1), utc(2026, 12, 1)}));
    EXPECT_EQ(window_at(rule("year"), now), (Window{56, utc(2026, 1, 1), utc(2027, 1, 1)}));
    EXPECT_EQ(window_at(rule("none"), now), Window{});
}

TEST(Calendar, WindowsOfAZoneFollowItsClocks) {
    // Berlin is an hour ahead in winter, two in summer.
    const Rule month = rule("month", "Europe/Berlin");
    EXPECT_EQ(window_at(month, utc(2026, 11, 30, 22, 59)).ordinal, 682U);
    const Window december = window_at(month, utc(2026, 11, 30, 23));
    EXPECT_EQ(december, (Window{683, utc(2026, 11, 30, 23), utc(2026, 12, 31, 23)}));
    const Window july = window_at(month, utc(2026, 7, 15));
    EXPECT_EQ(july, (Window{678, utc(2026, 6, 30, 22), utc(2026, 7, 31, 22)}));
    // The day that clocks are put forward has 23 hours, the one that they are put back 25.
    const Rule day = rule("day", "Europe/Berlin");
    const Window spring = window_at(day, utc(2026, 3, 29, 12));
    EXPECT_EQ(spring.end - spring.start, hours(23));
    const Window autumn = window_at(day, utc(2026, 10, 25, 12));
    EXPECT_EQ(autumn.end - autumn.start, hours(25));
}

TEST(Calendar, WindowsFollowEachOtherWithoutGapsForAYear) {
    for (const char* zone : {"", "Europe/Berlin", "America/New_York", "Asia/Kathmandu",
                             "America/Sao_Paulo", "Pacific/Apia"}) {
        for (const char* period : {"day", "week", "month", "year"}) {
            const Rule of = rule(period, zone);
            Window at = window_at(of, utc(2011, 12, 1));  // Apia left out a day in that month
            for (int i = 0; i < 400; ++i) {
                ASSERT_LT(at.start, at.end);
                ASSERT_EQ(window_at(of, at.start), at) << period << " " << zone << " " << i;
                ASSERT_EQ(window_at(of, at.end - milliseconds(1)), at) << period << " " << zone;
                const Window next = window_at(of, at.end);
                ASSERT_GT(next.ordinal, at.ordinal);
                ASSERT_EQ(next.start, at.end);
                at = next;
            }
        }
    }
}

TEST(Calendar, BeforeTheEpochIsTheEpoch) {
    EXPECT_EQ(window_at(rule("day"), WallTime(milliseconds(-5))).ordinal, 0U);
    EXPECT_EQ(window_at(rule("month", "America/New_York"), WallTime{}).ordinal, 0U);
}

TEST(Calendar, WhatIsNoPeriodOrZoneIsRefused) {
    EXPECT_FALSE(parse_rule("fortnight", "").has_value());
    EXPECT_FALSE(parse_rule("", "").has_value());
    EXPECT_FALSE(parse_rule("month", "Europe/Atlantis").has_value());
    EXPECT_FALSE(parse_rule("none", "Europe/Berlin").has_value());
    EXPECT_FALSE(parse_rule("day", std::string(100, 'x')).has_value());
    EXPECT_EQ(parse_rule("day", "UTC")->zone, "");
}

}  // namespace
}  // namespace vidai::mesh::budget
