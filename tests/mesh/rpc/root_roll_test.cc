// SPDX-License-Identifier: Apache-2.0
// The mesh's root rolls over among whole nodes: nobody is cut off while both are believed, nothing
// of the old one is believed afterwards, and who was away comes back.
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/mesh/rpc/nodes.h"

namespace vidai::mesh {
namespace {

using testing::Cluster;
using testing::eventually;
using testing::Node;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

// Nodes read their files at `live`, where a new root's files replace the old ones, as a mounted
// secret does.
struct Rolling : public ::testing::Test {
    Rolling() {
        fs::create_directory(cluster.path("live"));
        put("init");
        a = start("a", {});
    }
    void put(const std::string& from) const {
        for (const char* name : {"mesh.pub", "issuer.key"}) {
            const std::string to = cluster.path("live/") + name, fresh = to + ".new";
            fs::copy_file(cluster.path(from + "/") + name, fresh);
            fs::permissions(fresh, fs::perms(0600));
            fs::rename(fresh, to);
        }
    }
    MeshOptions options(const std::string& name, std::vector<std::string> seeds) const {
        MeshOptions o = cluster.options(name);
        o.root_file = cluster.path("live/mesh.pub");
        o.issuer_file = cluster.path("live/issuer.key");
        o.seeds = std::move(seeds);
        return o;
    }
    Node start(const std::string& name, std::vector<std::string> seeds) const {
        return Cluster::start(options(name, std::move(seeds)));
    }
    // One that others certify.
    MeshOptions joiner(const std::string& name) const {
        auto made = connect(a, "init").token_create({name, 1h, {}});
        EXPECT_TRUE(made.has_value()) << made.error().message;
        MeshOptions o = cluster.options(name);
        o.root_file.clear();
        o.issuer_file.clear();
        o.enabled = false;
        if (made) o.join = std::string(made->text.reveal());
        return o;
    }
    OperatorClient connect(const Node& node, const std::string& as) const {
        auto client = OperatorClient::connect(
            {node.address(), cluster.path(as + "/operator.key"), cluster.path(as + "/mesh.pub")},
            10s);
        EXPECT_TRUE(client.has_value()) << client.error().message;
        return std::move(*client);
    }
    RootRollFiles roll(const std::string& from, const std::string& to,
                       std::chrono::seconds overlap = 1h) const {
        RootRollRequest request;
        request.old_directory = cluster.path(from);
        request.new_directory = cluster.path(to);
        request.overlap = overlap;
        const auto made = roll_root(request);
        EXPECT_TRUE(made.has_value()) << made.error().message;
        return made.value();
    }
    // Until whom `client` asks holds `node` certified under the root of `files`.
    static bool moves(OperatorClient& client, const std::string& node, const RootRollFiles& files) {
        return eventually(
            [&]() {
                const auto detail = client.node_show(NodeId(node));
                return detail && detail->root == files.made.root_fingerprint;
            },
            60s);
    }
    // Whether an operator of the old root is turned away. A node lets few strangers in in a second.
    bool refuses_old_operator(const Node& node) const {
        std::this_thread::sleep_for(100ms);
        auto old = OperatorClient::connect(
            {node.address(), cluster.path("init/operator.key"), cluster.path("init/mesh.pub")}, 5s);
        return !old || !old->status();
    }

    Cluster cluster;
    Node a;
};

TEST_F(Rolling, MovesEveryNodeAndAllThatWasSignedWhileTheMeshRuns) {
    Node b = start("b", {a.address()});
    Node c = Cluster::start(joiner("c"));
    ASSERT_TRUE(eventually([&]() { return a.alive() == 3 && b.alive() == 3 && c.alive() == 3; }));
    const auto key = connect(a, "init").key_create({});
    ASSERT_TRUE(key.has_value());
    const RootRollFiles files = roll("init", "next");
    auto client = connect(a, "init");
    const auto said = client.state_succession(files.succession_file);
    ASSERT_TRUE(said.has_value()) << said.error().message;
    const auto heard = client.acknowledged(*said);
    ASSERT_TRUE(heard.has_value()) << heard.error().message;
    EXPECT_TRUE(heard->missing.empty());
    put("next");
    for (const char* node : {"a", "b", "c"}) {
        EXPECT_TRUE(moves(client, node, files)) << node;
    }
    EXPECT_EQ(a.alive(), 3u) << "nobody was lost on the way";
    EXPECT_TRUE(a.notices->has(Notice::Kind::kIdentity, "root_rolled"));
    EXPECT_TRUE(a.notices->has(Notice::Kind::kIdentity, "issuer_reloaded"));
    // A newcomer that was given the new root only gets all there is, once it is signed anew.
    const Node d = start("d", {a.address()});
    EXPECT_TRUE(eventually([&]() { return d.has_key(key->record.id); }, 60s));

    const auto retired = retire_root(cluster.path("init"), cluster.path("next"));
    ASSERT_TRUE(retired.has_value()) << retired.error().message;
    ASSERT_TRUE(connect(a, "next").state_succession(retired->succession_file).has_value());
    for (const Node* node : std::initializer_list<const Node*>{&a, &b, &c, &d}) {
        EXPECT_TRUE(eventually([&]() { return refuses_old_operator(*node); }))
            << "an operator of the old root is still let in";
        EXPECT_TRUE(connect(*node, "next").status().has_value());
    }
    EXPECT_TRUE(eventually([&]() { return a.alive() == 4 && c.alive() == 4; }));
}

// What an operator of the old root has revoked stays in force, and a newcomer knows the new root
// alone: it hears first how that came to be.
TEST_F(Rolling, LetsANewcomerBelieveWhatWasRevokedBeforeWithoutARefusal) {
    const auto token = connect(a, "init").token_create({"gone-*", 1h, {}});
    ASSERT_TRUE(token.has_value());
    RevokeRequest request;
    request.key = token->key;
    ASSERT_TRUE(connect(a, "init").revoke(request).has_value());
    const RootRollFiles files = roll("init", "next");
    auto client = connect(a, "init");
    ASSERT_TRUE(client.state_succession(files.succession_file).has_value());
    put("next");
    ASSERT_TRUE(moves(client, "a", files));
    const auto retired = retire_root(cluster.path("init"), cluster.path("next"));
    ASSERT_TRUE(retired.has_value()) << retired.error().message;
    ASSERT_TRUE(connect(a, "next").state_succession(retired->succession_file).has_value());
    const Node d = start("d", {a.address()});
    ASSERT_TRUE(eventually([&]() {
        const auto mine = d.mesh->view().load(), theirs = a.mesh->view().load();
        return d.alive() == 2 && mine->digest == theirs->digest && mine->registers > 0;
    })) << d.notices->text();
    EXPECT_FALSE(d.notices->has(Notice::Kind::kTrouble, "register_refused")) << d.notices->text();
}

TEST_F(Rolling, TakesBackANodeThatWasOffForTwoRollOvers) {
    MeshOptions away = joiner("c");
    Node c = Cluster::start(away);
    ASSERT_TRUE(eventually([&]() { return a.alive() == 2 && c.alive() == 2; }));
    c = {};
    away.join.clear();
    std::string from = "init";
    for (const std::string& to : {std::string("second"), std::string("third")}) {
        const RootRollFiles files = roll(from, to);
        ASSERT_TRUE(connect(a, from).state_succession(files.succession_file).has_value());
        put(to);
        auto client = connect(a, to);
        ASSERT_TRUE(moves(client, "a", files));
        ASSERT_TRUE(retire_root(cluster.path(from), cluster.path(to)).has_value());
        ASSERT_TRUE(connect(a, to).state_succession(files.succession_file).has_value());
        from = to;
    }
    away.seeds = {a.address()};
    c = Cluster::start(away);
    EXPECT_TRUE(eventually([&]() { return a.alive() == 2 && c.alive() == 2; }, 60s))
        << a.notices->text() << "\nof the one that was away:\n"
        << c.notices->text();
}

TEST_F(Rolling, EndsALeakedRootAtOnceAndTakesAllNodesOver) {
    const Node b = start("b", {a.address()});
    const Node c = Cluster::start(joiner("c"));
    ASSERT_TRUE(eventually([&]() { return a.alive() == 3 && b.alive() == 3 && c.alive() == 3; }));
    const RootRollFiles files = roll("init", "next", 1s);
    ASSERT_TRUE(connect(a, "init").state_succession(files.succession_file).has_value());
    for (const Node* node : std::initializer_list<const Node*>{&a, &b, &c}) {
        EXPECT_TRUE(eventually([&]() { return refuses_old_operator(*node); }));
    }
    put("next");
    EXPECT_TRUE(eventually(
        [&]() {
            std::this_thread::sleep_for(100ms);
            auto client = OperatorClient::connect(
                {a.address(), cluster.path("next/operator.key"), cluster.path("next/mesh.pub")},
                5s);
            return client && client->status() && moves(*client, "c", files) &&
                   moves(*client, "b", files);
        },
        60s));
    EXPECT_TRUE(
        eventually([&]() { return a.alive() == 3 && b.alive() == 3 && c.alive() == 3; }, 60s))
        << a.notices->text();
}

TEST_F(Rolling, LetsATokenFromBeforeInUntilTheOldRootIsRetired) {
    const MeshOptions early = joiner("b"), soon = joiner("c"), late = joiner("d");
    const RootRollFiles files = roll("init", "next");
    auto client = connect(a, "init");
    ASSERT_TRUE(client.state_succession(files.succession_file).has_value());
    const Node b = Cluster::start(early);  // while the issuer is still the old one
    ASSERT_TRUE(eventually([&]() { return a.alive() == 2 && b.alive() == 2; }));
    put("next");
    ASSERT_TRUE(moves(client, "a", files));
    const Node c = Cluster::start(soon);
    ASSERT_TRUE(eventually([&]() { return a.alive() == 3 && c.alive() == 3; }));
    EXPECT_TRUE(moves(client, "b", files));
    EXPECT_TRUE(moves(client, "c", files));

    ASSERT_TRUE(retire_root(cluster.path("init"), cluster.path("next")).has_value());
    ASSERT_TRUE(connect(a, "next").state_succession(files.succession_file).has_value());
    ASSERT_TRUE(eventually([&]() { return refuses_old_operator(a); }));
    const auto refused = Mesh::start(late, nullptr);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find("from before a root that was retired"),
              std::string::npos)
        << refused.error().message;
    EXPECT_TRUE(a.notices->has(Notice::Kind::kPeerRefused, "root_retired"));
    EXPECT_EQ(a.alive(), 3u);
}

TEST_F(Rolling, TakesNobodyBackWhoOnlyHoldsTheOldRoot) {
    // What a thief of the old root makes: a certificate for a node id that the mesh knows.
    MeshOptions options = joiner("c");
    Node c = Cluster::start(options);
    ASSERT_TRUE(eventually([&]() { return a.alive() == 2; }));
    c = {};
    const RootRollFiles files = roll("init", "next");
    ASSERT_TRUE(connect(a, "init").state_succession(files.succession_file).has_value());
    put("next");
    auto client = connect(a, "init");
    ASSERT_TRUE(moves(client, "a", files));
    ASSERT_TRUE(retire_root(cluster.path("init"), cluster.path("next")).has_value());
    ASSERT_TRUE(connect(a, "next").state_succession(files.succession_file).has_value());
    MeshOptions thief = cluster.options("c");
    thief.data_dir = cluster.path("thief");
    thief.root_file = cluster.path("init/mesh.pub");
    thief.issuer_file = cluster.path("init/issuer.key");
    thief.seeds = {a.address()};
    const Node rogue = Cluster::start(thief);
    EXPECT_TRUE(eventually(
        [&]() { return a.notices->has(Notice::Kind::kPeerRefused, "root_retired"); }, 30s))
        << a.notices->text();
    EXPECT_EQ(rogue.alive(), 1u);
}

TEST_F(Rolling, AlarmsWhenARootNamesTwo) {
    const RootRollFiles first = roll("init", "next");
    const RootRollFiles fork = roll("init", "other");
    ASSERT_TRUE(connect(a, "init").state_succession(first.succession_file).has_value());
    const auto refused = connect(a, "init").state_succession(fork.succession_file);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().param, "root_fork");
    EXPECT_TRUE(a.notices->has(Notice::Kind::kTrouble, "root_fork"));
}

}  // namespace
}  // namespace vidai::mesh
