// SPDX-License-Identifier: Apache-2.0
// Programs that could not talk to each other part at the handshake, not at the first call.
#include <optional>

#include <gtest/gtest.h>

#include "mesh/seal/handshake.h"
#include "mesh/seal/proof.h"
#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

// Each side refuses by itself: an initiator that did not look would be talking already.
TEST(WireRange, WithoutACommonVersionIsRefusedByTheInitiator) {
    const struct {
        WireRange ours, theirs;
        bool common;
    } cases[] = {{{1, 2}, {3, 4}, false}, {{3, 4}, {1, 2}, false}, {{1, 2}, {2, 3}, true},
                 {{2, 3}, {1, 2}, true},  {{1, 4}, {2, 3}, true},  {{2, 2}, {2, 2}, true}};
    for (const auto& [ours, theirs, common] : cases) {
        World world;
        HandshakeOptions us = options_for(world.node("vidai-0"));
        HandshakeOptions them = options_for(world.node("vidai-1"));
        us.hello.wire = ours;
        them.hello.wire = theirs;
        Initiator initiator(us, world.random);
        Responder responder(them, world.random);
        const Exchange said = run(initiator, responder);
        if (common) {
            EXPECT_EQ(responder.state(), State::kDone) << ours.min << " and " << theirs.min;
            continue;
        }
        ASSERT_EQ(initiator.state(), State::kRefused) << ours.min << " and " << theirs.min;
        EXPECT_EQ(initiator.refusal(), Refusal::kNoCommonWire);
        EXPECT_TRUE(said.m3.empty()) << "shows no certificate to who cannot use it";
    }
}

// Ours would have gone away at M2; one that does not is refused at M3.
TEST(WireRange, WithoutACommonVersionIsRefusedByTheResponder) {
    World world;
    HandshakeOptions us = options_for(world.node("vidai-0"));
    HandshakeOptions them = options_for(world.node("vidai-1"));
    us.hello.wire = {3, 4};
    KeyAgreement ours(world.random), theirs(world.random);
    ASSERT_TRUE(ours.agree(Side::kResponder, theirs.public_key()));
    ASSERT_TRUE(theirs.agree(Side::kInitiator, ours.public_key()));
    const Hash transcript{};
    const auto refusal_of_hello = [&](WireRange wire) -> std::optional<Refusal> {
        them.hello.wire = wire;
        const Bytes m3 = seal_proof(them, Side::kInitiator, theirs, transcript);
        const auto opened = open_proof(us, Side::kInitiator, ours, transcript, m3);
        return opened ? std::nullopt : std::optional(opened.error());
    };
    EXPECT_EQ(refusal_of_hello({1, 2}), Refusal::kNoCommonWire);
    EXPECT_EQ(refusal_of_hello({5, 9}), Refusal::kNoCommonWire);
    EXPECT_EQ(refusal_of_hello({2, 3}), std::nullopt);
}

}  // namespace
}  // namespace vidai::mesh::seal
