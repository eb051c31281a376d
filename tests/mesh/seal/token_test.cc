// SPDX-License-Identifier: Apache-2.0
// Join tokens and the certificates in them.
#include "mesh/seal/token.h"

#include <gtest/gtest.h>

#include "mesh/seal/identity_store.h"
#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

struct Joins : public ::testing::Test {
    Joins() {
        IssuerCertificate certificate = *decode_issuer_certificate(world.issuer.certificate);
        certificate.may_grant = Role::kPeer | Role::kJoin;
        issuer = world.make_issuer(certificate);
    }
    Result<Bytes> issue(const std::string& pattern, std::chrono::seconds ttl = 1h) {
        return issue_join_certificate(issuer, pattern, key->public_key(), kNow, ttl, world.random);
    }
    JoinToken token(const std::string& pattern) {
        return {{world.root.trust, key, issue(pattern).value()}, {"10.0.0.1:7420", "mesh:7420"}};
    }
    World world;
    Issuer issuer;
    std::shared_ptr<const SecretKey> key = key_from(77);
};

TEST_F(Joins, TokensSurviveTheirText) {
    const JoinToken made = token("vidai-*");
    const Secret text = encode_token(made);
    EXPECT_TRUE(text.reveal().starts_with("vidai-join-"));
    for (const std::string& padded :
         {std::string(text.reveal()), " \n" + std::string(text.reveal()) + "\r\n\n"}) {
        const auto read = decode_token(padded);
        ASSERT_TRUE(read.has_value()) << read.error().message;
        EXPECT_EQ(read->as.trust, made.as.trust);
        EXPECT_EQ(read->as.key->public_key(), key->public_key());
        EXPECT_EQ(read->as.chain, made.as.chain);
        EXPECT_EQ(read->seeds, made.seeds);
    }
}

TEST_F(Joins, ADamagedTokenIsRefusedWithoutRepeatingIt) {
    const std::string text(encode_token(token("vidai-*")).reveal());
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string bad = text;
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        const auto read = decode_token(bad);
        ASSERT_FALSE(read.has_value()) << i;
        EXPECT_EQ(read.error().code, ErrorCode::kInvalidRequest);
        EXPECT_EQ(read.error().message.find(bad.substr(11, 24)), std::string::npos);
        ASSERT_FALSE(decode_token(text.substr(0, i)).has_value()) << i;
    }
    EXPECT_FALSE(decode_token(text + "A").has_value());
    EXPECT_FALSE(decode_token("").has_value());
    EXPECT_FALSE(decode_token(std::string(1 << 20, 'a')).has_value());
}

TEST_F(Joins, ATokenOfAnotherRootsIssuerIsNone) {
    World other;
    JoinToken mixed = token("vidai-*");
    mixed.as.trust.root = key_from(3)->public_key();
    EXPECT_FALSE(decode_token(encode_token(mixed).reveal()).has_value());
    JoinToken peer = token("vidai-*");
    peer.as = *world.node("vidai-1");
    EXPECT_FALSE(decode_token(encode_token(peer).reveal()).has_value()) << "a peer's is no token";
}

TEST_F(Joins, TheIssuersPatternAndLongestValidityBindItsTokens) {
    IssuerCertificate narrow = *decode_issuer_certificate(issuer.certificate);
    narrow.node_pattern = "web-*";
    issuer = world.make_issuer(narrow);
    for (const char* fine : {"web-*", "web-1", "web-a*", "web-*z"}) {
        const auto chain = issue(fine);
        ASSERT_TRUE(chain.has_value()) << fine << chain.error().message;
        const auto who = verify_chain(world.root.trust, kNow, *chain);
        ASSERT_TRUE(who.has_value());
        EXPECT_EQ(who->node.str(), fine);
        EXPECT_EQ(who->roles, Roles(Role::kJoin));
    }
    for (const char* bad : {"*", "w*", "we*-1", "db-1", "web*", "*web-1"}) {
        EXPECT_EQ(issue(bad).error().code, ErrorCode::kPermissionDenied) << bad;
    }
    for (const char* bad : {"", "web-**", "web_1", "WEB-*"}) {
        EXPECT_EQ(issue(bad).error().code, ErrorCode::kInvalidRequest) << bad;
    }
    EXPECT_FALSE(issue("web-*", 0s).has_value());
    EXPECT_TRUE(issue("web-*", kNodeValidity).has_value());
    EXPECT_FALSE(issue("web-*", kNodeValidity + 1s).has_value());
}

TEST_F(Joins, AnIssuerThatMayNotGrantItMakesNone) {
    IssuerCertificate old = *decode_issuer_certificate(issuer.certificate);
    old.may_grant = Role::kPeer;
    issuer = world.make_issuer(old);
    EXPECT_EQ(issue("vidai-*").error().code, ErrorCode::kPermissionDenied);
    // Nor can it be made to look as if it had.
    const NodeCertificate forged =
        world.node_certificate("vidai-*", key->public_key(), Role::kJoin);
    const Bytes chain =
        encode_chain(issuer.certificate, sign_certificate(*world.issuer_key, forged));
    EXPECT_EQ(verify_chain(world.root.trust, kNow, chain).error(), Refusal::kCertificateConstraint);
}

TEST_F(Joins, OnlyAJoinCertificateMayNameAPattern) {
    NodeCertificate certificate =
        world.node_certificate("vidai-1", key->public_key(), Role::kPeer | Role::kJoin);
    Bytes bytes = sign_certificate(*world.root.key, certificate);
    EXPECT_TRUE(decode_node_certificate(bytes).has_value());
    bytes[2 + 16 + 1 + 6] = '*';  // the name's last letter
    EXPECT_FALSE(decode_node_certificate(bytes).has_value());
    certificate.roles = Role::kJoin;
    bytes = sign_certificate(*world.root.key, certificate);
    bytes[2 + 16 + 1 + 6] = '*';
    EXPECT_TRUE(decode_node_certificate(bytes).has_value()) << "its signature is another matter";
}

TEST_F(Joins, ARequestIsBoundToConnectionMeshNodeAndKey) {
    const std::array<std::uint8_t, 32> here{1}, there{2};
    const MeshId mesh = world.root.trust.mesh;
    const NodeId node("vidai-1");
    const Signature proof = sign_request(*key, here, mesh, node);
    EXPECT_TRUE(verify_request(key->public_key(), here, mesh, node, proof));
    EXPECT_FALSE(verify_request(key->public_key(), there, mesh, node, proof)) << "replayed";
    EXPECT_FALSE(verify_request(key->public_key(), here, MeshId{}, node, proof));
    EXPECT_FALSE(verify_request(key->public_key(), here, mesh, NodeId("vidai-2"), proof));
    EXPECT_FALSE(verify_request(key_from(5)->public_key(), here, mesh, node, proof));
}

TEST_F(Joins, TheStoredCertificateSurvivesItsTextAndNoDamage) {
    const auto node = world.node("vidai-1");
    const StoredMembership held{world.root.trust, node->chain, {"10.0.0.1:7420"}};
    const std::string text = encode_membership(held);
    ASSERT_TRUE(decode_membership(text, "certificate").has_value());
    EXPECT_EQ(*decode_membership(text, "certificate"), held);
    const std::size_t from = text.find("-----BEGIN");
    for (std::size_t i = from; i < text.size(); ++i) {
        std::string bad = text;
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(decode_membership(bad, "certificate").has_value()) << i;
    }
    StoredMembership other = held;
    other.trust.root = key_from(3)->public_key();
    EXPECT_EQ(decode_membership(encode_membership(other), "certificate").error().code,
              ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace vidai::mesh::seal
