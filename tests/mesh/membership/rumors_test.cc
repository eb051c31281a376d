// SPDX-License-Identifier: Apache-2.0
#include "mesh/membership/rumors.h"

#include <gtest/gtest.h>

#include "tests/mesh/membership/harness.h"

namespace vidai::mesh::membership {
namespace {

std::string subject(const Rumor& rumor) {
    if (const auto* c = std::get_if<ClaimRef>(&rumor)) return (*c)->id.str();
    return std::get<Accusation>(rumor).subject.str();
}

TEST(Rumors, ToldLeastOftenGoFirst) {
    Rumors rumors;
    rumors.add(claim("a", version(1, 0)));
    EXPECT_EQ(subject(rumors.take(1, 3).front()), "a");
    rumors.add(claim("b", version(1, 0)));
    EXPECT_EQ(subject(rumors.take(1, 3).front()), "b");
    const std::vector<Rumor> both = rumors.take(2, 3);
    ASSERT_EQ(both.size(), 2U);
}

TEST(Rumors, AreForgottenOnceToldOftenEnough) {
    Rumors rumors;
    rumors.add(claim("a", version(1, 0)));
    EXPECT_EQ(rumors.take(9, 2).size(), 1U);
    EXPECT_EQ(rumors.take(9, 2).size(), 1U);
    EXPECT_TRUE(rumors.empty());
}

TEST(Rumors, OfANewerClaimReplaceEverythingAboutItsSubject) {
    Rumors rumors;
    rumors.add(claim("a", version(1, 0)));
    rumors.add(accusation("a", version(1, 0), "x"));
    rumors.add(accusation("b", version(1, 0), "x"));
    rumors.add(claim("a", version(1, 1)));
    EXPECT_EQ(rumors.size(), 2U);
}

TEST(Rumors, OfADeathReplaceTheSuspicionsButNotTheClaim) {
    Rumors rumors;
    rumors.add(claim("a", version(1, 0)));
    rumors.add(accusation("a", version(1, 0), "x"));
    rumors.add(accusation("a", version(1, 0), "y"));
    rumors.add(accusation("a", version(1, 0), "x", Status::kDead));
    EXPECT_EQ(rumors.size(), 2U);
}

}  // namespace
}  // namespace vidai::mesh::membership
