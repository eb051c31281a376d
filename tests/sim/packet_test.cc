// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/packet.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "mesh/wire/counters.h"
#include "mesh/wire/membership.h"
#include "mesh/wire/message.h"

namespace vidai::sim {
namespace {

using namespace mesh::membership;  // NOLINT(google-build-using-namespace)

std::size_t really_packed(const Message& message) {
    capnp::MallocMessageBuilder builder;
    mesh::wire::write(message, builder.initRoot<proto::MemberMessage>());
    return capnp::computeSerializedSizeInWords(builder) * sizeof(capnp::word);
}

ClaimRef claim(const std::string& id, std::size_t credential) {
    Claim made;
    made.id = NodeId(id);
    made.address = id + ".vidai.svc.cluster.local:7420";
    made.credential = std::string(credential, 'c');
    return std::make_shared<const Claim>(std::move(made));
}

Accusation accusation() {
    return {NodeId("n123"), {}, Status::kDead, Evidence::kSilent, NodeId("n4567890")};
}

TEST(PacketSize, IsWhatTheWirePacks) {
    const Digest digest{NodeId("vidai-17"), {}, Status::kAlive};
    const Message messages[] = {
        Ping{7, digest},
        Ack{7},
        IndirectPing{7, NodeId("vidai-1")},
        Nack{9},
        Gossip{{claim("vidai-1", 300), accusation()}},
        SyncRequest{NodeId(), NodeId(), {digest, digest, digest}},
        SyncRequest{NodeId("a"), NodeId("vidai-200"), {digest}},
        SyncReply{{claim("n1", 0)}, {NodeId("n1"), NodeId("vidai-9999")}},
        SyncDelta{{claim("n1", 1), claim("n22222222", 512), accusation()}},
        Goodbye{},
    };
    for (const Message& message : messages) {
        EXPECT_EQ(packed_bytes(message), really_packed(message)) << message_name(message);
    }
}

template <class Schema, class Value>
std::size_t written(const Value& value) {
    capnp::MallocMessageBuilder builder;
    mesh::wire::write(value, builder.initRoot<Schema>());
    return capnp::computeSerializedSizeInWords(builder) * sizeof(capnp::word);
}

TEST(PacketSize, OfCountersIsWhatTheWirePacks) {
    mesh::wire::CounterPush push{{NodeId("vidai-1"), Generation{3}, {}, 1, 2, 2, true}, {}};
    mesh::limits::CellPull pull;
    mesh::limits::CellPage page;
    const mesh::limits::CellCursor cursor{
        NodeId("vidai-17"), Generation{1}, {5, 7}, false, KeyId("abcdefghijkl")};
    for (int i = 0; i < 5; ++i) {
        push.batch.cells.push_back({KeyId("abcdefghijkl"), {}, 1, 2, 1});
        EXPECT_EQ(packed_bytes(push.batch), written<proto::CounterPush>(push));
        pull.have.push_back({NodeId("vidai-" + std::to_string(i)), Generation{3}, 7, 9});
        EXPECT_EQ(packed_bytes(pull), written<proto::CellPull>(pull));
        page.batches.push_back(push.batch);
        EXPECT_EQ(packed_bytes(page), written<proto::CellPage>(page));
        pull.from = page.next = cursor;
    }
}

}  // namespace
}  // namespace vidai::sim
