// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/circle.h"

#include <gtest/gtest.h>

#include "tests/mesh/budget/support.h"

namespace vidai::mesh::budget {
namespace {

// Sealed by both of its custodians with that head.
EndedLog sealed(LogId id, LogId successor, std::set<LogId> more = {}) {
    EndedLog log{{id, {volume(8), volume(9)}, successor, false}, {}, 4, {}, std::move(more)};
    for (const LedgerKey& key : log.header.custodians) log.seals.push_back({key, log.head});
    log.represents.insert(id);
    return log;
}
EndedLog closed(LogId id, LogId successor, LogId to) {
    EndedLog log = sealed(id, successor);
    log.seals.pop_back();
    log.closed_to = to;
    return log;
}
std::optional<LogId> heir(std::vector<EndedLog> logs) {
    return heir_of_circle(logs);
}

TEST(Circle, IsNoneWhereAnHeirIsLeft) {
    EXPECT_FALSE(heir({}));
    EXPECT_FALSE(heir({sealed(log_of(1), log_of(2))}));
    EXPECT_FALSE(heir({sealed(log_of(1), log_of(2)), sealed(log_of(2), log_of(3))}));
    EXPECT_TRUE(find_circles({}).empty());
}

TEST(Circle, PassesToTheNextLogOfItsLeastVolume) {
    const EndedLog one = sealed(log_of(3, 7), log_of(2, 4)),
                   other = sealed(log_of(2, 4), log_of(3, 7));
    EXPECT_EQ(heir({one, other}), log_of(2, 5));
    EXPECT_EQ(heir({other, one}), log_of(2, 5)) << "whoever counts them first";
}

TEST(Circle, MayBeOneLog) {
    EXPECT_EQ(heir({sealed(log_of(1), log_of(1))}), log_of(1, 2));
    // Its successor is a log that it has adopted.
    EXPECT_EQ(heir({sealed(log_of(2), log_of(1, 3), {log_of(1, 3), log_of(1, 2)})}), log_of(1, 4));
}

TEST(Circle, FollowsAClosedLogToWhomItNames) {
    const EndedLog first = closed(log_of(1), log_of(9), log_of(1, 2));
    const EndedLog second = sealed(log_of(1, 2), log_of(2)), third = sealed(log_of(2), log_of(1));
    EXPECT_EQ(heir({first, second, third}), log_of(1, 3));
    EXPECT_FALSE(heir({first, third})) << "its next log may live";
}

TEST(Circle, ConsistsOfAllThatIsGivenOrIsNone) {
    const EndedLog a = sealed(log_of(1), log_of(2)), b = sealed(log_of(2), log_of(1));
    const EndedLog leads_in = sealed(log_of(3), log_of(1));
    EXPECT_FALSE(heir({a, b, leads_in}));
    EXPECT_FALSE(heir({leads_in, a, b}));
    const std::vector<EndedLog> all{leads_in, a, b};
    const auto found = find_circles(all);
    ASSERT_EQ(found.size(), 1U) << "once, from wherever it is come upon";
    EXPECT_EQ(found[0].logs, (std::set<std::size_t>{1, 2}));
    EXPECT_EQ(found[0].heir, log_of(1, 2));
}

TEST(Circle, WhoseHeirLeadsBackIntoItIsPartOfALargerOne) {
    const std::vector<EndedLog> logs{sealed(log_of(1), log_of(2)), sealed(log_of(2), log_of(1)),
                                     sealed(log_of(1, 2), log_of(2))};
    EXPECT_EQ(heir_of_circle(logs), log_of(1, 3));
    const auto found = find_circles(logs);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].heir, log_of(1, 2));
    EXPECT_EQ(found[1].heir, log_of(1, 3));
    EXPECT_EQ(found[1].logs.size(), 3U);
}

TEST(Circle, OfManyLogsIsFoundAsOne) {
    std::vector<EndedLog> logs;
    for (std::uint32_t i = 1; i <= kCircleMax; ++i) {
        logs.push_back(sealed(log_of(1, i), log_of(1, i % kCircleMax + 1)));
    }
    EXPECT_EQ(heir_of_circle(logs), log_of(1, kCircleMax + 1));
}

TEST(Final, IsALogThatAllCustodiansHaveSealed) {
    EndedLog log = sealed(log_of(1), log_of(2));
    EXPECT_TRUE(is_final(log));
    log.seals[0].head = 3;
    EXPECT_TRUE(is_final(log)) << "one of two commits, so each seal quorum has both";
    log.seals.pop_back();
    EXPECT_FALSE(is_final(log));
    log.seals.push_back(log.seals[0]);
    EXPECT_FALSE(is_final(log)) << "one of them twice";
    EXPECT_FALSE(is_final({{log_of(1), {}, log_of(1), false}, {}, 4, {}, {log_of(1)}}))
        << "without custodians its owner alone knows where it ends";
}

TEST(Final, IsReadUpToWhatIsCommitted) {
    EndedLog log = sealed(log_of(1), log_of(2));
    log.seals[0].head = 3;
    EXPECT_EQ(committed_head(log.header, log.seals), 4U) << "one of two commits";
    log.header.custodians.push_back(volume(10));
    log.seals.push_back({volume(10), 9});
    EXPECT_TRUE(is_final(log));
    EXPECT_EQ(committed_head(log.header, log.seals), 4U) << "two of three";
    log.seals.assign(3, {volume(10), 9});
    EXPECT_EQ(committed_head(log.header, log.seals), 0U) << "one of them thrice";
    EXPECT_EQ(committed_head({log_of(1), {}, log_of(1), false}, {}), 0U);
}

TEST(Final, IsNoLogOfWhichOneOfThreeHasTheClose) {
    EndedLog log = sealed(log_of(1), log_of(2));
    log.header.custodians.push_back(volume(10));
    log.seals.push_back({volume(10), 5});
    log.closed_to = log_of(1, 2);
    log.head = 5;
    EXPECT_FALSE(is_final(log)) << "it was not committed";
    log.seals[1].head = 5;
    EXPECT_TRUE(is_final(log));
}

TEST(Final, IsALogWhoseCloseIsCommitted) {
    EndedLog log = closed(log_of(1), log_of(2), log_of(1, 2));
    EXPECT_TRUE(is_final(log)) << "nothing follows it, sealed or not";
    log.seals[0].head = 3;
    EXPECT_FALSE(is_final(log));
    EXPECT_TRUE(is_final({{log_of(1), {}, log_of(1), true}, {}, 4, log_of(1, 2), {log_of(1)}}))
        << "its owner's disk was all it had";
}

}  // namespace
}  // namespace vidai::mesh::budget
