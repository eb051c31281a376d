// SPDX-License-Identifier: Apache-2.0
// Nodes that become members by a join token: what it gives, once and to whom, and how such a node
// keeps its certificate.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "mesh/admission/registrar.h"
#include "mesh/seal/identity_store.h"
#include "mesh/seal/token.h"
#include "tests/mesh/rpc/nodes.h"

namespace vidai::mesh {
namespace {

using testing::Cluster;
using testing::eventually;
using testing::Node;
using namespace std::chrono_literals;

WallTime now() {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(
        std::chrono::system_clock::now().time_since_epoch()));
}

struct Joining : public ::testing::Test {
    std::string token(const std::string& pattern, std::chrono::seconds ttl = 1h) {
        auto made = cluster.connect(issuing).token_create({pattern, ttl, {}});
        EXPECT_TRUE(made.has_value()) << made.error().message;
        return made ? std::string(made->text.reveal()) : std::string();
    }
    MeshOptions joiner(const std::string& name, const std::string& with) {
        MeshOptions options = cluster.options(name);
        options.root_file.clear();
        options.issuer_file.clear();
        options.enabled = false;  // as the configuration of a node without a root says
        options.join = with;
        return options;
    }
    Error refusal(const MeshOptions& options) {
        const auto started = Mesh::start(options, nullptr);
        EXPECT_FALSE(started.has_value());
        return started ? Error{} : started.error();
    }
    static std::string certificate_of(const MeshOptions& options) {
        return options.data_dir + "/identity/certificate";
    }

    Cluster cluster;
    Node issuing = cluster.start("issuing");
};

TEST_F(Joining, MakesAMemberThatComesBackWithoutTheToken) {
    MeshOptions options = joiner("web-1", token("web-*"));
    Node node = Cluster::start(options);
    ASSERT_TRUE(eventually([&]() { return issuing.alive() == 2 && node.alive() == 2; }));
    EXPECT_TRUE(issuing.notices->has(Notice::Kind::kIdentity, "certified"));
    struct stat status{};
    ASSERT_EQ(::stat(certificate_of(options).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    const auto key = cluster.connect(issuing).key_create({});
    ASSERT_TRUE(key.has_value());
    EXPECT_TRUE(eventually([&]() { return node.has_key(key->record.id); }));
    EXPECT_FALSE(cluster.connect(node).token_create({"web-*", 1h, {}}).has_value())
        << "it holds no issuer key";

    node = {};
    options.join.clear();
    node = Cluster::start(options);
    EXPECT_TRUE(eventually([&]() { return issuing.alive() == 2 && node.alive() == 2; }));
    // Neither has it become a mesh of one, nor does a used token do any harm.
    node = {};
    options.join = token("web-*");
    node = Cluster::start(options);
    EXPECT_TRUE(eventually([&]() { return issuing.alive() == 2 && node.alive() == 2; }));
}

TEST_F(Joining, RefusesAnExpiredTokenWithoutTolerance) {
    const std::string text = token("web-*", 1s);
    const WallTime over = now() + 1s;
    ASSERT_TRUE(eventually([&]() { return now() > over; }));
    const Error why = refusal(joiner("web-1", text));
    EXPECT_EQ(why.code, ErrorCode::kUnauthenticated);
    EXPECT_NE(why.message.find("expired"), std::string::npos) << why.message;
    EXPECT_TRUE(eventually(
        [&]() { return issuing.notices->has(Notice::Kind::kPeerRefused, "token_expired"); }));
}

TEST_F(Joining, RefusesANodeIdOutsideThePattern) {
    const Error why = refusal(joiner("db-1", token("web-*")));
    EXPECT_EQ(why.code, ErrorCode::kPermissionDenied);
    EXPECT_NE(why.message.find("web-*"), std::string::npos) << why.message;
    EXPECT_EQ(issuing.mesh->view().load()->members.size(), 1u);
}

TEST_F(Joining, KeepsANodeIdForItsFirstKeyUntilThatIsForgotten) {
    const std::string text = token("web-1");
    MeshOptions options = joiner("web-1", text);
    Node node = Cluster::start(options);
    ASSERT_TRUE(eventually([&]() { return issuing.alive() == 2; }));
    options.data_dir = cluster.path("another volume");
    Error why = refusal(options);
    EXPECT_EQ(why.code, ErrorCode::kConflict);
    EXPECT_NE(why.message.find("node forget"), std::string::npos) << why.message;
    const auto first = cluster.connect(issuing).node_show(NodeId("web-1"));
    ASSERT_TRUE(first.has_value());
    EXPECT_NE(why.message.find("--key " + first->key), std::string::npos) << why.message;
    EXPECT_TRUE(eventually(
        [&]() { return issuing.notices->has(Notice::Kind::kPeerRefused, "key_conflict"); }));
    node = {};
    EXPECT_EQ(refusal(options).code, ErrorCode::kConflict) << "death does not give an id away";
    ASSERT_TRUE(eventually([&]() { return issuing.status_of("web-1") == MemberStatus::kDead; }));
    ASSERT_TRUE(cluster.connect(issuing).forget({NodeId("web-1")}).has_value());
    node = Cluster::start(options);
    EXPECT_TRUE(eventually([&]() { return issuing.alive() == 2 && node.alive() == 2; }));
}

TEST_F(Joining, ARevokedKeyIsNotCertifiedAgain) {
    const MeshOptions options = joiner("web-1", token("web-*"));
    Node node = Cluster::start(options);
    ASSERT_TRUE(eventually([&]() { return issuing.alive() == 2; }));
    RevokeRequest revoke;
    revoke.node = NodeId("web-1");
    ASSERT_TRUE(cluster.connect(issuing).revoke(revoke).has_value());
    node = {};
    std::filesystem::remove(certificate_of(options));
    EXPECT_EQ(refusal(options).code, ErrorCode::kConflict);
    EXPECT_NE(issuing.notices->text().find("that key was revoked"), std::string::npos)
        << "the operator is told of it";
    MeshOptions fresh = options;
    fresh.data_dir = cluster.path("fresh");
    node = Cluster::start(fresh);
    EXPECT_TRUE(eventually([&]() { return issuing.alive() == 2 && node.alive() == 2; }));
}

TEST_F(Joining, ANodeWhoseIssuerWasRevokedComesBackWithItsDiskAndAnotherToken) {
    MeshOptions options = joiner("web-1", token("web-*"));
    Node node = Cluster::start(options);
    ASSERT_TRUE(eventually([&]() { return issuing.alive() == 2; }));
    const auto next = rotate_issuer({.old_directory = cluster.path("init"),
                                     .new_directory = cluster.path("next"),
                                     .node_pattern = {}});
    ASSERT_TRUE(next.has_value()) << next.error().message;
    MeshOptions other = cluster.options("other");
    other.issuer_file = *next;
    other.seeds = {issuing.address()};
    const Node second = Cluster::start(other);
    ASSERT_TRUE(eventually([&]() { return second.alive() == 3 && node.alive() == 3; }));
    const auto key = cluster.connect(second).node_show(NodeId("web-1"));
    ASSERT_TRUE(key.has_value());
    RevokeRequest revoke;
    revoke.key = key->issuer_key;
    EXPECT_EQ(cluster.connect(second).revoke(revoke).error().code, ErrorCode::kConflict)
        << "web-1 is certified by it";
    revoke.force = true;
    ASSERT_TRUE(cluster.connect(second).revoke(revoke).has_value());
    EXPECT_TRUE(eventually([&]() {
        return node.mesh->not_ready().find("with the same data directory") != std::string::npos;
    })) << node.mesh->not_ready();
    node = {};
    auto made = cluster.connect(second).token_create({"web-*", 1h, {}});
    ASSERT_TRUE(made.has_value()) << made.error().message;
    options.join = std::string(made->text.reveal());
    node = Cluster::start(options);
    EXPECT_TRUE(eventually([&]() { return second.alive() == 2 && node.alive() == 2; }))
        << node.notices->text();
    EXPECT_EQ(cluster.connect(second).node_show(NodeId("web-1"))->key, key->key);
    // The one that had the revoked issuer's file is given the other's in its place.
    EXPECT_FALSE(issuing.mesh->not_ready().empty());
    std::filesystem::copy_file(*next, issuing.options.issuer_file,
                               std::filesystem::copy_options::overwrite_existing);
    EXPECT_TRUE(eventually([&]() {
        return issuing.mesh->not_ready().empty() && second.alive() == 3;
    })) << issuing.mesh->not_ready();
}

TEST_F(Joining, AnIssuersFileIsRevokedOnlyOnceNobodyIsCertifiedByIt) {
    const MeshOptions options = joiner("web-1", token("web-*"));
    const Node node = Cluster::start(options);
    ASSERT_TRUE(eventually([&]() { return issuing.alive() == 2 && node.alive() == 2; }));
    auto client = cluster.connect(issuing);
    const auto shown = client.node_show(NodeId("web-1"));
    ASSERT_TRUE(shown.has_value()) << shown.error().message;
    EXPECT_EQ(shown->issuer_fingerprint.size(), 32u);
    RevokeRequest revoke;
    revoke.file = cluster.files.issuer_file;
    const auto refused = client.revoke(revoke);
    ASSERT_FALSE(refused.has_value()) << "web-1 would be cut off";
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
    EXPECT_NE(refused.error().message.find("web-1"), std::string::npos) << refused.error().message;
    EXPECT_EQ(issuing.alive(), 2u);
    const auto unused = rotate_issuer({.old_directory = cluster.path("init"),
                                       .new_directory = cluster.path("unused"),
                                       .node_pattern = {}});
    ASSERT_TRUE(unused.has_value()) << unused.error().message;
    RevokeRequest other;
    other.file = *unused;
    EXPECT_TRUE(client.revoke(other).has_value()) << "nobody has a certificate by it";
    revoke.force = true;
    const auto said = client.revoke(revoke);
    ASSERT_TRUE(said.has_value()) << said.error().message;
    EXPECT_EQ(said->fingerprint, shown->issuer_fingerprint);
}

TEST_F(Joining, SaysThatATokenIsNotLookedAt) {
    MeshOptions options = joiner("web-1", token("web-*"));
    {
        const Node node = Cluster::start(options);
        EXPECT_TRUE(node.notices->has(Notice::Kind::kJoining, "asking"));
        EXPECT_FALSE(node.notices->has(Notice::Kind::kIdentity, "token_unused"));
    }
    const Node node = Cluster::start(options);
    EXPECT_TRUE(node.notices->has(Notice::Kind::kIdentity, "token_unused"));
    options = cluster.options("both");
    options.join = token("both");
    const Error why = refusal(options);
    EXPECT_EQ(why.code, ErrorCode::kConfigInvalid);
    EXPECT_NE(why.message.find("mesh.issuer_file exclude each other"), std::string::npos)
        << why.message;
    EXPECT_FALSE(Mesh::check(options).has_value());
}

TEST_F(Joining, SaysWhyItIsInVainAndEndsWhenItIsTold) {
    auto made = cluster.connect(issuing).token_create({"web-*", 1h, {"127.0.0.1:1"}});
    ASSERT_TRUE(made.has_value()) << made.error().message;
    MeshOptions options = joiner("web-1", std::string(made->text.reveal()));
    auto seen = std::make_shared<testing::Notices>();
    options.give_up = [&]() { return seen->has(Notice::Kind::kJoining, "in_vain"); };
    const auto begun = std::chrono::steady_clock::now();
    const auto started = Mesh::start(options, seen->sink());
    ASSERT_FALSE(started.has_value());
    EXPECT_EQ(started.error().code, ErrorCode::kCancelled);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 45s) << "it did not wait for its minute";
    EXPECT_NE(seen->text().find("127.0.0.1:1"), std::string::npos) << seen->text();
}

TEST_F(Joining, ARevokedTokenGetsNothing) {
    auto client = cluster.connect(issuing);
    const auto made = client.token_create({"web-*", 1h, {}});
    ASSERT_TRUE(made.has_value());
    RevokeRequest revoke;
    revoke.key = made->key;
    const auto said = client.revoke(revoke);
    ASSERT_TRUE(said.has_value()) << said.error().message;
    const Error why = refusal(joiner("web-1", std::string(made->text.reveal())));
    EXPECT_EQ(why.code, ErrorCode::kUnauthenticated) << why.message;
    EXPECT_TRUE(eventually(
        [&]() { return issuing.notices->has(Notice::Kind::kPeerRefused, "certificate_revoked"); }));
    EXPECT_NE(issuing.notices->text().find("It is a join token for 'web-*'"), std::string::npos)
        << issuing.notices->text();
}

TEST_F(Joining, SaysWhatIsWrongWithATokenOrWithoutOne) {
    MeshOptions options = joiner("web-1", "vidai-join-AAAA");
    EXPECT_EQ(refusal(options).code, ErrorCode::kInvalidRequest);
    options.join.clear();
    options.enabled = true;
    options.root_file = cluster.files.root_file;
    const Error why = refusal(options);
    EXPECT_EQ(why.code, ErrorCode::kConfigInvalid);
    EXPECT_NE(why.message.find("token create"), std::string::npos) << why.message;
    const Cluster other;
    options.join = token("web-*");
    options.root_file = other.files.root_file;
    EXPECT_EQ(refusal(options).code, ErrorCode::kUnauthenticated) << "a token of another mesh";
}

TEST_F(Joining, RefusesADamagedCertificateWithTheWayToRecover) {
    MeshOptions options = joiner("web-1", token("web-*"));
    {
        const Node node = Cluster::start(options);
    }
    std::fstream file(certificate_of(options), std::ios::in | std::ios::out);
    file.seekp(400);
    file.put('!');
    file.close();
    const Error why = refusal(options);
    EXPECT_EQ(why.code, ErrorCode::kCorrupt);
    EXPECT_NE(why.message.find("join again"), std::string::npos) << why.message;
    std::filesystem::remove(certificate_of(options));
    const Node node = Cluster::start(options);
    EXPECT_TRUE(eventually([&]() { return node.alive() == 2; })) << "the same key may";
}

TEST_F(Joining, LetsANodeRenewItsCertificateAtAPeer) {
    MeshOptions options = joiner("web-1", token("web-*"));
    {
        const Node node = Cluster::start(options);
    }
    options.join.clear();
    // As if it had joined six days ago.
    auto identity = seal::open_node_identity(options.data_dir, seal::system_random());
    ASSERT_TRUE(identity.has_value());
    const auto issuer = seal::load_issuer(cluster.files.issuer_file);
    auto held = seal::load_membership(options.data_dir);
    ASSERT_TRUE(issuer.has_value() && held.has_value());
    const WallTime then = now() - std::chrono::days(6);
    seal::NodeCertificate leaf = *seal::decode_leaf(held->chain);
    leaf.validity = {then, then + std::chrono::days(7)};
    leaf.serial = 1;
    const auto root = seal::load_root(cluster.files.root_secret_file);
    ASSERT_TRUE(root.has_value());
    seal::IssuerCertificate above = *seal::decode_issuer_certificate(issuer->certificate);
    above.validity.not_before = then;
    held->chain = seal::encode_chain(seal::sign_certificate(*root->key, above),
                                     seal::sign_certificate(*issuer->key, leaf));
    ASSERT_TRUE(seal::store_membership(options.data_dir, *held).has_value());
    {
        const Node node = Cluster::start(options);
        ASSERT_TRUE(eventually([&]() { return node.alive() == 2; }));
        // The node itself: the one that issued it knows the certificate before it is taken.
        auto client = cluster.connect(node);
        ASSERT_TRUE(eventually([&]() {
            const auto detail = client.node_show(NodeId("web-1"));
            return detail && detail->certificate_until > now() + std::chrono::days(6);
        })) << node.notices->text();
    }
    const auto kept = seal::load_membership(options.data_dir);
    ASSERT_TRUE(kept.has_value());
    EXPECT_GT(seal::decode_leaf(kept->chain)->validity.not_after, now() + std::chrono::days(6));
}

TEST(Registrar, TurnsAwayWhatIsNotProvedAndRemembersWhomItCertified) {
    const Cluster cluster;
    const auto issuer = seal::load_issuer(cluster.files.issuer_file);
    ASSERT_TRUE(issuer.has_value());
    std::optional<admission::KnownNode> known;
    bool informed = false;
    admission::Registrar registrar(
        *issuer, [&](const NodeId&) { return known; }, [&]() { return informed; },
        seal::system_random());
    const auto key = seal::SecretKey::generate(seal::system_random());
    const auto other = seal::SecretKey::generate(seal::system_random());
    const admission::Binding here{1}, there{2};
    seal::PeerIdentity token;
    token.node = NodeId("web-*");
    token.roles = seal::Role::kJoin;
    token.valid_until = now() + 1h;
    const auto ask = [&](const seal::SecretKey& as, const admission::Binding& bound,
                         WallTime when) {
        const NodeId node("web-1");
        return registrar.admit(
            token, here,
            {node.str(), as.public_key(), seal::sign_request(as, bound, issuer->trust.mesh, node)},
            when);
    };
    EXPECT_EQ(ask(key, here, now()).error().param, "busy") << "who is in the mesh is not known";
    informed = true;
    EXPECT_EQ(ask(key, there, now()).error().param, "bad_proof") << "of another connection";
    EXPECT_EQ(ask(key, here, token.valid_until + 1ms).error().param, "token_expired");
    ASSERT_TRUE(ask(key, here, now()).has_value());
    EXPECT_TRUE(ask(key, here, now()).has_value()) << "the same key may ask again";
    EXPECT_EQ(ask(other, here, now()).error().param, "key_conflict") << "not heard of yet";
    EXPECT_TRUE(ask(other, here, now() + 20min).has_value()) << "it never came";
    ASSERT_TRUE(ask(key, here, now() + 40min).has_value());
    registrar.release(issuer->key->public_key());
    EXPECT_TRUE(ask(other, here, now() + 40min).has_value()) << "what it certified is void";
    known = admission::KnownNode{key.public_key()};
    EXPECT_EQ(ask(other, here, now() + 20min).error().param, "key_conflict");
    admission::Registrar empty(
        std::nullopt, [](const NodeId&) { return std::nullopt; }, []() { return true; },
        seal::system_random());
    EXPECT_EQ(empty.make_token({"web-*", 1h, {"a:1"}}, now()).error().code, ErrorCode::kConflict)
        << "it answered: trying again is of no use";
}

}  // namespace
}  // namespace vidai::mesh
