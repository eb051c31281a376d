// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/certificate.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "mesh/seal/revoked.h"
#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using std::chrono::milliseconds;

class Chain : public ::testing::Test {
  protected:
    Checked<PeerIdentity> verify(ByteView chain, WallTime now = kNow) const {
        return verify_chain(world_.root.trust, now, chain);
    }
    NodeCertificate leaf() const {
        return world_.node_certificate("vidai-1", key_from(50)->public_key(), Role::kPeer);
    }
    Bytes issued(const NodeCertificate& certificate) const {
        return encode_chain(world_.issuer.certificate,
                            sign_certificate(*world_.issuer_key, certificate));
    }
    Bytes issued_under(const IssuerCertificate& issuer, const NodeCertificate& certificate) const {
        return encode_chain(sign_certificate(*world_.root.key, issuer),
                            sign_certificate(*world_.issuer_key, certificate));
    }
    Bytes rooted(const NodeCertificate& certificate) const {
        return encode_chain({}, sign_certificate(*world_.root.key, certificate));
    }
    void expect_refused(ByteView chain, Refusal why, WallTime now = kNow) const {
        const auto result = verify(chain, now);
        ASSERT_FALSE(result) << "expected " << refusal_name(why);
        EXPECT_EQ(result.error(), why)
            << refusal_name(result.error()) << ", expected " << refusal_name(why);
    }

    World world_;
};

TEST_F(Chain, FromTheRootNamesANode) {
    NodeCertificate certificate = leaf();
    certificate.roles = Role::kOperator | Role::kObserver;
    const auto peer = verify(rooted(certificate));
    ASSERT_TRUE(peer);
    EXPECT_EQ(*peer, (PeerIdentity{certificate.node,
                                   certificate.key,
                                   certificate.roles,
                                   certificate.serial,
                                   certificate.validity.not_after,
                                   "",
                                   {},
                                   world_.root.trust.root}));
    EXPECT_EQ(to_string(peer->roles), "operator+observer");
}

TEST_F(Chain, FromAnIssuerNamesANodeAndItsIssuer) {
    const auto peer = verify(issued(leaf()));
    ASSERT_TRUE(peer);
    EXPECT_EQ(peer->issuer, "issuer");
}

TEST_F(Chain, IsValidNoLongerThanItsShortestLink) {
    IssuerCertificate issuer = world_.issuer_certificate();
    issuer.validity.not_after = kNow + std::chrono::hours{1};
    const auto peer = verify(issued_under(issuer, leaf()));
    ASSERT_TRUE(peer);
    EXPECT_EQ(peer->valid_until, kNow + std::chrono::hours{1});
}

TEST_F(Chain, ToleratesTenMinutesOfClockErrorAndNotMore) {
    const WallTime first = kNow - kClockTolerance;
    const WallTime last = kNow + kNodeValidity + kClockTolerance;
    EXPECT_TRUE(verify(rooted(leaf()), first));
    EXPECT_TRUE(verify(rooted(leaf()), last));
    expect_refused(rooted(leaf()), Refusal::kCertificateNotYet, first - milliseconds{1});
    expect_refused(rooted(leaf()), Refusal::kCertificateExpired, last + milliseconds{1});
}

TEST_F(Chain, FailsWithAnExpiredOrFutureIssuer) {
    IssuerCertificate issuer = world_.issuer_certificate();
    issuer.validity = {kNow - Days{2}, kNow - Days{1}};
    expect_refused(issued_under(issuer, leaf()), Refusal::kCertificateExpired);
    issuer.validity = {kNow + Days{1}, kNow + Days{2}};
    expect_refused(issued_under(issuer, leaf()), Refusal::kCertificateNotYet);
}

TEST_F(Chain, OfAnotherMeshIsRefused) {
    NodeCertificate certificate = leaf();
    certificate.mesh.bytes[3] ^= 1;
    expect_refused(rooted(certificate), Refusal::kCertificateMesh);
    IssuerCertificate issuer = world_.issuer_certificate();
    issuer.mesh.bytes[3] ^= 1;
    expect_refused(issued_under(issuer, leaf()), Refusal::kCertificateMesh);
}

TEST_F(Chain, OfAnotherRootOrIssuerIsRefused) {
    const auto other = key_from(77);
    expect_refused(encode_chain({}, sign_certificate(*other, leaf())),
                   Refusal::kCertificateSignature);
    expect_refused(encode_chain(world_.issuer.certificate, sign_certificate(*other, leaf())),
                   Refusal::kCertificateSignature);
    expect_refused(encode_chain(sign_certificate(*other, world_.issuer_certificate()),
                                sign_certificate(*world_.issuer_key, leaf())),
                   Refusal::kCertificateSignature);
    expect_refused(encode_chain({}, sign_certificate(*world_.issuer_key, leaf())),
                   Refusal::kCertificateSignature);
}

TEST_F(Chain, BeyondItsIssuersConstraintsIsRefused) {
    NodeCertificate roles = leaf();
    roles.roles = Role::kPeer | Role::kObserver;
    expect_refused(issued(roles), Refusal::kCertificateConstraint);
    NodeCertificate unknown_role = leaf();
    unknown_role.roles = Roles(1U | 1U << 30);
    expect_refused(issued(unknown_role), Refusal::kCertificateConstraint);
    NodeCertificate name = leaf();
    name.node = NodeId("other-1");
    expect_refused(issued(name), Refusal::kCertificateConstraint);
    NodeCertificate life = leaf();
    life.validity.not_after += milliseconds{1};
    expect_refused(issued(life), Refusal::kCertificateConstraint);
}

TEST_F(Chain, CannotMakeOperatorsByDelegationEvenIfTheRootSaysSo) {
    Bytes issuer = world_.issuer.certificate;
    // may_grant stands behind kind, format, mesh, name and key.
    const std::size_t at = 1 + 1 + 16 + 1 + std::string_view("issuer").size() + 32;
    issuer[at + 3] = 1 | 4;
    issuer.resize(issuer.size() - 64);
    const Signature again = world_.root.key->sign(Domain::kIssuerCertificate, issuer);
    issuer.insert(issuer.end(), again.bytes.begin(), again.bytes.end());
    NodeCertificate certificate = leaf();
    certificate.roles = Role::kOperator;
    expect_refused(encode_chain(issuer, sign_certificate(*world_.issuer_key, certificate)),
                   Refusal::kCertificateMalformed);
}

TEST_F(Chain, DoesNotLetANodeCertifyANode) {
    const auto node = key_from(50);
    const Bytes above = sign_certificate(*world_.root.key, leaf());
    NodeCertificate below = leaf();
    below.key = key_from(51)->public_key();
    expect_refused(encode_chain(above, sign_certificate(*node, below)),
                   Refusal::kCertificateMalformed);
    expect_refused(encode_chain({}, world_.issuer.certificate), Refusal::kCertificateMalformed);
}

TEST_F(Chain, ChangedInAnyBitIsRefused) {
    for (const Bytes& good : {issued(leaf()), rooted(leaf())}) {
        ASSERT_TRUE(verify(good));
        for (std::size_t at = 0; at < good.size(); ++at) {
            Bytes bad = good;
            bad[at] ^= static_cast<std::uint8_t>(1 << (at % 8));
            EXPECT_FALSE(verify(bad)) << "byte " << at;
        }
    }
}

TEST_F(Chain, CutAnywhereOrWithBytesBehindItIsRefused) {
    const Bytes good = issued(leaf());
    for (std::size_t size = 0; size < good.size(); ++size) {
        expect_refused(ByteView(good).first(size), Refusal::kCertificateMalformed);
    }
    Bytes longer = good;
    longer.push_back(0);
    expect_refused(longer, Refusal::kCertificateMalformed);
    longer.resize(kChainBytesMax + 1);
    expect_refused(longer, Refusal::kCertificateMalformed);
}

TEST_F(Chain, OfThreeLinksIsRefused) {
    Bytes chain;
    Writer(chain)
        .u8(3)
        .var16(world_.issuer.certificate)
        .var16(world_.issuer.certificate)
        .var16(sign_certificate(*world_.issuer_key, leaf()));
    expect_refused(ByteView(chain).first(std::min(chain.size(), kChainBytesMax)),
                   Refusal::kCertificateMalformed);
}

// A certificate whose bytes are signed as they are, however wrong.
Bytes sign_raw(const SecretKey& key, Bytes body) {
    const Signature signature = key.sign(Domain::kNodeCertificate, body);
    body.insert(body.end(), signature.bytes.begin(), signature.bytes.end());
    return body;
}

TEST_F(Chain, WithAFieldOutOfItsBoundsIsRefusedThoughSigned) {
    const auto body = [&](std::string_view node, std::uint32_t roles, std::uint64_t from,
                          std::uint64_t to, std::uint8_t format) {
        Bytes out;
        Writer(out)
            .u8(1)
            .u8(format)
            .fixed(world_.root.trust.mesh.bytes)
            .var8(bytes_of(node))
            .fixed(key_from(50)->public_key().bytes)
            .u32(roles)
            .u64(1)
            .u64(from)
            .u64(to);
        return encode_chain({}, sign_raw(*world_.root.key, std::move(out)));
    };
    const auto now = static_cast<std::uint64_t>(kNow.time_since_epoch().count());
    ASSERT_TRUE(verify(body("n", 1, now, now + 1, 1)));
    for (const Bytes& bad :
         {body("", 1, now, now + 1, 1), body("Upper", 1, now, now + 1, 1),
          body(std::string(64, 'n'), 1, now, now + 1, 1), body("n", 0, now, now + 1, 1),
          body("n", 1, now, now, 1), body("n", 1, now, now - 1, 1),
          body("n", 1, now, ~std::uint64_t{0}, 1), body("n", 1, 0, std::uint64_t{1} << 62, 1),
          body("n", 1, std::uint64_t{1} << 62, now + 1, 1), body("n", 1, now, now + 1, 2),
          body("n", 1, now, now + 1, 0)}) {
        expect_refused(bad, Refusal::kCertificateMalformed);
    }
}

TEST(Certificate, SurvivesItsEncoding) {
    World world;
    const IssuerCertificate issuer = world.issuer_certificate();
    EXPECT_EQ(decode_issuer_certificate(sign_certificate(*world.root.key, issuer)), issuer);
    const NodeCertificate node =
        world.node_certificate("a.b-1", key_from(1)->public_key(), Role::kPeer | Role::kObserver);
    EXPECT_EQ(decode_node_certificate(sign_certificate(*world.root.key, node)), node);
}

TEST(Certificate, IsDueForRenewalAfterTwoThirdsOfItsLife) {
    EXPECT_EQ(renewal_due({kNow, kNow + Days{6}}), kNow + Days{4});
}

TEST(RevokedKeys, CoverWhoHasOneOrWasCertifiedByOne) {
    RevokedKeys revoked;
    PeerIdentity who;
    who.key = key_from(1)->public_key();
    who.issuer_key = key_from(2)->public_key();
    EXPECT_FALSE(revoked.covers(who));
    revoked.add(key_from(2)->public_key());
    EXPECT_TRUE(revoked.covers(who));
    who.issuer_key = {};  // certified by the root itself
    EXPECT_FALSE(revoked.covers(who));
    revoked.add(PublicKey());
    EXPECT_FALSE(revoked.covers(who)) << "no key at all is nobody's";
    revoked.add(key_from(1)->public_key());
    EXPECT_TRUE(revoked.covers(who));
}

TEST(NodePattern, MatchesWithAtMostOneStar) {
    EXPECT_TRUE(matches("vidai-*", NodeId("vidai-0")));
    EXPECT_TRUE(matches("vidai-*", NodeId("vidai-")));
    EXPECT_TRUE(matches("*", NodeId("anything")));
    EXPECT_TRUE(matches("a*z", NodeId("a-long-way-to-z")));
    EXPECT_TRUE(matches("exact", NodeId("exact")));
    EXPECT_FALSE(matches("exact", NodeId("exactly")));
    EXPECT_FALSE(matches("vidai-*", NodeId("other-0")));
    EXPECT_FALSE(matches("aba*aba", NodeId("aba"))) << "head and tail must not overlap";
    EXPECT_TRUE(is_node_pattern("vidai-*.eu"));
    EXPECT_FALSE(is_node_pattern(""));
    EXPECT_FALSE(is_node_pattern("**"));
    EXPECT_FALSE(is_node_pattern("UPPER"));
    EXPECT_FALSE(is_node_pattern(std::string(65, 'a')));
}

}  // namespace
}  // namespace vidai::mesh::seal
