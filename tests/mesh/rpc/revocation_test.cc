// SPDX-License-Identifier: Apache-2.0
// Operators' statements among whole nodes: what a revocation ends, whom it reaches, and that it
// lasts; and members removed for good.
#include <gtest/gtest.h>

#include "tests/mesh/rpc/nodes.h"

namespace vidai::mesh {
namespace {

using testing::Cluster;
using testing::eventually;
using testing::Node;
using namespace std::chrono_literals;

bool knows(const Node& node, const std::string& id) {
    const auto view = node.mesh->view().load();
    for (const Member& member : view->members) {
        if (member.id.str() == id) return true;
    }
    return false;
}

struct Three {
    Cluster cluster;
    Node a = cluster.start("a");
    Node b = cluster.start("b", {a.address()});
    Node c = cluster.start("c", {a.address()});
    Three() {
        EXPECT_TRUE(
            eventually([&]() { return a.alive() == 3 && b.alive() == 3 && c.alive() == 3; }));
    }
};

RevokeRequest node(const std::string& id) {
    RevokeRequest request;
    request.node = NodeId(id);
    request.reason = "test";
    return request;
}

// Nobody has it; but identities without an issuer between them and the root once had it for theirs.
TEST(Revocation, OfTheKeyOfZerosIsRefused) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    RevokeRequest request;
    request.key = std::string(64, '0');
    request.reason = "test";
    const auto said = cluster.connect(a).revoke(request);
    ASSERT_FALSE(said.has_value());
    EXPECT_NE(said.error().message.find("names no key"), std::string::npos) << said.error().message;
    EXPECT_TRUE(cluster.connect(a).key_create({}).has_value()) << "operators are who they were";
}

TEST(Revocation, PutsANodeOutEverywhereAndTellsIt) {
    Three mesh;
    auto client = mesh.cluster.connect(mesh.a);
    const auto made = client.key_create({});
    ASSERT_TRUE(made.has_value());
    const auto said = client.revoke(node("c"));
    ASSERT_TRUE(said.has_value()) << said.error().message;
    EXPECT_EQ(said->subject, "c");
    const auto heard = client.acknowledged(*said);
    ASSERT_TRUE(heard.has_value()) << heard.error().message;
    EXPECT_TRUE(heard->missing.empty());
    EXPECT_EQ(heard->by.size(), 2u) << "the roster has two left";
    for (const Node* other : {&mesh.a, &mesh.b}) {
        EXPECT_TRUE(eventually([&]() { return !knows(*other, "c") && other->alive() == 2; }));
        EXPECT_TRUE(other->notices->has(Notice::Kind::kIdentity, "revoked"));
    }
    EXPECT_TRUE(eventually([&]() { return !mesh.c.mesh->not_ready().empty(); }));
    EXPECT_TRUE(mesh.c.notices->has(Notice::Kind::kIdentity, "self_revoked"));
    EXPECT_EQ(mesh.c.mesh->service().load(), Service::kRevoked);
    EXPECT_TRUE(fenced(mesh.c.mesh->service().load()));
    EXPECT_EQ(mesh.a.mesh->service().load(), Service::kServing);

    // Its restart makes a new certificate of the same key, with the issuer that it still has.
    const MeshOptions options = mesh.c.options;
    mesh.c = {};
    std::filesystem::remove(options.data_dir + "/registers");  // and knows of nothing
    mesh.c = Cluster::start(options);
    EXPECT_TRUE(eventually([&]() {
        return mesh.a.notices->has(Notice::Kind::kPeerRefused, "certificate_revoked") ||
               mesh.b.notices->has(Notice::Kind::kPeerRefused, "certificate_revoked");
    }));
    const std::string told = mesh.a.notices->text() + mesh.b.notices->text();
    EXPECT_NE(told.find("It is node 'c' and says that it is at " + mesh.c.address()),
              std::string::npos)
        << told;
    EXPECT_FALSE(knows(mesh.a, "c"));
    EXPECT_TRUE(mesh.c.mesh->keys().load()->entries().empty()) << "it gets nothing";
}

TEST(Revocation, IsListedAndTwiceIsFine) {
    Three mesh;
    auto client = mesh.cluster.connect(mesh.a);
    EXPECT_TRUE(client.statements()->empty());
    const auto said = client.revoke(node("c"));
    ASSERT_TRUE(said.has_value()) << said.error().message;
    EXPECT_FALSE(said->before.has_value());
    ASSERT_TRUE(eventually([&]() { return !knows(mesh.a, "c"); }));
    const auto all = client.statements();
    ASSERT_TRUE(all.has_value()) << all.error().message;
    ASSERT_EQ(all->size(), 1u);
    const OperatorStatement& listed = all->front();
    EXPECT_TRUE(listed.revoked);
    EXPECT_EQ(listed.subject, "c");
    EXPECT_EQ(listed.key, said->key);
    EXPECT_EQ(listed.fingerprint, said->fingerprint);
    EXPECT_EQ(listed.by.str(), "admin");
    EXPECT_EQ(listed.reason, "test");
    EXPECT_EQ(listed.proven, true);
    EXPECT_GT(listed.until, listed.at);

    RevokeRequest by_print, by_key;
    by_print.key = said->fingerprint;
    by_key.key = said->key;
    for (const RevokeRequest& again : {node("c"), by_print, by_key}) {
        const auto twice = client.revoke(again);
        ASSERT_TRUE(twice.has_value()) << twice.error().message;
        ASSERT_TRUE(twice->before.has_value());
        EXPECT_EQ(twice->before->by.str(), "admin");
        EXPECT_EQ(twice->subject, "c");
        EXPECT_TRUE(client.acknowledged(*twice)->missing.empty()) << "the one before";
    }
    EXPECT_EQ(client.statements()->size(), 1u) << "nothing was signed";
    EXPECT_EQ(client.revoke(node("d")).error().code, ErrorCode::kNotFound);
    // A local operator sees it too, and knows nobody who could prove it.
    auto local = OperatorClient::connect({"unix:" + mesh.a.mesh->operator_socket(), "", ""}, 5s);
    ASSERT_TRUE(local.has_value());
    const auto seen = local->statements();
    ASSERT_TRUE(seen.has_value()) << seen.error().message;
    ASSERT_EQ(seen->size(), 1u);
    EXPECT_EQ(seen->front().proven, std::nullopt);
}

TEST(Revocation, TakesTheFingerprintOfTheOperatorsOwnKey) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    auto client = cluster.connect(a);
    RevokeRequest request;
    request.file = cluster.files.operator_file;
    request.force = request.dry_run = true;
    const auto meant = client.revoke(request);
    ASSERT_TRUE(meant.has_value()) << meant.error().message;
    request.file.clear();
    request.key = meant->fingerprint;
    EXPECT_EQ(client.revoke(request)->key, meant->key);
    EXPECT_TRUE(client.statements()->empty()) << "nothing was signed";
}

TEST(Revocation, SurvivesARestartAndReachesThoseWhoWereAway) {
    Three mesh;
    const MeshOptions away = mesh.b.options, stays = mesh.a.options;
    mesh.b = {};
    auto client = mesh.cluster.connect(mesh.a);
    const auto said = client.revoke(node("c"));
    ASSERT_TRUE(said.has_value()) << said.error().message;
    mesh.c = {};
    mesh.a = {};  // its only holder
    mesh.a = Cluster::start(stays);
    mesh.b = {};
    MeshOptions back = away;
    back.seeds = {mesh.a.address()};
    mesh.b = Cluster::start(back);
    ASSERT_TRUE(eventually([&]() { return mesh.a.alive() == 2 && mesh.b.alive() == 2; }));
    EXPECT_TRUE(eventually([&]() { return !knows(mesh.b, "c"); })) << "it had c on its disk";
    EXPECT_FALSE(knows(mesh.a, "c"));
}

TEST(Revocation, LetsTheKeysOfARevokedNodeReachNewcomers) {
    Three mesh;
    const auto made = mesh.cluster.connect(mesh.c).key_create({});
    ASSERT_TRUE(made.has_value());
    ASSERT_TRUE(eventually([&]() { return mesh.a.has_key(made->record.id); }));
    ASSERT_TRUE(mesh.cluster.connect(mesh.a).revoke(node("c")).has_value());
    const Node d = mesh.cluster.start("d", {mesh.a.address()});
    EXPECT_TRUE(eventually([&]() { return d.has_key(made->record.id); }, 30s))
        << "somebody signs it anew";
}

// Left to the digests, each signed it in its own name, and they differed for rounds of those.
TEST(Revocation, HasWhatIsSignedAnewToldWithoutBeingAsked) {
    const Cluster cluster;
    const auto start = [&](const std::string& name, std::vector<std::string> seeds) {
        MeshOptions options = cluster.options(name);
        options.seeds = std::move(seeds);
        options.membership.sync_interval = 1h;  // nobody compares
        return Cluster::start(options);
    };
    const Node a = start("a", {}), b = start("b", {a.address()}), c = start("c", {a.address()});
    ASSERT_TRUE(eventually([&]() { return a.alive() == 3 && b.alive() == 3 && c.alive() == 3; }));
    const auto made = cluster.connect(c).key_create({});
    ASSERT_TRUE(made.has_value());
    ASSERT_TRUE(
        eventually([&]() { return a.has_key(made->record.id) && b.has_key(made->record.id); }));
    ASSERT_TRUE(cluster.connect(a).revoke(node("c")).has_value());
    const auto digest = [](const Node& of) { return of.mesh->view().load()->digest; };
    ASSERT_TRUE(eventually([&]() { return !knows(a, "c") && !knows(b, "c"); }));
    const std::uint64_t before = digest(a);
    EXPECT_TRUE(eventually([&]() { return digest(a) != before && digest(a) == digest(b); }, 30s));
}

TEST(Revocation, OfAnOperatorEndsItsConnectionsToo) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    auto client = cluster.connect(a);
    RevokeRequest request;
    request.file = cluster.files.operator_file;
    const auto refused = client.revoke(request);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict) << refused.error().message;
    EXPECT_NE(refused.error().message.find("signed with"), std::string::npos);
    request.force = true;
    const auto said = client.revoke(request);
    ASSERT_TRUE(said.has_value()) << said.error().message;
    EXPECT_EQ(said->subject, "admin");
    EXPECT_TRUE(eventually([&]() { return !client.status().has_value(); }));
    // Whoever dials learns only afterwards that he was not accepted.
    auto again = OperatorClient::connect(cluster.target(a), 5s);
    const auto status = again ? again->status() : Result<MeshStatus>(fail(again.error()));
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().code, ErrorCode::kUnauthenticated) << status.error().message;
    EXPECT_TRUE(eventually(
        [&]() { return a.notices->has(Notice::Kind::kPeerRefused, "certificate_revoked"); }));
}

TEST(Revocation, IsSignedByAnOperatorOrNotAtAll) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    auto local = OperatorClient::connect({"unix:" + a.mesh->operator_socket(), "", ""}, 5s);
    ASSERT_TRUE(local.has_value());
    const auto said = local->revoke(node("a"));
    ASSERT_FALSE(said.has_value());
    EXPECT_EQ(said.error().code, ErrorCode::kUnauthenticated);
    EXPECT_NE(said.error().message.find("--identity"), std::string::npos) << "says what to do";
    RevokeRequest request;
    request.key = std::string(32, 'a');
    EXPECT_EQ(cluster.connect(a).revoke(request).error().code, ErrorCode::kNotFound);
}

TEST(Revocation, SaysWhoHasNotAcknowledged) {
    Three mesh;
    mesh.b = {};  // as by a crash
    auto client = OperatorClient::connect(mesh.cluster.target(mesh.a), 2s);
    ASSERT_TRUE(client.has_value());
    const auto said = client->revoke(node("c"));
    ASSERT_TRUE(said.has_value()) << said.error().message;
    const auto heard = client->acknowledged(*said);
    ASSERT_TRUE(heard.has_value()) << heard.error().message;
    ASSERT_EQ(heard->missing.size(), 1u);
    EXPECT_EQ(heard->missing[0].str(), "b");
}

TEST(AMembersName, TakenOverByAnotherKeyIsToldByItsPeers) {
    Three mesh;
    const auto detail = mesh.cluster.connect(mesh.a).node_show(NodeId("c"));
    ASSERT_TRUE(detail.has_value());
    MeshOptions options = mesh.c.options;
    mesh.c = {};
    EXPECT_FALSE(mesh.a.notices->has(Notice::Kind::kMemberKey));
    std::filesystem::remove_all(options.data_dir);  // or another machine, with the issuer's key
    options.seeds = {mesh.a.address()};
    ASSERT_TRUE(eventually([&]() { return mesh.a.status_of("c") == MemberStatus::kDead; }));
    mesh.c = Cluster::start(options);
    for (const Node* other : {&mesh.a, &mesh.b}) {
        EXPECT_TRUE(eventually(
            [&]() { return other->notices->has(Notice::Kind::kMemberKey, "taken_over"); }));
        EXPECT_NE(other->notices->text().find("the place of " + detail->key_fingerprint),
                  std::string::npos)
            << other->notices->text();
    }
    EXPECT_FALSE(mesh.c.notices->has(Notice::Kind::kMemberKey));
}

TEST(Forgetting, RemovesAGhostUntilItStartsAgain) {
    Three mesh;
    auto client = mesh.cluster.connect(mesh.a);
    EXPECT_EQ(client.forget({NodeId("c"), false}).error().code, ErrorCode::kConflict)
        << "it is alive";
    const MeshOptions options = mesh.c.options;
    mesh.c = {};
    ASSERT_TRUE(eventually([&]() { return mesh.a.status_of("c") == MemberStatus::kDead; }));
    const auto said = client.forget({NodeId("c"), false});
    ASSERT_TRUE(said.has_value()) << said.error().message;
    ASSERT_TRUE(client.acknowledged(*said)->missing.empty());
    EXPECT_TRUE(eventually([&]() { return !knows(mesh.a, "c") && !knows(mesh.b, "c"); }));
    const auto twice = client.forget({NodeId("c")});
    ASSERT_TRUE(twice.has_value()) << twice.error().message;
    ASSERT_TRUE(twice->before.has_value());
    EXPECT_FALSE(twice->before->revoked);
    EXPECT_EQ(twice->generation, said->generation);
    mesh.c = Cluster::start(options);
    EXPECT_TRUE(eventually([&]() { return mesh.a.alive() == 3 && mesh.b.alive() == 3; }));
}

TEST(Forgetting, ARunningNodeThatIsForgottenIsNotReadyUntilItStartsAgain) {
    Three mesh;
    ASSERT_TRUE(eventually([&]() { return mesh.c.mesh->not_ready().empty(); }));
    auto client = mesh.cluster.connect(mesh.a);
    ASSERT_TRUE(client.forget({NodeId("c"), true}).has_value());
    EXPECT_TRUE(eventually(
        [&]() { return mesh.c.mesh->not_ready().find("removed this node") != std::string::npos; }));
    EXPECT_EQ(mesh.c.mesh->service().load(), Service::kForgotten);
    EXPECT_TRUE(mesh.c.notices->has(Notice::Kind::kIdentity, "self_forgotten"));
    const MeshOptions options = mesh.c.options;
    mesh.c = {};
    mesh.c = Cluster::start(options);
    EXPECT_TRUE(
        eventually([&]() { return mesh.c.mesh->not_ready().empty() && mesh.a.alive() == 3; }));
}

}  // namespace
}  // namespace vidai::mesh
