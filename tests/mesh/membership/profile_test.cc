// SPDX-License-Identifier: Apache-2.0
// What members say of their programs: as bytes, and on its way past programs that drop it.
#include "mesh/membership/profile.h"

#include <gtest/gtest.h>

#include "tests/mesh/membership/harness.h"

namespace vidai::mesh::membership {
namespace {

TEST(Profile, SurvivesItsEncoding) {
    for (const Profile& profile : {Profile{"0.1.0", 3}, Profile{"", 0},
                                   Profile{std::string(kSoftwareBytesMax, 'v'), ~0ULL}}) {
        EXPECT_EQ(decode_profile(encode_profile(profile)), profile) << profile.software;
    }
    EXPECT_EQ(encode_profile({"ab", 0x0102}), std::string("\2ab\2\2\1", 6));
}

TEST(Profile, CutsAndCleansTheNameOfABuild) {
    const auto read = decode_profile(encode_profile({"a b\n" + std::string(100, 'x'), 0}));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->software, "a?b?" + std::string(kSoftwareBytesMax - 4, 'x'));
}

TEST(Profile, OfANewerProgramIsReadAsFarAsItIsKnown) {
    std::string bytes("\3new", 4);
    bytes += '\x0a';
    bytes += std::string("\1\0\0\0\0\0\0\x80", 8) + "zz" + "and more";
    const auto read = decode_profile(bytes);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(*read, (Profile{"new", 1 | 1ULL << 63}));
}

TEST(Profile, IsRefusedWhereItIsMalformed) {
    for (const std::string& bad :
         {std::string("\5ab"), std::string("\2ab"), std::string("\2ab\2x"),
          std::string("\2a \0", 4), std::string(1, '\x7f') + std::string(200, 'a'),
          encode_profile({}) + std::string(kProfileBytesMax, 'x')}) {
        EXPECT_FALSE(decode_profile(bad).has_value());
    }
    EXPECT_EQ(decode_profile(""), Profile{}) << "a program that does not say";
}

ClaimRef described(const ClaimRef& plain, const std::string& software = "2.0") {
    auto whole = std::make_shared<Claim>(*plain);
    whole->wire = {1, kProfileWire};
    whole->profile = encode_profile({software, 1});
    whole->profile_signature[0] = 7;
    return whole;
}
ClaimRef speaking(ClaimRef plain, std::uint16_t newest) {
    auto other = std::make_shared<Claim>(*plain);
    other->wire.newest = newest;
    return other;
}
const ClaimRef kPlain = speaking(claim("a", version(1, 1)), kProfileWire);

TEST(Profiles, AreTakenFromTheFullerOfTwoEqualWords) {
    Bench bench("ab");
    bench.hear("b", kPlain);
    EXPECT_EQ(bench.view("a").profile, Profile{});
    bench.effects.clear();
    bench.hear("b", described(kPlain));
    EXPECT_EQ(bench.view("a").profile, (Profile{"2.0", 1}));
    bench.run(std::chrono::milliseconds(200), "ab");
    EXPECT_FALSE(bench.sent<Gossip>().empty()) << "it is news to the others, too";
    bench.hear("b", kPlain);
    EXPECT_EQ(bench.view("a").profile, (Profile{"2.0", 1}))
        << "an old program's copy takes nothing";
}

TEST(Profiles, AreNoSignOfLife) {
    Bench bench("ab");
    bench.hear("b", kPlain);
    bench.hear("b", accusation("a", version(1, 1), "b"));
    bench.hear("b", accusation("a", version(1, 1), "b", Status::kDead));
    ASSERT_EQ(bench.status("a"), Status::kDead);
    bench.hear("b", described(kPlain));
    EXPECT_EQ(bench.status("a"), Status::kDead);
    EXPECT_EQ(bench.view("a").profile, (Profile{"2.0", 1}));
}

TEST(Profiles, AreBelievedOnlyAsTheMemberSignedThem) {
    Bench bench("ab");
    auto forged = std::make_shared<Claim>(*described(kPlain));
    forged->version.incarnation.value = 2;
    forged->signature[0] = kForged;
    bench.hear("b", ClaimRef(forged));
    EXPECT_EQ(bench.view("a").profile, Profile{});
}

std::size_t claims_in(const Bench& bench) {
    std::size_t claims = 0;
    for (const auto& [to, reply] : bench.sent<SyncReply>()) {
        for (const Rumor& rumor : reply.rumors) claims += std::holds_alternative<ClaimRef>(rumor);
    }
    return claims;
}

// `b` compares rosters: all that it knows is in step but for the profile of `a`.
SyncRequest comparing(const Bench& bench, bool described) {
    SyncRequest request;
    for (const char* id : {"a", "b", "m"}) {
        const MemberView held = bench.view(id);
        request.digests.push_back(
            {NodeId(id), bench.core.version_of(NodeId(id)), Status::kAlive,
             id == std::string("a") ? described : !held.profile.software.empty()});
    }
    return request;
}

TEST(Profiles, AreRepairedByStateExchange) {
    Bench bench("ab");
    bench.hear("b", speaking(claim("b", version(1, 1)), kProfileWire));
    bench.hear("b", kPlain);
    bench.effects.clear();
    bench.message("b", comparing(bench, true));
    ASSERT_EQ(bench.sent<SyncReply>().size(), 1u);
    EXPECT_EQ(bench.sent<SyncReply>()[0].second.wanted, std::vector<NodeId>{NodeId("a")});

    bench.hear("b", described(kPlain));
    bench.effects.clear();
    bench.message("b", comparing(bench, false));
    EXPECT_EQ(claims_in(bench), 1u) << "told to who lacks it";
}

TEST(Profiles, AreNotToldAgainAndAgainToWhoDropsThem) {
    Bench bench("ab");
    bench.hear("b", speaking(claim("b", version(1, 1)), 1));
    bench.hear("b", described(kPlain));
    bench.effects.clear();
    bench.message("b", comparing(bench, false));
    EXPECT_EQ(claims_in(bench), 0u);
}

}  // namespace
}  // namespace vidai::mesh::membership
