// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/succession.h"

#include <algorithm>
#include <chrono>

#include <gtest/gtest.h>

#include "mesh/state/statement.h"
#include "tests/mesh/state/origins.h"

namespace vidai::mesh::state {
namespace {

using testing::kNow;
using testing::Origin;
using testing::Origins;
using namespace std::chrono_literals;

seal::SecretKey new_root() {
    return seal::SecretKey::generate(seal::system_random());
}

// R0 names R1, which names R2.
struct Line {
    Line() {
        trust.mesh.bytes.fill(7);
        trust.root = roots[0].public_key();
    }
    seal::Succession between(std::size_t from, WallTime began = kNow) const {
        return {roots[from].public_key(), roots[from + 1].public_key(), began, began + 1h};
    }
    Register stated(std::size_t from, WallTime began = kNow) const {
        return sign_succession(between(from, began), roots[from], roots[from + 1], trust.mesh,
                               began);
    }
    // A peer's chain under that root.
    std::shared_ptr<const seal::Bytes> chain(std::size_t root, const Origin& of) const {
        seal::NodeCertificate certificate;
        certificate.mesh = trust.mesh;
        certificate.node = of.node;
        certificate.key = of.key->public_key();
        certificate.roles = seal::Role::kPeer;
        certificate.validity = {kNow - 24h, kNow + 24h};
        return std::make_shared<const seal::Bytes>(
            seal::encode_chain({}, seal::sign_certificate(roots[root], certificate)));
    }
    seal::SecretKey roots[3] = {new_root(), new_root(), new_root()};
    seal::Trust trust;
};

TEST(Succession, IsSignedByBothRootsOrWorthNothing) {
    const Line line;
    const Register good = line.stated(0);
    const auto read = verify_succession(good, line.trust.mesh);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(*read, line.between(0));
    for (std::size_t i = 0; i < good.statement.value.size(); ++i) {
        Register bad = good;
        bad.statement.value[i] ^= 1;
        EXPECT_FALSE(verify_succession(bad, line.trust.mesh).has_value()) << i;
    }
    Register bad = good;
    bad.signature.bytes[5] ^= 1;
    EXPECT_FALSE(verify_succession(bad, line.trust.mesh).has_value());
    EXPECT_FALSE(verify_succession(good, MeshId{}).has_value()) << "of another mesh";
    // The old root alone: somebody who has stolen it names a root that it has not.
    bad = sign_succession(line.between(0), line.roots[0], line.roots[1], line.trust.mesh, kNow);
    std::fill(bad.statement.value.end() - 64, bad.statement.value.end(), std::uint8_t{0});
    bad = sign_register(bad.statement, line.roots[0], bad.chain, line.trust.mesh);
    EXPECT_EQ(verify_succession(bad, line.trust.mesh).error().code, ErrorCode::kUnauthenticated);
}

TEST(Succession, IsFollowedFromEitherEndInWhateverOrderItIsHeardOf) {
    const Line line;
    std::vector<Register> both{line.stated(1, kNow + 1min), line.stated(0)};
    for (std::size_t anchor = 0; anchor < 3; ++anchor) {
        for (int turn = 0; turn < 2; ++turn) {
            seal::Roots roots({line.trust.mesh, line.roots[anchor].public_key()});
            EXPECT_EQ(follow(roots, both), 2u);
            EXPECT_EQ(roots.newest().root, line.roots[2].public_key());
            EXPECT_EQ(roots.size(), 3u);
            std::reverse(both.begin(), both.end());
        }
    }
    seal::Roots stranger({line.trust.mesh, new_root().public_key()});
    EXPECT_EQ(follow(stranger, both), 0u);
    EXPECT_EQ(stranger.size(), 1u);
}

TEST(Succession, LetsTheOldRootBeBelievedUntilItsDateAndNoLonger) {
    const Line line;
    const Origins mesh;
    const Origin node = mesh.make("n1");
    seal::Roots roots(line.trust);
    const auto before = line.chain(0, node), after = line.chain(1, node);
    EXPECT_EQ(roots.verify_chain(kNow, *after).error(), seal::Refusal::kCertificateSignature);
    ASSERT_EQ(follow(roots, {line.stated(0)}), 1u);
    EXPECT_TRUE(roots.verify_chain(kNow + 59min, *before).has_value());
    EXPECT_EQ(roots.verify_chain(kNow + 59min, *after)->root, line.roots[1].public_key());
    EXPECT_EQ(roots.verify_chain(kNow + 1h, *before).error(), seal::Refusal::kRootRetired);
    EXPECT_TRUE(roots.verify_chain(kNow + 1h, *after).has_value());
    EXPECT_TRUE(roots.verify_recorded(kNow + 1h, *before).has_value()) << "for what it once signed";
}

TEST(Succession, IsDecidedTheSameWayWhicheverOfTwoComesFirst) {
    const Line line;
    const seal::SecretKey other = new_root();
    const Register first = line.stated(0);
    const Register fork =
        sign_succession({line.roots[0].public_key(), other.public_key(), kNow + 1s, kNow + 1h},
                        line.roots[0], other, line.trust.mesh, kNow + 1s);
    EXPECT_TRUE(supersedes(first, fork)) << "the roll-over that began first";
    EXPECT_FALSE(supersedes(fork, first));
    // The same roll-over with an earlier end takes the place of the one before.
    seal::Succession sooner = line.between(0);
    sooner.until = kNow + 10min;
    const Register retired =
        sign_succession(sooner, line.roots[0], line.roots[1], line.trust.mesh, kNow + 10min);
    EXPECT_TRUE(supersedes(retired, first));
    EXPECT_TRUE(supersedes(retired, fork)) << "a total order";
    EXPECT_FALSE(supersedes(first, retired));
}

TEST(Succession, HasABoundAndEndsRings) {
    seal::Trust trust;
    seal::SecretKey last = new_root();
    trust.root = last.public_key();
    seal::Roots roots(trust);
    for (std::size_t i = 1; i < seal::kRootsMax; ++i) {
        seal::SecretKey next = new_root();
        EXPECT_EQ(roots.add({last.public_key(), next.public_key(), kNow, kNow + 1h}, {}),
                  seal::Roots::Added::kTaken);
        last = std::move(next);
    }
    EXPECT_EQ(roots.add({last.public_key(), trust.root, kNow, kNow + 1h}, {}),
              seal::Roots::Added::kUnconnected)
        << "a ring";
    EXPECT_EQ(roots.add({last.public_key(), new_root().public_key(), kNow, kNow + 1h}, {}),
              seal::Roots::Added::kFull);
    roots.collect(kNow + 1h + seal::kSuccessionMemory);
    EXPECT_EQ(roots.size(), 1u);
    EXPECT_EQ(roots.newest().root, last.public_key());
}

TEST(Succession, IsToldInOneMessageThatLeadsOn) {
    const Line line;
    seal::Roots roots(line.trust);
    ASSERT_EQ(follow(roots, {line.stated(0), line.stated(1, kNow + 1min)}), 2u);
    const auto told = unpack_successions(roots.evidence_from(line.trust.root, 1'000));
    ASSERT_TRUE(told.has_value()) << told.error().message;
    seal::Roots behind(line.trust);
    EXPECT_EQ(follow(behind, *told), 2u);
    EXPECT_EQ(behind.newest(), roots.newest());
    EXPECT_EQ(unpack_successions(roots.evidence_from(line.trust.root, 300))->size(), 1u)
        << "as many as fit, from the nearest on";
    EXPECT_TRUE(roots.evidence_from(line.roots[2].public_key(), 1'000).empty());
    seal::Bytes cut = roots.evidence_from(line.trust.root, 1'000);
    cut.pop_back();
    EXPECT_FALSE(unpack_successions(cut).has_value());
}

TEST(RegisterVerifier, KnowsWhatARetiredRootIsStillWorth) {
    const Line line;
    const Origins mesh;
    Origin node = mesh.make("n1");
    node.chain = line.chain(0, node);
    const auto roots = std::make_shared<seal::Roots>(line.trust);
    RegisterVerifier verifier(roots);
    const Register key = testing::write(node, "k1", Hlc::at(kNow), "x");
    EXPECT_TRUE(verifier.verify(key, kNow).has_value());
    EXPECT_FALSE(verifier.is_dated(key));
    ASSERT_EQ(follow(*roots, {line.stated(0)}), 1u);
    EXPECT_TRUE(verifier.verify(key, kNow + 59min).has_value());
    EXPECT_TRUE(verifier.is_dated(key)) << "it should be signed anew in the overlap";
    EXPECT_EQ(verifier.verify(key, kNow + 1h).error().param, "root_retired")
        << "it could be dated back by whoever has the old root";
    node.chain = line.chain(1, node);
    const Register anew = testing::write(node, "k1", Hlc::at(kNow + 1min), "x");
    EXPECT_TRUE(verifier.verify(anew, kNow + 2h).has_value());
    EXPECT_FALSE(verifier.is_dated(anew));
}

}  // namespace
}  // namespace vidai::mesh::state
