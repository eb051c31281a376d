// SPDX-License-Identifier: Apache-2.0
// Members gone for so long that they are no news any more.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/mesh/membership/harness.h"

namespace vidai::mesh::membership {
namespace {

Options soon() {
    Options options;
    options.aged_after = std::chrono::minutes(10);
    return options;
}

// "m" with "a" and "b", of whom "a" has been dead for `span`.
Bench with_dead(Duration span) {
    Bench m("ab", true, soon());
    m.disconnected("a", LinkEnd::kTimeout);
    m.hear("b", accusation("a", version(1, 0), "b", Status::kDead));
    m.dial_failed("a", DialFailure::kUnreachable);
    while (span > Duration{}) {
        m.run(std::min<Duration>(span, seconds(10)), "b");
        m.dial_failed("a", DialFailure::kUnreachable);
        span -= seconds(10);
    }
    return m;
}

// Of the comparisons with "b" that began within `span`, how many speak of "a".
std::size_t mentions_of_a(Bench& m, Duration span) {
    const std::size_t before = m.sent<SyncRequest>().size();
    m.run(span, "b");
    const auto requests = m.sent<SyncRequest>();
    EXPECT_GT(requests.size(), before);
    std::size_t count = 0;
    for (std::size_t i = before; i < requests.size(); ++i) {
        for (const auto& digest : requests[i].second.digests) count += digest.id == NodeId("a");
    }
    return count;
}

std::ptrdiff_t dials_of_a(Bench& m, Duration span) {
    const auto all = [&] { return std::ranges::count(m.dialled(), "a:7420"); };
    const auto before = all();
    for (; span > Duration{}; span -= seconds(1)) {
        m.run(seconds(1), "b");
        m.dial_failed("a", DialFailure::kUnreachable);
    }
    return all() - before;
}

TEST(TheDead, AreSpokenOfAndDialledOftenUntilTheyAge) {
    Bench m = with_dead(seconds(30));
    EXPECT_GT(dials_of_a(m, std::chrono::minutes(2)), 20);
    EXPECT_GT(mentions_of_a(m, seconds(20)), 0U);
}

TEST(TheAged, LeaveStateExchangeAndStayInTheRoster) {
    Bench m = with_dead(std::chrono::minutes(11));
    EXPECT_EQ(mentions_of_a(m, seconds(20)), 0U);
    EXPECT_EQ(m.status("a"), Status::kDead);
    m.message("b", SyncRequest{});
    ASSERT_FALSE(m.sent<SyncReply>().empty());
    for (const auto& [to, reply] : m.sent<SyncReply>()) {
        for (const Rumor& rumor : reply.rumors) {
            const auto* claim = std::get_if<ClaimRef>(&rumor);
            EXPECT_TRUE(claim != nullptr && (*claim)->id != NodeId("a"));
        }
    }
}

TEST(TheAged, AreDialledOnceAMinuteForEver) {
    Bench m = with_dead(std::chrono::minutes(11));
    const auto dials = dials_of_a(m, std::chrono::minutes(20));
    EXPECT_GE(dials, 15);
    EXPECT_LE(dials, 21);
}

TEST(TheAged, AreToldSoWhenTheyAreReachedAndTakenBackWhenTheyRefute) {
    Bench m = with_dead(std::chrono::minutes(11));
    m.connected("a");
    const auto pings = m.sent<Ping>();
    ASSERT_FALSE(pings.empty());
    EXPECT_EQ(pings.back().second.target.status, Status::kDead);
    m.hear("a", claim("a", version(1, 1)));
    EXPECT_EQ(m.status("a"), Status::kAlive);
}

}  // namespace
}  // namespace vidai::mesh::membership
