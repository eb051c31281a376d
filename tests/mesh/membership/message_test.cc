// SPDX-License-Identifier: Apache-2.0
#include "mesh/membership/message.h"

#include <memory>

#include <gtest/gtest.h>

namespace vidai::mesh::membership {
namespace {

Claim good_claim() {
    Claim claim;
    claim.id = NodeId("b");
    claim.address = "b:7420";
    return claim;
}

Accusation good_accusation() {
    return {.subject = NodeId("b"), .accuser = NodeId("c")};
}

template <class Edit>
bool valid_after(Edit edit) {
    Claim claim = good_claim();
    edit(claim);
    return validate(Message(Gossip{{std::make_shared<const Claim>(claim)}})).has_value();
}

TEST(Validation, AcceptsAWellFormedClaim) {
    EXPECT_TRUE(valid_after([](Claim&) {}));
}

TEST(Validation, RefusesAClaimWithAFieldOutOfBounds) {
    EXPECT_FALSE(valid_after([](Claim& claim) { claim.id = NodeId("Not A Name"); }));
    EXPECT_FALSE(valid_after([](Claim& claim) { claim.address.clear(); }));
    EXPECT_FALSE(valid_after([](Claim& claim) { claim.address.assign(261, 'a'); }));
    EXPECT_FALSE(valid_after([](Claim& claim) { claim.credential.assign(513, 'a'); }));
    EXPECT_FALSE(valid_after([](Claim& claim) { claim.wire = {3, 2}; }));
    EXPECT_FALSE(valid_after([](Claim& claim) { claim.profile = "\xff"; }));
    EXPECT_FALSE(valid_after([](Claim& claim) { claim.profile_signature[0] = 1; }))
        << "a signature of nothing";
    EXPECT_TRUE(valid_after([](Claim& claim) {
        claim.profile = encode_profile({"1.2.3", 7});
        claim.profile_signature[0] = 1;
    }));
}

TEST(Validation, RefusesAnAccusationThatIsNotSuspectOrDead) {
    Accusation accusation = good_accusation();
    EXPECT_TRUE(validate(Message(Gossip{{accusation}})).has_value());
    accusation.verdict = Status::kLeft;
    EXPECT_FALSE(validate(Message(Gossip{{accusation}})).has_value());
}

TEST(Validation, BoundsTheRumorsOfAMessage) {
    EXPECT_FALSE(validate(Message(Gossip{})).has_value());
    const std::vector<Rumor> most(kRumorsPerMessage, good_accusation());
    EXPECT_TRUE(validate(Message(Gossip{most})).has_value());
    std::vector<Rumor> more = most;
    more.emplace_back(good_accusation());
    EXPECT_FALSE(validate(Message(Gossip{more})).has_value());
    EXPECT_FALSE(validate(Message(Gossip{{ClaimRef()}})).has_value());
}

TEST(Validation, WantsDigestsAscendingAndWithinTheirRange) {
    const Digest b{.id = NodeId("b")};
    const Digest c{.id = NodeId("c")};
    EXPECT_TRUE(validate(Message(SyncRequest{NodeId("b"), NodeId("d"), {b, c}})).has_value());
    EXPECT_TRUE(validate(Message(SyncRequest{NodeId(), NodeId(), {b, c}})).has_value());
    EXPECT_FALSE(validate(Message(SyncRequest{NodeId("b"), NodeId("d"), {c, b}})).has_value());
    EXPECT_FALSE(validate(Message(SyncRequest{NodeId("b"), NodeId("d"), {b, b}})).has_value());
    EXPECT_FALSE(validate(Message(SyncRequest{NodeId("c"), NodeId(), {b}})).has_value());
    EXPECT_FALSE(validate(Message(SyncRequest{NodeId("b"), NodeId("c"), {b, c}})).has_value());
    EXPECT_FALSE(validate(Message(SyncRequest{NodeId("c"), NodeId("c"), {}})).has_value());
}

TEST(SignedBytes, ChangeWithEveryFieldButTheSignature) {
    const Claim claim = good_claim();
    const auto changed = [&](auto edit) {
        Claim other = claim;
        edit(other);
        return signed_bytes(other) != signed_bytes(claim);
    };
    EXPECT_TRUE(changed([](Claim& c) { c.id = NodeId("bb"); }));
    EXPECT_TRUE(changed([](Claim& c) { c.key[31] = 1; }));
    EXPECT_TRUE(changed([](Claim& c) { c.version.serial = 1; }));
    EXPECT_TRUE(changed([](Claim& c) { c.version.generation.value = 1; }));
    EXPECT_TRUE(changed([](Claim& c) { c.version.incarnation.value = 1; }));
    EXPECT_TRUE(changed([](Claim& c) { c.left = true; }));
    EXPECT_TRUE(changed([](Claim& c) { c.address = "c:7420"; }));
    EXPECT_TRUE(changed([](Claim& c) { c.wire.newest = 2; }));
    EXPECT_TRUE(changed([](Claim& c) { c.credential = "x"; }));
    EXPECT_FALSE(changed([](Claim& c) { c.signature[0] = 1; }));
    EXPECT_FALSE(changed([](Claim& c) { c.profile = "\1x"; })) << "older programs verify them";
}

TEST(SignedProfile, HoldsTheWholeWordAndTheProfile) {
    const Claim claim = good_claim();
    Claim other = claim;
    other.profile = encode_profile({"1.2.3", 7});
    EXPECT_NE(signed_profile(other), signed_profile(claim));
    EXPECT_TRUE(signed_profile(other).starts_with(signed_bytes(other)));
}

}  // namespace
}  // namespace vidai::mesh::membership
