// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mesh/seal/armour.h"
#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using ::testing::HasSubstr;

class Files : public ::testing::Test {
  protected:
    Files() {
        SeededRandom random(4);
        mesh_ = make_mesh({}, kNow, random).value();
    }
    std::string text(std::string_view name) const {
        for (const NewFile& file : mesh_.files) {
            if (file.name == name) return std::string(file.text.reveal());
        }
        ADD_FAILURE() << "no file " << name;
        return {};
    }
    NewMesh mesh_;
};

TEST_F(Files, OfANewMeshBelongTogether) {
    EXPECT_EQ(decode_trust(text("mesh.pub"), "mesh.pub").value(), mesh_.trust);
    const Root root = decode_root(text("root.key"), "root.key").value();
    EXPECT_EQ(root.trust, mesh_.trust);
    EXPECT_EQ(root.key->public_key(), mesh_.trust.root);
    EXPECT_EQ(decode_issuer(text("issuer.key"), "issuer.key").value().trust, mesh_.trust);
    const Credentials alice = decode_operator(text("operator.key"), "operator.key").value();
    const auto peer = verify_chain(mesh_.trust, kNow, alice.chain);
    ASSERT_TRUE(peer);
    EXPECT_EQ(peer->roles, Role::kOperator);
    EXPECT_EQ(peer->node.str(), "operator");
}

TEST_F(Files, OnlyThePublicOneIsNotSecret) {
    for (const NewFile& file : mesh_.files) {
        EXPECT_EQ(file.secret, file.name != "mesh.pub");
        EXPECT_EQ(file.text.reveal().find("SECRET KEY") != std::string_view::npos, file.secret);
    }
}

TEST_F(Files, DifferForEveryMesh) {
    const NewMesh other = make_mesh({}, kNow, system_random()).value();
    EXPECT_NE(other.trust.mesh, mesh_.trust.mesh);
    EXPECT_NE(other.trust.root, mesh_.trust.root);
}

// Whether `decode` takes `text` after a change of each character outside comments.
template <class Decode>
void expect_damage_found(const std::string& good, Decode decode) {
    ASSERT_TRUE(decode(good));
    bool comment = false;
    for (std::size_t at = 0; at < good.size(); ++at) {
        if (at == 0 || good[at - 1] == '\n') comment = good[at] == '#';
        if (comment || good[at] == '\n') continue;
        std::string bad = good;
        bad[at] = bad[at] == 'A' ? 'B' : 'A';
        const auto result = decode(bad);
        ASSERT_FALSE(result) << "character " << at << " of\n" << good;
        EXPECT_THAT(result.error().code,
                    ::testing::AnyOf(ErrorCode::kCorrupt, ErrorCode::kConfigInvalid));
    }
    for (std::size_t size = 0; size + 1 < good.size(); ++size) {
        ASSERT_FALSE(decode(good.substr(0, size))) << "cut at " << size;
    }
}

TEST_F(Files, DamagedAnywhereAreRefused) {
    expect_damage_found(text("mesh.pub"), [](auto t) { return decode_trust(t, "f"); });
    expect_damage_found(text("root.key"), [](auto t) { return decode_root(t, "f"); });
    expect_damage_found(text("issuer.key"), [](auto t) { return decode_issuer(t, "f"); });
    expect_damage_found(text("operator.key"), [](auto t) { return decode_operator(t, "f"); });
    const auto key = key_from(8);
    expect_damage_found(std::string(encode_node_key(*key).reveal()),
                        [](auto t) { return decode_node_key(t, "f"); });
    expect_damage_found(encode_generation(Generation{41}, key->public_key()),
                        [&](auto t) { return decode_generation(t, key->public_key(), "f"); });
}

TEST_F(Files, SayWhatTheyAreWhenTheyAreMistakenForEachOther) {
    const auto issuer = decode_issuer(text("root.key"), "/etc/issuer.key");
    ASSERT_FALSE(issuer);
    EXPECT_EQ(issuer.error().code, ErrorCode::kConfigInvalid);
    EXPECT_THAT(issuer.error().message, HasSubstr("/etc/issuer.key"));
    EXPECT_THAT(issuer.error().message, HasSubstr("it is a mesh's secret root (root.key)"));
    EXPECT_FALSE(decode_root(text("issuer.key"), "f"));
    EXPECT_FALSE(decode_trust(text("root.key"), "f"));
    EXPECT_FALSE(decode_trust("", "f"));
    EXPECT_FALSE(decode_trust("# only a comment\n", "f"));
}

TEST_F(Files, MixedFromTwoMeshesAreRefused) {
    SeededRandom random(5);
    const NewMesh other = make_mesh({}, kNow, random).value();
    const std::string ours = text("issuer.key");
    const std::string theirs = encode_trust(other.trust);
    const std::string mixed = theirs + ours.substr(ours.find("-----BEGIN VIDAI ISSUER SECRET"));
    const auto issuer = decode_issuer(mixed, "f");
    ASSERT_FALSE(issuer);
    EXPECT_EQ(issuer.error().code, ErrorCode::kCorrupt);
}

TEST_F(Files, SurviveCarriageReturnsAndNotesBetweenBlocks) {
    std::string text_with_notes;
    for (const char c : text("issuer.key")) {
        if (c == '\n') text_with_notes += '\r';
        text_with_notes += c;
    }
    EXPECT_TRUE(decode_issuer(text_with_notes + "\r\n# kept by Alice\r\n", "f"));
}

TEST_F(Files, NeverPutASecretIntoAMessage) {
    std::string broken = text("root.key");
    broken.insert(broken.size() - 60, "x");
    const auto root = decode_root(broken, "root.key");
    ASSERT_FALSE(root);
    // No line of the secret block may turn up.
    const std::string secret =
        text("root.key").substr(text("root.key").rfind("KEY-----\n") - 90, 30);
    EXPECT_EQ(root.error().message.find(secret), std::string::npos);
}

TEST(Generation, BelongsToOneKey) {
    const std::string text = encode_generation(Generation{7}, key_from(1)->public_key());
    EXPECT_EQ(decode_generation(text, key_from(1)->public_key(), "f").value(), Generation{7});
    const auto other = decode_generation(text, key_from(2)->public_key(), "f");
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::kCorrupt);
}

TEST(MeshPlan, OutOfBoundsIsRefusedByField) {
    const auto param_of = [](const MeshPlan& plan) {
        const auto mesh = make_mesh(plan, kNow, system_random());
        return mesh ? std::string("accepted") : mesh.error().param;
    };
    EXPECT_EQ(param_of({}), "accepted");
    EXPECT_EQ(param_of({.operator_name = "Al ice"}), "operator name");
    EXPECT_EQ(param_of({.node_pattern = "**"}), "node pattern");
    EXPECT_EQ(param_of({.node_validity_max = std::chrono::seconds{1}}), "validity");
    EXPECT_EQ(param_of({.issuer_validity = Days{100'000}}), "validity");
}

TEST(Issuer, CertifiesNodesOfItsPattern) {
    World world;
    const auto key = key_from(6)->public_key();
    const auto chain = issue_node_certificate(world.issuer, NodeId("vidai-5"), key, kNow,
                                              kNodeValidity, world.random);
    ASSERT_TRUE(chain);
    const auto peer = verify_chain(world.root.trust, kNow, *chain);
    ASSERT_TRUE(peer);
    EXPECT_EQ(peer->node.str(), "vidai-5");
    EXPECT_EQ(peer->key, key);
    EXPECT_EQ(peer->roles, Role::kPeer);
    EXPECT_EQ(decode_leaf(*chain)->validity, (Validity{kNow, kNow + kNodeValidity}));
}

TEST(Issuer, RefusesOtherNames) {
    World world;
    const auto chain = issue_node_certificate(world.issuer, NodeId("other"), PublicKey{}, kNow,
                                              kNodeValidity, world.random);
    ASSERT_FALSE(chain);
    EXPECT_EQ(chain.error().code, ErrorCode::kPermissionDenied);
    EXPECT_THAT(chain.error().message, HasSubstr("vidai-*"));
}

TEST(Issuer, NeverGivesMoreTimeThanItMay) {
    World world;
    const auto chain = issue_node_certificate(world.issuer, NodeId("vidai-5"), PublicKey{}, kNow,
                                              Days{30}, world.random);
    ASSERT_TRUE(chain);
    EXPECT_EQ(decode_leaf(*chain)->validity.not_after, kNow + kNodeValidity);
}

TEST(Issuer, CannotIssueOnceItHasExpired) {
    World world;
    const auto chain = issue_node_certificate(world.issuer, NodeId("vidai-5"), PublicKey{},
                                              kNow + Days{366}, kNodeValidity, world.random);
    ASSERT_FALSE(chain);
    EXPECT_EQ(chain.error().code, ErrorCode::kUnauthenticated);
    EXPECT_THAT(chain.error().message, HasSubstr("issuer"));
}

TEST(Issuer, GivesAGreaterSerialThanTheLastOneWhateverTheClockSays) {
    World world;
    const auto serial_at = [&](WallTime now, std::uint64_t known) {
        return decode_leaf(*issue_node_certificate(world.issuer, NodeId("vidai-5"), PublicKey{},
                                                   now, kNodeValidity, world.random, known))
            ->serial;
    };
    const std::uint64_t first = serial_at(kNow, 0);
    EXPECT_EQ(serial_at(kNow - std::chrono::minutes(5), first), first + 1);
    EXPECT_GT(serial_at(kNow + std::chrono::minutes(5), first), first + 1);
}

TEST(Issuer, GivesLaterCertificatesGreaterSerials) {
    World world;
    const auto serial_at = [&](WallTime now) {
        return decode_leaf(issue_node_certificate(world.issuer, NodeId("vidai-5"), PublicKey{}, now,
                                                  kNodeValidity, world.random)
                               .value())
            ->serial;
    };
    EXPECT_LT(serial_at(kNow), serial_at(kNow + std::chrono::milliseconds{1}));
}

}  // namespace
}  // namespace vidai::mesh::seal
