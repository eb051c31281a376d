// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/handshake.h"

#include <algorithm>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <sodium/crypto_generichash_blake2b.h>

#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

struct Pair {
    explicit Pair(World& world)
        : initiator(options_for(world.node("vidai-0"), "10.0.0.1:7420"), world.random),
          responder(options_for(world.node("vidai-1"), "10.0.0.2:7420"), world.random) {}
    Initiator initiator;
    Responder responder;
};

TEST(Handshake, TellsEachSideWhoTheOtherIs) {
    World world;
    Pair pair(world);
    run(pair.initiator, pair.responder);
    ASSERT_EQ(pair.initiator.state(), State::kDone);
    ASSERT_EQ(pair.responder.state(), State::kDone);
    const Session a = pair.initiator.take_session();
    const Session b = pair.responder.take_session();
    EXPECT_EQ(a.peer.node.str(), "vidai-1");
    EXPECT_EQ(b.peer.node.str(), "vidai-0");
    EXPECT_EQ(a.hello.address, "10.0.0.2:7420");
    EXPECT_EQ(b.hello, (Hello{Generation{3}, WireRange{1, 2}, "10.0.0.1:7420"}));
    EXPECT_EQ(b.peer.issuer, "issuer");
    EXPECT_EQ(b.peer.valid_until, kNow + kNodeValidity);
}

TEST(Handshake, GivesBothSidesTheSameKeysCrosswiseAndNoTwoAlike) {
    World world;
    Pair pair(world);
    run(pair.initiator, pair.responder);
    const Session a = pair.initiator.take_session();
    const Session b = pair.responder.take_session();
    EXPECT_EQ(a.send.key, b.receive.key);
    EXPECT_EQ(a.send.header, b.receive.header);
    EXPECT_EQ(a.receive.key, b.send.key);
    EXPECT_EQ(a.receive.header, b.send.header);
    EXPECT_EQ(a.binding, b.binding);
    EXPECT_NE(a.send.key, a.receive.key);
}

}  // namespace
}  // namespace vidai::mesh::seal
