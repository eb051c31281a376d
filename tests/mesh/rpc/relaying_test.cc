// SPDX-License-Identifier: Apache-2.0
// Whole nodes that are not all connected with each other.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "mesh/limits/counter_table.h"
#include "tests/mesh/rpc/nodes.h"

namespace vidai::mesh {
namespace {

using testing::Cluster;
using testing::eventually;
using testing::Node;
using namespace std::chrono_literals;

constexpr std::size_t kNodes = 7;

WallTime wall_now() {
    return std::chrono::time_point_cast<WallTime::duration>(
        WallTime(std::chrono::duration_cast<WallTime::duration>(
            std::chrono::system_clock::now().time_since_epoch())));
}

// As a mesh of hundreds, on a scale that a test can start.
struct SparseMesh {
    SparseMesh() {
        for (std::size_t i = 0; i < kNodes; ++i) {
            MeshOptions options = cluster.options("n" + std::to_string(i));
            options.membership.full_mesh_max = 3;
            options.membership.connections_max = 3;
            if (i > 0) options.seeds = {nodes[0].address()};
            nodes.push_back(Cluster::start(options));
        }
    }
    bool whole() const {
        return std::ranges::all_of(nodes, [](const Node& node) { return node.alive() == kNodes; });
    }
    static std::size_t connections(const Node& node) {
        const auto view = node.mesh->view().load();
        return static_cast<std::size_t>(
            std::ranges::count_if(view->members, [](const Member& m) { return m.connected; }));
    }
    std::uint64_t relayed(const std::string& result) const {
        double sum = 0;
        for (const Node& node : nodes) {
            for (const MetricFamily& family : node.mesh->metrics()) {
                if (family.name != "vidai_mesh_relayed_batches_total") continue;
                for (const MetricSample& sample : family.samples) {
                    if (sample.labels.front().second == result) sum += sample.value;
                }
            }
        }
        return static_cast<std::uint64_t>(sum);
    }
    Cluster cluster;
    std::vector<Node> nodes;
};

TEST(SparseNodes, HearOfCountsAndKeysThroughEachOther) {
    const SparseMesh mesh;
    ASSERT_TRUE(eventually([&]() { return mesh.whole(); }, 60s));
    // The seed may be asked for by all; nobody else is connected to everybody.
    EXPECT_TRUE(eventually([&]() {
        return std::ranges::any_of(mesh.nodes, [](const Node& node) {
            return SparseMesh::connections(node) + 1 < kNodes;
        });
    }));
    auto client = mesh.cluster.connect(mesh.nodes[1]);
    KeyCreateRequest wanted;
    wanted.name = "test";
    wanted.limits.requests_per_minute = 1'000;
    const auto created = client.key_create(wanted);
    ASSERT_TRUE(created.has_value()) << created.error().message;
    const KeyId id = created->record.id;
    ASSERT_TRUE(eventually([&]() {
        return std::ranges::all_of(mesh.nodes, [&](const Node& node) { return node.has_key(id); });
    }));

    // Each spends; all must know of all, whoever is connected to whom.
    const auto slot = [&](const Node& node) {
        std::shared_ptr<const state::KeyTable> hold;
        return *node.key(id, hold)->slot;
    };
    for (const Node& node : mesh.nodes) node.mesh->counters().add_spend(slot(node), MicroUsd{10});
    EXPECT_TRUE(eventually([&]() {
        return std::ranges::all_of(mesh.nodes, [&](const Node& node) {
            const MicroUsd known = node.mesh->counters().use(slot(node), wall_now()).spend_known;
            return known == MicroUsd{10 * (kNodes - 1)};
        });
    }));
    EXPECT_TRUE(eventually([&]() { return mesh.relayed("signed") > 0; }));
    EXPECT_TRUE(eventually([&]() { return mesh.relayed("verified") > 0; }));
    EXPECT_TRUE(eventually([&]() { return mesh.relayed("passed_on") > 0; }));
    for (const Node& node : mesh.nodes) {
        EXPECT_FALSE(node.notices->has(Notice::Kind::kTrouble, "malformed"))
            << node.notices->text();
    }
}

}  // namespace
}  // namespace vidai::mesh
