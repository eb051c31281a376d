// SPDX-License-Identifier: Apache-2.0
// Handshakes between sides that know different roots of one mesh.
#include "mesh/seal/roots.h"

#include <gtest/gtest.h>

#include "mesh/seal/handshake.h"
#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

std::optional<Refusal> refusal_of(Handshake& handshake, const Bytes& bytes) {
    const auto progress = handshake.feed(bytes);
    if (progress.state != State::kRefused) return std::nullopt;
    EXPECT_TRUE(progress.send.empty());
    return handshake.refusal();
}

TEST(RolledHandshake, TellsWhoGoesByAnOldRootOfTheNewOne) {
    World world;
    HandshakeOptions there = options_for(world.node("vidai-1"));
    const auto roots = std::make_shared<Roots>(world.root.trust);
    const auto next = key_from(77);
    const Bytes evidence{1, 2, 3};
    ASSERT_EQ(
        roots->add({world.root.trust.root, next->public_key(), kNow, kNow + Days{14}}, evidence),
        Roots::Added::kTaken);
    there.roots = roots;
    Initiator initiator(options_for(world.node("vidai-0")), world.random);
    Responder responder(there, world.random);
    const auto answer = responder.feed(initiator.start());
    EXPECT_EQ(answer.state, State::kRefused);
    EXPECT_EQ(responder.refusal(), Refusal::kRootRolled);
    EXPECT_EQ(initiator.feed(answer.send).state, State::kRefused);
    EXPECT_EQ(initiator.refusal(), Refusal::kRootRolled);
    EXPECT_EQ(initiator.told(), evidence);
    // By the new root both find each other, with certificates under the old one.
    HandshakeOptions here = options_for(world.node("vidai-0"));
    here.roots = roots;
    Initiator again(here, world.random);
    Responder ready(there, world.random);
    run(again, ready);
    EXPECT_EQ(again.state(), State::kDone);
    EXPECT_EQ(ready.state(), State::kDone);
}

TEST(RolledHandshake, RefusesTheCertificateOfARetiredRootUnlessAskedNotTo) {
    World world;
    const auto roots = std::make_shared<Roots>(world.root.trust);
    ASSERT_EQ(roots->add({world.root.trust.root, key_from(77)->public_key(), kNow, kNow}, {}),
              Roots::Added::kTaken);
    HandshakeOptions here = options_for(world.node("vidai-0"));
    HandshakeOptions there = options_for(world.node("vidai-1"));
    here.roots = there.roots = roots;
    {
        Initiator initiator(here, world.random);
        Responder responder(there, world.random);
        const Bytes m2 = responder.feed(initiator.start()).send;
        EXPECT_EQ(refusal_of(initiator, m2), Refusal::kRootRetired);
    }
    here.accept_retired = there.accept_retired = true;
    Initiator initiator(here, world.random);
    Responder responder(there, world.random);
    run(initiator, responder);
    ASSERT_EQ(responder.state(), State::kDone);
    EXPECT_EQ(responder.take_session().peer.root, world.root.trust.root) << "for whom to judge";
}

TEST(RolledHandshake, KnowsNothingOfARootThatIsNewerThanItsOwn) {
    World world;
    const auto roots = std::make_shared<Roots>(world.root.trust);
    ASSERT_EQ(roots->add({world.root.trust.root, key_from(77)->public_key(), kNow, kNow}, {}),
              Roots::Added::kTaken);
    HandshakeOptions here = options_for(world.node("vidai-0"));
    here.roots = roots;
    Initiator initiator(here, world.random);
    Responder responder(options_for(world.node("vidai-1")), world.random);
    EXPECT_EQ(refusal_of(responder, initiator.start()), Refusal::kStranger);
}

}  // namespace
}  // namespace vidai::mesh::seal
