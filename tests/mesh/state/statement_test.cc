// SPDX-License-Identifier: Apache-2.0
// What operators say about identities: its form, who may say it, and that it stays said.
#include "mesh/state/statement.h"

#include <gtest/gtest.h>

#include "mesh/state/register_set.h"
#include "tests/mesh/state/origins.h"

namespace vidai::mesh::state {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

Revocation revocation_of(const Origin& origin) {
    return {origin.key->public_key(), origin.node.str(), "laptop stolen", kNow + 24h};
}

Register say(const Origin& by, const Statement& statement, const MeshId& mesh) {
    return sign_register(statement, *by.key, by.chain, mesh);
}

TEST(Statement, SurvivesItsEncoding) {
    const Origins mesh;
    const Origin node = mesh.make("n1");
    const Statement revoked = encode_statement(revocation_of(node), NodeId("alice"), kNow);
    EXPECT_EQ(*decode_statement(encode(revoked)), revoked);
    EXPECT_EQ(*decode_revocation(revoked), revocation_of(node));
    EXPECT_FALSE(decode_forget(revoked).has_value());

    const Forget ghost{NodeId("n2"), 7, Generation{3}, kNow + 24h};
    const Statement forgotten = encode_statement(ghost, NodeId("alice"), kNow);
    EXPECT_EQ(*decode_statement(encode(forgotten)), forgotten);
    EXPECT_EQ(*decode_forget(forgotten), ghost);
    EXPECT_FALSE(decode_revocation(forgotten).has_value());
}

TEST(Statement, IsRefusedWhenAnythingAboutItIsOutOfBounds) {
    const Origins mesh;
    const Statement good = encode_statement(revocation_of(mesh.make("n1")), NodeId("alice"), kNow);
    const auto with = [&](auto change) {
        Statement changed = good;
        change(changed);
        return decode_revocation(changed);
    };
    EXPECT_TRUE(with([](Statement&) {}).has_value());
    EXPECT_FALSE(with([](Statement& s) { s.id[0] = s.id[0] == 'a' ? 'b' : 'a'; }).has_value());
    EXPECT_FALSE(with([](Statement& s) { s.value.push_back(0); }).has_value());
    EXPECT_FALSE(with([](Statement& s) { s.value.pop_back(); }).has_value());
    EXPECT_FALSE(with([](Statement& s) { s.value[0] = 2; }).has_value());
    EXPECT_FALSE(with([](Statement& s) { s.time = Hlc::at(kNow + 24h); }).has_value())
        << "over before it is said";
    EXPECT_FALSE(with([](Statement& s) { s.time = Hlc::at(WallTime(1ms)); }).has_value())
        << "would be kept for longer than ten years";
    Statement undone = good;
    undone.retired = false;
    EXPECT_FALSE(decode_statement(encode(undone)).has_value()) << "it is final";
}

TEST(Statement, IsBelievedFromAnOperatorOnly) {
    const Origins mesh;
    const Origin node = mesh.make("n1"), alice = mesh.make("alice", seal::Role::kOperator),
                 watcher = mesh.make("watcher", seal::Role::kObserver);
    RegisterVerifier verifier(mesh.trust());
    const auto statement = [&](const Origin& by) {
        return encode_statement(revocation_of(node), by.node, kNow);
    };
    const MeshId& id = mesh.trust().mesh;
    EXPECT_TRUE(verifier.verify(say(alice, statement(alice), id), kNow).has_value());
    EXPECT_FALSE(verifier.verify(say(node, statement(node), id), kNow).has_value())
        << "a compromised node cannot revoke";
    EXPECT_FALSE(verifier.verify(say(watcher, statement(watcher), id), kNow).has_value());
    EXPECT_FALSE(verifier.verify(say(node, statement(alice), id), kNow).has_value());
    MeshId other = id;
    other.bytes[0] ^= 1;
    EXPECT_FALSE(verifier.verify(say(alice, statement(alice), other), kNow).has_value())
        << "signed for another mesh";
    const Forget ghost{NodeId("n2"), 7, Generation{3}, kNow + 24h};
    Register forget = say(alice, encode_statement(ghost, alice.node, kNow), id);
    EXPECT_TRUE(verifier.verify(forget, kNow).has_value());
    forget.statement.value[1] ^= 1;
    EXPECT_FALSE(verifier.verify(forget, kNow).has_value());
    EXPECT_FALSE(verifier.verify(write(alice, "k1", Hlc::at(kNow), "x"), kNow).has_value())
        << "an operator is no peer: keys are written by nodes";
}

TEST(Statement, VoidsWhatARevokedNodeSignsButNotWhatOperatorsSaid) {
    const Origins mesh;
    const Origin node = mesh.make("n1"), alice = mesh.make("alice", seal::Role::kOperator);
    const auto revoked = std::make_shared<seal::RevokedKeys>();
    RegisterVerifier verifier(std::make_shared<const seal::Roots>(mesh.trust()), revoked);
    const Register before = write(node, "k1", Hlc::at(kNow - 1h), "x");
    EXPECT_TRUE(verifier.verify(before, kNow).has_value());
    EXPECT_FALSE(verifier.is_dated(before));
    revoked->add(node.key->public_key());
    revoked->add(alice.key->public_key());
    EXPECT_FALSE(verifier.verify(before, kNow).has_value()) << "it could be dated back";
    EXPECT_TRUE(verifier.is_dated(before));
    const Register said =
        say(alice, encode_statement(revocation_of(node), alice.node, kNow), mesh.trust().mesh);
    EXPECT_TRUE(verifier.verify(said, kNow).has_value()) << "a revocation is never undone";
}

TEST(Statement, OfTwoRemovalsTheOneThatReachesFurtherWins) {
    const Origins mesh;
    const Origin alice = mesh.make("alice", seal::Role::kOperator);
    const MeshId& id = mesh.trust().mesh;
    const auto forget = [&](std::uint64_t serial, std::uint64_t generation, WallTime when) {
        const Forget ghost{NodeId("n2"), serial, Generation{generation}, kNow + 24h};
        return say(alice, encode_statement(ghost, alice.node, when), id);
    };
    const Register far = forget(2, 1, kNow - 1h), near = forget(1, 900, kNow);
    for (const bool far_first : {true, false}) {
        RegisterSet set;
        (void)set.merge(far_first ? far : near);
        (void)set.merge(far_first ? near : far);
        EXPECT_EQ(decode_forget(set.find({RegisterKind::kForget, "n2"})->statement)->serial, 2u);
    }
}

TEST(Statement, IsTakenOutOfTheSetWithItsShareOfTheDigest) {
    const Origins mesh;
    const Origin alice = mesh.make("alice", seal::Role::kOperator), node = mesh.make("n1");
    RegisterSet set;
    (void)set.merge(write(node, "k1", Hlc::at(kNow), "x"));
    const RegisterDigest before = set.digest();
    (void)set.merge(
        say(alice, encode_statement(revocation_of(node), alice.node, kNow), mesh.trust().mesh));
    EXPECT_NE(set.digest(), before);
    const RegisterName name{RegisterKind::kRevocation, revocation_id(node.key->public_key())};
    set.erase(name);
    set.erase(name);
    EXPECT_EQ(set.digest(), before);
    EXPECT_EQ(set.size(), 1u);
}

}  // namespace
}  // namespace vidai::mesh::state
