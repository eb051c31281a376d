// SPDX-License-Identifier: Apache-2.0
#include "mesh/capabilities.h"

#include <gmock/gmock.h>

namespace vidai::mesh {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Member member(const char* id, MemberStatus status, std::uint64_t capabilities) {
    Member out;
    out.id = NodeId(id);
    out.status = status;
    out.capabilities = capabilities;
    return out;
}

TEST(Capabilities, AreUsedOnceAllThatLiveHaveThem) {
    std::vector<Member> mesh = {member("a", MemberStatus::kAlive, 3),
                                member("b", MemberStatus::kSuspect, 2),
                                member("c", MemberStatus::kAlive, 0)};
    EXPECT_THAT(lacking(mesh, Capability::kRootStatements), ElementsAre(NodeId("b"), NodeId("c")));
    EXPECT_THAT(lacking(mesh, Capability::kRotation), ElementsAre(NodeId("c")));
    // Who is not there is not waited for, and finds what it can when it is back.
    mesh[2].status = MemberStatus::kDead;
    EXPECT_THAT(lacking(mesh, Capability::kRotation), IsEmpty());
    mesh[2].status = MemberStatus::kLeft;
    EXPECT_THAT(lacking(mesh, Capability::kRotation), IsEmpty());
    mesh[2].status = MemberStatus::kJoining;
    EXPECT_THAT(lacking(mesh, Capability::kRotation), IsEmpty());
}

TEST(Capabilities, HaveOneNameEachAndOneBit) {
    std::uint64_t seen = 0;
    for (const CapabilityRow& row : kCapabilityTable) {
        EXPECT_EQ(seen & bit_of(row.bit), 0u) << row.name;
        seen |= bit_of(row.bit);
        EXPECT_THAT(capability_names(bit_of(row.bit)), ElementsAre(row.name));
    }
    EXPECT_EQ(seen, kEveryCapability);
    EXPECT_THAT(capability_names(1ULL << 40), ElementsAre("bit-40")) << "of a newer program";
}

}  // namespace
}  // namespace vidai::mesh
