// SPDX-License-Identifier: Apache-2.0
// Operators: over the sealed port, over the local socket, and turned away.
#include <gtest/gtest.h>

#include "mesh/state/key_secret.h"
#include "tests/mesh/rpc/nodes.h"

namespace vidai::mesh {
namespace {

using testing::Cluster;
using testing::eventually;
using testing::Node;
using testing::TempDir;
using namespace std::chrono_literals;

TEST(Operator, SeesTheMeshAndTheNode) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    const Node b = cluster.start("b", {a.address()});
    ASSERT_TRUE(eventually([&]() { return a.alive() == 2 && b.alive() == 2; }));
    auto client = cluster.connect(a);

    const auto members = client.members();
    ASSERT_TRUE(members.has_value()) << members.error().message;
    ASSERT_EQ(members->size(), 2u);
    EXPECT_EQ((*members)[0].id.str(), "a");
    EXPECT_TRUE((*members)[0].self);
    EXPECT_EQ((*members)[1].address, b.address());

    const auto status = client.status();
    ASSERT_TRUE(status.has_value());
    EXPECT_EQ(status->mesh, cluster.files.mesh);
    EXPECT_EQ(status->alive, 2u);
    EXPECT_EQ(status->version, "test");
    EXPECT_FALSE(status->solo);

    const auto detail = client.node_show(NodeId("b"));
    ASSERT_TRUE(detail.has_value()) << detail.error().message;
    EXPECT_EQ(detail->key_fingerprint.size(), 32u);
    EXPECT_EQ(detail->issuer, "issuer");
    EXPECT_EQ(client.node_show(NodeId("z")).error().code, ErrorCode::kNotFound);
}

TEST(Operator, DrainsTheNodeThatItNamesAndNoOther) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    auto client = cluster.connect(a);
    const auto other = client.drain(NodeId("b"), 0ms);
    ASSERT_FALSE(other.has_value());
    EXPECT_EQ(other.error().code, ErrorCode::kConflict);
    EXPECT_NE(other.error().message.find("this is node 'a'"), std::string::npos);
    EXPECT_FALSE(a.mesh->drain_asked().has_value()) << "nothing drains";
    const auto draining = client.drain(NodeId("a"), 0ms);
    ASSERT_TRUE(draining.has_value()) << draining.error().message;
    EXPECT_FALSE(draining->already);
    EXPECT_TRUE(a.mesh->drain_asked().has_value());
}

TEST(Operator, CreatesListsAndRevokesKeys) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    auto client = cluster.connect(a);
    KeyCreateRequest request;
    request.name = "checkout";
    request.models = {"gpt-4o"};
    request.limits.tokens_per_minute = 1'000;
    request.budgets = {BudgetId("team-a"), BudgetId("org")};
    const auto created = client.key_create(request);
    ASSERT_TRUE(created.has_value()) << created.error().message;
    EXPECT_EQ(created->record.name, "checkout");

    std::shared_ptr<const state::KeyTable> hold;
    const auto* entry = a.key(created->record.id, hold);
    ASSERT_NE(entry, nullptr);
    EXPECT_TRUE(state::matches(entry->record, created->secret.reveal()));
    EXPECT_EQ(entry->record.budgets, request.budgets);

    const auto listed = client.key_list();
    ASSERT_TRUE(listed.has_value());
    ASSERT_EQ(listed->size(), 1u);
    EXPECT_EQ((*listed)[0].models, request.models);
    EXPECT_EQ((*listed)[0].limits, request.limits);
    EXPECT_EQ((*listed)[0].budgets, request.budgets);
    EXPECT_EQ((*listed)[0].hash, decltype(state::KeyRecord::hash){}) << "hashes stay in the mesh";

    const auto revoked = client.key_revoke(created->record.id);
    EXPECT_TRUE(revoked->key.revoked);
    EXPECT_NE(revoked->time, 0U);
    const auto again = client.key_revoke(created->record.id);
    EXPECT_TRUE(again->key.revoked) << "twice is fine";
    EXPECT_EQ(again->time, revoked->time);
    EXPECT_TRUE((*client.key_list())[0].revoked);
    EXPECT_EQ(client.key_revoke(KeyId("AAAAAAAAAAAA")).error().code, ErrorCode::kNotFound);
}

TEST(Operator, IsToldWhatIsWrongWithAKey) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    auto client = cluster.connect(a);
    KeyCreateRequest request;
    request.name = std::string(200, 'x');
    const auto created = client.key_create(request);
    ASSERT_FALSE(created.has_value());
    EXPECT_EQ(created.error().code, ErrorCode::kInvalidRequest);
    EXPECT_TRUE(client.key_list()->empty()) << "nothing is half-created";
}

TEST(Operator, ListsMoreKeysThanFitOnePage) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    auto client = cluster.connect(a);
    KeyCreateRequest request;
    for (int i = 0; i < 250; ++i) request.models.push_back(std::string(120, 'm'));
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(client.key_create(request).has_value());
    EXPECT_EQ(client.key_list()->size(), 20u);
}

TEST(Operator, OfAnotherMeshIsRefused) {
    const Cluster cluster, other;
    const Node a = cluster.start("a");
    auto client = OperatorClient::connect(
        {a.address(), other.files.operator_file, other.files.root_file}, 5s);
    ASSERT_FALSE(client.has_value());
    EXPECT_EQ(client.error().code, ErrorCode::kUnauthenticated);
    EXPECT_TRUE(eventually([&]() { return a.notices->has(Notice::Kind::kPeerRefused); }));
}

TEST(Operator, IsToldWhenNobodyAnswers) {
    const Cluster cluster;
    const auto client = OperatorClient::connect(
        {"127.0.0.1:1", cluster.files.operator_file, cluster.files.root_file}, 2s);
    ASSERT_FALSE(client.has_value());
    EXPECT_EQ(client.error().code, ErrorCode::kUnavailable);
}

TEST(Operator, IsToldThatANameCannotBeResolvedWithoutTheLibrarysWords) {
    const Cluster cluster;
    // No name of the DNS has a label of 64 characters: nobody is asked, on any network.
    const auto client =
        OperatorClient::connect({std::string(64, 'x') + ".invalid:7420",
                                 cluster.files.operator_file, cluster.files.root_file},
                                10s);
    ASSERT_FALSE(client.has_value());
    EXPECT_EQ(client.error().code, ErrorCode::kUnavailable);
    EXPECT_NE(client.error().message.find("cannot be resolved"), std::string::npos);
    EXPECT_EQ(client.error().message.find("params"), std::string::npos) << client.error().message;
}

TEST(MeshOfOne, StartsWithNothingAndServesItsLocalOperator) {
    const TempDir dir;
    MeshOptions options;
    options.node_id = "solo";
    options.data_dir = dir.file("data");
    KeyId id;
    {
        const Node node = Cluster::start(options);
        EXPECT_TRUE(node.notices->has(Notice::Kind::kGenesis, "created"));
        EXPECT_EQ(node.mesh->mesh_port(), 0);
        EXPECT_EQ(node.mesh->not_ready(), "");
        auto client = OperatorClient::connect({"unix:" + node.mesh->operator_socket(), "", ""}, 5s);
        ASSERT_TRUE(client.has_value()) << client.error().message;
        EXPECT_TRUE(client->status()->solo);
        const auto created = client->key_create({});
        ASSERT_TRUE(created.has_value()) << created.error().message;
        id = created->record.id;
        EXPECT_TRUE(node.has_key(id));
        const auto report = client->limit_show(id);
        ASSERT_TRUE(report.has_value());
        EXPECT_TRUE(report->limits.empty());
    }
    const Node again = Cluster::start(options);
    EXPECT_FALSE(again.notices->has(Notice::Kind::kGenesis)) << "once only";
    EXPECT_TRUE(again.has_key(id));
}

}  // namespace
}  // namespace vidai::mesh
