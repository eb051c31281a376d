// SPDX-License-Identifier: Apache-2.0
#include "mesh/wire/membership.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "mesh/wire/message.h"
#include "schema/base/rng.h"

namespace vidai::mesh::wire {
namespace {

using namespace membership;

Claim claim() {
    Claim c;
    c.id = NodeId("node-1");
    c.key.fill(1);
    c.version = {5, Generation{6}, Incarnation{7}};
    c.left = true;
    c.address = "10.0.0.7:7420";
    c.wire = {1, 2};
    c.credential = std::string("\0chain\xff", 7);
    c.signature.fill(9);
    c.profile = encode_profile({"1.2.3", 5}) + "more of a newer program";
    c.profile_signature.fill(10);
    return c;
}

Accusation accusation() {
    return {NodeId("node-2"),
            {1, Generation{2}, Incarnation{3}},
            Status::kDead,
            Evidence::kRefused,
            NodeId("node-3")};
}

Digest digest(const std::string& id, Status status) {
    return {NodeId(id), {1, Generation{2}, Incarnation{3}}, status, id == "b"};
}

std::vector<Message> one_of_each() {
    const std::vector<Rumor> rumors{std::make_shared<const Claim>(claim()), accusation()};
    return {Ping{1, digest("n", Status::kSuspect)},
            Ack{2},
            IndirectPing{3, NodeId("n")},
            Nack{4},
            Gossip{rumors},
            SyncRequest{NodeId("a"),
                        NodeId("z"),
                        {digest("b", Status::kAlive), digest("c", Status::kLeft),
                         digest("d", Status::kJoining)}},
            SyncReply{rumors, {NodeId("x")}},
            SyncDelta{rumors},
            Goodbye{}};
}

// Everything in a message as text: the variants have no common comparison.
std::string flat(const Message& message) {
    capnp::MallocMessageBuilder builder;
    write(message, builder.initRoot<proto::MemberMessage>());
    const seal::Bytes bytes = flatten(builder);
    return std::string(seal::text_of(bytes));
}

Result<Message> through_the_wire(const Message& message) {
    capnp::MallocMessageBuilder builder;
    write(message, builder.initRoot<proto::MemberMessage>());
    return with_flat<proto::MemberMessage>(
        flatten(builder), [](proto::MemberMessage::Reader in) { return read(in); });
}

TEST(MembershipWire, CarriesEveryKindOfMessage) {
    for (const Message& message : one_of_each()) {
        const auto read = through_the_wire(message);
        ASSERT_TRUE(read.has_value()) << message_name(message) << ": " << read.error().message;
        EXPECT_EQ(read->index(), message.index());
        EXPECT_EQ(flat(*read), flat(message)) << message_name(message);
    }
}

TEST(MembershipWire, KeepsAClaimToTheLastByte) {
    const auto read = unpack_claim(pack_claim(claim()));
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(*read, claim());
}

TEST(MembershipWire, RefusesWhatBreaksABound) {
    Claim long_address = claim();
    long_address.address = std::string(kAddressBytesMax + 1, 'a');
    EXPECT_FALSE(unpack_claim(pack_claim(long_address)).has_value());
    Claim long_credential = claim();
    long_credential.credential = std::string(kCredentialBytesMax + 1, 'a');
    EXPECT_FALSE(unpack_claim(pack_claim(long_credential)).has_value());
    Claim long_profile = claim();
    long_profile.profile += std::string(kProfileBytesMax, 'a');
    EXPECT_FALSE(unpack_claim(pack_claim(long_profile)).has_value());
    Claim bad_id = claim();
    bad_id.id = NodeId("No Node");
    EXPECT_FALSE(unpack_claim(pack_claim(bad_id)).has_value());

    std::vector<Rumor> crowd(kRumorsPerMessage + 1, accusation());
    EXPECT_FALSE(through_the_wire(Gossip{crowd}).has_value());
    Accusation praise = accusation();
    praise.verdict = Status::kAlive;
    EXPECT_FALSE(through_the_wire(Gossip{{praise}}).has_value());
    EXPECT_FALSE(through_the_wire(Gossip{}).has_value()) << "an empty gossip";
    SyncReply greedy;
    greedy.wanted.assign(kDigestsPerMessage + 1, NodeId("n"));
    EXPECT_FALSE(through_the_wire(greedy).has_value());
}

TEST(MembershipWire, RefusesEnumsAndKindsOfTheFuture) {
    capnp::MallocMessageBuilder builder;
    auto ping = builder.initRoot<proto::MemberMessage>().initPing();
    ping.initTarget().setId("n");
    ping.getTarget().setStatus(static_cast<proto::MemberStatus>(77));
    EXPECT_FALSE(read(builder.getRoot<proto::MemberMessage>().asReader()).has_value());
}

TEST(MembershipWire, SurvivesHostileBytes) {
    Rng rng(5);
    for (const Message& message : one_of_each()) {
        const std::string good = flat(message);
        for (int i = 0; i < 2'000; ++i) {
            seal::Bytes bad(good.begin(), good.end());
            for (std::uint64_t edits = 1 + rng.below(6); edits > 0; --edits) {
                bad[rng.below(bad.size())] = static_cast<std::uint8_t>(rng.next());
            }
            if (rng.chance(0.1)) bad.resize(rng.below(bad.size()));
            const auto read = with_flat<proto::MemberMessage>(
                bad, [](proto::MemberMessage::Reader in) { return wire::read(in); });
            if (read) {
                EXPECT_TRUE(validate(*read).has_value());
            }
        }
    }
}

}  // namespace
}  // namespace vidai::mesh::wire
